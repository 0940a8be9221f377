/* Linear algebra: diagonals, Kronecker and cross products, distances, and what solves equations, with the derivatives
 * of M. Giles (An extended collection of matrix derivative results for forward and reverse mode AD, 2008) and of
 * I. Murray (Differentiation of the Cholesky decomposition, 2016). */
#include "../internal/shared_ops.h"
#include <string.h>

#define A (c->x[0])
#define B (c->x[1])

static ct_tensor *transposed(ct_tensor *x) {
    return ct_transpose(x, -2, -1);
}

/* ---- diagonals ---- */

static ct_tensor *diagonal_forward(Call *c) {
    return tensor_diagonal(c->x[0], c->attr->start, c->attr->dim, c->attr->other);
}

/* Zeros of the shape that attr.list gives, with x on the diagonal. */
static ct_tensor *on_diagonal_forward(Call *c) {
    CT_SCOPED;
    const Attr *a = c->attr;
    if (!tensor_check_shape((ct_dtype)c->x[0]->dtype, a->list, a->count)) return NULL;
    ct_tensor *y = tensor_full((ct_dtype)c->x[0]->dtype, a->list, a->count, 0);
    ct_tensor *part = y ? tensor_diagonal(y, a->start, a->dim, a->other) : NULL;
    return part && tensor_copy_into(part, c->x[0]) == CT_OK ? ct_scope_keep(y) : NULL;
}

static ct_tensor *diagonal_vjp(const Call *c, ct_tensor *g, int i);

static ct_tensor *on_diagonal_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_diagonal(g, c->attr->start, c->attr->dim, c->attr->other);
}

static const Op diagonal_op = {.name = "diagonal", .formula = "dy/dx = 1 on the diagonal, else 0",
                               .forward = diagonal_forward, .vjp = diagonal_vjp};
static const Op on_diagonal_op = {.name = "on_diagonal", .formula = "dy/dx = 1, in its place",
                                  .forward = on_diagonal_forward, .vjp = on_diagonal_vjp};

static ct_tensor *diagonal_vjp(const Call *c, ct_tensor *g, int i) {
    Attr attr = *c->attr;
    attr.list = autograd_input_shape(c, i, &attr.count);
    return APPLY(&on_diagonal_op, &attr, g);
}

ct_tensor *ct_diagonal(ct_tensor *x, int64_t offset, int dim1, int dim2) {
    FUNCTION("ct_diagonal");
    if (!tensor_given(x, "x")) return NULL;
    const int first = tensor_dim_with_size(x, dim1), second = first < 0 ? -1 : tensor_dim_with_size(x, dim2);
    if (second < 0) return NULL;
    if (first != second) return APPLY(&diagonal_op, ATTR(.start = offset, .dim = first, .other = second), x);
    tensor_error(CT_ERR_VALUE, "dims %d and %d are one; expected two of x %s", dim1, dim2, tensor_shape_of(x));
    return NULL;
}

ct_tensor *ct_diag(ct_tensor *x, int64_t diagonal) {
    FUNCTION("ct_diag");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    if (x->ndim == 2) return ct_scope_keep(ct_clone(ct_diagonal(x, diagonal, 0, 1)));
    if (x->ndim != 1) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 1 or 2 dims", tensor_shape_of(x));
        return NULL;
    }
    int64_t size;
    if (diagonal == INT64_MIN || __builtin_add_overflow(x->shape[0], diagonal < 0 ? -diagonal : diagonal, &size))
        size = INT64_MAX;
    const int64_t shape[] = {size, size};
    return ct_scope_keep(APPLY(&on_diagonal_op,
                               ATTR(.start = diagonal, .dim = 0, .other = 1, .count = 2, .list = shape), x));
}

ct_tensor *ct_trace(ct_tensor *x) {
    FUNCTION("ct_trace");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    if (x->ndim == 2) return ct_scope_keep(ct_sum(ct_diagonal(x, 0, 0, 1)));
    tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 2 dims", tensor_shape_of(x));
    return NULL;
}

/* ---- products and distances ---- */

