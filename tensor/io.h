/** \file
 * Files: named tensors, safetensors, CSV, IDX. Files are written under a temporary name, flushed and
 * renamed, so that a crash leaves the old file or the new one. Nothing depends on the locale.
 */
#ifndef COTANGENT_TENSOR_IO_H
#define COTANGENT_TENSOR_IO_H

#include "error.h"

CT_BEGIN_DECLS

/** Named tensors in the order in which they were set. The dict retains what it holds. */
typedef struct ct_dict ct_dict;
CT_API ct_dict *ct_dict_new(void);
/** Sets or replaces an entry. */
CT_API ct_status ct_dict_set(ct_dict *dict, const char *name, ct_tensor *x);
/** The tensor of that name, held by the innermost scope too; NULL with an error when there is none. */
CT_API ct_tensor *ct_dict_get(const ct_dict *dict, const char *name);
CT_API int ct_dict_len(const ct_dict *dict);
/** The i-th name, valid until the dict changes. */
CT_API const char *ct_dict_name(const ct_dict *dict, int i);
CT_API void ct_dict_free(ct_dict *dict);

/** Writes row-major tensors with `"format": "pt"` and the \p metadata: n pairs key, value, ended by NULL;
 * may be NULL. */
CT_API ct_status ct_save_safetensors(const char *path, const ct_dict *dict, const char *const *metadata);
/** Reads a file, memory-mapped: the tensors share the mapping, private to this process. Freed with
 * ct_dict_free(). */
CT_API ct_dict *ct_load_safetensors(const char *path);

/** Options of ct_load_csv(); start from CT_CSV_DEFAULTS. */
typedef struct {
    ct_dtype dtype;      /**< F32 or F64 */
    char delimiter;      /**< ',' by default */
    int header;          /**< 1: the first line is a header; 0: it is not; -1: it is one if it holds no number */
    bool class_column;   /**< number a last column of words by first appearance: 0, 1, … */
    char **class_names;  /**< where class_column is set: takes up to class_capacity names, each to be freed with
                              free(); or NULL */
    int class_capacity;
    int *class_count;    /**< takes how many classes there are (0: the last column held numbers), or NULL */
} ct_csv_options;
#ifdef __cplusplus
#define CT_CSV_DEFAULTS (ct_csv_options{CT_F32, ',', -1, false, NULL, 0, NULL})
#else
#define CT_CSV_DEFAULTS ((ct_csv_options){CT_F32, ',', -1, false, NULL, 0, NULL})
#endif

/** Reads a table of numbers: [rows, columns]. RFC 4180 quotes, CRLF, a byte-order mark and blank last
 * lines are understood; ragged rows and other words are errors that name line and column. NULL = defaults. */
CT_API ct_tensor *ct_load_csv(const char *path, const ct_csv_options *options);
/** Reads an IDX file (MNIST's format): U8, I32, F32, F64; 8- and 16-bit signed numbers become I32. */
CT_API ct_tensor *ct_load_idx(const char *path);

CT_END_DECLS

#endif
