/* Losses: values by hand, edges, gradients of order 1 and 2, what is refused. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/memory.h"

enum { IGNORE = -100 };

static ct_tensor *leaf(ct_tensor *x) {
    return ct_set_requires_grad(x, true);
}

static ct_tensor *classes(const int64_t *shape, int ndim, const int64_t *values) {
    return ct_from_data(CT_I64, values, shape, ndim);
}
#define CLASSES(shape, ...) classes(shape, (const int64_t[]){__VA_ARGS__})

static void backward(ct_tensor *loss) {
    ck_assert_msg(ct_backward(loss) == CT_OK, "%s", ct_error_message());
}

/* ---- reductions and regression ---- */

START_TEST(reductions_join) {
    ct_tensor *p = make_f64(CT_DIMS(2, 2), 1, 2, 3, 4), *y = make_f64(CT_DIMS(2, 2), 0, 2, 1, 1);
    ct_tensor *losses = ct_mse_loss(p, y, CT_NONE);
    assert_shape(losses, 2, 2);
    assert_values("none", losses, 0, 1, 0, 4, 9);
    assert_0dim(ct_mse_loss(p, y, CT_MEAN));
    assert_values("mean", ct_mse_loss(p, y, CT_MEAN), 0, 3.5);
    assert_values("sum", ct_mse_loss(p, y, CT_SUM), 0, 14);
    assert_values("sse", ct_sse_loss(p, y), 0, 14);
    assert_values("l1", ct_l1_loss(p, y, CT_NONE), 0, 1, 0, 2, 3);
    ct_tensor *nothing = ct_zeros(CT_F64, CT_DIMS(0, 2));
    assert_values("the mean of nothing", ct_mse_loss(nothing, nothing, CT_MEAN), 0, NAN);
    assert_values("the sum of nothing", ct_mse_loss(nothing, nothing, CT_SUM), 0, 0);
    assert_no_error();
}
END_TEST

START_TEST(integer_targets_count_as_numbers) {
    ct_tensor *p = make_f64(CT_DIMS(2), 0.5, 2), *y = CLASSES(CT_DIMS(2), 1, 4);
    assert_values("mse", ct_mse_loss(p, y, CT_SUM), 0, 4.25);
    assert_values("poisson in full precision", ct_poisson_nll_loss(p, y, true, true, 1e-8, CT_NONE), 1e-13,
                  exp(0.5) - 0.5, exp(2) - 8 + 4 * log(4) - 4 + 0.5 * log(8 * acos(-1)));
}
END_TEST

START_TEST(huber_bends_at_delta) {
    ct_tensor *p = leaf(make_f64(CT_DIMS(5), -3, -0.5, 0, 2, INFINITY)), *y = ct_zeros(CT_F64, CT_DIMS(5));
    ct_tensor *losses = ct_huber_loss(p, y, 2, CT_NONE);
    assert_values("huber", losses, 0, 4, 0.125, 0, 2, INFINITY);
    backward(ct_sum(losses));
    assert_values("slope", ct_grad(p), 0, -2, -0.5, 0, 2, 2);
    ct_zero_grad(p);
    losses = ct_smooth_l1_loss(p, y, 2, CT_NONE);
    assert_values("smooth l1", losses, 0, 2, 0.0625, 0, 1, INFINITY);
    backward(ct_sum(losses));
    assert_values("slope", ct_grad(p), 0, -1, -0.25, 0, 1, 1);
    assert_values("beta 0 is l1", ct_smooth_l1_loss(p, y, 0, CT_NONE), 0, 3, 0.5, 0, 2, INFINITY);
}
END_TEST

START_TEST(huber_curves_at_zero) {
    ct_tensor *p = leaf(make_f64(CT_DIMS(2), 0, 5)), *y = ct_zeros(CT_F64, CT_DIMS(2)), *slope, *curve;
    ct_tensor *loss = ct_huber_loss(p, y, 1, CT_SUM);
    ck_assert_int_eq(ct_gradients(&loss, 1, &p, 1, NULL, CT_CREATE_GRAPH, &slope), CT_OK);
    ct_tensor *sum = ct_sum(slope);
    ck_assert_int_eq(ct_gradients(&sum, 1, &p, 1, NULL, 0, &curve), CT_OK);
    assert_values("second derivative", curve, 0, 1, 0);
}
END_TEST

/* ---- binary cross entropy ---- */

START_TEST(bce_clamps_its_logs) {
    ct_tensor *p = leaf(make_f64(CT_DIMS(6), 0, 0, 1, 1, 0.5, 0.25)),
              *y = make_f64(CT_DIMS(6), 0, 1, 0, 1, 1, 0);
    ct_tensor *losses = ct_bce_loss(p, y, NULL, CT_NONE);
    assert_values("bce", losses, 1e-15, 0, 100, 100, 0, log(2), -log(0.75));
    backward(ct_sum(losses));
    assert_values("slope", ct_grad(p), 1e-3, 0, -1e12, 1e12, 0, -2, 1 / 0.75);
}
END_TEST

