/* The register tile of the matrix product for T: R × (V · WIDTH) numbers of c stay in vector registers while, for each
 * k, R numbers of a and a row of V vectors of b go by. Each number of a meets V vectors and each vector of b meets R
 * numbers, so loads are few beside multiplications (Goto and van de Geijn, Anatomy of high-performance matrix
 * multiplication, 2008). Included once for each WIDTH of vectors, with W(name). */

typedef T W(Vector) __attribute__((vector_size(WIDTH * sizeof(T)), aligned(sizeof(T)), may_alias));

/* R and V are constants wherever this is expanded, so that the loops over them vanish and the sums get registers. */
static inline __attribute__((always_inline)) void W(tile)(const S(Tile) *t, const int R, const int V) {
    const T *a = t->a, *a5 = a + 5 * t->a_row, *a10 = a5 + 5 * t->a_row; /* a row is then one address away */
    const T *b = t->b;
    const int64_t depth = t->depth, a_row = t->a_row, a_column = t->a_column, b_row = t->b_row;
    const int64_t *offsets = t->offsets;
    T *keep = t->keep;
    W(Vector) sum[ROWS][VECTORS], row[VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) sum[i][j] = *(const W(Vector) *)(t->start + j * WIDTH);
    if (t->add)
        for (int i = 0; i < R; i++) {
            PREFETCH(t->c + i * t->c_row);
            PREFETCH(t->c + i * t->c_row + (V - 1) * WIDTH);
        }
    for (int64_t k = 0; k < depth; k++) {
        if (offsets) a = t->a + offsets[k], a5 = a + 5 * a_row, a10 = a5 + 5 * a_row;
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) row[j] = *(const W(Vector) *)(b + j * WIDTH);
        if (keep) {
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) *(W(Vector) *)(keep + j * WIDTH) = row[j];
            keep += COLUMNS;
            PREFETCH(b + 16 * b_row);
            PREFETCH(b + 16 * b_row + (V - 1) * WIDTH);
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
            W(Vector) *at = (W(Vector) *)(t->c + i * t->c_row + j * WIDTH);
            if (t->add) sum[i][j] += *at;
            *at = sum[i][j];
        }
}

#if WIDTH == LANES
enum { W(tile_vectors) = VECTORS };
#define TILE(R)                                                                   \
    static void W(tile_##R##x1)(const S(Tile) *t) { W(tile)(t, R, 1); }           \
    static void W(tile_##R##x2)(const S(Tile) *t) { W(tile)(t, R, 2); }
#define ENTRY(R) {W(tile_##R##x1), W(tile_##R##x2)}
#else
enum { W(tile_vectors) = 1 };
#define TILE(R) static void W(tile_##R##x1)(const S(Tile) *t) { W(tile)(t, R, 1); }
#define ENTRY(R) {W(tile_##R##x1)}
#endif
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif

static S(TileFunction) *const W(tiles)[ROWS + 1][W(tile_vectors)] = {
    {NULL}, ENTRY(1), ENTRY(2), ENTRY(3), ENTRY(4), ENTRY(5), ENTRY(6),
#if ROWS > 6
    ENTRY(7), ENTRY(8), ENTRY(9), ENTRY(10), ENTRY(11), ENTRY(12), ENTRY(13), ENTRY(14),
#endif
};
#undef TILE
#undef ENTRY
