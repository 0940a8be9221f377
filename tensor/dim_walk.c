/* Walks over all dims but one. */
#include "internal/dim_walk.h"
#include "internal/plain.h"
#include <string.h>

static void append_dim(DimWalk *w, int64_t size, const int64_t *step) {
    const int outer = w->ndim - 1;
    bool merges = outer >= 0;
    if (size == 1) return;
    for (int i = 0; i < DIM_OPERANDS && merges; i++) merges = w->step[outer][i] == step[i] * size;
    if (!merges) w->shape[w->ndim++] = 1;
    w->shape[w->ndim - 1] *= size;
    memcpy(w->step[w->ndim - 1], step, sizeof w->step[0]);
}

DimWalk tensor_dim_walk_over(ct_tensor *const *x, const int64_t *shape, int ndim, int dim, bool whole) {
    DimWalk w = {.places = 1, .length = 1};
    for (int i = 0; i < DIM_OPERANDS; i++) w.data[i] = x[i] ? x[i]->data : NULL;
    for (int d = 0; d < ndim; d++) {
        int64_t step[DIM_OPERANDS];
        for (int i = 0; i < DIM_OPERANDS; i++) step[i] = x[i] ? x[i]->strides[d] : 0;
        if (d == dim) {
            w.length = shape[d];
            memcpy(w.along, step, sizeof step);
            if (!whole) continue;
            step[0] = 0;
        }
        w.places *= shape[d];
        append_dim(&w, shape[d], step);
    }
    if (w.ndim == 0) w.shape[w.ndim++] = 1;
    return w;
}

int64_t tensor_dim_walk(const DimWalk *w, int64_t begin, int64_t end, const int64_t *start) {
    const int last = w->ndim - 1;
    int64_t index[CT_MAX_DIMS], at[DIM_OPERANDS];
    if (last == 0) {
        for (int i = 0; i < DIM_OPERANDS; i++) at[i] = start[i] + begin * w->step[0][i];
        const int64_t bad = w->row(w, at, w->step[0], end - begin);
        return bad < 0 ? -1 : begin + bad;
    }
    memcpy(at, start, sizeof at);
    for (int64_t d = last, rest = begin; d >= 0; d--) {
        index[d] = rest ? rest % w->shape[d] : 0;
        rest = rest ? rest / w->shape[d] : 0;
        for (int i = 0; i < DIM_OPERANDS; i++) at[i] += index[d] * w->step[d][i];
    }
    for (;;) {
        const int64_t row = w->shape[last] - index[last], n = row < end - begin ? row : end - begin;
        const int64_t bad = w->row(w, at, w->step[last], n);
        if (UNLIKELY(bad >= 0)) return begin + bad;
        if ((begin += n) == end) return -1;
        for (int i = 0; i < DIM_OPERANDS; i++) at[i] -= index[last] * w->step[last][i];
        index[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            const int64_t back = ++index[d] < w->shape[d] ? 0 : w->shape[d];
            for (int i = 0; i < DIM_OPERANDS; i++) at[i] += (1 - back) * w->step[d][i];
            if (!back) break;
            index[d] = 0;
        }
    }
}

ct_tensor *tensor_with_dims(ct_tensor *x) {
    return x->ndim ? x : tensor_unsqueeze(x, 0);
}
