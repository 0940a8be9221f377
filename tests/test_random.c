/* Random numbers: pinned to the bit, independent of threads and layout, and distributed as they should be. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/random.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200000 };

/* ---- bits ---- */

/* The vectors that the authors of Philox publish. */
START_TEST(philox_is_philox) {
    static const struct {
        uint32_t counter[4], key[2], result[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t result[4];
        tensor_philox(cases[i].counter, cases[i].key, result);
        ck_assert_mem_eq(result, cases[i].result, sizeof result);
    }
}
END_TEST

/* FNV-1a over the little-endian bytes of x. */
static uint64_t digest(ct_tensor *x) {
    size_t width = ct_dtype_size(ct_type(x)), bytes = (size_t)ct_numel(x) * width;
    const uint8_t *data = ct_data(x);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++) {
        size_t at = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? i / width * width + (width - 1 - i % width) : i;
        hash = (hash ^ data[at]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static ct_tensor *drawn(int kind) {
    static const double weights[] = {1, 0, 2, 3};
    ct_tensor *classes = ct_from_data(CT_F64, weights, CT_DIMS(4));
    switch (kind) {
    case 0: return ct_rand(CT_F32, CT_DIMS(1000));
    case 1: return ct_rand(CT_F64, CT_DIMS(1000));
    case 2: return ct_randn(CT_F32, CT_DIMS(1000));
    case 3: return ct_randn(CT_F64, CT_DIMS(1000));
    case 4: return ct_rand(CT_F16, CT_DIMS(1000));
    case 5: return ct_randn(CT_BF16, CT_DIMS(1000));
    case 6: return ct_randint(CT_I64, INT64_MIN, INT64_MAX, CT_DIMS(1000));
    case 7: return ct_randint(CT_U8, 0, 256, CT_DIMS(1000));
    case 8: return ct_randperm(1000);
    case 9: return ct_bernoulli(ct_full(CT_F32, CT_DIMS(1000), 0.3));
    case 10: return ct_multinomial(classes, 1000, true);
    case 11: return ct_multinomial(classes, 3, false);
    default: return tensor_keep_mask(CT_DIMS(1000), 0.3);
    }
}
enum { KINDS = 13 };

START_TEST(bits_are_pinned) {
    static const uint64_t pinned[KINDS] = {
        0x07fc20e2f976616f, 0xb8f72eb88f8dd6a9, 0xbd3b76c005048722, 0xdc4ce409b3105e2f,
        0xe17e6c36b3dd7cc5, 0x0de5b3f2d08e4164, 0xaa18c36fb26a4ce5, 0x6f5743d46ad42432,
        0x1f57b587a6239a3d, 0x72a249eacb03d428, 0xf3abd03136c74c64, 0xe22750f641d0af04,
        0xa8e0114b3202ba97,
    };
    ct_manual_seed(20240229);
    ct_tensor *x = drawn(_i);
    assert_no_error();
    ck_assert_msg(digest(x) == pinned[_i], "0x%016llx, not 0x%016llx", (unsigned long long)digest(x),
                  (unsigned long long)pinned[_i]);
}
END_TEST

START_TEST(threads_change_nothing) {
    ct_tensor *runs[2];
    for (int i = 0; i < 2; i++) {
        ct_set_num_threads(i ? 3 : 1);
        ct_manual_seed(5);
        ct_tensor *parts[] = {ct_randn(CT_F32, CT_DIMS(100003)), ct_rand(CT_F32, CT_DIMS(70001)),
                              ct_to(ct_randint(CT_I64, 0, 1000, CT_DIMS(50001)), CT_F32)};
        runs[i] = ct_cat(parts, 3, 0);
    }
    assert_same_bits("three threads", runs[1], runs[0]);
}
END_TEST

START_TEST(layout_changes_nothing) {
    static const double zeros[12];
    for (int normal = 0; normal < 2; normal++)
        for (int layout = 0; layout < LAYOUT_EXPANDED; layout++) {
            ct_manual_seed(3);
            ct_tensor *expected = normal ? ct_randn(CT_F32, CT_DIMS(3, 4)) : ct_rand(CT_F32, CT_DIMS(3, 4));
            ct_tensor *x = make_layout(CT_F32, CT_DIMS(3, 4), zeros, (Layout)layout);
            ct_manual_seed(3);
            ck_assert(CT_OK == (normal ? tensor_fill_normal(x, 0, 1) : tensor_fill_uniform(x, 0, 1)));
            assert_same_bits(layout_names[layout], x, expected);
        }
}
END_TEST

START_TEST(a_call_goes_on_where_the_last_one_ended) {
    ct_tensor *first = ct_rand(CT_F32, CT_DIMS(8)), *second = ct_rand(CT_F32, CT_DIMS(8));
    ck_assert(!ct_equal(first, second));
    ct_manual_seed(1);
    ct_tensor *parts[] = {first, second};
    assert_same_bits("both at once", ct_rand(CT_F32, CT_DIMS(16)), ct_cat(parts, 2, 0));
}
END_TEST

/* ---- distributions ---- */

static void check_moments(const char *what, const ct_tensor *x, double mean, double variance) {
    double *values = read_doubles(x), n = (double)ct_numel(x), sum = 0, squares = 0;
    for (int64_t i = 0; i < ct_numel(x); i++) sum += values[i];
    for (int64_t i = 0; i < ct_numel(x); i++) squares += (values[i] - sum / n) * (values[i] - sum / n);
    free(values);
    double error = 5 * sqrt(variance / n);
    ck_assert_msg(fabs(sum / n - mean) < error, "%s: mean %g, not %g", what, sum / n, mean);
    ck_assert_msg(fabs(squares / n / variance - 1) < 0.03, "%s: variance %g, not %g", what, squares / n, variance);
}

START_TEST(moments) {
    static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_F16, CT_BF16};
    ct_dtype dtype = dtypes[_i];
    double step = dtype == CT_BF16 ? 0x1p-9 : dtype == CT_F16 ? 0x1p-12 : 0; /* half a place: bits that are cut off */
    check_moments("uniform", ct_rand(dtype, CT_DIMS(MANY)), 0.5 - step, 1.0 / 12);
    check_moments("normal", ct_randn(dtype, CT_DIMS(MANY)), 0, 1);
    ct_tensor *x = ct_empty(dtype, CT_DIMS(MANY));
    ck_assert(tensor_fill_normal(x, 0, 3) == CT_OK);
    check_moments("normal of std 3", x, 0, 9);
    ck_assert(tensor_fill_uniform(x, -1, 1) == CT_OK);
    check_moments("uniform on [-1, 1)", x, -2 * step, 1.0 / 3);
}
END_TEST

/* Shares of standard normals within 1, 2, 3, 4: 0.6827, 0.9545, 0.9973, 0.99994. */
START_TEST(normal_tails) {
    static const double shares[] = {0.682689, 0.954500, 0.997300, 0.999937};
    double *values = read_doubles(ct_randn(CT_F32, CT_DIMS(MANY)));
    for (int k = 0; k < 4; k++) {
        double within = 0;
        for (int i = 0; i < MANY; i++) within += fabs(values[i]) <= k + 1;
        ck_assert_double_eq_tol(within / MANY, shares[k], 5 * sqrt(shares[k] * (1 - shares[k]) / MANY));
    }
    free(values);
}
END_TEST

START_TEST(uniform_stays_below_its_end) {
    static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_F16, CT_BF16};
    static const double ends[][2] = {{0, 1}, {1, 1.01}, {-1, 0}, {-3, -1}, {1000, 1001}, {-1e-7, 1e-7}, {0.3, 1.7}};
    ct_tensor *x = ct_empty(dtypes[_i], CT_DIMS(5000));
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        double lo = ends[k][0], hi = ends[k][1];
        if (tensor_fill_uniform(x, lo, hi) != CT_OK) {
            assert_error(CT_ERR_VALUE, "no number");
            continue;
        }
        double *values = read_doubles(x);
        for (int i = 0; i < 5000; i++)
            ck_assert_msg(values[i] >= lo && values[i] < hi, "%.17g is not on [%g, %g)", values[i], lo, hi);
        free(values);
    }
    ck_assert(tensor_fill_uniform(x, 2, 2) == CT_OK);
    ck_assert_double_eq(ct_get(x, (int64_t[]){7}, 1), 2);
}
END_TEST

