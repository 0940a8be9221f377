/* Rows: sorting, searching, running results along a dim. */
#include "optable.h"
#include <stdlib.h>
#include <string.h>

#define SHAPE 3, 4, 5
/* p[0]: from the largest on. */
#define LINE(name_, variant_, adapter, f, operand, dtypes_, result_, flags_, dim, ...)                       \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .along = f, .x = {operand}, .ndims = 1,        \
        .dims = {dim}, .dtypes = dtypes_, .result = result_, .flags = flags_, .p = {                         \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define LINES(name_, variant_, adapter, f, kind, lo, hi, dtypes_, result_, flags_, ...)                      \
    LINE(name_, variant_ "last", adapter, f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, -1,     \
         __VA_ARGS__),                                                                                       \
        LINE(name_, variant_ "middle", adapter, f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_,   \
             1, __VA_ARGS__),                                                                                \
        LINE(name_, variant_ "first", adapter, f, OPERAND(kind, lo, hi, SHAPE), dtypes_, result_, flags_, 0, \
             __VA_ARGS__),                                                                                   \
        LINE(name_, variant_ "0-dim", adapter, f, SCALAR_OPERAND(kind, lo, hi), dtypes_, result_, flags_, 0, \
             __VA_ARGS__),                                                                                   \
        LINE(name_, variant_ "of nothing", adapter, f, OPERAND(kind, lo, hi, 3, 0), dtypes_, result_,        \
             flags_, 1, __VA_ARGS__),                                                                        \
        LINE(name_, variant_ "no lines", adapter, f, OPERAND(kind, lo, hi, 3, 0), dtypes_, result_, flags_,  \
             0, __VA_ARGS__)
#define LARGE_LINES(name_, variant_, adapter, f, kind, lo, hi, dtypes_, result_, flags_, ...)                \
    LINE(name_, variant_ "large, last", adapter, f, OPERAND(kind, lo, hi, 301, 131), dtypes_, result_,       \
         flags_, 1, __VA_ARGS__),                                                                            \
        LINE(name_, variant_ "large, first", adapter, f, OPERAND(kind, lo, hi, 131, 301), dtypes_, result_,  \
             flags_, 0, __VA_ARGS__)
/* p: k, from the largest on. */
#define TOPK(variant_, adapter, f, kind, result_, flags_, sizes_, dim, k, largest)                           \
    {                                                                                                        \
        .name = "ct_topk", .variant = variant_, .call = adapter, .entry = f, .x = {OPERAND(kind, -3, 3, SHAPE)}, \
        .dims = {dim}, .p = {k, largest}, .dtypes = ANY_DTYPE, .result = result_, .flags = flags_, .shape = { \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define OF_ALL(name_, variant_, f, operand, result_, flags_)                                                 \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .unary = name_, .join = f, .x = {operand}, .dtypes = ANY_DTYPE, \
        .result = result_, .flags = flags_                                                                   \
    }
/* The result, whose size depends on the numbers, is padded with 0 to that shape. */
#define FOUND(name_, variant_, adapter, f, dtypes_, result_, flags_, sizes_, ...)                            \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = f, .x = {__VA_ARGS__},                \
        .dtypes = dtypes_, .result = result_, .flags = (flags_) | FIXED_DTYPE, .shape = {                    \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define SEARCH(variant_, right, sizes_, sorted, values)                                                      \
    {                                                                                                        \
        .name = "ct_searchsorted", .variant = variant_, .call = search, .entry = searched,                   \
        .x = {sorted, values}, .p = {right}, .dtypes = ANY_DTYPE, .result = PLACE, .flags = FIXED_DTYPE,     \
        .shape = {                                                                                           \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }

/* ---- references ---- */

/* How many elements come before element i: those of smaller number, of equal ones those before it. */
static int64_t rank_of(const double *v, int64_t i, int64_t n, bool descending) {
    int64_t rank = 0;
    for (int64_t j = 0; j < n; j++) {
        bool smaller = descending ? v[j] > v[i] : v[j] < v[i];
        rank += smaller || (v[j] == v[i] && j < i);
    }
    return rank;
}

#define ALONG(name) static void name(const double *v, double *out, int64_t n, const Row *row)
ALONG(sorted_line) {
    for (int64_t i = 0; i < n; i++) out[rank_of(v, i, n, row->p[0] != 0)] = v[i];
}
ALONG(order_of_line) {
    for (int64_t i = 0; i < n; i++) out[rank_of(v, i, n, row->p[0] != 0)] = (double)i;
}
ALONG(sums_of_line) {
    (void)row;
    for (int64_t i = 0; i < n; i++) out[i] = v[i] + (i ? out[i - 1] : 0);
}
ALONG(products_of_line) {
    (void)row;
    for (int64_t i = 0; i < n; i++) out[i] = v[i] * (i ? out[i - 1] : 1);
}
ALONG(logsumexps_of_line) {
    (void)row;
    for (int64_t i = 0; i < n; i++) {
        double most = v[0], sum = 0;
        for (int64_t j = 1; j <= i; j++) most = fmax(most, v[j]);
        for (int64_t j = 0; j <= i; j++) sum += exp(v[j] - most);
        out[i] = most + log(sum);
    }
}
ALONG(places_of_maxima) {
    (void)row;
    for (int64_t i = 0; i < n; i++) {
        int64_t last = i ? (int64_t)out[i - 1] : 0;
        out[i] = (double)(v[i] >= v[last] ? i : last);
    }
}
ALONG(maxima_of_line) {
    places_of_maxima(v, out, n, row);
    for (int64_t i = 0; i < n; i++) out[i] = v[(int64_t)out[i]];
}

/* The line of x[0], of shape SHAPE, along dims[0] through an index; where its at[dims[0]]-th in order stands. */
static double in_order(const int64_t *at, const Dense *x, const Row *row, bool place) {
    double line[5];
    int64_t index[3], dim = row->dims[0], n = x->shape.sizes[dim];
    memcpy(index, at, sizeof index);
    for (index[dim] = 0; index[dim] < n; index[dim]++) line[index[dim]] = dense_at(x, index, 3);
    for (int64_t i = 0; i < n; i++)
        if (rank_of(line, i, n, row->p[1] != 0) == at[dim]) return place ? (double)i : line[i];
    return NAN;
}
static double value_in_order(const int64_t *at, const Dense *x, const Row *row) {
    return in_order(at, x, row, false);
}
static double place_in_order(const int64_t *at, const Dense *x, const Row *row) {
    return in_order(at, x, row, true);
}

#define OF_MANY(name) static double name(const double *v, int64_t n, const Row *row)
OF_MANY(median) {
    (void)row;
    for (int64_t i = 0; i < n; i++)
        if (rank_of(v, i, n, false) == (n - 1) / 2) return v[i];
    return NAN;
}
OF_MANY(count_nonzero) {
    (void)row;
    double count = 0;
    for (int64_t i = 0; i < n; i++) count += v[i] != 0;
    return count;
}

/* Whether no element before i equals element i; how many such are smaller. */
static bool is_first(const Dense *x, int64_t i) {
    for (int64_t j = 0; j < i; j++)
        if (x->values[j] == x->values[i]) return false;
    return true;
}
static int64_t distinct_before(const Dense *x, int64_t i) {
    int64_t count = 0;
    for (int64_t j = 0; j < dense_numel(x); j++) count += x->values[j] < x->values[i] && is_first(x, j);
    return count;
}
static double distinct(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    for (int64_t i = 0; i < dense_numel(x); i++)
        if (distinct_before(x, i) == at[0]) return x->values[i];
    return 0;
}
static double place_among_distinct(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    return (double)distinct_before(x, at[0] * x->shape.sizes[1] + at[1]);
}
static double count_of_distinct(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    double count = 0;
    for (int64_t i = 0; i < dense_numel(x); i++) count += distinct_before(x, i) == at[0];
    return count;
}
static double count_of_integer(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    double count = 0;
    for (int64_t i = 0; i < dense_numel(x); i++) count += x->values[i] == (double)at[0];
    return count;
}
/* Element at[0] of those for which the mask, the last operand, is true: its place. */
static int64_t true_place(const Dense *mask, int64_t which) {
    for (int64_t i = 0; i < dense_numel(mask); i++)
        if (mask->values[i] != 0 && which-- == 0) return i;
    return -1;
}
static double selected_by_mask(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    int64_t place = true_place(&x[1], at[0]), columns = x->shape.sizes[1];
    return place < 0 ? 0 : AT(x, place / columns, place % columns);
}
static double index_of_true(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    int64_t place = true_place(x, at[0]), columns = x->shape.sizes[1];
    return place < 0 ? 0 : (double)(at[1] ? place % columns : place / columns);
}
static double searched(const int64_t *at, const Dense *x, const Row *row) {
    const double value = dense_at(&x[1], at, row->shape.ndim);
    double count = 0;
    int64_t index[CT_MAX_DIMS] = {0}, n = x->shape.sizes[x->shape.ndim - 1];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    for (int64_t i = 0; i < n; i++) {
        index[x->shape.ndim - 1] = i;
        double element = x->values[x->shape.ndim > 1 ? at[0] * n + i : i];
        count += element < value || (row->p[0] != 0 && element == value);
    }
    return count;
}

/* ---- calls ---- */

#define DIM ((int)row->dims[0])
#define FLAG (row->p[0] != 0)
/* What the call writes to `other`. */
#define OTHER(name, ...)                                                                                     \
    static ct_tensor *name(ct_tensor *const *x, const Row *row) {                                            \
        ct_tensor *other;                                                                                    \
        (void)row;                                                                                           \
        return (__VA_ARGS__) ? other : NULL;                                                                 \
    }
CALL(sort, ct_sort(x[0], DIM, FLAG, NULL))
CALL(argsort, ct_argsort(x[0], DIM, FLAG))
CALL(topk, ct_topk(x[0], (int64_t)row->p[0], DIM, row->p[1] != 0, NULL))
CALL(cumsum, ct_cumsum(x[0], DIM))
CALL(cumprod, ct_cumprod(x[0], DIM))
CALL(logcumsumexp, ct_logcumsumexp(x[0], DIM))
CALL(cummax, ct_cummax(x[0], DIM, NULL))
OTHER(sort_places, ct_sort(x[0], DIM, FLAG, &other))
OTHER(topk_places, ct_topk(x[0], (int64_t)row->p[0], DIM, row->p[1] != 0, &other))
OTHER(cummax_places, ct_cummax(x[0], DIM, &other))
OTHER(unique_inverse, ct_unique(x[0], &other, NULL))

/* To the row's shape, along the first dim. */
static ct_tensor *padded(const Row *row, ct_tensor *y) {
    const int last = 2 * row->shape.ndim - 1;
    int64_t pads[4] = {0};
    if (y) pads[last] = row->shape.sizes[0] - ct_shape(y)[0];
    return y ? ct_pad(y, pads, last + 1, "constant", 0) : NULL;
}
CALL(masked_select, padded(row, ct_masked_select(x[0], x[1])))
CALL(nonzero, padded(row, ct_nonzero(x[0])))
CALL(unique, padded(row, ct_unique(x[0], NULL, NULL)))
CALL(bincount, padded(row, ct_bincount(x[0])))
static ct_tensor *unique_counts(ct_tensor *const *x, const Row *row) {
    ct_tensor *counts;
    return ct_unique(x[0], NULL, &counts) ? padded(row, counts) : NULL;
}
CALL(search, ct_searchsorted(x[0] ? ct_sort(x[0], -1, false, NULL) : NULL, x[1], FLAG))

static const Row rows[] = {
    LINES(ct_sort, "", sort, sorted_line, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT, 0),
    LINES(ct_sort, "descending, ", sort, sorted_line, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT, 1),
    LINES(ct_sort, "places, ", sort_places, order_of_line, GRAIN, -3, 3, ANY_DTYPE, PLACE, 0, 0),
    LINES(ct_sort, "places, descending, ", sort_places, order_of_line, GRAIN, -3, 3, ANY_DTYPE, PLACE, 0, 1),
    LARGE_LINES(ct_sort, "", sort, sorted_line, REAL, -3, 3, ANY_DTYPE, PROMOTED, EXACT, 0),
    LINES(ct_argsort, "", argsort, order_of_line, GRAIN, -3, 3, ANY_DTYPE, PLACE, 0, 0),
    LARGE_LINES(ct_argsort, "descending, ", argsort, order_of_line, GRAIN, -90, 90, ANY_DTYPE, PLACE, 0, 1),
    TOPK("last", topk, value_in_order, DISTINCT, PROMOTED, EXACT, (3, 4, 2), 2, 2, 1),
    TOPK("smallest, middle", topk, value_in_order, DISTINCT, PROMOTED, EXACT, (3, 3, 5), 1, 3, 0),
    TOPK("all, first", topk, value_in_order, DISTINCT, PROMOTED, EXACT, (3, 4, 5), 0, 3, 1),
    TOPK("none", topk, value_in_order, DISTINCT, PROMOTED, EXACT, (3, 0, 5), 1, 0, 1),
    TOPK("places", topk_places, place_in_order, GRAIN, PLACE, 0, (3, 4, 2), 2, 2, 1),
    OF_ALL(ct_median, NULL, median, OPERAND(DISTINCT, -3, 3, SHAPE), PROMOTED, EXACT),
    OF_ALL(ct_median, "odd", median, OPERAND(DISTINCT, -3, 3, 7, 5), PROMOTED, EXACT),
    OF_ALL(ct_median, "ties", median, OPERAND(GRAIN, -3, 3, SHAPE), PROMOTED, EXACT | AT_KINKS),
    OF_ALL(ct_median, "0-dim", median, SCALAR_OPERAND(REAL, -3, 3), PROMOTED, EXACT),
    OF_ALL(ct_count_nonzero, NULL, count_nonzero, OPERAND(GRAIN, -2, 2, SHAPE), PLACE, 0),
    OF_ALL(ct_count_nonzero, "0-dim", count_nonzero, SCALAR_OPERAND(REAL, 1, 3), PLACE, 0),
    OF_ALL(ct_count_nonzero, "empty", count_nonzero, OPERAND(REAL, 1, 3, 3, 0), PLACE, 0),
    LINES(ct_cumsum, "", cumsum, sums_of_line, REAL, -3, 3, ANY_DTYPE, WIDE, ROUNDS, 0),
    LARGE_LINES(ct_cumsum, "", cumsum, sums_of_line, REAL, 0, 1, ANY_DTYPE, WIDE, ROUNDS, 0),
    LINES(ct_cumprod, "", cumprod, products_of_line, REAL, -2, 2, ANY_DTYPE, WIDE, ROUNDS, 0),
    LINES(ct_cumprod, "zeros, ", cumprod, products_of_line, GRAIN, -1, 3, ANY_DTYPE, WIDE, ROUNDS, 0),
    LARGE_LINES(ct_cumprod, "", cumprod, products_of_line, REAL, 0.9, 1.1, FLOATING | LENIENT, WIDE, ROUNDS, 0),
    LINES(ct_logcumsumexp, "", logcumsumexp, logsumexps_of_line, REAL, -3, 3, FLOATING, FIRST, ROUNDS, 0),
    LINES(ct_logcumsumexp, "large numbers, ", logcumsumexp, logsumexps_of_line, REAL, -900, 900, FLOATING, FIRST,
          ROUNDS, 0),
    LARGE_LINES(ct_logcumsumexp, "", logcumsumexp, logsumexps_of_line, REAL, -3, 3, FLOATING, FIRST, ROUNDS, 0),
    LINES(ct_cummax, "", cummax, maxima_of_line, DISTINCT, -3, 3, ANY_DTYPE, PROMOTED, EXACT, 0),
    LINES(ct_cummax, "places, ", cummax_places, places_of_maxima, GRAIN, -3, 3, ANY_DTYPE, PLACE, 0, 0),
    LARGE_LINES(ct_cummax, "places, ", cummax_places, places_of_maxima, REAL, -3, 3, ANY_DTYPE, PLACE, 0, 0),
    FOUND(ct_masked_select, NULL, masked_select, selected_by_mask, ANY_DTYPE, PROMOTED, EXACT, (12),
          OPERAND(REAL, -3, 3, 3, 4), OPERAND(MASK, 0, 1, 3, 4)),
    FOUND(ct_masked_select, "x broadcasts", masked_select, selected_by_mask, ANY_DTYPE, PROMOTED, EXACT, (12),
          OPERAND(REAL, -3, 3, 1, 4), OPERAND(MASK, 0, 1, 3, 4)),
    FOUND(ct_masked_select, "large", masked_select, selected_by_mask, ANY_DTYPE, PROMOTED, EXACT, (200),
          OPERAND(REAL, -3, 3, 131, 301), OPERAND(MASK, 0, 0.5, 131, 301)),
    FOUND(ct_nonzero, NULL, nonzero, index_of_true, ANY_DTYPE, PLACE, 0, (12, 2), OPERAND(GRAIN, -2, 2, 3, 4)),
    FOUND(ct_nonzero, "none", nonzero, index_of_true, ANY_DTYPE, PLACE, 0, (3, 2), OPERAND(GRAIN, -2, 2, 3, 0)),
    FOUND(ct_unique, NULL, unique, distinct, ANY_DTYPE, PROMOTED, EXACT, (12), OPERAND(DISTINCT, -3, 3, 3, 4)),
    FOUND(ct_unique, "ties", unique, distinct, ANY_DTYPE, PROMOTED, EXACT | AT_KINKS, (12),
          OPERAND(GRAIN, -3, 3, 3, 4)),
    FOUND(ct_unique, "inverse", unique_inverse, place_among_distinct, ANY_DTYPE, PLACE, 0, (9, 8),
          OPERAND(GRAIN, -3, 3, 9, 8)),
    FOUND(ct_unique, "counts", unique_counts, count_of_distinct, ANY_DTYPE, PLACE, 0, (9),
          OPERAND(GRAIN, -3, 3, 9, 8)),
    FOUND(ct_unique, "none", unique, distinct, ANY_DTYPE, PROMOTED, EXACT, (2), OPERAND(REAL, -3, 3, 3, 0)),
    FOUND(ct_bincount, NULL, bincount, count_of_integer, 0, PLACE, 0, (7), OPERAND(INDEX, 0, 7, 40)),
    FOUND(ct_bincount, "none", bincount, count_of_integer, 0, PLACE, 0, (2), OPERAND(INDEX, 0, 7, 0)),
    SEARCH("left", 0, (3, 4), OPERAND(GRAIN, -3, 3, 17), OPERAND(GRAIN, -4, 4, 3, 4)),
    SEARCH("right", 1, (3, 4), OPERAND(GRAIN, -3, 3, 17), OPERAND(GRAIN, -4, 4, 3, 4)),
    SEARCH("rows", 1, (3, 6), OPERAND(GRAIN, -3, 3, 3, 9), OPERAND(GRAIN, -4, 4, 3, 6)),
    SEARCH("in nothing", 0, (3), OPERAND(GRAIN, -3, 3, 0), OPERAND(GRAIN, -4, 4, 3)),
    SEARCH("large", 0, (131, 31), OPERAND(REAL, -3, 3, 1000), OPERAND(REAL, -4, 4, 131, 31)),
};
const RowGroup optable_sort = ROW_GROUP(rows);
