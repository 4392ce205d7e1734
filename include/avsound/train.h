/** @file train.h
 *  libavsound_train: learns from videos which sights and sounds belong together. Link with -lavsound_train -lavsound. */
#ifndef AVSOUND_TRAIN_H
#define AVSOUND_TRAIN_H

#include <avsound/avsound.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is learned from a batch. Since 0.1. */
enum {
    AVSOUND_OBJECTIVE_AVC = 0,        /**< "does this sound belong to this picture?", half of the pairs do: cross-entropy (the
                                           paper's; AVOL-Net: binary cross-entropy on the map's maximum) */
    AVSOUND_OBJECTIVE_CONTRASTIVE = 1, /**< all pairs belong together, every other sound of the batch is a negative: symmetric
                                           InfoNCE, plus the cross-entropy that keeps the score calibrated. AVE-Net, AVOL-Net */
    AVSOUND_OBJECTIVE_VIEWS_IMAGE = 2, /**< pictures alone, to warm their tower up: two views of each clip (other moments, varied
                                            each for itself) belong together, all other views of the batch are negatives: NT-Xent
                                            on the cosines of "embedding.image", temperature 0.1 (Chen, Kornblith, Norouzi and
                                            Hinton, A Simple Framework for Contrastive Learning of Visual Representations, ICML
                                            2020, equation 1). All other weights stay as they are. docs/training.md */
    AVSOUND_OBJECTIVE_VIEWS_AUDIO = 3, /**< sounds alone, likewise: "embedding.audio" */
    AVSOUND_OBJECTIVE_SHIFT = 4,       /**< "is this sound in time with these pictures?", half of the clips have a sound from
                                            another place of their recording: cross-entropy (Owens and Efros, Audio-Visual Scene
                                            Analysis with Self-Supervised Multisensory Features, ECCV 2018). Multisensory */
    AVSOUND_OBJECTIVE_LAGS = 5,        /**< by how much does the sound lead? Each clip's is shifted, and the true lag told from all
                                            others within the network's range: cross-entropy over lags. sync-net. docs/sync-net.md */
    AVSOUND_OBJECTIVE_SEPARATE = 6,    /**< which of two mixed sounds is that of the pictures? Each clip's is mixed with another's, and
                                            both are wanted back (Owens and Efros 2018, section 6). Separators. docs/separation.md */
    AVSOUND_OBJECTIVE_CLASSIFY = 7     /**< which label has this clip? Cross-entropy over the labels of the training clips (Owens and
                                            Efros 2018, section 5). A multisensory network that tells, so far, whether all is in time,
                                            or other classes, gets a new last layer. docs/training.md, "What is seen and heard" */
};

/** What a separator's results are held against. Since 0.1. */
enum {
    AVSOUND_SEPARATION_AUTO = 0,    /**< ORDERED, or EITHER for separator-pit and mask-net-pit, which can't know the order */
    AVSOUND_SEPARATION_ORDERED = 1, /**< on screen, off screen */
    AVSOUND_SEPARATION_EITHER = 2,  /**< the nearer order: permutation-invariant training */
    AVSOUND_SEPARATION_BOTH = 3     /**< the sum of the two */
};

/** How gradients move weights. Since 0.1. */
enum {
    AVSOUND_OPTIMIZER_ADAM = 0,    /**< Kingma and Ba 2015, beta 0.9 and 0.999 */
    AVSOUND_OPTIMIZER_MOMENTUM = 1 /**< stochastic gradient descent with momentum 0.9 */
};

/** How the learning rate goes on after its warm-up. Since 0.1. */
enum {
    AVSOUND_SCHEDULE_PAPER = 0,   /**< times 0.94 every 16 epochs */
    AVSOUND_SCHEDULE_COSINE = 1,  /**< down to 0 at the last step along half a cosine */
    AVSOUND_SCHEDULE_CONSTANT = 2 /**< stays */
};

/** How items are varied before the network sees them; positives and negatives go the same way. Zeros are the paper's
 *  choices, negatives switch off. Since 0.1. */
