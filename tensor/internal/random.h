/* Random numbers: Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3). Not installed.
 *
 * A generator is a key (the seed) and an offset. A call reserves as many counters as it needs and computes each element
 * from its own one, so that neither layout nor threads matter; it uses no function of the system's libm but the exact
 * ones, and is compiled without contraction, so that machines do not matter either. */
#ifndef COTANGENT_TENSOR_INTERNAL_RANDOM_H
#define COTANGENT_TENSOR_INTERNAL_RANDOM_H

#include "../tensor.h"

struct ct_generator {
    uint64_t seed, offset; /* the next counter */
};

/* A copy of the thread's current generator: one that draws the same numbers next. */
ct_generator tensor_generator_now(void);

/* Sets every element of any floating view from the thread's current generator; x does not overlap itself. An error
 * leaves x and the generator as they were. */
ct_status tensor_fill_uniform(ct_tensor *x, double lo, double hi); /* on [lo, hi); lo where they are equal */
ct_status tensor_fill_normal(ct_tensor *x, double mean, double std);
/* A BOOL tensor, each element true with that probability. */
ct_tensor *tensor_keep_mask(const int64_t *shape, int ndim, double keep_probability);

/* The block cipher itself: four numbers from a counter and a key. */
void tensor_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t result[4]);

#endif
