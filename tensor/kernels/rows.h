/* The rows of the elementwise kernels for T, from list.h. A contiguous row is a plain loop that the compiler
 * vectorises; steps of 0 (broadcasting) and others take the general one. A result may be written over an operand,
 * element by element: no `restrict`, but no dependence from one element to the next either. */

#define ROW1(name, R, ...)                                                                                    \
    static void S(name##_row)(char *const *data, const int64_t *step, int64_t n, const double *parameters) {  \
        R *z = (R *)data[0];                                                                                  \
        const T *a = (const T *)data[1];                                                                      \
        const double p[] = {parameters[0], parameters[1], parameters[2]}; /* loads in a condition are dear */ \
        (void)p;                                                                                              \
        if (step[0] == 1 && step[1] == 1) {                                                                   \
            _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                             \
                T x = a[i];                                                                                   \
                z[i] = (R)(__VA_ARGS__);                                                                      \
            }                                                                                                 \
        } else {                                                                                              \
            for (int64_t i = 0; i < n; i++) {                                                                 \
                T x = a[i * step[1]];                                                                         \
                z[i * step[0]] = (R)(__VA_ARGS__);                                                            \
            }                                                                                                 \
        }                                                                                                     \
    }

#define ROW2_LOOP(R, at_z, at_x, at_y, ...)               \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) { \
        T x = a[at_x], y = b[at_y];                       \
        z[at_z] = (R)(__VA_ARGS__);                       \
    }

#define ROW2(name, R, ...)                                                                          \
    static void S(name##_row)(char *const *data, const int64_t *step, int64_t n, const double *p) { \
        R *z = (R *)data[0];                                                                        \
        const T *a = (const T *)data[1];                                                            \
        const T *b = (const T *)data[2];                                                            \
        (void)p;                                                                                    \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1) {                                         \
            ROW2_LOOP(R, i, i, i, __VA_ARGS__)                                                      \
        } else if (step[0] == 1 && step[1] == 1 && step[2] == 0) {                                  \
            ROW2_LOOP(R, i, i, 0, __VA_ARGS__)                                                      \
        } else if (step[0] == 1 && step[1] == 0 && step[2] == 1) {                                  \
            ROW2_LOOP(R, i, 0, i, __VA_ARGS__)                                                      \
        } else {                                                                                    \
            ROW2_LOOP(R, i *step[0], i *step[1], i *step[2], __VA_ARGS__)                           \
        }                                                                                           \
    }

/* Two kinds of rows of one or two operands of T: a block takes the quick one unless `beyond` is negative for some
 * element. */
#define FAR_LOOP(at_x, at_y, beyond)                                            \
    _Pragma("omp simd reduction(|:far)") for (int64_t i = 0; i < length; i++) { \
        T x = a[at_x], y = b[at_y];                                             \
        (void)y;                                                                \
        far |= (beyond);                                                        \
    }
#define SPLIT(ROW, operands, name, beyond, quick, ...)                                                  \
    ROW(name##_quick, T, quick)                                                                         \
    ROW(name##_any, T, __VA_ARGS__)                                                                     \
    static void S(name##_row)(char *const *data, const int64_t *step, int64_t n, const double *p) {     \
        for (int64_t begin = 0; begin < n; begin += 1024) {                                             \
            const int64_t length = n - begin < 1024 ? n - begin : 1024;                                 \
            char *at[operands + 1];                                                                     \
            for (int i = 0; i <= operands; i++) at[i] = data[i] + begin * step[i] * (int64_t)sizeof(T); \
            const T *a = (const T *)at[1], *b = (const T *)at[operands];                                \
            PLACE_TYPE far = 0;                                                                         \
            if (step[1] == 1 && step[operands] == 1) {                                                  \
                FAR_LOOP(i, i, beyond)                                                                  \
            } else if (step[1] == 1 && step[operands] == 0) {                                           \
                FAR_LOOP(i, 0, beyond)                                                                  \
            } else {                                                                                    \
                FAR_LOOP(i *step[1], i *step[operands], beyond)                                         \
            }                                                                                           \
            (far < 0 ? S(name##_any_row) : S(name##_quick_row))(at, step, length, p);                   \
        }                                                                                               \
    }

#define UNARY(name, ...) ROW1(name, T, __VA_ARGS__)
#define UNARY_SPLIT(...) SPLIT(ROW1, 1, __VA_ARGS__)
#define UNARY_ANY(name, ...) ROW1(name, T, __VA_ARGS__)
#define PREDICATE(name, ...) ROW1(name, bool, __VA_ARGS__)
#define BINARY(name, ...) ROW2(name, T, __VA_ARGS__)
#define BINARY_ANY(name, ...) ROW2(name, T, __VA_ARGS__)
#define BINARY_SPLIT(...) SPLIT(ROW2, 2, __VA_ARGS__)
#define COMPARE(name, ...) ROW2(name, bool, __VA_ARGS__)
#ifdef INTEGERS_ONLY
#undef UNARY
#undef UNARY_SPLIT
#undef BINARY_SPLIT
#undef PREDICATE
#undef BINARY
#define UNARY(name, ...)
#define UNARY_NEAR(name, ...)
#define PREDICATE(name, ...)
#define BINARY(name, ...)
#endif
#include "list.h"

#define WHERE_LOOP(at_z, at_c, at_a, at_b) \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) z[at_z] = condition[at_c] ? a[at_a] : b[at_b];

/* Beside the general one: two rows, and a row and one number, as masks are filled. */
static void S(where_row)(char *const *data, const int64_t *step, int64_t n, const double *p) {
    T *z = (T *)data[0];
    const uint8_t *condition = (const uint8_t *)data[1];
    const T *a = (const T *)data[2], *b = (const T *)data[3];
    const bool rows = step[0] == 1 && step[1] == 1;
    (void)p;
    if (rows && step[2] == 1 && step[3] == 1) {
        WHERE_LOOP(i, i, i, i)
    } else if (rows && step[2] == 0 && step[3] == 1) {
        const T value = *a;
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) z[i] = condition[i] ? value : b[i];
    } else {
        WHERE_LOOP(i *step[0], i *step[1], i *step[2], i *step[3])
    }
}
#undef WHERE_LOOP
#undef ROW1
#undef SPLIT
#undef FAR_LOOP
#undef ROW2
#undef ROW2_LOOP
