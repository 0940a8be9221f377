/* Einstein summation: operands are joined from left to right by batched products, written in recorded
 * operations. */
#include "../internal/op.h"
#include <string.h>

/* Labels as numbers: letters, then the dims of "...", counted so that the last one is the same for all
 * operands. Sets of labels are bits. */
enum { ELLIPSIS = 52, LABELS = ELLIPSIS + CT_MAX_DIMS };

static uint64_t bit(int label) {
    return (uint64_t)1 << label;
}

/* One operand's labels as written. */
typedef struct {
    int label[CT_MAX_DIMS], n;
    int ellipsis; /* how many labels stand before "...", -1 without it */
} Term;

typedef struct {
    const char *text, *at;
    ct_tensor *const *xs;
    int n;
    int64_t size[LABELS]; /* -1: not met */
    int first[LABELS];    /* the operand that gave the size */
    int last_use[LABELS]; /* the last operand that has the label; n if the result has it */
    int output[LABELS], n_output;
} Spec;

/* A tensor whose dims have labels, all different. */
typedef struct {
    ct_tensor *x;
    int label[CT_MAX_DIMS];
} Labelled;

static bool complain(const Spec *s, const char *problem) {
    tensor_error(CT_ERR_VALUE, "\"%s\", at character %d: %s", s->text, (int)(s->at - s->text) + 1, problem);
    return false;
}

/* ---- reading ---- */

