/* Derivatives of functions as values: products with vectors, and whole matrices. Each works on leaves of its own, which
 * share the storage of xs, so that the caller's graph and gradients stay as they are. */
#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <string.h>

typedef struct {
    ct_tensor *y, **xs; /* the result, and the leaves */
    ct_tensor **spare;  /* room for n tensors */
    int n;
    bool off; /* the recording mode before */
} Evaluation;

static bool arguments_given(ct_fn *f, ct_tensor *const *xs, int n) {
    if (ct_error()) return false;
    if (!f) {
        tensor_error(CT_ERR_NULL, "f is NULL");
        return false;
    }
    if (n < 1) {
        tensor_error(CT_ERR_VALUE, "%d operands; expected 1 or more", n);
        return false;
    }
    if (!tensor_given(xs, "xs")) return false;
    for (int i = 0; i < n; i++)
        if (!tensor_given(xs[i], "an operand")) return false;
    return true;
}

static bool all_given(ct_tensor *const *vs, const char *name, int n) {
    if (!tensor_given(vs, name)) return false;
    for (int i = 0; i < n; i++)
        if (!tensor_given(vs[i], name)) return false;
    return true;
}

static bool operand_exists(int i, int n) {
    if (i >= 0 && i < n) return true;
    tensor_error(CT_ERR_INDEX, "there is no operand %d among %d", i, n);
    return false;
}

static size_t room(const Evaluation *e) {
    return 2 * (size_t)e->n * sizeof(ct_tensor *);
}

/* Computes f with recording on; floating leaves require a gradient. leave() follows, whatever came of it. */
static bool evaluate(Evaluation *e, ct_fn *f, void *user, ct_tensor *const *xs, int n) {
    *e = (Evaluation){.n = n, .off = autograd_off};
    autograd_off = false;
    e->xs = tensor_alloc(room(e));
    if (!e->xs) return false;
    e->spare = e->xs + n;
    for (int i = 0; i < n; i++) {
        e->xs[i] = tensor_new_alias(xs[i]);
        bool floating = e->xs[i] && tensor_is_floating((ct_dtype)xs[i]->dtype);
        if (!e->xs[i] || (floating && !ct_set_requires_grad(e->xs[i], true))) return false;
    }
    e->y = f(e->xs, n, user);
    if (!e->y && !ct_error()) tensor_error(CT_ERR_NULL, "the function returned NULL");
    return e->y != NULL;
}

static void leave(const Evaluation *e) {
    autograd_off = e->off;
    tensor_free(e->xs, room(e));
}

/* Gradients of Σ y·dy at the leaves; zeros where y does not depend on one. dy may be NULL. */
static bool gradients_of(ct_tensor *y, ct_tensor *dy, ct_tensor *const *xs, int n, unsigned flags, ct_tensor **out) {
    for (int i = 0; i < n; i++) out[i] = NULL;
    if (autograd_tracks(y) && ct_gradients(&y, 1, xs, n, dy ? &dy : NULL, flags | CT_ALLOW_UNUSED, out) != CT_OK)
        return false;
    for (int i = 0; i < n; i++)
        if (!out[i] && !(out[i] = tensor_full((ct_dtype)xs[i]->dtype, xs[i]->shape, xs[i]->ndim, 0))) return false;
    return true;
}

/* Gradients of Σ over ys of y·dy, likewise. */
static bool gradients_of_all(ct_tensor *const *ys, ct_tensor *const *dys, int n_ys, ct_tensor *const *xs, int n,
                             ct_tensor **out) {
    ct_tensor *sum = NULL;
    for (int i = 0; i < n_ys; i++) {
        if (!tensor_same_shape(ys[i], dys[i])) {
            tensor_error(CT_ERR_SHAPE, "vector %d has shape %s; expected %s", i, tensor_shape_of(dys[i]),
                         tensor_shape_of(ys[i]));
            return false;
        }
        ct_tensor *product = ct_sum(ct_mul(ys[i], ct_detach(dys[i])));
        sum = sum ? ct_add(sum, product) : product;
        if (!sum) return false;
    }
    return gradients_of(sum, NULL, xs, n, 0, out);
}

static bool has_one_element(const ct_tensor *y) {
    if (y->numel == 1) return true;
    tensor_error(CT_ERR_SHAPE, "the function's result has shape %s; expected one element", tensor_shape_of(y));
    return false;
}

/* Hands the results to the enclosing scope. */
static void keep_all(ct_tensor *const *results, int n, ct_tensor **out) {
    for (int i = 0; i < n; i++) out[i] = ct_scope_keep(results[i]);
}

