/* Joining tensors, splitting them, and placing them inside larger ones. */
#include "../internal/op.h"
#include "../../tensor/internal/memory.h"
#include <string.h>

static bool check_list(ct_tensor *const *xs, int n) {
    if (!tensor_given(xs, "xs")) return false;
    if (n < 1 || n > MAX_INPUTS) {
        tensor_error(CT_ERR_VALUE, "%d tensors; expected 1 to %d", n, MAX_INPUTS);
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!tensor_given(xs[i], "a tensor of the list")) return false;
    return true;
}

/* ---- cat: attr.list says where each operand begins, and where the last ends ---- */

static ct_tensor *cat_forward(Call *c) {
    return tensor_cat(c->x, c->n, c->attr->dim);
}

static ct_tensor *cat_vjp(const Call *c, ct_tensor *g, int i) {
    const int64_t *start = c->attr->list + i;
    if (start[0] == start[1]) return autograd_input_zeros(c, i);
    return ct_narrow(g, c->attr->dim, start[0], start[1] - start[0]);
}

static const Op cat_op = {.name = "cat",
                          .formula = "dy/dx_i = 1 for the part that x_i became",
                          .forward = cat_forward,
                          .vjp = cat_vjp};

ct_tensor *ct_cat(ct_tensor *const *xs, int n, int dim) {
    FUNCTION("ct_cat");
    CT_SCOPED;
    if (!check_list(xs, n)) return NULL;
    const ct_tensor *first = xs[0];
    for (int i = 0; i < n && first->ndim == 1 && first->shape[0] == 0; i++) first = xs[i];
    int along = tensor_dim_with_size(first, dim);
    const int64_t count = n + 1;
    ct_tensor *list = along < 0 ? NULL : tensor_full(CT_I64, &count, 1, 0);
    if (!list) return NULL;
    int64_t *starts = (int64_t *)list->data;
    for (int i = 0; i < n; i++) {
        bool counts = along < xs[i]->ndim && xs[i]->ndim == first->ndim;
        starts[i + 1] = starts[i] + (counts ? xs[i]->shape[along] : 0);
    }
    return ct_scope_keep(
        autograd_apply(&cat_op, ATTR(.dim = along, .count = n + 1, .list = starts), n, xs));
}

/* ---- stack ---- */

static ct_tensor *stack_forward(Call *c) {
    return tensor_stack(c->x, c->n, c->attr->dim);
}

static ct_tensor *stack_vjp(const Call *c, ct_tensor *g, int i) {
    return ct_select(g, c->attr->dim, i);
}

static const Op stack_op = {
    .name = "stack", .formula = "dy/dx_i = 1 at index i", .forward = stack_forward, .vjp = stack_vjp};

ct_tensor *ct_stack(ct_tensor *const *xs, int n, int dim) {
    FUNCTION("ct_stack");
    if (!check_list(xs, n)) return NULL;
    int along = tensor_dim(dim, xs[0]->ndim + 1);
    if (along < 0) return NULL;
    for (int i = 1; i < n; i++)
        if (!tensor_same_shape(xs[0], xs[i])) {
            tensor_error(CT_ERR_SHAPE, "tensor %d has shape %s, the first %s; expected equal shapes", i,
                         tensor_shape_of(xs[i]), tensor_shape_of(xs[0]));
            return NULL;
        }
    return autograd_apply(&stack_op, ATTR(.dim = along), n, xs);
}

/* ---- splitting ---- */

/* `count` pieces of `size` indices each, of which the last may be smaller, or single indices without their
 * dim. They are written when all are made. */
static int pieces(ct_tensor *x, int dim, int64_t size, int64_t count, bool single, ct_tensor **out,
                  int max_out) {
    if (count > max_out) {
        tensor_error(CT_ERR_VALUE, "dim %d of size %lld has %lld pieces; there is room for %d", dim,
                     (long long)x->shape[dim], (long long)count, max_out);
        return -1;
    }
    if (count == 0) return 0;
    if (!tensor_given(out, "out")) return -1;
    ct_tensor **made = tensor_alloc((size_t)count * sizeof *made);
    bool done = made;
    for (int64_t i = 0; i < count && done; i++) {
        int64_t rest = x->shape[dim] - i * size;
        made[i] = single ? ct_select(x, dim, i) : ct_narrow(x, dim, i * size, rest < size ? rest : size);
        done = made[i] != NULL;
    }
    if (done) memcpy(out, made, (size_t)count * sizeof *made);
    tensor_free(made, (size_t)count * sizeof *made);
    return done ? (int)count : -1;
}

