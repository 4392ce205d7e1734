/* Levels in decibels against natural logarithms of amplitudes (nepers). */
#ifndef AVSN_DECIBELS_H
#define AVSN_DECIBELS_H

#define AVSN_NEPERS_A_DECIBEL 0.115129255f /* ln 10 / 20 */
#define AVSN_DECIBELS_A_NEPER 8.68588964f  /* 20 / ln 10 */

#endif
