/* Equations, inverses, determinants and Cholesky factors: what the table of operations does not ask. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/kernels.h"

static ct_tensor *leaf(ct_tensor *x) {
    return ct_set_requires_grad(x, true);
}

/* A batch of two matrices of size n whose diagonals carry weight. */
static ct_tensor *matrices(ct_dtype dtype, int64_t n, uint64_t seed) {
    ct_tensor *x = make_random(dtype, CT_DIMS(2, n, n), -1, 1, seed, LAYOUT_CONTIGUOUS);
    return ct_add(x, ct_diag(ct_full(dtype, CT_DIMS(n), 2), 0));
}

static double size_of(ct_tensor *x) {
    return ct_item(ct_norm(ct_to(x, CT_F64), 2));
}

/* a·b = c within what rounding does to the sums of products. */
static void check_product(const char *what, ct_tensor *a, ct_tensor *b, ct_tensor *c, double tolerance) {
    ck_assert_msg(a && b && c, "%s: %s", what, ct_error_message());
    ct_tensor *product = ct_matmul(ct_to(a, CT_F64), ct_to(b, CT_F64));
    double error = size_of(ct_sub(product, c)), allowed = tolerance * size_of(a) * size_of(b);
    ck_assert_msg(error <= allowed, "%s (%s): the product is off by %g, more than %g", what, ct_simd(), error, allowed);
}

/* A·X = B, A·A⁻¹ = 1, L·Lᵀ = A, and the determinant is that of both factors. */
static void check_size(ct_dtype dtype, int64_t n) {
    CT_SCOPED;
    const double tolerance = dtype == CT_F32 ? 0x1p-22 : 0x1p-51;
    ct_tensor *a = matrices(dtype, n, (uint64_t)n), *one = ct_eye(dtype, n, n);
    ct_tensor *b = make_random(dtype, CT_DIMS(2, n, 5), -1, 1, 7, LAYOUT_TRANSPOSED);
    check_product("solve", a, ct_solve(a, b), b, tolerance);
    check_product("inv", a, ct_inv(a), one, tolerance);
    ct_tensor *definite = ct_add(ct_matmul(a, ct_transpose(a, 1, 2)), one), *l = ct_cholesky(definite);
    check_product("cholesky", l, ct_transpose(l, 1, 2), definite, tolerance);
    ck_assert(ct_equal(l, ct_tril(l, 0)));
    ct_tensor *squares = ct_square(ct_prod_dim(ct_diagonal(l, 0, 1, 2), CT_DIMS(-1), false));
    if (n <= 35) assert_allclose("det", ct_det(definite), squares, 1e3 * tolerance, 0);
}

START_TEST(residuals_of_every_size) {
    static const int64_t more[] = {100, 131};
    for (int table = 0; table < tensor_simd_count(); table++)
        for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++) {
            tensor_simd_force(table);
            for (int64_t n = 0; n <= 35; n++) check_size(dtype, n);
            for (int i = 0; i < 2; i++) check_size(dtype, more[i]);
        }
    tensor_simd_force(-1);
}
END_TEST

START_TEST(rows_are_exchanged) {
    ct_tensor *a = make_f64(CT_DIMS(3, 3), 0, 2, 0, 1e-20, 1, 1, 3, 0, 0);
    assert_values("x", ct_solve(a, make_f64(CT_DIMS(3), 4, 3, 6)), 1e-12, 2, 2, 1);
    assert_values("det", ct_det(a), 1e-12, 6);
    assert_values("of a permutation", ct_det(make_f64(CT_DIMS(2, 2), 0, 1, 1, 0)), 0, -1);
    assert_values("of nothing", ct_det(ct_ones(CT_F64, CT_DIMS(0, 0))), 0, 1);
}
END_TEST

START_TEST(bad_matrices_are_named) {
    ct_tensor *x = ct_add(ct_zeros(CT_F32, CT_DIMS(2, 3, 2, 2)), ct_eye(CT_F32, 2, 2));
    assert_values("det", ct_det(x), 0, 1, 1, 1, 1, 1, 1);
    ct_set(x, CT_DIMS(1, 2, 0, 0), 0);
    ct_set(x, CT_DIMS(1, 0, 1, 1), 0);
    assert_fails(ct_inv(x), CT_ERR_VALUE, "at (1, 0) of the batch (shape (2, 3, 2, 2)) is singular");
    assert_fails(ct_solve(x, ct_ones(CT_F32, CT_DIMS(2, 1))), CT_ERR_VALUE, "at (1, 0)");
    assert_fails(ct_cholesky(x), CT_ERR_VALUE, "at (1, 0) of the batch (shape (2, 3, 2, 2)) is not positive definite");
    assert_fails(ct_cholesky(make_f64(CT_DIMS(1, 1), NAN)), CT_ERR_VALUE, "not positive definite");
    assert_fails(ct_inv(ct_zeros(CT_F64, CT_DIMS(2, 2))), CT_ERR_VALUE, "the matrix (shape (2, 2)) is singular");
    ck_assert(isnan(ct_item(ct_det(make_f64(CT_DIMS(1, 1), NAN)))));
}
END_TEST