START_TEST(bce_gives_its_targets_gradients) {
    ct_tensor *p = make_f64(CT_DIMS(3), 0, 1, 0.25), *y = leaf(make_f64(CT_DIMS(3), 0.5, 0.5, 0.5));
    backward(ct_bce_loss(p, y, NULL, CT_SUM));
    assert_values("log(1 - p) - log p", ct_grad(y), 1e-12, 100, -100, log(3));
}
END_TEST

START_TEST(bce_wants_probabilities) {
    ct_tensor *good = make_f32(CT_DIMS(2), 0, 1), *high = make_f32(CT_DIMS(2), 0.5, 1.5);
    ct_tensor *low = make_f32(CT_DIMS(2), -0.25, 1);
    assert_fails(ct_bce_loss(high, good, NULL, CT_MEAN), CT_ERR_VALUE, "ct_bce_loss: p holds 1.5");
    assert_fails(ct_bce_loss(low, good, NULL, CT_MEAN), CT_ERR_VALUE, "p holds -0.25");
    assert_fails(ct_bce_loss(good, high, NULL, CT_MEAN), CT_ERR_VALUE, "y holds 1.5");
    assert_values("NaN stays", ct_bce_loss(make_f32(CT_DIMS(2), NAN, 1), good, NULL, CT_NONE), 0, NAN, 0);
    assert_values("nothing",
                  ct_bce_loss(ct_ones(CT_F32, CT_DIMS(0)), ct_ones(CT_F32, CT_DIMS(0)), NULL, CT_SUM), 0, 0);
}
END_TEST

START_TEST(bce_weights_broadcast) {
    ct_tensor *p = ct_full(CT_F64, CT_DIMS(2, 3), 0.5), *y = ct_ones(CT_F64, CT_DIMS(2, 3));
    ct_tensor *columns = make_f64(CT_DIMS(3), 1, 0, 2), *rows = make_f64(CT_DIMS(2, 1), 1, 3);
    assert_values("columns", ct_bce_loss(p, y, columns, CT_SUM), 1e-15, 6 * log(2));
    assert_values("the mean counts elements", ct_bce_loss(p, y, rows, CT_MEAN), 1e-15, 2 * log(2));
    assert_values("0-dim", ct_bce_with_logits_loss(ct_zeros_like(p), y, ct_scalar(CT_F64, 2), NULL, CT_SUM),
                  1e-14, 12 * log(2));
    assert_fails(ct_bce_loss(p, y, make_f64(CT_DIMS(2), 1, 2), CT_SUM), CT_ERR_SHAPE,
                 "weight has shape (2,)");
    assert_fails(ct_bce_loss(p, y, ct_ones(CT_F64, CT_DIMS(1, 2, 3)), CT_SUM), CT_ERR_SHAPE, "(1, 2, 3)");
}
END_TEST

START_TEST(bce_of_halves) {
    ct_tensor *p = leaf(ct_to(make_f32(CT_DIMS(3), 0, 1, 0.5), CT_F16)),
              *y = ct_to(make_f32(CT_DIMS(3), 0, 1, 1), CT_F16);
    ct_tensor *loss = ct_bce_loss(p, y, NULL, CT_SUM);
    assert_dtype(loss, CT_F16);
    backward(loss);
    assert_dtype(ct_grad(p), CT_F16);
    assert_values("slope", ct_grad(p), 0, 0, 0, -2);
}
END_TEST

START_TEST(logits_are_stable) {
    ct_tensor *z = leaf(make_f64(CT_DIMS(4), 1e4, -1e4, 1e4, 0)), *y = make_f64(CT_DIMS(4), 1, 0, 0, 1);
    ct_tensor *losses = ct_bce_with_logits_loss(z, y, NULL, NULL, CT_NONE);
    assert_values("logits", losses, 1e-15, 0, 0, 1e4, log(2));
    backward(ct_sum(losses));
    assert_values("sigmoid(z) - y", ct_grad(z), 1e-15, 0, 0, 1, -0.5);
    ct_tensor *pos_weight = ct_scalar(CT_F64, 3);
    ct_zero_grad(z);
    losses = ct_bce_with_logits_loss(z, y, NULL, pos_weight, CT_NONE);
    assert_values("pos_weight", losses, 1e-14, 0, 0, 1e4, 3 * log(2));
    backward(ct_sum(losses));
    assert_values("slope", ct_grad(z), 1e-15, 0, 0, 1, -1.5);
}
END_TEST

/* ---- classes ---- */

/* log softmax of (0, log 2, log 3): -log 6, log 2 - log 6, log 3 - log 6. */
static ct_tensor *three_logits(int64_t rows) {
    ct_tensor *row = make_f64(CT_DIMS(1, 3), 0, log(2), log(3));
    return ct_clone(ct_expand(row, CT_DIMS(rows, 3)));
}

