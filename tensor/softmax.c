/* Softmax along a dim: the tensor is seen as [outer, n, inner]. Without inner dims the lines are rows; otherwise a block of
 * columns is worked on at a time. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "scope.h"

enum { GRAIN = 1 << 14, COLUMN_GRAIN = 256 };

typedef struct {
    LinesKernel *kernel;
    Lines lines; /* of the first row, or column */
    int64_t size, inner, x_outer, y_outer; /* bytes of an element; the inner dims' size; what lies from one [n, inner] to the next */
} Softmax;

static int64_t along_rows(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    Lines lines = s->lines;
    lines.x += begin * lines.x_stride * s->size;
    if (lines.g) lines.g += begin * lines.x_stride * s->size;
    lines.y += begin * lines.y_stride * s->size;
    lines.rows = end - begin;
    s->kernel(&lines);
    return -1;
}

static int64_t along_columns(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    for (int64_t n; begin < end; begin += n) {
        const int64_t outer = begin / s->inner, column = begin % s->inner;
        Lines lines = s->lines;
        n = s->inner - column;
        if (n > end - begin) n = end - begin;
        if (n > LINE_COLUMNS) n = LINE_COLUMNS;
        lines.x += (outer * s->x_outer + column) * s->size;
        if (lines.g) lines.g += (outer * s->x_outer + column) * s->size;
        lines.y += (outer * s->y_outer + column) * s->size;
        lines.n = n;
        s->kernel(&lines);
    }
    return -1;
}

/* Whether the dims from `first` to before `last` are walked with one stride; their size. */
static bool walked_as_one(const ct_tensor *x, int first, int last, int64_t *size, int64_t *stride) {
    *size = *stride = 1;
    for (int d = last - 1; d >= first; d--) {
        if (x->shape[d] == 1) continue;
        if (*size == 1) *stride = x->strides[d];
        else if (x->strides[d] != *stride * *size) return false;
        *size *= x->shape[d];
    }
    return true;
}

/* Runs the kernel over x, of F32 or F64 with elements, and over g, if there is one: both then are row-major. */
static ct_tensor *run(const LineKernels *kernels, ct_tensor *x, ct_tensor *g, int dim, bool logarithm) {
    CT_SCOPED;
    int64_t outer, x_outer, inner, x_inner;
    bool fits = walked_as_one(x, 0, dim, &outer, &x_outer) && walked_as_one(x, dim + 1, x->ndim, &inner, &x_inner);
    if (!fits || (inner == 1 ? x->ndim && x->shape[dim] > 1 && x->strides[dim] != 1 : x_inner != 1)) {
        x = tensor_contiguous(x);
        if (!x) return NULL;
        walked_as_one(x, 0, dim, &outer, &x_outer);
        walked_as_one(x, dim + 1, x->ndim, &inner, &x_inner);
    }
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    if (!y) return NULL;
    const int type = x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    const int64_t n = x->ndim ? x->shape[dim] : 1;
    Softmax s = {.lines = {.x = x->data, .g = g ? g->data : NULL, .y = y->data, .logarithm = logarithm},
                 .size = tensor_dtype_size((ct_dtype)x->dtype), .inner = inner, .x_outer = x_outer, .y_outer = n * inner};
    if (inner == 1) {
        s.kernel = kernels->rows[type];
        s.lines.n = n;
        s.lines.x_stride = x_outer;
        s.lines.y_stride = n;
        tensor_launch(along_rows, &s, sizeof s, outer, GRAIN / n);
    } else {
        s.kernel = kernels->columns[type];
        s.lines.rows = n;
        s.lines.x_stride = x->strides[dim];
        s.lines.y_stride = inner;
        const int64_t grain = GRAIN / n;
        tensor_launch(along_columns, &s, sizeof s, outer * inner, grain > COLUMN_GRAIN ? grain : COLUMN_GRAIN);
    }
    return ct_scope_keep(y);
}

/* The dtype that computes. */
static ct_dtype wide_dtype(ct_dtype dtype) {
    return dtype == CT_F64 ? CT_F64 : CT_F32;
}

static ct_tensor *forward(ct_tensor *x, int dim, bool logarithm) {
    CT_SCOPED;
    const ct_dtype dtype = tensor_floating_dtype((ct_dtype)x->dtype);
    ct_tensor *wide = tensor_as(x, wide_dtype(dtype));
    if (!wide) return NULL;
    ct_tensor *y = x->numel == 0 ? tensor_clone(wide) : run(&tensor_kernels->softmax, wide, NULL, dim, logarithm);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}

ct_tensor *tensor_softmax(ct_tensor *x, int dim) {
    return forward(x, dim, false);
}

ct_tensor *tensor_log_softmax(ct_tensor *x, int dim) {
    return forward(x, dim, true);
}

ct_tensor *tensor_softmax_slope(ct_tensor *y, ct_tensor *g, int dim, bool logarithm) {
    CT_SCOPED;
    const ct_dtype dtype = (ct_dtype)y->dtype;
    ct_tensor *wide = tensor_as(y, wide_dtype(dtype)), *wide_g = wide ? tensor_as(g, wide_dtype(dtype)) : NULL;
    wide = wide_g ? tensor_contiguous(wide) : NULL;
    wide_g = wide ? tensor_contiguous(wide_g) : NULL;
    if (!wide_g) return NULL;
    ct_tensor *dx = y->numel == 0 ? tensor_clone(wide) : run(&tensor_kernels->softmax_slope, wide, wide_g, dim, logarithm);
    return dx ? ct_scope_keep(tensor_as(dx, dtype)) : NULL;
}
