/* Circular functions of double; see elementary_f64.h. */

/* ---- sine and cosine: x = k π/2 + r, |r| <= π/2, k even for the sine and odd for the cosine ---- */

/* How large x may be. */
#define CIRCULAR_REACH_F64 0x1p21

/* x - k π/2, |k| < 2^21, as a sum. π/2 in four parts (Cody and Waite): the products by the first three, of 27, 27 and 29 bits,
 * are exact. So are the first two differences, which are multiples of 2^-52 below 2 (or, of x < 1, rounded where the result
 * hardly changes). The error of the last product is below 2^-117, and no double up to 2^21 is closer than 2^-60.5 to a
 * multiple of π/2. */
INLINE_F64 Sum_f64 circular_rest_f64(double x, double k) {
    double t = (x - k * 0x1.921fb54p+0) - k * 0x1.10b46p-30, r = t - k * 0x1.1a62633p-54;
    return (Sum_f64){r, ((t - r) - k * 0x1.1a62633p-54) - k * 0x1.45c06e0e68948p-86};
}

/* sin r, negated if `half_turns` is odd. */
INLINE_F64 double sin_of_rest_f64(Sum_f64 r, uint64_t half_turns) {
    double z = r.high * r.high;
    double p = 2.7222595229580176e-15; /* (sin r - r) / r³, |r| <= π/2, error relative to r 2^-61.9 */
    p = p * z - 7.643098333442345e-13;
    p = p * z + 1.605894397273154e-10;
    p = p * z - 2.5052106961202436e-08;
    p = p * z + 2.755731921214503e-06;
    p = p * z - 0.00019841269841215374;
    p = p * z + 0.008333333333333212;
    p = p * z - 0.16666666666666666;
    double y = r.high + fused_f64(p, z * r.high, r.low * (1.0 - 0.5 * z));
    return from_bits_f64(bits_of_f64(y) ^ half_turns << 63);
}

INLINE_F64 double sin_near_f64(double x) {
    double shifted = x * 0.31830988618379067154 + ROUND_F64, n = shifted - ROUND_F64;
    double y = sin_of_rest_f64(circular_rest_f64(x, 2.0 * n), bits_of_f64(shifted));
    return __builtin_fabs(x) < 0x1p-27 ? x : y;
}

/* sin(x + π/2); k = 2 n - 1 where x is near (n - 1/2) π. */
INLINE_F64 double cos_near_f64(double x) {
    double size = __builtin_fabs(x), shifted = (size * 0.31830988618379067154 + 0.5) + ROUND_F64;
    double n = shifted - ROUND_F64;
    return sin_of_rest_f64(circular_rest_f64(size, 2.0 * n - 1.0), bits_of_f64(shifted));
}

/* ---- tangent: x = k π/2 + r, |r| <= π/4 ---- */

/* sin r / cos r, both as sums; for odd k, -cos r / sin r. */
INLINE_F64 double tan_near_f64(double x) {
    double shifted = x * 0.63661977236758134308 + ROUND_F64, k = shifted - ROUND_F64;
    Sum_f64 r = circular_rest_f64(x, k);
    double z = r.high * r.high, s = 1.5896759074131587e-10; /* (sin r - r) / r³, error relative to r 2^-58 */
    s = s * z - 2.5050757574838432e-08;
    s = s * z + 2.7557313689130973e-06;
    s = s * z - 0.00019841269829801934;
    s = s * z + 0.00833333333332241;
    s = s * z - 0.16666666666666632;
    double c = -1.1359613543417705e-11; /* (cos r - 1 + r²/2) / r⁴, error 2^-64 */
    c = c * z + 2.0875722646392518e-09;
    c = c * z - 2.7557314348018683e-07;
    c = c * z + 2.4801587289468466e-05;
    c = c * z - 0.0013888888888874105;
    c = c * z + 0.0416666666666666;
    Sum_f64 sine = sum_f64_of(r.high, fused_f64(s, z * r.high, r.low * (1.0 - 0.5 * z)));
    Sum_f64 cosine = sum_f64_of(1.0, -0.5 * z);
    cosine = sum_f64_of(cosine.high, cosine.low + fused_f64(c, z * z, -r.high * r.low));
    bool odd = from_bits_f64(bits_of_f64(shifted) << 63 >> 1) != 0; /* SSE2 compares doubles, but no 64-bit integers */
    Sum_f64 above = {odd ? -cosine.high : sine.high, odd ? -cosine.low : sine.low};
    Sum_f64 below = {odd ? sine.high : cosine.high, odd ? sine.low : cosine.low};
    Sum_f64 q = quotient_f64(above, below);
    return __builtin_fabs(x) < 0x1p-27 ? x : q.high + q.low;
}

/* ---- arc sine and cosine: asin x for |x| < 1/2, else π/2 - 2 asin sqrt((1 - |x|) / 2) ---- */

/* (asin s - s) / s, z = s² <= 1/4, error 2^-58. */
INLINE_F64 double asin_tail_f64(double z) {
    double p = 0.028998874125483222;
    p = p * z - 0.015212438127253425;
    p = p * z + 0.017636788516383315;
    p = p * z + 0.005368862248790659;
    p = p * z + 0.010343929955748742;
    p = p * z + 0.011475856595829429;
    p = p * z + 0.013971561192651324;
    p = p * z + 0.017352368698808223;
    p = p * z + 0.022372173991937087;
    p = p * z + 0.030381944111486255;
    p = p * z + 0.04464285714671502;
    p = p * z + 0.07499999999998246;
    p = p * z + 0.16666666666666669;
    return p * z;
}

