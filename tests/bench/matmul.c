/* Matrix products [m, k] · [k, n], in GFLOP/s. A transposed operand lies in memory the other way round: N is
 * row-major, T column-major; forward passes read NT (x·Wᵀ), weight gradients TN. */
#include "bench.h"
#include <string.h>

static const struct {
    int64_t m, k, n;
    const char *layouts; /* one or more of NN, NT, TN */
    bool others;         /* in F64 and BF16 too */
} shapes[] = {
    {8, 8, 8, "NN", false},
    {16, 16, 16, "NN", false},
    {32, 32, 32, "NN", false},
    {64, 64, 64, "NN", true},
    {128, 128, 128, "NN", false},
    {256, 256, 256, "NN", true},
    {512, 512, 512, "NN NT TN", true},
    {1024, 1024, 1024, "NN NT TN", true},
    {2048, 2048, 2048, "NN", false},
    {64, 784, 128, "NN NT", false},
    {784, 64, 128, "TN", false},
    {64, 128, 64, "NT", false},
    {64, 64, 10, "NT", false},
    {128, 512, 512, "NN NT", false},
    {512, 128, 512, "TN", false},
    {32, 3072, 768, "NN NT", false},
    {128, 1024, 4096, "NT", false},
    {128, 4096, 4096, "NT", false},
    {4096, 128, 4096, "TN", false},
    {1, 1024, 1024, "NN", false},
    {1024, 1024, 1, "NN", false},
};

static void multiply(void *data) {
    ct_tensor **x = data;
    CT_SCOPED;
    ct_matmul(x[0], x[1]);
}

static ct_tensor *matrix(ct_dtype dtype, int64_t rows, int64_t columns, bool transposed) {
    return transposed ? ct_t(ct_randn(dtype, CT_DIMS(columns, rows))) : ct_randn(dtype, CT_DIMS(rows, columns));
}

static int wanted_count;
static char **wanted;

static bool is_wanted(const char *name) {
    for (int i = 0; i < wanted_count; i++)
        if (strcmp(wanted[i], name) == 0) return true;
    return wanted_count == 0;
}

static void line(ct_dtype dtype, int64_t m, int64_t k, int64_t n, const char layout[2]) {
    CT_SCOPED;
    char name[64];
    snprintf(name, sizeof name, "%s/%lldx%lldx%lld/%.2s",
             dtype == CT_F64    ? "dgemm"
             : dtype == CT_BF16 ? "bf16gemm"
                                : "sgemm",
             (long long)m, (long long)k, (long long)n, layout);
    if (!is_wanted(name)) return;
    ct_tensor *x[] = {matrix(dtype, m, k, layout[0] == 'T'), matrix(dtype, k, n, layout[1] == 'T')};
    const double flops = 2.0 * (double)m * (double)k * (double)n;
    report(name, flops / seconds_per_call(multiply, x) * 1e-9, "GFLOP/s");
}

/* Measures the lines named by the arguments; all of them if there are none. */
int main(int argc, char **argv) {
    wanted_count = argc - 1, wanted = argv + 1;
    bench_begin();
    static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_BF16};
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (const char *layout = shapes[i].layouts; dtypes[d] == CT_F32 || shapes[i].others; layout += 3) {
                line(dtypes[d], shapes[i].m, shapes[i].k, shapes[i].n, layout);
                if (!layout[2]) break;
            }
    return 0;
}
