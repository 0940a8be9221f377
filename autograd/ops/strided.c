/* Views of any geometry: as_strided, windows, and parts of a base that are given new values. A gradient goes back from
 * one geometry to another place by place. */
#include "../internal/node.h"
#include <string.h>

enum { GEOMETRY_FIELDS = sizeof(Geometry) / sizeof(int64_t) };
/* Which of two geometries counts places that it names more than once by their mean. */
enum { NEITHER, FIRST, SECOND };

/* Attr.list holds two geometries: x has that of the first, the result that of the second. */
static ct_tensor *restride_forward(Call *c) {
    const Geometry *pair = (const Geometry *)c->attr->list;
    return tensor_restride(c->x[0], &pair[0], &pair[1], c->attr->other ? &pair[c->attr->other - 1] : NULL);
}

static ct_tensor *restride_vjp(const Call *c, ct_tensor *g, int i);

static const Op restride_op = {.name = "restride",
                               .formula = "dy/dx = 1 where they share a place",
                               .forward = restride_forward,
                               .vjp = restride_vjp};

static ct_tensor *restrided(ct_tensor *x, const Geometry *from, const Geometry *to, int averaged) {
    const Geometry pair[] = {*from, *to};
    return APPLY(&restride_op,
                 ATTR(.other = averaged, .count = 2 * GEOMETRY_FIELDS, .list = &pair[0].ndim), x);
}

/* The adjoint goes the other way. */
static ct_tensor *restride_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const Geometry *pair = (const Geometry *)c->attr->list;
    return restrided(g, &pair[1], &pair[0],
                     c->attr->other == NEITHER ? NEITHER : FIRST + SECOND - c->attr->other);
}

