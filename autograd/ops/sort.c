/* Sorting and searching. What is sorted is read at places, so that gradients go back to them. */
#include "../internal/shared_ops.h"

/* ---- the first in order: operands are x, the places of the result along attr.dim, and the result ---- */

/* A plain tensor of its caller's, which no one else has: it becomes the result. */
static ct_tensor *known_forward(Call *c) {
    return c->x[2];
}

static const Op sort_op = {.name = "sort",
                           .formula = "dx = dy at the places where the elements were",
                           .forward = known_forward,
                           .vjp = autograd_gather_vjp,
                           .fused = autograd_gather_fused,
                           .reads = {INPUT(1)}};
static const Op topk_op = {.name = "topk",
                           .formula = "dx = dy at the places where the elements were, else 0",
                           .forward = known_forward,
                           .vjp = autograd_gather_vjp,
                           .fused = autograd_gather_fused,
                           .reads = {INPUT(1)}};

static ct_tensor *first_of(const Op *op, ct_tensor *x, int64_t k, int dim, bool largest,
                           ct_tensor **indices) {
    CT_SCOPED;
    ct_tensor *places, *values = tensor_topk(x, k, dim, largest, &places);
    values = values ? APPLY(op, ATTR(.dim = dim), x, places, values) : NULL;
    if (values && indices) *indices = ct_scope_keep(places);
    return values ? ct_scope_keep(values) : NULL;
}

static int64_t size_along(const ct_tensor *x, int dim) {
    return x->ndim ? x->shape[dim] : 1;
}

ct_tensor *ct_sort(ct_tensor *x, int dim, bool descending, ct_tensor **indices) {
    FUNCTION("ct_sort");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : first_of(&sort_op, x, size_along(x, along), along, descending, indices);
}

ct_tensor *ct_argsort(ct_tensor *x, int dim, bool descending) {
    FUNCTION("ct_argsort");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    ct_tensor *places;
    bool sorted = along >= 0 && tensor_topk(x, size_along(x, along), along, descending, &places);
    return sorted ? ct_scope_keep(places) : NULL;
}

ct_tensor *ct_topk(ct_tensor *x, int64_t k, int dim, bool largest, ct_tensor **indices) {
    FUNCTION("ct_topk");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    if (k < 0 || k > size_along(x, along)) {
        tensor_error(CT_ERR_VALUE, "k is %lld; expected 0 to %lld, the size of dim %d", (long long)k,
                     (long long)size_along(x, along), along);
        return NULL;
    }
    return first_of(&topk_op, x, k, along, largest, indices);
}

/* ---- distinct elements ---- */

/* The first of each are read, so that the gradient goes to those. */
ct_tensor *ct_unique(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts) {
    FUNCTION("ct_unique");
    CT_SCOPED;
    const int64_t all = -1;
    if (!tensor_given(x, "x")) return NULL;
    ct_tensor *which, *lengths;
    ct_tensor *places = tensor_unique_places(x, inverse ? &which : NULL, counts ? &lengths : NULL);
    ct_tensor *values = places ? ct_index_select(ct_reshape(x, &all, 1), 0, places) : NULL;
    if (values && inverse) *inverse = ct_scope_keep(which);
    if (values && counts) *counts = ct_scope_keep(lengths);
    return values ? ct_scope_keep(values) : NULL;
}

ct_tensor *ct_bincount(ct_tensor *x) {
    FUNCTION("ct_bincount");
    return tensor_given(x, "x") ? tensor_bincount(x) : NULL;
}

ct_tensor *ct_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right) {
    FUNCTION("ct_searchsorted");
    bool given = tensor_given(sorted, "sorted") && tensor_given(values, "values");
    return given ? tensor_searchsorted(sorted, values, right) : NULL;
}
