/* The builder: shape rules, names, parameters, sticky failure. Expected shapes come from the papers' tables and from
 * TensorFlow's and PyTorch's documented rules, not from the code. */
#include "failing.h"
#include "suite.h"

#include "graph/graph.h"

typedef struct fixture {
    avsound_context *context;
    avsn_graph *graph;
} fixture;

static fixture set_up(void)
{
    fixture f;
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsn_graph_create(f.context, &f.graph));
    return f;
}

static void tear_down(fixture *f)
{
    avsn_graph_free(f->graph);
    avsound_context_free(f->context);
}

static void check_shape(const avsn_graph *g, avsn_value value, const avsn_shape *want)
{
    char a[AVSN_SHAPE_TEXT], b[AVSN_SHAPE_TEXT];
    ck_assert_int_ne(value.id, 0);
    ck_assert_msg(avsn_shape_equal(avsn_value_shape(g, value), want), "shape %s, want %s",
                  avsn_shape_text(avsn_value_shape(g, value), a), avsn_shape_text(want, b));
}

/* ---- windows ---- */

static const avsn_window *window_of(const avsn_graph *g, avsn_value value)
{
    return &avsn_graph_node(g, avsn_value_producer(g, value))->attributes.window;
}

/* (in, kernel, stride) -> (before, after) of TensorFlow's SAME. */
START_TEST(same_padding_puts_the_odd_cell_after)
{
    static const int64_t cases[][5] = {
        {224, 7, 2, 2, 3},   {125, 5, 2, 2, 2},  {248, 5, 2, 1, 2},      {112, 3, 2, 0, 1},
        {63, 3, 2, 1, 1},    {32, 3, 2, 0, 1},   {87588, 65, 4, 30, 31}, {5474, 15, 4, 6, 7},
        {1369, 15, 4, 7, 7}, {343, 15, 4, 6, 6}, {7, 1, 4, 0, 0},        {5, 3, 1, 1, 1},
    };
    fixture f = set_up();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int64_t *c = cases[i];
        const avsn_value x = avsn_input(f.graph, "x", AVSN_SHAPE(1, 1, c[0]));
        const avsn_value y = avsn_max_pool(f.graph, x, .kernel = {c[1]}, .stride = {c[2]}, .same = 1);
        check_shape(f.graph, y, &AVSN_SHAPE(1, 1, (c[0] + c[2] - 1) / c[2]));
        ck_assert_int_eq(window_of(f.graph, y)->before[0], c[3]);
        ck_assert_int_eq(window_of(f.graph, y)->after[0], c[4]);
    }
    ck_avsound(avsn_graph_finish(f.graph));
    tear_down(&f);
}
END_TEST

/* 87588 samples through the multisensory network's sound layers, of which one pools without padding. */
START_TEST(a_long_sound_shrinks_as_published)
{
    static const int64_t kernels[] = {65, 4, 15, 15, 15}, sizes[] = {21897, 5474, 1369, 343, 86};
    static const int32_t same[] = {1, 0, 1, 1, 1};
    fixture f = set_up();
    avsn_value x = avsn_input(f.graph, "sound", AVSN_SHAPE(1, 2, 87588));
    for (int i = 0; i < 5; i++) {
        x = avsn_max_pool(f.graph, x, .kernel = {kernels[i]}, .stride = {4}, .same = same[i]);
        check_shape(f.graph, x, &AVSN_SHAPE(1, 2, sizes[i]));
    }
    tear_down(&f);
}
END_TEST

START_TEST(floor_drops_and_ceil_keeps_a_partial_window)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(2, 64, 129, 100));
    check_shape(g, avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}), &AVSN_SHAPE(2, 64, 64, 50));
    check_shape(g, avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}, .ceil = 1), &AVSN_SHAPE(2, 64, 65, 50));
    /* a window that would start in the trailing padding is not kept: 3 cells, kernel 2, stride 2, pad 1 -> 2, not 3 */
    const avsn_value y = avsn_input(g, "y", AVSN_SHAPE(1, 1, 3));
    check_shape(g, avsn_max_pool(g, y, .kernel = {2}, .stride = {2}, .pad = {1}, .ceil = 1), &AVSN_SHAPE(1, 1, 2));
    /* 25 frames halve to 13, 7, 4, 2 with ceil in time */
    avsn_value z = avsn_input(g, "z", AVSN_SHAPE(1, 4, 25, 16, 16));
    static const int64_t frames[] = {13, 7, 4, 2};
    for (int i = 0; i < 4; i++) {
        z = avsn_max_pool(g, z, .kernel = {2, 2, 2}, .stride = {2, 2, 2}, .ceil = 1);
        check_shape(g, z, &AVSN_SHAPE(1, 4, frames[i], 8 >> i, 8 >> i));
    }
    ck_avsound(avsn_graph_finish(g));
    tear_down(&f);
}
END_TEST

