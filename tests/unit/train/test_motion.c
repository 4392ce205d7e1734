/* The flow that clips bring with them: what avsound_prepare() stores is what training sees. */
#include <avsound/train.h>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "failing.h"
#include "media/clip.h"
#include "media/flows.h"
#include "media/intra.h"
#include "train/loader.h"
#include "train/motion.h"
#include "unit/train/make_clips.h"

enum { WIDTH = 128, HEIGHT = 96, PICTURES = 60, SIDE = 48, INPUT = 40, AROUND = 3, FIELDS = 2 * AROUND };
static const double speed_x = 2.4, speed_y = -1.6; /* pixels a picture */

static avsound_context *context;
static char in[600], out[600];

static void setup(void)
{
    const char *root = temporary_folder();
    snprintf(in, sizeof in, "%s/in", root);
    snprintf(out, sizeof out, "%s/out", root);
    ck_assert_int_eq(mkdir(in, 0777), 0);
    ck_avsound(avsound_context_create(NULL, &context));
}

static double texture(int clip, double x, double y)
{
    return 128 + 40 * sin(0.21 * x + clip) + 30 * sin(0.17 * y + 0.4) + 25 * sin(0.09 * x + 0.13 * y) + 15 * sin(0.3 * x - 0.2 * y);
}

/* A texture that moves, by a step with every `step`-th picture. */
static void draw(const char *name, int clip, int pictures, int step)
{
    static uint8_t grey[WIDTH * HEIGHT];
    const avsn_intra_options options = {
        .width = WIDTH, .height = HEIGHT, .rate = 25, .sample_rate = 48000, .channels = 1, .scale = 2};
    char path[1200];
    avsn_intra *intra;
    snprintf(path, sizeof path, "%s/%s", in, name);
    ck_avsound(avsn_intra_create(context, path, &options, &intra));
    for (int i = 0; i < pictures; i++) {
        for (int p = 0; p < WIDTH * HEIGHT; p++)
            grey[p] = (uint8_t)lrint(texture(clip, p % WIDTH - speed_x * (i / step), p / WIDTH - speed_y * (i / step)));
        const avsound_frame frame = {.struct_size = sizeof frame,
                                     .format = AVSOUND_PIXEL_GRAY8,
                                     .width = WIDTH,
                                     .height = HEIGHT,
                                     .data = {grey},
                                     .stride = {WIDTH}};
        ck_avsound(avsn_intra_stage(intra, &frame));
        ck_avsound(avsn_intra_write_picture(intra));
    }
    for (int64_t n = 0; n < pictures * 1920; n++) {
        const float value = (float)clip_sound(clip, n);
        ck_avsound(avsn_intra_write_sound(intra, &value, 1));
    }
    ck_avsound(avsn_intra_finish(intra));
    avsn_intra_free(intra);
}

static avsound_prepare_options with_flow(int32_t side)
{
    avsound_prepare_options options;
    avsound_prepare_options_init(&options, sizeof options);
    options.flow = side;
    options.workers = 1;
    return options;
}

/* How many of the clips were there already. */
static int prepare(const char *folder, int32_t side)
{
    const avsound_prepare_options options = with_flow(side);
    const char *source = in;
    avsound_prepare_report *report;
    int kept = 0;
    ck_avsound(avsound_prepare(context, &source, 1, folder, &options, &report));
    for (int64_t i = 0; i < avsound_prepare_report_count(report); i++) {
        avsound_prepared_clip clip = {.struct_size = sizeof clip};
        ck_avsound(avsound_prepare_report_clip(report, i, &clip));
        ck_assert_msg(clip.flags == 0, "%s: %d %s", clip.source, clip.flags, clip.error);
        kept += clip.kept;
    }
    avsound_prepare_report_free(report);
    return kept;
}

