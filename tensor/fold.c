/* Reductions: the dims that stay are walked over the results, the others are folded along rows, or many columns side by
 * side. Where there are few results, what goes into one is cut into parts, and what comes of the parts is folded again. */
#include "internal/fold.h"
#include "internal/parallel.h"
#include <string.h>

enum { GRAIN = 1 << 14, PART = 1 << 16, PARTS = 32, PART_UNIT = 1024 };

typedef struct {
    int ndim; /* of one of the two groups of dims */
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS], numel;
} Dims;

/* A part p of the result r is the p·kept.numel + r-th: [parts, results]. */
typedef struct {
    const Reducer *reducer;
    int type;                    /* that computes */
    ct_dtype stored;             /* of the values: the type that computes, or F64 */
    const char *data;            /* of x */
    int64_t size;                /* bytes of an element of x */
    char *values;                /* NULL: not wanted */
    int64_t *places;             /* where they were found; NULL: not wanted */
    const int64_t *place_of;     /* x holds parts, which have found them there; NULL: it does not */
    const double *centres;       /* a parameter for each result; NULL: p for all */
    double p, divisor;
    Dims kept, gone;
    int64_t part; /* how many of the gone elements are folded to one */
} Reduction;

static int compute_type(ct_dtype dtype) {
    return dtype == CT_F64 ? COMPUTE_F64 : dtype == CT_F32 ? COMPUTE_F32 : COMPUTE_I64;
}

/* n results from the i-th on; values are double or int64_t, places may be NULL. */
static void store(const Reduction *r, int64_t i, int64_t n, const void *values, const int64_t *places) {
    const double *f = values;
    for (int64_t j = 0; j < n && r->places; j++)
        r->places[i + j] = r->place_of ? r->place_of[places[j] * r->kept.numel + i + j] : places[j];
    if (!r->values) return;
    if (r->stored == CT_F32)
        for (int64_t j = 0; j < n; j++) ((float *)r->values)[i + j] = (float)(f[j] / r->divisor);
    else if (r->stored == CT_F64)
        for (int64_t j = 0; j < n; j++) ((double *)r->values)[i + j] = f[j] / r->divisor;
    else
        memcpy((int64_t *)r->values + i, values, (size_t)n * sizeof(int64_t));
}

/* The offset of the i-th place of a group of dims, in elements. */
static int64_t offset_of(const Dims *dims, int64_t i) {
    if (dims->ndim == 1) return i * dims->strides[0];
    int64_t offset = 0;
    for (int d = dims->ndim - 1; d >= 0; d--) {
        offset += i % dims->shape[d] * dims->strides[d];
        i /= dims->shape[d];
    }
    return offset;
}

static int64_t fold(const void *arguments, int64_t begin, int64_t end) {
    const Reduction *r = arguments;
    const Dims *gone = &r->gone;
    const int64_t row = gone->shape[gone->ndim - 1], step = gone->strides[gone->ndim - 1];
    for (int64_t i = begin; i < end; i++) {
        int64_t part = i < r->kept.numel ? 0 : i / r->kept.numel, result = i - part * r->kept.numel;
        int64_t at = part * r->part, last = gone->numel - at < r->part ? gone->numel : at + r->part;
        Accumulator a = {r->reducer->f, r->reducer->i, -1};
        const char *start = r->data + offset_of(&r->kept, result) * r->size;
        for (int64_t n; at < last; at += n) {
            n = gone->ndim == 1 ? last - at : row - at % row;
            if (n > last - at) n = last - at;
            r->reducer->row[r->type](&a, start + offset_of(gone, at) * r->size, step, n, at,
                                     r->centres ? r->centres + result : &r->p);
        }
        store(r, i, 1, r->type == COMPUTE_I64 ? (void *)&a.i : (void *)&a.f, &a.at);
    }
    return -1;
}

/* Few columns without gaps between their rows are folded as many: several rows count as one, and what comes of
 * their columns is folded again. */
