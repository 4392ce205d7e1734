#include "train/sampler.h"

#include "base/base.h"
#include "failing.h"

enum { MOST_CLIPS = 400, MOST_PAIRS = 4000 };

static avsn_dataset_clip clips[MOST_CLIPS];
static char names[MOST_CLIPS][16];

/* Clip c has 30 + c % 7 frames and belongs to group[c], or to one of its own. */
static void set_clips(int count, const int *group)
{
    for (int c = 0; c < count; c++) {
        snprintf(names[c], sizeof names[c], "g%d", group ? group[c] : c);
        clips[c] = (avsn_dataset_clip){
            .path = "clip.mkv", .group = names[c], .frames = 30 + c % 7, .samples = (30 + c % 7) * 1920};
    }
}

static avsound_context *context;

static avsn_sampler *sampler_of(int count, avsn_sampler_options options)
{
    avsn_sampler *sampler;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_sampler_create(context, clips, count, &options, &sampler));
    return sampler;
}

static avsn_pair pairs[MOST_PAIRS], again[MOST_PAIRS];

static const avsn_pair *drawn(avsn_sampler *sampler, uint64_t epoch, int count)
{
    ck_assert_int_le(count, MOST_PAIRS);
    avsn_sampler_draw(sampler, epoch, 0, count, pairs);
    return pairs;
}

static int same(const avsn_pair *a, const avsn_pair *b)
{
    return a->frame_clip == b->frame_clip && a->frame == b->frame && a->audio_clip == b->audio_clip &&
           a->audio_frame == b->audio_frame && a->audio_shift == b->audio_shift && a->corresponds == b->corresponds &&
           a->draw == b->draw;
}

static const avsn_sampler_mode modes[] = {AVSN_SAMPLE_PAIRS, AVSN_SAMPLE_POSITIVES, AVSN_SAMPLE_VALIDATION,
                                          AVSN_SAMPLE_VIEWS, AVSN_SAMPLE_CLIPS, AVSN_SAMPLE_SHIFTS};

START_TEST(an_item_is_a_function_of_seed_epoch_and_index)
{
    set_clips(23, NULL);
    for (size_t m = 0; m < AVSN_ARRAY_COUNT(modes); m++) {
        avsn_sampler_options o = {.mode = modes[m], .batch = 4, .frames = 20, .misalignment = 4800, .shift_least = 2,
                                  .shift_most = 9, .hard = 0.3, .seed = 5};
        avsn_sampler *one = sampler_of(23, o), *other = sampler_of(23, o);
        drawn(one, 7, 300);
        for (int k = 0; k < 300; k++) { /* another sampler, another order, between other epochs */
            const int i = k * 101 % 300;
            avsn_sampler_draw(other, (uint64_t)k, 3, 1, again);
            avsn_sampler_draw(other, 7, (uint64_t)i, 1, again);
            ck_assert_msg(same(&pairs[i], &again[0]), "mode %d item %d", (int)modes[m], i);
        }
        o.seed = 6;
        avsn_sampler *seeded = sampler_of(23, o);
        avsn_sampler_draw(seeded, 7, 0, 300, again);
        int differ = 0;
        for (int i = 0; i < 300; i++)
            differ += !same(&pairs[i], &again[i]);
        ck_assert_int_ge(differ, 295);
        avsn_sampler_draw(one, 8, 0, 300, again);
        for (int i = differ = 0; i < 300; i++)
            differ += !same(&pairs[i], &again[i]);
        ck_assert_int_ge(differ, 295);
        avsn_sampler_free(one);
        avsn_sampler_free(other);
        avsn_sampler_free(seeded);
    }
}
END_TEST

static int fits(const avsn_dataset_clip *clip, int64_t centre, int window)
{
    return centre - window / 2 >= 0 && centre + (window - window / 2) <= clip->samples;
}

