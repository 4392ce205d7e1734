/* Positives and negatives must differ in nothing but whether picture and sound belong together. So in every round
 * each clip gives one picture and one sound to the positives and one of each to the negatives, and the times are
 * drawn from the same grid by the same law. The negatives' sounds are a permutation of their pictures that never
 * stays within a group: clips stand in a circle, groups together, and each picture takes the sound s places on,
 * where s is no less than the largest group and no more than what leaves that much on the other side. A group of
 * more than half of the clips would leave no such s: it gives only as many clips to a round as all others
 * together. */
#include "train/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "train/shift.h"

typedef struct clip {
    int32_t number; /* in the data set */
    int32_t group;  /* of the sampler's */
    int32_t first, last; /* frames around which a window fits */
    int64_t samples;
} clip;

typedef struct group {
    int32_t first, count; /* of its clips */
} group;

struct avsn_sampler {
    avsound_context *context;
    avsn_sampler_options options;
    int32_t usable, groups;
    clip *clips; /* [usable], those of a group together */
    group *group; /* [groups] */
    uint64_t stream_round, stream_order, stream_groups, stream_member, stream_turn, stream_pair, stream_picture,
        stream_sound, stream_shift, stream_other, stream_view, stream_silent;
    int32_t used; /* clips in a round */
    int32_t blocks; /* AVSN_SAMPLE_POSITIVES: batches in a round */

    /* the round that the following hold, a cache only */
    bool have_round;
    uint64_t epoch, round;
    int32_t *turn; /* [groups], their order in the circle */
    int32_t *member; /* [usable], scratch */
    int32_t *circle; /* [usable], clips that take part, those of a group together */
    int32_t *order; /* [usable], places in the circle (AVSN_SAMPLE_POSITIVES: clips) in the order of the items */
    int32_t *partner; /* [usable], by clip: whose sound its picture takes in the negative */
};

/* ---- random numbers ---- */

static uint64_t key_of(uint64_t seed, uint64_t stream, uint64_t a, uint64_t b)
{
    return avsn_rng_below(avsn_rng_below(seed, stream, a, UINT64_MAX), stream, b, UINT64_MAX);
}

static void shuffle(int32_t *list, int32_t count, uint64_t key, uint64_t stream)
{
    for (int32_t i = count - 1; i > 0; i--) {
        const int32_t j = (int32_t)avsn_rng_below(key, stream, (uint64_t)i, (uint64_t)i + 1), kept = list[i];
        list[i] = list[j];
        list[j] = kept;
    }
}

static void name_streams(avsn_sampler *s)
{
    s->stream_round = avsn_rng_stream("sampler.round");
    s->stream_order = avsn_rng_stream("sampler.order");
    s->stream_groups = avsn_rng_stream("sampler.groups");
    s->stream_member = avsn_rng_stream("sampler.member");
    s->stream_turn = avsn_rng_stream("sampler.turn");
    s->stream_pair = avsn_rng_stream("sampler.pair");
    s->stream_picture = avsn_rng_stream("sampler.picture");
    s->stream_sound = avsn_rng_stream("sampler.sound");
    s->stream_shift = avsn_rng_stream("sampler.shift");
    s->stream_other = avsn_rng_stream("sampler.other");
    s->stream_view = avsn_rng_stream("sampler.view");
    s->stream_silent = avsn_rng_stream("sampler.silent");
}

/* ---- what there is to draw from ---- */

typedef struct entry {
    const char *group;
    clip clip;
} entry;

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    const int order = strcmp(a->group, b->group);
    return order ? order : (a->clip.number > b->clip.number) - (a->clip.number < b->clip.number);
}

/* Of a stretch, not of a picture and the sound about it. */
static bool has_stretches(const avsn_sampler_options *o)
{
    return o->mode == AVSN_SAMPLE_CLIPS || o->mode == AVSN_SAMPLE_MIXTURES || o->mode == AVSN_SAMPLE_SHIFTS;
}

/* False if the clip is shorter than the pictures, or than the window, or has no room for a shift. */
static bool fit_stretch(const avsn_dataset_clip *from, int32_t number, const avsn_sampler_options *o, clip *out)
{
    const int64_t room = AVSN_MIN((int64_t)from->frames - o->frames, (from->samples - o->window) / AVSN_FRAME_SAMPLES);
    const int64_t wanted = o->mode == AVSN_SAMPLE_SHIFTS ? o->shift_least : 0;
    *out = (clip){.number = number, .last = (int32_t)room, .samples = from->samples};
    return room >= wanted && from->samples >= o->window;
}

