/* Classes drawn by weight. */
#include "internal/function.h"
#include "internal/memory.h"
#include "internal/plain.h"
#include "internal/random.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    double key;
    int64_t class;
} Ticket;

typedef struct {
    RandomStream stream;
    int64_t classes, draws;
    double *sums;    /* room for a row */
    Ticket *tickets; /* likewise */
} Lottery;

static int by_key(const void *a, const void *b) {
    const Ticket *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

/* The first class whose running sum exceeds a point of the total: a class of weight 0 never is. */
static int64_t find_class(const double *sums, int64_t classes, double point) {
    int64_t low = 0, high = classes - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > point) high = middle;
        else low = middle + 1;
    }
    return low;
}

static void draw_with_replacement(const Lottery *lottery, int64_t row, const double *weights, double largest,
                                  int64_t *result) {
    double sum = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < lottery->classes; i++) {
        if (weights[i] > 0) last = i;
        lottery->sums[i] = sum += weights[i] / largest;
    }
    for (int64_t i = 0; i < lottery->draws; i++) {
        uint32_t words[4];
        tensor_random_draw(lottery->stream, row * lottery->draws + i, words);
        result[i] = find_class(lottery->sums, last + 1, tensor_random_unit(words) * sum);
    }
}

/* Waiting times: the class that is reached next is so in proportion to its weight. */
static void draw_without_replacement(const Lottery *lottery, int64_t row, const double *weights,
                                     double largest, int64_t *result) {
    int64_t count = 0;
    for (int64_t i = 0; i < lottery->classes; i++) {
        if (!(weights[i] > 0)) continue;
        uint32_t words[4];
        tensor_random_draw(lottery->stream, row * lottery->classes + i, words);
        const double wait = -tensor_random_logarithm(tensor_random_unit(words) + 0x1p-53);
        lottery->tickets[count++] = (Ticket){wait / (weights[i] / largest), i};
    }
    qsort(lottery->tickets, (size_t)count, sizeof *lottery->tickets, by_key);
    for (int64_t i = 0; i < lottery->draws; i++) result[i] = lottery->tickets[i].class;
}

/* The largest weight of a row, 0 with an error. */
static double check_weights(const double *weights, int64_t row, int64_t classes, int64_t n,
                            bool replacement) {
    double largest = 0;
    int64_t positive = 0;
    for (int64_t i = 0; i < classes; i++) {
        if (!(weights[i] >= 0) || isinf(weights[i])) {
            tensor_error(CT_ERR_VALUE,
                         "row %lld, class %lld has weight %g; expected a finite one of 0 or more",
                         (long long)row, (long long)i, weights[i]);
            return 0;
        }
        positive += weights[i] > 0;
        if (weights[i] > largest) largest = weights[i];
    }
    if (positive == 0) tensor_error(CT_ERR_VALUE, "row %lld has no positive weight", (long long)row);
    if (positive == 0 || replacement || n <= positive) return largest;
    tensor_error(CT_ERR_VALUE, "%lld draws without replacement from the %lld positive weights of row %lld",
                 (long long)n, (long long)positive, (long long)row);
    return 0;
}

/* weights: [rows, classes], F64, row-major; x: [rows, n]. */
static bool draw_rows(Lottery *lottery, const double *weights, int64_t rows, bool replacement, int64_t *x) {
    int64_t classes = lottery->classes, n = lottery->draws;
    for (int64_t row = 0; row < rows; row++)
        if (check_weights(weights + row * classes, row, classes, n, replacement) == 0) return false;
    lottery->stream = tensor_random_reserve(rows * (replacement ? n : classes));
    for (int64_t row = 0; row < rows; row++) {
        const double *of_row = weights + row * classes;
        double largest = check_weights(of_row, row, classes, n, replacement);
        if (replacement) draw_with_replacement(lottery, row, of_row, largest, x + row * n);
        else draw_without_replacement(lottery, row, of_row, largest, x + row * n);
    }
    return true;
}

ct_tensor *ct_multinomial(const ct_tensor *weights, int64_t n, bool replacement) {
    FUNCTION("ct_multinomial");
    CT_SCOPED;
    if (!tensor_given(weights, "weights") || !tensor_check_floating(weights)) return NULL;
    if (weights->ndim != 1 && weights->ndim != 2) {
        tensor_error(CT_ERR_SHAPE, "weights has shape %s; expected (classes,) or (rows, classes)",
                     tensor_shape_of(weights));
        return NULL;
    }
    bool many = weights->ndim == 2;
    int64_t rows = many ? weights->shape[0] : 1, shape[] = {rows, n};
    if (!tensor_check_shape(CT_I64, shape, 2)) return NULL;
    ct_tensor *values = tensor_to((ct_tensor *)weights, CT_F64);
    ct_tensor *x = values ? tensor_new(CT_I64, many ? shape : shape + 1, weights->ndim) : NULL;
    if (!x) return NULL;
    Lottery lottery = {.classes = weights->shape[weights->ndim - 1], .draws = n};
    size_t bytes = (size_t)lottery.classes * (replacement ? sizeof *lottery.sums : sizeof *lottery.tickets);
    void *room = tensor_alloc(bytes);
    if (replacement) lottery.sums = room;
    else lottery.tickets = room;
    bool drawn = room && draw_rows(&lottery, (double *)values->data, rows, replacement, (int64_t *)x->data);
    tensor_free(room, bytes);
    return drawn ? ct_scope_keep(x) : NULL;
}