static void check_windows(const avsn_pair *p, int count, int window, int64_t shift)
{
    for (int i = 0; i < count; i++) {
        const avsn_dataset_clip *seen = &clips[p[i].frame_clip], *heard = &clips[p[i].audio_clip];
        ck_assert(p[i].frame >= 0 && p[i].frame < seen->frames);
        ck_assert(p[i].audio_frame >= 0 && p[i].audio_frame < heard->frames);
        ck_assert(fits(seen, (int64_t)p[i].frame * 1920, window));
        ck_assert(fits(heard, (int64_t)p[i].audio_frame * 1920, window));
        ck_assert(fits(heard, (int64_t)p[i].audio_frame * 1920 + p[i].audio_shift, window));
        ck_assert(p[i].audio_shift >= -shift && p[i].audio_shift <= shift);
        ck_assert(p[i].corresponds == (p[i].frame_clip == p[i].audio_clip));
        if (p[i].corresponds)
            ck_assert_int_eq(p[i].frame, p[i].audio_frame);
        else
            ck_assert_str_ne(seen->group, heard->group);
    }
}

START_TEST(windows_lie_inside_and_negatives_in_another_group)
{
    int group[60];
    for (int c = 0; c < 60; c++)
        group[c] = c * c % 11;
    set_clips(60, group);
    clips[17].samples = 30000; /* too short */
    clips[18].frames = 5; /* no window is centred on one of these */
    for (size_t m = 0; m < AVSN_ARRAY_COUNT(modes) && modes[m] != AVSN_SAMPLE_CLIPS; m++) /* its windows begin at a frame */
        for (int shift = 0; shift <= 48000; shift += 24000)
            for (int window = 0; window <= 47999; window += 15333) {
                avsn_sampler *s = sampler_of(
                    60, (avsn_sampler_options){
                            .mode = modes[m], .batch = 3, .window = window, .misalignment = shift, .seed = 9});
                check_windows(drawn(s, 1, 1000), 1000, window ? window : 48000, shift);
                if (!window) {
                    ck_assert_int_eq(avsn_sampler_usable(s), 58);
                    for (int i = 0; i < 1000; i++)
                        ck_assert(pairs[i].frame_clip != 17 && pairs[i].frame_clip != 18 && pairs[i].audio_clip != 17 &&
                                  pairs[i].audio_clip != 18);
                }
                avsn_sampler_free(s);
            }
}
END_TEST

START_TEST(half_of_each_batch_corresponds)
{
    set_clips(9, NULL);
    avsn_sampler *s = sampler_of(9, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .seed = 1});
    drawn(s, 0, 400);
    for (int batch = 2; batch <= 20; batch += 2)
        for (int first = 0; first + batch <= 400; first += batch) {
            int positives = 0;
            for (int i = 0; i < batch; i++)
                positives += pairs[first + i].corresponds;
            ck_assert_int_eq(positives, batch / 2);
        }
    avsn_sampler_free(s);
}
END_TEST

/* The heart of it: in each round, each clip gives as many pictures and sounds to the positives as to the negatives. */
START_TEST(each_clip_serves_both_kinds_equally)
{
    int group[61];
    for (int c = 0; c < 61; c++)
        group[c] = c < 30 ? 0 : 1 + c % 13; /* nearly half in one group */
    for (int grouped = 0; grouped < 2; grouped++) {
        set_clips(61, grouped ? group : NULL);
        avsn_sampler *s = sampler_of(61, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .seed = 2});
        ck_assert_int_eq(avsn_sampler_round(s), 122);
        for (int round = 0; round < 4; round++) {
            int pictures[2][61] = {{0}}, sounds[2][61] = {{0}}, shown[61] = {0};
            avsn_sampler_draw(s, 3, (uint64_t)(122 * round), 122, pairs);
            for (int i = 0; i < 122; i++) {
                pictures[pairs[i].corresponds][pairs[i].frame_clip]++;
                sounds[pairs[i].corresponds][pairs[i].audio_clip]++;
                shown[pairs[i].frame_clip] += i < 61;
            }
            int twice = 0;
            for (int c = 0; c < 61; c++) {
                ck_assert(pictures[0][c] == 1 && pictures[1][c] == 1 && sounds[0][c] == 1 && sounds[1][c] == 1);
                twice += shown[c] != 1;
            }
            ck_assert_int_le(twice, 2); /* an odd number has no half */
        }
        avsn_sampler_free(s);
    }
}
END_TEST

