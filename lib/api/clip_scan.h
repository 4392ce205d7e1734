/* A scan by a network of clips: are sound and pictures in time with each other, and where? The recording is read forwards in the
 * caller's thread, in bounded memory, and the network run by a session of several. Each kind of network has a scan of its own. */
#ifndef AVSN_CLIP_SCAN_H
#define AVSN_CLIP_SCAN_H

#include <avsound/tasks.h>

#include "api/recording.h"
#include "network/network.h"

typedef struct avsn_clip_scan avsn_clip_scan;
struct avsn_clip_scan {
    avsound_context *context;
    avsound_model *model; /* outlives the scan */
    avsound_scan_options options;
    avsn_recording shown; /* pictures as they are, for who draws on them */
    avsn_kept_frame frame;
    int64_t delivered;
    bool picked;          /* the picture of the next result was read, for this time: */
    int64_t picked_us;
    double prepare, network; /* seconds */
    /* as avsound_scan_next; *result is of the library's own size */
    avsound_status (*next)(avsn_clip_scan *scan, avsound_scan_result *result);
    const avsound_media_info *(*info)(const avsn_clip_scan *scan);
    int64_t (*windows)(const avsn_clip_scan *scan, int64_t duration_us); /* without maps: results of so long a recording */
    double (*decode_seconds)(const avsn_clip_scan *scan);
    void (*cancel)(avsn_clip_scan *scan);
    void (*close)(avsn_clip_scan *scan); /* what only this kind has */
};

/* AVSOUND_E_UNSUPPORTED for a network that does not tell, and for results that it does not have. */
avsound_status avsn_clip_scan_check(const avsound_model *model, int32_t what);
/* All that was checked; the model must outlive the scan, and a feed, which is read instead of the source unless NULL. */
avsound_status avsn_clip_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                     const avsound_scan_options *options,
                                     avsn_clip_scan **out);
/* As avsn_scan_latency. */
double avsn_clip_scan_latency(const avsound_model *model, const avsound_scan_options *options);
void avsn_clip_scan_free(avsn_clip_scan *scan); /* NULL is allowed */

/* Of result `index` of a scan with a hop (scan.c). */
int64_t avsn_scan_grid_time(const avsound_scan_options *options, int64_t index);

/* ---- for the kinds ---- */

/* Networks that see all of a window at once (multisensory): the windows are run one by one. */
avsound_status avsn_window_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                       const avsound_scan_options *options, avsn_clip_scan **out);
double avsn_window_scan_latency(const avsound_model *model, const avsound_scan_options *options);
/* Networks that compare lags (sync-net). */
avsound_status avsn_lag_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                    const avsound_scan_options *options, avsn_clip_scan **out);
double avsn_lag_scan_latency(const avsound_model *model, const avsound_scan_options *options);

/* Opens `shown`, if the options want pictures or maps. */
avsound_status avsn_clip_scan_show(avsn_clip_scan *scan, const avsound_source *source, avsn_feed *feed);
/* The frame of the next result, of a scan that has `shown`, and its time; a second time the same until the result is delivered.
 * AVSOUND_E_END after the last. */
avsound_status avsn_clip_scan_pick(avsn_clip_scan *scan);

#endif
