/* Reductions and their derivatives. */
#include "../internal/node.h"
#include "../internal/shared_ops.h"
#include <math.h>

#define X (c->x[0])
#define Y (c->y)

static unsigned all_dims(const ct_tensor *x) {
    return (1u << x->ndim) - 1;
}

/* A result of dims `set` gone, seen from its input's shape: with sizes of 1 there, then repeated along them. */
static ct_tensor *restored(const Call *c, ct_tensor *g) {
    int ndim;
    const int64_t *shape = autograd_input_shape(c, 0, &ndim);
    int64_t kept[CT_MAX_DIMS];
    for (int d = 0; d < ndim; d++) kept[d] = c->attr->set >> d & 1u ? 1 : shape[d];
    return ct_expand(ct_reshape(g, kept, ndim), shape, ndim);
}

/* A reduction with tensor_<name>(x, set, keepdim) as forward; the derivative is an expression in g, X, Y. */
#define REDUCE_OP(name_, ...) FUSED_OP(name_, NULL, __VA_ARGS__)
#define FUSED_OP(name_, fused_, formula_, reads_, ...)                                                     \
    static ct_tensor *name_##_forward(Call *c) {                                                      \
        return tensor_##name_(c->x[0], c->attr->set, c->attr->keepdim);                               \
    }                                                                                                 \
    static ct_tensor *name_##_vjp(const Call *c, ct_tensor *g, int i) {                               \
        (void)i;                                                                                      \
        return __VA_ARGS__;                                                                           \
    }                                                                                                 \
    static const Op name_##_op = {.name = #name_, .formula = formula_, .forward = name_##_forward,    \
                                  .vjp = name_##_vjp, .fused = fused_, .reads = {reads_}};

/* A truth value or a place: without a derivative. */
#define COUNT_OP(name_)                                                                               \
    static ct_tensor *name_##_forward(Call *c) {                                                      \
        return tensor_##name_(c->x[0], c->attr->set, c->attr->keepdim);                               \
    }                                                                                                 \
    static const Op name_##_op = {.name = #name_, .formula = "not floating", .forward = name_##_forward};

/* The op over everything, or over the given dims. */
static ct_tensor *reduce_all(const Op *op, ct_tensor *x) {
    FUNCTION(op->name);
    return tensor_given(x, "x") ? APPLY(op, ATTR(.set = all_dims(x)), x) : NULL;
}

static ct_tensor *reduce_dims(const char *name, const Op *op, ct_tensor *x, const int64_t *dims, int ndims, bool keepdim) {
    FUNCTION(name);
    unsigned set;
    if (!tensor_given(x, "x") || !tensor_dims(dims, ndims, x->ndim, &set)) return NULL;
    return APPLY(op, ATTR(.set = set, .keepdim = keepdim), x);
}

#define OVER_ALL(name_)                           \
    ct_tensor *ct_##name_(ct_tensor *x) {         \
        return reduce_all(&name_##_op, x);        \
    }
#define OVER_DIMS(name_, function)                                                            \
    ct_tensor *function(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim) {         \
        return reduce_dims(#function, &name_##_op, x, dims, ndims, keepdim);                  \
    }

/* The gradient as a view that repeats along the dims that went. */
static bool sum_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    int ndim, at = 0;
    int64_t strides[CT_MAX_DIMS];
    const int64_t *shape = autograd_input_shape(c, 0, &ndim);
    for (int d = 0; d < ndim; d++) {
        bool gone = c->attr->set >> d & 1u;
        strides[d] = gone ? 0 : g->strides[at];
        at += !gone || c->attr->keepdim;
    }
    return (dxs[0] = tensor_new_view(g, shape, strides, ndim, g->data)) != NULL;
}

FUSED_OP(sum, sum_fused, "dy/dx = 1", 0, restored(c, g))
OVER_ALL(sum)
OVER_DIMS(sum, ct_sum_dim)

COUNT_OP(any)
OVER_ALL(any)
OVER_DIMS(any, ct_any_dim)
COUNT_OP(all)
OVER_ALL(all)
OVER_DIMS(all, ct_all_dim)

ct_tensor *ct_count_nonzero(ct_tensor *x) {
    FUNCTION("ct_count_nonzero");
    CT_SCOPED;
    ct_tensor *mask = tensor_given(x, "x") ? tensor_to(x, CT_BOOL) : NULL;
    return mask ? ct_scope_keep(tensor_sum(mask, all_dims(mask), false)) : NULL;
}

/* ---- extremes: the gradient is split evenly among ties ---- */

