/* Views: results share their operand's storage; each rule carries a gradient back through that geometry. */
#include "../internal/node.h"
#include <string.h>

/* ---- the same elements in the same order ---- */

static ct_tensor *reshape_forward(Call *c) {
    return tensor_reshape(c->x[0], c->attr->list, c->attr->count);
}

static ct_tensor *reshape_vjp(const Call *c, ct_tensor *g, int i) {
    int ndim;
    const int64_t *shape = autograd_input_shape(c, i, &ndim);
    return ct_reshape(g, shape, ndim);
}

static const Op reshape_op = {
    .name = "reshape", .formula = "dy/dx = 1, in x's shape", .forward = reshape_forward, .vjp = reshape_vjp};

static ct_tensor *reshaped(ct_tensor *x, const int64_t *shape, int ndim) {
    return APPLY(&reshape_op, ATTR(.count = ndim, .list = shape), x);
}

ct_tensor *ct_reshape(ct_tensor *x, const int64_t *shape, int ndim) {
    FUNCTION("ct_reshape");
    int64_t sizes[CT_MAX_DIMS];
    if (!tensor_given(x, "x") || !tensor_resolve_shape(x->shape, x->ndim, shape, ndim, sizes)) return NULL;
    return reshaped(x, sizes, ndim);
}

ct_tensor *ct_view(ct_tensor *x, const int64_t *shape, int ndim) {
    FUNCTION("ct_view");
    int64_t sizes[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    if (!tensor_given(x, "x") || !tensor_resolve_shape(x->shape, x->ndim, shape, ndim, sizes)) return NULL;
    if (!tensor_view_strides(x, sizes, ndim, strides)) {
        tensor_error(CT_ERR_SHAPE,
                     "no strides show x %s with strides %s in the shape %s: use ct_reshape, which copies "
                     "where it must",
                     tensor_shape_of(x), tensor_shape_text(x->strides, x->ndim),
                     tensor_shape_text(sizes, ndim));
        return NULL;
    }
    return reshaped(x, sizes, ndim);
}

/* x with the dims from `first` to `last` replaced by those of a shape, whose product is theirs. */
static ct_tensor *with_dims_replaced(ct_tensor *x, int first, int last, const int64_t *shape, int ndim) {
    int64_t sizes[2 * CT_MAX_DIMS];
    int n = 0;
    for (int d = 0; d < first; d++) sizes[n++] = x->shape[d];
    for (int d = 0; d < ndim; d++) sizes[n++] = shape[d];
    for (int d = last + 1; d < x->ndim; d++) sizes[n++] = x->shape[d];
    if (n <= CT_MAX_DIMS) return reshaped(x, sizes, n);
    tensor_error(CT_ERR_SHAPE, "the result of x %s would have %d dims; at most %d are possible",
                 tensor_shape_of(x), n, CT_MAX_DIMS);
    return NULL;
}

ct_tensor *ct_flatten(ct_tensor *x, int start, int end) {
    FUNCTION("ct_flatten");
    if (!tensor_given(x, "x")) return NULL;
    int first = tensor_dim(start, x->ndim), last = first < 0 ? -1 : tensor_dim(end, x->ndim);
    if (last < 0) return NULL;
    if (first > last) {
        tensor_error(CT_ERR_VALUE, "the dims run from %d to %d; expected the first not after the last", first,
                     last);
        return NULL;
    }
    int64_t size = 1;
    for (int d = first; d <= last && d < x->ndim; d++) size *= x->shape[d];
    return with_dims_replaced(x, first, last, &size, 1);
}

ct_tensor *ct_unflatten(ct_tensor *x, int dim, const int64_t *shape, int ndim) {
    FUNCTION("ct_unflatten");
    int64_t sizes[CT_MAX_DIMS];
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0 || !tensor_resolve_shape(x->shape + along, x->ndim ? 1 : 0, shape, ndim, sizes))
        return NULL;
    return with_dims_replaced(x, along, along, sizes, ndim);
}

ct_tensor *ct_squeeze(ct_tensor *x) {
    FUNCTION("ct_squeeze");
    int64_t sizes[CT_MAX_DIMS];
    int n = 0;
    if (!tensor_given(x, "x")) return NULL;
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] != 1) sizes[n++] = x->shape[d];
    return reshaped(x, sizes, n);
}

ct_tensor *ct_squeeze_dim(ct_tensor *x, int dim) {
    FUNCTION("ct_squeeze_dim");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    bool goes = x->ndim > 0 && x->shape[along] == 1;
    return goes ? with_dims_replaced(x, along, along, NULL, 0) : reshaped(x, x->shape, x->ndim);
}

