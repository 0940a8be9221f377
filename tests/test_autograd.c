/* The engine: what is recorded, walked, accumulated, freed; in-place changes; threads. */
#include "suites.h"
#include "support.h"
#include <pthread.h>

static ct_tensor *leaf(ct_tensor *x) {
    return ct_set_requires_grad(x, true);
}

/* ---- gradients ---- */

START_TEST(a_node_used_twice_gets_the_sum) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4));
    ck_assert_int_eq(ct_backward(ct_sum(ct_add(ct_mul(x, x), ct_add(x, x)))), CT_OK);
    assert_values("grad", ct_grad(x), 0, 8, 10);
    ct_zero_grad(x);
    ck_assert_ptr_null(ct_grad(x));
    assert_no_error();
}
END_TEST

START_TEST(textbook_expression) { /* micrograd's README */
    ct_tensor *a = leaf(ct_scalar(CT_F64, -4)), *b = leaf(ct_scalar(CT_F64, 2));
    ct_tensor *c = ct_add(a, b), *d = ct_add(ct_mul(a, b), ct_pow_scalar(b, 3));
    c = ct_add(c, ct_add_scalar(c, 1));
    c = ct_add(c, ct_add(ct_add_scalar(c, 1), ct_neg(a)));
    d = ct_add(d, ct_add(ct_mul_scalar(d, 2), ct_relu(ct_add(b, a))));
    d = ct_add(d, ct_add(ct_mul_scalar(d, 3), ct_relu(ct_sub(b, a))));
    ct_tensor *e = ct_sub(c, d), *f = ct_square(e);
    ct_tensor *g = ct_add(ct_div_scalar(f, 2), ct_rdiv_scalar(f, 10));
    ck_assert_int_eq(ct_backward(g), CT_OK);
    assert_values("g", g, 1e-4, 24.7041);
    assert_values("da", ct_grad(a), 1e-4, 138.8338);
    assert_values("db", ct_grad(b), 1e-4, 645.5773);
}
END_TEST

START_TEST(gradients_accumulate_and_do_not_alias) {
    ct_tensor *b = leaf(make_f64(CT_DIMS(2), 1, 2)), *c = leaf(make_f64(CT_DIMS(2), 3, 4));
    for (int round = 1; round <= 3; round++) {
        ck_assert_int_eq(ct_backward(ct_sum(ct_add(b, c))), CT_OK);
        assert_values("b", ct_grad(b), 0, round, round);
        ck_assert(!ct_same_storage(ct_grad(b), ct_grad(c)));
    }
    ct_tensor *held = ct_grad(b);
    ck_assert_int_eq(ct_backward(ct_sum(b)), CT_OK);
    assert_values("a gradient that somebody holds stays", held, 0, 3, 3);
    assert_values("b", ct_grad(b), 0, 4, 4);
    ct_tensor *dy = make_f64(CT_DIMS(2), 5, 6);
    ct_zero_grad(b);
    ck_assert_int_eq(ct_backward_with(b, dy, 0), CT_OK);
    ck_assert_int_eq(ct_backward_with(b, dy, 0), CT_OK);
    assert_values("the upstream gradient is not written", dy, 0, 5, 6);
    assert_values("b", ct_grad(b), 0, 10, 12);
}
END_TEST

START_TEST(gradient_follows_a_dense_layout) {
    ct_tensor *w = leaf(ct_clone(ct_transpose(ct_rand(CT_F32, CT_DIMS(3, 4)), 0, 1)));
    ck_assert_int_eq(ct_strides(w)[0], 1);
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(ct_contiguous(w), ct_rand(CT_F32, CT_DIMS(4, 3))))), CT_OK);
    ck_assert_int_eq(ct_strides(ct_grad(w))[0], 1);
    ck_assert_int_eq(ct_strides(ct_grad(w))[1], 4);
}
END_TEST

START_TEST(broadcast_operands_get_their_own_shape) {
    ct_tensor *row = leaf(make_f64(CT_DIMS(1, 3), 1, 2, 3)), *column = leaf(make_f64(CT_DIMS(2, 1), 4, 5));
    ct_tensor *scalar = leaf(ct_scalar(CT_F32, 2));
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(ct_mul(row, column), scalar))), CT_OK);
    assert_values("row", ct_grad(row), 0, 18, 18, 18);
    assert_values("column", ct_grad(column), 0, 12, 12);
    assert_values("scalar", ct_grad(scalar), 1e-6, 54);
    assert_dtype(ct_grad(scalar), CT_F32);
    assert_shape(ct_grad(column), 2, 1);
}
END_TEST

