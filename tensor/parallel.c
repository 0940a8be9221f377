/* A pool of threads that starts at its first use, spins briefly for more work, then sleeps. How work is cut into pieces
 * depends on sizes alone; who computes a piece, and whether the pool is asked at all, does not change results. */
#define _GNU_SOURCE
#include "internal/parallel.h"
#include "internal/thread.h"
#include "runtime.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256, STACK_BYTES = 1 << 20, CACHE_LINE = 64 };

/* Nanoseconds. */
enum {
    IDLE_SPIN = 100000,  /* how long a worker spins for a job before it sleeps */
    WAKE_AFTER = 100000, /* how long launches do without sleeping workers: waking one takes about half of it */
    JOIN_SPIN = 20000,   /* how long a launch spins for its last pieces, beyond the time of one, before it sleeps */
    LATE = 200000,       /* a worker later than this has lost its core to somebody else */
    SHORTEST_REST = 10000000, LONGEST_REST = 320000000, /* how long launches then do without the pool */
    CROWDED_REST = 3000000, /* the same when a worker was woken on the launching thread's own core */
};

typedef struct {
    Kernel *kernel;
    const void *arguments;
    int64_t range, grain;
    int shares;
    _Atomic(int64_t) bad;
} Job;

/* Neighbouring pieces where one thread begins, job after job, since it may have the same data in its cache; it then
 * helps with the shares of the others. */
typedef struct {
    _Alignas(CACHE_LINE) _Atomic(int64_t) next;
    int64_t end;
} Share;

static struct {
    /* What spinning workers look at. */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) serial; /* of the job: a worker joins each once */
    _Atomic(Job *) job;
    _Atomic(int) inside;  /* workers that may look at the job */
    _Atomic(bool) joining; /* the launch sleeps until nobody is inside */
    _Atomic(bool) asleep; /* some worker sleeps, and has not been woken */
    _Atomic(int) core;    /* where the last launch began */
    _Atomic(bool) crowded; /* a worker found itself on that core */
    _Atomic(bool) ending;
    Share shares[MAX_THREADS];

    /* What only the thread that holds the pool looks at. */
    _Alignas(CACHE_LINE) _Atomic(bool) held;
    pthread_t threads[MAX_THREADS];
    int count, asked_for;   /* workers, the launching thread not among them: had, wanted */
    int64_t last_end;       /* of a launch while workers slept */
    int64_t alone_since;    /* such launches began, the time between them left out */
    int64_t rest_until, rest; /* until when launches do without the pool, and for how long */

    pthread_mutex_t lock; /* of the conditions */
    pthread_cond_t wake;  /* there is a job, or the end */
    pthread_cond_t left;  /* nobody is inside */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

static _Atomic(int) wanted; /* threads, the caller among them; 0: not yet known */
static _Thread_local bool in_kernel;

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int this_core(void) {
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
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

void ct_set_num_threads(int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
        ct_error_raise(CT_ERR_VALUE, "ct_set_num_threads: %d threads; expected 1 to %d", threads, MAX_THREADS);
        return;
    }
    atomic_store(&wanted, threads);
}

/* ---- pieces ---- */

static void run_piece(Job *job, int64_t piece) {
    int64_t begin = piece * job->grain, end = begin + job->grain;
    int64_t bad = job->kernel(job->arguments, begin, end < job->range ? end : job->range);
    if (LIKELY(bad < 0)) return;
    int64_t lowest = atomic_load(&job->bad);
    while ((lowest < 0 || bad < lowest) && !atomic_compare_exchange_weak(&job->bad, &lowest, bad)) {}
}

/* The next piece for the thread of that number, or -1. */
static int64_t take_piece(const Job *job, int self) {
    for (int i = 0; i < job->shares; i++) {
        Share *share = &pool.shares[(self + i) % job->shares];
        if (atomic_load_explicit(&share->next, memory_order_relaxed) >= share->end) continue;
        int64_t piece = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed);
        if (piece < share->end) return piece;
    }
    return -1;
}

