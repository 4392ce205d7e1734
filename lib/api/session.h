/* The session behind the handle: a plan, and what preparing its inputs needs. */
#ifndef AVSN_API_SESSION_H
#define AVSN_API_SESSION_H

#include "network/network.h"
#include "dsp/flow.h"
#include "dsp/spectrogram.h"
#include "exec/plan.h"
#include "media/media.h"

/* What scaling pictures for a network needs; zeroed memory at first. */
typedef struct avsn_framer {
    avsn_scaler *scaler;
    uint8_t *rgb;
    size_t capacity;
} avsn_framer;

struct avsound_session {
    avsound_context *context;
    avsound_model *model;
    int32_t threads, batch, compute;
    char *outputs; /* names separated by 0, ended by an empty one; NULL: all */
    const char *given; /* a layer that is an input; NULL: none */
    avsn_plan *plan;
    int32_t width, height; /* of the plan's picture input */
    int32_t clip_frames, clip_samples; /* of the plan's clips; 0: the model's own */
    uint64_t inputs_set;   /* a bit for each input */
    atomic_int cancel;
    /* made when first needed */
    avsn_framer framer;
    avsn_resampler *resampler;
    avsn_track *track;
    float *samples;
    size_t samples_capacity;
    struct {
        uint8_t *rgb;      /* [frames][height][width][3] */
        float *planes;     /* [3][height][width] of one */
        float *flow, *luma; /* [2 (frames - 1)][height][width]; [2][height][width] */
        avsn_flow *engine;
        bool found; /* `flow` is that of `rgb` */
    } run; /* of frames around a picture */
};

/* avsound_session_create with arguments that are right. The layer `given`, a literal, is an input and is not computed, unless NULL. */
avsound_status avsn_session_create(avsound_model *model, const avsound_session_options *options, const char *given,
                                   avsound_session **out);
/* Index of an output; -1 if the session has none of this name. */
int32_t avsn_session_output(const avsound_session *session, const char *name);
int32_t avsn_session_input_index(const avsound_session *session, const char *name);
/* Plans anew if the picture input is not of this size. */
avsound_status avsn_session_resize(avsound_session *session, int32_t width, int32_t height);
/* Runs what the outputs of this mask need. */
avsound_status avsn_session_run(avsound_session *session, uint64_t outputs);

/* How a picture comes into the network's input: its centre (as in training), or all of it (for a map). */
typedef enum avsn_framing { AVSN_CENTRE, AVSN_WHOLE } avsn_framing;
/* Scales a frame for an input of width x height; *corner, RGB24 in the framer's memory, is what the network sees. */
avsound_status avsn_framer_cut(avsound_context *context, avsn_framer *framer, const avsn_image_frontend *frontend,
                               const avsound_frame *frame, avsn_framing framing, int32_t width, int32_t height,
                               const uint8_t **corner, ptrdiff_t *stride);
void avsn_framer_free(avsound_context *context, avsn_framer *framer); /* what it holds */
/* Fills item `item` of input "image"; *contrast, unless NULL, receives the picture's. */
avsound_status avsn_session_set_frame(avsound_session *session, int32_t item, const avsound_frame *frame,
                                      avsn_framing framing, float *contrast);
/* The same of a network that sees frames around a picture: `count` in succession, avsound_model_frames(), the first of which tells
 * how far apart they lie in memory; or 1, which stands still. */
avsound_status avsn_session_set_run(avsound_session *session, int32_t item, const avsound_frame *frames, int32_t count,
                                    float *contrast);
/* The same of frames [frames][height][width] RGB24 that were cut for it, and the flow between them (avsn_flow_scale), or NULL. */
avsound_status avsn_session_set_frames(avsound_session *session, int32_t item, const uint8_t *rgb, const float *flow,
                                       float *contrast);
/* Fills item `item` of input "spectrogram" with the middle of a sound; *rms, unless NULL, receives its level. */
avsound_status avsn_session_set_sound(avsound_session *session, int32_t item, const avsound_audio *sound, float *rms);
/* Fills item `item` of an input with values that are ready. */
void avsn_session_set_values(avsound_session *session, const char *input, int32_t item, const float *values);

/* Numbers of an item's embedding, the product of all axes but the first. */
int64_t avsn_embedding_size(const avsn_shape *shape);
/* Item `item` of an output as a vector: (N,C,rows,columns) in the order rows, columns, C, as Keras flattens it. */
void avsn_session_take(const avsound_session *session, int32_t output, int64_t item, float *vector);
/* The same of a map, its cells pooled to rows x cols by maxima: cell i of n covers floor(i s / n) up to ceil((i + 1) s / n) of s,
 * as PyTorch's adaptive pools do. */
void avsn_session_take_grid(const avsound_session *session, int32_t output, int64_t item, int64_t rows, int64_t cols,
                            float *vector);

/* How much there was to see and to hear, 0...1 (tasks.h: avsound_score). */
float avsn_confidence(float contrast, float rms);
/* The same of a clip, in which something must move. */
float avsn_clip_confidence(float motion, float rms);

#endif
