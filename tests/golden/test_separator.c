/* The separators against PyTorch in double precision, layer by layer, at reduced widths; and what is known of the u-net without
 * it. make_separator.py makes the golden files. */
#include "clips.h"

static const char *const cases[] = {"separator-narrow", "separator-pit-narrow"};
enum { CASES = sizeof cases / sizeof cases[0] };
static const char *const outputs[][2] = {{"on", "off"}, {"first", "second"}};

START_TEST(every_layer_in_f32)
{
    char both[32];
    snprintf(both, sizeof both, "%s,%s", outputs[_i][0], outputs[_i][1]);
    check_in_f32(cases[_i], both);
}
END_TEST

START_TEST(the_heads_in_bf16)
{
    check_in_bf16(cases[_i], "gen.fg,gen.bg");
}
END_TEST

/* Where nothing passes the u-net's convolutions but the biases of the heads, these are all there is: 0.25 in channel 0, -0.5 in
 * channel 1, at every cell of the first; 0 in the second. */
START_TEST(a_net_of_biases_gives_constants)
{
    fixture f;
    avsn_shape shape;
    int64_t count;
    set_up(&f, cases[_i]);
    fill(&f, "gen.fg.weight", 0);
    fill(&f, "gen.bg.weight", 0);
    fill(&f, "gen.bg.bias", 0);
    float *bias = writable(f.model, "gen.fg.bias", &count);
    ck_assert_int_eq(count, 2);
    bias[0] = 0.25f;
    bias[1] = -0.5f;
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, NULL);
    const float *first = golden_output(session, outputs[_i][0], &shape), *second = golden_output(session, outputs[_i][1], NULL);
    const int64_t cells = shape.dim[2] * shape.dim[3];
    for (int64_t i = 0; i < golden_count(&shape); i++) {
        ck_assert_double_eq_tol((double)first[i], tanh((double)bias[i / cells % 2]), 1e-6);
        ck_assert_float_eq(second[i], 0);
    }
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

LOOP_SUITE("golden.separator", {every_layer_in_f32, 0, CASES}, {the_heads_in_bf16, 0, CASES},
           {a_net_of_biases_gives_constants, 0, CASES})
