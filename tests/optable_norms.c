/* Rows: norms of channels, vectors of length 1, attention, and images resized. */
#include "optable.h"
#include <stdlib.h>
#include <string.h>

#define REALS(...) OPERAND(REAL, -2, 2, __VA_ARGS__)
#define NONE                   \
    {                          \
        ABSENT, 0, 0, {0}, 0   \
    }

/* ---- group norm and batch norm: p holds the groups (0: batch norm), eps ---- */

static bool same_unit(const int64_t *at, int64_t place, const Sizes *shape, int64_t groups) {
    int64_t index[CT_MAX_DIMS];
    for (int d = shape->ndim; d-- > 0; place /= shape->sizes[d]) index[d] = place % shape->sizes[d];
    if (groups == 0) return index[1] == at[1];
    const int64_t size = shape->sizes[1] / groups;
    return index[0] == at[0] && index[1] / size == at[1] / size;
}

static double normalized(const int64_t *at, const Dense *x, const Row *row) {
    const int64_t groups = (int64_t)row->p[0], n = dense_numel(x);
    double sum = 0, squares = 0, count = 0;
    for (int64_t i = 0; i < n; i++)
        if (same_unit(at, i, &x->shape, groups)) sum += x->values[i], count++;
    for (int64_t i = 0; i < n; i++)
        if (same_unit(at, i, &x->shape, groups)) squares += pow(x->values[i] - sum / count, 2);
    double y = (dense_at(x, at, x->shape.ndim) - sum / count) / sqrt(squares / count + row->p[1]);
    if (x[1].values) y *= x[1].values[at[1]];
    return x[2].values ? y + x[2].values[at[1]] : y;
}

/* x, weight, running mean, running variance; p[1] is eps. */
static double evaluated(const int64_t *at, const Dense *x, const Row *row) {
    const double y = (dense_at(x, at, x->shape.ndim) - x[2].values[at[1]]) / sqrt(x[3].values[at[1]] + row->p[1]);
    return x[1].values ? y * x[1].values[at[1]] : y;
}

CALL(group_norm, ct_group_norm(x[0], (int64_t)row->p[0], x[1], x[2], row->p[1]))
CALL(batch_norm, ct_batch_norm(x[0], x[1], x[2], NULL, NULL, true, 0.1, row->p[1]))
CALL(evaluate, ct_batch_norm(x[0], x[1], NULL, x[2], x[3], false, 0.1, row->p[1]))

#define CHANNELS(adapter, variant_, groups, eps, x_, w, b, ...)                                                      \
    {                                                                                                                 \
        .name = "ct_" #adapter, .variant = variant_, .call = adapter, .entry = normalized, .x = {x_, w, b},            \
        .p = {groups, eps}, .optional = 6, .flags = ROUNDS | FIXED_DTYPE | NO_INFINITIES, .shape = {SIZES(__VA_ARGS__)} \
    }
#define EVALUATED(variant_, x_, w, c, ...)                                                                            \
    {                                                                                                                 \
        .name = "ct_batch_norm", .variant = variant_, .call = evaluate, .entry = evaluated,                            \
        .x = {x_, w, OPERAND(CONSTANT, -1, 1, c), OPERAND(CONSTANT, 0.5, 2, c)}, .p = {0, 1e-5}, .optional = 2,        \
        .flags = ROUNDS | FIXED_DTYPE | NO_INFINITIES, .shape = {SIZES(__VA_ARGS__)}                                   \
    }

/* ---- vectors: p holds the norm's p and eps ---- */

static void unit_line(const double *v, double *out, int64_t n, const Row *row) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += pow(fabs(v[i]), row->p[0]);
    for (int64_t i = 0; i < n; i++) out[i] = v[i] / fmax(pow(sum, 1 / row->p[0]), row->p[1]);
}

/* Along dim 1 of three dims. */
static double cosine(const int64_t *at, const Dense *x, const Row *row) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < x->shape.sizes[1]; i++) {
        const double a = AT(&x[0], at[0], i, at[1]), b = AT(&x[1], at[0], i, at[1]);
        ab += a * b, aa += a * a, bb += b * b;
    }
    return ab / (fmax(sqrt(aa), row->p[1]) * fmax(sqrt(bb), row->p[1]));
}

CALL(normalize, ct_normalize(x[0], row->p[0], (int)row->dims[0], row->p[1]))
CALL(cosine_similarity, ct_cosine_similarity(x[0], x[1], 1, row->p[1]))

