/* Views, joining, indexing, einsum: values at the edges, and what is refused. Ordinary values and derivatives
 * come from the golden cases. */
#include "support.h"
#include "suites.h"
#include <string.h>

/* 0, 1, 2, … in that shape. */
static ct_tensor *counting(const int64_t *shape, int ndim) {
    return ct_reshape(ct_arange(CT_F64, 0, (double)shape_numel(shape, ndim), 1), shape, ndim);
}

static ct_tensor *indices(const int64_t *values, int n) {
    return ct_from_data(CT_I64, values, CT_DIMS(n));
}

static const int64_t no_sizes[1];

/* ---- shapes ---- */

START_TEST(reshape_resolves_sizes) {
    ct_tensor *x = counting(CT_DIMS(2, 3, 4));
    assert_shape(ct_reshape(x, CT_DIMS(-1, 6)), 4, 6);
    assert_shape(ct_reshape(x, CT_DIMS(24)), 24);
    assert_shape(ct_reshape(ct_zeros(CT_F32, CT_DIMS(0, 3)), CT_DIMS(-1, 3)), 0, 3);
    assert_shape(ct_reshape(ct_zeros(CT_F32, CT_DIMS(0, 3)), CT_DIMS(5, 0)), 5, 0);
    assert_0dim(ct_reshape(ct_ones(CT_F32, CT_DIMS(1, 1)), NULL, 0));
    assert_fails(ct_reshape(x, CT_DIMS(5, -1)), CT_ERR_SHAPE, "(5, -1)");
    assert_fails(ct_reshape(x, CT_DIMS(-1, -1)), CT_ERR_SHAPE, "one of them -1");
    assert_fails(ct_reshape(x, CT_DIMS(-2, 12)), CT_ERR_SHAPE,
                 "ct_reshape: shape (-2, 12) does not hold the 24");
    assert_fails(ct_reshape(x, CT_DIMS(INT64_MAX, 4)), CT_ERR_SHAPE, "24");
    assert_fails(ct_reshape(ct_zeros(CT_F32, CT_DIMS(0, 3)), CT_DIMS(-1, 0)), CT_ERR_SHAPE, "ambiguous");
    assert_fails(ct_reshape(x, CT_DIMS(1, 1, 1, 1, 1, 1, 1, 1, 24)), CT_ERR_SHAPE, "9 dims");
    assert_fails(ct_reshape(x, NULL, 2), CT_ERR_NULL, "shape");
    assert_fails(ct_reshape(NULL, CT_DIMS(2)), CT_ERR_NULL, "ct_reshape: x is NULL");
}
END_TEST

START_TEST(view_shares_and_reshape_copies) {
    ct_tensor *x = counting(CT_DIMS(2, 3)), *t = ct_t(x);
    ck_assert(ct_same_storage(ct_view(x, CT_DIMS(3, 2)), x));
    ck_assert(ct_same_storage(ct_reshape(t, CT_DIMS(3, 1, 2)), x));
    ck_assert(!ct_same_storage(ct_reshape(t, CT_DIMS(6)), x));
    assert_values("copied", ct_reshape(t, CT_DIMS(6)), 0, 0, 3, 1, 4, 2, 5);
    assert_fails(ct_view(t, CT_DIMS(6)), CT_ERR_SHAPE, "ct_reshape");
    ct_tensor *steps = ct_slice(counting(CT_DIMS(12)), 0, 0, CT_END, 2);
    ck_assert(ct_same_storage(ct_view(steps, CT_DIMS(2, 3)), steps));
    assert_values("strided", ct_view(steps, CT_DIMS(2, 3)), 0, 0, 2, 4, 6, 8, 10);
    assert_values("expanded", ct_reshape(ct_expand(x, CT_DIMS(2, 2, 3)), CT_DIMS(4, 3)), 0, 0, 1, 2, 3, 4, 5,
                  0, 1, 2, 3, 4, 5);
}
END_TEST

START_TEST(dims_join_and_split) {
    ct_tensor *x = counting(CT_DIMS(2, 1, 3)), *scalar = ct_scalar(CT_F64, 7);
    assert_shape(ct_flatten(x, 0, -1), 6);
    assert_shape(ct_flatten(x, 1, 2), 2, 3);
    assert_shape(ct_flatten(scalar, 0, -1), 1);
    assert_shape(ct_unflatten(ct_flatten(x, 0, -1), 0, CT_DIMS(3, -1)), 3, 2);
    assert_shape(ct_squeeze(x), 2, 3);
    assert_shape(ct_squeeze_dim(x, 0), 2, 1, 3);
    assert_shape(ct_squeeze_dim(x, -2), 2, 3);
    assert_0dim(ct_squeeze_dim(scalar, -1));
    assert_shape(ct_unsqueeze(scalar, 0), 1);
    assert_shape(ct_unsqueeze(x, -1), 2, 1, 3, 1);
    assert_fails(ct_flatten(x, 2, 1), CT_ERR_VALUE, "from 2 to 1");
    assert_fails(ct_flatten(x, 0, 3), CT_ERR_INDEX, "dim 3");
    assert_fails(ct_unflatten(x, 2, CT_DIMS(2, 2)), CT_ERR_SHAPE, "(2, 2)");
    assert_fails(ct_unsqueeze(x, 4), CT_ERR_INDEX, "ct_unsqueeze: dim 4");
    assert_fails(ct_unsqueeze(ct_zeros(CT_F32, CT_DIMS(1, 1, 1, 1, 1, 1, 1, 1)), 0), CT_ERR_SHAPE, "9 dims");
}
END_TEST

