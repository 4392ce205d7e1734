/* An index whose pictures and sounds are compared by their canonical correlations. */
#include <string.h>

#include "api/cca.h"
#include "api/index.h"

enum { MOST_PAIRS = 100000 };

/* ---- pairs: of one file and time ---- */

typedef struct rows {
    int64_t *of[AVSN_STORE_SIDES];
    int64_t count;
} rows;

/* Counts them; with `to`, writes them there. */
static int64_t find_pairs(const avsound_index *x, rows *to)
{
    const avsn_index_side *a = &x->sides[AVSN_STORE_IMAGE], *b = &x->sides[AVSN_STORE_SOUND];
    int64_t count = 0;
    for (int64_t f = 0; f < x->file_count; f++) {
        const int64_t *run = x->files[f].run;
        if (run[AVSN_STORE_IMAGE] < 0 || run[AVSN_STORE_SOUND] < 0)
            continue;
        const avsn_run *ra = &a->runs[run[AVSN_STORE_IMAGE]], *rb = &b->runs[run[AVSN_STORE_SOUND]];
        for (int64_t i = 0, j = 0; i < ra->count && j < rb->count;) {
            const int64_t ta = a->times[ra->item + i], tb = b->times[rb->item + j];
            if (ta == tb && to) {
                to->of[AVSN_STORE_IMAGE][count] = ra->row + i;
                to->of[AVSN_STORE_SOUND][count] = rb->row + j;
            }
            count += ta == tb;
            i += ta <= tb;
            j += tb <= ta;
        }
    }
    return count;
}

/* Keeps `most` of the rows, evenly spread. */
static void thin_out(rows *r, int64_t most)
{
    if (r->count <= most)
        return;
    for (int s = 0; s < AVSN_STORE_SIDES; s++)
        for (int64_t i = 0; i < most; i++)
            r->of[s][i] = r->of[s][(int64_t)((double)i * (double)r->count / (double)most)];
    r->count = most;
}

static avsound_status list_pairs(const avsound_index *x, avsn_zone *zone, int64_t most, rows *out)
{
    out->count = find_pairs(x, NULL);
    for (int s = 0; s < AVSN_STORE_SIDES; s++) {
        out->of[s] = avsn_zone_alloc(zone, (size_t)out->count, sizeof(int64_t));
        if (!out->of[s])
            return AVSOUND_E_NO_MEMORY;
    }
    find_pairs(x, out);
    thin_out(out, most);
    return AVSOUND_OK;
}

static avsound_status fit(const avsound_index *x, const avsound_cca_options *o, avsn_zone *zone, avsound_cca **out)
{
    static const char *const names[AVSN_STORE_SIDES] = {"pictures", "sounds"};
    rows r;
    AVSN_TRY(list_pairs(x, zone, o->count ? o->count : MOST_PAIRS, &r));
    avsn_cca_pairs pairs = {.count = r.count, .regularisation = o->regularisation};
    for (int s = 0; s < AVSN_STORE_SIDES; s++)
        pairs.sides[s] = (avsn_cca_vectors){.name = names[s], .vectors = x->sides[s].vectors, .rows = r.of[s],
                                            .dimension = x->about.dimension[s]};
    const int64_t components = AVSN_MIN(o->components, AVSN_MIN(x->about.dimension[0], x->about.dimension[1]));
    if (r.count <= components)
        AVSN_FAIL(AVSOUND_E_STATE, "the index has %lld pictures with their sounds: %lld components want more than so many",
                  (long long)r.count, (long long)components);
    return avsn_cca_create(x->context, &pairs, o->components, x->about.arch, x->about.model, out);
}

avsound_status avsound_index_fit_cca(const avsound_index *index, const avsound_cca_options *options, avsound_cca **out)
{
    const avsound_cca_options defaults = {.struct_size = sizeof defaults};
    avsound_cca_options o;
    avsn_zone zone;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    AVSN_TRY(avsn_cca_read_options(options ? options : &defaults, &o));
    if (o.x || o.y || o.dimension_x || o.dimension_y || o.count < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: the vectors are the index's: x, y and their dimensions want NULL and 0, count "
                  "(%lld) 0 or more", (long long)o.count);
    avsn_zone_init(&zone, index->context);
    const avsound_status status = fit(index, &o, &zone, out);
    avsn_zone_free(&zone);
    return status;
}

/* ---- projections in place of the vectors ---- */

static avsound_status check_fit(const avsound_index *x, const avsound_cca *cca)
{
    const avsn_store_about *a = &x->about;
    if (cca->model && strcmp(cca->model, a->model))
        AVSN_FAIL(AVSOUND_E_STATE, "the CCA was fitted on another model's vectors: %s %.12s..., the index is of %s %.12s...",
                  cca->arch, cca->model, a->arch, a->model);
    for (int s = 0; s < AVSN_STORE_SIDES; s++)
        if (cca->fit.sides[s].dimension != a->dimension[s])
            AVSN_FAIL(AVSOUND_E_SHAPE, "the CCA takes %s of %d numbers, the index has vectors of %d", s ? "sounds" : "pictures",
                      cca->fit.sides[s].dimension, a->dimension[s]);
    return AVSOUND_OK;
}

static avsound_status project_side(const avsound_index *x, int s, const avsn_cca *fit_, avsn_index_projection *out)
{
    const avsn_index_side *side = &x->sides[s];
    AVSN_TRY(avsn_index_projection_create(x, s, fit_->components, out));
    for (int64_t r = 0; r < side->run_count; r++)
        avsn_cca_project(fit_, s, side->vectors + side->runs[r].row * side->dimension, side->runs[r].count,
                         out->vectors + out->runs[r].row * fit_->components);
    return AVSOUND_OK;
}

avsound_status avsound_index_use_cca(avsound_index *index, const avsound_cca *cca)
{
    avsn_index_projection projections[AVSN_STORE_SIDES] = {{0}};
    avsound_status status = AVSOUND_OK;
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    if (cca)
        AVSN_TRY(check_fit(index, cca));
    for (int s = 0; cca && !status && s < AVSN_STORE_SIDES; s++)
        status = project_side(index, s, &cca->fit, &projections[s]);
    for (int s = 0; s < AVSN_STORE_SIDES; s++)
        if (status)
            avsn_index_projection_free(index, &projections[s]);
        else
            avsn_index_projection_use(index, s, &projections[s]);
    return status;
}
