/* Factorisations of square matrices for T, row-major and one after the other, and what follows from them. Inner loops
 * run along rows. Golub, Van Loan: Matrix computations, 4th edition, chapters 3 and 4. */

/* x[0 … n) -= factor · y[0 … n) */
static inline void S(subtract_row)(T *restrict x, const T *restrict y, T factor, int64_t n) {
    for (int64_t j = 0; j < n; j++) x[j] -= factor * y[j];
}

static void S(swap_rows)(T *restrict x, T *restrict y, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        const T kept = x[j];
        x[j] = y[j];
        y[j] = kept;
    }
}

/* Eliminates column k below its pivot: the multipliers stand there instead. */
static void S(eliminate)(T *a, int64_t k, int64_t n) {
    const T *pivot = a + k * n;
    for (int64_t i = k + 1; i < n; i++) {
        T *row = a + i * n;
        row[k] /= pivot[k];
        S(subtract_row)(row + k + 1, pivot + k + 1, row[k], n - k - 1);
    }
}

/* P·A = L·U in A's place: U on and above the diagonal, L below its ones. Row i of P·A is row order[i] of A; order[n] is
 * the sign of that permutation. Returns whether a pivot is 0. */
static bool S(factorise)(T *a, int64_t *order, int64_t n) {
    bool singular = false;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    order[n] = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (M(fabs)(a[i * n + k]) > M(fabs)(a[best * n + k])) best = i;
        if (best != k) {
            const int64_t kept = order[k];
            order[k] = order[best];
            order[best] = kept;
            order[n] = -order[n];
            S(swap_rows)(a + k * n, a + best * n, n);
        }
        if (a[k * n + k] == 0) singular = true;
        else S(eliminate)(a, k, n);
    }
    return singular;
}

/* L·X = B in B's place, n × columns; L has ones on its diagonal. */
static void S(substitute_forward)(const T *l, T *b, int64_t n, int64_t columns) {
    for (int64_t i = 1; i < n; i++)
        for (int64_t k = 0; k < i; k++) S(subtract_row)(b + i * columns, b + k * columns, l[i * n + k], columns);
}

/* U·X = B for the first `rows` rows of U, whose rows are n apart. */
static void S(substitute_back)(const T *u, T *b, int64_t rows, int64_t n, int64_t columns) {
    for (int64_t i = rows; i-- > 0;) {
        T *restrict row = b + i * columns;
        for (int64_t k = i + 1; k < rows; k++) S(subtract_row)(row, b + k * columns, u[i * n + k], columns);
        for (int64_t j = 0; j < columns; j++) row[j] /= u[i * n + i];
    }
}

/* Kernels over the matrices of a Decomposition. */

static int64_t S(lu)(const void *arguments, int64_t begin, int64_t end) {
    const Decomposition *d = arguments;
    int64_t bad = -1;
    for (int64_t i = begin; i < end; i++)
        if (S(factorise)((T *)d->a + i * d->n * d->n, d->order + i * (d->n + 1), d->n) && bad < 0) bad = i;
    return bad;
}

static int64_t S(determinants)(const void *arguments, int64_t begin, int64_t end) {
    const Decomposition *d = arguments;
    for (int64_t i = begin; i < end; i++) {
        const T *u = (const T *)d->a + i * d->n * d->n;
        T product = (T)d->order[i * (d->n + 1) + d->n];
        for (int64_t k = 0; k < d->n; k++) product *= u[k * d->n + k];
        ((T *)d->x)[i] = product;
    }
    return -1;
}

/* Each matrix of x from that of b and from the factors that its place in the batch has. */
static int64_t S(lu_solve)(const void *arguments, int64_t begin, int64_t end) {
    const Decomposition *d = arguments;
    const int64_t n = d->n, columns = d->columns, size = n * columns;
    for (int64_t i = begin; i < end; i++) {
        int64_t factors = 0, rest = i;
        for (int dim = d->ndim; dim-- > 0; rest /= d->shape[dim]) factors += rest % d->shape[dim] * d->steps[dim];
        const T *lu = (const T *)d->a + factors * n * n, *b = (const T *)d->b + i * size;
        const int64_t *order = d->order + factors * (n + 1);
        T *x = (T *)d->x + i * size;
        for (int64_t row = 0; row < n; row++)
            memcpy(x + row * columns, b + order[row] * columns, (size_t)columns * sizeof(T));
        S(substitute_forward)(lu, x, n, columns);
        S(substitute_back)(lu, x, n, n, columns);
    }
    return -1;
}

