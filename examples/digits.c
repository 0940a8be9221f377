/* Reads digits: a multilayer perceptron with cross entropy, on digits that it draws itself or on files in
 * MNIST's format. A fifth of them is held out. */
#include "common.h"

#include <math.h>

typedef struct {
    int count, epochs, batch, seed, threads;
    double lr;
    Sizes hidden;
    const char *images, *labels;
} Settings;

typedef struct {
    ct_tensor *images; /* [n, height, width] F32, 0 (paper) … 1 (ink) */
    ct_tensor *labels; /* [n] I64, 0 … 9 */
} Digits;

/* ---- digits that it draws itself ---- */

enum { SIDE = 28 };

/* Seven rows of five dots for each digit. */
static const char *const font[10] = {
    ".###. #...# #..## #.#.# ##..# #...# .###.", "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    ".###. #...# ....# ...#. ..#.. .#... #####", ".###. #...# ....# ..##. ....# #...# .###.",
    "...#. ..##. .#.#. #..#. ##### ...#. ...#.", "##### #.... ####. ....# ....# #...# .###.",
    "..##. .#... #.... ####. #...# #...# .###.", "##### ....# ...#. ..#.. .#... .#... .#...",
    ".###. #...# #...# .###. #...# #...# .###.", ".###. #...# #...# .#### ....# ...#. .##..",
};

static float dot(int digit, int row, int column) {
    return row >= 0 && row < 7 && column >= 0 && column < 5 && font[digit][6 * row + column] == '#';
}

/* The font's ink at a point between dots: bilinear. */
static float ink(int digit, float row, float column) {
    const int r = (int)floorf(row), c = (int)floorf(column);
    const float down = row - (float)r, right = column - (float)c;
    return (1 - down) * ((1 - right) * dot(digit, r, c) + right * dot(digit, r, c + 1)) +
           down * ((1 - right) * dot(digit, r + 1, c) + right * dot(digit, r + 1, c + 1));
}

/* Draws one digit, [SIDE, SIDE]; the five random numbers in [0, 1) choose size, tilt, place (2) and
 * thickness. */
static void draw(int digit, const float random[5], float *pixels) {
    const float size = 2.2f + 0.8f * random[0], tilt = 0.5f * (random[1] - 0.5f);
    const float middle_row = 13.5f + 6 * (random[2] - 0.5f), middle_column = 13.5f + 6 * (random[3] - 0.5f);
    const float edge = 0.3f + 0.3f * random[4];
    for (int i = 0; i < SIDE * SIDE; i++) {
        const float down = ((float)(i / SIDE) - middle_row) / size;
        const float right = ((float)(i % SIDE) - middle_column) / size;
        const float row = 3 + cosf(tilt) * down - sinf(tilt) * right;
        const float column = 2 + sinf(tilt) * down + cosf(tilt) * right;
        pixels[i] = fminf(fmaxf(3 * (ink(digit, row, column) - edge) + 0.5f, 0), 1);
    }
}

static Digits draw_digits(int64_t count) {
    CT_SCOPED;
    ct_tensor *labels = ct_randint(CT_I64, 0, 10, CT_DIMS(count));
    ct_tensor *random = ct_rand(CT_F32, CT_DIMS(count, 5));
    ct_tensor *clean = ct_empty(CT_F32, CT_DIMS(count, SIDE, SIDE));
    for (int64_t i = 0; i < count; i++)
        draw((int)ct_data_i64(labels)[i], ct_data_f32(random) + 5 * i, ct_data_f32(clean) + SIDE * SIDE * i);
    ct_tensor *noise = ct_mul_scalar(ct_randn_like(clean), 0.1);
    return (Digits){ct_scope_keep(ct_clamp(ct_add(clean, noise), 0, 1)), ct_scope_keep(labels)};
}

/* ---- digits from files ---- */

