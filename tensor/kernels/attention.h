/* Scaled dot product attention for T: y = softmax(scale q kᵀ + mask) v, block by block of queries and keys, so that the
 * scores, which are to base 2, never stand in memory as a whole. Each query keeps the largest score m that it has met and
 * Σ 2^(score - m); where a block brings a larger one, what was summed shrinks by 2^(m - larger) (Milakov and Gimelshein,
 * Online normalizer calculation for softmax, 2018; Dao et al., FlashAttention, 2022). The products are made of the tiles
 * of tile.h. */

/* Keys in a block are whole panels; its rows lie so far apart that a column's numbers share few sets of the cache. */
enum {
    S(attention_panel) = VECTORS * LANES,
    S(most_keys) = 2048 / sizeof(T),
    S(apart) = S(most_keys) + 16
};

static inline int64_t S(least)(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The panels of a matrix with that many rows and columns: how far rows, and panels, are from each other. */
typedef struct {
    const T *first;
    int64_t row, step;
} S(Panels);

/* Those of x's matrix of a head, from a row on. */
static S(Panels) S(panels)(const char *x, int64_t head, int64_t rows, int64_t columns, int64_t from) {
    enum { PANEL = S(attention_panel) };
    const int64_t row = columns % PANEL == 0 ? columns : PANEL;
    const T *first = (const T *)x + head * rows * ((columns + PANEL - 1) / PANEL * PANEL) + from * row;
    return (S(Panels)){first, row, columns % PANEL == 0 ? PANEL : rows * PANEL};
}

/* c [rows, columns] = a [rows, depth] · b, or that added to c. */
static void S(panel_product)(const T *a, int64_t a_row, int64_t a_column, S(Panels) b, T *c, int64_t c_row, int64_t rows,
                             int64_t columns, int64_t depth, bool add) {
    const T start[S(attention_panel)] = {0};
    const int64_t strips = (rows + ROWS - 1) / ROWS;
    for (int64_t first = 0; first < columns; first += S(attention_panel), b.first += b.step)
        for (int64_t strip = 0; strip < strips; strip++) {
            const int64_t row = strip * rows / strips, next = (strip + 1) * rows / strips;
            S(Tile) tile = {.a = a + row * a_row, .b = b.first, .c = c + row * c_row + first, .start = start, .depth = depth,
                            .a_row = a_row, .a_column = a_column, .b_row = b.row, .c_row = c_row, .add = add};
            S(multiply_tile)(&tile, next - row, S(least)(columns - first, S(attention_panel)));
        }
}

/* The scores of n keys from `key` on for queries [first, first + rows) of a head: not yet scaled. */
static void S(attention_products)(const Attention *t, const char *rows_of, int64_t depth, const char *panels, int64_t head,
                                  int64_t first, int64_t rows, int64_t key, int64_t n, T *s) {
    const int64_t all = (t->keys + S(attention_panel) - 1) / S(attention_panel), step = depth * S(attention_panel);
    const T *a = (const T *)rows_of + (head * t->queries + first) * depth;
    const S(Panels) b = {(const T *)panels + (head * all + key / S(attention_panel)) * step, S(attention_panel), step};
    S(panel_product)(a, depth, 1, b, s, S(apart), rows, (n + LANES - 1) / LANES * LANES, depth, false);
}

/* The elements' offset of a head's mask. */
static int64_t S(mask_offset)(const Attention *t, int64_t head) {
    int64_t offset = 0;
    for (int d = t->ndim; d-- > 0; head /= t->shape[d]) offset += head % t->shape[d] * t->mask_strides[d];
    return offset;
}

#define MASKED(type, value)                                                                                          \
    do {                                                                                                             \
        const type *m = (const type *)t->mask + at;                                                                  \
        if (step == 1) _Pragma("omp simd") for (int64_t j = 0; j < n; j++) { type x = m[j]; s[j] = value; }          \
        else for (int64_t j = 0; j < n; j++) { type x = m[j * step]; s[j] = value; }                                 \
    } while (0)

/* Masks a query's products with n keys from `key` on, which makes them scores but for t->factor. Returns how many of
 * them it may see. */
static int64_t S(mask_row)(const Attention *t, int64_t mask, int64_t query, int64_t key, int64_t n, T *s) {
    const T scale = (T)t->scale;
    const int64_t step = t->mask_column, at = mask + query * t->mask_row + key * step;
    if (t->causal) n = query < key ? 0 : S(least)(n, query + 1 - key);
    if (t->mask && t->boolean) MASKED(uint8_t, x ? s[j] : -(T)INFINITY);
    else if (t->mask) MASKED(T, s[j] * scale + x);
    return n;
}
#undef MASKED

/* How many keys at least one of the queries before `end` sees. */
static inline int64_t S(keys_seen)(const Attention *t, int64_t end) {
    return t->causal ? S(least)(t->keys, end) : t->keys;
}

/* What the queries of a block have met so far. A row's numbers are first joined lane by lane, without order among the
 * lanes; these are turned, lane l of all rows behind each other, and joined for all rows at once. */
typedef struct {
    T largest[ATTENTION_QUERIES], shift[ATTENTION_QUERIES];
    T lanes[ATTENTION_QUERIES * LANES], turned[LANES * ATTENTION_QUERIES];
    T factor[ATTENTION_QUERIES]; /* by which earlier sums shrink */
    double sum[ATTENTION_QUERIES]; /* Σ 2^(score - largest) */
} S(Met);

/* lanes[l] = the largest of s[l], s[l + LANES], … */
static inline void S(largest_lanes)(const T *s, int64_t n, T *lanes) {
    T m[LANES];
    for (int l = 0; l < LANES; l++) m[l] = -(T)INFINITY;
    for (int64_t j = 0; j < n; j += LANES)
        _Pragma("omp simd") for (int l = 0; l < LANES; l++) m[l] = s[j + l] > m[l] ? s[j + l] : m[l];
    memcpy(lanes, m, sizeof m);
}

/* s[j] = 2^(s[j] factor - shift), and their sums by lanes. */
static inline void S(weigh_lanes)(T *s, int64_t n, T factor, T shift, T *lanes) {
    T sum[LANES] = {0};
    for (int64_t j = 0; j < n; j += LANES)
        _Pragma("omp simd") for (int l = 0; l < LANES; l++) {
            const T x = S(exp2_negative)(s[j + l] * factor - shift);
            s[j + l] = x;
            sum[l] += x;
        }
    memcpy(lanes, sum, sizeof sum);
}

static void S(turn)(S(Met) *met, int64_t rows) {
    TRANSPOSE((char *)met->turned, ATTENTION_QUERIES, (const char *)met->lanes, LANES, rows, LANES, false);
}

/* Turns the products with n keys into weights, relative to the largest score so far. */
static void S(meet)(const Attention *t, S(Met) *met, int64_t mask, int64_t first, int64_t rows, int64_t key, int64_t n,
                    T *s) {
    const int64_t whole = (n + LANES - 1) / LANES * LANES;
    const T scale = (T)t->factor;
    for (int64_t i = 0; i < rows; i++) {
        T *row = s + i * S(apart);
        for (int64_t j = S(mask_row)(t, mask, first + i, key, n, row); j < whole; j++) row[j] = -(T)INFINITY;
        S(largest_lanes)(row, whole, met->lanes + i * LANES);
    }
    S(turn)(met, rows);
    _Pragma("omp simd") for (int64_t i = 0; i < rows; i++) {
        T m = -(T)INFINITY;
        for (int l = 0; l < LANES; l++) {
            const T x = met->turned[l * ATTENTION_QUERIES + i];
            m = x > m ? x : m;
        }
        m = m * scale > met->largest[i] ? m * scale : met->largest[i];
        met->shift[i] = m == -(T)INFINITY ? 0 : m; /* no key so far: all weights are 0 */
        met->factor[i] = S(exp2_negative)(met->largest[i] - met->shift[i]);
        met->largest[i] = m;
    }
    for (int64_t i = 0; i < rows; i++)
        S(weigh_lanes)(s + i * S(apart), whole, scale, met->shift[i], met->lanes + i * LANES);
    S(turn)(met, rows);
    _Pragma("omp simd") for (int64_t i = 0; i < rows; i++) {
        T sum = 0;
        for (int l = 0; l < LANES; l++) sum += met->turned[l * ATTENTION_QUERIES + i];
        met->sum[i] = met->sum[i] * (double)met->factor[i] + (double)sum;
    }
}

static void S(scale_rows)(T *y, int64_t width, const T *factors, int64_t rows) {
    for (int64_t i = 0; i < rows; i++, y += width)
        if (factors[i] != 1) _Pragma("omp simd") for (int64_t j = 0; j < width; j++) y[j] *= factors[i];
}

/* A query that sees no key gets zeros; its logarithm is such that all its weights are 0 again. */
static void S(attention_block)(const Attention *t, int64_t head, int64_t first, int64_t rows) {
    T s[ATTENTION_QUERIES * S(apart)] __attribute__((aligned(64)));
    S(Met) met;
    T *y = (T *)t->y + (head * t->queries + first) * t->width, *logs = (T *)t->logs + head * t->queries + first;
    const int64_t mask = S(mask_offset)(t, head), keys = S(keys_seen)(t, first + rows);
    for (int64_t i = 0; i < rows; i++) met.largest[i] = -(T)INFINITY, met.sum[i] = 0;
    for (int64_t key = 0; key < keys; key += S(most_keys)) {
        const int64_t n = S(least)(keys - key, S(most_keys));
        S(attention_products)(t, t->q, t->depth, t->k_columns, head, first, rows, key, n, s);
        S(meet)(t, &met, mask, first, rows, key, n, s);
        if (key > 0) S(scale_rows)(y, t->width, met.factor, rows);
        S(panel_product)(s, S(apart), 1, S(panels)(t->v_panels, head, t->keys, t->width, key), y, t->width, rows,
                         t->width, n, key > 0);
    }
    _Pragma("omp simd") for (int64_t i = 0; i < rows; i++) {
        const T sum = (T)met.sum[i];
        met.factor[i] = sum == 0 ? 0 : 1 / sum;
        logs[i] = sum == 0 ? (T)INFINITY : met.largest[i] + S(log2)(sum);
    }
    S(scale_rows)(y, t->width, met.factor, rows);
}

/* Over blocks of queries of all heads. */
static int64_t S(attention)(const void *arguments, int64_t begin, int64_t end) {
    const Attention *t = arguments;
    const int64_t blocks = (t->queries + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i % blocks * ATTENTION_QUERIES;
        S(attention_block)(t, i / blocks, first, S(least)(t->queries - first, ATTENTION_QUERIES));
    }
    return -1;
}

/* ---- derivative: with weights P = 2^(score - log2 Σ 2^score) and D = Σ dy y of a query,
 *      dv = Pᵀ dy, dscore = P (dy vᵀ - D), dq = scale · dscore k, dk = scale · dscoreᵀ q ---- */

/* Turns products into weights, and products of dy and values into scaled gradients of the scores. */
static void S(slope_row)(const Attention *t, int64_t mask, int64_t query, int64_t key, int64_t whole, T log, T sum, T *p,
                         T *slopes) {
    const int64_t n = S(mask_row)(t, mask, query, key, whole, p);
    const T scale = (T)t->scale, factor = (T)t->factor;
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
        p[j] = S(exp2_negative)(p[j] * factor - log);
        slopes[j] = p[j] * (slopes[j] - sum) * scale;
    }
    for (int64_t j = n; j < whole; j++) p[j] = slopes[j] = 0;
}

