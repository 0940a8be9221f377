/* Losses of one floating type T: of pairs of numbers, summed as they are computed, and cross entropy of classes. */

/* A loss of x (a prediction) and y (its target), its slope for x, and what makes a pair a bad one. */
#define PAIR_LOSS(name, loss, slope, bad)                                                                             \
    static inline bool S(name##_is_bad)(T x, T y) {                                                                   \
        (void)x, (void)y;                                                                                             \
        return bad;                                                                                                   \
    }                                                                                                                 \
                                                                                                                      \
    static int64_t S(name##_sum)(const PairRow *row) {                                                                \
        const T *a = (const T *)row->x, *b = (const T *)row->y;                                                       \
        double sum = 0;                                                                                               \
        for (int64_t begin = 0; begin < row->n; begin += 1024) {                                                      \
            const int64_t end = row->n - begin < 1024 ? row->n : begin + 1024;                                        \
            T block = 0;                                                                                              \
            int misfits = 0;                                                                                          \
            _Pragma("omp simd reduction(+ : block, misfits)") for (int64_t i = begin; i < end; i++) {                 \
                T x = a[i], y = b[i];                                                                                 \
                block += loss;                                                                                        \
                misfits += S(name##_is_bad)(x, y);                                                                    \
            }                                                                                                         \
            sum += (double)block;                                                                                     \
            for (int64_t i = begin; misfits > 0; i++)                                                                 \
                if (S(name##_is_bad)(a[i], b[i])) return i;                                                           \
        }                                                                                                             \
        *row->sum = sum;                                                                                              \
        return -1;                                                                                                    \
    }                                                                                                                 \
                                                                                                                      \
    static void S(name##_pair_slope)(const PairRow *row) {                                                            \
        const T *a = (const T *)row->x, *b = (const T *)row->y;                                                       \
        T *z = (T *)row->slopes;                                                                                      \
        const T scale = (T)row->scale;                                                                                \
        _Pragma("omp simd") for (int64_t i = 0; i < row->n; i++) {                                                    \
            T x = a[i], y = b[i];                                                                                     \
            z[i] = scale * (slope);                                                                                   \
        }                                                                                                             \
    }

PAIR_LOSS(bce_loss, -(y * S(clamped_log)(x) + (1 - y) * S(clamped_log1p)(-x)), (x - y) / S(clamped_variance)(x),
          (x < 0) | (x > 1) | (y < 0) | (y > 1))
PAIR_LOSS(logits_loss, (x > 0 ? x : 0) - x * y + S(log1p)(S(exp)(-M(fabs)(x))), S(sigmoid)(x) - y, 0)
PAIR_LOSS(squares_loss, (x - y) * (x - y), 2 * (x - y), 0)
PAIR_LOSS(distance_loss, M(fabs)(x - y), x > y ? 1 : x < y ? -1 : x - y, 0)
#undef PAIR_LOSS

/* A place's row has its largest score and Σ exp(x - largest): notes both, its class's weight, and the weighted loss
 * log Σ exp(x) - x[class]. */
static void S(entropy_of_place)(const Entropy *e, int64_t place, double chosen, double largest, double sum) {
    const int64_t class = e->classes[place];
    const double weight = class == e->ignored ? 0 : e->weight ? (double)((const T *)e->weight)[class] : 1;
    e->largest[place] = largest;
    e->shares[place] = 1 / sum;
    e->weights[place] = weight;
    e->losses[place] = class == e->ignored ? 0 : (log(sum) - (chosen - largest)) * weight;
}

static inline int64_t S(class_of)(const Entropy *e, int64_t place) {
    return e->classes[place] == e->ignored ? 0 : e->classes[place];
}

static void S(entropy_rows)(const Entropy *e, int64_t outer, int64_t place, int64_t n) {
    (void)outer;
    for (int64_t end = place + n; place < end; place++) {
        const T *x = (const T *)e->x + place * e->classes_count;
        Accumulator largest = {.f = -INFINITY}, sum = {.f = 0};
        S(max_row)(&largest, (const char *)x, 1, e->classes_count, 0, &sum.f);
        S(sum_exp_from_row)(&sum, (const char *)x, 1, e->classes_count, 0, &largest.f);
        S(entropy_of_place)(e, place, (double)x[S(class_of)(e, place)], largest.f, sum.f);
    }
}

static void S(entropy_columns)(const Entropy *e, int64_t outer, int64_t place, int64_t n) {
    const int64_t stride = e->inner;
    const T *x = (const T *)e->x + outer * e->classes_count * stride + (place - outer * stride);
    double largest[LINE_COLUMNS], sums[LINE_COLUMNS];
    for (int64_t j = 0; j < n; j++) largest[j] = -INFINITY, sums[j] = 0;
    Columns c = {.values = largest, .data = (const char *)x, .stride = stride, .rows = e->classes_count, .n = n};
    S(max_columns)(&c, sums, false);
    c.values = sums;
    S(sum_exp_from_columns)(&c, largest, true);
    for (int64_t j = 0; j < n; j++)
        S(entropy_of_place)(e, place + j, (double)x[S(class_of)(e, place + j) * stride + j], largest[j], sums[j]);
}

static inline T S(scale_of)(const Entropy *e, int64_t place) {
    return (T)(e->weights[place] * e->scale * (e->each ? (double)((const T *)e->g)[place] : 1));
}

/* (exp(x - largest) / Σ - [its class]) · weight · g */
static void S(entropy_slope_rows)(const Entropy *e, int64_t outer, int64_t place, int64_t n) {
    (void)outer;
    for (int64_t end = place + n; place < end; place++) {
        const T *x = (const T *)e->x + place * e->classes_count;
        T *dx = (T *)e->slopes + place * e->classes_count;
        const T scale = S(scale_of)(e, place);
        const T largest = (T)e->largest[place], factor = (T)(scale * e->shares[place]);
        const bool ignored = e->classes[place] == e->ignored;
        if (ignored) _Pragma("omp simd") for (int64_t i = 0; i < e->classes_count; i++) dx[i] = 0;
        else _Pragma("omp simd") for (int64_t i = 0; i < e->classes_count; i++) dx[i] = S(exp)(x[i] - largest) * factor;
        if (!ignored) dx[e->classes[place]] -= scale;
    }
}

static void S(entropy_slope_columns)(const Entropy *e, int64_t outer, int64_t place, int64_t n) {
    const int64_t stride = e->inner, start = outer * e->classes_count * stride + (place - outer * stride);
    const T *x = (const T *)e->x + start;
    T *dx = (T *)e->slopes + start, scale[LINE_COLUMNS], factor[LINE_COLUMNS], largest[LINE_COLUMNS];
    for (int64_t j = 0; j < n; j++) {
        const bool ignored = e->classes[place + j] == e->ignored;
        scale[j] = ignored ? 0 : S(scale_of)(e, place + j);
        factor[j] = (T)(scale[j] * e->shares[place + j]);
        largest[j] = (T)e->largest[place + j];
    }
    for (int64_t r = 0; r < e->classes_count; r++)
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++)
            dx[r * stride + j] = factor[j] == 0 ? 0 : S(exp)(x[r * stride + j] - largest[j]) * factor[j];
    for (int64_t j = 0; j < n; j++)
        dx[S(class_of)(e, place + j) * stride + j] -= scale[j];
}
