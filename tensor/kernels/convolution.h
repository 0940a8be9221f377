/* Convolution for T as a product of matrices (tile.h) whose one factor, the patches, is packed from the operand block
 * by block and never stored whole. Row k = tap · channels + channel of it holds, for each place of the result, the
 * number that this tap meets there; one row more, of ones, serves a bias.
 *
 * Included once for each floating type with T, S(name), LANES, ROWS, LANE (an integer of T's size), after matmul.h. */

#define COLUMNS S(tile_columns)

typedef LANE S(Lane);
typedef S(Lane) S(Mask) __attribute__((vector_size(LANES * sizeof(T))));

/* Places [at, at + n) of a block, neighbours in a row of the result. */
typedef struct {
    int64_t at, n;
    int64_t place[3]; /* that the first of them meets with the first tap, */
    int64_t from;     /* and where that lies */
} S(Piece);

typedef struct {
    int64_t count;
    bool inside;     /* whether all that they meet lies in the operand, neighbours beside each other */
    int64_t last[3]; /* the last tap's place */
    S(Piece) pieces[COLUMNS];
} S(Block);

static inline int64_t S(offset)(const Convolution *c, const int64_t *place) {
    return (place[0] * c->size[1] + place[1]) * c->size[2] + place[2];
}

/* Whether vectors from there on, in any of x's first `channels` channels, lie in [low, high). */
static inline bool S(is_within)(const Convolution *c, const T *x, int64_t channels, int64_t from, const T *low,
                                const T *high) {
    return x + from >= low && x + (channels - 1) * c->plane + from + LANES <= high;
}

/* Where a tap lies from the first one; and the next one. */
static inline void S(tap_place)(const Convolution *c, int64_t tap, int64_t *place) {
    place[2] = tap % c->kernel[2] * c->dilation[2];
    place[1] = tap / c->kernel[2] % c->kernel[1] * c->dilation[1];
    place[0] = tap / c->kernel[2] / c->kernel[1] * c->dilation[0];
}

static inline void S(next_tap)(const Convolution *c, int64_t *place) {
    for (int d = 2; d >= 0; d--) {
        place[d] += c->dilation[d];
        if (place[d] < c->kernel[d] * c->dilation[d]) return;
        place[d] = 0;
    }
}

static inline bool S(lies_inside)(const Convolution *c, const S(Piece) *piece) {
    for (int d = 0; d < 3; d++) {
        const int64_t last = (c->kernel[d] - 1) * c->dilation[d] + (d == 2 ? piece->n - 1 : 0);
        if (piece->place[d] < 0 || piece->place[d] + last >= c->size[d]) return false;
    }
    return true;
}

/* Cuts n places from `first` on into pieces of at most LANES. */
static void S(cut_block)(const Convolution *c, int64_t first, int64_t n, S(Block) *block) {
    const int64_t *out = c->out;
    int64_t w = first % out[2], h = first / out[2] % out[1], d = first / out[2] / out[1];
    S(Piece) *piece = block->pieces;
    block->inside = c->neighbours;
    for (int64_t at = 0; at < n; piece++) {
        int64_t length = out[2] - w < n - at ? out[2] - w : n - at;
        if (length > LANES) length = LANES;
        *piece = (S(Piece)){at, length, {d * c->stride[0] - c->pad[0], h * c->stride[1] - c->pad[1],
                                         w * c->stride[2] - c->pad[2]}, 0};
        piece->from = S(offset)(c, piece->place);
        block->inside = block->inside && S(lies_inside)(c, piece);
        at += length;
        if ((w += length) == out[2]) {
            w = 0;
            if (++h == out[1]) h = 0, d++;
        }
    }
    block->count = piece - block->pieces;
    S(tap_place)(c, c->taps - 1, block->last);
}

/* Rows of one tap for n channels from x on, where all is inside: what a vector copies too much, the next one
 * overwrites. */
static inline void S(copy_inside)(const Convolution *c, const S(Block) *block, const T *x, int64_t n, T *out,
                                  int64_t width) {
    for (; n > 0; n--, x += c->plane, out += width)
        for (int64_t i = 0; i < block->count; i++)
            *(S(Vector) *)(out + block->pieces[i].at) = *(const S(Vector) *)(x + block->pieces[i].from);
}

