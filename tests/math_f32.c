#include "math_f32.h"

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double logsigmoid(double x) {
    return (x < 0 ? x : 0) - log1p(exp(-fabs(x)));
}
static double silu(double x) {
    return x * sigmoid(x);
}
static double mish(double x) {
    return x * tanh(softplus(x));
}
static double gelu(double x) {
    return x < -40 ? -0.0 : x * 0.5 * erfc(-x * 0.70710678118654752440);
}
static double gelu_tanh(double x) {
    return x / (1 + exp(-1.59576912160573071176 * (x + 0.044715 * x * x * x)));
}
static double elu(double x) {
    return x > 0 ? x : expm1(x);
}
static double selu(double x) {
    return 1.0507009873554804934193349852946 * (x > 0 ? x : 1.6732632423543772848170429916717 * expm1(x));
}

/* libm has no erfinv: Newton's steps on erf(y) - x, or on erfc where that keeps more digits, from a rough start. */
static double erfinv(double x) {
    double size = fabs(x), w = -log1p(-x * x), y = w < 5 ? size : sqrt(w - 0.5 * log(3.14159265358979 * w));
    if (!(size < 1)) return size == 1 ? x * INFINITY : NAN;
    for (int i = 0; i < 40; i++) {
        double slope = 1.12837916709551257390 * exp(-y * y);
        double step = (size < 0.5 ? erf(y) - size : (1 - size) - erfc(y)) / slope;
        y -= fmin(step, 0.5);
        if (fabs(step) <= 1e-15 * y) break;
    }
    return copysign(y, x);
}

static ct_tensor *call_gelu(ct_tensor *x) {
    return ct_gelu(x, false);
}
static ct_tensor *call_gelu_tanh(ct_tensor *x) {
    return ct_gelu(x, true);
}
static ct_tensor *call_elu(ct_tensor *x) {
    return ct_elu(x, 1);
}
static ct_tensor *call_softplus(ct_tensor *x) {
    return ct_softplus(x, 1, 20);
}

const MathCase math_cases[] = {
    {"exp", ct_exp, exp, 2, 0},
    {"exp2", ct_exp2, exp2, 2, 0},
    {"expm1", ct_expm1, expm1, 2, 0},
    {"log", ct_log, log, 2, 0},
    {"log2", ct_log2, log2, 2, 0},
    {"log10", ct_log10, log10, 2, 0},
    {"log1p", ct_log1p, log1p, 2, 0},
    {"sin", ct_sin, sin, 2, 0},
    {"cos", ct_cos, cos, 2, 0},
    {"tan", ct_tan, tan, 2, 0},
    {"asin", ct_asin, asin, 2, 0},
    {"acos", ct_acos, acos, 2, 0},
    {"atan", ct_atan, atan, 2, 0},
    {"sinh", ct_sinh, sinh, 2, 0},
    {"cosh", ct_cosh, cosh, 2, 0},
    {"tanh", ct_tanh, tanh, 2, 0},
    {"asinh", ct_asinh, asinh, 2, 0},
    {"acosh", ct_acosh, acosh, 2, 0},
    {"atanh", ct_atanh, atanh, 2, 0},
    {"erf", ct_erf, erf, 2, 0},
    {"erfc", ct_erfc, erfc, 2, 0},
    {"erfinv", ct_erfinv, erfinv, 2, 0},
    {"sigmoid", ct_sigmoid, sigmoid, 2, 0},
    {"softplus", call_softplus, softplus, 3, 0},
    {"logsigmoid", ct_logsigmoid, logsigmoid, 3, 0},
    {"elu", call_elu, elu, 2, 0},
    {"selu", ct_selu, selu, 4, 0},
    {"silu", ct_silu, silu, 4, PRODUCT},
    {"mish", ct_mish, mish, 5, PRODUCT},
    {"gelu", call_gelu, gelu, 6, GAUSSIAN | PRODUCT}, /* 3 with fused multiply-adds */
    {"gelu_tanh", call_gelu_tanh, gelu_tanh, 5, GAUSSIAN | PRODUCT},
};
const int math_case_count = sizeof math_cases / sizeof *math_cases;

static double unit_of(float x) {
    int exponent;
    frexpf(x, &exponent);
    return x == 0 || exponent < -125 ? 0x1p-149 : ldexp(1, exponent - 24);
}

/* An infinity counts as 2^128, so that an overflow of a value just below is no more than an error. */
static double number_of(double x) {
    return isinf(x) ? copysign(0x1p128, x) : x;
}

double math_ulps(float got, double want) {
    const float rounded = (float)want;
    if (isnan(rounded) || isnan(got)) return isnan(rounded) && isnan(got) ? 0 : INFINITY;
    if (want == 0 && got == 0) return signbit(rounded) == signbit(got) ? 0 : INFINITY;
    if (isinf(rounded) || isinf(got)) return rounded == got ? 0 : fabs(number_of(got) - number_of(rounded)) * 0x1p-104;
    return fabs(got - want) / unit_of(rounded);
}

double math_allowed(const MathCase *c, float x, double want) {
    double ulps = c->flags & GAUSSIAN ? c->ulps * (1 + fmin(0.5 * x * x, 100)) : c->ulps;
    return c->flags & PRODUCT && isfinite(x) ? ulps + fabsf(x) * (0x1p-149 / unit_of((float)want)) : ulps;
}
