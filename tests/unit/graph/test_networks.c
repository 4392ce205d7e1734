/* L3-Net, AVE-Net and AVOL-Net as graphs: the papers' tables of layers, names, counts. */
#include "suite.h"

#include "model/arch.h"

static const avsn_build_config paper = {
    .batch = 1, .width = 1, .conv1_stride = 2, .image_height = 224, .image_width = 224, .bins = 257, .columns = 200};

typedef struct fixture {
    avsound_context *context;
    avsn_graph *graph;
} fixture;

static fixture set_up(const char *arch, const avsn_build_config *config)
{
    fixture f;
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsn_graph_create(f.context, &f.graph));
    ck_assert_ptr_nonnull(avsn_arch_find(arch));
    avsn_arch_find(arch)->build(f.graph, config);
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

static void check_stack(const avsn_graph *g, const char *scope, const int64_t sizes[4][2], int64_t batch)
{
    static const char *const layers[4][3] = {{"conv1_1", "conv1_2", "pool1"},
                                             {"conv2_1", "conv2_2", "pool2"},
                                             {"conv3_1", "conv3_2", "pool3"},
                                             {"conv4_1", "conv4_2", NULL}};
    char name[64];
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3 && layers[i][k]; k++) {
            const int64_t *size = sizes[k == 2 ? i + 1 : i];
            snprintf(name, sizeof name, "%s.%s", scope, layers[i][k]);
            check_layer(g, name, &AVSN_SHAPE(batch, 64 << i, size[0], size[1]));
        }
}

START_TEST(stacks_have_the_shapes_of_the_paper)
{
    static const int64_t vision[4][2] = {{112, 112}, {56, 56}, {28, 28}, {14, 14}};
    static const int64_t audio[4][2] = {{129, 100}, {64, 50}, {32, 25}, {16, 12}};
    avsn_build_config config = paper;
    for (config.batch = 1; config.batch <= 3; config.batch += 2)
        for (int32_t a = 0; a < avsn_arch_count(); a++) {
            const avsn_arch *arch = avsn_arch_at(a);
            if (arch->clip || arch->pools || arch->around) /* test_multisensory.c, test_separator.c; golden/test_openl3.c; below */
                continue;
            fixture f = set_up(avsn_arch_at(a)->name, &config);
            ck_avsound(avsn_graph_finish(f.graph));
            check_layer(f.graph, "image", &AVSN_SHAPE(config.batch, 3, 224, 224));
            check_layer(f.graph, "spectrogram", &AVSN_SHAPE(config.batch, 1, 257, 200));
            check_stack(f.graph, "vision", vision, config.batch);
            check_stack(f.graph, "audio", audio, config.batch);
            tear_down(&f);
        }
}
END_TEST

/* 25 frames become 13, 7, 4, 2 steps. */
START_TEST(frames_are_pooled_in_time_too)
{
    static const int64_t sizes[4][3] = {{13, 112, 112}, {7, 56, 56}, {4, 28, 28}, {2, 14, 14}};
    static const int64_t audio[4][2] = {{129, 100}, {64, 50}, {32, 25}, {16, 12}};
    avsn_build_config config = paper;
    config.batch = 2;
    fixture f = set_up("ave-net-mf", &config);
    ck_avsound(avsn_graph_finish(f.graph));
    check_layer(f.graph, "frames", &AVSN_SHAPE(2, 3, 25, 224, 224));
    for (int i = 0; i < 4; i++) {
        char conv[32], pool[32];
        snprintf(conv, sizeof conv, "vision.conv%d_2", i + 1);
        snprintf(pool, sizeof pool, "vision.pool%d", i + 1);
        check_layer(f.graph, conv, &AVSN_SHAPE(2, 64 << i, sizes[i][0], sizes[i][1], sizes[i][2]));
        if (i < 3)
            check_layer(f.graph, pool, &AVSN_SHAPE(2, 64 << i, sizes[i + 1][0], sizes[i + 1][1], sizes[i + 1][2]));
    }
    check_layer(f.graph, "vision.pool4", &AVSN_SHAPE(2, 512));
    check_layer(f.graph, "embedding.image", &AVSN_SHAPE(2, 128));
    check_stack(f.graph, "audio", audio, 2);
    tear_down(&f);
}
END_TEST

START_TEST(two_streams_meet_before_the_fourth_stage)
{
    avsn_build_config config = paper;
    config.batch = 2;
    fixture f = set_up("ave-net-of", &config);
    ck_avsound(avsn_graph_finish(f.graph));
    check_layer(f.graph, "image", &AVSN_SHAPE(2, 3, 224, 224));
    check_layer(f.graph, "flow", &AVSN_SHAPE(2, 20, 224, 224));
    check_layer(f.graph, "vision.pool3", &AVSN_SHAPE(2, 256, 14, 14));
    check_layer(f.graph, "flow.pool3", &AVSN_SHAPE(2, 256, 14, 14));
    check_layer(f.graph, "flow.conv1_1.weight", &AVSN_SHAPE(64, 20, 3, 3));
    check_layer(f.graph, "vision.conv4_1.weight", &AVSN_SHAPE(512, 512, 3, 3));
    check_layer(f.graph, "vision.conv4_2", &AVSN_SHAPE(2, 512, 14, 14));
    check_layer(f.graph, "embedding.image", &AVSN_SHAPE(2, 128));
    ck_assert_int_eq(avsn_graph_find(f.graph, "flow.conv4_1").id, 0);
    tear_down(&f);
}
END_TEST

