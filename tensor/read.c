/* Asking about a tensor, reading and writing its elements. */
#include "internal/plain.h"
#include <math.h>
#include <string.h>

int ct_ndim(const ct_tensor *x) {
    FUNCTION("ct_ndim");
    return tensor_given(x, "x") ? x->ndim : -1;
}

const int64_t *ct_shape(const ct_tensor *x) {
    FUNCTION("ct_shape");
    return tensor_given(x, "x") ? x->shape : NULL;
}

int64_t ct_size(const ct_tensor *x, int dim) {
    FUNCTION("ct_size");
    if (!tensor_given(x, "x")) return -1;
    if (x->ndim == 0) {
        tensor_error(CT_ERR_INDEX, "dim %d of a tensor of 0 dims", dim);
        return -1;
    }
    int at = tensor_dim(dim, x->ndim);
    return at < 0 ? -1 : x->shape[at];
}

const int64_t *ct_strides(const ct_tensor *x) {
    FUNCTION("ct_strides");
    return tensor_given(x, "x") ? x->strides : NULL;
}

int64_t ct_numel(const ct_tensor *x) {
    FUNCTION("ct_numel");
    return tensor_given(x, "x") ? x->numel : -1;
}

ct_dtype ct_type(const ct_tensor *x) {
    FUNCTION("ct_type");
    return tensor_given(x, "x") ? (ct_dtype)x->dtype : (ct_dtype)-1;
}

bool ct_is_contiguous(const ct_tensor *x) {
    FUNCTION("ct_is_contiguous");
    return tensor_given(x, "x") && tensor_is_contiguous(x);
}

bool ct_same_storage(const ct_tensor *a, const ct_tensor *b) {
    FUNCTION("ct_same_storage");
    return tensor_given(a, "a") && tensor_given(b, "b") && a->owner == b->owner;
}

void *ct_data(ct_tensor *x) {
    FUNCTION("ct_data");
    return tensor_given(x, "x") ? x->data : NULL;
}

static void *data_of(const char *function, ct_tensor *x, ct_dtype dtype) {
    FUNCTION(function);
    if (!tensor_given(x, "x")) return NULL;
    if (x->dtype == dtype) return x->data;
    tensor_error(CT_ERR_DTYPE, "x is %s; expected %s", ct_dtype_name((ct_dtype)x->dtype), ct_dtype_name(dtype));
    return NULL;
}

float *ct_data_f32(ct_tensor *x) {
    return data_of("ct_data_f32", x, CT_F32);
}

double *ct_data_f64(ct_tensor *x) {
    return data_of("ct_data_f64", x, CT_F64);
}

int64_t *ct_data_i64(ct_tensor *x) {
    return data_of("ct_data_i64", x, CT_I64);
}

/* Converts one element. */
static void convert(ct_dtype to, void *result, ct_dtype from, const void *element) {
    char *data[] = {result, (char *)element};
    tensor_kernels->convert[to][from](data, (int64_t[]){1, 1}, 1, NULL);
}

static bool one_element(const ct_tensor *x) {
    if (!tensor_given(x, "x")) return false;
    if (x->numel == 1) return true;
    tensor_error(CT_ERR_SHAPE, "x has shape %s; expected one element", tensor_shape_of(x));
    return false;
}

double ct_item(const ct_tensor *x) {
    FUNCTION("ct_item");
    double value = NAN;
    if (one_element(x)) convert(CT_F64, &value, (ct_dtype)x->dtype, x->data);
    return value;
}

int64_t ct_item_i64(const ct_tensor *x) {
    FUNCTION("ct_item_i64");
    int64_t value = INT64_MIN;
    if (one_element(x)) convert(CT_I64, &value, (ct_dtype)x->dtype, x->data);
    return value;
}

