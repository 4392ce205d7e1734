#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STATUS_TABLE(X)                                                              \
    X(AVSOUND_OK, "success")                                                         \
    X(AVSOUND_E_INVALID_ARGUMENT, "invalid argument")                                \
    X(AVSOUND_E_NO_MEMORY, "out of memory")                                          \
    X(AVSOUND_E_IO, "input or output failed")                                        \
    X(AVSOUND_E_FORMAT, "malformed file")                                            \
    X(AVSOUND_E_UNSUPPORTED, "not supported by this build, processor or model")      \
    X(AVSOUND_E_SHAPE, "wrong shape")                                                \
    X(AVSOUND_E_STATE, "called at the wrong time")                                   \
    X(AVSOUND_E_END, "no more data")                                                 \
    X(AVSOUND_E_BACKEND, "a library underneath failed")                              \
    X(AVSOUND_E_CANCELLED, "cancelled")                                              \
    X(AVSOUND_E_BUFFER_SIZE, "buffer too small")                                     \
    X(AVSOUND_E_LIMIT, "over a limit of the context")                                \
    X(AVSOUND_E_AGAIN, "not yet: more input or fewer results must come first")       \
    X(AVSOUND_E_INTERNAL, "internal error")

#define DETAIL_BYTES 1024
static _Thread_local char detail[DETAIL_BYTES];

const char *avsound_status_name(avsound_status status)
{
    switch (status) {
#define STATUS_NAME(code, text) \
    case code:                  \
        return #code;
        STATUS_TABLE(STATUS_NAME)
    default:
        return "AVSOUND_E_?";
    }
}

const char *avsound_status_text(avsound_status status)
{
    switch (status) {
#define STATUS_TEXT(code, text) \
    case code:                  \
        return text;
        STATUS_TABLE(STATUS_TEXT)
    default:
        return "unknown status";
    }
}

const char *avsound_error_detail(void)
{
    return detail;
}

avsound_status avsn_fail(avsound_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return code;
}

avsound_status avsn_fail_in(avsound_status code, const char *format, ...)
{
    char inner[DETAIL_BYTES];
    memcpy(inner, detail, sizeof inner);
    va_list args;
    va_start(args, format);
    const int prefix = vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (prefix >= 0 && (size_t)prefix < sizeof detail)
        snprintf(detail + prefix, sizeof detail - (size_t)prefix, ": %s", inner);
    return code;
}

uint32_t avsound_version(void)
{
    return AVSOUND_VERSION_MAJOR * 10000 + AVSOUND_VERSION_MINOR * 100 + AVSOUND_VERSION_PATCH;
}

#define TEXT_OF(x) #x
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *avsound_version_string(void)
{
    return VERSION_TEXT(AVSOUND_VERSION_MAJOR, AVSOUND_VERSION_MINOR, AVSOUND_VERSION_PATCH);
}
