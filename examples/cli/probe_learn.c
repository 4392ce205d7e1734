/* Linear support vector machines by liblinear: one class against the rest, L2 regularisation, squared hinge loss. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

void probe_classifier_free(probe_classifier *classifier)
{
    json_decref(classifier->names);
    free(classifier->weights);
    free(classifier->bias);
    *classifier = (probe_classifier){0};
}

int32_t probe_classify(const probe_classifier *classifier, const probe_clip *clip, double *scores)
{
    const int32_t n = classifier->dimension;
    int32_t best = 0;
    for (int32_t c = 0; c < classifier->classes; c++) {
        const double *weights = classifier->weights + (ptrdiff_t)c * n;
        double sum = 0;
        for (int32_t w = 0; w < clip->windows; w++)
            for (int32_t i = 0; i < n; i++)
                sum += weights[i] * (double)clip->values[(ptrdiff_t)w * n + i];
        scores[c] = sum / clip->windows + classifier->bias[c];
        best = scores[c] > scores[best] ? c : best;
    }
    return best;
}

#if CLI_LIBLINEAR
#include <linear.h>

enum { PARTS = 5 };

/* Windows of the clips to learn from, scaled to mean 0 and deviation 1 over them. */
typedef struct lesson {
    struct problem problem;
    struct feature_node *nodes; /* of all windows: each its numbers, then the bias, then an end */
    double *mean, *deviation;   /* [dimension] */
} lesson;

static void lesson_free(lesson *l)
{
    free(l->problem.x);
    free(l->problem.y);
    free(l->nodes);
    free(l->mean);
    free(l->deviation);
}

static int lesson_open(const probe *p, const bool *taken, lesson *l)
{
    size_t windows = 0;
    const size_t n = (size_t)p->dimension;
    for (int64_t i = 0; i < p->e.data.count; i++)
        windows += taken[i] ? (size_t)p->clips[i].windows : 0;
    if (!windows)
        return cli_error(CLI_INPUT, "%s: no clip is left to learn from", p->e.data.path);
    *l = (lesson){.problem = {.l = (int)windows, .n = (int)n + 1, .bias = 1}};
    l->problem.x = malloc(windows * sizeof *l->problem.x);
    l->problem.y = malloc(windows * sizeof *l->problem.y);
    l->nodes = windows < SIZE_MAX / (n + 2) / sizeof *l->nodes ? malloc(windows * (n + 2) * sizeof *l->nodes) : NULL;
    l->mean = calloc(n, sizeof *l->mean);
    l->deviation = calloc(n, sizeof *l->deviation);
    if (l->problem.x && l->problem.y && l->nodes && l->mean && l->deviation)
        return CLI_OK;
    lesson_free(l);
    return cli_error(CLI_RESOURCES, "out of memory for %zu windows of %zu numbers; fewer --windows or a smaller --grid need less",
                     windows, n);
}

/* Unscaled. */
static void lesson_fill(const probe *p, const bool *taken, lesson *l)
{
    const int32_t n = p->dimension;
    int row = 0;
    for (int64_t i = 0; i < p->e.data.count; i++) {
        for (int32_t w = 0; taken[i] && w < p->clips[i].windows; w++, row++) {
            struct feature_node *nodes = l->nodes + (ptrdiff_t)row * (n + 2);
            for (int32_t k = 0; k < n; k++)
                nodes[k] = (struct feature_node){k + 1, (double)p->clips[i].values[(ptrdiff_t)w * n + k]};
            nodes[n] = (struct feature_node){n + 1, 1};
            nodes[n + 1] = (struct feature_node){-1, 0};
            l->problem.x[row] = nodes;
            l->problem.y[row] = p->label[i];
        }
    }
}

