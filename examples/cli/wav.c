/* WAV files of 32-bit floats, written byte by byte, whatever the processor's order. */
#include <string.h>

#include "cli.h"

static void put(unsigned char **at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*at)++ = (unsigned char)(value >> 8 * i);
}

static void put_tag(unsigned char **at, const char *tag)
{
    memcpy(*at, tag, 4);
    *at += 4;
}

/* Format 3 is floats; files of other formats than integers have a fact chunk. */
void cli_wav_header(unsigned char header[CLI_WAV_HEADER], int32_t channels, int32_t rate, int64_t samples)
{
    unsigned char *at = header;
    const uint32_t bytes = 4 * (uint32_t)samples, frame = 4 * (uint32_t)channels;
    put_tag(&at, "RIFF");
    put(&at, CLI_WAV_HEADER - 8 + bytes, 4);
    put_tag(&at, "WAVE");
    put_tag(&at, "fmt ");
    put(&at, 18, 4);
    put(&at, 3, 2);
    put(&at, (uint32_t)channels, 2);
    put(&at, (uint32_t)rate, 4);
    put(&at, frame * (uint32_t)rate, 4);
    put(&at, frame, 2);
    put(&at, 32, 2);
    put(&at, 0, 2);
    put_tag(&at, "fact");
    put(&at, 4, 4);
    put(&at, (uint32_t)(samples / channels), 4);
    put_tag(&at, "data");
    put(&at, bytes, 4);
}

bool cli_wav_write(FILE *file, const float *samples, int64_t count)
{
    unsigned char bytes[4 * 1024];
    for (int64_t i = 0; i < count;) {
        unsigned char *at = bytes;
        for (; i < count && at < bytes + sizeof bytes; i++) {
            uint32_t word;
            memcpy(&word, &samples[i], sizeof word);
            put(&at, word, 4);
        }
        if (fwrite(bytes, 1, (size_t)(at - bytes), file) != (size_t)(at - bytes))
            return false;
    }
    return true;
}
