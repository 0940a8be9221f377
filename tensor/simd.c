/* Which table of kernels runs: the best that this machine can, or the lower one that CT_SIMD names. */
#include "internal/kernels.h"
#include "runtime.h"
#include <stdlib.h>
#include <string.h>

extern const Kernels tensor_kernels_base;
#ifdef CT_X86_TABLES
extern const Kernels tensor_kernels_avx2, tensor_kernels_avx512;
#endif

const Kernels *tensor_kernels = &tensor_kernels_base;
static const Kernels *tables[3];
static int count, best;

/* Runs before main(), so that no call has to ask whether it did. */
__attribute__((constructor)) static void choose(void) {
    tables[count++] = &tensor_kernels_base;
#ifdef CT_X86_TABLES
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        tables[count++] = &tensor_kernels_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            tables[count++] = &tensor_kernels_avx512;
    }
#endif
    best = count - 1;
    const char *wanted = getenv("CT_SIMD");
    for (int i = 0; wanted && i < count; i++)
        if (strcmp(tables[i]->name, wanted) == 0) best = i;
    tensor_kernels = tables[best];
}

const char *ct_simd(void) {
    return tensor_kernels->name;
}

int tensor_simd_count(void) {
    return count;
}

const char *tensor_simd_name(int i) {
    return tables[i]->name;
}

void tensor_simd_force(int i) {
    tensor_kernels = tables[i < 0 ? best : i];
}

const char *ct_version(void) {
    return CT_VERSION;
}