static ct_tensor *among_ties(const Call *c, ct_tensor *g) {
    ct_tensor *largest = restored(c, Y);
    ct_tensor *tie = ct_logical_or(ct_eq(X, largest), ct_logical_and(ct_isnan(X), ct_isnan(largest)));
    if (!tie) return NULL;
    ct_tensor *count = ct_to(tensor_sum(tie, c->attr->set, true), (ct_dtype)g->dtype);
    return ct_masked_fill(ct_div(restored(c, g), count), ct_logical_not(tie), 0);
}

REDUCE_OP(amax, "dy/dx = 1/ties where x is the maximum, else 0", INPUT(0) | OUTPUT, among_ties(c, g))
REDUCE_OP(amin, "dy/dx = 1/ties where x is the minimum, else 0", INPUT(0) | OUTPUT, among_ties(c, g))

static ct_tensor *median_forward(Call *c) {
    return tensor_median(X);
}

static ct_tensor *median_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return among_ties(c, g);
}

static const Op median_op = {.name = "median", .formula = "dy/dx = 1/ties where x is the median, else 0",
                             .forward = median_forward, .vjp = median_vjp, .reads = {INPUT(0) | OUTPUT}};
OVER_ALL(median)

OVER_DIMS(amax, ct_amax)
OVER_DIMS(amin, ct_amin)

ct_tensor *ct_max(ct_tensor *x) {
    FUNCTION("ct_max");
    return reduce_all(&amax_op, x);
}

ct_tensor *ct_min(ct_tensor *x) {
    FUNCTION("ct_min");
    return reduce_all(&amin_op, x);
}

COUNT_OP(argmax)
COUNT_OP(argmin)

static ct_tensor *place_along(const char *name, const Op *op, ct_tensor *x, int dim, bool keepdim) {
    FUNCTION(name);
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    return APPLY(op, ATTR(.set = x->ndim ? 1u << along : 0, .keepdim = keepdim), x);
}

ct_tensor *ct_argmax(ct_tensor *x, int dim, bool keepdim) {
    return place_along("ct_argmax", &argmax_op, x, dim, keepdim);
}

ct_tensor *ct_argmin(ct_tensor *x, int dim, bool keepdim) {
    return place_along("ct_argmin", &argmin_op, x, dim, keepdim);
}

/* Forward sets its second operand, the places; the gradient goes there. */
static ct_tensor *extreme_forward(Call *c) {
    return tensor_extreme(c->x[0], c->attr->set, c->attr->keepdim, c->attr->flag, c->x[1]);
}

static ct_tensor *extreme_vjp(const Call *c, ct_tensor *g, int i) {
    const int dim = c->attr->dim;
    ct_tensor *place = c->x[1];
    if (g->ndim > 0 && !c->attr->keepdim) {
        place = ct_unsqueeze(place, dim);
        g = ct_unsqueeze(g, dim);
    }
    return ct_scatter_add(autograd_input_zeros(c, i), dim, place, g);
}

static const Op max_dim_op = {.name = "max_dim", .formula = "dy/dx = 1 at the place found, else 0",
                              .forward = extreme_forward, .vjp = extreme_vjp, .reads = {INPUT(1)}};
static const Op min_dim_op = {.name = "min_dim", .formula = "dy/dx = 1 at the place found, else 0",
                              .forward = extreme_forward, .vjp = extreme_vjp, .reads = {INPUT(1)}};

static ct_tensor *extreme_along(const Op *op, ct_tensor *x, int dim, bool keepdim, ct_tensor **indices) {
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    const int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    const unsigned set = x->ndim ? 1u << along : 0;
    ct_tensor *place = tensor_new_reduced(x, set, keepdim, CT_I64);
    ct_tensor *values = place ? APPLY(op, ATTR(.set = set, .dim = along, .keepdim = keepdim, .flag = op == &max_dim_op),
                                      x, place)
                              : NULL;
    if (values && indices) *indices = ct_scope_keep(place);
    return values ? ct_scope_keep(values) : NULL;
}

ct_tensor *ct_max_dim(ct_tensor *x, int dim, bool keepdim, ct_tensor **indices) {
    FUNCTION("ct_max_dim");
    return extreme_along(&max_dim_op, x, dim, keepdim, indices);
}

ct_tensor *ct_min_dim(ct_tensor *x, int dim, bool keepdim, ct_tensor **indices) {
    FUNCTION("ct_min_dim");
    return extreme_along(&min_dim_op, x, dim, keepdim, indices);
}

/* ---- product: the derivative is the product of the others, exact where there are zeros ---- */