START_TEST(integers_are_even) {
    double *values = read_doubles(ct_randint(CT_I32, -3, 4, CT_DIMS(70000)));
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        ck_assert(values[i] >= -3 && values[i] <= 3);
        counts[(int)values[i] + 3]++;
    }
    free(values);
    for (int k = 0; k < 7; k++) ck_assert_int_lt(abs(counts[k] - 10000), 500);
    /* A range of three quarters of all numbers: two thirds of them below its first two thirds. */
    ct_tensor *wide = ct_randint(CT_I64, INT64_MIN, INT64_C(1) << 62, CT_DIMS(MANY));
    double below = 0;
    for (int i = 0; i < MANY; i++) below += ct_data_i64(wide)[i] < 0;
    ck_assert_double_eq_tol(below / MANY, 2.0 / 3, 0.006);
    ct_tensor *bools = ct_randint(CT_BOOL, 0, 2, CT_DIMS(1000));
    double ones = ct_item(ct_sum(bools));
    ck_assert(ones > 400 && ones < 600);
    ck_assert_int_eq(ct_item_i64(ct_randint(CT_I64, INT64_MAX - 1, INT64_MAX, NULL, 0)), INT64_MAX - 1);
}
END_TEST

START_TEST(permutations_repeat_nothing) {
    bool seen[1000] = {false};
    ct_tensor *x = ct_randperm(1000);
    for (int i = 0; i < 1000; i++) {
        int64_t place = ct_data_i64(x)[i];
        ck_assert(place >= 0 && place < 1000 && !seen[place]);
        seen[place] = true;
    }
    int counts[6] = {0};
    for (int i = 0; i < 6000; i++) {
        CT_SCOPED;
        const int64_t *p = ct_data_i64(ct_randperm(3));
        counts[p[0] * 2 + (p[1] > p[2])]++;
    }
    for (int k = 0; k < 6; k++) ck_assert_int_lt(abs(counts[k] - 1000), 150);
    ck_assert_int_eq(ct_numel(ct_randperm(0)), 0);
    assert_fails(ct_randperm(-1), CT_ERR_SHAPE, "ct_randperm");
}
END_TEST

