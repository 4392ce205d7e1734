#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli.h"

static bool quiet_;

static void print(const char *prefix, const char *format, va_list arguments)
{
    cli_progress_clear();
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void cli_quiet(bool quiet)
{
    quiet_ = quiet;
}

void cli_warn(const char *format, ...)
{
    if (quiet_)
        return;
    va_list arguments;
    va_start(arguments, format);
    print("avsound: warning: ", format, arguments);
    va_end(arguments);
}

int cli_error(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("avsound: ", format, arguments);
    va_end(arguments);
    return code;
}

/* The library's details often begin with the file's name already. Who asks several questions of a file that is damaged hears of
 * it once. */
static int report(int code, const char *name, avsound_status status)
{
    static char last[1024];
    char text[sizeof last];
    const char *detail = avsound_error_detail();
    if (!*detail)
        detail = avsound_status_text(status);
    if (!strncmp(detail, name, strlen(name)))
        snprintf(text, sizeof text, "%s", detail);
    else
        snprintf(text, sizeof text, "%s: %s", name, detail);
    if (!strcmp(text, last))
        return code;
    memcpy(last, text, sizeof last);
    return cli_error(code, "%s", text);
}

static int common_code(avsound_status status, int otherwise)
{
    switch (status) {
    case AVSOUND_E_UNSUPPORTED:
        return CLI_UNSUPPORTED;
    case AVSOUND_E_NO_MEMORY:
        return CLI_RESOURCES;
    case AVSOUND_E_BACKEND:
    case AVSOUND_E_INTERNAL:
        return CLI_FAILED;
    default:
        return otherwise;
    }
}

int cli_input_failed(const char *name, avsound_status status)
{
    if (status == AVSOUND_E_CANCELLED)
        return CLI_FAILED; /* main says "interrupted" */
    return report(common_code(status, CLI_INPUT), name, status);
}

int cli_output_failed(const char *name, avsound_status status)
{
    if (status == AVSOUND_E_CANCELLED)
        return CLI_FAILED;
    return report(common_code(status, status == AVSOUND_E_IO ? CLI_RESOURCES : CLI_FAILED), name, status);
}

int cli_write_failed(const char *path)
{
    return cli_error(CLI_RESOURCES, "%s: %s", path, errno ? strerror(errno) : "can't be written");
}

void cli_log(int32_t level, const char *message, void *user_data)
{
    (void)user_data;
    if (level <= AVSOUND_LOG_WARNING)
        cli_warn("%s", message);
}
