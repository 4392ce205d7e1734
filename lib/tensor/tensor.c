#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

bool avsn_shape_equal(const avsn_shape *a, const avsn_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool avsn_shape_count(const avsn_shape *shape, int64_t *count)
{
    *count = 1;
    for (int32_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || !avsn_mul_i64(*count, shape->dim[i], count))
            return false;
    return true;
}

bool avsn_shape_bytes(const avsn_shape *shape, int32_t dtype, size_t *bytes)
{
    int64_t count;
    return avsn_shape_count(shape, &count) && avsn_mul_size((size_t)count, avsn_dtype_size(dtype), bytes);
}

const char *avsn_shape_text(const avsn_shape *shape, char text[AVSN_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, AVSN_SHAPE_TEXT, "(");
    for (int32_t i = 0; i < shape->rank; i++)
        used += (size_t)snprintf(text + used, AVSN_SHAPE_TEXT - used, i ? ",%lld" : "%lld", (long long)shape->dim[i]);
    snprintf(text + used, AVSN_SHAPE_TEXT - used, ")");
    return text;
}

size_t avsn_dtype_size(int32_t dtype)
{
    switch (dtype) {
    case AVSOUND_DTYPE_F32:
    case AVSOUND_DTYPE_S32:
        return 4;
    case AVSOUND_DTYPE_BF16:
        return 2;
    case AVSOUND_DTYPE_S8:
    case AVSOUND_DTYPE_U8:
        return 1;
    default:
        return 0;
    }
}

const char *avsn_dtype_name(int32_t dtype)
{
    switch (dtype) {
    case AVSOUND_DTYPE_F32:
        return "f32";
    case AVSOUND_DTYPE_BF16:
        return "bf16";
    case AVSOUND_DTYPE_S32:
        return "s32";
    case AVSOUND_DTYPE_S8:
        return "s8";
    case AVSOUND_DTYPE_U8:
        return "u8";
    default:
        return "?";
    }
}

uint16_t avsn_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float avsn_bf16_to_f32(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

void avsn_tensor_view(avsound_tensor *view, int32_t dtype, const avsn_shape *shape, const void *data)
{
    view->struct_size = sizeof *view;
    view->dtype = dtype;
    view->rank = shape->rank;
    view->reserved = 0;
    for (int32_t i = 0; i < AVSOUND_MAX_RANK; i++)
        view->shape[i] = i < shape->rank ? shape->dim[i] : 0;
    view->data = data;
}

avsound_status avsn_tensor_check(const avsound_tensor *view, const char *name, avsn_shape *shape)
{
    if (!view)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: view is NULL", name);
    AVSN_TRY(avsn_struct_check(view, sizeof *view, sizeof *view, name));
    if (!avsn_dtype_size(view->dtype))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: dtype is %d, want an AVSOUND_DTYPE_ constant", name, view->dtype);
    if (view->rank < 0 || view->rank > AVSOUND_MAX_RANK)
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: rank is %d, want 0...%d", name, view->rank, AVSOUND_MAX_RANK);
    shape->rank = view->rank;
    for (int32_t i = 0; i < view->rank; i++) {
        if (view->shape[i] < 0)
            AVSN_FAIL(AVSOUND_E_SHAPE, "%s: dimension %d is %lld, want 0 or more", name, i, (long long)view->shape[i]);
        shape->dim[i] = view->shape[i];
    }
    if (!view->data)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: data is NULL", name);
    return AVSOUND_OK;
}
