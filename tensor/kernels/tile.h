/* The register tile of the matrix product for T: R × (V · LANES) numbers of c stay in vector registers while, for each
 * k, R numbers of a and a row of V vectors of b go by. Each number of a meets V vectors and each vector of b meets R
 * numbers, so loads are few beside multiplications (Goto and van de Geijn, Anatomy of high-performance matrix
 * multiplication, 2008). */

typedef T S(Vector) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

typedef T S(Four) __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));

typedef struct {
    const T *a, *b;
    T *c;
    const T *start; /* a row that every row of sums starts with */
    T *keep;        /* where b's rows are copied to on the way, COLUMNS apart; or NULL */
    const int64_t *offsets; /* where a's columns lie from a on; or NULL: they are a_column apart */
    int64_t depth, a_row, a_column, b_row, c_row;
    bool add;       /* to what c holds */
} S(Tile);

/* R and V are constants wherever this is expanded, so that the loops over them vanish and the sums get registers. */
static inline __attribute__((always_inline)) void S(tile)(const S(Tile) *t, const int R, const int V) {
    const T *a = t->a, *a5 = a + 5 * t->a_row, *a10 = a5 + 5 * t->a_row; /* a row is then one address away */
    const T *b = t->b;
    const int64_t depth = t->depth, a_row = t->a_row, a_column = t->a_column, b_row = t->b_row;
    const int64_t *offsets = t->offsets;
    T *keep = t->keep;
    S(Vector) sum[ROWS][VECTORS], row[VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) sum[i][j] = *(const S(Vector) *)(t->start + j * LANES);
    if (t->add)
        for (int i = 0; i < R; i++) {
            PREFETCH(t->c + i * t->c_row);
            PREFETCH(t->c + i * t->c_row + (V - 1) * LANES);
        }
    for (int64_t k = 0; k < depth; k++) {
        if (offsets) a = t->a + offsets[k], a5 = a + 5 * a_row, a10 = a5 + 5 * a_row;
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) row[j] = *(const S(Vector) *)(b + j * LANES);
        if (keep) {
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) *(S(Vector) *)(keep + j * LANES) = row[j];
            keep += COLUMNS;
            PREFETCH(b + 16 * b_row);
            PREFETCH(b + 16 * b_row + (V - 1) * LANES);
        }
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            const T x = (i < 5 ? a : i < 10 ? a5 : a10)[i % 5 * a_row];
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) sum[i][j] += x * row[j];
        }
        a += a_column, a5 += a_column, a10 += a_column, b += b_row;
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            S(Vector) *at = (S(Vector) *)(t->c + i * t->c_row + j * LANES);
            if (t->add) sum[i][j] += *at;
            *at = sum[i][j];
        }
}

#define TILE(R)                                                                   \
    static void S(tile_##R##x1)(const S(Tile) *t) { S(tile)(t, R, 1); }           \
    static void S(tile_##R##x2)(const S(Tile) *t) { S(tile)(t, R, 2); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

#define TILE(R) {S(tile_##R##x1), S(tile_##R##x2)}
static void (*const S(tiles)[ROWS + 1][VECTORS])(const S(Tile) *t) = {
    {NULL}, TILE(1), TILE(2), TILE(3), TILE(4), TILE(5), TILE(6),
#if ROWS > 6
    TILE(7), TILE(8), TILE(9), TILE(10), TILE(11), TILE(12), TILE(13), TILE(14),
#endif
};
#undef TILE

static inline void S(copy_row)(const T *in, int64_t n, T *out) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) *(S(Vector) *)(out + i) = *(const S(Vector) *)(in + i);
    for (; i + 4 <= n; i += 4) *(S(Four) *)(out + i) = *(const S(Four) *)(in + i);
    for (; i < n; i++) out[i] = in[i];
}

/* A tile at c's right edge, of which only some columns exist, is computed apart, and its part copied. */
static void S(edge_tile)(S(Tile) *tile, int64_t rows, int64_t columns) {
    T whole[ROWS * COLUMNS], *c = tile->c;
    const int64_t c_row = tile->c_row;
    const bool add = tile->add;
    tile->c = whole, tile->c_row = COLUMNS, tile->add = false;
    S(tiles)[rows][(columns - 1) / LANES](tile);
    tile->c = c, tile->c_row = c_row, tile->add = add;
    for (int64_t i = 0; i < rows; i++, c += c_row) {
        const T *from = whole + i * COLUMNS;
        if (add)
            for (int64_t j = 0; j < columns; j++) c[j] += from[j];
        else S(copy_row)(from, columns, c);
    }
}

static inline void S(multiply_tile)(S(Tile) *tile, int64_t rows, int64_t columns) {
    if (columns % LANES == 0) S(tiles)[rows][columns / LANES - 1](tile);
    else S(edge_tile)(tile, rows, columns);
}
