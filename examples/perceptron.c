/* A single threshold unit learns AND and OR by the perceptron rule (Rosenblatt, 1958). It cannot learn XOR,
 * whose classes no straight line parts (Minsky and Papert, 1969); a few hidden units and gradient descent
 * can. */
#include "common.h"

#include <math.h>

/* The unit fires where weight · x + bias > 0: on one side of a line. */
typedef struct {
    ct_tensor *weight; /* [2] */
    ct_tensor *bias;   /* [1] */
} Unit;

/* points [n, 2] -> [n] BOOL. */
static ct_tensor *fires(const Unit *unit, ct_tensor *points) {
    return ct_gt_scalar(ct_add(ct_mv(points, unit->weight), unit->bias), 0);
}

static int count_mistakes(ct_tensor *answers, ct_tensor *targets) {
    CT_SCOPED;
    return (int)ct_item_i64(ct_sum(ct_ne(answers, targets)));
}

/* The perceptron rule: for a wrong answer move the line towards the point, if the unit should have fired, or
 * away. It ends when all answers are right, which they will be if any line is right. Returns the rounds it
 * took. */
static int learn(Unit *unit, ct_tensor *points, ct_tensor *targets, int rounds) {
    for (int round = 1; round <= rounds; round++) {
        for (int i = 0; i < 4; i++) {
            CT_SCOPED;
            ct_tensor *point = ct_narrow(points, 0, i, 1);
            ct_tensor *error = ct_sub(ct_narrow(targets, 0, i, 1), ct_to(fires(unit, point), CT_F32));
            ct_add_(unit->weight, ct_mul(error, ct_select(point, 0, 0)));
            ct_add_(unit->bias, error);
        }
        CT_SCOPED;
        if (count_mistakes(fires(unit, points), targets) == 0) return round;
    }
    return rounds;
}

/* The picture covers the square from -0.5 to 1.5 both ways; a character is one of its points. */
enum { COLUMNS = 33, ROWS = 13, PICTURE = COLUMNS * ROWS };

/* [PICTURE, 2], row by row from the top. */
static ct_tensor *picture_points(void) {
    CT_SCOPED;
    ct_tensor *across = ct_expand(ct_linspace(CT_F32, -0.5, 1.5, COLUMNS), CT_DIMS(ROWS, COLUMNS));
    ct_tensor *up = ct_reshape(ct_linspace(CT_F32, 1.5, -0.5, ROWS), CT_DIMS(ROWS, 1));
    ct_tensor *both[] = {across, ct_expand(up, CT_DIMS(ROWS, COLUMNS))};
    return ct_scope_keep(ct_reshape(ct_stack(both, 2, 2), CT_DIMS(PICTURE, 2)));
}

/* ':' where the answer (of [PICTURE]) is yes; the four points as the 0 or 1 that they should give. */
static void draw(ct_tensor *answers, ct_tensor *targets) {
    for (int row = 0; row < ROWS; row++) {
        printf("    |");
        for (int column = 0; column < COLUMNS; column++) {
            const bool on_point = (row == 3 || row == 9) && (column == 8 || column == 24);
            const int point = 2 * (column == 24) + (row == 3);
            if (on_point)
                printf("%.0f", ct_get(targets, CT_DIMS(point)));
            else
                putchar(ct_get(answers, CT_DIMS(row * COLUMNS + column)) > 0 ? ':' : ' ');
        }
        printf("|\n");
    }
    printf("\n");
}

/* Returns how many of the four answers are wrong. */
static int threshold_unit(const char *name, ct_tensor *points, ct_tensor *targets, int rounds) {
    CT_SCOPED;
    Unit unit = {ct_zeros(CT_F32, CT_DIMS(2)), ct_zeros(CT_F32, CT_DIMS(1))};
    const int took = learn(&unit, points, targets, rounds);
    const int wrong = count_mistakes(fires(&unit, points), targets);
    const double a = ct_get(unit.weight, CT_DIMS(0)), b = ct_get(unit.weight, CT_DIMS(1));
    printf("%s  %d rounds, %d of 4 right; fires where %g a %c %g b > %g\n", name, took, 4 - wrong, a,
           b < 0 ? '-' : '+', fabs(b), 0 - ct_item(unit.bias));
    draw(fires(&unit, picture_points()), targets);
    return wrong;
}

/* Hidden units draw a line each, softly; the output joins them. How each must move, the gradient says. */
static int hidden_layer(ct_tensor *points, ct_tensor *targets, int hidden, int steps) {
    CT_SCOPED;
    ct_module *model = ct_nn_sequential(ct_nn_linear(2, hidden, true), ct_nn_tanh(),
                                        ct_nn_linear(hidden, 1, true), ct_nn_sigmoid());
    ct_optim *adam = ct_optim_adam(ct_module_parameters(model), 0.05, NULL);
    ct_tensor *wanted = ct_unsqueeze(targets, 1);
    double last = 0;
    for (int step = 0; step < steps; step++) {
        CT_SCOPED;
        ct_tensor *loss = ct_bce_loss(ct_forward(model, points), wanted, NULL, CT_MEAN);
        ct_optim_zero_grad(adam);
        ct_backward(loss);
        ct_optim_step(adam);
        last = ct_item(loss);
    }
    const int wrong = count_mistakes(ct_gt_scalar(ct_forward(model, points), 0.5), wanted);
    printf("XOR  %d hidden units, %d steps, %d of 4 right; loss %.4f\n", hidden, steps, 4 - wrong, last);
    draw(ct_flatten(ct_gt_scalar(ct_forward(model, picture_points()), 0.5), 0, -1), targets);
    ct_optim_free(adam);
    ct_module_free(model);
    return wrong;
}

int main(int argc, char **argv) {
    int rounds = 100, hidden = 8, steps = 300, seed = 1;
    const Option options[] = {
        {"rounds", OPTION_INT, &rounds, 1, "rounds of the perceptron rule, at most"},
        {"hidden", OPTION_INT, &hidden, 1, "hidden units for XOR"},
        {"steps", OPTION_INT, &steps, 1, "steps of gradient descent for XOR"},
        {"seed", OPTION_INT, &seed, 0, "for the hidden layer's first weights"},
    };
    read_options(argc, argv, "a threshold unit, and what it cannot learn", options,
                 sizeof options / sizeof *options);
    ct_manual_seed((uint64_t)seed);
    ct_tensor *points = ct_from_data(CT_F32, (float[]){0, 0, 0, 1, 1, 0, 1, 1}, CT_DIMS(4, 2));
    ct_tensor *and_table = ct_from_data(CT_F32, (float[]){0, 0, 0, 1}, CT_DIMS(4));
    ct_tensor *or_table = ct_from_data(CT_F32, (float[]){0, 1, 1, 1}, CT_DIMS(4));
    ct_tensor *xor_table = ct_from_data(CT_F32, (float[]){0, 1, 1, 0}, CT_DIMS(4));

    printf("One threshold unit and the perceptron rule (a to the right, b upwards, ':' where it fires)\n\n");
    int wrong = threshold_unit("AND", points, and_table, rounds);
    wrong += threshold_unit("OR ", points, or_table, rounds);
    threshold_unit("XOR", points, xor_table, rounds);
    printf(
        "No line has both ones on one side and both zeros on the other; a hidden layer draws several.\n\n");
    wrong += hidden_layer(points, xor_table, hidden, steps);
    if (wrong > 0) fail("it did not learn: %d answers are wrong", wrong);
    return 0;
}
