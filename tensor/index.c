/* Reading and adding at places that an index tensor names. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "internal/dim_walk.h"
#include "internal/walk.h"
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 15, LINE = 16 };

/* ---- checks ---- */

typedef struct {
    const int64_t *index;
    int64_t size, except;
} Range;

static int64_t check_range(const void *arguments, int64_t begin, int64_t end) {
    const Range *range = arguments;
    for (int64_t i = begin; i < end; i++) {
        const int64_t index = range->index[i];
        if (LIKELY((uint64_t)index < (uint64_t)range->size)) continue;
        if (index != range->except || index == INT64_MIN) return i;
    }
    return -1;
}

static bool check_index_dtype(const ct_tensor *index, const char *what) {
    if (index->dtype == CT_I64 || index->dtype == CT_I32) return true;
    tensor_error(CT_ERR_DTYPE, "the %s tensor is %s; expected int64 or int32", what,
                 ct_dtype_name((ct_dtype)index->dtype));
    return false;
}

bool tensor_check_indices(ct_tensor *index, int64_t size, int64_t except, const char *what) {
    CT_SCOPED;
    if (!check_index_dtype(index, what)) return false;
    ct_tensor *wide = tensor_as(index, CT_I64), *flat = wide ? tensor_contiguous(wide) : NULL;
    if (!flat) return false;
    Range range = {(const int64_t *)flat->data, size, except};
    int64_t bad = tensor_launch(check_range, &range, sizeof range, flat->numel, PIECE);
    if (bad < 0) return true;
    int64_t value = range.index[bad], place[CT_MAX_DIMS], rest = bad;
    for (int d = flat->ndim; d-- > 0;) {
        place[d] = rest % flat->shape[d];
        rest /= flat->shape[d];
    }
    tensor_error(CT_ERR_INDEX, "%s %lld at %s is out of range for size %lld: expected 0 to %lld", what,
                 (long long)value, tensor_shape_text(place, flat->ndim), (long long)size,
                 (long long)size - 1);
    return false;
}

/* ---- the walk ---- */

/* `table` is read, added to or written at the places that `index` names; `other` is the result, or what goes there. */
enum { TABLE, INDEX, OTHER };

typedef struct {
    DimWalk walk;
    DimRow *row;                  /* of elements */
    int64_t stride, size;          /* of the indexed dim of the table */
    const int64_t *starts, *order; /* places along dim, grouped by their index: those of slice s from starts[s] on */
    int64_t element;               /* bytes, where slices of the table begin as 0, or the result is streamed; else 0 */
} Indexing;

typedef uint8_t Bits1;
typedef uint16_t __attribute__((may_alias)) Bits2;
typedef uint32_t __attribute__((may_alias)) Bits4;
typedef uint64_t __attribute__((may_alias)) Bits8;

#define INDEXED_ROW(name, type, whole_row, ...)                                                              \
    static int64_t name(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n) {                  \
        const Indexing *indexing = (const Indexing *)w;                                                      \
        const int64_t *index = (const int64_t *)w->data[INDEX] + at[INDEX];                                  \
        type *table = (type *)w->data[TABLE] + at[TABLE], *other = (type *)w->data[OTHER] + at[OTHER];       \
        const int64_t stride = indexing->stride, size = indexing->size;                                      \
        if (step[INDEX] == 0 && step[TABLE] == 1 && step[OTHER] == 1) {                                      \
            if (UNLIKELY((uint64_t)*index >= (uint64_t)size)) return 0;                                      \
            table += *index * stride;                                                                        \
            whole_row;                                                                                       \
            return -1;                                                                                       \
        }                                                                                                    \
        if (step[INDEX] == 1 && step[TABLE] == 0 && step[OTHER] == 1) {                                      \
            for (int64_t i = 0; i < n; i++) {                                                                \
                if (UNLIKELY((uint64_t)index[i] >= (uint64_t)size)) return i;                                \
                type *element = &table[index[i] * stride], *beside = &other[i];                              \
                __VA_ARGS__;                                                                                 \
            }                                                                                                \
            return -1;                                                                                       \
        }                                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            if (UNLIKELY((uint64_t)index[i * step[INDEX]] >= (uint64_t)size)) return i;                      \
            type *element = &table[i * step[TABLE] + index[i * step[INDEX]] * stride];                       \
            type *beside = &other[i * step[OTHER]];                                                          \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
        return -1;                                                                                           \
    }

