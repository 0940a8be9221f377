/* Rows: matrix products and their kin, triangles. */
#include "optable.h"
#include <string.h>

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

/* ---- diagonals, products, distances ---- */

static double on_diagonal(const int64_t *at, const Dense *x, const Row *row) {
    return (double)(at[1] - at[0]) == row->p[0] ? x->values[at[row->p[0] < 0 ? 1 : 0]] : 0;
}
static double trace(const int64_t *at, const Dense *x, const Row *row) {
    double sum = 0;
    (void)at, (void)row;
    for (int64_t i = 0; i < x->shape.sizes[0] && i < x->shape.sizes[1]; i++) sum += AT(x, i, i);
    return sum;
}
static double kronecker(const int64_t *at, const Dense *x, const Row *row) {
    int64_t in_a[CT_MAX_DIMS], in_b[CT_MAX_DIMS];
    for (int d = 0; d < row->shape.ndim; d++) {
        int own = d - (row->shape.ndim - x[1].shape.ndim);
        int64_t size = own < 0 ? 1 : x[1].shape.sizes[own];
        in_a[d] = at[d] / size;
        in_b[d] = at[d] % size;
    }
    return dense_at(&x[0], in_a, row->shape.ndim) * dense_at(&x[1], in_b, row->shape.ndim);
}
static double cross_entry(const int64_t *at, const Dense *x, const Row *row) {
    int64_t next[CT_MAX_DIMS], after[CT_MAX_DIMS];
    int dim = row->dims[0] < 0 ? row->shape.ndim - 1 : (int)row->dims[0];
    for (int d = 0; d < row->shape.ndim; d++) {
        next[d] = d == dim ? (at[d] + 1) % 3 : at[d];
        after[d] = d == dim ? (at[d] + 2) % 3 : at[d];
    }
    return dense_at(&x[0], next, row->shape.ndim) * dense_at(&x[1], after, row->shape.ndim) -
           dense_at(&x[0], after, row->shape.ndim) * dense_at(&x[1], next, row->shape.ndim);
}
static double distance(const int64_t *at, const Dense *x, const Row *row) {
    int64_t in_a[CT_MAX_DIMS], in_b[CT_MAX_DIMS], size = x[0].shape.sizes[x[0].shape.ndim - 1];
    int ndim = row->shape.ndim;
    double sum = 0, p = row->p[0];
    memcpy(in_a, at, (size_t)ndim * sizeof *at);
    memcpy(in_b, at, (size_t)ndim * sizeof *at);
    in_b[ndim - 2] = at[ndim - 1];
    for (int64_t k = 0; k < size; k++) {
        in_a[ndim - 1] = in_b[ndim - 1] = k;
        double apart = fabs(dense_at(&x[0], in_a, ndim) - dense_at(&x[1], in_b, ndim));
        sum = isinf(p) ? fmax(sum, apart) : p == 0 ? sum + (apart != 0) : sum + pow(apart, p);
    }
    return isinf(p) || p == 0 ? sum : pow(sum, 1 / p);
}

CALL(diag, ct_diag(x[0], (int64_t)row->p[0]))
CALL(diagonal, ct_diagonal(x[0], (int64_t)row->p[0], (int)row->dims[0], (int)row->dims[1]))
CALL(cross, ct_cross(x[0], x[1], (int)row->dims[0]))
CALL(cdist, ct_cdist(x[0], x[1], row->p[0]))

/* ---- equations ---- */

enum { MOST = 8 };

