/* A pool of threads that starts at its first use, spins briefly for more work, then sleeps. Pieces of work are
 * handed out by one atomic counter; who computes a piece does not matter, since the cut depends on sizes alone. */
#define _GNU_SOURCE
#include "internal/parallel.h"
#include "internal/thread.h"
#include "runtime.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 256, STACK_BYTES = 1 << 20, SPINS = 4000 };

typedef struct {
    Kernel *kernel;
    const void *arguments;
    int64_t range, grain, pieces;
    _Atomic(int64_t) next, bad;
} Job;

static struct {
    pthread_mutex_t lock;  /* guards what follows */
    pthread_cond_t wake;   /* there is a job, or the end */
    pthread_t threads[MAX_THREADS];
    int count;             /* workers, the caller not among them */
    bool ending;
    _Atomic(Job *) job;
    _Atomic(uint64_t) serial; /* of the job: a worker joins each once */
    _Atomic(int) inside;      /* workers that may look at the job */
    pthread_mutex_t use;   /* held by the thread whose job runs */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .use = PTHREAD_MUTEX_INITIALIZER};

static _Atomic(int) wanted; /* threads, the caller among them; 0: not yet known */
static _Thread_local bool in_kernel;

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int default_threads(void) {
    const char *text = getenv("CT_NUM_THREADS");
    long threads = text ? strtol(text, NULL, 10) : 0;
#ifdef __linux__
    cpu_set_t set;
    if (threads < 1 && sched_getaffinity(0, sizeof set, &set) == 0) threads = CPU_COUNT(&set);
#endif
    if (threads < 1) threads = sysconf(_SC_NPROCESSORS_ONLN);
    return threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : (int)threads;
}

int ct_num_threads(void) {
    int threads = atomic_load_explicit(&wanted, memory_order_relaxed);
    if (UNLIKELY(threads == 0)) {
        int expected = 0;
        threads = default_threads();
        if (!atomic_compare_exchange_strong(&wanted, &expected, threads)) threads = expected;
    }
    return threads;
}

static void run_pieces(Job *job) {
    for (;;) {
        int64_t piece = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (piece >= job->pieces) return;
        int64_t begin = piece * job->grain, end = begin + job->grain;
        if (end > job->range) end = job->range;
        int64_t bad = job->kernel(job->arguments, begin, end);
        if (UNLIKELY(bad >= 0)) {
            int64_t lowest = atomic_load(&job->bad);
            while ((lowest < 0 || bad < lowest) && !atomic_compare_exchange_weak(&job->bad, &lowest, bad)) {}
        }
    }
}

/* Waits for a job newer than `seen`; false at the end. */
static bool await_job(uint64_t seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool.serial, memory_order_acquire) != seen) return true;
        pause_briefly();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.serial) == seen && !pool.ending) pthread_cond_wait(&pool.wake, &pool.lock);
    bool go_on = !pool.ending;
    pthread_mutex_unlock(&pool.lock);
    return go_on;
}

static void *work(void *unused) {
    (void)unused;
    in_kernel = true;
    uint64_t seen = 0;
    while (await_job(seen)) {
        atomic_fetch_add(&pool.inside, 1);
        seen = atomic_load(&pool.serial);
        Job *job = atomic_load(&pool.job);
        if (job) run_pieces(job);
        atomic_fetch_sub(&pool.inside, 1);
    }
    return NULL;
}

/* Brings the pool to `count` workers, as far as the system grants them. The caller holds pool.use. */
static void resize(int count) {
    if (pool.count > count) tensor_pool_end();
    pthread_attr_t attributes;
    if (pool.count == count || pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (pool.count < count && pthread_create(&pool.threads[pool.count], &attributes, work, NULL) == 0) pool.count++;
    pthread_attr_destroy(&attributes);
}

void tensor_pool_end(void) {
    pthread_mutex_lock(&pool.lock);
    pool.ending = true;
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    atomic_fetch_add(&pool.serial, 1);
    for (int i = 0; i < pool.count; i++) pthread_join(pool.threads[i], NULL);
    pool.count = 0;
    pool.ending = false;
}

/* A child of fork() has no workers: it makes its own. */
static void forget_workers(void) {
    pool.count = 0;
    pool.ending = false;
    atomic_store(&pool.job, NULL);
    atomic_store(&pool.inside, 0);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_mutex_init(&pool.use, NULL);
    pthread_cond_init(&pool.wake, NULL);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, forget_workers);
}

void ct_set_num_threads(int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
        ct_error_raise(CT_ERR_VALUE, "ct_set_num_threads: %d threads; expected 1 to %d", threads, MAX_THREADS);
        return;
    }
    atomic_store(&wanted, threads);
}

static void run_shared(Job *job) {
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.job, job);
    atomic_fetch_add(&pool.serial, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    in_kernel = true;
    run_pieces(job);
    in_kernel = false;
    atomic_store(&pool.job, NULL);
    while (atomic_load(&pool.inside) > 0) pause_briefly();
}

int64_t tensor_launch(Kernel *kernel, const void *arguments, size_t bytes, int64_t range, int64_t grain) {
    (void)bytes; /* what a recorder of launches copies */
    if (range <= 0) return -1;
    if (LIKELY(range <= grain)) return kernel(arguments, 0, range);
    if (grain < 1) grain = 1;
    Job job = {kernel, arguments, range, grain, (range + grain - 1) / grain, 0, -1};
    int threads = ct_num_threads();
    if (job.pieces < threads) threads = (int)job.pieces;
    if (threads > 1 && !in_kernel && pthread_mutex_trylock(&pool.use) == 0) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, watch_forks);
        int workers = ct_num_threads() - 1;
        if (pool.count != workers) resize(workers);
        run_shared(&job);
        pthread_mutex_unlock(&pool.use);
    } else {
        run_pieces(&job);
    }
    return atomic_load_explicit(&job.bad, memory_order_relaxed);
}
