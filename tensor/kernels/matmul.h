/* Matrix product for T, after Goto and van de Geijn (2008) and BLIS (Van Zee and van de Geijn, 2015): c is made of tiles
 * (tile.h), for which a is cut into strips of up to ROWS rows and b into panels of COLUMNS columns.
 *
 * With few rows, a panel stays in the first cache while all strips go by; b is then read once, so it is copied to a
 * panel on the way. With many rows, b is packed before (pack.h), and a strip stays in the first cache while all panels
 * go by. Products that fit the caches as they are need no packing: a tile takes any strides.
 *
 * Included once for each type with T, S(name), LANES (numbers in a vector; undefined: plain loops only), ROWS and
 * VECTORS (to a row of the tile). */

/* c[begin … end) = a·b + bias, row by row: each row of c is a sum of b's rows. */
static int64_t S(matmul_rows)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    const T *b = (const T *)m->b;
    for (int64_t i = begin; i < end; i++) {
        T *restrict c = (T *)m->c + i * m->c_row;
        const T *a = (const T *)m->a + i * m->a_row;
        if (m->bias) memcpy(c, m->bias, (size_t)m->columns * sizeof(T));
        else memset(c, 0, (size_t)m->columns * sizeof(T));
        for (int64_t k = 0; k < m->depth; k++) {
            const T *restrict row = b + k * m->b_row;
            const T x = a[k * m->a_column];
            if (m->b_column == 1)
                for (int64_t j = 0; j < m->columns; j++) c[j] += x * row[j];
            else
                for (int64_t j = 0; j < m->columns; j++) c[j] += x * row[j * m->b_column];
        }
    }
    return -1;
}

#ifdef LANES

enum { S(tile_columns) = VECTORS * LANES };
#define COLUMNS S(tile_columns)
#include "tile.h"
#include "pack.h"
#include "matvec.h"

/* One panel of b times strips [begin, end) of a, over a part of the depth from k on. */
static void S(multiply_panel)(const MatrixProduct *m, int64_t begin, int64_t end, int64_t first, int64_t k,
                              int64_t depth) {
    T panel[MATRIX_DEPTH * COLUMNS] __attribute__((aligned(64))), start[COLUMNS] = {0};
    T strip[ROWS * MATRIX_DEPTH] __attribute__((aligned(64)));
    const int64_t columns = m->columns - first < COLUMNS ? m->columns - first : COLUMNS;
    S(Tile) tile = {.depth = depth, .b = panel, .b_row = COLUMNS, .c_row = m->c_row, .start = start,
                    .add = m->add || k > 0};
    if (m->b_type == OWN_TYPE && m->b_column == 1 && S(is_whole)(columns)) { /* read in place, kept for further strips */
        tile.b = (const T *)m->b + k * m->b_row + first;
        tile.b_row = m->b_row;
        if (depth * m->b_row * (int64_t)sizeof(T) > MATRIX_CLOSE) tile.keep = panel;
    } else {
        S(pack_panel)(m, first, columns, k, depth, panel);
    }
    if (m->bias && !tile.add) memcpy(start, (const T *)m->bias + first, (size_t)columns * sizeof(T));
    for (int64_t s = begin; s < end; s++) {
        const int64_t row = S(strip_row)(m, s), rows = S(strip_row)(m, s + 1) - row;
        const bool converted = !m->packed_a && m->a_type != OWN_TYPE, packed = m->packed_a || converted;
        if (converted) S(pack_strip)(m, row, rows, k, depth, strip);
        tile.a = converted     ? strip
                 : m->packed_a ? (const T *)m->packed_a + row * m->depth + k * rows
                               : (const T *)m->a + row * m->a_row + k * m->a_column;
        tile.a_row = packed ? 1 : m->a_row;
        tile.a_column = packed ? rows : m->a_column;
        tile.c = (T *)m->c + row * m->c_row + first;
        S(multiply_tile)(&tile, rows, columns);
        if (tile.keep) {
            tile.b = panel;
            tile.b_row = COLUMNS;
            tile.keep = NULL;
        }
    }
}

