/* Makes folders of prepared clips whose every pixel and sample is known, with FFmpeg's encoder and muxer. */
#ifndef AVSN_TEST_MAKE_CLIPS_H
#define AVSN_TEST_MAKE_CLIPS_H

#include "suite.h"

typedef struct clips_spec {
    int clips, groups; /* clip c is of group c % groups */
    int width, height;
    int frames; /* of clip 0 */
    int longer; /* clip c has c * longer more */
    /* Sample n of a clip; NULL: clip_sound(). */
    double (*sound)(int clip, int64_t n);
} clips_spec;

/* Fills the folder, which must exist, with NNN.mkv and prepared.csv. */
void make_clips(const char *folder, const clips_spec *spec);

/* Luma of a frame's pixels: the left half tells the clip, the right half the frame; chroma is 128. */
int clip_luma(int clip, int frame, int right);
double clip_sound(int clip, int64_t n);

/* An empty folder, removed with what is in it when the process exits. */
const char *temporary_folder(void);

#endif