/* False if no window fits into the clip around one of its frames. Who looks at one part alone needs nothing of the other. */
static bool fit(const avsn_dataset_clip *from, int32_t number, const avsn_sampler_options *o, clip *out)
{
    const int64_t before = o->window / 2, after = o->window - before, step = AVSN_FRAME_SAMPLES;
    int64_t first = 0, last = INT32_MAX - 1;
    if (has_stretches(o))
        return fit_stretch(from, number, o, out);
    if (o->part != AVSN_PART_PICTURE) {
        if (from->samples < o->window)
            return false;
        first = (before + step - 1) / step;
        last = AVSN_MIN((from->samples - after) / step, last);
    }
    if (o->part != AVSN_PART_SOUND)
        last = AVSN_MIN(last, (int64_t)from->frames - 1);
    *out = (clip){.number = number, .first = (int32_t)first, .last = (int32_t)last, .samples = from->samples};
    return first <= last;
}

static int32_t collect(const avsn_dataset_clip *clips, int32_t count, const avsn_sampler_options *o, entry *entries)
{
    int32_t usable = 0;
    for (int32_t i = 0; i < count; i++)
        if (fit(&clips[i], i, o, &entries[usable].clip))
            entries[usable++].group = clips[i].group;
    qsort(entries, (size_t)usable, sizeof *entries, compare_entries);
    return usable;
}

static avsound_status allocate(avsn_sampler *s, int32_t usable)
{
    const size_t n = (size_t)usable;
    s->clips = avsn_alloc(s->context, n, sizeof *s->clips);
    s->group = avsn_alloc(s->context, n, sizeof *s->group);
    s->turn = avsn_alloc(s->context, n, sizeof *s->turn);
    s->member = avsn_alloc(s->context, n, sizeof *s->member);
    s->circle = avsn_alloc(s->context, n, sizeof *s->circle);
    s->order = avsn_alloc(s->context, n, sizeof *s->order);
    s->partner = avsn_alloc(s->context, n, sizeof *s->partner);
    return s->clips && s->group && s->turn && s->member && s->circle && s->order && s->partner ? AVSOUND_OK
                                                                                               : AVSOUND_E_NO_MEMORY;
}

static void store(avsn_sampler *s, const entry *entries, int32_t usable)
{
    s->usable = usable;
    for (int32_t i = 0; i < usable; i++) {
        s->clips[i] = entries[i].clip;
        if (i == 0 || strcmp(entries[i].group, entries[i - 1].group))
            s->group[s->groups++] = (group){.first = i};
        s->group[s->groups - 1].count++;
        s->clips[i].group = s->groups - 1;
    }
}

static int32_t largest_group(const avsn_sampler *s)
{
    int32_t most = 0;
    for (int32_t g = 0; g < s->groups; g++)
        most = AVSN_MAX(most, s->group[g].count);
    return most;
}

/* Most whole batches of different groups: a clip of each group in so many of them as it has clips. */
static int32_t count_blocks(const avsn_sampler *s)
{
    const int64_t batch = s->options.batch;
    for (int32_t blocks = s->usable / s->options.batch; blocks > 1; blocks--) {
        int64_t clips = 0;
        for (int32_t g = 0; g < s->groups; g++)
            clips += AVSN_MIN(s->group[g].count, blocks);
        if (clips >= blocks * batch)
            return blocks;
    }
    return 1;
}

static bool has_batches(const avsn_sampler *s)
{
    return s->options.mode == AVSN_SAMPLE_POSITIVES || s->options.mode == AVSN_SAMPLE_VIEWS;
}

