/* Walks over all dims but one. */
#include "internal/walk.h"
#include "internal/plain.h"
#include <string.h>

static void append_dim(Walk *w, int64_t size, const int64_t *step) {
    const int outer = w->ndim - 1;
    bool merges = outer >= 0;
    if (size == 1) return;
    for (int i = 0; i < WALK_OPERANDS && merges; i++) merges = w->step[outer][i] == step[i] * size;
    if (!merges) w->shape[w->ndim++] = 1;
    w->shape[w->ndim - 1] *= size;
    memcpy(w->step[w->ndim - 1], step, sizeof w->step[0]);
}

Walk tensor_walk_over(ct_tensor *const *x, const int64_t *shape, int ndim, int dim, bool whole) {
    Walk w = {.places = 1, .length = 1};
    for (int i = 0; i < WALK_OPERANDS; i++) w.data[i] = x[i] ? x[i]->data : NULL;
    for (int d = 0; d < ndim; d++) {
        int64_t step[WALK_OPERANDS];
        for (int i = 0; i < WALK_OPERANDS; i++) step[i] = x[i] ? x[i]->strides[d] : 0;
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

int64_t tensor_walk(const Walk *w, int64_t begin, int64_t end, const int64_t *start) {
    const int last = w->ndim - 1;
    const int64_t width = w->shape[last], *step = w->step[last];
    while (begin < end) {
        int64_t first = last ? begin % width : begin, at[WALK_OPERANDS];
        int64_t n = width - first < end - begin ? width - first : end - begin;
        for (int i = 0; i < WALK_OPERANDS; i++) at[i] = start[i] + first * step[i];
        for (int64_t d = last - 1, rest = last ? begin / width : 0; d >= 0; d--) {
            int64_t index = d ? rest % w->shape[d] : rest;
            rest = d ? rest / w->shape[d] : 0;
            for (int i = 0; i < WALK_OPERANDS; i++) at[i] += index * w->step[d][i];
        }
        int64_t bad = w->row(w, at, step, n);
        if (UNLIKELY(bad >= 0)) return begin + bad;
        begin += n;
    }
    return -1;
}

ct_tensor *tensor_with_dims(ct_tensor *x) {
    return x->ndim ? x : tensor_unsqueeze(x, 0);
}
