/* Puts every row of the table of operations through the same tests: each is a loop over the rows, so that a
 * failure is that of one row, which its message names. */
#include "optable.h"
#include "suites.h"
#include "tensor/internal/kernels.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_MESSAGE = 1024, GRADCHECK_ELEMENTS = 250 };

static const ct_dtype dtypes[] = {CT_F64, CT_F32, CT_F16, CT_BF16, CT_I64, CT_I32, CT_U8, CT_BOOL};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- one call against the reference ---- */

/* The number as the dtype holds it. */
static double held(ct_dtype dtype, double value) {
    if (dtype == CT_BOOL) return value != 0;
    if (dtype == CT_U8) return value - 256 * floor(value / 256);
    return dtype == CT_F32 ? (double)(float)value : value;
}

static ct_tensor *expected(const Row *row, ct_tensor *const *x, ct_dtype dtype) {
    Dense operands[MAX_ROW_OPERANDS];
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) operands[i] = dense_of(x[i]);
    Dense y = reference_of(row, operands);
    for (int64_t i = 0, n = dense_numel(&y); i < n; i++) y.values[i] = held(dtype, y.values[i]);
    ct_tensor *want = ct_from_data(CT_F64, y.values, y.shape.sizes, y.shape.ndim);
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) dense_free(&operands[i]);
    dense_free(&y);
    return want;
}

/* For rows that accept more than one answer. */
static void check_accepted(const Row *row, ct_tensor *const *x, ct_tensor *y, const char *title) {
    double *got = read_doubles(y), *from = read_doubles(x[0]);
    for (int64_t i = 0; i < ct_numel(y); i++)
        ck_assert_msg(row->accepts(got[i], &from[i], row), "%s: element %lld is %.17g, from %.17g", title,
                      (long long)i, got[i], from[i]);
    free(got);
    free(from);
}

static void check_result(const Row *row, ct_tensor *const *x, ct_tensor *y, const char *title) {
    char message[MAX_MESSAGE];
    ck_assert_msg(y, "%s: NULL: %s", title, ct_error_message());
    ct_dtype dtype = result_dtype(row, x);
    ck_assert_msg(ct_type(y) == dtype, "%s: the result is %s, not %s", title, ct_dtype_name(ct_type(y)),
                  ct_dtype_name(dtype));
    if (row->accepts) {
        check_accepted(row, x, y, title);
        return;
    }
    Tolerance tolerance = tolerance_of(row, dtype, x);
    bool close = support_allclose(title, y, expected(row, x, dtype), tolerance.rtol, tolerance.atol, message,
                                  sizeof message);
    ck_assert_msg(close, "%s", message);
}

/* Views share storage, in-place functions return their target, all others return a tensor of their own. */
static void check_ownership(const Row *row, ct_tensor *const *x, const ct_tensor *y, const char *title) {
    if (row->flags & IN_PLACE) {
        ck_assert_msg(y == x[0], "%s: returns another tensor", title);
        return;
    }
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) ck_assert_msg(y != x[i], "%s: returns its operand", title);
    if (row->flags & SHARES && ct_numel(y) > 0) ck_assert_msg(ct_same_storage(y, x[0]), "%s: copies", title);
}

/* x as it was, for a reference after a call that may change it. */
static void copy_operands(ct_tensor *const *x, ct_tensor **copies) {
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        double *values = x[i] ? read_doubles(x[i]) : NULL;
        copies[i] = x[i] ? support_from_doubles(ct_type(x[i]), ct_shape(x[i]), ct_ndim(x[i]), values) : NULL;
        free(values);
    }
}

static void check_unchanged(const Row *row, ct_tensor *const *x, ct_tensor *const *before, int first) {
    for (int i = first; i < MAX_ROW_OPERANDS; i++)
        if (x[i]) assert_same_bits(row_title(row, "operand %d was changed", i), x[i], before[i]);
}

