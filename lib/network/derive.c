/* Models that begin with another's weights. */
#include "network/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- words between commas ---- */

typedef struct word {
    const char *text;
    size_t length;
} word;

static bool next_word(const char **rest, word *out)
{
    if (!*rest)
        return false;
    *out = (word){*rest, strcspn(*rest, ",")};
    *rest = out->text[out->length] ? out->text + out->length + 1 : NULL;
    return true;
}

static bool holds(const char *name, const word *w)
{
    while (*name && strncmp(name, w->text, w->length) != 0)
        name++;
    return *name != 0;
}

static bool is_excepted(const char *name, const char *except)
{
    word w;
    while (next_word(&except, &w))
        if (holds(name, &w))
            return true;
    return false;
}

/* A word that excepts nothing is a slip. */
static avsound_status check_words(const avsound_model *model, const char *except)
{
    word w;
    while (next_word(&except, &w)) {
        int32_t held = 0;
        if (!w.length)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "except: an empty word, want parts of tensors' names");
        for (int32_t i = 0; i < model->params.count; i++)
            held += holds(model->params.items[i].name, &w);
        if (!held)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "except: \"%.*s\" is in the name of none of %s's %d tensors",
                      (int)AVSN_MIN(w.length, (size_t)64), w.text, model->arch->name, model->params.count);
    }
    return AVSOUND_OK;
}

/* ---- weights ---- */

static avsound_status take_tensor(avsound_model *model, const avsn_named_tensor *to, const avsn_named_tensor *theirs)
{
    char found[AVSN_SHAPE_TEXT], wanted[AVSN_SHAPE_TEXT];
    int64_t count;
    if (!avsn_shape_equal(&theirs->shape, &to->shape))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s is %s in the model to begin with, %s of this configuration wants %s", to->name,
                  avsn_shape_text(&theirs->shape, found), model->arch->name, avsn_shape_text(&to->shape, wanted));
    avsn_shape_count(&to->shape, &count);
    memcpy(model->storage + (to->data - model->storage), theirs->data, (size_t)count * sizeof(float));
    return AVSOUND_OK;
}

static avsound_status take_tensors(avsound_model *model, const avsound_model *from, const char *except, int32_t *taken)
{
    *taken = 0;
    AVSN_TRY(check_words(model, except));
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_named_tensor *to = &model->params.items[i], *theirs = avsn_params_find(&from->params, to->name);
        if (!theirs || is_excepted(to->name, except))
            continue;
        AVSN_TRY(take_tensor(model, to, theirs));
        ++*taken;
    }
    if (!*taken)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "none of %s's %d tensors is taken from the %s to begin with", model->arch->name,
                  model->params.count, from->arch->name);
    return AVSOUND_OK;
}

static avsound_status tell_source(avsound_model *model, const avsound_model *from, uint64_t seed, int32_t taken)
{
    char source[160];
    snprintf(source, sizeof source, "avsound %s, %d of %d tensors of another %s, the others drawn from seed %" PRIu64,
             avsound_version_string(), taken, model->params.count, from->arch->name, seed);
    return avsn_model_set_metadata(model, "none", (const char *const[]){"source"}, (const char *const[]){source}, 1);
}

avsound_status avsound_model_create_from(const avsound_model *from, const char *arch, const char *config, uint64_t seed,
                                         const char *except, int32_t *taken, avsound_model **out)
{
    int32_t count = 0;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!from)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "from is NULL");
    if (!arch && !config)
        config = from->config_text;
    avsound_model *model;
    AVSN_TRY(avsound_model_create(from->context, arch ? arch : from->arch->name, config, seed, &model));
    avsound_status status = take_tensors(model, from, except, &count);
    if (!status)
        status = tell_source(model, from, seed, count);
    if (status) {
        avsound_model_free(model);
        return status;
    }
    if (taken)
        *taken = count;
    *out = model;
    return AVSOUND_OK;
}

avsound_status avsn_model_classifier(const avsound_model *from, const char *names, int32_t classes, bool vision_only,
                                     uint64_t seed, avsound_model **out)
{
    const char *theirs = avsound_model_metadata(from, AVSN_KEY_CLASSES);
    const bool same = from->config.classes == classes && theirs && !strcmp(theirs, names);
    avsn_model_config config = from->config;
    char *text;
    *out = NULL;
    config.classes = classes;
    config.vision_only = vision_only;
    AVSN_TRY(avsn_config_text(from->context, from->arch, &config, &text));
    const avsound_status status = avsound_model_create_from(from, NULL, text, seed, same ? NULL : "lb.logits", NULL, out);
    avsn_free(from->context, text);
    return status;
}
