/* Rows: views, joining. A view's reference is the place of each of its elements in the row-major operand. */
#include "optable.h"
#include <string.h>

#define X(...) OPERAND(REAL, -3, 3, __VA_ARGS__)
#define LIST(...)                                                                                            \
    { __VA_ARGS__ }
#define COUNT(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
/* dims: what the call takes; sizes, strides, offset: the result's places in x. */
#define VIEW(name_, variant_, adapter, operand, flags_, sizes_, strides_, offset_, ...)                      \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = strided, .x = {operand},              \
        .dtypes = ANY_DTYPE, .flags = EXACT | (flags_), .shape = {SIZES sizes_}, .strides = LIST strides_,   \
        .offset = offset_, .dims = {__VA_ARGS__}, .ndims = COUNT(__VA_ARGS__)                                \
    }
#define SAME_ORDER(name_, variant_, adapter, operand, flags_, sizes_, ...)                                   \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = same_order, .x = {operand},           \
        .dtypes = ANY_DTYPE, .flags = EXACT | (flags_), .shape = {SIZES sizes_}, .dims = {__VA_ARGS__},      \
        .ndims = COUNT(__VA_ARGS__)                                                                          \
    }
#define TO_0DIM(name_, variant_, adapter, operand, flags_)                                                   \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = same_order, .x = {operand},           \
        .dtypes = ANY_DTYPE, .flags = EXACT | (flags_)                                                       \
    }
#define INDEXED(text_, sizes_, strides_, offset_)                                                            \
    {                                                                                                        \
        .name = "ct_at", .variant = text_, .text = text_, .call = at_text, .entry = strided,                 \
        .x = {X(3, 4, 5)}, .dtypes = ANY_DTYPE, .flags = EXACT | SHARES, .shape = {SIZES sizes_},            \
        .strides = LIST strides_, .offset = offset_                                                          \
    }
/* dims: those of the call; the piece that is looked at and the number of pieces. */
#define PIECE(name_, variant_, adapter, sizes_, strides_, offset_, size, dim, piece, pieces)                 \
    VIEW(name_, variant_, adapter, X(3, 5), SHARES, sizes_, strides_, offset_, size, dim, piece, pieces)
/* offset: the dim that is joined. */
#define JOIN(name_, variant_, adapter, f, dim, sizes_, ...)                                                  \
    {                                                                                                        \
        .name = #name_, .variant = variant_, .call = adapter, .entry = f, .x = {__VA_ARGS__},                \
        .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES sizes_}, .offset = dim                          \
    }
#define REPEAT(variant_, operand, sizes_, ...)                                                               \
    {                                                                                                        \
        .name = "ct_repeat", .variant = variant_, .call = repeat, .entry = repeated, .x = {operand},         \
        .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES sizes_}, .dims = {__VA_ARGS__},                 \
        .ndims = COUNT(__VA_ARGS__)                                                                          \
    }
#define ROLL(variant_, adapter, operand, sizes_, ...)                                                        \
    {                                                                                                        \
        .name = "ct_roll", .variant = variant_, .call = adapter, .entry = rolled, .x = {operand},            \
        .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES sizes_}, .dims = {__VA_ARGS__},                 \
        .ndims = COUNT(__VA_ARGS__)                                                                          \
    }
#define PAD(mode, variant_, f, operand, sizes_, ...)                                                         \
    {                                                                                                        \
        .name = "ct_pad", .variant = mode variant_, .text = mode, .call = pad, .entry = f, .x = {operand},   \
        .p = {7}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES sizes_}, .dims = {__VA_ARGS__},       \
        .ndims = COUNT(__VA_ARGS__)                                                                          \
    }

/* ---- references ---- */

