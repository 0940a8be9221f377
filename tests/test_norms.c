/* Norms of channels, softmax and attention: running statistics, memory, dropout, threads, numbers that are not finite. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/kernels.h"
#include "tensor/internal/object.h"
#include "tensor/internal/plain.h"
#include <float.h>

/* ---- batch norm ---- */

START_TEST(running_statistics_move) {
    ct_tensor *x = make_f64(CT_DIMS(2, 1, 2), 1, 2, 3, 6), *mean = make_f64(CT_DIMS(1), 10), *var = make_f64(CT_DIMS(1), 1);
    ct_tensor *y = ct_batch_norm(x, NULL, NULL, mean, var, true, 0.25, 0);
    /* mean 3, variance 3.5 to normalise with and 14/3 to keep */
    assert_values("mean", mean, 1e-14, 8.25);
    assert_values("variance", var, 1e-14, 0.75 + 14.0 / 12);
    assert_values("result", y, 1e-14, -2 / sqrt(3.5), -1 / sqrt(3.5), 0, 3 / sqrt(3.5));
}
END_TEST

START_TEST(running_statistics_are_versioned) {
    ct_tensor *x = make_f64(CT_DIMS(2, 1), 1, 2), *mean = make_f64(CT_DIMS(1), 10), *var = make_f64(CT_DIMS(1), 1);
    ct_tensor *w = ct_set_requires_grad(make_f64(CT_DIMS(1), 3), true), *y = ct_sum(ct_mul(w, mean));
    ct_batch_norm(x, NULL, NULL, mean, var, true, 0.1, 1e-5);
    ck_assert_int_eq(ct_backward(y), CT_ERR_AUTOGRAD);
    ct_error_clear();
}
END_TEST

START_TEST(evaluation_differentiates_and_moves_nothing) {
    ct_tensor *x = ct_set_requires_grad(make_f64(CT_DIMS(1, 2), 5, 7), true), *mean = make_f64(CT_DIMS(2), 1, 3);
    ct_tensor *var = make_f64(CT_DIMS(2), 4, 16);
    ct_tensor *y = ct_batch_norm(x, NULL, NULL, mean, var, false, 0.1, 0);
    assert_values("result", y, 1e-14, 2, 1);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_values("gradient", ct_grad(x), 1e-14, 0.5, 0.25);
    assert_values("mean", mean, 0, 1, 3);
    assert_values("variance", var, 0, 4, 16);
}
END_TEST

/* ---- attention ---- */

static ct_tensor *positions(int64_t n, int64_t width, uint64_t seed) {
    return ct_set_requires_grad(make_random(CT_F32, CT_DIMS(2, n, width), -1, 1, seed, LAYOUT_CONTIGUOUS), true);
}

static ct_tensor *attend(ct_tensor *const *x) {
    return ct_scaled_dot_product_attention(x[0], x[1], x[2], NULL, 0, false);
}

START_TEST(scores_never_stand_in_memory) {
    enum { POSITIONS = 2048 };
    const size_t scores = 2 * POSITIONS * POSITIONS * sizeof(float);
    ct_tensor *x[] = {positions(POSITIONS, 8, 1), positions(POSITIONS, 8, 2), positions(POSITIONS, 8, 3)}, *out[3];
    ct_memory_reset_peak();
    const size_t before = ct_memory().bytes_in_use;
    ct_tensor *y = ct_sum(attend(x));
    ck_assert_int_eq(ct_gradients(&y, 1, x, 3, NULL, 0, out), CT_OK);
    ck_assert_uint_lt(ct_memory().bytes_peak - before, scores / 8);
}
END_TEST

START_TEST(dropped_weights_are_those_of_dropout) {
    ct_tensor *x[] = {positions(4, 4, 1), positions(5, 4, 2), positions(5, 4, 3)};
    ct_manual_seed(3);
    ct_tensor *y = ct_scaled_dot_product_attention(x[0], x[1], x[2], NULL, 0.5, false);
    ct_manual_seed(3);
    ct_tensor *scores = ct_div_scalar(ct_matmul(x[0], ct_transpose(x[1], -2, -1)), 2);
    assert_allclose("dropped", y, ct_matmul(ct_dropout(ct_softmax(scores, -1), 0.5, true), x[2]), 1e-6, 1e-6);
    assert_allclose("all dropped", ct_scaled_dot_product_attention(x[0], x[1], x[2], NULL, 1, false),
                    ct_zeros(CT_F32, CT_DIMS(2, 4, 4)), 0, 0);
}
END_TEST

