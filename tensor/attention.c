/* Scaled dot product attention: operands are laid out for the kernels, batch dims expanded, keys and values packed into
 * the panels of the matrix product. */
#include "internal/plain.h"
#include <string.h>

/* Multiplications that are worth a piece of their own. */
enum { GRAIN = 1 << 17, PACK_GRAIN = 1 << 14 };

/* ---- panels ---- */

typedef struct {
    MatrixProduct first;
    Kernel *pack;
    int64_t panels, x_bytes, packed_bytes;
} Packing;

static int64_t pack_heads(const void *arguments, int64_t begin, int64_t end) {
    const Packing *p = arguments;
    for (int64_t head = begin; head < end; head++) {
        MatrixProduct product = p->first;
        product.b += head * p->x_bytes;
        product.packed_b += head * p->packed_bytes;
        p->pack(&product, 0, p->panels);
    }
    return -1;
}

/* Panels of each matrix of x (row-major), which is taken as it is if its rows are whole panels; or of its transpose. NULL
 * with an error. */
static const char *panels_of(const ct_tensor *x, int64_t heads, bool transposed) {
    const int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1], size = tensor_dtype_size((ct_dtype)x->dtype);
    const MatrixKernels *kernels = &tensor_kernels->matmul[x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32];
    Packing p = {.pack = kernels->pack_panels};
    if (!transposed && columns % kernels->panel_columns == 0) return x->data;
    p.first = transposed ? (MatrixProduct){.b_row = 1, .b_column = columns, .columns = rows, .depth = columns}
                         : (MatrixProduct){.b_row = columns, .b_column = 1, .columns = columns, .depth = rows};
    p.panels = (p.first.columns + kernels->panel_columns - 1) / kernels->panel_columns;
    const int64_t packed = p.panels * kernels->panel_columns * p.first.depth;
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, CT_DIMS(heads * packed));
    if (!y) return NULL;
    p.first.b = x->data;
    p.first.packed_b = y->data;
    p.x_bytes = rows * columns * size;
    p.packed_bytes = packed * size;
    tensor_launch(pack_heads, &p, sizeof p, heads, 1 + PACK_GRAIN / (1 + packed));
    return y->data;
}

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
    *a = (Attention){.q = o->q->data, .heads = 1, .ndim = o->batch.ndim, .causal = causal, .scale = scale};
    for (int d = 0; d < a->ndim; d++) a->heads *= a->shape[d] = o->batch.sizes[d];
    a->queries = o->q->shape[a->ndim];
    a->depth = o->q->shape[a->ndim + 1];
    a->keys = o->v->shape[a->ndim];
    a->width = o->v->shape[a->ndim + 1];
    return !o->mask || lay_out_mask(o, dtype);
}

/* ---- forward and backward ---- */

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
        if (!(a->k_columns = panels_of(o.k, a->heads, true)) || !(a->v_panels = panels_of(o.v, a->heads, false))) return NULL;
        a->y = y->data;
        a->logs = (*logs)->data;
        const int64_t blocks = (a->queries + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
        const int64_t work = a->queries / blocks * a->keys * (a->depth + a->width);
        tensor_launch(tensor_kernels->attention[f64], a, sizeof *a, a->heads * blocks, 1 + GRAIN / work);
    }
    y = tensor_as(y, (ct_dtype)q->dtype);
    if (y) ct_scope_keep(*logs);
    return y ? ct_scope_keep(y) : NULL;
}

bool tensor_attention_slopes(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, bool causal, double scale,
                             ct_tensor *y, ct_tensor *logs, ct_tensor *g, ct_tensor *slopes[3]) {
    Operands o = {q, k, v, mask, .batch = {.ndim = 0}};
    if (!lay_out(&o, causal, scale)) return false;
    Attention *a = &o.arguments;
    const ct_dtype dtype = (ct_dtype)o.q->dtype;
    ct_tensor *const operands[] = {o.q, o.k, o.v};
    for (int i = 0; i < 3; i++) {
        slopes[i] = tensor_new(dtype, operands[i]->shape, operands[i]->ndim);
        if (!slopes[i]) return false;
        if (a->queries == 0 || a->keys == 0 || a->width == 0) tensor_fill(slopes[i], 0);
    }
    if (a->heads == 0 || a->queries == 0 || a->keys == 0 || a->width == 0) return true;
    if (!(y = laid_out(y, dtype, o.batch)) || !(g = laid_out(g, dtype, o.batch))) return false;
    if (!(a->k_columns = panels_of(o.k, a->heads, true)) || !(a->v_columns = panels_of(o.v, a->heads, true)) ||
        !(a->k_panels = panels_of(o.k, a->heads, false)) || !(a->q_panels = panels_of(o.q, a->heads, false)) ||
        !(a->g_panels = panels_of(g, a->heads, false)))
        return false;
    a->g = g->data;
    a->y = y->data;
    a->logs = logs->data;
    a->dq = slopes[0]->data;
    a->dk = slopes[1]->data;
    a->dv = slopes[2]->data;
    const int64_t work = a->queries * a->keys * (3 * a->depth + 2 * a->width);
    tensor_launch(tensor_kernels->attention_slopes[dtype == CT_F64], a, sizeof *a, a->heads, 1 + GRAIN / work);
    return true;
}
