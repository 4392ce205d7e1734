/* Plain-C twins of the ops, written from their definitions: every element by itself, sums in double, nothing shared
 * with lib/op. Tensors are row-major doubles; the caller gives dst its shape and memory. */
#ifndef AVSN_ORACLE_OPS_H
#define AVSN_ORACLE_OPS_H

#include "graph/graph.h"

typedef struct oracle_tensor {
    avsn_shape shape;
    double *data;
} oracle_tensor;

/* bias may be NULL. */
void oracle_conv(const avsn_window *window, const oracle_tensor *src, const oracle_tensor *weights,
                 const oracle_tensor *bias, oracle_tensor *dst);
/* Every cell of the source, times the kernel, adds to the result; the window is the convolution's from there to here. */
void oracle_deconv(const avsn_window *window, const oracle_tensor *src, const oracle_tensor *weights, oracle_tensor *dst);
void oracle_bias(const oracle_tensor *src, const oracle_tensor *bias, oracle_tensor *dst);
/* weight may be NULL. */
void oracle_batch_norm(double epsilon, const oracle_tensor *src, const oracle_tensor *weight, const oracle_tensor *bias,
                       const oracle_tensor *mean, const oracle_tensor *variance, oracle_tensor *dst);
void oracle_relu(const oracle_tensor *src, oracle_tensor *dst);
void oracle_leaky_relu(double slope, const oracle_tensor *src, oracle_tensor *dst);
void oracle_tanh(const oracle_tensor *src, oracle_tensor *dst);
void oracle_eltwise(const avsn_attributes *attributes, const oracle_tensor *src, oracle_tensor *dst);
void oracle_sigmoid(const oracle_tensor *src, oracle_tensor *dst);
void oracle_compand(const oracle_tensor *src, oracle_tensor *dst);
void oracle_pool(avsn_pooling pooling, const avsn_window *window, const oracle_tensor *src, oracle_tensor *dst);
void oracle_global_pool(avsn_pooling pooling, const oracle_tensor *src, oracle_tensor *dst);
void oracle_dense(const oracle_tensor *src, const oracle_tensor *weights, const oracle_tensor *bias,
                  oracle_tensor *dst);
void oracle_add(const oracle_tensor *a, const oracle_tensor *b, oracle_tensor *dst);
void oracle_concat(const oracle_tensor *const *srcs, int32_t count, oracle_tensor *dst);
void oracle_slice(int64_t begin, const oracle_tensor *src, oracle_tensor *dst);
void oracle_l2_normalize(double epsilon, const oracle_tensor *src, oracle_tensor *dst);
void oracle_distance(const oracle_tensor *a, const oracle_tensor *b, oracle_tensor *dst);
void oracle_inner_map(const oracle_tensor *cells, const oracle_tensor *vector, oracle_tensor *dst);
void oracle_affine(const oracle_tensor *src, double scale, double shift, oracle_tensor *dst);
void oracle_softmax(const oracle_tensor *src, oracle_tensor *dst);
/* Maxima of rows boundaries[i]...boundaries[i + 1] - 1. */
void oracle_fractional_pool(const double *boundaries, const oracle_tensor *src, oracle_tensor *dst);
/* The released network's windows from the formula of its specification; boundaries holds outputs + 1 values. */
void oracle_fractional_boundaries(int64_t length, int64_t outputs, double *boundaries);
/* dst has as many elements as src. */
void oracle_squash(const oracle_tensor *src, oracle_tensor *dst);
void oracle_lags(int64_t steps, int64_t lags, const oracle_tensor *video, const oracle_tensor *audio, oracle_tensor *dst);
void oracle_tile(const oracle_tensor *src, oracle_tensor *dst);
void oracle_repeat(const oracle_tensor *src, oracle_tensor *dst);
void oracle_picture_mean(const oracle_tensor *src, oracle_tensor *dst);
void oracle_stretch(const oracle_tensor *src, oracle_tensor *dst);
void oracle_mask(double decibels, bool rest, const oracle_tensor *logits, const oracle_tensor *spectrogram, oracle_tensor *dst);

#endif
