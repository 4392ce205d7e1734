/* avsound-world makes short videos of things that make sounds, and writes down the truth about each.
 *
 * A clip is a pure function of (seed, clip number, options): scene.c plans it, its things (kinds/) paint themselves
 * with draw.h and sound with sound.h, mux.c encodes, truth.c writes the JSON. Times are seconds of video time, 0 at
 * the first frame; places in a thing are in units of its radius, x to the right, y down. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_RATE 48000 /* Hz of every track */
#define MOST_EVENTS 384
#define MOST_SECONDS 30 /* so that the events fit */
#define NOISE 16384
#define MOST_VISIBLE 4
#define MOST_THINGS 8 /* with those off screen and the twins */
#define MOST_STEMS (MOST_THINGS + 1)
#define MOST_KINDS 32
#define PI 3.14159265358979323846

/* ---- random numbers (rng.c): SplitMix64, one independent stream for each purpose ---- */

typedef struct rng {
    uint64_t state;
} rng;

rng rng_stream(uint64_t seed, uint64_t clip, uint64_t purpose);
uint64_t rng_next(rng *r);
double rng_unit(rng *r); /* 0 <= x < 1 */
double rng_between(rng *r, double low, double high);
double rng_log_between(rng *r, double low, double high); /* even in octaves */
double rng_normal(rng *r);
int rng_below(rng *r, int count);
bool rng_chance(rng *r, double probability);

/* ---- pictures ---- */

typedef struct colour {
    double r, g, b; /* 0...255 */
} colour;

enum { TILE = 64 };

/* What a thing is painted with. Drawn alike for every kind, so that it tells nothing about the kind. */
typedef struct look {
    colour body, part, accent, dark, light;
    double shade, gloss; /* strength of the rounded shading, of the highlight */
    double outline; /* width in pixels */
    double tile_scale; /* of the texture, tiles per radius */
    float tile[TILE * TILE]; /* factor on brightness */
} look;

typedef struct canvas {
    int width, height;
    uint8_t *rgb; /* [height][width][3] */
} canvas;

/* ---- things ---- */

/* One sound and its visible cause: at `start` the hammer strikes, the mouth begins to open, the wheel to turn. */
typedef struct event {
    double start, end; /* of the cause; what rings on after a strike is not counted */
    double strength; /* 0...1 */
    double pitch; /* Hz of the main partial, 0 where there is none */
    int choice; /* which string, bar, vowel or side */
} event;

struct painter;
struct sound;
typedef struct kind kind;

typedef struct thing {
    const kind *kind;
    bool on_screen, sounding;
    bool mimed; /* goes through the motions of sounding, silently */
    int stem; /* number of its audio track, 0 if it is silent */
    double x, y, radius; /* pixels of the steady camera */
    double angle; /* radians, clockwise */
    bool mirrored;
    double sway[2], swing, sway_rate[3], sway_phase[3]; /* slow wandering: pixels, radians, Hz */
    double pan; /* off screen: where the sound comes from, -1 the left edge, 1 the right one */
    double trait[4]; /* 0...1: proportions, for the kind to use as it likes */
    double pitch; /* factor on the kind's usual pitch */
    double tempo; /* factor on its usual pace */
    double level; /* dBFS of its loudest 50 ms */
    look look;
    rng noise; /* where its sound draws chance from */
    event events[MOST_EVENTS];
    int event_count;
} thing;

struct kind {
    const char *name;
    const char *parent; /* in the tree of kinds */
    double low, high; /* Hz of its main partial, before thing.pitch; 0: no pitch */
    bool lasting; /* sounds for as long as its cause lasts, unlike what is struck and rings on */
    void (*plan)(thing *t, rng *r, double from, double to); /* fills events */
    void (*draw)(const thing *t, double time, const struct painter *p);
    void (*sound)(const thing *t, struct sound *out);
};

/* kinds/kinds.c */
extern const kind *const kinds[];
extern const int kind_count;
typedef struct branch {
    const char *name, *parent;
} branch;
extern const branch branches[]; /* the inner nodes of the tree; "thing" is the root */
extern const int branch_count;
const kind *kind_find(const char *name, size_t length);

/* ---- planning and moving (motion.c) ---- */

void plan_add(thing *t, double start, double end, double strength, double pitch, int choice);
/* Strikes with random gaps, and stretches of sound with random pauses; 0 for a pitch leaves it to the caller. */
void plan_strikes(thing *t, rng *r, double from, double to, double least_gap, double most_gap);
void plan_stretches(thing *t, rng *r, double from, double to, const double on[2], const double off[2]);
double plan_pitch(const thing *t, rng *r);

