/* Walks over three operands along all dims but one, for operations along a dim. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_DIM_WALK_H
#define COTANGENT_TENSOR_INTERNAL_DIM_WALK_H

#include "object.h"

enum { DIM_OPERANDS = 3 };

typedef struct DimWalk DimWalk;
/* A row of n places: each operand's first element and its steps, in elements. Returns -1, or the place in the row at
 * which it found a bad value. */
typedef int64_t DimRow(const DimWalk *w, const int64_t *at, const int64_t *step, int64_t n);

struct DimWalk {
    DimRow *row;
    char *data[DIM_OPERANDS];
    int ndim; /* at least 1 */
    int64_t shape[CT_MAX_DIMS], step[CT_MAX_DIMS][DIM_OPERANDS], places; /* those walked over */
    int64_t length, along[DIM_OPERANDS]; /* of the dim that is left out: its size and the operands' steps */
};

/* Operands of that shape (NULL: none there) but for dim, which is left out and in which operand 0 may differ. Dims of
 * size 1 go, neighbours are merged. `whole`: dim is walked too, and operand 0 stands still along it. */
DimWalk tensor_dim_walk_over(ct_tensor *const *x, const int64_t *shape, int ndim, int dim, bool whole);
/* Hands places [begin, end), in row-major order, to the row function, with all operands moved on by `start`. Returns -1
 * or the first bad place. */
int64_t tensor_dim_walk(const DimWalk *w, int64_t begin, int64_t end, const int64_t *start);

/* A view of one dim for a 0-dim tensor; others as they are. */
ct_tensor *tensor_with_dims(ct_tensor *x);

#endif
