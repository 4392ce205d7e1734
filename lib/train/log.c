#include "train/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct avsn_run_log {
    avsound_context *context;
    char *path;
    int fd;
    int64_t last_step, last_epoch; /* steps of the last "step" and "epoch" line, -1: none */
};

static avsound_status fail_errno(const char *path, const char *what)
{
    return avsn_fail(AVSOUND_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- reading what is there ---- */

static double number_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int64_t integer_of(const json_t *line, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(line, key));
}

static avsound_status remember_step(avsn_run_log *log, const json_t *line, avsn_history *history)
{
    const avsn_history_step step = {.step = integer_of(line, "step"),
                                    .epoch = (int32_t)integer_of(line, "epoch"),
                                    .clipped = json_is_true(json_object_get(line, "clipped")),
                                    .loss = (float)number_of(line, "loss"),
                                    .accuracy = (float)number_of(line, "accuracy"),
                                    .learning_rate = (float)number_of(line, "learning_rate"),
                                    .gradient_norm = (float)number_of(line, "gradient_norm")};
    if (step.step <= log->last_step)
        return AVSOUND_OK;
    log->last_step = step.step;
    return history ? avsn_history_add_step(history, &step) : AVSOUND_OK;
}

static avsound_status remember_epoch(avsn_run_log *log, const json_t *line, avsn_history *history)
{
    const avsn_history_epoch epoch = {.step = integer_of(line, "step"),
                                      .epoch = (int32_t)integer_of(line, "epoch"),
                                      .loss = (float)number_of(line, "validation_loss"),
                                      .accuracy = (float)number_of(line, "validation_accuracy"),
                                      .auc = (float)number_of(line, "validation_auc"),
                                      .error = (float)number_of(line, "validation_error_ms")};
    if (epoch.step <= log->last_epoch)
        return AVSOUND_OK;
    log->last_epoch = epoch.step;
    return history ? avsn_history_add_epoch(history, &epoch) : AVSOUND_OK;
}

/* Takes one line in; *keep becomes false for one that has to go. */
static avsound_status remember(avsn_run_log *log, const char *text, size_t size, int64_t resume_step,
                               avsn_history *history, bool *keep)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    const char *event = json_string_value(json_object_get(line, "event"));
    const json_t *step = json_object_get(line, "step");
    avsound_status status = AVSOUND_OK;
    *keep = event && json_is_integer(step) && json_integer_value(step) <= resume_step;
    if (*keep && !strcmp(event, "step"))
        status = remember_step(log, line, history);
    else if (*keep && !strcmp(event, "epoch"))
        status = remember_epoch(log, line, history);
    json_decref(line);
    return status;
}

static avsound_status remember_all(avsn_run_log *log, const char *text, size_t size, int64_t resume_step,
                                   avsn_history *history, size_t *kept)
{
    *kept = 0;
    while (*kept < size) {
        const char *start = text + *kept, *end = memchr(start, '\n', size - *kept);
        bool keep = false;
        if (end)
            AVSN_TRY(remember(log, start, (size_t)(end - start), resume_step, history, &keep));
        if (!keep)
            break;
        *kept += (size_t)(end - start) + 1;
    }
    return AVSOUND_OK;
}

static avsound_status read_all(const avsn_run_log *log, char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = pread(log->fd, text + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? fail_errno(log->path, "could not be read") : avsn_fail(AVSOUND_E_IO, "%s: shrank", log->path);
        done += (size_t)n;
    }
    return AVSOUND_OK;
}

static avsound_status take_up(avsn_run_log *log, int64_t resume_step, avsn_history *history)
{
    struct stat about;
    size_t kept = 0;
    if (fstat(log->fd, &about))
        return fail_errno(log->path, "could not be read");
    const size_t size = (size_t)about.st_size;
    char *text = size ? avsn_alloc(log->context, size, 1) : NULL;
    if (size && !text)
        return AVSOUND_E_NO_MEMORY;
    avsound_status status = size ? read_all(log, text, size) : AVSOUND_OK;
    if (!status)
        status = remember_all(log, text, size, resume_step, history, &kept);
    avsn_free(log->context, text);
    if (!status && ftruncate(log->fd, (off_t)kept))
        return fail_errno(log->path, "could not be cut");
    return status;
}