static ct_tensor *check_call(const Row *row, ct_tensor *const *x, const char *what) {
    ct_tensor *before[MAX_ROW_OPERANDS];
    char title[256];
    copy_operands(x, before);
    snprintf(title, sizeof title, "%s", row_title(row, "%s", what));
    ct_tensor *y = call_row(row, x);
    check_result(row, before, y, title);
    check_ownership(row, x, y, title);
    check_unchanged(row, x, before, row->flags & IN_PLACE ? 1 : 0);
    return y;
}

/* ---- values ---- */

static void check_dtype(const Row *row, ct_dtype dtype, const char *what) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS];
    char text[64];
    make_operands(row, dtype, x);
    snprintf(text, sizeof text, "%s%s", what, ct_dtype_name(dtype));
    check_call(row, x, text);
}

START_TEST(values_of_every_dtype) {
    const Row *row = row_at(_i);
    Row other;
    for (int d = 0; d < DTYPES; d++) {
        if (!takes(row, dtypes[d])) continue;
        check_dtype(row, dtypes[d], "");
        if (resize_row(row, &other, 0)) check_dtype(&other, dtypes[d], "empty, ");
        if (row_without_dims(row, &other)) check_dtype(&other, dtypes[d], "0-dim, ");
    }
}
END_TEST

static const double special_values[] = {
    0,   -0.0, 1,    -1,    0.5,    -0.5, 1.5,  -1.5, 2.5, -2.5, 3,    -3,    6,     7, 20,       -20,
    1e4, -1e4, 30.5, 1e-30, -1e-30, NAN,  1e-8, -0.9, 0.9, 100,  -100, 1e-20, 0.999, 2, INFINITY, -INFINITY};

/* NaN, infinities, zeros, corners, large and tiny numbers. */
START_TEST(special_values_of_one_operand) {
    const Row *row = row_at(_i);
    if (!(row->f1 || row->fn) || operand_count(row) != 1 || row->loss != CT_NONE || !takes(row, CT_F32))
        return;
    int64_t n = sizeof special_values / sizeof *special_values - (row->flags & NO_INFINITIES ? 2 : 0);
    for (int d = 0; d < 2; d++) {
        ct_tensor *x[MAX_ROW_OPERANDS] = {support_from_doubles(dtypes[d], &n, 1, special_values)};
        check_call(row, x, row_title(row, "special %s", ct_dtype_name(dtypes[d])) + strlen(row->name));
    }
}
END_TEST

/* Operands of two dtypes: the first of the pair for the even ones. */
static void check_pair(const Row *row, ct_dtype even, ct_dtype odd) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS];
    char text[64];
    int seen = 0;
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        bool is_odd = takes_dtype(&row->x[i]) && seen++ % 2;
        x[i] = make_operand(row, i, is_odd ? odd : even, LAYOUT_CONTIGUOUS);
    }
    snprintf(text, sizeof text, "%s with %s", ct_dtype_name(even), ct_dtype_name(odd));
    if (seen > 1) check_call(row, x, text);
}

START_TEST(dtypes_promote) {
    static const ct_dtype pairs[][2] = {{CT_F32, CT_F64}, {CT_I64, CT_F32},  {CT_U8, CT_I64},
                                        {CT_I32, CT_I64}, {CT_U8, CT_I32},   {CT_F16, CT_BF16},
                                        {CT_I32, CT_F16}, {CT_BOOL, CT_F32}, {CT_BOOL, CT_U8}};
    const Row *row = row_at(_i);
    if (row->flags & FIXED_DTYPE || row->accepts) return;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!takes(row, pairs[i][0]) || !takes(row, pairs[i][1])) continue;
        check_pair(row, pairs[i][0], pairs[i][1]);
        check_pair(row, pairs[i][1], pairs[i][0]);
    }
}
END_TEST

static bool has_dtyped_operand(const Row *row) {
    for (int i = 0; i < operand_count(row); i++)
        if (takes_dtype(&row->x[i])) return true;
    return false;
}

