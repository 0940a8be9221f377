/* Dicts and files: what is written is read back, and whatever a file holds, the answer is a tensor or an
 * error. */
#include "suites.h"
#include "support.h"
#include "tensor/internal/file.h"
#include "tensor/internal/memory.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files of a test ---- */

static char directory[64];

static void make_directory(void) {
    snprintf(directory, sizeof directory, "cotangent-io-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

/* Removes it with all files; nothing but `expected` files may be in it. */
static void remove_directory(int expected) {
    DIR *list = opendir(directory);
    char path[512];
    int found = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
        found++;
    }
    closedir(list);
    rmdir(directory);
    ck_assert_int_eq(found, expected);
}

static const char *file_path(void) {
    static char path[80];
    snprintf(path, sizeof path, "%s/file", directory);
    return path;
}

/* In a new file: some systems flush one that was cut to nothing and written again. */
static void write_bytes(const void *bytes, size_t count) {
    unlink(file_path());
    FILE *file = fopen(file_path(), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static char *read_bytes(size_t *count) {
    FILE *file = fopen(file_path(), "rb");
    char *bytes = malloc(1 << 16);
    ck_assert_ptr_nonnull(file);
    *count = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

/* ---- dicts ---- */

START_TEST(dict_keeps_order_and_replaces) {
    ct_dict *dict = ct_dict_new();
    char name[16];
    for (int i = 0; i < 200; i++) {
        CT_SCOPED;
        snprintf(name, sizeof name, "t%d", i);
        ck_assert(ct_dict_set(dict, name, ct_scalar(CT_F64, i)) == CT_OK);
    }
    ck_assert(ct_dict_set(dict, "t7", ct_scalar(CT_F64, -7)) == CT_OK);
    ck_assert_int_eq(ct_dict_len(dict), 200);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "t%d", i);
        ck_assert_str_eq(ct_dict_name(dict, i), name);
        ck_assert_double_eq(ct_item(ct_dict_get(dict, name)), i == 7 ? -7 : i);
    }
    ct_tensor *kept = ct_dict_get(dict, "t3");
    ct_dict_free(dict);
    ck_assert_double_eq(ct_item(kept), 3);
}
END_TEST

START_TEST(dict_errors) {
    ct_dict *dict = ct_dict_new();
    assert_fails(ct_dict_get(dict, "a"), CT_ERR_INDEX, "ct_dict_get: there is no \"a\"");
    assert_fails(ct_dict_name(dict, 0), CT_ERR_INDEX, "entry 0");
    assert_status(ct_dict_set(dict, NULL, NULL), CT_ERR_NULL, "name");
    assert_status(ct_dict_set(dict, "a", NULL), CT_ERR_NULL, "x");
    ck_assert_int_eq(ct_dict_len(NULL), -1);
    assert_error(CT_ERR_NULL, "ct_dict_len");
    ck_assert_int_eq(ct_dict_len(dict), 0);
    ct_dict_free(dict);
    ct_dict_free(NULL);
}
END_TEST

/* ---- safetensors ---- */

static ct_dict *sample_dict(void) {
    CT_SCOPED;
    ct_dict *dict = ct_dict_new();
    for (int dtype = CT_F32; dtype <= CT_BF16; dtype++) {
        ct_tensor *x =
            make_random((ct_dtype)dtype, CT_DIMS(3, 2), 0, 2, (uint64_t)dtype + 1, LAYOUT_CONTIGUOUS);
        ct_dict_set(dict, ct_dtype_name((ct_dtype)dtype), x);
    }
    ct_dict_set(dict, "0-dim", ct_scalar(CT_F32, 2.5));
    ct_dict_set(dict, "empty", ct_zeros(CT_F64, CT_DIMS(0, 3)));
    ct_dict_set(dict, "quote \" slash \\ tab \t é 𝄞", ct_scalar(CT_I64, INT64_MIN));
    ct_dict_set(dict, "transposed", make_random(CT_F32, CT_DIMS(3, 4), -1, 1, 9, LAYOUT_TRANSPOSED));
    ct_dict_set(dict, "expanded", make_random(CT_F64, CT_DIMS(3, 4), -1, 1, 9, LAYOUT_EXPANDED));
    return dict;
}

START_TEST(safetensors_round_trip) {
    static const char *const metadata[] = {"format", "pt", "epoch", "12", "note", "ü\n\"x\"", NULL};
    ct_dict *dict = sample_dict();
    for (int round = 0; round < 2; round++) { /* the second time over the first file */
        ck_assert(ct_save_safetensors(file_path(), dict, round ? metadata : NULL) == CT_OK);
        ct_dict *loaded = ct_load_safetensors(file_path());
        assert_no_error();
        ck_assert_int_eq(ct_dict_len(loaded), ct_dict_len(dict));
        for (int i = 0; i < ct_dict_len(dict); i++) {
            const char *name = ct_dict_name(dict, i);
            assert_same_bits(name, ct_dict_get(loaded, name), ct_dict_get(dict, name));
        }
        ct_dict_free(loaded);
    }
    ct_dict_free(dict);
}
END_TEST

START_TEST(loaded_tensors_are_private_and_outlive_the_dict) {
    ct_dict *dict = ct_dict_new();
    ct_dict_set(dict, "x", make_f32(CT_DIMS(2), 1, 2));
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) == CT_OK);
    ct_dict *first = ct_load_safetensors(file_path()), *second = ct_load_safetensors(file_path());
    ct_tensor *x = ct_dict_get(first, "x"), *y = ct_dict_get(second, "x");
    ct_set(x, (int64_t[]){0}, 1, 5);
    ct_dict_free(first);
    ct_dict_free(second);
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) ==
              CT_OK); /* replaces the file under the mapping */
    unlink(file_path());
    write_bytes("", 0);
    assert_values("changed", x, 0, 5, 2);
    assert_values("the other mapping", y, 0, 1, 2);
    ct_dict_free(dict);
}
END_TEST