START_TEST(cross_entropy_of_classes) {
    ct_tensor *logits = three_logits(3), *target = CLASSES(CT_DIMS(3), 0, 2, 1);
    ct_tensor *losses = ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_NONE);
    assert_values("losses", losses, 1e-14, log(6), log(2), log(3));
    assert_values("mean", ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_MEAN), 1e-14, log(36) / 3);
    assert_values("int32", ct_cross_entropy(logits, ct_to(target, CT_I32), NULL, IGNORE, 0, CT_SUM), 1e-14,
                  log(36));
    ct_tensor *vector = ct_select(logits, 0, 0);
    assert_0dim(ct_cross_entropy(vector, ct_scalar(CT_I64, 2), NULL, IGNORE, 0, CT_NONE));
    assert_values("a vector", ct_cross_entropy(vector, ct_scalar(CT_I64, 2), NULL, IGNORE, 0, CT_MEAN), 1e-14,
                  log(2));
}
END_TEST

START_TEST(ignored_rows_count_nowhere) {
    ct_tensor *logits = leaf(three_logits(3)), *target = CLASSES(CT_DIMS(3), 0, IGNORE, 1);
    assert_values("none", ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_NONE), 1e-14, log(6), 0,
                  log(3));
    ct_tensor *loss = ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_MEAN);
    assert_values("mean", loss, 1e-14, log(18) / 2);
    backward(loss);
    assert_values("slope", ct_select(ct_grad(logits), 0, 1), 0, 0, 0, 0);
    assert_values("an index that is a class",
                  ct_cross_entropy(logits, CLASSES(CT_DIMS(3), 0, 2, 2), NULL, 2, 0, CT_MEAN), 1e-14, log(6));
    ct_tensor *all = CLASSES(CT_DIMS(3), IGNORE, IGNORE, IGNORE);
    assert_values("all ignored: mean", ct_cross_entropy(logits, all, NULL, IGNORE, 0, CT_MEAN), 0, NAN);
    assert_values("all ignored: sum", ct_cross_entropy(logits, all, NULL, IGNORE, 0, CT_SUM), 0, 0);
    ct_tensor *nothing = ct_zeros(CT_F64, CT_DIMS(0, 3));
    assert_values("no rows",
                  ct_cross_entropy(nothing, ct_zeros(CT_I64, CT_DIMS(0)), NULL, IGNORE, 0, CT_MEAN), 0, NAN);
    assert_no_error();
}
END_TEST

START_TEST(ignored_rows_may_hold_infinities) {
    ct_tensor *logp = leaf(make_f64(CT_DIMS(2, 2), -1, -2, -INFINITY, NAN));
    ct_tensor *loss = ct_nll_loss(logp, CLASSES(CT_DIMS(2), 1, IGNORE), NULL, IGNORE, CT_MEAN);
    assert_values("loss", loss, 0, 2);
    backward(loss);
    assert_values("slope", ct_grad(logp), 0, 0, -1, 0, 0);
}
END_TEST

START_TEST(weights_of_classes_divide_the_mean) {
    ct_tensor *logits = three_logits(3), *target = CLASSES(CT_DIMS(3), 0, 2, IGNORE);
    ct_tensor *weight = make_f64(CT_DIMS(3), 2, 5, 3);
    assert_values("none", ct_cross_entropy(logits, target, weight, IGNORE, 0, CT_NONE), 1e-14, 2 * log(6),
                  3 * log(2), 0);
    assert_values("mean", ct_cross_entropy(logits, target, weight, IGNORE, 0, CT_MEAN), 1e-14,
                  (2 * log(6) + 3 * log(2)) / 5);
    assert_values("nll", ct_nll_loss(ct_log_softmax(logits, 1), target, weight, IGNORE, CT_MEAN), 1e-14,
                  (2 * log(6) + 3 * log(2)) / 5);
}
END_TEST

START_TEST(label_smoothing_spreads) {
    ct_tensor *logits = three_logits(2), *target = CLASSES(CT_DIMS(2), 0, IGNORE);
    const double spread = log(6) + log(3) + log(2), s = 0.3;
    assert_values("none", ct_cross_entropy(logits, target, NULL, IGNORE, s, CT_NONE), 1e-14,
                  (1 - s) * log(6) + s / 3 * spread, 0);
    assert_values("mean", ct_cross_entropy(logits, target, NULL, IGNORE, s, CT_MEAN), 1e-14,
                  (1 - s) * log(6) + s / 3 * spread);
    ct_tensor *weight = make_f64(CT_DIMS(3), 2, 5, 3);
    const double weighted = 2 * log(6) + 5 * log(3) + 3 * log(2);
    assert_values("the smooth term uses the weights, the mean the targets' own",
                  ct_cross_entropy(logits, target, weight, IGNORE, s, CT_MEAN), 1e-14,
                  ((1 - s) * 2 * log(6) + s / 3 * weighted) / 2);
}
END_TEST

