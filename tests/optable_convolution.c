/* Rows: convolution and pooling. */
#include "optable.h"
#include <math.h>

#define X(...) OPERAND(REAL, -2, 2, __VA_ARGS__)
#define NO_BIAS                                                                                              \
    { ABSENT, 0, 0, {0}, 0 }
/* p[0] says which of the settings holds, p[1] how many dims they are for. */
#define CONVOLUTION(name_, variant_, dims_, setting, x_, w, bias_, ...)                                      \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = variant_, .call = name_, .entry = convolved, .x = {x_, w, bias_},   \
        .p = {setting, dims_}, .optional = 4, .flags = ROUNDS | FIXED_DTYPE, .shape = {                      \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define TRANSPOSED(name_, variant_, dims_, setting, x_, w, bias_, ...)                                       \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = variant_, .call = name_, .entry = transposed, .x = {x_, w, bias_},  \
        .p = {setting, dims_}, .optional = 4, .flags = ROUNDS | FIXED_DTYPE, .shape = {                      \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define MAX_POOL(name_, variant_, dims_, setting, kind, low, high, flags_, x_, ...)                          \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = variant_, .call = name_, .entry = largest_of,                       \
        .x = {OPERAND(kind, low, high, SPREAD x_)}, .p = {setting, dims_}, .flags = EXACT | (flags_),        \
        .shape = {                                                                                           \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }
#define SPREAD(...) __VA_ARGS__
#define AVERAGE(name_, variant_, dims_, setting, x_, ...)                                                    \
    {                                                                                                        \
        .name = "ct_" #name_, .variant = variant_, .call = name_, .entry = mean_of, .x = {x_},               \
        .p = {setting, dims_}, .flags = ROUNDS, .shape = {                                                   \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }

enum { PLAIN, STRIDED, PADDED, DILATED, GROUPED, DEPTHWISE, ALL, MIXED };
static const ct_conv_params settings[] = {
    [PLAIN] = CT_CONV_DEFAULTS,
    [STRIDED] = {.stride = {2, 3, 2}},
    [PADDED] = {.padding = {2, 1, 1}},
    [DILATED] = {.dilation = {2, 3, 2}},
    [GROUPED] = {.groups = 2},
    [DEPTHWISE] = {.groups = 4},
    [ALL] = {.stride = {3, 2, 2}, .padding = {2, 1, 1}, .dilation = {2, 2, 1}, .groups = 2},
    [MIXED] = {.stride = {2, 1, 1}, .padding = {1, 2, 0}, .output_padding = {1, 0, 0}},
};

static const ct_conv_params *setting_of(const Row *row) {
    return &settings[(int)row->p[0]];
}

static int64_t or_one(int64_t value) {
    return value ? value : 1;
}

/* The number of x at its leading indices (lead of them) and these places, or 0 beyond it. */
static double number_at(const Dense *x, const int64_t *lead, int leads, const int64_t *place, int nd) {
    int64_t index[CT_MAX_DIMS];
    for (int i = 0; i < leads; i++) index[i] = lead[i];
    for (int i = 0; i < nd; i++) {
        if (place[i] < 0 || place[i] >= x->shape.sizes[leads + i]) return 0;
        index[leads + i] = place[i];
    }
    return dense_at(x, index, leads + nd);
}

/* The next index below these sizes; false after the last one. */
static bool next_index(int64_t *index, const int64_t *sizes, int n) {
    for (int i = n - 1; i >= 0; i--) {
        if (++index[i] < sizes[i]) return true;
        index[i] = 0;
    }
    return false;
}

/* Σ over channels and taps; where a tap of the result's place `at` meets x is told by `meets`. */
static double filtered(const int64_t *at, const Dense *x, const Row *row, bool flipped) {
    const ct_conv_params *p = setting_of(row);
    const int nd = (int)row->p[1], images = x[0].shape.ndim - nd - 1;
    const int64_t groups = or_one(p->groups), channels = x[0].shape.sizes[images] / groups;
    const int64_t filters = flipped ? x[1].shape.sizes[1] : x[1].shape.sizes[0] / groups;
    const int64_t filter = at[images], group = filter / filters;
    double sum = x[2].values ? AT(&x[2], filter) : 0;
    for (int64_t channel = 0; channel < channels; channel++) {
        int64_t tap[3] = {0};
        do {
            int64_t place[3], lead[2] = {at[0], 0};
            bool meets = true;
            lead[images] = group * channels + channel;
            for (int i = 0; i < nd; i++) {
                const int64_t stride = or_one(p->stride[i]), shift = tap[i] * or_one(p->dilation[i]) - p->padding[i];
                place[i] = flipped ? at[images + 1 + i] - shift : at[images + 1 + i] * stride + shift;
                meets = meets && (!flipped || place[i] % stride == 0);
                if (flipped) place[i] = place[i] < 0 ? -1 : place[i] / stride;
            }
            const int64_t own[2] = {flipped ? lead[images] : filter, flipped ? filter % filters : channel};
            if (meets) sum += number_at(x, lead, images + 1, place, nd) * number_at(&x[1], own, 2, tap, nd);
        } while (next_index(tap, x[1].shape.sizes + 2, nd));
    }
    return sum;
}
static double convolved(const int64_t *at, const Dense *x, const Row *row) {
    return filtered(at, x, row, false);
}
static double transposed(const int64_t *at, const Dense *x, const Row *row) {
    return filtered(at, x, row, true);
}

CALL(conv1d, ct_conv1d(x[0], x[1], x[2], setting_of(row)))
CALL(conv2d, ct_conv2d(x[0], x[1], x[2], setting_of(row)))
CALL(conv3d, ct_conv3d(x[0], x[1], x[2], setting_of(row)))
CALL(conv_transpose1d, ct_conv_transpose1d(x[0], x[1], x[2], setting_of(row)))
CALL(conv_transpose2d, ct_conv_transpose2d(x[0], x[1], x[2], setting_of(row)))

enum { HALVES, THREES, OVERLAPPING, SPREAD_OUT, CEILED, COUNTED_IN, WIDE_WINDOWS };
static const ct_pool_params windows[] = {
    [HALVES] = {.kernel = {2, 2}},
    [THREES] = {.kernel = {3, 3}, .stride = {1, 2}, .padding = {1, 1}},
    [OVERLAPPING] = {.kernel = {3, 2}, .stride = {2, 1}},
    [SPREAD_OUT] = {.kernel = {2, 2}, .stride = {1, 1}, .dilation = {2, 3}, .padding = {1, 1}},
    [CEILED] = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = true},
    [COUNTED_IN] = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = true, .count_include_pad = true},
    [WIDE_WINDOWS] = {.kernel = {2, 600}, .stride = {1, 7}},
};

static const ct_pool_params *windows_of(const Row *row) {
    return &windows[(int)row->p[0]];
}

static double largest_of(const int64_t *at, const Dense *x, const Row *row) {
    const ct_pool_params *p = windows_of(row);
    const int nd = (int)row->p[1], leads = x->shape.ndim - nd;
    int64_t tap[2] = {0};
    double largest = -INFINITY;
    do {
        int64_t place[2];
        bool inside = true;
        for (int i = 0; i < nd; i++) {
            const int64_t stride = p->stride[i] ? p->stride[i] : p->kernel[i];
            place[i] = at[leads + i] * stride + tap[i] * or_one(p->dilation[i]) - p->padding[i];
            inside = inside && place[i] >= 0 && place[i] < x->shape.sizes[leads + i];
        }
        double value = inside ? number_at(x, at, leads, place, nd) : -INFINITY;
        if (value > largest || isnan(value)) largest = value;
    } while (next_index(tap, p->kernel, nd));
    return largest;
}

static double mean_of(const int64_t *at, const Dense *x, const Row *row) {
    const ct_pool_params *p = windows_of(row);
    const int nd = (int)row->p[1], leads = x->shape.ndim - nd;
    int64_t tap[2] = {0};
    double sum = 0, count = 0;
    do {
        int64_t place[2];
        bool inside = true, counts = true;
        for (int i = 0; i < nd; i++) {
            const int64_t stride = p->stride[i] ? p->stride[i] : p->kernel[i], size = x->shape.sizes[leads + i];
            place[i] = at[leads + i] * stride + tap[i] - p->padding[i];
            inside = inside && place[i] >= 0 && place[i] < size;
            counts = counts && place[i] < size + p->padding[i];
        }
        sum += number_at(x, at, leads, place, nd);
        count += p->count_include_pad ? counts : inside;
    } while (next_index(tap, p->kernel, nd));
    return sum / count;
}

/* p holds the sizes of the result. */
static double adaptive_mean(const int64_t *at, const Dense *x, const Row *row) {
    const int leads = x->shape.ndim - 2;
    int64_t begin[2], end[2], place[2];
    for (int i = 0; i < 2; i++) {
        const double size = (double)x->shape.sizes[leads + i];
        begin[i] = (int64_t)floor((double)at[leads + i] * size / row->p[i]);
        end[i] = (int64_t)ceil((double)(at[leads + i] + 1) * size / row->p[i]);
    }
    double sum = 0;
    for (place[0] = begin[0]; place[0] < end[0]; place[0]++)
        for (place[1] = begin[1]; place[1] < end[1]; place[1]++) sum += number_at(x, at, leads, place, 2);
    return sum / (double)((end[0] - begin[0]) * (end[1] - begin[1]));
}

CALL(max_pool1d, ct_max_pool1d(x[0], windows_of(row)))
CALL(max_pool2d, ct_max_pool2d(x[0], windows_of(row)))
CALL(avg_pool1d, ct_avg_pool1d(x[0], windows_of(row)))
CALL(avg_pool2d, ct_avg_pool2d(x[0], windows_of(row)))
CALL(adaptive_avg_pool2d, ct_adaptive_avg_pool2d(x[0], (int64_t)row->p[0], (int64_t)row->p[1]))
#define ADAPTIVE(variant_, h, w, x_, ...)                                                                    \
    {                                                                                                        \
        .name = "ct_adaptive_avg_pool2d", .variant = variant_, .call = adaptive_avg_pool2d,                  \
        .entry = adaptive_mean, .x = {x_}, .p = {h, w}, .flags = ROUNDS, .shape = {                          \
            SIZES(__VA_ARGS__)                                                                               \
        }                                                                                                    \
    }

static const Row rows[] = {
    CONVOLUTION(conv1d, "plain", 1, PLAIN, X(2, 3, 9), X(4, 3, 3), X(4), 2, 4, 7),
    CONVOLUTION(conv1d, "strided", 1, STRIDED, X(2, 3, 9), X(4, 3, 3), X(4), 2, 4, 4),
    CONVOLUTION(conv1d, "all", 1, ALL, X(2, 4, 9), X(4, 2, 3), X(4), 2, 4, 3),
    CONVOLUTION(conv1d, "one image", 1, PADDED, X(3, 9), X(4, 3, 3), NO_BIAS, 4, 11),
    CONVOLUTION(conv1d, "long", 1, PADDED, X(1, 2, 150), X(3, 2, 5), X(3), 1, 3, 150),
    CONVOLUTION(conv2d, "plain", 2, PLAIN, X(2, 3, 5, 6), X(4, 3, 3, 2), X(4), 2, 4, 3, 5),
    CONVOLUTION(conv2d, "one place", 2, PLAIN, X(2, 3, 4, 3), X(4, 3, 4, 3), X(4), 2, 4, 1, 1),
    CONVOLUTION(conv2d, "1 by 1", 2, PLAIN, X(2, 3, 4, 3), X(4, 3, 1, 1), X(4), 2, 4, 4, 3),
    CONVOLUTION(conv2d, "strided", 2, STRIDED, X(2, 3, 5, 7), X(4, 3, 3, 2), X(4), 2, 4, 2, 2),
    CONVOLUTION(conv2d, "padded", 2, PADDED, X(2, 3, 3, 4), X(4, 3, 3, 2), X(4), 2, 4, 5, 5),
    CONVOLUTION(conv2d, "padded far", 2, PADDED, X(2, 2, 1, 1), X(3, 2, 1, 1), X(3), 2, 3, 5, 3),
    CONVOLUTION(conv2d, "dilated", 2, DILATED, X(2, 2, 6, 5), X(4, 2, 3, 2), X(4), 2, 4, 2, 2),
    CONVOLUTION(conv2d, "grouped", 2, GROUPED, X(2, 4, 4, 5), X(6, 2, 2, 3), X(6), 2, 6, 3, 3),
    CONVOLUTION(conv2d, "depthwise", 2, DEPTHWISE, X(2, 4, 4, 5), X(8, 1, 2, 3), X(8), 2, 8, 3, 3),
    CONVOLUTION(conv2d, "all", 2, ALL, X(2, 4, 5, 5), X(4, 2, 2, 3), X(4), 2, 4, 3, 2),
    CONVOLUTION(conv2d, "one image", 2, PLAIN, X(3, 4, 5), X(4, 3, 2, 2), X(4), 4, 3, 4),
    CONVOLUTION(conv2d, "no images", 2, PLAIN, X(0, 3, 4, 5), X(4, 3, 2, 2), X(4), 0, 4, 3, 4),
    CONVOLUTION(conv2d, "deep", 2, PADDED, X(1, 40, 6, 7), X(35, 40, 3, 3), X(35), 1, 35, 8, 7),
    CONVOLUTION(conv3d, "plain", 3, PLAIN, X(2, 2, 3, 4, 3), X(3, 2, 2, 2, 2), X(3), 2, 3, 2, 3, 2),
    CONVOLUTION(conv3d, "all", 3, ALL, X(1, 4, 3, 4, 3), X(4, 2, 2, 2, 2), X(4), 1, 4, 2, 2, 2),
    CONVOLUTION(conv3d, "one image", 3, PADDED, X(2, 1, 2, 3), X(3, 2, 2, 2, 2), NO_BIAS, 3, 4, 3, 4),
    TRANSPOSED(conv_transpose1d, "plain", 1, PLAIN, X(2, 3, 5), X(3, 4, 3), X(4), 2, 4, 7),
    TRANSPOSED(conv_transpose1d, "mixed", 1, MIXED, X(2, 3, 5), X(3, 4, 3), X(4), 2, 4, 10),
    TRANSPOSED(conv_transpose1d, "one image", 1, STRIDED, X(3, 5), X(3, 4, 3), NO_BIAS, 4, 11),
    TRANSPOSED(conv_transpose2d, "plain", 2, PLAIN, X(2, 3, 3, 4), X(3, 4, 3, 2), X(4), 2, 4, 5, 5),
    TRANSPOSED(conv_transpose2d, "mixed", 2, MIXED, X(2, 3, 3, 4), X(3, 4, 2, 3), X(4), 2, 4, 5, 2),
    TRANSPOSED(conv_transpose2d, "all", 2, ALL, X(2, 4, 3, 3), X(4, 2, 2, 3), X(4), 2, 4, 5, 7),
    TRANSPOSED(conv_transpose2d, "depthwise", 2, DEPTHWISE, X(2, 4, 3, 3), X(4, 2, 2, 2), X(8), 2, 8, 4, 4),
    MAX_POOL(max_pool1d, "halves", 1, HALVES, DISTINCT, -3, 3, 0, (2, 3, 9), 2, 3, 4),
    MAX_POOL(max_pool1d, "one image", 1, THREES, DISTINCT, -3, 3, 0, (3, 9), 3, 9),
    MAX_POOL(max_pool2d, "halves", 2, HALVES, DISTINCT, -3, 3, 0, (2, 3, 5, 6), 2, 3, 2, 3),
    MAX_POOL(max_pool2d, "ties", 2, THREES, GRAIN, -2, 2, AT_KINKS, (2, 3, 5, 6), 2, 3, 5, 3),
    MAX_POOL(max_pool2d, "overlapping", 2, OVERLAPPING, DISTINCT, -3, 3, 0, (2, 2, 5, 41), 2, 2, 2, 40),
    MAX_POOL(max_pool2d, "dilated", 2, SPREAD_OUT, DISTINCT, -3, 3, 0, (2, 2, 5, 6), 2, 2, 5, 5),
    MAX_POOL(max_pool2d, "ceiled", 2, CEILED, DISTINCT, -3, 3, 0, (2, 6, 4), 2, 4, 3),
    MAX_POOL(max_pool2d, "no images", 2, HALVES, DISTINCT, -3, 3, 0, (0, 2, 6, 4), 0, 2, 3, 2),
    AVERAGE(avg_pool1d, "halves", 1, HALVES, X(2, 3, 9), 2, 3, 4),
    AVERAGE(avg_pool1d, "one image", 1, THREES, X(3, 9), 3, 9),
    AVERAGE(avg_pool2d, "halves", 2, HALVES, X(2, 3, 5, 6), 2, 3, 2, 3),
    AVERAGE(avg_pool2d, "padded", 2, THREES, X(2, 3, 5, 6), 2, 3, 5, 3),
    AVERAGE(avg_pool2d, "ceiled", 2, CEILED, X(2, 6, 4), 2, 4, 3),
    AVERAGE(avg_pool2d, "padding counted", 2, COUNTED_IN, X(2, 2, 6, 4), 2, 2, 4, 3),
    AVERAGE(avg_pool2d, "wide", 2, WIDE_WINDOWS, X(1, 1, 3, 1100), 1, 1, 2, 72),
    AVERAGE(avg_pool2d, "no images", 2, HALVES, X(0, 2, 6, 4), 0, 2, 3, 2),
    ADAPTIVE("even", 2, 3, X(2, 2, 4, 6), 2, 2, 2, 3),
    ADAPTIVE("uneven", 3, 2, X(2, 7, 5), 2, 3, 2),
    ADAPTIVE("one", 1, 1, X(2, 3, 4, 5), 2, 3, 1, 1),
    ADAPTIVE("more than there are", 5, 4, X(1, 2, 3, 3), 1, 2, 5, 4),
};
const RowGroup optable_convolution = ROW_GROUP(rows);
