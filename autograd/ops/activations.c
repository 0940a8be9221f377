/* Activation functions, each with its derivative beside it. */
#include "../internal/shared_ops.h"
#include "../../tensor/internal/random.h"
#include <math.h>

#define X (c->x[0])
#define Y (c->y)

/* forward = tensor_<name>(x) with the parameters alpha, beta; the derivative is an expression in g, X, Y. FUSED names a
 * fused rule as well. */
#define ACTIVATION(name_, formula_, reads_, ...) FUSED(name_, NULL, formula_, reads_, __VA_ARGS__)
#define FUSED(name_, fused_, formula_, reads_, ...)                                        \
    static ct_tensor *name_##_forward(Call *c) {                                          \
        return tensor_##name_(c->x[0], PARAMETERS(c->attr->alpha, c->attr->beta));        \
    }                                                                                     \
    static ct_tensor *name_##_vjp(const Call *c, ct_tensor *g, int i) {                   \
        (void)i;                                                                          \
        return __VA_ARGS__;                                                               \
    }                                                                                     \
    static const Op name_##_op = {.name = #name_, .formula = formula_, .forward = name_##_forward, \
                                  .vjp = name_##_vjp, .fused = fused_, .reads = {reads_}};

/* A kernel of g and one more, written over g if that is spare; else NULL. */
static ct_tensor *over_gradient(const Call *c, const Rows *rows, ct_tensor *g, ct_tensor *value) {
    if (!c->spare || g->dtype != value->dtype || (g->dtype != CT_F32 && g->dtype != CT_F64)) return NULL;
    const int type = g->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    tensor_rows_in_place(rows->of[type], (ct_tensor *[]){g, g, value}, 3, (double[ROW_PARAMETERS]){0});
    tensor_bump(g);
    return g;
}

