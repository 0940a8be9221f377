/* safetensors: the header's length (64 bits), a header in JSON, the numbers, all little-endian. The reader accepts the
 * JSON that the format asks for and refuses the rest; strings are decoded in the private mapping. */
#include "internal/file.h"
#include "internal/json.h"
#include "internal/memory.h"
#include "internal/names.h"
#include "internal/plain.h"
#include "io.h"
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MOST_HEADER_BYTES = 100000000 };

static const char metadata_name[] = "__metadata__";

static const struct {
    const char *name;
    ct_dtype dtype;
} dtypes[] = {{"F32", CT_F32}, {"F64", CT_F64},   {"I64", CT_I64}, {"I32", CT_I32},
              {"U8", CT_U8},   {"BOOL", CT_BOOL}, {"F16", CT_F16}, {"BF16", CT_BF16}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- the header ---- */

typedef struct {
    const char *name;
    ct_dtype dtype;
    Shape shape;
    int64_t begin, end; /* its bytes, counted from the end of the header */
} Entry;

typedef struct {
    Entry *entry; /* in the header's order */
    size_t count, capacity;
    Names names;
    bool has_metadata;
} Header;

static bool repeated(JsonReader *reader, const JsonString *string) {
    return tensor_json_malformed(reader, "\"%.200s\" is there twice", string->text);
}

static bool add_name(JsonReader *reader, Names *names, const JsonString *string) {
    if (tensor_names_find(names, string->text, string->length) >= 0) return repeated(reader, string);
    return tensor_names_add(names, string->text, string->length) >= 0;
}

static bool read_metadata_items(JsonReader *reader, Names *keys) {
    JsonString key, value;
    if (!tensor_json_expect(reader, '{')) return false;
    for (bool more = !tensor_json_accept(reader, '}'); more;)
        if (!tensor_json_string(reader, &key) || !add_name(reader, keys, &key) || !tensor_json_expect(reader, ':') ||
            !tensor_json_string(reader, &value) || !tensor_json_next_item(reader, '}', &more))
            return false;
    return true;
}

/* Strings by strings; only checked. */
static bool read_metadata(JsonReader *reader) {
    Names keys = {0};
    bool read = read_metadata_items(reader, &keys);
    tensor_names_free(&keys);
    return read;
}

static bool read_dtype(JsonReader *reader, Entry *entry) {
    JsonString name;
    if (!tensor_json_string(reader, &name)) return false;
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name.text) == 0) {
            entry->dtype = dtypes[i].dtype;
            return true;
        }
    tensor_error(CT_ERR_DTYPE,
                 "\"%s\": tensor \"%.200s\" has dtype %.40s; F32, F64, I64, I32, U8, BOOL, F16 and BF16 can be read",
                 reader->path, entry->name, name.text);
    return false;
}

/* Reads one of a tensor's three fields; `seen` has a bit for each that was there. */
static bool read_field(JsonReader *reader, Entry *entry, unsigned *seen) {
    static const char *const fields[] = {"dtype", "shape", "data_offsets"};
    JsonString name;
    if (!tensor_json_string(reader, &name)) return false;
    unsigned field = 0;
    while (field < 3 && strcmp(name.text, fields[field]) != 0) field++;
    if (field == 3)
        return tensor_json_malformed(reader, "a tensor has dtype, shape and data_offsets, not \"%.40s\"", name.text);
    if (*seen & 1u << field) return repeated(reader, &name);
    *seen |= 1u << field;
    if (!tensor_json_expect(reader, ':')) return false;
    if (field == 0) return read_dtype(reader, entry);
    if (field == 1) return tensor_json_integers(reader, entry->shape.sizes, CT_MAX_DIMS, &entry->shape.ndim);
    int64_t offsets[2];
    int count;
    if (!tensor_json_integers(reader, offsets, 2, &count)) return false;
    if (count != 2 || offsets[0] > offsets[1])
        return tensor_json_malformed(reader, "data_offsets must be a begin and an end");
    entry->begin = offsets[0];
    entry->end = offsets[1];
    return true;
}

/* Whether as many bytes are given as the shape needs. */
static bool check_size(JsonReader *reader, const Entry *entry) {
    const Shape *shape = &entry->shape;
    if (!tensor_check_shape(entry->dtype, shape->sizes, shape->ndim)) return false;
    int64_t needed = (int64_t)ct_dtype_size(entry->dtype);
    for (int d = 0; d < shape->ndim; d++) needed *= shape->sizes[d];
    if (needed == entry->end - entry->begin) return true;
    return tensor_json_malformed(reader, "tensor \"%.200s\" of shape %s needs %lld bytes, but has %lld", entry->name,
                     tensor_shape_text(shape->sizes, shape->ndim), (long long)needed,
                     (long long)(entry->end - entry->begin));
}

