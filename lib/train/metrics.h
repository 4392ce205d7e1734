/* What the files of the metrics share. */
#ifndef AVSN_METRICS_H
#define AVSN_METRICS_H

#include <math.h>

#include <avsound/metrics.h>

#include "base/base.h"

/* Ascending; not finite values must have been replaced. */
void avsn_sort_doubles(double *values, int64_t count);
/* Wilson's interval of the share `right` / `n`. */
void avsn_wilson(double right, int64_t n, double *low, double *high);

#endif
