/* Pooling of planes [begin, end), each of size[0] × size[1] numbers, for one floating type T (LANE: an integer of its
 * size); loops run along rows. */

enum { S(pool_lanes) = 16 };
typedef T S(PoolLine) __attribute__((vector_size(16 * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef LANE S(PoolMask) __attribute__((vector_size(16 * sizeof(T))));
typedef int32_t S(PoolPlaces) __attribute__((vector_size(16 * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

typedef struct {
    S(PoolLine) numbers;
    S(PoolPlaces) offsets; /* in x, from where each window begins */
} S(Largest);

/* One tap of 16 windows. */
ALWAYS_INLINE void S(take_larger)(const S(PoolLine) *numbers, int64_t offset, S(Largest) *largest) {
    const S(PoolMask) take = (*numbers > largest->numbers) | (*numbers != *numbers);
    const S(PoolPlaces) taken = __builtin_convertvector(take, S(PoolPlaces));
    const S(PoolPlaces) offsets = (S(PoolPlaces)){0} + (int32_t)offset;
    largest->numbers = (S(PoolLine))((take & (S(PoolMask))*numbers) | (~take & (S(PoolMask))largest->numbers));
    largest->offsets = (taken & offsets) | (~taken & largest->offsets);
}

/* What 16 windows meet, all of whose numbers lie in x: every one, or every second. */
ALWAYS_INLINE void S(whole_line)(const T *in, const int step, S(PoolLine) *line) {
    *line = *(const S(PoolLine) *)in;
    if (step == 2)
        *line = __builtin_shufflevector(*line, *(const S(PoolLine) *)(in + S(pool_lanes)), 0, 2, 4, 6, 8, 10, 12, 14, 16,
                                        18, 20, 22, 24, 26, 28, 30);
}

/* 16 windows, `step` apart (1 or 2), that lie within rows of x, from `in` on: vectors may read beyond these, but not beyond
 * x. */
ALWAYS_INLINE void S(meet_inside)(const Pool *p, const PoolRow *row, const T *in, const int step,
                                  S(Largest) *largest) {
    const int64_t down = p->dilation[0] * p->size[1];
    for (int64_t k = 0, offset = row->offset; k < row->taps; k++, in += down, offset += down)
        for (int64_t l = 0, at = 0; l < p->kernel[1]; l++, at += p->dilation[1]) {
            S(PoolLine) line;
            S(whole_line)(in + at, step, &line);
            S(take_larger)(&line, offset + at, largest);
        }
}

/* Any n ≤ 16 windows from `column` on, of which the first tap's row of x is `in`. */
static void S(meet_clipped)(const Pool *p, const PoolRow *row, const T *in, int64_t column, int64_t n,
                            S(Largest) *largest) {
    const int64_t down = p->dilation[0] * p->size[1];
    for (int64_t k = 0, offset = row->offset; k < row->taps; k++, in += down, offset += down)
        for (int64_t l = 0, at = 0; l < p->kernel[1]; l++, at += p->dilation[1]) {
            S(PoolLine) line = (S(PoolLine)){0} - (T)INFINITY;
            for (int64_t i = 0, w = column + at; i < n; i++, w += p->stride[1])
                if (w >= 0 && w < p->size[1]) line[i] = in[w];
            S(take_larger)(&line, offset + at, largest);
        }
}

/* Planes [begin, end) of y, whose windows are `step` apart in rows; any number if step is 0. */
ALWAYS_INLINE void S(max_pool_planes)(const Pool *p, int64_t begin, int64_t end, const int step) {
    const S(PoolPlaces) lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const int64_t columns = p->out[1], stride = step ? step : p->stride[1], reach = (p->kernel[1] - 1) * p->dilation[1];
    const int64_t down = p->dilation[0] * p->size[1];
    const T *x = (const T *)p->x + begin * p->size[0] * p->size[1], *x_end = (const T *)p->x + p->numel;
    T *y = (T *)p->y + begin * p->out[0] * columns, *y_end = (T *)p->y + end * p->out[0] * columns;
    int32_t *places = p->places + begin * p->out[0] * columns;
    for (int64_t plane = begin; plane < end; plane++, x += p->size[0] * p->size[1])
        for (const PoolRow *row = p->rows; row < p->rows + p->out[0]; row++, y += columns, places += columns)
            for (int64_t i = 0; i < columns; i += S(pool_lanes)) {
                const int64_t n = columns - i < S(pool_lanes) ? columns - i : S(pool_lanes);
                const int64_t column = i * stride - p->pad[1];
                S(Largest) largest = {(S(PoolLine)){0} - (T)INFINITY,
                                      *(const S(PoolPlaces) *)(p->firsts + i) + (int32_t)row->offset};
                if (step && column >= 0 && column + reach + (n - 1) * stride < p->size[1] &&
                    x_end - (x + row->start) >= (row->taps - 1) * down + column + reach + S(pool_lanes) * step) {
                    S(meet_inside)(p, row, x + row->start + column, step, &largest);
                } else {
                    S(Largest) clipped = largest; /* so that others need no memory */
                    S(meet_clipped)(p, row, x + row->start, column, n, &clipped);
                    largest = clipped;
                }
                largest.offsets += (int32_t)(row->place + i * stride) + lanes * (int32_t)stride;
                if (y_end - (y + i) >= S(pool_lanes)) { /* what is stored too much, the next row overwrites */
                    *(S(PoolLine) *)(y + i) = largest.numbers;
                    *(S(PoolPlaces) *)(places + i) = largest.offsets;
                } else {
                    const S(Largest) last = largest;
                    memcpy(y + i, &last.numbers, (size_t)n * sizeof *y);
                    memcpy(places + i, &last.offsets, (size_t)n * sizeof *places);
                }
            }
}

static void S(max_pool)(const Pool *arguments, int64_t begin, int64_t end) {
    const Pool pool = *arguments; /* that what is stored cannot change */
    if (pool.stride[1] == 1) S(max_pool_planes)(&pool, begin, end, 1);
    else if (pool.stride[1] == 2) S(max_pool_planes)(&pool, begin, end, 2);
    else S(max_pool_planes)(&pool, begin, end, 0);
}

/* x's gradient, from the result's gradient y. */
static void S(max_pool_slope)(const Pool *p, int64_t begin, int64_t end) {
    const int64_t n = p->size[0] * p->size[1], windows = p->out[0] * p->out[1];
    bool apart = true;
    for (int d = 0; d < 2; d++) apart = apart && p->stride[d] > (p->kernel[d] - 1) * p->dilation[d];
    for (int64_t plane = begin; plane < end; plane++) {
        T *slopes = (T *)p->slopes + plane * n;
        const T *g = (const T *)p->y + plane * windows;
        const int32_t *places = p->places + plane * windows;
        memset(slopes, 0, (size_t)n * sizeof(T));
        if (apart)
#pragma GCC unroll 8
            for (int64_t i = 0; i < windows; i++) slopes[places[i]] = g[i];
        else
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
