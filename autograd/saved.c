/* The values that a node saved for its rules, taken out for one run of them. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

/* Takes hold of a node's values, for good unless the graph is retained. */
static bool take_saved(const Walk *w, Node *node, Unpacked *u) {
    autograd_lock(node);
    bool spent = node->spent;
    for (int i = 0; i < u->n && !spent; i++) {
        u->saved[i] = node->saved[i];
        if (w->retain && u->saved[i].value) tensor_use(u->saved[i].value);
        if (!w->retain) node->saved[i].value = NULL;
    }
    if (!w->retain && u->n) node->spent = true;
    autograd_unlock(node);
    if (spent)
        tensor_error(CT_ERR_AUTOGRAD, "the values that %s saved for its derivative were freed by an earlier backward: "
                     "pass CT_RETAIN_GRAPH to the first", node->op->name);
    return !spent;
}

static bool check_version(const Node *node, const Saved *saved, int place) {
    uint32_t version = tensor_version(saved->value);
    if (version == saved->version) return true;
    tensor_error(CT_ERR_AUTOGRAD,
                 "a value of shape %s that %s needs for its derivative (%s %d) was changed in place since: it is at "
                 "version %u, expected %u; clone it before the change, or use an operation that is not in place",
                 tensor_shape_of(saved->value), node->op->name, place < node->n ? "operand" : "result",
                 place < node->n ? place + 1 : 1, version, saved->version);
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

void autograd_put_back(Unpacked *u) {
    for (int i = 0; i < u->n; i++)
        if (u->saved[i].value) tensor_unuse(u->saved[i].value);
    if (u->n > FEW) {
        tensor_free(u->saved, (size_t)u->n * sizeof *u->saved);
        tensor_free(u->x, (size_t)u->n * sizeof *u->x);
    }
}

bool autograd_unpack(const Walk *w, Node *node, Unpacked *u) {
    u->n = node->n_saved;
    u->saved = u->few;
    u->x = u->few_x;
    if (u->n > FEW) {
        u->saved = tensor_alloc_zeroed((size_t)u->n * sizeof *u->saved);
        u->x = tensor_alloc_zeroed((size_t)u->n * sizeof *u->x);
    }
    bool done = u->saved && u->x;
    if (done) memset(u->saved, 0, (size_t)u->n * sizeof *u->saved);
    done = done && take_saved(w, node, u);
    for (int i = 0; i < u->n && done; i++) {
        ct_tensor *value = u->saved[i].value;
        u->x[i] = NULL;
        if (!value) continue;
        Node *history = i < node->n ? node->inputs[i] : i == node->n ? node : NULL;
        done = check_version(node, &u->saved[i], i) && (u->x[i] = as_tensor(w, value, history));
    }
    if (!done) {
        if (!u->saved || !u->x) u->n = 0;
        autograd_put_back(u);
    }
    return done;
}
