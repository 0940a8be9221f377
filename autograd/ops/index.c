/* Indexing: by index tensors and by masks. Reading and adding at indices are each other's adjoints. */
#include "../internal/shared_ops.h"
#include <string.h>

/* ---- slices of a dim by a 1-dim index ---- */

static ct_tensor *index_select_forward(Call *c) {
    return tensor_index_select(c->x[0], c->attr->dim, c->x[1]);
}

static ct_tensor *index_add_forward(Call *c) {
    return tensor_index_add(c->x[0], c->attr->dim, c->x[1], c->x[2]);
}

static ct_tensor *index_select_vjp(const Call *c, ct_tensor *g, int i);

/* The indices are in range, as forward found. */
bool autograd_gather_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    int ndim;
    const int64_t *shape = autograd_input_shape(c, 0, &ndim);
    return (dxs[0] = tensor_index_sum(shape, ndim, c->attr->dim, c->x[1], g)) != NULL;
}

static ct_tensor *index_add_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? g : ct_index_select(g, c->attr->dim, c->x[1]);
}

static const Op index_select_op = {.name = "index_select",
                                   .formula = "dx = dy added up at the indices",
                                   .forward = index_select_forward,
                                   .vjp = index_select_vjp,
                                   .fused = autograd_gather_fused,
                                   .reads = {INPUT(1)}};
static const Op index_add_op = {.name = "index_add",
                                .formula = "dy/dx = 1, dsrc = dy at the indices",
                                .forward = index_add_forward,
                                .vjp = index_add_vjp,
                                .reads = {0, 0, INPUT(1)}};

static ct_tensor *index_select_vjp(const Call *c, ct_tensor *g, int i) {
    return APPLY(&index_add_op, ATTR(.dim = c->attr->dim), autograd_input_zeros(c, i), c->x[1], g);
}

ct_tensor *ct_index_select(ct_tensor *x, int dim, ct_tensor *index) {
    FUNCTION("ct_index_select");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : APPLY(&index_select_op, ATTR(.dim = along), x, index);
}

ct_tensor *ct_index_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    FUNCTION("ct_index_add");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : APPLY(&index_add_op, ATTR(.dim = along), x, index, src);
}

ct_tensor *ct_index_add_(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    FUNCTION("ct_index_add_");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : APPLY_IN_PLACE(&index_add_op, ATTR(.dim = along), x, index, src);
}

/* ---- elements of a dim by an index of x's rank ---- */

static ct_tensor *gather_forward(Call *c) {
    return tensor_gather(c->x[0], c->attr->dim, c->x[1]);
}

static ct_tensor *scatter_add_forward(Call *c) {
    return tensor_scatter_add(c->x[0], c->attr->dim, c->x[1], c->x[2]);
}

static ct_tensor *scatter_add_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? g : ct_gather(g, c->attr->dim, c->x[1]);
}

static const Op gather_op = {.name = "gather",
                             .formula = "dx = dy added up at the indices",
                             .forward = gather_forward,
                             .vjp = autograd_gather_vjp,
                             .fused = autograd_gather_fused,
                             .reads = {INPUT(1)}};
static const Op scatter_add_op = {.name = "scatter_add",
                                  .formula = "dy/dx = 1, dsrc = dy at the indices",
                                  .forward = scatter_add_forward,
                                  .vjp = scatter_add_vjp,
                                  .reads = {0, 0, INPUT(1)}};

ct_tensor *autograd_gather_vjp(const Call *c, ct_tensor *g, int i) {
    return APPLY(&scatter_add_op, ATTR(.dim = c->attr->dim), autograd_input_zeros(c, i), c->x[1], g);
}

ct_tensor *ct_gather(ct_tensor *x, int dim, ct_tensor *index) {
    FUNCTION("ct_gather");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : APPLY(&gather_op, ATTR(.dim = along), x, index);
}

/* src as far as the index reaches, where it is larger. */
static ct_tensor *cut_to(ct_tensor *src, const ct_tensor *index) {
    if (src->ndim != index->ndim) return src;
    for (int d = 0; d < index->ndim && src; d++)
        if (src->shape[d] > index->shape[d]) src = ct_narrow(src, d, 0, index->shape[d]);
    return src;
}

static ct_tensor *scatter_by(const Op *op, ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_given(index, "index") || !tensor_given(src, "src")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    return ct_scope_keep(APPLY(op, ATTR(.dim = along), x, index, cut_to(src, index)));
}

ct_tensor *ct_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    FUNCTION("ct_scatter_add");
    return scatter_by(&scatter_add_op, x, dim, index, src);
}

static ct_tensor *scatter_forward(Call *c) {
    return tensor_scatter(c->x[0], c->attr->dim, c->x[1], c->x[2]);
}

