/* The avsound command: one table of subcommands (main.c), one table of options (args.c), one file per subcommand. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <avsound/avsound.h>
#include <avsound/train.h>
#include <jansson.h>

#if defined(__GNUC__)
#define CLI_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define CLI_PRINTF(string, first)
#endif

/* Exit codes; EXIT STATUS of avsound(1) says the same. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,       /* the command line is wrong */
    CLI_INPUT = 3,       /* a file can't be read, is damaged, or lacks what is asked of it */
    CLI_UNSUPPORTED = 4, /* valid, but not here: the processor, the model or the build lacks it */
    CLI_RESOURCES = 5,   /* out of memory, or the output can't be written */
    CLI_SIGNAL = 128     /* plus the signal's number: 130 after Ctrl-C */
};

/* ---- command line (args.c, help.c) ---- */

#define CLI_MAX_INPUTS 2

/* Bits of cli_option.commands. */
enum { CLI_INFO = 1, CLI_EMBED = 2, CLI_SCORE = 4, CLI_LOCALIZE = 8, CLI_BENCH = 16, CLI_PREPARE = 32, CLI_TRAIN = 64,
       CLI_EVAL = 128, CLI_SYNC = 256, CLI_SEPARATE = 512, CLI_CLASSIFY = 1024, CLI_REPORT = 2048, CLI_STREAM = 4096,
       CLI_INDEX = 8192, CLI_SEARCH = 16384, CLI_PROBE = 32768, CLI_CCA = 65536,
       CLI_EVERY = 31 | CLI_SEPARATE | CLI_CLASSIFY };

/* Options of train alone; 0 and NULL: not given. */
typedef struct cli_train_args {
    const char *validation, *sheet, *init, *init_except, *like, *objective, *optimizer, *schedule, *augment, *license, *source;
    int64_t epochs, steps_per_epoch, accumulate, warmup, patience, validation_draws, save_minutes;
    double width, learning_rate, weight_decay, clip, ema, statistics_momentum; /* weight_decay < 0: not given */
    double shift_min, shift_max, shift_hard, silent_share;
    const char *separation_loss;
    int resume, local_statistics, vision_only;
} cli_train_args;

/* What search asks for: an option that may stand there several times. */
typedef struct cli_query {
    const char *kind; /* the option's name: "image", "audio" or "video" */
    const char *text;
} cli_query;

#define CLI_MAX_QUERIES 256

/* What the options say; `cli_defaults` before any is read. */
typedef struct cli_args {
    const char *inputs[CLI_MAX_INPUTS];
    int input_count;
    const char *model, *arch, *config;
    int64_t seed;
    const char *precision, *modality, *format, *colormap;
    const char *output, *audio;
    const char *output_dir, *suffix, *layer, *grid; /* of embed */
    int overwrite, uncentred;
    int64_t threads, batch, runs;
    double hop, fps, alpha;      /* hop < 0: not given */
    int64_t start_us, duration_us; /* -1: not given */
    int json, quiet, side_by_side, timing, plan;
    const char *data, *cca_data, *labels, *tree, *negatives, *csv, *ciou, *truth; /* of eval */
    int64_t draws, frames, limit;
    double threshold;
    char **operands; /* all of them, however many */
    int operand_count;
    const char *shard, *manifest; /* of prepare */
    int64_t short_side, channels, workers, flow;
    int sounds;
    double range;             /* of sync: seconds, 0: not given */
    const char *curve, *fix;  /* of sync; curve: of score, too */
    const char *offsets;      /* of eval sync */
    double seconds;
    int compat;              /* of localize, separate */
    int stereo;              /* of localize */
    int dense;               /* of embed, score, localize, stream */
    int consistent, video;   /* of separate */
    const char *phase, *region, *picture, *true_stems;
    const char *task, *pictures, *sound, *size, *pixels, *samples, *stems; /* of stream */
    int64_t sample_rate;
    double window, wait;
    int merge, prune;        /* of index */
    cli_query queries[CLI_MAX_QUERIES]; /* of search */
    int query_count;
    const char *want, *by, *page;
    const char *export_to;   /* of index */
    int64_t answers, per_file;
    const char *classifier, *features, *costs, *cache, *root, *confusion; /* of probe */
    int64_t windows;         /* 0: not given */
    const char *cca;         /* of search, eval */
    int64_t components, pairs; /* of cca */
    double regularisation;
    cli_train_args train;
} cli_args;

typedef struct cli {
    cli_args args;
    avsound_context *context;
} cli;

