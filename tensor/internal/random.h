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

/* Where a call's counters begin. */
typedef struct {
    uint64_t seed, first;
} RandomStream;

/* So many counters of the thread's current generator. */
RandomStream tensor_random_reserve(int64_t counters);

/* ln x for a positive normal x. */
double tensor_random_logarithm(double x);
/* Whether x is floating; false with an error. */
bool tensor_check_floating(const ct_tensor *x);

/* The block cipher: four numbers from a counter and a key. */
static inline void tensor_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t result[4]) {
    enum { ROUNDS = 10 };
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t x = UINT64_C(0xd2511f53) * a, y = UINT64_C(0xcd9e8d57) * c;
        a = (uint32_t)(y >> 32) ^ b ^ k0;
        b = (uint32_t)y;
        c = (uint32_t)(x >> 32) ^ d ^ k1;
        d = (uint32_t)x;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    result[0] = a, result[1] = b, result[2] = c, result[3] = d;
}

/* What the i-th counter of a stream gives. */
static inline void tensor_random_draw(RandomStream stream, int64_t i, uint32_t words[4]) {
    uint64_t counter = stream.first + (uint64_t)i;
    tensor_philox((uint32_t[]){(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0},
                  (uint32_t[]){(uint32_t)stream.seed, (uint32_t)(stream.seed >> 32)}, words);
}

/* 53 bits of two words as a number on [0, 1). */
static inline double tensor_random_unit(const uint32_t *words) {
    uint64_t bits = (uint64_t)words[0] << 32 | words[1];
    return (double)(bits >> 11) * 0x1p-53;
}

#endif
