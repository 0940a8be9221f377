/* The engine of reductions: fold.c. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_FOLD_H
#define COTANGENT_TENSOR_INTERNAL_FOLD_H

#include "plain.h"

/* What is asked for beside x. */
typedef struct {
    const Reducer *reducer;
    unsigned set;
    bool keepdim;
    ct_dtype compute;         /* F32, F64 or I64 */
    bool wide;                /* the result of a floating one is F64 */
    double p, divisor;        /* 0: 1 */
    const ct_tensor *centres; /* F64, a parameter for each result; NULL: p */
    ct_tensor *places;        /* of the extremes: set; NULL: not wanted */
    bool places_only;         /* and nothing else */
} Fold;

/* x folded; the places, if they alone are wanted. */
ct_tensor *tensor_fold(ct_tensor *x, const Fold *fold);

#endif
