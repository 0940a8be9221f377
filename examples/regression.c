/* Fits a plane to numbers by stochastic gradient descent on the sum of squared errors: first one row at a
 * time, then in mini-batches. The numbers are a generated line, and the table of a CSV file whose last column
 * is to be foretold. */
#include "common.h"

#include <math.h>

/* Rows of features x [n, features] and targets y [n, 1]. */
typedef struct {
    ct_tensor *x, *y;
} Rows;

/* y = x · weight + bias. */
typedef struct {
    ct_tensor *weight; /* [features, 1] */
    ct_tensor *bias;   /* [1] */
} Plane;

typedef struct {
    int epochs, batch, seed;
    double lr;
    const char *data;
} Settings;

static Plane new_plane(int64_t features) {
    return (Plane){ct_set_requires_grad(ct_zeros(CT_F32, CT_DIMS(features, 1)), true),
                   ct_set_requires_grad(ct_zeros(CT_F32, CT_DIMS(1)), true)};
}

static ct_tensor *predict(const Plane *plane, ct_tensor *x) {
    return ct_add(ct_matmul(x, plane->weight), plane->bias);
}

/* The loss is a sum over the batch's rows: one step on a batch of 16 goes about as far as 16 steps on one row
 * each, with the same learning rate, but is one computation instead of 16. */
static void train(const Plane *plane, const Rows *rows, int batch_size, const Settings *settings) {
    const int64_t count = ct_size(rows->x, 0);
    const ct_params parameters = {(ct_tensor *[]){plane->weight, plane->bias}, NULL, 2};
    ct_optim *sgd = ct_optim_sgd(parameters, settings->lr, NULL);
    for (int epoch = 0; epoch < settings->epochs; epoch++) {
        CT_SCOPED;
        ct_tensor *order = ct_randperm(count);
        for (int64_t start = 0; start < count; start += batch_size) {
            CT_SCOPED;
            ct_tensor *batch = ct_slice(order, 0, start, start + batch_size, 1);
            ct_tensor *prediction = predict(plane, ct_index_select(rows->x, 0, batch));
            ct_tensor *loss = ct_sse_loss(prediction, ct_index_select(rows->y, 0, batch));
            ct_optim_zero_grad(sgd);
            ct_backward(loss);
            ct_optim_step(sgd);
        }
    }
    ct_optim_free(sgd);
}

/* The root of the mean squared error. */
static double error_of(ct_tensor *prediction, ct_tensor *y) {
    CT_SCOPED;
    return sqrt(ct_item(ct_mse_loss(prediction, y, CT_MEAN)));
}

/* ---- a generated line ---- */

static const double true_slope = 2, true_intercept = -1;

static Rows noisy_line(int64_t count) {
    CT_SCOPED;
    ct_tensor *x = ct_sub_scalar(ct_mul_scalar(ct_rand(CT_F32, CT_DIMS(count, 1)), 2), 1);
    ct_tensor *noise = ct_mul_scalar(ct_randn_like(x), 0.1);
    ct_tensor *y = ct_add(ct_add_scalar(ct_mul_scalar(x, true_slope), true_intercept), noise);
    return (Rows){ct_scope_keep(x), ct_scope_keep(y)};
}

static bool fit_line(const char *how, int batch, const Rows *rows, const Settings *settings) {
    CT_SCOPED;
    const Plane plane = new_plane(1);
    train(&plane, rows, batch, settings);
    const double slope = ct_item(plane.weight), intercept = ct_item(plane.bias);
    printf("  %-22s y = %.3f x %c %.3f, error %.3f\n", how, slope, intercept < 0 ? '-' : '+', fabs(intercept),
           error_of(predict(&plane, rows->x), rows->y));
    return fabs(slope - true_slope) < 0.1 && fabs(intercept - true_intercept) < 0.1;
}

/* ---- a table ---- */

