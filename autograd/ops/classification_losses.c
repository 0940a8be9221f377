/* Losses of probabilities: binary and categorical cross entropy, negative log-likelihood, divergence. */
#include "../internal/losses.h"
#include <math.h>

/* ---- binary cross entropy of probabilities ---- */

/* Whether all of x lies in [0, 1]. NaN passes, and makes the loss NaN. */
static bool holds_probabilities(ct_tensor *x, const char *name) {
    CT_SCOPED;
    if (x->numel == 0) return true;
    const unsigned all = (1u << x->ndim) - 1;
    ct_tensor *least = tensor_amin(x, all, false), *most = least ? tensor_amax(x, all, false) : NULL;
    if (!most) return false;
    double low = ct_item(least), high = ct_item(most);
    if (!(low < 0 || high > 1)) return true;
    tensor_error(CT_ERR_VALUE, "%s holds %g; expected probabilities, in [0, 1]", name, low < 0 ? low : high);
    return false;
}

static ct_tensor *bce_forward(Call *c) {
    if (!holds_probabilities(c->x[0], "p") || !holds_probabilities(c->x[1], "y")) return NULL;
    return tensor_bce(c->x[0], c->x[1]);
}

/* log p, at least -100; its slope is 0 where it is bounded. */
static ct_tensor *clamped_log(ct_tensor *p) {
    ct_tensor *bounded = ct_le_scalar(p, exp(-100));
    return ct_masked_fill(ct_log(ct_masked_fill(p, bounded, 1)), bounded, -100);
}

/* log(1 - p) likewise: bounded at p = 1 alone, as every other 1 - p is above exp(-100). */
static ct_tensor *clamped_log_rest(ct_tensor *p) {
    ct_tensor *bounded = ct_ge_scalar(p, 1);
    return ct_masked_fill(ct_log1p(ct_neg(ct_masked_fill(p, bounded, 0))), bounded, -100);
}

static ct_tensor *bce_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *p = autograd_loss_widened(c->x[0]);
    if (i == 1) return ct_mul(g, ct_sub(clamped_log_rest(p), clamped_log(p)));
    /* PyTorch's bound is a float's 1e-12 in F64 too */
    ct_tensor *variance = ct_clamp(ct_mul(p, ct_rsub_scalar(p, 1)), 1e-12f, INFINITY);
    return ct_mul(g, ct_div(ct_sub(p, c->x[1]), variance));
}

/* One kernel for p; a gradient for y is rare. */
static bool bce_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *p = autograd_needs(c, 0) ? autograd_loss_widened(c->x[0]) : NULL;
    ct_tensor *slope = p ? tensor_bce_slope(p, c->x[1]) : NULL;
    if (autograd_needs(c, 0) && !(slope && (dxs[0] = tensor_mul(g, slope)))) return false;
    return !autograd_needs(c, 1) || (dxs[1] = bce_vjp(c, g, 1)) != NULL;
}

static const Op bce_op = {.name = "bce_loss",
                          .formula = "dz/dp = (p - y)/max(p (1 - p), 1e-12), dz/dy = log(1 - p) - log p",
                          .forward = bce_forward,
                          .vjp = bce_vjp,
                          .fused = bce_fused,
                          .reads = {INPUTS, INPUT(0)}};

static ct_tensor *weighted(ct_tensor *losses, ct_tensor *weight) {
    return weight ? ct_mul(losses, weight) : losses;
}

/* The mean or sum of all: one pass forward, one backward. g is 0-dim, so that the rules of the losses serve here too. */
static ct_tensor *joined_bce_vjp(const Call *c, ct_tensor *g, int i) {
    return bce_vjp(c, ct_div_scalar(g, c->attr->alpha), i);
}

static ct_tensor *joined_bce_forward(Call *c) {
    return tensor_pair_loss(&tensor_kernels->bce_loss, c->x[0], c->x[1], c->attr->alpha);
}

static bool joined_bce_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    const PairLoss *loss = &tensor_kernels->bce_loss;
    if (autograd_needs(c, 0) && !(dxs[0] = tensor_pair_loss_slope(loss, c->x[0], c->x[1], g, c->attr->alpha))) return false;
    return !autograd_needs(c, 1) || (dxs[1] = joined_bce_vjp(c, g, 1)) != NULL;
}

