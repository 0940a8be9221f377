/* Softmax along a dim, its logarithm, and their derivatives. */
#include "../internal/node.h"

#define Y (c->y)

/* Σ x along the dim. */
static ct_tensor *along(const Call *c, ct_tensor *x) {
    return ct_sum_dim(x, CT_DIMS(c->attr->dim), true);
}

static ct_tensor *softmax_forward(Call *c) {
    return tensor_softmax(c->x[0], c->attr->dim);
}

static ct_tensor *softmax_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_mul(Y, ct_sub(g, along(c, ct_mul(g, Y))));
}

static bool softmax_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return (dxs[0] = tensor_softmax_slope(Y, g, c->attr->dim, false)) != NULL;
}

static const Op softmax_op = {.name = "softmax", .formula = "dx = y (dy - Σ dy y)", .forward = softmax_forward,
                              .vjp = softmax_vjp, .fused = softmax_fused, .reads = {OUTPUT}};

static ct_tensor *log_softmax_forward(Call *c) {
    return tensor_log_softmax(c->x[0], c->attr->dim);
}

static ct_tensor *log_softmax_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_sub(g, ct_mul(ct_exp(Y), along(c, g)));
}

static bool log_softmax_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return (dxs[0] = tensor_softmax_slope(Y, g, c->attr->dim, true)) != NULL;
}

static const Op log_softmax_op = {.name = "log_softmax", .formula = "dx = dy - exp(y) Σ dy",
                                  .forward = log_softmax_forward, .vjp = log_softmax_vjp,
                                  .fused = log_softmax_fused, .reads = {OUTPUT}};

static ct_tensor *along_dim(const Op *op, ct_tensor *x, int dim) {
    FUNCTION(op->name);
    if (!tensor_given(x, "x")) return NULL;
    int at = tensor_dim(dim, x->ndim);
    return at < 0 ? NULL : APPLY(op, ATTR(.dim = at), x);
}

ct_tensor *ct_softmax(ct_tensor *x, int dim) {
    return along_dim(&softmax_op, x, dim);
}

ct_tensor *ct_log_softmax(ct_tensor *x, int dim) {
    return along_dim(&log_softmax_op, x, dim);
}