typedef struct cli_command {
    const char *name;
    int bit;             /* its bit in cli_option.commands */
    const char *operands; /* as in the synopsis */
    int least, most;     /* operands */
    const char *summary;
    const char *text; /* paragraphs of `avsound help NAME` */
    int (*run)(cli *c);
} cli_command;

typedef enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_CHOICE, CLI_COUNT, CLI_NUMBER, CLI_TIME, CLI_QUERY } cli_kind;

typedef struct cli_option {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* how the help names it; the choices, separated by '|', for CLI_CHOICE; NULL for CLI_FLAG */
    cli_kind kind;
    size_t offset; /* in cli_args */
    double least, most; /* CLI_COUNT, CLI_NUMBER */
    int commands;
    const char *help;
} cli_option;

extern const cli_command cli_commands[];
extern const size_t cli_command_count;
extern const cli_option cli_options[];
extern const size_t cli_option_count;

const cli_command *cli_command_find(const char *name);
/* The name nearest to `word`, NULL if none is near enough to be a slip of the keyboard. */
const char *cli_nearest(const char *word, const char *(*name)(size_t index), size_t count);
/* Seconds, MM:SS or HH:MM:SS, the last with a fraction. */
bool cli_parse_time(const char *text, int64_t *time_us);
/* Reads argv[0...argc-1], what stands behind the subcommand. `*help` becomes true for --help. */
int cli_args_read(const cli_command *command, int argc, char **argv, cli_args *args, bool *help);
void cli_help(FILE *file);
void cli_help_command(FILE *file, const cli_command *command);

/* ---- messages (messages.c): each starts with "avsound: ", goes to standard error, and clears the progress bar ---- */

void cli_quiet(bool quiet); /* no more warnings */
CLI_PRINTF(1, 2) void cli_warn(const char *format, ...);
/* These return the exit code. */
CLI_PRINTF(2, 3) int cli_error(int code, const char *format, ...);
/* A call failed on something read from `name`, or on writing it, with the library's detail. */
int cli_input_failed(const char *name, avsound_status status);
int cli_output_failed(const char *name, avsound_status status);
/* Standard output, or `path`, failed with errno. */
int cli_write_failed(const char *path);
void cli_log(int32_t level, const char *message, void *user_data);

/* ---- signals (interrupt.c) ---- */

/* From here on SIGINT, SIGTERM and SIGHUP end the work in an orderly way; a second one ends the process at once. */
void cli_interrupt_start(void);
int cli_interrupted(void); /* the signal's number, or 0 */
/* The object to cancel when a signal comes; NULL before it is freed. */
void cli_interrupt_scan(avsound_scan *scan);
void cli_interrupt_session(avsound_session *session);
void cli_interrupt_offset(avsound_offset *offset);
void cli_interrupt_separator(avsound_separator *separator);
void cli_interrupt_stream(avsound_stream *stream);
void cli_interrupt_indexer(avsound_indexer *indexer);

/* ---- progress (progress.c): a bar on standard error, if that is a terminal and nobody asked for quiet ---- */

typedef struct cli_progress {
    const char *unit; /* "frames" */
    int64_t total;    /* -1: unknown */
    int64_t done;
    double started, shown; /* seconds of cli_now() */
    bool active;
} cli_progress;

double cli_now(void); /* seconds, monotonic */
void cli_progress_start(cli_progress *progress, const char *unit, int64_t total, bool quiet);
/* Whether a bar would run through records that are printed on the same terminal. */
bool cli_progress_disturbs(const cli_args *args);
void cli_progress_step(cli_progress *progress);
/* Puts a line of the caller's into the bar's place, if it is time to; `part` of the work is done. */
bool cli_progress_due(cli_progress *progress);
void cli_progress_line(cli_progress *progress, double part, const char *line);
void cli_format_duration(double seconds, char *text, size_t size); /* "1:02:03", "2:03" */
double cli_progress_end(cli_progress *progress); /* clears the bar; returns the seconds taken */
void cli_progress_clear(void);                   /* before anything else is printed on standard error */

/* ---- models (models.c) ---- */

typedef struct cli_model {
    avsound_model *model;
    char name[4096]; /* path, or such as "avol-net (seed 1)" */
    bool trained;
} cli_model;

/* Whether this architecture takes sound apart; *blind: and looks at nothing. */
bool cli_separates(const char *arch, bool *blind);
/* Loads --model; without it the first of the bundled `names` (NULL-terminated) that is installed; without that makes
 * --arch, or else avol-net, from --seed. */
