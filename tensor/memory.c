/* Size classes: multiples of 64 bytes up to 512, then four to a doubling. Blocks up to 64 KiB are cached by the
 * thread that frees them, larger ones in one shared place. */
#define _GNU_SOURCE
#include "internal/memory.h"
#include "internal/function.h"
#include "runtime.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALL_CLASSES = 192, HUGE_PAGE = 1 << 21 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards large[] and what ended threads leave */
static Block *large[ALL_CLASSES];
static int64_t ended_in_use, ended_tensors, ended_nodes;
static _Atomic(int64_t) from_system, shared_in_use, peak;
static _Atomic(uint64_t) system_allocs;
static _Atomic(int64_t) asked;
_Atomic(int64_t) tensor_alloc_failing;
static _Atomic(bool) fail_on;

static int size_class(size_t bytes, size_t *rounded) {
    if (bytes <= 512) {
        size_t units = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT : 1;
        *rounded = units * ALIGNMENT;
        return (int)units - 1;
    }
    int exponent = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    size_t step = (size_t)1 << (exponent - 2);
    size_t steps = (bytes + step - 1) / step;
    *rounded = steps * step;
    return 8 + (exponent - 9) * 4 + (int)steps - 5;
}

/* The size of a class's blocks. */
static size_t class_bytes(int class) {
    return class < 8 ? (size_t)(class + 1) * ALIGNMENT : (size_t)(5 + class % 4) << (7 + (class - 8) / 4);
}

bool tensor_alloc_refused(void) {
    int64_t at = atomic_load_explicit(&tensor_alloc_failing, memory_order_relaxed);
    if (LIKELY(at == 0)) return false;
    int64_t now = atomic_fetch_add(&asked, 1) + 1;
    return now == at || (now > at && atomic_load(&fail_on));
}

void tensor_alloc_fail_at(int64_t n, bool from_then_on) {
    atomic_store(&asked, 0);
    atomic_store(&fail_on, from_then_on);
    atomic_store(&tensor_alloc_failing, n);
}

int64_t tensor_alloc_asked(void) {
    return atomic_load(&asked);
}

void tensor_report_use(Thread *thread) {
    int64_t own = atomic_load_explicit(&thread->bytes_in_use, memory_order_relaxed);
    int64_t change = own - thread->bytes_flushed;
    thread->bytes_flushed = own;
    int64_t total = atomic_fetch_add(&shared_in_use, change) + change;
    int64_t highest = atomic_load(&peak);
    while (total > highest && !atomic_compare_exchange_weak(&peak, &highest, total)) {}
}

static Block *take_small(Thread *thread, int class) {
    Block *block = thread->cache[class];
    if (LIKELY(block != NULL)) thread->cache[class] = block->next;
    return block;
}

static Block *take_large(int class) {
    pthread_mutex_lock(&lock);
    Block *block = large[class];
    if (block) large[class] = block->next;
    pthread_mutex_unlock(&lock);
    return block;
}