/* The number of a letter, -1 for other characters. Capitals come first, as they do in implicit results. */
static int letter(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static char letter_of(int label) {
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

/* Labels up to a comma, "->" or the end. */
static bool read_term(Spec *s, Term *term) {
    *term = (Term){.ellipsis = -1};
    for (; *s->at && *s->at != ',' && strncmp(s->at, "->", 2) != 0; s->at++) {
        int label = letter(*s->at);
        if (*s->at == ' ') continue;
        if (strncmp(s->at, "...", 3) == 0) {
            if (term->ellipsis >= 0) return complain(s, "a second \"...\" in one term");
            term->ellipsis = term->n;
            s->at += 2;
        } else if (label < 0) {
            return complain(s, "expected a letter, \"...\", \",\" or \"->\"");
        } else if (term->n == CT_MAX_DIMS) {
            return complain(s, "more labels than a tensor has dims");
        } else {
            term->label[term->n++] = label;
        }
    }
    return true;
}

/* The label of each of x's dims. */
static bool label_dims(const Spec *s, const Term *term, int operand, int *labels) {
    const ct_tensor *x = s->xs[operand];
    int covered = x->ndim - term->n, n = 0;
    if (covered < 0 || (covered > 0 && term->ellipsis < 0)) {
        tensor_error(CT_ERR_SHAPE, "\"%s\" gives operand %d %d labels%s; it has shape %s", s->text, operand,
                     term->n, term->ellipsis < 0 ? "" : " and \"...\"", tensor_shape_of(x));
        return false;
    }
    for (int i = 0; i <= term->n; i++) {
        if (i == term->ellipsis)
            for (int d = 0; d < covered; d++) labels[n++] = LABELS - covered + d;
        if (i < term->n) labels[n++] = term->label[i];
    }
    return true;
}

/* Notes a label's size; sizes of 1 broadcast. */
static bool note_size(Spec *s, int operand, int label, int64_t size) {
    s->last_use[label] = operand;
    if (s->size[label] < 0 || (s->size[label] == 1 && size != 1)) {
        s->size[label] = size;
        s->first[label] = operand;
    }
    if (size == s->size[label] || size == 1) return true;
    char name[] = {'\'', label < ELLIPSIS ? letter_of(label) : '.', '\'', '\0'};
    tensor_error(CT_ERR_SHAPE,
                 "label %s of \"%s\" has size %lld in operand %d (shape %s) and %lld in operand %d "
                 "(shape %s)",
                 label < ELLIPSIS ? name : "\"...\"", s->text, (long long)s->size[label], s->first[label],
                 tensor_shape_of(s->xs[s->first[label]]), (long long)size, operand,
                 tensor_shape_of(s->xs[operand]));
    return false;
}

/* Within one operand, repeated labels have one size. */
static bool note_operand(Spec *s, const Term *term, int operand) {
    const ct_tensor *x = s->xs[operand];
    int labels[CT_MAX_DIMS];
    if (!label_dims(s, term, operand, labels)) return false;
    for (int d = 0; d < x->ndim; d++) {
        for (int e = 0; e < d; e++) {
            if (labels[e] != labels[d] || x->shape[e] == x->shape[d]) continue;
            tensor_error(CT_ERR_SHAPE,
                         "label '%c' of \"%s\" stands twice for operand %d of shape %s, with sizes %lld "
                         "and %lld",
                         letter_of(labels[d]), s->text, operand, tensor_shape_of(x), (long long)x->shape[e],
                         (long long)x->shape[d]);
            return false;
        }
        if (!note_size(s, operand, labels[d], x->shape[d])) return false;
    }
    return true;
}

static void add_output(Spec *s, int label) {
    s->output[s->n_output++] = label;
    s->last_use[label] = s->n;
}

static void add_ellipsis(Spec *s) {
    for (int label = ELLIPSIS; label < LABELS; label++)
        if (s->size[label] >= 0) add_output(s, label);
}

/* After "->". */
static bool read_output(Spec *s) {
    Term term;
    s->at += 2;
    if (!read_term(s, &term)) return false;
    if (*s->at) return complain(s, "expected the end after the result's labels");
    for (int i = 0; i <= term.n; i++) {
        if (i == term.ellipsis) add_ellipsis(s);
        if (i == term.n) break;
        int label = term.label[i];
        if (s->size[label] < 0 || s->last_use[label] == s->n) {
            tensor_error(CT_ERR_VALUE, "label '%c' of the result of \"%s\" %s", letter_of(label), s->text,
                         s->size[label] < 0 ? "stands for no operand's dim" : "is given twice");
            return false;
        }
        add_output(s, label);
    }
    return true;
}

/* Without "->": the dims of "...", then the letters that stand once, in order. */
static void imply_output(Spec *s) {
    add_ellipsis(s);
    for (int label = 0; label < ELLIPSIS; label++) {
        int times = 0;
        for (const char *at = s->text; *at; at++) times += letter(*at) == label;
        if (times == 1) add_output(s, label);
    }
}

static bool read_spec(Spec *s) {
    Term term;
    memset(s->size, 0xff, sizeof s->size);
    s->at = s->text;
    for (int i = 0; i < s->n; i++) {
        if (!read_term(s, &term) || !note_operand(s, &term, i)) return false;
        if (i + 1 < s->n && *s->at != ',') return complain(s, "expected a comma: there are more operands");
        if (i + 1 < s->n) s->at++;
    }
    if (*s->at == ',') return complain(s, "there are no more operands");
    if (*s->at && !read_output(s)) return false;
    if (!*s->at && !strstr(s->text, "->")) imply_output(s);
    if (s->n_output <= CT_MAX_DIMS) return true;
    tensor_error(CT_ERR_SHAPE, "\"%s\" has a result of %d dims; at most %d are possible", s->text,
                 s->n_output, CT_MAX_DIMS);
    return false;
}

/* ---- one operand ---- */

static int find(const Labelled *t, int label) {
    for (int d = 0; d < t->x->ndim; d++)
        if (t->label[d] == label) return d;
    return -1;
}

static uint64_t labels_of(const Labelled *t) {
    uint64_t set = 0;
    for (int d = 0; d < t->x->ndim; d++) set |= bit(t->label[d]);
    return set;
}

static void remove_label(int *labels, int n, int dim) {
    memmove(labels + dim, labels + dim + 1, (size_t)(n - 1 - dim) * sizeof *labels);
}

/* Takes diagonals where a label stands twice, and drops dims of size 1; false with an error. */
static bool simplify(Labelled *t) {
    for (int d = 0; d < t->x->ndim; d++) {
        int label = t->label[d], again = d + 1;
        while (again < t->x->ndim && t->label[again] != label) again++;
        if (again >= t->x->ndim) continue;
        remove_label(t->label, t->x->ndim, again);
        remove_label(t->label, t->x->ndim - 1, d);
        t->x = ct_diagonal(t->x, 0, d, again);
        if (!t->x) return false;
        t->label[t->x->ndim - 1] = label;
        d = -1;
    }
    int n = 0;
    for (int d = 0; d < t->x->ndim; d++)
        if (t->x->shape[d] != 1) t->label[n++] = t->label[d];
    t->x = ct_squeeze(t->x);
    return t->x != NULL;
}

/* The next operand of the text, with the labels of its dims. */
static bool take_operand(Spec *s, int operand, Labelled *t) {
    Term term;
    t->x = s->xs[operand];
    bool read = read_term(s, &term) && label_dims(s, &term, operand, t->label);
    if (*s->at) s->at++;
    return read && simplify(t);
}

/* Sums over the dims whose labels are not in `kept`. */
static bool sum_others(Labelled *t, uint64_t kept) {
    int64_t dims[CT_MAX_DIMS];
    int gone = 0, n = 0;
    for (int d = 0; d < t->x->ndim; d++) {
        if (kept & bit(t->label[d]))
            t->label[n++] = t->label[d];
        else
            dims[gone++] = d;
    }
    if (gone) t->x = ct_sum_dim(t->x, dims, gone, false);
    return t->x != NULL;
}

/* ---- two operands ---- */

/* t's dims with labels in `set` go behind those in order[0 … *n). */
static int64_t append(const Labelled *t, uint64_t set, int64_t *order, int *n) {
    int64_t size = 1;
    for (int label = 0; label < LABELS; label++) {
        if (!(set & bit(label))) continue;
        int dim = find(t, label);
        size *= t->x->shape[dim];
        order[(*n)++] = dim;
    }
    return size;
}

/* t's dims as three: those of the sets, joined. */
static ct_tensor *as_matrices(const Labelled *t, uint64_t first, uint64_t second, uint64_t third) {
    int64_t order[CT_MAX_DIMS], shape[3];
    int n = 0;
    shape[0] = append(t, first, order, &n);
    shape[1] = append(t, second, order, &n);
    shape[2] = append(t, third, order, &n);
    return ct_reshape(ct_permute(t->x, order, n), shape, 3);
}

static int count(uint64_t set) {
    return __builtin_popcountll(set);
}

/* a becomes the product of a and b, summed over labels that are not in `kept`. */
static bool contract(Labelled *a, Labelled *b, uint64_t kept) {
    if (!sum_others(a, kept | labels_of(b)) || !sum_others(b, kept | labels_of(a))) return false;
    uint64_t in_a = labels_of(a), in_b = labels_of(b), shared = in_a & in_b;
    uint64_t batch = shared & kept, summed = shared & ~kept, rows = in_a & ~shared, columns = in_b & ~shared;
    uint64_t sets[3] = {batch, rows, columns};
    int64_t shape[CT_MAX_DIMS];
    int labels[CT_MAX_DIMS], n = 0;
    if (count(batch | rows | columns) > CT_MAX_DIMS) {
        tensor_error(CT_ERR_SHAPE,
                     "the product of two operands would have %d dims; at most %d are possible: give the "
                     "operands in another order",
                     count(batch | rows | columns), CT_MAX_DIMS);
        return false;
    }
    for (int i = 0; i < 3; i++)
        for (int label = 0; label < LABELS; label++) {
            if (!(sets[i] & bit(label))) continue;
            const Labelled *from = i < 2 ? a : b;
            shape[n] = from->x->shape[find(from, label)];
            labels[n++] = label;
        }
    ct_tensor *product;
    if (summed)
        product = ct_bmm(as_matrices(a, batch, rows, summed), as_matrices(b, batch, summed, columns));
    else
        product = ct_mul(as_matrices(a, batch, rows, 0), as_matrices(b, batch, 0, columns));
    memcpy(a->label, labels, (size_t)n * sizeof *labels);
    a->x = ct_reshape(product, shape, n);
    return a->x != NULL;
}

/* ---- all ---- */

/* The labels that operands after this one, or the result, have. */
static uint64_t kept_after(const Spec *s, int operand) {
    uint64_t set = 0;
    for (int label = 0; label < LABELS; label++)
        if (s->size[label] >= 0 && s->last_use[label] > operand) set |= bit(label);
    return set;
}

/* The dims in the result's order, those of size 1 among them. */
static ct_tensor *as_output(const Spec *s, const Labelled *t) {
    int64_t order[CT_MAX_DIMS], shape[CT_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < s->n_output; i++) {
        int label = s->output[i];
        shape[i] = s->size[label];
        if (shape[i] != 1) order[n++] = find(t, label);
    }
    return ct_reshape(ct_permute(t->x, order, n), shape, s->n_output);
}

ct_tensor *ct_einsum(const char *spec, ct_tensor *const *xs, int n) {
    FUNCTION("ct_einsum");
    CT_SCOPED;
    Labelled joined, next;
    if (!tensor_given(spec, "spec") || !tensor_given(xs, "xs")) return NULL;
    if (n < 1) {
        tensor_error(CT_ERR_VALUE, "%d operands; expected 1 or more", n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!tensor_given(xs[i], "an operand")) return NULL;
    Spec s = {.text = spec, .xs = xs, .n = n};
    if (!read_spec(&s)) return NULL;
    s.at = spec;
    if (!take_operand(&s, 0, &joined)) return NULL;
    for (int i = 1; i < n; i++)
        if (!take_operand(&s, i, &next) || !contract(&joined, &next, kept_after(&s, i))) return NULL;
    if (!sum_others(&joined, kept_after(&s, n - 1))) return NULL;
    return ct_scope_keep(as_output(&s, &joined));
}
