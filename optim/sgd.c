/* Stochastic gradient descent, with momentum (Sutskever et al., 2013). */
#include "internal.h"
#include <math.h>
#include <string.h>

static int states(const void *options) {
    return ((const ct_sgd_options *)options)->momentum != 0 ? 1 : 0;
}

static const Rows *rows(const void *options) {
    (void)options;
    return &tensor_kernels->sgd;
}

/* The numbers in the order that the kernel reads them: tensor/kernels/optimizers.h. */
static void numbers(const void *options, double lr, int64_t step, double *p) {
    const ct_sgd_options *o = options;
    const double keep = step == 1 ? 1 : 1 - o->dampening;
    memcpy(p, (double[]){lr, o->momentum, keep, o->weight_decay, o->nesterov, o->maximize ? -1 : 1}, 6 * sizeof *p);
}

static const OptimKind sgd = {.name = "SGD", .options_bytes = sizeof(ct_sgd_options), .states = states,
                              .rows = rows, .numbers = numbers};

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