/* The first file of `folder` with this ending, by name. */
static const char *find(const char *folder, const char *ending)
{
    static char path[4][1200];
    static int turn;
    char *best = path[turn++ % 4];
    DIR *listing = opendir(folder);
    *best = 0;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        const char *dot = strrchr(entry->d_name, '.');
        char candidate[1200];
        snprintf(candidate, sizeof candidate, "%s/%s", folder, entry->d_name);
        if (dot && !strcmp(dot, ending) && (!*best || strcmp(candidate, best) < 0))
            snprintf(best, sizeof path[0], "%s", candidate);
    }
    if (listing)
        closedir(listing);
    return *best ? best : NULL;
}

static avsn_image_frontend frontend(void)
{
    avsn_image_frontend f;
    avsn_image_frontend_default(&f);
    f.width = f.height = INPUT;
    f.short_side = SIDE;
    return f;
}

static avsn_crop crop_of(double x, double y, double side)
{
    avsn_crop crop = {.x = x, .y = y, .width = side, .height = side};
    memcpy(crop.colour, avsn_colour_identity, sizeof crop.colour);
    return crop;
}

static double mean_of(const float *plane)
{
    double sum = 0;
    for (int i = 0; i < INPUT * INPUT; i++)
        sum += (double)plane[i] / (INPUT * INPUT);
    return sum;
}

static avsound_status read_motion(const char *clip, const avsn_crop *crop, int first, int count, float *flow)
{
    const avsn_image_frontend f = frontend();
    avsn_motion *motion;
    ck_avsound(avsn_motion_create(context, &f, &motion));
    const avsound_status status = avsn_motion_read(motion, clip, PICTURES, WIDTH, HEIGHT, crop, first, count, flow);
    avsn_motion_free(motion);
    return status;
}

/* A pixel of the clip's pictures is 20 / 224 of what fills the input, and more of it the smaller the crop. */
START_TEST(stored_motion_is_the_pictures_cut_and_mirrored_like_them)
{
    static float flow[2 * INPUT * INPUT];
    float *const dx = flow, *const dy = flow + INPUT * INPUT;
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    prepare(out, SIDE);
    const char *clip = find(out, ".mkv");
    for (int side = 40; side <= 80; side += 40) {
        const double share = 224. / 20 / side;
        avsn_crop crop = crop_of(20, 8, side);
        ck_avsound(read_motion(clip, &crop, 30, 1, flow));
        ck_assert_double_eq_tol(mean_of(dx), fmin(1, share * speed_x), 0.02);
        ck_assert_double_eq_tol(mean_of(dy), share * speed_y, 0.02);
        crop.mirrored = true;
        ck_avsound(read_motion(clip, &crop, 30, 1, flow));
        ck_assert_double_eq_tol(mean_of(dx), -share * speed_x, 0.02);
        ck_assert_double_eq_tol(mean_of(dy), share * speed_y, 0.02);
        crop.upended = true;
        ck_avsound(read_motion(clip, &crop, 30, 1, flow));
        ck_assert_double_eq_tol(mean_of(dx), -share * speed_x, 0.02);
        ck_assert_double_eq_tol(mean_of(dy), -share * speed_y, 0.02);
    }
    const avsn_crop whole = crop_of(16, 0, HEIGHT), tiny = crop_of(40, 30, 12);
    ck_avsound(read_motion(clip, &tiny, 30, 1, flow));
    ck_assert_double_eq_tol(mean_of(dx), 1, 1e-6); /* clipped */
    ck_assert_double_eq_tol(mean_of(dy), -1, 1e-6);
    ck_avsound(read_motion(clip, &whole, -1, 1, flow));
    ck_assert_double_eq(mean_of(dx), 0);
    ck_avsound(read_motion(clip, &whole, PICTURES - 1, 1, flow));
    ck_assert_double_eq(mean_of(dx), 0);
    ck_avsound(read_motion(clip, &whole, PICTURES - 2, 1, flow));
    ck_assert_double_gt(mean_of(dx), 0.2);
    avsound_context_free(context);
}
END_TEST

