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

/* What a reduction carries along for one result: a floating or an integer value, and the place of an extreme (-1: none
 * yet) among the elements that are folded. */
typedef struct {
    double f;
    int64_t i, at;
} Accumulator;

/* n results side by side, to each of which `rows` elements are folded that lie `stride` apart. */
typedef struct {
    void *values;    /* n of double, or of int64_t */
    int64_t *places; /* n, for those reducers that find places */
    const char *data;
    int64_t stride, rows, n, first; /* the first row's place */
} Columns;

enum { FOLD_COLUMNS = 512 };

typedef struct Reducer {
    double f;    /* the value of nothing */
    int64_t i;
    const struct Reducer *parts; /* joins what this one made of the parts; NULL: itself */
    /* Folds n elements, `step` apart, of which the first is the first-th; p is one parameter. */
    void (*row[COMPUTE_TYPES])(Accumulator *accumulator, const char *data, int64_t step, int64_t n, int64_t first,
                               const double *p);
    /* The same for columns; p is one parameter, or one for each column. n <= FOLD_COLUMNS. */
    void (*columns[COMPUTE_TYPES])(const Columns *columns, const double *p, bool each);
} Reducer;

/* `rows` rows of n numbers, worked on each for itself; or n columns of `rows` numbers. */
typedef struct {
    const char *x, *g; /* operand and gradient; g, if there is one, lies as x does */
    char *y;
    char *shift, *sum; /* of columns: what each is shifted by, and its sum: made in F64, then used in x's dtype, inverted */
    int64_t rows, n, x_stride, y_stride; /* from one row to the next */
    bool logarithm, streamed;
} Lines;
typedef void LinesKernel(const Lines *lines);
enum { LINE_COLUMNS = 1024 }; /* so many columns are folded at once */

/* n pairs of a prediction x and its target y: their losses' sum, or scale times their slopes for x. */
typedef struct {
    const char *x, *y;
    char *slopes;
    double *sum, scale;
    int64_t n;
} PairRow;
typedef struct {
    int64_t (*sum[2])(const PairRow *row); /* -1, or the place of a pair that is not allowed */
    void (*slope[2])(const PairRow *row);
} PairLoss;

/* Cross entropy of scores x [outer, classes_count, inner], row-major, with a class for each of outer × inner places. */
typedef struct {
    const char *x, *weight; /* a weight for each class; NULL: 1 */
    const int64_t *classes;
    int64_t ignored, classes_count, inner;
    double *largest, *shares, *weights, *losses; /* of each place: the largest score m, 1 / Σ exp(x - m), … */
    char *slopes;
    const char *g; /* the gradient of each place, or not: then scale holds it */
    bool each;
    double scale;
} Entropy;
/* n places from `place` on, within one of `outer`; n <= LINE_COLUMNS. */
typedef void EntropyKernel(const Entropy *entropy, int64_t outer, int64_t place, int64_t n);

/* Layer norm of rows of n numbers, and its derivative. */
typedef struct {
    const char *x, *weight, *bias, *g; /* weight and bias may be NULL */
    char *y;                           /* the result; for the derivative, x's gradient */
    double *means, *scales;            /* of each row; the latter 1 / its deviation */
    char *part_sums;                   /* [2, parts, n]: the gradients of weight and bias from `part` rows; or NULL */
    int64_t n, part, parts;
    bool centred, streamed;
    double eps;
} Norm;

/* What an operand of a matrix product holds: numbers of the type that computes, or 16-bit ones, which are converted when
 * they are packed. */
typedef enum { OWN_TYPE, HALF_TYPE, BFLOAT_TYPE } OperandType;

/* Norm over units of `spans` spans of `rest` neighbours each, and its derivative. */
typedef struct {
    const char *x, *weight, *bias, *g; /* weight and bias may be NULL */
    char *y;                           /* the result; for the derivative, x's gradient */
    double *means, *scales, *variances; /* of each unit; scales are 1 / deviations */
    double *weight_sums, *bias_sums;    /* [units, spans]: the gradients of weight and bias from each span */
    int64_t spans, rest, unit_step, span_step;
    int64_t period, channels, each; /* a span's channel is unit % period · channels + span · each */
    double eps;
} ChannelNorm;
typedef void ChannelNormKernel(const ChannelNorm *norm, int64_t begin, int64_t end);

/* Of x [outer, from, inner]: y [outer, n, inner], whose i-th place sums those that taps starts[i] … starts[i + 1] name. */
typedef struct {
    const char *x;
    char *y;
    const int64_t *starts, *places;
    const double *weights;
    int64_t n, from, inner;
} Resample;

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
    int64_t strips, least_rows;        /* of at most strip_rows rows each; the rows beyond the least go to the first ones */
    int64_t row_blocks, column_blocks; /* of whole strips and panels, that c is cut into */
    bool columns_first;                /* whether blocks of the same columns are neighbours, or those of the same rows */
    bool add;                          /* to what c holds */
    OperandType a_type, b_type;        /* of 16 bits: with F32 as the type of bias and c */
} MatrixProduct;

