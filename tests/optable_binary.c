/* Rows: functions of two and three operands that broadcast, functions of a tensor and a C scalar. */
#include "optable.h"

/* Each with the same shapes, broadcast on the right, on the left, and on both sides. */
#define BINARY(name_, f, kind_a, kind_b, a_lo, a_hi, b_lo, b_hi, dtypes_, result_, flags_)                   \
    ONE(name_, "same shapes", f, OPERAND(kind_a, a_lo, a_hi, 3, 4, 5), OPERAND(kind_b, b_lo, b_hi, 3, 4, 5), \
        dtypes_, result_, flags_),                                                                           \
        ONE(name_, "right one broadcasts", f, OPERAND(kind_a, a_lo, a_hi, 3, 4, 5),                          \
            OPERAND(kind_b, b_lo, b_hi, 5), dtypes_, result_, flags_),                                       \
        ONE(name_, "left one broadcasts", f, OPERAND(kind_a, a_lo, a_hi, 4, 1),                              \
            OPERAND(kind_b, b_lo, b_hi, 3, 4, 5), dtypes_, result_, flags_),                                 \
        ONE(name_, "both broadcast", f, OPERAND(kind_a, a_lo, a_hi, 3, 1, 2),                                \
            OPERAND(kind_b, b_lo, b_hi, 4, 1), dtypes_, result_, flags_),                                    \
        ONE(name_, "with a 0-dim one", f, OPERAND(kind_a, a_lo, a_hi, 3, 4),                                 \
            SCALAR_OPERAND(kind_b, b_lo, b_hi), dtypes_, result_, flags_)
#define ONE(name_, variant_, f, a, b, dtypes_, result_, flags_)                                              \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .binary = name_, .f2 = f, .x = {a, b}, .dtypes = dtypes_,       \
        .result = result_, .flags = flags_                                                                   \
    }
#define COMPARISON(name_, f) BINARY(name_, f, GRAIN, GRAIN, -2, 3, -2, 3, ANY_DTYPE, TRUTH, 0)
#define WITH_SCALAR(name_, f, kind, lo, hi, value, dtypes_, result_)                                         \
    {                                                                                                        \
        .name = #name_, .variant = #value, .scalar = name_, .fn = f, .x = {OPERAND(kind, lo, hi, 3, 4, 5)},  \
        .p = {value}, .dtypes = dtypes_, .result = result_                                                   \
    }
#define COMPARISON_WITH_SCALAR(name_, f)                                                                     \
    WITH_SCALAR(name_, f, GRAIN, -2, 3, 1, ANY_DTYPE, TRUTH),                                                \
        WITH_SCALAR(name_, f, GRAIN, -2, 3, 0.5, ANY_DTYPE, TRUTH)
#define THREE(name_, variant_, adapter, f, a, b, c, dtypes_, flags_, ...)                                    \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .fn = f, .x = {a, b, c}, .p = {__VA_ARGS__},   \
        .dtypes = dtypes_, .flags = flags_                                                                   \
    }

/* ---- references ---- */

#define OF_TWO(name, ...)                                                                                    \
    static double name(double a, double b) {                                                                 \
        return __VA_ARGS__;                                                                                  \
    }
OF_TWO(add, a + b)
OF_TWO(subtract, a - b)
OF_TWO(multiply, a *b)
OF_TWO(divide, a / b)
OF_TWO(floor_divide, floor(a / b))
OF_TWO(remainder_of, isinf(b) && isfinite(a) ? (a * b < 0 ? b : a) : a - b * floor(a / b))
OF_TWO(larger, isnan(a) || isnan(b) ? NAN : a > b ? a : b)
OF_TWO(smaller, isnan(a) || isnan(b) ? NAN : a < b ? a : b)
OF_TWO(xlogy, isnan(b) ? b : a == 0 ? 0 : a * log(b))
OF_TWO(equal, a == b)
OF_TWO(not_equal, a != b)
OF_TWO(less, a < b)
OF_TWO(less_equal, a <= b)
OF_TWO(greater, a > b)
OF_TWO(greater_equal, a >= b)
OF_TWO(both, a != 0 && b != 0)
OF_TWO(either, a != 0 || b != 0)
OF_TWO(one_only, (a != 0) != (b != 0))

