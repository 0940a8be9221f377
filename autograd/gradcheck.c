/* Holding derivatives against central differences, along one fixed projection of the results: for v of the result's
 * shape, d(Σ y v)/dx from the graph and from two evaluations at x ± eps. */
#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <math.h>
#include <string.h>

typedef struct {
    ct_fn *f;
    void *user;
    int n; /* operands of f */
} Function;

/* Numbers that neither cancel nor repeat: ±(0.5 … 1.5), the same for the same place. */
static ct_tensor *projection(const ct_tensor *y) {
    ct_tensor *v = tensor_new(CT_F64, y->shape, y->ndim);
    uint64_t bits = 0x9e3779b97f4a7c15u;
    for (int64_t i = 0; v && i < v->numel; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        double size = 0.5 + (double)(bits >> 11) * 0x1p-53;
        ((double *)v->data)[i] = bits >> 10 & 1u ? size : -size;
    }
    return v;
}

/* Σ f(xs) · v, NaN with an error. */
static double evaluate(const Function *f, ct_tensor *const *xs, ct_tensor *v) {
    CT_SCOPED;
    ct_tensor *y = f->f(xs, f->n, f->user), *wide = y ? tensor_to(y, CT_F64) : NULL;
    double sum = 0;
    if (!wide) {
        if (!ct_error()) tensor_error(CT_ERR_AUTOGRAD, "the function returned NULL");
        return NAN;
    }
    if (!tensor_same_shape(wide, v)) {
        tensor_error(CT_ERR_AUTOGRAD, "the function's result has shape %s, and had %s before", tensor_shape_of(wide),
                     tensor_shape_of(v));
        return NAN;
    }
    for (int64_t i = 0; i < v->numel; i++) sum += ((double *)wide->data)[i] * ((double *)v->data)[i];
    return sum;
}

/* The i-th element of x in row-major order, wherever its strides put it. */
static double *element(ct_tensor *x, int64_t i) {
    int64_t offset = 0;
    for (int d = x->ndim - 1; d >= 0; d--) {
        offset += i % x->shape[d] * x->strides[d];
        i /= x->shape[d];
    }
    return (double *)x->data + offset;
}

typedef struct {
    int input;
    int64_t at;
    double analytic, numeric, excess; /* how far beyond the tolerance */
} Worst;

static void compare(double analytic, double numeric, const ct_gradcheck_options *o, int input, int64_t at, Worst *worst) {
    double excess = fabs(analytic - numeric) - (o->atol + o->rtol * fabs(numeric));
    if (isnan(analytic) || isnan(numeric)) excess = INFINITY;
    if (excess > worst->excess) *worst = (Worst){input, at, analytic, numeric, excess};
}

/* Compares every element of one input. */
static bool check_input(const Function *f, ct_tensor *const *xs, int input, ct_tensor *g, ct_tensor *v,
                        const ct_gradcheck_options *o, Worst *worst) {
    ct_tensor *x = xs[input];
    for (int64_t i = 0; i < x->numel; i++) {
        double *place = element(x, i), value = *place;
        *place = value + o->eps;
        double above = evaluate(f, xs, v);
        *place = value - o->eps;
        double below = evaluate(f, xs, v);
        *place = value;
        if (ct_error()) return false;
        double analytic = g ? *element(g, i) : 0;
        compare(analytic, (above - below) / (2 * o->eps), o, input, i, worst);
    }
    return true;
}

static bool report(const Worst *worst, ct_tensor *const *xs, const char *order) {
    if (worst->excess <= 0) return true;
    const ct_tensor *x = xs[worst->input];
    int64_t index[CT_MAX_DIMS], rest = worst->at;
    for (int d = x->ndim - 1; d >= 0; d--) {
        index[d] = rest % x->shape[d];
        rest /= x->shape[d];
    }
    tensor_error(CT_ERR_AUTOGRAD,
                 "the %s derivative for input %d differs most at %s of shape %s: %.10g from the graph, %.10g from "
                 "finite differences",
                 order, worst->input, tensor_shape_text(index, x->ndim), tensor_shape_of(x), worst->analytic,
                 worst->numeric);
    return false;
}

