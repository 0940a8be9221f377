/* Convolution for T with filters in the vectors: a tile (tile.h) is a part of a row of places times up to COLUMNS
 * filters. Weights are packed once; the patches are not at all, since a tile takes a's numbers one by one from wherever
 * they lie. Where a tap lies from another is the same at every place (after Dukhan, The indirect convolution algorithm,
 * 2019); taps beside x are left out, or rows padded with the zeros that they meet.
 *
 * Row k of the weights is that of k = ((t0 · kernel[1] + t1) · channels + channel) · kernel[2] + t2: then the rows of
 * taps that meet x are neighbours.
 *
 * Included once for each floating type with T, S(name), LANES, ROWS, after matmul.h. */

#define COLUMNS S(tile_columns)

/* A part of a plane of y: places of some rows, whole ones if there are several. */
typedef struct {
    int64_t d, h, w, rows, columns;
} S(PlanePart);

typedef struct {
    int64_t begin, end;
} S(Range);

static S(PlanePart) S(part_of_plane)(const Convolution *c, int64_t i) {
    const int64_t w = i % c->row_parts, h = i / c->row_parts % c->row_blocks;
    S(PlanePart) part = {.d = i / c->row_parts / c->row_blocks, .h = h * c->out[1] / c->row_blocks,
                    .w = w * c->out[2] / c->row_parts};
    part.rows = (h + 1) * c->out[1] / c->row_blocks - part.h;
    part.columns = (w + 1) * c->out[2] / c->row_parts - part.w;
    return part;
}

/* The i of [0, n) with 0 ≤ first + i · step < size. */
static inline S(Range) S(within)(int64_t first, int64_t step, int64_t size, int64_t n) {
    S(Range) range = {0, n};
    if (first < 0) range.begin = (step - 1 - first) / step;
    if (first + (n - 1) * step >= size) range.end = size > first ? (size - first + step - 1) / step : 0;
    if (range.end < range.begin) range.end = range.begin;
    return range;
}

static int64_t S(pad_rows)(const void *arguments, int64_t begin, int64_t end) {
    const RowPadding *p = arguments;
    const T *x = (const T *)p->x + begin * p->size, *x_end = (const T *)p->x + p->rows * p->size;
    T *y = (T *)p->y + begin * p->width, *y_end = (T *)p->y + end * p->width;
    for (; y < y_end; x += p->size, y += p->width)
        if (y_end - y >= p->width + LANES && x_end - x >= p->size + LANES) { /* the next row overwrites what is too much */
            for (int64_t i = 0; i < p->before; i += LANES) *(S(Vector) *)(y + i) = (S(Vector)){0};
            for (int64_t i = 0; i < p->size; i += LANES)
                *(S(Vector) *)(y + p->before + i) = *(const S(Vector) *)(x + i);
            for (int64_t i = p->before + p->size; i < p->width; i += LANES) *(S(Vector) *)(y + i) = (S(Vector)){0};
        } else
            for (int64_t i = 0; i < p->width; i++)
                y[i] = i < p->before || i >= p->before + p->size ? 0 : x[i - p->before];
    return -1;
}

/* n cut evenly into parts of at most `most`: the size of all but the last. */
static inline int64_t S(even_step)(int64_t n, int64_t most) {
    if (n <= most) return n;
    const int64_t parts = (n + most - 1) / most;
    return (n + parts - 1) / parts;
}

/* How many numbers a row of the panel has: filters of it, and zeros up to a whole vector. */
static inline int64_t S(panel_width)(int64_t filters) {
    return (filters + LANES - 1) / LANES * LANES;
}

/* Panels [begin, end) of the filters, of all groups: `depth` rows of weights. */
static int64_t S(pack_filter_panels)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    for (int64_t p = begin; p < end; p++) {
        const int64_t group = p / c->strips, first = p % c->strips * COLUMNS;
        const int64_t filters = c->filters - first < COLUMNS ? c->filters - first : COLUMNS;
        const int64_t width = S(panel_width)(filters), row = c->kernel[2];
        const T *weight = (const T *)c->weight + group * c->weight_group + first * c->weight_filter;
        T *panel = (T *)c->packed + p * c->depth * COLUMNS;
        if (filters < width) memset(panel, 0, (size_t)(c->depth * width) * sizeof(T));
        for (int64_t channel = 0; channel < c->channels; channel++)
            for (int64_t i = 0; i < filters; i++) {
                const T *w = weight + i * c->weight_filter + channel * c->weight_channel;
                for (int64_t tap = 0; tap < c->taps; tap += row) {
                    T *out = panel + (tap * c->channels + channel * row) * width + i;
                    for (int64_t t = tap; t < tap + row; t++, out += width) *out = w[c->flipped ? c->taps - 1 - t : t];
                }
            }
    }
    return -1;
}

