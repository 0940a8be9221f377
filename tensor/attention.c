/* Scaled dot product attention: operands are laid out for the kernels, batch dims expanded, keys and values packed into
 * the panels of the matrix product. */
#include "internal/plain.h"
#include <string.h>

/* Multiplications that are worth a piece of their own; how many pieces keep threads equally busy. */
enum { GRAIN = 1 << 17, PIECES = 8 };
#define LOG2_E 1.44269504088896340736

/* ---- operands ---- */

typedef struct {
    ct_tensor *q, *k, *v, *mask; /* of one dtype that computes, and of the whole batch; the mask may be boolean */
    Shape batch;
    Attention arguments;
} Operands;

/* x's last two dims behind the batch's, row-major. */
static ct_tensor *laid_out(ct_tensor *x, ct_dtype dtype, Shape shape) {
    for (int i = 2; i > 0; i--) shape.sizes[shape.ndim++] = x->shape[x->ndim - i];
    x = tensor_as(x, dtype);
    x = x ? tensor_expand(x, shape.sizes, shape.ndim) : NULL;
    return x ? tensor_contiguous(x) : NULL;
}

static bool lay_out_mask(Operands *o, ct_dtype dtype) {
    Attention *a = &o->arguments;
    Shape shape = o->batch;
    shape.sizes[shape.ndim++] = a->queries;
    shape.sizes[shape.ndim++] = a->keys;
    a->boolean = o->mask->dtype == CT_BOOL;
    if (!a->boolean) a->factor = LOG2_E;
    if (!a->boolean && !(o->mask = tensor_as(o->mask, dtype))) return false;
    o->mask = tensor_expand(o->mask, shape.sizes, shape.ndim);
    if (!o->mask) return false;
    a->mask = o->mask->data;
    memcpy(a->mask_strides, o->mask->strides, sizeof a->mask_strides);
    a->mask_row = a->mask_strides[o->batch.ndim];
    a->mask_column = a->mask_strides[o->batch.ndim + 1];
    return true;
}

static bool join_batch(Shape *batch, const ct_tensor *x) {
    Shape joined;
    if (!tensor_broadcast(batch->sizes, batch->ndim, x->shape, x->ndim > 2 ? x->ndim - 2 : 0, &joined)) return false;
    *batch = joined;
    return true;
}

/* The operands as the kernels take them; false with an error. */
static bool lay_out(Operands *o, bool causal, double scale) {
    const ct_dtype dtype = o->q->dtype == CT_F64 ? CT_F64 : CT_F32;
    Attention *a = &o->arguments;
    o->batch.ndim = 0;
    if (!join_batch(&o->batch, o->q) || !join_batch(&o->batch, o->k) || !join_batch(&o->batch, o->v) ||
        (o->mask && !join_batch(&o->batch, o->mask)))
        return false;
    if (!(o->q = laid_out(o->q, dtype, o->batch)) || !(o->k = laid_out(o->k, dtype, o->batch)) ||
        !(o->v = laid_out(o->v, dtype, o->batch)))
        return false;
    *a = (Attention){.q = o->q->data, .heads = 1, .ndim = o->batch.ndim, .causal = causal,
                      .scale = scale, .factor = scale * LOG2_E};
    for (int d = 0; d < a->ndim; d++) a->heads *= a->shape[d] = o->batch.sizes[d];
    a->queries = o->q->shape[a->ndim];
    a->depth = o->q->shape[a->ndim + 1];
    a->keys = o->v->shape[a->ndim];
    a->width = o->v->shape[a->ndim + 1];
    return !o->mask || lay_out_mask(o, dtype);
}

/* ---- forward and backward ---- */

