/* Pooling over the last one or two dims; all others together count planes. The kernels are in kernels/pooling.h. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum { GRAIN = 1 << 14, PIECES = 8 };

typedef struct {
    PoolKernel *kernel;
    Pool pool;
} PoolRun;

static int64_t run_pool(const void *arguments, int64_t begin, int64_t end) {
    const PoolRun *run = arguments;
    run->kernel(&run->pool, begin, end);
    return -1;
}

static ct_tensor *plainly(ct_tensor *x, ct_dtype dtype) {
    ct_tensor *y = tensor_as(x, dtype);
    return y ? tensor_contiguous(y) : NULL;
}

static Pool describe(const Pooling *p) {
    Pool pool = {.places = NULL};
    memcpy(pool.size, p->size, sizeof pool.size);
    memcpy(pool.out, p->out, sizeof pool.out);
    memcpy(pool.kernel, p->kernel, sizeof pool.kernel);
    memcpy(pool.stride, p->stride, sizeof pool.stride);
    memcpy(pool.pad, p->pad, sizeof pool.pad);
    memcpy(pool.dilation, p->dilation, sizeof pool.dilation);
    return pool;
}

static void launch(PoolKernel *const *kernels, const Pool *pool, ct_dtype dtype, int64_t planes) {
    PoolRun run = {kernels[dtype == CT_F64], *pool};
    const int64_t plane = pool->size[0] * pool->size[1];
    int64_t grain = (GRAIN + plane - 1) / plane, share = (planes + PIECES - 1) / PIECES;
    tensor_launch(run_pool, &run, sizeof run, planes, grain > share ? grain : share);
}

/* A new tensor of x's dims but the last, whose sizes are these (of [0] only if there are two). */
static ct_tensor *new_like(const ct_tensor *x, const Pooling *p, const int64_t *sizes, ct_dtype dtype) {
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    for (int i = 0; i < p->dims; i++) shape[x->ndim - 1 - i] = sizes[1 - i];
    return tensor_check_shape(dtype, shape, x->ndim) ? tensor_new(dtype, shape, x->ndim) : NULL;
}

enum { SPARE = 16 };

/* The first tap within x of windows that begin at `start`. */
static int64_t first_tap(int64_t start, int64_t dilation) {
    return start < 0 ? (dilation - 1 - start) / dilation : 0;
}

/* What the kernel needs to know of rows and columns of windows. */
static bool describe_taps(Pool *pool, const Pooling *p) {
    ct_tensor *firsts = tensor_new(CT_I32, CT_DIMS(p->out[1] + SPARE));
    ct_tensor *rows = tensor_new(CT_I64, CT_DIMS(p->out[0] * (int64_t)(sizeof(PoolRow) / sizeof(int64_t))));
    if (!firsts || !rows) return false;
    for (int64_t i = 0; i < firsts->numel; i++)
        ((int32_t *)firsts->data)[i] =
            (int32_t)(first_tap(i * p->stride[1] - p->pad[1], p->dilation[1]) * p->dilation[1]);
    for (int64_t i = 0; i < p->out[0]; i++) {
        const int64_t top = i * p->stride[0] - p->pad[0], dilation = p->dilation[0], tap = first_tap(top, dilation);
        const int64_t below = (p->size[0] - top + dilation - 1) / dilation;
        ((PoolRow *)rows->data)[i] = (PoolRow){.start = (top + tap * dilation) * p->size[1],
                                               .taps = (below < p->kernel[0] ? below : p->kernel[0]) - tap,
                                               .offset = tap * dilation * p->size[1],
                                               .place = top * p->size[1] - p->pad[1]};
    }
    pool->firsts = (const int32_t *)firsts->data;
    pool->rows = (const PoolRow *)rows->data;
    return true;
}