START_TEST(numbers_that_are_not_finite_stay_in_their_rows) {
    ct_tensor *q = make_f64(CT_DIMS(3, 1), 1, NAN, 1), *k = make_f64(CT_DIMS(2, 1), 1, 1), *v = make_f64(CT_DIMS(2, 1), 2, 4);
    ct_tensor *mask = make_f64(CT_DIMS(3, 1), 0, 0, -INFINITY);
    assert_values("one query is NaN, one sees no key", ct_scaled_dot_product_attention(q, k, v, mask, 0, false), 1e-14, 3, NAN, 0);
}
END_TEST

/* ---- softmax and layer norm of many numbers ---- */

static ct_tensor *softmax_of(ct_tensor *x, int dim, bool logarithm) {
    return logarithm ? ct_log_softmax(x, dim) : ct_softmax(x, dim);
}

static ct_tensor *turned(ct_tensor *x) {
    return ct_contiguous(ct_t(x));
}

static ct_tensor *slope_of(ct_tensor *y, ct_tensor *x, ct_tensor *dy) {
    ct_tensor *dx = NULL;
    ck_assert_int_eq(ct_gradients(&y, 1, &x, 1, &dy, 0, &dx), CT_OK);
    return dx;
}

/* Columns are summed by parts of their rows: as rows of the same numbers are. */
static void check_columns(ct_dtype dtype, int64_t rows, int64_t columns, bool logarithm) {
    CT_SCOPED;
    const double error = dtype == CT_F32 ? 2e-6 : 1e-14;
    ct_tensor *x = make_random(dtype, CT_DIMS(rows, columns), -3, 3, 1, LAYOUT_CONTIGUOUS), *t = turned(x);
    ct_tensor *dy = make_random(dtype, CT_DIMS(rows, columns), -1, 1, 2, LAYOUT_CONTIGUOUS);
    ct_set_requires_grad(x, true);
    ct_set_requires_grad(t, true);
    ct_tensor *along = softmax_of(x, 0, logarithm), *across = softmax_of(t, 1, logarithm);
    assert_allclose("softmax", along, ct_t(across), error, error);
    assert_allclose("slope", slope_of(along, x, dy), ct_t(slope_of(across, t, turned(dy))), 10 * error, error);
    ct_set_num_threads(2);
    ct_tensor *shared = softmax_of(x, 0, logarithm);
    assert_same_bits("softmax of 2 threads", shared, along);
    assert_same_bits("slope of 2 threads", slope_of(shared, x, dy), slope_of(softmax_of(x, 0, logarithm), x, dy));
    ct_set_num_threads(1);
}

START_TEST(columns_in_parts_are_as_rows) {
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        for (int logarithm = 0; logarithm < 2; logarithm++) {
            check_columns(CT_F32, 2111, 70, logarithm);
            check_columns(CT_F64, 2111, 70, logarithm);
            check_columns(CT_F32, 130, 2500, logarithm);
        }
    }
    tensor_simd_force(-1);
}
END_TEST

static void fill_column(ct_tensor *x, int64_t column, int64_t rows, float value) {
    tensor_fill(ct_slice(ct_slice(x, 1, column, column + 1, 1), 0, 0, rows, 1), value);
}

START_TEST(lines_that_are_not_finite) {
    ct_tensor *x = make_f64(CT_DIMS(5, 2), -INFINITY, -INFINITY, -INFINITY, 3, 1, INFINITY, NAN, 2, -DBL_MAX, -DBL_MAX);
    for (int dim = 0; dim < 2; dim++) {
        ct_tensor *lines = dim ? x : turned(x), *y = softmax_of(lines, dim, false), *logs = softmax_of(lines, dim, true);
        assert_values("softmax", dim ? y : turned(y), 1e-14, NAN, NAN, 0, 1, NAN, NAN, NAN, NAN, 0.5, 0.5);
        assert_values("logarithm", dim ? logs : turned(logs), 1e-14, NAN, NAN, -INFINITY, 0, NAN, NAN, NAN, NAN, -log(2), -log(2));
    }
}
END_TEST

START_TEST(columns_that_are_not_finite_are_as_rows) {
    for (int64_t rows = 3; rows <= 3000; rows *= 1000) {
        ct_tensor *x = make_random(CT_F32, CT_DIMS(rows, 70), -3, 3, 1, LAYOUT_CONTIGUOUS);
        fill_column(x, 1, rows, -INFINITY);
        fill_column(x, 2, rows - 1, -INFINITY);
        fill_column(x, 3, rows - 1, INFINITY);
        fill_column(x, 4, 1, NAN);
        fill_column(x, 5, rows, -FLT_MAX);
        fill_column(x, 6, rows, FLT_MAX);
        for (int logarithm = 0; logarithm < 2; logarithm++)
            assert_allclose("columns", softmax_of(x, 0, logarithm), ct_t(softmax_of(turned(x), 1, logarithm)), 2e-6, 2e-6);
    }
}
END_TEST

