/* The backward walk. Creation numbers rise along every edge, so nodes taken by falling number are met after all that
 * consume them: no counting of dependencies. The walk keeps what it knows in a table of its own, not in the nodes,
 * so several threads may walk graphs that share nodes. */
#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <string.h>

typedef struct {
    Node *node;
    ct_tensor *gradient; /* a handle: what has come in so far */
    bool own;            /* it is a sum that this walk made */
    bool needed;         /* whether one of the wanted nodes lies behind it */
    bool wanted;         /* its gradient is asked for */
} Slot;

typedef struct {
    Slot *slots; /* every node that the roots reach */
    int32_t *table, *heap, *order;
    int64_t count, capacity, heap_count, order_count;
    bool create, retain;
    bool chosen; /* only what lies before wanted nodes is needed */
} Walk;

/* ---- the table ---- */

static size_t hash(const Node *node, int64_t capacity) {
    uint64_t bits = (uint64_t)(uintptr_t)node * 0x9e3779b97f4a7c15u;
    return (size_t)(bits >> 32) & (size_t)(2 * capacity - 1);
}

/* Where a node stands in the table, or the empty place where it would. */
static int32_t *find(const Walk *w, const Node *node) {
    size_t at = hash(node, w->capacity);
    while (w->table[at] >= 0 && w->slots[w->table[at]].node != node) at = (at + 1) & (size_t)(2 * w->capacity - 1);
    return &w->table[at];
}

static void free_walk(Walk *w) {
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
        free_walk(&larger);
        return false;
    }
    memset(larger.table, 0xff, 2 * n * sizeof *w->table);
    if (old) {
        memcpy(larger.slots, w->slots, (size_t)w->count * sizeof *w->slots);
        memcpy(larger.heap, w->heap, (size_t)w->heap_count * sizeof *w->heap);
        memcpy(larger.order, w->order, (size_t)w->order_count * sizeof *w->order);
    }
    for (int64_t i = 0; i < w->count; i++) *find(&larger, w->slots[i].node) = (int32_t)i;
    Walk emptied = *w;
    emptied.count = 0; /* the gradients have moved */
    free_walk(&emptied);
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

/* The node's slot, made when it is met for the first time; NULL with an error. */
static Slot *reach(Walk *w, Node *node) {
    if (w->count == w->capacity && !grow(w)) return NULL;
    int32_t *place = find(w, node);
    if (*place < 0) {
        *place = (int32_t)w->count;
        w->slots[w->count++] = (Slot){.node = node};
        push(w, *place);
    }
    return &w->slots[*place];
}

/* Puts all nodes behind the roots into `order`, by falling number. */
static bool discover(Walk *w) {
    while (w->heap_count > 0) {
        int32_t slot = pop(w);
        Node *node = w->slots[slot].node;
        w->order[w->order_count++] = slot;
        for (int i = 0; i < node->n; i++)
            if (node->inputs[i] && !reach(w, node->inputs[i])) return false;
    }
    return true;
}

/* Marks what lies before a wanted node. */
static void mark_needed(Walk *w) {
    for (int64_t i = w->order_count; i-- > 0;) {
        Slot *slot = &w->slots[w->order[i]];
        slot->needed = slot->wanted;
        for (int j = 0; j < slot->node->n && !slot->needed; j++)
            if (slot->node->inputs[j]) slot->needed = w->slots[*find(w, slot->node->inputs[j])].needed;
    }
}

/* ---- the saved values ---- */

enum { FEW = 16 };

typedef struct {
    Saved few[FEW], *saved;    /* users of the values' memory */
    ct_tensor *few_x[FEW], **x; /* the same as tensors: inputs, result, extra */
    int n;
} Unpacked;

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

static void put_back(Unpacked *u) {
    for (int i = 0; i < u->n; i++)
        if (u->saved[i].value) tensor_unuse(u->saved[i].value);
    if (u->n > FEW) {
        tensor_free(u->saved, (size_t)u->n * sizeof *u->saved);
        tensor_free(u->x, (size_t)u->n * sizeof *u->x);
    }
}

static bool unpack(const Walk *w, Node *node, Unpacked *u) {
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
        put_back(u);
    }
    return done;
}

/* ---- rules ---- */

