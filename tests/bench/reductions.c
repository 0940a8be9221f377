/* Reductions of a matrix [4096, 1024], f32: ns for each of its elements. */
#include "bench.h"

typedef struct {
    ct_tensor *(*function)(ct_tensor *x, int dim); /* forward, or */
    ct_tensor *y, *dy;                             /* backward from y */
    ct_tensor *x;
    int dim;
} Call;

static void call(void *data) {
    const Call *c = data;
    CT_SCOPED;
    ct_tensor *dx;
    if (c->function) c->function(c->x, c->dim);
    else ct_gradients(&c->y, 1, &c->x, 1, &c->dy, CT_RETAIN_GRAPH, &dx);
}

static void line(const char *name, Call c) {
    report(name, seconds_per_call(call, &c) / (double)ct_numel(c.x) * 1e9, "ns");
}

static ct_tensor *sum_all(ct_tensor *x, int dim) {
    (void)dim;
    return ct_sum(x);
}

static ct_tensor *sum(ct_tensor *x, int dim) {
    return ct_sum_dim(x, CT_DIMS(dim), false);
}

static ct_tensor *amax(ct_tensor *x, int dim) {
    return ct_amax(x, CT_DIMS(dim), false);
}

static ct_tensor *max_and_place(ct_tensor *x, int dim) {
    ct_tensor *place;
    return ct_max_dim(x, dim, false, &place);
}

static ct_tensor *argmax(ct_tensor *x, int dim) {
    return ct_argmax(x, dim, false);
}

static ct_tensor *layer_norm_by(ct_tensor *x, int dim, bool trained) {
    ct_tensor *weight = ct_set_requires_grad(ct_ones(CT_F32, CT_DIMS(ct_size(x, dim))), trained);
    ct_tensor *bias = ct_set_requires_grad(ct_zeros(CT_F32, CT_DIMS(ct_size(x, dim))), trained);
    return ct_layer_norm(x, 1, weight, bias, 1e-5);
}

static ct_tensor *layer_norm(ct_tensor *x, int dim) {
    return layer_norm_by(x, dim, false);
}

/* Its backward makes the gradients of weight and bias too. */
static ct_tensor *layer_norm_trained(ct_tensor *x, int dim) {
    return layer_norm_by(x, dim, true);
}

static void backward_line(const char *name, ct_tensor *(*function)(ct_tensor *x, int dim), ct_tensor *x, int dim) {
    CT_SCOPED;
    x = ct_set_requires_grad(ct_clone(x), true);
    line(name, (Call){.y = function(x, dim), .dy = ct_randn_like(x), .x = x});
}

int main(void) {
    bench_begin();
    ct_tensor *x = ct_randn(CT_F32, CT_DIMS(4096, 1024));
    line("sum/all", (Call){.function = sum_all, .x = x});
    line("sum/dim0", (Call){.function = sum, .x = x, .dim = 0});
    line("sum/dim1", (Call){.function = sum, .x = x, .dim = 1});
    line("amax/dim1", (Call){.function = amax, .x = x, .dim = 1});
    line("max/dim1", (Call){.function = max_and_place, .x = x, .dim = 1});
    line("argmax/dim1", (Call){.function = argmax, .x = x, .dim = 1});
    line("softmax/dim1", (Call){.function = ct_softmax, .x = x, .dim = 1});
    line("softmax/dim0", (Call){.function = ct_softmax, .x = x, .dim = 0});
    line("log_softmax/dim1", (Call){.function = ct_log_softmax, .x = x, .dim = 1});
    line("log_softmax/dim0", (Call){.function = ct_log_softmax, .x = x, .dim = 0});
    backward_line("softmax/dim1/backward", ct_softmax, x, 1);
    backward_line("softmax/dim0/backward", ct_softmax, x, 0);
    backward_line("log_softmax/dim1/backward", ct_log_softmax, x, 1);
    backward_line("log_softmax/dim0/backward", ct_log_softmax, x, 0);
    line("layer_norm/dim1", (Call){.function = layer_norm, .x = x, .dim = 1});
    backward_line("layer_norm/dim1/backward", layer_norm_trained, x, 1);
    return 0;
}
