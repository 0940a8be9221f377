#include "support.h"
#include "tensor/internal/memory.h"
#include <stdlib.h>
#include <string.h>

/* ---- test cases that look for leaks ---- */

static ct_memory_info before;
static ct_scope test_scope;

static void begin_test(void) {
    ct_set_error_handler(NULL, NULL);
    ct_manual_seed(1);
    before = ct_memory();
    test_scope = ct_scope_begin();
}

static void end_test(void) {
    ct_error_clear();
    ct_scope_end(test_scope);
    ct_memory_info after = ct_memory();
    ck_assert_msg(after.tensors_alive == before.tensors_alive, "the test leaks %lld tensors",
                  (long long)(after.tensors_alive - before.tensors_alive));
    ck_assert_msg(after.nodes_alive == before.nodes_alive, "the test leaks %lld graph nodes",
                  (long long)(after.nodes_alive - before.nodes_alive));
    ck_assert_msg(after.bytes_in_use == before.bytes_in_use, "the test leaks %lld bytes",
                  (long long)(after.bytes_in_use - before.bytes_in_use));
}

TCase *support_case(Suite *suite, const char *name) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, begin_test, end_test);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/* ---- assertions ---- */

/* "[2, 3]" */
static const char *format_sizes(const int64_t *sizes, int n, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)sizes[i]);
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}

static const char *format_shape(const ct_tensor *x, char *text, size_t size) {
    return format_sizes(ct_shape(x), ct_ndim(x), text, size);
}

/* The index of the element at a row-major place. */
static const char *format_place(const ct_tensor *x, int64_t place, char *text, size_t size) {
    int64_t index[CT_MAX_DIMS];
    for (int d = ct_ndim(x); d-- > 0;) {
        index[d] = place % ct_shape(x)[d];
        place /= ct_shape(x)[d];
    }
    return format_sizes(index, ct_ndim(x), text, size);
}

static bool same_shape(const ct_tensor *a, const ct_tensor *b) {
    int ndim = ct_ndim(a);
    return ndim == ct_ndim(b) &&
           (ndim == 0 || memcmp(ct_shape(a), ct_shape(b), (size_t)ndim * sizeof(int64_t)) == 0);
}

/* By how much got misses its tolerance: 0 when it is within. */
static double excess(double got, double want, double rtol, double atol) {
    if (got == want || (isnan(got) && isnan(want))) return 0;
    double difference = fabs(got - want);
    double allowed = atol + rtol * fabs(want);
    if (isfinite(want) && difference <= allowed) return 0;
    double over = difference - allowed;
    return isfinite(over) ? over : HUGE_VAL;
}

/* The place of the worst element, -1 if all are close. */
static int64_t worst_place(const double *got, const double *want, int64_t n, double rtol, double atol) {
    int64_t worst = -1;
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double over = excess(got[i], want[i], rtol, atol);
        if (over > most) {
            most = over;
            worst = i;
        }
    }
    return worst;
}

static bool values_close(const char *what, ct_tensor *got, const double *want, double rtol, double atol,
                         char *message, size_t size) {
    char shape[128], place[128];
    double *have = read_doubles(got);
    int64_t worst = worst_place(have, want, ct_numel(got), rtol, atol);
    if (worst >= 0)
        snprintf(message, size, "%s, %s %s: element %s is %.17g, not %.17g (off by %.3g; rtol %g, atol %g)",
                 what, ct_dtype_name(ct_type(got)), format_shape(got, shape, sizeof shape),
                 format_place(got, worst, place, sizeof place), have[worst], want[worst],
                 fabs(have[worst] - want[worst]), rtol, atol);
    free(have);
    return worst < 0;
}

bool support_allclose(const char *what, ct_tensor *got, ct_tensor *want, double rtol, double atol,
                      char *message, size_t size) {
    char have[128], wanted[128];
    if (!got || !want) {
        snprintf(message, size, "%s: %s is NULL: %s", what, got ? "the expected tensor" : "the result",
                 ct_error() ? ct_error_message() : "no error is pending");
        return false;
    }
    if (!same_shape(got, want)) {
        snprintf(message, size, "%s: shape %s, not %s", what, format_shape(got, have, sizeof have),
                 format_shape(want, wanted, sizeof wanted));
        return false;
    }
    double *values = read_doubles(want);
    bool close = values_close(what, got, values, rtol, atol, message, size);
    free(values);
    return close;
}

/* An assertion at the caller's place. */
#define FAIL_UNLESS(condition, ...)                                                                          \
    do {                                                                                                     \
        if (!(condition)) _ck_assert_failed(file, line, "Failed", __VA_ARGS__);                              \
    } while (0)

