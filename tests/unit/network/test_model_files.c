#include "suite.h"

#include "network/network.h"
#include "failing.h"

#include <locale.h>
#include <unistd.h>

#define TINY "{\"width\":0.0625}"

/* Separators have widths of their own. */
static const char *tiny_config(const char *arch)
{
    const bool separates = !strncmp(arch, "separator", 9) || !strncmp(arch, "mask-net", 8);
    return !separates ? TINY : strstr(arch, "-pit") ? "{\"unet_width\":0.0625}" : "{\"width\":0.0625,\"unet_width\":0.0625}";
}

static avsound_context *context;

static avsound_model *create(const char *arch, const char *config, uint64_t seed)
{
    avsound_model *model;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, arch, config, seed, &model));
    return model;
}

static const float *parameter(const avsound_model *model, const char *name, size_t *count)
{
    for (int32_t i = 0; i < avsound_model_parameter_count(model); i++) {
        const char *found;
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_model_get_parameter(model, i, &found, &view));
        if (strcmp(found, name) != 0)
            continue;
        *count = 1;
        for (int32_t d = 0; d < view.rank; d++)
            *count *= (size_t)view.shape[d];
        return view.data;
    }
    ck_abort_msg("no parameter %s", name);
    return NULL;
}

static void ck_same_parameters(const avsound_model *a, const avsound_model *b)
{
    ck_assert_int_eq(avsound_model_parameter_count(a), avsound_model_parameter_count(b));
    for (int32_t i = 0; i < avsound_model_parameter_count(a); i++) {
        const char *name_a, *name_b;
        size_t count;
        ck_avsound(avsound_model_get_parameter(a, i, &name_a, NULL));
        ck_avsound(avsound_model_get_parameter(b, i, &name_b, NULL));
        ck_assert_str_eq(name_a, name_b);
        const float *data = parameter(a, name_a, &count);
        ck_assert_mem_eq(data, parameter(b, name_b, &count), count * sizeof *data);
    }
}

START_TEST(architectures_are_listed)
{
    ck_assert_int_eq(avsound_arch_count(), 13);
    ck_assert_str_eq(avsound_arch_name(0), "l3-net");
    ck_assert_str_eq(avsound_arch_name(1), "ave-net");
    ck_assert_str_eq(avsound_arch_name(2), "avol-net");
    ck_assert_str_eq(avsound_arch_name(3), "multisensory");
    ck_assert_str_eq(avsound_arch_name(4), "sync-net");
    ck_assert_str_eq(avsound_arch_name(5), "separator");
    ck_assert_str_eq(avsound_arch_name(6), "separator-pit");
    ck_assert_str_eq(avsound_arch_name(7), "mask-net");
    ck_assert_str_eq(avsound_arch_name(8), "mask-net-pit");
    ck_assert_str_eq(avsound_arch_name(9), "openl3-audio");
    ck_assert_str_eq(avsound_arch_name(10), "openl3-image");
    ck_assert_str_eq(avsound_arch_name(11), "ave-net-mf");
    ck_assert_str_eq(avsound_arch_name(12), "ave-net-of");
    ck_assert_ptr_null(avsound_arch_name(13));
    ck_assert_ptr_null(avsound_arch_name(-1));
}
END_TEST

START_TEST(seeds_draw_he_normal_weights)
{
    avsound_model *model = create("ave-net", "{\"width\":0.5}", 3);
    size_t count;
    const float *w = parameter(model, "vision.conv3_2.weight", &count);
    ck_assert_uint_eq(count, 128 * 128 * 9);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
    }
    const double variance = 2.0 / (128 * 9);
    ck_assert_double_lt(fabs(sum / (double)count), 4 * sqrt(variance / (double)count));
    ck_assert_double_lt(fabs(squares / (double)count / variance - 1), 4 * sqrt(2.0 / (double)count));
    const float *gamma = parameter(model, "audio.bn4_2.weight", &count), *var = parameter(model, "audio.bn4_2.running_var", &count);
    const float *mean = parameter(model, "audio.bn4_2.running_mean", &count), *beta = parameter(model, "audio.bn4_2.bias", &count);
    for (size_t i = 0; i < count; i++)
        ck_assert(gamma[i] == 1 && var[i] == 1 && mean[i] == 0 && beta[i] == 0);
    ck_assert_mem_eq(parameter(model, "fc3.weight", &count), ((float[]){0.7f, -0.7f}), 8);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(avsound_model_is_trained(model), 0);
    ck_assert_str_eq(avsound_model_metadata(model, "avsound.training"), "none");
    ck_assert_ptr_nonnull(strstr(avsound_model_metadata(model, "source"), "seed 3"));
    avsound_model_free(model);
}
END_TEST

