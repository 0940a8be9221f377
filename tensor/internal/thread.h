/* What a thread of its own holds: its pending error, scopes, caches, generator. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_THREAD_H
#define COTANGENT_TENSOR_INTERNAL_THREAD_H

#include "../tensor.h"
#include <stdatomic.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Whether the process has never had a second thread; then nobody counts along. */
#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define SINGLE_THREADED __libc_single_threaded
#endif
#endif
#ifndef SINGLE_THREADED
#define SINGLE_THREADED false
#endif

enum { SMALL_CLASSES = 36, MESSAGE_BYTES = 1024 };

typedef struct Block {
    struct Block *next;
} Block;

typedef struct {
    size_t start; /* how many tensors the outer scopes hold */
    size_t mark;  /* the token that ends it */
} ScopeStart;

typedef struct Thread {
    const char *function; /* the outermost public function (or operation, without ct_) that runs: named by errors */
    ct_status error;

    ct_tensor **held; /* what the open scopes hold, outermost first */
    size_t held_count, held_capacity;
    ScopeStart *scopes;
    size_t scope_count, scope_capacity;
    size_t next_mark;

    Block *cache[SMALL_CLASSES];
    _Atomic(int64_t) bytes_in_use, tensors_alive, nodes_alive; /* may be negative: freed elsewhere */
    int64_t bytes_flushed;                                                   /* the part of bytes_in_use in the peak's count */

    ct_generator *generator;
    struct Thread *next, *previous;
    char message[MESSAGE_BYTES];
} Thread;

extern _Thread_local Thread *tensor_thread_current;
/* Makes the calling thread's state; it ends with the thread, the main thread's with the process. */
Thread *tensor_thread_start(void);

static inline Thread *tensor_thread(void) {
    Thread *thread = tensor_thread_current;
    return LIKELY(thread != NULL) ? thread : tensor_thread_start();
}

/* Calls visit for every live thread state, under the lock that guards their list. */
void tensor_thread_each(void (*visit)(Thread *thread, void *user), void *user);

/* What ends with a thread, in this order. */
void tensor_scope_thread_end(Thread *thread);
void tensor_memory_thread_end(Thread *thread);
/* What ends with the process. */
void tensor_pool_end(void);
void tensor_memory_end(void);

/* A counter that only its thread writes, and others read. */
static inline void tensor_count(_Atomic(int64_t) *counter, int64_t change) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + change,
                          memory_order_relaxed);
}

#endif