START_TEST(conv_counts_stride_dilation_and_padding)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(2, 3, 224, 200));
    const avsn_value y = avsn_conv(g, "a", x, .out = 64, .kernel = {3, 3}, .stride = {2, 1}, .pad = {1, 1});
    check_shape(g, y, &AVSN_SHAPE(2, 64, 112, 200));
    check_shape(g, avsn_conv(g, "b", x, .out = 5, .kernel = {3, 2}, .dilation = {2, 3}), &AVSN_SHAPE(2, 5, 220, 197));
    check_shape(g,
                avsn_conv(g, "c", x, .out = 5, .kernel = {7, 7}, .stride = {3, 4}, .before = {1, 0}, .after = {3, 2}),
                &AVSN_SHAPE(2, 5, 74, 49));
    check_shape(g, avsn_conv(g, "d", x, .out = 1), &AVSN_SHAPE(2, 1, 224, 200));
    const avsn_value z = avsn_input(g, "z", AVSN_SHAPE(1, 3, 125, 224, 224));
    check_shape(g, avsn_conv(g, "e", z, .out = 64, .kernel = {5, 7, 7}, .stride = {2, 2, 2}, .same = 1),
                &AVSN_SHAPE(1, 64, 63, 112, 112));
    ck_avsound(avsn_graph_finish(g));
    tear_down(&f);
}
END_TEST

/* ---- the other ops ---- */

START_TEST(ops_know_their_shapes)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value map = avsn_input(g, "map", AVSN_SHAPE(3, 128, 14, 24)),
                     row = avsn_input(g, "row", AVSN_SHAPE(3, 128));
    const avsn_value list[3] = {map, avsn_sigmoid(g, map), avsn_slice(g, map, 5, 30)};
    check_shape(g, avsn_relu(g, map), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_batch_norm(g, "bn", map, .epsilon = 1e-3f), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_companded(g, map), &AVSN_SHAPE(3, 128, 14, 24));
    const avsn_value sound = avsn_fractional_pool(g, "pool", avsn_input(g, "sound", AVSN_SHAPE(3, 128, 86)), 32);
    check_shape(g, sound, &AVSN_SHAPE(3, 128, 32));
    check_shape(g, avsn_tile(g, sound, 28, 14), &AVSN_SHAPE(3, 128, 32, 28, 14));
    check_shape(g, avsn_squash(g, map), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_squash(g, avsn_input(g, "line", AVSN_SHAPE(3, 128, 1, 40))), &AVSN_SHAPE(3, 128, 40));
    check_shape(g, avsn_squash(g, avsn_input(g, "times", AVSN_SHAPE(3, 128, 9, 1, 1))), &AVSN_SHAPE(3, 128, 9));
    check_shape(g, avsn_squash(g, avsn_input(g, "point", AVSN_SHAPE(3, 128, 1, 1, 1))), &AVSN_SHAPE(3, 128, 1));
    check_shape(g, avsn_lags(g, sound, avsn_input(g, "heard", AVSN_SHAPE(3, 128, 70)), 2, 20), &AVSN_SHAPE(3, 41));
    check_shape(g, avsn_tile_row(g, sound, 14), &AVSN_SHAPE(3, 128, 32, 14));
    check_shape(g, avsn_stretch(g, sound, 128), &AVSN_SHAPE(3, 128, 128));
    check_shape(g, avsn_picture_mean(g, avsn_tile(g, sound, 28, 14)), &AVSN_SHAPE(3, 128, 32));
    check_shape(g, avsn_tanh(g, map), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_leaky_relu(g, map, 0.2f), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_deconv(g, "up", map, .out = 5, .kernel = {4, 4}, .stride = {1, 2}, .bias = 1),
                &AVSN_SHAPE(3, 5, 14, 48));
    check_shape(g, avsn_affine(g, "affine", map, 1, 0), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, avsn_add(g, map, list[1]), &AVSN_SHAPE(3, 128, 14, 24));
    check_shape(g, list[2], &AVSN_SHAPE(3, 25, 14, 24));
    check_shape(g, avsn_concat(g, list, 3), &AVSN_SHAPE(3, 281, 14, 24));
    check_shape(g, avsn_global_pool(g, AVSN_POOL_MAX, map), &AVSN_SHAPE(3, 128));
    check_shape(g, avsn_inner_map(g, map, row), &AVSN_SHAPE(3, 1, 14, 24));
    check_shape(g, avsn_dense(g, "fc", row, 2, NULL), &AVSN_SHAPE(3, 2));
    check_shape(g, avsn_l2_normalize(g, row, 1e-12f), &AVSN_SHAPE(3, 128));
    check_shape(g, avsn_softmax(g, row), &AVSN_SHAPE(3, 128));
    check_shape(g, avsn_distance(g, row, row), &AVSN_SHAPE(3, 1));
    ck_avsound(avsn_graph_finish(g));
    tear_down(&f);
}
END_TEST

