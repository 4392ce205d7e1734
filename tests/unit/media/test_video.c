#include "unit/media/make_files.h"

#include <libavcodec/avcodec.h>
#include <libavutil/display.h>

static void check_reads_all(const video_file *file, int threads)
{
    avsound_context *context = plain_context();
    const avsound_media_options options = {.struct_size = sizeof options, .decode_threads = threads};
    avsound_media *media = opened(context, make_video_file(file), &options);
    int64_t last = -1;
    for (int i = 0; i < file->spec.frames; i++) {
        avsound_frame frame = {.struct_size = sizeof frame};
        const avsound_status status = avsound_media_read_frame(media, &frame);
        ck_assert_msg(!status, "%s: frame %d: %s", file->name, i, avsound_error_detail());
        ck_assert_msg(shown_number(&frame) == i, "%s: frame %d shows %d", file->name, i, shown_number(&frame));
        ck_assert_msg(llabs(frame.time_us - video_file_time(file, i)) <= 1, "%s: frame %d at %lld us, want %lld",
                      file->name, i, (long long)frame.time_us, (long long)video_file_time(file, i));
        ck_assert_int_gt(frame.time_us, last);
        last = frame.time_us;
    }
    avsound_frame frame = {.struct_size = sizeof frame};
    for (int again = 0; again < 2; again++)
        ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more video");
    avsound_audio audio = {.struct_size = sizeof audio};
    ck_refused(avsound_media_read_audio(media, &audio), AVSOUND_E_STATE, "no sound");
    const avsound_media_info info = info_of(media);
    ck_assert(info.has_video && !info.has_audio && !info.still);
    ck_assert_int_eq(info.width, 160);
    ck_assert_int_eq(info.height, 96);
    ck_assert_int_eq(info.video_start_us, 0);
    ck_assert_int_eq(info.audio_start_us, -1);
    avsound_media_free(media);
    avsound_context_free(context);
}

START_TEST(frames_come_in_order_with_exact_times)
{
    for (const video_file *file = video_files(); file->name; file++)
        check_reads_all(file, 0);
}
END_TEST

START_TEST(decoder_threads_change_nothing)
{
    for (const video_file *file = video_files(); file->name; file++)
        if (strstr(file->name, "gop") || strstr(file->name, "vfr"))
            check_reads_all(file, 3);
}
END_TEST

/* ---- upright ---- */

/* What the viewer must see at (x, y) of a picture of width x height after the stored one was turned clockwise by `degrees`,
 * worked out from where each corner of the stored picture goes. */
static int turned_luma(const AVFrame *stored, int degrees, int mirrored, int x, int y)
{
    const int w = stored->width, h = stored->height;
    const int width = degrees % 180 ? h : w;
    if (mirrored)
        x = width - 1 - x;
    const int sx = degrees == 0 ? x : degrees == 90 ? y : degrees == 180 ? w - 1 - x : w - 1 - y;
    const int sy = degrees == 0 ? y : degrees == 90 ? h - 1 - x : degrees == 180 ? h - 1 - y : x;
    return stored->data[0][sy * stored->linesize[0] + sx * (stored->format == AV_PIX_FMT_RGB24 ? 3 : 1)];
}

