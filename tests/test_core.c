/* Scopes, errors, threads, memory, dtypes and promotion, making and reading tensors. */
#include "suites.h"
#include "support.h"
#include "../tensor/internal/memory.h"
#include "../tensor/internal/parallel.h"
#include "../tensor/internal/plain.h"
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- scopes ---- */

static uint64_t alive(void) {
    return ct_memory().tensors_alive;
}

START_TEST(scope_releases_what_it_holds) {
    uint64_t before = alive();
    ct_scope scope = ct_scope_begin();
    for (int i = 0; i < 1000; i++) ct_zeros(CT_F32, CT_DIMS(3));
    ck_assert_uint_eq(alive(), before + 1000);
    ct_scope_end(scope);
    ck_assert_uint_eq(alive(), before);
    ct_scope_end(scope);
    ct_scope_end((ct_scope){12345});
    ck_assert_uint_eq(alive(), before);
}
END_TEST

START_TEST(scope_ends_inner_ones_left_open) {
    uint64_t before = alive();
    ct_scope outer = ct_scope_begin();
    ct_zeros(CT_F32, NULL, 0);
    ct_scope inner = ct_scope_begin();
    ct_zeros(CT_F32, NULL, 0);
    ct_scope_begin();
    ct_zeros(CT_F32, NULL, 0);
    ct_scope_end(outer);
    ck_assert_uint_eq(alive(), before);
    ct_scope_end(inner);
    ct_tensor *x = ct_zeros(CT_F32, NULL, 0);
    ct_scope_end(inner);
    ck_assert_double_eq(ct_item(x), 0);
}
END_TEST

static ct_tensor *two_levels(double value) {
    CT_SCOPED;
    ct_zeros(CT_F32, CT_DIMS(100));
    ct_tensor *x = ct_scalar(CT_F64, value);
    ct_zeros(CT_F32, CT_DIMS(100));
    return ct_scope_keep(x);
}

START_TEST(scope_keeps_for_the_enclosing_one) {
    uint64_t before = alive();
    ct_scope scope = ct_scope_begin();
    ct_tensor *x = two_levels(7);
    ck_assert_uint_eq(alive(), before + 1);
    ck_assert_double_eq(ct_item(x), 7);
    ck_assert_ptr_eq(ct_scope_end_keep(scope, x), x);
    ck_assert_uint_eq(alive(), before + 1);
    ck_assert_double_eq(ct_item(x), 7);
    ck_assert_ptr_null(ct_scope_end_keep(ct_scope_begin(), NULL));
}
END_TEST

START_TEST(scope_keep_takes_one_of_several) {
    ct_scope outer = ct_scope_begin(), inner = ct_scope_begin();
    ct_tensor *a = ct_scalar(CT_F64, 1), *b = ct_scalar(CT_F64, 2), *c = ct_scalar(CT_F64, 3);
    uint64_t before = alive();
    ct_scope_keep(c);
    ct_scope_keep(a);
    ct_scope_end(inner);
    ck_assert_uint_eq(alive(), before - 1);
    ck_assert_double_eq(ct_item(a) + ct_item(c), 4);
    (void)b;
    ct_scope_end(outer);
    ck_assert_uint_eq(alive(), before - 3);
}
END_TEST

START_TEST(retained_tensor_outlives_scopes) {
    ct_scope scope = ct_scope_begin();
    ct_tensor *x = ct_retain(ct_scalar(CT_F64, 5));
    ct_scope_end(scope);
    ck_assert_double_eq(ct_item(x), 5);
    ct_release(x);
    ck_assert_ptr_null(ct_retain(NULL));
    ct_release(NULL);
}
END_TEST

static void *end_elsewhere(void *scope) {
    ct_scope_end(*(ct_scope *)scope);
    return NULL;
}

START_TEST(scope_of_another_thread_is_left_alone) {
    ct_scope scope = ct_scope_begin();
    ct_tensor *x = ct_scalar(CT_F64, 5);
    pthread_t thread;
    pthread_create(&thread, NULL, end_elsewhere, &scope);
    pthread_join(thread, NULL);
    ck_assert_double_eq(ct_item(x), 5);
    ct_scope_end(scope);
}
END_TEST

static void *fill_root_scope(void *unused) {
    for (int i = 0; i < 100; i++) ct_randn(CT_F32, CT_DIMS(1000));
    return unused;
}

START_TEST(thread_releases_its_root_scope) {
    ct_memory_info before = ct_memory();
    pthread_t thread;
    pthread_create(&thread, NULL, fill_root_scope, NULL);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(alive(), before.tensors_alive);
    ck_assert_uint_eq(ct_memory().bytes_in_use, before.bytes_in_use);
}
END_TEST

