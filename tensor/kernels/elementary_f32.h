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
    float n, f;
} Parts;

static inline Parts parts_f32(float x) {
    bool denormal = x < 0x1p-126f;
    int32_t bits = bits_of_f32(x), shifted = bits_of_f32(denormal ? (float)bits : x) - 0x3f3504f3;
    return (Parts){(float)((shifted >> 23) - (denormal ? 149 : 0)),
                   from_bits_f32((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f};
}

/* (log(1 + f) - f) / f², to 3.5e-8 of log(1 + f). */
static inline float log_rest_f32(float f) {
    float p = 0x1.645eb2p-4f;
    p = p * f - 0x1.2432b6p-3f;
    p = p * f + 0x1.317456p-3f;
    p = p * f - 0x1.53824ap-3f;
    p = p * f + 0x1.98d7f2p-3f;
    p = p * f - 0x1.000382p-2f;
    p = p * f + 0x1.5556d8p-2f;
    return p * f - 0.5f;
}

/* y where 0 < x < inf; else inf, -inf, NaN, as a logarithm of x is. */
static inline float log_of_f32(float x, float y) {
    int32_t bits = bits_of_f32(x), below = bits >> 8; /* -inf for ±0, else NaN */
    y = x < INFINITY ? y : x;
    return x > 0 ? y : from_bits_f32(bits | (below & 0x7fffff) | (int32_t)0xff800000);
}

static inline float log_f32(float x) {
    Parts parts = parts_f32(x);
    float f = parts.f, y = log_rest_f32(f) * (f * f) + f;
    return log_of_f32(x, y + parts.n * 0.693147181f); /* ln 2 to a relative error of 2^-28 */
}

/* 1 / ln 2 and f in two parts, the first of 12 bits: the product of these is exact. */
static inline float log2_f32(float x) {
    Parts parts = parts_f32(x);
    float f = parts.f, high = from_bits_f32(bits_of_f32(f) & -4096), rest = log_rest_f32(f) * (f * f);
    float y = (f - high) * 0x1.714p0f + (rest * 1.44269504f + f * 3.12229164e-4f);
    return log_of_f32(x, high * 0x1.714p0f + y + parts.n);
}

static inline float log10_f32(float x) {
    Parts parts = parts_f32(x);
    float f = parts.f, rest = log_rest_f32(f) * (f * f);
    double y = ((double)f + rest) * 0.43429448190325183 + parts.n * 0.30102999566398120;
    return log_of_f32(x, (float)y);
}

/* 1 + x = 2^n (1 + f), where f = 2^-n x + (2^-n - 1) is rounded once. */
static inline float log1p_f32(float x) {
    float u = 1.0f + x;
    int32_t n = (bits_of_f32(u) - 0x3f3504f3) & (int32_t)0xff800000, inverse = 0x3f800000 - n;
    float f = from_bits_f32(bits_of_f32(x) - n) + (from_bits_f32(inverse > 0 ? inverse : 0) - 1.0f);
    float y = log_rest_f32(f) * (f * f) + f + (float)(n >> 23) * 0.693147181f;
    return log_of_f32(u, with_sign_f32(y, x));
}
