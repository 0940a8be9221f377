/* Naive references in double arithmetic: loops over logical indices, with nothing of the library's but the
 * reading of the operands. */
#include "optable.h"
#include <stdlib.h>
#include <string.h>

/* ---- row-major numbers ---- */

Dense dense_of(const ct_tensor *x) {
    Dense dense = {.values = NULL};
    if (!x) return dense;
    dense.shape.ndim = ct_ndim(x);
    for (int d = 0; d < dense.shape.ndim; d++) dense.shape.sizes[d] = ct_shape(x)[d];
    dense.values = read_doubles(x);
    return dense;
}

void dense_free(Dense *dense) {
    free(dense->values);
    dense->values = NULL;
}

int64_t dense_numel(const Dense *dense) {
    return shape_numel(dense->shape.sizes, dense->shape.ndim);
}

static Dense dense_new(const Sizes *shape) {
    Dense dense = {.shape = *shape};
    dense.values = calloc((size_t)shape_numel(shape->sizes, shape->ndim) + 1, sizeof *dense.values);
    return dense;
}

double dense_at(const Dense *x, const int64_t *index, int ndim) {
    int64_t place = 0;
    index += ndim - x->shape.ndim;
    for (int d = 0; d < x->shape.ndim; d++) {
        int64_t size = x->shape.sizes[d];
        place = place * size + (size == 1 ? 0 : index[d]);
    }
    return x->values[place];
}

static void unravel(int64_t place, const Sizes *shape, int64_t *index) {
    for (int d = shape->ndim; d-- > 0;) {
        index[d] = place % shape->sizes[d];
        place /= shape->sizes[d];
    }
}

static int64_t ravel(const int64_t *index, const Sizes *shape) {
    int64_t place = 0;
    for (int d = 0; d < shape->ndim; d++) place = place * shape->sizes[d] + index[d];
    return place;
}

/* ---- each kind of reference ---- */

static void broadcast_into(Sizes *shape, const Sizes *other) {
    Sizes joined = {.ndim = shape->ndim > other->ndim ? shape->ndim : other->ndim};
    for (int d = 1; d <= joined.ndim; d++) {
        int64_t a = d <= shape->ndim ? shape->sizes[shape->ndim - d] : 1;
        int64_t b = d <= other->ndim ? other->sizes[other->ndim - d] : 1;
        joined.sizes[joined.ndim - d] = a == 1 ? b : a;
    }
    *shape = joined;
}

static double of_elements(const Row *row, const double *v) {
    if (row->f1) return row->f1(v[0]);
    return row->f2 ? row->f2(v[0], v[1]) : row->fn(v, row);
}

static Dense elementwise(const Row *row, const Dense *x) {
    Sizes shape = {.ndim = 0};
    for (int i = 0; i < MAX_ROW_OPERANDS; i++)
        if (x[i].values) broadcast_into(&shape, &x[i].shape);
    Dense y = dense_new(&shape);
    int64_t index[CT_MAX_DIMS];
    for (int64_t place = 0, n = dense_numel(&y); place < n; place++) {
        double v[MAX_ROW_OPERANDS] = {0};
        unravel(place, &shape, index);
        for (int i = 0; i < MAX_ROW_OPERANDS; i++)
            if (x[i].values) v[i] = dense_at(&x[i], index, shape.ndim);
        y.values[place] = of_elements(row, v);
    }
    return y;
}

static bool reduces(const Row *row, int dim, int ndim) {
    for (int i = 0; i < row->ndims; i++)
        if (row->dims[i] == dim || row->dims[i] + ndim == dim) return true;
    return row->ndims == 0;
}

