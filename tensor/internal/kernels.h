/* The table of kernels: one per instruction set, all made from the same sources in tensor/kernels/. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_KERNELS_H
#define COTANGENT_TENSOR_INTERNAL_KERNELS_H

#include "parallel.h"

enum { MAX_OPERANDS = 6, ROW_PARAMETERS = 8 };

/* One row of an elementwise kernel: data[0] is the result, the others are operands (or further results); step counts
 * elements; p are the kernel's parameters. */
typedef void RowKernel(char *const *data, const int64_t *step, int64_t n, const double *p);

/* to[c][r] = from[r][c] for a matrix whose rows' elements are neighbours; to_row and from_row count elements. Past the
 * caches only where `to` and to_row allow lines of 64 bytes; end_stream() then ends it. */
typedef void TransposeKernel(char *to, int64_t to_row, const char *from, int64_t from_row, int64_t rows, int64_t columns,
                             bool past_caches);

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
    char *packed_a; /* rows × depth, strip by strip; NULL: not packed beforehand */
    char *packed_b; /* depth × (columns rounded up to whole panels), panel by panel; NULL: not packed beforehand */
    int64_t rows, columns, depth;
    int64_t a_row, a_column, b_row, b_column, c_row;
    int64_t strips;                    /* of at most strip_rows rows each, over which the rows are spread evenly */
    int64_t row_blocks, column_blocks; /* of whole strips and panels, that c is cut into */
    bool add;                          /* to what c holds */
} MatrixProduct;

enum {
    MATRIX_DEPTH = 256,     /* the largest part of the depth that a tile adds up at once */
    MATRIX_COLUMNS = 2048,  /* of b that are packed at once */
    MATRIX_CLOSE = 32 << 10 /* bytes that stay in the first cache */
};

/* Kernels over a MatrixProduct. */
typedef struct {
    Kernel *rows;        /* plain loops over rows of c; those below may be NULL */
    Kernel *pack_strips; /* of a */
    Kernel *pack_panels; /* of b */
    Kernel *by_panels;   /* over blocks of c */
    Kernel *by_strips;   /* over strips of c; b is packed */
    Kernel *vector;      /* over numbers of c, which is one row or one column */
    int64_t strip_rows, panel_columns;
} MatrixKernels;

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
    TransposeKernel *transpose[4]; /* of elements of 1, 2, 4, 8 bytes */
    /* Copies past the caches; other threads are to see it after the end. */
    void (*stream)(char *to, const char *from, int64_t bytes);
    void (*end_stream)(void);
    Reducer sum, prod, max, min, any, all, norm_p, norm_zero, norm_max, norm_min, sum_squares;
    MatrixKernels matmul[COMPUTE_TYPES];
    Rows sgd, adam, adam_amsgrad;
} Kernels;

extern const Kernels *tensor_kernels;

/* For tests: the tables that this machine can run (0 is the base one), and how to force one; -1 restores the best. */
int tensor_simd_count(void);
const char *tensor_simd_name(int i);
void tensor_simd_force(int i);

#endif
