/* Functions of two operands, which broadcast: the engine sums each gradient down to its operand's shape. */
#include "../internal/shared_ops.h"
#include <math.h>

#define A (c->x[0])
#define B (c->x[1])
#define Y (c->y)

static bool refuses_bool(const Call *c, const char *instead) {
    if (c->x[0]->dtype != CT_BOOL || c->x[1]->dtype != CT_BOOL) return false;
    tensor_error(CT_ERR_DTYPE, "both operands are bool; %s", instead);
    return true;
}

/* Integer division by 0 is an error, never a signal. */
static bool divides(const Call *c) {
    CT_SCOPED;
    if (refuses_bool(c, "convert one to an integer")) return false;
    if (tensor_is_floating(tensor_result_dtype(c->x, 2))) return true;
    ct_tensor *all = tensor_all(c->x[1], (1u << c->x[1]->ndim) - 1, false);
    if (!all) return false;
    if (!*(bool *)all->data && c->x[0]->numel > 0) tensor_error(CT_ERR_VALUE, "integer division by zero");
    return *(bool *)all->data || c->x[0]->numel == 0;
}

/* An operation whose forward is tensor_<name>(a, b) under a condition, with a derivative for each operand. */
#define BINARY_OP(name_, ...) FUSED_OP(name_, NULL, __VA_ARGS__)
#define FUSED_OP(name_, fused_, formula_, allowed_, reads_a, reads_b, for_a, for_b)           \
    static ct_tensor *name_##_forward(Call *c) {                                              \
        return (allowed_) ? tensor_##name_(c->x[0], c->x[1]) : NULL;                          \
    }                                                                                         \
    static ct_tensor *name_##_vjp(const Call *c, ct_tensor *g, int i) {                       \
        (void)c;                                                                              \
        return i == 0 ? (for_a) : (for_b);                                                    \
    }                                                                                         \
    const Op autograd_##name_##_op = {.name = #name_, .formula = formula_, .forward = name_##_forward, \
                                      .vjp = name_##_vjp, .fused = fused_, .reads = {reads_a, reads_b}, \
                                      .broadcasts = true};                                    \
    ct_tensor *ct_##name_(ct_tensor *a, ct_tensor *b) {                                       \
        return APPLY(&autograd_##name_##_op, NO_ATTR, a, b);                                  \
    }

#define COMPARE_OP(name_)                                                                     \
    static ct_tensor *name_##_forward(Call *c) {                                              \
        return tensor_##name_(c->x[0], c->x[1]);                                              \
    }                                                                                         \
    static const Op name_##_op = {.name = #name_, .formula = "true or false", .forward = name_##_forward}; \
    ct_tensor *ct_##name_(ct_tensor *a, ct_tensor *b) {                                       \
        return APPLY(&name_##_op, NO_ATTR, a, b);                                             \
    }

/* g for the operand that was taken, half of it at a tie, 0 for the other. */
static ct_tensor *taken(ct_tensor *g, ct_tensor *other_taken, ct_tensor *tie) {
    return ct_masked_fill(ct_where(tie, ct_mul_scalar(g, 0.5), g), other_taken, 0);
}

/* b · a^(b - 1), 0 where b is 0. */
static ct_tensor *power_slope(ct_tensor *a, ct_tensor *b, ct_tensor *g) {
    ct_tensor *slope = ct_mul(g, ct_mul(b, ct_pow(a, ct_sub_scalar(b, 1))));
    return ct_masked_fill(slope, ct_eq_scalar(b, 0), 0);
}

/* a^b · log a, 0 where a is 0 and b >= 0. */
static ct_tensor *exponent_slope(ct_tensor *a, ct_tensor *b, ct_tensor *y, ct_tensor *g) {
    ct_tensor *flat = ct_logical_and(ct_eq_scalar(a, 0), ct_ge_scalar(b, 0));
    return ct_masked_fill(ct_mul(g, ct_mul(y, ct_log(a))), flat, 0);
}

/* a / b, or 0 where b is 0: for slopes of lengths at the origin. */
static ct_tensor *ratio(ct_tensor *a, ct_tensor *b) {
    ct_tensor *zero = ct_eq_scalar(b, 0);
    return ct_masked_fill(ct_div(a, ct_masked_fill(b, zero, 1)), zero, 0);
}