#define UNITS(variant_, p_, eps, dim, ...)                                                                            \
    {                                                                                                                 \
        .name = "ct_normalize", .variant = variant_, .call = normalize, .along = unit_line,                            \
        .x = {OPERAND(NONZERO, -2, 2, __VA_ARGS__)}, .p = {p_, eps}, .dims = {dim}, .ndims = 1, .flags = ROUNDS        \
    }
#define COSINE(variant_, a, b, ...)                                                                                   \
    {                                                                                                                 \
        .name = "ct_cosine_similarity", .variant = variant_, .call = cosine_similarity, .entry = cosine, .x = {a, b},  \
        .p = {0, 1e-8}, .flags = ROUNDS, .shape = {SIZES(__VA_ARGS__)}                                                 \
    }

/* ---- attention: p[0] says causal; a mask is x[3] ---- */

/* The index of matrix element (i, j) in the batch of the result's index. */
static double element(const Dense *x, const int64_t *at, int ndim, int64_t i, int64_t j) {
    int64_t index[CT_MAX_DIMS];
    memcpy(index, at, sizeof index);
    index[ndim - 2] = i;
    index[ndim - 1] = j;
    return dense_at(x, index, ndim);
}

static bool is_boolean(const Row *row) {
    return row->x[3].kind == MASK;
}

static double attended(const int64_t *at, const Dense *x, const Row *row) {
    const int ndim = row->shape.ndim;
    const int64_t depth = x[0].shape.sizes[x[0].shape.ndim - 1], keys = x[2].shape.sizes[x[2].shape.ndim - 2], query = at[ndim - 2];
    double *scores = calloc((size_t)keys + 1, sizeof *scores), largest = -INFINITY, sum = 0, y = 0;
    for (int64_t k = 0; k < keys; k++) {
        for (int64_t e = 0; e < depth; e++) scores[k] += element(&x[0], at, ndim, query, e) * element(&x[1], at, ndim, k, e);
        scores[k] /= sqrt((double)depth);
        const double mask = x[3].values ? element(&x[3], at, ndim, query, k) : 0;
        if (row->p[0] != 0 && k > query) scores[k] = -INFINITY;
        if (x[3].values) scores[k] = !is_boolean(row) ? scores[k] + mask : mask != 0 ? scores[k] : -INFINITY;
        largest = fmax(largest, scores[k]);
    }
    for (int64_t k = 0; k < keys && largest > -INFINITY; k++) {
        sum += exp(scores[k] - largest);
        y += exp(scores[k] - largest) * element(&x[2], at, ndim, k, at[ndim - 1]);
    }
    free(scores);
    return sum > 0 ? y / sum : 0;
}

CALL(attention, ct_scaled_dot_product_attention(x[0], x[1], x[2], x[3], 0, row->p[0] != 0))

#define ATTENTION(variant_, causal, q, k, v, mask, ...)                                                               \
    {                                                                                                                 \
        .name = "ct_scaled_dot_product_attention", .variant = variant_, .call = attention, .entry = attended,          \
        .x = {q, k, v, mask}, .p = {causal}, .optional = 8, .flags = ROUNDS | FIXED_DTYPE | NO_INFINITIES,             \
        .shape = {SIZES(__VA_ARGS__)}                                                                                 \
    }

/* ---- images: p holds the sizes of the result ---- */

/* Weights of a row (or column) of an image for place i of the result, as PyTorch's documentation has them. */
static double cubic(double d) {
    d = fabs(d);
    return d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : d < 2 ? -0.75 * (((d - 5) * d + 8) * d - 4) : 0;
}

static double weight_of(const char *mode, int64_t i, int64_t k, int64_t from, int64_t to) {
    const double ratio = (double)from / (double)to, at = ((double)i + 0.5) * ratio - 0.5;
    double weight = 0;
    if (strcmp(mode, "nearest") == 0) return (double)k == floor((double)i * ratio);
    if (strcmp(mode, "nearest-exact") == 0) return (double)k == floor(at + 0.5);
    if (strcmp(mode, "bilinear") == 0) return fmax(0, 1 - fabs(fmin(fmax(at, 0), (double)from - 1) - (double)k));
    if (strcmp(mode, "area") == 0) {
        const double first = floor((double)(i * from) / (double)to), last = ceil((double)((i + 1) * from) / (double)to);
        return (double)k >= first && (double)k < last ? 1 / (last - first) : 0;
    }
    for (int64_t j = -3; j < from + 3; j++) /* what lies outside counts for the border */
        if ((j < 0 ? 0 : j < from ? j : from - 1) == k) weight += cubic(at - (double)j);
    return weight;
}

