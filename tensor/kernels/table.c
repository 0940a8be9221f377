/* All kernels for one instruction set, ending in one exported table: KERNELS names it and KERNELS_NAME says what it is
 * for. Compiled once per instruction set, with that set's compiler flags. */
#define _GNU_SOURCE
#include "../internal/kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The tile fills the vector registers: 32 of 64 bytes, 16 of 32 bytes, 32 (NEON) or 16 of 16 bytes. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS 14
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define ROWS 6
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define ROWS 14
#else
#define VECTOR_BYTES 16
#define ROWS 6
#endif
#define VECTORS 2
#define NARROW (VECTOR_BYTES >= 32) /* whether half a vector is one, too */
#define PREFETCH(address) __builtin_prefetch((const void *)(address), 0, 2)

#include "stream.h"

#include "elementary_f32.h"
#include "elementary_f64.h"
#include "power_f32.h"
#include "special_f32.h"
#include "trigonometric_f32.h"
#include "half.h"
#include "special.h"

#define T int64_t
#define M(function) function
#define S(name) name##_i64
#define INTEGERS_ONLY
#include "integer.h"
#include "rows.h"
#define PLACE_TYPE int64_t
#include "reduce.h"
#undef PLACE_TYPE
#undef INTEGERS_ONLY
#undef T
#undef M
#undef S

#define T float
#define M(function) function##f
#define S(name) name##_f32
#define PLACE_TYPE int32_t
#include "scalar.h"
#include "division_f32.h"
#include "rows.h"
#include "reduce.h"
#include "softmax.h"
#include "losses.h"
#include "norm.h"
#include "decompose.h"
#include "channel_norm.h"
#include "resample.h"
#undef PLACE_TYPE
#undef T
#undef M
#undef S

#define T double
#define M(function) function
#define S(name) name##_f64
#define PLACE_TYPE int64_t
#include "scalar.h"
#include "rows.h"
#include "reduce.h"
#include "softmax.h"
#include "losses.h"
#include "norm.h"
#include "decompose.h"
#include "channel_norm.h"
#include "resample.h"
#undef PLACE_TYPE
#undef T
#undef M
#undef S

/* log(exp(y) + exp(x)); the infinities are their own sums. */
static inline double logaddexp_f64(double y, double x) {
    const double most = y > x || y != y ? y : x, least = y > x || y != y ? x : y;
    return most - most != 0 ? most + (least != least ? least : 0) : most + log1p_f64(exp_f64(least - most));
}

#define T int64_t
#define A int64_t
#define S(name) name##_i64
#define INTEGERS_ONLY
#include "scan.h"
#undef INTEGERS_ONLY
#undef T
#undef A
#undef S

#define A double
#define T float
#define S(name) name##_f32
#include "scan.h"
#undef T
#undef S
#define T double
#define S(name) name##_f64
#include "scan.h"
#undef T
#undef A
#undef S

#include "convert.h"
#include "optimizers.h"

/* The places of numbers first, first + 1, … of two vectors, in turn from each. */
#define PAIRS_2(first) first, (first) + LANES
#define PAIRS_4(first) PAIRS_2(first), PAIRS_2((first) + 1)
#define PAIRS_8(first) PAIRS_4(first), PAIRS_4((first) + 2)
#define PAIRS_16(first) PAIRS_8(first), PAIRS_8((first) + 4)
#define T uint8_t
#define S(name) name##_1
#define LANES 16
#include "transpose.h"
#undef T
#undef S
#undef LANES

#define T uint16_t
#define S(name) name##_2
#define LANES 8
#include "transpose.h"
#undef T
#undef S
#undef LANES

#define T uint32_t
#define S(name) name##_4
#define LANES (VECTOR_BYTES / 4)
#include "transpose.h"
#undef T
#undef S
#undef LANES

#define T uint64_t
#define S(name) name##_8
#define LANES (VECTOR_BYTES / 8)
#include "transpose.h"
#undef T
#undef S
#undef LANES

#define T int64_t
#define S(name) name##_i64
#include "matmul.h"
#undef T
#undef S