static void check_turned(int degrees, int mirrored, int width, int height, enum AVPixelFormat format,
                         const char *encoder, int32_t wanted_format)
{
    int32_t matrix[9];
    av_display_rotation_set(matrix, degrees);
    if (mirrored) /* after the turn */
        av_display_matrix_flip(matrix, 1, 0);
    const make_spec spec = {.container = "mov",
                            .video_encoder = encoder,
                            .video_options = strcmp(encoder, "libx264") ? NULL : "preset=ultrafast:qp=0",
                            .width = width,
                            .height = height,
                            .frames = 2,
                            .pixel_format = format,
                            .tick = {1, 25},
                            .display_matrix = matrix};
    const char *path = temporary_path("turned.mov");
    make_media(path, &spec);
    AVFrame *stored = av_frame_alloc();
    stored->format = format;
    stored->width = width;
    stored->height = height;
    ck_assert_int_ge(av_frame_get_buffer(stored, 0), 0);
    make_picture(stored, 0);
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const avsound_frame frame = next_frame(media);
    const avsound_media_info info = info_of(media);
    ck_assert_int_eq(frame.format, wanted_format);
    ck_assert_int_eq(info.rotation, degrees);
    ck_assert_int_eq(info.coded_width, width);
    ck_assert_int_eq(info.coded_height, height);
    ck_assert_int_eq(frame.width, degrees % 180 ? height : width);
    ck_assert_int_eq(frame.height, degrees % 180 ? width : height);
    ck_assert(info.width == frame.width && info.height == frame.height);
    const int step = frame.format == AVSOUND_PIXEL_RGB24 ? 3 : 1;
    int wrong = 0;
    for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width; x++)
            wrong += frame.data[0][y * frame.stride[0] + x * step] != turned_luma(stored, degrees, mirrored, x, y);
    if (frame.format == AVSOUND_PIXEL_YUV420P) /* chroma turns along: its gradient runs along x of the stored picture */
        for (int y = 0; y < frame.height / 2; y++)
            for (int x = 0; x < frame.width / 2; x++) {
                const int along = mirrored ? frame.width / 2 - 1 - x : x;
                const int sx = degrees == 0     ? along
                               : degrees == 90  ? y
                               : degrees == 180 ? width / 2 - 1 - along
                                                : width / 2 - 1 - y;
                wrong += frame.data[1][y * frame.stride[1] + x] != stored->data[1][sx];
            }
    ck_assert_msg(wrong == 0, "%d degrees, mirrored %d, %dx%d: %d pixels are wrong", degrees, mirrored, width, height,
                  wrong);
    av_frame_free(&stored);
    avsound_media_free(media);
    avsound_context_free(context);
}

START_TEST(turned_recordings_come_upright)
{
    for (int degrees = 0; degrees < 360; degrees += 90)
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            if (mirrored && degrees == 180)
                continue; /* the same as upside down mirrored: told apart below */
            check_turned(degrees, mirrored, 160, 96, AV_PIX_FMT_YUV420P, "libx264", AVSOUND_PIXEL_YUV420P);
        }
    check_turned(90, 0, 101, 67, AV_PIX_FMT_RGB24, "rawvideo", AVSOUND_PIXEL_RGB24);
    check_turned(270, 0, 34, 130, AV_PIX_FMT_RGB24, "rawvideo", AVSOUND_PIXEL_RGB24);
}
END_TEST