typedef struct {
    int64_t from;
    S(Mask) mask; /* of the lanes that meet the operand */
} S(Clipped);

/* What the pieces meet with one tap; false where a vector from x on would leave [begin, end). */
static bool S(clip)(const Convolution *c, const S(Block) *block, const int64_t *tap, const T *x, int64_t channels,
                    const T *begin, const T *end, S(Clipped) *clipped) {
    S(Mask) lanes;
    for (int i = 0; i < LANES; i++) lanes[i] = i;
    for (int64_t i = 0; i < block->count; i++) {
        int64_t at[3];
        for (int d = 0; d < 3; d++) at[d] = block->pieces[i].place[d] + tap[d];
        const bool hit = at[0] >= 0 && at[0] < c->size[0] && at[1] >= 0 && at[1] < c->size[1] && at[2] > -LANES &&
                         at[2] < c->size[2]; /* then its place is near, and fits a lane */
        const int64_t left = c->size[2] - at[2], n = block->pieces[i].n;
        const S(Lane) low = (S(Lane))(hit ? -at[2] : LANES), high = (S(Lane))(hit && left < n ? left : n);
        clipped[i].mask = (lanes >= low) & (lanes < high);
        clipped[i].from = hit ? S(offset)(c, at) : 0;
        if (!S(is_within)(c, x, channels, clipped[i].from, begin, end)) return false;
    }
    return true;
}

/* Rows of one tap with zeros around the operand. */
static void S(copy_clipped)(const Convolution *c, const S(Block) *block, const S(Clipped) *clipped, const T *x,
                            int64_t n, T *out, int64_t width) {
    for (; n > 0; n--, x += c->plane, out += width)
        for (int64_t i = 0; i < block->count; i++) {
            S(Mask) bits = (S(Mask))*(const S(Vector) *)(x + clipped[i].from) & clipped[i].mask;
            *(S(Vector) *)(out + block->pieces[i].at) = (S(Vector))bits;
        }
}

/* For any strides: the place that each column meets with one tap, or -1. */
static int64_t S(meet_tap)(const Convolution *c, const S(Block) *block, const int64_t *tap, int64_t *from) {
    int64_t places = 0;
    for (int64_t i = 0; i < block->count; i++)
        for (int64_t j = 0; j < block->pieces[i].n; j++) {
            int64_t at[3];
            bool hit = true;
            for (int d = 0; d < 3; d++) {
                at[d] = block->pieces[i].place[d] + tap[d] + (d == 2 ? j * c->stride[2] : 0);
                hit = hit && at[d] >= 0 && at[d] < c->size[d];
            }
            from[places++] = hit ? S(offset)(c, at) : -1;
        }
    return places;
}

static void S(copy_strided)(const Convolution *c, const S(Block) *block, const int64_t *tap, const T *x, int64_t n,
                           T *out, int64_t width) {
    int64_t from[COLUMNS];
    const int64_t places = S(meet_tap)(c, block, tap, from);
    for (; n > 0; n--, x += c->plane, out += width)
        for (int64_t i = 0; i < places; i++) out[i] = from[i] < 0 ? 0 : x[from[i]];
}

/* Rows [k, k + depth) of the patches, `width` apart; out has room for a vector behind them. */
static void S(pack_patches)(const Convolution *c, const S(Block) *block, const T *x, int64_t k, int64_t depth, T *out,
                            int64_t width) {
    int64_t channel = k % c->channels, tap[3];
    const int64_t end_k = c->taps * c->channels;
    S(Clipped) clipped[COLUMNS];
    const T *begin = (const T *)c->x, *end = begin + c->numel;
    const int64_t furthest = block->pieces[block->count - 1].from + S(offset)(c, block->last);
    const bool inside = block->inside && S(is_within)(c, x, c->channels, furthest, begin, end);
    S(tap_place)(c, k / c->channels, tap);
    for (int64_t rows; depth > 0 && k < end_k; k += rows, depth -= rows, out += rows * width, channel = 0) {
        const T *in = x + channel * c->plane;
        rows = depth < c->channels - channel ? depth : c->channels - channel;
        if (inside) S(copy_inside)(c, block, in + S(offset)(c, tap), rows, out, width);
        else if (c->neighbours && S(clip)(c, block, tap, x, c->channels, begin, end, clipped))
            S(copy_clipped)(c, block, clipped, in, rows, out, width);
        else S(copy_strided)(c, block, tap, in, rows, out, width);
        S(next_tap)(c, tap);
    }
    if (depth > 0)
        for (int64_t i = 0; i < width; i++) out[i] = 1;
}

