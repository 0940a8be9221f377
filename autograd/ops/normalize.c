/* Normalisation: layer norm and RMS norm over the last dims, group norm and batch norm of channels, vectors of length 1.
 * The derivation stands in tensor/kernels/norm.h. */
#include "../internal/losses.h"
#include "../internal/node.h"
#include <math.h>

#define X (c->x[0])
#define WEIGHT (c->x[1])

/* Attributes: dim counts the last dims that are normalised, alpha is eps; flag says batch norm, beta is its momentum. */
static ct_tensor *layer_norm_forward(Call *c) {
    return tensor_norm_rows(X, c->attr->dim, WEIGHT, c->x[2], true, c->attr->alpha, &c->extra);
}

static ct_tensor *rms_norm_forward(Call *c) {
    return tensor_norm_rows(X, c->attr->dim, WEIGHT, NULL, false, c->attr->alpha, &c->extra);
}

/* The mean over the dims that are normalised, which stay as 1. */
static ct_tensor *mean_of_rows(const Call *c, ct_tensor *x) {
    if (c->attr->flag) return ct_mean_dim(x, CT_DIMS(0, 2), true);
    int64_t dims[CT_MAX_DIMS];
    for (int d = 0; d < c->attr->dim; d++) dims[d] = d - c->attr->dim;
    return ct_mean_dim(x, dims, c->attr->dim, true);
}

static ct_tensor *norm_vjp(const Call *c, ct_tensor *g, int i, bool centred) {
    if (i == 2) return ct_mul_scalar(g, 1);
    ct_tensor *x = autograd_loss_widened(X), *deviation = centred ? ct_sub(x, mean_of_rows(c, x)) : x;
    ct_tensor *scale = ct_rsqrt(ct_add_scalar(mean_of_rows(c, ct_square(deviation)), c->attr->alpha));
    ct_tensor *normal = ct_mul(deviation, scale);
    if (i == 1) return ct_mul(g, normal);
    ct_tensor *h = WEIGHT ? ct_mul(g, WEIGHT) : g, *tilt = mean_of_rows(c, ct_mul(h, normal));
    ct_tensor *level = centred ? ct_sub(h, mean_of_rows(c, h)) : h;
    return ct_mul(scale, ct_sub(level, ct_mul(normal, tilt)));
}

static ct_tensor *layer_norm_vjp(const Call *c, ct_tensor *g, int i) {
    return norm_vjp(c, g, i, true);
}

static ct_tensor *rms_norm_vjp(const Call *c, ct_tensor *g, int i) {
    return norm_vjp(c, g, i, false);
}

/* All gradients at once, if x wants one; the parameters alone are rare. */
static bool norm_fused(const Call *c, ct_tensor *g, ct_tensor **dxs, bool centred) {
    ct_tensor *slopes[3];
    bool parameters = false;
    for (int i = 1; i < c->n; i++) parameters |= autograd_needs(c, i);
    if (!tensor_norm_rows_slopes(X, c->attr->dim, WEIGHT, centred, c->extra, g, slopes, parameters)) return false;
    for (int i = 0; i < c->n; i++)
        if (autograd_needs(c, i)) dxs[i] = slopes[i];
    return true;
}

static bool layer_norm_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return norm_fused(c, g, dxs, true);
}

static bool rms_norm_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return norm_fused(c, g, dxs, false);
}

/* ---- group norm of x [N, groups, K, R] and batch norm of x [N, C, R] ---- */

static ct_tensor *group_norm_forward(Call *c) {
    return tensor_channel_norm(X, WEIGHT, c->x[2], c->attr->alpha, &c->extra);
}

/* Running statistics follow when all else is done. */
static ct_tensor *batch_norm_forward(Call *c) {
    ct_tensor *y = tensor_channel_norm(X, WEIGHT, c->x[2], c->attr->alpha, &c->extra);
    if (!y || !c->x[3] || X->numel == 0) return y;
    return tensor_update_running(c->x[3], c->x[4], c->extra, c->attr->beta, X->shape[0] * X->shape[2]) ? y : NULL;
}

static bool channel_norm_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *slopes[3];
    const bool parameters = autograd_needs(c, 1) || autograd_needs(c, 2);
    if (!tensor_channel_norm_slopes(X, WEIGHT, c->extra, g, slopes, parameters)) return false;
    for (int i = 0; i < 3; i++)
        if (autograd_needs(c, i)) dxs[i] = slopes[i];
    return true;
}

