/* Scaled dot product attention and its derivative, which stands in tensor/kernels/attention.h. */
#include "../internal/losses.h"
#include "../internal/node.h"
#include <math.h>

/* Attributes: alpha is the factor of the scores, flag says that query i sees no key beyond i. */
static ct_tensor *attention_forward(Call *c) {
    return tensor_attention(c->x[0], c->x[1], c->x[2], c->x[3], c->attr->flag, c->attr->alpha, &c->extra);
}

static ct_tensor *transposed(ct_tensor *x) {
    return ct_transpose(x, -2, -1);
}

/* softmax(scale q kᵀ + mask), in recorded operations; 0 where a query sees no key. */
static ct_tensor *weights(ct_tensor *q, ct_tensor *k, ct_tensor *mask, bool causal, double scale) {
    ct_tensor *scores = ct_mul_scalar(ct_matmul(q, transposed(k)), scale);
    if (mask && mask->dtype == CT_BOOL) scores = ct_where(mask, scores, ct_full((ct_dtype)q->dtype, NULL, 0, -INFINITY));
    else if (mask) scores = ct_add(scores, mask);
    if (!scores) return NULL;
    if (causal) {
        const int64_t *sizes = scores->shape + scores->ndim - 2;
        scores = ct_masked_fill(scores, ct_triu(ct_ones(CT_BOOL, sizes, 2), 1), -INFINITY);
    }
    if (scores && scores->shape[scores->ndim - 1] == 0) return scores;
    ct_tensor *blind = ct_eq_scalar(ct_amax(ct_detach(scores), CT_DIMS(-1), true), -INFINITY);
    return ct_masked_fill(ct_softmax(ct_masked_fill(scores, blind, 0), -1), blind, 0);
}

/* With weights P and ds = P (dy vᵀ - Σ P dy vᵀ), the gradient of the scores. */
static ct_tensor *attention_vjp(const Call *c, ct_tensor *g, int i) {
    ct_tensor *q = autograd_loss_widened(c->x[0]), *k = autograd_loss_widened(c->x[1]);
    ct_tensor *v = autograd_loss_widened(c->x[2]), *mask = c->x[3];
    if (mask && mask->dtype != CT_BOOL) mask = autograd_loss_as(mask, (ct_dtype)q->dtype);
    g = autograd_loss_widened(g);
    ct_tensor *p = weights(q, k, mask, c->attr->flag, c->attr->alpha);
    if (i == 2) return ct_matmul(transposed(p), g);
    ct_tensor *dp = ct_matmul(g, transposed(v)), *sum = ct_sum_dim(ct_mul(p, dp), CT_DIMS(-1), true);
    ct_tensor *ds = ct_mul(p, ct_sub(dp, sum));
    if (i == 3) return ds;
    return ct_mul_scalar(i == 0 ? ct_matmul(ds, k) : ct_matmul(transposed(ds), q), c->attr->alpha);
}

/* A mask that wants a gradient takes the scores' as a whole. */
static bool attention_fused(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_tensor *slopes[3];
    if (autograd_needs(c, 3)) {
        for (int i = 0; i < 4; i++)
            if (autograd_needs(c, i) && !(dxs[i] = attention_vjp(c, g, i))) return false;
        return true;
    }
    if (!tensor_attention_slopes(c->x[0], c->x[1], c->x[2], c->x[3], c->attr->flag, c->attr->alpha, c->y, c->extra, g, slopes))
        return false;
    for (int i = 0; i < 3; i++)
        if (autograd_needs(c, i)) dxs[i] = slopes[i];
    return true;
}

#define READS (INPUT(0) | INPUT(1) | INPUT(2) | INPUT(3) | OUTPUT | EXTRA)
static const Op attention_op = {.name = "scaled_dot_product_attention",
                                .formula = "dv = Pᵀ dy, ds = P (dy vᵀ - Σ P dy vᵀ), dq = scale ds k, dk = scale dsᵀ q",
                                .forward = attention_forward,
                                .vjp = attention_vjp,
                                .fused = attention_fused,
                                .reads = {READS, READS, READS, READS},
                                .optional = INPUT(3),
                                .broadcasts = true};

