/* Convolution: shapes, packing and cuts. The kernels are in kernels/convolution.h. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum {
    GRAIN = 1 << 19, /* multiplications that are worth a piece of their own */
    PIECES = 8       /* to keep threads equally busy */
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t parts(int64_t n, int64_t of) {
    return (n + of - 1) / of;
}

/* The sizes of all dims but the first two, 1 where they are lacking. */
static void spatial_sizes(const int64_t *shape, int ndim, int64_t *sizes) {
    const int lacking = 5 - ndim;
    for (int d = 0; d < 3; d++) sizes[d] = d < lacking ? 1 : shape[2 + d - lacking];
}

static int64_t product3(const int64_t *sizes) {
    return sizes[0] * sizes[1] * sizes[2];
}

/* All but the operands' data; with_bias makes the patches a row longer. */
static Convolution describe(const ct_tensor *x, const ct_tensor *weight, const Filtering *f, bool with_bias) {
    Convolution c = {.images = x->shape[0], .groups = f->groups, .channels = x->shape[1] / f->groups, .numel = x->numel,
                     .flipped = f->flipped};
    c.filters = f->flipped ? weight->shape[1] : weight->shape[0] / f->groups;
    spatial_sizes(x->shape, x->ndim, c.size);
    spatial_sizes(weight->shape, x->ndim, c.kernel);
    memcpy(c.stride, f->stride, sizeof c.stride);
    memcpy(c.spread, f->spread, sizeof c.spread);
    memcpy(c.pad, f->pad, sizeof c.pad);
    memcpy(c.dilation, f->dilation, sizeof c.dilation);
    memcpy(c.out, f->out, sizeof c.out);
    c.plane = product3(c.size);
    c.places = product3(c.out);
    c.taps = product3(c.kernel);
    c.depth = c.taps * c.channels + with_bias;
    c.weight_group = c.filters * c.channels * c.taps;
    c.weight_filter = f->flipped ? c.taps : c.channels * c.taps;
    c.weight_channel = f->flipped ? c.filters * c.taps : c.taps;
    c.neighbours = f->stride[2] == 1 && product3(f->spread) == 1;
    return c;
}

/* The shape of the result, of as many dims as x. */
static Shape result_shape(const ct_tensor *x, const Convolution *c) {
    Shape shape = {.ndim = x->ndim, .sizes = {c->images, c->groups * c->filters}};
    for (int d = 2; d < x->ndim; d++) shape.sizes[d] = c->out[3 + d - x->ndim];
    return shape;
}

static void launch_panels(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    const MatrixKernels *matrix = &tensor_kernels->matmul[type];
    c->strips = parts(c->filters, matrix->strip_rows);
    tensor_launch(kernels->pack_filters, c, sizeof *c, c->groups * c->strips,
                  parts(GRAIN / 8, matrix->strip_rows * c->depth));
    const int64_t panels = c->images * c->groups * parts(c->places, matrix->panel_columns);
    const int64_t work = matrix->panel_columns * c->depth * c->filters;
    tensor_launch(kernels->convolve, c, sizeof *c, panels, larger(parts(GRAIN, work), parts(panels, PIECES)));
}

static void launch_transposed(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    c->strips = parts(c->channels, tensor_kernels->matmul[type].strip_rows);
    const int64_t strip = parts(c->channels, c->strips) * c->taps * c->filters;
    const int64_t units = c->images * c->groups * c->strips;
    tensor_launch(kernels->pack_channels, c, sizeof *c, c->groups * c->strips, parts(GRAIN / 8, strip));
    tensor_launch(kernels->transposed, c, sizeof *c, units,
                  larger(parts(GRAIN, strip * c->places), parts(units, PIECES)));
}

/* With operands of one dtype that computes, none of them and no result empty. The transposed convolution reads what the
 * convolution that it is the adjoint of would write. */
static bool compute(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *f, ct_tensor *y) {
    const int type = x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    const Filtering adjoint = tensor_convolve_adjoint(f, x->shape, weight->shape, x->ndim);
    const bool transposed = f->flipped && product3(adjoint.spread) == 1;
    Convolution c = transposed ? describe(y, weight, &adjoint, false) : describe(x, weight, f, bias != NULL);
    ct_tensor *packed = tensor_new((ct_dtype)x->dtype, CT_DIMS(c.groups * c.filters * (c.taps * c.channels + 1)));
    if (!packed) return false;
    c.x = x->data, c.weight = weight->data, c.packed = packed->data;
    c.bias = bias ? bias->data : NULL;
    c.y = transposed ? x->data : y->data;
    c.slopes = y->data;
    (transposed ? launch_transposed : launch_panels)(&c, type);
    return true;
}

