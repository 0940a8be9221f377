/* The module. Not installed. */
#ifndef COTANGENT_NN_INTERNAL_H
#define COTANGENT_NN_INTERNAL_H

#include "../autograd/autograd.h"
#include "../autograd/ops.h"
#include "../tensor/internal/function.h"
#include "../tensor/internal/memory.h"
#include "../tensor/internal/shape.h"
#include "../tensor/scope.h"
#include "../tensor/tensor.h"
#include "nn.h"

/* A named part of a module: a tensor or a child. */
typedef struct {
    char *name;
    ct_tensor *tensor; /* retained; NULL for a child */
    ct_module *child;
    bool trained; /* a parameter, not a buffer */
} Part;

struct ct_module {
    char *type; /* "Linear" */
    char *details; /* "in_features=2, out_features=8, bias=True"; may be NULL */
    ct_tensor *(*forward)(ct_module *module, ct_tensor *x);
    void *self;
    void (*free_self)(void *self);
    ct_module *parent;
    bool training;
    Part *parts; /* in the order of registration */
    int count, capacity;
    ct_params cached; /* all parameters; items NULL: to be listed anew */
    int cached_capacity;
};

/* Sets the text between a module's parentheses; false with an error. */
bool nn_describe(ct_module *module, const char *format, ...) CT_PRINTF(2, 3);
/* The same with up to two numbers, each a %s of the format, written without regard to the locale. */
bool nn_describe_numbers(ct_module *module, const char *format, double a, double b);
/* ct_module_new() with a copy of `bytes` bytes as self. */
ct_module *nn_new(const char *type, ct_tensor *(*forward)(ct_module *, ct_tensor *), const void *self, size_t bytes);

/* Calls visit for each tensor of the tree under its dotted name, in order, until it returns false; false if it did. */
typedef bool Visit(const char *name, Part *part, void *user);
bool nn_each(const ct_module *module, Visit *visit, void *user);

#endif
