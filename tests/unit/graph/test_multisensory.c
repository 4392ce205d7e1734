/* The multisensory alignment network at full size, as a graph: its specification's tables of sizes, names, parameters and
 * work. Nothing is computed. */
#include "suite.h"

#include "model/arch.h"

static const avsn_build_config released = {.batch = 1, .width = 1, .audio_width = 1, .conv5_stride = 2, .image_height = 224,
                                           .image_width = 224, .frames = 125, .samples = 87588};

typedef struct fixture {
    avsound_context *context;
    avsn_graph *graph;
} fixture;

static fixture set_up(const avsn_build_config *config)
{
    fixture f;
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsn_graph_create(f.context, &f.graph));
    avsn_arch_find("multisensory")->build(f.graph, config);
    return f;
}

static void tear_down(fixture *f)
{
    avsn_graph_free(f->graph);
    avsound_context_free(f->context);
}

static void check_layer(const avsn_graph *g, const char *name, const avsn_shape *want)
{
    char a[AVSN_SHAPE_TEXT], b[AVSN_SHAPE_TEXT];
    const avsn_value value = avsn_graph_find(g, name);
    ck_assert_msg(value.id != 0, "no %s", name);
    ck_assert_msg(avsn_shape_equal(avsn_value_shape(g, value), want), "%s is %s, want %s", name,
                  avsn_shape_text(avsn_value_shape(g, value), a), avsn_shape_text(want, b));
}

/* ---- sizes ---- */

/* Of a clip: its frames, samples, and the steps of time of the layers behind. */
typedef struct clip_case {
    int64_t frames, samples, audio[6], video[4]; /* conv1_1, pool, conv2_1...conv4_1, pool; conv1, conv2_2 and on, conv4_1 */
} clip_case;

static const clip_case clips[] = {
    {125, 87588, {21897, 5474, 1369, 343, 86, 32}, {63, 63, 32, 16}},
    {63, 44144, {11036, 2759, 690, 173, 44, 16}, {32, 32, 16, 8}},
    {248, 173774, {43444, 10861, 2716, 679, 170, 62}, {124, 124, 62, 31}},
};

static const avsn_node *find_node(const avsn_graph *g, const char *name)
{
    for (int32_t n = 0; n < avsn_graph_node_count(g); n++)
        if (!strcmp(avsn_graph_node(g, n)->name, name) && avsn_graph_node(g, n)->kind == AVSN_OP_CONV)
            return avsn_graph_node(g, n);
    ck_abort_msg("no convolution %s", name);
}

/* The pool between the first two layers has no name: it is what the second reads. */
static void check_audio(const avsn_graph *g, const clip_case *c)
{
    const avsn_value pooled = find_node(g, "sf.conv2_1_1")->input[0];
    ck_assert(avsn_shape_equal(avsn_value_shape(g, pooled), &AVSN_SHAPE(1, 64, c->audio[1])));
    check_layer(g, "sf.conv1_1", &AVSN_SHAPE(1, 64, c->audio[0]));
    check_layer(g, "sf.conv2_1_1", &AVSN_SHAPE(1, 128, c->audio[2]));
    check_layer(g, "sf.conv2_1", &AVSN_SHAPE(1, 128, c->audio[2]));
    check_layer(g, "sf.conv3_1", &AVSN_SHAPE(1, 128, c->audio[3]));
    check_layer(g, "sf.conv4_1", &AVSN_SHAPE(1, 256, c->audio[4]));
    check_layer(g, "sf.pool", &AVSN_SHAPE(1, 256, c->audio[5]));
    check_layer(g, "sf.conv5_1", &AVSN_SHAPE(1, 128, c->audio[5]));
}

