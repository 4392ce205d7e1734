#include "train/health.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Fewer steps say nothing: correspondence is learned late, and a batch's accuracy scatters. */
enum { LEAST_AT_CHANCE = 500, RECENT = 200, RISING_EPOCHS = 5, MEMORISING_EPOCHS = 3 };

typedef double (*pick)(const avsn_history_step *step);

static double pick_loss(const avsn_history_step *step)
{
    return (double)step->loss;
}
static double pick_accuracy(const avsn_history_step *step)
{
    return (double)step->accuracy;
}
static double pick_clipped(const avsn_history_step *step)
{
    return step->clipped;
}

/* Of the finite values of steps[first...first+count-1]; NAN without any. */
static double mean_of(const avsn_history *h, size_t first, size_t count, pick value)
{
    double sum = 0, n = 0;
    for (size_t i = first; i < first + count; i++)
        if (isfinite(value(&h->steps[i]))) {
            sum += value(&h->steps[i]);
            n++;
        }
    return n > 0 ? sum / n : (double)NAN;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Median gradient norm of the last RECENT steps. */
static double recent_norm(const avsn_history *h)
{
    float norms[RECENT];
    for (size_t i = 0; i < RECENT; i++)
        norms[i] = h->steps[h->step_count - RECENT + i].gradient_norm;
    qsort(norms, RECENT, sizeof norms[0], ascending);
    return (double)norms[RECENT / 2];
}

/* Half the width of the 95 % interval around the accuracy of a guess. */
static double spread_of(const avsn_health_facts *f, size_t steps)
{
    return 1.96 * sqrt(f->chance * (1 - f->chance) / (fmax(f->pairs, 1) * (double)steps));
}

static bool at_chance(const avsn_history *h, const avsn_health_facts *f, size_t steps)
{
    const double limit = fmax(.02 * f->chance, 1.5 * spread_of(f, steps));
    return fabs(mean_of(h, h->step_count - steps, steps, pick_accuracy) - f->chance) < limit;
}

/* A stretch counts when it is at chance and its later half as well: a slow rise is none. */
static int64_t look_chance(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    size_t steps = 0;
    for (size_t n = LEAST_AT_CHANCE; n <= h->step_count && at_chance(h, f, n) && at_chance(h, f, n / 2); n += n / 4)
        steps = n;
    if (!steps)
        return 0;
    const double accuracy = mean_of(h, h->step_count - steps, steps, pick_accuracy);
    snprintf(line, size,
             "accuracy has stayed at chance (%.1f %% +- %.1f) for %zu steps: check the labels and spectrograms on the "
             "contact sheet (--dry-run), the learning rate (%.3g), and that the clips' sounds belong to what is seen "
             "(prepare's report)",
             accuracy * 100, spread_of(f, steps) * 100, steps, (double)h->steps[h->step_count - 1].learning_rate);
    return (int64_t)steps;
}

static int64_t look_diverges(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    (void)f;
    double lowest = INFINITY;
    size_t at = 0;
    if (h->step_count < 2 * RECENT)
        return 0;
    for (size_t i = 0; i + RECENT <= h->step_count; i += RECENT / 2) {
        const double mean = mean_of(h, i, RECENT, pick_loss);
        if (mean < lowest) {
            lowest = mean;
            at = i + RECENT / 2;
        }
    }
    const double last = mean_of(h, h->step_count - RECENT, RECENT, pick_loss);
    if (!(last > lowest + .3 * fabs(lowest) + .1)) /* losses may be below 0 */
        return 0;
    snprintf(line, size,
             "training loss has climbed from %.3f around step %lld to %.3f: the learning rate (%.3g) is likely too "
             "high; lower it, lengthen the warm-up, or clip the gradient",
             lowest, (long long)h->steps[at].step, last, (double)h->steps[h->step_count - 1].learning_rate);
    return (int64_t)(h->step_count - at);
}

static int64_t look_vanishes(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    (void)f;
    if (h->step_count < RECENT)
        return 0;
    const double norm = recent_norm(h);
    if (!(norm < 1e-6))
        return 0;
    snprintf(line, size,
             "the gradient is next to nothing (median norm %.1e over %d steps) at a loss of %.3f: the network no "
             "longer learns; start again with a lower learning rate or other first weights",
             norm, RECENT, mean_of(h, h->step_count - RECENT, RECENT, pick_loss));
    return RECENT;
}

static int64_t look_clipped(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    if (!(f->clip_norm > 0) || h->step_count < RECENT)
        return 0;
    const double share = mean_of(h, h->step_count - RECENT, RECENT, pick_clipped);
    if (!(share >= .9))
        return 0;
    snprintf(line, size,
             "the gradient was clipped in %.0f %% of the last %d steps (median norm %.3g, limit %.3g): all steps go by "
             "the limit; raise --clip, or lower the learning rate if the loss jumps",
             share * 100, RECENT, recent_norm(h), f->clip_norm);
    return RECENT;
}

/* Steps of the history with at most that number. */
static size_t steps_until(const avsn_history *h, int64_t step)
{
    size_t low = 0, high = h->step_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (h->steps[middle].step <= step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double training_mean(const avsn_history *h, size_t epoch, pick value)
{
    const size_t first = epoch ? steps_until(h, h->epochs[epoch - 1].step) : 0;
    return mean_of(h, first, steps_until(h, h->epochs[epoch].step) - first, value);
}

static int64_t look_overfits(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    (void)f;
    size_t best = 0;
    for (size_t i = 0; i < h->epoch_count; i++)
        if (h->epochs[i].loss < h->epochs[best].loss || !isfinite(h->epochs[best].loss))
            best = i;
    if (h->epoch_count < RISING_EPOCHS + 1 || h->epoch_count - 1 - best < RISING_EPOCHS)
        return 0;
    const size_t last = h->epoch_count - 1;
    const double lowest = (double)h->epochs[best].loss;
    const double now = ((double)h->epochs[last].loss + (double)h->epochs[last - 1].loss) / 2;
    const double training_then = training_mean(h, best, pick_loss), training_now = training_mean(h, last, pick_loss);
    if (!(now > lowest + .03 * fabs(lowest)) || !(training_now < training_then))
        return 0;
    snprintf(line, size,
             "validation loss has risen for %zu epochs (%.3f at epoch %d, now %.3f) while training loss falls (%.3f to "
             "%.3f): overfitting; more clips, stronger augmentation, more weight decay or a smaller width help, and "
             "--patience stops in time",
             last - best, lowest, (int)h->epochs[best].epoch, now, training_then, training_now);
    return h->epochs[last].step - h->epochs[best].step;
}

static int64_t look_memorises(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    if (h->epoch_count < MEMORISING_EPOCHS)
        return 0;
    const size_t last = h->epoch_count - 1;
    double validation = 0;
    for (size_t i = 0; i < MEMORISING_EPOCHS; i++)
        validation += (double)h->epochs[last - i].accuracy / MEMORISING_EPOCHS;
    const double training = training_mean(h, last, pick_accuracy);
    if (!(fabs(validation - f->validation_chance) < .03) || !(training > f->chance + .5 * (1 - f->chance)))
        return 0;
    snprintf(line, size,
             "training accuracy is %.1f %% but validation accuracy stays at chance (%.1f %%): the network knows its "
             "clips by heart; it needs more clips or stronger augmentation",
             training * 100, validation * 100);
    return h->epochs[last].step;
}

static int64_t look_starves(const avsn_history *h, const avsn_health_facts *f, char *line, size_t size)
{
    if (h->step_count < 50 || !(f->seconds > 30) || !(f->waited > .05 * f->seconds))
        return 0;
    snprintf(line, size,
             "%.0f %% of the time goes into waiting for data: more --workers, fewer --threads, or clips on a faster "
             "disk",
             100 * f->waited / f->seconds);
    return (int64_t)h->step_count;
}

int64_t avsn_health_look(const avsn_history *history, const avsn_health_facts *facts, int32_t kind, char *line,
                         size_t size)
{
    typedef int64_t (*looker)(const avsn_history *, const avsn_health_facts *, char *, size_t);
    static const looker looks[AVSN_HEALTH_COUNT] = {
        [AVSN_HEALTH_CHANCE] = look_chance,     [AVSN_HEALTH_DIVERGES] = look_diverges,
        [AVSN_HEALTH_VANISHES] = look_vanishes, [AVSN_HEALTH_CLIPPED] = look_clipped,
        [AVSN_HEALTH_OVERFITS] = look_overfits, [AVSN_HEALTH_MEMORISES] = look_memorises,
        [AVSN_HEALTH_STARVES] = look_starves,
    };
    if (size)
        line[0] = 0;
    return kind >= 0 && kind < AVSN_HEALTH_COUNT ? looks[kind](history, facts, line, size) : 0;
}

bool avsn_health_next(avsn_health *health, const avsn_history *history, const avsn_health_facts *facts, char *line,
                      size_t size)
{
    const int64_t step = history->step_count ? history->steps[history->step_count - 1].step : 0;
    for (int32_t kind = 0; kind < AVSN_HEALTH_COUNT; kind++) {
        if (health->told[kind] && step < 2 * health->told[kind])
            continue;
        if (!avsn_health_look(history, facts, kind, line, size))
            continue;
        health->told[kind] = AVSN_MAX(step, 1);
        return true;
    }
    return false;
}