/* Every rule reads x, since all gradients are made at once. */
#define READS {INPUT(0) | INPUT(1) | EXTRA, INPUT(0) | INPUT(1) | EXTRA, INPUT(0) | INPUT(1) | EXTRA}
static const Op layer_norm_op = {.name = "layer_norm",
                                 .formula = "dx = (h - mean(h) - n mean(h n))/std, h = dy w, n = (x - mean)/std; dw = dy n",
                                 .forward = layer_norm_forward,
                                 .vjp = layer_norm_vjp,
                                 .fused = layer_norm_fused,
                                 .reads = READS,
                                 .optional = INPUT(1) | INPUT(2),
                                 .broadcasts = true};
static const Op rms_norm_op = {.name = "rms_norm",
                               .formula = "dx = (h - n mean(h n))/rms, h = dy w, n = x/rms; dw = dy n",
                               .forward = rms_norm_forward,
                               .vjp = rms_norm_vjp,
                               .fused = rms_norm_fused,
                               .reads = READS,
                               .optional = INPUT(1),
                               .broadcasts = true};

static const Op group_norm_op = {.name = "group_norm",
                                 .formula = "dx = (h - mean(h) - n mean(h n))/std, h = dy w, n = (x - mean)/std; dw = dy n",
                                 .forward = group_norm_forward,
                                 .vjp = layer_norm_vjp,
                                 .fused = channel_norm_fused,
                                 .reads = READS,
                                 .optional = INPUT(1) | INPUT(2),
                                 .broadcasts = true};
static const Op batch_norm_op = {.name = "batch_norm",
                                 .formula = "dx = (h - mean(h) - n mean(h n))/std, h = dy w, n = (x - mean)/std; dw = dy n",
                                 .forward = batch_norm_forward,
                                 .vjp = layer_norm_vjp,
                                 .fused = channel_norm_fused,
                                 .reads = READS,
                                 .optional = INPUT(1) | INPUT(2) | INPUT(3) | INPUT(4),
                                 .broadcasts = true};

/* ---- what is called ---- */

/* Whether a weight or bias, which may be absent, has the shape of x's last dims. */
static bool fits(const ct_tensor *x, int norm_dims, const ct_tensor *parameter, const char *name) {
    if (!parameter) return ct_error() == CT_OK;
    const int64_t *shape = x->shape + x->ndim - norm_dims;
    bool same = parameter->ndim == norm_dims;
    for (int d = 0; same && d < norm_dims; d++) same = parameter->shape[d] == shape[d];
    if (!same)
        tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected %s, the last dims of x %s", name, tensor_shape_of(parameter),
                     tensor_shape_text(shape, norm_dims), tensor_shape_of(x));
    return same && autograd_loss_floating(parameter, name);
}

static bool takes(const ct_tensor *x, int norm_dims, double eps) {
    if (!tensor_given(x, "x") || !autograd_loss_floating(x, "x") || !autograd_loss_number(eps, 0, "eps")) return false;
    if (norm_dims >= 1 && norm_dims <= x->ndim) return true;
    tensor_error(CT_ERR_SHAPE, "norm_dims is %d; expected 1 to %d, as x has shape %s", norm_dims, x->ndim,
                 tensor_shape_of(x));
    return false;
}

