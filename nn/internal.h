/* The module. Not installed. */
#ifndef COTANGENT_NN_INTERNAL_H
#define COTANGENT_NN_INTERNAL_H

#include "../autograd/autograd.h"
#include "../autograd/ops.h"
#include "../tensor/internal/file.h"
#include "../tensor/internal/function.h"
#include "../tensor/internal/memory.h"
#include "../tensor/internal/shape.h"
#include "../tensor/tensor.h"
#include "nn.h"

/* A named part of a module: a tensor or a child. */
typedef struct {
    char *name;
    ct_tensor *tensor; /* a handle of ours; NULL for a child */
    ct_module *child;
    bool trained; /* a parameter, not a buffer */
} Part;

struct ct_module {
    char *type;    /* "Linear" */
    char *details; /* "in_features=2, out_features=8, bias=True"; may be NULL */
    ct_tensor *(*forward)(ct_module *module, ct_tensor *x);
    void *self;
    void (*free_self)(void *self);
    ct_module *parent;
    const char *name; /* among the parent's parts */
    bool training;
    Part *parts; /* in the order of registration */
    int count, capacity;
    ct_params cached; /* all parameters; items NULL: to be listed anew */
    int cached_capacity;
};

/* ct_module_new() with a copy of so many bytes as self. */
ct_module *nn_new(const char *type, ct_tensor *(*forward)(ct_module *, ct_tensor *), const void *self,
                  size_t bytes);
/* Sets what stands between a fresh module's parentheses, and returns it; frees it on failure. NULL passes. */
ct_module *nn_described(ct_module *module, const char *format, ...) CT_PRINTF(2, 3);
/* Makes child, which is not NULL, a part of module; false with an error, and then child is left alone. */
bool nn_adopt(ct_module *module, const char *name, ct_module *child);

typedef struct {
    char text[NUMBER_BYTES];
} Number;
/* A number as Python writes a float: the fewest digits that read back as it, in any locale. A whole number
 * has a ".0" where `point` is set. */
Number nn_number(double value, bool point);

/* The part of a dotted name, or NULL. */
Part *nn_find(const ct_module *module, const char *name);
/* Calls visit for each tensor of the tree with its dotted name, in order, until it returns false; whether
 * it never did. */
typedef bool Visit(const char *name, Part *part, void *user);
bool nn_each(const ct_module *module, Visit *visit, void *user);

#endif
