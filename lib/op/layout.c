#include "op/families.h"
#include "op/onednn.h"

#include <stdio.h>

struct avsn_layout {
    avsound_context *context;
    atomic_int references;
    avsn_shape shape;
    int32_t dtype;
    avsn_md md;
};

dnnl_data_type_t avsn_onednn_type(int32_t dtype)
{
    switch (dtype) {
    case AVSOUND_DTYPE_F32:
        return dnnl_f32;
    case AVSOUND_DTYPE_BF16:
        return dnnl_bf16;
    case AVSOUND_DTYPE_S32:
        return dnnl_s32;
    case AVSOUND_DTYPE_S8:
        return dnnl_s8;
    case AVSOUND_DTYPE_U8:
        return dnnl_u8;
    default:
        return dnnl_data_type_undef;
    }
}

static const dnnl_format_tag_t plain_tags[AVSOUND_MAX_RANK + 1] = {0,         dnnl_a,     dnnl_ab,    dnnl_abc,
                                                                   dnnl_abcd, dnnl_abcde, dnnl_abcdef};

dnnl_status_t avsn_md_tag(avsn_md *md, const avsn_shape *shape, int32_t dtype, dnnl_format_tag_t tag)
{
    dnnl_dims_t dims = {0};
    for (int32_t i = 0; i < shape->rank; i++)
        dims[i] = shape->dim[i];
    return avsn_md_init_tag(md, shape->rank, dims, avsn_onednn_type(dtype), tag);
}

dnnl_status_t avsn_md_any(avsn_md *md, const avsn_shape *shape, int32_t dtype)
{
    return avsn_md_tag(md, shape, dtype, dnnl_format_tag_any);
}

static avsn_layout *layout_create(avsound_context *context, const avsn_shape *shape, int32_t dtype)
{
    avsn_layout *layout = avsn_alloc_zeroed(context, 1, sizeof *layout);
    if (!layout)
        return NULL;
    layout->context = avsn_context_ref(context);
    atomic_init(&layout->references, 1);
    layout->shape = *shape;
    layout->dtype = dtype;
    return layout;
}

avsound_status avsn_layout_plain(avsound_context *context, int32_t dtype, const avsn_shape *shape, avsn_layout **out)
{
    *out = NULL;
    avsn_layout *layout = layout_create(context, shape, dtype);
    if (!layout)
        return AVSOUND_E_NO_MEMORY;
    const dnnl_status_t status = avsn_md_tag(&layout->md, shape, dtype, plain_tags[shape->rank]);
    if (status) {
        avsn_layout_unref(layout);
        return avsn_onednn_fail(status, "plain layout", shape, NULL);
    }
    *out = layout;
    return AVSOUND_OK;
}

avsn_layout *avsn_layout_from_md(avsound_context *context, avsn_md_arg md, const avsn_shape *shape, int32_t dtype)
{
    avsn_layout *layout = layout_create(context, shape, dtype);
    if (layout && avsn_md_copy(&layout->md, md)) {
        avsn_layout_unref(layout);
        return NULL;
    }
    return layout;
}

avsn_layout *avsn_layout_ref(avsn_layout *layout)
{
    if (layout)
        atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
    return layout;
}

void avsn_layout_unref(avsn_layout *layout)
{
    if (!layout || atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) != 1)
        return;
    avsound_context *context = layout->context;
    avsn_md_clear(&layout->md);
    avsn_free(context, layout);
    avsound_context_free(context);
}

const avsn_md *avsn_layout_md(const avsn_layout *layout)
{
    return &layout->md;
}

bool avsn_layout_equal(const avsn_layout *a, const avsn_layout *b)
{
    return dnnl_memory_desc_equal(avsn_md_of(&a->md), avsn_md_of(&b->md)) != 0;
}

bool avsn_layout_is_plain(const avsn_layout *layout)
{
    avsn_md_blocks b;
    if (!avsn_md_read_blocks(avsn_md_of(&layout->md), &b) || b.count)
        return false;
    int64_t dense = 1;
    for (int32_t i = layout->shape.rank - 1; i >= 0; i--) {
        if (layout->shape.dim[i] > 1 && b.strides[i] != dense)
            return false;
        dense *= layout->shape.dim[i];
    }
    return true;
}

size_t avsn_layout_bytes(const avsn_layout *layout)
{
    return dnnl_memory_desc_get_size(avsn_md_of(&layout->md));
}

int32_t avsn_layout_dtype(const avsn_layout *layout)
{
    return layout->dtype;
}

