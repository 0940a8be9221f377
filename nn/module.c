/* The module: a tree of named parameters, buffers and children. */
#include "internal.h"
#include <stdarg.h>
#include <string.h>

/* ---- making and freeing ---- */

static ct_module *make(const char *type, ct_tensor *(*forward)(ct_module *, ct_tensor *)) {
    bool given = tensor_given(type, "type") && tensor_given((const void *)(uintptr_t)forward, "forward");
    if (!given) return NULL;
    ct_module *module = tensor_alloc_zeroed(sizeof *module);
    if (!module) return NULL;
    module->forward = forward;
    module->training = true;
    module->type = tensor_strdup(type);
    if (module->type) return module;
    tensor_free(module, sizeof *module);
    return NULL;
}

ct_module *ct_module_new(const char *type, ct_tensor *(*forward)(ct_module *module, ct_tensor *x),
                         void *self, void (*free_self)(void *self)) {
    FUNCTION("ct_module_new");
    ct_module *module = make(type, forward);
    if (module) {
        module->self = self;
        module->free_self = free_self;
    } else if (free_self) {
        free_self(self);
    }
    return module;
}

ct_module *nn_described(ct_module *module, const char *format, ...) {
    if (!module) return NULL;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    module->details = tensor_strdup(text);
    if (module->details) return module;
    ct_module_free(module);
    return NULL;
}

static void free_list(ct_module *module) {
    size_t capacity = (size_t)module->cached_capacity;
    for (int i = 0; i < module->cached.count; i++) tensor_strfree((char *)module->cached.names[i]);
    tensor_free(module->cached.items, capacity * sizeof *module->cached.items);
    tensor_free(module->cached.names, capacity * sizeof *module->cached.names);
    module->cached = (ct_params){NULL, NULL, 0};
    module->cached_capacity = 0;
}

static void free_tree(ct_module *module) {
    for (int i = 0; i < module->count; i++) {
        Part *part = &module->parts[i];
        if (part->child) free_tree(part->child);
        ct_release(part->tensor);
        tensor_strfree(part->name);
    }
    if (module->free_self) module->free_self(module->self);
    free_list(module);
    tensor_free(module->parts, (size_t)module->capacity * sizeof *module->parts);
    tensor_strfree(module->details);
    tensor_strfree(module->type);
    tensor_free(module, sizeof *module);
}

void ct_module_free(ct_module *module) {
    FUNCTION("ct_module_free");
    if (!module) return;
    if (module->parent)
        tensor_error(CT_ERR_VALUE, "%s is \"%s\" of %s, which frees it", module->type, module->name,
                     module->parent->type);
    else free_tree(module);
}

/* ---- names ---- */

enum { NAME_BYTES = 512 }; /* of a dotted name with its end: bounds the depth of the tree, too */

static Part *find_part(const ct_module *module, const char *name, size_t length) {
    for (int i = 0; i < module->count; i++)
        if (strncmp(module->parts[i].name, name, length) == 0 && !module->parts[i].name[length])
            return &module->parts[i];
    return NULL;
}

Part *nn_find(const ct_module *module, const char *name) {
    for (;;) {
        size_t length = strcspn(name, ".");
        Part *part = find_part(module, name, length);
        if (!part || !name[length]) return part;
        if (!part->child) return NULL;
        module = part->child;
        name += length + 1;
    }
}

/* The bytes of a module's own dotted name, and of the longest below it; each part of a name counts a dot. */
static size_t name_bytes(const ct_module *module) {
    size_t bytes = 0;
    for (; module->parent; module = module->parent) bytes += strlen(module->name) + 1;
    return bytes;
}

