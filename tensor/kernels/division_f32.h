/* The divisions that leave a remainder in f32, where the quotient is small: in double, whose quotient then truncates to
 * the true whole number; its product with y is exact, and so is what is left. Elsewhere, by the same bits, scalar.h. */

static inline bool is_near_quotient_f32(float x, float y) {
    return magnitude_f32(x) * 0x1p-22f < magnitude_f32(y) && magnitude_f32(y) < INFINITY;
}

static inline float fmod_near_f32(float x, float y) {
    double quotient = (double)x / y, whole = (int32_t)quotient;
    return with_sign_f32((float)(x - whole * y), x);
}

static inline float remainder_near_f32(float x, float y) {
    return floored_remainder_f32(fmod_near_f32(x, y), y);
}

static inline float floor_divide_near_f32(float x, float y) {
    double quotient = (double)x / y, whole = (int32_t)quotient, floored = whole > quotient ? whole - 1 : whole;
    return with_sign_f32((float)floored, (float)quotient);
}
