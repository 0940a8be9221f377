/* Views, the shapes that they may take, and the way back from any geometry to any other. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum { GRAIN = 1 << 15 };

/* ---- shapes ---- */

static bool check_ndim(const int64_t *shape, int ndim) {
    if (ndim >= 0 && ndim <= CT_MAX_DIMS) return ndim == 0 || tensor_given(shape, "shape");
    tensor_error(CT_ERR_SHAPE, "a shape of %d dims; 0 to %d are possible", ndim, CT_MAX_DIMS);
    return false;
}

int tensor_dim_with_size(const ct_tensor *x, int dim) {
    int along = tensor_dim(dim, x->ndim);
    if (along < 0 || x->ndim > 0) return along;
    tensor_error(CT_ERR_SHAPE, "x is 0-dim: it has no dims to take indices of");
    return -1;
}

bool tensor_resolve_shape(const int64_t *from, int from_ndim, const int64_t *shape, int ndim,
                          int64_t *resolved) {
    int64_t numel = 1, known = 1;
    int unknown = -1;
    bool fits = true;
    if (!check_ndim(shape, ndim)) return false;
    for (int d = 0; d < from_ndim; d++) numel *= from[d];
    for (int d = 0; d < ndim; d++) {
        resolved[d] = shape[d];
        if (shape[d] == -1 && unknown < 0)
            unknown = d;
        else if (shape[d] < 0 || __builtin_mul_overflow(known, shape[d], &known))
            fits = false;
    }
    if (fits && unknown >= 0 && known == 0) {
        tensor_error(CT_ERR_SHAPE, "shape %s is ambiguous: beside a size of 0, -1 could be any size",
                     tensor_shape_text(shape, ndim));
        return false;
    }
    if (fits && unknown >= 0) {
        resolved[unknown] = numel / known;
        known *= resolved[unknown];
    }
    if (fits && known == numel) return tensor_check_shape(CT_F64, resolved, ndim);
    tensor_error(CT_ERR_SHAPE,
                 "shape %s does not hold the %lld elements of shape %s; expected sizes with that product, "
                 "at most one of them -1",
                 tensor_shape_text(shape, ndim), (long long)numel, tensor_shape_text(from, from_ndim));
    return false;
}

bool tensor_expand_shape(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *resolved) {
    if (!check_ndim(shape, ndim)) return false;
    if (ndim < x->ndim) {
        tensor_error(CT_ERR_SHAPE, "shape %s has fewer dims than x %s", tensor_shape_text(shape, ndim),
                     tensor_shape_of(x));
        return false;
    }
    for (int d = 0; d < ndim; d++) {
        int own = d - (ndim - x->ndim);
        bool keeps = own >= 0 && (shape[d] == -1 || shape[d] == x->shape[own]);
        resolved[d] = keeps ? x->shape[own] : shape[d];
        if (keeps || (shape[d] >= 0 && (own < 0 || x->shape[own] == 1))) continue;
        if (own < 0)
            tensor_error(CT_ERR_SHAPE, "size %lld for the new dim %d in shape %s; expected 0 or more",
                         (long long)shape[d], d, tensor_shape_text(shape, ndim));
        else
            tensor_error(CT_ERR_SHAPE,
                         "x %s does not expand to %s: size %lld in dim %d is not 1 and not %lld",
                         tensor_shape_of(x), tensor_shape_text(shape, ndim), (long long)x->shape[own], d,
                         (long long)shape[d]);
        return false;
    }
    return tensor_check_shape((ct_dtype)x->dtype, resolved, ndim);
}

/* ---- views ---- */

bool tensor_view_strides(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *strides) {
    /* stretches of x's dims, from the last on, that one stride walks */
    int64_t sizes[CT_MAX_DIMS + 1] = {1}, steps[CT_MAX_DIMS + 1] = {1};
    int stretches = 0, now = 0;
    if (x->numel == 0) {
        tensor_row_major(shape, ndim, strides);
        return true;
    }
    for (int d = x->ndim; d-- > 0;) {
        if (x->shape[d] == 1) continue;
        if (stretches > 0 && x->strides[d] == steps[stretches - 1] * sizes[stretches - 1]) {
            sizes[stretches - 1] *= x->shape[d];
        } else {
            sizes[stretches] = x->shape[d];
            steps[stretches++] = x->strides[d];
        }
    }
    int64_t taken = 1; /* elements of the stretch that the view's dims hold so far */
    for (int d = ndim; d-- > 0;) {
        if (now + 1 < stretches && taken == sizes[now]) {
            now++;
            taken = 1;
        }
        strides[d] = steps[now] * taken;
        if (sizes[now] / taken % shape[d] != 0) return false;
        taken *= shape[d];
    }
    return true;
}

