/* The walker and the copies, against loops over indices: any shape, order of dims, steps, signs, broadcasting, dtype,
 * and number of threads; and the kernels that they stand on, in every table. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/kernels.h"
#include "tensor/internal/object.h"
#include "tensor/internal/plain.h"
#include <stdlib.h>
#include <string.h>

enum { DTYPES = 8, ROUNDS = 60, MOST = 40000 };

static uint64_t state;

static int64_t random_below(int64_t n) {
    return (int64_t)(random_unit(&state) * (double)n);
}

static double number_at(const ct_tensor *x, const char *data) {
    double number;
    tensor_kernels->convert[CT_F64][x->dtype]((char *[]){(char *)&number, (char *)data}, (int64_t[]){1, 1}, 1, NULL);
    return number;
}

/* The element of x at the index of a shape to which it broadcasts. */
static double number_of(const ct_tensor *x, const int64_t *index, int ndim) {
    const char *data = x->data;
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] > 1) data += index[ndim - x->ndim + d] * x->strides[d] * tensor_dtype_size((ct_dtype)x->dtype);
    return number_at(x, data);
}

static bool next_index(int64_t *index, const int64_t *shape, int ndim) {
    for (int d = ndim - 1; d >= 0; d--) {
        if (++index[d] < shape[d]) return true;
        index[d] = 0;
    }
    return false;
}

/* A view of that shape into a fresh buffer: dims in any order, with gaps, backwards. */
static ct_tensor *random_view(ct_dtype dtype, const int64_t *shape, int ndim) {
    int order[CT_MAX_DIMS] = {0};
    int64_t strides[CT_MAX_DIMS] = {0}, room = 1, start = 0;
    for (int d = 0; d < ndim; d++) {
        int at = (int)random_below(d + 1);
        order[d] = order[at];
        order[at] = d;
    }
    for (int k = 0; k < ndim; k++) {
        const int d = order[k], gap = random_below(4) || room > MOST ? 1 : 2;
        strides[d] = room * gap;
        room *= shape[d] * gap;
        if (random_below(5) == 0) {
            start += (shape[d] - 1) * strides[d];
            strides[d] = -strides[d];
        }
    }
    const int64_t shift = random_below(4);
    ct_tensor *buffer = ct_to(ct_randint(CT_I64, 0, dtype == CT_BOOL ? 2 : 50, CT_DIMS(room + shift)), dtype);
    return tensor_new_view(buffer, shape, strides, ndim,
                           buffer->data + (start + shift) * tensor_dtype_size(dtype));
}

static int random_shape(int64_t *shape) {
    static const int64_t sizes[] = {1, 2, 3, 5, 16, 17, 40, 63, 64, 65, 130, 700};
    const int ndim = (int)random_below(6);
    int64_t numel = 1;
    for (int d = 0; d < ndim; d++) {
        shape[d] = sizes[random_below((int64_t)(sizeof sizes / sizeof *sizes))];
        if (numel * shape[d] > MOST) shape[d] = 1;
        numel *= shape[d];
    }
    return ndim;
}

/* A random view that broadcasts to the shape. */
static ct_tensor *random_operand(ct_dtype dtype, const int64_t *shape, int ndim) {
    int64_t own[CT_MAX_DIMS] = {0};
    const int dropped = random_below(4) ? 0 : (int)random_below(ndim + 1);
    for (int d = dropped; d < ndim; d++) own[d - dropped] = random_below(5) ? shape[d] : 1;
    return random_view(dtype, own, ndim - dropped);
}

static void assert_sum(const ct_tensor *y, const ct_tensor *a, const ct_tensor *b, const int64_t *shape, int ndim) {
    int64_t index[CT_MAX_DIMS] = {0}, place = 0;
    do {
        if (shape_numel(shape, ndim) > 1 << 20 && place++ % 61 != 0) continue;
        const double want = number_of(a, index, ndim) + (b ? number_of(b, index, ndim) : 0);
        const double got = number_of(y, index, ndim);
        ck_assert_msg(got == want, "[%lld, %lld, %lld, …] of %d dims is %g, not %g", (long long)index[0],
                      (long long)index[1], (long long)index[2], ndim, got, want);
    } while (next_index(index, shape, ndim));
}

START_TEST(operands_of_any_layout_add_up) {
    state = (uint64_t)_i;
    for (int round = 0; round < ROUNDS; round++) {
        CT_SCOPED;
        int64_t shape[CT_MAX_DIMS] = {0};
        const int ndim = random_shape(shape);
        const ct_dtype dtype = (ct_dtype[]){CT_F32, CT_F64, CT_I64, CT_I32, CT_U8, CT_F16}[random_below(6)];
        ct_set_num_threads(1 + round % 3);
        ct_tensor *a = random_operand(dtype, shape, ndim), *b = random_operand(dtype, shape, ndim);
        ct_tensor *whole = random_view(dtype, shape, ndim);
        assert_sum(tensor_add(whole, b), whole, b, shape, ndim);
        assert_sum(tensor_add(a, whole), a, whole, shape, ndim);
    }
}
END_TEST