/* ---- errors ---- */

static int handled;
static void count_errors(ct_status status, const char *message, void *user) {
    handled++;
    *(ct_status *)user = status;
    ck_assert_uint_gt(strlen(message), 0);
}

START_TEST(first_error_sticks) {
    ct_status seen = CT_OK;
    handled = 0;
    ct_set_error_handler(count_errors, &seen);
    ck_assert_str_eq(ct_error_message(), "");
    ck_assert_int_eq(ct_error_raise(CT_ERR_VALUE, "first %d", 1), CT_ERR_VALUE);
    ck_assert_int_eq(ct_error_raise(CT_ERR_INDEX, "second"), CT_ERR_INDEX);
    ck_assert_int_eq(ct_error(), CT_ERR_VALUE);
    ck_assert_str_eq(ct_error_message(), "first 1");
    ck_assert_int_eq(handled, 1);
    ck_assert_int_eq(seen, CT_ERR_VALUE);
    ck_assert_int_eq(ct_error_clear(), CT_ERR_VALUE);
    ck_assert_int_eq(ct_error_clear(), CT_OK);
    ct_set_error_handler(NULL, NULL);
}
END_TEST

START_TEST(null_flows_quietly_through_an_expression) {
    ct_tensor *a = ct_ones(CT_F32, CT_DIMS(2)), *b = ct_ones(CT_F32, CT_DIMS(3));
    ck_assert_ptr_null(ct_mean(ct_square(ct_add(ct_exp(ct_add(a, b)), a))));
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "ct_add"));
    ck_assert_ptr_nonnull(ct_add(a, a)); /* with all arguments there, it computes */
    assert_error(CT_ERR_SHAPE, "(2,) and (3,)");
    assert_fails(ct_exp(NULL), CT_ERR_NULL, "ct_exp");
}
END_TEST

START_TEST(long_messages_are_cut) {
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ct_error_raise(CT_ERR_VALUE, "%s", text);
    ck_assert_uint_lt(strlen(ct_error_message()), 2000);
    ct_error_clear();
    ck_assert_int_eq(ct_error_raise(CT_OK, "no error"), CT_ERR_VALUE);
    ct_error_clear();
}
END_TEST

/* ---- memory ---- */

START_TEST(blocks_are_aligned_counted_and_reused) {
    size_t before = ct_memory().bytes_in_use;
    for (size_t bytes = 1; bytes < (size_t)1 << 22; bytes = bytes * 5 / 3 + 1) {
        void *block = tensor_alloc(bytes);
        ck_assert_uint_eq((uintptr_t)block % 64, 0);
        memset(block, 1, bytes);
        ck_assert_uint_ge(ct_memory().bytes_in_use, before + bytes);
        tensor_free(block, bytes);
        uint64_t asked = ct_memory().system_allocs;
        ck_assert_uint_eq(ct_memory().bytes_in_use, before);
        tensor_free(tensor_alloc(bytes), bytes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        ck_assert_uint_eq(ct_memory().system_allocs, asked);
#else
        (void)asked;
#endif
    }
    ct_memory_trim();
    ck_assert_uint_eq(ct_memory().bytes_cached, 0);
}
END_TEST

START_TEST(peak_is_seen_and_reset) {
    ct_memory_reset_peak();
    size_t before = ct_memory().bytes_peak;
    ct_scope scope = ct_scope_begin();
    ct_empty(CT_F32, CT_DIMS(1 << 20));
    ct_scope_end(scope);
    ck_assert_uint_ge(ct_memory().bytes_peak, before + (4 << 20));
    ct_memory_reset_peak();
    ck_assert_uint_lt(ct_memory().bytes_peak, before + (1 << 20));
}
END_TEST

START_TEST(too_much_memory_is_an_error) {
    assert_fails(ct_zeros(CT_F32, CT_DIMS(INT64_C(1) << 60)), CT_ERR_MEMORY, "ct_zeros");
    assert_fails(ct_zeros(CT_F64, CT_DIMS(INT64_C(1) << 40, INT64_C(1) << 40)), CT_ERR_SHAPE, "ct_zeros");
    assert_fails(ct_zeros(CT_F32, CT_DIMS(2, -1)), CT_ERR_SHAPE, "negative");
    assert_fails(ct_zeros((ct_dtype)99, CT_DIMS(2)), CT_ERR_DTYPE, "99");
    assert_fails(ct_zeros(CT_F32, CT_DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1)), CT_ERR_SHAPE, "9 dims");
    ck_assert_int_eq(ct_numel(ct_zeros(CT_F32, CT_DIMS(0, INT64_C(1) << 40))), 0);
}
END_TEST

