/* The parameters that training moves: one block of floats, and blocks of the same order for what belongs to each of them
 * (moments, averages). */
#ifndef AVSN_STORE_H
#define AVSN_STORE_H

#include "network/network.h"

typedef struct avsn_store_item {
    size_t begin, count; /* floats in a block; `begin` is a multiple of 16 */
    bool state;          /* running statistics: moved by batch norms, not by gradients */
    bool decays;         /* a convolution's or dense layer's weights: what weight decay is for */
} avsn_store_item;

typedef struct avsn_store {
    avsound_context *context;
    avsn_params params;     /* names, shapes and values, ordered by name; the values lie in `values` */
    avsn_store_item *items; /* one for each of params.items */
    size_t floats;          /* of a block */
    float *values;
} avsn_store;

/* A copy of the model's parameters, and zeros for the state that training adds (train/gradients.h). */
avsound_status avsn_store_create(const avsound_model *model, avsn_store **out);
void avsn_store_free(avsn_store *store);
/* A zeroed block; the caller frees with avsn_free. */
float *avsn_store_block(const avsn_store *store);
/* The parameters of another block of this store: names and shapes are shared. The caller frees out->items with avsn_free. */
avsound_status avsn_store_view(const avsn_store *store, const float *block, avsn_params *out);

#endif
