#include "failing.h"

#include "dsp/flow.h"

/* A texture that is known between its pixels, too: sums of waves of 6 pixels and longer, 0...255. */
static double texture(double x, double y)
{
    static const double waves[][3] = {/* across, down, phase */
                                      {0.21, 0.08, 0.3}, {-0.13, 0.31, 1.1}, {0.52, 0.11, 2.0}, {0.09, -0.63, 0.7},
                                      {0.41, 0.44, 4.0}, {-0.71, 0.33, 5.1}, {0.05, 0.04, 2.6}, {0.85, -0.25, 3.3}};
    double sum = 0;
    for (size_t i = 0; i < sizeof waves / sizeof waves[0]; i++)
        sum += sin(waves[i][0] * x + waves[i][1] * y + waves[i][2]);
    return 127.5 + 15 * sum;
}

typedef struct scene {
    int32_t width, height;
    float *from, *to, *field;
} scene;

/* `to` shows what `from` shows `dx` further right and `dy` further down, `gain` times as bright. */
static scene moved(int32_t width, int32_t height, double dx, double dy, double gain)
{
    const size_t pixels = (size_t)width * (size_t)height;
    scene s = {width, height, malloc(pixels * sizeof(float)), malloc(pixels * sizeof(float)),
               malloc(2 * pixels * sizeof(float))};
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            s.from[y * width + x] = (float)texture(x, y);
            s.to[y * width + x] = (float)(gain * texture(x - dx, y - dy));
        }
    return s;
}

static void drop(scene *s)
{
    free(s->from);
    free(s->to);
    free(s->field);
}

