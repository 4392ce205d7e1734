/* Makes media files whose every frame and sample is known, with FFmpeg's encoders and muxers; nothing of the library under
 * test is used. */
#ifndef AVSN_TEST_MAKE_MEDIA_H
#define AVSN_TEST_MAKE_MEDIA_H

#include <libavutil/channel_layout.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
#include <libavutil/rational.h>

#include "suite.h"

typedef struct make_spec {
    const char *container, *mux_options; /* options as "key=value:key=value" */

    const char *video_encoder, *video_options; /* encoder NULL: no video */
    int width, height, frames;
    enum AVPixelFormat pixel_format;
    enum AVColorRange range;
    enum AVColorSpace matrix;
    AVRational tick; /* unit of pts; of frame i it is pts[i], or i, plus offset */
    const int64_t *pts;
    int64_t offset;
    AVRational sample_aspect;
    const int32_t *display_matrix; /* of the stream; NULL: none */
    int change_after, change_width, change_height; /* frames from this one on have another size; 0: none */

    const char *audio_encoder, *audio_options; /* encoder NULL: no sound */
    int rate, channels;
    int64_t samples, audio_offset; /* per channel; first one's time in samples */
    int64_t gap_at, gap; /* `gap` samples of time are left out before sample gap_at; negative: an overlap */
    int tracks;        /* streams of sound, 0: one; each has the noise of channels of its own: those behind the last one's */
    int first_channel; /* the noise of which begins the first stream */
    int tones; /* 1: a tone per channel, for codecs that lose noise */
    const char *cover_encoder; /* a picture attached to the sound */
    int video_first; /* all video packets before the first of the sound */
} make_spec;

/* Writes the file; skips nothing: an encoder that is missing fails the test. */
void make_media(const char *path, const make_spec *spec);

/* What is in it. Frames show their number; samples are noise that tells where they are from, or tones. */
void make_picture(AVFrame *picture, int number);
int16_t make_noise(int64_t sample, int channel);
float make_tone(int64_t sample, int channel, int rate);

/* The number that a frame shows, by the brightness of its cells: public YUV with planes, grey or RGB. */
int shown_number(const avsound_frame *frame);

/* A path in the folder of temporary files made for this process, removed when it exits. */
const char *temporary_path(const char *name);

#endif