START_TEST(a_group_of_more_than_half_is_thinned)
{
    enum { CLIPS = 30, ROUNDS = 60 };
    int group[CLIPS], used[CLIPS] = {0};
    for (int c = 0; c < CLIPS; c++)
        group[c] = c < 24 ? 0 : c; /* 24 of 30 */
    set_clips(CLIPS, group);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .seed = 4});
    ck_assert_int_eq(avsn_sampler_round(s), 24); /* 6 of the group and 6 others, twice */
    for (int round = 0; round < ROUNDS; round++) {
        int sounds[2][CLIPS] = {{0}};
        avsn_sampler_draw(s, 0, (uint64_t)(24 * round), 24, pairs);
        check_windows(pairs, 24, 48000, 0);
        for (int i = 0; i < 24; i++)
            sounds[pairs[i].corresponds][pairs[i].audio_clip]++;
        for (int c = 0; c < CLIPS; c++) {
            ck_assert_int_eq(sounds[0][c], sounds[1][c]);
            used[c] += sounds[0][c];
        }
    }
    for (int c = 24; c < CLIPS; c++)
        ck_assert_int_eq(used[c], ROUNDS);
    for (int c = 0; c < 24; c++) /* 60 draws of probability 1/4: 15 +- 4.5 sigma */
        ck_assert(used[c] >= 2 && used[c] <= 30);
    avsn_sampler_free(s);
}
END_TEST

/* Chi-square of two samples over the same cells, divided by its degrees of freedom. */
static double two_sample_chi_square(const int *a, const int *b, int cells)
{
    double sum = 0;
    int used = 0;
    for (int i = 0; i < cells; i++)
        if (a[i] + b[i]) {
            sum += (double)(a[i] - b[i]) * (a[i] - b[i]) / (a[i] + b[i]);
            used++;
        }
    ck_assert_int_gt(used, 4);
    return sum / (used - 1);
}

/* With about 20 cells of thousands of draws the statistic has mean 1 and deviation 0.32; 2.3 is four of them. */
START_TEST(times_of_both_kinds_follow_one_law)
{
    enum { EPOCHS = 200, PER_EPOCH = 200, WIDTH = 3000, CELLS = 40 };
    set_clips(20, NULL);
    for (int shift = 0; shift <= 48000; shift += 48000) {
        static int frames[2][CELLS], times[2][CELLS], shifts[2][CELLS];
        memset(frames, 0, sizeof frames);
        memset(times, 0, sizeof times);
        memset(shifts, 0, sizeof shifts);
        avsn_sampler *s =
            sampler_of(20, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .misalignment = shift, .seed = 8});
        for (int e = 0; e < EPOCHS; e++) {
            drawn(s, (uint64_t)e, PER_EPOCH);
            for (int i = 0; i < PER_EPOCH; i++) {
                const int64_t centre = (int64_t)pairs[i].audio_frame * 1920 + pairs[i].audio_shift;
                frames[pairs[i].corresponds][pairs[i].audio_frame]++;
                times[pairs[i].corresponds][centre / WIDTH]++;
                shifts[pairs[i].corresponds][(pairs[i].audio_shift + 48000) / WIDTH]++;
            }
        }
        ck_assert_double_le(two_sample_chi_square(frames[0], frames[1], CELLS), 2.3);
        ck_assert_double_le(two_sample_chi_square(times[0], times[1], CELLS), 2.3);
        if (shift)
            ck_assert_double_le(two_sample_chi_square(shifts[0], shifts[1], CELLS), 2.3);
        avsn_sampler_free(s);
    }
}
END_TEST