START_TEST(copies_convert_between_any_layouts) {
    state = (uint64_t)_i + 100;
    for (int round = 0; round < ROUNDS; round++) {
        CT_SCOPED;
        int64_t shape[CT_MAX_DIMS] = {0};
        const int ndim = random_shape(shape);
        const ct_dtype from = (ct_dtype)random_below(DTYPES), other = (ct_dtype)random_below(DTYPES);
        const ct_dtype to = random_below(2) || other == CT_BOOL ? from : other;
        ct_set_num_threads(1 + round % 3);
        ct_tensor *x = random_operand(from, shape, ndim), *y = random_view(to, shape, ndim);
        ck_assert_int_eq(tensor_copy_into(y, x), CT_OK);
        assert_sum(y, x, NULL, shape, ndim);
        ct_tensor *whole = random_view(from, shape, ndim);
        assert_sum(tensor_contiguous(whole), whole, NULL, shape, ndim);
    }
}
END_TEST

/* Rows may be written over their operand, wherever it lies. */
START_TEST(rows_in_place_change_what_they_read) {
    state = (uint64_t)_i + 200;
    for (int round = 0; round < ROUNDS; round++) {
        CT_SCOPED;
        int64_t shape[CT_MAX_DIMS] = {0};
        const int ndim = random_shape(shape);
        ct_set_num_threads(1 + round % 3);
        ct_tensor *x = random_view(CT_F32, shape, ndim), *b = random_operand(CT_F32, shape, ndim), *before = tensor_to(x, CT_F32);
        tensor_rows_in_place(tensor_kernels->add.of[COMPUTE_F32], (ct_tensor *[]){x, x, b}, 3, (const double[ROW_PARAMETERS]){0});
        assert_sum(x, before, b, shape, ndim);
    }
}
END_TEST

/* Too large for the caches: results go past them, whether they begin on a line or not. */
START_TEST(large_results_are_right) {
    static const ct_dtype dtypes[] = {CT_F32, CT_F64, CT_F16};
    const ct_dtype dtype = dtypes[_i];
    const int64_t rows = 1601, columns = dtype == CT_F32 ? 1536 : 1411, shape[] = {rows, columns};
    for (int threads = 1; threads <= 2; threads++) {
        CT_SCOPED;
        ct_set_num_threads(threads);
        ct_tensor *x = ct_to(ct_randint(CT_I64, 0, 50, CT_DIMS(columns, rows)), dtype), *t = ct_t(x);
        ct_tensor *row = ct_to(ct_randint(CT_I64, 0, 50, CT_DIMS(columns)), dtype), *flat = tensor_contiguous(t);
        assert_sum(flat, t, NULL, shape, 2);
        assert_sum(tensor_add(flat, flat), flat, t, shape, 2);
        assert_sum(tensor_add(flat, t), t, t, shape, 2);
        assert_sum(tensor_add(flat, row), t, row, shape, 2);
        ct_tensor *room = tensor_full(dtype, CT_DIMS(rows + 1, columns + 1), 77);
        ct_tensor *inside = ct_slice(ct_slice(room, 0, 0, rows, 1), 1, 1, columns + 1, 1);
        ck_assert_int_eq(tensor_copy_into(inside, t), CT_OK);
        assert_sum(inside, t, NULL, shape, 2);
        ck_assert(number_at(room, room->data) == 77 && number_at(room, room->data + rows * (columns + 1) * tensor_dtype_size(dtype)) == 77);
    }
}
END_TEST

/* ---- kernels, in every table ---- */

static void check_transpose(TransposeKernel *kernel, int size, int64_t rows, int64_t columns, bool past_caches) {
    static _Alignas(64) unsigned char from[80 * 80 * 8], to[80 * 128 * 8], want[80 * 128 * 8];
    const int64_t from_row = columns + random_below(8), to_row = past_caches ? 128 : rows + random_below(8);
    for (size_t i = 0; i < sizeof from; i++) from[i] = (unsigned char)random_below(256);
    memset(to, 0xa5, sizeof to);
    memset(want, 0xa5, sizeof want);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            memcpy(want + (c * to_row + r) * size, from + (r * from_row + c) * size, (size_t)size);
    kernel((char *)to, to_row, (const char *)from, from_row, rows, columns, past_caches);
    tensor_kernels->end_stream();
    ck_assert_msg(memcmp(to, want, sizeof to) == 0, "%s: %lld × %lld of %d bytes", tensor_kernels->name, (long long)rows,
                  (long long)columns, size);
}

START_TEST(matrices_are_transposed) {
    tensor_simd_force(_i);
    state = 1;
    for (int log_size = 0; log_size < 4; log_size++)
        for (int64_t rows = 0; rows < 68; rows++)
            for (int k = 0; k < 6; k++)
                check_transpose(tensor_kernels->transpose[log_size], 1 << log_size, rows, k ? random_below(68) : rows, k % 2);
    tensor_simd_force(-1);
}
END_TEST

