/* Elementwise operations, f32, each into a new tensor: ns for each element. */
#include "bench.h"

typedef ct_tensor *Unary(ct_tensor *x);
typedef ct_tensor *Binary(ct_tensor *a, ct_tensor *b);

typedef struct {
    Unary *unary; /* or */
    Binary *binary;
    ct_tensor *a, *b;
} Call;

static void call(void *data) {
    const Call *c = data;
    CT_SCOPED;
    if (c->unary) c->unary(c->a);
    else c->binary(c->a, c->b);
}

static void line(const char *name, Call c) {
    report(name, seconds_per_call(call, &c) / (double)ct_numel(c.a) * 1e9, "ns");
}

static ct_tensor *gelu(ct_tensor *x) {
    return ct_gelu(x, false);
}

static ct_tensor *gelu_tanh(ct_tensor *x) {
    return ct_gelu(x, true);
}

static ct_tensor *softplus(ct_tensor *x) {
    return ct_softplus(x, 1, 20);
}

static const struct {
    const char *name;
    Unary *unary;
    Binary *binary;
} functions[] = {
    {.name = "add", .binary = ct_add},
    {.name = "mul", .binary = ct_mul},
    {.name = "relu", .unary = ct_relu},
    {.name = "exp", .unary = ct_exp},
    {.name = "log", .unary = ct_log},
    {.name = "sigmoid", .unary = ct_sigmoid},
    {.name = "tanh", .unary = ct_tanh},
    {.name = "gelu", .unary = gelu},
    {.name = "gelu_tanh", .unary = gelu_tanh},
    {.name = "exp2", .unary = ct_exp2},
    {.name = "expm1", .unary = ct_expm1},
    {.name = "log2", .unary = ct_log2},
    {.name = "log1p", .unary = ct_log1p},
    {.name = "sin", .unary = ct_sin},
    {.name = "cos", .unary = ct_cos},
    {.name = "tan", .unary = ct_tan},
    {.name = "atan", .unary = ct_atan},
    {.name = "sinh", .unary = ct_sinh},
    {.name = "asinh", .unary = ct_asinh},
    {.name = "erf", .unary = ct_erf},
    {.name = "erfc", .unary = ct_erfc},
    {.name = "silu", .unary = ct_silu},
    {.name = "mish", .unary = ct_mish},
    {.name = "softplus", .unary = softplus},
    {.name = "pow", .binary = ct_pow},
    {.name = "atan2", .binary = ct_atan2},
    {.name = "hypot", .binary = ct_hypot},
    {.name = "fmod", .binary = ct_fmod},
};

/* Numbers where none of the functions takes a short cut: on [0.01, 5). */
static ct_tensor *numbers(const int64_t *shape, int ndim) {
    return ct_uniform_(ct_empty(CT_F32, shape, ndim), 0.01, 5);
}

static void lines_of_size(const char *size, int64_t n) {
    CT_SCOPED;
    ct_tensor *a = numbers(CT_DIMS(n)), *b = numbers(CT_DIMS(n));
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%s", functions[i].name, size);
        line(name, (Call){functions[i].unary, functions[i].binary, a, b});
    }
}

static ct_tensor *transposed_copy(ct_tensor *x) {
    return ct_contiguous(ct_t(x));
}

int main(void) {
    bench_begin();
    lines_of_size("1e3", 1000);
    lines_of_size("1e5", 100000);
    lines_of_size("1e7", 10000000);
    ct_tensor *matrix = numbers(CT_DIMS(4096, 1024));
    line("add/row", (Call){.binary = ct_add, .a = matrix, .b = numbers(CT_DIMS(1024))});
    line("add/column", (Call){.binary = ct_add, .a = matrix, .b = numbers(CT_DIMS(4096, 1))});
    line("transpose/2048", (Call){.unary = transposed_copy, .a = numbers(CT_DIMS(2048, 2048))});
    return 0;
}
