/* The synchronisation network against PyTorch in double precision, at a reduced width and odd sizes: its vectors and its curve
 * as it is used, and one step of training. make_syncnet.py beside this file made the numbers. And what its users rely on:
 * vectors that do not depend on where a recording is cut. */
#include "clip_step.h"

#include "model/syncnet.h"

enum { BATCH = 3, FRAMES = 14, HEIGHT = 38, WIDTH = 42, BANDS = 24, COLUMNS = 61, LAGS = 5 };

static const avsn_build_config config = {.batch = BATCH, .width = 0.25, .image_height = HEIGHT, .image_width = WIDTH,
                                         .bins = BANDS, .columns = COLUMNS, .frames = FRAMES, .lags = LAGS};

static avsound_status training_graph(const avsn_graph *forward, avsn_graph **out)
{
    return avsn_training_graph(forward, AVSN_OBJECTIVE_LAGS, 0.1f, out);
}

static float value(const char *input, int64_t index, float drawn)
{
    static const float labels[BATCH] = {-3.3f, 0, 6.75f};
    return strcmp(input, "label") ? drawn : labels[index];
}

static const clip_step_network network = {"syncnet.safetensors", &avsn_arch_syncnet, training_graph, value};

START_TEST(vectors_and_curve_equal_pytorch)
{
    static const char *const outputs[] = {"embedding.video", "embedding.audio", "lags", "logits"};
    static const avsn_shape shapes[] = {AVSN_SHAPE(BATCH, 128, FRAMES - 8), AVSN_SHAPE(BATCH, 128, (COLUMNS - 34) / 2 + 1),
                                        AVSN_SHAPE(BATCH, 4 * LAGS + 1), AVSN_SHAPE(BATCH, 4 * LAGS + 1)};
    clip_step_check_used(&network, &config, outputs, shapes, 4);
}
END_TEST

START_TEST(a_step_equals_pytorch)
{
    clip_step_check_training(&network, &config, 2 * (5 * 3 + 2) + 2);
}
END_TEST

/* ---- blocks ---- */

/* Frames first...first + frames - 1 of the golden clip, and the columns that go with them, through the network. */
static void run_block(const clip_step *whole, int64_t first, int64_t frames, clip_step *r)
{
    avsn_build_config sizes = config;
    sizes.frames = frames;
    sizes.columns = frames * AVSN_SYNC_COLUMNS;
    clip_step_start(r, &network, &sizes, (avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32});
    const int64_t starts[2] = {first * HEIGHT * WIDTH, first * AVSN_SYNC_COLUMNS};
    const int64_t lengths[2] = {frames * HEIGHT * WIDTH, sizes.columns};
    const int64_t strides[2] = {FRAMES * HEIGHT * WIDTH, COLUMNS}, rows[2] = {BATCH * 3, BATCH * BANDS};
    for (int32_t i = 0; i < 2; i++)
        for (int64_t k = 0; k < rows[i]; k++)
            memcpy(avsn_plan_input_data(r->plan, i) + k * lengths[i],
                   avsn_plan_input_data(whole->plan, i) + k * strides[i] + starts[i], (size_t)lengths[i] * sizeof(float));
    clip_step_compute(r, 1);
}

START_TEST(blocks_give_the_vectors_of_the_whole)
{
    clip_step whole = {.context = NULL};
    clip_step_start(&whole, &network, &config, (avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32});
    clip_step_compute(&whole, 1);
    for (int64_t first = 0; first + 2 * AVSN_SYNC_CONTEXT + 1 <= FRAMES; first++) {
        clip_step r = {.context = NULL};
        run_block(&whole, first, 2 * AVSN_SYNC_CONTEXT + 1, &r);
        for (int32_t tower = 0; tower < 2; tower++) {
            const int64_t steps = tower ? AVSN_SYNC_STEPS : 1;
            const int64_t all = avsn_plan_output_shape(whole.plan, tower)->dim[2];
            ck_assert_int_eq(avsn_plan_output_shape(r.plan, tower)->dim[2], steps);
            for (int64_t row = 0; row < BATCH * 128; row++)
                for (int64_t s = 0; s < steps; s++)
                    ck_assert_float_eq_tol(avsn_plan_output_data(r.plan, tower)[row * steps + s],
                                           avsn_plan_output_data(whole.plan, tower)[row * all + first * steps + s], 1e-5f);
        }
        clip_step_finish(&r);
    }
    clip_step_finish(&whole);
}
END_TEST

SUITE("golden.syncnet", vectors_and_curve_equal_pytorch, a_step_equals_pytorch, blocks_give_the_vectors_of_the_whole)