/* Each frame that has its second is as likely as any other, and so is each partner. */
START_TEST(frames_and_partners_are_evenly_drawn)
{
    enum { CLIPS = 12, EPOCHS = 1500 };
    int frame[40] = {0}, partner[CLIPS] = {0}, frames = 0, partners = 0;
    set_clips(CLIPS, NULL);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .seed = 3});
    for (int e = 0; e < EPOCHS; e++) {
        drawn(s, (uint64_t)e, 2 * CLIPS);
        for (int i = 0; i < 2 * CLIPS; i++) {
            if (pairs[i].frame_clip == 6) /* 36 frames: of 13...23 there is a second around */
                frame[pairs[i].frame]++, frames++;
            if (pairs[i].frame_clip == 6 && !pairs[i].corresponds)
                partner[pairs[i].audio_clip]++, partners++;
        }
    }
    double chi = 0;
    for (int f = 0; f < 40; f++) {
        ck_assert(f >= 13 && f <= 23 ? frame[f] > 0 : frame[f] == 0);
        if (f >= 13 && f <= 23)
            chi += pow(frame[f] - frames / 11., 2) / (frames / 11.);
    }
    ck_assert_double_le(chi, 29.6); /* 10 degrees of freedom: 0.1 % */
    for (int c = 0; c < CLIPS; c++) {
        ck_assert(c == 6 ? partner[c] == 0 : partner[c] > 0);
        /* a round's partners hang together, yet clip 6's is drawn anew in each */
        if (c != 6)
            ck_assert_double_le(fabs(partner[c] - partners / 11.), 4.5 * sqrt(partners / 11.));
    }
    avsn_sampler_free(s);
}
END_TEST

START_TEST(misalignment_reaches_both_ways)
{
    set_clips(40, NULL);
    for (int c = 0; c < 40; c++)
        clips[c].frames = 250, clips[c].samples = 480000;
    avsn_sampler *s =
        sampler_of(40, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .misalignment = 48000, .seed = 3});
    drawn(s, 0, 4000);
    double sum[2] = {0}, square[2] = {0};
    int64_t low = 0, high = 0;
    for (int i = 0; i < 4000; i++) {
        const double x = (double)pairs[i].audio_shift / 48000;
        sum[pairs[i].corresponds] += x;
        square[pairs[i].corresponds] += x * x;
        low = AVSN_MIN(low, pairs[i].audio_shift);
        high = AVSN_MAX(high, pairs[i].audio_shift);
    }
    ck_assert(low < -47500 && high > 47500);
    for (int k = 0; k < 2; k++) { /* uniform in -1...1: deviation 0.577, of the mean of 2000: 0.013 */
        ck_assert_double_le(fabs(sum[k] / 2000), 0.055);
        ck_assert_double_eq_tol(square[k] / 2000, 1 / 3., 0.03);
    }
    avsn_sampler_free(s);
}
END_TEST

START_TEST(batches_of_positives_have_different_groups)
{
    enum { CLIPS = 90, BATCH = 8, ROUNDS = 40 };
    int group[CLIPS], used[CLIPS] = {0};
    for (int c = 0; c < CLIPS; c++)
        group[c] = c < 30 ? c % 2 : c < 50 ? 2 + c % 4 : c; /* groups of 15, of 5 and of 1 */
    set_clips(CLIPS, group);
    avsn_sampler *s =
        sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_POSITIVES, .batch = BATCH, .seed = 3});
    const int round = (int)avsn_sampler_round(s);
    ck_assert_int_eq(round, 80); /* 10 batches: 10 + 10 clips of the large groups, 4 x 5, 40 */
    for (int r = 0; r < ROUNDS; r++) {
        avsn_sampler_draw(s, 2, (uint64_t)(r * round), round, pairs);
        int seen[CLIPS] = {0};
        for (int i = 0; i < round; i++) {
            ck_assert(pairs[i].corresponds);
            ck_assert_int_eq(seen[pairs[i].frame_clip]++, 0);
            used[pairs[i].frame_clip]++;
            for (int k = i / BATCH * BATCH; k < i; k++)
                ck_assert_str_ne(clips[pairs[i].frame_clip].group, clips[pairs[k].frame_clip].group);
        }
    }
    for (int c = 0; c < CLIPS; c++)
        if (group[c] > 1)
            ck_assert_int_eq(used[c], ROUNDS);
        else /* 10 of 15 */
            ck_assert(used[c] > ROUNDS / 3 && used[c] < ROUNDS);
    avsn_sampler_free(s);
}
END_TEST

