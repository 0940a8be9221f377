/* Reductions: each is a fold (fold.c), and what goes before and after it. */
#include "internal/fold.h"
#include <math.h>

/* A reduction that ends in the given dtype. */
static ct_tensor *reduce_to(ct_dtype dtype, ct_tensor *x, const Fold *fold) {
    if (dtype == fold->compute) return tensor_fold(x, fold);
    CT_SCOPED;
    ct_tensor *y = tensor_fold(x, fold);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}

/* FOLD(sum), FOLD(sum, .divisor = n): by that reducer of the table, and what else there is to say. */
#define FOLD(...)                                                                                   \
    (&(Fold){.set = set, .keepdim = keepdim, .compute = tensor_compute_dtype((ct_dtype)x->dtype), \
             .reducer = &tensor_kernels->__VA_ARGS__})

/* Sums and products of integers are I64. */
static ct_dtype total_dtype(const ct_tensor *x) {
    return tensor_is_floating((ct_dtype)x->dtype) ? (ct_dtype)x->dtype : CT_I64;
}

/* How many elements go into one result. */
static double count_of(const ct_tensor *x, unsigned set) {
    double n = 1;
    for (int d = 0; d < x->ndim; d++)
        if (set >> d & 1u) n *= (double)x->shape[d];
    return n;
}

ct_tensor *tensor_sum(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(total_dtype(x), x, FOLD(sum));
}

ct_tensor *tensor_mean(ct_tensor *x, unsigned set, bool keepdim) {
    const double n = count_of(x, set);
    ct_tensor *y = reduce_to((ct_dtype)x->dtype, x, FOLD(sum, .divisor = n));
    if (y && n == 0) tensor_fill(y, NAN);
    return y;
}

ct_tensor *tensor_prod(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(total_dtype(x), x, FOLD(prod));
}

ct_tensor *tensor_any(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(CT_BOOL, x, FOLD(any));
}

ct_tensor *tensor_all(ct_tensor *x, unsigned set, bool keepdim) {
    return reduce_to(CT_BOOL, x, FOLD(all));
}

/* x's variances, and if wanted its means, which are F64 and keep the dims. */
ct_tensor *tensor_var(ct_tensor *x, unsigned set, double correction, bool keepdim) {
    CT_SCOPED;
    const double n = count_of(x, set), divisor = fmax(n - correction, 0);
    ct_tensor *means = tensor_fold(x, FOLD(sum, .wide = true, .divisor = n));
    ct_tensor *y = means ? tensor_fold(x, FOLD(sum_squares_from, .wide = true, .centres = means)) : NULL;
    y = y ? tensor_with_scalar(tensor_div, y, divisor) : NULL;
    return y ? ct_scope_keep(tensor_as(y, (ct_dtype)x->dtype)) : NULL;
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
    return has_elements(x, set) ? reduce_to((ct_dtype)x->dtype, x, FOLD(max)) : NULL;
}

ct_tensor *tensor_amin(ct_tensor *x, unsigned set, bool keepdim) {
    return has_elements(x, set) ? reduce_to((ct_dtype)x->dtype, x, FOLD(min)) : NULL;
}

ct_tensor *tensor_argmax(ct_tensor *x, unsigned set, bool keepdim) {
    ct_tensor *places = has_elements(x, set) ? tensor_new_reduced(x, set, keepdim, CT_I64) : NULL;
    return places ? tensor_fold(x, FOLD(argmax, .places = places, .places_only = true)) : NULL;
}

ct_tensor *tensor_argmin(ct_tensor *x, unsigned set, bool keepdim) {
    ct_tensor *places = has_elements(x, set) ? tensor_new_reduced(x, set, keepdim, CT_I64) : NULL;
    return places ? tensor_fold(x, FOLD(argmin, .places = places, .places_only = true)) : NULL;
}

ct_tensor *tensor_extreme(ct_tensor *x, unsigned set, bool keepdim, bool largest, ct_tensor *places) {
    if (!has_elements(x, set)) return NULL;
    return reduce_to((ct_dtype)x->dtype, x, largest ? FOLD(argmax, .places = places) : FOLD(argmin, .places = places));
}

ct_tensor *tensor_norm(ct_tensor *x, double p, unsigned set, bool keepdim) {
    CT_SCOPED;
    const ct_dtype dtype = (ct_dtype)x->dtype;
    if (!tensor_is_floating(dtype)) {
        tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype", ct_dtype_name(dtype));
        return NULL;
    }
    if (p == INFINITY || p == -INFINITY) {
        if (!has_elements(x, set)) return NULL;
        return ct_scope_keep(reduce_to(dtype, x, p > 0 ? FOLD(max_abs) : FOLD(min_abs)));
    }
    if (p == 0) return ct_scope_keep(reduce_to(dtype, x, FOLD(count_nonzero)));
    if (p == 1) return ct_scope_keep(reduce_to(dtype, x, FOLD(sum_abs)));
    ct_tensor *y = tensor_fold(x, p == 2 ? FOLD(sum_squares, .wide = true) : FOLD(sum_powers, .wide = true, .p = p));
    if (y) y = p == 2 ? tensor_sqrt(y, NULL) : tensor_with_scalar(tensor_pow, y, 1 / p);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}

ct_tensor *tensor_wide_max(ct_tensor *x, unsigned set, bool keepdim) {
    return tensor_fold(x, FOLD(max, .wide = true));
}

ct_tensor *tensor_exp_sums(ct_tensor *x, ct_tensor *m, unsigned set, bool keepdim) {
    return tensor_fold(x, FOLD(sum_exp_from, .wide = true, .centres = m));
}

/* log Σ exp(x - m) + m with m the largest, which counts as 0 where it is infinite, so that no inf - inf comes up. */
ct_tensor *tensor_logsumexp(ct_tensor *x, unsigned set, bool keepdim) {
    CT_SCOPED;
    const ct_dtype dtype = tensor_floating_dtype((ct_dtype)x->dtype);
    x = tensor_as(x, dtype == CT_F64 ? CT_F64 : CT_F32);
    ct_tensor *m = x ? tensor_wide_max(x, set, keepdim) : NULL;
    m = m ? tensor_nan_to_num(m, PARAMETERS(NAN, 0, 0)) : NULL;
    ct_tensor *y = m ? tensor_exp_sums(x, m, set, keepdim) : NULL;
    y = y ? tensor_log(y, NULL) : NULL;
    y = y ? tensor_add(y, m) : NULL;
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
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
