/* Losses of regression and of embeddings, composed of recorded operations, and what all losses share. */
#include "../internal/losses.h"
#include <math.h>

#define LN_2PI 1.83787706640934548356

bool autograd_loss_floating(const ct_tensor *x, const char *name) {
    if (tensor_is_floating((ct_dtype)x->dtype)) return true;
    tensor_error(CT_ERR_DTYPE, "%s is %s; expected a floating dtype", name,
                 ct_dtype_name((ct_dtype)x->dtype));
    return false;
}

static bool same_shapes(const ct_tensor *x, const char *x_name, const ct_tensor *y, const char *y_name) {
    if (tensor_same_shape(x, y)) return true;
    tensor_error(CT_ERR_SHAPE, "%s has shape %s and %s %s; they must agree", x_name, tensor_shape_of(x),
                 y_name, tensor_shape_of(y));
    return false;
}

bool autograd_loss_pair(const ct_tensor *x, const char *x_name, const ct_tensor *y, const char *y_name) {
    return tensor_given(x, x_name) && tensor_given(y, y_name) && autograd_loss_floating(x, x_name) &&
           same_shapes(x, x_name, y, y_name);
}

bool autograd_loss_broadcasts(const ct_tensor *weight, const char *name, const ct_tensor *x,
                              const char *x_name) {
    if (!weight) return ct_error() == CT_OK;
    bool fits = weight->ndim <= x->ndim;
    for (int d = 1; fits && d <= weight->ndim; d++) {
        int64_t size = weight->shape[weight->ndim - d];
        fits = size == 1 || size == x->shape[x->ndim - d];
    }
    if (!fits)
        tensor_error(CT_ERR_SHAPE, "%s has shape %s, which does not broadcast to the shape of %s, %s", name,
                     tensor_shape_of(weight), x_name, tensor_shape_of(x));
    return fits;
}

bool autograd_loss_reduction(ct_reduction reduction, bool batchmean) {
    if (reduction == CT_NONE || reduction == CT_MEAN || reduction == CT_SUM) return true;
    if (batchmean && reduction == CT_BATCHMEAN) return true;
    tensor_error(CT_ERR_VALUE, "reduction is %d; expected CT_NONE, CT_MEAN%s CT_SUM%s", (int)reduction,
                 batchmean ? "," : " or", batchmean ? " or CT_BATCHMEAN" : "");
    return false;
}

bool autograd_loss_number(double value, double least, const char *name) {
    if (value >= least && value < INFINITY) return true;
    if (least == -INFINITY && isfinite(value)) return true;
    tensor_error(CT_ERR_VALUE, "%s is %g; expected a finite number%s", name, value,
                 least == 0 ? " that is not negative" : "");
    return false;
}

ct_tensor *autograd_loss_as(ct_tensor *x, ct_dtype dtype) {
    return !x || x->dtype == dtype ? x : ct_to(x, dtype);
}

ct_tensor *autograd_loss_widened(ct_tensor *x) {
    return x && (x->dtype == CT_F16 || x->dtype == CT_BF16) ? ct_to(x, CT_F32) : x;
}

ct_tensor *autograd_loss_target(ct_tensor *y, const ct_tensor *x) {
    return !y || tensor_is_floating((ct_dtype)y->dtype) ? y : ct_to(y, (ct_dtype)x->dtype);
}

ct_tensor *autograd_loss_reduced(ct_tensor *losses, ct_reduction reduction) {
    if (!losses || reduction == CT_NONE) return losses;
    if (reduction == CT_MEAN) return ct_mean(losses);
    ct_tensor *sum = ct_sum(losses);
    if (reduction == CT_SUM || losses->ndim == 0) return sum;
    return ct_div_scalar(sum, (double)losses->shape[0]);
}

ct_tensor *autograd_loss_joined(const Op *op, ct_tensor *x, ct_tensor *y, ct_reduction reduction) {
    return APPLY(op, ATTR(.alpha = reduction == CT_MEAN ? (double)x->numel : 1), x, y);
}

/* ---- regression ---- */

static ct_tensor *joined_squares_forward(Call *c) {
    return tensor_pair_loss(&tensor_kernels->squares_loss, c->x[0], c->x[1], c->attr->alpha);
}

static ct_tensor *joined_squares_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *difference = ct_sub(c->x[i], c->x[1 - i]);
    return ct_mul(ct_mul_scalar(g, 2 / c->attr->alpha), difference);
}

