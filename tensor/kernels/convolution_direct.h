/* Convolution for T where a group has few filters, which fill no tiles: neighbouring places in the vectors, tap by tap.
 *
 * What a part of y's planes meets is copied, zeros around x included, and split: row = phase + i · stride[1] and column =
 * phase' + j · stride[2] of it come to line (phase, phase')'s number i · split[1] + j. So a tap meets neighbours in a
 * line wherever y's numbers, laid out alike, are neighbours, and one loop goes over all rows, with no edges. Where y is
 * spread, each phase of its places has taps of its own.
 *
 * Included once for each floating type with T, S(name), LANES, LANE, after convolution_filters.h and pooling.h. */

enum { S(direct_vectors) = 4, S(direct_room) = DIRECT_NUMBERS + 2 * S(pool_lanes) };

typedef struct {
    int64_t offset, channel, tap;
} S(Tap);

/* What a part meets: from a first row and column of x on, those of each line that lie in x; and by which taps. */
typedef struct {
    int64_t top, left;
    S(Range) rows[DIRECT_PHASES], columns[DIRECT_PHASES];
    int64_t first[DIRECT_PHASES + 1]; /* of each phase of y */
    S(Tap) taps[DIRECT_TAPS + 2];     /* for the weights' gradient, up to two that are none */
} S(Taps);

static inline int64_t S(floor_quotient)(int64_t a, int64_t b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* Along dim d, where what place 0 of a part meets begins. */
static inline int64_t S(first_met)(const Convolution *c, int d, int64_t place) {
    return S(floor_quotient)(place * c->stride[d] - c->pad[d], c->spread[d]);
}

/* The plane that a tap meets; or -1. */
static inline int64_t S(plane_met)(const Convolution *c, int64_t place, int64_t tap) {
    const int64_t at = place * c->stride[0] + tap - c->pad[0];
    return at < 0 || at % c->spread[0] || at / c->spread[0] >= c->size[0] ? -1 : at / c->spread[0];
}

/* Where a channel's line of a plane and of phases lies. */
static inline int64_t S(line_at)(const Convolution *c, int64_t channel, int64_t plane, int64_t row, int64_t column) {
    return (((channel * c->kernel[0] + plane) * c->stride[1] + row) * c->stride[2] + column) * c->split[0] * c->split[1];
}

/* The taps that numbers of a part meet, phase by phase. */
static void S(collect_taps)(const Convolution *c, const S(PlanePart) *part, S(Taps) *taps) {
    const int64_t phases = c->spread[1] * c->spread[2];
    S(Tap) *next = taps->taps;
    taps->top = S(first_met)(c, 1, part->h), taps->left = S(first_met)(c, 2, part->w);
    for (int64_t i = 0; i < c->stride[1]; i++)
        taps->rows[i] = S(within)(taps->top + i, c->stride[1], c->size[1], c->split[0]);
    for (int64_t i = 0; i < c->stride[2]; i++)
        taps->columns[i] = S(within)(taps->left + i, c->stride[2], c->size[2], c->split[1]);
    for (int64_t phase = 0; phase < phases; phase++) {
        taps->first[phase] = next - taps->taps;
        for (int64_t i = 0; i < c->depth; i++) {
            int64_t place[3];
            S(tap_place)(c, i % c->taps, place);
            const int64_t h = (part->h + phase / c->spread[2]) * c->stride[1] + place[1] - c->pad[1];
            const int64_t w = (part->w + phase % c->spread[2]) * c->stride[2] + place[2] - c->pad[2];
            if (h % c->spread[1] || w % c->spread[2] || S(plane_met)(c, part->d, place[0]) < 0) continue;
            const int64_t row = h / c->spread[1] - taps->top, column = w / c->spread[2] - taps->left;
            const int64_t line = S(line_at)(c, i / c->taps, place[0] / c->dilation[0], row % c->stride[1],
                                            column % c->stride[2]);
            const int64_t offset = line + row / c->stride[1] * c->split[1] + column / c->stride[2];
            *next++ = (S(Tap)){offset, i / c->taps, i % c->taps};
        }
    }
    taps->first[phases] = next - taps->taps;
}

/* n numbers, every one or every second, with zeros for those that are not met; up to 15 more are read and written. */
ALWAYS_INLINE void S(copy_met)(const T *in, const int step, S(Range) met, int64_t n, T *out) {
    const S(PoolMask) lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int64_t i = 0; i < n; i += S(pool_lanes)) {
        const S(PoolMask) mask = (lanes >= (LANE)(met.begin - i)) & (lanes < (LANE)(met.end - i));
        S(PoolLine) line;
        S(whole_line)(in + i * step, step, &line);
        *(S(PoolLine) *)(out + i) = (S(PoolLine))((S(PoolMask))line & mask);
    }
}

