/* Pooling over the last one or two dims, and its derivatives. */
#include "../internal/losses.h"
#include <string.h>

static Pooling pooling_of(const Call *c) {
    Pooling pooling;
    memcpy(&pooling, c->attr->list, sizeof pooling);
    return pooling;
}

#define POOLING_ATTR(pooling) ATTR(.count = sizeof(Pooling) / sizeof(int64_t), .list = (const int64_t *)(pooling))

/* ---- the largest ---- */

static ct_tensor *max_pool_forward(Call *c) {
    const Pooling pooling = pooling_of(c);
    return tensor_max_pool(c->x[0], &pooling, &c->extra);
}

/* What flows into a window flows to its largest number. */
static ct_tensor *max_pool_vjp(const Call *c, ct_tensor *g, int i) {
    const Pooling p = pooling_of(c);
    int ndim;
    const int64_t *shape = autograd_input_shape(c, i, &ndim);
    const int64_t places[] = {-1, p.out[0] * p.out[1]}, numbers[] = {-1, p.size[0] * p.size[1]};
    if (g->numel == 0) return autograd_input_zeros(c, i);
    ct_tensor *zeros = ct_reshape(autograd_input_zeros(c, i), numbers, 2);
    ct_tensor *slopes = ct_scatter_add(zeros, 1, ct_reshape(c->extra, places, 2), ct_reshape(g, places, 2));
    return ct_reshape(slopes, shape, ndim);
}

static bool max_pool_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    const Pooling pooling = pooling_of(c);
    return (dxs[0] = tensor_max_pool_slope(c->extra, g, &pooling)) != NULL;
}

static const Op max_pool_op = {.name = "max_pool", .formula = "dx = dy at each window's first largest place, else 0",
                               .forward = max_pool_forward, .vjp = max_pool_vjp, .fused = max_pool_fused, .reads = {EXTRA}};

/* ---- means: linear, so that each is the other's derivative ---- */

static ct_tensor *average_pool_forward(Call *c) {
    const Pooling pooling = pooling_of(c);
    return tensor_average_pool(c->x[0], &pooling);
}

static ct_tensor *average_pool_slope_forward(Call *c) {
    const Pooling pooling = pooling_of(c);
    return tensor_average_pool_slope(c->x[0], &pooling);
}

static ct_tensor *average_pool_vjp(const Call *c, ct_tensor *g, int i);
static ct_tensor *average_pool_slope_vjp(const Call *c, ct_tensor *g, int i);
static const Op average_pool_op = {.name = "average_pool", .formula = "dx = sum over the windows of dy / count",
                                   .forward = average_pool_forward, .vjp = average_pool_vjp, .reads = {0}};
static const Op average_pool_slope_op = {.name = "average_pool_slope", .formula = "dx = mean of dy over each window",
                                         .forward = average_pool_slope_forward, .vjp = average_pool_slope_vjp, .reads = {0}};

static ct_tensor *average_pool_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return APPLY(&average_pool_slope_op, c->attr, g);
}

static ct_tensor *average_pool_slope_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return APPLY(&average_pool_op, c->attr, g);
}

/* ---- what users see ---- */

enum { LARGEST = 1 << 30 };

static bool is_within(const char *name, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return true;
    tensor_error(CT_ERR_VALUE, "%s is %lld; expected %lld to %lld", name, (long long)value, (long long)least,
                 (long long)most);
    return false;
}

/* Whether x has planes of that many dims, with or without images before the channels. */
static bool has_planes(const ct_tensor *x, int dims) {
    if (!tensor_given(x, "x") || !autograd_loss_floating(x, "x")) return false;
    bool fits = x->ndim == dims + 1 || x->ndim == dims + 2;
    int64_t plane = 1;
    for (int d = 1; fits && d <= dims; d++) {
        fits = x->shape[x->ndim - d] >= 1 && x->shape[x->ndim - d] <= INT32_MAX / plane;
        plane *= fits ? x->shape[x->ndim - d] : 1;
    }
    if (!fits)
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected (N, channels, %s) or (channels, %s), of 1 to 2^31 - 1 places",
                     tensor_shape_of(x), dims == 1 ? "L" : "H, W", dims == 1 ? "L" : "H, W");
    return fits;
}