/* Strips [begin, end) of the filters, of all groups: rows of `depth` weights, interleaved, the bias last. */
static int64_t S(pack_filters)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    for (int64_t s = begin; s < end; s++) {
        const int64_t group = s / c->strips, first = s % c->strips * c->filters / c->strips;
        const int64_t rows = (s % c->strips + 1) * c->filters / c->strips - first;
        T *out = (T *)c->packed + (group * c->filters + first) * c->depth;
        for (int64_t i = 0; i < rows; i++) {
            const T *w = (const T *)c->weight + group * c->weight_group + (first + i) * c->weight_filter;
            for (int64_t channel = 0; channel < c->channels; channel++, w += c->weight_channel)
                for (int64_t tap = 0; tap < c->taps; tap++)
                    out[(tap * c->channels + channel) * rows + i] = w[tap];
            if (c->bias) out[(c->depth - 1) * rows + i] = ((const T *)c->bias)[group * c->filters + first + i];
        }
    }
    return -1;
}

/* Panels [begin, end) of the result, those of an image's group one after another. */
static int64_t S(convolve_by_places)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    T panel[MATRIX_DEPTH * COLUMNS + LANES] __attribute__((aligned(64))), start[COLUMNS] = {0};
    S(Block) block;
    const int64_t panels = (c->places + COLUMNS - 1) / COLUMNS, passes = (c->depth + MATRIX_DEPTH - 1) / MATRIX_DEPTH;
    const int64_t step = (c->depth + passes - 1) / passes;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit / panels, group = image % c->groups; /* images count once for each group */
        const int64_t first = unit % panels * COLUMNS;
        const int64_t columns = c->places - first < COLUMNS ? c->places - first : COLUMNS;
        const T *x = (const T *)c->x + image * c->channels * c->plane;
        T *y = (T *)c->y + image * c->filters * c->places + first;
        const T *packed = (const T *)c->packed + group * c->filters * c->depth;
        S(cut_block)(c, first, columns, &block);
        for (int64_t k = 0; k < c->depth; k += step) {
            S(Tile) tile = {.depth = c->depth - k < step ? c->depth - k : step, .b = panel, .a_row = 1,
                            .b_row = COLUMNS, .c_row = c->places, .start = start, .add = k > 0};
            S(pack_patches)(c, &block, x, k, tile.depth, panel, COLUMNS);
            for (int64_t s = 0; s < c->strips; s++) {
                const int64_t row = s * c->filters / c->strips, rows = (s + 1) * c->filters / c->strips - row;
                tile.a = packed + row * c->depth + k * rows;
                tile.a_column = rows;
                tile.c = y + row * c->places;
                S(multiply_tile)(&tile, rows, columns);
            }
        }
    }
    return -1;
}

/* ---- the transposed convolution: y is read, slopes (of x's shape) written ---- */

/* Strips [begin, end) of channels, of all groups: for each tap, its [filters, channels] weights. */
static int64_t S(pack_channels)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    for (int64_t s = begin; s < end; s++) {
        const int64_t group = s / c->strips, first = s % c->strips * c->channels / c->strips;
        const int64_t rows = (s % c->strips + 1) * c->channels / c->strips - first;
        T *out = (T *)c->packed + (group * c->channels + first) * c->filters * c->taps;
        for (int64_t i = 0; i < rows; i++) {
            const T *w = (const T *)c->weight + group * c->weight_group + (first + i) * c->weight_channel;
            for (int64_t filter = 0; filter < c->filters; filter++, w += c->weight_filter)
                for (int64_t tap = 0; tap < c->taps; tap++) out[(tap * c->filters + filter) * rows + i] = w[tap];
        }
    }
    return -1;
}

