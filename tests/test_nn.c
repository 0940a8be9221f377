/* Modules: what layers compute, who owns what, printing, state, initialisers. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/memory.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- layers ---- */

START_TEST(linear_multiplies_and_adds) {
    ct_module *linear = ct_nn_linear(2, 3, true);
    CT_NO_GRAD;
    ct_copy_(ct_module_get(linear, "weight"), make_f32(CT_DIMS(3, 2), 1, 2, 3, 4, 5, 6));
    ct_copy_(ct_module_get(linear, "bias"), make_f32(CT_DIMS(3), 10, 20, 30));
    ct_tensor *y = ct_forward(linear, make_f32(CT_DIMS(2, 2), 1, 1, 2, -1));
    assert_shape(y, 2, 3);
    assert_values("linear", y, 0, 13, 27, 41, 10, 22, 34);
    assert_shape(ct_forward(linear, ct_ones(CT_F32, CT_DIMS(4, 5, 2))), 4, 5, 3);
    assert_fails(ct_forward(linear, ct_ones(CT_F32, CT_DIMS(2, 3))), CT_ERR_SHAPE, "ct_forward");
    ct_module_free(linear);
}
END_TEST

START_TEST(linear_starts_within_its_bound) {
    ct_module *linear = ct_nn_linear(16, 200, true);
    const char *names[] = {"weight", "bias"};
    for (int i = 0; i < 2; i++) {
        ct_tensor *x = ct_module_get(linear, names[i]);
        ck_assert(ct_requires_grad(x) && ct_is_leaf(x));
        double largest = ct_item(ct_max(ct_abs(x)));
        ck_assert_msg(largest <= 0.25 && largest > 0.2, "%s reaches %g", names[i], largest);
    }
    ct_module_free(linear);
}
END_TEST

START_TEST(linear_without_inputs_or_bias) {
    ct_module *empty = ct_nn_linear(0, 3, true), *plain = ct_nn_linear(3, 2, false);
    assert_values("bias", ct_module_get(empty, "bias"), 0, 0, 0, 0);
    assert_values("of nothing", ct_forward(empty, ct_ones(CT_F32, CT_DIMS(1, 0))), 0, 0, 0, 0);
    assert_fails(ct_module_get(plain, "bias"), CT_ERR_INDEX, "bias");
    ck_assert_int_eq(ct_module_count(plain), 6);
    ct_module_free(empty);
    ct_module_free(plain);
}
END_TEST

typedef struct {
    ct_module *module;
    double (*formula)(double x);
} Activation;

static double relu(double x) {
    return x > 0 ? x : 0;
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double silu(double x) {
    return x * sigmoid(x);
}
static double gelu(double x) {
    return x * 0.5 * erfc(-x / sqrt(2));
}
static double gelu_by_tanh(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}
static double leaky_relu(double x) {
    return x > 0 ? x : 0.1 * x;
}
static double elu(double x) {
    return x > 0 ? x : 1.5 * expm1(x);
}
static double selu(double x) {
    return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * expm1(x));
}
static double softplus(double x) {
    return 2 * x > 5 ? x : log1p(exp(2 * x)) / 2;
}
static double mish(double x) {
    return x * tanh(log1p(exp(x)));
}
static double hardswish(double x) {
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}

START_TEST(activations_follow_their_formulas) {
    Activation activations[] = {
        {ct_nn_relu(), relu},           {ct_nn_sigmoid(), sigmoid},      {ct_nn_tanh(), tanh},
        {ct_nn_silu(), silu},           {ct_nn_gelu(false), gelu},       {ct_nn_gelu(true), gelu_by_tanh},
        {ct_nn_elu(1.5), elu},          {ct_nn_selu(), selu},            {ct_nn_softplus(2, 5), softplus},
        {ct_nn_mish(), mish},           {ct_nn_hardswish(), hardswish},  {ct_nn_leaky_relu(0.1), leaky_relu},
    };
    ct_tensor *x = make_f64(CT_DIMS(7), -4, -1.5, -0.25, 0, 0.5, 2, 3.5);
    const double *values = ct_data_f64(x);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        ct_tensor *y = ct_forward(activations[i].module, x);
        assert_no_error();
        for (int k = 0; k < 7; k++)
            ck_assert_double_eq_tol(ct_data_f64(y)[k], activations[i].formula(values[k]), 1e-12);
        ct_module_free(activations[i].module);
    }
}
END_TEST

