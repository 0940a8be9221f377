/* The table of operations: one row or more for each function of autograd/ops.h, and what every row is put
 * through by test_optable.c. A row says how to call the function, on what operands, and what a naive
 * reference makes of them. */
#ifndef TESTS_OPTABLE_H
#define TESTS_OPTABLE_H

#include "support.h"

/* What an operand holds: numbers between lo and hi. The first five take the row's dtype and are
 * differentiated. */
typedef enum {
    END,
    REAL,
    AWAY,     /* at least 0.05 away from every multiple of 0.5: no kink near */
    DISTINCT, /* no two elements near each other */
    NONZERO,  /* at least 0.3 away from 0, of both signs where lo is negative */
    GRAIN,    /* small integers with ties, zeros among them */
    CONSTANT, /* as REAL, but not differentiable (a target, a weight) */
    SIGN,     /* 1 or -1, not differentiable */
    INDEX,    /* an integer tensor, I64 or I32 */
    MASK,     /* BOOL */
    ABSENT    /* NULL */
} Kind;

typedef struct {
    Kind kind;
    double lo, hi;
    int64_t shape[CT_MAX_DIMS];
    int ndim;
} Operand;

#define SIZES(...) {__VA_ARGS__}, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define OPERAND(kind, lo, hi, ...)                                                                           \
    { kind, lo, hi, SIZES(__VA_ARGS__) }
#define SCALAR_OPERAND(kind, lo, hi)                                                                         \
    { kind, lo, hi, {0}, 0 }
#define END_OPERAND                                                                                          \
    { END, 0, 0, {0}, 0 }

typedef struct {
    int64_t sizes[CT_MAX_DIMS];
    int ndim;
} Sizes;

/* Row-major numbers. */
typedef struct {
    Sizes shape;
    double *values;
} Dense;

enum { MAX_ROW_OPERANDS = 4 };

/* The dtypes an op takes for its differentiable operands and CONSTANTs; 0 is FLOATING. Others must be
 * refused, unless LENIENT is among them. */
enum {
    FLOATING = 1,
    INTEGRAL = 2,
    BOOLEAN = 4,
    LENIENT = 8,
    NUMBERS = FLOATING | INTEGRAL,
    ANY_DTYPE = NUMBERS | BOOLEAN
};

/* The result's dtype. */
typedef enum {
    PROMOTED, /* that of the operands joined */
    FLOAT,    /* the same, but F32 for integers */
    TRUTH,    /* BOOL */
    PLACE,    /* I64 */
    WIDE,     /* I64 for integers and bools, else PROMOTED */
    COUNTED,  /* I64 for bools, else PROMOTED */
    FIRST,    /* that of the first operand */
    DOUBLE,   /* F64 */
} Result;

enum {
    IN_PLACE = 1,          /* changes operand 0 and returns it */
    SHARES = 2,            /* a view of operand 0 */
    ROW_MAJOR_ONLY = 4,    /* depends on how operand 0 lies */
    ROUNDS = 8,            /* the order of additions may depend on the layout */
    EXACT = 16,            /* no arithmetic: no tolerance */
    NO_INFINITIES = 64,    /* infinities are not among its special values: inf·0 or inf - inf */
    RANDOM = 128,          /* the generator is seeded before each call */
    NO_RESIZE = 256,       /* the elementwise reference holds, but not for other shapes */
    CONSTANT_RESULT = 512, /* never differentiable */
    FIXED_DTYPE = 1024,    /* operands of the row's dtypes only together, not mixed */
    AT_KINKS = 2048 /* derivatives are not held against differences: ties and corners are among the values */
};

