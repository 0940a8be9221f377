/* Elementwise functions: broadcasting, promotion, and the way by which operands that lie alike avoid the walker. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include "internal/walk.h"
#include <math.h>
#include <string.h>

/* Short pieces of long rows: two threads then begin near the middle, where a matrix product's do. */
enum { PIECE = GRAIN / 2 };

/* Operands that lie alike, or are one number: one row. */
typedef struct {
    RowKernel *row;
    int n;
    char *data[MAX_OPERANDS];
    int64_t size[MAX_OPERANDS], step[MAX_OPERANDS];
    bool streamed;
    double p[ROW_PARAMETERS];
} Flat;

static int64_t run_flat(const void *arguments, int64_t begin, int64_t end) {
    const Flat *f = arguments;
    if (LIKELY(begin == 0 && !f->streamed)) {
        f->row(f->data, f->step, end, f->p);
        return -1;
    }
    char *data[MAX_OPERANDS] = {NULL};
    for (int i = 0; i < f->n; i++) data[i] = f->data[i] + begin * f->step[i] * f->size[i];
    if (!f->streamed) {
        f->row(data, f->step, end - begin, f->p);
        return -1;
    }
    tensor_stream_row(f->row, data, f->step, f->size, f->n, end - begin, f->p);
    tensor_kernels->end_stream();
    return -1;
}

/* Whether all are row-major and of the first one's shape, but for single numbers. */
static bool lie_alike(ct_tensor *const *x, int n) {
    for (int i = 0; i < n; i++)
        if (i > 0 && x[i]->numel == 1) continue;
        else if (!tensor_is_contiguous(x[i]) || (i > 0 && !tensor_same_shape(x[0], x[i]))) return false;
    return true;
}

static void launch_flat(RowKernel *row, ct_tensor *const *x, int n, const double *p, int parameters, Purity purity) {
    Flat f; /* what is not used stays unset: clearing it would take longer than a small row */
    f.row = row;
    f.n = n;
    for (int i = 0; i < n; i++) {
        f.data[i] = x[i]->data;
        f.size[i] = tensor_dtype_size((ct_dtype)x[i]->dtype);
        f.step[i] = i == 0 || x[i]->numel > 1;
    }
    for (int i = 0; i < parameters; i++) f.p[i] = p[i];
    f.streamed = tensor_is_streamed(x[0]->numel * f.size[0], purity);
    tensor_launch(run_flat, &f, sizeof f, x[0]->numel, x[0]->numel < 2 * GRAIN ? x[0]->numel : PIECE);
}

/* Runs a row kernel over x[0]'s shape, to which the others broadcast. */
static void run_rows(RowKernel *row, ct_tensor *const *x, int n, const double *p, int parameters, Purity purity) {
    if (x[0]->numel == 0) return;
    if (lie_alike(x, n)) launch_flat(row, x, n, p, parameters, purity);
    else tensor_walk(row, x, n, p, parameters, purity);
}

static int compute_type(ct_dtype dtype) {
    return dtype == CT_F64 ? COMPUTE_F64 : tensor_is_floating(dtype) ? COMPUTE_F32 : COMPUTE_I64;
}

static const ct_dtype compute_dtypes[] = {[COMPUTE_F32] = CT_F32, [COMPUTE_F64] = CT_F64, [COMPUTE_I64] = CT_I64};

static bool broadcast_all(ct_tensor *const *x, int n, Shape *shape) {
    *shape = (Shape){.ndim = x[0]->ndim};
    memcpy(shape->sizes, x[0]->shape, sizeof shape->sizes);
    for (int i = 1; i < n; i++) {
        Shape joined;
        if (!tensor_broadcast(shape->sizes, shape->ndim, x[i]->shape, x[i]->ndim, &joined)) return false;
        *shape = joined;
    }
    return true;
}

/* If all are row-major, of that dtype and of one shape, 0-dim ones aside, the one with that shape; else NULL. */
static ct_tensor *alike(ct_tensor *const *x, int n, ct_dtype dtype) {
    ct_tensor *largest = x[0];
    for (int i = 0; i < n; i++) {
        if (x[i]->dtype != dtype || !tensor_is_contiguous(x[i])) return NULL;
        if (largest->ndim == 0) largest = x[i];
        else if (x[i]->ndim != 0 && !tensor_same_shape(largest, x[i])) return NULL;
    }
    return largest;
}

