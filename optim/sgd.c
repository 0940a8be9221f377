/* Stochastic gradient descent, with momentum (Sutskever et al., 2013). */
#include "internal.h"
#include <math.h>

static int states(const void *options) {
    return ((const ct_sgd_options *)options)->momentum != 0 ? 1 : 0;
}

/* The numbers in the order that the kernel reads them: tensor/kernels/optimizers.h. */
static void update(const void *options, double lr, int64_t step, ct_tensor *const *x) {
    const ct_sgd_options *o = options;
    const double keep = step == 1 ? 1 : 1 - o->dampening;
    const double p[ROW_PARAMETERS] = {lr,          o->momentum,         keep, o->weight_decay,
                                      o->nesterov, o->maximize ? -1 : 1};
    optim_pass(&tensor_kernels->sgd, x, 2 + states(options), p);
}

static const OptimKind sgd = {
    .name = "SGD", .options_bytes = sizeof(ct_sgd_options), .states = states, .update = update};

ct_optim *ct_optim_sgd(ct_params parameters, double lr, const ct_sgd_options *options) {
    FUNCTION("ct_optim_sgd");
    const ct_sgd_options defaults = CT_SGD_DEFAULTS, *o = options ? options : &defaults;
    if (!optim_not_negative(o->momentum, "momentum") || !optim_not_negative(o->weight_decay, "weight_decay"))
        return NULL;
    if (!isfinite(o->dampening)) {
        tensor_error(CT_ERR_VALUE, "dampening is %g; expected a finite number", o->dampening);
        return NULL;
    }
    if (o->nesterov && (o->momentum == 0 || o->dampening != 0)) {
        tensor_error(CT_ERR_VALUE,
                     "nesterov with momentum %g and dampening %g; it needs a momentum and no dampening",
                     o->momentum, o->dampening);
        return NULL;
    }
    return optim_new(&sgd, o, parameters, lr);
}
