/* Optimisers: steps by hand, what is skipped, what is refused. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/memory.h"

static const ct_dtype floating[] = {CT_F32, CT_F64, CT_F16, CT_BF16};

static ct_tensor *leaf(ct_tensor *x) {
    return ct_set_requires_grad(x, true);
}

static ct_params list(ct_tensor **x, int count) {
    return (ct_params){x, NULL, count};
}

static void step_with(ct_optim *optim, ct_tensor *x, ct_tensor *gradient) {
    ck_assert_int_eq(ct_set_grad(x, gradient), CT_OK);
    ck_assert_int_eq(ct_optim_step(optim), CT_OK);
}

/* ---- sgd ---- */

START_TEST(sgd_goes_down_the_gradient) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(3), 1, 2, 3));
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, NULL);
    step_with(optim, x, make_f64(CT_DIMS(3), 1, 0, -2));
    assert_values("x", x, 0, 0.5, 2, 4);
    ct_optim_free(optim);
}
END_TEST

START_TEST(first_buffer_is_the_gradient) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 0)), *g = make_f64(CT_DIMS(1), 1);
    ct_sgd_options options = CT_SGD_DEFAULTS;
    options.momentum = 0.5;
    options.dampening = 0.75;
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 1, &options);
    step_with(optim, x, g);
    assert_values("undamped at first", x, 0, -1);
    step_with(optim, x, g);
    assert_values("then buf = 0.5·1 + 0.25·1", x, 0, -1.75);
    ct_optim_free(optim);
}
END_TEST

START_TEST(nesterov_looks_ahead) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 0)), *g = make_f64(CT_DIMS(1), 1);
    ct_sgd_options options = CT_SGD_DEFAULTS;
    options.momentum = 0.5;
    options.nesterov = true;
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 1, &options);
    step_with(optim, x, g);
    assert_values("g + 0.5·1", x, 0, -1.5);
    step_with(optim, x, g);
    assert_values("g + 0.5·1.5", x, 0, -3.25);
    ct_optim_free(optim);
}
END_TEST

START_TEST(decay_is_added_after_the_sign) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 4)), *g = make_f64(CT_DIMS(1), 1);
    ct_sgd_options options = CT_SGD_DEFAULTS;
    options.maximize = true;
    options.weight_decay = 0.5;
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, &options);
    step_with(optim, x, g);
    assert_values("4 - 0.5·(-1 + 0.5·4)", x, 0, 3.5);
    ct_optim_free(optim);
}
END_TEST

/* ---- adam ---- */

/* The textbook's loop on one number. */
typedef struct {
    double m, v, largest;
    int t;
} AdamByHand;

static double adam_by_hand(AdamByHand *a, double x, double g, double lr, const ct_adam_options *o) {
    g = (o->maximize ? -g : g) + o->weight_decay * x;
    a->t++;
    a->m = o->beta1 * a->m + (1 - o->beta1) * g;
    a->v = o->beta2 * a->v + (1 - o->beta2) * g * g;
    a->largest = fmax(a->largest, a->v);
    double v = o->amsgrad ? a->largest : a->v;
    double mean = a->m / (1 - pow(o->beta1, a->t));
    return x - lr * mean / (sqrt(v / (1 - pow(o->beta2, a->t))) + o->eps);
}

static void check_adam(const ct_adam_options *options) {
    static const double gradients[] = {1, -2, 0, 1e-4, 1e3, 0.1, 0.1, 0.1};
    AdamByHand by_hand = {0};
    double want = 0.5;
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 0.5));
    ct_optim *optim = ct_optim_adam(list(&x, 1), 0.01, options);
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++) {
        step_with(optim, x, make_f64(CT_DIMS(1), gradients[i]));
        want = adam_by_hand(&by_hand, want, gradients[i], 0.01, options ? options : &CT_ADAM_DEFAULTS);
        assert_values("adam", x, 1e-14, want);
    }
    ct_optim_free(optim);
}

START_TEST(adam_follows_the_paper) {
    ct_adam_options options = CT_ADAM_DEFAULTS;
    check_adam(NULL);
    options.amsgrad = true;
    check_adam(&options);
    options.maximize = true;
    options.weight_decay = 0.1;
    check_adam(&options);
}
END_TEST

