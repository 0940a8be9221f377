/* How matrix products are cut and launched. Where a stays in the second cache, they are computed from operands as they
 * lie, one launch for a whole batch. Larger ones go block by block, so that what is packed fits the caches:
 *
 *   few rows:   a is packed once, and every panel of b meets it as soon as it is read;
 *   many rows:  b is packed once, and every strip of a meets it as soon as it is packed.
 *
 * Threads share columns or rows of c, never the sum over the depth, and the cut depends on sizes alone. */
#include "internal/matmul.h"
#include "internal/memory.h"

/* Multiplications: what is worth a piece of its own, what is worth a second thread, whose results have to come over from
 * its cache, and what packing does not pay for. */
enum { GRAIN = 1 << 17, SHARED = 1 << 20, UNPACKED = 200 * 200 * 200 };
enum {
    VECTOR_GRAIN = 512,    /* neighbours that a matrix is read by */
    FEW_STRIPS = 14,       /* of a: packed, they stay in the second cache, */
    FEW_BYTES = 512 << 10, /* which has room for them and for a panel of b */
    LEAST_BLOCKS = 4,      /* to keep threads equally busy */
    LEAST_STRIPS = 4,      /* that a panel of b meets, once it is read */
    EVEN_STRIPS = 4,       /* many strips are a multiple of it, for the same reason */
    NEAR_BYTES = 1 << 20,  /* of a: they stay in the second cache while c is computed */
    CROWDING = 4096        /* bytes from one line to the next of the same set of the first cache */
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* How many parts of at most `of` make n. */
static int64_t parts(int64_t n, int64_t of) {
    return n <= of ? 1 : (n + of - 1) / of;
}

static int64_t work(const MatrixProduct *product) {
    return product->rows * product->columns * product->depth;
}

/* Bytes of a number of an operand. */
static int64_t operand_bytes(const MatrixBatch *batch, OperandType type) {
    return type == OWN_TYPE ? batch->element_bytes : 2;
}

/* Whether c is a row or a column that a kernel of its own computes from operands as they are. */
static bool is_vector(const MatrixProduct *product) {
    return (product->rows == 1 || product->columns == 1) && product->a_type == OWN_TYPE && product->b_type == OWN_TYPE;
}

static void spread_rows(MatrixProduct *product, int64_t strips) {
    product->strips = strips;
    product->least_rows = strips == 1 ? product->rows : product->rows / strips;
}

/* Cuts c into blocks of whole tiles, and returns their number. Neighbouring blocks go to one thread, which had better find
 * the larger of b and c in its own cache: so b is cut by its columns, c by its rows, and the other way where these are
 * too few. Blocks of rows each read b's panels, and unless these lie in rows, transpose them. */
static int64_t cut(MatrixProduct *product, const MatrixKernels *kernels) {
    const int64_t most = work(product) < SHARED ? 1 : work(product) / GRAIN;
    const int64_t panels = parts(product->columns, kernels->panel_columns);
    spread_rows(product, parts(product->rows, kernels->strip_rows));
    product->columns_first = product->rows <= product->depth;
    const bool many = product->columns_first && product->b_column == 1;
    const int64_t across = many ? product->strips : parts(product->strips, LEAST_STRIPS);
    const int64_t first = smaller(most, product->columns_first ? panels : across);
    const int64_t second = smaller(parts(smaller(most, LEAST_BLOCKS), first), product->columns_first ? across : panels);
    product->column_blocks = product->columns_first ? first : second;
    product->row_blocks = product->columns_first ? second : first;
    return first * second;
}

/* ---- in place ---- */

static MatrixProduct product_at(const MatrixBatch *batch, int64_t i) {
    MatrixProduct product = batch->first;
    product.c += i * batch->c_bytes;
    for (int d = batch->ndim - 1; d >= 0; d--) {
        product.a += i % batch->shape[d] * batch->a_strides[d];
        product.b += i % batch->shape[d] * batch->b_strides[d];
        i /= batch->shape[d];
    }
    return product;
}

/* The range runs over the units of all products. */
static int64_t multiply_several(const void *arguments, int64_t begin, int64_t end) {
    const MatrixBatch *batch = arguments;
    while (begin < end) {
        int64_t unit = begin % batch->units, stop = smaller(unit + (end - begin), batch->units);
        MatrixProduct product = product_at(batch, begin / batch->units);
        batch->kernel(&product, unit, stop);
        begin += stop - unit;
    }
    return -1;
}

static void multiply_in_place(MatrixBatch *batch) {
    const MatrixKernels *kernels = batch->kernels;
    MatrixProduct *first = &batch->first;
    int64_t least = 1;
    if (!kernels->by_panels || first->depth == 0) {
        batch->kernel = kernels->rows;
        batch->units = first->rows;
    } else if (is_vector(first)) {
        batch->kernel = kernels->vector;
        batch->units = first->rows * first->columns;
        least = VECTOR_GRAIN;
    } else {
        batch->kernel = kernels->by_panels;
        batch->units = cut(first, kernels);
    }
    const int64_t units = batch->units, grain = units == 1 ? 1 : larger(least, units * GRAIN / larger(1, work(first)));
    if (batch->count == 1) tensor_launch(batch->kernel, first, sizeof *first, units, grain);
    else tensor_launch(multiply_several, batch, sizeof *batch, batch->count * units, grain);
}

/* ---- packed ---- */

/* The largest part of the depth that goes by at once. */
static int64_t depth_step(const MatrixBatch *batch, bool few_rows) {
    const int64_t column = batch->first.rows * batch->element_bytes;
    const int64_t most = few_rows ? larger(FEW_BYTES / column / 16 * 16, MATRIX_DEPTH) : MATRIX_DEPTH;
    return matrix_depth_part(batch->first.depth, most);
}

/* One product, part by part of its depth. */
static void multiply_few_rows(const MatrixBatch *batch, MatrixProduct product, int64_t step) {
    const int64_t blocks = cut(&product, batch->kernels), depth = product.depth;
    for (int64_t k = 0; k < depth; k += step) {
        product.depth = smaller(depth - k, step);
        product.add = k > 0;
        tensor_launch(batch->kernels->pack_strips, &product, sizeof product, product.strips, 1);
        tensor_launch(batch->kernels->by_panels, &product, sizeof product, blocks, 1);
        product.a += step * product.a_column * operand_bytes(batch, product.a_type);
        product.b += step * product.b_row * operand_bytes(batch, product.b_type);
    }
}

/* One product, block by block of b. */
static void multiply_many_rows(const MatrixBatch *batch, MatrixProduct product, int64_t step) {
    const int64_t size = batch->element_bytes;
    const int64_t strips = parts(product.rows, batch->kernels->strip_rows);
    spread_rows(&product, smaller(product.rows, parts(strips, EVEN_STRIPS) * EVEN_STRIPS));
    for (int64_t column = 0; column < batch->first.columns; column += MATRIX_COLUMNS)
        for (int64_t k = 0; k < batch->first.depth; k += step) {
            MatrixProduct block = product;
            block.a += k * product.a_column * operand_bytes(batch, product.a_type);
            block.b += (k * product.b_row + column * product.b_column) * operand_bytes(batch, product.b_type);
            block.c += column * size;
            if (product.bias) block.bias += column * size;
            block.columns = smaller(product.columns - column, MATRIX_COLUMNS);
            block.depth = smaller(product.depth - k, step);
            block.add = k > 0;
            const int64_t panels = parts(block.columns, batch->kernels->panel_columns);
            tensor_launch(batch->kernels->pack_panels, &block, sizeof block, panels, 4);
            tensor_launch(batch->kernels->by_strips, &block, sizeof block, block.strips, 1);
        }
}

static int64_t magnitude(int64_t stride) {
    return stride < 0 ? -stride : stride;
}

/* Whether packing a does not pay: c is small, or a fits the second cache and its rows do not crowd a few sets of the
 * first one's lines. */
static bool is_near(const MatrixBatch *batch) {
    const MatrixProduct *m = &batch->first;
    if (work(m) <= UNPACKED) return true;
    const int64_t row = magnitude(m->a_row) * batch->element_bytes, column = magnitude(m->a_column) * batch->element_bytes;
    return m->a_type == OWN_TYPE && row % CROWDING != 0 && larger(row * m->rows, column * m->depth) <= NEAR_BYTES;
}

bool tensor_multiply(MatrixBatch *batch) {
    const MatrixProduct *first = &batch->first;
    const MatrixKernels *kernels = batch->kernels;
    if (!kernels->by_panels || is_vector(first) || is_near(batch)) {
        multiply_in_place(batch);
        return true;
    }
    const bool few = first->rows <= FEW_STRIPS * kernels->strip_rows;
    const int64_t step = depth_step(batch, few), panel = kernels->panel_columns;
    const int64_t across = few ? first->rows : parts(smaller(first->columns, MATRIX_COLUMNS), panel) * panel;
    const size_t bytes = (size_t)(across * step * batch->element_bytes);
    char *packed = tensor_alloc(bytes);
    if (!packed) return false;
    for (int64_t i = 0; i < batch->count; i++) {
        MatrixProduct product = product_at(batch, i);
        *(few ? &product.packed_a : &product.packed_b) = packed;
        (few ? multiply_few_rows : multiply_many_rows)(batch, product, step);
    }
    tensor_free(packed, bytes);
    return true;
}
