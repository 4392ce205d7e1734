/* What `avsound localize --stereo` adds: the channels' direction beside the map's, as a band under the picture, in words, as JSON
 * and as CSV. */
#ifndef CLI_WITNESS_H
#define CLI_WITNESS_H

#include "cli.h"

/* A stretch of frames in which the two disagree. */
typedef struct witness_stretch {
    int64_t first_us, last_us, frames;
    double map, stereo; /* sums of the places, -1...1 */
} witness_stretch;

typedef struct witness {
    const cli *c;
    avsound_stereo *stereo; /* NULL: --stereo was not given */
    int32_t channels;
    int64_t frames, kinds[AVSOUND_STEREO_DIFFUSE + 1]; /* frames by what their sound is */
    int64_t sure, disagree; /* frames in which both point somewhere; and those in which to different places */
    witness_stretch *stretches;
    size_t stretch_count, stretch_room;
    cli_records csv;
    bool writes_csv;
    /* of the frame last heard */
    avsound_stereo_result heard;
    double map;
    bool map_sure, differs;
} witness;

/* What cannot be asked is refused; does nothing without --stereo. */
int witness_open(witness *w, const cli *c, const avsound_media_info *info);
/* Hears what belongs to a frame and its map. */
int witness_hear(witness *w, const avsound_scan_result *frame);
/* Rows of the band under a picture of so many; 0 without --stereo, and for NULL. */
int32_t witness_band_height(const witness *w, int32_t height);
/* The band under the map, RGB24: evidence from edge to edge in the map's colours, a line where the channels point, a wedge at the
 * top where the map does; framed in red where they disagree, grey where the channels tell nothing. */
int witness_draw(const witness *w, uint8_t *rgb, int32_t width, int32_t height, int32_t stride);
int witness_finish(witness *w);
void witness_print(const witness *w);
json_t *witness_json(const witness *w); /* NULL without --stereo */
void witness_close(witness *w);

#endif
