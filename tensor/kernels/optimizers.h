/* One fused pass of an optimiser over a row of a parameter. What changes from step to step stands in p. */

enum { SGD_LR, SGD_MOMENTUM, SGD_KEEP /* 1 - dampening, 1 at the first step */, SGD_DECAY, SGD_NESTEROV, SGD_SIGN };

/* data: parameter, gradient, momentum buffer (read and written only with momentum) */
#define SGD(name, T)                                                                          \
    static void name(char *const *data, const int64_t *step, int64_t n, const double *p) {   \
        T *restrict x = (T *)data[0], *restrict buffer = (T *)data[2];                        \
        const T *restrict gradient = (const T *)data[1];                                      \
        const T lr = (T)p[SGD_LR], momentum = (T)p[SGD_MOMENTUM], keep = (T)p[SGD_KEEP];      \
        const T decay = (T)p[SGD_DECAY], sign = (T)p[SGD_SIGN];                               \
        const bool nesterov = p[SGD_NESTEROV] != 0;                                           \
        for (int64_t i = 0; i < n; i++) {                                                     \
            T g = sign * gradient[i * step[1]] + decay * x[i * step[0]];                      \
            if (momentum != 0) {                                                              \
                T *b = &buffer[i * step[2]];                                                  \
                *b = momentum * *b + keep * g;                                                \
                g = nesterov ? g + momentum * *b : *b;                                        \
            }                                                                                 \
            x[i * step[0]] -= lr * g;                                                         \
        }                                                                                     \
    }

enum { ADAM_STEP_SIZE, ADAM_BETA1, ADAM_BETA2, ADAM_EPS, ADAM_DECAY, ADAM_ROOT /* √(1 - β₂ᵗ) */, ADAM_SIGN };

/* data: parameter, gradient, mean of gradients, mean of their squares[, its maximum] */
#define ADAM(name, T, M, AMSGRAD)                                                             \
    static void name(char *const *data, const int64_t *step, int64_t n, const double *p) {   \
        T *restrict x = (T *)data[0], *restrict mean = (T *)data[2];                          \
        T *restrict square = (T *)data[3], *restrict largest = (T *)data[4];                  \
        const T *restrict gradient = (const T *)data[1];                                      \
        const T step_size = (T)p[ADAM_STEP_SIZE], beta1 = (T)p[ADAM_BETA1];                   \
        const T rest1 = (T)(1 - p[ADAM_BETA1]), rest2 = (T)(1 - p[ADAM_BETA2]);               \
        const T beta2 = (T)p[ADAM_BETA2], eps = (T)p[ADAM_EPS], decay = (T)p[ADAM_DECAY];     \
        const T root = (T)p[ADAM_ROOT], sign = (T)p[ADAM_SIGN];                               \
        (void)largest;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                     \
            T g = sign * gradient[i * step[1]] + decay * x[i * step[0]];                      \
            T m = beta1 * mean[i * step[2]] + rest1 * g;                                      \
            T v = beta2 * square[i * step[3]] + rest2 * g * g;                                \
            mean[i * step[2]] = m;                                                            \
            square[i * step[3]] = v;                                                          \
            if (AMSGRAD) largest[i * step[4]] = v = largest[i * step[4]] > v ? largest[i * step[4]] : v; \
            x[i * step[0]] -= step_size * m / (M(sqrt)(v) / root + eps);                      \
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
