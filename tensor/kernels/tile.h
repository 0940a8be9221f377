/* Tiles of the matrix product for T: up to ROWS × COLUMNS numbers of c, summed up in registers (register_tile.h). */

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
typedef void S(TileFunction)(const S(Tile) *tile);

#define W(name) S(name)
#define WIDTH LANES
#include "register_tile.h"
#undef W
#undef WIDTH

#if NARROW /* for few columns */
#define W(name) S(narrow_##name)
#define WIDTH (LANES / 2)
#include "register_tile.h"
#undef W
#undef WIDTH
#endif

static inline void S(copy_row)(const T *in, int64_t n, T *out) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) *(S(Vector) *)(out + i) = *(const S(Vector) *)(in + i);
    for (; i + 4 <= n; i += 4) *(S(Four) *)(out + i) = *(const S(Four) *)(in + i);
    for (; i < n; i++) out[i] = in[i];
}

/* The function that computes tiles of so many rows, and columns of which the last vector may be a part. */
static inline S(TileFunction) *S(tile_of)(int64_t rows, int64_t columns) {
#if NARROW
    if (columns <= LANES / 2) return S(narrow_tiles)[rows][0];
#endif
    return S(tiles)[rows][(columns - 1) / LANES];
}

/* Whether that many columns fill the vectors of a tile. */
static inline bool S(is_whole)(int64_t columns) {
    return columns % LANES == 0 || (NARROW && columns == LANES / 2);
}

/* A tile at c's right edge, of which only some columns exist, is computed apart, and its part copied. */
static void S(edge_tile)(S(Tile) *tile, int64_t rows, int64_t columns) {
    T whole[ROWS * COLUMNS], *c = tile->c;
    const int64_t c_row = tile->c_row;
    const bool add = tile->add;
    tile->c = whole, tile->c_row = COLUMNS, tile->add = false;
    S(tile_of)(rows, columns)(tile);
    tile->c = c, tile->c_row = c_row, tile->add = add;
    for (int64_t i = 0; i < rows; i++, c += c_row) {
        const T *from = whole + i * COLUMNS;
        if (add)
            for (int64_t j = 0; j < columns; j++) c[j] += from[j];
        else S(copy_row)(from, columns, c);
    }
}

static inline void S(multiply_tile)(S(Tile) *tile, int64_t rows, int64_t columns) {
    if (S(is_whole)(columns)) S(tile_of)(rows, columns)(tile);
    else S(edge_tile)(tile, rows, columns);
}
