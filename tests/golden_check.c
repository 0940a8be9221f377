/* Operations: outputs, gradients by the plain and by the recorded rules, second order, each in several
 * layouts. */
#include "golden_check.h"
#include "golden_ops.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 8 };

/* A case on its way: its arguments in a layout, its outputs, and which of them carry gradients. */
typedef struct {
    const GoldenData *data;
    const GoldenCase *golden;
    Layout layout;
    const char *only;    /* the one argument that requires a gradient, or NULL: all that want one */
    ct_tensor **tensors; /* by record: arguments and upstream gradients */
    ct_tensor *outputs[GOLDEN_OUTPUTS];
    ct_tensor *ys[GOLDEN_OUTPUTS], *dys[GOLDEN_OUTPUTS];
    int n_ys;
    ct_tensor *xs[ARGUMENTS];
    const GoldenRecord *expected[ARGUMENTS]; /* the gradient of each x */
    int n_xs;
    char name[128];
} Run;

static ct_tensor *golden_make(const GoldenData *data, const GoldenTensor *tensor, Layout layout) {
    double *numbers = golden_numbers(data, tensor);
    ct_tensor *x = make_layout(tensor->dtype, tensor->shape, tensor->ndim, numbers, layout);
    free(numbers);
    return x;
}

static bool is_input(const GoldenRecord *record) {
    static const char *const tags[] = {"arg", "el", "gout"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(record->tag, tags[i]) == 0) return record->type == 't';
    return false;
}

static void make_inputs(Run *run) {
    const GoldenCase *golden = run->golden;
    for (int i = 0; i < golden->count; i++)
        if (is_input(&golden->records[i]))
            run->tensors[i] = golden_make(run->data, &golden->records[i].tensor, run->layout);
}

/* Inputs and upstream gradients are what they were. */
static void check_inputs_unchanged(const Run *run) {
    for (int i = 0; i < run->golden->count; i++) {
        if (!run->tensors[i]) continue;
        char what[192];
        snprintf(what, sizeof what, "%s: input %s afterwards", run->name, run->golden->records[i].name);
        ct_tensor *fresh = golden_make(run->data, &run->golden->records[i].tensor, LAYOUT_CONTIGUOUS);
        assert_allclose(what, run->tensors[i], fresh, 0, 0);
    }
}

/* Holds a result (NULL: all zero) against a record of the case. */
static void check_record(const Run *run, const char *what, const GoldenRecord *record, ct_tensor *got,
                         const char *tolerance) {
    char name[192];
    snprintf(name, sizeof name, "%s: %s %s", run->name, what, record->name);
    const GoldenRecord *within = golden_find(run->golden, tolerance, NULL);
    ct_tensor *want = golden_make(run->data, &record->tensor, LAYOUT_CONTIGUOUS);
    if (!got && !ct_error()) got = ct_zeros_like(want);
    if (got && record->tensor.dtype != ct_type(got))
        ck_abort_msg("%s: dtype %s, not %s", name, ct_dtype_name(ct_type(got)),
                     ct_dtype_name(record->tensor.dtype));
    assert_allclose(name, got, want, within ? within->numbers[0] : 0, within ? within->numbers[1] : 0);
}

static void run_forward(Run *run) {
    memset(run->outputs, 0, sizeof run->outputs);
    GoldenArguments arguments = {run->golden, run->tensors};
    golden_call(golden_op(run->golden->op), &arguments, run->outputs);
    ck_assert_msg(run->outputs[0], "%s: %s", run->name, ct_error_message());
}

static void check_outputs(const Run *run) {
    for (int i = 0; i < run->golden->count; i++) {
        const GoldenRecord *record = &run->golden->records[i];
        if (strcmp(record->tag, "out") == 0)
            check_record(run, "output", record, run->outputs[atoi(record->name)], "tol");
    }
}

/* Lists the arguments whose gradient the case states, and makes them require one. */
static void list_inputs(Run *run) {
    GoldenArguments arguments = {run->golden, run->tensors};
    run->n_xs = 0;
    for (int i = 0; i < run->golden->count; i++) {
        const GoldenRecord *record = &run->golden->records[i];
        if (strcmp(record->tag, "grad") != 0 || (run->only && strcmp(run->only, record->name) != 0)) continue;
        ct_tensor *x = golden_tensor(&arguments, record->name);
        ck_assert_msg(x && run->n_xs < ARGUMENTS, "%s: argument %s", run->name, record->name);
        run->expected[run->n_xs] = record;
        run->xs[run->n_xs++] = ct_set_requires_grad(x, true);
    }
}

static void list_outputs(Run *run) {
    run->n_ys = 0;
    for (int i = 0; i < run->golden->count; i++) {
        const GoldenRecord *record = &run->golden->records[i];
        if (strcmp(record->tag, "gout") != 0) continue;
        run->ys[run->n_ys] = run->outputs[atoi(record->name)];
        run->dys[run->n_ys++] = run->tensors[i];
    }
}

