/* Functions of one operand: each with its derivative beside it. */
#include "../internal/shared_ops.h"
#include <math.h>

#define X (c->x[0])
#define Y (c->y)

/* An operation whose forward is tensor_<name>(x), and whose derivative is an expression in g, X and Y. */
#define UNARY_OP(name_, formula_, reads_, ...)                                  \
    static ct_tensor *name_##_forward(Call *c) {                                \
        return tensor_##name_(c->x[0], NULL);                                   \
    }                                                                           \
    static ct_tensor *name_##_vjp(const Call *c, ct_tensor *g, int i) {         \
        (void)i, (void)c;                                                       \
        return __VA_ARGS__;                                                     \
    }                                                                           \
    static const Op name_##_op = {.name = #name_, .formula = formula_, .forward = name_##_forward, \
                                  .vjp = name_##_vjp, .reads = {reads_}};       \
    ct_tensor *ct_##name_(ct_tensor *x) {                                       \
        return APPLY(&name_##_op, NO_ATTR, x);                                  \
    }

/* A result that is not recorded, having no derivative: a truth value. */
#define PREDICATE_OP(name_)                                                     \
    static ct_tensor *name_##_forward(Call *c) {                                \
        return tensor_##name_(c->x[0], NULL);                                   \
    }                                                                           \
    static const Op name_##_op = {.name = #name_, .formula = "true or false", .forward = name_##_forward}; \
    ct_tensor *ct_##name_(ct_tensor *x) {                                       \
        return APPLY(&name_##_op, NO_ATTR, x);                                  \
    }

/* g where the condition holds, else 0: never a product with 0, which would turn infinities into NaN. */
static ct_tensor *only_where(ct_tensor *condition, ct_tensor *g) {
    return ct_masked_fill(g, ct_logical_not(condition), 0);
}

static ct_tensor *one_minus(ct_tensor *x) {
    return ct_rsub_scalar(x, 1);
}

static ct_tensor *neg_forward(Call *c) {
    if (c->x[0]->dtype != CT_BOOL) return tensor_neg(c->x[0], NULL);
    tensor_error(CT_ERR_DTYPE, "x is bool; use ct_logical_not, or convert it to an integer");
    return NULL;
}

static ct_tensor *neg_vjp(const Call *c, ct_tensor *g, int i) {
    (void)c, (void)i;
    return ct_neg(g);
}

static const Op neg_op = {.name = "neg", .formula = "dy/dx = -1", .forward = neg_forward, .vjp = neg_vjp};

ct_tensor *ct_neg(ct_tensor *x) {
    return APPLY(&neg_op, NO_ATTR, x);
}