int cli_model_open(const cli *c, const char *const *names, cli_model *out);
/* Says, if so, that the model is untrained and what therefore means nothing. */
void cli_model_warn(const cli_model *model, const char *what);
void cli_model_close(cli_model *model);
/* Path of the model that `name` means, in `path`; false if there is none. */
bool cli_model_find(const cli *c, const char *name, char *path, size_t size);
int32_t cli_precision(const char *name);
/* The options of a session or a scan that every subcommand shares. */
int cli_session(const cli *c, const cli_model *model, const char *outputs, avsound_session **out);
void cli_session_close(avsound_session *session);

/* --augment of train (augment.c): "strong,hue=0.1". */
int cli_augmentation(const char *list, avsound_augmentation *out);

/* ---- inputs (inputs.c) ---- */

typedef struct cli_picture {
    avsound_media *media;
    avsound_frame frame; /* of `media` */
} cli_picture;

typedef struct cli_sound {
    float *samples;
    avsound_audio audio; /* over `samples` */
} cli_sound;

int cli_media_info(const cli *c, const char *path, avsound_media_info *info);
int cli_picture_open(const cli *c, const char *path, cli_picture *out);
void cli_picture_close(cli_picture *picture);
/* As avsound_embed_image() of one picture; to a network that sees motion it stands still. */
avsound_status cli_picture_embed(const cli_picture *picture, const cli_model *model, avsound_session *session, float *vector,
                                 size_t *size);
/* Reads --start and --duration of the file, or seconds enough around its middle for one window of any network. */
int cli_sound_open(const cli *c, const char *path, cli_sound *out);
void cli_sound_close(cli_sound *sound);
/* "4x3". */
bool cli_read_grid(const char *text, int32_t *rows, int32_t *cols);
/* Opens a scan of --hop, --start, --duration, --threads and --precision, and registers it for Ctrl-C. */
int cli_scan_open(const cli *c, const cli_model *model, const char *path, int32_t what, double hop, avsound_scan **out);
void cli_scan_close(avsound_scan *scan);
/* Next result: CLI_OK with *more true, or false at the end. Damage ends the walk too: it is reported at once and kept
 * in *damage, so that what came before can be finished. */
int cli_scan_next(avsound_scan *scan, const char *path, avsound_scan_result *result, bool *more, int *damage);
/* Says, with the first result, if the recording is shorter than what the network sees at once. */
void cli_warn_padded(const char *path, const avsound_scan_result *result);

/* ---- files of folders and lists (sources.c) ---- */

typedef struct cli_sources {
    char **paths; /* [count] absolute, each once, ordered by strcmp() */
    size_t count, room;
} cli_sources;

/* All that folders hold to any depth and is named like a picture, a sound or a video, what lists (.txt) name, one a line, and
 * files as they are. */
int cli_sources_find(char *const *operands, int count, cli_sources *out);
/* Keeps the I-th of N parts, "I/N"; NULL: all. */
int cli_sources_shard(cli_sources *sources, const char *shard, const char *command);
void cli_sources_close(cli_sources *sources);

/* ---- outputs (outfile.c, wav.c, npy.c, npz.c, records.c) ---- */

bool cli_ends_with(const char *path, const char *ending); /* letters of either case */
/* Refuses an output that is one of the inputs. */
int cli_output_check(const cli_args *args);

/* A file under a temporary name beside its target until it is complete. "-" is standard output; devices and pipes are
 * written in place. */
typedef struct cli_outfile {
    FILE *file;
    const char *path;
    char *temporary; /* NULL: written in place */
} cli_outfile;

int cli_outfile_open(cli_outfile *out, const char *path);
int cli_outfile_finish(cli_outfile *out);
void cli_outfile_discard(cli_outfile *out); /* also after finish */
/* Makes a folder of its own in TMPDIR for what `task` writes on the way; an empty path after a failure. */
int cli_temporary_folder(const char *task, char *path, size_t size);

/* WAV files of 32-bit floats (wav.c). */
enum { CLI_WAV_HEADER = 58, CLI_WAV_MOST_SAMPLES = (INT32_MAX - CLI_WAV_HEADER) / 2 /* 4 GiB */ };
/* `samples`: of all channels together, CLI_WAV_MOST_SAMPLES at most. */
void cli_wav_header(unsigned char header[CLI_WAV_HEADER], int32_t channels, int32_t rate, int64_t samples);
bool cli_wav_write(FILE *file, const float *samples, int64_t count);

/* The header of a numpy array [count][shape...]: room for any shape here, and a multiple of 64 as numpy aligns its data. */
enum { CLI_NPY_HEADER = 128 };
void cli_npy_header(unsigned char header[CLI_NPY_HEADER], const char *descr, int64_t count, int rank, const int64_t *shape);

