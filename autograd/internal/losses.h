/* What the files of losses share: checks that raise, and joining the losses of the elements. Not installed.
 */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_LOSSES_H
#define COTANGENT_AUTOGRAD_INTERNAL_LOSSES_H

#include "op.h"

/* Whether x is there and floating, and y there and of x's shape. */
bool autograd_loss_pair(const ct_tensor *x, const char *x_name, const ct_tensor *y, const char *y_name);
bool autograd_loss_floating(const ct_tensor *x, const char *name);
/* Whether an optional operand broadcasts to x's shape. Absent while an error is pending is a failed one. */
bool autograd_loss_broadcasts(const ct_tensor *weight, const char *name, const ct_tensor *x,
                              const char *x_name);
bool autograd_loss_reduction(ct_reduction reduction, bool batchmean);
/* Whether a number is finite and at least `least`. */
bool autograd_loss_number(double value, double least, const char *name);

/* F16 and BF16 as F32: where they do not hold an eps. */
ct_tensor *autograd_loss_widened(ct_tensor *x);
/* x itself if it has that dtype, else converted. */
ct_tensor *autograd_loss_as(ct_tensor *x, ct_dtype dtype);
/* A target of integers in x's dtype; a floating one as it is. */
ct_tensor *autograd_loss_target(ct_tensor *y, const ct_tensor *x);

/* The losses themselves, or their mean or sum. */
ct_tensor *autograd_loss_reduced(ct_tensor *losses, ct_reduction reduction);
/* An op of pairs whose mean (CT_MEAN) or sum is its result: its attribute alpha is what the sum is divided by. */
ct_tensor *autograd_loss_joined(const Op *op, ct_tensor *x, ct_tensor *y, ct_reduction reduction);

#endif
