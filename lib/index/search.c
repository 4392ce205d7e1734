/* Vectors are read once, in blocks that stay in the cache while all queries are multiplied with them. Each thread goes through
 * a part of the vectors and keeps its own best, of which the best are taken in the end, by products in double. */
#include "index/search.h"

#include <math.h>

#include "base/cpu.h"
#include "base/threads.h"
#include "op/products.h"

/* Of rounded vectors the nearest of a file may be its second or third: so many more are kept. */
enum { BLOCK_FLOATS = 1 << 15, QUERIES_AT_ONCE = 64, SPARE_OF_FILE = 4 };

typedef struct candidate {
    float score;
    int64_t item, file;
} candidate;

/* A heap, the worst at its root. */
typedef struct best {
    candidate *heap;
    int64_t count, room, per_file;
} best;

typedef struct part {
    const avsn_search *search;
    int64_t begin, end; /* runs */
    best *bests;        /* [query_count] */
    float *products;    /* [block][QUERIES_AT_ONCE] */
    const float *packed; /* the queries */
    const int16_t *small; /* the same for rounded vectors */
} part;

/* ---- the best so far ---- */

static bool worse(const candidate *a, const candidate *b)
{
    return a->score < b->score || (a->score == b->score && a->item > b->item);
}

static void swap(candidate *a, candidate *b)
{
    const candidate held = *a;
    *a = *b;
    *b = held;
}

