// What PyTorch's C++ front end does faster than its Python one: built and run by compare.py, with the names of
// the lines that it shall measure.
#include "bench.h"

#include <functional>
#include <map>
#include <string>
#include <vector>
#include <torch/torch.h>

using torch::Tensor;

static void call(void *data) { (*static_cast<std::function<void()> *>(data))(); }

static double seconds(std::function<void()> work) { return seconds_per_call(call, &work); }

// ---- a chain of 1000 operations on 4 elements ----

static Tensor chain(Tensor x, const Tensor &b) {
    for (int i = 0; i < 500; i++) x = (x + b) * b;
    return x;
}

static void chain_lines() {
    const Tensor ones = torch::ones({4}), b = torch::ones({4});
    Tensor x = torch::ones({4});
    report("op4/forward", seconds([&] {
               torch::InferenceMode faster;
               chain(x, b);
           }) * 1e6, "ns");
    x.requires_grad_();
    std::vector<double> phases[3];
    for (double end = seconds_now() + 3 * seconds_allowed(); phases[0].empty() || seconds_now() < end;) {
        double at[4] = {seconds_now()};
        {
            Tensor y = chain(x, b);
            at[1] = seconds_now();
            y.backward(ones);
            at[2] = seconds_now();
        }
        x.mutable_grad() = Tensor();
        at[3] = seconds_now();
        for (int i = 0; i < 3; i++) phases[i].push_back(at[i + 1] - at[i]);
    }
    const char *names[] = {"op4/recorded", "op4/backward", "op4/free"};
    for (int i = 0; i < 3; i++) report(names[i], median(phases[i].data(), (int)phases[i].size()) * 1e6, "ns");
}

// ---- training steps ----

static void training_line(const std::string &name, torch::nn::Sequential model, std::function<Tensor()> loss) {
    std::unique_ptr<torch::optim::Optimizer> optim;
    if (name.find("/adam") != std::string::npos)
        optim = std::make_unique<torch::optim::Adam>(model->parameters(), torch::optim::AdamOptions(0.001));
    else if (name.find("/sgd") != std::string::npos)
        optim = std::make_unique<torch::optim::SGD>(model->parameters(), torch::optim::SGDOptions(0.01));
    const double time = seconds([&] {
        torch::AutoGradMode recording(optim != nullptr);
        Tensor value = loss();
        if (!optim) return;
        optim->zero_grad();
        value.backward();
        optim->step();
    });
    report(name.c_str(), time * 1e6, "us");
}

static torch::nn::Linear linear(int in, int out) { return torch::nn::Linear(in, out); }

static void xor_line(const std::string &name) {
    const Tensor x = torch::tensor({{0.f, 0.f}, {0.f, 1.f}, {1.f, 0.f}, {1.f, 1.f}});
    const Tensor y = torch::tensor({{0.f}, {1.f}, {1.f}, {0.f}});
    torch::nn::Sequential model(linear(2, 8), torch::nn::Sigmoid(), linear(8, 1), torch::nn::Sigmoid());
    training_line(name, model, [&] { return torch::binary_cross_entropy(model->forward(x), y); });
}

static void classifier_line(const std::string &name) {
    const Tensor x = torch::rand({64, 784}), y = torch::randint(0, 10, {64}, torch::kLong);
    torch::nn::Sequential model(linear(784, 128), torch::nn::ReLU(), linear(128, 64), torch::nn::ReLU(),
                                linear(64, 10));
    training_line(name, model, [&] { return torch::cross_entropy_loss(model->forward(x), y); });
}

// ---- elementwise operations, into a new tensor ----

static void pointwise_line(const std::string &name) {
    static const std::map<std::string, std::function<Tensor(const Tensor &, const Tensor &)>> functions = {
        {"add", [](const Tensor &a, const Tensor &b) { return at::add(a, b); }},
        {"mul", [](const Tensor &a, const Tensor &b) { return at::mul(a, b); }},
        {"relu", [](const Tensor &a, const Tensor &) { return at::relu(a); }},
        {"exp", [](const Tensor &a, const Tensor &) { return at::exp(a); }},
        {"log", [](const Tensor &a, const Tensor &) { return at::log(a); }},
        {"sigmoid", [](const Tensor &a, const Tensor &) { return at::sigmoid(a); }},
        {"tanh", [](const Tensor &a, const Tensor &) { return at::tanh(a); }},
        {"gelu", [](const Tensor &a, const Tensor &) { return at::gelu(a); }},
        {"gelu_tanh", [](const Tensor &a, const Tensor &) { return at::gelu(a, "tanh"); }},
    };
    const auto slash = name.find('/');
    const auto found = functions.find(name.substr(0, slash));
    const double n = slash == std::string::npos ? 0 : atof(name.c_str() + slash + 1);
    if (found == functions.end() || n < 1) return;
    torch::InferenceMode faster;
    const Tensor a = torch::rand({(int64_t)n}) * 4.99 + 0.01, b = torch::rand({(int64_t)n}) * 4.99 + 0.01;
    report(name.c_str(), seconds([&] { found->second(a, b); }) / n * 1e9, "ns");
}

int main(int argc, char **argv) {
    torch::set_num_threads(atoi(getenv("OMP_NUM_THREADS")));
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "op4/forward") chain_lines();
        else if (name == "xor/adam") xor_line(name);
        else if (name.rfind("mlp784/", 0) == 0 && name.find("/memory") == std::string::npos) classifier_line(name);
        else pointwise_line(name);
    }
}
