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
        if (w && b) _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * scale * w[i] + b[i];
        else if (w) _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * scale * w[i];
        else if (b) _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * scale + b[i];
        else _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * scale;
    }
}

/* With h = g w: σ² and μ depend on each x, so that dx = ρ (h - mean(h) - x̂ mean(h x̂)); without centring, the first mean
 * falls away. dw = Σ g x̂ and db = Σ g over the rows: these are summed to one pair of rows for each part. */
ALWAYS_INLINE void S(norm_slope_row)(const Norm *norm, int64_t r, const T *w, T *dw, T *db) {
    const int64_t n = norm->n;
    const T *x = (const T *)norm->x + r * n, *g = (const T *)norm->g + r * n;
    T *dx = (T *)norm->y + r * n;
    const T m = (T)norm->means[r], scale = (T)norm->scales[r];
    double sum = 0, products = 0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        const int64_t end = n - begin < 1024 ? n : begin + 1024;
        T block = 0, block_products = 0;
        _Pragma("omp simd reduction(+ : block, block_products)") for (int64_t i = begin; i < end; i++) {
            T h = w ? g[i] * w[i] : g[i];
            block += h;
            block_products += h * (x[i] - m);
        }
        sum += (double)block;
        products += (double)block_products;
    }
    const T mean = norm->centred ? (T)(sum / (double)n) : 0, tilt = (T)(products * norm->scales[r] / (double)n);
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T normal = (x[i] - m) * scale, h = w ? g[i] * w[i] : g[i];
        dx[i] = scale * (h - mean - normal * tilt);
        if (dw) dw[i] += g[i] * normal, db[i] += g[i];
    }
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