ct_status ct_vjp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *v, ct_tensor **y, ct_tensor **grads) {
    FUNCTION("ct_vjp");
    CT_SCOPED;
    if (!arguments_given(f, xs, n) || !tensor_given(grads, "grads")) return ct_error();
    Evaluation e;
    bool done = evaluate(&e, f, user, xs, n) && (v || has_one_element(e.y)) &&
                gradients_of(e.y, v, e.xs, n, 0, e.spare);
    ct_tensor *value = done ? tensor_new_alias(e.y) : NULL;
    if (value && y) *y = ct_scope_keep(value);
    if (value) keep_all(e.spare, n, grads);
    leave(&e);
    return value ? CT_OK : ct_error();
}

/* The gradient Jᵀu is linear in u: its product with v, differentiated by u, is J·v. */
ct_tensor *ct_jvp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *const *vs) {
    FUNCTION("ct_jvp");
    CT_SCOPED;
    if (!arguments_given(f, xs, n) || !all_given(vs, "vs", n)) return NULL;
    Evaluation e;
    ct_tensor *u = NULL, *product = NULL;
    bool done = evaluate(&e, f, user, xs, n) && (u = tensor_full((ct_dtype)e.y->dtype, e.y->shape, e.y->ndim, 0)) &&
                ct_set_requires_grad(u, true) && gradients_of(e.y, u, e.xs, n, CT_CREATE_GRAPH, e.spare) &&
                gradients_of_all(e.spare, vs, n, &u, 1, &product);
    leave(&e);
    return done ? ct_scope_keep(product) : NULL;
}

/* The gradient of Σ v·∇f. */
ct_status ct_hvp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *const *vs, ct_tensor **products) {
    FUNCTION("ct_hvp");
    CT_SCOPED;
    if (!arguments_given(f, xs, n) || !all_given(vs, "vs", n) || !tensor_given(products, "products")) return ct_error();
    Evaluation e;
    bool done = evaluate(&e, f, user, xs, n) && has_one_element(e.y) &&
                gradients_of(e.y, NULL, e.xs, n, CT_CREATE_GRAPH, e.spare) &&
                gradients_of_all(e.spare, vs, n, e.xs, n, e.spare);
    if (done) keep_all(e.spare, n, products);
    leave(&e);
    return done ? CT_OK : ct_error();
}

/* The gradients at x of each element of y: y's shape, then x's. */
static ct_tensor *jacobian_of(ct_tensor *y, ct_tensor *x) {
    int64_t shape[2 * CT_MAX_DIMS];
    memcpy(shape, y->shape, (size_t)y->ndim * sizeof *shape);
    memcpy(shape + y->ndim, x->shape, (size_t)x->ndim * sizeof *shape);
    if (!tensor_check_shape((ct_dtype)x->dtype, shape, y->ndim + x->ndim)) return NULL;
    ct_tensor *result = tensor_new((ct_dtype)x->dtype, shape, y->ndim + x->ndim);
    const size_t row = (size_t)x->numel * ct_dtype_size((ct_dtype)x->dtype);
    for (int64_t i = 0; i < y->numel && result; i++) {
        CT_SCOPED;
        ct_tensor *chosen = tensor_full((ct_dtype)y->dtype, (int64_t[]){y->numel}, 1, 0), *g = NULL;
        if (!chosen || ct_set(chosen, &i, 1, 1) != CT_OK) return NULL;
        chosen = tensor_reshape(chosen, y->shape, y->ndim);
        g = chosen && gradients_of(y, chosen, &x, 1, CT_RETAIN_GRAPH, &g) ? tensor_contiguous(g) : NULL;
        if (!g) return NULL;
        memcpy(result->data + (size_t)i * row, g->data, row);
    }
    return result;
}

ct_tensor *ct_jacobian(ct_fn *f, void *user, ct_tensor *const *xs, int n, int i) {
    FUNCTION("ct_jacobian");
    CT_SCOPED;
    if (!arguments_given(f, xs, n) || !operand_exists(i, n)) return NULL;
    Evaluation e;
    ct_tensor *result = evaluate(&e, f, user, xs, n) ? jacobian_of(e.y, e.xs[i]) : NULL;
    leave(&e);
    return ct_scope_keep(result);
}

ct_tensor *ct_hessian(ct_fn *f, void *user, ct_tensor *const *xs, int n, int i, int j) {
    FUNCTION("ct_hessian");
    CT_SCOPED;
    if (!arguments_given(f, xs, n) || !operand_exists(i, n) || !operand_exists(j, n)) return NULL;
    Evaluation e;
    ct_tensor *result = NULL;
    if (evaluate(&e, f, user, xs, n) && has_one_element(e.y) &&
        gradients_of(e.y, NULL, e.xs + i, 1, CT_CREATE_GRAPH, e.spare))
        result = jacobian_of(e.spare[0], e.xs[j]);
    leave(&e);
    return ct_scope_keep(result);
}
