/* Layer norm and RMS norm over the last dims: x is [rows, n]; group norm and batch norm. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "internal/walk.h"

enum { PART = 1 << 16, PART_ROWS = 64 };

typedef struct {
    void (*kernel)(const Norm *norm, int64_t begin, int64_t end);
    Norm norm;
} NormRun;

static int64_t run_norm(const void *arguments, int64_t begin, int64_t end) {
    const NormRun *run = arguments;
    run->kernel(&run->norm, begin, end);
    if (run->norm.streamed) tensor_kernels->end_stream();
    return -1;
}

static Norm norm_of(const ct_tensor *x, int norm_dims, const ct_tensor *weight, bool centred, const ct_tensor *kept) {
    int64_t n = 1;
    for (int d = x->ndim - norm_dims; d < x->ndim; d++) n *= x->shape[d];
    return (Norm){.x = x->data, .weight = weight ? weight->data : NULL, .n = n, .centred = centred,
                  .streamed = tensor_is_streamed(x->numel * tensor_dtype_size((ct_dtype)x->dtype), PURE),
                  .means = (double *)kept->data, .scales = (double *)kept->data + kept->numel / 2};
}

static int64_t rows_of(const ct_tensor *x, int norm_dims) {
    int64_t rows = 1;
    for (int d = 0; d < x->ndim - norm_dims; d++) rows *= x->shape[d];
    return rows;
}

ct_tensor *tensor_norm_rows(ct_tensor *x, int norm_dims, ct_tensor *weight, ct_tensor *bias, bool centred, double eps,
                            ct_tensor **kept) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)x->dtype, dtype = tensor_wide_dtype(given);
    const int64_t rows = rows_of(x, norm_dims);
    *kept = tensor_new(CT_F64, CT_DIMS(2, rows));
    if (!*kept || !tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&bias, dtype)) return NULL;
    ct_tensor *y = tensor_new(dtype, x->shape, x->ndim);
    if (!y) return NULL;
    NormRun run = {tensor_kernels->norm_rows[dtype == CT_F64], norm_of(x, norm_dims, weight, centred, *kept)};
    run.norm.bias = bias ? bias->data : NULL;
    run.norm.y = y->data;
    run.norm.eps = eps;
    if (x->numel > 0) tensor_launch(run_norm, &run, sizeof run, rows, GRAIN / run.norm.n);
    y = tensor_as(y, given);
    if (y) ct_scope_keep(*kept);
    return y ? ct_scope_keep(y) : NULL;
}

/* The parts' sums, of which there are two: k 0 for the weight, 1 for the bias. */
static ct_tensor *sum_of_parts(ct_tensor *sums, int k, const ct_tensor *x, int norm_dims) {
    CT_SCOPED;
    ct_tensor *part = tensor_slice(sums, 0, k, 1, 1), *sum = part ? tensor_sum(part, 3, false) : NULL;
    sum = sum ? tensor_reshape(sum, x->shape + x->ndim - norm_dims, norm_dims) : NULL;
    return sum ? ct_scope_keep(sum) : NULL;
}

bool tensor_norm_rows_slopes(ct_tensor *x, int norm_dims, ct_tensor *weight, bool centred, ct_tensor *kept, ct_tensor *g,
                             ct_tensor *slopes[3], bool parameters) {
    const ct_dtype dtype = tensor_wide_dtype((ct_dtype)x->dtype);
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&g, dtype)) return false;
    NormRun run = {tensor_kernels->norm_slope_rows[dtype == CT_F64], norm_of(x, norm_dims, weight, centred, kept)};
    Norm *norm = &run.norm;
    const int64_t rows = rows_of(x, norm_dims), n = norm->n;
    norm->part = n > 0 ? PART / n : 1;
    if (norm->part > PART_ROWS) norm->part = PART_ROWS;
    if (norm->part < 4) norm->part = 4;
    norm->parts = (rows + norm->part - 1) / norm->part;
    ct_tensor *sums = parameters ? tensor_new(dtype, CT_DIMS(2, norm->parts, n)) : NULL;
    slopes[0] = tensor_new(dtype, x->shape, x->ndim);
    if (!slopes[0] || (parameters && !sums)) return false;
    norm->part_sums = sums ? sums->data : NULL;
    norm->g = g->data;
    norm->y = slopes[0]->data;
    if (x->numel > 0) tensor_launch(run_norm, &run, sizeof run, rows, norm->part);
    for (int k = 0; parameters && k < 2; k++)
        if (!(slopes[1 + k] = sum_of_parts(sums, k, x, norm_dims))) return false;
    return true;
}

/* ---- group norm and batch norm ---- */

typedef struct {
    ChannelNormKernel *kernel;
    ChannelNorm norm;
} ChannelNormRun;

static int64_t run_channel_norm(const void *arguments, int64_t begin, int64_t end) {
    const ChannelNormRun *run = arguments;
    run->kernel(&run->norm, begin, end);
    return -1;
}

static bool is_batch_norm(const ct_tensor *x) {
    return x->ndim == 3;
}

static int64_t units_of(const ct_tensor *x) {
    return is_batch_norm(x) ? x->shape[1] : x->shape[0] * x->shape[1];
}

