/* The suites of the one runner: a suite lies in test_NAME.c. */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>

Suite *core_suite(void);
Suite *random_suite(void);
Suite *format_suite(void);
Suite *io_suite(void);
Suite *optable_suite(void);
Suite *autograd_suite(void);
Suite *functions_suite(void);
Suite *losses_suite(void);
Suite *norms_suite(void);
Suite *views_suite(void);
Suite *index_suite(void);
Suite *nn_suite(void);
Suite *optim_suite(void);
Suite *badinput_suite(void);
Suite *golden_suite(void);
Suite *math_f64_suite(void);
Suite *memory_suite(void);
Suite *pool_suite(void);
Suite *walk_suite(void);
Suite *matmul_suite(void);
Suite *linalg_suite(void);
Suite *convolution_suite(void);
Suite *math_suite(void);

#endif