START_TEST(dims_change_places) {
    ct_tensor *x = counting(CT_DIMS(2, 3, 4)), *scalar = ct_scalar(CT_F64, 7);
    assert_shape(ct_permute(x, CT_DIMS(2, 0, -2)), 4, 2, 3);
    assert_shape(ct_transpose(x, 0, -1), 4, 3, 2);
    assert_shape(ct_movedim(x, 0, -1), 3, 4, 2);
    assert_shape(ct_movedim(x, 2, 0), 4, 2, 3);
    assert_0dim(ct_transpose(scalar, 0, -1));
    assert_0dim(ct_t(scalar));
    assert_0dim(ct_permute(scalar, NULL, 0));
    assert_values("t", ct_t(counting(CT_DIMS(2, 2))), 0, 0, 2, 1, 3);
    assert_fails(ct_permute(x, CT_DIMS(0, 1)), CT_ERR_SHAPE, "2 dims");
    assert_fails(ct_permute(x, CT_DIMS(0, 1, -2)), CT_ERR_VALUE, "dim 1 is given twice");
    assert_fails(ct_permute(x, CT_DIMS(0, 1, 3)), CT_ERR_INDEX, "dim 3");
    assert_fails(ct_transpose(x, 0, -4), CT_ERR_INDEX, "ct_transpose: dim -4");
    assert_fails(ct_t(x), CT_ERR_SHAPE, "ct_transpose");
}
END_TEST

START_TEST(expand_repeats) {
    ct_tensor *x = make_f64(CT_DIMS(2, 1), 1, 2);
    ct_tensor *y = ct_expand(x, CT_DIMS(3, -1, 2));
    assert_shape(y, 3, 2, 2);
    ck_assert_int_eq(ct_strides(y)[0], 0);
    ck_assert_int_eq(ct_strides(y)[2], 0);
    assert_values("expand", y, 0, 1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2);
    assert_shape(ct_expand(x, CT_DIMS(2, 0)), 2, 0);
    assert_shape(ct_broadcast_to(ct_scalar(CT_F32, 1), CT_DIMS(2, 2)), 2, 2);
    assert_fails(ct_expand(x, CT_DIMS(-1, 2, 2)), CT_ERR_SHAPE, "new dim 0");
    assert_fails(ct_expand(x, CT_DIMS(3, 1)), CT_ERR_SHAPE, "size 2 in dim 0");
    assert_fails(ct_expand(x, CT_DIMS(2)), CT_ERR_SHAPE, "fewer dims");
    assert_fails(ct_expand(x, CT_DIMS(2, -3)), CT_ERR_SHAPE, "-3");
    assert_fails(ct_expand(x, CT_DIMS(INT64_MAX, 2, 4)), CT_ERR_SHAPE, "more elements");
    assert_fails(ct_add_scalar_(y, 1), CT_ERR_VALUE, "clone");
}
END_TEST

/* ---- parts ---- */

START_TEST(slice_clamps) {
    ct_tensor *x = counting(CT_DIMS(5));
    assert_values("all", ct_slice(x, 0, -100, 100, 1), 0, 0, 1, 2, 3, 4);
    assert_values("step", ct_slice(x, 0, 1, CT_END, 2), 0, 1, 3);
    assert_values("negative bounds", ct_slice(x, -1, -3, -1, 1), 0, 2, 3);
    assert_values("reverse", ct_slice(x, 0, CT_END, CT_END, -1), 0, 4, 3, 2, 1, 0);
    assert_values("down", ct_slice(x, 0, 3, 0, -2), 0, 3, 1);
    assert_values("far step", ct_slice(x, 0, 1, CT_END, INT64_MAX), 0, 1);
    assert_values("far step down", ct_slice(x, 0, CT_END, CT_END, INT64_MIN), 0, 4);
    assert_shape(ct_slice(x, 0, 3, 2, 1), 0);
    assert_shape(ct_slice(x, 0, 9, 12, 1), 0);
    assert_shape(ct_slice(x, 0, 1, 3, -1), 0);
    assert_shape(ct_slice(x, 0, INT64_MIN, INT64_MIN, 1), 0);
    assert_shape(ct_slice(ct_zeros(CT_F32, CT_DIMS(0)), 0, CT_END, CT_END, -1), 0);
    ck_assert(ct_same_storage(x, ct_slice(x, 0, CT_END, CT_END, -1)));
    assert_fails(ct_slice(x, 0, 0, 2, 0), CT_ERR_VALUE, "step is 0");
    assert_fails(ct_slice(x, 1, 0, 2, 1), CT_ERR_INDEX, "dim 1");
    assert_fails(ct_slice(ct_scalar(CT_F32, 1), 0, 0, 1, 1), CT_ERR_SHAPE, "0-dim");
}
END_TEST

START_TEST(select_and_narrow_do_not_clamp) {
    ct_tensor *x = counting(CT_DIMS(2, 3));
    assert_values("select", ct_select(x, 1, -1), 0, 2, 5);
    assert_0dim(ct_select(ct_select(x, 0, 0), 0, 0));
    assert_values("narrow", ct_narrow(x, 1, 1, 2), 0, 1, 2, 4, 5);
    assert_values("from the end", ct_narrow(x, 1, -1, 1), 0, 2, 5);
    assert_shape(ct_narrow(x, 0, 2, 0), 0, 3);
    assert_fails(ct_select(x, 1, 3), CT_ERR_INDEX, "ct_select: index 3 is out of range for dim 1 of size 3");
    assert_fails(ct_select(x, 0, -3), CT_ERR_INDEX, "index -3");
    assert_fails(ct_select(ct_scalar(CT_F32, 1), 0, 0), CT_ERR_SHAPE, "0-dim");
    assert_fails(ct_narrow(x, 1, 1, 3), CT_ERR_INDEX, "3 indices from 1");
    assert_fails(ct_narrow(x, 1, 0, -1), CT_ERR_INDEX, "-1 indices");
    assert_fails(ct_narrow(x, 1, INT64_MAX, INT64_MAX), CT_ERR_INDEX, "dim 1");
}
END_TEST