enum {
    MATRIX_DEPTH = 256,     /* the largest part of the depth that a tile adds up at once */
    MATRIX_COLUMNS = 2048,  /* of b that are packed at once */
    MATRIX_CLOSE = 32 << 10 /* bytes that stay in the first cache */
};

/* A depth goes by in the fewest even parts, multiples of 16, of at most `most` numbers: the length of one. */
static inline int64_t matrix_depth_part(int64_t depth, int64_t most) {
    if (depth <= most) return depth;
    const int64_t count = (depth + most - 1) / most;
    return ((depth + count - 1) / count + 15) / 16 * 16;
}

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

/* One pass along `lines` ≤ SCAN_LINES lines of n elements, see scan.h. */
typedef void ScanKernel(char *const *data, const int64_t *along, const int64_t *across, int64_t n, int64_t lines);
typedef ScanKernel *const ScanKernels[COMPUTE_TYPES]; /* NULL where there is none */

enum { SCAN_LINES = 64, SCAN_APART = 4 };

/* Square matrices, n × n, row-major and one after the other, that are factorised in place. */
typedef struct {
    char *a;
    int64_t *order; /* of each matrix: its rows as they came to stand, and the sign of that (cofactors: 2 n numbers) */
    char *b, *x;    /* right-hand sides and solutions, n × columns each; or working room and results */
    int64_t n, columns;
    int ndim; /* of the batch of x; its matrix at an index has the factors number Σ index[d]·steps[d] */
    int64_t shape[CT_MAX_DIMS], steps[CT_MAX_DIMS];
} Decomposition;

/* Attention of `heads` matrices: queries [queries, depth], keys [keys, depth], values [keys, width]; all but the mask lie
 * row-major. Panels are those of the matrix product: x's rows, cut by columns; x itself, where its rows are whole panels.
 * `columns` are panels of x transposed. */
typedef struct {
    const char *q, *g, *mask; /* g: the result's gradient; mask [shape, queries, keys] or NULL */
    const char *k_columns, *v_columns, *k_panels, *v_panels, *q_panels, *g_panels;
    char *y, *logs; /* [heads, queries, width]; log2 Σ exp(score) of each query */
    char *dq, *dk, *dv; /* the last two: [parts, heads, …], sums over parts of the queries */
    int64_t heads, queries, keys, depth, width, parts;
    int64_t shape[CT_MAX_DIMS], mask_strides[CT_MAX_DIMS], mask_row, mask_column; /* strides count elements */
    int ndim; /* of the batch */
    bool causal, boolean; /* a boolean mask is true where a pair takes part; another is added */
    double scale;  /* of the products */
    double factor; /* log2 e; times scale, where no mask is added, so that products need not be scaled before */
} Attention;
enum { ATTENTION_QUERIES = 64 }; /* in a block */

/* Distances between the rows of matrices a [matrices, rows, depth] and b [matrices, columns, depth]: row-major, but of b for
 * the distances, and of a for its gradient, panels over the rows. */
typedef struct {
    const char *a, *b, *g;
    char *y, *slope; /* [matrices, rows, columns], but with its gradient g [matrices, columns, rows] for that of a */
    int64_t matrices, rows, columns, depth;
    double p;
} Distances;
enum { DISTANCE_ROWS = 4 }; /* in a strip, or coordinates, that meet a panel at once */

/* Filters over three dims (those that an operand lacks have size 1): for each image and group,
 *   y[f, q] = bias[f] + Σ weight[f, c, t] · x[c, (q · stride + t · dilation - pad) / spread],
 * with zeros around x and, where it is spread, between its numbers; stride or spread is 1.
 * x is [images, groups · channels, size], y [images, groups · filters, out], both row-major. */
typedef struct {
    const char *x, *weight, *bias; /* a bias or NULL */
    char *y;                       /* the result; or, for the weights' slopes, its gradient */
    char *packed;                  /* the weights, as the kernel reads them */
    char *slopes;                  /* of x, from y as its gradient, for the transposed convolution */
    char *sums;                    /* of the weights: [parts, groups, depth (+ 1 for a bias), filters] */
    const int64_t *offsets;        /* of what a tile reads of x, from the first number that it reads */
    const int64_t *edge_offsets;   /* of what it reads for one column of taps */
    int64_t size[3], out[3], kernel[3], stride[3], spread[3], pad[3], dilation[3];
    int64_t images, groups, channels, filters, parts; /* channels and filters of a group; parts of the images */
    int64_t plane, places, taps, numel;               /* products of size, out and kernel; all of x */
    int64_t depth, strips;                            /* taps · channels; strips of filters, channels or depth */
    int64_t row_blocks, row_parts;                    /* that a plane of y is cut into; one of them is 1 */
    int64_t split[2];                                    /* rows and columns of a line (convolution_direct.h) */
    int64_t weight_group, weight_filter, weight_channel; /* strides; taps are neighbours */
    bool flipped;    /* the order of taps is */
    bool neighbours; /* neighbours in a row of y meet neighbours in x: stride is 1 there */
    bool sums_bias;
} Convolution;

