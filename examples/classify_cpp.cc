// The job of classify.c in C++17: the library's header works as it stands, and std::unique_ptr frees what is
// made.
#include "common.h"

#include <cstdio>
#include <memory>

namespace {

struct Free {
    void operator()(ct_module *module) const {
        ct_module_free(module);
    }
    void operator()(ct_optim *optim) const {
        ct_optim_free(optim);
    }
};
using Module = std::unique_ptr<ct_module, Free>;
using Optim = std::unique_ptr<ct_optim, Free>;

struct Settings {
    int epochs = 100, batch = 32, seed = 1;
    double lr = 0.01;
    const char *data = nullptr;
};

void train(ct_module *model, ct_tensor *x, ct_tensor *y, const Settings &settings) {
    const Optim adam(ct_optim_adam(ct_module_parameters(model), settings.lr, nullptr));
    Progress progress = progress_begin(settings.epochs);
    for (int epoch = 1; epoch <= settings.epochs; epoch++) {
        CT_SCOPED;
        ct_tensor *order = ct_randperm(ct_size(x, 0));
        double total = 0;
        for (int64_t start = 0; start < ct_size(x, 0); start += settings.batch) {
            CT_SCOPED;
            ct_tensor *batch = ct_slice(order, 0, start, start + settings.batch, 1);
            ct_tensor *probability = ct_forward(model, ct_index_select(x, 0, batch));
            ct_tensor *loss = ct_bce_loss(probability, ct_index_select(y, 0, batch), nullptr, CT_MEAN);
            ct_optim_zero_grad(adam.get());
            ct_backward(loss);
            ct_optim_step(adam.get());
            total += ct_item(loss) * static_cast<double>(ct_numel(batch));
        }
        progress_epoch(&progress, epoch, total / static_cast<double>(ct_size(x, 0)));
    }
}

int evaluate(ct_module *model, ct_tensor *x, ct_tensor *y) {
    CT_SCOPED;
    CT_NO_GRAD;
    ct_tensor *guess = ct_to(ct_gt_scalar(ct_forward(model, x), 0.5), CT_I64);
    return print_accuracy(confusion(ct_flatten(ct_to(y, CT_I64), 0, -1), ct_flatten(guess, 0, -1), 2));
}

} // namespace

int main(int argc, char **argv) {
    Settings settings;
    const Option options[] = {
        {"data", OPTION_FILE, &settings.data, 0,
         "a CSV table whose last column is the class; else two moons"},
        {"epochs", OPTION_INT, &settings.epochs, 1, "how often to go through the rows"},
        {"batch", OPTION_INT, &settings.batch, 1, "rows in a step"},
        {"lr", OPTION_NUMBER, &settings.lr, 0, "learning rate"},
        {"seed", OPTION_INT, &settings.seed, 0, "for the split, the weights and the order of the rows"},
    };
    read_options(argc, argv, "learns to tell two classes apart, in C++", options,
                 sizeof options / sizeof *options);
    ct_manual_seed(static_cast<uint64_t>(settings.seed));

    const BinaryTable table = settings.data ? read_binary_table(settings.data) : two_moons(2000, 0.1);
    const Split split = split_rows(ct_size(table.x, 0), table.y, settings.seed);
    ct_tensor *known = ct_index_select(table.x, 0, split.train), *mean, *deviation;
    column_scale(known, &mean, &deviation);
    ct_tensor *x = ct_div(ct_sub(table.x, mean), deviation);

    const Module model(ct_nn_sequential(ct_nn_linear(ct_size(x, 1), 16, true), ct_nn_relu(),
                                        ct_nn_linear(16, 16, true), ct_nn_relu(), ct_nn_linear(16, 1, true),
                                        ct_nn_sigmoid()));
    train(model.get(), ct_index_select(x, 0, split.train), ct_index_select(table.y, 0, split.train),
          settings);
    return evaluate(model.get(), ct_index_select(x, 0, split.held_out),
                    ct_index_select(table.y, 0, split.held_out));
}
