/* Plain arithmetic: tensor_mul() computes, ct_mul() computes and remembers. Not installed.
 *
 * Results are new tensors of the innermost scope, or NULL with an error pending. Operands are there (not NULL);
 * shapes, dtypes and values are checked here. */
#ifndef COTANGENT_TENSOR_INTERNAL_PLAIN_H
#define COTANGENT_TENSOR_INTERNAL_PLAIN_H

#include "kernels.h"
#include "shape.h"

/* ---- elementwise ---- */

/* tensor_exp(x) …, tensor_add(a, b) … and tensor_eq(a, b) … for every line of kernels/list.h. Those whose kernel has
 * parameters take them last: tensor_clamp(x, PARAMETERS(lo, hi)); the others take NULL. */
#define PARAMETERS(...) ((const double[3]){__VA_ARGS__})
#define UNARY(name, ...) ct_tensor *tensor_##name(ct_tensor *x, const double *p);
#define UNARY_ANY UNARY
#define PREDICATE UNARY
#define BINARY(name, ...) ct_tensor *tensor_##name(ct_tensor *a, ct_tensor *b);
#define BINARY_ANY BINARY
#define COMPARE BINARY
#include "../kernels/list.h"

/* A function of two tensors, such as tensor_add. */
typedef ct_tensor *Binary(ct_tensor *a, ct_tensor *b);
/* The same with a C scalar as second (first) operand. */
ct_tensor *tensor_with_scalar(Binary *function, ct_tensor *x, double value);
ct_tensor *tensor_scalar_with(Binary *function, double value, ct_tensor *x);
ct_tensor *tensor_where(ct_tensor *condition, ct_tensor *a, ct_tensor *b);

/* Runs a row kernel over n tensors of the same shape, whose dtypes are the row's, changing those in place that it
 * writes; p has ROW_PARAMETERS numbers. */
void tensor_rows_in_place(RowKernel *row, ct_tensor *const *x, int n, const double *p);

/* ---- copies ---- */

/* Copies src to dst (which may be any view), converting; src broadcasts to dst. They must not overlap. */
ct_status tensor_copy_into(ct_tensor *dst, ct_tensor *src);
/* x itself if it has that dtype, else a converted copy. */
ct_tensor *tensor_as(ct_tensor *x, ct_dtype dtype);
/* Always a fresh copy, row-major. */
ct_tensor *tensor_to(ct_tensor *x, ct_dtype dtype);
/* A fresh copy of the same strides if x is dense, else row-major. */
ct_tensor *tensor_clone(ct_tensor *x);
/* x itself if it is row-major, else a copy that is. */
ct_tensor *tensor_contiguous(ct_tensor *x);
/* Makes *x of that dtype and row-major, a copy where needed; NULL stays. False with an error. */
bool tensor_plainly(ct_tensor **x, ct_dtype dtype);
ct_tensor *tensor_full(ct_dtype dtype, const int64_t *shape, int ndim, double value);
/* Sets every element of any view. */
void tensor_fill(ct_tensor *x, double value);

/* ---- reductions: `set` has a bit for each dim that goes; all of them give a 0-dim tensor ---- */

