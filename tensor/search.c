/* Finding: true elements, distinct ones, where values belong in a sorted row, classes. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum { GRAIN = 1 << 14, SEARCHES = 16 };

/* ---- true elements: counted in pieces, whose places then follow on each other ---- */

typedef struct {
    const uint8_t *mask;
    int64_t *counts; /* of each piece; then the first of its places */
    int64_t *places;
} Search;

static int64_t count_true(const void *arguments, int64_t begin, int64_t end) {
    const Search *s = arguments;
    int64_t count = 0;
    for (int64_t i = begin; i < end; i++) count += s->mask[i] != 0;
    s->counts[begin / GRAIN] = count;
    return -1;
}

static int64_t write_true(const void *arguments, int64_t begin, int64_t end) {
    const Search *s = arguments;
    int64_t at = s->counts[begin / GRAIN], after = s->counts[begin / GRAIN + 1];
    for (int64_t i = begin; at < after; i++) {
        s->places[at] = i;
        at += s->mask[i] != 0;
    }
    (void)end;
    return -1;
}

ct_tensor *tensor_places(ct_tensor *x) {
    CT_SCOPED;
    const int64_t pieces = (x->numel + GRAIN - 1) / GRAIN + 1;
    ct_tensor *mask = x->dtype == CT_BOOL ? tensor_contiguous(x) : tensor_to(x, CT_BOOL);
    ct_tensor *counts = mask ? tensor_full(CT_I64, &pieces, 1, 0) : NULL;
    if (!counts) return NULL;
    Search s = {.mask = (const uint8_t *)mask->data, .counts = (int64_t *)counts->data};
    tensor_launch(count_true, &s, sizeof s, x->numel, GRAIN);
    int64_t total = 0;
    for (int64_t i = 0; i < pieces; i++) {
        int64_t count = s.counts[i];
        s.counts[i] = total;
        total += count;
    }
    ct_tensor *places = tensor_new(CT_I64, &total, 1);
    if (!places) return NULL;
    s.places = (int64_t *)places->data;
    tensor_launch(write_true, &s, sizeof s, x->numel, GRAIN);
    return ct_scope_keep(places);
}

ct_tensor *tensor_nonzero(ct_tensor *x) {
    CT_SCOPED;
    ct_tensor *places = tensor_places(x);
    if (!places) return NULL;
    const int64_t shape[2] = {places->numel, x->ndim}, *place = (const int64_t *)places->data;
    ct_tensor *y = tensor_new(CT_I64, shape, 2);
    if (!y) return NULL;
    int64_t *row = (int64_t *)y->data;
    for (int64_t i = 0; i < shape[0]; i++, row += x->ndim) {
        int64_t rest = place[i];
        for (int d = x->ndim; d-- > 0; rest /= x->shape[d]) row[d] = d ? rest % x->shape[d] : rest;
    }
    return ct_scope_keep(y);
}

/* ---- distinct elements ---- */

/* Which elements of a sorted row differ from those before them. */
static ct_tensor *beginnings(ct_tensor *sorted) {
    CT_SCOPED;
    const int64_t n = sorted->numel;
    ct_tensor *begins = tensor_full(CT_BOOL, &n, 1, 1);
    if (!begins || n < 2) return begins ? ct_scope_keep(begins) : NULL;
    ct_tensor *left = tensor_slice(sorted, 0, 0, n - 1, 1), *right = tensor_slice(sorted, 0, 1, n - 1, 1);
    ct_tensor *differ = left && right ? tensor_ne(left, right) : NULL,
              *rest = tensor_slice(begins, 0, 1, n - 1, 1);
    return differ && rest && tensor_copy_into(rest, differ) == CT_OK ? ct_scope_keep(begins) : NULL;
}

ct_tensor *tensor_unique_places(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts) {
    CT_SCOPED;
    ct_tensor *order, *flat = tensor_reshape(x, &x->numel, 1);
    ct_tensor *sorted = flat ? tensor_topk(flat, flat->numel, 0, false, &order) : NULL;
    ct_tensor *begins = sorted ? beginnings(sorted) : NULL, *starts = begins ? tensor_places(begins) : NULL;
    ct_tensor *firsts = starts ? tensor_index_select(order, 0, starts) : NULL;
    ct_tensor *of_each = firsts && inverse ? tensor_new(CT_I64, x->shape, x->ndim) : NULL;
    ct_tensor *lengths = firsts && counts ? tensor_new(CT_I64, &starts->numel, 1) : NULL;
    if (!firsts || (inverse && !of_each) || (counts && !lengths)) return NULL;
    const int64_t *start = (const int64_t *)starts->data, *place = (const int64_t *)order->data;
    for (int64_t i = 0; i < starts->numel; i++) {
        const int64_t end = i + 1 < starts->numel ? start[i + 1] : x->numel;
        if (lengths) ((int64_t *)lengths->data)[i] = end - start[i];
        for (int64_t j = start[i]; of_each && j < end; j++) ((int64_t *)of_each->data)[place[j]] = i;
    }
    if (inverse) *inverse = ct_scope_keep(of_each);
    if (counts) *counts = ct_scope_keep(lengths);
    return ct_scope_keep(firsts);
}

