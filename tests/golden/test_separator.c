/* The separators against PyTorch in double precision, layer by layer, at reduced widths; and what is known of the u-net without
 * it. make_separator.py makes the golden files. */
#include "clips.h"

#define BF16_ERROR 0.02 /* root mean square of the heads' errors, of theirs */

static const char *const cases[] = {"separator-narrow", "separator-pit-narrow"};
static const char *const outputs[][2] = {{"on", "off"}, {"first", "second"}};
static const char heads[] = "gen.fg,gen.bg";

START_TEST(every_layer_in_f32)
{
    fixture f;
    char both[32];
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, f.layers);
    check_layers(&f, session, f.layers, cases[_i]);
    avsound_session_free(session);
    snprintf(both, sizeof both, "%s,%s", outputs[_i][0], outputs[_i][1]);
    session = run(&f, AVSOUND_PRECISION_F32, both); /* fused as it is used */
    check_layers(&f, session, both, cases[_i]);
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

START_TEST(the_heads_in_bf16)
{
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("no bf16 on this processor: skipped\n");
        return;
    }
    fixture f;
    set_up(&f, cases[_i]);
    avsound_session *exact = run(&f, AVSOUND_PRECISION_F32, heads), *session = run(&f, AVSOUND_PRECISION_BF16, heads);
    const double first = error_of(session, exact, "gen.fg"), second = error_of(session, exact, "gen.bg");
    printf("%s bf16: errors of the heads %.2g and %.2g of their sizes\n", cases[_i], first, second);
    ck_assert_double_lt(first, BF16_ERROR);
    ck_assert_double_lt(second, BF16_ERROR);
    avsound_session_free(session);
    avsound_session_free(exact);
    tear_down(&f);
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

int main(void)
{
    Suite *suite = suite_create("golden.separator");
    TCase *tcase = tcase_create("all");
    const int count = (int)(sizeof cases / sizeof cases[0]);
    tcase_add_loop_test(tcase, every_layer_in_f32, 0, count);
    tcase_add_loop_test(tcase, the_heads_in_bf16, 0, count);
    tcase_add_loop_test(tcase, a_net_of_biases_gives_constants, 0, count);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
