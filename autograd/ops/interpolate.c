/* Resizing of images: weighted sums along rows and columns, whose derivative is the same with the matrix transposed. */
#include "../internal/losses.h"
#include "../internal/node.h"
#include <math.h>
#include <string.h>

static Taps taps_of(const Call *c) {
    return (Taps){c->x[1], c->x[2], c->x[3]};
}

static ct_tensor *resample_forward(Call *c) {
    return tensor_resample(c->x[0], c->attr->dim, taps_of(c));
}

/* Attributes: dim, and length, the operand's size along it. */
static const Op resample_op;
static ct_tensor *resampled(ct_tensor *x, int dim, Taps taps) {
    return x ? APPLY(&resample_op, ATTR(.dim = dim, .length = x->shape[dim]), x, taps.starts, taps.places, taps.weights) : NULL;
}

static ct_tensor *resample_vjp(const Call *c, ct_tensor *g, int i) {
    Taps transposed;
    (void)i;
    return tensor_transpose_taps(taps_of(c), c->attr->length, &transposed) ? resampled(g, c->attr->dim, transposed) : NULL;
}

static const Op resample_op = {.name = "resample", .formula = "dx = Aᵀ dy along a dim", .forward = resample_forward,
                               .vjp = resample_vjp, .reads = {INPUT(1) | INPUT(2) | INPUT(3)}};

/* ---- modes: which places make the i-th of `to`, out of `from`, and with what weights; returns how many ---- */

enum { MOST_NEAR = 4 };

typedef struct {
    int64_t i, from, to;
} Place;

/* The middle of a place of the result, in places of the operand. */
static double middle(Place p) {
    return ((double)p.i + 0.5) * ((double)p.from / (double)p.to) - 0.5;
}

static int64_t inside(int64_t place, int64_t from) {
    return place < 0 ? 0 : place < from ? place : from - 1;
}

/* In single precision, as PyTorch does. */
static int64_t nearest(Place p) {
    return inside((int64_t)floorf((float)p.i * ((float)p.from / (float)p.to)), p.from);
}

static int64_t nearest_exact(Place p) {
    return inside((int64_t)floorf(((float)p.i + 0.5f) * ((float)p.from / (float)p.to)), p.from);
}

static int64_t bilinear(Place p, int64_t *places, double *weights) {
    const double at = fmax(middle(p), 0), t = at - floor(at);
    places[0] = (int64_t)floor(at);
    places[1] = inside(places[0] + 1, p.from);
    weights[0] = 1 - t;
    weights[1] = t;
    return t == 0 ? 1 : 2;
}

/* Keys, Cubic convolution interpolation for digital image processing, 1981, with a = -3/4. */
static int64_t bicubic(Place p, int64_t *places, double *weights) {
    const double at = middle(p), t = at - floor(at), a = -0.75;
    const double distances[] = {1 + t, t, 1 - t, 2 - t};
    for (int k = 0; k < 4; k++) {
        const double d = distances[k];
        places[k] = inside((int64_t)floor(at) + k - 1, p.from);
        weights[k] = k == 1 || k == 2 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
    return 4;
}

/* The places that the i-th of equal parts touches. */
static int64_t area(Place p, int64_t *places, double *weights) {
    const int64_t first = p.i * p.from / p.to, last = ((p.i + 1) * p.from + p.to - 1) / p.to;
    for (int64_t k = first; k < last; k++) {
        places[k - first] = k;
        weights[k - first] = 1 / (double)(last - first);
    }
    return last - first;
}

typedef struct {
    const char *name;
    int64_t (*one)(Place p);                                          /* of any dtype; or */
    int64_t (*several)(Place p, int64_t *places, double *weights);    /* weighted */
} Mode;

static const Mode modes[] = {{"nearest", .one = nearest},       {"nearest-exact", .one = nearest_exact},
                             {"bilinear", .several = bilinear}, {"bicubic", .several = bicubic},
                             {"area", .several = area}};

static ct_tensor *pick(const Mode *mode, ct_tensor *x, int dim, int64_t to) {
    ct_tensor *places = x ? tensor_new(CT_I64, CT_DIMS(to)) : NULL;
    if (!places) return NULL;
    for (int64_t i = 0; i < to; i++) ((int64_t *)places->data)[i] = mode->one((Place){i, x->shape[dim], to});
    return ct_index_select(x, dim, places);
}

static ct_tensor *weigh(const Mode *mode, ct_tensor *x, int dim, int64_t to) {
    Taps taps;
    if (!x) return NULL;
    const int64_t from = x->shape[dim], most = from / to + 2 > MOST_NEAR ? from / to + 2 : MOST_NEAR;
    if (!tensor_taps(to, to * most, &taps)) return NULL;
    int64_t *starts = (int64_t *)taps.starts->data;
    for (int64_t i = 0; i < to; i++)
        starts[i + 1] = starts[i] + mode->several((Place){i, from, to}, (int64_t *)taps.places->data + starts[i],
                                                  (double *)taps.weights->data + starts[i]);
    return resampled(x, dim, taps);
}

static const Mode *find_mode(const char *name) {
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0) return &modes[i];
    tensor_error(CT_ERR_VALUE, "mode is \"%s\"; expected \"nearest\", \"nearest-exact\", \"bilinear\", \"bicubic\" or \"area\"",
                 name);
    return NULL;
}

ct_tensor *ct_interpolate(ct_tensor *x, int64_t h, int64_t w, const char *mode) {
    FUNCTION("ct_interpolate");
    CT_SCOPED;
    if (!tensor_given(x, "x") || !tensor_given(mode, "mode")) return NULL;
    const Mode *found = find_mode(mode);
    if (!found || (found->several && !autograd_loss_floating(x, "x"))) return NULL;
    if (x->ndim != 4 || x->shape[2] == 0 || x->shape[3] == 0) {
        tensor_error(CT_ERR_SHAPE, "x has shape %s; expected 4 dims (N, C, H, W) with H and W of 1 or more", tensor_shape_of(x));
        return NULL;
    }
    const int64_t shape[] = {x->shape[0], x->shape[1], h, w};
    if (h < 1 || w < 1) {
        tensor_error(CT_ERR_SHAPE, "h is %lld and w is %lld; expected 1 or more", (long long)h, (long long)w);
        return NULL;
    }
    if (!tensor_check_shape((ct_dtype)x->dtype, shape, 4)) return NULL;
    ct_tensor *(*const along)(const Mode *, ct_tensor *, int, int64_t) = found->one ? pick : weigh;
    return ct_scope_keep(along(found, along(found, x, 2, h), 3, w));
}