static void share_out(Job *job, int64_t pieces, int threads) {
    job->shares = pieces < threads ? (int)pieces : threads;
    for (int i = 0; i < job->shares; i++) {
        atomic_store_explicit(&pool.shares[i].next, i * pieces / job->shares, memory_order_relaxed);
        pool.shares[i].end = (i + 1) * pieces / job->shares;
    }
}

/* ---- workers ---- */

/* Whether the job changes while a worker may spin: not where it would keep the launching thread from running. */
static bool spin_for_job(uint64_t seen) {
    for (int64_t until = now() + IDLE_SPIN; now() < until;) {
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(&pool.serial, memory_order_acquire) != seen) return true;
            pause_briefly();
        }
        const int core = this_core();
        if (core < 0 || core != atomic_load_explicit(&pool.core, memory_order_relaxed)) continue;
        atomic_store(&pool.crowded, true);
        return false;
    }
    return false;
}

/* Waits for a job newer than `seen`; false at the end. */
static bool await_job(uint64_t seen) {
    if (!spin_for_job(seen)) {
        pthread_mutex_lock(&pool.lock);
        while (atomic_store(&pool.asleep, true), atomic_load(&pool.serial) == seen && !atomic_load(&pool.ending))
            pthread_cond_wait(&pool.wake, &pool.lock);
        pthread_mutex_unlock(&pool.lock);
    }
    return !atomic_load(&pool.ending);
}

static void leave(void) {
    if (atomic_fetch_sub(&pool.inside, 1) > 1 || !atomic_load(&pool.joining)) return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.left);
    pthread_mutex_unlock(&pool.lock);
}

static void *work(void *number) {
    const int self = (int)(intptr_t)number;
    in_kernel = true;
    uint64_t seen = 0;
    while (await_job(seen)) {
        atomic_fetch_add(&pool.inside, 1);
        seen = atomic_load(&pool.serial);
        Job *job = atomic_load(&pool.job);
        for (int64_t piece; job && (piece = take_piece(job, self)) >= 0;) run_piece(job, piece);
        leave();
    }
    return NULL;
}

static void wake_workers(void) {
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.asleep, false);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

/* The functions from here on are for the thread that holds the pool. */

static void end_workers(void) {
    atomic_store(&pool.ending, true);
    atomic_fetch_add(&pool.serial, 1);
    wake_workers();
    for (int i = 0; i < pool.count; i++) pthread_join(pool.threads[i], NULL);
    pool.count = 0;
    atomic_store(&pool.ending, false);
}

/* Brings the pool to `count` workers, as far as the system grants them. Signals are for the program's own threads. */
static void resize(int count) {
    if (pool.count > count) end_workers();
    pool.asked_for = count;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.count < count && pthread_create(&pool.threads[pool.count], &attributes, work,
                                                (void *)(intptr_t)(pool.count + 1)) == 0)
        pool.count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* A child of fork() has no workers: it makes its own. */
static void forget_workers(void) {
    pool.count = pool.asked_for = 0;
    atomic_store(&pool.job, NULL);
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.asleep, false);
    atomic_store(&pool.joining, false);
    atomic_store(&pool.ending, false);
    atomic_store(&pool.held, false);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.left, NULL);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, forget_workers);
}

/* ---- launches ---- */

/* Sleeping workers are woken once launches have done without them for about the time that waking takes: then neither
 * rare small launches nor a long one lose more than twice what the best choice would cost. */
static void wake_in_time(int64_t start) {
    if (!atomic_load(&pool.asleep)) return;
    int64_t time = now();
    if (pool.last_end < start) {
        pool.alone_since = start - pool.last_end > IDLE_SPIN ? start : pool.alone_since + start - pool.last_end;
        pool.last_end = start;
    }
    if (time - pool.alone_since < WAKE_AFTER) return;
    pool.alone_since = time;
    wake_workers();
}

