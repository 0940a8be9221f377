/* Convolutions of sizes that fill blocks, strips and parts, in every table of kernels, against products of shifted slices;
 * the gradients too, of any number of threads. The op table has the small and odd ones. */
#include "suites.h"
#include "support.h"
#include "../tensor/internal/kernels.h"

typedef struct {
    int64_t images, channels, height, width, filters, kernel[2];
    ct_conv_params params;
} Case;

static const Case cases[] = {
    {9, 16, 13, 13, 32, {3, 3}, CT_CONV_DEFAULTS},
    {4, 1, 28, 28, 16, {3, 3}, CT_CONV_DEFAULTS},
    {2, 5, 9, 37, 15, {3, 5}, {.padding = {1, 2}}},
    {3, 7, 12, 19, 33, {2, 3}, {.stride = {2, 2}, .padding = {1, 1}}},
    {1, 20, 6, 33, 70, {3, 2}, {.dilation = {2, 3}, .padding = {3, 4}}},
    {20, 3, 4, 4, 300, {4, 3}, {.padding = {2, 2}}},
    {2, 3, 3, 300, 16, {2, 3}, {.padding = {1, 1}}},
    {2, 17, 4, 5, 16, {2, 3}, {.padding = {5, 4}}},
    {1, 40, 6, 7, 48, {3, 3}, {.padding = {1, 1}}},
    {2, 16, 5, 3, 16, {3, 7}, {.padding = {1, 3}}},
    {2, 18, 9, 20, 28, {3, 3}, {.stride = {2, 2}, .padding = {1, 1}, .dilation = {2, 2}}},
    {2, 6, 11, 12, 24, {1, 7}, {.stride = {3, 2}, .padding = {0, 3}, .dilation = {1, 2}}},
    /* groups of few filters */
    {4, 8, 28, 28, 8, {3, 3}, {.padding = {1, 1}, .groups = 8}},
    {3, 6, 23, 41, 12, {3, 5}, {.stride = {2, 2}, .padding = {1, 2}, .groups = 6}},
    {2, 4, 9, 130, 4, {2, 3}, {.stride = {1, 3}, .padding = {1, 1}, .dilation = {2, 2}, .groups = 4}},
    {1, 3, 120, 150, 3, {3, 3}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 3}},
    {2, 10, 20, 20, 2, {3, 4}, CT_CONV_DEFAULTS},
    {1, 2, 3, 9000, 2, {1, 3}, {.padding = {0, 1}, .groups = 2}},
    {2, 2, 21, 26, 2, {3, 3}, {.stride = {5, 5}, .padding = {2, 2}, .groups = 2}},
    {1, 2, 90, 100, 2, {2, 2}, {.padding = {1, 1}, .dilation = {80, 91}, .groups = 2}},
};
enum { CASES = sizeof cases / sizeof *cases };

/* Tap by tap: the slice of the padded operand that a tap meets, times its weights. */
static ct_tensor *by_slices(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Case *c) {
    const int64_t *pad = c->params.padding, pads[] = {pad[1], pad[1], pad[0], pad[0]};
    const int64_t groups = c->params.groups ? c->params.groups : 1;
    ct_tensor *padded = ct_pad(x, pads, 4, "constant", 0), *y = ct_reshape(bias, CT_DIMS(1, groups, -1, 1, 1));
    for (int64_t tap = 0; tap < c->kernel[0] * c->kernel[1]; tap++) {
        ct_tensor *seen = padded, *weights = weight;
        for (int d = 0; d < 2; d++) {
            const int64_t stride = c->params.stride[d] ? c->params.stride[d] : 1, size = ct_shape(padded)[2 + d];
            const int64_t dilation = c->params.dilation[d] ? c->params.dilation[d] : 1;
            const int64_t k = d ? tap % c->kernel[1] : tap / c->kernel[1];
            const int64_t last = size - (c->kernel[d] - 1 - k) * dilation;
            seen = ct_slice(seen, 2 + d, k * dilation, last, stride);
            weights = ct_select(weights, 2, k);
        }
        const int64_t *sizes = ct_shape(seen), split[] = {sizes[0], groups, c->channels / groups, sizes[2], sizes[3]};
        ct_tensor *both[] = {ct_reshape(seen, split, 5), ct_reshape(weights, CT_DIMS(groups, -1, split[2]))};
        y = ct_add(y, ct_einsum("ngchw,gfc->ngfhw", both, 2));
    }
    return ct_reshape(y, CT_DIMS(c->images, c->filters, ct_shape(y)[3], ct_shape(y)[4]));
}

static ct_tensor *leaf(ct_dtype dtype, const int64_t *shape, int ndim, uint64_t seed) {
    return ct_set_requires_grad(make_random(dtype, shape, ndim, -1, 1, seed, LAYOUT_CONTIGUOUS), true);
}

