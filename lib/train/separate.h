/* Learning to take a mixture apart: of two clips' sounds one belongs to the pictures, the other doesn't, and both are known because
 * they were mixed here.
 *
 * A. Owens and A. Efros, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features", ECCV 2018, section 6: distances
 * of level and phase with each result's own source ("fg-bg"), and in the nearer of both orders ("PIT": D. Yu et al., "Permutation
 * Invariant Training of Deep Models for Speaker-Independent Multi-Talker Speech Separation", ICASSP 2017). */
#ifndef AVSN_SEPARATE_H
#define AVSN_SEPARATE_H

#include "graph/internal.h"
#include "network/network.h"

/* Weight of phases, as released; of levels 1. */
#define AVSN_PHASE_WEIGHT 0.01f

/* Of masks the error's energy counts, down to 30 dB below that of both sources: S. Wisdom et al., "What's All the FUSS about Free
 * Universal Sound Separation Data?", ICASSP 2021, equation 2, with one floor for silent sources and others. */
#define AVSN_MASK_FLOOR 1e-3f

/* dB from a level of 0 to 1 where the error's energy counts; 0 where levels are compared. */
float avsn_separation_errors(const avsound_model *model);

/* A separator's two outputs: "on" and "off", or "first" and "second". */
void avsn_separation_outputs(bool blind, const char *names[2]);

/* Appends input "sources" (N,4,T,F), level and phase of the one, then of the other, and output "loss" to a graph with two results
 * (N,2,T,F) of these names. The two values after it are their gradients. loss: AVSOUND_SEPARATION_ constant, not _AUTO. decibels: as above. */
avsn_value avsn_separation_loss(avsn_graph *graph, const avsn_value results[2], int32_t loss, float decibels);

/* How much of the levels' (where errors count: the square roots of amplitudes') distance from the sources is gone, against the mixture left as it is for both: 1 is all of it, 0 none;
 * below, the results are worse. either: in each item's nearer order. results [items][2][cells], sources [items][4][cells],
 * mixture [items][2][cells]. */
double avsn_separation_gain(const float *const results[2], const float *sources, const float *mixture, int32_t items,
                            int64_t cells, bool either, float decibels);

#endif