/* Which of the joined operands holds the index, which counts on within it. */
static double joined_at(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    int operand = 0, dim = (int)row->offset;
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    while (index[dim] >= x[operand].shape.sizes[dim]) index[dim] -= x[operand++].shape.sizes[dim];
    return dense_at(&x[operand], index, row->shape.ndim);
}
static double stacked_at(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    int n = 0;
    for (int d = 0; d < row->shape.ndim; d++)
        if (d != row->offset) index[n++] = at[d];
    return dense_at(&x[at[row->offset]], index, n);
}
static double repeated(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    int lead = row->shape.ndim - x->shape.ndim;
    for (int d = 0; d < x->shape.ndim; d++) index[d] = at[lead + d] % x->shape.sizes[d];
    return dense_at(x, index, x->shape.ndim);
}

static double repeated_each(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS], dim = row->dims[1];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    index[dim] /= row->dims[0];
    return dense_at(x, index, row->shape.ndim);
}
/* dims: shifts, then dims; without dims x is taken as flattened. */
static double rolled(const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS], n = row->ndims / 2, all = dense_numel(x);
    if (n == 0) return x->values[((at[0] * row->shape.sizes[1] + at[1] - row->dims[0]) % all + all) % all];
    memcpy(index, at, sizeof(int64_t) * (size_t)row->shape.ndim);
    for (int64_t i = 0; i < n; i++) {
        int64_t dim = row->dims[n + i], size = x->shape.sizes[dim];
        index[dim] = ((index[dim] - row->dims[i]) % size + size) % size;
    }
    return dense_at(x, index, row->shape.ndim);
}
/* Grid at[0] of those stacked. */
static double grid_at(const int64_t *at, const Dense *x, const Row *row) {
    (void)row;
    return x[at[0]].values[x[at[0]].shape.ndim ? at[1 + at[0]] : 0];
}

/* Where padding takes index i of a dim of size n from: -1 for the constant. */
static int64_t source_of(char mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (mode) {
    case 'r':
        return i < 0 ? -i : 2 * (n - 1) - i;
    case 'e':
        return i < 0 ? 0 : n - 1;
    case 'c':
        return (i + n) % n;
    default:
        return -1;
    }
}
static double padded(char mode, const int64_t *at, const Dense *x, const Row *row) {
    int64_t index[CT_MAX_DIMS];
    int ndim = row->shape.ndim;
    for (int d = 0; d < ndim; d++) {
        int pair = 2 * (ndim - 1 - d);
        int64_t before = pair < row->ndims ? row->dims[pair] : 0;
        index[d] = source_of(mode, at[d] - before, x->shape.sizes[d]);
        if (index[d] < 0) return row->p[0];
    }
    return dense_at(x, index, ndim);
}
static double padded_constant(const int64_t *at, const Dense *x, const Row *row) {
    return padded('k', at, x, row);
}
static double padded_reflected(const int64_t *at, const Dense *x, const Row *row) {
    return padded('r', at, x, row);
}
static double padded_replicated(const int64_t *at, const Dense *x, const Row *row) {
    return padded('e', at, x, row);
}
static double padded_circular(const int64_t *at, const Dense *x, const Row *row) {
    return padded('c', at, x, row);
}

/* ---- calls ---- */