int ct_split(ct_tensor *x, int64_t size, int dim, ct_tensor **out, int max_out) {
    FUNCTION("ct_split");
    if (!tensor_given(x, "x")) return -1;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0) return -1;
    int64_t whole = x->shape[along];
    if (size < 0 || (size == 0 && whole > 0)) {
        tensor_error(CT_ERR_VALUE, "pieces of size %lld from a dim of size %lld; expected 1 or more",
                     (long long)size, (long long)whole);
        return -1;
    }
    return pieces(x, along, size, whole == 0 ? 1 : (whole - 1) / size + 1, false, out, max_out);
}

int ct_chunk(ct_tensor *x, int64_t chunks, int dim, ct_tensor **out, int max_out) {
    FUNCTION("ct_chunk");
    if (!tensor_given(x, "x")) return -1;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0) return -1;
    if (chunks < 1) {
        tensor_error(CT_ERR_VALUE, "%lld chunks; expected 1 or more", (long long)chunks);
        return -1;
    }
    int64_t whole = x->shape[along], size = whole == 0 ? 0 : (whole - 1) / chunks + 1;
    return pieces(x, along, size, size == 0 ? chunks : (whole - 1) / size + 1, false, out, max_out);
}

int ct_unbind(ct_tensor *x, int dim, ct_tensor **out, int max_out) {
    FUNCTION("ct_unbind");
    if (!tensor_given(x, "x")) return -1;
    int along = tensor_dim_with_size(x, dim);
    return along < 0 ? -1 : pieces(x, along, 1, x->shape[along], true, out, max_out);
}

/* ---- repeat ---- */

/* x [.., s, ..] -> [.., count · s, ..]: as three dims, of which the middle one is new. */
static ct_tensor *repeat_dim(ct_tensor *x, int dim, int64_t count) {
    CT_SCOPED;
    int64_t joined[3] = {1, 1, 1}, shape[CT_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) {
        joined[d < dim ? 0 : 2] *= x->shape[d];
        shape[d] = x->shape[d];
    }
    if (__builtin_mul_overflow(shape[dim], count, &shape[dim]) ||
        !tensor_check_shape((ct_dtype)x->dtype, shape, x->ndim)) {
        tensor_error(CT_ERR_SHAPE, "x %s, %lld times along dim %d, has more elements than can be counted",
                     tensor_shape_of(x), (long long)count, dim);
        return NULL;
    }
    ct_tensor *rows = ct_reshape(x, joined, 3);
    joined[1] = count;
    return ct_scope_keep(ct_reshape(ct_expand(rows, joined, 3), shape, x->ndim));
}

ct_tensor *ct_repeat(ct_tensor *x, const int64_t *reps, int n) {
    FUNCTION("ct_repeat");
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    if (!tensor_given(x, "x") || (n > 0 && !tensor_given(reps, "reps"))) return NULL;
    if (n < x->ndim || n > CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "%d counts for x %s; expected one for each dim, at most %d", n,
                     tensor_shape_of(x), CT_MAX_DIMS);
        return NULL;
    }
    for (int d = 0; d < n; d++) {
        shape[d] = d < n - x->ndim ? 1 : x->shape[d - (n - x->ndim)];
        if (reps[d] >= 0) continue;
        tensor_error(CT_ERR_VALUE, "count %lld for dim %d; expected 0 or more", (long long)reps[d], d);
        return NULL;
    }
    ct_tensor *y = ct_reshape(x, shape, n);
    for (int d = n; d-- > 0 && y;)
        if (reps[d] != 1) y = repeat_dim(y, d, reps[d]);
    return ct_scope_keep(y && ct_same_storage(x, y) ? ct_clone(y) : y);
}

/* ---- flip ---- */

static ct_tensor *flip_forward(Call *c) {
    return tensor_flip(c->x[0], c->attr->set);
}

static ct_tensor *flip_vjp(const Call *c, ct_tensor *g, int i);

static const Op flip_op = {
    .name = "flip", .formula = "dy/dx = 1, in reverse", .forward = flip_forward, .vjp = flip_vjp};

static ct_tensor *flip_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return APPLY(&flip_op, c->attr, g);
}

ct_tensor *ct_flip(ct_tensor *x, const int64_t *dims, int n) {
    FUNCTION("ct_flip");
    unsigned set = 0;
    if (!tensor_given(x, "x") || (n != 0 && !tensor_dims(dims, n, x->ndim, &set))) return NULL;
    return APPLY(&flip_op, ATTR(.set = set), x);
}

/* ---- pad: attr.list has a pair for each dim ---- */

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
        return ct_scope_keep(
            APPLY(&pad_op, ATTR(.alpha = value, .count = 2 * x->ndim, .list = pairs[0]), x));
    ct_tensor *y = x;
    for (int d = 0; d < x->ndim && y; d++)
        if (pairs[d][0] || pairs[d][1]) y = pad_dim(y, how, d, pairs[d][0], pairs[d][1]);
    return ct_scope_keep(y == x ? ct_clone(x) : y);
}
