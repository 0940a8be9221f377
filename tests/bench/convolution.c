/* Convolution and pooling, and the training step of a small network of them, µs a call. */
#include "bench.h"

typedef struct {
    ct_tensor *x, *weight, *bias;
    ct_conv_params params;
} Layer;

static void layer_forward(void *data) {
    const Layer *layer = data;
    CT_SCOPED;
    CT_NO_GRAD;
    ct_conv2d(layer->x, layer->weight, layer->bias, &layer->params);
}

static void layer_step(void *data) {
    const Layer *layer = data;
    CT_SCOPED;
    ct_tensor *y = ct_conv2d(layer->x, layer->weight, layer->bias, &layer->params);
    ct_tensor *ones = ct_ones_like(y), *grads[3];
    ct_gradients(&y, 1, (ct_tensor *[]){layer->x, layer->weight, layer->bias}, 3, &ones, 0, grads);
}

static const ct_pool_params halved = {.kernel = {2, 2}};

static void pool_forward(void *data) {
    CT_SCOPED;
    CT_NO_GRAD;
    ct_max_pool2d(data, &halved);
}

static void pool_step(void *data) {
    CT_SCOPED;
    ct_tensor *x = data, *y = ct_max_pool2d(x, &halved), *ones = ct_ones_like(y), *grad;
    ct_gradients(&y, 1, &x, 1, &ones, 0, &grad);
}

static ct_tensor *leaf(const int64_t *shape, int ndim, double scale) {
    return ct_set_requires_grad(ct_mul_scalar(ct_randn(CT_F32, shape, ndim), scale), true);
}

static void line(const char *name, Work *work, void *data) {
    report(name, seconds_per_call(work, data) * 1e6, "us");
}

static void layers(void) {
    CT_SCOPED;
    Layer first = {leaf(CT_DIMS(64, 1, 28, 28), 1), leaf(CT_DIMS(16, 1, 3, 3), 0.3), leaf(CT_DIMS(16), 0.1),
                   CT_CONV_DEFAULTS};
    Layer second = {leaf(CT_DIMS(64, 16, 13, 13), 1), leaf(CT_DIMS(32, 16, 3, 3), 0.1), leaf(CT_DIMS(32), 0.1),
                    CT_CONV_DEFAULTS};
    line("conv1x16/forward", layer_forward, &first);
    line("conv1x16/step", layer_step, &first);
    line("conv16x32/forward", layer_forward, &second);
    line("conv16x32/step", layer_step, &second);
    ct_tensor *x = leaf(CT_DIMS(64, 16, 26, 26), 1);
    line("max_pool/forward", pool_forward, x);
    line("max_pool/step", pool_step, x);
}

/* A filter for each channel. */
static void depthwise(const char *forward, const char *step, int64_t images, int64_t channels, int64_t size,
                      int64_t stride) {
    CT_SCOPED;
    Layer layer = {leaf(CT_DIMS(images, channels, size, size), 1), leaf(CT_DIMS(channels, 1, 3, 3), 0.3),
                   leaf(CT_DIMS(channels), 0.1),
                   {.stride = {stride, stride}, .padding = {1, 1}, .groups = channels}};
    line(forward, layer_forward, &layer);
    line(step, layer_step, &layer);
}

typedef struct {
    ct_tensor *parameters[6], *x, *y;
    ct_optim *optim;
} Network;

/* What its steps return is dropped, as Python does, but for what the graph keeps. */
static ct_tensor *block(ct_tensor *x, ct_tensor *weight, ct_tensor *bias) {
    CT_SCOPED;
    return ct_scope_keep(ct_max_pool2d(ct_relu(ct_conv2d(x, weight, bias, NULL)), &halved));
}

static void step(void *data) {
    const Network *n = data;
    ct_tensor *const *w = n->parameters;
    CT_SCOPED;
    ct_tensor *h = block(block(n->x, w[0], w[1]), w[2], w[3]);
    ct_tensor *scores = ct_linear(ct_reshape(h, CT_DIMS(64, 800)), w[4], w[5]);
    ct_tensor *loss = ct_cross_entropy(scores, n->y, NULL, -100, 0, CT_MEAN);
    ct_optim_zero_grad(n->optim);
    ct_backward(loss);
    ct_optim_step(n->optim);
}

static void network(void) {
    CT_SCOPED;
    Network n = {{leaf(CT_DIMS(16, 1, 3, 3), 0.3), leaf(CT_DIMS(16), 0.1), leaf(CT_DIMS(32, 16, 3, 3), 0.1),
                  leaf(CT_DIMS(32), 0.1), leaf(CT_DIMS(10, 800), 0.03), leaf(CT_DIMS(10), 0.1)},
                 ct_rand(CT_F32, CT_DIMS(64, 1, 28, 28)), ct_randint(CT_I64, 0, 10, CT_DIMS(64)), NULL};
    n.optim = ct_optim_sgd((ct_params){.items = n.parameters, .count = 6}, 0.01, NULL);
    line("cnn/sgd", step, &n);
    ct_optim_free(n.optim);
}

int main(void) {
    bench_begin();
    layers();
    depthwise("conv_depthwise/28/1/forward", "conv_depthwise/28/1/step", 16, 64, 28, 1);
    depthwise("conv_depthwise/28/2/forward", "conv_depthwise/28/2/step", 16, 64, 28, 2);
    depthwise("conv_depthwise/112/1/forward", "conv_depthwise/112/1/step", 4, 32, 112, 1);
    depthwise("conv_depthwise/112/2/forward", "conv_depthwise/112/2/step", 4, 32, 112, 2);
    network();
    return 0;
}