/* Rows of an operand [begin, end), `apart` from each other, each to become n numbers that are `step` apart in it. */
typedef struct {
    const T *in, *begin, *end;
    int64_t apart, step, n;
    S(Range) rows, columns; /* that are met; in place of other columns come zeros */
} S(Rows);

/* A known step is 1 or 2; otherwise, 0. */
ALWAYS_INLINE void S(split_rows_by)(const S(Rows) *rows, const int step, T *out) {
    const S(Rows) r = *rows;
    const T *in = r.in + r.rows.begin * r.apart;
    out += r.rows.begin * r.n;
    for (int64_t row = r.rows.begin; row < r.rows.end; row++, in += r.apart, out += r.n)
        if (step && in >= r.begin && in + (r.n + S(pool_lanes)) * step <= r.end)
            S(copy_met)(in, step, r.columns, r.n, out);
        else
            for (int64_t i = 0; i < r.n; i++)
                out[i] = i >= r.columns.begin && i < r.columns.end ? in[i * r.step] : 0;
}

static void S(split_rows)(const S(Rows) *rows, T *out) {
    if (rows->step == 1) S(split_rows_by)(rows, 1, out);
    else if (rows->step == 2) S(split_rows_by)(rows, 2, out);
    else S(split_rows_by)(rows, 0, out);
}

/* All that a part meets in a group's x. */
static void S(split_planes)(const Convolution *c, const S(PlanePart) *part, const S(Taps) *taps, const T *x, T *out) {
    const int64_t line = c->split[0] * c->split[1];
    for (int64_t i = 0; i < c->channels * c->kernel[0]; i++) {
        const int64_t plane = S(plane_met)(c, part->d, i % c->kernel[0] * c->dilation[0]);
        const T *rows = x + i / c->kernel[0] * c->plane + plane * c->size[1] * c->size[2];
        T *to = out + S(line_at)(c, 0, i, 0, 0);
        for (int64_t row = 0; row < c->stride[1] && plane >= 0; row++)
            for (int64_t column = 0; column < c->stride[2]; column++, to += line) {
                const S(Range) met = taps->rows[row];
                const S(Rows) from = {rows + (taps->top + row) * c->size[2] + taps->left + column, (const T *)c->x,
                                      (const T *)c->x + c->numel, c->stride[1] * c->size[2], c->stride[2], c->split[1],
                                      met, taps->columns[column]};
                memset(to, 0, (size_t)(met.begin * c->split[1]) * sizeof(T));
                S(split_rows)(&from, to);
                memset(to + met.end * c->split[1], 0, (size_t)((c->split[0] - met.end) * c->split[1]) * sizeof(T));
            }
    }
}

/* Vectors of y from `x`, the first number that they meet, on. */
ALWAYS_INLINE void S(sum_taps)(const T *x, const S(Tap) *taps, const T *weights, int64_t count, T start,
                               const int vectors, T *y) {
    S(Vector) sums[S(direct_vectors)];
    for (int i = 0; i < vectors; i++) sums[i] = (S(Vector)){0} + start;
    for (int64_t t = 0; t < count; t++) {
        const T *in = x + taps[t].offset;
        for (int i = 0; i < vectors; i++) sums[i] += *(const S(Vector) *)(in + i * LANES) * weights[t];
    }
    for (int i = 0; i < vectors; i++) *(S(Vector) *)(y + i * LANES) = sums[i];
}

/* Places of a part that one phase has, along rows (d = 1) or within them (2). */
static inline int64_t S(phase_size)(const Convolution *c, int d, int64_t n, int64_t phase) {
    return (n - phase + c->spread[d] - 1) / c->spread[d];
}