/* A fused rule: one kernel of g and the result, or the operand. */
#define FUSED_RULE(name_, value)                                                          \
    static bool name_##_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {             \
        dxs[0] = over_gradient(c, &tensor_kernels->name_##_slope, g, value);              \
        return dxs[0] || (dxs[0] = tensor_##name_##_slope(g, value));                     \
    }

#define WITHOUT_PARAMETERS(name_)                   \
    ct_tensor *ct_##name_(ct_tensor *x) {           \
        return APPLY(&name_##_op, NO_ATTR, x);      \
    }

/* g · slope(x), the slope being 0 outside of lo < x < hi. */
static ct_tensor *between(ct_tensor *x, double lo, double hi, ct_tensor *g) {
    ct_tensor *outside = ct_logical_or(ct_le_scalar(x, lo), ct_ge_scalar(x, hi));
    return ct_masked_fill(g, outside, 0);
}

static ct_tensor *one_minus(ct_tensor *x) {
    return ct_rsub_scalar(x, 1);
}

FUSED_RULE(sigmoid, Y)
FUSED(sigmoid, sigmoid_fused, "dy/dx = y (1 - y)", OUTPUT, ct_mul(g, ct_mul(Y, one_minus(Y))))
WITHOUT_PARAMETERS(sigmoid)
FUSED_RULE(tanh, Y)
FUSED(tanh, tanh_fused, "dy/dx = 1 - y²", OUTPUT, ct_mul(g, one_minus(ct_square(Y))))
WITHOUT_PARAMETERS(tanh)
ACTIVATION(logsigmoid, "dy/dx = sigmoid(-x)", INPUT(0), ct_mul(g, ct_sigmoid(ct_neg(X))))
WITHOUT_PARAMETERS(logsigmoid)
ACTIVATION(relu6, "dy/dx = 1 where 0 < x < 6, else 0", INPUT(0), between(X, 0, 6, g))
WITHOUT_PARAMETERS(relu6)
ACTIVATION(softsign, "dy/dx = 1/(1 + |x|)²", INPUT(0), ct_div(g, ct_square(ct_add_scalar(ct_abs(X), 1))))
WITHOUT_PARAMETERS(softsign)
/* The slope is PyTorch's constant, which is 1/6 in single precision. */
ACTIVATION(hardsigmoid, "dy/dx = 1/6 where -3 < x < 3, else 0", INPUT(0),
           between(X, -3, 3, ct_mul_scalar(g, (double)(1.0f / 6))))
WITHOUT_PARAMETERS(hardsigmoid)

/* dy/dx = s (1 + x (1 - s)), s = sigmoid(x) */
static ct_tensor *silu_slope(ct_tensor *x) {
    ct_tensor *s = ct_sigmoid(x);
    return ct_mul(s, ct_add_scalar(ct_mul(x, one_minus(s)), 1));
}
FUSED_RULE(silu, X)
FUSED(silu, silu_fused, "dy/dx = s (1 + x (1 - s)), s = sigmoid(x)", INPUT(0), ct_mul(g, silu_slope(X)))
WITHOUT_PARAMETERS(silu)

static ct_tensor *mish_slope(ct_tensor *x) {
    ct_tensor *t = ct_tanh(ct_softplus(x, 1, 20));
    return ct_add(t, ct_mul(x, ct_mul(one_minus(ct_square(t)), ct_sigmoid(x))));
}
ACTIVATION(mish, "dy/dx = t + x (1 - t²) sigmoid(x), t = tanh(softplus(x))", INPUT(0), ct_mul(g, mish_slope(X)))
WITHOUT_PARAMETERS(mish)

/* 0 below -3, 1 above 3, x/3 + 1/2 between. */
static ct_tensor *hardswish_vjp_of(ct_tensor *x, ct_tensor *g) {
    ct_tensor *inner = ct_mul(g, ct_add_scalar(ct_div_scalar(x, 3), 0.5));
    ct_tensor *outer = ct_where(ct_ge_scalar(x, 3), g, inner);
    return ct_masked_fill(outer, ct_le_scalar(x, -3), 0);
}
ACTIVATION(hardswish, "dy/dx = x/3 + 1/2 where -3 < x < 3, 0 below, 1 above", INPUT(0), hardswish_vjp_of(X, g))
WITHOUT_PARAMETERS(hardswish)

/* g where x > 0, else `below`. */
static ct_tensor *above_zero(ct_tensor *x, ct_tensor *g, ct_tensor *below) {
    return ct_where(ct_gt_scalar(x, 0), g, below);
}

ACTIVATION(leaky_relu, "dy/dx = 1 where x > 0, else slope", INPUT(0),
           above_zero(X, g, ct_mul_scalar(g, c->attr->alpha)))
ct_tensor *ct_leaky_relu(ct_tensor *x, double slope) {
    return APPLY(&leaky_relu_op, ATTR(.alpha = slope), x);
}

/* g · scale · exp(rate · min(x, 0)) below 0, g · above else: the slope of the exponential units. */
static ct_tensor *exponential_slope(ct_tensor *x, ct_tensor *g, double above, double scale, double rate) {
    ct_tensor *slope = ct_mul_scalar(ct_exp(ct_mul_scalar(ct_clamp(x, -INFINITY, 0), rate)), scale);
    return above_zero(x, ct_mul_scalar(g, above), ct_mul(g, slope));
}

ACTIVATION(elu, "dy/dx = 1 where x > 0, else alpha exp(x)", INPUT(0),
           exponential_slope(X, g, 1, c->attr->alpha, 1))
ct_tensor *ct_elu(ct_tensor *x, double alpha) {
    return APPLY(&elu_op, ATTR(.alpha = alpha), x);
}

ACTIVATION(selu, "dy/dx = scale where x > 0, else scale alpha exp(x)", INPUT(0),
           exponential_slope(X, g, 1.0507009873554804934193349852946,
                             1.0507009873554804934193349852946 * 1.6732632423543772848170429916717, 1))
WITHOUT_PARAMETERS(selu)

/* 1/alpha of alpha in single precision, as PyTorch's derivative has it. */
static double celu_rate(const Call *c) {
    return 1 / (double)(float)c->attr->alpha;
}
ACTIVATION(celu, "dy/dx = 1 where x > 0, else exp(x / alpha)", INPUT(0),
           exponential_slope(X, g, 1, c->attr->alpha * celu_rate(c), celu_rate(c)))
ct_tensor *ct_celu(ct_tensor *x, double alpha) {
    FUNCTION("ct_celu");
    if (alpha == 0) {
        tensor_error(CT_ERR_VALUE, "alpha is 0; it divides x");
        return NULL;
    }
    return APPLY(&celu_op, ATTR(.alpha = alpha), x);
}

/* At the threshold itself the slope is the curve's, but no longer bends. */
static ct_tensor *softplus_vjp_of(const Call *c, ct_tensor *g) {
    const double threshold = c->attr->beta;
    ct_tensor *scaled = ct_mul_scalar(X, c->attr->alpha), *slope = ct_sigmoid(scaled);
    ct_tensor *straight = ct_masked_fill(ct_detach(slope), ct_gt_scalar(scaled, threshold), 1);
    return ct_mul(g, ct_where(ct_lt_scalar(scaled, threshold), slope, straight));
}
ACTIVATION(softplus, "dy/dx = sigmoid(beta x), 1 above the threshold", INPUT(0), softplus_vjp_of(c, g))
ct_tensor *ct_softplus(ct_tensor *x, double beta, double threshold) {
    FUNCTION("ct_softplus");
    if (beta == 0) {
        tensor_error(CT_ERR_VALUE, "beta is 0; the result is divided by it");
        return NULL;
    }
    return APPLY(&softplus_op, ATTR(.alpha = beta, .beta = threshold), x);
}

/* Φ(x) + x φ(x) */
static ct_tensor *gelu_slope(ct_tensor *x) {
    ct_tensor *cumulative = ct_mul_scalar(ct_erfc(ct_mul_scalar(x, -0.70710678118654752440)), 0.5);
    ct_tensor *density = ct_mul_scalar(ct_exp(ct_mul_scalar(ct_square(x), -0.5)), 0.39894228040143267794);
    return ct_add(cumulative, ct_mul(x, density));
}
FUSED_RULE(gelu, X)
FUSED(gelu, gelu_fused, "dy/dx = Φ(x) + x φ(x)", INPUT(0), ct_mul(g, gelu_slope(X)))

/* With u = √(2/π)(x + 0.044715 x³) and s = sigmoid(2u): y = x s, dy/dx = s + x s (1 - s) 2u'. */
static ct_tensor *gelu_tanh_slope(ct_tensor *x) {
    const double root = 0.79788456080286535588;
    ct_tensor *square = ct_square(x);
    ct_tensor *u = ct_mul(x, ct_add_scalar(ct_mul_scalar(square, 0.044715 * root), root));
    ct_tensor *s = ct_sigmoid(ct_mul_scalar(u, 2));
    ct_tensor *slope = ct_add_scalar(ct_mul_scalar(square, 6 * 0.044715 * root), 2 * root);
    return ct_add(s, ct_mul(ct_mul(x, slope), ct_mul(s, one_minus(s))));
}
ACTIVATION(gelu_tanh, "dy/dx = s + 2 x u' s (1 - s), s = sigmoid(2u), u = √(2/π)(x + 0.044715 x³)", INPUT(0),
           ct_mul(g, gelu_tanh_slope(X)))

ct_tensor *ct_gelu(ct_tensor *x, bool tanh_approx) {
    FUNCTION("ct_gelu");
    return APPLY(tanh_approx ? &gelu_tanh_op : &gelu_op, NO_ATTR, x);
}

/* ---- relu keeps any dtype ---- */

static ct_tensor *relu_forward(Call *c) {
    return tensor_relu(c->x[0], NULL);
}

static ct_tensor *relu_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_masked_fill(g, ct_le_scalar(Y, 0), 0);
}

