/* The register tile of the matrix product for T: R × (V · WIDTH) numbers of c stay in vector registers while, for each
 * k, R numbers of a and a row of V vectors of b go by. Each number of a meets V vectors and each vector of b meets R
 * numbers, so loads are few beside multiplications (Goto and van de Geijn, Anatomy of high-performance matrix
 * multiplication, 2008). Included once for each WIDTH of vectors, with W(name). */

typedef T W(Vector) __attribute__((vector_size(WIDTH * sizeof(T)), aligned(sizeof(T)), may_alias));

/* Where a tile has come to. */
typedef struct {
    const T *a, *a5, *a10, *b; /* a row is one address away from a, a + 5 rows or a + 10 rows */
    T *keep;
} W(TileStep);

/* Number k of each row of a meets row k of b. */
static inline __attribute__((always_inline)) void W(tile_step)(const S(Tile) *t, W(TileStep) *s, int64_t k,
                                                               W(Vector) (*sum)[VECTORS], const int R, const int V) {
    W(Vector) row[VECTORS];
    if (t->offsets) s->a = t->a + t->offsets[k], s->a5 = s->a + 5 * t->a_row, s->a10 = s->a5 + 5 * t->a_row;
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) row[j] = *(const W(Vector) *)(s->b + j * WIDTH);
    if (s->keep) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) *(W(Vector) *)(s->keep + j * WIDTH) = row[j];
        s->keep += COLUMNS;
        PREFETCH(s->b + 16 * t->b_row);
        PREFETCH(s->b + 16 * t->b_row + (V - 1) * WIDTH);
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
        const T x = (i < 5 ? s->a : i < 10 ? s->a5 : s->a10)[i % 5 * t->a_row];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) sum[i][j] += x * row[j];
    }
    s->a += t->a_column, s->a5 += t->a_column, s->a10 += t->a_column, s->b += t->b_row;
}

/* R and V are constants wherever this is expanded, so that the loops over them vanish and the sums get registers. Where
 * these are few, two or four k in turn have sums of their own, as multipliers would idle while one waits for another. */
static inline __attribute__((always_inline)) void W(tile)(const S(Tile) *given, const int R, const int V) {
    const S(Tile) tile = *given, *t = &tile;
    const int turns = R * V > 3 ? 1 : R * V == 1 ? 4 : 2;
    W(TileStep) s = {t->a, t->a + 5 * t->a_row, t->a + 10 * t->a_row, t->b, t->keep};
    W(Vector) sum[ROWS][VECTORS];
    int64_t k = 0;
#pragma GCC unroll 16
    for (int i = 0; i < turns * R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) sum[i][j] = i < R ? *(const W(Vector) *)(t->start + j * WIDTH) : (W(Vector)){0};
    if (t->add)
        for (int i = 0; i < R; i++) {
            PREFETCH(t->c + i * t->c_row);
            PREFETCH(t->c + i * t->c_row + (V - 1) * WIDTH);
        }
    for (; k + turns <= t->depth; k += turns)
#pragma GCC unroll 4
        for (int turn = 0; turn < turns; turn++) W(tile_step)(t, &s, k + turn, sum + turn * R, R, V);
    for (; turns > 1 && k < t->depth; k++) W(tile_step)(t, &s, k, sum, R, V);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            W(Vector) *at = (W(Vector) *)(t->c + i * t->c_row + j * WIDTH);
#pragma GCC unroll 4
            for (int turn = 1; turn < turns; turn++) sum[i][j] += sum[turn * R + i][j];
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