static const Op joined_bce_op = {.name = "bce_loss",
                                 .formula = "dz/dp = (p - y)/max(p (1 - p), 1e-12)/n, dz/dy = (log(1 - p) - log p)/n",
                                 .forward = joined_bce_forward,
                                 .vjp = joined_bce_vjp,
                                 .fused = joined_bce_fused,
                                 .reads = {INPUTS, INPUTS}};

ct_tensor *ct_bce_loss(ct_tensor *p, ct_tensor *y, ct_tensor *weight, ct_reduction reduction) {
    FUNCTION("ct_bce_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(p, "p", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_broadcasts(weight, "weight", p, "p")) return NULL;
    if (!weight && reduction != CT_NONE)
        return ct_scope_keep(autograd_loss_joined(&joined_bce_op, p, y, reduction));
    ct_tensor *losses = weighted(APPLY(&bce_op, NO_ATTR, p, y), weight);
    return ct_scope_keep(autograd_loss_reduced(losses, reduction));
}

/* ---- binary cross entropy of logits ---- */

static ct_tensor *logits_forward(Call *c) {
    return tensor_bce_with_logits(c->x[0], c->x[1]);
}

static ct_tensor *logits_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *z = c->x[0];
    return i == 0 ? ct_mul(g, ct_sub(ct_sigmoid(z), c->x[1])) : ct_neg(ct_mul(g, z));
}

static const Op logits_op = {.name = "bce_with_logits_loss",
                             .formula = "dl/dz = sigmoid(z) - y, dl/dy = -z",
                             .forward = logits_forward,
                             .vjp = logits_vjp,
                             .reads = {INPUTS, INPUT(0)}};

static ct_tensor *joined_logits_vjp(const Call *c, ct_tensor *g, int i) {
    return logits_vjp(c, ct_div_scalar(g, c->attr->alpha), i);
}

static ct_tensor *joined_logits_forward(Call *c) {
    return tensor_pair_loss(&tensor_kernels->logits_loss, c->x[0], c->x[1], c->attr->alpha);
}

static bool joined_logits_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    const PairLoss *loss = &tensor_kernels->logits_loss;
    if (autograd_needs(c, 0) && !(dxs[0] = tensor_pair_loss_slope(loss, c->x[0], c->x[1], g, c->attr->alpha))) return false;
    return !autograd_needs(c, 1) || (dxs[1] = joined_logits_vjp(c, g, 1)) != NULL;
}

static const Op joined_logits_op = {.name = "bce_with_logits_loss",
                                    .formula = "dl/dz = (sigmoid(z) - y)/n, dl/dy = -z/n",
                                    .forward = joined_logits_forward,
                                    .vjp = joined_logits_vjp,
                                    .fused = joined_logits_fused,
                                    .reads = {INPUTS, INPUTS}};

/* (1 - y) z - (1 + (pos_weight - 1) y) log sigmoid(z) */
static ct_tensor *logits_with_pos_weight(ct_tensor *z, ct_tensor *y, ct_tensor *pos_weight) {
    ct_tensor *scale = ct_add_scalar(ct_mul(ct_sub_scalar(pos_weight, 1), y), 1);
    return ct_sub(ct_mul(ct_rsub_scalar(y, 1), z), ct_mul(scale, ct_logsigmoid(z)));
}

ct_tensor *ct_bce_with_logits_loss(ct_tensor *z, ct_tensor *y, ct_tensor *weight, ct_tensor *pos_weight,
                                   ct_reduction reduction) {
    FUNCTION("ct_bce_with_logits_loss");
    CT_SCOPED;
    if (!autograd_loss_pair(z, "z", y, "y") || !autograd_loss_reduction(reduction, false)) return NULL;
    if (!autograd_loss_broadcasts(weight, "weight", z, "z")) return NULL;
    if (!autograd_loss_broadcasts(pos_weight, "pos_weight", z, "z")) return NULL;
    if (!weight && !pos_weight && reduction != CT_NONE)
        return ct_scope_keep(autograd_loss_joined(&joined_logits_op, z, y, reduction));
    ct_tensor *losses = pos_weight ? logits_with_pos_weight(z, autograd_loss_target(y, z), pos_weight)
                                   : APPLY(&logits_op, NO_ATTR, z, y);
    return ct_scope_keep(autograd_loss_reduced(weighted(losses, weight), reduction));
}