void support_assert_allclose(const char *file, int line, const char *what, ct_tensor *got, ct_tensor *want,
                             double rtol, double atol) {
    char message[1024];
    FAIL_UNLESS(support_allclose(what, got, want, rtol, atol, message, sizeof message), "%s", message);
}

void support_assert_values(const char *file, int line, const char *what, ct_tensor *got, double tolerance,
                           const double *want, int64_t n) {
    char message[1024];
    FAIL_UNLESS(got, "%s: the result is NULL: %s", what, ct_error_message());
    FAIL_UNLESS(ct_numel(got) == n, "%s: %lld elements, not %lld", what, (long long)ct_numel(got),
                (long long)n);
    FAIL_UNLESS(values_close(what, got, want, tolerance, tolerance, message, sizeof message), "%s", message);
}

void support_assert_same_bits(const char *file, int line, const char *what, ct_tensor *got, ct_tensor *want) {
    char message[1024];
    FAIL_UNLESS(support_allclose(what, got, want, 0, 0, message, sizeof message), "%s", message);
    FAIL_UNLESS(ct_type(got) == ct_type(want), "%s: dtype %s, not %s", what, ct_dtype_name(ct_type(got)),
                ct_dtype_name(ct_type(want)));
    size_t bytes = (size_t)ct_numel(got) * ct_dtype_size(ct_type(got));
    void *a = malloc(bytes + 1), *b = malloc(bytes + 1);
    ct_copy_to(got, ct_type(got), a, bytes);
    ct_copy_to(want, ct_type(want), b, bytes);
    bool same = memcmp(a, b, bytes) == 0;
    free(a);
    free(b);
    FAIL_UNLESS(same, "%s: equal numbers, but other bits", what);
}

void support_assert_shape(const char *file, int line, const char *what, ct_tensor *x, const int64_t *shape,
                          int ndim) {
    char have[128], wanted[128];
    FAIL_UNLESS(x, "%s is NULL: %s", what, ct_error_message());
    bool same = ct_ndim(x) == ndim;
    for (int d = 0; same && d < ndim; d++) same = ct_shape(x)[d] == shape[d];
    FAIL_UNLESS(same, "%s: shape %s, not %s", what, format_shape(x, have, sizeof have),
                format_sizes(shape, ndim, wanted, sizeof wanted));
}

void support_assert_dtype(const char *file, int line, const char *what, ct_tensor *x, ct_dtype dtype) {
    FAIL_UNLESS(x, "%s is NULL: %s", what, ct_error_message());
    FAIL_UNLESS(ct_type(x) == dtype, "%s: dtype %s, not %s", what, ct_dtype_name(ct_type(x)),
                ct_dtype_name(dtype));
}

void support_assert_no_error(const char *file, int line) {
    FAIL_UNLESS(ct_error() == CT_OK, "error %d is pending: %s", (int)ct_error(), ct_error_message());
}

void support_assert_error(const char *file, int line, ct_status code, const char *fragment) {
    char message[1024];
    snprintf(message, sizeof message, "%s", ct_error_message());
    ct_status pending = ct_error_clear();
    FAIL_UNLESS(pending == code, "error %d is pending, not %d (\"%s\")", (int)pending, (int)code, message);
    FAIL_UNLESS(strstr(message, fragment), "the message \"%s\" does not name \"%s\"", message, fragment);
}

void assert_survives_failures(ct_tensor *(*program)(void), bool from_then_on) {
    ct_tensor *want = program();
    assert_no_error();
    for (int64_t n = 1;; n++) {
        CT_SCOPED;
        tensor_alloc_fail_at(n, from_then_on);
        ct_tensor *got = program();
        bool reached = tensor_alloc_asked() >= n;
        tensor_alloc_fail_at(0, false);
        if (!reached) break;
        if (got) assert_same_bits("despite a failure", got, want);
        else assert_error(CT_ERR_MEMORY, "");
    }
}

/* ---- tensors ---- */

const char *const layout_names[LAYOUT_COUNT] = {"contiguous", "transposed", "sliced", "reversed", "expanded"};

int64_t shape_numel(const int64_t *shape, int ndim) {
    int64_t numel = 1;
    for (int d = 0; d < ndim; d++) numel *= shape[d];
    return numel;
}

double *read_doubles(const ct_tensor *x) {
    size_t bytes = (size_t)ct_numel(x) * sizeof(double);
    double *values = malloc(bytes + 1);
    ck_assert_msg(ct_copy_to(x, CT_F64, values, bytes) == CT_OK, "ct_copy_to: %s", ct_error_message());
    return values;
}

