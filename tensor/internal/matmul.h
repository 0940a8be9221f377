/* Batches of matrix products: matmul.c describes them, multiply.c has them computed. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_MATMUL_H
#define COTANGENT_TENSOR_INTERNAL_MATMUL_H

#include "kernels.h"

/* Products of matrices of one size, whose operands lie strides (in bytes) apart. */
typedef struct {
    const MatrixKernels *kernels;
    MatrixProduct first;
    int64_t count, element_bytes, c_bytes;
    int ndim; /* of the batch, as are shape and strides */
    int64_t shape[CT_MAX_DIMS], a_strides[CT_MAX_DIMS], b_strides[CT_MAX_DIMS];
    Kernel *kernel; /* set with first's cut: */
    int64_t units;  /* that it takes for one product */
} MatrixBatch;

/* False with CT_ERR_MEMORY. No product is empty. */
bool tensor_multiply(MatrixBatch *batch);

#endif