/* Every element of a times every element of b, [a0, a1, .., b0, b1, ..]; then dim by dim b's goes behind a's. */
ct_tensor *ct_kron(ct_tensor *a, ct_tensor *b) {
    FUNCTION("ct_kron");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    if (a->ndim == 0 || b->ndim == 0) return ct_scope_keep(ct_mul(a, b));
    const int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    int64_t of_a[CT_MAX_DIMS], of_b[CT_MAX_DIMS], shape[CT_MAX_DIMS], done = 1;
    for (int d = 0; d < ndim; d++) {
        const int in_a = d - (ndim - a->ndim), in_b = d - (ndim - b->ndim);
        of_a[d] = in_a < 0 ? 1 : a->shape[in_a];
        of_b[d] = in_b < 0 ? 1 : b->shape[in_b];
        if (!__builtin_mul_overflow(of_a[d], of_b[d], &shape[d])) continue;
        tensor_error(CT_ERR_SHAPE, "a %s and b %s are too large", tensor_shape_of(a), tensor_shape_of(b));
        return NULL;
    }
    ct_tensor *y = ct_mul(ct_reshape(a, (int64_t[]){a->numel, 1}, 2), ct_reshape(b, (int64_t[]){1, b->numel}, 2));
    for (int d = 0; d + 1 < ndim; d++) {
        int64_t rest_a = 1, rest_b = 1;
        for (int e = d + 1; e < ndim; e++) rest_a *= of_a[e], rest_b *= of_b[e];
        y = ct_reshape(y, (int64_t[]){done, of_a[d], rest_a, of_b[d], rest_b}, 5);
        y = ct_transpose(y, 2, 3);
        done *= shape[d];
    }
    return ct_scope_keep(ct_reshape(y, shape, ndim));
}

/* x[1], x[2], x[0] along dim; shifted once more, x[2], x[0], x[1]. */
static ct_tensor *shifted(ct_tensor *x, int dim, int64_t by) {
    const int64_t three = 3;
    ct_tensor *index = tensor_new(CT_I64, &three, 1);
    for (int64_t i = 0; i < 3 && index; i++) ((int64_t *)index->data)[i] = (i + by) % 3;
    return index ? tensor_index_select(x, dim, index) : NULL;
}

static ct_tensor *cross_forward(Call *c) {
    CT_SCOPED;
    const int dim = c->attr->dim;
    ct_tensor *a1 = shifted(A, dim, 1), *a2 = a1 ? shifted(A, dim, 2) : NULL;
    ct_tensor *b1 = a2 ? shifted(B, dim, 1) : NULL, *b2 = b1 ? shifted(B, dim, 2) : NULL;
    ct_tensor *plus = b2 ? tensor_mul(a1, b2) : NULL, *minus = plus ? tensor_mul(a2, b1) : NULL;
    ct_tensor *y = minus ? tensor_sub(plus, minus) : NULL;
    return y ? ct_scope_keep(y) : NULL;
}

static ct_tensor *cross_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? ct_cross(B, g, c->attr->dim) : ct_cross(g, A, c->attr->dim);
}

static const Op cross_op = {.name = "cross", .formula = "da = b × g, db = g × a", .forward = cross_forward,
                            .vjp = cross_vjp, .reads = {INPUT(1), INPUT(0)}, .broadcasts = true};

ct_tensor *ct_cross(ct_tensor *a, ct_tensor *b, int dim) {
    FUNCTION("ct_cross");
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    const int along = a->ndim == b->ndim ? tensor_dim_with_size(a, dim) : 0;
    if (along < 0) return NULL;
    if (a->ndim == b->ndim && a->shape[along] == 3 && b->shape[along] == 3)
        return APPLY(&cross_op, ATTR(.dim = along), a, b);
    tensor_error(CT_ERR_SHAPE, "a %s, b %s; expected as many dims, and size 3 in dim %d", tensor_shape_of(a),
                 tensor_shape_of(b), dim);
    return NULL;
}

static ct_tensor *cdist_forward(Call *c) {
    return tensor_distances(A, B, c->attr->alpha);
}

