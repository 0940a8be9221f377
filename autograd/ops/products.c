/* Matrix products and their derivatives. */
#include "../internal/op.h"

#define X (c->x[0])
#define W (c->x[1])

static ct_tensor *transposed(ct_tensor *x) {
    return ct_transpose(x, -2, -1);
}

/* Of operands of 2 or more dims. */
static ct_tensor *matmul_forward(Call *c) {
    return tensor_matmul(c->x[0], c->x[1]);
}

/* [.., n, m] · [.., m, k] for the first, [.., k, n] · [.., n, m] for the second. */
static ct_tensor *matmul_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? ct_matmul(g, transposed(c->x[1])) : ct_matmul(transposed(c->x[0]), g);
}

static const Op matmul_op = {.name = "matmul", .formula = "dA = G·Bᵀ, dB = Aᵀ·G", .forward = matmul_forward,
                             .vjp = matmul_vjp, .reads = {INPUT(1), INPUT(0)}, .broadcasts = true};

/* Many rows times one matrix are one product: [.., n, k] · [k, m] as [rows, k] · [k, m]. */
static ct_tensor *product(ct_tensor *a, ct_tensor *b) {
    if (a->ndim <= 2 || b->ndim != 2 || a->numel == 0 || a->shape[a->ndim - 1] != b->shape[0])
        return APPLY(&matmul_op, NO_ATTR, a, b);
    Shape shape = {.ndim = a->ndim};
    for (int d = 0; d < a->ndim; d++) shape.sizes[d] = a->shape[d];
    shape.sizes[a->ndim - 1] = b->shape[1];
    ct_tensor *rows = ct_reshape(a, (int64_t[]){-1, a->shape[a->ndim - 1]}, 2);
    return ct_reshape(APPLY(&matmul_op, NO_ATTR, rows, b), shape.sizes, shape.ndim);
}

static bool has_dims(const ct_tensor *x, const char *name, int ndim) {
    if (!tensor_given(x, name)) return false;
    if (x->ndim == ndim) return true;
    tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected %d dims", name, tensor_shape_of(x), ndim);
    return false;
}

/* A product of operands of any ranks. */
static ct_tensor *matmul(ct_tensor *a, ct_tensor *b) {
    CT_SCOPED;
    if (a->ndim >= 2 && b->ndim >= 2) return ct_scope_keep(product(a, b));
    if (a->ndim == 0 || b->ndim == 0 || a->shape[a->ndim - 1] != b->shape[b->ndim == 1 ? 0 : b->ndim - 2])
        return tensor_matmul(a, b); /* says what is wrong */
    bool row_added = a->ndim == 1, column_added = b->ndim == 1;
    ct_tensor *y = product(row_added ? ct_unsqueeze(a, 0) : a, column_added ? ct_unsqueeze(b, 1) : b);
    if (column_added) y = ct_squeeze_dim(y, -1);
    if (row_added) y = ct_squeeze_dim(y, column_added ? -1 : -2);
    return ct_scope_keep(y);
}

ct_tensor *ct_matmul(ct_tensor *a, ct_tensor *b) {
    FUNCTION("ct_matmul");
    if (!tensor_given(a, "a") || !tensor_given(b, "b")) return NULL;
    return a->ndim == 2 && b->ndim == 2 ? APPLY(&matmul_op, NO_ATTR, a, b) : matmul(a, b);
}

/* A product of operands of fixed ranks. */
static ct_tensor *ranked(const char *name, ct_tensor *a, int a_ndim, ct_tensor *b, int b_ndim) {
    FUNCTION(name);
    return has_dims(a, "a", a_ndim) && has_dims(b, "b", b_ndim) ? ct_matmul(a, b) : NULL;
}

ct_tensor *ct_mm(ct_tensor *a, ct_tensor *b) {
    return ranked("ct_mm", a, 2, b, 2);
}

ct_tensor *ct_mv(ct_tensor *a, ct_tensor *b) {
    return ranked("ct_mv", a, 2, b, 1);
}

ct_tensor *ct_dot(ct_tensor *a, ct_tensor *b) {
    return ranked("ct_dot", a, 1, b, 1);
}

