/* The separators at full size, as graphs: their specification's tables of sizes, names, parameters and work. Nothing is
 * computed. */
#include "suite.h"

#include "model/arch.h"

static const avsn_build_config released = {.batch = 1, .width = 1, .audio_width = 1, .conv5_stride = 2, .image_height = 224,
                                           .image_width = 224, .frames = 63, .samples = 44144, .bins = 1024, .columns = 128,
                                           .unet_width = 1};

typedef struct fixture {
    avsound_context *context;
    avsn_graph *graph;
} fixture;

static fixture set_up(const char *arch, const avsn_build_config *config)
{
    fixture f;
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsn_graph_create(f.context, &f.graph));
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

static const avsn_node *find_node(const avsn_graph *g, avsn_op_kind kind, const char *weight)
{
    for (int32_t n = 0; n < avsn_graph_node_count(g); n++) {
        const avsn_node *node = avsn_graph_node(g, n);
        if (node->kind == kind && !strcmp(avsn_value_name(g, node->input[1]), weight))
            return node;
    }
    ck_abort_msg("no %s with %s", avsn_op_name(kind), weight);
}

/* ---- sizes ---- */

/* The tables' time, frequency and channels, of source and result; sources without pictures are narrower behind a merge. */
typedef struct row {
    const char *name;
    int64_t time, frequency, in, in_blind, out_time, out_frequency, out, weights, weights_blind;
} row;

static const row encoder[] = {
    {"gen.conv1", 128, 1024, 2, 2, 128, 512, 64, 2048, 2048},
    {"gen.conv2", 128, 512, 64, 64, 128, 256, 128, 131072, 131072},
    {"gen.conv3", 128, 256, 128, 128, 64, 128, 256, 524288, 524288},
    {"gen.conv4", 64, 128, 320, 256, 32, 64, 512, 2621440, 2097152},
    {"gen.conv5", 32, 64, 640, 512, 16, 32, 512, 5242880, 4194304},
    {"gen.conv6", 16, 32, 1024, 512, 8, 16, 512, 8388608, 4194304},
    {"gen.conv7", 8, 16, 512, 512, 4, 8, 512, 4194304, 4194304},
    {"gen.conv8", 4, 8, 512, 512, 2, 4, 512, 4194304, 4194304},
    {"gen.conv9", 2, 4, 512, 512, 1, 2, 512, 4194304, 4194304},
};
static const row decoder[] = {
    {"gen.deconv1", 1, 2, 512, 512, 2, 4, 512, 4194304, 4194304},
    {"gen.deconv2", 2, 4, 1024, 1024, 4, 8, 512, 8388608, 8388608},
    {"gen.deconv3", 4, 8, 1024, 1024, 8, 16, 512, 8388608, 8388608},
    {"gen.deconv4", 8, 16, 1024, 1024, 16, 32, 512, 8388608, 8388608},
    {"gen.deconv5", 16, 32, 1536, 1024, 32, 64, 512, 12582912, 8388608},
    {"gen.deconv6", 32, 64, 1152, 1024, 64, 128, 256, 4718592, 4194304},
    {"gen.deconv7", 64, 128, 576, 512, 128, 256, 128, 1179648, 1048576},
    {"gen.deconv8", 128, 256, 256, 256, 128, 512, 64, 262144, 262144},
    {"gen.fg", 128, 512, 128, 128, 128, 1024, 2, 4096, 4096},
    {"gen.bg", 128, 512, 128, 128, 128, 1024, 2, 4096, 4096},
};