START_TEST(pictures_shown_twice_do_not_move)
{
    enum { COUNT = 2 * SIDE * SIDE * WIDTH / HEIGHT };
    static uint8_t field[COUNT];
    setup();
    draw("a.mkv", 0, PICTURES, 2);
    prepare(out, SIDE);
    avsn_flows flows;
    ck_avsound(avsn_flows_open(find(out, ".flow"), &flows));
    ck_assert_int_eq(flows.width, SIDE * WIDTH / HEIGHT);
    ck_assert_int_eq(flows.height, SIDE);
    ck_assert_int_eq(flows.count, PICTURES - 1);
    for (int i = 20; i < 24; i++) {
        int moved = 0;
        ck_avsound(avsn_flows_read(&flows, i, 1, field));
        for (int k = 0; k < COUNT; k++)
            moved += abs(field[k] - 128) > 10;
        if (i % 2 == 0)
            ck_assert_int_eq(moved, 0);
        else
            ck_assert_int_gt(moved, COUNT * 8 / 10);
    }
    ck_refused(avsn_flows_read(&flows, 58, 2, field), AVSOUND_E_FORMAT, "has 59 fields, want 2 from number 58 on");
    avsn_flows_close(&flows);
    avsound_context_free(context);
}
END_TEST

/* ---- training ---- */

static avsn_loader_options loader_options(const avsn_dataset *data)
{
    avsn_loader_options o = {.data = data, .batch = 4, .workers = 1, .sampler = {.seed = 5}, .around = AROUND, .flow = true};
    o.image = frontend();
    avsn_audio_frontend_default(&o.audio);
    avsn_augmentation_none(&o.augmentation);
    o.augmentation.flip = o.augmentation.flip_vertical = 0.5f;
    o.augmentation.crop_min = 0.7f;
    o.augmentation.crop_max = 1;
    return o;
}

static avsn_loader *started(const avsn_loader_options *o)
{
    avsn_loader *loader;
    ck_avsound(avsn_loader_create(context, o, &loader));
    ck_avsound(avsn_loader_start(loader, 0, 0));
    return loader;
}

START_TEST(training_sees_the_same_as_without_it)
{
    enum { VALUES = 2 * FIELDS * INPUT * INPUT };
    setup();
    char plain[700];
    snprintf(plain, sizeof plain, "%s-plain", out);
    for (int i = 0; i < 3; i++) {
        const char name[] = {(char)('a' + i), '.', 'm', 'k', 'v', 0};
        draw(name, i, PICTURES, 1);
    }
    prepare(out, SIDE);
    prepare(plain, 0);
    ck_assert_ptr_null(find(plain, ".flow"));
    avsn_dataset *with, *without;
    ck_avsound(avsn_dataset_open(context, out, &with));
    ck_avsound(avsn_dataset_open(context, plain, &without));
    ck_assert_str_ne(avsn_dataset_digest(with), avsn_dataset_digest(without));
    ck_assert_int_eq(avsn_dataset_clip_at(with, 0)->flow, SIDE);
    ck_assert_int_eq(avsn_dataset_clip_at(without, 0)->flow, 0);
    const avsn_loader_options a = loader_options(with), b = loader_options(without);
    avsn_loader *stored = started(&a), *computed = started(&b);
    const avsn_batch *x, *y;
    ck_avsound(avsn_loader_next(stored, &x));
    ck_avsound(avsn_loader_next(computed, &y));
    ck_assert_mem_eq(x->image, y->image, 4 * 3 * INPUT * INPUT * sizeof(float));
    double error = 0, size = 0;
    for (size_t i = 0; i < 4 * VALUES; i++) {
        error += fabs((double)(x->flow[i] - y->flow[i])) / (4 * VALUES);
        size += fabs((double)y->flow[i]) / (4 * VALUES);
    }
    ck_assert_double_gt(size, 0.2);
    ck_assert_double_lt(error, 0.06 * size);
    avsn_loader_free(computed);
    avsn_loader_free(stored);
    avsn_dataset_free(without);
    avsn_dataset_free(with);
    avsound_context_free(context);
}
END_TEST

