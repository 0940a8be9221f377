/* Elementary functions of double without branches, so that the compiler vectorises loops over them; within 2 ulp, and
 * right at NaN, infinities, zeros and denormals. Held against long double by tests/test_math_f64.c. Methods: Cody and Waite,
 * Software Manual for the Elementary Functions, 1980; Muller, Elementary Functions, 3rd edition, 2016; fdlibm. Polynomials
 * were computed by Remez's algorithm with 50 digits; each names its interval and error.
 *
 * A compiler may fuse a·b + c or not, as the instruction set allows. Where a rounding error is computed, the product is
 * either exact in double (so that fusing changes nothing) or made by product_f64(). */

/* A call left in a loop would keep it from being vectorised. */
#define INLINE_F64 static inline __attribute__((always_inline))

INLINE_F64 uint64_t bits_of_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE_F64 double from_bits_f64(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A number as the unevaluated sum of two doubles, |low| a few ulp of high at most. */
typedef struct {
    double high, low;
} Sum_f64;

/* a + b: exactly, if |a| >= |b| (Dekker, 1971) or both are multiples of the sum's last place; else to about that place. */
INLINE_F64 Sum_f64 sum_f64_of(double a, double b) {
    double high = a + b;
    return (Sum_f64){high, (a - high) + b};
}

/* a·b exactly, barring overflow and underflow: by one fused operation, or from halves of 26 and 27 bits (Dekker, 1971). */
INLINE_F64 Sum_f64 product_f64(double a, double b) {
    double p = a * b;
#ifdef __FP_FAST_FMA
    return (Sum_f64){p, __builtin_fma(a, b, -p)};
#else
    double a1 = from_bits_f64(bits_of_f64(a) & 0xfffffffff8000000), a2 = a - a1;
    double b1 = from_bits_f64(bits_of_f64(b) & 0xfffffffff8000000), b2 = b - b1;
    return (Sum_f64){p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

/* a·b + c, rounded once where the instruction set can. For sums of two products and for conditional values, where the
 * compiler's choice of what to fuse could differ between the vectorised loop and its rest. */
INLINE_F64 double fused_f64(double a, double b, double c) {
#ifdef __FP_FAST_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* a / b, with the error of the quotient. */
INLINE_F64 Sum_f64 quotient_f64(Sum_f64 a, Sum_f64 b) {
    double inverse = 1.0 / b.high, q = a.high * inverse;
    Sum_f64 p = product_f64(q, b.high);
    return (Sum_f64){q, (((a.high - p.high) - p.low) + (a.low - q * b.low)) * inverse};
}

/* x, or the limit with its sign; NaN stays. */
INLINE_F64 double clamp_size_f64(double x, double limit) {
    return __builtin_fabs(x) > limit ? __builtin_copysign(limit, x) : x;
}

/* ---- exponentials: x = n ln 2 + r, |r| <= ln 2 / 2, n an integer ---- */

/* x + 1.5 · 2^52 is x rounded to an integer, in the low bits. */
#define ROUND_F64 0x1.8p52
/* ln 2 in two parts; the first one times an integer up to 2^11 is exact. */
#define LN2_HIGH_F64 6.93147180369123816490e-01
#define LN2_LOW_F64 1.90821492927058770002e-10

/* e^r - 1 - r, |r| <= ln 2 / 2, error 2^-56.1. */
INLINE_F64 double exp_tail_f64(double r) {
    double p = 2.511009630403349e-08;
    p = p * r + 2.7620140796145187e-07;
    p = p * r + 2.755724221351069e-06;
    p = p * r + 2.4801521185224727e-05;
    p = p * r + 0.00019841269886699926;
    p = p * r + 0.0013888888917285545;
    p = p * r + 0.008333333333322172;
    p = p * r + 0.04166666666662398;
    p = p * r + 0.16666666666666674;
    p = p * r + 0.5000000000000001;
    return p * (r * r);
}

/* The low bits of n + SCALE_F64, shifted into the exponent's place, are 2^(n + 1023): halved, two powers whose product is 2^n,
 * so that a denormal result rounds once. */
#define SCALE_F64 (ROUND_F64 + 2046.0)
INLINE_F64 double scale_f64(double p, double shifted) {
    uint64_t exponents = bits_of_f64(shifted), half = exponents >> 1;
    return p * from_bits_f64(half << 52) * from_bits_f64((exponents - half) << 52);
}

INLINE_F64 double exp_f64(double x) {
    double bounded = clamp_size_f64(x, 750.0), shifted = bounded * 1.44269504088896340736 + SCALE_F64, n = shifted - SCALE_F64;
    double r = (bounded - n * LN2_HIGH_F64) - n * LN2_LOW_F64;
    return scale_f64((exp_tail_f64(r) + r) + 1.0, shifted);
}

INLINE_F64 double exp2_f64(double x) {
    double bounded = clamp_size_f64(x, 1080.0), shifted = bounded + SCALE_F64;
    double r = (bounded - (shifted - SCALE_F64)) * 0.69314718055994530942;
    return scale_f64((exp_tail_f64(r) + r) + 1.0, shifted);
}

/* 2^x for x that is at most about 0; from -1022.5 down it is 0, as the bits of 2^-1023 say. */
INLINE_F64 double exp2_negative_f64(double x) {
    const double magic = ROUND_F64 + 1023.0;
    double bounded = -1023.0 > x ? -1023.0 : x, shifted = bounded + magic, scale = from_bits_f64(bits_of_f64(shifted) << 52);
    double r = (bounded - (shifted - magic)) * 0.69314718055994530942;
    return (exp_tail_f64(r) + r) * scale + scale;
}

/* (e^x - 1) / 4 for x from -44 to 710.48, where sinh overflows: 2^(n-2) (e^r - 1) + (2^(n-2) - 1/4). */
INLINE_F64 Sum_f64 quarter_expm1_f64(double x) {
    const double magic = ROUND_F64 + 1021.0;
    double shifted = x * 1.44269504088896340736 + magic, n = shifted - magic, power = from_bits_f64(bits_of_f64(shifted) << 52);
    double high = x - n * LN2_HIGH_F64, r = high - n * LN2_LOW_F64, lost = (high - r) - n * LN2_LOW_F64;
    Sum_f64 p = sum_f64_of(r, exp_tail_f64(r)), y = sum_f64_of(power - 0.25, power * p.high);
    return (Sum_f64){y.high, y.low + power * (p.low + lost)};
}

INLINE_F64 double expm1_f64(double x) {
    Sum_f64 quarter = quarter_expm1_f64(clamp_size_f64(x < -44.0 ? -44.0 : x, 710.48));
    return __builtin_fabs(x) < 0x1p-60 ? x : 4.0 * (quarter.high + quarter.low);
}

/* With E = e^-2|x| - 1: -E / (2 + E). The quotient q is made good by its derivatives: 2 / (2 + E) is 1 - q. */
INLINE_F64 double tanh_f64(double x) {
    double size = __builtin_fabs(x);
    Sum_f64 e = quarter_expm1_f64(-2.0 * (size > 22.0 ? 22.0 : size)), below = sum_f64_of(0.5, e.high);
    double q = e.high / below.high, y = q + (e.low - q * (below.low + e.low)) * (2.0 - 2.0 * q);
    return size < 0x1p-30 ? x : __builtin_copysign(y, x);
}

/* With E = e^|x| - 1: (E + E / (1 + E)) / 2. */
INLINE_F64 double sinh_f64(double x) {
    Sum_f64 e = quarter_expm1_f64(clamp_size_f64(__builtin_fabs(x), 710.48)), below = sum_f64_of(0.25, e.high);
    Sum_f64 q = quotient_f64(e, (Sum_f64){below.high, below.low + e.low});
    double y = 2.0 * (e.high + (0.25 * q.high + (e.low + 0.25 * q.low)));
    return __builtin_fabs(x) < 0x1p-30 ? x : __builtin_copysign(y, x);
}

INLINE_F64 double cosh_f64(double x) {
    Sum_f64 e = quarter_expm1_f64(clamp_size_f64(__builtin_fabs(x), 710.48)), quarter = sum_f64_of(0.25, e.high);
    return 2.0 * (quarter.high + (quarter.low + e.low + 0.0625 / quarter.high));
}

INLINE_F64 double sigmoid_f64(double x) {
    double z = exp_f64(-__builtin_fabs(x));
    Sum_f64 below = sum_f64_of(1.0, z);
    double y = (x < 0 ? z : 1.0) / below.high;
    return y - y * below.low; /* nearly by below.low / below.high */
}

/* ---- logarithms: x = 2^e (1 + f), √½ <= 1 + f < √2; with s = f / (2 + f),
 * log(1 + f) = 2 artanh s = f - f²/2 + s (f²/2 + R) ---- */

typedef struct {
    double e, f;
    uint64_t biased; /* e + 1023, for x that is not denormal */
} Parts_f64;

/* Negative unless 2^-1022 <= x < inf, where the logarithm is a number and x no denormal. */
INLINE_F64 int64_t beyond_positive_f64(double x) {
    return (int64_t)((bits_of_f64(x) - 0x0010000000000000) | (0x7fefffffffffffff - bits_of_f64(x)));
}

INLINE_F64 Parts_f64 parts_near_f64(double x) {
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcd, two_to_52 = 0x4330000000000000;
    uint64_t shifted = bits_of_f64(x) + (0x3ff0000000000000 - sqrt_half), biased = shifted >> 52;
    double e = from_bits_f64(two_to_52 | biased) - (0x1p52 + 1023.0);
    return (Parts_f64){e, from_bits_f64((shifted & 0x000fffffffffffff) + sqrt_half) - 1.0, biased};
}

INLINE_F64 Parts_f64 parts_f64(double x) {
    bool denormal = x < 0x1p-1022;
    Parts_f64 parts = parts_near_f64(denormal ? x * 0x1p54 : x);
    return (Parts_f64){parts.e - (denormal ? 54.0 : 0.0), parts.f, parts.biased};
}

/* log x = e ln 2 + (f - half) + tail */
typedef struct {
    double e, f, half, tail, s, z;
    uint64_t biased;
} Log_f64;

INLINE_F64 Log_f64 log_parts_f64(Parts_f64 parts) {
    double f = parts.f;
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double p = 0.14618416871215997; /* (2 artanh s - 2 s) / s³, |s| <= 3 - 2√2, error 2^-51.5 */
    p = p * z + 0.15331552896669207;
    p = p * z + 0.18182894545355477;
    p = p * z + 0.22222211054622024;
    p = p * z + 0.28571428626510875;
    p = p * z + 0.399999999998982;
    p = p * z + 0.666666666666667;
    return (Log_f64){parts.e, f, half, s * fused_f64(p, z, half), s, z, parts.biased};
}

/* y, or what the logarithm of x is at the ends of its domain. */
INLINE_F64 double log_domain_f64(double x, double y) {
    double other = x == 0 ? -(double)INFINITY : x < 0 ? (double)NAN : x;
    return ((x > 0) & (x < (double)INFINITY)) ? y : other;
}

INLINE_F64 double log_of_parts_f64(Parts_f64 parts) {
    Log_f64 l = log_parts_f64(parts);
    return l.e * LN2_HIGH_F64 - ((l.half - fused_f64(l.e, LN2_LOW_F64, l.tail)) - l.f);
}

/* log x · (high + low) + e · (e_high + e_low): the larger part of log(1 + f), cut to 21 bits, times `high`, of 32, is exact. */
INLINE_F64 double log_of_base_f64(Parts_f64 parts, double high, double low, double e_high, double e_low) {
    Log_f64 l = log_parts_f64(parts);
    double main = from_bits_f64(bits_of_f64(l.f - l.half) & 0xffffffff00000000), rest = ((l.f - main) - l.half) + l.tail;
    Sum_f64 y = sum_f64_of(l.e * e_high, main * high);
    return y.high + (y.low + l.e * e_low + fused_f64(rest, high, (main + rest) * low));
}

INLINE_F64 double log2_of_parts_f64(Parts_f64 parts) {
    return log_of_base_f64(parts, 1.44269504072144627571e+00, 1.67517131648865118353e-10, 1.0, 0.0);
}

INLINE_F64 double log10_of_parts_f64(Parts_f64 parts) {
    return log_of_base_f64(parts, 4.34294481878168880939e-01, 2.50829467116452752298e-11, 3.01029995663611771306e-01,
                           3.69423907715893078616e-13);
}

INLINE_F64 double log_near_f64(double x) {
    return log_of_parts_f64(parts_near_f64(x));
}

INLINE_F64 double log2_near_f64(double x) {
    return log2_of_parts_f64(parts_near_f64(x));
}

INLINE_F64 double log10_near_f64(double x) {
    return log10_of_parts_f64(parts_near_f64(x));
}

INLINE_F64 double log_f64(double x) {
    return log_domain_f64(x, log_of_parts_f64(parts_f64(x)));
}

INLINE_F64 double log2_f64(double x) {
    return log_domain_f64(x, log2_of_parts_f64(parts_f64(x)));
}

INLINE_F64 double log10_f64(double x) {
    return log_domain_f64(x, log10_of_parts_f64(parts_f64(x)));
}

/* log(1 + x) + doublings · ln 2, x = high + low: the rounding of 1 + x is made good. */
INLINE_F64 double log1p_sum_f64(Sum_f64 x, double doublings) {
    double u = 1.0 + x.high, above = u - 1.0, lost = (1.0 - (u - above)) + (x.high - above) + x.low;
    Log_f64 l = log_parts_f64(parts_near_f64(u));
    double e = l.e + doublings, power = from_bits_f64((2047 - l.biased) << 52); /* 2 · 2^-e */
    double tail = fused_f64(0.5 * lost * power, 1.0 - 2.0 * (l.s - l.z), l.tail); /* 1 / (1 + f) is about 1 - 2 s + 2 s² */
    return log_domain_f64(u, e * LN2_HIGH_F64 - ((l.half - fused_f64(e, LN2_LOW_F64, tail)) - l.f));
}

INLINE_F64 double log1p_f64(double x) {
    double y = log1p_sum_f64((Sum_f64){x, 0}, 0);
    return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

/* log(|x| + sqrt(x² + 1)); beyond 2^54 the root is |x|. */
INLINE_F64 double asinh_f64(double x) {
    double size = __builtin_fabs(x);
    bool large = size > 0x1p54;
    Sum_f64 above = sum_f64_of(size, size * size / (1.0 + sqrt(1.0 + size * size)));
    Sum_f64 shown = {large ? size : above.high, large ? 0 : above.low};
    double y = log1p_sum_f64(shown, large ? 1.0 : 0.0);
    return size < 0x1p-30 ? x : __builtin_copysign(y, x);
}

/* log(x + sqrt(x² - 1)), with t = x - 1: log(1 + t + sqrt(t (t + 2))). */
INLINE_F64 double acosh_f64(double x) {
    bool large = x > 0x1p54;
    double t = x - 1.0, root = sqrt(t * (t + 2.0));
    Sum_f64 above = {t + root, 0};
    above.low = t > root ? (t - above.high) + root : (root - above.high) + t;
    Sum_f64 shown = {large ? x : above.high, large ? 0 : above.low};
    double y = log1p_sum_f64(shown, large ? 1.0 : 0.0);
    return x < 1.0 ? (double)NAN : y;
}

/* log(1 + 2 |x| / (1 - |x|)) / 2 */
INLINE_F64 double atanh_f64(double x) {
    double size = __builtin_fabs(x);
    Sum_f64 q = quotient_f64((Sum_f64){2.0 * size, 0}, sum_f64_of(1.0, -size));
    double y = 0.5 * log1p_sum_f64(q, 0);
    y = size < 1.0 ? y : size == 1.0 ? (double)INFINITY : (double)NAN;
    return size < 0x1p-30 ? x : __builtin_copysign(y, x);
}

/* ---- powers: 2^(y log2 |x|), the logarithm to 2^-66 of itself ---- */

/* e + log2(1 + f). With s = f / (2 + f): e + s (2 / ln 2 + (2/3) / ln 2 s² + …), the sums double. */
INLINE_F64 Sum_f64 log2_sum_f64(Parts_f64 parts) {
    Sum_f64 s = quotient_f64((Sum_f64){parts.f, 0}, sum_f64_of(2.0, parts.f));
    Sum_f64 square = product_f64(s.high, s.high);
    double z = square.high, z_low = square.low + 2.0 * s.high * s.low;
    double p = 0.16915267968079067; /* (2 artanh s - 2 s - 2/3 s³) / (s^5 ln 2), |s| <= 3 - 2√2, error of all 2^-70 */
    p = p * z + 0.168882979588597;
    p = p * z + 0.19238065738705787;
    p = p * z + 0.22195278679596026;
    p = p * z + 0.26230819148612544;
    p = p * z + 0.3205988979670688;
    p = p * z + 0.41219858311114405;
    p = p * z + 0.5770780163555853;
    const double third = 0.9617966939259756, third_low = 5.0577616648125907e-17; /* (2/3) / ln 2 */
    Sum_f64 cubic = product_f64(z, third);
    Sum_f64 factor = sum_f64_of(2.8853900817779268, cubic.high);
    factor.low += cubic.low + (z_low * third + (z * third_low + (z * z * p + 4.0710547481862066e-17)));
    Sum_f64 y = product_f64(s.high, factor.high);
    y.low += fused_f64(s.high, factor.low, s.low * factor.high);
    Sum_f64 whole = sum_f64_of(parts.e, y.high);
    return sum_f64_of(whole.high, whole.low + y.low);
}

/* 2^(y l) */
INLINE_F64 double power_f64(Sum_f64 l, double y) {
    Sum_f64 product = product_f64(y, l.high);
    double bounded = clamp_size_f64(product.high, 1080.0), shifted = bounded + SCALE_F64;
    double rest = __builtin_fabs(product.high) <= 1080.0 ? product.low + y * l.low : 0.0; /* it may be NaN beyond */
    double r = ((bounded - (shifted - SCALE_F64)) + rest) * 0.69314718055994530942;
    return scale_f64((exp_tail_f64(r) + r) + 1.0, shifted);
}

/* Negative unless 2^-1022 <= x < inf and y is finite. */
INLINE_F64 int64_t beyond_power_f64(double x, double y) {
    return beyond_positive_f64(x) | (int64_t)(0x7fefffffffffffff - bits_of_f64(__builtin_fabs(y)));
}

INLINE_F64 double pow_near_f64(double x, double y) {
    return power_f64(log2_sum_f64(parts_near_f64(x)), y);
}

/* As C's Annex F has it. */
INLINE_F64 double pow_f64(double x, double y) {
    double size = __builtin_fabs(x), y_size = __builtin_fabs(y);
    Sum_f64 l = log2_sum_f64(parts_f64(size));
    l.high = size < (double)INFINITY ? l.high : size;
    l.high = size == 0 ? -(double)INFINITY : l.high;
    double z = power_f64(l, y);
    z = ((size == 1.0) | (y == 0)) ? 1.0 : z;
    /* From 2^53 on all numbers are even; below, the sum's last bit says whether y, rounded, is odd. */
    double at_most = y_size > 0x1p53 ? 0x1p53 : y_size, offset = y_size < 0x1p52 ? 0x1p52 : 0.0, sum = at_most + offset;
    double rounded = sum - offset, sign = from_bits_f64(bits_of_f64(x) & bits_of_f64(sum) << 63);
    double broken = ((x < 0) & (x > -(double)INFINITY)) ? (double)NAN : z;
    return rounded == at_most ? __builtin_copysign(z, sign) : broken;
}

/* sqrt(x² + y²), scaled so that no square that counts overflows or underflows. */
INLINE_F64 double hypot_f64(double x, double y) {
    double a = __builtin_fabs(x), b = __builtin_fabs(y), large = a < b ? b : a;
    double scale = large > 0x1p500 ? 0x1p-600 : large < 0x1p-450 ? 0x1p600 : 1.0;
    double back = large > 0x1p500 ? 0x1p600 : large < 0x1p-450 ? 0x1p-600 : 1.0;
    a *= scale;
    b *= scale;
    double z = sqrt(fused_f64(a, a, b * b)) * back;
    return ((__builtin_fabs(x) == (double)INFINITY) | (__builtin_fabs(y) == (double)INFINITY)) ? (double)INFINITY : z;
}

#include "trigonometric_f64.h"
#include "error_function_f64.h"