ct_tensor *ct_unsqueeze(ct_tensor *x, int dim) {
    FUNCTION("ct_unsqueeze");
    const int64_t one = 1;
    if (!tensor_given(x, "x")) return NULL;
    int before = tensor_dim(dim, x->ndim + 1);
    return before < 0 ? NULL : with_dims_replaced(x, before, before - 1, &one, 1);
}

/* ---- dims in another order ---- */

static ct_tensor *permute_forward(Call *c) {
    return tensor_permute(c->x[0], c->attr->list);
}

static ct_tensor *permute_vjp(const Call *c, ct_tensor *g, int i) {
    int64_t inverse[CT_MAX_DIMS];
    (void)i;
    for (int d = 0; d < c->attr->count; d++) inverse[c->attr->list[d]] = d;
    return ct_permute(g, inverse, c->attr->count);
}

static const Op permute_op = {.name = "permute",
                              .formula = "dy/dx = 1, dims in x's order",
                              .forward = permute_forward,
                              .vjp = permute_vjp};

static ct_tensor *permuted(ct_tensor *x, const int64_t *dims) {
    return APPLY(&permute_op, ATTR(.count = x->ndim, .list = dims), x);
}

ct_tensor *ct_permute(ct_tensor *x, const int64_t *dims, int ndims) {
    FUNCTION("ct_permute");
    unsigned set;
    int64_t order[CT_MAX_DIMS];
    if (!tensor_given(x, "x")) return NULL;
    if (ndims != x->ndim) {
        tensor_error(CT_ERR_SHAPE, "%d dims given for x %s; expected each of its %d", ndims,
                     tensor_shape_of(x), x->ndim);
        return NULL;
    }
    if (!tensor_dims(dims, ndims, x->ndim, &set)) return NULL;
    for (int d = 0; d < ndims; d++) order[d] = dims[d] < 0 ? dims[d] + x->ndim : dims[d];
    return permuted(x, order);
}

/* Dim `from` taken out and put in at `to`. */
static ct_tensor *moved(ct_tensor *x, int from, int to) {
    int64_t order[CT_MAX_DIMS];
    for (int d = 0, rest = 0; d < x->ndim; d++) {
        if (rest == from) rest++;
        order[d] = d == to ? from : rest++;
    }
    return permuted(x, order);
}

