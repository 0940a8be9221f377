/* Initialisers: fill a tensor in place, unrecorded. */
#include "internal.h"
#include <float.h>
#include <math.h>
#include <string.h>

static bool floating(const ct_tensor *x) {
    if (!tensor_given(x, "x")) return false;
    if (tensor_is_floating(ct_type(x))) return true;
    tensor_error(CT_ERR_DTYPE, "x is %s; expected a floating dtype", ct_dtype_name(ct_type(x)));
    return false;
}

ct_tensor *ct_init_uniform_(ct_tensor *x, double lo, double hi) {
    FUNCTION("ct_init_uniform_");
    CT_NO_GRAD;
    return ct_uniform_(x, lo, hi);
}

ct_tensor *ct_init_normal_(ct_tensor *x, double mean, double std) {
    FUNCTION("ct_init_normal_");
    CT_NO_GRAD;
    return ct_normal_(x, mean, std);
}

ct_tensor *ct_init_constant_(ct_tensor *x, double value) {
    FUNCTION("ct_init_constant_");
    CT_NO_GRAD;
    return ct_fill_(x, value);
}

ct_tensor *ct_init_zeros_(ct_tensor *x) {
    FUNCTION("ct_init_zeros_");
    return ct_init_constant_(x, 0);
}

ct_tensor *ct_init_ones_(ct_tensor *x) {
    FUNCTION("ct_init_ones_");
    return ct_init_constant_(x, 1);
}

ct_tensor *ct_init_eye_(ct_tensor *x) {
    FUNCTION("ct_init_eye_");
    CT_NO_GRAD;
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    if (ct_ndim(x) != 2) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 2 dims", tensor_shape_of(x));
        return NULL;
    }
    return ct_copy_(x, ct_eye(ct_type(x), ct_size(x, 0), ct_size(x, 1)));
}

/* ---- by fan: how many inputs and outputs a unit has ---- */

/* x is [out, in, the receptive field…]. */
static bool fans(const ct_tensor *x, double *fan_in, double *fan_out) {
    if (!floating(x)) return false;
    if (ct_ndim(x) < 2) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; the fan needs 2 dims or more", tensor_shape_of(x));
        return false;
    }
    double field = 1;
    for (int d = 2; d < ct_ndim(x); d++) field *= (double)ct_size(x, d);
    *fan_in = (double)ct_size(x, 1) * field;
    *fan_out = (double)ct_size(x, 0) * field;
    return true;
}

/* Fills x to a standard deviation; where there is nothing to fill it may be infinite. */
static ct_tensor *spread(ct_tensor *x, double std, bool normal) {
    CT_NO_GRAD;
    if (ct_numel(x) == 0) return x;
    return normal ? ct_normal_(x, 0, std) : ct_uniform_(x, -sqrt(3) * std, sqrt(3) * std);
}

static ct_tensor *xavier(ct_tensor *x, double gain, bool normal) {
    double fan_in, fan_out;
    if (!fans(x, &fan_in, &fan_out)) return NULL;
    if (!(gain >= 0 && isfinite(gain))) {
        tensor_error(CT_ERR_VALUE, "gain is %g; expected a finite number, 0 or more", gain);
        return NULL;
    }
    return spread(x, gain * sqrt(2 / (fan_in + fan_out)), normal);
}

ct_tensor *ct_init_xavier_uniform_(ct_tensor *x, double gain) {
    FUNCTION("ct_init_xavier_uniform_");
    return xavier(x, gain, false);
}

ct_tensor *ct_init_xavier_normal_(ct_tensor *x, double gain) {
    FUNCTION("ct_init_xavier_normal_");
    return xavier(x, gain, true);
}

/* torch.nn.init.calculate_gain; false with an error for a name that it does not know. */
static bool find_gain(const char *nonlinearity, double a, double *gain) {
    static const struct {
        const char *name;
        double gain;
    } gains[] = {{"linear", 1},           {"conv1d", 1},           {"conv2d", 1},           {"conv3d", 1},
                 {"conv_transpose1d", 1}, {"conv_transpose2d", 1}, {"conv_transpose3d", 1}, {"sigmoid", 1},
                 {"tanh", 5.0 / 3},       {"selu", 0.75},          {"relu", 1.41421356237309504880}};
    if (strcmp(nonlinearity, "leaky_relu") == 0) {
        *gain = sqrt(2 / (1 + a * a));
        if (isfinite(a)) return true;
        tensor_error(CT_ERR_VALUE, "a, the slope of leaky_relu, is %g; expected a finite number", a);
        return false;
    }
    for (size_t i = 0; i < sizeof gains / sizeof gains[0]; i++) {
        if (strcmp(gains[i].name, nonlinearity) != 0) continue;
        *gain = gains[i].gain;
        return true;
    }
    tensor_error(CT_ERR_VALUE, "the nonlinearity \"%.60s\" is not known; expected relu, leaky_relu, tanh, "
                 "sigmoid, selu, linear, or conv or conv_transpose with 1d, 2d or 3d", nonlinearity);
    return false;
}

