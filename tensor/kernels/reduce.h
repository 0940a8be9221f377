/* One row of a reduction: folds n elements into the accumulator, which computes in double or int64_t. */

#define REDUCE_ROW(name, T, ...)                                                                                   \
    static void name(Accumulator *accumulator, const char *data, int64_t step, int64_t n, const double *p) {      \
        const T *row = (const T *)data;                                                                            \
        (void)p;                                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                                          \
            T x = row[i * step];                                                                                   \
            __VA_ARGS__;                                                                                           \
        }                                                                                                          \
        accumulator->seen += n;                                                                                    \
    }

#define SUM_LOOP(T, at, ...)                                              \
    _Pragma("omp simd reduction(+ : block)") for (int64_t i = begin; i < end; i++) { \
        double x = (double)row[at];                                       \
        block += __VA_ARGS__;                                             \
    }

/* A sum in blocks of 1024, each over several lanes: the error grows with the number of blocks. */
#define SUM_ROW(name, T, ...)                                                                                      \
    static void name(Accumulator *accumulator, const char *data, int64_t step, int64_t n, const double *p) {      \
        const T *row = (const T *)data;                                                                            \
        (void)p;                                                                                                   \
        for (int64_t begin = 0; begin < n; begin += 1024) {                                                        \
            int64_t end = begin + 1024 < n ? begin + 1024 : n;                                                     \
            double block = 0;                                                                                      \
            if (step == 1) {                                                                                       \
                SUM_LOOP(T, i, __VA_ARGS__)                                                                        \
            } else {                                                                                               \
                SUM_LOOP(T, i *step, __VA_ARGS__)                                                                  \
            }                                                                                                      \
            accumulator->f += block;                                                                               \
        }                                                                                                          \
        accumulator->seen += n;                                                                                    \
    }

SUM_ROW(sum_f32, float, x)
SUM_ROW(sum_f64, double, x)
SUM_ROW(sum_squares_f32, float, x * x)
SUM_ROW(sum_squares_f64, double, x * x)
SUM_ROW(norm_p_f32, float, pow(fabs(x), p[0]))
SUM_ROW(norm_p_f64, double, pow(fabs(x), p[0]))
SUM_ROW(norm_zero_f32, float, x != 0)
SUM_ROW(norm_zero_f64, double, x != 0)

REDUCE_ROW(sum_i64, int64_t, accumulator->i = (int64_t)((uint64_t)accumulator->i + (uint64_t)x))
REDUCE_ROW(prod_f32, float, accumulator->f *= x)
REDUCE_ROW(prod_f64, double, accumulator->f *= x)
REDUCE_ROW(prod_i64, int64_t, accumulator->i = (int64_t)((uint64_t)accumulator->i * (uint64_t)x))
REDUCE_ROW(any_f32, float, accumulator->i |= x != 0)
REDUCE_ROW(any_f64, double, accumulator->i |= x != 0)
REDUCE_ROW(any_i64, int64_t, accumulator->i |= x != 0)
REDUCE_ROW(all_f32, float, accumulator->i &= x != 0)
REDUCE_ROW(all_f64, double, accumulator->i &= x != 0)
REDUCE_ROW(all_i64, int64_t, accumulator->i &= x != 0)

/* The first of the largest (smallest); the first NaN wins over everything. A contiguous row is first asked for its
 * extreme, several lanes at a time, and then searched for it, if it beats what was found before. */
#define EXTREME_ROW(name, T, field, better, lowest)                                                                \
    static void name(Accumulator *accumulator, const char *data, int64_t step, int64_t n, const double *p) {      \
        const T *row = (const T *)data;                                                                            \
        T best = lowest;                                                                                           \
        bool nan = false;                                                                                          \
        (void)p;                                                                                                   \
        if (step == 1) {                                                                                           \
            int misfits = 0;                                                                                       \
            _Pragma("omp simd reduction(+ : misfits)") for (int64_t i = 0; i < n; i++) misfits += row[i] != row[i]; \
            name##_best(row, n, &best);                                                                            \
            nan = misfits > 0;                                                                                     \
        } else {                                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                                      \
                nan |= row[i * step] != row[i * step];                                                             \
                best = row[i * step] better best ? row[i * step] : best;                                           \
            }                                                                                                      \
        }                                                                                                          \
        T held = (T)accumulator->field;                                                                            \
        if (held == held && (accumulator->at < 0 || nan || best better held)) {                                    \
            int64_t i = 0;                                                                                         \
            while (i < n - 1 && !(nan ? row[i * step] != row[i * step] : row[i * step] == best)) i++;              \
            accumulator->field = row[i * step];                                                                    \
            accumulator->at = accumulator->seen + i;                                                               \
        }                                                                                                          \
        accumulator->seen += n;                                                                                    \
    }

#define BEST_OF_ROW(name, T, better)                                                                               \
    static void name##_best(const T *row, int64_t n, T *best) {                                                    \
        T lanes[16];                                                                                               \
        for (int j = 0; j < 16; j++) lanes[j] = *best;                                                             \
        int64_t i = 0;                                                                                             \
        for (; i + 16 <= n; i += 16)                                                                               \
            _Pragma("omp simd") for (int j = 0; j < 16; j++) lanes[j] = row[i + j] better lanes[j] ? row[i + j] : lanes[j]; \
        for (; i < n; i++) lanes[0] = row[i] better lanes[0] ? row[i] : lanes[0];                                  \
        for (int j = 0; j < 16; j++) *best = lanes[j] better *best ? lanes[j] : *best;                             \
    }

#define EXTREME(name, T, field, better, lowest) \
    BEST_OF_ROW(name, T, better)                \
    EXTREME_ROW(name, T, field, better, lowest)
EXTREME(max_f32, float, f, >, -INFINITY)
EXTREME(max_f64, double, f, >, -INFINITY)
EXTREME(max_i64, int64_t, i, >, INT64_MIN)
EXTREME(min_f32, float, f, <, INFINITY)
EXTREME(min_f64, double, f, <, INFINITY)
EXTREME(min_i64, int64_t, i, <, INT64_MAX)

#define SUM_COLUMNS(name, T, ...)                                                  \
    static void name(double *sums, const char *data, int64_t n) {                  \
        const T *row = (const T *)data;                                            \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                      \
            double x = (double)row[i];                                             \
            sums[i] += __VA_ARGS__;                                                \
        }                                                                          \
    }
SUM_COLUMNS(sum_columns_f32, float, x)
SUM_COLUMNS(sum_columns_f64, double, x)
SUM_COLUMNS(sum_squares_columns_f32, float, x * x)
SUM_COLUMNS(sum_squares_columns_f64, double, x * x)

#define LARGER(a, b) ((b) != (b) || (b) > (a) ? (b) : (a))
#define SMALLER(a, b) ((b) != (b) || (b) < (a) ? (b) : (a))
REDUCE_ROW(norm_max_f32, float, accumulator->f = LARGER(accumulator->f, fabs((double)x)))
REDUCE_ROW(norm_max_f64, double, accumulator->f = LARGER(accumulator->f, fabs(x)))
REDUCE_ROW(norm_min_f32, float, accumulator->f = SMALLER(accumulator->f, fabs((double)x)))
REDUCE_ROW(norm_min_f64, double, accumulator->f = SMALLER(accumulator->f, fabs(x)))
#undef LARGER
#undef SMALLER