/* ---- any optimiser ---- */

START_TEST(parameters_without_gradient_are_skipped) {
    ct_tensor *x[] = {leaf(make_f64(CT_DIMS(1), 1)), leaf(make_f64(CT_DIMS(1), 1)), make_f64(CT_DIMS(1), 7)};
    ct_optim *optim = ct_optim_adam(list(x, 3), 0.1, NULL);
    step_with(optim, x[0], make_f64(CT_DIMS(1), 3));
    step_with(optim, x[0], make_f64(CT_DIMS(1), -5));
    assert_values("skipped", x[1], 0, 1);
    ct_optim_zero_grad(optim);
    ck_assert_ptr_null(ct_grad(x[0]));
    step_with(optim, x[1], make_f64(CT_DIMS(1), 3));
    assert_values("the state of the skipped one begins with its first step", x[1], 1e-8, 0.9);
    assert_values("frozen", x[2], 0, 7);
    assert_no_error();
    ct_optim_free(optim);
}
END_TEST

START_TEST(gradients_may_have_any_strides) {
    ct_tensor *x = leaf(ct_zeros(CT_F64, CT_DIMS(2, 3)));
    ct_tensor *stored = make_f64(CT_DIMS(3, 2), 1, 2, 3, 4, 5, 6);
    ct_sgd_options options = CT_SGD_DEFAULTS;
    options.momentum = 0.5;
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 1, &options);
    step_with(optim, x, ct_transpose(stored, 0, 1));
    assert_values("transposed", x, 0, -1, -3, -5, -2, -4, -6);
    step_with(optim, x, ct_expand(make_f64(CT_DIMS(1, 3), 1, 2, 3), CT_DIMS(2, 3)));
    assert_values("expanded", x, 0, -2.5, -6.5, -10.5, -4, -8, -12);
    ct_optim_free(optim);
}
END_TEST

START_TEST(parameters_may_have_any_layout) {
    const int64_t shape[] = {3, 4};
    ct_tensor *gradient = make_random(CT_F64, shape, 2, -1, 1, 5, LAYOUT_CONTIGUOUS);
    ct_tensor *plain = make_random(CT_F64, shape, 2, -1, 1, 6, LAYOUT_CONTIGUOUS);
    for (Layout layout = LAYOUT_CONTIGUOUS; layout < LAYOUT_EXPANDED; layout++) {
        ct_tensor *x[] = {leaf(make_random(CT_F64, shape, 2, -1, 1, 6, layout)), leaf(ct_clone(plain))};
        ct_optim *optim = ct_optim_adam(list(x, 2), 0.1, NULL);
        for (int step = 0; step < 3; step++) {
            ct_set_grad(x[0], gradient);
            step_with(optim, x[1], gradient);
        }
        assert_allclose(layout_names[layout], x[0], x[1], 1e-14, 1e-14);
        ct_optim_free(optim);
    }
}
END_TEST

START_TEST(every_floating_dtype_trains) {
    for (int i = 0; i < (int)(sizeof floating / sizeof *floating); i++) {
        ct_tensor *x = leaf(ct_full(floating[i], CT_DIMS(2), 1));
        ct_optim *optim = ct_optim_adam(list(&x, 1), 0.25, NULL);
        for (int step = 0; step < 2; step++) step_with(optim, x, ct_full(floating[i], CT_DIMS(2), 0.5));
        assert_dtype(x, floating[i]);
        assert_values(ct_dtype_name(floating[i]), x, 1e-2, 0.5, 0.5);
        ct_optim_free(optim);
    }
}
END_TEST

START_TEST(shared_parameters_are_updated_once) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1)), *y = leaf(make_f64(CT_DIMS(1), 1)),
              *shared[] = {x, y, x, x};
    ct_optim *optim = ct_optim_sgd(list(shared, 4), 0.5, NULL);
    ct_set_grad(y, make_f64(CT_DIMS(1), 4));
    step_with(optim, x, make_f64(CT_DIMS(1), 1));
    assert_values("x", x, 0, 0.5);
    assert_values("y", y, 0, -1);
    ct_optim_free(optim);
}
END_TEST

