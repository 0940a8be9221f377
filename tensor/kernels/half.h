/* 16-bit floating formats, as bits: IEEE binary16 and bfloat16, rounded to nearest, ties to even. */

typedef struct {
    uint16_t bits;
} Half;
typedef struct {
    uint16_t bits;
} BFloat;

static inline float half_to_float(Half h) {
    uint32_t sign = (uint32_t)(h.bits & 0x8000u) << 16, rest = h.bits & 0x7fffu;
    if (rest >= 0x7c00u) return from_bits_f32(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    float magnitude = rest < 0x400u ? (float)rest * 0x1p-24f : from_bits_f32((rest << 13) + (112u << 23));
    return from_bits_f32(sign | (uint32_t)bits_of_f32(magnitude));
}

static inline Half float_to_half(float f) {
    uint32_t bits = (uint32_t)bits_of_f32(f), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) return (Half){(uint16_t)(sign | 0x7e00u)};
    if (rest >= 0x477ff000u) return (Half){(uint16_t)(sign | 0x7c00u)};
    if (rest < 0x38800000u) { /* subnormal: adding 0.5 lets the sum round at the last place */
        float shifted = from_bits_f32(rest) + 0.5f;
        return (Half){(uint16_t)(sign | ((uint32_t)bits_of_f32(shifted) - (uint32_t)bits_of_f32(0.5f)))};
    }
    rest += 0xfffu + (rest >> 13 & 1u) - (112u << 23);
    return (Half){(uint16_t)(sign | rest >> 13)};
}

static inline float bfloat_to_float(BFloat b) {
    return from_bits_f32((uint32_t)b.bits << 16);
}

static inline BFloat float_to_bfloat(float f) {
    uint32_t bits = (uint32_t)bits_of_f32(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (BFloat){(uint16_t)(bits >> 16 | 0x40u)};
    return (BFloat){(uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}
