/* A chain of a million operations runs, differentiates and is freed; meant to be run with a small stack. */
#include <cotangent.h>
#include <stdio.h>
#include <stdlib.h>

enum { LENGTH = 1000000 };

static void require(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "%s: %s\n", what, ct_error() ? ct_error_message() : "wrong");
    exit(EXIT_FAILURE);
}

/* x + 1 + 1 …, of which only the nodes stay. */
static ct_tensor *chain(ct_tensor *x) {
    ct_tensor *y = ct_retain(ct_mul_scalar(x, 1));
    for (int i = 0; i < LENGTH; i++) {
        CT_SCOPED;
        ct_tensor *next = ct_retain(i % 2 ? ct_add_scalar(y, 1) : ct_mul(y, ct_scalar(CT_F64, 1)));
        require(next, "forward");
        ct_release(y);
        y = next;
    }
    return y;
}

static void differentiate(ct_tensor *x, unsigned flags) {
    CT_SCOPED;
    ct_tensor *y = chain(x);
    ct_zero_grad(x);
    require(ct_backward_with(y, NULL, flags) == CT_OK, "backward");
    require(ct_item(ct_grad(x)) == 1, "gradient");
    ct_release(y);
}

int main(void) {
    ct_memory_info before = ct_memory();
    {
        CT_SCOPED;
        ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_F64, 1), true);
        differentiate(x, 0);
        differentiate(x, CT_RETAIN_GRAPH); /* freed only now, saved values and all */
        ct_release(chain(x));              /* never differentiated */
    }
    ct_memory_info after = ct_memory();
    require(after.tensors_alive == before.tensors_alive && after.nodes_alive == before.nodes_alive &&
                after.bytes_in_use == before.bytes_in_use,
            "memory in use at the end");
    return EXIT_SUCCESS;
}
