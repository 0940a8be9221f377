/* Newton's method on Rosenbrock's valley. The step p solves H p = -g by conjugate gradients, which need H only in
 * products with vectors: ct_hvp() gives those from the graph, and no Hessian is ever formed (Martens, Deep learning via
 * Hessian-free optimization, 2010). Gradient descent runs beside it. */
#include "common.h"

#include <math.h>

/* Σ 100 (x[i+1] - x[i]²)² + (1 - x[i])²: the minimum, 0, lies at (1, …, 1), at the end of a curved valley. */
static ct_tensor *rosenbrock(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    const int64_t size = ct_numel(xs[0]);
    ct_tensor *first = ct_narrow(xs[0], 0, 0, size - 1), *next = ct_narrow(xs[0], 0, 1, size - 1);
    ct_tensor *valley = ct_square(ct_sub(next, ct_square(first)));
    return ct_sum(ct_add(ct_mul_scalar(valley, 100), ct_square(ct_rsub_scalar(first, 1))));
}

static double value_at(ct_tensor *x) {
    CT_SCOPED;
    CT_NO_GRAD;
    return ct_item(rosenbrock(&x, 1, NULL));
}

static double dot(ct_tensor *a, ct_tensor *b) {
    CT_SCOPED;
    return ct_item(ct_dot(a, b));
}

/* The gradient, and its length. */
static ct_tensor *gradient_at(ct_tensor *x, double *length) {
    ct_tensor *g = NULL;
    ct_vjp(rosenbrock, NULL, &x, 1, NULL, NULL, &g);
    *length = sqrt(dot(g, g));
    return g;
}

/* Conjugate gradients on H p = -g, up to a residual that shrinks with the gradient. Where H curves the wrong way along a
 * direction, the search so far is the answer. */
static ct_tensor *newton_direction(ct_tensor *x, ct_tensor *g, double length, int *products) {
    ct_tensor *p = ct_zeros_like(g), *r = ct_neg(g), *d = ct_clone(r);
    double rr = dot(r, r);
    for (*products = 0; *products < 2 * ct_numel(x) && sqrt(rr) > fmin(0.5, sqrt(length)) * length;) {
        CT_SCOPED;
        ct_tensor *hd = NULL;
        ct_hvp(rosenbrock, NULL, &x, 1, &d, &hd);
        ++*products;
        const double curvature = dot(d, hd);
        if (curvature <= 0) {
            if (*products == 1) ct_copy_(p, d);
            break;
        }
        const double step = rr / curvature, before = rr;
        ct_add_(p, ct_mul_scalar(d, step));
        ct_sub_(r, ct_mul_scalar(hd, step));
        rr = dot(r, r);
        ct_copy_(d, ct_add(r, ct_mul_scalar(d, rr / before)));
    }
    return p;
}

static double value_along(ct_tensor *x, ct_tensor *p, double step) {
    CT_SCOPED;
    return value_at(ct_add(x, ct_mul_scalar(p, step)));
}

/* Goes along p, whose slope is negative: halves the step until the value falls enough (Armijo), or doubles it while that
 * lowers the value further. Returns the step. */
static double go(ct_tensor *x, ct_tensor *p, double slope) {
    const double start = value_at(x);
    double step = 1;
    while (value_along(x, p, step) > start + 1e-4 * step * slope && step > 1e-12) step /= 2;
    while (step >= 1 && value_along(x, p, 2 * step) < value_along(x, p, step)) step *= 2;
    ct_add_(x, ct_mul_scalar(p, step));
    return step;
}

static double newton(ct_tensor *x, int steps) {
    double length = 0;
    printf("  step        f(x)     |gradient|   products   step size\n");
    for (int step = 0; step <= steps; step++) {
        CT_SCOPED;
        int products = 0;
        ct_tensor *g = gradient_at(x, &length);
        printf("%6d   %9.3g   %12.3g", step, value_at(x), length);
        if (length < 1e-9) break;
        ct_tensor *p = newton_direction(x, g, length, &products);
        printf("   %8d   %9.3g\n", products, go(x, p, dot(g, p)));
    }
    printf("\n");
    return length;
}

static void descend(ct_tensor *x, int steps) {
    double length;
    for (int step = 0; step < steps; step++) {
        CT_SCOPED;
        ct_tensor *p = ct_neg(gradient_at(x, &length));
        go(x, p, -length * length);
    }
    printf("gradient descent after %d steps: f(x) = %.3g\n", steps, value_at(x));
}

int main(int argc, char **argv) {
    int size = 10, steps = 60;
    const Option options[] = {
        {"size", OPTION_INT, &size, 2, "how many numbers x has"},
        {"steps", OPTION_INT, &steps, 1, "Newton steps, at most"},
    };
    read_options(argc, argv, "Newton's method with Hessian-vector products", options, sizeof options / sizeof *options);
    printf("Rosenbrock's function of %d numbers, from (0, ..., 0)\n\n", size);
    ct_tensor *x = ct_zeros(CT_F64, CT_DIMS(size));
    const double length = newton(x, steps);
    descend(ct_zeros_like(x), steps);
    const double distance = ct_item(ct_max(ct_abs(ct_sub_scalar(x, 1))));
    printf("Newton's: %.3g from (1, ..., 1)\n", distance);
    if (!(length < 1e-6)) fail("the gradient's length is still %.3g", length);
    return 0;
}
