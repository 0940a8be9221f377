/* Norm over spans of neighbours, for one floating type T: group norm, whose unit is the channels of a group, and batch
 * norm, whose unit is one channel of all samples. As in norm.h, x̂ = (x - μ) ρ with μ and ρ = 1/√(σ² + eps) of the unit;
 * a span has one weight w and one bias b, y = w x̂ + b. */

/* Where a span's weight stands. */
static inline int64_t S(channel)(const ChannelNorm *norm, int64_t unit, int64_t span) {
    return unit % norm->period * norm->channels + span * norm->each;
}

static void S(channel_norm)(const ChannelNorm *norm, int64_t begin, int64_t end) {
    const int64_t rest = norm->rest, step = norm->span_step;
    const T *w = (const T *)norm->weight, *b = (const T *)norm->bias;
    const double n = (double)(norm->spans * rest);
    for (int64_t unit = begin; unit < end; unit++) {
        const T *x = (const T *)norm->x + unit * norm->unit_step;
        T *y = (T *)norm->y + unit * norm->unit_step;
        Accumulator sum = {.f = 0}, squares = {.f = 0};
        for (int64_t s = 0; s < norm->spans; s++) S(sum_row)(&sum, (const char *)(x + s * step), 1, rest, 0, &norm->eps);
        const double mean = sum.f / n;
        for (int64_t s = 0; s < norm->spans; s++)
            S(sum_squares_from_row)(&squares, (const char *)(x + s * step), 1, rest, 0, &mean);
        const double variance = squares.f / n, scale = 1 / sqrt(variance + norm->eps);
        norm->means[unit] = mean;
        norm->scales[unit] = scale;
        norm->variances[unit] = variance;
        for (int64_t s = 0; s < norm->spans; s++) {
            const int64_t channel = S(channel)(norm, unit, s), at = s * step;
            const T m = (T)mean, factor = w ? (T)scale * w[channel] : (T)scale, shift = b ? b[channel] : 0;
            _Pragma("omp simd") for (int64_t i = at; i < at + rest; i++) y[i] = (x[i] - m) * factor + shift;
        }
    }
}

/* Σ g and Σ g (x - μ) of a span. */
static void S(span_sums)(const T *x, const T *g, int64_t n, T m, double *sum, double *products) {
    for (int64_t begin = 0; begin < n; begin += 1024) {
        const int64_t end = n - begin < 1024 ? n : begin + 1024;
        T block = 0, block_products = 0;
        _Pragma("omp simd reduction(+ : block, block_products)") for (int64_t i = begin; i < end; i++) {
            block += g[i];
            block_products += g[i] * (x[i] - m);
        }
        *sum += (double)block;
        *products += (double)block_products;
    }
}

/* dx = ρ (h - mean(h) - x̂ mean(h x̂)) with h = g w; dw = Σ g x̂ and db = Σ g are kept for each span. */
static void S(channel_norm_slopes)(const ChannelNorm *norm, int64_t begin, int64_t end) {
    const int64_t rest = norm->rest, step = norm->span_step;
    const T *w = (const T *)norm->weight;
    const double n = (double)(norm->spans * rest);
    for (int64_t unit = begin; unit < end; unit++) {
        const T *x = (const T *)norm->x + unit * norm->unit_step, *g = (const T *)norm->g + unit * norm->unit_step;
        T *dx = (T *)norm->y + unit * norm->unit_step;
        const double scale = norm->scales[unit];
        const T m = (T)norm->means[unit];
        double all = 0, all_products = 0;
        for (int64_t s = 0; s < norm->spans; s++) {
            double sum = 0, products = 0, factor = w ? (double)w[S(channel)(norm, unit, s)] : 1;
            S(span_sums)(x + s * step, g + s * step, rest, m, &sum, &products);
            norm->weight_sums[unit * norm->spans + s] = products * scale;
            norm->bias_sums[unit * norm->spans + s] = sum;
            all += factor * sum;
            all_products += factor * products;
        }
        const T mean = (T)(scale * all / n), tilt = (T)(scale * scale * scale * all_products / n);
        for (int64_t s = 0; s < norm->spans; s++) {
            const int64_t at = s * step;
            const T factor = w ? (T)scale * w[S(channel)(norm, unit, s)] : (T)scale;
            _Pragma("omp simd") for (int64_t i = at; i < at + rest; i++) dx[i] = g[i] * factor - mean - (x[i] - m) * tilt;
        }
    }
}
