/* Joining tensors, splitting them, repeating and turning them. */
#include "../internal/op.h"
#include "../../tensor/internal/memory.h"
#include <limits.h>
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

/* x [.., s, ..] -> [.., count · s, ..]: as three dims, of which the middle one is new. It stands before dim, or, where
 * each index is repeated by itself, behind it. */
static ct_tensor *repeat_dim(ct_tensor *x, int dim, int64_t count, bool each) {
    CT_SCOPED;
    int64_t joined[3] = {1, 1, 1}, shape[CT_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) {
        joined[d < dim + each ? 0 : 2] *= x->shape[d];
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

static bool check_count(int64_t count, int dim) {
    if (count >= 0) return true;
    tensor_error(CT_ERR_VALUE, "count %lld for dim %d; expected 0 or more", (long long)count, dim);
    return false;
}

/* x, repeated along n dims, of which the first are new where x has fewer. */
static ct_tensor *repeat_dims(ct_tensor *x, const int64_t *reps, int n) {
    CT_SCOPED;
    int64_t shape[CT_MAX_DIMS];
    for (int d = 0; d < n; d++) {
        shape[d] = d < n - x->ndim ? 1 : x->shape[d - (n - x->ndim)];
        if (!check_count(reps[d], d)) return NULL;
    }
    ct_tensor *y = ct_reshape(x, shape, n);
    for (int d = n; d-- > 0 && y;)
        if (reps[d] != 1) y = repeat_dim(y, d, reps[d], false);
    return ct_scope_keep(y && ct_same_storage(x, y) ? ct_clone(y) : y);
}

ct_tensor *ct_repeat(ct_tensor *x, const int64_t *reps, int n) {
    FUNCTION("ct_repeat");
    if (!tensor_given(x, "x") || (n > 0 && !tensor_given(reps, "reps"))) return NULL;
    if (n >= x->ndim && n <= CT_MAX_DIMS) return repeat_dims(x, reps, n);
    tensor_error(CT_ERR_SHAPE, "%d counts for x %s; expected one for each dim, at most %d", n, tensor_shape_of(x),
                 CT_MAX_DIMS);
    return NULL;
}

ct_tensor *ct_tile(ct_tensor *x, const int64_t *reps, int n) {
    FUNCTION("ct_tile");
    int64_t all[CT_MAX_DIMS];
    if (!tensor_given(x, "x") || (n > 0 && !tensor_given(reps, "reps"))) return NULL;
    if (n < 0 || n > CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "%d counts for x %s; expected 0 to %d", n, tensor_shape_of(x), CT_MAX_DIMS);
        return NULL;
    }
    const int missing = n < x->ndim ? x->ndim - n : 0;
    for (int d = 0; d < missing; d++) all[d] = 1;
    for (int d = 0; d < n; d++) all[missing + d] = reps[d];
    return repeat_dims(x, all, missing + n);
}

ct_tensor *ct_repeat_interleave(ct_tensor *x, int64_t n, int dim) {
    FUNCTION("ct_repeat_interleave");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim_with_size(x, dim);
    if (along < 0 || !check_count(n, along)) return NULL;
    ct_tensor *y = repeat_dim(x, along, n, true);
    return y && ct_same_storage(x, y) ? ct_clone(y) : y;
}

/* ---- grids ---- */

/* Tensor i lies along dim i, and repeats along the others. */
ct_status ct_meshgrid(ct_tensor *const *xs, int n, ct_tensor **out) {
    FUNCTION("ct_meshgrid");
    CT_SCOPED;
    ct_tensor *grids[CT_MAX_DIMS];
    int64_t shape[CT_MAX_DIMS];
    if (!check_list(xs, n) || !tensor_given(out, "out")) return ct_error();
    if (n > CT_MAX_DIMS) return tensor_error(CT_ERR_SHAPE, "%d tensors; expected at most %d", n, CT_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        if (xs[i]->ndim > 1)
            return tensor_error(CT_ERR_SHAPE, "tensor %d has shape %s; expected at most 1 dim", i,
                                tensor_shape_of(xs[i]));
        if (xs[i]->dtype != xs[0]->dtype)
            return tensor_error(CT_ERR_DTYPE, "tensor %d is %s, the first %s; expected the same", i,
                                ct_dtype_name((ct_dtype)xs[i]->dtype), ct_dtype_name((ct_dtype)xs[0]->dtype));
        shape[i] = xs[i]->numel;
    }
    if (!tensor_check_shape((ct_dtype)xs[0]->dtype, shape, n)) return ct_error();
    for (int i = 0; i < n; i++) {
        int64_t line[CT_MAX_DIMS];
        for (int d = 0; d < n; d++) line[d] = d == i ? shape[d] : 1;
        grids[i] = ct_expand(ct_reshape(xs[i], line, n), shape, n);
        if (!grids[i]) return ct_error();
    }
    for (int i = 0; i < n; i++) out[i] = ct_scope_keep(grids[i]);
    return CT_OK;
}

/* ---- roll: attr.list says how far each dim goes round ---- */

static ct_tensor *roll_forward(Call *c) {
    return tensor_roll(c->x[0], c->attr->list);
}

static ct_tensor *roll_vjp(const Call *c, ct_tensor *g, int i);

static const Op roll_op = {
    .name = "roll", .formula = "dy/dx = 1, rolled back", .forward = roll_forward, .vjp = roll_vjp};

static ct_tensor *roll_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    int64_t back[CT_MAX_DIMS];
    for (int d = 0; d < c->attr->count; d++) back[d] = -c->attr->list[d];
    return APPLY(&roll_op, ATTR(.count = c->attr->count, .list = back), g);
}

ct_tensor *ct_roll(ct_tensor *x, const int64_t *shifts, const int64_t *dims, int n) {
    FUNCTION("ct_roll");
    CT_SCOPED;
    int64_t by[CT_MAX_DIMS] = {0};
    const int64_t all = -1;
    if (!tensor_given(x, "x") || !tensor_given(shifts, "shifts")) return NULL;
    if (n < 1 || (!dims && n > 1)) {
        tensor_error(CT_ERR_VALUE, "%d shifts; expected one for each dim, or 1 for x flattened", n);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        int dim = dims ? tensor_dim_with_size(x, dims[i] < INT_MIN || dims[i] > INT_MAX ? INT_MAX : (int)dims[i]) : 0;
        if (dim < 0) return NULL;
        const int64_t size = dims ? x->shape[dim] : x->numel;
        if (size) by[dim] = (by[dim] + shifts[i] % size) % size;
    }
    if (dims) return ct_scope_keep(APPLY(&roll_op, ATTR(.count = x->ndim, .list = by), x));
    ct_tensor *flat = APPLY(&roll_op, ATTR(.count = 1, .list = by), ct_reshape(x, &all, 1));
    return ct_scope_keep(ct_reshape(flat, x->shape, x->ndim));
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