static ct_tensor *swapped(ct_tensor *x, int dim0, int dim1) {
    int64_t order[CT_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    order[dim0] = dim1;
    order[dim1] = dim0;
    return permuted(x, order);
}

ct_tensor *ct_transpose(ct_tensor *x, int dim0, int dim1) {
    FUNCTION("ct_transpose");
    if (!tensor_given(x, "x")) return NULL;
    int first = tensor_dim(dim0, x->ndim), second = first < 0 ? -1 : tensor_dim(dim1, x->ndim);
    return second < 0 ? NULL : swapped(x, first, second);
}

ct_tensor *ct_movedim(ct_tensor *x, int source, int destination) {
    FUNCTION("ct_movedim");
    if (!tensor_given(x, "x")) return NULL;
    int from = tensor_dim(source, x->ndim), to = from < 0 ? -1 : tensor_dim(destination, x->ndim);
    return to < 0 ? NULL : moved(x, from, to);
}

ct_tensor *ct_t(ct_tensor *x) {
    FUNCTION("ct_t");
    if (!tensor_given(x, "x")) return NULL;
    if (x->ndim <= 2) return swapped(x, 0, x->ndim == 2 ? 1 : 0);
    tensor_error(CT_ERR_SHAPE, "x has shape %s; expected at most 2 dims: use ct_transpose",
                 tensor_shape_of(x));
    return NULL;
}

/* ---- expand: the engine sums the gradient ---- */

static ct_tensor *expand_forward(Call *c) {
    return tensor_expand(c->x[0], c->attr->list, c->attr->count);
}

static ct_tensor *expand_vjp(const Call *c, ct_tensor *g, int i) {
    (void)c, (void)i;
    return g;
}

static const Op expand_op = {.name = "expand",
                             .formula = "dy/dx = 1 for each copy",
                             .forward = expand_forward,
                             .vjp = expand_vjp,
                             .broadcasts = true};

ct_tensor *ct_expand(ct_tensor *x, const int64_t *shape, int ndim) {
    FUNCTION("ct_expand");
    int64_t sizes[CT_MAX_DIMS];
    if (!tensor_given(x, "x") || !tensor_expand_shape(x, shape, ndim, sizes)) return NULL;
    return APPLY(&expand_op, ATTR(.count = ndim, .list = sizes), x);
}

ct_tensor *ct_broadcast_to(ct_tensor *x, const int64_t *shape, int ndim) {
    FUNCTION("ct_broadcast_to");
    return ct_expand(x, shape, ndim);
}

/* ---- parts of a dim ---- */

static ct_tensor *slice_forward(Call *c) {
    const Attr *a = c->attr;
    return tensor_slice(c->x[0], a->dim, a->start, a->length, a->step);
}

/* Zeros of the size that attr.list gives for the dim, with x in the slice. */
static ct_tensor *unslice_forward(Call *c) {
    CT_SCOPED;
    const Attr *a = c->attr;
    ct_tensor *x = c->x[0];
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[a->dim] = a->list[0];
    ct_tensor *y = tensor_full((ct_dtype)x->dtype, shape, x->ndim, 0);
    ct_tensor *part = y ? tensor_slice(y, a->dim, a->start, a->length, a->step) : NULL;
    return part && tensor_copy_into(part, x) == CT_OK ? ct_scope_keep(y) : NULL;
}

static ct_tensor *slice_vjp(const Call *c, ct_tensor *g, int i);
static ct_tensor *unslice_vjp(const Call *c, ct_tensor *g, int i);

static const Op slice_op = {.name = "slice",
                            .formula = "dy/dx = 1 for what is taken, else 0",
                            .forward = slice_forward,
                            .vjp = slice_vjp};
static const Op unslice_op = {
    .name = "unslice", .formula = "dy/dx = 1, in its place", .forward = unslice_forward, .vjp = unslice_vjp};

static ct_tensor *slice_vjp(const Call *c, ct_tensor *g, int i) {
    int ndim;
    Attr attr = *c->attr;
    attr.list = autograd_input_shape(c, i, &ndim) + attr.dim;
    attr.count = 1;
    return APPLY(&unslice_op, &attr, g);
}

static ct_tensor *unslice_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    Attr attr = *c->attr;
    attr.count = 0;
    return APPLY(&slice_op, &attr, g);
}

static ct_tensor *sliced(ct_tensor *x, int dim, int64_t start, int64_t length, int64_t step) {
    return APPLY(&slice_op, ATTR(.dim = dim, .start = start, .length = length, .step = step), x);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

ct_tensor *ct_slice(ct_tensor *x, int dim, int64_t start, int64_t stop, int64_t step) {
    FUNCTION("ct_slice");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0) return NULL;
    if (step == 0) {
        tensor_error(CT_ERR_VALUE, "the step is 0");
        return NULL;
    }
    int64_t size = x->shape[along], low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1, length = 0;
    int64_t first = clamp(start < 0 ? start + size : start, low, high);
    int64_t end = stop == CT_END ? (step > 0 ? high : low) : clamp(stop < 0 ? stop + size : stop, low, high);
    if (step > 0 && end > first) length = (end - first - 1) / step + 1;
    if (step < 0 && first > end) length = (int64_t)((uint64_t)(first - end - 1) / (0 - (uint64_t)step)) + 1;
    return sliced(x, along, first, length, step);
}

ct_tensor *ct_narrow(ct_tensor *x, int dim, int64_t start, int64_t length) {
    FUNCTION("ct_narrow");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0) return NULL;
    int64_t size = x->shape[along], first = start < 0 ? start + size : start;
    if (first < 0 || first > size || length < 0 || length > size - first) {
        tensor_error(CT_ERR_INDEX, "%lld indices from %lld on do not lie in dim %d of size %lld (x %s)",
                     (long long)length, (long long)start, along, (long long)size, tensor_shape_of(x));
        return NULL;
    }
    return sliced(x, along, first, length, 1);
}

ct_tensor *ct_select(ct_tensor *x, int dim, int64_t index) {
    FUNCTION("ct_select");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0) return NULL;
    int64_t size = x->shape[along];
    if (index < -size || index >= size) {
        tensor_error(CT_ERR_INDEX, "index %lld is out of range for dim %d of size %lld (x %s)",
                     (long long)index, along, (long long)size, tensor_shape_of(x));
        return NULL;
    }
    ct_tensor *one = sliced(x, along, index < 0 ? index + size : index, 1, 1);
    return ct_scope_keep(one ? with_dims_replaced(one, along, along, NULL, 0) : NULL);
}
