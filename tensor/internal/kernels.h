/* The table of kernels: one per instruction set, all made from the same sources in tensor/kernels/. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_KERNELS_H
#define COTANGENT_TENSOR_INTERNAL_KERNELS_H

#include "../api.h"

enum { MAX_OPERANDS = 6, ROW_PARAMETERS = 8 };

/* One row of an elementwise kernel: data[0] is the result, the others are operands (or further results); step counts
 * elements; p are the kernel's parameters. */
typedef void RowKernel(char *const *data, const int64_t *step, int64_t n, const double *p);

/* The types that compute; every other dtype converts to one of them. */
enum { COMPUTE_F32, COMPUTE_F64, COMPUTE_I64, COMPUTE_TYPES };

typedef struct {
    RowKernel *of[COMPUTE_TYPES]; /* NULL where there is none */
} Rows;

/* What a reduction carries along: a floating or an integer value, and where it was found. */
typedef struct {
    double f;
    int64_t i, at, seen; /* `seen` elements went before */
} Accumulator;

typedef struct {
    double f;    /* the value of nothing */
    int64_t i;
    void (*row[COMPUTE_TYPES])(Accumulator *accumulator, const char *data, int64_t step, int64_t n, const double *p);
    /* Folds a row of n ≤ FOLD_COLUMNS neighbours into as many sums; NULL: row by row only. */
    void (*columns[COMPUTE_TYPES])(double *sums, const char *data, int64_t n);
} Reducer;

enum { FOLD_COLUMNS = 256 };

/* c [rows, columns] = a [rows, depth] · b [depth, columns] for one pair of matrices, or for a part of them. Strides count
 * elements. */
typedef struct {
    const char *a, *b;
    const char *bias; /* a row that is added to every row of c; NULL: none */
    char *c;
    char *panels; /* b, packed: room for depth × (columns rounded up to whole panels) */
    int64_t rows, columns, depth;
    int64_t a_row, a_column, b_row, b_column, c_row;
    bool add; /* to what c holds */
} MatrixProduct;
typedef void MatrixKernel(const MatrixProduct *product, int64_t begin, int64_t end);

enum { MATRIX_DEPTH = 384, MATRIX_COLUMNS = 1024 }; /* the largest block of b that is packed at once */

typedef struct {
    MatrixKernel *rows;                   /* plain loops over rows of c */
    MatrixKernel *pack, *multiply;        /* panels of b; strips of a times all panels. NULL: plain loops only */
    int64_t strip_rows, panel_columns;
} MatrixKernels;

/* One pass along `lines` ≤ SCAN_LINES lines of n elements, see scan.h. */
typedef void ScanKernel(char *const *data, const int64_t *along, const int64_t *across, int64_t n, int64_t lines);
typedef ScanKernel *const ScanKernels[COMPUTE_TYPES]; /* NULL where there is none */

enum { SCAN_LINES = 64, SCAN_APART = 4 };

typedef struct {
    const char *name; /* "generic", "avx2", "avx512", "neon" */
#define UNARY(name, ...) Rows name;
#define UNARY_ANY UNARY
#define PREDICATE UNARY
#define BINARY UNARY
#define BINARY_ANY UNARY
#define COMPARE UNARY
#include "../kernels/list.h"
    Rows where;
    RowKernel *convert[8][8]; /* [to][from] */
    Reducer sum, prod, max, min, any, all, norm_p, norm_zero, norm_max, norm_min, sum_squares;
    MatrixKernels matmul[COMPUTE_TYPES];
    ScanKernels cumsum, cumprod, logcumsumexp, recurrence, cummax;
    Rows sgd, adam, adam_amsgrad;
} Kernels;

extern const Kernels *tensor_kernels;

/* For tests: the tables that this machine can run (0 is the base one), and how to force one; -1 restores the best. */
int tensor_simd_count(void);
const char *tensor_simd_name(int i);
void tensor_simd_force(int i);

#endif
