/* Rows: matrix products and their kin, triangles. */
#include "optable.h"

#define X(...) OPERAND(REAL, -2, 2, __VA_ARGS__)
/* labels name dims; the result's shape comes last. */
#define PRODUCT(name_, variant_, labels_, a, b, ...)                                                         \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .binary = name_, .entry = sum_of_products, .x = {a, b},         \
        .labels = labels_, .dtypes = NUMBERS, .flags = ROUNDS | FIXED_DTYPE, .shape = {                      \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define EINSUM(spec, labels_, a, b, c, ...)                                                                  \
    {                                                                                                        \
        .name = "ct_einsum", .variant = spec, .text = spec, .labels = labels_, .call = einsum,               \
        .entry = sum_of_products, .x = {a, b, c}, .dtypes = FLOATING | LENIENT,                              \
        .flags = ROUNDS | FIXED_DTYPE, .shape = {                                                            \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define ADDED(name_, variant_, adapter, labels_, c, a, b, beta, alpha, result_, ...)                         \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = added, .x = {c, a, b},                \
        .p = {beta, alpha}, .labels = labels_, .dtypes = NUMBERS, .result = result_,                         \
        .flags = ROUNDS | FIXED_DTYPE, .shape = {                                                            \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define LINEAR(variant_, labels_, x_, w, bias_, ...)                                                         \
    {                                                                                                        \
        .name = "ct_linear", .variant = variant_, .call = linear, .entry = linear_of, .x = {x_, w, bias_},   \
        .labels = labels_, .optional = 4, .dtypes = NUMBERS, .flags = ROUNDS | FIXED_DTYPE, .shape = {       \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define TRIANGLE(name_, adapter, f, diagonal, ...)                                                           \
    {                                                                                                        \
        .name = #name_, .variant = #diagonal, .call = adapter, .entry = f, .x = {X(__VA_ARGS__)},            \
        .p = {diagonal}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {                                     \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define TRIANGLES(name_, adapter, f)                                                                         \
    TRIANGLE(name_, adapter, f, 0, 4, 4), TRIANGLE(name_, adapter, f, 1, 2, 3, 5),                           \
        TRIANGLE(name_, adapter, f, -2, 2, 5, 3), TRIANGLE(name_, adapter, f, 9, 3, 4),                      \
        TRIANGLE(name_, adapter, f, 0, 0, 3)
#define NO_DIMS {0}, 0
#define NO_BIAS                                                                                              \
    { ABSENT, 0, 0, {0}, 0 }

static double added(const int64_t *at, const Dense *x, const Row *row) {
    double own = row->p[0] == 0 ? 0 : row->p[0] * dense_at(&x[0], at, row->shape.ndim);
    return own + row->p[1] * sum_of_products(at, x + 1, row);
}
static double linear_of(const int64_t *at, const Dense *x, const Row *row) {
    double bias = x[2].values ? dense_at(&x[2], at, row->shape.ndim) : 0;
    return bias + sum_of_products(at, x, row);
}
static double lower(const int64_t *at, const Dense *x, const Row *row) {
    int last = row->shape.ndim - 1;
    return (double)(at[last] - at[last - 1]) <= row->p[0] ? dense_at(x, at, last + 1) : 0;
}
static double upper(const int64_t *at, const Dense *x, const Row *row) {
    int last = row->shape.ndim - 1;
    return (double)(at[last] - at[last - 1]) >= row->p[0] ? dense_at(x, at, last + 1) : 0;
}

CALL(addmm, ct_addmm(x[0], x[1], x[2], row->p[0], row->p[1]))
CALL(baddbmm, ct_baddbmm(x[0], x[1], x[2], row->p[0], row->p[1]))
CALL(linear, ct_linear(x[0], x[1], x[2]))
CALL(einsum, ct_einsum(row->text, x, operand_count(row)))
CALL(tril, ct_tril(x[0], (int64_t)row->p[0]))
CALL(triu, ct_triu(x[0], (int64_t)row->p[0]))

static const Row rows[] = {
    PRODUCT(ct_matmul, "vectors", "i,i->", X(5), X(5), NO_DIMS),
    PRODUCT(ct_matmul, "vector and matrix", "i,ij->j", X(5), X(5, 3), SIZES(3)),
    PRODUCT(ct_matmul, "matrix and vector", "ij,j->i", X(4, 5), X(5), SIZES(4)),
    PRODUCT(ct_matmul, "matrices", "ij,jk->ik", X(4, 5), X(5, 3), SIZES(4, 3)),
    PRODUCT(ct_matmul, "one row, one column", "ij,jk->ik", X(1, 5), X(5, 1), SIZES(1, 1)),
    PRODUCT(ct_matmul, "batch and matrix", "aij,jk->aik", X(2, 4, 5), X(5, 3), SIZES(2, 4, 3)),
    PRODUCT(ct_matmul, "matrix and batch", "ij,ajk->aik", X(4, 5), X(2, 5, 3), SIZES(2, 4, 3)),
    PRODUCT(ct_matmul, "vector and batch", "j,ajk->ak", X(5), X(2, 5, 3), SIZES(2, 3)),
    PRODUCT(ct_matmul, "batch and vector", "aij,j->ai", X(2, 4, 5), X(5), SIZES(2, 4)),
    PRODUCT(ct_matmul, "batches broadcast", "abij,bjk->abik", X(2, 1, 4, 5), X(3, 5, 2), SIZES(2, 3, 4, 2)),
    PRODUCT(ct_matmul, "both batches broadcast", "abij,abjk->abik", X(2, 1, 2, 3), X(1, 3, 3, 2),
            SIZES(2, 3, 2, 2)),
    PRODUCT(ct_matmul, "inner size 0", "ij,jk->ik", X(4, 0), X(0, 3), SIZES(4, 3)),
    PRODUCT(ct_matmul, "no rows", "ij,jk->ik", X(0, 5), X(5, 3), SIZES(0, 3)),
    PRODUCT(ct_matmul, "no batches", "aij,ajk->aik", X(0, 4, 5), X(0, 5, 3), SIZES(0, 4, 3)),
    PRODUCT(ct_matmul, "large", "ij,jk->ik", X(97, 83), X(83, 101), SIZES(97, 101)),
    PRODUCT(ct_matmul, "large batches", "aij,ajk->aik", X(9, 31, 33), X(9, 33, 35), SIZES(9, 31, 35)),
    PRODUCT(ct_mm, NULL, "ij,jk->ik", X(4, 5), X(5, 3), SIZES(4, 3)),
    PRODUCT(ct_mm, "inner size 1", "ij,jk->ik", X(4, 1), X(1, 3), SIZES(4, 3)),
    PRODUCT(ct_bmm, NULL, "aij,ajk->aik", X(2, 4, 5), X(2, 5, 3), SIZES(2, 4, 3)),
    PRODUCT(ct_mv, NULL, "ij,j->i", X(4, 5), X(5), SIZES(4)),
    PRODUCT(ct_dot, NULL, "i,i->", X(7), X(7), NO_DIMS),
    PRODUCT(ct_dot, "empty", "i,i->", X(0), X(0), NO_DIMS),
    {.name = "ct_outer",
     .binary = ct_outer,
     .entry = sum_of_products,
     .x = {X(4), X(3)},
     .labels = "i,j->ij",
     .dtypes = ANY_DTYPE,
     .shape = {SIZES(4, 3)}},
    ADDED(ct_addmm, NULL, addmm, "ij,jk->ik", X(4, 3), X(4, 5), X(5, 3), 0.5, 2, FLOAT, 4, 3),
    ADDED(ct_addmm, "c broadcasts", addmm, "ij,jk->ik", X(3), X(4, 5), X(5, 3), 1, 1, PROMOTED, 4, 3),
    ADDED(ct_addmm, "beta 0", addmm, "ij,jk->ik", OPERAND(CONSTANT, -2, 2, 4, 3), X(4, 5), X(5, 3), 0, 1.5,
          FLOAT, 4, 3),
    ADDED(ct_baddbmm, NULL, baddbmm, "aij,ajk->aik", X(2, 4, 3), X(2, 4, 5), X(2, 5, 3), 0.5, 2, FLOAT, 2, 4,
          3),
    ADDED(ct_baddbmm, "c broadcasts", baddbmm, "aij,ajk->aik", X(4, 1), X(2, 4, 5), X(2, 5, 3), 1, -1,
          PROMOTED, 2, 4, 3),
    LINEAR(NULL, "ij,oj->io", X(4, 5), X(3, 5), X(3), SIZES(4, 3)),
    LINEAR("no bias", "ij,oj->io", X(4, 5), X(3, 5), NO_BIAS, SIZES(4, 3)),
    LINEAR("a vector", "j,oj->o", X(5), X(3, 5), X(3), SIZES(3)),
    LINEAR("leading dims", "abj,oj->abo", X(2, 4, 5), X(3, 5), X(3), SIZES(2, 4, 3)),
    LINEAR("no rows", "ij,oj->io", X(0, 5), X(3, 5), X(3), SIZES(0, 3)),
    LINEAR("no features", "ij,oj->io", X(4, 0), X(3, 0), X(3), SIZES(4, 3)),
    LINEAR("large", "ij,oj->io", X(130, 70), X(90, 70), X(90), SIZES(130, 90)),
    EINSUM("ij,jk->ik", "ij,jk->ik", X(4, 5), X(5, 3), END_OPERAND, SIZES(4, 3)),
    EINSUM("ij,jk", "ij,jk->ik", X(4, 5), X(5, 3), END_OPERAND, SIZES(4, 3)),
    EINSUM("ba", "ba->ab", X(2, 3), END_OPERAND, END_OPERAND, SIZES(3, 2)),
    EINSUM("ii->i", "ii->i", X(4, 4), END_OPERAND, END_OPERAND, SIZES(4)),
    EINSUM("ii", "ii->", X(4, 4), END_OPERAND, END_OPERAND, NO_DIMS),
    EINSUM("ij->", "ij->", X(4, 3), END_OPERAND, END_OPERAND, NO_DIMS),
    EINSUM("ij->j", "ij->j", X(4, 3), END_OPERAND, END_OPERAND, SIZES(3)),
    EINSUM("i,j->ij", "i,j->ij", X(4), X(3), END_OPERAND, SIZES(4, 3)),
    EINSUM("bij,bkj->bik", "bij,bkj->bik", X(2, 3, 4), X(2, 5, 4), END_OPERAND, SIZES(2, 3, 5)),
    EINSUM("ij,jk,kl->il", "ij,jk,kl->il", X(2, 3), X(3, 4), X(4, 2), SIZES(2, 2)),
    EINSUM("...ij,...jk->...ik", "abij,bjk->abik", X(2, 3, 2, 4), X(3, 4, 2), END_OPERAND, SIZES(2, 3, 2, 2)),
    EINSUM("...ij,jk", "aij,jk->aik", X(2, 3, 4), X(4, 2), END_OPERAND, SIZES(2, 3, 2)),
    EINSUM("...i->...", "abi->ab", X(2, 3, 4), END_OPERAND, END_OPERAND, SIZES(2, 3)),
    EINSUM(" i j , j -> i ", "ij,j->i", X(3, 4), X(4), END_OPERAND, SIZES(3)),
    EINSUM("iij,j->ij", "iij,j->ij", X(3, 3, 2), X(2), END_OPERAND, SIZES(3, 2)),
    TRIANGLES(ct_tril, tril, lower),
    TRIANGLES(ct_triu, triu, upper),
};
const RowGroup optable_linalg = ROW_GROUP(rows);