/* Of a result's places: what the weights' slopes take at once, no less than columns in a panel. Of its numbers: what is
 * computed before it is transposed. */
enum { CONVOLUTION_PLACES = 128, CONVOLUTION_NUMBERS = 8192 };
/* What direct kernels have room for: numbers of x that a part of a plane meets, phases of rows and columns, and taps. */
enum { DIRECT_NUMBERS = 8192, DIRECT_PHASES = 16, DIRECT_TAPS = 512 };

/* Rows of `size` numbers of x, each to begin at `before` in a row of `width` zeros. */
typedef struct {
    const char *x;
    char *y;
    int64_t size, before, width, rows;
} RowPadding;

/* Kernels over a Convolution (the first over a RowPadding). */
typedef struct {
    Kernel *pad_rows;      /* over rows */
    Kernel *pack_panels;   /* over panels of filters of all groups */
    Kernel *by_filters;    /* over groups × panels of filters × images × parts of y's planes */
    Kernel *pack_filters;  /* over strips of filters of all groups */
    Kernel *by_places;     /* over panels: images × groups × panels of y */
    Kernel *pack_channels; /* over strips of all groups */
    Kernel *transposed;    /* over images × groups × strips of channels */
    Kernel *weight_slopes; /* over parts × groups × panels of filters × strips of depth */
    Kernel *directly;      /* over parts of y's planes × images × groups */
    Kernel *weight_slopes_directly; /* over parts × groups × filters */
} ConvolutionKernels;

/* What windows of a row have in common: where in their plane the first row of x is that they meet, and how many follow;
 * how far that is from where the windows begin; and where the first of them begins. */
typedef struct {
    int64_t start, taps, offset, place;
} PoolRow;

/* Pooling of planes of size[0] × size[1] to out[0] × out[1] windows. */
typedef struct {
    const char *x;
    char *y;         /* the result; for slopes, its gradient */
    char *slopes;
    int32_t *places; /* in its plane, of the largest number of each window */
    const PoolRow *rows;   /* of windows */
    const int32_t *firsts; /* the first column that a window of a row meets, from where it begins; 16 more may be read */
    int64_t numel;         /* of x */
    int64_t size[2], out[2], kernel[2], stride[2], pad[2], dilation[2];
    const int64_t *begins[2], *ends[2], *counts[2]; /* of means: each window's rows, and columns; and what divides its sum */
} Pool;
typedef void PoolKernel(const Pool *pool, int64_t begin, int64_t end);

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
    Reducer sum, prod, max, min, argmax, argmin, any, all, sum_abs, sum_squares, sum_powers, count_nonzero, max_abs, min_abs;
    Reducer sum_squares_from, sum_exp_from; /* of x - p */
    LinesKernel *softmax_rows[2], *softmax_column_sums[2], *softmax_columns[2];
    /* x is the result, g its gradient */
    LinesKernel *softmax_slope_rows[2], *softmax_slope_column_sums[2], *softmax_slope_columns[2];
    PairLoss bce_loss, logits_loss, squares_loss, distance_loss;
    EntropyKernel *entropy_rows[2], *entropy_columns[2], *entropy_slope_rows[2], *entropy_slope_columns[2];
    void (*norm_rows[2])(const Norm *norm, int64_t begin, int64_t end);
    void (*norm_slope_rows[2])(const Norm *norm, int64_t begin, int64_t end); /* within one part */
    ChannelNormKernel *channel_norm[2], *channel_norm_slopes[2];
    Kernel *resample[2]; /* over outer · n rows */
    MatrixKernels matmul[COMPUTE_TYPES];
    ScanKernels cumsum, cumprod, logcumsumexp, recurrence, cummax;
    Kernel *lu[2], *lu_solve[2], *determinants[2], *cofactors[2], *cholesky[2]; /* over the matrices of a Decomposition */
    Kernel *distances[2], *distance_slopes[2]; /* over strips of rows, over panels of all matrices */
    Kernel *attention[2], *attention_slopes[2]; /* over blocks, over parts of the queries of all heads */
    ConvolutionKernels convolution[2];
    PoolKernel *max_pool[2], *max_pool_slope[2], *average_pool[2], *average_pool_slope[2];
    Rows sgd, adam, adam_amsgrad;
} Kernels;

extern const Kernels *tensor_kernels;

/* For tests: the tables that this machine can run (0 is the base one), and how to force one; -1 restores the best. */
int tensor_simd_count(void);
const char *tensor_simd_name(int i);
void tensor_simd_force(int i);

#endif