double random_unit(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

ct_tensor *support_from_doubles(ct_dtype dtype, const int64_t *shape, int ndim, const double *values) {
    ct_tensor *x = ct_from_data(CT_F64, values, shape, ndim);
    ck_assert_msg(x, "ct_from_data: %s", ct_error_message());
    size_t bytes = (size_t)ct_numel(x) * ct_dtype_size(dtype);
    void *converted = malloc(bytes + 1);
    ck_assert_msg(ct_copy_to(x, dtype, converted, bytes) == CT_OK, "ct_copy_to: %s", ct_error_message());
    ct_tensor *y = ct_from_data(dtype, converted, shape, ndim);
    free(converted);
    ck_assert_msg(y, "ct_from_data: %s", ct_error_message());
    return y;
}

/* A layout's geometry: strides and the place of the first element in a buffer of so many elements. */
typedef struct {
    int64_t strides[CT_MAX_DIMS], first, elements;
} Geometry;

static Geometry geometry_of(const int64_t *shape, int ndim, Layout layout) {
    Geometry geometry = {.elements = 1};
    bool expanded = false;
    for (int i = 0; i < ndim; i++) {
        int d = layout == LAYOUT_TRANSPOSED ? i : ndim - 1 - i;
        geometry.strides[d] = geometry.elements * (layout == LAYOUT_SLICED ? 2 : 1);
        geometry.elements *= layout == LAYOUT_SLICED ? 2 * shape[d] + 1 : shape[d];
    }
    for (int d = 0; d < ndim; d++) {
        if (layout == LAYOUT_SLICED) geometry.first += geometry.strides[d] / 2;
        if (layout == LAYOUT_EXPANDED && shape[d] > 1 && !expanded) {
            expanded = true;
            geometry.strides[d] = 0;
        }
        if (layout == LAYOUT_REVERSED && shape[d] > 0) {
            geometry.first += (shape[d] - 1) * geometry.strides[d];
            geometry.strides[d] *= -1;
        }
    }
    return geometry;
}

/* Moves an index on in row-major order. */
static void next_index(int64_t *index, const int64_t *shape, int ndim) {
    for (int d = ndim; d-- > 0;) {
        if (++index[d] < shape[d]) return;
        index[d] = 0;
    }
}

/* Puts the row-major elements where the geometry says; of elements that share a place, the first stays. */
static void scatter(char *buffer, const char *elements, size_t width, const int64_t *shape, int ndim,
                    const Geometry *geometry) {
    int64_t index[CT_MAX_DIMS] = {0};
    for (int64_t i = 0, n = shape_numel(shape, ndim); i < n; i++) {
        int64_t place = geometry->first;
        bool repeats = false;
        for (int d = 0; d < ndim; d++) {
            place += index[d] * geometry->strides[d];
            repeats = repeats || (geometry->strides[d] == 0 && index[d] > 0);
        }
        if (!repeats) memcpy(buffer + (size_t)place * width, elements + (size_t)i * width, width);
        next_index(index, shape, ndim);
    }
}

static bool is_floating(ct_dtype dtype) {
    return dtype == CT_F32 || dtype == CT_F64 || dtype == CT_F16 || dtype == CT_BF16;
}

ct_tensor *make_layout(ct_dtype dtype, const int64_t *shape, int ndim, const double *values, Layout layout) {
    ct_tensor *packed = support_from_doubles(dtype, shape, ndim, values);
    if (layout == LAYOUT_CONTIGUOUS || ct_numel(packed) == 0) return packed;
    Geometry geometry = geometry_of(shape, ndim, layout);
    size_t width = ct_dtype_size(dtype), bytes = (size_t)geometry.elements * width;
    char *buffer = malloc(bytes);
    memset(buffer, is_floating(dtype) ? 0xff : 0x7f, bytes);
    scatter(buffer, ct_data(packed), width, shape, ndim, &geometry);
    int64_t elements = geometry.elements;
    ct_tensor *whole = ct_from_blob(dtype, buffer, &elements, 1, NULL, free, buffer);
    ck_assert_msg(whole, "ct_from_blob: %s", ct_error_message());
    ct_tensor *x = ct_as_strided(whole, shape, ndim, geometry.strides, geometry.first);
    ck_assert_msg(x, "ct_as_strided: %s", ct_error_message());
    return x;
}

ct_tensor *make_random(ct_dtype dtype, const int64_t *shape, int ndim, double lo, double hi, uint64_t seed,
                       Layout layout) {
    int64_t n = shape_numel(shape, ndim);
    double *values = malloc((size_t)n * sizeof *values + 1);
    for (int64_t i = 0; i < n; i++) {
        values[i] = lo + (hi - lo) * random_unit(&seed);
        if (!is_floating(dtype)) values[i] = floor(values[i]);
    }
    ct_tensor *x = make_layout(dtype, shape, ndim, values, layout);
    free(values);
    return x;
}
