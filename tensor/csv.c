/* Tables of numbers as text. The file is walked twice: to learn the table's size and whether it is sound,
 * then to read the numbers. */
#include "internal/file.h"
#include "internal/memory.h"
#include "internal/names.h"
#include "internal/shape.h"
#include "io.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text; /* without quotes and, unless quoted, the spaces around it */
    size_t length;
    int64_t line, column; /* where it begins, quote included; from 1 */
    bool ends_row;
} Field;

typedef struct {
    const char *path;
    const ct_csv_options *options;
    const char *start, *end; /* of the text */
    const char *at;
    const char *row_start;   /* of the line that `at` is in */
    int64_t line;
} Reader;

typedef struct {
    int64_t rows, columns;
    bool has_header;
    bool has_classes; /* the last column holds words, and they are to be numbered */
    Names classes;
} Table;

/* Raise CT_ERR_FORMAT as "file:line:column: what"; always false. */
static bool malformed(const Reader *reader, const Field *field, const char *what) {
    tensor_error(CT_ERR_FORMAT, "%s:%lld:%lld: %s", reader->path, (long long)field->line,
                 (long long)field->column, what);
    return false;
}

static bool malformed_here(const Reader *reader, const char *what) {
    Field here = {.line = reader->line, .column = reader->at - reader->row_start + 1};
    return malformed(reader, &here, what);
}

static bool not_a_number(const Reader *reader, const Field *field) {
    enum { SHOWN = 40 };
    tensor_error(CT_ERR_FORMAT, "%s:%lld:%lld: expected a number, not \"%.*s\"", reader->path,
                 (long long)field->line, (long long)field->column,
                 field->length > SHOWN ? SHOWN : (int)field->length, field->text);
    return false;
}

/* ---- fields ---- */

static void rewind_reader(Reader *reader) {
    static const char mark[] = "\xef\xbb\xbf";
    size_t bytes = (size_t)(reader->end - reader->start);
    reader->at = reader->start + (bytes >= 3 && memcmp(reader->start, mark, 3) == 0 ? 3 : 0);
    reader->row_start = reader->at;
    reader->line = 1;
}

static bool ends_line(const Reader *reader, const char *at) {
    return at == reader->end || *at == '\n' || (*at == '\r' && (at + 1 == reader->end || at[1] == '\n'));
}

static const char *skip_blanks(const Reader *reader, const char *at) {
    while (at < reader->end && (*at == ' ' || *at == '\t') && *at != reader->options->delimiter) at++;
    return at;
}

/* Whether only blank lines are left. */
static bool at_end(const Reader *reader) {
    const char *at = reader->at;
    for (;; at++) {
        at = skip_blanks(reader, at);
        if (at == reader->end) return true;
        if (*at != '\n' && *at != '\r') return false;
    }
}

/* Moves past the delimiter or the end of the line. */
static void finish_field(Reader *reader, Field *field) {
    field->ends_row = ends_line(reader, reader->at);
    if (reader->at < reader->end && *reader->at == '\r' && field->ends_row) reader->at++;
    if (reader->at < reader->end) reader->at++;
}

static void start_line(Reader *reader) {
    reader->row_start = reader->at;
    reader->line++;
}

static bool read_quoted(Reader *reader, Field *field) {
    field->text = ++reader->at;
    for (;; reader->at++) {
        if (reader->at == reader->end) return malformed(reader, field, "a quote that is never closed");
        if (*reader->at == '"') {
            if (reader->at + 1 == reader->end || reader->at[1] != '"') break;
            reader->at++;
        }
        if (*reader->at == '\n') {
            reader->line++;
            reader->row_start = reader->at + 1;
        }
    }
    field->length = (size_t)(reader->at++ - field->text);
    reader->at = skip_blanks(reader, reader->at);
    if (ends_line(reader, reader->at) || *reader->at == reader->options->delimiter) return true;
    return malformed_here(reader, "text behind a closing quote");
}

static bool read_plain(Reader *reader, Field *field) {
    field->text = reader->at;
    for (; !ends_line(reader, reader->at) && *reader->at != reader->options->delimiter; reader->at++)
        if (*reader->at == '"') return malformed_here(reader, "a quote within a field without quotes");
    const char *last = reader->at;
    while (last > field->text && (last[-1] == ' ' || last[-1] == '\t')) last--;
    field->length = (size_t)(last - field->text);
    return true;
}

/* Reads the next field; its line, when it ends a row, is left with start_line(). */
static bool next_field(Reader *reader, Field *field) {
    reader->at = skip_blanks(reader, reader->at);
    field->line = reader->line;
    field->column = reader->at - reader->row_start + 1;
    bool quoted = reader->at < reader->end && *reader->at == '"';
    if (!(quoted ? read_quoted(reader, field) : read_plain(reader, field))) return false;
    finish_field(reader, field);
    return true;
}

static bool is_number(const Reader *reader, const Field *field, double *value) {
    return tensor_parse_number(field->text, field->length, reader->options->dtype == CT_F32, value);
}

/* ---- the first walk ---- */

/* Reads a row of any length; `numbers` counts those among its fields. */
static bool survey_first_row(Reader *reader, int64_t *columns, int64_t *numbers) {
    Field field;
    double value;
    *columns = *numbers = 0;
    do {
        if (!next_field(reader, &field)) return false;
        ++*columns;
        *numbers += is_number(reader, &field, &value);
    } while (!field.ends_row);
    start_line(reader);
    return true;
}

