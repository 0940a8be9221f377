/* Sums of gradients: of a node within the walk, and those that leaves hold. */
#include "internal/walk.h"
#include <string.h>

/* Adds src to dst, element by element. */
static void add_in_place(ct_tensor *dst, ct_tensor *src) {
    RowKernel *row = tensor_kernels->add.of[dst->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32];
    tensor_rows_in_place(row, (ct_tensor *[]){dst, dst, src}, 3, (double[ROW_PARAMETERS]){0});
    tensor_bump(dst);
}

bool autograd_is_private(const ct_tensor *x) {
    return atomic_load_explicit(&x->handles, memory_order_acquire) == 1 &&
           atomic_load_explicit(&x->users, memory_order_acquire) == 1 && x->owner == x && !x->borrowed;
}

/* In place once what is held is a sum of our own. */
bool autograd_accumulate(const Walk *w, Slot *slot, ct_tensor *g) {
    ct_tensor *held = slot->gradient;
    if (held && slot->own && autograd_is_private(held) && (g->dtype == CT_F32 || g->dtype == CT_F64)) {
        add_in_place(held, g);
        return true;
    }
    if (held) {
        g = w->create ? ct_add(held, g) : tensor_add(held, g);
        if (!g) return false;
        tensor_release(held);
        slot->own = !w->create;
    }
    tensor_retain(g);
    slot->gradient = g;
    return true;
}

/* ---- leaves ---- */

/* Whether g may become the leaf's gradient: nobody else holds it, and it lies as the leaf does. */
static bool suits(const ct_tensor *g, const Node *leaf) {
    bool laid_out = autograd_is_private(g);
    for (int d = 0; d < g->ndim && laid_out; d++) laid_out = g->strides[d] == leaf->leaf->strides[d];
    return laid_out;
}

/* A copy in the leaf's layout: a handle, or NULL with an error. */
static ct_tensor *copied(const Walk *w, ct_tensor *g, const Node *leaf) {
    CT_SCOPED;
    ct_tensor *copy = w->create ? ct_clone(g) : tensor_new((ct_dtype)g->dtype, g->shape, g->ndim);
    if (!copy) return NULL;
    tensor_retain(copy);
    if (w->create) return copy;
    tensor_set_strides(copy, leaf->leaf->strides);
    tensor_copy_into(copy, g);
    return copy;
}

/* Makes a slot's gradient what the leaf shall hold or add. */
static bool prepare(const Walk *w, Slot *slot) {
    if (suits(slot->gradient, slot->node)) return true;
    ct_tensor *copy = copied(w, slot->gradient, slot->node);
    if (!copy) return false;
    tensor_release(slot->gradient);
    slot->gradient = copy;
    return true;
}

/* The sum of two gradients as a new handle, where it has to be recorded or converted; NULL with an error. */
static ct_tensor *joined(const Walk *w, ct_tensor *held, ct_tensor *g) {
    CT_SCOPED;
    ct_tensor *sum = w->create ? ct_add(held, g) : tensor_add(held, g);
    if (sum) tensor_retain(sum);
    return sum;
}

/* Gives the leaf its new gradient, or adds it to the one it has. Nothing here can fail. */
static void add_to_leaf(Node *leaf, ct_tensor *g) {
    autograd_lock(leaf);
    ct_tensor *held = leaf->leaf->gradient, *dropped = held;
    tensor_retain(g);
    if (held && atomic_load(&held->handles) == 1 && !held->history && tensor_is_dense(held)) {
        add_in_place(held, g);
        dropped = g;
    } else {
        if (held) add_in_place(g, held);
        leaf->leaf->gradient = g;
    }
    autograd_unlock(leaf);
    if (dropped) tensor_release(dropped);
}

/* Makes the slot's gradient the sum with the one that is kept. */
static bool join_kept(const Walk *w, Slot *slot) {
    autograd_lock(slot->node);
    ct_tensor *held = *autograd_kept_gradient(slot->node);
    if (held) tensor_retain(held);
    autograd_unlock(slot->node);
    if (!held) return true;
    ct_tensor *sum = joined(w, held, slot->gradient);
    tensor_release(held);
    if (!sum) return false;
    tensor_release(slot->gradient);
    slot->gradient = sum;
    return true;
}

static bool keeps(const Slot *slot) {
    return slot->gradient && (!slot->node->op || autograd_retains(slot->node));
}

/* Whether a node's gradient is replaced as a whole by a sum that is made beforehand. */
static bool is_replaced(const Walk *w, const Node *node) {
    return node->op || w->create || (node->dtype != CT_F32 && node->dtype != CT_F64);
}

bool autograd_commit(Walk *w) {
    for (int64_t i = 0; i < w->count; i++) {
        Slot *slot = &w->slots[i];
        if (!keeps(slot)) continue;
        if (!slot->node->op && !prepare(w, slot)) return false;
        if (is_replaced(w, slot->node) && !join_kept(w, slot)) return false;
    }
    for (int64_t i = 0; i < w->count; i++) {
        Slot *slot = &w->slots[i];
        if (!keeps(slot)) continue;
        if (!is_replaced(w, slot->node)) {
            add_to_leaf(slot->node, slot->gradient);
            continue;
        }
        autograd_swap_gradient(slot->node, slot->gradient);
        slot->gradient = NULL;
    }
    return true;
}
