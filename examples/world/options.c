/* The command line: one table for the parser and the help. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>

#include "world.h"

enum { USAGE = 2 };

typedef struct command_line {
    options *o;
    const char **sheet;
} command_line;

static bool read_number(const char *text, double low, double high, double *value)
{
    char *end;
    errno = 0;
    const double x = strtod(text, &end);
    if (end == text || *end || errno || !(x >= low && x <= high))
        return false;
    *value = x;
    return true;
}

static bool read_whole(const char *text, int64_t low, int64_t high, int64_t *value)
{
    char *end;
    errno = 0;
    const long long x = strtoll(text, &end, 10);
    if (end == text || *end || errno || x < low || x > high)
        return false;
    *value = x;
    return true;
}

static bool read_int(const char *text, int low, int high, int *value)
{
    int64_t x;
    if (!read_whole(text, low, high, &x))
        return false;
    *value = (int)x;
    return true;
}

/* "A" or "A<between>B" into two texts. */
static bool split(const char *text, char between, char a[32], char b[32])
{
    const char *at = strchr(*text == between ? text + 1 : text, between);
    const size_t length = at ? (size_t)(at - text) : strlen(text);
    if (length >= 32 || strlen(text) >= 64 || (at && strlen(at + 1) >= 32))
        return false;
    memcpy(a, text, length);
    a[length] = 0;
    strcpy(b, at ? at + 1 : a);
    return true;
}

static bool set_out(command_line *c, const char *v)
{
    c->o->out = v;
    return *v;
}

static bool set_clips(command_line *c, const char *v)
{
    return read_whole(v, 1, 100000000, &c->o->clips);
}

static bool set_first(command_line *c, const char *v)
{
    return read_whole(v, 0, 100000000, &c->o->first);
}

static bool set_seed(command_line *c, const char *v)
{
    int64_t seed;
    if (!read_whole(v, 0, INT64_MAX, &seed))
        return false;
    c->o->seed = (uint64_t)seed;
    return true;
}

static bool set_seconds(command_line *c, const char *v)
{
    return read_number(v, 0.2, MOST_SECONDS, &c->o->seconds);
}

static bool set_size(command_line *c, const char *v)
{
    char a[32], b[32];
    return split(v, 'x', a, b) && read_int(a, 64, 2048, &c->o->width) && read_int(b, 64, 2048, &c->o->height) &&
           c->o->width % 2 == 0 && c->o->height % 2 == 0;
}

static bool set_fps(command_line *c, const char *v)
{
    return read_int(v, 1, 120, &c->o->fps);
}

static bool set_kinds(command_line *c, const char *v)
{
    options *o = c->o;
    o->kind_count = 0;
    for (const char *at = v;; at++) {
        const size_t length = strcspn(at, ",");
        const kind *k = kind_find(at, length);
        if (!k || o->kind_count == MOST_KINDS)
            return false;
        for (int i = 0; i < o->kind_count; i++)
            if (o->kinds[i] == k)
                return false;
        o->kinds[o->kind_count++] = k;
        at += length;
        if (!*at)
            return true;
    }
}

static bool set_things(command_line *c, const char *v)
{
    char a[32], b[32];
    options *o = c->o;
    return split(v, '-', a, b) && read_int(a, 1, MOST_VISIBLE, &o->least_things) &&
           read_int(b, o->least_things, MOST_VISIBLE, &o->most_things);
}

static bool set_off_screen(command_line *c, const char *v)
{
    return read_number(v, 0, 1, &c->o->off_screen);
}

static bool set_silent(command_line *c, const char *v)
{
    return read_number(v, 0, 1, &c->o->silent);
}

static bool set_no_source(command_line *c, const char *v)
{
    return read_number(v, 0, 1, &c->o->no_source);
}

static bool set_twins(command_line *c, const char *v)
{
    return read_number(v, 0, 1, &c->o->twins);
}

static bool set_mimes(command_line *c, const char *v)
{
    return read_number(v, 0, 1, &c->o->mimes);
}

static bool set_offset(command_line *c, const char *v)
{
    char a[32], b[32];
    options *o = c->o;
    return split(v, ':', a, b) && read_number(a, -10000, 10000, &o->least_offset) &&
           read_number(b, o->least_offset, 10000, &o->most_offset);
}

static bool set_stereo(command_line *c, const char *v)
{
    for (int k = 0; k < 4; k++) {
        if (!strcmp(v, stereo_names[k])) {
            c->o->stereo = k;
            return true;
        }
    }
    return false;
}

static bool set_shard(command_line *c, const char *v)
{
    char a[32], b[32];
    options *o = c->o;
    return strchr(v, '/') && split(v, '/', a, b) && read_whole(b, 1, 1000000, &o->shards) &&
           read_whole(a, 0, o->shards - 1, &o->shard);
}

static bool set_threads(command_line *c, const char *v)
{
    return read_int(v, 1, 256, &c->o->threads);
}

static bool set_no_stems(command_line *c, const char *v)
{
    (void)v;
    c->o->stems = false;
    return true;
}

static bool set_quiet(command_line *c, const char *v)
{
    (void)v;
    c->o->quiet = true;
    return true;
}

static bool set_sheet(command_line *c, const char *v)
{
    *c->sheet = v;
    return *v;
}