START_TEST(heads_have_the_shapes_of_the_paper)
{
    avsn_build_config config = paper;
    config.batch = 2;
    fixture f = set_up("l3-net", &config);
    check_layer(f.graph, "embedding.image", &AVSN_SHAPE(2, 512));
    check_layer(f.graph, "fc1", &AVSN_SHAPE(2, 128));
    check_layer(f.graph, "logits", &AVSN_SHAPE(2, 2));
    check_layer(f.graph, "score", &AVSN_SHAPE(2, 1));
    tear_down(&f);
    f = set_up("ave-net", &config);
    check_layer(f.graph, "vision.pool4", &AVSN_SHAPE(2, 512));
    check_layer(f.graph, "embedding.image", &AVSN_SHAPE(2, 128));
    check_layer(f.graph, "embedding.audio", &AVSN_SHAPE(2, 128));
    check_layer(f.graph, "distance", &AVSN_SHAPE(2, 1));
    check_layer(f.graph, "score", &AVSN_SHAPE(2, 1));
    tear_down(&f);
    f = set_up("avol-net", &config);
    check_layer(f.graph, "vision.conv6", &AVSN_SHAPE(2, 128, 14, 14));
    check_layer(f.graph, "map", &AVSN_SHAPE(2, 1, 14, 14));
    check_layer(f.graph, "score", &AVSN_SHAPE(2, 1));
    tear_down(&f);
}
END_TEST

START_TEST(a_wide_picture_gives_a_wide_map)
{
    avsn_build_config config = paper;
    config.image_width = 384;
    fixture f = set_up("avol-net", &config);
    check_layer(f.graph, "map", &AVSN_SHAPE(1, 1, 14, 24));
    tear_down(&f);
}
END_TEST

START_TEST(width_scales_the_stacks_and_stride_1_doubles_the_maps)
{
    avsn_build_config config = paper;
    config.width = 0.25;
    config.conv1_stride = 1;
    fixture f = set_up("l3-net", &config);
    check_layer(f.graph, "vision.conv1_1", &AVSN_SHAPE(1, 16, 224, 224));
    check_layer(f.graph, "vision.conv4_2", &AVSN_SHAPE(1, 128, 28, 28));
    check_layer(f.graph, "audio.conv4_2", &AVSN_SHAPE(1, 128, 32, 25));
    check_layer(f.graph, "fc1", &AVSN_SHAPE(1, 128));
    tear_down(&f);
}
END_TEST

/* ---- counts ---- */

typedef struct work {
    int64_t weights, multiply_adds;
} work;

/* Of the convolutions whose names begin with `scope`. */
static work count_convolutions(const avsn_graph *g, const char *scope)
{
    work w = {0};
    for (int32_t n = 0; n < avsn_graph_node_count(g); n++) {
        const avsn_node *node = avsn_graph_node(g, n);
        if (node->kind != AVSN_OP_CONV || strncmp(node->name, scope, strlen(scope)) != 0)
            continue;
        int64_t weights, outputs;
        ck_assert(avsn_shape_count(avsn_value_shape(g, node->input[1]), &weights));
        ck_assert(avsn_shape_count(avsn_value_shape(g, node->output[0]), &outputs));
        w.weights += weights;
        w.multiply_adds += outputs * (weights / avsn_value_shape(g, node->input[1])->dim[0]);
    }
    return w;
}

START_TEST(stacks_have_the_weights_and_the_work_of_the_paper)
{
    fixture f = set_up("ave-net", &paper);
    const work vision = count_convolutions(f.graph, "vision."), audio = count_convolutions(f.graph, "audio.");
    ck_assert_int_eq(vision.weights, 4683456);
    ck_assert_int_eq(audio.weights, 4682304);
    /* the sum over the table of height x width x 9 x channels in x channels out */
    ck_assert_int_eq(vision.multiply_adds, 2564997120);
    ck_assert_int_eq(audio.multiply_adds, 2578030848);
    tear_down(&f);
}
END_TEST

static bool has_param(const avsn_graph *g, const char *name)
{
    for (int32_t i = 0; i < avsn_graph_param_count(g); i++)
        if (!strcmp(avsn_graph_param(g, i)->name, name))
            return true;
    return false;
}

static int check_stack_params(const avsn_graph *g)
{
    static const char *const scopes[] = {"vision", "audio"};
    static const char *const bn[] = {"weight", "bias", "running_mean", "running_var"};
    char name[64];
    int count = 0;
    for (int s = 0; s < 2; s++)
        for (int layer = 0; layer < 8; layer++) {
            const int stage = layer / 2 + 1, part = layer % 2 + 1;
            snprintf(name, sizeof name, "%s.conv%d_%d.weight", scopes[s], stage, part);
            ck_assert_msg(has_param(g, name), "no %s", name);
            for (int i = 0; i < 4; i++) {
                snprintf(name, sizeof name, "%s.bn%d_%d.%s", scopes[s], stage, part, bn[i]);
                ck_assert_msg(has_param(g, name), "no %s", name);
            }
            count += 5;
        }
    return count;
}