static bool check_field(const Reader *reader, const Field *field, int64_t column, Table *table) {
    double value;
    if (is_number(reader, field, &value)) return true;
    bool is_class = reader->options->class_column && column == table->columns;
    if (field->length == 0) return malformed(reader, field, "an empty field; expected a number");
    if (!is_class) return not_a_number(reader, field);
    if (memchr(field->text, '\0', field->length)) return malformed(reader, field, "a NUL byte in a word");
    table->has_classes = true;
    return true;
}

static bool survey_row(Reader *reader, Table *table) {
    Field field;
    int64_t column = 0;
    do {
        if (!next_field(reader, &field)) return false;
        if (++column > table->columns)
            return malformed(reader, &field, "the row is longer than the first one");
        if (!check_field(reader, &field, column, table)) return false;
    } while (!field.ends_row);
    if (column < table->columns) return malformed(reader, &field, "the row is shorter than the first one");
    start_line(reader);
    table->rows++;
    return true;
}

static bool survey(Reader *reader, Table *table) {
    int64_t numbers;
    rewind_reader(reader);
    if (at_end(reader)) return malformed_here(reader, "the file holds no rows");
    if (!survey_first_row(reader, &table->columns, &numbers)) return false;
    table->has_header = reader->options->header == 1 || (reader->options->header < 0 && numbers == 0);
    if (!table->has_header) rewind_reader(reader);
    while (!at_end(reader))
        if (!survey_row(reader, table)) return false;
    return true;
}

/* ---- the second walk ---- */

static bool number_class(Table *table, const Field *field, double *value) {
    int at = tensor_names_find(&table->classes, field->text, field->length);
    if (at < 0) at = tensor_names_add(&table->classes, field->text, field->length);
    *value = at;
    return at >= 0;
}

/* The survey has found every field sound. */
static bool read_numbers(Reader *reader, Table *table, ct_tensor *x) {
    Field field;
    double value = 0;
    rewind_reader(reader);
    for (int64_t i = table->has_header ? -table->columns : 0; i < x->numel; i++) {
        if (!next_field(reader, &field)) return false;
        if (i < 0) continue;
        bool is_class = table->has_classes && (i + 1) % table->columns == 0;
        if (!is_class) is_number(reader, &field, &value);
        else if (!number_class(table, &field, &value)) return false;
        if (x->dtype == CT_F32) ((float *)x->data)[i] = (float)value;
        else ((double *)x->data)[i] = value;
    }
    return true;
}

/* ---- classes ---- */

/* A copy for free(), with doubled quotes made single. */
static char *class_name(const char *text) {
    char *name = tensor_alloc_refused() ? NULL : malloc(strlen(text) + 1), *out = name;
    if (!name) {
        tensor_error(CT_ERR_MEMORY, "out of memory for the name of a class");
        return NULL;
    }
    for (; *text; text++) {
        *out++ = *text;
        if (text[0] == '"' && text[1] == '"') text++;
    }
    *out = '\0';
    return name;
}

/* Either all that fit or none. */
static bool give_classes(const Names *classes, const ct_csv_options *options) {
    int wanted = !options->class_names ? 0 : classes->count;
    if (wanted > options->class_capacity) wanted = options->class_capacity;
    for (int i = 0; i < wanted; i++) {
        options->class_names[i] = class_name(classes->name[i]);
        if (options->class_names[i]) continue;
        while (i-- > 0) {
            free(options->class_names[i]);
            options->class_names[i] = NULL;
        }
        return false;
    }
    if (options->class_count) *options->class_count = classes->count;
    return true;
}

static ct_tensor *read_table(Reader *reader, Table *table) {
    if (!survey(reader, table)) return NULL;
    int64_t shape[] = {table->rows, table->columns};
    if (!tensor_check_shape(reader->options->dtype, shape, 2)) return NULL;
    ct_tensor *x = tensor_new(reader->options->dtype, shape, 2);
    if (!x || !read_numbers(reader, table, x) || !give_classes(&table->classes, reader->options)) return NULL;
    return x;
}

static bool check_options(const ct_csv_options *options) {
    if (options->dtype != CT_F32 && options->dtype != CT_F64) {
        tensor_error(CT_ERR_DTYPE, "dtype is %d; expected CT_F32 or CT_F64", (int)options->dtype);
        return false;
    }
    if (options->delimiter == '\0' || strchr("\"\r\n+-.0123456789", options->delimiter)) {
        tensor_error(CT_ERR_VALUE,
                     "the delimiter has code %d; expected one that is no part of a number, quote or line end",
                     options->delimiter);
        return false;
    }
    if (options->header >= -1 && options->header <= 1) return true;
    tensor_error(CT_ERR_VALUE, "header is %d; expected -1, 0 or 1", options->header);
    return false;
}

ct_tensor *ct_load_csv(const char *path, const ct_csv_options *options) {
    FUNCTION("ct_load_csv");
    static const ct_csv_options defaults = {CT_F32, ',', -1, false, NULL, 0, NULL};
    if (!options) options = &defaults;
    FileContent content;
    if (!tensor_given(path, "path") || !check_options(options) || !tensor_file_read(path, &content))
        return NULL;
    Reader reader = {
        .path = path, .options = options, .start = content.data, .end = content.data + content.bytes};
    Table table = {0};
    ct_tensor *x = read_table(&reader, &table);
    tensor_names_free(&table.classes);
    tensor_file_free(&content);
    return x;
}