static int64_t blocks(const Attention *a) {
    return (a->queries + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
}

ct_tensor *tensor_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, bool causal, double scale,
                            ct_tensor **logs) {
    CT_SCOPED;
    Operands o = {q, k, v, mask, .batch = {.ndim = 0}};
    if (!lay_out(&o, causal, scale)) return NULL;
    Attention *a = &o.arguments;
    const int f64 = o.q->dtype == CT_F64;
    Shape shape = o.batch;
    shape.sizes[shape.ndim++] = a->queries;
    *logs = tensor_new((ct_dtype)o.q->dtype, shape.sizes, shape.ndim);
    shape.sizes[shape.ndim++] = a->width;
    ct_tensor *y = *logs ? tensor_new((ct_dtype)o.q->dtype, shape.sizes, shape.ndim) : NULL;
    if (!y) return NULL;
    if (a->keys == 0) tensor_fill(y, 0);
    if (y->numel > 0 && a->keys > 0) {
        a->k_columns = tensor_panels(o.k, a->heads, true);
        a->v_panels = a->k_columns ? tensor_panels(o.v, a->heads, false) : NULL;
        if (!a->v_panels) return NULL;
        a->y = y->data;
        a->logs = (*logs)->data;
        const int64_t work = a->queries / blocks(a) * a->keys * (a->depth + a->width);
        tensor_launch(tensor_kernels->attention[f64], a, sizeof *a, a->heads * blocks(a), 1 + GRAIN / work);
    }
    y = tensor_as(y, (ct_dtype)q->dtype);
    if (y) ct_scope_keep(*logs);
    return y ? ct_scope_keep(y) : NULL;
}

/* x as sums of parts of the queries: [parts, numel]. */
static ct_tensor *sums_of(const ct_tensor *x, int64_t parts) {
    return tensor_new((ct_dtype)x->dtype, CT_DIMS(parts, x->numel));
}

static ct_tensor *join(ct_tensor *sums, const ct_tensor *x) {
    if (sums->shape[0] > 1) sums = tensor_sum(sums, 1, false);
    return sums ? tensor_reshape(sums, x->shape, x->ndim) : NULL;
}

static bool launch_slopes(Operands *o, ct_tensor *y, ct_tensor *logs, ct_tensor *g) {
    Attention *a = &o->arguments;
    const ct_dtype dtype = (ct_dtype)o->q->dtype;
    if (!(y = laid_out(y, dtype, o->batch)) || !(g = laid_out(g, dtype, o->batch))) return false;
    if (!(a->k_columns = tensor_panels(o->k, a->heads, true)) || !(a->v_columns = tensor_panels(o->v, a->heads, true)) ||
        !(a->k_panels = tensor_panels(o->k, a->heads, false)) || !(a->q_panels = tensor_panels(o->q, a->heads, false)) ||
        !(a->g_panels = tensor_panels(g, a->heads, false)))
        return false;
    a->g = g->data;
    a->y = y->data;
    a->logs = logs->data;
    const int64_t work = a->queries * a->keys * (3 * a->depth + 2 * a->width) / a->parts;
    tensor_launch(tensor_kernels->attention_slopes[dtype == CT_F64], a, sizeof *a, a->heads * a->parts, 1 + GRAIN / work);
    return true;
}

bool tensor_attention_slopes(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, bool causal, double scale,
                             ct_tensor *y, ct_tensor *logs, ct_tensor *g, ct_tensor *slopes[3]) {
    Operands o = {q, k, v, mask, .batch = {.ndim = 0}};
    if (!lay_out(&o, causal, scale)) return false;
    Attention *a = &o.arguments;
    a->parts = a->heads == 0 || a->heads > PIECES ? 1 : PIECES / a->heads;
    if (a->parts > blocks(a)) a->parts = blocks(a) > 0 ? blocks(a) : 1;
    ct_tensor *dq = tensor_new((ct_dtype)o.q->dtype, o.q->shape, o.q->ndim);
    ct_tensor *dk = sums_of(o.k, a->parts), *dv = sums_of(o.v, a->parts);
    if (!dq || !dk || !dv) return false;
    a->dq = dq->data;
    a->dk = dk->data;
    a->dv = dv->data;
    if (a->heads == 0 || a->queries == 0 || a->keys == 0 || a->width == 0) {
        tensor_fill(dq, 0);
        tensor_fill(dk, 0);
        tensor_fill(dv, 0);
    } else if (!launch_slopes(&o, y, logs, g)) return false;
    slopes[0] = dq;
    return (slopes[1] = join(dk, o.k)) && (slopes[2] = join(dv, o.v));
}