START_TEST(backward_refuses) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *y = ct_mul(x, x);
    assert_status(ct_backward(y), CT_ERR_SHAPE, "one element");
    assert_status(ct_backward(ct_detach(y)), CT_ERR_AUTOGRAD, "does not require");
    assert_status(ct_backward_with(y, ct_ones(CT_F64, CT_DIMS(3)), 0), CT_ERR_SHAPE, "(3,)");
    assert_status(ct_backward(NULL), CT_ERR_NULL, "ct_backward");
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_status(ct_backward(ct_sum(y)), CT_ERR_AUTOGRAD, "CT_RETAIN_GRAPH");
    ct_tensor *z = ct_sum(ct_add(x, x));
    ck_assert_int_eq(ct_backward(z), CT_OK);
    ck_assert_int_eq(ct_backward(z), CT_OK); /* nothing was saved */
    ct_error_raise(CT_ERR_VALUE, "pending");
    ck_assert_int_eq(ct_backward(ct_sum(x)), CT_ERR_VALUE);
    assert_error(CT_ERR_VALUE, "pending");
    assert_values("x", ct_grad(x), 0, 10, 12);
    assert_fails(ct_set_requires_grad(ct_ones(CT_I64, CT_DIMS(2)), true), CT_ERR_DTYPE, "int64");
    assert_fails(ct_set_requires_grad(y, false), CT_ERR_AUTOGRAD, "mul");
}
END_TEST

START_TEST(retained_graph_walks_again) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 3, 4)), *y = ct_sum(ct_mul(x, x));
    for (int round = 1; round <= 3; round++)
        ck_assert_int_eq(ct_backward_with(y, NULL, CT_RETAIN_GRAPH), CT_OK);
    assert_values("x", ct_grad(x), 0, 18, 24);
}
END_TEST