FUSED_RULE(relu, Y)

const Op autograd_relu_op = {.name = "relu", .formula = "dy/dx = 1 where x > 0, else 0", .forward = relu_forward,
                             .vjp = relu_vjp, .fused = relu_fused, .reads = {OUTPUT}};

ct_tensor *ct_relu(ct_tensor *x) {
    return APPLY(&autograd_relu_op, NO_ATTR, x);
}

/* ---- composed ---- */

ct_tensor *ct_glu(ct_tensor *x, int dim) {
    FUNCTION("ct_glu");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    if (x->ndim == 0 || x->shape[along] % 2) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected an even size in dim %d", tensor_shape_of(x), along);
        return NULL;
    }
    int64_t half = x->shape[along] / 2;
    ct_tensor *gate = ct_sigmoid(ct_narrow(x, along, half, half));
    return ct_scope_keep(ct_mul(ct_narrow(x, along, 0, half), gate));
}

ct_tensor *ct_prelu(ct_tensor *x, ct_tensor *weight) {
    FUNCTION("ct_prelu");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_given(weight, "weight")) return NULL;
    int64_t channels = x->ndim >= 2 ? x->shape[1] : 1, shape[CT_MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (weight->ndim > 1 || (weight->numel != 1 && weight->numel != channels)) {
        tensor_error(CT_ERR_SHAPE, "weight has shape %s; expected 1 element or %lld, the size of dim 1 of x %s",
                     tensor_shape_of(weight), (long long)channels, tensor_shape_of(x));
        return NULL;
    }
    if (weight->numel != 1) shape[1] = weight->numel;
    ct_tensor *slope = weight->ndim == 0 || x->ndim == 0 ? ct_reshape(weight, NULL, 0) : ct_reshape(weight, shape, x->ndim);
    return ct_scope_keep(ct_where(ct_gt_scalar(x, 0), x, ct_mul(x, slope)));
}

