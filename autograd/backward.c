/* The backward walk: runs each node's rules once, after all that consume it. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

/* ---- rules ---- */

static bool has_shape(const ct_tensor *x, const int64_t *shape, int ndim) {
    bool same = x->ndim == ndim;
    for (int d = 0; d < ndim && same; d++) same = x->shape[d] == shape[d];
    return same;
}

/* Brings a rule's result to the input's shape and dtype. */
static ct_tensor *fit(const Walk *w, const Op *op, ct_tensor *g, const Node *input, int i) {
    if (!has_shape(g, input->shape, input->ndim)) {
        if (!op->broadcasts) {
            tensor_error(CT_ERR_AUTOGRAD, "the derivative of %s for operand %d has shape %s; the operand has %s",
                         op->name, i + 1, tensor_shape_of(g), tensor_shape_text(input->shape, input->ndim));
            return NULL;
        }
        g = w->create ? autograd_sum_to(g, input->shape, input->ndim) : tensor_sum_to(g, input->shape, input->ndim);
    }
    if (g && g->dtype != input->dtype)
        g = w->create ? ct_to(g, (ct_dtype)input->dtype) : tensor_to(g, (ct_dtype)input->dtype);
    return g;
}

static bool run_rule(const Walk *w, const Slot *slot, const Call *call, bool at_once, ct_tensor **dxs, int i) {
    const Op *op = slot->node->op;
    Slot *input = autograd_walk_input(w, slot, i);
    if (!input || (w->chosen && !input->needed)) return true;
    ct_tensor *g = slot->gradient, *gradient = at_once ? dxs[i] : op->vjp(call, g, i);
    if (!gradient && op->at_once) return true;
    if (gradient) gradient = fit(w, op, gradient, input->node, i);
    if (gradient && UNLIKELY(autograd_anomaly) && !autograd_is_sound(w, slot, g, gradient, i)) return false;
    return gradient && autograd_accumulate(w, input, gradient);
}

/* What comes out of the rules goes to the inputs' slots. */
static bool pass_on(const Walk *w, const Slot *slot, const Call *call) {
    const Op *op = slot->node->op;
    ct_tensor *few[FEW], **dxs = few;
    const bool at_once = op->fused && (op->at_once || !w->create);
    const size_t bytes = at_once && call->n > FEW ? (size_t)call->n * sizeof *dxs : 0;
    if (bytes && !(dxs = tensor_alloc(bytes))) return false;
    for (int i = 0; at_once && i < call->n; i++) dxs[i] = NULL;
    bool done = !at_once || op->fused(call, slot->gradient, dxs);
    for (int i = 0; i < call->n && done; i++) done = run_rule(w, slot, call, at_once, dxs, i);
    if (bytes) tensor_free(dxs, bytes);
    return done;
}

/* Whether nothing but this node's rules needs its gradient. */
static bool is_spare(const Walk *w, const Slot *slot) {
    return !w->create && !slot->wanted && !autograd_retains(slot->node) && !autograd_anomaly &&
           autograd_is_private(slot->gradient);
}

static bool run_rules(const Walk *w, const Slot *slot) {
    Node *node = slot->node;
    if (!node->op->vjp && !node->op->at_once) {
        tensor_error(CT_ERR_AUTOGRAD, "%s has no derivative", node->op->name);
        return false;
    }
    Unpacked u;
    if (!autograd_unpack(w, node, &u)) return false;
    const Call call = {.op = node->op, .attr = node->attr, .n = node->n, .x = u.x, .node = node, .y = u.x[node->n],
                       .extra = u.x[node->n + 1], .spare = is_spare(w, slot)};
    bool done = pass_on(w, slot, &call);
    autograd_put_back(&u);
    return done;
}

/* Whether an input's gradient is needed. */
static bool leads_on(const Walk *w, const Slot *slot) {
    if (!w->chosen) return true;
    for (int i = 0; i < slot->node->n; i++) {
        const Slot *input = autograd_walk_input(w, slot, i);
        if (input && input->needed) return true;
    }
    return false;
}

