/* What `avsound localize` writes: overlays as a video or as pictures, or the bare maps. */
#ifndef CLI_OVERLAY_H
#define CLI_OVERLAY_H

#include "witness.h"

typedef enum overlay_kind { OVERLAY_VIDEO, OVERLAY_PICTURE, OVERLAY_PICTURES, OVERLAY_MAPS } overlay_kind;

/* What is drawn over a frame: values in 0...1; of a network of clips also what they come from. */
typedef struct overlay_map {
    const float *values, *cam; /* [rows][cols]; cam: or NULL */
    int32_t rows, cols;
    float confidence;
} overlay_map;

typedef struct overlay {
    const cli *c;
    overlay_kind kind;
    const char *path;
    bool makes_folder;
    char pattern[4096]; /* OVERLAY_PICTURES: checked, holds one %d */
    const avsound_media_info *info;
    const witness *witness; /* draws a band under the map, if it is open */
    avsound_writer *writer;
    cli_series series;
    uint8_t *rgb;
    float *dimmed; /* map times confidence */
    size_t rgb_size, dimmed_size;
    int32_t rows, cols;
    int64_t count, last_us;
    int64_t base_us; /* time in the input that is 0 in the output */
    double drawing, encoding; /* seconds */
} overlay;

/* Decides by args.output's form. `second`: or NULL. */
int overlay_open(overlay *o, const cli *c, const avsound_media_info *info, const witness *second);
/* Adds a frame; one that is no later than the last is left out. */
int overlay_add(overlay *o, const avsound_frame *frame, const overlay_map *map, int64_t time_us);
int overlay_finish(overlay *o);
void overlay_discard(overlay *o); /* removes what is not finished; also after finish */

#endif
