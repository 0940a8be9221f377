/* Matrix products: any strides, batches that broadcast, 1-D operands. */
#include "internal/memory.h"
#include "internal/parallel.h"
#include "internal/plain.h"
#include "scope.h"
#include <string.h>
#include <stdlib.h>

/* Multiplications: what is worth a piece of its own, and what packing does not pay for. */
enum { GRAIN = 1 << 17, VECTOR_GRAIN = 512, UNPACKED = 200 * 200 * 200 };
enum { ROW_BLOCK = 14 /* strips of a, packed, that stay in the second cache */, BLOCKS = 8 /* to keep threads equally busy */ };

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t rounded_up(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit;
}

typedef struct {
    MatrixKernel *kernel;
    MatrixProduct product;
} Part;

static int64_t run_part(const void *arguments, int64_t begin, int64_t end) {
    const Part *part = arguments;
    part->kernel(&part->product, begin, end);
    return -1;
}

static int64_t grain(const MatrixProduct *product, int64_t units) {
    int64_t work = product->rows * product->columns * product->depth;
    return larger(1, work ? units * GRAIN / work : INT64_MAX);
}

/* Cuts c into blocks of whole tiles: by columns, and by rows where the blocks would be too few. */
static void cut(MatrixProduct *product, const MatrixKernels *kernels) {
    const int64_t panels = rounded_up(product->columns, kernels->panel_columns);
    const int64_t pieces = 1 + product->rows * product->columns * product->depth / GRAIN;
    const int64_t wanted = smaller(pieces, BLOCKS);
    product->strips = rounded_up(product->rows, kernels->strip_rows);
    product->column_blocks = smaller(panels, pieces);
    product->row_blocks = 1;
    if (product->column_blocks < wanted) product->row_blocks = smaller(product->strips, wanted / product->column_blocks);
}

static void launch_part(MatrixKernel *kernel, const MatrixProduct *product, int64_t units) {
    Part part = {kernel, *product};
    tensor_launch(run_part, &part, sizeof part, units, 1);
}

/* One product in blocks whose packed operands fit the buffer. */
static void multiply_packed(const MatrixKernels *kernels, const MatrixProduct *whole, bool few, char *buffer, int64_t size) {
    int64_t column_step = few ? whole->columns : MATRIX_COLUMNS, row_step = few ? MATRIX_ROWS : whole->rows;
    for (int64_t column = 0; column < whole->columns; column += column_step)
        for (int64_t row = 0; row < whole->rows; row += row_step)
            for (int64_t k = 0; k < whole->depth; k += MATRIX_DEPTH) {
                MatrixProduct block = *whole;
                block.a += (row * whole->a_row + k * whole->a_column) * size;
                block.b += (k * whole->b_row + column * whole->b_column) * size;
                block.c += (row * whole->c_row + column) * size;
                block.rows = smaller(whole->rows - row, row_step);
                block.columns = smaller(whole->columns - column, column_step);
                block.depth = smaller(whole->depth - k, MATRIX_DEPTH);
                if (block.bias) block.bias += column * size;
                block.add = k > 0;
                cut(&block, kernels);
                if (few) {
                    block.packed_a = buffer;
                    launch_part(kernels->pack_strips, &block, block.strips);
                    launch_part(kernels->by_panels, &block, block.row_blocks * block.column_blocks);
                } else {
                    block.packed_b = buffer;
                    block.strips = smaller(rounded_up(block.strips, 4) * 4, block.rows);
                    launch_part(kernels->pack_panels, &block, rounded_up(block.columns, kernels->panel_columns));
                    launch_part(kernels->by_strips, &block, block.strips);
                }
            }
}

/* All products of a batch, whose operands lie strides (in bytes) apart. */
typedef struct {
    MatrixKernel *kernel;
    int64_t units; /* of a product's range */
    MatrixProduct first;
    int ndim;
    int64_t shape[CT_MAX_DIMS], a_strides[CT_MAX_DIMS], b_strides[CT_MAX_DIMS], c_bytes;
} Batch;

static MatrixProduct product_at(const Batch *batch, int64_t i) {
    MatrixProduct product = batch->first;
    product.c += i * batch->c_bytes;
    for (int d = batch->ndim - 1; d >= 0; d--) {
        product.a += i % batch->shape[d] * batch->a_strides[d];
        product.b += i % batch->shape[d] * batch->b_strides[d];
        i /= batch->shape[d];
    }
    return product;
}