static ct_tensor *xlogy_slope(ct_tensor *a, ct_tensor *b, ct_tensor *g) {
    ct_tensor *flat = ct_logical_and(ct_eq_scalar(a, 0), ct_le_scalar(b, 0));
    return ct_masked_fill(ct_mul(g, ct_log(b)), flat, 0);
}

BINARY_OP(add, "dz/da = 1, dz/db = 1", true, 0, 0, g, g)
BINARY_OP(sub, "dz/da = 1, dz/db = -1", !refuses_bool(c, "use ct_logical_xor"), 0, 0, g, ct_neg(g))
static bool mul_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    for (int i = 0; i < 2; i++)
        if (autograd_needs(c, i) && !(dxs[i] = tensor_mul(g, c->x[1 - i]))) return false;
    return true;
}

static bool div_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    dxs[0] = tensor_div(g, B); /* the other reads it too */
    if (dxs[0] && autograd_needs(c, 1)) dxs[1] = tensor_mul(dxs[0], Y);
    if (dxs[1]) dxs[1] = tensor_neg(dxs[1], NULL);
    return dxs[0] && (dxs[1] || !autograd_needs(c, 1));
}

FUSED_OP(mul, mul_fused, "dz/da = b, dz/db = a", true, INPUT(1), INPUT(0), ct_mul(g, B), ct_mul(g, A))
FUSED_OP(div, div_fused, "dz/da = 1/b, dz/db = -z/b", true, INPUT(1), INPUT(1) | OUTPUT, ct_div(g, B),
          ct_neg(ct_mul(g, ct_div(Y, B))))
BINARY_OP(maximum, "dz/da = 1 where a > b, 1/2 at a tie, else 0", true, INPUT(0) | INPUT(1), INPUT(0) | INPUT(1),
          taken(g, ct_lt(A, B), ct_eq(A, B)), taken(g, ct_gt(A, B), ct_eq(A, B)))
BINARY_OP(minimum, "dz/da = 1 where a < b, 1/2 at a tie, else 0", true, INPUT(0) | INPUT(1), INPUT(0) | INPUT(1),
          taken(g, ct_gt(A, B), ct_eq(A, B)), taken(g, ct_lt(A, B), ct_eq(A, B)))
BINARY_OP(atan2, "dz/da = b/(a² + b²), dz/db = -a/(a² + b²)", true, INPUT(0) | INPUT(1), INPUT(0) | INPUT(1),
          ct_mul(g, ratio(B, ct_add(ct_square(A), ct_square(B)))),
          ct_mul(g, ratio(ct_neg(A), ct_add(ct_square(A), ct_square(B)))))
BINARY_OP(hypot, "dz/da = a/z, dz/db = b/z", true, INPUT(0) | OUTPUT, INPUT(1) | OUTPUT, ct_mul(g, ratio(A, Y)),
          ct_mul(g, ratio(B, Y)))
BINARY_OP(xlogy, "dz/da = log b, dz/db = a/b", true, INPUT(0) | INPUT(1), INPUT(0) | INPUT(1),
          xlogy_slope(A, B, g), ct_mul(g, ct_div(A, B)))
BINARY_OP(fmod, "dz/da = 1, dz/db = -trunc(a/b)", divides(c), 0, INPUT(0) | INPUT(1), g,
          ct_neg(ct_mul(g, ct_trunc(ct_div(A, B)))))
BINARY_OP(remainder, "dz/da = 1, dz/db = -floor(a/b)", divides(c), 0, INPUT(0) | INPUT(1), g,
          ct_neg(ct_mul(g, ct_floor_divide(A, B))))
BINARY_OP(floor_divide, "dz/da = 0, dz/db = 0", divides(c), 0, 0, ct_zeros_like(g), ct_zeros_like(g))

/* Integers have no negative powers, but for those of 1 and -1. */
static bool exponents_fit(const Call *c) {
    CT_SCOPED;
    if (refuses_bool(c, "convert one to an integer")) return false;
    if (tensor_is_floating(tensor_result_dtype(c->x, 2))) return true;
    if (c->x[1]->numel == 0 || c->x[0]->numel == 0) return true;
    ct_tensor *smallest = tensor_amin(c->x[1], (1u << c->x[1]->ndim) - 1, false);
    ct_tensor *as_double = smallest ? tensor_as(smallest, CT_F64) : NULL;
    if (!as_double) return false;
    double value = *(double *)as_double->data;
    if (value < 0)
        tensor_error(CT_ERR_VALUE, "integers to the negative power %lld; convert to a floating dtype", (long long)value);
    return value >= 0;
}