/* A number that never changes says nothing, and is left as it is. */
static void lesson_scale(lesson *l, int32_t n)
{
    const int windows = l->problem.l;
    for (int w = 0; w < windows; w++)
        for (int32_t k = 0; k < n; k++)
            l->mean[k] += l->problem.x[w][k].value / windows;
    for (int w = 0; w < windows; w++)
        for (int32_t k = 0; k < n; k++)
            l->deviation[k] += (l->problem.x[w][k].value - l->mean[k]) * (l->problem.x[w][k].value - l->mean[k]) / windows;
    for (int32_t k = 0; k < n; k++)
        l->deviation[k] = l->deviation[k] > 1e-24 ? sqrt(l->deviation[k]) : 1;
    for (int w = 0; w < windows; w++)
        for (int32_t k = 0; k < n; k++)
            l->problem.x[w][k].value = (l->problem.x[w][k].value - l->mean[k]) / l->deviation[k];
}

static void say_nothing(const char *text)
{
    (void)text;
}

/* liblinear's weights lie class by class for each number; two classes share one column, that of the first. */
static void take_weights(const struct model *m, const lesson *l, probe_classifier *out)
{
    const int32_t n = out->dimension;
    const int columns = m->nr_class == 2 ? 1 : m->nr_class;
    for (int c = 0; c < m->nr_class; c++) {
        const int32_t label = m->label[c];
        double *weights = out->weights + (ptrdiff_t)label * n;
        const double sign = columns == 1 && c == 1 ? -1 : 1;
        const int column = columns == 1 ? 0 : c;
        out->bias[label] = sign * m->w[(ptrdiff_t)n * columns + column];
        for (int32_t k = 0; k < n; k++) {
            weights[k] = sign * m->w[(ptrdiff_t)k * columns + column] / l->deviation[k];
            out->bias[label] -= weights[k] * l->mean[k];
        }
    }
}

static int open_classifier(const probe *p, double cost, probe_classifier *out)
{
    const size_t classes = json_array_size(p->names), n = (size_t)p->dimension;
    *out = (probe_classifier){
        .names = json_incref(p->names), .classes = (int32_t)classes, .dimension = p->dimension, .cost = cost};
    out->weights = calloc(classes * n, sizeof *out->weights);
    out->bias = malloc(classes * sizeof *out->bias);
    if (!out->weights || !out->bias) {
        probe_classifier_free(out);
        return cli_error(CLI_RESOURCES, "classifier: out of memory");
    }
    for (size_t c = 0; c < classes; c++)
        out->bias[c] = -DBL_MAX; /* a class that is not among those to learn from is never likeliest */
    return CLI_OK;
}

int probe_learn(const probe *p, const bool *taken, double cost, probe_classifier *out)
{
    lesson l;
    int code = lesson_open(p, taken, &l);
    if (code)
        return code;
    lesson_fill(p, taken, &l);
    lesson_scale(&l, p->dimension);
    if ((code = open_classifier(p, cost, out))) {
        lesson_free(&l);
        return code;
    }
    const struct parameter parameter = {.solver_type = L2R_L2LOSS_SVC_DUAL, .eps = 0.05, .C = cost, .p = 0.1};
    set_print_string_function(say_nothing);
    srand(1); /* liblinear draws its order of examples by rand() */
    struct model *m = train(&l.problem, &parameter);
    take_weights(m, &l, out);
    free_and_destroy_model(&m);
    lesson_free(&l);
    return cli_interrupted() ? CLI_FAILED : CLI_OK;
}

/* ---- C ---- */

typedef struct choice {
    const probe *p;
    const bool *taken; /* [clips] those to learn from, of which */
    bool *learn;       /* [clips] these are learned from to choose C */
    int64_t held;      /* and so many held out */
    double *scores;    /* [classes] */
} choice;

