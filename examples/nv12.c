/* Watches raw NV12 pictures, as cameras give them, on standard input: prints how much each looks like the one before.
 *
 *   ffmpeg -loglevel error -i /dev/video0 -pix_fmt nv12 -f rawvideo - | nv12 MODEL 640 480 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>

enum { MOST = 4096 }; /* numbers of an embedding */

typedef struct camera {
    int32_t width, height;
    uint8_t *bytes; /* the luminance, then U and V in turns, both in rows of `width` bytes */
    size_t size;
} camera;

/* Drivers pad rows: then stride is what they say, and the second plane begins where they say. */
static avsound_frame frame_of(const camera *c)
{
    return (avsound_frame){
        .struct_size = sizeof(avsound_frame),
        .format = AVSOUND_PIXEL_NV12,
        .width = c->width,
        .height = c->height,
        .data = {c->bytes, c->bytes + (size_t)c->width * (size_t)c->height},
        .stride = {c->width, c->width},
        .range = AVSOUND_RANGE_LIMITED, /* many webcams: AVSOUND_RANGE_FULL */
    };
}

static avsound_status watch(avsound_session *session, const camera *c)
{
    float last[MOST], now[MOST];
    for (int64_t n = 0; fread(c->bytes, 1, c->size, stdin) == c->size; n++) {
        const avsound_frame frame = frame_of(c);
        size_t size = MOST;
        const avsound_status status = avsound_embed_image(session, &frame, 1, now, &size);
        if (status)
            return status;
        double cosine = 0;
        for (size_t i = 0; n > 0 && i < size; i++)
            cosine += (double)last[i] * (double)now[i];
        if (n > 0)
            printf("%6lld  %6.3f\n", (long long)n, cosine);
        memcpy(last, now, size * sizeof *now);
    }
    return AVSOUND_OK;
}

static avsound_status load(const char *path, avsound_session **session)
{
    avsound_context *context = NULL;
    avsound_model *model = NULL;
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.outputs = "embedding.image";
    avsound_status status = avsound_context_create(NULL, &context);
    if (!status)
        status = avsound_model_load(context, path, &model);
    if (!status)
        status = avsound_session_create(model, &options, session);
    avsound_model_free(model); /* the session keeps both */
    avsound_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    camera c = {0};
    if (argc == 4) {
        c.width = atoi(argv[2]);
        c.height = atoi(argv[3]);
    }
    /* Even sizes: of odd ones the chroma rows are one byte longer. */
    if (c.width < 2 || c.height < 2 || c.width > 16384 || c.height > 8192 || c.width % 2 || c.height % 2)
        return fprintf(stderr, "usage: nv12 MODEL WIDTH HEIGHT, both even, frames on standard input\n"), 2;
    c.size = (size_t)c.width * (size_t)c.height * 3 / 2;
    c.bytes = malloc(c.size);
    if (!c.bytes)
        return EXIT_FAILURE;
    avsound_session *session = NULL;
    avsound_status status = load(argv[1], &session);
    if (!status)
        status = watch(session, &c);
    if (status)
        fprintf(stderr, "nv12: %s: %s\n", avsound_status_text(status), avsound_error_detail());
    avsound_session_free(session);
    free(c.bytes);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
