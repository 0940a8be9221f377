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

/* A sum in blocks of 128: the error grows with the number of blocks. */
#define SUM_ROW(name, T, ...)                                                                                      \
    static void name(Accumulator *accumulator, const char *data, int64_t step, int64_t n, const double *p) {      \
        const T *row = (const T *)data;                                                                            \
        (void)p;                                                                                                   \
        for (int64_t begin = 0; begin < n; begin += 128) {                                                         \
            int64_t end = begin + 128 < n ? begin + 128 : n;                                                       \
            double block = 0;                                                                                      \
            for (int64_t i = begin; i < end; i++) {                                                                \
                double x = (double)row[i * step];                                                                  \
                block += __VA_ARGS__;                                                                              \
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

/* The first of the largest (smallest); the first NaN wins over everything. */
#define TAKE(field)                               \
    {                                             \
        accumulator->field = x;                   \
        accumulator->at = accumulator->seen + i;  \
    }
#define BEATS(field, comparison)                                                   \
    (accumulator->at < 0 || x comparison accumulator->field ||                      \
     (x != x && accumulator->field == accumulator->field))
REDUCE_ROW(max_f32, float, if (BEATS(f, >)) TAKE(f))
REDUCE_ROW(max_f64, double, if (BEATS(f, >)) TAKE(f))
REDUCE_ROW(max_i64, int64_t, if (BEATS(i, >)) TAKE(i))
REDUCE_ROW(min_f32, float, if (BEATS(f, <)) TAKE(f))
REDUCE_ROW(min_f64, double, if (BEATS(f, <)) TAKE(f))
REDUCE_ROW(min_i64, int64_t, if (BEATS(i, <)) TAKE(i))

#define LARGER(a, b) ((b) != (b) || (b) > (a) ? (b) : (a))
#define SMALLER(a, b) ((b) != (b) || (b) < (a) ? (b) : (a))
REDUCE_ROW(norm_max_f32, float, accumulator->f = LARGER(accumulator->f, fabs((double)x)))
REDUCE_ROW(norm_max_f64, double, accumulator->f = LARGER(accumulator->f, fabs(x)))
REDUCE_ROW(norm_min_f32, float, accumulator->f = SMALLER(accumulator->f, fabs((double)x)))
REDUCE_ROW(norm_min_f64, double, accumulator->f = SMALLER(accumulator->f, fabs(x)))
#undef TAKE
#undef BEATS
#undef LARGER
#undef SMALLER
