#include "internal/object.h"
#include "internal/memory.h"
#include "internal/shape.h"
#include "scope.h"
#include <string.h>

void (*tensor_drop_history)(void *history);

static size_t header_bytes(const ct_tensor *x) {
    return sizeof *x + (x->beside ? x->bytes : 0);
}

static ct_tensor *new_header(ct_dtype dtype, size_t beside_bytes) {
    ct_tensor *x = tensor_alloc(sizeof *x + beside_bytes);
    if (!x) return NULL;
    memset(x, 0, offsetof(ct_tensor, shape));
    atomic_init(&x->handles, 1);
    atomic_init(&x->users, 1);
    x->dtype = (uint8_t)dtype;
    tensor_count(&tensor_thread()->tensors_alive, 1);
    return x;
}

static void set_geometry(ct_tensor *x, const int64_t *shape, const int64_t *strides, int ndim) {
    x->ndim = (uint8_t)ndim;
    x->numel = 1;
    for (int d = 0; d < ndim; d++) {
        x->shape[d] = shape[d];
        x->strides[d] = strides[d];
        x->numel *= shape[d];
    }
}

ct_tensor *tensor_new(ct_dtype dtype, const int64_t *shape, int ndim) {
    int64_t strides[CT_MAX_DIMS];
    int64_t numel = tensor_row_major(shape, ndim, strides);
    size_t bytes = (size_t)(numel * tensor_dtype_size(dtype));
    bool beside = bytes <= BESIDE_BYTES;
    ct_tensor *x = new_header(dtype, beside ? bytes : 0);
    if (!x) return NULL;
    x->owner = x;
    x->beside = beside;
    x->bytes = bytes;
    x->storage = beside ? (char *)(x + 1) : tensor_alloc(bytes);
    x->data = x->storage;
    set_geometry(x, shape, strides, ndim);
    if (!x->storage) {
        tensor_release(x);
        return NULL;
    }
    return tensor_scope_give(x);
}

static ct_tensor *new_on(ct_tensor *owner, ct_dtype dtype, const int64_t *shape, const int64_t *strides, int ndim,
                         char *data) {
    ct_tensor *x = new_header(dtype, 0);
    if (!x) return NULL;
    set_geometry(x, shape, strides, ndim);
    x->data = data;
    x->owner = owner;
    x->epoch = atomic_load_explicit(&owner->rebased, memory_order_relaxed);
    tensor_use(owner);
    return x;
}

ct_tensor *tensor_new_view(ct_tensor *x, const int64_t *shape, const int64_t *strides, int ndim, char *data) {
    ct_tensor *view = new_on(x->owner, x->dtype, shape, strides, ndim, data);
    if (!view) return NULL;
    view->base = x->base ? x->base : x;
    view->epoch = x->epoch;
    tensor_retain(view->base);
    return tensor_scope_give(view);
}

ct_tensor *tensor_new_alias(ct_tensor *x) {
    ct_tensor *alias = new_on(x->owner, x->dtype, x->shape, x->strides, x->ndim, x->data);
    if (!alias) return NULL;
    alias->detached = true;
    return tensor_scope_give(alias);
}

void tensor_retain(ct_tensor *x) {
    atomic_fetch_add_explicit(&x->handles, 1, memory_order_relaxed);
}

bool tensor_promote(ct_tensor *x) {
    int32_t handles = atomic_load_explicit(&x->handles, memory_order_relaxed);
    while (handles > 0)
        if (atomic_compare_exchange_weak_explicit(&x->handles, &handles, handles + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* One less; true for the last. A sole owner has no one to race with, and writes nothing. */
static bool drop(_Atomic(int32_t) *count) {
    return atomic_load_explicit(count, memory_order_acquire) == 1 ||
           atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel) == 1;
}

static void drop_storage(ct_tensor *x) {
    if (x->free_data) x->free_data(x->free_user);
    else if (!x->beside && !x->borrowed) tensor_free(x->storage, x->bytes);
}

void tensor_unuse(ct_tensor *x) {
    if (!drop(&x->users)) return;
    ct_tensor *owner = x->owner;
    if (owner == x) drop_storage(x);
    tensor_count(&tensor_thread()->tensors_alive, -1);
    tensor_free(x, header_bytes(x));
    if (owner != x) tensor_unuse(owner);
}

void tensor_release(ct_tensor *x) {
    bool sole = atomic_load_explicit(&x->users, memory_order_acquire) == 1;
    if (sole ? !drop(&x->handles) : atomic_fetch_sub_explicit(&x->handles, 1, memory_order_acq_rel) != 1) return;
    void *history = x->history;
    ct_tensor *base = x->base;
    x->history = NULL;
    x->base = NULL;
    if (history) tensor_drop_history(history);
    if (base) tensor_release(base);
    tensor_unuse(x);
}