/* The candidate at `i` is new there. */
static void settle(best *b, int64_t i)
{
    candidate *h = b->heap;
    for (; i > 0 && worse(&h[i], &h[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&h[i], &h[(i - 1) / 2]);
    for (;;) {
        int64_t least = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < b->count; child++)
            if (worse(&h[child], &h[least]))
                least = child;
        if (least == i)
            return;
        swap(&h[i], &h[least]);
        i = least;
    }
}

/* The place of the worst of this file's candidates if it has as many as it may have; else -1. */
static int64_t find_full(const best *b, int64_t file)
{
    int64_t count = 0, at = -1;
    for (int64_t i = 0; b->per_file && i < b->count; i++)
        if (b->heap[i].file == file) {
            count++;
            at = at < 0 || worse(&b->heap[i], &b->heap[at]) ? i : at;
        }
    return b->per_file && count >= b->per_file ? at : -1;
}

static void take(best *b, const candidate *c)
{
    int64_t at = find_full(b, c->file);
    if (at >= 0 && !worse(&b->heap[at], c))
        return;
    if (at < 0)
        at = b->count < b->room ? b->count++ : 0;
    b->heap[at] = *c;
    settle(b, at);
}

static inline void offer(best *b, const candidate *c)
{
    if (b->count < b->room || worse(&b->heap[0], c))
        take(b, c);
}

/* ---- a part of the vectors ---- */

static int64_t block_rows(const avsn_search *s)
{
    return AVSN_MAX(BLOCK_FLOATS / s->dimension, 16);
}

/* What follows in the file, from item `offset` of run `begin` on: *end and *end_offset say up to where. */
static int64_t take_block(const avsn_search *s, int64_t begin, int64_t offset, int64_t stop, int64_t *end, int64_t *end_offset)
{
    const int64_t most = block_rows(s);
    int64_t rows = 0, r = begin;
    for (;; r++, offset = 0) {
        const int64_t taken = AVSN_MIN(s->runs[r].count - offset, most - rows);
        rows += taken;
        *end = r;
        *end_offset = offset + taken;
        if (*end_offset < s->runs[r].count)
            return rows;
        *end = r + 1;
        *end_offset = 0;
        if (rows == most || r + 1 == stop || s->runs[r + 1].row != s->runs[r].row + s->runs[r].count)
            return rows;
    }
}

static void offer_block(part *p, int64_t run, int64_t offset, int64_t rows, int64_t query, int64_t queries)
{
    const avsn_run *r = &p->search->runs[run];
    for (int64_t i = 0; i < rows; i++, offset++) {
        if (offset == r->count) {
            r++;
            offset = 0;
        }
        for (int64_t q = 0; q < queries; q++)
            offer(&p->bests[query + q],
                  &(candidate){.score = p->products[i * queries + q], .item = r->item + offset, .file = r->file});
    }
}

static void multiply(part *p, int64_t row, int64_t rows, int64_t query, int64_t queries)
{
    const avsn_search *s = p->search;
    const int64_t d = s->dimension;
    if (s->rounded)
        avsn_products_rounded(s->rounded->values + row * d, s->rounded->scales + row, rows, p->small + query * d, queries, d,
                              p->products);
    else
        avsn_products(s->vectors + row * d, rows, s->queries + query * d, p->packed + query * d, queries, d, p->products);
}

static void search_part(part *p)
{
    const avsn_search *s = p->search;
    int64_t end, end_offset, offset = 0;
    for (int64_t run = p->begin; run < p->end; run = end, offset = end_offset) {
        const int64_t rows = take_block(s, run, offset, p->end, &end, &end_offset);
        for (int64_t q = 0; q < s->query_count; q += QUERIES_AT_ONCE) {
            const int64_t queries = AVSN_MIN(s->query_count - q, QUERIES_AT_ONCE);
            multiply(p, s->runs[run].row + offset, rows, q, queries);
            offer_block(p, run, offset, rows, q, queries);
        }
    }
}

static void run_part(void *user, void *job, int32_t worker)
{
    part *p = job;
    avsn_compute state;
    (void)user;
    (void)worker;
    avsn_compute_enter(&state, 1);
    search_part(p);
    avsn_compute_leave(&state);
}

/* ---- all of it ---- */

static double product(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

int64_t avsn_run_of(const avsn_run *runs, int64_t count, int64_t item)
{
    int64_t low = 0, high = count;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (runs[middle].item <= item)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* By products in double, the best first. */
static void rank(const avsn_search *s, const float *query, best *b)
{
    const int64_t count = b->count;
    for (int64_t i = 0; i < count; i++) {
        const avsn_run *r = &s->runs[avsn_run_of(s->runs, s->run_count, b->heap[i].item)];
        b->heap[i].score = (float)product(query, s->vectors + (r->row + b->heap[i].item - r->item) * s->dimension, s->dimension);
        b->count = i + 1;
        settle(b, i);
    }
    while (b->count > 1) {
        swap(&b->heap[0], &b->heap[--b->count]); /* the worst goes behind the others */
        settle(b, 0);
    }
    b->count = count;
}

static bool has_room(const avsn_search *s, const candidate *chosen, int64_t count, int64_t file)
{
    int64_t had = 0;
    for (int64_t i = 0; s->per_file && i < count; i++)
        had += chosen[i].file == file;
    return !s->per_file || had < s->per_file;
}

/* Of those on the shortlist the k best, without those that are too many of their file. */
static void write_best(const avsn_search *s, const float *query, best *b, int64_t *items, float *scores)
{
    int64_t count = 0;
    rank(s, query, b);
    for (int64_t i = 0; i < b->count && count < s->k; i++)
        if (!s->rounded || has_room(s, b->heap, count, b->heap[i].file))
            b->heap[count++] = b->heap[i];
    for (int64_t i = 0; i < s->k; i++) {
        items[i] = i < count ? b->heap[i].item : -1;
        scores[i] = i < count ? b->heap[i].score : -INFINITY;
    }
}

static void gather(const avsn_search *s, part *parts, int32_t count, int64_t *items, float *scores)
{
    for (int64_t q = 0; q < s->query_count; q++) {
        for (int32_t i = 1; i < count; i++)
            for (int64_t c = 0; c < parts[i].bests[q].count; c++)
                offer(&parts[0].bests[q], &parts[i].bests[q].heap[c]);
        write_best(s, s->queries + q * s->dimension, &parts[0].bests[q], items + q * s->k, scores + q * s->k);
    }
}

static avsound_status allocate(avsound_context *context, const avsn_search *s, part *p)
{
    const int64_t most = s->rounded ? s->shortlist : s->k;
    size_t room;
    if (!avsn_mul_size((size_t)s->query_count, (size_t)most, &room))
        AVSN_FAIL(AVSOUND_E_LIMIT, "search: %lld answers to each of %lld queries are too many", (long long)most,
                  (long long)s->query_count);
    p->products = avsn_alloc(context, (size_t)block_rows(s), QUERIES_AT_ONCE * sizeof(float));
    p->bests = p->products ? avsn_alloc_zeroed(context, (size_t)s->query_count, sizeof *p->bests) : NULL;
    candidate *heaps = p->bests ? avsn_alloc(context, room, sizeof *heaps) : NULL;
    if (!heaps) {
        avsn_free(context, p->bests);
        p->bests = NULL;
        return AVSOUND_E_NO_MEMORY;
    }
    for (int64_t q = 0; q < s->query_count; q++)
        p->bests[q] = (best){.heap = heaps + q * most, .room = most, .per_file = s->per_file * (s->rounded ? SPARE_OF_FILE : 1)};
    return AVSOUND_OK;
}

/* Parts of about as many vectors each. */
static void share_out(const avsn_search *s, part *parts, int32_t count)
{
    int64_t total = 0, done = 0, run = 0;
    for (int64_t r = 0; r < s->run_count; r++)
        total += s->runs[r].count;
    for (int32_t i = 0; i < count; i++) {
        parts[i].begin = run;
        for (; run < s->run_count && (done < total / count * (i + 1) || i + 1 == count); run++)
            done += s->runs[run].count;
        parts[i].end = run;
    }
}

static avsound_status run_parts(avsound_context *context, part *parts, int32_t count)
{
    avsn_pool *pool;
    if (count == 1) {
        run_part(NULL, &parts[0], 0);
        return AVSOUND_OK;
    }
    AVSN_TRY(avsn_pool_create(context, count, (size_t)count, run_part, NULL, &pool));
    for (int32_t i = 0; i < count; i++)
        avsn_pool_submit(pool, &parts[i]);
    avsn_pool_free(pool);
    return AVSOUND_OK;
}

/* The queries in the order and precision in which they are multiplied. */
static avsound_status pack(avsound_context *context, const avsn_search *s, float **packed, int16_t **small)
{
    if (s->rounded) {
        *small = avsn_alloc(context, (size_t)(s->query_count * s->dimension), sizeof **small);
        for (int64_t q = 0; *small && q < s->query_count; q++)
            avsn_rounded_query(s->queries + q * s->dimension, s->dimension, *small + q * s->dimension);
        return *small ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    }
    *packed = avsn_alloc(context, avsn_products_packed(s->query_count, s->dimension), sizeof **packed);
    if (*packed)
        avsn_products_pack(s->queries, s->query_count, s->dimension, *packed);
    return *packed ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_search_run(avsound_context *context, const avsn_search *search, int64_t *items, float *scores)
{
    const int32_t count = (int32_t)AVSN_MAX(AVSN_MIN((int64_t)search->threads, search->run_count), 1);
    float *packed = NULL;
    int16_t *small = NULL;
    part *parts = avsn_alloc_zeroed(context, (size_t)count, sizeof *parts);
    avsound_status status = parts ? pack(context, search, &packed, &small) : AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; !status && i < count; i++) {
        parts[i].search = search;
        parts[i].packed = packed;
        parts[i].small = small;
        status = allocate(context, search, &parts[i]);
    }
    if (!status) {
        share_out(search, parts, count);
        status = run_parts(context, parts, count);
    }
    if (!status)
        gather(search, parts, count, items, scores);
    for (int32_t i = 0; parts && i < count; i++) {
        if (parts[i].bests)
            avsn_free(context, parts[i].bests[0].heap);
        avsn_free(context, parts[i].bests);
        avsn_free(context, parts[i].products);
    }
    avsn_free(context, small);
    avsn_free(context, packed);
    avsn_free(context, parts);
    return status;
}
