/* Operations of the user's own: peers of the library's, reached through the op that their calls carry. */
#include "internal/node.h"
#include "../tensor/internal/memory.h"
#include <string.h>

/* What one application is: an op made for it, which ends with its node. */
struct ct_context {
    Op op;
    ct_function function;
    void *user;
    const Call *call; /* while forward or backward runs */
    Kept *kept;       /* by slot; handles until they are recorded */
    int kept_count;
    Further further;  /* the same */
    bool forward, recorded; /* forward runs; an operand requires a gradient */
};

enum { MAX_SLOTS = 1 << 16 };

static void release_values(ct_context *context) {
    for (int i = 0; i < context->kept_count; i++)
        if (context->kept[i].value) tensor_release(context->kept[i].value);
}

static void drop(const Op *op) {
    ct_context *context = (ct_context *)op; /* the op is its first member */
    tensor_free(context->kept, (size_t)context->kept_count * sizeof *context->kept);
    tensor_strfree((char *)context->op.name);
    tensor_free(context, sizeof *context);
}

/* ---- what the user's functions ask ---- */

ct_status ct_context_save(ct_context *context, int i, ct_tensor *x) {
    FUNCTION("ct_context_save");
    if (!tensor_given(context, "context") || !tensor_given(x, "x")) return ct_error();
    if (!context->forward) return tensor_error(CT_ERR_AUTOGRAD, "values are saved while the forward function runs");
    if (i < 0 || i >= MAX_SLOTS) return tensor_error(CT_ERR_INDEX, "slot %d; expected 0 to %d", i, MAX_SLOTS - 1);
    if (i >= context->kept_count) {
        const size_t old = (size_t)context->kept_count, count = (size_t)i + 1;
        Kept *moved = tensor_realloc(context->kept, old * sizeof *moved, count * sizeof *moved);
        if (!moved) return ct_error();
        memset(moved + old, 0, (count - old) * sizeof *moved);
        context->kept = moved;
        context->kept_count = (int)count;
    }
    tensor_retain(x);
    if (context->kept[i].value) tensor_release(context->kept[i].value);
    context->kept[i].value = x;
    return CT_OK;
}

ct_tensor *ct_context_saved(ct_context *context, int i) {
    FUNCTION("ct_context_saved");
    if (!tensor_given(context, "context")) return NULL;
    ct_tensor *x = NULL;
    if (i >= 0 && i < context->kept_count)
        x = context->forward ? context->kept[i].value : context->call->x[context->kept[i].place];
    if (x) return tensor_scope_share(x);
    tensor_error(CT_ERR_INDEX, "%s saved nothing in slot %d", context->op.name, i);
    return NULL;
}

bool ct_context_needs_grad(const ct_context *context, int i) {
    FUNCTION("ct_context_needs_grad");
    if (!tensor_given(context, "context")) return false;
    const Call *call = context->call;
    if (i < 0 || i >= call->n) {
        tensor_error(CT_ERR_INDEX, "%s has %d operands; there is no operand %d", context->op.name, call->n, i);
        return false;
    }
    return context->forward ? context->recorded && autograd_tracks(call->x[i]) : autograd_needs(call, i);
}

/* ---- running them ---- */

/* Where the rules find what was saved: operands and the result have their history then. */
static void place_values(ct_context *context, const Call *c, const ct_tensor *y) {
    for (int k = 0; k < context->kept_count; k++) {
        Kept *kept = &context->kept[k];
        kept->place = kept->value == y ? c->n : c->n + 2 + k;
        for (int i = c->n; i-- > 0;)
            if (kept->value == c->x[i]) kept->place = i;
    }
}

static ct_tensor *forward(Call *c) {
    CT_SCOPED;
    ct_context *context = (ct_context *)c->op;
    const bool off = autograd_off;
    context->call = c;
    context->forward = true;
    context->recorded = !off;
    autograd_off = true;
    ct_tensor *y = context->function.forward(context, c->x, c->n, context->user);
    autograd_off = off;
    context->forward = false;
    if (!y) {
        if (!ct_error()) tensor_error(CT_ERR_NULL, "the forward function of %s returned NULL", context->op.name);
        return NULL;
    }
    place_values(context, c, y);
    context->further = (Further){.kept = context->kept, .kept_count = context->kept_count};
    c->further = &context->further;
    bool fresh = !y->history;
    for (int i = 0; i < c->n; i++) fresh = fresh && y != c->x[i];
    return ct_scope_keep(fresh ? y : tensor_new_view(y, y->shape, y->strides, y->ndim, y->data));
}

/* In a context of its own: two threads may walk the node at once. */
static bool backward(const Call *c, ct_tensor *g, ct_tensor **dxs) {
    ct_context context = *(const ct_context *)c->op;
    context.call = c;
    ct_status status = context.function.backward(&context, g, dxs, c->n, context.user);
    if (status != CT_OK && !ct_error()) tensor_error(status, "the backward function of %s failed", context.op.name);
    return ct_error() == CT_OK;
}

static ct_context *new_context(const ct_function *function, void *user) {
    const char *name = function->name ? function->name : "function";
    ct_context *context = tensor_alloc_zeroed(sizeof *context);
    char *copy = context ? tensor_strdup(name) : NULL;
    if (!copy) {
        tensor_free(context, sizeof *context);
        return NULL;
    }
    context->op = (Op){.name = copy, .formula = "the user's own", .forward = forward, .drop = drop,
                       .fused = function->backward ? backward : NULL, .at_once = function->backward != NULL};
    context->function = *function;
    context->user = user;
    return context;
}

ct_tensor *ct_apply(const ct_function *function, ct_tensor *const *xs, int n, void *user) {
    FUNCTION("ct_apply");
    if (!tensor_given(function, "function") || (n > 0 && !tensor_given(xs, "xs"))) return NULL;
    if (!function->forward) {
        tensor_error(CT_ERR_NULL, "function.forward is NULL");
        return NULL;
    }
    if (n < 0 || n > MAX_INPUTS) {
        tensor_error(CT_ERR_VALUE, "%d operands; expected 0 to %d", n, MAX_INPUTS);
        return NULL;
    }
    ct_context *context = new_context(function, user);
    if (!context) return NULL;
    ct_tensor *y = autograd_apply(&context->op, NO_ATTR, n, xs);
    const Node *node = y ? y->history : NULL;
    release_values(context);
    if (!node || node->op != &context->op) drop(&context->op);
    return y;
}
