/* The walks over a recording (scan, measurement of an offset, separation) for who feeds them himself: over a file, or over a
 * feed, where a call that returns AVSOUND_E_AGAIN can be made again when more was pushed, as if it had not been made. */
#ifndef AVSN_WALKS_H
#define AVSN_WALKS_H

#include <avsound/tasks.h>

#include "media/feed.h"

/* Reads the caller's options and refuses what does not fit them or the model. */
avsound_status avsn_scan_check(const avsound_model *model, const avsound_scan_options *theirs, avsound_scan_options *options);
avsound_status avsn_offset_check(const avsound_model *model, const avsound_offset_options *theirs,
                                 avsound_offset_options *options);
avsound_status avsn_separator_check(const avsound_model *model, const avsound_separator_options *theirs,
                                    avsound_separator_options *options);

/* `options` were checked. `feed` is readable and outlives the walk; with it `source` is not looked at.
 * Another sound is the options' audio_source, not their audio_path. */
avsound_status avsn_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                const avsound_scan_options *options, avsound_scan **out);
avsound_status avsn_offset_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                  const avsound_offset_options *options, avsound_offset **out);
avsound_status avsn_separator_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                     const avsound_separator_options *options, avsound_separator **out);

/* ---- for how long after a result's time the recording is looked at, in seconds at most ---- */
double avsn_scan_latency(const avsound_model *model, const avsound_scan_options *options);
double avsn_offset_latency(const avsound_model *model, const avsound_offset_options *options);
double avsn_separator_latency(const avsound_model *model, const avsound_separator_options *options);

/* From here on avsound_offset_get_result tells of the last window_seconds, at most AVSN_OFFSET_MOST_MOVING, not of all. */
enum { AVSN_OFFSET_MOST_MOVING = 40 };
void avsn_offset_move(avsound_offset *offset);
/* Time of the last picture measured, from the feed's or file's beginning. */
int64_t avsn_offset_reached(const avsound_offset *offset);

#endif