/* ---- failing ---- */

typedef avsn_value (*mistake)(avsn_graph *g, avsn_value map, avsn_value row);

static avsn_value conv_too_small(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_conv(g, "conv9", map, .out = 4, .kernel = {3, 5});
}

static avsn_value conv_without_channels(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_conv(g, "conv9", map, .out = 0, .kernel = {1, 1});
}

static avsn_value conv_of_row(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    return avsn_conv(g, "conv9", row, .out = 4);
}

static avsn_value dense_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_dense(g, "fc9", map, 4, NULL);
}

static avsn_value add_unequal(avsn_graph *g, avsn_value map, avsn_value row)
{
    return avsn_add(g, map, row);
}

static avsn_value concat_unequal(avsn_graph *g, avsn_value map, avsn_value row)
{
    return avsn_concat(g, (avsn_value[]){map, row}, 2);
}

static avsn_value concat_flat(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    const avsn_value flat = avsn_input(g, "flat", AVSN_SHAPE(4));
    return avsn_concat(g, (avsn_value[]){flat, flat}, 2);
}

static avsn_value slice_beyond(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_slice(g, map, 2, 9);
}

static avsn_value distance_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_distance(g, map, map);
}

static avsn_value inner_map_of_other_width(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_inner_map(g, map, avsn_input(g, "other", AVSN_SHAPE(2, 9)));
}

static avsn_value softmax_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_softmax(g, map);
}

static avsn_value normalize_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_l2_normalize(g, map, 0);
}

static avsn_value global_pool_of_row(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    return avsn_global_pool(g, AVSN_POOL_MAX, row);
}

static avsn_value pool_too_small(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_max_pool(g, map, .kernel = {2, 5});
}

static avsn_value fractional_pool_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_fractional_pool(g, "pool9", map, 1);
}

static avsn_value fractional_pool_to_more(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    return avsn_fractional_pool(g, "pool9", avsn_input(g, "sound", AVSN_SHAPE(2, 8, 5)), 6);
}

static avsn_value tile_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_tile(g, map, 2, 2);
}

static avsn_value tile_row_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_tile_row(g, map, 2);
}

static avsn_value deconv_of_row(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    return avsn_deconv(g, "up9", row, .out = 2, .kernel = {4});
}

static avsn_value deconv_backwards(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_deconv(g, "up9", map, .out = 2, .kernel = {4, 4}, .stride = {2, -2});
}

static avsn_value mean_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_picture_mean(g, map);
}

static avsn_value stretch_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_stretch(g, map, 4);
}

static avsn_value stretch_to_nothing(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    return avsn_stretch(g, avsn_input(g, "sound", AVSN_SHAPE(2, 8, 5)), 0);
}

static avsn_value tile_over_nothing(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    return avsn_tile(g, avsn_input(g, "sound", AVSN_SHAPE(2, 8, 5)), 0, 3);
}

static avsn_value squash_row(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    return avsn_squash(g, row);
}

static avsn_value lags_of_map(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)row;
    return avsn_lags(g, map, map, 2, 5);
}

static avsn_value lags_of_other_width(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    return avsn_lags(g, avsn_input(g, "seen", AVSN_SHAPE(2, 8, 5)), avsn_input(g, "heard", AVSN_SHAPE(2, 9, 10)), 2, 5);
}

