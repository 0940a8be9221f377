/* Transposition of a matrix of T: to[c][r] = from[r][c], where the numbers of a row are neighbours. LANES × LANES of them
 * turn within registers: a round interleaves the first half of the vectors with the second; each rotates the bits of a
 * number's place, (row, column), by one, and log2(LANES) rounds make (column, row) of it. */

#if LANES == 16
#define PAIRS PAIRS_16
#elif LANES == 8
#define PAIRS PAIRS_8
#elif LANES == 4
#define PAIRS PAIRS_4
#else
#define PAIRS PAIRS_2
#endif

typedef T S(Lanes) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

static inline void S(interleave)(S(Lanes) to[LANES], const S(Lanes) from[LANES]) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES / 2; i++) {
        to[2 * i] = __builtin_shufflevector(from[i], from[i + LANES / 2], PAIRS(0));
        to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + LANES / 2], PAIRS(LANES / 2));
    }
}

static inline void S(transpose_block)(T *to, int64_t to_row, const T *from, int64_t from_row, bool past_caches) {
    S(Lanes) x[LANES], y[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) x[i] = *(const S(Lanes) *)(from + i * from_row);
    S(interleave)(y, x);
    if (LANES > 2) S(interleave)(x, y);
    if (LANES > 4) S(interleave)(y, x);
    if (LANES > 8) S(interleave)(x, y);
    const S(Lanes) *turned = LANES == 2 || LANES == 8 ? y : x;
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        Line line = {0};
        memcpy(&line, &turned[i], sizeof turned[i]);
        if (past_caches && sizeof line == sizeof turned[i]) STORE_PAST_CACHES(to + i * to_row, line);
        else *(S(Lanes) *)(to + i * to_row) = turned[i];
    }
}

static void S(transpose)(char *to_data, int64_t to_row, const char *from_data, int64_t from_row, int64_t rows,
                         int64_t columns, bool past_caches) {
    T *to = (T *)to_data;
    const T *from = (const T *)from_data;
    const int64_t whole_rows = rows - rows % LANES, whole_columns = columns - columns % LANES;
    for (int64_t r = 0; r < whole_rows; r += LANES)
        for (int64_t c = 0; c < whole_columns; c += LANES)
            if (past_caches) S(transpose_block)(to + c * to_row + r, to_row, from + r * from_row + c, from_row, true);
            else S(transpose_block)(to + c * to_row + r, to_row, from + r * from_row + c, from_row, false);
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; r++)
            to[c * to_row + r] = from[r * from_row + c];
}
#undef PAIRS
