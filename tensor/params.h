/** \file
 * A list of named parameters: what a module hands to an optimiser.
 */
#ifndef COTANGENT_TENSOR_PARAMS_H
#define COTANGENT_TENSOR_PARAMS_H

#include "api.h"

/** Parameters and their dotted names, in the order of registration. A module's list is owned by it, and is
 * valid until it changes or ends; an optimiser copies what it is given. names may be NULL. */
typedef struct {
    ct_tensor **items;
    const char **names;
    int count;
} ct_params;

#endif
