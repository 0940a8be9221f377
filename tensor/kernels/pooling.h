/* Pooling of planes [begin, end), each of size[0] × size[1] numbers, for one floating type T (LANE: an integer of its
 * size); loops run along rows. */

enum { S(pool_lanes) = 16 };
typedef T S(PoolLine) __attribute__((vector_size(16 * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef LANE S(PoolMask) __attribute__((vector_size(16 * sizeof(T))));
typedef int32_t S(PoolPlaces) __attribute__((vector_size(16 * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

typedef struct {
    S(PoolLine) numbers;
    S(PoolPlaces) places;
} S(Largest);

/* One tap of 16 windows: the i-th meets a number that is the (at + i · step)-th of its plane. */
ALWAYS_INLINE void S(take_larger)(const S(PoolLine) *numbers, int32_t at, int32_t step, S(Largest) *largest) {
    const S(PoolPlaces) lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const S(PoolMask) take = (*numbers > largest->numbers) | (*numbers != *numbers);
    const S(PoolPlaces) taken = __builtin_convertvector(take, S(PoolPlaces));
    largest->numbers = (S(PoolLine))((take & (S(PoolMask))*numbers) | (~take & (S(PoolMask))largest->numbers));
    largest->places = (taken & (at + lanes * step)) | (~taken & largest->places);
}

/* What the first n of 16 windows meet with one tap: columns from `column` on of a row, `step` apart. */
static void S(clipped_line)(const T *row, int64_t size, int64_t column, int64_t step, int64_t n, S(PoolLine) *line) {
    *line = (S(PoolLine)){0} - (T)INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (column + i * step >= 0 && column + i * step < size) (*line)[i] = row[column + i * step];
}

/* The same for all of 16, whose numbers lie in x: every one, or every second. */
ALWAYS_INLINE void S(whole_line)(const T *in, const int step, S(PoolLine) *line) {
    *line = *(const S(PoolLine) *)in;
    if (step == 2)
        *line = __builtin_shufflevector(*line, *(const S(PoolLine) *)(in + S(pool_lanes)), 0, 2, 4, 6, 8, 10, 12, 14, 16,
                                        18, 20, 22, 24, 26, 28, 30);
}

/* 16 windows of which n count, from `column` on in rows from `top` on. A known step (1 or 2) takes vectors, which may
 * read beyond rows, but not beyond x. */
ALWAYS_INLINE void S(meet_taps)(const Pool *p, const T *x, int64_t top, int64_t column, int64_t n, const int step,
                                S(Largest) *largest) {
    const int64_t stride = step ? step : p->stride[1], size = p->size[1], dilation = p->dilation[0];
    const int64_t bottom = top + p->kernel[0] * dilation, end = bottom < p->size[0] ? bottom : p->size[0];
    for (int64_t h = top < 0 ? top + (dilation - 1 - top) / dilation * dilation : top; h < end; h += dilation)
        for (int64_t l = 0; l < p->kernel[1]; l++) {
            const int64_t at = column + l * p->dilation[1];
            S(PoolLine) line;
            if (step) S(whole_line)(x + h * size + at, step, &line);
            else S(clipped_line)(x + h * size, size, at, stride, n, &line);
            S(take_larger)(&line, (int32_t)(h * size + at), (int32_t)stride, largest);
        }
}

/* 16 windows from the first-th of a row on, of which n count. */
ALWAYS_INLINE void S(max_pool_part)(const Pool *p, const T *x, int64_t row, int64_t first, int64_t n,
                                    S(Largest) *largest) {
    const int64_t top = row * p->stride[0] - p->pad[0], column = first * p->stride[1] - p->pad[1];
    const int64_t tap = top < 0 ? (p->dilation[0] - 1 - top) / p->dilation[0] : 0; /* the first one within x */
    const int64_t bottom = top + (p->kernel[0] - 1) * p->dilation[0], right = column + (p->kernel[1] - 1) * p->dilation[1];
    const T *last = x + (bottom < p->size[0] ? bottom : p->size[0] - 1) * p->size[1] + right;
    const bool inside = column >= 0 && right + (n - 1) * p->stride[1] < p->size[1] &&
                        last + S(pool_lanes) * p->stride[1] <= (const T *)p->x + p->numel;
    largest->numbers = (S(PoolLine)){0} - (T)INFINITY;
    largest->places = *(const S(PoolPlaces) *)(p->firsts + first) + (int32_t)((top + tap * p->dilation[0]) * p->size[1]);
    if (inside && p->stride[1] == 1) S(meet_taps)(p, x, top, column, n, 1, largest);
    else if (inside && p->stride[1] == 2) S(meet_taps)(p, x, top, column, n, 2, largest);
    else S(meet_taps)(p, x, top, column, n, 0, largest);
}

static void S(max_pool)(const Pool *arguments, int64_t begin, int64_t end) {
    const Pool pool = *arguments, *p = &pool; /* that what is stored cannot change */
    const int64_t columns = p->out[1], windows = p->out[0] * columns;
    T *y = (T *)p->y + begin * windows, *y_end = (T *)p->y + end * windows;
    int32_t *places = p->places + begin * windows;
    for (int64_t plane = begin; plane < end; plane++)
        for (int64_t row = 0; row < p->out[0]; row++, y += columns, places += columns)
            for (int64_t i = 0; i < columns; i += S(pool_lanes)) {
                const int64_t n = columns - i < S(pool_lanes) ? columns - i : S(pool_lanes);
                S(Largest) largest;
                S(max_pool_part)(p, (const T *)p->x + plane * p->size[0] * p->size[1], row, i, n, &largest);
                if (y_end - (y + i) >= S(pool_lanes)) { /* what is stored too much, the next row overwrites */
                    *(S(PoolLine) *)(y + i) = largest.numbers;
                    *(S(PoolPlaces) *)(places + i) = largest.places;
                } else {
                    const S(Largest) last = largest; /* so that others need no memory */
                    memcpy(y + i, &last.numbers, (size_t)n * sizeof *y);
                    memcpy(places + i, &last.places, (size_t)n * sizeof *places);
                }
            }
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