/* Where something was written over what was written before, by a later index along dim: BOOL, of index's shape. */
static ct_tensor *overwritten(const Call *c, const ct_tensor *like) {
    const ct_tensor *index = c->x[1];
    const int dim = c->attr->dim;
    int64_t line[CT_MAX_DIMS];
    for (int d = 0; d < index->ndim; d++) line[d] = d == dim ? index->shape[d] : 1;
    ct_tensor *place = ct_arange(CT_I64, 0, index->ndim ? (double)index->shape[dim] : 1, 1);
    place = ct_expand(ct_reshape(place, line, index->ndim), index->shape, index->ndim);
    ct_tensor *last = ct_scatter(ct_zeros(CT_I64, like->shape, like->ndim), dim, c->x[1], place);
    return ct_ne(ct_gather(last, dim, c->x[1]), place);
}

static ct_tensor *scatter_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *index = c->x[1];
    if (i == 2) return ct_masked_fill(ct_gather(g, c->attr->dim, index), overwritten(c, g), 0);
    ct_tensor *zeros = tensor_full((ct_dtype)g->dtype, index->shape, index->ndim, 0);
    return ct_scatter(g, c->attr->dim, index, zeros);
}

static const Op scatter_op = {.name = "scatter",
                              .formula = "dx = dy, 0 where src was written; dsrc = dy at the indices",
                              .forward = scatter_forward,
                              .vjp = scatter_vjp,
                              .reads = {INPUT(1), 0, INPUT(1)}};

ct_tensor *ct_scatter(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    FUNCTION("ct_scatter");
    return scatter_by(&scatter_op, x, dim, index, src);
}

ct_tensor *ct_take_along_dim(ct_tensor *x, ct_tensor *index, int dim) {
    FUNCTION("ct_take_along_dim");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_given(index, "index")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    if (index->ndim != x->ndim) {
        tensor_error(CT_ERR_SHAPE, "the index has shape %s, x %s; expected as many dims", tensor_shape_of(index),
                     tensor_shape_of(x));
        return NULL;
    }
    int64_t own[CT_MAX_DIMS], other[CT_MAX_DIMS];
    memcpy(own, x->shape, sizeof own);
    memcpy(other, index->shape, sizeof other);
    if (x->ndim) own[along] = other[along] = 1;
    Shape joined;
    if (!tensor_broadcast(own, x->ndim, other, x->ndim, &joined)) return NULL;
    memcpy(own, joined.sizes, sizeof own);
    memcpy(other, joined.sizes, sizeof other);
    if (x->ndim) {
        own[along] = x->shape[along];
        other[along] = index->shape[along];
    }
    return ct_scope_keep(ct_gather(ct_expand(x, own, x->ndim), along, ct_expand(index, other, x->ndim)));
}

/* ---- masks ---- */

static bool is_mask(const ct_tensor *mask) {
    if (mask->dtype == CT_BOOL) return true;
    tensor_error(CT_ERR_DTYPE, "the mask is %s; expected bool", ct_dtype_name((ct_dtype)mask->dtype));
    return false;
}

static ct_tensor *masked_fill_forward(Call *c) {
    CT_SCOPED;
    ct_tensor *x = c->x[0], *mask = c->x[1];
    int64_t sizes[CT_MAX_DIMS];
    if (!is_mask(mask)) return NULL;
    if (!tensor_expand_shape(mask, x->shape, x->ndim, sizes)) return NULL;
    ct_tensor *value = tensor_full((ct_dtype)x->dtype, NULL, 0, c->attr->alpha);
    return value ? ct_scope_keep(tensor_where(mask, value, x)) : NULL;
}

static ct_tensor *masked_fill_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return ct_masked_fill(g, c->x[1], 0);
}

static const Op masked_fill_op = {.name = "masked_fill",
                                  .formula = "dy/dx = 0 where mask, else 1",
                                  .forward = masked_fill_forward,
                                  .vjp = masked_fill_vjp,
                                  .reads = {INPUT(1)}};

ct_tensor *ct_masked_fill(ct_tensor *x, ct_tensor *mask, double value) {
    return APPLY(&masked_fill_op, ATTR(.alpha = value), x, mask);
}

ct_tensor *ct_masked_fill_(ct_tensor *x, ct_tensor *mask, double value) {
    FUNCTION("ct_masked_fill_");
    return APPLY_IN_PLACE(&masked_fill_op, ATTR(.alpha = value), x, mask);
}

/* The places of the mask's true elements in row-major order pick those of x. */
ct_tensor *ct_masked_select(ct_tensor *x, ct_tensor *mask) {
    FUNCTION("ct_masked_select");
    CT_SCOPED;
    Shape joined;
    const int64_t all = -1;
    if (!tensor_given(x, "x") || !tensor_given(mask, "mask") || !is_mask(mask) ||
        !tensor_broadcast(x->shape, x->ndim, mask->shape, mask->ndim, &joined))
        return NULL;
    ct_tensor *spread = tensor_expand(mask, joined.sizes, joined.ndim), *places = spread ? tensor_places(spread) : NULL;
    ct_tensor *flat = ct_reshape(ct_expand(x, joined.sizes, joined.ndim), &all, 1);
    return places ? ct_scope_keep(ct_index_select(flat, 0, places)) : NULL;
}

ct_tensor *ct_nonzero(ct_tensor *x) {
    FUNCTION("ct_nonzero");
    return tensor_given(x, "x") ? tensor_nonzero(x) : NULL;
}

