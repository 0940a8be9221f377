/** \file
 * Modules: layers with named parameters, buffers and children, and how to initialise and store them.
 *
 * A constructor returns a module that the caller frees with ct_module_free(), or NULL with an error
 * pending. A container owns the children that it is given, and frees them when it fails. Constructors
 * that take a module and get NULL return NULL.
 */
#ifndef COTANGENT_NN_NN_H
#define COTANGENT_NN_NN_H

#include "../tensor/io.h"
#include "../tensor/params.h"

CT_BEGIN_DECLS

typedef struct ct_module ct_module;

/** Runs the module; the result belongs to the caller's scope, intermediates are let go. */
CT_API ct_tensor *ct_forward(ct_module *module, ct_tensor *x);

/* ---- layers ---- */

/** y = x·Wᵀ + b for x [..., in]; parameters "weight" [out, in] and "bias" [out], uniform on ±1/√in. */
CT_API ct_module *ct_nn_linear(int64_t in, int64_t out, bool bias);
/** Applies n modules one after the other; children are named "0", "1", …. */
CT_API ct_module *ct_nn_sequential_n(ct_module *const *modules, int n);
#ifndef __cplusplus
/** ct_nn_sequential_n() of the modules given. */
#define ct_nn_sequential(...) \
    ct_nn_sequential_n((ct_module *const[]){__VA_ARGS__}, \
                       (int)(sizeof((ct_module *const[]){__VA_ARGS__}) / sizeof(ct_module *)))
#endif
/** Dropout while training (see ct_dropout()); the identity in evaluation. */
CT_API ct_module *ct_nn_dropout(double p);
/** Joins the dims start … end; PyTorch's default is 1, -1. */
CT_API ct_module *ct_nn_flatten(int start, int end);
CT_API ct_module *ct_nn_identity(void);
/** A module that applies fn(x, user); \p name is what it prints as. */
CT_API ct_module *ct_nn_lambda(const char *name, ct_tensor *(*fn)(ct_tensor *x, void *user), void *user);
CT_API ct_module *ct_nn_relu(void);
CT_API ct_module *ct_nn_sigmoid(void);
CT_API ct_module *ct_nn_tanh(void);
CT_API ct_module *ct_nn_gelu(bool tanh_approx);
CT_API ct_module *ct_nn_silu(void);
CT_API ct_module *ct_nn_leaky_relu(double slope);
CT_API ct_module *ct_nn_elu(double alpha);
CT_API ct_module *ct_nn_selu(void);
CT_API ct_module *ct_nn_softplus(double beta, double threshold);
CT_API ct_module *ct_nn_softmax(int dim);
CT_API ct_module *ct_nn_log_softmax(int dim);
CT_API ct_module *ct_nn_mish(void);
CT_API ct_module *ct_nn_hardswish(void);

/* ---- modules of one's own ---- */

/** A module whose forward is \p forward; \p self is its data, freed with \p free_self (may be NULL) when the module
 * ends, and also when this call fails. */
CT_API ct_module *ct_module_new(const char *type, ct_tensor *(*forward)(ct_module *module, ct_tensor *x), void *self,
                                void (*free_self)(void *self));
/** Makes \p child a part of \p module under a name without dots, not taken yet; returns the child, NULL on an error
 * (the child is freed then). A child already given to a container is an error, and is left alone. */
CT_API ct_module *ct_module_add(ct_module *module, const char *name, ct_module *child);
/** Registers x, a floating leaf, as a parameter: it is retained and requires a gradient from now on. Returns x. */
CT_API ct_tensor *ct_module_parameter(ct_module *module, const char *name, ct_tensor *x);
/** Registers x as a buffer: part of the state, not trained. Returns x. */
CT_API ct_tensor *ct_module_buffer(ct_module *module, const char *name, ct_tensor *x);
CT_API void *ct_module_self(const ct_module *module);
/** The child of that (dotted) name; NULL with an error if there is none. */
CT_API ct_module *ct_module_child(const ct_module *module, const char *name);
/** The parameter or buffer of that dotted name ("0.weight"), held by the innermost scope too. */
CT_API ct_tensor *ct_module_get(const ct_module *module, const char *name);

