/* Making tensors. */
#include "internal/memory.h"
#include "internal/plain.h"
#include <math.h>
#include <string.h>

/* A checked tensor whose numbers are not set. */
static ct_tensor *make(ct_dtype dtype, const int64_t *shape, int ndim) {
    return tensor_check_shape(dtype, shape, ndim) ? tensor_new(dtype, shape, ndim) : NULL;
}

ct_tensor *ct_empty(ct_dtype dtype, const int64_t *shape, int ndim) {
    FUNCTION("ct_empty");
    return make(dtype, shape, ndim);
}

ct_tensor *ct_full(ct_dtype dtype, const int64_t *shape, int ndim, double value) {
    FUNCTION("ct_full");
    return tensor_full(dtype, shape, ndim, value);
}

ct_tensor *ct_zeros(ct_dtype dtype, const int64_t *shape, int ndim) {
    FUNCTION("ct_zeros");
    return tensor_full(dtype, shape, ndim, 0);
}

ct_tensor *ct_ones(ct_dtype dtype, const int64_t *shape, int ndim) {
    FUNCTION("ct_ones");
    return tensor_full(dtype, shape, ndim, 1);
}

ct_tensor *ct_empty_like(const ct_tensor *x) {
    FUNCTION("ct_empty_like");
    return tensor_given(x, "x") ? tensor_new((ct_dtype)x->dtype, x->shape, x->ndim) : NULL;
}

ct_tensor *ct_full_like(const ct_tensor *x, double value) {
    FUNCTION("ct_full_like");
    return tensor_given(x, "x") ? tensor_full((ct_dtype)x->dtype, x->shape, x->ndim, value) : NULL;
}

ct_tensor *ct_zeros_like(const ct_tensor *x) {
    FUNCTION("ct_zeros_like");
    return ct_full_like(x, 0);
}

ct_tensor *ct_ones_like(const ct_tensor *x) {
    FUNCTION("ct_ones_like");
    return ct_full_like(x, 1);
}

ct_tensor *ct_scalar(ct_dtype dtype, double value) {
    FUNCTION("ct_scalar");
    return tensor_full(dtype, NULL, 0, value);
}

/* Writes start + i · step to x, in double and converted; integers beyond 2^53 count in int64_t. */
static ct_tensor *ramp(ct_dtype dtype, int64_t n, double start, double step) {
    CT_SCOPED;
    bool integral = start == floor(start) && step == floor(step) && fabs(start) < 0x1p62 && fabs(step) < 0x1p62;
    ct_tensor *x = make(integral ? CT_I64 : CT_F64, &n, 1);
    if (!x) return NULL;
    for (int64_t i = 0; i < n; i++) {
        if (integral) ((int64_t *)x->data)[i] = (int64_t)start + i * (int64_t)step;
        else ((double *)x->data)[i] = start + (double)i * step;
    }
    return ct_scope_keep(tensor_as(x, dtype));
}

ct_tensor *ct_arange(ct_dtype dtype, double start, double stop, double step) {
    FUNCTION("ct_arange");
    if (!tensor_check_dtype(dtype)) return NULL;
    if (!(step != 0) || !isfinite(start) || !isfinite(stop) || !isfinite(step)) {
        tensor_error(CT_ERR_VALUE, "from %g to %g by %g; expected finite numbers and a step that is not 0", start, stop,
                     step);
        return NULL;
    }
    double n = ceil((stop - start) / step);
    if (n < 0) {
        tensor_error(CT_ERR_VALUE, "from %g to %g by %g: the step leads away", start, stop, step);
        return NULL;
    }
    if (!(n < 0x1p60)) {
        tensor_error(CT_ERR_SHAPE, "from %g to %g by %g has more elements than can be counted", start, stop, step);
        return NULL;
    }
    return ramp(dtype, (int64_t)n, start, step);
}