static ct_tensor *kaiming(ct_tensor *x, double a, const char *mode, const char *nonlinearity, bool normal) {
    double fan_in, fan_out, gain;
    if (!fans(x, &fan_in, &fan_out) || !tensor_given(mode, "mode")) return NULL;
    if (!tensor_given(nonlinearity, "nonlinearity")) return NULL;
    bool in = strcmp(mode, "fan_in") == 0;
    if (!in && strcmp(mode, "fan_out") != 0) {
        tensor_error(CT_ERR_VALUE, "mode is \"%.60s\"; expected fan_in or fan_out", mode);
        return NULL;
    }
    return find_gain(nonlinearity, a, &gain) ? spread(x, gain / sqrt(in ? fan_in : fan_out), normal) : NULL;
}

ct_tensor *ct_init_kaiming_uniform_(ct_tensor *x, double a, const char *mode, const char *nonlinearity) {
    FUNCTION("ct_init_kaiming_uniform_");
    return kaiming(x, a, mode, nonlinearity, false);
}

ct_tensor *ct_init_kaiming_normal_(ct_tensor *x, double a, const char *mode, const char *nonlinearity) {
    FUNCTION("ct_init_kaiming_normal_");
    return kaiming(x, a, mode, nonlinearity, true);
}

/* ---- orthogonal ---- */

/* Takes from each row what it has of the rows before it, twice (once leaves rounding errors), and gives it
 * length 1: the Q of a QR decomposition whose R has a positive diagonal. */
static bool orthonormalise(ct_tensor *rows) {
    for (int64_t i = 0; i < ct_size(rows, 0); i++) {
        CT_SCOPED;
        ct_tensor *row = ct_select(rows, 0, i), *before = ct_narrow(rows, 0, 0, i);
        for (int pass = 0; pass < 2; pass++) ct_sub_(row, ct_matmul(ct_matmul(before, row), before));
        if (!ct_div_(row, ct_norm(row, 2))) return false;
    }
    return true;
}

ct_tensor *ct_init_orthogonal_(ct_tensor *x, double gain) {
    FUNCTION("ct_init_orthogonal_");
    CT_NO_GRAD;
    CT_SCOPED;
    double fan_in, fan_out;
    if (!fans(x, &fan_in, &fan_out)) return NULL;
    if (!isfinite(gain)) {
        tensor_error(CT_ERR_VALUE, "gain is %g; expected a finite number", gain);
        return NULL;
    }
    if (ct_numel(x) == 0) return x;
    int64_t n = ct_size(x, 0), length = ct_numel(x) / n;
    bool wide = n <= length; /* else the columns are orthonormal */
    ct_tensor *q = ct_randn(CT_F64, CT_DIMS(wide ? n : length, wide ? length : n));
    if (!q || !orthonormalise(q)) return NULL;
    return ct_copy_(x, ct_reshape(ct_mul_scalar(wide ? q : ct_t(q), gain), ct_shape(x), ct_ndim(x)));
}

/* ---- truncated normal ---- */

/* 2 P(z < t) - 1 for a standard normal z, kept where its inverse is finite. */
static double centred_probability(double t) {
    const double largest = 1 - DBL_EPSILON / 2;
    return fmin(fmax(erf(t / sqrt(2)), -largest), largest);
}

/* Uniform numbers between the bounds' probabilities, through the normal's inverse cumulative function. */
ct_tensor *ct_init_trunc_normal_(ct_tensor *x, double mean, double std, double lo, double hi) {
    FUNCTION("ct_init_trunc_normal_");
    CT_NO_GRAD;
    CT_SCOPED;
    if (!floating(x)) return NULL;
    if (!(std > 0 && isfinite(std) && isfinite(mean) && lo <= hi)) {
        tensor_error(CT_ERR_VALUE, "mean %g, std %g, bounds %g and %g; expected a finite mean, a finite std "
                     "above 0, and bounds in their order", mean, std, lo, hi);
        return NULL;
    }
    double from = centred_probability((lo - mean) / std), to = centred_probability((hi - mean) / std);
    ct_tensor *p = ct_uniform_(ct_empty(CT_F64, ct_shape(x), ct_ndim(x)), from, to);
    ct_tensor *z = ct_add_scalar(ct_mul_scalar(ct_erfinv(p), std * sqrt(2)), mean);
    return ct_copy_(x, ct_clamp(z, lo, hi));
}
