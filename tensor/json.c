#include "internal/json.h"
#include "internal/function.h"
#include "internal/memory.h"
#include <stdarg.h>
#include <string.h>

/* ---- text ---- */

/* The bytes of the UTF-8 sequence at text, 0 if it is not a valid one. */
static size_t utf8_length(const char *text, const char *end) {
    const uint8_t *s = (const uint8_t *)text;
    const size_t left = (size_t)(end - text);
    const size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (length == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) return 0;
    if (length == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))) return 0;
    return length;
}

/* Writes a code point as UTF-8 and returns where it ends. */
static char *put_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(leads[more] | code >> (6 * more));
    while (more-- > 0) *out++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
    return out;
}

/* ---- reading ---- */

bool tensor_json_malformed(const JsonReader *reader, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    tensor_error(CT_ERR_FORMAT, "\"%s\", byte %zu: %s", reader->path, (size_t)(reader->at - reader->file), what);
    return false;
}

void tensor_json_skip_space(JsonReader *reader) {
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at) reader->at++;
}

bool tensor_json_accept(JsonReader *reader, char wanted) {
    tensor_json_skip_space(reader);
    if (reader->at == reader->end || *reader->at != wanted) return false;
    reader->at++;
    return true;
}

bool tensor_json_expect(JsonReader *reader, char wanted) {
    return tensor_json_accept(reader, wanted) || tensor_json_malformed(reader, "expected '%c'", wanted);
}

bool tensor_json_next_item(JsonReader *reader, char closing, bool *more) {
    *more = tensor_json_accept(reader, ',');
    return *more || tensor_json_accept(reader, closing) || tensor_json_malformed(reader, "expected ',' or '%c'", closing);
}

static bool read_hex(JsonReader *reader, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        static const char digits[] = "0123456789abcdef";
        char c = reader->at < reader->end ? *reader->at : '\0';
        if (c >= 'A' && c <= 'F') c = (char)(c | 0x20);
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit) return tensor_json_malformed(reader, "expected four hexadecimal digits after \\u");
        *code = *code << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

/* The code point after "\u", which may take two of them. */
static bool read_code(JsonReader *reader, uint32_t *code) {
    if (!read_hex(reader, code)) return false;
    if (*code == 0) return tensor_json_malformed(reader, "a string with a NUL in it");
    if (*code < 0xd800 || *code > 0xdfff) return true;
    uint32_t low = 0;
    bool pair = *code < 0xdc00 && reader->end - reader->at >= 2 && reader->at[0] == '\\' && reader->at[1] == 'u';
    if (pair) {
        reader->at += 2;
        if (!read_hex(reader, &low)) return false;
    }
    if (low < 0xdc00 || low > 0xdfff) return tensor_json_malformed(reader, "half a surrogate pair");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool read_escape(JsonReader *reader, char **out) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = reader->at < reader->end ? *reader->at++ : '\0';
    const char *known = letter ? strchr(letters, letter) : NULL;
    uint32_t code = known ? (uint32_t)meanings[known - letters] : 0;
    if (!known && letter != 'u') return tensor_json_malformed(reader, "an escape that JSON does not have");
    if (!known && !read_code(reader, &code)) return false;
    *out = put_utf8(*out, code);
    return true;
}

/* An escape is never shorter than what it means, so the string fits where it stood, and its NUL on its quote. */
bool tensor_json_string(JsonReader *reader, JsonString *string) {
    if (!tensor_json_expect(reader, '"')) return false;
    char *out = string->text = reader->at;
    for (;;) {
        if (reader->at == reader->end) return tensor_json_malformed(reader, "the text ends within a string");
        uint8_t c = (uint8_t)*reader->at;
        size_t length = utf8_length(reader->at, reader->end);
        if (c < 0x20) return tensor_json_malformed(reader, "a control character in a string");
        if (length == 0) return tensor_json_malformed(reader, "a string that is not valid UTF-8");
        if (c == '"') break;
        if (c == '\\') {
            reader->at++;
            if (!read_escape(reader, &out)) return false;
            continue;
        }
        memmove(out, reader->at, length);
        out += length;
        reader->at += length;
    }
    reader->at++;
    *out = '\0';
    string->length = (size_t)(out - string->text);
    return true;
}

static bool read_integer(JsonReader *reader, int64_t *value) {
    tensor_json_skip_space(reader);
    const char *first = reader->at;
    *value = 0;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *reader->at - '0', value))
            return tensor_json_malformed(reader, "a number that is too large");
    if (reader->at == first) return tensor_json_malformed(reader, "expected a number of digits alone");
    if (*first == '0' && reader->at - first > 1) return tensor_json_malformed(reader, "a number that begins with 0");
    return true;
}

bool tensor_json_integers(JsonReader *reader, int64_t *values, int room, int *count) {
    *count = 0;
    if (!tensor_json_expect(reader, '[')) return false;
    for (bool more = !tensor_json_accept(reader, ']'); more;) {
        if (*count == room) return tensor_json_malformed(reader, "a list of more than %d numbers", room);
        if (!read_integer(reader, &values[(*count)++]) || !tensor_json_next_item(reader, ']', &more)) return false;
    }
    return true;
}

/* ---- writing ---- */

void tensor_json_append(JsonText *text, const char *bytes, size_t count) {
    if (text->failed) return;
    if (text->length + count > text->capacity) {
        size_t capacity = 2 * (text->length + count) + 256;
        char *moved = tensor_realloc(text->text, text->capacity, capacity);
        if (!moved) {
            text->failed = true;
            return;
        }
        text->text = moved;
        text->capacity = capacity;
    }
    memcpy(text->text + text->length, bytes, count);
    text->length += count;
}

void tensor_json_append_text(JsonText *text, const char *bytes) {
    tensor_json_append(text, bytes, strlen(bytes));
}

void tensor_json_append_integer(JsonText *text, int64_t value) {
    char digits[24];
    tensor_json_append(text, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

void tensor_json_append_string(JsonText *text, const char *string) {
    const char *end = string + strlen(string);
    tensor_json_append_text(text, "\"");
    for (size_t length; string < end; string += length) {
        length = utf8_length(string, end);
        if (length == 0) {
            tensor_error(CT_ERR_VALUE, "\"%.200s\" is not valid UTF-8", string);
            text->failed = true;
            return;
        }
        char escape[8];
        if (*string == '"' || *string == '\\') tensor_json_append_text(text, "\\");
        if ((uint8_t)*string >= 0x20) tensor_json_append(text, string, length);
        else tensor_json_append(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *string));
    }
    tensor_json_append_text(text, "\"");
}
