/* How fast prepared clips become items of a batch.
 *
 *     avsound-bench-loader CLIPS SIDE WORKERS BATCHES [varied]
 *
 * CLIPS is a folder of prepared clips, SIDE that of the network's picture; "varied" switches all of the
 * augmentation on. One epoch finds out where the clips' packets lie, the next is measured: items per second, and
 * per second of a processor, which other work on the machine disturbs less. */
#include "bench.h"
#include "train/loader.h"

enum { BATCH = 32 };

static avsn_loader_options options_for(const avsn_dataset *data, int32_t side, int32_t workers, int varied)
{
    avsn_loader_options o = {.data = data, .batch = BATCH, .workers = workers};
    avsn_augmentation *a = &o.augmentation;
    avsn_image_frontend_default(&o.image);
    avsn_audio_frontend_default(&o.audio);
    o.image.width = o.image.height = side;
    o.image.short_side = side * 8 / 7;
    *a = (avsn_augmentation){.struct_size = sizeof *a,
                             .crop_min = 0.875f,
                             .crop_max = 0.875f,
                             .flip = 0.5f,
                             .brightness = 0.1f,
                             .saturation = 0.1f,
                             .gain = 0.1f};
    if (varied) {
        a->crop_min = 0.5f, a->crop_max = 1, a->contrast = 0.3f, a->hue = 0.1f, a->grey = 0.2f;
        a->gain_db = 6, a->tilt_db = 6, a->noise_db = -40, a->speed = 0.1f, a->mix = 0.2f;
        a->time_masks = a->frequency_masks = 2, a->time_mask = 20, a->frequency_mask = 24;
    }
    return o;
}

static void run(avsn_loader *loader, uint64_t epoch, int64_t batches)
{
    const avsn_batch *batch;
    require(avsn_loader_start(loader, epoch, 0), "a new epoch");
    for (int64_t i = 0; i < batches; i++)
        require(avsn_loader_next(loader, &batch), "a batch");
}

int main(int argc, char **argv)
{
    avsound_context *context;
    avsn_dataset *data;
    avsn_loader *loader;
    if (argc < 5) {
        fprintf(stderr, "usage: avsound-bench-loader CLIPS SIDE WORKERS BATCHES [varied]\n");
        return EXIT_FAILURE;
    }
    require(avsound_context_create(NULL, &context), "a context");
    require(avsn_dataset_open(context, argv[1], &data), argv[1]);
    const int64_t batches = atoll(argv[4]);
    const avsn_loader_options options = options_for(data, atoi(argv[2]), atoi(argv[3]), argc > 5);
    require(avsn_loader_create(context, &options, &loader), "a loader");
    run(loader, 0, avsn_loader_round(loader) / BATCH);
    const double time = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
    run(loader, 1, batches);
    printf("%.0f items/s, %.0f per processor second\n", (double)(batches * BATCH) / (seconds(CLOCK_MONOTONIC) - time),
           (double)(batches * BATCH) / (seconds(CLOCK_PROCESS_CPUTIME_ID) - processor));
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
    return EXIT_SUCCESS;
}