START_TEST(cross_entropy_of_probabilities) {
    ct_tensor *logits = three_logits(2), *target = make_f64(CT_DIMS(2, 3), 1, 0, 0, 0, 0.5, 0.5);
    const double second = 0.5 * log(3) + 0.5 * log(2);
    assert_values("none", ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_NONE), 1e-14, log(6), second);
    ct_tensor *weight = make_f64(CT_DIMS(3), 2, 4, 6);
    assert_values("the mean divides by the rows",
                  ct_cross_entropy(logits, target, weight, IGNORE, 0, CT_MEAN), 1e-14,
                  (2 * log(6) + 2 * log(3) + 3 * log(2)) / 2);
    ct_tensor *hard = ct_to(ct_one_hot(CLASSES(CT_DIMS(2), 2, 0), 3), CT_F64);
    assert_allclose("smoothed", ct_cross_entropy(logits, hard, NULL, IGNORE, 0.2, CT_MEAN),
                    ct_cross_entropy(logits, CLASSES(CT_DIMS(2), 2, 0), NULL, IGNORE, 0.2, CT_MEAN), 1e-14,
                    0);
}
END_TEST

START_TEST(images_have_classes_in_dim_1) {
    ct_tensor *logits = make_random(CT_F64, (const int64_t[]){2, 3, 2, 2}, 4, -2, 2, 7, LAYOUT_SLICED);
    ct_tensor *target = CLASSES(CT_DIMS(2, 2, 2), 0, 1, 2, 1, IGNORE, 2, 0, 0);
    ct_tensor *losses = ct_cross_entropy(logits, target, NULL, IGNORE, 0.1, CT_NONE);
    assert_shape(losses, 2, 2, 2);
    ct_tensor *rows = ct_reshape(ct_movedim(logits, 1, -1), CT_DIMS(8, 3));
    ct_tensor *flat = ct_cross_entropy(rows, ct_reshape(target, CT_DIMS(8)), NULL, IGNORE, 0.1, CT_NONE);
    assert_allclose("as rows", ct_reshape(losses, CT_DIMS(8)), flat, 1e-14, 0);
}
END_TEST

START_TEST(classes_are_checked) {
    ct_tensor *logits = three_logits(2), *target = CLASSES(CT_DIMS(2), 0, 3);
    assert_fails(ct_cross_entropy(logits, target, NULL, IGNORE, 0, CT_MEAN), CT_ERR_INDEX, "class 3");
    assert_fails(ct_nll_loss(logits, CLASSES(CT_DIMS(2), -1, 0), NULL, IGNORE, CT_MEAN), CT_ERR_INDEX,
                 "class -1");
    assert_fails(ct_cross_entropy(logits, CLASSES(CT_DIMS(3), 0, 1, 2), NULL, IGNORE, 0, CT_MEAN),
                 CT_ERR_SHAPE, "ct_cross_entropy: target has shape (3,)");
    assert_fails(ct_cross_entropy(logits, make_f64(CT_DIMS(2), 0, 1), NULL, IGNORE, 0, CT_MEAN), CT_ERR_DTYPE,
                 "float64");
    assert_fails(ct_cross_entropy(logits, ct_ones(CT_I64, CT_DIMS(2, 3)), NULL, IGNORE, 0, CT_MEAN),
                 CT_ERR_DTYPE, "int64");
    assert_fails(ct_cross_entropy(logits, ct_ones(CT_F64, CT_DIMS(2, 3)), NULL, 1, 0, CT_MEAN), CT_ERR_VALUE,
                 "ignore_index is 1");
    target = CLASSES(CT_DIMS(2), 0, 1);
    assert_fails(ct_cross_entropy(logits, target, NULL, IGNORE, 1.5, CT_MEAN), CT_ERR_VALUE,
                 "label_smoothing is 1.5");
    assert_fails(ct_cross_entropy(logits, target, make_f64(CT_DIMS(2), 1, 1), IGNORE, 0, CT_MEAN),
                 CT_ERR_SHAPE, "weight");
    assert_fails(ct_cross_entropy(ct_scalar(CT_F32, 1), target, NULL, IGNORE, 0, CT_MEAN), CT_ERR_SHAPE,
                 "logits");
    assert_fails(ct_nll_loss(target, target, NULL, IGNORE, CT_MEAN), CT_ERR_DTYPE, "logp is int64");
}
END_TEST

/* ---- divergence ---- */

START_TEST(divergence_adds_nothing_where_q_is_0) {
    ct_tensor *logp = leaf(make_f64(CT_DIMS(2, 2), -INFINITY, 0, log(0.5), log(0.5)));
    ct_tensor *q = leaf(make_f64(CT_DIMS(2, 2), 0, 1, 0.25, 0.75));
    const double second = 0.25 * log(0.5) + 0.75 * log(1.5);
    ct_tensor *loss = ct_kl_div(logp, q, false, CT_SUM);
    assert_values("sum", loss, 1e-15, second);
    assert_values("mean", ct_kl_div(logp, q, false, CT_MEAN), 1e-15, second / 4);
    assert_values("batchmean", ct_kl_div(logp, q, false, CT_BATCHMEAN), 1e-15, second / 2);
    assert_values("log_target", ct_kl_div(logp, ct_log(ct_detach(q)), true, CT_SUM), 1e-14, second);
    backward(loss);
    assert_values("-q", ct_grad(logp), 0, 0, -1, -0.25, -0.75);
    assert_values("log q + 1 - logp", ct_grad(q), 1e-14, 0, 1, 1 + log(0.5), 1 + log(1.5));
    ct_tensor *one = ct_scalar(CT_F64, 0.5);
    assert_values("0-dim", ct_kl_div(ct_log(one), one, false, CT_BATCHMEAN), 1e-16, 0);
}
END_TEST

