/* Convolution: shapes, packing and cuts. The kernels, in kernels/convolution.h and convolution_filters.h, have vectors of
 * filters or, where these are few, of neighbouring places; where they are very few, those in convolution_direct.h need
 * no products of matrices. */
#include "internal/parallel.h"
#include "internal/plain.h"
#include <string.h>

enum {
    GRAIN = 1 << 19,        /* multiplications that are worth a piece of their own */
    PIECES = 8,             /* to keep threads equally busy */
    FEW_FILTERS = 2,        /* that products of matrices would not pay for */
    FEW_CHANNELS = 16,      /* that zeros beside rows are cheaper for than parts of windows */
    MANY_WEIGHTS = 1 << 13, /* of a panel, that the first cache does not keep for parts of windows */
    FEW_PLACES = 64         /* that parts for the direct kernels would not pay for */
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

/* All but the operands' data. */
static Convolution describe(const ct_tensor *x, const ct_tensor *weight, const Filtering *f) {
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
    c.depth = c.taps * c.channels;
    c.weight_group = c.filters * c.channels * c.taps;
    c.weight_filter = f->flipped ? c.taps : c.channels * c.taps;
    c.weight_channel = f->flipped ? c.filters * c.taps : c.taps;
    c.neighbours = f->stride[2] == 1;
    return c;
}

/* The shape of the result, of as many dims as x. */
static Shape result_shape(const ct_tensor *x, const ct_tensor *weight, const Filtering *f) {
    const int64_t filters = f->flipped ? weight->shape[1] * f->groups : weight->shape[0];
    Shape shape = {.ndim = x->ndim, .sizes = {x->shape[0], filters}};
    for (int d = 2; d < x->ndim; d++) shape.sizes[d] = f->out[3 + d - x->ndim];
    return shape;
}

/* x with zeros beside its rows, as far as windows reach, which f then no longer tells; or x itself. */
static ct_tensor *pad_rows(ct_tensor *x, const ct_tensor *weight, Filtering *f) {
    const int64_t size = x->shape[x->ndim - 1], reach = (weight->shape[weight->ndim - 1] - 1) * f->dilation[2] + 1;
    const int64_t before = larger(f->pad[2], 0);
    const int64_t after = larger((f->out[2] - 1) * f->stride[2] + reach - f->pad[2] - size, 0);
    if (before + after == 0) return x;
    int64_t shape[CT_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 1] += before + after;
    if (!tensor_check_shape((ct_dtype)x->dtype, shape, x->ndim)) return NULL;
    ct_tensor *y = tensor_new((ct_dtype)x->dtype, shape, x->ndim);
    if (!y) return NULL;
    const RowPadding padding = {x->data, y->data, size, before, size + before + after, x->numel / size};
    tensor_launch(tensor_kernels->convolution[x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32].pad_rows, &padding,
                  sizeof padding, padding.rows, parts(1 << 14, padding.width));
    f->pad[2] -= before;
    return y;
}

/* Offsets i · steps[0] + j · steps[1] + k · steps[2] for all i, j, k below sizes. */
static ct_tensor *offset_table(const int64_t *sizes, const int64_t *steps) {
    ct_tensor *table = tensor_new(CT_I64, CT_DIMS(product3(sizes)));
    int64_t *out = table ? (int64_t *)table->data : NULL;
    for (int64_t i = 0; i < sizes[0] && out; i++)
        for (int64_t j = 0; j < sizes[1]; j++)
            for (int64_t k = 0; k < sizes[2]; k++) *out++ = i * steps[0] + j * steps[1] + k * steps[2];
    return table;
}

/* Cuts y's planes into parts of at most so many places. */
static void cut_planes(Convolution *c, int64_t places) {
    c->row_parts = parts(c->out[2], places);
    c->row_blocks = parts(c->out[1], larger(1, places / c->out[2]));
}

/* Whether what the largest part of y's planes meets has room in the direct kernels. */
static bool has_room(Convolution *c) {
    const int64_t most[2] = {parts(c->out[1], c->row_blocks), parts(c->out[2], c->row_parts)};
    int64_t phases = 1, in = c->channels * c->kernel[0], out = 1;
    for (int d = 0; d < 2; d++) {
        const int64_t stride = c->stride[1 + d], spread = c->spread[1 + d];
        const int64_t reach = (most[d] - 1) * stride + (c->kernel[1 + d] - 1) * c->dilation[1 + d];
        c->split[d] = parts(parts(reach, spread) + 1, stride);
        if (stride > DIRECT_PHASES || spread > DIRECT_PHASES || c->split[d] > DIRECT_NUMBERS) return false;
        in *= stride * c->split[d];
        phases *= spread;
        out *= spread * (d == 0 ? parts(most[d], spread) : c->split[d]);
        if (in > DIRECT_NUMBERS || out > DIRECT_NUMBERS || phases > DIRECT_PHASES) return false;
    }
    return true;
}

/* Cuts y's planes for the direct kernels; false if they should not compute it. */
static bool cut_directly(Convolution *c) {
    if (c->filters > FEW_FILTERS || c->depth > DIRECT_TAPS) return false;
    for (int64_t places = DIRECT_NUMBERS / 2; places >= FEW_PLACES; places /= 2) {
        cut_planes(c, places);
        if (has_room(c)) return true;
    }
    return false;
}

/* Whether vectors of filters are at least three quarters full. */
static bool fills_vectors(int64_t filters, int type) {
    const int64_t lanes = tensor_kernels->matmul[type].panel_columns / 2;
    return 4 * filters >= 3 * parts(filters, lanes) * lanes;
}

static bool launch_by_filters(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    const int64_t columns = tensor_kernels->matmul[type].panel_columns, width = smaller(columns, c->filters);
    const int64_t steps[3] = {c->dilation[1] * c->size[2], c->plane, c->dilation[2]};
    ct_tensor *offsets = offset_table((int64_t[]){c->kernel[1], c->channels, c->kernel[2]}, steps);
    ct_tensor *edge_offsets = offset_table((int64_t[]){c->kernel[1], c->channels, 1}, steps);
    if (!offsets || !edge_offsets) return false;
    c->offsets = (const int64_t *)offsets->data;
    c->edge_offsets = (const int64_t *)edge_offsets->data;
    cut_planes(c, CONVOLUTION_NUMBERS / (width > columns / 2 ? columns : columns / 2));
    c->strips = parts(c->filters, columns);
    tensor_launch(kernels->pack_panels, c, sizeof *c, c->groups * c->strips, parts(GRAIN / 8, c->depth * columns));
    const int64_t cuts = c->out[0] * c->row_blocks * c->row_parts, units = c->groups * c->strips * c->images * cuts;
    const int64_t work = parts(c->places, cuts) * c->depth * width;
    tensor_launch(kernels->by_filters, c, sizeof *c, units, larger(parts(GRAIN, work), parts(units, PIECES)));
    return true;
}

/* A bias makes the patches a row longer. */
static bool launch_by_places(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    const MatrixKernels *matrix = &tensor_kernels->matmul[type];
    c->depth += c->bias != NULL;
    c->strips = parts(c->filters, matrix->strip_rows);
    tensor_launch(kernels->pack_filters, c, sizeof *c, c->groups * c->strips,
                  parts(GRAIN / 8, matrix->strip_rows * c->depth));
    const int64_t panels = c->images * c->groups * parts(c->places, matrix->panel_columns);
    const int64_t work = matrix->panel_columns * c->depth * c->filters;
    tensor_launch(kernels->by_places, c, sizeof *c, panels, larger(parts(GRAIN, work), parts(panels, PIECES)));
    return true;
}

static bool launch_transposed(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    c->strips = parts(c->channels, tensor_kernels->matmul[type].strip_rows);
    const int64_t strip = parts(c->channels, c->strips) * c->taps * c->filters;
    const int64_t units = c->images * c->groups * c->strips;
    tensor_launch(kernels->pack_channels, c, sizeof *c, c->groups * c->strips, parts(GRAIN / 8, strip));
    tensor_launch(kernels->transposed, c, sizeof *c, units,
                  larger(parts(GRAIN, strip * c->places), parts(units, PIECES)));
    return true;
}

static bool launch_directly(const Convolution *c, int type) {
    const int64_t cuts = c->out[0] * c->row_blocks * c->row_parts, units = cuts * c->images * c->groups;
    const int64_t work = parts(c->places, cuts) * c->depth * c->filters;
    tensor_launch(tensor_kernels->convolution[type].directly, c, sizeof *c, units,
                  larger(parts(GRAIN, work), parts(units, PIECES)));
    return true;
}

/* With operands of one dtype that computes, none of them and no result empty. The transposed convolution reads what the
 * convolution that it is the adjoint of would write. */
static bool compute(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *f, ct_tensor *y) {
    const int type = x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    Convolution direct = describe(x, weight, f);
    direct.x = x->data, direct.weight = weight->data, direct.y = y->data;
    direct.bias = bias ? bias->data : NULL;
    if (cut_directly(&direct)) return launch_directly(&direct, type);
    const bool by_filters = product3(f->spread) == 1 && fills_vectors(y->shape[1] / f->groups, type);
    const bool transposed = f->flipped && !by_filters;
    Filtering filtering = transposed ? tensor_convolve_adjoint(f, x->shape, weight->shape, x->ndim) : *f;
    const int64_t columns = tensor_kernels->matmul[type].panel_columns;
    const bool padded = direct.channels < FEW_CHANNELS || direct.depth * smaller(columns, direct.filters) > MANY_WEIGHTS;
    if (by_filters && padded && !(x = pad_rows(x, weight, &filtering))) return false;
    Convolution c = describe(transposed ? y : x, weight, &filtering);
    const int64_t filters = by_filters ? parts(c.filters, columns) * columns : c.filters;
    ct_tensor *packed = tensor_new((ct_dtype)x->dtype, CT_DIMS(c.groups * filters * (c.depth + 1)));
    if (!packed) return false;
    c.x = x->data, c.weight = weight->data, c.packed = packed->data;
    c.bias = bias ? bias->data : NULL;
    c.y = transposed ? x->data : y->data;
    c.slopes = y->data;
    return (by_filters ? launch_by_filters : transposed ? launch_transposed : launch_by_places)(&c, type);
}

ct_tensor *tensor_convolve(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *filtering) {
    CT_SCOPED;
    const ct_dtype given = tensor_result_dtype((ct_tensor *[]){x, weight, bias}, bias ? 3 : 2);
    const ct_dtype dtype = tensor_wide_dtype(given);
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&weight, dtype) || !tensor_plainly(&bias, dtype)) return NULL;
    const Shape shape = result_shape(x, weight, filtering);
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