BINARY_OP(pow, "dz/da = b a^(b-1), dz/db = z log a", exponents_fit(c), INPUT(0) | INPUT(1),
          INPUT(0) | INPUT(1) | OUTPUT, power_slope(A, B, g), exponent_slope(A, B, Y, g))

COMPARE_OP(eq)
COMPARE_OP(ne)
COMPARE_OP(lt)
COMPARE_OP(le)
COMPARE_OP(gt)
COMPARE_OP(ge)
COMPARE_OP(logical_and)
COMPARE_OP(logical_or)
COMPARE_OP(logical_xor)

/* ---- with a C scalar ---- */

/* The scalar as a tensor beside x, in the dtype that counts for promotion. */
static ct_tensor *beside(ct_tensor *x, double value) {
    return tensor_full(tensor_scalar_dtype(x, value), NULL, 0, value);
}

/* f(x, value) or, reversed, f(value, x), named after the public function. */
static ct_tensor *with_scalar(const char *name, ct_tensor *(*f)(ct_tensor *, ct_tensor *), ct_tensor *x, double value,
                              bool reversed) {
    FUNCTION(name);
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    ct_tensor *scalar = beside(x, value);
    if (!scalar) return NULL;
    return ct_scope_keep(reversed ? f(scalar, x) : f(x, scalar));
}

#define SCALAR(name_, function, reversed)                                                  \
    ct_tensor *ct_##name_##_scalar(ct_tensor *x, double value) {                           \
        return with_scalar("ct_" #name_ "_scalar", function, x, value, reversed);          \
    }
SCALAR(add, ct_add, false)
SCALAR(sub, ct_sub, false)
SCALAR(mul, ct_mul, false)
SCALAR(div, ct_div, false)
SCALAR(pow, ct_pow, false)
SCALAR(rsub, ct_sub, true)
SCALAR(rdiv, ct_div, true)
SCALAR(rpow, ct_pow, true)
SCALAR(eq, ct_eq, false)
SCALAR(ne, ct_ne, false)
SCALAR(lt, ct_lt, false)
SCALAR(le, ct_le, false)
SCALAR(gt, ct_gt, false)
SCALAR(ge, ct_ge, false)

/* ---- of three operands ---- */

static ct_tensor *where_forward(Call *c) {
    return tensor_where(c->x[0], c->x[1], c->x[2]);
}

static ct_tensor *where_vjp(const Call *c, ct_tensor *g, int i) {
    return ct_masked_fill(g, i == 1 ? ct_logical_not(c->x[0]) : c->x[0], 0);
}

static const Op where_op = {.name = "where", .formula = "dz/da = 1 where cond, else 0; dz/db = 1 - dz/da",
                            .forward = where_forward, .vjp = where_vjp, .reads = {0, INPUT(0), INPUT(0)},
                            .broadcasts = true};

ct_tensor *ct_where(ct_tensor *cond, ct_tensor *a, ct_tensor *b) {
    return APPLY(&where_op, NO_ATTR, cond, a, b);
}

/* The composed ones name themselves; they pass NULL on through what they call. */
ct_tensor *ct_lerp(ct_tensor *a, ct_tensor *b, double w) {
    FUNCTION("ct_lerp");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    /* from the nearer end, so that w = 1 gives b to the bit */
    ct_tensor *distance = ct_sub(b, a);
    ct_tensor *y = w < 0.5 ? ct_add(a, ct_mul_scalar(distance, w)) : ct_sub(b, ct_mul_scalar(distance, 1 - w));
    return ct_scope_keep(y);
}

ct_tensor *ct_addcmul(ct_tensor *x, ct_tensor *a, ct_tensor *b, double v) {
    FUNCTION("ct_addcmul");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    return ct_scope_keep(ct_add(x, ct_mul_scalar(ct_mul(a, b), v)));
}

ct_tensor *ct_addcdiv(ct_tensor *x, ct_tensor *a, ct_tensor *b, double v) {
    FUNCTION("ct_addcdiv");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    return ct_scope_keep(ct_add(x, ct_mul_scalar(ct_div(a, b), v)));
}