typedef struct Row Row;
struct Row {
    const char *name; /* the function; a row about a variant says which in `variant` */
    const char *variant;
    /* How to call it: one of these. */
    ct_tensor *(*unary)(ct_tensor *x);
    ct_tensor *(*binary)(ct_tensor *a, ct_tensor *b);
    ct_tensor *(*scalar)(ct_tensor *x, double value);
    ct_tensor *(*reduction)(ct_tensor *x, const int64_t *dims, int ndims, bool keepdim);
    ct_tensor *(*call)(ct_tensor *const *x, const Row *row);
    /* What it should give: one of these. v holds one number of each operand present (others 0). */
    double (*f1)(double x);
    double (*f2)(double a, double b);
    double (*fn)(const double *v, const Row *row);
    double (*join)(const double *v, int64_t n, const Row *row); /* over dims, in row-major order */
    void (*along)(const double *v, double *out, int64_t n,
                  const Row *row); /* a line of dims[0], kept in size */
    double (*entry)(const int64_t *at, const Dense *x,
                    const Row *row); /* an element of a result of shape `shape` */
    bool (*accepts)(double got, const double *v, const Row *row);
    /* What the mean of a loss divides its sum by; NULL: the number of elements. */
    double (*denominator)(const Dense *x, const Row *row);
    Operand x[MAX_ROW_OPERANDS];
    double p[4]; /* parameters of the call and of the reference */
    int64_t dims[CT_MAX_DIMS];
    int ndims;
    bool keepdim;
    const char *text, *labels;            /* a spec or mode for the call; labels for sum_of_products */
    ct_reduction loss;                    /* of a loss: applied to what fn or entry give */
    Sizes shape;                          /* of entry's result */
    int64_t strides[CT_MAX_DIMS], offset; /* of the reference `strided` */
    unsigned dtypes, optional, flags;     /* optional: bits for operands that may be NULL */
    Result result;
};

/* An adapter for `call`: CALL(tril, ct_tril(x[0], (int64_t)row->p[0])) */
#define CALL(name, ...)                                                                                      \
    static ct_tensor *name(ct_tensor *const *x, const Row *row) {                                            \
        (void)row;                                                                                           \
        return __VA_ARGS__;                                                                                  \
    }

typedef struct {
    const Row *rows;
    int count;
} RowGroup;
#define ROW_GROUP(rows_)                                                                                     \
    { rows_, (int)(sizeof(rows_) / sizeof *(rows_)) }

extern const RowGroup optable_unary, optable_binary, optable_inplace, optable_reduce, optable_linalg,
    optable_shape, optable_index, optable_sort, optable_losses, optable_norms, optable_convolution;

/* All rows of all groups. */
int row_count(void);
const Row *row_at(int i);

/* ---- operands and calls: optable.c ---- */

int operand_count(const Row *row);
/* Whether it takes the row's dtype; whether a gradient flows into it. */
bool takes_dtype(const Operand *operand);
bool differentiable(const Row *row, int operand);
bool takes(const Row *row, ct_dtype dtype);
/* The tensor of operand i: dtype is the row's; NULL if it is ABSENT. */
ct_tensor *make_operand(const Row *row, int i, ct_dtype dtype, Layout layout);
void make_operands(const Row *row, ct_dtype dtype, ct_tensor **x);
/* The function on those operands; NULL with an error. */
ct_tensor *call_row(const Row *row, ct_tensor *const *x);
/* The same, leaving operand 0 of an in-place row alone. */
ct_tensor *call_row_on_copy(const Row *row, ct_tensor *const *x);
/* "ct_sum_dim (keepdim) float32" in a buffer that the next call reuses. */
const char *row_title(const Row *row, const char *what, ...) CT_PRINTF(2, 3);
/* The row with another size in the first dim of its result, or with 0-dim operands; false if its reference
 * does not allow that. */
bool resize_row(const Row *row, Row *resized, int64_t first_size);
bool row_without_dims(const Row *row, Row *resized);

/* ---- references: optable_reference.c ---- */

Dense dense_of(const ct_tensor *x);
void dense_free(Dense *dense);
int64_t dense_numel(const Dense *dense);
/* The number at an index, whose leading dims (and dims where x has size 1) may be left over: x broadcasts. */
double dense_at(const Dense *x, const int64_t *index, int ndim);
#define AT(x, ...)                                                                                           \
    dense_at(x, (const int64_t[]){__VA_ARGS__}, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
/* The row's result by its reference. */
Dense reference_of(const Row *row, const Dense *x);
/* References for entry: x[0] in row-major order; x[0] at offset + Σ strides·index; Σ products by row->labels.
 */
double same_order(const int64_t *at, const Dense *x, const Row *row);
double strided(const int64_t *at, const Dense *x, const Row *row);
double sum_of_products(const int64_t *at, const Dense *x, const Row *row);

ct_dtype promote(ct_dtype a, ct_dtype b);
ct_dtype result_dtype(const Row *row, ct_tensor *const *x);

typedef struct {
    double rtol, atol;
} Tolerance;
Tolerance tolerance_of(const Row *row, ct_dtype dtype, ct_tensor *const *x);
bool is_floating_dtype(ct_dtype dtype);

#endif
