/* Layer norm and RMS norm over the last dims: x is [rows, n]. */
#include "internal/parallel.h"
#include "internal/plain.h"

enum { GRAIN = 1 << 14, PART = 1 << 16, PART_ROWS = 64 };

typedef struct {
    void (*kernel)(const Norm *norm, int64_t begin, int64_t end);
    Norm norm;
} NormRun;

static int64_t run_norm(const void *arguments, int64_t begin, int64_t end) {
    const NormRun *run = arguments;
    run->kernel(&run->norm, begin, end);
    return -1;
}

static ct_dtype wide_dtype(ct_dtype dtype) {
    return dtype == CT_F64 ? CT_F64 : CT_F32;
}

/* x of that dtype, row-major; NULL stays. */
static bool plainly(ct_tensor **x, ct_dtype dtype) {
    if (!*x) return true;
    *x = tensor_as(*x, dtype);
    if (*x) *x = tensor_contiguous(*x);
    return *x != NULL;
}

static Norm norm_of(const ct_tensor *x, int norm_dims, const ct_tensor *weight, bool centred, const ct_tensor *kept) {
    int64_t n = 1;
    for (int d = x->ndim - norm_dims; d < x->ndim; d++) n *= x->shape[d];
    return (Norm){.x = x->data, .weight = weight ? weight->data : NULL, .n = n, .centred = centred,
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
    const ct_dtype given = (ct_dtype)x->dtype, dtype = wide_dtype(given);
    const int64_t rows = rows_of(x, norm_dims);
    *kept = tensor_new(CT_F64, CT_DIMS(2, rows));
    if (!*kept || !plainly(&x, dtype) || !plainly(&weight, dtype) || !plainly(&bias, dtype)) return NULL;
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
    const ct_dtype dtype = wide_dtype((ct_dtype)x->dtype);
    if (!plainly(&x, dtype) || !plainly(&weight, dtype) || !plainly(&g, dtype)) return false;
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
