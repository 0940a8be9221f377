/* Indexing by text: a view, composed of select, slice and unsqueeze. */
#include "../internal/op.h"
#include <ctype.h>
#include <string.h>

enum { END_OF_TEXT, INTEGER, SLICE, NEW_DIM, ELLIPSIS, MAX_ITEMS = 64 };

typedef struct {
    int kind, at;                     /* `at`: where it begins in the text */
    int64_t index, start, stop, step; /* an INTEGER's, a SLICE's */
} Item;

typedef struct {
    const char *text, *at;
} Reader;

static bool complain(const Reader *r, const char *problem) {
    tensor_error(CT_ERR_VALUE, "\"%s\", at character %d: %s", r->text, (int)(r->at - r->text) + 1, problem);
    return false;
}

static void skip_blanks(Reader *r) {
    while (isspace((unsigned char)*r->at)) r->at++;
}

/* Passes over the word if it stands here. */
static bool accept(Reader *r, const char *word) {
    skip_blanks(r);
    size_t length = strlen(word);
    if (strncmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* An integer, if one stands here. */
static bool read_integer(Reader *r, int64_t *value, bool *found) {
    skip_blanks(r);
    const char *digit = r->at + (*r->at == '-' || *r->at == '+');
    int sign = *r->at == '-' ? -1 : 1;
    *found = *digit >= '0' && *digit <= '9';
    if (!*found) return true;
    *value = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, sign * (*digit - '0'), value))
            return complain(r, "the number is too large");
    r->at = digit;
    return true;
}

/* A bound of a slice, if one stands here; None is none. */
static bool read_bound(Reader *r, int64_t *value, bool *found) {
    *found = false;
    return accept(r, "None") || read_integer(r, value, found);
}

/* The rest of a slice, from its first colon on. */
static bool read_slice(Reader *r, Item *item, bool has_start) {
    bool has_stop, has_step = false;
    item->kind = SLICE;
    item->start = item->index;
    if (!read_bound(r, &item->stop, &has_stop)) return false;
    if (accept(r, ":") && !read_bound(r, &item->step, &has_step)) return false;
    if (!has_step) item->step = 1;
    if (item->step == 0) return complain(r, "the step is 0");
    if (!has_start) item->start = item->step > 0 ? 0 : CT_END;
    if (!has_stop) item->stop = CT_END;
    return true;
}

static bool read_item(Reader *r, Item *item) {
    bool found;
    *item = (Item){.at = (int)(r->at - r->text)};
    if (accept(r, "...")) {
        item->kind = ELLIPSIS;
    } else {
        const bool none = accept(r, "None");
        found = false;
        if (!none && !read_integer(r, &item->index, &found)) return false;
        item->kind = none ? NEW_DIM : INTEGER;
        if (accept(r, ":")) {
            if (!read_slice(r, item, found)) return false;
        } else if (!none && !found) {
            return complain(r, "expected an integer, a slice, None or ...");
        }
    }
    skip_blanks(r);
    if (*r->at && *r->at != ',') return complain(r, "expected a comma or the end");
    if (*r->at) r->at++;
    skip_blanks(r);
    return true;
}

/* Items up to END_OF_TEXT, one of which is an ELLIPSIS; *dims is how many dims of x that stands for. */
static bool read_items(const ct_tensor *x, const char *text, Item *items, int *dims) {
    Reader r = {text, text};
    int n = 0, used = 0, ellipses = 0;
    for (skip_blanks(&r); *r.at; n++) {
        if (n == MAX_ITEMS - 2) return complain(&r, "too many items");
        if (!read_item(&r, &items[n])) return false;
        used += items[n].kind == INTEGER || items[n].kind == SLICE;
        ellipses += items[n].kind == ELLIPSIS;
        if (ellipses > 1) {
            r.at = text + items[n].at;
            return complain(&r, "a second ...");
        }
    }
    if (!ellipses) items[n++] = (Item){.kind = ELLIPSIS};
    items[n] = (Item){.kind = END_OF_TEXT};
    *dims = x->ndim - used;
    if (*dims >= 0) return true;
    tensor_error(CT_ERR_INDEX, "\"%s\" takes indices of %d dims; x has shape %s", text, used,
                 tensor_shape_of(x));
    return false;
}

static bool in_range(const ct_tensor *x, int dim, const Item *item, const char *text) {
    const int64_t size = x->shape[dim];
    if (item->index >= -size && item->index < size) return true;
    tensor_error(
        CT_ERR_INDEX,
        "\"%s\", at character %d: index %lld is out of range for dim %d of size %lld; x has shape %s", text,
        item->at + 1, (long long)item->index, dim, (long long)size, tensor_shape_of(x));
    return false;
}

ct_tensor *ct_at(ct_tensor *x, const char *index) {
    FUNCTION("ct_at");
    CT_SCOPED;
    Item items[MAX_ITEMS];
    int rest, n = 0, dim, result = 0;
    if (!tensor_given(x, "x") || !tensor_given(index, "index") || !read_items(x, index, items, &rest))
        return NULL;
    ct_tensor *y = ct_view(x, x->shape, x->ndim);
    while (items[n].kind != END_OF_TEXT) n++;
    dim = x->ndim; /* from the last item on, so that dims keep their numbers */
    for (int i = n; i-- > 0 && y;) {
        if (items[i].kind == ELLIPSIS)
            dim -= rest;
        else if (items[i].kind == INTEGER)
            y = in_range(x, --dim, &items[i], index) ? ct_select(y, dim, items[i].index) : NULL;
        else if (items[i].kind == SLICE)
            y = ct_slice(y, --dim, items[i].start, items[i].stop, items[i].step);
    }
    for (int i = 0; i < n && y; i++) {
        if (items[i].kind == NEW_DIM) y = ct_unsqueeze(y, result);
        result += items[i].kind == ELLIPSIS ? rest : items[i].kind != INTEGER;
    }
    return ct_scope_keep(y);
}
