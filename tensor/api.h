/** \file
 * What every public header needs: visibility, the handle, dtypes, the shape macro.
 */
#ifndef COTANGENT_TENSOR_API_H
#define COTANGENT_TENSOR_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define CT_API __attribute__((visibility("default")))
#define CT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CT_API
#define CT_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define CT_BEGIN_DECLS extern "C" {
#define CT_END_DECLS }
#else
#define CT_BEGIN_DECLS
#define CT_END_DECLS
#endif

/** The largest number of dimensions of a tensor. */
#define CT_MAX_DIMS 8

/** A tensor: opaque, owned by the scope in which a function returned it (see tensor/scope.h). */
typedef struct ct_tensor ct_tensor;

/** Element types. F32 and F64 compute; F16 and BF16 store and compute through F32; BOOL holds masks. */
typedef enum { CT_F32 = 0, CT_F64, CT_I64, CT_I32, CT_U8, CT_BOOL, CT_F16, CT_BF16 } ct_dtype;

/** How a loss joins the losses of its elements. BATCHMEAN divides the sum by the first dimension. */
typedef enum { CT_NONE = 0, CT_MEAN = 1, CT_SUM = 2, CT_BATCHMEAN = 3 } ct_reduction;

/** Expands to a list of sizes (dims, indices, …) and its length: `ct_zeros(CT_F32, CT_DIMS(2, 3))`.
 * A 0-dim shape is `NULL, 0`. */
#ifdef __cplusplus
#include <initializer_list>
struct ct_dims_list {
    int64_t values[64];
    int count;
    ct_dims_list(std::initializer_list<int64_t> list) : values(), count(0) {
        for (int64_t value : list)
            if (count < 64) values[count++] = value;
    }
};
#define CT_DIMS(...) ct_dims_list{__VA_ARGS__}.values, ct_dims_list{__VA_ARGS__}.count
#else
#define CT_DIMS(...) \
    (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#endif

#endif