static bool read_entry(JsonReader *reader, Entry *entry) {
    unsigned seen = 0;
    if (!tensor_json_expect(reader, '{')) return false;
    for (bool more = !tensor_json_accept(reader, '}'); more;)
        if (!read_field(reader, entry, &seen) || !tensor_json_next_item(reader, '}', &more)) return false;
    if (seen != 7)
        return tensor_json_malformed(reader, "tensor \"%.200s\" lacks dtype, shape or data_offsets", entry->name);
    return check_size(reader, entry);
}

static Entry *add_entry(Header *header) {
    if (header->count == header->capacity) {
        size_t capacity = header->capacity ? 2 * header->capacity : 16;
        Entry *moved = tensor_realloc(header->entry, header->capacity * sizeof *moved, capacity * sizeof *moved);
        if (!moved) return NULL;
        header->entry = moved;
        header->capacity = capacity;
    }
    return &header->entry[header->count++];
}

static bool read_member(JsonReader *reader, Header *header) {
    JsonString name;
    if (!tensor_json_string(reader, &name)) return false;
    bool metadata = strcmp(name.text, metadata_name) == 0;
    if (metadata && header->has_metadata) return repeated(reader, &name);
    if (!metadata && !add_name(reader, &header->names, &name)) return false;
    if (!tensor_json_expect(reader, ':')) return false;
    if (metadata) return header->has_metadata = true, read_metadata(reader);
    Entry *entry = add_entry(header);
    if (!entry) return false;
    entry->name = name.text;
    return read_entry(reader, entry);
}

static bool read_header(JsonReader *reader, Header *header) {
    if (reader->at == reader->end || *reader->at != '{')
        return tensor_json_malformed(reader, "the header must begin with '{'");
    reader->at++;
    for (bool more = !tensor_json_accept(reader, '}'); more;)
        if (!read_member(reader, header) || !tensor_json_next_item(reader, '}', &more)) return false;
    tensor_json_skip_space(reader);
    return reader->at == reader->end || tensor_json_malformed(reader, "text behind the header's end");
}

/* ---- the numbers ---- */

static int by_place(const void *a, const void *b) {
    const Entry *x = *(Entry *const *)a, *y = *(Entry *const *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Whether the tensors fill the data without holes and overlaps. */
static bool check_sorted(const JsonReader *reader, Entry *const *sorted, size_t count, int64_t data_bytes) {
    int64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i]->begin != end) {
            tensor_error(CT_ERR_FORMAT, "\"%s\": tensor \"%.200s\" begins at byte %lld of the data; expected %lld",
                         reader->path, sorted[i]->name, (long long)sorted[i]->begin, (long long)end);
            return false;
        }
        end = sorted[i]->end;
    }
    if (end == data_bytes) return true;
    tensor_error(CT_ERR_FORMAT, "\"%s\" has %lld bytes of data; its tensors have %lld", reader->path,
                 (long long)data_bytes, (long long)end);
    return false;
}

static bool check_places(const JsonReader *reader, const Header *header, int64_t data_bytes) {
    Entry **sorted = tensor_alloc(header->count * sizeof *sorted);
    if (!sorted) return false;
    for (size_t i = 0; i < header->count; i++) sorted[i] = &header->entry[i];
    qsort(sorted, header->count, sizeof *sorted, by_place);
    bool sound = check_sorted(reader, sorted, header->count, data_bytes);
    tensor_free(sorted, header->count * sizeof *sorted);
    return sound;
}

/* A view of the mapping, or a copy where that cannot be: bytes in another order or at an odd place, and BOOL, whose
 * bytes must be 0 and 1. */
static ct_tensor *read_tensor(Mapping *mapping, const Entry *entry, char *data) {
    size_t width = ct_dtype_size(entry->dtype);
    const Shape *shape = &entry->shape;
    bool mapped = (uintptr_t)data % width == 0 && entry->dtype != CT_BOOL && !HOST_IS_BIG_ENDIAN;
    if (mapped && entry->end > entry->begin) {
        ct_tensor *x = ct_from_blob(entry->dtype, data, shape->sizes, shape->ndim, NULL, tensor_unmap, mapping);
        if (x) atomic_fetch_add_explicit(&mapping->users, 1, memory_order_relaxed);
        return x;
    }
    ct_tensor *x = ct_from_data(entry->dtype, data, shape->sizes, shape->ndim);
    if (x && HOST_IS_BIG_ENDIAN) tensor_swap_bytes(x->data, (size_t)x->numel, width);
    return x;
}

