/* Layers that compute with parameters, or route what others compute. */
#include "internal.h"
#include <math.h>
#include <string.h>

/* ---- self: a small block, freed with its size in front ---- */

typedef union {
    size_t bytes;
    max_align_t align;
} Self;

static void free_self(void *self) {
    Self *block = (Self *)self - 1;
    tensor_free(block, block->bytes);
}

ct_module *nn_new(const char *type, ct_tensor *(*forward)(ct_module *, ct_tensor *), const void *self, size_t bytes) {
    Self *block = tensor_alloc(sizeof *block + bytes);
    if (!block) return NULL;
    block->bytes = sizeof *block + bytes;
    memcpy(block + 1, self, bytes);
    return ct_module_new(type, forward, block + 1, free_self);
}

/* Frees a module that is not complete. */
static ct_module *give_up(ct_module *module) {
    ct_module_free(module);
    return NULL;
}

/* ---- linear ---- */

typedef struct {
    ct_tensor *weight, *bias; /* the module's parameters */
} Linear;

static ct_tensor *linear_forward(ct_module *module, ct_tensor *x) {
    const Linear *linear = module->self;
    return ct_linear(x, linear->weight, linear->bias);
}

/* A parameter drawn uniformly from ±bound. */
static ct_tensor *uniform_parameter(ct_module *module, const char *name, const int64_t *shape, int ndim, double bound) {
    ct_tensor *x = ct_empty(CT_F32, shape, ndim);
    return ct_module_parameter(module, name, ct_uniform_(x, -bound, bound));
}

ct_module *ct_nn_linear(int64_t in, int64_t out, bool bias) {
    FUNCTION("ct_nn_linear");
    CT_SCOPED;
    if (in < 0 || out < 0) {
        tensor_error(CT_ERR_SHAPE, "%lld inputs and %lld outputs; expected 0 or more", (long long)in, (long long)out);
        return NULL;
    }
    ct_module *module = nn_new("Linear", linear_forward, &(Linear){NULL, NULL}, sizeof(Linear));
    if (!module) return NULL;
    Linear *linear = module->self;
    double bound = in > 0 ? 1 / sqrt((double)in) : 0;
    linear->weight = uniform_parameter(module, "weight", CT_DIMS(out, in), bound);
    if (!linear->weight) return give_up(module);
    if (bias && !(linear->bias = uniform_parameter(module, "bias", CT_DIMS(out), bound))) return give_up(module);
    bool described = nn_describe(module, "in_features=%lld, out_features=%lld, bias=%s", (long long)in, (long long)out,
                                 bias ? "True" : "False");
    return described ? module : give_up(module);
}

/* ---- containers ---- */

static ct_tensor *sequential_forward(ct_module *module, ct_tensor *x) {
    for (int i = 0; i < module->count && x; i++)
        if (module->parts[i].child) x = ct_forward(module->parts[i].child, x);
    return x;
}

/* Frees the modules that were given, each once, but for those that belong to another container. */
static void free_given(ct_module *const *modules, int n) {
    for (int i = 0; i < n; i++) {
        bool again = false;
        for (int j = 0; j < i; j++) again |= modules[j] == modules[i];
        if (modules[i] && !again && !modules[i]->parent) ct_module_free(modules[i]);
    }
}

/* Whether all are there, once each, and free to be given. */
static bool can_be_given(ct_module *const *modules, int n) {
    for (int i = 0; i < n; i++) {
        if (!tensor_given(modules[i], "a module")) return false;
        if (modules[i]->parent) {
            tensor_error(CT_ERR_VALUE, "module %d, %s, belongs to %s already", i, modules[i]->type,
                         modules[i]->parent->type);
            return false;
        }
        for (int j = 0; j < i; j++)
            if (modules[j] == modules[i]) {
                tensor_error(CT_ERR_VALUE, "modules %d and %d are the same %s", j, i, modules[i]->type);
                return false;
            }
    }
    return true;
}

ct_module *ct_nn_sequential_n(ct_module *const *modules, int n) {
    FUNCTION("ct_nn_sequential_n");
    if (n < 0) {
        tensor_error(CT_ERR_VALUE, "%d modules", n);
        return NULL;
    }
    if (n > 0 && !tensor_given(modules, "modules")) return NULL;
    ct_module *sequential = can_be_given(modules, n) ? ct_module_new("Sequential", sequential_forward, NULL, NULL) : NULL;
    if (!sequential) {
        free_given(modules, n);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (ct_module_add(sequential, name, modules[i])) continue;
        free_given(modules + i + 1, n - i - 1); /* the i-th was freed when it failed */
        return give_up(sequential);
    }
    return sequential;
}

/* ---- without parameters ---- */

static ct_tensor *dropout_forward(ct_module *module, ct_tensor *x) {
    return ct_dropout(x, *(double *)module->self, module->training);
}

ct_module *ct_nn_dropout(double p) {
    FUNCTION("ct_nn_dropout");
    if (!(p >= 0 && p <= 1)) {
        tensor_error(CT_ERR_VALUE, "p is %g; expected a probability", p);
        return NULL;
    }
    ct_module *module = nn_new("Dropout", dropout_forward, &p, sizeof p);
    return module && nn_describe_numbers(module, "p=%s, inplace=False", p, 0) ? module : give_up(module);
}

typedef struct {
    int start, end;
} Flatten;

static ct_tensor *flatten_forward(ct_module *module, ct_tensor *x) {
    const Flatten *flatten = module->self;
    return ct_flatten(x, flatten->start, flatten->end);
}

ct_module *ct_nn_flatten(int start, int end) {
    FUNCTION("ct_nn_flatten");
    ct_module *module = nn_new("Flatten", flatten_forward, &(Flatten){start, end}, sizeof(Flatten));
    return module && nn_describe(module, "start_dim=%d, end_dim=%d", start, end) ? module : give_up(module);
}

static ct_tensor *identity_forward(ct_module *module, ct_tensor *x) {
    (void)module;
    return x;
}

ct_module *ct_nn_identity(void) {
    FUNCTION("ct_nn_identity");
    return ct_module_new("Identity", identity_forward, NULL, NULL);
}

typedef struct {
    ct_tensor *(*fn)(ct_tensor *x, void *user);
    void *user;
} Lambda;

static ct_tensor *lambda_forward(ct_module *module, ct_tensor *x) {
    const Lambda *lambda = module->self;
    return lambda->fn(x, lambda->user);
}

ct_module *ct_nn_lambda(const char *name, ct_tensor *(*fn)(ct_tensor *x, void *user), void *user) {
    FUNCTION("ct_nn_lambda");
    if (!tensor_given(name, "name")) return NULL;
    if (!fn) {
        tensor_error(CT_ERR_NULL, "fn is NULL");
        return NULL;
    }
    return nn_new(name, lambda_forward, &(Lambda){fn, user}, sizeof(Lambda));
}
