/* IDX, MNIST's format: 0, 0, element type, number of dims, the sizes (32 bits each), the numbers; all
 * big-endian. */
#include "internal/file.h"
#include "internal/shape.h"
#include "io.h"
#include <string.h>

static const struct {
    uint8_t code, width;
    ct_dtype dtype;
} types[] = {
    {0x08, 1, CT_U8},  {0x09, 1, CT_I32}, {0x0b, 2, CT_I32},
    {0x0c, 4, CT_I32}, {0x0d, 4, CT_F32}, {0x0e, 8, CT_F64},
};
enum { TYPES = sizeof types / sizeof *types };

typedef struct {
    int type; /* in types[] */
    Shape shape;
    size_t start; /* of the numbers */
} Header;

static bool malformed(const char *path, const char *what) {
    tensor_error(CT_ERR_FORMAT, "\"%s\" %s", path, what);
    return false;
}

static bool read_type(const char *path, const uint8_t *bytes, size_t count, Header *header) {
    if (count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return malformed(path, "is compressed: unpack it with gunzip first");
    if (count < 4 || bytes[0] != 0 || bytes[1] != 0)
        return malformed(path, "is not an IDX file: it must begin with 0, 0");
    for (header->type = 0; header->type < TYPES; header->type++)
        if (types[header->type].code == bytes[2]) return true;
    tensor_error(CT_ERR_FORMAT, "\"%s\", byte 2: 0x%02x is not an element type of IDX", path, bytes[2]);
    return false;
}

static bool read_sizes(const char *path, const uint8_t *bytes, size_t count, Header *header) {
    header->shape.ndim = bytes[3];
    header->start = 4 + 4 * (size_t)bytes[3];
    if (header->shape.ndim > CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE, "\"%s\" has %d dims; at most %d are possible", path, header->shape.ndim,
                     CT_MAX_DIMS);
        return false;
    }
    if (count < header->start) return malformed(path, "ends within its header");
    for (int d = 0; d < header->shape.ndim; d++) {
        const uint8_t *size = bytes + 4 + 4 * d;
        header->shape.sizes[d] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
    }
    return true;
}

/* Whether the file is as long as its header says. */
static bool check_length(const char *path, size_t count, const Header *header) {
    const Shape *shape = &header->shape;
    if (!tensor_check_shape(types[header->type].dtype, shape->sizes, shape->ndim)) return false;
    int64_t expected = types[header->type].width;
    for (int d = 0; d < shape->ndim; d++) expected *= shape->sizes[d];
    if (count - header->start == (size_t)expected) return true;
    tensor_error(CT_ERR_FORMAT, "\"%s\" has %zu bytes of numbers; shape %s needs %lld", path,
                 count - header->start, tensor_shape_text(shape->sizes, shape->ndim), (long long)expected);
    return false;
}

static ct_tensor *read_numbers(const uint8_t *bytes, const Header *header) {
    ct_dtype dtype = types[header->type].dtype;
    ct_tensor *x = tensor_new(dtype, header->shape.sizes, header->shape.ndim);
    if (!x) return NULL;
    int32_t *integers = (int32_t *)x->data;
    int width = types[header->type].width;
    if (width == (int)ct_dtype_size(dtype)) {
        memcpy(x->data, bytes, (size_t)x->numel * (size_t)width);
        if (!HOST_IS_BIG_ENDIAN) tensor_swap_bytes(x->data, (size_t)x->numel, (size_t)width);
    } else if (width == 1) {
        for (int64_t i = 0; i < x->numel; i++) integers[i] = (int8_t)bytes[i];
    } else {
        for (int64_t i = 0; i < x->numel; i++) integers[i] = (int16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    return x;
}

ct_tensor *ct_load_idx(const char *path) {
    FUNCTION("ct_load_idx");
    FileContent content;
    if (!tensor_given(path, "path") || !tensor_file_read(path, &content)) return NULL;
    const uint8_t *bytes = (const uint8_t *)content.data;
    Header header;
    bool valid = read_type(path, bytes, content.bytes, &header) &&
                 read_sizes(path, bytes, content.bytes, &header) &&
                 check_length(path, content.bytes, &header);
    ct_tensor *x = valid ? read_numbers(bytes + header.start, &header) : NULL;
    tensor_file_free(&content);
    return x;
}