START_TEST(any_geometry_within_the_storage) {
    ct_tensor *x = counting(CT_DIMS(6)), *late = ct_narrow(x, 0, 4, 2);
    assert_values("overlapping", ct_as_strided(x, CT_DIMS(2, 3), (int64_t[]){1, 2}, 0), 0, 0, 2, 4, 1, 3, 5);
    assert_values("backwards", ct_as_strided(x, CT_DIMS(3), (int64_t[]){-2}, 4), 0, 4, 2, 0);
    assert_values("from the storage's start", ct_as_strided(late, CT_DIMS(2), (int64_t[]){1}, 0), 0, 0, 1);
    assert_shape(ct_as_strided(x, CT_DIMS(0, 9), (int64_t[]){100, 100}, 6), 0, 9);
    assert_values("0-dim", ct_as_strided(x, NULL, 0, NULL, 5), 0, 5);
    assert_fails(ct_as_strided(x, CT_DIMS(4), (int64_t[]){2}, 0), CT_ERR_INDEX, "6 elements");
    assert_fails(ct_as_strided(x, CT_DIMS(2), (int64_t[]){-1}, 0), CT_ERR_INDEX, "reaches beyond");
    assert_fails(ct_as_strided(x, CT_DIMS(2), (int64_t[]){INT64_MAX}, 1), CT_ERR_INDEX, "reaches beyond");
    assert_fails(ct_as_strided(x, CT_DIMS(1), (int64_t[]){1}, -1), CT_ERR_INDEX, "-1");
    assert_fails(ct_as_strided(x, CT_DIMS(2), NULL, 0), CT_ERR_NULL, "strides");
    assert_values("windows", ct_unfold(x, 0, 3, 2), 0, 0, 1, 2, 2, 3, 4);
    assert_shape(ct_unfold(counting(CT_DIMS(4, 5)), 0, 2, 1), 3, 5, 2);
    assert_shape(ct_unfold(x, 0, 0, 1), 7, 0);
    assert_shape(ct_unfold(ct_scalar(CT_F64, 1), 0, 1, 1), 1);
    assert_fails(ct_unfold(x, 0, 7, 1), CT_ERR_VALUE, "size 7");
    assert_fails(ct_unfold(x, 0, 2, 0), CT_ERR_VALUE, "0 apart");
}
END_TEST

START_TEST(text_indexes) {
    ct_tensor *x = counting(CT_DIMS(2, 3, 4));
    static const struct {
        const char *text;
        int ndim;
        int64_t shape[4];
        double first;
    } good[] = {
        {"", 3, {2, 3, 4}, 0},
        {"...", 3, {2, 3, 4}, 0},
        {"1", 2, {3, 4}, 12},
        {"1,", 2, {3, 4}, 12},
        {"..., 3", 2, {2, 3}, 3},
        {"..., 1:-1, ::2, None, 3", 3, {0, 2, 1}, 0},
        {":, 1:-1, ::-2", 3, {2, 1, 2}, 7},
        {"None, ..., 0", 3, {1, 2, 3}, 0},
        {"-1, -1 , -1", 0, {0}, 23},
        {"0, None, 1:2", 3, {1, 1, 4}, 4},
        {"5:", 3, {0, 3, 4}, NAN},
        {"1::-1", 3, {2, 3, 4}, 12},
        {" 1 , ... , : 2 ", 2, {3, 2}, 12},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ct_tensor *y = ct_at(x, good[i].text);
        ck_assert_msg(y && ct_ndim(y) == good[i].ndim, "%s: %s", good[i].text, ct_error_message());
        for (int d = 0; d < good[i].ndim; d++)
            ck_assert_msg(ct_size(y, d) == good[i].shape[d], "%s: dim %d", good[i].text, d);
        ck_assert_msg(ct_numel(y) == 0 || *ct_data_f64(y) == good[i].first, "%s", good[i].text);
        ck_assert(y != x && ct_same_storage(x, y));
    }
    assert_fails(ct_at(x, "0, 3"), CT_ERR_INDEX, "ct_at: \"0, 3\", at character 4: index 3 is out of range for dim 1 of size 3");
    assert_fails(ct_at(x, "0, 1, 2, 3"), CT_ERR_INDEX, "4 dims");
    assert_fails(ct_at(x, "..., ..."), CT_ERR_VALUE, "second");
    assert_fails(ct_at(x, "::0"), CT_ERR_VALUE, "step is 0");
    assert_fails(ct_at(x, "1, x"), CT_ERR_VALUE, "at character 4");
    assert_fails(ct_at(x, "1 2"), CT_ERR_VALUE, "comma");
    assert_fails(ct_at(x, ","), CT_ERR_VALUE, "at character 1");
    assert_fails(ct_at(x, "99999999999999999999"), CT_ERR_VALUE, "too large");
    assert_fails(ct_at(x, NULL), CT_ERR_NULL, "index");
}
END_TEST

