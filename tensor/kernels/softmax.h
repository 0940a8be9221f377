/* Softmax and its logarithm for one floating type T: along rows, and along many columns side by side. The largest of a
 * line is taken off first, so that no exp() overflows; a line of -inf alone, or with an inf, gives NaN. */

#define GROUP 8

/* Where the largest starts: finite, so that -inf minus it is no NaN. NaNs show in the sums of exponentials alone. */
static const T S(lowest) = (T)(sizeof(T) == sizeof(float) ? -FLT_MAX : -DBL_MAX);

/* e = exp(x - largest); their sum. */
static double S(exponentials)(const T *x, T *e, int64_t n, T largest) {
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        const int64_t end = n - begin < 1024 ? n : begin + 1024;
        T block = 0;
        _Pragma("omp simd reduction(+ : block)") for (int64_t i = begin; i < end; i++) {
            T y = S(exp)(x[i] - largest);
            e[i] = y;
            block += y;
        }
        sum += (double)block;
    }
    return sum;
}

static void S(softmax_row)(const T *x, T *y, int64_t n, bool logarithm, bool streamed) {
    T m = S(lowest);
    _Pragma("omp simd reduction(max : m)") for (int64_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    if (logarithm) {
        const double largest = (double)m;
        Accumulator sum = {.f = 0};
        S(sum_exp_from_row)(&sum, (const char *)x, 1, n, 0, &largest);
        const T log_sum = (T)log(sum.f);
        STORE_ROW(y, n, streamed, x[i] - m - log_sum)
    } else {
        const T scale = (T)(1 / S(exponentials)(x, y, n, m));
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] *= scale;
    }
}

static void S(softmax_rows)(const Lines *l) {
    const T *x = (const T *)l->x;
    T *y = (T *)l->y;
    for (int64_t r = 0; r < l->rows; r++)
        S(softmax_row)(x + r * l->x_stride, y + r * l->y_stride, l->n, l->logarithm, l->streamed);
}

/* A few rows of many columns, folded into what the columns came to: their largest m, and Σ exp(x - m), which a larger m
 * shrinks (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018). */
ALWAYS_INLINE void S(fold_exponentials)(const T *x, int64_t stride, int rows, int64_t n, T *largest, double *sums) {
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
        T most = largest[j], sum = 0;
        _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++) most = x[r * stride + j] > most ? x[r * stride + j] : most;
        _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++) sum += S(exp)(x[r * stride + j] - most);
        sums[j] = sums[j] * (double)S(exp)(largest[j] - most) + (double)sum;
        largest[j] = most;
    }
}

static void S(softmax_column_sums)(const Lines *l) {
    const T *x = (const T *)l->x;
    T *largest = (T *)l->shift;
    double *sums = (double *)l->sum;
    int64_t r = 0;
    for (int64_t j = 0; j < l->n; j++) largest[j] = S(lowest), sums[j] = 0;
    for (; r + GROUP <= l->rows; r += GROUP)
        S(fold_exponentials)(x + r * l->x_stride, l->x_stride, GROUP, l->n, largest, sums);
    for (; r < l->rows; r++) S(fold_exponentials)(x + r * l->x_stride, l->x_stride, 1, l->n, largest, sums);
}

/* Rows of n columns, whose largest elements and 1 / Σ exp (or log Σ exp) are known. */
static void S(softmax_columns)(const Lines *l) {
    const T *x = (const T *)l->x, *m = (const T *)l->shift, *sum = (const T *)l->sum;
    T *y = (T *)l->y;
    for (int64_t r = 0; r < l->rows; r++, x += l->x_stride, y += l->y_stride)
        if (l->logarithm) STORE_ROW(y, l->n, l->streamed, x[i] - m[i] - sum[i])
        else _Pragma("omp simd") for (int64_t j = 0; j < l->n; j++) y[j] = S(exp)(x[j] - m[j]) * sum[j];
}

/* ---- derivatives, from the result x and its gradient g: x (g - Σ g x); of the logarithm, g - exp(x) Σ g ---- */

static T S(slope_sum)(const T *x, const T *g, int64_t n, bool logarithm) {
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        const int64_t end = n - begin < 1024 ? n : begin + 1024;
        T block = 0;
        if (logarithm) _Pragma("omp simd reduction(+ : block)") for (int64_t i = begin; i < end; i++) block += g[i];
        else _Pragma("omp simd reduction(+ : block)") for (int64_t i = begin; i < end; i++) block += x[i] * g[i];
        sum += (double)block;
    }
    return (T)sum;
}

static void S(softmax_slope_rows)(const Lines *l) {
    const T *x = (const T *)l->x, *g = (const T *)l->g;
    T *y = (T *)l->y;
    const int64_t n = l->n;
    for (int64_t r = 0; r < l->rows; r++, x += l->x_stride, g += l->x_stride, y += l->y_stride) {
        const T sum = S(slope_sum)(x, g, n, l->logarithm);
        if (l->logarithm) STORE_ROW(y, n, l->streamed, g[i] - S(exp)(x[i]) * sum)
        else STORE_ROW(y, n, l->streamed, x[i] * (g[i] - sum))
    }
}

ALWAYS_INLINE void S(slope_sums)(const T *x, const T *g, int64_t stride, int rows, int64_t n, bool logarithm,
                                 double *sums) {
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
        T sum = 0;
        for (int r = 0; r < rows; r++) sum += logarithm ? g[r * stride + j] : x[r * stride + j] * g[r * stride + j];
        sums[j] += (double)sum;
    }
}

static void S(softmax_slope_column_sums)(const Lines *l) {
    const T *x = (const T *)l->x, *g = (const T *)l->g;
    double *sums = (double *)l->sum;
    const int64_t n = l->n, stride = l->x_stride;
    int64_t r = 0;
    for (int64_t j = 0; j < n; j++) sums[j] = 0;
    for (; r + GROUP <= l->rows; r += GROUP)
        if (l->logarithm) S(slope_sums)(x + r * stride, g + r * stride, stride, GROUP, n, true, sums);
        else S(slope_sums)(x + r * stride, g + r * stride, stride, GROUP, n, false, sums);
    for (; r < l->rows; r++) S(slope_sums)(x + r * stride, g + r * stride, stride, 1, n, l->logarithm, sums);
}

static void S(softmax_slope_columns)(const Lines *l) {
    const T *x = (const T *)l->x, *g = (const T *)l->g, *sum = (const T *)l->sum;
    T *y = (T *)l->y;
    for (int64_t r = 0; r < l->rows; r++, x += l->x_stride, g += l->x_stride, y += l->y_stride)
        if (l->logarithm) STORE_ROW(y, l->n, l->streamed, g[i] - S(exp)(x[i]) * sum[i])
        else STORE_ROW(y, l->n, l->streamed, x[i] * (g[i] - sum[i]))
}
#undef GROUP
