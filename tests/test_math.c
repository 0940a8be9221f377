/* Elementary functions in f32 against libm in double, in every table of kernels: samples and special numbers here, every
 * float in exhaustive_f32.c. */
#include "math_f32.h"
#include "suites.h"
#include "support.h"
#include "tensor/internal/kernels.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 100000, NEIGHBOURS = 40 };

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint32_t random_bits(uint64_t *state) {
    return (uint32_t)(random_unit(state) * 0x1p32);
}

/* Where a function or its kernel changes its way, overflows or underflows; their neighbours are tried too. */
static const float landmarks[] = {
    0,      0x1p-149f, 0x1p-126f, 0x1p-24f,  0.3465f, 0.35f, 0.5f,    0.6f,    0.70710678f, 0.75f,   0.921875f, 1,
    1.0397f, 1.4142135f, 1.5707964f, 2,      3.1415927f, 3.5f, 3.95f, 9.0109f, 10,          10.0547f, 13,       14.5f,
    16.635f, 17.33f,   20,        30.5f,     40,      87.33655f, 88.02969f, 88.72284f, 89.41599f, 100, 103.97208f, 104,
    126,    128,       149,       150,       151,     160,   170,     1e4f,    8388608,     0x1p27f, 0x1p28f, 0x1p31f,
    1e15f,  1e30f,     3.4028235e38f, INFINITY, NAN};

/* The samples: landmarks and neighbours of both signs, any bits, and numbers of common size. */
static ct_tensor *make_samples(uint64_t seed) {
    ct_tensor *x = ct_empty(CT_F32, CT_DIMS(SAMPLES));
    float *numbers = ct_data(x);
    int n = 0;
    for (size_t i = 0; i < sizeof landmarks / sizeof *landmarks; i++)
        for (int32_t step = -NEIGHBOURS; step <= NEIGHBOURS; step++) {
            uint32_t bits = (bits_of(landmarks[i]) + (uint32_t)step) & 0x7fffffff;
            numbers[n++] = from_bits(bits);
            numbers[n++] = from_bits(bits | 0x80000000);
        }
    for (; n < SAMPLES; n++)
        numbers[n] = n % 2 ? from_bits(random_bits(&seed)) : (float)((random_unit(&seed) - 0.5) * (n % 4 ? 4 : 40));
    return x;
}

/* Runs body for every table of kernels. */
#define FOR_EACH_TABLE(table) for (int table = tensor_simd_count() - 1; table >= 0; tensor_simd_force(-1), table--)

static void check_case(const MathCase *c, ct_tensor *x) {
    CT_SCOPED;
    const float *numbers = ct_data(x), *got = ct_data(c->function(x));
    for (int64_t i = 0; i < ct_numel(x); i++) {
        double want = c->reference(numbers[i]), ulps = math_ulps(got[i], want);
        ck_assert_msg(ulps <= math_allowed(c, numbers[i], want), "%s, %s, of %a: %a, expected %a: %g ulp", c->name,
                      ct_simd(), (double)numbers[i], (double)got[i], want, ulps);
    }
}

START_TEST(functions_are_as_good_as_they_say) {
    ct_tensor *x = make_samples(7);
    FOR_EACH_TABLE(table) {
        tensor_simd_force(table);
        check_case(&math_cases[_i], x);
    }
    assert_no_error();
}
END_TEST

/* ---- the same bits wherever an element stands ---- */

START_TEST(results_do_not_depend_on_the_place) {
    enum { ROW = 147, OFFSETS = 5 };
    const MathCase *c = &math_cases[_i];
    uint64_t seed = 3;
    float values[ROW], alone[ROW];
    FOR_EACH_TABLE(table) {
        CT_SCOPED;
        tensor_simd_force(table);
        for (int i = 0; i < ROW; i++) {
            float x = i % 3 ? (float)(random_unit(&seed) * 8 - 4) : from_bits(random_bits(&seed));
            values[i] = i % 7 ? x : landmarks[i / 7];
            alone[i] = *(float *)ct_data(c->function(ct_from_data(CT_F32, &values[i], CT_DIMS(1))));
        }
        ct_tensor *row = ct_from_data(CT_F32, values, CT_DIMS(ROW));
        for (int64_t offset = 0; offset < OFFSETS; offset++)
            for (int64_t length = 0; length <= 67 && offset + 2 * length <= ROW; length++) {
                ct_tensor *want = ct_from_data(CT_F32, alone + offset, CT_DIMS(length));
                assert_same_bits(c->name, c->function(ct_narrow(row, 0, offset, length)), want);
            }
        ct_tensor *want = ct_slice(ct_from_data(CT_F32, alone, CT_DIMS(ROW)), 0, 1, ROW, 2);
        assert_same_bits(c->name, c->function(ct_slice(row, 0, 1, ROW, 2)), ct_contiguous(want));
    }
}
END_TEST

