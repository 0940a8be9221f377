/* The module: a tree of named parameters, buffers and children. */
#include "internal.h"
#include <stdarg.h>
#include <string.h>

enum { NAME_BYTES = 512 };

/* ---- making and freeing ---- */

ct_module *ct_module_new(const char *type, ct_tensor *(*forward)(ct_module *module, ct_tensor *x), void *self,
                         void (*free_self)(void *self)) {
    FUNCTION("ct_module_new");
    bool given = tensor_given(type, "type");
    if (given && !forward) {
        tensor_error(CT_ERR_NULL, "forward is NULL");
        given = false;
    }
    ct_module *module = given ? tensor_alloc_zeroed(sizeof *module) : NULL;
    if (module) module->type = tensor_strdup(type);
    if (!module || !module->type) {
        tensor_free(module, sizeof *module);
        if (free_self) free_self(self);
        return NULL;
    }
    module->forward = forward;
    module->self = self;
    module->free_self = free_self;
    module->training = true;
    return module;
}

static void free_list(ct_module *module) {
    for (int i = 0; i < module->cached.count; i++) tensor_strfree((char *)module->cached.names[i]);
    size_t capacity = (size_t)module->cached_capacity;
    tensor_free(module->cached.items, capacity * sizeof *module->cached.items);
    tensor_free(module->cached.names, capacity * sizeof *module->cached.names);
    module->cached = (ct_params){NULL, NULL, 0};
    module->cached_capacity = 0;
}

static void free_tree(ct_module *module) {
    for (int i = 0; i < module->count; i++) {
        Part *part = &module->parts[i];
        if (part->tensor) ct_release(part->tensor);
        if (part->child) free_tree(part->child);
        tensor_strfree(part->name);
    }
    free_list(module);
    if (module->free_self) module->free_self(module->self);
    tensor_free(module->parts, (size_t)module->capacity * sizeof *module->parts);
    tensor_strfree(module->details);
    tensor_strfree(module->type);
    tensor_free(module, sizeof *module);
}

void ct_module_free(ct_module *module) {
    FUNCTION("ct_module_free");
    if (!module) return;
    if (module->parent)
        tensor_error(CT_ERR_VALUE, "%s belongs to %s, which frees it", module->type, module->parent->type);
    else free_tree(module);
}

bool nn_describe(ct_module *module, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return (module->details = tensor_strdup(text)) != NULL;
}

/* ---- parts ---- */

static Part *find_part(const ct_module *module, const char *name, size_t length) {
    for (int i = 0; i < module->count; i++)
        if (strncmp(module->parts[i].name, name, length) == 0 && !module->parts[i].name[length])
            return &module->parts[i];
    return NULL;
}

static bool name_is_free(const ct_module *module, const char *name) {
    if (!tensor_given(name, "name")) return false;
    if (!*name || strchr(name, '.') || strlen(name) >= 128) {
        tensor_error(CT_ERR_VALUE, "the name \"%.140s\" is empty, has a dot or more than 127 bytes", name);
        return false;
    }
    if (!find_part(module, name, strlen(name))) return true;
    tensor_error(CT_ERR_VALUE, "%s has a part named \"%s\" already", module->type, name);
    return false;
}

/* Lists of parameters that hold this module's are out of date. */
static void forget_lists(ct_module *module) {
    for (; module; module = module->parent) free_list(module);
}

static bool add_part(ct_module *module, const char *name, Part part) {
    if (module->count == module->capacity) {
        int larger = module->capacity ? 2 * module->capacity : 4;
        Part *moved = tensor_realloc(module->parts, (size_t)module->capacity * sizeof *moved,
                                     (size_t)larger * sizeof *moved);
        if (!moved) return false;
        module->parts = moved;
        module->capacity = larger;
    }
    part.name = tensor_strdup(name);
    if (!part.name) return false;
    module->parts[module->count++] = part;
    forget_lists(module);
    return true;
}

static bool is_inside(const ct_module *module, const ct_module *tree) {
    for (; module; module = module->parent)
        if (module == tree) return true;
    return false;
}

ct_module *ct_module_add(ct_module *module, const char *name, ct_module *child) {
    FUNCTION("ct_module_add");
    if (!tensor_given(child, "child")) return NULL;
    if (child->parent) {
        tensor_error(CT_ERR_VALUE, "the child %s belongs to %s already", child->type, child->parent->type);
        return NULL;
    }
    if (module && is_inside(module, child)) {
        tensor_error(CT_ERR_VALUE, "%s would become its own child", child->type);
        return NULL;
    }
    if (tensor_given(module, "module") && name_is_free(module, name) && add_part(module, name, (Part){.child = child})) {
        child->parent = module;
        return child;
    }
    free_tree(child);
    return NULL;
}

static ct_tensor *add_tensor(ct_module *module, const char *name, ct_tensor *x, bool trained) {
    if (!tensor_given(x, "x") || !tensor_given(module, "module") || !name_is_free(module, name)) return NULL;
    if (trained && !ct_is_leaf(x)) {
        tensor_error(CT_ERR_AUTOGRAD, "the parameter \"%s\" was computed by an operation: only leaves are trained", name);
        return NULL;
    }
    bool required = ct_requires_grad(x);
    if (trained && !ct_set_requires_grad(x, true)) return NULL;
    if (!add_part(module, name, (Part){.tensor = x, .trained = trained})) {
        if (trained) ct_set_requires_grad(x, required);
        return NULL;
    }
    return ct_retain(x);
}

ct_tensor *ct_module_parameter(ct_module *module, const char *name, ct_tensor *x) {
    FUNCTION("ct_module_parameter");
    return add_tensor(module, name, x, true);
}