/* The products of what stands before each element of dim 1: [rows, n]. Doubles the reach in each round. */
static ct_tensor *products_before(ct_tensor *x) {
    int64_t n = x->shape[1];
    ct_tensor *y = ct_pad(x, (int64_t[]){1, -1}, 2, "constant", 1);
    for (int64_t reach = 1; reach < n && y; reach *= 2)
        y = ct_mul(y, ct_pad(y, (int64_t[]){reach, -reach}, 2, "constant", 1));
    return y;
}

static ct_tensor *products_of_others(ct_tensor *x) {
    const int64_t last = 1;
    ct_tensor *after = ct_flip(products_before(ct_flip(x, &last, 1)), &last, 1);
    return ct_mul(products_before(x), after);
}

/* The same over the dims of `set`: they are brought together as the columns of a matrix. */
static ct_tensor *others_along(ct_tensor *x, unsigned set) {
    int64_t order[CT_MAX_DIMS], back[CT_MAX_DIMS], shape[CT_MAX_DIMS], columns = 1;
    int n = 0;
    for (unsigned gone = 0; gone < 2; gone++)
        for (int d = 0; d < x->ndim; d++)
            if ((set >> d & 1u) == gone) {
                back[d] = n;
                shape[n] = x->shape[d];
                order[n++] = d;
                if (gone) columns *= x->shape[d];
            }
    ct_tensor *matrix = ct_reshape(ct_permute(x, order, n), (int64_t[]){x->numel / columns, columns}, 2);
    return matrix ? ct_permute(ct_reshape(products_of_others(matrix), shape, n), back, n) : NULL;
}

static ct_tensor *prod_slope(const Call *c, ct_tensor *g) {
    ct_tensor *zeros = X->numel ? tensor_logical_not(X, NULL) : NULL;
    if (X->numel == 0) return autograd_input_zeros(c, 0);
    ct_tensor *any = zeros ? tensor_any(zeros, all_dims(X), false) : NULL;
    if (!any) return NULL;
    if (*(bool *)any->data) return ct_mul(restored(c, g), others_along(X, c->attr->set));
    return ct_div(restored(c, ct_mul(g, Y)), X);
}

REDUCE_OP(prod, "dy/dx = the product of the others", INPUT(0) | OUTPUT, prod_slope(c, g))
OVER_ALL(prod)
OVER_DIMS(prod, ct_prod_dim)

/* ---- logsumexp ---- */

REDUCE_OP(logsumexp, "dy/dx = exp(x - y)", INPUT(0) | OUTPUT, ct_mul(restored(c, g), ct_exp(ct_sub(X, restored(c, Y)))))
OVER_ALL(logsumexp)
OVER_DIMS(logsumexp, ct_logsumexp_dim)

/* ---- norms ---- */

static ct_tensor *norm_forward(Call *c) {
    return tensor_norm(c->x[0], c->attr->alpha, c->attr->set, c->attr->keepdim);
}

ct_tensor *autograd_norm_slope(ct_tensor *x, ct_tensor *y, ct_tensor *upstream, double p, unsigned set) {
    if (p == 0) return ct_zeros_like(x);
    ct_tensor *flat = ct_logical_or(ct_eq_scalar(x, 0), ct_eq_scalar(y, 0)), *size = ct_abs(x);
    if (p == INFINITY || p == -INFINITY) {
        ct_tensor *tie = ct_eq(size, y);
        if (!tie) return NULL;
        ct_tensor *count = ct_to(tensor_sum(tie, set, true), (ct_dtype)upstream->dtype);
        return ct_masked_fill(ct_div(ct_mul(upstream, ct_sign(x)), count), ct_logical_not(tie), 0);
    }
    if (p == 1) return ct_mul(upstream, ct_sign(x));
    if (p == 2) return ct_masked_fill(ct_mul(upstream, ct_div(x, ct_masked_fill(y, ct_eq_scalar(y, 0), 1))),
                                      ct_eq_scalar(y, 0), 0);
    ct_tensor *ratio = ct_div(ct_masked_fill(size, flat, 1), ct_masked_fill(y, flat, 1));
    return ct_masked_fill(ct_mul(upstream, ct_mul(ct_sign(x), ct_pow_scalar(ratio, p - 1))), flat, 0);
}

static ct_tensor *norm_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return autograd_norm_slope(X, restored(c, Y), restored(c, g), c->attr->alpha, c->attr->set);
}

static const Op norm_op = {.name = "norm", .formula = "dy/dx = sign(x) (|x| / y)^(p - 1)", .forward = norm_forward,
                           .vjp = norm_vjp, .reads = {INPUT(0) | OUTPUT}};

ct_tensor *ct_norm(ct_tensor *x, double p) {
    FUNCTION("ct_norm");
    return tensor_given(x, "x") ? APPLY(&norm_op, ATTR(.set = all_dims(x), .alpha = p), x) : NULL;
}