static ct_tensor *triangle_forward(Call *c) {
    return tensor_triangle(c->x[0], c->attr->start, c->attr->flag);
}

static ct_tensor *triangle_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return (c->attr->flag ? ct_triu : ct_tril)(g, c->attr->start);
}

static const Op tril_op = {.name = "tril",
                           .formula = "dy/dx = 1 in the lower triangle, else 0",
                           .forward = triangle_forward,
                           .vjp = triangle_vjp};
static const Op triu_op = {.name = "triu",
                           .formula = "dy/dx = 1 in the upper triangle, else 0",
                           .forward = triangle_forward,
                           .vjp = triangle_vjp};

ct_tensor *ct_tril(ct_tensor *x, int64_t diagonal) {
    return APPLY(&tril_op, ATTR(.start = diagonal), x);
}

ct_tensor *ct_triu(ct_tensor *x, int64_t diagonal) {
    return APPLY(&triu_op, ATTR(.start = diagonal, .flag = true), x);
}

/* ---- classes and rows ---- */

/* attr.start is the padding row, or -1. */
static ct_tensor *embedding_forward(Call *c) {
    CT_SCOPED;
    ct_tensor *weight = c->x[0], *index = c->x[1];
    int64_t shape[CT_MAX_DIMS];
    if (index->ndim == CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "the index has shape %s; expected at most %d dims", tensor_shape_of(index),
                     CT_MAX_DIMS - 1);
        return NULL;
    }
    memcpy(shape, index->shape, sizeof shape);
    shape[index->ndim] = weight->shape[1];
    ct_tensor *flat = tensor_check_indices(index, weight->shape[0], INT64_MIN, "index")
                          ? tensor_reshape(index, &index->numel, 1)
                          : NULL;
    ct_tensor *rows = flat ? tensor_index_select(weight, 0, flat) : NULL;
    if (!rows || !tensor_check_shape((ct_dtype)weight->dtype, shape, index->ndim + 1)) return NULL;
    rows->ndim = (uint8_t)(index->ndim + 1);
    memcpy(rows->shape, shape, sizeof shape);
    tensor_row_major(shape, rows->ndim, rows->strides);
    return ct_scope_keep(rows);
}

static ct_tensor *embedding_vjp(const Call *c, ct_tensor *g, int i) {
    int ndim;
    ct_tensor *index = c->x[1];
    const int64_t *shape = autograd_input_shape(c, i, &ndim), rows[2] = {index->numel, shape[1]};
    ct_tensor *flat = ct_reshape(index, rows, 1), *of_rows = ct_reshape(g, rows, 2);
    if (c->attr->start >= 0)
        of_rows = ct_masked_fill(of_rows, ct_unsqueeze(ct_eq_scalar(flat, (double)c->attr->start), 1), 0);
    return APPLY(&index_add_op, ATTR(.dim = 0), autograd_input_zeros(c, i), flat, of_rows);
}

static bool embedding_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    int ndim;
    ct_tensor *index = c->x[1];
    const int64_t *shape = autograd_input_shape(c, 0, &ndim), rows[2] = {index->numel, shape[1]};
    ct_tensor *flat = tensor_reshape(index, rows, 1), *of_rows = flat ? tensor_reshape(g, rows, 2) : NULL;
    ct_tensor *dx = of_rows ? tensor_index_sum(shape, 2, 0, flat, of_rows) : NULL;
    ct_tensor *padding = dx && c->attr->start >= 0 ? tensor_slice(dx, 0, c->attr->start, 1, 1) : NULL;
    if (padding) tensor_fill(padding, 0);
    dxs[0] = dx;
    return dx && (padding || c->attr->start < 0);
}

static const Op embedding_op = {.name = "embedding",
                                .formula = "dweight = dy added up in the rows of the indices",
                                .forward = embedding_forward,
                                .vjp = embedding_vjp,
                                .fused = embedding_fused,
                                .reads = {INPUT(1)}};

ct_tensor *ct_embedding(ct_tensor *weight, ct_tensor *index, int64_t padding_idx) {
    FUNCTION("ct_embedding");
    if (!tensor_given(weight, "weight") || !tensor_given(index, "index")) return NULL;
    if (weight->ndim != 2) {
        tensor_error(CT_ERR_SHAPE, "the weight has shape %s; expected 2 dims", tensor_shape_of(weight));
        return NULL;
    }
    const int64_t rows = weight->shape[0];
    if (padding_idx != -1 && (padding_idx < -rows || padding_idx >= rows)) {
        tensor_error(CT_ERR_INDEX, "padding_idx %lld is out of range for %lld rows", (long long)padding_idx,
                     (long long)rows);
        return NULL;
    }
    int64_t padding = padding_idx < -1 ? padding_idx + rows : padding_idx;
    return APPLY(&embedding_op, ATTR(.start = padding), weight, index);
}

ct_tensor *ct_one_hot(ct_tensor *index, int64_t classes) {
    FUNCTION("ct_one_hot");
    return tensor_given(index, "index") ? tensor_one_hot(index, classes) : NULL;
}