/* Products in place are cut over the units of the whole batch. */
static int64_t multiply_in_place(const void *arguments, int64_t begin, int64_t end) {
    const Batch *batch = arguments;
    while (begin < end) {
        int64_t unit = begin % batch->units, stop = smaller(unit + (end - begin), batch->units);
        MatrixProduct product = product_at(batch, begin / batch->units);
        batch->kernel(&product, unit, stop);
        begin += stop - unit;
    }
    return -1;
}

static bool multiply(Batch *batch, const MatrixKernels *kernels, int64_t batches, int64_t size) {
    MatrixProduct *first = &batch->first;
    if (!kernels->by_panels || first->depth == 0) {
        batch->kernel = kernels->rows;
        batch->units = first->rows;
        tensor_launch(multiply_in_place, batch, sizeof *batch, batches * batch->units, grain(first, batch->units));
        return true;
    }
    if (first->rows == 1 || first->columns == 1) {
        batch->kernel = kernels->vector;
        batch->units = first->rows * first->columns;
        tensor_launch(multiply_in_place, batch, sizeof *batch, batches * batch->units, larger(VECTOR_GRAIN, grain(first, batch->units)));
        return true;
    }
    if (first->rows * first->columns * first->depth <= UNPACKED) {
        cut(first, kernels);
        batch->kernel = kernels->by_panels;
        batch->units = first->row_blocks * first->column_blocks;
        tensor_launch(multiply_in_place, batch, sizeof *batch, batches * batch->units, grain(first, batch->units));
        return true;
    }
    const bool few = first->rows <= ROW_BLOCK * kernels->strip_rows;
    int64_t across = few ? first->rows : rounded_up(smaller(first->columns, MATRIX_COLUMNS), kernels->panel_columns) * kernels->panel_columns;
    size_t bytes = (size_t)(across * smaller(first->depth, MATRIX_DEPTH) * size);
    char *buffer = tensor_alloc(bytes);
    if (!buffer) return false;
    for (int64_t i = 0; i < batches; i++) {
        MatrixProduct product = product_at(batch, i);
        multiply_packed(kernels, &product, few, buffer, size);
    }
    tensor_free(buffer, bytes);
    return true;
}

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

static ct_dtype compute_dtype(ct_dtype dtype) {
    return dtype == CT_F64 ? CT_F64 : tensor_is_floating(dtype) ? CT_F32 : CT_I64;
}

/* The dtype of the product, and the one that computes it. */
static bool product_dtypes(ct_tensor *a, ct_tensor *b, ct_dtype *dtype, ct_dtype *compute) {
    *dtype = tensor_promote_dtypes((ct_dtype)a->dtype, (ct_dtype)b->dtype);
    *compute = compute_dtype(*dtype);
    if (*dtype != CT_BOOL) return true;
    tensor_error(CT_ERR_DTYPE, "both operands are bool; convert one to a number");
    return false;
}

/* a [.., n, k] · b [.., k, m] + bias [m] (or NULL), all of one dtype that computes; bias is row-major. */
static ct_tensor *batched(ct_tensor *a, ct_tensor *b, const ct_tensor *bias) {
    CT_SCOPED;
    Shape shape;
    if (!tensor_broadcast(a->shape, a->ndim - 2, b->shape, b->ndim - 2, &shape)) return NULL;
    int64_t n = a->shape[a->ndim - 2], k = a->shape[a->ndim - 1], m = b->shape[b->ndim - 1], batches = 1;
    for (int d = 0; d < shape.ndim; d++) batches *= shape.sizes[d];
    int batch_dims = shape.ndim;
    shape.sizes[shape.ndim++] = n;
    shape.sizes[shape.ndim++] = m;
    if (!tensor_check_shape((ct_dtype)a->dtype, shape.sizes, shape.ndim)) return NULL;
    ct_tensor *c = tensor_new((ct_dtype)a->dtype, shape.sizes, shape.ndim);
    if (!c || c->numel == 0) return ct_scope_keep(c);

    int type = a->dtype == CT_F64 ? COMPUTE_F64 : a->dtype == CT_F32 ? COMPUTE_F32 : COMPUTE_I64;
    int64_t size = tensor_dtype_size((ct_dtype)a->dtype), strides[CT_MAX_DIMS];
    Batch batch = {.ndim = batch_dims, .c_bytes = n * m * size,
                   .first = {.a = a->data, .b = b->data, .bias = bias ? bias->data : NULL, .c = c->data, .rows = n, .columns = m, .depth = k,
                             .a_row = a->strides[a->ndim - 2], .a_column = a->strides[a->ndim - 1],
                             .b_row = b->strides[b->ndim - 2], .b_column = b->strides[b->ndim - 1], .c_row = m}};
    memcpy(batch.shape, shape.sizes, sizeof batch.shape);
    for (int side = 0; side < 2; side++) {
        ct_tensor outer = *(side ? b : a); /* its batch dims alone */
        outer.ndim = (uint8_t)(outer.ndim - 2);
        tensor_broadcast_strides(&outer, shape.sizes, batch_dims, strides);
        for (int d = 0; d < batch_dims; d++) (side ? batch.b_strides : batch.a_strides)[d] = strides[d] * size;
    }
    return multiply(&batch, &tensor_kernels->matmul[type], batches, size) ? ct_scope_keep(c) : NULL;
}

