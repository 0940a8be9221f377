/* The operations that the golden cases name, called with a case's arguments. */
#ifndef TESTS_GOLDEN_OPS_H
#define TESTS_GOLDEN_OPS_H

#include "golden_data.h"

enum { GOLDEN_OUTPUTS = 4 };

/* A case's arguments: tensors[i] is the tensor of its i-th record, NULL where that is none. */
typedef struct {
    const GoldenCase *golden;
    ct_tensor **tensors;
} GoldenArguments;

/* The argument of that name: a tensor (NULL if it is absent), "xs.1" for an element of a list; a number. */
ct_tensor *golden_tensor(const GoldenArguments *arguments, const char *name);
double golden_number(const GoldenArguments *arguments, const char *name);

/* One way to call the function, of which one is set. An adapter returns the first output and writes the
 * others. */
typedef struct {
    const char *name;
    ct_tensor *(*unary)(ct_tensor *x);
    ct_tensor *(*binary)(ct_tensor *x, ct_tensor *y);
    ct_tensor *(*reduction)(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
    ct_tensor *(*adapter)(const GoldenArguments *arguments, ct_tensor **others);
} GoldenOp;

/* NULL if the library lacks it. */
const GoldenOp *golden_op(const char *name);
void golden_call(const GoldenOp *op, const GoldenArguments *arguments, ct_tensor *outputs[GOLDEN_OUTPUTS]);

#endif
