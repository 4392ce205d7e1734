#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define REDRAW_SECONDS 0.1
#define BAR_CELLS 24

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
void cli_format_duration(double seconds, char *text, size_t size)
{
    const long s = seconds < 360000 ? (long)ceil(seconds) : 359999;
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

static const char *bar_of(double part, int cells, char bar[BAR_CELLS + 1])
{
    const int full = (int)(part * cells);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(cells - full));
    bar[cells] = 0;
    return bar;
}

static void show(const char *line)
{
    fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
    fflush(stderr);
    drawn = true;
}

static void draw(const cli_progress *p, double now)
{
    char line[256], left[32], bar[BAR_CELLS + 1];
    const double rate = (double)p->done / (now - p->started > 1e-6 ? now - p->started : 1e-6);
    if (p->total <= 0) {
        snprintf(line, sizeof line, "%lld %s  %.1f %s/s", (long long)p->done, p->unit, rate, p->unit);
    } else {
        const double part = p->done < p->total ? (double)p->done / (double)p->total : 1;
        cli_format_duration(rate > 0 ? (double)(p->total - p->done) / rate : 0, left, sizeof left);
        snprintf(line, sizeof line, "%s %3d %%  %lld/%lld %s  %.1f %s/s  %s left", bar_of(part, BAR_CELLS, bar),
                 (int)(part * 100), (long long)p->done, (long long)p->total, p->unit, rate, p->unit, left);
    }
    show(line);
}

bool cli_progress_due(cli_progress *progress)
{
    if (!progress->active)
        return false;
    const double now = cli_now();
    if (now - progress->shown < REDRAW_SECONDS)
        return false;
    progress->shown = now;
    return true;
}

void cli_progress_line(cli_progress *progress, double part, const char *line)
{
    char whole[512], bar[BAR_CELLS + 1];
    if (!progress->active)
        return;
    /* A narrow terminal shortens the bar first. */
    const int room = terminal_columns() - 2 - (int)strlen(line);
    const int cells = room < 4 ? 4 : room < BAR_CELLS ? room : BAR_CELLS;
    snprintf(whole, sizeof whole, "%s %s", bar_of(part < 0 ? 0 : part > 1 ? 1 : part, cells, bar), line);
    show(whole);
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
