/** \file
 * Operations on tensors: each computes as the PyTorch function of its name, and remembers how, where an
 * operand requires a gradient. Every operation takes any strides. The result is a new tensor owned by the
 * innermost scope, or NULL with an error pending; `indices` and other outputs likewise.
 */
#ifndef COTANGENT_AUTOGRAD_OPS_H
#define COTANGENT_AUTOGRAD_OPS_H

#include "../tensor/api.h"
#include "../tensor/error.h"

CT_BEGIN_DECLS

/* ---- conversion and copies ---- */

/** Converts to \p dtype; floats to integers truncate, saturating at the ends of I64, NaN becomes 0. */
CT_API ct_tensor *ct_to(ct_tensor *x, ct_dtype dtype);
/** A copy with its own storage, keeping a dense tensor's strides. */
CT_API ct_tensor *ct_clone(ct_tensor *x);
/** x row-major: a view of x if it is so already, else a copy. */
CT_API ct_tensor *ct_contiguous(ct_tensor *x);
/** Shares storage and version with x, cut from the graph. */
CT_API ct_tensor *ct_detach(ct_tensor *x);

/* ---- unary: of x's shape; integers promote to F32 where the result is not an integer ---- */

CT_API ct_tensor *ct_neg(ct_tensor *x);
CT_API ct_tensor *ct_abs(ct_tensor *x);
CT_API ct_tensor *ct_sign(ct_tensor *x);
CT_API ct_tensor *ct_exp(ct_tensor *x);
CT_API ct_tensor *ct_exp2(ct_tensor *x);
CT_API ct_tensor *ct_expm1(ct_tensor *x);
CT_API ct_tensor *ct_log(ct_tensor *x);
CT_API ct_tensor *ct_log2(ct_tensor *x);
CT_API ct_tensor *ct_log10(ct_tensor *x);
CT_API ct_tensor *ct_log1p(ct_tensor *x);
CT_API ct_tensor *ct_sqrt(ct_tensor *x);
CT_API ct_tensor *ct_rsqrt(ct_tensor *x);
CT_API ct_tensor *ct_square(ct_tensor *x);
CT_API ct_tensor *ct_reciprocal(ct_tensor *x);
CT_API ct_tensor *ct_sin(ct_tensor *x);
CT_API ct_tensor *ct_cos(ct_tensor *x);
CT_API ct_tensor *ct_tan(ct_tensor *x);
CT_API ct_tensor *ct_asin(ct_tensor *x);
CT_API ct_tensor *ct_acos(ct_tensor *x);
CT_API ct_tensor *ct_atan(ct_tensor *x);
CT_API ct_tensor *ct_sinh(ct_tensor *x);
CT_API ct_tensor *ct_cosh(ct_tensor *x);
CT_API ct_tensor *ct_tanh(ct_tensor *x);
CT_API ct_tensor *ct_asinh(ct_tensor *x);
CT_API ct_tensor *ct_acosh(ct_tensor *x);
CT_API ct_tensor *ct_atanh(ct_tensor *x);
/** 1 / (1 + exp(-x)), without overflow. */
CT_API ct_tensor *ct_sigmoid(ct_tensor *x);
/** log(sigmoid(x)), without overflow. */
CT_API ct_tensor *ct_logsigmoid(ct_tensor *x);
/** max(x, 0); its derivative at 0 is 0. */
CT_API ct_tensor *ct_relu(ct_tensor *x);
/** min(max(x, 0), 6); derivative 0 at both bounds. */
CT_API ct_tensor *ct_relu6(ct_tensor *x);
/** x · sigmoid(x). */
CT_API ct_tensor *ct_silu(ct_tensor *x);
/** x · tanh(softplus(x)). */
CT_API ct_tensor *ct_mish(ct_tensor *x);
/** x / (1 + |x|). */
CT_API ct_tensor *ct_softsign(ct_tensor *x);
/** clamp(x/6 + 1/2, 0, 1). */
CT_API ct_tensor *ct_hardsigmoid(ct_tensor *x);
/** x · hardsigmoid(x). */
CT_API ct_tensor *ct_hardswish(ct_tensor *x);
/** Rounding; round goes half to even. Integers stay; the gradient is 0. */
CT_API ct_tensor *ct_floor(ct_tensor *x);
CT_API ct_tensor *ct_ceil(ct_tensor *x);
CT_API ct_tensor *ct_round(ct_tensor *x);
CT_API ct_tensor *ct_trunc(ct_tensor *x);
/** x - trunc(x); derivative 1. */
CT_API ct_tensor *ct_frac(ct_tensor *x);
CT_API ct_tensor *ct_erf(ct_tensor *x);
CT_API ct_tensor *ct_erfc(ct_tensor *x);
CT_API ct_tensor *ct_erfinv(ct_tensor *x);
CT_API ct_tensor *ct_lgamma(ct_tensor *x);
/** lgamma's derivative. */
CT_API ct_tensor *ct_digamma(ct_tensor *x);
/** BOOL results, not recorded. */
CT_API ct_tensor *ct_isnan(ct_tensor *x);
CT_API ct_tensor *ct_isinf(ct_tensor *x);
CT_API ct_tensor *ct_isfinite(ct_tensor *x);
CT_API ct_tensor *ct_logical_not(ct_tensor *x);
/** clamp(x, lo, hi) with derivative 0 at the bounds. */
CT_API ct_tensor *ct_hardtanh(ct_tensor *x, double lo, double hi);
/** x · Φ(x) (Hendrycks and Gimpel, 2016), or its tanh approximation. */
CT_API ct_tensor *ct_gelu(ct_tensor *x, bool tanh_approx);
/** x where x > 0, else slope · x; derivative slope at 0. */
CT_API ct_tensor *ct_leaky_relu(ct_tensor *x, double slope);
/** x where x > 0, else alpha · (exp(x) - 1). */
CT_API ct_tensor *ct_elu(ct_tensor *x, double alpha);
/** Klambauer et al., 2017: scale · elu(x, alpha) with the paper's constants. */
CT_API ct_tensor *ct_selu(ct_tensor *x);
/** max(0, x) + min(0, alpha · (exp(x / alpha) - 1)). */
CT_API ct_tensor *ct_celu(ct_tensor *x, double alpha);
/** log(1 + exp(beta · x)) / beta; x itself where beta · x > threshold. */
CT_API ct_tensor *ct_softplus(ct_tensor *x, double beta, double threshold);
/** Bounds x; ±INFINITY leaves a side open. Derivative 1 at both bounds; NaN stays. */
CT_API ct_tensor *ct_clamp(ct_tensor *x, double lo, double hi);
/** Replaces NaN and the infinities. */
CT_API ct_tensor *ct_nan_to_num(ct_tensor *x, double nan, double posinf, double neginf);
/** x where x > t, else value. */
CT_API ct_tensor *ct_threshold(ct_tensor *x, double t, double value);
/** The first half of dim times the sigmoid of the second (Dauphin et al., 2017). */
CT_API ct_tensor *ct_glu(ct_tensor *x, int dim);
/** x where x > 0, else weight · x: weight has 1 element, or one for each index of dimension 1. */
CT_API ct_tensor *ct_prelu(ct_tensor *x, ct_tensor *weight);
/** In training, zeroes each element with probability p in [0, 1] and scales the others by 1 / (1 - p); else
 * the identity. */
