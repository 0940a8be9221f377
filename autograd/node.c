#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <string.h>

_Thread_local bool autograd_off, autograd_anomaly;
static _Thread_local uint64_t last_number;
static _Thread_local Node *dead; /* released nodes that the outermost release still has to free */
static _Thread_local bool freeing;

static void drop_history(ct_tensor *x) {
    Node *node = x->history;
    x->history = NULL;
    autograd_leave_leaf(node, x);
    autograd_node_release(node);
}

/* Runs before main(). */
__attribute__((constructor)) static void install(void) {
    tensor_drop_history = drop_history;
}

/* One block for the node and its arrays, and `tail` bytes for what else it points to. */
static inline Node *new_node(int n, int n_saved, int ndim, size_t tail) {
    size_t inputs = (size_t)n * sizeof(Node *), saved = (size_t)n_saved * sizeof(Saved);
    size_t bytes = sizeof(Node) + inputs + saved + (size_t)ndim * sizeof(int64_t) + tail;
    Node *node = tensor_alloc(bytes);
    if (UNLIKELY(!node)) return NULL;
    *node = (Node){.references = 1, .bytes = (uint32_t)bytes, .n = n, .n_saved = n_saved, .ndim = (uint8_t)ndim};
    node->shape = (int64_t *)(autograd_saved(node) + n_saved);
    tensor_count(&tensor_thread()->nodes_alive, 1);
    return node;
}

Node *autograd_leaf(ct_tensor *x) {
    if (x->history) return x->history;
    Node *node = new_node(0, 0, x->ndim, sizeof(Leaf));
    if (!node) return NULL;
    node->dtype = x->dtype;
    memcpy(node->shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    node->leaf = (Leaf *)(node->shape + x->ndim);
    node->leaf->tensor = x;
    node->leaf->gradient = NULL;
    if (tensor_is_dense(x)) memcpy(node->leaf->strides, x->strides, (size_t)x->ndim * sizeof *x->strides);
    else tensor_row_major(x->shape, x->ndim, node->leaf->strides);
    return x->history = node;
}

/* Inputs from the last bit on share it. */
enum { LAST_INPUT = 23 };

static int count_saved(unsigned reads, int n) {
    unsigned inputs = n > LAST_INPUT ? INPUTS >> 1 : INPUT(n) - 1;
    int count = n > LAST_INPUT && reads & INPUT(LAST_INPUT) ? n - LAST_INPUT : 0;
    for (unsigned rest = reads & (inputs | OUTPUT | EXTRA); rest; rest &= rest - 1) count++;
    return count;
}

static Saved *save(Saved *saved, int place, ct_tensor *value) {
    if (value) tensor_use(value);
    *saved = (Saved){value, value ? tensor_version(value) : 0, place};
    return saved + 1;
}

/* A copy of what the operation was told, at the end of its node. */
static void copy_attr(Node *node, const Attr *attr) {
    Attr *copy = (Attr *)(node->shape + node->ndim);
    *copy = *attr;
    copy->list = memcpy(copy + 1, attr->count ? attr->list : node->shape, (size_t)attr->count * sizeof *attr->list);
    node->attr = copy;
}

uint64_t autograd_last_number(void) {
    return last_number;
}

/* An edge to a node, which is older. */
static inline Node *edge(Node *input, uint64_t *number) {
    autograd_node_retain(input);
    if (input->number > *number) *number = input->number;
    return input;
}

Node *autograd_record(const Op *op, const Call *call, ct_tensor *y, unsigned reads) {
    const Attr *attr = call->attr;
    const Further *further = call->further;
    bool copied = attr != NO_ATTR;
    Node *node = new_node(call->n + (further ? further->behind_count : 0),
                          count_saved(reads, call->n) + (further ? further->kept_count : 0), y->ndim,
                          copied ? sizeof *attr + (size_t)attr->count * sizeof *attr->list : 0);
    if (!node) return NULL;
    node->op = op;
    node->dtype = y->dtype;
    for (int d = 0; d < y->ndim; d++) node->shape[d] = y->shape[d];
    if (copied) copy_attr(node, attr);
    else node->attr = attr;
    uint64_t number = last_number;
    Saved *saved = autograd_saved(node);
    for (int i = 0; i < call->n; i++) {
        ct_tensor *x = call->x[i];
        node->inputs[i] = x && autograd_tracks(x) ? edge(x->history, &number) : NULL;
        if (reads & INPUT(i < LAST_INPUT ? i : LAST_INPUT)) saved = save(saved, i, x);
    }
    if (reads & OUTPUT) saved = save(saved, call->n, y);
    if (reads & EXTRA) saved = save(saved, call->n + 1, call->extra);
    for (int i = 0; further && i < further->kept_count; i++)
        saved = save(saved, further->kept[i].place, further->kept[i].value);
    for (int i = 0; further && i < further->behind_count; i++)
        node->inputs[call->n + i] = edge(further->behind[i], &number);
    node->number = last_number = number + 1;
    return node;
}

void autograd_node_forget(Node *node) {
    Saved *saved = autograd_saved(node);
    for (int i = 0; i < node->n_saved; i++) {
        ct_tensor *value = saved[i].value;
        saved[i].value = NULL;
        if (value) tensor_unuse(value);
    }
}

static void free_node(Node *node) {
    for (int i = 0; i < node->n; i++)
        if (node->inputs[i]) autograd_node_release(node->inputs[i]);
    autograd_node_forget(node);
    if (!node->op && node->leaf->gradient) tensor_release(node->leaf->gradient);
    if (UNLIKELY(node->aside)) autograd_aside_free(node->aside);
    if (node->op && UNLIKELY(node->op->drop)) node->op->drop(node->op);
    tensor_count(&tensor_thread()->nodes_alive, -1);
    tensor_free(node, node->bytes);
}

void autograd_node_release(Node *node) {
    if (!tensor_drop_reference(&node->references)) return;
    node->next_dead = dead;
    dead = node;
    if (freeing) return;
    freeing = true;
    while (dead) {
        Node *next = dead;
        dead = next->next_dead;
        free_node(next);
    }
    freeing = false;
}
