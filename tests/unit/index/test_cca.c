/* Canonical correlations: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

static avsound_cca_options options(const float *x, int32_t dx, const float *y, int32_t dy, int64_t count)
{
    avsound_cca_options o;
    avsound_cca_options_init(&o, sizeof o);
    o.x = x;
    o.y = y;
    o.dimension_x = dx;
    o.dimension_y = dy;
    o.count = count;
    return o;
}

/* y is x turned by 90 degrees and stretched: what belongs together is found again. */
START_TEST(a_linear_map_is_undone)
{
    avsound_context *c = context();
    avsound_cca *cca;
    draws s = {11};
    float x[200][2], y[200][2], px[200][2], py[200][2];
    for (int i = 0; i < 200; i++) {
        x[i][0] = (float)draw_uniform(&s);
        x[i][1] = (float)draw_uniform(&s);
        y[i][0] = 3 * x[i][1] + 7;
        y[i][1] = -x[i][0];
    }
    avsound_cca_options o = options(x[0], 2, y[0], 2, 200);
    o.regularisation = 1e-9;
    ck_avsound(avsound_cca_fit(c, &o, &cca));
    ck_assert_int_eq(avsound_cca_components(cca), 2);
    ck_assert_double_eq_tol(avsound_cca_correlation(cca, 0), 1, 1e-6);
    ck_assert_double_eq_tol(avsound_cca_correlation(cca, 1), 1, 1e-6);
    ck_assert_double_nan(avsound_cca_correlation(cca, 2));
    ck_avsound(avsound_cca_apply(cca, 0, x[0], 200, px[0]));
    ck_avsound(avsound_cca_apply(cca, 1, y[0], 200, py[0]));
    for (int i = 0; i < 200; i++)
        for (int m = 0; m < 2; m++)
            ck_assert_float_eq_tol(px[i][m], py[i][m], 1e-4f);
    for (int i = 0; i < 200; i++)
        ck_assert_float_eq_tol(px[i][0] * px[i][0] + px[i][1] * px[i][1], 1, 1e-5f);
    avsound_cca_free(cca);
    avsound_context_free(c);
}
END_TEST

START_TEST(components_are_limited_by_what_there_is)
{
    avsound_context *c = context();
    avsound_cca *cca;
    const float x[] = {1, 0, 2, 5, 1, 4, 0, 3, 3}, y[] = {1, 4, 2, 5, 9, 7};
    avsound_cca_options o = options(x, 3, y, 2, 3);
    ck_avsound(avsound_cca_fit(c, &o, &cca));
    ck_assert_int_eq(avsound_cca_components(cca), 2);
    avsound_cca_free(cca);
    o.components = 1;
    ck_avsound(avsound_cca_fit(c, &o, &cca));
    ck_assert_int_eq(avsound_cca_components(cca), 1);
    avsound_cca_free(cca);
    avsound_context_free(c);
}
END_TEST

START_TEST(what_cannot_be_fitted_is_refused)
{
    avsound_context *c = context();
    avsound_cca *cca;
    const float x[] = {1, 2, 3}, same[] = {4, 4, 4}, broken[] = {1, NAN, 2};
    avsound_cca_options o = options(x, 1, same, 1, 3);
    ck_refused(avsound_cca_fit(c, &o, &cca), AVSOUND_E_INVALID_ARGUMENT, "y do not vary");
    ck_assert_ptr_null(cca);
    o.y = broken;
    ck_refused(avsound_cca_fit(c, &o, &cca), AVSOUND_E_INVALID_ARGUMENT, "vector 1 of y");
    o.y = x;
    o.count = 1;
    ck_refused(avsound_cca_fit(c, &o, &cca), AVSOUND_E_INVALID_ARGUMENT, "count is 1");
    avsound_cca_free(NULL);
    avsound_context_free(c);
}
END_TEST

START_TEST(correlations_and_projections_agree_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("cca");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(8, k);
        const int dx = 1 + draw_below(&s, 6), dy = 1 + draw_below(&s, 6), n = 10 + draw_below(&s, 30);
        double shared[40][3], figures[64];
        float x[40 * 6], y[40 * 6], projected[18];
        for (int i = 0; i < n; i++)
            for (int m = 0; m < 3; m++)
                shared[i][m] = 2 * draw_uniform(&s) - 1;
        for (int i = 0; i < n; i++)
            for (int m = 0; m < dx; m++)
                x[i * dx + m] = (float)(shared[i][m % 3] * (m + 1) + draw_uniform(&s));
        for (int i = 0; i < n; i++)
            for (int m = 0; m < dy; m++)
                y[i * dy + m] = (float)(shared[i][(m + 1) % 3] - 2 * draw_uniform(&s));
        avsound_cca_options o = options(x, dx, y, dy, n);
        o.regularisation = 0.001 + 0.1 * draw_uniform(&s);
        avsound_cca *cca;
        ck_avsound(avsound_cca_fit(c, &o, &cca));
        const int components = avsound_cca_components(cca);
        size_t count = 0;
        figures[count++] = components;
        for (int m = 0; m < components; m++)
            figures[count++] = avsound_cca_correlation(cca, m);
        for (int side = 0; side < 2; side++) {
            ck_avsound(avsound_cca_apply(cca, side, side ? y : x, 3, projected));
            for (int m = 0; m < 3 * components; m++)
                figures[count++] = projected[m];
        }
        ck_golden("cca", k, golden, figures, count);
        avsound_cca_free(cca);
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    avsound_cca *cca = NULL;
    const float x[] = {1, 2, 4, 3, 9, 7};
    avsound_cca_options o = options(x, 2, x, 2, 3);
    ck_survives_refusals(&f, avsound_cca_fit(c, &o, &cca), avsound_cca_free(cca));
    avsound_context_free(c);
}
END_TEST

SUITE("index.cca", a_linear_map_is_undone, components_are_limited_by_what_there_is,
      what_cannot_be_fitted_is_refused, correlations_and_projections_agree_with_numpy, refused_memory_leaves_nothing)
