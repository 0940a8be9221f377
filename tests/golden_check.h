/* Runs one golden case of each kind; a failure names the case, the element and both numbers. */
#ifndef TESTS_GOLDEN_CHECK_H
#define TESTS_GOLDEN_CHECK_H

#include "golden_data.h"

void check_golden_op(const GoldenData *data, const GoldenCase *golden);
void check_golden_optimiser(const GoldenData *data, const GoldenCase *golden);
void check_golden_initialiser(const GoldenData *data, const GoldenCase *golden);
void check_golden_training(const GoldenData *data, const GoldenCase *golden);

/* Whether the library has what the case names. */
bool has_golden_op(const char *name);
bool has_golden_optimiser(const char *name);
bool has_golden_initialiser(const char *name);
bool has_golden_training(const char *name);

#endif