START_TEST(pieces_are_counted_first) {
    ct_tensor *x = counting(CT_DIMS(5, 2)), *out[8] = {NULL};
    ck_assert_int_eq(ct_split(x, 2, 0, out, 8), 3);
    assert_values("the last", out[2], 0, 8, 9);
    ck_assert_int_eq(ct_chunk(x, 4, 0, out, 8), 3);
    ck_assert_int_eq(ct_chunk(x, 7, 0, out, 8), 5);
    ck_assert_int_eq(ct_unbind(x, 1, out, 8), 2);
    assert_values("unbind", out[1], 0, 1, 3, 5, 7, 9);
    ct_tensor *empty = ct_zeros(CT_F32, CT_DIMS(0, 2));
    ck_assert_int_eq(ct_split(empty, 0, 0, out, 8), 1);
    ck_assert_int_eq(ct_chunk(empty, 3, 0, out, 8), 3);
    ck_assert_int_eq(ct_unbind(empty, 0, NULL, 0), 0);
    out[0] = NULL;
    ck_assert_int_eq(ct_split(x, 2, 0, out, 2), -1);
    assert_error(CT_ERR_VALUE, "3 pieces; there is room for 2");
    ck_assert_ptr_null(out[0]);
    ck_assert_int_eq(ct_split(x, 0, 0, out, 8), -1);
    assert_error(CT_ERR_VALUE, "size 0");
    ck_assert_int_eq(ct_chunk(x, 0, 0, out, 8), -1);
    assert_error(CT_ERR_VALUE, "0 chunks");
    ck_assert_int_eq(ct_unbind(ct_scalar(CT_F32, 0), 0, out, 8), -1);
    assert_error(CT_ERR_SHAPE, "0-dim");
    ck_assert_int_eq(ct_unbind(x, 0, NULL, 8), -1);
    assert_error(CT_ERR_NULL, "out");
}
END_TEST

/* ---- joining ---- */

START_TEST(cat_and_stack) {
    ct_tensor *x = counting(CT_DIMS(2, 2)), *none = ct_zeros(CT_F32, CT_DIMS(0));
    assert_values("cat", ct_cat((ct_tensor *[]){none, x, ct_t(x)}, 3, -1), 0, 0, 1, 0, 2, 2, 3, 1, 3);
    assert_shape(ct_cat((ct_tensor *[]){none, none}, 2, 0), 0);
    assert_shape(ct_cat((ct_tensor *[]){ct_zeros(CT_F32, CT_DIMS(0, 2)), x}, 2, 0), 2, 2);
    assert_dtype(ct_cat((ct_tensor *[]){ct_zeros(CT_I32, CT_DIMS(1)), ct_zeros(CT_F16, CT_DIMS(1))}, 2, 0),
                 CT_F16);
    assert_values("stack", ct_stack((ct_tensor *[]){x, x}, 2, -1), 0, 0, 0, 1, 1, 2, 2, 3, 3);
    assert_shape(ct_stack((ct_tensor *[]){ct_scalar(CT_F32, 1)}, 1, 0), 1);
    assert_fails(ct_cat((ct_tensor *[]){x, ct_zeros(CT_F64, CT_DIMS(2, 3))}, 2, 0), CT_ERR_SHAPE, "(2, 3)");
    assert_fails(ct_cat((ct_tensor *[]){x, ct_zeros(CT_F64, CT_DIMS(2))}, 2, 0), CT_ERR_SHAPE, "tensor 1");
    assert_fails(ct_cat((ct_tensor *[]){ct_scalar(CT_F32, 1)}, 1, 0), CT_ERR_SHAPE, "0-dim");
    assert_fails(ct_cat((ct_tensor *[]){x, NULL}, 2, 0), CT_ERR_NULL, "ct_cat");
    assert_fails(ct_cat(NULL, 1, 0), CT_ERR_NULL, "xs");
    assert_fails(ct_cat((ct_tensor *[]){x}, 0, 0), CT_ERR_VALUE, "0 tensors");
    assert_fails(ct_cat((ct_tensor *[]){x}, 1, 2), CT_ERR_INDEX, "dim 2");
    assert_fails(ct_stack((ct_tensor *[]){x, none}, 2, 0), CT_ERR_SHAPE, "equal shapes");
}
END_TEST

START_TEST(repeat_and_flip_copy) {
    ct_tensor *x = counting(CT_DIMS(2, 2));
    assert_values("repeat", ct_repeat(x, CT_DIMS(2, 1, 2)), 0, 0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2,
                  3);
    assert_shape(ct_repeat(x, CT_DIMS(0, 2)), 0, 4);
    assert_shape(ct_repeat(ct_zeros(CT_U8, CT_DIMS(1, 2, 1, 2, 1, 2, 1, 2)), CT_DIMS(2, 2, 2, 2, 2, 2, 2, 2)),
                 2, 4, 2, 4, 2, 4, 2, 4);
    ck_assert(!ct_same_storage(ct_repeat(x, CT_DIMS(1, 1)), x));
    ck_assert(!ct_same_storage(ct_repeat(ct_ones(CT_F32, CT_DIMS(1)), CT_DIMS(3)), x));
    ct_tensor *one = ct_ones(CT_F32, CT_DIMS(1));
    ck_assert(!ct_same_storage(ct_repeat(one, CT_DIMS(3)), one));
    assert_values("flip", ct_flip(x, CT_DIMS(0, -1)), 0, 3, 2, 1, 0);
    ck_assert(!ct_same_storage(ct_flip(x, no_sizes, 0), x));
    assert_shape(ct_flip(ct_zeros(CT_F32, CT_DIMS(0, 2)), CT_DIMS(0)), 0, 2);
    assert_fails(ct_repeat(x, CT_DIMS(2)), CT_ERR_SHAPE, "1 counts");
    assert_fails(ct_repeat(x, CT_DIMS(2, -1)), CT_ERR_VALUE, "-1");
    assert_fails(ct_repeat(x, CT_DIMS(INT64_MAX, 2)), CT_ERR_SHAPE, "more elements");
    assert_fails(ct_flip(x, CT_DIMS(1, -1)), CT_ERR_VALUE, "twice");
}
END_TEST