START_TEST(higher_orders) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 2, -3)), *g = ct_mul(ct_square(x), ct_square(x)); /* x⁴ */
    const double want[][2] = {{32, -108}, {48, 108}, {48, -72}, {24, 24}};
    for (int order = 0; order < 4; order++) {
        ct_tensor *sum = ct_sum(g);
        ck_assert_int_eq(ct_gradients(&sum, 1, &x, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
        assert_values("derivative", g, 1e-9, want[order][0], want[order][1]);
    }
    ck_assert_ptr_null(ct_grad(x));
    ct_tensor *cube = ct_sum(ct_pow_scalar(x, 3));
    ck_assert_int_eq(ct_backward_with(cube, NULL, CT_CREATE_GRAPH), CT_OK);
    ct_tensor *first = ct_grad(x);
    ck_assert(ct_requires_grad(first));
    ct_zero_grad(x);
    ck_assert_int_eq(ct_backward(ct_sum(first)), CT_OK);
    assert_values("6x", ct_grad(x), 1e-9, 12, -18);
}
END_TEST

START_TEST(gradients_of_chosen_inputs) {
    ct_tensor *x = leaf(ct_scalar(CT_F64, 3)), *w = leaf(ct_scalar(CT_F64, 5)), *other = leaf(ct_scalar(CT_F64, 1));
    ct_tensor *h = ct_mul(x, w), *y = ct_square(h), *out[2] = {NULL, NULL};
    ck_assert_int_eq(ct_gradients(&y, 1, (ct_tensor *[]){h, x}, 2, NULL, CT_RETAIN_GRAPH, out), CT_OK);
    assert_values("inner", out[0], 0, 30);
    assert_values("leaf", out[1], 0, 150);
    ck_assert_ptr_null(ct_grad(x));
    assert_status(ct_gradients(&y, 1, &other, 1, NULL, CT_RETAIN_GRAPH, out), CT_ERR_AUTOGRAD, "CT_ALLOW_UNUSED");
    ck_assert_int_eq(ct_gradients(&y, 1, (ct_tensor *[]){other, w}, 2, NULL, CT_ALLOW_UNUSED, out), CT_OK);
    ck_assert_ptr_null(out[0]);
    assert_values("w", out[1], 0, 90);
}
END_TEST

/* relu's rule may write over its result's gradient, but not where that is shared, asked for, kept or the user's. */
START_TEST(gradients_that_others_see_are_not_written_over) {
    ct_tensor *x = ct_set_requires_grad(make_f64(CT_DIMS(2), 2, -3), true), *grads[2];
    ct_tensor *y = ct_relu(x), *twice = ct_mul_scalar(y, 2), *dy = make_f64(CT_DIMS(2), 5, 7);
    ct_gradients(&twice, 1, (ct_tensor *[]){y, x}, 2, &dy, CT_RETAIN_GRAPH, grads);
    assert_values("asked for", grads[0], 0, 10, 14);
    assert_values("behind", grads[1], 0, 10, 0);
    ct_gradients(&y, 1, &x, 1, &dy, CT_RETAIN_GRAPH, grads);
    assert_values("the user's", dy, 0, 5, 7);
    ct_retain_grad(y);
    ct_backward(ct_sum(twice));
    assert_values("kept", ct_grad(y), 0, 2, 2);
    ct_tensor *z = ct_mul_scalar(ct_add(ct_relu(x), ct_add(ct_relu(ct_neg(x)), x)), 3), *three[] = {ct_ones_like(z)};
    ct_gradients(&z, 1, &x, 1, three, 0, grads);
    assert_values("shared", grads[0], 0, 6, 0);
    assert_no_error();
}
END_TEST

START_TEST(recording_is_switched_off_and_on) {
    ct_tensor *x = leaf(ct_scalar(CT_F64, 3));
    {
        CT_NO_GRAD;
        ck_assert(!ct_grad_enabled());
        ck_assert(!ct_requires_grad(ct_square(x)));
        {
            CT_NO_GRAD;
        }
        ck_assert(!ct_grad_enabled());
    }
    ck_assert(ct_grad_enabled());
    ck_assert(ct_requires_grad(ct_square(x)) && !ct_is_leaf(ct_square(x)) && ct_is_leaf(x));
    ck_assert(!ct_requires_grad(ct_gt_scalar(x, 0)));
    ck_assert(!ct_requires_grad(ct_detach(x)) && ct_same_storage(ct_detach(x), x));
}
END_TEST

START_TEST(gradient_is_set_from_outside) {
    ct_tensor *x = leaf(make_f32(CT_DIMS(2), 1, 2));
    ck_assert_int_eq(ct_set_grad(x, make_f32(CT_DIMS(2), 3, 4)), CT_OK);
    ck_assert_int_eq(ct_backward(ct_sum(x)), CT_OK);
    assert_values("sum", ct_grad(x), 0, 4, 5);
    assert_status(ct_set_grad(x, make_f32(CT_DIMS(3), 3, 4, 5)), CT_ERR_SHAPE, "(3,)");
    assert_status(ct_set_grad(x, make_f64(CT_DIMS(2), 3, 4)), CT_ERR_DTYPE, "float64");
    ck_assert_int_eq(ct_set_grad(x, NULL), CT_OK);
    ck_assert_ptr_null(ct_grad(x));
}
END_TEST

/* ---- in place ---- */

START_TEST(leaf_refuses_in_place) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2));
    assert_fails(ct_add_scalar_(x, 1), CT_ERR_AUTOGRAD, "leaf");
    assert_fails(ct_add_scalar_(ct_select(x, 0, 0), 1), CT_ERR_AUTOGRAD, "leaf");
    CT_NO_GRAD;
    assert_values("x", ct_add_scalar_(x, 1), 0, 2, 3);
}
END_TEST

START_TEST(change_of_a_saved_value_is_found) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *h = ct_mul_scalar(x, 3), *y = ct_mul(h, h);
    ct_add_scalar_(h, 1);
    assert_status(ct_backward(ct_sum(y)), CT_ERR_AUTOGRAD, "changed in place");
    ck_assert_ptr_null(ct_grad(x));
    ct_tensor *e = ct_exp(x);
    ct_zero_(ct_detach(e));
    assert_status(ct_backward(ct_sum(e)), CT_ERR_AUTOGRAD, "exp");
}
END_TEST

