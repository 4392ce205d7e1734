/* Windows of a recording taken apart: one after the other in the caller's thread, or two beside each other in threads of their
 * own, whose sessions have half of the threads each. Those never wait for one another, where the threads of one session meet after
 * every layer and lose what the caller's thread, which reads the file on, takes of a core. Results come in order. */
#ifndef AVSN_CREW_H
#define AVSN_CREW_H

#include <stdatomic.h>

#include "api/clips.h"
#include "api/stems.h"

enum { AVSN_CREW_ON, AVSN_CREW_OFF, AVSN_CREW_MIXTURE, AVSN_CREW_TRACKS };

typedef struct avsn_crew_options {
    bool beside;        /* two windows at a time, if there are two threads */
    int32_t threads;    /* that compute, at least 1 */
    int32_t precision;
    avsn_stems_options stems;
    avsn_region region;
} avsn_crew_options;

/* What is put in is as avsn_clips tells it; what comes out is [output] each. */
typedef struct avsn_crew_window {
    int64_t index;
    avsn_clip_window place, next; /* next: of the window behind it */
    bool last;
    uint8_t *frames;     /* [frames][height][width] RGB24; NULL if the network sees nothing */
    float *left, *right; /* [samples] */
    float *track[AVSN_CREW_TRACKS];
} avsn_crew_window;

typedef struct avsn_crew avsn_crew;

/* `clips` tells of the frames, and `cancel` is set to stop; they and the model must outlive the crew. */
avsound_status avsn_crew_create(avsound_model *model, const avsn_clips *clips, const avsn_crew_options *options,
                                const atomic_int *cancel, avsn_crew **out);
void avsn_crew_free(avsn_crew *crew); /* NULL is allowed */
const avsn_stems *avsn_crew_stems(const avsn_crew *crew);

/* The next window to be put in; NULL: as many are on their way as there is room for. */
avsn_crew_window *avsn_crew_vacant(avsn_crew *crew);
/* Puts that one in. */
void avsn_crew_submit(avsn_crew *crew);
/* Is the oldest that was not taken yet done? */
bool avsn_crew_ready(avsn_crew *crew);
/* Waits for the oldest; NULL if none is on its way. It can be used until the next is submitted. */
avsound_status avsn_crew_take(avsn_crew *crew, avsn_crew_window **window);
/* May be called from any thread, when `cancel` is set. */
void avsn_crew_cancel(avsn_crew *crew);

#endif