START_TEST(pad_modes) {
    ct_tensor *x = counting(CT_DIMS(1, 3));
    assert_values("constant", ct_pad(x, CT_DIMS(1, 2), "constant", 9), 0, 9, 0, 1, 2, 9, 9);
    assert_values("crop", ct_pad(x, CT_DIMS(-1, 1), "constant", 9), 0, 1, 2, 9);
    assert_values("crop all", ct_pad(x, CT_DIMS(-5, 4), "constant", 9), 0, 9, 9);
    assert_values("reflect", ct_pad(x, CT_DIMS(2, 2), "reflect", 0), 0, 2, 1, 0, 1, 2, 1, 0);
    assert_values("replicate", ct_pad(x, CT_DIMS(2, 1), "replicate", 0), 0, 0, 0, 0, 1, 2, 2);
    assert_values("circular", ct_pad(x, CT_DIMS(3, 1), "circular", 0), 0, 0, 1, 2, 0, 1, 2, 0);
    assert_values("reflect and crop", ct_pad(x, CT_DIMS(-1, 2), "reflect", 0), 0, 1, 2, 1, 0);
    assert_values("bool", ct_pad(ct_ones(CT_BOOL, CT_DIMS(1)), CT_DIMS(1, 0), "constant", 0), 0, 0, 1);
    assert_shape(ct_pad(x, CT_DIMS(0, 0, 1, 1), "constant", 0), 3, 3);
    ck_assert(!ct_same_storage(ct_pad(x, CT_DIMS(0, 0), "reflect", 0), x));
    assert_fails(ct_pad(x, CT_DIMS(3, 0), "reflect", 0), CT_ERR_VALUE, "less than the size");
    assert_fails(ct_pad(x, CT_DIMS(4, 0), "circular", 0), CT_ERR_VALUE, "at most the size");
    assert_fails(ct_pad(ct_zeros(CT_F32, CT_DIMS(0)), CT_DIMS(1, 0), "replicate", 0), CT_ERR_VALUE, "size 0");
    assert_fails(ct_pad(x, CT_DIMS(1), "constant", 0), CT_ERR_VALUE, "pairs");
    assert_fails(ct_pad(x, CT_DIMS(0, 0, 0, 0, 1, 1), "constant", 0), CT_ERR_VALUE, "6 pads");
    assert_fails(ct_pad(x, CT_DIMS(-2, -2), "constant", 0), CT_ERR_SHAPE, "cannot be");
    assert_fails(ct_pad(x, CT_DIMS(INT64_MAX, INT64_MAX), "constant", 0), CT_ERR_SHAPE, "cannot be");
    assert_fails(ct_pad(x, CT_DIMS(1, 1), "mirror", 0), CT_ERR_VALUE, "\"mirror\"");
}
END_TEST

/* ---- indexing ---- */

START_TEST(select_and_add_by_index) {
    ct_tensor *x = counting(CT_DIMS(2, 3)), *index = indices((int64_t[]){2, 0, 2}, 3);
    assert_values("index_select", ct_index_select(x, 1, index), 0, 2, 0, 2, 5, 3, 5);
    assert_values("by I32", ct_index_select(x, -1, ct_to(index, CT_I32)), 0, 2, 0, 2, 5, 3, 5);
    assert_values("by a reversed index", ct_index_select(ct_t(x), 0, ct_slice(index, 0, 1, CT_END, -1)), 0, 0,
                  3, 2, 5);
    assert_shape(ct_index_select(x, 1, ct_zeros(CT_I64, CT_DIMS(0))), 2, 0);
    assert_0dim(ct_index_select(ct_scalar(CT_F64, 4), 0, indices((int64_t[]){0}, 1)));
    assert_values("index_add",
                  ct_index_add_(ct_zeros(CT_F64, CT_DIMS(2, 3)), 1, index, counting(CT_DIMS(2, 3))), 0, 1, 0,
                  2, 4, 0, 8);
    assert_fails(ct_index_select(x, 1, indices((int64_t[]){0, -1}, 2)), CT_ERR_INDEX,
                 "ct_index_select: index -1 at (1,) is out of range for size 3");
    assert_fails(ct_index_select(x, 1, x), CT_ERR_SHAPE, "1 dim");
    assert_fails(ct_index_select(x, 1, ct_select(x, 0, 0)), CT_ERR_DTYPE, "float64");
    assert_fails(ct_index_select(ct_scalar(CT_F64, 4), 0, indices((int64_t[]){0, 0}, 2)), CT_ERR_SHAPE,
                 "0-dim");
    assert_fails(ct_index_add_(ct_clone(x), 1, index, ct_ones(CT_F64, CT_DIMS(2, 2))), CT_ERR_SHAPE,
                 "(2, 3)");
    assert_fails(ct_index_add_(ct_clone(x), 1, index, ct_ones(CT_F32, CT_DIMS(2, 3))), CT_ERR_DTYPE,
                 "float32");
    assert_fails(ct_index_select(x, 1, NULL), CT_ERR_NULL, "ct_index_select");
}
END_TEST

START_TEST(gather_and_scatter) {
    ct_tensor *x = counting(CT_DIMS(2, 3));
    ct_tensor *index = ct_reshape(indices((int64_t[]){2, 2, 0, 1}, 4), CT_DIMS(2, 2));
    assert_values("gather", ct_gather(x, 1, index), 0, 2, 2, 3, 4);
    assert_values("gather rows", ct_gather(x, 0, ct_zeros(CT_I32, CT_DIMS(1, 2))), 0, 0, 1);
    assert_values("scatter_add", ct_scatter_add(x, 1, index, ct_ones(CT_F64, CT_DIMS(2, 2))), 0, 0, 1, 4, 4,
                  5, 5);
    assert_values("a larger source", ct_scatter_add(x, 1, index, ct_ones(CT_F64, CT_DIMS(5, 5))), 0, 0, 1, 4,
                  4, 5, 5);
    assert_0dim(ct_gather(ct_scalar(CT_F32, 1), 0, ct_zeros(CT_I64, NULL, 0)));
    assert_fails(ct_gather(x, 1, indices((int64_t[]){0}, 1)), CT_ERR_SHAPE, "as many dims");
    assert_fails(ct_gather(x, 1, ct_zeros(CT_I64, CT_DIMS(3, 3))), CT_ERR_SHAPE, "but for dim 1");
    assert_fails(ct_gather(x, 0, index), CT_ERR_INDEX, "index 2 at (0, 0)");
    assert_fails(ct_gather(x, 1, x), CT_ERR_DTYPE, "int64 or int32");
    assert_fails(ct_scatter_add(x, 1, index, ct_ones(CT_F64, CT_DIMS(2, 1))), CT_ERR_SHAPE, "src");
    assert_fails(ct_scatter_add(x, 0, index, ct_ones(CT_F64, CT_DIMS(2, 2))), CT_ERR_INDEX,
                 "ct_scatter_add: index 2");
}
END_TEST