/* Cut at two deviations, a normal distribution keeps 0.774 of its variance. */
START_TEST(the_multisensory_network_draws_truncated_normal_weights)
{
    avsound_model *model = create("multisensory", "{\"width\":0.25,\"audio_width\":0.25}", 3);
    size_t count;
    const float *w = parameter(model, "im.conv4_2_1.weight", &count);
    ck_assert_uint_eq(count, 64 * 64 * 27);
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
        largest = fmax(largest, fabs((double)w[i]));
    }
    const double drawn = 1.3 * 2 / (64 * 27), variance = 0.7737413 * drawn;
    ck_assert_double_lt(fabs(sum / (double)count), 4 * sqrt(variance / (double)count));
    ck_assert_double_lt(fabs(squares / (double)count / variance - 1), 4 * sqrt(1.37 / (double)count));
    ck_assert_double_le(largest, 2 * sqrt(drawn) * (1 + 1e-7));
    ck_assert_double_gt(largest, 1.99 * sqrt(drawn));
    w = parameter(model, "joint.logits.bias", &count);
    ck_assert(count == 1 && w[0] == 0);
    avsound_model_free(model);
}
END_TEST

START_TEST(a_seed_is_all_that_matters)
{
    avsound_model *a = create("avol-net", TINY, 1), *b = create("avol-net", TINY, 1), *c = create("avol-net", TINY, 2);
    size_t count;
    ck_same_parameters(a, b);
    const float *x = parameter(a, "vision.conv6.weight", &count), *y = parameter(c, "vision.conv6.weight", &count);
    ck_assert(memcmp(x, y, count * sizeof *x) != 0);
    avsound_model_free(a);
    avsound_model_free(b);
    avsound_model_free(c);
}
END_TEST

START_TEST(parameters_are_those_of_the_format)
{
    static const struct {
        const char *arch;
        int32_t count;
    } archs[] = {{"l3-net", 84}, {"ave-net", 90}, {"avol-net", 90}};
    for (size_t i = 0; i < 3; i++) {
        avsound_model *model = create(archs[i].arch, TINY, 1);
        const char *before = "", *name;
        ck_assert_int_eq(avsound_model_parameter_count(model), archs[i].count);
        for (int32_t p = 0; p < archs[i].count; p++) {
            ck_avsound(avsound_model_get_parameter(model, p, &name, NULL));
            ck_assert_str_lt(before, name);
            before = name;
        }
        ck_refused(avsound_model_get_parameter(model, archs[i].count, &name, NULL), AVSOUND_E_INVALID_ARGUMENT, "want 0...");
        ck_refused(avsound_model_get_parameter(model, -1, &name, NULL), AVSOUND_E_INVALID_ARGUMENT, "parameter -1");
        ck_assert_ptr_null(name);
        ck_assert_str_eq(avsound_model_arch(model), archs[i].arch);
        avsound_model_free(model);
    }
}
END_TEST