START_TEST(bernoulli_follows_each_probability) {
    ct_tensor *p = ct_expand(ct_from_data(CT_F64, (const double[]){0, 0.25, 1}, CT_DIMS(3, 1)), CT_DIMS(3, 20000));
    double *values = read_doubles(ct_mean_dim(ct_bernoulli(p), CT_DIMS(1), false));
    ck_assert_double_eq(values[0], 0);
    ck_assert_double_eq_tol(values[1], 0.25, 0.016);
    ck_assert_double_eq(values[2], 1);
    free(values);
    assert_dtype(ct_bernoulli(ct_full(CT_F16, CT_DIMS(2), 0.5)), CT_F16);
    assert_fails(ct_bernoulli(make_f64(CT_DIMS(2), 0.5, 1.5)), CT_ERR_VALUE, "1.5");
    assert_fails(ct_bernoulli(make_f64(CT_DIMS(1), NAN)), CT_ERR_VALUE, "ct_bernoulli");
    assert_fails(ct_bernoulli(ct_ones(CT_I64, CT_DIMS(1))), CT_ERR_DTYPE, "int64");
    ck_assert_double_eq(ct_item(ct_sum(tensor_keep_mask(CT_DIMS(999), 1))), 999);
    ck_assert_double_eq(ct_item(ct_sum(tensor_keep_mask(CT_DIMS(999), 0))), 0);
}
END_TEST

