/* A network as data: values and the nodes that make them. Built by one readable file per network (lib/model), extended with
 * backward nodes for training, made executable by lib/exec.
 *
 * Activations are N, C, then 1-3 spatial axes. Parameters are values too, declared by the op that uses them and addressed by
 * their path: "vision.conv1_1.weight".
 *
 * Failure is sticky: a builder call given a poisoned value, or made after a failure, returns a poisoned value; the first
 * failure is kept and avsn_graph_finish reports it. So model files need no check per line. */
#ifndef AVSN_GRAPH_H
#define AVSN_GRAPH_H

#include "tensor/tensor.h"

#define AVSN_MAX_SPATIAL 3
#define AVSN_MAX_INPUTS 8
#define AVSN_MAX_OUTPUTS 4

typedef struct avsn_graph avsn_graph;

typedef struct avsn_value {
    int32_t id; /* 0: poisoned */
} avsn_value;

typedef enum avsn_op_kind {
    AVSN_OP_INPUT,
    AVSN_OP_PARAM,
    AVSN_OP_CONV,         /* src, weights[, bias] */
    AVSN_OP_BATCH_NORM,   /* src, bias, running mean, running variance[, weight] */
    AVSN_OP_ELTWISE,      /* src */
    AVSN_OP_POOL,         /* src */
    AVSN_OP_GLOBAL_POOL,  /* src (N,C,spatial) -> (N,C) */
    AVSN_OP_DENSE,        /* src (N,I), weights (O,I)[, bias (O)] */
    AVSN_OP_ADD,          /* two of one shape */
    AVSN_OP_CONCAT,       /* 2-8, along axis 1 */
    AVSN_OP_SLICE,        /* channels [begin, end) of axis 1 */
    AVSN_OP_L2_NORMALIZE, /* (N,C) along C */
    AVSN_OP_DISTANCE,     /* (N,C), (N,C) -> (N,1), Euclidean */
    AVSN_OP_INNER_MAP,    /* (N,C,spatial), (N,C) -> (N,1,spatial): scalar product at every cell */
    AVSN_OP_AFFINE,       /* src, scale (1), bias (1): one learned scale and shift */
    AVSN_OP_SOFTMAX,      /* along axis 1 */
    AVSN_OP_FRACTIONAL_POOL, /* src (N,C,T): maxima of windows along T; in training [, boundaries (outputs + 1)] */
    AVSN_OP_TILE,         /* src (N,C,T) -> (N,C,T,rows,columns) or (N,C,T,columns) */
    AVSN_OP_REPEAT,       /* src (N,...) -> (N k,...), each item k times in succession */
    AVSN_OP_DECONV,       /* src (N,C,cells), weights (C,O,kernel) -> (N,O,cells * stride): a convolution's adjoint */
    AVSN_OP_BIAS,         /* src, bias (C) */
    AVSN_OP_PICTURE_MEAN, /* src (N,C,T,H,W) -> (N,C,T) */
    AVSN_OP_STRETCH,      /* src (N,C,T) -> (N,C,T'), linear between steps */
    AVSN_OP_SQUASH,       /* src (N,C,spatial): each cell's vector, of a length below 1 */
    AVSN_OP_LAGS,         /* (N,D,T), (N,D,S) -> (N,lags): mean scalar product at each lag */
    AVSN_OP_MASK,         /* logits (N,1,T,F), level and phase (N,2,T,F) -> (N,2,T,F): what a mask lets through */

    /* Made by plans, in no graph. */
    AVSN_OP_JOINED_CONV, /* src, (N,C,T), weights of src, of the other[, bias] -> convolution of src joined with the other,
                            tiled */

    /* Appended by lib/train, never by a model file. "diff" is a gradient of the loss. */
    AVSN_OP_CONV_BACKWARD_DATA,    /* diff dst, weights -> diff src */
    AVSN_OP_CONV_BACKWARD_WEIGHTS, /* src, diff dst -> diff weights[, diff bias] */
    /* "renorm": the sums of means, of their weights, of deviations and of their weights (C),(1),(C),(1), where the op
       renormalises; "correction" (2,C): the batch norm's y becomes y r + d */
    AVSN_OP_BATCH_NORM_TRAIN,      /* src, bias[, weight][, renorm] -> dst, mean, variance[, correction] */
    AVSN_OP_BATCH_NORM_BACKWARD,   /* diff dst, src, bias, mean, variance[, correction][, weight] -> diff src, diff bias[, diff
                                      weight] */
    AVSN_OP_RUNNING_STATISTICS,    /* running mean, running variance, mean, variance[, renorm] -> those parameters, in place */
    AVSN_OP_RELU_BACKWARD,         /* dst, diff dst -> diff src */
    AVSN_OP_SIGMOID_BACKWARD,      /* dst, diff dst -> diff src */
    AVSN_OP_COMPAND_BACKWARD,      /* dst, diff dst -> diff src */
    AVSN_OP_TANH_BACKWARD,         /* dst, diff dst -> diff src */
    AVSN_OP_POOL_TRAIN,            /* src -> dst, where the maxima were */
    AVSN_OP_POOL_BACKWARD,         /* diff dst[, where the maxima were] -> diff src */
    AVSN_OP_GLOBAL_POOL_BACKWARD,  /* src, dst, diff dst -> diff src */
    AVSN_OP_DENSE_BACKWARD_DATA,   /* diff dst, weights -> diff src */
    AVSN_OP_DENSE_BACKWARD_WEIGHTS, /* src, diff dst -> diff weights, diff bias */
    AVSN_OP_SLICE_BACKWARD,        /* diff dst -> diff src, zeros outside the slice */
    AVSN_OP_FRACTIONAL_POOL_BACKWARD, /* diff dst, src[, boundaries] -> diff src */
    AVSN_OP_TILE_BACKWARD,         /* diff dst -> diff src */
    AVSN_OP_REPEAT_BACKWARD,       /* diff dst -> diff src */
    AVSN_OP_SQUASH_BACKWARD,       /* src, dst, diff dst -> diff src */
    AVSN_OP_LAGS_BACKWARD,         /* video, audio, diff dst -> diff video, diff audio */
    AVSN_OP_MASK_BACKWARD,         /* logits, diff dst -> diff logits */
    AVSN_OP_LAG_LOSS,              /* logits (N,lags), lag (N,1) -> mean cross-entropy (1,1), diff logits */
    AVSN_OP_SEPARATION_LOSS,       /* two of (N,2,T,F), sources (N,4,T,F): both sources' level and phase -> mean distance (1,1), both
                                      diffs */
    AVSN_OP_BIAS_BACKWARD,         /* diff dst -> diff bias */
    AVSN_OP_PICTURE_MEAN_BACKWARD, /* diff dst -> diff src */
    AVSN_OP_STRETCH_BACKWARD,      /* diff dst -> diff src */
    AVSN_OP_L2_NORMALIZE_BACKWARD, /* src, dst, diff dst -> diff src */
    AVSN_OP_DISTANCE_BACKWARD,     /* a, b, dst, diff dst -> diff a, diff b */
    AVSN_OP_INNER_MAP_BACKWARD,    /* cells, vector, diff dst -> diff cells, diff vector */
    AVSN_OP_AFFINE_BACKWARD,       /* src, scale, diff dst -> diff src, diff scale, diff bias */
    AVSN_OP_SOFTMAX_BACKWARD,      /* dst, diff dst -> diff src */
    AVSN_OP_SOFTMAX_LOSS,          /* logits (N,C), class (N,1) -> mean cross-entropy (1,1), diff logits */
    AVSN_OP_SIGMOID_LOSS,          /* logits (N,1), 0 or 1 (N,1) -> mean cross-entropy (1,1), diff logits */
    AVSN_OP_PAIR_DISTANCE,         /* (N,C), (N,C) -> (N*N,1): row i*N+j is of the first's i and the second's j */
    AVSN_OP_PAIR_DISTANCE_BACKWARD, /* a, b, dst, diff dst -> diff a, diff b */
    AVSN_OP_PAIR_INNER_MAP,        /* (N,C,spatial), (N,C) -> (N*N,1,spatial), in the same order */
    AVSN_OP_PAIR_INNER_MAP_BACKWARD, /* cells, vectors, diff dst -> diff cells, diff vectors */
    AVSN_OP_PAIR_LOSS,             /* logits (N*N,1 or 2) of all pairs -> contrastive loss (1,1), diff logits */
    AVSN_OP_COUNT
} avsn_op_kind;