ct_tensor *ct_bmm(ct_tensor *a, ct_tensor *b) {
    FUNCTION("ct_bmm");
    if (!has_dims(a, "a", 3) || !has_dims(b, "b", 3)) return NULL;
    if (a->shape[0] != b->shape[0]) {
        tensor_error(CT_ERR_SHAPE, "batches of %s and %s differ", tensor_shape_of(a), tensor_shape_of(b));
        return NULL;
    }
    return ct_matmul(a, b);
}

ct_tensor *ct_outer(ct_tensor *a, ct_tensor *b) {
    FUNCTION("ct_outer");
    CT_SCOPED;
    if (!has_dims(a, "a", 1) || !has_dims(b, "b", 1)) return NULL;
    return ct_scope_keep(ct_mul(ct_unsqueeze(a, 1), b));
}

/* beta · c + alpha · ab, where c broadcasts to ab. */
static ct_tensor *added(ct_tensor *c, ct_tensor *ab, double beta, double alpha) {
    if (!tensor_given(c, "c") || !ab) return NULL;
    Shape shape;
    if (!tensor_broadcast(c->shape, c->ndim, ab->shape, ab->ndim, &shape)) return NULL;
    if (shape.ndim != ab->ndim || c->ndim > ab->ndim) {
        tensor_error(CT_ERR_SHAPE, "c has shape %s, which does not broadcast to %s", tensor_shape_of(c),
                     tensor_shape_of(ab));
        return NULL;
    }
    for (int d = 0; d < ab->ndim; d++)
        if (shape.sizes[d] != ab->shape[d]) {
            tensor_error(CT_ERR_SHAPE, "c has shape %s, which does not broadcast to %s", tensor_shape_of(c),
                         tensor_shape_of(ab));
            return NULL;
        }
    ct_tensor *scaled = alpha == 1 ? ab : ct_mul_scalar(ab, alpha);
    return beta == 0 ? scaled : ct_add(scaled, beta == 1 ? c : ct_mul_scalar(c, beta));
}

ct_tensor *ct_addmm(ct_tensor *c, ct_tensor *a, ct_tensor *b, double beta, double alpha) {
    FUNCTION("ct_addmm");
    CT_SCOPED;
    return tensor_given(c, "c") ? ct_scope_keep(added(c, ct_mm(a, b), beta, alpha)) : NULL;
}

ct_tensor *ct_baddbmm(ct_tensor *c, ct_tensor *a, ct_tensor *b, double beta, double alpha) {
    FUNCTION("ct_baddbmm");
    CT_SCOPED;
    return tensor_given(c, "c") ? ct_scope_keep(added(c, ct_bmm(a, b), beta, alpha)) : NULL;
}

/* ---- linear ---- */

static ct_tensor *linear_forward(Call *c) {
    return tensor_linear(c->x[0], c->x[1], c->x[2]);
}

/* [.., size] as [rows, size] */
static ct_tensor *as_rows(ct_tensor *x) {
    int64_t size = x->shape[x->ndim - 1];
    return x->ndim == 2 ? x : ct_reshape(x, (int64_t[]){size ? x->numel / size : 0, size}, 2);
}

/* G [.., out], x [.., in], W [out, in]: dx = G·W, dW = Gᵀ·x over all rows, db = Σ G. */
static ct_tensor *linear_vjp(const Call *c, ct_tensor *g, int i) {
    if (i == 0) return ct_matmul(g, W);
    ct_tensor *rows = as_rows(g);
    const int64_t first = 0;
    return i == 1 ? ct_mm(ct_t(rows), as_rows(X)) : ct_sum_dim(rows, &first, 1, false);
}

static bool linear_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    if (autograd_needs(c, 0) && !(dxs[0] = tensor_matmul(g, W))) return false;
    if (autograd_needs(c, 1) && !(dxs[1] = tensor_linear_weight_slope(g, X))) return false;
    return !autograd_needs(c, 2) || (dxs[2] = tensor_sum(g, ~(~0u << (g->ndim - 1)), false)) != NULL;
}

static const Op linear_op = {.name = "linear", .formula = "dx = G·W, dW = Gᵀ·x, db = Σ G", .forward = linear_forward,
                             .vjp = linear_vjp, .fused = linear_fused, .reads = {INPUT(1), INPUT(0)}, .optional = INPUT(2)};

ct_tensor *ct_linear(ct_tensor *x, ct_tensor *weight, ct_tensor *bias) {
    return APPLY(&linear_op, NO_ATTR, x, weight, bias);
}
