/* Sorting along a dim, whole or the first few, and the median. An element becomes a key, whose order as an unsigned
 * integer is the element's. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <math.h>
#include <string.h>

enum { GRAIN = 1 << 13, INSERTION = 48, SMALL = 1 << 12, SMALL_DIGIT = 8, DIGIT = 11, BLOCK = 32 };

typedef struct Sort Sort;
struct Sort {
    /* Makes entries of n elements of a row, of all or of those whose keys are below the limit; returns how many. */
    int64_t (*read)(const Sort *s, const char *row, int64_t first, int64_t n, bool all, uint64_t limit, void *entries);
    /* Writes k elements and their places from `at` on. */
    void (*write)(const Sort *s, const char *row, const void *entries, int64_t k, int64_t at);
    bool (*is_nan)(const char *row, int64_t place);
    Kernel *sort_rows, *find_median;
    size_t entry; /* bytes */
    const char *x;
    char *values;
    int64_t *places;
    void *entries;       /* 2 · room for each row */
    bool descending;
    int64_t n, k, size;  /* elements of a row, those wanted, bytes of an element */
    int64_t block, room; /* elements read at once, entries held at most */
};

#define KEY uint32_t
#define PLACE uint32_t
#define S(name) name##_32
#include "internal/sort_entries.h"
#define KEY uint64_t
#define PLACE int64_t
#define S(name) name##_64
#include "internal/sort_entries.h"

/* ---- dtypes ---- */

#define SORTED_TYPE(name, type, bits_of_key, ...)                                                            \
    static int64_t read_##name(const Sort *s, const char *row, int64_t first, int64_t n, bool all,           \
                               uint64_t limit, void *entries) {                                              \
        const type *x = (const type *)row + first;                                                           \
        Entry_##bits_of_key *entry = entries;                                                                \
        const uint##bits_of_key##_t flip = s->descending ? UINT##bits_of_key##_MAX : 0;                      \
        int64_t kept = 0;                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            uint##bits_of_key##_t bits;                                                                      \
            memcpy(&bits, &x[i], sizeof bits);                                                               \
            const uint##bits_of_key##_t key = (__VA_ARGS__) ^ flip;                                          \
            if (LIKELY(!all && key >= limit)) continue;                                                      \
            entry[kept].key = key;                                                                           \
            entry[kept++].place = (uint##bits_of_key##_t)(first + i);                                        \
        }                                                                                                    \
        return kept;                                                                                         \
    }                                                                                                        \
    static void write_##name(const Sort *s, const char *row, const void *entries, int64_t k, int64_t at) {   \
        const Entry_##bits_of_key *entry = entries;                                                          \
        for (int64_t i = 0; i < k; i++) {                                                                    \
            ((type *)s->values)[at + i] = ((const type *)row)[entry[i].place];                               \
            s->places[at + i] = entry[i].place;                                                              \
        }                                                                                                    \
    }                                                                                                        \
    static bool is_nan_##name(const char *row, int64_t place) {                                              \
        const type x = ((const type *)row)[place];                                                           \
        return x != x;                                                                                       \
    }
SORTED_TYPE(f32, float, 32, ordered_32(bits, 0x7f800000))
SORTED_TYPE(f64, double, 64, ordered_64(bits, 0x7ff0000000000000))
SORTED_TYPE(i32, int32_t, 32, bits ^ (uint32_t)1 << 31)
SORTED_TYPE(i64, int64_t, 64, bits ^ (uint64_t)1 << 63)

#define SORT_OF(name, bits)                                                                                  \
    {                                                                                                        \
        .read = read_##name, .write = write_##name, .is_nan = is_nan_##name, .entry = sizeof(Entry_##bits),  \
        .sort_rows = sort_rows_##bits, .find_median = find_median_##bits                                     \
    }
static const Sort sorts[] = {
    [CT_F32] = SORT_OF(f32, 32), [CT_F64] = SORT_OF(f64, 64), [CT_I32] = SORT_OF(i32, 32), [CT_I64] = SORT_OF(i64, 64)};