static avsn_value lags_of_none(avsn_graph *g, avsn_value map, avsn_value row)
{
    (void)map;
    (void)row;
    return avsn_lags(g, avsn_input(g, "seen", AVSN_SHAPE(2, 8, 5)), avsn_input(g, "heard", AVSN_SHAPE(2, 8, 10)), 2, 0);
}

START_TEST(mistakes_name_the_layer_and_the_shapes)
{
    static const struct {
        mistake make;
        const char *words[3];
    } cases[] = {
        {conv_too_small, {"tower.conv9: ", "axis 1 of 4 cells", "window of 5"}},
        {conv_without_channels, {"tower.conv9", "(0,8,1,1)", "empty"}},
        {conv_of_row, {"tower.conv9: ", "(2,8)", "spatial axes"}},
        {dense_of_map, {"tower.fc9: ", "(2,8,3,4)", "(N,C)"}},
        {add_unequal, {"tower.add: ", "(2,8)", "(2,8,3,4)"}},
        {concat_unequal, {"tower.concat: ", "(2,8)", "channels"}},
        {concat_flat, {"tower.concat: ", "(4)", "N, C"}},
        {slice_beyond, {"tower.slice: ", "(2,8,3,4)", "end"}},
        {distance_of_map, {"tower.distance: ", "(2,8,3,4)", "(N,C)"}},
        {inner_map_of_other_width, {"tower.inner map: ", "(2,9)", "(N,C)"}},
        {softmax_of_map, {"tower.softmax: ", "(2,8,3,4)", "(N,C)"}},
        {normalize_map, {"tower.l2_normalize: ", "(2,8,3,4)", "(N,C)"}},
        {global_pool_of_row, {"tower.global pool: ", "(2,8)", "spatial axes"}},
        {pool_too_small, {"tower.pool: ", "axis 1 of 4 cells", "window of 5"}},
        {fractional_pool_of_map, {"tower.pool9: ", "(2,8,3,4)", "(N,C,T)"}},
        {fractional_pool_to_more, {"tower.pool9: ", "5 steps", "want 6"}},
        {tile_of_map, {"tower.tile: ", "(2,8,3,4)", "(N,C,T)"}},
        {tile_over_nothing, {"tower.tile: ", "(2,8,5,0,3)", "empty"}},
        {squash_row, {"tower.squash: ", "(2,8)", "(N,C,spatial)"}},
        {lags_of_map, {"tower.lags: ", "(2,8,3,4)", "(N,D,T)"}},
        {lags_of_other_width, {"tower.lags: ", "(2,9,10)", "(N,D,S)"}},
        {lags_of_none, {"tower.lags: ", "2 steps and 0 lags", "want 1..."}},
        {tile_row_of_map, {"tower.tile: ", "(2,8,3,4)", "(N,C,T)"}},
        {deconv_of_row, {"tower.up9: ", "(2,8)", "spatial axes"}},
        {deconv_backwards, {"tower.up9: ", "axis 1", "stride of -2"}},
        {mean_of_map, {"tower.picture_mean: ", "(2,8,3,4)", "(N,C,T,H,W)"}},
        {stretch_of_map, {"tower.stretch: ", "(2,8,3,4)", "(N,C,T)"}},
        {stretch_to_nothing, {"tower.stretch: ", "(2,8,0)", "empty"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = set_up();
        const avsn_value map = avsn_input(f.graph, "map", AVSN_SHAPE(2, 8, 3, 4));
        const avsn_value row = avsn_input(f.graph, "row", AVSN_SHAPE(2, 8));
        avsn_scope(f.graph, "tower");
        ck_assert_int_eq(cases[i].make(f.graph, map, row).id, 0);
        avsn_end(f.graph);
        for (int w = 0; w < 3; w++)
            ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, cases[i].words[w]);
        ck_assert_msg(strstr(avsound_error_detail(), "tower.") == avsound_error_detail() &&
                          !strstr(avsound_error_detail() + 1, "tower."),
                      "the path once: %s", avsound_error_detail());
        tear_down(&f);
    }
}
END_TEST

START_TEST(the_first_failure_stays_and_poisons_what_follows)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 3, 8, 8));
    avsn_value y = avsn_conv(g, "first", x, .out = 4, .kernel = {9, 9});
    const int32_t nodes = avsn_graph_node_count(g);
    y = avsn_relu(g, avsn_batch_norm(g, "bn", y, .epsilon = 1e-5f));
    y = avsn_dense(g, "second", y, 4, NULL);
    ck_assert_int_eq(y.id, 0);
    ck_assert_int_eq(avsn_slice(g, x, 7, 9).id, 0);
    ck_assert_int_eq(avsn_relu(g, x).id, 0); /* a good value, but the graph has failed */
    ck_assert_int_eq(avsn_name(g, "name", x).id, 0);
    ck_assert_int_eq(avsn_input(g, "late", AVSN_SHAPE(1)).id, 0);
    avsn_output(g, "out", y);
    ck_assert_int_eq(avsn_graph_node_count(g), nodes);
    ck_assert_int_eq(avsn_graph_output_count(g), 0);
    ck_refused(avsn_graph_finish(g), AVSOUND_E_SHAPE, "first: ");
    ck_refused(avsn_graph_finish(g), AVSOUND_E_SHAPE, "first: ");
    tear_down(&f);
}
END_TEST

