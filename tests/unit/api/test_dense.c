/* Dense scans: what windows share equals what plain C computes over the whole spectrogram, whatever the blocks; a window hears so
 * far around it and no further; times are those of the exact scan. */
#include "contract/fixture.h"

#include "api/dense.h"
#include "model/stack.h"
#include "oracle/net.h"

enum { RATE = 48000, AROUND = 3 * RATE / 2 }; /* silence before and after the sound, for the oracle */

static avsound_context *context;
static char folder[64], wav[96], clip[96];
static float *samples;
static int64_t sample_count;

static void begin(double seconds, float (*sample)(double t))
{
    context = plain_context();
    make_folder(folder);
    snprintf(wav, sizeof wav, "%s/sound.wav", folder);
    snprintf(clip, sizeof clip, "%s/clip.mkv", folder);
    sample_count = llround(seconds * RATE);
    samples = calloc((size_t)sample_count, sizeof *samples);
    ck_assert_ptr_nonnull(samples);
    FILE *file = fopen(wav, "wb");
    ck_assert_ptr_nonnull(file);
    const uint32_t bytes = (uint32_t)sample_count * 4,
                   head[] = {0x46464952, 36 + bytes, 0x45564157, 0x20746d66, 16, 0x00010003, RATE, 4 * RATE, 0x00200004,
                             0x61746164, bytes};
    for (int64_t i = 0; i < sample_count; i++)
        samples[i] = sample((double)i / RATE);
    fwrite(head, sizeof head, 1, file); /* RIFF, IEEE floats, mono; little-endian as the machine */
    fwrite(samples, sizeof *samples, (size_t)sample_count, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void end(avsound_model *model)
{
    free(samples);
    avsound_model_free(model);
    avsound_context_free(context);
    remove_folder(folder);
}

static float chirp(double t)
{
    return (float)(0.3 * sin(6.283185307179586 * (200 + 900 * t) * t) + 0.05 * sin(6.283185307179586 * 7000 * t * t));
}

static avsound_model *model_of(const char *arch, const char *config)
{
    avsound_model *model = NULL;
    ck_avsound(avsound_model_create(context, arch, config, 11, &model));
    return model;
}

static avsound_scan *scan_of(avsound_model *model, const char *path, avsound_scan_options o)
{
    avsound_scan *scan = NULL;
    o.struct_size = sizeof o;
    o.threads = 1;
    ck_avsound(avsound_scan_create(model, path, &o, &scan));
    return scan;
}

static bool next(avsound_scan *scan, avsound_scan_result *r)
{
    *r = (avsound_scan_result){.struct_size = sizeof *r};
    const avsound_status status = avsound_scan_next(scan, r);
    ck_assert_msg(status == AVSOUND_OK || status == AVSOUND_E_END, "%s", avsound_error_detail());
    return !status;
}

/* ---- the oracle ---- */

typedef struct oracle {
    avsound_model *model;
    float *spectrogram; /* [bins][columns] of the sound between silences; column 0 is `before` before the sound's first */
    int32_t bins;
    int64_t columns, before, stride, cells; /* cells: of a window that count, without one at each end */
    oracle_net net[16];                     /* of each grid, once it is asked for */
    avsn_build_config config[16];
} oracle;

static void build_stack(avsn_graph *g, const void *config)
{
    avsn_scope(g, "audio");
    avsn_output(g, "map", avsn_stack(g, avsn_spectrogram_input(g, config), config));
    avsn_end(g);
}

static void oracle_open(oracle *o, avsound_model *model)
{
    const avsn_audio_frontend *f = &model->config.audio;
    size_t size = 0;
    *o = (oracle){.model = model, .before = AROUND / f->hop, .stride = (int64_t)8 * model->config.conv1_stride};
    float *padded = calloc((size_t)(sample_count + 2 * AROUND), sizeof *padded);
    ck_assert_ptr_nonnull(padded);
    memcpy(padded + AROUND, samples, (size_t)sample_count * sizeof *samples);
    const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = RATE,
                                 .channels = 1, .frames = sample_count + 2 * AROUND, .data = padded};
    ck_avsound(avsound_spectrogram(model, &sound, NULL, &size, &o->bins, &o->columns));
    o->spectrogram = malloc(size * sizeof *o->spectrogram);
    ck_assert_ptr_nonnull(o->spectrogram);
    ck_avsound(avsound_spectrogram(model, &sound, o->spectrogram, &size, &o->bins, &o->columns));
    free(padded);
    int64_t side = (f->columns - 1) / model->config.conv1_stride + 1;
    o->cells = side / 2 / 2 / 2 - 2;
}

static void oracle_close(oracle *o)
{
    for (int i = 0; i < 16; i++)
        if (o->net[i].graph)
            oracle_net_free(&o->net[i]);
    free(o->spectrogram);
}

/* The stack in plain C over all columns from `grid` on, with the model's weights. */
static const oracle_tensor *map_of(oracle *o, int64_t grid)
{
    oracle_net *net = &o->net[grid];
    const int64_t columns = (o->columns - grid) / o->stride * o->stride;
    if (!net->graph) {
        o->config[grid] = (avsn_build_config){.batch = 1, .width = o->model->config.width, .bins = o->bins, .columns = columns,
                                              .conv1_stride = o->model->config.conv1_stride};
        oracle_net_create(net, context, 1, build_stack, &o->config[grid]);
        for (int32_t p = 0; p < avsn_graph_param_count(net->graph); p++) {
            const avsn_param_spec *spec = avsn_graph_param(net->graph, p);
            const avsn_named_tensor *own = avsn_params_find(&o->model->params, spec->name);
            int64_t count = 0;
            ck_assert_ptr_nonnull(own);
            ck_assert(avsn_shape_count(&spec->shape, &count));
            for (int64_t i = 0; i < count; i++)
                net->values[spec->value.id].data[i] = (double)own->data[i];
        }
        double *input = net->values[avsn_graph_input(net->graph, 0).id].data;
        for (int64_t b = 0; b < o->bins; b++)
            for (int64_t c = 0; c < columns; c++)
                input[b * columns + c] = (double)o->spectrogram[b * o->columns + grid + c];
        oracle_net_evaluate(net, AVSOUND_DTYPE_F32);
    }
    return &net->values[avsn_graph_find(net->graph, "map").id];
}

/* Maxima over the window's part of the map: [channels]. */
static int64_t pooled(oracle *o, double time_s, double *features)
{
    const avsn_audio_frontend *f = &o->model->config.audio;
    const int64_t column = o->before + llround((time_s * RATE - 0.5 * f->columns * f->hop) / f->hop);
    const oracle_tensor *map = map_of(o, column % o->stride);
    const int64_t rows = map->shape.dim[2], width = map->shape.dim[3], first = column / o->stride + 1;
    for (int64_t c = 0; c < map->shape.dim[1]; c++) {
        features[c] = -INFINITY;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < o->cells; i++)
                features[c] = fmax(features[c], map->data[(c * rows + r) * width + first + i]);
    }
    return map->shape.dim[1];
}

