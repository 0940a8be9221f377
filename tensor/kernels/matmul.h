/* Matrix product for T. Large products add outer products in registers: a tile of ROWS × COLUMNS numbers of c stays in
 * vector registers while a column of a and a row of b go by. For that, b is packed into panels of COLUMNS columns, and
 * ROWS rows of a into a strip: both are then read from end to end. Small products take the plain loops.
 *
 * Included once for each type with T, S(name), LANES (numbers in a vector), ROWS and VECTORS (to a row of the tile). */

/* c[begin … end) = a·b, row by row: each row of c is a sum of b's rows. */
static void S(matmul_rows)(const MatrixProduct *m, int64_t begin, int64_t end) {
    const T *b = (const T *)m->b;
    for (int64_t i = begin; i < end; i++) {
        T *restrict c = (T *)m->c + i * m->c_row;
        const T *a = (const T *)m->a + i * m->a_row;
        memset(c, 0, (size_t)m->columns * sizeof(T));
        for (int64_t k = 0; k < m->depth; k++) {
            const T *restrict row = b + k * m->b_row;
            const T x = a[k * m->a_column];
            if (m->b_column == 1)
                for (int64_t j = 0; j < m->columns; j++) c[j] += x * row[j];
            else
                for (int64_t j = 0; j < m->columns; j++) c[j] += x * row[j * m->b_column];
        }
    }
}

#ifdef LANES

enum { S(tile_columns) = VECTORS * LANES };
#define COLUMNS S(tile_columns)
typedef T S(Vector) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

/* c (+)= strip · panel, over `depth` outer products. */
static void S(tile)(int64_t depth, const T *strip, const T *panel, T *c, int64_t c_row, bool add) {
    S(Vector) sum[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) sum[i][j] = (S(Vector)){0};
    for (int64_t k = 0; k < depth; k++, strip += ROWS, panel += COLUMNS) {
        S(Vector) row[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) row[j] = *(const S(Vector) *)(panel + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) sum[i][j] += strip[i] * row[j];
    }
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) {
            S(Vector) *at = (S(Vector) *)(c + i * c_row + j * LANES);
            if (add) sum[i][j] += *at;
            *at = sum[i][j];
        }
}

/* Panels [begin, end) of b, each depth × COLUMNS, zeros where b has ended. */
static void S(pack_panels)(const MatrixProduct *m, int64_t begin, int64_t end) {
    T *out = (T *)m->panels + begin * COLUMNS * m->depth;
    for (int64_t panel = begin; panel < end; panel++) {
        const T *b = (const T *)m->b + panel * COLUMNS * m->b_column;
        int64_t columns = m->columns - panel * COLUMNS < COLUMNS ? m->columns - panel * COLUMNS : COLUMNS;
        for (int64_t k = 0; k < m->depth; k++, b += m->b_row, out += COLUMNS) {
            if (columns == COLUMNS && m->b_column == 1)
                for (int j = 0; j < COLUMNS; j++) out[j] = b[j];
            else
                for (int j = 0; j < COLUMNS; j++) out[j] = j < columns ? b[j * m->b_column] : 0;
        }
    }
}

static void S(pack_strip)(const MatrixProduct *m, int64_t first, int64_t rows, T *out) {
    const T *a = (const T *)m->a + first * m->a_row;
    for (int64_t k = 0; k < m->depth; k++, a += m->a_column, out += ROWS)
        for (int i = 0; i < ROWS; i++) out[i] = i < rows ? a[i * m->a_row] : 0;
}

/* A tile at c's lower or right edge: computed apart, and its part copied. */
static void S(edge_tile)(const MatrixProduct *m, const T *strip, const T *panel, T *c, int64_t rows, int64_t columns) {
    T whole[ROWS * COLUMNS];
    S(tile)(m->depth, strip, panel, whole, COLUMNS, false);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            T *at = c + i * m->c_row + j;
            *at = m->add ? *at + whole[i * COLUMNS + j] : whole[i * COLUMNS + j];
        }
}

/* Strips [begin, end) of a, ROWS rows each, times all panels. */
static void S(multiply_strips)(const MatrixProduct *m, int64_t begin, int64_t end) {
    T strip[ROWS * MATRIX_DEPTH] __attribute__((aligned(64)));
    for (int64_t s = begin; s < end; s++) {
        int64_t first = s * ROWS, rows = m->rows - first < ROWS ? m->rows - first : ROWS;
        S(pack_strip)(m, first, rows, strip);
        for (int64_t j = 0; j < m->columns; j += COLUMNS) {
            T *c = (T *)m->c + first * m->c_row + j;
            const T *panel = (const T *)m->panels + j * m->depth;
            int64_t columns = m->columns - j < COLUMNS ? m->columns - j : COLUMNS;
            if (rows == ROWS && columns == COLUMNS) S(tile)(m->depth, strip, panel, c, m->c_row, m->add);
            else S(edge_tile)(m, strip, panel, c, rows, columns);
        }
    }
}
#undef COLUMNS
#endif