AVSN_SHARED const char *avsn_op_name(avsn_op_kind kind);

typedef enum avsn_eltwise {
    AVSN_RELU,
    AVSN_SIGMOID,
    AVSN_COMPAND, /* sign(x) ln(1 + 255 |x|) / ln 256: mu-law without quantisation */
    AVSN_TANH,
    AVSN_LEAKY_RELU, /* x, below 0 times the slope */
    AVSN_ZERO /* 0, whatever x is; no gradient goes past it */
} avsn_eltwise;
typedef enum avsn_pooling { AVSN_POOL_MAX, AVSN_POOL_AVERAGE } avsn_pooling;

/* Sliding-window geometry; entries beyond the value's spatial axes are 1 (pads 0). */
typedef struct avsn_window {
    int32_t spatial; /* axes */
    int64_t kernel[AVSN_MAX_SPATIAL], stride[AVSN_MAX_SPATIAL], dilation[AVSN_MAX_SPATIAL];
    int64_t before[AVSN_MAX_SPATIAL], after[AVSN_MAX_SPATIAL]; /* padding; convolutions pad with 0, max pools with -inf,
                                                                  averages count the window's real cells only */
} avsn_window;

typedef struct avsn_attributes {
    avsn_window window;    /* conv, pool; deconv: of the convolution from its result to its source */
    avsn_eltwise eltwise;
    float slope;           /* leaky ReLU: of what is below 0 */
    avsn_pooling pooling;  /* pool, global pool */
    int64_t begin, end;    /* slice */
    float epsilon;         /* batch norm, L2 normalise */
    float momentum;        /* running statistics: share of the new batch's */
    int64_t values;        /* running statistics: how many the batch's variance is over, in this process */
    bool relu;             /* batch norm in training: a ReLU in the same pass */
    bool renorm;           /* batch norm in training: batch renormalisation */
    float share;           /* pair loss: weight of the binary cross-entropy beside the contrastive one */
    bool views;            /* pair loss: items i and i + N/2 are views of one thing (lib/train/views.h) */
    float temperature;     /* pair loss of views: logits are divided by it */
    int64_t steps, lags;   /* lags: the second operand's vectors to one of the first; -lags...lags of the second's */
    float ordered, either, phase; /* separation loss: weights of the distance with each result's own source, of that in the nearer
                                     order, and in both of phases against levels */
    float floor;           /* separation loss: distances are the logarithms to 10 of errors over the sources' energy, in which this
                              share of it is always left; 0: absolute differences */
    float decibels;        /* mask, separation loss: from a level of 0 to 1 */
    bool rest;             /* mask: what it holds back instead */
    float spread;          /* lag loss: standard deviation of the lags wanted about the true one */
} avsn_attributes;