ct_tensor *tensor_convolve(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *filtering) {
    CT_SCOPED;
    const ct_dtype given = tensor_result_dtype((ct_tensor *[]){x, weight, bias}, bias ? 3 : 2);
    const ct_dtype dtype = tensor_wide_dtype(given);
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&bias, dtype)) return NULL;
    const Convolution c = describe(x, weight, filtering, bias != NULL);
    const Shape shape = result_shape(x, &c);
    if (!tensor_check_shape(dtype, shape.sizes, shape.ndim)) return NULL;
    ct_tensor *y = tensor_new(dtype, shape.sizes, shape.ndim);
    if (!y) return NULL;
    if (x->numel == 0 || weight->numel == 0) tensor_fill(y, 0);
    else if (y->numel > 0 && !compute(x, weight, bias, filtering, y)) return NULL;
    y = tensor_as(y, given);
    return y ? ct_scope_keep(y) : NULL;
}

Filtering tensor_convolve_adjoint(const Filtering *f, const int64_t *x_shape, const int64_t *weight_shape, int ndim) {
    Filtering adjoint = {.groups = f->groups, .flipped = !f->flipped};
    int64_t kernel[3];
    spatial_sizes(weight_shape, ndim, kernel);
    spatial_sizes(x_shape, ndim, adjoint.out);
    for (int d = 0; d < 3; d++) {
        adjoint.stride[d] = f->spread[d];
        adjoint.spread[d] = f->stride[d];
        adjoint.dilation[d] = f->dilation[d];
        adjoint.pad[d] = f->dilation[d] * (kernel[d] - 1) - f->pad[d];
    }
    return adjoint;
}

/* Few weights are summed for parts of the images, many for all at once. */
static void launch_weights(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    const MatrixKernels *matrix = &tensor_kernels->matmul[type];
    c->depth_strips = parts(c->depth, matrix->strip_rows);
    const int64_t units = c->parts * c->groups * parts(c->filters, matrix->panel_columns) * c->depth_strips;
    const int64_t block = matrix->strip_rows * smaller(c->filters, matrix->panel_columns);
    const int64_t work = parts(c->images, c->parts) * c->places * block;
    tensor_launch(kernels->weight_slopes, c, sizeof *c, units, larger(parts(GRAIN, work), parts(units, PIECES)));
}

/* The parts' sums [parts, groups, taps · channels (+ 1), filters] joined as they are asked for. */
static bool join(ct_tensor *sums, const Convolution *c, const ct_tensor *weight, ct_tensor **weight_slope,
                 ct_tensor **bias_slope) {
    ct_tensor *sum = tensor_sum(sums, 1, false);
    if (sum && bias_slope) {
        *bias_slope = tensor_slice(sum, 1, c->depth - 1, 1, 1);
        *bias_slope = *bias_slope ? tensor_reshape(*bias_slope, CT_DIMS(c->groups * c->filters)) : NULL;
        sum = *bias_slope ? tensor_slice(sum, 1, 0, c->depth - 1, 1) : NULL;
    }
    sum = sum ? tensor_reshape(sum, CT_DIMS(c->groups, c->taps, c->channels, c->filters)) : NULL;
    sum = sum ? tensor_permute(sum, (int64_t[]){0, 3, 2, 1}) : NULL;
    *weight_slope = sum ? tensor_reshape(sum, weight->shape, weight->ndim) : NULL;
    return *weight_slope != NULL;
}

bool tensor_convolve_weight_slopes(ct_tensor *x, const ct_tensor *weight, ct_tensor *g, const Filtering *filtering,
                                   ct_tensor **weight_slope, ct_tensor **bias_slope) {
    if (filtering->flipped) { /* weight is that of the adjoint, which takes g to x */
        const Filtering adjoint = tensor_convolve_adjoint(filtering, x->shape, weight->shape, x->ndim);
        if (bias_slope && !(*bias_slope = tensor_sum(g, ~(~0u << g->ndim) & ~2u, false))) return false;
        return tensor_convolve_weight_slopes(g, weight, x, &adjoint, weight_slope, NULL);
    }
    const ct_dtype dtype = tensor_wide_dtype(tensor_result_dtype((ct_tensor *[]){x, g}, 2));
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&g, dtype)) return false;
    Convolution c = describe(x, weight, filtering, bias_slope != NULL);
    c.parts = smaller(larger(1, smaller(c.images, PIECES)), larger(1, x->numel / larger(1, 4 * weight->numel)));
    ct_tensor *sums = tensor_new(dtype, CT_DIMS(c.parts, c.groups, c.depth, c.filters));
    if (!sums) return false;
    if (x->numel == 0 || g->numel == 0) tensor_fill(sums, 0);
    else if (sums->numel > 0) {
        c.x = x->data, c.y = g->data, c.sums = sums->data;
        launch_weights(&c, dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32);
    }
    return join(sums, &c, weight, weight_slope, bias_slope);
}