static bool launch_weights_directly(Convolution *c, int type) {
    const int64_t filters = c->parts * c->groups * c->filters, work = c->places * c->depth * parts(c->images, c->parts);
    tensor_launch(tensor_kernels->convolution[type].weight_slopes_directly, c, sizeof *c, filters,
                  larger(parts(GRAIN, work), parts(filters, PIECES)));
    return true;
}

static bool launch_weights(Convolution *c, int type) {
    const ConvolutionKernels *kernels = &tensor_kernels->convolution[type];
    const MatrixKernels *matrix = &tensor_kernels->matmul[type];
    cut_planes(c, CONVOLUTION_PLACES);
    ct_tensor *offsets = offset_table((int64_t[]){1, parts(c->out[1], c->row_blocks), parts(c->out[2], c->row_parts)},
                                      (int64_t[]){0, c->stride[1] * c->size[2], c->stride[2]});
    if (!offsets) return false;
    c->offsets = (const int64_t *)offsets->data;
    const int64_t rows = larger(c->channels, c->kernel[2]); /* a tile's are channels or taps of a row */
    c->strips = c->depth / rows * parts(rows, matrix->strip_rows);
    const int64_t units = c->parts * c->groups * parts(c->filters, matrix->panel_columns) * c->strips;
    const int64_t block = parts(c->depth, c->strips) * smaller(c->filters, matrix->panel_columns);
    const int64_t work = parts(c->images, c->parts) * c->places * block;
    tensor_launch(kernels->weight_slopes, c, sizeof *c, units, larger(parts(GRAIN, work), parts(units, PIECES)));
    return true;
}

