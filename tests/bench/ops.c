/* What an operation costs beside its numbers: a chain of 1000 operations on 4 elements, and a training step of
 * a network of 33 weights. */
#include "bench.h"

/* ---- a chain: x -> (x + b) · b, again and again ---- */

enum { OPERATIONS = 1000, PHASES = 3 };

static ct_tensor *chain(ct_tensor *x, ct_tensor *b) {
    for (int i = 0; i < OPERATIONS / 2; i++) x = ct_mul(ct_add(x, b), b);
    return x;
}

static void forward(void *data) {
    ct_tensor **x = data;
    CT_SCOPED;
    CT_NO_GRAD;
    chain(x[0], x[1]);
}

/* Seconds of recording the chain, of walking it back, and of letting go of it. */
static void time_phases(ct_tensor *x, ct_tensor *b, ct_tensor *ones, double seconds[PHASES]) {
    double at[PHASES + 1];
    at[0] = seconds_now();
    ct_scope scope = ct_scope_begin();
    ct_tensor *y = chain(x, b);
    at[1] = seconds_now();
    ct_backward_with(y, ones, 0);
    at[2] = seconds_now();
    ct_scope_end(scope);
    ct_zero_grad(x);
    at[3] = seconds_now();
    for (int i = 0; i < PHASES; i++) seconds[i] = at[i + 1] - at[i];
}

static void chain_lines(void) {
    static const char *const names[PHASES] = {"op4/recorded", "op4/backward", "op4/free"};
    enum { TIMES = 1000 };
    static double seconds[PHASES][TIMES];
    CT_SCOPED;
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(4)), *b = ct_ones(CT_F32, CT_DIMS(4)), *ones = ct_ones_like(x);
    report("op4/forward", seconds_per_call(forward, (ct_tensor *[]){x, b}) / OPERATIONS * 1e9, "ns");

    ct_set_requires_grad(x, true);
    const double end = seconds_now() + 3 * seconds_allowed();
    int n = 0;
    do {
        double once[PHASES];
        time_phases(x, b, ones, once);
        for (int i = 0; i < PHASES; i++) seconds[i][n] = once[i];
    } while (++n < TIMES && seconds_now() < end);
    for (int i = 0; i < PHASES; i++) report(names[i], median(seconds[i], n) / OPERATIONS * 1e9, "ns");
}

/* ---- XOR ---- */

typedef struct {
    ct_module *model;
    ct_optim *optim;
    ct_tensor *x, *y;
} Training;

static void step(void *data) {
    const Training *t = data;
    CT_SCOPED;
    ct_tensor *loss = ct_bce_loss(ct_forward(t->model, t->x), t->y, NULL, CT_MEAN);
    ct_optim_zero_grad(t->optim);
    ct_backward(loss);
    ct_optim_step(t->optim);
}

static void xor_line(void) {
    CT_SCOPED;
    Training t = {.model = ct_nn_sequential(ct_nn_linear(2, 8, true), ct_nn_sigmoid(),
                                            ct_nn_linear(8, 1, true), ct_nn_sigmoid()),
                  .x = ct_from_data(CT_F32, (float[]){0, 0, 0, 1, 1, 0, 1, 1}, CT_DIMS(4, 2)),
                  .y = ct_from_data(CT_F32, (float[]){0, 1, 1, 0}, CT_DIMS(4, 1))};
    t.optim = ct_optim_adam(ct_module_parameters(t.model), 0.01, NULL);
    report("xor/adam", seconds_per_call(step, &t) * 1e6, "us");
    ct_optim_free(t.optim);
    ct_module_free(t.model);
}

int main(void) {
    bench_begin();
    chain_lines();
    xor_line();
    return 0;
}
