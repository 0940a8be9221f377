/* Sorting along a dim, whole or the first few. An element becomes a key, whose order as an unsigned integer is the
 * element's, with its place in the row. Short rows are sorted by insertion, long ones by their digits from the lowest
 * on (Knuth, The Art of Computer Programming 3, 5.2.5); both leave equal keys in their order. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <math.h>
#include <string.h>

enum { GRAIN = 1 << 13, INSERTION = 32, SMALL = 1 << 12, SMALL_DIGIT = 8, DIGIT = 11, BLOCK = 256 };

typedef struct {
    uint64_t key;
    int64_t place;
} Entry;

typedef struct Sort Sort;
struct Sort {
    void (*read)(const Sort *s, const char *row, int64_t first, int64_t n, Entry *entries);
    void (*write)(const Sort *s, const char *row, const Entry *entries, int64_t at);
    const char *x;
    char *values;
    int64_t *places;
    Entry *entries;       /* 2 · room for each row */
    uint64_t flip;        /* of all bits, to sort from the largest on */
    int64_t n, k, size;   /* elements of a row, those wanted, bytes of an element */
    int64_t block, room;  /* elements read at once, entries held at most */
};

/* ---- keys ---- */

/* Negative numbers turn around; NaN comes after all others, -0 is 0. */
#define SORTED_TYPE(name, type, unsigned_type, ...)                                                          \
    static void read_##name(const Sort *s, const char *row, int64_t first, int64_t n, Entry *entries) {      \
        const type *x = (const type *)row + first;                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const unsigned_type sign = (unsigned_type)1 << (8 * sizeof(type) - 1);                           \
            unsigned_type key, bits;                                                                         \
            memcpy(&bits, &x[i], sizeof bits);                                                               \
            key = __VA_ARGS__;                                                                               \
            entries[i] = (Entry){(unsigned_type)(key ^ s->flip), first + i};                                 \
        }                                                                                                    \
    }                                                                                                        \
    static void write_##name(const Sort *s, const char *row, const Entry *entries, int64_t at) {             \
        type *values = (type *)s->values + at;                                                               \
        for (int64_t i = 0; i < s->k; i++) {                                                                 \
            values[i] = ((const type *)row)[entries[i].place];                                               \
            s->places[at + i] = entries[i].place;                                                            \
        }                                                                                                    \
    }
#define ORDERED_BITS(x)                                                                                      \
    (x) != (x) ? ~(bits & 0) : (x) == 0 ? sign : bits & sign ? ~bits : bits | sign
SORTED_TYPE(f32, float, uint32_t, ORDERED_BITS(x[i]))
SORTED_TYPE(f64, double, uint64_t, ORDERED_BITS(x[i]))
SORTED_TYPE(i64, int64_t, uint64_t, bits ^ sign)

/* ---- entries ---- */

static void sort_by_insertion(Entry *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const Entry entry = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > entry.key; j--) a[j] = a[j - 1];
        a[j] = entry;
    }
}

