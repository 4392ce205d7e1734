/* From a network to its training graph: the forward ops in training mode, a loss, and the gradient of every learned parameter
 * as nodes of the same graph, run by the same executor. */
#ifndef AVSN_GRADIENTS_H
#define AVSN_GRADIENTS_H

#include "graph/graph.h"

typedef enum avsn_objective {
    AVSN_OBJECTIVE_SOFTMAX, /* cross-entropy on output "logits" (N,2); input "label" (N,1) holds the class, 0 or 1 */
    AVSN_OBJECTIVE_SIGMOID, /* binary cross-entropy on output "logits" (N,1); input "label" (N,1) holds 0 or 1 */
    AVSN_OBJECTIVE_CONTRASTIVE, /* no label: item i's picture and sound belong together, and no others do; see below */
    AVSN_OBJECTIVE_CLASSES, /* cross-entropy on output "logits" (N,C); input "label" (N,1) holds the class: classes.h */
    AVSN_OBJECTIVE_LAGS, /* cross-entropy over lags on output "logits"; input "label" (N,1) holds the true one: lags.h */
    AVSN_OBJECTIVE_SEPARATE, /* distances of a separator's two outputs from input "sources": separate.h */
    AVSN_OBJECTIVE_VIEWS /* no label: `forward` is from avsn_view_graph() (views.h), whose loss this is */
} avsn_objective;

/* The training graph of `forward`, which stays the caller's. Outputs: "loss" (1,1), those of `forward`, and "grad.NAME" for each
 * learned parameter NAME; of a separator, whose loss does not ask for its logits, and of a network that hears nothing, for each
 * that the loss depends on. Batch norm uses the batch's statistics and moves the running ones by `momentum`; 0: each by its own. */
avsound_status avsn_training_graph(const avsn_graph *forward, avsn_objective objective, float momentum, avsn_graph **out);
/* Of a separator: `loss` is an AVSOUND_SEPARATION_ constant, not _AUTO. */
avsound_status avsn_separation_graph(const avsn_graph *forward, int32_t loss, float decibels, float momentum, avsn_graph **out);

/* AVSN_OBJECTIVE_CONTRASTIVE compares all pictures of a batch of N with all its sounds: output "logits" has N*N rows, row
 * i*N+j is picture i with sound j. The loss is the mean of the cross-entropies by rows and by columns (symmetric InfoNCE: van
 * den Oord, Li, Vinyals 2018), of the logit or of the second logit less the first, plus `share` times the binary cross-entropy
 * of all pairs, matching and not weighing the same, without which nothing would hold the score near a probability. Outputs of
 * single pairs other than "logits" are left out. AVSOUND_E_UNSUPPORTED for a network that doesn't compare embeddings.
 * avsn_training_graph takes a share of 1. */
avsound_status avsn_contrastive_graph(const avsn_graph *forward, float share, float momentum, avsn_graph **out);

/* State that training adds for each batch norm NAME that renormalises: "NAME.renorm_mean" and so on, zeros to begin with, of
 * shapes (C), (1), (C), (1). No model file holds it. */
enum { AVSN_RENORM_NAMES = 4 };
extern const char *const avsn_renorm_names[AVSN_RENORM_NAMES];

/* True if gradients flow through ops of this kind: false for none but inputs, parameters and what only training appends. */
bool avsn_has_gradient(avsn_op_kind kind);

#endif
