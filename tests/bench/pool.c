/* The thread pool: what a launch costs beside its work, while the workers spin and while they sleep, and how work of a
 * millisecond is sped up. */
#include "bench.h"
#include "tensor/internal/parallel.h"

/* Each piece takes that long. */
typedef struct {
    double seconds;
    int64_t pieces;
} Burn;

static int64_t burn(const void *arguments, int64_t begin, int64_t end) {
    const Burn *b = arguments;
    const double until = b->seconds > 0 ? seconds_now() + b->seconds * (double)(end - begin) : 0;
    while (until > 0 && seconds_now() < until) {}
    return -1;
}

static void launch(void *data) {
    tensor_launch(burn, data, sizeof(Burn), ((const Burn *)data)->pieces, 1);
}

/* The median of single launches, each after a pause in which the workers fall asleep. */
static double seconds_after_pause(Burn *work) {
    double rounds[MAX_ROUNDS], end = seconds_now() + seconds_allowed();
    int n = 0;
    do {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        rounds[n++] = seconds_of(launch, work, 1);
    } while (n < MAX_ROUNDS && seconds_now() < end);
    return median(rounds, n);
}

int main(void) {
    bench_begin();
    Burn nothing = {0, ct_num_threads()}, little = {1e-6, 16}, much = {1e-3 / 16, 16};
    report("pool/empty/spinning", seconds_per_call(launch, &nothing) * 1e9, "ns");
    report("pool/empty/asleep", seconds_after_pause(&nothing) * 1e9, "ns");
    report("pool/16us/spinning", seconds_per_call(launch, &little) * 1e9, "ns");
    report("pool/16us/asleep", seconds_after_pause(&little) * 1e9, "ns");
    report("pool/1ms/spinning", seconds_per_call(launch, &much) * 1e9, "ns");
    report("pool/1ms/asleep", seconds_after_pause(&much) * 1e9, "ns");
    return 0;
}
