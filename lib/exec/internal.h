/* The plan's inside, shared by the files that build it: fuse.c makes steps of nodes, plan.c chooses kernels and layouts,
 * place.c gives buffers their memory, pack.c makes constants, describe.c prints. */
#ifndef AVSN_EXEC_INTERNAL_H
#define AVSN_EXEC_INTERNAL_H

#include "base/zone.h"
#include "exec/plan.h"
#include "op/kernel.h"

typedef struct avsn_buffer {
    avsn_value value;        /* poisoned for a scratchpad */
    avsn_layout *layout;     /* NULL for a scratchpad */
    const void *constant;    /* packed weights or parameters: outside the arena */
    size_t bytes, offset;
    int32_t first, last;     /* steps between which it is needed: -1 before the first, step_count after the last */
    int32_t alias;           /* shares this buffer's memory; -1: has its own */
} avsn_buffer;

/* Where a step's operand comes from. */
typedef enum avsn_operand {
    AVSN_FROM_VALUE,      /* an activation */
    AVSN_FROM_PARAM,      /* a parameter as it is */
    AVSN_FROM_CONV_WEIGHT, /* a convolution's weights, a folded batch norm's scale in them */
    AVSN_FROM_CONV_BIAS   /* its bias, a folded batch norm's shift in it */
} avsn_operand;

typedef struct avsn_step {
    const avsn_node *node;  /* NULL: a reorder */
    avsn_op_kind kind;      /* the node's, or what it has become with its neighbours */
    const avsn_node *fold;  /* batch norm folded into a convolution, or NULL */
    bool relu, add;
    int32_t parts;          /* of its source, the first operands; 0: one, as it is */
    float slope[AVSN_MAX_PARTS];
    int32_t input_count;
    avsn_operand operand[AVSN_MAX_INPUTS];
    avsn_value input[AVSN_MAX_INPUTS]; /* poisoned for a bias that only a fold makes */
    struct {
        int64_t begin, end;
    } columns[AVSN_MAX_INPUTS]; /* of a weight, along its second axis; 0, 0: all */
    int32_t output_count;
    avsn_value output[AVSN_MAX_OUTPUTS];
    avsn_kernel *kernel;
    int32_t in[AVSN_MAX_INPUTS], out[AVSN_MAX_OUTPUTS], scratchpad; /* buffers; scratchpad -1: none */
    uint64_t outputs; /* that need this step */
} avsn_step;

struct avsn_plan {
    avsound_context *context;
    avsn_graph *graph;
    const avsn_params *params;
    avsn_pack_cache *cache;
    avsn_plan_options options;
    avsn_runtime *runtime;
    avsn_zone zone;
    avsn_step *steps;
    avsn_buffer *buffers;
    size_t step_count, step_capacity, buffer_count, buffer_capacity;
    int32_t *value_buffer;    /* value id -> the buffer its producer writes, -1: none yet */
    uint64_t *value_outputs;  /* value id -> outputs that depend on it */
    bool *value_feeds_conv;   /* value id -> it stays in the compute type */
    avsn_value wanted[AVSN_MAX_WANTED];
    int32_t output_buffer[AVSN_MAX_WANTED];
    unsigned char *arena;
    size_t arena_bytes;
};

/* fuse.c: fills plan->steps from the graph's nodes that the wanted outputs need, in an order that computes. */
avsound_status avsn_plan_fuse(avsn_plan *plan);
avsn_step *avsn_plan_add_step(avsn_plan *plan); /* zeroed; NULL when memory is refused */

/* place.c: lifetimes, aliases, offsets, the arena. */
avsound_status avsn_plan_place(avsn_plan *plan);

/* pack.c: where a parameter lies, and the constant that operand `input` of a step wants, in its kernel's layout. */
avsound_status avsn_plan_param(const avsn_plan *plan, avsn_value value, const float **data);
avsound_status avsn_plan_constant(avsn_plan *plan, const avsn_step *step, int32_t input, const void **data);

#endif
