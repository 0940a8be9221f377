/* JSON as file headers hold it: objects, strings and whole numbers, read where they stand and written to memory. Not
 * installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_JSON_H
#define COTANGENT_TENSOR_INTERNAL_JSON_H

#include "../error.h"

typedef struct {
    const char *path;      /* for errors */
    char *file, *at, *end; /* the first byte of the file, and what is yet to be read, which strings change */
} JsonReader;

typedef struct {
    char *text; /* ends with a NUL */
    size_t length;
} JsonString;

/* Raises CT_ERR_FORMAT with the place in the file; always false. */
bool tensor_json_malformed(const JsonReader *reader, const char *format, ...) CT_PRINTF(2, 3);

void tensor_json_skip_space(JsonReader *reader);
/* Moves past the character, and space before it, if it comes next. */
bool tensor_json_accept(JsonReader *reader, char wanted);
/* The same; an error if it does not. */
bool tensor_json_expect(JsonReader *reader, char wanted);
/* After an item: true with *more at a comma, true with *more unset at the closing bracket, else false with an error. */
bool tensor_json_next_item(JsonReader *reader, char closing, bool *more);

/* A string, decoded in place: it has no NUL within. */
bool tensor_json_string(JsonReader *reader, JsonString *string);
/* "[1, 2]": at most `room` numbers of 0 or more. */
bool tensor_json_integers(JsonReader *reader, int64_t *values, int room, int *count);

/* What is written; `text` is tensor_free()d by its owner. After a first failure nothing more is. */
typedef struct {
    char *text;
    size_t length, capacity;
    bool failed;
} JsonText;

void tensor_json_append(JsonText *text, const char *bytes, size_t count);
void tensor_json_append_text(JsonText *text, const char *bytes);
void tensor_json_append_integer(JsonText *text, int64_t value);
/* In quotes; an error if it is not UTF-8. */
void tensor_json_append_string(JsonText *text, const char *string);

#endif
