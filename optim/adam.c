/* Adam (Kingma and Ba, 2015), with AMSGrad (Reddi et al., 2018). */
#include "internal.h"
#include <math.h>
#include <string.h>

/* The means of the gradients and of their squares, and the largest of the latter. */
static int states(const void *options) {
    return ((const ct_adam_options *)options)->amsgrad ? 3 : 2;
}

static const Rows *rows(const void *options) {
    return ((const ct_adam_options *)options)->amsgrad ? &tensor_kernels->adam_amsgrad : &tensor_kernels->adam;
}

/* The means start at 0: dividing by 1 - βᵗ undoes that bias. The numbers stand in the order that the kernel
 * reads them: tensor/kernels/optimizers.h. */
static void numbers(const void *options, double lr, int64_t step, double *p) {
    const ct_adam_options *o = options;
    const double step_size = lr / (1 - pow(o->beta1, (double)step));
    const double root = sqrt(1 - pow(o->beta2, (double)step));
    memcpy(p,
           (double[]){step_size, o->beta1, o->beta2, o->eps, o->weight_decay, root, o->maximize ? -1 : 1},
           7 * sizeof *p);
}

static const OptimKind adam = {.name = "Adam", .options_bytes = sizeof(ct_adam_options), .states = states,
                               .rows = rows, .numbers = numbers};

static bool is_decay(double beta, const char *name) {
    if (beta >= 0 && beta < 1) return true;
    tensor_error(CT_ERR_VALUE, "%s is %g; expected a number in [0, 1)", name, beta);
    return false;
}

ct_optim *ct_optim_adam(ct_params parameters, double lr, const ct_adam_options *options) {
    FUNCTION("ct_optim_adam");
    const ct_adam_options defaults = CT_ADAM_DEFAULTS, *o = options ? options : &defaults;
    if (!is_decay(o->beta1, "beta1") || !is_decay(o->beta2, "beta2")) return NULL;
    if (!optim_not_negative(o->eps, "eps") || !optim_not_negative(o->weight_decay, "weight_decay"))
        return NULL;
    return optim_new(&adam, o, parameters, lr);
}