static ct_tensor *layer_norm_of(ct_tensor *x, int dim, bool parameters) {
    ct_tensor *weight = make_random(CT_F32, CT_DIMS(ct_size(x, dim)), -1, 1, 3, LAYOUT_CONTIGUOUS);
    return ct_layer_norm(x, 1, parameters ? weight : NULL, parameters ? weight : NULL, 1e-5);
}

/* 2100 rows, which are stored past the caches, hold what 1050 do, which are not. */
static void check_large(const char *what, ct_tensor *(*function)(ct_tensor *x, int dim, bool flag), int64_t columns) {
    for (int flag = 0; flag < 2; flag++) {
        CT_SCOPED;
        ct_tensor *x = make_random(CT_F32, CT_DIMS(2100, columns), -3, 3, 1, LAYOUT_CONTIGUOUS);
        ct_tensor *dy = make_random(CT_F32, CT_DIMS(2100, columns), -1, 1, 2, LAYOUT_CONTIGUOUS);
        ct_tensor *half = ct_clone(ct_slice(x, 0, 0, 1050, 1)), *half_dy = ct_clone(ct_slice(dy, 0, 0, 1050, 1));
        ct_set_requires_grad(x, true);
        ct_set_requires_grad(half, true);
        ct_tensor *y = function(x, 1, flag), *half_y = function(half, 1, flag);
        assert_same_bits(what, ct_contiguous(ct_slice(y, 0, 0, 1050, 1)), half_y);
        assert_same_bits(what, ct_contiguous(ct_slice(slope_of(y, x, dy), 0, 0, 1050, 1)), slope_of(half_y, half, half_dy));
    }
}

START_TEST(results_past_the_caches_are_the_same) {
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        check_large("softmax", softmax_of, 1024);
        check_large("softmax, unaligned", softmax_of, 1031);
        check_large("layer norm", layer_norm_of, 1024);
    }
    tensor_simd_force(-1);
    check_columns(CT_F32, 2100, 1024, false);
    check_columns(CT_F32, 2100, 1024, true);
}
END_TEST

/* ---- threads ---- */

static ct_tensor *normalise_batch(ct_tensor *const *x) {
    return ct_batch_norm(x[0], x[1], x[2], NULL, NULL, true, 0.1, 1e-5);
}

static ct_tensor *normalise_groups(ct_tensor *const *x) {
    return ct_group_norm(x[0], 3, x[1], x[2], 1e-5);
}

static void run_with(int threads, ct_tensor *(*function)(ct_tensor *const *x), ct_tensor *const *x, ct_tensor *out[4]) {
    ct_set_num_threads(threads);
    out[3] = function(x);
    ct_tensor *y = ct_sum(ct_square(out[3]));
    ck_assert_int_eq(ct_gradients(&y, 1, x, 3, NULL, 0, out), CT_OK);
}

static void check_threads(const char *what, ct_tensor *(*function)(ct_tensor *const *x), ct_tensor *const *x) {
    ct_tensor *alone[4], *shared[4];
    run_with(1, function, x, alone);
    run_with(2, function, x, shared);
    for (int i = 0; i < 4; i++) assert_same_bits(what, shared[i], alone[i]);
}

START_TEST(threads_change_no_bit) {
    ct_tensor *x[] = {positions(300, 40, 1), positions(260, 40, 2), positions(260, 17, 3)};
    check_threads("attention", attend, x);
    ct_tensor *images[] = {ct_set_requires_grad(make_random(CT_F32, CT_DIMS(9, 12, 25, 31), -1, 1, 1, LAYOUT_CONTIGUOUS), true),
                           ct_set_requires_grad(make_random(CT_F32, CT_DIMS(12), -1, 1, 2, LAYOUT_CONTIGUOUS), true),
                           ct_set_requires_grad(make_random(CT_F32, CT_DIMS(12), -1, 1, 3, LAYOUT_CONTIGUOUS), true)};
    check_threads("batch norm", normalise_batch, images);
    check_threads("group norm", normalise_groups, images);
}
END_TEST

Suite *norms_suite(void) {
    Suite *suite = suite_create("norms");
    TCase *c = support_case(suite, "norms");
    tcase_add_test(c, running_statistics_move);
    tcase_add_test(c, running_statistics_are_versioned);
    tcase_add_test(c, evaluation_differentiates_and_moves_nothing);
    tcase_add_test(c, scores_never_stand_in_memory);
    tcase_add_test(c, dropped_weights_are_those_of_dropout);
    tcase_add_test(c, numbers_that_are_not_finite_stay_in_their_rows);
    tcase_add_test(c, columns_in_parts_are_as_rows);
    tcase_add_test(c, lines_that_are_not_finite);
    tcase_add_test(c, columns_that_are_not_finite_are_as_rows);
    tcase_add_test(c, results_past_the_caches_are_the_same);
    tcase_add_test(c, threads_change_no_bit);
    return suite;
}
