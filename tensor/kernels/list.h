/* The elementwise kernels, a line each: how a result comes from x (and y, and the parameters p[…]). T is the type that
 * computes; M(sqrt) is sqrtf or sqrt of libm, S(exp) is exp_f32 or exp_f64 of the headers beside this one. A new kernel
 * is one line here; its rows, its place in the table and its tensor_…() function follow from it. Included several times,
 * with the macros that its user defines, and that end here. */

#ifndef UNARY_SPLIT /* an integer as wide as T, a quick way for rows where it is negative for no x, the way for any x,
                       with the same bits */
#define UNARY_SPLIT(name, beyond, quick, ...) UNARY(name, __VA_ARGS__)
#endif
#ifndef BINARY_SPLIT /* the same of two operands of any dtype; integers have one way */
#define BINARY_SPLIT(name, beyond, quick, ...) BINARY_ANY(name, __VA_ARGS__)
#endif

/* Floating results of one operand. */
UNARY(exp, S(exp)(x))
UNARY(exp2, S(exp2)(x))
UNARY(expm1, S(expm1)(x))
UNARY_SPLIT(log, S(beyond_positive)(x), S(log_near)(x), S(log)(x))
UNARY_SPLIT(log2, S(beyond_positive)(x), S(log2_near)(x), S(log2)(x))
UNARY_SPLIT(log10, S(beyond_positive)(x), S(log10_near)(x), S(log10)(x))
UNARY(log1p, S(log1p)(x))
UNARY(sqrt, M(sqrt)(x))
UNARY(rsqrt, 1 / M(sqrt)(x))
UNARY(reciprocal, 1 / x)
UNARY_SPLIT(sin, S(beyond_near)(x), S(sin_near)(x), S(sin)(x))
UNARY_SPLIT(cos, S(beyond_near)(x), S(cos_near)(x), S(cos)(x))
UNARY_SPLIT(tan, S(beyond_near)(x), S(tan_near)(x), S(tan)(x))
UNARY(asin, S(asin)(x))
UNARY(acos, S(acos)(x))
UNARY(atan, S(atan)(x))
UNARY(sinh, S(sinh)(x))
UNARY(cosh, S(cosh)(x))
UNARY(tanh, S(tanh)(x))
UNARY(asinh, S(asinh)(x))
UNARY(acosh, S(acosh)(x))
UNARY(atanh, S(atanh)(x))
UNARY(sigmoid, S(sigmoid)(x))
UNARY(logsigmoid, (x < 0 ? x : 0) - S(log1p)(S(exp)(-M(fabs)(x))))
UNARY(relu6, x < 0 ? 0 : x > 6 ? 6 : x)
UNARY(silu, x * S(sigmoid)(x))
UNARY(mish, S(mish)(x))
UNARY(softsign, x / (1 + M(fabs)(x)))
UNARY(hardsigmoid, x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + (T)0.5)
UNARY(hardswish, x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6)
UNARY(floor, M(floor)(x))
UNARY(ceil, M(ceil)(x))
UNARY(round, M(rint)(x))
UNARY(trunc, M(trunc)(x))
UNARY(frac, x - M(trunc)(x))
UNARY(erf, S(erf)(x))
UNARY(erfc, S(erfc)(x))
UNARY(erfinv, S(erfinv)(x))
UNARY(lgamma, S(lgamma)(x))
UNARY(digamma, S(digamma)(x))
UNARY(polygamma, S(polygamma)((int)p[0], x))
UNARY(gelu, S(gelu)(x))
UNARY(gelu_tanh, x * S(sigmoid)(2 * (T)0.79788456080286535588 * x * (1 + (T)0.044715 * x * x)))
UNARY(leaky_relu, x > 0 ? x : x * (T)p[0])
UNARY(elu, S(elu)(x, (T)p[0], 1))
UNARY(selu, (T)1.0507009873554804934193349852946 * (x > 0 ? x : (T)1.6732632423543772848170429916717 * S(expm1)(x)))
UNARY(celu, S(elu)(x, (T)p[0], (T)p[0]))
UNARY(softplus, x * (T)p[0] > (T)p[1] ? x : S(softplus)(x * (T)p[0]) / (T)p[0])
UNARY(nan_to_num, x != x ? (T)p[0] : x == (T)INFINITY ? (T)p[1] : x == -(T)INFINITY ? (T)p[2] : x)