static void check_row(const avsn_graph *g, const row *r, avsn_op_kind kind, bool blind)
{
    char weight[64];
    int64_t count = 0;
    snprintf(weight, sizeof weight, "%s.weight", r->name);
    const avsn_node *node = find_node(g, kind, weight);
    const avsn_shape *in = avsn_value_shape(g, node->input[0]);
    ck_assert_msg(avsn_shape_equal(in, &AVSN_SHAPE(1, blind ? r->in_blind : r->in, r->time, r->frequency)), "%s", r->name);
    check_layer(g, r->name, &AVSN_SHAPE(1, r->out, r->out_time, r->out_frequency));
    ck_assert(avsn_shape_count(avsn_value_shape(g, node->input[1]), &count));
    ck_assert_int_eq(count, blind ? r->weights_blind : r->weights);
    /* SAME: one cell before on even sizes; behind it one, and two where time keeps its steps */
    const avsn_window *w = &node->attributes.window;
    const bool keeps = r->time == r->out_time;
    ck_assert_int_eq(w->stride[0], keeps ? 1 : 2);
    ck_assert_int_eq(w->before[0], 1);
    ck_assert_int_eq(w->after[0], keeps ? 2 : 1);
    ck_assert_int_eq(w->stride[1], 2);
    ck_assert_int_eq(w->before[1], 1);
    ck_assert_int_eq(w->after[1], 1);
}

static void check_unet(const char *arch, bool blind)
{
    fixture f = set_up(arch, &released);
    ck_avsound(avsn_graph_finish(f.graph));
    check_layer(f.graph, "spectrogram", &AVSN_SHAPE(1, 2, 128, 1024));
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(encoder); i++)
        check_row(f.graph, &encoder[i], AVSN_OP_CONV, blind);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(decoder); i++)
        check_row(f.graph, &decoder[i], AVSN_OP_DECONV, blind);
    tear_down(&f);
}

START_TEST(the_u_net_has_the_sizes_of_the_specification)
{
    check_unet("separator", false);
    check_unet("separator-pit", true);
}
END_TEST

START_TEST(features_of_pictures_come_in_at_three_scales)
{
    fixture f = set_up("separator", &released);
    check_layer(f.graph, "gen.merge3", &AVSN_SHAPE(1, 256 + 64, 64, 128));
    check_layer(f.graph, "gen.merge4", &AVSN_SHAPE(1, 512 + 128, 32, 64));
    check_layer(f.graph, "gen.merge5", &AVSN_SHAPE(1, 512 + 512, 16, 32));
    check_layer(f.graph, "on", &AVSN_SHAPE(1, 2, 128, 1024));
    check_layer(f.graph, "off", &AVSN_SHAPE(1, 2, 128, 1024));
    check_layer(f.graph, "score", &AVSN_SHAPE(1, 1));
    tear_down(&f);
    f = set_up("separator-pit", &released);
    ck_assert_int_eq(avsn_graph_find(f.graph, "gen.merge3").id, 0);
    check_layer(f.graph, "first", &AVSN_SHAPE(1, 2, 128, 1024));
    check_layer(f.graph, "second", &AVSN_SHAPE(1, 2, 128, 1024));
    ck_assert_int_eq(avsn_graph_input_count(f.graph), 1);
    tear_down(&f);
}
END_TEST

/* ---- counts ---- */

typedef struct counts {
    int64_t tensors, learned, unet_tensors, unet;
} counts;

static counts count_of(const char *arch)
{
    fixture f = set_up(arch, &released);
    counts c = {0};
    for (int32_t i = 0; i < avsn_graph_param_count(f.graph); i++) {
        const avsn_param_spec *p = avsn_graph_param(f.graph, i);
        const bool unet = !strncmp(p->name, "gen.", 4);
        int64_t count = 0;
        ck_assert(avsn_shape_count(&p->shape, &count));
        c.tensors++;
        c.unet_tensors += unet;
        c.learned += p->state ? 0 : count;
        c.unet += unet && !p->state ? count : 0;
    }
    tear_down(&f);
    return c;
}

/* The release counts the four statistics of batch renormalisation with each of the 12 blocks' batch norms and the u-net's 17. */
START_TEST(parameters_are_counted_as_published)
{
    const counts full = count_of("separator"), blind = count_of("separator-pit");
    ck_assert_int_eq(full.learned, 113669445);
    ck_assert_int_eq(full.unet, 77617924);
    ck_assert_int_eq(full.learned - full.unet, 36051521);
    ck_assert_int_eq(blind.learned, 67001092);
    ck_assert_int_eq(full.tensors + 4 * (12 + 17), 374);
    ck_assert_int_eq(full.unet_tensors + 4 * 17, 157);
    ck_assert_int_eq(blind.tensors + 4 * 17, 157);
}
END_TEST

