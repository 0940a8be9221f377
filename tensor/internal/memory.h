/* The caching allocator: all of the library's memory comes from here. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_MEMORY_H
#define COTANGENT_TENSOR_INTERNAL_MEMORY_H

#include "../api.h"

/* A block aligned to 64 bytes, or NULL with CT_ERR_MEMORY pending. */
void *tensor_alloc(size_t bytes);
/* The same, zeroed. */
void *tensor_alloc_zeroed(size_t bytes);
/* Gives a block back; bytes as asked. NULL is fine. */
void tensor_free(void *block, size_t bytes);
/* Moves a block to one of another size, keeping what fits; the old one stays on failure. */
void *tensor_realloc(void *block, size_t old_bytes, size_t new_bytes);
char *tensor_strdup(const char *text);
void tensor_strfree(char *text);

/* For tests: makes the n-th allocation from now (1: the next) fail, or all from it on; 0 switches it off. */
void tensor_alloc_fail_at(int64_t n, bool from_then_on);
/* How many allocations were asked for since the switch was set. */
int64_t tensor_alloc_asked(void);
/* Whether the test switch wants this allocation to fail: for memory that does not come from the allocator. */
bool tensor_alloc_refused(void);

#endif
