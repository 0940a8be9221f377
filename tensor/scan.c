/* Running results along a dim: the other dims are walked over, their lines are taken some at a time. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "internal/dim_walk.h"
#include <stdlib.h>

enum { GRAIN = 1 << 14, RESULT = 0 };

typedef struct {
    DimWalk walk; /* over the result and the operands */
    ScanKernel *kernel;
    int64_t size[DIM_OPERANDS]; /* bytes of an element */
} Scan;

/* n lines: as many at once as the kernel takes where they are neighbours, else few, which share fewer cache
 * sets. */
static int64_t scan_row(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n) {
    const Scan *scan = (const Scan *)w;
    const int64_t most = step[RESULT] == 1 ? SCAN_LINES : SCAN_APART;
    for (int64_t first = 0; first < n; first += most) {
        char *data[DIM_OPERANDS];
        for (int k = 0; k < DIM_OPERANDS; k++)
            data[k] = w->data[k] + (at[k] + first * step[k]) * scan->size[k];
        scan->kernel(data, w->along, step, w->length, n - first < most ? n - first : most);
    }
    return -1;
}

static int64_t scan_all(const void *arguments, int64_t begin, int64_t end) {
    return tensor_dim_walk(arguments, begin, end, (const int64_t[DIM_OPERANDS]){0});
}

/* Scans x (and b) into a result of x's shape and of x's dtype, I64 for integers; places are I64. */
static ct_tensor *scan(ScanKernels kernels, ct_tensor *x, ct_tensor *b, int dim, bool backwards,
                       bool places) {
    CT_SCOPED;
    const ct_dtype compute = tensor_compute_dtype((ct_dtype)x->dtype);
    const int type = compute == CT_F32 ? COMPUTE_F32 : compute == CT_F64 ? COMPUTE_F64 : COMPUTE_I64;
    ct_tensor *y = tensor_new(places ? CT_I64 : compute, x->shape, x->ndim),
              *operands[DIM_OPERANDS] = {y, x, b ? b : x};
    if (!y) return NULL;
    for (int i = 0; i < DIM_OPERANDS; i++) {
        operands[i] = i == RESULT ? y : tensor_as(operands[i], compute);
        operands[i] = operands[i] ? tensor_with_dims(operands[i]) : NULL;
        if (operands[i] && backwards)
            operands[i] =
                tensor_slice(operands[i], dim, operands[i]->shape[dim] - 1, operands[i]->shape[dim], -1);
        if (!operands[i]) return NULL;
    }
    Scan scan = {
        .walk = tensor_dim_walk_over(operands, operands[RESULT]->shape, operands[RESULT]->ndim, dim, false),
        .kernel = kernels[type]};
    scan.walk.row = scan_row;
    for (int i = 0; i < DIM_OPERANDS; i++) scan.size[i] = tensor_dtype_size((ct_dtype)operands[i]->dtype);
    const int64_t length = scan.walk.length > 0 ? scan.walk.length : 1, lines = GRAIN / length;
    tensor_launch(scan_all, &scan, sizeof scan, x->numel ? scan.walk.places : 0,
                  lines < SCAN_LINES ? SCAN_LINES : lines);
    const bool floating = tensor_is_floating((ct_dtype)x->dtype);
    return ct_scope_keep(tensor_as(y, places || !floating ? CT_I64 : (ct_dtype)x->dtype));
}

ct_tensor *tensor_cumsum(ct_tensor *x, int dim, bool backwards) {
    return scan(tensor_kernels->cumsum, x, NULL, dim, backwards, false);
}

ct_tensor *tensor_cumprod(ct_tensor *x, int dim) {
    return scan(tensor_kernels->cumprod, x, NULL, dim, false, false);
}

ct_tensor *tensor_logcumsumexp(ct_tensor *x, int dim) {
    if (tensor_is_floating((ct_dtype)x->dtype))
        return scan(tensor_kernels->logcumsumexp, x, NULL, dim, false, false);
    tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype", ct_dtype_name((ct_dtype)x->dtype));
    return NULL;
}

ct_tensor *tensor_recurrence(ct_tensor *a, ct_tensor *b, int dim, bool backwards) {
    return scan(tensor_kernels->recurrence, a, b, dim, backwards, false);
}

ct_tensor *tensor_argcummax(ct_tensor *x, int dim) {
    return scan(tensor_kernels->cummax, x, NULL, dim, false, true);
}
