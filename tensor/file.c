#include "internal/file.h"
#include "internal/function.h"
#include "internal/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, NAME_TRIES = 100, DIGITS = 800 };

/* Raises CT_ERR_IO with what the system says; always false. */
static bool refused(const char *what, const char *path) {
    char reason[128] = "";
    int number = errno;
    if (strerror_r(number, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "error %d", number);
    tensor_error(CT_ERR_IO, "cannot %s \"%s\": %s", what, path, reason);
    return false;
}

void tensor_swap_bytes(void *numbers, size_t n, size_t width) {
    for (char *number = numbers; n > 0; n--, number += width)
        for (size_t i = 0; i < width / 2; i++) {
            char byte = number[i];
            number[i] = number[width - 1 - i];
            number[width - 1 - i] = byte;
        }
}

/* ---- reading ---- */

static int open_file(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) refused("open", path);
    return descriptor;
}

/* Doubles the buffer when it is full. */
static bool make_room(FileContent *content) {
    if (content->bytes < content->capacity) return true;
    char *moved = tensor_realloc(content->data, content->capacity, 2 * content->capacity);
    if (!moved) return false;
    content->data = moved;
    content->capacity *= 2;
    return true;
}

static bool read_all(int descriptor, const char *path, FileContent *content) {
    for (;;) {
        if (!make_room(content)) return false;
        ssize_t count = read(descriptor, content->data + content->bytes, content->capacity - content->bytes);
        if (count == 0) return true;
        if (count < 0 && errno != EINTR) return refused("read", path);
        if (count > 0) content->bytes += (size_t)count;
    }
}

bool tensor_file_read(const char *path, FileContent *content) {
    *content = (FileContent){0};
    int descriptor = open_file(path);
    if (descriptor < 0) return false;
    struct stat status;
    content->capacity = READ_BYTES;
    if (fstat(descriptor, &status) == 0 && status.st_size > 0) content->capacity = (size_t)status.st_size + 1;
    content->data = tensor_alloc(content->capacity);
    bool read = content->data && read_all(descriptor, path, content);
    close(descriptor);
    if (!read) tensor_file_free(content);
    return read;
}

void tensor_file_free(FileContent *content) {
    tensor_free(content->data, content->capacity);
    content->data = NULL;
}

static bool map_descriptor(int descriptor, const char *path, Mapping *mapping) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return refused("examine", path);
    if (!S_ISREG(status.st_mode)) {
        tensor_error(CT_ERR_IO, "\"%s\" is not a regular file", path);
        return false;
    }
    mapping->bytes = (size_t)status.st_size;
    if (mapping->bytes == 0) return true;
    mapping->data = mmap(NULL, mapping->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (mapping->data != MAP_FAILED) return true;
    mapping->data = NULL;
    return refused("map", path);
}

Mapping *tensor_map(const char *path) {
    Mapping *mapping = tensor_alloc_zeroed(sizeof *mapping);
    int descriptor = mapping ? open_file(path) : -1;
    bool mapped = descriptor >= 0 && map_descriptor(descriptor, path, mapping);
    if (descriptor >= 0) close(descriptor);
    if (mapped) {
        atomic_init(&mapping->users, 1);
        return mapping;
    }
    tensor_free(mapping, sizeof *mapping);
    return NULL;
}

void tensor_unmap(void *user) {
    Mapping *mapping = user;
    if (atomic_fetch_sub_explicit(&mapping->users, 1, memory_order_acq_rel) != 1) return;
    if (mapping->data) munmap(mapping->data, mapping->bytes);
    tensor_free(mapping, sizeof *mapping);
}

/* ---- writing ---- */

/* Opens a new file whose name nobody uses yet, with the mode of the one that it is to replace. */
static bool open_temporary(FileWriter *writer, size_t bytes) {
    static _Atomic(unsigned) serial;
    struct stat old;
    bool replaces = stat(writer->path, &old) == 0;
    if (replaces && !S_ISREG(old.st_mode)) {
        tensor_error(CT_ERR_IO, "\"%s\" is not a regular file", writer->path);
        return false;
    }
    for (int i = 0; i < NAME_TRIES && writer->descriptor < 0; i++) {
        snprintf(writer->temporary, bytes, "%s.%ld-%u.tmp", writer->path, (long)getpid(),
                 atomic_fetch_add(&serial, 1));
        writer->descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->descriptor < 0 && errno != EEXIST) break;
    }
    if (writer->descriptor < 0) return refused("create", writer->temporary);
    if (replaces && fchmod(writer->descriptor, old.st_mode & 07777) != 0)
        return refused("set the mode of", writer->path);
    return true;
}

bool tensor_write_begin(FileWriter *writer, const char *path) {
    size_t bytes = strlen(path) + 64;
    *writer = (FileWriter){.path = path, .descriptor = -1, .temporary = tensor_alloc(bytes)};
    if (writer->temporary && open_temporary(writer, bytes)) return true;
    tensor_write_end(writer, false);
    return false;
}

void tensor_write(FileWriter *writer, const void *data, size_t bytes) {
    const char *rest = data;
    while (bytes > 0 && !writer->failed) {
        ssize_t count = write(writer->descriptor, rest, bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            refused("write", writer->temporary);
            writer->failed = true;
            return;
        }
        rest += count;
        bytes -= (size_t)count;
    }
}

/* Makes the renaming last; the file itself is whole without it. */
static void flush_directory(FileWriter *writer) {
    char *slash = strrchr(writer->temporary, '/');
    const char *directory = !slash ? "." : slash == writer->temporary ? "/" : writer->temporary;
    if (slash) *slash = '\0';
    int descriptor = open(directory, O_RDONLY | O_CLOEXEC);
    if (slash) *slash = '/';
    if (descriptor < 0) return;
    fsync(descriptor);
    close(descriptor);
}

