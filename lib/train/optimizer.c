#include "train/optimizer.h"

#include <avsound/train.h>

#include <math.h>

static const double beta_mean = 0.9, beta_square = 0.999, epsilon = 1e-8, momentum = 0.9;

static double norm_of(const avsn_store *store, const float *const *gradients)
{
    double sum = 0;
    for (int32_t i = 0; i < store->params.count; i++) {
        if (!gradients[i])
            continue;
        double part = 0;
        for (size_t k = 0; k < store->items[i].count; k++)
            part += (double)gradients[i][k] * (double)gradients[i][k];
        sum += part;
    }
    return sqrt(sum);
}

typedef struct factors {
    float decay, scale, mean, square, step, root; /* root: 1 / sqrt of the second moment's bias correction */
} factors;

static void move(const factors *f, size_t count, const float *restrict gradient, float *restrict mean,
                 float *restrict square, float *restrict value)
{
    for (size_t k = 0; k < count; k++) {
        const float g = f->scale * gradient[k] + f->decay * value[k];
        mean[k] += f->mean * (g - mean[k]);
        square[k] += f->square * (g * g - square[k]);
        value[k] -= f->step * mean[k] / (sqrtf(square[k]) * f->root + (float)epsilon);
    }
}

static void roll(const factors *f, size_t count, const float *restrict gradient, float *restrict velocity,
                 float *restrict value)
{
    for (size_t k = 0; k < count; k++) {
        velocity[k] = (float)momentum * velocity[k] + f->scale * gradient[k] + f->decay * value[k];
        value[k] -= f->step * velocity[k];
    }
}

static factors factors_of(const avsn_optimizer *o, double norm, double rate)
{
    const double step = (double)o->steps;
    factors f = {.scale = o->clip_norm > 0 && norm > o->clip_norm ? (float)(o->clip_norm / norm) : 1, .step = (float)rate};
    if (o->kind == AVSOUND_OPTIMIZER_ADAM) {
        f.mean = (float)(1 - beta_mean);
        f.square = (float)(1 - beta_square);
        f.step = (float)(rate / (1 - pow(beta_mean, step)));
        f.root = (float)(1 / sqrt(1 - pow(beta_square, step)));
    }
    return f;
}

double avsn_optimizer_step(avsn_optimizer *o, avsn_store *store, const float *const *gradients, double rate)
{
    const double norm = norm_of(store, gradients);
    if (!isfinite(norm))
        return norm;
    o->steps++;
    factors f = factors_of(o, norm, rate);
    for (int32_t i = 0; i < store->params.count; i++) {
        const avsn_store_item *item = &store->items[i];
        float *values = store->values + item->begin, *mean = o->mean + item->begin;
        f.decay = item->decays ? (float)o->weight_decay : 0;
        if (gradients[i] && o->kind == AVSOUND_OPTIMIZER_ADAM)
            move(&f, item->count, gradients[i], mean, o->square + item->begin, values);
        else if (gradients[i])
            roll(&f, item->count, gradients[i], mean, values);
    }
    return norm;
}

void avsn_average_step(const avsn_store *store, float *average, double decay, int64_t steps)
{
    const double early = (1 + (double)steps) / (10 + (double)steps);
    const float share = (float)(1 - AVSN_MIN(decay, early));
    for (size_t k = 0; k < store->floats; k++)
        average[k] += share * (store->values[k] - average[k]);
}

double avsn_schedule_rate(const avsn_schedule *s, int64_t step)
{
    const double pi = 3.14159265358979323846;
    double factor = 1;
    if (step < s->warmup)
        factor = (double)(step + 1) / (double)s->warmup;
    else if (s->kind == AVSOUND_SCHEDULE_PAPER)
        factor = pow(0.94, floor((double)(step / s->steps_per_epoch) / 16));
    else if (s->kind == AVSOUND_SCHEDULE_COSINE)
        factor = 0.5 * (1 + cos(pi * (double)(step - s->warmup) / (double)AVSN_MAX(s->steps - s->warmup, 1)));
    return s->rate * factor;
}