static void fold_narrow(const Reduction *r, Columns *c) {
    const int64_t n = c->n, repeat = FOLD_COLUMNS / n, rows = c->rows / repeat, rest = c->rows % repeat;
    const int type = r->type == COMPUTE_I64 ? COMPUTE_I64 : COMPUTE_F64;
    const Reducer *parts = r->reducer->parts ? r->reducer->parts : r->reducer;
    Columns wide = {.values = c->values, .data = c->data, .stride = n * repeat, .rows = rows, .n = n * repeat};
    Columns last = {.values = c->values, .data = c->data + rows * n * repeat * r->size, .stride = n, .rows = rest, .n = n};
    Columns joined = {.values = c->values, .data = (char *)c->values + n * 8, .stride = n, .rows = repeat - 1, .n = n};
    r->reducer->columns[r->type](&wide, &r->p, false);
    r->reducer->columns[r->type](&last, &r->p, false);
    parts->columns[type](&joined, &r->p, false);
}

static void fold_rows_of_columns(const Reduction *r, Columns *c, const char *start, int64_t at, int64_t last,
                                 const double *p) {
    const Dims *gone = &r->gone;
    const int64_t rows = gone->shape[gone->ndim - 1];
    c->stride = gone->strides[gone->ndim - 1];
    for (; at < last; at += c->rows) {
        c->data = start + offset_of(gone, at) * r->size;
        c->first = at;
        c->rows = gone->ndim == 1 ? last - at : rows - at % rows;
        if (c->rows > last - at) c->rows = last - at;
        if (c->stride == c->n && c->n <= FOLD_COLUMNS / 8 && c->rows >= FOLD_COLUMNS / c->n && !r->places && !r->centres)
            fold_narrow(r, c);
        else r->reducer->columns[r->type](c, p, r->centres != NULL);
    }
}

/* Where the results lie side by side in x. */
static int64_t fold_columns(const void *arguments, int64_t begin, int64_t end) {
    const Reduction *r = arguments;
    const int64_t width = r->kept.shape[r->kept.ndim - 1];
    union {
        double f[FOLD_COLUMNS];
        int64_t i[FOLD_COLUMNS];
    } values;
    int64_t places[FOLD_COLUMNS];
    for (int64_t n; begin < end; begin += n) {
        int64_t part = begin / r->kept.numel, result = begin % r->kept.numel;
        int64_t at = part * r->part, last = r->gone.numel - at < r->part ? r->gone.numel : at + r->part;
        n = width - result % width;
        if (n > end - begin) n = end - begin;
        if (n > FOLD_COLUMNS) n = FOLD_COLUMNS;
        const int64_t used = r->gone.numel < FOLD_COLUMNS / n ? n : FOLD_COLUMNS; /* all where they may be few */
        for (int64_t i = 0; i < used; i++)
            if (r->type == COMPUTE_I64) values.i[i] = r->reducer->i;
            else values.f[i] = r->reducer->f;
        for (int64_t i = 0; i < n && r->places; i++) places[i] = -1;
        Columns c = {.values = &values, .places = places, .n = n};
        fold_rows_of_columns(r, &c, r->data + offset_of(&r->kept, result) * r->size, at, last,
                             r->centres ? r->centres + result : &r->p);
        store(r, begin, n, &values, places);
    }
    return -1;
}

static bool side_by_side(const Reduction *r) {
    return r->kept.ndim > 0 && r->kept.strides[r->kept.ndim - 1] == 1 && r->gone.strides[r->gone.ndim - 1] != 1;
}

/* Adds a dim below the others, joined with the last one where they are walked as one. */
static void add_dim(Dims *dims, int64_t size, int64_t stride) {
    int last = dims->ndim - 1;
    dims->numel *= size;
    if (size == 1) return;
    if (last >= 0 && dims->strides[last] == stride * size) {
        dims->shape[last] *= size;
        dims->strides[last] = stride;
    } else {
        dims->shape[dims->ndim] = size;
        dims->strides[dims->ndim++] = stride;
    }
}

/* Splits x's dims into those that stay and those that go; the latter by falling strides, unless their order counts. */
static void split_dims(const ct_tensor *x, unsigned set, bool ordered, Dims *kept, Dims *gone) {
    int order[CT_MAX_DIMS], n = 0;
    kept->ndim = gone->ndim = 0;
    kept->numel = gone->numel = 1;
    for (int d = 0; d < x->ndim; d++) {
        if (!(set >> d & 1u)) {
            add_dim(kept, x->shape[d], x->strides[d]);
            continue;
        }
        int at = n++;
        for (; !ordered && at > 0 && x->strides[order[at - 1]] < x->strides[d]; at--) order[at] = order[at - 1];
        order[at] = d;
    }
    for (int i = 0; i < n; i++) add_dim(gone, x->shape[order[i]], x->strides[order[i]]);
    if (gone->ndim == 0) {
        gone->shape[0] = 1;
        gone->strides[0] = 0;
        gone->ndim = 1;
    }
}

