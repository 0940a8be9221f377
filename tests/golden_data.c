#include "golden_data.h"
#include <stdlib.h>
#include <string.h>

/* ---- pools: one-dimensional .npy files of version 1, in C order ---- */

typedef struct {
    const char *file, *descr;
    ct_dtype dtype;
    size_t width;
} Pool;

static const Pool pools[] = {{"f32", "'<f4'", CT_F32, 4},
                             {"f64", "'<f8'", CT_F64, 8},
                             {"i64", "'<i8'", CT_I64, 8},
                             {"bool", "'|b1'", CT_BOOL, 1}};

/* The element count that the header states; -1 for a file that is not such an array. */
static int64_t read_npy_header(FILE *file, const Pool *pool) {
    unsigned char start[10];
    char header[512];
    if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, "\x93NUMPY\x01", 7) != 0)
        return -1;
    size_t length = start[8] + 256u * start[9];
    if (length >= sizeof header || fread(header, 1, length, file) != length) return -1;
    header[length] = '\0';
    const char *shape = strstr(header, "'shape': (");
    long long count;
    if (!strstr(header, pool->descr) || !shape || sscanf(shape, "'shape': (%lld,)", &count) != 1) return -1;
    return count;
}

static bool read_pool(GoldenData *data, const char *folder, const Pool *pool) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.npy", folder, pool->file);
    FILE *file = fopen(path, "rb");
    int64_t count = file ? read_npy_header(file, pool) : -1;
    if (count >= 0) {
        data->pools[pool->dtype] = malloc((size_t)count * pool->width + 1);
        data->pool_sizes[pool->dtype] =
            (int64_t)fread(data->pools[pool->dtype], pool->width, (size_t)count, file);
    }
    bool complete = count >= 0 && data->pool_sizes[pool->dtype] == count;
    if (!complete) fprintf(stderr, "%s: not the array that was expected\n", path);
    if (file) fclose(file);
    return complete;
}

static double pool_number(const GoldenData *data, ct_dtype dtype, int64_t place) {
    const void *pool = data->pools[dtype];
    if (dtype == CT_F32) return ((const float *)pool)[place];
    if (dtype == CT_F64) return ((const double *)pool)[place];
    if (dtype == CT_I64) return (double)((const int64_t *)pool)[place];
    return ((const unsigned char *)pool)[place];
}

double *golden_numbers(const GoldenData *data, const GoldenTensor *tensor) {
    int64_t n = 1;
    for (int d = 0; d < tensor->ndim; d++) n *= tensor->shape[d];
    double *numbers = malloc((size_t)n * sizeof *numbers + 1);
    for (int64_t i = 0; i < n; i++) numbers[i] = pool_number(data, tensor->dtype, tensor->offset + i);
    return numbers;
}

/* ---- the index: every line a record ---- */

/* The blank-separated words of a line, one after the other. */
typedef struct {
    char *rest;
} Words;