START_TEST(multinomial_follows_its_weights) {
    static const double weights[] = {1, 0, 3, 4}, shares[] = {0.125, 0, 0.375, 0.5};
    ct_tensor *one = ct_from_data(CT_F64, weights, CT_DIMS(4));
    ct_tensor *many = ct_expand(one, CT_DIMS(20000, 4));
    for (int replacement = 0; replacement < 2; replacement++) {
        ct_tensor *x = replacement ? ct_multinomial(one, 20000, true) : ct_multinomial(many, 1, false);
        double counts[4] = {0};
        for (int i = 0; i < 20000; i++) counts[ct_data_i64(x)[i]] += 1.0 / 20000;
        for (int k = 0; k < 4; k++) ck_assert_double_eq_tol(counts[k], shares[k], shares[k] > 0 ? 0.018 : 1e-9);
    }
    /* The second without replacement: P(2nd is 3) = Σ p(i)·4/(8 - w(i)) over the others. */
    ct_tensor *pairs = ct_multinomial(many, 2, false);
    double second = 0;
    for (int i = 0; i < 20000; i++) {
        const int64_t *pair = ct_data_i64(pairs) + 2 * i;
        ck_assert_int_ne(pair[0], pair[1]);
        second += pair[1] == 3;
    }
    ck_assert_double_eq_tol(second / 20000, 0.125 * 4 / 7 + 0.375 * 4 / 5, 0.018);
}
END_TEST

START_TEST(multinomial_refuses_what_it_cannot_do) {
    ct_tensor *weights = make_f64(CT_DIMS(3), 1, 0, 2);
    assert_shape(ct_multinomial(weights, 2, false), 2);
    assert_shape(ct_multinomial(make_f32(CT_DIMS(2, 2), 1, 0, 1, 1), 5, true), 2, 5);
    assert_fails(ct_multinomial(weights, 3, false), CT_ERR_VALUE, "2 positive weights");
    assert_fails(ct_multinomial(make_f64(CT_DIMS(2), 0, 0), 1, true), CT_ERR_VALUE, "no positive weight");
    assert_fails(ct_multinomial(make_f64(CT_DIMS(2), 1, -1), 1, true), CT_ERR_VALUE, "-1");
    assert_fails(ct_multinomial(make_f64(CT_DIMS(2), 1, HUGE_VAL), 1, true), CT_ERR_VALUE, "inf");
    assert_fails(ct_multinomial(make_f64(CT_DIMS(2), 1, NAN), 1, true), CT_ERR_VALUE, "class 1");
    assert_fails(ct_multinomial(ct_ones(CT_I64, CT_DIMS(2)), 1, true), CT_ERR_DTYPE, "int64");
    assert_fails(ct_multinomial(ct_ones(CT_F32, CT_DIMS(1, 1, 1)), 1, true), CT_ERR_SHAPE, "(1, 1, 1)");
    assert_fails(ct_multinomial(weights, -1, true), CT_ERR_SHAPE, "ct_multinomial");
    assert_fails(ct_multinomial(NULL, 1, true), CT_ERR_NULL, "weights");
    ct_tensor *huge = make_f64(CT_DIMS(2), 1e308, 1.5e308);
    ck_assert_int_eq(ct_numel(ct_multinomial(huge, 9, true)), 9);
}
END_TEST

START_TEST(errors_draw_nothing) {
    assert_fails(ct_rand(CT_I64, CT_DIMS(2)), CT_ERR_DTYPE, "ct_rand");
    assert_fails(ct_randn(CT_BOOL, CT_DIMS(2)), CT_ERR_DTYPE, "bool");
    assert_fails(ct_rand(CT_F32, CT_DIMS(-2)), CT_ERR_SHAPE, "ct_rand");
    assert_fails(ct_rand_like(NULL), CT_ERR_NULL, "ct_rand_like");
    assert_fails(ct_randn_like(ct_zeros(CT_U8, NULL, 0)), CT_ERR_DTYPE, "ct_randn_like");
    assert_fails(ct_randint(CT_I64, 3, 3, CT_DIMS(2)), CT_ERR_VALUE, "from 3 to 3");
    assert_fails(ct_randint(CT_U8, 0, 257, CT_DIMS(2)), CT_ERR_VALUE, "uint8");
    assert_fails(ct_randint(CT_BOOL, -1, 1, CT_DIMS(2)), CT_ERR_VALUE, "bool");
    assert_fails(ct_randint(CT_F16, 0, 2050, CT_DIMS(2)), CT_ERR_VALUE, "float16");
    ct_tensor *x = ct_zeros(CT_F32, CT_DIMS(2));
    ck_assert(tensor_fill_uniform(x, 1, 0) == CT_ERR_VALUE && tensor_fill_normal(x, 0, -1) == CT_ERR_VALUE);
    ct_error_clear();
    ct_tensor *next = ct_rand(CT_F64, CT_DIMS(2));
    ct_manual_seed(1);
    assert_same_bits("after errors", next, ct_rand(CT_F64, CT_DIMS(2)));
}
END_TEST

