/* The thread pool and the funnel that every kernel goes through. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_PARALLEL_H
#define COTANGENT_TENSOR_INTERNAL_PARALLEL_H

#include "../api.h"

/* A kernel works on [begin, end) of its range and returns -1, or the lowest place at which it found a bad value. */
typedef int64_t Kernel(const void *arguments, int64_t begin, int64_t end);

/* Runs a kernel over [0, range), cut into pieces of `grain` (by sizes alone, whatever the number of threads).
 * Arguments are one small plain struct. Returns -1, or the lowest bad place. */
int64_t tensor_launch(Kernel *kernel, const void *arguments, size_t bytes, int64_t range, int64_t grain);

#endif
