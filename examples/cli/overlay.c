#include "overlay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "%d" or "%05d", once, and no other '%'. */
static bool is_pattern(const char *text)
{
    const char *percent = strchr(text, '%');
    if (!percent || strchr(percent + 1, '%'))
        return false;
    const size_t digits = strspn(percent + 1, "0123456789");
    return digits <= 2 && percent[1 + digits] == 'd';
}

static bool is_picture(const char *path)
{
    return cli_ends_with(path, ".png") || cli_ends_with(path, ".jpg") || cli_ends_with(path, ".jpeg");
}

static bool is_video(const char *path)
{
    static const char *const endings[] = {".mp4", ".mkv", ".mov", ".webm", ".avi"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (cli_ends_with(path, endings[i]))
            return true;
    return false;
}

static int set_pattern(overlay *o, const char *tail)
{
    if ((size_t)snprintf(o->pattern, sizeof o->pattern, "%s%s", o->path, tail) >= sizeof o->pattern)
        return cli_error(CLI_USAGE, "%s: the name is too long", o->path);
    o->kind = OVERLAY_PICTURES;
    if (!is_pattern(o->pattern) || !is_picture(o->pattern))
        return cli_error(CLI_USAGE, "%s: want one %%d, such as frame-%%05d.png", o->path);
    return CLI_OK;
}

int overlay_open(overlay *o, const cli *c, const avsound_media_info *info, const witness *second)
{
    struct stat s;
    *o = (overlay){.c = c, .path = c->args.output, .info = info, .witness = second, .last_us = -1};
    const bool slash = o->path[strlen(o->path) - 1] == '/';
    const bool folder = !stat(o->path, &s) && S_ISDIR(s.st_mode);
    o->makes_folder = slash && !folder;
    if (slash || folder)
        return set_pattern(o, slash ? "frame-%05d.png" : "/frame-%05d.png");
    if (strchr(o->path, '%'))
        return set_pattern(o, "");
    if (is_picture(o->path))
        o->kind = OVERLAY_PICTURE;
    else if (cli_ends_with(o->path, ".npy"))
        o->kind = OVERLAY_MAPS;
    else if (!is_video(o->path))
        return cli_error(CLI_USAGE, "%s: want an ending of .mp4 .mkv .mov .webm .avi .png .jpg .npy, or a folder",
                         o->path);
    else if (info->still)
        return cli_error(CLI_USAGE, "%s: %s is a still picture: it gives .png, .jpg or .npy", o->path,
                         c->args.inputs[0]);
    return CLI_OK;
}

static int grow(void **buffer, size_t *have, size_t wanted, const char *path)
{
    if (wanted <= *have)
        return CLI_OK;
    void *grown = realloc(*buffer, wanted);
    if (!grown)
        return cli_error(CLI_RESOURCES, "%s: out of memory (%zu bytes)", path, wanted);
    *buffer = grown;
    *have = wanted;
    return CLI_OK;
}

/* The map times its confidence, which the released program knows nothing of. */
static avsound_status draw_pane(overlay *o, const avsound_frame *frame, const overlay_map *map, float alpha, uint8_t *rgb,
                                int32_t stride)
{
    const cli_args *a = &o->c->args;
    if (a->compat && alpha > 0)
        return avsound_draw_cam(o->c->context, frame, map->values, map->rows, map->cols, rgb, stride);
    for (size_t i = 0; i < (size_t)map->rows * (size_t)map->cols; i++)
        o->dimmed[i] = map->values[i] * map->confidence;
    return avsound_draw_map(o->c->context, frame, o->dimmed, map->rows, map->cols, a->colormap, alpha, rgb, stride);
}

/* Below the map's pane; black below the other one. */
static int draw_band(overlay *o, const avsound_frame *frame, int32_t height, int32_t panes, int32_t stride)
{
    uint8_t *top = o->rgb + (size_t)stride * (size_t)frame->height;
    memset(top, 0, (size_t)stride * (size_t)height);
    return witness_draw(o->witness, top + (size_t)(panes - 1) * 3 * (size_t)frame->width, frame->width, height, stride);
}

/* Draws into o->rgb; `drawn` becomes its view. */
static int draw(overlay *o, const avsound_frame *frame, const overlay_map *map, avsound_frame *drawn)
{
    const cli_args *a = &o->c->args;
    const int32_t panes = a->side_by_side ? 2 : 1, stride = frame->width * 3 * panes;
    const int32_t band = witness_band_height(o->witness, frame->height), height = frame->height + band;
    const size_t cells = (size_t)map->rows * (size_t)map->cols;
    int code = grow((void **)&o->dimmed, &o->dimmed_size, cells * sizeof *o->dimmed, o->path);
    if (!code)
        code = grow((void **)&o->rgb, &o->rgb_size, (size_t)stride * (size_t)height, o->path);
    if (code)
        return code;
    avsound_status status = AVSOUND_OK;
    if (a->side_by_side)
        status = draw_pane(o, frame, map, 0, o->rgb, stride);
    if (!status)
        status = draw_pane(o, frame, map, (float)a->alpha, o->rgb + (panes - 1) * 3 * frame->width, stride);
    if (band)
        code = draw_band(o, frame, band, panes, stride);
    *drawn = (avsound_frame){
        .struct_size = sizeof *drawn,
        .format = AVSOUND_PIXEL_RGB24,
        .width = frame->width * panes,
        .height = height,
        .data = {o->rgb},
        .stride = {stride},
    };
    return status ? cli_output_failed(o->path, status) : code;
}

static int open_writer(overlay *o, const avsound_frame *frame)
{
    const cli_args *a = &o->c->args;
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = frame->width;
    options.height = frame->height;
    options.rate_num = a->fps > 0 ? (int32_t)lround(a->fps * 1000) : o->info->rate_num;
    options.rate_den = a->fps > 0 ? 1000 : o->info->rate_den;
    options.threads = (int32_t)a->threads;
    options.audio_path = a->audio ? a->audio : a->inputs[0];
    options.audio_start_us = o->base_us;
    if (a->duration_us > 0)
        options.audio_duration_us = a->duration_us;
    else if (o->info->duration_us > o->base_us)
        options.audio_duration_us = o->info->duration_us - o->base_us;
    const avsound_status status = avsound_writer_create(o->c->context, o->path, &options, &o->writer);
    return status ? cli_output_failed(o->path, status) : CLI_OK;
}

static int write_frame(overlay *o, const avsound_frame *frame)
{
    const int code = o->writer ? CLI_OK : open_writer(o, frame);
    if (code)
        return code;
    const avsound_status status = avsound_writer_write_frame(o->writer, frame);
    return status ? cli_output_failed(o->path, status) : CLI_OK;
}

/* Not printf's work: the pattern is the user's. */
static void numbered(const char *pattern, int64_t number, char *path, size_t size)
{
    const char *percent = strchr(pattern, '%'), *tail = strchr(percent, 'd') + 1;
    const int digits = atoi(percent + 1);
    snprintf(path, size, "%.*s%0*lld%s", (int)(percent - pattern), pattern, digits, (long long)number, tail);
}

static int write_picture(overlay *o, const avsound_frame *frame)
{
    char path[sizeof o->pattern + 128];
    if (o->makes_folder && !o->count && mkdir(o->path, 0777))
        return cli_write_failed(o->path);
    if (o->kind == OVERLAY_PICTURES)
        numbered(o->pattern, o->count, path, sizeof path);
    const char *target = o->kind == OVERLAY_PICTURES ? path : o->path;
    const avsound_status status = avsound_picture_write(o->c->context, target, frame);
    return status ? cli_output_failed(target, status) : CLI_OK;
}

static int add_map(overlay *o, const overlay_map *map, int64_t time_us)
{
    const int64_t shape[] = {map->rows, map->cols};
    if (!o->count) {
        o->rows = map->rows;
        o->cols = map->cols;
        const int code = cli_series_open(&o->series, o->path, 2, shape);
        if (code)
            return code;
    }
    if (map->rows != o->rows || map->cols != o->cols)
        return cli_error(CLI_INPUT, "%s: the maps change from %dx%d to %dx%d: the pictures' shape changes", o->path,
                         o->rows, o->cols, map->rows, map->cols);
    return cli_series_append(&o->series, map->cam ? map->cam : map->values, time_us);
}

static int add_drawn(overlay *o, const avsound_frame *frame, const overlay_map *map, int64_t time_us)
{
    avsound_frame drawn;
    const double before = cli_now();
    int code = draw(o, frame, map, &drawn);
    const double between = cli_now();
    drawn.time_us = time_us;
    if (!code)
        code = o->kind == OVERLAY_VIDEO ? write_frame(o, &drawn) : write_picture(o, &drawn);
    o->drawing += between - before;
    o->encoding += cli_now() - between;
    return code;
}

int overlay_add(overlay *o, const avsound_frame *frame, const overlay_map *map, int64_t time_us)
{
    /* Without --start a picture that begins later than the sound still does; with it the first frame is the beginning. */
    if (!o->count)
        o->base_us = o->c->args.start_us > 0 ? time_us : 0;
    const int64_t shown_us = time_us - o->base_us;
    if (shown_us <= o->last_us)
        return CLI_OK;
    if (!map->values || (!frame && o->kind != OVERLAY_MAPS))
        return cli_error(CLI_INPUT, "%s: nothing to see at %.3f s", o->c->args.inputs[0], (double)time_us / 1e6);
    const int code = o->kind == OVERLAY_MAPS ? add_map(o, map, time_us) : add_drawn(o, frame, map, shown_us);
    if (code)
        return code;
    o->last_us = shown_us;
    o->count++;
    return CLI_OK;
}

int overlay_finish(overlay *o)
{
    if (o->kind == OVERLAY_MAPS)
        return cli_series_finish(&o->series);
    if (o->kind != OVERLAY_VIDEO)
        return CLI_OK;
    const double before = cli_now();
    const avsound_status status = avsound_writer_finish(o->writer);
    o->encoding += cli_now() - before;
    return status ? cli_output_failed(o->path, status) : CLI_OK;
}

void overlay_discard(overlay *o)
{
    avsound_writer_free(o->writer);
    cli_series_discard(&o->series);
    free(o->rgb);
    free(o->dimmed);
    *o = (overlay){0};
}
