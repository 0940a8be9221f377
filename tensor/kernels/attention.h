/* Scaled dot product attention for T: y = softmax(scale q kᵀ + mask) v, block by block of queries and keys, so that the
 * scores never stand in memory as a whole. Each query keeps the largest score m that it has met and Σ exp(score - m);
 * where a block brings a larger one, what was summed shrinks by exp(m - larger) (Milakov and Gimelshein, Online normalizer
 * calculation for softmax, 2018; Dao et al., FlashAttention, 2022). The products are made of the tiles of tile.h. */

enum { S(attention_panel) = VECTORS * LANES };

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
    S(panel_product)(a, depth, 1, b, s, ATTENTION_KEYS, rows, (n + LANES - 1) / LANES * LANES, depth, false);
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

/* Scales and masks a query's products with n keys from `key` on. Returns how many of them it may see. */
static int64_t S(mask_row)(const Attention *t, int64_t mask, int64_t query, int64_t key, int64_t n, T *s) {
    const T scale = (T)t->scale;
    const int64_t step = t->mask_column, at = mask + query * t->mask_row + key * step;
    if (t->causal) n = query < key ? 0 : S(least)(n, query + 1 - key);
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) s[j] *= scale;
    if (t->mask && t->boolean) MASKED(uint8_t, x ? s[j] : -(T)INFINITY);
    else if (t->mask) MASKED(T, s[j] + x);
    return n;
}
#undef MASKED

/* How many keys at least one of the queries before `end` sees. */
static inline int64_t S(keys_seen)(const Attention *t, int64_t end) {
    return t->causal ? S(least)(t->keys, end) : t->keys;
}

/* What a query has met so far. */
typedef struct {
    T largest;
    double sum; /* Σ exp(score - largest) */
} S(Met);

/* Turns n scores into weights (those from n to `whole` are 0), relative to the largest so far. */
static void S(meet)(S(Met) *met, T *s, int64_t n, int64_t whole, T *y, int64_t width) {
    T m = met->largest;
    _Pragma("omp simd reduction(max : m)") for (int64_t j = 0; j < n; j++) m = s[j] > m ? s[j] : m;
    const T shift = m == -(T)INFINITY ? 0 : m; /* no key so far: all weights are 0 */
    if (m != met->largest && met->sum != 0) {
        const T factor = S(exp)(met->largest - shift);
        met->sum *= (double)factor;
        _Pragma("omp simd") for (int64_t i = 0; i < width; i++) y[i] *= factor;
    }
    met->largest = m;
    met->sum += S(exponentials)(s, s, n, shift);
    for (int64_t j = n; j < whole; j++) s[j] = 0;
}

/* A query that sees no key gets zeros; its logarithm is such that all its weights are 0 again. */
static void S(attention_block)(const Attention *t, int64_t head, int64_t first, int64_t rows) {
    T s[ATTENTION_QUERIES * ATTENTION_KEYS] __attribute__((aligned(64)));
    S(Met) met[ATTENTION_QUERIES];
    T *y = (T *)t->y + (head * t->queries + first) * t->width, *logs = (T *)t->logs + head * t->queries + first;
    const int64_t mask = S(mask_offset)(t, head), keys = S(keys_seen)(t, first + rows);
    for (int64_t i = 0; i < rows; i++) met[i] = (S(Met)){-(T)INFINITY, 0};
    for (int64_t key = 0; key < keys; key += ATTENTION_KEYS) {
        const int64_t n = S(least)(keys - key, ATTENTION_KEYS);
        S(attention_products)(t, t->q, t->depth, t->k_columns, head, first, rows, key, n, s);
        for (int64_t i = 0; i < rows; i++) {
            T *row = s + i * ATTENTION_KEYS;
            S(meet)(&met[i], row, S(mask_row)(t, mask, first + i, key, n, row), n, y + i * t->width, t->width);
        }
        S(panel_product)(s, ATTENTION_KEYS, 1, S(panels)(t->v_panels, head, t->keys, t->width, key), y, t->width, rows, t->width,
                         n, key > 0);
    }
    for (int64_t i = 0; i < rows; i++) {
        const T scale = met[i].sum == 0 ? 0 : (T)(1 / met[i].sum);
        _Pragma("omp simd") for (int64_t j = 0; j < t->width; j++) y[i * t->width + j] *= scale;
        logs[i] = met[i].sum == 0 ? (T)INFINITY : met[i].largest + (T)log(met[i].sum);
    }
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

/* ---- derivative: with weights P = exp(score - log Σ exp) and D = Σ dy y of a query,
 *      dv = Pᵀ dy, dscore = P (dy vᵀ - D), dq = scale · dscore k, dk = scale · dscoreᵀ q ---- */

/* Turns products into weights, and products of dy and values into scaled gradients of the scores. */
static void S(slope_row)(const Attention *t, int64_t mask, int64_t query, int64_t key, int64_t whole, T log, T sum, T *p,
                         T *slopes) {
    const int64_t n = S(mask_row)(t, mask, query, key, whole, p);
    const T scale = (T)t->scale;
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
        p[j] = S(exp)(p[j] - log);
        slopes[j] = p[j] * (slopes[j] - sum) * scale;
    }
    for (int64_t j = n; j < whole; j++) p[j] = slopes[j] = 0;
}