START_TEST(copies_serve_every_dtype) {
    for (int dtype = CT_F32; dtype <= CT_BF16; dtype++) {
        ct_tensor *x = ct_to(make_f64(CT_DIMS(2, 2), 0, 1, 1, 0), (ct_dtype)dtype);
        ct_tensor *index = indices((int64_t[]){1, 1, 1}, 3);
        ct_tensor *y = ct_index_select(x, 0, index);
        assert_dtype(y, (ct_dtype)dtype);
        assert_values(ct_dtype_name((ct_dtype)dtype), y, 0, 1, 0, 1, 0, 1, 0);
        double three = dtype == CT_BOOL ? 1 : 3;
        assert_values("added", ct_index_add_(ct_zeros_like(x), 0, index, y), 0, 0, 0, three, 0);
        assert_values("tril", ct_tril(x, -1), 0, 0, 0, 1, 0);
        assert_values("padded", ct_pad(ct_flip(x, CT_DIMS(1)), CT_DIMS(0, -1), "constant", 0), 0, 1, 0);
        assert_values("joined", ct_cat((ct_tensor *[]){x, ct_t(x)}, 2, 0), 0, 0, 1, 1, 0, 0, 1, 1, 0);
        assert_values("filled", ct_masked_fill(x, ct_to(x, CT_BOOL), 0), 0, 0, 0, 0, 0);
        assert_no_error();
    }
}
END_TEST

START_TEST(sums_do_not_depend_on_threads) {
    int threads = ct_num_threads();
    ct_tensor *src = ct_randn(CT_F32, CT_DIMS(3000, 70)), *zeros = ct_zeros(CT_F32, CT_DIMS(50, 70));
    ct_tensor *index = ct_randint(CT_I64, 0, 50, CT_DIMS(3000)),
              *full = ct_randint(CT_I64, 0, 50, CT_DIMS(3000, 70));
    ct_set_num_threads(1);
    ct_tensor *rows = ct_index_add_(ct_clone(zeros), 0, index, src),
              *elements = ct_scatter_add(zeros, 0, full, src);
    ct_set_num_threads(4);
    assert_same_bits("index_add", ct_index_add_(ct_clone(zeros), 0, index, src), rows);
    assert_same_bits("scatter_add", ct_scatter_add(zeros, 0, full, src), elements);
    assert_same_bits("index_select", ct_index_select(rows, 0, index),
                     ct_gather(rows, 0, ct_expand(ct_unsqueeze(index, 1), CT_DIMS(-1, 70))));
    ct_set_num_threads(threads);
}
END_TEST

START_TEST(masks_and_triangles) {
    ct_tensor *x = counting(CT_DIMS(2, 3)), *mask = ct_eq_scalar(make_f64(CT_DIMS(3), 0, 1, 0), 1);
    assert_values("masked_fill", ct_masked_fill(x, mask, 9), 0, 0, 9, 2, 3, 9, 5);
    assert_values("in place", ct_masked_fill_(ct_clone(x), mask, 9), 0, 0, 9, 2, 3, 9, 5);
    assert_fails(ct_masked_fill(x, ct_ones(CT_U8, CT_DIMS(3)), 9), CT_ERR_DTYPE, "uint8; expected bool");
    assert_fails(ct_masked_fill(x, ct_ones(CT_BOOL, CT_DIMS(2, 2, 3)), 9), CT_ERR_SHAPE, "(2, 2, 3)");
    assert_values("tril", ct_tril(x, 0), 0, 0, 0, 0, 3, 4, 0);
    assert_values("triu", ct_triu(x, 1), 0, 0, 1, 2, 0, 0, 5);
    assert_values("all", ct_tril(x, INT64_MAX), 0, 0, 1, 2, 3, 4, 5);
    assert_values("nothing", ct_triu(x, INT64_MAX), 0, 0, 0, 0, 0, 0, 0);
    assert_values("still all", ct_triu(x, INT64_MIN), 0, 0, 1, 2, 3, 4, 5);
    assert_shape(ct_tril(ct_zeros(CT_F32, CT_DIMS(2, 0, 3)), 0), 2, 0, 3);
    assert_fails(ct_tril(ct_ones(CT_F32, CT_DIMS(3)), 0), CT_ERR_SHAPE, "2 or more dims");
}
END_TEST

