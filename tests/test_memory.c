/* Memory in training: a loop asks the system for nothing after its first rounds and does not grow; every
 * allocation failed in turn gives an error, no leak, and no half-done change. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/memory.h"
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { CACHED = 0, STEPS = 5000 }; /* plain malloc, and slow */
#else
enum { CACHED = 1, STEPS = 100000 };
#endif

enum { FIRST_STEPS = 20, PARAMETERS = 4 };

static ct_module *make_model(void) {
    return ct_nn_sequential(ct_nn_linear(2, 8, true), ct_nn_tanh(), ct_nn_linear(8, 1, true));
}

/* A step on the four points of XOR. */
static ct_tensor *xor_loss(ct_module *model) {
    ct_tensor *x = ct_from_data(CT_F32, (const float[]){0, 0, 0, 1, 1, 0, 1, 1}, CT_DIMS(4, 2));
    ct_tensor *y = ct_from_data(CT_F32, (const float[]){0, 1, 1, 0}, CT_DIMS(4, 1));
    return ct_bce_with_logits_loss(ct_forward(model, x), y, NULL, NULL, CT_MEAN);
}

static void train(ct_module *model, ct_optim *optim, int steps) {
    for (int i = 0; i < steps; i++) {
        CT_SCOPED;
        ct_tensor *loss = xor_loss(model);
        ct_optim_zero_grad(optim);
        ct_backward(loss);
        ct_optim_step(optim);
    }
}

START_TEST(training_asks_the_system_for_nothing) {
    ct_module *model = make_model();
    ct_optim *optim = ct_optim_adam(ct_module_parameters(model), 0.01, NULL);
    train(model, optim, FIRST_STEPS);
    ct_memory_info first = ct_memory();
    train(model, optim, STEPS);
    ct_memory_info last = ct_memory();
    assert_no_error();
    ck_assert_uint_eq(last.bytes_in_use, first.bytes_in_use);
    ck_assert_uint_eq(last.tensors_alive, first.tensors_alive);
    ck_assert_uint_eq(last.nodes_alive, first.nodes_alive);
    if (CACHED) ck_assert_uint_eq(last.system_allocs, first.system_allocs);
    ct_optim_free(optim);
    ct_module_free(model);
}
END_TEST

/* ---- every allocation fails in turn ---- */

static ct_tensor *copy_hook(ct_tensor *g, void *user) {
    (void)user;
    return ct_clone(g);
}

static ct_tensor *square_forward(ct_context *context, ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_context_save(context, 0, xs[0]) == CT_OK ? ct_square(xs[0]) : NULL;
}

static ct_status square_backward(ct_context *context, ct_tensor *dy, ct_tensor **dxs, int n, void *user) {
    (void)n, (void)user;
    dxs[0] = ct_mul(dy, ct_mul_scalar(ct_context_saved(context, 0), 2));
    return ct_error();
}

/* Σ x² by an operation of our own. */
static ct_tensor *own_operation(ct_tensor *const *xs, int n, void *user) {
    (void)user;
    const ct_function square = {"square", square_forward, square_backward};
    return ct_sum(ct_apply(&square, xs, n, NULL));
}

/* A whole program: model, optimiser, two steps with a gradient of a gradient, what users add to a graph, a state dict. */
static void whole_program(void) {
    CT_SCOPED;
    ct_module *model =
        ct_nn_sequential(ct_nn_linear(2, 4, true), ct_nn_dropout(0.5), ct_nn_linear(4, 1, true));
    ct_optim *optim = ct_optim_adam(ct_module_parameters(model), 0.01, NULL);
    train(model, optim, 2);
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_F64, CT_DIMS(2, 3)), true), *first = NULL, *second = NULL;
    ct_tensor *y =
        ct_sum(ct_mul(ct_exp(ct_transpose(x, 0, 1)), ct_slice(ct_arange(CT_F64, 0, 4, 1), 0, 0, 4, 2)));
    if (ct_gradients(&y, 1, &x, 1, NULL, CT_CREATE_GRAPH, &first) == CT_OK) {
        ct_tensor *norm = ct_sum(ct_square(first));
        ct_gradients(&norm, 1, &x, 1, NULL, 0, &second);
    }
    ct_register_hook(x, copy_hook, NULL);
    ct_set_name(x, "x");
    ct_tensor *checked = ct_checkpoint(own_operation, NULL, &x, 1);
    if (checked && ct_retain_grad(checked) == CT_OK) ct_backward(ct_sum(checked));
    ct_hvp(own_operation, NULL, &x, 1, &x, &second);
    ct_jvp(own_operation, NULL, &x, 1, &x);
    ct_dict_free(ct_module_state(model));
    ct_optim_free(optim);
    ct_module_free(model);
}

