/* The options of a run, checked and complete, and as the JSON text that its checkpoint keeps. */
#ifndef AVSN_SETTINGS_H
#define AVSN_SETTINGS_H

#include <avsound/train.h>

#include "base/base.h"

typedef struct avsn_settings {
    avsound_trainer_options options; /* complete; its texts are below, its augmentation is below */
    avsound_augmentation augmentation;
    char *data, *validation, *license, *source; /* NULL: none */
} avsn_settings;

/* Copies and completes the caller's. */
avsound_status avsn_settings_init(avsound_context *context, const avsound_trainer_options *theirs, const char *data,
                                  avsn_settings *settings);
/* From avsn_settings_text(); `label` opens details. */
avsound_status avsn_settings_parse(avsound_context *context, const char *text, const char *label, avsn_settings *settings);
/* JSON; the caller frees with avsn_free. */
avsound_status avsn_settings_text(avsound_context *context, const avsn_settings *settings, char **text);
void avsn_settings_free(avsound_context *context, avsn_settings *settings);

#endif
