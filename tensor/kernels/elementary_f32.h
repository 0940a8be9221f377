/* Elementary functions without branches, so that the compiler vectorises loops over them; within 2 ulp, and right at NaN,
 * infinities, zeros and denormals. Reductions: Cody and Waite, Software Manual for the Elementary Functions, 1980; Muller,
 * Elementary Functions, 2006. Minimax polynomials are our own, by Remez's exchange; each says its error. Held against libm by
 * tests/test_math.c. Clamps of integers and comparisons are written so that NaN passes. */

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

/* ---- exp: x = n ln 2 + r, |r| <= ln 2 / 2 (Cody and Waite: ln 2 in two parts, the first of 10 bits) ---- */

typedef struct {
    float power; /* e^r - 1 */
    int32_t n;   /* in the low 9 bits, which the shift to the exponent leaves */
} Reduced;

/* From above n is limited, not x: r and e^r grow to infinity, and NaN stays NaN, without a comparison. From below x is to
 * be at least -170. e^r - 1 by own minimax polynomial (Remez), to 4e-9 of e^r. */
static inline Reduced reduced_exp_f32(float x, int32_t largest) {
    const float magic = 12582912.0f; /* 1.5 · 2^23: its sum with n has n in the low bits */
    int32_t n = bits_of_f32(x * 1.44269504088896341f + magic), limit = 0x4b400000 + largest;
    n = n < limit ? n : limit;
    float whole = from_bits_f32(n) - magic, r = x - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    float p = 0x1.6a2350p-10f;
    p = p * r + 0x1.123a6cp-7f;
    p = p * r + 0x1.5558f4p-5f;
    p = p * r + 0x1.555490p-3f;
    p = p * r + 0x1.fffffcp-2f;
    return (Reduced){p * (r * r) + r, n};
}

/* 2^n in two factors, so that denormal results round once. */
static inline float exp_f32(float x) {
    Reduced reduced = reduced_exp_f32(-104.0f > x ? -104.0f : x, 160);
    int32_t half = reduced.n >> 1 << 23, rest = (reduced.n << 23) - half;
    float scale = from_bits_f32(half + 0x3f800000);
    return (reduced.power * scale + scale) * from_bits_f32(rest + 0x3f800000);
}

/* ---- log: x = 2^n (1 + f), √½ <= 1 + f < √2; own minimax polynomial, to 3.5e-8 of the result ---- */