ct_tensor *tensor_max_pool(ct_tensor *x, const Pooling *p, ct_tensor **places) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)x->dtype, dtype = tensor_wide_dtype(given);
    *places = new_like(x, p, p->out, CT_I32);
    ct_tensor *y = new_like(x, p, p->out, dtype);
    Pool pool = describe(p);
    if (!y || !*places || !(x = plainly(x, dtype)) || !describe_taps(&pool, p)) return NULL;
    pool.x = x->data, pool.y = y->data, pool.places = (int32_t *)(*places)->data, pool.numel = x->numel;
    if (y->numel > 0) launch(tensor_kernels->max_pool, &pool, dtype, y->numel / (p->out[0] * p->out[1]));
    y = tensor_as(y, given);
    if (y) ct_scope_keep(*places);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *tensor_max_pool_slope(ct_tensor *places, ct_tensor *g, const Pooling *p) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)g->dtype, dtype = tensor_wide_dtype(given);
    ct_tensor *slopes = new_like(g, p, p->size, dtype);
    if (!slopes || !(g = plainly(g, dtype))) return NULL;
    Pool pool = describe(p);
    pool.y = g->data, pool.slopes = slopes->data, pool.places = (int32_t *)places->data;
    if (g->numel > 0) launch(tensor_kernels->max_pool_slope, &pool, dtype, g->numel / (p->out[0] * p->out[1]));
    return ct_scope_keep(tensor_as(slopes, given));
}

/* The windows of one dim: where they begin and end within x, and how many places they count. */
static void set_windows(const Pooling *p, int d, int64_t *begins, int64_t *ends, int64_t *counts) {
    const int64_t size = p->size[d], n = p->out[d];
    for (int64_t i = 0; i < n; i++) {
        int64_t begin = i * p->stride[d] - p->pad[d], end = begin + p->kernel[d], last = size + p->pad[d];
        if (p->adaptive) begin = i * size / n, end = ((i + 1) * size + n - 1) / n, last = size;
        counts[i] = (end < last ? end : last) - begin;
        begins[i] = begin < 0 ? 0 : begin;
        ends[i] = end < size ? end : size;
        if (!p->include_pad) counts[i] = ends[i] - begins[i];
    }
}

static bool describe_windows(Pool *pool, const Pooling *p) {
    *pool = describe(p);
    ct_tensor *tables = tensor_new(CT_I64, CT_DIMS(3 * (p->out[0] + p->out[1])));
    if (!tables) return false;
    int64_t *table = (int64_t *)tables->data;
    for (int d = 0; d < 2; table += 3 * p->out[d++]) {
        set_windows(p, d, table, table + p->out[d], table + 2 * p->out[d]);
        pool->begins[d] = table, pool->ends[d] = table + p->out[d], pool->counts[d] = table + 2 * p->out[d];
    }
    return true;
}

ct_tensor *tensor_average_pool(ct_tensor *x, const Pooling *p) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)x->dtype, dtype = tensor_wide_dtype(given);
    Pool pool;
    ct_tensor *y = new_like(x, p, p->out, dtype);
    if (!y || !(x = plainly(x, dtype)) || !describe_windows(&pool, p)) return NULL;
    pool.x = x->data, pool.y = y->data;
    if (y->numel > 0) launch(tensor_kernels->average_pool, &pool, dtype, y->numel / (p->out[0] * p->out[1]));
    return ct_scope_keep(tensor_as(y, given));
}

ct_tensor *tensor_average_pool_slope(ct_tensor *g, const Pooling *p) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)g->dtype, dtype = tensor_wide_dtype(given);
    Pool pool;
    ct_tensor *slopes = new_like(g, p, p->size, dtype);
    if (!slopes || !(g = plainly(g, dtype)) || !describe_windows(&pool, p)) return NULL;
    pool.y = g->data, pool.slopes = slopes->data;
    const int64_t planes = slopes->numel / (p->size[0] * p->size[1]);
    if (planes > 0) launch(tensor_kernels->average_pool_slope, &pool, dtype, planes);
    return ct_scope_keep(tensor_as(slopes, given));
}