static ct_tensor *joined_distance_forward(Call *c) {
    return tensor_pair_loss(&tensor_kernels->distance_loss, c->x[0], c->x[1], c->attr->alpha);
}

static ct_tensor *joined_distance_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *difference = ct_sub(c->x[i], c->x[1 - i]);
    return ct_mul(ct_div_scalar(g, c->attr->alpha), ct_sign(difference));
}

/* Losses of the difference: y's gradient is that of p, negated. */
static bool difference_slopes(const PairLoss *loss, const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *slope = tensor_pair_loss_slope(loss, c->x[0], c->x[1], g, c->attr->alpha);
    if (!slope) return false;
    if (autograd_needs(c, 1) && !(dxs[1] = tensor_neg(slope, NULL))) return false;
    if (autograd_needs(c, 0)) dxs[0] = slope;
    return true;
}

static bool joined_squares_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return difference_slopes(&tensor_kernels->squares_loss, c, g, dxs);
}

static bool joined_distance_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return difference_slopes(&tensor_kernels->distance_loss, c, g, dxs);
}

static const Op sse_op = {.name = "sse_loss", .formula = "dz/dp = 2 (p - y)", .forward = joined_squares_forward,
                          .vjp = joined_squares_vjp, .fused = joined_squares_fused, .reads = {INPUTS, INPUTS}};
static const Op mse_op = {.name = "mse_loss", .formula = "dz/dp = 2 (p - y)/n", .forward = joined_squares_forward,
                          .vjp = joined_squares_vjp, .fused = joined_squares_fused, .reads = {INPUTS, INPUTS}};
static const Op l1_op = {.name = "l1_loss", .formula = "dz/dp = sign(p - y)/n", .forward = joined_distance_forward,
                         .vjp = joined_distance_vjp, .fused = joined_distance_fused, .reads = {INPUTS, INPUTS}};

ct_tensor *ct_sse_loss(ct_tensor *p, ct_tensor *y) {
    FUNCTION("ct_sse_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y")) return NULL;
    return ct_scope_keep(autograd_loss_joined(&sse_op, p, y, CT_SUM));
}