/* As PyTorch has it: 0 · -inf is not a number, and neither are the slopes at both ends. */
START_TEST(silu_and_mish_of_infinities) {
    ct_tensor *(*const functions[])(ct_tensor *x) = {ct_silu, ct_mish};
    for (int i = 0; i < 2; i++)
        for (int dtype = CT_F32; dtype <= CT_F64; dtype += CT_F64 - CT_F32) {
            ct_tensor *x = ct_set_requires_grad(ct_to(make_f64(CT_DIMS(3), -INFINITY, INFINITY, NAN), (ct_dtype)dtype), true);
            ct_tensor *y = functions[i](x);
            assert_values("result", ct_to(y, CT_F64), 0, NAN, INFINITY, NAN);
            ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
            assert_values("slope", ct_to(ct_grad(x), CT_F64), 0, NAN, NAN, NAN);
        }
}
END_TEST

START_TEST(softmax_takes_its_dim) {
    ct_module *softmax = ct_nn_softmax(0), *logs = ct_nn_log_softmax(-1);
    ct_tensor *x = make_f64(CT_DIMS(2, 2), 0, 1, 0, 2);
    double p = 1 / (1 + exp(1));
    assert_values("columns", ct_forward(softmax, x), 1e-12, 0.5, p, 0.5, 1 - p);
    double a = log1p(exp(1)), b = log1p(exp(2));
    assert_values("rows", ct_forward(logs, x), 1e-12, -a, 1 - a, -b, 2 - b);
    ct_module_free(softmax);
    ct_module_free(logs);
}
END_TEST

START_TEST(dropout_works_in_training_alone) {
    ct_module *dropout = ct_nn_sequential(ct_nn_dropout(0.25));
    ct_tensor *x = ct_ones(CT_F64, CT_DIMS(4000));
    ck_assert(ct_is_training(dropout));
    ct_tensor *y = ct_forward(dropout, x);
    double kept = 0;
    for (int i = 0; i < 4000; i++) {
        double value = ct_data_f64(y)[i];
        ck_assert(value == 0 || fabs(value - 4.0 / 3) < 1e-12);
        kept += value != 0;
    }
    ck_assert_double_eq_tol(kept / 4000, 0.75, 0.05);
    ct_train(dropout, false);
    ck_assert(!ct_is_training(dropout) && !ct_is_training(ct_module_child(dropout, "0")));
    assert_same_bits("in evaluation", ct_forward(dropout, x), x);
    ct_module_free(dropout);
}
END_TEST

static ct_tensor *scale(ct_tensor *x, void *user) {
    return ct_mul_scalar(x, *(double *)user);
}

static ct_tensor *nothing(ct_tensor *x, void *user) {
    (void)x, (void)user;
    return NULL;
}

START_TEST(layers_that_only_route) {
    double factor = 3;
    ct_module *last = ct_nn_lambda("Scale", scale, &factor);
    ct_module *model = ct_nn_sequential(ct_nn_flatten(1, -1), ct_nn_identity(), last);
    ct_tensor *y = ct_forward(model, ct_ones(CT_F64, CT_DIMS(2, 3, 4)));
    assert_shape(y, 2, 12);
    ck_assert_double_eq(ct_item(ct_sum(y)), 72);
    ct_module *none = ct_nn_sequential_n(NULL, 0), *broken = ct_nn_lambda("Broken", nothing, NULL);
    assert_same_bits("an empty container", ct_forward(none, y), y);
    assert_fails(ct_forward(broken, y), CT_ERR_NULL, "Broken");
    ct_module_free(model);
    ct_module_free(none);
    ct_module_free(broken);
}
END_TEST

START_TEST(a_container_keeps_no_more_than_the_graph_does) {
    enum { NUMBERS = 1 << 20 };
    CT_NO_GRAD;
    ct_module *model = ct_nn_sequential(ct_nn_tanh(), ct_nn_tanh(), ct_nn_tanh(), ct_nn_tanh(), ct_nn_tanh());
    ct_tensor *x = ct_zeros(CT_F32, CT_DIMS(NUMBERS));
    ct_memory_reset_peak();
    const size_t before = ct_memory().bytes_in_use;
    ct_forward(model, x);
    ck_assert_uint_lt(ct_memory().bytes_peak - before, 3 * NUMBERS * sizeof(float));
    ck_assert_uint_lt(ct_memory().bytes_in_use - before, 2 * NUMBERS * sizeof(float));
    ct_module_free(model);
}
END_TEST

