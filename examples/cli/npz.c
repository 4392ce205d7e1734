/* Archives of numpy arrays: zip files whose members are stored as they are, with the 64-bit fields that numpy writes, too. The
 * vectors come one by one; what must be known before them, their count and checksum, is filled in at the end. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define EMBEDDING "embedding.npy"
#define TIMESTAMPS "timestamps.npy"

enum {
    LOCAL = 30, LOCAL_EXTRA = 20, CENTRAL = 46, CENTRAL_EXTRA = 28, END64 = 56, LOCATOR = 20, END = 22,
    VERSION = 45, /* of a zip with 64-bit fields */
    DATE = 0x21,  /* 1 January 1980, so that the same vectors make the same bytes */
};

/* ---- CRC-32 ---- */

#define POLYNOMIAL 0xEDB88320u /* reflected: bit 31 is x^0 */

static uint32_t times_x(uint32_t a)
{
    return a & 1 ? a >> 1 ^ POLYNOMIAL : a >> 1;
}

static uint32_t product(uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1, b = times_x(b))
        sum ^= a & bit ? b : 0;
    return sum;
}

static uint32_t checksum(uint32_t crc, const void *data, size_t size)
{
    uint32_t table[256];
    const unsigned char *at = data;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = times_x(table[i]);
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 255];
    return ~crc;
}

/* Of two pieces one behind the other, the second of `size` bytes: the first one's times x^(8 size), plus the second one's. */
static uint32_t joined(uint32_t first, uint32_t second, uint64_t size)
{
    uint32_t power = 1u << 31, square = 1u << 23; /* 1, x^8 */
    for (; size; size >>= 1, square = product(square, square))
        power = size & 1 ? product(power, square) : power;
    return product(power, first) ^ second;
}

/* ---- zip ---- */

typedef struct member {
    const char *name;
    uint64_t offset, size;
    uint32_t crc;
} member;

static unsigned char *put(unsigned char *at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (unsigned char)(value >> 8 * i);
    return at;
}

/* From "version needed" to the length of the extra field. */
static unsigned char *put_common(unsigned char *at, const member *m, uint64_t extra)
{
    at = put(put(put(put(put(at, 2, VERSION), 2, 0), 2, 0), 2, 0), 2, DATE);
    at = put(put(put(at, 4, m->crc), 4, UINT32_MAX), 4, UINT32_MAX);
    return put(put(at, 2, strlen(m->name)), 2, extra);
}

static size_t local_size(const member *m)
{
    return LOCAL + strlen(m->name) + LOCAL_EXTRA;
}

static bool write_local(FILE *file, const member *m)
{
    unsigned char bytes[LOCAL], extra[LOCAL_EXTRA];
    put_common(put(bytes, 4, 0x04034b50), m, LOCAL_EXTRA);
    put(put(put(put(extra, 2, 1), 2, 16), 8, m->size), 8, m->size);
    return fwrite(bytes, sizeof bytes, 1, file) == 1 && fwrite(m->name, strlen(m->name), 1, file) == 1 &&
           fwrite(extra, sizeof extra, 1, file) == 1;
}

static bool write_central(FILE *file, const member *m)
{
    unsigned char bytes[CENTRAL], extra[CENTRAL_EXTRA];
    unsigned char *at = put_common(put(put(bytes, 4, 0x02014b50), 2, VERSION), m, CENTRAL_EXTRA);
    put(put(put(put(put(at, 2, 0), 2, 0), 2, 0), 4, 0), 4, UINT32_MAX);
    put(put(put(put(put(extra, 2, 1), 2, 24), 8, m->size), 8, m->size), 8, m->offset);
    return fwrite(bytes, sizeof bytes, 1, file) == 1 && fwrite(m->name, strlen(m->name), 1, file) == 1 &&
           fwrite(extra, sizeof extra, 1, file) == 1;
}

