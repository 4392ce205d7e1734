#include "failing.h"
#include "media/media.h"

#include <libswscale/swscale.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"

/* A picture in memory that ends where its last row's last byte does: whatever is read beyond it faults. */
typedef struct guarded {
    void *map;
    size_t bytes;
} guarded;

static uint8_t *guarded_alloc(guarded *g, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (size + page - 1) / page * page;
    g->bytes = used + 2 * page;
    g->map = mmap(NULL, g->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(g->map, MAP_FAILED);
    ck_assert_int_eq(mprotect((uint8_t *)g->map + page, used, PROT_READ | PROT_WRITE), 0);
    return (uint8_t *)g->map + page + used - size;
}

static avsn_scaler *new_scaler(avsound_context *context)
{
    avsn_scaler *scaler;
    ck_avsound(avsn_scaler_create(context, &scaler));
    return scaler;
}

static avsound_context *plain(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

/* ---- colours: one colour all over, against the defining equations ---- */

typedef struct kind {
    int32_t format;
    const char *name;
} kind;

static const kind kinds[] = {
    {AVSOUND_PIXEL_RGB24, "RGB24"},     {AVSOUND_PIXEL_BGR24, "BGR24"},     {AVSOUND_PIXEL_RGBA, "RGBA"},
    {AVSOUND_PIXEL_BGRA, "BGRA"},       {AVSOUND_PIXEL_GRAY8, "GRAY8"},     {AVSOUND_PIXEL_YUV420P, "YUV420P"},
    {AVSOUND_PIXEL_NV12, "NV12"},       {AVSOUND_PIXEL_YUV422P, "YUV422P"}, {AVSOUND_PIXEL_YUYV422, "YUYV422"},
    {AVSOUND_PIXEL_YUV444P, "YUV444P"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int is_yuv(int32_t format)
{
    return format >= AVSOUND_PIXEL_YUV420P;
}

/* Rows and bytes of a row of each plane, from the public header's words. */
static int plane_shape(int32_t format, int plane, int width, int height, int *row)
{
    const int cw = (width + 1) / 2, ch = (height + 1) / 2;
    switch (format) {
    case AVSOUND_PIXEL_RGB24:
    case AVSOUND_PIXEL_BGR24:
        *row = 3 * width;
        return plane ? 0 : height;
    case AVSOUND_PIXEL_RGBA:
    case AVSOUND_PIXEL_BGRA:
        *row = 4 * width;
        return plane ? 0 : height;
    case AVSOUND_PIXEL_GRAY8:
        *row = width;
        return plane ? 0 : height;
    case AVSOUND_PIXEL_YUV420P:
        *row = plane ? cw : width;
        return plane > 2 ? 0 : plane ? ch : height;
    case AVSOUND_PIXEL_NV12:
        *row = plane ? 2 * cw : width;
        return plane > 1 ? 0 : plane ? ch : height;
    case AVSOUND_PIXEL_YUV422P:
        *row = plane ? cw : width;
        return plane > 2 ? 0 : height;
    case AVSOUND_PIXEL_YUYV422:
        *row = 4 * cw;
        return plane ? 0 : height;
    default:
        *row = width;
        return plane > 2 ? 0 : height;
    }
}

/* Values a, b, c are R G B, Y U V, or grey in a, at each pixel by `at`. */
typedef void (*colour_fn)(int x, int y, int width, int height, uint8_t abc[3]);

static void store(const avsound_frame *f, int x, int y, const uint8_t abc[3])
{
    uint8_t *p0 = (uint8_t *)f->data[0] + (ptrdiff_t)y * f->stride[0];
    uint8_t *const p1 = (uint8_t *)f->data[1], *const p2 = (uint8_t *)f->data[2];
    const int half = f->format == AVSOUND_PIXEL_YUV420P || f->format == AVSOUND_PIXEL_NV12;
    const int cy = half ? y / 2 : y;
    switch (f->format) {
    case AVSOUND_PIXEL_RGB24:
        memcpy(p0 + 3 * x, abc, 3);
        break;
    case AVSOUND_PIXEL_BGR24:
        memcpy(p0 + 3 * x, (uint8_t[]){abc[2], abc[1], abc[0]}, 3);
        break;
    case AVSOUND_PIXEL_RGBA:
        memcpy(p0 + 4 * x, (uint8_t[]){abc[0], abc[1], abc[2], (uint8_t)(x * 7)}, 4);
        break;
    case AVSOUND_PIXEL_BGRA:
        memcpy(p0 + 4 * x, (uint8_t[]){abc[2], abc[1], abc[0], (uint8_t)(x * 7)}, 4);
        break;
    case AVSOUND_PIXEL_NV12:
        p0[x] = abc[0];
        memcpy(p1 + (ptrdiff_t)cy * f->stride[1] + x / 2 * 2, abc + 1, 2);
        break;
    case AVSOUND_PIXEL_YUYV422:
        p0[2 * x] = abc[0];
        p0[4 * (x / 2) + 1] = abc[1];
        p0[4 * (x / 2) + 3] = abc[2];
        break;
    default:
        p0[x] = abc[0];
        if (p1) {
            const int cx = f->format == AVSOUND_PIXEL_YUV444P ? x : x / 2;
            p1[(ptrdiff_t)cy * f->stride[1] + cx] = abc[1];
            p2[(ptrdiff_t)cy * f->stride[2] + cx] = abc[2];
        }
    }
}

/* Planes end to the byte at a guard page; rows `gap` bytes apart, bottom up if so. */
static avsound_frame new_frame(int32_t format, int width, int height, int gap, int bottom_up, colour_fn colour,
                               guarded maps[3])
{
    avsound_frame f = {.struct_size = sizeof f, .format = format, .width = width, .height = height};
    for (int p = 0; p < 3; p++) {
        int row;
        const int rows = plane_shape(format, p, width, height, &row);
        maps[p].map = NULL;
        if (!rows)
            continue;
        const int stride = row + gap;
        uint8_t *memory = guarded_alloc(&maps[p], (size_t)stride * (size_t)(rows - 1) + (size_t)row);
        f.data[p] = bottom_up ? memory + (ptrdiff_t)stride * (rows - 1) : memory;
        f.stride[p] = bottom_up ? -stride : stride;
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t abc[3];
            colour(x, y, width, height, abc);
            store(&f, x, y, abc);
        }
    return f;
}

static void free_maps(guarded maps[3])
{
    for (int p = 0; p < 3; p++)
        if (maps[p].map)
            munmap(maps[p].map, maps[p].bytes);
}

static uint8_t the_colour[3];

static void flat(int x, int y, int width, int height, uint8_t abc[3])
{
    (void)x, (void)y, (void)width, (void)height;
    memcpy(abc, the_colour, 3);
}

/* ITU-R BT.601, BT.709, BT.2020: R - Y = 2 (1 - Kr) Cr and so on. */
static void reference_rgb(int32_t format, int full, int32_t matrix, const uint8_t abc[3], double rgb[3])
{
    static const double weights[][2] = {[1] = {0.299, 0.114}, [2] = {0.2126, 0.0722}, [3] = {0.2627, 0.0593}};
    if (format <= AVSOUND_PIXEL_BGRA) {
        for (int i = 0; i < 3; i++)
            rgb[i] = abc[i];
        return;
    }
    const double kr = weights[matrix][0], kb = weights[matrix][1], kg = 1 - kr - kb;
    const double y = full ? abc[0] : (abc[0] - 16) * 255.0 / 219;
    const double scale = format == AVSOUND_PIXEL_GRAY8 ? 0 : full ? 1 : 255.0 / 224;
    const double u = (abc[1] - 128) * scale, v = (abc[2] - 128) * scale;
    rgb[0] = y + 2 * (1 - kr) * v;
    rgb[2] = y + 2 * (1 - kb) * u;
    rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / kg;
}

START_TEST(colours_follow_range_and_matrix)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    static const uint8_t colours[][3] = {{16, 128, 128}, {235, 128, 128}, {126, 128, 128}, {81, 90, 200},
                                         {145, 60, 80},  {60, 200, 110},  {200, 100, 150}};
    for (int k = 0; k < KINDS; k++)
        for (int full = 0; full < 2; full++)
            for (int32_t matrix = 1; matrix <= 3; matrix++)
                for (size_t c = 0; c < sizeof colours / sizeof colours[0]; c++) {
                    guarded maps[3];
                    uint8_t rgb[24 * 16 * 3];
                    double want[3];
                    memcpy(the_colour, colours[c], 3);
                    avsound_frame f = new_frame(kinds[k].format, 48, 32, 0, 0, flat, maps);
                    f.range = full ? AVSOUND_RANGE_FULL : AVSOUND_RANGE_LIMITED;
                    f.matrix = matrix;
                    ck_avsound(avsn_scaler_rgb(scaler, &f, 24, 16, rgb, 24 * 3));
                    reference_rgb(f.format, full, matrix, the_colour, want);
                    for (int i = 0; i < 24 * 16 * 3; i++) {
                        const double w = fmin(fmax(want[i % 3], 0), 255);
                        if (fabs(rgb[i] - w) > 1.5)
                            ck_abort_msg("%s range %d matrix %d colour %zu: channel %d is %d, want %.2f", kinds[k].name,
                                         full, matrix, c, i % 3, rgb[i], w);
                    }
                    free_maps(maps);
                }
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

START_TEST(defaults_are_the_documented_ones)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    const struct {
        int32_t format, height, full, matrix;
    } cases[] = {{AVSOUND_PIXEL_YUV420P, 64, 0, 1},
                 {AVSOUND_PIXEL_YUV420P, 720, 0, 2},
                 {AVSOUND_PIXEL_YUV444P, 719, 0, 1},
                 {AVSOUND_PIXEL_GRAY8, 64, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        guarded maps[3];
        uint8_t rgb[8 * 180 * 3];
        double want[3];
        memcpy(the_colour, (uint8_t[]){120, 90, 190}, 3);
        const avsound_frame f = new_frame(cases[i].format, 32, cases[i].height, 0, 0, flat, maps);
        ck_avsound(avsn_scaler_rgb(scaler, &f, 8, cases[i].height / 4, rgb, 24));
        reference_rgb(f.format, cases[i].full, cases[i].matrix, the_colour, want);
        for (int c = 0; c < 3; c++)
            ck_assert_msg(fabs(rgb[100 / 3 * 3 + c] - fmin(fmax(want[c], 0), 255)) <= 1.5, "case %zu", i);
        free_maps(maps);
    }
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

/* ---- geometry ---- */

/* A ramp both ways, in the channels that every format has at full size; chroma stays neutral. */
static void ramp(int x, int y, int width, int height, uint8_t abc[3])
{
    const double v = 40 + 160 * ((x + 0.5) / width + (y + 0.5) / height) / 2;
    abc[0] = (uint8_t)lrint(v);
    abc[1] = abc[2] = 128;
}

static void grey_ramp(int x, int y, int width, int height, uint8_t abc[3])
{
    ramp(x, y, width, height, abc);
    abc[1] = abc[2] = abc[0];
}

/* Linear pictures stay linear under any symmetric filter: away from the edges the scaled ramp is the ramp. */
START_TEST(every_format_and_odd_size_keeps_its_place)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    static const int sizes[][2] = {{1, 1}, {2, 3}, {3, 1}, {1, 7}, {17, 13}, {33, 65}, {127, 31}, {64, 64}, {321, 243}};
    for (int k = 0; k < KINDS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int variant = 0; variant < 4; variant++) {
                guarded maps[3], out_map;
                const int w = sizes[s][0], h = sizes[s][1], out_w = 37, out_h = 29;
                avsound_frame f = new_frame(kinds[k].format, w, h, variant & 1 ? 5 : 0, variant >> 1,
                                            is_yuv(kinds[k].format) ? ramp : grey_ramp, maps);
                f.range = AVSOUND_RANGE_FULL;
                uint8_t *rgb = guarded_alloc(&out_map, (size_t)out_w * 3 * (size_t)out_h);
                ck_avsound(avsn_scaler_rgb(scaler, &f, out_w, out_h, rgb, out_w * 3));
                const int reach_x = w > 1 ? out_w / w + 2 : out_w, reach_y = h > 1 ? out_h / h + 2 : out_h;
                for (int y = reach_y; y < out_h - reach_y; y++)
                    for (int x = reach_x; x < out_w - reach_x; x++) {
                        const double want = 40 + 160 * ((x + 0.5) / out_w + (y + 0.5) / out_h) / 2;
                        const int got = rgb[(y * out_w + x) * 3 + 1];
                        if (fabs(got - want) > 2)
                            ck_abort_msg("%s %dx%d variant %d: pixel %d,%d is %d, want %.1f", kinds[k].name, w, h,
                                         variant, x, y, got, want);
                    }
                free_maps(maps);
                munmap(out_map.map, out_map.bytes);
            }
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

static void stripes(int x, int y, int width, int height, uint8_t abc[3])
{
    (void)y, (void)width, (void)height;
    memset(abc, x & 1 ? 255 : 0, 3);
}

/* Stripes of one pixel vanish in a picture of a quarter of the size: without an area's support they would alias. */
START_TEST(shrinking_averages)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    guarded maps[3];
    uint8_t rgb[33 * 32 * 3];
    const avsound_frame f = new_frame(AVSOUND_PIXEL_RGB24, 133, 128, 0, 0, stripes, maps);
    ck_avsound(avsn_scaler_rgb(scaler, &f, 33, 32, rgb, 33 * 3));
    for (int y = 0; y < 32; y++)
        for (int i = 2 * 3; i < 31 * 3; i++)
            ck_assert_msg(abs(rgb[y * 33 * 3 + i] - 128) < 12, "%d", rgb[y * 33 * 3 + i]);
    free_maps(maps);
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

START_TEST(same_size_is_the_same)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    for (int k = 0; k < 4; k++) { /* RGB in its four orders */
        guarded maps[3];
        uint8_t rgb[31 * 17 * 3];
        const avsound_frame f = new_frame(kinds[k].format, 31, 17, 3, k & 1, grey_ramp, maps);
        ck_avsound(avsn_scaler_rgb(scaler, &f, 31, 17, rgb, 31 * 3));
        for (int y = 0; y < 17; y++)
            for (int x = 0; x < 31; x++) {
                uint8_t abc[3];
                grey_ramp(x, y, 31, 17, abc);
                ck_assert_msg(!memcmp(rgb + (y * 31 + x) * 3, abc, 3), "%s: pixel %d,%d", kinds[k].name, x, y);
            }
        free_maps(maps);
    }
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

START_TEST(extreme_ratios_work)
{
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    guarded maps[3];
    memcpy(the_colour, (uint8_t[]){10, 200, 90}, 3);
    static const int sizes[][4] = {
        {8000, 2, 1, 1}, {2, 8000, 3, 5}, {4000, 3000, 7, 5}, {1, 1, 500, 400}, {3, 4000, 224, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int w = sizes[s][2], h = sizes[s][3];
        uint8_t *rgb = malloc((size_t)w * (size_t)h * 3);
        const avsound_frame f = new_frame(AVSOUND_PIXEL_RGB24, sizes[s][0], sizes[s][1], 0, 0, flat, maps);
        ck_avsound(avsn_scaler_rgb(scaler, &f, w, h, rgb, w * 3));
        for (int i = 0; i < w * h * 3; i++)
            if (abs(rgb[i] - the_colour[i % 3]) > 1)
                ck_abort_msg("case %zu: %d, want %d", s, rgb[i], the_colour[i % 3]);
        free(rgb);
        free_maps(maps);
    }
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

static void noise(int x, int y, int width, int height, uint8_t abc[3])
{
    (void)height;
    for (int i = 0; i < 3; i++)
        abc[i] = (uint8_t)(256 * avsn_rng_uniform(11, (uint64_t)i, (uint64_t)(y * width + x)));
}

static enum AVPixelFormat ffmpeg_format(int32_t format)
{
    static const enum AVPixelFormat formats[] = {
        [AVSOUND_PIXEL_RGB24] = AV_PIX_FMT_RGB24,     [AVSOUND_PIXEL_BGR24] = AV_PIX_FMT_BGR24,
        [AVSOUND_PIXEL_RGBA] = AV_PIX_FMT_RGB0,       [AVSOUND_PIXEL_BGRA] = AV_PIX_FMT_BGR0,
        [AVSOUND_PIXEL_GRAY8] = AV_PIX_FMT_GRAY8,     [AVSOUND_PIXEL_YUV420P] = AV_PIX_FMT_YUV420P,
        [AVSOUND_PIXEL_NV12] = AV_PIX_FMT_NV12,       [AVSOUND_PIXEL_YUV422P] = AV_PIX_FMT_YUV422P,
        [AVSOUND_PIXEL_YUYV422] = AV_PIX_FMT_YUYV422, [AVSOUND_PIXEL_YUV444P] = AV_PIX_FMT_YUV444P,
    };
    return formats[format];
}

/* What swscale makes of a picture when it writes packed pixels itself. */
static void scale_packed(const avsn_kept_frame *kept, int width, int height, uint8_t *rgb)
{
    const avsound_frame *f = &kept->view;
    const int *matrix = sws_getCoefficients(SWS_CS_ITU601), full = f->range == AVSOUND_RANGE_FULL;
    const int stride = (3 * width + 127) / 64 * 64;
    uint8_t *rows = malloc((size_t)stride * (size_t)height + 64);
    struct SwsContext *sws = sws_getContext(
        f->width, f->height, ffmpeg_format(f->format), width, height, AV_PIX_FMT_RGB24,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT, NULL, NULL, NULL);
    ck_assert(rows && sws);
    sws_setColorspaceDetails(sws, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
    ck_assert_int_eq(sws_scale(sws, f->data, f->stride, 0, f->height, (uint8_t *const[4]){rows}, (const int[4]){stride}), height);
    for (int y = 0; y < height; y++)
        memcpy(rgb + (size_t)y * (size_t)width * 3, rows + (size_t)y * (size_t)stride, (size_t)width * 3);
    sws_freeContext(sws);
    free(rows);
}

/* Whichever way the scaler has it written, and whether it copies the picture before or not. */
START_TEST(pictures_are_those_of_packed_pixels)
{
    static const int sizes[][4] = {{160, 96, 64, 84}, {160, 96, 64, 85}, {160, 96, 200, 30},  {99, 77, 37, 29},
                                   {31, 57, 64, 8},   {64, 48, 48, 64},  {322, 242, 256, 16}, {17, 300, 9, 256}};
    avsound_context *context = plain();
    avsn_scaler *scaler = new_scaler(context);
    avsn_kept_frame kept = {0};
    for (int k = 0; k < KINDS; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            guarded maps[3];
            const int width = sizes[i][2], height = sizes[i][3];
            const size_t bytes = (size_t)width * (size_t)height * 3;
            uint8_t *want = malloc(bytes), *got = malloc(bytes), *same = malloc(bytes);
            avsound_frame f = new_frame(kinds[k].format, sizes[i][0], sizes[i][1], 1, i & 1, noise, maps);
            f.range = i & 2 || !is_yuv(f.format) ? AVSOUND_RANGE_FULL : AVSOUND_RANGE_LIMITED;
            f.matrix = AVSOUND_MATRIX_BT601;
            ck_avsound(avsn_frame_keep(context, &f, &kept));
            scale_packed(&kept, width, height, want);
            ck_avsound(avsn_scaler_rgb(scaler, &f, width, height, got, 3 * width));
            ck_avsound(avsn_scaler_kept_rgb(scaler, &kept, width, height, same, 3 * width));
            ck_assert_msg(!memcmp(want, got, bytes), "%s, size %zu", kinds[k].name, i);
            ck_assert_msg(!memcmp(want, same, bytes), "%s kept, size %zu", kinds[k].name, i);
            free(want);
            free(got);
            free(same);
            free_maps(maps);
        }
    avsn_free(context, kept.bytes);
    avsn_scaler_free(scaler);
    avsound_context_free(context);
}
END_TEST

/* ---- refusals ---- */

START_TEST(frames_are_checked)
{
    avsound_context *context = plain();
    uint8_t bytes[64 * 64 * 3] = {0};
    const avsound_frame good = {.struct_size = sizeof good,
                                .format = AVSOUND_PIXEL_RGB24,
                                .width = 64,
                                .height = 64,
                                .data = {bytes},
                                .stride = {192}};
    ck_avsound(avsn_frame_check(context, &good));
    ck_refused(avsn_frame_check(context, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
#define WITH(change, code, words)                               \
    do {                                                        \
        avsound_frame f = good;                                 \
        change;                                                 \
        ck_refused(avsn_frame_check(context, &f), code, words); \
    } while (0)
    WITH(f.struct_size = 8, AVSOUND_E_INVALID_ARGUMENT, "struct_size is 8");
    WITH(f.format = 0, AVSOUND_E_INVALID_ARGUMENT, "format is 0");
    WITH(f.format = 11, AVSOUND_E_INVALID_ARGUMENT, "format is 11");
    WITH(f.format = -3, AVSOUND_E_INVALID_ARGUMENT, "format is -3");
    WITH(f.width = 0, AVSOUND_E_INVALID_ARGUMENT, "0 x 64");
    WITH(f.height = -1, AVSOUND_E_INVALID_ARGUMENT, "64 x -1");
    WITH((f.width = f.height = 20000), AVSOUND_E_LIMIT, "20000 x 20000 is 400000000 pixels");
    WITH((f.width = f.height = INT32_MAX), AVSOUND_E_LIMIT, "pixels");
    WITH(f.stride[0] = 191, AVSOUND_E_INVALID_ARGUMENT, "stride of plane 0 is 191, want at least 192");
    WITH(f.stride[0] = -191, AVSOUND_E_INVALID_ARGUMENT, "stride of plane 0 is -191");
    WITH(f.stride[0] = 0, AVSOUND_E_INVALID_ARGUMENT, "stride");
    WITH(f.data[0] = NULL, AVSOUND_E_INVALID_ARGUMENT, "plane 0 of RGB24 is NULL");
    WITH(f.range = 3, AVSOUND_E_INVALID_ARGUMENT, "range is 3");
    WITH(f.matrix = -1, AVSOUND_E_INVALID_ARGUMENT, "matrix is -1");
    WITH(f.format = AVSOUND_PIXEL_YUV420P, AVSOUND_E_INVALID_ARGUMENT, "plane 1 of YUV420P is NULL");
    WITH((f.format = AVSOUND_PIXEL_NV12, f.data[1] = bytes, f.stride[1] = 63), AVSOUND_E_INVALID_ARGUMENT,
         "stride of plane 1 is 63, want at least 64");
    WITH((f.format = AVSOUND_PIXEL_YUYV422, f.width = 63, f.stride[0] = 127), AVSOUND_E_INVALID_ARGUMENT,
         "want at least 128 for 63 pixels");
    avsn_scaler *scaler = new_scaler(context);
    uint8_t rgb[3];
    ck_refused(avsn_scaler_rgb(scaler, &good, 0, 1, rgb, 3), AVSOUND_E_LIMIT, "0 x 1");
    ck_refused(avsn_scaler_rgb(scaler, &good, 20000, 20000, rgb, 3), AVSOUND_E_LIMIT, "20000 x 20000");
    avsn_scaler_free(scaler);
    avsn_scaler_free(NULL);
    avsound_context_free(context);
}
END_TEST

static avsound_status scale_once(avsound_context *context, avsn_scaler **scaler)
{
    uint8_t bytes[64 * 64 * 3] = {0}, rgb[32 * 32 * 3];
    const avsound_frame frame = {.struct_size = sizeof frame,
                                 .format = AVSOUND_PIXEL_RGB24,
                                 .width = 64,
                                 .height = 64,
                                 .data = {bytes},
                                 .stride = {192}};
    avsound_status status = avsn_scaler_create(context, scaler);
    if (!status && (status = avsn_scaler_rgb(*scaler, &frame, 32, 32, rgb, 96)))
        avsn_scaler_free(*scaler);
    return status;
}

START_TEST(refused_memory_is_an_error)
{
    failing f;
    avsn_scaler *scaler;
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, scale_once(context, &scaler), avsn_scaler_free(scaler));
    avsound_context_free(context);
}
END_TEST

SUITE("media.scale", colours_follow_range_and_matrix, defaults_are_the_documented_ones,
      every_format_and_odd_size_keeps_its_place, shrinking_averages, same_size_is_the_same, extreme_ratios_work,
      pictures_are_those_of_packed_pixels, frames_are_checked, refused_memory_is_an_error)
