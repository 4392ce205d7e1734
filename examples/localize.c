/* Lays over every frame of a video where its sound comes from.
 *
 *   localize MODEL VIDEO OUT.mp4 */
#include <stdio.h>
#include <stdlib.h>

#include <avsound/avsound.h>

typedef struct job {
    avsound_context *context;
    avsound_model *model;
    avsound_scan *scan;
    avsound_writer *writer;
    uint8_t *rgb;
} job;

static avsound_status start(job *j, const char *video, const char *out)
{
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_MAP | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME;
    options.precision = AVSOUND_PRECISION_AUTO;
    avsound_status status = avsound_scan_create(j->model, video, &options, &j->scan);
    if (status)
        return status;

    avsound_media_info info = {.struct_size = sizeof info};
    status = avsound_scan_get_info(j->scan, &info);
    if (status)
        return status;
    j->rgb = malloc((size_t)info.width * (size_t)info.height * 3);
    if (!j->rgb)
        return AVSOUND_E_NO_MEMORY;

    avsound_writer_options w;
    avsound_writer_options_init(&w, sizeof w);
    w.width = info.width;
    w.height = info.height;
    w.rate_num = info.rate_num;
    w.rate_den = info.rate_den;
    w.audio_path = video;
    return avsound_writer_create(j->context, out, &w, &j->writer);
}

static avsound_status draw(job *j, const avsound_scan_result *r)
{
    const int32_t stride = 3 * r->frame->width;
    const float alpha = 0.6f * r->confidence; /* silence has no place */
    avsound_status status =
        avsound_draw_map(j->context, r->frame, r->map, r->rows, r->cols, "jet", alpha, j->rgb, stride);
    if (status)
        return status;
    const avsound_frame overlay = {
        .struct_size = sizeof overlay,
        .format = AVSOUND_PIXEL_RGB24,
        .width = r->frame->width,
        .height = r->frame->height,
        .data = {j->rgb},
        .stride = {stride},
        .time_us = r->time_us,
    };
    return avsound_writer_write_frame(j->writer, &overlay);
}

static avsound_status run(job *j, const char *model, const char *video, const char *out)
{
    avsound_status status = avsound_model_load(j->context, model, &j->model);
    if (!status)
        status = start(j, video, out);
    avsound_scan_result result = {.struct_size = sizeof result};
    while (!status && !(status = avsound_scan_next(j->scan, &result)))
        status = draw(j, &result);
    return status == AVSOUND_E_END ? avsound_writer_finish(j->writer) : status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: localize MODEL VIDEO OUT.mp4\n");
        return 2;
    }
    job j = {0};
    avsound_status status = avsound_context_create(NULL, &j.context);
    if (!status)
        status = run(&j, argv[1], argv[2], argv[3]);
    if (status)
        fprintf(stderr, "localize: %s: %s\n", avsound_status_text(status), avsound_error_detail());
    free(j.rgb);
    avsound_writer_free(j.writer); /* unfinished: nothing is left behind */
    avsound_scan_free(j.scan);
    avsound_model_free(j.model);
    avsound_context_free(j.context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
