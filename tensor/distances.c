/* Distances between the rows of matrices, and their derivative. */
#include "internal/plain.h"

enum { GRAIN = 1 << 15 };

/* x's matrices for the whole batch, row-major. */
static ct_tensor *laid_out(ct_tensor *x, ct_dtype dtype, Shape shape) {
    for (int i = 2; i > 0; i--) shape.sizes[shape.ndim++] = x->shape[x->ndim - i];
    x = tensor_as(x, dtype);
    x = x ? tensor_expand(x, shape.sizes, shape.ndim) : NULL;
    return x ? tensor_contiguous(x) : NULL;
}

/* The operands as the kernels take them, of a dtype that computes; false with an error. */
static bool lay_out(ct_tensor **a, ct_tensor **b, double p, Shape *batch, Distances *d) {
    const ct_dtype dtype = tensor_wide_dtype(tensor_result_dtype((ct_tensor *[]){*a, *b}, 2));
    if (!tensor_broadcast((*a)->shape, (*a)->ndim - 2, (*b)->shape, (*b)->ndim - 2, batch)) return false;
    if (!(*a = laid_out(*a, dtype, *batch)) || !(*b = laid_out(*b, dtype, *batch))) return false;
    *d = (Distances){.a = (*a)->data, .b = (*b)->data, .rows = (*a)->shape[batch->ndim], .columns = (*b)->shape[batch->ndim],
                     .depth = (*a)->shape[batch->ndim + 1], .matrices = 1, .p = p};
    for (int i = 0; i < batch->ndim; i++) d->matrices *= batch->sizes[i];
    return true;
}

/* How many rows of the first operand are worth a piece. */
static int64_t grain(const Distances *d) {
    return 1 + GRAIN / (1 + d->columns * d->depth);
}

ct_tensor *tensor_distances(ct_tensor *a, ct_tensor *b, double p) {
    CT_SCOPED;
    const ct_dtype dtype = tensor_result_dtype((ct_tensor *[]){a, b}, 2);
    Shape shape;
    Distances d;
    if (!lay_out(&a, &b, p, &shape, &d)) return NULL;
    shape.sizes[shape.ndim++] = d.rows;
    shape.sizes[shape.ndim++] = d.columns;
    ct_tensor *y = tensor_new((ct_dtype)a->dtype, shape.sizes, shape.ndim);
    if (!y) return NULL;
    if (y->numel > 0) {
        if (!(d.b = tensor_panels(b, d.matrices, true))) return NULL;
        d.y = y->data;
        const int64_t strips = (d.rows + DISTANCE_ROWS - 1) / DISTANCE_ROWS;
        tensor_launch(tensor_kernels->distances[a->dtype == CT_F64], &d, sizeof d, d.matrices * strips,
                      1 + grain(&d) / DISTANCE_ROWS);
    }
    y = tensor_as(y, dtype);
    return y ? ct_scope_keep(y) : NULL;
}

/* The gradient of a, from distances y and their gradient g of [.., m, n]. */
static ct_tensor *slope_of(ct_tensor *a, ct_tensor *b, ct_tensor *y, ct_tensor *g, Distances d) {
    ct_tensor *slope = tensor_new((ct_dtype)a->dtype, a->shape, a->ndim);
    y = tensor_contiguous(y);
    g = tensor_contiguous(g);
    if (!slope || !y || !g) return NULL;
    if (d.p == 0 || y->numel == 0) tensor_fill(slope, 0);
    if (d.p == 0 || y->numel == 0 || d.depth == 0) return slope;
    d.rows = a->shape[a->ndim - 2];
    d.columns = b->shape[b->ndim - 2];
    if (!(d.a = tensor_panels(a, d.matrices, true))) return NULL;
    d.b = b->data;
    d.y = y->data;
    d.g = g->data;
    d.slope = slope->data;
    const int f64 = a->dtype == CT_F64;
    const int64_t panel = tensor_kernels->matmul[f64 ? COMPUTE_F64 : COMPUTE_F32].panel_columns;
    tensor_launch(tensor_kernels->distance_slopes[f64], &d, sizeof d, d.matrices * ((d.rows + panel - 1) / panel),
                  1 + grain(&d) / panel);
    return slope;
}

bool tensor_distance_slopes(ct_tensor *a, ct_tensor *b, double p, ct_tensor *y, ct_tensor *g, const bool needed[2],
                            ct_tensor *dxs[2]) {
    Shape batch;
    Distances d;
    if (!lay_out(&a, &b, p, &batch, &d)) return false;
    const ct_dtype dtype = (ct_dtype)a->dtype;
    if (!(y = laid_out(y, dtype, batch)) || !(g = laid_out(g, dtype, batch))) return false;
    if (needed[0]) {
        ct_tensor *turned = tensor_transpose(y, batch.ndim, batch.ndim + 1);
        ct_tensor *turned_g = tensor_transpose(g, batch.ndim, batch.ndim + 1);
        if (!turned || !turned_g || !(dxs[0] = slope_of(a, b, turned, turned_g, d))) return false;
    }
    return !needed[1] || (dxs[1] = slope_of(b, a, y, g, d));
}
