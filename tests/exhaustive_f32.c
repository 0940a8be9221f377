/* Every float through every function of math_f32.c, in every table of kernels: prints the largest error of each and fails
 * where one is more than allowed. The reference is the same function in f64, which test_math_f64.c holds against libm.
 *
 * exhaustive-f32 [STEP [NAME…]]: only every STEP-th float; only these functions. A process for each processor. */
#include "math_f32.h"
#include "tensor/internal/kernels.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 1 << 14, MAX_PROCESSES = 64, MAX_TABLES = 8 };

/* The largest error, and the one that passes what is allowed by most. */
typedef struct {
    double ulps, excess;
    float at, excess_at;
} Worst;

static void judge(Worst *worst, const MathCase *c, float x, float got, double want) {
    double ulps = math_ulps(got, want), excess = ulps - math_allowed(c, x, want);
    if (ulps > worst->ulps) *worst = (Worst){ulps, worst->excess, x, worst->excess_at};
    if (excess > worst->excess) *worst = (Worst){worst->ulps, excess, worst->at, x};
}

/* BLOCK floats from `bits` on, `step` apart, in every table; one whose results are another's is not judged again. */
static void check_block(Worst *worst, const MathCase *c, uint64_t bits, uint64_t step) {
    CT_SCOPED;
    static float results[MAX_TABLES][BLOCK];
    ct_tensor *x = ct_empty(CT_F32, CT_DIMS(BLOCK));
    float *numbers = ct_data(x);
    for (int i = 0; i < BLOCK; i++) {
        uint32_t pattern = (uint32_t)(bits + (uint64_t)i * step);
        memcpy(numbers + i, &pattern, sizeof pattern);
    }
    tensor_simd_force(-1);
    const double *want = ct_data(c->function(ct_to(x, CT_F64)));
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        const float *got = memcpy(results[table], ct_data(c->function(x)), sizeof *results);
        if (table > 0 && memcmp(got, results[table - 1], sizeof *results) == 0) continue;
        for (int i = 0; i < BLOCK; i++)
            if ((float)want[i] != got[i] || got[i] == 0) judge(&worst[table], c, numbers[i], got[i], want[i]);
    }
}

static void check_part(Worst *worst, const MathCase *c, int part, int parts, uint64_t step) {
    ct_set_num_threads(1);
    const uint64_t stride = BLOCK * step;
    for (uint64_t bits = (uint64_t)part * stride; bits < (uint64_t)1 << 32; bits += (uint64_t)parts * stride)
        check_block(worst, c, bits, step);
    _exit(ct_error() == CT_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool report(const MathCase *c, const Worst *worst) {
    bool passed = true;
    for (int table = 0; table < tensor_simd_count(); table++) {
        const Worst *w = &worst[table];
        if (w->ulps == 0) continue; /* as the table before it */
        printf("%-10s %-8s %9.4g ulp at %a\n", c->name, tensor_simd_name(table), w->ulps, (double)w->at);
        if (w->excess > 0) printf("%-10s more than allowed at %a\n", c->name, (double)w->excess_at);
        passed = passed && w->excess <= 0;
    }
    fflush(stdout);
    return passed;
}

static bool check(const MathCase *c, uint64_t step, Worst (*worst)[MAX_TABLES], int parts) {
    memset(worst, 0, MAX_PROCESSES * sizeof *worst);
    for (int part = 0; part < parts; part++)
        if (fork() == 0) check_part(worst[part], c, part, parts, step);
    bool passed = true;
    for (int status, part = 0; part < parts; part++) passed = wait(&status) > 0 && status == 0 && passed;
    for (int part = 1; part < parts; part++)
        for (int table = 0; table < tensor_simd_count(); table++) {
            const Worst *w = &worst[part][table];
            Worst *most = &worst[0][table];
            if (w->ulps > most->ulps) *most = (Worst){w->ulps, most->excess, w->at, most->excess_at};
            if (w->excess > most->excess) *most = (Worst){most->ulps, w->excess, most->at, w->excess_at};
        }
    return report(c, worst[0]) && passed;
}

int main(int argc, char **argv) {
    const uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int parts = processors > MAX_PROCESSES ? MAX_PROCESSES : processors < 1 ? 1 : (int)processors;
    Worst(*worst)[MAX_TABLES] = mmap(NULL, MAX_PROCESSES * sizeof *worst, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (worst == MAP_FAILED || step == 0) return EXIT_FAILURE;
    bool passed = true;
    for (int i = 0; i < math_case_count; i++) {
        bool wanted = argc <= 2;
        for (int name = 2; name < argc; name++) wanted = wanted || strcmp(argv[name], math_cases[i].name) == 0;
        if (wanted) passed = check(&math_cases[i], step, worst, parts) && passed;
    }
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
