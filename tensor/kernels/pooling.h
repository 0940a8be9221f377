/* Pooling of planes [begin, end), each of size[0] × size[1] numbers, for one floating type T; loops run along rows. */

/* One tap of a row of windows: window i meets x[i · stride + shift], which lies at `at` + that in its plane. */
ALWAYS_INLINE void S(larger_of_row)(const T *restrict x, int64_t stride, int64_t shift, int32_t at, int64_t begin, int64_t end,
                                    T *restrict y, int32_t *restrict places) {
    _Pragma("omp simd") for (int64_t i = begin; i < end; i++) {
        const T value = x[i * stride + shift], largest = y[i];
        const bool take = value > largest || value != value || places[i] < 0;
        y[i] = take ? value : largest;
        places[i] = take ? at + (int32_t)(i * stride + shift) : places[i];
    }
}

static void S(max_pool_row)(const Pool *p, const T *x, int64_t row, T *y, int32_t *places) {
    const int64_t n = p->out[1], stride = p->stride[1];
    for (int64_t i = 0; i < n; i++) y[i] = -(T)INFINITY, places[i] = -1;
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const int64_t h = row * p->stride[0] - p->pad[0] + k * p->dilation[0];
        if (h < 0 || h >= p->size[0]) continue;
        const T *in = x + h * p->size[1];
        const int32_t at = (int32_t)(h * p->size[1]);
        for (int64_t l = 0; l < p->kernel[1]; l++) {
            const int64_t shift = l * p->dilation[1] - p->pad[1], room = p->size[1] - 1 - shift;
            const int64_t begin = shift < 0 ? (stride - 1 - shift) / stride : 0;
            const int64_t end = room < 0 ? 0 : room / stride + 1 < n ? room / stride + 1 : n;
            if (stride == 1) S(larger_of_row)(in, 1, shift, at, begin, end, y, places);
            else if (stride == 2) S(larger_of_row)(in, 2, shift, at, begin, end, y, places);
            else S(larger_of_row)(in, stride, shift, at, begin, end, y, places);
        }
    }
}

static void S(max_pool)(const Pool *p, int64_t begin, int64_t end) {
    T *y = (T *)p->y + begin * p->out[0] * p->out[1];
    int32_t *places = p->places + begin * p->out[0] * p->out[1];
    for (int64_t plane = begin; plane < end; plane++)
        for (int64_t row = 0; row < p->out[0]; row++, y += p->out[1], places += p->out[1])
            S(max_pool_row)(p, (const T *)p->x + plane * p->size[0] * p->size[1], row, y, places);
}

/* x's gradient, from the result's gradient y. */
static void S(max_pool_slope)(const Pool *p, int64_t begin, int64_t end) {
    const int64_t n = p->size[0] * p->size[1], windows = p->out[0] * p->out[1];
    for (int64_t plane = begin; plane < end; plane++) {
        T *slopes = (T *)p->slopes + plane * n;
        const T *g = (const T *)p->y + plane * windows;
        const int32_t *places = p->places + plane * windows;
        memset(slopes, 0, (size_t)n * sizeof(T));
        for (int64_t i = 0; i < windows; i++) slopes[places[i]] += g[i];
    }
}

enum { S(pool_columns) = 512 };

/* The first of the windows that reach a column; they begin and end in order. */
static inline int64_t S(first_window)(const Pool *p, int64_t window, int64_t column) {
    while (window < p->out[1] && p->ends[1][window] <= column) window++;
    return window;
}

static void S(average_pool_row)(const Pool *p, const T *x, int64_t row, T *y) {
    T sums[S(pool_columns)];
    int64_t window = 0;
    for (int64_t i = 0; i < p->out[1]; i++) y[i] = 0;
    for (int64_t first = 0; first < p->size[1]; first += S(pool_columns)) {
        const int64_t n = p->size[1] - first < S(pool_columns) ? p->size[1] - first : S(pool_columns);
        memset(sums, 0, (size_t)n * sizeof(T));
        for (int64_t h = p->begins[0][row]; h < p->ends[0][row]; h++) {
            const T *in = x + h * p->size[1] + first;
            for (int64_t j = 0; j < n; j++) sums[j] += in[j];
        }
        window = S(first_window)(p, window, first);
        for (int64_t i = window; i < p->out[1] && p->begins[1][i] < first + n; i++) {
            const int64_t low = p->begins[1][i] - first, high = p->ends[1][i] - first;
            for (int64_t j = low < 0 ? 0 : low; j < (high < n ? high : n); j++) y[i] += sums[j];
        }
    }
    for (int64_t i = 0; i < p->out[1]; i++) y[i] /= (T)(p->counts[0][row] * p->counts[1][i]);
}

static void S(average_pool)(const Pool *p, int64_t begin, int64_t end) {
    T *y = (T *)p->y + begin * p->out[0] * p->out[1];
    for (int64_t plane = begin; plane < end; plane++)
        for (int64_t row = 0; row < p->out[0]; row++, y += p->out[1])
            S(average_pool_row)(p, (const T *)p->x + plane * p->size[0] * p->size[1], row, y);
}

static void S(average_pool_slope_row)(const Pool *p, const T *g, int64_t row, T *slopes) {
    T shares[S(pool_columns)];
    int64_t window = 0;
    for (int64_t first = 0; first < p->size[1]; first += S(pool_columns)) {
        const int64_t n = p->size[1] - first < S(pool_columns) ? p->size[1] - first : S(pool_columns);
        memset(shares, 0, (size_t)n * sizeof(T));
        window = S(first_window)(p, window, first);
        for (int64_t i = window; i < p->out[1] && p->begins[1][i] < first + n; i++) {
            const int64_t low = p->begins[1][i] - first, high = p->ends[1][i] - first;
            const T share = g[i] / (T)(p->counts[0][row] * p->counts[1][i]);
            for (int64_t j = low < 0 ? 0 : low; j < (high < n ? high : n); j++) shares[j] += share;
        }
        for (int64_t h = p->begins[0][row]; h < p->ends[0][row]; h++) {
            T *out = slopes + h * p->size[1] + first;
            for (int64_t j = 0; j < n; j++) out[j] += shares[j];
        }
    }
}

/* x's gradient, from the result's gradient y. */
static void S(average_pool_slope)(const Pool *p, int64_t begin, int64_t end) {
    const T *g = (const T *)p->y + begin * p->out[0] * p->out[1];
    for (int64_t plane = begin; plane < end; plane++) {
        T *slopes = (T *)p->slopes + plane * p->size[0] * p->size[1];
        memset(slopes, 0, (size_t)(p->size[0] * p->size[1]) * sizeof(T));
        for (int64_t row = 0; row < p->out[0]; row++, g += p->out[1]) S(average_pool_slope_row)(p, g, row, slopes);
    }
}