static void dense_layer(const avsound_model *model, const char *name, const double *from, int64_t count, double least, double *to)
{
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "audio.%s.weight", name);
    snprintf(bias, sizeof bias, "audio.%s.bias", name);
    const float *w = avsn_params_find(&model->params, weight)->data, *b = avsn_params_find(&model->params, bias)->data;
    for (int64_t i = 0; i < AVSN_EMBEDDING; i++) {
        to[i] = (double)b[i];
        for (int64_t k = 0; k < count; k++)
            to[i] += (double)w[i * count + k] * from[k];
        to[i] = fmax(to[i], least);
    }
}

static int64_t embedding_of(oracle *o, double time_s, double *vector)
{
    double features[512], hidden[AVSN_EMBEDDING], length = 0;
    const int64_t count = pooled(o, time_s, features);
    if (!strcmp(o->model->arch->name, "l3-net")) {
        memcpy(vector, features, (size_t)count * sizeof *vector);
        return count;
    }
    dense_layer(o->model, "fc1", features, count, 0, hidden);
    dense_layer(o->model, "fc2", hidden, AVSN_EMBEDDING, -INFINITY, vector);
    if (strcmp(o->model->arch->name, "ave-net"))
        return AVSN_EMBEDDING;
    for (int i = 0; i < AVSN_EMBEDDING; i++)
        length += vector[i] * vector[i];
    for (int i = 0; i < AVSN_EMBEDDING; i++)
        vector[i] /= sqrt(length);
    return AVSN_EMBEDDING;
}

