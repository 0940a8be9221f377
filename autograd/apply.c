/* Applying an operation: the only place that passes NULL on, decides whether to record, and records. */
#include "internal/node.h"
#include <string.h>

const Attr autograd_no_attr;

/* Whether an operand that is NULL may be so; raises CT_ERR_NULL, but is quiet while an error is pending. */
static bool may_be_absent(const Op *op, int i) {
    if (ct_error()) return false;
    if (i < 32 && op->optional & INPUT(i)) return true;
    tensor_error(CT_ERR_NULL, "operand %d is NULL", i + 1);
    return false;
}

/* A view of a tensor that was since changed in place by a recorded operation has an old history, or none where there
 * should be one. */
static bool is_current(const ct_tensor *x, int i) {
    if (LIKELY(x->owner == x || x->detached) ||
        x->epoch == atomic_load_explicit(&x->owner->rebased, memory_order_acquire))
        return true;
    tensor_error(CT_ERR_AUTOGRAD,
                 "operand %d (shape %s) shares its storage with a tensor that was changed in place after it was made: "
                 "take the view again, or detach it",
                 i + 1, tensor_shape_of(x));
    return false;
}

/* In *reads of examine(): an operand requires a gradient. */
enum { RECORDED = 1u << 29 };

/* Whether all operands are there and, while recording is on, up to date. If one requires a gradient, the call is to be
 * recorded, and *reads tells what the rules of those that do read. */
static inline bool examine(const Op *op, int n, ct_tensor *const *x, unsigned *reads) {
    const bool off = autograd_off;
    unsigned all = 0;
    bool shares = false;
    for (int i = 0; i < n; i++) {
        if (UNLIKELY(!x[i])) {
            if (!may_be_absent(op, i)) return false;
            continue;
        }
        shares |= x[i]->owner != x[i];
        if (!off && autograd_tracks(x[i])) all |= RECORDED | op->reads[i < MAX_RULES ? i : MAX_RULES - 1];
    }
    for (int i = 0; i < n && shares && !off; i++)
        if (x[i] && !is_current(x[i], i)) return false;
    *reads = all;
    return true;
}

ct_tensor *autograd_apply(const Op *op, const Attr *attr, int n, ct_tensor *const *x) {
    FUNCTION(op->name);
    Call call = {.op = op, .attr = attr, .n = n, .x = x};
    unsigned reads;
    if (UNLIKELY(!examine(op, n, x, &reads))) return NULL;
    ct_tensor *y = op->forward(&call);
    if (!y || !reads || !tensor_is_floating((ct_dtype)y->dtype)) return y;
    y->history = autograd_record(op, &call, y, reads);
    if (UNLIKELY(autograd_anomaly) && y->history && !autograd_note_origin(&call, y)) return NULL;
    return y->history ? y : NULL;
}

/* ---- in place ---- */

/* The categories of dtypes: a floating result does not fit an integer. */
static bool fits(ct_dtype from, ct_dtype to) {
    return tensor_promote_dtypes(from, to) == to || tensor_is_floating(to) ||
           (!tensor_is_floating(from) && to != CT_BOOL);
}

static bool may_change(ct_tensor *x) {
    const Node *own = x->history, *base = x->base ? x->base->history : NULL;
    bool leaf = (own && !own->op && own->requires_grad) || (base && !base->op && base->requires_grad);
    if (leaf && !autograd_off) {
        tensor_error(CT_ERR_AUTOGRAD, "x (shape %s) is a leaf that requires a gradient, or a view of one: change it "
                     "under CT_NO_GRAD, or work on a copy", tensor_shape_of(x));
        return false;
    }
    if (!own && base && (base->op || base->requires_grad) && !autograd_off) {
        tensor_error(CT_ERR_AUTOGRAD, "x (shape %s) is a view that was taken while recording was off, of a tensor that "
                     "requires a gradient: take it again, or change it under CT_NO_GRAD", tensor_shape_of(x));
        return false;
    }
    if (tensor_overlaps_itself(x)) {
        tensor_error(CT_ERR_VALUE, "several elements of x (shape %s) share one place: clone it first",
                     tensor_shape_of(x));
        return false;
    }
    return true;
}

