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
/** The gradient accumulated in x, held by the innermost scope too; NULL without an error if there is none. Leaves
 * have one, and results after ct_retain_grad(). */
CT_API ct_tensor *ct_grad(const ct_tensor *x);
/** Makes a recorded result keep its gradient too, from the next backward walk on; a leaf does so anyway. */
CT_API ct_status ct_retain_grad(ct_tensor *x);
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

/* ---- products with derivatives; xs need not require gradients, and keep those that they have ---- */

/** v·J: writes Σ v · df/dxs[i] to grads[i] (n of them, xs[i]'s shape), and f's result to y unless that is NULL. v has the
 * result's shape; NULL: 1, for a result of one element. */
CT_API ct_status ct_vjp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *v, ct_tensor **y,
                        ct_tensor **grads);
/** J·v: Σ_i df/dxs[i] · vs[i], of the result's shape; vs[i] has xs[i]'s. f's operations need second derivatives. */
CT_API ct_tensor *ct_jvp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *const *vs);
/** H·v of an f with a result of one element: writes Σ_j d²f/(dxs[i] dxs[j]) · vs[j] to products[i]. */
CT_API ct_status ct_hvp(ct_fn *f, void *user, ct_tensor *const *xs, int n, ct_tensor *const *vs, ct_tensor **products);
/** df/dxs[i]: the result's shape, then xs[i]'s, of at most CT_MAX_DIMS dims together; one walk per element of the result. */
CT_API ct_tensor *ct_jacobian(ct_fn *f, void *user, ct_tensor *const *xs, int n, int i);
/** d²f/(dxs[i] dxs[j]) of an f with a result of one element: xs[i]'s shape, then xs[j]'s. */
CT_API ct_tensor *ct_hessian(ct_fn *f, void *user, ct_tensor *const *xs, int n, int i, int j);

/** f(xs), of whose graph only xs are kept: a backward walk runs f again, with the random numbers that it drew the first
 * time, so that dropout drops the same. f may use further tensors, such as a module's parameters: they get their
 * gradients too. \p user must live as long as the graph. Of any order. */
CT_API ct_tensor *ct_checkpoint(ct_fn *f, void *user, ct_tensor *const *xs, int n);

/* ---- operations of your own ---- */

/** One application of a ct_function: what it saves for its derivative. */
typedef struct ct_context ct_context;

/** An operation. forward computes the result from xs; it is not recorded itself. backward, given the result's gradient
 * dy, sets dxs[i] for each operand that ct_context_needs_grad(); what it leaves NULL gets none. It is recorded under
 * CT_CREATE_GRAPH, so that its derivatives follow if it is written in ct_… operations. Either raises an error
 * (ct_error_raise()) and returns NULL or the code when it fails. */
typedef struct {
    const char *name;
    ct_tensor *(*forward)(ct_context *context, ct_tensor *const *xs, int n, void *user);
    ct_status (*backward)(ct_context *context, ct_tensor *dy, ct_tensor **dxs, int n, void *user);
} ct_function;

/** Applies an operation to n operands, none of them NULL; \p user must live as long as the graph. */
CT_API ct_tensor *ct_apply(const ct_function *function, ct_tensor *const *xs, int n, void *user);
/** In forward: saves x in slot i, for backward. Changing it in place later is an error in backward. */
CT_API ct_status ct_context_save(ct_context *context, int i, ct_tensor *x);
/** What was saved in slot i; operands and the result come with their history. */
CT_API ct_tensor *ct_context_saved(ct_context *context, int i);
/** Whether operand i's gradient is asked for. */
CT_API bool ct_context_needs_grad(const ct_context *context, int i);

/* ---- hooks ---- */

/** Has every backward walk call \p hook with x's whole gradient, before that goes further or is accumulated. The hook may
 * return another one, of the same shape and dtype, to take its place; NULL leaves it. Hooks run in the order in which
 * they were registered. Returns an id, or -1 with an error. */
CT_API int ct_register_hook(ct_tensor *x, ct_tensor *(*hook)(ct_tensor *g, void *user), void *user);
CT_API void ct_remove_hook(ct_tensor *x, int id);

/* ---- looking inside ---- */

/** A recorded operation or a leaf; valid while a tensor whose graph it belongs to is. */
typedef struct ct_node ct_node;

/** The operation that computed x; NULL for leaves and where recording was off. */
CT_API const ct_node *ct_grad_fn(const ct_tensor *x);
/** The operation's name, "leaf" for a leaf. */
CT_API const char *ct_node_name(const ct_node *node);
CT_API int ct_node_inputs(const ct_node *node);
/** What computed operand i; NULL if no gradient flows into it. */
CT_API const ct_node *ct_node_input(const ct_node *node, int i);
/** A leaf's tensor; NULL if the node is no leaf, or its tensor has gone. */
CT_API ct_tensor *ct_node_leaf(const ct_node *node);
/** Names the value that x holds now, for messages and drawings; NULL takes the name away. */
CT_API void ct_set_name(ct_tensor *x, const char *name);
/** The name, valid until it is changed or x ends; NULL if there is none. */
CT_API const char *ct_name(const ct_tensor *x);
/** On this thread: operations note the shapes of their operands, and a backward walk fails where a derivative holds nan or
 * inf though its upstream gradient is finite, naming that operation and the first one whose result was not finite. Slow.
 * Returns the old mode. */
CT_API bool ct_set_anomaly_detection(bool enabled);

CT_END_DECLS

#endif