static void check_equal(const float *got, const double *want, int64_t count, double time_s)
{
    double most = 0, error = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs(want[i]));
        error = fmax(error, fabs((double)got[i] - want[i]));
    }
    ck_assert_msg(error <= 2e-5 * most, "at %.3f s: %g apart of %g", time_s, error, most);
}

/* Hops of one grid, of two, and of one whose windows lie on every grid; a short sound that is all edge; a window of 100 columns. */
START_TEST(vectors_equal_those_of_plain_c_over_the_whole_spectrogram)
{
    static const struct {
        const char *arch, *config;
        double seconds, hop;
    } cases[] = {
        {"ave-net", "{\"width\": 0.0625}", 2.5, 0.08},
        {"avol-net", "{\"width\": 0.0625}", 1.5, 0.04},
        {"ave-net", "{\"width\": 0.0625, \"audio\": {\"mel_bands\": 32, \"columns\": 100, \"window\": 1024, \"fft\": 1024,"
                    " \"hop\": 480, \"offset\": -272}}", 3, 0.11},
        {"l3-net", "{\"width\": 0.0625, \"conv1_stride\": 1}", 0.3, 0.04},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].seconds, chirp);
        avsound_model *model = model_of(cases[i].arch, cases[i].config);
        avsound_scan *scan = scan_of(model, wav, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .dense = 1,
                                                                         .hop_seconds = cases[i].hop});
        oracle o;
        oracle_open(&o, model);
        avsound_scan_result r;
        int count = 0;
        for (; next(scan, &r); count++) {
            double want[512];
            const double time_s = cases[i].hop * count;
            ck_assert_int_eq(r.time_us, llround(1e6 * time_s));
            ck_assert_int_eq(r.dimension, embedding_of(&o, time_s, want));
            check_equal(r.embedding_audio, want, r.dimension, time_s);
        }
        ck_assert_int_eq(count, (int)ceil(cases[i].seconds / cases[i].hop - 1e-6));
        oracle_close(&o);
        avsound_scan_free(scan);
        end(model);
    }
}
END_TEST

/* ---- blocks ---- */

typedef struct heard {
    avsn_recording recording;
    avsn_dense_sound *dense;
} heard;

static void open_heard(heard *h, avsound_model *model, int64_t block, bool halves)
{
    const avsound_source source = avsn_path_source(wav);
    const avsn_recording_options options = {.source = &source, .sound = true, .columns = avsn_dense_columns(model, block)};
    memset(h, 0, sizeof *h);
    ck_avsound(avsn_recording_open(&h->recording, context, &model->config.audio, &options));
    const avsn_dense_options dense = {.block = block, .threads = 1, .compute = AVSOUND_DTYPE_F32, .halves = halves};
    ck_avsound(avsn_dense_create(model, &h->recording, &dense, &h->dense));
}