START_TEST(flow_of_smaller_pictures_than_the_networks_is_refused)
{
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    draw("b.mkv", 1, PICTURES, 1);
    prepare(out, INPUT - 1);
    avsn_dataset *data;
    avsn_loader *loader;
    ck_avsound(avsn_dataset_open(context, out, &data));
    avsn_loader_options o = loader_options(data);
    ck_refused(avsn_loader_create(context, &o, &loader), AVSOUND_E_UNSUPPORTED,
               "its flow is that of pictures of 39 pixels, the network's have 40: prepare with --flow 48");
    o.flow = false; /* who sees no flow does not mind */
    o.around = 0;
    ck_avsound(avsn_loader_create(context, &o, &loader));
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* ---- preparing ---- */

START_TEST(flow_comes_and_goes_with_the_option)
{
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    ck_assert_int_eq(prepare(out, SIDE), 0);
    ck_assert_int_eq(prepare(out, SIDE), 1);
    ck_assert_int_eq(unlink(find(out, ".flow")), 0);
    ck_assert_int_eq(prepare(out, SIDE), 0); /* is missed */
    ck_assert_ptr_nonnull(find(out, ".flow"));
    ck_assert_int_eq(prepare(out, SIDE / 2), 0);
    ck_assert_int_eq(prepare(out, 0), 0);
    ck_assert_ptr_null(find(out, ".flow"));
    ck_assert_int_eq(prepare(out, 0), 1);
    avsound_prepare_options options = with_flow(300);
    const char *source = in;
    ck_refused(avsound_prepare(context, &source, 1, out, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "flow is 300, want 16...256");
    options.flow = 15;
    ck_refused(avsound_prepare(context, &source, 1, out, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "flow is 15, want 16...256");
    avsound_context_free(context);
}
END_TEST

static int32_t stop(const avsound_prepare_state *state, void *user_data)
{
    (void)user_data;
    return state->seconds > 0;
}

START_TEST(a_stopped_run_leaves_no_half_flow)
{
    setup();
    draw("a.mkv", 0, 140, 1); /* longer than what is worked on between two calls */
    avsound_prepare_options options = with_flow(SIDE);
    const char *source = in;
    options.progress = stop;
    ck_refused(avsound_prepare(context, &source, 1, out, &options, NULL), AVSOUND_E_CANCELLED, "request");
    DIR *listing = opendir(out);
    for (struct dirent *entry; (entry = readdir(listing));)
        ck_assert_msg(*entry->d_name == '.' ? !strchr(entry->d_name + 1, 'm') : !strcmp(entry->d_name, "prepared.csv"),
                      "%s is left", entry->d_name);
    closedir(listing);
    ck_assert_int_eq(prepare(out, SIDE), 0);
    ck_assert_ptr_nonnull(find(out, ".flow"));
    avsound_context_free(context);
}
END_TEST

START_TEST(what_killed_runs_left_is_removed)
{
    static const char *const names[] = {".x.flow.12ab", ".x.mkv.12ab", ".x.flow.12xy", ".flow.12ab", "x.flow.12ab"};
    static const bool gone[] = {true, true, false, false, false};
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    ck_assert_int_eq(mkdir(out, 0777), 0);
    const struct timeval old[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
    char path[1200];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", out, names[i]);
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fclose(file);
        ck_assert_int_eq(utimes(path, old), 0);
    }
    prepare(out, SIDE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", out, names[i]);
        ck_assert_msg((access(path, F_OK) != 0) == gone[i], "%s", names[i]);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- bad files ---- */

static void poke(const char *path, long at, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

START_TEST(files_that_are_no_flow_are_named)
{
    static float flow[2 * INPUT * INPUT];
    static const uint8_t wide[4] = {1, 64, 0, 0}, many[4] = {0, 0, 0, 0x80}, fewer[4] = {58};
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    prepare(out, SIDE);
    const char *clip = find(out, ".mkv"), *path = find(out, ".flow");
    const avsn_crop crop = crop_of(0, 0, 40);
    const long bytes = 24 + (PICTURES - 1) * 2 * SIDE * (SIDE * WIDTH / HEIGHT);
    poke(path, 16, fewer, 4);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "want 356376 for 58 fields of 64 x 48");
    ck_assert_int_eq(truncate(path, bytes - 2 * SIDE * SIDE * WIDTH / HEIGHT), 0);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "has 58 fields, the clip's 60 pictures want 59");
    poke(path, 16, many, 4);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "2147483648 fields");
    poke(path, 8, wide, 4);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "of 16385 x 48, want 1 to 16384");
    ck_assert_int_eq(truncate(path, 20), 0);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "ends at byte 20: cut off");
    poke(path, 0, "x", 1);
    ck_assert_int_eq(truncate(path, 24), 0);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_FORMAT, "does not begin with AVSFLOW1");
    ck_assert_int_eq(unlink(path), 0);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_IO, "No such file");
    ck_assert_int_eq(mkdir(path, 0777), 0);
    ck_refused(read_motion(clip, &crop, 0, 1, flow), AVSOUND_E_IO, "is no regular file");
    ck_assert_int_eq(rmdir(path), 0);
    avsound_context_free(context);
}
END_TEST