/* Holds out the first of the folds, if there are two at least; else a fifth at random, by group where there are groups. */
static void divide(choice *c)
{
    const probe *p = c->p;
    int32_t least = INT32_MAX, most = -1;
    int64_t left = 0;
    for (int64_t i = 0; i < p->e.data.count; i++)
        if (c->taken[i]) {
            least = p->fold[i] < least ? p->fold[i] : least;
            most = p->fold[i] > most ? p->fold[i] : most;
        }
    for (int64_t i = 0; i < p->e.data.count; i++) {
        const eval_clip *clip = &p->e.data.clips[i];
        const char *group = *clip->group ? clip->group : clip->path;
        const int64_t hash = (int64_t)(probe_hash(PROBE_HASH_START, group, strlen(group)) >> 1);
        const bool held = least < most ? p->fold[i] == least : !eval_random(1, hash, 0, PARTS);
        c->learn[i] = c->taken[i] && !held;
        c->held += c->taken[i] && held;
        left += c->learn[i];
    }
    c->held = left ? c->held : 0;
}

/* Share of those held out that a classifier of the others gets right. */
static int judge_cost(const choice *c, double cost, double *share)
{
    const probe *p = c->p;
    probe_classifier classifier;
    int64_t right = 0;
    const int code = probe_learn(p, c->learn, cost, &classifier);
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        if (c->taken[i] && !c->learn[i])
            right += probe_classify(&classifier, &p->clips[i], c->scores) == p->label[i];
    *share = (double)right / (double)c->held;
    if (!code)
        probe_classifier_free(&classifier);
    return code;
}

/* The number at *at, which moves on behind the comma. */
static bool next_cost(const char **at, double *cost)
{
    char *end;
    if (!**at)
        return false;
    *cost = strtod(*at, &end);
    *at = end + (*end == ',');
    return true;
}

static int check_costs(const char *costs)
{
    double cost;
    const char *at = costs;
    int count = 0;
    for (const char *before = at; next_cost(&at, &cost); before = at, count++)
        if (at == before || (*at && at[-1] != ',') || !(cost > 0) || !isfinite(cost))
            return cli_error(CLI_USAGE, "probe: --costs is %s, want numbers above 0 such as 1e-4,1e-3", costs);
    return count ? CLI_OK : cli_error(CLI_USAGE, "probe: --costs is empty");
}

/* The smaller of two that are as good: it learns faster, and fits less closely. */
static int try_costs(choice *c, const char *costs, double *best, double *share)
{
    double cost, one;
    int code = CLI_OK;
    divide(c);
    for (const char *at = costs; !code && c->held && next_cost(&at, &cost);) {
        code = judge_cost(c, cost, &one);
        if (!code && (isnan(*share) || one > *share || (one == *share && cost < *best))) {
            *share = one;
            *best = cost;
        }
    }
    return code;
}

int probe_choose_cost(const probe *p, const bool *taken, double *cost, double *share)
{
    const char *costs = p->e.c->args.costs, *at = costs;
    const size_t count = (size_t)p->e.data.count;
    choice c = {.p = p, .taken = taken};
    *share = NAN;
    int code = check_costs(costs);
    if (code || !next_cost(&at, cost) || !*at)
        return code;
    c.learn = malloc(count * sizeof *c.learn);
    c.scores = malloc(json_array_size(p->names) * sizeof *c.scores);
    code = c.learn && c.scores ? try_costs(&c, costs, cost, share) : cli_error(CLI_RESOURCES, "classifier: out of memory");
    free(c.learn);
    free(c.scores);
    return code;
}

#else

static int refuse(void)
{
    return cli_error(CLI_UNSUPPORTED, "probe: this avsound was built without liblinear, which train and folds need");
}

int probe_learn(const probe *p, const bool *taken, double cost, probe_classifier *out)
{
    (void)p, (void)taken, (void)cost;
    *out = (probe_classifier){0};
    return refuse();
}

int probe_choose_cost(const probe *p, const bool *taken, double *cost, double *share)
{
    (void)p, (void)taken;
    *cost = *share = NAN;
    return refuse();
}
#endif

bool probe_can_learn(void)
{
    return CLI_LIBLINEAR;
}
