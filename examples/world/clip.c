/* One clip from plan to files. */
#include <stdio.h>
#include <stdlib.h>

#include "files.h"

static bool tracks_make(const scene *s, int16_t **tracks)
{
    const size_t bytes = 2 * (size_t)scene_samples(s) * sizeof **tracks;
    for (int k = 0; k < s->stem_count + 2; k++)
        if (!(tracks[k] = malloc(bytes)))
            return world_fail("out of memory");
    return scene_sound(s, tracks);
}

static bool write_video(const scene *s, const char *path, int16_t *const *tracks, box *boxes)
{
    canvas frame = {s->options->width, s->options->height, NULL};
    frame.rgb = malloc(3 * (size_t)frame.width * (size_t)frame.height);
    muxer *m = frame.rgb ? mux_open(path, s, tracks) : NULL;
    bool good = m;
    for (int k = 0; good && k < s->frames; k++) {
        scene_paint(s, k, &frame, boxes + (size_t)k * MOST_THINGS);
        good = mux_frame(m, &frame);
    }
    good = good && mux_finish(m);
    mux_free(m);
    free(frame.rgb);
    return good;
}

/* The video first, the truth last: where the truth stands, the clip is complete. */
static bool write_files(const scene *s, const char *video, const char *truth)
{
    int16_t *tracks[MOST_STEMS + 1] = {NULL};
    box *boxes = calloc((size_t)s->frames * MOST_THINGS, sizeof *boxes);
    char *temporary = path_temporary(video);
    bool good = boxes && temporary && tracks_make(s, tracks) && write_video(s, temporary, tracks, boxes) &&
                file_rename(temporary, video) && truth_write(truth, s, boxes, tracks);
    if (!good && temporary)
        remove(temporary);
    for (int k = 0; k <= MOST_STEMS; k++)
        free(tracks[k]);
    free(boxes);
    free(temporary);
    return good;
}

static bool clip_paths(const options *o, int64_t clip, char **video, char **truth)
{
    char name[NAME_SIZE];
    clip_name(clip, ".mp4", name);
    *video = path_join(o->out, name);
    clip_name(clip, ".json", name);
    *truth = path_join(o->out, name);
    return *video && *truth;
}

bool clip_is_complete(const options *o, int64_t clip)
{
    char *video, *truth;
    const bool complete = clip_paths(o, clip, &video, &truth) && file_exists(video) && file_exists(truth);
    free(video);
    free(truth);
    return complete;
}

bool clip_make(const options *o, int64_t clip)
{
    char *video, *truth;
    scene *s = calloc(1, sizeof *s); /* too large for a thread's stack */
    bool good = clip_paths(o, clip, &video, &truth) && s && scene_plan(s, o, clip) && write_files(s, video, truth);
    if (s)
        scene_free(s);
    free(s);
    free(video);
    free(truth);
    return good;
}