START_TEST(upside_down_mirrored_is_flipped)
{
    int32_t matrix[9];
    av_display_rotation_set(matrix, 0);
    av_display_matrix_flip(matrix, 0, 1);
    const make_spec spec = {.container = "mov",
                            .video_encoder = "rawvideo",
                            .width = 32,
                            .height = 16,
                            .frames = 1,
                            .pixel_format = AV_PIX_FMT_RGB24,
                            .tick = {1, 25},
                            .display_matrix = matrix};
    const char *path = temporary_path("flipped.mov");
    make_media(path, &spec);
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const avsound_frame frame = next_frame(media);
    /* Top left of what is shown is bottom left of what is stored: the grey 110. */
    ck_assert_int_eq(frame.data[0][0], 110);
    ck_assert_int_eq(frame.data[0][3 * 31], 170);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

START_TEST(pixels_come_square)
{
    const struct {
        AVRational aspect;
        int width, height;
    } cases[] = {{{4, 3}, 213, 96}, {{3, 4}, 160, 128}, {{1, 1}, 160, 96}, {{0, 1}, 160, 96}, {{12, 11}, 175, 96}};
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = "matroska",
                                .video_encoder = "ffv1",
                                .width = 160,
                                .height = 96,
                                .frames = 2,
                                .pixel_format = AV_PIX_FMT_YUV420P,
                                .tick = {1, 25},
                                .sample_aspect = cases[i].aspect};
        const char *path = temporary_path("aspect.mkv");
        make_media(path, &spec);
        avsound_media *media = opened(context, path, NULL);
        const avsound_media_info info = info_of(media);
        (void)next_frame(media);
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(frame.width, cases[i].width);
        ck_assert_int_eq(frame.height, cases[i].height);
        ck_assert_int_eq(info.width, cases[i].width);
        ck_assert_int_eq(info.coded_width, 160);
        ck_assert_int_eq(info.sar_num * (cases[i].aspect.num ? cases[i].aspect.den : 1),
                         info.sar_den * (cases[i].aspect.num ? cases[i].aspect.num : 1));
        ck_assert_int_eq(shown_number(&frame), 1);
        avsound_media_free(media);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- formats ---- */

START_TEST(formats_and_colours_are_carried_through)
{
    const struct {
        const char *encoder;
        enum AVPixelFormat format;
        enum AVColorRange range;
        enum AVColorSpace matrix;
        int32_t wanted, wanted_range, wanted_matrix, bits;
    } cases[] = {
        {"ffv1", AV_PIX_FMT_YUV420P, AVCOL_RANGE_MPEG, AVCOL_SPC_BT709, AVSOUND_PIXEL_YUV420P, AVSOUND_RANGE_LIMITED,
         AVSOUND_MATRIX_BT709, 8},
        {"ffv1", AV_PIX_FMT_YUV422P, AVCOL_RANGE_JPEG, AVCOL_SPC_SMPTE170M, AVSOUND_PIXEL_YUV422P, AVSOUND_RANGE_FULL,
         AVSOUND_MATRIX_BT601, 8},
        {"ffv1", AV_PIX_FMT_YUV444P, AVCOL_RANGE_MPEG, AVCOL_SPC_BT2020_NCL, AVSOUND_PIXEL_YUV444P,
         AVSOUND_RANGE_LIMITED, AVSOUND_MATRIX_BT2020, 8},
        {"ffv1", AV_PIX_FMT_YUV420P10LE, AVCOL_RANGE_MPEG, AVCOL_SPC_BT709, AVSOUND_PIXEL_YUV420P,
         AVSOUND_RANGE_LIMITED, AVSOUND_MATRIX_BT709, 10},
        {"ffv1", AV_PIX_FMT_YUV420P10LE, AVCOL_RANGE_JPEG, AVCOL_SPC_BT709, AVSOUND_PIXEL_YUV420P, AVSOUND_RANGE_FULL,
         AVSOUND_MATRIX_BT709, 10},
        {"mjpeg", AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG, AVCOL_SPC_UNSPECIFIED, AVSOUND_PIXEL_YUV420P,
         AVSOUND_RANGE_FULL, AVSOUND_MATRIX_BT601, 8},
        {"rawvideo", AV_PIX_FMT_RGB24, AVCOL_RANGE_UNSPECIFIED, AVCOL_SPC_UNSPECIFIED, AVSOUND_PIXEL_RGB24,
         AVSOUND_RANGE_FULL, 0, 8},
        {"ffv1", AV_PIX_FMT_GRAY8, AVCOL_RANGE_UNSPECIFIED, AVCOL_SPC_UNSPECIFIED, AVSOUND_PIXEL_GRAY8,
         AVSOUND_RANGE_FULL, 0, 8},
    };
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = strcmp(cases[i].encoder, "ffv1") ? "nut" : "matroska",
                                .video_encoder = cases[i].encoder,
                                .width = 160,
                                .height = 96,
                                .frames = 3,
                                .pixel_format = cases[i].format,
                                .tick = {1, 25},
                                .range = cases[i].range,
                                .matrix = cases[i].matrix};
        const char *path = temporary_path("format.media");
        make_media(path, &spec);
        avsound_media *media = opened(context, path, NULL);
        ck_assert_int_eq(info_of(media).pixel_bits, cases[i].bits);
        for (int n = 0; n < 3; n++) {
            const avsound_frame frame = next_frame(media);
            ck_assert_int_eq(frame.format, cases[i].wanted);
            ck_assert_int_eq(shown_number(&frame), n);
            ck_assert_int_eq(frame.range, cases[i].wanted_range);
            if (cases[i].wanted_matrix)
                ck_assert_int_eq(frame.matrix, cases[i].wanted_matrix);
            if (!strcmp(cases[i].encoder,
                        "ffv1")) { /* without loss: the grey of the bottom right, within one of rounding */
                const int grey = frame.data[0][95 * frame.stride[0] + 159];
                ck_assert_msg(abs(grey - 170) <= 1, "case %zu: grey %d, want 170", i, grey);
            }
        }
        avsound_media_free(media);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(stills_are_one_frame)
{
    const struct {
        const char *name, *encoder;
        enum AVPixelFormat format;
    } cases[] = {{"a.png", "png", AV_PIX_FMT_RGB24},          {"a.jpg", "mjpeg", AV_PIX_FMT_YUVJ420P},
                 {"a%03d.jpg", "mjpeg", AV_PIX_FMT_YUVJ444P}, {"a.bmp", "bmp", AV_PIX_FMT_BGRA},
                 {"http:b.png", "png", AV_PIX_FMT_RGB24},     {"a.tiff", "tiff", AV_PIX_FMT_RGB24}};
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = "image2",
                                .mux_options = "update=1",
                                .video_encoder = cases[i].encoder,
                                .width = 160,
                                .height = 96,
                                .frames = 1,
                                .pixel_format = cases[i].format,
                                .tick = {1, 25}};
        const char *plain = temporary_path("still.bin"), *path = temporary_path(cases[i].name);
        make_media(plain, &spec);
        ck_assert_int_eq(rename(plain, path), 0);
        avsound_media *media = opened(context, path, NULL);
        const avsound_media_info info = info_of(media);
        ck_assert_msg(info.has_video && info.still && !info.has_audio, "%s", cases[i].name);
        ck_assert(info.rate_num == 0 && info.rate_den == 1 && info.duration_us == -1);
        ck_assert(info.width == 160 && info.height == 96);
        avsound_frame frame = next_frame(media);
        ck_assert_int_eq(frame.time_us, 0);
        ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more");
        ck_avsound(avsound_media_seek(media, 5000000));
        frame = next_frame(media);
        ck_assert_int_eq(frame.time_us, 0);
        avsound_media_free(media);
    }
    avsound_context_free(context);
}
END_TEST