static Digits read_digits(const Settings *settings) {
    CT_SCOPED;
    ct_tensor *images = ct_load_idx(settings->images), *labels = ct_load_idx(settings->labels);
    if (ct_ndim(images) != 3 || ct_type(images) != CT_U8)
        fail("%s holds no images of bytes", settings->images);
    if (ct_ndim(labels) != 1 || ct_size(labels, 0) != ct_size(images, 0))
        fail("%s does not hold a label for each image", settings->labels);
    if (settings->count > 0) {
        images = ct_slice(images, 0, 0, settings->count, 1);
        labels = ct_slice(labels, 0, 0, settings->count, 1);
    }
    return (Digits){ct_scope_keep(ct_div_scalar(ct_to(images, CT_F32), 255)),
                    ct_scope_keep(ct_to(labels, CT_I64))};
}

static Digits take(const Digits *digits, ct_tensor *numbers) {
    return (Digits){ct_index_select(digits->images, 0, numbers), ct_index_select(digits->labels, 0, numbers)};
}

/* ---- the model ---- */

/* From images [n, height, width] to a score for each of ten digits, [n, 10]. */
static ct_module *new_model(int64_t pixels, const Sizes *hidden) {
    ct_module *layers[2 * MAX_SIZES + 2];
    int n = 0;
    layers[n++] = ct_nn_flatten(1, -1);
    for (int i = 0; i < hidden->count; i++) {
        layers[n++] = ct_nn_linear(pixels, hidden->size[i], true);
        layers[n++] = ct_nn_relu();
        pixels = hidden->size[i];
    }
    layers[n++] = ct_nn_linear(pixels, 10, true);
    return ct_nn_sequential_n(layers, n);
}

/* Cross entropy turns the ten scores into probabilities (softmax) and takes -log of the right digit's. */
static void train(ct_module *model, const Digits *digits, const Settings *settings) {
    const int64_t count = ct_size(digits->labels, 0);
    ct_optim *adam = ct_optim_adam(ct_module_parameters(model), settings->lr, NULL);
    Progress progress = progress_begin(settings->epochs);
    for (int epoch = 1; epoch <= settings->epochs; epoch++) {
        CT_SCOPED;
        ct_tensor *order = ct_randperm(count);
        double total = 0;
        for (int64_t start = 0; start < count; start += settings->batch) {
            CT_SCOPED;
            const Digits batch = take(digits, ct_slice(order, 0, start, start + settings->batch, 1));
            ct_tensor *scores = ct_forward(model, batch.images);
            ct_tensor *loss = ct_cross_entropy(scores, batch.labels, NULL, -100, 0, CT_MEAN);
            ct_optim_zero_grad(adam);
            ct_backward(loss);
            ct_optim_step(adam);
            total += ct_item(loss) * (double)ct_numel(batch.labels);
        }
        progress_epoch(&progress, epoch, total / (double)count);
    }
    const double seconds = progress_seconds(&progress);
    printf("trained   %d epochs in %.2f s: %.0f examples per second\n\n", settings->epochs, seconds,
           (double)count * settings->epochs / seconds);
    ct_optim_free(adam);
}

/* ---- what it makes of them ---- */

enum { SHOWN = 3 };

/* Prints digits side by side, a character for two pixels above each other, without a margin of 2. */
static void show(const Digits *digits, ct_tensor *guesses, const int64_t numbers[SHOWN]) {
    static const char shades[] = " .:-=+*#%@";
    CT_SCOPED;
    const Digits some = take(digits, ct_from_data(CT_I64, numbers, CT_DIMS(SHOWN)));
    const int64_t width = ct_size(some.images, 2) - 4;
    for (int64_t row = 2; row + 3 < ct_size(some.images, 1); row += 2) {
        for (int k = 0; k < SHOWN; k++) {
            for (int64_t column = 2; column < width + 2; column++) {
                const double pair = ct_get(some.images, CT_DIMS(k, row, column)) +
                                    ct_get(some.images, CT_DIMS(k, row + 1, column));
                putchar(shades[(int)(pair / 2 * 9.99)]);
            }
            printf(k + 1 < SHOWN ? "  " : "\n");
        }
    }
    for (int k = 0; k < SHOWN; k++) {
        const double truth = ct_get(some.labels, CT_DIMS(k)), guess = ct_get(guesses, CT_DIMS(numbers[k]));
        char caption[64];
        snprintf(caption, sizeof caption, "%.0f, read as %.0f%s", truth, guess,
                 truth == guess ? "" : ": wrong");
        printf("  %-*s", k + 1 < SHOWN ? (int)width : 0, caption);
    }
    printf("\n\n");
}

