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

#if EIGHT_ROWS
typedef T S(Eight) __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));

static inline S(Eight) S(join)(const T *low, const T *high) {
    return __builtin_shufflevector(*(const S(Four) *)low, *(const S(Four) *)high, 0, 1, 2, 3, 4, 5, 6, 7);
}

/* out[k · width + i] = in[i · stride + k] for 8 × 4 numbers: no number leaves its half of a vector. */
static inline void S(transpose_eight)(const T *in, int64_t stride, T *out, int64_t width) {
    S(Eight) a = S(join)(in, in + 4 * stride), b = S(join)(in + stride, in + 5 * stride);
    S(Eight) c = S(join)(in + 2 * stride, in + 6 * stride), d = S(join)(in + 3 * stride, in + 7 * stride);
    S(Eight) ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
    S(Eight) AB = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    S(Eight) cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
    S(Eight) CD = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    *(S(Eight) *)out = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13);
    *(S(Eight) *)(out + width) = __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    *(S(Eight) *)(out + 2 * width) = __builtin_shufflevector(AB, CD, 0, 1, 8, 9, 4, 5, 12, 13);
    *(S(Eight) *)(out + 3 * width) = __builtin_shufflevector(AB, CD, 2, 3, 10, 11, 6, 7, 14, 15);
}
#endif

/* The same for n ≤ width rows of `depth` numbers each. */
static inline void S(interleave)(const T *in, int64_t stride, int64_t n, int64_t depth, T *out, int64_t width) {
    const int64_t whole = depth / 4 * 4;
    int64_t i = 0;
#if EIGHT_ROWS
    for (; i + 8 <= n; i += 8)
        for (int64_t k = 0; k < whole; k += 4) S(transpose_eight)(in + i * stride + k, stride, out + k * width + i, width);
#endif
    for (; i + 4 <= n; i += 4)
        for (int64_t k = 0; k < whole; k += 4) S(transpose_four)(in + i * stride + k, stride, out + k * width + i, width);
    for (; i < n; i++)
        for (int64_t k = 0; k < whole; k++) out[k * width + i] = in[i * stride + k];
    for (int64_t k = whole; k < depth; k++)
        for (i = 0; i < n; i++) out[k * width + i] = in[i * stride + k];
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
        S(interleave)(in, stride, n, depth, out, width);
        return;
    }
    for (int64_t k = 0; k < depth; k++, in += step, out += width)
        if (stride == 1) S(copy_row)(in, n, out);
        else for (int64_t i = 0; i < n; i++) out[i] = in[i * stride];
}

/* Where strip s of a begins. */
static inline int64_t S(strip_row)(const MatrixProduct *m, int64_t s) {
    const int64_t longer = m->rows - m->strips * m->least_rows;
    return s * m->least_rows + (s < longer ? s : longer);
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
