/* All kernels for one instruction set, ending in one exported table: KERNELS names it and KERNELS_NAME says what it is
 * for. Compiled once per instruction set, with that set's compiler flags. */
#define _GNU_SOURCE
#include "../internal/kernels.h"
#include <math.h>
#include <string.h>

#include "elementary_f32.h"
#include "elementary_f64.h"
#include "half.h"
#include "special.h"

#define T int64_t
#define M(function) function
#define S(name) name##_i64
#define INTEGERS_ONLY
#include "integer.h"
#include "rows.h"
#undef INTEGERS_ONLY
#undef T
#undef M
#undef S

#define T float
#define M(function) function##f
#define S(name) name##_f32
#include "scalar.h"
#include "rows.h"
#undef T
#undef M
#undef S

#define T double
#define M(function) function
#define S(name) name##_f64
#include "scalar.h"
#include "rows.h"
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
#include "reduce.h"
#include "optimizers.h"

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

#define T int64_t
#define S(name) name##_i64
#include "matmul.h"
#undef T
#undef S

#define T float
#define S(name) name##_f32
#define LANES (VECTOR_BYTES / 4)
#include "matmul.h"
#undef T
#undef S
#undef LANES

#define T double
#define S(name) name##_f64
#define LANES (VECTOR_BYTES / 8)
#include "matmul.h"
#undef T
#undef S
#undef LANES

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
    .sum = {0, 0, {sum_f32, sum_f64, sum_i64}, {sum_columns_f32, sum_columns_f64}},
    .prod = {1, 1, {prod_f32, prod_f64, prod_i64}, {NULL}},
    .max = {-INFINITY, INT64_MIN, {max_f32, max_f64, max_i64}, {NULL}},
    .min = {INFINITY, INT64_MAX, {min_f32, min_f64, min_i64}, {NULL}},
    .any = {0, 0, {any_f32, any_f64, any_i64}, {NULL}},
    .all = {0, 1, {all_f32, all_f64, all_i64}, {NULL}},
    .norm_p = {0, 0, {norm_p_f32, norm_p_f64, NULL}, {NULL}},
    .norm_zero = {0, 0, {norm_zero_f32, norm_zero_f64, NULL}, {NULL}},
    .norm_max = {0, 0, {norm_max_f32, norm_max_f64, NULL}, {NULL}},
    .norm_min = {INFINITY, 0, {norm_min_f32, norm_min_f64, NULL}, {NULL}},
    .sum_squares = {0, 0, {sum_squares_f32, sum_squares_f64}, {sum_squares_columns_f32, sum_squares_columns_f64}},
    .matmul = {{matmul_rows_f32, pack_panels_f32, multiply_strips_f32, ROWS, tile_columns_f32},
               {matmul_rows_f64, pack_panels_f64, multiply_strips_f64, ROWS, tile_columns_f64},
               {matmul_rows_i64, NULL, NULL, 0, 0}},
    .cumsum = {cumsum_scan_f32, cumsum_scan_f64, cumsum_scan_i64},
    .cumprod = {cumprod_scan_f32, cumprod_scan_f64, cumprod_scan_i64},
    .logcumsumexp = {logcumsumexp_scan_f32, logcumsumexp_scan_f64, NULL},
    .recurrence = {recurrence_scan_f32, recurrence_scan_f64, NULL},
    .cummax = {cummax_scan_f32, cummax_scan_f64, cummax_scan_i64},
    .sgd = {{sgd_row_f32, sgd_row_f64, NULL}},
    .adam = {{adam_row_f32, adam_row_f64, NULL}},
    .adam_amsgrad = {{adam_amsgrad_row_f32, adam_amsgrad_row_f64, NULL}},
};
