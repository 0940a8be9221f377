/* Reductions of one type T: included for int64_t, float and double. WIDE and FIELD are the type that an Accumulator holds,
 * and its name; PLACE_TYPE is an integer of T's size. Rows are folded in LANES side by side, columns in groups of GROUP
 * rows; what they give is folded in WIDE, so that a float's rounding errors do not add up. */

#ifdef INTEGERS_ONLY
#define WIDE int64_t
#define FIELD i
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define IS_NAN(x) false
#define UNORDERED(a, b) false
#define NOT_A_NUMBER 0
#else
#define WIDE double
#define FIELD f
#define LOWEST -(T)INFINITY
#define HIGHEST (T)INFINITY
#define IS_NAN(x) ((x) != (x))
#define UNORDERED(a, b) __builtin_isunordered(a, b)
#define NOT_A_NUMBER (T)NAN
#endif
#define LANES 64 /* a few vector registers */
#define BLOCK 1024
#define GROUP 8

/* How an element x counts, with a parameter p, and how a and b are joined; L is the type of the lanes. */
#define MAP_AND_JOIN(name, L, mapped, joined)                                                                         \
    static inline L S(name##_of)(L x, L p) {                                                                          \
        (void)p;                                                                                                      \
        return mapped;                                                                                                \
    }                                                                                                                 \
    static inline L S(name##_join)(L a, L b) {                                                                        \
        return joined;                                                                                                \
    }                                                                                                                 \
    static inline WIDE S(name##_join_wide)(WIDE a, WIDE b) {                                                          \
        return joined;                                                                                                \
    }

