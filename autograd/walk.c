/* The table of nodes that a walk reaches, and their order: creation numbers rise along every edge, so nodes taken by
 * falling number are met after all that consume them. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

void autograd_walk_free(Walk *w) {
    size_t n = (size_t)w->capacity;
    for (int64_t i = 0; i < w->count; i++)
        if (w->slots[i].gradient) tensor_release(w->slots[i].gradient);
    tensor_free(w->slots, n * sizeof *w->slots);
    tensor_free(w->table, 2 * n * sizeof *w->table);
    tensor_free(w->heap, n * sizeof *w->heap);
    tensor_free(w->order, n * sizeof *w->order);
}

/* Makes room for twice as many nodes. */
static bool grow(Walk *w) {
    size_t n = w->capacity ? 2 * (size_t)w->capacity : 256, old = (size_t)w->capacity;
    Walk larger = *w;
    larger.capacity = (int64_t)n;
    larger.slots = tensor_alloc(n * sizeof *w->slots);
    larger.table = tensor_alloc(2 * n * sizeof *w->table);
    larger.heap = tensor_alloc(n * sizeof *w->heap);
    larger.order = tensor_alloc(n * sizeof *w->order);
    if (!larger.slots || !larger.table || !larger.heap || !larger.order) {
        larger.count = 0;
        autograd_walk_free(&larger);
        return false;
    }
    memset(larger.table, 0xff, 2 * n * sizeof *w->table);
    if (old) {
        memcpy(larger.slots, w->slots, (size_t)w->count * sizeof *w->slots);
        memcpy(larger.heap, w->heap, (size_t)w->heap_count * sizeof *w->heap);
        memcpy(larger.order, w->order, (size_t)w->order_count * sizeof *w->order);
    }
    for (int64_t i = 0; i < w->count; i++) *autograd_walk_find(&larger, w->slots[i].node) = (int32_t)i;
    Walk emptied = *w;
    emptied.count = 0; /* the gradients have moved */
    autograd_walk_free(&emptied);
    *w = larger;
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

bool autograd_walk_discover(Walk *w) {
    while (w->heap_count > 0) {
        int32_t slot = pop(w);
        Node *node = w->slots[slot].node;
        w->order[w->order_count++] = slot;
        for (int i = 0; i < node->n; i++)
            if (node->inputs[i] && !autograd_walk_reach(w, node->inputs[i])) return false;
    }
    return true;
}

void autograd_walk_mark(Walk *w) {
    for (int64_t i = w->order_count; i-- > 0;) {
        Slot *slot = &w->slots[w->order[i]];
        slot->needed = slot->wanted;
        for (int j = 0; j < slot->node->n && !slot->needed; j++)
            if (slot->node->inputs[j]) slot->needed = w->slots[*autograd_walk_find(w, slot->node->inputs[j])].needed;
    }
}