/* Gathers the elements that go into each result. */
static Dense joined(const Row *row, const Dense *x) {
    Sizes kept = x->shape, inner = x->shape, shape = {.ndim = 0};
    for (int d = 0; d < x->shape.ndim; d++) {
        bool gone = reduces(row, d, x->shape.ndim);
        (gone ? &kept : &inner)->sizes[d] = 1;
        if (!gone || row->keepdim) shape.sizes[shape.ndim++] = gone ? 1 : x->shape.sizes[d];
    }
    Dense y = dense_new(&shape);
    int64_t n = shape_numel(inner.sizes, inner.ndim), outer[CT_MAX_DIMS], index[CT_MAX_DIMS];
    double *v = calloc((size_t)n + 1, sizeof *v);
    for (int64_t place = 0, all = dense_numel(&y); place < all; place++) {
        unravel(place, &kept, outer);
        for (int64_t i = 0; i < n; i++) {
            unravel(i, &inner, index);
            for (int d = 0; d < kept.ndim; d++) index[d] += outer[d];
            v[i] = x->values[ravel(index, &x->shape)];
        }
        y.values[place] = row->join(v, n, row);
    }
    free(v);
    return y;
}

static Dense by_lines(const Row *row, const Dense *x) {
    Dense y = dense_new(&x->shape);
    int ndim = x->shape.ndim, dim = (int)(row->dims[0] < 0 ? row->dims[0] + ndim : row->dims[0]);
    int64_t n = ndim ? x->shape.sizes[dim] : 1, step = 1;
    for (int d = dim + 1; d < ndim; d++) step *= x->shape.sizes[d];
    double *v = calloc(2 * (size_t)n + 1, sizeof *v), *out = v + n;
    for (int64_t place = 0, all = dense_numel(x); place < all; place++) {
        if (place / step % n != 0) continue;
        for (int64_t i = 0; i < n; i++) v[i] = x->values[place + i * step];
        row->along(v, out, n, row);
        for (int64_t i = 0; i < n; i++) y.values[place + i * step] = out[i];
    }
    free(v);
    return y;
}

static Dense by_entries(const Row *row, const Dense *x) {
    Dense y = dense_new(&row->shape);
    int64_t index[CT_MAX_DIMS] = {0};
    for (int64_t place = 0, n = dense_numel(&y); place < n; place++) {
        unravel(place, &y.shape, index);
        y.values[place] = row->entry(index, x, row);
    }
    return y;
}

/* Joins the losses of the elements. */
static Dense reduced(const Row *row, const Dense *x, Dense losses) {
    if (row->loss == CT_NONE) return losses;
    Dense y = dense_new(&(Sizes){.ndim = 0});
    int64_t n = dense_numel(&losses);
    for (int64_t i = 0; i < n; i++) y.values[0] += losses.values[i];
    if (row->loss == CT_MEAN) y.values[0] /= row->denominator ? row->denominator(x, row) : (double)n;
    if (row->loss == CT_BATCHMEAN) y.values[0] /= (double)losses.shape.sizes[0];
    dense_free(&losses);
    return y;
}

Dense reference_of(const Row *row, const Dense *x) {
    if (row->join) return joined(row, x);
    if (row->along) return by_lines(row, x);
    return reduced(row, x, row->entry ? by_entries(row, x) : elementwise(row, x));
}

/* ---- references shared by many rows ---- */

double same_order(const int64_t *at, const Dense *x, const Row *row) {
    return x->values[ravel(at, &row->shape)];
}

double strided(const int64_t *at, const Dense *x, const Row *row) {
    int64_t place = row->offset;
    for (int d = 0; d < row->shape.ndim; d++) place += at[d] * row->strides[d];
    return x->values[place];
}

/* The sizes of the labels a … z, 1 for those that do not occur. */
static void label_sizes(const char *labels, const Dense *x, int64_t *sizes) {
    for (int i = 0; i < 26; i++) sizes[i] = 1;
    for (int operand = 0; *labels != '-'; operand++, labels += *labels == ',')
        for (int d = 0; *labels >= 'a'; d++, labels++) {
            int64_t size = x[operand].shape.sizes[d];
            if (size != 1) sizes[*labels - 'a'] = size;
        }
}

/* The product of one element of each operand. */
static double product_at(const char *labels, const Dense *x, const int64_t *index) {
    double product = 1;
    for (int operand = 0; *labels != '-'; operand++, labels += *labels == ',') {
        int64_t at[CT_MAX_DIMS] = {0};
        int d = 0;
        for (; *labels >= 'a'; labels++) at[d++] = index[*labels - 'a'];
        product *= dense_at(&x[operand], at, d);
    }
    return product;
}