START_TEST(configurations_are_completed)
{
    avsound_model *model = create("l3-net", "{\"width\":0.1,\"conv1_stride\":1,\"image\":{\"std\":[0.25,0.3,1e-3]},"
                                            "\"audio\":{\"mean\":-42.5}}", 1);
    const char *config = avsound_model_config(model);
    ck_assert_ptr_eq(strstr(config, "{\"width\":0.1,\"conv1_stride\":1,\"image\":{\"width\":224,"), config);
    ck_assert_ptr_nonnull(strstr(config, "\"std\":[0.25,0.3,0.001]"));
    ck_assert_ptr_nonnull(strstr(config, "\"sample_rate\":48000"));
    ck_assert_ptr_nonnull(strstr(config, "\"floor\":1e-10"));
    ck_assert_ptr_nonnull(strstr(config, "\"mean\":-42.5"));
    ck_assert_str_eq(avsound_model_metadata(model, "avsound.config"), config);
    avsound_model *again = create("l3-net", config, 1);
    ck_assert_str_eq(avsound_model_config(again), config);
    ck_assert_mem_eq(&again->config, &model->config, sizeof model->config);
    avsound_model_free(again);
    avsound_model_free(model);
}
END_TEST

/* Networks of clips have other numbers, and as many samples as last as long as the frames. */
START_TEST(configurations_of_clips_are_completed)
{
    static const char *const some = "{\"width\":0.0625,\"audio_width\":0.125,\"conv5_stride\":1,\"clip\":{\"frames\":63}}";
    avsound_model *model = create("multisensory", some, 1);
    const char *config = avsound_model_config(model);
    ck_assert_str_eq(config, "{\"width\":0.0625,\"audio_width\":0.125,\"conv5_stride\":1,"
                             "\"classes\":0,\"vision_only\":0,"
                             "\"image\":{\"width\":224,\"height\":224,\"short_side\":256,\"cell\":32,"
                             "\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5]},"
                             "\"clip\":{\"frames\":63,\"frame_rate\":29.97,\"sample_rate\":21000,\"samples\":44144}}");
    avsound_model *again = create("multisensory", config, 1);
    ck_assert_str_eq(avsound_model_config(again), config);
    avsound_model_free(again);
    avsound_model_free(model);
    model = create("multisensory", "{\"width\":0.0625,\"audio_width\":0.0625}", 1);
    ck_assert_int_eq(model->config.clip.samples, 87588);
    avsound_model_free(model);
    model = create("multisensory", "{\"width\":0.0625,\"audio_width\":0.0625,\"clip\":{\"samples\":90000}}", 1);
    ck_assert_int_eq(model->config.clip.samples, 90000);
    avsound_model_free(model);
}
END_TEST

/* Clips whose sound is a spectrogram. */
START_TEST(configurations_of_lags_are_completed)
{
    avsound_model *model = create("sync-net", "{\"width\":0.125,\"lags\":12,\"clip\":{\"frames\":30}}", 1);
    const char *config = avsound_model_config(model);
    ck_assert_str_eq(config, "{\"width\":0.125,\"lags\":12,"
                             "\"image\":{\"width\":64,\"height\":64,\"short_side\":72,\"cell\":16,"
                             "\"mean\":[0.43,0.43,0.43],\"std\":[0.24,0.24,0.24]},"
                             "\"audio\":{\"sample_rate\":16000,\"window\":400,\"hop\":160,\"fft\":512,\"columns\":192,"
                             "\"offset\":-120,\"mel_bands\":40,\"power\":1,\"normalise\":1,\"mel_low\":60,\"mel_high\":7600,"
                             "\"floor\":1e-10,\"range\":0,\"mean\":-75,\"std\":20},"
                             "\"clip\":{\"frames\":30,\"frame_rate\":25}}");
    avsound_model *again = create("sync-net", config, 1);
    ck_assert_str_eq(avsound_model_config(again), config);
    avsound_model_free(again);
    avsound_model_free(model);
}
END_TEST

