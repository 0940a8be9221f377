/* The golden cases, computed by PyTorch: every case that the library covers is a check; the others are
 * counted. */
#include "golden_check.h"
#include "suites.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *kind;
    bool (*covered)(const char *name);
    void (*check)(const GoldenData *data, const GoldenCase *golden);
} Kind;

static bool no_schedule(const char *name) {
    (void)name;
    return false;
}

static const Kind kinds[] = {
    {"op", has_golden_op, check_golden_op},
    {"optim", has_golden_optimiser, check_golden_optimiser},
    {"init", has_golden_initialiser, check_golden_initialiser},
    {"train", has_golden_training, check_golden_training},
    {"sched", no_schedule, NULL},
};

/* Why a case is left out. Every name that is not covered stands in one of these lists, so that none is
 * forgotten. */
static const struct {
    const char *reason;
    const char *names;
} left_out[] = {
    {"functions that the library does not have yet",
     " bilinear gru lstm mha rnn "},
    {"optimisers, schedules and trainings that wait for such functions",
     " Adadelta Adagrad AdamW Adamax NAdam RAdam RMSprop ConstantLR CosineAnnealingLR"
     " CosineAnnealingWarmRestarts CyclicLR ExponentialLR LinearLR MultiStepLR OneCycleLR PolynomialLR"
     " ReduceLROnPlateau StepLR mlp_relu_sgdmom_ce cnn_bn_adamw_ce lstm_lm_rmsprop_ce "},
    {"names or forms that are not part of the API", " logaddexp sparse split tanhshrink tensordot "},
};

enum { REASONS = sizeof left_out / sizeof *left_out };

static GoldenData data;
static const GoldenCase **covered; /* the cases that run, one a check */
static TTest *checks;              /* of each of them, under its own name, which a crash shows too */
static char (*check_names)[64];
static int covered_count;
static int left_out_counts[REASONS];
static FILE *passes; /* a byte for each check that passed: checks run in processes of their own */

static const Kind *find_kind(const GoldenCase *golden) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, golden->kind) == 0) return &kinds[i];
    return NULL;
}

/* The reason for which the case does not run, or -1. */
static int reason_of(const GoldenCase *golden) {
    char word[40];
    snprintf(word, sizeof word, " %s ", golden->op);
    for (int i = 0; i < REASONS; i++)
        if (strstr(left_out[i].names, word)) return i;
    return -1;
}

/* A case that is neither covered nor listed as left out runs, and fails. */
static void choose_cases(void) {
    covered = calloc((size_t)data.count + 1, sizeof *covered);
    checks = calloc((size_t)data.count + 1, sizeof *checks);
    check_names = calloc((size_t)data.count + 1, sizeof *check_names);
    for (int i = 0; i < data.count; i++) {
        const GoldenCase *golden = &data.cases[i];
        int reason = reason_of(golden);
        if (reason >= 0)
            left_out_counts[reason]++;
        else
            covered[covered_count++] = golden;
    }
}

START_TEST(golden_case) {
    const GoldenCase *golden = covered[_i];
    const Kind *kind = find_kind(golden);
    ck_assert_msg(kind && kind->covered(golden->op), "%s: nothing here runs it, and no list says why",
                  golden->name);
    kind->check(&data, golden);
    ck_assert_int_eq(write(fileno(passes), ".", 1), 1);
}
END_TEST

/* A case that is listed as left out, though the library has what it names, is a case that was forgotten. */
START_TEST(lists_are_true) {
    ck_assert_msg(data.count > 0, "no golden cases were read");
    for (int i = 0; i < data.count; i++) {
        const GoldenCase *golden = &data.cases[i];
        const Kind *kind = find_kind(golden);
        ck_assert_msg(reason_of(golden) < 0 || (kind && !kind->covered(golden->op)),
                      "%s runs, but is listed as left out", golden->name);
    }
}
END_TEST

static void add_checks(TCase *cases) {
    for (int i = 0; i < covered_count; i++) {
        snprintf(check_names[i], sizeof check_names[i], "%s %s", covered[i]->name, covered[i]->dtype);
        checks[i] = *golden_case;
        checks[i].name = check_names[i];
        tcase_add_loop_test(cases, &checks[i], i, i + 1);
    }
}

static void print_summary(void) {
    printf("golden: %d cases: %d ran, %lld passed; left out:", data.count, covered_count,
           (long long)lseek(fileno(passes), 0, SEEK_CUR));
    for (int i = 0; i < REASONS; i++)
        printf("%s %d of %s", i ? ";" : "", left_out_counts[i], left_out[i].reason);
    printf("\n");
    fflush(stdout);
    fclose(passes);
    free(covered);
    free(checks);
    free(check_names);
    golden_free(&data);
}

Suite *golden_suite(void) {
    Suite *suite = suite_create("golden");
    data = golden_read(TEST_DATA "/golden");
    passes = tmpfile();
    choose_cases();
    tcase_add_test(support_case(suite, "lists"), lists_are_true);
    TCase *cases = support_case(suite, "cases");
    tcase_add_unchecked_fixture(cases, NULL, print_summary);
    add_checks(cases);
    return suite;
}
