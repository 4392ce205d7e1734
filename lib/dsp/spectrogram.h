/* Log-spectrograms of recordings. All columns of a recording lie on one grid (column j's window starts at sample
 * j * hop + offset), so each is computed once and every input of the network is a view of neighbouring columns.
 * One thread at a time per object. Samples are finite (the mixer sees to it); a column that is not is at the floor. */
#ifndef AVSN_SPECTROGRAM_H
#define AVSN_SPECTROGRAM_H

#include "dsp/frontend.h"

typedef struct avsn_spectrogram avsn_spectrogram;

avsound_status avsn_spectrogram_create(avsound_context *context, const avsn_audio_frontend *frontend,
                                       avsn_spectrogram **out);
void avsn_spectrogram_free(avsn_spectrogram *spectrogram);

/* `count` columns in dB (before range, mean and std) of mono samples; column i's window starts at samples + i * hop, which
 * must hold (count - 1) * hop + window samples. out is [count][bins]. */
void avsn_spectrogram_columns(avsn_spectrogram *spectrogram, const float *samples, int64_t count, float *out);

/* A recording's columns, in bounded memory: push mono samples in order, take inputs whose columns are kept. Where inputs stand
 * alone (frontend.samples), an input begins at any sample: read sample for column below, and count avsn_audio_frontend_steps
 * of them to an input, not frontend.columns. */
typedef struct avsn_track avsn_track;

/* Keeps at least the last `keep` columns. */
AVSN_SHARED avsound_status avsn_track_create(avsound_context *context, const avsn_audio_frontend *frontend, int64_t keep,
                                 avsn_track **out);
AVSN_SHARED void avsn_track_free(avsn_track *track);
/* Forgets everything; the next sample pushed is sample number `first` of the recording, on a column's start or not, and may
 * be negative. Samples before it are zeros. A new track is as after a reset to 0. */
AVSN_SHARED void avsn_track_reset(avsn_track *track, int64_t first);
/* However the samples are cut into calls, the columns are the same to the bit. AVSOUND_E_STATE after avsn_track_finish. */
AVSN_SHARED avsound_status avsn_track_push(avsn_track *track, const float *samples, int64_t count);
/* No more samples: what follows is zeros. */
void avsn_track_finish(avsn_track *track);
/* One past the newest column whose samples are all there; INT64_MAX when finished. An input can be taken when its last
 * column, the first plus frontend.columns - 1, is before this. */
int64_t avsn_track_end(const avsn_track *track);
/* The network's input whose first column is `column` (may be negative): out is [bins][columns] row-major, after range,
 * mean and std. AVSOUND_E_STATE if a column is gone or not there yet. */
AVSN_SHARED avsound_status avsn_track_input(avsn_track *track, int64_t column, float *out);
/* The same of any number of columns, which must be among those kept: out is [bins][count]. Not where inputs stand alone. */
avsound_status avsn_track_columns(avsn_track *track, int64_t column, int64_t count, float *out);
/* Root mean square of the input's own samples, column * hop up to (column + columns) * hop, those outside the recording
 * counted as zeros; for telling silence. Same conditions as avsn_track_input. */
avsound_status avsn_track_rms(avsn_track *track, int64_t column, float *rms);
/* First column of the input whose centre, sample column * hop + samples / 2, is nearest to time_us (sample 0 is at time 0);
 * of two as near the later. At 48 kHz and hop 240 an input is off by 2.5 ms at most. */
int64_t avsn_track_column_at(const avsn_audio_frontend *frontend, int64_t time_us);

#endif