static inline float log_f32(float x) {
    bool denormal = x < 0x1p-126f;
    int32_t bits = bits_of_f32(x), shifted = bits_of_f32(denormal ? (float)bits : x) - 0x3f3504f3;
    float n = (float)((shifted >> 23) - (denormal ? 149 : 0));
    float f = from_bits_f32((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f;
    float p = 0x1.645eb2p-4f;
    p = p * f - 0x1.2432b6p-3f;
    p = p * f + 0x1.317456p-3f;
    p = p * f - 0x1.53824ap-3f;
    p = p * f + 0x1.98d7f2p-3f;
    p = p * f - 0x1.000382p-2f;
    p = p * f + 0x1.5556d8p-2f;
    p = p * f - 0.5f;
    float y = p * (f * f) + f + n * 0.693147181f; /* ln 2 to a relative error of 2^-28 */
    float nonpositive = from_bits_f32(bits | (int32_t)((uint32_t)bits >> 8) | (int32_t)0xff800000); /* 0: -inf, else NaN */
    y = x < INFINITY ? y : x;
    return x > 0 ? y : nonpositive;
}

/* ---- from these ---- */

/* 1 / (1 + e^-x), both sides times 2^(-n/2). */
static inline float sigmoid_f32(float x) {
    Reduced reduced = reduced_exp_f32(104.0f < x ? -104.0f : -x, 160);
    int32_t half = reduced.n >> 1 << 23, rest = (reduced.n << 23) - half;
    float scale = from_bits_f32(rest + 0x3f800000), inverse = from_bits_f32(0x3f800000 - half);
    return inverse / (reduced.power * scale + inverse + scale);
}

/* With e = e^2|x| - 1: e / (2 + e); below ln 2 / 4, where e = 2|x| + …, rounded as e/2 less a small correction. */
static inline float tanh_f32(float x) {
    float size = from_bits_f32(bits_of_f32(x) & INT32_MAX);
    size = 10.0f < size ? 10.0f : size;
    Reduced reduced = reduced_exp_f32(size + size, 127);
    float scale = from_bits_f32((reduced.n << 23) + 0x3f800000);
    float e = reduced.power * scale + (scale - 1.0f), y = e / (2.0f + e), half = 0.5f * e;
    y = reduced.n <= 0x4b400001 ? half - half * y : y;
    return from_bits_f32(bits_of_f32(y) | (bits_of_f32(x) & INT32_MIN));
}

/* x Φ(x) = max(x, 0) - a Q(a), a = |x|, Q(a) = 1 - Φ(a) = e^(-a²/2) R(a), where R is an own minimax polynomial in
 * (a - 3.5) / (a + 3.5), to 2e-8 (1 + a²/2): as a² is rounded, no more is left of it. From 14.5 on Q is 0. The terms of
 * e^r are written in w = -2r and times 2^-32, so that only the last product can be denormal. */
static inline float gelu_f32(float x) {
    const float magic = 12582912.0f;
    int32_t size = bits_of_f32(x) & INT32_MAX;
    float a = from_bits_f32(size < 0x41680000 ? size : 0x41680000);
    float t = (a - 3.5f) / (a + 3.5f);
    float p = 0x1.4c3b66p-13f;
    p = p * t + 0x1.79a922p-12f;
    p = p * t - 0x1.70c316p-10f;
    p = p * t - 0x1.986100p-10f;
    p = p * t + 0x1.3878b2p-6f;
    p = p * t - 0x1.f8f2b6p-5f;
    p = p * t + 0x1.01c02ap-3f;
    p = p * t - 0x1.7f431ep-3f;
    p = p * t + 0x1.b396fcp-4f;
    float square = a * a;
    float shifted = square * -0.72134752044448170f + magic, n = shifted - magic;
    float w = square + n * (2*0.693147181f);
    float e = 0x1.6a2350p-16f * 0x1p-32f;
    e = e * w - 0x1.123a6cp-12f * 0x1p-32f;
    e = e * w + 0x1.5558f4p-9f * 0x1p-32f;
    e = e * w - 0x1.555490p-6f * 0x1p-32f;
    e = e * w + 0x1.fffffcp-4f * 0x1p-32f;
    e = e * w - 0.5f * 0x1p-32f;
    e = e * w + 0x1p-32f;
    float tail = e * from_bits_f32(bits_of_f32(p) + (bits_of_f32(shifted) << 23) + (32 << 23));
    return (-0.0f > x ? -0.0f : x) - a * tail;
}

/* log(1 + x): the rounding of 1 + x is made good. */
static inline float log1p_f32(float x) {
    float u = 1.0f + x, lost = x - (u - 1.0f);
    float y = log_f32(u) + lost / u;
    return u == 1.0f || x == INFINITY ? x : u == 0 ? -INFINITY : y;
}

/* ---- still the system's ---- */

static inline float exp2_f32(float x) {
    return exp2f(x);
}

static inline float expm1_f32(float x) {
    return expm1f(x);
}

static inline float log2_f32(float x) {
    return log2f(x);
}

static inline float log10_f32(float x) {
    return log10f(x);
}

static inline float sin_f32(float x) {
    return sinf(x);
}

static inline float cos_f32(float x) {
    return cosf(x);
}

static inline float tan_f32(float x) {
    return tanf(x);
}

static inline float asin_f32(float x) {
    return asinf(x);
}

static inline float acos_f32(float x) {
    return acosf(x);
}

static inline float atan_f32(float x) {
    return atanf(x);
}

static inline float sinh_f32(float x) {
    return sinhf(x);
}

static inline float cosh_f32(float x) {
    return coshf(x);
}

static inline float asinh_f32(float x) {
    return asinhf(x);
}

static inline float acosh_f32(float x) {
    return acoshf(x);
}

static inline float atanh_f32(float x) {
    return atanhf(x);
}

static inline float erf_f32(float x) {
    return erff(x);
}

static inline float erfc_f32(float x) {
    return erfcf(x);
}

static inline float atan2_f32(float y, float x) {
    return atan2f(y, x);
}

static inline float hypot_f32(float y, float x) {
    return hypotf(y, x);
}

static inline float pow_f32(float x, float y) {
    return powf(x, y);
}