/* Folds n elements, a multiple of `width`, which is a power of 2. */
#define LANES_OF(name, L, start)                                                                                      \
    ALWAYS_INLINE L S(name##_lanes)(const T *row, int64_t n, int width, L p) {                                        \
        L lanes[LANES];                                                                                               \
        for (int j = 0; j < width; j++) lanes[j] = start;                                                             \
        for (int64_t i = 0; i < n; i += width)                                                                        \
            _Pragma("omp simd") for (int j = 0; j < width; j++) lanes[j] =                                            \
                S(name##_join)(lanes[j], S(name##_of)((L)row[i + j], p));                                             \
        for (int half = width / 2; half > 0; half /= 2)                                                               \
            for (int j = 0; j < half; j++) lanes[j] = S(name##_join)(lanes[j], lanes[j + half]);                      \
        return lanes[0];                                                                                              \
    }

/* The same for extremes: lanes that pass NaNs over are an instruction each, and two lanes are asked for NaNs at once. */
#define LANES_OF_EXTREME(name, start, better)                                                                         \
    ALWAYS_INLINE T S(name##_lanes)(const T *row, int64_t n, int width, T p) {                                        \
        T lanes[LANES];                                                                                               \
        PLACE_TYPE unordered[LANES / 2];                                                                              \
        for (int j = 0; j < width; j++) lanes[j] = start;                                                             \
        for (int j = 0; j < width / 2; j++) unordered[j] = 0;                                                         \
        for (int64_t i = 0; i < n; i += width) {                                                                      \
            _Pragma("omp simd") for (int j = 0; j < width; j++) {                                                     \
                T x = S(name##_of)(row[i + j], p);                                                                    \
                lanes[j] = x better lanes[j] ? x : lanes[j];                                                          \
            }                                                                                                         \
            _Pragma("omp simd") for (int j = 0; j < width / 2; j++)                                                   \
                unordered[j] |= UNORDERED(row[i + j], row[i + j + width / 2]);                                        \
        }                                                                                                             \
        for (int half = width / 2; half > 0; half /= 2)                                                               \
            for (int j = 0; j < half; j++) lanes[j] = lanes[j + half] better lanes[j] ? lanes[j + half] : lanes[j];   \
        for (int j = 1; j < width / 2; j++) unordered[0] |= unordered[j];                                             \
        return unordered[0] ? NOT_A_NUMBER : lanes[0];                                                                      \
    }

/* A few rows of many columns, added to what the columns come to; p is one parameter, or one for each. */
#define GROUP_OF(name, L)                                                                                             \
    ALWAYS_INLINE void S(name##_group)(WIDE *totals, const T *x, int64_t stride, int rows, int64_t n,                 \
                                       const double *p, bool each) {                                                  \
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {                                                         \
            const L q = (L)p[each ? j : 0];                                                                           \
            L total = S(name##_of)((L)x[j], q);                                                                       \
            for (int r = 1; r < rows; r++)                                                                            \
                total = S(name##_join)(total, S(name##_of)((L)x[r * stride + j], q));                                 \
            totals[j] = S(name##_join_wide)(totals[j], total);                                                        \
        }                                                                                                             \
    }

/* The same for extremes: a NaN is looked for apart, so that no comparison depends on another. */
#define GROUP_OF_EXTREME(name, better)                                                                                \
    ALWAYS_INLINE void S(name##_group)(WIDE *totals, const T *x, int64_t stride, int rows, int64_t n,                 \
                                       const double *p, bool each) {                                                  \
        (void)p, (void)each;                                                                                          \
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {                                                         \
            T best = S(name##_of)(x[j], 0);                                                                           \
            PLACE_TYPE nan = IS_NAN(best);                                                                            \
            for (int r = 1; r < rows; r++) {                                                                          \
                T other = S(name##_of)(x[r * stride + j], 0);                                                         \
                best = other better best ? other : best;                                                              \
                nan |= IS_NAN(other);                                                                                 \
            }                                                                                                         \
            WIDE held = totals[j], found = nan ? NOT_A_NUMBER : best;                                                 \
            held = found better held ? found : held;                                                                  \
            totals[j] = IS_NAN(found) ? found : held;                                                                 \
        }                                                                                                             \
    }

#define ROW_AND_COLUMNS(name, L, rows_at_once)                                                                                      \
    static void S(name##_row)(Accumulator *accumulator, const char *data, int64_t step, int64_t n, int64_t first,     \
                              const double *parameters) {                                                             \
        const T *row = (const T *)data;                                                                               \
        const L p = (L)*parameters;                                                                                   \
        WIDE total = accumulator->FIELD;                                                                              \
        int64_t i = 0;                                                                                                \
        (void)first;                                                                                                  \
        for (int64_t size; step == 1 && n - i >= LANES; i += size) {                                                  \
            size = n - i < BLOCK ? (n - i) / LANES * LANES : BLOCK;                                                   \
            total = S(name##_join_wide)(total, S(name##_lanes)(row + i, size, LANES, p));                             \
        }                                                                                                             \
        if (step == 1 && n - i >= LANES / 4) {                                                                        \
            int64_t size = (n - i) / (LANES / 4) * (LANES / 4);                                                       \
            total = S(name##_join_wide)(total, S(name##_lanes)(row + i, size, LANES / 4, p));                         \
            i += size;                                                                                                \
        }                                                                                                             \
        for (; i < n; i++) total = S(name##_join_wide)(total, S(name##_of)((L)row[i * step], p));                     \
        accumulator->FIELD = total;                                                                                   \
    }                                                                                                                 \
                                                                                                                      \
    static void S(name##_columns)(const Columns *c, const double *p, bool each) {                                     \
        const T *x = (const T *)c->data;                                                                              \
        WIDE *totals = (WIDE *)c->values;                                                                             \
        int64_t rows = c->rows;                                                                                       \
        for (; rows >= rows_at_once; rows -= rows_at_once, x += rows_at_once * c->stride)                             \
            if (each) S(name##_group)(totals, x, c->stride, rows_at_once, c->n, p, true);                             \
            else S(name##_group)(totals, x, c->stride, rows_at_once, c->n, p, false);                                 \
        for (; rows > 0; rows--, x += c->stride) S(name##_group)(totals, x, c->stride, 1, c->n, p, each);             \
    }

#define FOLD(name, L, start, mapped, joined) \
    MAP_AND_JOIN(name, L, mapped, joined)    \
    LANES_OF(name, L, start)                 \
    GROUP_OF(name, L)                        \
    ROW_AND_COLUMNS(name, L, GROUP)
/* For a mapping that is long: several of them at once are not vectorised. */
#define FOLD_SINGLY(name, L, start, mapped, joined) \
    MAP_AND_JOIN(name, L, mapped, joined)           \
    LANES_OF(name, L, start)                        \
    GROUP_OF(name, L)                               \
    ROW_AND_COLUMNS(name, L, 1)
#define EXTREME(name, start, mapped, better)                        \
    MAP_AND_JOIN(name, T, mapped, ((b better a) | IS_NAN(b)) ? b : a) \
    LANES_OF_EXTREME(name, start, better)                           \
    GROUP_OF_EXTREME(name, better)                                  \
    ROW_AND_COLUMNS(name, T, GROUP)

FOLD(sum, T, 0, x, a + b)
FOLD(prod, WIDE, 1, x, a * b)
FOLD(any, T, 0, x != 0, a > b ? a : b)
FOLD(all, T, 1, x != 0, a < b ? a : b)
/* NaN wins. */
EXTREME(max, LOWEST, x, >)
EXTREME(min, HIGHEST, x, <)

#ifndef INTEGERS_ONLY
FOLD(sum_squares, T, 0, x * x, a + b)
FOLD(sum_squares_from, T, 0, (x - p) * (x - p), a + b)
FOLD_SINGLY(sum_exp_from, T, 0, S(exp)(x - p), a + b)
FOLD(sum_abs, T, 0, M(fabs)(x), a + b)
FOLD_SINGLY(sum_powers, WIDE, 0, pow(fabs(x), p), a + b)
FOLD(count_nonzero, T, 0, x != 0, a + b)
EXTREME(max_abs, 0, M(fabs)(x), >)
EXTREME(min_abs, HIGHEST, M(fabs)(x), <)
#endif

/* The first of n elements, among them `wanted` (NaN: any), that is it. */
static int64_t S(find)(const T *row, int64_t step, int64_t n, T wanted) {
    int64_t i = 0;
    for (; step == 1 && i + LANES < n; i += LANES) {
        PLACE_TYPE found = 0;
        _Pragma("omp simd reduction(| : found)") for (int j = 0; j < LANES; j++)
            found |= (row[i + j] == wanted) | (IS_NAN(row[i + j]) & IS_NAN(wanted));
        if (found) break;
    }
    while (i < n - 1 && !(row[i * step] == wanted || (IS_NAN(wanted) && IS_NAN(row[i * step])))) i++;
    return i;
}

/* The first of the best elements; the first NaN beats all others. A block is searched only if it beats what was held. */
#define PLACE(name, extreme, start, better)                                                                           \
    static inline bool S(name##_beats)(WIDE x, WIDE held) {                                                           \
        return (x better held) | (IS_NAN(x) & !IS_NAN(held));                                                         \
    }                                                                                                                 \
                                                                                                                      \
    static void S(name##_row)(Accumulator *accumulator, const char *data, int64_t step, int64_t n, int64_t first,     \
                              const double *p) {                                                                      \
        const T *row = (const T *)data;                                                                               \
        for (int64_t begin = 0; begin < n; begin += BLOCK) {                                                          \
            const T *block = row + begin * step;                                                                      \
            int64_t size = n - begin < BLOCK ? n - begin : BLOCK;                                                     \
            Accumulator best = {.FIELD = start};                                                                      \
            S(extreme##_row)(&best, (const char *)block, step, size, 0, p);                                           \
            if (accumulator->at >= 0 && !S(name##_beats)(best.FIELD, accumulator->FIELD)) continue;                   \
            accumulator->FIELD = best.FIELD;                                                                          \
            accumulator->at = first + begin + S(find)(block, step, size, (T)best.FIELD);                              \
        }                                                                                                             \
    }                                                                                                                 \
                                                                                                                      \
    ALWAYS_INLINE void S(name##_group)(const Columns *c, const T *x, int rows, int64_t first) {                       \
        WIDE *values = (WIDE *)c->values;                                                                             \
        int64_t *places = c->places;                                                                                  \
        _Pragma("omp simd") for (int64_t j = 0; j < c->n; j++) {                                                      \
            T best = x[j];                                                                                            \
            PLACE_TYPE at = 0;                                                                                        \
            for (int r = 1; r < rows; r++) {                                                                          \
                T other = x[r * c->stride + j];                                                                       \
                bool beats = (other better best) | (IS_NAN(other) & !IS_NAN(best));                               \
                best = beats ? other : best;                                                                          \
                at = beats ? (PLACE_TYPE)r : at;                                                                      \
            }                                                                                                         \
            bool beats = (places[j] < 0) | S(name##_beats)((WIDE)best, values[j]);                                    \
            values[j] = beats ? (WIDE)best : values[j];                                                               \
            places[j] = beats ? first + at : places[j];                                                               \
        }                                                                                                             \
    }                                                                                                                 \
                                                                                                                      \
    static void S(name##_columns)(const Columns *c, const double *p, bool each) {                                     \
        const T *x = (const T *)c->data;                                                                              \
        int64_t row = 0;                                                                                              \
        (void)p, (void)each;                                                                                          \
        for (; row + GROUP <= c->rows; row += GROUP) S(name##_group)(c, x + row * c->stride, GROUP, c->first + row);  \
        for (; row < c->rows; row++) S(name##_group)(c, x + row * c->stride, 1, c->first + row);                      \
    }

PLACE(argmax, max, LOWEST, >)
PLACE(argmin, min, HIGHEST, <)

#undef LANES
#undef BLOCK
#undef GROUP
#undef MAP_AND_JOIN
#undef LANES_OF
#undef LANES_OF_EXTREME
#undef GROUP_OF
#undef GROUP_OF_EXTREME
#undef ROW_AND_COLUMNS
#undef FOLD
#undef FOLD_SINGLY
#undef EXTREME
#undef PLACE
#undef WIDE
#undef FIELD
#undef LOWEST
#undef HIGHEST
#undef IS_NAN
#undef UNORDERED
#undef NOT_A_NUMBER
