/* What the tasks of `avsound eval` share: the manifest, moments read from clips, work spread over threads, a report. */
#ifndef EVAL_H
#define EVAL_H

#include <math.h>

#include <avsound/metrics.h>

#include "cli.h"

#define EVAL_GRID_US 40000    /* frames are taken at multiples of 0.04 s */
#define EVAL_WINDOW_US 1000000 /* of sound, around the frame */

/* ---- CSV files (eval_csv.c) ---- */

typedef struct eval_csv {
    char *text;    /* the fields' memory */
    char **fields; /* [rows][columns], row 0 is the header */
    int64_t rows, columns;
} eval_csv;

int eval_csv_read(const char *path, eval_csv *out);
/* Column of that name, -1 if there is none. */
int64_t eval_csv_column(const eval_csv *csv, const char *name);
/* "" for column -1. */
const char *eval_csv_field(const eval_csv *csv, int64_t row, int64_t column);
void eval_csv_free(eval_csv *csv);

/* ---- the truth of a generated clip (eval_truth.c), see docs/world.md ---- */

#define EVAL_MOST_THINGS 32

typedef struct eval_thing {
    char *kind;
    bool on_screen;
    int32_t stem;        /* its audio track, from 0 on; -1: silent, or the clip has no stems */
    int16_t (*boxes)[4]; /* [frames] x0 = x1: not visible */
    int8_t *level;       /* [frames] dBFS; NULL: silent */
} eval_thing;

typedef struct eval_truth {
    double fps, offset_ms; /* positive: the audio leads */
    int32_t frames, width, height, thing_count;
    int32_t track_count; /* 1: the mixture alone */
    eval_thing things[EVAL_MOST_THINGS];
} eval_truth;

/* Reads the JSON beside a video; NULL without an error where there is none. */
int eval_truth_read(const char *video, eval_truth **out);
void eval_truth_free(eval_truth *truth);
bool eval_truth_visible(const eval_truth *truth, const eval_thing *thing, int64_t time_us);
/* Whether anything is seen and heard at some time. */
bool eval_truth_decidable(const eval_truth *truth);
/* Whether anything on screen, or off it, is heard at some time. */
bool eval_truth_sounds(const eval_truth *truth, bool on_screen);
/* Whether it is heard during the second around `time_us`. */
bool eval_truth_audible(const eval_truth *truth, const eval_thing *thing, int64_t time_us);

/* ---- the manifest (eval_data.c) ---- */

typedef struct eval_clip {
    char *path;
    const char *file, *category, *group, *boxes; /* the manifest's words; "" where it has none */
    char *labels;                                /* separated by '|' */
    int64_t time_us;                             /* the moment to judge; -1: not given */
    double width, height;                        /* the unit of `boxes`; 0: the frame's own pixels */
    double offset_ms;                            /* by which the audio leads; NaN: not told */
    bool undecidable;                            /* nothing there tells the offset */
    char *off;                                   /* file whose sound is mixed in from off screen; NULL: none */
    bool muted;                                  /* its own sound stays out of that mixture */
    eval_truth *truth;                           /* NULL without */
    int64_t first, last;                         /* grid times whose window lies inside the clip, in EVAL_GRID_US */
    bool usable;                                 /* can be read, and is long enough */
} eval_clip;

typedef struct eval_data {
    const char *path;
    eval_csv csv;
    eval_clip *clips;
    int64_t count;
    bool has_labels, has_category, has_boxes, has_truth;
} eval_data;

/* `path` is a folder or a CSV file; `labels` names the columns of labels, NULL: the first usual one. */
int eval_data_open(const char *path, const char *labels, int64_t limit, eval_data *out);
void eval_data_close(eval_data *data);
/* The name of the folder in which a file lies; "" if the path has none. */
void eval_folder_name(const char *path, char *name, size_t size);
/* The time of the manifest if it is on the grid of `clip`, else the middle. */
int64_t eval_judged_time(const eval_clip *clip);

/* ---- moments (eval_media.c) ---- */

typedef struct eval_sound {
    float *samples;
    size_t room;
    avsound_audio audio;
} eval_sound;

/* Sets first, last and usable; false with a reason in the thread's error detail where the clip can't be read. */
bool eval_probe(avsound_context *context, eval_clip *clip);
/* The second around `time_us` and a margin. */
avsound_status eval_read_sound(avsound_media *media, int64_t time_us, eval_sound *sound);
avsound_status eval_open_sound(avsound_context *context, const char *path, avsound_media **out);
void eval_sound_free(eval_sound *sound);

