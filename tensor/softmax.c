/* Softmax along a dim: the tensor is seen as [outer, n, inner]. Without inner dims each line is a row, which is worked on
 * while it is in the cache; otherwise the sums of all columns are made first, by parts of their rows, so that every pass
 * goes along the memory. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "internal/walk.h"

enum { PART = 1 << 16, PARTS = 32 };

typedef struct {
    LinesKernel *kernel;
    Lines lines; /* from the first row or column on */
    int64_t size, n, inner, columns; /* of an element in bytes; columns are outer · inner */
    int64_t x_outer, part; /* from one [n, inner] to the next in x; rows that are summed to one number in each column */
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
    if (lines.streamed) tensor_kernels->end_stream();
    return -1;
}

/* [begin, end) of the outer · n rows of `inner` numbers. */
static int64_t across_columns(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    for (; begin < end; begin += s->n - begin % s->n) {
        const int64_t outer = begin / s->n, row = begin % s->n;
        const int64_t start = (outer * s->x_outer + row * s->lines.x_stride) * s->size;
        Lines lines = s->lines;
        lines.rows = s->n - row < end - begin ? s->n - row : end - begin;
        lines.x += start;
        if (lines.g) lines.g += start;
        lines.y += begin * s->inner * s->size;
        if (lines.shift) lines.shift += outer * s->inner * s->size;
        lines.sum += outer * s->inner * s->size;
        s->kernel(&lines);
    }
    if (s->lines.streamed) tensor_kernels->end_stream();
    return -1;
}

