/* The kinds of file that reading and seeking are tested on. */
#ifndef AVSN_TEST_MAKE_FILES_H
#define AVSN_TEST_MAKE_FILES_H

#include "unit/media/make_media.h"

typedef struct video_file {
    const char *name;
    make_spec spec;
} video_file;

/* Ends with a NULL name. */
const video_file *video_files(void);
const char *make_video_file(const video_file *file);
/* Time of frame i in microseconds from the start, as the file was told. */
int64_t video_file_time(const video_file *file, int i);

avsound_context *plain_context(void);
avsound_media *opened(avsound_context *context, const char *path, const avsound_media_options *options);
avsound_media_info info_of(const avsound_media *media);
avsound_frame next_frame(avsound_media *media);
avsound_audio next_audio(avsound_media *media);

/* All of a file's sound, interleaved. */
typedef struct whole_sound {
    float *samples;
    int64_t frames, start_us;
    int32_t rate, channels;
} whole_sound;

whole_sound read_sound(avsound_media *media);

#endif
