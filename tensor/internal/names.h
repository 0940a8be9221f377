/* An ordered set of strings, found by hash. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_NAMES_H
#define COTANGENT_TENSOR_INTERNAL_NAMES_H

#include "../api.h"

typedef struct {
    char **name; /* in the order in which they were added */
    int count, capacity;
    int *slots; /* twice the capacity: a place in name[], or -1 */
} Names;

/* The place of the text (without a terminator), -1 if it is not there. */
int tensor_names_find(const Names *names, const char *text, size_t length);
/* Adds a text that is not there yet; its place, or -1 with an error. The text holds no NUL. */
int tensor_names_add(Names *names, const char *text, size_t length);
void tensor_names_free(Names *names);

#endif
