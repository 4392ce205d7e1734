/* Numbers below the normal range count as zero while a network runs, whatever the caller's floating-point state, and that
 * state comes back untouched. */
#include "contract/fixture.h"

#include "weights/safetensors.h"

#include <fenv.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static const float denormal = 1e-40f;

static void set_inputs(avsound_session *session, float value)
{
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        avsound_tensor view = {.struct_size = sizeof view};
        const char *name = NULL;
        ck_avsound(avsound_session_input(session, i, &name, &view));
        float *values = malloc(output_count(&view) * sizeof *values);
        for (size_t k = 0; k < output_count(&view); k++)
            values[k] = k % 2 ? value : -value;
        view.data = values;
        ck_avsound(avsound_session_set_input(session, name, &view));
        free(values);
    }
}

static uint64_t digest_of(avsound_model *model, int32_t threads)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.threads = threads;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &options, &session));
    fill_inputs(session, 1);
    ck_avsound(avsound_session_run(session));
    const uint64_t digest = outputs_digest(session);
    avsound_session_free(session);
    return digest;
}

/* Loads a copy of `model` in which the convolutions' weights are all `value`. */
static avsound_model *model_with_weights(avsound_context *context, avsound_model *model, float value)
{
    char folder[64], from[96], to[96];
    make_folder(folder);
    snprintf(from, sizeof from, "%s/from.safetensors", folder);
    snprintf(to, sizeof to, "%s/to.safetensors", folder);
    ck_avsound(avsound_model_save(model, from));
    avsn_safetensors *file = NULL;
    ck_avsound(avsn_safetensors_open(context, from, &file));
    const size_t count = avsn_safetensors_count(file), entries = avsn_safetensors_metadata_count(file);
    avsn_file_tensor *tensors = calloc(count, sizeof *tensors);
    const char **keys = calloc(entries, sizeof *keys), **values = calloc(entries, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *avsn_safetensors_at(file, i);
        if (tensors[i].shape.rank != 4)
            continue;
        float *data = malloc(tensors[i].bytes);
        for (size_t k = 0; k < tensors[i].bytes / sizeof *data; k++)
            data[k] = value;
        tensors[i].data = data;
    }
    size_t kept = 0;
    for (size_t i = 0; i < entries; i++) {
        avsn_safetensors_metadata_at(file, i, &keys[kept], &values[kept]);
        kept += strcmp(keys[kept], "avsound.sha256") != 0; /* written anew */
    }
    ck_avsound(avsn_safetensors_write(context, to, tensors, count, keys, values, kept));
    avsound_model *changed = NULL;
    ck_avsound(avsound_model_load(context, to, &changed));
    for (size_t i = 0; i < count; i++)
        if (tensors[i].shape.rank == 4)
            free((void *)(uintptr_t)tensors[i].data);
    free(tensors);
    free(keys);
    free(values);
    avsn_safetensors_free(file);
    remove_folder(folder);
    return changed;
}

START_TEST(denormal_inputs_count_as_zero)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    for (int32_t threads = 1; threads <= 2; threads++) {
        avsound_session_options options;
        avsound_session_options_init(&options, sizeof options);
        options.threads = threads;
        uint64_t digest[2];
        for (int i = 0; i < 2; i++) {
            avsound_session *session = NULL;
            ck_avsound(avsound_session_create(model, &options, &session));
            set_inputs(session, i ? denormal : 0);
            ck_avsound(avsound_session_run(session));
            digest[i] = outputs_digest(session);
            avsound_session_free(session);
        }
        ck_assert_uint_eq(digest[0], digest[1]);
    }
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(denormal_weights_count_as_zero)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_model *zero = model_with_weights(context, model, 0);
    avsound_model *tiny = model_with_weights(context, model, denormal);
    for (int32_t threads = 1; threads <= 2; threads++)
        ck_assert_uint_eq(digest_of(zero, threads), digest_of(tiny, threads));
    avsound_model_free(zero);
    avsound_model_free(tiny);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

/* Other rounding modes, flush-to-zero, an exception unmasked. */
START_TEST(caller_keeps_its_floating_point_state)
{
#if defined(__x86_64__)
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "avol-net");
    avsound_frame frame = make_frame(160, 120, 1);
    avsound_audio sound = make_audio(48000, 48000, 1);
    const uint32_t fresh = _mm_getcsr();
    const uint32_t states[] = {0x1f80, 0x1f80 | 0x4000, 0x1f80 | 0x6000, 0x1f80 | 0x8000, 0x1f80 & ~0x0200};
    for (int32_t threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
            avsound_session_options options;
            avsound_session_options_init(&options, sizeof options);
            options.threads = threads;
            avsound_session *session = NULL;
            ck_avsound(avsound_session_create(model, &options, &session));
            fill_inputs(session, 1);
            _mm_setcsr(states[i]);
            avsound_status status = avsound_session_run(session);
            const uint32_t after_run = _mm_getcsr();
            _mm_setcsr(fresh);
            ck_avsound(status);
            ck_assert_msg(after_run == states[i], "%d threads: state %x became %x", threads, states[i], after_run);

            float values[128];
            size_t size = 128;
            _mm_setcsr(states[i]);
            status = avsound_embed_image(session, &frame, 1, values, &size);
            if (!status)
                status = avsound_embed_audio(session, &sound, 1, values, &size);
            const uint32_t after_embed = _mm_getcsr();
            _mm_setcsr(fresh);
            ck_avsound(status);
            /* Exception flags (the low six bits) only ever get set, as by any arithmetic of the caller's. */
            ck_assert_msg((after_embed & ~0x3fu) == (states[i] & ~0x3fu), "state %x became %x", states[i], after_embed);
            avsound_session_free(session);
        }
    drop_frame(&frame);
    drop_audio(&sound);
    avsound_model_free(model);
    avsound_context_free(context);
#endif
}
END_TEST

START_TEST(results_do_not_depend_on_the_callers_rounding)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session *session = default_session(model);
    fill_inputs(session, 1);
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    uint64_t first = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(fesetround(modes[i]), 0);
        const avsound_status status = avsound_session_run(session);
        const int mode = fegetround();
        fesetround(FE_TONEAREST);
        ck_avsound(status);
        ck_assert_int_eq(mode, modes[i]);
        const uint64_t digest = outputs_digest(session);
        if (i == 0)
            first = digest;
        ck_assert_uint_eq(digest, first);
    }
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

SUITE("contract.denormals", denormal_inputs_count_as_zero, denormal_weights_count_as_zero,
      caller_keeps_its_floating_point_state, results_do_not_depend_on_the_callers_rounding)