/* Another shape for a new row-major tensor. */
static void give_shape(ct_tensor *x, const int64_t *shape, int ndim) {
    x->ndim = (uint8_t)ndim;
    memcpy(x->shape, shape, (size_t)ndim * sizeof *shape);
    tensor_row_major(shape, ndim, x->strides);
}

/* Takes away the dims that 1-D operands were given. */
static void drop_added(ct_tensor *c, bool row_added, bool column_added) {
    int64_t shape[CT_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < c->ndim; d++)
        if (!(row_added && d == c->ndim - 2) && !(column_added && d == c->ndim - 1)) shape[ndim++] = c->shape[d];
    give_shape(c, shape, ndim);
}

ct_tensor *tensor_matmul(ct_tensor *a, ct_tensor *b) {
    CT_SCOPED;
    ct_dtype dtype, compute;
    if (!check_operands(a, b) || !product_dtypes(a, b, &dtype, &compute)) return NULL;
    bool row_added = a->ndim == 1, column_added = b->ndim == 1;
    a = tensor_as(a, compute);
    b = tensor_as(b, compute);
    if (a && row_added) a = tensor_unsqueeze(a, 0);
    if (b && column_added) b = tensor_unsqueeze(b, 1);
    ct_tensor *c = a && b ? batched(a, b, NULL) : NULL;
    if (c) drop_added(c, row_added, column_added);
    return c ? ct_scope_keep(tensor_as(c, dtype)) : NULL;
}

/* How many rows the leading dims make. */
static int64_t row_count(const ct_tensor *x) {
    int64_t rows = 1;
    for (int d = 0; d < x->ndim - 1; d++) rows *= x->shape[d];
    return rows;
}

ct_tensor *tensor_linear(ct_tensor *x, ct_tensor *weight, ct_tensor *bias) {
    CT_SCOPED;
    if (x->ndim < 1 || weight->ndim != 2 || x->shape[x->ndim - 1] != weight->shape[1] ||
        (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[0]))) {
        tensor_error(CT_ERR_SHAPE, "x %s, weight %s, bias %s; expected (..., in), (out, in), (out,)",
                     tensor_shape_of(x), tensor_shape_of(weight), bias ? tensor_shape_of(bias) : "NULL");
        return NULL;
    }
    ct_dtype dtype, compute;
    ct_tensor *transposed = tensor_transpose(weight, 0, 1);
    if (!transposed || !product_dtypes(x, weight, &dtype, &compute)) return NULL;
    if (bias) compute = compute_dtype(dtype = tensor_promote_dtypes(dtype, (ct_dtype)bias->dtype));
    /* rows of all leading dims are one product */
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 1] = weight->shape[0];
    ct_tensor *rows = x->ndim == 2 ? x : tensor_reshape(x, (int64_t[]){row_count(x), weight->shape[1]}, 2);
    rows = rows ? tensor_as(rows, compute) : NULL;
    transposed = rows ? tensor_as(transposed, compute) : NULL;
    if (transposed && bias && !(bias = tensor_as(bias, compute))) return NULL;
    if (transposed && bias && !(bias = tensor_contiguous(bias))) return NULL;
    ct_tensor *y = transposed ? batched(rows, transposed, bias) : NULL;
    if (y) give_shape(y, shape, x->ndim);
    return y ? ct_scope_keep(tensor_as(y, dtype)) : NULL;
}