static ChannelNorm channel_norm_of(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *kept) {
    ChannelNorm norm = {.x = x->data, .weight = weight ? weight->data : NULL, .rest = x->shape[x->ndim - 1], .period = x->shape[1]};
    norm.spans = is_batch_norm(x) ? x->shape[0] : x->shape[2];
    norm.channels = is_batch_norm(x) ? 1 : norm.spans;
    norm.each = is_batch_norm(x) ? 0 : 1;
    norm.unit_step = norm.rest * norm.channels;
    norm.span_step = is_batch_norm(x) ? norm.rest * norm.period : norm.rest;
    norm.means = (double *)kept->data;
    norm.scales = norm.means + units_of(x);
    norm.variances = norm.scales + units_of(x);
    return norm;
}

static void launch_channel_norm(const ct_tensor *x, const ChannelNormRun *run) {
    if (x->numel > 0)
        tensor_launch(run_channel_norm, run, sizeof *run, units_of(x), 1 + GRAIN / (run->norm.spans * run->norm.rest));
}

ct_tensor *tensor_channel_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, double eps, ct_tensor **kept) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)x->dtype, dtype = tensor_wide_dtype(given);
    *kept = tensor_new(CT_F64, CT_DIMS(3, units_of(x)));
    if (!*kept || !tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&bias, dtype)) return NULL;
    ct_tensor *y = tensor_new(dtype, x->shape, x->ndim);
    if (!y) return NULL;
    ChannelNormRun run = {tensor_kernels->channel_norm[dtype == CT_F64], channel_norm_of(x, weight, *kept)};
    run.norm.bias = bias ? bias->data : NULL;
    run.norm.y = y->data;
    run.norm.eps = eps;
    launch_channel_norm(x, &run);
    y = tensor_as(y, given);
    if (y) ct_scope_keep(*kept);
    return y ? ct_scope_keep(y) : NULL;
}

/* The sums [units, spans] of all spans of a channel, in the shape that weight and bias have. */
static ct_tensor *sum_of_spans(ct_tensor *sums, const ct_tensor *x, ct_dtype dtype) {
    CT_SCOPED;
    const bool batch = is_batch_norm(x);
    const int64_t groups[] = {x->shape[0], x->shape[1] * x->shape[2]}, shape[] = {x->shape[1], batch ? 1 : x->shape[2], 1};
    if (!batch) sums = tensor_reshape(sums, groups, 2);
    ct_tensor *sum = sums ? tensor_sum(sums, batch ? 2 : 1, false) : NULL;
    sum = sum ? tensor_reshape(sum, shape, x->ndim - 1) : NULL;
    sum = sum ? tensor_as(sum, dtype) : NULL;
    return sum ? ct_scope_keep(sum) : NULL;
}

bool tensor_channel_norm_slopes(ct_tensor *x, ct_tensor *weight, ct_tensor *kept, ct_tensor *g, ct_tensor *slopes[3],
                                bool parameters) {
    const ct_dtype dtype = tensor_wide_dtype((ct_dtype)x->dtype);
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&g, dtype)) return false;
    ChannelNormRun run = {tensor_kernels->channel_norm_slopes[dtype == CT_F64], channel_norm_of(x, weight, kept)};
    const int64_t shape[] = {units_of(x), run.norm.spans};
    ct_tensor *sums[] = {tensor_full(CT_F64, shape, 2, 0), tensor_full(CT_F64, shape, 2, 0)};
    slopes[0] = tensor_new(dtype, x->shape, x->ndim);
    if (!slopes[0] || !sums[0] || !sums[1]) return false;
    run.norm.weight_sums = (double *)sums[0]->data;
    run.norm.bias_sums = (double *)sums[1]->data;
    run.norm.g = g->data;
    run.norm.y = slopes[0]->data;
    launch_channel_norm(x, &run);
    for (int k = 0; parameters && k < 2; k++)
        if (!(slopes[1 + k] = sum_of_spans(sums[k], x, dtype))) return false;
    return true;
}

/* (1 - momentum) · running + momentum · scale · row `k` of what was kept, in running's dtype. */
static ct_tensor *moved(ct_tensor *running, ct_tensor *kept, int k, double momentum, double scale) {
    ct_tensor *row = tensor_slice(kept, 0, k, 1, 1), *old = tensor_as(running, CT_F64);
    row = row ? tensor_reshape(row, running->shape, 1) : NULL;
    row = row ? tensor_with_scalar(tensor_mul, row, momentum * scale) : NULL;
    old = old ? tensor_with_scalar(tensor_mul, old, 1 - momentum) : NULL;
    ct_tensor *sum = row && old ? tensor_add(old, row) : NULL;
    return sum ? tensor_as(sum, (ct_dtype)running->dtype) : NULL;
}

bool tensor_update_running(ct_tensor *running_mean, ct_tensor *running_var, ct_tensor *kept, double momentum, int64_t n) {
    CT_SCOPED;
    ct_tensor *mean = moved(running_mean, kept, 0, momentum, 1);
    ct_tensor *var = mean ? moved(running_var, kept, 2, momentum, (double)n / (double)(n - 1)) : NULL;
    if (!var || tensor_copy_into(running_mean, mean) != CT_OK || tensor_copy_into(running_var, var) != CT_OK) return false;
    tensor_bump(running_mean);
    tensor_bump(running_var);
    return true;
}
