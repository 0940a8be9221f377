/* The graph: a node for each recorded operation and for each leaf that requires a gradient. Not installed.
 *
 * A node owns its edges (the nodes of its inputs; NULL where an input requires no gradient) and the values that the
 * rules of its other inputs read, not as handles but as users of their memory: so no cycle can close. A leaf is a node
 * without an op, which owns the gradient. Creation numbers rise along every edge. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_NODE_H
#define COTANGENT_AUTOGRAD_INTERNAL_NODE_H

#include "op.h"
#include <pthread.h>

/* A value that a rule reads, and the version that it had. */
typedef struct {
    ct_tensor *value; /* a user of its memory, NULL if not saved or taken */
    uint32_t version;
} Saved;

struct Node {
    _Atomic(int32_t) references;
    _Atomic(bool) busy; /* guards the saved values, against walks in other threads */
    bool spent;         /* the saved values are gone */
    bool requires_grad; /* of a leaf */
    uint8_t ndim, dtype;
    int32_t n, n_saved;
    uint64_t number;
    const Op *op;       /* NULL: a leaf */
    Node **inputs;
    Saved *saved;       /* one for each input, then the result, then the extra */
    int64_t *shape;
    size_t bytes;       /* of this block, which holds all of the above */
    struct Node *next_dead;
    union {
        Attr attr;
        struct {
            ct_tensor *gradient; /* a handle, under the lock */
            int64_t strides[CT_MAX_DIMS];
            pthread_mutex_t lock;
        } leaf;
    };
};

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
/* A node for an operation's result, edges and values saved; NULL with an error. */
Node *autograd_record(const Op *op, const Attr *attr, const Call *call, ct_tensor *y);
/* The node of a base whose part `view` was given a new value, that of `node`. */
Node *autograd_record_assignment(ct_tensor *base, ct_tensor *view, Node *node);
void autograd_node_retain(Node *node);
/* Iterative: a chain of any length is freed without recursion. */
void autograd_node_release(Node *node);
/* Releases the saved values. */
void autograd_node_forget(Node *node);

/* Gives a leaf another gradient (a handle, or NULL), dropping the old one. */
void autograd_swap_gradient(Node *leaf, ct_tensor *gradient);
/* ct_tensor x summed down to a shape that broadcasts to it: a recorded operation. */
ct_tensor *autograd_sum_to(ct_tensor *x, const int64_t *shape, int ndim);

/* Takes hold of a node's saved values for one run of its rules. */
void autograd_lock(Node *node);
static inline void autograd_unlock(Node *node) {
    atomic_store_explicit(&node->busy, false, memory_order_release);
}

/* Per thread. */
extern _Thread_local bool autograd_off;

#endif