static double resized(const int64_t *at, const Dense *x, const Row *row) {
    const int64_t *from = x->shape.sizes + 2, *to = row->shape.sizes + 2;
    double sum = 0;
    for (int64_t i = 0; i < from[0]; i++)
        for (int64_t j = 0; j < from[1]; j++)
            sum += weight_of(row->text, at[2], i, from[0], to[0]) * weight_of(row->text, at[3], j, from[1], to[1]) *
                   AT(x, at[0], at[1], i, j);
    return sum;
}

CALL(interpolate, ct_interpolate(x[0], row->shape.sizes[2], row->shape.sizes[3], row->text))

#define RESIZED(mode, variant_, dtypes_, flags_, x_, ...)                                                             \
    {                                                                                                                 \
        .name = "ct_interpolate", .variant = mode ", " variant_, .call = interpolate, .entry = resized, .x = {x_},     \
        .text = mode, .dtypes = dtypes_, .flags = flags_, .shape = {SIZES(__VA_ARGS__)}                                \
    }
#define EVERY_SIZE(mode, dtypes, flags)                                                                               \
    RESIZED(mode, "larger", dtypes, flags, REALS(2, 2, 3, 4), 2, 2, 7, 5),                                             \
        RESIZED(mode, "smaller", dtypes, flags, REALS(1, 3, 7, 9), 1, 3, 4, 2),                                        \
        RESIZED(mode, "the same", dtypes, flags, REALS(2, 1, 4, 3), 2, 1, 4, 3),                                       \
        RESIZED(mode, "one pixel", dtypes, flags, REALS(1, 1, 1, 1), 1, 1, 3, 2),                                      \
        RESIZED(mode, "no image", dtypes, flags, REALS(0, 2, 3, 3), 0, 2, 5, 2),                                       \
        RESIZED(mode, "large", dtypes, flags, REALS(1, 2, 17, 12), 1, 2, 13, 21)

