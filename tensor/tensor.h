/** \file
 * The tensor: making one, asking about it, reading and printing it. No function here is recorded.
 *
 * A shape is `const int64_t *shape, int ndim` (CT_DIMS writes both); strides count elements; dims may
 * be negative, counting from the end. Unless said otherwise a function that returns a tensor returns a
 * new one, owned by the innermost scope, or NULL with an error pending.
 */
#ifndef COTANGENT_TENSOR_TENSOR_H
#define COTANGENT_TENSOR_TENSOR_H

#include "error.h"

CT_BEGIN_DECLS

/* ---- make ---- */

/** A row-major tensor whose numbers are not set. */
CT_API ct_tensor *ct_empty(ct_dtype dtype, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_zeros(ct_dtype dtype, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_ones(ct_dtype dtype, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_full(ct_dtype dtype, const int64_t *shape, int ndim, double value);
/** Of x's dtype and shape, row-major. */
CT_API ct_tensor *ct_empty_like(const ct_tensor *x);
CT_API ct_tensor *ct_zeros_like(const ct_tensor *x);
CT_API ct_tensor *ct_ones_like(const ct_tensor *x);
CT_API ct_tensor *ct_full_like(const ct_tensor *x, double value);
/** A 0-dim tensor. */
CT_API ct_tensor *ct_scalar(ct_dtype dtype, double value);
/** start, start + step, … below (or, for a negative step, above) stop: ceil((stop - start) / step) numbers. */
CT_API ct_tensor *ct_arange(ct_dtype dtype, double start, double stop, double step);
/** n numbers from start to stop, both included. */
CT_API ct_tensor *ct_linspace(ct_dtype dtype, double start, double stop, int64_t n);
/** Ones on the main diagonal, zeros elsewhere: [rows, cols]. */
CT_API ct_tensor *ct_eye(ct_dtype dtype, int64_t rows, int64_t cols);
/** Copies row-major \p data of the given dtype (BOOL: one byte an element). */
CT_API ct_tensor *ct_from_data(ct_dtype dtype, const void *data, const int64_t *shape, int ndim);
/** Wraps \p data without copying; \p strides in elements, NULL = row-major. When the last tensor on it
 * goes, `free_data(user)` is called (free_data may be NULL); on an error it is not called. */
CT_API ct_tensor *ct_from_blob(ct_dtype dtype, void *data, const int64_t *shape, int ndim, const int64_t *strides,
                               void (*free_data)(void *user), void *user);

/* ---- random: Philox 4x32-10, the same numbers for the same seed everywhere ---- */

/** Uniform on [0, 1). Floating dtypes. */
CT_API ct_tensor *ct_rand(ct_dtype dtype, const int64_t *shape, int ndim);
/** Standard normal. Floating dtypes. */
CT_API ct_tensor *ct_randn(ct_dtype dtype, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_rand_like(const ct_tensor *x);
CT_API ct_tensor *ct_randn_like(const ct_tensor *x);
/** Integers on [low, high), in any dtype that holds them. */
CT_API ct_tensor *ct_randint(ct_dtype dtype, int64_t low, int64_t high, const int64_t *shape, int ndim);
/** A permutation of 0 … n-1, I64. */
CT_API ct_tensor *ct_randperm(int64_t n);
/** 1 with probability p (a floating tensor, each element in [0, 1]), else 0; of p's dtype and shape. */
CT_API ct_tensor *ct_bernoulli(const ct_tensor *p);
/** Draws n indices (I64) in proportion to \p weights: [classes] -> [n], [rows, classes] -> [rows, n].
 * Weights are floating, finite, not negative, with a positive sum in each row; without replacement n may
 * not exceed the number of positive weights. */
CT_API ct_tensor *ct_multinomial(const ct_tensor *weights, int64_t n, bool replacement);

typedef struct ct_generator ct_generator;
/** Seeds the calling thread's current generator and sets it back to its beginning. */
CT_API void ct_manual_seed(uint64_t seed);
/** A generator of its own; freed with ct_generator_free(). Generators of one seed give the same numbers, whatever is
 * drawn from them: what shall be independent needs seeds that differ. */
CT_API ct_generator *ct_generator_new(uint64_t seed);
/** Frees it; a thread that still uses it falls back to the process's generator. NULL is fine. */
CT_API void ct_generator_free(ct_generator *generator);
/** Makes it this thread's current generator; NULL restores the process's. Returns the one before
 * (NULL: the process's). The caller keeps owning it. */
CT_API ct_generator *ct_generator_use(ct_generator *generator);

/* ---- ask ---- */

/** -1 with an error on NULL, as all the integers here. */
CT_API int ct_ndim(const ct_tensor *x);
/** ndim sizes, valid as long as x. */
CT_API const int64_t *ct_shape(const ct_tensor *x);
CT_API int64_t ct_size(const ct_tensor *x, int dim);
CT_API const int64_t *ct_strides(const ct_tensor *x);
CT_API int64_t ct_numel(const ct_tensor *x);
CT_API ct_dtype ct_type(const ct_tensor *x);
/** Whether the elements lie row-major without gaps; strides of dims of size 1 do not count. */
CT_API bool ct_is_contiguous(const ct_tensor *x);
CT_API bool ct_same_storage(const ct_tensor *a, const ct_tensor *b);
/** "float32", "int64", "bool", … as PyTorch prints them. */
CT_API const char *ct_dtype_name(ct_dtype dtype);
CT_API size_t ct_dtype_size(ct_dtype dtype);

/* ---- read and write ---- */

/** The first element; walk it with the strides. Writing through it is not seen by autograd. */
CT_API void *ct_data(ct_tensor *x);
/** The same, with an error on another dtype. */
CT_API float *ct_data_f32(ct_tensor *x);
CT_API double *ct_data_f64(ct_tensor *x);
CT_API int64_t *ct_data_i64(ct_tensor *x);
/** The value of a tensor of one element; NaN (INT64_MIN) with an error otherwise. */
CT_API double ct_item(const ct_tensor *x);
CT_API int64_t ct_item_i64(const ct_tensor *x);
/** The element at n = ndim indices, which may be negative. */
CT_API double ct_get(const ct_tensor *x, const int64_t *index, int n);
/** Sets one element; counts as an in-place change. */
CT_API ct_status ct_set(ct_tensor *x, const int64_t *index, int n, double value);
/** Writes x row-major, converted to \p dtype, into \p out, which holds \p bytes bytes: at least numel times
 * the dtype's size. */
CT_API ct_status ct_copy_to(const ct_tensor *x, ct_dtype dtype, void *out, size_t bytes);
/** Same shape and equal elements (NaN differs from itself); dtypes may differ. */
CT_API bool ct_equal(const ct_tensor *a, const ct_tensor *b);
/** Same shape and |a - b| <= atol + rtol·|b| everywhere. */
CT_API bool ct_allclose(const ct_tensor *a, const ct_tensor *b, double rtol, double atol, bool equal_nan);

/** Prints x in PyTorch's layout with a newline: aligned columns, scientific where needed, large tensors
 * summarised, whatever the locale. */
CT_API void ct_print(const ct_tensor *x);
CT_API void ct_fprint(FILE *file, const ct_tensor *x);
/** The same text into a buffer, as snprintf: returns the length without the terminator. No newline. */
CT_API int ct_format(const ct_tensor *x, char *buffer, size_t size);

CT_END_DECLS

#endif
