/* Embeds a picture: prints the vector that avsound compares with other pictures and with sounds.
 *
 *   embed MODEL PICTURE */
#include <stdio.h>
#include <stdlib.h>

#include <avsound/avsound.h>

static avsound_status load(avsound_context *context, const char *path, avsound_session **session)
{
    avsound_model *model = NULL;
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = AVSOUND_PRECISION_AUTO;
    options.outputs = "embedding.image"; /* nothing else is computed */
    avsound_status status = avsound_model_load(context, path, &model);
    if (!status)
        status = avsound_session_create(model, &options, session);
    avsound_model_free(model); /* the session keeps it */
    return status;
}

static avsound_status embed(avsound_session *session, const avsound_frame *frame)
{
    size_t size = 0;
    avsound_status status = avsound_embed_image(session, frame, 1, NULL, &size);
    if (status && status != AVSOUND_E_BUFFER_SIZE)
        return status;
    float *embedding = malloc(size * sizeof *embedding);
    if (!embedding)
        return AVSOUND_E_NO_MEMORY;
    status = avsound_embed_image(session, frame, 1, embedding, &size);
    for (size_t i = 0; !status && i < size; i++)
        printf("%g\n", (double)embedding[i]);
    free(embedding);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: embed MODEL PICTURE\n");
        return 2;
    }
    avsound_context *context = NULL;
    avsound_session *session = NULL;
    avsound_media *media = NULL;
    avsound_frame frame = {.struct_size = sizeof frame};

    avsound_status status = avsound_context_create(NULL, &context);
    if (!status)
        status = load(context, argv[1], &session);
    if (!status)
        status = avsound_media_open(context, argv[2], NULL, &media);
    if (!status)
        status = avsound_media_read_frame(media, &frame);
    if (!status)
        status = embed(session, &frame);
    if (status)
        fprintf(stderr, "embed: %s: %s\n", avsound_status_text(status), avsound_error_detail());

    avsound_media_free(media);
    avsound_session_free(session);
    avsound_context_free(context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
