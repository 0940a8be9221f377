/* Special functions in double that libm lacks. */

#define EULER_PI 3.14159265358979323846

/* Double divides with remainder in one way. */
static inline bool is_near_quotient_f64(double x, double y) {
    (void)x, (void)y;
    return false;
}
#define fmod_near_f64 fmod_f64
#define remainder_near_f64 remainder_f64
#define floor_divide_near_f64 floor_divide_f64

#define lgamma_r_f(x, sign) lgammaf_r(x, sign)
#define lgamma_r_(x, sign) lgamma_r(x, sign)

/* From -40 on Φ is 0. */
static inline double gelu_f64(double x) {
    double bounded = x < -40 ? -40 : x;
    return bounded * 0.5 * erfc_f64(-bounded * 0.70710678118654752440);
}

/* Φ(x) + x φ(x) */
static inline double gelu_derivative_f64(double x) {
    return 0.5 * erfc_f64(-x * 0.70710678118654752440) + x * 0.39894228040143267794 * exp_f64(-0.5 * x * x);
}

/* Winitzki's approximation (2008), then Halley steps on erf(y) - x, which cube the error each time. */
static double erfinv_f64(double x) {
    if (!(x > -1 && x < 1)) return x == 1 || x == -1 ? x * INFINITY : NAN;
    const double a = 0.147;
    double l = log1p(-x * x), u = 2 / (EULER_PI * a) + l / 2;
    double y = fabs(x) < 1e-3 ? x : copysign(sqrt(sqrt(u * u - l / a) - u), x);
    for (int i = 0; i < 3 && y != 0; i++) {
        double error = fabs(x) < 0.5 ? erf(y) - x : y > 0 ? (1 - x) - erfc(y) : erfc(-y) - (1 + x);
        double step = error / (2 / sqrt(EULER_PI) * exp(-y * y));
        y -= step / (1 + y * step);
    }
    return y;
}

/* Recurrence up to x >= 10, then the asymptotic series (Abramowitz and Stegun, 6.3.18); reflection for x < 0. */
static double digamma_of(double x) {
    if (x == 0) return copysign(INFINITY, -x);
    double result = 0;
    if (x < 0) {
        if (x == floor(x)) return NAN;
        double whole;
        double fraction = modf(x, &whole);
        result = -EULER_PI / tan(EULER_PI * fraction);
        x = 1 - x;
    }
    for (; x < 10; x += 1) result -= 1 / x;
    double z = 1 / (x * x);
    double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 -
                    z * (691.0 / 32760 - z * (1.0 / 12)))))));
    return result + log(x) - 0.5 / x - series;
}

/* The Hurwitz zeta function Σ 1/(k + q)^s by Euler-Maclaurin (nine terms summed, then eight Bernoulli terms). */
static double hurwitz_zeta(double s, double q) {
    static const double bernoulli[] = {1.0 / 12,           -1.0 / 720,           1.0 / 30240,
                                       -1.0 / 1209600,     1.0 / 47900160,       -691.0 / 1307674368000.0,
                                       1.0 / 74724249600.0, -3617.0 / 10670622842880000.0};
    if (q <= 0 && q == floor(q)) return INFINITY;
    double sum = 0;
    while (q < 9) {
        sum += pow(q, -s);
        q += 1;
    }
    double tail = pow(q, -s);
    sum += tail * q / (s - 1) + tail / 2;
    double factor = s, power = tail / q;
    for (int k = 0; k < 8; k++) {
        sum += bernoulli[k] * factor * power;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
        power /= q * q;
    }
    return sum;
}

/* The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! ζ(n + 1, x). */
static double polygamma_of(int n, double x) {
    double zeta = hurwitz_zeta(n + 1, x);
    return (n % 2 ? 1 : -1) * exp(lgamma(n + 1.0)) * zeta;
}
