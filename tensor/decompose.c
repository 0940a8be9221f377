/* Batches of square matrices factorised: linear equations, inverses, determinants, Cholesky factors. */
#include "internal/plain.h"
#include "internal/walk.h"
#include <string.h>

/* Whether x is floating and holds square matrices. */
static bool check_square(const ct_tensor *x, const char *name) {
    if (!tensor_is_floating((ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "%s is %s; expected a floating dtype", name, ct_dtype_name((ct_dtype)x->dtype));
        return false;
    }
    if (x->ndim >= 2 && x->shape[x->ndim - 1] == x->shape[x->ndim - 2]) return true;
    tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected square matrices (.., n, n)", name, tensor_shape_of(x));
    return false;
}

static ct_dtype compute_dtype(const ct_tensor *x) {
    return x->dtype == CT_F64 ? CT_F64 : CT_F32;
}

/* Says which matrix is not what it should be. */
static void raise_at(const ct_tensor *x, int64_t place, const char *problem) {
    int64_t index[CT_MAX_DIMS];
    const int batch = x->ndim - 2;
    for (int d = batch; d-- > 0; place /= x->shape[d]) index[d] = place % x->shape[d];
    if (batch == 0) tensor_error(CT_ERR_VALUE, "the matrix (shape %s) is %s", tensor_shape_of(x), problem);
    else
        tensor_error(CT_ERR_VALUE, "the matrix at %s of the batch (shape %s) is %s", tensor_shape_text(index, batch),
                     tensor_shape_of(x), problem);
}

static int64_t matrix_count(const ct_tensor *x) {
    int64_t count = 1;
    for (int d = 0; d < x->ndim - 2; d++) count *= x->shape[d];
    return count;
}

/* Runs a kernel over so many matrices, each of which takes about `work` multiplications. */
static int64_t launch(Kernel *const kernels[2], const ct_tensor *x, const Decomposition *d, int64_t count, int64_t work) {
    return tensor_launch(kernels[x->dtype == CT_F64], d, sizeof *d, count, 1 + 8 * GRAIN / (work + 1));
}

/* A copy of x to factorise. */
static ct_tensor *copy_of(ct_tensor *x) {
    return tensor_to(x, compute_dtype(x));
}

/* x's factors, and d to go on with: false with an error. *singular is -1, or the first matrix with a pivot of 0. */
static bool factorise(ct_tensor *x, Decomposition *d, int64_t *singular) {
    const int64_t n = x->shape[x->ndim - 1], count = matrix_count(x), numbers = count * (n + 1);
    ct_tensor *lu = copy_of(x), *order = lu ? tensor_new(CT_I64, &numbers, 1) : NULL;
    if (!order) return false;
    *d = (Decomposition){.a = lu->data, .order = (int64_t *)order->data, .n = n};
    *singular = launch(tensor_kernels->lu, lu, d, count, n * n * n);
    return true;
}

static ct_tensor *solve(ct_tensor *a, ct_tensor *b, const Shape *batch) {
    Decomposition d;
    Shape shape = *batch;
    int64_t singular, step = 1, count = 1;
    if (!factorise(a, &d, &singular)) return NULL;
    if (singular >= 0) {
        raise_at(a, singular, "singular");
        return NULL;
    }
    d.ndim = batch->ndim;
    d.columns = shape.sizes[shape.ndim + 1] = b->shape[b->ndim - 1];
    shape.sizes[shape.ndim] = d.n;
    shape.ndim += 2;
    for (int i = batch->ndim; i-- > 0;) {
        const int own = i - (batch->ndim - (a->ndim - 2));
        const int64_t size = own < 0 ? 1 : a->shape[own];
        count *= d.shape[i] = batch->sizes[i];
        d.steps[i] = size == 1 ? 0 : step;
        step *= size;
    }
    const ct_dtype dtype = compute_dtype(a);
    if (!tensor_check_shape(dtype, shape.sizes, shape.ndim)) return NULL;
    ct_tensor *x = tensor_new(dtype, shape.sizes, shape.ndim), *sides = tensor_expand(b, shape.sizes, shape.ndim);
    sides = sides ? tensor_as(sides, dtype) : NULL;
    sides = sides ? tensor_contiguous(sides) : NULL;
    if (!x || !sides) return NULL;
    d.b = sides->data;
    d.x = x->data;
    if (x->numel > 0) launch(tensor_kernels->lu_solve, x, &d, count, d.n * d.n * d.columns);
    return tensor_as(x, (ct_dtype)a->dtype);
}

ct_tensor *tensor_solve(ct_tensor *a, ct_tensor *b) {
    CT_SCOPED;
    Shape batch;
    if (!check_square(a, "a")) return NULL;
    if (a->dtype != b->dtype) {
        tensor_error(CT_ERR_DTYPE, "a is %s and b %s; expected one dtype", ct_dtype_name((ct_dtype)a->dtype),
                     ct_dtype_name((ct_dtype)b->dtype));
        return NULL;
    }
    if (b->ndim < 2 || b->shape[b->ndim - 2] != a->shape[a->ndim - 1]) {
        tensor_error(CT_ERR_SHAPE, "a %s, b %s; expected (.., n, n) and (.., n, m) or (.., n)", tensor_shape_of(a),
                     tensor_shape_of(b));
        return NULL;
    }
    if (!tensor_broadcast(a->shape, a->ndim - 2, b->shape, b->ndim - 2, &batch)) return NULL;
    ct_tensor *x = solve(a, b, &batch);
    return x ? ct_scope_keep(x) : NULL;
}

ct_tensor *tensor_inv(ct_tensor *x) {
    CT_SCOPED;
    if (!check_square(x, "x")) return NULL;
    const int64_t n = x->shape[x->ndim - 1], shape[] = {n, n};
    ct_tensor *one = tensor_full((ct_dtype)x->dtype, shape, 2, 0);
    ct_tensor *diagonal = one ? tensor_diagonal(one, 0, 0, 1) : NULL;
    if (!diagonal) return NULL;
    tensor_fill(diagonal, 1);
    ct_tensor *y = tensor_solve(x, one);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *tensor_det(ct_tensor *x) {
    CT_SCOPED;
    Decomposition d;
    int64_t singular;
    if (!check_square(x, "x") || !factorise(x, &d, &singular)) return NULL;
    ct_tensor *y = tensor_new(compute_dtype(x), x->shape, x->ndim - 2);
    if (!y) return NULL;
    d.x = y->data;
    launch(tensor_kernels->determinants, y, &d, y->numel, d.n);
    y = tensor_as(y, (ct_dtype)x->dtype);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *tensor_cofactors(ct_tensor *x) {
    CT_SCOPED;
    if (!check_square(x, "x")) return NULL;
    const int64_t n = x->shape[x->ndim - 1], count = matrix_count(x), numbers = 2 * n * count;
    ct_tensor *lu = copy_of(x), *order = lu ? tensor_new(CT_I64, &numbers, 1) : NULL;
    ct_tensor *inverse = order ? tensor_new((ct_dtype)lu->dtype, x->shape, x->ndim) : NULL;
    ct_tensor *y = inverse ? tensor_new((ct_dtype)lu->dtype, x->shape, x->ndim) : NULL;
    if (!y) return NULL;
    const Decomposition d = {.a = lu->data, .order = (int64_t *)order->data, .b = inverse->data, .x = y->data, .n = n};
    if (y->numel > 0) launch(tensor_kernels->cofactors, y, &d, count, 2 * n * n * n);
    y = tensor_as(y, (ct_dtype)x->dtype);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *tensor_cholesky(ct_tensor *x) {
    CT_SCOPED;
    if (!check_square(x, "x")) return NULL;
    const int64_t n = x->shape[x->ndim - 1];
    ct_tensor *y = copy_of(x);
    if (!y) return NULL;
    const Decomposition d = {.a = y->data, .n = n};
    const int64_t bad = launch(tensor_kernels->cholesky, y, &d, matrix_count(x), n * n * n);
    if (bad >= 0) raise_at(x, bad, "not positive definite");
    y = bad < 0 ? tensor_as(y, (ct_dtype)x->dtype) : NULL;
    return y ? ct_scope_keep(y) : NULL;
}
