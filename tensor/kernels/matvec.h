/* Matrix times vector for T, the case of a single row or column in the product. Every number of the matrix is used
 * once, so what counts is to read it at the memory's pace: in the order in which it lies there, several rows at a time
 * so that several lines are on their way. */

/* c[j] += Σₖ x[k · x_step] · rows[k · row_step + j · step] for n numbers of c: sums of the matrix' rows. */
static void S(add_rows)(const T *x, int64_t x_step, const T *rows, int64_t row_step, int64_t step, int64_t depth,
                        T *restrict c, int64_t n) {
    int64_t k = 0;
    for (; step == 1 && k + 8 <= depth; k += 8, rows += 8 * row_step, x += 8 * x_step) {
        const T *restrict r = rows;
#define TERM(i) x[i * x_step] * r[i * row_step + j]
        for (int64_t j = 0; j < n; j++)
            c[j] += ((TERM(0) + TERM(1)) + (TERM(2) + TERM(3))) + ((TERM(4) + TERM(5)) + (TERM(6) + TERM(7)));
#undef TERM
    }
    for (; k < depth; k++, rows += row_step, x += x_step)
        for (int64_t j = 0; j < n; j++) c[j] += x[0] * rows[j * step];
}

/* c[j] += Σₖ x[k] · rows[j · row_step + k] for n numbers of c: a dot product with each of the matrix' rows. */
static void S(add_dots)(const T *restrict x, const T *rows, int64_t row_step, int64_t depth, T *restrict c, int64_t n) {
    int64_t j = 0;
    for (; j + 4 <= n; j += 4, rows += 4 * row_step) {
        const T *restrict r0 = rows, *restrict r1 = r0 + row_step, *restrict r2 = r1 + row_step;
        const T *restrict r3 = r2 + row_step;
        T sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma omp simd reduction(+ : sum0, sum1, sum2, sum3)
        for (int64_t k = 0; k < depth; k++) {
            sum0 += x[k] * r0[k];
            sum1 += x[k] * r1[k];
            sum2 += x[k] * r2[k];
            sum3 += x[k] * r3[k];
        }
        c[j] += sum0, c[j + 1] += sum1, c[j + 2] += sum2, c[j + 3] += sum3;
    }
    for (; j < n; j++, rows += row_step) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < depth; k++) sum += x[k] * rows[k];
        c[j] += sum;
    }
}

/* Numbers [begin, end) of c, which is one row or one column. */
static int64_t S(multiply_vector)(const void *arguments, int64_t begin, int64_t end) {
    const MatrixProduct *m = arguments;
    const bool row = m->rows == 1;
    const T *x = (const T *)(row ? m->a : m->b), *matrix = (const T *)(row ? m->b : m->a);
    const int64_t x_step = row ? m->a_column : m->b_row, along = row ? m->b_row : m->a_column;
    const int64_t across = row ? m->b_column : m->a_row, n = end - begin;
    T *c = (T *)m->c + begin, part[512];
    for (int64_t j = 0; j < n; j++) c[j] = m->bias ? ((const T *)m->bias)[row ? begin + j : 0] : 0;
    matrix += begin * across;
    if (along != 1) {
        S(add_rows)(x, x_step, matrix, along, across, m->depth, c, n);
    } else if (x_step == 1) {
        S(add_dots)(x, matrix, across, m->depth, c, n);
    } else {
        for (int64_t k = 0; k < m->depth; k += 512) {
            const int64_t depth = m->depth - k < 512 ? m->depth - k : 512;
            for (int64_t i = 0; i < depth; i++) part[i] = x[(k + i) * x_step];
            S(add_dots)(part, matrix + k, across, depth, c, n);
        }
    }
    return -1;
}