START_TEST(an_output_without_a_value_is_a_failure)
{
    fixture f = set_up();
    avsn_input(f.graph, "x", AVSN_SHAPE(1, 3));
    avsn_output(f.graph, "score", avsn_graph_find(f.graph, "no such layer"));
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_INTERNAL, "score");
    tear_down(&f);
}
END_TEST

START_TEST(absurd_shapes_are_refused)
{
    static const avsn_shape shapes[] = {
        {4, {1, 3, 0, 8}}, {4, {1, -3, 8, 8}}, {4, {INT64_MAX / 2, 3, 8, 8}}, {3, {INT32_MAX, INT32_MAX, INT32_MAX}}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        fixture f = set_up();
        ck_assert_int_eq(avsn_input(f.graph, "picture", shapes[i]).id, 0);
        ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_SHAPE, "picture: ");
        tear_down(&f);
    }
}
END_TEST

START_TEST(scopes_nest_only_so_deep)
{
    fixture f = set_up();
    for (int i = 0; i < 40; i++)
        avsn_scope(f.graph, "deeper");
    ck_refused(avsn_graph_finish(f.graph), AVSOUND_E_INTERNAL, "too deep");
    for (int i = 0; i < 50; i++)
        avsn_end(f.graph);
    tear_down(&f);
}
END_TEST

/* ---- names and parameters ---- */

START_TEST(names_carry_their_scopes)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 3, 8, 8));
    avsn_scope(g, "vision");
    avsn_scope(g, "block1");
    avsn_value y = avsn_conv(g, "conv", x, .out = 4, .bias = 1);
    ck_assert_str_eq(avsn_value_name(g, y), "vision.block1.conv");
    avsn_end(g);
    y = avsn_name(g, "pool", avsn_max_pool(g, y, .kernel = {2, 2}));
    ck_assert_str_eq(avsn_value_name(g, y), "vision.pool");
    avsn_end(g);
    y = avsn_relu(g, y);
    ck_assert_str_eq(avsn_value_name(g, y), "");
    avsn_output(g, "out", y);
    ck_assert_str_eq(avsn_graph_param(g, 0)->name, "vision.block1.conv.weight");
    ck_assert_str_eq(avsn_graph_param(g, 1)->name, "vision.block1.conv.bias");
    ck_assert_str_eq(avsn_graph_output_name(g, 0), "out");
    ck_avsound(avsn_graph_finish(g));
    tear_down(&f);
}
END_TEST

START_TEST(find_takes_the_latest_value_of_a_name_and_outputs_first)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 3, 8, 8));
    const avsn_value conv = avsn_conv(g, "layer", x, .out = 4);
    ck_assert_int_eq(avsn_graph_find(g, "layer").id, conv.id);
    const avsn_value relu = avsn_name(g, "layer", avsn_relu(g, avsn_batch_norm(g, "bn", conv, .epsilon = 1e-5f)));
    ck_assert_int_eq(avsn_graph_find(g, "layer").id, relu.id);
    const avsn_value map = avsn_sigmoid(g, relu);
    avsn_output(g, "layer", map);
    ck_assert_int_eq(avsn_graph_find(g, "layer").id, map.id);
    ck_assert_int_eq(avsn_graph_find(g, "x").id, x.id);
    ck_assert_int_eq(avsn_graph_find(g, "layer.weight").id, avsn_graph_param(g, 0)->value.id);
    ck_assert_int_eq(avsn_graph_find(g, "").id, 0);
    ck_assert_int_eq(avsn_graph_find(g, "lay").id, 0);
    tear_down(&f);
}
END_TEST