typedef struct avsn_node {
    avsn_op_kind kind;
    avsn_attributes attributes;
    const char *name; /* path, "" for none */
    int32_t input_count, output_count;
    avsn_value input[AVSN_MAX_INPUTS], output[AVSN_MAX_OUTPUTS];
} avsn_node;

/* How a parameter starts. */
typedef enum avsn_init_kind {
    AVSN_INIT_CONSTANT, /* values[0] everywhere */
    AVSN_INIT_LIST,     /* values[i] for element i, at most 4 elements */
    AVSN_INIT_HE,       /* normal with variance 2 / fan_in (He et al. 2015) */
    AVSN_INIT_TRUNCATED, /* normal with variance 2.6 / fan_in, what lies beyond two deviations drawn anew: about He's again */
    AVSN_INIT_NORMAL    /* with mean values[0] and deviation values[1] */
} avsn_init_kind;

typedef struct avsn_init {
    avsn_init_kind kind;
    float values[4];
    int64_t fan_in;
} avsn_init;

typedef struct avsn_param_spec {
    const char *name; /* path */
    avsn_shape shape;
    avsn_init init;
    bool state; /* running statistics: not learned by gradients */
    avsn_value value;
} avsn_param_spec;

/* ---- life ---- */

AVSN_SHARED avsound_status avsn_graph_create(avsound_context *context, avsn_graph **out);
AVSN_SHARED void avsn_graph_free(avsn_graph *graph);
/* The first failure, if any. */
AVSN_SHARED avsound_status avsn_graph_finish(avsn_graph *graph);
AVSN_SHARED avsound_context *avsn_graph_context(const avsn_graph *graph);

/* ---- building ---- */

/* Names inside are prefixed "name.". */
void avsn_scope(avsn_graph *graph, const char *name);
void avsn_end(avsn_graph *graph);

AVSN_SHARED avsn_value avsn_input(avsn_graph *graph, const char *name, avsn_shape shape);
AVSN_SHARED avsn_value avsn_param(avsn_graph *graph, const char *name, avsn_shape shape, avsn_init init, bool state);
/* Makes a value addressable: as a layer's output, in descriptions, in logs. */
AVSN_SHARED avsn_value avsn_name(avsn_graph *graph, const char *name, avsn_value value);
/* Declares one of the network's outputs; names of outputs are not scoped. */
AVSN_SHARED void avsn_output(avsn_graph *graph, const char *name, avsn_value value);

