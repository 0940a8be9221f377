/* Activation functions as modules: each calls the operation of its name. */
#include "internal.h"

typedef struct {
    double a, b;
    int dim;
    bool flag;
} Options;

/* A module without options. */
#define PLAIN(function, type, call)                                              \
    static ct_tensor *function##_forward(ct_module *module, ct_tensor *x) {      \
        (void)module;                                                            \
        return call;                                                             \
    }                                                                            \
    ct_module *ct_nn_##function(void) {                                          \
        FUNCTION("ct_nn_" #function);                                            \
        return ct_module_new(type, function##_forward, NULL, NULL);              \
    }
PLAIN(relu, "ReLU", ct_relu(x))
PLAIN(sigmoid, "Sigmoid", ct_sigmoid(x))
PLAIN(tanh, "Tanh", ct_tanh(x))
PLAIN(silu, "SiLU", ct_silu(x))
PLAIN(selu, "SELU", ct_selu(x))
PLAIN(mish, "Mish", ct_mish(x))
PLAIN(hardswish, "Hardswish", ct_hardswish(x))

/* A module with options; `described` writes what stands between its parentheses. */
#define WITH_OPTIONS(function, type, parameters, options, call, described)       \
    static ct_tensor *function##_forward(ct_module *module, ct_tensor *x) {      \
        const Options *o = module->self;                                         \
        return call;                                                             \
    }                                                                            \
    ct_module *ct_nn_##function parameters {                                     \
        FUNCTION("ct_nn_" #function);                                            \
        ct_module *module = nn_new(type, function##_forward, &(Options)options, sizeof(Options)); \
        if (module && (described)) return module;                                \
        ct_module_free(module);                                                  \
        return NULL;                                                             \
    }
#define OPTIONS(...) {__VA_ARGS__}

WITH_OPTIONS(gelu, "GELU", (bool tanh_approx), OPTIONS(.flag = tanh_approx), ct_gelu(x, o->flag),
             nn_describe(module, "approximate='%s'", tanh_approx ? "tanh" : "none"))
WITH_OPTIONS(leaky_relu, "LeakyReLU", (double slope), OPTIONS(.a = slope), ct_leaky_relu(x, o->a),
             nn_describe_numbers(module, "negative_slope=%s", slope, 0))
WITH_OPTIONS(elu, "ELU", (double alpha), OPTIONS(.a = alpha), ct_elu(x, o->a),
             nn_describe_numbers(module, "alpha=%s", alpha, 0))
WITH_OPTIONS(softplus, "Softplus", (double beta, double threshold), OPTIONS(.a = beta, .b = threshold),
             ct_softplus(x, o->a, o->b), nn_describe_numbers(module, "beta=%s, threshold=%s", beta, threshold))
WITH_OPTIONS(softmax, "Softmax", (int dim), OPTIONS(.dim = dim), ct_softmax(x, o->dim),
             nn_describe(module, "dim=%d", dim))
WITH_OPTIONS(log_softmax, "LogSoftmax", (int dim), OPTIONS(.dim = dim), ct_log_softmax(x, o->dim),
             nn_describe(module, "dim=%d", dim))