#define DIM(i) ((int)row->dims[i])
CALL(reshape, ct_reshape(x[0], row->dims, row->ndims))
CALL(reshape_to_0dim, ct_reshape(x[0], NULL, 0))
CALL(view, ct_view(x[0], row->dims, row->ndims))
CALL(flatten, ct_flatten(x[0], DIM(0), DIM(1)))
CALL(unflatten, ct_unflatten(x[0], DIM(0), row->dims + 1, row->ndims - 1))
CALL(transpose, ct_transpose(x[0], DIM(0), DIM(1)))
CALL(transpose_2d, ct_t(x[0]))
CALL(permute, ct_permute(x[0], row->dims, row->ndims))
CALL(movedim, ct_movedim(x[0], DIM(0), DIM(1)))
CALL(expand, ct_expand(x[0], row->dims, row->ndims))
CALL(broadcast_to, ct_broadcast_to(x[0], row->dims, row->ndims))
CALL(squeeze, ct_squeeze(x[0]))
CALL(squeeze_dim, ct_squeeze_dim(x[0], DIM(0)))
CALL(unsqueeze, ct_unsqueeze(x[0], DIM(0)))
CALL(slice, ct_slice(x[0], DIM(0), row->dims[1], row->dims[2], row->dims[3]))
CALL(select_one, ct_select(x[0], DIM(0), row->dims[1]))
CALL(narrow, ct_narrow(x[0], DIM(0), row->dims[1], row->dims[2]))
CALL(as_strided, ct_as_strided(x[0], row->shape.sizes, row->shape.ndim, row->strides, row->offset))
CALL(unfold, ct_unfold(x[0], DIM(0), row->dims[1], row->dims[2]))
CALL(at_text, ct_at(x[0], row->text))
CALL(cat, ct_cat(x, operand_count(row), (int)row->offset))
CALL(cat_from_the_end, ct_cat(x, operand_count(row), (int)row->offset - row->shape.ndim))
CALL(stack, ct_stack(x, operand_count(row), (int)row->offset))
CALL(repeat, ct_repeat(x[0], row->dims, row->ndims))
CALL(tile, ct_tile(x[0], row->dims, row->ndims))
CALL(repeat_interleave, ct_repeat_interleave(x[0], row->dims[0], DIM(1)))
CALL(roll, ct_roll(x[0], row->dims, row->dims + row->ndims / 2, row->ndims / 2))
CALL(roll_flat, ct_roll(x[0], row->dims, NULL, 1))
static ct_tensor *meshgrid(ct_tensor *const *x, const Row *row) {
    ct_tensor *grids[MAX_ROW_OPERANDS];
    int n = operand_count(row);
    return ct_meshgrid(x, n, grids) == CT_OK ? ct_stack(grids, n, 0) : NULL;
}
CALL(flip, ct_flip(x[0], row->dims, row->ndims))
CALL(pad, ct_pad(x[0], row->dims, row->ndims, row->text, row->p[0]))

/* The piece, once the count is as the row says. */
static ct_tensor *piece_of(const Row *row, ct_tensor **pieces, int count) {
    if (count < 0) return NULL;
    ck_assert_msg(count == DIM(3), "%s gives %d pieces, not %d", row->name, count, DIM(3));
    return pieces[DIM(2)];
}
static ct_tensor *split(ct_tensor *const *x, const Row *row) {
    ct_tensor *pieces[8];
    return piece_of(row, pieces, ct_split(x[0], row->dims[0], DIM(1), pieces, 8));
}
static ct_tensor *chunk(ct_tensor *const *x, const Row *row) {
    ct_tensor *pieces[8];
    return piece_of(row, pieces, ct_chunk(x[0], row->dims[0], DIM(1), pieces, 8));
}
static ct_tensor *unbind(ct_tensor *const *x, const Row *row) {
    ct_tensor *pieces[8];
    return piece_of(row, pieces, ct_unbind(x[0], DIM(1), pieces, 8));
}

