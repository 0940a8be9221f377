#define _POSIX_C_SOURCE 200809L
#include "common.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program = "example";

void fail(const char *format, ...) {
    fflush(stdout);
    fprintf(stderr, "%s: ", program);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void fail_on_error(ct_status status, const char *message, void *user) {
    (void)status, (void)user;
    fail("%s", message);
}

/* ---- the command line ---- */

__attribute__((noreturn)) CT_PRINTF(1, 2) static void misused(const char *format, ...) {
    fprintf(stderr, "%s: ", program);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\ntry %s --help\n", program);
    exit(2);
}

static void print_sizes(const Sizes *sizes) {
    if (sizes->count == 0) printf("none");
    for (int i = 0; i < sizes->count; i++) printf("%s%lld", i ? "," : "", (long long)sizes->size[i]);
}

static void print_default(const Option *option) {
    switch (option->kind) {
    case OPTION_INT:
        if (*(const int *)option->value >= option->least) printf(" (%d)", *(const int *)option->value);
        printf("\n");
        break;
    case OPTION_NUMBER:
        printf(" (%g)\n", *(const double *)option->value);
        break;
    case OPTION_SIZES:
        printf(" (");
        print_sizes(option->value);
        printf(")\n");
        break;
    case OPTION_FILE:
        printf("\n");
    }
}

/* The option whose name is the first length characters of name, or NULL. */
static const Option *find_option(const Option *options, int count, const char *name, size_t length) {
    for (int i = 0; i < count; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

__attribute__((noreturn)) static void print_help(const char *purpose, const Option *options, int count) {
    static const char *const values[] = {"N", "X", "FILE", "N,N"};
    const bool takes_file = find_option(options, count, "data", 4);
    printf("%s: %s\n\nusage: %s [OPTIONS]%s\n", program, purpose, program, takes_file ? " [FILE]" : "");
    for (int i = 0; i < count; i++) {
        int width = printf("  --%s %s", options[i].name, values[options[i].kind]);
        printf("%*s%s", 18 - width, "", options[i].help);
        print_default(&options[i]);
    }
    printf("  --help          shows this\n");
    exit(0);
}

/* Reads a whole number from least to INT_MAX that ends the text, or is followed by the character end. */
static bool read_int(const char **text, int least, char end, int *value) {
    char *rest = NULL;
    errno = 0;
    const long number = strtol(*text, &rest, 10);
    if (rest == *text || (*rest && *rest != end) || errno || number < least || number > INT_MAX) return false;
    *value = (int)number;
    *text = rest;
    return true;
}

static bool read_number(const char *text, double *value) {
    char *rest = NULL;
    *value = strtod(text, &rest);
    return rest != text && !*rest && isfinite(*value) && *value > 0;
}

static bool read_sizes(const char *text, Sizes *sizes) {
    sizes->count = 0;
    if (strcmp(text, "none") == 0) return true;
    for (int size; sizes->count < MAX_SIZES && read_int(&text, 1, ',', &size);) {
        sizes->size[sizes->count++] = size;
        if (!*text++) return true;
    }
    return false;
}

static void set_option(const Option *option, const char *text) {
    switch (option->kind) {
    case OPTION_INT:
        if (!read_int(&text, option->least, '\0', option->value))
            misused("--%s takes a whole number, %d or more; not '%s'", option->name, option->least, text);
        break;
    case OPTION_NUMBER:
        if (!read_number(text, option->value))
            misused("--%s takes a number above 0; not '%s'", option->name, text);
        break;
    case OPTION_SIZES:
        if (!read_sizes(text, option->value))
            misused("--%s takes up to %d sizes such as 16,16, or none", option->name, MAX_SIZES);
        break;
    case OPTION_FILE:
        *(const char **)option->value = text;
    }
}

void read_options(int argc, char **argv, const char *purpose, const Option *options, int count) {
    const char *slash = strrchr(argv[0], '/');
    program = slash ? slash + 1 : argv[0];
    ct_set_error_handler(fail_on_error, NULL);
    for (int i = 1; i < argc; i++) {
        const Option *data = find_option(options, count, "data", 4);
        if (data && argv[i][0] != '-') {
            set_option(data, argv[i]);
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) print_help(purpose, options, count);
        if (strncmp(argv[i], "--", 2) != 0) misused("what is '%s' for?", argv[i]);
        const char *name = argv[i] + 2;
        const size_t length = strcspn(name, "=");
        const Option *option = find_option(options, count, name, length);
        if (!option) misused("there is no option %s", argv[i]);
        if (!name[length] && i + 1 == argc) misused("--%s needs a value", name);
        set_option(option, name[length] ? name + length + 1 : argv[++i]);
    }
}

/* ---- progress ---- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

Progress progress_begin(int epochs) {
    fflush(stdout);
    return (Progress){epochs, now(), 0, isatty(STDERR_FILENO)};
}

double progress_seconds(const Progress *progress) {
    return now() - progress->started;
}

static void draw_bar(Progress *progress, int epoch, double loss) {
    enum { WIDTH = 30 };
    static const char full[] = "##############################", empty[] = "..............................";
    const bool last = epoch == progress->epochs;
    if (!last && now() - progress->shown < 0.05) return;
    progress->shown = now();
    const int done = (int)((int64_t)WIDTH * epoch / progress->epochs);
    const int left = (int)(progress_seconds(progress) / epoch * (progress->epochs - epoch) + 0.5);
    fprintf(stderr, "\r[%.*s%.*s] epoch %d/%d  loss %.4g  ETA %d:%02d \033[K%s", done, full, WIDTH - done,
            empty, epoch, progress->epochs, loss, left / 60, left % 60, last ? "\n" : "");
}

void progress_epoch(Progress *progress, int epoch, double loss) {
    const int tenth = progress->epochs < 10 ? 1 : progress->epochs / 10;
    if (progress->terminal)
        draw_bar(progress, epoch, loss);
    else if (epoch % tenth == 0 || epoch == progress->epochs)
        fprintf(stderr, "epoch %*d/%d  loss %.4g\n", snprintf(NULL, 0, "%d", progress->epochs), epoch,
                progress->epochs, loss);
}

/* ---- data ---- */

BinaryTable two_moons(int64_t rows, double noise) {
    CT_SCOPED;
    ct_tensor *angle = ct_mul_scalar(ct_rand(CT_F32, CT_DIMS(rows, 1)), acos(-1));
    ct_tensor *y = ct_to(ct_ge_scalar(ct_arange(CT_F32, 0, (double)rows, 1), (double)(rows / 2)), CT_F32);
    y = ct_reshape(y, CT_DIMS(rows, 1));
    ct_tensor *side = ct_rsub_scalar(ct_mul_scalar(y, 2), 1);
    ct_tensor *across = ct_add(ct_mul(side, ct_cos(angle)), y);
    ct_tensor *up = ct_add(ct_mul(side, ct_sin(angle)), ct_mul_scalar(y, 0.5));
    ct_tensor *points = ct_cat((ct_tensor *[]){across, up}, 2, 1);
    ct_tensor *x = ct_add(points, ct_mul_scalar(ct_randn_like(points), noise));
    return (BinaryTable){ct_scope_keep(x), ct_scope_keep(y), {"upper", "lower"}};
}

/* Names the classes of a column that holds two different numbers. Returns the number that is class 1. */
static double name_numbers(const char *path, ct_tensor *column, char names[2][32]) {
    const double low = ct_item(ct_min(column)), high = ct_item(ct_max(column));
    ct_tensor *either = ct_logical_or(ct_eq_scalar(column, low), ct_eq_scalar(column, high));
    if (low == high) fail("%s: the last column holds %g only; it should hold two classes", path, low);
    if (!(ct_item(ct_all(either)) > 0))
        fail("%s: the last column holds more than two different numbers; it should hold two classes", path);
    snprintf(names[0], sizeof names[0], "%g", low);
    snprintf(names[1], sizeof names[1], "%g", high);
    return high;
}

/* The same for a column of two words, numbered by first appearance. */
static double name_words(char *const words[2], char names[2][32]) {
    const bool swapped = strcmp(words[0], words[1]) > 0;
    snprintf(names[0], sizeof names[0], "%s", words[swapped]);
    snprintf(names[1], sizeof names[1], "%s", words[!swapped]);
    return swapped ? 0 : 1;
}

BinaryTable read_binary_table(const char *path) {
    CT_SCOPED;
    BinaryTable table;
    char *words[2] = {NULL, NULL};
    int classes = 0;
    ct_csv_options options = CT_CSV_DEFAULTS;
    options.class_column = true;
    options.class_names = words;
    options.class_capacity = 2;
    options.class_count = &classes;
    ct_tensor *all = ct_load_csv(path, &options);
    const int64_t features = ct_size(all, 1) - 1;
    if (features < 1) fail("%s: one column; there should be features, then the class", path);
    if (ct_size(all, 0) < 1) fail("%s: no rows", path);
    if (classes != 0 && classes != 2)
        fail("%s: classes in the last column: %d; this program tells two apart", path, classes);
    ct_tensor *column = ct_narrow(all, 1, features, 1);
    const double one = classes ? name_words(words, table.names) : name_numbers(path, column, table.names);
    free(words[0]);
    free(words[1]);
    table.y = ct_scope_keep(ct_to(ct_eq_scalar(column, one), CT_F32));
    table.x = ct_scope_keep(ct_contiguous(ct_narrow(all, 1, 0, features)));
    return table;
}

/* 0 … rows - 1 in an order that is the seed's. Its random numbers are not those that ct_manual_seed(seed)
 * begins with: rows that are generated from those would be held out by what they are. */
static ct_tensor *shuffled(int64_t rows, int seed) {
    const uint64_t apart = 0x9e3779b97f4a7c15u;
    ct_generator *generator = ct_generator_new((uint64_t)seed ^ apart);
    ct_generator *before = ct_generator_use(generator);
    ct_tensor *order = ct_randperm(rows);
    ct_generator_use(before);
    ct_generator_free(generator);
    return order;
}

Split split_rows(int64_t rows, ct_tensor *classes, int seed) {
    CT_SCOPED;
    const int64_t *order = ct_data_i64(shuffled(rows, seed));
    const float *label = ct_data_f32(ct_contiguous(classes ? classes : ct_zeros(CT_F32, CT_DIMS(rows, 1))));
    int64_t count[2] = {0, 0}, held[2];
    for (int64_t i = 0; i < rows; i++) count[label[i] != 0]++;
    for (int c = 0; c < 2; c++) {
        held[c] = (count[c] + 2) / 5;
        if (count[c] > 0 && held[c] == 0)
            fail("too few rows: a class has %lld; 3 are needed", (long long)count[c]);
    }
    ct_tensor *sorted = ct_empty(CT_I64, CT_DIMS(rows));
    int64_t *front = ct_data_i64(sorted), *back = front + held[0] + held[1];
    for (int64_t i = 0; i < rows; i++) {
        int64_t *left = &held[label[order[i]] != 0];
        if (*left > 0)
            *front++ = order[i], --*left;
        else
            *back++ = order[i];
    }
    const int64_t cut = front - ct_data_i64(sorted);
    return (Split){ct_scope_keep(ct_slice(sorted, 0, cut, rows, 1)),
                   ct_scope_keep(ct_slice(sorted, 0, 0, cut, 1))};
}

void column_scale(ct_tensor *x, ct_tensor **mean, ct_tensor **deviation) {
    CT_SCOPED;
    ct_tensor *spread = ct_std_dim(x, CT_DIMS(0), 0, true);
    *mean = ct_scope_keep(ct_mean_dim(x, CT_DIMS(0), true));
    *deviation = ct_scope_keep(ct_masked_fill(spread, ct_eq_scalar(spread, 0), 1));
}

/* ---- results ---- */

void print_layers(int64_t inputs, const Sizes *hidden, const char *output, int64_t weights) {
    printf("model     %lld", (long long)inputs);
    for (int i = 0; i < hidden->count; i++) printf(" - %lld relu", (long long)hidden->size[i]);
    printf(" - %s: %lld weights\n", output, (long long)weights);
}

ct_tensor *confusion(ct_tensor *truth, ct_tensor *guess, int64_t classes) {
    CT_SCOPED;
    ct_tensor *is = ct_to(ct_one_hot(truth, classes), CT_F64);
    ct_tensor *taken = ct_to(ct_one_hot(guess, classes), CT_F64);
    return ct_scope_keep(ct_mm(ct_t(is), taken));
}

void print_confusion(ct_tensor *counts, char names[2][32]) {
    size_t width = 6;
    for (int c = 0; c < 2; c++)
        if (strlen(names[c]) > width) width = strlen(names[c]);
    const int w = (int)width;
    printf("\n%*s  taken for\n%*s  %*s  %*s\n", w + 4, "", w + 4, "held out", w, names[0], w, names[1]);
    for (int c = 0; c < 2; c++)
        printf("%*s  %*.0f  %*.0f\n", w + 4, names[c], w, ct_get(counts, CT_DIMS(c, 0)), w,
               ct_get(counts, CT_DIMS(c, 1)));
    printf("\n");
}

int print_accuracy(ct_tensor *counts) {
    CT_SCOPED;
    const double all = ct_item(ct_sum(counts));
    const double right = ct_item(ct_einsum("ii->", &counts, 1));
    const double commonest = ct_item(ct_max(ct_sum_dim(counts, CT_DIMS(1), false)));
    printf("held-out accuracy: %.4f (%.0f of %.0f)\n", right / all, right, all);
    if (right > commonest) return 0;
    fflush(stdout);
    fprintf(stderr, "%s: it did not learn: the commonest class alone makes %.4f\n", program, commonest / all);
    return 1;
}
