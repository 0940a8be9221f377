/* Elementary functions without branches, so that the compiler vectorises loops over them; within 2 ulp, and right at NaN,
 * infinities, zeros and denormals. Reductions and polynomials: Cody and Waite, 1980; Moshier's Cephes (f32); fdlibm (log,
 * f64). Held against libm by tests/test_math.c. */

static inline int64_t bits_of_f64(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits_f64(int64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- exp: x = n ln 2 + r, |r| <= ln 2 / 2; 2^n in two factors, so that denormal results round once ---- */

static inline double exp_f64(double x) {
    const double magic = 6755399441055744.0; /* 1.5 · 2^52 */
    double bounded = x > 710.0 ? 710.0 : x < -746.0 ? -746.0 : x;
    double shifted = bounded * 1.44269504088896340736 + magic, n = shifted - magic;
    int64_t exponent = bits_of_f64(shifted) - 0x4338000000000000, half = exponent >> 1;
    double r = bounded - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800.0; /* Taylor to r^13 */
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * (r * r) + r + 1.0;
    double y = p * from_bits_f64((half + 1023) << 52) * from_bits_f64((exponent - half + 1023) << 52);
    return x != x ? x : y;
}

/* ---- log: x = 2^n (1 + f), √½ <= 1 + f < √2 ---- */

static inline double log_f64(double x) {
    bool denormal = x < 2.2250738585072014e-308;
    double scaled = denormal ? x * 18014398509481984.0 : x; /* 2^54 */
    int64_t bits = bits_of_f64(scaled), n = (bits - 0x3fe6a09e667f3bcd) >> 52;
    double f = from_bits_f64(bits - (n << 52)) - 1.0, e = (double)(n - (denormal ? 54 : 0));
    double s = f / (2.0 + f), z = s * s, w = z * z;
    double odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double even = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 +
                  w * 1.479819860511658591e-01)));
    double half = 0.5 * f * f;
    double y = e * 6.93147180369123816490e-01 - ((half - (s * (half + odd + even) + e * 1.90821492927058770002e-10)) - f);
    y = x == (double)INFINITY ? x : y;
    return x > 0 ? y : x == 0 ? -(double)INFINITY : x < 0 ? (double)NAN : x;
}

/* ---- from these ---- */

static inline double sigmoid_f64(double x) {
    double z = exp_f64(x < 0 ? x : -x);
    return (x < 0 ? z : 1.0) / (1.0 + z);
}

/* log(1 + x): the rounding of 1 + x is made good. */
static inline double log1p_f64(double x) {
    double u = 1.0 + x, lost = x - (u - 1.0);
    double y = log_f64(u) + lost / u;
    return u == 1.0 || x == (double)INFINITY ? x : u == 0 ? -(double)INFINITY : y;
}

static inline double tanh_f64(double x) {
    return tanh(x);
}

/* ---- still the system's ---- */

static inline double exp2_f64(double x) {
    return exp2(x);
}

static inline double expm1_f64(double x) {
    return expm1(x);
}

static inline double log2_f64(double x) {
    return log2(x);
}

static inline double log10_f64(double x) {
    return log10(x);
}

static inline double sin_f64(double x) {
    return sin(x);
}

static inline double cos_f64(double x) {
    return cos(x);
}

static inline double tan_f64(double x) {
    return tan(x);
}

static inline double asin_f64(double x) {
    return asin(x);
}

static inline double acos_f64(double x) {
    return acos(x);
}

static inline double atan_f64(double x) {
    return atan(x);
}

static inline double sinh_f64(double x) {
    return sinh(x);
}

static inline double cosh_f64(double x) {
    return cosh(x);
}

static inline double asinh_f64(double x) {
    return asinh(x);
}

static inline double acosh_f64(double x) {
    return acosh(x);
}

static inline double atanh_f64(double x) {
    return atanh(x);
}

static inline double erf_f64(double x) {
    return erf(x);
}

static inline double erfc_f64(double x) {
    return erfc(x);
}

static inline double atan2_f64(double y, double x) {
    return atan2(y, x);
}

static inline double hypot_f64(double y, double x) {
    return hypot(y, x);
}

static inline double pow_f64(double x, double y) {
    return pow(x, y);
}