/* One phase of a part of y, laid out as the lines are. */
static void S(filter_line)(const Convolution *c, const S(PlanePart) *part, const T *x, const T *weight, T start,
                           const S(Taps) *taps, int64_t phase, T *y) {
    const S(Tap) *first = taps->taps + taps->first[phase];
    const int64_t count = taps->first[phase + 1] - taps->first[phase];
    const int64_t rows = S(phase_size)(c, 1, part->rows, phase / c->spread[2]);
    const int64_t columns = S(phase_size)(c, 2, part->columns, phase % c->spread[2]);
    const int64_t n = rows > 0 && columns > 0 ? (rows - 1) * c->split[1] + columns : 0;
    T weights[DIRECT_TAPS];
    for (int64_t t = 0; t < count; t++) {
        const int64_t tap = c->flipped ? c->taps - 1 - first[t].tap : first[t].tap;
        weights[t] = weight[first[t].channel * c->weight_channel + tap];
    }
    int64_t i = 0;
    for (; i + (S(direct_vectors) - 1) * LANES < n; i += S(direct_vectors) * LANES)
        S(sum_taps)(x + i, first, weights, count, start, S(direct_vectors), y + i);
    for (; i < n; i += LANES) S(sum_taps)(x + i, first, weights, count, start, 1, y + i);
}

/* n numbers, in turn of two lines; up to 31 more are written. */
static void S(join_pairs)(const T *a, const T *b, int64_t n, T *y) {
    for (int64_t i = 0; 2 * i < n; i += S(pool_lanes), y += 2 * S(pool_lanes)) {
        const S(PoolLine) even = *(const S(PoolLine) *)(a + i), odd = *(const S(PoolLine) *)(b + i);
        *(S(PoolLine) *)y = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        *(S(PoolLine) *)(y + S(pool_lanes)) =
            __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
}

/* A part of y from the lines of its phases. What is written too much, the next row overwrites. */
static void S(join_lines)(const Convolution *c, const S(PlanePart) *part, const T *lines, int64_t apart, T *y) {
    const int64_t *spread = c->spread, n = part->columns;
    for (int64_t h = 0; h < part->rows; h++, y += c->out[2]) {
        const T *from = lines + h % spread[1] * spread[2] * apart + h / spread[1] * c->split[1];
        const bool room = (part->rows - 1 - h) * c->out[2] >= 2 * S(pool_lanes);
        if (room && spread[2] == 1) S(copy_met)(from, 1, (S(Range)){0, n}, n, y);
        else if (room && spread[2] == 2) S(join_pairs)(from, from + apart, n, y);
        else if (spread[2] == 1) S(copy_row)(from, n, y);
        else
            for (int64_t i = 0; i < n; i++) y[i] = from[i % spread[2] * apart + i / spread[2]];
    }
}

/* Images' groups [begin, end) for each part of y's planes. */
static int64_t S(convolve_directly)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    T x[S(direct_room)] __attribute__((aligned(64))), lines[S(direct_room)] __attribute__((aligned(64)));
    S(Taps) taps;
    const int64_t images = c->images * c->groups, phases = c->spread[1] * c->spread[2];
    S(PlanePart) part = {0};
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit % images, group = image % c->groups;
        if (unit == begin || image == 0) {
            part = S(part_of_plane)(c, unit / images);
            S(collect_taps)(c, &part, &taps);
        }
        const int64_t apart = (part.rows + c->spread[1] - 1) / c->spread[1] * c->split[1];
        S(split_planes)(c, &part, &taps, (const T *)c->x + image * c->channels * c->plane, x);
        for (int64_t filter = 0; filter < c->filters; filter++) {
            const T *weight = (const T *)c->weight + group * c->weight_group + filter * c->weight_filter;
            const T start = c->bias ? ((const T *)c->bias)[group * c->filters + filter] : 0;
            for (int64_t phase = 0; phase < phases; phase++)
                S(filter_line)(c, &part, x, weight, start, &taps, phase, lines + phase * apart);
            S(join_lines)(c, &part, lines, apart, (T *)c->y + (image * c->filters + filter) * c->places +
                                                      (part.d * c->out[1] + part.h) * c->out[2] + part.w);
        }
    }
    return -1;
}

/* ---- the weights' gradient: products of lines; nothing is spread ---- */

enum { S(direct_products) = 3 };

typedef struct {
    T x[S(direct_room)], g[S(direct_room)] __attribute__((aligned(64)));
    S(Mask) counts[S(direct_room) / LANES]; /* the numbers of g, but not the zeros between its rows */
    S(Vector) sums[DIRECT_TAPS + 1], bias;  /* by channels and taps; one more is not used */
} S(Products);