START_TEST(history_goes_on_in_place) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *h = ct_mul_scalar(x, 3);
    ct_mul_(h, h);
    ct_mul_(h, x);
    ct_relu_(h);
    assert_values("9x³", h, 1e-12, 9, 72);
    ck_assert_int_eq(ct_backward(ct_sum(h)), CT_OK);
    assert_values("27x²", ct_grad(x), 1e-12, 27, 108);
    ct_tensor *constant = ct_ones(CT_F64, CT_DIMS(2));
    ct_mul_(constant, x);
    ck_assert(ct_requires_grad(constant));
    ct_zero_grad(x);
    ck_assert_int_eq(ct_backward(ct_sum(constant)), CT_OK);
    assert_values("1", ct_grad(x), 0, 1, 1);
}
END_TEST

START_TEST(change_through_a_view_reaches_its_base) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2, 2), 1, 2, 3, 4)), *w = leaf(make_f64(CT_DIMS(2), 5, 6));
    ct_tensor *h = ct_mul_scalar(x, 1), *row = ct_select(h, 0, 1), *old = ct_select(h, 0, 0);
    ct_mul_(row, w);
    assert_values("h", h, 0, 1, 2, 15, 24);
    ck_assert_int_eq(ct_backward(ct_sum(ct_add(ct_square(h), row))), CT_OK);
    assert_values("x", ct_grad(x), 1e-12, 2, 4, (2 * 15 + 2) * 5, (2 * 24 + 2) * 6);
    assert_fails(ct_square(old), CT_ERR_AUTOGRAD, "take the view again");
    ct_tensor *base = ct_zeros(CT_F64, CT_DIMS(3));
    ct_copy_(ct_slice(base, 0, 0, 2, 1), w);
    ct_zero_grad(w);
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(base, base))), CT_OK);
    assert_values("w", ct_grad(w), 1e-12, 10, 12);
}
END_TEST

/* Whatever a view was made of: it is not silently a constant once its storage holds what has a history. */
START_TEST(stale_views_are_refused) {
    ct_tensor *w = leaf(make_f64(CT_DIMS(2), 5, 6)), *base = ct_ones(CT_F64, CT_DIMS(2, 2));
    ct_tensor *row = ct_select(base, 0, 1), *part = ct_select(row, 0, 0);
    ct_mul_(base, w);
    ck_assert(ct_requires_grad(base));
    assert_fails(ct_square(row), CT_ERR_AUTOGRAD, "take the view again");
    assert_fails(ct_mul_scalar_(row, 2), CT_ERR_AUTOGRAD, "take the view again");
    assert_fails(ct_exp(part), CT_ERR_AUTOGRAD, "take the view again");
    assert_values("base", base, 0, 5, 6, 5, 6);
    assert_values("detached", ct_square(ct_detach(row)), 0, 25, 36);
    CT_NO_GRAD;
    assert_values("unrecorded", ct_square(row), 0, 25, 36);
}
END_TEST

START_TEST(unrecorded_views_of_recorded_tensors_refuse) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *h = ct_mul_scalar(x, 3), *view, *of_leaf;
    {
        CT_NO_GRAD;
        view = ct_slice(h, 0, 0, 1, 1);
        of_leaf = ct_slice(x, 0, 0, 1, 1);
    }
    assert_fails(ct_mul_scalar_(view, 2), CT_ERR_AUTOGRAD, "while recording was off");
    assert_fails(ct_mul_scalar_(of_leaf, 2), CT_ERR_AUTOGRAD, "leaf");
    assert_values("h", h, 0, 3, 6);
    CT_NO_GRAD;
    ct_mul_scalar_(view, 2);
    ct_mul_scalar_(of_leaf, 2);
    assert_values("h", h, 0, 6, 6);
    assert_values("x", x, 0, 2, 2);
}
END_TEST

