#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/train.h>

#include "cli.h"

enum { MOST_EXAMPLES = 3, FLAGS = 8, DEFAULT_SIDE = 256 };

typedef struct job {
    const cli *c;
    cli_progress progress;
    avsound_prepare_report *report;
    double seconds, video_seconds; /* taken; of video read */
    avsound_prepared_clip *clips;
    int64_t count, usable, kept;
    int64_t heard; /* of no use but for their sound alone */
} job;

/* ---- running ---- */

static int32_t show_progress(const avsound_prepare_state *state, void *user_data)
{
    job *j = user_data;
    if (state->total && j->progress.total != state->total)
        cli_progress_start(&j->progress, "clips", state->total, j->c->args.quiet);
    j->video_seconds = state->seconds;
    if (state->clip)
        cli_progress_step(&j->progress);
    return cli_interrupted();
}

static int read_shard(const cli_args *a, avsound_prepare_options *options)
{
    int end = 0;
    if (!a->shard)
        return CLI_OK;
    if (sscanf(a->shard, "%d/%d%n", &options->shard, &options->shards, &end) != 2 || a->shard[end] ||
        options->shard < 1 || options->shard > options->shards)
        return cli_error(CLI_USAGE, "prepare: --shard is %s, want I/N with I from 1 to N", a->shard);
    return CLI_OK;
}

static int check_flow(const cli_args *a)
{
    const int64_t most = a->short_side ? a->short_side : DEFAULT_SIDE;
    if (a->flow > most)
        return cli_error(CLI_USAGE, "prepare: --flow is %lld, want at most the clips' --short-side, %lld", (long long)a->flow,
                         (long long)most);
    return CLI_OK;
}

static int prepare(job *j)
{
    const cli_args *a = &j->c->args;
    avsound_prepare_options options;
    avsound_prepare_options_init(&options, sizeof options);
    int code = read_shard(a, &options);
    if (!code)
        code = check_flow(a);
    if (code)
        return code;
    options.short_side = (int32_t)a->short_side;
    options.channels = (int32_t)a->channels;
    options.workers = (int32_t)a->workers;
    options.manifest = a->manifest;
    options.sounds = a->sounds;
    options.flow = (int32_t)a->flow;
    options.progress = show_progress;
    options.user_data = j;
    j->progress.started = cli_now();
    const avsound_status status = avsound_prepare(j->c->context, (const char *const *)a->operands, a->operand_count,
                                                  a->output, &options, &j->report);
    j->seconds = cli_progress_end(&j->progress);
    /* The detail names the file, be it read or written. */
    return status == AVSOUND_OK ? CLI_OK : cli_input_failed(a->operands[0], status);
}

static int read_report(job *j)
{
    j->count = avsound_prepare_report_count(j->report);
    j->clips = calloc((size_t)j->count, sizeof *j->clips);
    if (!j->clips)
        return cli_error(CLI_RESOURCES, "prepare: out of memory");
    for (int64_t i = 0; i < j->count; i++) {
        avsound_prepared_clip *clip = &j->clips[i];
        clip->struct_size = sizeof *clip;
        const avsound_status status = avsound_prepare_report_clip(j->report, i, clip);
        if (status)
            return cli_output_failed(j->c->args.output, status);
        j->usable += !clip->flags;
        j->heard += clip->samples && clip->flags == AVSOUND_CLIP_NO_VIDEO;
        j->kept += clip->kept;
    }
    return CLI_OK;
}

/* ---- the summary ---- */

