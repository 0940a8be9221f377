/* The tensor itself. Not installed.
 *
 * A tensor's memory has two counts. `handles` are the references that users, scopes, dicts and graphs' leaves hold:
 * when the last goes, so do history and gradient. `users` keep the header and its numbers readable: the handles
 * together are one, each view of it is one, each value saved for a derivative is one. A saved value is no handle, so
 * it cannot close a cycle through its own history. */
#ifndef COTANGENT_TENSOR_INTERNAL_OBJECT_H
#define COTANGENT_TENSOR_INTERNAL_OBJECT_H

#include "../scope.h"
#include "function.h"
#include <stdatomic.h>

/* A first cache line with what every operation reads, the geometry, and what making and freeing need. */
struct ct_tensor {
    _Atomic(int32_t) handles, users;
    uint8_t dtype, ndim;
    bool contiguous;  /* row-major, without gaps */
    bool detached;    /* an alias that autograd does not know */
    uint32_t epoch;   /* the owner's `rebased` when this view was made */
    int64_t numel;
    char *data;       /* the first element */
    void *history;    /* autograd's; dropped with the last handle */
    ct_tensor *base;  /* what this is a view of: a handle; NULL if it is not a view */
    ct_tensor *owner; /* whose storage it uses: a user; itself unless it is a view or an alias */
    _Atomic(uint32_t) version; /* of the storage, in its owner's header: in-place changes so far */
    _Atomic(uint32_t) rebased; /* those among them that were recorded */
    int64_t shape[CT_MAX_DIMS], strides[CT_MAX_DIMS];
    /* The storage, in its owner's header: */
    char *storage;             /* its first byte */
    size_t bytes;
    bool beside;               /* the numbers lie behind the header, in one block */
    bool borrowed;             /* the numbers are not ours: free_data, if any, ends them */
    void (*free_data)(void *user);
    void *free_user;
} __attribute__((aligned(16)));

enum { BESIDE_BYTES = 256 };

/* New tensors belong to the innermost scope. Sizes must be valid: see tensor_check_shape(). */
ct_tensor *tensor_new(ct_dtype dtype, const int64_t *shape, int ndim);
/* A view of x (of x's base, if x is a view) at data, with its geometry. */
ct_tensor *tensor_new_view(ct_tensor *x, const int64_t *shape, const int64_t *strides, int ndim, char *data);
/* The same geometry and storage, but no base: cut from the graph. */
ct_tensor *tensor_new_alias(ct_tensor *x);

/* Adds to a count of references and returns what it was. A process with one thread needs no lock for it. */
static inline int32_t tensor_add_reference(_Atomic(int32_t) *count, int32_t change) {
    if (!SINGLE_THREADED) return atomic_fetch_add_explicit(count, change, memory_order_acq_rel);
    int32_t before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + change, memory_order_relaxed);
    return before;
}
/* One less; true for the last. A sole owner has no one to race with, and writes nothing. */
static inline bool tensor_drop_reference(_Atomic(int32_t) *count) {
    return atomic_load_explicit(count, memory_order_acquire) == 1 || tensor_add_reference(count, -1) == 1;
}

static inline void tensor_retain(ct_tensor *x) {
    tensor_add_reference(&x->handles, 1);
}
void tensor_release(ct_tensor *x);
ct_tensor *tensor_scope_give_slowly(ct_tensor *x);
/* Gives a reference to the innermost scope; on failure releases it and returns NULL. */
static inline ct_tensor *tensor_scope_give(ct_tensor *x) {
    Thread *thread = tensor_thread();
    if (UNLIKELY(thread->held_count == thread->held_capacity)) return tensor_scope_give_slowly(x);
    return thread->held[thread->held_count++] = x;
}
/* For loops: what tensor_scope_size() is now, and back to it: what was given since is released. Scopes that were opened
 * since have ended. */
static inline size_t tensor_scope_size(void) {
    return tensor_thread()->held_count;
}
void tensor_scope_shrink(size_t size);
/* Inside the library, CT_SCOPED opens and ends its scope inline. */
static inline ct_scope tensor_scope_begin(void) {
    Thread *thread = tensor_thread();
    if (UNLIKELY(thread->scope_count == thread->scope_capacity)) return ct_scope_begin();
    const size_t mark = thread->next_mark++;
    thread->scopes[thread->scope_count++] = (ScopeStart){thread->held_count, mark};
    return (ct_scope){mark};
}
static inline void tensor_scope_leave(const ct_scope *scope) {
    Thread *thread = tensor_thread();
    if (UNLIKELY(!thread->scope_count || thread->scopes[thread->scope_count - 1].mark != scope->mark)) {
        ct_scope_end(*scope);
        return;
    }
    const size_t start = thread->scopes[--thread->scope_count].start;
    while (thread->held_count > start) tensor_release(thread->held[--thread->held_count]);
}
#undef CT_SCOPED
#define CT_SCOPED \
    __attribute__((cleanup(tensor_scope_leave), unused)) ct_scope CT_JOIN(ct_scoped_, __LINE__) = tensor_scope_begin()

/* A further reference to x, held by the innermost scope; NULL with an error. */
ct_tensor *tensor_scope_share(ct_tensor *x);
/* Retains x if a handle is left. For whoever holds a user. */
bool tensor_promote(ct_tensor *x);
static inline void tensor_use(ct_tensor *x) {
    tensor_add_reference(&x->users, 1);
}
void tensor_unuse(ct_tensor *x);

/* Other strides for a new tensor whose numbers are not set. */
void tensor_set_strides(ct_tensor *x, const int64_t *strides);

/* Set by autograd: drops the history of a tensor whose last handle has gone. */
extern void (*tensor_drop_history)(ct_tensor *x);

static inline uint32_t tensor_version(const ct_tensor *x) {
    return atomic_load_explicit(&x->owner->version, memory_order_acquire);
}
/* Notes an in-place change. */
static inline void tensor_bump(ct_tensor *x) {
    _Atomic(uint32_t) *version = &x->owner->version;
    if (!SINGLE_THREADED) atomic_fetch_add_explicit(version, 1, memory_order_release);
    else atomic_store_explicit(version, atomic_load_explicit(version, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif
