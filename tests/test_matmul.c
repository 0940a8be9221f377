/* Matrix products of every size and layout, in every table of kernels, against sums in double precision. */
#include "suites.h"
#include "support.h"
#include "../tensor/internal/memory.h"
#include "../tensor/internal/plain.h"
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static int64_t random_below(int64_t n) {
    return (int64_t)(random_unit(&state) * (double)n);
}

/* ---- operands ---- */

enum { LAYOUT_WIDER = LAYOUT_COUNT, LAYOUT_WIDER_TRANSPOSED, MATRIX_LAYOUTS };

/* The middle columns of a wider matrix whose other columns hold NaN. */
static ct_tensor *within_wider(ct_dtype dtype, int64_t rows, int64_t columns, uint64_t seed) {
    ct_tensor *wide = ct_full(dtype, CT_DIMS(rows, columns + 7), dtype == CT_I64 ? 1e9 : NAN);
    ct_tensor *middle = ct_slice(wide, 1, 3, 3 + columns, 1);
    return ct_copy_(middle, make_random(dtype, CT_DIMS(rows, columns), -1, 1, seed, LAYOUT_CONTIGUOUS));
}

static ct_tensor *matrix(ct_dtype dtype, int64_t rows, int64_t columns, int layout) {
    uint64_t seed = (uint64_t)random_below(1 << 30);
    if (layout == LAYOUT_WIDER) return within_wider(dtype, rows, columns, seed);
    if (layout == LAYOUT_WIDER_TRANSPOSED) return ct_t(within_wider(dtype, columns, rows, seed));
    return make_random(dtype, CT_DIMS(rows, columns), dtype == CT_I64 ? -9 : -1, dtype == CT_I64 ? 9 : 1, seed,
                       (Layout)layout);
}

/* ---- the reference ---- */

/* c = a·b + bias (or NULL), within what rounding depth + 2 times can do to the sum of the terms' sizes. */
static void check_product(const char *what, ct_tensor *a, ct_tensor *b, ct_tensor *bias, ct_tensor *c) {
    ck_assert_msg(c, "%s: %s", what, ct_error_message());
    const int64_t rows = ct_shape(a)[0], depth = ct_shape(a)[1], columns = ct_shape(b)[1];
    ck_assert(ct_ndim(c) == 2 && ct_shape(c)[0] == rows && ct_shape(c)[1] == columns);
    double *x = read_doubles(a), *y = read_doubles(b), *z = read_doubles(c), *added = bias ? read_doubles(bias) : NULL;
    const double epsilon = ct_type(c) == CT_F64 ? 0x1p-53 : ct_type(c) == CT_I64 ? 0 : 0x1p-24;
    /* halves are added up in F32 and rounded once */
    const double last = ct_type(c) == CT_F16 ? 0x1p-11 : ct_type(c) == CT_BF16 ? 0x1p-8 : 0;
    double *sum = malloc((size_t)(2 * columns + 1) * sizeof *sum), *size = sum + columns;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) size[j] = fabs(sum[j] = bias ? added[j] : 0);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < columns; j++) {
                double term = x[i * depth + k] * y[k * columns + j];
                sum[j] += term, size[j] += fabs(term);
            }
        for (int64_t j = 0; j < columns; j++)
            ck_assert_msg(fabs(z[i * columns + j] - sum[j]) <=
                              (double)(depth + 2) * epsilon * size[j] + last * (fabs(sum[j]) + 0x1p-13),
                          "%s: [%lld, %lld] of %lldx%lldx%lld is %.17g, not %.17g", what, (long long)i, (long long)j,
                          (long long)rows, (long long)depth, (long long)columns, z[i * columns + j], sum[j]);
    }
    free(sum);
    free(x), free(y), free(z), free(added);
}

static void check_sizes(ct_dtype dtype, int64_t rows, int64_t depth, int64_t columns) {
    CT_SCOPED;
    int of_a = (int)random_below(MATRIX_LAYOUTS), of_b = (int)random_below(MATRIX_LAYOUTS);
    ct_tensor *a = matrix(dtype, rows, depth, of_a), *b = matrix(dtype, depth, columns, of_b);
    ct_tensor *bias = matrix(dtype, 1, columns, of_b);
    char what[128];
    snprintf(what, sizeof what, "%s %s, layouts %d and %d", ct_dtype_name(dtype), ct_simd(), of_a, of_b);
    check_product(what, a, b, NULL, ct_matmul(a, b));
    check_product(what, a, b, bias, ct_linear(a, ct_t(b), ct_reshape(bias, CT_DIMS(columns))));
}

