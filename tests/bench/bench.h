/* Timing for the benchmarks. They print lines `name value unit`; the names are what compare.py looks for.
 * CT_NUM_THREADS sets the threads, BENCH_SECONDS the time that each line may take (0.2). */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <cotangent.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_ROUNDS = 64 };

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline double seconds_allowed(void) {
    const char *text = getenv("BENCH_SECONDS");
    return text ? strtod(text, NULL) : 0.2;
}

static inline int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static inline double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, ascending);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static inline void report(const char *name, double value, const char *unit) {
    printf("%-28s %12.4g %s\n", name, value, unit);
    fflush(stdout);
}

/* What is measured: one call is one unit of work, and ends its own scope. */
typedef void Work(void *data);

static inline double seconds_of(Work *work, void *data, int64_t calls) {
    const double start = seconds_now();
    for (int64_t i = 0; i < calls; i++) work(data);
    return seconds_now() - start;
}

/* Seconds of one call: the median of rounds. The calls that find out how many fill a round are the warm-up. */
static inline double seconds_per_call(Work *work, void *data) {
    const double allowed = seconds_allowed();
    int64_t calls = 1;
    while (seconds_of(work, data, calls) < allowed / MAX_ROUNDS) calls *= 2;
    double rounds[MAX_ROUNDS], end = seconds_now() + allowed;
    int n = 0;
    do rounds[n++] = seconds_of(work, data, calls) / (double)calls;
    while (n < MAX_ROUNDS && seconds_now() < end);
    return median(rounds, n);
}

/* The first lines of a program; an error ends it. */
static inline void bench_begin(void) {
    ct_set_error_handler(ct_error_abort, NULL);
    ct_manual_seed(1);
    printf("# %s, %d threads\n", ct_simd(), ct_num_threads());
}

#endif
