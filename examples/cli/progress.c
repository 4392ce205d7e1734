#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define REDRAW_SECONDS 0.1

static bool drawn;

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_clear(void)
{
    if (!drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    drawn = false;
}

void cli_progress_start(cli_progress *progress, const char *unit, int64_t total, bool quiet)
{
    const char *terminal = getenv("TERM");
    *progress = (cli_progress){
        .unit = unit,
        .total = total,
        .started = cli_now(),
        .active = !quiet && isatty(STDERR_FILENO) && (!terminal || strcmp(terminal, "dumb")),
    };
}

bool cli_progress_disturbs(const cli_args *args)
{
    return (!args->output || !strcmp(args->output, "-")) && isatty(STDOUT_FILENO);
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
}

/* "1:02:03", "2:03" */
static void format_left(double seconds, char *text, size_t size)
{
    const long s = seconds < 360000 ? (long)ceil(seconds) : 359999;
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

static void draw(const cli_progress *p, double now)
{
    char line[256], left[32], bar[64] = "";
    const double rate = (double)p->done / (now - p->started > 1e-6 ? now - p->started : 1e-6);
    if (p->total <= 0) {
        snprintf(line, sizeof line, "%lld %s  %.1f %s/s", (long long)p->done, p->unit, rate, p->unit);
    } else {
        const double part = p->done < p->total ? (double)p->done / (double)p->total : 1;
        const int cells = 24, full = (int)(part * cells);
        memset(bar, '#', (size_t)full);
        memset(bar + full, '.', (size_t)(cells - full));
        bar[cells] = 0;
        format_left(rate > 0 ? (double)(p->total - p->done) / rate : 0, left, sizeof left);
        snprintf(line, sizeof line, "%s %3d %%  %lld/%lld %s  %.1f %s/s  %s left", bar, (int)(part * 100),
                 (long long)p->done, (long long)p->total, p->unit, rate, p->unit, left);
    }
    fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
    fflush(stderr);
    drawn = true;
}

void cli_progress_step(cli_progress *progress)
{
    progress->done++;
    if (!progress->active)
        return;
    const double now = cli_now();
    if (now - progress->shown < REDRAW_SECONDS && progress->done != progress->total)
        return;
    progress->shown = now;
    draw(progress, now);
}

double cli_progress_end(cli_progress *progress)
{
    cli_progress_clear();
    return cli_now() - progress->started;
}