/* What places [begin, end) of a row of y meet, whose windows begin in x from `from` on. */
static void S(multiply_places)(const Convolution *c, S(Tile) *tile, const T *from, int64_t begin, int64_t end,
                               int64_t width, T *out) {
    const int64_t strip = S(even_step)(end - begin, ROWS);
    for (int64_t i = begin; i < end; i += strip) {
        tile->a = from + i * c->stride[2];
        tile->c = out + i * width;
        S(multiply_tile)(tile, end - i < strip ? end - i : strip, width);
    }
}

/* Row h of a part of y, for `width` filters: out[columns, width]. Places whose windows lie within rows of x take all taps
 * at once, those at the edges one column of taps after another. */
static void S(filter_row)(const Convolution *c, const T *x, const T *weights, const T *bias, const S(PlanePart) *part,
                          int64_t h, int64_t width, T *out) {
    const T none[COLUMNS] = {0};
    const int64_t first_d = part->d * c->stride[0] - c->pad[0], first_h = h * c->stride[1] - c->pad[1];
    const int64_t first_w = part->w * c->stride[2] - c->pad[2], last_tap = (c->kernel[2] - 1) * c->dilation[2];
    S(Range) ds = S(within)(first_d, c->dilation[0], c->size[0], c->kernel[0]);
    const S(Range) hs = S(within)(first_h, c->dilation[1], c->size[1], c->kernel[1]);
    const int64_t row_depth = c->channels * c->kernel[2], depth = (hs.end - hs.begin) * row_depth;
    const int64_t step = S(even_step)(depth, MATRIX_DEPTH), columns = part->columns;
    S(Range) inner = {S(within)(first_w, c->stride[2], c->size[2], columns).begin,
                      S(within)(first_w + last_tap, c->stride[2], c->size[2], columns).end};
    if (depth == 0) ds.end = ds.begin;
    if (inner.begin >= inner.end || ds.begin == ds.end) inner = (S(Range)){columns, columns};
    const bool whole = inner.end - inner.begin == columns;
    for (int64_t i = 0; i < columns && !whole; i++)
        if (i < inner.begin || i >= inner.end) memcpy(out + i * width, bias, (size_t)width * sizeof(T));
    S(Tile) tile = {.a_row = c->stride[2], .c_row = width, .start = bias};
    for (int64_t t = ds.begin; t < ds.end; t++) {
        const int64_t row = (first_d + t * c->dilation[0]) * c->size[1] + first_h + hs.begin * c->dilation[1];
        const T *from = x + row * c->size[2] + first_w, *b = weights + (t * c->kernel[1] + hs.begin) * row_depth * width;
        tile.b_row = width;
        for (int64_t k = 0; k < depth; k += step, tile.start = none, tile.add = true) {
            tile.depth = depth - k < step ? depth - k : step;
            tile.offsets = c->offsets + k;
            tile.b = b + k * width;
            S(multiply_places)(c, &tile, from, inner.begin, inner.end, width, out);
        }
        if (whole) continue;
        tile.b_row = c->kernel[2] * width;
        tile.depth = depth / c->kernel[2];
        tile.offsets = c->edge_offsets;
        for (int64_t l = 0; l < c->kernel[2]; l++, from += c->dilation[2]) {
            const S(Range) met = S(within)(first_w + l * c->dilation[2], c->stride[2], c->size[2], columns);
            tile.b = b + l * width;
            S(multiply_places)(c, &tile, from, met.begin, met.end < inner.begin ? met.end : inner.begin, width, out);
            S(multiply_places)(c, &tile, from, met.begin > inner.end ? met.begin : inner.end, met.end, width, out);
        }
    }
}

/* Parts [begin, end) of y, those of a panel of filters one after another. */
static int64_t S(convolve_by_filters)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    T out[CONVOLUTION_NUMBERS] __attribute__((aligned(64))), bias[COLUMNS] = {0};
    const int64_t parts = c->out[0] * c->row_blocks * c->row_parts;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit / parts % c->images, panel = unit / parts / c->images;
        const int64_t group = panel / c->strips, first = panel % c->strips * COLUMNS;
        const int64_t filters = c->filters - first < COLUMNS ? c->filters - first : COLUMNS;
        const int64_t width = S(panel_width)(filters);
        const S(PlanePart) part = S(part_of_plane)(c, unit % parts);
        const T *x = (const T *)c->x + (image * c->groups + group) * c->channels * c->plane;
        T *y = (T *)c->y + ((image * c->groups + group) * c->filters + first) * c->places +
               (part.d * c->out[1] + part.h) * c->out[2] + part.w;
        if (c->bias)
            memcpy(bias, (const T *)c->bias + group * c->filters + first, (size_t)filters * sizeof(T));
        for (int64_t i = 0; i < part.rows; i++) { /* meanwhile lines of y come, too many side by side to be foreseen */
            for (int64_t f = i * filters / part.rows; f < (i + 1) * filters / part.rows; f++)
                for (int64_t j = 0; j < part.rows * part.columns; j += LANES) PREFETCH(y + f * c->places + j);
            S(filter_row)(c, x, (const T *)c->packed + panel * c->depth * COLUMNS, bias, &part, part.h + i, width,
                          out + i * part.columns * width);
        }
        S(pack)((const char *)out, OWN_TYPE, width, 1, part.rows * part.columns, filters, y, c->places);
    }
    return -1;
}