static bool check_first(const Function *f, ct_tensor *const *xs, const ct_gradcheck_options *o, const char *order) {
    CT_SCOPED;
    ct_tensor *y = f->f(xs, f->n, f->user);
    if (!y && !ct_error()) tensor_error(CT_ERR_AUTOGRAD, "the function returned NULL");
    ct_tensor *v = y ? projection(y) : NULL;
    Worst worst = {.excess = 0};
    if (!v) return false;
    for (int i = 0; i < f->n; i++) {
        ct_tensor *g = NULL;
        if (!autograd_tracks(xs[i])) continue;
        if (autograd_tracks(y) &&
            ct_gradients(&y, 1, &xs[i], 1, &v, CT_RETAIN_GRAPH | CT_ALLOW_UNUSED, &g) != CT_OK)
            return false;
        if (!check_input(f, xs, i, g, v, o, &worst)) return false;
    }
    return report(&worst, xs, order);
}

/* The gradients of f, as one row: a function of xs and, last, of the upstream gradient. */
static ct_tensor *gradients_of(ct_tensor *const *xs, int n, void *user) {
    const Function *f = user;
    CT_SCOPED;
    ct_tensor *y = f->f(xs, n - 1, f->user), *v = xs[n - 1], *row = NULL;
    for (int i = 0; i < n - 1 && y; i++) {
        ct_tensor *g = NULL;
        if (!autograd_tracks(xs[i])) continue;
        if (ct_gradients(&y, 1, &xs[i], 1, &v, CT_CREATE_GRAPH | CT_ALLOW_UNUSED, &g) != CT_OK) return NULL;
        if (!g) continue;
        ct_tensor *flat = ct_reshape(g, (int64_t[]){g->numel}, 1);
        row = row ? ct_cat((ct_tensor *[]){row, flat}, 2, 0) : flat;
    }
    if (!row && y && !ct_error()) row = tensor_full(CT_F64, (int64_t[]){0}, 1, 0);
    return ct_scope_keep(row);
}

static bool check_second(const Function *f, ct_tensor *const *xs, const ct_gradcheck_options *o) {
    CT_SCOPED;
    ct_tensor *y = f->f(xs, f->n, f->user), *v = y ? projection(y) : NULL;
    size_t bytes = ((size_t)f->n + 1) * sizeof *xs;
    if (!v || !autograd_tracks(y) || !ct_set_requires_grad(v, true)) return y && !ct_error();
    ct_tensor **all = tensor_alloc(bytes);
    if (!all) return false;
    memcpy(all, xs, bytes - sizeof *xs);
    all[f->n] = v;
    Function second = {gradients_of, (void *)f, f->n + 1};
    bool fine = check_first(&second, all, o, "second");
    tensor_free(all, bytes);
    return fine;
}

static bool check_inputs(ct_tensor *const *xs, int n) {
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (!tensor_given(xs[i], "an input")) return false;
        if (!autograd_tracks(xs[i])) continue;
        any = true;
        if (xs[i]->dtype == CT_F64 && ct_is_leaf(xs[i]) && !tensor_overlaps_itself(xs[i])) continue;
        tensor_error(CT_ERR_AUTOGRAD, "input %d (%s, shape %s) must be a float64 leaf whose elements do not share places",
                     i, ct_dtype_name((ct_dtype)xs[i]->dtype), tensor_shape_of(xs[i]));
        return false;
    }
    if (!any) tensor_error(CT_ERR_AUTOGRAD, "no input requires a gradient");
    return any;
}

ct_status ct_gradcheck(ct_fn *f, void *user, ct_tensor *const *xs, int n, const ct_gradcheck_options *options) {
    FUNCTION("ct_gradcheck");
    ct_gradcheck_options o = options ? *options : (ct_gradcheck_options){1e-6, 1e-3, 1e-5, false};
    if (ct_error()) return ct_error();
    if (!f) return tensor_error(CT_ERR_NULL, "f is NULL");
    if (!tensor_given(xs, "xs") || !check_inputs(xs, n)) return ct_error();
    if (!(o.eps > 0 && o.rtol >= 0 && o.atol >= 0))
        return tensor_error(CT_ERR_VALUE, "eps %g, rtol %g, atol %g; expected a positive eps and no negative tolerance",
                            o.eps, o.rtol, o.atol);
    Function first = {f, user, n};
    bool off = autograd_off;
    autograd_off = false;
    bool fine = check_first(&first, xs, &o, "first") && (!o.second_order || check_second(&first, xs, &o));
    autograd_off = off;
    return fine ? CT_OK : ct_error();
}
