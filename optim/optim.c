/* The optimiser itself: its parameters, its state, one step over all of them. */
#include "internal.h"
#include "../autograd/autograd.h"
#include <math.h>
#include <string.h>

bool optim_not_negative(double value, const char *name) {
    if (value >= 0 && value < INFINITY) return true;
    tensor_error(CT_ERR_VALUE, "%s is %g; expected a finite number that is not negative", name, value);
    return false;
}

/* ---- making one ---- */

static bool is_parameter(const ct_params *list, int i) {
    ct_tensor *x = list->items[i];
    const char *name = list->names && list->names[i] ? list->names[i] : "unnamed";
    if (!x) {
        if (!ct_error()) tensor_error(CT_ERR_NULL, "parameter %d (%s) is NULL", i, name);
    } else if (!tensor_is_floating((ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "parameter %d (%s) is %s; expected a floating dtype", i, name,
                     ct_dtype_name((ct_dtype)x->dtype));
    } else if (!ct_is_leaf(x)) {
        tensor_error(CT_ERR_AUTOGRAD,
                     "parameter %d (%s) was computed by an operation; only leaves are optimised", i, name);
    } else if (tensor_overlaps_itself(x)) {
        tensor_error(CT_ERR_VALUE,
                     "several elements of parameter %d (%s, shape %s) share one place: clone it first", i,
                     name, tensor_shape_of(x));
    } else {
        return true;
    }
    return false;
}

static bool are_parameters(const ct_params *list) {
    if (list->count <= 0) {
        if (!ct_error())
            tensor_error(CT_ERR_VALUE, "there are %d parameters; expected at least 1", list->count);
        return false;
    }
    if (!tensor_given(list->items, "parameters.items")) return false;
    for (int i = 0; i < list->count; i++)
        if (!is_parameter(list, i)) return false;
    return true;
}

static bool is_first(const ct_params *list, int i) {
    for (int j = 0; j < i; j++)
        if (list->items[j] == list->items[i]) return false;
    return true;
}

/* A group of the listed parameters, each once. */
static bool fill_group(OptimGroup *group, const ct_params *list, double lr) {
    int count = 0;
    for (int i = 0; i < list->count; i++) count += is_first(list, i);
    group->parameters = tensor_alloc_zeroed((size_t)count * sizeof *group->parameters);
    if (!group->parameters) return false;
    group->lr = lr;
    for (int i = 0; i < list->count; i++)
        if (is_first(list, i)) group->parameters[group->count++].tensor = ct_retain(list->items[i]);
    return true;
}

ct_optim *optim_new(const OptimKind *kind, const void *options, ct_params parameters, double lr) {
    if (!are_parameters(&parameters) || !optim_not_negative(lr, "lr")) return NULL;
    ct_optim *optim = tensor_alloc_zeroed(sizeof *optim);
    if (!optim) return NULL;
    optim->kind = kind;
    optim->options = tensor_alloc(kind->options_bytes);
    optim->groups = optim->options ? tensor_alloc_zeroed(sizeof *optim->groups) : NULL;
    optim->group_count = optim->groups ? 1 : 0;
    if (!optim->groups || !fill_group(optim->groups, &parameters, lr)) {
        ct_optim_free(optim);
        return NULL;
    }
    memcpy(optim->options, options, kind->options_bytes);
    return optim;
}

static void free_group(OptimGroup *group) {
    for (int i = 0; i < group->count; i++) {
        ct_release(group->parameters[i].tensor);
        for (int k = 0; k < OPTIM_STATES; k++) ct_release(group->parameters[i].state[k]);
    }
    tensor_free(group->parameters, (size_t)group->count * sizeof *group->parameters);
}

void ct_optim_free(ct_optim *optim) {
    if (!optim) return;
    for (int i = 0; i < optim->group_count; i++) free_group(&optim->groups[i]);
    tensor_free(optim->groups, (size_t)optim->group_count * sizeof *optim->groups);
    tensor_free(optim->options, optim->kind->options_bytes);
    tensor_free(optim, sizeof *optim);
}

/* ---- a step ---- */

/* Halves compute as F32, and so is their state. */
static ct_dtype computing_dtype(const ct_tensor *x) {
    return x->dtype == CT_F64 ? CT_F64 : CT_F32;
}

/* Makes all that a parameter's step needs; without a gradient, nothing. */
static bool prepare(OptimParameter *parameter, int states) {
    ct_tensor *x = parameter->tensor;
    const ct_dtype dtype = computing_dtype(x);
    parameter->value = parameter->gradient = NULL;
    ct_tensor *gradient = ct_grad(x);
    if (!gradient) return ct_error() == CT_OK;
    for (int k = 0; k < states; k++) {
        if (parameter->state[k]) continue;
        parameter->state[k] = ct_retain(ct_zeros(dtype, x->shape, x->ndim));
        if (!parameter->state[k]) return false;
    }
    parameter->value = tensor_as(x, dtype);
    parameter->gradient = tensor_as(gradient, dtype);
    return parameter->value && parameter->gradient;
}

static void update(OptimParameter *parameter, int states, const Rows *rows, const double *p) {
    ct_tensor *x[MAX_OPERANDS] = {parameter->value, parameter->gradient};
    memcpy(x + 2, parameter->state, sizeof parameter->state);
    tensor_rows_in_place(rows->of[x[0]->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32], x, 2 + states, p);
    if (parameter->value != parameter->tensor) tensor_copy_into(parameter->tensor, parameter->value);
    tensor_bump(parameter->tensor);
}

/* Most parameters take the same step: its numbers are worked out once. */
static void update_group(const ct_optim *optim, const OptimGroup *group, int states) {
    const Rows *rows = optim->kind->rows(optim->options);
    double p[ROW_PARAMETERS] = {0};
    int64_t step = 0;
    for (int i = 0; i < group->count; i++) {
        OptimParameter *parameter = &group->parameters[i];
        if (!parameter->gradient) continue;
        if (++parameter->steps != step) optim->kind->numbers(optim->options, group->lr, step = parameter->steps, p);
        update(parameter, states, rows, p);
    }
}

ct_status ct_optim_step(ct_optim *optim) {
    FUNCTION("ct_optim_step");
    CT_SCOPED;
    if (!tensor_given(optim, "optim") || ct_error()) return ct_error();
    const int states = optim->kind->states(optim->options);
    for (int i = 0; i < optim->group_count; i++)
        for (int k = 0; k < optim->groups[i].count; k++)
            if (!prepare(&optim->groups[i].parameters[k], states)) return ct_error();
    for (int i = 0; i < optim->group_count; i++) update_group(optim, &optim->groups[i], states);
    return CT_OK;
}

void ct_optim_zero_grad(ct_optim *optim) {
    FUNCTION("ct_optim_zero_grad");
    if (!tensor_given(optim, "optim")) return;
    for (int i = 0; i < optim->group_count; i++)
        for (int k = 0; k < optim->groups[i].count; k++) ct_zero_grad(optim->groups[i].parameters[k].tensor);
}

/* ---- learning rates ---- */

static OptimGroup *group_of(const ct_optim *optim, int group) {
    if (!tensor_given(optim, "optim")) return NULL;
    if (group >= 0 && group < optim->group_count) return &optim->groups[group];
    tensor_error(CT_ERR_INDEX, "there is no group %d; groups are 0 to %d", group, optim->group_count - 1);
    return NULL;
}

double ct_optim_lr(const ct_optim *optim, int group) {
    FUNCTION("ct_optim_lr");
    const OptimGroup *found = group_of(optim, group);
    return found ? found->lr : NAN;
}

ct_status ct_optim_set_lr(ct_optim *optim, int group, double lr) {
    FUNCTION("ct_optim_set_lr");
    OptimGroup *found = group_of(optim, group);
    if (!found || !optim_not_negative(lr, "lr")) return ct_error();
    found->lr = lr;
    return CT_OK;
}