/* rows applied to x, computed in the type for `dtype`; the kernel's result is of `stored`, or of the type that computes
 * and then converted to dtype, if stored is negative. The first `masks` operands are BOOL and stay. */
static ct_tensor *elementwise(const Rows *rows, ct_tensor *const *x, int n, int masks, ct_dtype dtype, int stored,
                              const double *p, int parameters) {
    int type = compute_type(dtype);
    ct_dtype compute = compute_dtypes[type];
    ct_dtype result = stored < 0 ? compute : (ct_dtype)stored;
    ct_tensor *operands[MAX_OPERANDS];
    ct_tensor *like = !masks && (stored >= 0 || dtype == compute) ? alike(x, n, compute) : NULL;
    if (LIKELY(like != NULL)) {
        for (int i = 0; i < n; i++) operands[i + 1] = x[i];
        operands[0] = tensor_new(result, like->shape, like->ndim);
        if (operands[0]) launch_flat(rows->of[type], operands, n + 1, p, parameters, PURE);
        return operands[0];
    }
    CT_SCOPED;
    Shape shape;
    if (!broadcast_all(x, n, &shape) || !tensor_check_shape(dtype, shape.sizes, shape.ndim)) return NULL;
    for (int i = 0; i < n; i++) {
        operands[i + 1] = i < masks ? x[i] : tensor_as(x[i], compute);
        if (!operands[i + 1]) return NULL;
    }
    ct_tensor *y = operands[0] = tensor_new(result, shape.sizes, shape.ndim);
    if (!y) return NULL;
    run_rows(rows->of[type], operands, n + 1, p, parameters, PURE);
    return ct_scope_keep(stored < 0 ? tensor_as(y, dtype) : y);
}

static ct_tensor *unary(const Rows *rows, ct_tensor *x, ct_dtype dtype, int stored, const double *p) {
    return elementwise(rows, &x, 1, 0, dtype, stored, p, p ? 3 : 0);
}

static ct_tensor *binary(const Rows *rows, ct_tensor *a, ct_tensor *b, bool floating, int stored) {
    ct_tensor *x[] = {a, b};
    ct_dtype dtype = a->dtype == b->dtype ? (ct_dtype)a->dtype : tensor_result_dtype(x, 2);
    return elementwise(rows, x, 2, 0, floating ? tensor_floating_dtype(dtype) : dtype, stored, NULL, 0);
}

#define UNARY(name, ...)                                                                            \
    ct_tensor *tensor_##name(ct_tensor *x, const double *p) {                                       \
        return unary(&tensor_kernels->name, x, tensor_floating_dtype((ct_dtype)x->dtype), -1, p);   \
    }
#define UNARY_ANY(name, ...)                                                       \
    ct_tensor *tensor_##name(ct_tensor *x, const double *p) {                      \
        return unary(&tensor_kernels->name, x, (ct_dtype)x->dtype, -1, p);         \
    }
#define PREDICATE(name, ...)                                                                             \
    ct_tensor *tensor_##name(ct_tensor *x, const double *p) {                                            \
        return unary(&tensor_kernels->name, x, tensor_floating_dtype((ct_dtype)x->dtype), CT_BOOL, p);   \
    }
#define BINARY(name, ...)                                          \
    ct_tensor *tensor_##name(ct_tensor *a, ct_tensor *b) {         \
        return binary(&tensor_kernels->name, a, b, true, -1);      \
    }
#define BINARY_ANY(name, ...)                                      \
    ct_tensor *tensor_##name(ct_tensor *a, ct_tensor *b) {         \
        return binary(&tensor_kernels->name, a, b, false, -1);     \
    }
#define COMPARE(name, ...)                                         \
    ct_tensor *tensor_##name(ct_tensor *a, ct_tensor *b) {         \
        return binary(&tensor_kernels->name, a, b, false, CT_BOOL); \
    }
#include "kernels/list.h"

