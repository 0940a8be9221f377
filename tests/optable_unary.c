/* Rows: conversion and copies, functions of one operand. */
#include "optable.h"

/* name, reference, lo, hi: a smooth function of floating result that takes any number. */
#define SMOOTH(name_, f, lo, hi) SMOOTH_WITH(name_, f, lo, hi, 0)
#define SMOOTH_WITH(name_, f, lo, hi, flags_)                                                                \
    {                                                                                                        \
        .name = #name_, .unary = name_, .f1 = f, .x = {OPERAND(REAL, lo, hi, 3, 4, 5)}, .dtypes = ANY_DTYPE, \
        .result = FLOAT, .flags = flags_                                                                     \
    }
#define KINKED(name_, f, lo, hi, dtypes_, result_)                                                           \
    {                                                                                                        \
        .name = #name_, .unary = name_, .f1 = f, .x = {OPERAND(AWAY, lo, hi, 3, 4, 5)}, .dtypes = dtypes_,   \
        .result = result_                                                                                    \
    }
/* With parameters: an adapter, a reference, what stands in the adapter's p. */
#define WITH(name_, adapter, f, lo, hi, result_, dtypes_, flags_, ...)                                       \
    {                                                                                                        \
        .name = #name_, .call = adapter, .fn = f, .x = {OPERAND(AWAY, lo, hi, 3, 4, 5)}, .p = {__VA_ARGS__}, \
        .dtypes = dtypes_, .result = result_, .flags = flags_                                                \
    }

/* ---- references ---- */

static double negated(double x) {
    return -x;
}
static double sign(double x) {
    return isnan(x) ? x : (x > 0) - (x < 0);
}
static double square(double x) {
    return x * x;
}
static double reciprocal(double x) {
    return 1 / x;
}
static double rsqrt(double x) {
    return 1 / sqrt(x);
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x))) + (x - x);
}
static double logsigmoid(double x) {
    return x == -INFINITY ? x : x == INFINITY ? 0 : -softplus(-x);
}
static double bounded(double x, double lo, double hi) {
    return isnan(x) ? x : x < lo ? lo : x > hi ? hi : x;
}
static double relu(double x) {
    return bounded(x, 0, INFINITY);
}
static double relu6(double x) {
    return bounded(x, 0, 6);
}
static double silu(double x) {
    return x * sigmoid(x);
}
static double mish(double x) {
    return x * tanh(softplus(x));
}
static double softsign(double x) {
    return x / (1 + fabs(x));
}
static double hardsigmoid(double x) {
    return bounded(x / 6 + 0.5, 0, 1);
}
static double hardswish(double x) {
    return x * hardsigmoid(x);
}
static double fraction(double x) {
    return x - trunc(x);
}
static double selu(double x) {
    return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * expm1(x));
}
static double is_nan(double x) {
    return isnan(x);
}
static double is_inf(double x) {
    return isinf(x) != 0;
}
static double is_finite(double x) {
    return isfinite(x);
}
static double is_zero(double x) {
    return x == 0;
}
static double itself(double x) {
    return x;
}
static double to_integer(double x) {
    return isnan(x) ? 0 : trunc(bounded(x, -0x1p63, 0x1p63));
}

/* By bisection: erf rises. */
static double inverse_erf(double y) {
    if (!(fabs(y) <= 1)) return NAN;
    if (fabs(y) == 1) return y * INFINITY;
    double lo = -6, hi = 6;
    for (int i = 0; i < 200; i++) {
        double middle = (lo + hi) / 2;
        *(erf(middle) < y ? &lo : &hi) = middle;
    }
    return (lo + hi) / 2;
}

/* Recurrence up to 20, then the asymptotic series. */
static double digamma(double x) {
    double sum = 0;
    if (x == 0) return copysign(INFINITY, -x);
    if (x < 0 && x == floor(x)) return NAN;
    for (; x < 20; x++) sum -= 1 / x;
    double z = 1 / (x * x);
    return sum + log(x) - 0.5 / x -
           z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z / 132))));
}

