/* The networks against PyTorch in double precision: every layer's output, from the same weights and inputs. The
 * golden files and the script that makes them are beside this file. */
#include "golden.h"

#include "op/kernel.h"

#define F32_TOLERANCE 1e-4 /* of the larger of the value and the layer's rms */
#define BF16_COSINE 0.9995 /* of an item's embedding with the reference's */
#define OUTPUTS_TEXT 2048
enum { MOST_INPUTS = 3 };

static const char *const cases[] = {"l3-net",        "l3-net-narrow",   "l3-net-narrow-stride1",
                                    "ave-net",       "ave-net-narrow",  "ave-net-mf-narrow",
                                    "ave-net-of-narrow", "avol-net",
                                    "avol-net-wide", "avol-net-narrow", "avol-net-narrow-wide"};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct golden_case {
    avsound_context *context;
    avsn_safetensors *file;
    avsound_model *model;
    int32_t batch, height, width;
    float *input[MOST_INPUTS]; /* in the model's order */
    char outputs[OUTPUTS_TEXT];
} golden_case;

static const char *metadata(const golden_case *c, const char *key)
{
    const char *value = avsn_safetensors_metadata(c->file, key);
    ck_assert_msg(value != NULL, "the golden file lacks %s", key);
    return value;
}

static avsound_session *open_session(const golden_case *c, int32_t precision, const char *outputs)
{
    return golden_session(c->model, precision, c->batch, c->height, c->width, outputs);
}

static avsn_shape input_shape(const avsound_session *session, int32_t index, const char **name)
{
    avsound_tensor view = {.struct_size = sizeof view};
    ck_avsound(avsound_session_input(session, index, name, &view));
    avsn_shape shape = {.rank = view.rank};
    memcpy(shape.dim, view.shape, sizeof view.shape);
    return shape;
}

static void draw_inputs(golden_case *c)
{
    avsound_session *session = open_session(c, AVSOUND_PRECISION_F32, "score");
    ck_assert_int_le(avsound_session_input_count(session), MOST_INPUTS);
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        const char *name;
        const avsn_shape shape = input_shape(session, i, &name);
        c->input[i] = golden_input(name, &shape);
    }
    avsound_session_free(session);
}

static void list_layers(golden_case *c)
{
    c->outputs[0] = '\0';
    for (size_t i = 0; i < avsn_safetensors_count(c->file); i++) {
        const char *name = avsn_safetensors_at(c->file, i)->name;
        if (strchr(name, ':'))
            continue;
        ck_assert_uint_lt(strlen(c->outputs) + strlen(name) + 2, sizeof c->outputs);
        if (c->outputs[0])
            strcat(c->outputs, ",");
        strcat(c->outputs, name);
    }
}

static void open_case(golden_case *c, const char *name)
{
    *c = (golden_case){.context = NULL};
    ck_avsound(avsound_context_create(NULL, &c->context));
    char path[512];
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", TEST_SOURCE_DIR, name);
    ck_avsound(avsn_safetensors_open(c->context, path, &c->file));
    ck_assert_int_eq(atoi(metadata(c, "golden.seed")), GOLDEN_SEED);
    c->batch = atoi(metadata(c, "golden.batch"));
    ck_assert_int_eq(sscanf(metadata(c, "golden.image"), "%dx%d", &c->height, &c->width), 2);
    const char *config = metadata(c, "avsound.config");
    double width;
    ck_assert_int_eq(sscanf(config, "{\"width\": %lf", &width), 1);
    c->model = golden_model(c->context, metadata(c, "avsound.arch"), config, width);
    draw_inputs(c);
    list_layers(c);
}

static void close_case(golden_case *c)
{
    for (int i = 0; i < MOST_INPUTS; i++)
        free(c->input[i]);
    avsound_model_free(c->model);
    avsn_safetensors_free(c->file);
    avsound_context_free(c->context);
}

static avsound_session *run_case(const golden_case *c, int32_t precision, const char *outputs)
{
    avsound_session *session = open_session(c, precision, outputs);
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        const char *name;
        const avsn_shape shape = input_shape(session, i, &name);
        golden_set(session, name, shape, c->input[i]);
    }
    ck_avsound(avsound_session_run(session));
    return session;
}

static const avsn_file_tensor *golden_tensor(const golden_case *c, const char *layer, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", layer, part);
    const avsn_file_tensor *tensor = avsn_safetensors_find(c->file, name);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", name);
    return tensor;
}

/* Which element of the layer the k-th kept value is: all in order, or a sample of the large ones. */
static int64_t sample_index(const char *layer, int64_t k, int64_t kept, int64_t count)
{
    if (kept == count)
        return k;
    char name[96];
    snprintf(name, sizeof name, "golden.sample.%s", layer);
    return (int64_t)avsn_rng_below(GOLDEN_SEED, avsn_rng_stream(name), (uint64_t)k, (uint64_t)count);
}

/* The largest error of a layer's kept values, relative to the larger of the value and the layer's rms. */
static double layer_error(const golden_case *c, const avsound_session *session, const char *layer)
{
    const avsn_file_tensor *want = golden_tensor(c, layer, ""), *dims = golden_tensor(c, layer, ":shape");
    avsn_shape shape;
    const float *got = golden_output(session, layer, &shape);
    ck_assert_msg(shape.rank == dims->shape.dim[0], "%s has rank %d", layer, shape.rank);
    for (int32_t d = 0; d < shape.rank; d++)
        ck_assert_msg((double)shape.dim[d] == ((const float *)dims->data)[d], "%s: dimension %d is %lld, want %g",
                      layer, d, (long long)shape.dim[d], ((const float *)dims->data)[d]);

    const double rms = ((const float *)golden_tensor(c, layer, ":rms")->data)[0];
    const int64_t count = golden_count(&shape), kept = want->shape.dim[0];
    double worst = 0;
    for (int64_t k = 0; k < kept; k++) {
        const double value = ((const float *)want->data)[k];
        const double error = fabs(got[sample_index(layer, k, kept, count)] - value) / fmax(fabs(value), rms);
        worst = error <= worst ? worst : error; /* NaN stays */
    }
    return worst;
}