START_TEST(batchmean_is_for_divergence) {
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(2));
    assert_fails(ct_mse_loss(x, x, CT_BATCHMEAN), CT_ERR_VALUE, "ct_mse_loss: reduction is 3");
    assert_fails(ct_kl_div(x, x, false, (ct_reduction)7), CT_ERR_VALUE, "CT_BATCHMEAN");
    assert_fails(ct_bce_loss(x, x, NULL, (ct_reduction)-1), CT_ERR_VALUE, "reduction is -1");
}
END_TEST

/* ---- embeddings, counts, variances ---- */

START_TEST(hinge_and_ranking) {
    ct_tensor *x = make_f64(CT_DIMS(4), 0.5, -2, 0.25, 3), *y = CLASSES(CT_DIMS(4), 1, 1, -1, -1);
    assert_values("hinge", ct_hinge_embedding_loss(x, y, 1, CT_NONE), 0, 0.5, -2, 0.75, 0);
    ct_tensor *a = make_f64(CT_DIMS(3), 1, 1, 2), *b = make_f64(CT_DIMS(3), 0, 3, 3);
    assert_values("ranking", ct_margin_ranking_loss(a, b, CLASSES(CT_DIMS(3), 1, 1, -1), 0.5, CT_NONE), 0, 0,
                  2.5, 0);
    assert_fails(ct_hinge_embedding_loss(x, y, NAN, CT_NONE), CT_ERR_VALUE, "margin is nan");
}
END_TEST

START_TEST(cosine_embedding) {
    ct_tensor *a = leaf(make_f64(CT_DIMS(3, 2), 3, 4, 1, 0, 0, 0)),
              *b = make_f64(CT_DIMS(3, 2), 4, 3, 1, 1, 0, 0);
    ct_tensor *losses = ct_cosine_embedding_loss(a, b, CLASSES(CT_DIMS(3), 1, -1, 1), 0.5, CT_NONE);
    assert_values("rows", losses, 1e-10, 0.04, sqrt(0.5) - 0.5, 1);
    backward(ct_sum(losses));
    assert_values("zeros", ct_select(ct_grad(a), 0, 2), 0, 0, 0);
    ct_tensor *v = make_f64(CT_DIMS(2), 3, 4);
    assert_0dim(ct_cosine_embedding_loss(v, v, ct_scalar(CT_I64, -1), 0, CT_NONE));
    assert_values("vectors", ct_cosine_embedding_loss(v, v, ct_scalar(CT_I64, -1), 0, CT_MEAN), 1e-10, 1);
    assert_fails(ct_cosine_embedding_loss(a, b, CLASSES(CT_DIMS(2), 1, 1), 0, CT_MEAN), CT_ERR_SHAPE,
                 "y has shape (2,)");
    assert_fails(ct_cosine_embedding_loss(a, b, CLASSES(CT_DIMS(3), 1, 1, 1), 2, CT_MEAN), CT_ERR_VALUE,
                 "margin is 2");
    ct_tensor *halves = ct_zeros(CT_F16, CT_DIMS(1, 2));
    ct_tensor *of_halves = ct_cosine_embedding_loss(halves, halves, CLASSES(CT_DIMS(1), 1), 0, CT_NONE);
    assert_dtype(of_halves, CT_F16);
    assert_values("zeros in halves", of_halves, 0, 1);
}
END_TEST

START_TEST(triplets) {
    ct_tensor *anchor = leaf(ct_zeros(CT_F64, CT_DIMS(2, 2))),
              *positive = make_f64(CT_DIMS(2, 2), 3, 4, 0, 0);
    ct_tensor *negative = make_f64(CT_DIMS(2, 2), 0, 1, 0, 9);
    ct_tensor *losses = ct_triplet_margin_loss(anchor, positive, negative, 1, 2, CT_NONE);
    assert_values("p = 2", losses, 1e-5, 5, 0);
    backward(ct_sum(losses));
    assert_values("slope", ct_grad(anchor), 1e-5, -0.6, -0.8 + 1, 0, 0);
    assert_values("p = 1", ct_triplet_margin_loss(anchor, positive, negative, 1, 1, CT_NONE), 1e-5, 7, 0);
    assert_values("p = inf", ct_triplet_margin_loss(anchor, positive, negative, 1, INFINITY, CT_NONE), 1e-5,
                  4, 0);
    assert_fails(ct_triplet_margin_loss(anchor, positive, negative, 1, 0, CT_NONE), CT_ERR_VALUE, "p is 0");
    ct_tensor *one = ct_scalar(CT_F64, 1);
    assert_fails(ct_triplet_margin_loss(one, one, one, 1, 2, CT_NONE), CT_ERR_SHAPE, "anchor");
}
END_TEST

