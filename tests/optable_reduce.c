/* Rows: reductions over everything and over dims, softmax. */
#include "optable.h"

#define SHAPE 3, 4, 5
#define OVER_ALL(name_, f, kind, lo, hi, dtypes_, result_, flags_)                                           \
    {.name = #name_,                                                                                         \
     .unary = name_,                                                                                         \
     .join = f,                                                                                              \
     .x = {OPERAND(kind, lo, hi, SHAPE)},                                                                    \
     .dtypes = dtypes_,                                                                                      \
     .result = result_,                                                                                      \
     .flags = flags_},                                                                                       \
    {                                                                                                        \
        .name = #name_, .variant = "0-dim", .unary = name_, .join = f, .x = {SCALAR_OPERAND(kind, lo, hi)},  \
        .dtypes = dtypes_, .result = result_, .flags = flags_                                                \
    }
#define ALL_OF_NOTHING(name_, f, dtypes_, result_, flags_)                                                   \
    {                                                                                                        \
        .name = #name_, .variant = "empty", .unary = name_, .join = f, .x = {OPERAND(REAL, 0, 1, 3, 0, 5)},  \
        .dtypes = dtypes_, .result = result_, .flags = flags_                                                \
    }
#define OVER(name_, variant_, f, operand, dtypes_, result_, flags_, keepdim_, ndims_, ...)                   \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .reduction = name_, .join = f, .x = {operand},                  \
        .dtypes = dtypes_, .result = result_, .flags = flags_, .keepdim = keepdim_, .ndims = ndims_,         \
        .dims = {                                                                                            \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define OVER_DIMS(name_, f, kind, lo, hi, dtypes_, result_, flags_)                                          \
    OVER(name_, "first", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, false, 1, 0),            \
        OVER(name_, "middle, kept", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, true, 1, 1),  \
        OVER(name_, "last", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, false, 1, -1),        \
        OVER(name_, "first and last, kept", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, true, \
             2, 2, 0),                                                                                       \
        OVER(name_, "all by default", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, false, 0,   \
             0),                                                                                             \
        OVER(name_, "all, kept", f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, true, 3, 0, 1,   \
             2),                                                                                             \
        OVER(name_, "0-dim", f, SCALAR_OPERAND(kind, lo, hi), dtypes_, result_, flags_, false, 1, -1),       \
        OVER(name_, "empty result", f, OPERAND(kind, lo, hi, 3, 0, 5), dtypes_, result_, flags_, false, 1,   \
             0)
#define DIMS_OF_NOTHING(name_, f, dtypes_, result_, flags_)                                                  \
    OVER(name_, "of nothing", f, OPERAND(REAL, 0, 1, 3, 0, 5), dtypes_, result_, flags_, false, 1, 1)
#define ALONG(name_, variant_, adapter, f, operand, dtypes_, result_, flags_, keepdim_, dim)                 \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .join = f, .x = {operand}, .dtypes = dtypes_,  \
        .result = result_, .flags = flags_, .keepdim = keepdim_, .ndims = 1, .dims = {                       \
            dim                                                                                              \
        }                                                                                                    \
    }
#define PLACES(name_, variant_, adapter, f, kind, dtypes_, result_, flags_)                                  \
    ALONG(name_, variant_ "first", adapter, f, OPERAND(kind, -3, 4, SHAPE), dtypes_, result_, flags_, false, \
          0),                                                                                                \
        ALONG(name_, variant_ "middle, kept", adapter, f, OPERAND(kind, -3, 4, SHAPE), dtypes_, result_,     \
              flags_, true, 1),                                                                              \
        ALONG(name_, variant_ "last", adapter, f, OPERAND(kind, -3, 4, SHAPE), dtypes_, result_, flags_,     \
              false, -1),                                                                                    \
        ALONG(name_, variant_ "0-dim", adapter, f, SCALAR_OPERAND(kind, -3, 4), dtypes_, result_, flags_,    \
              false, 0),                                                                                     \
        ALONG(name_, variant_ "empty result", adapter, f, OPERAND(kind, -3, 4, 3, 0, 5), dtypes_, result_,   \
              flags_, false, 0)
/* p[0] is the correction, or the norm's p. */
#define WITH_P(name_, variant_, adapter, f, kind, flags_, p_)                                                \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .join = f, .x = {OPERAND(kind, -3, 3, SHAPE)}, \
        .p = {p_}, .flags = flags_                                                                           \
    }
