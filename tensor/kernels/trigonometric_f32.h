/* Sines and their inverses in f32. Cody and Waite for the reduction of arguments that are near, Payne and Hanek, Radian
 * Reduction for Trigonometric Functions, 1983, for others; Cephes for the folding of the inverses. */

static const float pi_low_f32 = -8.74227766e-8f; /* π - 3.14159274f */

/* ---- x = q π/2 + r, |r| <= π/4 (a little more, as q is computed in float) ---- */

typedef struct {
    float r, low;     /* r is their sum */
    int32_t quadrant; /* its low two bits count */
} Angle;

static inline Angle angle_of_f32(double r, int32_t quadrant) {
    float high = (float)r;
    return (Angle){high, (float)(r - high), quadrant};
}

/* Negative unless |x| < 2^15. */
static inline int32_t beyond_near_f32(float x) {
    return bits_of_f32(0x1p15f) - 1 - (bits_of_f32(x) & INT32_MAX);
}

/* π/2 in four parts, of which the second and third have 9 bits, so that their products with q, of 15 bits, are exact, as
 * are all differences here but those that give r and low. Without fused operations, in double. */
static inline Angle angle_near_f32(float x) {
    float shifted = x * 0.636619772f + magic_f32, q = shifted - magic_f32;
#ifdef __FP_FAST_FMAF
    float left = __builtin_fmaf(q, -0x1.921fb4p+0f, x), most = left - q * 0x1.44p-24f;
    float lost = q * 0x1.44p-24f - (left - most) + q * 0x1.0bp-34f, r = most - lost;
    return (Angle){r, (most - r) - lost - q * 0x1.18469ap-44f, bits_of_f32(shifted)};
#else
    return angle_of_f32(x - q * 0x1.921fb50000000p+0 - q * 0x1.110b4611a6263p-26, bits_of_f32(shifted));
#endif
}

/* Any |x| >= 4: its 24 bits times those 96 bits of 2/π that decide the quadrant and what is left of it. */
static inline Angle angle_far_f32(float x) {
    static const uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                           0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    int32_t bits = bits_of_f32(x), exponent = ((bits >> 23) & 0xff) - 128; /* |x| = mantissa · 2^(exponent - 30) */
    uint32_t mantissa = (uint32_t)bits << 8 | 0x80000000;
    const uint32_t *words = two_over_pi + (exponent >> 5 & 3);
    const int shift = exponent & 31;
    uint64_t high = ((uint64_t)words[0] << 32 | words[1]) << shift >> 32;
    uint64_t middle = ((uint64_t)words[1] << 32 | words[2]) << shift >> 32;
    uint64_t low = ((uint64_t)words[2] << 32 | words[3]) << shift >> 32;
    uint64_t turns = (mantissa * high << 32) + mantissa * middle + (mantissa * low >> 32); /* in quarters · 2^-62 */
    uint64_t quadrant = (turns + ((uint64_t)1 << 61)) >> 62;
    double r = (double)(int64_t)(turns - (quadrant << 62)) * 0x1.921fb54442d18p-62;
    return x < 0 ? angle_of_f32(-r, -(int32_t)quadrant) : angle_of_f32(r, (int32_t)quadrant);
}

/* sin of an angle; cos is a quadrant ahead. */
static inline float sine_f32(Angle angle) {
    float r = angle.r, square = r * r;
    float s = -0x1.9920c0p-13f; /* sin to 5e-9, cos to 8e-10 */
    s = s * square + 0x1.1106d4p-7f;
    s = s * square - 0x1.555544p-3f;
    float c = 0x1.99cb82p-16f;
    c = c * square - 0x1.6c0bc4p-10f;
    c = c * square + 0x1.55554ap-5f;
    c = (c * square - 0.5f) * square + 1.0f;
    float y = angle.quadrant & 1 ? c : with_sign_f32(r * square * s + angle.low + r, r);
    return from_bits_f32(bits_of_f32(y) ^ (int32_t)((uint32_t)angle.quadrant << 30 & 0x80000000));
}

/* tan r = r + rest; in odd quadrants -1 / tan r, in which the rounding of that sum is made good. */
static inline float tangent_f32(Angle angle) {
    float r = angle.r, square = r * r;
    float p = 0x1.37cd3cp-7f; /* to 2e-8 */
    p = p * square + 0x1.7c782cp-9f;
    p = p * square + 0x1.927434p-6f;
    p = p * square + 0x1.b53e16p-5f;
    p = p * square + 0x1.113008p-3f;
    p = p * square + 0x1.5554d4p-2f;
    float rest = r * square * p + (angle.low * square + angle.low), y = r + rest, lost = (r - y) + rest, q = -1.0f / y;
    return angle.quadrant & 1 ? q + q * q * lost : with_sign_f32(y, r);
}