/* Multiply-adds of the u-net: a transposed convolution's kernel meets every cell of its source. */
static int64_t unet_work(const char *arch)
{
    fixture f = set_up(arch, &released);
    int64_t work = 0;
    for (int32_t n = 0; n < avsn_graph_node_count(f.graph); n++) {
        const avsn_node *node = avsn_graph_node(f.graph, n);
        const bool deconv = node->kind == AVSN_OP_DECONV;
        int64_t weights, cells;
        if ((node->kind != AVSN_OP_CONV && !deconv) || strncmp(avsn_value_name(f.graph, node->input[1]), "gen.", 4))
            continue;
        const avsn_shape *shape = avsn_value_shape(f.graph, deconv ? node->input[0] : node->output[0]);
        ck_assert(avsn_shape_count(avsn_value_shape(f.graph, node->input[1]), &weights));
        ck_assert(avsn_shape_count(shape, &cells));
        work += weights * (cells / shape->dim[1]);
    }
    tear_down(&f);
    return work;
}

START_TEST(the_work_is_that_of_the_specification)
{
    ck_assert_int_eq((unet_work("separator") + 5000000) / 10000000, 5434); /* in units of 10 MMAC */
    ck_assert_int_eq((unet_work("separator-pit") + 5000000) / 10000000, 4790);
}
END_TEST

/* ---- properties ---- */

START_TEST(batch_norms_are_the_released_ones)
{
    int norms = 0, renorms = 0;
    fixture f = set_up("separator", &released);
    for (int32_t n = 0; n < avsn_graph_node_count(f.graph); n++) {
        const avsn_node *node = avsn_graph_node(f.graph, n);
        if (node->kind != AVSN_OP_BATCH_NORM)
            continue;
        const bool unet = !strncmp(node->name, "gen.", 4);
        ck_assert_int_eq(node->input_count, 5);
        ck_assert_float_eq(node->attributes.epsilon, unet ? 1e-5f : 1e-3f);
        norms += unet;
        renorms += node->attributes.renorm;
    }
    ck_assert_int_eq(norms, 17);
    ck_assert_int_eq(renorms, 12 + 17);
    tear_down(&f);
}
END_TEST

START_TEST(the_u_net_starts_as_the_release_did)
{
    fixture f = set_up("separator-pit", &released);
    for (int32_t i = 0; i < avsn_graph_param_count(f.graph); i++) {
        const avsn_param_spec *p = avsn_graph_param(f.graph, i);
        const bool norm = strstr(p->name, ".bn.") != NULL;
        if (!strstr(p->name, ".weight"))
            continue;
        ck_assert_int_eq(p->init.kind, AVSN_INIT_NORMAL);
        ck_assert_float_eq(p->init.values[0], norm ? 1 : 0);
        ck_assert_float_eq(p->init.values[1], 0.02f);
    }
    tear_down(&f);
}
END_TEST

START_TEST(longer_clips_have_longer_spectrograms)
{
    avsn_build_config config = released;
    config.frames = 248;
    config.samples = 173774;
    config.columns = 512;
    fixture f = set_up("separator", &config);
    ck_avsound(avsn_graph_finish(f.graph));
    check_layer(f.graph, "gen.merge3", &AVSN_SHAPE(1, 320, 256, 128));
    check_layer(f.graph, "gen.merge5", &AVSN_SHAPE(1, 1024, 64, 32));
    check_layer(f.graph, "on", &AVSN_SHAPE(1, 2, 512, 1024));
    tear_down(&f);
}
END_TEST

START_TEST(a_spectrogram_that_cannot_be_halved_is_refused)
{
    avsn_build_config config = released;
    config.columns = 100;
    fixture f = set_up("separator-pit", &config);
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, "gen.");
    tear_down(&f);
}
END_TEST

SUITE("graph.separator", the_u_net_has_the_sizes_of_the_specification, features_of_pictures_come_in_at_three_scales,
      parameters_are_counted_as_published, the_work_is_that_of_the_specification, batch_norms_are_the_released_ones,
      the_u_net_starts_as_the_release_did, longer_clips_have_longer_spectrograms,
      a_spectrogram_that_cannot_be_halved_is_refused)