START_TEST(configurations_ignore_the_locale)
{
    char folder[] = "./locale-XXXXXX", command[200];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    sprintf(command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", folder);
    const bool made = system(command) == 0;
    setenv("LOCPATH", folder, 1);
    if (!made || !setlocale(LC_ALL, "de_DE.UTF-8"))
        puts("skipped: no localedef to make a locale with a decimal comma");
    else
        ck_assert_double_eq(strtod("0,5", NULL), 0.5);
    avsound_model *model = create("ave-net", "{\"width\":0.0625}", 1);
    ck_assert_ptr_nonnull(strstr(avsound_model_config(model), "{\"width\":0.0625,"));
    avsound_model_free(model);
    setlocale(LC_ALL, "C");
    sprintf(command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static void ck_arch_refused(const char *arch, const char *config, avsound_status code, const char *words)
{
    avsound_model *model = (avsound_model *)&model;
    ck_refused(avsound_model_create(context, arch, config, 1, &model), code, words);
    ck_assert_ptr_null(model);
}

static void ck_config_refused(const char *config, avsound_status code, const char *words)
{
    ck_arch_refused("ave-net", config, code, words);
}

static void ck_clip_refused(const char *config, const char *words)
{
    ck_arch_refused("multisensory", config, AVSOUND_E_INVALID_ARGUMENT, words);
}

START_TEST(bad_configurations_of_lags_are_refused)
{
    avsound_model_free(create("ave-net", TINY, 1));
    ck_arch_refused("sync-net", "{\"audio_width\":1}", AVSOUND_E_INVALID_ARGUMENT, "config: audio_width: unknown name");
    ck_arch_refused("sync-net", "{\"clip\":{\"samples\":7}}", AVSOUND_E_INVALID_ARGUMENT, "config: clip.samples: unknown name");
    ck_arch_refused("sync-net", "{\"lags\":0}", AVSOUND_E_INVALID_ARGUMENT, "lags is 0, want 1...10000");
    ck_arch_refused("sync-net", "{\"clip\":{\"frames\":0}}", AVSOUND_E_INVALID_ARGUMENT, "clip: frames is 0");
    ck_arch_refused("sync-net", "{\"audio\":{\"hop\":0}}", AVSOUND_E_INVALID_ARGUMENT, "hop is 0");
    ck_arch_refused("sync-net", "{\"clip\":{\"frames\":8}}", AVSOUND_E_SHAPE, "video.conv5");
    ck_arch_refused("sync-net", "{\"audio\":{\"columns\":33}}", AVSOUND_E_SHAPE, "audio.conv5");
}
END_TEST

START_TEST(bad_configurations_of_clips_are_refused)
{
    avsound_model_free(create("ave-net", TINY, 1));
    ck_clip_refused("{\"conv1_stride\":2}", "config: conv1_stride: unknown name");
    ck_clip_refused("{\"audio\":{\"hop\":240}}", "config: audio: unknown name");
    ck_clip_refused("{\"clip\":{\"bins\":7}}", "config: clip.bins: unknown name");
    ck_clip_refused("{\"clip\":7}", "clip is not a JSON object");
    ck_clip_refused("{\"audio_width\":0}", "audio_width is 0, want 0.0625...4");
    ck_clip_refused("{\"conv5_stride\":3}", "conv5_stride is 3, want 1 or 2");
    ck_clip_refused("{\"classes\":1}", "classes is 1, want 2...10000, or 0 for none");
    ck_clip_refused("{\"classes\":-2}", "classes is -2");
    ck_clip_refused("{\"classes\":3,\"vision_only\":2}", "vision_only is 2");
    ck_clip_refused("{\"vision_only\":1}", "vision_only is 1, want 0, or 1 with classes");
    ck_clip_refused("{\"clip\":{\"frames\":0}}", "clip: frames is 0");
    ck_clip_refused("{\"clip\":{\"frame_rate\":0}}", "clip: frame_rate is 0");
    ck_clip_refused("{\"clip\":{\"sample_rate\":-1}}", "clip: sample_rate is -1");
    ck_clip_refused("{\"clip\":{\"samples\":-1}}", "clip: samples is -1");
    ck_clip_refused("{\"clip\":{\"frames\":60000,\"frame_rate\":0.1}}", "clip: samples is");
    ck_config_refused("{\"audio_width\":1}", AVSOUND_E_INVALID_ARGUMENT, "config: audio_width: unknown name");
    ck_config_refused("{\"clip\":{}}", AVSOUND_E_INVALID_ARGUMENT, "config: clip: unknown name");
    ck_arch_refused("multisensory", "{\"width\":0.0625,\"clip\":{\"samples\":9000}}", AVSOUND_E_SHAPE, "sf.pool: ");
}
END_TEST

START_TEST(bad_configurations_are_refused)
{
    avsound_model_free(create("ave-net", TINY, 1));
    ck_config_refused("", AVSOUND_E_INVALID_ARGUMENT, "config: not the JSON wanted");
    ck_config_refused("[]", AVSOUND_E_INVALID_ARGUMENT, "config: it is not a JSON object");
    ck_config_refused("{\"width\":1,\"width\":1}", AVSOUND_E_INVALID_ARGUMENT, "not the JSON wanted");
    ck_config_refused("{\"depth\":1}", AVSOUND_E_INVALID_ARGUMENT, "config: depth: unknown name");
    ck_config_refused("{\"\\u001b[2J\":1}", AVSOUND_E_INVALID_ARGUMENT, "config: ?[2J: unknown name");
    ck_config_refused("{\"width\":\"1\"}", AVSOUND_E_INVALID_ARGUMENT, "config: width: want a number");
    ck_config_refused("{\"width\":0.01}", AVSOUND_E_INVALID_ARGUMENT, "width is 0.01, want 0.0625...4");
    ck_config_refused("{\"width\":5}", AVSOUND_E_INVALID_ARGUMENT, "width is 5");
    ck_config_refused("{\"width\":1e999}", AVSOUND_E_INVALID_ARGUMENT, "not the JSON wanted");
    ck_config_refused("{\"conv1_stride\":3}", AVSOUND_E_INVALID_ARGUMENT, "conv1_stride is 3, want 1 or 2");
    ck_config_refused("{\"conv1_stride\":1.5}", AVSOUND_E_INVALID_ARGUMENT, "conv1_stride: want a whole number");
    ck_config_refused("{\"conv1_stride\":4294967298}", AVSOUND_E_INVALID_ARGUMENT, "conv1_stride: 4294967298 is out of");
    ck_config_refused("{\"image\":7}", AVSOUND_E_INVALID_ARGUMENT, "image is not a JSON object");
    ck_config_refused("{\"image\":{\"mean\":[1,2]}}", AVSOUND_E_INVALID_ARGUMENT, "image.mean: want a list of three");
    ck_config_refused("{\"image\":{\"image\":{}}}", AVSOUND_E_INVALID_ARGUMENT, "image.image: unknown name");
    ck_config_refused("{\"audio\":{\"mean\":1e39}}", AVSOUND_E_INVALID_ARGUMENT, "audio.mean: 1e+39 is out of range");
    ck_config_refused("{\"audio\":{\"sample_rate\":0}}", AVSOUND_E_INVALID_ARGUMENT, "sample_rate is 0");
    ck_config_refused("{\"a\":[[[[[[[[[[1]]]]]]]]]]}", AVSOUND_E_INVALID_ARGUMENT, "nests deeper than 8 levels");
    char *big = malloc(70001);
    memset(big, ' ', 70000);
    big[70000] = 0;
    ck_config_refused(big, AVSOUND_E_INVALID_ARGUMENT, "70000 bytes, want at most 65536");
    free(big);
}
END_TEST

START_TEST(arguments_are_checked)
{
    avsound_model *model = create("ave-net", TINY, 1), *out;
    ck_refused(avsound_model_create(context, "vgg-net", NULL, 1, &out), AVSOUND_E_INVALID_ARGUMENT,
               "architecture is \"vgg-net\", want one of l3-net, ave-net, avol-net");
    ck_refused(avsound_model_create(context, NULL, NULL, 1, &out), AVSOUND_E_INVALID_ARGUMENT, "arch is NULL");
    ck_refused(avsound_model_create(NULL, "ave-net", NULL, 1, &out), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_model_create(context, "ave-net", NULL, 1, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_model_load(context, NULL, &out), AVSOUND_E_INVALID_ARGUMENT, "name is NULL");
    ck_refused(avsound_model_load(context, "x", NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_model_load_memory(context, NULL, 5, &out), AVSOUND_E_INVALID_ARGUMENT, "data is NULL");
    ck_refused(avsound_model_save(model, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_model_save(NULL, "x"), AVSOUND_E_INVALID_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(avsound_model_metadata(model, "no such key"));
    ck_assert_ptr_null(avsound_model_metadata(model, NULL));
    ck_assert_ptr_null(avsound_model_metadata_key(model, -1));
    ck_assert_ptr_null(avsound_model_metadata_key(model, avsound_model_metadata_count(model)));
    ck_assert_int_eq(avsound_model_parameter_count(NULL), 0);
    avsound_model_free(NULL);
    avsound_model_free(model);
}
END_TEST

START_TEST(a_saved_model_loads_bit_for_bit)
{
    for (int32_t i = 0; i < avsound_arch_count(); i++) {
        avsound_model *model = create(avsound_arch_name(i), tiny_config(avsound_arch_name(i)), 9), *loaded, *again;
        ck_avsound(avsound_model_save(model, "saved.safetensors"));
        ck_avsound(avsound_model_load(context, "saved.safetensors", &loaded));
        ck_same_parameters(model, loaded);
        ck_assert_str_eq(avsound_model_config(model), avsound_model_config(loaded));
        ck_assert_str_eq(avsound_model_metadata(loaded, "source"), avsound_model_metadata(model, "source"));
        ck_avsound(avsound_model_save(loaded, "again.safetensors"));
        ck_assert_int_eq(system("cmp saved.safetensors again.safetensors"), 0);
        /* over the file that is mapped: its pages stay */
        ck_avsound(avsound_model_save(loaded, "saved.safetensors"));
        ck_same_parameters(model, loaded);
        ck_avsound(avsound_model_load(context, "saved.safetensors", &again));
        ck_same_parameters(model, again);
        avsound_model_free(again);
        avsound_model_free(loaded);
        avsound_model_free(model);
    }
    remove("saved.safetensors");
    remove("again.safetensors");
}
END_TEST

START_TEST(a_model_outlives_its_context_and_its_bytes)
{
    avsound_model *model = create("l3-net", TINY, 4), *loaded;
    ck_avsound(avsound_model_save(model, "bytes.safetensors"));
    FILE *in = fopen("bytes.safetensors", "rb");
    char *bytes = malloc(4 << 20);
    const size_t size = fread(bytes, 1, 4 << 20, in);
    fclose(in);
    remove("bytes.safetensors");
    ck_avsound(avsound_model_load_memory(context, bytes, size, &loaded));
    free(bytes);
    avsound_context_free(context);
    context = NULL;
    ck_same_parameters(model, loaded);
    avsound_model_free(model);
    avsound_model_free(avsn_model_ref(loaded));
    ck_assert_int_eq(avsound_model_parameter_count(loaded), 84);
    avsound_model_free(loaded);
}
END_TEST

/* ---- files with one mistake ---- */

typedef struct variant {
    avsn_file_tensor *tensors;
    size_t count;
    const char *keys[3], *values[3];
    size_t metadata_count;
} variant;

/* What a good file of a tiny AVE-Net holds, for a test to spoil; weights are copies. */
static variant good(const avsound_model *model)
{
    variant v = {.count = (size_t)avsound_model_parameter_count(model),
                 .keys = {"avsound.arch", "avsound.config", "avsound.training"},
                 .values = {"ave-net", TINY, "trained"}, .metadata_count = 3};
    v.tensors = calloc(v.count + 1, sizeof *v.tensors);
    for (size_t i = 0; i < v.count; i++) {
        const avsn_named_tensor *item = &model->params.items[i];
        avsn_file_tensor *t = &v.tensors[i];
        *t = (avsn_file_tensor){item->name, AVSOUND_DTYPE_F32, item->shape, NULL, 0};
        avsn_shape_bytes(&t->shape, t->dtype, &t->bytes);
        t->data = memcpy(malloc(t->bytes), item->data, t->bytes);
    }
    return v;
}

static avsn_file_tensor *tensor_of(const variant *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (!strcmp(v->tensors[i].name, name))
            return &v->tensors[i];
    ck_abort_msg("no tensor %s", name);
    return NULL;
}

static avsound_status load_variant(variant *v, avsound_model **out)
{
    ck_avsound(avsn_safetensors_write(context, "variant.safetensors", v->tensors, v->count, v->keys, v->values,
                                      v->metadata_count));
    const avsound_status status = avsound_model_load(context, "variant.safetensors", out);
    remove("variant.safetensors");
    for (size_t i = 0; i < v->count; i++)
        free((void *)v->tensors[i].data);
    free(v->tensors);
    return status;
}

#define ck_variant_refused(v, code, words)                          \
    do {                                                            \
        avsound_model *out_ = (avsound_model *)&out_;               \
        ck_refused(load_variant(&v, &out_), code, words);           \
        ck_assert_ptr_null(out_);                                   \
    } while (0)

START_TEST(a_trained_model_says_so)
{
    avsound_model *model = create("ave-net", TINY, 5), *loaded;
    variant v = good(model);
    ck_avsound(load_variant(&v, &loaded));
    ck_assert_int_eq(avsound_model_is_trained(loaded), 1);
    ck_same_parameters(model, loaded);
    avsound_model_free(loaded);
    avsound_model_free(model);
}
END_TEST

START_TEST(bf16_tensors_are_widened)
{
    avsound_model *model = create("ave-net", TINY, 5), *loaded;
    variant v = good(model);
    avsn_file_tensor *t = tensor_of(&v, "vision.conv2_1.weight");
    size_t count, n = t->bytes / 4;
    uint16_t *halves = calloc(n, 2);
    for (size_t i = 0; i < n; i++)
        halves[i] = (uint16_t)(0x3e00 + i % 0x100); /* 0.125 (1 + (i mod 128) / 128), times 2 in the upper half */
    free((void *)t->data);
    *t = (avsn_file_tensor){t->name, AVSOUND_DTYPE_BF16, t->shape, halves, 2 * n};
    ck_avsound(load_variant(&v, &loaded));
    const float *wide = parameter(loaded, "vision.conv2_1.weight", &count);
    ck_assert_uint_eq(count, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_float_eq(wide[i], ldexpf(1 + (float)(i % 128) / 128, (int)(i / 128 % 2) - 3));
    avsound_model_free(loaded);
    avsound_model_free(model);
}
END_TEST

START_TEST(files_with_a_mistake_are_refused)
{
    avsound_model *model = create("ave-net", TINY, 5);
    variant v = good(model);
    v.metadata_count = 0;
    ck_variant_refused(v, AVSOUND_E_FORMAT, "variant.safetensors: no metadata key avsound.arch");
    v = good(model);
    v.values[0] = "vgg\033-net";
    ck_variant_refused(v, AVSOUND_E_FORMAT, "variant.safetensors: architecture is \"vgg?-net\", want one of l3-net");
    v = good(model);
    v.values[1] = "{\"width\":9}";
    ck_variant_refused(v, AVSOUND_E_FORMAT, "variant.safetensors: avsound.config: width is 9");
    v = good(model);
    v.values[1] = "nonsense";
    ck_variant_refused(v, AVSOUND_E_FORMAT, "variant.safetensors: avsound.config: not the JSON");
    v = good(model);
    free((void *)v.tensors[--v.count].data);
    ck_variant_refused(v, AVSOUND_E_FORMAT,
                       "vision.fc2.weight is missing (1 of ave-net's 90 tensors are), ave-net wants it as (128,128)");
    v = good(model);
    v.tensors[v.count++] = (avsn_file_tensor){"vision.fc9.weight", AVSOUND_DTYPE_F32, {1, {1}}, calloc(1, 4), 4};
    ck_variant_refused(v, AVSOUND_E_FORMAT, "vision.fc9.weight is no tensor of ave-net");
    v = good(model);
    v.values[1] = "{\"width\":0.125}";
    ck_variant_refused(v, AVSOUND_E_SHAPE,
                       "variant.safetensors: audio.bn1_1.bias is (4), ave-net wants (8)");
    v = good(model);
    tensor_of(&v, "vision.conv1_1.weight")->shape = AVSN_SHAPE(4, 27);
    ck_variant_refused(v, AVSOUND_E_SHAPE, "vision.conv1_1.weight is (4,27), ave-net wants (4,3,3,3)");
    v = good(model);
    v.values[0] = "l3-net";
    ck_variant_refused(v, AVSOUND_E_FORMAT, "fc1.bias is missing (4 of l3-net's 84 tensors are)");
    avsound_model_free(model);
}
END_TEST

START_TEST(values_that_are_no_numbers_are_refused)
{
    avsound_model *model = create("ave-net", TINY, 5);
    variant v = good(model);
    ((float *)tensor_of(&v, "vision.fc2.weight")->data)[16383] = NAN;
    ck_variant_refused(v, AVSOUND_E_FORMAT, "vision.fc2.weight holds nan at element 16383");
    v = good(model);
    ((float *)tensor_of(&v, "fc3.bias")->data)[1] = -INFINITY;
    ck_variant_refused(v, AVSOUND_E_FORMAT, "fc3.bias holds -inf at element 1, want finite numbers");
    v = good(model);
    ((float *)tensor_of(&v, "audio.bn3_1.running_var")->data)[2] = -1;
    ck_variant_refused(v, AVSOUND_E_FORMAT, "audio.bn3_1.running_var holds -1 at element 2, a variance is 0 or more");
    avsound_model_free(model);
}
END_TEST

START_TEST(damage_is_noticed)
{
    avsound_model *model = create("ave-net", TINY, 5), *loaded;
    ck_avsound(avsound_model_save(model, "damaged.safetensors"));
    FILE *file = fopen("damaged.safetensors", "r+b");
    fseek(file, -3, SEEK_END);
    fputc('x', file);
    fclose(file);
    ck_refused(avsound_model_verify(context, "damaged.safetensors"), AVSOUND_E_FORMAT, "damaged.safetensors: damaged");
    ck_avsound(avsound_model_load(context, "damaged.safetensors", &loaded)); /* its numbers are numbers still */
    avsound_model_free(loaded);
    ck_assert_int_eq(truncate("damaged.safetensors", 5000), 0);
    ck_refused(avsound_model_load(context, "damaged.safetensors", &loaded), AVSOUND_E_FORMAT, "damaged.safetensors: header");
    ck_refused(avsound_model_verify(context, "damaged.safetensors"), AVSOUND_E_FORMAT, "damaged.safetensors: header");
    ck_assert_ptr_null(loaded);
    remove("damaged.safetensors");
    avsound_model_free(model);
}
END_TEST

START_TEST(refused_allocations_leave_nothing)
{
    failing f;
    context = failing_context(&f);
    avsound_model *model = create("ave-net", TINY, 5), *out;
    ck_survives_refusals(&f, avsound_model_create(context, "ave-net", TINY, 5, &out), avsound_model_free(out));
    ck_survives_refusals(&f, avsound_model_save(model, "refused.safetensors"), (void)0);
    ck_survives_refusals(&f, avsound_model_load(context, "refused.safetensors", &out), avsound_model_free(out));
    ck_survives_refusals(&f, avsound_model_verify(context, "refused.safetensors"), (void)0);
    remove("refused.safetensors");
    avsound_model_free(model);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("api.model_files", architectures_are_listed, seeds_draw_he_normal_weights,
      the_multisensory_network_draws_truncated_normal_weights, a_seed_is_all_that_matters,
      parameters_are_those_of_the_format, configurations_are_completed,
      configurations_of_clips_are_completed, configurations_of_lags_are_completed, bad_configurations_of_clips_are_refused,
      bad_configurations_of_lags_are_refused, configurations_ignore_the_locale,
      bad_configurations_are_refused, arguments_are_checked, a_saved_model_loads_bit_for_bit,
      a_model_outlives_its_context_and_its_bytes, a_trained_model_says_so, bf16_tensors_are_widened,
      files_with_a_mistake_are_refused, values_that_are_no_numbers_are_refused, damage_is_noticed,
      refused_allocations_leave_nothing)