START_TEST(blocks_of_any_length_whole_or_in_halves_give_the_same)
{
    static const int64_t blocks[] = {1, 3, AVSN_DENSE_FEED, AVSN_DENSE_FILE, 1, 5, AVSN_DENSE_FILE};
    enum { WHOLE = 4 }; /* as many of them are not made in halves */
    enum { KINDS = sizeof blocks / sizeof blocks[0] };
    begin(7, chirp);
    avsound_model *model = narrow_model(context, "ave-net");
    heard h[KINDS];
    float features[KINDS][512], rms[KINDS];
    for (int k = 0; k < KINDS; k++)
        open_heard(&h[k], model, blocks[k], k >= WHOLE);
    const int64_t dimension = avsn_dense_dimension(h[0].dense);
    ck_assert_int_eq(dimension, 32);
    /* 0.13 s: 26 columns, so that eight grids take turns; then windows with gaps between them */
    for (int64_t time_us = 0; time_us < 7000000; time_us += time_us < 3000000 ? 130000 : 1300000) {
        for (int k = 0; k < KINDS; k++) {
            double want[512];
            ck_avsound(avsn_dense_sound_at(h[k].dense, time_us, NULL, features[k], &rms[k]));
            for (int64_t i = 0; i < dimension; i++)
                want[i] = (double)features[0][i];
            check_equal(features[k], want, dimension, (double)time_us * 1e-6);
            ck_assert(rms[k] == rms[0]);
        }
    }
    for (int k = 0; k < KINDS; k++) {
        avsn_dense_free(h[k].dense);
        avsn_recording_close(&h[k].recording);
    }
    end(model);
}
END_TEST

/* ---- edges ---- */

static float click(double t)
{
    return t >= 2 && t < 2.005 ? (float)(0.8 * sin(6.283185307179586 * 3000 * t)) : 0;
}

static float distance_of(const float *a, const float *b, int32_t count)
{
    float most = 0;
    for (int32_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(a[i] - b[i]));
    return most;
}

/* A click at 2.000 to 2.005 s is in columns 399 to 401: column k lasts from 5 k - 2.5 ms to 5 k + 7.5 ms.
 * The first cell of a window that counts is 16 columns after its beginning and depends on 59 columns before and 73 after its own
 * first one (stack: 1 + 2 + 0 + 4 + 4 + 8 + 8 + 16 + 16 before), so the window from column c hears columns c - 43 to c + 233. */
START_TEST(a_window_hears_so_far_around_it_and_no_further)
{
    begin(4, click);
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_scan *dense = scan_of(model, wav, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .dense = 1, .hop_seconds = 0.005});
    avsound_scan *exact = scan_of(model, wav, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .hop_seconds = 0.005});
    float silence[2][128] = {{0}};
    avsound_scan_result d, e;
    int only_dense = 0;
    while (next(dense, &d)) {
        ck_assert(next(exact, &e));
        ck_assert_int_eq(d.time_us, e.time_us);
        ck_assert(d.rms == e.rms);
        if (!d.index) {
            memcpy(silence[0], d.embedding_audio, sizeof silence[0]);
            memcpy(silence[1], e.embedding_audio, sizeof silence[1]);
        }
        const int64_t column = d.time_us / 5000 - 100;
        const bool reaches = column - 43 <= 401 && column + 233 >= 399, inside = column <= 401 && column + 199 >= 399;
        const float heard_by_dense = distance_of(d.embedding_audio, silence[0], 128);
        if (!reaches)
            ck_assert_msg(heard_by_dense < 1e-6f, "column %lld: %g", (long long)column, (double)heard_by_dense);
        if (!inside)
            ck_assert_float_lt(distance_of(e.embedding_audio, silence[1], 128), 1e-6f);
        if (reaches && !inside)
            only_dense += heard_by_dense > 1e-4f;
    }
    ck_assert(!next(exact, &e));
    ck_assert_int_ge(only_dense, 20);
    avsound_scan_free(dense);
    avsound_scan_free(exact);
    end(model);
}
END_TEST