static const Row rows[] = {
    SAME_ORDER(ct_reshape, "3 dims", reshape, X(4, 6), 0, (2, 3, 4), 2, 3, 4),
    SAME_ORDER(ct_reshape, "-1", reshape, X(4, 6), 0, (8, 3), -1, 3),
    SAME_ORDER(ct_reshape, "same shape", reshape, X(4, 6), 0, (4, 6), 4, 6),
    SAME_ORDER(ct_reshape, "empty", reshape, X(4, 0), 0, (0, 3), 0, 3),
    TO_0DIM(ct_reshape, "to 0-dim", reshape_to_0dim, X(1, 1), SHARES),
    SAME_ORDER(ct_view, "3 dims", view, X(4, 6), SHARES | ROW_MAJOR_ONLY, (2, 2, 6), 2, 2, 6),
    SAME_ORDER(ct_view, "-1", view, X(4, 6), SHARES | ROW_MAJOR_ONLY, (24), -1),
    SAME_ORDER(ct_flatten, "all", flatten, X(2, 3, 4), 0, (24), 0, -1),
    SAME_ORDER(ct_flatten, "last two", flatten, X(2, 3, 4), 0, (2, 12), 1, 2),
    {.name = "ct_flatten",
     .variant = "0-dim",
     .call = flatten,
     .entry = same_order,
     .x = {SCALAR_OPERAND(REAL, -3, 3)},
     .dtypes = ANY_DTYPE,
     .flags = EXACT,
     .shape = {SIZES(1)},
     .dims = {0, -1},
     .ndims = 2},
    SAME_ORDER(ct_unflatten, "-1", unflatten, X(2, 12), 0, (2, 3, 4), 1, 3, -1),
    SAME_ORDER(ct_unflatten, "first", unflatten, X(6, 4), 0, (2, 3, 4), 0, 2, 3),
    VIEW(ct_transpose, "first and last", transpose, X(2, 3, 4), SHARES, (4, 3, 2), (1, 4, 12), 0, 0, -1),
    VIEW(ct_transpose, "a dim with itself", transpose, X(2, 3), SHARES, (2, 3), (3, 1), 0, 1, 1),
    VIEW(ct_t, "matrix", transpose_2d, X(2, 3), SHARES, (3, 2), (1, 3), 0, 0),
    VIEW(ct_t, "vector", transpose_2d, X(3), SHARES, (3), (1), 0, 0),
    VIEW(ct_permute, NULL, permute, X(2, 3, 4), SHARES, (4, 2, 3), (1, 12, 4), 0, 2, 0, 1),
    VIEW(ct_permute, "negative", permute, X(2, 3, 4), SHARES, (3, 4, 2), (4, 1, 12), 0, -2, -1, 0),
    VIEW(ct_movedim, NULL, movedim, X(2, 3, 4), SHARES, (3, 4, 2), (4, 1, 12), 0, 0, -1),
    VIEW(ct_movedim, "back", movedim, X(2, 3, 4), SHARES, (4, 2, 3), (1, 12, 4), 0, 2, 0),
    VIEW(ct_expand, "size 1", expand, X(3, 1), SHARES, (3, 4), (1, 0), 0, -1, 4),
    VIEW(ct_expand, "new dims", expand, X(3, 1), SHARES, (2, 3, 1), (0, 1, 1), 0, 2, -1, -1),
    VIEW(ct_expand, "to no elements", expand, X(1, 3), SHARES, (0, 3), (0, 1), 0, 0, 3),
    VIEW(ct_broadcast_to, NULL, broadcast_to, X(3, 1), SHARES, (2, 3, 4), (0, 1, 0), 0, 2, 3, 4),
    SAME_ORDER(ct_squeeze, "two of them", squeeze, X(1, 3, 1, 2), SHARES, (3, 2), 0),
    TO_0DIM(ct_squeeze, "to 0-dim", squeeze, X(1, 1), SHARES),
    SAME_ORDER(ct_squeeze_dim, "size 1", squeeze_dim, X(1, 3, 1), SHARES, (1, 3), -1),
    SAME_ORDER(ct_squeeze_dim, "size 3 stays", squeeze_dim, X(1, 3, 1), SHARES, (1, 3, 1), 1),
    SAME_ORDER(ct_unsqueeze, "first", unsqueeze, X(2, 3), SHARES, (1, 2, 3), 0),
    SAME_ORDER(ct_unsqueeze, "last", unsqueeze, X(2, 3), SHARES, (2, 3, 1), -1),
    VIEW(ct_slice, "step 2", slice, X(3, 7), SHARES, (3, 3), (7, 2), 1, 1, 1, 6, 2),
    VIEW(ct_slice, "backwards", slice, X(3, 7), SHARES, (3, 7), (7, -1), 6, 1, CT_END, -8, -1),
    VIEW(ct_slice, "backwards by 3", slice, X(3, 7), SHARES, (3, 2), (7, -3), 5, 1, 5, 0, -3),
    VIEW(ct_slice, "bounds clamp", slice, X(3, 7), SHARES, (2, 7), (7, 1), 7, 0, -2, 99, 1),
    VIEW(ct_slice, "nothing", slice, X(3, 7), SHARES, (3, 0), (7, 1), 0, 1, 4, 2, 1),
    VIEW(ct_select, "first dim", select_one, X(3, 4), SHARES, (4), (1), 8, 0, 2),
    VIEW(ct_select, "from the end", select_one, X(3, 4), SHARES, (3), (4), 3, -1, -1),
    VIEW(ct_narrow, NULL, narrow, X(3, 5), SHARES, (3, 2), (5, 1), 2, 1, 2, 2),
    VIEW(ct_narrow, "to nothing", narrow, X(3, 5), SHARES, (0, 5), (5, 1), 0, 0, 3, 0),
    VIEW(ct_as_strided, NULL, as_strided, X(4, 5), SHARES | ROW_MAJOR_ONLY, (3, 2), (5, 2), 3, 0),
    VIEW(ct_as_strided, "overlapping", as_strided, X(4, 5), SHARES | ROW_MAJOR_ONLY, (3, 4), (2, 1), 1, 0),
    VIEW(ct_unfold, "last", unfold, X(2, 7), SHARES, (2, 3, 3), (7, 2, 1), 0, 1, 3, 2),
    VIEW(ct_unfold, "first", unfold, X(5, 2), SHARES, (4, 2, 2), (2, 1, 2), 0, 0, 2, 1),
    INDEXED("1", (4, 5), (5, 1), 20),
    INDEXED("..., -1", (3, 4), (20, 5), 4),
    INDEXED("1:, ::2", (2, 2, 5), (20, 10, 1), 20),
    INDEXED("..., 1:-1, None, ::-1", (3, 2, 1, 5), (20, 5, 0, -1), 9),
    INDEXED(":, 3, 1:4", (3, 3), (20, 1), 16),
    PIECE(ct_split, "first piece", split, (3, 2), (5, 1), 0, 2, 1, 0, 3),
    PIECE(ct_split, "smaller last piece", split, (3, 1), (5, 1), 4, 2, 1, 2, 3),
    PIECE(ct_chunk, "first piece", chunk, (2, 5), (5, 1), 0, 2, 0, 0, 2),
    PIECE(ct_chunk, "last piece", chunk, (1, 5), (5, 1), 10, 2, 0, 1, 2),
    PIECE(ct_unbind, "first dim", unbind, (5), (1), 5, 0, 0, 1, 3),
    PIECE(ct_unbind, "last dim", unbind, (3), (5), 2, 0, -1, 2, 5),
    JOIN(ct_cat, "first dim", cat, joined_at, 0, (6, 3), X(2, 3), X(1, 3), X(3, 3)),
    JOIN(ct_cat, "last dim", cat_from_the_end, joined_at, 1, (2, 7), X(2, 3), X(2, 0), X(2, 4)),
    JOIN(ct_cat, "one", cat, joined_at, 0, (2, 3), X(2, 3)),
    JOIN(ct_stack, "first dim", stack, stacked_at, 0, (3, 2, 3), X(2, 3), X(2, 3), X(2, 3)),
    JOIN(ct_stack, "last dim", stack, stacked_at, 2, (2, 3, 2), X(2, 3), X(2, 3)),
    JOIN(ct_stack, "0-dim ones", stack, stacked_at, 0, (2), SCALAR_OPERAND(REAL, -3, 3),
         SCALAR_OPERAND(REAL, -3, 3)),
    REPEAT("same rank", X(2, 3), (4, 9), 2, 3),
    REPEAT("a new dim", X(2, 3), (2, 2, 6), 2, 1, 2),
    REPEAT("none", X(2, 3), (0, 3), 0, 1),
    {.name = "ct_tile", .variant = "fewer counts", .call = tile, .entry = repeated, .x = {X(2, 3)},
     .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(2, 6)}, .dims = {2}, .ndims = 1},
    {.name = "ct_tile", .variant = "a new dim", .call = tile, .entry = repeated, .x = {X(2, 3)},
     .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(2, 2, 9)}, .dims = {2, 1, 3}, .ndims = 3},
    {.name = "ct_repeat_interleave", .variant = "first", .call = repeat_interleave, .entry = repeated_each,
     .x = {X(2, 3)}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(6, 3)}, .dims = {3, 0}, .ndims = 2},
    {.name = "ct_repeat_interleave", .variant = "middle", .call = repeat_interleave, .entry = repeated_each,
     .x = {X(2, 3, 4)}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(2, 6, 4)}, .dims = {2, 1}, .ndims = 2},
    {.name = "ct_repeat_interleave", .variant = "once", .call = repeat_interleave, .entry = repeated_each,
     .x = {X(2, 3)}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(2, 3)}, .dims = {1, 1}, .ndims = 2},
    {.name = "ct_repeat_interleave", .variant = "none", .call = repeat_interleave, .entry = repeated_each,
     .x = {X(2, 3)}, .dtypes = ANY_DTYPE, .flags = EXACT, .shape = {SIZES(2, 0)}, .dims = {0, 1}, .ndims = 2},
    ROLL("one dim", roll, X(2, 5), (2, 5), 2, 1),
    ROLL("two dims, far and back", roll, X(3, 4), (3, 4), 7, -1, 0, 1),
    ROLL("a dim twice", roll, X(3, 4), (3, 4), 1, -2, 1, 1),
    ROLL("not at all", roll, X(3, 4), (3, 4), 4, 1),
    ROLL("flattened", roll_flat, X(3, 4), (3, 4), 5),
    {.name = "ct_meshgrid", .call = meshgrid, .entry = grid_at, .x = {X(2), X(3), X(4)}, .dtypes = ANY_DTYPE,
     .flags = EXACT | FIXED_DTYPE, .shape = {SIZES(3, 2, 3, 4)}},
    {.name = "ct_meshgrid", .variant = "0-dim", .call = meshgrid, .entry = grid_at,
     .x = {X(2), SCALAR_OPERAND(REAL, -3, 3)}, .dtypes = ANY_DTYPE, .flags = EXACT | FIXED_DTYPE,
     .shape = {SIZES(2, 2, 1)}},
    VIEW(ct_flip, "one dim", flip, X(3, 4), 0, (3, 4), (4, -1), 3, 1),
    VIEW(ct_flip, "two dims", flip, X(2, 3, 4), 0, (2, 3, 4), (-12, 4, -1), 15, 0, -1),
    PAD("constant", "", padded_constant, X(3, 4), (6, 6), 1, 1, 2, 1),
    PAD("constant", ", cropped", padded_constant, X(3, 4), (3, 3), -2, 1),
    PAD("constant", ", cropped to nothing", padded_constant, X(3, 4), (3, 0), -2, -2),
    PAD("constant", ", of nothing", padded_constant, X(3, 0), (3, 2), 1, 1),
    PAD("reflect", "", padded_reflected, X(2, 3, 4), (2, 3, 8), 1, 3),
    PAD("reflect", ", two dims", padded_reflected, X(2, 3, 4), (2, 6, 6), 2, 0, 1, 2),
    PAD("replicate", "", padded_replicated, X(2, 3, 4), (2, 3, 11), 2, 5),
    PAD("replicate", ", two dims", padded_replicated, X(2, 3, 4), (2, 5, 6), 1, 1, 2, 0),
    PAD("circular", "", padded_circular, X(2, 3, 4), (2, 3, 9), 4, 1),
    PAD("circular", ", two dims", padded_circular, X(2, 3, 4), (2, 5, 7), 1, 2, 1, 1),
};
const RowGroup optable_shape = ROW_GROUP(rows);