/* The dict of all tensors, or NULL with an error. */
static ct_dict *read_tensors(Mapping *mapping, const Header *header, char *data) {
    ct_dict *dict = ct_dict_new();
    for (size_t i = 0; dict && i < header->count; i++) {
        CT_SCOPED;
        const Entry *entry = &header->entry[i];
        ct_tensor *x = read_tensor(mapping, entry, data + entry->begin);
        if (x && ct_dict_set(dict, entry->name, x) == CT_OK) continue;
        ct_dict_free(dict);
        return NULL;
    }
    return dict;
}

/* The header's length; 0 with an error. */
static size_t header_bytes(const char *path, const Mapping *mapping) {
    if (mapping->bytes < LENGTH_BYTES) {
        tensor_error(CT_ERR_FORMAT, "\"%s\" has %zu bytes: too few for safetensors", path, mapping->bytes);
        return 0;
    }
    uint64_t bytes = 0;
    for (int i = LENGTH_BYTES; i-- > 0;) bytes = bytes << 8 | (uint8_t)mapping->data[i];
    if (bytes >= 2 && bytes <= MOST_HEADER_BYTES && bytes <= mapping->bytes - LENGTH_BYTES) return (size_t)bytes;
    tensor_error(CT_ERR_FORMAT, "\"%s\" is not safetensors: a header of %llu bytes in a file of %zu", path,
                 (unsigned long long)bytes, mapping->bytes);
    return 0;
}

static ct_dict *read_mapping(const char *path, Mapping *mapping) {
    size_t bytes = header_bytes(path, mapping);
    if (bytes == 0) return NULL;
    char *start = mapping->data + LENGTH_BYTES, *data = start + bytes;
    JsonReader reader = {path, mapping->data, start, data};
    Header header = {0};
    ct_dict *dict = NULL;
    if (read_header(&reader, &header) &&
        check_places(&reader, &header, (int64_t)(mapping->bytes - bytes - LENGTH_BYTES)))
        dict = read_tensors(mapping, &header, data);
    tensor_names_free(&header.names);
    tensor_free(header.entry, header.capacity * sizeof *header.entry);
    return dict;
}

ct_dict *ct_load_safetensors(const char *path) {
    FUNCTION("ct_load_safetensors");
    Mapping *mapping = tensor_given(path, "path") ? tensor_map(path) : NULL;
    if (!mapping) return NULL;
    ct_dict *dict = read_mapping(path, mapping);
    tensor_unmap(mapping);
    return dict;
}

/* ---- writing ---- */

static bool add_key(Names *keys, const char *key, const char *value) {
    if (!value) tensor_error(CT_ERR_VALUE, "metadata: the key \"%.200s\" has no value", key);
    else if (tensor_names_find(keys, key, strlen(key)) >= 0)
        tensor_error(CT_ERR_VALUE, "metadata: the key \"%.200s\" is there twice", key);
    else if (strcmp(key, "format") == 0 && strcmp(value, "pt") != 0)
        tensor_error(CT_ERR_VALUE, "metadata: \"format\" is \"%.200s\"; it is always \"pt\"", value);
    else return tensor_names_add(keys, key, strlen(key)) >= 0;
    return false;
}

static bool append_metadata(JsonText *text, const char *const *metadata) {
    Names keys = {0};
    bool valid = true;
    tensor_json_append_string(text, metadata_name);
    tensor_json_append_text(text, ":{\"format\":\"pt\"");
    for (; valid && metadata && metadata[0]; metadata += 2) {
        valid = add_key(&keys, metadata[0], metadata[1]);
        if (!valid || strcmp(metadata[0], "format") == 0) continue;
        tensor_json_append_text(text, ",");
        tensor_json_append_string(text, metadata[0]);
        tensor_json_append_text(text, ":");
        tensor_json_append_string(text, metadata[1]);
    }
    tensor_json_append_text(text, "}");
    tensor_names_free(&keys);
    return valid && !text->failed;
}

typedef struct {
    const char *name;
    ct_tensor *x;
} Item;

/* Wide dtypes first, so that each tensor is aligned; then by name. */
static int by_width(const void *a, const void *b) {
    const Item *x = a, *y = b;
    size_t x_width = ct_dtype_size((ct_dtype)x->x->dtype), y_width = ct_dtype_size((ct_dtype)y->x->dtype);
    if (x_width != y_width) return x_width > y_width ? -1 : 1;
    return strcmp(x->name, y->name);
}

