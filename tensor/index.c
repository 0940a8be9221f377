/* Reading and adding at places that an index tensor names. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum { GRAIN = 1 << 15, LINE = 16 };

/* ---- checks ---- */

typedef struct {
    const int64_t *index;
    int64_t size, except;
} Range;

static int64_t check_range(const void *arguments, int64_t begin, int64_t end) {
    const Range *range = arguments;
    for (int64_t i = begin; i < end; i++) {
        int64_t index = range->index[i];
        bool inside = index >= 0 && index < range->size;
        if (!inside && (index != range->except || index == INT64_MIN)) return i;
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
    int64_t bad = tensor_launch(check_range, &range, sizeof range, flat->numel, GRAIN);
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

/* `table` is read or added to at the places that `index` names; `other` is the result, or what is added. */
enum { TABLE, INDEX, OTHER, OPERANDS };

typedef struct Walk Walk;
/* One row: at has each operand's first element; the last dim's steps apply. */
typedef void Row(const Walk *w, const int64_t *at, int64_t n);

struct Walk {
    Row *row;
    int ndim;
    int64_t shape[CT_MAX_DIMS], step[CT_MAX_DIMS][OPERANDS]; /* in elements */
    char *data[OPERANDS];
    int64_t stride;                  /* of the table, from one index to the next */
    int64_t length, along[OPERANDS]; /* of the indexed dim, where it is not among the walk's */
};

static void walk_rows(const Walk *w, int64_t begin, int64_t end, const int64_t *start) {
    const int last = w->ndim - 1;
    while (begin < end) {
        int64_t first = begin % w->shape[last], rest = begin / w->shape[last], at[OPERANDS];
        int64_t n = w->shape[last] - first < end - begin ? w->shape[last] - first : end - begin;
        for (int i = 0; i < OPERANDS; i++) at[i] = start[i] + first * w->step[last][i];
        for (int d = last - 1; d >= 0; d--) {
            for (int i = 0; i < OPERANDS; i++) at[i] += rest % w->shape[d] * w->step[d][i];
            rest /= w->shape[d];
        }
        w->row(w, at, n);
        begin += n;
    }
}

static int64_t read_all(const void *arguments, int64_t begin, int64_t end) {
    walk_rows(arguments, begin, end, (const int64_t[OPERANDS]){0});
    return -1;
}

/* The indexed dim is walked in its order for each piece of the others: sums do not depend on the cut. */
static int64_t add_all(const void *arguments, int64_t begin, int64_t end) {
    const Walk *w = arguments;
    for (int64_t i = 0; i < w->length; i++)
        walk_rows(w, begin, end, (const int64_t[OPERANDS]){0, i * w->along[INDEX], i * w->along[OTHER]});
    return -1;
}

static void append_dim(Walk *w, int64_t size, const int64_t *step) {
    int outer = w->ndim - 1;
    bool merges = outer >= 0;
    if (size == 1) return;
    for (int i = 0; i < OPERANDS && merges; i++) merges = w->step[outer][i] == step[i] * size;
    if (!merges) w->shape[w->ndim++] = 1;
    w->shape[w->ndim - 1] *= size;
    memcpy(w->step[w->ndim - 1], step, sizeof w->step[0]);
}

/* All have dims; index and other have one shape. The indexed dim is walked too, or left to the kernel. */
static Walk plan(Row *row, ct_tensor *table, int dim, const ct_tensor *index, ct_tensor *other, bool whole) {
    Walk w = {.row = row, .data = {table->data, index->data, other->data}, .stride = table->strides[dim]};
    for (int d = 0; d < index->ndim; d++) {
        int64_t step[OPERANDS] = {d == dim ? 0 : table->strides[d], index->strides[d], other->strides[d]};
        if (d != dim || whole) {
            append_dim(&w, index->shape[d], step);
        } else {
            w.length = index->shape[d];
            memcpy(w.along, step, sizeof step);
        }
    }
    if (w.ndim == 0) w.shape[w.ndim++] = 1;
    return w;
}

/* ---- rows ---- */

typedef uint8_t Bits1;
typedef uint16_t __attribute__((may_alias)) Bits2;
typedef uint32_t __attribute__((may_alias)) Bits4;
typedef uint64_t __attribute__((may_alias)) Bits8;

#define READ_ROW(name, type)                                                                                 \
    static void name(const Walk *w, const int64_t *at, int64_t n) {                                          \
        const int64_t *index = (const int64_t *)w->data[INDEX] + at[INDEX];                                  \
        const type *table = (const type *)w->data[TABLE] + at[TABLE];                                        \
        type *other = (type *)w->data[OTHER] + at[OTHER];                                                    \
        const int64_t *step = w->step[w->ndim - 1], stride = w->stride;                                      \
        if (step[INDEX] == 0 && step[TABLE] == 1 && step[OTHER] == 1)                                        \
            memcpy(other, table + *index * stride, (size_t)n * sizeof *other);                               \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++)                                                                  \
                other[i * step[OTHER]] = table[i * step[TABLE] + index[i * step[INDEX]] * stride];           \
    }
READ_ROW(read_1, Bits1)
READ_ROW(read_2, Bits2)
READ_ROW(read_4, Bits4)
READ_ROW(read_8, Bits8)

#define ADD_ROW(name, type)                                                                                  \
    static void name(const Walk *w, const int64_t *at, int64_t n) {                                          \
        const int64_t *index = (const int64_t *)w->data[INDEX] + at[INDEX];                                  \
        type *table = (type *)w->data[TABLE] + at[TABLE];                                                    \
        const type *other = (const type *)w->data[OTHER] + at[OTHER];                                        \
        const int64_t *step = w->step[w->ndim - 1], stride = w->stride;                                      \
        if (step[INDEX] == 0 && step[TABLE] == 1 && step[OTHER] == 1) {                                      \
            table += *index * stride;                                                                        \
            for (int64_t i = 0; i < n; i++) table[i] += other[i];                                            \
        } else {                                                                                             \
            for (int64_t i = 0; i < n; i++)                                                                  \
                table[i * step[TABLE] + index[i * step[INDEX]] * stride] += other[i * step[OTHER]];          \
        }                                                                                                    \
    }
ADD_ROW(add_f32, float)
ADD_ROW(add_f64, double)
ADD_ROW(add_i64, Bits8)

/* ---- reading ---- */

/* A 0-dim tensor as one of a single element. */
static ct_tensor *with_dims(ct_tensor *x) {
    return x->ndim ? x : tensor_unsqueeze(x, 0);
}

/* y[..i..] = x[..index[..i..]..], all indices in range. */
static bool read_at(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *y) {
    CT_SCOPED;
    static Row *const rows[] = {[1] = read_1, [2] = read_2, [4] = read_4, [8] = read_8};
    x = with_dims(x);
    y = with_dims(y);
    index = with_dims(index);
    if (!x || !y || !index) return false;
    Walk w = plan(rows[ct_dtype_size((ct_dtype)x->dtype)], x, dim, index, y, true);
    tensor_launch(read_all, &w, sizeof w, y->numel, GRAIN);
    return true;
}

/* The 1-dim index as it applies along dim of that shape. */
static ct_tensor *spread(ct_tensor *index, const int64_t *shape, int ndim, int dim) {
    int64_t strides[CT_MAX_DIMS] = {0}, one = 1;
    strides[dim] = index->ndim ? index->strides[0] : 0;
    return ndim ? tensor_new_view(index, shape, strides, ndim, index->data)
                : tensor_new_view(index, &one, strides, 1, index->data);
}

/* Checks a 1-dim index into dim of x; NULL with an error, else it as I64. */
static ct_tensor *index_of_dim(const ct_tensor *x, int dim, ct_tensor *index) {
    if (index->ndim > 1) {
        tensor_error(CT_ERR_SHAPE, "the index has shape %s; expected 1 dim", tensor_shape_of(index));
        return NULL;
    }
    if (!tensor_check_indices(index, x->ndim ? x->shape[dim] : 1, INT64_MIN, "index")) return NULL;
    return tensor_as(index, CT_I64);
}

ct_tensor *tensor_index_select(ct_tensor *x, int dim, ct_tensor *index) {
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    ct_tensor *wide = index_of_dim(x, dim, index);
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
    if (!y || !spread_index || !read_at(x, dim, spread_index, y)) return NULL;
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
    if (!check_index_dtype(index, "index") || !check_fits(index, x, "x", dim) ||
        !tensor_check_indices(index, x->ndim ? x->shape[dim] : 1, INT64_MIN, "index"))
        return NULL;
    ct_tensor *wide = tensor_as(index, CT_I64),
              *y = tensor_new((ct_dtype)x->dtype, index->shape, index->ndim);
    if (!wide || !y || !read_at(x, dim, wide, y)) return NULL;
    return ct_scope_keep(y);
}

/* ---- adding ---- */

/* A copy of x with src added at the indices, which are in range; computed in the type that x's dtype has. */
static ct_tensor *add_at(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    ct_dtype dtype = (ct_dtype)x->dtype;
    ct_dtype compute = dtype == CT_F64 ? CT_F64 : tensor_is_floating(dtype) ? CT_F32 : CT_I64;
    ct_tensor *y = tensor_to(x, compute), *added = tensor_as(src, compute);
    ct_tensor *table = y ? with_dims(y) : NULL;
    added = added ? with_dims(added) : NULL;
    index = with_dims(index);
    if (!table || !added || !index) return NULL;
    Row *row = compute == CT_F64 ? add_f64 : compute == CT_F32 ? add_f32 : add_i64;
    Walk w = plan(row, table, dim, index, added, false);
    int64_t others = w.length ? index->numel / w.length : 0, grain = GRAIN / (w.length ? w.length : 1);
    tensor_launch(add_all, &w, sizeof w, others, grain > LINE ? grain : LINE);
    return ct_scope_keep(tensor_as(y, dtype));
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
    ct_tensor *wide = index_of_dim(x, dim, index);
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
    ct_tensor *spread_index = spread(wide, shape, x->ndim, dim);
    return spread_index ? ct_scope_keep(add_at(x, dim, spread_index, src)) : NULL;
}

ct_tensor *tensor_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src) {
    CT_SCOPED;
    if (!check_index_dtype(index, "index") || !check_fits(index, x, "x", dim) ||
        !check_fits(index, src, "src", -1) || !check_same_dtype(x, src) ||
        !tensor_check_indices(index, x->ndim ? x->shape[dim] : 1, INT64_MIN, "index"))
        return NULL;
    ct_tensor *wide = tensor_as(index, CT_I64);
    return wide ? ct_scope_keep(add_at(x, dim, wide, src)) : NULL;
}

