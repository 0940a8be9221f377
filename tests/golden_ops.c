#include "golden_ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments by name ---- */

ct_tensor *golden_tensor(const GoldenArguments *arguments, const char *name) {
    const GoldenCase *golden = arguments->golden;
    const GoldenRecord *record = golden_find(golden, "arg", name);
    if (record) return arguments->tensors[record - golden->records];
    char list[32];
    snprintf(list, sizeof list, "%s", name);
    char *dot = strrchr(list, '.');
    if (!dot) return NULL;
    *dot = '\0';
    record = golden_find(golden, "arg", list);
    return record ? arguments->tensors[record - golden->records + 1 + atoi(dot + 1)] : NULL;
}

double golden_number(const GoldenArguments *arguments, const char *name) {
    const GoldenRecord *record = golden_find(arguments->golden, "arg", name);
    return record ? record->numbers[0] : NAN;
}

static const GoldenRecord *argument(const GoldenArguments *arguments, const char *name) {
    static const GoldenRecord none;
    const GoldenRecord *record = golden_find(arguments->golden, "arg", name);
    return record ? record : &none;
}

#define TENSOR(name) golden_tensor(arguments, name)
#define NUMBER(name) golden_number(arguments, name)
#define INTEGER(name) ((int64_t)NUMBER(name))
#define DIM(name) ((int)NUMBER(name))
#define FLAG(name) (NUMBER(name) != 0)
#define LIST(name) argument(arguments, name)->list, argument(arguments, name)->count
#define FIRST(name) ((int)argument(arguments, name)->list[0])
#define TENSORS(name)                                                                                        \
    arguments->tensors + (argument(arguments, name) - arguments->golden->records) + 1,                       \
        argument(arguments, name)->count
#define TEXT(name) argument(arguments, name)->text
#define REDUCTION ((ct_reduction)DIM("red"))
#define ADAPTER(name) static ct_tensor *name(const GoldenArguments *arguments, ct_tensor **others)
/* An adapter of an operation with one output. */
#define CALL(name, call)                                                                                     \
    ADAPTER(name) {                                                                                          \
        (void)others;                                                                                        \
        return call;                                                                                         \
    }

/* ---- adapters ---- */

/* PyTorch's add and sub take a factor for the second operand. */
static ct_tensor *scaled(const GoldenArguments *arguments) {
    double alpha = NUMBER("alpha");
    return alpha == 1 ? TENSOR("y") : ct_mul_scalar(TENSOR("y"), alpha);
}

CALL(add, ct_add(TENSOR("x"), scaled(arguments)))
CALL(sub, ct_sub(TENSOR("x"), scaled(arguments)))
CALL(clamp, ct_clamp(TENSOR("x"), ct_item(TENSOR("lo")), ct_item(TENSOR("hi"))))
CALL(leaky_relu, ct_leaky_relu(TENSOR("x"), NUMBER("slope")))
CALL(elu, ct_elu(TENSOR("x"), NUMBER("alpha")))
CALL(celu, ct_celu(TENSOR("x"), NUMBER("alpha")))
CALL(gelu, ct_gelu(TENSOR("x"), FLAG("tanh")))
CALL(softplus, ct_softplus(TENSOR("x"), NUMBER("beta"), NUMBER("threshold")))
CALL(glu, ct_glu(TENSOR("x"), DIM("dim")))
CALL(prelu, ct_prelu(TENSOR("x"), TENSOR("w")))
CALL(where, ct_where(TENSOR("c"), TENSOR("x"), TENSOR("y")))
CALL(masked_fill, ct_masked_fill(TENSOR("x"), TENSOR("mask"), ct_item(TENSOR("value"))))

/* The case has a tensor of weights, which wants a gradient; ct_lerp takes a number: composed. */
CALL(lerp, ct_add(TENSOR("x"), ct_mul(TENSOR("w"), ct_sub(TENSOR("y"), TENSOR("x")))))

CALL(var, ct_var_dim(TENSOR("x"), LIST("dims"), DIM("correction"), FLAG("keepdim")))
CALL(std, ct_std_dim(TENSOR("x"), LIST("dims"), DIM("correction"), FLAG("keepdim")))
CALL(vector_norm, ct_norm_dim(TENSOR("x"), LIST("dims"), NUMBER("p"), FLAG("keepdim")))
CALL(argmax, ct_argmax(TENSOR("x"), FIRST("dims"), FLAG("keepdim")))
CALL(argmin, ct_argmin(TENSOR("x"), FIRST("dims"), FLAG("keepdim")))

