/* What an optimiser is: parameters in groups, and a descriptor of the algorithm. Not installed. */
#ifndef COTANGENT_OPTIM_INTERNAL_H
#define COTANGENT_OPTIM_INTERNAL_H

#include "../tensor/internal/memory.h"
#include "../tensor/internal/plain.h"
#include "../tensor/params.h"
#include "optim.h"

enum { OPTIM_STATES = MAX_OPERANDS - 2 };

/* An algorithm that updates each parameter from its own gradient and state, in one pass. */
typedef struct {
    const char *name;
    size_t options_bytes;
    /* How many tensors of state a parameter has: of its shape, zero before its first step. */
    int (*states)(const void *options);
    /* The kernel that updates a parameter, given its gradient and its state. */
    const Rows *(*rows)(const void *options);
    /* What the kernel is told at a step, which is 1 the first time. */
    void (*numbers)(const void *options, double lr, int64_t step, double *p);
} OptimKind;

typedef struct {
    ct_tensor *tensor;              /* a handle */
    ct_tensor *state[OPTIM_STATES]; /* handles */
    int64_t steps;                  /* taken so far */
    ct_tensor *value, *gradient;    /* during a step: as they compute; no gradient: skipped */
} OptimParameter;

typedef struct {
    double lr;
    int count;
    OptimParameter *parameters;
} OptimGroup;

struct ct_optim {
    const OptimKind *kind;
    void *options;
    int group_count;
    OptimGroup *groups;
};

/* An optimiser of one group; options are copied. NULL with an error. */
ct_optim *optim_new(const OptimKind *kind, const void *options, ct_params parameters, double lr);
/* Whether an option is finite and at least 0. */
bool optim_not_negative(double value, const char *name);

#endif
