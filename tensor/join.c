/* Joining tensors, and placing one inside another: copies into parts of the result. */
#include "internal/plain.h"
#include <string.h>

/* Tensors of shape (0,) may stand among those of any shape. */
static bool passed_over(const ct_tensor *x) {
    return x->ndim == 1 && x->shape[0] == 0;
}

/* Copies x to the indices of dim from start on. */
static bool place(ct_tensor *y, int dim, int64_t start, ct_tensor *x) {
    CT_SCOPED;
    ct_tensor *part = tensor_slice(y, dim, start, x->shape[dim], 1);
    return part && tensor_copy_into(part, x) == CT_OK;
}

ct_tensor *tensor_cat(ct_tensor *const *xs, int n, int dim) {
    CT_SCOPED;
    const ct_tensor *first = NULL;
    int64_t shape[CT_MAX_DIMS], start = 0;
    for (int i = 0; i < n; i++) {
        if (passed_over(xs[i])) continue;
        if (!first) {
            first = xs[i];
            memcpy(shape, first->shape, sizeof shape);
            shape[dim] = 0;
        }
        bool agrees = xs[i]->ndim == first->ndim;
        for (int d = 0; d < first->ndim && agrees; d++) agrees = d == dim || xs[i]->shape[d] == shape[d];
        if (!agrees) {
            tensor_error(CT_ERR_SHAPE,
                         "tensor %d has shape %s, the first %s; all sizes but those of dim %d must agree", i,
                         tensor_shape_of(xs[i]), tensor_shape_of(first), dim);
            return NULL;
        }
        if (__builtin_add_overflow(shape[dim], xs[i]->shape[dim], &shape[dim])) shape[dim] = INT64_MAX;
    }
    const ct_dtype dtype = tensor_result_dtype(xs, n);
    if (!first) first = xs[0], shape[0] = 0;
    if (!tensor_check_shape(dtype, shape, first->ndim)) return NULL;
    ct_tensor *y = tensor_new(dtype, shape, first->ndim);
    for (int i = 0; i < n && y; i++) {
        if (passed_over(xs[i])) continue;
        if (!place(y, dim, start, xs[i])) return NULL;
        start += xs[i]->shape[dim];
    }
    return ct_scope_keep(y);
}

ct_tensor *tensor_stack(ct_tensor *const *xs, int n, int dim) {
    CT_SCOPED;
    const ct_tensor *first = xs[0];
    const ct_dtype dtype = tensor_result_dtype(xs, n);
    int64_t shape[CT_MAX_DIMS];
    for (int d = 0; d <= first->ndim; d++) shape[d] = d == dim ? n : first->shape[d < dim ? d : d - 1];
    if (!tensor_check_shape(dtype, shape, first->ndim + 1)) return NULL;
    ct_tensor *y = tensor_new(dtype, shape, first->ndim + 1);
    for (int i = 0; i < n && y; i++) {
        CT_SCOPED;
        ct_tensor *one = tensor_unsqueeze(xs[i], dim);
        if (!one || !place(y, dim, i, one)) return NULL;
    }
    return ct_scope_keep(y);
}

ct_tensor *tensor_pad(ct_tensor *x, const int64_t (*pads)[2], double value) {
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) shape[d] = x->shape[d] + pads[d][0] + pads[d][1];
    ct_tensor *y = tensor_full((ct_dtype)x->dtype, shape, x->ndim, value), *from = x, *to = y;
    for (int d = 0; d < x->ndim && from && to; d++) {
        int64_t before = pads[d][0], first = before > 0 ? before : 0;
        int64_t end = x->shape[d] + before < shape[d] ? x->shape[d] + before : shape[d];
        int64_t length = end > first ? end - first : 0;
        from = tensor_slice(from, d, first - before, length, 1);
        to = tensor_slice(to, d, first, length, 1);
    }
    if (!from || !to || tensor_copy_into(to, from) != CT_OK) return NULL;
    return ct_scope_keep(y);
}

ct_tensor *tensor_roll(ct_tensor *x, const int64_t *shifts) {
    CT_SCOPED;
    ct_tensor *y = x;
    for (int d = 0; d < x->ndim && y; d++) {
        const int64_t size = x->shape[d], start = shifts[d] > 0 ? size - shifts[d] : -shifts[d];
        if (shifts[d] == 0) continue;
        ct_tensor *parts[] = {tensor_slice(y, d, start, size - start, 1), tensor_slice(y, d, 0, start, 1)};
        y = parts[0] && parts[1] ? tensor_cat(parts, 2, d) : NULL;
    }
    return y ? ct_scope_keep(y == x ? tensor_clone(x) : y) : NULL;
}
