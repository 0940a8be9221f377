/* Ops that have a second entry, in place. Not installed. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H
#define COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H

#include "op.h"

extern const Op autograd_add_op, autograd_sub_op, autograd_mul_op, autograd_div_op, autograd_relu_op,
    autograd_clamp_op;

#endif
