/* Tensors as text, in PyTorch's layout. */
#include "internal/file.h"
#include "internal/plain.h"
#include <limits.h>
#include <math.h>
#include <string.h>

enum { DECIMALS = 4, LINE_WIDTH = 80, SUMMARY_FROM = 1000, EDGE_ITEMS = 3 };

static const char prefix[] = "tensor(";

/* Takes the text: a buffer (as snprintf) or a stream. */
typedef struct {
    char *buffer;
    size_t size;
    FILE *file;
    size_t length;
    size_t line_start; /* where the last line begins */
} Output;

typedef struct {
    const ct_tensor *x;
    Output *output;
    bool summarised;
    int width;       /* of a column */
    bool scientific, integral;
    int64_t visited; /* while the style is found: nonzero finite numbers */
    double smallest, largest;
} Printer;

static void put(Output *output, const char *text, size_t length) {
    if (output->file) fwrite(text, 1, length, output->file);
    for (size_t i = 0; i < length; i++, output->length++) {
        if (output->length + 1 < output->size) output->buffer[output->length] = text[i];
        if (text[i] == '\n') output->line_start = output->length + 1;
    }
}

static void put_text(Output *output, const char *text) {
    put(output, text, strlen(text));
}

static void put_spaces(Output *output, int n) {
    for (int i = 0; i < n; i++) put(output, " ", 1);
}

/* ---- elements ---- */

static bool is_cut(const Printer *printer, int64_t size) {
    return printer->summarised && size > 2 * EDGE_ITEMS;
}

/* The next index that is shown. */
static int64_t next_shown(const Printer *printer, int64_t i, int64_t size) {
    return i + 1 == EDGE_ITEMS && is_cut(printer, size) ? size - EDGE_ITEMS : i + 1;
}

static void convert(const ct_tensor *x, const char *element, ct_dtype to, void *value) {
    char *data[] = {value, (char *)element};
    tensor_kernels->convert[to][x->dtype](data, (const int64_t[]){1, 1}, 1, NULL);
}

static double number(const ct_tensor *x, const char *element) {
    double value;
    convert(x, element, CT_F64, &value);
    return value;
}

static const char *step(const ct_tensor *x, int dim, const char *data, int64_t i) {
    return data + i * x->strides[dim] * (int64_t)ct_dtype_size((ct_dtype)x->dtype);
}

/* Calls visit for every element that is shown. */
static void each_shown(Printer *printer, int dim, const char *data, void (*visit)(Printer *, const char *)) {
    const ct_tensor *x = printer->x;
    if (dim == x->ndim) {
        visit(printer, data);
        return;
    }
    for (int64_t i = 0; i < x->shape[dim]; i = next_shown(printer, i, x->shape[dim]))
        each_shown(printer, dim + 1, step(x, dim, data, i), visit);
}

/* Writes one element without padding; returns its length. */
static int element_text(const Printer *printer, const char *element, char text[NUMBER_BYTES]) {
    const ct_tensor *x = printer->x;
    if (x->dtype == CT_BOOL) return snprintf(text, NUMBER_BYTES, "%s", *(const bool *)element ? "True" : "False");
    if (!tensor_is_floating((ct_dtype)x->dtype)) {
        int64_t integer;
        convert(x, element, CT_I64, &integer);
        return snprintf(text, NUMBER_BYTES, "%lld", (long long)integer);
    }
    double value = number(x, element);
    if (printer->scientific) return tensor_print_number(text, value, DECIMALS, 'e');
    int length = tensor_print_number(text, value, printer->integral ? 0 : DECIMALS, 'f');
    if (!printer->integral || !isfinite(value)) return length;
    text[length] = '.';
    text[length + 1] = '\0';
    return length + 1;
}

/* ---- the style ---- */

static void note_range(Printer *printer, const char *element) {
    double value = number(printer->x, element), size = fabs(value);
    if (!isfinite(value) || value == 0) return;
    if (printer->visited++ == 0) printer->smallest = printer->largest = size;
    if (size < printer->smallest) printer->smallest = size;
    if (size > printer->largest) printer->largest = size;
    if (value != floor(value)) printer->integral = false;
}

/* Zeros, infinities and NaN do not widen a column. */
static void note_width(Printer *printer, const char *element) {
    char text[NUMBER_BYTES];
    if (tensor_is_floating((ct_dtype)printer->x->dtype)) {
        double value = number(printer->x, element);
        if (!isfinite(value) || value == 0) return;
    }
    int length = element_text(printer, element, text);
    if (length > printer->width) printer->width = length;
}

