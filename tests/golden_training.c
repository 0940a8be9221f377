/* Optimisers along a trajectory, initialisers by their statistics, whole trainings. */
#include "golden_check.h"
#include "golden_ops.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS = 8, DRAWS = 200 };

#define NUMBER(name) golden_number(arguments, name)
#define FLAG(name) (NUMBER(name) != 0)

static void make_arguments(const GoldenData *data, GoldenArguments *arguments) {
    const GoldenCase *golden = arguments->golden;
    arguments->tensors = calloc((size_t)golden->count, sizeof *arguments->tensors);
    for (int i = 0; i < golden->count; i++) {
        const GoldenRecord *record = &golden->records[i];
        if (strcmp(record->tag, "arg") != 0 || record->type != 't') continue;
        double *numbers = golden_numbers(data, &record->tensor);
        arguments->tensors[i] =
            support_from_doubles(record->tensor.dtype, record->tensor.shape, record->tensor.ndim, numbers);
        free(numbers);
        if (record->tensor.requires_grad) ct_set_requires_grad(arguments->tensors[i], true);
    }
}

/* The expected output of that number as a tensor. */
static ct_tensor *expected_output(const GoldenData *data, const GoldenCase *golden, int output) {
    char name[16];
    snprintf(name, sizeof name, "%d", output);
    const GoldenRecord *record = golden_find(golden, "out", name);
    ck_assert_msg(record, "%s has no output %d", golden->name, output);
    double *numbers = golden_numbers(data, &record->tensor);
    ct_tensor *x =
        support_from_doubles(record->tensor.dtype, record->tensor.shape, record->tensor.ndim, numbers);
    free(numbers);
    return x;
}

static void check_within(const GoldenCase *golden, const char *what, ct_tensor *got, ct_tensor *want) {
    char name[128];
    const GoldenRecord *tolerance = golden_find(golden, "tol", NULL);
    snprintf(name, sizeof name, "%s %s: %s", golden->name, golden->dtype, what);
    assert_allclose(name, got, want, tolerance->numbers[0], tolerance->numbers[1]);
}

/* ---- optimisers ---- */

typedef ct_optim *MakeOptimiser(ct_params parameters, const GoldenArguments *arguments);

static ct_optim *make_sgd(ct_params parameters, const GoldenArguments *arguments) {
    ct_sgd_options options = {.momentum = NUMBER("momentum"),
                              .dampening = NUMBER("dampening"),
                              .weight_decay = NUMBER("weight_decay"),
                              .nesterov = FLAG("nesterov"),
                              .maximize = FLAG("maximize")};
    return ct_optim_sgd(parameters, NUMBER("lr"), &options);
}

static ct_optim *make_adam(ct_params parameters, const GoldenArguments *arguments) {
    ct_adam_options options = {.beta1 = NUMBER("beta1"),
                               .beta2 = NUMBER("beta2"),
                               .eps = NUMBER("eps"),
                               .weight_decay = NUMBER("weight_decay"),
                               .amsgrad = FLAG("amsgrad"),
                               .maximize = FLAG("maximize")};
    return ct_optim_adam(parameters, NUMBER("lr"), &options);
}

static const struct {
    const char *name;
    MakeOptimiser *make;
} optimisers[] = {
    {"SGD", make_sgd},
    {"Adam", make_adam},
};

static MakeOptimiser *find_optimiser(const char *name) {
    for (size_t i = 0; i < sizeof optimisers / sizeof *optimisers; i++)
        if (strcmp(optimisers[i].name, name) == 0) return optimisers[i].make;
    return NULL;
}

bool has_golden_optimiser(const char *name) {
    return find_optimiser(name) != NULL;
}

