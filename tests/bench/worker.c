/* The bench's own engine: loads a model through the public API, then obeys lines on standard input.
 *
 *     avsound-bench-worker MODEL IMAGE SPECTROGRAM BATCH PRECISION THREADS OUTPUTS
 *
 * MODEL is a file, or "seed:ARCH" for random weights; IMAGE and SPECTROGRAM are raw 32-bit floats; PRECISION is f32
 * or bf16; OUTPUTS are names with commas between them. After the first result it prints one line of JSON; "run N"
 * runs once unmeasured, then N times, and prints N durations in nanoseconds; "describe" prints the plan to standard
 * error; the end of input ends it. */
#include "bench.h"

#include <avsound/avsound.h>

#include <inttypes.h>
#include <string.h>

#define MAX_INPUTS 2
#define RESULTS 8 /* leading values of the first output, for comparing engines */

typedef struct input {
    const char *name;
    avsound_tensor view;
} input;

typedef struct worker {
    avsound_context *context;
    avsound_model *model;
    avsound_session *session;
    input inputs[MAX_INPUTS];
    int32_t input_count;
    float *image, *spectrogram;
} worker;

/* At least `count` floats of a file. */
static float *read_floats(const char *path, size_t count)
{
    FILE *file = fopen(path, "rb");
    float *data = malloc(count * sizeof *data);
    if (!file || !data || fread(data, sizeof *data, count, file) != count) {
        fprintf(stderr, "%s: can't read %zu floats\n", path, count);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return data;
}

static size_t elements(const avsound_tensor *view)
{
    size_t count = 1;
    for (int32_t d = 0; d < view->rank; d++)
        count *= (size_t)view->shape[d];
    return count;
}

static void load(worker *w, const char *model)
{
    require(avsound_context_create(NULL, &w->context), "context");
    if (!strncmp(model, "seed:", 5))
        require(avsound_model_create(w->context, model + 5, NULL, 2018, &w->model), model);
    else
        require(avsound_model_load(w->context, model, &w->model), model);
}

static void prepare(worker *w, char **argv)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.batch = atoi(argv[4]);
    options.precision = strcmp(argv[5], "bf16") ? AVSOUND_PRECISION_F32 : AVSOUND_PRECISION_BF16;
    options.threads = atoi(argv[6]);
    options.outputs = argv[7];
    require(avsound_session_create(w->model, &options, &w->session), "session");

    w->input_count = avsound_session_input_count(w->session);
    if (w->input_count > MAX_INPUTS)
        exit(EXIT_FAILURE);
    for (int32_t i = 0; i < w->input_count; i++) {
        input *in = &w->inputs[i];
        in->view.struct_size = sizeof in->view;
        require(avsound_session_input(w->session, i, &in->name, &in->view), "input");
        float **data = strcmp(in->name, "image") ? &w->spectrogram : &w->image;
        *data = read_floats(argv[strcmp(in->name, "image") ? 3 : 2], elements(&in->view));
        in->view.data = *data;
    }
}

/* Setting the inputs is part of a run: the other engines are given theirs anew each time, too. */
static void run(const worker *w)
{
    for (int32_t i = 0; i < w->input_count; i++)
        require(avsound_session_set_input(w->session, w->inputs[i].name, &w->inputs[i].view), w->inputs[i].name);
    require(avsound_session_run(w->session), "run");
}

static void report_ready(const worker *w, int64_t load_ns, int64_t prepare_ns)
{
    avsound_tensor view = {.struct_size = sizeof view};
    require(avsound_session_get_output(w->session, avsound_session_output_name(w->session, 0), &view), "output");
    const float *data = view.data;
    printf("{\"version\": \"%s\", \"load_ns\": %" PRId64 ", \"prepare_ns\": %" PRId64 ", \"result\": [",
           avsound_version_string(), load_ns, prepare_ns);
    const size_t count = elements(&view);
    for (size_t i = 0; i < count && i < RESULTS; i++)
        printf("%s%.9g", i ? ", " : "", (double)data[i]);
    printf("]}\n");
    fflush(stdout);
}

static void measure(const worker *w, int runs)
{
    run(w);
    for (int i = 0; i < runs; i++) {
        const int64_t start = now_ns(CLOCK_MONOTONIC);
        run(w);
        printf("%" PRId64 "%s", now_ns(CLOCK_MONOTONIC) - start, i + 1 < runs ? " " : "");
    }
    printf("\n");
    fflush(stdout);
}

static void describe(const worker *w)
{
    size_t size = 0;
    if (avsound_session_describe(w->session, NULL, &size) != AVSOUND_E_BUFFER_SIZE && size == 0)
        return;
    char *text = malloc(size);
    if (text && avsound_session_describe(w->session, text, &size) == AVSOUND_OK)
        fputs(text, stderr);
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: %s MODEL IMAGE SPECTROGRAM BATCH PRECISION THREADS OUTPUTS\n", argv[0]);
        return EXIT_FAILURE;
    }
    worker w = {.context = NULL};
    const int64_t start = now_ns(CLOCK_MONOTONIC);
    load(&w, argv[1]);
    const int64_t loaded = now_ns(CLOCK_MONOTONIC);
    prepare(&w, argv);
    const int64_t prepared = now_ns(CLOCK_MONOTONIC);
    run(&w);
    report_ready(&w, loaded - start, prepared - loaded);

    char line[64];
    int runs;
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "run %d", &runs) == 1)
            measure(&w, runs);
        else if (!strncmp(line, "describe", 8))
            describe(&w);
    avsound_session_free(w.session);
    avsound_model_free(w.model);
    avsound_context_free(w.context);
    free(w.image);
    free(w.spectrogram);
    return EXIT_SUCCESS;
}
