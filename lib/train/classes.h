/* Learning to recognise: each clip has a label, and the network tells the labels apart (Owens and Efros 2018, section 5). */
#ifndef AVSN_CLASSES_H
#define AVSN_CLASSES_H

#include "graph/internal.h"
#include "train/dataset.h"

/* The labels of a data set, each once. Immutable. */
typedef struct avsn_classes {
    avsound_context *context;
    const char **names; /* [count], ordered by strcmp; the data set's */
    int32_t count;
    char *text; /* a JSON array of the names */
} avsn_classes;

/* AVSOUND_E_INVALID_ARGUMENT for a clip without label and where all have the same. The data set must outlive them. */
avsound_status avsn_classes_create(avsound_context *context, const avsn_dataset *data, avsn_classes **out);
void avsn_classes_free(avsn_classes *classes); /* NULL is allowed */
/* -1 if there is none of this name. */
int32_t avsn_classes_find(const avsn_classes *classes, const char *name);

/* Appends input "label" (N,1), the classes' numbers, and output "loss" to a graph with logits (N,C). The value after it is the
 * logits' gradient. */
avsn_value avsn_class_loss(avsn_graph *graph, avsn_value logits);

/* Share of rows [items][row] whose highest logit is the label's; ties go to the first. */
double avsn_class_accuracy(const float *logits, int64_t row, const float *label, int32_t items);

#endif
