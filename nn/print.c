/* Printing the tree of modules in PyTorch's layout, whatever the locale. */
#include "internal.h"
#include <math.h>
#include <string.h>

/* Whether so many decimals, written as 'f' or 'e', read back as the value. */
static bool is_exact(Number *number, double value, int decimals, char conversion) {
    double back;
    int length = tensor_print_number(number->text, value, decimals, conversion);
    return tensor_parse_number(number->text, (size_t)length, false, &back) && back == value;
}

Number nn_number(double value, bool point) {
    Number number;
    bool scientific = value != 0 && !(fabs(value) >= 1e-4 && fabs(value) < 1e16);
    for (int decimals = 0; decimals < 21; decimals++)
        if (is_exact(&number, value, decimals, scientific ? 'e' : 'f')) break;
    if (point && !scientific && !strchr(number.text, '.')) strcat(number.text, ".0");
    return number;
}

static void start_line(FILE *file, int depth) {
    fprintf(file, "\n%*s", 2 * depth, "");
}

static void print_tree(const ct_module *module, FILE *file, int depth) {
    int children = 0;
    for (int i = 0; i < module->count; i++) children += module->parts[i].child != NULL;
    fprintf(file, "%s(", module->type);
    if (module->details) {
        if (children > 0) start_line(file, depth + 1);
        fputs(module->details, file);
    }
    for (int i = 0; i < module->count; i++) {
        const Part *part = &module->parts[i];
        if (!part->child) continue;
        start_line(file, depth + 1);
        fprintf(file, "(%s): ", part->name);
        print_tree(part->child, file, depth + 1);
    }
    if (children > 0) start_line(file, depth);
    fputs(")", file);
}

void ct_module_print(const ct_module *module, FILE *file) {
    FUNCTION("ct_module_print");
    if (!tensor_given(module, "module") || !tensor_given(file, "file")) return;
    print_tree(module, file, 0);
    fputs("\n", file);
}
