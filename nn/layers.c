/* Layers that compute with parameters, or route what others compute. */
#include "../tensor/internal/object.h"
#include "internal.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- self: a small block with its size in front ---- */

typedef union {
    size_t bytes;
    max_align_t align;
} Self;

static void free_self(void *self) {
    Self *block = (Self *)self - 1;
    tensor_free(block, block->bytes);
}

ct_module *nn_new(const char *type, ct_tensor *(*forward)(ct_module *, ct_tensor *), const void *self,
                  size_t bytes) {
    Self *block = tensor_alloc(sizeof *block + bytes);
    if (!block) return NULL;
    block->bytes = sizeof *block + bytes;
    memcpy(block + 1, self, bytes);
    return ct_module_new(type, forward, block + 1, free_self);
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
static ct_tensor *uniform_parameter(ct_module *module, const char *name, const int64_t *shape, int ndim,
                                    double bound) {
    ct_tensor *x = ct_empty(CT_F32, shape, ndim);
    return ct_module_parameter(module, name, ct_uniform_(x, -bound, bound));
}

static bool add_linear_parameters(ct_module *module, int64_t in, int64_t out, bool bias) {
    CT_SCOPED;
    Linear *linear = module->self;
    double bound = in > 0 ? 1 / sqrt((double)in) : 0;
    linear->weight = uniform_parameter(module, "weight", CT_DIMS(out, in), bound);
    if (bias) linear->bias = uniform_parameter(module, "bias", CT_DIMS(out), bound);
    return linear->weight && (linear->bias || !bias);
}

ct_module *ct_nn_linear(int64_t in, int64_t out, bool bias) {
    FUNCTION("ct_nn_linear");
    if (in < 0 || out < 0) {
        tensor_error(CT_ERR_SHAPE, "%" PRId64 " inputs and %" PRId64 " outputs; expected 0 or more", in, out);
        return NULL;
    }
    ct_module *module = nn_new("Linear", linear_forward, &(Linear){NULL, NULL}, sizeof(Linear));
    if (!module) return NULL;
    if (!add_linear_parameters(module, in, out, bias)) {
        ct_module_free(module);
        return NULL;
    }
    return nn_described(module, "in_features=%" PRId64 ", out_features=%" PRId64 ", bias=%s", in, out,
                        bias ? "True" : "False");
}

/* ---- containers ---- */

/* What a module returns lives until the next one has used it; longer, only what the graph keeps of it. */
static ct_tensor *sequential_forward(ct_module *module, ct_tensor *x) {
    ct_tensor *held = NULL;
    for (int i = 0; i < module->count && x; i++) {
        if (!module->parts[i].child) continue;
        ct_scope scope = ct_scope_begin();
        x = ct_retain(ct_forward(module->parts[i].child, x));
        ct_scope_end(scope);
        ct_release(held);
        held = x;
    }
    return held ? tensor_scope_give(held) : x;
}

/* Frees those of the modules that belong to no container, each once. One may be a part of another: none is
 * looked at after the first was freed. */
static void free_given(ct_module *const *modules, int n) {
    ct_module *last = NULL; /* of a chain through `parent`; the first is its own parent */
    for (int i = 0; i < n; i++) {
        if (!modules[i] || modules[i]->parent) continue;
        modules[i]->parent = last ? last : modules[i];
        last = modules[i];
    }
    while (last) {
        ct_module *module = last;
        last = module->parent == module ? NULL : module->parent;
        module->parent = NULL;
        ct_module_free(module);
    }
}

static bool adopt_numbered(ct_module *container, int i, ct_module *child) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    if (child) return nn_adopt(container, name, child);
    tensor_error(CT_ERR_NULL, "module %d is NULL", i);
    return false;
}

ct_module *ct_nn_sequential_n(ct_module *const *modules, int n) {
    FUNCTION("ct_nn_sequential_n");
    if (n < 0) {
        tensor_error(CT_ERR_VALUE, "%d modules; expected 0 or more", n);
        return NULL;
    }
    if (n > 0 && !tensor_given(modules, "modules")) return NULL;
    ct_module *sequential = ct_module_new("Sequential", sequential_forward, NULL, NULL);
    int adopted = 0;
    while (sequential && adopted < n && adopt_numbered(sequential, adopted, modules[adopted])) adopted++;
    if (sequential && adopted == n) return sequential;
    free_given(modules, n);
    ct_module_free(sequential);
    return NULL;
}

/* ---- without parameters ---- */

static ct_tensor *dropout_forward(ct_module *module, ct_tensor *x) {
    return ct_dropout(x, *(const double *)module->self, module->training);
}

ct_module *ct_nn_dropout(double p) {
    FUNCTION("ct_nn_dropout");
    if (!(p >= 0 && p <= 1)) {
        tensor_error(CT_ERR_VALUE, "p is %g; expected a probability", p);
        return NULL;
    }
    return nn_described(nn_new("Dropout", dropout_forward, &p, sizeof p), "p=%s, inplace=False",
                        nn_number(p, true).text);
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
    return nn_described(nn_new("Flatten", flatten_forward, &(Flatten){start, end}, sizeof(Flatten)),
                        "start_dim=%d, end_dim=%d", start, end);
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
    if (!tensor_given(name, "name") || !tensor_given((const void *)(uintptr_t)fn, "fn")) return NULL;
    return nn_new(name, lambda_forward, &(Lambda){fn, user}, sizeof(Lambda));
}