ADAPTER(max_dim) {
    return ct_max_dim(TENSOR("x"), DIM("dim"), FLAG("keepdim"), others);
}

ADAPTER(min_dim) {
    return ct_min_dim(TENSOR("x"), DIM("dim"), FLAG("keepdim"), others);
}

CALL(addmm, ct_addmm(TENSOR("x"), TENSOR("a"), TENSOR("b"), NUMBER("beta"), NUMBER("alpha")))
CALL(linear, ct_linear(TENSOR("x"), TENSOR("w"), TENSOR("b")))
CALL(einsum, ct_einsum(TEXT("eq"), TENSORS("xs")))
CALL(diagonal, ct_diagonal(TENSOR("x"), INTEGER("offset"), DIM("dim1"), DIM("dim2")))
CALL(tril, ct_tril(TENSOR("x"), INTEGER("k")))

CALL(reshape, ct_reshape(TENSOR("x"), LIST("shape")))
CALL(transpose, ct_transpose(TENSOR("x"), DIM("a"), DIM("b")))
CALL(permute, ct_permute(TENSOR("x"), LIST("dims")))
CALL(expand, ct_expand(TENSOR("x"), LIST("shape")))
CALL(slice, ct_slice(TENSOR("x"), DIM("dim"), INTEGER("start"), INTEGER("end"), INTEGER("step")))
CALL(select_index, ct_select(TENSOR("x"), DIM("dim"), INTEGER("index")))
CALL(unfold, ct_unfold(TENSOR("x"), DIM("dim"), INTEGER("size"), INTEGER("step")))
CALL(cat, ct_cat(TENSORS("xs"), DIM("dim")))
CALL(stack, ct_stack(TENSORS("xs"), DIM("dim")))
CALL(repeat, ct_repeat(TENSOR("x"), LIST("reps")))
CALL(flip, ct_flip(TENSOR("x"), LIST("dims")))

ADAPTER(pad) {
    static const char *const modes[] = {"constant", "reflect", "replicate", "circular"};
    (void)others;
    return ct_pad(TENSOR("x"), LIST("pad"), modes[DIM("mode")], NUMBER("value"));
}

CALL(cumsum, ct_cumsum(TENSOR("x"), DIM("dim")))
CALL(cumprod, ct_cumprod(TENSOR("x"), DIM("dim")))
CALL(roll, ct_roll(TENSOR("x"), argument(arguments, "shifts")->list, LIST("dims")))

ADAPTER(sort) {
    return ct_sort(TENSOR("x"), DIM("dim"), FLAG("descending"), others);
}

ADAPTER(topk) {
    return ct_topk(TENSOR("x"), INTEGER("k"), DIM("dim"), FLAG("largest"), others);
}

CALL(scatter, ct_scatter(TENSOR("x"), DIM("dim"), TENSOR("idx"), TENSOR("src")))
CALL(index_select, ct_index_select(TENSOR("x"), DIM("dim"), TENSOR("idx")))
CALL(gather, ct_gather(TENSOR("x"), DIM("dim"), TENSOR("idx")))
CALL(scatter_add, ct_scatter_add(TENSOR("x"), DIM("dim"), TENSOR("idx"), TENSOR("src")))
CALL(index_add,
     ct_index_add(TENSOR("x"), DIM("dim"), TENSOR("idx"), ct_mul_scalar(TENSOR("src"), NUMBER("alpha"))))
CALL(embedding, ct_embedding(TENSOR("w"), TENSOR("idx"), INTEGER("padding_idx")))
CALL(softmax, ct_softmax(TENSOR("x"), DIM("dim")))
CALL(log_softmax, ct_log_softmax(TENSOR("x"), DIM("dim")))

