/* Learns to tell two classes apart: two moons, or any table of numbers whose last column is the class.
 *
 * Training is six steps, which stand below in their order, one function each: initialise, forward, loss,
 * backward, update, repeat over epochs. What follows them is housekeeping. */
#include "common.h"

#include <string.h>

typedef struct {
    int epochs, batch, seed, threads;
    double lr;
    Sizes hidden;
    const char *data, *save, *load;
} Settings;

/* Puts every feature on the same scale; mean and deviation are saved with the model, as its buffers. */
static ct_tensor *standardise(ct_module *layer, ct_tensor *x) {
    return ct_div(ct_sub(x, ct_module_get(layer, "mean")), ct_module_get(layer, "deviation"));
}

static ct_module *input_layer(ct_tensor *x) {
    ct_tensor *mean, *deviation;
    column_scale(x, &mean, &deviation);
    ct_module *layer = ct_module_new("Standardise", standardise, NULL, NULL);
    ct_module_buffer(layer, "mean", mean);
    ct_module_buffer(layer, "deviation", deviation);
    return layer;
}

/* 1. Initialise: the input layer, hidden layers with ReLU, and an output with sigmoid. Each layer's weights
 * begin as small random numbers: were they equal, all units of a layer would learn the same. */
static ct_module *initialise(ct_tensor *x, const Sizes *hidden) {
    ct_module *layers[2 * MAX_SIZES + 3];
    int n = 0;
    int64_t width = ct_size(x, 1);
    layers[n++] = input_layer(x);
    for (int i = 0; i < hidden->count; i++) {
        layers[n++] = ct_nn_linear(width, hidden->size[i], true);
        layers[n++] = ct_nn_relu();
        width = hidden->size[i];
    }
    layers[n++] = ct_nn_linear(width, 1, true);
    layers[n++] = ct_nn_sigmoid();
    return ct_nn_sequential_n(layers, n);
}

/* 2. Forward: from rows [n, features] to the probability of class 1, [n, 1]. The library records what it
 * computes. */
static ct_tensor *forward(ct_module *model, ct_tensor *x) {
    return ct_forward(model, x);
}

/* 3. Loss: one number for how wrong the probabilities are. Binary cross entropy, -log of the probability that
 * the right class was given, is small only where the model is right, and very large where it is wrong and
 * sure. */
static ct_tensor *loss(ct_tensor *probability, ct_tensor *y) {
    return ct_bce_loss(probability, y, NULL, CT_MEAN);
}

/* 4. Backward: walks the record from the loss to the weights by the chain rule, and leaves in each weight's
 * gradient how the loss would change with it. Gradients add up, so those of the last batch go first. */
static void backward(ct_module *model, ct_tensor *error) {
    ct_zero_grads(model);
    ct_backward(error);
}

/* 5. Update: moves each weight a little against its gradient. Adam's step is about lr, whatever the
 * gradient's size. */
static void update(ct_optim *adam) {
    ct_optim_step(adam);
}

/* 6. Repeat over epochs: each goes once through all rows, in small batches and in a new order. */
static void repeat_over_epochs(ct_module *model, ct_tensor *x, ct_tensor *y, const Settings *settings) {
    const int64_t rows = ct_size(x, 0);
    ct_optim *adam = ct_optim_adam(ct_module_parameters(model), settings->lr, NULL);
    Progress progress = progress_begin(settings->epochs);
    for (int epoch = 1; epoch <= settings->epochs; epoch++) {
        CT_SCOPED;
        ct_tensor *order = ct_randperm(rows);
        double total = 0;
        for (int64_t start = 0; start < rows; start += settings->batch) {
            CT_SCOPED;
            ct_tensor *batch = ct_slice(order, 0, start, start + settings->batch, 1);
            ct_tensor *probability = forward(model, ct_index_select(x, 0, batch));
            ct_tensor *error = loss(probability, ct_index_select(y, 0, batch));
            backward(model, error);
            update(adam);
            total += ct_item(error) * (double)ct_numel(batch);
        }
        progress_epoch(&progress, epoch, total / (double)rows);
    }
    const double seconds = progress_seconds(&progress);
    printf("trained   %d epochs in %.2f s: %.0f examples per second\n", settings->epochs, seconds,
           (double)rows * settings->epochs / seconds);
    ct_optim_free(adam);
}

/* The sizes of the hidden layers of a saved model: layers 1, 3, 5, … have weights [out, in], the last is the
 * output. */
