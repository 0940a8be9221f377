/* The normal distribution and its kin in f32. */

/* ---- gelu: x Φ(x) = max(x, 0) - a Q(a), a = |x|, Q(a) = 1 - Φ(a) = e^(-a²/2) R(a) ---- */

/* R is an own minimax polynomial in (a - 3.5) / (a + 3.5), to 2e-8 (1 + a²/2): as a² is rounded, no more is left of it.
 * From 14.5 on Q is 0 in float. */
typedef struct {
    float a, ratio; /* min(|x|, 14.5) and R */
    float power;    /* e^r 2^-32, so that only a product with it can be denormal */
    int32_t n;      /* (32 + n) << 23; e^(-a²/2) = 2^n e^r */
} NormalTail;

static inline NormalTail normal_tail_f32(float x) {
    float size = magnitude_f32(x);
    int32_t limited = bits_of_f32(size) < bits_of_f32(14.5f) ? bits_of_f32(size) : bits_of_f32(14.5f); /* NaN too */
    float a = from_bits_f32(limited), t = (a - 3.5f) / (a + 3.5f);
    float p = 0x1.4c3b66p-13f;
    p = p * t + 0x1.79a922p-12f;
    p = p * t - 0x1.70c316p-10f;
    p = p * t - 0x1.986100p-10f;
    p = p * t + 0x1.3878b2p-6f;
    p = p * t - 0x1.f8f2b6p-5f;
    p = p * t + 0x1.01c02ap-3f;
    p = p * t - 0x1.7f431ep-3f;
    p = p * t + 0x1.b396fcp-4f;
    float shifted = a * a * -0.721347520f + magic_f32;
    float w = a * a + (shifted - magic_f32) * 1.38629436f; /* -2r */
    float e = 0x1.6a2350p-48f; /* expm1_near_f32's numbers */
    e = e * w - 0x1.123a6cp-44f;
    e = e * w + 0x1.5558f4p-41f;
    e = e * w - 0x1.555490p-38f;
    e = e * w + 0x1.fffffcp-36f;
    e = e * w - 0x1p-33f;
    e = e * w + 0x1p-32f;
    return (NormalTail){a, p, e, (bits_of_f32(shifted) << 23) + (32 << 23)};
}

static inline float gelu_f32(float x) {
    NormalTail tail = normal_tail_f32(x);
    float q = tail.power * from_bits_f32(bits_of_f32(tail.ratio) + tail.n);
    return (-0.0f > x ? -0.0f : x) - tail.a * q;
}

/* Φ(x) + x φ(x) = s for x < 0, else 1 - s, where s = Q(a) - a φ(a). */
static inline float gelu_derivative_f32(float x) {
    NormalTail tail = normal_tail_f32(x);
    float s = tail.power * power_of_two_f32(tail.n) * (tail.ratio - tail.a * 0.398942280f);
    return x < 0 ? s : x == x ? 1.0f - s : x;
}

/* ---- the error function ---- */

/* x + x p(x²) near 0; from there to 3.95, where it rounds to 1, 1 - e^-h(x) with a polynomial h of erfc = e^-h. */
static inline float erf_f32(float x) {
    float size = magnitude_f32(x), square = size * size, a = 3.95f < size ? 3.95f : size;
    float p = -0x1.3a1302p-11f; /* to 1.6e-8 */
    p = p * square + 0x1.473a7cp-8f;
    p = p * square - 0x1.b68b20p-6f;
    p = p * square + 0x1.ce1a68p-4f;
    p = p * square - 0x1.8126e6p-2f;
    p = p * square + 0x1.06eba8p-3f;
    float h = 0x1.174a18p-16f; /* to 2e-8 of erf */
    h = h * a - 0x1.873ff4p-12f;
    h = h * a + 0x1.f4d66ap-9f;
    h = h * a - 0x1.8a08b2p-6f;
    h = h * a + 0x1.b3c7dcp-4f;
    h = h * a + 0x1.454260p-1f;
    h = h * a + 0x1.20e31ap+0f;
    h = h * a + 0x1.0294f6p-14f;
    Reduced reduced = reduced_f32(-h, 127);
    float scale = power_of_two_f32(reduced.n << 23);
    float large = 1.0f - (reduced.power * scale + scale);
    return with_sign_f32(size < 0.921875f ? size * p + size : large, x);
}

/* e^(-x²) R(x) for x >= 0, in double, with R a polynomial in (x - 3) / (x + 3), to 1.4e-9; 2 less that for x < 0. */
static inline float erfc_f32(float x) {
    const double magic = 0x1.8p52;
    float size = magnitude_f32(x);
    double a = 10.1f < size ? 10.1f : size, t = (a - 3.0) / (a + 3.0);
    double p = 0x1.d49e0e755abadp-15;
    p = p * t + 0x1.e277b70a2a72fp-16;
    p = p * t - 0x1.37c1619dc06e5p-11;
    p = p * t + 0x1.7747463223060p-11;
    p = p * t + 0x1.17c49492d581bp-8;
    p = p * t - 0x1.8facd9d016793p-6;
    p = p * t + 0x1.258b18b280eecp-4;
    p = p * t - 0x1.336fe727c3646p-3;
    p = p * t + 0x1.f6ff1fc3a23c8p-3;
    p = p * t - 0x1.4e102bddefedfp-2;
    p = p * t + 0x1.6e9827d4dec1bp-3;
    double square = a * a, shifted = square * -1.44269504088896341 + magic;
    double r = (magic - shifted) * 0.69314718055994531 - square;
    double scale = from_bits_f64(bits_of_f64(p) + (bits_of_f64(shifted) << 52));
    double y = expm1_near_f32((float)r) * scale + scale;
    return (float)(x < 0 ? 2.0 - y : y);
}

/* x times a polynomial in w = -log(1 - x²), in double: of w itself in the middle, to 1e-9, of √w in the tails, to 7e-9.
 * The shape is that of Giles, Approximating the erfinv function, 2012. */
static inline float erfinv_f32(float x) {
    double w = -log1p_wide(-(double)x * x), m = w - 2.5, t = sqrt(w) - 3.0;
    double p = -0x1.51bf2189458fap-27;
    p = p * m + 0x1.678e6e8a6239ap-26;
    p = p * m + 0x1.ff4b46c7ccc1ep-22;
    p = p * m - 0x1.cdfc15244fc2bp-19;
    p = p * m - 0x1.4f3736fc7df54p-18;
    p = p * m + 0x1.c9c8012d91c71p-13;
    p = p * m - 0x1.4863a4f6406e2p-10;
    p = p * m - 0x1.11c414f9472f8p-8;
    p = p * m + 0x1.f91e89690a499p-3;
    p = p * m + 0x1.805c5d03c7d5ep+0;
    double q = 0x1.18fa4fd2394c9p-13;
    q = q * t - 0x1.55829433de52ep-12;
    q = q * t - 0x1.528a00d43991ap-14;
    q = q * t + 0x1.8a294540c25eap-10;
    q = q * t - 0x1.d6145b8a2b064p-9;
    q = q * t + 0x1.744748c96e7cap-8;
    q = q * t - 0x1.f4a5fd00b919cp-8;
    q = q * t + 0x1.358688321d5b3p-7;
    q = q * t + 0x1.006dc70c5c437p+0;
    q = q * t + 0x1.6a9efbc5f4a9fp+1;
    float size = magnitude_f32(x), y = (float)(x * (w < 4.5 ? p : q));
    return size < 1.0f ? y : size == 1.0f ? x * INFINITY : NAN;
}
