/* A backward walk: what it knows stands in a table of its own, not in the nodes, so several threads may walk graphs that
 * share nodes. Not installed. */
#ifndef COTANGENT_AUTOGRAD_INTERNAL_WALK_H
#define COTANGENT_AUTOGRAD_INTERNAL_WALK_H

#include "node.h"

typedef struct {
    Node *node;
    ct_tensor *gradient; /* a handle: what has come in so far */
    int32_t edges;       /* where the slots of its inputs stand */
    bool own;            /* it is a sum that this walk made */
    bool needed;         /* whether one of the wanted nodes lies behind it */
    bool wanted;         /* its gradient is asked for */
} Slot;

typedef struct {
    Slot *slots; /* every node that the roots reach; table, heap and order lie behind, in one block */
    int32_t *table, *heap, *order;
    int32_t *edges; /* the slots of all nodes' inputs; -1 for an input without a node */
    int64_t count, capacity, heap_count, order_count, edge_count, edge_capacity;
    bool create, retain;
    bool chosen; /* only what lies before wanted nodes is needed */
    bool stop;   /* nothing behind wanted nodes is */
    uint64_t oldest; /* nothing behind nodes with this number or a lower one is */
} Walk;

/* ---- walk.c: the nodes behind the roots, in order ---- */

static inline size_t autograd_walk_hash(const Node *node, int64_t capacity) {
    uint64_t bits = (uint64_t)(uintptr_t)node * 0x9e3779b97f4a7c15u;
    return (size_t)(bits >> 32) & (size_t)(2 * capacity - 1);
}

/* The slot of an input; NULL for one without a node. */
static inline Slot *autograd_walk_input(const Walk *w, const Slot *slot, int i) {
    int32_t input = w->edges[slot->edges + i];
    return input < 0 ? NULL : &w->slots[input];
}

/* Where a node stands in the table, or the empty place where it would. */
static inline int32_t *autograd_walk_find(const Walk *w, const Node *node) {
    size_t at = autograd_walk_hash(node, w->capacity);
    while (w->table[at] >= 0 && w->slots[w->table[at]].node != node) at = (at + 1) & (size_t)(2 * w->capacity - 1);
    return &w->table[at];
}

/* The node's slot, made when it is met for the first time; NULL with an error. Slots may move. */
Slot *autograd_walk_reach(Walk *w, Node *node);
/* Puts all nodes behind the roots into `order`, by falling number, and their edges beside. */
bool autograd_walk_discover(Walk *w);
/* Marks what lies before a wanted node. */
void autograd_walk_mark(Walk *w);
void autograd_walk_free(Walk *w);

/* ---- saved.c: the values that a node's rules read ---- */

enum { FEW = 16 };

typedef struct {
    Saved few[FEW], *saved;    /* users of the values' memory */
    ct_tensor *few_x[FEW], **x; /* the same as tensors: inputs, result, extra, kept ones; NULL what is not saved */
    int n_saved, n;
} Unpacked;

/* Takes hold of a node's values, for good unless the graph is retained; false with an error. */
bool autograd_unpack(const Walk *w, Node *node, Unpacked *u);
void autograd_put_back(Unpacked *u);

/* ---- accumulate.c: sums of gradients, in the walk and in leaves ---- */

/* Whether nobody else sees x, so that it may be written over. */
bool autograd_is_private(const ct_tensor *x);
/* Adds g to what has come in for a node; false with an error. */
bool autograd_accumulate(const Walk *w, Slot *slot, ct_tensor *g);
/* Gives the leaves, and the inner nodes that keep theirs, what has come in for them. Every failure comes before the first
 * change. */
bool autograd_commit(Walk *w);

/* ---- backward.c ---- */

/* The roots of a walk: results, and their upstream gradients (NULL, or NULL for one: 1). */
typedef struct {
    ct_tensor *const *ys, *const *dys;
    int n;
} Roots;

/* Σ over the roots of dy · dy/dnode for each of n nodes, as tensors of the scope; NULL for one that is NULL or that no root
 * depends on. Walks no further than the nodes if `stop`. With `unreached`, one without a gradient is a failure that says
 * which there, and raises nothing. */
bool autograd_gradients_at(Roots roots, Node *const *nodes, int n, unsigned flags, bool stop, int *unreached,
                           ct_tensor **out);

/* ---- anomaly.c ---- */

/* In anomaly mode: whether the gradient that a rule gave for operand i is as finite as g was; raises CT_ERR_AUTOGRAD. */
bool autograd_is_sound(const Walk *w, const Slot *slot, ct_tensor *g, ct_tensor *gradient, int i);

#endif
