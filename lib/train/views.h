/* Learning from one modality alone: two views of each thing are told from all views of other things.
 *
 * T. Chen, S. Kornblith, M. Norouzi and G. Hinton, "A Simple Framework for Contrastive Learning of Visual Representations",
 * ICML 2020 (SimCLR), section 2.1 and equation 1. */
#ifndef AVSN_VIEWS_H
#define AVSN_VIEWS_H

#include "graph/internal.h"

/* By which the cosines are divided: the best of those tried for unit vectors (table 5 of the paper). */
#define AVSN_VIEW_TEMPERATURE 0.1f

/* Of `forward`, a network for a batch of N views, the tower alone that makes the output `embedding`: "embedding.image" or
 * "embedding.audio". The only input is the tower's, the only parameters are. Outputs: `embedding` (N,C), and "logits" (N*N,1),
 * the cosine of views i and j in row i*N+j; with `loss` also "loss" (1,1). `forward` stays the caller's. AVSOUND_E_UNSUPPORTED
 * for a network without that output, or with one that takes both inputs. */
avsound_status avsn_view_graph(const avsn_graph *forward, const char *embedding, bool loss, avsn_graph **out);

/* Appends output "loss" to a graph with such logits: views i and i + N/2 are of one thing. The value after it is the logits'
 * gradient. */
avsn_value avsn_view_loss(avsn_graph *graph, avsn_value logits);

#endif
