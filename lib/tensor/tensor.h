/* Shapes, element types and owned dense arrays. */
#ifndef AVSN_TENSOR_H
#define AVSN_TENSOR_H

#include <avsound/frame.h>

#include "base/base.h"

typedef struct avsn_shape {
    int32_t rank;
    int64_t dim[AVSOUND_MAX_RANK]; /* outermost first */
} avsn_shape;

#define AVSN_SHAPE(...)                                                              \
    ((avsn_shape){(int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})

bool avsn_shape_equal(const avsn_shape *a, const avsn_shape *b);
/* Number of elements; false if a dimension is negative or the product overflows. A rank-0 shape has one element. */
AVSN_SHARED bool avsn_shape_count(const avsn_shape *shape, int64_t *count);
bool avsn_shape_bytes(const avsn_shape *shape, int32_t dtype, size_t *bytes);
/* Writes "(1,64,112,112)" into text and returns it. */
#define AVSN_SHAPE_TEXT 160
AVSN_SHARED const char *avsn_shape_text(const avsn_shape *shape, char text[AVSN_SHAPE_TEXT]);

size_t avsn_dtype_size(int32_t dtype); /* 0 for an unknown one */
const char *avsn_dtype_name(int32_t dtype);

/* bf16 by round to nearest even, as the hardware does; NaN stays NaN. */
uint16_t avsn_bf16_from_f32(float value);
float avsn_bf16_to_f32(uint16_t value);

/* Fills a public view. */
void avsn_tensor_view(avsound_tensor *view, int32_t dtype, const avsn_shape *shape, const void *data);
/* Checks a public view from a caller: struct size, rank, dimensions, data. */
avsound_status avsn_tensor_check(const avsound_tensor *view, const char *name, avsn_shape *shape);

#endif
