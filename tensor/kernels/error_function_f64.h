/* The error function and its complement in double; see elementary_f64.h. */

/* erf x, |x| <= 1 */
INLINE_F64 double inner_erf_f64(double x) {
    double z = x * x;
    double p = -7.801188874097751e-10; /* erf x / x - 1, error 2^-57 */
    p = p * z + 1.3722976265924504e-08;
    p = p * z - 1.6209175911748696e-07;
    p = p * z + 1.6447517677871873e-06;
    p = p * z - 1.4924744663335489e-05;
    p = p * z + 0.00012055295320494294;
    p = p * z - 0.0008548325989696758;
    p = p * z + 0.005223977607423468;
    p = p * z - 0.02686617064327622;
    p = p * z + 0.11283791670945253;
    p = p * z - 0.3761263890318355;
    p = p * z + 0.12837916709551256;
    return fused_f64(x, p, x);
}

INLINE_F64 double erf_f64(double x) {
    double size = __builtin_fabs(x), a = size > 5.95 ? 5.95 : size;
    double q = -1.7402372804331294e-11; /* -log erfc a, 1 <= a <= 5.95, error relative to 1 / erfc a 2^-54.9 */
    q = q * a + 6.410395106038312e-10;
    q = q * a - 1.072578290417464e-08;
    q = q * a + 1.0642810869748804e-07;
    q = q * a - 6.753389952822261e-07;
    q = q * a + 2.610505209519579e-06;
    q = q * a - 3.3745259809500337e-06;
    q = q * a - 2.8683929251861274e-05;
    q = q * a + 0.00023219032873839798;
    q = q * a - 0.000922643340238337;
    q = q * a + 0.002102444164560706;
    q = q * a - 0.0005878942867379369;
    q = q * a - 0.018862373002642402;
    q = q * a + 0.10263592626530643;
    q = q * a + 0.6366682560636767;
    q = q * a + 1.1283685489122168;
    q = q * a + 1.0817914236078642e-06;
    return size < 1.0 ? inner_erf_f64(x) : __builtin_copysign(1.0 - exp_f64(-q), x);
}

/* Near 0 it is 1 - erf x, beyond it e^-a² · P(t) / (1 + 2 a) with a = |x|, t = (a - 4) / (a + 4) (Shepherd and Laframboise,
 * Chebyshev approximation of (1 + 2x) exp(x²) erfc x, Mathematics of Computation, 1981). The factors are sums, so that their
 * product rounds once. */
INLINE_F64 double erfc_f64(double x) {
    double size = __builtin_fabs(x), a = size > 28.0 ? 28.0 : size, t = (a - 4.0) / (a + 4.0);
    double p = -1.7176492951560853e-09; /* (1 + 2 a) e^a² erfc a, a <= 28, relative error 2^-56.2 */
    p = p * t - 1.338635377275236e-08;
    p = p * t - 7.778934809231955e-09;
    p = p * t + 1.145615188390652e-07;
    p = p * t + 6.238931254348512e-08;
    p = p * t - 8.342405793485568e-07;
    p = p * t + 3.0195614999289397e-07;
    p = p * t + 5.717295296724654e-06;
    p = p * t - 1.1225282901314623e-05;
    p = p * t - 2.440294148937752e-05;
    p = p * t + 0.00015062247153238188;
    p = p * t - 0.0001992555612819767;
    p = p * t - 0.0007577734048565272;
    p = p * t + 0.005031969763575465;
    p = p * t - 0.016197734048424554;
    p = p * t + 0.0371675155618514;
    p = p * t - 0.06633036581256394;
    p = p * t + 0.09373283499682393;
    p = p * t - 0.10103906603630115;
    p = p * t + 0.0680970542547366;
    p = p * t + 0.015379652102619764;
    p = p * t - 0.1396211168405629;
    double above = fused_f64(p, t, 1.2329951186255526), above_low = fused_f64(p, t, 1.2329951186255526 - above);
    Sum_f64 ratio = quotient_f64((Sum_f64){above, above_low}, sum_f64_of(1.0, 2.0 * a));
    Sum_f64 square = product_f64(a, a);
    double shifted = square.high * -1.44269504088896340736 + SCALE_F64, n = shifted - SCALE_F64;
    double high = -square.high - n * LN2_HIGH_F64, r = high - n * LN2_LOW_F64;
    double lost = ((high - r) - n * LN2_LOW_F64) - square.low;
    Sum_f64 rest = sum_f64_of(r, lost), tail = sum_f64_of(rest.high, exp_tail_f64(rest.high) + rest.low);
    Sum_f64 power = sum_f64_of(1.0, tail.high);
    Sum_f64 y = product_f64(ratio.high, power.high);
    y.low += fused_f64(ratio.high, power.low + tail.low, ratio.low * power.high);
    double right = scale_f64(y.high + y.low, shifted);
    double z = size < 0.5 ? 1.0 - inner_erf_f64(x) : x < 0 ? 2.0 - right : right;
    return x == x ? z : x; /* the sign of NaN, too, is the same everywhere */
}