/* The new value of x, in x's dtype. */
static ct_tensor *new_value(const Op *op, Call *call) {
    ct_tensor *x = call->x[0], *y = op->forward(call);
    if (!y) return NULL;
    if (!tensor_same_shape(x, y)) {
        tensor_error(CT_ERR_SHAPE, "the result has shape %s; x has %s and keeps it", tensor_shape_of(y),
                     tensor_shape_of(x));
        return NULL;
    }
    if (!fits((ct_dtype)y->dtype, (ct_dtype)x->dtype)) {
        tensor_error(CT_ERR_DTYPE, "the result is %s, which does not fit x of %s", ct_dtype_name((ct_dtype)y->dtype),
                     ct_dtype_name((ct_dtype)x->dtype));
        return NULL;
    }
    return tensor_as(y, (ct_dtype)x->dtype);
}

/* x as it was, for rules that read it: a copy with x's history. */
static ct_tensor *old_value(ct_tensor *x) {
    ct_tensor *old = tensor_clone(x);
    if (old && x->history) autograd_node_retain(old->history = x->history);
    return old;
}

/* A tensor that keeps its gradient keeps that of its new value; false with an error. */
static bool goes_on_retaining(const ct_tensor *x, Node *node) {
    const Node *old = x->history;
    if (LIKELY(!old || !old->op || !autograd_retains(old))) return true;
    Aside *aside = autograd_aside(node);
    return aside && (aside->retains = true);
}

/* Gives x a new history; its views made before are out of date. */
static void rebase(ct_tensor *x, Node *node) {
    Node *old = x->history;
    if (old) {
        if (old->op && autograd_retains(old)) old->aside->retains = false;
        autograd_leave_leaf(old, x);
        autograd_node_release(old);
    }
    x->history = node;
    x->epoch = atomic_load(&x->owner->rebased);
}

/* Records what happened to x, and to the tensor that it is a view of. */
static bool record_change(const Op *op, const Call *call, ct_tensor *x, ct_tensor *y, unsigned reads) {
    ct_tensor *base = x->base;
    Node *node = autograd_record(op, call, y, reads);
    Node *of_base = node && base ? autograd_record_assignment(base, x, node) : NULL;
    if (!node || (base && !of_base) || !goes_on_retaining(x, node) || (base && !goes_on_retaining(base, of_base))) {
        if (node) autograd_node_release(node);
        if (of_base) autograd_node_release(of_base);
        return false;
    }
    atomic_fetch_add(&x->owner->rebased, 1);
    rebase(x, node);
    if (base) rebase(base, of_base);
    return true;
}

ct_tensor *autograd_apply_in_place(const Op *op, const Attr *attr, int n, ct_tensor *const *x) {
    FUNCTION(op->name);
    CT_SCOPED;
    ct_tensor *operands[MAX_RULES] = {NULL}, *target = x[0];
    Call call = {.op = op, .attr = attr, .n = n, .x = x};
    unsigned reads;
    if (!examine(op, n, x, &reads) || !may_change(target)) return NULL;
    const bool recorded = reads && tensor_is_floating((ct_dtype)target->dtype);
    ct_tensor *y = new_value(op, &call);
    if (!y) return NULL;
    if (recorded) {
        ct_tensor *old = old_value(target);
        if (!old) return NULL;
        for (int i = 0; i < n; i++) operands[i] = x[i] == target ? old : x[i];
        call.x = operands;
        if (!record_change(op, &call, target, y, reads)) return NULL;
    }
    tensor_copy_into(target, y);
    tensor_bump(target);
    return target;
}

/* ---- what rules ask ---- */

bool autograd_needs(const Call *call, int i) {
    return call->node->inputs[i] != NULL;
}

const int64_t *autograd_input_shape(const Call *call, int i, int *ndim) {
    const Node *input = call->node->inputs[i];
    *ndim = input->ndim;
    return input->shape;
}

ct_dtype autograd_input_dtype(const Call *call, int i) {
    return (ct_dtype)call->node->inputs[i]->dtype;
}

ct_tensor *autograd_input_zeros(const Call *call, int i) {
    const Node *input = call->node->inputs[i];
    return tensor_full((ct_dtype)input->dtype, input->shape, input->ndim, 0);
}