static void make_leaves(const Case *c, ct_dtype dtype, ct_tensor *leaves[3]) {
    const int64_t groups = c->params.groups ? c->params.groups : 1;
    leaves[0] = leaf(dtype, CT_DIMS(c->images, c->channels, c->height, c->width), 1);
    leaves[1] = leaf(dtype, CT_DIMS(c->filters, c->channels / groups, c->kernel[0], c->kernel[1]), 2);
    leaves[2] = leaf(dtype, CT_DIMS(c->filters), 3);
}

/* The result, and the gradients of the leaves where its own is an uneven one. */
static void compute(const Case *c, ct_tensor *const *leaves, bool slices, ct_tensor *results[4]) {
    results[0] = slices ? by_slices(leaves[0], leaves[1], leaves[2], c)
                        : ct_conv2d(leaves[0], leaves[1], leaves[2], &c->params);
    assert_no_error();
    ct_tensor *y = results[0];
    ct_tensor *g = make_random(ct_type(y), ct_shape(y), ct_ndim(y), -1, 1, 4, LAYOUT_CONTIGUOUS);
    ct_gradients(results, 1, leaves, 3, &g, 0, results + 1);
    assert_no_error();
}

START_TEST(convolutions_are_right_in_every_table) {
    const Case *c = &cases[_i % CASES];
    const ct_dtype dtype = _i < CASES ? CT_F64 : CT_F32;
    ct_tensor *leaves[3], *wide[3], *want[4], *got[4];
    make_leaves(c, dtype, leaves);
    for (int i = 0; i < 3; i++) wide[i] = ct_set_requires_grad(ct_to(ct_detach(leaves[i]), CT_F64), true);
    compute(c, wide, true, want);
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        compute(c, leaves, false, got);
        for (int i = 0; i < 4; i++)
            assert_allclose(tensor_simd_name(table), got[i], ct_to(want[i], dtype), dtype == CT_F64 ? 1e-10 : 1e-4,
                            dtype == CT_F64 ? 1e-11 : 2e-4);
    }
    tensor_simd_force(-1);
}
END_TEST

START_TEST(threads_do_not_matter) {
    ct_tensor *leaves[3], *one[4], *more[4];
    const int before = ct_num_threads();
    make_leaves(&cases[_i], CT_F32, leaves);
    ct_set_num_threads(1);
    compute(&cases[_i], leaves, false, one);
    for (int threads = 2; threads <= 3; threads++) {
        ct_set_num_threads(threads);
        compute(&cases[_i], leaves, false, more);
        for (int i = 0; i < 4; i++) assert_same_bits("threads", more[i], one[i]);
    }
    ct_set_num_threads(before);
}
END_TEST

/* A plane of a result of three dims is a sum of results of two, over the planes that it meets. */
START_TEST(planes_add_up) {
    enum { PLANES = 3, TAPS = 2, OUT = PLANES + 2 - TAPS + 1 };
    const ct_conv_params solid = {.padding = {1, 1, 2}}, flat = {.padding = {1, 2}};
    ct_tensor *x = leaf(CT_F64, CT_DIMS(2, 16, PLANES, 5, 7), 1), *weight = leaf(CT_F64, CT_DIMS(16, 16, TAPS, 3, 3), 2);
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        ct_tensor *y = ct_conv3d(x, weight, NULL, &solid);
        for (int d = 0; d < OUT; d++) {
            ct_tensor *want = ct_zeros_like(ct_select(y, 2, d));
            for (int t = 0; t < TAPS; t++) {
                const int plane = d + t - 1;
                if (plane < 0 || plane >= PLANES) continue;
                want = ct_add(want, ct_conv2d(ct_select(x, 2, plane), ct_select(weight, 2, t), NULL, &flat));
            }
            assert_no_error();
            assert_allclose(tensor_simd_name(table), ct_select(y, 2, d), want, 1e-10, 1e-11);
        }
    }
    tensor_simd_force(-1);
}
END_TEST

/* An infinite number at a row's end concerns only the tap that meets it. */
START_TEST(infinite_numbers_stay_apart) {
    enum { ROWS = 5, COLUMNS = 19 };
    const Case c = {1, 1, ROWS, COLUMNS, 1, {1, 2}, CT_CONV_DEFAULTS};
    ct_tensor *leaves[3], *results[4];
    make_leaves(&c, CT_F32, leaves);
    ((float *)ct_data(leaves[0]))[2 * COLUMNS - 1] = INFINITY;
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        compute(&c, leaves, false, results);
        const float *slopes = (const float *)ct_data(results[2]);
        ck_assert(isfinite(slopes[0]) && isinf(slopes[1]));
    }
    tensor_simd_force(-1);
}
END_TEST