static Sizes saved_sizes(const char *path) {
    CT_SCOPED;
    Sizes sizes = {{0}, -1};
    ct_dict *state = ct_load_safetensors(path);
    for (int i = 0; i < ct_dict_len(state); i++)
        if (strstr(ct_dict_name(state, i), ".weight")) sizes.count++;
    if (sizes.count < 0 || sizes.count > MAX_SIZES) fail("%s is no model that classify saved", path);
    for (int i = 0; i < sizes.count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.weight", 2 * i + 1);
        sizes.size[i] = ct_size(ct_dict_get(state, name), 0);
    }
    ct_dict_free(state);
    return sizes;
}

static void describe(const BinaryTable *table, const Split *split, const Settings *settings) {
    const double ones = ct_item(ct_sum(table->y)), rows = (double)ct_numel(table->y);
    printf("data      %s: %.0f rows, %lld features; classes %s (%.0f) and %s (%.0f)\n",
           settings->data ? settings->data : "two moons", rows, (long long)ct_size(table->x, 1),
           table->names[0], rows - ones, table->names[1], ones);
    printf("split     %lld rows to train on, %lld held out (seed %d)\n", (long long)ct_numel(split->train),
           (long long)ct_numel(split->held_out), settings->seed);
}

static int evaluate(ct_module *model, ct_tensor *x, ct_tensor *y, char names[2][32]) {
    CT_SCOPED;
    CT_NO_GRAD;
    ct_train(model, false);
    ct_tensor *guess = ct_to(ct_gt_scalar(forward(model, x), 0.5), CT_I64);
    ct_tensor *counts = confusion(ct_flatten(ct_to(y, CT_I64), 0, -1), ct_flatten(guess, 0, -1), 2);
    print_confusion(counts, names);
    return print_accuracy(counts);
}

static Settings read_settings(int argc, char **argv) {
    Settings settings = {.epochs = -1, .batch = 32, .seed = 1, .lr = 0.01, .hidden = {{16, 16}, 2}};
    const Option options[] = {
        {"data", OPTION_FILE, &settings.data, 0,
         "a CSV table whose last column is the class; else two moons"},
        {"epochs", OPTION_INT, &settings.epochs, 0, "how often to go through the rows (100; with --load 0)"},
        {"hidden", OPTION_SIZES, &settings.hidden, 0, "sizes of the hidden layers, or none"},
        {"batch", OPTION_INT, &settings.batch, 1, "rows in a step"},
        {"lr", OPTION_NUMBER, &settings.lr, 0, "learning rate"},
        {"seed", OPTION_INT, &settings.seed, 0, "for the split, the weights and the order of the rows"},
        {"threads", OPTION_INT, &settings.threads, 0, "threads to use; 0: all cores"},
        {"save", OPTION_FILE, &settings.save, 0, "where to save the trained model (safetensors)"},
        {"load", OPTION_FILE, &settings.load, 0, "a saved model, to evaluate, or with --epochs to train on"},
    };
    read_options(argc, argv, "learns to tell two classes apart", options, sizeof options / sizeof *options);
    if (settings.epochs < 0) settings.epochs = settings.load ? 0 : 100;
    if (settings.load) settings.hidden = saved_sizes(settings.load);
    if (settings.threads > 0) ct_set_num_threads(settings.threads);
    return settings;
}

int main(int argc, char **argv) {
    const Settings settings = read_settings(argc, argv);
    ct_manual_seed((uint64_t)settings.seed);
    BinaryTable table = settings.data ? read_binary_table(settings.data) : two_moons(2000, 0.1);
    const Split split = split_rows(ct_size(table.x, 0), table.y, settings.seed);
    ct_tensor *x = ct_index_select(table.x, 0, split.train), *y = ct_index_select(table.y, 0, split.train);
    describe(&table, &split, &settings);

    ct_module *model = initialise(x, &settings.hidden);
    print_layers(ct_size(x, 1), &settings.hidden, "1 sigmoid", ct_module_count(model));
    if (settings.load) {
        ct_module_load(model, settings.load);
        printf("loaded    %s\n", settings.load);
    }
    if (settings.epochs > 0) repeat_over_epochs(model, x, y, &settings);
    if (settings.save) {
        ct_module_save(model, settings.save);
        printf("saved     %s\n", settings.save);
    }

    const int code = evaluate(model, ct_index_select(table.x, 0, split.held_out),
                              ct_index_select(table.y, 0, split.held_out), table.names);
    ct_module_free(model);
    return code;
}
