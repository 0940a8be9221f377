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
    if (dict && nn_each(module, put, dict)) return dict;
    ct_dict_free(dict);
    return NULL;
}

/* What a load finds: names, listed in the message as far as they fit. */
typedef struct {
    const ct_dict *dict;
    char missing[300], unexpected[300], misshapen[300];
} Comparison;

static void append(char *text, size_t size, const char *name, const char *note) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s%s", used ? ", " : " ", name, note);
}

static ct_tensor *entry(const ct_dict *dict, const char *name) {
    for (int i = 0; i < ct_dict_len(dict); i++)
        if (strcmp(ct_dict_name(dict, i), name) == 0) return ct_dict_get(dict, name);
    return NULL;
}

static bool same_shape(const ct_tensor *a, const ct_tensor *b) {
    size_t bytes = (size_t)ct_ndim(a) * sizeof(int64_t);
    return ct_ndim(a) == ct_ndim(b) && memcmp(ct_shape(a), ct_shape(b), bytes) == 0;
}

static bool compare(const char *name, Part *part, void *user) {
    CT_SCOPED;
    Comparison *c = user;
    const ct_tensor *x = entry(c->dict, name);
    if (!x) {
        append(c->missing, sizeof c->missing, name, "");
        return true;
    }
    if (!same_shape(x, part->tensor)) {
        char note[200];
        snprintf(note, sizeof note, " is %s, expected %s", tensor_shape_of(x), tensor_shape_of(part->tensor));
        append(c->misshapen, sizeof c->misshapen, name, note);
    }
    return true;
}

typedef struct {
    const char *name;
    bool found;
} Search;

static bool is_named(const char *name, Part *part, void *user) {
    (void)part;
    Search *search = user;
    search->found |= strcmp(name, search->name) == 0;
    return !search->found;
}

static void list_unexpected(const ct_module *module, Comparison *c) {
    for (int i = 0; i < ct_dict_len(c->dict); i++) {
        Search search = {ct_dict_name(c->dict, i), false};
        nn_each(module, is_named, &search);
        if (!search.found) append(c->unexpected, sizeof c->unexpected, search.name, "");
    }
}

/* Of the same shape and dtype by now: nothing here can fail. */
static bool copy_in(const char *name, Part *part, void *user) {
    CT_SCOPED;
    ct_tensor *x = entry(user, name);
    if (x) {
        tensor_copy_into(part->tensor, x);
        tensor_bump(part->tensor);
    }
    return true;
}

static bool convert(const char *name, Part *part, void *user) {
    ct_dict *ready = ((ct_dict **)user)[0];
    CT_SCOPED;
    ct_tensor *x = entry(((ct_dict **)user)[1], name);
    return !x || ct_dict_set(ready, name, ct_to(x, ct_type(part->tensor))) == CT_OK;
}

ct_status ct_module_load_state(ct_module *module, const ct_dict *dict, bool strict) {
    FUNCTION("ct_module_load_state");
    CT_NO_GRAD;
    CT_SCOPED;
    if (!tensor_given(module, "module") || !tensor_given(dict, "dict")) return ct_error();
    Comparison c = {.dict = dict};
    if (!nn_each(module, compare, &c)) return ct_error();
    if (strict) list_unexpected(module, &c);
    if (*c.misshapen || (strict && (*c.missing || *c.unexpected)))
        return tensor_error(CT_ERR_VALUE, "the state does not fit %s:%s%s%s%s%s%s", module->type,
                            strict && *c.missing ? " missing:" : "", strict ? c.missing : "",
                            *c.unexpected ? "; unexpected:" : "", c.unexpected, *c.misshapen ? "; misshapen:" : "",
                            c.misshapen);
    ct_dict *pair[] = {ct_dict_new(), (ct_dict *)dict};
    bool done = pair[0] && nn_each(module, convert, pair) && nn_each(module, copy_in, pair[0]);
    ct_dict_free(pair[0]);
    return done ? CT_OK : ct_error();
}

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