/* ---- classes ---- */

/* Scores [N, C, …] or [C] and what is asked of them: the class at each place [N, …], or none
 * to be counted. */
typedef struct {
    ct_tensor *classes; /* those ignored as 0 */
    ct_tensor *ignored; /* BOOL */
    ct_tensor *weights; /* of the places, 0 where ignored; NULL: all 1 */
    int dim;            /* that of the classes in the scores */
} Labels;

static int class_dim(const ct_tensor *scores) {
    return scores->ndim == 1 ? 0 : 1;
}

static bool takes_scores(const ct_tensor *scores, const char *name, const ct_tensor *target,
                         const ct_tensor *weight) {
    if (!tensor_given(scores, name) || !tensor_given(target, "target")) return false;
    if (!weight && ct_error()) return false;
    if (!autograd_loss_floating(scores, name)) return false;
    if (scores->ndim == 0 || scores->shape[class_dim(scores)] == 0) {
        tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected classes [C] or [N, C, ...]", name,
                     tensor_shape_of(scores));
        return false;
    }
    int64_t classes = scores->shape[class_dim(scores)];
    if (!weight) return true;
    if (weight->ndim != 1 || weight->shape[0] != classes) {
        tensor_error(CT_ERR_SHAPE, "weight has shape %s; expected (%lld), a number for each class of %s %s",
                     tensor_shape_of(weight), (long long)classes, name, tensor_shape_of(scores));
        return false;
    }
    return autograd_loss_floating(weight, "weight");
}

static bool takes_classes(const ct_tensor *scores, const char *name, ct_tensor *target,
                          int64_t ignore_index) {
    int64_t shape[CT_MAX_DIMS];
    int ndim = 0, dim = class_dim(scores);
    for (int d = 0; d < scores->ndim; d++)
        if (d != dim) shape[ndim++] = scores->shape[d];
    bool fits = target->ndim == ndim;
    for (int d = 0; fits && d < ndim; d++) fits = target->shape[d] == shape[d];
    if (!fits) {
        tensor_error(CT_ERR_SHAPE, "target has shape %s; expected classes %s for %s %s",
                     tensor_shape_of(target), tensor_shape_text(shape, ndim), name, tensor_shape_of(scores));
        return false;
    }
    if (target->dtype != CT_I64 && target->dtype != CT_I32) {
        tensor_error(CT_ERR_DTYPE, "target is %s; expected classes of int64 or int32",
                     ct_dtype_name((ct_dtype)target->dtype));
        return false;
    }
    return tensor_check_indices(target, scores->shape[dim], ignore_index, "class");
}

/* The weights of the places' classes. */
static ct_tensor *weights_of(const Labels *labels, ct_tensor *weight) {
    const ct_tensor *classes = labels->classes;
    if (!classes) return NULL;
    ct_tensor *chosen = ct_index_select(weight, 0, ct_reshape(labels->classes, CT_DIMS(classes->numel)));
    return ct_masked_fill(ct_reshape(chosen, classes->shape, classes->ndim), labels->ignored, 0);
}

static bool read_labels(ct_tensor *scores, ct_tensor *target, ct_tensor *weight, int64_t ignore_index,
                        Labels *labels) {
    *labels = (Labels){.dim = class_dim(scores)};
    labels->ignored = ct_eq(target, ct_from_data(CT_I64, &ignore_index, NULL, 0));
    labels->classes = ct_masked_fill(target, labels->ignored, 0);
    if (weight) labels->weights = weights_of(labels, weight);
    return weight ? labels->weights != NULL : labels->classes != NULL;
}

/* -logp of each place's class, times its weight. */
static ct_tensor *likelihood_losses(ct_tensor *logp, const Labels *labels) {
    ct_tensor *chosen = ct_gather(logp, labels->dim, ct_unsqueeze(labels->classes, labels->dim));
    ct_tensor *losses = ct_neg(ct_squeeze_dim(chosen, labels->dim));
    return ct_masked_fill(weighted(losses, labels->weights), labels->ignored, 0);
}

