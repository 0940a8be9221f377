/* Attention of 16 × 4 heads of 32 numbers each, norms of images, and distances between points: µs a call. */
#include "bench.h"

typedef struct {
    ct_tensor *x[3], *dy;
    int count; /* of operands that want a gradient */
    ct_tensor *(*function)(ct_tensor *const *x);
} Subject;

static ct_tensor *attention(ct_tensor *const *x) {
    return ct_scaled_dot_product_attention(x[0], x[1], x[2], NULL, 0, false);
}

static ct_tensor *causal_attention(ct_tensor *const *x) {
    return ct_scaled_dot_product_attention(x[0], x[1], x[2], NULL, 0, true);
}

static ct_tensor *batch_norm(ct_tensor *const *x) {
    return ct_batch_norm(x[0], x[1], x[2], NULL, NULL, true, 0.1, 1e-5);
}

static ct_tensor *group_norm(ct_tensor *const *x) {
    return ct_group_norm(x[0], 8, x[1], x[2], 1e-5);
}

static ct_tensor *distances(ct_tensor *const *x) {
    return ct_cdist(x[0], x[1], 2);
}

static void forward(void *data) {
    const Subject *s = data;
    CT_SCOPED;
    CT_NO_GRAD;
    s->function(s->x);
}

static void both(void *data) {
    const Subject *s = data;
    CT_SCOPED;
    ct_tensor *out[3], *y = s->function(s->x);
    ct_gradients(&y, 1, (ct_tensor *const *)s->x, s->count, (ct_tensor *const *)&s->dy, 0, out);
}

static void lines(const char *name, Subject *s) {
    char text[64];
    for (int i = 0; i < s->count; i++) ct_set_requires_grad(s->x[i], true);
    s->dy = ct_randn_like(s->function(s->x));
    snprintf(text, sizeof text, "%s/forward", name);
    report(text, seconds_per_call(forward, s) * 1e6, "us");
    snprintf(text, sizeof text, "%s/both", name);
    report(text, seconds_per_call(both, s) * 1e6, "us");
}

static void attention_lines(const char *name, int64_t positions, ct_tensor *(*function)(ct_tensor *const *x)) {
    CT_SCOPED;
    Subject s = {.function = function, .count = 3};
    for (int i = 0; i < 3; i++) s.x[i] = ct_randn(CT_F32, CT_DIMS(16, 4, positions, 32));
    lines(name, &s);
}

static void norm_lines(const char *name, ct_tensor *(*function)(ct_tensor *const *x)) {
    CT_SCOPED;
    Subject s = {.function = function, .count = 3};
    s.x[0] = ct_randn(CT_F32, CT_DIMS(64, 32, 28, 28));
    for (int i = 1; i < 3; i++) s.x[i] = ct_randn(CT_F32, CT_DIMS(32));
    lines(name, &s);
}

static void distance_lines(const char *name, int64_t coordinates) {
    CT_SCOPED;
    Subject s = {.function = distances, .count = 2};
    for (int i = 0; i < 2; i++) s.x[i] = ct_randn(CT_F32, CT_DIMS(512, coordinates));
    lines(name, &s);
}

int main(void) {
    bench_begin();
    attention_lines("attention/64", 64, attention);
    attention_lines("attention/512", 512, attention);
    attention_lines("causal/512", 512, causal_attention);
    norm_lines("batch_norm", batch_norm);
    norm_lines("group_norm", group_norm);
    distance_lines("cdist/512x64", 64);
    distance_lines("cdist/512x3", 3);
    return 0;
}