START_TEST(other_dtypes_are_refused) {
    const Row *row = row_at(_i);
    if (!has_dtyped_operand(row) || row->dtypes & LENIENT) return;
    for (int d = 0; d < DTYPES; d++) {
        CT_SCOPED;
        ct_tensor *x[MAX_ROW_OPERANDS];
        if (takes(row, dtypes[d])) continue;
        make_operands(row, dtypes[d], x);
        ck_assert_msg(!call_row(row, x), "%s", row_title(row, "takes %s", ct_dtype_name(dtypes[d])));
        ck_assert_msg(ct_error() == CT_ERR_DTYPE && strstr(ct_error_message(), row->name), "%s",
                      row_title(row, "%s: %s", ct_dtype_name(dtypes[d]), ct_error_message()));
        ct_error_clear();
    }
}
END_TEST

/* ---- layouts ---- */

static bool allows(const Row *row, int operand, Layout layout) {
    return layout == LAYOUT_CONTIGUOUS || operand > 0 || !(row->flags & ROW_MAJOR_ONLY);
}

static void check_close(const char *title, ct_tensor *got, ct_tensor *want, Tolerance tolerance) {
    char message[MAX_MESSAGE];
    bool close = support_allclose(title, got, want, tolerance.rtol, tolerance.atol, message, sizeof message);
    ck_assert_msg(close, "%s", message);
}

/* Elements that are NaN, or the integers' sentinel, in the storage of a sliced tensor. */
static int64_t gaps_of(ct_tensor *x) {
    int64_t elements = 1, one = 1, gaps = 0;
    for (int d = 0; d < ct_ndim(x); d++) elements *= 2 * ct_shape(x)[d] + 1;
    double *values = read_doubles(ct_as_strided(x, &elements, 1, &one, 0));
    for (int64_t i = 0; i < elements; i++) gaps += isnan(values[i]) || fabs(values[i]) > 1e6;
    free(values);
    return gaps;
}

/* Elements that share a place cannot be changed one by one. */
static bool check_refusal(const Row *row, ct_tensor *const *x, int operand, Layout layout) {
    if (!(row->flags & IN_PLACE) || operand != 0 || layout != LAYOUT_EXPANDED) return false;
    ct_tensor *before[MAX_ROW_OPERANDS];
    copy_operands(x, before);
    ck_assert_msg(!call_row(row, x), "%s", row_title(row, "changes an expanded tensor"));
    ck_assert_msg(strstr(ct_error_message(), row->name), "%s",
                  row_title(row, "the message is %s", ct_error_message()));
    ct_error_clear();
    check_unchanged(row, x, before, 0);
    return true;
}

static void check_layout(const Row *row, ct_dtype dtype, int operand, Layout layout) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS], *packed[MAX_ROW_OPERANDS];
    char title[256];
    make_operands(row, dtype, x);
    x[operand] = make_operand(row, operand, dtype, layout);
    copy_operands(x, packed);
    if (check_refusal(row, x, operand, layout)) return;
    bool counts_gaps = layout == LAYOUT_SLICED && row->flags & IN_PLACE && operand == 0;
    int64_t gaps = counts_gaps ? gaps_of(x[0]) : 0;
    snprintf(title, sizeof title, "operand %d %s, %s", operand, layout_names[layout], ct_dtype_name(dtype));
    ct_tensor *got = check_call(row, x, title);
    ct_tensor *want = call_row(row, packed);
    snprintf(title, sizeof title, "%s",
             row_title(row, "operand %d %s, %s", operand, layout_names[layout], ct_dtype_name(dtype)));
    if (row->flags & ROUNDS)
        check_close(title, got, want, tolerance_of(row, ct_type(got), packed));
    else
        assert_same_bits(title, got, want);
    if (counts_gaps) ck_assert_msg(gaps_of(x[0]) == gaps, "%s: writes between the elements", title);
}

START_TEST(layouts) {
    static const ct_dtype checked[] = {CT_F32, CT_F64, CT_I64, CT_BF16, CT_BOOL};
    const Row *row = row_at(_i);
    for (size_t d = 0; d < sizeof checked / sizeof *checked; d++)
        for (int operand = 0; takes(row, checked[d]) && operand < operand_count(row); operand++)
            for (Layout layout = LAYOUT_TRANSPOSED; layout < LAYOUT_COUNT; layout++)
                if (row->x[operand].kind != ABSENT && row->x[operand].ndim > 0 &&
                    allows(row, operand, layout))
                    check_layout(row, checked[d], operand, layout);
}
END_TEST