/* ---- generators ---- */

START_TEST(generators_are_independent) {
    ct_generator *own = ct_generator_new(7);
    ct_tensor *before = ct_rand(CT_F32, CT_DIMS(4));
    ck_assert_ptr_null(ct_generator_use(own));
    ct_tensor *inside = ct_rand(CT_F32, CT_DIMS(4));
    ck_assert_ptr_eq(ct_generator_use(NULL), own);
    ct_tensor *after = ct_rand(CT_F32, CT_DIMS(4));
    ct_manual_seed(1);
    ct_tensor *parts[] = {before, after};
    assert_same_bits("the process's", ct_cat(parts, 2, 0), ct_rand(CT_F32, CT_DIMS(8)));
    ct_manual_seed(7);
    assert_same_bits("its own", inside, ct_rand(CT_F32, CT_DIMS(4)));
    ct_generator_free(own);
    ct_generator_free(NULL);
}
END_TEST

START_TEST(a_freed_generator_is_left) {
    ct_generator *own = ct_generator_new(7);
    ct_generator_use(own);
    ct_generator_free(own);
    ct_tensor *x = ct_rand(CT_F32, CT_DIMS(4));
    ck_assert_ptr_null(ct_generator_use(NULL));
    ct_manual_seed(1);
    assert_same_bits("the process's", x, ct_rand(CT_F32, CT_DIMS(4)));
}
END_TEST

typedef struct {
    ct_generator *generator;
    pthread_barrier_t chosen; /* every thread uses it */
    _Atomic(bool) gone;
} Race;

static void *draw_while_it_goes(void *user) {
    Race *race = user;
    ct_generator_use(race->generator);
    pthread_barrier_wait(&race->chosen);
    for (int after = 0; after < 100; after += atomic_load(&race->gone)) {
        CT_SCOPED;
        ct_rand(CT_F32, CT_DIMS(4));
    }
    return ct_generator_use(NULL);
}

START_TEST(a_generator_may_go_while_others_draw) {
    Race race = {.generator = ct_generator_new(7)};
    pthread_t threads[2];
    pthread_barrier_init(&race.chosen, NULL, 3);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, draw_while_it_goes, &race), 0);
    pthread_barrier_wait(&race.chosen);
    ct_generator_free(race.generator);
    atomic_store(&race.gone, true);
    for (int i = 0; i < 2; i++) {
        void *left = &race;
        pthread_join(threads[i], &left);
        ck_assert_ptr_null(left);
    }
    pthread_barrier_destroy(&race.chosen);
    assert_no_error();
}
END_TEST

Suite *random_suite(void) {
    Suite *suite = suite_create("random");
    TCase *bits = support_case(suite, "bits");
    tcase_add_test(bits, philox_is_philox);
    tcase_add_loop_test(bits, bits_are_pinned, 0, KINDS);
    tcase_add_test(bits, threads_change_nothing);
    tcase_add_test(bits, layout_changes_nothing);
    tcase_add_test(bits, a_call_goes_on_where_the_last_one_ended);
    TCase *distributions = support_case(suite, "distributions");
    tcase_add_loop_test(distributions, moments, 0, 4);
    tcase_add_test(distributions, normal_tails);
    tcase_add_loop_test(distributions, uniform_stays_below_its_end, 0, 4);
    tcase_add_test(distributions, integers_are_even);
    tcase_add_test(distributions, permutations_repeat_nothing);
    tcase_add_test(distributions, bernoulli_follows_each_probability);
    tcase_add_test(distributions, multinomial_follows_its_weights);
    tcase_add_test(distributions, multinomial_refuses_what_it_cannot_do);
    tcase_add_test(distributions, errors_draw_nothing);
    TCase *generators = support_case(suite, "generators");
    tcase_add_test(generators, generators_are_independent);
    tcase_add_test(generators, a_freed_generator_is_left);
    tcase_add_test(generators, a_generator_may_go_while_others_draw);
    return suite;
}
