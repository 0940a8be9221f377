/* Reductions: the dims that stay are walked over the results, the others are folded row by row. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <math.h>
#include <string.h>

enum { GRAIN = 1 << 14 };

typedef struct {
    int ndim; /* of one of the two groups of dims */
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS], numel;
} Dims;

typedef struct {
    const Reducer *reducer;
    int type;
    bool place;       /* the result is where it was found */
    const char *data; /* of x */
    char *result;     /* of the type that computes, or I64 */
    int64_t size;     /* bytes of an element of x */
    Dims kept, gone;
    double p;
} Reduction;

static int compute_type(ct_dtype dtype) {
    return dtype == CT_F64 ? COMPUTE_F64 : dtype == CT_F32 ? COMPUTE_F32 : COMPUTE_I64;
}

static void store(const Reduction *r, int64_t i, const Accumulator *a) {
    if (r->place) ((int64_t *)r->result)[i] = a->at;
    else if (r->type == COMPUTE_F32) ((float *)r->result)[i] = (float)a->f;
    else if (r->type == COMPUTE_F64) ((double *)r->result)[i] = a->f;
    else ((int64_t *)r->result)[i] = a->i;
}

/* The offset of the i-th place of a group of dims, in elements. */
static int64_t offset_of(const Dims *dims, int64_t i) {
    if (dims->ndim == 1) return i * dims->strides[0];
    int64_t offset = 0;
    for (int d = dims->ndim - 1; d >= 0; d--) {
        offset += i % dims->shape[d] * dims->strides[d];
        i /= dims->shape[d];
    }
    return offset;
}

static int64_t fold(const void *arguments, int64_t begin, int64_t end) {
    const Reduction *r = arguments;
    const Dims *gone = &r->gone;
    const int64_t row = gone->shape[gone->ndim - 1], step = gone->strides[gone->ndim - 1];
    const int64_t rows = gone->numel / (row ? row : 1);
    Dims outer = *gone;
    outer.ndim--;
    for (int64_t i = begin; i < end; i++) {
        Accumulator a = {r->reducer->f, r->reducer->i, -1, 0};
        const char *start = r->data + offset_of(&r->kept, i) * r->size;
        for (int64_t j = 0; j < rows; j++)
            r->reducer->row[r->type](&a, start + offset_of(&outer, j) * r->size, step, row, &r->p);
        store(r, i, &a);
    }
    return -1;
}

/* Where the results lie side by side in x: whole rows are added to as many sums. */
static int64_t fold_columns(const void *arguments, int64_t begin, int64_t end) {
    const Reduction *r = arguments;
    const int64_t width = r->kept.shape[r->kept.ndim - 1];
    while (begin < end) {
        int64_t n = width - begin % width;
        if (n > end - begin) n = end - begin;
        if (n > FOLD_COLUMNS) n = FOLD_COLUMNS;
        double sums[FOLD_COLUMNS] = {0};
        const char *start = r->data + offset_of(&r->kept, begin) * r->size;
        for (int64_t j = 0; j < r->gone.numel; j++)
            r->reducer->columns[r->type](sums, start + offset_of(&r->gone, j) * r->size, n);
        for (int64_t i = 0; i < n; i++) store(r, begin + i, &(Accumulator){.f = sums[i]});
        begin += n;
    }
    return -1;
}

static bool side_by_side(const Reduction *r) {
    return r->reducer->columns[r->type] && r->kept.ndim > 0 && r->kept.strides[r->kept.ndim - 1] == 1 &&
           r->gone.strides[r->gone.ndim - 1] != 1;
}

/* Splits x's dims into those that stay and those that go, dropping sizes of 1 and merging neighbours. */
static void split_dims(const ct_tensor *x, unsigned set, Dims *kept, Dims *gone) {
    Dims *groups[] = {kept, gone};
    for (int k = 0; k < 2; k++) *groups[k] = (Dims){.numel = 1};
    for (int d = 0; d < x->ndim; d++) {
        Dims *dims = groups[set >> d & 1u];
        dims->numel *= x->shape[d];
        if (x->shape[d] == 1) continue;
        int last = dims->ndim - 1;
        if (last >= 0 && dims->strides[last] == x->strides[d] * x->shape[d]) {
            dims->shape[last] *= x->shape[d];
            dims->strides[last] = x->strides[d];
        } else {
            dims->shape[dims->ndim] = x->shape[d];
            dims->strides[dims->ndim++] = x->strides[d];
        }
    }
    if (gone->ndim == 0) {
        gone->shape[0] = 1;
        gone->strides[0] = 0;
        gone->ndim = 1;
    }
}

static ct_tensor *new_result(const ct_tensor *x, unsigned set, bool keepdim, ct_dtype dtype) {
    int64_t shape[CT_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (!(set >> d & 1u)) shape[ndim++] = x->shape[d];
        else if (keepdim) shape[ndim++] = 1;
    }
    return tensor_new(dtype, shape, ndim);
}

