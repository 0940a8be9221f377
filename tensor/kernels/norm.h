/* Layer norm of rows, for one floating type T: y = w x̂ + b with x̂ = (x - μ) ρ, μ the row's mean and ρ = 1/√(σ² + eps);
 * without centring (RMS norm), μ = 0 and σ² is the mean of the squares. */

static void S(norm_rows)(const Norm *norm, int64_t begin, int64_t end) {
    const int64_t n = norm->n;
    const T *w = (const T *)norm->weight, *b = (const T *)norm->bias;
    for (int64_t r = begin; r < end; r++) {
        const T *x = (const T *)norm->x + r * n;
        T *y = (T *)norm->y + r * n;
        Accumulator sum = {.f = 0}, squares = {.f = 0};
        if (norm->centred) S(sum_row)(&sum, (const char *)x, 1, n, 0, &norm->eps);
        const double mean = sum.f / (double)n;
        S(sum_squares_from_row)(&squares, (const char *)x, 1, n, 0, &mean);
        const double deviation = sqrt(squares.f / (double)n + norm->eps);
        const T m = (T)mean, scale = (T)(1 / deviation);
        norm->means[r] = mean;
        norm->scales[r] = 1 / deviation;
        if (w && b) STORE_ROW(y, n, norm->streamed, (x[i] - m) * scale * w[i] + b[i])
        else if (w) STORE_ROW(y, n, norm->streamed, (x[i] - m) * scale * w[i])
        else if (b) STORE_ROW(y, n, norm->streamed, (x[i] - m) * scale + b[i])
        else STORE_ROW(y, n, norm->streamed, (x[i] - m) * scale)
    }
}

/* With h = g w: σ² and μ depend on each x, so that dx = ρ (h - mean(h) - x̂ mean(h x̂)); without centring, the first mean
 * falls away. dw = Σ g x̂ and db = Σ g over the rows: these are summed to one pair of rows for each part. */
typedef struct {
    const T *x, *g, *w; /* a row and the weight, which may be NULL */
    T *dw, *db;         /* NULL: not wanted */
    T mean, scale;
} S(NormRow);

/* Adds `length` numbers from the i-th on to the sums of h and h (x - μ), and to dw and db. */
ALWAYS_INLINE void S(add_norm_slopes)(const S(NormRow) *row, int64_t i, int length, T *levels, T *tilts) {
    _Pragma("omp simd") for (int j = 0; j < length; j++) {
        T g = row->g[i + j], h = row->w ? g * row->w[i + j] : g, deviation = row->x[i + j] - row->mean;
        levels[j] += h;
        tilts[j] += h * deviation;
        if (row->dw) row->dw[i + j] += g * (deviation * row->scale), row->db[i + j] += g;
    }
}

/* The sums of h and h (x - μ). What follows in memory is asked for early, while this is computed. */
ALWAYS_INLINE void S(sum_norm_slopes)(const S(NormRow) *row, int64_t n, double *level, double *tilt) {
    enum { LINE = 64 / sizeof(T), AHEAD = 4096 / sizeof(T) };
    *level = *tilt = 0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        const int64_t end = n - begin < 1024 ? n : begin + 1024;
        T levels[LINE] = {0}, tilts[LINE] = {0}, last_level = 0, last_tilt = 0;
        int64_t i = begin;
        for (; i + LINE <= end; i += LINE) {
            PREFETCH(row->x + i + AHEAD);
            PREFETCH(row->g + i + AHEAD);
            S(add_norm_slopes)(row, i, LINE, levels, tilts);
        }
        for (; i < end; i++) S(add_norm_slopes)(row, i, 1, &last_level, &last_tilt);
        for (int j = 0; j < LINE; j++) last_level += levels[j], last_tilt += tilts[j];
        *level += (double)last_level;
        *tilt += (double)last_tilt;
    }
}

ALWAYS_INLINE void S(norm_slope_row)(const Norm *norm, int64_t r, const T *w, T *dw, T *db) {
    const int64_t n = norm->n;
    const T *x = (const T *)norm->x + r * n, *g = (const T *)norm->g + r * n;
    T *dx = (T *)norm->y + r * n;
    const T m = (T)norm->means[r], scale = (T)norm->scales[r];
    const S(NormRow) row = {x, g, w, dw, db, m, scale};
    double sum, products;
    S(sum_norm_slopes)(&row, n, &sum, &products);
    const T mean = norm->centred ? (T)(sum / (double)n) : 0;
    const T tilt = (T)(products * norm->scales[r] * norm->scales[r] / (double)n); /* mean(h x̂) ρ */
    STORE_ROW(dx, n, norm->streamed, scale * ((w ? g[i] * w[i] : g[i]) - mean - (x[i] - m) * tilt))
}

static void S(norm_slope_rows)(const Norm *norm, int64_t begin, int64_t end) {
    const T *w = (const T *)norm->weight;
    T *dw = norm->part_sums ? (T *)norm->part_sums + begin / norm->part * norm->n : NULL;
    T *db = dw ? dw + norm->parts * norm->n : NULL;
    for (int64_t i = 0; dw && i < norm->n; i++) dw[i] = db[i] = 0;
    for (int64_t r = begin; r < end; r++)
        if (w && dw) S(norm_slope_row)(norm, r, w, dw, db);
        else if (w) S(norm_slope_row)(norm, r, w, NULL, NULL);
        else if (dw) S(norm_slope_row)(norm, r, NULL, dw, db);
        else S(norm_slope_row)(norm, r, NULL, NULL, NULL);
}