static inline Angle ahead_f32(Angle angle) {
    return (Angle){angle.r, angle.low, angle.quadrant + 1};
}

static inline float sin_near_f32(float x) {
    return sine_f32(angle_near_f32(x));
}

static inline float cos_near_f32(float x) {
    return sine_f32(ahead_f32(angle_near_f32(x)));
}

static inline float tan_near_f32(float x) {
    return tangent_f32(angle_near_f32(x));
}

static inline float sin_f32(float x) {
    return beyond_near_f32(x) >= 0 ? sin_near_f32(x) : x - x + sine_f32(angle_far_f32(x));
}

static inline float cos_f32(float x) {
    return beyond_near_f32(x) >= 0 ? cos_near_f32(x) : x - x + sine_f32(ahead_f32(angle_far_f32(x)));
}

static inline float tan_f32(float x) {
    return beyond_near_f32(x) >= 0 ? tan_near_f32(x) : x - x + tangent_f32(angle_far_f32(x));
}

/* ---- inverses ---- */

typedef struct {
    float y;   /* asin(s) where s = |x| for |x| <= 1/2, else √((1 - |x|) / 2) = sin((π/2 - asin|x|) / 2) */
    bool large;
} Arcsine;

static inline Arcsine arcsine_f32(float x) {
    float size = magnitude_f32(x), rest = (1.0f - size) * 0.5f;
    bool large = size > 0.5f;
    float square = large ? rest : size * size, s = large ? sqrtf(rest) : size;
    float p = 0x1.596d24p-5f; /* to 6e-9 */
    p = p * square + 0x1.8c2842p-6f;
    p = p * square + 0x1.747e4ap-5f;
    p = p * square + 0x1.3301e4p-4f;
    p = p * square + 0x1.5555c8p-3f;
    return (Arcsine){s * square * p + s, large};
}

static inline float asin_f32(float x) {
    Arcsine arc = arcsine_f32(x);
    return with_sign_f32(arc.large ? 1.57079637f - 2.0f * arc.y + 0.5f * pi_low_f32 : arc.y, x);
}

static inline float acos_f32(float x) {
    Arcsine arc = arcsine_f32(x);
    float twice = 2.0f * arc.y, large = x < 0 ? 3.14159274f - twice + pi_low_f32 : twice;
    return arc.large ? large : 1.57079637f - ((x < 0 ? -arc.y : arc.y) - 0.5f * pi_low_f32);
}

/* On [0, 1], to 2e-8. */
static inline float arctangent_f32(float x) {
    float square = x * x;
    float p = 0x1.7ed23ep-9f;
    p = p * square - 0x1.0c2c1ap-6f;
    p = p * square + 0x1.61fddep-5f;
    p = p * square - 0x1.3556b8p-4f;
    p = p * square + 0x1.b4e12cp-4f;
    p = p * square - 0x1.230adcp-3f;
    p = p * square + 0x1.9978f4p-3f;
    p = p * square - 0x1.5554dcp-2f;
    return x * square * p + x;
}

static inline float atan_f32(float x) {
    float size = magnitude_f32(x);
    bool large = size > 1.0f;
    float y = arctangent_f32(large ? 1.0f / size : size);
    return with_sign_f32(large ? 1.57079637f - (y - 0.5f * pi_low_f32) : y, x);
}

/* The angle of the smaller to the larger side, from the axis that it is measured from: 0, π/2 or π, there or back. */
static inline float atan2_f32(float y, float x) {
    float height = magnitude_f32(y), width = magnitude_f32(x);
    bool steep = height > width, left = bits_of_f32(x) < 0;
    float large = steep ? height : width, small = steep ? width : height;
    float angle = arctangent_f32(large == 0 ? 0 : small == large ? 1.0f : small / large);
    float axis = steep ? 1.57079637f : left ? 3.14159274f : 0.0f;
    float low = steep ? 0.5f * pi_low_f32 : left ? pi_low_f32 : 0.0f;
    float result = axis + ((steep != left ? -angle : angle) + low);
    return x != x || y != y ? x + y : with_sign_f32(result, y);
}