/* to [columns of weights, n] += weightsᵀ · rows [first, first + rows) of x, which lies in panels over its n columns. */
static void S(add_transposed)(const Attention *t, const T *weights, const char *x, int64_t n, int64_t head, int64_t first,
                              int64_t rows, int64_t columns, T *to) {
    S(panel_product)(weights, 1, S(apart), S(panels)(x, head, t->queries, n, first), to, n, columns, n, rows, true);
}

static void S(attention_slopes_block)(const Attention *t, int64_t head, int64_t first, int64_t rows, T *dk, T *dv) {
    T p[ATTENTION_QUERIES * S(apart)] __attribute__((aligned(64)));
    T slopes[ATTENTION_QUERIES * S(apart)] __attribute__((aligned(64))), sums[ATTENTION_QUERIES];
    const int64_t query = head * t->queries + first, mask = S(mask_offset)(t, head), keys = S(keys_seen)(t, first + rows);
    const T *y = (const T *)t->y + query * t->width, *g = (const T *)t->g + query * t->width;
    const T *logs = (const T *)t->logs + query;
    T *dq = (T *)t->dq + query * t->depth;
    for (int64_t i = 0; i < rows; i++) sums[i] = S(slope_sum)(y + i * t->width, g + i * t->width, t->width, false);
    for (int64_t key = 0; key < keys; key += S(most_keys)) {
        const int64_t n = S(least)(keys - key, S(most_keys));
        S(attention_products)(t, t->q, t->depth, t->k_columns, head, first, rows, key, n, p);
        S(attention_products)(t, t->g, t->width, t->v_columns, head, first, rows, key, n, slopes);
        for (int64_t i = 0; i < rows; i++)
            S(slope_row)(t, mask, first + i, key, n, logs[i], sums[i], p + i * S(apart),
                         slopes + i * S(apart));
        S(add_transposed)(t, p, t->g_panels, t->width, head, first, rows, n, dv + key * t->width);
        S(add_transposed)(t, slopes, t->q_panels, t->depth, head, first, rows, n, dk + key * t->depth);
        S(panel_product)(slopes, S(apart), 1, S(panels)(t->k_panels, head, t->keys, t->depth, key), dq, t->depth, rows,
                         t->depth, n, key > 0);
    }
}

/* Over parts of the queries of all heads: each has its own sums for the gradients of its head's keys and values. */
static int64_t S(attention_slopes)(const void *arguments, int64_t begin, int64_t end) {
    const Attention *t = arguments;
    const int64_t blocks = (t->queries + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
    for (int64_t i = begin; i < end; i++) {
        const int64_t part = i / t->heads, last = (part + 1) * blocks / t->parts;
        T *dk = (T *)t->dk + i * t->keys * t->depth, *dv = (T *)t->dv + i * t->keys * t->width;
        memset(dk, 0, (size_t)(t->keys * t->depth) * sizeof(T));
        memset(dv, 0, (size_t)(t->keys * t->width) * sizeof(T));
        for (int64_t block = part * blocks / t->parts; block < last; block++) {
            const int64_t first = block * ATTENTION_QUERIES;
            S(attention_slopes_block)(t, i % t->heads, first, S(least)(t->queries - first, ATTENTION_QUERIES), dk, dv);
        }
    }
    return -1;
}