static void check_video(const avsn_graph *g, const clip_case *c, int64_t last)
{
    const int64_t *t = c->video;
    check_layer(g, "im.conv1", &AVSN_SHAPE(1, 64, t[0], 112, 112));
    check_layer(g, "im.pool1", &AVSN_SHAPE(1, 64, t[1], 56, 56));
    check_layer(g, "im.conv2_1", &AVSN_SHAPE(1, 64, t[1], 56, 56));
    check_layer(g, "im.conv2_2", &AVSN_SHAPE(1, 64, t[2], 28, 28));
    check_layer(g, "im.merge1", &AVSN_SHAPE(1, 512, t[2], 28, 28));
    check_layer(g, "im.merge_block", &AVSN_SHAPE(1, 128, t[2], 28, 28));
    check_layer(g, "im.conv3_1", &AVSN_SHAPE(1, 128, t[2], 28, 28));
    check_layer(g, "im.conv3_2", &AVSN_SHAPE(1, 128, t[2], 28, 28));
    check_layer(g, "im.conv4_1", &AVSN_SHAPE(1, 256, t[3], 14, 14));
    check_layer(g, "im.conv4_2", &AVSN_SHAPE(1, 256, t[3], 14, 14));
    check_layer(g, "im.conv5_1", &AVSN_SHAPE(1, 512, t[3], last, last));
    check_layer(g, "im.conv5_2", &AVSN_SHAPE(1, 512, t[3], last, last));
    check_layer(g, "cam", &AVSN_SHAPE(1, 1, t[3], last, last));
    check_layer(g, "logits", &AVSN_SHAPE(1, 1));
    check_layer(g, "score", &AVSN_SHAPE(1, 1));
}

START_TEST(layers_have_the_sizes_of_the_specification)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(clips); i++)
        for (int32_t stride = 1; stride <= 2; stride++) {
            avsn_build_config config = released;
            config.frames = clips[i].frames;
            config.samples = clips[i].samples;
            config.conv5_stride = stride;
            fixture f = set_up(&config);
            ck_avsound(avsn_graph_finish(f.graph));
            check_layer(f.graph, "frames", &AVSN_SHAPE(1, 3, config.frames, 224, 224));
            check_layer(f.graph, "waveform", &AVSN_SHAPE(1, 2, config.samples));
            check_audio(f.graph, &clips[i]);
            check_video(f.graph, &clips[i], 14 / stride);
            tear_down(&f);
        }
}
END_TEST

/* Padding before and after on one axis of a convolution. */
static void check_pads(const avsn_graph *g, const char *name, int32_t axis, int64_t before, int64_t after)
{
    const avsn_window *w = &find_node(g, name)->attributes.window;
    ck_assert_msg(w->before[axis] == before && w->after[axis] == after, "%s axis %d: pads %lld,%lld, want %lld,%lld", name, axis,
                  (long long)w->before[axis], (long long)w->after[axis], (long long)before, (long long)after);
}

START_TEST(padding_is_tensorflows)
{
    avsn_build_config config = released;
    fixture f = set_up(&config);
    check_pads(f.graph, "im.conv1", 0, 2, 2);
    check_pads(f.graph, "im.conv1", 1, 2, 3);
    check_pads(f.graph, "im.conv1", 2, 2, 3);
    check_pads(f.graph, "im.conv2_2_1", 0, 1, 1);
    check_pads(f.graph, "im.conv2_2_1", 1, 0, 1);
    check_pads(f.graph, "im.conv4_1_1", 0, 0, 1);
    check_pads(f.graph, "im.conv4_1_short", 0, 0, 0);
    check_pads(f.graph, "im.conv5_1_1", 0, 1, 1);
    check_pads(f.graph, "im.conv5_1_1", 1, 0, 1);
    check_pads(f.graph, "sf.conv1_1", 0, 30, 31);
    check_pads(f.graph, "sf.conv2_1_1", 0, 6, 7);
    check_pads(f.graph, "sf.conv2_1_2", 0, 7, 7);
    check_pads(f.graph, "sf.conv3_1_1", 0, 7, 7);
    check_pads(f.graph, "sf.conv4_1_1", 0, 6, 6);
    tear_down(&f);
    config.frames = 248;
    config.samples = 173774;
    f = set_up(&config);
    check_pads(f.graph, "im.conv1", 0, 1, 2);
    check_pads(f.graph, "im.conv2_2_1", 0, 0, 1);
    check_pads(f.graph, "im.conv4_1_1", 0, 0, 1);
    check_pads(f.graph, "sf.conv1_1", 0, 31, 32);
    check_pads(f.graph, "sf.conv2_1_1", 0, 7, 7);
    check_pads(f.graph, "sf.conv3_1_1", 0, 5, 6);
    check_pads(f.graph, "sf.conv4_1_1", 0, 6, 6);
    tear_down(&f);
}
END_TEST

/* ---- counts ---- */

static int64_t multiply_adds(const avsn_graph *g, const char *scope)
{
    int64_t sum = 0;
    for (int32_t n = 0; n < avsn_graph_node_count(g); n++) {
        const avsn_node *node = avsn_graph_node(g, n);
        int64_t weights, outputs;
        if (node->kind != AVSN_OP_CONV || strncmp(node->name, scope, strlen(scope)))
            continue;
        ck_assert(avsn_shape_count(avsn_value_shape(g, node->input[1]), &weights));
        ck_assert(avsn_shape_count(avsn_value_shape(g, node->output[0]), &outputs));
        sum += outputs * (weights / avsn_value_shape(g, node->input[1])->dim[0]);
    }
    return sum;
}

