/* Reading and adding at indices, sorting, searching and running sums, f32: ns for each element read, sorted or added. */
#include "bench.h"

typedef struct {
    ct_tensor *(*function)(ct_tensor *x, ct_tensor *index); /* forward, or */
    ct_tensor *y, *dy;                                      /* backward from y */
    ct_tensor *x, *index;
} Call;

static void call(void *data) {
    const Call *c = data;
    CT_SCOPED;
    ct_tensor *dx;
    if (c->function) c->function(c->x, c->index);
    else ct_gradients(&c->y, 1, &c->x, 1, &c->dy, CT_RETAIN_GRAPH, &dx);
}

/* The time of a call is shared by that many elements. */
static void line(const char *name, ct_tensor *(*function)(ct_tensor *x, ct_tensor *index), ct_tensor *x,
                 ct_tensor *index, int64_t elements) {
    report(name, seconds_per_call(call, &(Call){.function = function, .x = x, .index = index}) / (double)elements * 1e9,
           "ns");
}

/* Forward, then backward. */
static void lines(const char *name, ct_tensor *(*function)(ct_tensor *x, ct_tensor *index), ct_tensor *x,
                  ct_tensor *index) {
    CT_SCOPED;
    char backward[64];
    x = ct_set_requires_grad(ct_clone(x), true);
    ct_tensor *y = function(x, index);
    Call c = {.y = y, .dy = ct_randn_like(y), .x = x};
    const int64_t n = ct_numel(y);
    snprintf(backward, sizeof backward, "%s/backward", name);
    line(name, function, ct_detach(x), index, n);
    report(backward, seconds_per_call(call, &c) / (double)n * 1e9, "ns");
}

#define CALL(name, ...)                                                                                      \
    static ct_tensor *name(ct_tensor *x, ct_tensor *index) {                                                 \
        (void)x, (void)index;                                                                                         \
        ct_tensor *other;                                                                                    \
        (void)other;                                                                                         \
        return __VA_ARGS__;                                                                                  \
    }
CALL(gather_0, ct_gather(x, 0, index))
CALL(gather_1, ct_gather(x, 1, index))
CALL(select_0, ct_index_select(x, 0, index))
CALL(select_1, ct_index_select(x, 1, index))
CALL(embed, ct_embedding(x, index, -1))
CALL(scatter_add, ct_scatter_add(x, 1, index, x))
CALL(masked_select, ct_masked_select(x, index))
CALL(nonzero, ct_nonzero(index))
CALL(sort_0, ct_sort(x, 0, false, &other))
CALL(sort_1, ct_sort(x, 1, false, &other))
CALL(topk_0, ct_topk(x, 100, 0, true, &other))
CALL(topk_1, ct_topk(x, 10, 1, true, &other))
CALL(middle, ct_median(x))
CALL(unique, ct_unique(x, NULL, NULL))
CALL(searchsorted, ct_searchsorted(x, index, false))
CALL(cumsum_0, ct_cumsum(x, 0))
CALL(cumsum_1, ct_cumsum(x, 1))
CALL(cumprod_1, ct_cumprod(x, 1))
CALL(logcumsumexp_1, ct_logcumsumexp(x, 1))
CALL(cummax_1, ct_cummax(x, 1, &other))

int main(void) {
    bench_begin();
    ct_tensor *x = ct_randn(CT_F32, CT_DIMS(4096, 1024)), *mask = ct_gt_scalar(x, 0);
    lines("gather/dim0", gather_0, x, ct_randint(CT_I64, 0, 4096, CT_DIMS(4096, 1024)));
    lines("gather/dim1", gather_1, x, ct_randint(CT_I64, 0, 1024, CT_DIMS(4096, 1024)));
    lines("index_select/dim0", select_0, x, ct_randint(CT_I64, 0, 4096, CT_DIMS(4096)));
    lines("index_select/dim1", select_1, x, ct_randint(CT_I64, 0, 1024, CT_DIMS(1024)));
    lines("embedding/10000x128", embed, ct_randn(CT_F32, CT_DIMS(10000, 128)),
          ct_randint(CT_I64, 0, 10000, CT_DIMS(64, 128)));
    lines("embedding/65x128", embed, ct_randn(CT_F32, CT_DIMS(65, 128)), ct_randint(CT_I64, 0, 65, CT_DIMS(16, 64)));
    line("scatter_add/dim1", scatter_add, x, ct_randint(CT_I64, 0, 1024, CT_DIMS(4096, 1024)), ct_numel(x));
    line("masked_select/half", masked_select, x, mask, ct_numel(x));
    line("nonzero/half", nonzero, x, mask, ct_numel(x));
    ct_tensor *row = ct_randn(CT_F32, CT_DIMS(1000000)), *integers = ct_randint(CT_I64, 0, 1000, CT_DIMS(1000000));
    lines("sort/1e6", sort_0, row, NULL);
    line("sort/1e6/f64", sort_0, ct_to(row, CT_F64), NULL, 1000000);
    line("sort/1e6/i64", sort_0, integers, NULL, 1000000);
    line("sort/8192x128", sort_1, ct_randn(CT_F32, CT_DIMS(8192, 128)), NULL, 1 << 20);
    line("sort/65536x16", sort_1, ct_randn(CT_F32, CT_DIMS(65536, 16)), NULL, 1 << 20);
    line("sort/1024x1024/dim0", sort_0, ct_randn(CT_F32, CT_DIMS(1024, 1024)), NULL, 1 << 20);
    line("topk/1e6", topk_0, row, NULL, 1000000);
    line("topk/4096x1024", topk_1, x, NULL, ct_numel(x));
    line("median/1e6", middle, row, NULL, 1000000);
    line("unique/1e6", unique, integers, NULL, 1000000);
    line("searchsorted/1e6", searchsorted, ct_sort(row, 0, false, NULL), row, 1000000);
    line("cumsum/dim0", cumsum_0, x, NULL, ct_numel(x));
    line("cumsum/dim1", cumsum_1, x, NULL, ct_numel(x));
    line("cumprod/dim1", cumprod_1, x, NULL, ct_numel(x));
    line("logcumsumexp/dim1", logcumsumexp_1, x, NULL, ct_numel(x));
    line("cummax/dim1", cummax_1, x, NULL, ct_numel(x));
    return 0;
}