typedef struct avsound_augmentation {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    float crop_min;       /**< shortest side of the square crop, as a share of the picture's short side; 0: 0.875 (224/256) */
    float crop_max;       /**< longest; 0: 0.875 */
    float flip;           /**< probability of a mirrored picture; 0: 0.5 */
    float brightness;     /**< factor within 1 +- this; 0: 0.1 */
    float saturation;     /**< factor within 1 +- this; 0: 0.1 */
    float contrast;       /**< factor within 1 +- this; 0: none */
    float hue;            /**< turn of all hues within +- this, in turns; 0: none */
    float grey;           /**< probability of a grey picture; 0: none */
    float gain;           /**< amplitude's factor within 1 +- this; 0: 0.1 */
    float gain_db;        /**< level moved within +- this, in dB, besides; 0: none */
    float tilt_db;        /**< spectrum tilted within +- this, in dB from its lowest to its highest octave; 0: none */
    float noise_db;       /**< loudest white noise that is added, in dB full scale, such as -40; it goes down to 30 dB less;
                               0: none */
    float speed;          /**< sound played faster or slower, by a factor within 1 +- this; 0: none */
    float mix;            /**< probability that another clip's sound is heard, too, 0...12 dB below; 0: none */
    int32_t time_masks;   /**< stretches of columns silenced; 0: none */
    int32_t time_mask;    /**< longest of them in columns; 0: 20 */
    int32_t frequency_masks; /**< bands of rows silenced; 0: none */
    int32_t frequency_mask;  /**< widest of them in rows; 0: 24 */
    float flip_vertical;  /**< probability of a picture mirrored top to bottom; 0: none. For things that may stand any way up */
} avsound_augmentation;

/** What a progress call is about. Since 0.1. */
enum {
    AVSOUND_TRAINING_STEP = 0,   /**< a step is done */
    AVSOUND_TRAINING_EPOCH = 1,  /**< an epoch is done: it is validated and saved */
    AVSOUND_TRAINING_HEALTH = 2, /**< `message` says what looks wrong */
    AVSOUND_TRAINING_SAVED = 3   /**< a checkpoint was written between epochs */
};

/** Where a training run stands. Since 0.1. */
typedef struct avsound_training_state {
    uint32_t struct_size;    /**< sizeof of this struct in the library that fills it */
    int32_t event;           /**< AVSOUND_TRAINING_ constant */
    int32_t epoch;           /**< epochs completed */
    int32_t epochs;          /**< epochs of the whole run */
    int64_t step;            /**< steps completed since the run's beginning */
    int64_t steps;           /**< steps of the whole run */
    double loss;             /**< of the last step */
    double accuracy;         /**< of the last step, 0...1. Contrastive: how often a picture's own sound ranks first; of views:
                                  how often a view's partner does; of lags: how often the likeliest is at most a frame off; of
                                  classes: how often the likeliest is the clip's */
    double mean_loss;        /**< over this epoch so far */
    double mean_accuracy;    /**< over this epoch so far */
    double learning_rate;    /**< of the last step */
    double gradient_norm;    /**< of the last step, before clipping */
    double seconds;          /**< that this process has trained */
    double waited;           /**< of these, seconds spent waiting for data */
    double validation_loss;     /**< cross-entropy of the AVC task, latest epoch; NaN: none yet. Of views, lags and classes: their loss */
    double validation_accuracy; /**< AVC accuracy, latest epoch; NaN: none yet. Of views, lags and classes: as in training */
    double validation_auc;      /**< area under the ROC curve, latest epoch; NaN: none yet, or views, lags or classes */
    double best_accuracy;       /**< highest validation accuracy so far; NaN: none yet */
    int32_t best_epoch;         /**< epochs completed when it was reached, 0: none yet */
    int32_t rank;               /**< of this process among those that train together, from 0, which alone writes files */
    const char *message;        /**< of AVSOUND_TRAINING_HEALTH, else NULL. Valid during the call */
    double validation_error;    /**< of lags: median distance from the true one in ms, latest epoch; NaN: none yet, or not lags */
} avsound_training_state;