static avsound_status plan_rounds(avsn_sampler *s, int32_t count)
{
    const double seconds = (double)s->options.window / AVSN_SAMPLE_RATE;
    const avsound_status refused = AVSOUND_E_INVALID_ARGUMENT;
    s->used = s->usable;
    if (has_stretches(&s->options) && s->usable < 1)
        AVSN_FAIL(refused, "none of %d clips holds %d frames and %g s of sound%s", count, s->options.frames, seconds,
                  s->options.mode == AVSN_SAMPLE_SHIFTS ? " and the least shift besides" : "");
    if (s->options.mode == AVSN_SAMPLE_MIXTURES && s->groups < 2)
        AVSN_FAIL(refused, "all %d clips are of one group, want at least 2: a second sound is of another", s->usable);
    if (has_stretches(&s->options))
        return AVSOUND_OK;
    if (s->usable < 2 && s->options.part == AVSN_PART_PICTURE)
        AVSN_FAIL(refused, "%d clips, want at least 2", s->usable);
    if (s->usable < 2)
        AVSN_FAIL(refused, "%d of %d clips hold %g s of sound around a frame, want at least 2", s->usable, count,
                  seconds);
    if (s->groups < 2)
        AVSN_FAIL(refused, "all %d clips are of one group, want at least 2: negatives are of different groups",
                  s->usable);
    const int32_t most = largest_group(s);
    if (s->options.mode == AVSN_SAMPLE_PAIRS && most > s->usable - most)
        s->used = 2 * (s->usable - most);
    if (!has_batches(s))
        return AVSOUND_OK;
    if (s->options.smaller)
        s->options.batch = AVSN_MIN(s->options.batch, s->groups);
    if (s->options.batch < 1 || s->groups < s->options.batch)
        AVSN_FAIL(refused, "%d groups of clips cannot fill a batch of %d with different ones", s->groups,
                  s->options.batch);
    s->blocks = count_blocks(s);
    s->used = s->blocks * s->options.batch;
    return AVSOUND_OK;
}

static avsound_status fill(avsn_sampler *s, const avsn_dataset_clip *clips, int32_t count)
{
    const int32_t longest = 3600 * AVSN_SAMPLE_RATE;
    if (!s->options.window)
        s->options.window = AVSN_SAMPLE_RATE;
    if (s->options.window < 1 || s->options.window > longest)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "window of %d samples, want 1 to %d", s->options.window, longest);
    if (has_stretches(&s->options) && s->options.frames < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "clips of %d frames, want at least 1", s->options.frames);
    if (s->options.mode == AVSN_SAMPLE_SHIFTS &&
        (s->options.shift_least < 1 || s->options.shift_most < s->options.shift_least))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "shifts of %d to %d frames, want 1 or more, in order", s->options.shift_least,
                  s->options.shift_most);
    if (!(s->options.silent >= 0 && s->options.silent <= 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "silent share of %g, want 0 to 1", s->options.silent);
    if (s->options.misalignment < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "misalignment of %d samples, want at least 0", s->options.misalignment);
    entry *entries = avsn_alloc(s->context, (size_t)AVSN_MAX(count, 1), sizeof *entries);
    if (!entries)
        return AVSOUND_E_NO_MEMORY;
    const int32_t usable = collect(clips, count, &s->options, entries);
    const avsound_status status = allocate(s, AVSN_MAX(usable, 1));
    if (!status)
        store(s, entries, usable);
    avsn_free(s->context, entries);
    return status ? status : plan_rounds(s, count);
}