/* How much a clip deserves its flag: the higher, the more. */
static double badness(const avsound_prepared_clip *clip, int32_t flag)
{
    switch (flag) {
    case AVSOUND_CLIP_SHORT:
        return -fmin(clip->video_seconds, clip->audio_seconds);
    case AVSOUND_CLIP_UNEQUAL:
        return fabs(clip->video_seconds - clip->audio_seconds);
    case AVSOUND_CLIP_STILL:
        return -clip->moving;
    case AVSOUND_CLIP_SILENT:
        return -clip->audible - clip->level_db / 1000;
    default:
        return 0;
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void print_example(const avsound_prepared_clip *clip, int32_t flag)
{
    const char *name = base_name(clip->source);
    switch (flag) {
    case AVSOUND_CLIP_BROKEN:
        printf("%s: %s", name, clip->error);
        break;
    case AVSOUND_CLIP_SHORT:
    case AVSOUND_CLIP_UNEQUAL:
        printf("%s (%.2f s of picture, %.2f s of sound)", name, clip->video_seconds, clip->audio_seconds);
        break;
    case AVSOUND_CLIP_STILL:
        printf("%s (%.0f %% moving)", name, 100 * clip->moving);
        break;
    case AVSOUND_CLIP_SILENT:
        printf("%s (%.0f dB)", name, clip->level_db);
        break;
    case AVSOUND_CLIP_DUPLICATE:
        printf("%s (of %s)", name, clip->duplicate_of);
        break;
    default:
        printf("%s", name);
    }
}

/* The worst clips with this flag, the worst first; returns how many have it. */
static int64_t find_worst(const job *j, int32_t flag, const avsound_prepared_clip *worst[MOST_EXAMPLES])
{
    int64_t count = 0;
    for (int64_t i = 0; i < j->count; i++) {
        const avsound_prepared_clip *clip = &j->clips[i];
        if (!(clip->flags & flag))
            continue;
        int64_t place = count < MOST_EXAMPLES ? count : MOST_EXAMPLES;
        for (; place > 0 && badness(worst[place - 1], flag) < badness(clip, flag); place--)
            if (place < MOST_EXAMPLES)
                worst[place] = worst[place - 1];
        if (place < MOST_EXAMPLES)
            worst[place] = clip;
        count++;
    }
    return count;
}

static void print_summary(const job *j)
{
    printf("%s: %lld of %lld clips to learn from, ", j->c->args.output, (long long)j->usable, (long long)j->count);
    if (j->heard)
        printf("%lld with sound alone, ", (long long)j->heard);
    printf("%lld kept from before, %.1f s\n", (long long)j->kept, j->seconds);
    for (int bit = 0; bit < FLAGS; bit++) {
        const avsound_prepared_clip *worst[MOST_EXAMPLES];
        const int64_t count = find_worst(j, 1 << bit, worst);
        for (int64_t i = 0; i < count && i < MOST_EXAMPLES; i++) {
            if (i == 0)
                printf("  %-10s %6lld  ", avsound_clip_flag_name(1 << bit), (long long)count);
            else
                printf("  %-10s %6s  ", "", "");
            print_example(worst[i], 1 << bit);
            putchar('\n');
        }
    }
}

static json_t *list_flags(int32_t flags)
{
    json_t *list = json_array();
    for (int bit = 0; list && bit < FLAGS; bit++)
        if (flags & 1 << bit)
            json_array_append_new(list, json_string(avsound_clip_flag_name(1 << bit)));
    return list;
}

static json_t *describe_clip(const avsound_prepared_clip *clip)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "source",
                     cli_json_text(clip->source), "file", cli_json_text(clip->file), "group",
                     cli_json_text(clip->group), "flags", list_flags(clip->flags), "kept", (int)clip->kept, "frames",
                     (int)clip->frames, "samples", (json_int_t)clip->samples, "video_s", clip->video_seconds, "audio_s",
                     clip->audio_seconds, "moving", clip->moving, "audible", clip->audible, "level_db", clip->level_db,
                     "duplicate_of", cli_json_text(clip->duplicate_of), "error", cli_json_text(clip->error));
}

static int print_json(const job *j)
{
    json_t *list = json_array();
    for (int64_t i = 0; list && i < j->count; i++)
        json_array_append_new(list, describe_clip(&j->clips[i]));
    return cli_json_print(json_pack("{s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "output", cli_json_text(j->c->args.output),
                                    "clips", (json_int_t)j->count, "usable", (json_int_t)j->usable, "sound_alone",
                                    (json_int_t)j->heard, "kept", (json_int_t)j->kept, "seconds", j->seconds, "results",
                                    list));
}

int cli_prepare(cli *c)
{
    job j = {.c = c};
    if (!c->args.output)
        return cli_error(CLI_USAGE, "prepare: --output is missing: where to? (see avsound help prepare)");
    int code = prepare(&j);
    if (!code)
        code = read_report(&j);
    if (!code && c->args.json)
        code = print_json(&j);
    else if (!code && !c->args.quiet)
        print_summary(&j);
    if (!code && !j.usable && !j.heard)
        code = cli_error(CLI_INPUT, "%s: not one clip to learn from", c->args.output);
    free(j.clips);
    avsound_prepare_report_free(j.report);
    return code;
}