START_TEST(results_do_not_depend_on_threads) {
    ct_tensor *x = make_samples(8);
    int threads = ct_num_threads();
    FOR_EACH_TABLE(table) {
        tensor_simd_force(table);
        ct_set_num_threads(1);
        ct_tensor *one = math_cases[_i].function(x);
        ct_set_num_threads(2);
        assert_same_bits(math_cases[_i].name, math_cases[_i].function(x), one);
    }
    ct_set_num_threads(threads);
}
END_TEST

/* ---- functions of two numbers ---- */

static double xlogy(double x, double y) {
    return isnan(y) ? y : x == 0 ? 0 : x * log(y);
}

/* With the divisor's sign; PyTorch's, where floor(x / y) times y need not be near x. */
static double floored_remainder(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static double floor_divide(double x, double y) {
    double r = fmod(x, y), quotient = (x - r) / y;
    if (y == 0) return x / y;
    if (r != 0 && (r < 0) != (y < 0)) quotient -= 1;
    return quotient == 0 ? copysign(0, x / y) : rint(quotient);
}

static const struct {
    const char *name;
    ct_tensor *(*function)(ct_tensor *x, ct_tensor *y);
    double (*reference)(double x, double y);
    double ulps;
} pairs[] = {
    {"pow", ct_pow, pow, 2},
    {"atan2", ct_atan2, atan2, 2},
    {"hypot", ct_hypot, hypot, 2},
    {"xlogy", ct_xlogy, xlogy, 3},
    {"fmod", ct_fmod, fmod, 0},
    {"remainder", ct_remainder, floored_remainder, 0.5},
    {"floor_divide", ct_floor_divide, floor_divide, 2},
};

static const float specials[] = {
    0,         1,         2,          3,      0.5f,    1.5f,           0x1p-149f,      0x1p-126f,       0x1.8p-127f,
    1 / 3.0f,  127,       128,        126,    149,     150,            1e30f,          1e-30f,          3.4028235e38f,
    8388607.5f, 8388609,  16777215,   16777216, 0x1p25f, 0x1.fffffep-1f, 0x1.000002p+0f, INFINITY,        NAN};
enum { SPECIALS = 2 * sizeof specials / sizeof *specials };

static float special(int i) {
    return i % 2 ? -specials[i / 2] : specials[i / 2];
}

static void check_pairs(int at, ct_tensor *x, ct_tensor *y) {
    CT_SCOPED;
    const float *a = ct_data(x), *b = ct_data(y), *got = ct_data(pairs[at].function(x, y));
    for (int64_t i = 0; i < ct_numel(x); i++) {
        double want = pairs[at].reference(a[i], b[i]), ulps = math_ulps(got[i], want);
        ck_assert_msg(ulps <= pairs[at].ulps, "%s, %s, of %a and %a: %a, expected %a: %g ulp", pairs[at].name, ct_simd(),
                      (double)a[i], (double)b[i], (double)got[i], want, ulps);
    }
}

/* C99's annex F, by way of libm. */
START_TEST(pairs_of_special_numbers) {
    ct_tensor *x = ct_empty(CT_F32, CT_DIMS(SPECIALS * SPECIALS)), *y = ct_empty(CT_F32, CT_DIMS(SPECIALS * SPECIALS));
    for (int i = 0; i < SPECIALS * SPECIALS; i++) {
        ((float *)ct_data(x))[i] = special(i / SPECIALS);
        ((float *)ct_data(y))[i] = special(i % SPECIALS);
    }
    FOR_EACH_TABLE(table) {
        tensor_simd_force(table);
        check_pairs(_i, x, y);
    }
    assert_no_error();
}
END_TEST

/* Any bits; numbers of common size; y = x times a number near 1. */
START_TEST(pairs_of_random_numbers) {
    ct_tensor *x = ct_empty(CT_F32, CT_DIMS(4 * SAMPLES)), *y = ct_empty(CT_F32, CT_DIMS(4 * SAMPLES));
    float *a = ct_data(x), *b = ct_data(y);
    uint64_t seed = 5;
    for (int i = 0; i < 4 * SAMPLES; i++) {
        a[i] = i % 4 == 0 ? from_bits(random_bits(&seed)) : (float)ldexp(random_unit(&seed), i / 4 % 9 - 4);
        float other = from_bits(random_bits(&seed));
        float usual = (float)((random_unit(&seed) - 0.5) * (i % 8 ? 20 : 200));
        float near = a[i] * (float)(0.5 + random_unit(&seed));
        b[i] = i % 4 == 0 ? other : i % 4 == 1 ? usual : i % 4 == 2 ? near : -usual * a[i];
    }
    FOR_EACH_TABLE(table) {
        tensor_simd_force(table);
        check_pairs(_i, x, y);
    }
    assert_no_error();
}
END_TEST

/* Among others as alone: a row that holds some far quotient goes another way. */
START_TEST(pairs_do_not_depend_on_the_place) {
    enum { N = 3 * SPECIALS };
    float a[N], b[N], alone[N];
    uint64_t seed = 11;
    FOR_EACH_TABLE(table) {
        CT_SCOPED;
        tensor_simd_force(table);
        for (int i = 0; i < N; i++) {
            a[i] = i % 5 ? (float)(random_unit(&seed) * 100 - 50) : special(i / 3);
            b[i] = i % 3 ? (float)(random_unit(&seed) * 4 - 2) : special(i * 7 % SPECIALS);
            ct_tensor *x = ct_from_data(CT_F32, a + i, CT_DIMS(1)), *y = ct_from_data(CT_F32, b + i, CT_DIMS(1));
            alone[i] = *(float *)ct_data(pairs[_i].function(x, y));
        }
        ct_tensor *x = ct_from_data(CT_F32, a, CT_DIMS(N)), *y = ct_from_data(CT_F32, b, CT_DIMS(N));
        assert_allclose(pairs[_i].name, pairs[_i].function(x, y), ct_from_data(CT_F32, alone, CT_DIMS(N)), 0, 0);
        for (int64_t length = 0; length <= 67; length++) {
            ct_tensor *part = pairs[_i].function(ct_narrow(x, 0, 2, length), ct_narrow(y, 0, 2, length));
            assert_allclose(pairs[_i].name, part, ct_from_data(CT_F32, alone + 2, CT_DIMS(length)), 0, 0);
        }
    }
}
END_TEST

/* ---- derivatives that have kernels of their own ---- */

static double silu_slope(double x) {
    double s = 1 / (1 + exp(-x));
    return s + x * s * (1 - s);
}

static double gelu_slope(double x) {
    return 0.5 * erfc(-x * 0.70710678118654752440) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
}

static ct_tensor *gelu(ct_tensor *x) {
    return ct_gelu(x, false);
}

static void check_slope(const char *name, ct_tensor *(*function)(ct_tensor *), double (*slope)(double)) {
    CT_SCOPED;
    enum { N = 4001 };
    ct_tensor *x = ct_empty(CT_F32, CT_DIMS(N)), *want = ct_empty(CT_F64, CT_DIMS(N));
    for (int i = 0; i < N; i++) {
        float at = (float)(i - N / 2) / 100;
        ((float *)ct_data(x))[i] = at;
        ((double *)ct_data(want))[i] = slope(at);
    }
    ct_set_requires_grad(x, true);
    ct_backward(ct_sum(function(x)));
    assert_allclose(name, ct_grad(x), want, 4e-6, 2.5e-7);
}

START_TEST(slopes) {
    FOR_EACH_TABLE(table) {
        tensor_simd_force(table);
        check_slope("silu", ct_silu, silu_slope);
        check_slope("gelu", gelu, gelu_slope);
    }
}
END_TEST

Suite *math_suite(void) {
    Suite *suite = suite_create("math");
    const int pair_count = sizeof pairs / sizeof *pairs;
    TCase *one = support_case(suite, "one operand"), *two = support_case(suite, "two operands");
    tcase_add_loop_test(one, functions_are_as_good_as_they_say, 0, math_case_count);
    tcase_add_loop_test(one, results_do_not_depend_on_the_place, 0, math_case_count);
    tcase_add_loop_test(one, results_do_not_depend_on_threads, 0, math_case_count);
    tcase_add_test(one, slopes);
    tcase_add_loop_test(two, pairs_of_special_numbers, 0, pair_count);
    tcase_add_loop_test(two, pairs_of_random_numbers, 0, pair_count);
    tcase_add_loop_test(two, pairs_do_not_depend_on_the_place, 0, pair_count);
    return suite;
}
