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

static inline float hypot_f32(float x, float y) {
    double width = x, height = y;
    float result = (float)sqrt(width * width + height * height);
    return magnitude_f32(x) == INFINITY || magnitude_f32(y) == INFINITY ? INFINITY : result;
}

/* n + log2(1 + f) by s = f / (2 + f): log(1 + f) = 2 artanh s. To 7e-10. */
static inline double log2_wide(Parts parts) {
    double f = parts.f, below = 2.0 + f, inverse = 1.0f / (2.0f + parts.f);
    double s = f * (inverse * (2.0 - below * inverse)), square = s * s; /* Newton's step from the float quotient */
    double p = 0x1.ba18f85a8f196p-2;
    p = p * square + 0x1.27471b96d5c2ep-1;
    p = p * square + 0x1.ec70e607d71d2p-1;
    p = p * square + 0x1.7154764e72bcap+1;
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

/* 2^exponent: beyond ±200, 0 and infinity. */
static inline float power_wide(double exponent) {
    exponent = 200.0 < exponent ? 200.0 : exponent;
    return (float)exp2_wide(-200.0 > exponent ? -200.0 : exponent);
}

/* Negative unless 2^-126 <= x < inf and y is finite. */
static inline int32_t beyond_power_f32(float x, float y) {
    return beyond_positive_f32(x) | (0x7f7fffff - (bits_of_f32(y) & INT32_MAX));
}

static inline float pow_near_f32(float x, float y) {
    return power_wide(log2_wide(parts_near_f32(x)) * y);
}

/* 2^(y log2|x|), and the cases of C99's annex F, as masks: truth values would become branches. */
static inline float pow_f32(float x, float y) {
    float size = magnitude_f32(x), degree = magnitude_f32(y);
    int32_t extreme = (size == 0) | (size == INFINITY); /* there log2_wide is some number of the right sign */
    float power = power_wide(log2_wide(parts_f32(size)) * y * (extreme ? 1e60 : 1.0));
    float added = degree < 0x1p23f ? 0x1p23f : 0.0f, rounded = degree + added;
    int32_t whole = rounded - added == degree, odd = bits_of_f32(rounded) & whole & (degree < 0x1p24f);
    power = from_bits_f32(bits_of_f32(power) ^ (bits_of_f32(x) & (int32_t)((uint32_t)odd << 31)));
    int32_t real = (x >= 0) | (x == -INFINITY) | (whole & (x < 0));
    power = real ? power : NAN;
    int32_t one = (x == 1.0f) | (y == 0) | ((size == 1.0f) & (degree == INFINITY));
    return one ? 1.0f : power;
}
