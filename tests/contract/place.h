/* A folder with a sound and clips in it, and a narrow network, for the contract tests of what reads files. */
#ifndef AVSN_TEST_CONTRACT_PLACE_H
#define AVSN_TEST_CONTRACT_PLACE_H

#include "contract/fixture.h"

typedef struct place {
    char folder[64], clip[96], mute[96], sound[96];
    avsound_context *context;
    avsound_model *model;
} place;

/* `frames` at 25 a second, with the sound; 0: no clips, only the sound. */
static inline void setup(place *p, const char *arch, double seconds, int frames)
{
    make_folder(p->folder);
    snprintf(p->clip, sizeof p->clip, "%s/clip.mkv", p->folder);
    snprintf(p->mute, sizeof p->mute, "%s/mute.mkv", p->folder);
    snprintf(p->sound, sizeof p->sound, "%s/sound.wav", p->folder);
    p->context = plain_context();
    p->model = narrow_model(p->context, arch);
    write_wav(p->sound, seconds);
    if (!frames)
        return;
    write_clip(p->context, p->clip, p->sound, frames);
    write_clip(p->context, p->mute, NULL, 3);
}

static inline void teardown(place *p)
{
    avsound_model_free(p->model);
    avsound_context_free(p->context);
    remove_folder(p->folder);
}

#endif