/* Lists have one entry per spatial axis; a 0 in kernel, stride or dilation means 1. */
typedef struct avsn_window_args {
    int64_t out; /* channels: conv, deconv */
    int64_t kernel[AVSN_MAX_SPATIAL], stride[AVSN_MAX_SPATIAL], dilation[AVSN_MAX_SPATIAL];
    int64_t pad[AVSN_MAX_SPATIAL];                              /* both sides */
    int64_t before[AVSN_MAX_SPATIAL], after[AVSN_MAX_SPATIAL];  /* on top of pad */
    int32_t same;  /* TensorFlow's SAME: output ceil(in / stride), the odd cell of padding after; pads must be 0 */
    int32_t bias;  /* conv, deconv: 1 adds one */
    int32_t truncated; /* conv: 1: weights start as AVSN_INIT_TRUNCATED, not _HE */
    int32_t ceil;  /* pool: 1 keeps a last partial window */
    float deviation; /* conv, deconv: weights start as normal numbers with this; 0: as He et al. have it */
} avsn_window_args;

/* Parameters name.weight (O, I, kernel)[, name.bias (O)]. */
avsn_value avsn_conv_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_window_args *args);
#define avsn_conv(graph, name, src, ...) avsn_conv_build(graph, name, src, &(avsn_window_args){__VA_ARGS__})

/* The adjoint of the convolution with these numbers and padding SAME, from (N,out,cells * stride) to src's (N,C,cells).
 * Parameters name.weight (C, out, kernel)[, name.bias (out)]. */
avsn_value avsn_deconv_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_window_args *args);
#define avsn_deconv(graph, name, src, ...) avsn_deconv_build(graph, name, src, &(avsn_window_args){__VA_ARGS__})

/* Parameters [name.weight,] name.bias, and state name.running_mean, name.running_var (C). */
typedef struct avsn_norm_args {
    float epsilon;
    int32_t no_weight; /* 1: nothing is learned but the bias */
    float momentum;    /* share of a new batch in the running statistics, unless the trainer has its own; 0: it has */
    int32_t renorm;    /* 1: batch renormalisation in training (S. Ioffe 2017), as TensorFlow had it up to 1.8, nothing clipped */
    float deviation;   /* weights start as normal numbers around 1 with this; 0: as 1 */
} avsn_norm_args;
avsn_value avsn_batch_norm_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_norm_args *args);
#define avsn_batch_norm(graph, name, src, ...) avsn_batch_norm_build(graph, name, src, &(avsn_norm_args){__VA_ARGS__})

avsn_value avsn_pool_build(avsn_graph *graph, avsn_pooling pooling, avsn_value src, const avsn_window_args *args);
#define avsn_max_pool(graph, src, ...) avsn_pool_build(graph, AVSN_POOL_MAX, src, &(avsn_window_args){__VA_ARGS__})
#define avsn_average_pool(graph, src, ...) \
    avsn_pool_build(graph, AVSN_POOL_AVERAGE, src, &(avsn_window_args){__VA_ARGS__})

avsn_value avsn_global_pool(avsn_graph *graph, avsn_pooling pooling, avsn_value src);
avsn_value avsn_relu(avsn_graph *graph, avsn_value src);
avsn_value avsn_sigmoid(avsn_graph *graph, avsn_value src);
avsn_value avsn_companded(avsn_graph *graph, avsn_value src);
avsn_value avsn_tanh(avsn_graph *graph, avsn_value src);
avsn_value avsn_leaky_relu(avsn_graph *graph, avsn_value src, float slope);
avsn_value avsn_zeros_like(avsn_graph *graph, avsn_value src);
/* Parameters name.weight (out, in), name.bias (out). `starts` replaces the weight's and the bias's initial values, or NULL. */
typedef struct avsn_dense_starts {
    avsn_init weight, bias;
} avsn_dense_starts;
avsn_value avsn_dense(avsn_graph *graph, const char *name, avsn_value src, int64_t out,
                      const avsn_dense_starts *starts);