/* -Σ weight · x over the classes. */
static ct_tensor *sum_of_classes(ct_tensor *x, int dim, ct_tensor *weight) {
    if (!x) return NULL;
    if (weight && x->ndim > 1) {
        const int64_t shape[CT_MAX_DIMS] = {1, weight->shape[0], 1, 1, 1, 1, 1, 1};
        weight = ct_reshape(weight, shape, x->ndim);
        if (!weight) return NULL;
    }
    return ct_neg(ct_sum_dim(weighted(x, weight), CT_DIMS(dim), false));
}

/* The mean divides by the weights of the places that count: NaN if none does. */
static ct_tensor *reduced_by_weight(ct_tensor *losses, const Labels *labels, ct_reduction reduction) {
    if (reduction != CT_MEAN) return autograd_loss_reduced(losses, reduction);
    ct_tensor *count = ct_sum(labels->weights ? labels->weights : ct_logical_not(labels->ignored));
    return ct_div(ct_sum(losses), count);
}

ct_tensor *ct_nll_loss(ct_tensor *logp, ct_tensor *target, ct_tensor *weight, int64_t ignore_index,
                       ct_reduction reduction) {
    FUNCTION("ct_nll_loss");
    CT_SCOPED;
    if (!takes_scores(logp, "logp", target, weight) || !takes_classes(logp, "logp", target, ignore_index))
        return NULL;
    if (!autograd_loss_reduction(reduction, false)) return NULL;
    Labels labels;
    if (!read_labels(logp, target, weight, ignore_index, &labels)) return NULL;
    return ct_scope_keep(reduced_by_weight(likelihood_losses(logp, &labels), &labels, reduction));
}

/* ---- cross entropy of classes in one pass: dim is that of the classes, start the class that is ignored, other the
 * reduction; the extra is what tensor_cross_entropy() keeps ---- */

static ct_tensor *entropy_forward(Call *c) {
    return tensor_cross_entropy(c->x[0], c->x[1], c->n > 2 ? c->x[2] : NULL, c->attr->start, (ct_reduction)c->attr->other,
                                &c->extra);
}

/* The weights of the places through what the mean divides by; 0 where they are ignored, even if all are. */
static ct_tensor *weights_kept(const Call *c, ct_tensor *ignored) {
    const ct_tensor *target = c->x[1];
    const double divisor = ((const double *)c->extra->data)[3 * target->numel];
    ct_tensor *weights = tensor_slice(c->extra, 0, 2 * target->numel, target->numel, 1);
    weights = weights ? tensor_reshape(weights, target->shape, target->ndim) : NULL;
    weights = weights ? tensor_with_scalar(tensor_div, weights, divisor) : NULL;
    weights = weights ? tensor_as(weights, autograd_input_dtype(c, 0)) : NULL;
    return ct_masked_fill(weights, ignored, 0);
}

/* dx = (softmax(x) - [its class]) · weight · g */
static ct_tensor *entropy_vjp(const Call *c, ct_tensor *g, int i) {
    const int dim = c->attr->dim;
    ct_tensor *target = c->x[1], *ignored = ct_eq(target, ct_from_data(CT_I64, &c->attr->start, NULL, 0));
    ct_tensor *weights = ct_unsqueeze(weights_kept(c, ignored), dim);
    ct_tensor *classes = ct_unsqueeze(ct_masked_fill(target, ignored, 0), dim);
    ct_tensor *one = classes ? tensor_full(autograd_input_dtype(c, 0), classes->shape, classes->ndim, 1) : NULL;
    ct_tensor *chosen = ct_scatter_add(autograd_input_zeros(c, i), dim, classes, one);
    if (g->ndim > 0) g = ct_unsqueeze(g, dim);
    return ct_mul(ct_sub(ct_softmax(c->x[0], dim), chosen), ct_mul(weights, g));
}

static bool entropy_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    return (dxs[0] = tensor_cross_entropy_slope(c->x[0], c->x[1], c->attr->start, c->extra, g)) != NULL;
}

static const Op entropy_op = {.name = "cross_entropy",
                              .formula = "dx = (softmax(x) - onehot(class)) weight/Σ weights",
                              .forward = entropy_forward,
                              .vjp = entropy_vjp,
                              .fused = entropy_fused,
                              .reads = {INPUT(0) | INPUT(1) | EXTRA, 0}};