static const double half_pi_f64 = 1.57079632679489661923, half_pi_low_f64 = 6.12323399573676603587e-17;

/* Negative where |x| is so large that libm is asked, which is rare. */
INLINE_F64 int64_t beyond_near_f64(double x) {
    return (int64_t)(bits_of_f64(CIRCULAR_REACH_F64) - bits_of_f64(__builtin_fabs(x)));
}

static inline double sin_f64(double x) {
    return beyond_near_f64(x) >= 0 ? sin_near_f64(x) : sin(x);
}

static inline double cos_f64(double x) {
    return beyond_near_f64(x) >= 0 ? cos_near_f64(x) : cos(x);
}

static inline double tan_f64(double x) {
    return beyond_near_f64(x) >= 0 ? tan_near_f64(x) : tan(x);
}

INLINE_F64 double asin_f64(double x) {
    double size = __builtin_fabs(x);
    bool inner = size < 0.5;
    double z = inner ? x * x : 0.5 * (1.0 - size), s = inner ? size : sqrt(z);
    double tail = asin_tail_f64(z), inside = fused_f64(s, tail, s);
    double outer = half_pi_f64 - (2.0 * s + fused_f64(2.0 * s, tail, -half_pi_low_f64));
    return __builtin_copysign(inner ? inside : outer, x);
}

INLINE_F64 double acos_f64(double x) {
    double size = __builtin_fabs(x);
    bool inner = size < 0.5;
    double z = inner ? x * x : 0.5 * (1.0 - size), s = inner ? x : sqrt(z);
    double tail = asin_tail_f64(z), right = 2.0 * fused_f64(s, tail, s);
    double middle = half_pi_f64 - (s + fused_f64(s, tail, -half_pi_low_f64));
    double left = 2.0 * half_pi_f64 - (2.0 * s + fused_f64(2.0 * s, tail, -2.0 * half_pi_low_f64));
    return inner ? middle : x > 0 ? right : left;
}

/* ---- arc tangent of a / b, a, b >= 0, where b / a or a / b is a number; π minus it if `left`. With t = min / max: atan t
 * for t <= tan π/8, else π/4 + atan((t - 1) / (t + 1)). ---- */

INLINE_F64 double atan_quotient_f64(double a, double b, bool left) {
    bool swap = a > b;
    double small = swap ? b : a, large = swap ? a : b;
    bool far = small > 0.41421356237309503 * large;
    Sum_f64 difference = sum_f64_of(-large, small), sum = sum_f64_of(large, small);
    Sum_f64 above = {far ? difference.high : small, far ? difference.low : 0};
    Sum_f64 below = {far ? sum.high : large, far ? sum.low : 0};
    Sum_f64 t = quotient_f64(above, below);
    double z = t.high * t.high, p = 0.016322939023736688; /* (atan t - t) / t³, |t| <= tan π/8, error relative to t 2^-62 */
    p = p * z - 0.034606023681190666;
    p = p * z + 0.04553053822252993;
    p = p * z - 0.05230794277322742;
    p = p * z + 0.058789781511662774;
    p = p * z - 0.06666429451270109;
    p = p * z + 0.07692296647431747;
    p = p * z - 0.09090908763636109;
    p = p * z + 0.11111111105375529;
    p = p * z - 0.1428571428566228;
    p = p * z + 0.19999999999999815;
    p = p * z - 0.3333333333333333;
    double sign = swap != left ? -1.0 : 1.0, turns = far ? 0.5 : 0;
    turns = swap ? 1.0 - turns : turns;
    turns = left ? 2.0 - turns : turns;
    Sum_f64 y = sum_f64_of(turns * 0x1.921fb544p+0, sign * t.high); /* of π/2 the first 31 bits, exact times turns */
    return y.high + (y.low + fused_f64(turns, 0x1.0b4611a626331p-34, sign * fused_f64(p * z, t.high, t.low)));
}

INLINE_F64 double atan_f64(double x) {
    double size = __builtin_fabs(x), y = atan_quotient_f64(clamp_size_f64(size, 0x1p60), 1.0, false);
    return size < 0x1p-30 ? x : __builtin_copysign(y, x);
}

/* As C's Annex F has it. */
INLINE_F64 double atan2_f64(double y, double x) {
    double a = __builtin_fabs(y), b = __builtin_fabs(x), large = a < b ? b : a;
    double scale = large > 0x1p1000 ? 0x1p-100 : large < 1.0 ? 0x1p960 : 1.0;
    double corner_a = a == large ? 1.0 : 0.0, corner_b = b == large ? 1.0 : 0.0;
    bool infinite = large == (double)INFINITY;
    a = infinite ? corner_a : a * scale;
    b = infinite ? corner_b : b * scale;
    b = large == 0 ? 1.0 : b;
    double angle = atan_quotient_f64(a, b, from_bits_f64(bits_of_f64(x) >> 63 << 62) != 0);
    return ((x != x) | (y != y)) ? x + y : __builtin_copysign(angle, y);
}