/* The type that holds the dtype and is sorted; places in long rows need 64 bits. */
static ct_dtype sorted_dtype(ct_dtype dtype, int64_t n) {
    if (tensor_is_floating(dtype)) return dtype == CT_F64 || n > UINT32_MAX ? CT_F64 : CT_F32;
    return dtype == CT_I64 || n > UINT32_MAX ? CT_I64 : CT_I32;
}

/* ---- rows ---- */

/* Fills values and places, [rows, k], from x, [rows, n]. */
static bool sort_into(ct_tensor *x, int64_t rows, int64_t n, int64_t k, bool descending, ct_tensor *values,
                      ct_tensor *places) {
    CT_SCOPED;
    Sort s = sorts[x->dtype];
    s.x = x->data;
    s.values = values->data;
    s.places = (int64_t *)places->data;
    s.size = tensor_dtype_size((ct_dtype)x->dtype);
    s.n = n;
    s.k = k;
    s.descending = descending;
    s.block = k < n / 8 && n > 4 * BLOCK ? (k > BLOCK ? k : BLOCK) : n;
    s.room = s.block == n ? n : k + 2 * s.block;
    const int64_t bytes[3] = {rows, 2 * s.room, (int64_t)s.entry};
    ct_tensor *entries = tensor_check_shape(CT_U8, bytes, 3) ? tensor_new(CT_U8, bytes, 3) : NULL;
    if (!entries) return false;
    s.entries = entries->data;
    tensor_launch(s.sort_rows, &s, sizeof s, rows, GRAIN / n);
    return true;
}

ct_tensor *tensor_topk(ct_tensor *x, int64_t k, int dim, bool largest, ct_tensor **places) {
    CT_SCOPED;
    const int last = x->ndim - 1;
    const int64_t n = x->ndim ? x->shape[dim] : 1;
    ct_tensor *lines = tensor_as(x, sorted_dtype((ct_dtype)x->dtype, n));
    if (lines && dim < last) lines = tensor_transpose(lines, dim, last);
    if (lines) lines = tensor_contiguous(lines);
    if (!lines) return NULL;
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, lines->shape, sizeof shape);
    if (x->ndim) shape[last] = k;
    ct_tensor *values = tensor_new((ct_dtype)lines->dtype, shape, x->ndim);
    ct_tensor *indices = tensor_new(CT_I64, shape, x->ndim);
    if (!values || !indices) return NULL;
    if (values->numel && !sort_into(lines, lines->numel / n, n, k, largest, values, indices)) return NULL;
    if (dim < last) {
        values = tensor_transpose(values, dim, last);
        indices = tensor_transpose(indices, dim, last);
    }
    values = values ? tensor_contiguous(values) : NULL;
    values = values ? tensor_as(values, (ct_dtype)x->dtype) : NULL;
    indices = indices ? tensor_contiguous(indices) : NULL;
    if (!values || !indices) return NULL;
    *places = ct_scope_keep(indices);
    return ct_scope_keep(values);
}

ct_tensor *tensor_median(ct_tensor *x) {
    CT_SCOPED;
    const ct_dtype dtype = (ct_dtype)x->dtype, sorted = sorted_dtype(dtype, x->numel);
    if (x->numel == 0 && tensor_is_floating(dtype)) return ct_scope_keep(tensor_full(dtype, NULL, 0, NAN));
    if (x->numel == 0) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s: there is no median of nothing", tensor_shape_of(x));
        return NULL;
    }
    const int64_t bytes[2] = {x->numel, (int64_t)sorts[sorted].entry};
    ct_tensor *entries = tensor_check_shape(CT_U8, bytes, 2) ? tensor_new(CT_U8, bytes, 2) : NULL;
    ct_tensor *row = tensor_as(x, sorted), *y = tensor_new(sorted, NULL, 0), *place = tensor_new(CT_I64, NULL, 0);
    row = row ? tensor_contiguous(row) : NULL;
    if (!entries || !row || !y || !place) return NULL;
    Sort s = sorts[sorted];
    s.x = row->data;
    s.values = y->data;
    s.places = (int64_t *)place->data;
    s.entries = entries->data;
    s.n = x->numel;
    tensor_launch(s.find_median, &s, sizeof s, 1, 1);
    return ct_scope_keep(tensor_as(y, dtype));
}
