#include "internal/object.h"
#include "internal/memory.h"
#include "internal/shape.h"
#include <string.h>

void (*tensor_drop_history)(ct_tensor *x);

static size_t header_bytes(const ct_tensor *x) {
    return sizeof *x + (x->beside ? x->bytes : 0);
}

/* A header without geometry and storage; the storage is its own until told otherwise. */
static inline ct_tensor *new_header(ct_dtype dtype, int ndim, size_t beside_bytes) {
    ct_tensor *x = tensor_alloc(sizeof *x + beside_bytes);
    if (UNLIKELY(!x)) return NULL;
    memset(x, 0, offsetof(ct_tensor, shape));
    atomic_init(&x->handles, 1);
    atomic_init(&x->users, 1);
    x->dtype = (uint8_t)dtype;
    x->ndim = (uint8_t)ndim;
    x->owner = x;
    x->beside = x->borrowed = false;
    x->free_data = NULL;
    tensor_count(&tensor_thread_current->tensors_alive, 1);
    return x;
}

ct_tensor *tensor_new(ct_dtype dtype, const int64_t *shape, int ndim) {
    int64_t numel = 1;
    for (int d = 0; d < ndim; d++) numel *= shape[d];
    const size_t bytes = (size_t)(numel * tensor_dtype_size(dtype));
    const bool beside = bytes <= BESIDE_BYTES;
    ct_tensor *x = new_header(dtype, ndim, beside ? bytes : 0);
    if (UNLIKELY(!x)) return NULL;
    x->numel = numel;
    x->contiguous = true;
    x->beside = beside;
    x->bytes = bytes;
    x->storage = x->data = beside ? (char *)(x + 1) : tensor_alloc(bytes);
    for (int d = 0; d < ndim; d++) x->shape[d] = shape[d];
    tensor_row_major(shape, ndim, x->strides);
    if (UNLIKELY(!x->storage)) {
        tensor_release(x);
        return NULL;
    }
    return tensor_scope_give(x);
}

void tensor_set_strides(ct_tensor *x, const int64_t *strides) {
    for (int d = 0; d < x->ndim; d++) x->strides[d] = strides[d];
    x->contiguous = tensor_contiguous_geometry(x->shape, x->strides, x->ndim);
}

static ct_tensor *new_on(ct_tensor *owner, ct_dtype dtype, const int64_t *shape, const int64_t *strides, int ndim,
                         char *data) {
    ct_tensor *x = new_header(dtype, ndim, 0);
    if (!x) return NULL;
    x->numel = 1;
    for (int d = 0; d < ndim; d++) x->numel *= x->shape[d] = shape[d];
    tensor_set_strides(x, strides);
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

bool tensor_promote(ct_tensor *x) {
    int32_t handles = atomic_load_explicit(&x->handles, memory_order_relaxed);
    while (handles > 0) {
        if (SINGLE_THREADED) return tensor_add_reference(&x->handles, 1);
        if (atomic_compare_exchange_weak_explicit(&x->handles, &handles, handles + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

static void drop_storage(ct_tensor *x) {
    if (x->free_data) x->free_data(x->free_user);
    else if (!x->beside && !x->borrowed) tensor_free(x->storage, x->bytes);
}

void tensor_unuse(ct_tensor *x) {
    if (!tensor_drop_reference(&x->users)) return;
    ct_tensor *owner = x->owner;
    if (owner == x) drop_storage(x);
    tensor_count(&tensor_thread()->tensors_alive, -1);
    tensor_free(x, header_bytes(x));
    if (owner != x) tensor_unuse(owner);
}

void tensor_release(ct_tensor *x) {
    bool sole = atomic_load_explicit(&x->users, memory_order_acquire) == 1;
    if (sole ? !tensor_drop_reference(&x->handles) : tensor_add_reference(&x->handles, -1) != 1) return;
    ct_tensor *base = x->base;
    x->base = NULL;
    if (x->history) tensor_drop_history(x);
    if (base) tensor_release(base);
    tensor_unuse(x);
}