/* The hooks see a gradient once all of it is there. */
static bool run_hooks(Slot *slot) {
    ct_tensor *g = autograd_run_hooks(slot->node, slot->gradient);
    if (!g || g == slot->gradient) return g != NULL;
    tensor_retain(g);
    tensor_release(slot->gradient);
    slot->gradient = g;
    slot->own = false;
    return true;
}

static bool run(Walk *w) {
    const size_t held = tensor_scope_size();
    for (int64_t i = 0; i < w->order_count; i++) {
        Slot *slot = &w->slots[w->order[i]];
        if (!slot->gradient) continue;
        if (UNLIKELY(slot->node->aside) && !run_hooks(slot)) return false;
        if (slot->node->op && leads_on(w, slot) && !run_rules(w, slot)) return false;
        tensor_scope_shrink(held);
        if (!slot->node->op || slot->wanted || autograd_retains(slot->node)) continue;
        tensor_release(slot->gradient);
        slot->gradient = NULL;
    }
    return true;
}

/* ---- entries ---- */

static bool add_root(Walk *w, ct_tensor *y, ct_tensor *dy) {
    Node *node = y->history;
    if (!autograd_tracks(y)) {
        tensor_error(CT_ERR_AUTOGRAD, "the result (shape %s) does not require a gradient: no operand of it does, or "
                     "recording was off", tensor_shape_of(y));
        return false;
    }
    if (!dy && y->numel != 1) {
        tensor_error(CT_ERR_SHAPE, "the result has shape %s: without an upstream gradient it must have one element",
                     tensor_shape_of(y));
        return false;
    }
    if (dy && !tensor_same_shape(y, dy)) {
        tensor_error(CT_ERR_SHAPE, "the upstream gradient has shape %s; the result has %s", tensor_shape_of(dy),
                     tensor_shape_of(y));
        return false;
    }
    if (dy && !tensor_is_floating((ct_dtype)dy->dtype)) {
        tensor_error(CT_ERR_DTYPE, "the upstream gradient is %s; expected a floating dtype",
                     ct_dtype_name((ct_dtype)dy->dtype));
        return false;
    }
    ct_tensor *g = dy ? dy : tensor_full((ct_dtype)y->dtype, y->shape, y->ndim, 1);
    if (g && g->dtype != y->dtype) g = w->create ? ct_to(g, (ct_dtype)y->dtype) : tensor_to(g, (ct_dtype)y->dtype);
    Slot *slot = g ? autograd_walk_reach(w, node) : NULL;
    return slot && autograd_accumulate(w, slot, g);
}

static Walk new_walk(unsigned flags) {
    return (Walk){.create = flags & CT_CREATE_GRAPH, .retain = flags & (CT_CREATE_GRAPH | CT_RETAIN_GRAPH)};
}

static bool check_flags(unsigned flags, unsigned known) {
    if (flags & ~known) tensor_error(CT_ERR_VALUE, "unknown flags %#x", flags & ~known);
    return !(flags & ~known);
}

ct_status ct_backward(ct_tensor *loss) {
    FUNCTION("ct_backward");
    return ct_backward_with(loss, NULL, 0);
}

