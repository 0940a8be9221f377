/* Ops that have a second entry, in place, and rules that several ops share. Not installed. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H
#define COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H

#include "op.h"

extern const Op autograd_add_op, autograd_sub_op, autograd_mul_op, autograd_div_op, autograd_relu_op,
    autograd_clamp_op;

/* Of what is read from operand 0 at the places along attr.dim that operand 1, of the result's shape, names. */
ct_tensor *autograd_gather_vjp(const Call *c, ct_tensor *g, int i);
bool autograd_gather_fused(const Call *c, ct_tensor *g, ct_tensor **dxs);

#endif
