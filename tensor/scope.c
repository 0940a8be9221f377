#include "scope.h"
#include "internal/memory.h"
#include "internal/object.h"
#include <stdlib.h>
#include <string.h>

enum { ROOT_WARNING = 1 << 20 };

/* Doubles an array of the thread's; it is kept for the thread's life, so it does not count as memory in use. */
static bool grow(void **array, size_t *capacity, size_t element) {
    size_t larger = *capacity ? 2 * *capacity : 64;
    void *moved = tensor_alloc_refused() ? NULL : realloc(*array, larger * element);
    if (!moved) {
        tensor_error(CT_ERR_MEMORY, "out of memory for a scope of %zu tensors", larger);
        return false;
    }
    *array = moved;
    *capacity = larger;
    return true;
}

/* Called when the array is full, which it is at every power of two. */
static void warn_of_root(const Thread *thread) {
#ifndef NDEBUG
    if (thread->scope_count == 0 && thread->held_count == ROOT_WARNING)
        fprintf(stderr, "cotangent: the root scope holds %d tensors: does a loop lack a CT_SCOPED?\n", ROOT_WARNING);
#else
    (void)thread;
#endif
}

ct_tensor *tensor_scope_give_slowly(ct_tensor *x) {
    Thread *thread = tensor_thread();
    warn_of_root(thread);
    if (!grow((void **)&thread->held, &thread->held_capacity, sizeof *thread->held)) {
        tensor_release(x);
        return NULL;
    }
    return thread->held[thread->held_count++] = x;
}

ct_tensor *tensor_scope_share(ct_tensor *x) {
    tensor_retain(x);
    return tensor_scope_give(x);
}

ct_scope ct_scope_begin(void) {
    Thread *thread = tensor_thread();
    if (UNLIKELY(thread->scope_count == thread->scope_capacity) &&
        !grow((void **)&thread->scopes, &thread->scope_capacity, sizeof *thread->scopes))
        return (ct_scope){0};
    return tensor_scope_begin();
}

/* The open scope of that token, or NULL. */
static ScopeStart *find_scope(Thread *thread, ct_scope scope) {
    for (size_t i = thread->scope_count; i-- > 0;)
        if (LIKELY(thread->scopes[i].mark == scope.mark)) return &thread->scopes[i];
    return NULL;
}

static void release_down_to(Thread *thread, size_t start) {
    while (thread->held_count > start) tensor_release(thread->held[--thread->held_count]);
}

void tensor_scope_shrink(size_t size) {
    release_down_to(tensor_thread(), size);
}

void ct_scope_end(ct_scope scope) {
    Thread *thread = tensor_thread();
    ScopeStart *found = find_scope(thread, scope);
    if (!found) return;
    size_t start = found->start;
    thread->scope_count = (size_t)(found - thread->scopes);
    release_down_to(thread, start);
}

/* Moves x, if it stands at start or above, to start; true if it did. */
static bool move_to(Thread *thread, size_t start, ct_tensor *x) {
    for (size_t i = thread->held_count; i-- > start;)
        if (thread->held[i] == x) {
            thread->held[i] = thread->held[start];
            thread->held[start] = x;
            return true;
        }
    return false;
}

ct_tensor *ct_scope_end_keep(ct_scope scope, ct_tensor *x) {
    Thread *thread = tensor_thread();
    ScopeStart *found = find_scope(thread, scope);
    if (!found) return x;
    size_t start = found->start;
    thread->scope_count = (size_t)(found - thread->scopes);
    release_down_to(thread, start + (x && move_to(thread, start, x)));
    return x;
}

ct_tensor *ct_scope_keep(ct_tensor *x) {
    Thread *thread = tensor_thread();
    if (!x || thread->scope_count == 0) return x;
    ScopeStart *innermost = &thread->scopes[thread->scope_count - 1];
    if (move_to(thread, innermost->start, x)) innermost->start++;
    return x;
}

void ct_scope_leave(ct_scope *scope) {
    if (scope) ct_scope_end(*scope);
}

ct_tensor *ct_retain(ct_tensor *x) {
    if (x) tensor_retain(x);
    return x;
}

void ct_release(ct_tensor *x) {
    if (x) tensor_release(x);
}

void tensor_scope_thread_end(Thread *thread) {
    thread->scope_count = 0;
    release_down_to(thread, 0);
    free(thread->held);
    free(thread->scopes);
    thread->held = NULL;
    thread->scopes = NULL;
    thread->held_capacity = thread->scope_capacity = 0;
}