void check_golden_optimiser(const GoldenData *data, const GoldenCase *golden) {
    GoldenArguments arguments = {.golden = golden};
    make_arguments(data, &arguments);
    ct_tensor *parameter = golden_tensor(&arguments, "param0"),
              *gradients = golden_tensor(&arguments, "grads");
    ct_optim *optim = find_optimiser(golden->op)((ct_params){&parameter, NULL, 1}, &arguments);
    ck_assert_msg(optim, "%s: %s", golden->name, ct_error_message());
    ct_tensor *trajectory = expected_output(data, golden, 0);
    for (int64_t step = 0; step < ct_size(trajectory, 0); step++) {
        char what[48];
        snprintf(what, sizeof what, "step %lld", (long long)step);
        ct_optim_zero_grad(optim);
        ct_set_grad(parameter, ct_select(gradients, 0, step));
        ck_assert_msg(ct_optim_step(optim) == CT_OK, "%s: %s", golden->name, ct_error_message());
        check_within(golden, what, parameter, ct_select(trajectory, 0, step));
    }
    ct_optim_free(optim);
    free(arguments.tensors);
}

/* ---- initialisers ---- */

typedef ct_tensor *Initialise(ct_tensor *x, const GoldenArguments *arguments);

static const char *text(const GoldenArguments *arguments, const char *name) {
    return golden_find(arguments->golden, "arg", name)->text;
}

static ct_tensor *uniform(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_uniform_(x, NUMBER("a"), NUMBER("b"));
}

static ct_tensor *normal(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_normal_(x, NUMBER("mean"), NUMBER("std"));
}

static ct_tensor *trunc_normal(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_trunc_normal_(x, NUMBER("mean"), NUMBER("std"), NUMBER("a"), NUMBER("b"));
}

static ct_tensor *xavier_uniform(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_xavier_uniform_(x, NUMBER("gain"));
}

static ct_tensor *xavier_normal(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_xavier_normal_(x, NUMBER("gain"));
}

static ct_tensor *kaiming_uniform(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_kaiming_uniform_(x, NUMBER("a"), text(arguments, "mode"), text(arguments, "nonlinearity"));
}

static ct_tensor *kaiming_normal(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_kaiming_normal_(x, NUMBER("a"), text(arguments, "mode"), text(arguments, "nonlinearity"));
}

static ct_tensor *orthogonal(ct_tensor *x, const GoldenArguments *arguments) {
    return ct_init_orthogonal_(x, NUMBER("gain"));
}

static const struct {
    const char *name;
    Initialise *initialise;
} initialisers[] = {
    {"uniform", uniform},
    {"normal", normal},
    {"trunc_normal", trunc_normal},
    {"xavier_uniform", xavier_uniform},
    {"xavier_normal", xavier_normal},
    {"kaiming_uniform", kaiming_uniform},
    {"kaiming_normal", kaiming_normal},
    {"orthogonal", orthogonal},
};

static Initialise *find_initialiser(const char *name) {
    for (size_t i = 0; i < sizeof initialisers / sizeof *initialisers; i++)
        if (strcmp(initialisers[i].name, name) == 0) return initialisers[i].initialise;
    return NULL;
}

bool has_golden_initialiser(const char *name) {
    return find_initialiser(name) != NULL;
}

/* A statistic that the case states, or the one to take in its place. */
static double statistic(const GoldenCase *golden, const char *name, double otherwise) {
    const GoldenRecord *record = golden_find(golden, "stat", name);
    return record ? record->numbers[0] : otherwise;
}

static double wanted_mean(const GoldenArguments *arguments) {
    if (strcmp(arguments->golden->op, "normal") == 0) return NUMBER("mean");
    if (strcmp(arguments->golden->op, "uniform") == 0) return (NUMBER("a") + NUMBER("b")) / 2;
    return 0;
}

typedef struct {
    double sum, squares, largest; /* about the wanted mean */
    int64_t count;
} Moments;

static void draw(Initialise *initialise, const GoldenArguments *arguments, double mean, Moments *moments) {
    CT_SCOPED;
    const GoldenRecord *shape = golden_find(arguments->golden, "arg", "shape");
    ct_tensor *x = initialise(ct_empty(CT_F64, shape->list, shape->count), arguments);
    ck_assert_msg(x, "%s: %s", arguments->golden->name, ct_error_message());
    double *values = read_doubles(x);
    for (int64_t i = 0; i < ct_numel(x); i++) {
        double away = values[i] - mean;
        moments->sum += away;
        moments->squares += away * away;
        moments->largest = fmax(moments->largest, fabs(values[i]));
        moments->count++;
    }
    free(values);
}