START_TEST(second_order_through_a_changed_view) {
    ct_tensor *w = leaf(make_f64(CT_DIMS(2), 2, 3)), *base = make_f64(CT_DIMS(2, 2), 1, 2, 3, 4);
    ct_tensor *columns = ct_t(base), *second = ct_select(columns, 0, 1), *g = NULL;
    ct_mul_(second, w); /* base = (1, 2u; 3, 4v) */
    ct_tensor *loss = ct_sum(ct_add(ct_sum(ct_pow_scalar(base, 3)), second));
    ck_assert_int_eq(ct_gradients(&loss, 1, &w, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    /* the sum is (8u³ + 64v³ + 28) · 2 + 2u + 4v */
    assert_values("g", g, 1e-9, 48 * 4 + 2, 384 * 9 + 4);
    ck_assert_int_eq(ct_backward(ct_sum(g)), CT_OK);
    assert_values("h", ct_grad(w), 1e-9, 96 * 2, 768 * 3);
}
END_TEST

START_TEST(overlapping_parts_are_read_first) {
    ct_tensor *w = leaf(make_f64(CT_DIMS(4), 1, 2, 3, 4)), *h = ct_mul_scalar(w, 1);
    ct_copy_(ct_slice(h, 0, 1, 4, 1), ct_slice(h, 0, 0, 3, 1)); /* (a, a, b, c) */
    ct_index_add_(ct_slice(h, 0, 2, 4, 1), 0, ct_zeros(CT_I64, CT_DIMS(1)), ct_slice(h, 0, 0, 1, 1)); /* b + a */
    ct_tensor *mask = ct_from_data(CT_BOOL, (bool[]){false, true}, CT_DIMS(2));
    ct_masked_fill_(ct_slice(h, 0, 0, 4, 3), mask, 7); /* c goes */
    assert_values("h", h, 0, 1, 1, 3, 7);
    ck_assert_int_eq(ct_backward(ct_sum(ct_square(h))), CT_OK);
    assert_values("w", ct_grad(w), 1e-12, 2 + 2 + 6, 6, 0, 0);
}
END_TEST

START_TEST(a_kept_gradient_is_that_of_the_new_value) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *h = ct_mul_scalar(x, 3);
    ck_assert_int_eq(ct_retain_grad(h), CT_OK);
    ct_mul_scalar_(h, 2);
    ct_mul_scalar_(ct_select(h, 0, 0), 5);
    ck_assert_int_eq(ct_backward(ct_sum(ct_square(h))), CT_OK);
    assert_values("h", ct_grad(h), 1e-12, 60, 24);
    assert_values("x", ct_grad(x), 1e-12, 1800, 144);
}
END_TEST

START_TEST(in_place_keeps_shape_and_dtype) {
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(2)), *i = ct_ones(CT_I64, CT_DIMS(2));
    assert_fails(ct_add_(x, ct_ones(CT_F32, CT_DIMS(3, 2))), CT_ERR_SHAPE, "(3, 2)");
    assert_fails(ct_add_(i, x), CT_ERR_DTYPE, "int64");
    assert_fails(ct_add_scalar_(ct_expand(x, CT_DIMS(3, 2)), 1), CT_ERR_VALUE, "clone");
    assert_values("x", ct_add_(x, ct_ones(CT_F64, CT_DIMS(2))), 0, 2, 2);
    assert_dtype(x, CT_F32);
    ct_tensor *r = ct_arange(CT_F32, 0, 6, 1);
    ct_add_(ct_slice(r, 0, 1, 6, 1), ct_slice(r, 0, 0, 5, 1)); /* overlapping operands are read first */
    assert_values("r", r, 0, 0, 1, 3, 5, 7, 9);
}
END_TEST

/* ---- lifetimes ---- */

START_TEST(intermediates_may_go_before_backward) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2));
    ct_scope scope = ct_scope_begin();
    ct_tensor *y = ct_scope_end_keep(scope, ct_sum(ct_exp(ct_mul(ct_tanh(x), ct_sigmoid(x)))));
    ck_assert_int_eq(ct_backward(y), CT_OK);
    ck_assert(isfinite(ct_item(ct_sum(ct_grad(x)))));
}
END_TEST

