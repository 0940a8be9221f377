/* Autograd beyond the walk: hooks, names, looking inside, anomaly detection, operations of the user's own, checkpoints,
 * products with derivatives. */
#include "suites.h"
#include "support.h"
#include <pthread.h>
#include <string.h>

static ct_tensor *leaf(ct_tensor *x) {
    return ct_set_requires_grad(x, true);
}

/* ---- hooks and gradients of results ---- */

typedef struct {
    char order[8]; /* a letter for each call */
    int calls;
    double factor; /* 0: only watches */
    ct_tensor *own;
    int remove;
} Listener;

static ct_tensor *listen(ct_tensor *g, void *user) {
    Listener *listener = user;
    listener->order[listener->calls++] = 'a';
    if (listener->remove) ct_remove_hook(listener->own, listener->remove);
    return listener->factor != 0 ? ct_mul_scalar(g, listener->factor) : NULL;
}

static ct_tensor *second_listener(ct_tensor *g, void *user) {
    Listener *listener = user;
    listener->order[listener->calls++] = 'b';
    return ct_add_scalar(g, 1);
}

static ct_tensor *bad_hook(ct_tensor *g, void *user) {
    (void)user;
    return ct_sum(g);
}

static ct_tensor *failing_hook(ct_tensor *g, void *user) {
    (void)g, (void)user;
    ct_error_raise(CT_ERR_VALUE, "a hook of the test");
    return NULL;
}

START_TEST(hooks_run_in_order_and_replace) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *y = ct_mul(x, x);
    Listener listener = {.factor = 10};
    int first = ct_register_hook(y, listen, &listener), second = ct_register_hook(y, second_listener, &listener);
    ck_assert(first > 0 && second > first);
    ck_assert_int_eq(ct_backward_with(ct_sum(ct_add(y, y)), NULL, CT_RETAIN_GRAPH), CT_OK);
    ck_assert_str_eq(listener.order, "ab"); /* once, with the whole gradient: (2 · 10 + 1) · 2x */
    assert_values("x", ct_grad(x), 0, 126, 168);
    ct_remove_hook(y, first);
    ct_zero_grad(x);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_values("without the first", ct_grad(x), 0, 12, 16);
    ct_remove_hook(y, first);
    assert_error(CT_ERR_VALUE, "no hook 1");
}
END_TEST

START_TEST(hooks_on_leaves) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *sum = ct_sum(ct_mul(x, x)), *g;
    Listener listener = {.factor = -1, .own = x};
    listener.remove = ct_register_hook(x, listen, &listener);
    ck_assert_int_eq(ct_gradients(&sum, 1, &x, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    assert_values("a hook that takes itself away", g, 0, -6, -8);
    ck_assert(ct_requires_grad(g));
    ck_assert_int_eq(ct_backward(sum), CT_OK);
    ck_assert_int_eq(ct_backward(ct_sum(x)), CT_OK);
    assert_values("x", ct_grad(x), 0, 7, 9);
    ck_assert_str_eq(listener.order, "a");
}
END_TEST

START_TEST(failed_hooks_change_nothing) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *w = leaf(make_f64(CT_DIMS(2), 1, 1));
    ct_register_hook(x, bad_hook, NULL);
    assert_status(ct_backward(ct_sum(ct_mul(x, w))), CT_ERR_AUTOGRAD, "a hook gave");
    ct_remove_hook(x, 1);
    ct_register_hook(x, failing_hook, NULL);
    assert_status(ct_backward(ct_sum(ct_mul(x, w))), CT_ERR_VALUE, "a hook of the test");
    ck_assert_ptr_null(ct_grad(x));
    ck_assert_ptr_null(ct_grad(w));
}
END_TEST

