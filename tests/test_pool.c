/* The thread pool: every piece runs once, whoever launches, and whatever happens to the pool meanwhile. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/parallel.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RANGE = 5000, LAUNCHERS = 4, ROUNDS = 300 };

typedef struct {
    _Atomic(int) *visits;
    int64_t bad[2];
} Visit;

static int64_t visit(const void *arguments, int64_t begin, int64_t end) {
    const Visit *v = arguments;
    int64_t lowest = -1;
    for (int64_t i = end - 1; i >= begin; i--) {
        atomic_fetch_add_explicit(&v->visits[i], 1, memory_order_relaxed);
        if (i == v->bad[0] || i == v->bad[1]) lowest = i;
    }
    return lowest;
}

/* Launches over a range of its own; how many launches went wrong. */
static int64_t launch_often(int rounds, unsigned seed) {
    _Atomic(int) *visits = calloc(RANGE, sizeof *visits);
    int64_t wrong = 0;
    for (int round = 0; round < rounds; round++) {
        const int64_t range = 1 + (int64_t)(seed = seed * 1664525u + 1013904223u) % RANGE, grain = 1 + seed / 7 % 400;
        const int64_t first = seed / 3 % (unsigned)range, second = seed / 5 % (unsigned)range;
        Visit v = {visits, {first, second}};
        wrong += tensor_launch(visit, &v, sizeof v, range, grain) != (first < second ? first : second);
        for (int64_t i = 0; i < range; i++) wrong += atomic_exchange(&visits[i], 0) != 1;
    }
    free(visits);
    return wrong;
}

static void *launch_in_thread(void *seed) {
    return (void *)(intptr_t)launch_often(ROUNDS, (unsigned)(uintptr_t)seed);
}

static void start_launchers(pthread_t threads[LAUNCHERS]) {
    for (int i = 0; i < LAUNCHERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, launch_in_thread, (void *)(intptr_t)(i + 1)), 0);
}

static void join_launchers(pthread_t threads[LAUNCHERS]) {
    for (int i = 0; i < LAUNCHERS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        ck_assert_int_eq((intptr_t)wrong, 0);
    }
}

START_TEST(launches_are_complete_with_any_number_of_threads) {
    for (int threads = 1; threads <= 8; threads++) {
        ct_set_num_threads(threads);
        ck_assert_int_eq(launch_often(ROUNDS, (unsigned)threads), 0);
    }
}
END_TEST

START_TEST(several_threads_launch_while_the_pool_is_resized) {
    pthread_t threads[LAUNCHERS];
    ct_set_num_threads(3);
    start_launchers(threads);
    for (int i = 0; i < ROUNDS; i++) {
        ct_set_num_threads(1 + i % 5);
        ck_assert_int_eq(launch_often(1, (unsigned)i), 0);
    }
    join_launchers(threads);
}
END_TEST

START_TEST(sleeping_workers_are_woken_for_long_launches) {
    ct_set_num_threads(4);
    for (int i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ck_assert_int_eq(launch_often(1 + i * i, (unsigned)i), 0);
    }
}
END_TEST

static int64_t launch_inside(const void *arguments, int64_t begin, int64_t end) {
    int64_t wrong = 0;
    for (int64_t i = begin; i < end; i++) wrong += launch_often(3, (unsigned)i);
    atomic_fetch_add(*(_Atomic(int64_t) *const *)arguments, wrong);
    return -1;
}

START_TEST(kernels_may_launch) {
    _Atomic(int64_t) wrong = 0;
    _Atomic(int64_t) *arguments = &wrong;
    ct_set_num_threads(3);
    for (int i = 0; i < 5; i++) tensor_launch(launch_inside, &arguments, sizeof arguments, 50, 3);
    ck_assert_int_eq(atomic_load(&wrong), 0);
}
END_TEST

#ifndef __SANITIZE_THREAD__ /* which does not know threads that are made after a fork */
static void launch_in_child(void) {
    pid_t child = fork();
    if (child == 0) {
        ct_set_num_threads(3);
        _exit(launch_often(ROUNDS, 7) == 0 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_child_forked_while_others_launch_has_a_pool) {
    pthread_t threads[LAUNCHERS];
    ct_set_num_threads(3);
    ck_assert_int_eq(launch_often(ROUNDS, 1), 0);
    start_launchers(threads);
    for (int i = 0; i < 10; i++) launch_in_child();
    join_launchers(threads);
}
END_TEST

/* exit() ends the pool: with workers that sleep, spin, or were never made. */
START_TEST(exit_ends_the_pool) {
    pid_t child = fork();
    if (child == 0) {
        ct_set_num_threads(1 + _i);
        if (_i > 0) launch_often(ROUNDS, 3);
        if (_i > 1) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

#endif

Suite *pool_suite(void) {
    Suite *suite = suite_create("pool");
    TCase *pool = support_case(suite, "pool");
    tcase_add_test(pool, launches_are_complete_with_any_number_of_threads);
    tcase_add_test(pool, several_threads_launch_while_the_pool_is_resized);
    tcase_add_test(pool, sleeping_workers_are_woken_for_long_launches);
    tcase_add_test(pool, kernels_may_launch);
#ifndef __SANITIZE_THREAD__
    tcase_add_test(pool, a_child_forked_while_others_launch_has_a_pool);
    tcase_add_loop_test(pool, exit_ends_the_pool, 0, 3);
#endif
    return suite;
}
