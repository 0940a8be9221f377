/* Normalisation over the last dims: layer norm and RMS norm. The derivation stands in tensor/kernels/norm.h. */
#include "../internal/losses.h"
#include "../internal/node.h"

#define X (c->x[0])
#define WEIGHT (c->x[1])

/* Attributes: dim counts the dims that are normalised, alpha is eps. */
static ct_tensor *layer_norm_forward(Call *c) {
    return tensor_norm_rows(X, c->attr->dim, WEIGHT, c->x[2], true, c->attr->alpha, &c->extra);
}

static ct_tensor *rms_norm_forward(Call *c) {
    return tensor_norm_rows(X, c->attr->dim, WEIGHT, NULL, false, c->attr->alpha, &c->extra);
}

/* The mean over the dims that are normalised, which stay as 1. */
static ct_tensor *mean_of_rows(const Call *c, ct_tensor *x) {
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