static void check_param(const avsn_graph *g, int32_t index, const char *name, const avsn_shape *shape,
                        avsn_init_kind kind, double value, int64_t fan_in, bool state)
{
    const avsn_param_spec *p = avsn_graph_param(g, index);
    ck_assert_str_eq(p->name, name);
    ck_assert_msg(avsn_shape_equal(&p->shape, shape), "%s", name);
    ck_assert_msg(p->init.kind == kind, "%s", name);
    if (kind == AVSN_INIT_HE)
        ck_assert_int_eq(p->init.fan_in, fan_in);
    else
        ck_assert_double_eq_tol((double)p->init.values[0], value, 1e-7);
    ck_assert_int_eq(p->state, state);
}

START_TEST(a_cut_makes_a_layer_an_input)
{
    fixture f = set_up();
    avsn_value x = avsn_input(f.graph, "x", AVSN_SHAPE(2, 3, 8));
    x = avsn_name(f.graph, "middle", avsn_relu(f.graph, avsn_conv(f.graph, "conv", x, .out = 5, .kernel = {3}, .pad = {1})));
    avsn_output(f.graph, "y", avsn_relu(f.graph, x));
    ck_avsound(avsn_graph_finish(f.graph));
    ck_refused(avsn_graph_cut(f.graph, "nowhere"), AVSOUND_E_UNSUPPORTED, "no layer nowhere");
    ck_assert_int_eq(avsn_graph_input_count(f.graph), 1);
    ck_avsound(avsn_graph_cut(f.graph, "middle"));
    ck_assert_int_eq(avsn_graph_input_count(f.graph), 2);
    ck_assert_int_eq(avsn_graph_input(f.graph, 1).id, x.id);
    ck_assert_str_eq(avsn_value_name(f.graph, x), "middle");
    check_shape(f.graph, x, &AVSN_SHAPE(2, 5, 8));
    const avsn_node *node = avsn_graph_node(f.graph, avsn_value_producer(f.graph, x));
    ck_assert_int_eq(node->kind, AVSN_OP_INPUT);
    ck_assert_int_eq(node->input_count, 0);
    tear_down(&f);
}
END_TEST

START_TEST(parameters_are_listed_with_their_starts)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 3, 8, 9, 8));
    x = avsn_conv(g, "conv", x, .out = 7, .kernel = {2, 3, 5}, .bias = 1);
    x = avsn_global_pool(g, AVSN_POOL_AVERAGE, avsn_affine(g, "scale", avsn_batch_norm(g, "bn", x, .epsilon = 1e-3f), 0.5f, -2));
    const avsn_dense_starts starts = {.weight = {.kind = AVSN_INIT_LIST, .values = {1, 2, 3}},
                                      .bias = {.kind = AVSN_INIT_CONSTANT, .values = {4}}};
    avsn_dense(g, "fc2", avsn_dense(g, "fc1", x, 1, NULL), 3, &starts);
    ck_avsound(avsn_graph_finish(g));
    ck_assert_int_eq(avsn_graph_param_count(g), 12);
    check_param(g, 0, "conv.weight", &AVSN_SHAPE(7, 3, 2, 3, 5), AVSN_INIT_HE, 0, 90, false);
    check_param(g, 1, "conv.bias", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 0, 0, false);
    check_param(g, 2, "bn.weight", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 1, 0, false);
    check_param(g, 3, "bn.bias", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 0, 0, false);
    check_param(g, 4, "bn.running_mean", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 0, 0, true);
    check_param(g, 5, "bn.running_var", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 1, 0, true);
    check_param(g, 6, "scale.weight", &AVSN_SHAPE(1), AVSN_INIT_CONSTANT, 0.5, 0, false);
    check_param(g, 7, "scale.bias", &AVSN_SHAPE(1), AVSN_INIT_CONSTANT, -2, 0, false);
    check_param(g, 8, "fc1.weight", &AVSN_SHAPE(1, 7), AVSN_INIT_HE, 0, 7, false);
    check_param(g, 9, "fc1.bias", &AVSN_SHAPE(1), AVSN_INIT_CONSTANT, 0, 0, false);
    check_param(g, 10, "fc2.weight", &AVSN_SHAPE(3, 1), AVSN_INIT_LIST, 1, 0, false);
    check_param(g, 11, "fc2.bias", &AVSN_SHAPE(3), AVSN_INIT_CONSTANT, 4, 0, false);
    tear_down(&f);
}
END_TEST