START_TEST(poisson_counts) {
    ct_tensor *x = make_f64(CT_DIMS(3), 0.5, 1, 2), *y = make_f64(CT_DIMS(3), 0, 1, 3);
    const double stirling = 3 * log(3) - 3 + 0.5 * log(6 * acos(-1));
    assert_values("of logs", ct_poisson_nll_loss(x, y, true, false, 0, CT_NONE), 1e-14, exp(0.5), exp(1) - 1,
                  exp(2) - 6);
    assert_values("of rates", ct_poisson_nll_loss(x, y, false, true, 0, CT_NONE), 1e-14, 0.5, 1,
                  2 - 3 * log(2) + stirling);
    ct_tensor *zero = leaf(ct_zeros(CT_F64, CT_DIMS(1)));
    backward(ct_poisson_nll_loss(ct_ones(CT_F64, CT_DIMS(1)), zero, true, true, 0, CT_SUM));
    assert_values("a count of 0 has a slope", ct_grad(zero), 0, -1);
    assert_fails(ct_poisson_nll_loss(x, y, false, false, -1, CT_MEAN), CT_ERR_VALUE, "eps is -1");
}
END_TEST

START_TEST(gaussian_variances) {
    ct_tensor *x = make_f64(CT_DIMS(2, 2), 1, 2, 3, 4), *y = ct_zeros(CT_F64, CT_DIMS(2, 2));
    ct_tensor *ones = ct_ones(CT_F64, CT_DIMS(2, 2)), *rows = make_f64(CT_DIMS(2), 1, 4);
    assert_values("ones", ct_gaussian_nll_loss(x, y, ones, false, 1e-6, CT_NONE), 1e-15, 0.5, 2, 4.5, 8);
    assert_values("full", ct_gaussian_nll_loss(x, x, ones, true, 1e-6, CT_MEAN), 1e-15,
                  0.5 * log(2 * acos(-1)));
    const double expected[] = {0.5, 2, 0.5 * (log(4) + 9. / 4), 0.5 * (log(4) + 4)};
    ct_tensor *wanted = support_from_doubles(CT_F64, CT_DIMS(2, 2), expected);
    assert_allclose("a variance a row", ct_gaussian_nll_loss(x, y, rows, false, 1e-6, CT_NONE), wanted, 1e-14,
                    0);
    assert_allclose("the same as a column",
                    ct_gaussian_nll_loss(x, y, ct_unsqueeze(rows, 1), false, 1e-6, CT_NONE), wanted, 1e-14,
                    0);
    ct_tensor *small = leaf(make_f64(CT_DIMS(1), 0)), *one = ct_ones(CT_F64, CT_DIMS(1));
    ct_tensor *loss = ct_gaussian_nll_loss(one, ct_zeros_like(one), small, false, 0.5, CT_SUM);
    assert_values("bounded", loss, 1e-15, 0.5 * (log(0.5) + 2));
    backward(loss);
    assert_values("passes through the bound", ct_grad(small), 1e-14, 0.5 * (2 - 4));
    assert_values("var itself stays", small, 0, 0);
    assert_fails(ct_gaussian_nll_loss(x, y, ct_neg(ones), false, 1e-6, CT_MEAN), CT_ERR_VALUE,
                 "var holds -1");
    assert_fails(ct_gaussian_nll_loss(x, y, ct_ones(CT_F64, CT_DIMS(3)), false, 1e-6, CT_MEAN), CT_ERR_SHAPE,
                 "var");
}
END_TEST

START_TEST(recording_stays_off) {
    CT_NO_GRAD;
    ct_tensor *x = ct_ones(CT_F64, CT_DIMS(2)), *var = leaf(ct_ones(CT_F64, CT_DIMS(2)));
    ck_assert(!ct_requires_grad(ct_gaussian_nll_loss(x, x, var, false, 1e-6, CT_MEAN)));
    ck_assert(!ct_grad_enabled());
}
END_TEST

/* ---- what all refuse ---- */

typedef ct_tensor *PairLoss(ct_tensor *x, ct_tensor *y);
#define PAIR(name, call)                                                                                     \
    static ct_tensor *pair_##name(ct_tensor *x, ct_tensor *y) {                                              \
        return call;                                                                                         \
    }