/* labels name every dim by a letter, "ij,jk->ik": those that the result lacks are summed over. */
double sum_of_products(const int64_t *at, const Dense *x, const Row *row) {
    const char *out = strstr(row->labels, "->") + 2;
    Sizes summed = {.ndim = 0};
    int64_t sizes[26], index[26] = {0}, inner[CT_MAX_DIMS];
    int which[CT_MAX_DIMS];
    label_sizes(row->labels, x, sizes);
    for (int d = 0; out[d]; d++) index[out[d] - 'a'] = at[d];
    for (int label = 0; label < 26; label++)
        if (!strchr(out, 'a' + label) && strchr(row->labels, 'a' + label)) {
            which[summed.ndim] = label;
            summed.sizes[summed.ndim++] = sizes[label];
        }
    double sum = 0;
    for (int64_t i = 0, n = shape_numel(summed.sizes, summed.ndim); i < n; i++) {
        unravel(i, &summed, inner);
        for (int d = 0; d < summed.ndim; d++) index[which[d]] = inner[d];
        sum += product_at(row->labels, x, index);
    }
    return sum;
}

/* ---- dtypes and tolerances ---- */

bool is_floating_dtype(ct_dtype dtype) {
    return dtype == CT_F32 || dtype == CT_F64 || dtype == CT_F16 || dtype == CT_BF16;
}

ct_dtype promote(ct_dtype a, ct_dtype b) {
    static const int rank[] = {[CT_BOOL] = 0, [CT_U8] = 1,   [CT_I32] = 2, [CT_I64] = 3,
                               [CT_F16] = 4,  [CT_BF16] = 4, [CT_F32] = 5, [CT_F64] = 6};
    if (a != b && rank[a] == rank[b]) return CT_F32;
    return rank[a] > rank[b] ? a : b;
}

static int category(ct_dtype dtype) {
    return dtype == CT_BOOL ? 0 : is_floating_dtype(dtype) ? 2 : 1;
}

/* Operands without dims count only where they raise the category. */
static ct_dtype promoted(const Row *row, ct_tensor *const *x) {
    ct_dtype of[2] = {CT_BOOL, CT_BOOL}; /* with dims, without */
    bool any[2] = {false, false};
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        if (!x[i] || !takes_dtype(&row->x[i])) continue;
        int which = ct_ndim(x[i]) == 0;
        of[which] = any[which] ? promote(of[which], ct_type(x[i])) : ct_type(x[i]);
        any[which] = true;
    }
    if (!any[0]) return of[1];
    return any[1] && category(of[1]) > category(of[0]) ? of[1] : of[0];
}

ct_dtype result_dtype(const Row *row, ct_tensor *const *x) {
    if (row->result == TRUTH) return CT_BOOL;
    if (row->result == PLACE) return CT_I64;
    if (row->result == DOUBLE) return CT_F64;
    ct_dtype dtype = row->result == FIRST ? ct_type(x[0]) : promoted(row, x);
    if (is_floating_dtype(dtype)) return dtype;
    if (row->result == FLOAT) return CT_F32;
    bool widens = row->result == WIDE || (row->result == COUNTED && dtype == CT_BOOL);
    return widens ? CT_I64 : dtype;
}

/* Of forward results against the F64 answer on the same operands. */
Tolerance tolerance_of(const Row *row, ct_dtype dtype, ct_tensor *const *x) {
    double most = 0;
    if (!is_floating_dtype(dtype) || row->flags & EXACT) return (Tolerance){0, 0};
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        double *values = x[i] ? read_doubles(x[i]) : NULL;
        for (int64_t k = 0; values && k < ct_numel(x[i]); k++)
            if (isfinite(values[k])) most = fmax(most, fabs(values[k]));
        free(values);
    }
    if (dtype == CT_F64) return (Tolerance){1e-10, 1e-10 + 1e-12 * most};
    if (dtype == CT_F32) return (Tolerance){5e-6, 1e-5 + 2e-6 * most};
    double unit = dtype == CT_F16 ? 0x1p-9 : 0x1p-6;
    return (Tolerance){unit, unit * (1 + most)};
}
