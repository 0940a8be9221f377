/* Ops that have a second entry, in place, and rules that several ops share. Not installed. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H
#define COTANGENT_AUTOGRAD_INTERNAL_SHARED_OPS_H

#include "op.h"

extern const Op autograd_add_op, autograd_sub_op, autograd_mul_op, autograd_div_op, autograd_relu_op,
    autograd_clamp_op;

/* Of what is read from operand 0 at the places along attr.dim that operand 1, of the result's shape, names. */
ct_tensor *autograd_gather_vjp(const Call *c, ct_tensor *g, int i);
bool autograd_gather_fused(const Call *c, ct_tensor *g, ct_tensor **dxs);

/* The gradient of x whose p-norm over the dims of the set is y (upstream is y's gradient; both are expanded to x's shape):
 * sign(x) · (|x| / y)^(p - 1), 0 where x or y is 0; for the extremes shared among ties. */
ct_tensor *autograd_norm_slope(ct_tensor *x, ct_tensor *y, ct_tensor *upstream, double p, unsigned set);

#endif