ct_tensor *ct_mse_loss(ct_tensor *p, ct_tensor *y, ct_reduction reduction) {
    FUNCTION("ct_mse_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (reduction != CT_NONE) return ct_scope_keep(autograd_loss_joined(&mse_op, p, y, reduction));
    return ct_scope_keep(ct_square(ct_sub(p, y)));
}

ct_tensor *ct_l1_loss(ct_tensor *p, ct_tensor *y, ct_reduction reduction) {
    FUNCTION("ct_l1_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (reduction != CT_NONE) return ct_scope_keep(autograd_loss_joined(&l1_op, p, y, reduction));
    return ct_scope_keep(ct_abs(ct_sub(p, y)));
}

/* d²/2 within ±delta, delta (|d| - delta/2) beyond: with m = d bounded to ±delta, m²/2 + delta (|d| - |m|).
 * No branch overflows where it is not taken. */
static ct_tensor *huber(ct_tensor *d, double delta) {
    ct_tensor *m = ct_clamp(d, -delta, delta);
    ct_tensor *beyond = ct_sub(ct_abs(d), ct_abs(m));
    return ct_add(ct_mul_scalar(ct_square(m), 0.5), ct_mul_scalar(beyond, delta));
}

ct_tensor *ct_huber_loss(ct_tensor *p, ct_tensor *y, double delta, ct_reduction reduction) {
    FUNCTION("ct_huber_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!(delta > 0 && delta < INFINITY)) {
        tensor_error(CT_ERR_VALUE, "delta is %g; expected a finite number above 0", delta);
        return NULL;
    }
    return ct_scope_keep(autograd_loss_reduced(huber(ct_sub(p, y), delta), reduction));
}

ct_tensor *ct_smooth_l1_loss(ct_tensor *p, ct_tensor *y, double beta, ct_reduction reduction) {
    FUNCTION("ct_smooth_l1_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_number(beta, 0, "beta")) return NULL;
    ct_tensor *d = ct_sub(p, y);
    ct_tensor *losses = beta == 0 ? ct_abs(d) : ct_div_scalar(huber(d, beta), beta);
    return ct_scope_keep(autograd_loss_reduced(losses, reduction));
}

/* y log y - y + log(2π y)/2 where y > 1, else 0. */
static ct_tensor *stirling(ct_tensor *y) {
    ct_tensor *small = ct_le_scalar(y, 1), *safe = ct_masked_fill(y, small, 1);
    ct_tensor *log = ct_log(safe);
    ct_tensor *term = ct_add(ct_sub(ct_mul(safe, log), safe), ct_mul_scalar(ct_add_scalar(log, LN_2PI), 0.5));
    return ct_masked_fill(term, small, 0);
}

ct_tensor *ct_poisson_nll_loss(ct_tensor *x, ct_tensor *y, bool log_input, bool full, double eps,
                               ct_reduction reduction) {
    FUNCTION("ct_poisson_nll_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(x, "x", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_number(eps, 0, "eps")) return NULL;
    ct_dtype dtype = tensor_result_dtype((ct_tensor *[]){x, y}, 2);
    ct_tensor *rate = autograd_loss_widened(x), *count = autograd_loss_widened(autograd_loss_target(y, x));
    ct_tensor *losses = log_input ? ct_sub(ct_exp(rate), ct_mul(count, rate))
                                  : ct_sub(rate, ct_mul(count, ct_log(ct_add_scalar(rate, eps))));
    if (full) losses = ct_add(losses, stirling(count));
    return ct_scope_keep(autograd_loss_reduced(autograd_loss_as(losses, dtype), reduction));
}

/* A variance for each row of x gets a last dim; any other must broadcast to x. NULL with an error. */
static ct_tensor *variance_beside(ct_tensor *x, ct_tensor *var) {
    bool of_rows = var->ndim == x->ndim - 1;
    for (int d = 0; of_rows && d < var->ndim; d++) of_rows = var->shape[d] == x->shape[d];
    if (!of_rows && !autograd_loss_broadcasts(var, "var", x, "x")) return NULL;
    if (var->numel > 0) {
        ct_tensor *least = tensor_amin(var, (1u << var->ndim) - 1, false);
        if (!least) return NULL;
        double value = ct_item(least);
        if (value < 0) {
            tensor_error(CT_ERR_VALUE, "var holds %g; a variance is not negative", value);
            return NULL;
        }
    }
    return of_rows ? ct_unsqueeze(var, -1) : var;
}

/* Bounds a copy in place, so that gradients pass as if it were not. */
static ct_tensor *bounded_unseen(ct_tensor *copy, double eps) {
    CT_NO_GRAD;
    return ct_clamp_(copy, eps, INFINITY);
}

ct_tensor *ct_gaussian_nll_loss(ct_tensor *x, ct_tensor *y, ct_tensor *var, bool full, double eps,
                                ct_reduction reduction) {
    FUNCTION("ct_gaussian_nll_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(x, "x", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!tensor_given(var, "var") || !autograd_loss_floating(var, "var") ||
        !autograd_loss_number(eps, 0, "eps"))
        return NULL;
    ct_dtype dtype = tensor_result_dtype((ct_tensor *[]){x, y, var}, 3);
    ct_tensor *beside = variance_beside(x, var);
    if (!beside) return NULL;
    ct_tensor *v = bounded_unseen(ct_clone(autograd_loss_widened(beside)), eps);
    ct_tensor *squares = ct_square(ct_sub(autograd_loss_widened(x), y));
    ct_tensor *losses = ct_mul_scalar(ct_add(ct_log(v), ct_div(squares, v)), 0.5);
    if (full) losses = ct_add_scalar(losses, LN_2PI / 2);
    return ct_scope_keep(autograd_loss_reduced(autograd_loss_as(losses, dtype), reduction));
}

/* ---- embeddings and rankings: y is 1 or -1 ---- */

static ct_tensor *at_least_zero(ct_tensor *x) {
    return ct_clamp(x, 0, INFINITY);
}

ct_tensor *ct_hinge_embedding_loss(ct_tensor *x, ct_tensor *y, double margin, ct_reduction reduction) {
    FUNCTION("ct_hinge_embedding_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(x, "x", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_number(margin, -INFINITY, "margin")) return NULL;
    ct_tensor *near = ct_masked_fill(x, ct_eq_scalar(y, -1), 0);
    ct_tensor *far = ct_masked_fill(at_least_zero(ct_rsub_scalar(x, margin)), ct_eq_scalar(y, 1), 0);
    return ct_scope_keep(autograd_loss_reduced(ct_add(near, far), reduction));
}

ct_tensor *ct_margin_ranking_loss(ct_tensor *a, ct_tensor *b, ct_tensor *y, double margin,
                                  ct_reduction reduction) {
    FUNCTION("ct_margin_ranking_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(a, "a", b, "b") || !autograd_loss_floating(b, "b")) return NULL;
    if (!autograd_loss_pair(a, "a", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_number(margin, -INFINITY, "margin")) return NULL;
    ct_tensor *short_by = ct_add_scalar(ct_mul(y, ct_sub(b, a)), margin);
    return ct_scope_keep(autograd_loss_reduced(at_least_zero(short_by), reduction));
}

/* Σ a·b over the last dim. */
static ct_tensor *dot(ct_tensor *a, ct_tensor *b) {
    return ct_sum_dim(ct_mul(a, b), CT_DIMS(-1), false);
}

/* The cosine of the angles between rows; 1e-12 under the root keeps rows of zeros from dividing by 0. */
static ct_tensor *cosine(ct_tensor *a, ct_tensor *b) {
    ct_tensor *lengths = ct_mul(ct_add_scalar(dot(a, a), 1e-12), ct_add_scalar(dot(b, b), 1e-12));
    return ct_div(dot(a, b), ct_sqrt(lengths));
}

static bool is_label_of_rows(const ct_tensor *y, const ct_tensor *a) {
    if (!tensor_given(y, "y")) return false;
    if (a->ndim < 1 || a->ndim > 2) {
        tensor_error(CT_ERR_SHAPE, "a has shape %s; expected [N, D] or [D]", tensor_shape_of(a));
        return false;
    }
    if (y->ndim == a->ndim - 1 && (y->ndim == 0 || y->shape[0] == a->shape[0])) return true;
    tensor_error(CT_ERR_SHAPE, "y has shape %s; expected %s, a number for each row of a %s",
                 tensor_shape_of(y), tensor_shape_text(a->shape, a->ndim - 1), tensor_shape_of(a));
    return false;
}

ct_tensor *ct_cosine_embedding_loss(ct_tensor *a, ct_tensor *b, ct_tensor *y, double margin,
                                    ct_reduction reduction) {
    FUNCTION("ct_cosine_embedding_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(a, "a", b, "b") || !autograd_loss_floating(b, "b")) return NULL;
    if (!is_label_of_rows(y, a) || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!(margin >= -1 && margin <= 1)) {
        tensor_error(CT_ERR_VALUE, "margin is %g; a cosine lies between -1 and 1", margin);
        return NULL;
    }
    ct_dtype dtype = tensor_result_dtype((ct_tensor *[]){a, b}, 2);
    ct_tensor *c = cosine(autograd_loss_widened(a), autograd_loss_widened(b));
    ct_tensor *alike = ct_masked_fill(ct_rsub_scalar(c, 1), ct_ne_scalar(y, 1), 0);
    ct_tensor *unlike = ct_masked_fill(at_least_zero(ct_sub_scalar(c, margin)), ct_ne_scalar(y, -1), 0);
    return ct_scope_keep(autograd_loss_reduced(autograd_loss_as(ct_add(alike, unlike), dtype), reduction));
}

/* The p-norm of a - b + 1e-6 over the last dim: never at the corner of the norm. */
static ct_tensor *distance(ct_tensor *a, ct_tensor *b, double p) {
    return ct_norm_dim(ct_add_scalar(ct_sub(a, b), 1e-6), CT_DIMS(-1), p, false);
}

ct_tensor *ct_triplet_margin_loss(ct_tensor *anchor, ct_tensor *positive, ct_tensor *negative, double margin,
                                  double p, ct_reduction reduction) {
    FUNCTION("ct_triplet_margin_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(anchor, "anchor", positive, "positive")) return NULL;
    if (!autograd_loss_pair(anchor, "anchor", negative, "negative")) return NULL;
    if (!autograd_loss_number(margin, -INFINITY, "margin") || !autograd_loss_reduction(reduction, false))
        return NULL;
    if (anchor->ndim == 0 || !(p > 0)) {
        if (anchor->ndim == 0)
            tensor_error(CT_ERR_SHAPE, "anchor has no dims; expected [D] or [..., D]");
        else
            tensor_error(CT_ERR_VALUE, "p is %g; expected a norm above 0", p);
        return NULL;
    }
    ct_dtype dtype = tensor_result_dtype((ct_tensor *[]){anchor, positive, negative}, 3);
    ct_tensor *a = autograd_loss_widened(anchor);
    ct_tensor *nearer = distance(a, autograd_loss_widened(positive), p);
    ct_tensor *losses = ct_sub(nearer, distance(a, autograd_loss_widened(negative), p));
    losses = autograd_loss_as(at_least_zero(ct_add_scalar(losses, margin)), dtype);
    return ct_scope_keep(autograd_loss_reduced(losses, reduction));
}