/* The parts' sums [parts, groups, depth (+ 1), filters] joined as they are asked for. */
static bool join(ct_tensor *sums, const Convolution *c, const ct_tensor *weight, ct_tensor **weight_slope,
                 ct_tensor **bias_slope) {
    ct_tensor *sum = tensor_sum(sums, 1, false);
    if (sum && bias_slope) {
        *bias_slope = tensor_slice(sum, 1, c->depth, 1, 1);
        *bias_slope = *bias_slope ? tensor_reshape(*bias_slope, CT_DIMS(c->groups * c->filters)) : NULL;
        sum = *bias_slope ? tensor_slice(sum, 1, 0, c->depth, 1) : NULL;
    }
    sum = sum ? tensor_transpose(sum, 1, 2) : NULL;
    *weight_slope = sum ? tensor_reshape(sum, weight->shape, weight->ndim) : NULL;
    return *weight_slope != NULL;
}

/* Few weights are summed for parts of the images, many for all at once. */
bool tensor_convolve_weight_slopes(ct_tensor *x, const ct_tensor *weight, ct_tensor *g, const Filtering *filtering,
                                   ct_tensor **weight_slope, ct_tensor **bias_slope) {
    if (filtering->flipped) { /* weight is that of the adjoint, which takes g to x */
        const Filtering adjoint = tensor_convolve_adjoint(filtering, x->shape, weight->shape, x->ndim);
        if (bias_slope && !(*bias_slope = tensor_sum(g, ~(~0u << g->ndim) & ~2u, false))) return false;
        return tensor_convolve_weight_slopes(g, weight, x, &adjoint, weight_slope, NULL);
    }
    const ct_dtype dtype = tensor_wide_dtype(tensor_result_dtype((ct_tensor *[]){x, g}, 2));
    const bool empty = x->numel == 0 || g->numel == 0;
    Filtering inner = *filtering;
    if (!tensor_plainly(&x, dtype) || !tensor_plainly(&g, dtype)) return false;
    Convolution c = describe(x, weight, &inner);
    const bool directly = !empty && cut_directly(&c);
    if (!empty && !directly) {
        if (!(x = pad_rows(x, weight, &inner))) return false;
        c = describe(x, weight, &inner);
    }
    c.sums_bias = bias_slope != NULL;
    c.parts = smaller(larger(1, smaller(c.images, PIECES)), larger(1, x->numel / larger(1, 4 * weight->numel)));
    ct_tensor *sums = tensor_new(dtype, CT_DIMS(c.parts, c.groups, c.depth + c.sums_bias, c.filters));
    if (!sums) return false;
    tensor_fill(sums, 0);
    c.x = x->data, c.y = g->data, c.sums = sums->data;
    const int type = dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
    if (!empty && sums->numel > 0 && !(directly ? launch_weights_directly : launch_weights)(&c, type)) return false;
    return join(sums, &c, weight, weight_slope, bias_slope);
}
