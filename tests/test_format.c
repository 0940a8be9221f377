/* Printing: PyTorch's layout, element for element; the expected texts are what PyTorch prints, without its
 * "torch.". */
#include "suites.h"
#include "support.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 8192 };

#define assert_text(x, expected)                                          \
    do {                                                                  \
        char text_[TEXT_BYTES];                                           \
        ct_tensor *printed_ = (x);                                        \
        assert_no_error();                                                \
        int length_ = ct_format(printed_, text_, sizeof text_);           \
        ck_assert_str_eq(text_, expected);                                \
        ck_assert_int_eq(length_, (int)strlen(expected));                 \
    } while (0)

START_TEST(floating_numbers_are_aligned) {
    assert_text(make_f32(CT_DIMS(2, 2), 0.1, -2, 3, 4),
                "tensor([[ 0.1000, -2.0000],\n        [ 3.0000,  4.0000]])");
    assert_text(make_f32(CT_DIMS(3), 1, -20, 300), "tensor([  1., -20., 300.])");
    assert_text(make_f32(CT_DIMS(2), 0, -0.0), "tensor([0., -0.])");
    assert_text(make_f32(CT_DIMS(3), NAN, 1.5, -HUGE_VAL), "tensor([   nan, 1.5000,   -inf])");
    assert_text(make_f32(CT_DIMS(2), NAN, 1), "tensor([nan, 1.])");
    assert_text(make_f32(CT_DIMS(2), -NAN, HUGE_VAL), "tensor([nan, inf])");
}
END_TEST

START_TEST(large_and_small_numbers_are_scientific) {
    assert_text(make_f32(CT_DIMS(2), 0.5, 501), "tensor([5.0000e-01, 5.0100e+02])");
    assert_text(make_f32(CT_DIMS(2), 0.5, 500), "tensor([  0.5000, 500.0000])");
    assert_text(make_f32(CT_DIMS(1), 0.00005), "tensor([5.0000e-05])");
    assert_text(make_f32(CT_DIMS(2), 1, 1001), "tensor([1.0000e+00, 1.0010e+03])");
    assert_text(make_f32(CT_DIMS(2), 1, 1000), "tensor([   1., 1000.])");
    assert_text(make_f64(CT_DIMS(1), 1e300), "tensor([1.0000e+300], dtype=float64)");
}
END_TEST

START_TEST(scalars_and_empty_tensors) {
    assert_text(ct_scalar(CT_F32, 3.14159), "tensor(3.1416)");
    assert_text(ct_scalar(CT_I64, -7), "tensor(-7)");
    assert_text(ct_scalar(CT_BOOL, 1), "tensor(True)");
    assert_text(ct_zeros(CT_F32, CT_DIMS(0)), "tensor([])");
    assert_text(ct_zeros(CT_F32, CT_DIMS(0, 3)), "tensor([], size=(0, 3))");
    assert_text(ct_zeros(CT_I64, CT_DIMS(2, 0)), "tensor([], size=(2, 0), dtype=int64)");
}
END_TEST

START_TEST(dtypes_are_named) {
    assert_text(ct_arange(CT_I64, 8, 11, 1), "tensor([ 8,  9, 10])");
    assert_text(ct_arange(CT_I32, 0, 2, 1), "tensor([0, 1], dtype=int32)");
    assert_text(ct_full(CT_U8, CT_DIMS(1), 255), "tensor([255], dtype=uint8)");
    assert_text(ct_from_data(CT_BOOL, (const bool[]){true, false}, CT_DIMS(2)), "tensor([ True, False])");
    assert_text(ct_full(CT_F16, CT_DIMS(1), 0.1), "tensor([0.1000], dtype=float16)");
    assert_text(ct_full(CT_BF16, CT_DIMS(1), 0.1), "tensor([0.1001], dtype=bfloat16)");
    assert_text(ct_arange(CT_I32, 10, 36, 1),
                "tensor([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,\n"
                "        28, 29, 30, 31, 32, 33, 34, 35], dtype=int32)");
    assert_text(ct_full(CT_F64, CT_DIMS(7), 1.25),
                "tensor([1.2500, 1.2500, 1.2500, 1.2500, 1.2500, 1.2500, 1.2500], dtype=float64)");
    assert_text(
        ct_full(CT_F64, CT_DIMS(8), 1.25),
        "tensor([1.2500, 1.2500, 1.2500, 1.2500, 1.2500, 1.2500, 1.2500, 1.2500],\n       dtype=float64)");
}
END_TEST

