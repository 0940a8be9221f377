/* Activation functions as modules: each calls the operation of its name. */
#include "internal.h"

/* A module without options. */
#define PLAIN(function, type)                                                      \
    static ct_tensor *function##_forward(ct_module *module, ct_tensor *x) {        \
        (void)module;                                                              \
        return ct_##function(x);                                                   \
    }                                                                              \
    ct_module *ct_nn_##function(void) {                                            \
        FUNCTION("ct_nn_" #function);                                              \
        return ct_module_new(type, function##_forward, NULL, NULL);                \
    }
PLAIN(relu, "ReLU")
PLAIN(sigmoid, "Sigmoid")
PLAIN(tanh, "Tanh")
PLAIN(silu, "SiLU")
PLAIN(selu, "SELU")
PLAIN(mish, "Mish")
PLAIN(hardswish, "Hardswish")

/* A module with one option; the last arguments format what stands between its parentheses. */
#define WITH_OPTION(function, type, option_type, option, ...)                      \
    static ct_tensor *function##_forward(ct_module *module, ct_tensor *x) {        \
        return ct_##function(x, *(const option_type *)module->self);               \
    }                                                                              \
    ct_module *ct_nn_##function(option_type option) {                              \
        FUNCTION("ct_nn_" #function);                                              \
        ct_module *module = nn_new(type, function##_forward, &option, sizeof option); \
        return nn_described(module, __VA_ARGS__);                                  \
    }
WITH_OPTION(gelu, "GELU", bool, tanh_approx, "approximate='%s'", tanh_approx ? "tanh" : "none")
WITH_OPTION(leaky_relu, "LeakyReLU", double, slope, "negative_slope=%s", nn_number(slope, true).text)
WITH_OPTION(elu, "ELU", double, alpha, "alpha=%s", nn_number(alpha, true).text)
WITH_OPTION(softmax, "Softmax", int, dim, "dim=%d", dim)
WITH_OPTION(log_softmax, "LogSoftmax", int, dim, "dim=%d", dim)

typedef struct {
    double beta, threshold;
} Softplus;

static ct_tensor *softplus_forward(ct_module *module, ct_tensor *x) {
    const Softplus *softplus = module->self;
    return ct_softplus(x, softplus->beta, softplus->threshold);
}

ct_module *ct_nn_softplus(double beta, double threshold) {
    FUNCTION("ct_nn_softplus");
    ct_module *module = nn_new("Softplus", softplus_forward, &(Softplus){beta, threshold}, sizeof(Softplus));
    return nn_described(module, "beta=%s, threshold=%s", nn_number(beta, false).text,
                        nn_number(threshold, false).text);
}