const avsn_shape *avsn_layout_shape(const avsn_layout *layout)
{
    return &layout->shape;
}

bool avsn_layout_cells(const avsn_layout *layout, avsn_cells *out)
{
    avsn_md_blocks b;
    const avsn_shape *s = &layout->shape;
    if (s->rank < 2 || !avsn_md_read_blocks(avsn_md_of(&layout->md), &b) || b.count > 1 || (b.count && b.axis[0] != 1))
        return false;
    *out = (avsn_cells){.n = s->dim[0], .c = s->dim[1], .cells = 1, .block = 1, .batch = b.strides[0]};
    for (int32_t i = 2; i < s->rank; i++)
        out->cells *= s->dim[i];
    out->cell = s->rank > 2 ? b.strides[s->rank - 1] : 1;
    int64_t dense = out->cell;
    for (int32_t i = s->rank - 1; i >= 2; i--) {
        if (s->dim[i] > 1 && b.strides[i] != dense)
            return false;
        dense *= s->dim[i];
    }
    if (b.count) {
        out->block = b.block[0];
        out->outer = b.strides[1];
        out->inner = 1;
    } else {
        out->outer = b.strides[1];
        out->inner = 0;
    }
    return true;
}

const char *avsn_layout_text(const avsn_layout *layout, char text[AVSN_LAYOUT_TEXT])
{
    static const char *const axes[AVSOUND_MAX_RANK + 1] = {"", "x", "nc", "ncw", "nchw", "ncdhw", "ncxdhw"};
    const avsn_shape *s = &layout->shape;
    avsn_md_blocks b;
    if (!avsn_md_read_blocks(avsn_md_of(&layout->md), &b)) {
        snprintf(text, AVSN_LAYOUT_TEXT, "winograd");
        return text;
    }
    int32_t order[AVSOUND_MAX_RANK];
    for (int32_t i = 0; i < s->rank; i++) {
        int32_t at = i;
        for (; at > 0 && b.strides[order[at - 1]] < b.strides[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    size_t used = 0;
    for (int32_t i = 0; i < s->rank; i++) {
        char name = axes[s->rank][order[i]];
        for (int j = 0; j < b.count; j++)
            if (b.axis[j] == order[i] && name >= 'a')
                name = (char)(name - 'a' + 'A');
        used += (size_t)snprintf(text + used, AVSN_LAYOUT_TEXT - used, "%c", name);
    }
    for (int j = 0; j < b.count && used < AVSN_LAYOUT_TEXT - 8; j++)
        used += (size_t)snprintf(text + used, AVSN_LAYOUT_TEXT - used, "%lld%c", (long long)b.block[j],
                                 axes[s->rank][b.axis[j]]);
    return text;
}

dnnl_status_t avsn_layout_like(const avsn_layout *layout, const avsn_shape *shape, int32_t dtype, avsn_md *md)
{
    static const dnnl_format_tag_t last[AVSOUND_MAX_RANK] = {0, 0, dnnl_ab, dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    static const dnnl_format_tag_t blocked8[AVSOUND_MAX_RANK] = {0, 0, dnnl_ab, dnnl_nCw8c, dnnl_nChw8c, dnnl_nCdhw8c};
    static const dnnl_format_tag_t blocked16[AVSOUND_MAX_RANK] = {0, 0, dnnl_ab, dnnl_nCw16c, dnnl_nChw16c, dnnl_nCdhw16c};
    avsn_cells cells;
    dnnl_format_tag_t tag = plain_tags[shape->rank];
    if (layout && avsn_layout_cells(layout, &cells)) {
        if (cells.block == 8)
            tag = blocked8[shape->rank];
        else if (cells.block == 16)
            tag = blocked16[shape->rank];
        else if (cells.outer == 1)
            tag = last[shape->rank];
    }
    return avsn_md_tag(md, shape, dtype, tag);
}

avsound_status avsn_replace_layout(avsn_layout **slot, const avsn_kernel_request *request, const avsn_layout *like,
                                   const avsn_shape *shape, int32_t dtype)
{
    avsn_md md = {0};
    const dnnl_status_t status = avsn_layout_like(like, shape, dtype, &md);
    if (status)
        return avsn_onednn_fail(status, avsn_op_name(request->kind), shape, NULL);
    avsn_layout *layout = avsn_layout_from_md(request->context, avsn_md_of(&md), shape, dtype);
    avsn_md_clear(&md);
    if (!layout)
        return AVSOUND_E_NO_MEMORY;
    avsn_layout_unref(*slot);
    *slot = layout;
    return AVSOUND_OK;
}