/* Of any dtype, which stays. */
UNARY_ANY(neg, -x)
UNARY_ANY(abs, x < 0 ? -x : x + 0)
UNARY_ANY(sign, x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0)
UNARY_ANY(square, x * x)
UNARY_ANY(relu, x < 0 ? 0 : x)
UNARY_ANY(clamp, x < (T)p[0] ? (T)p[0] : x > (T)p[1] ? (T)p[1] : x)
UNARY_ANY(threshold, x > (T)p[0] ? x : x != x ? x : (T)p[1])

/* Truth values of one operand. */
PREDICATE(isnan, x != x)
PREDICATE(isinf, x == (T)INFINITY || x == -(T)INFINITY)
PREDICATE(isfinite, x - x == 0)
PREDICATE(logical_not, x == 0)

/* Of two operands of any dtype, which stays. */
BINARY_ANY(add, x + y)
BINARY_ANY(sub, x - y)
BINARY_ANY(mul, x * y)
BINARY_ANY(maximum, x != x || x > y ? x : y)
BINARY_ANY(minimum, x != x || x < y ? x : y)
BINARY_SPLIT(fmod, -!S(is_near_quotient)(x, y), S(fmod_near)(x, y), S(fmod)(x, y))
BINARY_SPLIT(remainder, -!S(is_near_quotient)(x, y), S(remainder_near)(x, y), S(remainder)(x, y))
BINARY_SPLIT(floor_divide, -!S(is_near_quotient)(x, y), S(floor_divide_near)(x, y), S(floor_divide)(x, y))
BINARY_SPLIT(pow, S(beyond_power)(x, y), S(pow_near)(x, y), S(pow)(x, y))

/* Floating results of two operands. */
BINARY(div, x / y)
BINARY(atan2, S(atan2)(x, y))
BINARY(hypot, S(hypot)(x, y))
BINARY(xlogy, y != y ? y : x == 0 ? 0 : x * S(log)(y))
BINARY(bce, -(y * S(clamped_log)(x) + (1 - y) * S(clamped_log1p)(-x)))
BINARY(bce_with_logits, (x > 0 ? x : 0) - x * y + S(log1p)(S(exp)(-M(fabs)(x))))

/* Derivatives: x is the gradient of the result, y the result (of sigmoid, tanh, relu) or the operand. */
BINARY(sigmoid_slope, x * (y * (1 - y)))
BINARY(tanh_slope, x * (1 - y * y))
BINARY(relu_slope, y <= 0 ? 0 : x)
BINARY(silu_slope, x * S(silu_derivative)(y))
BINARY(gelu_slope, x * S(gelu_derivative)(y))
BINARY(bce_slope, (x - y) / S(clamped_variance)(x)) /* of a prediction x and its target y */

/* Truth values of two operands. */
COMPARE(eq, x == y)
COMPARE(ne, x != y)
COMPARE(lt, x < y)
COMPARE(le, x <= y)
COMPARE(gt, x > y)
COMPARE(ge, x >= y)
COMPARE(logical_and, x != 0 && y != 0)
COMPARE(logical_or, x != 0 || y != 0)
COMPARE(logical_xor, (x != 0) != (y != 0))

#undef UNARY
#undef UNARY_SPLIT
#undef UNARY_ANY
#undef PREDICATE
#undef BINARY
#undef BINARY_ANY
#undef BINARY_SPLIT
#undef COMPARE