/* ---- gradients ---- */

static int64_t elements_of(const Row *row) {
    int64_t n = 0;
    for (int i = 0; i < operand_count(row); i++) n += shape_numel(row->x[i].shape, row->x[i].ndim);
    return n;
}

/* Where the operands stand that are handed to gradcheck, which takes no NULL. */
typedef struct {
    const Row *row;
    int places[MAX_ROW_OPERANDS];
} Packing;

static ct_tensor *call_packed(ct_tensor *const *xs, int n, void *user) {
    const Packing *packing = user;
    ct_tensor *x[MAX_ROW_OPERANDS] = {NULL};
    for (int i = 0; i < n; i++) x[packing->places[i]] = xs[i];
    return call_row_on_copy(packing->row, x);
}

/* Of order 1 and 2, for the operands in the set. */
static void check_differences(const Row *row, unsigned set, int sliced) {
    CT_SCOPED;
    Packing packing = {.row = row};
    ct_tensor *xs[MAX_ROW_OPERANDS];
    int n = 0;
    for (int i = 0; i < operand_count(row); i++) {
        ct_tensor *x = make_operand(row, i, CT_F64, i == sliced ? LAYOUT_SLICED : LAYOUT_CONTIGUOUS);
        if (!x) continue;
        if (set >> i & 1) ct_set_requires_grad(x, true);
        packing.places[n] = i;
        xs[n++] = x;
    }
    ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
    ct_status status = ct_gradcheck(call_packed, &packing, xs, n, &options);
    ck_assert_msg(status == CT_OK, "%s",
                  row_title(row, "requiring gradients for the set %#x: %s", set, ct_error_message()));
}

static unsigned differentiable_set(const Row *row) {
    unsigned set = 0;
    for (int i = 0; i < operand_count(row); i++)
        if (differentiable(row, i)) set |= 1u << i;
    return set;
}

START_TEST(gradients_against_differences) {
    const Row *row = row_at(_i);
    unsigned all = differentiable_set(row);
    if (!all || row->flags & AT_KINKS || elements_of(row) > GRADCHECK_ELEMENTS) return;
    for (int i = 0; i < operand_count(row); i++)
        if (all >> i & 1) check_differences(row, 1u << i, -1);
    if (all & (all - 1)) check_differences(row, all, -1);
    if (!(row->flags & ROW_MAJOR_ONLY)) check_differences(row, all, 0);
}
END_TEST

/* Those of all differentiable operands, given dy; NULL for the others. */
static void gradients_of(const Row *row, ct_tensor *const *x, ct_tensor *dy, unsigned flags, ct_tensor **g) {
    unsigned set = differentiable_set(row);
    ct_tensor *xs[MAX_ROW_OPERANDS], *out[MAX_ROW_OPERANDS];
    int n = 0;
    for (int i = 0; i < MAX_ROW_OPERANDS; i++)
        if (set >> i & 1) xs[n++] = ct_set_requires_grad(x[i], true);
    ct_tensor *y = call_row_on_copy(row, x);
    ct_status status = ct_gradients(&y, 1, xs, n, &dy, flags | CT_ALLOW_UNUSED, out);
    ck_assert_msg(status == CT_OK, "%s", row_title(row, "gradients: %s", ct_error_message()));
    for (int i = MAX_ROW_OPERANDS; i-- > 0;) g[i] = set >> i & 1 ? out[--n] : NULL;
}