ct_tensor *tensor_where(ct_tensor *condition, ct_tensor *a, ct_tensor *b) {
    if (condition->dtype != CT_BOOL) {
        tensor_error(CT_ERR_DTYPE, "the condition is %s; expected bool", ct_dtype_name((ct_dtype)condition->dtype));
        return NULL;
    }
    ct_tensor *x[] = {condition, a, b};
    return elementwise(&tensor_kernels->where, x, 3, 1, tensor_result_dtype(x + 1, 2), -1, NULL, 0);
}

/* The scalar as a tensor of the dtype in which x then computes. */
static ct_tensor *scalar_beside(ct_tensor *x, double value) {
    return tensor_full(tensor_scalar_dtype(x, value), NULL, 0, value);
}

ct_tensor *tensor_with_scalar(Binary *function, ct_tensor *x, double value) {
    CT_SCOPED;
    ct_tensor *scalar = scalar_beside(x, value);
    return scalar ? ct_scope_keep(function(x, scalar)) : NULL;
}

ct_tensor *tensor_scalar_with(Binary *function, double value, ct_tensor *x) {
    CT_SCOPED;
    ct_tensor *scalar = scalar_beside(x, value);
    return scalar ? ct_scope_keep(function(scalar, x)) : NULL;
}

void tensor_rows_in_place(RowKernel *row, ct_tensor *const *x, int n, const double *p) {
    run_rows(row, x, n, p, ROW_PARAMETERS, IN_PLACE);
}

/* ---- copies ---- */

ct_status tensor_copy_into(ct_tensor *dst, ct_tensor *src) {
    Shape shape;
    if (!tensor_broadcast(dst->shape, dst->ndim, src->shape, src->ndim, &shape)) return ct_error();
    if (shape.ndim != dst->ndim || memcmp(shape.sizes, dst->shape, (size_t)dst->ndim * sizeof(int64_t)) != 0)
        return tensor_error(CT_ERR_SHAPE, "shape %s does not broadcast to %s", tensor_shape_of(src), tensor_shape_of(dst));
    const bool same_bytes = dst->dtype == src->dtype && dst->dtype != CT_BOOL; /* any byte but 0 is true */
    run_rows(tensor_kernels->convert[dst->dtype][src->dtype], (ct_tensor *[]){dst, src}, 2, NULL, 0, same_bytes ? COPY : PURE);
    return CT_OK;
}

ct_tensor *tensor_to(ct_tensor *x, ct_dtype dtype) {
    if (!tensor_check_dtype(dtype)) return NULL;
    ct_tensor *copy = tensor_new(dtype, x->shape, x->ndim);
    if (copy) tensor_copy_into(copy, x);
    return copy;
}

ct_tensor *tensor_as(ct_tensor *x, ct_dtype dtype) {
    return x->dtype == dtype ? x : tensor_to(x, dtype);
}

ct_tensor *tensor_clone(ct_tensor *x) {
    ct_tensor *copy = tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    if (!copy) return NULL;
    if (tensor_is_dense(x)) tensor_set_strides(copy, x->strides);
    tensor_copy_into(copy, x);
    return copy;
}

ct_tensor *tensor_contiguous(ct_tensor *x) {
    return tensor_is_contiguous(x) ? x : tensor_to(x, (ct_dtype)x->dtype);
}

bool tensor_plainly(ct_tensor **x, ct_dtype dtype) {
    if (!*x) return true;
    *x = tensor_as(*x, dtype);
    if (*x) *x = tensor_contiguous(*x);
    return *x != NULL;
}

void tensor_fill(ct_tensor *x, double value) {
    char number[8];
    char *const data[] = {x->numel == 1 ? x->data : number, (char *)&value};
    tensor_kernels->convert[x->dtype][CT_F64](data, (int64_t[]){1, 1}, 1, NULL);
    if (x->numel == 1) return;
    ct_tensor scalar = {.dtype = x->dtype, .numel = 1, .data = number};
    run_rows(tensor_kernels->convert[x->dtype][x->dtype], (ct_tensor *[]){x, &scalar}, 2, NULL, 0, PURE);
}

ct_tensor *tensor_full(ct_dtype dtype, const int64_t *shape, int ndim, double value) {
    if (!tensor_check_shape(dtype, shape, ndim)) return NULL;
    ct_tensor *x = tensor_new(dtype, shape, ndim);
    if (x) tensor_fill(x, value);
    return x;
}
