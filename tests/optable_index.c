/* Rows: reading and writing by index. */
#include "optable.h"
#include <string.h>

#define X(...) OPERAND(REAL, -3, 3, __VA_ARGS__)
#define BELOW(n, ...) OPERAND(INDEX, 0, n, __VA_ARGS__)
#define BY_INDEX(name_, variant_, adapter, f, dim, sizes_, ...)                                              \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = f, .x = {__VA_ARGS__}, .dims = {dim}, \
        .dtypes = ANY_DTYPE, .flags = EXACT | FIXED_DTYPE, .shape = {                                        \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define SCATTER_ADD(variant_, dim, sizes_, ...)                                                              \
    {                                                                                                        \
        .name = "ct_scatter_add", .variant = variant_, .call = scatter_add, .entry = scattered,              \
        .x = {__VA_ARGS__}, .dims = {dim}, .dtypes = ANY_DTYPE, .flags = ROUNDS | FIXED_DTYPE, .shape = {    \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define SCATTER(variant_, dim, sizes_, ...)                                                                  \
    {                                                                                                        \
        .name = "ct_scatter", .variant = variant_, .call = scatter, .entry = scattered_last,                 \
        .x = {__VA_ARGS__}, .dims = {dim}, .dtypes = ANY_DTYPE, .flags = EXACT | FIXED_DTYPE, .shape = {     \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define INDEX_ADD(variant_, dim, sizes_, ...)                                                                \
    {                                                                                                        \
        .name = "ct_index_add", .variant = variant_, .call = index_add, .entry = slices_added,               \
        .x = {__VA_ARGS__}, .dims = {dim}, .dtypes = ANY_DTYPE, .flags = ROUNDS | FIXED_DTYPE, .shape = {    \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define EMBEDDING(variant_, padding, flags_, sizes_, index)                                                  \
    {                                                                                                        \
        .name = "ct_embedding", .variant = variant_, .call = embedding, .entry = row_of_weight,              \
        .x = {X(5, 3), index}, .dims = {padding}, .dtypes = ANY_DTYPE, .flags = EXACT | (flags_), .shape = { \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define ONE_HOT(variant_, classes, flags_, sizes_, index)                                                    \
    {                                                                                                        \
        .name = "ct_one_hot", .variant = variant_, .call = one_hot, .entry = is_class, .x = {index},         \
        .dims = {classes}, .flags = EXACT | (flags_), .result = PLACE, .shape = {                            \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define FILLED(variant_, a, mask)                                                                            \
    {                                                                                                        \
        .name = "ct_masked_fill", .variant = variant_, .call = masked_fill, .fn = filled, .x = {a, mask},    \
        .p = {7}, .dtypes = ANY_DTYPE, .flags = EXACT                                                        \
    }

/* ---- references ---- */

static double selected(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    index[row->dims[0]] = (int64_t)x[1].values[at[row->dims[0]]];
    return dense_at(x, index, row->shape.ndim);
}
static double gathered(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    index[row->dims[0]] = (int64_t)dense_at(&x[1], at, row->shape.ndim);
    return dense_at(x, index, row->shape.ndim);
}
/* x[1] is the index, x[2] what is added: [3, 4] at most, along dims[0] of a matrix. */
static double scattered(const int64_t *at, const Dense *x, const Row *row) {
    int64_t dim = row->dims[0], other = 1 - dim;
    double sum = dense_at(x, at, 2);
    if (at[other] >= x[1].shape.sizes[other]) return sum;
    for (int64_t i = 0; i < x[1].shape.sizes[dim]; i++) {
        int64_t from[2];
        from[dim] = i;
        from[other] = at[other];
        if (dense_at(&x[1], from, 2) == (double)at[dim]) sum += dense_at(&x[2], from, 2);
    }
    return sum;
}
/* The same, written in turn. */
static double scattered_last(const int64_t *at, const Dense *x, const Row *row) {
    int64_t dim = row->dims[0], other = 1 - dim;
    double last = dense_at(x, at, 2);
    if (at[other] >= x[1].shape.sizes[other]) return last;
    for (int64_t i = 0; i < x[1].shape.sizes[dim]; i++) {
        int64_t from[2];
        from[dim] = i;
        from[other] = at[other];
        if (dense_at(&x[1], from, 2) == (double)at[dim]) last = dense_at(&x[2], from, 2);
    }
    return last;
}
static double slices_added(const int64_t *at, const Dense *x, const Row *row) {
    int64_t from[CT_MAX_DIMS], dim = row->dims[0];
    double sum = dense_at(x, at, row->shape.ndim);
    memcpy(from, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    for (from[dim] = 0; from[dim] < x[1].shape.sizes[0]; from[dim]++)
        if (x[1].values[from[dim]] == (double)at[dim]) sum += dense_at(&x[2], from, row->shape.ndim);
    return sum;
}
static double taken_along(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    index[row->dims[0]] = (int64_t)dense_at(&x[1], at, row->shape.ndim);
    return dense_at(x, index, row->shape.ndim);
}
static double row_of_weight(const int64_t *at, const Dense *x, const Row *row) {
    int last = row->shape.ndim - 1;
    return AT(x, (int64_t)dense_at(&x[1], at, last), at[last]);
}
static double is_class(const int64_t *at, const Dense *x, const Row *row) {
    int last = row->shape.ndim - 1;
    return dense_at(x, at, last) == (double)at[last];
}
static double filled(const double *v, const Row *row) {
    return v[1] != 0 ? row->p[0] : v[0];
}

/* ---- calls ---- */

CALL(index_select, ct_index_select(x[0], (int)row->dims[0], x[1]))
CALL(gather, ct_gather(x[0], (int)row->dims[0], x[1]))
CALL(scatter_add, ct_scatter_add(x[0], (int)row->dims[0], x[1], x[2]))
CALL(scatter, ct_scatter(x[0], (int)row->dims[0], x[1], x[2]))
CALL(index_add, ct_index_add(x[0], (int)row->dims[0], x[1], x[2]))
CALL(take_along_dim, ct_take_along_dim(x[0], x[1], (int)row->dims[0]))
CALL(masked_fill, ct_masked_fill(x[0], x[1], row->p[0]))
CALL(embedding, ct_embedding(x[0], x[1], row->dims[0]))
CALL(one_hot, ct_one_hot(x[0], row->dims[0]))

static const Row rows[] = {
    BY_INDEX(ct_index_select, "first dim", index_select, selected, 0, (6, 3), X(4, 3), BELOW(4, 6)),
    BY_INDEX(ct_index_select, "last dim", index_select, selected, 2, (2, 3, 5), X(2, 3, 4), BELOW(4, 5)),
    BY_INDEX(ct_index_select, "none", index_select, selected, 1, (4, 0), X(4, 3), BELOW(3, 0)),
    BY_INDEX(ct_index_select, "large", index_select, selected, 0, (300, 131), X(200, 131), BELOW(200, 300)),
    BY_INDEX(ct_gather, "first dim", gather, gathered, 0, (6, 3), X(4, 3), BELOW(4, 6, 3)),
    BY_INDEX(ct_gather, "last dim", gather, gathered, 1, (4, 5), X(4, 3), BELOW(3, 4, 5)),
    BY_INDEX(ct_gather, "smaller index", gather, gathered, 1, (2, 2, 3), X(3, 4, 5), BELOW(4, 2, 2, 3)),
    BY_INDEX(ct_gather, "none", gather, gathered, 0, (0, 3), X(4, 3), BELOW(4, 0, 3)),
    BY_INDEX(ct_gather, "large", gather, gathered, 1, (301, 131), X(301, 131), BELOW(131, 301, 131)),
    SCATTER_ADD("first dim", 0, (4, 3), X(4, 3), BELOW(4, 6, 3), X(6, 3)),
    SCATTER_ADD("last dim", 1, (3, 4), X(3, 4), BELOW(4, 3, 6), X(3, 6)),
    SCATTER_ADD("smaller index, larger src", 0, (4, 3), X(4, 3), BELOW(4, 2, 2), X(5, 4)),
    SCATTER_ADD("none", 0, (4, 3), X(4, 3), BELOW(4, 0, 3), X(0, 3)),
    SCATTER_ADD("large, first", 0, (67, 300), X(67, 300), BELOW(67, 301, 300), X(301, 300)),
    SCATTER_ADD("large, last", 1, (300, 67), X(300, 67), BELOW(67, 300, 301), X(300, 301)),
    SCATTER("first dim", 0, (4, 3), X(4, 3), BELOW(4, 6, 3), X(6, 3)),
    SCATTER("last dim", 1, (3, 4), X(3, 4), BELOW(4, 3, 6), X(3, 6)),
    SCATTER("smaller index, larger src", 0, (4, 3), X(4, 3), BELOW(4, 2, 2), X(5, 4)),
    SCATTER("none", 0, (4, 3), X(4, 3), BELOW(4, 0, 3), X(0, 3)),
    SCATTER("large", 1, (300, 67), X(300, 67), BELOW(67, 300, 301), X(300, 301)),
    INDEX_ADD("first dim", 0, (4, 3), X(4, 3), BELOW(4, 6), X(6, 3)),
    INDEX_ADD("middle", 1, (2, 4, 3), X(2, 4, 3), BELOW(4, 5), X(2, 5, 3)),
    INDEX_ADD("last dim", 1, (3, 4), X(3, 4), BELOW(4, 6), X(3, 6)),
    INDEX_ADD("vector", 0, (4), X(4), BELOW(4, 9), X(9)),
    INDEX_ADD("none", 0, (4, 3), X(4, 3), BELOW(4, 0), X(0, 3)),
    INDEX_ADD("large, first", 0, (67, 131), X(67, 131), BELOW(67, 301), X(301, 131)),
    INDEX_ADD("large, middle", 1, (3, 67, 41), X(3, 67, 41), BELOW(67, 301), X(3, 301, 41)),
    INDEX_ADD("large, last", 1, (131, 67), X(131, 67), BELOW(67, 301), X(131, 301)),
    BY_INDEX(ct_take_along_dim, "same shape", take_along_dim, taken_along, 1, (4, 5), X(4, 3), BELOW(3, 4, 5)),
    BY_INDEX(ct_take_along_dim, "both broadcast", take_along_dim, taken_along, 1, (2, 5, 3), X(1, 4, 3),
             BELOW(4, 2, 5, 1)),
    FILLED("same shape", X(3, 4, 5), OPERAND(MASK, 0, 1, 3, 4, 5)),
    FILLED("mask broadcasts", X(3, 4, 5), OPERAND(MASK, 0, 1, 4, 1)),
    EMBEDDING("vector", -1, 0, (6, 3), BELOW(5, 6)),
    EMBEDDING("matrix of indices", -1, 0, (2, 4, 3), BELOW(5, 2, 4)),
    EMBEDDING("large", -1, 0, (9000, 3), BELOW(5, 9000)),
    EMBEDDING("padding", 1, AT_KINKS, (8, 3), BELOW(5, 8)),
    EMBEDDING("none", -1, 0, (0, 3), BELOW(5, 0)),
    {.name = "ct_embedding",
     .variant = "0-dim index",
     .call = embedding,
     .entry = row_of_weight,
     .dtypes = ANY_DTYPE,
     .x = {X(5, 3), SCALAR_OPERAND(INDEX, 0, 5)},
     .dims = {-1},
     .flags = EXACT,
     .shape = {SIZES(3)}},
    ONE_HOT("vector", 5, 0, (6, 5), BELOW(5, 6)),
    ONE_HOT("matrix", 4, 0, (2, 3, 4), BELOW(4, 2, 3)),
    ONE_HOT("classes counted", -1, ROW_MAJOR_ONLY, (20, 4), BELOW(4, 20)),
};
const RowGroup optable_index = ROW_GROUP(rows);