/* ---- classes ---- */

/* The largest index + 1. */
static bool count_classes(ct_tensor *index, int64_t *classes) {
    CT_SCOPED;
    if (index->numel == 0) {
        tensor_error(CT_ERR_VALUE, "an index of shape %s has no largest class: give the number of classes",
                     tensor_shape_of(index));
        return false;
    }
    ct_tensor *largest = tensor_amax(index, (1u << index->ndim) - 1, false);
    largest = largest ? tensor_as(largest, CT_I64) : NULL;
    if (!largest) return false;
    int64_t value = *(const int64_t *)largest->data;
    *classes = value < 0 ? 0 : value == INT64_MAX ? value : value + 1;
    return true;
}

ct_tensor *tensor_one_hot(ct_tensor *index, int64_t classes) {
    CT_SCOPED;
    if (!check_index_dtype(index, "index")) return NULL;
    if (classes < -1 || index->ndim == CT_MAX_DIMS) {
        tensor_error(classes < -1 ? CT_ERR_VALUE : CT_ERR_SHAPE,
                     "%lld classes, index of shape %s; expected -1 or more, and at most %d dims",
                     (long long)classes, tensor_shape_of(index), CT_MAX_DIMS - 1);
        return NULL;
    }
    if (classes == -1 && !count_classes(index, &classes)) return NULL;
    if (!tensor_check_indices(index, classes, INT64_MIN, "class")) return NULL;
    int64_t shape[CT_MAX_DIMS], one[CT_MAX_DIMS];
    memcpy(shape, index->shape, sizeof shape);
    memcpy(one, index->shape, sizeof one);
    shape[index->ndim] = classes;
    one[index->ndim] = 1;
    if (!tensor_check_shape(CT_I64, shape, index->ndim + 1)) return NULL;
    ct_tensor *zeros = tensor_full(CT_I64, shape, index->ndim + 1, 0);
    ct_tensor *ones = tensor_full(CT_I64, one, index->ndim + 1, 1),
              *last = tensor_unsqueeze(index, index->ndim);
    if (!zeros || !ones || !last) return NULL;
    return ct_scope_keep(index->numel ? tensor_scatter_add(zeros, index->ndim, last, ones) : zeros);
}