#define WITH_P(name, ...)                                                                                    \
    static double name(const double *v, const Row *row) {                                                    \
        double x = v[0], p = row->p[0];                                                                      \
        return __VA_ARGS__;                                                                                  \
    }
WITH_P(add_p, x + p)
WITH_P(sub_p, x - p)
WITH_P(mul_p, x *p)
WITH_P(div_p, x / p)
WITH_P(pow_p, pow(x, p))
WITH_P(rsub_p, p - x)
WITH_P(rdiv_p, p / x)
WITH_P(rpow_p, pow(p, x))
WITH_P(eq_p, x == p)
WITH_P(ne_p, x != p)
WITH_P(lt_p, x < p)
WITH_P(le_p, x <= p)
WITH_P(gt_p, x > p)
WITH_P(ge_p, x >= p)
WITH_P(lerp_p, x + p * (v[1] - x))
WITH_P(addcmul_p, x + p * v[1] * v[2])
WITH_P(addcdiv_p, x + p * v[1] / v[2])

static double choose(const double *v, const Row *row) {
    (void)row;
    return v[0] != 0 ? v[1] : v[2];
}

CALL(where, ct_where(x[0], x[1], x[2]))
CALL(lerp, ct_lerp(x[0], x[1], row->p[0]))
CALL(addcmul, ct_addcmul(x[0], x[1], x[2], row->p[0]))
CALL(addcdiv, ct_addcdiv(x[0], x[1], x[2], row->p[0]))