START_TEST(safetensors_layout_is_the_reference_one) {
    CT_SCOPED;
    ct_dict *dict = ct_dict_new();
    ct_dict_set(dict, "b", ct_full(CT_U8, CT_DIMS(1), 7));
    ct_dict_set(dict, "c", make_f32(CT_DIMS(1), 1));
    ct_dict_set(dict, "a", make_f32(CT_DIMS(1), 2));
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) == CT_OK);
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                 "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
                                 "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]}}";
    static const char numbers[] = "\0\0\0\x40\0\0\x80\x3f\x07";
    size_t count, length = strlen(header), padded = (length + 7) / 8 * 8;
    char *bytes = read_bytes(&count);
    ck_assert_uint_eq(count, 8 + padded + 9);
    ck_assert_uint_eq((uint8_t)bytes[0] + 256u * (uint8_t)bytes[1], padded);
    ck_assert_mem_eq(bytes + 2, "\0\0\0\0\0", 6);
    ck_assert_mem_eq(bytes + 8, header, length);
    ck_assert_mem_eq(bytes + 8 + padded, numbers, 9);
    free(bytes);
    ct_dict_free(dict);
}
END_TEST

static void write_safetensors(const char *header, size_t data_bytes) {
    char bytes[4096] = {0};
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++) bytes[i] = (char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    write_bytes(bytes, 8 + length + data_bytes);
}

#define ENTRY(name, dtype, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

