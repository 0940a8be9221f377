/* Distances between the rows of two matrices, (Σ |a - b|^p)^(1/p), for T: a strip of rows of a meets a panel of b's
 * rows, which lie beside each other as in the matrix product (pack.h), so that no difference is stored. */

#define PANEL (VECTORS * LANES)

/* sums[i][j] of what the coordinates of a's row i and the panel's row j have apart, d: `step` makes the next sum. */
#define APART(name, step)                                                                                         \
    ALWAYS_INLINE void S(apart_##name)(const T *a, const T *panel, int64_t depth, const int rows, T *sums, T p) { \
        (void)p;                                                                                                  \
        for (int64_t k = 0; k < depth; k++, panel += PANEL)                                                       \
            for (int i = 0; i < rows; i++) {                                                                      \
                const T x = a[i * depth + k];                                                                     \
                _Pragma("omp simd") for (int j = 0; j < PANEL; j++) {                                             \
                    const T d = M(fabs)(x - panel[j]), sum = sums[i * PANEL + j];                                 \
                    sums[i * PANEL + j] = step;                                                                   \
                }                                                                                                 \
            }                                                                                                     \
    }
APART(count, sum + (d != 0))
APART(sum, sum + d)
APART(squares, sum + d * d)
APART(most, d > sum || d != d ? d : sum)
APART(powers, sum + S(pow)(d, p))
#undef APART

ALWAYS_INLINE void S(distances_strip)(const Distances *t, const T *a, const T *panel, const int rows, T *y,
                                      int64_t columns) {
    T sums[DISTANCE_ROWS * PANEL] = {0};
    const T p = (T)t->p;
    if (p == 0) S(apart_count)(a, panel, t->depth, rows, sums, p);
    else if (p == 1) S(apart_sum)(a, panel, t->depth, rows, sums, p);
    else if (p == 2) S(apart_squares)(a, panel, t->depth, rows, sums, p);
    else if (p == (T)INFINITY) S(apart_most)(a, panel, t->depth, rows, sums, p);
    else S(apart_powers)(a, panel, t->depth, rows, sums, p);
    for (int i = 0; i < rows; i++, y += t->columns) {
        T *sum = sums + i * PANEL;
        if (p == 2) _Pragma("omp simd") for (int j = 0; j < PANEL; j++) sum[j] = M(sqrt)(sum[j]);
        else if (p != 0 && p != 1 && p != (T)INFINITY)
            _Pragma("omp simd") for (int j = 0; j < PANEL; j++) sum[j] = S(pow)(sum[j], 1 / p);
        memcpy(y, sum, (size_t)columns * sizeof(T));
    }
}

/* Over strips of rows of a, of all matrices. */
static int64_t S(distances)(const void *arguments, int64_t begin, int64_t end) {
    const Distances *t = arguments;
    const int64_t strips = (t->rows + DISTANCE_ROWS - 1) / DISTANCE_ROWS, panels = (t->columns + PANEL - 1) / PANEL;
    for (int64_t i = begin; i < end; i++) {
        const int64_t matrix = i / strips, first = i % strips * DISTANCE_ROWS, row = matrix * t->rows + first;
        const int64_t rows = t->rows - first < DISTANCE_ROWS ? t->rows - first : DISTANCE_ROWS;
        const T *a = (const T *)t->a + row * t->depth;
        for (int64_t p = 0; p < panels; p++) {
            const int64_t column = p * PANEL, columns = t->columns - column < PANEL ? t->columns - column : PANEL;
            const T *panel = (const T *)t->b + (matrix * panels + p) * PANEL * t->depth;
            T *y = (T *)t->y + row * t->columns + column;
            if (rows == DISTANCE_ROWS) S(distances_strip)(t, a, panel, DISTANCE_ROWS, y, columns);
            else
                for (int64_t r = 0; r < rows; r++)
                    S(distances_strip)(t, a + r * t->depth, panel, 1, y + r * t->columns, columns);
        }
    }
    return -1;
}

/* ---- derivative: Σ over b's rows of g sign(a - b) (|a - b| / y)^(p - 1), 0 where a = b or y = 0; for the largest
 *      difference shared among ties. A panel of a's rows meets some rows of b at once. ---- */

enum { S(slope_rows) = 64 };

typedef struct {
    T g[S(slope_rows) * PANEL]; /* and what else does not depend on the coordinate */
    T y[S(slope_rows) * PANEL];
} S(DistanceSlopes);

/* sums[c][j] of what b's rows give to coordinate c of the panel's row j: `step` of the difference d, and of g and y. */
#define SLOPE(name, step)                                                                                       \
    ALWAYS_INLINE void S(apart_slope_##name)(const S(DistanceSlopes) *s, const T *a, const T *b, int64_t depth, \
                                             int64_t n, const int coordinates, T *sums, T p) {                  \
        (void)p;                                                                                                \
        for (int64_t r = 0; r < n; r++) {                                                                       \
            const T *gs = s->g + r * PANEL, *ys = s->y + r * PANEL;                                             \
            (void)ys;                                                                                           \
            for (int c = 0; c < coordinates; c++) {                                                             \
                const T x = b[r * depth + c];                                                                   \
                _Pragma("omp simd") for (int j = 0; j < PANEL; j++) {                                           \
                    const T d = a[c * PANEL + j] - x, g = gs[j];                                                \
                    sums[c * PANEL + j] += step;                                                                \
                }                                                                                               \
            }                                                                                                   \
        }                                                                                                       \
    }