ct_tensor *ct_norm_dim(ct_tensor *x, const int64_t *dims, int ndims, double p, bool keepdim) {
    FUNCTION("ct_norm_dim");
    unsigned set;
    if (!tensor_given(x, "x") || !tensor_dims(dims, ndims, x->ndim, &set)) return NULL;
    return APPLY(&norm_op, ATTR(.set = set, .alpha = p, .keepdim = keepdim), x);
}

/* ---- mean and spread, composed ---- */

static bool floating(const ct_tensor *x) {
    if (tensor_is_floating((ct_dtype)x->dtype)) return true;
    tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype: convert it", ct_dtype_name((ct_dtype)x->dtype));
    return false;
}

/* How many elements go into one result. */
static double count_of(const int64_t *shape, int ndim, unsigned set) {
    double n = 1;
    for (int d = 0; d < ndim; d++)
        if (set >> d & 1u) n *= (double)shape[d];
    return n;
}

static double count_for(const Call *c) {
    int ndim;
    const int64_t *shape = autograd_input_shape(c, 0, &ndim);
    return count_of(shape, ndim, c->attr->set);
}

static bool mean_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *share = tensor_with_scalar(tensor_div, g, count_for(c));
    return share && sum_fused(c, share, dxs);
}

FUSED_OP(mean, mean_fused, "dy/dx = 1/n", 0, restored(c, ct_div_scalar(g, count_for(c))))

static ct_tensor *mean_of(ct_tensor *x, unsigned set, bool keepdim) {
    return APPLY(&mean_op, ATTR(.set = set, .keepdim = keepdim), x);
}

ct_tensor *ct_mean(ct_tensor *x) {
    FUNCTION("ct_mean");
    return tensor_given(x, "x") && floating(x) ? mean_of(x, all_dims(x), false) : NULL;
}

ct_tensor *ct_mean_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim) {
    FUNCTION("ct_mean_dim");
    unsigned set;
    if (!tensor_given(x, "x") || !floating(x) || !tensor_dims(dims, ndims, x->ndim, &set)) return NULL;
    return mean_of(x, set, keepdim);
}

static ct_tensor *var_forward(Call *c) {
    return tensor_var(c->x[0], c->attr->set, c->attr->alpha, c->attr->keepdim);
}

/* The mean's own derivative falls out: the deviations add up to 0. */
static ct_tensor *var_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const double n = count_for(c) - c->attr->alpha;
    ct_tensor *deviation = ct_sub(X, mean_of(X, c->attr->set, true));
    return ct_mul(restored(c, ct_mul_scalar(g, 2 / fmax(n, 0))), deviation);
}

static const Op var_op = {.name = "var", .formula = "dy/dx = 2 (x - mean) / (n - correction)", .forward = var_forward,
                          .vjp = var_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_var_dim(ct_tensor *x, const int64_t *dims, int ndims, int correction, bool keepdim) {
    FUNCTION("ct_var_dim");
    unsigned set;
    if (!tensor_given(x, "x") || !floating(x) || !tensor_dims(dims, ndims, x->ndim, &set)) return NULL;
    return APPLY(&var_op, ATTR(.set = set, .alpha = correction, .keepdim = keepdim), x);
}

/* √x with derivative 0 where x is 0: a constant's deviation. */
static ct_tensor *root(ct_tensor *x) {
    ct_tensor *zero = ct_eq_scalar(x, 0);
    return ct_masked_fill(ct_sqrt(ct_masked_fill(x, zero, 1)), zero, 0);
}

ct_tensor *ct_std_dim(ct_tensor *x, const int64_t *dims, int ndims, int correction, bool keepdim) {
    FUNCTION("ct_std_dim");
    CT_SCOPED;
    return ct_scope_keep(root(ct_var_dim(x, dims, ndims, correction, keepdim)));
}

ct_tensor *ct_var(ct_tensor *x, int correction) {
    FUNCTION("ct_var");
    return ct_var_dim(x, NULL, 0, correction, false);
}

ct_tensor *ct_std(ct_tensor *x, int correction) {
    FUNCTION("ct_std");
    return ct_std_dim(x, NULL, 0, correction, false);
}

/* ---- for the engine ---- */

ct_tensor *autograd_sum_to(ct_tensor *x, const int64_t *shape, int ndim) {
    int lead = x->ndim - ndim;
    unsigned set = lead > 0 ? (1u << lead) - 1 : 0;
    for (int d = 0; d < ndim; d++)
        if (shape[d] == 1 && x->shape[lead + d] != 1) set |= 1u << (lead + d);
    return ct_reshape(set ? APPLY(&sum_op, ATTR(.set = set, .keepdim = true), x) : x, shape, ndim);
}
