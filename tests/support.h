/* What the tests share: test cases that look for leaks, assertions that name what differs, tensors in every
 * layout. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <cotangent.h>
#include <check.h>
#include <math.h>

/* Adds a test case to the suite. Each of its tests runs inside a scope, with a silent error handler and the
 * seed 1; at its end, errors cleared and the scope closed, live tensors, live nodes and bytes in use must be
 * back where they began. What a test makes outside scopes (modules, optimisers, dicts) it frees itself. */
TCase *support_case(Suite *suite, const char *name);

/* ---- assertions: all report the caller's file and line ---- */

/* Same shape, and |got - want| <= atol + rtol·|want| for every element; NaN equals NaN, infinities equal
 * themselves. The message names what, shape, the worst element and both numbers. Dtypes may differ. */
#define assert_allclose(what, got, want, rtol, atol)                                                         \
    support_assert_allclose(__FILE__, __LINE__, what, got, want, rtol, atol)
/* got holds the row-major numbers given after the tolerance, and has as many elements:
 * assert_values("add", y, 1e-12, 1, 2, 3) */
#define assert_values(what, got, tolerance, ...)                                                             \
    support_assert_values(__FILE__, __LINE__, what, got, tolerance, (const double[]){__VA_ARGS__},           \
                          (int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))
/* Same dtype, same shape, the same bytes. */
#define assert_same_bits(what, got, want) support_assert_same_bits(__FILE__, __LINE__, what, got, want)
/* assert_shape(x, 2, 3) */
#define assert_shape(x, ...) support_assert_shape(__FILE__, __LINE__, #x, x, CT_DIMS(__VA_ARGS__))
#define assert_0dim(x) support_assert_shape(__FILE__, __LINE__, #x, x, NULL, 0)
#define assert_dtype(x, dtype) support_assert_dtype(__FILE__, __LINE__, #x, x, dtype)
/* No error is pending; the message shows the one that is. */
#define assert_no_error() support_assert_no_error(__FILE__, __LINE__)
/* An error of that code is pending, and its message contains each fragment: assert_error(CT_ERR_SHAPE,
 * "ct_add"). Clears it. */
#define assert_error(code, fragment) support_assert_error(__FILE__, __LINE__, code, fragment)
/* The call returns NULL with such an error. */
#define assert_fails(call, code, fragment)                                                                   \
    do {                                                                                                     \
        ck_assert_msg((call) == NULL, "%s did not fail", #call);                                             \
        support_assert_error(__FILE__, __LINE__, code, fragment);                                            \
    } while (0)
/* The call returns the status, with the error pending. */
#define assert_status(call, code, fragment)                                                                  \
    do {                                                                                                     \
        ct_status status_ = (call);                                                                          \
        ck_assert_msg(status_ == (code), "%s returned %d, not %s", #call, (int)status_, #code);              \
        support_assert_error(__FILE__, __LINE__, code, fragment);                                            \
    } while (0)

void support_assert_allclose(const char *file, int line, const char *what, ct_tensor *got, ct_tensor *want,
                             double rtol, double atol);
void support_assert_values(const char *file, int line, const char *what, ct_tensor *got, double tolerance,
                           const double *want, int64_t n);
void support_assert_same_bits(const char *file, int line, const char *what, ct_tensor *got, ct_tensor *want);
void support_assert_shape(const char *file, int line, const char *what, ct_tensor *x, const int64_t *shape,
                          int ndim);
void support_assert_dtype(const char *file, int line, const char *what, ct_tensor *x, ct_dtype dtype);
void support_assert_no_error(const char *file, int line);
void support_assert_error(const char *file, int line, ct_status code, const char *fragment);

/* Compares without asserting: true if all is close, else writes the difference into the message. */
bool support_allclose(const char *what, ct_tensor *got, ct_tensor *want, double rtol, double atol,
                      char *message, size_t size);

/* Runs the program with each of its allocations failing in turn (and all later ones too): it gives what it gives
 * without, or NULL and the error of memory. */
void assert_survives_failures(ct_tensor *(*program)(void), bool from_then_on);

/* ---- tensors ---- */

/* How a tensor lies in memory. Gaps between its elements hold NaN (integers: a large sentinel). */
typedef enum {
    LAYOUT_CONTIGUOUS,
    LAYOUT_TRANSPOSED, /* column-major: strides rise from the first dim to the last */
    LAYOUT_SLICED,     /* every second element of a larger tensor, which begins before it and ends after it */
    LAYOUT_REVERSED,   /* negative strides in every dim */
    LAYOUT_EXPANDED,   /* stride 0 in the first dim of a size above 1: its elements repeat those of index 0 */
    LAYOUT_COUNT
} Layout;

extern const char *const layout_names[LAYOUT_COUNT];

/* A leaf of that shape holding the row-major values, converted to the dtype. A 0-dim shape is NULL, 0. */
ct_tensor *make_layout(ct_dtype dtype, const int64_t *shape, int ndim, const double *values, Layout layout);
/* The same with numbers on [lo, hi) that depend on the seed alone (rounded down for integers). */
ct_tensor *make_random(ct_dtype dtype, const int64_t *shape, int ndim, double lo, double hi, uint64_t seed,
                       Layout layout);
/* A row-major F64 tensor: make_f64(CT_DIMS(2, 2), 1, 2, 3, 4). */
#define make_f64(shape, ...) support_from_doubles(CT_F64, shape, (const double[]){__VA_ARGS__})
#define make_f32(shape, ...) support_from_doubles(CT_F32, shape, (const double[]){__VA_ARGS__})
ct_tensor *support_from_doubles(ct_dtype dtype, const int64_t *shape, int ndim, const double *values);

/* x's elements row-major as doubles, to be freed with free(). */
double *read_doubles(const ct_tensor *x);
/* A number on [0, 1) from the state, which moves on. */
double random_unit(uint64_t *state);
int64_t shape_numel(const int64_t *shape, int ndim);

#endif