/* The element at an index, or NULL with an error. */
static char *element(const ct_tensor *x, const int64_t *index, int n) {
    if (!tensor_given(x, "x") || (n > 0 && !tensor_given(index, "index"))) return NULL;
    if (n != x->ndim) {
        tensor_error(CT_ERR_INDEX, "%d indices for x of shape %s; expected %d", n, tensor_shape_of(x), x->ndim);
        return NULL;
    }
    int64_t offset = 0;
    for (int d = 0; d < n; d++) {
        int64_t i = index[d] < 0 ? index[d] + x->shape[d] : index[d];
        if (i < 0 || i >= x->shape[d]) {
            tensor_error(CT_ERR_INDEX, "index %lld is out of range for dim %d of size %lld", (long long)index[d], d,
                         (long long)x->shape[d]);
            return NULL;
        }
        offset += i * x->strides[d];
    }
    return x->data + offset * tensor_dtype_size((ct_dtype)x->dtype);
}

double ct_get(const ct_tensor *x, const int64_t *index, int n) {
    FUNCTION("ct_get");
    double value = NAN;
    const char *at = element(x, index, n);
    if (at) convert(CT_F64, &value, (ct_dtype)x->dtype, at);
    return value;
}

ct_status ct_set(ct_tensor *x, const int64_t *index, int n, double value) {
    FUNCTION("ct_set");
    char *at = element(x, index, n);
    if (!at) return ct_error();
    convert((ct_dtype)x->dtype, at, CT_F64, &value);
    tensor_bump(x);
    return CT_OK;
}

ct_status ct_copy_to(const ct_tensor *x, ct_dtype dtype, void *out, size_t bytes) {
    FUNCTION("ct_copy_to");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_check_dtype(dtype)) return ct_error();
    size_t needed = (size_t)x->numel * ct_dtype_size(dtype);
    if (bytes < needed)
        return tensor_error(CT_ERR_VALUE, "%zu bytes are too few for x of shape %s as %s: expected %zu", bytes,
                            tensor_shape_of(x), ct_dtype_name(dtype), needed);
    if (needed == 0) return CT_OK;
    if (!tensor_given(out, "out")) return ct_error();
    ct_tensor *copy = tensor_to((ct_tensor *)x, dtype);
    if (!copy) return ct_error();
    memcpy(out, copy->data, needed);
    return CT_OK;
}

/* Whether all of a BOOL tensor is true; false with an error on NULL. */
static bool all_true(ct_tensor *mask) {
    ct_tensor *all = mask ? tensor_all(mask, (1u << mask->ndim) - 1, false) : NULL;
    return all && *(bool *)all->data;
}

bool ct_equal(const ct_tensor *a, const ct_tensor *b) {
    FUNCTION("ct_equal");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return false;
    return tensor_same_shape(a, b) && all_true(tensor_eq((ct_tensor *)a, (ct_tensor *)b));
}

static bool close_enough(double a, double b, double rtol, double atol, bool equal_nan) {
    if (a == b) return true;
    if (isnan(a) || isnan(b)) return equal_nan && isnan(a) && isnan(b);
    return isfinite(a) && isfinite(b) && fabs(a - b) <= atol + rtol * fabs(b);
}

bool ct_allclose(const ct_tensor *a, const ct_tensor *b, double rtol, double atol, bool equal_nan) {
    FUNCTION("ct_allclose");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return false;
    if (!(rtol >= 0 && atol >= 0)) {
        tensor_error(CT_ERR_VALUE, "tolerances %g and %g; expected 0 or more", rtol, atol);
        return false;
    }
    if (!tensor_same_shape(a, b)) return false;
    ct_tensor *x = tensor_to((ct_tensor *)a, CT_F64), *y = x ? tensor_to((ct_tensor *)b, CT_F64) : NULL;
    if (!y) return false;
    for (int64_t i = 0; i < x->numel; i++)
        if (!close_enough(((double *)x->data)[i], ((double *)y->data)[i], rtol, atol, equal_nan)) return false;
    return true;
}