/* The matrix of x at the leading index, plus `shift` on its diagonal; returns its size. */
static int matrix_at(const Dense *x, const int64_t *at, int batch, double shift, double a[MOST][MOST]) {
    int64_t index[CT_MAX_DIMS];
    int n = (int)x->shape.sizes[x->shape.ndim - 1];
    memcpy(index, at, (size_t)batch * sizeof *at);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            index[batch] = i;
            index[batch + 1] = j;
            a[i][j] = dense_at(x, index, batch + 2) + (i == j ? shift : 0);
        }
    return n;
}
/* The minor without a row and a column, or the determinant (row < 0), by expansion. */
static double minor_of(double a[MOST][MOST], int n, int row, int column) {
    double part[MOST][MOST], sum = 0;
    if (row >= 0) {
        for (int i = 0; i < n - 1; i++)
            for (int j = 0; j < n - 1; j++) part[i][j] = a[i + (i >= row)][j + (j >= column)];
        return minor_of(part, n - 1, -1, -1);
    }
    if (n == 0) return 1;
    for (int j = 0; j < n; j++) sum += (j % 2 ? -1 : 1) * a[0][j] * minor_of(a, n, 0, j);
    return sum;
}
static double inverse_entry(double a[MOST][MOST], int n, int64_t i, int64_t j) {
    return ((i + j) % 2 ? -1 : 1) * minor_of(a, n, (int)j, (int)i) / minor_of(a, n, -1, -1);
}
static double determinant(const int64_t *at, const Dense *x, const Row *row) {
    double a[MOST][MOST];
    int n = matrix_at(x, at, row->shape.ndim, row->p[0], a);
    return minor_of(a, n, -1, -1);
}
static double inverse(const int64_t *at, const Dense *x, const Row *row) {
    double a[MOST][MOST];
    int batch = row->shape.ndim - 2, n = matrix_at(x, at, batch, row->p[0], a);
    return inverse_entry(a, n, at[batch], at[batch + 1]);
}
/* dims[0] says whether b holds vectors. */
static double solution(const int64_t *at, const Dense *x, const Row *row) {
    double a[MOST][MOST], sum = 0;
    int ndim = row->shape.ndim, place = row->dims[0] ? ndim - 1 : ndim - 2;
    int n = matrix_at(&x[0], at, place, row->p[0], a);
    int64_t index[CT_MAX_DIMS];
    memcpy(index, at, (size_t)ndim * sizeof *at);
    for (int j = 0; j < n; j++) {
        index[place] = j;
        sum += inverse_entry(a, n, at[place], j) * dense_at(&x[1], index, ndim);
    }
    return sum;
}
/* The factor of A = X·Xᵀ + shift. */
static double factor(const int64_t *at, const Dense *x, const Row *row) {
    double a[MOST][MOST], l[MOST][MOST] = {{0}};
    int batch = row->shape.ndim - 2, n = matrix_at(x, at, batch, 0, a);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double sum = i == j ? row->p[0] : 0;
            for (int k = 0; k < n; k++) sum += a[i][k] * a[j][k];
            for (int k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    return l[at[batch]][at[batch + 1]];
}

/* x + shift·I; what is to be refused stays as it is. */
static ct_tensor *shifted(ct_tensor *x, double shift) {
    if (!x || !is_floating_dtype(ct_type(x))) return x;
    int64_t n = ct_size(x, -1);
    return ct_add(x, ct_diag(ct_full(ct_type(x), CT_DIMS(n), shift), 0));
}
static ct_tensor *definite(ct_tensor *x, double shift) {
    return x && is_floating_dtype(ct_type(x)) ? shifted(ct_matmul(x, ct_transpose(x, -2, -1)), shift) : x;
}
CALL(det, ct_det(shifted(x[0], row->p[0])))
CALL(inv, ct_inv(shifted(x[0], row->p[0])))
CALL(solve, ct_solve(shifted(x[0], row->p[0]), x[1]))
CALL(cholesky, ct_cholesky(definite(x[0], row->p[0])))

#define UNIT(...) OPERAND(REAL, -1, 1, __VA_ARGS__)
#define DIAGONAL(offset_, dim1, dim2, operand, place, strides_, ...)                                         \
    {                                                                                                        \
        .name = "ct_diagonal", .variant = #offset_ " " #dim1 " " #dim2, .call = diagonal, .entry = strided,  \
        .x = {operand}, .p = {offset_}, .dims = {dim1, dim2}, .strides = {strides_}, .offset = place,        \
        .dtypes = ANY_DTYPE, .flags = EXACT | SHARES, .shape = {                                             \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define DIAG(diagonal_, operand, entry_, place, step, ...)                                                   \
    {                                                                                                        \
        .name = "ct_diag", .variant = #operand " " #diagonal_, .call = diag, .entry = entry_, .x = {operand},\
        .p = {diagonal_}, .strides = {step}, .offset = place, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {\
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define KRON(a, b, ...)                                                                                      \
    {                                                                                                        \
        .name = "ct_kron", .variant = #a " " #b, .binary = ct_kron, .entry = kronecker, .x = {a, b},         \
        .dtypes = ANY_DTYPE, .shape = {                                                                      \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define CROSS(dim, a, b, ...)                                                                                \
    {                                                                                                        \
        .name = "ct_cross", .variant = #a " " #dim, .call = cross, .entry = cross_entry, .x = {a, b},        \
        .dims = {dim}, .dtypes = NUMBERS | LENIENT, .shape = {                                               \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define CDIST(p_, a, b, ...)                                                                                 \
    {                                                                                                        \
        .name = "ct_cdist", .variant = #a " " #p_, .call = cdist, .entry = distance, .x = {a, b}, .p = {p_}, \
        .flags = ROUNDS, .shape = {                                                                          \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define EQUATIONS(name_, entry_, vectors, shift, a, b, ...)                                                  \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = #a " " #b, .call = name_, .entry = entry_, .x = {a, b}, .p = {shift},\
        .dims = {vectors}, .flags = ROUNDS | FIXED_DTYPE, .shape = {                                         \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define MATRICES(name_, entry_, shift, a, ...)                                                               \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = #a " " #shift, .call = name_, .entry = entry_, .x = {a},            \
        .p = {shift}, .flags = ROUNDS | FIXED_DTYPE, .shape = {                                              \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define STEPS(...) __VA_ARGS__

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
    DIAGONAL(0, 0, 1, X(4, 4), 0, 5, 4),
    DIAGONAL(1, 0, 1, X(3, 4), 1, 5, 3),
    DIAGONAL(-2, 0, 1, X(4, 3), 6, 4, 2),
    DIAGONAL(1, -1, 0, X(3, 2, 4), 8, STEPS(4, 9), 2, 2),
    DIAGONAL(9, 0, 1, X(3, 4), 0, 5, 0),
    DIAGONAL(-3, 0, 1, X(3, 4), 0, 5, 0),
    DIAGONAL(0, 0, 2, X(0, 2, 3), 0, STEPS(3, 7), 2, 0),
    DIAG(0, X(4), on_diagonal, 0, 0, 4, 4),
    DIAG(2, X(3), on_diagonal, 0, 0, 5, 5),
    DIAG(-1, X(3), on_diagonal, 0, 0, 4, 4),
    DIAG(1, X(0), on_diagonal, 0, 0, 1, 1),
    DIAG(1, X(3, 4), strided, 1, 5, 3),
    DIAG(-1, X(3, 4), strided, 4, 5, 2),
    {.name = "ct_trace",
     .unary = ct_trace,
     .entry = trace,
     .x = {X(3, 4)},
     .dtypes = ANY_DTYPE,
     .flags = ROUNDS,
     .result = WIDE},
    KRON(X(2, 3), X(3, 2), SIZES(6, 6)),
    KRON(X(3), X(2, 2), SIZES(2, 6)),
    KRON(X(2, 1, 3), X(2), SIZES(2, 1, 6)),
    KRON(X(2, 1, 2, 1, 2), X(1, 2, 2, 2, 1), SIZES(2, 2, 4, 2, 2)),
    KRON(SCALAR_OPERAND(REAL, -2, 2), X(3), SIZES(3)),
    KRON(X(0, 2), X(3, 2), SIZES(0, 4)),
    CROSS(-1, X(4, 3), X(4, 3), 4, 3),
    CROSS(0, X(3, 2), X(3, 2), 3, 2),
    CROSS(1, X(2, 3, 1), X(1, 3, 4), 2, 3, 4),
    CROSS(0, X(3), X(3), 3),
    CROSS(1, X(0, 3), X(0, 3), 0, 3),
    CDIST(2, X(4, 3), X(5, 3), 4, 5),
    CDIST(1, X(4, 3), X(2, 3), 4, 2),
    CDIST(3, X(2, 4, 3), X(1, 2, 3), 2, 4, 2),
    CDIST(INFINITY, X(4, 3), X(2, 3), 4, 2),
    CDIST(0, X(4, 3), X(2, 3), 4, 2),
    CDIST(0.5, X(2, 3), X(2, 3), 2, 2),
    CDIST(2, X(3, 1, 9, 5), X(2, 35, 5), 3, 2, 9, 35),
    CDIST(1, X(7, 5), X(33, 5), 7, 33),
    CDIST(INFINITY, X(7, 35), X(3, 35), 7, 3),
    CDIST(2, X(0, 3), X(2, 3), 0, 2),
    CDIST(1, X(2, 3), X(0, 3), 2, 0),
    CDIST(2, X(2, 0), X(3, 0), 2, 3),
    MATRICES(det, determinant, 3, UNIT(4, 4), NO_DIMS),
    MATRICES(det, determinant, 3, UNIT(2, 2, 3, 3), SIZES(2, 2)),
    MATRICES(det, determinant, 0, UNIT(3, 3), NO_DIMS),
    MATRICES(det, determinant, 0, UNIT(2, 0, 0), SIZES(2)),
    MATRICES(det, determinant, 0, UNIT(0, 3, 3), SIZES(0)),
    MATRICES(inv, inverse, 3, UNIT(4, 4), SIZES(4, 4)),
    MATRICES(inv, inverse, 3, UNIT(2, 3, 3), SIZES(2, 3, 3)),
    MATRICES(inv, inverse, 3, UNIT(1, 1), SIZES(1, 1)),
    MATRICES(inv, inverse, 3, UNIT(2, 0, 0), SIZES(2, 0, 0)),
    MATRICES(cholesky, factor, 3, UNIT(4, 4), SIZES(4, 4)),
    MATRICES(cholesky, factor, 3, UNIT(2, 3, 3), SIZES(2, 3, 3)),
    MATRICES(cholesky, factor, 3, UNIT(0, 3, 3), SIZES(0, 3, 3)),
    EQUATIONS(solve, solution, 0, 3, UNIT(4, 4), UNIT(4, 2), SIZES(4, 2)),
    EQUATIONS(solve, solution, 1, 3, UNIT(4, 4), UNIT(4), SIZES(4)),
    EQUATIONS(solve, solution, 1, 3, UNIT(2, 3, 3), UNIT(2, 3), SIZES(2, 3)),
    EQUATIONS(solve, solution, 0, 3, UNIT(2, 1, 3, 3), UNIT(4, 3, 2), SIZES(2, 4, 3, 2)),
    EQUATIONS(solve, solution, 0, 3, UNIT(3, 3), UNIT(2, 3, 1), SIZES(2, 3, 1)),
    EQUATIONS(solve, solution, 0, 3, UNIT(3, 3), UNIT(3, 0), SIZES(3, 0)),
    EQUATIONS(solve, solution, 0, 3, UNIT(0, 0), UNIT(0, 2), SIZES(0, 2)),
};
const RowGroup optable_linalg = ROW_GROUP(rows);
