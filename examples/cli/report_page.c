#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_html.h" /* made of report.html: report_html, a string */

bool report_put_data(FILE *out, const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(7));
    bool good = text != NULL;
    for (const char *c = text; good && *c; c++)
        good = *c == '<' ? fputs("\\u003c", out) >= 0 : putc(*c, out) != EOF;
    free(text);
    return good;
}

/* ---- files in base64 ---- */

bool report_put_base64(FILE *out, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        const size_t n = count - i < 3 ? count - i : 3;
        const uint32_t word = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[word >> 18], digits[word >> 12 & 63], n > 1 ? digits[word >> 6 & 63] : '=',
                              n > 2 ? digits[word & 63] : '='};
        if (fwrite(four, 1, 4, out) != 4)
            return false;
    }
    return true;
}

char *report_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long length = -1;
    if (file && !fseek(file, 0, SEEK_END) && (length = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET))
        bytes = malloc((size_t)length + 1);
    if (bytes && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        free(bytes);
        bytes = NULL;
    }
    if (bytes)
        bytes[length] = 0;
    if (file)
        fclose(file);
    *size = bytes ? (size_t)length : 0;
    return bytes;
}

static void put_number(unsigned char *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t number_at(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* In place: floats become integers, and the header's 58 bytes the 44 of integers, where those leave off. */
static unsigned char *halve(unsigned char *wav, size_t *size)
{
    enum { HEADER = 44, RATE = 24 };
    const uint32_t rate = number_at(wav + RATE);
    const size_t samples = (*size - CLI_WAV_HEADER) / 4;
    for (size_t i = 0; i < samples; i++) {
        const uint32_t word = number_at(wav + CLI_WAV_HEADER + 4 * i);
        float value;
        memcpy(&value, &word, sizeof value);
        const long level = lrintf(32767 * fminf(fmaxf(value, -1), 1));
        put_number(wav + HEADER + 2 * i, (uint32_t)level, 2);
    }
    *size = HEADER + 2 * samples;
    put_number(wav + 4, (uint32_t)*size - 8, 4);
    put_number(wav + 16, 16, 4);
    put_number(wav + 20, 1, 2); /* integers, one channel */
    put_number(wav + 28, 2 * rate, 4);
    put_number(wav + 32, 2, 2);
    put_number(wav + 34, 16, 2);
    memcpy(wav + 36, "data", 4);
    put_number(wav + 40, 2 * (uint32_t)samples, 4);
    return wav;
}

static bool put_file(FILE *out, const report_file *file, int *code)
{
    size_t size;
    unsigned char *bytes = (unsigned char *)report_read(file->path, &size);
    if (!bytes) {
        *code = cli_error(CLI_RESOURCES, "%s: %s", file->path, errno ? strerror(errno) : "can't be read");
        return true;
    }
    if (file->sound)
        bytes = halve(bytes, &size);
    const bool good = fprintf(out, "<script type=\"text/plain\" id=\"%s\">", file->id) > 0 && report_put_base64(out, bytes, size) &&
                      fputs("</script>\n", out) >= 0;
    free(bytes);
    return good;
}

/* ---- the page ---- */

int report_page_write(FILE *out, const char *path, const json_t *data, const report_file *files)
{
    static const char data_slot[] = "@DATA@", media_slot[] = "@MEDIA@\n";
    const char *first = strstr(report_html, data_slot), *second = strstr(report_html, media_slot);
    const char *middle = first + strlen(data_slot), *last = second + strlen(media_slot);
    int code = CLI_OK;
    errno = 0;
    bool good = fwrite(report_html, 1, (size_t)(first - report_html), out) == (size_t)(first - report_html) &&
                report_put_data(out, data) && fwrite(middle, 1, (size_t)(second - middle), out) == (size_t)(second - middle);
    for (; good && !code && files->id; files++)
        good = put_file(out, files, &code);
    good = good && fputs(last, out) >= 0;
    return code ? code : good ? CLI_OK : cli_write_failed(path);
}