static ct_tensor *cross_entropy_of_classes(ct_tensor *logits, ct_tensor *target, ct_tensor *weight,
                                           int64_t ignore_index, double smoothing, ct_reduction reduction) {
    Labels labels;
    if (!takes_classes(logits, "logits", target, ignore_index)) return NULL;
    if (smoothing == 0 && (!weight || (weight->dtype == logits->dtype && !ct_requires_grad(weight)))) {
        const Attr *attr = ATTR(.dim = class_dim(logits), .start = ignore_index, .other = reduction);
        return weight ? APPLY(&entropy_op, attr, logits, target, weight) : APPLY(&entropy_op, attr, logits, target);
    }
    if (!read_labels(logits, target, weight, ignore_index, &labels)) return NULL;
    ct_tensor *logp = ct_log_softmax(logits, labels.dim), *losses = likelihood_losses(logp, &labels);
    if (smoothing > 0) {
        double share = smoothing / (double)logits->shape[labels.dim];
        ct_tensor *spread = ct_masked_fill(sum_of_classes(logp, labels.dim, weight), labels.ignored, 0);
        losses = ct_add(ct_mul_scalar(losses, 1 - smoothing), ct_mul_scalar(spread, share));
    }
    return reduced_by_weight(losses, &labels, reduction);
}

/* The mean divides by the places, whatever the weights. */
static ct_tensor *cross_entropy_of_probabilities(ct_tensor *logits, ct_tensor *target, ct_tensor *weight,
                                                 double smoothing, ct_reduction reduction) {
    const int dim = class_dim(logits);
    const double classes = (double)logits->shape[dim];
    if (smoothing > 0) target = ct_add_scalar(ct_mul_scalar(target, 1 - smoothing), smoothing / classes);
    ct_tensor *losses = sum_of_classes(ct_mul(ct_log_softmax(logits, dim), target), dim, weight);
    return autograd_loss_reduced(losses, reduction);
}

ct_tensor *ct_cross_entropy(ct_tensor *logits, ct_tensor *target, ct_tensor *weight, int64_t ignore_index,
                            double label_smoothing, ct_reduction reduction) {
    FUNCTION("ct_cross_entropy");
    CT_SCOPED;
    if (!takes_scores(logits, "logits", target, weight) || !autograd_loss_reduction(reduction, false))
        return NULL;
    if (!(label_smoothing >= 0 && label_smoothing <= 1)) {
        tensor_error(CT_ERR_VALUE, "label_smoothing is %g; expected a number in [0, 1]", label_smoothing);
        return NULL;
    }
    if (!tensor_same_shape(logits, target))
        return ct_scope_keep(
            cross_entropy_of_classes(logits, target, weight, ignore_index, label_smoothing, reduction));
    if (!autograd_loss_floating(target, "target, of logits' shape and so probabilities,")) return NULL;
    if (ignore_index >= 0) {
        tensor_error(CT_ERR_VALUE, "ignore_index is %lld; with probabilities as target it must be negative",
                     (long long)ignore_index);
        return NULL;
    }
    return ct_scope_keep(cross_entropy_of_probabilities(logits, target, weight, label_smoothing, reduction));
}

/* ---- divergence ---- */

ct_tensor *ct_kl_div(ct_tensor *logp, ct_tensor *q, bool log_target, ct_reduction reduction) {
    FUNCTION("ct_kl_div");
    CT_SCOPED;
    if (!autograd_loss_pair(logp, "logp", q, "q") || !autograd_loss_reduction(reduction, true)) return NULL;
    ct_tensor *target = autograd_loss_target(q, logp);
    ct_tensor *zero = ct_eq_scalar(target, log_target ? -INFINITY : 0);
    ct_tensor *safe = ct_masked_fill(target, zero, log_target ? 0 : 1);
    ct_tensor *losses =
        log_target ? ct_mul(ct_exp(safe), ct_sub(safe, logp)) : ct_mul(safe, ct_sub(ct_log(safe), logp));
    return ct_scope_keep(autograd_loss_reduced(ct_masked_fill(losses, zero, 0), reduction));
}
