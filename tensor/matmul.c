/* Matrix products: any strides, batches that broadcast, 1-D operands. */
#include "internal/matmul.h"
#include "internal/plain.h"
#include <string.h>

static bool check_operands(const ct_tensor *a, const ct_tensor *b) {
    if (a->ndim == 0 || b->ndim == 0) {
        tensor_error(CT_ERR_SHAPE, "operands of shapes %s and %s; expected 1 or more dims each", tensor_shape_of(a),
                     tensor_shape_of(b));
        return false;
    }
    int64_t inner = b->ndim == 1 ? b->shape[0] : b->shape[b->ndim - 2];
    if (a->shape[a->ndim - 1] == inner) return true;
    tensor_error(CT_ERR_SHAPE, "shapes %s and %s: the last size of the first, %lld, must equal %s of the second, %lld",
                 tensor_shape_of(a), tensor_shape_of(b), (long long)a->shape[a->ndim - 1],
                 b->ndim == 1 ? "the size" : "the last but one", (long long)inner);
    return false;
}

/* The dtype of the product, and the one that computes it. */
static bool product_dtypes(ct_tensor *a, ct_tensor *b, ct_dtype *dtype, ct_dtype *compute) {
    *dtype = tensor_promote_dtypes((ct_dtype)a->dtype, (ct_dtype)b->dtype);
    *compute = tensor_compute_dtype(*dtype);
    if (*dtype != CT_BOOL) return true;
    tensor_error(CT_ERR_DTYPE, "both operands are bool; convert one to a number");
    return false;
}

/* An operand as a batch of matrices. */
typedef struct {
    const ct_tensor *x;
    int batch_ndim;
    int64_t rows, columns, row, column; /* the last two are strides */
} Matrices;

static Matrices matrices(const ct_tensor *x) {
    const int64_t *shape = x->shape + x->ndim - 2, *strides = x->strides + x->ndim - 2;
    return (Matrices){x, x->ndim - 2, shape[0], shape[1], strides[0], strides[1]};
}

/* The steps from one matrix of x to the next, in bytes, as seen from a batch that x broadcasts to. */
static void batch_strides(const Matrices *m, const MatrixBatch *batch, int64_t *strides) {
    for (int d = 0; d < batch->ndim; d++) {
        int own = d - (batch->ndim - m->batch_ndim);
        strides[d] = own < 0 || m->x->shape[own] == 1 ? 0 : m->x->strides[own] * tensor_dtype_size((ct_dtype)m->x->dtype);
    }
}

/* x itself if kernels that compute in that dtype read it: F32 ones convert halves on the way. */
static ct_tensor *as_operand(ct_tensor *x, ct_dtype compute) {
    return compute == CT_F32 && (x->dtype == CT_F16 || x->dtype == CT_BF16) ? x : tensor_as(x, compute);
}

static OperandType operand_type(const ct_tensor *x) {
    return x->dtype == CT_F16 ? HALF_TYPE : x->dtype == CT_BF16 ? BFLOAT_TYPE : OWN_TYPE;
}

/* A new tensor of that dtype, which computes, and shape, the first dims of which (batch_ndim of them) are the batch:
 * a·b + bias (row-major, of that dtype, or NULL). */
static ct_tensor *product(ct_dtype dtype, const Matrices *a, const Matrices *b, const ct_tensor *bias, const int64_t *shape,
                          int ndim, int batch_ndim) {
    if (!tensor_check_shape(dtype, shape, ndim)) return NULL;
    ct_tensor *c = tensor_new(dtype, shape, ndim);
    if (!c || c->numel == 0) return c;
    MatrixBatch batch;
    batch.kernels = &tensor_kernels->matmul[dtype == CT_F64 ? COMPUTE_F64 : dtype == CT_F32 ? COMPUTE_F32 : COMPUTE_I64];
    MatrixProduct *first = &batch.first; /* multiply.c sets how it is cut */
    first->a = a->x->data, first->a_row = a->row, first->a_column = a->column, first->a_type = operand_type(a->x);
    first->b = b->x->data, first->b_row = b->row, first->b_column = b->column, first->b_type = operand_type(b->x);
    first->c = c->data, first->c_row = b->columns, first->bias = bias ? bias->data : NULL;
    first->rows = a->rows, first->columns = b->columns, first->depth = a->columns;
    first->packed_a = first->packed_b = NULL, first->add = false;
    batch.element_bytes = tensor_dtype_size(dtype);
    batch.c_bytes = a->rows * b->columns * batch.element_bytes;
    batch.count = 1;
    batch.ndim = batch_ndim;
    for (int d = 0; d < batch_ndim; d++) batch.count *= batch.shape[d] = shape[d];
    batch_strides(a, &batch, batch.a_strides);
    batch_strides(b, &batch, batch.b_strides);
    return tensor_multiply(&batch) ? c : NULL;
}

