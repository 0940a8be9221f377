/* Anomaly detection: where the first number came from that is not finite. */
#include "internal/walk.h"
#include "../tensor/internal/memory.h"
#include <string.h>

bool ct_set_anomaly_detection(bool enabled) {
    bool previous = autograd_anomaly;
    autograd_anomaly = enabled;
    return previous;
}

/* "nan", "inf" or NULL; halves the work where nothing is wrong. */
static const char *not_finite(ct_tensor *x) {
    CT_SCOPED;
    const unsigned all = (1u << x->ndim) - 1;
    if (!tensor_is_floating((ct_dtype)x->dtype) || x->numel == 0) return NULL;
    ct_tensor *finite = tensor_isfinite(x, NULL), *fine = finite ? tensor_all(finite, all, false) : NULL;
    if (!fine || *(bool *)fine->data) return NULL;
    ct_tensor *nan = tensor_isnan(x, NULL), *any = nan ? tensor_any(nan, all, false) : NULL;
    return any && *(bool *)any->data ? "nan" : "inf";
}

/* ---- while the graph is recorded ---- */

/* "(2, 3), (3,)" */
static char *shapes_of(const Call *call) {
    size_t bytes = 1;
    for (int i = 0; i < call->n; i++) bytes += 2 + (call->x[i] ? strlen(tensor_shape_of(call->x[i])) : strlen("none"));
    char *text = tensor_alloc(bytes), *at = text;
    if (!text) return NULL;
    *at = '\0';
    for (int i = 0; i < call->n; i++)
        at += snprintf(at, bytes - (size_t)(at - text), "%s%s", i ? ", " : "",
                       call->x[i] ? tensor_shape_of(call->x[i]) : "none");
    char *exact = tensor_strdup(text);
    tensor_free(text, bytes);
    return exact;
}

bool autograd_note_origin(const Call *call, ct_tensor *y) {
    Aside *aside = autograd_aside(y->history);
    if (!aside || !(aside->origin = shapes_of(call))) return false;
    aside->broke = not_finite(y) != NULL;
    for (int i = 0; i < call->n && aside->broke; i++) aside->broke = !call->x[i] || !not_finite(call->x[i]);
    return ct_error() == CT_OK;
}

/* ---- while it is walked ---- */

/* The oldest node of the walk whose result was not finite though its operands were. */
static const Node *first_broken(const Walk *w) {
    const Node *first = NULL;
    for (int64_t i = 0; i < w->count; i++) {
        const Node *node = w->slots[i].node;
        if (node->aside && node->aside->broke && (!first || node->number < first->number)) first = node;
    }
    return first;
}

/* `mul "scores" of operands (2, 3), (3,)`, in buffer. */
static const char *described(const Node *node, char buffer[256]) {
    const Aside *aside = node->aside;
    snprintf(buffer, 256, "%s%s%s%s%s%s", node->op->name, aside && aside->name ? " \"" : "",
             aside && aside->name ? aside->name : "", aside && aside->name ? "\"" : "",
             aside && aside->origin ? " of operands " : "", aside && aside->origin ? aside->origin : "");
    return buffer;
}

bool autograd_is_sound(const Walk *w, const Slot *slot, ct_tensor *g, ct_tensor *gradient, int i) {
    const char *what = not_finite(gradient);
    if (!what || not_finite(g)) return ct_error() == CT_OK;
    char here[256], there[256];
    const Node *origin = first_broken(w);
    tensor_error(CT_ERR_AUTOGRAD, "the derivative of %s for operand %d holds %s, though its upstream gradient is finite%s%s",
                 described(slot->node, here), i + 1, what,
                 origin ? "; the first result that was not finite is that of " : "",
                 !origin ? "" : origin == slot->node ? "this operation" : described(origin, there));
    return false;
}