SLOPE(sum, d > 0 ? g : d < 0 ? -g : d * g)
SLOPE(squares, d * g)
SLOPE(most, M(fabs)(d) != ys[j] || d == 0 ? 0 : d > 0 ? g : -g)
SLOPE(powers, d == 0 ? 0 : (d < 0 ? -g : g) * S(pow)(M(fabs)(d) / ys[j], p - 1))
#undef SLOPE

/* Of some coordinates of a panel's rows, added to theirs; `first` are the first of b's. */
ALWAYS_INLINE void S(add_slopes)(const Distances *t, const S(DistanceSlopes) *s, const T *a, const T *b, int64_t n,
                                 const int coordinates, T *slope, int64_t rows, bool first) {
    T sums[DISTANCE_ROWS * PANEL] = {0};
    const T p = (T)t->p;
    if (p == 1) S(apart_slope_sum)(s, a, b, t->depth, n, coordinates, sums, p);
    else if (p == 2) S(apart_slope_squares)(s, a, b, t->depth, n, coordinates, sums, p);
    else if (p == (T)INFINITY) S(apart_slope_most)(s, a, b, t->depth, n, coordinates, sums, p);
    else S(apart_slope_powers)(s, a, b, t->depth, n, coordinates, sums, p);
    for (int64_t j = 0; j < rows; j++, slope += t->depth)
        for (int c = 0; c < coordinates; c++) slope[c] = sums[c * PANEL + j] + (first ? 0 : slope[c]);
}

/* Divides by the number of coordinates in which a and b's row have the largest difference. */
static void S(share_among_ties)(S(DistanceSlopes) *s, const T *a, const T *b, int64_t depth, int64_t n) {
    for (int64_t r = 0; r < n; r++, b += depth) {
        T ties[PANEL] = {0}, *g = s->g + r * PANEL, *y = s->y + r * PANEL;
        for (int64_t k = 0; k < depth; k++)
            _Pragma("omp simd") for (int j = 0; j < PANEL; j++)
                ties[j] += M(fabs)(a[k * PANEL + j] - b[k]) == y[j];
        _Pragma("omp simd") for (int j = 0; j < PANEL; j++) g[j] = ties[j] == 0 ? 0 : g[j] / ties[j];
    }
}

/* Distances and their gradients for n rows of b and columns [first, first + columns): those of a's rows. */
static void S(read_distances)(const Distances *t, int64_t at, int64_t n, int64_t columns, S(DistanceSlopes) *s) {
    const T *g = (const T *)t->g + at, *y = (const T *)t->y + at;
    memset(s, 0, sizeof *s);
    for (int64_t r = 0; r < n; r++, g += t->rows, y += t->rows)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t to = r * PANEL + j;
            s->y[to] = y[j] == 0 && t->p != (T)INFINITY ? 1 : y[j];
            s->g[to] = y[j] == 0 && t->p != 1 ? 0 : t->p == 2 ? g[j] / y[j] : g[j];
        }
}

/* Over panels of a's rows, of all matrices; b is row-major, and so are y and g, a row for each of b's. */
static int64_t S(distance_slopes)(const void *arguments, int64_t begin, int64_t end) {
    enum { BLOCK = S(slope_rows) };
    const Distances *t = arguments;
    const int64_t panels = (t->rows + PANEL - 1) / PANEL;
    S(DistanceSlopes) s;
    for (int64_t i = begin; i < end; i++) {
        const int64_t matrix = i / panels, first = i % panels * PANEL;
        const int64_t rows = t->rows - first < PANEL ? t->rows - first : PANEL;
        const T *a = (const T *)t->a + i * PANEL * t->depth, *b = (const T *)t->b + matrix * t->columns * t->depth;
        T *slope = (T *)t->slope + (matrix * t->rows + first) * t->depth;
        for (int64_t row = 0; row < t->columns; row += BLOCK, b += BLOCK * t->depth) {
            const int64_t n = t->columns - row < BLOCK ? t->columns - row : BLOCK;
            S(read_distances)(t, (matrix * t->columns + row) * t->rows + first, n, rows, &s);
            if (t->p == (T)INFINITY) S(share_among_ties)(&s, a, b, t->depth, n);
            int64_t k = 0;
            for (; k + DISTANCE_ROWS <= t->depth; k += DISTANCE_ROWS)
                S(add_slopes)(t, &s, a + k * PANEL, b + k, n, DISTANCE_ROWS, slope + k, rows, row == 0);
            for (; k < t->depth; k++) S(add_slopes)(t, &s, a + k * PANEL, b + k, n, 1, slope + k, rows, row == 0);
        }
    }
    return -1;
}
#undef PANEL