/* Whether each window of that dim meets x somewhere: with dilation, taps may all lie beside it. */
static bool all_meet(const Pooling *p, int d) {
    for (int64_t i = 0; i < p->out[d]; i++) {
        const int64_t start = i * p->stride[d] - p->pad[d];
        const int64_t tap = start < 0 ? (p->dilation[d] - 1 - start) / p->dilation[d] : 0;
        if (tap >= p->kernel[d] || start + tap * p->dilation[d] >= p->size[d]) return false;
    }
    return true;
}

static bool resolve_dim(Pooling *p, int d, int64_t dilation, const ct_pool_params *params, int i, bool averages) {
    p->kernel[d] = params->kernel[i];
    p->stride[d] = params->stride[i] == 0 ? params->kernel[i] : params->stride[i];
    p->pad[d] = params->padding[i];
    p->dilation[d] = dilation == 0 ? 1 : dilation;
    if (!is_within("kernel", p->kernel[d], 1, LARGEST) || !is_within("stride", p->stride[d], 1, LARGEST) ||
        !is_within("dilation", p->dilation[d], 1, averages ? 1 : LARGEST) ||
        !is_within("padding", p->pad[d], 0, p->kernel[d] / 2))
        return false;
    const int64_t reach = (p->kernel[d] - 1) * p->dilation[d] + 1, room = p->size[d] + 2 * p->pad[d] - reach;
    const int64_t last = room + (params->ceil_mode ? p->stride[d] - 1 : 0);
    p->out[d] = last < 0 ? 0 : last / p->stride[d] + 1;
    if (params->ceil_mode && (p->out[d] - 1) * p->stride[d] >= p->size[d] + p->pad[d]) p->out[d]--;
    if (p->out[d] >= 1 && all_meet(p, d)) return true;
    tensor_error(CT_ERR_SHAPE, "a size of %lld with padding %lld leaves no place for windows that reach over %lld",
                 (long long)p->size[d], (long long)p->pad[d], (long long)reach);
    return false;
}

/* Sizes of x's planes, and one window that is as large as a place in dims that they lack. */
static Pooling whole(const ct_tensor *x, int dims) {
    Pooling p = {.dims = dims, .size = {1, 1}, .out = {1, 1}, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    for (int i = 0; i < dims; i++) p.size[1 - i] = x->shape[x->ndim - 1 - i];
    return p;
}

static ct_tensor *pool(const char *name, ct_tensor *x, int dims, const ct_pool_params *params, const Op *op) {
    FUNCTION(name);
    if (!has_planes(x, dims) || !tensor_given(params, "params")) return NULL;
    Pooling p = whole(x, dims);
    p.include_pad = params->count_include_pad;
    for (int i = 0; i < dims; i++)
        if (!resolve_dim(&p, 2 - dims + i, params->dilation[i], params, i, op == &average_pool_op)) return NULL;
    return APPLY(op, POOLING_ATTR(&p), x);
}

ct_tensor *ct_max_pool1d(ct_tensor *x, const ct_pool_params *params) {
    return pool("ct_max_pool1d", x, 1, params, &max_pool_op);
}

ct_tensor *ct_max_pool2d(ct_tensor *x, const ct_pool_params *params) {
    return pool("ct_max_pool2d", x, 2, params, &max_pool_op);
}

ct_tensor *ct_avg_pool1d(ct_tensor *x, const ct_pool_params *params) {
    return pool("ct_avg_pool1d", x, 1, params, &average_pool_op);
}

ct_tensor *ct_avg_pool2d(ct_tensor *x, const ct_pool_params *params) {
    return pool("ct_avg_pool2d", x, 2, params, &average_pool_op);
}

ct_tensor *ct_adaptive_avg_pool2d(ct_tensor *x, int64_t h, int64_t w) {
    FUNCTION("ct_adaptive_avg_pool2d");
    if (!has_planes(x, 2) || !is_within("h", h, 1, LARGEST) || !is_within("w", w, 1, LARGEST)) return NULL;
    Pooling p = whole(x, 2);
    p.adaptive = 1;
    p.out[0] = h, p.out[1] = w;
    return APPLY(&average_pool_op, POOLING_ATTR(&p), x);
}