/* ---- the weights' gradient [depth, filters]: a tile's rows are channels or taps of a row, the depth are places ---- */

/* Adds what strip s of them gets from a part of an image. Strips of the same channels are neighbours. */
static void S(add_strip)(const Convolution *c, const S(PlanePart) *part, const T *x, const T *panel, int64_t s,
                         int64_t columns, T *sums) {
    const T none[COLUMNS] = {0};
    const bool by_channels = c->channels >= c->kernel[2];
    const int64_t n = by_channels ? c->channels : c->kernel[2], others = by_channels ? c->kernel[2] : c->channels;
    const int64_t tap_row = s / others % (c->kernel[0] * c->kernel[1]);
    const int64_t t0 = tap_row / c->kernel[1], t1 = tap_row % c->kernel[1];
    const int64_t step = S(even_step)(n, ROWS), first = s / others / (c->kernel[0] * c->kernel[1]) * step;
    const int64_t channel = by_channels ? first : s % others, t2 = by_channels ? s % others : first;
    const int64_t d = part->d * c->stride[0] - c->pad[0] + t0 * c->dilation[0];
    const int64_t h = part->h * c->stride[1] - c->pad[1] + t1 * c->dilation[1];
    const int64_t w = part->w * c->stride[2] - c->pad[2] + t2 * c->dilation[2];
    const S(Range) hs = S(within)(h, c->stride[1], c->size[1], part->rows);
    if (d < 0 || d >= c->size[0] || hs.begin == hs.end) return;
    const int64_t at = (d * c->size[1] + h + hs.begin * c->stride[1]) * c->size[2] + w;
    S(Tile) tile = {.depth = (hs.end - hs.begin) * part->columns, .a = x + channel * c->plane + at,
                    .a_row = by_channels ? c->plane : c->dilation[2], .offsets = c->offsets,
                    .b = panel + hs.begin * part->columns * COLUMNS, .b_row = COLUMNS,
                    .c = sums + (channel * c->taps + tap_row * c->kernel[2] + t2) * c->filters,
                    .c_row = by_channels ? c->taps * c->filters : c->filters, .start = none, .add = true};
    S(multiply_tile)(&tile, n - first < step ? n - first : step, columns);
}

/* Strips [begin, end) of the depth, for a panel of filters and a part of the images. */
static void S(add_weight_slopes)(const Convolution *c, int64_t outer, int64_t begin, int64_t end) {
    T panel[CONVOLUTION_PLACES * COLUMNS] __attribute__((aligned(64)));
    const T one = 1, none[COLUMNS] = {0};
    const int64_t panels = (c->filters + COLUMNS - 1) / COLUMNS, first = outer % panels * COLUMNS;
    const int64_t group = outer / panels % c->groups, share = outer / panels / c->groups;
    const int64_t columns = c->filters - first < COLUMNS ? c->filters - first : COLUMNS;
    const int64_t parts = c->out[0] * c->row_blocks * c->row_parts;
    T *sums = (T *)c->sums + (share * c->groups + group) * (c->depth + c->sums_bias) * c->filters + first;
    for (int64_t image = share * c->images / c->parts; image < (share + 1) * c->images / c->parts; image++)
        for (int64_t i = 0; i < parts; i++) {
            const S(PlanePart) part = S(part_of_plane)(c, i);
            const T *x = (const T *)c->x + (image * c->groups + group) * c->channels * c->plane;
            const T *g = (const T *)c->y + ((image * c->groups + group) * c->filters + first) * c->places +
                         (part.d * c->out[1] + part.h) * c->out[2] + part.w;
            S(Tile) ones = {.depth = part.rows * part.columns, .a = &one, .b = panel, .b_row = COLUMNS, .start = none,
                            .c = sums + c->depth * c->filters, .add = true};
            S(pack_panel_at)((const char *)g, OWN_TYPE, 1, c->places, columns, ones.depth, panel);
            if (c->sums_bias && begin == 0) S(multiply_tile)(&ones, 1, columns);
            for (int64_t s = begin; s < end; s++) S(add_strip)(c, &part, x, panel, s, columns, sums);
        }
}

static int64_t S(convolve_weight_slopes)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    while (begin < end) {
        const int64_t s = begin % c->strips;
        const int64_t stop = c->strips - s < end - begin ? c->strips : s + (end - begin);
        S(add_weight_slopes)(c, begin / c->strips, s, stop);
        begin += stop - s;
    }
    return -1;
}
#undef COLUMNS