START_TEST(forward_lets_intermediates_go) {
    ct_module *model = ct_nn_sequential(ct_nn_linear(2, 3, true), ct_nn_tanh(), ct_nn_linear(3, 1, true));
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(4, 2));
    CT_NO_GRAD;
    uint64_t alive = ct_memory().tensors_alive;
    ck_assert_ptr_nonnull(ct_forward(model, x));
    ck_assert_uint_eq(ct_memory().tensors_alive, alive + 1);
    ct_module_free(model);
}
END_TEST

/* ---- the tree ---- */

static int freed;

static void count_free(void *self) {
    (void)self;
    freed++;
}

static ct_tensor *pass(ct_module *module, ct_tensor *x) {
    (void)module;
    return x;
}

static ct_module *counted(void) {
    return ct_module_new("Counted", pass, &freed, count_free);
}

START_TEST(self_is_freed_once) {
    freed = 0;
    ct_module *module = counted();
    ck_assert_ptr_eq(ct_module_self(module), &freed);
    ct_module_free(module);
    ck_assert_int_eq(freed, 1);
    assert_fails(ct_module_new(NULL, pass, &freed, count_free), CT_ERR_NULL, "type");
    assert_fails(ct_module_new("Type", NULL, &freed, count_free), CT_ERR_NULL, "forward");
    ck_assert_int_eq(freed, 3);
    tensor_alloc_fail_at(1, false);
    ck_assert_ptr_null(counted());
    tensor_alloc_fail_at(0, false);
    assert_error(CT_ERR_MEMORY, "ct_module_new");
    ck_assert_int_eq(freed, 4);
}
END_TEST

START_TEST(containers_free_what_they_were_given) {
    freed = 0;
    ct_module *same = counted();
    assert_fails(ct_nn_sequential(counted(), same, same, counted()), CT_ERR_VALUE, "already");
    ck_assert_int_eq(freed, 3);
    assert_fails(ct_nn_sequential(counted(), NULL, counted()), CT_ERR_NULL, "module 1 is NULL");
    ck_assert_int_eq(freed, 5);
    ct_error_raise(CT_ERR_IO, "first");
    ck_assert_ptr_null(ct_nn_sequential(counted(), NULL));
    assert_error(CT_ERR_IO, "first");
    ck_assert_int_eq(freed, 6);
    ct_module_free(ct_nn_sequential(counted(), ct_nn_sequential(counted())));
    ck_assert_int_eq(freed, 8);
}
END_TEST

START_TEST(a_child_of_another_stays_there) {
    freed = 0;
    ct_module *child = counted(), *owner = ct_nn_sequential(child), *other = ct_nn_sequential(counted());
    assert_fails(ct_nn_sequential(counted(), child), CT_ERR_VALUE, "\"0\" of Sequential");
    assert_fails(ct_module_add(other, "child", child), CT_ERR_VALUE, "already");
    ck_assert_int_eq(freed, 1);
    ct_module_free(child);
    assert_error(CT_ERR_VALUE, "ct_module_free: Counted");
    ck_assert_ptr_eq(ct_module_child(owner, "0"), child);
    ct_module_free(owner);
    ct_module_free(other);
    ck_assert_int_eq(freed, 3);
}
END_TEST

/* A module and its own container are given together: the container's end is the module's. */
START_TEST(a_child_given_with_its_owner) {
    for (int child_first = 0; child_first < 2; child_first++) {
        freed = 0;
        ct_module *child = counted(), *owner = ct_nn_sequential(child);
        ct_module *given[] = {child_first ? child : owner, child_first ? owner : child};
        assert_fails(ct_nn_sequential_n(given, 2), CT_ERR_VALUE, "already");
        ck_assert_int_eq(freed, 1);
    }
}
END_TEST

START_TEST(add_frees_a_child_that_it_refuses) {
    freed = 0;
    ct_module *module = ct_nn_identity();
    ck_assert_ptr_nonnull(ct_module_add(module, "part", counted()));
    assert_fails(ct_module_add(module, "part", counted()), CT_ERR_VALUE, "part");
    assert_fails(ct_module_add(module, "a.b", counted()), CT_ERR_VALUE, "dot");
    assert_fails(ct_module_add(module, "", counted()), CT_ERR_VALUE, "empty");
    assert_fails(ct_module_add(NULL, "x", counted()), CT_ERR_NULL, "module");
    ck_assert_int_eq(freed, 4);
    assert_fails(ct_module_add(module, "self", module), CT_ERR_VALUE, "part of itself");
    ct_module *part = ct_module_child(module, "part");
    assert_fails(ct_module_add(part, "up", module), CT_ERR_VALUE, "part of itself");
    ct_module_free(module);
    ck_assert_int_eq(freed, 5);
}
END_TEST

