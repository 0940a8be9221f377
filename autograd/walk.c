/* The table of nodes that a walk reaches, and their order: creation numbers rise along every edge, so nodes taken by
 * falling number are met after all that consume them. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

/* For each node: its slot, two places of the table, one each of heap and order. */
enum { BYTES_PER_NODE = sizeof(Slot) + 4 * sizeof(int32_t), FIRST_CAPACITY = 32 };

void autograd_walk_free(Walk *w) {
    for (int64_t i = 0; i < w->count; i++)
        if (w->slots[i].gradient) tensor_release(w->slots[i].gradient);
    tensor_free(w->slots, (size_t)w->capacity * BYTES_PER_NODE);
    tensor_free(w->edges, (size_t)w->edge_capacity * sizeof *w->edges);
}

/* Makes room for twice as many nodes. */
static bool grow(Walk *w) {
    const Walk old = *w;
    const size_t n = old.capacity ? 2 * (size_t)old.capacity : FIRST_CAPACITY;
    Slot *slots = tensor_alloc(n * BYTES_PER_NODE);
    if (!slots) return false;
    w->capacity = (int64_t)n;
    w->slots = slots;
    w->table = memset(slots + n, 0xff, 2 * n * sizeof *w->table);
    w->heap = w->table + 2 * n;
    w->order = w->heap + n;
    if (!old.capacity) return true;
    memcpy(w->slots, old.slots, (size_t)w->count * sizeof *w->slots);
    memcpy(w->heap, old.heap, (size_t)w->heap_count * sizeof *w->heap);
    memcpy(w->order, old.order, (size_t)w->order_count * sizeof *w->order);
    for (int64_t i = 0; i < w->count; i++) *autograd_walk_find(w, w->slots[i].node) = (int32_t)i;
    tensor_free(old.slots, (size_t)old.capacity * BYTES_PER_NODE);
    return true;
}

/* Makes room for n edges more. */
static bool grow_edges(Walk *w, int n) {
    int64_t needed = w->edge_count + n, capacity = w->edge_capacity ? w->edge_capacity : 2 * FIRST_CAPACITY;
    while (capacity < needed) capacity *= 2;
    int32_t *edges = tensor_realloc(w->edges, (size_t)w->edge_capacity * sizeof *edges, (size_t)capacity * sizeof *edges);
    if (!edges) return false;
    w->edges = edges;
    w->edge_capacity = capacity;
    return true;
}

static bool later(const Walk *w, int64_t a, int64_t b) {
    return w->slots[w->heap[a]].node->number > w->slots[w->heap[b]].node->number;
}

static void swap(Walk *w, int64_t a, int64_t b) {
    int32_t slot = w->heap[a];
    w->heap[a] = w->heap[b];
    w->heap[b] = slot;
}

static void push(Walk *w, int32_t slot) {
    int64_t at = w->heap_count++;
    w->heap[at] = slot;
    for (; at > 0 && later(w, at, (at - 1) / 2); at = (at - 1) / 2) swap(w, at, (at - 1) / 2);
}

/* The slot whose node has the largest number. */
static int32_t pop(Walk *w) {
    int32_t top = w->heap[0];
    w->heap[0] = w->heap[--w->heap_count];
    for (int64_t at = 0, child; (child = 2 * at + 1) < w->heap_count; at = child) {
        if (child + 1 < w->heap_count && later(w, child + 1, child)) child++;
        if (!later(w, child, at)) break;
        swap(w, at, child);
    }
    return top;
}

Slot *autograd_walk_reach(Walk *w, Node *node) {
    if (w->count == w->capacity && !grow(w)) return NULL;
    int32_t *place = autograd_walk_find(w, node);
    if (*place < 0) {
        *place = (int32_t)w->count;
        w->slots[w->count++] = (Slot){.node = node};
        push(w, *place);
    }
    return &w->slots[*place];
}

/* Reaches a node's inputs and notes where they stand. */
static bool follow(Walk *w, int32_t at) {
    const Node *node = w->slots[at].node;
    if (w->edge_count + node->n > w->edge_capacity && !grow_edges(w, node->n)) return false;
    int32_t *edges = w->edges + w->edge_count;
    w->slots[at].edges = (int32_t)w->edge_count;
    w->edge_count += node->n;
    const bool end = (w->stop && w->slots[at].wanted) || node->number <= w->oldest;
    for (int i = 0; i < node->n; i++) {
        Slot *input = node->inputs[i] && !end ? autograd_walk_reach(w, node->inputs[i]) : NULL;
        if (node->inputs[i] && !end && !input) return false;
        edges[i] = input ? (int32_t)(input - w->slots) : -1;
    }
    return true;
}

bool autograd_walk_discover(Walk *w) {
    while (w->heap_count > 0) {
        int32_t at = pop(w);
        w->order[w->order_count++] = at;
        if (!follow(w, at)) return false;
    }
    return true;
}

void autograd_walk_mark(Walk *w) {
    for (int64_t i = w->order_count; i-- > 0;) {
        Slot *slot = &w->slots[w->order[i]];
        slot->needed = slot->wanted;
        for (int j = 0; j < slot->node->n && !slot->needed; j++) {
            const Slot *input = autograd_walk_input(w, slot, j);
            slot->needed = input && input->needed;
        }
    }
}