/* A fresh page costs as much as computing its numbers does, unless it is a huge one. */
static void *fresh_block(size_t rounded) {
    if (rounded < HUGE_PAGE) return aligned_alloc(ALIGNMENT, rounded);
    void *block = NULL;
    if (posix_memalign(&block, HUGE_PAGE, rounded) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    madvise(block, rounded, MADV_HUGEPAGE);
#endif
    return block;
}

static void *ask_system(size_t rounded) {
    void *block = fresh_block(rounded);
    if (!block) {
        ct_memory_trim();
        block = fresh_block(rounded);
    }
    if (!block) return NULL;
    atomic_fetch_add_explicit(&system_allocs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&from_system, (int64_t)rounded, memory_order_relaxed);
    return block;
}

static void give_system(void *block, size_t rounded) {
    atomic_fetch_sub_explicit(&from_system, (int64_t)rounded, memory_order_relaxed);
    free(block);
}

/* A block of any size, from wherever it is to be had. */
void *tensor_alloc_slowly(size_t bytes) {
    size_t rounded;
    void *block = NULL;
    Thread *thread = tensor_thread();
    if (bytes <= PTRDIFF_MAX / 2 && !tensor_alloc_refused()) {
        int class = size_class(bytes, &rounded);
        block = class < SMALL_CLASSES ? take_small(thread, class) : take_large(class);
        if (!block) block = ask_system(rounded);
    }
    if (block) tensor_count_use(thread, (int64_t)rounded);
    else tensor_error(CT_ERR_MEMORY, "out of memory: %zu bytes", bytes);
    return block;
}

void *tensor_alloc_zeroed(size_t bytes) {
    void *block = tensor_alloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void tensor_free_slowly(void *block, size_t bytes) {
    if (!block) return;
    size_t rounded;
    int class = size_class(bytes, &rounded);
    Thread *thread = tensor_thread();
    tensor_count_use(thread, -(int64_t)rounded);
    if (!CACHING) {
        give_system(block, rounded);
        return;
    }
    Block *freed = block;
    if (LIKELY(class < SMALL_CLASSES)) {
        freed->next = thread->cache[class];
        thread->cache[class] = freed;
        return;
    }
    pthread_mutex_lock(&lock);
    freed->next = large[class];
    large[class] = freed;
    pthread_mutex_unlock(&lock);
}

void *tensor_realloc(void *block, size_t old_bytes, size_t new_bytes) {
    void *moved = tensor_alloc(new_bytes);
    if (!moved) return NULL;
    if (block) memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
    tensor_free(block, old_bytes);
    return moved;
}

char *tensor_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = tensor_alloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void tensor_strfree(char *text) {
    if (text) tensor_free(text, strlen(text) + 1);
}

static void free_lists(Block **lists, int n) {
    for (int i = 0; i < n; i++)
        while (lists[i]) {
            Block *block = lists[i];
            lists[i] = block->next;
            give_system(block, class_bytes(i));
        }
}

static void trim_thread(Thread *thread) {
    free_lists(thread->cache, SMALL_CLASSES);
}

void ct_memory_trim(void) {
    trim_thread(tensor_thread());
    tensor_memory_end();
}

void tensor_memory_end(void) {
    pthread_mutex_lock(&lock);
    free_lists(large, ALL_CLASSES);
    pthread_mutex_unlock(&lock);
}

void tensor_memory_thread_end(Thread *thread) {
    trim_thread(thread);
    tensor_report_use(thread);
    pthread_mutex_lock(&lock);
    ended_in_use += atomic_load(&thread->bytes_in_use);
    ended_tensors += atomic_load(&thread->tensors_alive);
    ended_nodes += atomic_load(&thread->nodes_alive);
    atomic_store(&thread->bytes_in_use, 0);
    atomic_store(&thread->tensors_alive, 0);
    atomic_store(&thread->nodes_alive, 0);
    pthread_mutex_unlock(&lock);
}

typedef struct {
    int64_t in_use, tensors, nodes;
} Totals;

static void add_thread(Thread *thread, void *user) {
    Totals *totals = user;
    totals->in_use += atomic_load_explicit(&thread->bytes_in_use, memory_order_relaxed);
    totals->tensors += atomic_load_explicit(&thread->tensors_alive, memory_order_relaxed);
    totals->nodes += atomic_load_explicit(&thread->nodes_alive, memory_order_relaxed);
}

ct_memory_info ct_memory(void) {
    tensor_report_use(tensor_thread());
    Totals totals = {0};
    pthread_mutex_lock(&lock);
    totals = (Totals){ended_in_use, ended_tensors, ended_nodes};
    pthread_mutex_unlock(&lock);
    tensor_thread_each(add_thread, &totals);
    return (ct_memory_info){
        .bytes_in_use = (size_t)totals.in_use,
        .bytes_cached = (size_t)(atomic_load(&from_system) - totals.in_use),
        .bytes_peak = (size_t)atomic_load(&peak),
        .system_allocs = atomic_load(&system_allocs),
        .tensors_alive = (uint64_t)totals.tensors,
        .nodes_alive = (uint64_t)totals.nodes,
    };
}

void ct_memory_reset_peak(void) {
    tensor_report_use(tensor_thread());
    atomic_store(&peak, atomic_load(&shared_in_use));
}