/* Strips [begin, end) of a times panels [panel, stop) of b. */
static void S(multiply_block)(const MatrixProduct *m, int64_t begin, int64_t end, int64_t panel, int64_t stop) {
    const int64_t step = matrix_depth_part(m->depth, MATRIX_DEPTH);
    for (; panel < stop; panel++)
        for (int64_t k = 0; k < m->depth; k += step)
            S(multiply_panel)(m, begin, end, panel * COLUMNS, k, m->depth - k < step ? m->depth - k : step);
}

/* Blocks [begin, end) of c, which is cut into row_blocks × column_blocks of them. */
static int64_t S(multiply_by_panels)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    const int64_t panels = (m->columns + COLUMNS - 1) / COLUMNS, row_blocks = m->row_blocks, column_blocks = m->column_blocks;
    if (row_blocks * column_blocks == 1) { /* as most are: small ones feel the divisions below */
        S(multiply_block)(m, 0, m->strips, 0, panels);
        return -1;
    }
    for (int64_t block = begin; block < end; block++) {
        const int64_t i = m->columns_first ? block % row_blocks : block / column_blocks;
        const int64_t j = m->columns_first ? block / row_blocks : block % column_blocks;
        S(multiply_block)(m, i * m->strips / row_blocks, (i + 1) * m->strips / row_blocks, j * panels / column_blocks,
                          (j + 1) * panels / column_blocks);
    }
    return -1;
}

/* Asks for a share of the numbers of a strip of a, so that they are near when it is packed. */
static inline void S(prefetch_strip)(const MatrixProduct *m, int64_t first, int64_t rows, int64_t share, int64_t shares) {
    enum { LINE = 64 / sizeof(T) };
    const T *a = (const T *)m->a + first * m->a_row;
    if (m->a_type != OWN_TYPE) return;
    if (m->a_column == 1) {
        const int64_t lines = (m->depth + LINE - 1) / LINE;
        for (int64_t at = share * rows * lines / shares; at < (share + 1) * rows * lines / shares; at++)
            PREFETCH(a + at / lines * m->a_row + at % lines * LINE);
    } else {
        for (int64_t k = share * m->depth / shares; k < (share + 1) * m->depth / shares; k++) {
            PREFETCH(a + k * m->a_column);
            PREFETCH(a + k * m->a_column + (rows - 1) * m->a_row);
        }
    }
}

/* Strips [begin, end) of a, packed one by one, times all panels of b, which are packed: for many rows. */
static int64_t S(multiply_by_strips)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    T strip[ROWS * MATRIX_DEPTH] __attribute__((aligned(64))), start[COLUMNS] = {0};
    S(Tile) tile = {.depth = m->depth, .a = strip, .a_row = 1, .b_row = COLUMNS, .c_row = m->c_row, .start = start,
                    .add = m->add};
    const int64_t panels = (m->columns + COLUMNS - 1) / COLUMNS;
    for (int64_t s = begin; s < end; s++) {
        const int64_t row = S(strip_row)(m, s), next = S(strip_row)(m, s + 1), rows = next - row;
        S(pack_strip)(m, row, rows, 0, m->depth, strip);
        tile.a_column = rows;
        for (int64_t p = 0; p < panels; p++) {
            const int64_t first = p * COLUMNS, columns = m->columns - first < COLUMNS ? m->columns - first : COLUMNS;
            if (next < m->rows) S(prefetch_strip)(m, next, rows, p, panels);
            if (m->bias && !tile.add) memcpy(start, (const T *)m->bias + first, (size_t)columns * sizeof(T));
            tile.b = (const T *)m->packed_b + first * m->depth;
            tile.c = (T *)m->c + row * m->c_row + first;
            S(multiply_tile)(&tile, rows, columns);
        }
    }
    return -1;
}
#undef COLUMNS
#endif
