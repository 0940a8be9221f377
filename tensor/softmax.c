/* Softmax along a dim: the tensor is seen as [outer, n, inner]. Without inner dims each line is a row, which is worked on
 * while it is in the cache; otherwise the sums of all lines are made first, so that every pass goes along the memory. */
#include "internal/parallel.h"
#include "internal/plain.h"

enum { GRAIN = 1 << 14 };

typedef struct {
    LinesKernel *kernel;
    Lines lines; /* from the first row or column on */
    int64_t size, n, inner, x_outer; /* bytes of an element; from one [n, inner] to the next in x */
} Softmax;

/* [begin, end) of the rows. */
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

/* [begin, end) of the outer · n rows of `inner` numbers. */
static int64_t across_columns(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    for (; begin < end; begin += s->n - begin % s->n) {
        const int64_t outer = begin / s->n, row = begin % s->n;
        Lines lines = s->lines;
        lines.rows = s->n - row < end - begin ? s->n - row : end - begin;
        lines.x += (outer * s->x_outer + row * lines.x_stride) * s->size;
        lines.y += begin * s->inner * s->size;
        lines.shift += outer * s->inner * s->size;
        lines.sum += outer * s->inner * s->size;
        s->kernel(&lines);
    }
    return -1;
}

/* [begin, end) of the outer · inner columns. */
static int64_t along_columns(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    for (int64_t n; begin < end; begin += n) {
        const int64_t column = begin % s->inner, start = (begin / s->inner * s->x_outer + column) * s->size;
        Lines lines = s->lines;
        n = s->inner - column;
        if (n > end - begin) n = end - begin;
        if (n > LINE_COLUMNS) n = LINE_COLUMNS;
        lines.x += start;
        lines.g += start;
        lines.y += start;
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

/* Sees x, of F32 or F64, as [*outer, n, inner] whose lines or columns lie side by side: x itself, or a copy. */
static ct_tensor *seen_as_lines(ct_tensor *x, int dim, Softmax *s, int64_t *outer) {
    int64_t stride;
    bool fits = walked_as_one(x, 0, dim, outer, &s->x_outer) && walked_as_one(x, dim + 1, x->ndim, &s->inner, &stride);
    s->n = x->ndim ? x->shape[dim] : 1;
    if (fits && s->inner == 1) fits = s->n == 1 || x->strides[dim] == 1;
    else fits = fits && stride == 1;
    if (!fits) {
        x = tensor_contiguous(x);
        if (!x) return NULL;
        walked_as_one(x, 0, dim, outer, &s->x_outer);
        walked_as_one(x, dim + 1, x->ndim, &s->inner, &stride);
    }
    s->size = tensor_dtype_size((ct_dtype)x->dtype);
    s->lines.x = x->data;
    s->lines.x_stride = s->inner == 1 ? s->x_outer : x->strides[dim];
    s->lines.y_stride = s->inner == 1 ? s->n : s->inner;
    s->lines.n = s->inner == 1 ? s->n : s->inner;
    s->lines.rows = s->n;
    return x;
}

/* Finds what the columns are shifted by and 1 / their sums (or those sums' logarithms), in x's dtype. */
static bool find_sums(Softmax *s, ct_tensor *x, int dim) {
    const unsigned set = 1u << dim;
    ct_tensor *shift = tensor_wide_max(x, set, true), *sum = shift ? tensor_exp_sums(x, shift, set, true) : NULL;
    if (sum) sum = s->lines.logarithm ? tensor_log(sum, NULL) : tensor_reciprocal(sum, NULL);
    sum = sum ? tensor_as(sum, (ct_dtype)x->dtype) : NULL;
    shift = sum ? tensor_as(shift, (ct_dtype)x->dtype) : NULL;
    if (!shift) return false;
    s->lines.shift = shift->data;
    s->lines.sum = sum->data;
    return true;
}

static ct_tensor *forward(ct_tensor *x, int dim, bool logarithm) {
    CT_SCOPED;
    const ct_dtype dtype = tensor_floating_dtype((ct_dtype)x->dtype);
    const int type = dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    Softmax s = {.lines = {.logarithm = logarithm}};
    int64_t outer;
    x = tensor_as(x, tensor_wide_dtype(dtype));
    ct_tensor *y = x ? tensor_new((ct_dtype)x->dtype, x->shape, x->ndim) : NULL;
    if (!y || (y->numel > 0 && !(x = seen_as_lines(x, dim, &s, &outer)))) return NULL;
    s.lines.y = y->data;
    if (y->numel > 0 && s.inner == 1) {
        s.kernel = tensor_kernels->softmax_rows[type];
        tensor_launch(along_rows, &s, sizeof s, outer, GRAIN / s.n);
    } else if (y->numel > 0) {
        s.kernel = tensor_kernels->softmax_columns[type];
        if (!find_sums(&s, x, dim)) return NULL;
        tensor_launch(across_columns, &s, sizeof s, outer * s.n, GRAIN / s.inner);
    }
    return ct_scope_keep(tensor_as(y, dtype));
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
    const int type = dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    Softmax s = {.lines = {.logarithm = logarithm}};
    int64_t outer;
    y = tensor_as(y, tensor_wide_dtype(dtype));
    g = y ? tensor_as(g, tensor_wide_dtype(dtype)) : NULL;
    y = g ? tensor_contiguous(y) : NULL;
    g = y ? tensor_contiguous(g) : NULL;
    ct_tensor *dx = g ? tensor_new((ct_dtype)y->dtype, y->shape, y->ndim) : NULL;
    if (!dx || (dx->numel > 0 && !seen_as_lines(y, dim, &s, &outer))) return NULL;
    s.lines.g = g->data;
    s.lines.y = dx->data;
    if (dx->numel > 0 && s.inner == 1) {
        s.kernel = tensor_kernels->softmax_slope_rows[type];
        tensor_launch(along_rows, &s, sizeof s, outer, GRAIN / s.n);
    } else if (dx->numel > 0) {
        s.kernel = tensor_kernels->softmax_slope_columns[type];
        const int64_t grain = GRAIN / s.n;
        tensor_launch(along_columns, &s, sizeof s, outer * s.inner, grain > LINE_COLUMNS ? grain : LINE_COLUMNS);
    }
    return ct_scope_keep(tensor_as(dx, dtype));
}