static void differentiate(Run *run, unsigned flags, ct_tensor **gradients) {
    run_forward(run);
    list_outputs(run);
    ct_status status = ct_gradients(run->ys, run->n_ys, run->xs, run->n_xs, run->dys, flags, gradients);
    ck_assert_msg(status == CT_OK, "%s: ct_gradients: %s", run->name, ct_error_message());
    for (int i = 0; i < run->n_xs; i++)
        check_record(run, "gradient of", run->expected[i], gradients[i], "gtol");
}

/* The accumulated gradients of a backward walk; an input that was not asked has none. */
static void check_backward(Run *run) {
    run_forward(run);
    list_outputs(run);
    for (int i = 0; i < run->n_ys; i++)
        ck_assert_msg(ct_backward_with(run->ys[i], run->dys[i], i + 1 < run->n_ys ? CT_RETAIN_GRAPH : 0) ==
                          CT_OK,
                      "%s: %s", run->name, ct_error_message());
    for (int i = 0; i < run->n_xs; i++) {
        check_record(run, "accumulated gradient of", run->expected[i], ct_grad(run->xs[i]), "gtol");
        ct_zero_grad(run->xs[i]);
    }
    for (int i = 0; i < run->golden->count; i++)
        ck_assert_msg(!run->tensors[i] || !ct_grad(run->tensors[i]), "%s: %s got a gradient unasked",
                      run->name, run->golden->records[i].name);
}

/* The sum of <gradient, v> as outputs and upstream gradients; a gradient that depends on nothing has no part
 * in it. */
static int list_products(const Run *run, ct_tensor *const *gradients, ct_tensor **ys, ct_tensor **dys) {
    int n = 0;
    for (int i = 0; i < run->n_xs; i++) {
        const GoldenRecord *v = golden_find(run->golden, "v", run->expected[i]->name);
        if (!v || !ct_requires_grad(gradients[i])) continue;
        ys[n] = gradients[i];
        dys[n++] = golden_make(run->data, &v->tensor, run->layout);
    }
    return n;
}

static void check_second_order(Run *run) {
    for (int i = 0; i < run->golden->count; i++)
        if (strcmp(run->golden->records[i].tag, "gout") == 0) ct_set_requires_grad(run->tensors[i], true);
    ct_tensor *first[ARGUMENTS], *ys[ARGUMENTS], *dys[ARGUMENTS], *inputs[ARGUMENTS + GOLDEN_OUTPUTS];
    ct_tensor *second[ARGUMENTS + GOLDEN_OUTPUTS] = {NULL};
    differentiate(run, CT_CREATE_GRAPH, first);
    int n_ys = list_products(run, first, ys, dys), n = 0;
    for (int i = 0; i < run->n_xs; i++) inputs[n++] = run->xs[i];
    for (int i = 0; i < run->n_ys; i++) inputs[n++] = run->dys[i];
    ct_status status = n_ys ? ct_gradients(ys, n_ys, inputs, n, dys, CT_ALLOW_UNUSED, second) : CT_OK;
    ck_assert_msg(status == CT_OK, "%s: second order: %s", run->name, ct_error_message());
    for (int i = 0; i < n; i++) {
        bool of_x = i < run->n_xs;
        char output[16];
        snprintf(output, sizeof output, "%d", i - run->n_xs);
        const char *name = of_x ? run->expected[i]->name : output;
        const GoldenRecord *record = golden_find(run->golden, of_x ? "gg" : "ggo", name);
        if (record)
            check_record(run, of_x ? "second order of" : "second order of output", record, second[i],
                         "ggtol");
    }
}

static void check_run(const GoldenData *data, const GoldenCase *golden, Layout layout, const char *only) {
    CT_SCOPED;
    Run run = {.data = data, .golden = golden, .layout = layout, .only = only};
    snprintf(run.name, sizeof run.name, "%s %s [%s%s%s]", golden->name, golden->dtype, layout_names[layout],
             only ? ", gradient only of " : "", only ? only : "");
    run.tensors = calloc((size_t)golden->count, sizeof *run.tensors);
    make_inputs(&run);
    list_inputs(&run);
    run_forward(&run);
    check_outputs(&run);
    if (run.n_xs > 0) {
        ct_tensor *gradients[ARGUMENTS];
        differentiate(&run, 0, gradients);
        check_backward(&run);
        if (!only) check_second_order(&run);
    }
    check_inputs_unchanged(&run);
    assert_no_error();
    free(run.tensors);
}

static int count_gradients(const GoldenCase *golden) {
    int n = 0;
    for (int i = 0; i < golden->count; i++) n += strcmp(golden->records[i].tag, "grad") == 0;
    return n;
}

bool has_golden_op(const char *name) {
    return golden_op(name) != NULL;
}

void check_golden_op(const GoldenData *data, const GoldenCase *golden) {
    static const Layout layouts[] = {LAYOUT_CONTIGUOUS, LAYOUT_TRANSPOSED, LAYOUT_SLICED, LAYOUT_REVERSED};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) check_run(data, golden, layouts[i], NULL);
    if (count_gradients(golden) < 2) return;
    for (int i = 0; i < golden->count; i++)
        if (strcmp(golden->records[i].tag, "grad") == 0)
            check_run(data, golden, LAYOUT_CONTIGUOUS, golden->records[i].name);
}