ct_tensor *ct_module_buffer(ct_module *module, const char *name, ct_tensor *x) {
    FUNCTION("ct_module_buffer");
    return add_tensor(module, name, x, false);
}

/* ---- looking up ---- */

void *ct_module_self(const ct_module *module) {
    FUNCTION("ct_module_self");
    return tensor_given(module, "module") ? module->self : NULL;
}

/* The part of a dotted name, or NULL. */
static Part *find_dotted(const ct_module *module, const char *name) {
    for (;;) {
        size_t length = strcspn(name, ".");
        Part *part = find_part(module, name, length);
        if (!part || !name[length]) return part;
        if (!part->child) return NULL;
        module = part->child;
        name += length + 1;
    }
}

ct_module *ct_module_child(const ct_module *module, const char *name) {
    FUNCTION("ct_module_child");
    if (!tensor_given(module, "module") || !tensor_given(name, "name")) return NULL;
    Part *part = find_dotted(module, name);
    if (part && part->child) return part->child;
    tensor_error(CT_ERR_VALUE, "%s has no child \"%s\"", module->type, name);
    return NULL;
}

ct_tensor *ct_module_get(const ct_module *module, const char *name) {
    FUNCTION("ct_module_get");
    if (!tensor_given(module, "module") || !tensor_given(name, "name")) return NULL;
    Part *part = find_dotted(module, name);
    if (part && part->tensor) return tensor_scope_share(part->tensor);
    tensor_error(CT_ERR_VALUE, "%s has no parameter or buffer \"%s\"", module->type, name);
    return NULL;
}

/* Appends ".name" to the prefix; false with an error when it gets too long. */
static bool extend(char *prefix, size_t used, const char *name) {
    int length = snprintf(prefix + used, NAME_BYTES - used, used ? ".%s" : "%s", name);
    if (length >= 0 && used + (size_t)length < NAME_BYTES) return true;
    prefix[used] = '\0';
    tensor_error(CT_ERR_VALUE, "the name of \"%s\" has %d bytes or more", name, NAME_BYTES);
    return false;
}

static bool each_below(const ct_module *module, char *prefix, Visit *visit, void *user) {
    size_t used = strlen(prefix);
    for (int i = 0; i < module->count; i++) {
        Part *part = &module->parts[i];
        if (!extend(prefix, used, part->name)) return false;
        bool go_on = part->tensor ? visit(prefix, part, user) : each_below(part->child, prefix, visit, user);
        prefix[used] = '\0';
        if (!go_on) return false;
    }
    return true;
}

bool nn_each(const ct_module *module, Visit *visit, void *user) {
    char prefix[NAME_BYTES] = "";
    return each_below(module, prefix, visit, user);
}

/* ---- the list of parameters ---- */

static bool grow_list(ct_module *module) {
    ct_params *list = &module->cached;
    size_t old = (size_t)module->cached_capacity, larger = old ? 2 * old : 8;
    ct_tensor **items = tensor_alloc(larger * sizeof *items);
    const char **names = tensor_alloc(larger * sizeof *names);
    if (!items || !names) {
        tensor_free(items, larger * sizeof *items);
        tensor_free(names, larger * sizeof *names);
        return false;
    }
    if (old) {
        memcpy(items, list->items, old * sizeof *items);
        memcpy(names, list->names, old * sizeof *names);
    }
    tensor_free(list->items, old * sizeof *items);
    tensor_free(list->names, old * sizeof *names);
    list->items = items;
    list->names = names;
    module->cached_capacity = (int)larger;
    return true;
}

static bool list_parameter(const char *name, Part *part, void *user) {
    ct_module *module = user;
    ct_params *list = &module->cached;
    if (!part->trained) return true;
    for (int i = 0; i < list->count; i++)
        if (list->items[i] == part->tensor) return true;
    if (list->count == module->cached_capacity && !grow_list(module)) return false;
    char *copy = tensor_strdup(name);
    if (!copy) return false;
    list->items[list->count] = part->tensor;
    list->names[list->count++] = copy;
    return true;
}

ct_params ct_module_parameters(ct_module *module) {
    FUNCTION("ct_module_parameters");
    if (!tensor_given(module, "module")) return (ct_params){NULL, NULL, 0};
    if (!module->cached.items && !nn_each(module, list_parameter, module)) free_list(module);
    return module->cached;
}

int64_t ct_module_count(const ct_module *module) {
    FUNCTION("ct_module_count");
    if (!tensor_given(module, "module")) return -1;
    ct_params list = ct_module_parameters((ct_module *)module);
    int64_t count = 0;
    for (int i = 0; i < list.count; i++) count += ct_numel(list.items[i]);
    return ct_error() == CT_ERR_MEMORY && !list.items ? -1 : count;
}

static bool drop_gradient(const char *name, Part *part, void *user) {
    (void)name, (void)user;
    if (part->trained) ct_zero_grad(part->tensor);
    return true;
}

void ct_zero_grads(ct_module *module) {
    FUNCTION("ct_zero_grads");
    if (tensor_given(module, "module")) nn_each(module, drop_gradient, NULL);
}

/* ---- running ---- */

ct_tensor *ct_forward(ct_module *module, ct_tensor *x) {
    FUNCTION("ct_forward");
    CT_SCOPED;
    if (!tensor_given(module, "module") || !tensor_given(x, "x")) return NULL;
    return ct_scope_keep(module->forward(module, x));
}

void ct_train(ct_module *module, bool training) {
    FUNCTION("ct_train");
    if (!tensor_given(module, "module")) return;
    module->training = training;
    for (int i = 0; i < module->count; i++)
        if (module->parts[i].child) ct_train(module->parts[i].child, training);
}

bool ct_is_training(const ct_module *module) {
    FUNCTION("ct_is_training");
    return tensor_given(module, "module") && module->training;
}