/* ---- threads ---- */

typedef struct {
    int64_t *cells;
} Cells;

static int64_t add_one(const void *arguments, int64_t begin, int64_t end) {
    const Cells *cells = arguments;
    for (int64_t i = begin; i < end; i++) cells->cells[i]++;
    return begin <= 99 && 99 < end ? 99 : begin <= 777 && 777 < end ? 777 : -1;
}

START_TEST(launch_visits_each_place_once) {
    enum { N = 10000 };
    static int64_t cells[N];
    memset(cells, 0, sizeof cells);
    Cells arguments = {cells};
    for (int threads = 1; threads <= 4; threads++) {
        ct_set_num_threads(threads);
        for (int round = 0; round < 100; round++)
            ck_assert_int_eq(tensor_launch(add_one, &arguments, sizeof arguments, N, 1 + 13 * round), 99);
    }
    for (int i = 0; i < N; i++) ck_assert_int_eq(cells[i], 400);
    ct_set_num_threads(2);
}
END_TEST

START_TEST(pool_works_again_after_fork) {
    ct_set_num_threads(2);
    ct_tensor *x = ct_ones(CT_F32, CT_DIMS(1 << 20));
    ck_assert_double_eq(ct_item(ct_sum(ct_add(x, x))), 2 << 20);
    pid_t child = fork();
    if (child == 0) _exit(ct_item(ct_sum(ct_add(x, x))) == 2 << 20 ? 0 : 1);
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(thread_counts_are_checked) {
    int before = ct_num_threads();
    ck_assert_int_ge(before, 1);
    ct_set_num_threads(0);
    ck_assert_int_eq(ct_num_threads(), before);
    assert_error(CT_ERR_VALUE, "ct_set_num_threads");
    ck_assert_str_eq(ct_version(), CT_VERSION);
    ck_assert_ptr_nonnull(ct_simd());
}
END_TEST

/* ---- dtypes ---- */

START_TEST(dtypes_promote) {
    static const struct {
        ct_dtype a, b, want;
    } rows[] = {{CT_F32, CT_F64, CT_F64}, {CT_F16, CT_BF16, CT_F32}, {CT_F16, CT_F32, CT_F32}, {CT_I64, CT_F16, CT_F16},
                {CT_U8, CT_I32, CT_I32},  {CT_I32, CT_I64, CT_I64},  {CT_BOOL, CT_U8, CT_U8},  {CT_BOOL, CT_BF16, CT_BF16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            ct_tensor *a = ct_ones(swapped ? rows[i].b : rows[i].a, CT_DIMS(2));
            ct_tensor *b = ct_ones(swapped ? rows[i].a : rows[i].b, CT_DIMS(2));
            assert_dtype(ct_mul(a, b), rows[i].want);
        }
    assert_dtype(ct_add(ct_ones(CT_F32, CT_DIMS(2)), ct_scalar(CT_F64, 1)), CT_F32);
    assert_dtype(ct_add(ct_ones(CT_I64, CT_DIMS(2)), ct_scalar(CT_F64, 1)), CT_F64);
    assert_dtype(ct_add(ct_ones(CT_U8, CT_DIMS(2)), ct_scalar(CT_I64, 1)), CT_U8);
    assert_dtype(ct_add_scalar(ct_ones(CT_I32, CT_DIMS(2)), 2), CT_I32);
    assert_dtype(ct_add_scalar(ct_ones(CT_I32, CT_DIMS(2)), 0.5), CT_F32);
    assert_dtype(ct_add_scalar(ct_ones(CT_BOOL, CT_DIMS(2)), 1), CT_I64);
    assert_dtype(ct_div(ct_ones(CT_I32, CT_DIMS(2)), ct_ones(CT_I32, CT_DIMS(2))), CT_F32);
    assert_dtype(ct_sum(ct_ones(CT_U8, CT_DIMS(2))), CT_I64);
    assert_dtype(ct_exp(ct_ones(CT_I64, CT_DIMS(2))), CT_F32);
}
END_TEST

START_TEST(numbers_convert) {
    ct_tensor *x = make_f64(CT_DIMS(6), 1.9, -1.9, NAN, INFINITY, 300, 0);
    ct_tensor *wide = ct_to(x, CT_I64);
    ck_assert_int_eq(ct_data_i64(wide)[0], 1);
    ck_assert_int_eq(ct_data_i64(wide)[1], -1);
    ck_assert_int_eq(ct_data_i64(wide)[2], 0);
    ck_assert(ct_data_i64(wide)[3] == INT64_MAX);
    assert_values("u8", ct_to(x, CT_U8), 0, 1, 255, 0, 255, 44, 0);
    assert_values("bool", ct_to(x, CT_BOOL), 0, 1, 1, 1, 1, 1, 0);
    /* halves: ties to even, subnormals, overflow */
    ct_tensor *h = make_f64(CT_DIMS(7), 1 + 0x1p-11, 1 + 3 * 0x1p-11, 65504, 65520, 0x1p-24, 0x1p-25, -0.0);
    assert_values("f16", ct_to(ct_to(h, CT_F16), CT_F64), 0, 1, 1 + 0x1p-9, 65504, INFINITY, 0x1p-24, 0, 0);
    ct_tensor *b = make_f64(CT_DIMS(3), 1 + 0x1p-8, 1 + 3 * 0x1p-8, 3.4e38);
    assert_values("bf16", ct_to(ct_to(b, CT_BF16), CT_F64), 0, 1, 1 + 0x1p-6, INFINITY);
}
END_TEST

/* ---- making and reading ---- */

START_TEST(ranges) {
    assert_values("arange", ct_arange(CT_F32, 0, 1, 0.25), 0, 0, 0.25, 0.5, 0.75);
    assert_values("arange down", ct_arange(CT_I64, 3, 0, -1), 0, 3, 2, 1);
    ck_assert_int_eq(ct_numel(ct_arange(CT_F32, 1, 1, 1)), 0);
    assert_fails(ct_arange(CT_F32, 0, 1, 0), CT_ERR_VALUE, "ct_arange");
    assert_fails(ct_arange(CT_F32, 0, 1, -1), CT_ERR_VALUE, "leads away");
    assert_values("linspace", ct_linspace(CT_F64, 0, 1, 5), 1e-15, 0, 0.25, 0.5, 0.75, 1);
    assert_values("linspace of one", ct_linspace(CT_F64, 2, 3, 1), 0, 2);
    assert_values("eye", ct_eye(CT_I32, 2, 3), 0, 1, 0, 0, 0, 1, 0);
    ck_assert_int_eq(ct_numel(ct_eye(CT_F32, 0, 3)), 0);
}
END_TEST

static int freed;
static void count_freed(void *user) {
    freed += *(int *)user;
}

START_TEST(blob_is_freed_with_its_last_view) {
    double numbers[] = {1, 2, 3, 4, 5, 6};
    int one = 1;
    freed = 0;
    ct_scope scope = ct_scope_begin();
    ct_tensor *x = ct_from_blob(CT_F64, numbers, CT_DIMS(2, 3), NULL, count_freed, &one);
    ct_tensor *y = ct_retain(ct_transpose(x, 0, 1));
    assert_values("view", y, 0, 1, 4, 2, 5, 3, 6);
    ct_scope_end(scope);
    ck_assert_int_eq(freed, 0);
    ck_assert_double_eq(ct_get(y, CT_DIMS(2, 1)), 6);
    ct_release(y);
    ck_assert_int_eq(freed, 1);
    ct_tensor *back = ct_from_blob(CT_F64, numbers + 5, CT_DIMS(3), (const int64_t[]){-2}, NULL, NULL);
    assert_values("backwards", back, 0, 6, 4, 2);
    assert_fails(ct_from_blob(CT_F64, NULL, CT_DIMS(3), NULL, count_freed, &one), CT_ERR_NULL, "ct_from_blob");
    ck_assert_int_eq(freed, 1);
}
END_TEST

START_TEST(elements_are_read_and_set) {
    ct_tensor *x = make_f32(CT_DIMS(2, 3), 1, 2, 3, 4, 5, 6), *y = ct_transpose(x, 0, 1);
    ck_assert_double_eq(ct_get(y, CT_DIMS(-1, 0)), 3);
    ck_assert_int_eq(ct_set(y, CT_DIMS(0, 1), 9), CT_OK);
    ck_assert_double_eq(ct_get(x, CT_DIMS(1, 0)), 9);
    assert_status(ct_set(y, CT_DIMS(3, 0), 9), CT_ERR_INDEX, "index 3");
    ck_assert_double_nan(ct_get(y, CT_DIMS(0)));
    assert_error(CT_ERR_INDEX, "1 indices");
    int64_t out[6];
    ck_assert_int_eq(ct_copy_to(y, CT_I64, out, sizeof out), CT_OK);
    ck_assert_int_eq(out[1], 9);
    assert_status(ct_copy_to(y, CT_I64, out, 47), CT_ERR_VALUE, "47 bytes");
    ck_assert_double_nan(ct_item(x));
    assert_error(CT_ERR_SHAPE, "ct_item");
    ck_assert_int_eq(ct_item_i64(ct_scalar(CT_F32, 2.9)), 2);
    ck_assert(!ct_data_f64(x));
    assert_error(CT_ERR_DTYPE, "float64");
    ck_assert(ct_equal(x, ct_to(x, CT_F64)));
    ck_assert(!ct_equal(x, y));
    ck_assert(ct_allclose(x, ct_add_scalar(x, 1e-7), 1e-5, 1e-6, false));
    ck_assert(!ct_allclose(x, ct_add_scalar(x, 1e-2), 1e-5, 1e-6, false));
    ct_tensor *nan = ct_scalar(CT_F32, NAN);
    ck_assert(ct_allclose(nan, nan, 0, 0, true) && !ct_allclose(nan, nan, 0, 0, false));
}
END_TEST

START_TEST(integers_wrap_and_refuse_zero) {
    ct_tensor *x = ct_from_data(CT_I64, (int64_t[]){INT64_MAX, INT64_MIN, -7, 7}, CT_DIMS(4));
    ct_tensor *minus = ct_scalar(CT_I64, -1);
    ck_assert(ct_data_i64(ct_add_scalar(x, 1))[0] == INT64_MIN);
    ck_assert(ct_data_i64(ct_neg(x))[1] == INT64_MIN);
    ck_assert(ct_data_i64(ct_floor_divide(x, minus))[1] == INT64_MIN);
    ck_assert_int_eq(ct_data_i64(ct_fmod(x, minus))[1], 0);
    assert_values("floor", ct_floor_divide(ct_slice(x, 0, 2, 4, 1), ct_scalar(CT_I64, 2)), 0, -4, 3);
    assert_values("remainder", ct_remainder(ct_slice(x, 0, 2, 4, 1), ct_scalar(CT_I64, 3)), 0, 2, 1);
    assert_fails(ct_floor_divide(x, ct_scalar(CT_I64, 0)), CT_ERR_VALUE, "division by zero");
    assert_fails(ct_pow_scalar(x, -2), CT_ERR_VALUE, "ct_pow_scalar");
    assert_fails(ct_sub(ct_ones(CT_BOOL, CT_DIMS(1)), ct_ones(CT_BOOL, CT_DIMS(1))), CT_ERR_DTYPE, "bool");
}
END_TEST

START_TEST(many_ones_add_up) {
    ct_tensor *one = ct_ones(CT_F32, CT_DIMS(1));
    ck_assert_double_eq(ct_item(ct_sum(ct_expand(one, CT_DIMS(100000000)))), 1e8);
}
END_TEST

Suite *core_suite(void) {
    Suite *suite = suite_create("core");
    TCase *c = support_case(suite, "core");
    tcase_add_test(c, scope_releases_what_it_holds);
    tcase_add_test(c, scope_ends_inner_ones_left_open);
    tcase_add_test(c, scope_keeps_for_the_enclosing_one);
    tcase_add_test(c, scope_keep_takes_one_of_several);
    tcase_add_test(c, retained_tensor_outlives_scopes);
    tcase_add_test(c, scope_of_another_thread_is_left_alone);
    tcase_add_test(c, thread_releases_its_root_scope);
    tcase_add_test(c, first_error_sticks);
    tcase_add_test(c, null_flows_quietly_through_an_expression);
    tcase_add_test(c, long_messages_are_cut);
    tcase_add_test(c, blocks_are_aligned_counted_and_reused);
    tcase_add_test(c, peak_is_seen_and_reset);
    tcase_add_test(c, too_much_memory_is_an_error);
    tcase_add_test(c, launch_visits_each_place_once);
    tcase_add_test(c, pool_works_again_after_fork);
    tcase_add_test(c, thread_counts_are_checked);
    tcase_add_test(c, dtypes_promote);
    tcase_add_test(c, numbers_convert);
    tcase_add_test(c, ranges);
    tcase_add_test(c, blob_is_freed_with_its_last_view);
    tcase_add_test(c, elements_are_read_and_set);
    tcase_add_test(c, integers_wrap_and_refuse_zero);
    tcase_add_test(c, many_ones_add_up);
    return suite;
}
