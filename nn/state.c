/* A module's state: parameters and buffers under their dotted names, out and in. */
#include "internal.h"
#include "../tensor/internal/plain.h"
#include <string.h>

static bool put(const char *name, Part *part, void *user) {
    CT_SCOPED;
    return ct_dict_set(user, name, ct_detach(part->tensor)) == CT_OK;
}

ct_dict *ct_module_state(const ct_module *module) {
    FUNCTION("ct_module_state");
    ct_dict *dict = tensor_given(module, "module") ? ct_dict_new() : NULL;
    if (!dict || nn_each(module, put, dict)) return dict;
    ct_dict_free(dict);
    return NULL;
}

/* ---- what does not fit ---- */

/* Names for a message, as far as there is room. */
typedef struct {
    char text[280];
    size_t used;
    int left_out;
} List;

static void append(List *list, const char *entry) {
    char item[240];
    size_t length = (size_t)snprintf(item, sizeof item, "%s%.220s", list->used ? ", " : " ", entry);
    if (list->left_out || list->used + length >= sizeof list->text) {
        list->left_out++;
        return;
    }
    memcpy(list->text + list->used, item, length + 1);
    list->used += length;
}

typedef struct {
    const ct_module *module;
    const ct_dict *dict;
    int matched; /* entries of the dict that the module has */
    List missing, unexpected, misshapen;
} Comparison;

static bool list_missing(const char *name, Part *part, void *user) {
    (void)part;
    Comparison *comparison = user;
    for (int i = 0; i < ct_dict_len(comparison->dict); i++)
        if (strcmp(ct_dict_name(comparison->dict, i), name) == 0) return true;
    append(&comparison->missing, name);
    return true;
}

static bool compare_entry(Comparison *comparison, const char *name) {
    CT_SCOPED;
    const Part *part = nn_find(comparison->module, name);
    if (!part || !part->tensor) {
        append(&comparison->unexpected, name);
        return true;
    }
    const ct_tensor *x = ct_dict_get(comparison->dict, name);
    if (!x) return false;
    comparison->matched++;
    if (tensor_overlaps_itself(part->tensor)) {
        tensor_error(CT_ERR_VALUE, "several elements of \"%.100s\" (shape %s) share one place", name,
                     tensor_shape_of(part->tensor));
        return false;
    }
    if (!tensor_same_shape(x, part->tensor)) {
        char entry[220];
        snprintf(entry, sizeof entry, "%.100s of shape %s, not %s", name, tensor_shape_of(x),
                 tensor_shape_of(part->tensor));
        append(&comparison->misshapen, entry);
    }
    return true;
}

/* Adds "; missing a, b and 3 more" to the text. */
static void describe(char *text, size_t size, const char *what, const List *list) {
    if (!list->used) return;
    size_t used = strlen(text);
    int length = snprintf(text + used, size - used, "%s%s%s", used ? "; " : "", what, list->text);
    used += (size_t)length;
    if (list->left_out && used < size) snprintf(text + used, size - used, " and %d more", list->left_out);
}

static bool state_fits(Comparison *comparison, bool strict) {
    for (int i = 0; i < ct_dict_len(comparison->dict); i++)
        if (!compare_entry(comparison, ct_dict_name(comparison->dict, i))) return false;
    if (strict) nn_each(comparison->module, list_missing, comparison);
    char text[3 * sizeof(List)] = "";
    if (strict) {
        describe(text, sizeof text, "missing", &comparison->missing);
        describe(text, sizeof text, "unexpected", &comparison->unexpected);
    }
    bool names_fit = !*text;
    describe(text, sizeof text, "misshapen", &comparison->misshapen);
    if (!*text) return true;
    tensor_error(names_fit ? CT_ERR_SHAPE : CT_ERR_VALUE, "the state does not fit %.60s: %s",
                 comparison->module->type, text);
    return false;
}

/* ---- loading ---- */

typedef struct {
    ct_tensor *target, *value; /* of one shape and dtype, with storages of their own */
} Assignment;

/* Converts all that is to be assigned; false with an error. */
static bool prepare(const Comparison *comparison, Assignment *assignments) {
    for (int i = 0; i < ct_dict_len(comparison->dict); i++) {
        const char *name = ct_dict_name(comparison->dict, i);
        const Part *part = nn_find(comparison->module, name);
        if (!part || !part->tensor) continue;
        ct_tensor *value = ct_to(ct_dict_get(comparison->dict, name), ct_type(part->tensor));
        if (!value) return false;
        *assignments++ = (Assignment){part->tensor, value};
    }
    return true;
}

/* Cannot fail. */
static void assign(const Assignment *assignments, int count) {
    for (int i = 0; i < count; i++) {
        tensor_copy_into(assignments[i].target, assignments[i].value);
        tensor_bump(assignments[i].target);
    }
}

ct_status ct_module_load_state(ct_module *module, const ct_dict *dict, bool strict) {
    FUNCTION("ct_module_load_state");
    CT_NO_GRAD;
    CT_SCOPED;
    if (!tensor_given(module, "module") || !tensor_given(dict, "dict")) return ct_error();
    Comparison comparison = {.module = module, .dict = dict};
    if (!state_fits(&comparison, strict)) return ct_error();
    if (comparison.matched == 0) return CT_OK;
    size_t bytes = (size_t)comparison.matched * sizeof(Assignment);
    Assignment *assignments = tensor_alloc(bytes);
    bool prepared = assignments && prepare(&comparison, assignments);
    if (prepared) assign(assignments, comparison.matched);
    tensor_free(assignments, bytes);
    return prepared ? CT_OK : ct_error();
}

/* ---- files ---- */

ct_status ct_module_save(const ct_module *module, const char *path) {
    FUNCTION("ct_module_save");
    ct_dict *state = ct_module_state(module);
    ct_status status = state ? ct_save_safetensors(path, state, NULL) : ct_error();
    ct_dict_free(state);
    return status;
}

ct_status ct_module_load(ct_module *module, const char *path) {
    FUNCTION("ct_module_load");
    if (!tensor_given(module, "module")) return ct_error();
    ct_dict *state = ct_load_safetensors(path);
    ct_status status = state ? ct_module_load_state(module, state, true) : ct_error();
    ct_dict_free(state);
    return status;
}