/* What is before the start is heard as in the whole recording, and results lie on the same grid. */
START_TEST(a_later_start_changes_nothing)
{
    begin(4, chirp);
    avsound_model *model = narrow_model(context, "avol-net");
    avsound_scan *all = scan_of(model, wav, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .dense = 1, .hop_seconds = 0.08});
    avsound_scan *late = scan_of(model, wav, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .dense = 1, .hop_seconds = 0.08,
                                                                    .start_us = 2000000, .duration_us = 500000});
    avsound_scan_result a, l;
    int count = 0;
    for (; next(late, &l); count++) {
        double want[128];
        do
            ck_assert(next(all, &a));
        while (a.time_us < l.time_us);
        ck_assert_int_eq(a.time_us, l.time_us);
        for (int i = 0; i < 128; i++)
            want[i] = (double)a.embedding_audio[i];
        check_equal(l.embedding_audio, want, 128, (double)l.time_us * 1e-6);
    }
    ck_assert_int_eq(count, 7);
    avsound_scan_free(all);
    avsound_scan_free(late);
    end(model);
}
END_TEST

/* ---- beside pictures ---- */

/* The score is what AVE-Net makes of the distance between the two vectors that the same scan delivers. */
START_TEST(scores_are_of_the_dense_vectors)
{
    begin(1, chirp);
    write_clip(context, clip, wav, 25);
    avsound_model *model = narrow_model(context, "ave-net");
    const float *w = avsn_params_find(&model->params, "fc3.weight")->data, *b = avsn_params_find(&model->params, "fc3.bias")->data;
    avsound_scan *scan = scan_of(model, clip, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO |
                                                                             AVSOUND_SCAN_SCORE, .dense = 1});
    oracle o;
    oracle_open(&o, model);
    avsound_scan_result r;
    int count = 0;
    for (; next(scan, &r); count++) {
        double want[128], square = 0;
        embedding_of(&o, (double)r.time_us * 1e-6, want);
        check_equal(r.embedding_audio, want, 128, (double)r.time_us * 1e-6);
        for (int i = 0; i < 128; i++)
            square += pow((double)r.embedding_image[i] - (double)r.embedding_audio[i], 2);
        const double margin = (double)(w[1] - w[0]) * sqrt(square) + (double)(b[1] - b[0]);
        ck_assert_double_eq_tol((double)r.probability, 1 / (1 + exp(-margin)), 1e-5);
    }
    ck_assert_int_eq(count, 25);
    oracle_close(&o);
    avsound_scan_free(scan);
    end(model);
}
END_TEST

/* ---- refusals ---- */

START_TEST(what_cannot_share_is_refused)
{
    begin(0.2, chirp);
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    ck_assert_int_eq(o.dense, 0);
    o.what = AVSOUND_SCAN_EMBED_AUDIO;
    avsound_scan *scan = NULL;
    avsound_model *model = narrow_model(context, "ave-net");
    o.dense = 2;
    ck_refused(avsound_scan_create(model, wav, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, "dense is 2");
    o.dense = 1;
    o.layer = "audio.conv4_2";
    ck_refused(avsound_scan_create(model, wav, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, "the layer audio.conv4_2");
    o.layer = NULL;
    avsound_model_free(model);
    model = model_of("ave-net", "{\"width\": 0.0625, \"audio\": {\"range\": 80}}");
    ck_refused(avsound_scan_create(model, wav, &o, &scan), AVSOUND_E_UNSUPPORTED, "audio.range 80");
    avsound_model_free(model);
    model = narrow_model(context, "openl3-audio");
    ck_refused(avsound_scan_create(model, wav, &o, &scan), AVSOUND_E_UNSUPPORTED, "dense: ");
    avsound_model_free(model);
    o.what = AVSOUND_SCAN_SCORE;
    model = narrow_model(context, "multisensory");
    ck_refused(avsound_scan_create(model, wav, &o, &scan), AVSOUND_E_UNSUPPORTED, "dense: multisensory");
    ck_assert_ptr_null(scan);
    end(model);
}
END_TEST

SUITE("api dense", vectors_equal_those_of_plain_c_over_the_whole_spectrogram, blocks_of_any_length_whole_or_in_halves_give_the_same,
      a_window_hears_so_far_around_it_and_no_further, a_later_start_changes_nothing, scores_are_of_the_dense_vectors,
      what_cannot_share_is_refused)
