/* The functions of one number whose f32 results are held against double: sampled by test_math.c, for every float by
 * exhaustive_f32.c. */
#ifndef TESTS_MATH_F32_H
#define TESTS_MATH_F32_H

#include <cotangent.h>
#include <math.h>

typedef struct {
    const char *name;
    ct_tensor *(*function)(ct_tensor *x);
    double (*reference)(double x); /* by libm */
    double ulps;                   /* allowed */
    int flags;
} MathCase;

enum {
    GAUSSIAN = 1, /* times 1 + x²/2: so much does e^(-x²/2) magnify a rounded x² */
    PRODUCT = 2,  /* x times a factor that may be denormal: |x| times the smallest denormal more */
};

extern const MathCase math_cases[];
extern const int math_case_count;

/* |got - want| in units of the last place of the float next to want; infinite where only one is NaN, or one is the zero of
 * the other sign. */
double math_ulps(float got, double want);
/* How many may be: for x and its want. */
double math_allowed(const MathCase *c, float x, double want);

#endif