START_TEST(parameters_have_the_documented_names)
{
    static const struct {
        const char *arch, *layers[6];
    } nets[] = {
        {"l3-net", {"fc1", "fc2"}},
        {"ave-net", {"vision.fc1", "vision.fc2", "audio.fc1", "audio.fc2", "fc3"}},
        {"avol-net", {"vision.conv5", "vision.conv6", "audio.fc1", "audio.fc2", "conv7"}},
    };
    char name[64];
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        fixture f = set_up(nets[i].arch, &paper);
        int count = check_stack_params(f.graph);
        for (int k = 0; nets[i].layers[k]; k++, count += 2) {
            snprintf(name, sizeof name, "%s.weight", nets[i].layers[k]);
            ck_assert_msg(has_param(f.graph, name), "no %s", name);
            snprintf(name, sizeof name, "%s.bias", nets[i].layers[k]);
            ck_assert_msg(has_param(f.graph, name), "no %s", name);
        }
        ck_assert_int_eq(avsn_graph_param_count(f.graph), count);
        tear_down(&f);
    }
}
END_TEST

/* "Corresponds" must fall as the distance grows, from the start. */
START_TEST(ave_net_starts_with_the_right_sign)
{
    fixture f = set_up("ave-net", &paper);
    for (int32_t i = 0; i < avsn_graph_param_count(f.graph); i++) {
        const avsn_param_spec *p = avsn_graph_param(f.graph, i);
        if (strcmp(p->name, "fc3.weight") != 0)
            continue;
        ck_assert_int_eq(p->init.kind, AVSN_INIT_LIST);
        ck_assert_double_gt((double)p->init.values[0], 0);
        ck_assert_double_lt((double)p->init.values[1], 0);
    }
    tear_down(&f);
}
END_TEST

START_TEST(inputs_too_small_for_the_stack_are_refused_by_layer)
{
    avsn_build_config config = paper;
    config.image_height = 5;
    fixture f = set_up("ave-net", &config);
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, "vision.");
    tear_down(&f);
    config = paper;
    config.columns = 0;
    f = set_up("ave-net", &config);
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, "spectrogram");
    tear_down(&f);
}
END_TEST

START_TEST(architectures_are_found_by_name)
{
    ck_assert_int_eq(avsn_arch_count(), 13);
    for (int32_t i = 0; i < avsn_arch_count(); i++)
        ck_assert_ptr_eq(avsn_arch_find(avsn_arch_at(i)->name), avsn_arch_at(i));
    ck_assert_ptr_null(avsn_arch_find("vgg-16"));
    ck_assert_ptr_null(avsn_arch_at(-1));
    ck_assert_ptr_null(avsn_arch_at(13));
    ck_assert(!avsn_arch_find("l3-net")->aligned);
    ck_assert(avsn_arch_find("ave-net")->aligned && !avsn_arch_find("ave-net")->map);
    ck_assert(!avsn_arch_find("ave-net")->around && avsn_arch_find("ave-net-mf")->around == 12);
    ck_assert(avsn_arch_find("ave-net-of")->around == 5 && avsn_arch_find("ave-net-of")->flow);
    ck_assert(avsn_arch_find("avol-net")->map);
    ck_assert(!avsn_arch_find("avol-net")->clip && avsn_arch_find("multisensory")->clip);
    ck_assert(!avsn_arch_find("multisensory")->lags && avsn_arch_find("sync-net")->clip && avsn_arch_find("sync-net")->lags);
    ck_assert(!avsn_arch_find("multisensory")->separates && avsn_arch_find("separator")->separates);
    ck_assert(!avsn_arch_find("separator")->blind && avsn_arch_find("separator-pit")->blind);
    ck_assert(!avsn_arch_find("separator")->masks && avsn_arch_find("mask-net")->masks && avsn_arch_find("mask-net")->separates);
    ck_assert(!avsn_arch_find("mask-net")->blind && avsn_arch_find("mask-net-pit")->blind);
    ck_assert(avsn_arch_find("openl3-audio")->blind && !avsn_arch_find("openl3-audio")->deaf);
    ck_assert(avsn_arch_find("openl3-image")->deaf && !avsn_arch_find("openl3-image")->blind);
}
END_TEST

SUITE("graph.networks", stacks_have_the_shapes_of_the_paper, frames_are_pooled_in_time_too,
      two_streams_meet_before_the_fourth_stage, heads_have_the_shapes_of_the_paper,
      a_wide_picture_gives_a_wide_map, width_scales_the_stacks_and_stride_1_doubles_the_maps,
      stacks_have_the_weights_and_the_work_of_the_paper, parameters_have_the_documented_names,
      ave_net_starts_with_the_right_sign, inputs_too_small_for_the_stack_are_refused_by_layer,
      architectures_are_found_by_name)