static bool write_end(FILE *file, uint64_t count, uint64_t offset, uint64_t size)
{
    unsigned char bytes[END64 + LOCATOR + END];
    unsigned char *at = put(put(put(put(bytes, 4, 0x06064b50), 8, END64 - 12), 2, VERSION), 2, VERSION);
    at = put(put(put(put(put(put(at, 4, 0), 4, 0), 8, count), 8, count), 8, size), 8, offset);
    at = put(put(put(put(at, 4, 0x07064b50), 4, 0), 8, offset + size), 4, 1);
    at = put(put(put(put(put(at, 4, 0x06054b50), 2, 0), 2, 0), 2, count), 2, count);
    put(put(put(at, 4, size), 4, offset < UINT32_MAX ? offset : UINT32_MAX), 2, 0);
    return fwrite(bytes, sizeof bytes, 1, file) == 1;
}

/* ---- arrays ---- */

static bool write_embedding_head(cli_npz *npz, member *m)
{
    unsigned char header[CLI_NPY_HEADER];
    const uint64_t bytes = (uint64_t)npz->count * (uint64_t)npz->dimension * sizeof(float);
    cli_npy_header(header, "<f4", npz->count, 1, &npz->dimension);
    *m = (member){EMBEDDING, 0, sizeof header + bytes, joined(checksum(0, header, sizeof header), npz->checksum, bytes)};
    return write_local(npz->out.file, m) && fwrite(header, sizeof header, 1, npz->out.file) == 1;
}

static bool write_times(const cli_npz *npz, uint64_t offset, member *m)
{
    unsigned char header[CLI_NPY_HEADER];
    const size_t bytes = (size_t)npz->count * sizeof *npz->times;
    cli_npy_header(header, "<f8", npz->count, 0, NULL);
    *m = (member){TIMESTAMPS, offset, sizeof header + bytes, checksum(checksum(0, header, sizeof header), npz->times, bytes)};
    return write_local(npz->out.file, m) && fwrite(header, sizeof header, 1, npz->out.file) == 1 &&
           fwrite(npz->times, 1, bytes, npz->out.file) == bytes;
}

int cli_npz_open(cli_npz *npz, const char *path, int64_t dimension)
{
    member m;
    *npz = (cli_npz){.dimension = dimension};
    if ((size_t)snprintf(npz->path, sizeof npz->path, "%s", path) >= sizeof npz->path)
        return cli_error(CLI_USAGE, "%s: the name is too long", path);
    const int code = cli_outfile_open(&npz->out, npz->path);
    if (code)
        return code;
    return write_embedding_head(npz, &m) ? CLI_OK : cli_write_failed(npz->path);
}

static bool make_room(cli_npz *npz)
{
    if (npz->count < npz->room)
        return true;
    const int64_t room = npz->room ? 2 * npz->room : 256;
    double *times = realloc(npz->times, (size_t)room * sizeof *times);
    if (!times)
        return false;
    npz->times = times;
    npz->room = room;
    return true;
}

int cli_npz_append(cli_npz *npz, const float *vector, double seconds)
{
    const size_t bytes = (size_t)npz->dimension * sizeof *vector;
    if (!make_room(npz))
        return cli_error(CLI_RESOURCES, "%s: out of memory", npz->path);
    if (fwrite(vector, bytes, 1, npz->out.file) != 1)
        return cli_write_failed(npz->path);
    npz->checksum = checksum(npz->checksum, vector, bytes);
    npz->times[npz->count++] = seconds;
    return CLI_OK;
}

int cli_npz_finish(cli_npz *npz, bool timestamps)
{
    FILE *file = npz->out.file;
    member members[2] = {{.name = EMBEDDING}, {.name = TIMESTAMPS}};
    const uint64_t count = timestamps ? 2 : 1;
    bool good = !fseek(file, 0, SEEK_SET) && write_embedding_head(npz, &members[0]) && !fseek(file, 0, SEEK_END);
    uint64_t end = local_size(&members[0]) + members[0].size, size = 0;
    if (good && timestamps) {
        good = write_times(npz, end, &members[1]);
        end += local_size(&members[1]) + members[1].size;
    }
    for (uint64_t i = 0; good && i < count; i++) {
        good = write_central(file, &members[i]);
        size += CENTRAL + strlen(members[i].name) + CENTRAL_EXTRA;
    }
    if (!good || !write_end(file, count, end, size))
        return cli_write_failed(npz->path);
    return cli_outfile_finish(&npz->out);
}

void cli_npz_discard(cli_npz *npz)
{
    cli_outfile_discard(&npz->out);
    free(npz->times);
    npz->times = NULL;
}