/* Whether the n-th allocation was reached; after a failure all is as it was, and the error says why. */
static bool survives_failure(int64_t n, bool from_then_on) {
    ct_memory_info start = ct_memory();
    tensor_alloc_fail_at(n, from_then_on);
    whole_program();
    bool reached = tensor_alloc_asked() >= n;
    tensor_alloc_fail_at(0, false);
    ck_assert_msg(!reached || ct_error() == CT_ERR_MEMORY, "allocation %lld failed, and the error is %d: %s",
                  (long long)n, (int)ct_error(), ct_error_message());
    ct_error_clear();
    ct_memory_info end = ct_memory();
    ck_assert_msg(end.tensors_alive == start.tensors_alive && end.nodes_alive == start.nodes_alive &&
                      end.bytes_in_use == start.bytes_in_use,
                  "allocation %lld failed: %lld tensors, %lld nodes, %lld bytes leak", (long long)n,
                  (long long)(end.tensors_alive - start.tensors_alive),
                  (long long)(end.nodes_alive - start.nodes_alive),
                  (long long)(end.bytes_in_use - start.bytes_in_use));
    return reached;
}

START_TEST(every_allocation_fails_in_turn) {
    int64_t n = 1;
    while (survives_failure(n, _i == 1)) n++;
    ck_assert_msg(n > 50, "only %lld allocations were reached", (long long)n);
    whole_program();
    assert_no_error();
}
END_TEST

START_TEST(failed_backward_changes_no_gradient) {
    ct_module *model = make_model();
    ct_params parameters = ct_module_parameters(model);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        CT_SCOPED;
        ct_zero_grads(model);
        ct_tensor *loss = xor_loss(model);
        tensor_alloc_fail_at(n, false);
        failed = ct_backward(loss) != CT_OK;
        tensor_alloc_fail_at(0, false);
        for (int i = 0; failed && i < parameters.count; i++)
            ck_assert_msg(!ct_grad(parameters.items[i]),
                          "allocation %lld failed, and parameter %d has a gradient", (long long)n, i);
        ct_error_clear();
    }
    ct_module_free(model);
}
END_TEST

START_TEST(failed_step_changes_no_parameter) {
    ct_module *model = make_model();
    ct_params parameters = ct_module_parameters(model);
    ct_tensor *copies[PARAMETERS];
    ck_assert_int_eq(parameters.count, PARAMETERS);
    for (int i = 0; i < PARAMETERS; i++) copies[i] = ct_clone(ct_detach(parameters.items[i]));
    ct_backward(xor_loss(model));
    assert_no_error();
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        ct_optim *optim = ct_optim_adam(parameters, 0.01, NULL);
        tensor_alloc_fail_at(n, false);
        failed = ct_optim_step(optim) != CT_OK;
        tensor_alloc_fail_at(0, false);
        for (int i = 0; failed && i < PARAMETERS; i++)
            assert_same_bits("a parameter", parameters.items[i], copies[i]);
        ct_error_clear();
        ct_optim_free(optim);
    }
    ct_module_free(model);
}
END_TEST

Suite *memory_suite(void) {
    Suite *suite = suite_create("memory");
    TCase *loops = support_case(suite, "loops");
    tcase_set_timeout(loops, 120);
    tcase_add_test(loops, training_asks_the_system_for_nothing);
    TCase *failures = support_case(suite, "failures");
    tcase_add_loop_test(failures, every_allocation_fails_in_turn, 0, 2);
    tcase_add_test(failures, failed_backward_changes_no_gradient);
    tcase_add_test(failures, failed_step_changes_no_parameter);
    return suite;
}