ct_tensor *tensor_new_reduced(const ct_tensor *x, unsigned set, bool keepdim, ct_dtype dtype) {
    int64_t shape[CT_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (!(set >> d & 1u)) shape[ndim++] = x->shape[d];
        else if (keepdim) shape[ndim++] = 1;
    }
    return tensor_new(dtype, shape, ndim);
}

/* How many parts: enough to share the work among threads, by sizes alone. */
static int64_t parts_of(const Reduction *r, bool columns) {
    const int64_t width = columns ? r->kept.shape[r->kept.ndim - 1] : 1, results = r->kept.numel;
    const int64_t pieces = width > FOLD_COLUMNS ? results / FOLD_COLUMNS : results / width;
    int64_t wanted = results * r->gone.numel / PART;
    if (wanted > PARTS) wanted = PARTS;
    return wanted > 2 * pieces ? wanted / pieces : 1;
}

static void run(Reduction *r, bool columns, int64_t parts) {
    const int64_t folded = r->part ? r->part : 1, grain = GRAIN / folded;
    if (columns) tensor_launch(fold_columns, r, sizeof *r, parts * r->kept.numel, grain > FOLD_COLUMNS ? grain : FOLD_COLUMNS);
    else tensor_launch(fold, r, sizeof *r, parts * r->kept.numel, grain);
}

/* Folds the parts to tensors of their own, and those to the result. */
static bool run_in_parts(Reduction *r, bool columns, int64_t parts) {
    const int64_t unit = columns ? 8 : PART_UNIT, results = r->kept.numel;
    r->part = ((r->gone.numel + parts - 1) / parts + unit - 1) / unit * unit;
    parts = (r->gone.numel + r->part - 1) / r->part;
    const ct_dtype dtype = r->type == COMPUTE_I64 ? CT_I64 : CT_F64;
    ct_tensor *values = tensor_new(dtype, CT_DIMS(parts, results));
    ct_tensor *places = values && r->places ? tensor_new(CT_I64, CT_DIMS(parts, results)) : NULL;
    if (!values || (r->places && !places)) return false;
    Reduction joined = *r;
    joined.reducer = r->reducer->parts ? r->reducer->parts : r->reducer;
    joined.type = compute_type(dtype);
    joined.data = values->data;
    joined.size = 8;
    joined.place_of = places ? (int64_t *)places->data : NULL;
    joined.centres = NULL;
    joined.part = parts;
    split_dims(values, 1, true, &joined.kept, &joined.gone);
    r->stored = dtype;
    r->values = values->data;
    r->places = places ? (int64_t *)places->data : NULL;
    r->divisor = 1;
    run(r, columns, parts);
    run(&joined, side_by_side(&joined), 1);
    return true;
}

ct_tensor *tensor_fold(ct_tensor *x, const Fold *f) {
    CT_SCOPED;
    const ct_dtype stored = f->wide && f->compute == CT_F32 ? CT_F64 : f->compute;
    ct_tensor *converted = tensor_as(x, f->compute);
    ct_tensor *y = f->places_only ? f->places : tensor_new_reduced(x, f->set, f->keepdim, stored);
    if (!converted || !y) return NULL;
    Reduction r;
    r.reducer = f->reducer;
    r.type = compute_type(f->compute);
    r.stored = stored;
    r.data = converted->data;
    r.size = tensor_dtype_size(f->compute);
    r.values = f->places_only ? NULL : y->data;
    r.places = f->places ? (int64_t *)f->places->data : NULL;
    r.place_of = NULL;
    r.centres = f->centres ? (const double *)f->centres->data : NULL;
    r.p = f->p;
    r.divisor = f->divisor != 0 ? f->divisor : 1;
    split_dims(converted, f->set, f->places != NULL, &r.kept, &r.gone);
    r.part = r.gone.numel;
    const bool columns = side_by_side(&r);
    const int64_t parts = r.kept.numel > 0 ? parts_of(&r, columns) : 1;
    if (parts > 1 && !run_in_parts(&r, columns, parts)) return NULL;
    if (parts == 1) run(&r, columns, 1);
    return f->places_only ? y : ct_scope_keep(y);
}