AVSN_SHARED avsn_value avsn_add(avsn_graph *graph, avsn_value a, avsn_value b);
avsn_value avsn_concat(avsn_graph *graph, const avsn_value *values, int32_t count);
AVSN_SHARED avsn_value avsn_slice(avsn_graph *graph, avsn_value src, int64_t begin, int64_t end);
avsn_value avsn_l2_normalize(avsn_graph *graph, avsn_value src, float epsilon);
avsn_value avsn_distance(avsn_graph *graph, avsn_value a, avsn_value b);
avsn_value avsn_inner_map(avsn_graph *graph, avsn_value cells, avsn_value vector);
/* Parameters name.weight (1), name.bias (1). */
avsn_value avsn_affine(avsn_graph *graph, const char *name, avsn_value src, float weight, float bias);
avsn_value avsn_softmax(avsn_graph *graph, avsn_value src);
/* Non-overlapping windows of floor(T / outputs) steps or one more; where they lie: graph/fractional.h. In training they are
 * drawn: the training graph has an input name.boundaries. */
avsn_value avsn_fractional_pool(avsn_graph *graph, const char *name, avsn_value src, int64_t outputs);
/* x / sqrt(1 + |x|^2) along axis 1: a length below 1, short where little is. Axes of one cell go but for one: (N,C,T,1,1) and
 * (N,C,1,T) become (N,C,T). */
avsn_value avsn_squash(avsn_graph *graph, avsn_value src);
/* Of video (N,D,T) and audio (N,D,S), `steps` vectors of audio a frame, both beginning at once: at column lag + lags the mean of
 * the scalar products of vectors i and steps * i - lag, for lags -lags...lags; -1 where none meet. A positive lag: audio leads. */
avsn_value avsn_lags(avsn_graph *graph, avsn_value video, avsn_value audio, int64_t steps, int64_t lags);
/* The same at every one of rows x columns cells, of a row's columns. */
avsn_value avsn_tile(avsn_graph *graph, avsn_value src, int64_t rows, int64_t columns);
avsn_value avsn_tile_row(avsn_graph *graph, avsn_value src, int64_t columns);
/* Of a spectrogram's level and phase (N,2,T,F) the share sigmoid(logits) of each cell's amplitude, or the rest of it; the phase
 * stays. A level of 0 and of 1 are `decibels` apart. */
avsn_value avsn_mask(avsn_graph *graph, avsn_value logits, avsn_value spectrogram, float decibels, bool rest);
/* Each item `times` times in succession. */
avsn_value avsn_repeat(avsn_graph *graph, avsn_value src, int64_t times);
avsn_value avsn_picture_mean(avsn_graph *graph, avsn_value src);
/* Step i of `steps` lies at i * T / steps, between the source's steps below and above; beyond the last it holds. That is how
 * images.resize of TensorFlow 1 stretches. */
avsn_value avsn_stretch(avsn_graph *graph, avsn_value src, int64_t steps);

/* What computes the value of this name is left out: the value becomes an input, in the same place. AVSOUND_E_UNSUPPORTED if there
 * is none. */
avsound_status avsn_graph_cut(avsn_graph *graph, const char *name);

/* ---- reading ---- */

AVSN_SHARED int32_t avsn_graph_node_count(const avsn_graph *graph);
AVSN_SHARED const avsn_node *avsn_graph_node(const avsn_graph *graph, int32_t index); /* 0..., in an order that computes */
AVSN_SHARED int32_t avsn_graph_value_count(const avsn_graph *graph);                  /* ids are 1...count */
AVSN_SHARED const avsn_shape *avsn_value_shape(const avsn_graph *graph, avsn_value value);
AVSN_SHARED const char *avsn_value_name(const avsn_graph *graph, avsn_value value); /* "" if it has none */
AVSN_SHARED int32_t avsn_value_producer(const avsn_graph *graph, avsn_value value); /* node index */
/* An output's name or a value's; poisoned if there is none. */
AVSN_SHARED avsn_value avsn_graph_find(const avsn_graph *graph, const char *name);

AVSN_SHARED int32_t avsn_graph_param_count(const avsn_graph *graph);
AVSN_SHARED const avsn_param_spec *avsn_graph_param(const avsn_graph *graph, int32_t index); /* in the order declared */
int32_t avsn_graph_input_count(const avsn_graph *graph);
AVSN_SHARED avsn_value avsn_graph_input(const avsn_graph *graph, int32_t index);
AVSN_SHARED int32_t avsn_graph_output_count(const avsn_graph *graph);
AVSN_SHARED const char *avsn_graph_output_name(const avsn_graph *graph, int32_t index);
AVSN_SHARED avsn_value avsn_graph_output(const avsn_graph *graph, int32_t index);

/* Text of node `index`: "vision.conv1_1 = conv(image) (2,3,224,224) -> (2,64,112,112)". Returns text. */
const char *avsn_node_text(const avsn_graph *graph, int32_t index, char *text, size_t size);

#endif