static double hardtanh_of(const double *v, const Row *row) {
    return bounded(v[0], row->p[0], row->p[1]);
}
static double gelu_of(const double *v, const Row *row) {
    double x = v[0];
    if (row->p[0] == 0) return x * 0.5 * erfc(-x / sqrt(2));
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
static double leaky_relu_of(const double *v, const Row *row) {
    return v[0] > 0 ? v[0] : row->p[0] * v[0];
}
static double elu_of(const double *v, const Row *row) {
    return v[0] > 0 ? v[0] : row->p[0] * expm1(v[0]);
}
static double celu_of(const double *v, const Row *row) {
    return v[0] > 0 ? v[0] : row->p[0] * expm1(v[0] / row->p[0]);
}
static double softplus_of(const double *v, const Row *row) {
    double scaled = row->p[0] * v[0];
    return scaled > row->p[1] ? v[0] : log1p(exp(scaled)) / row->p[0];
}
static double nan_to_num_of(const double *v, const Row *row) {
    return isnan(v[0]) ? row->p[0] : isinf(v[0]) ? row->p[v[0] > 0 ? 1 : 2] : v[0];
}
static double threshold_of(const double *v, const Row *row) {
    return v[0] <= row->p[0] ? row->p[1] : v[0];
}
static double glu_of(const int64_t *at, const Dense *x, const Row *row) {
    int dim = (int)row->dims[0];
    int64_t gate[3] = {at[0], at[1], at[2]};
    gate[dim] += x->shape.sizes[dim] / 2;
    return dense_at(x, at, 3) * sigmoid(dense_at(x, gate, 3));
}
/* The weight has one element, or one for each index of dimension 1. */
static double prelu_of(const int64_t *at, const Dense *x, const Row *row) {
    double value = dense_at(x, at, row->shape.ndim);
    return value > 0 ? value : value * AT(&x[1], at[1]);
}
static double dropout_of(const double *v, const Row *row) {
    return row->p[1] != 0 && row->p[0] == 1 ? 0 : v[0];
}
static bool dropped_or_scaled(double got, const double *v, const Row *row) {
    return got == 0 || fabs(got - v[0] / (1 - row->p[0])) <= 0.01 * fabs(got);
}

/* ---- calls ---- */

CALL(to, ct_to(x[0], (ct_dtype)row->p[0]))
CALL(hardtanh, ct_hardtanh(x[0], row->p[0], row->p[1]))
CALL(clamp, ct_clamp(x[0], row->p[0], row->p[1]))
CALL(gelu, ct_gelu(x[0], row->p[0] != 0))
CALL(leaky_relu, ct_leaky_relu(x[0], row->p[0]))
CALL(elu, ct_elu(x[0], row->p[0]))
CALL(celu, ct_celu(x[0], row->p[0]))
CALL(call_softplus, ct_softplus(x[0], row->p[0], row->p[1]))
CALL(nan_to_num, ct_nan_to_num(x[0], row->p[0], row->p[1], row->p[2]))
CALL(threshold, ct_threshold(x[0], row->p[0], row->p[1]))
CALL(glu, ct_glu(x[0], (int)row->dims[0]))
CALL(dropout, ct_dropout(x[0], row->p[0], row->p[1] != 0))

#define TO(dtype_, result_, f, variant_)                                                                     \
    {                                                                                                        \
        .name = "ct_to", .variant = variant_, .call = to, .f1 = f, .x = {OPERAND(REAL, 0, 9, 3, 4, 5)},      \
        .p = {dtype_}, .dtypes = ANY_DTYPE, .result = result_                                                \
    }
#define PRELU(variant_, ...)                                                                                 \
    {                                                                                                        \
        .name = "ct_prelu", .variant = variant_, .binary = ct_prelu, .entry = prelu_of,                      \
        .x = {OPERAND(AWAY, -3, 3, 3, 4, 5), __VA_ARGS__}, .shape = {SIZES(3, 4, 5)}, .dtypes = ANY_DTYPE    \
    }
#define DROPOUT(variant_, p_, training)                                                                      \
    {                                                                                                        \
        .name = "ct_dropout", .variant = variant_, .call = dropout, .fn = dropout_of,                        \
        .x = {OPERAND(REAL, -3, 3, 3, 4, 5)}, .p = {p_, training}, .flags = EXACT | RANDOM | NO_INFINITIES   \
    }
#define TRUTH_OF(name_, f)                                                                                   \
    {                                                                                                        \
        .name = #name_, .unary = name_, .f1 = f, .x = {OPERAND(GRAIN, -2, 3, 3, 4, 5)}, .dtypes = ANY_DTYPE, \
        .result = TRUTH                                                                                      \
    }

static const Row rows[] = {
    TO(CT_F64, DOUBLE, itself, "to float64"),
    TO(CT_I64, PLACE, to_integer, "to int64"),
    TO(CT_BOOL, TRUTH, itself, "to bool"),
    {.name = "ct_clone",
     .unary = ct_clone,
     .f1 = itself,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .dtypes = ANY_DTYPE,
     .flags = EXACT},
    {.name = "ct_contiguous",
     .unary = ct_contiguous,
     .f1 = itself,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .dtypes = ANY_DTYPE,
     .flags = EXACT},
    {.name = "ct_detach",
     .unary = ct_detach,
     .f1 = itself,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .dtypes = ANY_DTYPE,
     .flags = EXACT | SHARES | CONSTANT_RESULT},
    {.name = "ct_neg",
     .unary = ct_neg,
     .f1 = negated,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .dtypes = NUMBERS},
    KINKED(ct_abs, fabs, -3, 3, ANY_DTYPE, PROMOTED),
    KINKED(ct_sign, sign, -3, 3, ANY_DTYPE, PROMOTED),
    SMOOTH(ct_exp, exp, -3, 3),
    SMOOTH(ct_exp2, exp2, -3, 3),
    SMOOTH(ct_expm1, expm1, -3, 3),
    SMOOTH(ct_log, log, 0.2, 5),
    SMOOTH(ct_log2, log2, 0.2, 5),
    SMOOTH(ct_log10, log10, 0.2, 5),
    SMOOTH(ct_log1p, log1p, -0.7, 5),
    SMOOTH(ct_sqrt, sqrt, 0.2, 5),
    SMOOTH(ct_rsqrt, rsqrt, 0.2, 5),
    {.name = "ct_square",
     .unary = ct_square,
     .f1 = square,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .dtypes = ANY_DTYPE},
    SMOOTH(ct_reciprocal, reciprocal, 0.3, 3),
    SMOOTH(ct_sin, sin, -6, 6),
    SMOOTH(ct_cos, cos, -6, 6),
    SMOOTH(ct_tan, tan, -1.2, 1.2),
    SMOOTH(ct_asin, asin, -0.9, 0.9),
    SMOOTH(ct_acos, acos, -0.9, 0.9),
    SMOOTH(ct_atan, atan, -5, 5),
    SMOOTH(ct_sinh, sinh, -3, 3),
    SMOOTH(ct_cosh, cosh, -3, 3),
    SMOOTH(ct_tanh, tanh, -3, 3),
    SMOOTH(ct_asinh, asinh, -5, 5),
    SMOOTH(ct_acosh, acosh, 1.2, 5),
    SMOOTH(ct_atanh, atanh, -0.9, 0.9),
    SMOOTH(ct_sigmoid, sigmoid, -6, 6),
    SMOOTH(ct_logsigmoid, logsigmoid, -6, 6),
    KINKED(ct_relu, relu, -3, 3, ANY_DTYPE, PROMOTED),
    KINKED(ct_relu6, relu6, -3, 9, ANY_DTYPE, FLOAT),
    SMOOTH_WITH(ct_silu, silu, -6, 6, NO_INFINITIES),
    SMOOTH_WITH(ct_mish, mish, -6, 6, NO_INFINITIES),
    KINKED(ct_softsign, softsign, -3, 3, ANY_DTYPE, FLOAT),
    KINKED(ct_hardsigmoid, hardsigmoid, -5, 5, ANY_DTYPE, FLOAT),
    {.name = "ct_hardswish",
     .unary = ct_hardswish,
     .f1 = hardswish,
     .x = {OPERAND(AWAY, -5, 5, 3, 4, 5)},
     .dtypes = ANY_DTYPE,
     .result = FLOAT,
     .flags = NO_INFINITIES},
    KINKED(ct_floor, floor, -5, 5, ANY_DTYPE, PROMOTED),
    KINKED(ct_ceil, ceil, -5, 5, ANY_DTYPE, PROMOTED),
    KINKED(ct_round, rint, -5, 5, ANY_DTYPE, PROMOTED),
    KINKED(ct_trunc, trunc, -5, 5, ANY_DTYPE, PROMOTED),
    {.name = "ct_frac",
     .unary = ct_frac,
     .f1 = fraction,
     .x = {OPERAND(AWAY, -5, 5, 3, 4, 5)},
     .dtypes = ANY_DTYPE,
     .result = FLOAT,
     .flags = NO_INFINITIES},
    SMOOTH(ct_erf, erf, -3, 3),
    SMOOTH(ct_erfc, erfc, -3, 3),
    SMOOTH(ct_erfinv, inverse_erf, -0.95, 0.95),
    SMOOTH_WITH(ct_lgamma, lgamma, 0.3, 6, NO_INFINITIES),
    SMOOTH_WITH(ct_digamma, digamma, 0.3, 6, NO_INFINITIES),
    TRUTH_OF(ct_isnan, is_nan),
    TRUTH_OF(ct_isinf, is_inf),
    TRUTH_OF(ct_isfinite, is_finite),
    TRUTH_OF(ct_logical_not, is_zero),
    WITH(ct_hardtanh, hardtanh, hardtanh_of, -3, 3, PROMOTED, ANY_DTYPE, 0, -1, 2),
    WITH(ct_gelu, gelu, gelu_of, -4, 4, FLOAT, ANY_DTYPE, NO_INFINITIES, 0),
    WITH(ct_gelu, gelu, gelu_of, -4, 4, FLOAT, ANY_DTYPE, NO_INFINITIES, 1),
    WITH(ct_leaky_relu, leaky_relu, leaky_relu_of, -3, 3, FLOAT, ANY_DTYPE, 0, 0.1),
    WITH(ct_elu, elu, elu_of, -3, 3, FLOAT, ANY_DTYPE, 0, 0.7),
    KINKED(ct_selu, selu, -3, 3, ANY_DTYPE, FLOAT),
    WITH(ct_celu, celu, celu_of, -3, 3, FLOAT, ANY_DTYPE, 0, 1.5),
    WITH(ct_softplus, call_softplus, softplus_of, -3, 3, FLOAT, ANY_DTYPE, 0, 2, 3),
    WITH(ct_clamp, clamp, hardtanh_of, -3, 3, PROMOTED, ANY_DTYPE, 0, -1, 2),
    WITH(ct_clamp, clamp, hardtanh_of, -3, 3, PROMOTED, ANY_DTYPE, 0, -INFINITY, 1),
    WITH(ct_nan_to_num, nan_to_num, nan_to_num_of, -3, 3, PROMOTED, ANY_DTYPE, 0, 7, 8, 9),
    WITH(ct_threshold, threshold, threshold_of, -3, 3, PROMOTED, ANY_DTYPE, 0, 1, 4),
    {.name = "ct_glu",
     .variant = "dim 2",
     .call = glu,
     .entry = glu_of,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 6)},
     .dims = {2},
     .shape = {SIZES(3, 4, 3)},
     .dtypes = ANY_DTYPE,
     .result = FLOAT},
    {.name = "ct_glu",
     .variant = "dim 1",
     .call = glu,
     .entry = glu_of,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 6)},
     .dims = {1},
     .shape = {SIZES(3, 2, 6)},
     .dtypes = ANY_DTYPE,
     .result = FLOAT},
    PRELU("one weight", OPERAND(REAL, 0.1, 0.5, 1)),
    PRELU("a weight for each channel", OPERAND(REAL, 0.1, 0.5, 4)),
    DROPOUT("p = 0", 0, 1),
    DROPOUT("p = 1", 1, 1),
    DROPOUT("not training", 0.5, 0),
    {.name = "ct_dropout",
     .variant = "p = 0.25",
     .call = dropout,
     .accepts = dropped_or_scaled,
     .x = {OPERAND(NONZERO, -3, 3, 3, 4, 5)},
     .p = {0.25, 1},
     .flags = RANDOM | NO_INFINITIES},
};
const RowGroup optable_unary = ROW_GROUP(rows);