/* Adds, lane by lane, the products of g with what some taps meet. */
static void S(add_products)(const Convolution *c, S(Products) *p, const S(Tap) *taps, int64_t n) {
    S(Vector) sums[S(direct_products)] = {0};
    for (int64_t at = 0; at < n; at += LANES) {
        const S(Vector) g = *(const S(Vector) *)(p->g + at);
        for (int i = 0; i < S(direct_products); i++) {
            const S(Vector) x = *(const S(Vector) *)(p->x + taps[i].offset + at);
            sums[i] += g * (S(Vector))((S(Mask))x & p->counts[at / LANES]);
        }
    }
    for (int i = 0; i < S(direct_products); i++) p->sums[taps[i].channel * c->taps + taps[i].tap] += sums[i];
}

/* Adds a part of an image, from x of the group and the part of g. */
static void S(add_part)(const Convolution *c, S(Products) *p, const S(PlanePart) *part, const S(Taps) *taps, const T *x,
                        const T *g) {
    const int64_t n = (part->rows - 1) * c->split[1] + part->columns;
    const T *g_end = (const T *)c->y + c->images * c->groups * c->filters * c->places;
    const S(Rows) rows = {g, g, g_end, c->out[2], 1, c->split[1], {0, part->rows}, {0, part->columns}};
    S(Vector) bias = p->bias;
    S(split_planes)(c, part, taps, x, p->x);
    S(split_rows)(&rows, p->g);
    *(S(PoolLine) *)(p->g + part->rows * c->split[1]) = (S(PoolLine)){0};
    for (int64_t t = 0; t < taps->first[1]; t += S(direct_products)) S(add_products)(c, p, taps->taps + t, n);
    for (int64_t at = 0; at < n; at += LANES) bias += *(const S(Vector) *)(p->g + at);
    p->bias = bias;
}

/* The taps of a part, a multiple of those that are taken at once, and which numbers count. */
static void S(begin_part)(const Convolution *c, S(Products) *p, const S(PlanePart) *part, S(Taps) *taps) {
    const S(Tap) none = {0, c->channels, 0};
    S(collect_taps)(c, part, taps);
    for (int64_t i = 0; i < S(direct_products) - 1; i++) taps->taps[taps->first[1] + i] = none;
    for (int64_t h = 0; h < part->rows; h++)
        for (int64_t w = 0; w < c->split[1]; w++) {
            const int64_t at = h * c->split[1] + w;
            p->counts[at / LANES][at % LANES] = w < part->columns ? -1 : 0;
        }
    for (int64_t at = part->rows * c->split[1]; at % LANES; at++) p->counts[at / LANES][at % LANES] = 0;
}

static inline T S(sum_of_lanes)(const S(Vector) *sums) {
    T sum = 0;
    for (int i = 0; i < LANES; i++) sum += (*sums)[i];
    return sum;
}

/* Adds the products of a filter of a group to its sums, which are as join() takes them. */
static void S(add_sums)(const Convolution *c, const S(Products) *p, T *sums) {
    for (int64_t i = 0; i < c->depth; i++) sums[i * c->filters] += S(sum_of_lanes)(&p->sums[i]);
    if (c->sums_bias) sums[c->depth * c->filters] += S(sum_of_lanes)(&p->bias);
}

/* Filters [begin, end) of the groups, for each share of the images. */
static int64_t S(weight_slopes_directly)(const void *arguments, int64_t begin, int64_t end) {
    const Convolution *c = arguments;
    S(Products) products;
    S(Taps) taps;
    for (int64_t i = 0; i < c->out[0] * c->row_blocks * c->row_parts; i++) {
        const S(PlanePart) part = S(part_of_plane)(c, i);
        const int64_t place = (part.d * c->out[1] + part.h) * c->out[2] + part.w;
        S(begin_part)(c, &products, &part, &taps);
        for (int64_t unit = begin; unit < end; unit++) {
            const int64_t filter = unit % c->filters, group = unit / c->filters % c->groups;
            const int64_t share = unit / c->filters / c->groups;
            memset(products.sums, 0, (size_t)c->depth * sizeof *products.sums);
            products.bias = (S(Vector)){0};
            for (int64_t image = share * c->images / c->parts; image < (share + 1) * c->images / c->parts; image++) {
                const int64_t both = image * c->groups + group;
                S(add_part)(c, &products, &part, &taps, (const T *)c->x + both * c->channels * c->plane,
                            (const T *)c->y + (both * c->filters + filter) * c->places + place);
            }
            T *sums = (T *)c->sums + unit / c->filters * (c->depth + c->sums_bias) * c->filters;
            S(add_sums)(c, &products, sums + filter);
        }
    }
    return -1;
}
