/* The rows together; the operands of a row, and its call. */
#include "optable.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const RowGroup *const groups[] = {&optable_unary,  &optable_binary, &optable_inplace, &optable_reduce,
                                         &optable_linalg, &optable_shape,  &optable_index,   &optable_sort,
                                         &optable_losses, &optable_norms,   &optable_convolution};

int row_count(void) {
    int count = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) count += groups[i]->count;
    return count;
}

const Row *row_at(int i) {
    size_t group = 0;
    while (i >= groups[group]->count) i -= groups[group++]->count;
    return &groups[group]->rows[i];
}

const char *row_title(const Row *row, const char *what, ...) {
    static char title[256];
    va_list arguments;
    int used = snprintf(title, sizeof title, "%s%s%s%s, ", row->name, row->variant ? " (" : "",
                        row->variant ? row->variant : "", row->variant ? ")" : "");
    va_start(arguments, what);
    vsnprintf(title + used, sizeof title - (size_t)used, what, arguments);
    va_end(arguments);
    return title;
}

/* ---- what operands are ---- */

int operand_count(const Row *row) {
    int n = 0;
    while (n < MAX_ROW_OPERANDS && row->x[n].kind != END) n++;
    return n;
}

bool takes_dtype(const Operand *operand) {
    return operand->kind >= REAL && operand->kind <= SIGN;
}

bool differentiable(const Row *row, int operand) {
    if (row->flags & CONSTANT_RESULT || row->result == TRUTH || row->result == PLACE) return false;
    return row->x[operand].kind >= REAL && row->x[operand].kind <= GRAIN;
}

bool takes(const Row *row, ct_dtype dtype) {
    unsigned sets = row->dtypes ? row->dtypes : FLOATING;
    return sets & (dtype == CT_BOOL ? BOOLEAN : is_floating_dtype(dtype) ? FLOATING : INTEGRAL);
}

/* ---- making them ---- */

/* The i-th of n numbers. */
static double draw(const Operand *operand, int64_t i, int64_t n, uint64_t *state) {
    double unit = random_unit(state), lo = operand->lo, hi = operand->hi, value = lo + (hi - lo) * unit;
    switch (operand->kind) {
    case AWAY:
        return floor(2 * value) / 2 + 0.05 + 0.4 * random_unit(state);
    case DISTINCT:
        return lo + (hi - lo) * ((double)(i * 7919 % n) + 0.25 + 0.5 * unit) / (double)n;
    case NONZERO:
        return fabs(value) >= 0.3 ? value : value < 0 ? value - 0.3 : value + 0.3;
    case SIGN:
        return unit < 0.5 ? -1 : 1;
    case MASK:
        return unit < 0.5;
    case GRAIN:
    case INDEX:
        return floor(value);
    default:
        return value;
    }
}

/* A number of that dtype near the value, for which the operand's rule still holds. */
static double fitted(const Operand *operand, ct_dtype dtype, double value) {
    if (is_floating_dtype(dtype)) return value;
    if (operand->kind == SIGN) return dtype == CT_U8 ? 1 : value;
    value = floor(value);
    if (dtype == CT_U8) value = fabs(value);
    if (dtype == CT_BOOL) value = fmod(fabs(value), 2);
    return operand->kind == NONZERO && value == 0 ? 1 : value;
}

static ct_tensor *make_filled(const Operand *operand, ct_dtype dtype, uint64_t seed, Layout layout) {
    int64_t n = shape_numel(operand->shape, operand->ndim);
    double *values = malloc((size_t)n * sizeof *values + 1);
    for (int64_t i = 0; i < n; i++) values[i] = fitted(operand, dtype, draw(operand, i, n, &seed));
    ct_tensor *x = make_layout(dtype, operand->shape, operand->ndim, values, layout);
    free(values);
    return x;
}

ct_tensor *make_operand(const Row *row, int i, ct_dtype dtype, Layout layout) {
    const Operand *operand = &row->x[i];
    uint64_t seed = 17 + (uint64_t)i * 1000;
    if (operand->kind == END || operand->kind == ABSENT) return NULL;
    if (operand->kind == MASK) dtype = CT_BOOL;
    if (operand->kind == INDEX) dtype = dtype == CT_F32 ? CT_I32 : CT_I64;
    return make_filled(operand, dtype, seed, layout);
}

void make_operands(const Row *row, ct_dtype dtype, ct_tensor **x) {
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) x[i] = make_operand(row, i, dtype, LAYOUT_CONTIGUOUS);
}

/* ---- calling ---- */

ct_tensor *call_row(const Row *row, ct_tensor *const *x) {
    if (row->flags & RANDOM) ct_manual_seed(5);
    if (row->unary) return row->unary(x[0]);
    if (row->binary) return row->binary(x[0], x[1]);
    if (row->scalar) return row->scalar(x[0], row->p[0]);
    if (row->reduction) return row->reduction(x[0], row->ndims ? row->dims : NULL, row->ndims, row->keepdim);
    return row->call(x, row);
}

ct_tensor *call_row_on_copy(const Row *row, ct_tensor *const *x) {
    if (!(row->flags & IN_PLACE)) return call_row(row, x);
    ct_tensor *copied[MAX_ROW_OPERANDS];
    memcpy(copied, x, sizeof copied);
    copied[0] = ct_clone(x[0]);
    return call_row(row, copied);
}

/* ---- other shapes ---- */

static bool is_elementwise(const Row *row) {
    return (row->f1 || row->f2 || row->fn || row->accepts) && row->loss == CT_NONE &&
           !(row->flags & NO_RESIZE);
}

bool resize_row(const Row *row, Row *resized, int64_t first_size) {
    int ndim = 0;
    for (int i = 0; i < operand_count(row); i++)
        if (row->x[i].ndim > ndim) ndim = row->x[i].ndim;
    if (!is_elementwise(row) || ndim == 0) return false;
    *resized = *row;
    for (int i = 0; i < operand_count(row); i++)
        if (row->x[i].ndim == ndim && row->x[i].shape[0] != 1) resized->x[i].shape[0] = first_size;
    return true;
}

bool row_without_dims(const Row *row, Row *resized) {
    if (!is_elementwise(row)) return false;
    *resized = *row;
    for (int i = 0; i < operand_count(row); i++) resized->x[i].ndim = 0;
    return true;
}