static avsound_context *plain_context(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

static void run(scene *s)
{
    avsound_context *context = plain_context();
    avsn_flow_params params;
    avsn_flow *flow;
    avsn_flow_params_default(&params);
    ck_avsound(avsn_flow_create(context, &params, s->width, s->height, &flow));
    avsound_context_free(context);
    avsn_flow_run(flow, s->from, s->to, s->field);
    avsn_flow_free(flow);
}

/* Mean distance from (dx, dy) over what is seen in both pictures, `margin` pixels from their edges. */
static double mean_error(const scene *s, double dx, double dy, int32_t margin)
{
    double sum = 0;
    int64_t count = 0;
    for (int32_t y = margin; y < s->height - margin; y++)
        for (int32_t x = margin; x < s->width - margin; x++) {
            const int32_t at = y * s->width + x;
            sum += hypot((double)s->field[at] - dx, (double)s->field[s->width * s->height + at] - dy);
            count++;
        }
    return sum / (double)count;
}

START_TEST(translations_are_found)
{
    static const double by[][2] = {{1, 0},      {0, -1},    {0.5, 0.25}, {-0.3, 0.7}, {2.75, -1.5},
                                   {-4.2, 3.1}, {7, 5},     {-9.5, 0.5}, {0.1, -0.05}};
    for (size_t i = 0; i < sizeof by / sizeof by[0]; i++) {
        scene s = moved(160, 128, by[i][0], by[i][1], 1);
        run(&s);
        const double error = mean_error(&s, by[i][0], by[i][1], 12);
        ck_assert_msg(error <= 0.1, "moved by %g, %g: %g pixels off on average", by[i][0], by[i][1], error);
        drop(&s);
    }
}
END_TEST

START_TEST(odd_sizes)
{
    static const int32_t sizes[][2] = {{97, 61}, {225, 33}, {31, 64}, {17, 19}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        scene s = moved(sizes[i][0], sizes[i][1], 0.8, -0.6, 1);
        run(&s);
        const double error = mean_error(&s, 0.8, -0.6, 4);
        ck_assert_msg(error <= 0.1, "%dx%d: %g pixels off on average", sizes[i][0], sizes[i][1], error);
        drop(&s);
    }
}
END_TEST

/* Nothing is found in them, and nothing is read that is not theirs. */
START_TEST(tiny_pictures)
{
    for (int32_t width = 1; width <= 5; width++)
        for (int32_t height = 1; height <= 5; height++) {
            scene s = moved(width, height, 1, 1, 1);
            run(&s);
            for (int32_t i = 0; i < 2 * width * height; i++)
                ck_assert(isfinite(s.field[i]));
            drop(&s);
        }
}
END_TEST

START_TEST(still_pictures_do_not_move_at_all)
{
    scene s = moved(75, 50, 0, 0, 1);
    run(&s);
    for (int32_t i = 0; i < 2 * s.width * s.height; i++)
        ck_assert(s.field[i] == 0);
    for (int32_t i = 0; i < s.width * s.height; i++)
        s.from[i] = s.to[i] = 200;
    run(&s);
    for (int32_t i = 0; i < 2 * s.width * s.height; i++)
        ck_assert(s.field[i] == 0);
    drop(&s);
}
END_TEST

/* A lamp that flickers a little, and a picture half as bright as another. */
START_TEST(brightness)
{
    scene s = moved(160, 128, 1.5, -0.75, 1.01);
    run(&s);
    ck_assert_double_le(mean_error(&s, 1.5, -0.75, 12), 0.1);
    for (int32_t i = 0; i < s.width * s.height; i++) {
        s.from[i] = (float)texture(i % s.width, i / s.width) / 2;
        s.to[i] = (float)texture(i % s.width - 1.5, i / s.width + 0.75) / 2;
    }
    run(&s);
    ck_assert_double_le(mean_error(&s, 1.5, -0.75, 12), 0.1);
    drop(&s);
}
END_TEST

/* A square moves before a background that stands: a sharp edge in the flow is what total variation is for. */
START_TEST(edges_of_motion_stay_sharp)
{
    scene s = moved(128, 128, 0, 0, 1);
    for (int32_t y = 40; y < 88; y++)
        for (int32_t x = 40; x < 88; x++) {
            s.from[y * 128 + x] = (float)texture(3 * x + 200, 3 * y);
            s.to[y * 128 + x + 2] = s.from[y * 128 + x];
        }
    for (int32_t y = 40; y < 88; y++)
        for (int32_t x = 40; x < 42; x++)
            s.to[y * 128 + x] = (float)texture(x, y);
    run(&s);
    int32_t wrong = 0;
    for (int32_t y = 0; y < 128; y++)
        for (int32_t x = 0; x < 128; x++) {
            const bool inside = x >= 44 && x < 84 && y >= 44 && y < 84, outside = x < 34 || x >= 96 || y < 34 || y >= 94;
            const double want = inside ? 2 : 0;
            if (inside || outside)
                wrong += hypot((double)s.field[y * 128 + x] - want, (double)s.field[128 * 128 + y * 128 + x]) > 0.5;
        }
    ck_assert_int_le(wrong, 60); /* of 13,000 */
    drop(&s);
}
END_TEST

START_TEST(same_pictures_same_bits)
{
    scene a = moved(120, 90, 1.3, 0.4, 1), b = moved(120, 90, 1.3, 0.4, 1);
    run(&a);
    run(&b);
    ck_assert_mem_eq(a.field, b.field, 2 * 120 * 90 * sizeof(float));
    drop(&a);
    drop(&b);
}
END_TEST

/* One object over many pairs keeps nothing of the last. */
START_TEST(pairs_do_not_know_of_each_other)
{
    scene a = moved(90, 70, 3, -2, 1), b = moved(90, 70, -1, 0.5, 1), again = moved(90, 70, 3, -2, 1);
    avsound_context *context = plain_context();
    avsn_flow_params params;
    avsn_flow *flow;
    avsn_flow_params_default(&params);
    ck_avsound(avsn_flow_create(context, &params, 90, 70, &flow));
    avsn_flow_run(flow, a.from, a.to, a.field);
    avsn_flow_run(flow, b.from, b.to, b.field);
    avsn_flow_run(flow, again.from, again.to, again.field);
    ck_assert_mem_eq(a.field, again.field, 2 * 90 * 70 * sizeof(float));
    ck_assert_mem_ne(a.field, b.field, 2 * 90 * 70 * sizeof(float));
    avsn_flow_free(flow);
    avsound_context_free(context);
    drop(&a);
    drop(&b);
    drop(&again);
}
END_TEST

START_TEST(luma)
{
    const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 9, 9, 0, 0, 255, 255, 255, 255, 9, 9};
    const float want[] = {76.245f, 149.685f, 29.07f, 255};
    float got[4];
    avsn_flow_luma(rgb, 8, 2, 2, got);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol(got[i], want[i], 1e-3);
}
END_TEST

START_TEST(refused_memory_is_survived)
{
    failing f;
    avsound_context *context = failing_context(&f);
    avsn_flow_params params;
    avsn_flow *flow;
    avsn_flow_params_default(&params);
    ck_survives_refusals(&f, avsn_flow_create(context, &params, 64, 48, &flow), avsn_flow_free(flow));
    avsound_context_free(context);
}
END_TEST

SUITE("dsp.flow", translations_are_found, odd_sizes, tiny_pictures, still_pictures_do_not_move_at_all, brightness,
      edges_of_motion_stay_sharp, same_pictures_same_bits, pairs_do_not_know_of_each_other, luma, refused_memory_is_survived)