START_TEST(dotted_names_have_a_limit) {
    char name[600];
    memset(name, 'n', sizeof name);
    name[508] = '\0';
    ct_module *inner = ct_nn_identity();
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(1));
    ck_assert_ptr_nonnull(ct_module_buffer(inner, name, x));
    ct_module *outer = ct_nn_sequential(inner);
    assert_no_error();
    assert_fails(ct_nn_sequential(outer), CT_ERR_VALUE, "511 bytes");
}
END_TEST

START_TEST(parameters_are_leaves_that_float) {
    ct_module *module = ct_nn_identity();
    ct_tensor *x = ct_ones(CT_F64, CT_DIMS(2));
    ck_assert_ptr_eq(ct_module_parameter(module, "x", x), x);
    ck_assert(ct_requires_grad(x));
    assert_fails(ct_module_parameter(module, "y", ct_square(x)), CT_ERR_AUTOGRAD, "leaves");
    assert_fails(ct_module_parameter(module, "n", ct_arange(CT_I64, 0, 3, 1)), CT_ERR_DTYPE, "int64");
    ct_tensor *steps = ct_module_buffer(module, "steps", ct_arange(CT_I64, 0, 3, 1));
    ck_assert_ptr_eq(ct_module_get(module, "steps"), steps);
    ck_assert_int_eq(ct_module_count(module), 2);
    ct_module_free(module);
}
END_TEST

START_TEST(parameters_are_listed_once_in_order) {
    ct_module *first = ct_nn_linear(2, 3, true), *second = ct_nn_linear(3, 1, false);
    ct_module *model = ct_nn_sequential(first, ct_nn_tanh(), second);
    ct_params list = ct_module_parameters(model);
    const char *names[] = {"0.weight", "0.bias", "2.weight"};
    ck_assert_int_eq(list.count, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(list.names[i], names[i]);
        ck_assert_ptr_eq(list.items[i], ct_module_get(model, names[i]));
    }
    ck_assert_ptr_eq(ct_module_parameters(model).items, list.items);
    ck_assert_ptr_nonnull(ct_module_parameter(second, "tied", ct_module_get(first, "bias")));
    ck_assert_int_eq(ct_module_parameters(model).count, 3);
    ck_assert_int_eq(ct_module_count(model), 12);
    ck_assert_ptr_nonnull(ct_module_parameter(second, "more", ct_ones(CT_F32, CT_DIMS(5))));
    ck_assert_str_eq(ct_module_parameters(model).names[3], "2.more");
    ck_assert_int_eq(ct_module_count(model), 17);
    ct_dict *state = ct_module_state(model);
    ck_assert_int_eq(ct_dict_len(state), 5);
    ck_assert(ct_same_storage(ct_dict_get(state, "2.tied"), ct_dict_get(state, "0.bias")));
    ct_dict_free(state);
    ct_module_free(model);
}
END_TEST