static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_I64, CT_BF16, CT_F16};

static void in_every_table(void (*check)(ct_dtype dtype)) {
    for (int table = 0; table < tensor_simd_count(); table++)
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            tensor_simd_force(table);
            check(dtypes[d]);
        }
    tensor_simd_force(-1);
}

/* ---- sizes ---- */

static void check_small(ct_dtype dtype) {
    for (int64_t size = 0; size <= 67; size++)
        for (int repeat = 0; repeat < 2; repeat++) {
            check_sizes(dtype, size, random_below(68), random_below(68));
            check_sizes(dtype, random_below(68), size, random_below(68));
            check_sizes(dtype, random_below(68), random_below(68), size);
            check_sizes(dtype, size, size, size);
            check_sizes(dtype, 1, 8 * size + 1, size);
            check_sizes(dtype, size, 8 * size + 1, 1);
        }
}

START_TEST(small_sizes_in_every_layout) {
    in_every_table(check_small);
}
END_TEST

/* Few and many rows, more than one block of the depth, more columns than a block has. */
static void check_large(ct_dtype dtype) {
    static const int64_t sizes[][3] = {{33, 900, 401}, {3, 801, 2100}, {197, 400, 203}, {230, 793, 131},
                                       {1000, 91, 129}, {2, 2000, 700}, {900, 1500, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int repeat = 0; repeat < (dtype == CT_I64 ? 1 : 2); repeat++)
            check_sizes(dtype, sizes[i][0], sizes[i][1], sizes[i][2]);
}

START_TEST(large_sizes_in_every_layout) {
    in_every_table(check_large);
}
END_TEST

/* (a·b)·t = a·(b·t) for a random t, whatever the order of the sums. */
static void check_residual(ct_dtype dtype) {
    if (dtype != CT_F32 && dtype != CT_F64) return;
    static const int64_t sizes[][3] = {
        {300, 400, 2100}, {300, 1000, 2100}, {100, 1600, 700}, {100, 3000, 700}, {900, 400, 300}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int layouts = 0; layouts < 4; layouts++) {
            CT_SCOPED;
            ct_tensor *a = matrix(dtype, sizes[i][0], sizes[i][1], layouts & 1 ? LAYOUT_TRANSPOSED : LAYOUT_WIDER);
            ct_tensor *b = matrix(dtype, sizes[i][1], sizes[i][2], layouts & 2 ? LAYOUT_TRANSPOSED : LAYOUT_WIDER);
            ct_tensor *t = ct_to(matrix(dtype, sizes[i][2], 1, LAYOUT_CONTIGUOUS), CT_F64);
            ct_tensor *left = ct_matmul(ct_to(ct_matmul(a, b), CT_F64), t);
            ct_tensor *right = ct_matmul(ct_to(a, CT_F64), ct_matmul(ct_to(b, CT_F64), t));
            double residual = ct_item(ct_norm(ct_sub(left, right), 2)) / ct_item(ct_norm(right, 2));
            ck_assert_msg(residual < (dtype == CT_F32 ? 1e-5 : 1e-14), "%s %s %lldx%lldx%lld: residual %g",
                          ct_dtype_name(dtype), ct_simd(), (long long)sizes[i][0], (long long)sizes[i][1],
                          (long long)sizes[i][2], residual);
        }
}

START_TEST(residuals_of_large_products) {
    in_every_table(check_residual);
}
END_TEST

/* ---- what is not a number ---- */

/* A row of a with a NaN or an infinity spoils its row of c where b's number is not 0 or makes it NaN, no other. */
START_TEST(special_values_propagate) {
    static const int64_t sizes[][3] = {{5, 7, 3}, {40, 50, 37}, {1, 70, 90}, {90, 70, 1}, {250, 400, 300}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int layout = 0; layout < 2; layout++) {
            CT_SCOPED;
            const int64_t rows = sizes[i][0], depth = sizes[i][1], columns = sizes[i][2], row = rows / 2;
            ct_tensor *a = matrix(CT_F32, rows, depth, layout), *b = matrix(CT_F32, depth, columns, layout);
            ct_tensor *x = ct_clone(a), *y = ct_clone(b);
            ct_set(x, CT_DIMS(row, depth - 1), INFINITY);
            for (int64_t j = 0; j < columns; j++) ct_set(y, CT_DIMS(depth - 1, j), j == columns / 2 ? 0 : 1);
            double *was = read_doubles(ct_matmul(a, y)), *is = read_doubles(ct_matmul(x, y));
            for (int64_t at = 0; at < rows * columns; at++) {
                if (at / columns != row) ck_assert(is[at] == was[at]);
                else if (at % columns == columns / 2) ck_assert(isnan(is[at]));
                else ck_assert(isinf(is[at]));
            }
            free(was), free(is);
        }
}
END_TEST

/* ---- threads ---- */

START_TEST(threads_give_the_same_bits) {
    static const int64_t sizes[][3] = {{8, 8, 8},       {64, 64, 64},    {130, 300, 70}, {300, 500, 700}, {32, 900, 768},
                                       {1, 1024, 1024}, {1024, 1024, 1}, {700, 64, 10},  {1000, 30, 33}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int layouts = 0; layouts < 4; layouts++) {
            CT_SCOPED;
            ct_tensor *a = matrix(CT_F32, sizes[i][0], sizes[i][1], layouts & 1);
            ct_tensor *b = matrix(CT_F32, sizes[i][1], sizes[i][2], layouts >> 1), *c[3];
            for (int threads = 1; threads <= 3; threads++) {
                ct_set_num_threads(threads);
                c[threads - 1] = ct_matmul(a, b);
            }
            assert_same_bits("2 threads", c[1], c[0]);
            assert_same_bits("3 threads", c[2], c[0]);
        }
}
END_TEST

/* ---- batches ---- */

/* Each product of a batch has the bits that it has alone. */
START_TEST(batches_are_products_of_their_own) {
    static const int64_t sizes[][3] = {{3, 5, 4}, {64, 32, 64}, {20, 1, 1}, {1, 33, 50}, {210, 210, 210}};
    for (int threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            CT_SCOPED;
            ct_set_num_threads(threads);
            const int64_t rows = sizes[i][0], depth = sizes[i][1], columns = sizes[i][2];
            ct_tensor *a = make_random(CT_F32, CT_DIMS(3, 1, rows, depth), -1, 1, 5, LAYOUT_CONTIGUOUS);
            ct_tensor *b = make_random(CT_F32, CT_DIMS(7, depth, columns), -1, 1, 6, LAYOUT_TRANSPOSED);
            ct_tensor *c = ct_matmul(a, b);
            assert_shape(c, 3, 7, rows, columns);
            for (int64_t first = 0; first < 3; first++)
                for (int64_t second = 0; second < 7; second++) {
                    ct_tensor *alone = ct_matmul(ct_select(ct_select(a, 0, first), 0, 0), ct_select(b, 0, second));
                    assert_same_bits("of a batch", ct_select(ct_select(c, 0, first), 0, second), alone);
                }
        }
}
END_TEST

/* ---- the kernels' own bounds ---- */

/* A result within a larger matrix: what lies around it and between its rows stays. */
static void check_bounds(int64_t rows, int64_t depth, int64_t columns, int layout) {
    CT_SCOPED;
    enum { GAP = 5 };
    const int64_t c_row = columns + (columns == 1 ? 0 : GAP), bytes = (GAP + rows * c_row + GAP) * 4;
    ct_tensor *a = matrix(CT_F32, rows, depth, layout), *b = matrix(CT_F32, depth, columns, layout);
    const MatrixKernels *kernels = &tensor_kernels->matmul[COMPUTE_F32];
    float *c = malloc((size_t)bytes);
    memset(c, 0x7b, (size_t)bytes);
    float guard = c[0];
    MatrixProduct product = {.a = a->data, .b = b->data, .c = (char *)(c + GAP), .rows = rows, .columns = columns,
                             .depth = depth, .a_row = a->strides[0], .a_column = a->strides[1], .b_row = b->strides[0],
                             .b_column = b->strides[1], .c_row = c_row, .row_blocks = 1, .column_blocks = 1,
                             .strips = (rows + kernels->strip_rows - 1) / kernels->strip_rows};
    product.least_rows = rows / product.strips;
    if (rows == 1 || columns == 1) kernels->vector(&product, 0, rows * columns);
    else kernels->by_panels(&product, 0, 1);
    double *want = read_doubles(ct_matmul(a, b));
    for (int64_t at = -GAP; at < rows * c_row + GAP; at++) {
        bool inside = at >= 0 && at < rows * c_row && at % c_row < columns;
        ck_assert_msg(c[at + GAP] == (inside ? (float)want[at / c_row * columns + at % c_row] : guard),
                      "%lldx%lldx%lld: place %lld", (long long)rows, (long long)depth, (long long)columns, (long long)at);
    }
    free(c), free(want);
}

START_TEST(kernels_write_their_result_alone) {
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        for (int64_t size = 1; size <= 67; size++)
            for (int layout = 0; layout < 2; layout++) {
                check_bounds(size, 1 + random_below(40), 1 + random_below(67), layout);
                check_bounds(1 + random_below(67), 1 + random_below(40), size, layout);
            }
    }
    tensor_simd_force(-1);
}
END_TEST