START_TEST(bytes_go_past_the_caches) {
    _Alignas(64) char to[512], from[512], want[512];
    tensor_simd_force(_i);
    state = 1;
    for (int64_t bytes = 0; bytes < 300; bytes++)
        for (int k = 0; k < 10; k++) {
            const int64_t start = random_below(130), shift = random_below(130);
            for (size_t i = 0; i < sizeof from; i++) from[i] = (char)random_below(128);
            memset(to, 1, sizeof to);
            memset(want, 1, sizeof want);
            memcpy(want + start, from + shift, (size_t)bytes);
            tensor_kernels->stream(to + start, from + shift, bytes);
            tensor_kernels->end_stream();
            ck_assert(memcmp(to, want, sizeof to) == 0);
        }
    tensor_simd_force(-1);
}
END_TEST

/* ---- 16-bit floats ---- */

/* The value of a 16-bit float with that many bits of fraction, by its definition. */
static double value_of_16_bits(unsigned bits, int fraction_bits) {
    const int exponent_bits = 15 - fraction_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    const int fraction = (int)bits & ((1 << fraction_bits) - 1), sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return fraction ? (double)NAN : (double)sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

/* x rounded to such a float, to nearest, ties to even. */
static double rounded_to_16_bits(float x, int fraction_bits) {
    const int bias = (1 << (14 - fraction_bits)) - 1;
    if (!isfinite(x) || x == 0) return (double)x;
    int exponent = ilogb((double)x);
    if (exponent < 1 - bias) exponent = 1 - bias;
    const double unit = ldexp(1, exponent - fraction_bits), y = nearbyint((double)x / unit) * unit;
    return fabs(y) >= ldexp(1, bias + 1) ? copysign((double)INFINITY, (double)x) : y;
}

static void assert_rounded(const float *x, int n, ct_dtype dtype) {
    static uint16_t small[4096];
    const int fraction_bits = dtype == CT_F16 ? 10 : 7;
    tensor_kernels->convert[dtype][CT_F32]((char *[]){(char *)small, (char *)x}, (int64_t[]){1, 1}, n, NULL);
    for (int i = 0; i < n; i++) {
        const double want = rounded_to_16_bits(x[i], fraction_bits), got = value_of_16_bits(small[i], fraction_bits);
        ck_assert_msg(isnan(want) ? isnan(got) : got == want && !signbit(got) == !signbit(want), "%a becomes %a, not %a",
                      (double)x[i], got, want);
    }
}

/* Every 16-bit pattern; of 32-bit ones every 65521st, and what lies around the middle between two 16-bit numbers. */
START_TEST(sixteen_bit_floats_are_exact) {
    static uint16_t all[1 << 16];
    static float values[1 << 16], x[4096];
    tensor_simd_force(_i);
    for (int type = 0; type < 2; type++) {
        const ct_dtype dtype = type ? CT_BF16 : CT_F16;
        for (unsigned i = 0; i < 1 << 16; i++) all[i] = (uint16_t)i;
        tensor_kernels->convert[CT_F32][dtype]((char *[]){(char *)values, (char *)all}, (int64_t[]){1, 1}, 1 << 16, NULL);
        for (unsigned i = 0; i < 1 << 16; i++) {
            const double want = value_of_16_bits(i, dtype == CT_F16 ? 10 : 7);
            ck_assert_msg(isnan(want) ? isnan(values[i]) : (double)values[i] == want, "%x is %a, not %a", i, (double)values[i], want);
        }
        int n = 0;
        for (uint64_t i = 0; i < 1ull << 32; i += 65521) {
            const uint32_t bits = (uint32_t)i;
            memcpy(&x[n++], &bits, sizeof bits);
            if (n == 4096 || i + 65521 >= 1ull << 32) assert_rounded(x, n, dtype), n = 0;
        }
        for (uint32_t i = 0; i < 1 << 20; i += 3) {
            const uint32_t bits = (i << 12) + i / 3 % 3 - 1;
            memcpy(&x[n++], &bits, sizeof bits);
            if (n == 4096) assert_rounded(x, n, dtype), n = 0;
        }
    }
    tensor_simd_force(-1);
}
END_TEST

Suite *walk_suite(void) {
    Suite *suite = suite_create("walk");
    TCase *walks = support_case(suite, "walks");
    tcase_set_timeout(walks, 60);
    tcase_add_loop_test(walks, operands_of_any_layout_add_up, 0, 2);
    tcase_add_loop_test(walks, copies_convert_between_any_layouts, 0, 2);
    tcase_add_test(walks, rows_in_place_change_what_they_read);
    tcase_add_loop_test(walks, large_results_are_right, 0, 3);
    TCase *kernels = support_case(suite, "kernels");
    tcase_set_timeout(kernels, 60);
    tcase_add_loop_test(kernels, matrices_are_transposed, 0, tensor_simd_count());
    tcase_add_loop_test(kernels, bytes_go_past_the_caches, 0, tensor_simd_count());
    tcase_add_loop_test(kernels, sixteen_bit_floats_are_exact, 0, tensor_simd_count());
    return suite;
}