ct_tensor *ct_layer_norm(ct_tensor *x, int norm_dims, ct_tensor *weight, ct_tensor *bias, double eps) {
    FUNCTION("ct_layer_norm");
    CT_SCOPED;
    if (!takes(x, norm_dims, eps) || !fits(x, norm_dims, weight, "weight") || !fits(x, norm_dims, bias, "bias")) return NULL;
    weight = autograd_loss_as(weight, (ct_dtype)x->dtype);
    bias = autograd_loss_as(bias, (ct_dtype)x->dtype);
    ct_tensor *y = APPLY(&layer_norm_op, ATTR(.dim = norm_dims, .alpha = eps), x, weight, bias);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *ct_rms_norm(ct_tensor *x, int norm_dims, ct_tensor *weight, double eps) {
    FUNCTION("ct_rms_norm");
    CT_SCOPED;
    if (!takes(x, norm_dims, eps) || !fits(x, norm_dims, weight, "weight")) return NULL;
    weight = autograd_loss_as(weight, (ct_dtype)x->dtype);
    ct_tensor *y = APPLY(&rms_norm_op, ATTR(.dim = norm_dims, .alpha = eps), x, weight);
    return y ? ct_scope_keep(y) : NULL;
}

/* ---- channels: dim 1 ---- */

/* Whether something of one number for each channel, which may be absent, has that shape. */
static bool of_channels(const ct_tensor *x, const ct_tensor *parameter, const char *name) {
    if (!parameter) return ct_error() == CT_OK;
    if (parameter->ndim == 1 && parameter->shape[0] == x->shape[1]) return autograd_loss_floating(parameter, name);
    tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected (%lld,), a number for each channel of x %s", name,
                 tensor_shape_of(parameter), (long long)x->shape[1], tensor_shape_of(x));
    return false;
}

static bool has_channels(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, double eps) {
    if (!tensor_given(x, "x") || !autograd_loss_floating(x, "x") || !autograd_loss_number(eps, 0, "eps")) return false;
    if (x->ndim >= 2) return of_channels(x, weight, "weight") && of_channels(x, bias, "bias");
    tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 2 or more dims, of which the second are channels",
                 tensor_shape_of(x));
    return false;
}

/* The numbers of a channel in one sample. */
static int64_t places_of(const ct_tensor *x) {
    int64_t places = 1;
    for (int d = 2; d < x->ndim; d++) places *= x->shape[d];
    return places;
}

static ct_tensor *reshaped(ct_tensor *x, const int64_t *shape, int ndim) {
    return x ? ct_reshape(x, shape, ndim) : NULL;
}

ct_tensor *ct_group_norm(ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias, double eps) {
    FUNCTION("ct_group_norm");
    CT_SCOPED;
    if (!has_channels(x, weight, bias, eps)) return NULL;
    if (groups < 1 || x->shape[1] % groups != 0) {
        tensor_error(CT_ERR_VALUE, "groups is %lld, which does not divide the %lld channels of x %s", (long long)groups,
                     (long long)x->shape[1], tensor_shape_of(x));
        return NULL;
    }
    const int64_t shape[] = {x->shape[0], groups, x->shape[1] / groups, places_of(x)};
    weight = reshaped(autograd_loss_as(weight, (ct_dtype)x->dtype), CT_DIMS(groups, shape[2], 1));
    bias = reshaped(autograd_loss_as(bias, (ct_dtype)x->dtype), CT_DIMS(groups, shape[2], 1));
    ct_tensor *y = APPLY(&group_norm_op, ATTR(.dim = 2, .alpha = eps), ct_reshape(x, shape, 4), weight, bias);
    return ct_scope_keep(ct_reshape(y, x->shape, x->ndim));
}

/* With the batch's own statistics. Single numbers are turned, so that a channel's are neighbours. */
static ct_tensor *train(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_tensor *running_mean, ct_tensor *running_var,
                        double momentum, double eps) {
    const int64_t places = places_of(x), channels = x->shape[1];
    weight = reshaped(autograd_loss_as(weight, (ct_dtype)x->dtype), CT_DIMS(channels, 1));
    bias = reshaped(autograd_loss_as(bias, (ct_dtype)x->dtype), CT_DIMS(channels, 1));
    running_mean = running_mean ? ct_detach(running_mean) : NULL;
    running_var = running_var ? ct_detach(running_var) : NULL;
    ct_tensor *lines = places == 1 ? ct_reshape(ct_transpose(ct_reshape(x, x->shape, 2), 0, 1), CT_DIMS(1, channels, x->shape[0]))
                                   : ct_reshape(x, CT_DIMS(x->shape[0], channels, places));
    ct_tensor *y = APPLY(&batch_norm_op, ATTR(.flag = true, .alpha = eps, .beta = momentum), lines, weight, bias, running_mean,
                         running_var);
    if (places == 1) y = ct_contiguous(ct_transpose(ct_reshape(y, CT_DIMS(channels, x->shape[0])), 0, 1));
    return ct_reshape(y, x->shape, x->ndim);
}

