/* Reads the golden cases of tests/golden: see the README there for the grammar. */
#ifndef TESTS_GOLDEN_DATA_H
#define TESTS_GOLDEN_DATA_H

#include <cotangent.h>

enum { GOLDEN_LIST = 4 };

/* A tensor's place in the pool of its dtype. */
typedef struct {
    ct_dtype dtype;
    bool requires_grad;
    int64_t offset;
    int ndim;
    int64_t shape[CT_MAX_DIMS];
} GoldenTensor;

/* One line: "arg x t …", "grad xs.0 …", "out 0 …", "tol 1e-10 1e-12", "stat mean 0.1", …. */
typedef struct {
    char tag[8];
    char name[32];
    char type; /* of an argument or element: t n i b f s I L; t for every other tensor; f for numbers */
    GoldenTensor tensor;
    double numbers[2];         /* i b f, tolerances, statistics */
    char text[40];             /* s */
    int64_t list[GOLDEN_LIST]; /* I */
    int count;                 /* of I and L: the elements of an L are the records after it */
} GoldenRecord;

typedef struct {
    char name[48], dtype[8], kind[8], op[32];
    GoldenRecord *records;
    int count;
} GoldenCase;

typedef struct {
    GoldenCase *cases;
    int count;
    GoldenRecord *records;
    void *pools[CT_BOOL + 1]; /* by dtype */
    int64_t pool_sizes[CT_BOOL + 1];
} GoldenData;

/* Reads index.txt and the pools; on a fault it says which on stderr and returns no cases. */
GoldenData golden_read(const char *folder);
void golden_free(GoldenData *data);

/* The first record of that tag and name (NULL: any) or NULL. */
const GoldenRecord *golden_find(const GoldenCase *golden, const char *tag, const char *name);
/* A row-major copy of the numbers, as doubles, to be freed with free(). */
double *golden_numbers(const GoldenData *data, const GoldenTensor *tensor);

#endif
