/* Scores over time as a picture: what is sure apart from what is not, and how sure it is. */
#include <avsound/tasks.h>

#include <math.h>

#include "draw/draw.h"

enum { WIDTH = 960, HEIGHT = 400, FEW = 120 /* scores whose dots leave room for the line */ };

static const uint32_t blue = 0x1A73E8, grey = 0x9AA0A6, white = 0xFFFFFF;
static const double sure = 0.5; /* confidence from which on a score is drawn full */

static avsound_status check(const avsound_scores *s)
{
    if (s->count < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "count is %lld, want at least 1", (long long)s->count);
    if (!s->times_s || !s->probabilities || !s->confidences)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL",
                  !s->times_s ? "times_s" : !s->probabilities ? "probabilities" : "confidences");
    for (int64_t i = 0; i < s->count; i++)
        if (!isfinite(s->times_s[i]) || (i > 0 && s->times_s[i] < s->times_s[i - 1]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "times_s[%lld] is %g, want times that ascend", (long long)i, s->times_s[i]);
    return AVSOUND_OK;
}

/* `values` where the confidence is wanted, gaps elsewhere. */
static void keep(const avsound_scores *s, bool wanted, double *values)
{
    for (int64_t i = 0; i < s->count; i++)
        values[i] = (s->confidences[i] >= sure) == wanted ? s->probabilities[i] : (double)NAN;
}

static void draw(const avsound_scores *s, const double *told, const double *unsure, avsn_canvas *canvas)
{
    const size_t count = (size_t)s->count;
    const int32_t dots = s->count <= FEW ? AVSN_SERIES_DOTS : AVSN_SERIES_CLOUD;
    const avsn_series series[] = {
        {.label = "confidence", .colour = grey, .style = AVSN_SERIES_LINE | AVSN_SERIES_DASHED, .thickness = 1,
         .x = s->times_s, .y = s->confidences, .count = count},
        {.label = "unsure", .colour = grey, .style = dots, .thickness = 2, .x = s->times_s, .y = unsure,
         .count = count},
        {.label = "probability", .colour = blue, .style = AVSN_SERIES_LINE | dots, .thickness = 1.5f,
         .x = s->times_s, .y = told, .count = count},
    };
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, WIDTH, HEIGHT}, .title = s->title ? s->title : "probability",
                                          .x_label = "seconds", .low = 0, .high = 1, .series = series, .count = 3});
}

avsound_status avsound_scores_draw(avsound_context *context, const avsound_scores *scores, const char *path)
{
    avsound_scores s = {0};
    if (!context || !scores || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !context ? "context" : !scores ? "scores" : "path");
    AVSN_TRY(avsn_options_read(&s, sizeof s, scores, sizeof s, "scores"));
    AVSN_TRY(check(&s));
    double *values = avsn_alloc(context, 2 * (size_t)s.count, sizeof *values);
    avsn_canvas *canvas = NULL;
    avsound_status status = values ? avsn_canvas_create(context, WIDTH, HEIGHT, white, &canvas) : AVSOUND_E_NO_MEMORY;
    if (!status) {
        keep(&s, true, values);
        keep(&s, false, values + s.count);
        draw(&s, values, values + s.count, canvas);
        status = avsn_canvas_write(canvas, path);
    }
    avsn_canvas_free(canvas);
    avsn_free(context, values);
    return status;
}