avsound_status avsn_sampler_create(avsound_context *context, const avsn_dataset_clip *clips, int32_t count,
                                   const avsn_sampler_options *options, avsn_sampler **out)
{
    *out = NULL;
    avsn_sampler *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->options = *options;
    name_streams(s);
    const avsound_status status = fill(s, clips, count);
    if (status) {
        avsn_sampler_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsn_sampler_free(avsn_sampler *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_free(context, s->partner);
    avsn_free(context, s->order);
    avsn_free(context, s->circle);
    avsn_free(context, s->member);
    avsn_free(context, s->turn);
    avsn_free(context, s->group);
    avsn_free(context, s->clips);
    avsn_free(context, s);
    avsound_context_free(context);
}

int32_t avsn_sampler_usable(const avsn_sampler *s)
{
    return s->usable;
}

int32_t avsn_sampler_batch(const avsn_sampler *s)
{
    return s->options.batch;
}

int64_t avsn_sampler_round(const avsn_sampler *s)
{
    const bool once = s->options.mode == AVSN_SAMPLE_POSITIVES || s->options.mode == AVSN_SAMPLE_CLIPS ||
                      s->options.mode == AVSN_SAMPLE_MIXTURES;
    return once ? s->used : 2 * (int64_t)s->used;
}

/* ---- a round ---- */

/* Puts at most `most` clips of each group, drawn at random, into the circle, groups in random order. */
static int32_t form_circle(avsn_sampler *s, uint64_t key, int32_t most)
{
    int32_t placed = 0;
    for (int32_t g = 0; g < s->groups; g++)
        s->turn[g] = g;
    shuffle(s->turn, s->groups, key, s->stream_groups);
    for (int32_t t = 0; t < s->groups; t++) {
        const group *from = &s->group[s->turn[t]];
        for (int32_t i = 0; i < from->count; i++)
            s->member[i] = from->first + i;
        shuffle(s->member, from->count, avsn_rng_below(key, s->stream_member, (uint64_t)s->turn[t], UINT64_MAX),
                s->stream_member);
        const int32_t taken = AVSN_MIN(from->count, most);
        memcpy(s->circle + placed, s->member, (size_t)taken * sizeof *s->member);
        placed += taken;
    }
    return placed;
}

/* In validation a group may have more than half of the clips: those that would meet their own take any clip
 * outside of it. */
static int32_t partner_at(const avsn_sampler *s, uint64_t key, int32_t place, int32_t turn, const group *largest)
{
    const int32_t chosen = s->circle[(place + turn) % s->used], self = s->circle[place];
    const bool self_in = self >= largest->first && self < largest->first + largest->count;
    const bool chosen_in = chosen >= largest->first && chosen < largest->first + largest->count;
    if (!self_in || !chosen_in)
        return chosen;
    const int32_t others = s->usable - largest->count;
    const int32_t other = (int32_t)avsn_rng_below(key, s->stream_turn, (uint64_t)place + 1, (uint64_t)others);
    return other < largest->first ? other : other + largest->count;
}

static void find_partners(avsn_sampler *s, uint64_t key)
{
    const group *largest = &s->group[0];
    for (int32_t g = 1; g < s->groups; g++)
        if (s->group[g].count > largest->count)
            largest = &s->group[g];
    const int32_t least = AVSN_MIN(largest->count, s->usable - largest->count);
    const int32_t room = AVSN_MAX(s->used - 2 * least, 0);
    const int32_t turn = least + (int32_t)avsn_rng_below(key, s->stream_turn, 0, (uint64_t)room + 1);
    for (int32_t i = 0; i < s->used; i++)
        s->partner[s->circle[i]] = partner_at(s, key, i, turn, largest);
}

static void order_pairs(avsn_sampler *s, uint64_t key)
{
    const int32_t most = largest_group(s);
    form_circle(s, key, s->used < s->usable ? s->usable - most : most);
    find_partners(s, key);
    memcpy(s->order, s->circle, (size_t)s->used * sizeof *s->order);
    shuffle(s->order, s->used, key, s->stream_order);
}

/* Every blocks-th clip of the circle makes a batch: a group has no more clips there than there are batches. */
static void order_positives(avsn_sampler *s, uint64_t key)
{
    int32_t placed = form_circle(s, key, s->blocks);
    for (uint64_t n = 0; placed > s->used; n++, placed--) {
        const int32_t out = (int32_t)avsn_rng_below(key, s->stream_turn, n, (uint64_t)placed);
        memmove(s->circle + out, s->circle + out + 1, (size_t)(placed - out - 1) * sizeof *s->circle);
    }
    const int32_t batch = s->options.batch;
    for (int32_t i = 0; i < s->used; i++)
        s->order[i % s->blocks * batch + i / s->blocks] = s->circle[i];
}

static void order_validation(avsn_sampler *s, uint64_t key)
{
    form_circle(s, key, s->usable);
    find_partners(s, key);
    for (int32_t i = 0; i < s->usable; i++)
        s->order[i] = i;
}

static void order_clips(avsn_sampler *s, uint64_t key)
{
    for (int32_t i = 0; i < s->used; i++)
        s->order[i] = i;
    shuffle(s->order, s->used, key, s->stream_order);
}

static void enter_round(avsn_sampler *s, uint64_t epoch, uint64_t round)
{
    if (s->have_round && s->epoch == epoch && s->round == round)
        return;
    const uint64_t key = key_of(s->options.seed, s->stream_round, epoch, round);
    if (s->options.mode == AVSN_SAMPLE_PAIRS)
        order_pairs(s, key);
    else if (has_stretches(&s->options))
        order_clips(s, key);
    else if (has_batches(s))
        order_positives(s, key);
    else
        order_validation(s, key);
    s->have_round = true;
    s->epoch = epoch;
    s->round = round;
}

/* ---- an item ---- */

static int32_t draw_frame(const clip *from, uint64_t key, uint64_t stream)
{
    const uint64_t count = (uint64_t)(from->last - from->first) + 1;
    return from->first + (int32_t)avsn_rng_below(key, stream, 0, count);
}

/* Shifts that leave the window in the clip. */
static int64_t draw_shift(const avsn_sampler *s, const clip *from, int32_t frame, uint64_t key)
{
    const int64_t most = s->options.misalignment, before = s->options.window / 2;
    const int64_t centre = (int64_t)frame * AVSN_FRAME_SAMPLES;
    const int64_t low = AVSN_MAX(-most, before - centre);
    const int64_t high = AVSN_MIN(most, from->samples - (s->options.window - before) - centre);
    return low + (int64_t)avsn_rng_below(key, s->stream_shift, 0, (uint64_t)(high - low) + 1);
}

static avsn_pair make_pair(const avsn_sampler *s, int32_t picture, int32_t sound, uint64_t picture_key, uint64_t key)
{
    const clip *seen = &s->clips[picture], *heard = &s->clips[sound];
    avsn_pair pair = {
        .frame_clip = seen->number, .audio_clip = heard->number, .corresponds = picture == sound, .draw = key};
    pair.frame = draw_frame(seen, picture_key, s->stream_picture);
    pair.audio_frame = pair.corresponds ? pair.frame : draw_frame(heard, key, s->stream_sound);
    pair.audio_shift = draw_shift(s, heard, pair.audio_frame, key);
    return pair;
}

/* One of two times a window apart, by the same law whichever is asked for; in a short clip twice the same. */
static int32_t draw_moment(const avsn_sampler *s, const clip *from, uint64_t key, bool second)
{
    const int32_t apart = (s->options.window + AVSN_FRAME_SAMPLES - 1) / AVSN_FRAME_SAMPLES;
    const int32_t room = from->last - from->first - apart;
    if (room < 0)
        return draw_frame(from, key, s->stream_picture);
    const int32_t a = (int32_t)avsn_rng_below(key, s->stream_view, 0, (uint64_t)room + 1);
    const int32_t b = (int32_t)avsn_rng_below(key, s->stream_view, 1, (uint64_t)room + 1);
    const bool earlier = (avsn_rng_below(key, s->stream_view, 2, 2) == 0) != second;
    return from->first + (earlier ? AVSN_MIN(a, b) : AVSN_MAX(a, b) + apart);
}

/* The times come from the clip's place in the batch, which both views share; the augmentation from the view's own. */
static avsn_pair draw_view(avsn_sampler *s, uint64_t epoch, uint64_t index)
{
    const uint64_t size = (uint64_t)s->options.batch, batch = index / (2 * size), place = index % size;
    const uint64_t blocks = (uint64_t)s->blocks, key = key_of(s->options.seed, s->stream_view, epoch, batch * size + place);
    enter_round(s, epoch, batch / blocks);
    const clip *seen = &s->clips[s->order[batch % blocks * size + place]];
    const int32_t frame = draw_moment(s, seen, key, index % (2 * size) >= size);
    return (avsn_pair){.frame_clip = seen->number,
                       .frame = frame,
                       .audio_clip = seen->number,
                       .audio_frame = frame,
                       .corresponds = true,
                       .draw = key_of(s->options.seed, s->stream_pair, epoch, index)};
}

/* The pictures' place, then the sound's about it, as far as the clip goes. */
static avsn_pair draw_stretch(avsn_sampler *s, uint64_t epoch, uint64_t index)
{
    const uint64_t round = (uint64_t)s->used, key = key_of(s->options.seed, s->stream_pair, epoch, index);
    enter_round(s, epoch, index / round);
    const clip *from = &s->clips[s->order[index % round]];
    const int32_t frame = draw_frame(from, key, s->stream_picture);
    const int64_t start = (int64_t)frame * AVSN_FRAME_SAMPLES, most = s->options.misalignment;
    const int64_t low = AVSN_MAX(-most, -start), high = AVSN_MIN(most, from->samples - s->options.window - start);
    return (avsn_pair){.frame_clip = from->number,
                       .frame = frame,
                       .audio_clip = from->number,
                       .audio_frame = frame,
                       .audio_shift = low + (int64_t)avsn_rng_below(key, s->stream_shift, 0, (uint64_t)(high - low) + 1),
                       .corresponds = true,
                       .draw = key};
}

/* A place of another group's clip, to be heard over or instead of the pictures' own sound. */
static avsn_pair draw_mixture(avsn_sampler *s, uint64_t epoch, uint64_t index)
{
    avsn_pair pair = draw_stretch(s, epoch, index);
    const group *own = &s->group[s->clips[s->order[index % (uint64_t)s->used]].group];
    const int32_t drawn = (int32_t)avsn_rng_below(pair.draw, s->stream_other, 0, (uint64_t)(s->usable - own->count));
    const clip *other = &s->clips[drawn < own->first ? drawn : drawn + own->count];
    pair.other_clip = other->number;
    pair.other_frame = draw_frame(other, pair.draw, s->stream_sound);
    pair.corresponds = avsn_rng_uniform(pair.draw, s->stream_silent, 0) >= s->options.silent;
    return pair;
}

/* Two places of the clip, the same two for both items, of which the first is where the pictures are: either is as likely to be
 * the earlier, so that no sound tells by itself whether it belongs. */
static avsn_pair draw_shifted(avsn_sampler *s, uint64_t epoch, uint64_t index)
{
    const uint64_t round = (uint64_t)s->used, pair = index / 2, key = key_of(s->options.seed, s->stream_pair, epoch, pair);
    enter_round(s, epoch, pair / round);
    const clip *from = &s->clips[s->order[pair % round]];
    const int64_t least = s->options.shift_least;
    const bool hard = least > 1 && avsn_rng_uniform(key, s->stream_shift, 0) < s->options.hard;
    const avsn_shift_range range = {.starts = (int64_t)from->last + 1,
                                    .least = hard ? 1 : least,
                                    .most = AVSN_MIN(hard ? least - 1 : s->options.shift_most, (int64_t)from->last)};
    const avsn_shift shift = avsn_shift_draw(&range, avsn_rng_below(key, s->stream_shift, 1, UINT64_MAX));
    const bool moved = index % 2;
    return (avsn_pair){.frame_clip = from->number,
                       .frame = (int32_t)shift.frame,
                       .audio_clip = from->number,
                       .audio_frame = (int32_t)(moved ? shift.audio_frame : shift.frame),
                       .corresponds = !moved,
                       .draw = key};
}

static avsn_pair draw_item(avsn_sampler *s, uint64_t epoch, uint64_t index)
{
    if (s->options.mode == AVSN_SAMPLE_SHIFTS)
        return draw_shifted(s, epoch, index);
    if (s->options.mode == AVSN_SAMPLE_MIXTURES)
        return draw_mixture(s, epoch, index);
    if (s->options.mode == AVSN_SAMPLE_VIEWS)
        return draw_view(s, epoch, index);
    if (s->options.mode == AVSN_SAMPLE_CLIPS)
        return draw_stretch(s, epoch, index);
    const uint64_t round = (uint64_t)avsn_sampler_round(s), key = key_of(s->options.seed, s->stream_pair, epoch, index);
    const int32_t place = (int32_t)(index % round), pair = place / 2, used = s->used;
    enter_round(s, epoch, index / round);
    if (s->options.mode == AVSN_SAMPLE_POSITIVES)
        return make_pair(s, s->order[place], s->order[place], key, key);
    /* half a round on, so that each half of a round shows each clip once */
    const bool on = place % 2 && s->options.mode == AVSN_SAMPLE_PAIRS;
    const int32_t picture = s->order[on ? (pair + (used + 1) / 2) % used : pair];
    const uint64_t picture_key =
        s->options.mode == AVSN_SAMPLE_PAIRS ? key : key_of(s->options.seed, s->stream_pair, epoch, index - index % 2);
    return make_pair(s, picture, place % 2 ? s->partner[picture] : picture, picture_key, key);
}

void avsn_sampler_draw(avsn_sampler *s, uint64_t epoch, uint64_t first, int32_t count, avsn_pair *pairs)
{
    for (int32_t i = 0; i < count; i++)
        pairs[i] = draw_item(s, epoch, first + (uint64_t)i);
}

static int32_t place_of(const avsn_sampler *s, int32_t number)
{
    for (int32_t i = 0; i < s->usable; i++)
        if (s->clips[i].number == number)
            return i;
    return 0;
}

/* Depends on the pair's sound and key alone, so that it tells nothing about whether the pair corresponds. */
void avsn_sampler_other(const avsn_sampler *s, const avsn_pair *pair, int32_t *number, int32_t *frame)
{
    const int32_t self = place_of(s, pair->audio_clip);
    const int32_t drawn = (int32_t)avsn_rng_below(pair->draw, s->stream_other, 0, (uint64_t)s->usable - 1);
    const clip *other = &s->clips[drawn < self ? drawn : drawn + 1];
    *number = other->number;
    *frame = other->first +
             (int32_t)avsn_rng_below(pair->draw, s->stream_other, 1, (uint64_t)(other->last - other->first) + 1);
}