static void choose_style(Printer *printer) {
    printer->width = 1;
    printer->integral = true;
    if (tensor_is_floating((ct_dtype)printer->x->dtype)) {
        each_shown(printer, 0, printer->x->data, note_range);
        printer->scientific = printer->visited > 0 && (printer->largest / printer->smallest > 1000 ||
                                                       printer->largest > 1e8 ||
                                                       (!printer->integral && printer->smallest < 1e-4));
    }
    each_shown(printer, 0, printer->x->data, note_width);
}

/* ---- layout ---- */

static void put_element(const Printer *printer, const char *element) {
    char text[NUMBER_BYTES];
    int length = element_text(printer, element, text);
    put_spaces(printer->output, printer->width - length);
    put(printer->output, text, (size_t)length);
}

static void put_break(Output *output, int lines, int indent) {
    for (int i = 0; i < lines; i++) put(output, "\n", 1);
    put_spaces(output, indent);
}

/* What stands before the item of that place: nothing, or a comma and a space or a new line. */
static void separate(Output *output, int64_t place, int64_t per_line, int indent) {
    if (place == 0) return;
    put_text(output, place % per_line ? ", " : ",");
    if (place % per_line == 0) put_break(output, 1, indent);
}

static void put_vector(const Printer *printer, int dim, const char *data, int indent) {
    const ct_tensor *x = printer->x;
    int64_t size = x->shape[dim], per_line = (LINE_WIDTH - indent) / (printer->width + 2), place = 0;
    if (per_line < 1) per_line = 1;
    put_text(printer->output, "[");
    for (int64_t i = 0; i < size; i = next_shown(printer, i, size)) {
        separate(printer->output, place++, per_line, indent + 1);
        put_element(printer, step(x, dim, data, i));
        if (i + 1 != EDGE_ITEMS || !is_cut(printer, size)) continue;
        separate(printer->output, place++, per_line, indent + 1);
        put_text(printer->output, " ...");
    }
    put_text(printer->output, "]");
}

static void put_slices(const Printer *printer, int dim, const char *data, int indent) {
    const ct_tensor *x = printer->x;
    int64_t size = x->shape[dim];
    int rest = x->ndim - dim;
    if (rest == 0) put_element(printer, data);
    if (rest == 1) put_vector(printer, dim, data, indent);
    if (rest < 2) return;
    put_text(printer->output, "[");
    for (int64_t i = 0; i < size; i = next_shown(printer, i, size)) {
        if (i > 0) {
            put_text(printer->output, ",");
            put_break(printer->output, rest - 1, indent + 1);
        }
        put_slices(printer, dim + 1, step(x, dim, data, i), indent + 1);
        if (i + 1 != EDGE_ITEMS || !is_cut(printer, size)) continue;
        put_text(printer->output, ",");
        put_break(printer->output, rest - 1, indent + 1);
        put_text(printer->output, "...");
    }
    put_text(printer->output, "]");
}

/* ", size=(0, 3)" or ", dtype=float64", on a line of its own where it would not fit. */
static void put_suffix(Output *output, const char *name, const char *value) {
    size_t length = strlen(name) + strlen(value), line = output->length - output->line_start + 2;
    put_text(output, ",");
    if (line + length + 2 > LINE_WIDTH) put_break(output, 1, (int)strlen(prefix));
    else put_text(output, " ");
    put_text(output, name);
    put_text(output, value);
}

static void put_tensor(const ct_tensor *x, Output *output) {
    ct_dtype dtype = (ct_dtype)x->dtype;
    Printer printer = {.x = x, .output = output, .summarised = x->numel > SUMMARY_FROM};
    bool usual = dtype == CT_F32 || (x->numel > 0 && (dtype == CT_I64 || dtype == CT_BOOL));
    put_text(output, prefix);
    if (x->numel == 0) {
        put_text(output, "[]");
        if (x->ndim != 1) put_suffix(output, "size=", tensor_shape_of(x));
    } else {
        choose_style(&printer);
        put_slices(&printer, 0, x->data, (int)strlen(prefix));
    }
    if (!usual) put_suffix(output, "dtype=", ct_dtype_name(dtype));
    put_text(output, ")");
}

int ct_format(const ct_tensor *x, char *buffer, size_t size) {
    FUNCTION("ct_format");
    if (!tensor_given(x, "x") || (size > 0 && !tensor_given(buffer, "buffer"))) return -1;
    Output output = {.buffer = buffer, .size = size};
    put_tensor(x, &output);
    if (size > 0) buffer[output.length < size ? output.length : size - 1] = '\0';
    return output.length > INT_MAX ? INT_MAX : (int)output.length;
}

void ct_fprint(FILE *file, const ct_tensor *x) {
    FUNCTION("ct_fprint");
    if (!tensor_given(file, "file") || !tensor_given(x, "x")) return;
    Output output = {.file = file};
    put_tensor(x, &output);
    put_text(&output, "\n");
}

void ct_print(const ct_tensor *x) {
    FUNCTION("ct_print");
    ct_fprint(stdout, x);
}
