#include "internal/walk.h"
#include "internal/object.h"
#include "internal/parallel.h"
#include "internal/shape.h"
#include <string.h>

enum {
    TILE = 64,          /* a side of the squares in which rows and columns change places */
    BUFFERS = 2,        /* squares that a thread's stack has room for */
    SHORT_ROW = 16,     /* rows so short are walked across, if the dim before the last is longer, */
    LONG_TILE = 512,    /* so many at a time */
    STREAM_TILE = 512,  /* bytes that are computed in the first cache, then stored past the others */
    STREAM_BYTES = 1 << 23,
};

/* One walk: the shape, merged as far as all operands allow, and each operand's start and steps (in elements). */
typedef struct {
    RowKernel *row;
    int ndim, n;
    int64_t shape[CT_MAX_DIMS];
    char *data[MAX_OPERANDS];
    int64_t size[MAX_OPERANDS]; /* bytes of an element */
    int64_t step[CT_MAX_DIMS][MAX_OPERANDS];
    double p[ROW_PARAMETERS];
    int64_t tile[2]; /* of the last two dims, where tiles are walked */
    Purity purity;
    bool turns; /* tiles: operands that run across the rows are turned */
    bool streamed;
} Walk;

/* ---- rows ---- */

bool tensor_is_streamed(int64_t bytes, Purity purity) {
    return bytes >= STREAM_BYTES && purity != IN_PLACE;
}

void tensor_stream_row(RowKernel *row, char *const *data, const int64_t *step, const int64_t *size, int operands, int64_t n,
                       const double *p) {
    _Alignas(64) char tile[STREAM_TILE];
    const int64_t most = STREAM_TILE / size[0];
    char *now[MAX_OPERANDS] = {tile};
    for (int64_t i = 0; i < n; i += most) {
        const int64_t length = n - i < most ? n - i : most;
        for (int k = 1; k < operands; k++) now[k] = data[k] + i * step[k] * size[k];
        row(now, step, length, p);
        tensor_kernels->stream(data[0] + i * size[0], tile, length * size[0]);
    }
}

static void run_row(const Walk *w, char *const *data, const int64_t *step, int64_t n) {
    if (w->streamed && step[0] == 1 && n * w->size[0] >= STREAM_TILE)
        tensor_stream_row(w->row, data, step, w->size, w->n, n, w->p);
    else
        w->row(data, step, n, w->p);
}

static int64_t walk_rows(const void *arguments, int64_t begin, int64_t end) {
    const Walk *w = arguments;
    const int last = w->ndim - 1;
    const int64_t row = w->shape[last];
    int64_t index[CT_MAX_DIMS], rest = begin;
    char *data[MAX_OPERANDS] = {NULL};
    for (int i = 0; i < w->n; i++) data[i] = w->data[i];
    for (int d = last; d >= 0; d--) {
        index[d] = rest % w->shape[d];
        rest /= w->shape[d];
        for (int i = 0; i < w->n; i++) data[i] += index[d] * w->step[d][i] * w->size[i];
    }
    while (begin < end) {
        int64_t length = row - index[last];
        if (length > end - begin) length = end - begin;
        run_row(w, data, w->step[last], length);
        begin += length;
        if (begin >= end) break;
        for (int i = 0; i < w->n; i++) data[i] -= index[last] * w->step[last][i] * w->size[i];
        index[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            if (++index[d] < w->shape[d]) {
                for (int i = 0; i < w->n; i++) data[i] += w->step[d][i] * w->size[i];
                break;
            }
            for (int i = 0; i < w->n; i++) data[i] -= (w->shape[d] - 1) * w->step[d][i] * w->size[i];
            index[d] = 0;
        }
    }
    if (w->streamed) tensor_kernels->end_stream();
    return -1;
}

/* ---- tiles of the last two dims ---- */

static bool runs_across(const Walk *w, int i, int dim) {
    const int64_t along = w->step[w->ndim - 1][i];
    return i > 0 && along != 0 && along != 1 && w->step[dim][i] == 1;
}

/* Turns a tile of operand i: its rows lie along the last dim. */
static void turn(const Walk *w, int i, char *to, int64_t to_row, const char *from, const int64_t extent[2], bool past_caches) {
    TransposeKernel *transpose = tensor_kernels->transpose[__builtin_ctz((unsigned)w->size[i])];
    transpose(to, to_row, from, w->step[w->ndim - 1][i], extent[1], extent[0], past_caches);
}

static void run_copy_tile(const Walk *w, char *const *data, const int64_t extent[2]) {
    const int64_t to_row = w->step[w->ndim - 2][0];
    const bool aligned = ((uintptr_t)data[0] | (uintptr_t)(to_row * w->size[0])) % 64 == 0;
    turn(w, 1, data[0], to_row, data[1], extent, w->streamed && aligned);
}

/* Operands that run across the rows are turned into a buffer first, as many as there are buffers. */
static void run_tile(const Walk *w, char *const *data, const int64_t extent[2]) {
    _Alignas(64) char buffers[BUFFERS][TILE * TILE * 8];
    const int last = w->ndim - 1;
    int used = 0;
    char *row[MAX_OPERANDS];
    int64_t step[MAX_OPERANDS], next[MAX_OPERANDS];
    for (int i = 0; i < w->n; i++) {
        const bool turned = w->turns && used < BUFFERS && runs_across(w, i, last - 1);
        if (turned) turn(w, i, buffers[used], TILE, data[i], extent, false);
        row[i] = turned ? buffers[used++] : data[i];
        step[i] = turned ? 1 : w->step[last][i];
        next[i] = (turned ? TILE : w->step[last - 1][i]) * w->size[i];
    }
    for (int64_t r = 0; r < extent[0]; r++) {
        run_row(w, row, step, extent[1]);
        for (int i = 0; i < w->n; i++) row[i] += next[i];
    }
}