avsound_status avsn_run_log_open(avsound_context *context, const char *path, int64_t resume_step, avsn_history *history,
                                 avsn_run_log **out)
{
    *out = NULL;
    avsn_run_log *log = avsn_alloc_zeroed(context, 1, sizeof *log);
    if (!log)
        return AVSOUND_E_NO_MEMORY;
    log->context = avsn_context_ref(context);
    log->last_step = log->last_epoch = -1;
    log->fd = -1;
    log->path = avsn_strdup(context, path);
    avsound_status status = log->path ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    if (!status) {
        log->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (resume_step < 0 ? O_TRUNC : 0), 0666);
        status = log->fd < 0 ? fail_errno(path, "could not be opened") : AVSOUND_OK;
    }
    if (!status)
        status = take_up(log, resume_step, history);
    if (status) {
        avsn_run_log_free(log);
        return status;
    }
    *out = log;
    return AVSOUND_OK;
}

void avsn_run_log_free(avsn_run_log *log)
{
    if (!log)
        return;
    avsound_context *context = log->context;
    if (log->fd >= 0)
        close(log->fd);
    avsn_free(context, log->path);
    avsn_free(context, log);
    avsound_context_free(context);
}

/* ---- writing ---- */

/* One write a line: who reads along never sees half of one. */
static avsound_status write_line(avsn_run_log *log, char *text)
{
    const size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the 0 */
    for (size_t done = 0; done < size + 1;) {
        const ssize_t n = write(log->fd, text + done, size + 1 - done);
        if (n < 0 && errno != EINTR)
            return fail_errno(log->path, "could not be written");
        done += n > 0 ? (size_t)n : 0;
    }
    return AVSOUND_OK;
}

/* Seven digits: what a float means, and no more. */
static avsound_status write_object(avsn_run_log *log, json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(7)) : NULL;
    json_decref(line);
    if (!text)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for a line", log->path);
    const avsound_status status = write_line(log, text);
    free(text);
    return status;
}

/* jansson refuses what is not finite; in the log it is null. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *now(void)
{
    char text[32];
    struct tm parts;
    const time_t seconds = time(NULL);
    if (!gmtime_r(&seconds, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        return json_null();
    return json_string(text);
}

avsound_status avsn_run_log_event(avsn_run_log *log, const char *event, int64_t step, json_t *fields)
{
    json_t *line = json_pack("{s:s, s:I, s:o}", "event", event, "step", (json_int_t)step, "time", now());
    const bool failed = !line || (fields && json_object_update(line, fields));
    json_decref(fields);
    if (!failed)
        return write_object(log, line);
    json_decref(line);
    AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for a line", log->path);
}

avsound_status avsn_run_log_message(avsn_run_log *log, const char *event, int64_t step, const char *message)
{
    json_t *fields = json_pack("{s:s}", "message", message);
    if (!fields)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for a line", log->path);
    return avsn_run_log_event(log, event, step, fields);
}

avsound_status avsn_run_log_step(avsn_run_log *log, const avsn_history_step *step, double seconds, double waited)
{
    if (step->step <= log->last_step)
        return AVSOUND_OK;
    log->last_step = step->step;
    return write_object(log, json_pack("{s:s, s:I, s:i, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "event", "step", "step",
                                       (json_int_t)step->step, "epoch", (int)step->epoch, "loss",
                                       real((double)step->loss), "accuracy", real((double)step->accuracy),
                                       "learning_rate", real((double)step->learning_rate), "gradient_norm",
                                       real((double)step->gradient_norm), "clipped", (int)step->clipped, "seconds",
                                       real(seconds), "waited", real(waited)));
}

avsound_status avsn_run_log_epoch(avsn_run_log *log, const avsn_history_epoch *epoch, double train_loss,
                                  double train_accuracy, double seconds, double waited)
{
    if (epoch->step <= log->last_epoch)
        return AVSOUND_OK;
    log->last_epoch = epoch->step;
    return write_object(log, json_pack("{s:s, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", "epoch",
                                       "step", (json_int_t)epoch->step, "epoch", (int)epoch->epoch, "time", now(),
                                       "train_loss", real(train_loss), "train_accuracy", real(train_accuracy),
                                       "validation_loss", real((double)epoch->loss), "validation_accuracy",
                                       real((double)epoch->accuracy), "validation_auc", real((double)epoch->auc),
                                       "validation_error_ms", real((double)epoch->error),
                                       "seconds", real(seconds), "waited", real(waited)));
}
