/* Rows: functions that change their first operand. */
#include "optable.h"

#define CHANGES(name_, variant_, f, y, dtypes_, flags_)                                                      \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .binary = name_, .f2 = f,                                       \
        .x = {OPERAND(REAL, -3, 3, 3, 4, 5), y}, .dtypes = dtypes_, .result = FIRST,                         \
        .flags = IN_PLACE | FIXED_DTYPE | (flags_)                                                           \
    }
#define PAIR(name_, f, dtypes_, flags_)                                                                      \
    CHANGES(name_, "same shape", f, OPERAND(NONZERO, -3, 3, 3, 4, 5), dtypes_, flags_),                      \
        CHANGES(name_, "y broadcasts", f, OPERAND(NONZERO, -3, 3, 4, 1), dtypes_, flags_)
#define ALONE(name_, adapter, f, dtypes_, flags_, ...)                                                       \
    {                                                                                                        \
        .name = #name_, .call = adapter, .fn = f, .x = {OPERAND(AWAY, -3, 3, 3, 4, 5)}, .p = {__VA_ARGS__},  \
        .dtypes = dtypes_, .result = FIRST, .flags = IN_PLACE | (flags_)                                     \
    }

static double add(double a, double b) {
    return a + b;
}
static double subtract(double a, double b) {
    return a - b;
}
static double multiply(double a, double b) {
    return a * b;
}
static double divide(double a, double b) {
    return a / b;
}
static double second(double a, double b) {
    (void)a;
    return b;
}

#define WITH_P(name, ...)                                                                                    \
    static double name(const double *v, const Row *row) {                                                    \
        double x = v[0], p = row->p[0];                                                                      \
        (void)x, (void)p;                                                                                    \
        return __VA_ARGS__;                                                                                  \
    }
WITH_P(add_p, x + p)
WITH_P(mul_p, x *p)
WITH_P(the_value, p)
WITH_P(relu, isnan(x) || x > 0 ? x : 0)
WITH_P(clamp, isnan(x) ? x : x<p ? p : x> row->p[1] ? row->p[1] : x)
WITH_P(where_masked, v[1] != 0 ? p : x)

static double index_added(const int64_t *at, const Dense *x, const Row *row) {
    int dim = (int)row->dims[0];
    double sum = dense_at(x, at, 3);
    for (int64_t i = 0; i < x[1].shape.sizes[0]; i++) {
        int64_t from[3] = {at[0], at[1], at[2]};
        from[dim] = i;
        if (x[1].values[i] == (double)at[dim]) sum += dense_at(&x[2], from, 3);
    }
    return sum;
}

static bool in_range(double got, const double *v, const Row *row) {
    (void)v;
    return got >= row->p[0] && got <= row->p[1];
}
static bool within_six_deviations(double got, const double *v, const Row *row) {
    (void)v;
    return fabs(got - row->p[0]) <= 6 * row->p[1];
}

CALL(add_scalar_, ct_add_scalar_(x[0], row->p[0]))
CALL(mul_scalar_, ct_mul_scalar_(x[0], row->p[0]))
CALL(fill_, ct_fill_(x[0], row->p[0]))
CALL(zero_, ct_zero_(x[0]))
CALL(relu_, ct_relu_(x[0]))
CALL(clamp_, ct_clamp_(x[0], row->p[0], row->p[1]))
CALL(masked_fill_, ct_masked_fill_(x[0], x[1], row->p[0]))
CALL(index_add_, ct_index_add_(x[0], (int)row->dims[0], x[1], x[2]))
CALL(uniform_, ct_uniform_(x[0], row->p[0], row->p[1]))
CALL(normal_, ct_normal_(x[0], row->p[0], row->p[1]))

#define MASKED(variant_, ...)                                                                                \
    {                                                                                                        \
        .name = "ct_masked_fill_", .variant = variant_, .call = masked_fill_, .fn = where_masked,            \
        .x = {OPERAND(REAL, -3, 3, 3, 4, 5), OPERAND(MASK, 0, 1, __VA_ARGS__)}, .p = {7},                    \
        .dtypes = ANY_DTYPE, .result = FIRST, .flags = IN_PLACE | EXACT                                      \
    }
#define INDEX_ADD(variant_, dim, n, ...)                                                                     \
    {                                                                                                        \
        .name = "ct_index_add_", .variant = variant_, .call = index_add_, .entry = index_added,              \
        .x = {OPERAND(REAL, -3, 3, 3, 4, 5), OPERAND(INDEX, 0, 3, n), OPERAND(REAL, -3, 3, __VA_ARGS__)},    \
        .dims = {dim}, .shape = {SIZES(3, 4, 5)}, .dtypes = ANY_DTYPE, .result = FIRST,                      \
        .flags = IN_PLACE | FIXED_DTYPE | ROUNDS                                                             \
    }

static const Row rows[] = {
    PAIR(ct_add_, add, ANY_DTYPE, 0),
    PAIR(ct_sub_, subtract, NUMBERS, 0),
    PAIR(ct_mul_, multiply, ANY_DTYPE, 0),
    PAIR(ct_div_, divide, FLOATING, 0),
    PAIR(ct_copy_, second, ANY_DTYPE, EXACT),
    ALONE(ct_add_scalar_, add_scalar_, add_p, NUMBERS, 0, 2),
    ALONE(ct_mul_scalar_, mul_scalar_, mul_p, NUMBERS, 0, 3),
    ALONE(ct_fill_, fill_, the_value, ANY_DTYPE, EXACT, 5),
    ALONE(ct_zero_, zero_, the_value, ANY_DTYPE, EXACT, 0),
    ALONE(ct_relu_, relu_, relu, ANY_DTYPE, 0, 0),
    ALONE(ct_clamp_, clamp_, clamp, ANY_DTYPE, 0, -1, 2),
    MASKED("same shape", 3, 4, 5),
    MASKED("mask broadcasts", 4, 1),
    INDEX_ADD("dim 0", 0, 4, 4, 4, 5),
    INDEX_ADD("dim 2", 2, 6, 3, 4, 6),
    {.name = "ct_uniform_",
     .call = uniform_,
     .accepts = in_range,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .p = {-2, 5},
     .result = FIRST,
     .flags = IN_PLACE | RANDOM},
    {.name = "ct_normal_",
     .call = normal_,
     .accepts = within_six_deviations,
     .x = {OPERAND(REAL, -3, 3, 3, 4, 5)},
     .p = {3, 2},
     .result = FIRST,
     .flags = IN_PLACE | RANDOM},
};
const RowGroup optable_inplace = ROW_GROUP(rows);
