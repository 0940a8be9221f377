/* Whole files in and out, and numbers as text, whatever the locale. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_FILE_H
#define COTANGENT_TENSOR_INTERNAL_FILE_H

#include "../error.h"
#include <stdatomic.h>

#define HOST_IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* Turns the bytes of n numbers of that width around. */
void tensor_swap_bytes(void *numbers, size_t n, size_t width);

typedef struct {
    char *data;
    size_t bytes, capacity;
} FileContent;

/* Reads a file of any kind to its end; false with an error. */
bool tensor_file_read(const char *path, FileContent *content);
void tensor_file_free(FileContent *content);

/* A regular file as memory that is private to the process. */
typedef struct {
    char *data;
    size_t bytes;
    _Atomic(int64_t) users;
} Mapping;

/* With one user; NULL with an error. */
Mapping *tensor_map(const char *path);
/* Gives up one use of a Mapping; the last one unmaps it. */
void tensor_unmap(void *mapping);

/* A file being written under a temporary name beside its own. */
typedef struct {
    const char *path;
    char *temporary;
    int descriptor;
    bool failed;
} FileWriter;

/* False with an error. */
bool tensor_write_begin(FileWriter *writer, const char *path);
/* After a first failure it does nothing more. */
void tensor_write(FileWriter *writer, const void *data, size_t bytes);
/* Flushes and renames; if anything failed (or `keep` is false) the temporary file goes and the old one stays. */
ct_status tensor_write_end(FileWriter *writer, bool keep);

/* Reads all of a text as a decimal number, inf or nan, rounded correctly to double (single: to float). */
bool tensor_parse_number(const char *text, size_t length, bool single, double *value);

enum { NUMBER_BYTES = 352 };
/* Writes a number with so many decimals, as printf's 'f' or 'e' does in the C locale; returns the length. */
int tensor_print_number(char text[NUMBER_BYTES], double value, int decimals, char conversion);

#endif