/* Items first...first + 2 * batch - 1 are two views of each of `batch` clips. */
static void check_views(const avsn_pair *p, int batch)
{
    for (int i = 0; i < batch; i++) {
        ck_assert_int_eq(p[i].frame_clip, p[i + batch].frame_clip);
        ck_assert(p[i].draw != p[i + batch].draw);
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(clips[p[i].frame_clip].group, clips[p[k].frame_clip].group);
    }
    for (int i = 0; i < 2 * batch; i++)
        ck_assert(p[i].corresponds && p[i].audio_clip == p[i].frame_clip && p[i].audio_frame == p[i].frame);
}

START_TEST(batches_of_views_show_each_clip_twice)
{
    enum { CLIPS = 90, BATCH = 8 };
    int group[CLIPS];
    for (int c = 0; c < CLIPS; c++)
        group[c] = c < 30 ? c % 2 : c < 50 ? 2 + c % 4 : c; /* groups of 15, of 5 and of 1 */
    set_clips(CLIPS, group);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_VIEWS, .batch = BATCH, .seed = 3});
    const int round = (int)avsn_sampler_round(s);
    ck_assert_int_eq(round, 2 * 80); /* as of positives */
    ck_assert_int_eq(avsn_sampler_batch(s), BATCH);
    for (int r = 0; r < 20; r++) {
        int shown[CLIPS] = {0};
        avsn_sampler_draw(s, 2, (uint64_t)(r * round), round, pairs);
        for (int b = 0; b < round; b += 2 * BATCH)
            check_views(pairs + b, BATCH);
        for (int i = 0; i < round; i++)
            shown[pairs[i].frame_clip]++;
        for (int c = 0; c < CLIPS; c++)
            ck_assert(shown[c] == 2 || (group[c] < 2 && shown[c] == 0));
    }
    avsn_sampler_free(s);
}
END_TEST

/* Frames 0...frames - 1 of clip c; what the other part is like must not matter. */
static void set_part(int count, avsn_part part, int frames)
{
    set_clips(count, NULL);
    for (int c = 0; c < count; c++) {
        clips[c].frames = part == AVSN_PART_SOUND ? 0 : frames;
        clips[c].samples = part == AVSN_PART_SOUND ? (int64_t)(frames + 24) * 1920 : 1; /* half a second at either end */
    }
}

START_TEST(views_are_a_window_apart_where_the_clip_is_long_enough)
{
    enum { CLIPS = 6, BATCH = 3, APART = 25 };
    static const avsn_part parts[] = {AVSN_PART_PICTURE, AVSN_PART_SOUND};
    for (size_t k = 0; k < AVSN_ARRAY_COUNT(parts); k++)
        for (int frames = 20; frames < 40; frames += 3) {
            int reached[2][64] = {{0}}, later = 0;
            set_part(CLIPS, parts[k], frames);
            avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){
                                                    .mode = AVSN_SAMPLE_VIEWS, .part = parts[k], .batch = BATCH, .seed = 4});
            const int first = parts[k] == AVSN_PART_SOUND ? 13 : 0; /* 24000 samples are 12.5 frames */
            const int count = parts[k] == AVSN_PART_SOUND ? frames - 1 : frames;
            drawn(s, 1, 3000);
            for (int i = 0; i < 3000; i++) {
                const int time = pairs[i].frame - first, other = i / BATCH % 2 ? i - BATCH : i + BATCH;
                ck_assert_msg(time >= 0 && time < count, "frame %d of %d", time, count);
                const int apart = abs(pairs[other].frame - pairs[i].frame);
                ck_assert_msg(count > APART ? apart >= APART : apart == 0, "%d apart in %d frames", apart, count);
                reached[i / BATCH % 2][time]++;
                later += i / BATCH % 2 && pairs[i].frame > pairs[other].frame;
            }
            /* Either view comes first half of the times, and both ends of the clip are reached by both. */
            if (count > APART)
                ck_assert_int_lt(abs(later - 750), 90);
            for (int v = 0; v < 2; v++)
                ck_assert(reached[v][0] && reached[v][count - 1]);
            avsn_sampler_free(s);
        }
}
END_TEST

