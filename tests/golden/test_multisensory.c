/* The multisensory alignment network against PyTorch in double precision, layer by layer, at reduced and odd sizes; and what
 * its specification says of the merge and of the map. make_multisensory.py makes the golden files. */
#include "clips.h"

static const char *const class_cases[] = {"multisensory-classes", "multisensory-classes-vision"};
static const char *const cases[] = {"multisensory-narrow", "multisensory-narrow-cam"};
enum { CASES = sizeof cases / sizeof cases[0] };

START_TEST(every_layer_in_f32)
{
    check_in_f32(cases[_i], "cam,logits,score");
}
END_TEST

/* Batch norms have weights then, the head is another, and who is to see alone meets zeros where the sound is tiled. */
START_TEST(every_layer_of_recognition_in_f32)
{
    check_in_f32(class_cases[_i], "logits,classes");
}
END_TEST

START_TEST(the_map_in_bf16)
{
    check_in_bf16(cases[_i], "cam");
}
END_TEST

/* ---- what the specification says ---- */

START_TEST(the_mean_of_the_map_is_the_logit)
{
    fixture f;
    avsn_shape shape;
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, NULL);
    const float *cam = golden_output(session, "cam", &shape), *logits = golden_output(session, "logits", NULL);
    const int64_t cells = golden_count(&shape) / shape.dim[0];
    for (int64_t n = 0; n < shape.dim[0]; n++) {
        double sum = 0;
        for (int64_t i = 0; i < cells; i++)
            sum += (double)cam[n * cells + i];
        ck_assert_double_eq_tol((double)logits[n], sum / (double)cells, 1e-5 * fmax(1, fabs(sum / (double)cells)));
    }
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

/* With the merge's convolutions zero and its batch norm the identity, what passes beside them is left: all that was seen, and
 * the second half of what was heard, at every cell. */
START_TEST(pictures_and_half_the_sound_pass_the_merge)
{
    fixture f;
    avsn_shape seen_shape, shape;
    set_up(&f, cases[_i]);
    fill(&f, "im.merge1.weight", 0);
    fill(&f, "im.merge2.weight", 0);
    fill(&f, "im.merge2.bias", 0);
    fill(&f, "im.merge_block_bn.bias", 0);
    fill(&f, "im.merge_block_bn.running_mean", 0);
    fill(&f, "im.merge_block_bn.running_var", 1 - 1e-3f);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, "im.conv2_2,sf.conv5_1,im.merge_block");
    const float *seen = golden_output(session, "im.conv2_2", &seen_shape);
    const float *heard = golden_output(session, "sf.conv5_1", NULL), *merged = golden_output(session, "im.merge_block", &shape);
    const int64_t half = seen_shape.dim[1], picture = shape.dim[3] * shape.dim[4], cells = shape.dim[2] * picture;
    ck_assert_int_eq(shape.dim[1], 2 * half);
    for (int64_t i = 0; i < golden_count(&shape); i++) {
        const int64_t cell = i % cells, c = i / cells % (2 * half), n = i / cells / (2 * half);
        const float want = c < half ? seen[(n * half + c) * cells + cell]
                                    : heard[(n * 2 * half + c) * shape.dim[2] + cell / picture];
        ck_assert_double_eq_tol((double)merged[i], (double)want, 1e-6 * fmax(1, fabs((double)want)));
    }
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

LOOP_SUITE("golden.multisensory", {every_layer_in_f32, 0, CASES}, {every_layer_of_recognition_in_f32, 0, 2},
           {the_map_in_bf16, 0, CASES}, {the_mean_of_the_map_is_the_logit, 0, CASES},
           {pictures_and_half_the_sound_pass_the_merge, 0, CASES})
