/* Shared by the files of lib/graph: appending nodes and values. */
#ifndef AVSN_GRAPH_INTERNAL_H
#define AVSN_GRAPH_INTERNAL_H

#include "graph/graph.h"

#define AVSN_POISON ((avsn_value){0})

/* True if the graph has failed or any value is poisoned. */
AVSN_SHARED bool avsn_graph_stuck(const avsn_graph *graph, const avsn_value *values, int32_t count);
/* Records the first failure, prefixed by scope and op; returns a poisoned value. */
AVSN_SHARED avsn_value avsn_graph_fail(avsn_graph *graph, avsound_status status, const char *op, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Appends a node with one output of this shape. `name` may be NULL; it gets the scope's prefix. */
AVSN_SHARED avsn_value avsn_graph_append(avsn_graph *graph, avsn_op_kind kind, const char *name, const avsn_attributes *attributes,
                             const avsn_value *inputs, int32_t input_count, const avsn_shape *shape);
/* With several outputs; returns the first, the others' ids follow it. */
AVSN_SHARED avsn_value avsn_graph_append_many(avsn_graph *graph, avsn_op_kind kind, const char *name,
                                  const avsn_attributes *attributes, const avsn_value *inputs, int32_t input_count,
                                  const avsn_shape *shapes, int32_t output_count);

#endif