UNARY_OP(abs, "dy/dx = sign(x)", INPUT(0), ct_mul(g, ct_sign(X)))
UNARY_OP(sign, "dy/dx = 0", 0, ct_zeros_like(g))
UNARY_OP(exp, "dy/dx = y", OUTPUT, ct_mul(g, Y))
UNARY_OP(exp2, "dy/dx = y ln 2", OUTPUT, ct_mul(g, ct_mul_scalar(Y, 0.69314718055994530942)))
UNARY_OP(expm1, "dy/dx = y + 1", OUTPUT, ct_mul(g, ct_add_scalar(Y, 1)))
UNARY_OP(log, "dy/dx = 1/x", INPUT(0), ct_div(g, X))
UNARY_OP(log2, "dy/dx = 1/(x ln 2)", INPUT(0), ct_div(g, ct_mul_scalar(X, 0.69314718055994530942)))
UNARY_OP(log10, "dy/dx = 1/(x ln 10)", INPUT(0), ct_div(g, ct_mul_scalar(X, 2.30258509299404568402)))
UNARY_OP(log1p, "dy/dx = 1/(1 + x)", INPUT(0), ct_div(g, ct_add_scalar(X, 1)))
UNARY_OP(sqrt, "dy/dx = 1/(2y)", OUTPUT, ct_div(g, ct_mul_scalar(Y, 2)))
UNARY_OP(rsqrt, "dy/dx = -y³/2", OUTPUT, ct_mul(g, ct_mul_scalar(ct_mul(Y, ct_square(Y)), -0.5)))
UNARY_OP(square, "dy/dx = 2x", INPUT(0), ct_mul(g, ct_mul_scalar(X, 2)))
UNARY_OP(reciprocal, "dy/dx = -y²", OUTPUT, ct_mul(g, ct_neg(ct_square(Y))))
UNARY_OP(sin, "dy/dx = cos(x)", INPUT(0), ct_mul(g, ct_cos(X)))
UNARY_OP(cos, "dy/dx = -sin(x)", INPUT(0), ct_mul(g, ct_neg(ct_sin(X))))
UNARY_OP(tan, "dy/dx = 1 + y²", OUTPUT, ct_mul(g, ct_add_scalar(ct_square(Y), 1)))
UNARY_OP(asin, "dy/dx = 1/√(1 - x²)", INPUT(0), ct_mul(g, ct_rsqrt(one_minus(ct_square(X)))))
UNARY_OP(acos, "dy/dx = -1/√(1 - x²)", INPUT(0), ct_neg(ct_mul(g, ct_rsqrt(one_minus(ct_square(X))))))
UNARY_OP(atan, "dy/dx = 1/(1 + x²)", INPUT(0), ct_div(g, ct_add_scalar(ct_square(X), 1)))
UNARY_OP(sinh, "dy/dx = cosh(x)", INPUT(0), ct_mul(g, ct_cosh(X)))
UNARY_OP(cosh, "dy/dx = sinh(x)", INPUT(0), ct_mul(g, ct_sinh(X)))
UNARY_OP(asinh, "dy/dx = 1/√(x² + 1)", INPUT(0), ct_mul(g, ct_rsqrt(ct_add_scalar(ct_square(X), 1))))
UNARY_OP(acosh, "dy/dx = 1/√(x² - 1)", INPUT(0), ct_mul(g, ct_rsqrt(ct_sub_scalar(ct_square(X), 1))))
UNARY_OP(atanh, "dy/dx = 1/(1 - x²)", INPUT(0), ct_div(g, one_minus(ct_square(X))))
UNARY_OP(erf, "dy/dx = 2/√π exp(-x²)", INPUT(0),
         ct_mul(g, ct_mul_scalar(ct_exp(ct_neg(ct_square(X))), 1.12837916709551257390)))
UNARY_OP(erfc, "dy/dx = -2/√π exp(-x²)", INPUT(0),
         ct_mul(g, ct_mul_scalar(ct_exp(ct_neg(ct_square(X))), -1.12837916709551257390)))
UNARY_OP(erfinv, "dy/dx = √π/2 exp(y²)", OUTPUT,
         ct_mul(g, ct_mul_scalar(ct_exp(ct_square(Y)), 0.88622692545275801365)))
UNARY_OP(lgamma, "dy/dx = digamma(x)", INPUT(0), ct_mul(g, ct_digamma(X)))
UNARY_OP(frac, "dy/dx = 1", 0, ct_neg(ct_neg(g)))

/* Rounding leaves integers as they are. */
#define ROUNDING_OP(name_)                                                            \
    static ct_tensor *name_##_forward(Call *c) {                                      \
        bool floating = tensor_is_floating((ct_dtype)c->x[0]->dtype);                 \
        return floating ? tensor_##name_(c->x[0], NULL) : tensor_clone(c->x[0]);      \
    }                                                                                 \
    static ct_tensor *name_##_vjp(const Call *c, ct_tensor *g, int i) {               \
        (void)i, (void)c;                                                             \
        return ct_zeros_like(g);                                                      \
    }                                                                                 \
    static const Op name_##_op = {.name = #name_, .formula = "dy/dx = 0", .forward = name_##_forward, \
                                  .vjp = name_##_vjp};                                \
    ct_tensor *ct_##name_(ct_tensor *x) {                                             \
        return APPLY(&name_##_op, NO_ATTR, x);                                        \
    }
ROUNDING_OP(floor)
ROUNDING_OP(ceil)
ROUNDING_OP(round)
ROUNDING_OP(trunc)

