/* Sorting entries of a KEY and the PLACE of an element in its row. Short rows are sorted by insertion, long ones by
 * their digits from the lowest on (Knuth, The Art of Computer Programming 3, 5.2.5); both leave equal keys in order. */

typedef struct {
    KEY key;
    PLACE place;
} S(Entry);

/* A float's bits, turned so that their order is the number's: NaN after all others, -0 as 0. */
static inline KEY S(ordered)(KEY bits, KEY infinity) {
    const KEY sign = ~(~(KEY)0 >> 1), nan = -(KEY)((bits & ~sign) > infinity);
    bits &= -(KEY)(bits != sign);
    return (bits ^ (sign | -(bits >> (8 * sizeof bits - 1)))) | nan;
}

static void S(sort_by_insertion)(S(Entry) *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const S(Entry) entry = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > entry.key; j--) a[j] = a[j - 1];
        a[j] = entry;
    }
}

/* The bits in which keys differ. */
static KEY S(varying_bits)(const S(Entry) *a, int64_t n) {
    KEY varying = 0;
    for (int64_t i = 1; i < n; i++) varying |= a[i].key ^ a[0].key;
    return varying;
}

/* How many keys have each digit of `bits` bits, of which `shift` is the lowest. */
static void S(count_digits)(const S(Entry) *a, int64_t n, int shift, int bits, PLACE *counts) {
    const KEY mask = ((KEY)1 << bits) - 1;
    memset(counts, 0, sizeof *counts << bits);
    for (int64_t i = 0; i < n; i++) counts[a[i].key >> shift & mask]++;
}

/* Moves the entries to `to` in the order of a digit. */
static void S(sort_by_digit)(const S(Entry) *from, S(Entry) *to, int64_t n, int shift, int bits) {
    PLACE starts[1 << DIGIT], sum = 0;
    const KEY mask = ((KEY)1 << bits) - 1;
    S(count_digits)(from, n, shift, bits, starts);
    for (int d = 0; d < 1 << bits; d++) {
        const PLACE count = starts[d];
        starts[d] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[starts[from[i].key >> shift & mask]++] = from[i];
}

/* Sorts n entries; `spare` has as much room. Returns the one of the two that has them. */
static S(Entry) *S(sort_entries)(S(Entry) *entries, S(Entry) *spare, int64_t n) {
    if (n <= INSERTION) {
        S(sort_by_insertion)(entries, n);
        return entries;
    }
    const int bits = n < SMALL ? SMALL_DIGIT : DIGIT;
    KEY varying = S(varying_bits)(entries, n);
    for (int shift = 0; varying; varying >>= bits, shift += bits) {
        const int skipped = __builtin_ctzll(varying);
        varying >>= skipped;
        shift += skipped;
        S(sort_by_digit)(entries, spare, n, shift, bits);
        S(Entry) *sorted = spare;
        spare = entries;
        entries = sorted;
    }
    return entries;
}

/* The first k entries of a row in order. Where k is small, what comes after the k-th of those seen is left out. */
static S(Entry) *S(first_entries)(const Sort *s, const char *row, S(Entry) *entries, S(Entry) *spare) {
    KEY limit = 0;
    int64_t held = 0;
    for (int64_t first = 0; first < s->n; first += s->block) {
        const int64_t n = s->n - first < s->block ? s->n - first : s->block;
        held += s->read(s, row, first, n, first == 0, limit, entries + held);
        if (first > 0 && held <= s->k + s->block && first + n < s->n) continue;
        S(Entry) *sorted = S(sort_entries)(entries, spare, held);
        if (sorted == spare) spare = entries;
        entries = sorted;
        if (held > s->k) held = s->k;
        limit = entries[held - 1].key;
    }
    return entries;
}

static int64_t S(sort_rows)(const void *arguments, int64_t begin, int64_t end) {
    const Sort *s = arguments;
    for (int64_t i = begin; i < end; i++) {
        const char *row = s->x + i * s->n * s->size;
        S(Entry) *entries = (S(Entry) *)s->entries + 2 * i * s->room;
        s->write(s, row, S(first_entries)(s, row, entries, entries + s->room), s->k, i * s->k);
    }
    return -1;
}

/* The entry that would be at `rank`, by the digits from the highest on: those that share them stay. */
static S(Entry) S(entry_of_rank)(S(Entry) *a, int64_t n, int64_t rank) {
    PLACE counts[1 << DIGIT];
    for (KEY varying; (varying = S(varying_bits)(a, n)) != 0;) {
        const int bits = 64 - __builtin_clzll(varying), shift = bits > DIGIT ? bits - DIGIT : 0;
        const KEY mask = ((KEY)1 << DIGIT) - 1;
        KEY digit = 0;
        int64_t kept = 0;
        S(count_digits)(a, n, shift, DIGIT, counts);
        for (; rank >= (int64_t)counts[digit]; digit++) rank -= counts[digit];
        for (int64_t i = 0; i < n; i++) {
            a[kept] = a[i];
            kept += (a[i].key >> shift & mask) == digit;
        }
        n = kept;
    }
    return a[rank];
}

/* The lower of the middle elements of a row, or one that is NaN, whose key is the largest. */
static int64_t S(find_median)(const void *arguments, int64_t begin, int64_t end) {
    const Sort *s = arguments;
    S(Entry) *entries = s->entries, found;
    (void)begin, (void)end;
    s->read(s, s->x, 0, s->n, true, 0, entries);
    found = entries[0];
    for (int64_t i = 1; i < s->n; i++)
        if (entries[i].key > found.key) found = entries[i];
    if (!s->is_nan(s->x, found.place)) found = S(entry_of_rank)(entries, s->n, (s->n - 1) / 2);
    s->write(s, s->x, &found, 1, 0);
    return -1;
}
#undef KEY
#undef PLACE
#undef S
