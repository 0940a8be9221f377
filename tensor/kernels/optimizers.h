/* One fused pass of an optimiser over a row of a parameter. What changes from step to step stands in p. */

enum { SGD_LR, SGD_MOMENTUM, SGD_KEEP /* 1 - dampening, 1 at the first step */, SGD_DECAY, SGD_NESTEROV, SGD_SIGN };

/* data: parameter, gradient, momentum buffer (read and written only with momentum) */
#define SGD_LOOP(T, I0, I1, I2)                                                               \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                     \
        T g = sign * gradient[I1];                                                            \
        if (decay != 0) g += decay * x[I0];                                                   \
        if (momentum != 0) {                                                                  \
            T b = momentum * buffer[I2] + keep * g;                                           \
            buffer[I2] = b;                                                                   \
            g = nesterov ? g + momentum * b : b;                                              \
        }                                                                                     \
        x[I0] -= lr * g;                                                                      \
    }

#define SGD(name, T)                                                                          \
    static void name(char *const *data, const int64_t *step, int64_t n, const double *p) {    \
        T *x = (T *)data[0], *buffer = (T *)data[2];                                          \
        const T *gradient = (const T *)data[1];                                               \
        const T lr = (T)p[SGD_LR], momentum = (T)p[SGD_MOMENTUM], keep = (T)p[SGD_KEEP];      \
        const T decay = (T)p[SGD_DECAY], sign = (T)p[SGD_SIGN];                               \
        const bool nesterov = p[SGD_NESTEROV] != 0;                                           \
        if (step[0] == 1 && step[1] == 1 && (momentum == 0 || step[2] == 1)) {                \
            SGD_LOOP(T, i, i, i)                                                              \
        } else {                                                                              \
            SGD_LOOP(T, i *step[0], i *step[1], i *step[2])                                   \
        }                                                                                     \
    }

enum { ADAM_STEP_SIZE, ADAM_BETA1, ADAM_BETA2, ADAM_EPS, ADAM_DECAY, ADAM_ROOT /* √(1 - β₂ᵗ) */, ADAM_SIGN };

/* data: parameter, gradient, mean of gradients, mean of their squares[, its maximum] */
#define ADAM_LOOP(T, M, AMSGRAD, I0, I1, I2, I3, I4)                                          \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                     \
        T g = sign * gradient[I1];                                                            \
        if (decay != 0) g += decay * x[I0];                                                   \
        T m = beta1 * mean[I2] + rest1 * g;                                                   \
        T v = beta2 * square[I3] + rest2 * g * g;                                             \
        mean[I2] = m;                                                                         \
        square[I3] = v;                                                                       \
        if (AMSGRAD) largest[I4] = v = largest[I4] > v ? largest[I4] : v;                     \
        x[I0] -= step_size * m / (M(sqrt)(v) / root + eps);                                   \
    }

#define ADAM(name, T, M, AMSGRAD)                                                             \
    static void name(char *const *data, const int64_t *step, int64_t n, const double *p) {    \
        T *x = (T *)data[0], *mean = (T *)data[2], *square = (T *)data[3];                    \
        T *largest = (T *)data[4];                                                            \
        const T *gradient = (const T *)data[1];                                               \
        const T step_size = (T)p[ADAM_STEP_SIZE], beta1 = (T)p[ADAM_BETA1];                   \
        const T rest1 = (T)(1 - p[ADAM_BETA1]), rest2 = (T)(1 - p[ADAM_BETA2]);               \
        const T beta2 = (T)p[ADAM_BETA2], eps = (T)p[ADAM_EPS], decay = (T)p[ADAM_DECAY];     \
        const T root = (T)p[ADAM_ROOT], sign = (T)p[ADAM_SIGN];                               \
        (void)largest;                                                                        \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1 && step[3] == 1 && (!AMSGRAD || step[4] == 1)) { \
            ADAM_LOOP(T, M, AMSGRAD, i, i, i, i, i)                                           \
        } else {                                                                              \
            ADAM_LOOP(T, M, AMSGRAD, i *step[0], i *step[1], i *step[2], i *step[3], i *step[4]) \
        }                                                                                     \
    }

#define FLOAT_FUNCTION(function) function##f
#define DOUBLE_FUNCTION(function) function
SGD(sgd_row_f32, float)
SGD(sgd_row_f64, double)
ADAM(adam_row_f32, float, FLOAT_FUNCTION, false)
ADAM(adam_row_f64, double, DOUBLE_FUNCTION, false)
ADAM(adam_amsgrad_row_f32, float, FLOAT_FUNCTION, true)
ADAM(adam_amsgrad_row_f64, double, DOUBLE_FUNCTION, true)