static void compare_gradients(const Row *row, ct_tensor *const *x, ct_tensor *dy, ct_tensor *const *y,
                              ct_tensor *dy_y, ct_dtype dtype, const char *what) {
    ct_tensor *got[MAX_ROW_OPERANDS], *want[MAX_ROW_OPERANDS];
    char title[256];
    gradients_of(row, x, dy, 0, got);
    gradients_of(row, y, dy_y, 0, want);
    Tolerance tolerance = tolerance_of(row, dtype, y);
    if (row->flags & EXACT) tolerance = (Tolerance){1e-6, 1e-6};
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        if (!got[i] && !want[i]) continue;
        snprintf(title, sizeof title, "%s", row_title(row, "the gradient of operand %d, %s", i, what));
        ck_assert_msg(got[i] && want[i], "%s: one is NULL", title);
        ck_assert_msg(ct_type(got[i]) == ct_type(x[i]), "%s: its dtype differs from the operand's", title);
        check_close(title, got[i], want[i], (Tolerance){4 * tolerance.rtol, 4 * tolerance.atol});
    }
}

static ct_tensor *upstream_for(const Row *row, ct_tensor *const *x, ct_dtype dtype, Layout layout) {
    ct_tensor *y = call_row_on_copy(row, x);
    ck_assert_msg(y, "%s", row_title(row, "%s", ct_error_message()));
    return make_random(dtype, ct_shape(y), ct_ndim(y), 0.5, 1.5, 3, layout);
}

static ct_tensor *upstream_of_ones(const Row *row, ct_tensor *const *x) {
    return ct_ones_like(call_row_on_copy(row, x));
}

static void check_gradient_layout(const Row *row, int operand, Layout layout) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS], *packed[MAX_ROW_OPERANDS];
    char what[64];
    make_operands(row, CT_F64, x);
    x[operand] = make_operand(row, operand, CT_F64, layout);
    copy_operands(x, packed);
    ct_tensor *dy[MAX_ROW_OPERANDS] = {upstream_for(row, x, CT_F64, layout)}, *dy_packed[MAX_ROW_OPERANDS];
    copy_operands(dy, dy_packed);
    snprintf(what, sizeof what, "operand %d and dy %s", operand, layout_names[layout]);
    compare_gradients(row, x, dy[0], packed, dy_packed[0], CT_F64, what);
}

START_TEST(gradients_of_layouts) {
    const Row *row = row_at(_i);
    if (!differentiable_set(row)) return;
    for (int operand = 0; operand < operand_count(row); operand++)
        for (Layout layout = LAYOUT_TRANSPOSED; layout < LAYOUT_COUNT; layout++)
            if (row->x[operand].kind != ABSENT && allows(row, operand, layout))
                check_gradient_layout(row, operand, layout);
}
END_TEST

/* A fused rule, which runs while recording is off, against the recorded one. */
START_TEST(fused_rules) {
    const Row *row = row_at(_i);
    ct_tensor *x[MAX_ROW_OPERANDS], *plain[MAX_ROW_OPERANDS], *recorded[MAX_ROW_OPERANDS];
    if (!differentiable_set(row)) return;
    make_operands(row, CT_F64, x);
    ct_tensor *dy = upstream_for(row, x, CT_F64, LAYOUT_CONTIGUOUS);
    gradients_of(row, x, dy, 0, plain);
    gradients_of(row, x, dy, CT_CREATE_GRAPH, recorded);
    for (int i = 0; i < MAX_ROW_OPERANDS; i++)
        if (plain[i])
            check_close(row_title(row, "the gradient of operand %d, fused", i), plain[i], ct_detach(recorded[i]),
                        (Tolerance){1e-12, 1e-13});
}
END_TEST

/* In F32 against those of the same numbers in F64. */
START_TEST(gradients_of_floats) {
    const Row *row = row_at(_i);
    ct_tensor *x[MAX_ROW_OPERANDS], *wide[MAX_ROW_OPERANDS];
    if (!differentiable_set(row)) return;
    make_operands(row, CT_F32, x);
    for (int i = 0; i < MAX_ROW_OPERANDS; i++)
        wide[i] = x[i] && ct_type(x[i]) == CT_F32 ? ct_detach(ct_to(x[i], CT_F64)) : x[i];
    ct_tensor *y = call_row_on_copy(row, x), *dy = upstream_for(row, x, ct_type(y), LAYOUT_CONTIGUOUS);
    compare_gradients(row, x, dy, wide, ct_to(dy, CT_F64), CT_F32, "float32");
}
END_TEST