/* A camera writes the pixels as the sensor gave them and a note in the Exif block: 6 says "turn clockwise by 90 degrees". */
START_TEST(photographs_come_upright)
{
    static const uint8_t exif[] = {0xff, 0xe1, 0,    34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                   0,    1,    0x01, 0x12, 0,   3,   0,   0,   0, 1, 0,   6,   0, 0,  0, 0, 0, 0};
    const char *plain = temporary_path("plain.bin"), *path = temporary_path("photo.jpg");
    const make_spec spec = {.container = "image2",
                            .mux_options = "update=1",
                            .video_encoder = "mjpeg",
                            .video_options = "qmin=2:qmax=2",
                            .width = 160,
                            .height = 96,
                            .frames = 1,
                            .pixel_format = AV_PIX_FMT_YUVJ444P,
                            .tick = {1, 25}};
    make_media(plain, &spec);
    FILE *in = fopen(plain, "rb"), *out = fopen(path, "wb");
    putc(getc(in), out);
    putc(getc(in), out); /* start of image */
    fwrite(exif, 1, sizeof exif, out);
    for (int c; (c = getc(in)) != EOF;)
        putc(c, out);
    fclose(in);
    fclose(out);
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const avsound_media_info info = info_of(media);
    ck_assert_int_eq(info.rotation, 90);
    ck_assert(info.width == 96 && info.height == 160 && info.coded_width == 160);
    const avsound_frame frame = next_frame(media);
    /* The stored picture's bottom left, grey 110, goes to the top left; its bottom right, 170, to the bottom left. */
    ck_assert_int_lt(abs(frame.data[0][2] - 110), 6);
    ck_assert_int_lt(abs(frame.data[0][157 * frame.stride[0] + 2] - 170), 6);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

START_TEST(one_frame_and_new_sizes)
{
    avsound_context *context = plain_context();
    const make_spec one = {.container = "mp4",
                           .video_encoder = "libx264",
                           .width = 160,
                           .height = 96,
                           .frames = 1,
                           .pixel_format = AV_PIX_FMT_YUV420P,
                           .tick = {1, 25}};
    const char *path = temporary_path("one.mp4");
    make_media(path, &one);
    avsound_media *media = opened(context, path, NULL);
    ck_assert_int_eq(info_of(media).still, 0);
    avsound_frame frame = next_frame(media);
    ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more");
    avsound_media_free(media);

    make_spec changing = {.container = "nut",
                          .video_encoder = "mjpeg",
                          .video_options = "qmin=2:qmax=2",
                          .width = 160,
                          .height = 96,
                          .frames = 20,
                          .pixel_format = AV_PIX_FMT_YUVJ420P,
                          .tick = {1, 25},
                          .change_after = 10,
                          .change_width = 320,
                          .change_height = 240};
    path = temporary_path("changing.nut");
    make_media(path, &changing);
    media = opened(context, path, NULL);
    for (int i = 0; i < 20; i++) {
        frame = next_frame(media);
        ck_assert(frame.width == 160 && frame.height == 96);
        ck_assert_int_eq(shown_number(&frame), i);
    }
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

SUITE("media.video", frames_come_in_order_with_exact_times, decoder_threads_change_nothing,
      turned_recordings_come_upright, upside_down_mirrored_is_flipped, pixels_come_square,
      formats_and_colours_are_carried_through, stills_are_one_frame, photographs_come_upright, one_frame_and_new_sizes)
