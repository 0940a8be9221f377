/* Placing a tensor inside a larger one, or cropping it: attr.list has a pair for each dim. */
#include "../internal/op.h"
#include <string.h>

static ct_tensor *pad_forward(Call *c) {
    int64_t pads[CT_MAX_DIMS][2];
    memcpy(pads, c->attr->list, (size_t)c->attr->count * sizeof(int64_t));
    return tensor_pad(c->x[0], (const int64_t(*)[2])pads, c->attr->alpha);
}

static ct_tensor *pad_vjp(const Call *c, ct_tensor *g, int i);

static const Op pad_op = {
    .name = "pad", .formula = "dy/dx = 1 for what stays, else 0", .forward = pad_forward, .vjp = pad_vjp};

/* What was padded is cropped, what was cropped is padded with 0. */
static ct_tensor *pad_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    int64_t pads[2 * CT_MAX_DIMS];
    for (int j = 0; j < c->attr->count; j++) pads[j] = -c->attr->list[j];
    return APPLY(&pad_op, ATTR(.count = c->attr->count, .list = pads), g);
}

enum { CONSTANT, REFLECT, REPLICATE, CIRCULAR, MODES };

/* Where the element at `at`, counted from x's first, comes from. */
static int64_t source(int mode, int64_t at, int64_t size) {
    if (mode == REPLICATE) return at < 0 ? 0 : at >= size ? size - 1 : at;
    if (mode == CIRCULAR) return at < 0 ? at + size : at >= size ? at - size : at;
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

/* Pads one dim with elements of x. */
static ct_tensor *pad_dim(ct_tensor *x, int mode, int dim, int64_t before, int64_t after) {
    CT_SCOPED;
    const int64_t size = x->shape[dim], padded = size + before + after;
    ct_tensor *index = tensor_full(CT_I64, &padded, 1, 0);
    if (!index) return NULL;
    for (int64_t i = 0; i < padded; i++) ((int64_t *)index->data)[i] = source(mode, i - before, size);
    return ct_scope_keep(ct_index_select(x, dim, index));
}

/* Whether a dim can be padded so. */
static bool check_pad(const ct_tensor *x, int mode, int dim, int64_t before, int64_t after) {
    static const char *const limits[] = {"", "less than the size", "any, of a size above 0",
                                         "at most the size"};
    int64_t size = x->shape[dim], more = before > after ? before : after, whole;
    bool counted =
        !__builtin_add_overflow(before, after, &whole) && !__builtin_add_overflow(whole, size, &whole);
    if (!counted || whole < 0 || before < -INT64_MAX || after < -INT64_MAX) {
        tensor_error(CT_ERR_SHAPE, "pads of %lld and %lld give dim %d of size %lld a size that cannot be",
                     (long long)before, (long long)after, dim, (long long)size);
        return false;
    }
    bool fits = more <= 0 || mode == CONSTANT ||
                (mode == REFLECT    ? more < size
                 : mode == CIRCULAR ? more <= size
                                    : size > 0);
    if (fits && (mode == CONSTANT || (before >= -size && after >= -size))) return true;
    tensor_error(CT_ERR_VALUE,
                 "pads of %lld and %lld for dim %d of size %lld; this mode takes %s, and crops no more than "
                 "the size",
                 (long long)before, (long long)after, dim, (long long)size, limits[mode]);
    return false;
}

static int mode_named(const char *name) {
    static const char *const names[] = {"constant", "reflect", "replicate", "circular"};
    for (int mode = 0; mode < MODES; mode++)
        if (strcmp(name, names[mode]) == 0) return mode;
    tensor_error(CT_ERR_VALUE, "mode \"%s\"; expected constant, reflect, replicate or circular", name);
    return -1;
}

/* The pairs for all of x's dims, from those for the last ones. */
static bool read_pads(const ct_tensor *x, const int64_t *given, int n, int mode, int64_t (*pads)[2]) {
    int64_t shape[CT_MAX_DIMS];
    if (n > 0 && !tensor_given(given, "pads")) return false;
    if (n < 0 || n % 2 || n / 2 > x->ndim) {
        tensor_error(CT_ERR_VALUE, "%d pads for x %s; expected pairs, for at most all dims", n,
                     tensor_shape_of(x));
        return false;
    }
    for (int d = 0; d < x->ndim; d++) {
        int pair = x->ndim - 1 - d;
        for (int side = 0; side < 2; side++) pads[d][side] = pair < n / 2 ? given[2 * pair + side] : 0;
        if (!check_pad(x, mode, d, pads[d][0], pads[d][1])) return false;
        shape[d] = x->shape[d] + pads[d][0] + pads[d][1];
    }
    return tensor_check_shape((ct_dtype)x->dtype, shape, x->ndim);
}

ct_tensor *ct_pad(ct_tensor *x, const int64_t *pads, int n, const char *mode, double value) {
    FUNCTION("ct_pad");
    CT_SCOPED;
    int64_t pairs[CT_MAX_DIMS][2];
    if (!tensor_given(x, "x") || !tensor_given(mode, "mode")) return NULL;
    int how = mode_named(mode);
    if (how < 0 || !read_pads(x, pads, n, how, pairs)) return NULL;
    if (how == CONSTANT)
        return ct_scope_keep(APPLY(&pad_op, ATTR(.alpha = value, .count = 2 * x->ndim, .list = pairs[0]), x));
    ct_tensor *y = x;
    for (int d = 0; d < x->ndim && y; d++)
        if (pairs[d][0] || pairs[d][1]) y = pad_dim(y, how, d, pairs[d][0], pairs[d][1]);
    return ct_scope_keep(y == x ? ct_clone(x) : y);
}