/* torch.matmul in a dtype that computes, of what as_operand() gives. */
static ct_tensor *matmul(ct_dtype dtype, const ct_tensor *a, const ct_tensor *b) {
    Shape shape = {.ndim = 0};
    Matrices first = {a, 0, 1, a->shape[0], 0, a->strides[0]}, second = {b, 0, b->shape[0], 1, b->strides[0], 0};
    if (a->ndim > 1) first = matrices(a);
    if (b->ndim > 1) second = matrices(b);
    if (first.batch_ndim + second.batch_ndim > 0 &&
        !tensor_broadcast(a->shape, first.batch_ndim, b->shape, second.batch_ndim, &shape))
        return NULL;
    const int batch_ndim = shape.ndim;
    if (a->ndim > 1) shape.sizes[shape.ndim++] = first.rows;
    if (b->ndim > 1) shape.sizes[shape.ndim++] = second.columns;
    return product(dtype, &first, &second, NULL, shape.sizes, shape.ndim, batch_ndim);
}

ct_tensor *tensor_matmul(ct_tensor *a, ct_tensor *b) {
    ct_dtype dtype, compute;
    if (!check_operands(a, b) || !product_dtypes(a, b, &dtype, &compute)) return NULL;
    if (a->dtype == compute && b->dtype == compute) return matmul(compute, a, b);
    CT_SCOPED;
    a = as_operand(a, compute);
    b = a ? as_operand(b, compute) : NULL;
    ct_tensor *c = b ? matmul(compute, a, b) : NULL;
    return c ? ct_scope_keep(tensor_as(c, dtype)) : NULL;
}

static bool check_linear(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias) {
    if (x->ndim >= 1 && weight->ndim == 2 && x->shape[x->ndim - 1] == weight->shape[1] &&
        (!bias || (bias->ndim == 1 && bias->shape[0] == weight->shape[0])))
        return true;
    tensor_error(CT_ERR_SHAPE, "x %s, weight %s, bias %s; expected (..., in), (out, in), (out,)", tensor_shape_of(x),
                 tensor_shape_of(weight), bias ? tensor_shape_of(bias) : "NULL");
    return false;
}

static Matrices transposed(const ct_tensor *x) {
    const Matrices m = matrices(x);
    return (Matrices){x, 0, m.columns, m.rows, m.column, m.row};
}

/* Rows of all leading dims as those of one matrix. */
static ct_tensor *as_rows(ct_tensor *x) {
    const int64_t size = x->shape[x->ndim - 1];
    return x->ndim == 2 ? x : tensor_reshape(x, (int64_t[]){size ? x->numel / size : 0, size}, 2);
}

ct_tensor *tensor_linear(ct_tensor *x, ct_tensor *weight, ct_tensor *bias) {
    CT_SCOPED;
    ct_dtype dtype, compute;
    if (!check_linear(x, weight, bias) || !product_dtypes(x, weight, &dtype, &compute)) return NULL;
    if (bias) compute = tensor_compute_dtype(dtype = tensor_promote_dtypes(dtype, (ct_dtype)bias->dtype));
    Shape shape = {.ndim = x->ndim};
    for (int d = 0; d < x->ndim - 1; d++) shape.sizes[d] = x->shape[d];
    shape.sizes[x->ndim - 1] = weight->shape[0];
    if (!(x = as_rows(x)) || !(x = as_operand(x, compute)) || !(weight = as_operand(weight, compute))) return NULL;
    if (bias && (!(bias = tensor_as(bias, compute)) || !(bias = tensor_contiguous(bias)))) return NULL;
    const Matrices in = matrices(x), w = transposed(weight);
    ct_tensor *y = product(compute, &in, &w, bias, shape.sizes, shape.ndim, 0);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}

ct_tensor *tensor_linear_weight_slope(ct_tensor *g, ct_tensor *x) {
    CT_SCOPED;
    ct_dtype dtype, compute;
    if (!product_dtypes(g, x, &dtype, &compute) || !(g = as_rows(g)) || !(x = as_rows(x))) return NULL;
    if (!(g = as_operand(g, compute)) || !(x = as_operand(x, compute))) return NULL;
    const Matrices out = transposed(g), in = matrices(x);
    ct_tensor *slope = product(compute, &out, &in, NULL, (int64_t[]){out.rows, in.columns}, 2, 0);
    return slope ? ct_scope_keep(tensor_as(slope, dtype)) : NULL;
}