/* Adds n rows of columns to where the pieces meet n channels of x with one tap. */
static void S(add_clipped)(const Convolution *c, const S(Block) *block, const S(Clipped) *clipped, const T *columns,
                           int64_t n, T *x) {
    for (int64_t i = 0; i < block->count; i++) {
        const T *from = columns + block->pieces[i].at;
        T *to = x + clipped[i].from;
        for (int64_t row = 0; row < n; row++, from += COLUMNS, to += c->plane) {
            S(Mask) bits = (S(Mask))*(const S(Vector) *)from & clipped[i].mask;
            *(S(Vector) *)to += (S(Vector))bits;
        }
    }
}

static void S(add_strided)(const Convolution *c, const S(Block) *block, const int64_t *tap, const T *columns, int64_t n,
                          T *x) {
    int64_t from[COLUMNS];
    const int64_t places = S(meet_tap)(c, block, tap, from);
    for (; n > 0; n--, x += c->plane, columns += COLUMNS)
        for (int64_t i = 0; i < places; i++)
            if (from[i] >= 0) x[from[i]] += columns[i];
}

/* What some places of y give to n channels of x, from all taps. */
static void S(spread_panel)(const Convolution *c, const T *y, int64_t first, const T *packed, int64_t n, T *x) {
    T panel[MATRIX_DEPTH * COLUMNS] __attribute__((aligned(64)));
    T sums[ROWS * COLUMNS + LANES] __attribute__((aligned(64))), start[COLUMNS] = {0};
    S(Block) block;
    S(Clipped) clipped[COLUMNS];
    const int64_t columns = c->places - first < COLUMNS ? c->places - first : COLUMNS;
    const int64_t whole = (columns + LANES - 1) / LANES * LANES;
    const T *end = x + n * c->plane;
    S(cut_block)(c, first, columns, &block);
    for (int64_t k = 0; k < c->filters; k += MATRIX_DEPTH) {
        int64_t tap[3] = {0};
        const int64_t furthest = block.pieces[block.count - 1].from + S(offset)(c, block.last);
        const bool inside = S(clip)(c, &block, tap, x, n, x, end, clipped) && block.inside &&
                            S(is_within)(c, x, n, furthest, x, end);
        S(Tile) tile = {.depth = c->filters - k < MATRIX_DEPTH ? c->filters - k : MATRIX_DEPTH, .b = panel,
                        .a_row = 1, .a_column = n, .b_row = COLUMNS, .c = sums, .c_row = COLUMNS, .start = start};
        S(pack_panel_at)((const char *)(y + k * c->places + first), OWN_TYPE, c->places, 1, columns, tile.depth, panel);
        for (int64_t t = 0; t < c->taps; t++, S(next_tap)(c, tap)) {
            tile.a = packed + (t * c->filters + k) * n;
            S(multiply_tile)(&tile, n, whole);
            if (inside) S(add_clipped)(c, &block, clipped, sums, n, x + S(offset)(c, tap));
            else if (c->neighbours && S(clip)(c, &block, tap, x, n, x, end, clipped))
                S(add_clipped)(c, &block, clipped, sums, n, x);
            else S(add_strided)(c, &block, tap, sums, n, x);
        }
    }
}

/* Strips [begin, end) of channels, those of an image's group one after another. */
static int64_t S(convolve_transposed)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit / c->strips, s = unit % c->strips, group = image % c->groups; /* of a group */
        const int64_t first = s * c->channels / c->strips, n = (s + 1) * c->channels / c->strips - first;
        T *x = (T *)c->slopes + (image * c->channels + first) * c->plane;
        for (int64_t i = 0; i < n; i++) {
            const T bias = c->bias ? ((const T *)c->bias)[group * c->channels + first + i] : 0;
            for (int64_t j = 0; j < c->plane; j++) x[i * c->plane + j] = bias;
        }
        for (int64_t place = 0; place < c->places; place += COLUMNS)
            S(spread_panel)(c, (const T *)c->y + image * c->filters * c->places, place,
                            (const T *)c->packed + (group * c->channels + first) * c->filters * c->taps, n, x);
    }
    return -1;
}

#undef COLUMNS