/* A numpy array [count][...] that grows by items. */
typedef struct cli_npy {
    cli_outfile out;
    char path[4096];
    const char *descr; /* "<f4", "<f8" */
    size_t item_size;  /* bytes of an element */
    int rank;          /* of an item */
    int64_t shape[3];  /* of an item */
    int64_t count;
} cli_npy;

int cli_npy_open(cli_npy *npy, const char *path, const char *descr, int rank, const int64_t *shape);
int cli_npy_append(cli_npy *npy, const void *item);
int cli_npy_finish(cli_npy *npy);
void cli_npy_discard(cli_npy *npy);
/* "maps.npy" -> "maps.times.npy". */
void cli_npy_times_path(const char *path, char *out, size_t size);

/* An array with its times in a second file; both appear together at the end. */
typedef struct cli_series {
    cli_npy values, times;
} cli_series;

int cli_series_open(cli_series *series, const char *path, int rank, const int64_t *shape);
int cli_series_append(cli_series *series, const float *item, int64_t time_us);
int cli_series_finish(cli_series *series);
void cli_series_discard(cli_series *series);

/* An archive of numpy arrays as openl3 writes them: embedding [count][dimension], and, of recordings, timestamps [count]. It is
 * complete or not there at all; any size. */
typedef struct cli_npz {
    cli_outfile out;
    char path[4096];
    int64_t dimension, count, room;
    double *times;     /* [room] */
    uint32_t checksum; /* of the vectors */
} cli_npz;

int cli_npz_open(cli_npz *npz, const char *path, int64_t dimension);
int cli_npz_append(cli_npz *npz, const float *vector, double seconds);
int cli_npz_finish(cli_npz *npz, bool timestamps);
void cli_npz_discard(cli_npz *npz);

/* ---- classes of a recording (classify.c) ---- */

typedef struct cli_classes {
    json_t *names;        /* an array of strings; "class 1" and so on where the model has none */
    double *probability;  /* [count], the mean over stretches */
    int32_t count;
    int64_t stretches;
    int64_t seen_us;      /* at once */
    bool padded;
} cli_classes;

/* 2 or more classes, all of probability 0. CLI_UNSUPPORTED for a model that knows none. */
int cli_classes_open(const cli_model *model, cli_classes *out);
void cli_classes_close(cli_classes *classes);
/* Runs the scan, of AVSOUND_SCAN_CLASSES, to its end, and takes the mean. AVSOUND_E_FORMAT for a recording damaged midway: the
 * mean is then of what came before. */
avsound_status cli_classes_run(cli_classes *classes, avsound_scan *scan);
/* The likeliest; ties go to the first. */
int32_t cli_classes_best(const cli_classes *classes);
const char *cli_classes_name(const cli_classes *classes, int32_t index);

/* Records, each a JSON object with the same keys, as a table, CSV, JSON or JSON lines. */
typedef enum cli_format { CLI_TABLE, CLI_CSV, CLI_JSON, CLI_JSON_LINES, CLI_NPY, CLI_NPZ } cli_format;

typedef struct cli_records {
    cli_outfile out;
    cli_format format;
    int64_t count;
} cli_records;

/* --format, --json, the ending of --output, or `otherwise`. */
cli_format cli_format_of(const cli_args *args, cli_format otherwise);
/* `head` (borrowed) opens a JSON document: {head..., "results": [...]}. */
int cli_records_open(cli_records *records, const char *path, cli_format format, const json_t *head);
int cli_records_add(cli_records *records, json_t *record); /* takes the record over */
int cli_records_finish(cli_records *records);
void cli_records_discard(cli_records *records);

json_t *cli_json_text(const char *text);     /* null for NULL; bytes that are no UTF-8 (old file names) become ? */
json_t *cli_json_float(float value);         /* shortest decimal that means this float; null if not finite */
json_t *cli_json_seconds(int64_t time_us);   /* null if negative: unknown */
json_t *cli_json_floats(const float *values, int64_t count);
int cli_json_print(json_t *object);          /* to standard output; takes it over */

/* ---- subcommands ---- */

int cli_info(cli *c);
int cli_info_model(const cli *c, const char *path, const avsound_model *model);
int cli_embed(cli *c);
int cli_score(cli *c);
int cli_localize(cli *c);
int cli_bench(cli *c);
int cli_prepare(cli *c);
int cli_train(cli *c);
int cli_eval(cli *c);
int cli_sync(cli *c);
int cli_separate(cli *c);
int cli_classify(cli *c);
int cli_report(cli *c);
int cli_stream(cli *c);
int cli_index(cli *c);
int cli_index_export(const cli *c);
int cli_search(cli *c);
int cli_probe(cli *c);
int cli_cca(cli *c);

#endif
