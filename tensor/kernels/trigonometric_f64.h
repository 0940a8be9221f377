/* Circular functions of double; see elementary_f64.h. */

/* ---- sine and cosine: x = k π/2 + r, |r| <= π/2, k even for the sine and odd for the cosine ---- */

/* Beyond it k π/2 would no longer be exact: rows.h then asks libm. */
#define CIRCULAR_REACH_F64 0x1p21

/* x - k π/2, |k| < 2^21, as a sum. π/2 in four parts (Cody and Waite): the products by the first three are exact, and so are
 * the first two differences; no double up to 2^21 is closer than 2^-60.5 to a multiple of π/2, and the error is below 2^-117. */
static inline Sum_f64 circular_rest_f64(double x, double k) {
    double t = (x - k * 0x1.921fb54p+0) - k * 0x1.10b46p-30, r = t - k * 0x1.1a62633p-54;
    return (Sum_f64){r, ((t - r) - k * 0x1.1a62633p-54) - k * 0x1.45c06e0e68948p-86};
}

/* sin r, with the sign of k: -1 to odd halves of k. k + 1.5 · 2^53 is `shifted`. */
static inline double half_turns_f64(Sum_f64 r, uint64_t turns) {
    double z = r.high * r.high;
    double p = 2.7222595229580176e-15; /* (sin r - r) / r³, |r| <= π/2, error relative to r 2^-61.9 */
    p = p * z - 7.643098333442345e-13;
    p = p * z + 1.605894397273154e-10;
    p = p * z - 2.5052106961202436e-08;
    p = p * z + 2.755731921214503e-06;
    p = p * z - 0.00019841269841215374;
    p = p * z + 0.008333333333333212;
    p = p * z - 0.16666666666666666;
    double y = r.high + (p * (z * r.high) + r.low * (1.0 - 0.5 * z));
    return from_bits_f64(bits_of_f64(y) ^ turns << 63);
}

static inline double sin_f64(double x) {
    double shifted = x * 0.31830988618379067154 + ROUND_F64, n = shifted - ROUND_F64;
    double y = half_turns_f64(circular_rest_f64(x, 2.0 * n), bits_of_f64(shifted));
    return __builtin_fabs(x) < 0x1p-27 ? x : y;
}

/* sin(x + π/2); k = 2 n - 1 where x is near (n - 1/2) π. */
static inline double cos_f64(double x) {
    double size = __builtin_fabs(x), shifted = (size * 0.31830988618379067154 + 0.5) + ROUND_F64;
    double n = shifted - ROUND_F64;
    return half_turns_f64(circular_rest_f64(size, 2.0 * n - 1.0), bits_of_f64(shifted));
}
