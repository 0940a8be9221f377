/* The walker: runs row kernels over tensors of any strides. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_WALK_H
#define COTANGENT_TENSOR_INTERNAL_WALK_H

#include "kernels.h"

enum { GRAIN = 1 << 14 }; /* elements: what a piece of cheap elementwise work has, for a fork to be worth it */

/* How the row kernel treats its operands. */
typedef enum {
    IN_PLACE, /* it may change them, and may read the result */
    PURE,     /* it only reads them, and the result overlaps none */
    COPY,     /* it copies the bytes of the one operand to the result */
} Purity;

/* Runs a row kernel over x[0]'s shape, to which the others broadcast. */
void tensor_walk(RowKernel *row, ct_tensor *const *x, int n, const double *p, int parameters, Purity purity);

/* Whether a result of so many bytes had better go past the caches. */
bool tensor_is_streamed(int64_t bytes, Purity purity);
/* Runs a row of that many elements of `size` bytes each, the result past the caches. */
void tensor_stream_row(RowKernel *row, char *const *data, const int64_t *step, const int64_t *size, int operands, int64_t n,
                       const double *p);

#endif