/* Moves the entries to `to`, by the digit that begins at bit `shift`. */
static void sort_by_digit(const Entry *from, Entry *to, int64_t n, int shift, int digit) {
    int64_t starts[1 << DIGIT], sum = 0;
    const uint64_t mask = ((uint64_t)1 << digit) - 1;
    memset(starts, 0, sizeof *starts << digit);
    for (int64_t i = 0; i < n; i++) starts[from[i].key >> shift & mask]++;
    for (uint64_t d = 0; d <= mask; d++) {
        int64_t count = starts[d];
        starts[d] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[starts[from[i].key >> shift & mask]++] = from[i];
}

/* Sorts n entries, of equal keys by their order; `spare` has as much room. Returns the one of the two that has them. */
static Entry *sort_entries(Entry *entries, Entry *spare, int64_t n) {
    if (n <= INSERTION) {
        sort_by_insertion(entries, n);
        return entries;
    }
    const int digit = n < SMALL ? SMALL_DIGIT : DIGIT;
    uint64_t varying = 0;
    for (int64_t i = 1; i < n; i++) varying |= entries[i].key ^ entries[0].key;
    while (varying) {
        const int shift = __builtin_ctzll(varying);
        sort_by_digit(entries, spare, n, shift, digit);
        Entry *sorted = spare;
        spare = entries;
        entries = sorted;
        varying = shift + digit < 64 ? varying >> (shift + digit) << (shift + digit) : 0;
    }
    return entries;
}

/* ---- rows ---- */

/* The first k entries of a row in order. Where k is small, what comes after the k-th of those seen is left out. */
static Entry *first_entries(const Sort *s, const char *row, Entry *entries, Entry *spare) {
    uint64_t limit = 0;
    int64_t held = 0;
    for (int64_t first = 0; first < s->n; first += s->block) {
        const int64_t n = s->n - first < s->block ? s->n - first : s->block;
        int64_t kept = held;
        s->read(s, row, first, n, entries + held);
        for (int64_t i = held; first > 0 && i < held + n; i++) {
            entries[kept] = entries[i];
            kept += entries[i].key < limit;
        }
        held = first > 0 ? kept : n;
        if (first > 0 && held <= s->k + s->block && first + n < s->n) continue;
        Entry *sorted = sort_entries(entries, spare, held);
        if (sorted == spare) spare = entries;
        entries = sorted;
        if (held > s->k) held = s->k;
        limit = entries[held - 1].key;
    }
    return entries;
}

static int64_t sort_rows(const void *arguments, int64_t begin, int64_t end) {
    const Sort *s = arguments;
    for (int64_t i = begin; i < end; i++) {
        const char *row = s->x + i * s->n * s->size;
        Entry *entries = s->entries + 2 * i * s->room;
        s->write(s, row, first_entries(s, row, entries, entries + s->room), i * s->k);
    }
    return -1;
}

/* Sorts the rows of x, [rows, n] of a type that computes, into values and places, [rows, k]. */
static bool sort_into(ct_tensor *x, int64_t rows, int64_t n, int64_t k, bool largest, ct_tensor *values,
                      ct_tensor *places) {
    CT_SCOPED;
    Sort s = {.x = x->data, .values = values->data, .places = (int64_t *)places->data, .n = n, .k = k,
              .size = tensor_dtype_size((ct_dtype)x->dtype), .flip = largest ? UINT64_MAX : 0};
    s.read = x->dtype == CT_F32 ? read_f32 : x->dtype == CT_F64 ? read_f64 : read_i64;
    s.write = x->dtype == CT_F32 ? write_f32 : x->dtype == CT_F64 ? write_f64 : write_i64;
    s.block = k < n / 8 && n > 4 * BLOCK ? (k > BLOCK ? k : BLOCK) : n;
    s.room = s.block == n ? n : k + 2 * s.block;
    const int64_t bytes[3] = {rows, 2 * s.room, sizeof(Entry)};
    ct_tensor *entries = tensor_check_shape(CT_U8, bytes, 3) ? tensor_new(CT_U8, bytes, 3) : NULL;
    if (!entries) return false;
    s.entries = (Entry *)entries->data;
    tensor_launch(sort_rows, &s, sizeof s, rows, GRAIN / n);
    return true;
}

ct_tensor *tensor_topk(ct_tensor *x, int64_t k, int dim, bool largest, ct_tensor **places) {
    CT_SCOPED;
    const ct_dtype dtype = (ct_dtype)x->dtype;
    const ct_dtype compute = dtype == CT_F64 ? CT_F64 : tensor_is_floating(dtype) ? CT_F32 : CT_I64;
    const int last = x->ndim - 1;
    const int64_t n = x->ndim ? x->shape[dim] : 1;
    ct_tensor *lines = tensor_as(x, compute);
    if (lines && dim < last) lines = tensor_transpose(lines, dim, last);
    if (lines) lines = tensor_contiguous(lines);
    if (!lines) return NULL;
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, lines->shape, sizeof shape);
    if (x->ndim) shape[last] = k;
    ct_tensor *values = tensor_new(compute, shape, x->ndim), *indices = tensor_new(CT_I64, shape, x->ndim);
    if (!values || !indices) return NULL;
    if (values->numel && !sort_into(lines, lines->numel / n, n, k, largest, values, indices)) return NULL;
    if (dim < last) {
        values = tensor_transpose(values, dim, last);
        indices = tensor_transpose(indices, dim, last);
    }
    values = values ? tensor_contiguous(values) : NULL;
    values = values ? tensor_as(values, dtype) : NULL;
    indices = indices ? tensor_contiguous(indices) : NULL;
    if (!values || !indices) return NULL;
    *places = ct_scope_keep(indices);
    return ct_scope_keep(values);
}

ct_tensor *tensor_median(ct_tensor *x, unsigned set, bool keepdim) {
    CT_SCOPED;
    (void)set, (void)keepdim; /* of everything */
    const bool floating = tensor_is_floating((ct_dtype)x->dtype);
    if (x->numel == 0 && floating) return ct_scope_keep(tensor_full((ct_dtype)x->dtype, NULL, 0, NAN));
    if (x->numel == 0) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s: there is no median of nothing", tensor_shape_of(x));
        return NULL;
    }
    ct_tensor *places, *flat = tensor_reshape(x, &x->numel, 1);
    ct_tensor *sorted = flat ? tensor_topk(flat, flat->numel, 0, false, &places) : NULL;
    ct_tensor *last = sorted ? tensor_slice(sorted, 0, x->numel - 1, 1, 1) : NULL, *nan = last ? tensor_isnan(last, NULL) : NULL;
    if (!nan) return NULL;
    ct_tensor *median = *(bool *)nan->data ? last : tensor_slice(sorted, 0, (x->numel - 1) / 2, 1, 1);
    ct_tensor *copy = median ? tensor_to(median, (ct_dtype)x->dtype) : NULL;
    return copy ? ct_scope_keep(tensor_reshape(copy, NULL, 0)) : NULL;
}