/* The sizes and strides of x, from its storage's start. */
static Geometry geometry_of(const ct_tensor *x) {
    Geometry geometry = {.ndim = x->ndim};
    memcpy(geometry.shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    memcpy(geometry.strides, x->strides, (size_t)x->ndim * sizeof *x->strides);
    geometry.offset = (x->data - x->owner->storage) / tensor_dtype_size((ct_dtype)x->dtype);
    return geometry;
}

/* Attr.list holds the result's geometry and x's; the flag says that x names places more than once. */
static ct_tensor *as_strided_forward(Call *c) {
    ct_tensor *x = c->x[0];
    const Geometry *geometry = (const Geometry *)c->attr->list;
    return tensor_new_view(x, geometry->shape, geometry->strides, (int)geometry->ndim,
                           x->owner->storage + geometry->offset * tensor_dtype_size((ct_dtype)x->dtype));
}

static ct_tensor *as_strided_vjp(const Call *c, ct_tensor *g, int i) {
    (void)i;
    const Geometry *pair = (const Geometry *)c->attr->list;
    return restrided(g, &pair[0], &pair[1], c->attr->flag ? SECOND : NEITHER);
}

static const Op as_strided_op = {.name = "as_strided",
                                 .formula = "dy/dx = 1 where they share a place",
                                 .forward = as_strided_forward,
                                 .vjp = as_strided_vjp};

/* Whether all places lie in x's storage. */
static bool check_bounds(const ct_tensor *x, const Geometry *geometry) {
    const int64_t places = (int64_t)(x->owner->bytes / ct_dtype_size((ct_dtype)x->dtype));
    int64_t low = geometry->offset, high = geometry->offset;
    bool counted = true, empty = false;
    for (int64_t d = 0; d < geometry->ndim; d++) {
        int64_t reach, *end = geometry->strides[d] < 0 ? &low : &high;
        if (geometry->shape[d] == 0)
            empty = true;
        else if (__builtin_mul_overflow(geometry->strides[d], geometry->shape[d] - 1, &reach) ||
                 __builtin_add_overflow(*end, reach, end))
            counted = false;
    }
    bool inside =
        empty ? geometry->offset >= 0 && geometry->offset <= places : counted && low >= 0 && high < places;
    if (!inside)
        tensor_error(CT_ERR_INDEX,
                     "shape %s with strides %s from %lld on reaches beyond the %lld elements of x's storage",
                     tensor_shape_text(geometry->shape, (int)geometry->ndim),
                     tensor_shape_text(geometry->strides, (int)geometry->ndim), (long long)geometry->offset,
                     (long long)places);
    return inside;
}

ct_tensor *ct_as_strided(ct_tensor *x, const int64_t *shape, int ndim, const int64_t *strides,
                         int64_t offset) {
    FUNCTION("ct_as_strided");
    if (!tensor_given(x, "x") || !tensor_check_shape((ct_dtype)x->dtype, shape, ndim)) return NULL;
    if (ndim > 0 && !tensor_given(strides, "strides")) return NULL;
    Geometry pair[] = {{.ndim = ndim, .offset = offset}, geometry_of(x)};
    for (int d = 0; d < ndim; d++) {
        pair[0].shape[d] = shape[d];
        pair[0].strides[d] = strides[d];
    }
    if (!check_bounds(x, &pair[0])) return NULL;
    return APPLY(
        &as_strided_op,
        ATTR(.flag = tensor_overlaps_itself(x), .count = 2 * GEOMETRY_FIELDS, .list = &pair[0].ndim), x);
}

/* ---- a part of a base that was given a new value ---- */

/* Attr.list holds the base's geometry and the part's: base and value -> base with the value in its place. */
static ct_tensor *assignment_vjp(const Call *c, ct_tensor *g, int i) {
    const Geometry *pair = (const Geometry *)c->attr->list;
    if (i == 1) return restrided(g, &pair[0], &pair[1], NEITHER);
    ct_tensor *part = tensor_full(CT_F32, pair[1].shape, (int)pair[1].ndim, 1);
    ct_tensor *places = part ? tensor_restride(part, &pair[1], &pair[0], NULL) : NULL;
    return places ? ct_masked_fill(g, ct_ne_scalar(places, 0), 0) : NULL;
}

static const Op assignment_op = {.name = "assignment",
                                 .formula = "dbase' = dbase outside of the part, dvalue inside",
                                 .vjp = assignment_vjp};

Node *autograd_record_assignment(ct_tensor *base, ct_tensor *view, Node *node) {
    const Geometry pair[] = {geometry_of(base), geometry_of(view)};
    Attr attr = {.count = 2 * GEOMETRY_FIELDS, .list = &pair[0].ndim};
    ct_tensor value = *view; /* the view as it will be */
    value.history = node;
    Call call = {.attr = &attr, .n = 2, .x = (ct_tensor *[]){base, &value}};
    return autograd_record(&assignment_op, &call, base, 0);
}

/* ---- windows ---- */

/* The windows of a dim, of attr.length indices, attr.step apart, of a tensor with that geometry. */
static Geometry windows(const Attr *attr, Geometry geometry) {
    int64_t stride = geometry.ndim ? geometry.strides[attr->dim] : 1;
    if (geometry.ndim) {
        int64_t *size = &geometry.shape[attr->dim];
        *size = (*size - attr->length) / attr->step + 1;
        if (*size > 1) geometry.strides[attr->dim] *= attr->step;
    }
    geometry.shape[geometry.ndim] = attr->length;
    geometry.strides[geometry.ndim++] = stride;
    return geometry;
}

static ct_tensor *unfold_forward(Call *c) {
    ct_tensor *x = c->x[0];
    Geometry geometry = windows(c->attr, geometry_of(x));
    return tensor_new_view(x, geometry.shape, geometry.strides, (int)geometry.ndim, x->data);
}

/* On a row-major tensor, whatever strides x had. */
static ct_tensor *unfold_vjp(const Call *c, ct_tensor *g, int i) {
    int ndim;
    const int64_t *shape = autograd_input_shape(c, i, &ndim);
    Geometry geometry = {.ndim = ndim};
    memcpy(geometry.shape, shape, (size_t)ndim * sizeof *shape);
    tensor_row_major(shape, ndim, geometry.strides);
    Geometry unfolded = windows(c->attr, geometry);
    return restrided(g, &unfolded, &geometry, NEITHER);
}

static const Op unfold_op = {.name = "unfold",
                             .formula = "dx = each element's gradients in all windows, added up",
                             .forward = unfold_forward,
                             .vjp = unfold_vjp};

ct_tensor *ct_unfold(ct_tensor *x, int dim, int64_t size, int64_t step) {
    FUNCTION("ct_unfold");
    if (!tensor_given(x, "x")) return NULL;
    int along = tensor_dim(dim, x->ndim);
    if (along < 0) return NULL;
    int64_t whole = x->ndim ? x->shape[along] : 1;
    if (size < 0 || size > whole || step < 1) {
        tensor_error(CT_ERR_VALUE,
                     "windows of size %lld, %lld apart, in dim %d of size %lld; expected a size of 0 to %lld "
                     "and a step of 1 or more",
                     (long long)size, (long long)step, along, (long long)whole, (long long)whole);
        return NULL;
    }
    if (x->ndim == CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "x %s has %d dims already: the result would have one more",
                     tensor_shape_of(x), CT_MAX_DIMS);
        return NULL;
    }
    return APPLY(&unfold_op, ATTR(.dim = along, .length = size, .step = step), x);
}