/** Options of a training run. Fill with avsound_trainer_options_init() first. Since 0.1. */
typedef struct avsound_trainer_options {
    uint32_t struct_size;     /**< sizeof of this struct in the caller's build */
    int32_t objective;        /**< AVSOUND_OBJECTIVE_ constant */
    int32_t precision;        /**< AVSOUND_PRECISION_ constant. bf16: convolutions multiply in bfloat16, weights and sums are
                                   32-bit */
    int32_t threads;          /**< threads that compute; 0: one per core */
    int32_t workers;          /**< threads that decode; 0: one per core */
    int32_t batch;            /**< pairs per step (of views: clips, with two views each), at least 2, over all processes that
                                   train together: each makes the same share, at least 2; 0: 64,
                                   of AVSOUND_OBJECTIVE_SHIFT 10, of _SEPARATE 12, of _CLASSIFY 8 */
    int32_t accumulate;       /**< batches whose gradients are averaged into one step; 0: 1 */
    int32_t epochs;           /**< 0: 100 */
    int32_t steps_per_epoch;  /**< 0: as many as show each clip once as a picture */
    int32_t schedule;         /**< AVSOUND_SCHEDULE_ constant */
    int32_t warmup_steps;     /**< steps over which the rate rises in a straight line from 0 */
    int32_t patience;         /**< stops after so many epochs without a better validation accuracy; 0: never */
    int32_t validation_draws; /**< pairs of each kind, or of views, drawn per validation clip; 0: 4 */
    int32_t save_minutes;     /**< a checkpoint at least so often, besides one per epoch; 0: 10 */
    double learning_rate;     /**< step size; 0: 3e-4, of momentum 1e-2 */
    double weight_decay;      /**< L2 term on the weights of convolutions and dense layers; 0: 1e-5, negative: none */
    double clip_norm;         /**< gradients longer than this are shortened to it; 0: never */
    double ema;               /**< decay of the averaged weights that are validated and saved, such as 0.999; 0: none */
    double statistics_momentum; /**< share of the newest batch in the running statistics of batch norms; 0: 0.1, of the
                                     multisensory network and of separators their release's 0.0003 */
    uint64_t seed;            /**< of everything drawn at random */
    const char *validation;   /**< prepared clips to validate on, never trained on; NULL: none */
    const avsound_augmentation *augmentation; /**< NULL: the paper's */
    const char *license;      /**< put into the model files' metadata; NULL: nothing */
    const char *source;       /**< likewise: what the weights were trained on */
    /** Called after every step and epoch, or NULL. Non-zero asks to stop: the run is saved, then
     *  avsound_trainer_run() returns AVSOUND_E_CANCELLED. */
    int32_t (*progress)(const avsound_training_state *state, void *user_data);
    void *user_data; /**< handed to `progress` */
    int32_t ranks;   /**< processes that train together, each calling this library in the same way (docs/training.md, "More
                          than one machine"); 0: as many as mpirun started, 1: this one alone, whoever started it */
    int32_t local_statistics; /**< with several processes: 1 takes batch norm's statistics over each one's share alone, which
                                   spares waiting and is no longer what one process would compute; 0: over the whole batch */
    int32_t optimizer; /**< AVSOUND_OPTIMIZER_ constant */
    int32_t separation_loss; /**< AVSOUND_OBJECTIVE_SEPARATE: AVSOUND_SEPARATION_ constant */
    double shift_min;  /**< AVSOUND_OBJECTIVE_SHIFT: least seconds between the places of sound and pictures, rounded to 25ths; 0:
                            2.17 */
    double shift_max;  /**< most seconds, or as many as a clip has room for; 0: 5.87 */
    double shift_hard; /**< share of the clips out of time that are so by less than shift_min, from a 25th of a second on; 0:
                            none */
    double silent_share; /**< AVSOUND_OBJECTIVE_SEPARATE: share of the mixtures without the pictures' own sound, of which nothing is
                              wanted on screen; 0: none, as in the paper */
    int32_t vision_only; /**< AVSOUND_OBJECTIVE_CLASSIFY: 1 puts zeros in the place of all that is heard, in use as in training. A
                              model's configuration keeps it, and so does its run */
    int32_t reserved;    /**< must be 0 */
} avsound_trainer_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_trainer_options_init(avsound_trainer_options *options, uint32_t struct_size);

/** A training run in a folder of its own:
 *  - checkpoint.safetensors: everything a run needs to go on, its options among it
 *  - last.safetensors, best.safetensors: models, for avsound_model_load(); best by validation accuracy
 *  - log.jsonl: a line per logged step and per epoch; curves.png: the same drawn
 *
 *  All files are replaced whole or not at all. Threads: one at a time. Since 0.1. */
typedef struct avsound_trainer avsound_trainer;

