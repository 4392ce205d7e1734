#include "train/classes.h"

#include "weights/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static avsound_status collect(avsn_classes *c, const avsn_dataset *data)
{
    const int32_t clips = avsn_dataset_count(data);
    c->names = avsn_alloc(c->context, (size_t)AVSN_MAX(clips, 1), sizeof *c->names);
    if (!c->names)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < clips; i++) {
        c->names[i] = avsn_dataset_clip_at(data, i)->label;
        if (!*c->names[i])
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s has no label: neither a column label names it, nor a folder that its source "
                      "lies in", avsn_dataset_clip_at(data, i)->path);
    }
    qsort(c->names, (size_t)clips, sizeof *c->names, by_name);
    for (int32_t i = 0; i < clips; i++)
        if (!c->count || strcmp(c->names[c->count - 1], c->names[i]) != 0)
            c->names[c->count++] = c->names[i];
    if (c->count < 2)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "all %d clips have the label \"%s\", want at least 2 labels", clips, c->names[0]);
    return AVSOUND_OK;
}

static avsound_status write_text(avsn_classes *c)
{
    json_t *json = json_array();
    int32_t written = 0;
    while (json && written < c->count && !json_array_append_new(json, json_string(c->names[written])))
        written++;
    if (json && written < c->count) {
        avsn_shown shown;
        json_decref(json);
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label \"%s\" is no UTF-8", avsn_show(c->names[written], &shown));
    }
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    c->text = text ? avsn_strdup(c->context, text) : NULL;
    free(text);
    json_decref(json);
    return c->text ? AVSOUND_OK : avsn_fail(AVSOUND_E_NO_MEMORY, "out of memory for the classes' names");
}

avsound_status avsn_classes_create(avsound_context *context, const avsn_dataset *data, avsn_classes **out)
{
    *out = NULL;
    avsn_classes *c = avsn_alloc_zeroed(context, 1, sizeof *c);
    if (!c)
        return AVSOUND_E_NO_MEMORY;
    c->context = avsn_context_ref(context);
    avsound_status status = collect(c, data);
    if (!status)
        status = write_text(c);
    if (status) {
        avsn_classes_free(c);
        return status;
    }
    *out = c;
    return AVSOUND_OK;
}

void avsn_classes_free(avsn_classes *c)
{
    if (!c)
        return;
    avsound_context *context = c->context;
    avsn_free(context, c->text);
    avsn_free(context, c->names);
    avsn_free(context, c);
    avsound_context_free(context);
}

int32_t avsn_classes_find(const avsn_classes *c, const char *name)
{
    const char *const *found = bsearch(&name, c->names, (size_t)c->count, sizeof *c->names, by_name);
    return found ? (int32_t)(found - c->names) : -1;
}

avsn_value avsn_class_loss(avsn_graph *graph, avsn_value logits)
{
    if (avsn_graph_stuck(graph, &logits, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, logits);
    if (shape.rank != 2 || shape.dim[1] < 2)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, "loss", "logits have %lld columns, want one of each class",
                               (long long)shape.dim[1]);
    const avsn_value inputs[2] = {logits, avsn_input(graph, "label", AVSN_SHAPE(shape.dim[0], 1))};
    const avsn_shape shapes[2] = {AVSN_SHAPE(1, 1), shape};
    const avsn_value loss = avsn_graph_append_many(graph, AVSN_OP_SOFTMAX_LOSS, "loss", NULL, inputs, 2, shapes, 2);
    avsn_output(graph, "loss", loss);
    return loss;
}

double avsn_class_accuracy(const float *logits, int64_t row, const float *label, int32_t items)
{
    int32_t right = 0;
    for (int32_t n = 0; n < items; n++) {
        int64_t best = 0;
        for (int64_t c = 1; c < row; c++)
            best = logits[n * row + c] > logits[n * row + best] ? c : best;
        right += best == (int64_t)label[n];
    }
    return (double)right / items;
}