typedef struct option {
    const char *name, *value, *help;
    bool (*set)(command_line *c, const char *value);
} option;

static const option table[] = {
    {"out", "DIR", "folder to write to; made if it is not there; required", set_out},
    {"clips", "N", "number of clips; default 100", set_clips},
    {"first", "N", "number of the first clip; default 0", set_first},
    {"seed", "S", "the world's seed, a whole number; default 1", set_seed},
    {"seconds", "T", "length of a clip, 0.2 to 30; default 4", set_seconds},
    {"size", "WxH", "pixels, even, 64 to 2048; default 256x256", set_size},
    {"fps", "RATE", "frames per second, 1 to 120; default 25", set_fps},
    {"kinds", "A,B,...", "only these kinds of things; default: all", set_kinds},
    {"things", "A-B", "things on screen, 1 to 4; default 1-4", set_things},
    {"off-screen", "P", "probability that something sounds off screen; default 0.15", set_off_screen},
    {"silent", "P", "probability that a thing on screen is silent; default 0.35", set_silent},
    {"no-source", "P", "probability that nothing on screen sounds; default 0.1", set_no_source},
    {"twins", "P", "probability that a silent one of the same kind joins a sounding one; default 0", set_twins},
    {"mimes", "P", "probability that such a twin goes through the motions, at other times; default 0", set_mimes},
    {"offset", "A:B", "audio offset in ms, drawn between A and B; positive: audio early; default 0", set_offset},
    {"stereo", "HOW", "what the channels tell of directions: pan (level), delay, both, none; default both", set_stereo},
    {"no-stems", NULL, "leave out the tracks of the single sounds", set_no_stems},
    {"shard", "I/N", "make every N-th clip only, beginning with the I-th (from 0)", set_shard},
    {"threads", "T", "clips made side by side; default: one per core", set_threads},
    {"sheet", "FILE.png", "draw one of each kind instead of making clips", set_sheet},
    {"quiet", NULL, "print nothing but errors", set_quiet},
};
enum { OPTIONS = sizeof table / sizeof table[0] };

static void help(void)
{
    puts("Usage: avsound-world --out DIR [OPTION]...\n"
         "Makes short videos of things that make sounds, and writes down the truth about\n"
         "each: DIR/clip-NNNNNN.mp4 and .json, DIR/manifest.csv, DIR/world.json. A clip\n"
         "depends on the seed, its number and the options alone; clips that are complete\n"
         "are kept, so that an interrupted run can be continued by the same command.\n");
    for (int k = 0; k < OPTIONS; k++) {
        char left[40];
        snprintf(left, sizeof left, "--%s %s", table[k].name, table[k].value ? table[k].value : "");
        printf("  %-18s %s\n", left, table[k].help);
    }
    puts("  --help, --version\n\nKinds:");
    for (int k = 0; k < kind_count; k++)
        printf("%s%s", k ? ", " : "  ", kinds[k]->name);
    puts("");
}

static const option *find(const char *name, size_t length)
{
    for (int k = 0; k < OPTIONS; k++)
        if (strlen(table[k].name) == length && !strncmp(table[k].name, name, length))
            return &table[k];
    return NULL;
}

static int usage_error(const char *what, const char *which)
{
    world_fail("%s: %s (avsound-world --help)", which, what);
    return USAGE;
}

/* Takes argv[*at] and its value. */
static int read_one(command_line *c, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    if (strncmp(word, "--", 2))
        return usage_error("not an option", word);
    const size_t length = strcspn(word + 2, "=");
    const option *o = find(word + 2, length);
    const char *value = word[2 + length] ? word + 3 + length : NULL;
    if (!o)
        return usage_error("no such option", word);
    if (!o->value && value)
        return usage_error("takes no value", word);
    if (o->value && !value && ++*at >= argc)
        return usage_error("needs a value", word);
    if (o->value && !value)
        value = argv[*at];
    if (o->set(c, value))
        return 0;
    world_fail("--%s %s: want %s: %s", o->name, value, o->value, o->help);
    return USAGE;
}

int options_read(options *o, const char **sheet, int argc, char **argv)
{
    *o = (options){.clips = 100,
                   .seed = 1,
                   .seconds = 4,
                   .width = 256,
                   .height = 256,
                   .fps = 25,
                   .least_things = 1,
                   .most_things = 4,
                   .off_screen = 0.15,
                   .silent = 0.35,
                   .no_source = 0.1,
                   .stereo = STEREO_BOTH,
                   .shards = 1,
                   .stems = true};
    command_line c = {o, sheet};
    *sheet = NULL;
    o->kind_count = kind_count;
    memcpy(o->kinds, kinds, (size_t)kind_count * sizeof *kinds);
    for (int at = 1; at < argc; at++) {
        if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
            help();
            return -1;
        }
        if (!strcmp(argv[at], "--version")) {
            printf("avsound-world %s\n", avsound_version_string());
            return -1;
        }
        const int code = read_one(&c, argc, argv, &at);
        if (code)
            return code;
    }
    if (!o->out && !*sheet)
        return usage_error("wanted: the folder to write to", "--out");
    if (options_frames(o) < 1)
        return usage_error("not even one frame", "--seconds");
    return 0;
}
