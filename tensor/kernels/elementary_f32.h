/* Elementary functions without branches, so that the compiler vectorises loops over them; within 2 ulp, and right at NaN,
 * infinities, zeros and denormals. Reductions and polynomials: Cody and Waite, 1980; Moshier's Cephes (f32); fdlibm (log,
 * f64). Held against libm by tests/test_math.c. */

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

/* ---- exp: x = n ln 2 + r, |r| <= ln 2 / 2; 2^n in two factors, so that denormal results round once ---- */

static inline float exp_f32(float x) {
    const float magic = 12582912.0f; /* 1.5 · 2^23: its sum with n has n in the low bits */
    float bounded = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
    float shifted = bounded * 1.44269504088896341f + magic, n = shifted - magic;
    int32_t exponent = bits_of_f32(shifted) - 0x4b400000, half = exponent >> 1;
    float r = bounded - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    float y = p * from_bits_f32((half + 127) << 23) * from_bits_f32((exponent - half + 127) << 23);
    return x != x ? x : y;
}

/* ---- log: x = 2^n (1 + f), √½ <= 1 + f < √2 ---- */

static inline float log_f32(float x) {
    bool denormal = x < 1.17549435e-38f;
    float scaled = denormal ? x * 8388608.0f : x; /* 2^23 */
    int32_t bits = bits_of_f32(scaled), n = (bits - 0x3f3504f3) >> 23;
    float f = from_bits_f32(bits - (n << 23)) - 1.0f, e = (float)(n - (denormal ? 23 : 0));
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float square = f * f, y = p * f * square + e * -2.12194440e-4f - 0.5f * square;
    y = f + y + e * 0.693359375f;
    y = x == INFINITY ? x : y;
    return x > 0 ? y : x == 0 ? -INFINITY : x < 0 ? NAN : x;
}

/* ---- from these ---- */

static inline float sigmoid_f32(float x) {
    float z = exp_f32(x < 0 ? x : -x);
    return (x < 0 ? z : 1.0f) / (1.0f + z);
}

static inline float tanh_f32(float x) {
    float size = x < 0 ? -x : x, square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    float small = p * square * x + x, large = 1.0f - 2.0f / (exp_f32(2.0f * size) + 1.0f);
    large = x < 0 ? -large : large;
    return size < 0.625f ? small : large;
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
