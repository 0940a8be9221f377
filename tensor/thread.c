#include "internal/thread.h"
#include <pthread.h>
#include <stdlib.h>

_Thread_local Thread *tensor_thread_current;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Thread *threads;
static Thread emergency; /* when there is no memory even for a thread's state */

static void end_thread(void *state) {
    Thread *thread = state;
    tensor_thread_current = thread;
    tensor_scope_thread_end(thread);
    tensor_memory_thread_end(thread);
    pthread_mutex_lock(&lock);
    if (thread->previous) thread->previous->next = thread->next;
    else if (threads == thread) threads = thread->next;
    if (thread->next) thread->next->previous = thread->previous;
    pthread_mutex_unlock(&lock);
    tensor_thread_current = NULL;
    if (thread != &emergency) free(thread);
}

static void lock_for_fork(void) {
    pthread_mutex_lock(&lock);
}

static void unlock_after_fork(void) {
    pthread_mutex_unlock(&lock);
}

static void make_key(void) {
    pthread_key_create(&key, end_thread);
    pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
}

Thread *tensor_thread_start(void) {
    pthread_once(&once, make_key);
    Thread *thread = calloc(1, sizeof *thread);
    if (!thread) thread = &emergency;
    thread->next_mark = ((size_t)(uintptr_t)thread << 16) | 1;
    pthread_mutex_lock(&lock);
    thread->previous = NULL;
    thread->next = threads == thread ? thread->next : threads;
    if (threads && threads != thread) threads->previous = thread;
    threads = thread;
    pthread_mutex_unlock(&lock);
    pthread_setspecific(key, thread);
    return tensor_thread_current = thread;
}

void tensor_thread_each(void (*visit)(Thread *thread, void *user), void *user) {
    pthread_mutex_lock(&lock);
    for (Thread *thread = threads; thread; thread = thread->next) visit(thread, user);
    pthread_mutex_unlock(&lock);
}

/* pthread keys are not run for the thread that ends the process. */
__attribute__((destructor)) static void end_process(void) {
    tensor_pool_end();
    if (tensor_thread_current) {
        pthread_setspecific(key, NULL);
        end_thread(tensor_thread_current);
    }
    tensor_memory_end();
}