/* ---- operands of 16 bits ---- */

/* The bits of the product of the operands as F32, rounded: one operand or both are converted on the way. Where c is a
 * vector, F32 operands have a kernel of their own with other sums. */
START_TEST(halves_are_converted_on_the_way) {
    static const int64_t sizes[][3] = {{2, 3, 4}, {64, 64, 64}, {130, 300, 70}, {300, 500, 700}, {32, 900, 768}, {700, 64, 10}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int layouts = 0; layouts < 8; layouts++) {
            CT_SCOPED;
            const ct_dtype dtype = layouts & 4 ? CT_F16 : CT_BF16;
            ct_tensor *a = matrix(dtype, sizes[i][0], sizes[i][1], layouts & 1);
            ct_tensor *b = matrix(dtype, sizes[i][1], sizes[i][2], layouts >> 1 & 1);
            ct_tensor *wide_a = ct_to(a, CT_F32), *wide_b = ct_to(b, CT_F32), *want = ct_matmul(wide_a, wide_b);
            assert_same_bits("both", ct_matmul(a, b), ct_to(want, dtype));
            assert_same_bits("a", ct_matmul(a, wide_b), want);
            assert_same_bits("b", ct_matmul(wide_a, b), want);
            assert_same_bits("a batch", ct_matmul(ct_stack((ct_tensor *[]){a, a}, 2, 0), b),
                             ct_to(ct_stack((ct_tensor *[]){want, want}, 2, 0), dtype));
        }
}
END_TEST

