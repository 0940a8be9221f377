/* Matrices packed for kernels that multiply by themselves. */
#include "internal/plain.h"

enum { GRAIN = 1 << 14 };

typedef struct {
    MatrixProduct first;
    Kernel *pack;
    int64_t panels, x_bytes, packed_bytes;
} Packing;

static int64_t pack_heads(const void *arguments, int64_t begin, int64_t end) {
    const Packing *p = arguments;
    for (int64_t head = begin; head < end; head++) {
        MatrixProduct product = p->first;
        product.b += head * p->x_bytes;
        product.packed_b += head * p->packed_bytes;
        p->pack(&product, 0, p->panels);
    }
    return -1;
}

const char *tensor_panels(const ct_tensor *x, int64_t heads, bool transposed) {
    const int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1], size = tensor_dtype_size((ct_dtype)x->dtype);
    const MatrixKernels *kernels = &tensor_kernels->matmul[x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32];
    Packing p = {.pack = kernels->pack_panels};
    if (!transposed && columns % kernels->panel_columns == 0) return x->data;
    p.first = transposed ? (MatrixProduct){.b_row = 1, .b_column = columns, .columns = rows, .depth = columns}
                         : (MatrixProduct){.b_row = columns, .b_column = 1, .columns = columns, .depth = rows};
    p.panels = (p.first.columns + kernels->panel_columns - 1) / kernels->panel_columns;
    const int64_t packed = p.panels * kernels->panel_columns * p.first.depth;
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, CT_DIMS(heads * packed));
    if (!y) return NULL;
    p.first.b = x->data;
    p.first.packed_b = y->data;
    p.x_bytes = rows * columns * size;
    p.packed_bytes = packed * size;
    tensor_launch(pack_heads, &p, sizeof p, heads, 1 + GRAIN / (1 + packed));
    return y->data;
}