PAIR(sse, ct_sse_loss(x, y))
PAIR(mse, ct_mse_loss(x, y, CT_MEAN))
PAIR(l1, ct_l1_loss(x, y, CT_MEAN))
PAIR(smooth_l1, ct_smooth_l1_loss(x, y, 0.5, CT_MEAN))
PAIR(huber, ct_huber_loss(x, y, 0.5, CT_MEAN))
PAIR(bce, ct_bce_loss(x, y, NULL, CT_MEAN))
PAIR(bce_with_logits, ct_bce_with_logits_loss(x, y, NULL, NULL, CT_MEAN))
PAIR(kl_div, ct_kl_div(x, y, false, CT_MEAN))
PAIR(kl_div_logs, ct_kl_div(x, y, true, CT_SUM))
PAIR(hinge_embedding, ct_hinge_embedding_loss(x, y, 1, CT_MEAN))
PAIR(margin_ranking, ct_margin_ranking_loss(x, x, y, 1, CT_MEAN))
PAIR(triplet_margin, ct_triplet_margin_loss(x, y, x, 1, 2, CT_MEAN))
PAIR(poisson_nll, ct_poisson_nll_loss(x, y, true, true, 1e-8, CT_MEAN))
PAIR(poisson_nll_rates, ct_poisson_nll_loss(x, y, false, true, 1e-8, CT_MEAN))
PAIR(gaussian_nll, ct_gaussian_nll_loss(x, y, x, true, 1e-6, CT_MEAN))

static const struct {
    const char *name;
    PairLoss *loss;
} pairs[] = {
    {"ct_sse_loss", pair_sse},
    {"ct_mse_loss", pair_mse},
    {"ct_l1_loss", pair_l1},
    {"ct_smooth_l1_loss", pair_smooth_l1},
    {"ct_huber_loss", pair_huber},
    {"ct_bce_loss", pair_bce},
    {"ct_bce_with_logits_loss", pair_bce_with_logits},
    {"ct_kl_div", pair_kl_div},
    {"ct_kl_div", pair_kl_div_logs},
    {"ct_hinge_embedding_loss", pair_hinge_embedding},
    {"ct_margin_ranking_loss", pair_margin_ranking},
    {"ct_triplet_margin_loss", pair_triplet_margin},
    {"ct_poisson_nll_loss", pair_poisson_nll},
    {"ct_poisson_nll_loss", pair_poisson_nll_rates},
    {"ct_gaussian_nll_loss", pair_gaussian_nll},
};

START_TEST(pairs_agree) {
    ct_tensor *x = ct_full(CT_F32, CT_DIMS(2, 3), 0.5), *column = ct_full(CT_F32, CT_DIMS(2, 1), 0.5);
    char shapes[80];
    PairLoss *loss = pairs[_i].loss;
    snprintf(shapes, sizeof shapes, "%s: ", pairs[_i].name);
    assert_fails(loss(x, column), CT_ERR_SHAPE, shapes);
    assert_fails(loss(x, NULL), CT_ERR_NULL, shapes);
    assert_fails(loss(NULL, x), CT_ERR_NULL, shapes);
    assert_fails(loss(ct_ones(CT_I64, CT_DIMS(2)), ct_ones(CT_F32, CT_DIMS(2))), CT_ERR_DTYPE, shapes);
    ct_error_raise(CT_ERR_IO, "before");
    ck_assert_ptr_null(loss(NULL, x));
    assert_error(CT_ERR_IO, "before");
}
END_TEST

START_TEST(halves_give_halves) {
    const ct_dtype halves[] = {CT_F16, CT_BF16};
    for (int i = 0; i < 2; i++) {
        ct_tensor *x = leaf(ct_to(make_f32(CT_DIMS(3), 0.25, 0.5, 0.75), halves[i]));
        ct_tensor *y = ct_to(make_f32(CT_DIMS(3), 1, 0.25, 0.125), halves[i]);
        ct_tensor *loss = pairs[_i].loss(x, y), *wide = pairs[_i].loss(ct_to(x, CT_F64), ct_to(y, CT_F64));
        assert_dtype(loss, halves[i]);
        assert_allclose(pairs[_i].name, loss, wide, 2e-2, 2e-2);
        backward(loss);
        assert_dtype(ct_grad(x), halves[i]);
        ck_assert(ct_item(ct_all(ct_isfinite(ct_grad(x)))) == 1);
    }
}
END_TEST

/* ---- derivatives ---- */

static ct_tensor *pair_of_two(ct_tensor *const *xs, int n, void *user) {
    (void)n;
    PairLoss **loss = user;
    return (*loss)(xs[0], xs[1]);
}

START_TEST(pairs_differentiate_twice) {
    const ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
    PairLoss *loss = pairs[_i].loss;
    ct_tensor *xs[] = {leaf(make_random(CT_F64, (const int64_t[]){2, 3}, 2, 0.3, 0.9, 3, LAYOUT_CONTIGUOUS)),
                       leaf(make_random(CT_F64, (const int64_t[]){2, 3}, 2, 0.1, 0.7, 4, LAYOUT_TRANSPOSED))};
    ck_assert_msg(ct_gradcheck(pair_of_two, &loss, xs, 2, &options) == CT_OK, "%s: %s", pairs[_i].name,
                  ct_error_message());
}
END_TEST

/* xs: [2, 3] and a weight. What they make besides may fail for want of memory. */
#define DOUBLES(shape, ...) ct_from_data(CT_F64, (const double[]){__VA_ARGS__}, shape)

