/* Builds against an installed avsound as C and as C++: one call into each part of the library. */
#include <stdio.h>
#include <string.h>

#include <avsound/avsound.h>
#ifdef CONSUMER_TRAINS
#include <avsound/metrics.h>
#endif

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, avsound_error_detail());
    return 1;
}

int main(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", AVSOUND_VERSION_MAJOR, AVSOUND_VERSION_MINOR, AVSOUND_VERSION_PATCH);
    if (strcmp(version, avsound_version_string()) != 0)
        return fail("headers and library are of different versions");

    avsound_context *context = NULL;
    avsound_model *model = NULL;
    avsound_session *session = NULL;
    avsound_media *media = NULL;
    if (avsound_context_create(NULL, &context))
        return fail("context");
    if (avsound_model_create(context, "ave-net", "{\"width\": 0.0625}", 1, &model))
        return fail("model");
    if (avsound_session_create(model, NULL, &session))
        return fail("session");
    if (avsound_media_open(context, "", NULL, &media) == AVSOUND_OK)
        return fail("media: opened a file that has no name");
#ifdef CONSUMER_TRAINS
    double low, high;
    if (avsound_wilson_interval(0.5, 10, &low, &high))
        return fail("metrics");
#endif
    printf("avsound %s: %s with %d tensors\n", version, avsound_model_arch(model),
           (int)avsound_model_parameter_count(model));
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
    return 0;
}
