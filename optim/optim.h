/** \file
 * Optimisers: update a list of parameters in place from their gradients. A parameter without a gradient is
 * skipped, and its state does not advance. The parameters are retained.
 */
#ifndef COTANGENT_OPTIM_OPTIM_H
#define COTANGENT_OPTIM_OPTIM_H

#include "../tensor/error.h"
#include "../tensor/params.h"

CT_BEGIN_DECLS

typedef struct ct_optim ct_optim;

/** Start from CT_SGD_DEFAULTS. */
typedef struct {
    double momentum, dampening, weight_decay;
    bool nesterov, maximize;
} ct_sgd_options;

/** Start from CT_ADAM_DEFAULTS. */
typedef struct {
    double beta1, beta2, eps, weight_decay;
    bool amsgrad, maximize;
} ct_adam_options;

#ifdef __cplusplus
#define CT_SGD_DEFAULTS (ct_sgd_options{0, 0, 0, false, false})
#define CT_ADAM_DEFAULTS (ct_adam_options{0.9, 0.999, 1e-8, 0, false, false})
#else
#define CT_SGD_DEFAULTS ((ct_sgd_options){0, 0, 0, false, false})
#define CT_ADAM_DEFAULTS ((ct_adam_options){0.9, 0.999, 1e-8, 0, false, false})
#endif

/** Stochastic gradient descent: buf = momentum·buf + (1 - dampening)·g (the first buf is g), p -= lr·buf, or
 * lr·(g + momentum·buf) with nesterov; weight_decay adds weight_decay·p to g. NULL options: the defaults. */
CT_API ct_optim *ct_optim_sgd(ct_params parameters, double lr, const ct_sgd_options *options);
/** Adam (Kingma and Ba, 2015), with AMSGrad (Reddi et al., 2018). NULL options: the defaults. */
CT_API ct_optim *ct_optim_adam(ct_params parameters, double lr, const ct_adam_options *options);

/** One step. Fails, changing nothing, while an error is pending. */
CT_API ct_status ct_optim_step(ct_optim *optim);
/** Drops the gradients of all parameters. */
CT_API void ct_optim_zero_grad(ct_optim *optim);
/** The learning rate of a group of parameters; the first is 0. */
CT_API double ct_optim_lr(const ct_optim *optim, int group);
CT_API ct_status ct_optim_set_lr(ct_optim *optim, int group, double lr);
/** Frees it. NULL is fine. */
CT_API void ct_optim_free(ct_optim *optim);

CT_END_DECLS

#endif
