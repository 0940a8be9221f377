/* Losses that are computed and joined in one pass, and their derivatives. */
#include "internal/parallel.h"
#include "internal/plain.h"

enum { GRAIN = 1 << 14 };

static int type_of(const ct_tensor *x) {
    return x->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32;
}

/* x of that dtype, row-major. */
static ct_tensor *plainly(ct_tensor *x, ct_dtype dtype) {
    ct_tensor *y = tensor_as(x, dtype);
    return y ? tensor_contiguous(y) : NULL;
}

static double sum_of(const double *numbers, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += numbers[i];
    return sum;
}

/* ---- pairs ---- */

typedef struct {
    const PairLoss *loss;
    int type;
    PairRow row; /* from the first pair on; sum has a place for each GRAIN */
    int64_t size;
} Pairs;

static PairRow part_of(const Pairs *p, int64_t begin, int64_t end) {
    PairRow row = p->row;
    row.x += begin * p->size;
    row.y += begin * p->size;
    row.n = end - begin;
    return row;
}

static int64_t sum_pairs(const void *arguments, int64_t begin, int64_t end) {
    const Pairs *p = arguments;
    for (int64_t next; begin < end; begin = next) {
        next = end - begin < GRAIN ? end : begin + GRAIN;
        PairRow row = part_of(p, begin, next);
        row.sum += begin / GRAIN;
        int64_t bad = p->loss->sum[p->type](&row);
        if (bad >= 0) return begin + bad;
    }
    return -1;
}

static int64_t pair_slopes(const void *arguments, int64_t begin, int64_t end) {
    const Pairs *p = arguments;
    PairRow row = part_of(p, begin, end);
    row.slopes += begin * p->size;
    p->loss->slope[p->type](&row);
    return -1;
}

static bool take_pairs(Pairs *pairs, const PairLoss *loss, ct_tensor *x, ct_tensor *y) {
    const ct_dtype dtype = tensor_wide_dtype(tensor_result_dtype((ct_tensor *[]){x, y}, 2));
    x = plainly(x, dtype);
    y = x ? plainly(y, dtype) : NULL;
    if (!y) return false;
    *pairs = (Pairs){.loss = loss, .type = type_of(x), .row = {.x = x->data, .y = y->data}, .size = tensor_dtype_size(dtype)};
    return true;
}

/* Raises an error about the first of two numbers that is no probability. */
static void raise_improbable(const Pairs *p, int64_t place) {
    double value[2];
    for (int k = 0; k < 2; k++) {
        const char *data = k ? p->row.y : p->row.x;
        value[k] = p->type == COMPUTE_F64 ? ((const double *)data)[place] : (double)((const float *)data)[place];
    }
    const bool first = value[0] < 0 || value[0] > 1;
    tensor_error(CT_ERR_VALUE, "%s holds %g; expected probabilities, in [0, 1]", first ? "p" : "y", value[!first]);
}

ct_tensor *tensor_pair_loss(const PairLoss *loss, ct_tensor *x, ct_tensor *y, double divisor) {
    CT_SCOPED;
    Pairs pairs;
    ct_tensor *sums = tensor_new(CT_F64, CT_DIMS((x->numel + GRAIN - 1) / GRAIN));
    if (!sums || !take_pairs(&pairs, loss, x, y)) return NULL;
    pairs.row.sum = (double *)sums->data;
    int64_t bad = tensor_launch(sum_pairs, &pairs, sizeof pairs, x->numel, GRAIN);
    if (bad >= 0) {
        raise_improbable(&pairs, bad);
        return NULL;
    }
    const double value = sum_of(pairs.row.sum, sums->numel) / divisor;
    return ct_scope_keep(tensor_full(tensor_result_dtype((ct_tensor *[]){x, y}, 2), NULL, 0, value));
}

ct_tensor *tensor_pair_loss_slope(const PairLoss *loss, ct_tensor *x, ct_tensor *y, ct_tensor *g, double divisor) {
    CT_SCOPED;
    Pairs pairs;
    if (!take_pairs(&pairs, loss, x, y)) return NULL;
    ct_tensor *slopes = tensor_new(pairs.type == COMPUTE_F64 ? CT_F64 : CT_F32, x->shape, x->ndim);
    if (!slopes) return NULL;
    pairs.row.slopes = slopes->data;
    pairs.row.scale = ct_item(g) / divisor;
    tensor_launch(pair_slopes, &pairs, sizeof pairs, x->numel, GRAIN);
    return ct_scope_keep(slopes);
}