static ct_tensor *dropout_forward(Call *c) {
    CT_SCOPED;
    ct_tensor *x = c->x[0];
    const double keep = 1 - c->attr->alpha;
    if (c->attr->alpha == 0) return ct_scope_keep(tensor_clone(x));
    ct_tensor *mask = tensor_keep_mask(x->shape, x->ndim, keep);
    ct_tensor *scaled = mask ? tensor_with_scalar(tensor_mul, x, keep > 0 ? 1 / keep : 0) : NULL;
    ct_tensor *zero = scaled ? tensor_full((ct_dtype)x->dtype, NULL, 0, 0) : NULL;
    ct_tensor *y = zero ? tensor_where(mask, scaled, zero) : NULL;
    c->extra = ct_scope_keep(y ? mask : NULL);
    return ct_scope_keep(y);
}

static ct_tensor *dropout_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const double keep = 1 - c->attr->alpha;
    ct_tensor *scaled = ct_mul_scalar(g, keep > 0 ? 1 / keep : 0);
    return c->extra ? ct_masked_fill(scaled, ct_logical_not(c->extra), 0) : scaled;
}

static const Op dropout_op = {.name = "dropout", .formula = "dy/dx = 1/(1 - p) where kept, else 0",
                              .forward = dropout_forward, .vjp = dropout_vjp, .reads = {EXTRA}};

ct_tensor *ct_dropout(ct_tensor *x, double p, bool training) {
    FUNCTION("ct_dropout");
    if (!tensor_given(x, "x")) return NULL;
    if (!(p >= 0 && p <= 1)) {
        tensor_error(CT_ERR_VALUE, "p is %g; expected a probability", p);
        return NULL;
    }
    if (!tensor_is_floating((ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype", ct_dtype_name((ct_dtype)x->dtype));
        return NULL;
    }
    return APPLY(&dropout_op, ATTR(.alpha = training ? p : 0), x);
}
