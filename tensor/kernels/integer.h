/* What list.h asks of 64-bit integers, which wrap around. Division by 0 is refused before a kernel runs. */

static inline int64_t fmod_i64(int64_t x, int64_t y) {
    return y == -1 ? 0 : x % y;
}

static inline int64_t remainder_i64(int64_t x, int64_t y) {
    int64_t r = fmod_i64(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static inline int64_t floor_divide_i64(int64_t x, int64_t y) {
    if (y == -1) return (int64_t)(0 - (uint64_t)x);
    int64_t quotient = x / y;
    return x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient;
}

/* By squaring; negative exponents are refused before a kernel runs, save those of 1 and -1. */
static inline int64_t pow_i64(int64_t x, int64_t y) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)x;
    for (; y > 0; y >>= 1) {
        if (y & 1) result *= base;
        base *= base;
    }
    return (int64_t)result;
}