/* ---- cross entropy of classes ---- */

typedef struct {
    EntropyKernel *kernel;
    Entropy entropy;
} EntropyRun;

static int64_t run_entropy(const void *arguments, int64_t begin, int64_t end) {
    const EntropyRun *run = arguments;
    const int64_t inner = run->entropy.inner;
    for (int64_t n; begin < end; begin += n) {
        n = end - begin;
        const int64_t outer = begin / inner;
        if (inner > 1 && n > inner - begin % inner) n = inner - begin % inner;
        if (n > LINE_COLUMNS) n = LINE_COLUMNS;
        run->kernel(&run->entropy, outer, begin, n);
    }
    return -1;
}

static void launch_entropy(EntropyKernel *const *rows, EntropyKernel *const *columns, const Entropy *e, int type, int64_t places) {
    EntropyRun run = {e->inner == 1 ? rows[type] : columns[type], *e};
    int64_t grain = GRAIN / e->classes_count;
    if (e->inner > 1 && grain < LINE_COLUMNS / 4) grain = LINE_COLUMNS / 4;
    tensor_launch(run_entropy, &run, sizeof run, places, grain);
}

/* x and its classes as the kernels take them; what is kept is [3, places]: largest scores, 1 / Σ exp, weights. */
static bool take_scores(Entropy *e, ct_tensor *x, ct_tensor *target, int64_t ignored, ct_tensor *kept) {
    const int dim = x->ndim > 1;
    x = plainly(x, tensor_wide_dtype((ct_dtype)x->dtype));
    target = x ? plainly(target, CT_I64) : NULL;
    if (!target) return false;
    double *numbers = (double *)kept->data;
    *e = (Entropy){.x = x->data, .classes = (const int64_t *)target->data, .ignored = ignored,
                   .classes_count = x->shape[dim], .inner = 1, .largest = numbers,
                   .shares = numbers + target->numel, .weights = numbers + 2 * target->numel};
    for (int d = dim + 1; d < x->ndim; d++) e->inner *= x->shape[d];
    return true;
}

ct_tensor *tensor_cross_entropy(ct_tensor *x, ct_tensor *target, ct_tensor *weight, int64_t ignored, ct_reduction reduction,
                                ct_tensor **kept) {
    CT_SCOPED;
    Entropy e;
    const int64_t places = target->numel;
    const bool joined = reduction != CT_NONE;
    *kept = tensor_new(CT_F64, CT_DIMS(3 * places + 1));
    ct_tensor *losses = *kept ? tensor_new(CT_F64, target->shape, target->ndim) : NULL;
    if (!losses || !take_scores(&e, x, target, ignored, *kept)) return NULL;
    ct_tensor *weights = weight ? plainly(weight, tensor_wide_dtype((ct_dtype)x->dtype)) : NULL;
    if (weight && !weights) return NULL;
    e.weight = weights ? weights->data : NULL;
    e.losses = (double *)losses->data;
    launch_entropy(tensor_kernels->entropy_rows, tensor_kernels->entropy_columns, &e, x->dtype == CT_F64, places);
    double *divisor = (double *)(*kept)->data + 3 * places;
    *divisor = reduction == CT_MEAN ? sum_of(e.weights, places) : 1;
    if (joined) losses = tensor_full(CT_F64, NULL, 0, sum_of(e.losses, places) / *divisor);
    ct_tensor *y = losses ? tensor_as(losses, (ct_dtype)x->dtype) : NULL;
    if (y) ct_scope_keep(*kept);
    return y ? ct_scope_keep(y) : NULL;
}

ct_tensor *tensor_cross_entropy_slope(ct_tensor *x, ct_tensor *target, int64_t ignored, ct_tensor *kept, ct_tensor *g) {
    CT_SCOPED;
    Entropy e;
    const ct_dtype dtype = tensor_wide_dtype((ct_dtype)x->dtype);
    ct_tensor *wide_g = plainly(g, dtype), *dx = wide_g ? tensor_new(dtype, x->shape, x->ndim) : NULL;
    if (!dx || !take_scores(&e, x, target, ignored, kept)) return NULL;
    e.slopes = dx->data;
    e.g = wide_g->data;
    e.each = target->ndim > 0 && g->ndim > 0;
    e.scale = (e.each ? 1 : ct_item(wide_g)) / ((double *)kept->data)[3 * target->numel];
    launch_entropy(tensor_kernels->entropy_slope_rows, tensor_kernels->entropy_slope_columns, &e, dtype == CT_F64, target->numel);
    return ct_scope_keep(dx);
}