static const ct_pool_params pools[] = {
    {.kernel = {2, 2}},
    {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}},
    {.kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}},
    {.kernel = {2, 3}, .stride = {1, 3}, .dilation = {2, 2}},
};
enum { POOLS = sizeof pools / sizeof *pools, LEAST_WIDTH = 5, MOST_WIDTH = 67 };

/* The places of the largest of a plane's windows. */
static void find_largest(const float *plane, int64_t height, int64_t width, const ct_pool_params *p, const int64_t *out,
                         int64_t *places) {
    const int64_t row = p->stride[0] ? p->stride[0] : p->kernel[0], column = p->stride[1] ? p->stride[1] : p->kernel[1];
    const int64_t steps[] = {p->dilation[0] ? p->dilation[0] : 1, p->dilation[1] ? p->dilation[1] : 1};
    for (int64_t i = 0; i < out[0] * out[1]; i++) {
        places[i] = -1;
        for (int64_t tap = 0; tap < p->kernel[0] * p->kernel[1]; tap++) {
            const int64_t h = i / out[1] * row - p->padding[0] + tap / p->kernel[1] * steps[0];
            const int64_t w = i % out[1] * column - p->padding[1] + tap % p->kernel[1] * steps[1];
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            if (places[i] < 0 || plane[h * width + w] > plane[places[i]]) places[i] = h * width + w;
        }
    }
}

/* Rows of any length, in every table: what is largest, and where ones as its gradient flow to. */
START_TEST(windows_of_any_rows) {
    enum { PLANES = 3, HEIGHT = 6, MOST = HEIGHT * (MOST_WIDTH + 2) };
    const ct_pool_params *p = &pools[_i % POOLS];
    const int64_t width = LEAST_WIDTH + _i / POOLS;
    ct_tensor *x = leaf(CT_F32, CT_DIMS(1, PLANES, HEIGHT, width), 5);
    for (int table = 0; table < tensor_simd_count(); table++) {
        tensor_simd_force(table);
        ct_tensor *y = ct_max_pool2d(x, p), *ones = ct_ones_like(y), *dx;
        assert_no_error();
        ct_gradients(&y, 1, &x, 1, &ones, 0, &dx);
        assert_no_error();
        const int64_t *out = ct_shape(y) + 2, windows = out[0] * out[1];
        for (int64_t plane = 0; plane < PLANES; plane++) {
            const float *numbers = (const float *)ct_data(x) + plane * HEIGHT * width;
            const float *slopes = (const float *)ct_data(dx) + plane * HEIGHT * width;
            float counts[MOST] = {0};
            int64_t places[MOST];
            find_largest(numbers, HEIGHT, width, p, out, places);
            for (int64_t i = 0; i < windows; i++) {
                ck_assert(((const float *)ct_data(y))[plane * windows + i] == numbers[places[i]]);
                counts[places[i]]++;
            }
            for (int64_t i = 0; i < HEIGHT * width; i++) ck_assert(slopes[i] == counts[i]);
        }
    }
    tensor_simd_force(-1);
}
END_TEST

/* The first of equal ones takes the gradient; a NaN wins. */
START_TEST(ties_and_nan_in_windows) {
    const ct_pool_params pairs = {.kernel = {2}};
    ct_tensor *x = ct_set_requires_grad(make_f64(CT_DIMS(1, 8), 2, 2, NAN, 5, 7, NAN, -INFINITY, -INFINITY), true), *dx;
    ct_tensor *y = ct_max_pool1d(x, &pairs), *g = make_f64(CT_DIMS(1, 4), 1, 2, 3, 4);
    assert_values("max", y, 0, 2, NAN, NAN, -INFINITY);
    ct_gradients(&y, 1, &x, 1, &g, 0, &dx);
    assert_values("gradient", dx, 0, 1, 0, 2, 0, 0, 3, 4, 0);
}
END_TEST

Suite *convolution_suite(void) {
    Suite *suite = suite_create("convolution");
    TCase *convolutions = support_case(suite, "convolutions");
    tcase_add_loop_test(convolutions, convolutions_are_right_in_every_table, 0, 2 * CASES);
    tcase_add_loop_test(convolutions, threads_do_not_matter, 0, CASES);
    tcase_add_test(convolutions, planes_add_up);
    tcase_add_test(convolutions, infinite_numbers_stay_apart);
    TCase *windows = support_case(suite, "pools");
    tcase_add_loop_test(windows, windows_of_any_rows, 0, POOLS * (MOST_WIDTH - LEAST_WIDTH + 1));
    tcase_add_test(windows, ties_and_nan_in_windows);
    return suite;
}
