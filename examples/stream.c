/* Plays a video's pictures and sound into a stream as a camera and a microphone would, and tells how late each score comes:
 * by the stream's own measure, in seconds of media, and by the clock, computing included.
 *
 *   stream MODEL VIDEO [SPEED] */
#define _POSIX_C_SOURCE 200809L /* clock_gettime(), nanosleep() */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <avsound/avsound.h>

typedef struct player {
    avsound_context *context;
    avsound_model *model;
    avsound_media *media[2]; /* of pictures, of sound: each is read as far as it is played */
    avsound_stream *stream;
    avsound_frame frame;     /* the next to be pushed, as is `sound` */
    avsound_audio sound;
    int frames_ended, sound_ended;
    double started, speed;
} player;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A camera gives a frame when its time has come, a microphone a stretch when it is over. */
static void wait_until(const player *p, double media_seconds)
{
    const double left = p->started + media_seconds / p->speed - now();
    if (left > 0)
        nanosleep(&(struct timespec){.tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)}, NULL);
}

static avsound_status print_results(player *p)
{
    avsound_stream_result r = {.struct_size = sizeof r};
    avsound_status status;
    while ((status = avsound_stream_next(p->stream, &r)) == AVSOUND_OK) {
        const double time = (double)r.time_us * 1e-6;
        printf("%7.2f s  probability %.3f  confidence %.2f  late by %.2f s of media, %.2f s by the clock\n", time,
               (double)r.scan->probability, (double)r.scan->confidence, (double)(r.newest_us - r.time_us) * 1e-6,
               now() - p->started - time / p->speed);
    }
    return status == AVSOUND_E_AGAIN || status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* AVSOUND_E_AGAIN from a push means that memory is full: results have been taken since, so it is not for long. */
static avsound_status push_frame(player *p)
{
    wait_until(p, (double)p->frame.time_us * 1e-6);
    avsound_status status = avsound_stream_push_frame(p->stream, &p->frame);
    while (status == AVSOUND_E_AGAIN && !(status = print_results(p)))
        status = avsound_stream_push_frame(p->stream, &p->frame);
    if (status)
        return status;
    status = avsound_media_read_frame(p->media[0], &p->frame);
    p->frames_ended = status == AVSOUND_E_END;
    return p->frames_ended ? AVSOUND_OK : status;
}

static double sound_over(const player *p)
{
    return (double)p->sound.time_us * 1e-6 + (double)p->sound.frames / p->sound.sample_rate;
}

static avsound_status push_sound(player *p)
{
    wait_until(p, sound_over(p));
    avsound_status status = avsound_stream_push_audio(p->stream, &p->sound);
    while (status == AVSOUND_E_AGAIN && !(status = print_results(p)))
        status = avsound_stream_push_audio(p->stream, &p->sound);
    if (status)
        return status;
    status = avsound_media_read_audio(p->media[1], &p->sound);
    p->sound_ended = status == AVSOUND_E_END;
    return p->sound_ended ? AVSOUND_OK : status;
}

static avsound_status play(player *p)
{
    avsound_status status = avsound_media_read_frame(p->media[0], &p->frame);
    if (!status)
        status = avsound_media_read_audio(p->media[1], &p->sound);
    p->started = now();
    while (!status && !(p->frames_ended && p->sound_ended)) {
        const int picture = p->sound_ended || (!p->frames_ended && (double)p->frame.time_us * 1e-6 <= sound_over(p));
        status = picture ? push_frame(p) : push_sound(p);
        if (!status)
            status = print_results(p);
    }
    if (!status)
        status = avsound_stream_flush(p->stream);
    return status ? status : print_results(p);
}

static avsound_status open_stream(player *p)
{
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_status status = avsound_media_get_info(p->media[0], &info);
    if (status)
        return status;
    avsound_scan_options scan;
    avsound_scan_options_init(&scan, sizeof scan);
    scan.what = AVSOUND_SCAN_SCORE;
    scan.hop_seconds = 0.25;
    scan.precision = AVSOUND_PRECISION_AUTO;
    avsound_stream_options options;
    avsound_stream_options_init(&options, sizeof options);
    options.scan = &scan;
    options.rate_num = info.rate_num;
    options.rate_den = info.rate_num ? info.rate_den : 0;
    status = avsound_stream_create(p->model, &options, &p->stream);
    if (!status)
        printf("stated latency: %.2f s of media\n", avsound_stream_latency(p->stream));
    return status;
}

static avsound_status run(player *p, const char *model, const char *video)
{
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    avsound_status status = avsound_model_load(p->context, model, &p->model);
    for (int i = 0; !status && i < 2; i++)
        status = avsound_media_open(p->context, video, &options, &p->media[i]);
    if (!status)
        status = open_stream(p);
    return status ? status : play(p);
}

int main(int argc, char **argv)
{
    player p = {.frame.struct_size = sizeof p.frame, .sound.struct_size = sizeof p.sound};
    p.speed = argc == 4 ? strtod(argv[3], NULL) : 1;
    if (argc < 3 || argc > 4 || !(p.speed > 0)) {
        fprintf(stderr, "usage: stream MODEL VIDEO [SPEED]\n");
        return 2;
    }
    avsound_status status = avsound_context_create(NULL, &p.context);
    if (!status)
        status = run(&p, argv[1], argv[2]);
    if (status)
        fprintf(stderr, "stream: %s: %s\n", avsound_status_text(status), avsound_error_detail());
    avsound_stream_free(p.stream);
    avsound_media_free(p.media[0]);
    avsound_media_free(p.media[1]);
    avsound_model_free(p.model);
    avsound_context_free(p.context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