/* Walks back from y where only operand `only` requires a gradient: it alone gets one, of its shape. */
static void check_alone(const Row *row, int only) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS];
    make_operands(row, CT_F64, x);
    ct_set_requires_grad(x[only], true);
    ct_tensor *y = call_row_on_copy(row, x);
    ck_assert_msg(y && ct_requires_grad(y), "%s",
                  row_title(row, "the result is not recorded: %s", ct_error_message()));
    ck_assert_msg(ct_backward_with(y, ct_ones_like(y), 0) == CT_OK, "%s",
                  row_title(row, "%s", ct_error_message()));
    for (int i = 0; i < MAX_ROW_OPERANDS; i++) {
        ct_tensor *g = x[i] ? ct_grad(x[i]) : NULL;
        ck_assert_msg(i == only || !g, "%s", row_title(row, "operand %d got a gradient", i));
        if (i == only && g)
            support_assert_shape(__FILE__, __LINE__, row->name, g, ct_shape(x[i]), ct_ndim(x[i]));
        ck_assert_msg(i != only || g, "%s", row_title(row, "operand %d got no gradient", i));
    }
}

/* A result without derivative is not recorded, a leaf that requires a gradient is not changed in place. */
static void check_not_recorded(const Row *row) {
    ct_tensor *x[MAX_ROW_OPERANDS];
    make_operands(row, CT_F64, x);
    for (int i = 0; i < MAX_ROW_OPERANDS; i++)
        if (x[i] && ct_type(x[i]) == CT_F64) ct_set_requires_grad(x[i], true);
    ct_tensor *y = call_row(row, x);
    ck_assert_msg(y && !ct_requires_grad(y), "%s",
                  row_title(row, "the result is recorded: %s", ct_error_message()));
}

START_TEST(who_requires_gradients) {
    const Row *row = row_at(_i);
    unsigned all = differentiable_set(row);
    if (!all) check_not_recorded(row);
    for (int i = 0; i < operand_count(row); i++)
        if (all >> i & 1) check_alone(row, i);
    if (!(row->flags & IN_PLACE)) return;
    ct_tensor *x[MAX_ROW_OPERANDS], *before[MAX_ROW_OPERANDS];
    make_operands(row, CT_F64, x);
    copy_operands(x, before);
    ct_set_requires_grad(x[0], true);
    assert_fails(call_row(row, x), CT_ERR_AUTOGRAD, row->name);
    check_unchanged(row, x, before, 0);
}
END_TEST

/* ---- derivatives at corners and ties ---- */

static const Row *first_row(const char *name) {
    for (int i = 0; i < row_count(); i++)
        if (strcmp(row_at(i)->name, name) == 0) return row_at(i);
    return NULL;
}

/* By the first row of that name: at two elements of its operand, or at one element of each of its two. */
static const struct {
    const char *name;
    double x[2], slope[2];
} corners[] = {
    {"ct_abs", {0, -0.0}, {0, 0}},
    {"ct_relu", {0, -0.0}, {0, 0}},
    {"ct_relu6", {0, 6}, {0, 0}},
    {"ct_hardtanh", {-1, 2}, {0, 0}},
    {"ct_clamp", {-1, 2}, {1, 1}},
    {"ct_leaky_relu", {0, -1}, {0.1, 0.1}},
    {"ct_elu", {0, -0.0}, {0.7, 0.7}},
    {"ct_celu", {0, -0.0}, {1, 1}},
    {"ct_sqrt", {0, 4}, {INFINITY, 0.25}},
    {"ct_logsigmoid", {0, -0.0}, {0.5, 0.5}},
    {"ct_hardswish", {-3, 3}, {0, 1}},
    {"ct_hardsigmoid", {-3, 3}, {0, 0}},
    {"ct_threshold", {1, 1.5}, {0, 1}},
    {"ct_maximum", {1, 1}, {0.5, 0.5}},
    {"ct_minimum", {1, 1}, {0.5, 0.5}},
    {"ct_pow", {0, 0}, {0, 0}},
    {"ct_pow", {0, 2}, {0, 0}},
    {"ct_hypot", {0, 0}, {0, 0}},
    {"ct_max", {2, 2}, {0.5, 0.5}},
    {"ct_min", {2, 2}, {0.5, 0.5}},
    {"ct_amax", {2, 2}, {0.5, 0.5}},
    {"ct_amin", {2, 2}, {0.5, 0.5}},
    {"ct_median", {2, 2}, {0.5, 0.5}},
    {"ct_sort", {2, 2}, {1, 1}},
    {"ct_cummax", {2, 2}, {1, 1}},
    {"ct_cumprod", {0, 3}, {4, 0}},
    {"ct_logcumsumexp", {-INFINITY, 0}, {0, 1}},
    {"ct_max_dim", {2, 2}, {1, 0}},
    {"ct_min_dim", {2, 2}, {1, 0}},
    {"ct_norm", {0, 0}, {0, 0}},
    {"ct_std", {2, 2}, {0, 0}},
    {"ct_prod", {0, 3}, {3, 0}},
    {"ct_prod", {0, 0}, {0, 0}},
};
enum { CORNERS = sizeof corners / sizeof *corners };

