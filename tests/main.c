/* Runs every suite under one total. Check's environment variables choose: CK_RUN_SUITE, CK_RUN_CASE, CK_FORK,
 * … */
#include "suites.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static Suite *(*const suites[])(void) = {
    core_suite,
    random_suite,
    format_suite,
    io_suite,
    optable_suite,
    autograd_suite,
    functions_suite,
    losses_suite,
    norms_suite,
    views_suite,
    index_suite,
    nn_suite,
    optim_suite,
    badinput_suite,
    golden_suite,
    math_f64_suite,
    memory_suite,
    pool_suite,
    walk_suite,
    matmul_suite,
    linalg_suite,
    convolution_suite,
    math_suite,
};

int main(void) {
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_ENV);
    bool ran = srunner_ntests_run(runner) > 0;
    bool passed = srunner_ntests_failed(runner) == 0;
    srunner_free(runner);
    if (!ran) fprintf(stderr, "no check ran: is CK_RUN_SUITE or CK_RUN_CASE misspelt?\n");
    return ran && passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
