/* The values that a node saved for its rules, taken out for one run of them. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

/* Takes hold of a node's values, for good unless the graph is retained. */
static bool take_saved(const Walk *w, Node *node, Unpacked *u) {
    Saved *saved = autograd_saved(node);
    autograd_lock(node);
    bool spent = node->spent;
    for (int i = 0; i < node->n_saved && !spent; i++) {
        u->saved[i] = saved[i];
        if (!w->retain) saved[i].value = NULL;
        else if (u->saved[i].value) tensor_use(u->saved[i].value);
    }
    u->n_saved = spent ? 0 : node->n_saved;
    node->spent = node->spent || (!w->retain && node->n_saved);
    autograd_unlock(node);
    if (spent)
        tensor_error(CT_ERR_AUTOGRAD, "the values that %s saved for its derivative were freed by an earlier backward: "
                     "pass CT_RETAIN_GRAPH to the first", node->op->name);
    return !spent;
}

static bool check_version(const Node *node, const Saved *saved) {
    uint32_t version = tensor_version(saved->value);
    int place = saved->place;
    if (LIKELY(version == saved->version)) return true;
    tensor_error(CT_ERR_AUTOGRAD,
                 "a value of shape %s that %s needs for its derivative (%s %d) was changed in place since: it is at "
                 "version %u, expected %u; clone it before the change, or use an operation that is not in place",
                 tensor_shape_of(saved->value), node->op->name,
                 place < node->n ? "operand" : place == node->n ? "result" : "kept value",
                 place < node->n ? place + 1 : place == node->n ? 1 : place - node->n - 1, version, saved->version);
    return false;
}

/* A handle on a saved value, of the scope, whose history is `history`. */
static ct_tensor *as_tensor(const Walk *w, ct_tensor *value, Node *history) {
    if (tensor_promote(value)) {
        if (!w->create || value->history == history) return tensor_scope_give(value);
        tensor_release(value);
    }
    ct_tensor *alias = tensor_new_alias(value);
    if (alias && w->create && history) {
        autograd_node_retain(alias->history = history);
        alias->detached = false;
    }
    return alias;
}

static size_t room(const Unpacked *u, size_t element) {
    return (size_t)u->n * element;
}

void autograd_put_back(Unpacked *u) {
    for (int i = 0; i < u->n_saved; i++)
        if (u->saved[i].value) tensor_unuse(u->saved[i].value);
    if (u->n <= FEW) return;
    tensor_free(u->saved, room(u, sizeof *u->saved));
    tensor_free(u->x, room(u, sizeof *u->x));
}

bool autograd_unpack(const Walk *w, Node *node, Unpacked *u) {
    u->n = node->n + 2 + (node->op->at_once ? node->n_saved : 0);
    u->n_saved = 0;
    u->saved = u->n <= FEW ? u->few : tensor_alloc(room(u, sizeof *u->saved));
    u->x = u->n <= FEW ? u->few_x : tensor_alloc(room(u, sizeof *u->x));
    bool done = u->saved && u->x;
    for (int i = 0; i < u->n && done; i++) u->x[i] = NULL;
    done = done && (node->n_saved == 0 || take_saved(w, node, u));
    for (int i = 0; i < u->n_saved && done; i++) {
        const Saved *saved = &u->saved[i];
        if (!saved->value) continue;
        Node *history = saved->place < node->n ? node->inputs[saved->place] : saved->place == node->n ? node : NULL;
        done = check_version(node, saved) && (u->x[saved->place] = as_tensor(w, saved->value, history));
    }
    if (!done) autograd_put_back(u);
    return done;
}
