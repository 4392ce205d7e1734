/* What makes a model: from a seed or trained parameters (create.c), from a file (file.c). */
#ifndef AVSN_MAKING_H
#define AVSN_MAKING_H

#include "network/network.h"

#define AVSN_KEY_ARCH "avsound.arch"
#define AVSN_KEY_CONFIG "avsound.config"
#define AVSN_KEY_TRAINING "avsound.training"

typedef struct avsn_metadata {
    const char *key, *value;
} avsn_metadata;

/* `code`, with detail. */
avsound_status avsn_unknown_arch(avsound_status code, const char *name);

/* A model with a configuration and without parameters. `name` opens the details about the configuration. */
avsound_status avsn_model_begin(avsound_context *context, const avsn_arch *arch, const char *config, const char *name,
                                avsound_model **out);
/* Its graph for one item, whose parameters are the model's. The caller frees it. */
avsound_status avsn_model_list_params(avsound_model *model, avsn_graph **graph);
/* Replaces the metadata by copies. Orders `entries`. */
avsound_status avsn_model_keep_metadata(avsound_model *model, avsn_metadata *entries, size_t count);
/* Frees the model unless `status` is AVSOUND_OK. */
avsound_status avsn_model_finish(avsound_model *model, avsound_status status, avsound_model **out);

#endif