/** Begins a run. Nothing is written before avsound_trainer_run().
 *
 *  @param init    Architecture, configuration and first weights: from avsound_model_create() or any model file. Not changed.
 *  @param data    Folder of clips made by avsound_prepare(), or a text file listing such folders.
 *  @param folder  Of the run; made where it does not exist; must hold no other run.
 *  @param options NULL for the defaults.
 *  @param out     Receives the run; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_STATE if the folder holds a run; AVSOUND_E_UNSUPPORTED for an
 *          objective that the architecture cannot have; AVSOUND_E_IO; AVSOUND_E_FORMAT; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_trainer_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_trainer_create(avsound_context *context, avsound_model *init,
                                                                const char *data, const char *folder,
                                                                const avsound_trainer_options *options,
                                                                avsound_trainer **out);

/** Goes on where a run's checkpoint stands: with the same number of threads, to the bit as if it had never stopped. The
 *  options are those that the run began with; of `options` only threads, workers, save_minutes, ranks, local_statistics,
 *  progress and user_data are taken, and epochs where it is larger than before.
 *
 *  @param folder  Of the run.
 *  @param options NULL for the run's own.
 *  @return AVSOUND_OK; AVSOUND_E_IO where there is no run; AVSOUND_E_FORMAT for a damaged checkpoint; AVSOUND_E_STATE if the
 *          clips are not those that the run began with; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_trainer_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_trainer_resume(avsound_context *context, const char *folder,
                                                                const avsound_trainer_options *options,
                                                                avsound_trainer **out);

/** Trains to the last epoch, or until patience ends or `progress` asks to stop.
 *
 *  @return AVSOUND_OK; AVSOUND_E_CANCELLED after `progress` asked to stop; AVSOUND_E_BACKEND where a loss or gradient is not
 *          finite: the detail names the step, the layer and the clips, and the last checkpoint stays; AVSOUND_E_IO;
 *          AVSOUND_E_FORMAT for a damaged clip. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_trainer_run(avsound_trainer *trainer);

/** Draws the run's next batch as a contact sheet: pictures and spectrograms as the network sees them, labels, names.
 *  @param path A .png file. @return AVSOUND_OK; AVSOUND_E_IO; AVSOUND_E_FORMAT; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_trainer_sheet(avsound_trainer *trainer, const char *path);

/** The weights of now, averaged where the run averages, as a model.
 *  Ownership: free with avsound_model_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_trainer_model(const avsound_trainer *trainer, avsound_model **out);

/** Where the run stands. Ownership: the trainer's, valid until its next call. Since 0.1. */
AVSOUND_API const avsound_training_state *avsound_trainer_state(const avsound_trainer *trainer);

/** Frees a run's memory; its folder stays. NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_trainer_free(avsound_trainer *trainer);

/* ---- preparing clips ---- */

/** What speaks against learning from a clip; bits of avsound_prepared_clip's flags. A clip with any is left out of training,
 *  but for what the objectives on pictures or sounds alone need not mind. docs/data.md has the thresholds. Since 0.1. */
enum {
    AVSOUND_CLIP_BROKEN = 1,    /**< could not be read to its end: no file was made */
    AVSOUND_CLIP_NO_VIDEO = 2,  /**< has no moving picture: no file was made, or one of sound alone */
    AVSOUND_CLIP_NO_AUDIO = 4,  /**< has no sound: no file was made */
    AVSOUND_CLIP_SHORT = 8,     /**< less than a second of picture or of sound */
    AVSOUND_CLIP_UNEQUAL = 16,  /**< picture and sound differ in length by more than half a second and a tenth */
    AVSOUND_CLIP_STILL = 32,    /**< hardly anything ever moves */
    AVSOUND_CLIP_SILENT = 64,   /**< hardly anything can ever be heard */
    AVSOUND_CLIP_DUPLICATE = 128 /**< begins as another clip does, perhaps in another encoding */
};

/** Name of one AVSOUND_CLIP_ bit, such as "still"; NULL for any other number. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_clip_flag_name(int32_t flag);

/** One source and what became of it. Since 0.1. */
typedef struct avsound_prepared_clip {
    uint32_t struct_size;     /**< sizeof of this struct in the caller's build; set before the call */
    int32_t flags;            /**< AVSOUND_CLIP_ bits; 0: good to learn from */
    int32_t kept;             /**< 1 if it was prepared in an earlier run */
    int32_t frames;           /**< pictures in the prepared file, 25 per second; 0 without one */
    int32_t width, height;    /**< pixels of the prepared file; 0 without pictures */
    int64_t samples;          /**< per channel in the prepared file, at 48 kHz */
    double video_seconds;     /**< length of the source's pictures */
    double audio_seconds;     /**< length of the source's sound */
    double moving;            /**< share of the pictures in which something moved, 0...1 */
    double audible;           /**< share of the time in which something can be heard, 0...1 */
    double level_db;          /**< the sound's level, 0: full scale, -120: none */
    const char *source;       /**< absolute path */
    const char *file;         /**< name of the prepared file in its folder; "" if none was made */
    const char *group;        /**< clips of one group come from one recording */
    const char *duplicate_of; /**< name of the prepared file that this one repeats; "" for none */
    const char *error;        /**< why there is no file; "" */
} avsound_prepared_clip;

