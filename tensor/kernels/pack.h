/* Packing of the matrix product's operands for T, so that the tile reads both from end to end: a into strips of at most
 * ROWS rows, b into panels of COLUMNS columns. */

/* out[k · width + i] = in[i · stride + k] for 4 × 4 numbers. */
static inline void S(transpose_four)(const T *in, int64_t stride, T *out, int64_t width) {
    S(Four) a = *(const S(Four) *)in, b = *(const S(Four) *)(in + stride);
    S(Four) c = *(const S(Four) *)(in + 2 * stride), d = *(const S(Four) *)(in + 3 * stride);
    S(Four) ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    S(Four) cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(S(Four) *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(S(Four) *)(out + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(S(Four) *)(out + 2 * width) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
    *(S(Four) *)(out + 3 * width) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}

/* The same for n ≤ width rows of `depth` numbers each. The rows go by in short pieces: what is written stays in the
 * first cache until its lines are whole. */
static void S(interleave)(const T *in, int64_t stride, int64_t n, int64_t depth, T *out, int64_t width) {
    enum { PIECE = 32, LINE = 64 / sizeof(T) };
    for (int64_t first = 0; first < depth; first += PIECE) {
        int64_t end = depth - first < PIECE ? depth : first + PIECE, whole = first + (end - first) / 4 * 4, i = 0;
        for (; i + 4 <= n; i += 4) {
            const T *rows = in + i * stride;
            for (int64_t at = 0; at < 4 * PIECE; at += LINE)
                PREFETCH(rows + at / PIECE * stride + first + 2 * PIECE + at % PIECE);
            for (int64_t k = first; k < whole; k += 4)
                S(transpose_four)(rows + k, stride, out + k * width + i, width);
            for (int64_t k = whole; k < end; k++)
                for (int64_t j = 0; j < 4; j++) out[k * width + i + j] = rows[j * stride + k];
        }
        for (; i < n; i++)
            for (int64_t k = first; k < end; k++) out[k * width + i] = in[i * stride + k];
    }
}

#ifdef CONVERTS
/* out[i] = in[i · step] */
static void S(widen)(const uint16_t *in, OperandType type, int64_t step, int64_t n, T *restrict out) {
    if (type == HALF_TYPE)
        for (int64_t i = 0; i < n; i++) out[i] = half_to_float((Half){in[i * step]});
    else if (step == 1)
        for (int64_t i = 0; i < n; i++) out[i] = bfloat_to_float((BFloat){in[i]});
    else
        for (int64_t i = 0; i < n; i++) out[i] = bfloat_to_float((BFloat){in[i * step]});
}

/* pack() of 16-bit numbers. Rows along the depth are converted piece by piece, and go on from the first cache. */
static void S(pack_widened)(const uint16_t *in, OperandType type, int64_t stride, int64_t step, int64_t n, int64_t depth,
                            T *out, int64_t width) {
    enum { PIECE = 64, AT_ONCE = 16 };
    T piece[AT_ONCE * PIECE];
    if (step != 1)
        for (int64_t k = 0; k < depth; k++) S(widen)(in + k * step, type, stride, n, out + k * width);
    for (int64_t i = 0; i < n && step == 1; i += AT_ONCE)
        for (int64_t k = 0; k < depth; k += PIECE) {
            const int64_t rows = n - i < AT_ONCE ? n - i : AT_ONCE, columns = depth - k < PIECE ? depth - k : PIECE;
            for (int64_t j = 0; j < rows; j++) S(widen)(in + (i + j) * stride + k, type, 1, columns, piece + j * PIECE);
            S(interleave)(piece, PIECE, rows, columns, out + k * width + i, width);
        }
}
#endif

/* Where an operand's number `place` is. */
static inline const char *S(address)(const char *operand, OperandType type, int64_t place) {
    return operand + place * (type == OWN_TYPE ? (int64_t)sizeof(T) : 2);
}

/* out[k · width + i] = in[k · step + i · stride] for n ≤ width. */
static void S(pack)(const char *operand, OperandType type, int64_t stride, int64_t step, int64_t n, int64_t depth, T *out,
                    int64_t width) {
    const T *in = (const T *)operand;
#ifdef CONVERTS
    if (type != OWN_TYPE) {
        S(pack_widened)((const uint16_t *)operand, type, stride, step, n, depth, out, width);
        return;
    }
#endif
    (void)type;
    if (step == 1) {
        int64_t i = 0;
        for (; LANES >= 8 && i + LANES <= n; i += LANES)
            TRANSPOSE((char *)(out + i), width, (const char *)(in + i * stride), stride, LANES, depth, false);
        for (; i < n; i += 16) /* as many rows as a processor follows at once */
            S(interleave)(in + i * stride, stride, n - i < 16 ? n - i : 16, depth, out + i, width);
        return;
    }
    for (int64_t k = 0; k < depth; k++, in += step, out += width)
        if (stride == 1) S(copy_row)(in, n, out);
        else for (int64_t i = 0; i < n; i++) out[i] = in[i * stride];
}

/* Where strip s of a begins. */
static inline int64_t S(strip_row)(const MatrixProduct *m, int64_t s) {
    if (m->strips == 1) return s * m->rows;
    const int64_t least = m->rows / m->strips, longer = m->rows % m->strips;
    return s * least + (s < longer ? s : longer);
}

/* rows × depth numbers of a from [first, k] on, column by column. */
static void S(pack_strip)(const MatrixProduct *m, int64_t first, int64_t rows, int64_t k, int64_t depth, T *out) {
    const char *a = S(address)(m->a, m->a_type, first * m->a_row + k * m->a_column);
    S(pack)(a, m->a_type, m->a_row, m->a_column, rows, depth, out, rows);
}

/* depth × columns numbers of b, row by row; zeros after them up to a whole vector. */
static void S(pack_panel_at)(const char *b, OperandType type, int64_t row, int64_t column, int64_t columns, int64_t depth,
                             T *out) {
    if (columns % LANES != 0)
        for (int64_t i = 0; i < depth; i++)
            *(S(Vector) *)(out + i * COLUMNS + columns / LANES * LANES) = (S(Vector)){0};
    S(pack)(b, type, column, row, columns, depth, out, COLUMNS);
}

/* Those of a product's b from [k, first] on. */
static void S(pack_panel)(const MatrixProduct *m, int64_t first, int64_t columns, int64_t k, int64_t depth, T *out) {
    const char *b = S(address)(m->b, m->b_type, k * m->b_row + first * m->b_column);
    S(pack_panel_at)(b, m->b_type, m->b_row, m->b_column, columns, depth, out);
}

static int64_t S(pack_strips)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    for (int64_t s = begin; s < end; s++) {
        const int64_t first = S(strip_row)(m, s);
        S(pack_strip)(m, first, S(strip_row)(m, s + 1) - first, 0, m->depth, (T *)m->packed_a + first * m->depth);
    }
    return -1;
}

/* Panels are made four at a time: of rows that are far apart, it pays to read long pieces. */
static int64_t S(pack_panels)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    const int64_t whole = m->columns / COLUMNS;
    int64_t p = begin;
    for (; m->b_type == OWN_TYPE && m->b_column == 1 && p + 4 <= end && p + 4 <= whole; p += 4) {
        T *out = (T *)m->packed_b + p * COLUMNS * m->depth;
        for (int64_t k = 0; k < m->depth; k++, out += COLUMNS) {
            const T *b = (const T *)m->b + k * m->b_row + p * COLUMNS;
            for (int64_t i = 0; i < 4; i++) S(copy_row)(b + i * COLUMNS, COLUMNS, out + i * COLUMNS * m->depth);
        }
    }
    for (; p < end; p++) {
        const int64_t first = p * COLUMNS, columns = m->columns - first < COLUMNS ? m->columns - first : COLUMNS;
        S(pack_panel)(m, first, columns, 0, m->depth, (T *)m->packed_b + first * m->depth);
    }
    return -1;
}
