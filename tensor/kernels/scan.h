/* Running results along a dim for T, of up to SCAN_LINES lines, each with its state of type A: data[0] is the result, the
 * others are operands; `along` has their steps within a line, `across` from line to line. Neighbours fill a vector; of
 * lines apart, SCAN_APART go on at once, so that none waits for its last sum alone. */

#define SCAN_LOOP(count, at_z, at_x, at_b, ...)                                                              \
    for (int64_t l = 0; l < count; l++) {                                                                    \
        const A x = (A)a[at_x], y = state[l], b = (A)c[at_b];                                                \
        (void)b;                                                                                             \
        state[l] = __VA_ARGS__;                                                                              \
        z[at_z] = (T)state[l];                                                                               \
    }

/* The state y becomes what the expression makes of y, x and a second operand b; it begins as `start`. */
#define SCAN(name, start, ...)                                                                               \
    static void S(name##_scan)(char *const *data, const int64_t *along, const int64_t *across, int64_t n,    \
                               int64_t lines) {                                                              \
        T *z = (T *)data[0];                                                                                 \
        const T *a = (const T *)data[1], *c = (const T *)data[2];                                            \
        const int64_t z_step = across[0], a_step = across[1], c_step = across[2];                            \
        if (lines == SCAN_APART) {                                                                           \
            A state[SCAN_APART] = {start, start, start, start};                                              \
            for (int64_t i = 0; i < n; i++, z += along[0], a += along[1], c += along[2])                     \
                SCAN_LOOP(SCAN_APART, l *z_step, l *a_step, l *c_step, __VA_ARGS__)                          \
            return;                                                                                          \
        }                                                                                                    \
        A state[SCAN_LINES];                                                                                 \
        for (int64_t l = 0; l < lines; l++) state[l] = start;                                                \
        for (int64_t i = 0; i < n; i++, z += along[0], a += along[1], c += along[2]) {                       \
            if (z_step == 1 && a_step == 1 && c_step == 1) {                                                 \
                _Pragma("omp simd") SCAN_LOOP(lines, l, l, l, __VA_ARGS__)                                   \
            } else {                                                                                         \
                SCAN_LOOP(lines, l *z_step, l *a_step, l *c_step, __VA_ARGS__)                               \
            }                                                                                                \
        }                                                                                                    \
    }

SCAN(cumsum, 0, y + x)
SCAN(cumprod, 1, y * x)
#ifndef INTEGERS_ONLY
SCAN(logcumsumexp, -INFINITY, logaddexp_f64(y, x))
SCAN(recurrence, 0, b + x * y)
#endif

#define IS_NAN(x) ((x) != (x))
/* The place of the largest so far, the last of equal ones; NaN is the largest. */
static void S(cummax_scan)(char *const *data, const int64_t *along, const int64_t *across, int64_t n, int64_t lines) {
    T largest[SCAN_LINES];
    int64_t place[SCAN_LINES] = {0}, *z = (int64_t *)data[0];
    const T *a = (const T *)data[1];
    for (int64_t i = 0; i < n; i++, z += along[0], a += along[1]) {
        for (int64_t l = 0; l < lines; l++) {
            const T x = a[l * across[1]];
            const bool larger = i == 0 || IS_NAN(x) || x >= largest[l];
            largest[l] = larger ? x : largest[l];
            place[l] = larger ? i : place[l];
            z[l * across[0]] = place[l];
        }
    }
}
#undef IS_NAN
#undef SCAN
#undef SCAN_LOOP