START_TEST(results_keep_their_gradient) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *y = ct_mul(x, x), *z = ct_sum(ct_mul_scalar(y, 2));
    ck_assert_int_eq(ct_retain_grad(x), CT_OK);
    ck_assert_int_eq(ct_retain_grad(y), CT_OK);
    ck_assert_ptr_null(ct_grad(y));
    for (int round = 1; round <= 2; round++) {
        ck_assert_int_eq(ct_backward_with(z, NULL, CT_RETAIN_GRAPH), CT_OK);
        assert_values("y", ct_grad(y), 0, 2 * round, 2 * round);
        assert_values("x", ct_grad(x), 0, 12 * round, 16 * round);
    }
    ck_assert_ptr_null(ct_grad(z));
    ct_zero_grad(y);
    ck_assert_ptr_null(ct_grad(y));
    ck_assert_int_eq(ct_backward_with(ct_sum(ct_mul(y, y)), NULL, CT_CREATE_GRAPH), CT_OK);
    ck_assert(ct_requires_grad(ct_grad(y)));
    assert_values("y", ct_grad(y), 0, 18, 32);
    ct_zero_grad(x), ct_zero_grad(y); /* or they would hold the graph that holds them */
    assert_status(ct_retain_grad(ct_detach(x)), CT_ERR_AUTOGRAD, "does not require");
}
END_TEST

/* ---- looking inside ---- */

START_TEST(graph_is_seen_from_outside) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *c = make_f64(CT_DIMS(2), 1, 2), *y = ct_add(ct_mul(x, c), x);
    const ct_node *add = ct_grad_fn(y), *mul = ct_node_input(add, 0), *end = ct_node_input(add, 1);
    ck_assert_ptr_null(ct_grad_fn(x));
    ck_assert_str_eq(ct_node_name(add), "add");
    ck_assert_int_eq(ct_node_inputs(add), 2);
    ck_assert_str_eq(ct_node_name(mul), "mul");
    ck_assert_ptr_eq(ct_node_input(mul, 0), end);
    ck_assert_ptr_null(ct_node_input(mul, 1));
    ck_assert_str_eq(ct_node_name(end), "leaf");
    ck_assert_ptr_eq(ct_node_leaf(end), x);
    ck_assert_ptr_null(ct_node_leaf(add));
    assert_no_error();
    assert_fails(ct_node_input(mul, 2), CT_ERR_INDEX, "mul has 2 inputs");
    ct_set_name(y, "scores");
    ct_set_name(c, "constant");
    ck_assert_str_eq(ct_name(y), "scores");
    ck_assert_str_eq(ct_name(c), "constant");
    ck_assert(!ct_requires_grad(c));
    ct_set_name(y, NULL);
    ck_assert_ptr_null(ct_name(y));
    ck_assert_ptr_null(ct_name(x));
}
END_TEST

START_TEST(leaf_that_went_is_not_found) {
    ct_scope scope = ct_scope_begin();
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *y = ct_scope_keep(ct_exp(x));
    ck_assert_ptr_eq(ct_node_leaf(ct_node_input(ct_grad_fn(y), 0)), x);
    ct_scope_end(scope);
    ck_assert_ptr_null(ct_node_leaf(ct_node_input(ct_grad_fn(y), 0)));
    assert_no_error();
}
END_TEST

START_TEST(anomaly_names_where_it_began) {
    const bool before = ct_set_anomaly_detection(true);
    ck_assert(!before);
    ct_tensor *x = leaf(make_f64(CT_DIMS(2, 1), 4, -1)), *w = leaf(make_f64(CT_DIMS(3), 1, 2, 3));
    ct_tensor *root = ct_sqrt(x);
    ct_set_name(root, "root");
    ct_tensor *loss = ct_sum(ct_mul(root, w));
    ck_assert_int_eq(ct_backward(loss), CT_ERR_AUTOGRAD);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "the derivative of mul of operands (2, 1), (3,)"));
    assert_error(CT_ERR_AUTOGRAD, "first result that was not finite is that of sqrt \"root\" of operands (2, 1)");
    ct_tensor *zero = leaf(make_f64(CT_DIMS(2), 0, 1)), *y = ct_sqrt(zero);
    ct_set_name(y, "length");
    assert_status(ct_backward(ct_sum(y)), CT_ERR_AUTOGRAD, "sqrt \"length\" of operands (2,) for operand 1 holds inf");
    ck_assert_ptr_null(ct_grad(zero));
    ck_assert(ct_set_anomaly_detection(false));
    ck_assert_int_eq(ct_backward(ct_sum(ct_sqrt(zero))), CT_OK);
    assert_values("unnoticed", ct_grad(zero), 0, INFINITY, 0.5);
}
END_TEST

