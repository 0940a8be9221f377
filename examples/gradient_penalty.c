/* How far is one cloud of points from another? By duality the earth mover's distance is the most that the mean of a
 * function can differ between them, over all functions whose slope is nowhere above 1. A network looks for that function;
 * its slopes are kept near 1 by a penalty on the length of its gradient (Gulrajani et al., Improved training of
 * Wasserstein GANs, 2017), whose own gradient goes through the network a second time. One cloud is the other, moved: the
 * distance is the length of that move. */
#include "common.h"

#include <math.h>

/* Points on a ring, [n, 2]. */
static ct_tensor *ring(int64_t n) {
    ct_tensor *angle = ct_mul_scalar(ct_rand(CT_F32, CT_DIMS(n, 1)), 6.283185307179586);
    ct_tensor *both[] = {ct_cos(angle), ct_sin(angle)};
    return ct_add(ct_cat(both, 2, 1), ct_mul_scalar(ct_randn(CT_F32, CT_DIMS(n, 2)), 0.1));
}

/* The mean of (|df/dx| - 1)² at points between the clouds. */
static ct_tensor *penalty(ct_module *critic, ct_tensor *a, ct_tensor *b) {
    ct_tensor *share = ct_rand(CT_F32, CT_DIMS(ct_size(a, 0), 1)), *slope = NULL;
    ct_tensor *between = ct_detach(ct_add(a, ct_mul(share, ct_sub(b, a))));
    ct_tensor *x = ct_set_requires_grad(between, true), *sum = ct_sum(ct_forward(critic, x));
    ct_gradients(&sum, 1, &x, 1, NULL, CT_CREATE_GRAPH, &slope);
    ct_tensor *length = ct_norm_dim(slope, CT_DIMS(1), 2, false);
    return ct_mean(ct_square(ct_sub_scalar(length, 1)));
}

static ct_tensor *difference(ct_module *critic, ct_tensor *a, ct_tensor *b) {
    return ct_sub(ct_mean(ct_forward(critic, a)), ct_mean(ct_forward(critic, b)));
}

int main(int argc, char **argv) {
    int steps = 1500, batch = 128, hidden = 64, seed = 1;
    double distance = 3, weight = 100;
    const Option options[] = {
        {"steps", OPTION_INT, &steps, 1, "steps of Adam"},
        {"batch", OPTION_INT, &batch, 1, "points of each cloud in a step"},
        {"hidden", OPTION_INT, &hidden, 1, "units in each of the two hidden layers"},
        {"distance", OPTION_NUMBER, &distance, 0, "how far the second cloud is moved"},
        {"weight", OPTION_NUMBER, &weight, 0, "of the penalty"},
        {"seed", OPTION_INT, &seed, 0, "for the points and the first weights"},
    };
    read_options(argc, argv, "the distance between two clouds, by a function of slope 1", options,
                 sizeof options / sizeof *options);
    ct_manual_seed((uint64_t)seed);
    const double x = distance * 0.6, y = distance * 0.8;
    ct_tensor *move = ct_from_data(CT_F32, (float[]){(float)x, (float)y}, CT_DIMS(2));
    ct_module *critic = ct_nn_sequential(ct_nn_linear(2, hidden, true), ct_nn_softplus(1, 20),
                                         ct_nn_linear(hidden, hidden, true), ct_nn_softplus(1, 20),
                                         ct_nn_linear(hidden, 1, true));
    const ct_adam_options adam_options = {.beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8};
    ct_optim *adam = ct_optim_adam(ct_module_parameters(critic), 0.002, &adam_options);
    printf("two rings, the second moved by (%g, %g)\n\n  step   distance   penalty\n", x, y);
    for (int step = 0; step <= steps; step++) {
        CT_SCOPED;
        ct_tensor *a = ct_add(ring(batch), move), *b = ring(batch);
        ct_tensor *found = difference(critic, a, b), *steep = penalty(critic, a, b);
        if (step % (steps < 10 ? 1 : steps / 10) == 0) printf("%6d   %8.4f   %7.4f\n", step, ct_item(found), ct_item(steep));
        ct_optim_zero_grad(adam);
        ct_backward(ct_sub(ct_mul_scalar(steep, weight), found));
        ct_optim_step(adam);
    }
    CT_NO_GRAD;
    const double found = ct_item(difference(critic, ct_add(ring(5000), move), ring(5000)));
    printf("\ndistance on new points: %.4f (the move's length: %g)\n", found, distance);
    ct_optim_free(adam);
    ct_module_free(critic);
    if (fabs(found - distance) > 0.1 * distance) fail("it did not learn: %.4f is not near %g", found, distance);
    return 0;
}