static int shape_length(const int64_t *shape, int ndim) {
    (void)shape;
    return ndim;
}
CALL(layer_norm, ct_layer_norm(TENSOR("x"), shape_length(LIST("shape")), TENSOR("w"), TENSOR("b"), NUMBER("eps")))
CALL(group_norm, ct_group_norm(TENSOR("x"), INTEGER("groups"), TENSOR("w"), TENSOR("b"), NUMBER("eps")))
CALL(normalize, ct_normalize(TENSOR("x"), NUMBER("p"), FIRST("dims"), NUMBER("eps")))
CALL(cosine_similarity, ct_cosine_similarity(TENSOR("x"), TENSOR("y"), DIM("dim"), NUMBER("eps")))
/* Running statistics change: those of the case stay. */
CALL(batch_norm, ct_batch_norm(TENSOR("x"), TENSOR("w"), TENSOR("b"), ct_clone(TENSOR("rm")), ct_clone(TENSOR("rv")),
                               FLAG("training"), NUMBER("momentum"), NUMBER("eps")))
ADAPTER(batch_norm_running) {
    ct_tensor *mean = ct_clone(TENSOR("rm")), *var = others[0] = ct_clone(TENSOR("rv"));
    return ct_batch_norm(TENSOR("x"), NULL, NULL, mean, var, true, NUMBER("momentum"), 1e-5) ? mean : NULL;
}

/* The second output of the cases are the weights, which take their history from v as well. */
ADAPTER(sdpa) {
    ct_tensor *q = TENSOR("q"), *k = TENSOR("k");
    ct_tensor *scores = ct_div_scalar(ct_matmul(q, ct_transpose(k, -2, -1)), sqrt((double)ct_size(q, -1)));
    if (FLAG("causal"))
        scores = ct_masked_fill(scores, ct_triu(ct_ones(CT_BOOL, CT_DIMS(ct_size(q, -2), ct_size(k, -2))), 1), -INFINITY);
    others[0] = ct_add(ct_softmax(scores, -1), ct_mul_scalar(ct_sum(TENSOR("v")), 0));
    return ct_scaled_dot_product_attention(q, k, TENSOR("v"), TENSOR("mask"), 0, FLAG("causal"));
}

/* A number for each dim. */
static void set_numbers(const GoldenArguments *arguments, const char *name, int64_t *numbers) {
    const GoldenRecord *record = argument(arguments, name);
    if (record->count > 0) memcpy(numbers, record->list, sizeof *numbers * (size_t)record->count);
}
typedef ct_tensor *Convolution(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_params *params);
static ct_tensor *convolution(const GoldenArguments *arguments, Convolution *function) {
    ct_conv_params params = CT_CONV_DEFAULTS;
    set_numbers(arguments, "stride", params.stride);
    set_numbers(arguments, "pad", params.padding);
    set_numbers(arguments, "dil", params.dilation);
    set_numbers(arguments, "outpad", params.output_padding);
    params.groups = INTEGER("groups");
    return function(TENSOR("x"), TENSOR("w"), TENSOR("b"), &params);
}
CALL(conv1d, convolution(arguments, ct_conv1d))
CALL(conv2d, convolution(arguments, ct_conv2d))
CALL(conv_transpose1d, convolution(arguments, ct_conv_transpose1d))
CALL(conv_transpose2d, convolution(arguments, ct_conv_transpose2d))

typedef ct_tensor *PoolFunction(ct_tensor *x, const ct_pool_params *params);
static ct_tensor *pooling(const GoldenArguments *arguments, PoolFunction *function) {
    ct_pool_params params = {.ceil_mode = FLAG("ceil"), .count_include_pad = FLAG("include_pad")};
    set_numbers(arguments, "k", params.kernel);
    set_numbers(arguments, "stride", params.stride);
    set_numbers(arguments, "pad", params.padding);
    set_numbers(arguments, "dil", params.dilation);
    return function(TENSOR("x"), &params);
}
CALL(max_pool1d, pooling(arguments, ct_max_pool1d))
CALL(max_pool2d, pooling(arguments, ct_max_pool2d))
CALL(avg_pool1d, pooling(arguments, ct_avg_pool1d))
CALL(avg_pool2d, pooling(arguments, ct_avg_pool2d))
CALL(adaptive_avg_pool2d,
     ct_adaptive_avg_pool2d(TENSOR("x"), argument(arguments, "size")->list[0], argument(arguments, "size")->list[1]))