ct_tensor *tensor_reshape(ct_tensor *x, const int64_t *shape, int ndim) {
    int64_t strides[CT_MAX_DIMS];
    if (tensor_view_strides(x, shape, ndim, strides))
        return tensor_new_view(x, shape, strides, ndim, x->data);
    ct_tensor *copy = tensor_to(x, (ct_dtype)x->dtype);
    if (!copy) return NULL;
    copy->ndim = (uint8_t)ndim;
    memcpy(copy->shape, shape, (size_t)ndim * sizeof *shape);
    tensor_row_major(shape, ndim, copy->strides);
    return copy;
}

ct_tensor *tensor_permute(ct_tensor *x, const int64_t *dims) {
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) {
        shape[d] = x->shape[dims[d]];
        strides[d] = x->strides[dims[d]];
    }
    return tensor_new_view(x, shape, strides, x->ndim, x->data);
}

ct_tensor *tensor_transpose(ct_tensor *x, int dim0, int dim1) {
    int64_t dims[CT_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    dims[dim0] = dim1;
    dims[dim1] = dim0;
    return tensor_permute(x, dims);
}

ct_tensor *tensor_expand(ct_tensor *x, const int64_t *shape, int ndim) {
    int64_t strides[CT_MAX_DIMS];
    tensor_broadcast_strides(x, shape, ndim, strides);
    return tensor_new_view(x, shape, strides, ndim, x->data);
}

ct_tensor *tensor_unsqueeze(ct_tensor *x, int dim) {
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    for (int d = 0; d <= x->ndim; d++) {
        int own = d < dim ? d : d - 1;
        shape[d] = d == dim ? 1 : x->shape[own];
        strides[d] = d != dim ? x->strides[own] : d < x->ndim ? x->strides[d] * x->shape[d] : 1;
    }
    return tensor_new_view(x, shape, strides, x->ndim + 1, x->data);
}

ct_tensor *tensor_slice(ct_tensor *x, int dim, int64_t start, int64_t length, int64_t step) {
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS], skipped = length > 0 ? start * x->strides[dim] : 0;
    memcpy(shape, x->shape, sizeof shape);
    memcpy(strides, x->strides, sizeof strides);
    shape[dim] = length;
    if (length > 1) strides[dim] *= step;
    char *data = x->data + skipped * tensor_dtype_size((ct_dtype)x->dtype);
    return tensor_new_view(x, shape, strides, x->ndim, data);
}

ct_tensor *tensor_diagonal(ct_tensor *x, int64_t offset, int dim1, int dim2) {
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS], rows = x->shape[dim1], columns = x->shape[dim2];
    const int64_t down = offset < 0 ? offset < -rows ? rows : -offset : 0;
    const int64_t right = offset > 0 ? offset > columns ? columns : offset : 0;
    int n = 0;
    for (int d = 0; d < x->ndim; d++)
        if (d != dim1 && d != dim2) {
            shape[n] = x->shape[d];
            strides[n++] = x->strides[d];
        }
    shape[n] = rows - down < columns - right ? rows - down : columns - right;
    strides[n] = x->strides[dim1] + x->strides[dim2];
    const int64_t skipped = shape[n] > 0 ? down * x->strides[dim1] + right * x->strides[dim2] : 0;
    return tensor_new_view(x, shape, strides, n + 1, x->data + skipped * tensor_dtype_size((ct_dtype)x->dtype));
}

ct_tensor *tensor_flip(ct_tensor *x, unsigned set) {
    CT_SCOPED;
    ct_tensor *view = x;
    for (int d = 0; d < x->ndim && view; d++)
        if (set & 1u << d) view = tensor_slice(view, d, x->shape[d] - 1, x->shape[d], -1);
    return view ? ct_scope_keep(tensor_to(view, (ct_dtype)x->dtype)) : NULL;
}

/* ---- from one geometry to another ---- */

static bool is_empty(const Geometry *geometry) {
    for (int64_t d = 0; d < geometry->ndim; d++)
        if (geometry->shape[d] == 0) return true;
    return false;
}

/* Widens [*low, *high] to all places of the geometry. */
static void widen(const Geometry *geometry, int64_t *low, int64_t *high) {
    int64_t first = geometry->offset, last = geometry->offset;
    if (is_empty(geometry)) return;
    for (int64_t d = 0; d < geometry->ndim; d++) {
        int64_t reach = geometry->strides[d] * (geometry->shape[d] - 1);
        *(reach < 0 ? &first : &last) += reach;
    }
    if (first < *low) *low = first;
    if (last > *high) *high = last;
}

/* The places in a 1-dim tensor whose first element is place `low`. */
static ct_tensor *places(ct_tensor *storage, const Geometry *geometry, int64_t low) {
    int64_t skipped = is_empty(geometry) ? 0 : geometry->offset - low;
    return tensor_new_view(storage, geometry->shape, geometry->strides, (int)geometry->ndim,
                           storage->data + skipped * tensor_dtype_size((ct_dtype)storage->dtype));
}

static bool add_into(ct_tensor *dst, ct_tensor *src);

