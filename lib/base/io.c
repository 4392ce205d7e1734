#include "base/io.h"

const char *avsn_io_name(const avsound_io *calls)
{
    return calls->name && calls->name[0] ? calls->name : "input";
}

avsound_status avsn_io_init(avsn_io *io, const avsound_io *calls)
{
    if (!calls)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "io is NULL");
    AVSN_TRY(avsn_options_read(&io->calls, sizeof io->calls, calls, sizeof io->calls, "io"));
    if (!calls->read || !calls->seek)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "io: %s is NULL", calls->read ? "seek" : "read");
    if (calls->size < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "io: size is %lld, want at least 1", (long long)calls->size);
    io->calls.name = NULL;
    io->position = -1;
    io->shared = false;
    return AVSOUND_OK;
}

static avsound_status seek(avsn_io *io, const char *label, int64_t position)
{
    if (io->position == position && !io->shared)
        return AVSOUND_OK;
    io->position = -1;
    const int32_t answer = io->calls.seek(position, io->calls.user_data);
    if (answer)
        AVSN_FAIL(AVSOUND_E_IO, "%s: seeking to byte %lld: the callback returned %d", label, (long long)position,
                  answer);
    io->position = position;
    return AVSOUND_OK;
}

avsound_status avsn_io_read(avsn_io *io, const char *label, int64_t position, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    const int64_t most = AVSN_MIN((int64_t)AVSN_MIN(size, (size_t)INT64_MAX), io->calls.size - position);
    if (most <= 0)
        return AVSOUND_OK;
    AVSN_TRY(seek(io, label, position));
    io->position = -1;
    const int64_t answer = io->calls.read(buffer, most, io->calls.user_data);
    if (answer == 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: ends at byte %lld, its size is said to be %lld", label, (long long)position,
                  (long long)io->calls.size);
    if (answer < 0 || answer > most)
        AVSN_FAIL(AVSOUND_E_IO, "%s: reading at byte %lld: the callback returned %lld, want 1...%lld", label,
                  (long long)position, (long long)answer, (long long)most);
    io->position = position + answer;
    *got = (size_t)answer;
    return AVSOUND_OK;
}