static ct_tensor *weighted_logits(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    ct_tensor *y = DOUBLES(CT_DIMS(2, 3), 0, 1, 0.5, 0.25, 1, 0);
    return ct_bce_with_logits_loss(xs[0], y, ct_square(xs[1]), xs[1], CT_MEAN);
}

static ct_tensor *smoothed_classes(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_cross_entropy(xs[0], CLASSES(CT_DIMS(2), 2, 0), xs[1], IGNORE, 0.25, CT_MEAN);
}

static ct_tensor *smoothed_probabilities(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    ct_tensor *y = DOUBLES(CT_DIMS(2, 3), 0, 1, 0, 0.25, 0.5, 0.25);
    return ct_cross_entropy(xs[0], y, xs[1], IGNORE, 0.25, CT_MEAN);
}

static ct_tensor *cosines(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    ct_tensor *b = DOUBLES(CT_DIMS(2, 3), 0, 1, 2, 0.25, -0.5, 0.25);
    return ct_mul(ct_cosine_embedding_loss(xs[0], b, CLASSES(CT_DIMS(2), 1, -1), -0.5, CT_NONE),
                  ct_sum(xs[1]));
}

static ct_fn *const more[] = {weighted_logits, smoothed_classes, smoothed_probabilities, cosines};

START_TEST(others_differentiate_twice) {
    const ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
    ct_tensor *xs[] = {leaf(make_random(CT_F64, (const int64_t[]){2, 3}, 2, -1, 1, 3, LAYOUT_CONTIGUOUS)),
                       leaf(make_random(CT_F64, (const int64_t[]){3}, 1, 0.5, 2, 4, LAYOUT_CONTIGUOUS))};
    ck_assert_msg(ct_gradcheck(more[_i], NULL, xs, 2, &options) == CT_OK, "%s", ct_error_message());
}
END_TEST

/* ---- short memory ---- */

/* Each allocation of the loss and of its walk fails in turn: an error, and never a number in its place. */
START_TEST(short_memory_is_an_error) {
    for (int64_t n = 1;; n++) {
        CT_SCOPED;
        ct_tensor *xs[] = {leaf(ct_full(CT_F64, CT_DIMS(2, 3), 0.5)), leaf(ct_full(CT_F64, CT_DIMS(3), 0.5))};
        tensor_alloc_fail_at(n, false);
        ct_tensor *loss = ct_sum(more[_i](xs, 2, NULL));
        ck_assert_msg(!loss == (ct_error() != CT_OK), "allocation %lld: %s", (long long)n,
                      ct_error_message());
        if (loss) ct_backward(loss);
        tensor_alloc_fail_at(0, false);
        ct_status status = ct_error_clear();
        for (int i = 0; i < 2 && status; i++) ck_assert_ptr_null(ct_grad(xs[i]));
        if (status == CT_OK) break;
        ck_assert_int_eq(status, CT_ERR_MEMORY);
    }
}
END_TEST

Suite *losses_suite(void) {
    Suite *suite = suite_create("losses");
    TCase *c = support_case(suite, "losses");
    tcase_add_test(c, reductions_join);
    tcase_add_test(c, integer_targets_count_as_numbers);
    tcase_add_test(c, huber_bends_at_delta);
    tcase_add_test(c, huber_curves_at_zero);
    tcase_add_test(c, bce_clamps_its_logs);
    tcase_add_test(c, bce_gives_its_targets_gradients);
    tcase_add_test(c, bce_wants_probabilities);
    tcase_add_test(c, bce_weights_broadcast);
    tcase_add_test(c, bce_of_halves);
    tcase_add_test(c, logits_are_stable);
    tcase_add_test(c, cross_entropy_of_classes);
    tcase_add_test(c, ignored_rows_count_nowhere);
    tcase_add_test(c, ignored_rows_may_hold_infinities);
    tcase_add_test(c, weights_of_classes_divide_the_mean);
    tcase_add_test(c, label_smoothing_spreads);
    tcase_add_test(c, cross_entropy_of_probabilities);
    tcase_add_test(c, images_have_classes_in_dim_1);
    tcase_add_test(c, classes_are_checked);
    tcase_add_test(c, divergence_adds_nothing_where_q_is_0);
    tcase_add_test(c, batchmean_is_for_divergence);
    tcase_add_test(c, hinge_and_ranking);
    tcase_add_test(c, cosine_embedding);
    tcase_add_test(c, triplets);
    tcase_add_test(c, poisson_counts);
    tcase_add_test(c, gaussian_variances);
    tcase_add_test(c, recording_stays_off);
    tcase_add_loop_test(c, pairs_agree, 0, (int)(sizeof pairs / sizeof *pairs));
    tcase_add_loop_test(c, halves_give_halves, 0, (int)(sizeof pairs / sizeof *pairs));
    tcase_add_loop_test(c, pairs_differentiate_twice, 0, (int)(sizeof pairs / sizeof *pairs));
    tcase_add_loop_test(c, others_differentiate_twice, 0, (int)(sizeof more / sizeof *more));
    tcase_add_loop_test(c, short_memory_is_an_error, 0, (int)(sizeof more / sizeof *more));
    return suite;
}
