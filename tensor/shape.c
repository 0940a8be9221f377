#include "internal/shape.h"
#include <string.h>

const char *tensor_shape_text(const int64_t *shape, int ndim) {
    static _Thread_local char buffers[4][176];
    static _Thread_local unsigned next;
    char *text = buffers[next++ % 4];
    size_t room = sizeof buffers[0], used = 0;
    used += (size_t)snprintf(text, room, "(");
    for (int d = 0; d < ndim && used < room; d++)
        used += (size_t)snprintf(text + used, room - used, d ? ", %lld" : "%lld", (long long)shape[d]);
    if (used < room) snprintf(text + used, room - used, ndim == 1 ? ",)" : ")");
    return text;
}

bool tensor_check_dtype(ct_dtype dtype) {
    if ((unsigned)dtype <= CT_BF16) return true;
    tensor_error(CT_ERR_DTYPE, "%d is not a dtype", (int)dtype);
    return false;
}

bool tensor_check_shape(ct_dtype dtype, const int64_t *shape, int ndim) {
    if (!tensor_check_dtype(dtype)) return false;
    if (ndim < 0 || ndim > CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "a shape of %d dims; 0 to %d are possible", ndim, CT_MAX_DIMS);
        return false;
    }
    if (ndim > 0 && !tensor_given(shape, "shape")) return false;
    int64_t places = tensor_dtype_size(dtype);
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0) {
            tensor_error(CT_ERR_SHAPE, "shape %s has a negative size in dim %d", tensor_shape_text(shape, ndim), d);
            return false;
        }
        if (shape[d] > 1 && __builtin_mul_overflow(places, shape[d], &places)) {
            tensor_error(CT_ERR_SHAPE, "shape %s has more elements than can be counted",
                         tensor_shape_text(shape, ndim));
            return false;
        }
    }
    return true;
}

int tensor_dim(int64_t dim, int ndim) {
    int64_t range = ndim ? ndim : 1;
    if (dim >= -range && dim < range) return (int)(dim < 0 ? dim + range : dim);
    tensor_error(CT_ERR_INDEX, "dim %lld is out of range for a tensor of %d dims: expected %lld to %lld",
                 (long long)dim, ndim, (long long)-range, (long long)range - 1);
    return -1;
}

bool tensor_dims(const int64_t *dims, int count, int ndim, unsigned *set) {
    *set = 0;
    if (count < 0 || count > CT_MAX_DIMS) {
        tensor_error(CT_ERR_VALUE, "%d dims given for a tensor of %d", count, ndim);
        return false;
    }
    if (count > 0 && !tensor_given(dims, "dims")) return false;
    for (int i = 0; i < count; i++) {
        int dim = tensor_dim(dims[i], ndim);
        if (dim < 0) return false;
        if (*set & 1u << dim) {
            tensor_error(CT_ERR_VALUE, "dim %d is given twice", dim);
            return false;
        }
        *set |= 1u << dim;
    }
    if (count == 0) *set = (1u << ndim) - 1;
    return true;
}

bool tensor_broadcast(const int64_t *a, int a_ndim, const int64_t *b, int b_ndim, Shape *result) {
    int ndim = a_ndim > b_ndim ? a_ndim : b_ndim;
    result->ndim = ndim;
    for (int d = 0; d < ndim; d++) {
        int a_dim = d - (ndim - a_ndim), b_dim = d - (ndim - b_ndim);
        int64_t a_size = a_dim < 0 ? 1 : a[a_dim], b_size = b_dim < 0 ? 1 : b[b_dim];
        if (a_size != b_size && a_size != 1 && b_size != 1) {
            tensor_error(CT_ERR_SHAPE, "shapes %s and %s do not broadcast: sizes %lld and %lld in dim %d",
                         tensor_shape_text(a, a_ndim), tensor_shape_text(b, b_ndim), (long long)a_size,
                         (long long)b_size, d);
            return false;
        }
        result->sizes[d] = a_size == 1 ? b_size : a_size;
    }
    return true;
}

void tensor_broadcast_strides(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *strides) {
    for (int d = 0; d < ndim; d++) {
        int own = d - (ndim - x->ndim);
        strides[d] = own < 0 || (x->shape[own] == 1 && shape[d] != 1) ? 0 : x->strides[own];
    }
}