/* ---- operations of the user's own ---- */

/* a · b², whose derivative is written in recorded operations. */
static ct_tensor *product_forward(ct_context *c, ct_tensor *const *xs, int n, void *user) {
    (void)n;
    int *needs = user;
    for (int i = 0; i < 2 && needs; i++) needs[i] = ct_context_needs_grad(c, i);
    ct_context_save(c, 0, xs[0]);
    ct_context_save(c, 2, xs[1]);
    return ct_mul(xs[0], ct_square(xs[1]));
}

static ct_status product_backward(ct_context *c, ct_tensor *dy, ct_tensor **dxs, int n, void *user) {
    (void)n, (void)user;
    ct_tensor *a = ct_context_saved(c, 0), *b = ct_context_saved(c, 2);
    if (ct_context_needs_grad(c, 0)) dxs[0] = ct_mul(dy, ct_square(b));
    if (ct_context_needs_grad(c, 1)) dxs[1] = ct_mul(dy, ct_mul_scalar(ct_mul(a, b), 2));
    return ct_error();
}

static const ct_function product = {"product", product_forward, product_backward};

static ct_tensor *apply_product(ct_tensor *const *xs, int n, void *user) {
    return ct_apply(user, xs, n, NULL);
}

START_TEST(own_operation) {
    ct_tensor *xs[] = {leaf(make_f64(CT_DIMS(2), 2, 3)), leaf(make_f64(CT_DIMS(2), 4, 5))};
    const ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
    ck_assert_int_eq(ct_gradcheck(apply_product, (void *)&product, xs, 2, &options), CT_OK);
    int needs[2] = {-1, -1};
    ct_tensor *constant[] = {xs[0], ct_detach(xs[1])}, *y = ct_apply(&product, constant, 2, needs);
    ck_assert(needs[0] == 1 && needs[1] == 0);
    assert_values("y", y, 0, 32, 75);
    ck_assert_str_eq(ct_node_name(ct_grad_fn(y)), "product");
    ck_assert_int_eq(ct_backward_with(ct_sum(y), NULL, CT_RETAIN_GRAPH), CT_OK);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_values("twice", ct_grad(xs[0]), 0, 32, 50);
    assert_status(ct_backward(ct_sum(y)), CT_ERR_AUTOGRAD, "product");
    CT_NO_GRAD;
    ck_assert(!ct_requires_grad(ct_apply(&product, xs, 2, needs)));
    ck_assert(needs[0] == 0);
}
END_TEST

START_TEST(own_operation_checks_versions) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 2, 3)), *b = make_f64(CT_DIMS(2), 4, 5);
    ct_tensor *y = ct_apply(&product, (ct_tensor *[]){x, b}, 2, NULL);
    ct_mul_scalar_(b, 2);
    assert_status(ct_backward(ct_sum(y)), CT_ERR_AUTOGRAD, "product");
}
END_TEST

/* exp, by its result; or what a careless user does. */
typedef enum { RIGHT, WRONG_SHAPE, FAILS_FORWARD, FAILS_BACKWARD, PASSES_ON, NO_GRADIENT, KEEPS_INNER } Manner;

static ct_tensor *careless_forward(ct_context *c, ct_tensor *const *xs, int n, void *user) {
    (void)n;
    const Manner manner = *(Manner *)user;
    if (manner == FAILS_FORWARD) return NULL;
    if (manner == PASSES_ON) return xs[0];
    ct_tensor *y = ct_exp(xs[0]);
    ct_context_save(c, 0, manner == KEEPS_INNER ? ct_clone(y) : y);
    return y;
}