#define T float
#define S(name) name##_f32
#define LANES (VECTOR_BYTES / 4)
#define LANE int32_t
#define EIGHT_ROWS NARROW
#define CONVERTS
#include "matmul.h"
#undef CONVERTS
#undef EIGHT_ROWS
#define TRANSPOSE transpose_4
#include "attention.h"
#undef TRANSPOSE
#define M(function) function##f
#include "distance.h"
#undef M
#include "convolution.h"
#include "convolution_filters.h"
#include "pooling.h"
#include "convolution_direct.h"
#undef T
#undef LANE
#undef S
#undef LANES

#define T double
#define S(name) name##_f64
#define LANES (VECTOR_BYTES / 8)
#define LANE int64_t
#include "matmul.h"
#define TRANSPOSE transpose_8
#include "attention.h"
#undef TRANSPOSE
#define M(function) function
#include "distance.h"
#undef M
#include "convolution.h"
#include "convolution_filters.h"
#include "pooling.h"
#include "convolution_direct.h"
#undef T
#undef LANE
#undef S
#undef LANES

#define REDUCER(name) {name##_row_f32, name##_row_f64, name##_row_i64}, {name##_columns_f32, name##_columns_f64, name##_columns_i64}
#define FLOATING_REDUCER(name) {name##_row_f32, name##_row_f64, NULL}, {name##_columns_f32, name##_columns_f64, NULL}