START_TEST(cycles_do_not_leak) { /* the fixture counts what is alive */
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *h = ct_mul_scalar(x, 2), *y = ct_mul(h, h), *e = ct_exp(h);
    ct_add_(h, y);
    ct_mul_(e, e);
    ct_tensor *c = ct_ones(CT_F64, CT_DIMS(2)), *z = ct_mul(c, h);
    ct_add_(c, z);
    ct_tensor *g = NULL, *sum = ct_sum(ct_add(ct_exp(x), ct_mul(x, x)));
    ck_assert_int_eq(ct_gradients(&sum, 1, &x, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    ck_assert_int_eq(ct_backward_with(ct_sum(ct_square(g)), NULL, CT_CREATE_GRAPH), CT_OK);
    ct_zero_grad(x); /* a gradient with a history leads back to its leaf */
}
END_TEST

/* ---- threads ---- */

typedef struct {
    ct_tensor *shared;
    int rounds;
    bool failed;
} Walker;

static void *walk_shared(void *user) {
    Walker *walker = user;
    for (int i = 0; i < walker->rounds; i++) {
        CT_SCOPED;
        ct_tensor *y = ct_sum(ct_mul_scalar(walker->shared, 2));
        if (ct_backward_with(y, NULL, CT_RETAIN_GRAPH) != CT_OK) walker->failed = true;
    }
    return NULL;
}

START_TEST(threads_walk_shared_graphs) {
    enum { THREADS = 4, ROUNDS = 200 };
    ct_tensor *x = leaf(make_f64(CT_DIMS(2), 1, 2)), *shared = ct_mul(x, x);
    Walker walkers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        walkers[i] = (Walker){shared, ROUNDS, false};
        pthread_create(&threads[i], NULL, walk_shared, &walkers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(!walkers[i].failed);
    }
    assert_values("x", ct_grad(x), 0, 4.0 * THREADS * ROUNDS, 8.0 * THREADS * ROUNDS);
}
END_TEST

/* ---- gradcheck ---- */

static ct_tensor *right(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_mul(ct_sin(xs[0]), ct_matmul(xs[0], xs[1]));
}

/* Detaches a factor: a wrong derivative. */
static ct_tensor *wrong(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_mul(xs[0], ct_detach(xs[0]));
}

START_TEST(gradcheck_finds_the_worst_element) {
    ct_tensor *xs[] = {leaf(make_random(CT_F64, CT_DIMS(3, 3), -1, 1, 1, LAYOUT_TRANSPOSED)),
                       leaf(make_random(CT_F64, CT_DIMS(3, 3), -1, 1, 2, LAYOUT_CONTIGUOUS))};
    ct_tensor *before = ct_clone(ct_detach(xs[0]));
    ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
    ck_assert_int_eq(ct_gradcheck(right, NULL, xs, 2, &options), CT_OK);
    assert_allclose("left as it was", ct_detach(xs[0]), before, 0, 0);
    ct_tensor *x = leaf(make_f64(CT_DIMS(2, 2), 0.1, 0.2, 3, 0.3));
    assert_status(ct_gradcheck(wrong, NULL, &x, 1, NULL), CT_ERR_AUTOGRAD, "(1, 0)");
    ct_tensor *single = leaf(ct_ones(CT_F32, CT_DIMS(1)));
    assert_status(ct_gradcheck(wrong, NULL, &single, 1, NULL), CT_ERR_AUTOGRAD, "float64");
}
END_TEST

Suite *autograd_suite(void) {
    Suite *suite = suite_create("autograd");
    TCase *c = support_case(suite, "autograd");
    tcase_add_test(c, a_node_used_twice_gets_the_sum);
    tcase_add_test(c, textbook_expression);
    tcase_add_test(c, gradients_accumulate_and_do_not_alias);
    tcase_add_test(c, gradient_follows_a_dense_layout);
    tcase_add_test(c, broadcast_operands_get_their_own_shape);
    tcase_add_test(c, backward_refuses);
    tcase_add_test(c, retained_graph_walks_again);
    tcase_add_test(c, higher_orders);
    tcase_add_test(c, gradients_of_chosen_inputs);
    tcase_add_test(c, gradients_that_others_see_are_not_written_over);
    tcase_add_test(c, recording_is_switched_off_and_on);
    tcase_add_test(c, gradient_is_set_from_outside);
    tcase_add_test(c, leaf_refuses_in_place);
    tcase_add_test(c, change_of_a_saved_value_is_found);
    tcase_add_test(c, history_goes_on_in_place);
    tcase_add_test(c, change_through_a_view_reaches_its_base);
    tcase_add_test(c, stale_views_are_refused);
    tcase_add_test(c, unrecorded_views_of_recorded_tensors_refuse);
    tcase_add_test(c, second_order_through_a_changed_view);
    tcase_add_test(c, overlapping_parts_are_read_first);
    tcase_add_test(c, a_kept_gradient_is_that_of_the_new_value);
    tcase_add_test(c, in_place_keeps_shape_and_dtype);
    tcase_add_test(c, intermediates_may_go_before_backward);
    tcase_add_test(c, cycles_do_not_leak);
    tcase_add_test(c, threads_walk_shared_graphs);
    tcase_add_test(c, gradcheck_finds_the_worst_element);
    return suite;
}