/* A product of halves needs memory for its result, and no more than strips and panels beside. */
START_TEST(halves_are_not_copied_whole) {
    ct_tensor *a = matrix(CT_BF16, 1000, 1000, 0), *b = matrix(CT_BF16, 1000, 8, 0);
    const int64_t before = (int64_t)ct_memory().bytes_in_use;
    ct_memory_reset_peak();
    ct_matmul(a, b);
    ck_assert_int_lt((int64_t)ct_memory().bytes_peak - before, 1000 * 1000 * 4 / 2);
}
END_TEST

/* ---- errors ---- */

START_TEST(no_memory_for_packing) {
    ct_tensor *few = matrix(CT_F32, 20, 1000, 0), *many = matrix(CT_F32, 300, 1000, 0), *b = matrix(CT_F32, 1000, 500, 0);
    for (int i = 0; i < 2; i++)
        for (int n = 1;; n++) {
            CT_SCOPED;
            tensor_alloc_fail_at(n, false);
            ct_tensor *c = ct_matmul(i ? many : few, b);
            bool failed = tensor_alloc_asked() >= n;
            tensor_alloc_fail_at(0, false);
            if (!failed) {
                ck_assert_ptr_nonnull(c);
                ck_assert_int_ge(n, 3); /* a header, its numbers, what is packed */
                break;
            }
            assert_fails(c, CT_ERR_MEMORY, "memory");
        }
}
END_TEST

Suite *matmul_suite(void) {
    Suite *suite = suite_create("matmul");
    TCase *products = support_case(suite, "matmul");
    tcase_set_timeout(products, 120);
    tcase_add_test(products, small_sizes_in_every_layout);
    tcase_add_test(products, large_sizes_in_every_layout);
    tcase_add_test(products, residuals_of_large_products);
    tcase_add_test(products, special_values_propagate);
    tcase_add_test(products, threads_give_the_same_bits);
    tcase_add_test(products, batches_are_products_of_their_own);
    tcase_add_test(products, kernels_write_their_result_alone);
    tcase_add_test(products, halves_are_converted_on_the_way);
    tcase_add_test(products, halves_are_not_copied_whole);
    tcase_add_test(products, no_memory_for_packing);
    return suite;
}
