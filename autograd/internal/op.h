/* What an operation is: a few facts in one place. Not installed. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_OP_H
#define COTANGENT_AUTOGRAD_INTERNAL_OP_H

#include "../../tensor/internal/plain.h"
#include "../autograd.h"
#include "../ops.h"

typedef struct ct_node Node;

/* What an operation is told beside its tensors; unused fields stay zero. It is copied with its list to the node. */
typedef struct {
    double alpha, beta, gamma;
    int64_t start, length, step;
    int dim, other;
    unsigned set; /* dims, a bit each */
    bool keepdim, flag;
    int count;
    const int64_t *list;
} Attr;

typedef struct Op Op;

/* A value that an operation keeps beyond those that its rules say they read: of an operand (its place), of the result (n),
 * or another (from n + 2 on). */
typedef struct {
    ct_tensor *value; /* or NULL */
    int32_t place;
} Kept;

/* What few operations have. */
typedef struct {
    const Kept *kept;    /* handed to the rules as x[place] */
    int kept_count;
    Node *const *behind; /* further inputs that are known by their nodes alone, after the operands */
    int behind_count;
} Further;

/* One application: to forward, the operands; to a rule, those values that it said it reads (the others are NULL). */
typedef struct {
    const Op *op;
    const Attr *attr;
    int n;
    ct_tensor *const *x; /* operands; optional ones may be NULL */
    ct_tensor *y;        /* the result: for rules */
    ct_tensor *extra;    /* set by forward, handed to the rules: a mask, indices, … */
    const Further *further; /* or NULL; set by forward */
    const Node *node;    /* for rules */
    bool spare;          /* for fused rules: nobody else sees g, which may become a gradient */
} Call;

/* Which values a rule reads. */
#define INPUT(i) (1u << (i))
#define INPUTS 0xffffffu
#define OUTPUT (1u << 30)
#define EXTRA (1u << 31)

enum { MAX_RULES = 4, MAX_INPUTS = 1 << 20 };

struct Op {
    const char *name;    /* "mul" */
    const char *formula; /* "dz/da = b, dz/db = a": shown to learners */
    /* The result, by plain arithmetic: a fresh tensor, never an operand. */
    ct_tensor *(*forward)(Call *call);
    /* The gradient for operand i, given the result's gradient g, in recorded operations; NULL only with an error. */
    ct_tensor *(*vjp)(const Call *call, ct_tensor *g, int i);
    /* Or NULL: the same for all operands that autograd_needs(), at once and in plain arithmetic, while recording is off. */
    bool (*fused)(const Call *call, ct_tensor *g, ct_tensor **dxs);
    unsigned reads[MAX_RULES]; /* what the rule of operand i reads; the last entry serves all further operands */
    unsigned optional;         /* operands that may be absent, a bit each */
    bool broadcasts;           /* only then is a gradient summed down to its operand's shape */
    bool at_once;              /* `fused` serves while recording is on, too, and NULL from it is no gradient */
    void (*drop)(const Op *op); /* or NULL: ends an op that was made for one call, with its node */
};

/* Runs an operation and records it where an operand requires a gradient. The only place that passes NULL on. */
ct_tensor *autograd_apply(const Op *op, const Attr *attr, int n, ct_tensor *const *x);
/* The same, written into x[0], whose history goes on with it. Returns x[0]. */
ct_tensor *autograd_apply_in_place(const Op *op, const Attr *attr, int n, ct_tensor *const *x);

#define APPLY(op, attr, ...)                                              \
    autograd_apply(op, attr, (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *)), \
                   (ct_tensor *[]){__VA_ARGS__})
#define APPLY_IN_PLACE(op, attr, ...)                                     \
    autograd_apply_in_place(op, attr, (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *)), \
                            (ct_tensor *[]){__VA_ARGS__})
extern const Attr autograd_no_attr;
#define NO_ATTR (&autograd_no_attr)
#define ATTR(...) (&(const Attr){__VA_ARGS__})

/* For fused rules: whether operand i's gradient is asked for. */
bool autograd_needs(const Call *call, int i);
/* For rules: the shape and dtype of an operand that requires a gradient. */
const int64_t *autograd_input_shape(const Call *call, int i, int *ndim);
ct_dtype autograd_input_dtype(const Call *call, int i);
/* Zeros of that shape and dtype. */
ct_tensor *autograd_input_zeros(const Call *call, int i);

#endif