START_TEST(safetensors_accepts) {
    static const struct {
        const char *header;
        size_t bytes;
        int tensors;
    } cases[] = {
        {"{}", 0, 0},
        {"{ }  \n", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{" ENTRY("a", "F32", "", 0, 4) "}", 4, 1},
        {"{" ENTRY("a", "F32", "0,1000000000000000000", 0, 0) "}", 0, 1},
        {"{" ENTRY("late", "F32", "1", 4, 8) "," ENTRY("early", "F32", "1", 0, 4) "}", 8, 2},
        {"{" ENTRY("empty", "U8", "0", 3, 3) "," ENTRY("a", "U8", "3", 0, 3) "}", 3, 2},
        {"{\t\"a\" : {\"data_offsets\":[ 0 , 4 ] ,\"shape\": [2],\r\n \"dtype\":\"F16\" } }", 4, 1},
        {"{" ENTRY("\\u0041\\ud834\\udd1e\\/\\n", "U8", "1", 0, 1) "}", 1, 1},
        {"{" ENTRY("odd", "U8", "1", 0, 1) "," ENTRY("unaligned", "F64", "1", 1, 9) "}", 9, 2},
    };
    write_safetensors(cases[_i].header, cases[_i].bytes);
    ct_dict *dict = ct_load_safetensors(file_path());
    assert_no_error();
    ck_assert_int_eq(ct_dict_len(dict), cases[_i].tensors);
    for (int i = 0; i < ct_dict_len(dict); i++) ct_sum(ct_dict_get(dict, ct_dict_name(dict, i)));
    if (_i == 8) ck_assert_str_eq(ct_dict_name(dict, 0), "A𝄞/\n");
    ct_dict_free(dict);
}
END_TEST
enum { ACCEPTED = 10 };

START_TEST(safetensors_refuses) {
    static const struct {
        const char *header;
        size_t bytes;
        ct_status status;
        const char *fragment;
    } cases[] = {
        {"", 0, CT_ERR_FORMAT, "header of 0 bytes"},
        {"[]", 0, CT_ERR_FORMAT, "begin with '{'"},
        {" {}", 0, CT_ERR_FORMAT, "begin with '{'"},
        {"{}x", 0, CT_ERR_FORMAT, "behind the header's end"},
        {"{\"a\"", 0, CT_ERR_FORMAT, "expected ':'"},
        {"{\"a\":1}", 0, CT_ERR_FORMAT, "expected '{'"},
        {"{\"a\":{}}", 0, CT_ERR_FORMAT, "lacks"},
        {"{\"a\":[[[[[[[[[[]]]]]]]]]]}", 0, CT_ERR_FORMAT, "expected '{'"},
        {"{" ENTRY("a", "F32", "1", 0, 4) ",}", 4, CT_ERR_FORMAT, "expected '\"'"},
        {"{" ENTRY("a", "F32", "1,", 0, 4) "}", 4, CT_ERR_FORMAT, "digits alone"},
        {"{" ENTRY("a", "I8", "1", 0, 1) "}", 1, CT_ERR_DTYPE, "\"a\" has dtype I8"},
        {"{" ENTRY("a", "F8_E4M3", "1", 0, 1) "}", 1, CT_ERR_DTYPE, "F8_E4M3"},
        {"{" ENTRY("a", "f32", "1", 0, 4) "}", 4, CT_ERR_DTYPE, "f32"},
        {"{" ENTRY("a", "F32", "-1", 0, 4) "}", 4, CT_ERR_FORMAT, "digits alone"},
        {"{" ENTRY("a", "F32", "1.0", 0, 4) "}", 4, CT_ERR_FORMAT, "','"},
        {"{" ENTRY("a", "F32", "01", 0, 4) "}", 4, CT_ERR_FORMAT, "begins with 0"},
        {"{" ENTRY("a", "F32", "9223372036854775808", 0, 4) "}", 4, CT_ERR_FORMAT, "too large"},
        {"{" ENTRY("a", "F32", "4611686018427387904,4", 0, 0) "}", 0, CT_ERR_SHAPE, "counted"},
        {"{" ENTRY("a", "F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, CT_ERR_FORMAT, "more than 8"},
        {"{" ENTRY("a", "F32", "2", 0, 4) "}", 4, CT_ERR_FORMAT, "needs 8 bytes"},
        {"{" ENTRY("a", "F32", "1", 4, 0) "}", 4, CT_ERR_FORMAT, "data_offsets"},
        {"{" ENTRY("a", "F32", "1", 1, 5) "}", 5, CT_ERR_FORMAT, "expected 0"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "," ENTRY("b", "F32", "1", 5, 9) "}", 9, CT_ERR_FORMAT,
         "expected 4"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "," ENTRY("b", "F32", "1", 2, 6) "}", 6, CT_ERR_FORMAT,
         "expected 4"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "}", 3, CT_ERR_FORMAT, "3 bytes of data"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "}", 5, CT_ERR_FORMAT, "5 bytes of data"},
        {"{" ENTRY("a", "U8", "1", 0, 1) "," ENTRY("a", "U8", "1", 1, 2) "}", 2, CT_ERR_FORMAT,
         "\"a\" is there twice"},
        {"{" ENTRY("a", "U8", "1", 0, 1) "," ENTRY("\\u0061", "U8", "1", 1, 2) "}", 2, CT_ERR_FORMAT,
         "twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0, CT_ERR_FORMAT, "\"dtype\" is there twice"},
        {"{\"a\":{\"type\":\"U8\"}}", 0, CT_ERR_FORMAT, "not \"type\""},
        {"{\"a\":{\"data_offsets\":[0]}}", 0, CT_ERR_FORMAT, "data_offsets"},
        {"{\"__metadata__\":{\"a\":1}}", 0, CT_ERR_FORMAT, "expected '\"'"},
        {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, CT_ERR_FORMAT, "twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, CT_ERR_FORMAT, "twice"},
        {"{\"\xff\":{}}", 0, CT_ERR_FORMAT, "UTF-8"},
        {"{\"\xc0\x80\":{}}", 0, CT_ERR_FORMAT, "UTF-8"},
        {"{\"\xed\xa0\x80\":{}}", 0, CT_ERR_FORMAT, "UTF-8"},
        {"{\"\xf4\x90\x80\x80\":{}}", 0, CT_ERR_FORMAT, "UTF-8"},
        {"{\"a\nb\":{}}", 0, CT_ERR_FORMAT, "control character"},
        {"{\"\\x\":{}}", 0, CT_ERR_FORMAT, "escape"},
        {"{\"\\u12g4\":{}}", 0, CT_ERR_FORMAT, "hexadecimal"},
        {"{\"\\ud834\":{}}", 0, CT_ERR_FORMAT, "surrogate"},
        {"{\"\\udd1e\":{}}", 0, CT_ERR_FORMAT, "surrogate"},
        {"{\"\\u0000\":{}}", 0, CT_ERR_FORMAT, "NUL"},
        {"{\"a", 0, CT_ERR_FORMAT, "within a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_safetensors(cases[i].header, cases[i].bytes);
        ck_assert_msg(!ct_load_safetensors(file_path()), "accepted: %s", cases[i].header);
        assert_error(cases[i].status, cases[i].fragment);
    }
    write_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    assert_fails(ct_load_safetensors(file_path()), CT_ERR_FORMAT, "18446744073709551615");
}
END_TEST

/* Loads what may be anything; reads every number of a dict that comes back. */
static bool load_anything(void) {
    CT_SCOPED;
    ct_dict *dict = ct_load_safetensors(file_path());
    if (!dict) {
        ck_assert(ct_error_clear() != CT_OK);
        return false;
    }
    for (int i = 0; i < ct_dict_len(dict); i++) free(read_doubles(ct_dict_get(dict, ct_dict_name(dict, i))));
    ct_dict_free(dict);
    return true;
}

START_TEST(safetensors_cut_anywhere) {
    ct_dict *dict = sample_dict();
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) == CT_OK);
    ct_dict_free(dict);
    size_t count;
    char *bytes = read_bytes(&count);
    for (size_t cut = 0; cut < count; cut++) {
        write_bytes(bytes, cut);
        ck_assert_msg(!load_anything(), "a file of %zu bytes cut to %zu was accepted", count, cut);
    }
    free(bytes);
}
END_TEST

START_TEST(safetensors_mutated_anywhere) {
    static const char changes[] = {0, 1, '"', '{', '}', '9', (char)0x80, (char)0xff};
    ct_dict *dict = ct_dict_new();
    ct_dict_set(dict, "é", ct_scalar(CT_F32, 1));
    ct_dict_set(dict, "flag", ct_ones(CT_BOOL, CT_DIMS(3)));
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) == CT_OK);
    ct_dict_free(dict);
    size_t count;
    char *bytes = read_bytes(&count);
    for (size_t at = 0; at < count; at++)
        for (size_t i = 0; i < sizeof changes; i++) {
            char before = bytes[at];
            bytes[at] = changes[i];
            write_bytes(bytes, count);
            load_anything();
            bytes[at] = before;
        }
    free(bytes);
}
END_TEST

START_TEST(saving_refuses) {
    ct_dict *dict = ct_dict_new();
    ct_tensor *x = ct_scalar(CT_F32, 1);
    write_bytes("old", 3);
    const char *path = file_path();
    assert_status(ct_save_safetensors(path, dict, (const char *[]){"key", NULL}), CT_ERR_VALUE, "no value");
    assert_status(ct_save_safetensors(path, dict, (const char *[]){"a", "", "a", "", NULL}), CT_ERR_VALUE,
                  "twice");
    assert_status(ct_save_safetensors(path, dict, (const char *[]){"format", "np", NULL}), CT_ERR_VALUE,
                  "np");
    assert_status(ct_save_safetensors(path, dict, (const char *[]){"a", "\xff", NULL}), CT_ERR_VALUE,
                  "UTF-8");
    assert_status(ct_save_safetensors(NULL, dict, NULL), CT_ERR_NULL, "path");
    assert_status(ct_save_safetensors(path, NULL, NULL), CT_ERR_NULL, "dict");
    assert_status(ct_save_safetensors(directory, dict, NULL), CT_ERR_IO, "not a regular file");
    assert_status(ct_save_safetensors("no/such/directory/x", dict, NULL), CT_ERR_IO, "no/such/directory");
    ct_dict_set(dict, "__metadata__", x);
    assert_status(ct_save_safetensors(path, dict, NULL), CT_ERR_VALUE, "__metadata__");
    ct_dict_free(dict);
    dict = ct_dict_new();
    ct_dict_set(dict, "\xc3", x);
    assert_status(ct_save_safetensors(path, dict, NULL), CT_ERR_VALUE, "UTF-8");
    ct_dict_free(dict);
    size_t count;
    char *bytes = read_bytes(&count);
    ck_assert(count == 3 && memcmp(bytes, "old", 3) == 0);
    free(bytes);
}
END_TEST

START_TEST(saving_keeps_the_mode) {
    ct_dict *dict = ct_dict_new();
    write_bytes("old", 3);
    ck_assert_int_eq(chmod(file_path(), 0640), 0);
    ck_assert(ct_save_safetensors(file_path(), dict, NULL) == CT_OK);
    struct stat status;
    ck_assert_int_eq(stat(file_path(), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0640);
    ct_dict_free(dict);
}
END_TEST

/* ---- every allocation fails in turn ---- */

static void save_and_load(void) {
    ct_dict *dict = ct_dict_new(), *loaded = NULL;
    if (dict && ct_dict_set(dict, "a", ct_ones(CT_F32, CT_DIMS(2, 3))) == CT_OK &&
        ct_dict_set(dict, "b", ct_transpose(ct_ones(CT_BOOL, CT_DIMS(2, 3)), 0, 1)) == CT_OK &&
        ct_save_safetensors(file_path(), dict, (const char *[]){"k", "v", NULL}) == CT_OK)
        loaded = ct_load_safetensors(file_path());
    ct_dict_free(loaded);
    ct_dict_free(dict);
}

static void load_words(void) {
    char *names[2] = {NULL, NULL};
    int count = -1;
    ct_csv_options options = CT_CSV_DEFAULTS;
    options.class_column = true, options.class_names = names, options.class_capacity = 2,
    options.class_count = &count;
    ct_tensor *x = ct_load_csv(file_path(), &options);
    ck_assert(x ? count == 2 && names[0] && names[1] : !names[0] && !names[1]);
    free(names[0]);
    free(names[1]);
}

static void load_numbers(void) {
    ct_load_idx(file_path());
}

START_TEST(allocations_fail_in_turn) {
    static void (*const programs[])(void) = {save_and_load, load_words, load_numbers};
    static const char words[] = "1,red\n2,\"\"\"blue\"\"\"\n", idx[] = {0, 0, 0x0b, 1, 0, 0, 0, 1, 1, 2};
    for (int64_t n = 1;; n++) {
        CT_SCOPED;
        if (_i == 1) write_bytes(words, strlen(words));
        if (_i == 2) write_bytes(idx, sizeof idx);
        size_t before = ct_memory().bytes_in_use;
        tensor_alloc_fail_at(n, false);
        {
            CT_SCOPED;
            programs[_i]();
        }
        bool reached = tensor_alloc_asked() >= n;
        tensor_alloc_fail_at(0, false);
        ct_status status = ct_error_clear();
        ck_assert_uint_eq(ct_memory().bytes_in_use, before);
        ck_assert_int_eq(status, reached ? CT_ERR_MEMORY : CT_OK);
        if (!reached) break;
        ck_assert_int_lt(n, 500);
    }
}
END_TEST

/* ---- CSV ---- */

static ct_tensor *load_text(const char *text, ct_csv_options options) {
    write_bytes(text, strlen(text));
    return ct_load_csv(file_path(), &options);
}

START_TEST(csv_is_understood) {
    ct_csv_options options = CT_CSV_DEFAULTS;
    ct_tensor *x = load_text("\xef\xbb\xbf"
                             "width,\"the \"\"height\"\"\"\r\n1, 2.5\r\n\"-3\" ,+4e1\r\n\r\n  \n",
                             options);
    assert_values("header, quotes, CRLF, BOM, blank lines", x, 0, 1, 2.5, -3, 40);
    assert_shape(x, 2, 2);
    assert_dtype(x, CT_F32);
    assert_shape(load_text("1\n2\n3", options), 3, 1);
    assert_shape(load_text("a,b\n", options), 0, 2);
    assert_shape(load_text("nan,inf\n", options), 1, 2);
    options.header = 1;
    assert_values("numbers as header", load_text("1,2\n3,4\n", options), 0, 3, 4);
    options.header = 0, options.delimiter = ';', options.dtype = CT_F64;
    x = load_text(".5;5.;1e-3\n", options);
    assert_values("semicolons", x, 0, 0.5, 5, 0.001);
    assert_dtype(x, CT_F64);
    options.delimiter = '\t';
    assert_values("tabs", load_text("1\t 2\n3\t4\n", options), 0, 1, 2, 3, 4);
    write_bytes("1,2\n", 4);
    assert_values("default options", ct_load_csv(file_path(), NULL), 0, 1, 2);
}
END_TEST

START_TEST(csv_numbers_classes) {
    char *names[2] = {NULL, NULL};
    int count = -1;
    ct_csv_options options = CT_CSV_DEFAULTS;
    options.class_column = true, options.class_names = names, options.class_capacity = 2,
    options.class_count = &count;
    ct_tensor *x = load_text("size,kind\n1,setosa\n2,\"a \"\"b\"\"\"\n3,setosa\n4,7\n", options);
    assert_values("words", x, 0, 1, 0, 2, 1, 3, 0, 4, 2);
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(names[0], "setosa");
    ck_assert_str_eq(names[1], "a \"b\"");
    free(names[0]);
    free(names[1]);
    names[0] = NULL;
    assert_values("numbers stay", load_text("1,5\n2,3\n", options), 0, 1, 5, 2, 3);
    ck_assert_int_eq(count, 0);
    ck_assert_ptr_null(names[0]);
    options.class_names = NULL, options.class_count = NULL;
    assert_values("no names wanted", load_text("1,b\n2,a\n", options), 0, 1, 0, 2, 1);
}
END_TEST

START_TEST(csv_errors_name_the_place) {
    static const struct {
        const char *text, *fragment;
    } cases[] = {
        {"", "file:1:1: the file holds no rows"},
        {"\n\n", "holds no rows"},
        {"1,2\n3\n", "file:2:1: the row is shorter"},
        {"1,2\n3,4,5\n", "file:2:5: the row is longer"},
        {"1,2\n3,x\n", "file:2:3: expected a number, not \"x\""},
        {"1,2\n3,\n", "file:2:3: an empty field"},
        {"1,2\n\n3,4\n", "file:2:1: an empty field"},
        {"1,2\n3,\"4\n", "file:2:3: a quote that is never closed"},
        {"1,2\n3,\"4\"5\n", "file:2:6: text behind a closing quote"},
        {"1,2\n3,4\"5\n", "file:2:4: a quote within a field"},
        {"1,\"x\ny\"\n", "file:1:3: expected a number"},
        {"a,\"b\nc\"\n1,2\n3,z\n", "file:4:3: expected a number"},
        {"1,2,5\n3,4,0x10\n", "file:2:5: expected a number, not \"0x10\""},
        {"1,1e\n", "file:1:3: expected a number, not \"1e\""},
        {"1,.\n", "expected a number, not \".\""},
        {"1,1 2\n", "expected a number, not \"1 2\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(load_text(cases[i].text, CT_CSV_DEFAULTS), CT_ERR_FORMAT, cases[i].fragment);
    assert_fails(ct_load_csv("no such file", NULL), CT_ERR_IO, "ct_load_csv: cannot open \"no such file\"");
    assert_fails(ct_load_csv(directory, NULL), CT_ERR_IO, "read");
    assert_fails(ct_load_csv(NULL, NULL), CT_ERR_NULL, "path");
    ct_csv_options options = CT_CSV_DEFAULTS;
    options.dtype = CT_I64;
    assert_fails(load_text("1\n", options), CT_ERR_DTYPE, "CT_F32");
    options = CT_CSV_DEFAULTS;
    options.delimiter = '.';
    assert_fails(load_text("1\n", options), CT_ERR_VALUE, "delimiter");
    options = CT_CSV_DEFAULTS;
    options.header = 2;
    assert_fails(load_text("1\n", options), CT_ERR_VALUE, "header");
}
END_TEST

START_TEST(csv_of_any_bytes) {
    static const char alphabet[] = "1\",\n\r a\xef\t.-e\0";
    uint64_t state = 11;
    for (int i = 0; i < 4000; i++) {
        CT_SCOPED;
        char text[24];
        size_t length = (size_t)(random_unit(&state) * sizeof text);
        for (size_t k = 0; k < length; k++)
            text[k] = alphabet[(size_t)(random_unit(&state) * sizeof alphabet)];
        write_bytes(text, length);
        ct_csv_options options = CT_CSV_DEFAULTS;
        options.class_column = i % 2;
        ck_assert(ct_load_csv(file_path(), &options) || ct_error() == CT_ERR_FORMAT);
        ct_error_clear();
    }
}
END_TEST

/* ---- numbers as text ---- */

START_TEST(numbers_are_rounded_correctly) {
    uint64_t state = 5;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        double scale = pow(10, floor(random_unit(&state) * 640 - 330)), value = random_unit(&state) * scale,
               parsed;
        int digits = 1 + (int)(random_unit(&state) * 25);
        snprintf(text, sizeof text, i % 2 ? "%.*e" : "%.*g", digits, value);
        ck_assert(tensor_parse_number(text, strlen(text), false, &parsed));
        ck_assert_msg(parsed == strtod(text, NULL), "%s gave %.17g", text, parsed);
        ck_assert(tensor_parse_number(text, strlen(text), true, &parsed));
        ck_assert_msg((float)parsed == strtof(text, NULL), "%s gave %.9g", text, parsed);
    }
}
END_TEST

START_TEST(long_and_odd_numbers) {
    char text[2100];
    double value;
    for (int length = 700; length < 2000;
         length += 100) { /* 1 and a half unit in its last place, and a bit more */
        int used = snprintf(text, sizeof text, "1.00000000000000011102230246251565404236316680908203125");
        memset(text + used, '0', (size_t)(length - used));
        text[length] = '\0';
        ck_assert(tensor_parse_number(text, (size_t)length, false, &value) && value == 1);
        text[length - 1] = '1';
        ck_assert(tensor_parse_number(text, (size_t)length, false, &value) && value == 1 + 0x1p-52);
    }
    ck_assert(tensor_parse_number("16777217", 8, true, &value) && (float)value == 16777216);
    ck_assert(tensor_parse_number("16777217.000000001", 18, true, &value) && (float)value == 16777218);
    ck_assert(tensor_parse_number("-0", 2, false, &value) && value == 0 && signbit(value));
    ck_assert(tensor_parse_number("1e99999999999999999999", 22, false, &value) && isinf(value));
    ck_assert(tensor_parse_number("1e-99999999999999999999", 23, false, &value) && value == 0);
    ck_assert(tensor_parse_number("-Infinity", 9, false, &value) && value == -HUGE_VAL);
    ck_assert(tensor_parse_number("NaN", 3, false, &value) && isnan(value));
    static const char *const words[] = {"",      "+",   ".",   "e5", "1e", "1e+", "--1",
                                        "1.2.3", "0x1", "1,5", " 1", "1 ", "infi"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert_msg(!tensor_parse_number(words[i], strlen(words[i]), false, &value), "accepted: \"%s\"",
                      words[i]);
}
END_TEST

/* ---- IDX ---- */

START_TEST(idx_types) {
    static const struct {
        uint8_t code, bytes[8], width;
        ct_dtype dtype;
        double value;
    } cases[] = {
        {0x08, {200}, 1, CT_U8, 200},
        {0x09, {200}, 1, CT_I32, -56},
        {0x0b, {0xff, 0xfe}, 2, CT_I32, -2},
        {0x0c, {0x80, 0, 0, 1}, 4, CT_I32, -2147483647},
        {0x0d, {0xbf, 0xc0, 0, 0}, 4, CT_F32, -1.5},
        {0x0e, {0x40, 0x09, 0, 0, 0, 0, 0, 0}, 8, CT_F64, 3.125},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[32] = {0, 0, cases[i].code, 2, 0, 0, 0, 1, 0, 0, 0, 2};
        memcpy(bytes + 12 + cases[i].width, cases[i].bytes, cases[i].width);
        write_bytes(bytes, 12 + 2 * (size_t)cases[i].width);
        ct_tensor *x = ct_load_idx(file_path());
        assert_no_error();
        assert_dtype(x, cases[i].dtype);
        assert_shape(x, 1, 2);
        assert_values("idx", x, 0, 0, cases[i].value);
    }
}
END_TEST

START_TEST(idx_refuses) {
    static const struct {
        uint8_t bytes[12];
        size_t count;
        ct_status status;
        const char *fragment;
    } cases[] = {
        {{0}, 0, CT_ERR_FORMAT, "IDX"},
        {{0, 0, 8}, 3, CT_ERR_FORMAT, "IDX"},
        {{0x1f, 0x8b, 8, 0}, 4, CT_ERR_FORMAT, "gunzip"},
        {{1, 0, 8, 1, 0, 0, 0, 0}, 8, CT_ERR_FORMAT, "0, 0"},
        {{0, 0, 0x0a, 1, 0, 0, 0, 0}, 8, CT_ERR_FORMAT, "0x0a"},
        {{0, 0, 8, 9}, 4, CT_ERR_SHAPE, "9 dims"},
        {{0, 0, 8, 1, 0, 0}, 6, CT_ERR_FORMAT, "within its header"},
        {{0, 0, 8, 1, 0, 0, 0, 2, 5}, 9, CT_ERR_FORMAT, "1 bytes of numbers; shape (2,) needs 2"},
        {{0, 0, 8, 1, 0, 0, 0, 2, 5, 5, 5}, 11, CT_ERR_FORMAT, "3 bytes"},
        {{0, 0, 8, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 12, CT_ERR_SHAPE, "counted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bytes(cases[i].bytes, cases[i].count);
        assert_fails(ct_load_idx(file_path()), cases[i].status, cases[i].fragment);
    }
    assert_fails(ct_load_idx("no such file"), CT_ERR_IO, "no such file");
}
END_TEST

static void remove_file_and_directory(void) {
    remove_directory(1);
}

Suite *io_suite(void) {
    Suite *suite = suite_create("io");
    TCase *dict = support_case(suite, "dict");
    tcase_add_test(dict, dict_keeps_order_and_replaces);
    tcase_add_test(dict, dict_errors);
    TCase *safetensors = support_case(suite, "safetensors");
    tcase_add_checked_fixture(safetensors, make_directory, remove_file_and_directory);
    tcase_set_timeout(safetensors, 60);
    tcase_add_test(safetensors, safetensors_round_trip);
    tcase_add_test(safetensors, loaded_tensors_are_private_and_outlive_the_dict);
    tcase_add_test(safetensors, safetensors_layout_is_the_reference_one);
    tcase_add_loop_test(safetensors, safetensors_accepts, 0, ACCEPTED);
    tcase_add_test(safetensors, safetensors_refuses);
    tcase_add_test(safetensors, safetensors_cut_anywhere);
    tcase_add_test(safetensors, safetensors_mutated_anywhere);
    tcase_add_test(safetensors, saving_refuses);
    tcase_add_test(safetensors, saving_keeps_the_mode);
    tcase_add_loop_test(safetensors, allocations_fail_in_turn, 0, 3);
    TCase *csv = support_case(suite, "csv");
    tcase_add_checked_fixture(csv, make_directory, remove_file_and_directory);
    tcase_set_timeout(csv, 60);
    tcase_add_test(csv, csv_is_understood);
    tcase_add_test(csv, csv_numbers_classes);
    tcase_add_test(csv, csv_errors_name_the_place);
    tcase_add_test(csv, csv_of_any_bytes);
    TCase *numbers = support_case(suite, "numbers");
    tcase_add_test(numbers, numbers_are_rounded_correctly);
    tcase_add_test(numbers, long_and_odd_numbers);
    TCase *idx = support_case(suite, "idx");
    tcase_add_checked_fixture(idx, make_directory, remove_file_and_directory);
    tcase_add_test(idx, idx_types);
    tcase_add_test(idx, idx_refuses);
    return suite;
}