START_TEST(batches_of_views_shrink_to_the_groups_there_are)
{
    set_part(7, AVSN_PART_PICTURE, 50);
    avsn_sampler_options o = {.mode = AVSN_SAMPLE_VIEWS, .part = AVSN_PART_PICTURE, .batch = 16, .smaller = true};
    avsn_sampler *s = sampler_of(7, o);
    ck_assert_int_eq(avsn_sampler_batch(s), 7);
    ck_assert_int_eq(avsn_sampler_round(s), 14);
    check_views(drawn(s, 0, 14), 7);
    avsn_sampler_free(s);
    o.batch = 3;
    s = sampler_of(7, o);
    ck_assert_int_eq(avsn_sampler_batch(s), 3);
    ck_assert_int_eq(avsn_sampler_round(s), 12);
    avsn_sampler_free(s);
}
END_TEST

/* Clips of 30...36 frames; `most` is how far the sound may be from its pictures. */
static void check_stretches(int frames, int window, int64_t most)
{
    enum { CLIPS = 23, ROUNDS = 60 };
    int starts = 0, lows = 0, highs = 0;
    set_clips(CLIPS, NULL);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_CLIPS, .frames = frames, .window = window,
                                                               .misalignment = (int32_t)most, .seed = 8});
    ck_assert_int_eq(avsn_sampler_round(s), CLIPS);
    drawn(s, 1, ROUNDS * CLIPS);
    for (int r = 0; r < ROUNDS; r++) {
        int shown[CLIPS] = {0};
        for (int i = r * CLIPS; i < (r + 1) * CLIPS; i++) {
            const avsn_pair *p = &pairs[i];
            const avsn_dataset_clip *clip = &clips[p->frame_clip];
            const int64_t start = (int64_t)p->audio_frame * 1920 + p->audio_shift;
            ck_assert(p->corresponds && p->audio_clip == p->frame_clip && p->audio_frame == p->frame);
            ck_assert(p->frame >= 0 && p->frame + frames <= clip->frames);
            ck_assert(start >= 0 && start + window <= clip->samples);
            ck_assert(p->audio_shift >= -most && p->audio_shift <= most);
            shown[p->frame_clip]++;
            starts |= p->frame == 0 ? 1 : p->frame + frames == clip->frames ? 2 : 4;
            lows += p->audio_shift < -most / 2;
            highs += p->audio_shift > most / 2;
        }
        for (int c = 0; c < CLIPS; c++)
            ck_assert_int_eq(shown[c], 1);
    }
    ck_assert_int_eq(starts, 7);
    ck_assert_msg(most ? lows > 100 && highs > 100 : !lows && !highs, "%d and %d far shifts", lows, highs);
    avsn_sampler_free(s);
}

START_TEST(rounds_of_clips_show_each_once_with_its_sound_about_it)
{
    check_stretches(20, 20 * 1920, 9600);
    check_stretches(20, 20 * 1920, 0);
    check_stretches(24, 10 * 1920 + 77, 4 * 1920);
}
END_TEST

/* Clips of 30...36 frames, stretches of 24: two items of each have the same pictures, one its sound, one another. */
START_TEST(shifted_clips_come_with_their_own_sound_first)
{
    enum { CLIPS = 23, ROUNDS = 80, FRAMES = 24, WINDOW = FRAMES * 1920 };
    int distance[16] = {0}, earlier = 0, seen[16] = {0}, heard[16] = {0};
    set_clips(CLIPS, NULL);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_SHIFTS, .frames = FRAMES, .window = WINDOW,
                                                               .shift_least = 3, .shift_most = 5, .hard = 0.25, .seed = 8});
    ck_assert_int_eq(avsn_sampler_round(s), 2 * CLIPS);
    drawn(s, 1, 2 * ROUNDS * CLIPS);
    for (int r = 0; r < ROUNDS; r++) {
        int shown[CLIPS] = {0};
        for (int i = 2 * r * CLIPS; i < 2 * (r + 1) * CLIPS; i += 2) {
            const avsn_pair *own = &pairs[i], *other = &pairs[i + 1];
            const avsn_dataset_clip *clip = &clips[own->frame_clip];
            ck_assert(own->corresponds && !other->corresponds && own->draw == other->draw);
            ck_assert(own->frame == other->frame && own->audio_frame == own->frame);
            ck_assert(own->frame_clip == other->frame_clip && own->audio_clip == other->audio_clip &&
                      own->audio_clip == own->frame_clip);
            ck_assert(other->audio_shift == 0 && own->audio_shift == 0);
            for (int k = 0; k < 2; k++) {
                ck_assert(own[k].frame >= 0 && own[k].frame + FRAMES <= clip->frames);
                ck_assert(own[k].audio_frame >= 0 && own[k].audio_frame * 1920 + WINDOW <= clip->samples);
            }
            const int apart = abs(other->audio_frame - other->frame);
            ck_assert(apart >= 1 && apart <= 5);
            distance[apart]++;
            earlier += other->audio_frame < other->frame;
            seen[other->frame]++;
            heard[other->audio_frame]++;
            shown[own->frame_clip]++;
        }
        for (int c = 0; c < CLIPS; c++)
            ck_assert_int_eq(shown[c], 1);
    }
    /* A quarter are hard ones; either way as often; sounds lie where pictures lie: all within five deviations. */
    const double all = ROUNDS * CLIPS;
    ck_assert_double_lt(fabs(distance[1] + distance[2] - 0.25 * all), 5 * sqrt(all * 0.25 * 0.75));
    ck_assert_double_lt(fabs(earlier - 0.5 * all), 5 * sqrt(all * 0.25));
    for (int i = 0; i < 16; i++)
        ck_assert_double_lt(fabs((double)(seen[i] - heard[i])), 5 * sqrt((double)(seen[i] + heard[i])) + 1e-9);
    avsn_sampler_free(s);
}
END_TEST