START_TEST(names_lead_down_the_tree) {
    ct_module *model = ct_nn_sequential(ct_nn_sequential(ct_nn_linear(1, 2, true)));
    ck_assert_ptr_eq(ct_module_child(model, "0.0"), ct_module_child(ct_module_child(model, "0"), "0"));
    assert_shape(ct_module_get(model, "0.0.weight"), 2, 1);
    const char *wrong[] = {"", ".", "0", "0.0", "0..weight", "0.0.weight.", "0.0.weight.x", "1.weight"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(ct_module_get(model, wrong[i]), CT_ERR_INDEX, "no parameter or buffer");
    assert_fails(ct_module_child(model, "0.0.weight"), CT_ERR_INDEX, "no child");
    ct_module_free(model);
}
END_TEST

START_TEST(gradients_are_dropped) {
    ct_module *model = ct_nn_linear(2, 1, true);
    ct_backward(ct_sum(ct_forward(model, ct_ones(CT_F32, CT_DIMS(3, 2)))));
    assert_values("gradient", ct_grad(ct_module_get(model, "weight")), 0, 3, 3);
    ct_zero_grads(model);
    ck_assert_ptr_null(ct_grad(ct_module_get(model, "weight")));
    assert_no_error();
    ct_module_free(model);
}
END_TEST

/* ---- printing ---- */

static void assert_prints(ct_module *module, const char *want) {
    char text[1024] = "";
    FILE *file = tmpfile();
    ct_module_print(module, file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    ck_assert_str_eq(text, want);
    ct_module_free(module);
}

START_TEST(prints_as_pytorch) {
    ct_module *inner = ct_nn_sequential(ct_nn_dropout(0.5));
    assert_prints(ct_nn_sequential(ct_nn_linear(2, 8, true), ct_nn_tanh(), inner),
                  "Sequential(\n"
                  "  (0): Linear(in_features=2, out_features=8, bias=True)\n"
                  "  (1): Tanh()\n"
                  "  (2): Sequential(\n"
                  "    (0): Dropout(p=0.5, inplace=False)\n"
                  "  )\n"
                  ")\n");
    ct_module *linear = ct_nn_linear(1, 1, false);
    ct_module_add(linear, "extra", ct_nn_relu());
    assert_prints(linear, "Linear(\n  in_features=1, out_features=1, bias=False\n  (extra): ReLU()\n)\n");
    assert_prints(ct_nn_sequential_n(NULL, 0), "Sequential()\n");
}
END_TEST

static void assert_options_print(void) {
    assert_prints(ct_nn_leaky_relu(0.01), "LeakyReLU(negative_slope=0.01)\n");
    assert_prints(ct_nn_leaky_relu(0.1 + 0.2), "LeakyReLU(negative_slope=0.30000000000000004)\n");
    assert_prints(ct_nn_leaky_relu(-1.5e-5), "LeakyReLU(negative_slope=-1.5e-05)\n");
    assert_prints(ct_nn_elu(1), "ELU(alpha=1.0)\n");
    assert_prints(ct_nn_elu(100000), "ELU(alpha=100000.0)\n");
    assert_prints(ct_nn_elu(INFINITY), "ELU(alpha=inf)\n");
    assert_prints(ct_nn_softplus(1, 20), "Softplus(beta=1, threshold=20)\n");
    assert_prints(ct_nn_gelu(false), "GELU(approximate='none')\n");
    assert_prints(ct_nn_gelu(true), "GELU(approximate='tanh')\n");
    assert_prints(ct_nn_softmax(1), "Softmax(dim=1)\n");
    assert_prints(ct_nn_log_softmax(-1), "LogSoftmax(dim=-1)\n");
    assert_prints(ct_nn_flatten(1, -1), "Flatten(start_dim=1, end_dim=-1)\n");
}

START_TEST(prints_options_in_any_locale) {
    assert_options_print();
    if (setlocale(LC_ALL, "de_DE.UTF-8")) assert_options_print();
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- state ---- */

static ct_module *make_model(void) {
    ct_module *model = ct_nn_sequential(ct_nn_linear(2, 3, true), ct_nn_relu(), ct_nn_linear(3, 1, false));
    ct_module_buffer(model, "steps", ct_full(CT_I64, CT_DIMS(2), 7));
    return model;
}

static ct_dict *dict_of(ct_module *model) {
    ct_dict *dict = ct_module_state(model);
    ck_assert_ptr_nonnull(dict);
    return dict;
}

START_TEST(state_shares_storage) {
    ct_module *model = make_model();
    ct_dict *state = dict_of(model);
    ck_assert_int_eq(ct_dict_len(state), 4);
    ct_tensor *weight = ct_dict_get(state, "0.weight");
    ck_assert(ct_same_storage(weight, ct_module_get(model, "0.weight")));
    ck_assert(!ct_requires_grad(weight));
    ct_dict_free(state);
    ct_module_free(model);
}
END_TEST

START_TEST(state_goes_through_a_file) {
    char path[] = "nn-state-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    ct_module *one = make_model(), *two = make_model();
    ct_fill_(ct_module_get(two, "steps"), 0);
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(5, 2));
    ck_assert_int_eq(ct_module_save(one, path), CT_OK);
    ck_assert_int_eq(ct_module_load(two, path), CT_OK);
    assert_same_bits("forward", ct_forward(two, x), ct_forward(one, x));
    assert_same_bits("steps", ct_module_get(two, "steps"), ct_module_get(one, "steps"));
    ck_assert(ct_requires_grad(ct_module_get(two, "0.bias")));
    unlink(path);
    ct_module_free(one);
    ct_module_free(two);
}
END_TEST

START_TEST(strict_loading_lists_what_does_not_fit) {
    ct_module *model = make_model();
    ct_dict *dict = ct_dict_new();
    ct_dict_set(dict, "0.weight", ct_ones(CT_F32, CT_DIMS(2, 2)));
    ct_dict_set(dict, "2.weight", ct_ones(CT_F32, CT_DIMS(1, 3)));
    ct_dict_set(dict, "extra", ct_ones(CT_F32, CT_DIMS(1)));
    ct_dict_set(dict, "0", ct_ones(CT_F32, CT_DIMS(1)));
    ct_tensor *before = ct_clone(ct_detach(ct_module_get(model, "2.weight")));
    assert_status(ct_module_load_state(model, dict, true), CT_ERR_VALUE,
                  "ct_module_load_state: the state does not fit Sequential: missing 0.bias, steps; "
                  "unexpected extra, 0; misshapen 0.weight of shape (2, 2), not (3, 2)");
    assert_status(ct_module_load_state(model, dict, false), CT_ERR_SHAPE, "misshapen 0.weight");
    assert_same_bits("unchanged", ct_module_get(model, "2.weight"), before);
    ct_dict_set(dict, "0.weight", ct_full(CT_F64, CT_DIMS(3, 2), 0.5));
    ck_assert_int_eq(ct_module_load_state(model, dict, false), CT_OK);
    assert_values("converted", ct_module_get(model, "0.weight"), 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    assert_values("loaded", ct_module_get(model, "2.weight"), 0, 1, 1, 1);
    assert_values("not named", ct_module_get(model, "steps"), 0, 7, 7);
    ct_dict_free(dict);
    ct_module_free(model);
}
END_TEST

START_TEST(long_lists_are_cut) {
    ct_module *model = ct_nn_identity();
    ct_dict *dict = ct_dict_new();
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "entry%03d", i);
        ct_dict_set(dict, name, ct_ones(CT_F32, CT_DIMS(1)));
    }
    assert_status(ct_module_load_state(model, dict, true), CT_ERR_VALUE, "entry001, entry002");
    assert_status(ct_module_load_state(model, dict, true), CT_ERR_VALUE, " more");
    ck_assert_int_eq(ct_module_load_state(model, dict, false), CT_OK);
    ct_dict_free(dict);
    ct_module_free(model);
}
END_TEST

START_TEST(loading_counts_as_a_change) {
    ct_module *model = ct_nn_linear(2, 1, false), *other = ct_nn_linear(2, 1, false);
    ct_dict *dict = dict_of(other);
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_F32, CT_DIMS(1, 2)), true);
    ct_tensor *y = ct_sum(ct_forward(model, x));
    ck_assert_int_eq(ct_module_load_state(model, dict, true), CT_OK);
    assert_status(ct_backward(y), CT_ERR_AUTOGRAD, "version");
    ct_dict_free(dict);
    ct_module_free(model);
    ct_module_free(other);
}
END_TEST