/* Every layer of the comma-separated list `outputs`. */
static void check_layers(const golden_case *c, const avsound_session *session, const char *name, const char *outputs)
{
    char list[OUTPUTS_TEXT], *rest = NULL, worst_layer[64] = "";
    double worst = 0;
    strcpy(list, outputs);
    for (char *layer = strtok_r(list, ",", &rest); layer; layer = strtok_r(NULL, ",", &rest)) {
        const double error = layer_error(c, session, layer);
        ck_assert_msg(error <= F32_TOLERANCE, "%s: %s is off by %g relative", name, layer, error);
        if (error >= worst) {
            worst = error;
            snprintf(worst_layer, sizeof worst_layer, "%s", layer);
        }
    }
    printf("%s f32: largest relative error %.2g (%s)\n", name, worst, worst_layer);
}

START_TEST(every_layer_in_f32)
{
    golden_case c;
    open_case(&c, cases[_i]);
    avsound_session *session = run_case(&c, AVSOUND_PRECISION_F32, c.outputs);
    check_layers(&c, session, cases[_i], c.outputs);
    avsound_session_free(session);
    close_case(&c);
}
END_TEST

/* With only the network's own outputs kept, the plan may fuse and overwrite what the test above made it keep. */
START_TEST(outputs_of_the_fused_plan_in_f32)
{
    golden_case c;
    open_case(&c, cases[_i]);
    avsound_session *session = run_case(&c, AVSOUND_PRECISION_F32, NULL);
    char outputs[OUTPUTS_TEXT] = "";
    for (int32_t i = 0; i < avsound_session_output_count(session); i++)
        snprintf(outputs + strlen(outputs), sizeof outputs - strlen(outputs), "%s%s", i ? "," : "",
                 avsound_session_output_name(session, i));
    ck_assert_ptr_nonnull(strstr(outputs, "score"));
    check_layers(&c, session, cases[_i], outputs);
    avsound_session_free(session);
    close_case(&c);
}
END_TEST

static double cosine(const float *a, const float *b, int64_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < count; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The smallest cosine over the batch; embeddings are small enough to be kept whole. */
static double embedding_cosine(const golden_case *c, const avsound_session *session, const char *name)
{
    avsn_shape shape;
    const float *got = golden_output(session, name, &shape);
    const avsn_file_tensor *want = golden_tensor(c, name, "");
    ck_assert_int_eq(want->shape.dim[0], golden_count(&shape));
    double least = 1;
    for (int64_t n = 0; n < shape.dim[0]; n++)
        least =
            fmin(least, cosine(got + n * shape.dim[1], (const float *)want->data + n * shape.dim[1], shape.dim[1]));
    return least;
}

static double largest_difference(const golden_case *c, const avsound_session *session, const char *name)
{
    avsn_shape shape;
    const float *got = golden_output(session, name, &shape);
    const avsn_file_tensor *want = golden_tensor(c, name, "");
    ck_assert_int_eq(want->shape.dim[0], golden_count(&shape));
    double worst = 0;
    for (int64_t i = 0; i < want->shape.dim[0]; i++)
        worst = fmax(worst, fabs(got[i] - ((const float *)want->data)[i]));
    return worst;
}

START_TEST(embeddings_in_bf16)
{
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("%s bf16: skipped, this processor has neither AVX512-BF16 nor AMX\n", cases[_i]);
        return;
    }
    golden_case c;
    open_case(&c, cases[_i]);
    avsound_session *session = run_case(&c, AVSOUND_PRECISION_BF16, NULL);
    const double image = embedding_cosine(&c, session, "embedding.image");
    const double audio = embedding_cosine(&c, session, "embedding.audio");
    printf("%s bf16: cosine of the image embedding %.6f, of the audio embedding %.6f; score off by %.2g", cases[_i],
           image, audio, largest_difference(&c, session, "score"));
    if (avsn_safetensors_find(c.file, "map"))
        printf(", map by %.2g", largest_difference(&c, session, "map"));
    printf("\n");
    ck_assert_msg(image >= BF16_COSINE, "%s: image embedding's cosine is %g", cases[_i], image);
    ck_assert_msg(audio >= BF16_COSINE, "%s: audio embedding's cosine is %g", cases[_i], audio);
    avsound_session_free(session);
    close_case(&c);
}
END_TEST

/* Another picture must show in the layers that see it, and in no other. */
START_TEST(the_comparison_notices_another_picture)
{
    golden_case c;
    open_case(&c, "ave-net-narrow");
    for (int64_t i = 0; i < (int64_t)c.batch * 3 * c.height * c.width; i++)
        c.input[0][i] *= 1.01f;
    avsound_session *session = run_case(&c, AVSOUND_PRECISION_F32, c.outputs);
    ck_assert(layer_error(&c, session, "vision.conv1_1") > F32_TOLERANCE);
    ck_assert(layer_error(&c, session, "embedding.image") > F32_TOLERANCE);
    ck_assert(layer_error(&c, session, "embedding.audio") <= F32_TOLERANCE);
    avsound_session_free(session);
    close_case(&c);
}
END_TEST

LOOP_SUITE("golden.networks", {every_layer_in_f32, 0, CASES}, {outputs_of_the_fused_plan_in_f32, 0, CASES},
           {embeddings_in_bf16, 0, CASES}, {the_comparison_notices_another_picture, 0, 1})
