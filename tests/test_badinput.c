/* Bad input to every public function: it returns its failing value, with the right code and a message that
 * begins with its name; nothing leaks and no operand changes. badinput_rows.h has a row for every function of
 * every header. */
#include "suites.h"
#include "support.h"
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE "no-such-directory/file"

enum { REPORT_BYTES = 16384, OPERANDS = 16 };

/* ---- operands ---- */

static ct_tensor *x, *y, *v, *w, *r, *s, *p, *k, *far, *row, *mask, *spread, *empty, *none;
static ct_tensor *pieces[4];
static ct_module *module, *child;
static ct_optim *optim;
static ct_dict *dict;
static float numbers[8];
static const int64_t numbers64[] = {1, 1};
static char text[16];

static ct_tensor *square(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_sum(ct_square(xs[0]));
}

static ct_tensor *whole(ct_tensor *const *xs, int n, void *user) {
    (void)n, (void)user;
    return ct_square(xs[0]);
}

static ct_tensor *fail_forward(ct_context *context, ct_tensor *const *xs, int n, void *user) {
    (void)context, (void)xs, (void)n, (void)user;
    return NULL;
}

static const ct_function unfinished = {.name = "unfinished"}, fails = {.name = "fails", .forward = fail_forward};

static ct_tensor *through(ct_tensor *input, void *user) {
    (void)user;
    return ct_neg(input);
}

static ct_tensor *pass(ct_module *self, ct_tensor *input) {
    (void)self;
    return ct_neg(input);
}

static void make_operands(void) {
    x = ct_reshape(ct_arange(CT_F32, 1, 7, 1), CT_DIMS(2, 3));
    y = ct_ones(CT_F32, CT_DIMS(4));
    v = ct_ones(CT_F32, CT_DIMS(3));
    s = ct_scalar(CT_F32, 2);
    p = ct_full(CT_F32, CT_DIMS(2, 3), 0.5);
    k = ct_zeros(CT_I64, CT_DIMS(2, 3));
    far = ct_full(CT_I64, CT_DIMS(2, 3), 9);
    row = ct_zeros(CT_I64, CT_DIMS(2));
    mask = ct_ones(CT_BOOL, CT_DIMS(2, 3));
    spread = ct_expand(v, CT_DIMS(2, 3));
    empty = ct_ones(CT_F32, CT_DIMS(0, 3));
    w = ct_set_requires_grad(ct_ones(CT_F32, CT_DIMS(2, 3)), true);
    r = ct_square(w);
    child = ct_nn_linear(3, 2, true);
    module = ct_nn_sequential(child);
    ct_module_parameter(module, "weight", ct_ones(CT_F32, CT_DIMS(2)));
    optim = ct_optim_sgd((ct_params){&w, NULL, 1}, 1, NULL);
    dict = ct_dict_new();
    ct_dict_set(dict, "x", x);
    ck_assert_msg(!ct_error(), "%s", ct_error_message());
}

static void free_operands(void) {
    ct_module_free(module);
    ct_optim_free(optim);
    ct_dict_free(dict);
}

/* ---- one row ---- */

static char report[REPORT_BYTES];
static size_t reported;
static ct_memory_info before;
static ct_scope scope;