/* add_into() for each index of the smallest dim by itself. */
static bool add_apart(ct_tensor *dst, ct_tensor *src) {
    int dim = -1;
    for (int d = 0; d < dst->ndim; d++)
        if (dst->shape[d] > 1 && (dim < 0 || dst->shape[d] < dst->shape[dim])) dim = d;
    for (int64_t i = 0; i < dst->shape[dim]; i++) {
        CT_SCOPED;
        ct_tensor *part = tensor_slice(dst, dim, i, 1, 1), *of_src = tensor_slice(src, dim, i, 1, 1);
        if (!part || !of_src || !add_into(part, of_src)) return false;
    }
    return true;
}

/* dst += src, where elements of dst may share places; both F32 or both F64. */
static bool add_into(ct_tensor *dst, ct_tensor *src) {
    CT_SCOPED;
    unsigned repeated = 0;
    if (dst->numel == 0) return true;
    for (int d = 0; d < dst->ndim; d++)
        if (dst->strides[d] == 0 && dst->shape[d] > 1) repeated |= 1u << d;
    if (repeated) src = tensor_sum(src, repeated, true);
    for (int d = 0; d < src->ndim && dst; d++)
        if (repeated & 1u << d) dst = tensor_slice(dst, d, 0, 1, 1);
    if (!src || !dst) return false;
    if (tensor_overlaps_itself(dst)) return add_apart(dst, src);
    RowKernel *row = tensor_kernels->add.of[dst->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32];
    tensor_rows_in_place(row, (ct_tensor *[]){dst, dst, src}, 3, (double[ROW_PARAMETERS]){0});
    return true;
}

/* sums / how often the geometry names each place, at least 1. */
static ct_tensor *averages(ct_tensor *sums, const Geometry *geometry, int64_t low) {
    CT_SCOPED;
    ct_dtype dtype = (ct_dtype)sums->dtype;
    ct_tensor *counts = tensor_full(dtype, sums->shape, 1, 0), *one = tensor_full(dtype, NULL, 0, 1);
    if (!counts || !one) return NULL;
    ct_tensor *named = places(counts, geometry, low);
    ct_tensor *ones = named ? tensor_expand(one, named->shape, named->ndim) : NULL;
    if (!ones || !add_into(named, ones)) return NULL;
    counts = tensor_maximum(counts, one);
    return counts ? ct_scope_keep(tensor_div(sums, counts)) : NULL;
}

ct_tensor *tensor_restride(ct_tensor *x, const Geometry *from, const Geometry *to, const Geometry *averaged) {
    CT_SCOPED;
    ct_dtype dtype = (ct_dtype)x->dtype, compute = dtype == CT_F64 ? CT_F64 : CT_F32;
    int64_t low = INT64_MAX, high = INT64_MIN, extent = 0;
    widen(from, &low, &high);
    widen(to, &low, &high);
    if (high >= low) extent = high - low + 1;
    ct_tensor *storage = tensor_full(compute, &extent, 1, 0), *values = tensor_as(x, compute);
    if (!storage || !values) return NULL;
    ct_tensor *written = places(storage, from, low);
    if (!written || !add_into(written, values)) return NULL;
    if (averaged) storage = averages(storage, averaged, low);
    ct_tensor *read = storage ? places(storage, to, low) : NULL;
    return read ? ct_scope_keep(tensor_to(read, dtype)) : NULL;
}

/* ---- triangles ---- */

typedef struct {
    const char *x;
    char *y;
    int64_t rows, columns, size, diagonal;
    bool upper;
} Triangle;

/* On rows of all matrices. */
static int64_t copy_triangle(const void *arguments, int64_t begin, int64_t end) {
    const Triangle *t = arguments;
    for (int64_t i = begin; i < end; i++) {
        int64_t column = i % t->rows + t->diagonal + !t->upper; /* where the kept part ends, or begins */
        int64_t cut = column < 0 ? 0 : column > t->columns ? t->columns : column;
        int64_t from = t->upper ? cut : 0, to = t->upper ? t->columns : cut;
        int64_t row = i * t->columns * t->size;
        memset(t->y + row, 0, (size_t)(from * t->size));
        memcpy(t->y + row + from * t->size, t->x + row + from * t->size, (size_t)((to - from) * t->size));
        memset(t->y + row + to * t->size, 0, (size_t)((t->columns - to) * t->size));
    }
    return -1;
}

ct_tensor *tensor_triangle(ct_tensor *x, int64_t diagonal, bool upper) {
    CT_SCOPED;
    if (x->ndim < 2) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 2 or more dims", tensor_shape_of(x));
        return NULL;
    }
    int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1];
    diagonal = diagonal < -rows - 1 ? -rows - 1 : diagonal > columns + 1 ? columns + 1 : diagonal;
    ct_tensor *source = tensor_contiguous(x), *y = tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    if (!source || !y || y->numel == 0) return ct_scope_keep(source ? y : NULL);
    Triangle t = {source->data, y->data, rows, columns, tensor_dtype_size((ct_dtype)x->dtype),
                  diagonal,     upper};
    tensor_launch(copy_triangle, &t, sizeof t, y->numel / columns, GRAIN / columns);
    return ct_scope_keep(y);
}
