/* Running sums, products and maxima along a dim. The derivatives of products and of logcumsumexp are linear
 * recurrences, which divide by nothing: exact where there are zeros. */
#include "../internal/shared_ops.h"
#include <math.h>

#define X (c->x[0])
#define Y (c->y)

static ct_tensor *along_dim(const char *name, const Op *op, ct_tensor *x, int dim) {
    FUNCTION(name);
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    return along < 0 ? NULL : APPLY(op, ATTR(.dim = along), x);
}

/* ---- sums: attr.flag says from the end on ---- */

static ct_tensor *cumsum_forward(Call *c) {
    return tensor_cumsum(X, c->attr->dim, c->attr->flag);
}

static ct_tensor *cumsum_vjp(const Call *c, ct_tensor *g, int i);

static const Op cumsum_op = {.name = "cumsum",
                             .formula = "dx[i] = Σ dy[k] for k from i on",
                             .forward = cumsum_forward,
                             .vjp = cumsum_vjp};

static ct_tensor *cumsum_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    return APPLY(&cumsum_op, ATTR(.dim = c->attr->dim, .flag = !c->attr->flag), g);
}

ct_tensor *ct_cumsum(ct_tensor *x, int dim) {
    return along_dim("ct_cumsum", &cumsum_op, x, dim);
}

/* ---- y[i] = b[i] + a[i] y[i - 1]; with attr.flag backwards, y[i + 1] ---- */

/* x moved on by one along dim, in the direction of the attr or against it; `value` moves in. */
static ct_tensor *moved(ct_tensor *x, int dim, bool backwards, double value) {
    int64_t pads[2 * CT_MAX_DIMS] = {0};
    if (!x || x->ndim == 0) return x ? ct_full_like(x, value) : NULL;
    int64_t *pair = pads + 2 * (x->ndim - 1 - dim);
    pair[backwards] = 1;
    pair[!backwards] = -1;
    return x->shape[dim] ? ct_pad(x, pads, 2 * (x->ndim - dim), "constant", value) : x;
}

static ct_tensor *recurrence_forward(Call *c) {
    return tensor_recurrence(X, c->x[1], c->attr->dim, c->attr->flag);
}

static ct_tensor *recurrence_vjp(const Call *c, ct_tensor *g, int i);

static const Op recurrence_op = {.name = "recurrence",
                                 .formula = "db[i] = dy[i] + a[i + 1] db[i + 1], da[i] = db[i] y[i - 1]",
                                 .forward = recurrence_forward,
                                 .vjp = recurrence_vjp,
                                 .reads = {INPUT(0) | OUTPUT, INPUT(0)}};

static ct_tensor *recurrence(ct_tensor *a, ct_tensor *b, int dim, bool backwards) {
    return APPLY(&recurrence_op, ATTR(.dim = dim, .flag = backwards), a, b);
}

static ct_tensor *recurrence_vjp(const Call *c, ct_tensor *g, int i) {
    const int dim = c->attr->dim;
    const bool backwards = c->attr->flag;
    ct_tensor *db = recurrence(moved(X, dim, !backwards, 0), g, dim, !backwards);
    return i == 1 ? db : ct_mul(db, moved(Y, dim, backwards, 0));
}

/* ---- products ---- */

static ct_tensor *cumprod_forward(Call *c) {
    return tensor_cumprod(X, c->attr->dim);
}

/* dx[i] = Π_{j<i} x[j] · (dy[i] + x[i+1] (dy[i+1] + x[i+2] (…))) */
static ct_tensor *cumprod_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const int dim = c->attr->dim;
    return ct_mul(moved(Y, dim, false, 1), recurrence(moved(X, dim, true, 0), g, dim, true));
}

static const Op cumprod_op = {.name = "cumprod",
                              .formula = "dx[i] = Σ dy[k] Π x[j], for k from i on, j up to k but i",
                              .forward = cumprod_forward,
                              .vjp = cumprod_vjp,
                              .reads = {INPUT(0) | OUTPUT}};

ct_tensor *ct_cumprod(ct_tensor *x, int dim) {
    return along_dim("ct_cumprod", &cumprod_op, x, dim);
}

/* ---- logcumsumexp ---- */

static ct_tensor *logcumsumexp_forward(Call *c) {
    return tensor_logcumsumexp(X, c->attr->dim);
}

/* dx[i] = Σ dy[k] exp(x[i] - y[k]) = exp(x[i] - y[i]) r[i] with r[i] = dy[i] + exp(y[i] - y[i+1]) r[i+1]: y
 * rises, nothing overflows. Where nothing came but -inf, the weights are 0. */
static ct_tensor *logcumsumexp_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const int dim = c->attr->dim;
    ct_tensor *nothing = ct_eq_scalar(Y, -INFINITY), *y = ct_masked_fill(Y, nothing, 0);
    ct_tensor *next = ct_exp(ct_sub(y, moved(y, dim, true, INFINITY)));
    ct_tensor *r = recurrence(ct_masked_fill(next, nothing, 0), g, dim, true);
    return ct_mul(ct_masked_fill(ct_exp(ct_sub(X, y)), nothing, 0), r);
}

static const Op logcumsumexp_op = {.name = "logcumsumexp",
                                   .formula = "dx[i] = Σ dy[k] exp(x[i] - y[k]) for k from i on",
                                   .forward = logcumsumexp_forward,
                                   .vjp = logcumsumexp_vjp,
                                   .reads = {INPUT(0) | OUTPUT}};

ct_tensor *ct_logcumsumexp(ct_tensor *x, int dim) {
    return along_dim("ct_logcumsumexp", &logcumsumexp_op, x, dim);
}

/* ---- maxima ---- */

ct_tensor *ct_cummax(ct_tensor *x, int dim, ct_tensor **indices) {
    FUNCTION("ct_cummax");
    CT_SCOPED;
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    ct_tensor *places = along < 0 ? NULL : tensor_argcummax(x, along);
    ct_tensor *values = places ? ct_gather(x, along, places) : NULL;
    if (values && indices) *indices = ct_scope_keep(places);
    return values ? ct_scope_keep(values) : NULL;
}