START_TEST(a_table_that_promises_nonsense_is_refused)
{
    char path[700];
    avsn_dataset *data;
    setup();
    draw("a.mkv", 0, PICTURES, 1);
    prepare(out, SIDE);
    snprintf(path, sizeof path, "%s/prepared.csv", out);
    char text[4000];
    FILE *file = fopen(path, "r+b");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    char *option = strstr(text, " flow=48");
    ck_assert_ptr_nonnull(option);
    memcpy(option, " flow=4x", 8);
    rewind(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
    ck_refused(avsn_dataset_open(context, out, &data), AVSOUND_E_FORMAT, "what avsound prepare wrote");
    avsound_context_free(context);
}
END_TEST

/* ---- memory ---- */

static avsound_status prepare_anew(avsound_context *strict, avsound_prepare_report **report)
{
    char command[1300];
    const avsound_prepare_options options = with_flow(SIDE);
    const char *source = in;
    snprintf(command, sizeof command, "rm -rf '%s'", out);
    ck_assert_int_eq(system(command), 0);
    return avsound_prepare(strict, &source, 1, out, &options, report);
}

static avsound_status load(avsound_context *strict, const avsn_loader_options *o)
{
    avsn_loader *loader;
    const avsn_batch *batch;
    AVSN_TRY(avsn_loader_create(strict, o, &loader));
    avsound_status status = avsn_loader_start(loader, 0, 0);
    if (!status)
        status = avsn_loader_next(loader, &batch);
    avsn_loader_free(loader);
    return status;
}

START_TEST(refused_memory_is_survived)
{
    failing f;
    avsound_prepare_report *report;
    setup();
    draw("a.mkv", 0, 52, 26); /* two pictures, so that little is computed */
    draw("b.mkv", 1, 52, 26);
    avsound_context *strict = failing_context(&f);
    ck_survives_refusals(&f, prepare_anew(strict, &report), avsound_prepare_report_free(report));
    avsn_dataset *data;
    ck_avsound(avsn_dataset_open(context, out, &data));
    avsn_loader_options o = loader_options(data);
    o.batch = 2;
    o.ahead = 1;
    const long before = f.held;
    long n = 0, failures = 0;
    do { /* of a batch made ahead, requests may be refused without harm */
        f.requests = 0;
        f.refused = ++n;
        const avsound_status status = load(strict, &o);
        ck_assert_msg(!status || status == AVSOUND_E_NO_MEMORY, "allocation %ld refused: %s", n, avsound_error_detail());
        ck_assert_int_eq(f.held, before);
        failures += status != AVSOUND_OK;
    } while (f.requests >= n);
    ck_assert_int_gt(failures, 30);
    avsn_dataset_free(data);
    avsound_context_free(strict);
    avsound_context_free(context);
}
END_TEST

SUITE("train.motion", stored_motion_is_the_pictures_cut_and_mirrored_like_them, pictures_shown_twice_do_not_move,
      training_sees_the_same_as_without_it, flow_of_smaller_pictures_than_the_networks_is_refused,
      flow_comes_and_goes_with_the_option, a_stopped_run_leaves_no_half_flow, what_killed_runs_left_is_removed,
      files_that_are_no_flow_are_named, a_table_that_promises_nonsense_is_refused, refused_memory_is_survived)
