/* Weighted sums along a dim, as images are resized: a sparse matrix with a row for each place of the result. */
#include "internal/plain.h"

enum { GRAIN = 1 << 14 };

ct_tensor *tensor_resample(ct_tensor *x, int dim, Taps taps) {
    CT_SCOPED;
    const ct_dtype given = (ct_dtype)x->dtype, dtype = given == CT_F64 ? CT_F64 : CT_F32;
    x = tensor_as(x, dtype);
    x = x ? tensor_contiguous(x) : NULL;
    if (!x) return NULL;
    Shape shape = {.ndim = x->ndim};
    int64_t outer = 1;
    Resample r = {.starts = (int64_t *)taps.starts->data, .places = (int64_t *)taps.places->data, .inner = 1,
                  .weights = (double *)taps.weights->data, .n = taps.starts->numel - 1, .from = x->shape[dim]};
    for (int d = 0; d < x->ndim; d++) {
        shape.sizes[d] = d == dim ? r.n : x->shape[d];
        if (d != dim) *(d < dim ? &outer : &r.inner) *= x->shape[d];
    }
    ct_tensor *y = tensor_check_shape(dtype, shape.sizes, shape.ndim) ? tensor_new(dtype, shape.sizes, shape.ndim) : NULL;
    if (!y) return NULL;
    r.x = x->data;
    r.y = y->data;
    if (y->numel > 0) tensor_launch(tensor_kernels->resample[dtype == CT_F64], &r, sizeof r, outer * r.n, 1 + GRAIN / r.inner);
    y = tensor_as(y, given);
    return y ? ct_scope_keep(y) : NULL;
}

bool tensor_taps(int64_t n, int64_t count, Taps *taps) {
    taps->starts = tensor_full(CT_I64, CT_DIMS(n + 1), 0);
    taps->places = tensor_new(CT_I64, CT_DIMS(count));
    taps->weights = tensor_new(CT_F64, CT_DIMS(count));
    return taps->starts && taps->places && taps->weights;
}

bool tensor_transpose_taps(Taps taps, int64_t from, Taps *transposed) {
    const int64_t *starts = (int64_t *)taps.starts->data, *places = (int64_t *)taps.places->data, n = taps.starts->numel - 1;
    const double *weights = (double *)taps.weights->data;
    if (!tensor_taps(from, taps.places->numel, transposed)) return false;
    int64_t *ends = (int64_t *)transposed->starts->data, *to_places = (int64_t *)transposed->places->data;
    double *to_weights = (double *)transposed->weights->data;
    for (int64_t t = 0; t < starts[n]; t++) ends[places[t] + 1]++;
    for (int64_t i = 0; i < from; i++) ends[i + 1] += ends[i];
    /* from the back, so that each end becomes the start */
    for (int64_t i = n; i-- > 0;)
        for (int64_t t = starts[i + 1]; t-- > starts[i];) {
            const int64_t at = --ends[places[t] + 1];
            to_places[at] = i;
            to_weights[at] = weights[t];
        }
    for (int64_t i = 0; i < from; i++) ends[i] = ends[i + 1];
    ends[from] = starts[n];
    return true;
}
