/* Elementary functions without branches, so that the compiler vectorises loops over them; within 2 ulp, and right at
 * NaN, infinities, zeros and denormals. Reductions: Cody and Waite, Software Manual for the Elementary Functions, 1980;
 * Muller, Elementary Functions, 2006. Minimax polynomials are our own, by Remez's exchange; each says its error. Held
 * against libm by tests/test_math.c. A clamp reads `limit < x ? limit : x`, so that NaN passes. */

static inline int32_t bits_of_f32(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float from_bits_f32(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* a·b + c, the product not rounded. For sums of two products too, where the compiler's choice of what to fuse could differ
 * between the vectorised loop and its rest. */
static inline float fused_f32(float a, float b, float c) {
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * b + c);
#endif
}

/* ---- exp: x = n ln 2 + r, |r| <= ln 2 / 2 (Cody and Waite: ln 2 in two parts, the first of 10 bits) ---- */

typedef struct {
    float power; /* e^r - 1 */
    int32_t n;   /* in the low 9 bits, which the shift to the exponent leaves */
} Reduced;

static const float magic_f32 = 0x1.8p23f; /* its sum with n has n in the low bits */

/* e^r - 1 to 4e-9 of e^r, 2e-8 of itself. */
static inline float expm1_near_f32(float r) {
    float p = 0x1.6a2350p-10f;
    p = p * r + 0x1.123a6cp-7f;
    p = p * r + 0x1.5558f4p-5f;
    p = p * r + 0x1.555490p-3f;
    p = p * r + 0x1.fffffcp-2f;
    return p * (r * r) + r;
}

/* n near `real`, at most `largest`: n is limited, not x, so r and e^r grow to infinity and NaN stays NaN without a
 * comparison. From below the caller limits x. */
static inline int32_t rounded_f32(float real, int32_t largest) {
    int32_t n = bits_of_f32(real + magic_f32), limit = bits_of_f32(magic_f32) + largest;
    return n < limit ? n : limit;
}

static inline Reduced reduced_f32(float x, int32_t largest) {
    int32_t n = rounded_f32(x * 1.44269504088896341f, largest);
    float whole = from_bits_f32(n) - magic_f32, r = x - whole * 0.693359375f;
    return (Reduced){expm1_near_f32(r - whole * -2.12194440e-4f), n};
}

static inline float power_of_two_f32(int32_t shifted) { /* 2^n from n << 23 */
    return from_bits_f32(shifted + 0x3f800000);
}

/* 2^n (1 + power), -252 <= n <= 254: in two factors, so that denormal results round once. */
static inline float scaled_f32(Reduced reduced) {
    int32_t half = reduced.n >> 1 << 23, rest = (reduced.n << 23) - half;
    float scale = power_of_two_f32(half);
    return (reduced.power * scale + scale) * power_of_two_f32(rest);
}

static inline float exp_f32(float x) {
    return scaled_f32(reduced_f32(-104.0f > x ? -104.0f : x, 160));
}

static inline float exp2_f32(float x) {
    float bounded = -151.0f > x ? -151.0f : x;
    int32_t n = rounded_f32(bounded, 160);
    float r = (bounded - (from_bits_f32(n) - magic_f32)) * 0.693147181f;
    return scaled_f32((Reduced){expm1_near_f32(r), n});
}

/* 2^x for x that is at most about 0; from -126.5 down it is 0, as the bits of 2^-127 say. */
static inline float exp2_negative_f32(float x) {
    float bounded = -127.0f > x ? -127.0f : x, shifted = bounded + magic_f32, r = (bounded - (shifted - magic_f32)) * 0.693147181f;
    float scale = power_of_two_f32(bits_of_f32(shifted) << 23);
    return expm1_near_f32(r) * scale + scale;
}

/* y where y and x have the same sign, which a sum that is 0 may have lost. */
static inline float with_sign_f32(float y, float x) {
    return from_bits_f32(bits_of_f32(y) | (bits_of_f32(x) & INT32_MIN));
}

static inline float magnitude_f32(float x) {
    return from_bits_f32(bits_of_f32(x) & INT32_MAX);
}

/* 2^n (1 + power) - 1, the last 1 divided by the second factor. */
static inline float expm1_f32(float x) {
    Reduced reduced = reduced_f32(-104.0f > x ? -104.0f : x, 160);
    int32_t half = reduced.n >> 1 << 23, rest = (reduced.n << 23) - half;
    float scale = power_of_two_f32(half), one = power_of_two_f32(-rest);
    return with_sign_f32((reduced.power * scale + (scale - one)) * power_of_two_f32(rest), x);
}

/* 1 / (1 + e^-x), both sides times 2^(-n/2). */
static inline float sigmoid_f32(float x) {
    Reduced reduced = reduced_f32(104.0f < x ? -104.0f : -x, 160);
    int32_t half = reduced.n >> 1 << 23, rest = (reduced.n << 23) - half;
    float scale = power_of_two_f32(rest), one = power_of_two_f32(-half);
    return one / (reduced.power * scale + one + scale);
}

/* With e = e^2|x| - 1: e / (2 + e); where e is small, rounded as e/2 less a smaller correction. */
static inline float tanh_f32(float x) {
    float size = magnitude_f32(x), bounded = 10.0f < size ? 10.0f : size;
    Reduced reduced = reduced_f32(bounded + bounded, 127);
    float scale = power_of_two_f32(reduced.n << 23);
    float e = reduced.power * scale + (scale - 1.0f), y = e / (2.0f + e), half = 0.5f * e;
    return with_sign_f32(reduced.n <= bits_of_f32(magic_f32) + 1 ? half - half * y : y, x);
}

/* e^|x| / 2 ± e^-|x| / 2 */
static inline float cosh_f32(float x) {
    Reduced reduced = reduced_f32(magnitude_f32(x), 160);
    float half = scaled_f32((Reduced){reduced.power, reduced.n - 1});
    return half + 0.25f / half;
}

static inline float sinh_f32(float x) {
    float size = magnitude_f32(x), square = size * size;
    Reduced reduced = reduced_f32(size, 160);
    float half = scaled_f32((Reduced){reduced.power, reduced.n - 1}), large = half - 0.25f / half;
    float p = 0x1.ab3c62p-13f; /* to 2.6e-8 on [0, 1] */
    p = p * square + 0x1.10f77cp-7f;
    p = p * square + 0x1.555598p-3f;
    float small = size * square * p + size;
    return with_sign_f32(size < 1.0f ? small : large, x);
}

/* ---- log: x = 2^n (1 + f), √½ <= 1 + f < √2 ---- */

typedef struct {
    float n, f, power; /* 2^-n where it is wanted */
} Parts;

/* Negative unless 2^-126 <= x < inf, where the logarithm is a number and x no denormal. */
static inline int32_t beyond_positive_f32(float x) {
    return (bits_of_f32(x) - 0x00800000) | (0x7f7fffff - bits_of_f32(x));
}

static inline Parts parts_near_f32(float x) {
    int32_t shifted = bits_of_f32(x) - 0x3f3504f3;
    return (Parts){(float)(shifted >> 23), from_bits_f32((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f, 0.0f};
}

static inline Parts parts_f32(float x) {
    bool denormal = x < 0x1p-126f;
    Parts parts = parts_near_f32(denormal ? (float)bits_of_f32(x) : x);
    return (Parts){parts.n - (denormal ? 149.0f : 0.0f), parts.f, 0.0f};
}

/* (log(1 + f) - f) / f², to 5e-9 of log(1 + f). */
static inline float log_rest_f32(float f) {
    float p = -0x1.383080p-4f;
    p = p * f + 0x1.084872p-3f;
    p = p * f - 0x1.0f375ap-3f;
    p = p * f + 0x1.22719ap-3f;
    p = p * f - 0x1.54276ep-3f;
    p = p * f + 0x1.99a3f2p-3f;
    p = p * f - 0x1.000426p-2f;
    p = p * f + 0x1.555550p-2f;
    return p * f - 0x1.fffff8p-2f;
}

/* y where 0 < x < inf; else inf, -inf, NaN, as a logarithm of x is. */
static inline float log_of_f32(float x, float y) {
    int32_t bits = bits_of_f32(x), below = bits >> 8; /* -inf for ±0, else NaN */
    y = x < INFINITY ? y : x;
    return x > 0 ? y : from_bits_f32(bits | (below & 0x7fffff) | (int32_t)0xff800000);
}

static inline float log_of_parts_f32(Parts parts) {
    float f = parts.f, y = log_rest_f32(f) * (f * f) + f;
    return y + parts.n * 0.693147181f; /* ln 2 to a relative error of 2^-28 */
}

/* The factors 1 / ln 2 and 1 / ln 10 in two parts. */
static inline float log2_of_parts_f32(Parts parts) {
    float f = parts.f, rest = log_rest_f32(f) * (f * f);
    return fused_f32(f, 0x1.715476p0f, fused_f32(rest, 1.44269504f, f * 1.92596303e-8f)) + parts.n;
}

static inline float log10_of_parts_f32(Parts parts) {
    float f = parts.f, rest = log_rest_f32(f) * (f * f);
    float y = fused_f32(f, 0x1.bcb7b2p-2f, fused_f32(rest, 0.434294482f, f * -1.01030501e-8f));
    return parts.n * 0x1.344p-2f + (parts.n * 4.60503898e-6f + y); /* log10 2, of which the first part has 11 bits */
}

static inline float log_near_f32(float x) {
    return log_of_parts_f32(parts_near_f32(x));
}

static inline float log2_near_f32(float x) {
    return log2_of_parts_f32(parts_near_f32(x));
}

static inline float log10_near_f32(float x) {
    return log10_of_parts_f32(parts_near_f32(x));
}

static inline float log_f32(float x) {
    return log_of_f32(x, log_of_parts_f32(parts_f32(x)));
}

static inline float log2_f32(float x) {
    return log_of_f32(x, log2_of_parts_f32(parts_f32(x)));
}

static inline float log10_f32(float x) {
    return log_of_f32(x, log10_of_parts_f32(parts_f32(x)));
}

/* 1 + x = 2^n (1 + f), where f = 2^-n x + (2^-n - 1) is rounded once. */
static inline Parts parts_of_sum_f32(float x) {
    int32_t n = (bits_of_f32(1.0f + x) - 0x3f3504f3) & (int32_t)0xff800000, inverse = 0x3f800000 - n;
    float power = from_bits_f32(inverse > 0 ? inverse : 0);
    return (Parts){(float)(n >> 23), from_bits_f32(bits_of_f32(x) - n) + (power - 1.0f), power};
}

static inline float log1p_f32(float x) {
    return log_of_f32(1.0f + x, with_sign_f32(log_of_parts_f32(parts_of_sum_f32(x)), x));
}

/* log(1 + x + low) + doublings · ln 2, x >= 0 */
static inline float log1p_sum_f32(float x, float low, float doublings) {
    Parts parts = parts_of_sum_f32(x);
    float f = parts.f, y = fused_f32(log_rest_f32(f), f * f, low * parts.power) + f;
    return y + (parts.n + doublings) * 0.693147181f;
}

/* ---- inverses of hyperbolic functions: from 2^30 on, asinh |x| and acosh x are log 2 |x| ---- */

/* With t = x² / (1 + √(1 + x²)): log(1 + |x| + t). */
static inline float asinh_f32(float x) {
    float size = magnitude_f32(x), t = size * size / (1.0f + sqrtf(1.0f + size * size)), sum = size + t;
    bool large = size > 0x1p30f;
    float y = log1p_sum_f32(large ? size : sum, large ? 0.0f : (size - sum) + t, large ? 1.0f : 0.0f);
    return with_sign_f32(size < INFINITY ? y : size, x);
}

/* With t = x - 1: log(1 + t + √(t (t + 2))). */
static inline float acosh_f32(float x) {
    float t = x - 1.0f, root = sqrtf(fused_f32(t, t, t + t)), sum = t + root;
    bool large = x > 0x1p30f;
    float y = log1p_sum_f32(large ? x : sum, large ? 0.0f : (root - sum) + t, large ? 1.0f : 0.0f);
    return x < 1.0f ? NAN : x < INFINITY ? y : x;
}

/* log(1 + 2 |x| / (1 - |x|)) / 2, with what the difference and the quotient lose. */
static inline float atanh_f32(float x) {
    float size = magnitude_f32(x), twice = size + size, below = 1.0f - size, lost = (1.0f - below) - size;
    float inverse = 1.0f / below, q = twice * inverse, rest = fused_f32(-q, below, twice) - q * lost;
    float y = 0.5f * log1p_sum_f32(q, rest * inverse, 0.0f);
    return with_sign_f32(size < 1.0f ? y : size == 1.0f ? INFINITY : NAN, x);
}