/* With the running statistics: x scale + shift. */
static ct_tensor *evaluate(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_tensor *running_mean, ct_tensor *running_var,
                           double eps) {
    const ct_dtype given = (ct_dtype)x->dtype;
    int64_t shape[CT_MAX_DIMS] = {x->shape[1], 1, 1, 1, 1, 1, 1, 1};
    x = autograd_loss_widened(x);
    const ct_dtype dtype = (ct_dtype)x->dtype;
    ct_tensor *scale = ct_rsqrt(ct_add_scalar(autograd_loss_as(ct_detach(running_var), dtype), eps));
    if (weight) scale = ct_mul(scale, autograd_loss_as(weight, dtype));
    ct_tensor *shift = ct_neg(ct_mul(autograd_loss_as(ct_detach(running_mean), dtype), scale));
    if (bias) shift = ct_add(shift, autograd_loss_as(bias, dtype));
    const int ndim = x->ndim - 1;
    return autograd_loss_as(ct_add(ct_mul(x, ct_reshape(scale, shape, ndim)), ct_reshape(shift, shape, ndim)), given);
}

/* Whether the running statistics are there, both or (in training) neither, and can be changed. */
static bool running_fit(const ct_tensor *x, const ct_tensor *running_mean, const ct_tensor *running_var, bool training) {
    if (training && !running_mean && !running_var) return ct_error() == CT_OK;
    if (!tensor_given(running_mean, "running_mean") || !tensor_given(running_var, "running_var")) return false;
    if (!of_channels(x, running_mean, "running_mean") || !of_channels(x, running_var, "running_var")) return false;
    if (!training || (!tensor_overlaps_itself(running_mean) && !tensor_overlaps_itself(running_var))) return true;
    tensor_error(CT_ERR_VALUE, "several channels of running_mean or running_var share one place: clone them first");
    return false;
}

ct_tensor *ct_batch_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_tensor *running_mean, ct_tensor *running_var,
                         bool training, double momentum, double eps) {
    FUNCTION("ct_batch_norm");
    CT_SCOPED;
    if (!has_channels(x, weight, bias, eps) || !running_fit(x, running_mean, running_var, training) ||
        !autograd_loss_number(momentum, -INFINITY, "momentum"))
        return NULL;
    if (!training) return ct_scope_keep(evaluate(x, weight, bias, running_mean, running_var, eps));
    if (x->shape[0] * places_of(x) == 1) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s, one value for each channel; training needs more", tensor_shape_of(x));
        return NULL;
    }
    return ct_scope_keep(train(x, weight, bias, running_mean, running_var, momentum, eps));
}

/* ---- vectors ---- */

/* The length of x along dim, which stays as 1, at least eps. */
static ct_tensor *bounded_length(ct_tensor *x, double p, int dim, double eps) {
    return ct_clamp(ct_norm_dim(x, CT_DIMS(dim), p, true), eps, INFINITY);
}

ct_tensor *ct_normalize(ct_tensor *x, double p, int dim, double eps) {
    FUNCTION("ct_normalize");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !autograd_loss_number(eps, 0, "eps")) return NULL;
    return ct_scope_keep(ct_div(x, bounded_length(x, p, dim, eps)));
}

ct_tensor *ct_cosine_similarity(ct_tensor *a, ct_tensor *b, int dim, double eps) {
    FUNCTION("ct_cosine_similarity");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b") || !autograd_loss_number(eps, 0, "eps")) return NULL;
    Shape shape;
    if (!autograd_loss_floating(a, "a") || !autograd_loss_floating(b, "b") ||
        !tensor_broadcast(a->shape, a->ndim, b->shape, b->ndim, &shape))
        return NULL;
    const ct_dtype dtype = tensor_promote_dtypes((ct_dtype)a->dtype, (ct_dtype)b->dtype);
    a = ct_broadcast_to(autograd_loss_as(a, dtype), shape.sizes, shape.ndim);
    b = ct_broadcast_to(autograd_loss_as(b, dtype), shape.sizes, shape.ndim);
    ct_tensor *unit_a = ct_div(a, bounded_length(a, 2, dim, eps)), *unit_b = ct_div(b, bounded_length(b, 2, dim, eps));
    return ct_scope_keep(ct_sum_dim(ct_mul(unit_a, unit_b), CT_DIMS(dim), false));
}