ct_tensor *tensor_sum(ct_tensor *x, unsigned set, bool keepdim);
/* Of a floating x. */
ct_tensor *tensor_mean(ct_tensor *x, unsigned set, bool keepdim);
/* Σ(x - mean)² / (n - correction), of a floating x. */
ct_tensor *tensor_var(ct_tensor *x, unsigned set, double correction, bool keepdim);
ct_tensor *tensor_prod(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_any(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_all(ct_tensor *x, unsigned set, bool keepdim);
/* The largest (smallest): an error over nothing. */
ct_tensor *tensor_amax(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_amin(ct_tensor *x, unsigned set, bool keepdim);
/* Its place in the row-major order of the dims that go: I64. */
ct_tensor *tensor_argmax(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_argmin(ct_tensor *x, unsigned set, bool keepdim);
/* Both at once: the value found, and where, which is written to places: I64, made by tensor_new_reduced(). */
ct_tensor *tensor_extreme(ct_tensor *x, unsigned set, bool keepdim, bool largest, ct_tensor *places);
/* A tensor of x's shape without the dims of `set`, its numbers not set. */
ct_tensor *tensor_new_reduced(const ct_tensor *x, unsigned set, bool keepdim, ct_dtype dtype);
/* (Σ|x|^p)^(1/p) and its limits. */
ct_tensor *tensor_norm(ct_tensor *x, double p, unsigned set, bool keepdim);
/* The largest of F32 or F64, and Σ exp(x - m), both as F64; -inf and 0 of nothing. */
ct_tensor *tensor_wide_max(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_exp_sums(ct_tensor *x, ct_tensor *m, unsigned set, bool keepdim);
ct_tensor *tensor_logsumexp(ct_tensor *x, unsigned set, bool keepdim);
ct_tensor *tensor_softmax(ct_tensor *x, int dim);
ct_tensor *tensor_log_softmax(ct_tensor *x, int dim);
/* The gradient for x from the result y (of the logarithm, or not) and its gradient g, of one shape. */
ct_tensor *tensor_softmax_slope(ct_tensor *y, ct_tensor *g, int dim, bool logarithm);
/* x summed down to a shape that broadcasts to it. */
ct_tensor *tensor_sum_to(ct_tensor *x, const int64_t *shape, int ndim);

/* Layer norm (not centred: RMS norm) over x's last dims, whose shape weight and bias have, if there are any. *kept is
 * what the derivative needs: F64 [2, rows], means and 1 / deviations. */
ct_tensor *tensor_norm_rows(ct_tensor *x, int norm_dims, ct_tensor *weight, ct_tensor *bias, bool centred, double eps,
                            ct_tensor **kept);
/* The gradients for x and, if asked for, weight and bias. */
bool tensor_norm_rows_slopes(ct_tensor *x, int norm_dims, ct_tensor *weight, bool centred, ct_tensor *kept, ct_tensor *g,
                             ct_tensor *slopes[3], bool parameters);

/* Group norm of x [N, groups, K, R] over its last two dims, or batch norm of x [N, C, R] over all but C; weight and bias (or
 * NULL) have one number for each channel. *kept is what the derivative needs: F64 [3, groups of all N, or C], means,
 * 1 / deviations and variances. */
ct_tensor *tensor_channel_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, double eps, ct_tensor **kept);
/* The gradients for x and, if asked for, weight and bias. */
bool tensor_channel_norm_slopes(ct_tensor *x, ct_tensor *weight, ct_tensor *kept, ct_tensor *g, ct_tensor *slopes[3],
                                bool parameters);
/* Moves running statistics of C channels, floating, by that share towards those kept from n numbers each: the variance
 * towards that divided by n - 1. */
bool tensor_update_running(ct_tensor *running_mean, ct_tensor *running_var, ct_tensor *kept, double momentum, int64_t n);

/* softmax(scale q kᵀ + mask) v of matrices [..., L, E], [..., S, E], [..., S, V] of one floating dtype, whose batch dims
 * broadcast; mask (or NULL) is BOOL or floating and broadcasts to [..., L, S]; causal: query i sees no key beyond i. *logs
 * is what the derivative needs: log2 Σ exp(score) of each query. */
ct_tensor *tensor_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, bool causal, double scale,
                            ct_tensor **logs);
/* The gradients for q, k and v, of the whole batch, from the result y and its gradient g. */
bool tensor_attention_slopes(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, bool causal, double scale,
                             ct_tensor *y, ct_tensor *logs, ct_tensor *g, ct_tensor *slopes[3]);

/* Each of so many matrices of x (row-major, of a dtype that computes) in the matrix product's panels over its columns; x
 * itself, where its rows are whole panels. Or its transpose in panels. Lives as long as the scope; NULL with an error. */
const char *tensor_panels(const ct_tensor *x, int64_t matrices, bool transposed);

/* (Σ |a - b|^p)^(1/p) between rows: [.., n, d] and [.., m, d] make [.., n, m]; p = 0 counts, INFINITY takes the largest. */
ct_tensor *tensor_distances(ct_tensor *a, ct_tensor *b, double p);
/* The gradients that are needed, of the whole batch, from the result y and its gradient g. */
bool tensor_distance_slopes(ct_tensor *a, ct_tensor *b, double p, ct_tensor *y, ct_tensor *g, const bool needed[2],
                            ct_tensor *dxs[2]);

/* A sparse matrix by rows: I64 starts [n + 1] of each row among the others, I64 places and F64 weights. */
typedef struct {
    ct_tensor *starts, *places, *weights;
} Taps;
/* For n rows and at most `count` taps: starts are 0, the others not set. */
bool tensor_taps(int64_t n, int64_t count, Taps *taps);
bool tensor_transpose_taps(Taps taps, int64_t columns, Taps *transposed);
/* The matrix times x along a dim; x is floating. */
ct_tensor *tensor_resample(ct_tensor *x, int dim, Taps taps);

/* ---- losses ---- */

/* The sum of the losses of pairs (of one shape) through the divisor: 0-dim. An error at a pair that is not allowed. */
ct_tensor *tensor_pair_loss(const PairLoss *loss, ct_tensor *x, ct_tensor *y, double divisor);
/* The gradient for x, given that of the result. */
ct_tensor *tensor_pair_loss_slope(const PairLoss *loss, ct_tensor *x, ct_tensor *y, ct_tensor *g, double divisor);
/* -log softmax(x) of each place's class: x is [C] or [N, C, ...], the classes (checked; those `ignored` count 0) [N, ...].
 * *kept is what the derivative needs: F64, for each place the largest score, 1 / Σ exp and the weight, in three rows, and
 * then what the joined losses were divided by. */
ct_tensor *tensor_cross_entropy(ct_tensor *x, ct_tensor *target, ct_tensor *weight, int64_t ignored, ct_reduction reduction,
                                ct_tensor **kept);
ct_tensor *tensor_cross_entropy_slope(ct_tensor *x, ct_tensor *target, int64_t ignored, ct_tensor *kept, ct_tensor *g);

/* ---- running results along dim; of integers I64 ---- */

/* `backwards`: from the last element on. */
ct_tensor *tensor_cumsum(ct_tensor *x, int dim, bool backwards);
ct_tensor *tensor_cumprod(ct_tensor *x, int dim);
ct_tensor *tensor_logcumsumexp(ct_tensor *x, int dim);
/* y[i] = b[i] + a[i] · y[i - 1], or y[i + 1] backwards; the first y is the first b. Of one shape and floating dtype. */
ct_tensor *tensor_recurrence(ct_tensor *a, ct_tensor *b, int dim, bool backwards);
/* The places of the largest so far, the last of equal ones. */
ct_tensor *tensor_argcummax(ct_tensor *x, int dim);

/* ---- products ---- */

/* torch.matmul. */
ct_tensor *tensor_matmul(ct_tensor *a, ct_tensor *b);
/* x · weightᵀ + bias; bias may be NULL. */
ct_tensor *tensor_linear(ct_tensor *x, ct_tensor *weight, ct_tensor *bias);
/* The weight's gradient Σ gᵀ·x over all leading dims of g [.., out] and x [.., in]. */
ct_tensor *tensor_linear_weight_slope(ct_tensor *g, ct_tensor *x);

/* Where filters lie on an operand of 1 to 3 dims (counted from the last one; those that are lacking have 1 and 0), as
 * kernels.h describes. All its fields are int64_t. */
typedef struct {
    int64_t stride[3], spread[3], pad[3], dilation[3], out[3], groups;
    int64_t flipped; /* 1: weight is [groups · channels, filters, kernel], and its taps are read backwards */
} Filtering;
/* x [N, groups · channels, …], weight [groups · filters, channels, kernel], bias [groups · filters] or NULL, all floating,
 * shapes checked. */
ct_tensor *tensor_convolve(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const Filtering *filtering);
/* The filtering that takes the result's gradient to x's, with the same weight, flipped the other way. */
Filtering tensor_convolve_adjoint(const Filtering *filtering, const int64_t *x_shape, const int64_t *weight_shape, int ndim);
/* The gradients for weight and, if asked for, bias; from x and the result's gradient g. */
bool tensor_convolve_weight_slopes(ct_tensor *x, const ct_tensor *weight, ct_tensor *g, const Filtering *filtering,
                                   ct_tensor **weight_slope, ct_tensor **bias_slope);
/* Keeps the elements on and below (upper: above) the diagonal of the last two dims. */
ct_tensor *tensor_triangle(ct_tensor *x, int64_t diagonal, bool upper);
/* x with a[.., n, n] · x = b [.., n, m], whose batches broadcast. Here and below, a singular matrix is CT_ERR_VALUE. */
ct_tensor *tensor_solve(ct_tensor *a, ct_tensor *b);
ct_tensor *tensor_inv(ct_tensor *x);
/* Of [.., n, n]: the determinants [..], and their derivatives [.., n, n], of singular matrices too. */
ct_tensor *tensor_det(ct_tensor *x);
ct_tensor *tensor_cofactors(ct_tensor *x);
/* The lower factor; x's lower triangle is read. CT_ERR_VALUE if x is not positive definite. */
ct_tensor *tensor_cholesky(ct_tensor *x);

/* ---- views and joining: dims are checked and not negative ---- */

/* Places in a storage: elements lie at offset + Σ index[d]·strides[d]. All its fields are int64_t. */
typedef struct {
    int64_t ndim, shape[CT_MAX_DIMS], strides[CT_MAX_DIMS], offset;
} Geometry;

/* A dim of x, which is not 0-dim, as tensor_dim(); -1 with an error. */
int tensor_dim_with_size(const ct_tensor *x, int dim);
/* A shape for as many elements as `from` has, its one -1 resolved; false with CT_ERR_SHAPE. */
bool tensor_resolve_shape(const int64_t *from, int from_ndim, const int64_t *shape, int ndim, int64_t *resolved);
/* A shape to which x broadcasts, its -1s replaced by x's sizes; false with CT_ERR_SHAPE. */
bool tensor_expand_shape(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *resolved);
/* The strides of a view of that shape; false if there are none. */
bool tensor_view_strides(const ct_tensor *x, const int64_t *shape, int ndim, int64_t *strides);
/* A view if strides can express it, else a copy. */
ct_tensor *tensor_reshape(ct_tensor *x, const int64_t *shape, int ndim);
ct_tensor *tensor_permute(ct_tensor *x, const int64_t *dims);
ct_tensor *tensor_transpose(ct_tensor *x, int dim0, int dim1);
ct_tensor *tensor_expand(ct_tensor *x, const int64_t *shape, int ndim);
ct_tensor *tensor_unsqueeze(ct_tensor *x, int dim);
/* length indices from start on, `step` apart (step may be negative), all within the dim. */
ct_tensor *tensor_slice(ct_tensor *x, int dim, int64_t start, int64_t length, int64_t step);
/* The elements x[.., i, .., i + offset, ..] of dims dim1 and dim2, as the last dim: a view. */
ct_tensor *tensor_diagonal(ct_tensor *x, int64_t offset, int dim1, int dim2);
/* x (floating, of from's shape) is added up at from's places and read at to's. Where `averaged` is not NULL, a place
 * that it names more than once counts by its mean. */
ct_tensor *tensor_restride(ct_tensor *x, const Geometry *from, const Geometry *to, const Geometry *averaged);
/* 1-dim tensors without elements are passed over; at least one other is there. */
ct_tensor *tensor_cat(ct_tensor *const *xs, int n, int dim);
/* The tensors have one shape, of less than CT_MAX_DIMS dims. */
ct_tensor *tensor_stack(ct_tensor *const *xs, int n, int dim);
ct_tensor *tensor_flip(ct_tensor *x, unsigned set);
/* Index i of dim d goes to (i + shifts[d]) mod its size: |shifts[d]| is less. */
ct_tensor *tensor_roll(ct_tensor *x, const int64_t *shifts);
/* x within a tensor of `value`: pads has a pair (before, after) for each dim; negative ones crop. */
ct_tensor *tensor_pad(ct_tensor *x, const int64_t (*pads)[2], double value);

/* ---- pooling ---- */

/* Windows on x's last dims, one or two of them (size and so on of the other are 1). All its fields are int64_t. */
typedef struct {
    int64_t dims, size[2], out[2], kernel[2], stride[2], pad[2], dilation[2];
    int64_t include_pad; /* means count padding, too */
    int64_t adaptive;    /* the windows share the sizes evenly, whatever kernel and stride say */
} Pooling;
/* The largest of each window, the first of equal ones, a NaN before all; *places says where in its plane: I32. */
ct_tensor *tensor_max_pool(ct_tensor *x, const Pooling *pooling, ct_tensor **places);
ct_tensor *tensor_max_pool_slope(ct_tensor *places, ct_tensor *g, const Pooling *pooling);
ct_tensor *tensor_average_pool(ct_tensor *x, const Pooling *pooling);
ct_tensor *tensor_average_pool_slope(ct_tensor *g, const Pooling *pooling);

/* ---- indexing ---- */

ct_tensor *tensor_index_select(ct_tensor *x, int dim, ct_tensor *index);
ct_tensor *tensor_gather(ct_tensor *x, int dim, ct_tensor *index);
/* Copies of x with src added where the indices say. */
ct_tensor *tensor_index_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
ct_tensor *tensor_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
/* Zeros of that shape with src added; index has src's rank, or is 1-dim; all indices are in range. */
ct_tensor *tensor_index_sum(const int64_t *shape, int ndim, int dim, ct_tensor *index, ct_tensor *src);
/* A copy of x with src written where the indices say: of several for one place, the last along dim stays. */
ct_tensor *tensor_scatter(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
ct_tensor *tensor_one_hot(ct_tensor *index, int64_t classes);
/* The row-major places of x's elements other than 0, I64; their indices, [places, ndim]. */
ct_tensor *tensor_places(ct_tensor *x);
ct_tensor *tensor_nonzero(ct_tensor *x);
/* Whether all indices (I64 or I32) lie in [0, size), or are `except` (INT64_MIN: none); raises CT_ERR_INDEX naming the
 * first that does not. */
bool tensor_check_indices(ct_tensor *index, int64_t size, int64_t except, const char *what);

/* ---- sorting and searching ---- */

/* The k smallest (largest) along dim in their order, NaN the largest, equal ones by place; *places: theirs, I64. */
ct_tensor *tensor_topk(ct_tensor *x, int64_t k, int dim, bool largest, ct_tensor **places);
/* Of everything: of an even number the lower one; NaN where there is one. */
ct_tensor *tensor_median(ct_tensor *x);
/* The row-major places of the first of each distinct element, by size. Where not NULL: *inverse says which each element
 * of x is, *counts how many there are of each. */
ct_tensor *tensor_unique_places(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts);
ct_tensor *tensor_bincount(ct_tensor *x);
ct_tensor *tensor_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right);

#endif