#define WITH_P_DIMS(name_, variant_, adapter, f, kind, flags_, p_, keepdim_, ndims_, ...)                    \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .join = f, .x = {OPERAND(kind, -3, 3, SHAPE)}, \
        .p = {p_}, .flags = flags_, .keepdim = keepdim_, .ndims = ndims_, .dims = {                          \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define NORM(p_, kind, flags_)                                                                               \
    WITH_P(ct_norm, #p_, norm, length, kind, flags_, p_),                                                    \
        WITH_P_DIMS(ct_norm_dim, #p_ ", middle, kept", norm_dim, length, kind, flags_, p_, true, 1, 1),      \
        WITH_P_DIMS(ct_norm_dim, #p_ ", two dims", norm_dim, length, kind, flags_, p_, false, 2, 0, -1)
#define LINES(name_, adapter, f)                                                                             \
    LINE(name_, "first", adapter, f, OPERAND(REAL, -3, 3, SHAPE), 0),                                        \
        LINE(name_, "middle", adapter, f, OPERAND(REAL, -3, 3, SHAPE), 1),                                   \
        LINE(name_, "last", adapter, f, OPERAND(REAL, -3, 3, SHAPE), -1),                                    \
        LINE(name_, "0-dim", adapter, f, SCALAR_OPERAND(REAL, -3, 3), 0),                                    \
        LINE(name_, "large numbers", adapter, f, OPERAND(REAL, -900, 900, SHAPE), -1),                       \
        LINE(name_, "empty", adapter, f, OPERAND(REAL, -3, 3, 3, 0), 1),                                     \
        LINE(name_, "large", adapter, f, OPERAND(REAL, -3, 3, 70, 9, 31), 1)
#define LINE(name_, variant_, adapter, f, operand, dim)                                                      \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .along = f, .x = {operand}, .ndims = 1,        \
        .dims = {dim}, .dtypes = ANY_DTYPE, .result = FLOAT, .flags = ROUNDS                                 \
    }

/* ---- references: of n numbers ---- */

#define OF_MANY(name) static double name(const double *v, int64_t n, const Row *row)
OF_MANY(sum) {
    (void)row;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return sum;
}
OF_MANY(product) {
    (void)row;
    double product = 1;
    for (int64_t i = 0; i < n; i++) product *= v[i];
    return product;
}
OF_MANY(mean) {
    return sum(v, n, row) / (double)n;
}
/* The first of the largest; NaN is larger than all. */
static int64_t largest_place(const double *v, int64_t n, double direction) {
    int64_t place = 0;
    for (int64_t i = 1; i < n; i++)
        if (!isnan(v[place]) && (isnan(v[i]) || v[i] * direction > v[place] * direction)) place = i;
    return place;
}
OF_MANY(argmax) {
    (void)row;
    return (double)largest_place(v, n, 1);
}
OF_MANY(argmin) {
    (void)row;
    return (double)largest_place(v, n, -1);
}
OF_MANY(largest) {
    (void)row;
    return v[largest_place(v, n, 1)];
}
OF_MANY(smallest) {
    (void)row;
    return v[largest_place(v, n, -1)];
}
OF_MANY(variance) {
    double average = mean(v, n, row), squares = 0;
    for (int64_t i = 0; i < n; i++) squares += (v[i] - average) * (v[i] - average);
    return squares / fmax((double)n - row->p[0], 0);
}
OF_MANY(deviation) {
    return sqrt(variance(v, n, row));
}
OF_MANY(any) {
    (void)row;
    for (int64_t i = 0; i < n; i++)
        if (v[i] != 0) return 1;
    return 0;
}
OF_MANY(all) {
    (void)row;
    for (int64_t i = 0; i < n; i++)
        if (v[i] == 0) return 0;
    return 1;
}
OF_MANY(length) {
    double p = row->p[0], sum = 0, most = 0, least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        sum += p == 0 ? v[i] != 0 : pow(fabs(v[i]), p);
        most = fmax(most, fabs(v[i]));
        least = fmin(least, fabs(v[i]));
    }
    return p == INFINITY ? most : p == -INFINITY ? least : p == 0 ? sum : pow(sum, 1 / p);
}
OF_MANY(logsumexp) {
    (void)row;
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, v[i]);
    for (int64_t i = 0; i < n && isfinite(most); i++) sum += exp(v[i] - most);
    return isfinite(most) ? most + log(sum) : most;
}
static void log_softmax_line(const double *v, double *out, int64_t n, const Row *row) {
    double whole = logsumexp(v, n, row);
    for (int64_t i = 0; i < n; i++) out[i] = v[i] - whole;
}
static void softmax_line(const double *v, double *out, int64_t n, const Row *row) {
    double whole = logsumexp(v, n, row);
    for (int64_t i = 0; i < n; i++) out[i] = exp(v[i] - whole);
}

/* p[0] dims are normalised with an eps of p[1]; x[1] is a weight, x[2] a bias, of their shape. */
static double normalized(const int64_t *at, const Dense *x, const Row *row, bool centred) {
    const int dims = (int)row->p[0], lead = x->shape.ndim - dims;
    int64_t n = 1, place = 0;
    for (int d = 0; d < x->shape.ndim; d++) {
        place = place * x->shape.sizes[d] + at[d];
        if (d >= lead) n *= x->shape.sizes[d];
    }
    const double *line = x->values + place / n * n;
    double average = centred ? mean(line, n, row) : 0, squares = 0;
    for (int64_t i = 0; i < n; i++) squares += (line[i] - average) * (line[i] - average);
    double y = (x->values[place] - average) / sqrt(squares / (double)n + row->p[1]);
    if (x[1].values) y *= dense_at(&x[1], at + lead, dims);
    return x[2].values ? y + dense_at(&x[2], at + lead, dims) : y;
}
static double layer_normalized(const int64_t *at, const Dense *x, const Row *row) {
    return normalized(at, x, row, true);
}
static double rms_normalized(const int64_t *at, const Dense *x, const Row *row) {
    return normalized(at, x, row, false);
}

/* ---- calls ---- */

static ct_tensor *places_of(ct_tensor *values, ct_tensor *indices) {
    return values ? indices : NULL;
}
static ct_tensor *max_dim_indices(ct_tensor *const *x, const Row *row) {
    ct_tensor *indices = NULL, *values = ct_max_dim(x[0], (int)row->dims[0], row->keepdim, &indices);
    return places_of(values, indices);
}
static ct_tensor *min_dim_indices(ct_tensor *const *x, const Row *row) {
    ct_tensor *indices = NULL, *values = ct_min_dim(x[0], (int)row->dims[0], row->keepdim, &indices);
    return places_of(values, indices);
}
CALL(max_dim, ct_max_dim(x[0], (int)row->dims[0], row->keepdim, NULL))
CALL(min_dim, ct_min_dim(x[0], (int)row->dims[0], row->keepdim, NULL))
CALL(call_argmax, ct_argmax(x[0], (int)row->dims[0], row->keepdim))
CALL(call_argmin, ct_argmin(x[0], (int)row->dims[0], row->keepdim))
CALL(var, ct_var(x[0], (int)row->p[0]))
CALL(std, ct_std(x[0], (int)row->p[0]))
CALL(norm, ct_norm(x[0], row->p[0]))
CALL(var_dim, ct_var_dim(x[0], row->dims, row->ndims, (int)row->p[0], row->keepdim))
CALL(std_dim, ct_std_dim(x[0], row->dims, row->ndims, (int)row->p[0], row->keepdim))
CALL(norm_dim, ct_norm_dim(x[0], row->dims, row->ndims, row->p[0], row->keepdim))
CALL(softmax, ct_softmax(x[0], (int)row->dims[0]))
CALL(log_softmax, ct_log_softmax(x[0], (int)row->dims[0]))
CALL(layer_norm, ct_layer_norm(x[0], (int)row->p[0], x[1], x[2], row->p[1]))
CALL(rms_norm, ct_rms_norm(x[0], (int)row->p[0], x[1], row->p[1]))

#define REALS(...) OPERAND(REAL, -2, 2, __VA_ARGS__)
#define NONE                   \
    {                          \
        ABSENT, 0, 0, {0}, 0   \
    }
#define NORMALIZED(variant_, dims_, eps, x_, w, b, ...)                                                      \
    {.name = "ct_layer_norm",                                                                                \
     .variant = variant_,                                                                                    \
     .call = layer_norm,                                                                                     \
     .entry = layer_normalized,                                                                              \
     .x = {x_, w, b},                                                                                        \
     .p = {dims_, eps},                                                                                      \
     .optional = 6,                                                                                          \
     .flags = ROUNDS | FIXED_DTYPE | NO_INFINITIES,                                                          \
     .shape = {SIZES(__VA_ARGS__)}},                                                                         \
    {                                                                                                        \
        .name = "ct_rms_norm", .variant = variant_, .call = rms_norm, .entry = rms_normalized,               \
        .x = {x_, w}, .p = {dims_, eps}, .optional = 2, .flags = ROUNDS | FIXED_DTYPE | NO_INFINITIES,       \
        .shape = {                                                                                           \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }

static const Row rows[] = {
    OVER_ALL(ct_sum, sum, REAL, -3, 3, ANY_DTYPE, WIDE, ROUNDS),
    ALL_OF_NOTHING(ct_sum, sum, ANY_DTYPE, WIDE, 0),
    OVER_DIMS(ct_sum_dim, sum, REAL, -3, 3, ANY_DTYPE, WIDE, ROUNDS),
    DIMS_OF_NOTHING(ct_sum_dim, sum, ANY_DTYPE, WIDE, 0),
    OVER(ct_sum_dim, "large, last", sum, OPERAND(REAL, -3, 3, 300, 257), ANY_DTYPE, WIDE, ROUNDS, false, 1,
         1),
    OVER(ct_sum_dim, "large, first", sum, OPERAND(REAL, -3, 3, 300, 257), ANY_DTYPE, WIDE, ROUNDS, false, 1,
         0),
    OVER(ct_sum_dim, "large, all", sum, OPERAND(REAL, -3, 3, 300, 257), ANY_DTYPE, WIDE, ROUNDS, true, 0, 0),
    OVER(ct_sum_dim, "in parts, all", sum, OPERAND(REAL, -3, 3, 300, 701), ANY_DTYPE, WIDE, ROUNDS, false, 0, 0),
    OVER(ct_sum_dim, "in parts, narrow", sum, OPERAND(REAL, -3, 3, 30011, 7), ANY_DTYPE, WIDE, ROUNDS, false, 1, 0),
    OVER(ct_amax, "in parts", largest, OPERAND(REAL, -3, 3, 3001, 70), ANY_DTYPE, PROMOTED, EXACT | AT_KINKS,
         false, 1, 0),
    OVER_ALL(ct_prod, product, REAL, 0.4, 1.5, ANY_DTYPE, WIDE, ROUNDS),
    ALL_OF_NOTHING(ct_prod, product, ANY_DTYPE, WIDE, 0),
    OVER_DIMS(ct_prod_dim, product, REAL, -2, 2, ANY_DTYPE, WIDE, ROUNDS),
    OVER(ct_prod_dim, "zeros", product, OPERAND(GRAIN, -2, 3, SHAPE), ANY_DTYPE, WIDE, ROUNDS, false, 1, 1),
    OVER(ct_prod_dim, "zeros in two dims", product, OPERAND(GRAIN, -1, 3, 2, 2, 3), ANY_DTYPE, WIDE, ROUNDS,
         false, 2, 0, 2),
    DIMS_OF_NOTHING(ct_prod_dim, product, ANY_DTYPE, WIDE, 0),
    OVER_ALL(ct_mean, mean, REAL, -3, 3, FLOATING, PROMOTED, ROUNDS),
    ALL_OF_NOTHING(ct_mean, mean, FLOATING, PROMOTED, AT_KINKS),
    OVER_DIMS(ct_mean_dim, mean, REAL, -3, 3, FLOATING, PROMOTED, ROUNDS),
    DIMS_OF_NOTHING(ct_mean_dim, mean, FLOATING, PROMOTED, AT_KINKS),
    OVER_ALL(ct_max, largest, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT),
    OVER_ALL(ct_max, largest, GRAIN, -3, 3, ANY_DTYPE, PROMOTED, EXACT | AT_KINKS),
    OVER_ALL(ct_min, smallest, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT),
    OVER_ALL(ct_min, smallest, GRAIN, -3, 3, ANY_DTYPE, PROMOTED, EXACT | AT_KINKS),
    OVER_DIMS(ct_amax, largest, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT),
    OVER_DIMS(ct_amax, largest, GRAIN, -3, 3, ANY_DTYPE, PROMOTED, EXACT | AT_KINKS),
    OVER_DIMS(ct_amin, smallest, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT),
    OVER_DIMS(ct_amin, smallest, GRAIN, -3, 3, ANY_DTYPE, PROMOTED, EXACT | AT_KINKS),
    WITH_P(ct_var, "unbiased", var, variance, REAL, ROUNDS, 1),
    WITH_P(ct_var, "biased", var, variance, REAL, ROUNDS, 0),
    WITH_P(ct_std, "unbiased", std, deviation, REAL, ROUNDS, 1),
    WITH_P_DIMS(ct_var_dim, "first", var_dim, variance, REAL, ROUNDS, 1, false, 1, 0),
    WITH_P_DIMS(ct_var_dim, "two dims, kept", var_dim, variance, REAL, ROUNDS, 0, true, 2, 0, 2),
    WITH_P_DIMS(ct_std_dim, "last", std_dim, deviation, REAL, ROUNDS, 1, false, 1, -1),
    WITH_P_DIMS(ct_std_dim, "two dims, kept", std_dim, deviation, REAL, ROUNDS, 0, true, 2, 0, 2),
    OVER_ALL(ct_any, any, GRAIN, 0, 3, ANY_DTYPE, TRUTH, 0),
    ALL_OF_NOTHING(ct_any, any, ANY_DTYPE, TRUTH, 0),
    OVER_ALL(ct_all, all, GRAIN, 0, 3, ANY_DTYPE, TRUTH, 0),
    ALL_OF_NOTHING(ct_all, all, ANY_DTYPE, TRUTH, 0),
    OVER_DIMS(ct_any_dim, any, GRAIN, 0, 2, ANY_DTYPE, TRUTH, 0),
    OVER_DIMS(ct_all_dim, all, GRAIN, 0, 5, ANY_DTYPE, TRUTH, 0),
    NORM(2, REAL, ROUNDS),
    NORM(1, AWAY, ROUNDS),
    NORM(3, AWAY, ROUNDS),
    NORM(0.5, AWAY, ROUNDS),
    NORM(0, GRAIN, ROUNDS | AT_KINKS),
    NORM(INFINITY, DISTINCT, ROUNDS),
    NORM(-INFINITY, DISTINCT, ROUNDS),
    OVER_ALL(ct_logsumexp, logsumexp, REAL, -3, 3, ANY_DTYPE, FLOAT, ROUNDS),
    ALL_OF_NOTHING(ct_logsumexp, logsumexp, ANY_DTYPE, FLOAT, 0),
    OVER_DIMS(ct_logsumexp_dim, logsumexp, REAL, -900, 900, ANY_DTYPE, FLOAT, ROUNDS),
    PLACES(ct_max_dim, "values, ", max_dim, largest, DISTINCT, ANY_DTYPE, PROMOTED, EXACT),
    PLACES(ct_max_dim, "indices, ", max_dim_indices, argmax, GRAIN, ANY_DTYPE, PLACE, 0),
    PLACES(ct_min_dim, "values, ", min_dim, smallest, DISTINCT, ANY_DTYPE, PROMOTED, EXACT),
    PLACES(ct_min_dim, "indices, ", min_dim_indices, argmin, GRAIN, ANY_DTYPE, PLACE, 0),
    PLACES(ct_argmax, "", call_argmax, argmax, GRAIN, ANY_DTYPE, PLACE, 0),
    ALONG(ct_argmax, "in parts", call_argmax, argmax, OPERAND(GRAIN, -3, 4, 210011), ANY_DTYPE, PLACE, 0, false, 0),
    ALONG(ct_argmin, "in parts, columns", call_argmin, argmin, OPERAND(REAL, -3, 4, 3001, 70), ANY_DTYPE, PLACE, 0, false,
          0),
    PLACES(ct_argmin, "", call_argmin, argmin, GRAIN, ANY_DTYPE, PLACE, 0),
    LINES(ct_softmax, softmax, softmax_line),
    LINES(ct_log_softmax, log_softmax, log_softmax_line),
    NORMALIZED("rows", 1, 1e-5, REALS(3, 4, 5), REALS(5), REALS(5), 3, 4, 5),
    NORMALIZED("two dims", 2, 0.1, REALS(3, 4, 5), REALS(4, 5), REALS(4, 5), 3, 4, 5),
    NORMALIZED("one row", 1, 1e-5, REALS(7), REALS(7), REALS(7), 7),
    NORMALIZED("no weight", 1, 1e-5, REALS(3, 5), NONE, REALS(5), 3, 5),
    NORMALIZED("no bias", 1, 1e-5, REALS(3, 5), REALS(5), NONE, 3, 5),
    NORMALIZED("neither", 1, 1e-5, REALS(3, 5), NONE, NONE, 3, 5),
    NORMALIZED("no rows", 1, 1e-5, REALS(0, 5), REALS(5), REALS(5), 0, 5),
    NORMALIZED("large", 1, 1e-5, REALS(150, 37), REALS(37), REALS(37), 150, 37),
};
const RowGroup optable_reduce = ROW_GROUP(rows);
