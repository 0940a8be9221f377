/* Training steps of multilayer perceptrons, µs a step, and the most memory that the process has held (MB)
 * when they are done. */
#include "bench.h"

typedef struct {
    ct_module *model;
    ct_optim *optim;
    ct_tensor *x, *y;
    ct_tensor *(*loss)(ct_tensor *output, ct_tensor *y);
} Training;

static void step(void *data) {
    const Training *t = data;
    CT_SCOPED;
    ct_tensor *loss = t->loss(ct_forward(t->model, t->x), t->y);
    ct_optim_zero_grad(t->optim);
    ct_backward(loss);
    ct_optim_step(t->optim);
}

static void forward(void *data) {
    const Training *t = data;
    CT_SCOPED;
    CT_NO_GRAD;
    t->loss(ct_forward(t->model, t->x), t->y);
}

static void line(const char *name, Work *work, Training *t) {
    report(name, seconds_per_call(work, t) * 1e6, "us");
}

/* The parent's memory would count in getrusage(); Linux keeps this program's own. */
static void memory_line(const char *name) {
    FILE *status = fopen("/proc/self/status", "r");
    char text[256];
    long kilobytes = 0;
    while (status && fgets(text, sizeof text, status)) sscanf(text, "VmHWM: %ld", &kilobytes);
    if (status) fclose(status);
    if (kilobytes > 0) report(name, (double)kilobytes * 1024e-6, "MB");
}

static ct_tensor *cross_entropy(ct_tensor *logits, ct_tensor *y) {
    return ct_cross_entropy(logits, y, NULL, -100, 0, CT_MEAN);
}

static ct_tensor *mse(ct_tensor *output, ct_tensor *y) {
    return ct_mse_loss(output, y, CT_MEAN);
}

static ct_module *perceptron(const int64_t sizes[4]) {
    return ct_nn_sequential(ct_nn_linear(sizes[0], sizes[1], true), ct_nn_relu(),
                            ct_nn_linear(sizes[1], sizes[2], true), ct_nn_relu(),
                            ct_nn_linear(sizes[2], sizes[3], true));
}

static void train(const char *name, Training *t, ct_optim *optim) {
    char memory[64];
    t->optim = optim;
    line(name, step, t);
    snprintf(memory, sizeof memory, "%s/memory", name);
    memory_line(memory);
    ct_optim_free(optim);
}

static void classifier(void) {
    CT_SCOPED;
    Training t = {.model = perceptron((int64_t[]){784, 128, 64, 10}), .loss = cross_entropy};
    t.x = ct_rand(CT_F32, CT_DIMS(64, 784));
    t.y = ct_randint(CT_I64, 0, 10, CT_DIMS(64));
    line("mlp784/forward", forward, &t);
    train("mlp784/sgd", &t, ct_optim_sgd(ct_module_parameters(t.model), 0.01, NULL));
    train("mlp784/adam", &t, ct_optim_adam(ct_module_parameters(t.model), 0.001, NULL));
    ct_module_free(t.model);
}

static void regressor(void) {
    CT_SCOPED;
    Training t = {.model = perceptron((int64_t[]){1024, 4096, 4096, 1024}), .loss = mse};
    t.x = ct_randn(CT_F32, CT_DIMS(128, 1024));
    t.y = ct_randn(CT_F32, CT_DIMS(128, 1024));
    train("mlp4096/sgd", &t, ct_optim_sgd(ct_module_parameters(t.model), 0.01, NULL));
    train("mlp4096/adam", &t, ct_optim_adam(ct_module_parameters(t.model), 0.001, NULL));
    ct_module_free(t.model);
}

int main(void) {
    bench_begin();
    classifier();
    regressor();
    return 0;
}