CALL(bce, ct_bce_loss(TENSOR("x"), TENSOR("y"), TENSOR("w"), REDUCTION))
CALL(bce_with_logits,
     ct_bce_with_logits_loss(TENSOR("x"), TENSOR("y"), TENSOR("w"), TENSOR("pos_weight"), REDUCTION))
CALL(mse_loss, ct_mse_loss(TENSOR("x"), TENSOR("y"), REDUCTION))
CALL(l1_loss, ct_l1_loss(TENSOR("x"), TENSOR("y"), REDUCTION))
CALL(smooth_l1_loss, ct_smooth_l1_loss(TENSOR("x"), TENSOR("y"), NUMBER("beta"), REDUCTION))
CALL(huber_loss, ct_huber_loss(TENSOR("x"), TENSOR("y"), NUMBER("delta"), REDUCTION))
CALL(cross_entropy, ct_cross_entropy(TENSOR("x"), TENSOR("y"), TENSOR("w"), INTEGER("ignore"),
                                     NUMBER("smoothing"), REDUCTION))
CALL(nll_loss, ct_nll_loss(TENSOR("x"), TENSOR("y"), TENSOR("w"), INTEGER("ignore"), REDUCTION))
CALL(kl_div, ct_kl_div(TENSOR("x"), TENSOR("y"), FLAG("log_target"), REDUCTION))

/* ---- the table ---- */

