/* What the files of `avsound probe` share: clips with labels, their features, linear classifiers. */
#ifndef PROBE_H
#define PROBE_H

#include <stdatomic.h>

#include "eval.h"

/* What a classifier is shown of a clip; that of a classifier's file rules over the command line's. */
typedef struct probe_view {
    bool log_mel;    /* statistics of log-mel bands, of no network */
    bool image;      /* else sound */
    const char *layer, *grid; /* NULL: the network's embedding; all cells */
    int32_t windows; /* at most so many a clip */
} probe_view;

/* Features of a clip: [windows][dimension]. */
typedef struct probe_clip {
    float *values;
    int32_t windows;
} probe_clip;

/* One weight vector a class over features as they come: their scaling is worked into it. */
typedef struct probe_classifier {
    json_t *names; /* an array of strings */
    int32_t classes, dimension;
    double *weights; /* [classes][dimension] */
    double *bias;    /* [classes] */
    double cost;
} probe_classifier;

typedef struct probe {
    cli *c;
    eval e; /* the model, and the clips in e.data: `path`, `labels` (one), `group` */
    probe_view view;
    eval_csv *tables; /* [table_count], which hold the clips' words */
    int table_count;
    char **manifests; /* [manifest_count] names of tables found in folders */
    int manifest_count;
    const char **folds; /* [clips] the fold's name; "" for none */
    int32_t *fold;      /* [clips] its number; -1: none */
    const char **fold_names; /* [fold_count] */
    int32_t fold_count;
    json_t *names;   /* of the classes, ordered */
    int32_t *label;  /* [clips] */
    probe_clip *clips; /* [clips]; no values for one that can't be read */
    int32_t *dimensions; /* [clips] */
    int32_t dimension;   /* of all */
    char identity[17]; /* of the model */
    double *fold_costs; /* [fold_count] C of each, where it was the one to be judged */
    json_t *file;       /* the classifier's, which `view` points into */
    atomic_bool uncached; /* nothing more is written to the cache */
} probe;

/* ---- clips (probe_data.c) ---- */

/* Reads the tables and folders of operands 1 and up: every clip has a label, no clip stands there twice, every file is there. */
int probe_data_open(probe *p);
/* The same without labels: operands are files, folders and lists. */
int probe_data_list(probe *p);
void probe_data_close(probe *p);
/* Numbers of the labels in `names`, which becomes p->names. CLI_INPUT for a label that is not there. */
int probe_label(probe *p, json_t *names);
/* All labels there are, ordered; NULL without memory. */
json_t *probe_label_names(const probe *p);

/* ---- features (probe_features.c) ---- */

/* FNV-1a. */
#define PROBE_HASH_START 0xcbf29ce484222325u
uint64_t probe_hash(uint64_t hash, const void *data, size_t size);
/* Opens the model of the command line, or what listens for log-mel statistics. */
int probe_model_open(probe *p, const char *const *bundled);
/* Of all clips, from the cache where they are there. */
int probe_features_take(probe *p);

/* ---- learning (probe_learn.c) ---- */

/* Whether liblinear was there when this was built; else the next two fail. */
bool probe_can_learn(void);
/* From the clips i with taken[i], which could be read. */
int probe_learn(const probe *p, const bool *taken, double cost, probe_classifier *out);
/* The best of --costs for these clips, judged on a part of them held out; *share: what was right there, NaN without a choice. */
int probe_choose_cost(const probe *p, const bool *taken, double *cost, double *share);
/* Class of the highest mean of decision values over the windows; `scores` [classes] receives the means. */
int32_t probe_classify(const probe_classifier *classifier, const probe_clip *clip, double *scores);

/* ---- classifiers as files (probe_file.c) ---- */

int probe_classifier_write(const probe *p, const probe_classifier *classifier, const char *path);
/* Also opens its model, or that of the command line, which must be the same, and sets p->view. */
int probe_classifier_read(probe *p, const char *path, probe_classifier *out);
void probe_classifier_free(probe_classifier *classifier);

#endif