bool tensor_contiguous_geometry(const int64_t *shape, const int64_t *strides, int ndim) {
    int64_t step = 1;
    bool contiguous = true;
    for (int d = ndim; d-- > 0;) {
        if (shape[d] == 0) return true;
        if (shape[d] != 1 && strides[d] != step) contiguous = false;
        step *= shape[d];
    }
    return contiguous;
}

/* Dims by rising stride; true if the elements are dense, *apart says whether each has a place of its own. */
static bool analyse(const ct_tensor *x, bool *apart) {
    int order[CT_MAX_DIMS], n = 0;
    *apart = true;
    for (int d = 0; d < x->ndim; d++) {
        if (x->shape[d] == 0) return true;
        if (x->shape[d] == 1) continue;
        int64_t stride = x->strides[d] < 0 ? -x->strides[d] : x->strides[d];
        int at = n++;
        while (at > 0) {
            int64_t other = x->strides[order[at - 1]];
            if ((other < 0 ? -other : other) <= stride) break;
            order[at] = order[at - 1];
            at--;
        }
        order[at] = d;
    }
    int64_t reach = 0;
    bool dense = true;
    for (int i = 0; i < n; i++) {
        int64_t stride = x->strides[order[i]], size = x->shape[order[i]];
        if (stride < 0) dense = false, stride = -stride;
        if (stride <= reach) *apart = false;
        if (stride != reach + 1) dense = false;
        reach += stride * (size - 1);
    }
    return dense && *apart;
}

bool tensor_overlaps_itself(const ct_tensor *x) {
    bool apart;
    analyse(x, &apart);
    return !apart;
}

bool tensor_is_dense(const ct_tensor *x) {
    bool apart;
    return analyse(x, &apart);
}

/* ---- dtypes ---- */

const char *ct_dtype_name(ct_dtype dtype) {
    FUNCTION("ct_dtype_name");
    static const char *const names[] = {[CT_F32] = "float32", [CT_F64] = "float64", [CT_I64] = "int64",
                                        [CT_I32] = "int32",   [CT_U8] = "uint8",    [CT_BOOL] = "bool",
                                        [CT_F16] = "float16", [CT_BF16] = "bfloat16"};
    return tensor_check_dtype(dtype) ? names[dtype] : NULL;
}

size_t ct_dtype_size(ct_dtype dtype) {
    FUNCTION("ct_dtype_size");
    return tensor_check_dtype(dtype) ? (size_t)tensor_dtype_size(dtype) : 0;
}

/* 0: BOOL, 1: integers, 2: floating */
static int category(ct_dtype dtype) {
    return dtype == CT_BOOL ? 0 : tensor_is_floating(dtype) ? 2 : 1;
}

ct_dtype tensor_promote_dtypes(ct_dtype a, ct_dtype b) {
    if (a == b) return a;
    if (category(a) != category(b)) return category(a) > category(b) ? a : b;
    if (category(a) == 1) return a == CT_I64 || b == CT_I64 ? CT_I64 : CT_I32;
    return a == CT_F64 || b == CT_F64 ? CT_F64 : CT_F32;
}

ct_dtype tensor_result_dtype(ct_tensor *const *x, int n) {
    if (n == 2 && x[0]->dtype == x[1]->dtype) return (ct_dtype)x[0]->dtype;
    int dimmed = -1, scalar = -1; /* the dtypes of the operands with and without dims */
    for (int i = 0; i < n; i++) {
        int *of = x[i]->ndim ? &dimmed : &scalar;
        *of = *of < 0 ? x[i]->dtype : (int)tensor_promote_dtypes((ct_dtype)*of, (ct_dtype)x[i]->dtype);
    }
    if (dimmed < 0) return (ct_dtype)scalar;
    if (scalar < 0 || category((ct_dtype)scalar) <= category((ct_dtype)dimmed)) return (ct_dtype)dimmed;
    return tensor_promote_dtypes((ct_dtype)scalar, (ct_dtype)dimmed);
}

ct_dtype tensor_scalar_dtype(const ct_tensor *x, double value) {
    ct_dtype dtype = (ct_dtype)x->dtype;
    if (tensor_is_floating(dtype)) return dtype;
    bool integral = value >= -9.2e18 && value <= 9.2e18 && value == (double)(int64_t)value;
    return !integral ? CT_F32 : dtype == CT_BOOL ? CT_I64 : dtype;
}