/* to [columns of weights, n] += weightsᵀ · rows [first, first + rows) of x, which lies in panels over its n columns. */
static void S(add_transposed)(const Attention *t, const T *weights, const char *x, int64_t n, int64_t head, int64_t first,
                              int64_t rows, int64_t columns, T *to) {
    S(panel_product)(weights, 1, ATTENTION_KEYS, S(panels)(x, head, t->queries, n, first), to, n, columns, n, rows, true);
}

static void S(attention_slopes_block)(const Attention *t, int64_t head, int64_t first, int64_t rows) {
    T p[ATTENTION_QUERIES * ATTENTION_KEYS] __attribute__((aligned(64)));
    T slopes[ATTENTION_QUERIES * ATTENTION_KEYS] __attribute__((aligned(64))), sums[ATTENTION_QUERIES];
    const int64_t query = head * t->queries + first, mask = S(mask_offset)(t, head), keys = S(keys_seen)(t, first + rows);
    const T *y = (const T *)t->y + query * t->width, *g = (const T *)t->g + query * t->width;
    const T *logs = (const T *)t->logs + query;
    T *dq = (T *)t->dq + query * t->depth, *dk = (T *)t->dk + head * t->keys * t->depth;
    T *dv = (T *)t->dv + head * t->keys * t->width;
    for (int64_t i = 0; i < rows; i++) sums[i] = S(slope_sum)(y + i * t->width, g + i * t->width, t->width, false);
    for (int64_t key = 0; key < keys; key += ATTENTION_KEYS) {
        const int64_t n = S(least)(keys - key, ATTENTION_KEYS);
        S(attention_products)(t, t->q, t->depth, t->k_columns, head, first, rows, key, n, p);
        S(attention_products)(t, t->g, t->width, t->v_columns, head, first, rows, key, n, slopes);
        for (int64_t i = 0; i < rows; i++)
            S(slope_row)(t, mask, first + i, key, n, logs[i], sums[i], p + i * ATTENTION_KEYS, slopes + i * ATTENTION_KEYS);
        S(add_transposed)(t, p, t->g_panels, t->width, head, first, rows, n, dv + key * t->width);
        S(add_transposed)(t, slopes, t->q_panels, t->depth, head, first, rows, n, dk + key * t->depth);
        S(panel_product)(slopes, ATTENTION_KEYS, 1, S(panels)(t->k_panels, head, t->keys, t->depth, key), dq, t->depth, rows,
                         t->depth, n, key > 0);
    }
}

/* Over heads: the gradients of a head's keys and values are sums over all its queries. */
static int64_t S(attention_slopes)(const void *arguments, int64_t begin, int64_t end) {
    const Attention *t = arguments;
    for (int64_t head = begin; head < end; head++) {
        memset((T *)t->dk + head * t->keys * t->depth, 0, (size_t)(t->keys * t->depth) * sizeof(T));
        memset((T *)t->dv + head * t->keys * t->width, 0, (size_t)(t->keys * t->width) * sizeof(T));
        for (int64_t first = 0; first < t->queries; first += ATTENTION_QUERIES)
            S(attention_slopes_block)(t, head, first, S(least)(t->queries - first, ATTENTION_QUERIES));
    }
    return -1;
}
