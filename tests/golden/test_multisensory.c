/* The multisensory alignment network against PyTorch in double precision, layer by layer, at reduced and odd sizes; and what
 * its specification says of the merge and of the map. make_multisensory.py makes the golden files. */
#include "golden.h"

#include "network/network.h"
#include "op/kernel.h"

#define F32_TOLERANCE 1e-4 /* of the larger of the value and the layer's rms */
#define BF16_ERROR 0.02    /* root mean square of the map's error, of the map's */

static const char *const cases[] = {"multisensory-narrow", "multisensory-narrow-cam"};

typedef struct fixture {
    avsound_context *context;
    avsn_safetensors *file;
    avsound_model *model;
    char layers[2048];
} fixture;

static const char *metadata(const fixture *f, const char *key)
{
    const char *value = avsn_safetensors_metadata(f->file, key);
    ck_assert_msg(value != NULL, "the golden file lacks %s", key);
    return value;
}

/* A model made from a seed is not shared yet: its parameters can still be written. */
static float *writable(const avsound_model *model, const char *name, int64_t *count)
{
    const avsn_named_tensor *item = avsn_params_find(&model->params, name);
    ck_assert_msg(item != NULL, "no %s", name);
    *count = golden_count(&item->shape);
    return (float *)(uintptr_t)item->data;
}

/* As in make_multisensory.py. */
static void draw(const char *name, const avsn_shape *shape, float *data)
{
    const uint64_t stream = avsn_rng_stream(name);
    const int64_t count = golden_count(shape);
    const double fan_in = (double)(count / shape->dim[0]);
    const double deviation = ends_with(name, ".weight") ? sqrt(2 / fan_in) : ends_with(name, ".running_mean") ? 0.2 : 0.1;
    for (int64_t i = 0; i < count; i++)
        data[i] = ends_with(name, ".running_var")
                      ? (float)(0.5 + avsn_rng_uniform(GOLDEN_SEED, stream, (uint64_t)i))
                      : (float)(deviation * avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)i));
}

static void draw_parameters(fixture *f)
{
    int64_t total = 0, count;
    ck_assert_int_eq(f->model->params.count, atoi(metadata(f, "golden.tensors")));
    for (int32_t i = 0; i < f->model->params.count; i++) {
        const avsn_named_tensor *item = &f->model->params.items[i];
        draw(item->name, &item->shape, writable(f->model, item->name, &count));
        total += count;
    }
    ck_assert_int_eq(total, atoll(metadata(f, "golden.parameters")));
}

static void list_layers(fixture *f)
{
    for (size_t i = 0; i < avsn_safetensors_count(f->file); i++) {
        const char *name = avsn_safetensors_at(f->file, i)->name;
        if (strchr(name, ':'))
            continue;
        ck_assert_uint_lt(strlen(f->layers) + strlen(name) + 2, sizeof f->layers);
        strcat(strcat(f->layers, *f->layers ? "," : ""), name);
    }
}

static void set_up(fixture *f, const char *name)
{
    char path[512];
    memset(f, 0, sizeof *f);
    ck_avsound(avsound_context_create(NULL, &f->context));
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", TEST_SOURCE_DIR, name);
    ck_avsound(avsn_safetensors_open(f->context, path, &f->file));
    ck_assert_int_eq(atoi(metadata(f, "golden.seed")), GOLDEN_SEED);
    ck_avsound(avsound_model_create(f->context, metadata(f, "avsound.arch"), metadata(f, "avsound.config"), 1, &f->model));
    draw_parameters(f);
    list_layers(f);
}

static void tear_down(fixture *f)
{
    avsound_model_free(f->model);
    avsn_safetensors_free(f->file);
    avsound_context_free(f->context);
}

/* Normal numbers; a sound's are as small as a sound's. */
static void set_inputs(avsound_session *session)
{
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        const char *name;
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_session_input(session, i, &name, &view));
        const double scale = strcmp(name, "waveform") ? 1 : 0.1;
        const uint64_t stream = avsn_rng_stream(name);
        int64_t count = 1;
        for (int32_t d = 0; d < view.rank; d++)
            count *= view.shape[d];
        float *data = malloc((size_t)count * sizeof *data);
        ck_assert_ptr_nonnull(data);
        for (int64_t k = 0; k < count; k++)
            data[k] = (float)(scale * avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)k));
        view.data = data;
        ck_avsound(avsound_session_set_input(session, name, &view));
        free(data);
    }
}

static avsound_session *run(const fixture *f, int32_t precision, const char *outputs)
{
    avsound_session *session = golden_session(f->model, precision, atoi(metadata(f, "golden.batch")), 0, 0, outputs);
    set_inputs(session);
    ck_avsound(avsound_session_run(session));
    return session;
}

/* ---- layers ---- */

static const float *golden_part(const fixture *f, const char *layer, const char *part, int64_t *count)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", layer, part);
    const avsn_file_tensor *tensor = avsn_safetensors_find(f->file, name);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", name);
    *count = tensor->shape.dim[0];
    return tensor->data;
}

static double layer_error(const fixture *f, const avsound_session *session, const char *layer)
{
    avsn_shape shape;
    char stream[96];
    int64_t kept, rank, one;
    const float *got = golden_output(session, layer, &shape), *want = golden_part(f, layer, "", &kept);
    const float *dims = golden_part(f, layer, ":shape", &rank), rms = golden_part(f, layer, ":rms", &one)[0];
    ck_assert_msg(shape.rank == rank, "%s has rank %d", layer, shape.rank);
    for (int32_t d = 0; d < shape.rank; d++)
        ck_assert_msg(shape.dim[d] == (int64_t)dims[d], "%s: dimension %d is %lld, want %g", layer, d,
                      (long long)shape.dim[d], (double)dims[d]);
    const int64_t count = golden_count(&shape);
    double worst = 0;
    snprintf(stream, sizeof stream, "golden.sample.%s", layer);
    for (int64_t k = 0; k < kept; k++) {
        const uint64_t sampled = avsn_rng_below(GOLDEN_SEED, avsn_rng_stream(stream), (uint64_t)k, (uint64_t)count);
        const double value = (double)want[k], mine = (double)got[kept == count ? (uint64_t)k : sampled];
        const double error = fabs(mine - value) / fmax(fabs(value), (double)rms);
        worst = error <= worst ? worst : error; /* NaN stays */
    }
    return worst;
}