/* ---- checks ---- */

static bool is_matrix(const ct_tensor *x, const char *name, const ct_tensor *q) {
    if (!tensor_given(x, name) || !autograd_loss_floating(x, name)) return false;
    if (x->ndim < 2) {
        tensor_error(CT_ERR_SHAPE, "%s has shape %s; expected 2 or more dims", name, tensor_shape_of(x));
        return false;
    }
    if (x->dtype == q->dtype) return true;
    tensor_error(CT_ERR_DTYPE, "%s is %s and q %s; they must agree", name, ct_dtype_name((ct_dtype)x->dtype),
                 ct_dtype_name((ct_dtype)q->dtype));
    return false;
}

static bool fits(const ct_tensor *q, const ct_tensor *k, const ct_tensor *v) {
    if (q->shape[q->ndim - 1] == k->shape[k->ndim - 1] && k->shape[k->ndim - 2] == v->shape[v->ndim - 2]) return true;
    tensor_error(CT_ERR_SHAPE, "q %s, k %s, v %s; expected (..., L, E), (..., S, E), (..., S, V)", tensor_shape_of(q),
                 tensor_shape_of(k), tensor_shape_of(v));
    return false;
}

static bool mask_fits(const ct_tensor *mask, const ct_tensor *q, const ct_tensor *k, bool causal) {
    if (!mask) return ct_error() == CT_OK;
    if (causal) {
        tensor_error(CT_ERR_VALUE, "mask is given and causal is true; expected one of them");
        return false;
    }
    if (mask->dtype != CT_BOOL && !tensor_is_floating((ct_dtype)mask->dtype)) {
        tensor_error(CT_ERR_DTYPE, "mask is %s; expected bool or a floating dtype", ct_dtype_name((ct_dtype)mask->dtype));
        return false;
    }
    const int64_t sizes[] = {k->shape[k->ndim - 2], q->shape[q->ndim - 2]};
    for (int d = 1; d <= 2 && d <= mask->ndim; d++) {
        const int64_t size = mask->shape[mask->ndim - d];
        if (size == 1 || size == sizes[d - 1]) continue;
        tensor_error(CT_ERR_SHAPE, "mask has shape %s, which does not broadcast to (..., %lld, %lld) of q %s and k %s",
                     tensor_shape_of(mask), (long long)sizes[1], (long long)sizes[0], tensor_shape_of(q), tensor_shape_of(k));
        return false;
    }
    return true;
}

ct_tensor *ct_scaled_dot_product_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v, ct_tensor *mask, double dropout_p,
                                           bool causal) {
    FUNCTION("ct_scaled_dot_product_attention");
    CT_SCOPED;
    if (!tensor_given(q, "q") || !is_matrix(q, "q", q) || !is_matrix(k, "k", q) || !is_matrix(v, "v", q) || !fits(q, k, v) ||
        !mask_fits(mask, q, k, causal))
        return NULL;
    if (!(dropout_p >= 0 && dropout_p <= 1)) {
        tensor_error(CT_ERR_VALUE, "dropout_p is %g; expected a probability", dropout_p);
        return NULL;
    }
    const int64_t depth = q->shape[q->ndim - 1];
    const double scale = depth > 0 ? 1 / sqrt((double)depth) : 1;
    if (dropout_p == 0)
        return ct_scope_keep(APPLY(&attention_op, ATTR(.alpha = scale, .flag = causal), q, k, v, mask));
    if (mask && mask->dtype != CT_BOOL) mask = autograd_loss_as(mask, (ct_dtype)q->dtype);
    return ct_scope_keep(ct_matmul(ct_dropout(weights(q, k, mask, causal, scale), dropout_p, true), v));
}