static size_t name_bytes_below(const ct_module *module) {
    size_t most = 0;
    for (int i = 0; i < module->count; i++) {
        const Part *part = &module->parts[i];
        size_t bytes = strlen(part->name) + 1 + (part->child ? name_bytes_below(part->child) : 0);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* Whether the name may be given to a new part: a child, or a tensor (NULL). */
static bool check_name(const ct_module *module, const char *name, const ct_module *child) {
    if (!tensor_given(name, "name")) return false;
    if (!*name || strchr(name, '.')) {
        tensor_error(CT_ERR_VALUE, "the name \"%.100s\" is empty or has a dot", name);
        return false;
    }
    if (find_part(module, name, strlen(name))) {
        tensor_error(CT_ERR_VALUE, "%s has a part named \"%.100s\" already", module->type, name);
        return false;
    }
    size_t below = child ? name_bytes_below(child) : 0;
    if (name_bytes(module) + strlen(name) + 1 + below <= NAME_BYTES) return true;
    tensor_error(CT_ERR_VALUE, "with the name \"%.100s\" a dotted name would have more than %d bytes", name,
                 NAME_BYTES - 1);
    return false;
}

static bool each_below(const ct_module *module, char *name, size_t used, Visit *visit, void *user) {
    for (int i = 0; i < module->count; i++) {
        Part *part = &module->parts[i];
        size_t end = used + strlen(part->name);
        memcpy(name + used, part->name, end - used + 1);
        if (part->tensor) {
            if (!visit(name, part, user)) return false;
        } else {
            name[end] = '.';
            if (!each_below(part->child, name, end + 1, visit, user)) return false;
        }
    }
    return true;
}

bool nn_each(const ct_module *module, Visit *visit, void *user) {
    char name[NAME_BYTES];
    return each_below(module, name, 0, visit, user);
}

/* ---- adding parts ---- */

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
    for (; module; module = module->parent) free_list(module);
    return true;
}

static bool is_inside(const ct_module *module, const ct_module *tree) {
    for (; module; module = module->parent)
        if (module == tree) return true;
    return false;
}

bool nn_adopt(ct_module *module, const char *name, ct_module *child) {
    if (!tensor_given(module, "module")) return false;
    if (child->parent) {
        tensor_error(CT_ERR_VALUE, "the %s given as \"%.100s\" belongs to a container already: it is \"%s\" "
                     "of %s", child->type, name ? name : "", child->name, child->parent->type);
        return false;
    }
    if (is_inside(module, child)) {
        tensor_error(CT_ERR_VALUE, "%s would become a part of itself", child->type);
        return false;
    }
    if (!check_name(module, name, child) || !add_part(module, name, (Part){.child = child})) return false;
    child->parent = module;
    child->name = module->parts[module->count - 1].name;
    return true;
}

ct_module *ct_module_add(ct_module *module, const char *name, ct_module *child) {
    FUNCTION("ct_module_add");
    if (!tensor_given(child, "child")) return NULL;
    if (nn_adopt(module, name, child)) return child;
    if (!child->parent && !is_inside(module, child)) free_tree(child);
    return NULL;
}

static ct_tensor *add_tensor(ct_module *module, const char *name, ct_tensor *x, bool trained) {
    if (!tensor_given(x, "x") || !tensor_given(module, "module") || !check_name(module, name, NULL))
        return NULL;
    if (trained && !ct_is_leaf(x)) {
        tensor_error(CT_ERR_AUTOGRAD, "\"%.100s\" was computed by a recorded operation, and only leaves are "
                     "parameters: detach it", name);
        return NULL;
    }
    bool required = ct_requires_grad(x);
    if (trained && !ct_set_requires_grad(x, true)) return NULL;
    if (add_part(module, name, (Part){.tensor = x, .trained = trained})) return ct_retain(x);
    if (trained) ct_set_requires_grad(x, required);
    return NULL;
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

ct_module *ct_module_child(const ct_module *module, const char *name) {
    FUNCTION("ct_module_child");
    if (!tensor_given(module, "module") || !tensor_given(name, "name")) return NULL;
    Part *part = nn_find(module, name);
    if (part && part->child) return part->child;
    tensor_error(CT_ERR_INDEX, "%s has no child \"%.100s\"", module->type, name);
    return NULL;
}

ct_tensor *ct_module_get(const ct_module *module, const char *name) {
    FUNCTION("ct_module_get");
    if (!tensor_given(module, "module") || !tensor_given(name, "name")) return NULL;
    Part *part = nn_find(module, name);
    if (part && part->tensor) return tensor_scope_share(part->tensor);
    tensor_error(CT_ERR_INDEX, "%s has no parameter or buffer \"%.100s\"", module->type, name);
    return NULL;
}

/* ---- all parameters ---- */

static bool count_trained(const char *name, Part *part, void *user) {
    (void)name;
    *(int *)user += part->trained;
    return true;
}

static bool list_parameter(const char *name, Part *part, void *user) {
    ct_params *list = user;
    if (!part->trained) return true;
    for (int i = 0; i < list->count; i++)
        if (list->items[i] == part->tensor) return true;
    list->items[list->count] = part->tensor;
    list->names[list->count] = tensor_strdup(name);
    if (!list->names[list->count]) return false;
    list->count++;
    return true;
}

/* Brings the cached list up to date; false with an error. */
static bool list_parameters(ct_module *module) {
    ct_params *list = &module->cached;
    if (list->items) return true;
    nn_each(module, count_trained, &module->cached_capacity);
    if (module->cached_capacity == 0) return true;
    list->items = tensor_alloc((size_t)module->cached_capacity * sizeof *list->items);
    list->names = tensor_alloc((size_t)module->cached_capacity * sizeof *list->names);
    if (list->items && list->names && nn_each(module, list_parameter, list)) return true;
    free_list(module);
    return false;
}

ct_params ct_module_parameters(ct_module *module) {
    FUNCTION("ct_module_parameters");
    bool listed = tensor_given(module, "module") && list_parameters(module);
    return listed ? module->cached : (ct_params){NULL, NULL, 0};
}

int64_t ct_module_count(const ct_module *module) {
    FUNCTION("ct_module_count");
    if (!tensor_given(module, "module") || !list_parameters((ct_module *)module)) return -1;
    int64_t count = 0;
    for (int i = 0; i < module->cached.count; i++) count += ct_numel(module->cached.items[i]);
    return count;
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
    ct_tensor *y = module->forward(module, x);
    if (!y) tensor_error(CT_ERR_NULL, "the forward function of %s returned NULL", module->type);
    return ct_scope_keep(y);
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