/* The specification counts the head once, after the mean; a map has it in every cell. */
static int64_t work_of(int64_t frames, int64_t samples, int32_t stride)
{
    avsn_build_config config = released;
    config.frames = frames;
    config.samples = samples;
    config.conv5_stride = stride;
    fixture f = set_up(&config);
    const int64_t work = multiply_adds(f.graph, "sf.") + multiply_adds(f.graph, "im.");
    tear_down(&f);
    return work;
}

START_TEST(the_work_is_that_of_the_specification)
{
    ck_assert_int_eq(work_of(125, 87588, 2) + 512, 174973675136);
    ck_assert_int_eq((work_of(125, 87588, 1) + 5000000) / 10000000, 23355); /* in units of 10 MMAC */
    ck_assert_int_eq((work_of(63, 44144, 2) + 5000000) / 10000000, 8813);
    ck_assert_int_eq((work_of(248, 173774, 2) + 5000000) / 10000000, 34154);
    ck_assert_int_eq((work_of(494, 346146, 2) + 5000000) / 10000000, 68179);
}
END_TEST

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

START_TEST(parameters_are_counted_as_published)
{
    fixture f = set_up(&released);
    int64_t learned = 0, all = 0, kernels = 0, biases = 0, betas = 0, audio = 0, video = 0, count;
    for (int32_t i = 0; i < avsn_graph_param_count(f.graph); i++) {
        const avsn_param_spec *p = avsn_graph_param(f.graph, i);
        const bool norm = strstr(p->name, ".bn.") || strstr(p->name, "_bn.");
        ck_assert(avsn_shape_count(&p->shape, &count));
        all += count;
        if (p->state)
            continue;
        learned += count;
        kernels += ends_with(p->name, ".weight") ? count : 0;
        biases += ends_with(p->name, ".bias") && !norm ? count : 0;
        betas += norm ? count : 0;
        audio += strncmp(p->name, "sf.", 3) ? 0 : count;
        video += strncmp(p->name, "im.", 3) ? 0 : count;
    }
    /* the release's 186 variables have four more in each of the 12 blocks, which batch renormalisation trains with */
    ck_assert_int_eq(avsn_graph_param_count(f.graph) + 12 * 4, 186);
    ck_assert_int_eq(learned, 36044609);
    ck_assert_int_eq(all, 36058433);
    ck_assert_int_eq(kernels, 36035136);
    ck_assert_int_eq(biases, 2561);
    ck_assert_int_eq(betas, 6912);
    ck_assert_int_eq(audio, 2484416);
    ck_assert_int_eq(video, 33559680);
    tear_down(&f);
}
END_TEST

/* ---- names ---- */

static const avsn_param_spec *find_param(const avsn_graph *g, const char *layer, const char *part)
{
    char name[128];
    snprintf(name, sizeof name, "%.63s.%.32s", layer, part);
    for (int32_t i = 0; i < avsn_graph_param_count(g); i++)
        if (!strcmp(avsn_graph_param(g, i)->name, name))
            return avsn_graph_param(g, i);
    ck_abort_msg("no %s", name);
}

static int check_norm(const avsn_graph *g, const char *layer)
{
    find_param(g, layer, "bias");
    ck_assert(find_param(g, layer, "running_mean")->state);
    ck_assert(find_param(g, layer, "running_var")->state);
    return 3;
}

