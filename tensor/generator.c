/* Generators of random numbers: what they have drawn so far. */
#include "internal/random.h"
#include "internal/function.h"
#include "internal/memory.h"
#include <pthread.h>

/* Guards every generator and every thread's choice of one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ct_generator process;

static void lock_generators(void) {
    pthread_mutex_lock(&lock);
}

static void unlock_generators(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(lock_generators, unlock_generators, unlock_generators);
}

/* The caller holds the lock. */
static ct_generator *current(void) {
    ct_generator *generator = tensor_thread()->generator;
    return generator ? generator : &process;
}

RandomStream tensor_random_reserve(int64_t counters) {
    tensor_thread();
    lock_generators();
    ct_generator *generator = current();
    RandomStream stream = {generator->seed, generator->offset};
    generator->offset += (uint64_t)counters;
    unlock_generators();
    return stream;
}

ct_generator tensor_generator_now(void) {
    lock_generators();
    ct_generator now = *current();
    unlock_generators();
    return now;
}

void ct_manual_seed(uint64_t seed) {
    tensor_thread(); /* takes a lock of its own when it starts: not inside this one */
    lock_generators();
    *current() = (ct_generator){seed, 0};
    unlock_generators();
}

ct_generator *ct_generator_new(uint64_t seed) {
    FUNCTION("ct_generator_new");
    ct_generator *generator = tensor_alloc(sizeof *generator);
    if (generator) *generator = (ct_generator){seed, 0};
    return generator;
}

/* The threads' lock is held: fork, too, takes it before this one. */
static void stop_using(Thread *thread, void *generator) {
    lock_generators();
    if (thread->generator == generator) thread->generator = NULL;
    unlock_generators();
}

void ct_generator_free(ct_generator *generator) {
    if (!generator) return;
    tensor_thread_each(stop_using, generator);
    tensor_free(generator, sizeof *generator);
}

ct_generator *ct_generator_use(ct_generator *generator) {
    Thread *thread = tensor_thread();
    lock_generators();
    ct_generator *before = thread->generator;
    thread->generator = generator;
    unlock_generators();
    return before;
}
