/* In-place operations: the same ops as out of place, written into their first operand. */
#include "../internal/shared_ops.h"
#include "../../tensor/internal/random.h"

#define IN_PLACE(name_)                                                           \
    ct_tensor *ct_##name_##_(ct_tensor *x, ct_tensor *y) {                        \
        FUNCTION("ct_" #name_ "_");                                               \
        return APPLY_IN_PLACE(&autograd_##name_##_op, NO_ATTR, x, y);             \
    }
IN_PLACE(add)
IN_PLACE(sub)
IN_PLACE(mul)
IN_PLACE(div)

static ct_tensor *with_scalar_in_place(const char *name, const Op *op, ct_tensor *x, double value) {
    FUNCTION(name);
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    ct_tensor *scalar = tensor_full(tensor_scalar_dtype(x, value), NULL, 0, value);
    return scalar ? APPLY_IN_PLACE(op, NO_ATTR, x, scalar) : NULL;
}

ct_tensor *ct_add_scalar_(ct_tensor *x, double value) {
    return with_scalar_in_place("ct_add_scalar_", &autograd_add_op, x, value);
}

ct_tensor *ct_mul_scalar_(ct_tensor *x, double value) {
    return with_scalar_in_place("ct_mul_scalar_", &autograd_mul_op, x, value);
}

/* ---- whatever x was, it becomes y ---- */

static ct_tensor *copy_forward(Call *c) {
    CT_SCOPED;
    ct_tensor *x = c->x[0], *y = tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    return y && tensor_copy_into(y, c->x[1]) == CT_OK ? ct_scope_keep(y) : NULL;
}

static ct_tensor *copy_vjp(const Call *c, ct_tensor *g, int i) {
    (void)c;
    return i == 0 ? ct_zeros_like(g) : g;
}

static const Op copy_op = {.name = "copy_", .formula = "dx'/dx = 0, dx'/dy = 1", .forward = copy_forward,
                           .vjp = copy_vjp, .broadcasts = true};

ct_tensor *ct_copy_(ct_tensor *x, ct_tensor *y) {
    return APPLY_IN_PLACE(&copy_op, NO_ATTR, x, y);
}

static ct_tensor *fill_forward(Call *c) {
    const ct_tensor *x = c->x[0];
    return tensor_full((ct_dtype)x->dtype, x->shape, x->ndim, c->attr->alpha);
}

static ct_tensor *zero_vjp(const Call *c, ct_tensor *g, int i) {
    (void)c, (void)i;
    return ct_zeros_like(g);
}

static const Op fill_op = {.name = "fill_", .formula = "dx'/dx = 0", .forward = fill_forward, .vjp = zero_vjp};

ct_tensor *ct_fill_(ct_tensor *x, double value) {
    return APPLY_IN_PLACE(&fill_op, ATTR(.alpha = value), x);
}

ct_tensor *ct_zero_(ct_tensor *x) {
    FUNCTION("ct_zero_");
    return ct_fill_(x, 0);
}

/* ---- random numbers ---- */

static ct_tensor *random_forward(Call *c) {
    CT_SCOPED;
    const ct_tensor *x = c->x[0];
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    if (!y) return NULL;
    ct_status status = c->attr->flag ? tensor_fill_normal(y, c->attr->alpha, c->attr->beta)
                                     : tensor_fill_uniform(y, c->attr->alpha, c->attr->beta);
    return status == CT_OK ? ct_scope_keep(y) : NULL;
}

static const Op random_op = {.name = "random_", .formula = "dx'/dx = 0", .forward = random_forward, .vjp = zero_vjp};

ct_tensor *ct_uniform_(ct_tensor *x, double lo, double hi) {
    FUNCTION("ct_uniform_");
    return APPLY_IN_PLACE(&random_op, ATTR(.alpha = lo, .beta = hi), x);
}

ct_tensor *ct_normal_(ct_tensor *x, double mean, double std) {
    FUNCTION("ct_normal_");
    return APPLY_IN_PLACE(&random_op, ATTR(.alpha = mean, .beta = std, .flag = true), x);
}

/* ---- others ---- */

ct_tensor *ct_relu_(ct_tensor *x) {
    FUNCTION("ct_relu_");
    return APPLY_IN_PLACE(&autograd_relu_op, NO_ATTR, x);
}

ct_tensor *ct_clamp_(ct_tensor *x, double lo, double hi) {
    FUNCTION("ct_clamp_");
    return APPLY_IN_PLACE(&autograd_clamp_op, ATTR(.alpha = lo, .beta = hi), x);
}