ct_tensor *ct_linspace(ct_dtype dtype, double start, double stop, int64_t n) {
    FUNCTION("ct_linspace");
    CT_SCOPED;
    if (!tensor_check_dtype(dtype)) return NULL;
    ct_tensor *x = make(CT_F64, &n, 1);
    if (!x) return NULL;
    double step = n > 1 ? (stop - start) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) /* each half from its end, so that both ends are exact */
        ((double *)x->data)[i] = i < n / 2 || n == 1 ? start + (double)i * step : stop - (double)(n - 1 - i) * step;
    return ct_scope_keep(tensor_as(x, dtype));
}

ct_tensor *ct_eye(ct_dtype dtype, int64_t rows, int64_t cols) {
    FUNCTION("ct_eye");
    CT_SCOPED;
    ct_tensor *x = tensor_full(dtype, (int64_t[]){rows, cols}, 2, 0);
    if (!x) return NULL;
    int64_t n = rows < cols ? rows : cols, step = cols + 1;
    ct_tensor *diagonal = tensor_new_view(x, &n, &step, 1, x->data);
    if (!diagonal) return NULL;
    tensor_fill(diagonal, 1);
    return ct_scope_keep(x);
}

ct_tensor *ct_from_data(ct_dtype dtype, const void *data, const int64_t *shape, int ndim) {
    FUNCTION("ct_from_data");
    ct_tensor *x = make(dtype, shape, ndim);
    if (!x || (x->numel > 0 && !tensor_given(data, "data"))) return NULL;
    if (x->numel == 0) return x;
    if (dtype == CT_BOOL) /* any byte but 0 is true */
        for (int64_t i = 0; i < x->numel; i++) ((bool *)x->data)[i] = ((const uint8_t *)data)[i] != 0;
    else memcpy(x->data, data, x->bytes);
    return x;
}

/* The first and last element that a geometry reaches, counted from data. */
static bool reach(const int64_t *shape, const int64_t *strides, int ndim, int64_t *lowest, int64_t *highest) {
    *lowest = *highest = 0;
    for (int d = 0; d < ndim; d++) {
        int64_t span, *end = strides[d] < 0 ? lowest : highest;
        if (shape[d] == 0) return true;
        if (__builtin_mul_overflow(strides[d], shape[d] - 1, &span) || __builtin_add_overflow(*end, span, end)) {
            tensor_error(CT_ERR_SHAPE, "shape %s with strides %s reaches further than can be counted",
                         tensor_shape_text(shape, ndim), tensor_shape_text(strides, ndim));
            return false;
        }
    }
    return *highest < INT64_MAX / 16 && *lowest > -INT64_MAX / 16;
}

ct_tensor *ct_from_blob(ct_dtype dtype, void *data, const int64_t *shape, int ndim, const int64_t *strides,
                        void (*free_data)(void *user), void *user) {
    FUNCTION("ct_from_blob");
    int64_t none = 0, lowest = 0, highest = 0;
    if (!tensor_check_shape(dtype, shape, ndim)) return NULL;
    if (strides && !reach(shape, strides, ndim, &lowest, &highest)) return NULL;
    bool empty = false;
    for (int d = 0; d < ndim; d++) empty |= shape[d] == 0;
    if (!empty && !tensor_given(data, "data")) return NULL;
    ct_tensor *x = tensor_new(dtype, &none, 1); /* a header, whose storage is then the caller's */
    if (!x) return NULL;
    int64_t size = tensor_dtype_size(dtype);
    x->ndim = (uint8_t)ndim;
    for (int d = 0; d < ndim; d++) x->shape[d] = shape[d];
    x->numel = tensor_row_major(shape, ndim, x->strides);
    if (strides) tensor_set_strides(x, strides);
    if (!strides) highest = x->numel - 1;
    x->beside = false;
    x->borrowed = true;
    x->data = data;
    x->storage = data ? (char *)data + lowest * size : NULL;
    x->bytes = empty ? 0 : (size_t)((highest - lowest + 1) * size);
    x->free_data = free_data;
    x->free_user = user;
    return x;
}
