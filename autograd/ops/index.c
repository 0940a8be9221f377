/* Indexing: by index tensors, by masks, by text. Reading and adding at indices are each other's adjoints. */
#include "../internal/op.h"
#include <ctype.h>
#include <string.h>

/* ---- slices of a dim by a 1-dim index ---- */

static ct_tensor *index_select_forward(Call *c) {
    return tensor_index_select(c->x[0], c->attr->dim, c->x[1]);
}

static ct_tensor *index_add_forward(Call *c) {
    return tensor_index_add(c->x[0], c->attr->dim, c->x[1], c->x[2]);
}

static ct_tensor *index_select_vjp(const Call *c, ct_tensor *g, int i);

static ct_tensor *index_add_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? g : ct_index_select(g, c->attr->dim, c->x[1]);
}

static const Op index_select_op = {.name = "index_select",
                                   .formula = "dx = dy added up at the indices",
                                   .forward = index_select_forward,
                                   .vjp = index_select_vjp,
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

static ct_tensor *gather_vjp(const Call *c, ct_tensor *g, int i);

static ct_tensor *scatter_add_vjp(const Call *c, ct_tensor *g, int i) {
    return i == 0 ? g : ct_gather(g, c->attr->dim, c->x[1]);
}

static const Op gather_op = {.name = "gather",
                             .formula = "dx = dy added up at the indices",
                             .forward = gather_forward,
                             .vjp = gather_vjp,
                             .reads = {INPUT(1)}};
static const Op scatter_add_op = {.name = "scatter_add",
                                  .formula = "dy/dx = 1, dsrc = dy at the indices",
                                  .forward = scatter_add_forward,
                                  .vjp = scatter_add_vjp,
                                  .reads = {0, 0, INPUT(1)}};

static ct_tensor *gather_vjp(const Call *c, ct_tensor *g, int i) {
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

ct_tensor *ct_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    FUNCTION("ct_scatter_add");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_given(index, "index") || !tensor_given(src, "src")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    return ct_scope_keep(APPLY(&scatter_add_op, ATTR(.dim = along), x, index, cut_to(src, index)));
}

/* ---- masks ---- */

static ct_tensor *masked_fill_forward(Call *c) {
    CT_SCOPED;
    ct_tensor *x = c->x[0], *mask = c->x[1];
    int64_t sizes[CT_MAX_DIMS];
    if (mask->dtype != CT_BOOL) {
        tensor_error(CT_ERR_DTYPE, "the mask is %s; expected bool", ct_dtype_name((ct_dtype)mask->dtype));
        return NULL;
    }
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

static const Op embedding_op = {.name = "embedding",
                                .formula = "dweight = dy added up in the rows of the indices",
                                .forward = embedding_forward,
                                .vjp = embedding_vjp,
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

/* ---- by text ---- */

enum { END_OF_TEXT, INTEGER, SLICE, NEW_DIM, ELLIPSIS, MAX_ITEMS = 64 };

typedef struct {
    int kind;
    int64_t index, start, stop, step; /* an INTEGER's, a SLICE's */
} Item;

typedef struct {
    const char *text, *at;
} Reader;

static bool complain(const Reader *r, const char *problem) {
    tensor_error(CT_ERR_VALUE, "\"%s\", at character %d: %s", r->text, (int)(r->at - r->text) + 1, problem);
    return false;
}

static void skip_blanks(Reader *r) {
    while (isspace((unsigned char)*r->at)) r->at++;
}

/* Passes over the word if it stands here. */
static bool accept(Reader *r, const char *word) {
    skip_blanks(r);
    size_t length = strlen(word);
    if (strncmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* An integer, if one stands here. */
static bool read_integer(Reader *r, int64_t *value, bool *found) {
    skip_blanks(r);
    const char *digit = r->at + (*r->at == '-' || *r->at == '+');
    int sign = *r->at == '-' ? -1 : 1;
    *found = *digit >= '0' && *digit <= '9';
    if (!*found) return true;
    *value = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, sign * (*digit - '0'), value))
            return complain(r, "the number is too large");
    r->at = digit;
    return true;
}

/* The rest of a slice, from its first colon on. */
static bool read_slice(Reader *r, Item *item, bool has_start) {
    bool has_stop, has_step = false;
    item->kind = SLICE;
    item->start = item->index;
    if (!read_integer(r, &item->stop, &has_stop)) return false;
    if (accept(r, ":") && !read_integer(r, &item->step, &has_step)) return false;
    if (!has_step) item->step = 1;
    if (item->step == 0) return complain(r, "the step is 0");
    if (!has_start) item->start = item->step > 0 ? 0 : CT_END;
    if (!has_stop) item->stop = CT_END;
    return true;
}

static bool read_item(Reader *r, Item *item) {
    bool found;
    *item = (Item){0};
    if (accept(r, "..."))
        item->kind = ELLIPSIS;
    else if (accept(r, "None"))
        item->kind = NEW_DIM;
    else {
        if (!read_integer(r, &item->index, &found)) return false;
        item->kind = INTEGER;
        if (accept(r, ":")) {
            if (!read_slice(r, item, found)) return false;
        } else if (!found) {
            return complain(r, "expected an integer, a slice, None or ...");
        }
    }
    skip_blanks(r);
    if (*r->at && *r->at != ',') return complain(r, "expected a comma or the end");
    if (*r->at) r->at++;
    skip_blanks(r);
    return true;
}

/* Items up to END_OF_TEXT, one of which is an ELLIPSIS; *dims is how many dims of x that stands for. */
static bool read_items(const ct_tensor *x, const char *text, Item *items, int *dims) {
    Reader r = {text, text};
    int n = 0, used = 0, ellipses = 0;
    for (skip_blanks(&r); *r.at; n++) {
        if (n == MAX_ITEMS - 2) return complain(&r, "too many items");
        if (!read_item(&r, &items[n])) return false;
        used += items[n].kind == INTEGER || items[n].kind == SLICE;
        ellipses += items[n].kind == ELLIPSIS;
        if (ellipses > 1) return complain(&r, "a second ...");
    }
    if (!ellipses) items[n++] = (Item){.kind = ELLIPSIS};
    items[n] = (Item){.kind = END_OF_TEXT};
    *dims = x->ndim - used;
    if (*dims >= 0) return true;
    tensor_error(CT_ERR_INDEX, "\"%s\" takes indices of %d dims; x has shape %s", text, used,
                 tensor_shape_of(x));
    return false;
}

ct_tensor *ct_at(ct_tensor *x, const char *index) {
    FUNCTION("ct_at");
    CT_SCOPED;
    Item items[MAX_ITEMS];
    int rest, n = 0, dim, result = 0;
    if (!tensor_given(x, "x") || !tensor_given(index, "index") || !read_items(x, index, items, &rest))
        return NULL;
    ct_tensor *y = ct_view(x, x->shape, x->ndim);
    while (items[n].kind != END_OF_TEXT) n++;
    dim = x->ndim; /* from the last item on, so that dims keep their numbers */
    for (int i = n; i-- > 0 && y;) {
        if (items[i].kind == ELLIPSIS)
            dim -= rest;
        else if (items[i].kind == INTEGER)
            y = ct_select(y, --dim, items[i].index);
        else if (items[i].kind == SLICE)
            y = ct_slice(y, --dim, items[i].start, items[i].stop, items[i].step);
    }
    for (int i = 0; i < n && y; i++) {
        if (items[i].kind == NEW_DIM) y = ct_unsqueeze(y, result);
        result += items[i].kind == ELLIPSIS ? rest : items[i].kind != INTEGER;
    }
    return ct_scope_keep(y);
}
