/* Kernels: one op made executable for given shapes, types and layouts. This folder holds the only includes of oneDNN. */
#ifndef AVSN_KERNEL_H
#define AVSN_KERNEL_H

#include "graph/graph.h"
#include "op/layout.h"

/* What kernels of one session share: oneDNN's engine and stream, and the thread count they were made for. */
typedef struct avsn_runtime avsn_runtime;
avsound_status avsn_runtime_create(avsound_context *context, int32_t threads, avsn_runtime **out);
void avsn_runtime_free(avsn_runtime *runtime);
int32_t avsn_runtime_threads(const avsn_runtime *runtime);

/* The instructions that kernels are made of: the processor's, less what the environment's ONEDNN_MAX_CPU_ISA takes away. */
typedef enum avsn_isa {
    AVSN_ISA_LESS,
    AVSN_ISA_AVX2,
    AVSN_ISA_AVX512,
    AVSN_ISA_AVX512_BF16,
    AVSN_ISA_AMX
} avsn_isa;
avsn_isa avsn_op_isa(void);

/* The processes that a batch is spread over. What depends on the whole batch goes through `mean`, which waits for all of them
 * and replaces each value by its mean over them, the same bits in each. A failure is the owner's to keep. */
typedef struct avsn_group {
    int32_t ranks; /* 0, 1: this process alone */
    void (*mean)(void *user, double *values, int64_t count);
    void *user;
} avsn_group;

typedef struct avsn_kernel avsn_kernel;

#define AVSN_MAX_PARTS 4

typedef struct avsn_kernel_request {
    avsound_context *context;
    avsn_runtime *runtime;
    avsn_op_kind kind;
    const avsn_attributes *attributes;
    int32_t input_count;
    avsn_layout *input[AVSN_MAX_INPUTS]; /* as they lie; parameters plain f32 */
    int32_t output_count;                /* 0: 1 */
    const avsn_shape *output;            /* the first one's shape */
    const avsn_shape *outputs[AVSN_MAX_OUTPUTS]; /* all of them, where there are several */
    int32_t compute;                     /* AVSOUND_DTYPE_F32 or _BF16: what convolutions multiply */
    int32_t output_dtype;                /* wanted of an op that can choose */
    bool relu;                           /* applied to the result */
    bool add;                            /* the last input is added to the result before that */
    int32_t parts;                       /* the first inputs are the source, joined along the channels; 0: one, as it is */
    float slope[AVSN_MAX_PARTS];         /* of each part's negative values, as it is read; 1: as it is */
    avsn_group group;                    /* whose batch the statistics of batch norm in training are over */
} avsn_kernel_request;

struct avsn_kernel {
    avsound_context *context;
    char impl[48];
    int32_t input_count;
    avsn_layout *input[AVSN_MAX_INPUTS]; /* wanted: what lies otherwise must be reordered first */
    int32_t output_count;
    avsn_layout *output[AVSN_MAX_OUTPUTS];
    size_t scratchpad_bytes; /* dies with the call */
    bool in_place;           /* output 0 may take input 0's memory */
    avsound_status (*bind)(avsn_kernel *kernel, void *const *inputs, void *const *outputs, void *scratchpad);
    avsound_status (*run)(avsn_kernel *kernel);
    void (*destroy)(avsn_kernel *kernel);
};

/* AVSOUND_E_UNSUPPORTED, with shapes and a reason, for what no kernel serves. */
avsound_status avsn_kernel_create(const avsn_kernel_request *request, avsn_kernel **out);
/* From one layout to another of the same shape, converting types. */
avsound_status avsn_kernel_create_reorder(avsound_context *context, avsn_runtime *runtime, avsn_layout *from,
                                          avsn_layout *to, avsn_kernel **out);
void avsn_kernel_free(avsn_kernel *kernel);
/* True if the op can add and clip in the same pass. */
bool avsn_op_fuses_relu(avsn_op_kind kind);
bool avsn_op_fuses_add(avsn_op_kind kind);

typedef struct avsn_op_parts {
    avsn_op_kind kind;
    const avsn_attributes *attributes;
    int32_t compute, count;
    const avsn_shape *part[AVSN_MAX_PARTS], *output;
} avsn_op_parts;
/* True if the op's kernel takes its source in these parts, with slopes, and a bias even where the op has none. */
bool avsn_op_reads_parts(const avsn_op_parts *parts);

#endif