ct_status tensor_write_end(FileWriter *writer, bool keep) {
    bool opened = writer->descriptor >= 0;
    keep = keep && opened && !writer->failed;
    if (keep && fsync(writer->descriptor) != 0) keep = refused("flush", writer->temporary);
    if (opened && close(writer->descriptor) != 0 && keep) keep = refused("close", writer->temporary);
    if (keep && rename(writer->temporary, writer->path) != 0) keep = refused("rename", writer->temporary);
    if (keep) flush_directory(writer);
    else if (opened) unlink(writer->temporary);
    tensor_free(writer->temporary, strlen(writer->path) + 64);
    return keep ? CT_OK : ct_error();
}

/* ---- numbers ---- */

/* A number's digits without its point, the first of them not 0, and the power of ten that follows. */
typedef struct {
    char digits[DIGITS + 16]; /* room for "e-123456789" behind them */
    int count;
    bool truncated; /* further digits, not all 0, were dropped */
    int64_t exponent;
} Decimal;

static void add_digit(Decimal *decimal, char digit, bool after_point) {
    if (decimal->count < DIGITS) {
        if (decimal->count > 0 || digit != '0') decimal->digits[decimal->count++] = digit;
        if (after_point) decimal->exponent--;
        return;
    }
    if (digit != '0') decimal->truncated = true;
    if (!after_point) decimal->exponent++;
}

static const char *scan_digits(const char *text, const char *end, Decimal *decimal, bool after_point) {
    for (; text < end && *text >= '0' && *text <= '9'; text++) add_digit(decimal, *text, after_point);
    return text;
}

/* "e-12", if it is there; NULL if it is broken off. */
static const char *scan_exponent(const char *text, const char *end, Decimal *decimal) {
    if (text == end || (*text != 'e' && *text != 'E')) return text;
    text++;
    bool negative = text < end && *text == '-';
    if (text < end && (*text == '-' || *text == '+')) text++;
    const char *first = text;
    int64_t exponent = 0;
    for (; text < end && *text >= '0' && *text <= '9'; text++)
        if (exponent < 100000000) exponent = 10 * exponent + (*text - '0');
    decimal->exponent += negative ? -exponent : exponent;
    return text > first ? text : NULL;
}

static bool scan_decimal(const char *text, const char *end, Decimal *decimal) {
    const char *point = scan_digits(text, end, decimal, false);
    int64_t digits = point - text;
    const char *rest = point;
    if (point < end && *point == '.') {
        rest = scan_digits(point + 1, end, decimal, true);
        digits += rest - point - 1;
    }
    return digits > 0 && scan_exponent(rest, end, decimal) == end;
}

/* Small numbers: both parts are exact, so that one operation rounds once. */
static bool convert_exactly(const Decimal *decimal, double *value) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (decimal->count > 15 || decimal->exponent < -22 || decimal->exponent > 22) return false;
    uint64_t integer = 0;
    for (int i = 0; i < decimal->count; i++) integer = 10 * integer + (uint64_t)(decimal->digits[i] - '0');
    *value = decimal->exponent < 0 ? (double)integer / tens[-decimal->exponent]
                                   : (double)integer * tens[decimal->exponent];
    return true;
}

/* Whether rounding this double to float could differ from rounding the decimal number itself. */
static bool between_floats(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1fffffff) == 0x10000000 || fabs(value) < 2 * FLT_MIN;
}

/* strtod() never meets a decimal point, so it does not matter which one the locale has. */
static double convert(Decimal *decimal, bool single) {
    double value;
    if (decimal->count == 0) return 0;
    bool exact = convert_exactly(decimal, &value);
    if (exact && !(single && between_floats(value))) return value;
    int length = decimal->count;
    if (decimal->truncated) {
        decimal->digits[length++] = '1';
        decimal->exponent--;
    }
    snprintf(decimal->digits + length, sizeof decimal->digits - (size_t)length, "e%lld",
             (long long)decimal->exponent);
    if (!exact) value = strtod(decimal->digits, NULL);
    return single && between_floats(value) ? strtof(decimal->digits, NULL) : value;
}

static bool is_word(const char *text, const char *end, const char *word) {
    for (; text < end && *word; text++, word++)
        if ((*text | 0x20) != *word) return false;
    return text == end && !*word;
}

bool tensor_parse_number(const char *text, size_t length, bool single, double *value) {
    const char *end = text + length;
    bool negative = text < end && *text == '-';
    if (text < end && (*text == '-' || *text == '+')) text++;
    Decimal decimal;
    decimal.count = 0, decimal.exponent = 0, decimal.truncated = false;
    if (is_word(text, end, "inf") || is_word(text, end, "infinity")) *value = HUGE_VAL;
    else if (is_word(text, end, "nan")) *value = NAN;
    else if (scan_decimal(text, end, &decimal)) *value = convert(&decimal, single);
    else return false;
    if (negative) *value = -*value;
    return true;
}

int tensor_print_number(char text[NUMBER_BYTES], double value, int decimals, char conversion) {
    if (!isfinite(value))
        return snprintf(text, NUMBER_BYTES, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    int length = snprintf(text, NUMBER_BYTES, conversion == 'e' ? "%.*e" : "%.*f", decimals, value);
    size_t point = text[0] == '-';
    point += strspn(text + point, "0123456789");
    size_t width = strcspn(text + point, "0123456789"); /* of the locale's decimal point */
    if (decimals == 0 || width == 0) return length;
    text[point] = '.';
    memmove(text + point + 1, text + point + width, (size_t)length - point - width + 1);
    return length - (int)width + 1;
}
