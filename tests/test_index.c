/* Sorting, searching, scans and scatters: NaN, ties, sizes around the limits of each method, threads, memory.
 */
#include "suites.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>

static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_I64, CT_I32, CT_U8, CT_BOOL, CT_F16, CT_BF16};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* n numbers of that dtype with ties; floating ones with NaN, infinities and both zeros among them. */
static ct_tensor *mixed(ct_dtype dtype, int64_t n, uint64_t seed) {
    const bool floating = dtype == CT_F32 || dtype == CT_F64 || dtype == CT_F16 || dtype == CT_BF16;
    static const double special[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1, -1};
    double *values = malloc((size_t)n * sizeof *values + 1);
    for (int64_t i = 0; i < n; i++) {
        double unit = random_unit(&seed);
        values[i] = floating ? 20 * unit - 10
                             : floor(dtype == CT_BOOL ? 2 * unit
                                     : dtype == CT_U8 ? 256 * unit
                                                      : 200 * unit - 100);
        if (floating && random_unit(&seed) < 0.3) values[i] = special[(int)(7 * random_unit(&seed))];
        if (dtype == CT_I64 && random_unit(&seed) < 0.5) values[i] *= 1e15;
    }
    ct_tensor *x = support_from_doubles(dtype, &n, 1, values);
    free(values);
    return x;
}

/* Whether a stands before b, NaN being the largest. */
static bool before(double a, double b, bool descending) {
    if (isnan(a) || isnan(b)) return descending ? isnan(a) && !isnan(b) : !isnan(a) && isnan(b);
    return descending ? a > b : a < b;
}

/* That y, k elements with their places, are the first of x in order, ties in theirs, each place once. */
static void check_order(const char *what, ct_tensor *x, ct_tensor *y, ct_tensor *places, bool descending) {
    double *from = read_doubles(x), *got = read_doubles(y), *place = read_doubles(places);
    const int64_t n = ct_numel(x), k = ct_numel(y);
    bool *taken = calloc((size_t)n + 1, sizeof *taken);
    for (int64_t i = 0; i < k; i++) {
        const int64_t at = (int64_t)place[i];
        ck_assert_msg(at >= 0 && at < n && !taken[at], "%s: place %lld", what, (long long)at);
        taken[at] = true;
        ck_assert_msg(memcmp(&from[at], &got[i], sizeof *got) == 0 || isnan(got[i]), "%s: value %lld", what,
                      (long long)i);
        bool rises = i == 0 || before(got[i - 1], got[i], descending) ||
                     (!before(got[i], got[i - 1], descending) && place[i - 1] < place[i]);
        ck_assert_msg(rises, "%s: %g at %g stands before %g at %g", what, got[i - 1], place[i - 1], got[i],
                      place[i]);
    }
    for (int64_t i = 0; i < n && k > 0; i++) {
        bool later = !before(from[i], got[k - 1], descending) &&
                     (before(got[k - 1], from[i], descending) || (double)i > place[k - 1]);
        ck_assert_msg(taken[i] || later, "%s: %g at %lld is missing", what, from[i], (long long)i);
    }
    free(from), free(got), free(place), free(taken);
}

static void check_sorts(ct_dtype dtype, int64_t n) {
    CT_SCOPED;
    ct_tensor *x = mixed(dtype, n, (uint64_t)n), *places;
    char what[64];
    const int64_t counts[] = {n, n / 2, n / 20, n > 3 ? 3 : n};
    for (int descending = 0; descending < 2; descending++) {
        snprintf(what, sizeof what, "sort of %lld %s", (long long)n, ct_dtype_name(dtype));
        ct_tensor *y = ct_sort(x, 0, descending, &places);
        ck_assert_int_eq(ct_type(places), CT_I64);
        check_order(what, x, y, places, descending);
        assert_same_bits(what, ct_argsort(x, 0, descending), places);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            snprintf(what, sizeof what, "topk of %lld %s", (long long)n, ct_dtype_name(dtype));
            y = ct_topk(x, counts[i], 0, descending, &places);
            check_order(what, x, y, places, descending);
        }
    }
}