/* The last column is y; all others are x. */
static Rows read_table(const char *path) {
    CT_SCOPED;
    ct_tensor *all = ct_load_csv(path, NULL);
    const int64_t features = ct_size(all, 1) - 1;
    if (features < 1) fail("%s: one column; there should be features, then the target", path);
    return (Rows){ct_scope_keep(ct_narrow(all, 1, 0, features)),
                  ct_scope_keep(ct_narrow(all, 1, features, 1))};
}

static Rows rows_of(const Rows *rows, ct_tensor *numbers) {
    return (Rows){ct_index_select(rows->x, 0, numbers), ct_index_select(rows->y, 0, numbers)};
}

/* A column's scale is the training rows': of the rows held out nothing is known beforehand. */
typedef struct {
    ct_tensor *mean, *deviation;
} Scale;

static Scale scale_of(ct_tensor *x) {
    Scale scale;
    column_scale(x, &scale.mean, &scale.deviation);
    return scale;
}

static ct_tensor *standardised(ct_tensor *x, const Scale *scale) {
    return ct_div(ct_sub(x, scale->mean), scale->deviation);
}

/* Trains on standardised columns, and takes the error in the target's own unit. */
static bool fit_table(const char *how, int batch, const Rows *known, const Rows *held_out,
                      const Settings *settings) {
    CT_SCOPED;
    const Scale x_scale = scale_of(known->x), y_scale = scale_of(known->y);
    const Rows rows = {standardised(known->x, &x_scale), standardised(known->y, &y_scale)};
    const Plane plane = new_plane(ct_size(rows.x, 1));
    train(&plane, &rows, batch, settings);
    ct_tensor *foretold = predict(&plane, standardised(held_out->x, &x_scale));
    foretold = ct_add(ct_mul(foretold, y_scale.deviation), y_scale.mean);
    const double error = error_of(foretold, held_out->y);
    const double error_of_mean = error_of(ct_expand(y_scale.mean, ct_shape(held_out->y), 2), held_out->y);
    printf("  %-22s held-out error %.4g; that of foretelling the mean %.4g\n", how, error, error_of_mean);
    return error < error_of_mean;
}

static Settings read_settings(int argc, char **argv) {
    Settings settings = {.epochs = 50, .batch = 16, .seed = 1, .lr = 0.002};
    const Option options[] = {
        {"data", OPTION_FILE, &settings.data, 0, "a CSV table whose last column is the target"},
        {"epochs", OPTION_INT, &settings.epochs, 1, "how often to go through the rows"},
        {"batch", OPTION_INT, &settings.batch, 1, "rows in a mini-batch"},
        {"lr", OPTION_NUMBER, &settings.lr, 0, "learning rate"},
        {"seed", OPTION_INT, &settings.seed, 0, "for the line, the split and the order of the rows"},
    };
    read_options(argc, argv, "fits a line, and a table, by stochastic gradient descent", options,
                 sizeof options / sizeof *options);
    return settings;
}

int main(int argc, char **argv) {
    const Settings settings = read_settings(argc, argv);
    ct_manual_seed((uint64_t)settings.seed);
    char batches[64];
    snprintf(batches, sizeof batches, "mini-batches of %d", settings.batch);

    const Rows line = noisy_line(200);
    printf("200 points of y = %g x - %g, with noise of 0.1\n", true_slope, -true_intercept);
    bool learned = fit_line("one row at a time", 1, &line, &settings);
    learned &= fit_line(batches, settings.batch, &line, &settings);
    if (settings.data) {
        const Rows table = read_table(settings.data);
        const Split split = split_rows(ct_size(table.x, 0), NULL, settings.seed);
        const Rows known = rows_of(&table, split.train), held_out = rows_of(&table, split.held_out);
        printf("%s: %lld rows, %lld features; %lld rows held out\n", settings.data,
               (long long)ct_size(table.x, 0), (long long)ct_size(table.x, 1),
               (long long)ct_size(held_out.x, 0));
        learned &= fit_table("one row at a time", 1, &known, &held_out, &settings);
        learned &= fit_table(batches, settings.batch, &known, &held_out, &settings);
    }
    if (!learned) fail("it did not learn: try other values of --epochs and --lr");
    return 0;
}