START_TEST(embedding_and_one_hot) {
    ct_tensor *weight = ct_set_requires_grad(counting(CT_DIMS(3, 2)), true);
    ct_tensor *index = ct_reshape(indices((int64_t[]){2, 0, 2, 1}, 4), CT_DIMS(2, 2));
    ct_tensor *y = ct_embedding(weight, index, -2);
    assert_shape(y, 2, 2, 2);
    assert_values("embedding", y, 0, 4, 5, 0, 1, 4, 5, 2, 3);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    assert_values("no gradient for the padding row", ct_grad(weight), 0, 1, 1, 0, 0, 2, 2);
    assert_shape(ct_embedding(weight, ct_zeros(CT_I32, NULL, 0), -1), 2);
    assert_fails(ct_embedding(weight, ct_full(CT_I64, CT_DIMS(1, 1), 3), -1), CT_ERR_INDEX,
                 "index 3 at (0, 0)");
    assert_fails(ct_embedding(weight, index, 3), CT_ERR_INDEX, "padding_idx 3");
    assert_fails(ct_embedding(ct_ones(CT_F32, CT_DIMS(3)), index, -1), CT_ERR_SHAPE, "2 dims");
    assert_fails(ct_embedding(weight, weight, -1), CT_ERR_DTYPE, "int64 or int32");
    assert_values("one_hot", ct_one_hot(indices((int64_t[]){1, 0}, 2), -1), 0, 0, 1, 1, 0);
    assert_dtype(ct_one_hot(ct_zeros(CT_I32, NULL, 0), 3), CT_I64);
    assert_shape(ct_one_hot(ct_zeros(CT_I64, CT_DIMS(0)), 3), 0, 3);
    assert_fails(ct_one_hot(ct_zeros(CT_I64, CT_DIMS(0)), -1), CT_ERR_VALUE, "number of classes");
    assert_fails(ct_one_hot(indices((int64_t[]){1, 3}, 2), 3), CT_ERR_INDEX, "class 3 at (1,)");
    assert_fails(ct_one_hot(indices((int64_t[]){-1}, 1), -1), CT_ERR_INDEX, "class -1");
}
END_TEST

/* ---- einsum ---- */

START_TEST(einsum_forms) {
    ct_tensor *a = counting(CT_DIMS(2, 3)), *b = counting(CT_DIMS(3, 2)), *square = counting(CT_DIMS(2, 2));
    ct_tensor *v = make_f64(CT_DIMS(3), 1, 2, 3), *one = make_f64(CT_DIMS(1, 3), 1, 2, 3);
#define E(spec, ...)                                                                                         \
    ct_einsum(spec, (ct_tensor *[]){__VA_ARGS__},                                                            \
              (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *)))
    assert_values("product", E("ij,jk->ik", a, b), 1e-12, 10, 13, 28, 40);
    assert_values("implicit", E(" i j , j k ", a, b), 1e-12, 10, 13, 28, 40);
    assert_values("implicit order", E("ba", a), 0, 0, 3, 1, 4, 2, 5);
    assert_values("trace", E("ii", square), 0, 3);
    assert_values("diagonal", E("ii->i", square), 0, 0, 3);
    assert_values("diagonal of a transpose",
                  E("jii->ij", ct_permute(counting(CT_DIMS(2, 2, 3)), CT_DIMS(2, 0, 1))), 0, 0, 1, 2, 9, 10,
                  11);
    assert_values("sum", E("ij->", a), 0, 15);
    assert_values("outer", E("i,j->ji", v, ct_select(a, 0, 1)), 0, 3, 6, 9, 4, 8, 12, 5, 10, 15);
    assert_values("batches", E("...ij,...j->...i", ct_reshape(a, CT_DIMS(2, 1, 3)), v), 1e-12, 8, 26);
    assert_values("ellipsis summed", E("...j->j", a), 0, 3, 5, 7);
    assert_values("size 1 broadcasts", E("ij,ij->ij", a, one), 0, 0, 2, 6, 3, 8, 15);
    assert_values("three", E("i,ij,j->", make_f64(CT_DIMS(2), 1, 2), a, v), 1e-12, 60);
    assert_values("upper case first", E("aB->", a), 0, 15);
    assert_shape(E("aB", a), 3, 2);
    assert_shape(E("ij,jk->ik", ct_zeros(CT_F32, CT_DIMS(2, 0)), ct_zeros(CT_F32, CT_DIMS(0, 3))), 2, 3);
    assert_values("0-dim", E(",i->i", ct_scalar(CT_F64, 2), v), 0, 2, 4, 6);
    assert_fails(E("ij,kk", a, b), CT_ERR_SHAPE, "stands twice");
    assert_fails(E("ij,jk", a, a), CT_ERR_SHAPE, "label 'j'");
    assert_fails(E("ijk", a), CT_ERR_SHAPE, "3 labels");
    assert_fails(E("i", a), CT_ERR_SHAPE, "(2, 3)");
    assert_fails(E("ij->k", a), CT_ERR_VALUE, "'k'");
    assert_fails(E("ij->ii", a), CT_ERR_VALUE, "twice");
    assert_fails(E("ij", a, b), CT_ERR_VALUE, "more operands");
    assert_fails(E("ij,jk", a), CT_ERR_VALUE, "no more operands");
    assert_fails(E("i1", a), CT_ERR_VALUE, "at character 2");
    assert_fails(E("ij-", a), CT_ERR_VALUE, "at character 3");
    assert_fails(E("ij->i,j", a), CT_ERR_VALUE, "at character 6");
    assert_fails(E("......", a), CT_ERR_VALUE, "second");
    assert_fails(E(NULL, a), CT_ERR_NULL, "spec");
    assert_fails(E("ij", (ct_tensor *)NULL), CT_ERR_NULL, "ct_einsum");
}
END_TEST

/* ---- derivatives ---- */

