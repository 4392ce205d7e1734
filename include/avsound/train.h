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
    AVSOUND_OBJECTIVE_CONTRASTIVE = 1 /**< all pairs belong together, every other sound of the batch is a negative: symmetric
                                           InfoNCE, plus the cross-entropy that keeps the score calibrated. AVE-Net, AVOL-Net */
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
    double accuracy;         /**< of the last step, 0...1. Contrastive: how often a picture's own sound ranks first */
    double mean_loss;        /**< over this epoch so far */
    double mean_accuracy;    /**< over this epoch so far */
    double learning_rate;    /**< of the last step */
    double gradient_norm;    /**< of the last step, before clipping */
    double seconds;          /**< that this process has trained */
    double waited;           /**< of these, seconds spent waiting for data */
    double validation_loss;     /**< cross-entropy of the AVC task, latest epoch; NaN: none yet */
    double validation_accuracy; /**< AVC accuracy, latest epoch; NaN: none yet */
    double validation_auc;      /**< area under the ROC curve, latest epoch; NaN: none yet */
    double best_accuracy;       /**< highest validation accuracy so far; NaN: none yet */
    int32_t best_epoch;         /**< epochs completed when it was reached, 0: none yet */
    int32_t reserved;           /**< 0 */
    const char *message;        /**< of AVSOUND_TRAINING_HEALTH, else NULL. Valid during the call */
} avsound_training_state;

/** Options of a training run. Fill with avsound_trainer_options_init() first. Since 0.1. */
typedef struct avsound_trainer_options {
    uint32_t struct_size;     /**< sizeof of this struct in the caller's build */
    int32_t objective;        /**< AVSOUND_OBJECTIVE_ constant */
    int32_t precision;        /**< AVSOUND_PRECISION_ constant. bf16: convolutions multiply in bfloat16, weights and sums are
                                   32-bit */
    int32_t threads;          /**< threads that compute; 0: one per core */
    int32_t workers;          /**< threads that decode; 0: one per core */
    int32_t batch;            /**< pairs per step and process, at least 2; 0: 64 */
    int32_t accumulate;       /**< batches whose gradients are averaged into one step; 0: 1 */
    int32_t epochs;           /**< 0: 100 */
    int32_t steps_per_epoch;  /**< 0: as many as show each clip once as a picture */
    int32_t schedule;         /**< AVSOUND_SCHEDULE_ constant */
    int32_t warmup_steps;     /**< steps over which the rate rises in a straight line from 0 */
    int32_t patience;         /**< stops after so many epochs without a better validation accuracy; 0: never */
    int32_t validation_draws; /**< pairs of each kind drawn per validation clip; 0: 4 */
    int32_t save_minutes;     /**< a checkpoint at least so often, besides one per epoch; 0: 10 */
    double learning_rate;     /**< Adam's step size; 0: 3e-4 */
    double weight_decay;      /**< L2 term on the weights of convolutions and dense layers; 0: 1e-5, negative: none */
    double clip_norm;         /**< gradients longer than this are shortened to it; 0: never */
    double ema;               /**< decay of the averaged weights that are validated and saved, such as 0.999; 0: none */
    double statistics_momentum; /**< share of the newest batch in the running statistics of batch norms; 0: 0.1 */
    uint64_t seed;            /**< of everything drawn at random */
    const char *validation;   /**< prepared clips to validate on, never trained on; NULL: none */
    const avsound_augmentation *augmentation; /**< NULL: the paper's */
    const char *license;      /**< put into the model files' metadata; NULL: nothing */
    const char *source;       /**< likewise: what the weights were trained on */
    /** Called after every step and epoch, or NULL. Non-zero asks to stop: the run is saved, then
     *  avsound_trainer_run() returns AVSOUND_E_CANCELLED. */
    int32_t (*progress)(const avsound_training_state *state, void *user_data);
    void *user_data; /**< handed to `progress` */
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
 *  options are those that the run began with; of `options` only threads, workers, save_minutes, progress and user_data are
 *  taken, and epochs where it is larger than before.
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

#ifdef __cplusplus
}
#endif
#endif
