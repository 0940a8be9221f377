/* What requires a gradient, and the gradients that leaves hold. */
#include "internal/node.h"

bool ct_set_grad_enabled(bool enabled) {
    bool previous = !autograd_off;
    autograd_off = !enabled;
    return previous;
}

bool ct_grad_enabled(void) {
    return !autograd_off;
}

void ct_grad_mode_leave(const bool *previous) {
    if (previous) autograd_off = !*previous;
}

ct_tensor *ct_set_requires_grad(ct_tensor *x, bool requires_grad) {
    FUNCTION("ct_set_requires_grad");
    if (!tensor_given(x, "x")) return NULL;
    if (requires_grad && !tensor_is_floating((ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "x is %s; only floating tensors have gradients", ct_dtype_name((ct_dtype)x->dtype));
        return NULL;
    }
    Node *node = x->history;
    if (node && node->op) {
        if (requires_grad) return x;
        tensor_error(CT_ERR_AUTOGRAD, "x was computed by %s: only leaves can be told not to require a gradient; "
                     "detach it", node->op->name);
        return NULL;
    }
    if (!requires_grad && !node) return x;
    node = autograd_leaf(x);
    if (!node) return NULL;
    node->requires_grad = requires_grad;
    return x;
}

bool ct_requires_grad(const ct_tensor *x) {
    FUNCTION("ct_requires_grad");
    return tensor_given(x, "x") && autograd_tracks(x);
}

bool ct_is_leaf(const ct_tensor *x) {
    FUNCTION("ct_is_leaf");
    if (!tensor_given(x, "x")) return false;
    const Node *node = x->history;
    return !node || !node->op;
}

static bool keeps_gradient(const Node *node) {
    return node && (!node->op || autograd_retains(node));
}

ct_tensor *ct_grad(const ct_tensor *x) {
    FUNCTION("ct_grad");
    if (!tensor_given(x, "x")) return NULL;
    Node *node = x->history;
    if (!keeps_gradient(node)) return NULL;
    autograd_lock(node);
    ct_tensor *gradient = *autograd_kept_gradient(node);
    if (gradient) tensor_retain(gradient);
    autograd_unlock(node);
    return gradient ? tensor_scope_give(gradient) : NULL;
}

void autograd_swap_gradient(Node *node, ct_tensor *gradient) {
    autograd_lock(node);
    ct_tensor **kept = autograd_kept_gradient(node), *old = *kept;
    *kept = gradient;
    autograd_unlock(node);
    if (old) tensor_release(old);
}

ct_status ct_retain_grad(ct_tensor *x) {
    FUNCTION("ct_retain_grad");
    if (!tensor_given(x, "x")) return ct_error();
    if (!autograd_tracks(x))
        return tensor_error(CT_ERR_AUTOGRAD, "x (shape %s) does not require a gradient", tensor_shape_of(x));
    Node *node = x->history;
    if (!node->op) return CT_OK;
    Aside *aside = autograd_aside(node);
    if (!aside) return ct_error();
    aside->retains = true;
    return CT_OK;
}

ct_status ct_set_grad(ct_tensor *x, ct_tensor *g) {
    FUNCTION("ct_set_grad");
    if (!tensor_given(x, "x")) return ct_error();
    if (!g && ct_error()) return ct_error();
    Node *node = x->history;
    if (node && node->op)
        return tensor_error(CT_ERR_AUTOGRAD, "x was computed by %s: only leaves hold gradients", node->op->name);
    if (!g && !node) return CT_OK;
    if (g && !tensor_is_floating((ct_dtype)x->dtype))
        return tensor_error(CT_ERR_DTYPE, "x is %s; only floating tensors have gradients",
                            ct_dtype_name((ct_dtype)x->dtype));
    if (g && !tensor_same_shape(x, g))
        return tensor_error(CT_ERR_SHAPE, "the gradient has shape %s; x has %s", tensor_shape_of(g), tensor_shape_of(x));
    if (g && g->dtype != x->dtype)
        return tensor_error(CT_ERR_DTYPE, "the gradient is %s; x is %s", ct_dtype_name((ct_dtype)g->dtype),
                            ct_dtype_name((ct_dtype)x->dtype));
    node = autograd_leaf(x);
    if (!node) return ct_error();
    if (g) tensor_retain(g);
    autograd_swap_gradient(node, g);
    return CT_OK;
}

void ct_zero_grad(ct_tensor *x) {
    FUNCTION("ct_zero_grad");
    if (!tensor_given(x, "x")) return;
    Node *node = x->history;
    if (keeps_gradient(node)) autograd_swap_gradient(node, NULL);
}