/* [begin, end) of the columns of all parts. */
static int64_t along_columns(const void *arguments, int64_t begin, int64_t end) {
    const Softmax *s = arguments;
    for (int64_t n; begin < end; begin += n) {
        const int64_t row = begin / s->columns * s->part;
        const int64_t outer = begin % s->columns / s->inner, column = begin % s->inner;
        const int64_t start = (outer * s->x_outer + row * s->lines.x_stride + column) * s->size;
        Lines lines = s->lines;
        n = s->inner - column;
        if (n > end - begin) n = end - begin;
        if (n > LINE_COLUMNS) n = LINE_COLUMNS;
        lines.x += start;
        if (lines.g) lines.g += start;
        if (lines.shift) lines.shift += begin * s->size;
        lines.sum += begin * (int64_t)sizeof(double);
        lines.n = n;
        lines.rows = s->n - row < s->part ? s->n - row : s->part;
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
    s->columns = *outer * s->inner;
    s->size = tensor_dtype_size((ct_dtype)x->dtype);
    s->lines.streamed = tensor_is_streamed(x->numel * s->size, PURE);
    s->lines.x = x->data;
    s->lines.x_stride = s->inner == 1 ? s->x_outer : x->strides[dim];
    s->lines.y_stride = s->inner == 1 ? s->n : s->inner;
    s->lines.n = s->inner == 1 ? s->n : s->inner;
    s->lines.rows = s->n;
    return x;
}

/* The columns' sums, F64, and what their elements are shifted by, of x's dtype, if that is wanted: for each part a row. */
static ct_tensor *sums_of_parts(Softmax *s, LinesKernel *sums, ct_dtype dtype, ct_tensor **shift) {
    const int64_t strips = 1 + s->columns / LINE_COLUMNS;
    int64_t parts = s->columns * s->n / PART;
    if (parts > PARTS) parts = PARTS;
    parts = parts > strips ? parts / strips : 1;
    s->part = (s->n + parts - 1) / parts;
    parts = (s->n + s->part - 1) / s->part;
    ct_tensor *sum = tensor_new(CT_F64, CT_DIMS(parts, s->columns));
    if (shift) *shift = sum ? tensor_new(dtype, CT_DIMS(parts, s->columns)) : NULL;
    if (!sum || (shift && !*shift)) return NULL;
    const int64_t grain = GRAIN / s->part;
    s->kernel = sums;
    s->lines.sum = sum->data;
    s->lines.shift = shift ? (*shift)->data : NULL;
    tensor_launch(along_columns, s, sizeof *s, sum->shape[0] * s->columns, grain > LINE_COLUMNS ? grain : LINE_COLUMNS);
    return sum;
}

/* Finds what the columns are shifted by and 1 / their sums (or those sums' logarithms), in x's dtype. */
static bool find_sums(Softmax *s, LinesKernel *sums, ct_dtype dtype) {
    ct_tensor *shifts = NULL, *sum = sums_of_parts(s, sums, dtype, &shifts), *shift = shifts;
    if (!sum) return false;
    if (sum->shape[0] > 1) { /* Σ sum exp(shift - the largest shift) */
        shift = tensor_amax(shifts, 1, true);
        ct_tensor *less = shift ? tensor_sub(shifts, shift) : NULL, *scale = less ? tensor_exp(less, NULL) : NULL;
        sum = scale ? tensor_mul(sum, scale) : NULL;
        sum = sum ? tensor_sum(sum, 1, true) : NULL;
    }
    if (sum) sum = s->lines.logarithm ? tensor_log(sum, NULL) : tensor_reciprocal(sum, NULL);
    sum = sum ? tensor_as(sum, dtype) : NULL;
    if (!sum) return false;
    s->lines.shift = shift->data;
    s->lines.sum = sum->data;
    return true;
}

static ct_tensor *forward(ct_tensor *x, int dim, bool logarithm) {
    CT_SCOPED;
    const ct_dtype dtype = tensor_floating_dtype((ct_dtype)x->dtype), wide = tensor_wide_dtype(dtype);
    const int type = dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    Softmax s = {.lines = {.logarithm = logarithm}};
    int64_t outer;
    x = tensor_as(x, wide);
    ct_tensor *y = x ? tensor_new(wide, x->shape, x->ndim) : NULL;
    if (!y || (y->numel > 0 && !seen_as_lines(x, dim, &s, &outer))) return NULL;
    s.lines.y = y->data;
    if (y->numel > 0 && s.inner == 1) {
        s.kernel = tensor_kernels->softmax_rows[type];
        tensor_launch(along_rows, &s, sizeof s, outer, GRAIN / s.n);
    } else if (y->numel > 0) {
        if (!find_sums(&s, tensor_kernels->softmax_column_sums[type], wide)) return NULL;
        s.kernel = tensor_kernels->softmax_columns[type];
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
    const ct_dtype dtype = (ct_dtype)y->dtype, wide = tensor_wide_dtype(dtype);
    const int type = dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    Softmax s = {.lines = {.logarithm = logarithm}};
    int64_t outer;
    y = tensor_as(y, wide);
    g = y ? tensor_as(g, wide) : NULL;
    y = g ? tensor_contiguous(y) : NULL;
    g = y ? tensor_contiguous(g) : NULL;
    ct_tensor *dx = g ? tensor_new(wide, y->shape, y->ndim) : NULL;
    if (!dx || (dx->numel > 0 && !seen_as_lines(y, dim, &s, &outer))) return NULL;
    s.lines.g = g->data;
    s.lines.y = dx->data;
    if (dx->numel > 0 && s.inner == 1) {
        s.kernel = tensor_kernels->softmax_slope_rows[type];
        tensor_launch(along_rows, &s, sizeof s, outer, GRAIN / s.n);
    } else if (dx->numel > 0) {
        ct_tensor *sum = sums_of_parts(&s, tensor_kernels->softmax_slope_column_sums[type], wide, NULL);
        if (sum && sum->shape[0] > 1) sum = tensor_sum(sum, 1, true);
        sum = sum ? tensor_as(sum, wide) : NULL;
        if (!sum) return NULL;
        s.lines.sum = sum->data;
        s.kernel = tensor_kernels->softmax_slope_columns[type];
        tensor_launch(across_columns, &s, sizeof s, outer * s.n, GRAIN / s.inner);
    }
    return ct_scope_keep(tensor_as(dx, dtype));
}