START_TEST(loading_swaps_what_it_was_given) {
    ct_module *model = ct_nn_identity();
    ct_module_buffer(model, "a", make_f64(CT_DIMS(2), 1, 2));
    ct_module_buffer(model, "b", make_f64(CT_DIMS(2), 3, 4));
    ct_dict *dict = ct_dict_new();
    ct_dict_set(dict, "a", ct_module_get(model, "b"));
    ct_dict_set(dict, "b", ct_module_get(model, "a"));
    ck_assert_int_eq(ct_module_load_state(model, dict, true), CT_OK);
    assert_values("a", ct_module_get(model, "a"), 0, 3, 4);
    assert_values("b", ct_module_get(model, "b"), 0, 1, 2);
    ct_dict_free(dict);
    ct_module_free(model);
}
END_TEST

START_TEST(failed_loading_changes_nothing) {
    ct_module *model = make_model(), *other = make_model();
    ct_dict *dict = dict_of(other), *own = dict_of(model);
    ct_tensor *copies[4];
    for (int i = 0; i < 4; i++) copies[i] = ct_clone(ct_dict_get(own, ct_dict_name(own, i)));
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        tensor_alloc_fail_at(n, false);
        failed = ct_module_load_state(model, dict, true) != CT_OK;
        tensor_alloc_fail_at(0, false);
        if (failed) assert_error(CT_ERR_MEMORY, "ct_module_load_state");
        for (int i = 0; failed && i < 4; i++)
            assert_same_bits("a tensor", ct_dict_get(own, ct_dict_name(own, i)), copies[i]);
    }
    ct_dict_free(dict);
    ct_dict_free(own);
    ct_module_free(model);
    ct_module_free(other);
}
END_TEST