/** Where a call of avsound_prepare() stands. Since 0.1. */
typedef struct avsound_prepare_state {
    uint32_t struct_size; /**< sizeof of this struct in the library that fills it */
    int32_t flagged;      /**< of `done`: those with any flag, so far as they can be known one by one */
    int64_t total;        /**< sources of this call */
    int64_t done;         /**< of them: prepared, found wanting, or kept */
    int64_t kept;         /**< of `done`: prepared in an earlier run */
    double seconds;       /**< of video that this call has read */
    const avsound_prepared_clip *clip; /**< the one just done; NULL: between two, after some seconds of video. Valid
                                            during the call */
} avsound_prepare_state;

/** Options of avsound_prepare(). Fill with avsound_prepare_options_init() first. Since 0.1. */
typedef struct avsound_prepare_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t short_side;   /**< pixels of the shorter side, 16...4096; smaller videos keep their size; 0: 256 */
    int32_t channels;     /**< of the sound: 1, the average, or 2; 0: 1 */
    int32_t quality;      /**< quantiser scale of the JPEGs, 1 (best) ... 31; 0: 3 */
    int32_t workers;      /**< threads, one source each at a time; 0: one per core */
    int32_t shard, shards; /**< only sources `shard` - 1, `shard` - 1 + `shards`, ... of the sorted list, so that
                                several machines can share the work: 1...shards; 0 and 0: all */
    int32_t save_seconds; /**< the table is written at least so often; 0: 10 */
    const char *manifest; /**< CSV with columns file (relative to itself) and group; NULL: each source its own group */
    /** Called after every clip and every few seconds of video, or NULL: from any thread, never from two at once.
     *  Non-zero asks to stop: AVSOUND_E_CANCELLED is returned soon, and the next call goes on from there. */
    int32_t (*progress)(const avsound_prepare_state *state, void *user_data);
    void *user_data; /**< handed to `progress` */
    int32_t sounds;  /**< 1: what has no moving picture but a sound becomes a clip of sound alone, for
                          AVSOUND_OBJECTIVE_VIEWS_AUDIO, and folders are searched for files named like sounds, too; 0: not */
    int32_t flow;    /**< the optical flow between a clip's pictures is computed now, of pictures with so many pixels on their
                          shorter side, 16...`short_side`, and stored beside it (NAME.flow), for networks that see flow: their pictures'
                          `short_side` fits; 0: not, and training computes it anew for each item */
} avsound_prepare_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_prepare_options_init(avsound_prepare_options *options, uint32_t struct_size);

/** What a call of avsound_prepare() found, in the order of the sources' paths. Immutable. Since 0.1. */
typedef struct avsound_prepare_report avsound_prepare_report;

/** Turns videos into files that are fast to learn from: Matroska, 25 JPEGs a second, sound as 16-bit samples at 48
 *  kHz, both from time 0; `folder`/prepared.csv lists them (docs/data.md). A source that is broken or lacks a stream
 *  is listed with its reason and stops nothing. Sources prepared before and not changed since are kept; so an
 *  interrupted call, or a folder that has grown, is gone on with by the same call. Every file appears complete or not
 *  at all. Videos may have any length.
 *
 *  @param paths   Videos, folders (searched to any depth for files named like videos; what is hidden is left alone),
 *                 or text files (.txt) that list such, one a line, relative to themselves.
 *  @param count   How many, at least 1.
 *  @param folder  Where to; made where it does not exist.
 *  @param options NULL for the defaults.
 *  @param out     Receives the report, or NULL if it is not wanted; NULL on failure.
 *  @return AVSOUND_OK, also with broken sources; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_IO if a path does not exist or
 *          the folder can't be written; AVSOUND_E_FORMAT if the manifest or the folder's table is none;
 *          AVSOUND_E_CANCELLED; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_prepare_report_free(). Threads: any; one call a folder and shard at a time.
 *  Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_prepare(avsound_context *context, const char *const *paths,
                                                         int32_t count, const char *folder,
                                                         const avsound_prepare_options *options,
                                                         avsound_prepare_report **out);

/** How many sources a report tells of; 0 for NULL. Threads: any. Since 0.1. */
AVSOUND_API int64_t avsound_prepare_report_count(const avsound_prepare_report *report);

/** Tells of one source.
 *  @param index 0 to the count minus 1. @param clip Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Ownership: the strings are the report's. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_prepare_report_clip(const avsound_prepare_report *report,
                                                                     int64_t index, avsound_prepared_clip *clip);

/** Frees a report; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_prepare_report_free(avsound_prepare_report *report);

#ifdef __cplusplus
}
#endif
#endif