/* Folds x, computed in `compute` (one of F32, F64, I64), to a result of the same dtype, or of places. */
static ct_tensor *reduce(const Reducer *reducer, ct_tensor *x, ct_dtype compute, unsigned set, bool keepdim, bool place,
                         double p) {
    CT_SCOPED;
    ct_tensor *converted = tensor_as(x, compute);
    ct_tensor *y = converted ? new_result(x, set, keepdim, place ? CT_I64 : compute) : NULL;
    if (!y) return NULL;
    Reduction r = {.reducer = reducer, .type = compute_type(compute), .place = place, .data = converted->data,
                   .result = y->data, .size = tensor_dtype_size(compute), .p = p};
    split_dims(converted, set, &r.kept, &r.gone);
    int64_t grain = GRAIN / (r.gone.numel ? r.gone.numel : 1);
    if (side_by_side(&r)) tensor_launch(fold_columns, &r, sizeof r, r.kept.numel, grain < 64 ? 64 : grain);
    else tensor_launch(fold, &r, sizeof r, r.kept.numel, grain);
    return ct_scope_keep(y);
}

/* F32 for 16-bit floats, the dtype itself for the others; integers as I64. */
static ct_dtype compute_dtype(const ct_tensor *x) {
    ct_dtype dtype = (ct_dtype)x->dtype;
    return dtype == CT_F64 ? CT_F64 : tensor_is_floating(dtype) ? CT_F32 : CT_I64;
}

/* A reduction that ends in the given dtype. */
static ct_tensor *reduce_to(ct_dtype dtype, const Reducer *reducer, ct_tensor *x, unsigned set, bool keepdim, double p) {
    CT_SCOPED;
    ct_tensor *y = reduce(reducer, x, compute_dtype(x), set, keepdim, false, p);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}

/* Sums and products of integers are I64. */
static ct_dtype total_dtype(const ct_tensor *x) {
    return tensor_is_floating((ct_dtype)x->dtype) ? (ct_dtype)x->dtype : CT_I64;
}

ct_tensor *tensor_sum(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(total_dtype(x), &tensor_kernels->sum, x, set, keepdim, 0);
}

ct_tensor *tensor_prod(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(total_dtype(x), &tensor_kernels->prod, x, set, keepdim, 0);
}

/* Truth values are counted in I64, whatever x is. */
static ct_tensor *truth(const Reducer *reducer, ct_tensor *x, unsigned set, bool keepdim) {
    CT_SCOPED;
    ct_tensor *mask = x->dtype == CT_BOOL ? x : tensor_to(x, CT_BOOL);
    return mask ? ct_scope_keep(reduce_to(CT_BOOL, reducer, mask, set, keepdim, 0)) : NULL;
}

ct_tensor *tensor_any(ct_tensor *x, unsigned set, bool keepdim) {
    return truth(&tensor_kernels->any, x, set, keepdim);
}

ct_tensor *tensor_all(ct_tensor *x, unsigned set, bool keepdim) {
    return truth(&tensor_kernels->all, x, set, keepdim);
}

/* The largest of nothing is an error. */
static bool has_elements(const ct_tensor *x, unsigned set) {
    for (int d = 0; d < x->ndim; d++)
        if (set >> d & 1u && x->shape[d] == 0) {
            tensor_error(CT_ERR_SHAPE, "x has shape %s: there is no largest or smallest of nothing",
                         tensor_shape_of(x));
            return false;
        }
    return true;
}

ct_tensor *tensor_amax(ct_tensor *x, unsigned set, bool keepdim) {
    if (!has_elements(x, set)) return NULL;
    return reduce_to((ct_dtype)x->dtype, &tensor_kernels->max, x, set, keepdim, 0);
}

ct_tensor *tensor_amin(ct_tensor *x, unsigned set, bool keepdim) {
    if (!has_elements(x, set)) return NULL;
    return reduce_to((ct_dtype)x->dtype, &tensor_kernels->min, x, set, keepdim, 0);
}

ct_tensor *tensor_argmax(ct_tensor *x, unsigned set, bool keepdim) {
    return has_elements(x, set) ? reduce(&tensor_kernels->max, x, compute_dtype(x), set, keepdim, true, 0) : NULL;
}

ct_tensor *tensor_argmin(ct_tensor *x, unsigned set, bool keepdim) {
    return has_elements(x, set) ? reduce(&tensor_kernels->min, x, compute_dtype(x), set, keepdim, true, 0) : NULL;
}