START_TEST(derivatives_at_corners) {
    const Row *row = first_row(corners[_i].name);
    const bool two = operand_count(row) == 2;
    const int64_t n = two ? 1 : 2;
    ct_tensor *x[MAX_ROW_OPERANDS] = {NULL}, *g[MAX_ROW_OPERANDS];
    for (int i = 0; i < operand_count(row); i++)
        x[i] = support_from_doubles(CT_F64, &n, 1, &corners[_i].x[i]);
    gradients_of(row, x, upstream_of_ones(row, x), 0, g);
    for (int i = 0; i < operand_count(row); i++) {
        const char *title = row_title(row, "the derivative at (%g, %g)", corners[_i].x[0], corners[_i].x[1]);
        support_assert_values(__FILE__, __LINE__, title, g[i], 1e-12, &corners[_i].slope[i], n);
    }
}
END_TEST

/* ---- NULL ---- */

static void check_null(const Row *row, int operand) {
    ct_tensor *x[MAX_ROW_OPERANDS];
    bool optional = row->x[operand].kind == ABSENT || row->optional >> operand & 1;
    make_operands(row, CT_F64, x);
    x[operand] = NULL;
    if (!optional) {
        ck_assert_msg(!call_row(row, x), "%s", row_title(row, "takes NULL for operand %d", operand));
        ck_assert_msg(ct_error() == CT_ERR_NULL && strstr(ct_error_message(), row->name), "%s",
                      row_title(row, "NULL for operand %d: the error is %d, %s", operand, ct_error(),
                                ct_error_message()));
        ct_error_clear();
    }
    ct_error_raise(CT_ERR_IO, "the first error");
    ck_assert_msg(!call_row(row, x), "%s",
                  row_title(row, "takes NULL for operand %d with an error pending", operand));
    ck_assert_msg(
        ct_error() == CT_ERR_IO && strcmp(ct_error_message(), "the first error") == 0, "%s",
        row_title(row, "NULL for operand %d replaces the first error by %s", operand, ct_error_message()));
    ct_error_clear();
}

START_TEST(null_operands) {
    const Row *row = row_at(_i);
    for (int i = 0; i < operand_count(row); i++) check_null(row, i);
}
END_TEST

/* ---- threads and instruction sets ---- */

/* Enough elements for the work to be split. */
static const Row *enlarged(const Row *row, Row *large) {
    return resize_row(row, large, 3001) ? large : row;
}

static ct_tensor *call_afresh(const Row *row, ct_dtype dtype) {
    ct_tensor *x[MAX_ROW_OPERANDS];
    make_operands(row, dtype, x);
    ct_tensor *y = call_row(row, x);
    ck_assert_msg(y, "%s", row_title(row, "%s", ct_error_message()));
    return y;
}