/* How far a hammer is from what it strikes: 0 at each start, 1 when at rest `reach` seconds away or more. */
double away_from_strike(const thing *t, double time, double reach, const event **nearest);
/* The event sounding at `time` or NULL. */
const event *event_at(const thing *t, double time);
/* The last event with start <= time, and the first after it; NULL where there is none. */
const event *event_before(const thing *t, double time);
const event *event_after(const thing *t, double time);
/* Goes from 0 to 1 within `attack` seconds after the start, back to 0 by the end within `release`. */
double envelope(const event *e, double time, double attack, double release);
/* To and fro: +1 at an event with choice 1, -1 at one with choice 0, smooth between; 0 long before and after. */
double to_and_fro(const thing *t, double time, double rest);
/* 1 at each strike, dying out with the given time constant; 0 before the first. */
double ring_out(const thing *t, double time, double decay);
/* Seconds of events up to `time`: what a wheel that turns only while sounding has turned. */
double time_sounding(const thing *t, double time);

/* ---- options ---- */

enum { STEREO_NONE = 0, STEREO_PAN = 1, STEREO_DELAY = 2, STEREO_BOTH = 3 };

typedef struct options {
    const char *out;
    int64_t clips, first, shard, shards;
    uint64_t seed;
    double seconds;
    int width, height, fps, threads;
    const kind *kinds[MOST_KINDS];
    int kind_count;
    int least_things, most_things;
    double off_screen, silent, no_source, twins, mimes;
    double least_offset, most_offset; /* milliseconds */
    int stereo; /* STEREO_ bits: what tells the direction of a sound */
    bool stems, quiet;
} options;

int options_frames(const options *o);

/* ---- scenes ---- */

typedef struct box {
    int x0, y0, x1, y1; /* half-open, pixels; x1 <= x0: nothing to see */
} box;

typedef struct scene {
    const options *options;
    int64_t clip;
    int frames;
    thing things[MOST_THINGS];
    int thing_count;
    int stem_count; /* of the things; the ambience is one more */
    double offset; /* seconds: positive, the sound is early */
    double shake[2], shake_rate[4], shake_phase[4];
    int margin; /* pixels of background beyond each edge */
    canvas background;
    double light[2]; /* towards the light, length 1 */
    int8_t noise[NOISE]; /* of the camera, grey levels */
    uint8_t tone[3][256]; /* white balance, contrast, brightness */
    double ambience; /* dBFS */
    double room[2]; /* share of the sound that the walls send back, and for how long: 0...1 */
    int quality; /* of the picture: x264's rate factor, lower is better */
    int keyframes; /* frames from one key frame to the next */
    int audio_bit_rate;
} scene;

/* A clip's plan. False when out of memory. */
bool scene_plan(scene *s, const options *o, int64_t clip);
void scene_free(scene *s);
/* Where a thing stands at a time, in pixels of the steady camera, and how it is turned. */
void thing_place(const thing *t, double time, double *x, double *y, double *angle);
/* Paints frame `index`; boxes [thing_count]. */
void scene_paint(const scene *s, int index, canvas *frame, box *boxes);
/* All tracks, 16-bit stereo, scene_samples() each: tracks[0] is the mixture, tracks[n] stem n, the last one the
 * ambience. The mixture is the sum of the stems as they are, rounded: exactly. */
bool scene_sound(const scene *s, int16_t **tracks); /* stereo.c */
int64_t scene_samples(const scene *s);
/* What a direction, -1 the left edge, does to the channels: gains of both, and by how many seconds the left one is late; the
 * right one is early by as much. */
typedef struct channels {
    double left, right, lag;
} channels;
channels channels_at(int stereo, double pan);
extern const char *const stereo_names[4]; /* by STEREO_ bits */
void background_paint(canvas *c, const double light[2], rng *r); /* background.c */
colour background_mean(const canvas *c);
void look_draw(look *l, colour against, rng *r); /* look.c: stands out against this colour */
colour colour_hsv(double hue, double saturation, double value);

/* ---- output ---- */

/* Writes to stderr; false always, so that a caller can return it. */
bool world_fail(const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;

/* A video with all its tracks, written piece by piece. */
typedef struct muxer muxer;
muxer *mux_open(const char *path, const scene *s, int16_t *const *tracks);
bool mux_frame(muxer *m, const canvas *frame);
bool mux_finish(muxer *m); /* writes what is left; free comes after in any case */
void mux_free(muxer *m);

/* Names in the folder: of a clip's video, its truth. */
#define NAME_SIZE 32
void clip_name(int64_t clip, const char *ending, char name[NAME_SIZE]);
char *path_join(const char *folder, const char *name); /* the caller frees it */
bool clip_is_complete(const options *o, int64_t clip);
bool clip_make(const options *o, int64_t clip);

/* truth.c. boxes: [frames][MOST_THINGS] */
bool truth_write(const char *path, const scene *s, const box *boxes, int16_t *const *tracks);
bool world_settle(const options *o); /* world.json says how the clips were made; other options are refused */
bool manifest_write(const options *o);

/* Every kind on one picture. */
bool sheet_write(const options *o, const char *path);

/* options.c: 0, or an exit code; -1: help or version was printed. */
int options_read(options *o, const char **sheet, int argc, char **argv);

#endif