START_TEST(batch_norm_can_do_without_a_weight)
{
    fixture f = set_up();
    avsn_graph *g = f.graph;
    const avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 7, 8));
    const avsn_value y = avsn_batch_norm(g, "bn", x, .epsilon = 1e-3f, .no_weight = 1, .momentum = 3e-4f);
    ck_avsound(avsn_graph_finish(g));
    ck_assert_int_eq(avsn_graph_param_count(g), 3);
    check_param(g, 0, "bn.bias", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 0, 0, false);
    check_param(g, 1, "bn.running_mean", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 0, 0, true);
    check_param(g, 2, "bn.running_var", &AVSN_SHAPE(7), AVSN_INIT_CONSTANT, 1, 0, true);
    const avsn_node *node = avsn_graph_node(g, avsn_value_producer(g, y));
    ck_assert_int_eq(node->input_count, 4);
    ck_assert_float_eq(node->attributes.epsilon, 1e-3f);
    ck_assert_float_eq(node->attributes.momentum, 3e-4f);
    tear_down(&f);
}
END_TEST

START_TEST(nodes_print_into_any_buffer)
{
    fixture f = set_up();
    char text[200], shorter[200];
    const avsn_value x = avsn_input(f.graph, "image", AVSN_SHAPE(2, 3, 224, 224));
    avsn_scope(f.graph, "vision");
    avsn_conv(f.graph, "conv1_1", x, .out = 64, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1});
    avsn_end(f.graph);
    const int32_t last = avsn_graph_node_count(f.graph) - 1;
    avsn_node_text(f.graph, last, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "vision.conv1_1 = conv(image"));
    ck_assert_ptr_nonnull(strstr(text, "(2,3,224,224) -> (2,64,112,112)"));
    for (size_t size = 1; size < strlen(text) + 2; size++) {
        memset(shorter, '!', sizeof shorter);
        avsn_node_text(f.graph, last, shorter, size);
        ck_assert_int_eq(strncmp(shorter, text, size - 1), 0);
        ck_assert_uint_eq(strlen(shorter), size - 1 < strlen(text) ? size - 1 : strlen(text));
        ck_assert_int_eq(shorter[size], '!');
    }
    tear_down(&f);
}
END_TEST

/* ---- refused memory ---- */

static avsound_status build_some(avsound_context *context, avsn_graph **out)
{
    avsn_graph *g;
    *out = NULL;
    if (avsn_graph_create(context, &g))
        return AVSOUND_E_NO_MEMORY;
    avsn_value x = avsn_input(g, "x", AVSN_SHAPE(1, 3, 32, 32));
    avsn_scope(g, "tower");
    for (int i = 0; i < 40; i++)
        x = avsn_relu(g, avsn_batch_norm(g, "bn", avsn_conv(g, "conv", x, .out = 3), .epsilon = 1e-5f));
    avsn_end(g);
    avsn_output(g, "y", avsn_name(g, "last", x));
    const avsound_status status = avsn_graph_finish(g);
    if (status)
        avsn_graph_free(g);
    else
        *out = g;
    return status;
}

START_TEST(a_graph_survives_the_refusal_of_each_allocation)
{
    failing f;
    avsn_graph *graph;
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, build_some(context, &graph), avsn_graph_free(graph));
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("graph.build", same_padding_puts_the_odd_cell_after, a_long_sound_shrinks_as_published,
      floor_drops_and_ceil_keeps_a_partial_window, conv_counts_stride_dilation_and_padding, ops_know_their_shapes,
      mistakes_name_the_layer_and_the_shapes, the_first_failure_stays_and_poisons_what_follows,
      an_output_without_a_value_is_a_failure, absurd_shapes_are_refused, scopes_nest_only_so_deep,
      names_carry_their_scopes, find_takes_the_latest_value_of_a_name_and_outputs_first,
      a_cut_makes_a_layer_an_input, parameters_are_listed_with_their_starts, batch_norm_can_do_without_a_weight, nodes_print_into_any_buffer,
      a_graph_survives_the_refusal_of_each_allocation)