START_TEST(optimiser_keeps_its_parameters) {
    ct_scope inner = ct_scope_begin();
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1));
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, NULL);
    ct_set_grad(x, make_f64(CT_DIMS(1), 1));
    ct_scope_end(inner);
    ck_assert_int_eq(ct_optim_step(optim), CT_OK);
    assert_values("x", x, 0, 0.5);
    ct_optim_free(optim);
    ct_optim_free(NULL);
}
END_TEST

START_TEST(learning_rate_changes) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1)), *g = make_f64(CT_DIMS(1), 1);
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, NULL);
    ck_assert_double_eq(ct_optim_lr(optim, 0), 0.5);
    ck_assert_int_eq(ct_optim_set_lr(optim, 0, 0.25), CT_OK);
    step_with(optim, x, g);
    assert_values("x", x, 0, 0.75);
    assert_status(ct_optim_set_lr(optim, 0, -1), CT_ERR_VALUE, "ct_optim_set_lr: lr is -1");
    assert_status(ct_optim_set_lr(optim, 0, NAN), CT_ERR_VALUE, "lr is nan");
    assert_status(ct_optim_set_lr(optim, 1, 1), CT_ERR_INDEX, "no group 1");
    ck_assert(isnan(ct_optim_lr(optim, -1)));
    assert_error(CT_ERR_INDEX, "ct_optim_lr: there is no group -1");
    ck_assert_double_eq(ct_optim_lr(optim, 0), 0.25);
    ct_optim_free(optim);
}
END_TEST

START_TEST(step_counts_as_a_change) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 2)), *y = ct_sum(ct_square(x));
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, NULL);
    step_with(optim, x, make_f64(CT_DIMS(1), 1));
    assert_status(ct_backward(y), CT_ERR_AUTOGRAD, "ct_backward");
    ct_optim_free(optim);
}
END_TEST

START_TEST(pending_error_stops_the_step) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1));
    ct_optim *optim = ct_optim_sgd(list(&x, 1), 0.5, NULL);
    ct_set_grad(x, make_f64(CT_DIMS(1), 1));
    ct_error_raise(CT_ERR_IO, "a file is gone");
    ck_assert_int_eq(ct_optim_step(optim), CT_ERR_IO);
    assert_error(CT_ERR_IO, "a file is gone");
    assert_values("unchanged", x, 0, 1);
    ck_assert_int_eq(ct_optim_step(optim), CT_OK);
    assert_values("then goes on", x, 0, 0.5);
    ct_optim_free(optim);
}
END_TEST

/* Each allocation of a first step fails in turn: nothing has changed, until none fails. */
static void check_short_memory(ct_dtype dtype) {
    int failures = 0;
    for (int64_t n = 1;; n++, failures++) {
        CT_SCOPED;
        ct_tensor *x[] = {leaf(ct_ones(dtype, CT_DIMS(100))), leaf(ct_ones(dtype, CT_DIMS(7)))};
        for (int i = 0; i < 2; i++) ct_set_grad(x[i], ct_ones(dtype, ct_shape(x[i]), 1));
        ct_optim *optim = ct_optim_adam(list(x, 2), 0.5, NULL);
        tensor_alloc_fail_at(n, false);
        ct_status status = ct_optim_step(optim);
        tensor_alloc_fail_at(0, false);
        for (int i = 0; i < 2 && status; i++) ck_assert(ct_equal(x[i], ct_ones(dtype, ct_shape(x[i]), 1)));
        if (status) assert_error(CT_ERR_MEMORY, "");
        ck_assert_int_eq(ct_optim_step(optim), CT_OK);
        if (status) assert_values("the next step is the first", ct_slice(x[0], 0, 0, 1, 1), 1e-3, 0.5);
        ct_optim_free(optim);
        if (status == CT_OK) break;
    }
    ck_assert_int_ge(failures, 4);
}

START_TEST(short_memory_changes_nothing) {
    check_short_memory(CT_F32);
    check_short_memory(CT_F16);
}
END_TEST

/* ---- refusals ---- */

