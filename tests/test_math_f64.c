/* Elementary functions of double in every table of kernels: within 2 ulp of long double's, right at special values, and
 * the same bits wherever an element lies and whoever computes it. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/kernels.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 100000, MAX_LENGTH = 67 };
/* Where long double is no wider, the reference itself may be an ulp off, or two. */
static const double allowed_ulps = LDBL_MANT_DIG > DBL_MANT_DIG ? 2 : 4;

typedef ct_tensor *Unary(ct_tensor *x);
typedef ct_tensor *Binary(ct_tensor *x, ct_tensor *y);

typedef struct {
    const char *name;
    Unary *unary; /* or */
    Binary *binary;
    long double (*reference)(long double x);
    long double (*reference2)(long double x, long double y);
    double lo, hi; /* the interval to look at closely */
} Function;

static long double sigmoidl(long double x) {
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

#define ONE(name_, lo_, hi_) {.name = #name_, .unary = ct_##name_, .reference = name_##l, .lo = lo_, .hi = hi_}
#define TWO(name_) {.name = #name_, .binary = ct_##name_, .reference2 = name_##l, .lo = 0, .hi = 10}

static const Function functions[] = {
    ONE(exp, -746, 710),   ONE(exp2, -1076, 1025), ONE(expm1, -40, 40),  ONE(log, 0, 3),      ONE(log2, 0, 3),
    ONE(log10, 0, 3),      ONE(log1p, -1, 3),      ONE(sin, -30, 30),    ONE(cos, -30, 30),   ONE(tan, -30, 30),
    ONE(asin, -1, 1),      ONE(acos, -1, 1),       ONE(atan, -5, 5),     ONE(sinh, -30, 30),  ONE(cosh, -30, 30),
    ONE(tanh, -20, 20),    ONE(asinh, -5, 5),      ONE(acosh, 1, 5),     ONE(atanh, -1, 1),   ONE(erf, -6, 6),
    ONE(erfc, -6, 28),     ONE(sigmoid, -40, 40),  TWO(pow),             TWO(atan2),          TWO(hypot),
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Ends of ranges, places where a method changes, and what C singles out; each is tried with both signs. */
static const double special[] = {
    0, 1, 2, 3, 0.5, 1.5, INFINITY, NAN, DBL_MAX, DBL_MIN, 4.9406564584124654e-324, 1e-310, 1e-300, 1e300, 0x1p-54, 0x1p-30,
    0x1p-27, 0x1p-60, 0x1p52, 0x1p53, 0x1p52 - 0.5, 0x1p53 - 1, 0x1p54, 0x1p60, 0x1p21, 0.34657359027997264, 0.41421356237309503,
    0.70710678118654757, 1.4142135623730951, 1.5707963267948966, 3.1415926535897931, 22, 44, 5.95, 28, 26.5, 27.226017111108364,
    36.7368005696771, 708.39641853226408, 709.78271289338397, 709.78271289338409, 710.47586007394386, 710.47586007394398,
    745.13321910194122, 745.1332191019411, 1022, 1023.5, 1024, 1074, 1075, 0x1p500, 0x1p-450, 0x1p1000, 7.6000000000000005,
};
enum { SPECIAL = 2 * (int)(sizeof special / sizeof *special) };

static double special_at(int i) {
    return i % 2 ? -special[i / 2] : special[i / 2];
}

/* ---- samples ---- */

static double signed_power(uint64_t *state, double lo, double hi) {
    double size = exp2(lo + (hi - lo) * random_unit(state));
    return random_unit(state) < 0.5 ? -size : size;
}

static double sample(const Function *f, int64_t i, uint64_t *state) {
    switch (i % 6) {
        case 0: return signed_power(state, -1074, 1024);
        case 1: return signed_power(state, -20, 10);
        case 2: return (double)(floorl(1e6L * random_unit(state)) * 1.570796326794896619231321691639751442L);
        case 3: return special_at((int)(SPECIAL * random_unit(state))) * (1 + signed_power(state, -53, -5));
        default: return f->lo + (f->hi - f->lo) * random_unit(state);
    }
}

/* The other operand, mostly so that the result is neither 0 nor infinite. */
static double partner(const Function *f, double x, int64_t i, uint64_t *state) {
    double log_size = fabs(log2(fabs(x)));
    if (i % 7 == 0) return signed_power(state, -1074, 1024);
    if (f->binary != ct_pow) return x * signed_power(state, -30, 30);
    return i % 7 == 1 ? floor(20 * random_unit(state)) - 10 : (2 * random_unit(state) - 1) * 1080 / fmax(log_size, 1e-13);
}

/* All special values (of two operands: all pairs), then samples. */
static int64_t fill(const Function *f, double *x, double *y) {
    uint64_t state = 1;
    int64_t n = 0;
    for (int i = 0; i < SPECIAL; i++)
        for (int j = 0; j < (f->binary ? SPECIAL : 1); j++, n++) {
            x[n] = special_at(i);
            y[n] = special_at(j);
        }
    for (; n < SAMPLES; n++) {
        x[n] = sample(f, n, &state);
        if (f->binary == ct_pow && n % 3 != 0) x[n] = fabs(x[n]);
        y[n] = partner(f, x[n], n, &state);
    }
    return n;
}

static ct_tensor *vector(const double *x, int64_t n) {
    return ct_from_data(CT_F64, x, CT_DIMS(n));
}

static ct_tensor *apply_to(const Function *f, ct_tensor *x, ct_tensor *y) {
    return f->unary ? f->unary(x) : f->binary(x, y);
}

/* ---- accuracy ---- */

/* The distance of got from want, in units of the last place of want as a double; HUGE_VAL if a kind or a sign is wrong. */
static double ulps(double got, long double want) {
    double rounded = (double)want;
    if (isnan(rounded) || isnan(got)) return isnan(rounded) && isnan(got) ? 0 : HUGE_VAL;
    if (!signbit(rounded) != !signbit(got)) return HUGE_VAL;
    if (isinf(rounded) || isinf(got) || want == 0) return got == rounded ? 0 : HUGE_VAL;
    int exponent;
    frexp(rounded, &exponent);
    if (exponent < DBL_MIN_EXP || rounded == 0) exponent = DBL_MIN_EXP;
    return (double)ldexpl(fabsl((long double)got - want), DBL_MANT_DIG - exponent);
}

START_TEST(within_two_ulps) {
    const Function *f = &functions[_i];
    double *x = malloc(SAMPLES * sizeof *x), *y = malloc(SAMPLES * sizeof *y);
    const int64_t n = fill(f, x, y);
    ct_tensor *first = vector(x, n), *second = vector(y, n);
    for (int table = 0; table < tensor_simd_count(); table++) {
        CT_SCOPED;
        tensor_simd_force(table);
        const double *z = ct_data_f64(apply_to(f, first, second));
        for (int64_t i = 0; i < n; i++) {
            long double want = f->unary ? f->reference(x[i]) : f->reference2(x[i], y[i]);
            ck_assert_msg(ulps(z[i], want) <= allowed_ulps, "%s, %s: of %.17g (and %.17g) %.17g, not %.17Lg: %g ulp",
                          f->name, tensor_simd_name(table), x[i], y[i], z[i], want, ulps(z[i], want));
        }
    }
    tensor_simd_force(-1);
    free(x);
    free(y);
}
END_TEST

/* ---- the same bits everywhere ---- */

static ct_tensor *part(ct_tensor *x, int64_t start, int64_t length) {
    return ct_narrow(x, 0, start, length);
}

/* Parts of every length, at odd places, and every second element, have the bits of the whole. */
static void check_places(const Function *f, ct_tensor *x, ct_tensor *y) {
    ct_tensor *whole = apply_to(f, x, y);
    for (int64_t length = 0; length <= MAX_LENGTH; length++) {
        CT_SCOPED;
        int64_t start = length * 37 % 101;
        assert_same_bits(f->name, apply_to(f, part(x, start, length), part(y, start, length)), part(whole, start, length));
    }
    const int64_t end = ct_numel(x);
    assert_same_bits(f->name, apply_to(f, ct_slice(x, 0, 1, end, 2), ct_slice(y, 0, 1, end, 2)), ct_slice(whole, 0, 1, end, 2));
}

START_TEST(place_changes_nothing) {
    const Function *f = &functions[_i];
    double *x = malloc(SAMPLES * sizeof *x), *y = malloc(SAMPLES * sizeof *y);
    const int64_t n = fill(f, x, y);
    for (int table = 0; table < tensor_simd_count(); table++) {
        CT_SCOPED;
        tensor_simd_force(table);
        check_places(f, vector(x + n - 5000, 5000), vector(y + n - 5000, 5000));
    }
    tensor_simd_force(-1);
    free(x);
    free(y);
}
END_TEST

START_TEST(threads_change_nothing) {
    const Function *f = &functions[_i];
    double *x = malloc(SAMPLES * sizeof *x), *y = malloc(SAMPLES * sizeof *y);
    const int64_t n = fill(f, x, y);
    const int threads = ct_num_threads();
    ct_tensor *first = vector(x, n), *second = vector(y, n);
    ct_set_num_threads(1);
    ct_tensor *alone = apply_to(f, first, second);
    ct_set_num_threads(2);
    assert_same_bits(f->name, apply_to(f, first, second), alone);
    ct_set_num_threads(threads);
    free(x);
    free(y);
}
END_TEST

/* A number beyond the reach of the branch-free form changes no neighbour's bits, nor, in place, its own input. */
START_TEST(far_angles_leave_their_neighbours_alone) {
    Unary *const circular[] = {ct_sin, ct_cos, ct_tan};
    double x[600], far[600];
    for (int i = 0; i < 600; i++) x[i] = far[i] = 0.1 * i - 20;
    far[3] = 1e22;
    far[300] = -0x1.8p900;
    for (size_t i = 0; i < sizeof circular / sizeof *circular; i++) {
        double *want = ct_data_f64(circular[i](vector(x, 600)));
        want[3] = ct_item(circular[i](ct_scalar(CT_F64, far[3])));
        want[300] = ct_item(circular[i](ct_scalar(CT_F64, far[300])));
        assert_same_bits("far angles", circular[i](vector(far, 600)), vector(want, 600));
    }
    ck_assert_double_eq(ct_item(ct_sin(ct_scalar(CT_F64, 1e22))), sin(1e22));
}
END_TEST

Suite *math_f64_suite(void) {
    Suite *suite = suite_create("math_f64");
    TCase *accuracy = support_case(suite, "accuracy");
    tcase_set_timeout(accuracy, 60);
    tcase_add_loop_test(accuracy, within_two_ulps, 0, FUNCTIONS);
    TCase *bits = support_case(suite, "bits");
    tcase_add_loop_test(bits, place_changes_nothing, 0, FUNCTIONS);
    tcase_add_loop_test(bits, threads_change_nothing, 0, FUNCTIONS);
    tcase_add_test(bits, far_angles_leave_their_neighbours_alone);
    return suite;
}