START_TEST(validation_shows_each_clip_once_as_each_kind)
{
    for (int large = 0; large < 2; large++) {
        int group[21], sounds[21] = {0};
        for (int c = 0; c < 21; c++)
            group[c] = large && c < 15 ? 0 : c;
        set_clips(21, group);
        avsn_sampler *s = sampler_of(21, (avsn_sampler_options){.mode = AVSN_SAMPLE_VALIDATION, .seed = 3});
        ck_assert_int_eq(avsn_sampler_round(s), 42);
        drawn(s, 0, 42);
        check_windows(pairs, 42, 48000, 0);
        int shown[21] = {0};
        for (int i = 0; i < 42; i += 2) {
            ck_assert(pairs[i].corresponds && !pairs[i + 1].corresponds);
            ck_assert_int_eq(pairs[i].frame_clip, pairs[i + 1].frame_clip);
            ck_assert_int_eq(pairs[i].frame, pairs[i + 1].frame);
            ck_assert_int_eq(shown[pairs[i].frame_clip]++, 0);
            sounds[pairs[i + 1].audio_clip]++;
        }
        for (int c = 0; c < 21 && !large; c++)
            ck_assert_int_eq(sounds[c], 1);
        avsn_sampler_free(s);
    }
}
END_TEST

START_TEST(another_sound_depends_on_the_pairs_sound_alone)
{
    enum { CLIPS = 8, DRAWS = 4000 };
    int other[CLIPS] = {0};
    set_clips(CLIPS, NULL);
    avsn_sampler *s = sampler_of(CLIPS, (avsn_sampler_options){.mode = AVSN_SAMPLE_PAIRS, .seed = 3});
    for (uint64_t k = 0; k < DRAWS; k++) {
        avsn_pair pair = {.frame_clip = 2, .frame = 14, .audio_clip = 5, .audio_frame = 15, .draw = k * 77};
        int32_t clip[2], frame[2];
        avsn_sampler_other(s, &pair, &clip[0], &frame[0]);
        pair.frame_clip = pair.audio_clip;
        pair.corresponds = true;
        avsn_sampler_other(s, &pair, &clip[1], &frame[1]);
        ck_assert(clip[0] == clip[1] && frame[0] == frame[1] && clip[0] != 5);
        ck_assert(fits(&clips[clip[0]], (int64_t)frame[0] * 1920, 48000));
        other[clip[0]]++;
    }
    for (int c = 0; c < CLIPS; c++)
        ck_assert(c == 5 || fabs(other[c] - DRAWS / 7.) < 4.5 * sqrt(DRAWS / 7.));
    avsn_sampler_free(s);
}
END_TEST

