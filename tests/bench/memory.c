/* What a network holds in memory, stage by stage, and what a run takes of the processor.
 *
 *     avsound-bench-memory ARCH|FILE PRECISION THREADS RUNS
 *
 * Weights are made from a seed, or a model file's (.safetensors); PRECISION is f32 or bf16. Prints MB resident, and the most
 * there was until then, after each stage; then the time by the clock and by the processor of every run, in seconds. The
 * processor's is what is left to compare where others use the machine. */
#include "bench.h"

#include <avsound/avsound.h>

#include <string.h>

static double megabytes(const char *field)
{
    char line[256];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, field, strlen(field)))
            kilobytes = strtol(line + strlen(field), NULL, 10);
    if (file)
        fclose(file);
    return (double)kilobytes * 1.024e-3;
}

static void tell(const char *stage)
{
    printf("%-8s %6.0f MB resident, most %6.0f MB\n", stage, megabytes("VmRSS:"), megabytes("VmHWM:"));
}

static avsound_model *model_of(avsound_context *context, const char *name)
{
    avsound_model *model;
    require(strstr(name, ".safetensors") ? avsound_model_load(context, name, &model)
                                         : avsound_model_create(context, name, NULL, 1, &model),
            name);
    return model;
}

/* Small values, never the same twice; the copy is given back. */
static void fill(avsound_session *session, int32_t index)
{
    const char *name;
    avsound_tensor view = {.struct_size = sizeof view};
    size_t count = 1;
    require(avsound_session_input(session, index, &name, &view), "input");
    for (int32_t d = 0; d < view.rank; d++)
        count *= (size_t)view.shape[d];
    float *values = malloc(count * sizeof *values);
    if (!values)
        exit(EXIT_FAILURE);
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
    view.data = values;
    require(avsound_session_set_input(session, name, &view), name);
    free(values);
}

int main(int argc, char **argv)
{
    avsound_context *context;
    avsound_session *session;
    avsound_session_options options;
    if (argc != 5) {
        fprintf(stderr, "usage: %s ARCH|FILE PRECISION THREADS RUNS\n", argv[0]);
        return EXIT_FAILURE;
    }
    require(avsound_context_create(NULL, &context), "context");
    tell("start");
    avsound_model *model = model_of(context, argv[1]);
    tell("model");
    avsound_session_options_init(&options, sizeof options);
    options.precision = strcmp(argv[2], "bf16") ? AVSOUND_PRECISION_F32 : AVSOUND_PRECISION_BF16;
    options.threads = atoi(argv[3]);
    require(avsound_session_create(model, &options, &session), "session");
    tell("session");
    for (int32_t i = 0; i < avsound_session_input_count(session); i++)
        fill(session, i);
    tell("inputs");
    for (int i = 0; i < atoi(argv[4]); i++) {
        const double clock = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
        require(avsound_session_run(session), "run");
        printf("run      %.3f s, processor %.3f s\n", seconds(CLOCK_MONOTONIC) - clock,
               seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
    }
    tell("run");
    printf("session's own memory %.0f MB\n", (double)avsound_session_memory(session) / 1e6);
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
    return EXIT_SUCCESS;
}
