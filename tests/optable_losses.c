/* Rows: losses. Each is a function of elements (or rows), joined by every reduction. */
#include "optable.h"

#define X(...) OPERAND(REAL, -3, 3, __VA_ARGS__)
#define FRACTION(...) OPERAND(REAL, 0.05, 0.95, __VA_ARGS__)
#define ABSENT_OPERAND                                                                                       \
    { ABSENT, 0, 0, {0}, 0 }
#define OPERANDS(...)                                                                                        \
    { __VA_ARGS__ }
#define EACH(reduction_, name_, variant_, adapter, f, operands, optional_, flags_, ...)                      \
    {                                                                                                        \
        .name = #name_, .variant = variant_ ", " #reduction_, .call = adapter, .fn = f,                      \
        .x = OPERANDS operands, .loss = reduction_, .p = {__VA_ARGS__}, .optional = optional_,               \
        .flags = ROUNDS | NO_INFINITIES | FIXED_DTYPE | (flags_)                                             \
    }
#define ELEMENTS(...) EACH(CT_NONE, __VA_ARGS__), EACH(CT_MEAN, __VA_ARGS__), EACH(CT_SUM, __VA_ARGS__)
#define EACH_ROW(reduction_, name_, variant_, adapter, f, divisor, operands, optional_, sizes_, ...)         \
    {                                                                                                        \
        .name = #name_, .variant = variant_ ", " #reduction_, .call = adapter, .entry = f,                   \
        .denominator = divisor, .x = OPERANDS operands, .loss = reduction_, .p = {__VA_ARGS__},              \
        .optional = optional_, .flags = ROUNDS | FIXED_DTYPE, .shape = {                                     \
            SIZES sizes_                                                                                     \
        }                                                                                                    \
    }
#define ROWS(...)                                                                                            \
    EACH_ROW(CT_NONE, __VA_ARGS__), EACH_ROW(CT_MEAN, __VA_ARGS__), EACH_ROW(CT_SUM, __VA_ARGS__)
/* Of a single sample: the losses are 0-dim. */
#define SAMPLE(reduction_, name_, variant_, adapter, f, divisor, operands, optional_, ...)                   \
    {                                                                                                        \
        .name = #name_, .variant = variant_ ", " #reduction_, .call = adapter, .entry = f,                   \
        .denominator = divisor, .x = OPERANDS operands, .loss = reduction_, .p = {__VA_ARGS__},              \
        .optional = optional_, .flags = ROUNDS | FIXED_DTYPE                                                 \
    }

/* ---- of elements ---- */

#define OF_ELEMENTS(name, ...)                                                                               \
    static double name(const double *v, const Row *row) {                                                    \
        const double *p = row->p;                                                                            \
        (void)p;                                                                                             \
        return __VA_ARGS__;                                                                                  \
    }
static double clamped_log(double x) {
    return fmax(log(x), -100);
}
static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static double bounded_quadratic(double d, double delta) {
    return fabs(d) < delta ? d * d / 2 : delta * (fabs(d) - delta / 2);
}
OF_ELEMENTS(bce, -(v[1] * clamped_log(v[0]) + (1 - v[1]) * clamped_log(1 - v[0])))
OF_ELEMENTS(weighted_bce, v[2] * bce(v, row))
OF_ELEMENTS(bce_with_logits, v[1] * softplus(-v[0]) + (1 - v[1]) * softplus(v[0]))
OF_ELEMENTS(weighted_logits, v[2] * bce_with_logits(v, row))
OF_ELEMENTS(positive_logits, v[3] * v[1] * softplus(-v[0]) + (1 - v[1]) * softplus(v[0]))
OF_ELEMENTS(both_logits, v[2] * positive_logits(v, row))
OF_ELEMENTS(square_error, (v[0] - v[1]) * (v[0] - v[1]))
OF_ELEMENTS(absolute_error, fabs(v[0] - v[1]))
OF_ELEMENTS(smooth_l1, p[0] == 0 ? fabs(v[0] - v[1]) : bounded_quadratic(v[0] - v[1], p[0]) / p[0])
OF_ELEMENTS(huber, bounded_quadratic(v[0] - v[1], p[0]))
OF_ELEMENTS(divergence, v[1] == 0 ? 0 : v[1] * (log(v[1]) - v[0]))
OF_ELEMENTS(divergence_of_logs, exp(v[1]) * (v[1] - v[0]))
OF_ELEMENTS(hinge, v[1] > 0 ? v[0] : fmax(0, p[0] - v[0]))
OF_ELEMENTS(ranking, fmax(0, -v[2] * (v[0] - v[1]) + p[0]))

