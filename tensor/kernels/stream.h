/* Stores past the caches, for results too large for them: no line is read before it is written. */

typedef float Line __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef Line UnalignedLine __attribute__((aligned(1), may_alias));

#if defined(__clang__)
#define STORE_PAST_CACHES(to, line) __builtin_nontemporal_store(line, (Line *)(to))
#elif defined(__AVX512F__)
#define STORE_PAST_CACHES(to, line) __builtin_ia32_movntps512((float *)(to), line)
#elif defined(__AVX2__)
#define STORE_PAST_CACHES(to, line) __builtin_ia32_movntps256((float *)(to), line)
#elif defined(__x86_64__)
#define STORE_PAST_CACHES(to, line) __builtin_ia32_movntps((float *)(to), line)
#else
#define STORE_PAST_CACHES(to, line) (*(Line *)(to) = (line))
#endif

/* Such stores come before all later ones, as other threads see them. */
static void end_stores_past_caches(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

/* y[i] = … for i from 0 to n, of type T; past the caches if that is wanted and y is aligned. */
#define STORE_ROW(y, n, past_caches, ...)                                                           \
    {                                                                                               \
        enum { LINE = VECTOR_BYTES / sizeof(T) };                                                   \
        const int64_t lines = (past_caches) && (uintptr_t)(y) % VECTOR_BYTES == 0 ? (n) / LINE : 0; \
        for (int64_t first = 0; first < lines * LINE; first += LINE) {                              \
            _Alignas(VECTOR_BYTES) T line[LINE];                                                    \
            _Pragma("omp simd") for (int k = 0; k < LINE; k++) {                                    \
                const int64_t i = first + k;                                                        \
                line[k] = (__VA_ARGS__);                                                            \
            }                                                                                       \
            STORE_PAST_CACHES((y) + first, *(const Line *)line);                                    \
        }                                                                                           \
        _Pragma("omp simd") for (int64_t i = lines * LINE; i < (n); i++)(y)[i] = (__VA_ARGS__);     \
    }

static void stream(char *to, const char *from, int64_t bytes) {
    const int64_t head = -(intptr_t)to & (VECTOR_BYTES - 1);
    int64_t i = head < bytes ? head : bytes;
    memcpy(to, from, (size_t)i);
    for (; i + VECTOR_BYTES <= bytes; i += VECTOR_BYTES)
        STORE_PAST_CACHES(to + i, *(const UnalignedLine *)(from + i));
    memcpy(to + i, from + i, (size_t)(bytes - i));
}