PREDICATE_OP(isnan)
PREDICATE_OP(isinf)
PREDICATE_OP(isfinite)
PREDICATE_OP(logical_not)

/* ---- digamma and its derivatives: the n-th polygamma's is the next ---- */

static ct_tensor *ct_polygamma(int n, ct_tensor *x);

static ct_tensor *polygamma_forward(Call *c) {
    return tensor_polygamma(c->x[0], PARAMETERS(c->attr->dim));
}

static ct_tensor *polygamma_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_mul(g, ct_polygamma(c->attr->dim + 1, X));
}

static const Op polygamma_op = {.name = "polygamma", .formula = "d ψₙ/dx = ψₙ₊₁", .forward = polygamma_forward,
                                .vjp = polygamma_vjp, .reads = {INPUT(0)}};

static ct_tensor *ct_polygamma(int n, ct_tensor *x) {
    return APPLY(&polygamma_op, ATTR(.dim = n), x);
}

UNARY_OP(digamma, "dy/dx = ψ₁(x)", INPUT(0), ct_mul(g, ct_polygamma(1, X)))

/* ---- bounds ---- */

static ct_tensor *clamp_forward(Call *c) {
    ct_tensor *x = c->x[0];
    double lo = c->attr->alpha, hi = c->attr->beta;
    if (!tensor_is_floating((ct_dtype)x->dtype)) {
        lo = fmax(ceil(lo), -0x1p62);
        hi = fmin(floor(hi), 0x1p62);
    }
    return tensor_clamp(x, PARAMETERS(lo, hi));
}

static ct_tensor *clamp_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    ct_tensor *inside = ct_logical_and(ct_ge_scalar(X, c->attr->alpha), ct_le_scalar(X, c->attr->beta));
    return only_where(inside, g);
}

const Op autograd_clamp_op = {.name = "clamp", .formula = "dy/dx = 1 where lo <= x <= hi, else 0",
                              .forward = clamp_forward, .vjp = clamp_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_clamp(ct_tensor *x, double lo, double hi) {
    FUNCTION("ct_clamp");
    return APPLY(&autograd_clamp_op, ATTR(.alpha = lo, .beta = hi), x);
}

static ct_tensor *hardtanh_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    ct_tensor *inside = ct_logical_and(ct_gt_scalar(X, c->attr->alpha), ct_lt_scalar(X, c->attr->beta));
    return only_where(inside, g);
}

static const Op hardtanh_op = {.name = "hardtanh", .formula = "dy/dx = 1 where lo < x < hi, else 0",
                               .forward = clamp_forward, .vjp = hardtanh_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_hardtanh(ct_tensor *x, double lo, double hi) {
    return APPLY(&hardtanh_op, ATTR(.alpha = lo, .beta = hi), x);
}

static ct_tensor *threshold_forward(Call *c) {
    return tensor_threshold(c->x[0], PARAMETERS(c->attr->alpha, c->attr->beta));
}

static ct_tensor *threshold_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return only_where(ct_gt_scalar(X, c->attr->alpha), g);
}

static const Op threshold_op = {.name = "threshold", .formula = "dy/dx = 1 where x > t, else 0",
                                .forward = threshold_forward, .vjp = threshold_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_threshold(ct_tensor *x, double t, double value) {
    return APPLY(&threshold_op, ATTR(.alpha = t, .beta = value), x);
}

static ct_tensor *nan_to_num_forward(Call *c) {
    ct_tensor *x = c->x[0];
    if (!tensor_is_floating((ct_dtype)x->dtype)) return tensor_clone(x);
    return tensor_nan_to_num(x, PARAMETERS(c->attr->alpha, c->attr->beta, c->attr->gamma));
}

static ct_tensor *nan_to_num_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return only_where(ct_isfinite(X), g);
}

static const Op nan_to_num_op = {.name = "nan_to_num", .formula = "dy/dx = 1 where x is finite, else 0",
                                 .forward = nan_to_num_forward, .vjp = nan_to_num_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_nan_to_num(ct_tensor *x, double nan, double posinf, double neginf) {
    return APPLY(&nan_to_num_op, ATTR(.alpha = nan, .beta = posinf, .gamma = neginf), x);
}
