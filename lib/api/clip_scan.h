/* A scan by a network of clips: are sound and pictures in time with each other, and where? Windows of the network's length
 * are run in order in the caller's thread, by a session of several; the recording is read forwards, in bounded memory. */
#ifndef AVSN_CLIP_SCAN_H
#define AVSN_CLIP_SCAN_H

#include <avsound/tasks.h>

#include "media/feed.h"
#include "network/network.h"

typedef struct avsn_clip_scan avsn_clip_scan;

/* AVSOUND_E_UNSUPPORTED for a network that does not tell, and for results that it does not have. */
avsound_status avsn_clip_scan_check(const avsound_model *model, int32_t what);
/* All that was checked; the model must outlive the scan, and a feed, which is read instead of the path unless NULL. */
avsound_status avsn_clip_scan_create(avsound_model *model, const char *path, avsn_feed *feed, const avsound_scan_options *options,
                                     avsn_clip_scan **out);
/* As avsn_scan_latency. */
double avsn_clip_scan_latency(const avsound_model *model, const avsound_scan_options *options);
void avsn_clip_scan_free(avsn_clip_scan *scan); /* NULL is allowed */

/* As avsound_scan_next; *result is of the library's own size. */
avsound_status avsn_clip_scan_next(avsn_clip_scan *scan, avsound_scan_result *result);
const avsound_media_info *avsn_clip_scan_info(const avsn_clip_scan *scan);
/* How many windows so long a recording has; without maps, as many results. */
int64_t avsn_clip_scan_windows(const avsn_clip_scan *scan, int64_t duration_us);
void avsn_clip_scan_times(const avsn_clip_scan *scan, avsound_scan_times *times);
void avsn_clip_scan_cancel(avsn_clip_scan *scan);

/* Of result `index` of a scan with a hop (scan.c). */
int64_t avsn_scan_grid_time(const avsound_scan_options *options, int64_t index);

#endif
