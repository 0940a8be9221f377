/* Conversion and copies. */
#include "../internal/op.h"

static ct_tensor *to_forward(Call *c) {
    return tensor_to(c->x[0], (ct_dtype)c->attr->dim);
}

static ct_tensor *to_vjp(const Call *c, ct_tensor *g, int i) {
    return ct_to(g, autograd_input_dtype(c, i));
}

static const Op to_op = {.name = "to", .formula = "dy/dx = 1", .forward = to_forward, .vjp = to_vjp};

ct_tensor *ct_to(ct_tensor *x, ct_dtype dtype) {
    FUNCTION("ct_to");
    return APPLY(&to_op, ATTR(.dim = (int)dtype), x);
}

static ct_tensor *clone_forward(Call *c) {
    return tensor_clone(c->x[0]);
}

static ct_tensor *clone_vjp(const Call *c, ct_tensor *g, int i) {
    (void)c, (void)i;
    return g;
}

static const Op clone_op = {.name = "clone", .formula = "dy/dx = 1", .forward = clone_forward, .vjp = clone_vjp};

ct_tensor *ct_clone(ct_tensor *x) {
    return APPLY(&clone_op, NO_ATTR, x);
}

static ct_tensor *contiguous_forward(Call *c) {
    ct_tensor *x = c->x[0];
    if (!tensor_is_contiguous(x)) return tensor_to(x, (ct_dtype)x->dtype);
    int64_t strides[CT_MAX_DIMS];
    tensor_row_major(x->shape, x->ndim, strides);
    return tensor_new_view(x, x->shape, strides, x->ndim, x->data);
}

static const Op contiguous_op = {.name = "contiguous", .formula = "dy/dx = 1", .forward = contiguous_forward,
                                 .vjp = clone_vjp};

ct_tensor *ct_contiguous(ct_tensor *x) {
    return APPLY(&contiguous_op, NO_ATTR, x);
}

ct_tensor *ct_detach(ct_tensor *x) {
    FUNCTION("ct_detach");
    return tensor_given(x, "x") ? tensor_new_alias(x) : NULL;
}