void check_golden_initialiser(const GoldenData *data, const GoldenCase *golden) {
    (void)data;
    GoldenArguments arguments = {.golden = golden};
    Moments moments = {0};
    double mean = wanted_mean(&arguments);
    for (int i = 0; i < DRAWS; i++) draw(find_initialiser(golden->op), &arguments, mean, &moments);
    double n = (double)moments.count, off = moments.sum / n, std = sqrt(moments.squares / n - off * off);
    double wanted = statistic(golden, "theory_std", statistic(golden, "std", NAN));
    double bound = statistic(golden, "bound", HUGE_VAL);
    ck_assert_msg(fabs(off) < 5 * wanted / sqrt(n), "%s: mean %g, not %g", golden->name, mean + off, mean);
    ck_assert_msg(fabs(std / wanted - 1) < 5 / sqrt(2 * n), "%s: standard deviation %g, not %g", golden->name,
                  std, wanted);
    ck_assert_msg(moments.largest <= bound, "%s: %g is beyond %g", golden->name, moments.largest, bound);
}

/* ---- trainings ---- */

typedef struct {
    const char *name;
    ct_tensor *(*loss)(const GoldenArguments *arguments);
    ct_optim *(*optimiser)(ct_params parameters);
    int steps;
} Training;

#define TENSOR(name) golden_tensor(arguments, name)

static ct_tensor *mlp_tanh_mse(const GoldenArguments *arguments) {
    ct_tensor *hidden = ct_tanh(ct_linear(TENSOR("X"), TENSOR("0.weight"), TENSOR("0.bias")));
    return ct_mse_loss(ct_linear(hidden, TENSOR("2.weight"), TENSOR("2.bias")), TENSOR("Y"), CT_MEAN);
}

static ct_optim *adam(ct_params parameters) {
    return ct_optim_adam(parameters, 0.01, NULL);
}

static const Training trainings[] = {
    {"mlp_tanh_adam_mse", mlp_tanh_mse, adam, 20},
};

static const Training *find_training(const char *name) {
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++)
        if (strcmp(trainings[i].name, name) == 0) return &trainings[i];
    return NULL;
}

bool has_golden_training(const char *name) {
    return find_training(name) != NULL;
}

static int list_parameters(const GoldenArguments *arguments, ct_tensor **parameters) {
    int n = 0;
    for (int i = 0; i < arguments->golden->count; i++)
        if (arguments->tensors[i] && ct_requires_grad(arguments->tensors[i]))
            parameters[n++] = arguments->tensors[i];
    return n;
}

void check_golden_training(const GoldenData *data, const GoldenCase *golden) {
    const Training *training = find_training(golden->op);
    GoldenArguments arguments = {.golden = golden};
    make_arguments(data, &arguments);
    ct_tensor *parameters[PARAMETERS], *losses = expected_output(data, golden, 0);
    int n = list_parameters(&arguments, parameters);
    ct_optim *optim = training->optimiser((ct_params){parameters, NULL, n});
    for (int64_t step = 0; step < training->steps; step++) {
        CT_SCOPED;
        char what[48];
        snprintf(what, sizeof what, "loss of step %lld", (long long)step);
        ct_tensor *loss = training->loss(&arguments);
        check_within(golden, what, loss, ct_select(losses, 0, step));
        ct_optim_zero_grad(optim);
        ct_backward(loss);
        ck_assert_msg(ct_optim_step(optim) == CT_OK, "%s: %s", golden->name, ct_error_message());
    }
    for (int i = 0; i < n; i++)
        check_within(golden, "a parameter at the end", parameters[i], expected_output(data, golden, i + 1));
    ct_optim_free(optim);
    free(arguments.tensors);
}
