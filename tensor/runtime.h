/** \file
 * The library as it runs: version, threads, instruction set, memory.
 */
#ifndef COTANGENT_TENSOR_RUNTIME_H
#define COTANGENT_TENSOR_RUNTIME_H

#include "api.h"

CT_BEGIN_DECLS

#define CT_VERSION_MAJOR 0
#define CT_VERSION_MINOR 1
#define CT_VERSION_PATCH 0
#define CT_VERSION "0.1.0"

/** The library's version, to hold against the header's CT_VERSION. */
CT_API const char *ct_version(void);

/** How many threads a computation may use, at least 1. Results do not depend on it, bit for bit. */
CT_API void ct_set_num_threads(int threads);
/** The default is CT_NUM_THREADS from the environment, else the cores that this process may use. */
CT_API int ct_num_threads(void);

/** The instruction set of the kernels in use: "avx512", "avx2", "neon" or "generic"; CT_SIMD in the
 * environment forces a lower one. */
CT_API const char *ct_simd(void);

/** Sizes in bytes; counts of objects. */
typedef struct {
    size_t bytes_in_use;    /**< handed out by the allocator, all threads */
    size_t bytes_cached;    /**< kept for reuse */
    size_t bytes_peak;      /**< the largest bytes_in_use since the last reset (to within 64 KiB a thread) */
    uint64_t system_allocs; /**< blocks asked of the system since the start */
    uint64_t tensors_alive; /**< tensor headers */
    uint64_t nodes_alive;   /**< graph nodes */
} ct_memory_info;

CT_API ct_memory_info ct_memory(void);
CT_API void ct_memory_reset_peak(void);
/** Gives the calling thread's and the shared cache back to the system. */
CT_API void ct_memory_trim(void);

CT_END_DECLS

#endif
