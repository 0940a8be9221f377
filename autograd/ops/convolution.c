/* Convolutions: all of them, and their derivatives of any order, are one operation (tensor/internal/plain.h describes it
 * as Filtering). Its adjoint is of the same kind, with stride and spread exchanged; so is the gradient for the weight,
 * with images and channels exchanged, and stride and dilation. */
#include "../internal/losses.h"
#include <string.h>

#define X (c->x[0])
#define W (c->x[1])

enum { FIELDS = sizeof(Filtering) / sizeof(int64_t) };

static Filtering filtering_of(const Call *c) {
    Filtering filtering;
    memcpy(&filtering, c->attr->list, sizeof filtering);
    return filtering;
}

static ct_tensor *convolve_forward(Call *c) {
    const Filtering filtering = filtering_of(c);
    return tensor_convolve(X, W, c->x[2], &filtering);
}

static ct_tensor *convolve(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *filtering);

/* [N, groups · channels, …] as [channels, groups · N, …]. */
static ct_tensor *images_for_channels(ct_tensor *x, int64_t groups) {
    if (!x || groups == 1) return ct_transpose(x, 0, 1);
    int64_t split[CT_MAX_DIMS] = {x->shape[0], groups, x->shape[1] / groups}, joined[CT_MAX_DIMS];
    int64_t order[CT_MAX_DIMS] = {2, 1, 0};
    joined[0] = split[2];
    joined[1] = groups * x->shape[0];
    for (int d = 2; d < x->ndim; d++) {
        joined[d] = split[d + 1] = x->shape[d];
        order[d + 1] = d + 1;
    }
    return ct_reshape(ct_permute(ct_reshape(x, split, x->ndim + 1), order, x->ndim + 1), joined, x->ndim);
}

/* From x and the result's gradient g. */
static ct_tensor *weight_gradient(ct_tensor *x, ct_tensor *g, const int64_t *weight_shape, const Filtering *filtering) {
    Filtering exchanged = *filtering;
    memcpy(exchanged.stride, filtering->dilation, sizeof exchanged.stride);
    memcpy(exchanged.dilation, filtering->stride, sizeof exchanged.dilation);
    for (int d = 0; d < 3; d++) exchanged.out[d] = d < 5 - x->ndim ? 1 : weight_shape[2 + d - (5 - x->ndim)];
    ct_tensor *slope = convolve(images_for_channels(x, filtering->groups), ct_transpose(g, 0, 1), NULL, &exchanged);
    return ct_transpose(slope, 0, 1);
}

static ct_tensor *convolve_vjp(const Call *c, ct_tensor *g, int i) {
    const Filtering filtering = filtering_of(c);
    const int nd = g->ndim - 2;
    if (i == 2) return ct_sum_dim(g, (int64_t[]){0, 2, 3, 4}, nd + 1, false);
    int ndim;
    const int64_t *shape = autograd_input_shape(c, i, &ndim);
    const Filtering adjoint =
        tensor_convolve_adjoint(&filtering, i == 0 ? shape : X->shape, i == 0 ? W->shape : shape, ndim);
    if (i == 0) return convolve(g, W, NULL, &adjoint);
    return filtering.flipped ? weight_gradient(g, X, shape, &adjoint) : weight_gradient(X, g, shape, &filtering);
}

static bool convolve_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    const Filtering filtering = filtering_of(c);
    const Filtering adjoint = tensor_convolve_adjoint(&filtering, X->shape, W->shape, g->ndim);
    const bool bias = c->n > 2 && autograd_needs(c, 2);
    if (autograd_needs(c, 0) && !(dxs[0] = tensor_convolve(g, W, NULL, &adjoint))) return false;
    if (autograd_needs(c, 1)) return tensor_convolve_weight_slopes(X, W, g, &filtering, &dxs[1], bias ? &dxs[2] : NULL);
    return !bias || (dxs[2] = tensor_sum(g, ~(~0u << g->ndim) & ~2u, false));
}

/* Every rule reads x and weight, since all gradients are made at once. */
static const Op convolve_op = {.name = "convolve", .formula = "dx = dy * w (transposed), dw = x * dy, db = sum of dy",
                               .forward = convolve_forward, .vjp = convolve_vjp, .fused = convolve_fused,
                               .reads = {INPUT(0) | INPUT(1), INPUT(0) | INPUT(1), INPUT(0) | INPUT(1)},
                               .optional = INPUT(2)};

static ct_tensor *convolve(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *filtering) {
    return APPLY(&convolve_op, ATTR(.count = FIELDS, .list = (const int64_t *)filtering), x, weight, bias);
}

/* ---- what users see ---- */

enum { LARGEST = 1 << 30 };

/* A number of the parameters, which is 1 where 0 stands for it. */
static bool take(const char *name, int64_t value, int64_t least, int64_t *taken) {
    *taken = value == 0 ? least : value;
    if (*taken >= least && *taken <= LARGEST) return true;
    tensor_error(CT_ERR_VALUE, "%s is %lld; expected %lld to %d", name, (long long)value, (long long)least, LARGEST);
    return false;
}