static ct_tensor *cdist_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *difference = ct_sub(ct_unsqueeze(A, -2), ct_unsqueeze(B, -3));
    if (!difference) return NULL;
    ct_tensor *y = ct_expand(ct_unsqueeze(c->y, -1), difference->shape, difference->ndim);
    ct_tensor *upstream = ct_expand(ct_unsqueeze(g, -1), difference->shape, difference->ndim);
    ct_tensor *slope = autograd_norm_slope(difference, y, upstream, c->attr->alpha, 1u << (difference->ndim - 1));
    return i == 0 ? ct_sum_dim(slope, CT_DIMS(-2), false) : ct_neg(ct_sum_dim(slope, CT_DIMS(-3), false));
}

static bool cdist_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return tensor_distance_slopes(A, B, c->attr->alpha, c->y, g, (bool[]){autograd_needs(c, 0), autograd_needs(c, 1)}, dxs);
}

static const Op cdist_op = {.name = "cdist",
                            .formula = "da = Σ over b of sign(a - b) (|a - b| / y)^(p - 1), db = -Σ over a",
                            .forward = cdist_forward,
                            .vjp = cdist_vjp,
                            .fused = cdist_fused,
                            .reads = {INPUT(0) | INPUT(1) | OUTPUT, INPUT(0) | INPUT(1) | OUTPUT},
                            .broadcasts = true};

ct_tensor *ct_cdist(ct_tensor *a, ct_tensor *b, double p) {
    FUNCTION("ct_cdist");
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    if (a->ndim < 2 || b->ndim < 2 || a->shape[a->ndim - 1] != b->shape[b->ndim - 1]) {
        tensor_error(CT_ERR_SHAPE, "a %s, b %s; expected (.., n, d) and (.., m, d)", tensor_shape_of(a), tensor_shape_of(b));
        return NULL;
    }
    if (!tensor_is_floating((ct_dtype)a->dtype) || !tensor_is_floating((ct_dtype)b->dtype)) {
        tensor_error(CT_ERR_DTYPE, "a is %s, b %s; expected floating dtypes", ct_dtype_name((ct_dtype)a->dtype),
                     ct_dtype_name((ct_dtype)b->dtype));
        return NULL;
    }
    if (!(p >= 0)) {
        tensor_error(CT_ERR_VALUE, "p is %g; expected 0 or more", p);
        return NULL;
    }
    return APPLY(&cdist_op, ATTR(.alpha = p), a, b);
}

/* ---- equations ---- */

static ct_tensor *solve_forward(Call *c) {
    return tensor_solve(A, B);
}

/* dB = A⁻ᵀ·G; A's needs it too: -dB·Xᵀ. */
static ct_tensor *solve_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *of_b = ct_solve(transposed(A), g);
    return i == 1 ? of_b : ct_neg(ct_matmul(of_b, transposed(c->y)));
}

static bool solve_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *a = tensor_transpose(A, A->ndim - 2, A->ndim - 1), *of_b = a ? tensor_solve(a, g) : NULL;
    if (!of_b) return false;
    if (autograd_needs(c, 1)) dxs[1] = of_b;
    if (!autograd_needs(c, 0)) return true;
    ct_tensor *x = tensor_transpose(c->y, c->y->ndim - 2, c->y->ndim - 1);
    ct_tensor *product = x ? tensor_matmul(of_b, x) : NULL;
    return product && (dxs[0] = tensor_neg(product, NULL)) != NULL;
}

static const Op solve_op = {.name = "solve", .formula = "dB = A⁻ᵀ·G, dA = -dB·Xᵀ", .forward = solve_forward,
                            .vjp = solve_vjp, .fused = solve_fused, .reads = {INPUT(0) | OUTPUT, INPUT(0)},
                            .broadcasts = true};

/* Whether b holds a vector for each matrix of a. */
static bool holds_vectors(const ct_tensor *a, const ct_tensor *b) {
    return b->ndim == 1 || (b->ndim == a->ndim - 1 && memcmp(a->shape, b->shape, (size_t)b->ndim * sizeof *b->shape) == 0);
}

