/* An operation of one's own: log cosh, computed so that it overflows nowhere, with the derivative that one knows. It is
 * held against finite differences, of the first and second order, and then serves as a loss that outliers cannot pull
 * far: it grows like x²/2 near 0 and like |x| far away. */
#include "common.h"

#include <math.h>

/* log cosh x = |x| + log(1 + exp(-2|x|)) - log 2 */
static ct_tensor *log_cosh_forward(ct_context *context, ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    ct_context_save(context, 0, xs[0]);
    ct_tensor *size = ct_abs(xs[0]);
    return ct_sub_scalar(ct_add(size, ct_log1p(ct_exp(ct_mul_scalar(size, -2)))), log(2));
}

/* d/dx log cosh x = tanh x: a recorded operation, so that higher derivatives follow. */
static ct_status log_cosh_backward(ct_context *context, ct_tensor *dy, ct_tensor **dxs, int n, void *user) {
    (void)n, (void)user;
    dxs[0] = ct_mul(dy, ct_tanh(ct_context_saved(context, 0)));
    return ct_error();
}

static const ct_function log_cosh_function = {"log_cosh", log_cosh_forward, log_cosh_backward};

static ct_tensor *log_cosh(ct_tensor *x) {
    return ct_apply(&log_cosh_function, &x, 1, NULL);
}

static ct_tensor *checked(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return log_cosh(xs[0]);
}

/* Fits y = slope x + intercept by gradient descent on the mean of a loss. */
static double fit_slope(ct_tensor *x, ct_tensor *y, ct_tensor *(*loss)(ct_tensor *difference), int steps) {
    CT_SCOPED;
    ct_tensor *line[] = {ct_set_requires_grad(ct_zeros(CT_F32, CT_DIMS(1)), true),
                         ct_set_requires_grad(ct_zeros(CT_F32, CT_DIMS(1)), true)};
    ct_optim *adam = ct_optim_adam((ct_params){line, NULL, 2}, 0.05, NULL);
    for (int step = 0; step < steps; step++) {
        CT_SCOPED;
        ct_tensor *difference = ct_sub(ct_add(ct_mul(x, line[0]), line[1]), y);
        ct_optim_zero_grad(adam);
        ct_backward(ct_mean(loss(difference)));
        ct_optim_step(adam);
    }
    ct_optim_free(adam);
    return ct_item(line[0]);
}

int main(int argc, char **argv) {
    int count = 200, outliers = 20, steps = 500, seed = 1;
    const Option options[] = {
        {"count", OPTION_INT, &count, 2, "points near the line"},
        {"outliers", OPTION_INT, &outliers, 0, "points far below it, at its right end"},
        {"steps", OPTION_INT, &steps, 1, "steps of Adam"},
        {"seed", OPTION_INT, &seed, 0, "for the points"},
    };
    read_options(argc, argv, "log cosh as an operation of one's own", options, sizeof options / sizeof *options);
    ct_manual_seed((uint64_t)seed);

    ct_tensor *samples = ct_set_requires_grad(ct_mul_scalar(ct_randn(CT_F64, CT_DIMS(4, 5)), 3), true);
    const ct_gradcheck_options both = {1e-6, 1e-3, 1e-5, true};
    ct_gradcheck(checked, NULL, &samples, 1, &both);
    printf("log_cosh agrees with finite differences, to the second order\n");
    printf("log_cosh(1000) = %g, exp would have overflowed\n\n", ct_item(log_cosh(ct_scalar(CT_F32, 1000))));

    const int64_t n = count + outliers;
    ct_tensor *x = ct_cat((ct_tensor *[]){ct_mul_scalar(ct_rand(CT_F32, CT_DIMS(count)), 4),
                                          ct_full(CT_F32, CT_DIMS(outliers), 4)}, 2, 0);
    ct_tensor *y = ct_add(ct_mul_scalar(x, 2), ct_mul_scalar(ct_randn(CT_F32, CT_DIMS(n)), 0.1));
    ct_fill_(ct_narrow(y, 0, count, outliers), -20);
    const double squares = fit_slope(x, y, ct_square, steps), robust = fit_slope(x, y, log_cosh, steps);
    printf("%d points near y = 2 x, %d outliers\n", count, outliers);
    printf("  slope by least squares   %6.3f\n  slope by log cosh        %6.3f\n", squares, robust);
    if (fabs(robust - 2) > 0.2) fail("log cosh found the slope %.3f; it is 2", robust);
    return 0;
}