ct_tensor *tensor_bincount(ct_tensor *x) {
    CT_SCOPED;
    if (tensor_is_floating((ct_dtype)x->dtype) || x->dtype == CT_BOOL || x->ndim != 1) {
        tensor_error(x->ndim != 1 ? CT_ERR_SHAPE : CT_ERR_DTYPE,
                     "x is %s of shape %s; expected integers of 1 dim", ct_dtype_name((ct_dtype)x->dtype),
                     tensor_shape_of(x));
        return NULL;
    }
    int64_t size = 0;
    ct_tensor *index = tensor_as(x, CT_I64),
              *largest = index && x->numel ? tensor_amax(index, 1, false) : NULL;
    if (!index || (x->numel && !largest)) return NULL;
    if (largest) size = *(const int64_t *)largest->data;
    if (!tensor_check_indices(index, size < INT64_MAX ? size + 1 : size, INT64_MIN, "element")) return NULL;
    size = x->numel ? size + 1 : 0;
    ct_tensor *one = tensor_check_shape(CT_I64, &size, 1) ? tensor_full(CT_I64, NULL, 0, 1) : NULL;
    ct_tensor *ones = one ? tensor_expand(one, &x->numel, 1) : NULL;
    return ones ? ct_scope_keep(tensor_index_sum(&size, 1, 0, index, ones)) : NULL;
}

/* ---- where values belong ---- */

typedef struct {
    const char *sorted, *values;
    int64_t *result, n, per_row; /* per_row: values of a row; 0: all have one */
    bool right;
} Placement;

/* The number of elements before the value, equal ones among them on the right; NaN comes last. Several
 * searches go on at once, each by halves, so that none waits for memory alone. */
#define PLACE(name, type)                                                                                    \
    static int64_t name(const void *arguments, int64_t begin, int64_t end) {                                 \
        const Placement *p = arguments;                                                                      \
        for (int lanes; begin < end; begin += lanes) {                                                       \
            const type *row[SEARCHES], *value = (const type *)p->values + begin;                             \
            int64_t *low = p->result + begin;                                                                \
            lanes = end - begin < SEARCHES ? (int)(end - begin) : SEARCHES;                                  \
            for (int l = 0; l < lanes; l++) {                                                                \
                row[l] = (const type *)p->sorted + (p->per_row ? (begin + l) / p->per_row * p->n : 0);       \
                low[l] = 0;                                                                                  \
            }                                                                                                \
            for (int64_t left = p->n, half; left > 0; left -= half) {                                        \
                half = (left + 1) / 2;                                                                       \
                for (int l = 0; l < lanes; l++) {                                                            \
                    const type middle = row[l][low[l] + half - 1];                                           \
                    const bool before = p->right ? middle <= value[l] : middle < value[l];                   \
                    low[l] += half & -(int64_t)(before | (value[l] != value[l]));                            \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        return -1;                                                                                           \
    }
PLACE(place_f32, float)
PLACE(place_f64, double)
PLACE(place_i64, int64_t)

static bool check_rows(const ct_tensor *sorted, const ct_tensor *values) {
    bool fits = sorted->ndim == 1 || (sorted->ndim > 1 && sorted->ndim == values->ndim);
    for (int d = 0; d + 1 < sorted->ndim && fits; d++) fits = sorted->shape[d] == values->shape[d];
    if (!fits)
        tensor_error(CT_ERR_SHAPE,
                     "sorted has shape %s, values %s; expected 1 dim, or the same sizes but for the last",
                     tensor_shape_of(sorted), tensor_shape_of(values));
    else if (sorted->dtype != values->dtype)
        tensor_error(CT_ERR_DTYPE, "sorted is %s, values are %s; expected the same",
                     ct_dtype_name((ct_dtype)sorted->dtype), ct_dtype_name((ct_dtype)values->dtype));
    return fits && sorted->dtype == values->dtype;
}

ct_tensor *tensor_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right) {
    CT_SCOPED;
    if (!check_rows(sorted, values)) return NULL;
    const ct_dtype compute = tensor_compute_dtype((ct_dtype)sorted->dtype);
    ct_tensor *rows = tensor_as(sorted, compute), *wanted = tensor_as(values, compute);
    ct_tensor *y = tensor_new(CT_I64, values->shape, values->ndim);
    rows = rows ? tensor_contiguous(rows) : NULL;
    wanted = wanted ? tensor_contiguous(wanted) : NULL;
    if (!rows || !wanted || !y) return NULL;
    Placement p = {.sorted = rows->data,
                   .values = wanted->data,
                   .result = (int64_t *)y->data,
                   .right = right,
                   .n = sorted->shape[sorted->ndim - 1],
                   .per_row = sorted->ndim > 1 ? values->shape[values->ndim - 1] : 0};
    Kernel *kernel = compute == CT_F32 ? place_f32 : compute == CT_F64 ? place_f64 : place_i64;
    tensor_launch(kernel, &p, sizeof p, y->numel, GRAIN / 16);
    return ct_scope_keep(y);
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
