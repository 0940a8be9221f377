/* Printing the tree of modules in PyTorch's layout, whatever the locale. */
#include "internal.h"
#include <math.h>
#include <string.h>

/* The shortest decimal text that reads back as the number ("0.01", "1.0"), with a point in every locale. */
static const char *number_text(double value, char *text, size_t size) {
    if (!isfinite(value)) {
        snprintf(text, size, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return text;
    }
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(text, size, "%.*g", digits, value);
        if (sscanf(text, "%lf", &back) == 1 && back == value) break;
    }
    for (char *c = text; *c; c++)
        if (!strchr("0123456789+-e", *c)) *c = '.';
    return text;
}

bool nn_describe_numbers(ct_module *module, const char *format, double a, double b) {
    char first[40], second[40];
    return nn_describe(module, format, number_text(a, first, sizeof first), number_text(b, second, sizeof second));
}

static void indent(FILE *file, int depth) {
    fprintf(file, "%*s", 2 * depth, "");
}

static void print_tree(const ct_module *module, FILE *file, int depth) {
    bool has_children = false;
    fprintf(file, "%s(%s", module->type, module->details ? module->details : "");
    for (int i = 0; i < module->count; i++) {
        const Part *part = &module->parts[i];
        if (!part->child) continue;
        if (!has_children) fprintf(file, "\n");
        has_children = true;
        indent(file, depth + 1);
        fprintf(file, "(%s): ", part->name);
        print_tree(part->child, file, depth + 1);
        fprintf(file, "\n");
    }
    if (has_children) indent(file, depth);
    fprintf(file, ")");
}

void ct_module_print(const ct_module *module, FILE *file) {
    FUNCTION("ct_module_print");
    if (!tensor_given(module, "module") || !tensor_given(file, "file")) return;
    print_tree(module, file, 0);
    fprintf(file, "\n");
}
