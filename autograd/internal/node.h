/* The graph: a node for each recorded operation and for each leaf that requires a gradient. Not installed.
 *
 * A node owns its edges (the nodes of its inputs; NULL where an input requires no gradient) and the values that the
 * rules of its other inputs read, not as handles but as users of their memory: so no cycle can close. A leaf is a node
 * without an op, which owns the gradient. Creation numbers rise along every edge. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_NODE_H
#define COTANGENT_AUTOGRAD_INTERNAL_NODE_H

#include "op.h"
#include <sched.h>

/* A value that a rule reads, and the version that it had. */
typedef struct {
    ct_tensor *value; /* a user of its memory, NULL if taken */
    uint32_t version;
    int32_t place; /* of the inputs, then the result, then the extra */
} Saved;

typedef struct {
    ct_tensor *tensor;   /* whose leaf it is: no reference, NULL once its last handle has gone */
    ct_tensor *gradient; /* a handle, or NULL */
    int64_t strides[CT_MAX_DIMS]; /* of the tensor if that is dense, else row-major: the gradient's */
} Leaf;

/* A function of the user's that is told a gradient, and may replace it. */
typedef struct {
    int id;
    ct_tensor *(*function)(ct_tensor *g, void *user);
    void *user;
} Hook;

/* What few nodes have: made when it is first asked for. */
typedef struct {
    char *name;
    Hook *hooks; /* in the order in which they run */
    int hook_count, hook_capacity, last_id;
    bool retains;        /* of an inner node: keep its gradient */
    ct_tensor *gradient; /* the one kept: a handle, or NULL */
    char *origin;        /* anomaly detection: the operands' shapes */
    bool broke;          /* anomaly detection: the result is not finite, though the operands were */
} Aside;

struct ct_node {
    _Atomic(int32_t) references;
    _Atomic(bool) busy; /* guards the saved values and the gradient against other threads */
    bool spent;         /* the saved values are gone */
    bool requires_grad; /* of a leaf */
    uint8_t ndim, dtype;
    int32_t n, n_saved;
    uint32_t bytes; /* of this block: the node, its inputs, the saved values, the shape, the attr or leaf */
    union {
        uint64_t number;
        Node *next_dead;
    };
    const Op *op; /* NULL: a leaf */
    union {
        const Attr *attr;
        Leaf *leaf;
    };
    Aside *aside; /* or NULL */
    int64_t *shape;
    Node *inputs[];
};

static inline Saved *autograd_saved(Node *node) {
    return (Saved *)(node->inputs + node->n);
}

static inline Node *autograd_node(const ct_tensor *x) {
    return x->history;
}

/* Whether a gradient flows through x. */
static inline bool autograd_tracks(const ct_tensor *x) {
    const Node *node = x->history;
    return node && (node->op || node->requires_grad);
}

/* x's node as a leaf, made if x has none; NULL with an error. */
Node *autograd_leaf(ct_tensor *x);
/* The number of the newest node that this thread made. */
uint64_t autograd_last_number(void);
/* A node for an operation's result, edges and values saved: those in `reads`, and those that the call keeps. NULL with
 * an error. */
Node *autograd_record(const Op *op, const Call *call, ct_tensor *y, unsigned reads);
/* The node of a base whose part `view` was given a new value, that of `node`. */
Node *autograd_record_assignment(ct_tensor *base, ct_tensor *view, Node *node);
static inline void autograd_node_retain(Node *node) {
    tensor_add_reference(&node->references, 1);
}
/* Iterative: a chain of any length is freed without recursion. */
void autograd_node_release(Node *node);
/* Releases the saved values. */
void autograd_node_forget(Node *node);

/* What a node has beside, made if it has none; NULL with an error. */
Aside *autograd_aside(Node *node);
void autograd_aside_free(Aside *aside);
/* The gradient after the node's hooks: g itself, or one that the scope holds; NULL with an error. */
ct_tensor *autograd_run_hooks(Node *node, ct_tensor *g);
/* In anomaly mode: notes the shapes of the operands of a call that was recorded as y's history, and whether y is the
 * first that is not finite; false with an error. */
bool autograd_note_origin(const Call *call, ct_tensor *y);
/* Whether an inner node keeps its gradient. */
static inline bool autograd_retains(const Node *node) {
    return node->aside && node->aside->retains;
}
/* Where a node's gradient is kept. */
static inline ct_tensor **autograd_kept_gradient(Node *node) {
    return node->op ? &node->aside->gradient : &node->leaf->gradient;
}

/* Gives a node that keeps its gradient another one (a handle, or NULL), dropping the old one. */
void autograd_swap_gradient(Node *node, ct_tensor *gradient);
/* ct_tensor x summed down to a shape that broadcasts to it: a recorded operation. */
ct_tensor *autograd_sum_to(ct_tensor *x, const int64_t *shape, int ndim);

/* Takes hold of a node's saved values or of its gradient, for a short while. */
static inline void autograd_lock(Node *node) {
    if (SINGLE_THREADED) return;
    while (atomic_exchange_explicit(&node->busy, true, memory_order_acquire)) sched_yield();
}
static inline void autograd_unlock(Node *node) {
    atomic_store_explicit(&node->busy, false, memory_order_release);
}

/* Tells a node that x had, if it is a leaf's, that it no longer has it. */
static inline void autograd_leave_leaf(Node *node, const ct_tensor *x) {
    if (node->op) return;
    autograd_lock(node);
    if (node->leaf->tensor == x) node->leaf->tensor = NULL;
    autograd_unlock(node);
}

/* Per thread. */
extern _Thread_local bool autograd_off, autograd_anomaly;

#endif
