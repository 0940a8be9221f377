/* Functions that float carries too few digits for, in double, rounded once. */

/* 2^n and m of x = 2^n m > 0, √½ <= m < √2. Logical shifts only: not every machine has others of 64 bits. */
typedef struct {
    double n, m, inverse; /* 2^-n */
} WideParts;

static inline WideParts wide_parts(double x) {
    const int64_t one = 0x3ff0000000000000;
    int64_t k = (int64_t)((uint64_t)(bits_of_f64(x) - 0x3fe6a09e667f3bcd + one) >> 52); /* n + 1023 */
    return (WideParts){from_bits_f64(k | 0x4330000000000000) - (0x1p52 + 1023),
                       from_bits_f64(bits_of_f64(x) - (k << 52) + one), from_bits_f64((2046 - k) << 52)};
}

/* log(1 + z), z > -1, to 4e-8. */
static inline double log1p_wide(double z) {
    WideParts parts = wide_parts(1.0 + z);
    double f = z * parts.inverse + (parts.inverse - 1.0);
    return f + f * f * log_rest_f32((float)f) + parts.n * 0.69314718055994531;
}

static inline float asinh_f32(float x) {
    double size = magnitude_f32(x), square = size * size;
    float y = (float)log1p_wide(size + square / (1.0 + sqrt(1.0 + square)));
    return with_sign_f32(size < (double)INFINITY ? y : (float)size, x);
}

static inline float acosh_f32(float x) {
    double less = x - 1.0;
    float y = (float)log1p_wide(less + sqrt(less * (x + 1.0)));
    return x < 1.0f ? NAN : x < INFINITY ? y : x;
}

static inline float atanh_f32(float x) {
    double size = magnitude_f32(x);
    float y = (float)(0.5 * log1p_wide(2.0 * size / (1.0 - size)));
    return with_sign_f32(size < 1.0 ? y : size == 1.0 ? INFINITY : NAN, x);
}

static inline float hypot_f32(float x, float y) {
    double width = x, height = y;
    float result = (float)sqrt(width * width + height * height);
    return magnitude_f32(x) == INFINITY || magnitude_f32(y) == INFINITY ? INFINITY : result;
}

/* log2 m by s = (m - 1) / (m + 1): log m = 2 artanh s. To 4e-12. */
static inline double log2_wide(double x) {
    WideParts parts = wide_parts(x);
    double s = (parts.m - 1.0) / (parts.m + 1.0), square = s * s;
    double p = 0x1.5ce85dea29d54p-2;
    p = p * square + 0x1.a58d887a15e0ep-2;
    p = p * square + 0x1.27777fe86afd3p-1;
    p = p * square + 0x1.ec709d12d18a7p-1;
    p = p * square + 0x1.71547652bedf0p+1;
    return p * s + parts.n;
}

/* 2^x, |x| < 1000, to 2e-9. */
static inline double exp2_wide(double x) {
    double shifted = x + 0x1.8p52, r = x - (shifted - 0x1.8p52);
    double p = 0x1.41d2f0ec12d26p-13;
    p = p * r + 0x1.5f4597853be18p-10;
    p = p * r + 0x1.3b2dbc99ffbddp-7;
    p = p * r + 0x1.c6aed461803bdp-5;
    p = p * r + 0x1.ebfbdadabc464p-3;
    p = p * r + 0x1.62e430c827896p-1;
    p = p * r + 0x1.00000002626cap+0;
    return from_bits_f64(bits_of_f64(p) + (bits_of_f64(shifted) << 52));
}

/* 2^(y log2|x|), and the cases of C99's annex F, as masks: truth values would become branches. */
static inline float pow_f32(float x, float y) {
    float size = magnitude_f32(x), degree = magnitude_f32(y);
    int32_t extreme = (size == 0) | (size == INFINITY); /* there log2_wide is about ∓1024 */
    double exponent = log2_wide(size) * y * (extreme ? 1e60 : 1.0);
    exponent = 200.0 < exponent ? 200.0 : exponent;
    exponent = -200.0 > exponent ? -200.0 : exponent;
    float power = (float)exp2_wide(exponent);
    float added = degree < 0x1p23f ? 0x1p23f : 0.0f, rounded = degree + added;
    int32_t whole = rounded - added == degree, odd = bits_of_f32(rounded) & whole & (degree < 0x1p24f);
    power = from_bits_f32(bits_of_f32(power) ^ (bits_of_f32(x) & (int32_t)((uint32_t)odd << 31)));
    int32_t real = (x >= 0) | (x == -INFINITY) | (whole & (x < 0));
    power = real ? power : NAN;
    int32_t one = (x == 1.0f) | (y == 0) | ((size == 1.0f) & (degree == INFINITY));
    return one ? 1.0f : power;
}