static const GoldenOp ops[] = {
    {"neg", .unary = ct_neg},
    {"abs", .unary = ct_abs},
    {"sign", .unary = ct_sign},
    {"exp", .unary = ct_exp},
    {"expm1", .unary = ct_expm1},
    {"log", .unary = ct_log},
    {"log2", .unary = ct_log2},
    {"log1p", .unary = ct_log1p},
    {"sqrt", .unary = ct_sqrt},
    {"rsqrt", .unary = ct_rsqrt},
    {"square", .unary = ct_square},
    {"reciprocal", .unary = ct_reciprocal},
    {"sin", .unary = ct_sin},
    {"cos", .unary = ct_cos},
    {"tan", .unary = ct_tan},
    {"asin", .unary = ct_asin},
    {"acos", .unary = ct_acos},
    {"atan", .unary = ct_atan},
    {"sinh", .unary = ct_sinh},
    {"cosh", .unary = ct_cosh},
    {"tanh", .unary = ct_tanh},
    {"asinh", .unary = ct_asinh},
    {"acosh", .unary = ct_acosh},
    {"atanh", .unary = ct_atanh},
    {"sigmoid", .unary = ct_sigmoid},
    {"logsigmoid", .unary = ct_logsigmoid},
    {"relu", .unary = ct_relu},
    {"relu6", .unary = ct_relu6},
    {"silu", .unary = ct_silu},
    {"mish", .unary = ct_mish},
    {"selu", .unary = ct_selu},
    {"softsign", .unary = ct_softsign},
    {"hardsigmoid", .unary = ct_hardsigmoid},
    {"hardswish", .unary = ct_hardswish},
    {"floor", .unary = ct_floor},
    {"ceil", .unary = ct_ceil},
    {"round", .unary = ct_round},
    {"trunc", .unary = ct_trunc},
    {"erf", .unary = ct_erf},
    {"erfc", .unary = ct_erfc},
    {"lgamma", .unary = ct_lgamma},
    {"clamp", .adapter = clamp},
    {"leaky_relu", .adapter = leaky_relu},
    {"elu", .adapter = elu},
    {"celu", .adapter = celu},
    {"gelu", .adapter = gelu},
    {"softplus", .adapter = softplus},
    {"glu", .adapter = glu},
    {"prelu", .adapter = prelu},
    {"add", .adapter = add},
    {"sub", .adapter = sub},
    {"mul", .binary = ct_mul},
    {"div", .binary = ct_div},
    {"pow", .binary = ct_pow},
    {"fmod", .binary = ct_fmod},
    {"remainder", .binary = ct_remainder},
    {"maximum", .binary = ct_maximum},
    {"minimum", .binary = ct_minimum},
    {"atan2", .binary = ct_atan2},
    {"hypot", .binary = ct_hypot},
    {"lerp", .adapter = lerp},
    {"eq", .binary = ct_eq},
    {"ne", .binary = ct_ne},
    {"lt", .binary = ct_lt},
    {"le", .binary = ct_le},
    {"gt", .binary = ct_gt},
    {"ge", .binary = ct_ge},
    {"where", .adapter = where},
    {"masked_fill", .adapter = masked_fill},
    {"sum", .reduction = ct_sum_dim},
    {"mean", .reduction = ct_mean_dim},
    {"prod", .reduction = ct_prod_dim},
    {"amax", .reduction = ct_amax},
    {"amin", .reduction = ct_amin},
    {"logsumexp", .reduction = ct_logsumexp_dim},
    {"var", .adapter = var},
    {"std", .adapter = std},
    {"vector_norm", .adapter = vector_norm},
    {"argmax", .adapter = argmax},
    {"argmin", .adapter = argmin},
    {"max_dim", .adapter = max_dim},
    {"min_dim", .adapter = min_dim},
    {"matmul", .binary = ct_matmul},
    {"outer", .binary = ct_outer},
    {"addmm", .adapter = addmm},
    {"linear", .adapter = linear},
    {"einsum", .adapter = einsum},
    {"tril", .adapter = tril},
    {"diagonal", .adapter = diagonal},
    {"trace", .unary = ct_trace},
    {"reshape", .adapter = reshape},
    {"transpose", .adapter = transpose},
    {"permute", .adapter = permute},
    {"expand", .adapter = expand},
    {"slice", .adapter = slice},
    {"select", .adapter = select_index},
    {"unfold", .adapter = unfold},
    {"cat", .adapter = cat},
    {"stack", .adapter = stack},
    {"repeat", .adapter = repeat},
    {"flip", .adapter = flip},
    {"pad", .adapter = pad},
    {"cumsum", .adapter = cumsum},
    {"cumprod", .adapter = cumprod},
    {"roll", .adapter = roll},
    {"sort", .adapter = sort},
    {"topk", .adapter = topk},
    {"scatter", .adapter = scatter},
    {"index_select", .adapter = index_select},
    {"gather", .adapter = gather},
    {"scatter_add", .adapter = scatter_add},
    {"index_add", .adapter = index_add},
    {"embedding", .adapter = embedding},
    {"softmax", .adapter = softmax},
    {"log_softmax", .adapter = log_softmax},
    {"layer_norm", .adapter = layer_norm},
    {"group_norm", .adapter = group_norm},
    {"batch_norm", .adapter = batch_norm},
    {"batch_norm_running", .adapter = batch_norm_running},
    {"normalize", .adapter = normalize},
    {"cosine_similarity", .adapter = cosine_similarity},
    {"sdpa", .adapter = sdpa},
    {"conv1d", .adapter = conv1d},
    {"conv2d", .adapter = conv2d},
    {"conv_transpose1d", .adapter = conv_transpose1d},
    {"conv_transpose2d", .adapter = conv_transpose2d},
    {"max_pool1d", .adapter = max_pool1d},
    {"max_pool2d", .adapter = max_pool2d},
    {"avg_pool1d", .adapter = avg_pool1d},
    {"avg_pool2d", .adapter = avg_pool2d},
    {"adaptive_avg_pool2d", .adapter = adaptive_avg_pool2d},
    {"bce", .adapter = bce},
    {"bce_with_logits", .adapter = bce_with_logits},
    {"mse_loss", .adapter = mse_loss},
    {"l1_loss", .adapter = l1_loss},
    {"smooth_l1_loss", .adapter = smooth_l1_loss},
    {"huber_loss", .adapter = huber_loss},
    {"cross_entropy", .adapter = cross_entropy},
    {"cross_entropy_prob", .adapter = cross_entropy},
    {"nll_loss", .adapter = nll_loss},
    {"kl_div", .adapter = kl_div},
};

const GoldenOp *golden_op(const char *name) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, name) == 0) return &ops[i];
    return NULL;
}

void golden_call(const GoldenOp *op, const GoldenArguments *arguments, ct_tensor *outputs[GOLDEN_OUTPUTS]) {
    if (op->unary)
        outputs[0] = op->unary(TENSOR("x"));
    else if (op->binary)
        outputs[0] = op->binary(TENSOR("x"), TENSOR("y"));
    else if (op->reduction)
        outputs[0] = op->reduction(TENSOR("x"), LIST("dims"), FLAG("keepdim"));
    else
        outputs[0] = op->adapter(arguments, outputs + 1);
}
