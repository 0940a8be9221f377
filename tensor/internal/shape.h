/* Shapes, dims, dtypes: checks that raise, and the arithmetic of broadcasting and promotion. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_SHAPE_H
#define COTANGENT_TENSOR_INTERNAL_SHAPE_H

#include "object.h"

typedef struct {
    int64_t sizes[CT_MAX_DIMS];
    int ndim;
} Shape;

/* "(2, 3)", in one of a few rotating buffers of the thread's. */
const char *tensor_shape_text(const int64_t *shape, int ndim);
static inline const char *tensor_shape_of(const ct_tensor *x) {
    return tensor_shape_text(x->shape, x->ndim);
}

/* Row-major strides (sizes of 0 count as 1); returns the number of elements. */
static inline int64_t tensor_row_major(const int64_t *shape, int ndim, int64_t *strides) {
    int64_t step = 1, numel = 1;
    for (int d = ndim; d-- > 0;) {
        strides[d] = step;
        step *= shape[d] > 1 ? shape[d] : 1;
        numel *= shape[d];
    }
    return numel;
}
/* Whether shape is a legal one whose bytes can be counted; raises CT_ERR_SHAPE (or _DTYPE) otherwise. */
bool tensor_check_shape(ct_dtype dtype, const int64_t *shape, int ndim);
bool tensor_check_dtype(ct_dtype dtype);

/* A dim in [-ndim, ndim) as one in [0, ndim); -1 with CT_ERR_INDEX otherwise. A 0-dim tensor takes -1 and 0. */
int tensor_dim(int64_t dim, int ndim);
/* Dims as a set of bits, all of them if none are given; false with an error on a bad or repeated one. */
bool tensor_dims(const int64_t *dims, int count, int ndim, unsigned *set);

/* The common shape; false with CT_ERR_SHAPE naming both sizes and the dim. */
bool tensor_broadcast(const int64_t *a, int a_ndim, const int64_t *b, int b_ndim, Shape *result);
/* x's strides as seen from a broadcast shape: 0 where it repeats. x must broadcast to it. */
void tensor_broadcast_strides(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *strides);
static inline bool tensor_same_shape(const ct_tensor *a, const ct_tensor *b) {
    if (a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) return false;
    return true;
}
bool tensor_contiguous_geometry(const int64_t *shape, const int64_t *strides, int ndim);
static inline bool tensor_is_contiguous(const ct_tensor *x) {
    return x->contiguous;
}
/* Whether two elements of x may share a place (a stride of 0 counts, overlapping windows too). */
bool tensor_overlaps_itself(const ct_tensor *x);
/* Dense: the elements lie without gaps in some order of dims. */
bool tensor_is_dense(const ct_tensor *x);

static inline bool tensor_is_floating(ct_dtype dtype) {
    return dtype == CT_F32 || dtype == CT_F64 || dtype == CT_F16 || dtype == CT_BF16;
}
static inline int64_t tensor_dtype_size(ct_dtype dtype) {
    static const uint8_t sizes[] = {[CT_F32] = 4, [CT_F64] = 8, [CT_I64] = 8, [CT_I32] = 4,
                                    [CT_U8] = 1,  [CT_BOOL] = 1, [CT_F16] = 2, [CT_BF16] = 2};
    return sizes[dtype];
}
/* The dtype that holds both (categories BOOL < integers < floating). */
ct_dtype tensor_promote_dtypes(ct_dtype a, ct_dtype b);
/* The result dtype of mixed operands: 0-dim ones do not raise the others within their category. */
ct_dtype tensor_result_dtype(ct_tensor *const *x, int n);
/* The dtype of x with a C scalar beside it. */
ct_dtype tensor_scalar_dtype(const ct_tensor *x, double value);
/* The dtype of a floating function of it: integers become F32. */
static inline ct_dtype tensor_floating_dtype(ct_dtype dtype) {
    return tensor_is_floating(dtype) ? dtype : CT_F32;
}
/* The type that computes with it: F32 for 16-bit floats, I64 for integers. */
static inline ct_dtype tensor_compute_dtype(ct_dtype dtype) {
    return dtype == CT_F64 ? CT_F64 : tensor_is_floating(dtype) ? CT_F32 : CT_I64;
}
/* The floating dtype in which one of that dtype computes. */
static inline ct_dtype tensor_wide_dtype(ct_dtype dtype) {
    return dtype == CT_F64 ? CT_F64 : CT_F32;
}

#endif