static const Row rows[] = {
    CHANNELS(group_norm, "two groups", 2, 1e-5, REALS(2, 4, 3), REALS(4), REALS(4), 2, 4, 3),
    CHANNELS(group_norm, "images", 3, 0.1, REALS(2, 6, 2, 3), REALS(6), REALS(6), 2, 6, 2, 3),
    CHANNELS(group_norm, "no weight", 1, 1e-5, REALS(2, 4, 3), NONE, REALS(4), 2, 4, 3),
    CHANNELS(group_norm, "no bias", 4, 1e-5, REALS(2, 4, 3), REALS(4), NONE, 2, 4, 3),
    CHANNELS(group_norm, "single numbers, neither", 2, 1e-5, REALS(3, 6), NONE, NONE, 3, 6),
    CHANNELS(group_norm, "no samples", 2, 1e-5, REALS(0, 4, 3), REALS(4), REALS(4), 0, 4, 3),
    CHANNELS(group_norm, "large", 2, 1e-5, REALS(3, 4, 90), REALS(4), REALS(4), 3, 4, 90),
    CHANNELS(batch_norm, "lines", 0, 1e-5, REALS(3, 4, 3), REALS(4), REALS(4), 3, 4, 3),
    CHANNELS(batch_norm, "images", 0, 0.1, REALS(2, 3, 2, 3), REALS(3), REALS(3), 2, 3, 2, 3),
    CHANNELS(batch_norm, "single numbers", 0, 1e-5, REALS(7, 3), REALS(3), REALS(3), 7, 3),
    CHANNELS(batch_norm, "no weight", 0, 1e-5, REALS(7, 3), NONE, REALS(3), 7, 3),
    CHANNELS(batch_norm, "no bias", 0, 1e-5, REALS(3, 4, 3), REALS(4), NONE, 3, 4, 3),
    CHANNELS(batch_norm, "neither", 0, 1e-5, REALS(3, 4, 3), NONE, NONE, 3, 4, 3),
    CHANNELS(batch_norm, "no samples", 0, 1e-5, REALS(0, 4, 3), REALS(4), REALS(4), 0, 4, 3),
    CHANNELS(batch_norm, "large", 0, 1e-5, REALS(3, 4, 90), REALS(4), REALS(4), 3, 4, 90),
    EVALUATED("running", REALS(3, 4, 3), REALS(4), 4, 3, 4, 3),
    EVALUATED("running, one sample, no weight", REALS(1, 4), NONE, 4, 1, 4),
    UNITS("p = 2", 2, 1e-12, 1, 3, 4, 2),
    UNITS("p = 3, last", 3, 1e-12, -1, 3, 4),
    UNITS("p = 1, bounded", 1, 100, 0, 3, 4),
    COSINE("one shape", OPERAND(NONZERO, -2, 2, 3, 4, 2), OPERAND(NONZERO, -2, 2, 3, 4, 2), 3, 2),
    COSINE("broadcast", OPERAND(NONZERO, -2, 2, 3, 4, 2), OPERAND(NONZERO, -2, 2, 4, 1), 3, 2),
    ATTENTION("one matrix", 0, REALS(4, 3), REALS(5, 3), REALS(5, 2), NONE, 4, 2),
    ATTENTION("batches", 0, REALS(2, 2, 3, 4), REALS(2, 2, 5, 4), REALS(2, 2, 5, 3), NONE, 2, 2, 3, 3),
    ATTENTION("batches that broadcast", 0, REALS(3, 1, 3, 2), REALS(2, 4, 2), REALS(3, 2, 4, 3), NONE, 3, 2, 3, 3),
    ATTENTION("causal", 1, REALS(2, 5, 3), REALS(2, 5, 3), REALS(2, 5, 4), NONE, 2, 5, 4),
    ATTENTION("causal, more queries", 1, REALS(6, 3), REALS(3, 3), REALS(3, 2), NONE, 6, 2),
    ATTENTION("causal, more keys", 1, REALS(3, 3), REALS(6, 3), REALS(6, 2), NONE, 3, 2),
    ATTENTION("boolean mask", 0, REALS(2, 4, 3), REALS(2, 5, 3), REALS(2, 5, 2), OPERAND(MASK, 0, 1, 4, 5), 2, 4, 2),
    ATTENTION("mask of keys", 0, REALS(2, 4, 3), REALS(2, 5, 3), REALS(2, 5, 2), OPERAND(MASK, 0, 1, 2, 1, 5), 2, 4, 2),
    ATTENTION("mask of queries, which see all or none", 0, REALS(2, 8, 3), REALS(2, 5, 3), REALS(2, 5, 2),
              OPERAND(MASK, 0, 1, 8, 1), 2, 8, 2),
    ATTENTION("mask that is added", 0, REALS(2, 4, 3), REALS(2, 5, 3), REALS(2, 5, 2), REALS(4, 5), 2, 4, 2),
    ATTENTION("mask of a larger batch", 0, REALS(4, 3), REALS(5, 3), REALS(5, 2), OPERAND(CONSTANT, -2, 2, 2, 1, 5), 2, 4, 2),
    ATTENTION("no queries", 0, REALS(2, 0, 3), REALS(2, 5, 3), REALS(2, 5, 2), NONE, 2, 0, 2),
    ATTENTION("no keys", 0, REALS(2, 4, 3), REALS(2, 0, 3), REALS(2, 0, 2), NONE, 2, 4, 2),
    ATTENTION("no batch", 0, REALS(0, 4, 3), REALS(0, 5, 3), REALS(0, 5, 2), NONE, 0, 4, 2),
    ATTENTION("several panels", 0, REALS(3, 35), REALS(5, 35), REALS(5, 37), NONE, 3, 37),
    ATTENTION("whole panels", 0, REALS(2, 3, 64), REALS(2, 5, 64), REALS(2, 5, 32), NONE, 2, 3, 32),
    ATTENTION("several blocks", 0, REALS(70, 5), REALS(270, 5), REALS(270, 2), NONE, 70, 2),
    ATTENTION("several blocks, causal", 1, REALS(270, 2), REALS(270, 2), REALS(270, 1), NONE, 270, 1),
    ATTENTION("several blocks, boolean mask", 0, REALS(70, 3), REALS(270, 3), REALS(270, 2), OPERAND(MASK, 0, 1, 70, 270), 70, 2),
    ATTENTION("several blocks, mask that is added", 0, REALS(70, 4), REALS(270, 4), REALS(270, 2),
              OPERAND(CONSTANT, -9, 9, 70, 270), 70, 2),
    EVERY_SIZE("nearest", ANY_DTYPE, EXACT),
    EVERY_SIZE("nearest-exact", ANY_DTYPE, EXACT),
    EVERY_SIZE("bilinear", FLOATING, ROUNDS),
    EVERY_SIZE("bicubic", FLOATING, ROUNDS),
    EVERY_SIZE("area", FLOATING, ROUNDS),
};
const RowGroup optable_norms = ROW_GROUP(rows);