START_TEST(bad_files_are_refused) {
    ct_module *model = make_model();
    assert_status(ct_module_load(model, "no-such-directory/file"), CT_ERR_IO, "ct_module_load");
    assert_status(ct_module_save(model, "no-such-directory/file"), CT_ERR_IO, "ct_module_save");
    ct_module_free(model);
}
END_TEST

/* ---- initialisers ---- */

START_TEST(initialisers_fill_parameters) {
    ct_module *linear = ct_nn_linear(3, 2, true);
    ct_tensor *weight = ct_module_get(linear, "weight");
    ck_assert_ptr_eq(ct_init_constant_(weight, 2), weight);
    assert_values("constant", weight, 0, 2, 2, 2, 2, 2, 2);
    assert_values("eye", ct_init_eye_(weight), 0, 1, 0, 0, 0, 1, 0);
    assert_values("zeros", ct_init_zeros_(weight), 0, 0, 0, 0, 0, 0, 0);
    assert_values("ones", ct_init_ones_(weight), 0, 1, 1, 1, 1, 1, 1);
    ck_assert(ct_is_leaf(weight) && ct_requires_grad(weight) && ct_grad_enabled());
    ct_module_free(linear);
}
END_TEST

/* [out, in, field]: fan_in = 6·4, fan_out = 50·4. */
START_TEST(fans_count_the_receptive_field) {
    ct_tensor *x = ct_empty(CT_F64, CT_DIMS(50, 6, 2, 2));
    double in = 24, out = 200;
    const struct {
        ct_tensor *x;
        double bound;
    } rows[] = {
        {ct_clone(ct_init_xavier_uniform_(x, 2)), 2 * sqrt(6 / (in + out))},
        {ct_clone(ct_init_kaiming_uniform_(x, 0, "fan_in", "relu")), sqrt(6 / in)},
        {ct_clone(ct_init_kaiming_uniform_(x, 0.5, "fan_out", "leaky_relu")), sqrt(6 / 1.25 / out)},
        {ct_clone(ct_init_kaiming_uniform_(x, 0, "fan_in", "tanh")), 5.0 / 3 * sqrt(3 / in)},
        {ct_clone(ct_init_kaiming_uniform_(x, 0, "fan_in", "selu")), 0.75 * sqrt(3 / in)},
        {ct_clone(ct_init_kaiming_uniform_(x, 0, "fan_in", "conv2d")), sqrt(3 / in)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double largest = ct_item(ct_max(ct_abs(rows[i].x)));
        ck_assert_msg(largest <= rows[i].bound && largest > 0.97 * rows[i].bound,
                      "row %zu reaches %g of %g", i, largest, rows[i].bound);
    }
    double std = ct_item(ct_std(ct_init_kaiming_normal_(x, 0, "fan_out", "relu"), 1));
    ck_assert_double_eq_tol(std / sqrt(2 / out), 1, 0.1);
}
END_TEST

static void assert_orthonormal(ct_tensor *rows, double gain) {
    ct_tensor *gram = ct_matmul(rows, ct_t(rows));
    ct_tensor *want = ct_mul_scalar(ct_eye(CT_F64, ct_size(rows, 0), ct_size(rows, 0)), gain * gain);
    assert_allclose("gram matrix", gram, want, 0, 1e-13);
}

START_TEST(orthogonal_is_so) {
    ct_tensor *wide = ct_init_orthogonal_(ct_empty(CT_F64, CT_DIMS(20, 3, 10)), 2);
    assert_orthonormal(ct_flatten(wide, 1, -1), 2);
    assert_orthonormal(ct_t(ct_init_orthogonal_(ct_empty(CT_F64, CT_DIMS(40, 30)), 1)), 1);
    assert_orthonormal(ct_init_orthogonal_(ct_t(ct_empty(CT_F64, CT_DIMS(25, 25))), 1), 1);
    assert_shape(ct_init_orthogonal_(ct_empty(CT_F64, CT_DIMS(0, 3)), 1), 0, 3);
}
END_TEST

START_TEST(truncated_normals_keep_their_bounds) {
    const double bounds[][2] = {{-1, 2}, {0.5, 0.75}, {9, 12}, {-12, -9}, {1, 1}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        ct_tensor *x = ct_empty(CT_F64, CT_DIMS(1000));
        ck_assert_ptr_nonnull(ct_init_trunc_normal_(x, 0, 1, bounds[i][0], bounds[i][1]));
        ck_assert_double_ge(ct_item(ct_min(x)), bounds[i][0]);
        ck_assert_double_le(ct_item(ct_max(x)), bounds[i][1]);
    }
    ct_tensor *x = ct_empty(CT_F64, CT_DIMS(20000));
    ct_init_trunc_normal_(x, 3, 2, -INFINITY, INFINITY);
    ck_assert_double_eq_tol(ct_item(ct_mean(x)), 3, 0.1);
    ck_assert_double_eq_tol(ct_item(ct_std(x, 1)), 2, 0.1);
}
END_TEST

START_TEST(initialisers_check_their_arguments) {
    ct_tensor *x = ct_ones(CT_F64, CT_DIMS(2, 3)), *v = ct_ones(CT_F64, CT_DIMS(3));
    ct_tensor *whole = ct_ones(CT_I64, CT_DIMS(2, 3));
    assert_fails(ct_init_uniform_(x, 1, 0), CT_ERR_VALUE, "ct_init_uniform_");
    assert_fails(ct_init_normal_(x, 0, -1), CT_ERR_VALUE, "ct_init_normal_");
    assert_fails(ct_init_xavier_normal_(x, -1), CT_ERR_VALUE, "gain");
    assert_fails(ct_init_xavier_uniform_(v, 1), CT_ERR_SHAPE, "(3,)");
    assert_fails(ct_init_kaiming_normal_(x, 0, "fan", "relu"), CT_ERR_VALUE, "fan_in or fan_out");
    assert_fails(ct_init_kaiming_normal_(x, 0, "fan_in", "step"), CT_ERR_VALUE, "step");
    assert_fails(ct_init_kaiming_normal_(x, NAN, "fan_in", "leaky_relu"), CT_ERR_VALUE, "slope");
    assert_fails(ct_init_orthogonal_(whole, 1), CT_ERR_DTYPE, "int64");
    assert_fails(ct_init_orthogonal_(x, INFINITY), CT_ERR_VALUE, "gain");
    assert_fails(ct_init_trunc_normal_(x, 0, 1, 2, 1), CT_ERR_VALUE, "order");
    assert_fails(ct_init_trunc_normal_(x, 0, 0, 1, 2), CT_ERR_VALUE, "std 0");
    assert_fails(ct_init_trunc_normal_(whole, 0, 1, 1, 2), CT_ERR_DTYPE, "int64");
    assert_values("unchanged", x, 0, 1, 1, 1, 1, 1, 1);
}
END_TEST

static void add_all(Suite *suite, const char *name, const TTest *const *tests, int n) {
    TCase *tcase = support_case(suite, name);
    for (int i = 0; i < n; i++) tcase_add_test(tcase, tests[i]);
}
#define ADD(suite, name, ...)                                                  \
    add_all(suite, name, (const TTest *const[]){__VA_ARGS__},                  \
            (int)(sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(TTest *)))

Suite *nn_suite(void) {
    Suite *suite = suite_create("nn");
    ADD(suite, "layers", linear_multiplies_and_adds, linear_starts_within_its_bound,
        linear_without_inputs_or_bias, activations_follow_their_formulas, silu_and_mish_of_infinities, softmax_takes_its_dim,
        dropout_works_in_training_alone, layers_that_only_route, a_container_keeps_no_more_than_the_graph_does, forward_lets_intermediates_go);
    ADD(suite, "tree", self_is_freed_once, containers_free_what_they_were_given,
        a_child_of_another_stays_there, a_child_given_with_its_owner, add_frees_a_child_that_it_refuses,
        dotted_names_have_a_limit, parameters_are_leaves_that_float, parameters_are_listed_once_in_order,
        names_lead_down_the_tree, gradients_are_dropped);
    ADD(suite, "printing", prints_as_pytorch, prints_options_in_any_locale);
    ADD(suite, "state", state_shares_storage, state_goes_through_a_file,
        strict_loading_lists_what_does_not_fit, long_lists_are_cut, loading_counts_as_a_change,
        loading_swaps_what_it_was_given, failed_loading_changes_nothing, bad_files_are_refused);
    ADD(suite, "initialisers", initialisers_fill_parameters, fans_count_the_receptive_field,
        orthogonal_is_so, truncated_normals_keep_their_bounds, initialisers_check_their_arguments);
    return suite;
}