static void check_threads(const Row *row, ct_dtype dtype) {
    CT_SCOPED;
    ct_set_num_threads(1);
    ct_tensor *one = call_afresh(row, dtype);
    ct_set_num_threads(2);
    ct_tensor *two = call_afresh(row, dtype);
    assert_same_bits(row_title(row, "1 and 2 threads, %s", ct_dtype_name(dtype)), two, one);
}

static void check_tables(const Row *row, ct_dtype dtype) {
    CT_SCOPED;
    ct_tensor *x[MAX_ROW_OPERANDS];
    char title[256];
    make_operands(row, dtype, x);
    tensor_simd_force(0);
    ct_tensor *base = call_afresh(row, dtype);
    Tolerance tolerance = tolerance_of(row, ct_type(base), x);
    for (int i = 1; i < tensor_simd_count(); i++) {
        tensor_simd_force(i);
        ct_tensor *y = call_afresh(row, dtype);
        snprintf(title, sizeof title, "%s",
                 row_title(row, "%s, %s", tensor_simd_name(i), ct_dtype_name(dtype)));
        check_close(title, y, base, tolerance);
    }
    tensor_simd_force(-1);
}

static void for_some_dtypes(const Row *row, void (*check)(const Row *row, ct_dtype dtype)) {
    static const ct_dtype checked[] = {CT_F32, CT_F64, CT_I64, CT_F16};
    Row large;
    row = enlarged(row, &large);
    for (size_t d = 0; d < sizeof checked / sizeof *checked; d++)
        if (takes(row, checked[d])) check(row, checked[d]);
}

START_TEST(threads) {
    for_some_dtypes(row_at(_i), check_threads);
}
END_TEST

START_TEST(instruction_sets) {
    for_some_dtypes(row_at(_i), check_tables);
}
END_TEST

/* ---- the table itself ---- */

/* Every function that the header declares has a row. */
START_TEST(every_operation_has_a_row) {
    FILE *header = fopen(TEST_DATA "/../autograd/ops.h", "r");
    char line[512], name[128];
    int declared = 0;
    ck_assert_msg(header, "cannot read autograd/ops.h");
    while (fgets(line, sizeof line, header)) {
        if (sscanf(line, "CT_API ct_tensor *%127[a-z0-9_]", name) != 1 &&
            sscanf(line, "CT_API int %127[a-z0-9_]", name) != 1 &&
            sscanf(line, "CT_API ct_status %127[a-z0-9_]", name) != 1) {
            ck_assert_msg(strncmp(line, "CT_API", 6) != 0, "a declaration of another form: %s", line);
            continue;
        }
        declared++;
        ck_assert_msg(first_row(name), "%s has no row in the table of operations", name);
    }
    fclose(header);
    ck_assert_int_gt(declared, 200);
}
END_TEST

Suite *optable_suite(void) {
    Suite *suite = suite_create("optable");
    int n = row_count();
    TCase *values = support_case(suite, "optable-values");
    tcase_add_loop_test(values, values_of_every_dtype, 0, n);
    tcase_add_loop_test(values, special_values_of_one_operand, 0, n);
    tcase_add_loop_test(values, dtypes_promote, 0, n);
    tcase_add_loop_test(values, other_dtypes_are_refused, 0, n);
    TCase *memory = support_case(suite, "optable-layouts");
    tcase_add_loop_test(memory, layouts, 0, n);
    tcase_add_loop_test(memory, null_operands, 0, n);
    TCase *gradients = support_case(suite, "optable-gradients");
    tcase_add_loop_test(gradients, gradients_against_differences, 0, n);
    tcase_add_loop_test(gradients, gradients_of_layouts, 0, n);
    tcase_add_loop_test(gradients, fused_rules, 0, n);
    tcase_add_loop_test(gradients, gradients_of_floats, 0, n);
    tcase_add_loop_test(gradients, who_requires_gradients, 0, n);
    tcase_add_loop_test(gradients, derivatives_at_corners, 0, CORNERS);
    TCase *machine = support_case(suite, "optable-machine");
    tcase_add_loop_test(machine, threads, 0, n);
    tcase_add_loop_test(machine, instruction_sets, 0, n);
    tcase_add_test(machine, every_operation_has_a_row);
    return suite;
}