extern const Kernels KERNELS;
const Kernels KERNELS = {
    .name = KERNELS_NAME,
#define UNARY(name, ...) .name = {{name##_row_f32, name##_row_f64, NULL}},
#define UNARY_ANY(name, ...) .name = {{name##_row_f32, name##_row_f64, name##_row_i64}},
#define PREDICATE UNARY
#define BINARY UNARY
#define BINARY_ANY UNARY_ANY
#define COMPARE UNARY_ANY
#include "list.h"
    .where = {{where_row_f32, where_row_f64, where_row_i64}},
    .convert = CONVERT_TABLE,
    .transpose = {transpose_1, transpose_2, transpose_4, transpose_8},
    .stream = stream,
    .end_stream = end_stores_past_caches,
    .sum = {0, 0, NULL, REDUCER(sum)},
    .prod = {1, 1, NULL, REDUCER(prod)},
    .max = {-INFINITY, INT64_MIN, NULL, REDUCER(max)},
    .min = {INFINITY, INT64_MAX, NULL, REDUCER(min)},
    .argmax = {-INFINITY, INT64_MIN, NULL, REDUCER(argmax)},
    .argmin = {INFINITY, INT64_MAX, NULL, REDUCER(argmin)},
    .any = {0, 0, NULL, REDUCER(any)},
    .all = {1, 1, NULL, REDUCER(all)},
    .sum_abs = {0, 0, &KERNELS.sum, FLOATING_REDUCER(sum_abs)},
    .sum_squares = {0, 0, &KERNELS.sum, FLOATING_REDUCER(sum_squares)},
    .sum_powers = {0, 0, &KERNELS.sum, FLOATING_REDUCER(sum_powers)},
    .count_nonzero = {0, 0, &KERNELS.sum, FLOATING_REDUCER(count_nonzero)},
    .max_abs = {0, 0, NULL, FLOATING_REDUCER(max_abs)},
    .min_abs = {INFINITY, 0, NULL, FLOATING_REDUCER(min_abs)},
    .sum_squares_from = {0, 0, &KERNELS.sum, FLOATING_REDUCER(sum_squares_from)},
    .sum_exp_from = {0, 0, &KERNELS.sum, FLOATING_REDUCER(sum_exp_from)},
    .softmax_rows = {softmax_rows_f32, softmax_rows_f64},
    .softmax_column_sums = {softmax_column_sums_f32, softmax_column_sums_f64},
    .softmax_columns = {softmax_columns_f32, softmax_columns_f64},
    .softmax_slope_rows = {softmax_slope_rows_f32, softmax_slope_rows_f64},
    .softmax_slope_column_sums = {softmax_slope_column_sums_f32, softmax_slope_column_sums_f64},
    .softmax_slope_columns = {softmax_slope_columns_f32, softmax_slope_columns_f64},
    .bce_loss = {{bce_loss_sum_f32, bce_loss_sum_f64}, {bce_loss_pair_slope_f32, bce_loss_pair_slope_f64}},
    .logits_loss = {{logits_loss_sum_f32, logits_loss_sum_f64}, {logits_loss_pair_slope_f32, logits_loss_pair_slope_f64}},
    .squares_loss = {{squares_loss_sum_f32, squares_loss_sum_f64}, {squares_loss_pair_slope_f32, squares_loss_pair_slope_f64}},
    .distance_loss = {{distance_loss_sum_f32, distance_loss_sum_f64}, {distance_loss_pair_slope_f32, distance_loss_pair_slope_f64}},
    .entropy_rows = {entropy_rows_f32, entropy_rows_f64},
    .entropy_columns = {entropy_columns_f32, entropy_columns_f64},
    .entropy_slope_rows = {entropy_slope_rows_f32, entropy_slope_rows_f64},
    .entropy_slope_columns = {entropy_slope_columns_f32, entropy_slope_columns_f64},
    .norm_rows = {norm_rows_f32, norm_rows_f64},
    .norm_slope_rows = {norm_slope_rows_f32, norm_slope_rows_f64},
    .channel_norm = {channel_norm_f32, channel_norm_f64},
    .channel_norm_slopes = {channel_norm_slopes_f32, channel_norm_slopes_f64},
    .resample = {resample_f32, resample_f64},
    .matmul = {{matmul_rows_f32, pack_strips_f32, pack_panels_f32, multiply_by_panels_f32, multiply_by_strips_f32, multiply_vector_f32, ROWS, tile_columns_f32},
               {matmul_rows_f64, pack_strips_f64, pack_panels_f64, multiply_by_panels_f64, multiply_by_strips_f64, multiply_vector_f64, ROWS, tile_columns_f64},
               {.rows = matmul_rows_i64}},
    .cumsum = {cumsum_scan_f32, cumsum_scan_f64, cumsum_scan_i64},
    .cumprod = {cumprod_scan_f32, cumprod_scan_f64, cumprod_scan_i64},
    .logcumsumexp = {logcumsumexp_scan_f32, logcumsumexp_scan_f64, NULL},
    .recurrence = {recurrence_scan_f32, recurrence_scan_f64, NULL},
    .cummax = {cummax_scan_f32, cummax_scan_f64, cummax_scan_i64},
    .lu = {lu_f32, lu_f64},
    .lu_solve = {lu_solve_f32, lu_solve_f64},
    .determinants = {determinants_f32, determinants_f64},
    .cofactors = {cofactors_f32, cofactors_f64},
    .cholesky = {cholesky_f32, cholesky_f64},
    .distances = {distances_f32, distances_f64},
    .distance_slopes = {distance_slopes_f32, distance_slopes_f64},
    .attention = {attention_f32, attention_f64},
    .attention_slopes = {attention_slopes_f32, attention_slopes_f64},
#define CONVOLUTION(type) {pad_rows_##type, pack_filter_panels_##type, convolve_by_filters_##type, pack_filters_##type, \
                           convolve_by_places_##type, pack_channels_##type, convolve_transposed_##type, convolve_weight_slopes_##type, \
                           convolve_directly_##type, weight_slopes_directly_##type}
    .convolution = {CONVOLUTION(f32), CONVOLUTION(f64)},
    .max_pool = {max_pool_f32, max_pool_f64},
    .max_pool_slope = {max_pool_slope_f32, max_pool_slope_f64},
    .average_pool = {average_pool_f32, average_pool_f64},
    .average_pool_slope = {average_pool_slope_f32, average_pool_slope_f64},
    .sgd = {{sgd_row_f32, sgd_row_f64, NULL}},
    .adam = {{adam_row_f32, adam_row_f64, NULL}},
    .adam_amsgrad = {{adam_amsgrad_row_f32, adam_amsgrad_row_f64, NULL}},
};