/* A worker was late. Let the others who want the cores have them for a while, longer each time it happens again, and
 * shorter the more workers there are: one of many is late often, and the rest is dear. */
static void rest(int64_t time) {
    bool again = time - pool.rest_until < 16 * pool.rest;
    pool.rest = !again ? SHORTEST_REST : 2 * pool.rest < LONGEST_REST ? 2 * pool.rest : LONGEST_REST;
    pool.rest_until = time + pool.rest / pool.count;
}

static void sleep_until_left(void) {
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.joining, true);
    while (atomic_load(&pool.inside) > 0) pthread_cond_wait(&pool.left, &pool.lock);
    atomic_store(&pool.joining, false);
    pthread_mutex_unlock(&pool.lock);
}

/* Waits for the workers, which are at their last pieces, while this thread did `pieces` since `begin`. A worker that lost
 * its core gets this one. */
static void await_workers(int64_t begin, int64_t pieces) {
    for (int i = 0; i < 64; i++) {
        if (atomic_load(&pool.inside) == 0) return;
        pause_briefly();
    }
    const int64_t start = now(), piece = (start - begin) / (pieces ? pieces : 1);
    int64_t end = start;
    while (atomic_load(&pool.inside) > 0 && end - start < piece + JOIN_SPIN) {
        pause_briefly();
        end = now();
    }
    if (atomic_load(&pool.inside) == 0) return;
    sleep_until_left();
    end = now();
    if (end - start > 2 * piece + LATE) rest(end);
}

static void run_shared(Job *job, int64_t start) {
    atomic_store_explicit(&pool.core, this_core(), memory_order_relaxed);
    atomic_store(&pool.job, job);
    atomic_fetch_add(&pool.serial, 1);
    in_kernel = true;
    int64_t pieces = 0;
    for (int64_t piece; (piece = take_piece(job, 0)) >= 0; pieces++) {
        wake_in_time(start);
        run_piece(job, piece);
    }
    in_kernel = false;
    atomic_store(&pool.job, NULL);
    if (atomic_load(&pool.asleep)) pool.last_end = now();
    await_workers(start, pieces);
    if (UNLIKELY(atomic_load_explicit(&pool.crowded, memory_order_relaxed))) {
        atomic_store(&pool.crowded, false);
        pool.rest_until = now() + CROWDED_REST / pool.count;
    }
}

/* False if the pool is not to be had, or better left alone. */
static bool hold_pool(int threads, int64_t *start) {
    if (threads == 1 || in_kernel || atomic_load_explicit(&pool.held, memory_order_relaxed) ||
        atomic_exchange(&pool.held, true))
        return false;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    if (pool.asked_for != threads - 1) resize(threads - 1);
    *start = now();
    if (pool.count > 0 && *start >= pool.rest_until) return true;
    atomic_store(&pool.held, false);
    return false;
}

int64_t tensor_launch(Kernel *kernel, const void *arguments, size_t bytes, int64_t range, int64_t grain) {
    (void)bytes; /* what a recorder of launches copies */
    if (range <= 0) return -1;
    if (LIKELY(range <= grain)) return kernel(arguments, 0, range);
    if (grain < 1) grain = 1;
    Job job = {kernel, arguments, range, grain, 1, -1};
    const int64_t pieces = (range + grain - 1) / grain;
    int64_t start;
    if (hold_pool(ct_num_threads(), &start)) {
        share_out(&job, pieces, pool.count + 1);
        run_shared(&job, start);
        atomic_store(&pool.held, false);
    } else {
        for (int64_t piece = 0; piece < pieces; piece++) run_piece(&job, piece);
    }
    return atomic_load_explicit(&job.bad, memory_order_relaxed);
}

/* The process ends, or the library is unloaded: launches of other threads, if any, then do without workers. */
void tensor_pool_end(void) {
    if (!atomic_exchange(&pool.held, true)) end_workers();
}