static const char *next_word(Words *words) {
    char *word = words->rest + strspn(words->rest, " \r\n");
    char *end = word + strcspn(word, " \r\n");
    words->rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static int64_t next_integer(Words *words) {
    return strtoll(next_word(words), NULL, 10);
}

#define COPY_WORD(to, words) snprintf(to, sizeof to, "%s", next_word(words))

/* POOL [RG] OFF ND D...: false when it does not lie in the pool. */
static bool parse_tensor(const GoldenData *data, Words *words, bool has_flag, GoldenTensor *tensor) {
    const char *pool = next_word(words);
    bool known = false;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        if (strcmp(pool, pools[i].file) == 0) {
            tensor->dtype = pools[i].dtype;
            known = true;
        }
    tensor->requires_grad = has_flag && next_integer(words) != 0;
    tensor->offset = next_integer(words);
    tensor->ndim = (int)next_integer(words);
    if (!known || tensor->ndim < 0 || tensor->ndim > CT_MAX_DIMS) return false;
    int64_t n = 1;
    for (int d = 0; d < tensor->ndim; d++) n *= tensor->shape[d] = next_integer(words);
    return tensor->offset >= 0 && n >= 0 && tensor->offset + n <= data->pool_sizes[tensor->dtype];
}

static bool parse_argument(const GoldenData *data, Words *words, GoldenRecord *record) {
    record->type = *next_word(words);
    switch (record->type) {
    case 't':
        return parse_tensor(data, words, true, &record->tensor);
    case 'n':
        return true;
    case 'i':
    case 'b':
    case 'f':
        record->numbers[0] = strtod(next_word(words), NULL);
        return true;
    case 's':
        COPY_WORD(record->text, words);
        return true;
    case 'L':
        record->count = (int)next_integer(words);
        return true;
    case 'I':
        record->count = (int)next_integer(words);
        if (record->count > GOLDEN_LIST) return false;
        for (int i = 0; i < record->count; i++) record->list[i] = next_integer(words);
        return true;
    default:
        return false;
    }
}

static bool parse_record(const GoldenData *data, const char *tag, Words *words, GoldenRecord *record) {
    snprintf(record->tag, sizeof record->tag, "%s", tag);
    if (strcmp(tag, "el") == 0) return parse_argument(data, words, record);
    if (strstr(tag, "tol")) {
        record->type = 'f';
        for (int i = 0; i < 2; i++) record->numbers[i] = strtod(next_word(words), NULL);
        return true;
    }
    COPY_WORD(record->name, words);
    if (strcmp(tag, "arg") == 0) return parse_argument(data, words, record);
    record->type = strcmp(tag, "stat") == 0 ? 'f' : 't';
    if (record->type == 't') return parse_tensor(data, words, false, &record->tensor);
    record->numbers[0] = strtod(next_word(words), NULL);
    return true;
}

/* Adds a line to the case that is open, or opens one. */
static bool parse_line(GoldenData *data, char *line, int *records) {
    Words words = {line};
    const char *tag = next_word(&words);
    GoldenCase *open = &data->cases[data->count > 0 ? data->count - 1 : 0];
    if (!*tag || *tag == '#' || strcmp(tag, "end") == 0) return true;
    if (strcmp(tag, "case") == 0) {
        open = &data->cases[data->count++];
        COPY_WORD(open->name, &words);
        COPY_WORD(open->dtype, &words);
        open->records = data->records + *records;
    } else if (strcmp(tag, "kind") == 0) {
        COPY_WORD(open->kind, &words);
    } else if (strcmp(tag, "op") == 0) {
        COPY_WORD(open->op, &words);
    } else {
        open->count++;
        return parse_record(data, tag, &words, &data->records[(*records)++]);
    }
    return true;
}

static bool read_index(GoldenData *data, FILE *file) {
    char line[512];
    size_t lines = 0;
    while (fgets(line, sizeof line, file)) lines++;
    rewind(file);
    data->cases = calloc(lines + 1, sizeof *data->cases);
    data->records = calloc(lines + 1, sizeof *data->records);
    int records = 0;
    for (size_t number = 1; fgets(line, sizeof line, file); number++)
        if (!parse_line(data, line, &records)) {
            fprintf(stderr, "golden/index.txt:%zu: not understood\n", number);
            return false;
        }
    return true;
}

GoldenData golden_read(const char *folder) {
    GoldenData data = {0};
    bool complete = true;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        complete = read_pool(&data, folder, &pools[i]) && complete;
    char path[1024];
    snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *file = fopen(path, "r");
    if (!file) fprintf(stderr, "%s: cannot be opened\n", path);
    if (!file || !complete || !read_index(&data, file)) golden_free(&data);
    if (file) fclose(file);
    return data;
}

void golden_free(GoldenData *data) {
    for (int i = 0; i <= CT_BOOL; i++) free(data->pools[i]);
    free(data->cases);
    free(data->records);
    *data = (GoldenData){0};
}

const GoldenRecord *golden_find(const GoldenCase *golden, const char *tag, const char *name) {
    for (int i = 0; i < golden->count; i++) {
        const GoldenRecord *record = &golden->records[i];
        if (strcmp(record->tag, tag) == 0 && (!name || strcmp(record->name, name) == 0)) return record;
    }
    return NULL;
}