START_TEST(lists_are_checked) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1)), *parameters[] = {x, NULL};
    const char *names[] = {"weight", "bias"};
    assert_fails(ct_optim_sgd((ct_params){parameters, names, 2}, 1, NULL), CT_ERR_NULL,
                 "parameter 1 (bias) is NULL");
    parameters[1] = ct_square(x);
    assert_fails(ct_optim_sgd(list(parameters, 2), 1, NULL), CT_ERR_AUTOGRAD, "ct_optim_sgd: parameter 1");
    parameters[1] = ct_ones(CT_I64, CT_DIMS(2));
    assert_fails(ct_optim_adam(list(parameters, 2), 1, NULL), CT_ERR_DTYPE, "int64");
    parameters[1] = ct_expand(make_f64(CT_DIMS(1), 1), CT_DIMS(3));
    assert_fails(ct_optim_adam(list(parameters, 2), 1, NULL), CT_ERR_VALUE, "clone");
    assert_fails(ct_optim_adam(list(parameters, 0), 1, NULL), CT_ERR_VALUE,
                 "ct_optim_adam: there are 0 parameters");
    assert_fails(ct_optim_adam(list(NULL, 2), 1, NULL), CT_ERR_NULL, "items");
    assert_status(ct_optim_step(NULL), CT_ERR_NULL, "ct_optim_step");
    ct_optim_zero_grad(NULL);
    assert_error(CT_ERR_NULL, "ct_optim_zero_grad");
}
END_TEST

#define REFUSES_SGD(field, value, fragment)                                                                  \
    do {                                                                                                     \
        ct_sgd_options options = {.field = value};                                                           \
        assert_fails(ct_optim_sgd(list(&x, 1), 1, &options), CT_ERR_VALUE, fragment);                        \
    } while (0)
#define REFUSES_ADAM(field, value, fragment)                                                                 \
    do {                                                                                                     \
        ct_adam_options options = CT_ADAM_DEFAULTS;                                                          \
        options.field = value;                                                                               \
        assert_fails(ct_optim_adam(list(&x, 1), 1, &options), CT_ERR_VALUE, fragment);                       \
    } while (0)

START_TEST(options_are_checked) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(1), 1));
    assert_fails(ct_optim_sgd(list(&x, 1), -0.1, NULL), CT_ERR_VALUE, "ct_optim_sgd: lr is -0.1");
    assert_fails(ct_optim_adam(list(&x, 1), INFINITY, NULL), CT_ERR_VALUE, "lr is inf");
    REFUSES_SGD(momentum, -0.5, "momentum is -0.5");
    REFUSES_SGD(weight_decay, -0.5, "weight_decay");
    REFUSES_SGD(dampening, NAN, "dampening is nan");
    REFUSES_SGD(nesterov, true, "nesterov with momentum 0");
    REFUSES_ADAM(beta1, 1, "beta1 is 1");
    REFUSES_ADAM(beta2, -0.1, "beta2 is -0.1");
    REFUSES_ADAM(eps, -1, "eps is -1");
    REFUSES_ADAM(weight_decay, NAN, "weight_decay is nan");
    ct_sgd_options damped = {.momentum = 0.9, .dampening = 0.1, .nesterov = true};
    assert_fails(ct_optim_sgd(list(&x, 1), 1, &damped), CT_ERR_VALUE, "dampening 0.1");
}
END_TEST

Suite *optim_suite(void) {
    Suite *suite = suite_create("optim");
    TCase *c = support_case(suite, "optim");
    tcase_add_test(c, sgd_goes_down_the_gradient);
    tcase_add_test(c, first_buffer_is_the_gradient);
    tcase_add_test(c, nesterov_looks_ahead);
    tcase_add_test(c, decay_is_added_after_the_sign);
    tcase_add_test(c, adam_follows_the_paper);
    tcase_add_test(c, parameters_without_gradient_are_skipped);
    tcase_add_test(c, gradients_may_have_any_strides);
    tcase_add_test(c, parameters_may_have_any_layout);
    tcase_add_test(c, every_floating_dtype_trains);
    tcase_add_test(c, shared_parameters_are_updated_once);
    tcase_add_test(c, optimiser_keeps_its_parameters);
    tcase_add_test(c, learning_rate_changes);
    tcase_add_test(c, step_counts_as_a_change);
    tcase_add_test(c, pending_error_stops_the_step);
    tcase_add_test(c, short_memory_changes_nothing);
    tcase_add_test(c, lists_are_checked);
    tcase_add_test(c, options_are_checked);
    return suite;
}
