/* The model behind the handle: architecture, configuration, parameters and what sessions share. */
#ifndef AVSN_NETWORK_H
#define AVSN_NETWORK_H

#include <avsound/model.h>

#include "dsp/frontend.h"
#include "exec/pack.h"
#include "model/arch.h"
#include "weights/params.h"
#include "weights/safetensors.h"

/* What an architecture has no use for is 0. */
typedef struct avsn_model_config {
    double width, audio_width, unet_width;
    int32_t conv1_stride, conv5_stride;
    int32_t lags; /* frames, either way */
    int32_t classes, vision_only; /* of a multisensory network that recognises */
    int32_t pool_rows, pool_columns; /* of one whose embedding has cells */
    avsn_image_frontend image;
    avsn_audio_frontend audio;
    avsn_clip_frontend clip;
    avsn_separation_frontend separation;
} avsn_model_config;

/* Of a network that recognises: the names of its classes, a JSON array of strings. */
#define AVSN_KEY_CLASSES "avsound.classes"

/* Sizes of a network's inputs; 0: the model's own. */
typedef struct avsn_model_shapes {
    int64_t batch; /* at least 1 */
    int64_t sounds; /* of a clip: items in succession that show the same frames, of which the input has one; divides batch; 0: 1 */
    int64_t image_height, image_width;
    int64_t frames, samples; /* of a clip */
    int64_t columns;         /* of a spectrogram */
    bool cells;              /* as in avsn_build_config */
} avsn_model_shapes;

struct avsound_model {
    avsound_context *context;
    atomic_int references;
    const avsn_arch *arch;
    avsn_model_config config;
    char *config_text;          /* the whole configuration as JSON */
    avsn_params params;
    avsn_safetensors *file;     /* where params lie, or NULL */
    float *storage;             /* where params lie when created by seed or widened, or NULL */
    char **keys, **values;      /* metadata, ordered by key */
    int32_t metadata_count;
    avsn_pack_cache *packed;    /* weights in kernels' layouts, one entry per layer, layout and precision */
};

/* The file that `name` means: itself, or by the rule of avsound_model_load(). That the file of a path is there is not checked. */
#define AVSN_MODEL_PATH 4096
avsound_status avsn_model_find(avsound_context *context, const char *name, char path[AVSN_MODEL_PATH]);

AVSN_SHARED avsound_model *avsn_model_ref(avsound_model *model);

/* Parses the JSON text of a configuration over the architecture's defaults; `text` may be NULL. `name` opens error details. */
avsound_status avsn_config_parse(const avsn_arch *arch, const char *text, const char *name, avsn_model_config *config);
/* The whole configuration as JSON; the caller frees with avsn_free. */
avsound_status avsn_config_text(avsound_context *context, const avsn_arch *arch, const avsn_model_config *config, char **text);
AVSN_SHARED avsound_status avsn_model_graph(const avsound_model *model, const avsn_model_shapes *shapes, avsn_graph **out);
/* AVSOUND_E_UNSUPPORTED for a network of clips: `task` is for those of a picture and its spectrogram. */
avsound_status avsn_model_need_picture(const avsound_model *model, const char *task);
/* And for one that has half of the two only. */
avsound_status avsn_model_need_pair(const avsound_model *model, const char *task);
/* Replaces the metadata: what every model has, `training` being "trained" or "none", and these besides. */
avsound_status avsn_model_set_metadata(avsound_model *model, const char *training, const char *const *keys,
                                       const char *const *values, size_t count);
/* AVSOUND_DTYPE_F32 or _BF16 of an AVSOUND_PRECISION_ constant: what this processor's convolutions multiply. */
AVSN_SHARED avsound_status avsn_choose_compute(int32_t precision, int32_t *compute);
/* A network that tells so many classes apart and begins with the weights of `from`, one in time or of classes; its last layer is
 * drawn from the seed, unless it has that for just these classes. names: of AVSN_KEY_CLASSES. */
AVSN_SHARED avsound_status avsn_model_classifier(const avsound_model *from, const char *names, int32_t classes, bool vision_only,
                                                 uint64_t seed, avsound_model **out);
/* A trained model of this one's architecture and configuration, with copies of `params`, which hold all of its parameters, and
 * of these metadata besides those that every trained model has. */
AVSN_SHARED avsound_status avsn_model_trained(const avsound_model *like, const avsn_params *params, const char *const *keys,
                                  const char *const *values, size_t count, avsound_model **out);

#endif
