/* Conversion between all pairs of dtypes. Floats to integers truncate, saturating at the ends of 64 bits, NaN becomes
 * 0; narrower integers wrap around; anything but 0 is true. */

static inline int64_t double_to_i64(double x) {
    return x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : x != x ? 0 : (int64_t)x;
}

/* Each dtype reads as its widest kind (float, double or int64_t) and is stored from any of them. */
#define LOAD_f32(x) (x)
#define LOAD_f64(x) (x)
#define LOAD_i64(x) (x)
#define LOAD_i32(x) ((int64_t)(x))
#define LOAD_u8(x) ((int64_t)(x))
#define LOAD_mask(x) ((int64_t)((x) != 0)) /* bytes from outside may hold anything */
#define LOAD_f16(x) half_to_float(x)
#define LOAD_bf16(x) bfloat_to_float(x)

#define AS_INTEGER(v) _Generic((v), int64_t: (v), default: double_to_i64((double)(v)))
#define STORE_f32(v) ((float)(v))
#define STORE_f64(v) ((double)(v))
#define STORE_i64(v) AS_INTEGER(v)
#define STORE_i32(v) ((int32_t)(uint32_t)(uint64_t)AS_INTEGER(v))
#define STORE_u8(v) ((uint8_t)(uint64_t)AS_INTEGER(v))
#define STORE_mask(v) ((v) != 0)
#define STORE_f16(v) float_to_half((float)(v))
#define STORE_bf16(v) float_to_bfloat((float)(v))

#define CONVERT(to, To, from, From)                                                                         \
    static void convert_##from##_to_##to(char *const *data, const int64_t *step, int64_t n, const double *p) { \
        To *restrict z = (To *)data[0];                                                                      \
        const From *restrict x = (const From *)data[1];                                                      \
        (void)p;                                                                                             \
        if (step[0] == 1 && step[1] == 1) {                                                                  \
            for (int64_t i = 0; i < n; i++) z[i] = STORE_##to(LOAD_##from(x[i]));                            \
        } else if (step[0] == 1 && step[1] == 0) {                                                           \
            const To number = STORE_##to(LOAD_##from(*x));                                                   \
            for (int64_t i = 0; i < n; i++) z[i] = number;                                                   \
        } else {                                                                                             \
            for (int64_t i = 0; i < n; i++) z[i * step[0]] = STORE_##to(LOAD_##from(x[i * step[1]]));        \
        }                                                                                                    \
    }

#define CONVERT_TO(to, To)           \
    CONVERT(to, To, f32, float)      \
    CONVERT(to, To, f64, double)     \
    CONVERT(to, To, i64, int64_t)    \
    CONVERT(to, To, i32, int32_t)    \
    CONVERT(to, To, u8, uint8_t)     \
    CONVERT(to, To, mask, uint8_t)   \
    CONVERT(to, To, f16, Half)       \
    CONVERT(to, To, bf16, BFloat)

CONVERT_TO(f32, float)
CONVERT_TO(f64, double)
CONVERT_TO(i64, int64_t)
CONVERT_TO(i32, int32_t)
CONVERT_TO(u8, uint8_t)
CONVERT_TO(mask, bool)
CONVERT_TO(f16, Half)
CONVERT_TO(bf16, BFloat)

/* In the order of ct_dtype. */
#define CONVERT_ROW(to)                                                                                       \
    {convert_f32_to_##to, convert_f64_to_##to,  convert_i64_to_##to, convert_i32_to_##to,                      \
     convert_u8_to_##to,  convert_mask_to_##to, convert_f16_to_##to, convert_bf16_to_##to}
#define CONVERT_TABLE                                                                                         \
    {CONVERT_ROW(f32), CONVERT_ROW(f64),  CONVERT_ROW(i64), CONVERT_ROW(i32),                                  \
     CONVERT_ROW(u8),  CONVERT_ROW(mask), CONVERT_ROW(f16), CONVERT_ROW(bf16)}
