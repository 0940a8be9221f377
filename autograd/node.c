#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <sched.h>
#include <string.h>

_Thread_local bool autograd_off;
static _Thread_local uint64_t last_number;
static _Thread_local Node *dead; /* released nodes that the outermost release still has to free */
static _Thread_local bool freeing;

/* Runs before main(): a tensor's last handle drops its history. */
static void drop_history(void *history) {
    autograd_node_release(history);
}

__attribute__((constructor)) static void install(void) {
    tensor_drop_history = drop_history;
}

void autograd_lock(Node *node) {
    while (atomic_exchange_explicit(&node->busy, true, memory_order_acquire)) sched_yield();
}

/* One block for the node and its arrays. */
static Node *new_node(int n, int n_saved, int ndim, int count) {
    size_t inputs = (size_t)n * sizeof(Node *), saved = (size_t)n_saved * sizeof(Saved);
    size_t shape = (size_t)ndim * sizeof(int64_t), list = (size_t)count * sizeof(int64_t);
    size_t bytes = sizeof(Node) + inputs + saved + shape + list;
    Node *node = tensor_alloc(bytes);
    if (!node) return NULL;
    memset(node, 0, sizeof *node + inputs + saved);
    atomic_init(&node->references, 1);
    node->bytes = bytes;
    node->n = n;
    node->n_saved = n_saved;
    node->ndim = (uint8_t)ndim;
    node->inputs = (Node **)(node + 1);
    node->saved = (Saved *)(node->inputs + n);
    node->shape = (int64_t *)(node->saved + n_saved);
    tensor_count(&tensor_thread()->nodes_alive, 1);
    return node;
}

Node *autograd_leaf(ct_tensor *x) {
    if (x->history) return x->history;
    Node *node = new_node(0, 0, x->ndim, 0);
    if (!node) return NULL;
    node->dtype = x->dtype;
    memcpy(node->shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    memcpy(node->leaf.strides, x->strides, sizeof x->strides);
    pthread_mutex_init(&node->leaf.lock, NULL);
    return x->history = node;
}

static void save(Node *node, int place, ct_tensor *value) {
    if (!value) return;
    tensor_use(value);
    node->saved[place] = (Saved){value, tensor_version(value)};
}

/* What the rules of those inputs that require a gradient read. */
static unsigned values_read(const Op *op, const Call *call) {
    unsigned reads = 0;
    for (int i = 0; i < call->n; i++)
        if (call->x[i] && autograd_tracks(call->x[i])) reads |= op->reads[i < MAX_RULES ? i : MAX_RULES - 1];
    return reads;
}

Node *autograd_record(const Op *op, const Attr *attr, const Call *call, ct_tensor *y) {
    unsigned reads = values_read(op, call);
    int n_saved = reads ? call->n + 2 : 0;
    Node *node = new_node(call->n, n_saved, y->ndim, attr->count);
    if (!node) return NULL;
    node->op = op;
    node->attr = *attr;
    node->attr.list = memcpy(node->shape + y->ndim, attr->count ? attr->list : y->shape,
                             (size_t)attr->count * sizeof *attr->list);
    node->dtype = y->dtype;
    memcpy(node->shape, y->shape, (size_t)y->ndim * sizeof *y->shape);
    uint64_t number = last_number;
    for (int i = 0; i < call->n; i++) {
        ct_tensor *x = call->x[i];
        if (x && autograd_tracks(x)) {
            node->inputs[i] = x->history;
            autograd_node_retain(node->inputs[i]);
            if (node->inputs[i]->number > number) number = node->inputs[i]->number;
        }
        if (n_saved && reads & INPUT(i < 24 ? i : 23)) save(node, i, x);
    }
    if (reads & OUTPUT) save(node, call->n, y);
    if (reads & EXTRA) save(node, call->n + 1, call->extra);
    node->number = last_number = number + 1;
    return node;
}

void autograd_node_retain(Node *node) {
    atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
}

void autograd_node_forget(Node *node) {
    for (int i = 0; i < node->n_saved; i++)
        if (node->saved[i].value) {
            ct_tensor *value = node->saved[i].value;
            node->saved[i].value = NULL;
            tensor_unuse(value);
        }
}

static void free_node(Node *node) {
    for (int i = 0; i < node->n; i++)
        if (node->inputs[i]) autograd_node_release(node->inputs[i]);
    autograd_node_forget(node);
    if (!node->op) {
        if (node->leaf.gradient) tensor_release(node->leaf.gradient);
        pthread_mutex_destroy(&node->leaf.lock);
    }
    tensor_count(&tensor_thread()->nodes_alive, -1);
    tensor_free(node, node->bytes);
}

void autograd_node_release(Node *node) {
    if (atomic_load_explicit(&node->references, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) != 1)
        return;
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