ct_status ct_backward_with(ct_tensor *y, ct_tensor *dy, unsigned flags) {
    FUNCTION("ct_backward_with");
    if (ct_error() || !tensor_given(y, "the result")) return ct_error();
    if (!check_flags(flags, CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) return ct_error();
    CT_SCOPED;
    Walk w = new_walk(flags);
    bool off = autograd_off;
    autograd_off = !w.create;
    bool done = add_root(&w, y, dy) && autograd_walk_discover(&w) && run(&w) && autograd_commit(&w);
    autograd_walk_free(&w);
    autograd_off = off;
    return done ? CT_OK : ct_error();
}

/* Marks the wanted nodes, before their inputs are looked at if the walk stops there. */
static bool want(Walk *w, Node *const *nodes, int n) {
    for (int i = 0; i < n; i++) {
        if (!nodes[i] || (!w->stop && (!w->capacity || *autograd_walk_find(w, nodes[i]) < 0))) continue;
        Slot *slot = autograd_walk_reach(w, nodes[i]);
        if (!slot) return false;
        slot->wanted = true;
    }
    return true;
}

static bool find_gradients(Walk *w, Roots roots, Node *const *nodes, int n, int *unreached) {
    for (int i = 0; i < roots.n; i++)
        if (!tensor_given(roots.ys[i], "a result") || !add_root(w, roots.ys[i], roots.dys ? roots.dys[i] : NULL)) return false;
    if (w->stop && !want(w, nodes, n)) return false;
    if (!autograd_walk_discover(w) || !(w->stop || want(w, nodes, n))) return false;
    for (int i = 0; i < n && unreached; i++)
        if (!nodes[i] || *autograd_walk_find(w, nodes[i]) < 0) {
            *unreached = i;
            return false;
        }
    autograd_walk_mark(w);
    return run(w);
}

bool autograd_gradients_at(Roots roots, Node *const *nodes, int n, unsigned flags, bool stop, int *unreached,
                           ct_tensor **out) {
    ct_scope scope = ct_scope_begin();
    Walk w = new_walk(flags);
    w.chosen = true;
    w.stop = stop;
    bool off = autograd_off;
    autograd_off = !w.create;
    bool done = scope.mark && find_gradients(&w, roots, nodes, n, unreached);
    autograd_off = off;
    ct_scope_end(scope);
    for (int i = 0; i < n && done; i++) {
        int32_t slot = nodes[i] ? *autograd_walk_find(&w, nodes[i]) : -1;
        ct_tensor *g = slot >= 0 ? w.slots[slot].gradient : NULL;
        out[i] = g ? tensor_scope_share(g) : NULL;
        done = !g || out[i];
    }
    autograd_walk_free(&w);
    return done;
}

static void raise_unreached(const ct_tensor *x, int i) {
    if (!autograd_tracks(x))
        tensor_error(CT_ERR_AUTOGRAD, "input %d (shape %s) does not require a gradient", i, tensor_shape_of(x));
    else
        tensor_error(CT_ERR_AUTOGRAD, "the results do not depend on input %d (shape %s); CT_ALLOW_UNUSED gives NULL "
                     "for it", i, tensor_shape_of(x));
}

ct_status ct_gradients(ct_tensor *const *ys, int n_ys, ct_tensor *const *xs, int n_xs, ct_tensor *const *dys,
                       unsigned flags, ct_tensor **out) {
    FUNCTION("ct_gradients");
    if (ct_error() || !tensor_given(ys, "ys") || !tensor_given(xs, "xs") || !tensor_given(out, "out")) return ct_error();
    if (n_ys < 1 || n_xs < 1) return tensor_error(CT_ERR_VALUE, "%d results and %d inputs; expected 1 or more", n_ys, n_xs);
    if (!check_flags(flags, CT_RETAIN_GRAPH | CT_CREATE_GRAPH | CT_ALLOW_UNUSED)) return ct_error();
    for (int i = 0; i < n_xs; i++)
        if (!tensor_given(xs[i], "an input")) return ct_error();
    const size_t bytes = (size_t)n_xs * sizeof(Node *);
    Node **nodes = tensor_alloc(bytes);
    if (!nodes) return ct_error();
    for (int i = 0; i < n_xs; i++) nodes[i] = autograd_tracks(xs[i]) ? xs[i]->history : NULL;
    int unreached = -1;
    bool done = autograd_gradients_at((Roots){ys, dys, n_ys}, nodes, n_xs, flags, false,
                                      flags & CT_ALLOW_UNUSED ? NULL : &unreached, out);
    tensor_free(nodes, bytes);
    if (unreached >= 0) raise_unreached(xs[unreached], unreached);
    return done ? CT_OK : ct_error();
}