static bool check_operands(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, int nd, int64_t groups,
                           bool transposed) {
    const int64_t channels = x->ndim == nd + 1 || x->ndim == nd + 2 ? x->shape[x->ndim - nd - 1] : -1;
    const bool ranks = channels >= 0 && weight->ndim == nd + 2;
    const int64_t filters = ranks ? transposed ? weight->shape[1] * groups : weight->shape[0] : 0;
    if (!ranks) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s, weight %s; expected %d or %d dims, and %d", tensor_shape_of(x),
                     tensor_shape_of(weight), nd + 2, nd + 1, nd + 2);
        return false;
    }
    const int64_t met = transposed ? weight->shape[0] : weight->shape[1] * groups;
    if (channels % groups || weight->shape[0] % groups || channels != met) {
        tensor_error(CT_ERR_SHAPE, "x %s has %lld channels, which do not go with weight %s and %lld groups",
                     tensor_shape_of(x), (long long)channels, tensor_shape_of(weight), (long long)groups);
        return false;
    }
    if (!bias || (bias->ndim == 1 && bias->shape[0] == filters)) return true;
    tensor_error(CT_ERR_SHAPE, "bias has shape %s; expected (%lld,)", tensor_shape_of(bias), (long long)filters);
    return false;
}

/* The size of the result along one dim; -1 with an error. */
static int64_t result_size(int64_t size, int64_t reach, int64_t stride, int64_t pad, int64_t output_pad,
                           bool transposed) {
    const int64_t room = size + 2 * pad - reach;
    const int64_t result = transposed ? (size - 1) * stride - 2 * pad + reach + output_pad
                                      : (room < 0 ? 0 : room / stride + 1);
    if (result >= 1) return result;
    tensor_error(CT_ERR_SHAPE, "a size of %lld with padding %lld leaves no place for filters that reach over %lld",
                 (long long)size, (long long)pad, (long long)reach);
    return -1;
}

/* The filtering that the parameters say. */
static bool resolve(Filtering *f, const ct_tensor *x, const ct_tensor *weight, int nd, const ct_conv_params *p,
                    bool transposed) {
    for (int d = 0; d < 3; d++) f->stride[d] = f->spread[d] = f->dilation[d] = f->out[d] = 1;
    f->flipped = transposed;
    for (int d = 3 - nd, i = 0; d < 3; d++, i++) {
        const int64_t size = x->shape[x->ndim - nd + i], kernel = weight->shape[2 + i];
        int64_t stride, pad, output_pad;
        if (size < 1 || size > LARGEST || kernel > LARGEST || weight->numel == 0) {
            tensor_error(CT_ERR_SHAPE, "x has shape %s, weight %s; expected sizes of 1 to %d, but for the images",
                         tensor_shape_of(x), tensor_shape_of(weight), LARGEST);
            return false;
        }
        if (!take("stride", p->stride[i], 1, &stride) || !take("padding", p->padding[i], 0, &pad) ||
            !take("dilation", p->dilation[i], 1, &f->dilation[d]) ||
            !take("output_padding", p->output_padding[i], 0, &output_pad))
            return false;
        if (transposed ? output_pad >= stride && output_pad >= f->dilation[d] : output_pad != 0) {
            tensor_error(CT_ERR_VALUE, "output_padding is %lld; expected less than stride or dilation%s",
                         (long long)output_pad, transposed ? "" : ", of a transposed convolution");
            return false;
        }
        const int64_t reach = f->dilation[d] * (kernel - 1) + 1;
        if ((f->out[d] = result_size(size, reach, stride, pad, output_pad, transposed)) < 0) return false;
        f->pad[d] = transposed ? reach - 1 - pad : pad;
        (transposed ? f->spread : f->stride)[d] = stride;
    }
    return true;
}

static ct_tensor *convolution(const char *name, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, int nd,
                              const ct_conv_params *params, bool transposed) {
    FUNCTION(name);
    CT_SCOPED;
    static const ct_conv_params defaults = CT_CONV_DEFAULTS;
    const ct_conv_params *p = params ? params : &defaults;
    if (!tensor_given(x, "x") || !tensor_given(weight, "weight") || ct_error() != CT_OK) return NULL;
    if (!autograd_loss_floating(x, "x") || !autograd_loss_floating(weight, "weight") ||
        (bias && !autograd_loss_floating(bias, "bias")))
        return NULL;
    Filtering filtering = {.groups = 1};
    if (!take("groups", p->groups, 1, &filtering.groups)) return NULL;
    if (!check_operands(x, weight, bias, nd, filtering.groups, transposed)) return NULL;
    if (!resolve(&filtering, x, weight, nd, p, transposed)) return NULL;
    const bool single = x->ndim == nd + 1;
    ct_tensor *y = convolve(single ? ct_unsqueeze(x, 0) : x, weight, bias, &filtering);
    return ct_scope_keep(single ? ct_squeeze_dim(y, 0) : y);
}

ct_tensor *ct_conv1d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params) {
    return convolution("ct_conv1d", x, weight, bias, 1, params, false);
}

ct_tensor *ct_conv2d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params) {
    return convolution("ct_conv2d", x, weight, bias, 2, params, false);
}

ct_tensor *ct_conv3d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params) {
    return convolution("ct_conv3d", x, weight, bias, 3, params, false);
}

ct_tensor *ct_conv_transpose1d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params) {
    return convolution("ct_conv_transpose1d", x, weight, bias, 1, params, true);
}

ct_tensor *ct_conv_transpose2d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params) {
    return convolution("ct_conv_transpose2d", x, weight, bias, 2, params, true);
}