START_TEST(more_dims_are_separated_by_blank_lines) {
    assert_text(ct_ones(CT_F32, CT_DIMS(2, 1, 2)), "tensor([[[1., 1.]],\n\n        [[1., 1.]]])");
    assert_text(ct_ones(CT_F32, CT_DIMS(2, 1, 1, 1)), "tensor([[[[1.]]],\n\n\n        [[[1.]]]])");
}
END_TEST

START_TEST(large_tensors_are_summarised) {
    assert_text(ct_arange(CT_F32, 0, 1001, 1), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])");
    assert_text(ct_arange(CT_I64, 0, 1001, 1), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
    assert_text(ct_ones(CT_F32, CT_DIMS(500, 3)),
                "tensor([[1., 1., 1.],\n        [1., 1., 1.],\n        [1., 1., 1.],\n"
                "        ...,\n        [1., 1., 1.],\n        [1., 1., 1.],\n"
                "        [1., 1., 1.]])");
    ct_tensor *hidden = ct_zeros(CT_F32, CT_DIMS(2000));
    ct_set(hidden, (int64_t[]){1000}, 1, 1e20); /* what is not shown does not count */
    assert_text(hidden, "tensor([0., 0., 0.,  ..., 0., 0., 0.])");
    assert_text(ct_ones(CT_I64, CT_DIMS(4, 251)),
                "tensor([[1, 1, 1,  ..., 1, 1, 1],\n        [1, 1, 1,  ..., 1, 1, 1],\n"
                "        [1, 1, 1,  ..., 1, 1, 1],\n        [1, 1, 1,  ..., 1, 1, 1]])");
}
END_TEST

START_TEST(any_layout_prints_the_same) {
    const double values[] = {0.1, -2, 3, 4, 5, 6};
    for (int layout = 0; layout < LAYOUT_EXPANDED; layout++)
        assert_text(make_layout(CT_F32, CT_DIMS(2, 3), values, (Layout)layout),
                    "tensor([[ 0.1000, -2.0000,  3.0000],\n        [ 4.0000,  5.0000,  6.0000]])");
}
END_TEST

START_TEST(a_short_buffer_is_cut) {
    char text[8] = "unset";
    ct_tensor *x = ct_scalar(CT_F32, 3.14159);
    ck_assert_int_eq(ct_format(x, NULL, 0), 14);
    ck_assert_int_eq(ct_format(x, text, sizeof text), 14);
    ck_assert_str_eq(text, "tensor(");
    ck_assert_int_eq(ct_format(x, text, 1), 14);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(ct_format(NULL, text, sizeof text), -1);
    assert_error(CT_ERR_NULL, "ct_format");
    ck_assert_int_eq(ct_format(x, NULL, 5), -1);
    assert_error(CT_ERR_NULL, "buffer");
}
END_TEST

START_TEST(a_stream_gets_the_same_text) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    ct_fprint(stream, make_f32(CT_DIMS(2), 1, 2));
    fclose(stream);
    ck_assert_str_eq(text, "tensor([1., 2.])\n");
    free(text);
    ct_fprint(NULL, ct_scalar(CT_F32, 1));
    assert_error(CT_ERR_NULL, "ct_fprint: file");
    ct_print(NULL);
    assert_error(CT_ERR_NULL, "ct_print: x");
}
END_TEST

START_TEST(a_decimal_comma_changes_nothing) {
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        if (setlocale(LC_ALL, locales[i])) break;
    assert_text(make_f32(CT_DIMS(2), 0.5, -1.25), "tensor([ 0.5000, -1.2500])");
    assert_text(make_f32(CT_DIMS(1), 1.25e-9), "tensor([1.2500e-09])");
    setlocale(LC_ALL, "C");
}
END_TEST

Suite *format_suite(void) {
    Suite *suite = suite_create("format");
    TCase *format = support_case(suite, "format");
    tcase_add_test(format, floating_numbers_are_aligned);
    tcase_add_test(format, large_and_small_numbers_are_scientific);
    tcase_add_test(format, scalars_and_empty_tensors);
    tcase_add_test(format, dtypes_are_named);
    tcase_add_test(format, more_dims_are_separated_by_blank_lines);
    tcase_add_test(format, large_tensors_are_summarised);
    tcase_add_test(format, any_layout_prints_the_same);
    tcase_add_test(format, a_short_buffer_is_cut);
    tcase_add_test(format, a_stream_gets_the_same_text);
    tcase_add_test(format, a_decimal_comma_changes_nothing);
    return suite;
}
