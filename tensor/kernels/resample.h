/* Weighted sums along the middle of [outer, from, inner] for T: each of n places takes some of the `from`. */
static int64_t S(resample)(const void *arguments, int64_t begin, int64_t end) {
    const Resample *r = arguments;
    const int64_t inner = r->inner;
    for (int64_t row = begin; row < end; row++) {
        const int64_t i = row % r->n;
        const T *x = (const T *)r->x + row / r->n * r->from * inner;
        T *y = (T *)r->y + row * inner;
        if (inner == 1) {
            T sum = 0;
            for (int64_t t = r->starts[i]; t < r->starts[i + 1]; t++) sum += (T)r->weights[t] * x[r->places[t]];
            *y = sum;
            continue;
        }
        memset(y, 0, (size_t)inner * sizeof(T));
        for (int64_t t = r->starts[i]; t < r->starts[i + 1]; t++) {
            const T weight = (T)r->weights[t], *at = x + r->places[t] * inner;
            _Pragma("omp simd") for (int64_t j = 0; j < inner; j++) y[j] += weight * at[j];
        }
    }
    return -1;
}