/* Notes what is wrong; the test goes on, so that one run tells all. */
static void complain(int line, const char *function, const char *format, ...) CT_PRINTF(3, 4);
static void complain(int line, const char *function, const char *format, ...) {
    char problem[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    int written = snprintf(report + reported, REPORT_BYTES - reported, "\nbadinput_rows.h:%d: %s %s", line,
                           function, problem);
    if (written > 0 && reported + (size_t)written < REPORT_BYTES) reported += (size_t)written;
}

static void begin_row(void) {
    before = ct_memory();
    scope = ct_scope_begin();
}

static void end_row(int line, const char *function, bool failed, ct_status code) {
    size_t length = strlen(function);
    ct_status status = ct_error();
    const char *message = ct_error_message();
    if (!failed) complain(line, function, "did not return its failing value");
    if (status != code)
        complain(line, function, "gave code %d, not %d: %s", (int)status, (int)code, message);
    else if (strncmp(message, function, length) != 0 || strncmp(message + length, ": ", 2) != 0 ||
             !message[length + 2])
        complain(line, function, "does not name itself: %s", message);
    ct_error_clear();
    ct_scope_end(scope);
    ct_memory_info after = ct_memory();
    if (after.tensors_alive != before.tensors_alive || after.nodes_alive != before.nodes_alive ||
        after.bytes_in_use != before.bytes_in_use)
        complain(line, function, "leaks %lld tensors, %lld nodes, %lld bytes",
                 (long long)(after.tensors_alive - before.tensors_alive),
                 (long long)(after.nodes_alive - before.nodes_alive),
                 (long long)(after.bytes_in_use - before.bytes_in_use));
}

/* Whether a result is a function's failing value. */
static bool is_null(const void *got, const void *want) {
    return got == want;
}
static bool is_integer(int64_t got, int64_t want) {
    return got == want;
}
static bool is_nan(double got, double want) {
    return isnan(got) && isnan(want);
}
static bool is_no_list(ct_params got, const void *want) {
    return got.items == want && got.count == 0;
}
/* clang-format off */
#define FAILED(got, want)          \
    _Generic((got),                \
        bool: is_integer,          \
        int: is_integer,           \
        unsigned: is_integer,      \
        int64_t: is_integer,       \
        size_t: is_integer,        \
        double: is_nan,            \
        ct_params: is_no_list,     \
        default: is_null)(got, want)
/* clang-format on */

/* ---- the rows ---- */

static void run_rows(void) {
#define ROW(failing, function, code, ...)                                                                    \
    begin_row();                                                                                             \
    end_row(__LINE__, #function, FAILED(function(__VA_ARGS__), failing), code);
#define VOID_ROW(function, code, ...)                                                                        \
    begin_row();                                                                                             \
    function(__VA_ARGS__);                                                                                   \
    end_row(__LINE__, #function, true, code);
#define SAFE(function, why)
#include "badinput_rows.h"
}
#undef ROW
#undef VOID_ROW
#undef SAFE

START_TEST(every_function_refuses_bad_input) {
    make_operands();
    ct_tensor *operands[OPERANDS] = {x, y, v, w, r, s, p, k, far, row, mask, spread, empty},
              *copies[OPERANDS];
    for (int i = 0; operands[i]; i++) copies[i] = ct_detach(ct_clone(operands[i]));
    run_rows();
    for (int i = 0; operands[i]; i++) {
        if (!ct_equal(operands[i], copies[i])) complain(0, "operand", "%d has changed", i);
        assert_no_error();
    }
    ck_assert_msg(!ct_grad(w), "w has a gradient");
    free_operands();
    ck_assert_msg(reported == 0, "%s", report);
}
END_TEST

START_TEST(pending_errors_pass_null_on_quietly) {
    ct_error_raise(CT_ERR_IO, "before");
    ck_assert_ptr_null(ct_add(ct_neg(NULL), NULL));
    ck_assert_ptr_null(ct_linear(NULL, NULL, NULL));
    ck_assert_ptr_null(ct_cross_entropy(NULL, NULL, NULL, -100, 0, CT_MEAN));
    ck_assert_int_eq(ct_backward(NULL), CT_ERR_IO);
    assert_error(CT_ERR_IO, "before");
}
END_TEST

START_TEST(scopes_may_end_twice) {
    ct_scope outer = ct_scope_begin(), inner = ct_scope_begin();
    ct_tensor *kept = ct_scope_end_keep(inner, ct_ones(CT_F32, CT_DIMS(2)));
    ct_scope_end(inner);
    ck_assert_ptr_eq(ct_scope_end_keep(inner, kept), kept);
    assert_values("still there", kept, 0, 1, 1);
    ct_scope_end(outer);
    ct_scope_end(outer);
    ct_scope_end(inner);
    ct_scope_leave(&outer);
    ct_scope_leave(NULL);
    ct_scope_end((ct_scope){0});
    ct_scope_end((ct_scope){SIZE_MAX});
    ck_assert_ptr_null(ct_scope_end_keep(outer, NULL));
    ck_assert_ptr_null(ct_scope_keep(NULL));
    ck_assert_ptr_null(ct_retain(NULL));
    ct_release(NULL);
    assert_no_error();
}
END_TEST

START_TEST(nothing_is_fine_to_free) {
    ct_generator_free(NULL);
    ct_dict_free(NULL);
    ct_module_free(NULL);
    ct_optim_free(NULL);
    ct_grad_mode_leave(NULL);
    ck_assert_ptr_null(ct_generator_use(NULL));
    assert_no_error();
}
END_TEST

START_TEST(raising_needs_a_code_and_a_text) {
    ck_assert_int_eq(ct_error_raise((ct_status)99, "unknown"), CT_ERR_VALUE);
    assert_error(CT_ERR_VALUE, "unknown");
    ct_error_raise(CT_ERR_IO, NULL);
    assert_error(CT_ERR_IO, "ct_error_raise");
}
END_TEST

/* ---- the rows against the headers ---- */

static const char *const named[] = {
#define ROW(failing, function, ...) #function,
#define VOID_ROW(function, ...) #function,
#define SAFE(function, why) #function,
#include "badinput_rows.h"
};

static const char *const headers[] = {"tensor/error.h", "tensor/io.h",     "tensor/runtime.h",
                                      "tensor/scope.h", "tensor/tensor.h", "autograd/autograd.h",
                                      "autograd/ops.h", "nn/nn.h",         "optim/optim.h"};

static bool is_named(const char *function, size_t length) {
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strlen(named[i]) == length && memcmp(named[i], function, length) == 0) return true;
    return false;
}

static char *read_header(const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/../%s", TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file, "%s cannot be read", path);
    char *contents = calloc(1, 1 << 20);
    size_t length = fread(contents, 1, (1 << 20) - 1, file);
    fclose(file);
    ck_assert_uint_gt(length, 0);
    return contents;
}

/* The function that a declaration names: what stands before its first parenthesis. */
static int count_unnamed(const char *declarations) {
    int functions = 0;
    for (const char *at = declarations; (at = strstr(at, "\nCT_API ")); at++) {
        const char *end = strchr(at, '('), *start = end;
        ck_assert_ptr_nonnull(end);
        while (isalnum((unsigned char)start[-1]) || start[-1] == '_') start--;
        if (!is_named(start, (size_t)(end - start)))
            complain(0, "a public function", "has no row: %.*s", (int)(end - start), start);
        functions++;
    }
    return functions;
}

START_TEST(every_public_function_has_a_row) {
    int functions = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char *contents = read_header(headers[i]);
        functions += count_unnamed(contents);
        free(contents);
    }
    ck_assert_int_gt(functions, 300);
    ck_assert_msg(reported == 0, "%s", report);
}
END_TEST

Suite *badinput_suite(void) {
    Suite *suite = suite_create("badinput");
    TCase *c = support_case(suite, "badinput");
    tcase_add_test(c, every_function_refuses_bad_input);
    tcase_add_test(c, pending_errors_pass_null_on_quietly);
    tcase_add_test(c, scopes_may_end_twice);
    tcase_add_test(c, nothing_is_fine_to_free);
    tcase_add_test(c, raising_needs_a_code_and_a_text);
    tcase_add_test(c, every_public_function_has_a_row);
    return suite;
}