static const Row rows[] = {
    BINARY(ct_add, add, REAL, REAL, -3, 3, -3, 3, ANY_DTYPE, PROMOTED, 0),
    BINARY(ct_sub, subtract, REAL, REAL, -3, 3, -3, 3, NUMBERS, PROMOTED, 0),
    BINARY(ct_mul, multiply, REAL, REAL, -3, 3, -3, 3, ANY_DTYPE, PROMOTED, 0),
    BINARY(ct_div, divide, REAL, NONZERO, -3, 3, -3, 3, ANY_DTYPE, FLOAT, 0),
    BINARY(ct_pow, pow, REAL, REAL, 0.3, 4, 0.1, 3, NUMBERS, PROMOTED, 0),
    BINARY(ct_fmod, fmod, REAL, NONZERO, -9, 9, -3, 3, NUMBERS, PROMOTED, NO_INFINITIES),
    BINARY(ct_remainder, remainder_of, REAL, NONZERO, -9, 9, -3, 3, NUMBERS, PROMOTED, NO_INFINITIES),
    BINARY(ct_floor_divide, floor_divide, REAL, NONZERO, -9, 9, -3, 3, NUMBERS, PROMOTED, NO_INFINITIES),
    BINARY(ct_maximum, larger, AWAY, DISTINCT, -3, 3, -3, 3, ANY_DTYPE, PROMOTED, 0),
    BINARY(ct_minimum, smaller, AWAY, DISTINCT, -3, 3, -3, 3, ANY_DTYPE, PROMOTED, 0),
    BINARY(ct_atan2, atan2, NONZERO, NONZERO, -3, 3, -3, 3, ANY_DTYPE, FLOAT, 0),
    BINARY(ct_hypot, hypot, NONZERO, NONZERO, -3, 3, -3, 3, ANY_DTYPE, FLOAT, 0),
    BINARY(ct_xlogy, xlogy, REAL, REAL, -3, 3, 0.3, 3, ANY_DTYPE, FLOAT, 0),
    COMPARISON(ct_eq, equal),
    COMPARISON(ct_ne, not_equal),
    COMPARISON(ct_lt, less),
    COMPARISON(ct_le, less_equal),
    COMPARISON(ct_gt, greater),
    COMPARISON(ct_ge, greater_equal),
    COMPARISON(ct_logical_and, both),
    COMPARISON(ct_logical_or, either),
    COMPARISON(ct_logical_xor, one_only),
    THREE(ct_where, "same shapes", where, choose, OPERAND(MASK, 0, 1, 3, 4, 5), OPERAND(REAL, -3, 3, 3, 4, 5),
          OPERAND(REAL, -3, 3, 3, 4, 5), ANY_DTYPE, EXACT, 0),
    THREE(ct_where, "all broadcast", where, choose, OPERAND(MASK, 0, 1, 4, 1), OPERAND(REAL, -3, 3, 5),
          OPERAND(REAL, -3, 3, 3, 1, 1), ANY_DTYPE, EXACT, 0),
    THREE(ct_lerp, "0.3", lerp, lerp_p, OPERAND(REAL, -3, 3, 3, 4, 5), OPERAND(REAL, -3, 3, 4, 1),
          END_OPERAND, FLOATING | LENIENT, 0, 0.3),
    THREE(ct_lerp, "0.8", lerp, lerp_p, OPERAND(REAL, -3, 3, 5), OPERAND(REAL, -3, 3, 3, 4, 5), END_OPERAND,
          FLOATING | LENIENT, 0, 0.8),
    THREE(ct_addcmul, NULL, addcmul, addcmul_p, OPERAND(REAL, -3, 3, 3, 4, 5), OPERAND(REAL, -3, 3, 4, 1),
          OPERAND(REAL, -3, 3, 5), NUMBERS | LENIENT, 0, 2),
    THREE(ct_addcmul, "x broadcasts", addcmul, addcmul_p, OPERAND(REAL, -3, 3, 5),
          OPERAND(REAL, -3, 3, 3, 4, 1), OPERAND(REAL, -3, 3, 4, 5), FLOATING | LENIENT, 0, -0.5),
    THREE(ct_addcdiv, NULL, addcdiv, addcdiv_p, OPERAND(REAL, -3, 3, 3, 4, 5), OPERAND(REAL, -3, 3, 4, 1),
          OPERAND(NONZERO, -3, 3, 5), FLOATING | LENIENT, 0, 1.5),
    WITH_SCALAR(ct_add_scalar, add_p, REAL, -3, 3, 2, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_add_scalar, add_p, REAL, -3, 3, 2.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_sub_scalar, sub_p, REAL, 3, 9, 2, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_sub_scalar, sub_p, REAL, -3, 3, 2.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_mul_scalar, mul_p, REAL, -3, 3, 3, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_mul_scalar, mul_p, REAL, -3, 3, -1.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_div_scalar, div_p, REAL, -3, 3, 2, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_div_scalar, div_p, REAL, -3, 3, -1.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, -3, 3, 3, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, -3, 3, 2, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, -3, 3, 1, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, -3, 3, 0, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, 0.3, 3, -1.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_pow_scalar, pow_p, REAL, 0.3, 3, 0.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_rsub_scalar, rsub_p, REAL, -3, 3, 4, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_rsub_scalar, rsub_p, REAL, -3, 3, 0.5, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_rdiv_scalar, rdiv_p, NONZERO, -3, 3, 2, ANY_DTYPE, FLOAT),
    WITH_SCALAR(ct_rpow_scalar, rpow_p, REAL, 0, 3, 2, ANY_DTYPE, COUNTED),
    WITH_SCALAR(ct_rpow_scalar, rpow_p, REAL, -3, 3, 1.5, ANY_DTYPE, FLOAT),
    COMPARISON_WITH_SCALAR(ct_eq_scalar, eq_p),
    COMPARISON_WITH_SCALAR(ct_ne_scalar, ne_p),
    COMPARISON_WITH_SCALAR(ct_lt_scalar, lt_p),
    COMPARISON_WITH_SCALAR(ct_le_scalar, le_p),
    COMPARISON_WITH_SCALAR(ct_gt_scalar, gt_p),
    COMPARISON_WITH_SCALAR(ct_ge_scalar, ge_p),
};
const RowGroup optable_binary = ROW_GROUP(rows);
