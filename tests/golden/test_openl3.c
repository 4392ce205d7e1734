/* OpenL3's networks against PyTorch in double precision: every layer's output, from the same weights and inputs, whether the plan
 * keeps them all or only what it must; and the order in which an embedding's cells come. make_openl3.py made the numbers. */
#include "clips.h"

#define BF16_COSINE 0.999 /* of an item's embedding with that in f32 */

static const char *const cases[] = {"openl3-linear", "openl3-mel128",    "openl3-mel128-512", "openl3-mel256",
                                    "openl3-image",  "openl3-image-512", "openl3-image-odd"};
enum { CASES = sizeof cases / sizeof cases[0] };

static const char *embedding_of(const fixture *f)
{
    return strcmp(metadata(f, "avsound.arch"), "openl3-audio") ? "embedding.image" : "embedding.audio";
}

START_TEST(every_layer_in_f32)
{
    fixture f;
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, f.layers);
    check_layers(&f, session, f.layers, cases[_i]);
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

START_TEST(the_embedding_of_the_fused_plan_in_f32)
{
    fixture f;
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, NULL);
    ck_assert_int_eq(avsound_session_output_count(session), 1);
    ck_assert_int_eq(avsound_session_input_count(session), 1);
    check_layers(&f, session, embedding_of(&f), cases[_i]);
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

static double cosine(const float *a, const float *b, int64_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < count; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

START_TEST(the_embedding_in_bf16)
{
    fixture f;
    avsn_shape shape;
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("%s bf16: skipped, this processor has neither AVX512-BF16 nor AMX\n", cases[_i]);
        return;
    }
    set_up(&f, cases[_i]);
    avsound_session *exact = run(&f, AVSOUND_PRECISION_F32, NULL), *session = run(&f, AVSOUND_PRECISION_BF16, NULL);
    const float *want = golden_output(exact, embedding_of(&f), &shape), *got = golden_output(session, embedding_of(&f), NULL);
    const int64_t size = golden_count(&shape) / shape.dim[0];
    for (int64_t n = 0; n < shape.dim[0]; n++) {
        const double similar = cosine(want + n * size, got + n * size, size);
        printf("%s bf16: cosine of item %d's embedding %.6f\n", cases[_i], (int)n, similar);
        ck_assert_double_ge(similar, BF16_COSINE);
    }
    avsound_session_free(session);
    avsound_session_free(exact);
    tear_down(&f);
}
END_TEST

/* Cells row by row, all channels of each together. */
START_TEST(embeddings_are_flattened_as_keras_does)
{
    fixture f;
    avsn_shape shape;
    uint8_t pixels[3 * 60 * 50];
    float vector[128 * 18], again[1];
    size_t size = sizeof vector / sizeof vector[0], small = 1;
    set_up(&f, "openl3-image-odd");
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)avsn_rng_below(GOLDEN_SEED, 1, i, 256);
    avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = 60, .height = 50,
                           .data = {pixels}, .stride = {180}};
    avsound_session *session = golden_session(f.model, AVSOUND_PRECISION_F32, 1, 0, 0, NULL);
    ck_refused(avsound_embed_image(session, &frame, 1, again, &small), AVSOUND_E_BUFFER_SIZE, "floats");
    ck_assert_uint_gt(small, 128);
    ck_avsound(avsound_embed_image(session, &frame, 1, vector, &size));
    const float *map = golden_output(session, "embedding.image", &shape);
    ck_assert_int_eq(shape.dim[1], 128);
    ck_assert_int_eq(size, golden_count(&shape));
    ck_assert_int_gt(shape.dim[2], 1);
    for (int64_t r = 0; r < shape.dim[2]; r++)
        for (int64_t c = 0; c < shape.dim[3]; c++)
            for (int64_t k = 0; k < shape.dim[1]; k++)
                ck_assert(vector[(r * shape.dim[3] + c) * shape.dim[1] + k] == map[(k * shape.dim[2] + r) * shape.dim[3] + c]);
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

LOOP_SUITE("golden.openl3", {every_layer_in_f32, 0, CASES}, {the_embedding_of_the_fused_plan_in_f32, 0, CASES},
           {the_embedding_in_bf16, 0, CASES}, {embeddings_are_flattened_as_keras_does, 0, 1})