typedef avsound_status (*eval_frame_fn)(void *user, int64_t index, const avsound_frame *frame);
/* Calls `take` with the frame on screen at each of `times` (ascending), index 0...count-1; with `run` above 1 with an array of so
 * many, 0.04 s apart, that one in the middle. */
avsound_status eval_walk_frames(avsound_context *context, const char *path, int32_t run, const int64_t *times, int64_t count,
                                eval_frame_fn take, void *user);

/* ---- work (eval_work.c) ---- */

typedef struct eval {
    const cli *c;
    cli_model model;
    eval_data data;
    int32_t threads;
} eval;

/* What a thread holds while it goes through clips. */
typedef struct eval_worker {
    const eval *e;
    avsound_session *session; /* one thread; NULL if no outputs were asked for */
    eval_sound sound;
    void *user;
} eval_worker;

/* Scores clip `index`. A status that is the clip's own fault (it can't be read) is reported; the clip is left out. */
typedef avsound_status (*eval_clip_fn)(eval_worker *worker, eval_data *data, int64_t index);
/* Goes through the usable clips of `data` on all threads. */
int eval_run(const eval *e, eval_data *data, const char *outputs, const char *unit, eval_clip_fn work, void *user);
/* The SplitMix64 finaliser over seed, item and purpose: 0...bound-1. */
uint64_t eval_random(int64_t seed, int64_t item, int64_t purpose, uint64_t bound);

/* Finds out which clips can be read and are long enough. */
int eval_probe_all(const eval *e, eval_data *data);

/* ---- labels (eval_labels.c) ---- */

/* Of the clips asked for; all NULL without labels or a tree. */
typedef struct eval_labels {
    int64_t *starts;    /* [clips + 1] */
    int32_t *labels;    /* clip i has labels[starts[i]...starts[i + 1] - 1] */
    int32_t *distances; /* [count][count] */
    int32_t *nodes;     /* [count] of the tree */
    int32_t count;
    size_t label_count, label_room, room;
} eval_labels;

/* --tree, or the tree of the world that the clips come from. */
int eval_labels_read(const eval *e, const int64_t *clips, int64_t count, eval_labels *out);
void eval_labels_free(eval_labels *labels);

/* ---- the report (eval_report.c) ---- */

typedef struct eval_report {
    json_t *root, *lines;
} eval_report;

/* `n`: clips scored. */
int eval_report_open(eval_report *report, const eval *e, const char *task, int64_t n, int64_t n_bad, int64_t n_skipped);
/* A figure: NaN bounds or baseline are left out. `baseline_name` is such as "chance". */
void eval_report_figure(eval_report *report, const char *group, const char *key, const char *title, double value,
                        double low, double high, const char *baseline_name, double baseline);
/* `right` of `n` with the interval; NaN for no `chance`. */
void eval_report_share(eval_report *report, const char *group, const char *key, const char *title, int64_t right, int64_t n,
                       double chance);
void eval_report_note(eval_report *report, const char *key, const char *title, json_t *value);
int eval_report_print(eval_report *report, bool json); /* and frees */
void eval_report_free(eval_report *report);

/* ---- classes taken for others (eval_recognition.c) ---- */

typedef struct eval_recognition {
    json_t *names; /* borrowed: an array of strings */
    int32_t count;
    int64_t *confusion; /* [count][count], label by likeliest */
} eval_recognition;

int eval_recognition_open(json_t *names, eval_recognition *out);
void eval_recognition_close(eval_recognition *all);
void eval_recognition_count(eval_recognition *all, int32_t label, int32_t likeliest);
int64_t eval_recognition_clips(const eval_recognition *all, int32_t label); /* with this label */
int64_t eval_recognition_right(const eval_recognition *all, int32_t label);
/* What is right of all, beside chance and the commonest label. */
void eval_recognition_summary(eval_report *report, const eval_recognition *all);
/* What is right of each class, and what it was taken for. */
void eval_recognition_classes(eval_report *report, const eval_recognition *all);

/* ---- tasks ---- */

int eval_avc(eval *e);
int eval_retrieval(eval *e);
int eval_localize(eval *e);
int eval_sync(eval *e);
int eval_separate(eval *e);
int eval_classify(eval *e);

#endif
