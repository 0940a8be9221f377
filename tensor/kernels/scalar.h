/* Functions of one number that libm lacks or words otherwise, for one type. Included once for float (T float,
 * M(f) f##f, S(f) f##_f32) and once for double (T double, M(f) f, S(f) f##_f64). */

static inline T S(softplus)(T x) {
    return (x > 0 ? x : 0) + S(log1p)(S(exp)(-M(fabs)(x)));
}

static inline T S(elu)(T x, T alpha, T divisor) {
    T y = alpha * S(expm1)(x / divisor);
    return x > 0 ? x : y;
}

/* x tanh(log(1 + e^x)); beyond 20 the tanh is 1. */
static inline T S(mish)(T x) {
    T e = S(exp)(x < 20 ? x : 20), square = e * (e + 2); /* (1 + e)² - 1 */
    return x * (square / (square + 2));
}

static inline T S(clamped_log)(T x) {
    T y = S(log)(x);
    return y < -100 ? -100 : y;
}

static inline T S(clamped_log1p)(T x) {
    T y = S(log1p)(x);
    return y < -100 ? -100 : y;
}

static inline T S(fmod)(T x, T y) {
    return M(fmod)(x, y);
}

/* The remainder with the sign of the divisor, from the one with the dividend's. */
static inline T S(floored_remainder)(T r, T y) {
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static inline T S(remainder)(T x, T y) {
    return S(floored_remainder)(M(fmod)(x, y), y);
}

static inline T S(floor_divide)(T x, T y) {
    if (y == 0) return x / y;
    T r = M(fmod)(x, y), quotient = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) quotient -= 1;
    if (quotient == 0) return M(copysign)(0, x / y);
    T floored = M(floor)(quotient);
    return quotient - floored > (T)0.5 ? floored + 1 : floored;
}

static inline T S(lgamma)(T x) {
    int sign;
    return M(lgamma_r_)(x, &sign);
}

static inline T S(digamma)(T x) {
    return (T)digamma_of(x);
}

static inline T S(polygamma)(int n, T x) {
    return (T)polygamma_of(n, x);
}

static inline T S(silu_derivative)(T x) {
    T s = S(sigmoid)(x);
    return s * (1 + x * (1 - s));
}

/* p (1 - p), at least PyTorch's 1e-12, a float in double too. */
static inline T S(clamped_variance)(T p) {
    T variance = p * (1 - p);
    return variance < (T)1e-12f ? (T)1e-12f : variance;
}
