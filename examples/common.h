/** \file
 * What the examples share, so that each can be read as one lesson: options, a progress bar, tables, splits.
 * Not part of the library.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <cotangent.h>

CT_BEGIN_DECLS

/* ---- the command line ---- */

#define MAX_SIZES 16

/** Sizes of hidden layers: "16,16", or "none". */
typedef struct {
    int64_t size[MAX_SIZES];
    int count;
} Sizes;

/** The type that an option's value points to. */
typedef enum {
    OPTION_INT,    /**< int, not below the option's least */
    OPTION_NUMBER, /**< double, above 0 */
    OPTION_FILE,   /**< const char * */
    OPTION_SIZES   /**< Sizes */
} OptionKind;

/** "--name VALUE" or "--name=VALUE". */
typedef struct {
    const char *name;
    OptionKind kind;
    void *value; /**< holds the default */
    int least;
    const char *help;
} Option;

/** Reads the command line: --help prints the options and exits with 0, a mistake exits with 2. A word
 * without dashes is the value of the option "data", where there is one. From here on an error of the library
 * ends the program. */
void read_options(int argc, char **argv, const char *purpose, const Option *options, int count);

/** Prints "program: message" on stderr and exits with 1. */
__attribute__((noreturn)) CT_PRINTF(1, 2) void fail(const char *format, ...);

/* ---- progress ---- */

/** A bar with loss and remaining time on a terminal; elsewhere about ten lines. On stderr. */
typedef struct {
    int epochs;
    double started, shown;
    bool terminal;
} Progress;

Progress progress_begin(int epochs);
void progress_epoch(Progress *progress, int epoch, double loss);
/** Seconds since progress_begin(). */
double progress_seconds(const Progress *progress);

/* ---- data ---- */

/** Rows of two classes. */
typedef struct {
    ct_tensor *x; /**< [rows, features] F32 */
    ct_tensor *y; /**< [rows, 1] F32: 0 or 1 */
    char names[2][32];
} BinaryTable;

/** Two half circles of points, one hooked into the other, with normal noise. */
BinaryTable two_moons(int64_t rows, double noise);
/** A CSV file whose last column is the class: two different numbers (the smaller is class 0), or two words
 * (in alphabetical order). */
BinaryTable read_binary_table(const char *path);

/** Row numbers, I64. */
typedef struct {
    ct_tensor *train, *held_out;
} Split;

/** Holds out a fifth of the rows, drawn by the seed alone; of each class where \p classes ([rows, 1], 0 or 1)
 * is given, of all rows together where it is NULL. */
Split split_rows(int64_t rows, ct_tensor *classes, int seed);

/** The mean and standard deviation of each column: [1, columns]. A constant column's deviation counts as 1.
 */
void column_scale(ct_tensor *x, ct_tensor **mean, ct_tensor **deviation);

/* ---- results ---- */

/** Prints the sizes of a model's layers, from its inputs to its output, and how many weights it has. */
void print_layers(int64_t inputs, const Sizes *hidden, const char *output, int64_t weights);

/** Counts [classes, classes]: how often each class (row) was taken for each (column). truth, guess: [rows]
 * I64. */
ct_tensor *confusion(ct_tensor *truth, ct_tensor *guess, int64_t classes);
/** Prints the counts of two classes as a table. */
void print_confusion(ct_tensor *counts, char names[2][32]);
/** Prints "held-out accuracy: 0.9927 (272 of 274)"; returns the program's exit code, which is 1, with the
 * reason on stderr, when that is no better than to answer with the commonest class always. */
int print_accuracy(ct_tensor *counts);

CT_END_DECLS

#endif