static void check_layers(const fixture *f, const avsound_session *session, const char *list, const char *label)
{
    char names[2048], *rest = NULL;
    double worst = 0;
    strcpy(names, list);
    for (char *layer = strtok_r(names, ",", &rest); layer; layer = strtok_r(NULL, ",", &rest)) {
        const double error = layer_error(f, session, layer);
        ck_assert_msg(error <= F32_TOLERANCE, "%s: %s is off by %g relative", label, layer, error);
        worst = fmax(worst, error);
    }
    printf("%s f32: largest relative error %.2g\n", label, worst);
}

START_TEST(every_layer_in_f32)
{
    fixture f;
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, f.layers);
    check_layers(&f, session, f.layers, cases[_i]);
    avsound_session_free(session);
    session = run(&f, AVSOUND_PRECISION_F32, NULL); /* fused as it is used */
    check_layers(&f, session, "cam,logits,score", cases[_i]);
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

START_TEST(the_map_in_bf16)
{
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("no bf16 on this processor: skipped\n");
        return;
    }
    fixture f;
    avsn_shape shape;
    set_up(&f, cases[_i]);
    avsound_session *exact = run(&f, AVSOUND_PRECISION_F32, NULL), *session = run(&f, AVSOUND_PRECISION_BF16, NULL);
    const float *want = golden_output(exact, "cam", &shape), *got = golden_output(session, "cam", NULL);
    double errors = 0, squares = 0;
    for (int64_t i = 0; i < golden_count(&shape); i++) {
        errors += pow((double)got[i] - (double)want[i], 2);
        squares += pow((double)want[i], 2);
    }
    printf("%s bf16: error of the map %.2g of its size\n", cases[_i], sqrt(errors / squares));
    ck_assert_double_lt(sqrt(errors / squares), BF16_ERROR);
    avsound_session_free(session);
    avsound_session_free(exact);
    tear_down(&f);
}
END_TEST

/* ---- what the specification says ---- */

START_TEST(the_mean_of_the_map_is_the_logit)
{
    fixture f;
    avsn_shape shape;
    set_up(&f, cases[_i]);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, NULL);
    const float *cam = golden_output(session, "cam", &shape), *logits = golden_output(session, "logits", NULL);
    const int64_t cells = golden_count(&shape) / shape.dim[0];
    for (int64_t n = 0; n < shape.dim[0]; n++) {
        double sum = 0;
        for (int64_t i = 0; i < cells; i++)
            sum += (double)cam[n * cells + i];
        ck_assert_double_eq_tol((double)logits[n], sum / (double)cells, 1e-5 * fmax(1, fabs(sum / (double)cells)));
    }
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

static void fill(const fixture *f, const char *name, float value)
{
    int64_t count;
    float *data = writable(f->model, name, &count);
    for (int64_t i = 0; i < count; i++)
        data[i] = value;
}

/* With the merge's convolutions zero and its batch norm the identity, what passes beside them is left: all that was seen, and
 * the second half of what was heard, at every cell. */
START_TEST(pictures_and_half_the_sound_pass_the_merge)
{
    fixture f;
    avsn_shape seen_shape, shape;
    set_up(&f, cases[_i]);
    fill(&f, "im.merge1.weight", 0);
    fill(&f, "im.merge2.weight", 0);
    fill(&f, "im.merge2.bias", 0);
    fill(&f, "im.merge_block_bn.bias", 0);
    fill(&f, "im.merge_block_bn.running_mean", 0);
    fill(&f, "im.merge_block_bn.running_var", 1 - 1e-3f);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, "im.conv2_2,sf.conv5_1,im.merge_block");
    const float *seen = golden_output(session, "im.conv2_2", &seen_shape);
    const float *heard = golden_output(session, "sf.conv5_1", NULL), *merged = golden_output(session, "im.merge_block", &shape);
    const int64_t half = seen_shape.dim[1], picture = shape.dim[3] * shape.dim[4], cells = shape.dim[2] * picture;
    ck_assert_int_eq(shape.dim[1], 2 * half);
    for (int64_t i = 0; i < golden_count(&shape); i++) {
        const int64_t cell = i % cells, c = i / cells % (2 * half), n = i / cells / (2 * half);
        const float want = c < half ? seen[(n * half + c) * cells + cell]
                                    : heard[(n * 2 * half + c) * shape.dim[2] + cell / picture];
        ck_assert_double_eq_tol((double)merged[i], (double)want, 1e-6 * fmax(1, fabs((double)want)));
    }
    avsound_session_free(session);
    tear_down(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden.multisensory");
    TCase *tcase = tcase_create("all");
    const int count = (int)(sizeof cases / sizeof cases[0]);
    tcase_add_loop_test(tcase, every_layer_in_f32, 0, count);
    tcase_add_loop_test(tcase, the_map_in_bf16, 0, count);
    tcase_add_loop_test(tcase, the_mean_of_the_map_is_the_logit, 0, count);
    tcase_add_loop_test(tcase, pictures_and_half_the_sound_pass_the_merge, 0, count);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