/* Σ row[k] · a[j + r, k] over k < j, for four rows (or as many as there are) of a from j on. */
static void S(four_products)(const T *a, int64_t n, const T *row, int64_t j, T *sums) {
    const T *other[4];
    for (int64_t r = 0; r < 4; r++) other[r] = a + (j + r < n ? j + r : n - 1) * n;
    T first = 0, second = 0, third = 0, fourth = 0;
#pragma omp simd reduction(+ : first, second, third, fourth)
    for (int64_t k = 0; k < j; k++) {
        first += row[k] * other[0][k];
        second += row[k] * other[1][k];
        third += row[k] * other[2][k];
        fourth += row[k] * other[3][k];
    }
    sums[0] = first, sums[1] = second, sums[2] = third, sums[3] = fourth;
}

/* A = L·Lᵀ, of which only the lower triangle is read, in A's place, zeros above. Bad: a pivot that is not positive. */
static int64_t S(cholesky)(const void *arguments, int64_t begin, int64_t end) {
    const Decomposition *d = arguments;
    const int64_t n = d->n;
    int64_t bad = -1;
    for (int64_t at = begin; at < end; at++)
        for (int64_t i = 0; i < n; i++) {
            T *a = (T *)d->a + at * n * n, *row = a + i * n;
            T sums[4];
            for (int64_t j = 0; j <= i; j++) {
                const T *other = a + j * n;
                if (j % 4 == 0) S(four_products)(a, n, row, j, sums);
                T sum = sums[j % 4];
                for (int64_t k = j - j % 4; k < j; k++) sum += row[k] * other[k];
                row[j] = j < i ? (row[j] - sum) / other[j] : row[j] - sum;
            }
            if (!(row[i] > 0) && bad < 0) bad = at;
            row[i] = M(sqrt)(row[i]);
            memset(row + i + 1, 0, (size_t)(n - i - 1) * sizeof(T));
        }
    return bad;
}

/* P·A·Q = L·U in A's place, the largest number that is left as each pivot: so zeros among them come last. rows[i] and
 * columns[j] are A's; returns the sign of both permutations, or 0 where a pivot before the last one is 0. */
static int64_t S(factorise_completely)(T *a, int64_t *rows, int64_t *columns, int64_t n) {
    int64_t sign = 1;
    for (int64_t i = 0; i < n; i++) rows[i] = columns[i] = i;
    for (int64_t k = 0; k + 1 < n; k++) {
        int64_t best = k, column = k;
        for (int64_t i = k; i < n; i++)
            for (int64_t j = k; j < n; j++)
                if (M(fabs)(a[i * n + j]) > M(fabs)(a[best * n + column])) best = i, column = j;
        if (a[best * n + column] == 0) return 0;
        const int64_t row = rows[k], other = columns[k];
        rows[k] = rows[best], rows[best] = row;
        columns[k] = columns[column], columns[column] = other;
        if (best != k) S(swap_rows)(a + k * n, a + best * n, n), sign = -sign;
        if (column != k) sign = -sign;
        for (int64_t i = 0; i < n && column != k; i++) {
            const T kept = a[i * n + k];
            a[i * n + k] = a[i * n + column];
            a[i * n + column] = kept;
        }
        S(eliminate)(a, k, n);
    }
    return sign;
}

/* The matrix of cofactors, the derivative of the determinant: det(A)·A⁻ᵀ without a division by the last pivot, so it
 * holds for singular matrices too. With U = [V u; 0 d], the adjugate of U is det(V)·[d·V⁻¹, -V⁻¹·u; 0, 1], that of L
 * is L⁻¹, and permutations only move cofactors and change their sign. */
static int64_t S(cofactors)(const void *arguments, int64_t begin, int64_t end) {
    const Decomposition *d = arguments;
    const int64_t n = d->n, last = n - 1;
    for (int64_t at = begin; at < end; at++) {
        T *a = (T *)d->a + at * n * n, *x = (T *)d->b + at * n * n, *y = (T *)d->x + at * n * n;
        int64_t *rows = d->order + at * 2 * n, *columns = rows + n;
        T scale = (T)S(factorise_completely)(a, rows, columns, n);
        memset(x, 0, (size_t)(n * n) * sizeof(T));
        if (scale == 0) {
            memset(y, 0, (size_t)(n * n) * sizeof(T));
            continue;
        }
        for (int64_t i = 0; i < n; i++) x[i * n + i] = 1;
        S(substitute_forward)(a, x, n, n);
        for (int64_t i = 0; i < last; i++) {
            for (int64_t j = 0; j < n; j++) x[i * n + j] *= a[last * n + last];
            S(subtract_row)(x + i * n, x + last * n, a[i * n + last], n);
            scale *= a[i * n + i];
        }
        S(substitute_back)(a, x, last, n, n);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) y[rows[j] * n + columns[i]] = scale * x[i * n + j];
    }
    return -1;
}