START_TEST(sorts_of_every_size) {
    for (int64_t n = 0; n <= 67; n++) check_sorts(dtypes[_i], n);
    static const int64_t sizes[] = {257, 1000, 4095, 4096, 5000, 40000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_sorts(dtypes[_i], sizes[i]);
}
END_TEST

/* The one that a sort has in the middle. */
START_TEST(medians_of_every_size) {
    for (int64_t n = 1; n <= 5000; n = n < 67 ? n + 1 : 3 * n) {
        CT_SCOPED;
        ct_tensor *x = ct_randn(CT_F64, CT_DIMS(n)), *few = ct_randint(CT_I32, -3, 3, CT_DIMS(n));
        ck_assert_double_eq(ct_item(ct_median(x)), ct_get(ct_sort(x, 0, false, NULL), CT_DIMS((n - 1) / 2)));
        ck_assert_double_eq(ct_item(ct_median(few)),
                            ct_get(ct_sort(few, 0, false, NULL), CT_DIMS((n - 1) / 2)));
        ct_set(x, CT_DIMS(n / 3), NAN);
        ck_assert(isnan(ct_item(ct_median(x))));
    }
    ck_assert(isnan(ct_item(ct_median(ct_zeros(CT_F32, CT_DIMS(0, 3))))));
}
END_TEST

START_TEST(nan_and_zeros) {
    ct_tensor *x = make_f32(CT_DIMS(6), 1, 3, 3, NAN, 5, NAN), *places, *inverse, *counts;
    assert_values("cummax", ct_cummax(x, 0, &places), 0, 1, 3, 3, NAN, NAN, NAN);
    assert_values("its places", places, 0, 0, 1, 2, 3, 3, 5);
    ct_tensor *zeros = make_f32(CT_DIMS(5), NAN, 1, NAN, -0.0, 0);
    assert_values("unique", ct_unique(zeros, &inverse, &counts), 0, 0, 1, NAN, NAN);
    assert_values("inverse", inverse, 0, 2, 1, 3, 0, 0);
    assert_values("counts", counts, 0, 2, 1, 1, 1);
    ct_tensor *sorted = make_f32(CT_DIMS(4), 1, 2, 3, NAN), *values = make_f32(CT_DIMS(4), 0, 2, 9, NAN);
    assert_values("left", ct_searchsorted(sorted, values, false), 0, 0, 1, 3, 4);
    assert_values("right", ct_searchsorted(sorted, values, true), 0, 0, 2, 3, 4);
    assert_values("nonzero", ct_nonzero(make_f32(CT_DIMS(3), NAN, 0, -0.0)), 0, 0);
    assert_shape(ct_nonzero(ct_scalar(CT_F32, 1)), 1, 0);
    assert_shape(ct_nonzero(ct_scalar(CT_F32, 0)), 0, 0);
    ct_tensor *ends = make_f64(CT_DIMS(6), -INFINITY, -INFINITY, 1, INFINITY, -INFINITY, NAN);
    assert_values("logcumsumexp", ct_logcumsumexp(ends, 0), 0, -INFINITY, -INFINITY, 1, INFINITY, INFINITY,
                  NAN);
}
END_TEST

/* Nothing but -inf so far has no gradient, and what comes later one as if it had not been. */
START_TEST(gradient_of_logcumsumexp_after_nothing) {
    ct_tensor *x = ct_set_requires_grad(make_f64(CT_DIMS(4), -INFINITY, -INFINITY, 1, 2), true);
    ct_backward(ct_sum(ct_logcumsumexp(x, 0)));
    assert_values("dx", ct_grad(x), 1e-12, 0, 0, 1 + 1 / (1 + exp(1)), 1 / (1 + exp(-1)));
}
END_TEST

START_TEST(written_over) {
    ct_tensor *x = ct_set_requires_grad(ct_zeros(CT_F64, CT_DIMS(3)), true),
              *index = ct_zeros(CT_I64, CT_DIMS(3));
    ct_tensor *src = ct_set_requires_grad(make_f64(CT_DIMS(3), 1, 2, 3), true),
              *y = ct_scatter(x, 0, index, src);
    assert_values("the last one stays", y, 0, 3, 0, 0);
    ct_backward_with(y, make_f64(CT_DIMS(3), 5, 6, 7), 0);
    assert_values("dx", ct_grad(x), 0, 0, 6, 7);
    assert_values("dsrc", ct_grad(src), 0, 0, 0, 5);
}
END_TEST

/* ---- threads ---- */

static ct_tensor *gradient_by_index(ct_tensor *(*function)(ct_tensor *x, ct_tensor *index), ct_tensor *x,
                                    ct_tensor *index) {
    ct_tensor *leaf = ct_set_requires_grad(ct_clone(x), true), *y = function(leaf, index), *g;
    ct_manual_seed(3);
    ct_tensor *dy = ct_randn(CT_F32, ct_shape(y), ct_ndim(y));
    ck_assert_int_eq(ct_gradients(&y, 1, &leaf, 1, &dy, 0, &g), CT_OK);
    return g;
}
static ct_tensor *embed(ct_tensor *x, ct_tensor *index) {
    return ct_embedding(x, index, 7);
}
static ct_tensor *select_rows(ct_tensor *x, ct_tensor *index) {
    return ct_index_select(x, 0, index);
}
static ct_tensor *select_columns(ct_tensor *x, ct_tensor *index) {
    return ct_index_select(x, 1, index);
}
static ct_tensor *gather_columns(ct_tensor *x, ct_tensor *index) {
    return ct_gather(x, 0, ct_expand(ct_unsqueeze(index, 1), CT_DIMS(ct_numel(index), ct_size(x, 1))));
}
static ct_tensor *(*const by_index[])(ct_tensor *, ct_tensor *) = {embed, select_rows, select_columns,
                                                                   gather_columns};

/* Repeated indices add up in their order: the same bits with 1, 2 and 3 threads, and what F64 gives but for
 * rounding. */
START_TEST(repeated_indices_add_up_alike) {
    ct_tensor *x = ct_randn(CT_F32, CT_DIMS(300, 300)), *index = ct_randint(CT_I64, 0, 300, CT_DIMS(2000));
    ct_tensor *grads[4] = {NULL};
    for (int threads = 1; threads <= 3; threads++) {
        ct_set_num_threads(threads);
        grads[threads] = gradient_by_index(by_index[_i], x, index);
        assert_same_bits("threads", grads[threads], grads[1]);
    }
    ct_set_num_threads(2);
    ct_tensor *wide = ct_set_requires_grad(ct_to(x, CT_F64), true), *y = by_index[_i](wide, index), *dy, *g;
    ct_manual_seed(3);
    dy = ct_to(ct_randn(CT_F32, ct_shape(y), ct_ndim(y)), CT_F64);
    ck_assert_int_eq(ct_gradients(&y, 1, &wide, 1, &dy, CT_CREATE_GRAPH, &g), CT_OK);
    assert_allclose("F64", grads[1], ct_detach(g), 1e-5, 1e-5);
}
END_TEST

/* Rows of results that go past the caches, from a table that does not begin at a line of them. */
START_TEST(large_slices) {
    enum { ROWS = 40, COLUMNS = 60000 };
    ct_tensor *x = ct_narrow(ct_randn(CT_F32, CT_DIMS(7, COLUMNS + 3)), 1, 3, COLUMNS);
    ct_tensor *index = ct_randint(CT_I64, 0, 7, CT_DIMS(ROWS)), *y = ct_index_select(x, 0, index);
    for (int64_t i = 0; i < ROWS; i++)
        assert_same_bits("row", ct_select(y, 0, i), ct_select(x, 0, (int64_t)ct_get(index, CT_DIMS(i))));
    ct_set(index, CT_DIMS(ROWS - 1), 7);
    assert_fails(ct_index_select(x, 0, index), CT_ERR_INDEX, "index 7 at (39,) is out of range for size 7");
}
END_TEST

/* ---- text ---- */

START_TEST(indices_as_text) {
    ct_tensor *x = ct_reshape(ct_arange(CT_F32, 0, 60, 1), CT_DIMS(3, 4, 5));
    assert_same_bits("None as a bound", ct_contiguous(ct_at(x, "None:None:-1, 1:None")),
                     ct_contiguous(ct_at(x, "::-1, 1:")));
    assert_shape(ct_at(x, "None, 0, ..., None"), 1, 4, 5, 1);
    assert_fails(ct_at(x, "..., -6"), CT_ERR_INDEX,
                 "ct_at: \"..., -6\", at character 6: index -6 is out of range for dim 2");
    assert_fails(ct_at(x, "0, ..., ..."), CT_ERR_VALUE, "at character 9: a second ...");
    assert_fails(ct_at(x, "0, one"), CT_ERR_VALUE, "at character 4");
    assert_fails(ct_at(x, "0::0"), CT_ERR_VALUE, "the step is 0");
}
END_TEST

/* ---- memory ---- */

static ct_tensor *program(void) {
    CT_SCOPED;
    ct_tensor *x = ct_set_requires_grad(ct_reshape(ct_arange(CT_F32, 1, 13, 1), CT_DIMS(3, 4)), true),
              *places, *counts = NULL;
    ct_tensor *y =
        ct_add(ct_sort(x, 0, true, &places), ct_cumprod(ct_roll(x, (const int64_t[]){1}, NULL, 1), 1));
    if (!y) return NULL;
    y = ct_scatter(y, 0, places, ct_logcumsumexp(ct_cummax(x, 1, NULL), 0));
    y = ct_add(ct_sum(ct_masked_select(y, ct_gt_scalar(y, 3))), ct_median(ct_tile(x, CT_DIMS(2))));
    y = ct_add(y, ct_sum(ct_unique(ct_repeat_interleave(x, 2, 0), NULL, &counts)));
    ct_tensor *found = ct_searchsorted(ct_detach(ct_topk(x, 2, 1, false, NULL)), x, true);
    y = ct_add(y, ct_sum(ct_to(ct_add(ct_bincount(ct_flatten(found, 0, -1)), ct_sum(counts)), CT_F32)));
    return ct_backward(y) == CT_OK ? ct_scope_keep(ct_grad(x)) : NULL;
}

START_TEST(every_allocation_may_fail) {
    assert_survives_failures(program, _i);
}
END_TEST

Suite *index_suite(void) {
    Suite *suite = suite_create("index");
    TCase *c = support_case(suite, "index");
    tcase_add_loop_test(c, sorts_of_every_size, 0, DTYPES);
    tcase_add_test(c, medians_of_every_size);
    tcase_add_test(c, nan_and_zeros);
    tcase_add_test(c, gradient_of_logcumsumexp_after_nothing);
    tcase_add_test(c, written_over);
    tcase_add_loop_test(c, repeated_indices_add_up_alike, 0, sizeof by_index / sizeof *by_index);
    tcase_add_test(c, large_slices);
    tcase_add_test(c, indices_as_text);
    tcase_add_loop_test(c, every_allocation_may_fail, 0, 2); /* once; from then on */
    return suite;
}