#define COPY_ROWS(bytes)                                                                                     \
    INDEXED_ROW(read_##bytes, Bits##bytes, memcpy(other, table, (size_t)n * bytes), *beside = *element)      \
    INDEXED_ROW(write_##bytes, Bits##bytes, memcpy(table, other, (size_t)n * bytes), *element = *beside)
COPY_ROWS(1)
COPY_ROWS(2)
COPY_ROWS(4)
COPY_ROWS(8)
static DimRow *const read_rows[] = {[1] = read_1, [2] = read_2, [4] = read_4, [8] = read_8};
static DimRow *const write_rows[] = {[1] = write_1, [2] = write_2, [4] = write_4, [8] = write_8};

#define ADD_ROWS(name, type, compute)                                                                          \
    INDEXED_ROW(name, type,                                                                                  \
                tensor_kernels->add.of[compute]((char *const[]){(char *)table, (char *)table, (char *)other},  \
                                                (const int64_t[]){1, 1, 1}, n, NULL),                        \
                *element += *beside)
ADD_ROWS(add_f32, float, COMPUTE_F32)
ADD_ROWS(add_f64, double, COMPUTE_F64)
ADD_ROWS(add_i64, Bits8, COMPUTE_I64)

/* index and other have one shape, and all have dims. The indexed dim is walked too (whole), or left to the kernel. */
static Indexing plan(DimRow *row, ct_tensor *table, int dim, ct_tensor *index, ct_tensor *other, bool whole) {
    Indexing indexing = {
        .walk = tensor_dim_walk_over((ct_tensor *[]){table, index, other}, index->shape, index->ndim, dim, whole),
        .stride = table->strides[dim],
        .size = table->shape[dim]};
    indexing.walk.row = indexing.row = row;
    indexing.walk.along[TABLE] = 0; /* its place comes from the index */
    return indexing;
}

/* ---- reading ---- */

static int64_t walk_all(const void *arguments, int64_t begin, int64_t end) {
    return tensor_dim_walk(arguments, begin, end, (const int64_t[DIM_OPERANDS]){0});
}

static int64_t stream_all(const void *arguments, int64_t begin, int64_t end) {
    const int64_t bad = walk_all(arguments, begin, end);
    tensor_kernels->end_stream();
    return bad;
}

/* Whole rows of a slice go past the caches. */
static int64_t stream_row(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n) {
    enum { LEAST = 512 }; /* bytes that are worth it */
    const Indexing *indexing = (const Indexing *)w;
    const int64_t element = indexing->element, index = ((const int64_t *)w->data[INDEX])[at[INDEX]];
    if (step[INDEX] != 0 || step[TABLE] != 1 || step[OTHER] != 1 || n * element < LEAST)
        return indexing->row(w, at, step, n);
    if (UNLIKELY((uint64_t)index >= (uint64_t)indexing->size)) return 0;
    tensor_kernels->stream(w->data[OTHER] + at[OTHER] * element,
                           w->data[TABLE] + (at[TABLE] + index * indexing->stride) * element, n * element);
    return -1;
}

/* y[..i..] = x[..index[..i..]..]. A bad index is looked for in `given`, from which index was made; so too where there is
 * nothing to read. */
static bool read_at(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *y, ct_tensor *given) {
    CT_SCOPED;
    ct_tensor *table = tensor_with_dims(x), *other = tensor_with_dims(y);
    index = tensor_with_dims(index);
    if (!table || !other || !index) return false;
    const int64_t element = tensor_dtype_size((ct_dtype)x->dtype);
    Indexing indexing = plan(read_rows[element], table, dim, index, other, true);
    const bool streamed = tensor_is_streamed(y->numel * element, PURE);
    if (streamed) {
        indexing.walk.row = stream_row;
        indexing.element = element;
    }
    bool good = y->numel > 0 &&
                tensor_launch(streamed ? stream_all : walk_all, &indexing, sizeof indexing, y->numel, PIECE) < 0;
    return good || tensor_check_indices(given, indexing.size, INT64_MIN, "index");
}

/* The 1-dim index as it applies along dim of that shape. */
static ct_tensor *spread(ct_tensor *index, const int64_t *shape, int ndim, int dim) {
    int64_t strides[CT_MAX_DIMS] = {0}, one = 1;
    strides[dim] = index->ndim ? index->strides[0] : 0;
    return ndim ? tensor_new_view(index, shape, strides, ndim, index->data)
                : tensor_new_view(index, &one, strides, 1, index->data);
}

/* A 1-dim index as I64; NULL with an error if it is none. */
static ct_tensor *index_of_slices(ct_tensor *index) {
    if (index->ndim > 1) {
        tensor_error(CT_ERR_SHAPE, "the index has shape %s; expected 1 dim", tensor_shape_of(index));
        return NULL;
    }
    return check_index_dtype(index, "index") ? tensor_as(index, CT_I64) : NULL;
}

ct_tensor *tensor_index_select(ct_tensor *x, int dim, ct_tensor *index) {
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    ct_tensor *wide = index_of_slices(index);
    if (!wide) return NULL;
    if (x->ndim == 0 && wide->numel != 1) {
        tensor_error(CT_ERR_SHAPE, "%lld indices for a 0-dim tensor; expected 1", (long long)wide->numel);
        return NULL;
    }
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = wide->numel;
    if (!tensor_check_shape((ct_dtype)x->dtype, shape, x->ndim)) return NULL;
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, shape, x->ndim),
              *spread_index = spread(wide, shape, x->ndim, dim);
    if (!y || !spread_index || !read_at(x, dim, spread_index, y, wide)) return NULL;
    return ct_scope_keep(y);
}

/* Whether index has the other's rank and is no larger, but in dim `but` (-1: nowhere else). */
static bool check_fits(const ct_tensor *index, const ct_tensor *other, const char *name, int but) {
    bool fits = (index->ndim ? index->ndim : 1) == (other->ndim ? other->ndim : 1);
    int ndim = index->ndim < other->ndim ? index->ndim : other->ndim;
    for (int d = 0; d < ndim && fits; d++) fits = d == but || index->shape[d] <= other->shape[d];
    if (fits) return true;
    if (but < 0)
        tensor_error(CT_ERR_SHAPE,
                     "the index has shape %s, %s has %s; expected as many dims and sizes no larger",
                     tensor_shape_of(index), name, tensor_shape_of(other));
    else
        tensor_error(CT_ERR_SHAPE,
                     "the index has shape %s, %s has %s; expected as many dims and, but for dim %d, "
                     "sizes no larger",
                     tensor_shape_of(index), name, tensor_shape_of(other), but);
    return false;
}

ct_tensor *tensor_gather(ct_tensor *x, int dim, ct_tensor *index) {
    CT_SCOPED;
    if (!check_index_dtype(index, "index") || !check_fits(index, x, "x", dim)) return NULL;
    ct_tensor *wide = tensor_as(index, CT_I64),
              *y = tensor_new((ct_dtype)x->dtype, index->shape, index->ndim);
    return wide && y && read_at(x, dim, wide, y, wide) ? ct_scope_keep(y) : NULL;
}

/* ---- adding and writing: what lands on one place does so in the order of dim, however the work is cut ---- */

/* Rows of the other dims, for each index in turn. */
static int64_t change_rows(const void *arguments, int64_t begin, int64_t end) {
    const DimWalk *w = arguments;
    int64_t bad = -1;
    for (int64_t i = 0; i < w->length && bad < 0; i++)
        bad = tensor_dim_walk(w, begin, end, (const int64_t[]){0, i * w->along[INDEX], i * w->along[OTHER]});
    return bad;
}

/* Lines along dim, one for each place of the other dims. */
static int64_t change_lines(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n) {
    const Indexing *indexing = (const Indexing *)w;
    const int64_t element = indexing->element;
    int64_t bad = -1;
    for (int64_t i = 0; i < n && bad < 0; i++) {
        int64_t line[DIM_OPERANDS];
        for (int k = 0; k < DIM_OPERANDS; k++) line[k] = at[k] + i * step[k];
        if (element) memset(w->data[TABLE] + line[TABLE] * element, 0, (size_t)(indexing->size * element));
        bad = indexing->row(w, line, w->along, w->length);
    }
    return bad;
}

static int64_t clear_row(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n) {
    const int64_t element = ((const Indexing *)w)->element;
    char *table = w->data[TABLE] + at[TABLE] * element;
    if (step[TABLE] == 1)
        memset(table, 0, (size_t)(n * element));
    else
        for (int64_t i = 0; i < n; i++) memset(table + i * step[TABLE] * element, 0, (size_t)element);
    return -1;
}

/* Rows in the order of the slices of the table to which they go. */
static int64_t change_groups(const void *arguments, int64_t begin, int64_t end) {
    const Indexing *indexing = arguments;
    const DimWalk *w = &indexing->walk;
    Indexing clearing = *indexing;
    clearing.walk.row = clear_row;
    for (int64_t slice = begin; slice < end; slice++) {
        if (indexing->element)
            tensor_dim_walk(&clearing.walk, 0, w->places, (const int64_t[]){slice * indexing->stride, 0, 0});
        for (int64_t i = indexing->starts[slice]; i < indexing->starts[slice + 1]; i++) {
            const int64_t at = indexing->order[i];
            tensor_dim_walk(w, 0, w->places, (const int64_t[]){0, at * w->along[INDEX], at * w->along[OTHER]});
        }
    }
    return -1;
}

/* Sorts the places along dim by their index, by counting. */
static bool group(Indexing *indexing) {
    const DimWalk *w = &indexing->walk;
    const int64_t slices = indexing->size, n = w->length, count = slices + 1;
    ct_tensor *starts = tensor_full(CT_I64, &count, 1, 0), *order = tensor_new(CT_I64, &n, 1);
    if (!starts || !order) return false;
    int64_t *start = (int64_t *)starts->data, *places = (int64_t *)order->data;
    const int64_t *index = (const int64_t *)w->data[INDEX], step = w->along[INDEX];
    for (int64_t i = 0; i < n; i++) start[index[i * step]]++;
    for (int64_t i = 1; i < count; i++) start[i] += start[i - 1];
    for (int64_t i = n; i-- > 0;) places[--start[index[i * step]]] = i;
    indexing->starts = start;
    indexing->order = places;
    return true;
}

/* Changes table at the indices: `slices` if index, made from `given`, names whole slices of dim. A `fresh` table, which
 * is row-major, begins as zeros: what is reached piece by piece is cleared just before. */
static bool change_at(DimRow *row, ct_tensor *table, int dim, ct_tensor *index, ct_tensor *other, ct_tensor *given,
                      bool slices, bool fresh) {
    CT_SCOPED;
    table = tensor_with_dims(table);
    other = tensor_with_dims(other);
    index = tensor_with_dims(index);
    if (!table || !other || !index) return false;
    Indexing indexing = plan(row, table, dim, index, other, false);
    DimWalk *w = &indexing.walk;
    const int64_t length = w->length > 0 ? w->length : 1, step = w->step[w->ndim - 1][OTHER];
    const int64_t element = tensor_dtype_size((ct_dtype)table->dtype);
    const bool lines = w->places == 1 || llabs(w->along[OTHER]) < llabs(step);
    const bool grouped = slices && !lines && index->numel > PIECE;
    const bool by_pieces = grouped || (lines && indexing.stride == 1 && w->places * indexing.size == table->numel);
    if (fresh && by_pieces && index->numel > 0) indexing.element = element;
    else if (fresh) memset(table->data, 0, (size_t)(table->numel * element));
    bool good = false;
    if (grouped) {
        if (!tensor_check_indices(given, indexing.size, INT64_MIN, "index") || !group(&indexing)) return false;
        good = tensor_launch(change_groups, &indexing, sizeof indexing, indexing.size,
                             indexing.size / (index->numel / PIECE) + 1) < 0;
    } else if (lines && index->numel > 0) {
        w->row = change_lines;
        good = tensor_launch(walk_all, &indexing, sizeof indexing, w->places, PIECE / length) < 0;
    } else if (index->numel > 0) {
        const int64_t grain = PIECE / length;
        good = tensor_launch(change_rows, &indexing, sizeof indexing, w->places, grain > LINE ? grain : LINE) < 0;
    }
    return good || tensor_check_indices(given, indexing.size, INT64_MIN, "index");
}

/* y, of a type that computes, with src added at the indices, as `dtype`. */
static ct_tensor *add_at(ct_tensor *y, int dim, ct_tensor *index, ct_tensor *src, ct_tensor *given, bool slices,
                         bool fresh, ct_dtype dtype) {
    static DimRow *const rows[] = {[CT_F32] = add_f32, [CT_F64] = add_f64, [CT_I64] = add_i64};
    ct_tensor *added = y ? tensor_as(src, (ct_dtype)y->dtype) : NULL;
    if (!added || !change_at(rows[y->dtype], y, dim, index, added, given, slices, fresh)) return NULL;
    return tensor_as(y, dtype);
}

ct_tensor *tensor_index_sum(const int64_t *shape, int ndim, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    const bool slices = index->ndim != src->ndim || index->ndim == 1;
    ct_tensor *wide = tensor_as(index, CT_I64),
              *spread_index = wide && slices ? spread(wide, src->shape, src->ndim, dim) : wide;
    ct_tensor *y = tensor_new(tensor_compute_dtype((ct_dtype)src->dtype), shape, ndim);
    if (!y || !spread_index) return NULL;
    return ct_scope_keep(add_at(y, dim, spread_index, src, wide, slices, true, (ct_dtype)src->dtype));
}

static bool check_same_dtype(const ct_tensor *x, const ct_tensor *src) {
    if (x->dtype == src->dtype) return true;
    tensor_error(CT_ERR_DTYPE, "src is %s, x is %s; expected the same", ct_dtype_name((ct_dtype)src->dtype),
                 ct_dtype_name((ct_dtype)x->dtype));
    return false;
}

ct_tensor *tensor_index_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    ct_tensor *wide = index_of_slices(index);
    if (!wide || !check_same_dtype(x, src)) return NULL;
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = wide->numel;
    bool fits = x->ndim ? src->ndim == x->ndim : src->numel == wide->numel && src->numel == 1;
    for (int d = 0; d < x->ndim && fits; d++) fits = src->shape[d] == shape[d];
    if (!fits) {
        tensor_error(CT_ERR_SHAPE, "src has shape %s; expected %s, a slice of x %s for each of %lld indices",
                     tensor_shape_of(src), tensor_shape_text(shape, x->ndim), tensor_shape_of(x),
                     (long long)wide->numel);
        return NULL;
    }
    const ct_dtype dtype = (ct_dtype)x->dtype;
    ct_tensor *spread_index = spread(wide, shape, x->ndim, dim), *y = tensor_to(x, tensor_compute_dtype(dtype));
    return spread_index && y ? ct_scope_keep(add_at(y, dim, spread_index, src, wide, true, false, dtype)) : NULL;
}

/* Checks what is scattered into x; NULL with an error, else the index as I64. */
static ct_tensor *index_of_elements(const ct_tensor *x, int dim, ct_tensor *index, const ct_tensor *src) {
    if (!check_index_dtype(index, "index") || !check_fits(index, x, "x", dim) ||
        !check_fits(index, src, "src", -1) || !check_same_dtype(x, src))
        return NULL;
    return tensor_as(index, CT_I64);
}

ct_tensor *tensor_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    const ct_dtype dtype = (ct_dtype)x->dtype;
    ct_tensor *wide = index_of_elements(x, dim, index, src),
              *y = wide ? tensor_to(x, tensor_compute_dtype(dtype)) : NULL;
    return y ? ct_scope_keep(add_at(y, dim, wide, src, wide, false, false, dtype)) : NULL;
}

ct_tensor *tensor_scatter(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    ct_tensor *wide = index_of_elements(x, dim, index, src),
              *y = wide ? tensor_to(x, (ct_dtype)x->dtype) : NULL;
    if (!y || !change_at(write_rows[ct_dtype_size((ct_dtype)x->dtype)], y, dim, wide, src, wide, false, false))
        return NULL;
    return ct_scope_keep(y);
}
