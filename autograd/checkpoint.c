/* Checkpoints (Chen et al., Training deep nets with sublinear memory cost, 2016): of a function's graph only the operands
 * stay; backward runs the function again, with the same random numbers. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include "../tensor/internal/random.h"

/* What one checkpoint is: an op made for it, which ends with its node. Its inputs are the operands, then the nodes that
 * the function found elsewhere, a module's parameters for instance. */
typedef struct {
    Op op;
    ct_fn *f;
    void *user;
    int n;               /* operands */
    ct_generator random; /* as f found it */
} Checkpoint;

static void drop(const Op *op) {
    tensor_free((Checkpoint *)op, sizeof(Checkpoint)); /* the op is its first member */
}

static ct_tensor *run(ct_fn *f, void *user, ct_tensor *const *xs, int n) {
    ct_tensor *y = f(xs, n, user);
    if (!y && !ct_error()) tensor_error(CT_ERR_NULL, "the function returned NULL");
    return y;
}

/* A leaf that shares x's storage. */
static ct_tensor *leaf_of(ct_tensor *x, bool requires_grad) {
    ct_tensor *leaf = tensor_new_alias(x);
    return leaf && requires_grad ? ct_set_requires_grad(leaf, true) : leaf;
}

/* ---- backward ---- */

/* Gradients at the node's inputs, each of which counts by itself: the walk stops there. */
static bool gradients(const Call *c, ct_tensor *g, ct_tensor *const *xs, Node **nodes, ct_tensor **dxs) {
    const Checkpoint *k = (const Checkpoint *)c->op;
    const bool create = !autograd_off;
    ct_generator again = k->random, *own = ct_generator_use(&again);
    autograd_off = false;
    ct_tensor *y = run(k->f, k->user, xs, k->n);
    autograd_off = !create;
    ct_generator_use(own);
    if (!y) return false;
    for (int i = 0; i < c->n; i++) nodes[i] = i < k->n && autograd_needs(c, i) ? xs[i]->history : c->node->inputs[i];
    return autograd_gradients_at((Roots){&y, &g, 1}, nodes, c->n, create ? CT_CREATE_GRAPH : 0, true, NULL, dxs);
}

/* While recording is off, the function runs on leaves, so that its graph ends at them. */
static bool backward(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    const int n = ((const Checkpoint *)c->op)->n;
    const size_t bytes = (size_t)c->n * sizeof(Node *) + (size_t)n * sizeof(ct_tensor *);
    Node **nodes = tensor_alloc(bytes);
    if (!nodes) return false;
    ct_tensor **leaves = (ct_tensor **)(nodes + c->n);
    bool done = true;
    for (int i = 0; i < n && done; i++)
        done = (leaves[i] = autograd_off ? leaf_of(c->x[i], autograd_needs(c, i)) : c->x[i]) != NULL;
    done = done && gradients(c, g, leaves, nodes, dxs);
    tensor_free(nodes, bytes);
    return done;
}

/* ---- forward ---- */

/* What y depends on that is older than `before` and no operand of f: in `behind`, counted. */
static bool find_behind(Walk *w, const ct_tensor *y, ct_tensor *const *leaves, int n, Node ***behind, int *count) {
    if (!autograd_walk_reach(w, y->history) || !autograd_walk_discover(w)) return false;
    *behind = tensor_alloc((size_t)w->count * sizeof **behind);
    if (!*behind) return false;
    for (int64_t i = 0; i < w->count; i++) {
        Node *node = w->slots[i].node;
        bool older = node->op ? node->number <= w->oldest : node->requires_grad;
        for (int k = 0; k < n && older; k++) older = leaves[k]->history != node;
        if (older) (*behind)[(*count)++] = node;
    }
    return true;
}

static ct_tensor *record(const Checkpoint *made, ct_tensor *const *xs, ct_tensor *y, Node *const *behind, int count) {
    Checkpoint *k = tensor_alloc(sizeof *k);
    if (!k) return NULL;
    *k = *made;
    ct_tensor *result = tensor_new_alias(y);
    const Further further = {.behind = behind, .behind_count = count};
    const Call call = {.op = &k->op, .attr = NO_ATTR, .n = k->n, .x = xs, .further = &further};
    Node *node = result ? autograd_record(&k->op, &call, result, INPUTS) : NULL;
    if (!node) {
        drop(&k->op);
        return NULL;
    }
    result->history = node;
    result->detached = false;
    return result;
}

static ct_tensor *checkpoint(const Checkpoint *made, ct_tensor *const *xs, ct_tensor **leaves) {
    CT_SCOPED;
    Walk w = {.oldest = autograd_last_number()};
    Node **behind = NULL;
    int count = 0;
    for (int i = 0; i < made->n; i++)
        if (!(leaves[i] = leaf_of(xs[i], autograd_tracks(xs[i])))) return NULL;
    ct_tensor *y = run(made->f, made->user, leaves, made->n);
    if (!y || !autograd_tracks(y)) return ct_scope_keep(y);
    ct_tensor *result = find_behind(&w, y, leaves, made->n, &behind, &count) ? record(made, xs, y, behind, count) : NULL;
    tensor_free(behind, (size_t)w.count * sizeof *behind);
    autograd_walk_free(&w);
    return ct_scope_keep(result);
}

ct_tensor *ct_checkpoint(ct_fn *f, void *user, ct_tensor *const *xs, int n) {
    FUNCTION("ct_checkpoint");
    if (ct_error()) return NULL;
    if (!f) {
        tensor_error(CT_ERR_NULL, "f is NULL");
        return NULL;
    }
    if (n < 0 || n > MAX_INPUTS) {
        tensor_error(CT_ERR_VALUE, "%d operands; expected 0 to %d", n, MAX_INPUTS);
        return NULL;
    }
    if (n > 0 && !tensor_given(xs, "xs")) return NULL;
    for (int i = 0; i < n; i++)
        if (!tensor_given(xs[i], "an operand")) return NULL;
    if (autograd_off) return run(f, user, xs, n);
    const Checkpoint made = {.op = {.name = "checkpoint", .formula = "the function's own, run again", .fused = backward,
                                    .at_once = true, .drop = drop},
                             .f = f, .user = user, .n = n, .random = tensor_generator_now()};
    const size_t bytes = (size_t)n * sizeof(ct_tensor *);
    ct_tensor **leaves = tensor_alloc(bytes);
    ct_tensor *y = leaves ? checkpoint(&made, xs, leaves) : NULL;
    tensor_free(leaves, bytes);
    return y;
}
