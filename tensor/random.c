/* Tensors of random numbers: uniform, normal, yes or no, whole, in any order. */
#include "internal/random.h"
#include "internal/function.h"
#include "internal/parallel.h"
#include "internal/plain.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* ---- logarithm, sine and cosine: the same everywhere ---- */

/* 2·artanh(s) + e·ln 2, where x = m·2^e and s = (m - 1)/(m + 1). */
double tensor_random_logarithm(double x) {
    static const double odd[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    enum { TERMS = sizeof odd / sizeof *odd };
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t shifted = bits - UINT64_C(0x3fe6a09e00000000); /* the bits of √½: m is between it and √2 */
    int64_t exponent = (int64_t)(shifted >> 52) - (shifted >> 63 ? 4096 : 0);
    bits -= (uint64_t)exponent << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    double s = (m - 1) / (m + 1), z = s * s, sum = 1.0 / 23;
    for (int i = 0; i < TERMS; i++) sum = sum * z + odd[i];
    return 2 * s * sum + (double)exponent * 0.69314718055994530942;
}

/* The point of the unit circle at t of a full turn, t on [0, 1): the nearest quarter, and Taylor from there.
 */
static void turn(double t, double *cosine, double *sine) {
    static const double even[] = {1.0 / 240, 1.0 / 182, 1.0 / 132, 1.0 / 90,
                                  1.0 / 56,  1.0 / 30,  1.0 / 12,  1.0 / 2};
    static const double odd[] = {1.0 / 272, 1.0 / 210, 1.0 / 156, 1.0 / 110,
                                 1.0 / 72,  1.0 / 42,  1.0 / 20,  1.0 / 6};
    enum { TERMS = sizeof even / sizeof *even };
    int64_t quarter = (int64_t)(4 * t + 0.5);
    double x = (t - (double)quarter * 0.25) * 6.28318530717958647693, z = x * x, c = 1, s = 1;
    for (int i = 0; i < TERMS; i++) {
        c = 1 - c * (z * even[i]);
        s = 1 - s * (z * odd[i]);
    }
    s *= x;
    double along = quarter & 1 ? -s : c, across = quarter & 1 ? c : s;
    *cosine = quarter & 2 ? -along : along;
    *sine = quarter & 2 ? -across : across;
}

/* ---- filling ---- */

typedef struct Fill Fill;
/* Turns counters into the elements from `first` on. */
typedef void Transform(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                       void *numbers);

struct Fill {
    Transform *transform;
    RandomStream stream;
    int per_counter;      /* elements: 4, 2 or 1 */
    ct_dtype dtype, from; /* of data; of the transform's numbers: F64 or I64 */
    char *data;
    double a, b;            /* the distribution's parameters */
    double lowest, highest; /* a and b as the dtype can have them */
    int digits;             /* of a mantissa of the dtype */
    const double *p;        /* a probability for each element */
    int64_t n;              /* how many there are */
    int64_t low;            /* integers: the first, and how many */
    uint64_t range;
};

enum { CHUNK = 256, GRAIN = 1 << 14 };

static int64_t fill_kernel(const void *arguments, int64_t begin, int64_t end) {
    const Fill *fill = arguments;
    uint32_t words[CHUNK][4];
    union {
        double f[CHUNK];
        int64_t i[CHUNK];
    } numbers;
    size_t width = ct_dtype_size(fill->dtype);
    for (int64_t at = begin; at < end; at += CHUNK) {
        int64_t n = end - at < CHUNK ? end - at : CHUNK;
        int64_t counters = (n + fill->per_counter - 1) / fill->per_counter, first = at / fill->per_counter;
        for (int64_t i = 0; i < counters; i++) tensor_random_draw(fill->stream, first + i, words[i]);
        fill->transform(fill, at, (const uint32_t(*)[4])words, counters, &numbers);
        char *data[] = {fill->data + (size_t)at * width, (char *)&numbers};
        tensor_kernels->convert[fill->dtype][fill->from](data, (const int64_t[]){1, 1}, n, NULL);
    }
    return -1;
}

/* Fills n row-major elements at data. */
static void run(Fill *fill, int64_t n) {
    fill->stream = tensor_random_reserve((n + fill->per_counter - 1) / fill->per_counter);
    tensor_launch(fill_kernel, fill, sizeof *fill, n, GRAIN);
}

/* The same for any view, by way of a row-major copy where needed. */
static ct_status run_on(Fill *fill, ct_tensor *x) {
    CT_SCOPED;
    bool direct = tensor_is_contiguous(x);
    ct_tensor *y = direct ? x : tensor_new((ct_dtype)x->dtype, x->shape, x->ndim);
    if (!y) return ct_error();
    fill->data = y->data;
    fill->dtype = (ct_dtype)x->dtype;
    run(fill, y->numel);
    return direct ? CT_OK : tensor_copy_into(x, y);
}

/* ---- uniform and normal ---- */

static const struct {
    int digits, exponent; /* of the mantissa; of the smallest normal number */
    double largest;
} formats[] = {
    [CT_F32] = {24, -126, FLT_MAX},
    [CT_F64] = {53, -1022, DBL_MAX},
    [CT_F16] = {11, -14, 65504},
    [CT_BF16] = {8, -126, 0x1.fep127},
};

bool tensor_check_floating(const ct_tensor *x) {
    if (tensor_is_floating((ct_dtype)x->dtype)) return true;
    tensor_error(CT_ERR_DTYPE, "%s is no floating dtype", ct_dtype_name((ct_dtype)x->dtype));
    return false;
}

/* The numbers of the dtype next to a value (itself, if it is one): upwards, or downwards. */
static double neighbour(ct_dtype dtype, double value, bool up) {
    int exponent;
    frexp(value, &exponent);
    int least = formats[dtype].exponent + 1;
    double step = ldexp(1, (exponent > least ? exponent : least) - formats[dtype].digits);
    return (up ? ceil(value / step) : floor(value / step)) * step;
}

static double within(const Fill *fill, double value) {
    return value < fill->lowest ? fill->lowest : value > fill->highest ? fill->highest : value;
}

static void uniform_from_words(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                               void *numbers) {
    (void)first;
    double *x = numbers, scale = ldexp(1, -fill->digits), length = fill->b - fill->a;
    for (int64_t i = 0; i < 4 * counters; i++)
        x[i] = within(fill, fill->a + (words[i / 4][i % 4] >> (32 - fill->digits)) * scale * length);
}

static void uniform_from_pairs(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                               void *numbers) {
    (void)first;
    double *x = numbers, length = fill->b - fill->a;
    for (int64_t i = 0; i < 2 * counters; i++)
        x[i] = within(fill, fill->a + tensor_random_unit(&words[i / 2][i % 2 * 2]) * length);
}

/* Box and Muller: a radius from one number on (0, 1], a direction from another on [0, 1). */
static void two_normals(const Fill *fill, double for_radius, double for_direction, double *x) {
    double radius = sqrt(-2 * tensor_random_logarithm(for_radius)), cosine, sine;
    turn(for_direction, &cosine, &sine);
    x[0] = fill->a + fill->b * (radius * cosine);
    x[1] = fill->a + fill->b * (radius * sine);
}

static void normal_from_words(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                              void *numbers) {
    (void)first;
    double *x = numbers;
    for (int64_t i = 0; i < 2 * counters; i++) {
        const uint32_t *pair = &words[i / 2][i % 2 * 2];
        two_normals(fill, ((double)pair[0] + 1) * 0x1p-32, pair[1] * 0x1p-32, x + 2 * i);
    }
}

static void normal_from_pairs(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                              void *numbers) {
    (void)first;
    double *x = numbers;
    for (int64_t i = 0; i < counters; i++)
        two_normals(fill, tensor_random_unit(words[i]) + 0x1p-53, tensor_random_unit(words[i] + 2), x + 2 * i);
}

ct_status tensor_fill_uniform(ct_tensor *x, double lo, double hi) {
    if (!tensor_check_floating(x)) return CT_ERR_DTYPE;
    ct_dtype dtype = (ct_dtype)x->dtype;
    double largest = formats[dtype].largest;
    if (!(lo <= hi && lo >= -largest && hi <= largest && hi - lo <= DBL_MAX))
        return tensor_error(CT_ERR_VALUE, "from %g to %g; expected finite numbers of %s in that order", lo,
                            hi, ct_dtype_name(dtype));
    Fill fill = {.from = CT_F64, .a = lo, .b = hi, .digits = formats[dtype].digits};
    fill.lowest = neighbour(dtype, lo, true);
    fill.highest = lo < hi ? neighbour(dtype, nextafter(hi, -HUGE_VAL), false) : fill.lowest;
    if (fill.lowest > fill.highest)
        return tensor_error(CT_ERR_VALUE, "no number of %s lies on [%.17g, %.17g)", ct_dtype_name(dtype), lo,
                            hi);
    fill.per_counter = dtype == CT_F64 ? 2 : 4;
    fill.transform = dtype == CT_F64 ? uniform_from_pairs : uniform_from_words;
    return run_on(&fill, x);
}

ct_status tensor_fill_normal(ct_tensor *x, double mean, double std) {
    if (!tensor_check_floating(x)) return CT_ERR_DTYPE;
    if (!(isfinite(mean) && std >= 0 && isfinite(std)))
        return tensor_error(CT_ERR_VALUE,
                            "mean %g and std %g; expected finite numbers, and a std of 0 or more", mean, std);
    bool pairs = x->dtype == CT_F64;
    Fill fill = {.from = CT_F64, .a = mean, .b = std, .per_counter = pairs ? 2 : 4};
    fill.transform = pairs ? normal_from_pairs : normal_from_words;
    return run_on(&fill, x);
}

/* A fresh tensor, filled. */
static ct_tensor *make(ct_dtype dtype, const int64_t *shape, int ndim, bool normal) {
    CT_SCOPED;
    ct_tensor *x = tensor_check_shape(dtype, shape, ndim) ? tensor_new(dtype, shape, ndim) : NULL;
    if (!x) return NULL;
    ct_status status = normal ? tensor_fill_normal(x, 0, 1) : tensor_fill_uniform(x, 0, 1);
    return status == CT_OK ? ct_scope_keep(x) : NULL;
}

ct_tensor *ct_rand(ct_dtype dtype, const int64_t *shape, int ndim) {
    FUNCTION("ct_rand");
    return make(dtype, shape, ndim, false);
}

ct_tensor *ct_randn(ct_dtype dtype, const int64_t *shape, int ndim) {
    FUNCTION("ct_randn");
    return make(dtype, shape, ndim, true);
}

ct_tensor *ct_rand_like(const ct_tensor *x) {
    FUNCTION("ct_rand_like");
    return tensor_given(x, "x") ? make((ct_dtype)x->dtype, x->shape, x->ndim, false) : NULL;
}

ct_tensor *ct_randn_like(const ct_tensor *x) {
    FUNCTION("ct_randn_like");
    return tensor_given(x, "x") ? make((ct_dtype)x->dtype, x->shape, x->ndim, true) : NULL;
}

/* ---- yes or no ---- */

static void keep_words(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                       void *numbers) {
    (void)first;
    double *x = numbers, threshold = fill->a * 0x1p32;
    for (int64_t i = 0; i < 4 * counters; i++) x[i] = words[i / 4][i % 4] < threshold;
}

ct_tensor *tensor_keep_mask(const int64_t *shape, int ndim, double keep_probability) {
    CT_SCOPED;
    if (!(keep_probability >= 0 && keep_probability <= 1)) {
        tensor_error(CT_ERR_VALUE, "a probability of %g; expected 0 to 1", keep_probability);
        return NULL;
    }
    ct_tensor *mask = tensor_check_shape(CT_BOOL, shape, ndim) ? tensor_new(CT_BOOL, shape, ndim) : NULL;
    Fill fill = {.transform = keep_words, .from = CT_F64, .per_counter = 4, .a = keep_probability};
    return mask && run_on(&fill, mask) == CT_OK ? ct_scope_keep(mask) : NULL;
}

static void bernoulli(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                      void *numbers) {
    double *x = numbers;
    int64_t left = fill->n - first, n = 2 * counters < left ? 2 * counters : left;
    for (int64_t i = 0; i < n; i++) x[i] = tensor_random_unit(&words[i / 2][i % 2 * 2]) < fill->p[first + i];
}

ct_tensor *ct_bernoulli(const ct_tensor *p) {
    FUNCTION("ct_bernoulli");
    CT_SCOPED;
    if (!tensor_given(p, "p") || !tensor_check_floating(p)) return NULL;
    ct_tensor *values = tensor_to((ct_tensor *)p, CT_F64);
    ct_tensor *y = values ? tensor_new((ct_dtype)p->dtype, p->shape, p->ndim) : NULL;
    if (!y) return NULL;
    const double *probability = (double *)values->data;
    for (int64_t i = 0; i < p->numel; i++)
        if (!(probability[i] >= 0 && probability[i] <= 1)) {
            tensor_error(CT_ERR_VALUE, "p holds %g; expected probabilities from 0 to 1", probability[i]);
            return NULL;
        }
    Fill fill = {.transform = bernoulli, .from = CT_F64, .per_counter = 2, .p = probability, .n = p->numel};
    return run_on(&fill, y) == CT_OK ? ct_scope_keep(y) : NULL;
}

/* ---- integers ---- */

static uint64_t multiply_high(uint64_t x, uint64_t y) {
    uint64_t x0 = (uint32_t)x, x1 = x >> 32, y0 = (uint32_t)y, y1 = y >> 32;
    uint64_t middle = x1 * y0 + (x0 * y0 >> 32), other = x0 * y1 + (uint32_t)middle;
    return x1 * y1 + (middle >> 32) + (other >> 32);
}

/* A number below range, from all 128 bits: floor(bits · range / 2^128). No bias above 2^-64. */
static uint64_t below(uint64_t range, const uint32_t words[4]) {
    uint64_t high = (uint64_t)words[0] << 32 | words[1], low = (uint64_t)words[2] << 32 | words[3];
    uint64_t lower = high * range, carried = lower + multiply_high(low, range);
    return multiply_high(high, range) + (carried < lower);
}

static void integers(const Fill *fill, int64_t first, const uint32_t (*words)[4], int64_t counters,
                     void *numbers) {
    (void)first;
    int64_t *x = numbers;
    for (int64_t i = 0; i < counters; i++)
        x[i] = (int64_t)((uint64_t)fill->low + below(fill->range, words[i]));
}

/* Whether the dtype has every integer from low to high. */
static bool holds(ct_dtype dtype, int64_t low, int64_t high) {
    if (tensor_is_floating(dtype)) {
        int64_t most = INT64_C(1) << formats[dtype].digits;
        return low >= -most && high <= most;
    }
    if (dtype == CT_I64) return true;
    if (dtype == CT_I32) return low >= INT32_MIN && high <= INT32_MAX;
    return low >= 0 && high <= (dtype == CT_BOOL ? 1 : UINT8_MAX);
}

ct_tensor *ct_randint(ct_dtype dtype, int64_t low, int64_t high, const int64_t *shape, int ndim) {
    FUNCTION("ct_randint");
    CT_SCOPED;
    if (!tensor_check_shape(dtype, shape, ndim)) return NULL;
    if (low >= high || !holds(dtype, low, high - 1)) {
        tensor_error(CT_ERR_VALUE, "from %lld to %lld; expected a range that is not empty and that %s holds",
                     (long long)low, (long long)high, ct_dtype_name(dtype));
        return NULL;
    }
    ct_tensor *x = tensor_new(dtype, shape, ndim);
    Fill fill = {.transform = integers, .from = CT_I64, .per_counter = 1, .low = low};
    fill.range = (uint64_t)high - (uint64_t)low;
    return x && run_on(&fill, x) == CT_OK ? ct_scope_keep(x) : NULL;
}

/* Fisher and Yates. */
ct_tensor *ct_randperm(int64_t n) {
    FUNCTION("ct_randperm");
    if (!tensor_check_shape(CT_I64, &n, 1)) return NULL;
    ct_tensor *x = tensor_new(CT_I64, &n, 1);
    if (!x) return NULL;
    int64_t *place = (int64_t *)x->data;
    RandomStream stream = tensor_random_reserve(n);
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        tensor_random_draw(stream, i, words);
        int64_t other = (int64_t)below((uint64_t)i + 1, words);
        place[i] = place[other];
        place[other] = i;
    }
    return x;
}