/* Neighbouring tiles lie along the dim before the last. */
static int64_t walk_tiles(const void *arguments, int64_t begin, int64_t end) {
    const Walk *w = arguments;
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t rest = tile, extent[2];
        char *data[MAX_OPERANDS];
        for (int i = 0; i < w->n; i++) data[i] = w->data[i];
        for (int k = 0; k < w->ndim; k++) {
            const int d = k == 0 ? w->ndim - 2 : k == 1 ? w->ndim - 1 : w->ndim - 1 - k;
            const int64_t side = k < 2 ? w->tile[k] : 1, sides = (w->shape[d] + side - 1) / side;
            const int64_t at = rest % sides * side;
            rest /= sides;
            if (k < 2) extent[k] = w->shape[d] - at < side ? w->shape[d] - at : side;
            for (int i = 0; i < w->n; i++) data[i] += at * w->step[d][i] * w->size[i];
        }
        if (w->purity == COPY && w->turns) run_copy_tile(w, data, extent);
        else run_tile(w, data, extent);
    }
    if (w->streamed) tensor_kernels->end_stream();
    return -1;
}

/* ---- how to walk ---- */

static bool merges(const Walk *w, int outer, int inner) {
    for (int i = 0; i < w->n; i++)
        if (w->step[outer][i] != w->step[inner][i] * w->shape[inner]) return false;
    return true;
}

/* Drops dims of size 1 and joins neighbours that every operand walks as one. */
static void merge_dims(Walk *w) {
    int kept = 0;
    for (int d = 0; d < w->ndim; d++) {
        if (w->shape[d] == 1) continue;
        w->shape[kept] = w->shape[d];
        memmove(w->step[kept], w->step[d], sizeof w->step[d]);
        if (kept > 0 && merges(w, kept - 1, kept)) {
            w->shape[kept - 1] *= w->shape[kept];
            memmove(w->step[kept - 1], w->step[kept], sizeof w->step[kept]);
        } else {
            kept++;
        }
    }
    if (kept == 0) {
        w->shape[0] = 1;
        for (int i = 0; i < w->n; i++) w->step[0][i] = 1;
        kept = 1;
    }
    w->ndim = kept;
}

/* Moves dim `from` behind the dims up to `to`, or before those down to it. */
static void move_dim(Walk *w, int from, int to) {
    const int way = from < to ? 1 : -1;
    int64_t shape = w->shape[from], step[MAX_OPERANDS];
    memcpy(step, w->step[from], sizeof step);
    for (int d = from; d != to; d += way) {
        w->shape[d] = w->shape[d + way];
        memcpy(w->step[d], w->step[d + way], sizeof step);
    }
    w->shape[to] = shape;
    memcpy(w->step[to], step, sizeof step);
}

/* Walks the result forwards, along its memory: dims in the order of its steps. */
static void order_dims(Walk *w) {
    for (int d = 0; d < w->ndim; d++) {
        if (w->step[d][0] < 0)
            for (int i = 0; i < w->n; i++) {
                w->data[i] += (w->shape[d] - 1) * w->step[d][i] * w->size[i];
                w->step[d][i] = -w->step[d][i];
            }
        int to = d;
        while (to > 0 && w->step[to - 1][0] < w->step[d][0]) to--;
        if (to < d) move_dim(w, d, to);
    }
}

/* Whether tiles of the last two dims go faster than rows; prepares for them. */
static bool tiles(Walk *w) {
    const int last = w->ndim - 1;
    if (last == 0) return false;
    for (int i = 1; i < w->n && w->purity != IN_PLACE && w->step[last][0] == 1; i++)
        for (int d = 0; d < last; d++)
            if (runs_across(w, i, d) && w->shape[d] >= SHORT_ROW && w->shape[last] >= SHORT_ROW) {
                move_dim(w, d, last - 1);
                w->tile[0] = w->tile[1] = TILE;
                return w->turns = true;
            }
    if (w->shape[last] >= SHORT_ROW || w->shape[last - 1] <= w->shape[last]) return false;
    move_dim(w, last, last - 1);
    w->tile[0] = SHORT_ROW;
    w->tile[1] = LONG_TILE;
    return true;
}

void tensor_walk(RowKernel *row, ct_tensor *const *x, int n, const double *p, int parameters, Purity purity) {
    Walk w; /* what is not used stays unset */
    w.row = row;
    w.n = n;
    w.ndim = x[0]->ndim;
    w.purity = purity;
    w.turns = false;
    memcpy(w.shape, x[0]->shape, sizeof w.shape);
    for (int i = 0; i < parameters; i++) w.p[i] = p[i];
    for (int i = 0; i < n; i++) {
        int64_t strides[CT_MAX_DIMS];
        w.data[i] = x[i]->data;
        w.size[i] = tensor_dtype_size((ct_dtype)x[i]->dtype);
        tensor_broadcast_strides(x[i], x[0]->shape, x[0]->ndim, strides);
        for (int d = 0; d < w.ndim; d++) w.step[d][i] = strides[d];
    }
    w.streamed = tensor_is_streamed(x[0]->numel * w.size[0], purity);
    order_dims(&w);
    merge_dims(&w);
    if (!tiles(&w)) {
        tensor_launch(walk_rows, &w, sizeof w, x[0]->numel, GRAIN);
        return;
    }
    int64_t count = 1;
    for (int d = 0; d < w.ndim; d++) {
        const int64_t side = d < w.ndim - 2 ? 1 : w.tile[d - (w.ndim - 2)];
        count *= (w.shape[d] + side - 1) / side;
    }
    tensor_launch(walk_tiles, &w, sizeof w, count, GRAIN / (w.tile[0] * w.tile[1]));
}
