/* The caching allocator: all of the library's memory comes from here. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_MEMORY_H
#define COTANGENT_TENSOR_INTERNAL_MEMORY_H

#include "thread.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CACHING false /* a cache hides the bugs that sanitizers look for */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CACHING false
#endif
#endif
#ifndef CACHING
#define CACHING true
#endif

/* Blocks of up to FAST_BYTES are cached in lists for each multiple of ALIGNMENT: the short way of tensor_alloc(). */
enum { ALIGNMENT = 64, FAST_BYTES = 512, FLUSH_BYTES = 1 << 15 };

/* Set by tensor_alloc_fail_at(). */
extern _Atomic(int64_t) tensor_alloc_failing;
void *tensor_alloc_slowly(size_t bytes);
void tensor_free_slowly(void *block, size_t bytes);
/* The peak is kept over all threads, each of which reports only larger changes. */
void tensor_report_use(Thread *thread);

static inline void tensor_count_use(Thread *thread, int64_t change) {
    tensor_count(&thread->bytes_in_use, change);
    int64_t since = atomic_load_explicit(&thread->bytes_in_use, memory_order_relaxed) - thread->bytes_flushed;
    if (UNLIKELY((uint64_t)(since + FLUSH_BYTES) > 2 * FLUSH_BYTES)) tensor_report_use(thread);
}

/* A block aligned to 64 bytes, or NULL with CT_ERR_MEMORY pending. */
static inline void *tensor_alloc(size_t bytes) {
    Thread *thread = tensor_thread_current;
    const size_t class = (bytes - 1) / ALIGNMENT; /* huge for 0 bytes */
    if (UNLIKELY(class >= FAST_BYTES / ALIGNMENT || !thread || !thread->cache[class] ||
                 atomic_load_explicit(&tensor_alloc_failing, memory_order_relaxed)))
        return tensor_alloc_slowly(bytes);
    Block *block = thread->cache[class];
    thread->cache[class] = block->next;
    tensor_count_use(thread, (int64_t)(class + 1) * ALIGNMENT);
    return block;
}
/* The same, zeroed. */
void *tensor_alloc_zeroed(size_t bytes);
/* Gives a block back; bytes as asked. NULL is fine. */
static inline void tensor_free(void *block, size_t bytes) {
    Thread *thread = tensor_thread_current;
    const size_t class = (bytes - 1) / ALIGNMENT;
    if (!CACHING || UNLIKELY(class >= FAST_BYTES / ALIGNMENT || !thread || !block)) {
        tensor_free_slowly(block, bytes);
        return;
    }
    Block *freed = block;
    freed->next = thread->cache[class];
    thread->cache[class] = freed;
    tensor_count_use(thread, -(int64_t)(class + 1) * ALIGNMENT);
}
/* Moves a block to one of another size, keeping what fits; the old one stays on failure. */
void *tensor_realloc(void *block, size_t old_bytes, size_t new_bytes);
char *tensor_strdup(const char *text);
void tensor_strfree(char *text);

/* For tests: makes the n-th allocation from now (1: the next) fail, or all from it on; 0 switches it off. */
void tensor_alloc_fail_at(int64_t n, bool from_then_on);
/* How many allocations were asked for since the switch was set. */
int64_t tensor_alloc_asked(void);
/* Whether the test switch wants this allocation to fail: for memory that does not come from the allocator. */
bool tensor_alloc_refused(void);

#endif