/* Convolutions with a batch norm of their own have no bias; the others have one. Blocks have their batch norm at the end. */
START_TEST(parameters_have_the_names_of_the_release)
{
    static const char *const convs[] = {
        "sf.conv1_1",   "sf.conv2_1_short", "sf.conv2_1_1", "sf.conv3_1_1", "sf.conv4_1_short", "sf.conv4_1_1", "sf.conv5_1",
        "im.conv1",     "im.conv2_1_1",     "im.conv2_2_1", "im.merge1",    "im.conv3_1_1",     "im.conv3_2_1",
        "im.conv4_1_1", "im.conv4_1_short", "im.conv4_2_1", "im.conv5_1_1", "im.conv5_1_short", "im.conv5_2_1"};
    static const char *const biased[] = {"sf.conv2_1_2", "sf.conv3_1_2", "sf.conv4_1_2", "im.conv2_1_2", "im.conv2_2_2",
                                         "im.merge2",    "im.conv3_1_2", "im.conv3_2_2", "im.conv4_1_2", "im.conv4_2_2",
                                         "im.conv5_1_2", "im.conv5_2_2", "joint.logits"};
    static const char *const blocks[] = {"sf.conv2_1_bn", "sf.conv3_1_bn",     "sf.conv4_1_bn", "im.conv2_1_bn",
                                         "im.conv2_2_bn", "im.merge_block_bn", "im.conv3_1_bn", "im.conv3_2_bn",
                                         "im.conv4_1_bn", "im.conv4_2_bn",     "im.conv5_1_bn", "im.conv5_2_bn"};
    char norm[64];
    int count = 0;
    fixture f = set_up(&released);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(convs); i++) {
        snprintf(norm, sizeof norm, "%s.bn", convs[i]);
        find_param(f.graph, convs[i], "weight");
        count += 1 + check_norm(f.graph, norm);
    }
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(biased); i++, count += 2) {
        find_param(f.graph, biased[i], "weight");
        find_param(f.graph, biased[i], "bias");
    }
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(blocks); i++)
        count += check_norm(f.graph, blocks[i]);
    ck_assert_int_eq(count, avsn_graph_param_count(f.graph));
    ck_assert(avsn_shape_equal(&find_param(f.graph, "im.merge1", "weight")->shape, &AVSN_SHAPE(512, 192, 1, 1, 1)));
    ck_assert(avsn_shape_equal(&find_param(f.graph, "im.conv1", "weight")->shape, &AVSN_SHAPE(64, 3, 5, 7, 7)));
    ck_assert(avsn_shape_equal(&find_param(f.graph, "sf.conv1_1", "weight")->shape, &AVSN_SHAPE(64, 2, 65)));
    ck_assert(avsn_shape_equal(&find_param(f.graph, "joint.logits", "weight")->shape, &AVSN_SHAPE(1, 512, 1, 1, 1)));
    tear_down(&f);
}
END_TEST

START_TEST(batch_norms_are_the_released_ones)
{
    int norms = 0;
    fixture f = set_up(&released);
    for (int32_t n = 0; n < avsn_graph_node_count(f.graph); n++) {
        const avsn_node *node = avsn_graph_node(f.graph, n);
        if (node->kind != AVSN_OP_BATCH_NORM)
            continue;
        ck_assert_int_eq(node->input_count, 4);
        ck_assert_float_eq(node->attributes.epsilon, 1e-3f);
        ck_assert_double_eq_tol((double)node->attributes.momentum, 1 - 0.9997, 1e-9);
        ck_assert(node->attributes.renorm == ends_with(node->name, "_bn"));
        norms++;
    }
    ck_assert_int_eq(norms, 31);
    tear_down(&f);
}
END_TEST

/* ---- other sizes ---- */

START_TEST(widths_scale_sight_and_hearing_apart)
{
    avsn_build_config config = released;
    config.width = 0.25;
    config.audio_width = 0.5;
    config.image_height = 96;
    config.image_width = 130;
    fixture f = set_up(&config);
    ck_avsound(avsn_graph_finish(f.graph));
    check_layer(f.graph, "sf.conv4_1", &AVSN_SHAPE(1, 128, 86));
    check_layer(f.graph, "sf.conv5_1", &AVSN_SHAPE(1, 32, 32));
    check_layer(f.graph, "im.conv2_2", &AVSN_SHAPE(1, 16, 32, 12, 17));
    check_layer(f.graph, "im.merge1", &AVSN_SHAPE(1, 128, 32, 12, 17));
    check_layer(f.graph, "im.conv5_2", &AVSN_SHAPE(1, 128, 16, 3, 5));
    tear_down(&f);
}
END_TEST

START_TEST(a_sound_too_short_for_its_pictures_is_refused)
{
    avsn_build_config config = released;
    config.samples = 31 * 1024;
    fixture f = set_up(&config);
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, "sf.pool: 31 steps of time, want 32");
    tear_down(&f);
}
END_TEST

SUITE("graph.multisensory", layers_have_the_sizes_of_the_specification, padding_is_tensorflows,
      the_work_is_that_of_the_specification, parameters_are_counted_as_published, parameters_have_the_names_of_the_release,
      batch_norms_are_the_released_ones, widths_scale_sight_and_hearing_apart, a_sound_too_short_for_its_pictures_is_refused)
