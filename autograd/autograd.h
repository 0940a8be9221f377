/** \file
 * Reverse-mode differentiation: what requires a gradient, the backward walk, gradients as values,
 * checking a derivative against finite differences.
 *
 * Operations on tensors that require a gradient are recorded as they run; the graph owns what its
 * derivatives need. ct_backward() adds d loss / d leaf to each leaf's gradient.
 */
#ifndef COTANGENT_AUTOGRAD_AUTOGRAD_H
#define COTANGENT_AUTOGRAD_AUTOGRAD_H

#include "../tensor/error.h"
#include "../tensor/scope.h"

CT_BEGIN_DECLS

/** Makes a leaf require a gradient, or no longer. Floating dtypes only. Returns x. */
CT_API ct_tensor *ct_set_requires_grad(ct_tensor *x, bool requires_grad);
/** Whether a gradient flows into x: a leaf that was asked to, or a recorded result of one. */
CT_API bool ct_requires_grad(const ct_tensor *x);
/** Whether x was not computed by a recorded operation. */
CT_API bool ct_is_leaf(const ct_tensor *x);
/** The gradient accumulated in x, held by the innermost scope too; NULL without an error if there is none. */
CT_API ct_tensor *ct_grad(const ct_tensor *x);
/** Replaces x's gradient by g (of x's shape and dtype), which is retained; NULL drops it. */
CT_API ct_status ct_set_grad(ct_tensor *x, ct_tensor *g);
/** Drops x's gradient: ct_grad() is NULL afterwards. */
CT_API void ct_zero_grad(ct_tensor *x);

/** Flags of a backward walk. */
enum {
    CT_RETAIN_GRAPH = 1, /**< keep the saved values, so that the graph can be walked again */
    CT_CREATE_GRAPH = 2, /**< record the walk itself, for higher derivatives; implies CT_RETAIN_GRAPH */
    CT_ALLOW_UNUSED = 4  /**< ct_gradients(): an input that the outputs do not depend on gets NULL */
};

/** Adds d loss / d leaf to the gradient of every leaf that loss depends on; loss has one element.
 * Saved values are freed on the way. Fails, changing no gradient, while an error is pending. */
CT_API ct_status ct_backward(ct_tensor *loss);
/** The same from y of any shape with the upstream gradient \p dy (y's shape; NULL: 1, for one element). */
CT_API ct_status ct_backward_with(ct_tensor *y, ct_tensor *dy, unsigned flags);
/** torch.autograd.grad: writes Σ_k dys[k] · d ys[k] / d xs[i] to out[i], owned by the scope. Leaves every
 * accumulated gradient alone. \p dys may be NULL (all ones, outputs of one element), as may its entries. */
CT_API ct_status ct_gradients(ct_tensor *const *ys, int n_ys, ct_tensor *const *xs, int n_xs, ct_tensor *const *dys,
                              unsigned flags, ct_tensor **out);

/** Switches recording on this thread; returns the old mode. */
CT_API bool ct_set_grad_enabled(bool enabled);
CT_API bool ct_grad_enabled(void);

/** For CT_NO_GRAD. */
CT_API void ct_grad_mode_leave(const bool *previous);

/** `CT_NO_GRAD;` records nothing for the rest of the enclosing block, however that is left (gcc, clang). */
#ifdef __cplusplus
struct ct_no_grad {
    bool previous;
    ct_no_grad() : previous(ct_set_grad_enabled(false)) {}
    ~ct_no_grad() { ct_set_grad_enabled(previous); }
    ct_no_grad(const ct_no_grad &) = delete;
    ct_no_grad &operator=(const ct_no_grad &) = delete;
};
#define CT_NO_GRAD ct_no_grad CT_JOIN(ct_no_grad_, __LINE__)
#else
#define CT_NO_GRAD                                             \
    __attribute__((cleanup(ct_grad_mode_leave), unused))       \
    const bool CT_JOIN(ct_no_grad_, __LINE__) = ct_set_grad_enabled(false)
#endif

/** A function as a value: y = f(xs). */
typedef ct_tensor *ct_fn(ct_tensor *const *xs, int n, void *user);

/** Options of ct_gradcheck(): the step, the tolerances, and whether to check the second derivative too. */
typedef struct {
    double eps, rtol, atol;
    bool second_order;
} ct_gradcheck_options;

/** Holds the gradients of f at xs against central differences: every x that requires a gradient must be an
 * F64 leaf, and f must be a function of xs alone. NULL options: 1e-6, 1e-3, 1e-5, false. A difference is a
 * CT_ERR_AUTOGRAD whose message says which input and entry differ most, and both numbers. xs are left as they were. */
CT_API ct_status ct_gradcheck(ct_fn *f, void *user, ct_tensor *const *xs, int n, const ct_gradcheck_options *options);

CT_END_DECLS

#endif