/* p: log_input, full, eps */
static double poisson(const double *v, const Row *row) {
    double loss = row->p[0] != 0 ? exp(v[0]) - v[1] * v[0] : v[0] - v[1] * log(v[0] + row->p[2]), y = v[1];
    return row->p[1] != 0 && y > 1 ? loss + y * log(y) - y + log(2 * 3.14159265358979323846 * y) / 2 : loss;
}
/* p: full, eps */
static double gaussian(const double *v, const Row *row) {
    double variance = fmax(v[2], row->p[1]), d = v[0] - v[1];
    double loss = (log(variance) + d * d / variance) / 2;
    return row->p[0] != 0 ? loss + log(2 * 3.14159265358979323846) / 2 : loss;
}

/* ---- of rows ---- */

static double cosine_loss(const int64_t *at, const Dense *x, const Row *row) {
    int last = row->shape.ndim;
    double ab = 0, aa = 1e-12, bb = 1e-12, y = dense_at(&x[2], at, last);
    for (int64_t i = 0; i < x->shape.sizes[last]; i++) {
        int64_t index[2] = {at[0], 0};
        index[last] = i;
        double a = dense_at(&x[0], index, last + 1), b = dense_at(&x[1], index, last + 1);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    double cosine = ab / sqrt(aa * bb);
    return y > 0 ? 1 - cosine : fmax(0, cosine - row->p[0]);
}

/* p: margin, the norm's p */
static double distance(const int64_t *at, const Dense *a, const Dense *b, double p) {
    double sum = 0;
    for (int64_t i = 0; i < a->shape.sizes[1]; i++)
        sum += pow(fabs(AT(a, at[0], i) - AT(b, at[0], i) + 1e-6), p);
    return pow(sum, 1 / p);
}
static double triplet(const int64_t *at, const Dense *x, const Row *row) {
    return fmax(0, distance(at, &x[0], &x[1], row->p[1]) - distance(at, &x[0], &x[2], row->p[1]) + row->p[0]);
}

/* ---- of classes: p holds ignore_index, label smoothing ---- */

/* The score of a class at a place of [N, ...]: the classes' dim is the second, or the only one. */
static double score_at(const Dense *scores, const int64_t *at, int ndim, int64_t class) {
    int64_t index[CT_MAX_DIMS];
    int n = 0, dim = ndim == 0 ? 0 : 1;
    for (int d = 0; d <= ndim; d++) index[d] = d == dim ? class : at[n++];
    return dense_at(scores, index, ndim + 1);
}
static int64_t class_count(const Dense *scores) {
    return scores->shape.sizes[scores->shape.ndim == 1 ? 0 : 1];
}
static double weight_of(const Dense *x, int64_t class) {
    return x[2].values ? x[2].values[class] : 1;
}
static double log_probability(const Dense *x, const int64_t *at, int ndim, int64_t class) {
    double sum = 0;
    for (int64_t c = 0; c < class_count(x); c++) sum += exp(score_at(x, at, ndim, c));
    return score_at(x, at, ndim, class) - log(sum);
}
static double likelihood(const int64_t *at, const Dense *x, const Row *row) {
    int ndim = row->shape.ndim;
    int64_t class = (int64_t)dense_at(&x[1], at, ndim);
    return (double)class == row->p[0] ? 0 : -weight_of(x, class) * score_at(x, at, ndim, class);
}
static double cross_entropy(const int64_t *at, const Dense *x, const Row *row) {
    int ndim = row->shape.ndim;
    int64_t class = (int64_t)dense_at(&x[1], at, ndim), count = class_count(x);
    if ((double)class == row->p[0]) return 0;
    double smooth = 0;
    for (int64_t c = 0; c < count; c++) smooth -= weight_of(x, c) * log_probability(x, at, ndim, c);
    double own = -weight_of(x, class) * log_probability(x, at, ndim, class);
    return (1 - row->p[1]) * own + row->p[1] / (double)count * smooth;
}
static double cross_entropy_of_probabilities(const int64_t *at, const Dense *x, const Row *row) {
    int ndim = row->shape.ndim;
    int64_t count = class_count(x);
    double loss = 0;
    for (int64_t c = 0; c < count; c++) {
        double share = (1 - row->p[1]) * score_at(&x[1], at, ndim, c) + row->p[1] / (double)count;
        loss -= share * weight_of(x, c) * log_probability(x, at, ndim, c);
    }
    return loss;
}
/* The sum of the targets' weights. */
static double targets_weight(const Dense *x, const Row *row) {
    double sum = 0;
    for (int64_t i = 0; i < dense_numel(&x[1]); i++)
        if (x[1].values[i] != row->p[0]) sum += weight_of(x, (int64_t)x[1].values[i]);
    return sum;
}

/* ---- calls ---- */

#define P(i) (row->p[i])
CALL(bce_loss, ct_bce_loss(x[0], x[1], x[2], row->loss))
CALL(logits_loss, ct_bce_with_logits_loss(x[0], x[1], x[2], x[3], row->loss))
CALL(sse_loss, ct_sse_loss(x[0], x[1]))
CALL(mse_loss, ct_mse_loss(x[0], x[1], row->loss))
CALL(l1_loss, ct_l1_loss(x[0], x[1], row->loss))
CALL(smooth_l1_loss, ct_smooth_l1_loss(x[0], x[1], P(0), row->loss))
CALL(huber_loss, ct_huber_loss(x[0], x[1], P(0), row->loss))
CALL(entropy, ct_cross_entropy(x[0], x[1], x[2], (int64_t)P(0), P(1), row->loss))
CALL(nll_loss, ct_nll_loss(x[0], x[1], x[2], (int64_t)P(0), row->loss))
CALL(kl_div, ct_kl_div(x[0], x[1], P(0) != 0, row->loss))
CALL(hinge_loss, ct_hinge_embedding_loss(x[0], x[1], P(0), row->loss))
CALL(ranking_loss, ct_margin_ranking_loss(x[0], x[1], x[2], P(0), row->loss))
CALL(cosine_embedding, ct_cosine_embedding_loss(x[0], x[1], x[2], P(0), row->loss))
CALL(triplet_loss, ct_triplet_margin_loss(x[0], x[1], x[2], P(0), P(1), row->loss))
CALL(poisson_loss, ct_poisson_nll_loss(x[0], x[1], P(0) != 0, P(1) != 0, P(2), row->loss))
CALL(gaussian_loss, ct_gaussian_nll_loss(x[0], x[1], x[2], P(0) != 0, P(1), row->loss))

#define PAIR X(3, 4), OPERAND(AWAY, -3, 3, 3, 4)
#define CLASSES(...) OPERAND(INDEX, 0, 5, __VA_ARGS__)
#define WEIGHTS OPERAND(REAL, 0.3, 2, 5)

static const Row rows[] = {
    ELEMENTS(ct_bce_loss, "plain", bce_loss, bce, (FRACTION(3, 4), FRACTION(3, 4), ABSENT_OPERAND), 4, 0, 0),
    ELEMENTS(ct_bce_loss, "weighted", bce_loss, weighted_bce, (FRACTION(3, 4), FRACTION(3, 4), FRACTION(4)),
             4, 0, 0),
    ELEMENTS(ct_bce_loss, "certain targets", bce_loss, bce,
             (FRACTION(3, 4), OPERAND(MASK, 0, 1, 3, 4), ABSENT_OPERAND), 4, 0, 0),
    ELEMENTS(ct_bce_with_logits_loss, "plain", logits_loss, bce_with_logits,
             (X(3, 4), FRACTION(3, 4), ABSENT_OPERAND, ABSENT_OPERAND), 12, 0, 0),
    ELEMENTS(ct_bce_with_logits_loss, "large logits", logits_loss, bce_with_logits,
             (OPERAND(REAL, -900, 900, 3, 4), FRACTION(3, 4), ABSENT_OPERAND, ABSENT_OPERAND), 12, 0, 0),
    ELEMENTS(ct_bce_with_logits_loss, "weighted", logits_loss, weighted_logits,
             (X(3, 4), FRACTION(3, 4), FRACTION(3, 1), ABSENT_OPERAND), 12, 0, 0),
    ELEMENTS(ct_bce_with_logits_loss, "pos_weight", logits_loss, positive_logits,
             (X(3, 4), FRACTION(3, 4), ABSENT_OPERAND, OPERAND(REAL, 0.5, 3, 4)), 12, 0, 0),
    ELEMENTS(ct_bce_with_logits_loss, "both", logits_loss, both_logits,
             (X(3, 4), FRACTION(3, 4), FRACTION(4), OPERAND(REAL, 0.5, 3, 4)), 12, 0, 0),
    EACH(CT_SUM, ct_sse_loss, "plain", sse_loss, square_error, (PAIR), 0, 0, 0),
    ELEMENTS(ct_mse_loss, "plain", mse_loss, square_error, (PAIR), 0, 0, 0),
    ELEMENTS(ct_mse_loss, "0-dim", mse_loss, square_error,
             (SCALAR_OPERAND(REAL, -3, 3), SCALAR_OPERAND(REAL, -3, 3)), 0, NO_RESIZE, 0),
    ELEMENTS(ct_mse_loss, "empty", mse_loss, square_error, (X(0, 4), X(0, 4)), 0, NO_RESIZE | AT_KINKS, 0),
    ELEMENTS(ct_l1_loss, "plain", l1_loss, absolute_error, (PAIR), 0, 0, 0),
    ELEMENTS(ct_smooth_l1_loss, "beta 1.2", smooth_l1_loss, smooth_l1, (PAIR), 0, 0, 1.2),
    ELEMENTS(ct_smooth_l1_loss, "beta 0", smooth_l1_loss, smooth_l1, (PAIR), 0, 0, 0),
    ELEMENTS(ct_huber_loss, "delta 1.5", huber_loss, huber, (PAIR), 0, 0, 1.5),
    ROWS(ct_cross_entropy, "classes", entropy, cross_entropy, targets_weight,
         (X(4, 5), CLASSES(4), ABSENT_OPERAND), 4, (4), -100, 0),
    ROWS(ct_cross_entropy, "weighted, ignoring 1", entropy, cross_entropy, targets_weight,
         (X(6, 5), CLASSES(6), WEIGHTS), 4, (6), 1, 0),
    ROWS(ct_cross_entropy, "smoothed", entropy, cross_entropy, targets_weight,
         (X(4, 5), CLASSES(4), ABSENT_OPERAND), 4, (4), -100, 0.2),
    ROWS(ct_cross_entropy, "smoothed, weighted, ignoring 2", entropy, cross_entropy, targets_weight,
         (X(6, 5), CLASSES(6), WEIGHTS), 4, (6), 2, 0.3),
    ROWS(ct_cross_entropy, "of pixels", entropy, cross_entropy, targets_weight,
         (X(2, 5, 2, 3), CLASSES(2, 2, 3), WEIGHTS), 4, (2, 2, 3), 3, 0),
    ROWS(ct_cross_entropy, "probabilities", entropy, cross_entropy_of_probabilities, NULL,
         (X(4, 5), FRACTION(4, 5), ABSENT_OPERAND), 4, (4), -100, 0),
    ROWS(ct_cross_entropy, "probabilities of pixels, weighted, smoothed", entropy,
         cross_entropy_of_probabilities, NULL, (X(2, 5, 3), FRACTION(2, 5, 3), WEIGHTS), 4, (2, 3), -100,
         0.25),
    SAMPLE(CT_NONE, ct_cross_entropy, "one sample", entropy, cross_entropy, targets_weight,
           (X(5), SCALAR_OPERAND(INDEX, 0, 5), ABSENT_OPERAND), 4, -100, 0),
    SAMPLE(CT_MEAN, ct_cross_entropy, "one sample, weighted", entropy, cross_entropy, targets_weight,
           (X(5), SCALAR_OPERAND(INDEX, 0, 5), WEIGHTS), 4, -100, 0.1),
    SAMPLE(CT_MEAN, ct_cross_entropy, "one sample of probabilities", entropy, cross_entropy_of_probabilities,
           NULL, (X(5), FRACTION(5), WEIGHTS), 4, -100, 0.1),
    ROWS(ct_nll_loss, "classes", nll_loss, likelihood, targets_weight, (X(4, 5), CLASSES(4), ABSENT_OPERAND),
         4, (4), -100),
    ROWS(ct_nll_loss, "weighted, ignoring 1", nll_loss, likelihood, targets_weight,
         (X(6, 5), CLASSES(6), WEIGHTS), 4, (6), 1),
    ROWS(ct_nll_loss, "of pixels", nll_loss, likelihood, targets_weight,
         (X(2, 5, 2, 3), CLASSES(2, 2, 3), WEIGHTS), 4, (2, 2, 3), -100),
    SAMPLE(CT_SUM, ct_nll_loss, "one sample", nll_loss, likelihood, targets_weight,
           (X(5), SCALAR_OPERAND(INDEX, 0, 5), ABSENT_OPERAND), 4, -100),
    ELEMENTS(ct_kl_div, "probabilities", kl_div, divergence, (X(3, 4), FRACTION(3, 4)), 0, 0, 0),
    ELEMENTS(ct_kl_div, "zeros among them", kl_div, divergence, (X(3, 4), OPERAND(GRAIN, 0, 2, 3, 4)), 0,
             AT_KINKS, 0),
    ELEMENTS(ct_kl_div, "log-probabilities", kl_div, divergence_of_logs, (X(3, 4), X(3, 4)), 0, 0, 1),
    EACH(CT_BATCHMEAN, ct_kl_div, "probabilities", kl_div, divergence, (X(3, 4), FRACTION(3, 4)), 0, 0, 0),
    ELEMENTS(ct_hinge_embedding_loss, "margin 1.3", hinge_loss, hinge,
             (OPERAND(AWAY, -3, 3, 3, 4), OPERAND(SIGN, -1, 1, 3, 4)), 0, 0, 1.25),
    ELEMENTS(ct_margin_ranking_loss, "margin 0.3", ranking_loss, ranking, (PAIR, OPERAND(SIGN, -1, 1, 3, 4)),
             0, 0, 0.3),
    ROWS(ct_cosine_embedding_loss, "rows", cosine_embedding, cosine_loss, NULL,
         (X(6, 5), X(6, 5), OPERAND(SIGN, -1, 1, 6)), 0, (6), -0.4),
    SAMPLE(CT_SUM, ct_cosine_embedding_loss, "one pair", cosine_embedding, cosine_loss, NULL,
           (X(5), X(5), SCALAR_OPERAND(SIGN, -1, 1)), 0, -0.4),
    ROWS(ct_triplet_margin_loss, "p = 2", triplet_loss, triplet, NULL, (X(6, 4), X(6, 4), X(6, 4)), 0, (6), 1,
         2),
    ROWS(ct_triplet_margin_loss, "p = 3", triplet_loss, triplet, NULL, (X(6, 4), X(6, 4), X(6, 4)), 0, (6), 2,
         3),
    ELEMENTS(ct_poisson_nll_loss, "of logs", poisson_loss, poisson, (X(3, 4), OPERAND(AWAY, 0, 5, 3, 4)), 0,
             0, 1, 0, 1e-8),
    ELEMENTS(ct_poisson_nll_loss, "of rates", poisson_loss, poisson,
             (OPERAND(REAL, 0.2, 4, 3, 4), OPERAND(AWAY, 0, 5, 3, 4)), 0, 0, 0, 0, 0.01),
    ELEMENTS(ct_poisson_nll_loss, "full", poisson_loss, poisson, (X(3, 4), OPERAND(AWAY, 0, 5, 3, 4)), 0, 0,
             1, 1, 1e-8),
    ELEMENTS(ct_gaussian_nll_loss, "plain", gaussian_loss, gaussian, (PAIR, OPERAND(REAL, 0.3, 3, 3, 4)), 0,
             0, 0, 1e-6),
    ELEMENTS(ct_gaussian_nll_loss, "full, one variance a row", gaussian_loss, gaussian,
             (PAIR, OPERAND(REAL, 0.3, 3, 3, 1)), 0, 0, 1, 1e-6),
};
const RowGroup optable_losses = ROW_GROUP(rows);