/* All of them on one [3, 4] tensor, in one expression each. */
static ct_tensor *numbered(ct_tensor *const *xs, int n, void *user) {
    ct_tensor *x = xs[0], *s = ct_square(x), *index = indices((int64_t[]){2, 0, 2, 1}, 4);
    (void)n;
    switch (*(const int *)user) {
    case 0:
        return ct_as_strided(s, CT_DIMS(3, 3), (int64_t[]){2, 3}, 1);
    case 1:
        return ct_as_strided(ct_expand(ct_square(ct_narrow(x, 0, 0, 1)), CT_DIMS(2, 4)), CT_DIMS(3),
                             (int64_t[]){1}, 1);
    case 2:
        return ct_unfold(ct_unfold(s, 1, 3, 1), 0, 2, 1);
    case 3:
        return ct_at(s, "::-2, None, 1:, ...");
    case 4:
        return ct_pad(s, CT_DIMS(2, -1, 1, 1), "constant", 5);
    case 5:
        return ct_pad(s, CT_DIMS(3, 2, 1, 2), "reflect", 0);
    case 6:
        return ct_repeat(s, CT_DIMS(2, 1, 3));
    case 7:
        return ct_einsum("ij,kj,ik->", (ct_tensor *[]){x, x, ct_matmul(x, ct_t(x))}, 3);
    case 8:
        return ct_einsum("iji->ij", (ct_tensor *[]){ct_reshape(s, CT_DIMS(2, 3, 2))}, 1);
    case 9:
        return ct_index_select(s, 1, index);
    case 10:
        return ct_gather(s, 0, ct_expand(ct_narrow(index, 0, 1, 3), CT_DIMS(2, 3)));
    case 11:
        return ct_scatter_add(s, 0, ct_expand(index, CT_DIMS(2, 4)), ct_flip(s, CT_DIMS(0, 1)));
    case 12:
        return ct_embedding(s, ct_reshape(ct_narrow(index, 0, 1, 2), CT_DIMS(2, 1)), -2);
    case 13:
        return ct_triu(ct_cat((ct_tensor *[]){s, x, s}, 3, 0), -1);
    case 14:
        return ct_stack((ct_tensor *[]){s, x}, 2, 1);
    case 15:
        return ct_masked_fill(s, ct_gt_scalar(x, 0.5), 3);
    case 16:
        return ct_index_add_(ct_clone(s), 0, ct_narrow(index, 0, 0, 3), s);
    case 17:
        return ct_mul(ct_unflatten(ct_movedim(s, 0, 1), 0, CT_DIMS(2, -1)),
                      ct_expand(ct_select(x, 1, 2), CT_DIMS(2, 2, 3)));
    default:
        return NULL;
    }
}

/* The gradient of Σ y², in which every element of y counts differently. */
static ct_tensor *gradient(ct_tensor *x, int *number) {
    ct_tensor *g = NULL, *loss = ct_sum(ct_square(numbered(&x, 1, number)));
    ct_gradients(&loss, 1, &x, 1, NULL, 0, &g);
    return g;
}

START_TEST(derivatives_in_every_layout) {
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        ct_tensor *x =
            ct_set_requires_grad(make_random(CT_F64, CT_DIMS(3, 4), 0.2, 1, 7, (Layout)layout), true);
        ct_tensor *plain = ct_set_requires_grad(ct_clone(ct_detach(x)), true);
        ct_gradcheck_options options = {1e-6, 1e-3, 1e-5, true};
        ct_status status = layout == LAYOUT_EXPANDED ? CT_OK : ct_gradcheck(numbered, &_i, &x, 1, &options);
        ck_assert_msg(status == CT_OK, "%d, %s: %s", _i, layout_names[layout], ct_error_message());
        assert_allclose(layout_names[layout], numbered(&x, 1, &_i), numbered(&plain, 1, &_i), 0, 0);
        assert_allclose(layout_names[layout], gradient(x, &_i), gradient(plain, &_i), 1e-12, 1e-12);
    }
}
END_TEST

/* ---- memory ---- */

static ct_tensor *program(void) {
    CT_SCOPED;
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_F32, CT_DIMS(3, 4)), true), *out[2] = {NULL};
    ct_tensor *y = ct_pad(ct_unfold(x, 1, 2, 1), CT_DIMS(1, 1), "circular", 0);
    if (ct_split(ct_at(y, "..., 1:-1"), 2, 0, out, 2) < 0) return NULL;
    ct_tensor *index = ct_zeros(CT_I32, CT_DIMS(2));
    ct_tensor *picked = ct_index_select(ct_repeat(out[0], CT_DIMS(2, 1, 1)), 0, index);
    ct_tensor *loss = ct_sum(ct_einsum("aij,bij->ab", (ct_tensor *[]){picked, ct_cat(out, 2, 0)}, 2));
    return ct_backward(loss) == CT_OK ? ct_scope_keep(ct_grad(x)) : NULL;
}

START_TEST(every_allocation_may_fail) {
    assert_survives_failures(program, _i);
}
END_TEST

Suite *views_suite(void) {
    Suite *suite = suite_create("views");
    TCase *views = support_case(suite, "views");
    tcase_add_test(views, reshape_resolves_sizes);
    tcase_add_test(views, view_shares_and_reshape_copies);
    tcase_add_test(views, dims_join_and_split);
    tcase_add_test(views, dims_change_places);
    tcase_add_test(views, expand_repeats);
    tcase_add_test(views, slice_clamps);
    tcase_add_test(views, select_and_narrow_do_not_clamp);
    tcase_add_test(views, any_geometry_within_the_storage);
    tcase_add_test(views, text_indexes);
    tcase_add_test(views, pieces_are_counted_first);
    TCase *joining = support_case(suite, "joining");
    tcase_add_test(joining, cat_and_stack);
    tcase_add_test(joining, repeat_and_flip_copy);
    tcase_add_test(joining, pad_modes);
    TCase *indexing = support_case(suite, "indexing");
    tcase_add_test(indexing, select_and_add_by_index);
    tcase_add_test(indexing, gather_and_scatter);
    tcase_add_test(indexing, copies_serve_every_dtype);
    tcase_add_test(indexing, sums_do_not_depend_on_threads);
    tcase_add_test(indexing, masks_and_triangles);
    tcase_add_test(indexing, embedding_and_one_hot);
    tcase_add_test(indexing, einsum_forms);
    TCase *derivatives = support_case(suite, "derivatives");
    tcase_add_loop_test(derivatives, derivatives_in_every_layout, 0, 18);
    tcase_add_loop_test(derivatives, every_allocation_may_fail, 0, 2); /* once; from then on */
    return suite;
}
