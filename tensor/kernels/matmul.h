/* Matrix product for T. Large products add outer products in registers: a tile of ROWS × COLUMNS numbers of c stays in
 * vector registers while a column of a and a row of b go by. For that, b is packed into panels of COLUMNS columns, and
 * ROWS rows of a into a strip: both are then read from end to end. Small products take the plain loops.
 *
 * Included once for each type with T, S(name), LANES (numbers in a vector), ROWS and VECTORS (to a row of the tile). */

/* c[begin … end) = a·b + bias, row by row: each row of c is a sum of b's rows. */
static void S(matmul_rows)(const MatrixProduct *m, int64_t begin, int64_t end) {
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
}

#ifdef LANES

enum { S(tile_columns) = VECTORS * LANES };
#define COLUMNS S(tile_columns)
typedef T S(Vector) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef T S(Four) __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));

/* c (+)= strip · panel, over `depth` outer products, for a strip of R rows: R is a constant, so that the sums stay in
 * registers. */
#define TILE(R)                                                                                                  \
    static void S(tile_##R)(int64_t depth, const T *strip, const T *panel, T *c, int64_t c_row, bool add) {      \
        S(Vector) sum[R][VECTORS];                                                                               \
        _Pragma("GCC unroll 16") for (int i = 0; i < R; i++)                                                     \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[i][j] = (S(Vector)){0};                \
        for (int64_t k = 0; k < depth; k++, strip += R, panel += COLUMNS) {                                      \
            S(Vector) row[VECTORS];                                                                              \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                                            \
                row[j] = *(const S(Vector) *)(panel + j * LANES);                                                \
            _Pragma("GCC unroll 16") for (int i = 0; i < R; i++)                                                 \
                _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[i][j] += strip[i] * row[j];        \
        }                                                                                                        \
        _Pragma("GCC unroll 16") for (int i = 0; i < R; i++)                                                     \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                          \
            S(Vector) *at = (S(Vector) *)(c + i * c_row + j * LANES);                                            \
            if (add) sum[i][j] += *at;                                                                           \
            *at = sum[i][j];                                                                                     \
        }                                                                                                        \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

static void (*const S(tiles)[ROWS + 1])(int64_t depth, const T *strip, const T *panel, T *c, int64_t c_row, bool add) = {
    NULL, S(tile_1), S(tile_2), S(tile_3), S(tile_4), S(tile_5), S(tile_6),
#if ROWS > 6
    S(tile_7), S(tile_8), S(tile_9), S(tile_10), S(tile_11), S(tile_12), S(tile_13), S(tile_14),
#endif
};

/* out[k · width + i] = in[i · stride + k] for n ≤ width rows of in, of `depth` numbers each: four by four in registers. */
static void S(interleave)(const T *in, int64_t stride, int64_t n, int64_t depth, T *out, int64_t width) {
    int64_t whole = depth / 4 * 4, i = 0;
    for (; i + 4 <= n; i += 4)
        for (int64_t k = 0; k < whole; k += 4) {
            const T *from = in + i * stride + k;
            T *to = out + k * width + i;
            S(Four) a = *(const S(Four) *)from, b = *(const S(Four) *)(from + stride);
            S(Four) c = *(const S(Four) *)(from + 2 * stride), d = *(const S(Four) *)(from + 3 * stride);
            S(Four) ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            S(Four) cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            *(S(Four) *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            *(S(Four) *)(to + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
            *(S(Four) *)(to + 2 * width) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
            *(S(Four) *)(to + 3 * width) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
        }
    for (int64_t j = 0; j < i; j++)
        for (int64_t k = whole; k < depth; k++) out[k * width + j] = in[j * stride + k];
    for (; i < n; i++)
        for (int64_t k = 0; k < depth; k++) out[k * width + i] = in[i * stride + k];
}

/* Panels [begin, end) of b, each depth × COLUMNS, zeros where b has ended. */
static void S(pack_panels)(const MatrixProduct *m, int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; panel++) {
        const T *b = (const T *)m->b + panel * COLUMNS * m->b_column;
        T *out = (T *)m->panels + panel * COLUMNS * m->depth;
        int64_t columns = m->columns - panel * COLUMNS < COLUMNS ? m->columns - panel * COLUMNS : COLUMNS;
        if (columns < COLUMNS) memset(out, 0, (size_t)(m->depth * COLUMNS) * sizeof(T));
        if (m->b_row == 1) {
            S(interleave)(b, m->b_column, columns, m->depth, out, COLUMNS);
        } else if (m->b_column == 1 && columns == COLUMNS) {
            for (int64_t k = 0; k < m->depth; k++) memcpy(out + k * COLUMNS, b + k * m->b_row, COLUMNS * sizeof(T));
        } else {
            for (int64_t k = 0; k < m->depth; k++)
                for (int64_t j = 0; j < columns; j++) out[k * COLUMNS + j] = b[k * m->b_row + j * m->b_column];
        }
    }
}

static void S(pack_strip)(const MatrixProduct *m, const T *a, int64_t rows, T *out) {
    if (m->a_column == 1) {
        S(interleave)(a, m->a_row, rows, m->depth, out, rows);
        return;
    }
    for (int64_t k = 0; k < m->depth; k++)
        for (int64_t i = 0; i < rows; i++) out[k * rows + i] = a[i * m->a_row + k * m->a_column];
}

/* A tile at c's right edge: computed apart, and its part copied. */
static void S(edge_tile)(const MatrixProduct *m, const T *strip, const T *panel, T *c, int64_t rows, int64_t columns) {
    T whole[ROWS * COLUMNS];
    S(tiles)[rows](m->depth, strip, panel, whole, COLUMNS, false);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            T *at = c + i * m->c_row + j;
            *at = m->add ? *at + whole[i * COLUMNS + j] : whole[i * COLUMNS + j];
        }
}

/* Strips [begin, end) of a times all panels. The rows of a are spread evenly over as few strips as ROWS allows. */
static void S(multiply_strips)(const MatrixProduct *m, int64_t begin, int64_t end) {
    T strip[ROWS * MATRIX_DEPTH] __attribute__((aligned(64)));
    const int64_t strips = (m->rows + ROWS - 1) / ROWS, least = m->rows / strips, longer = m->rows % strips;
    for (int64_t s = begin; s < end; s++) {
        int64_t first = s * least + (s < longer ? s : longer), rows = least + (s < longer);
        S(pack_strip)(m, (const T *)m->a + first * m->a_row, rows, strip);
        if (m->bias)
            for (int64_t i = 0; i < rows; i++)
                memcpy((T *)m->c + (first + i) * m->c_row, m->bias, (size_t)m->columns * sizeof(T));
        for (int64_t j = 0; j < m->columns; j += COLUMNS) {
            T *c = (T *)m->c + first * m->c_row + j;
            const T *panel = (const T *)m->panels + j * m->depth;
            if (j + COLUMNS <= m->columns) S(tiles)[rows](m->depth, strip, panel, c, m->c_row, m->add);
            else S(edge_tile)(m, strip, panel, c, rows, m->columns - j);
        }
    }
}
#undef COLUMNS
#endif
