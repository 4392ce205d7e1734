/* Learning to take a mixture apart: of two clips' sounds one belongs to the pictures, the other doesn't, and both are known because
 * they were mixed here.
 *
 * A. Owens and A. Efros, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features", ECCV 2018, section 6: distances
 * of level and phase with each result's own source ("fg-bg"), and in the nearer of both orders ("PIT": D. Yu et al., "Permutation
 * Invariant Training of Deep Models for Speaker-Independent Multi-Talker Speech Separation", ICASSP 2017). */
#ifndef AVSN_SEPARATE_H
#define AVSN_SEPARATE_H

#include "graph/internal.h"

/* Weight of phases, as released; of levels 1. */
#define AVSN_PHASE_WEIGHT 0.01f

/* A separator's two outputs: "on" and "off", or "first" and "second". */
void avsn_separation_outputs(bool blind, const char *names[2]);

/* Appends input "sources" (N,4,T,F), level and phase of the one, then of the other, and output "loss" to a graph with two results
 * (N,2,T,F) of these names. The two values after it are their gradients. loss: AVSOUND_SEPARATION_ constant, not _AUTO. */
avsn_value avsn_separation_loss(avsn_graph *graph, const avsn_value results[2], int32_t loss);

/* How much of the levels' distance from the sources is gone, against the mixture left as it is for both: 1 is all of it, 0 none;
 * below, the results are worse. either: in each item's nearer order. results [items][2][cells], sources [items][4][cells],
 * mixture [items][2][cells]. */
double avsn_separation_gain(const float *const results[2], const float *sources, const float *mixture, int32_t items,
                            int64_t cells, bool either);

#endif