ct_tensor *tensor_norm(ct_tensor *x, double p, unsigned set, bool keepdim) {
    CT_SCOPED;
    if (!tensor_is_floating((ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype", ct_dtype_name((ct_dtype)x->dtype));
        return NULL;
    }
    if (p == INFINITY || p == -INFINITY) {
        if (!has_elements(x, set)) return NULL;
        const Reducer *reducer = p > 0 ? &tensor_kernels->norm_max : &tensor_kernels->norm_min;
        return ct_scope_keep(reduce_to((ct_dtype)x->dtype, reducer, x, set, keepdim, 0));
    }
    const Reducer *reducer = p == 0 ? &tensor_kernels->norm_zero
                             : p == 2 ? &tensor_kernels->sum_squares
                                      : &tensor_kernels->norm_p;
    ct_tensor *sum = reduce(reducer, x, compute_dtype(x), set, keepdim, false, p);
    if (!sum) return NULL;
    if (p == 2) sum = tensor_sqrt(sum, NULL);
    else if (p != 0) sum = tensor_with_scalar(tensor_pow, sum, 1 / p);
    return sum ? ct_scope_keep(tensor_as(sum, (ct_dtype)x->dtype)) : NULL;
}

/* x - max(x), the maximum taken as 0 where it is infinite, so that exp() of it is never NaN there. */
static ct_tensor *shifted(ct_tensor *x, unsigned set, ct_tensor **shift) {
    ct_tensor *largest = tensor_amax(x, set, true);
    ct_tensor *finite = largest ? tensor_isfinite(largest, NULL) : NULL;
    ct_tensor *zero = finite ? tensor_full((ct_dtype)largest->dtype, NULL, 0, 0) : NULL;
    *shift = zero ? tensor_where(finite, largest, zero) : NULL;
    return *shift ? tensor_sub(x, *shift) : NULL;
}

ct_tensor *tensor_logsumexp(ct_tensor *x, unsigned set, bool keepdim) {
    CT_SCOPED;
    if (!tensor_is_floating((ct_dtype)x->dtype)) x = tensor_to(x, CT_F32);
    if (!x) return NULL;
    for (int d = 0; d < x->ndim; d++)
        if (set >> d & 1u && x->shape[d] == 0) {
            ct_tensor *nothing = tensor_sum(x, set, keepdim);
            if (nothing) tensor_fill(nothing, -INFINITY);
            return ct_scope_keep(nothing);
        }
    ct_tensor *shift, *y = shifted(x, set, &shift);
    y = y ? tensor_exp(y, NULL) : NULL;
    y = y ? tensor_sum(y, set, true) : NULL;
    y = y ? tensor_log(y, NULL) : NULL;
    y = y ? tensor_add(y, shift) : NULL;
    if (!y || keepdim) return y ? ct_scope_keep(y) : NULL;
    ct_tensor *flat = new_result(x, set, false, (ct_dtype)y->dtype);
    if (flat) memcpy(flat->data, y->data, (size_t)y->numel * ct_dtype_size((ct_dtype)y->dtype));
    return ct_scope_keep(flat);
}

/* exp(x - max(x)) of a floating x with elements, its sums along the dim, and the shifted x. */
static ct_tensor *exponentials(ct_tensor *x, int dim, ct_tensor **sum, ct_tensor **difference) {
    unsigned set = x->ndim ? 1u << dim : 0;
    ct_tensor *largest = tensor_amax(x, set, true);
    *difference = largest ? tensor_sub(x, largest) : NULL;
    ct_tensor *e = *difference ? tensor_exp(*difference, NULL) : NULL;
    *sum = e ? tensor_sum(e, set, true) : NULL;
    return *sum ? e : NULL;
}

ct_tensor *tensor_softmax(ct_tensor *x, int dim) {
    CT_SCOPED;
    ct_tensor *sum, *difference;
    x = tensor_as(x, tensor_floating_dtype((ct_dtype)x->dtype));
    if (!x || x->numel == 0) return x ? ct_scope_keep(tensor_clone(x)) : NULL;
    ct_tensor *e = exponentials(x, dim, &sum, &difference);
    return e ? ct_scope_keep(tensor_div(e, sum)) : NULL;
}

ct_tensor *tensor_log_softmax(ct_tensor *x, int dim) {
    CT_SCOPED;
    ct_tensor *sum, *difference;
    x = tensor_as(x, tensor_floating_dtype((ct_dtype)x->dtype));
    if (!x || x->numel == 0) return x ? ct_scope_keep(tensor_clone(x)) : NULL;
    ct_tensor *e = exponentials(x, dim, &sum, &difference), *log = e ? tensor_log(sum, NULL) : NULL;
    return log ? ct_scope_keep(tensor_sub(difference, log)) : NULL;
}

ct_tensor *tensor_sum_to(ct_tensor *x, const int64_t *shape, int ndim) {
    CT_SCOPED;
    int lead = x->ndim - ndim;
    unsigned set = lead > 0 ? (1u << lead) - 1 : 0;
    for (int d = 0; d < ndim; d++)
        if (shape[d] == 1 && x->shape[lead + d] != 1) set |= 1u << (lead + d);
    ct_tensor *y = set ? tensor_sum(x, set, true) : x;
    return y ? ct_scope_keep(tensor_reshape(y, shape, ndim)) : NULL;
}