CT_API ct_tensor *ct_dropout(ct_tensor *x, double p, bool training);

/* ---- binary: shapes broadcast, dtypes promote ---- */

/** add, sub, mul; BOOL: or, error, and. */
CT_API ct_tensor *ct_add(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_sub(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_mul(ct_tensor *a, ct_tensor *b);
/** True division: integers promote to F32. */
CT_API ct_tensor *ct_div(ct_tensor *a, ct_tensor *b);
/** a to the power b; integers stay integers, and then a negative exponent is an error. */
CT_API ct_tensor *ct_pow(ct_tensor *a, ct_tensor *b);
/** Remainder with the sign of the dividend. Integer division by 0 is an error. */
CT_API ct_tensor *ct_fmod(ct_tensor *a, ct_tensor *b);
/** Remainder with the sign of the divisor. */
CT_API ct_tensor *ct_remainder(ct_tensor *a, ct_tensor *b);
/** floor(a / b). */
CT_API ct_tensor *ct_floor_divide(ct_tensor *a, ct_tensor *b);
/** NaN wins; at a tie each gets half of the gradient. */
CT_API ct_tensor *ct_maximum(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_minimum(ct_tensor *a, ct_tensor *b);
/** The angle of the point (b, a). */
CT_API ct_tensor *ct_atan2(ct_tensor *a, ct_tensor *b);
/** sqrt(a² + b²) without overflow. */
CT_API ct_tensor *ct_hypot(ct_tensor *a, ct_tensor *b);
/** a + w · (b - a). */
CT_API ct_tensor *ct_lerp(ct_tensor *a, ct_tensor *b, double w);
/** a · log(b), 0 where a is 0 and b is not NaN. */
CT_API ct_tensor *ct_xlogy(ct_tensor *a, ct_tensor *b);
/** Comparisons: BOOL. */
CT_API ct_tensor *ct_eq(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_ne(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_lt(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_le(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_gt(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_ge(ct_tensor *a, ct_tensor *b);
/** On truth values (x != 0): BOOL. */
CT_API ct_tensor *ct_logical_and(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_logical_or(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_logical_xor(ct_tensor *a, ct_tensor *b);
/** a where cond (BOOL) is true, else b; all three broadcast. */
CT_API ct_tensor *ct_where(ct_tensor *cond, ct_tensor *a, ct_tensor *b);
/** x + v · a · b. */
CT_API ct_tensor *ct_addcmul(ct_tensor *x, ct_tensor *a, ct_tensor *b, double v);
/** x + v · a / b. */
CT_API ct_tensor *ct_addcdiv(ct_tensor *x, ct_tensor *a, ct_tensor *b, double v);
/** With a C scalar: an integral value beside an integer tensor counts as an integer, else the result is
 * F32; rsub: value - x, rdiv: value / x, rpow: value to the power x. */
CT_API ct_tensor *ct_add_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_sub_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_mul_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_div_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_pow_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_rsub_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_rdiv_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_rpow_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_eq_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_ne_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_lt_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_le_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_gt_scalar(ct_tensor *x, double value);
CT_API ct_tensor *ct_ge_scalar(ct_tensor *x, double value);

/* ---- in place: change x, return x; a leaf that requires a gradient refuses while recording is on ---- */

/** x's shape and dtype stay: y broadcasts to x and converts; a floating result does not fit an integer x. */
CT_API ct_tensor *ct_add_(ct_tensor *x, ct_tensor *y);
CT_API ct_tensor *ct_sub_(ct_tensor *x, ct_tensor *y);
CT_API ct_tensor *ct_mul_(ct_tensor *x, ct_tensor *y);
CT_API ct_tensor *ct_div_(ct_tensor *x, ct_tensor *y);
CT_API ct_tensor *ct_copy_(ct_tensor *x, ct_tensor *y);
CT_API ct_tensor *ct_add_scalar_(ct_tensor *x, double value);
CT_API ct_tensor *ct_mul_scalar_(ct_tensor *x, double value);
CT_API ct_tensor *ct_fill_(ct_tensor *x, double value);
CT_API ct_tensor *ct_zero_(ct_tensor *x);
CT_API ct_tensor *ct_relu_(ct_tensor *x);
CT_API ct_tensor *ct_clamp_(ct_tensor *x, double lo, double hi);
/** Sets x to value where mask (BOOL, broadcasts to x) is true. */
CT_API ct_tensor *ct_masked_fill_(ct_tensor *x, ct_tensor *mask, double value);
/** Adds src to the slices of x along dim that index (I64 or I32, 1-dim) names; repeated indices add up. */
CT_API ct_tensor *ct_index_add_(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
/** Fills x with random numbers: uniform on [lo, hi), normal. */
CT_API ct_tensor *ct_uniform_(ct_tensor *x, double lo, double hi);
CT_API ct_tensor *ct_normal_(ct_tensor *x, double mean, double std);

/* ---- reductions: over everything to 0-dim, or over dims (none given: all); keepdim keeps them with size 1 ---- */

/** Sums and products of integers are I64. */
CT_API ct_tensor *ct_sum(ct_tensor *x);
CT_API ct_tensor *ct_prod(ct_tensor *x);
/** Floating only. */
CT_API ct_tensor *ct_mean(ct_tensor *x);
/** NaN wins; the gradient is split evenly among ties. */
CT_API ct_tensor *ct_max(ct_tensor *x);
CT_API ct_tensor *ct_min(ct_tensor *x);
/** Divided by n - correction. */
CT_API ct_tensor *ct_var(ct_tensor *x, int correction);
CT_API ct_tensor *ct_std(ct_tensor *x, int correction);
/** BOOL. */
CT_API ct_tensor *ct_any(ct_tensor *x);
CT_API ct_tensor *ct_all(ct_tensor *x);
/** (Σ|x|^p)^(1/p); p = 0 counts, ±INFINITY takes the largest, smallest |x|. */
CT_API ct_tensor *ct_norm(ct_tensor *x, double p);
/** log Σ exp(x), shifted by the maximum. */
CT_API ct_tensor *ct_logsumexp(ct_tensor *x);
CT_API ct_tensor *ct_sum_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_mean_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_prod_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_any_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_all_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_logsumexp_dim(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_var_dim(ct_tensor *x, const int64_t *dims, int ndims, int correction, bool keepdim);
CT_API ct_tensor *ct_std_dim(ct_tensor *x, const int64_t *dims, int ndims, int correction, bool keepdim);
CT_API ct_tensor *ct_norm_dim(ct_tensor *x, const int64_t *dims, int ndims, double p, bool keepdim);
/** The first of the largest (smallest); \p indices (may be NULL) takes their places, I64. The gradient goes
 * to that place. */
CT_API ct_tensor *ct_max_dim(ct_tensor *x, int dim, bool keepdim, ct_tensor **indices);
CT_API ct_tensor *ct_min_dim(ct_tensor *x, int dim, bool keepdim, ct_tensor **indices);
/** The gradient is split evenly among ties. */
CT_API ct_tensor *ct_amax(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
CT_API ct_tensor *ct_amin(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
/** The first place of the largest (smallest) along dim, I64. */
CT_API ct_tensor *ct_argmax(ct_tensor *x, int dim, bool keepdim);
CT_API ct_tensor *ct_argmin(ct_tensor *x, int dim, bool keepdim);
/** The middle one of x's elements, the lower of two; NaN where there is one. The gradient is split evenly among ties. */
CT_API ct_tensor *ct_median(ct_tensor *x);
/** How many elements are not 0, I64. */
CT_API ct_tensor *ct_count_nonzero(ct_tensor *x);
/** Running sums and products along dim, of x's shape; of integers I64. The product's derivative is exact at zeros. */
CT_API ct_tensor *ct_cumsum(ct_tensor *x, int dim);
CT_API ct_tensor *ct_cumprod(ct_tensor *x, int dim);
/** log Σ exp(x) over the elements so far, without overflow. Floating only. */
CT_API ct_tensor *ct_logcumsumexp(ct_tensor *x, int dim);
/** The largest so far; NaN wins. \p indices (may be NULL) takes its place, I64: the last of equal ones, where the
 * gradient goes. */
CT_API ct_tensor *ct_cummax(ct_tensor *x, int dim, ct_tensor **indices);

/* ---- products ---- */

/** 1-D and 2-D operands, and batches of matrices whose leading dimensions broadcast, as torch.matmul. F16 and BF16 are
 * added up in F32 and rounded once. */
CT_API ct_tensor *ct_matmul(ct_tensor *a, ct_tensor *b);
/** [n, k] · [k, m]. */
CT_API ct_tensor *ct_mm(ct_tensor *a, ct_tensor *b);
/** [b, n, k] · [b, k, m]. */
CT_API ct_tensor *ct_bmm(ct_tensor *a, ct_tensor *b);
/** [n, k] · [k]. */
CT_API ct_tensor *ct_mv(ct_tensor *a, ct_tensor *b);
/** [k] · [k], 0-dim. */
CT_API ct_tensor *ct_dot(ct_tensor *a, ct_tensor *b);
/** [n], [m] -> [n, m]. */
CT_API ct_tensor *ct_outer(ct_tensor *a, ct_tensor *b);
/** beta · c + alpha · a · b; c broadcasts; beta = 0 ignores c, NaN included. */
CT_API ct_tensor *ct_addmm(ct_tensor *c, ct_tensor *a, ct_tensor *b, double beta, double alpha);
CT_API ct_tensor *ct_baddbmm(ct_tensor *c, ct_tensor *a, ct_tensor *b, double beta, double alpha);
/** x · weightᵀ + bias: [..., in], [out, in], [out] or NULL -> [..., out]. */
CT_API ct_tensor *ct_linear(ct_tensor *x, ct_tensor *weight, ct_tensor *bias);
/** Einstein summation: "ij,jk->ik", repeated labels (diagonals), "..." and the implicit output included. */
CT_API ct_tensor *ct_einsum(const char *spec, ct_tensor *const *xs, int n);
/** The lower (upper) triangle of the last two dims, from the given diagonal; the rest 0. */
CT_API ct_tensor *ct_tril(ct_tensor *x, int64_t diagonal);
CT_API ct_tensor *ct_triu(ct_tensor *x, int64_t diagonal);
/** [n] -> a matrix with x on the given diagonal, the rest 0; a matrix -> a copy of its diagonal. */
CT_API ct_tensor *ct_diag(ct_tensor *x, int64_t diagonal);
/** Σ x[i, i] of a matrix; of integers I64. */
CT_API ct_tensor *ct_trace(ct_tensor *x);
/** Kronecker product: y[i·p + k, j·q + l] = a[i, j] · b[k, l] for b [p, q], and so for any number of dims. */
CT_API ct_tensor *ct_kron(ct_tensor *a, ct_tensor *b);
/** Cross products of the vectors of size 3 along dim; other sizes broadcast. */
CT_API ct_tensor *ct_cross(ct_tensor *a, ct_tensor *b, int dim);
/** ‖a[.., i, :] - b[.., j, :]‖ₚ: floating [.., n, d], [.., m, d] -> [.., n, m]; p >= 0, as ct_norm has it. */
CT_API ct_tensor *ct_cdist(ct_tensor *a, ct_tensor *b, double p);
/** x with a · x = b: [.., n, n], [.., n, m] of one floating dtype, whose batches broadcast; b may hold vectors, [n] or
 * [.., n] beside a's [.., n, n]. By LU factors with partial pivoting (half types compute in F32). Here and below, a
 * matrix that is exactly singular is CT_ERR_VALUE, which tells its place in the batch. */
CT_API ct_tensor *ct_solve(ct_tensor *a, ct_tensor *b);
/** A⁻¹ of [.., n, n]. */
CT_API ct_tensor *ct_inv(ct_tensor *x);
/** [.., n, n] -> [..]. The derivative is right for singular matrices too, of any rank; the second one needs x⁻¹. */
CT_API ct_tensor *ct_det(ct_tensor *x);
/** The lower triangular L with L·Lᵀ = x, symmetric [.., n, n], of which the lower triangle is read; the gradient is
 * symmetric. A matrix that is not positive definite is CT_ERR_VALUE. */
CT_API ct_tensor *ct_cholesky(ct_tensor *x);

/* ---- views: share x's storage ---- */

/** As slice bounds: to the end (stop); from the end (start of a negative step). */
#define CT_END INT64_MAX
/** One size may be -1. reshape copies where strides cannot express the shape; view is then an error. */
CT_API ct_tensor *ct_reshape(ct_tensor *x, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_view(ct_tensor *x, const int64_t *shape, int ndim);
/** Joins the dims start … end. */
CT_API ct_tensor *ct_flatten(ct_tensor *x, int start, int end);
/** Splits dim into the given shape, of which one size may be -1. */
CT_API ct_tensor *ct_unflatten(ct_tensor *x, int dim, const int64_t *shape, int ndim);
/** Swaps two dims. */
CT_API ct_tensor *ct_transpose(ct_tensor *x, int dim0, int dim1);
/** Transposes at most 2 dims. */
CT_API ct_tensor *ct_t(ct_tensor *x);
/** Result dim i is dim dims[i] of x. */
CT_API ct_tensor *ct_permute(ct_tensor *x, const int64_t *dims, int ndims);
CT_API ct_tensor *ct_movedim(ct_tensor *x, int source, int destination);
/** Sizes of 1 become larger by a stride of 0; -1 keeps a size; new leading dims may be given. */
CT_API ct_tensor *ct_expand(ct_tensor *x, const int64_t *shape, int ndim);
CT_API ct_tensor *ct_broadcast_to(ct_tensor *x, const int64_t *shape, int ndim);
/** Drops all dims of size 1, or dim if its size is 1. */
CT_API ct_tensor *ct_squeeze(ct_tensor *x);
CT_API ct_tensor *ct_squeeze_dim(ct_tensor *x, int dim);
/** A new dim of size 1 before dim. */
CT_API ct_tensor *ct_unsqueeze(ct_tensor *x, int dim);
/** Every step-th index from start up to stop, not included; bounds clamp, a negative step goes down. */
CT_API ct_tensor *ct_slice(ct_tensor *x, int dim, int64_t start, int64_t stop, int64_t step);
/** One index of dim, which goes away. */
CT_API ct_tensor *ct_select(ct_tensor *x, int dim, int64_t index);
/** length indices from start on, all within dim. */
CT_API ct_tensor *ct_narrow(ct_tensor *x, int dim, int64_t start, int64_t length);
/** Any geometry on x's storage; offset counts from its start. Bounds are checked. */
CT_API ct_tensor *ct_as_strided(ct_tensor *x, const int64_t *shape, int ndim, const int64_t *strides, int64_t offset);
/** Windows of dim: a new last dim of the given size, one window each step. */
CT_API ct_tensor *ct_unfold(ct_tensor *x, int dim, int64_t size, int64_t step);
/** The elements x[.., i, .., i + offset, ..] of dims dim1 and dim2, which become the last dim. */
CT_API ct_tensor *ct_diagonal(ct_tensor *x, int64_t offset, int dim1, int dim2);
/** NumPy's basic indexing as text: `ct_at(x, "..., 1:-1, ::2, None, 3")`. An error names the character at fault. */
CT_API ct_tensor *ct_at(ct_tensor *x, const char *index);
/** Pieces of dim: of the given size (the last may be smaller), that many pieces, single indices. Returns
 * the count, or -1; more than max_out is an error that writes nothing. */
CT_API int ct_split(ct_tensor *x, int64_t size, int dim, ct_tensor **out, int max_out);
CT_API int ct_chunk(ct_tensor *x, int64_t chunks, int dim, ct_tensor **out, int max_out);
CT_API int ct_unbind(ct_tensor *x, int dim, ct_tensor **out, int max_out);

/* ---- joining ---- */

/** Joins along dim; other sizes agree; dtypes promote. */
CT_API ct_tensor *ct_cat(ct_tensor *const *xs, int n, int dim);
/** Joins along a new dim. */
CT_API ct_tensor *ct_stack(ct_tensor *const *xs, int n, int dim);
/** Tiles x: n >= ndim counts, the first for new leading dims. */
CT_API ct_tensor *ct_repeat(ct_tensor *x, const int64_t *reps, int n);
/** The same; where there are fewer counts than dims, they are the last dims'. */
CT_API ct_tensor *ct_tile(ct_tensor *x, const int64_t *reps, int n);
/** Each index of dim n times in succession. */
CT_API ct_tensor *ct_repeat_interleave(ct_tensor *x, int64_t n, int dim);
/** Moves dims[i] round by shifts[i] indices; with dims NULL, n = 1, x as if flattened. */
CT_API ct_tensor *ct_roll(ct_tensor *x, const int64_t *shifts, const int64_t *dims, int n);
/** n views of shape [size of xs[0], …, size of xs[n - 1]] on 1-dim or 0-dim tensors of one dtype: out[i] varies along dim
 * i only. */
CT_API ct_status ct_meshgrid(ct_tensor *const *xs, int n, ct_tensor **out);
/** Reverses dims (a copy). */
CT_API ct_tensor *ct_flip(ct_tensor *x, const int64_t *dims, int n);
/** n numbers: (before, after) pairs from the last dim on; negative ones crop. mode "constant" (with value),
 * "reflect", "replicate", "circular". */
CT_API ct_tensor *ct_pad(ct_tensor *x, const int64_t *pads, int n, const char *mode, double value);

/* ---- indexing: indices are I64 or I32, not negative unless said ---- */

/** The slices of dim that the 1-dim index names. */
CT_API ct_tensor *ct_index_select(ct_tensor *x, int dim, ct_tensor *index);
/** out[..i..] = x[..index[..i..]..] along dim; index has x's rank and is no larger off dim. */
CT_API ct_tensor *ct_gather(ct_tensor *x, int dim, ct_tensor *index);
/** A copy of x with src[..i..] added at index[..i..] along dim. */
CT_API ct_tensor *ct_scatter_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
/** A copy of x with src[..i..] written at index[..i..] along dim; of several for one place the last along dim stays. */
CT_API ct_tensor *ct_scatter(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
/** A copy of x with src added to the slices of dim that the 1-dim index names; repeated indices add up. */
CT_API ct_tensor *ct_index_add(ct_tensor *x, int dim, ct_tensor *index, ct_tensor *src);
/** ct_gather() of x and index broadcast to each other in all dims but dim; as many dims each. */
CT_API ct_tensor *ct_take_along_dim(ct_tensor *x, ct_tensor *index, int dim);
/** The elements of x where mask (BOOL) is true, in row-major order, 1-dim; x and mask broadcast. */
CT_API ct_tensor *ct_masked_select(ct_tensor *x, ct_tensor *mask);
/** The indices of the elements other than 0, in row-major order: I64 [count, ndim]. */
CT_API ct_tensor *ct_nonzero(ct_tensor *x);
/** A copy of x that is value where mask (BOOL, broadcasts) is true. */
CT_API ct_tensor *ct_masked_fill(ct_tensor *x, ct_tensor *mask, double value);
/** Rows of weight [n, dim] by index of any shape: [..., dim]. padding_idx (-1: none) gets no gradient. */
CT_API ct_tensor *ct_embedding(ct_tensor *weight, ct_tensor *index, int64_t padding_idx);
/** I64 [..., classes]; classes = -1: the largest index + 1. */
CT_API ct_tensor *ct_one_hot(ct_tensor *index, int64_t classes);

/* ---- sorting and searching ---- */

/** x in order along dim, equal elements in the order they had; NaN counts as the largest. \p indices (may be NULL) takes
 * the places where the elements were, I64. */
CT_API ct_tensor *ct_sort(ct_tensor *x, int dim, bool descending, ct_tensor **indices);
/** Those places alone. */
CT_API ct_tensor *ct_argsort(ct_tensor *x, int dim, bool descending);
/** The k largest (smallest) along dim, in order, as ct_sort() has them first. */
CT_API ct_tensor *ct_topk(ct_tensor *x, int64_t k, int dim, bool largest, ct_tensor **indices);
/** The distinct elements of x by size, 1-dim (each NaN is one). \p inverse (may be NULL) takes where each element of x
 * stands among them, I64 of x's shape; \p counts (may be NULL) how often each occurs. */
CT_API ct_tensor *ct_unique(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts);
/** Where each value would be put in \p sorted, [n] or [..., n] with values [..., m], to keep it in order: before equal
 * elements, or (right) after them. Of one dtype; I64 of values' shape. */
CT_API ct_tensor *ct_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right);
/** How often each of 0 … max occurs in x (integers, 1-dim, not negative): I64 [max + 1]. */
CT_API ct_tensor *ct_bincount(ct_tensor *x);

/* ---- networks ---- */

/** exp(x) / Σ exp(x) along dim, shifted by the maximum. */
CT_API ct_tensor *ct_softmax(ct_tensor *x, int dim);
/** log(softmax(x)). */
CT_API ct_tensor *ct_log_softmax(ct_tensor *x, int dim);
/** (x - mean)/√(variance + eps) · weight + bias over the last norm_dims dims of a floating x, the variance biased; weight
 * and bias (either NULL: none) have the shape of those dims. Ba, Kiros, Hinton: Layer normalization, 2016. */
CT_API ct_tensor *ct_layer_norm(ct_tensor *x, int norm_dims, ct_tensor *weight, ct_tensor *bias, double eps);
/** x/√(mean(x²) + eps) · weight likewise. Zhang, Sennrich: Root mean square layer normalization, 2019. */
CT_API ct_tensor *ct_rms_norm(ct_tensor *x, int norm_dims, ct_tensor *weight, double eps);

/** (x - mean)/√(variance + eps) · weight + bias of x [N, C, ...], mean and (biased) variance over each of so many groups of
 * channels of a sample; weight and bias (either NULL: none) have shape [C]. Wu, He: Group normalization, 2018. */
CT_API ct_tensor *ct_group_norm(ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias, double eps);
/** The same over each channel of the whole batch. In training the running statistics (shape [C], both or neither) move, in
 * place and not recorded: running = (1 - momentum) running + momentum · batch, the variance there divided by n - 1; a single
 * value for each channel is an error. Else the running statistics take the place of the batch's. Ioffe, Szegedy: Batch
 * normalization, 2015. */
CT_API ct_tensor *ct_batch_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_tensor *running_mean, ct_tensor *running_var, bool training, double momentum, double eps);
/** x / max(‖x‖, eps), with the p-norm along dim. */
CT_API ct_tensor *ct_normalize(ct_tensor *x, double p, int dim, double eps);
/** a · b / (max(‖a‖, eps) max(‖b‖, eps)) along dim, which goes; shapes broadcast. */
CT_API ct_tensor *ct_cosine_similarity(ct_tensor *a, ct_tensor *b, int dim, double eps);
/** softmax(q kᵀ/√E + mask) v of q [..., L, E], k [..., S, E], v [..., S, V], all of one floating dtype: [..., L, V]. Leading
 * dims broadcast. mask (or NULL) broadcasts to [..., L, S]: BOOL is true where a pair takes part, a floating one is added.
 * causal (then no mask): query i sees no key beyond i. A query that sees no key gives 0. dropout_p is the probability of
 * dropping a weight, as ct_dropout() in training. Vaswani et al.: Attention is all you need, 2017. The scores never stand
 * in memory as a whole unless weights are dropped or the mask wants a gradient (Dao et al.: FlashAttention, 2022). */
CT_API ct_tensor *ct_scaled_dot_product_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, double dropout_p, bool causal);

/** Resizes images [N, C, H, W] to [N, C, h, w], pixels being squares (PyTorch's align_corners = false): mode "nearest" and
 * "nearest-exact" (any dtype), "bilinear", "bicubic" (Keys, 1981) and "area", the mean of what a pixel covers. */
CT_API ct_tensor *ct_interpolate(ct_tensor *x, int64_t h, int64_t w, const char *mode);

/** Where filters lie, for each dim (the first one first; those behind x's dims do not count). A 0 in stride, dilation or
 * groups stands for 1. */
typedef struct {
    int64_t stride[3];         /**< from one place to the next */
    int64_t padding[3];        /**< zeros that are put at both ends of x */
    int64_t dilation[3];       /**< from one weight of a filter to the next */
    int64_t output_padding[3]; /**< of a transposed convolution: by how much its result is longer; less than stride or dilation */
    int64_t groups;            /**< of channels, each of which meets its own filters alone */
} ct_conv_params;
#define CT_CONV_DEFAULTS {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0, 0, 0}, 1}

/** y[n, f, q] = bias[f] + Σ weight[f, c, t] · x[n, c, q · stride + t · dilation - padding], zeros beyond x. x is [N, channels,
 * L] (2d: H, W; 3d: D, H, W) or lacks N, weight [filters, channels / groups, kernel], bias [filters] or NULL; params NULL:
 * the defaults. All are floating. CT_ERR_SHAPE where the shapes do not fit or no place is left, CT_ERR_VALUE for parameters
 * out of range. */
CT_API ct_tensor *ct_conv1d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);
CT_API ct_tensor *ct_conv2d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);
CT_API ct_tensor *ct_conv3d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);
/** The gradient of a convolution for its x, as a function of its result's gradient: x is [N, channels, …], weight [channels,
 * filters / groups, kernel], and the result has (size - 1) · stride - 2 · padding + dilation · (kernel - 1) +
 * output_padding + 1 in each dim. */
CT_API ct_tensor *ct_conv_transpose1d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);
CT_API ct_tensor *ct_conv_transpose2d(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);

/** Windows, for each dim. A dilation of 0 stands for 1. */
typedef struct {
    int64_t kernel[3];      /**< how many places a window takes */
    int64_t stride[3];      /**< from one window to the next; 0: kernel */
    int64_t padding[3];     /**< at both ends of x, at most kernel / 2 */
    int64_t dilation[3];    /**< from one place of a window to the next; of ct_max_pool only */
    bool ceil_mode;         /**< a last window may reach beyond the end */
    bool count_include_pad; /**< means divide by the places in the padding, too */
} ct_pool_params;

/** The largest number of each window, the first of equal ones; a NaN before all. x is floating, [N, channels, L] (2d: H, W)
 * or lacks N. CT_ERR_SHAPE where no window fits, CT_ERR_VALUE for parameters out of range. */
CT_API ct_tensor *ct_max_pool1d(ct_tensor *x, const ct_pool_params *params);
CT_API ct_tensor *ct_max_pool2d(ct_tensor *x, const ct_pool_params *params);
/** The mean of each window, likewise; what lies in the padding is 0. */
CT_API ct_tensor *ct_avg_pool1d(ct_tensor *x, const ct_pool_params *params);
CT_API ct_tensor *ct_avg_pool2d(ct_tensor *x, const ct_pool_params *params);
/** The means of h × w windows that share x's H and W evenly: from ⌊i · H / h⌋ to ⌈(i + 1) · H / h⌉. */
CT_API ct_tensor *ct_adaptive_avg_pool2d(ct_tensor *x, int64_t h, int64_t w);

/* ---- losses: a pair of shapes must agree; CT_NONE keeps the elements, CT_MEAN and CT_SUM join them to 0-dim ---- */

/** -(y log p + (1 - y) log(1 - p)), logs clamped at -100; p and y in [0, 1]; weight broadcasts. */
CT_API ct_tensor *ct_bce_loss(ct_tensor *p, ct_tensor *y, ct_tensor *weight, ct_reduction reduction);
/** The same of p = sigmoid(z), stable; pos_weight scales the term of y. */
CT_API ct_tensor *ct_bce_with_logits_loss(ct_tensor *z, ct_tensor *y, ct_tensor *weight, ct_tensor *pos_weight, ct_reduction reduction);
/** Σ (p - y)². */
CT_API ct_tensor *ct_sse_loss(ct_tensor *p, ct_tensor *y);
/** (p - y)²; |p - y|. */
CT_API ct_tensor *ct_mse_loss(ct_tensor *p, ct_tensor *y, ct_reduction reduction);
CT_API ct_tensor *ct_l1_loss(ct_tensor *p, ct_tensor *y, ct_reduction reduction);
/** d²/(2 beta) where |d| < beta, else |d| - beta/2. */
CT_API ct_tensor *ct_smooth_l1_loss(ct_tensor *p, ct_tensor *y, double beta, ct_reduction reduction);
/** d²/2 where |d| < delta, else delta · (|d| - delta/2). */
CT_API ct_tensor *ct_huber_loss(ct_tensor *p, ct_tensor *y, double delta, ct_reduction reduction);
/** -log softmax(logits) of the target along dim 1 (dim 0 of a vector): [N, C, ...] with classes [N, ...]
 * (I64, I32) or probabilities [N, C, ...]. The weighted mean divides by the sum of the targets' weights;
 * rows of ignore_index count nowhere. */
CT_API ct_tensor *ct_cross_entropy(ct_tensor *logits, ct_tensor *target, ct_tensor *weight, int64_t ignore_index, double label_smoothing, ct_reduction reduction);
/** The same from log-probabilities and classes. */
CT_API ct_tensor *ct_nll_loss(ct_tensor *logp, ct_tensor *target, ct_tensor *weight, int64_t ignore_index, ct_reduction reduction);
/** q (log q - logp), or exp(q) (q - logp) with log_target; 0 where q is 0. */
CT_API ct_tensor *ct_kl_div(ct_tensor *logp, ct_tensor *q, bool log_target, ct_reduction reduction);
/** x where y = 1, max(0, margin - x) where y = -1. */
CT_API ct_tensor *ct_hinge_embedding_loss(ct_tensor *x, ct_tensor *y, double margin, ct_reduction reduction);
/** max(0, -y (a - b) + margin). */
CT_API ct_tensor *ct_margin_ranking_loss(ct_tensor *a, ct_tensor *b, ct_tensor *y, double margin, ct_reduction reduction);
/** 1 - cos(a, b) where y = 1, max(0, cos(a, b) - margin) where y = -1: [N, D] or [D]. */
CT_API ct_tensor *ct_cosine_embedding_loss(ct_tensor *a, ct_tensor *b, ct_tensor *y, double margin, ct_reduction reduction);
/** max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm over the last dim. */
CT_API ct_tensor *ct_triplet_margin_loss(ct_tensor *anchor, ct_tensor *positive, ct_tensor *negative, double margin, double p, ct_reduction reduction);
/** exp(x) - y x, or x - y log(x + eps); full adds Stirling's approximation of log y! where y > 1. */
CT_API ct_tensor *ct_poisson_nll_loss(ct_tensor *x, ct_tensor *y, bool log_input, bool full, double eps, ct_reduction reduction);
/** (log v + (x - y)²/v)/2 with v = max(var, eps); full adds log(2π)/2. var has one number for each element of x, or
 * for each row (x's shape without its last dim, or with 1 there), or broadcasts to x. */
CT_API ct_tensor *ct_gaussian_nll_loss(ct_tensor *x, ct_tensor *y, ct_tensor *var, bool full, double eps, ct_reduction reduction);

CT_END_DECLS

#endif
