/* What a node may have beside: hooks, a name, a gradient that is kept. */
#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <string.h>

Aside *autograd_aside(Node *node) {
    autograd_lock(node);
    if (!node->aside) node->aside = tensor_alloc_zeroed(sizeof *node->aside);
    Aside *aside = node->aside;
    autograd_unlock(node);
    return aside;
}

void autograd_aside_free(Aside *aside) {
    tensor_strfree(aside->name);
    tensor_strfree(aside->origin);
    tensor_free(aside->hooks, (size_t)aside->hook_capacity * sizeof *aside->hooks);
    if (aside->gradient) tensor_release(aside->gradient);
    tensor_free(aside, sizeof *aside);
}

/* ---- hooks ---- */

static bool make_room(Aside *aside) {
    if (aside->hook_count < aside->hook_capacity) return true;
    const int capacity = aside->hook_capacity ? 2 * aside->hook_capacity : 4;
    Hook *moved = tensor_realloc(aside->hooks, (size_t)aside->hook_capacity * sizeof *moved,
                                 (size_t)capacity * sizeof *moved);
    if (!moved) return false;
    aside->hooks = moved;
    aside->hook_capacity = capacity;
    return true;
}

int ct_register_hook(ct_tensor *x, ct_tensor *(*hook)(ct_tensor *g, void *user), void *user) {
    FUNCTION("ct_register_hook");
    if (!tensor_given(x, "x")) return -1;
    if (!hook) {
        tensor_error(CT_ERR_NULL, "hook is NULL");
        return -1;
    }
    if (!autograd_tracks(x)) {
        tensor_error(CT_ERR_AUTOGRAD, "x (shape %s) does not require a gradient: a hook on it would never run",
                     tensor_shape_of(x));
        return -1;
    }
    Node *node = x->history;
    Aside *aside = autograd_aside(node);
    int id = -1;
    if (!aside) return id;
    autograd_lock(node);
    if (make_room(aside)) {
        id = ++aside->last_id;
        aside->hooks[aside->hook_count++] = (Hook){id, hook, user};
    }
    autograd_unlock(node);
    return id;
}

void ct_remove_hook(ct_tensor *x, int id) {
    FUNCTION("ct_remove_hook");
    if (!tensor_given(x, "x")) return;
    Node *node = x->history;
    bool found = false;
    if (node && node->aside) {
        Aside *aside = node->aside;
        autograd_lock(node);
        for (int i = 0; i < aside->hook_count; i++) {
            if (found) aside->hooks[i - 1] = aside->hooks[i];
            found = found || aside->hooks[i].id == id;
        }
        aside->hook_count -= found;
        autograd_unlock(node);
    }
    if (!found) tensor_error(CT_ERR_VALUE, "x (shape %s) has no hook %d", tensor_shape_of(x), id);
}

/* The hook that runs after the one with hook->id; a hook may take others away, and itself. */
static bool next_hook(Node *node, Hook *hook) {
    const Aside *aside = node->aside;
    bool found = false;
    autograd_lock(node);
    for (int i = 0; i < aside->hook_count && !found; i++)
        if ((found = aside->hooks[i].id > hook->id)) *hook = aside->hooks[i];
    autograd_unlock(node);
    return found;
}

ct_tensor *autograd_run_hooks(Node *node, ct_tensor *g) {
    for (Hook hook = {.id = 0}; next_hook(node, &hook);) {
        ct_tensor *other = hook.function(g, hook.user);
        if (ct_error()) return NULL;
        if (!other) continue;
        if (!tensor_same_shape(other, g) || other->dtype != g->dtype) {
            tensor_error(CT_ERR_AUTOGRAD, "a hook gave %s of shape %s for a gradient of %s and shape %s",
                         ct_dtype_name((ct_dtype)other->dtype), tensor_shape_of(other),
                         ct_dtype_name((ct_dtype)g->dtype), tensor_shape_of(g));
            return NULL;
        }
        g = other;
    }
    return g;
}

/* ---- names ---- */

void ct_set_name(ct_tensor *x, const char *name) {
    FUNCTION("ct_set_name");
    if (!tensor_given(x, "x")) return;
    Node *node = autograd_leaf(x);
    Aside *aside = node ? autograd_aside(node) : NULL;
    char *copy = aside && name ? tensor_strdup(name) : NULL;
    if (!aside || (name && !copy)) return;
    autograd_lock(node);
    char *old = aside->name;
    aside->name = copy;
    autograd_unlock(node);
    tensor_strfree(old);
}

const char *ct_name(const ct_tensor *x) {
    FUNCTION("ct_name");
    if (!tensor_given(x, "x")) return NULL;
    const Node *node = x->history;
    return node && node->aside ? node->aside->name : NULL;
}

/* ---- looking at the graph ---- */

const ct_node *ct_grad_fn(const ct_tensor *x) {
    FUNCTION("ct_grad_fn");
    if (!tensor_given(x, "x")) return NULL;
    const Node *node = x->history;
    return node && node->op ? node : NULL;
}

const char *ct_node_name(const ct_node *node) {
    FUNCTION("ct_node_name");
    if (!tensor_given(node, "node")) return NULL;
    return node->op ? node->op->name : "leaf";
}

int ct_node_inputs(const ct_node *node) {
    FUNCTION("ct_node_inputs");
    return tensor_given(node, "node") ? node->n : -1;
}

const ct_node *ct_node_input(const ct_node *node, int i) {
    FUNCTION("ct_node_input");
    if (!tensor_given(node, "node")) return NULL;
    if (i >= 0 && i < node->n) return node->inputs[i];
    tensor_error(CT_ERR_INDEX, "%s has %d inputs; there is no input %d", ct_node_name(node), node->n, i);
    return NULL;
}

ct_tensor *ct_node_leaf(const ct_node *node) {
    FUNCTION("ct_node_leaf");
    if (!tensor_given(node, "node") || node->op) return NULL;
    Node *leaf = (Node *)node;
    autograd_lock(leaf);
    ct_tensor *x = leaf->leaf->tensor;
    bool there = x && tensor_promote(x);
    autograd_unlock(leaf);
    return there ? tensor_scope_give(x) : NULL;
}
