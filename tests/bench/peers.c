/* The products of bench-matmul, by name, in the library that PEER_… chooses: built and run by compare.py. */
#include "bench.h"

typedef struct {
    bool f64, a_transposed, b_transposed; /* row-major otherwise */
    int m, k, n, a_row, b_row;
    void *a, *b, *c;
    void (*kernel)(const float *b, const float *a, float *c, ...); /* libxsmm's, made for this product */
} Product;

#if defined PEER_BLAS
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int a_row,
                 const float *b, int b_row, float beta, float *c, int c_row);
void cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int a_row,
                 const double *b, int b_row, double beta, double *c, int c_row);

static bool prepare(Product *p) {
    return p->a;
}

static void multiply(void *data) {
    const Product *p = data;
    const int ta = p->a_transposed ? TRANSPOSED : PLAIN, tb = p->b_transposed ? TRANSPOSED : PLAIN;
    if (p->f64)
        cblas_dgemm(ROW_MAJOR, ta, tb, p->m, p->n, p->k, 1, p->a, p->a_row, p->b, p->b_row, 0, p->c, p->n);
    else
        cblas_sgemm(ROW_MAJOR, ta, tb, p->m, p->n, p->k, 1, p->a, p->a_row, p->b, p->b_row, 0, p->c, p->n);
}
#elif defined PEER_ONEDNN
int dnnl_sgemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t a_row,
               const float *b, int64_t b_row, float beta, float *c, int64_t c_row);

static bool prepare(Product *p) {
    return !p->f64;
}

static void multiply(void *data) {
    const Product *p = data;
    dnnl_sgemm(p->a_transposed ? 'T' : 'N', p->b_transposed ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, p->a_row, p->b,
               p->b_row, 0, p->c, p->n);
}
#elif defined PEER_LIBXSMM
#include <libxsmm.h>

/* Small products only. It is column-major: c = a·b in rows is cᵀ = bᵀ·aᵀ in columns. */
static bool prepare(Product *p) {
    if (p->f64 || p->a_transposed || p->b_transposed || p->m > 128 || p->k > 128 || p->n > 128) return false;
    const float one = 1, zero = 0;
    const int flags = LIBXSMM_GEMM_FLAG_NONE;
    p->kernel = libxsmm_smmdispatch(p->n, p->m, p->k, &p->b_row, &p->a_row, &p->n, &one, &zero, &flags, NULL);
    return p->kernel;
}

static void multiply(void *data) {
    const Product *p = data;
    p->kernel(p->b, p->a, p->c);
}
#endif

static void *numbers(int rows, int columns) {
    const size_t n = (size_t)rows * (size_t)columns;
    double *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++) x[i] = 1; /* as floats: 0 and 1.875 */
    return x;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char type, a, b;
        Product p = {0};
        if (sscanf(argv[i], "%cgemm/%dx%dx%d/%c%c", &type, &p.m, &p.k, &p.n, &a, &b) != 6) continue;
        p.f64 = type == 'd', p.a_transposed = a == 'T', p.b_transposed = b == 'T';
        p.a_row = p.a_transposed ? p.m : p.k, p.b_row = p.b_transposed ? p.k : p.n;
        p.a = numbers(p.m, p.k), p.b = numbers(p.k, p.n), p.c = numbers(p.m, p.n);
        if (prepare(&p))
            report(argv[i], 2e-9 * p.m * p.k * p.n / seconds_per_call(multiply, &p), "GFLOP/s");
        free(p.a), free(p.b), free(p.c);
    }
    return 0;
}
