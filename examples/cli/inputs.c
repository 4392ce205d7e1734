#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define STRETCH_US 4000000 /* longer than the window of any network */

enum { MOST_FRAMES = 64 }; /* of one picture to any network */

int cli_media_info(const cli *c, const char *path, avsound_media_info *info)
{
    avsound_media *media;
    *info = (avsound_media_info){.struct_size = sizeof *info};
    avsound_status status = avsound_media_open(c->context, path, NULL, &media);
    if (!status)
        status = avsound_media_get_info(media, info);
    const int code = status ? cli_input_failed(path, status) : CLI_OK;
    avsound_media_free(media);
    return code;
}

int cli_picture_open(const cli *c, const char *path, cli_picture *out)
{
    *out = (cli_picture){.frame.struct_size = sizeof out->frame};
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.ignore_audio = 1;
    avsound_status status = avsound_media_open(c->context, path, &options, &out->media);
    if (!status)
        status = avsound_media_read_frame(out->media, &out->frame);
    return status ? cli_input_failed(path, status) : CLI_OK;
}

void cli_picture_close(cli_picture *picture)
{
    avsound_media_free(picture->media);
    picture->media = NULL;
}

avsound_status cli_picture_embed(const cli_picture *picture, const cli_model *model, avsound_session *session, float *vector,
                                 size_t *size)
{
    avsound_frame frames[MOST_FRAMES];
    for (int i = 0; i < MOST_FRAMES; i++)
        frames[i] = picture->frame;
    return avsound_embed_image(session, frames, avsound_model_frames(model->model), vector, size);
}

/* Where to listen, and for how long. */
static void stretch(const cli_args *a, const avsound_media_info *info, int64_t *start_us, int64_t *length_us)
{
    *start_us = a->start_us >= 0 ? a->start_us : 0;
    *length_us = a->duration_us >= 0 ? a->duration_us : a->start_us >= 0 ? 1000000 : STRETCH_US;
    if (a->start_us < 0 && a->duration_us < 0 && info->audio_duration_us > STRETCH_US)
        *start_us = info->audio_start_us + (info->audio_duration_us - STRETCH_US) / 2;
}

static avsound_status append(cli_sound *sound, const avsound_audio *piece, int64_t most, bool *full)
{
    const int64_t have = sound->audio.frames;
    const int64_t n = piece->frames < most - have ? piece->frames : most - have;
    const size_t channels = (size_t)piece->channels;
    float *grown = realloc(sound->samples, (size_t)(have + n) * channels * sizeof *grown);
    if (!grown)
        return AVSOUND_E_NO_MEMORY;
    memcpy(grown + (size_t)have * channels, piece->data, (size_t)n * channels * sizeof *grown);
    if (!have)
        sound->audio = *piece;
    sound->samples = grown;
    sound->audio.data = grown;
    sound->audio.frames = have + n;
    *full = have + n >= most;
    return AVSOUND_OK;
}

static avsound_status read_sound(const cli_args *a, avsound_media *media, cli_sound *out)
{
    avsound_media_info info = {.struct_size = sizeof info};
    int64_t start_us, length_us;
    avsound_status status = avsound_media_get_info(media, &info);
    if (status)
        return status;
    stretch(a, &info, &start_us, &length_us);
    if (start_us > 0 && (status = avsound_media_seek(media, start_us)))
        return status;
    bool full = false;
    avsound_audio piece = {.struct_size = sizeof piece};
    while (!status && !full && !(status = avsound_media_read_audio(media, &piece)))
        status = append(out, &piece, (int64_t)((double)length_us / 1e6 * piece.sample_rate) + 1, &full);
    return status == AVSOUND_E_END && out->audio.frames ? AVSOUND_OK : status;
}

int cli_sound_open(const cli *c, const char *path, cli_sound *out)
{
    *out = (cli_sound){0};
    avsound_media *media = NULL;
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.ignore_video = 1;
    avsound_status status = avsound_media_open(c->context, path, &options, &media);
    if (!status)
        status = read_sound(&c->args, media, out);
    int code = CLI_OK;
    if (status == AVSOUND_E_END)
        code = cli_error(CLI_INPUT, "%s: no sound there", path);
    else if (status)
        code = cli_input_failed(path, status);
    avsound_media_free(media);
    return code;
}

void cli_sound_close(cli_sound *sound)
{
    free(sound->samples);
    *sound = (cli_sound){0};
}

enum { EMBEDDINGS = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO }; /* of several files: the others are no sound for it */

bool cli_read_grid(const char *text, int32_t *rows, int32_t *cols)
{
    int end = 0;
    return sscanf(text, "%4dx%4d%n", rows, cols, &end) == 2 && !text[end] && *rows > 0 && *cols > 0;
}

int cli_scan_open(const cli *c, const cli_model *model, const char *path, int32_t what, double hop, avsound_scan **out)
{
    const cli_args *a = &c->args;
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = what;
    options.threads = (int32_t)a->threads;
    options.precision = cli_precision(a->precision);
    options.hop_seconds = hop;
    options.start_us = a->start_us >= 0 ? a->start_us : 0;
    options.duration_us = a->duration_us >= 0 ? a->duration_us : 0;
    options.dense = a->dense;
    options.audio_path = a->input_count > 1 && what & ~EMBEDDINGS ? a->inputs[1] : a->audio;
    options.layer = a->layer;
    options.sound_begins = a->uncentred;
    if (a->grid && !cli_read_grid(a->grid, &options.grid_rows, &options.grid_cols))
        return cli_error(CLI_USAGE, "--grid is %s, want ROWSxCOLUMNS such as 4x3", a->grid);
    const avsound_status status = avsound_scan_create(model->model, path, &options, out);
    if (status)
        return cli_input_failed(path, status);
    cli_interrupt_scan(*out);
    return CLI_OK;
}

void cli_scan_close(avsound_scan *scan)
{
    cli_interrupt_scan(NULL);
    avsound_scan_free(scan);
}

int cli_scan_next(avsound_scan *scan, const char *path, avsound_scan_result *result, bool *more, int *damage)
{
    *more = false;
    *result = (avsound_scan_result){.struct_size = sizeof *result};
    const avsound_status status = avsound_scan_next(scan, result);
    if (cli_interrupted())
        return CLI_FAILED;
    if (status == AVSOUND_OK)
        *more = true;
    else if (status == AVSOUND_E_FORMAT)
        *damage = cli_input_failed(path, status);
    else if (status != AVSOUND_E_END)
        return cli_input_failed(path, status);
    return CLI_OK;
}

void cli_warn_padded(const char *path, const avsound_scan_result *result)
{
    if (result->padded && !result->index)
        cli_warn("%s: %.1f s are shorter than what the network sees at once: filled up with silence and the last picture", path,
                 (double)result->seen_us / 1e6);
}