ct_tensor *ct_solve(ct_tensor *a, ct_tensor *b) {
    FUNCTION("ct_solve");
    CT_SCOPED;
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    if (!holds_vectors(a, b)) return ct_scope_keep(APPLY(&solve_op, NO_ATTR, a, b));
    return ct_scope_keep(ct_squeeze_dim(APPLY(&solve_op, NO_ATTR, a, ct_unsqueeze(b, -1)), -1));
}

static ct_tensor *inv_forward(Call *c) {
    return tensor_inv(A);
}

static ct_tensor *inv_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    ct_tensor *y = transposed(c->y);
    return ct_neg(ct_matmul(ct_matmul(y, g), y));
}

static const Op inv_op = {.name = "inv", .formula = "dA = -Yᵀ·G·Yᵀ", .forward = inv_forward, .vjp = inv_vjp,
                          .reads = {OUTPUT}};

ct_tensor *ct_inv(ct_tensor *x) {
    FUNCTION("ct_inv");
    return APPLY(&inv_op, NO_ATTR, x);
}

/* ---- determinants ---- */

/* A number for each matrix, as matrices of one. */
static ct_tensor *per_matrix(ct_tensor *x) {
    return ct_unsqueeze(ct_unsqueeze(x, -1), -1);
}

static ct_tensor *cofactors_forward(Call *c) {
    return tensor_cofactors(A);
}

/* Of det(A)·T with T = A⁻ᵀ: det(A)·(⟨G, T⟩·T - T·Gᵀ·T). */
static ct_tensor *cofactors_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    ct_tensor *t = transposed(ct_inv(A));
    ct_tensor *along = ct_mul(ct_sum_dim(ct_mul(g, t), (const int64_t[]){-1, -2}, 2, true), t);
    return ct_mul(per_matrix(ct_det(A)), ct_sub(along, ct_matmul(ct_matmul(t, transposed(g)), t)));
}

static const Op cofactors_op = {.name = "cofactors", .formula = "dA = det(A)·(⟨G, T⟩·T - T·Gᵀ·T), T = A⁻ᵀ",
                                .forward = cofactors_forward, .vjp = cofactors_vjp, .reads = {INPUT(0)}};

static ct_tensor *det_forward(Call *c) {
    return tensor_det(A);
}

static ct_tensor *det_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_mul(per_matrix(g), APPLY(&cofactors_op, NO_ATTR, A));
}

static const Op det_op = {.name = "det", .formula = "dA = g·cofactors(A) = g·det(A)·A⁻ᵀ", .forward = det_forward,
                          .vjp = det_vjp, .reads = {INPUT(0)}};

ct_tensor *ct_det(ct_tensor *x) {
    FUNCTION("ct_det");
    return APPLY(&det_op, NO_ATTR, x);
}

/* ---- Cholesky ---- */

static ct_tensor *cholesky_forward(Call *c) {
    return tensor_cholesky(A);
}

/* L⁻ᵀ·(P + Pᵀ)/2·L⁻¹, where P is the lower triangle of Lᵀ·G with its diagonal halved. */
static ct_tensor *cholesky_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    ct_tensor *inverse = ct_inv(c->y), *product = ct_matmul(transposed(c->y), g);
    ct_tensor *lower = ct_add(ct_tril(product, 0), ct_tril(product, -1));
    ct_tensor *symmetric = ct_mul_scalar(ct_add(lower, transposed(lower)), 0.25);
    return ct_matmul(ct_matmul(transposed(inverse), symmetric), inverse);
}

static const Op cholesky_op = {.name = "cholesky", .formula = "dA = L⁻ᵀ·sym(Φ(Lᵀ·G))·L⁻¹",
                               .forward = cholesky_forward, .vjp = cholesky_vjp, .reads = {OUTPUT}};

ct_tensor *ct_cholesky(ct_tensor *x) {
    FUNCTION("ct_cholesky");
    return APPLY(&cholesky_op, NO_ATTR, x);
}
