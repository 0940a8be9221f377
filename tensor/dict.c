#include "internal/function.h"
#include "internal/memory.h"
#include "internal/names.h"
#include "internal/object.h"
#include "io.h"
#include <limits.h>
#include <string.h>

/* ---- names ---- */

enum { FIRST_CAPACITY = 16 };

/* The slot that holds the text, or the free one where it would go. There is always a free one. */
static int *find_slot(char **name, int *slots, int slot_count, const char *text, size_t length) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    uint32_t mask = (uint32_t)slot_count - 1, at = (hash ^ hash >> 16) & mask;
    for (; slots[at] >= 0; at = (at + 1) & mask) {
        const char *other = name[slots[at]];
        if (strncmp(other, text, length) == 0 && other[length] == '\0') break;
    }
    return &slots[at];
}

int tensor_names_find(const Names *names, const char *text, size_t length) {
    if (names->count == 0) return -1;
    return *find_slot(names->name, names->slots, 2 * names->capacity, text, length);
}

static bool grow_names(Names *names) {
    int capacity = names->capacity ? 2 * names->capacity : FIRST_CAPACITY;
    size_t bytes = (size_t)capacity * sizeof *names->name, slot_bytes = 2 * (size_t)capacity * sizeof *names->slots;
    int *slots = tensor_alloc(slot_bytes);
    char **name = slots ? tensor_realloc(names->name, (size_t)names->capacity * sizeof *name, bytes) : NULL;
    if (!name) {
        tensor_free(slots, slot_bytes);
        return false;
    }
    memset(slots, 0xff, slot_bytes);
    for (int i = 0; i < names->count; i++) *find_slot(name, slots, 2 * capacity, name[i], strlen(name[i])) = i;
    tensor_free(names->slots, 2 * (size_t)names->capacity * sizeof *slots);
    *names = (Names){name, names->count, capacity, slots};
    return true;
}

int tensor_names_add(Names *names, const char *text, size_t length) {
    if (names->count >= INT_MAX / 8) {
        tensor_error(CT_ERR_MEMORY, "more than %d names", names->count);
        return -1;
    }
    if (names->count == names->capacity && !grow_names(names)) return -1;
    char *copy = tensor_alloc(length + 1);
    if (!copy) return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    names->name[names->count] = copy;
    *find_slot(names->name, names->slots, 2 * names->capacity, text, length) = names->count;
    return names->count++;
}

void tensor_names_free(Names *names) {
    for (int i = 0; i < names->count; i++) tensor_strfree(names->name[i]);
    tensor_free(names->name, (size_t)names->capacity * sizeof *names->name);
    tensor_free(names->slots, 2 * (size_t)names->capacity * sizeof *names->slots);
    *names = (Names){0};
}

/* ---- the dict ---- */

struct ct_dict {
    Names names;
    ct_tensor **values; /* one for each name; as many as `room` */
    int room;
};

ct_dict *ct_dict_new(void) {
    FUNCTION("ct_dict_new");
    return tensor_alloc_zeroed(sizeof(ct_dict));
}

static bool make_room(ct_dict *dict) {
    if (dict->names.count < dict->room) return true;
    int room = dict->room ? 2 * dict->room : FIRST_CAPACITY;
    ct_tensor **values = tensor_realloc(dict->values, (size_t)dict->room * sizeof *values,
                                        (size_t)room * sizeof *values);
    if (!values) return false;
    dict->values = values;
    dict->room = room;
    return true;
}

ct_status ct_dict_set(ct_dict *dict, const char *name, ct_tensor *x) {
    FUNCTION("ct_dict_set");
    if (!tensor_given(dict, "dict") || !tensor_given(name, "name") || !tensor_given(x, "x")) return ct_error();
    size_t length = strlen(name);
    int at = tensor_names_find(&dict->names, name, length);
    bool replaces = at >= 0;
    if (!replaces) {
        at = make_room(dict) ? tensor_names_add(&dict->names, name, length) : -1;
        if (at < 0) return ct_error();
    }
    ct_tensor *old = replaces ? dict->values[at] : NULL;
    tensor_retain(x);
    dict->values[at] = x;
    if (old) tensor_release(old);
    return CT_OK;
}

ct_tensor *ct_dict_get(const ct_dict *dict, const char *name) {
    FUNCTION("ct_dict_get");
    if (!tensor_given(dict, "dict") || !tensor_given(name, "name")) return NULL;
    int at = tensor_names_find(&dict->names, name, strlen(name));
    if (at < 0) {
        tensor_error(CT_ERR_INDEX, "there is no \"%s\" among the %d entries", name, dict->names.count);
        return NULL;
    }
    tensor_retain(dict->values[at]);
    return tensor_scope_give(dict->values[at]);
}

int ct_dict_len(const ct_dict *dict) {
    FUNCTION("ct_dict_len");
    return tensor_given(dict, "dict") ? dict->names.count : -1;
}

const char *ct_dict_name(const ct_dict *dict, int i) {
    FUNCTION("ct_dict_name");
    if (!tensor_given(dict, "dict")) return NULL;
    if (i >= 0 && i < dict->names.count) return dict->names.name[i];
    tensor_error(CT_ERR_INDEX, "entry %d of a dict of %d", i, dict->names.count);
    return NULL;
}

void ct_dict_free(ct_dict *dict) {
    if (!dict) return;
    for (int i = 0; i < dict->names.count; i++) tensor_release(dict->values[i]);
    tensor_free(dict->values, (size_t)dict->room * sizeof *dict->values);
    tensor_names_free(&dict->names);
    tensor_free(dict, sizeof *dict);
}