static ct_status careless_backward(ct_context *c, ct_tensor *dy, ct_tensor **dxs, int n, void *user) {
    (void)n;
    const Manner manner = *(Manner *)user;
    if (manner == FAILS_BACKWARD) return CT_ERR_VALUE;
    if (manner == WRONG_SHAPE) dxs[0] = ct_sum(dy);
    else if (manner == PASSES_ON) dxs[0] = dy;
    else if (manner != NO_GRADIENT) dxs[0] = ct_mul(dy, ct_context_saved(c, 0));
    return CT_OK;
}

static const ct_function careless = {"careless", careless_forward, careless_backward};

START_TEST(own_operation_may_be_careless) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 0, 1)), *g;
    Manner manner = RIGHT;
    ct_tensor *y = ct_sum(ct_apply(&careless, &x, 1, &manner));
    ck_assert_int_eq(ct_gradients(&y, 1, &x, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    y = ct_sum(g);
    ck_assert_int_eq(ct_gradients(&y, 1, &x, 1, NULL, 0, &g), CT_OK);
    assert_values("second order through the saved result", g, 1e-12, 1, exp(1));
    manner = KEEPS_INNER;
    ck_assert_int_eq(ct_backward(ct_sum(ct_apply(&careless, &x, 1, &manner))), CT_OK);
    assert_values("a saved copy", ct_grad(x), 1e-12, 1, exp(1));
    ct_zero_grad(x);
    manner = PASSES_ON;
    y = ct_apply(&careless, &x, 1, &manner);
    ck_assert_ptr_ne(y, x);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_values("its operand as result", ct_grad(x), 0, 1, 1);
    manner = NO_GRADIENT;
    ck_assert_int_eq(ct_backward(ct_sum(ct_apply(&careless, &x, 1, &manner))), CT_OK);
    assert_values("none", ct_grad(x), 0, 1, 1);
    manner = WRONG_SHAPE;
    assert_status(ct_backward(ct_sum(ct_apply(&careless, &x, 1, &manner))), CT_ERR_AUTOGRAD, "careless for operand 1");
    manner = FAILS_FORWARD;
    assert_fails(ct_apply(&careless, &x, 1, &manner), CT_ERR_NULL, "careless");
    manner = FAILS_BACKWARD;
    assert_status(ct_backward(ct_sum(ct_apply(&careless, &x, 1, &manner))), CT_ERR_VALUE, "careless");
    const ct_function one_way = {"one_way", careless_forward, NULL};
    manner = RIGHT;
    assert_status(ct_backward(ct_sum(ct_apply(&one_way, &x, 1, &manner))), CT_ERR_AUTOGRAD, "one_way has no derivative");
}
END_TEST

/* Of more operands than any op of the library's fused rules: Σ i · x_i. */
static ct_tensor *many_forward(ct_context *c, ct_tensor *const *xs, int n, void *user) {
    (void)c, (void)user;
    ct_tensor *sum = ct_zeros_like(xs[0]);
    for (int i = 0; i < n; i++) sum = ct_add(sum, ct_mul_scalar(xs[i], i));
    return sum;
}

static ct_status many_backward(ct_context *c, ct_tensor *dy, ct_tensor **dxs, int n, void *user) {
    (void)c, (void)user;
    for (int i = 0; i < n; i++) dxs[i] = ct_mul_scalar(dy, i);
    return CT_OK;
}

START_TEST(own_operation_of_many_operands) {
    enum { MANY = 40 };
    const ct_function many = {NULL, many_forward, many_backward};
    ct_tensor *xs[MANY];
    for (int i = 0; i < MANY; i++) xs[i] = leaf(ct_ones(CT_F64, CT_DIMS(2)));
    ck_assert_int_eq(ct_backward(ct_sum(ct_apply(&many, xs, MANY, NULL))), CT_OK);
    for (int i = 0; i < MANY; i++) assert_values("x", ct_grad(xs[i]), 0, i, i);
}
END_TEST

/* ---- checkpoints ---- */

static ct_tensor *block(ct_tensor *const *xs, int n, void *user) {
    (void)n;
    ct_tensor *weight = user;
    return ct_dropout(ct_tanh(ct_mul(ct_matmul(xs[0], weight), xs[1])), 0.5, true);
}

/* Two blocks in a row, checkpointed or not; gradients of x, scale, weight. */
static void two_blocks(bool checkpointed, bool squared, ct_tensor *results[3]) {
    ct_manual_seed(3);
    ct_tensor *x = leaf(make_random(CT_F64, CT_DIMS(4, 3), -1, 1, 1, LAYOUT_CONTIGUOUS));
    ct_tensor *scale = leaf(make_random(CT_F64, CT_DIMS(3), 1, 2, 2, LAYOUT_CONTIGUOUS));
    ct_tensor *weight = leaf(make_random(CT_F64, CT_DIMS(3, 3), -1, 1, 3, LAYOUT_CONTIGUOUS)), *y = x;
    for (int i = 0; i < 2; i++) {
        ct_tensor *xs[] = {y, scale};
        y = checkpointed ? ct_checkpoint(block, weight, xs, 2) : block(xs, 2, weight);
    }
    ct_tensor *loss = ct_sum(ct_square(y)), *all[] = {x, scale, weight};
    ct_rand(CT_F32, CT_DIMS(5)); /* other numbers are drawn in between */
    if (squared) {
        ct_tensor *g;
        ck_assert_int_eq(ct_gradients(&loss, 1, &x, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
        loss = ct_sum(ct_square(g));
    }
    ck_assert_int_eq(ct_backward(loss), CT_OK);
    for (int i = 0; i < 3; i++) results[i] = ct_grad(all[i]);
}

START_TEST(checkpoint_gives_the_same_gradients) {
    for (int squared = 0; squared < 2; squared++) {
        ct_tensor *want[3], *got[3];
        two_blocks(false, squared, want);
        two_blocks(true, squared, got);
        for (int i = 0; i < 3; i++) assert_allclose("gradient", got[i], want[i], 1e-12, 1e-12);
    }
    assert_no_error();
}
END_TEST

static ct_tensor *no_operand_needed(ct_tensor *const *xs, int n, void *user) {
    (void)n;
    return ct_mul(xs[0], user);
}

START_TEST(checkpoint_finds_tensors_from_elsewhere) {
    ct_tensor *w = leaf(make_f64(CT_DIMS(2), 3, 4)), *x = make_f64(CT_DIMS(2), 5, 6), *inner = ct_square(w);
    ck_assert_int_eq(ct_backward(ct_sum(ct_checkpoint(no_operand_needed, w, &x, 1))), CT_OK);
    assert_values("a parameter", ct_grad(w), 0, 5, 6);
    ct_zero_grad(w);
    ck_assert_int_eq(ct_backward(ct_sum(ct_checkpoint(no_operand_needed, inner, &x, 1))), CT_OK);
    assert_values("a recorded result", ct_grad(w), 0, 30, 48);
    ct_zero_grad(w);
    inner = ct_square(w);
    ck_assert_int_eq(ct_backward(ct_sum(ct_checkpoint(no_operand_needed, w, &inner, 1))), CT_OK);
    assert_values("both ways", ct_grad(w), 0, 27, 48);
    ck_assert(!ct_requires_grad(ct_checkpoint(no_operand_needed, x, &x, 1)));
    CT_NO_GRAD;
    ck_assert(!ct_requires_grad(ct_checkpoint(no_operand_needed, w, &x, 1)));
}
END_TEST

static ct_tensor *both(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_mul(xs[0], xs[1]);
}

/* One operand comes from the other: what reaches it through f must not be counted again behind it. */
START_TEST(checkpoint_counts_each_operand_once) {
    for (unsigned flags = 0; flags <= CT_CREATE_GRAPH; flags += CT_CREATE_GRAPH) {
        ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *xs[] = {x, ct_square(x)}, *g;
        ct_tensor *sum = ct_sum(ct_checkpoint(both, NULL, xs, 2));
        ck_assert_int_eq(ct_gradients(&sum, 1, &x, 1, NULL, flags, &g), CT_OK);
        assert_values("3x²", g, 1e-12, 27, 48);
    }
}
END_TEST

static ct_tensor *deep(ct_tensor *const *xs, int n, void *user) {
    (void)n;
    ct_tensor *y = xs[0];
    for (int i = 0; i < *(int *)user; i++) y = ct_tanh(y);
    return y;
}

START_TEST(checkpoint_keeps_the_operands_only) {
    int depth = 100;
    ct_tensor *x = leaf(ct_full(CT_F32, CT_DIMS(1000), 0.5));
    ct_memory_info before = ct_memory();
    ct_tensor *y = ct_checkpoint(deep, &depth, &x, 1);
    ct_memory_info after = ct_memory();
    ck_assert_uint_eq(after.nodes_alive - before.nodes_alive, 1);
    ck_assert_uint_lt(after.bytes_in_use - before.bytes_in_use, 16000);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    ct_tensor *plain = leaf(ct_full(CT_F32, CT_DIMS(1000), 0.5));
    ck_assert_int_eq(ct_backward(ct_sum(deep(&plain, 1, &depth))), CT_OK);
    assert_same_bits("gradient", ct_grad(x), ct_grad(plain));
}
END_TEST

/* ---- products with derivatives ---- */

/* y = (a b, a + sin b): of two operands of 2 elements. */
static ct_tensor *pair(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_cat((ct_tensor *[]){ct_mul(xs[0], xs[1]), ct_add(xs[0], ct_sin(xs[1]))}, 2, 0);
}

static ct_tensor *energy(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_sum(ct_mul(ct_square(xs[0]), ct_sin(xs[1])));
}

START_TEST(products_and_matrices) {
    ct_tensor *a = make_f64(CT_DIMS(2), 2, 3), *b = make_f64(CT_DIMS(2), 0, 1), *xs[] = {a, b}, *out[2], *y;
    ct_tensor *jacobian = ct_jacobian(pair, NULL, xs, 2, 1);
    assert_shape(jacobian, 4, 2);
    assert_values("dy/db", jacobian, 1e-12, 2, 0, 0, 3, 1, 0, 0, cos(1));
    ck_assert_int_eq(ct_vjp(pair, NULL, xs, 2, make_f64(CT_DIMS(4), 1, 2, 3, 4), &y, out), CT_OK);
    assert_values("y", y, 1e-12, 0, 3, 2, 3 + sin(1));
    ck_assert(!ct_requires_grad(y) && !ct_requires_grad(out[0]));
    assert_values("v·dy/da", out[0], 1e-12, 3, 6);
    assert_values("v·dy/db", out[1], 1e-12, 5, 6 + 4 * cos(1));
    ct_tensor *vs[] = {make_f64(CT_DIMS(2), 1, -1), make_f64(CT_DIMS(2), 0.5, 2)};
    assert_values("J·v", ct_jvp(pair, NULL, xs, 2, vs), 1e-12, 1, 5, 1.5, 2 * cos(1) - 1);
    assert_values("H of b and a", ct_hessian(energy, NULL, xs, 2, 1, 0), 1e-12, 4, 0, 0, 6 * cos(1));
    assert_values("H of a and a", ct_hessian(energy, NULL, xs, 2, 0, 0), 1e-12, 0, 0, 0, 2 * sin(1));
    ck_assert_int_eq(ct_hvp(energy, NULL, xs, 2, vs, out), CT_OK);
    assert_values("H·v, a", out[0], 1e-12, 2, -2 * sin(1) + 12 * cos(1));
    assert_values("H·v, b", out[1], 1e-12, 4, -6 * cos(1) - 18 * sin(1));
    ck_assert(!ct_requires_grad(a) && !ct_grad(a));
    assert_no_error();
}
END_TEST

static ct_tensor *first_only(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_sum(xs[0]);
}

START_TEST(what_does_not_matter_has_zero_derivatives) {
    ct_tensor *a = make_f64(CT_DIMS(2), 2, 3), *index = ct_ones(CT_I64, CT_DIMS(2)), *xs[] = {a, index}, *out[2];
    ck_assert_int_eq(ct_vjp(first_only, NULL, xs, 2, NULL, NULL, out), CT_OK);
    assert_values("a", out[0], 0, 1, 1);
    assert_values("an index", out[1], 0, 0, 0);
    assert_values("second order", ct_hessian(first_only, NULL, xs, 1, 0, 0), 0, 0, 0, 0, 0);
    CT_NO_GRAD;
    assert_values("while recording is off", ct_jacobian(first_only, NULL, xs, 1, 0), 0, 1, 1);
    ck_assert(!ct_grad_enabled());
}
END_TEST

/* ---- threads ---- */

typedef struct {
    ct_tensor *x;
    ct_module *model;
    double last;
} Trainer;

/* Trains a model of its own, which draws from a generator of its own. */
static void *train(void *user) {
    Trainer *trainer = user;
    ct_generator *generator = ct_generator_new(7);
    ct_generator_use(generator);
    ct_module *model = ct_nn_sequential(ct_nn_linear(2, 8, true), ct_nn_tanh(), ct_nn_linear(8, 1, true));
    ct_optim *optim = ct_optim_adam(ct_module_parameters(model), 0.01, NULL);
    for (int i = 0; i < 50; i++) {
        CT_SCOPED;
        ct_tensor *loss = ct_mean(ct_square(ct_sub_scalar(ct_forward(model, trainer->x), 1)));
        ct_optim_zero_grad(optim);
        ct_backward(loss);
        ct_optim_step(optim);
        trainer->last = ct_item(loss);
    }
    ct_optim_free(optim);
    ct_module_free(model);
    ct_generator_use(NULL);
    ct_generator_free(generator);
    return NULL;
}

START_TEST(threads_train_models_of_their_own) {
    Trainer trainers[4];
    pthread_t threads[4];
    ct_tensor *x = make_random(CT_F32, CT_DIMS(64, 2), -1, 1, 1, LAYOUT_CONTIGUOUS);
    for (int i = 0; i < 4; i++) {
        trainers[i] = (Trainer){.x = x};
        pthread_create(&threads[i], NULL, train, &trainers[i]);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++) ck_assert(trainers[i].last == trainers[0].last);
    Trainer alone = {.x = x};
    train(&alone);
    ck_assert(alone.last == trainers[0].last && alone.last < 0.1);
}
END_TEST

Suite *functions_suite(void) {
    Suite *suite = suite_create("functions");
    TCase *c = support_case(suite, "functions");
    tcase_add_test(c, hooks_run_in_order_and_replace);
    tcase_add_test(c, hooks_on_leaves);
    tcase_add_test(c, failed_hooks_change_nothing);
    tcase_add_test(c, results_keep_their_gradient);
    tcase_add_test(c, graph_is_seen_from_outside);
    tcase_add_test(c, leaf_that_went_is_not_found);
    tcase_add_test(c, anomaly_names_where_it_began);
    tcase_add_test(c, own_operation);
    tcase_add_test(c, own_operation_checks_versions);
    tcase_add_test(c, own_operation_may_be_careless);
    tcase_add_test(c, own_operation_of_many_operands);
    tcase_add_test(c, checkpoint_gives_the_same_gradients);
    tcase_add_test(c, checkpoint_finds_tensors_from_elsewhere);
    tcase_add_test(c, checkpoint_counts_each_operand_once);
    tcase_add_test(c, checkpoint_keeps_the_operands_only);
    tcase_add_test(c, products_and_matrices);
    tcase_add_test(c, what_does_not_matter_has_zero_derivatives);
    tcase_add_test(c, threads_train_models_of_their_own);
    return suite;
}