/* The cofactors are known: of rank n - 1 (the zero pivot first, in the middle, last), of rank n - 2. */
START_TEST(determinant_of_singular_matrices) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(5, 3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9, /**/ 0, 0, 0, 0, 2, 0, 0, 0, 3, /**/
                                 2, 1, 0, 4, 2, 0, 0, 0, 1, /**/ 1, 1, 1, 2, 2, 2, 3, 3, 3, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0));
    ct_tensor *det = ct_det(x);
    assert_values("det", det, 1e-14, 0, 0, 0, 0, 0);
    ck_assert_int_eq(ct_backward(ct_sum(det)), CT_OK);
    assert_values("cofactors", ct_grad(x), 1e-13, -3, 6, -3, 6, -12, 6, -3, 6, -3, /**/ 6, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                  2, -4, 0, -1, 2, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ct_tensor *zero = leaf(ct_zeros(CT_F64, CT_DIMS(1, 1))), *sum = ct_sum(ct_det(zero)), *g = NULL;
    ck_assert_int_eq(ct_backward(sum), CT_OK);
    assert_values("1", ct_grad(zero), 0, 1);
    sum = ct_sum(ct_det(zero));
    ck_assert_int_eq(ct_gradients(&sum, 1, &zero, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    assert_status(ct_backward(ct_sum(g)), CT_ERR_VALUE, "singular");
}
END_TEST

START_TEST(cholesky_reads_the_lower_triangle) {
    ct_tensor *x = leaf(make_f64(CT_DIMS(2, 2), 4, NAN, 2, 5)), *l = ct_cholesky(x);
    assert_values("L", l, 1e-15, 2, 0, 1, 2);
    ck_assert_int_eq(ct_backward(ct_sum(l)), CT_OK);
    assert_values("symmetric", ct_grad(x), 1e-15, 0.1875, 0.125, 0.125, 0.25);
}
END_TEST

/* ---- distances ---- */

static const double norms[] = {0, 0.5, 1, 2, 3, INFINITY};

/* The distances of x[0] and x[1], and with g the gradients of both. */
static void distances(ct_tensor *(*function)(ct_tensor *a, ct_tensor *b, double p), ct_tensor *const *x, double p, ct_tensor *g,
                      ct_tensor *out[3]) {
    out[0] = function(x[0], x[1], p);
    ck_assert_int_eq(ct_gradients(&out[0], 1, x, 2, &g, 0, out + 1), CT_OK);
}

static ct_tensor *by_differences(ct_tensor *a, ct_tensor *b, double p) {
    return ct_norm_dim(ct_sub(ct_unsqueeze(a, -2), ct_unsqueeze(b, -3)), CT_DIMS(-1), p, false);
}

/* More rows than a panel and than a block have, and a point that both sets hold. */
START_TEST(distances_are_norms_of_differences) {
    ct_tensor *x[] = {make_random(CT_F64, CT_DIMS(2, 70, 7), -1, 1, 1, LAYOUT_CONTIGUOUS),
                      make_random(CT_F64, CT_DIMS(131, 7), -1, 1, 2, LAYOUT_TRANSPOSED)}, *want[3], *got[3], *shared[3];
    ct_copy_(ct_select(x[1], 0, 5), ct_select(ct_select(x[0], 0, 1), 0, 3));
    ct_tensor *g = make_random(CT_F64, CT_DIMS(2, 70, 131), -1, 1, 3, LAYOUT_CONTIGUOUS);
    for (int i = 0; i < 2; i++) leaf(x[i]);
    distances(by_differences, x, norms[_i], g, want);
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        ct_set_num_threads(1);
        distances(ct_cdist, x, norms[_i], g, got);
        ct_set_num_threads(2);
        distances(ct_cdist, x, norms[_i], g, shared);
        for (int i = 0; i < 3; i++) {
            assert_allclose("distances and gradients", got[i], want[i], 1e-11, 1e-12);
            assert_same_bits("threads", shared[i], got[i]);
        }
    }
    tensor_simd_force(-1);
}
END_TEST

START_TEST(a_point_is_not_apart_from_itself) {
    ct_tensor *a = leaf(make_f64(CT_DIMS(1, 2), 3, 4)), *b = make_f64(CT_DIMS(1, 2), 3, 4), *y = ct_cdist(a, b, norms[_i]), *g;
    assert_values("distance", y, 0, 0);
    ck_assert_int_eq(ct_gradients(&y, 1, &a, 1, NULL, CT_CREATE_GRAPH, &g), CT_OK);
    assert_values("gradient", g, 0, 0, 0);
    if (!ct_requires_grad(g)) return;
    ck_assert_int_eq(ct_backward(ct_sum(g)), CT_OK);
    if (ct_grad(a)) assert_values("second gradient", ct_grad(a), 0, 0, 0);
}
END_TEST

START_TEST(differences_never_stand_in_memory) {
    enum { POINTS = 200, COORDINATES = 100 };
    ct_tensor *x[] = {leaf(ct_randn(CT_F32, CT_DIMS(POINTS, COORDINATES))), leaf(ct_randn(CT_F32, CT_DIMS(POINTS, COORDINATES)))};
    ct_tensor *out[3], *g = ct_ones(CT_F32, CT_DIMS(POINTS, POINTS));
    ct_memory_reset_peak();
    const size_t before = ct_memory().bytes_in_use;
    distances(ct_cdist, x, 2, g, out);
    ck_assert_uint_lt(ct_memory().bytes_peak - before, POINTS * POINTS * COORDINATES * sizeof(float) / 8);
}
END_TEST

Suite *linalg_suite(void) {
    Suite *suite = suite_create("linalg");
    TCase *c = support_case(suite, "linalg");
    tcase_add_test(c, residuals_of_every_size);
    tcase_add_test(c, rows_are_exchanged);
    tcase_add_test(c, bad_matrices_are_named);
    tcase_add_test(c, determinant_of_singular_matrices);
    tcase_add_test(c, cholesky_reads_the_lower_triangle);
    tcase_add_loop_test(c, distances_are_norms_of_differences, 0, sizeof norms / sizeof *norms);
    tcase_add_loop_test(c, a_point_is_not_apart_from_itself, 0, sizeof norms / sizeof *norms);
    tcase_add_test(c, differences_never_stand_in_memory);
    return suite;
}