#define ck_no_sampler(count, options_, words)                                                                       \
    do {                                                                                                            \
        avsn_sampler_options o_ = options_;                                                                         \
        avsn_sampler *sampler_ = (avsn_sampler *)&o_;                                                               \
        avsound_context *context_;                                                                                  \
        ck_avsound(avsound_context_create(NULL, &context_));                                                        \
        ck_refused(avsn_sampler_create(context_, clips, count, &o_, &sampler_), AVSOUND_E_INVALID_ARGUMENT, words); \
        ck_assert_ptr_null(sampler_);                                                                               \
        avsound_context_free(context_);                                                                             \
    } while (0)

START_TEST(refuses_what_cannot_be_paired)
{
    const int one_group[3] = {0};
    const avsn_sampler_options o = {.mode = AVSN_SAMPLE_PAIRS}, positives = {.mode = AVSN_SAMPLE_POSITIVES, .batch = 4};
    const avsn_sampler_options views = {.mode = AVSN_SAMPLE_VIEWS, .batch = 4, .part = AVSN_PART_PICTURE};
    avsn_sampler_options bad = o;
    set_clips(3, NULL);
    ck_no_sampler(0, o, "0 of 0 clips hold 1 s of sound");
    ck_no_sampler(1, o, "1 of 1 clips hold 1 s of sound around a frame, want at least 2");
    ck_no_sampler(3, positives, "3 groups of clips cannot fill a batch of 4");
    ck_no_sampler(3, views, "3 groups of clips cannot fill a batch of 4");
    ck_no_sampler(1, views, "1 clips, want at least 2");
    bad.window = -1;
    ck_no_sampler(3, bad, "window of -1 samples");
    bad = o;
    bad.misalignment = -5;
    ck_no_sampler(3, bad, "misalignment of -5 samples");
    clips[0].samples = clips[1].samples = 40000;
    ck_no_sampler(3, o, "1 of 3 clips hold 1 s of sound");
    set_clips(3, one_group);
    ck_no_sampler(3, o, "all 3 clips are of one group");
    bad = o;
    bad.mode = AVSN_SAMPLE_CLIPS;
    ck_no_sampler(3, bad, "clips of 0 frames");
    bad.frames = 33;
    ck_no_sampler(3, bad, "none of 3 clips holds 33 frames and 1 s of sound");
    bad.frames = 10;
    bad.window = 33 * 1920;
    ck_no_sampler(3, bad, "none of 3 clips holds 10 frames and 1.32 s of sound");
    bad.mode = AVSN_SAMPLE_SHIFTS;
    ck_no_sampler(3, bad, "shifts of 0 to 0 frames");
    bad.shift_least = bad.shift_most = 25;
    bad.window = 10 * 1920;
    ck_no_sampler(3, bad, "none of 3 clips holds 10 frames and 0.4 s of sound and the least shift besides");
}
END_TEST

START_TEST(survives_refused_allocations)
{
    failing f;
    avsn_sampler *sampler;
    const avsn_sampler_options o = {.mode = AVSN_SAMPLE_PAIRS};
    avsound_context *refusing = failing_context(&f);
    set_clips(20, NULL);
    ck_survives_refusals(&f, avsn_sampler_create(refusing, clips, 20, &o, &sampler), avsn_sampler_free(sampler));
    avsound_context_free(refusing);
}
END_TEST

SUITE("train.sampler", an_item_is_a_function_of_seed_epoch_and_index, windows_lie_inside_and_negatives_in_another_group,
      half_of_each_batch_corresponds, each_clip_serves_both_kinds_equally, a_group_of_more_than_half_is_thinned,
      times_of_both_kinds_follow_one_law, frames_and_partners_are_evenly_drawn, misalignment_reaches_both_ways,
      batches_of_positives_have_different_groups, batches_of_views_show_each_clip_twice,
      views_are_a_window_apart_where_the_clip_is_long_enough, batches_of_views_shrink_to_the_groups_there_are,
      rounds_of_clips_show_each_once_with_its_sound_about_it,
      shifted_clips_come_with_their_own_sound_first, validation_shows_each_clip_once_as_each_kind,
      another_sound_depends_on_the_pairs_sound_alone, refuses_what_cannot_be_paired, survives_refused_allocations)
