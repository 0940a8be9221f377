/* A network learns the solution of a differential equation, u'' = -u with u(0) = 0 and u'(0) = 1, which is sin: it
 * is shown no values of sin, only how far it is from satisfying the equation at points of the interval. For that it
 * differentiates itself twice with respect to its input, and the loss once more with respect to its weights
 * (Lagaris, Likas and Fotiadis, 1998). */
#include "common.h"

#include <math.h>

enum { PICTURE_COLUMNS = 61, PICTURE_ROWS = 13 };

/* u(x) = x e^-x + (1 - e^-x)² N(x) has the right value and slope at 0, whatever the network N is. x: [n, 1]. */
static ct_tensor *solution(ct_module *network, ct_tensor *x) {
    ct_tensor *fades = ct_exp(ct_neg(x));
    return ct_add(ct_mul(x, fades), ct_mul(ct_square(ct_rsub_scalar(fades, 1)), ct_forward(network, x)));
}

/* dy/dx of each row, recorded, so that it can be differentiated again. */
static ct_tensor *derivative(ct_tensor *y, ct_tensor *x) {
    ct_tensor *sum = ct_sum(y), *slope = NULL;
    ct_gradients(&sum, 1, &x, 1, NULL, CT_CREATE_GRAPH, &slope);
    return slope;
}

/* The mean of (u'' + u)² over the points. */
static ct_tensor *residual(ct_module *network, ct_tensor *points) {
    ct_tensor *x = ct_set_requires_grad(ct_detach(points), true);
    ct_tensor *u = solution(network, x);
    return ct_mean(ct_square(ct_add(derivative(derivative(u, x), x), u)));
}

/* 'o' where the network's curve runs, '.' where sin does and the network does not. */
static void draw(ct_module *network, double end) {
    CT_SCOPED;
    ct_tensor *u = solution(network, ct_reshape(ct_linspace(CT_F32, 0, end, PICTURE_COLUMNS), CT_DIMS(-1, 1)));
    for (int row = 0; row < PICTURE_ROWS; row++) {
        printf("    %5.2f |", 1.2 - row * 0.2);
        for (int column = 0; column < PICTURE_COLUMNS; column++) {
            const double x = end * column / (PICTURE_COLUMNS - 1), got = ct_get(u, CT_DIMS(column, 0));
            const int at = (int)lround((1.2 - got) / 0.2), right = (int)lround((1.2 - sin(x)) / 0.2);
            putchar(row == at ? 'o' : row == right ? '.' : ' ');
        }
        printf("\n");
    }
}

/* The largest |u - sin| on a fine grid. */
static double largest_error(ct_module *network, double end) {
    CT_SCOPED;
    ct_tensor *x = ct_reshape(ct_linspace(CT_F32, 0, end, 500), CT_DIMS(-1, 1));
    return ct_item(ct_max(ct_abs(ct_sub(solution(network, x), ct_sin(x)))));
}

int main(int argc, char **argv) {
    int steps = 5000, hidden = 32, points = 64, seed = 1;
    double end = 6.283185307179586, lr = 0.005, tolerance = 0.05;
    const Option options[] = {
        {"steps", OPTION_INT, &steps, 1, "steps of Adam"},
        {"hidden", OPTION_INT, &hidden, 1, "units in each of the two hidden layers"},
        {"points", OPTION_INT, &points, 2, "points of the interval at which the equation is asked for"},
        {"end", OPTION_NUMBER, &end, 0, "the interval begins at 0 and ends here"},
        {"lr", OPTION_NUMBER, &lr, 0, "learning rate, falling to a hundredth of it"},
        {"tolerance", OPTION_NUMBER, &tolerance, 0, "how far from sin the solution may be"},
        {"seed", OPTION_INT, &seed, 0, "for the first weights and the points"},
    };
    read_options(argc, argv, "a network that solves u'' = -u by differentiating itself", options,
                 sizeof options / sizeof *options);
    ct_manual_seed((uint64_t)seed);
    ct_module *network = ct_nn_sequential(ct_nn_linear(1, hidden, true), ct_nn_tanh(), ct_nn_linear(hidden, hidden, true),
                                          ct_nn_tanh(), ct_nn_linear(hidden, 1, true));
    ct_optim *adam = ct_optim_adam(ct_module_parameters(network), lr, NULL);
    printf("u'' = -u, u(0) = 0, u'(0) = 1 on [0, %g]\n\n  step   mean (u'' + u)^2   largest |u - sin|\n", end);
    for (int step = 0; step <= steps; step++) {
        CT_SCOPED;
        ct_tensor *loss = residual(network, ct_mul_scalar(ct_rand(CT_F32, CT_DIMS(points, 1)), end));
        if (step % (steps < 10 ? 1 : steps / 10) == 0)
            printf("%6d   %16.3g   %17.5f\n", step, ct_item(loss), largest_error(network, end));
        ct_optim_zero_grad(adam);
        ct_backward(loss);
        ct_optim_set_lr(adam, 0, lr * pow(0.01, (double)step / steps));
        ct_optim_step(adam);
    }
    printf("\n    'o' the network, '.' sin where they differ\n");
    draw(network, end);
    const double error = largest_error(network, end);
    ct_optim_free(adam);
    ct_module_free(network);
    printf("\nlargest error: %.5f (at most %g)\n", error, tolerance);
    if (!(error <= tolerance)) fail("it did not learn: the solution is off by %.5f", error);
    return 0;
}
