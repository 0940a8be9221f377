/* All kernels for one instruction set, ending in one exported table: KERNELS names it and KERNELS_NAME says what it is
 * for. Compiled once per instruction set, with that set's compiler flags. */
#define _GNU_SOURCE
#include "../internal/kernels.h"
#include <math.h>
#include <string.h>

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
#undef INTEGERS_ONLY
#undef T
#undef M
#undef S

#define T float
#define M(function) function##f
#define S(name) name##_f32
#include "scalar.h"
#include "division_f32.h"
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
#define PREFETCH(address) __builtin_prefetch((const void *)(address), 0, 2)

#include "stream.h"

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
    .transpose = {transpose_1, transpose_2, transpose_4, transpose_8},
    .stream = stream,
    .end_stream = end_stores_past_caches,
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
    .matmul = {{matmul_rows_f32, pack_strips_f32, pack_panels_f32, multiply_by_panels_f32, multiply_by_strips_f32, multiply_vector_f32, ROWS, tile_columns_f32},
               {matmul_rows_f64, pack_strips_f64, pack_panels_f64, multiply_by_panels_f64, multiply_by_strips_f64, multiply_vector_f64, ROWS, tile_columns_f64},
               {.rows = matmul_rows_i64}},
    .sgd = {{sgd_row_f32, sgd_row_f64, NULL}},
    .adam = {{adam_row_f32, adam_row_f64, NULL}},
    .adam_amsgrad = {{adam_amsgrad_row_f32, adam_amsgrad_row_f64, NULL}},
};
