/* What the files of the metrics share. */
#ifndef AVSN_METRICS_H
#define AVSN_METRICS_H

#include <math.h>

#include <avsound/metrics.h>

#include "base/base.h"

/* Ascending; not finite values must have been replaced. */
void avsn_sort_doubles(double *values, int64_t count);
/* Percentile p (0...1) of sorted values, interpolated linearly; infinite ones are allowed. NaN for none. */
double avsn_percentile(const double *sorted, int64_t count, double p);
/* P(p > q) + P(p = q) / 2 over all pairs of two sorted arrays. NaN if either is empty. */
double avsn_area_under_curve(const double *p, int64_t p_count, const double *q, int64_t q_count);
/* Refuses a negative count, and NULL for an array that is not empty. */
avsound_status avsn_metric_array(const char *call, const char *name, const void *array, int64_t count);
/* Wilson's interval of the share `right` / `n`. */
void avsn_wilson(double right, int64_t n, double *low, double *high);

#endif