/* The first digit from \p start on that was read right, or was not; start itself if there is none. */
static int64_t find(ct_tensor *right, bool wanted, int64_t start) {
    for (int64_t i = start; i < ct_numel(right); i++)
        if ((ct_get(right, CT_DIMS(i)) > 0) == wanted) return i;
    return start;
}

/* Two digits that were read right and one that was not, as far as there are such. */
static void show_some(const Digits *digits, ct_tensor *guesses) {
    CT_SCOPED;
    ct_tensor *right = ct_eq(digits->labels, guesses);
    const int64_t first = find(right, true, 0), second = find(right, true, ct_numel(right) / 2);
    show(digits, guesses, (int64_t[SHOWN]){first, second, find(right, false, 0)});
}

static void print_worst_pair(ct_tensor *counts) {
    int worst_truth = 0, worst_guess = 0;
    double most = 0;
    for (int truth = 0; truth < 10; truth++) {
        for (int guess = 0; guess < 10; guess++) {
            const double times = ct_get(counts, CT_DIMS(truth, guess));
            if (truth != guess && times > most) most = times, worst_truth = truth, worst_guess = guess;
        }
    }
    if (most > 0) printf("most often mistaken: %d for %d, %.0f times\n", worst_truth, worst_guess, most);
}

static int evaluate(ct_module *model, const Digits *held_out) {
    CT_SCOPED;
    CT_NO_GRAD;
    ct_train(model, false);
    ct_tensor *guesses = ct_argmax(ct_forward(model, held_out->images), 1, false);
    ct_tensor *counts = confusion(held_out->labels, guesses, 10);
    if (ct_numel(guesses) > 1) show_some(held_out, guesses);
    print_worst_pair(counts);
    return print_accuracy(counts);
}

static Settings read_settings(int argc, char **argv) {
    Settings settings = {.epochs = 15, .batch = 32, .seed = 1, .lr = 0.001, .hidden = {{256}, 1}};
    const Option options[] = {
        {"images", OPTION_FILE, &settings.images, 0, "images in MNIST's format; else it draws its own"},
        {"labels", OPTION_FILE, &settings.labels, 0, "their labels"},
        {"count", OPTION_INT, &settings.count, 0, "how many to draw or read; 0: 5000, or all of the file"},
        {"epochs", OPTION_INT, &settings.epochs, 1, "how often to go through the digits"},
        {"hidden", OPTION_SIZES, &settings.hidden, 0, "sizes of the hidden layers, or none"},
        {"batch", OPTION_INT, &settings.batch, 1, "digits in a step"},
        {"lr", OPTION_NUMBER, &settings.lr, 0, "learning rate"},
        {"seed", OPTION_INT, &settings.seed, 0, "for the digits, the split, the weights and the order"},
        {"threads", OPTION_INT, &settings.threads, 0, "threads to use; 0: all cores"},
    };
    read_options(argc, argv, "learns to read digits", options, sizeof options / sizeof *options);
    if (!settings.images != !settings.labels) fail("--images and --labels go together");
    if (settings.threads > 0) ct_set_num_threads(settings.threads);
    return settings;
}

int main(int argc, char **argv) {
    const Settings settings = read_settings(argc, argv);
    ct_manual_seed((uint64_t)settings.seed);
    const int64_t to_draw = settings.count > 0 ? settings.count : 5000;
    const Digits digits = settings.images ? read_digits(&settings) : draw_digits(to_draw);
    const Split split = split_rows(ct_numel(digits.labels), NULL, settings.seed);
    const Digits known = take(&digits, split.train), held_out = take(&digits, split.held_out);
    const int64_t pixels = ct_size(digits.images, 1) * ct_size(digits.images, 2);
    printf("data      %s: %lld to train on, %lld held out\n",
           settings.images ? settings.images : "digits drawn here", (long long)ct_numel(known.labels),
           (long long)ct_numel(held_out.labels));

    ct_module *model = new_model(pixels, &settings.hidden);
    print_layers(pixels, &settings.hidden, "10", ct_module_count(model));
    train(model, &known, &settings);
    const int code = evaluate(model, &held_out);
    ct_module_free(model);
    return code;
}