/* Brings a rule's result to the input's shape and dtype. */
static ct_tensor *fit(const Walk *w, const Op *op, ct_tensor *g, const Node *input, int i) {
    if (g->ndim != input->ndim || memcmp(g->shape, input->shape, (size_t)g->ndim * sizeof *g->shape) != 0) {
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

/* Adds src to dst, element by element. */
static void add_in_place(ct_tensor *dst, ct_tensor *src) {
    RowKernel *row = tensor_kernels->add.of[dst->dtype == CT_F64 ? COMPUTE_F64 : COMPUTE_F32];
    tensor_rows_in_place(row, (ct_tensor *[]){dst, dst, src}, 3, (double[ROW_PARAMETERS]){0});
    tensor_bump(dst);
}

/* Whether nobody else sees x, so that it may be written over. */
static bool is_private(const ct_tensor *x) {
    return atomic_load_explicit(&x->handles, memory_order_acquire) == 1 &&
           atomic_load_explicit(&x->users, memory_order_acquire) == 1 && x->owner == x && !x->borrowed;
}

/* Adds to what has come in for a node; in place once that is a sum of our own. */
static bool accumulate(const Walk *w, Slot *slot, ct_tensor *g) {
    ct_tensor *held = slot->gradient;
    if (held && slot->own && is_private(held) && (g->dtype == CT_F32 || g->dtype == CT_F64)) {
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

static bool run_rules(const Walk *w, Node *node, ct_tensor *g) {
    Unpacked u;
    const Op *op = node->op;
    if (!op->vjp) {
        tensor_error(CT_ERR_AUTOGRAD, "%s has no derivative", op->name);
        return false;
    }
    if (!unpack(w, node, &u)) return false;
    ct_tensor *absent[FEW] = {NULL}, **none = node->n <= FEW ? absent : node->n_saved ? u.x : NULL;
    Call call = {.attr = &node->attr, .n = node->n, .x = u.n ? u.x : none, .node = node};
    if (u.n) {
        call.y = u.x[node->n];
        call.extra = u.x[node->n + 1];
    }
    ct_tensor *dxs[FEW] = {NULL};
    bool fused = op->fused && !w->create, done = !fused || op->fused(&call, g, dxs);
    for (int i = 0; i < node->n && done; i++) {
        Node *input = node->inputs[i];
        Slot *slot = input ? &w->slots[*find(w, input)] : NULL;
        if (!slot || (w->chosen && !slot->needed)) continue;
        ct_tensor *gradient = fused ? dxs[i] : op->vjp(&call, g, i);
        gradient = gradient ? fit(w, op, gradient, input, i) : NULL;
        done = gradient && accumulate(w, slot, gradient);
    }
    put_back(&u);
    return done;
}

/* Whether an input's gradient is needed. */
static bool leads_on(const Walk *w, const Node *node) {
    if (!w->chosen) return true;
    for (int i = 0; i < node->n; i++)
        if (node->inputs[i] && w->slots[*find(w, node->inputs[i])].needed) return true;
    return false;
}

static bool run(Walk *w) {
    for (int64_t i = 0; i < w->order_count; i++) {
        Slot *slot = &w->slots[w->order[i]];
        if (!slot->node->op || !slot->gradient) continue;
        CT_SCOPED;
        if (leads_on(w, slot->node) && !run_rules(w, slot->node, slot->gradient)) return false;
        if (slot->wanted) continue;
        tensor_release(slot->gradient);
        slot->gradient = NULL;
    }
    return true;
}

/* ---- leaves ---- */

/* A gradient that nobody else holds, in the leaf's layout: a handle, or NULL with an error. */
static ct_tensor *own_gradient(const Walk *w, const Slot *slot) {
    ct_tensor *g = slot->gradient;
    const Node *leaf = slot->node;
    ct_tensor layout = {.ndim = leaf->ndim, .dtype = leaf->dtype};
    memcpy(layout.shape, leaf->shape, (size_t)leaf->ndim * sizeof *leaf->shape);
    memcpy(layout.strides, leaf->leaf.strides, sizeof layout.strides);
    if (!tensor_is_dense(&layout)) tensor_row_major(layout.shape, layout.ndim, layout.strides);
    bool laid_out = memcmp(layout.strides, g->strides, (size_t)g->ndim * sizeof *g->strides) == 0;
    if (laid_out && is_private(g)) {
        tensor_retain(g);
        return g;
    }
    if (w->create) g = ct_clone(g);
    else {
        ct_tensor *copy = tensor_new((ct_dtype)g->dtype, g->shape, g->ndim);
        if (copy) memcpy(copy->strides, layout.strides, sizeof copy->strides);
        if (copy) tensor_copy_into(copy, g);
        g = copy;
    }
    if (g) tensor_retain(g);
    return g;
}

/* Replaces a slot's gradient by what the leaf shall hold or add. */
static bool prepare(const Walk *w, Slot *slot) {
    CT_SCOPED;
    ct_tensor *g = own_gradient(w, slot);
    if (!g) return false;
    tensor_release(slot->gradient);
    slot->gradient = g;
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
static void commit(Node *leaf, ct_tensor *g) {
    pthread_mutex_lock(&leaf->leaf.lock);
    ct_tensor *held = leaf->leaf.gradient, *dropped = held;
    tensor_retain(g);
    if (held && atomic_load(&held->handles) == 1 && !held->history && tensor_is_dense(held)) {
        add_in_place(held, g);
        dropped = g;
    } else {
        if (held) add_in_place(g, held);
        leaf->leaf.gradient = g;
    }
    pthread_mutex_unlock(&leaf->leaf.lock);
    if (dropped) tensor_release(dropped);
}

/* Swaps in sums that were made beforehand. */
static bool replace(const Walk *w, Slot *slot) {
    Node *leaf = slot->node;
    ct_tensor *held;
    pthread_mutex_lock(&leaf->leaf.lock);
    held = leaf->leaf.gradient;
    if (held) tensor_retain(held);
    pthread_mutex_unlock(&leaf->leaf.lock);
    if (!held) return true;
    ct_tensor *sum = joined(w, held, slot->gradient);
    tensor_release(held);
    if (!sum) return false;
    tensor_release(slot->gradient);
    slot->gradient = sum;
    return true;
}

/* Every failure comes before the first leaf changes. */
static bool commit_leaves(Walk *w) {
    for (int64_t i = 0; i < w->count; i++) {
        Slot *slot = &w->slots[i];
        if (slot->node->op || !slot->gradient) continue;
        if (!prepare(w, slot)) return false;
        bool computes = slot->node->dtype == CT_F32 || slot->node->dtype == CT_F64;
        slot->wanted = w->create || !computes; /* replaced as a whole */
        if (slot->wanted && !replace(w, slot)) return false;
    }
    for (int64_t i = 0; i < w->count; i++) {
        Slot *slot = &w->slots[i];
        if (slot->node->op || !slot->gradient) continue;
        if (slot->wanted) autograd_swap_gradient(slot->node, slot->gradient);
        else commit(slot->node, slot->gradient);
        slot->gradient = slot->wanted ? NULL : slot->gradient;
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
    Slot *slot = g ? reach(w, node) : NULL;
    return slot && accumulate(w, slot, g);
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
    bool done = add_root(&w, y, dy) && discover(&w) && run(&w) && commit_leaves(&w);
    free_walk(&w);
    autograd_off = off;
    return done ? CT_OK : ct_error();
}

static bool want(Walk *w, ct_tensor *x, int i, unsigned flags) {
    if (!tensor_given(x, "an input")) return false;
    bool reached = autograd_tracks(x) && *find(w, x->history) >= 0;
    if (reached) w->slots[*find(w, x->history)].wanted = true;
    else if (!autograd_tracks(x) && !(flags & CT_ALLOW_UNUSED))
        tensor_error(CT_ERR_AUTOGRAD, "input %d (shape %s) does not require a gradient", i, tensor_shape_of(x));
    else if (!(flags & CT_ALLOW_UNUSED))
        tensor_error(CT_ERR_AUTOGRAD, "the results do not depend on input %d (shape %s); CT_ALLOW_UNUSED gives NULL "
                     "for it", i, tensor_shape_of(x));
    return reached || flags & CT_ALLOW_UNUSED;
}

static bool find_gradients(Walk *w, ct_tensor *const *ys, int n_ys, ct_tensor *const *xs, int n_xs,
                           ct_tensor *const *dys, unsigned flags) {
    for (int i = 0; i < n_ys; i++)
        if (!tensor_given(ys[i], "a result") || !add_root(w, ys[i], dys ? dys[i] : NULL)) return false;
    if (!discover(w)) return false;
    for (int i = 0; i < n_xs; i++)
        if (!want(w, xs[i], i, flags)) return false;
    mark_needed(w);
    return run(w);
}

ct_status ct_gradients(ct_tensor *const *ys, int n_ys, ct_tensor *const *xs, int n_xs, ct_tensor *const *dys,
                       unsigned flags, ct_tensor **out) {
    FUNCTION("ct_gradients");
    if (ct_error() || !tensor_given(ys, "ys") || !tensor_given(xs, "xs") || !tensor_given(out, "out")) return ct_error();
    if (n_ys < 1 || n_xs < 1) return tensor_error(CT_ERR_VALUE, "%d results and %d inputs; expected 1 or more", n_ys, n_xs);
    if (!check_flags(flags, CT_RETAIN_GRAPH | CT_CREATE_GRAPH | CT_ALLOW_UNUSED)) return ct_error();
    ct_scope scope = ct_scope_begin();
    Walk w = new_walk(flags);
    w.chosen = true;
    bool off = autograd_off;
    autograd_off = !w.create;
    bool done = scope.mark && find_gradients(&w, ys, n_ys, xs, n_xs, dys, flags);
    autograd_off = off;
    ct_scope_end(scope);
    for (int i = 0; i < n_xs && done; i++) {
        bool reached = autograd_tracks(xs[i]) && *find(&w, xs[i]->history) >= 0;
        ct_tensor *g = reached ? w.slots[*find(&w, xs[i]->history)].gradient : NULL;
        if (g) tensor_retain(g);
        out[i] = g ? tensor_scope_give(g) : NULL;
        done = !g || out[i];
    }
    free_walk(&w);
    return done ? CT_OK : ct_error();
}
