/** \file
 * Cotangent: tensors, reverse-mode automatic differentiation, layers and optimisers.
 */
#ifndef COTANGENT_H
#define COTANGENT_H

#include "tensor/error.h"
#include "tensor/scope.h"
#include "tensor/runtime.h"
#include "tensor/tensor.h"
#include "tensor/io.h"
#include "autograd/autograd.h"
#include "autograd/ops.h"
#include "nn/nn.h"
#include "optim/optim.h"

#endif