static const char *dtype_name(ct_dtype dtype) {
    int i = 0;
    while (dtypes[i].dtype != dtype) i++;
    return dtypes[i].name;
}

/* Its end in the data; -1 with an error. */
static int64_t append_item(JsonText *text, const Item *item, int64_t begin) {
    const ct_tensor *x = item->x;
    int64_t end;
    if (strcmp(item->name, metadata_name) == 0) {
        tensor_error(CT_ERR_VALUE, "a tensor cannot be named \"%s\" in this format", metadata_name);
        return -1;
    }
    if (__builtin_add_overflow(begin, x->numel * (int64_t)ct_dtype_size((ct_dtype)x->dtype), &end)) {
        tensor_error(CT_ERR_SHAPE, "the tensors have more bytes than can be counted");
        return -1;
    }
    tensor_json_append_text(text, ",");
    tensor_json_append_string(text, item->name);
    tensor_json_append_text(text, ":{\"dtype\":\"");
    tensor_json_append_text(text, dtype_name((ct_dtype)x->dtype));
    tensor_json_append_text(text, "\",\"shape\":[");
    for (int d = 0; d < x->ndim; d++) {
        if (d > 0) tensor_json_append_text(text, ",");
        tensor_json_append_integer(text, x->shape[d]);
    }
    tensor_json_append_text(text, "],\"data_offsets\":[");
    tensor_json_append_integer(text, begin);
    tensor_json_append_text(text, ",");
    tensor_json_append_integer(text, end);
    tensor_json_append_text(text, "]}");
    return text->failed ? -1 : end;
}

static bool make_header(JsonText *text, const Item *items, int count, const char *const *metadata) {
    tensor_json_append(text, "\0\0\0\0\0\0\0\0{", LENGTH_BYTES + 1);
    if (!append_metadata(text, metadata)) return false;
    int64_t end = 0;
    for (int i = 0; i < count; i++)
        if ((end = append_item(text, &items[i], end)) < 0) return false;
    tensor_json_append_text(text, "}");
    tensor_json_append(text, "       ", (8 - text->length % 8) % 8);
    if (text->failed) return false;
    uint64_t bytes = text->length - LENGTH_BYTES;
    if (bytes > MOST_HEADER_BYTES) {
        tensor_error(CT_ERR_VALUE, "the header has %llu bytes; the format allows %d", (unsigned long long)bytes,
                     MOST_HEADER_BYTES);
        return false;
    }
    for (int i = 0; i < LENGTH_BYTES; i++) text->text[i] = (char)(bytes >> (8 * i));
    return true;
}

static bool write_numbers(FileWriter *writer, ct_tensor *x) {
    CT_SCOPED;
    ct_tensor *rows = HOST_IS_BIG_ENDIAN ? tensor_to(x, (ct_dtype)x->dtype) : tensor_contiguous(x);
    if (!rows) return false;
    size_t width = ct_dtype_size((ct_dtype)x->dtype);
    if (HOST_IS_BIG_ENDIAN) tensor_swap_bytes(rows->data, (size_t)rows->numel, width);
    tensor_write(writer, rows->data, (size_t)rows->numel * width);
    return !writer->failed;
}

static ct_status write_file(const char *path, const JsonText *header, const Item *items, int count) {
    FileWriter writer;
    if (!tensor_write_begin(&writer, path)) return ct_error();
    tensor_write(&writer, header->text, header->length);
    bool complete = true;
    for (int i = 0; i < count && complete; i++) complete = write_numbers(&writer, items[i].x);
    return tensor_write_end(&writer, complete);
}

ct_status ct_save_safetensors(const char *path, const ct_dict *dict, const char *const *metadata) {
    FUNCTION("ct_save_safetensors");
    CT_SCOPED;
    if (!tensor_given(path, "path") || !tensor_given(dict, "dict")) return ct_error();
    int count = ct_dict_len(dict);
    Item *items = tensor_alloc((size_t)count * sizeof *items);
    JsonText header = {0};
    bool made = items != NULL;
    for (int i = 0; made && i < count; i++) {
        items[i].name = ct_dict_name(dict, i);
        made = (items[i].x = ct_dict_get(dict, items[i].name)) != NULL;
    }
    if (made) qsort(items, (size_t)count, sizeof *items, by_width);
    made = made && make_header(&header, items, count, metadata);
    ct_status status = made ? write_file(path, &header, items, count) : ct_error();
    tensor_free(header.text, header.capacity);
    tensor_free(items, (size_t)count * sizeof *items);
    return status;
}