/** All parameters, those of children included. */
CT_API ct_params ct_module_parameters(ct_module *module);
/** Puts the module and its children into training (the state at birth) or evaluation. */
CT_API void ct_train(ct_module *module, bool training);
CT_API bool ct_is_training(const ct_module *module);
/** How many numbers the parameters hold. */
CT_API int64_t ct_module_count(const ct_module *module);
/** Drops the gradient of every parameter. */
CT_API void ct_zero_grads(ct_module *module);
/** Prints the tree of modules in PyTorch's layout. */
CT_API void ct_module_print(const ct_module *module, FILE *file);
/** Frees the module and its children. NULL is fine; a child of a container is left alone, with an error. */
CT_API void ct_module_free(ct_module *module);

/* ---- state ---- */

/** Parameters and buffers under their dotted names (shared storage, detached); freed with ct_dict_free(). */
CT_API ct_dict *ct_module_state(const ct_module *module);
/** Copies the dict's tensors into the module. strict: every name must be on both sides; the error lists what is
 * missing, unexpected and misshapen, and nothing is changed. */
CT_API ct_status ct_module_load_state(ct_module *module, const ct_dict *dict, bool strict);
/** The state as a safetensors file; names and layouts are PyTorch's. */
CT_API ct_status ct_module_save(const ct_module *module, const char *path);
CT_API ct_status ct_module_load(ct_module *module, const char *path);

/* ---- initialisers: fill x in place, unrecorded, and return it ---- */

CT_API ct_tensor *ct_init_uniform_(ct_tensor *x, double lo, double hi);
CT_API ct_tensor *ct_init_normal_(ct_tensor *x, double mean, double std);
CT_API ct_tensor *ct_init_constant_(ct_tensor *x, double value);
CT_API ct_tensor *ct_init_zeros_(ct_tensor *x);
CT_API ct_tensor *ct_init_ones_(ct_tensor *x);
/** x has 2 dims. */
CT_API ct_tensor *ct_init_eye_(ct_tensor *x);
/** Glorot and Bengio, 2010: uniform on ±gain·√(6 / (fan_in + fan_out)); x has at least 2 dims. */
CT_API ct_tensor *ct_init_xavier_uniform_(ct_tensor *x, double gain);
/** Standard deviation gain·√(2 / (fan_in + fan_out)). */
CT_API ct_tensor *ct_init_xavier_normal_(ct_tensor *x, double gain);
/** He et al., 2015: standard deviation gain/√fan; mode "fan_in" or "fan_out"; nonlinearity "relu", "leaky_relu" (with
 * slope a), "tanh", "sigmoid", "selu", "linear", …, as torch.nn.init.calculate_gain. */
CT_API ct_tensor *ct_init_kaiming_uniform_(ct_tensor *x, double a, const char *mode, const char *nonlinearity);
CT_API ct_tensor *ct_init_kaiming_normal_(ct_tensor *x, double a, const char *mode, const char *nonlinearity);
/** Saxe et al., 2013: orthonormal rows or columns of x seen as [size 0, the rest], times gain. */
CT_API ct_tensor *ct_init_orthogonal_(ct_tensor *x, double gain);
/** Normal, cut to [lo, hi]. */
CT_API ct_tensor *ct_init_trunc_normal_(ct_tensor *x, double mean, double std, double lo, double hi);

CT_END_DECLS

#ifdef __cplusplus
template <typename... Modules> ct_module *ct_nn_sequential(Modules... modules) {
    ct_module *const list[] = {modules...};
    return ct_nn_sequential_n(list, (int)sizeof...(modules));
}
#endif

#endif
