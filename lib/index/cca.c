/* Regularised canonical correlation analysis (Hotelling 1936; ridge after Vinod 1976): both sides are whitened by the
 * Cholesky factors of their covariances; one-sided Jacobi rotations (Hestenes 1958) find the singular vectors of what
 * then is their cross-covariance. */
#include "index/cca.h"

#include <math.h>
#include <string.h>

#include "op/lanes.h"

enum { MOST_SWEEPS = 60 };

/* ---- dense linear algebra, row-major ---- */

/* Lower factor L of a symmetric positive definite matrix, in place: A = L L^T. */
static bool factor(double *a, int32_t n)
{
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    return true;
}

/* x becomes L^-1 x. */
static void solve_lower(const double *l, int32_t n, double *x)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < i; k++)
            x[i] -= l[i * n + k] * x[k];
        x[i] /= l[i * n + i];
    }
}

/* x becomes L^-T x. */
static void solve_upper(const double *l, int32_t n, double *x)
{
    for (int64_t i = n - 1; i >= 0; i--) {
        x[i] /= l[i * n + i];
        for (int64_t k = 0; k < i; k++)
            x[k] -= l[i * n + k] * x[i];
    }
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void rotate(double *a, double *b, int64_t n, double c, double s)
{
    for (int64_t i = 0; i < n; i++) {
        const double x = a[i], y = b[i];
        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}

/* Makes rows p and q of `w` orthogonal, and turns those of `u` alike. */
static bool orthogonalise(double *w, int32_t columns, double *u, int32_t rows, int64_t p, int64_t q, double negligible)
{
    double *wp = w + p * columns, *wq = w + q * columns;
    const double pp = dot(wp, wp, columns), qq = dot(wq, wq, columns), pq = dot(wp, wq, columns);
    if (fabs(pq) <= 1e-15 * sqrt(pp) * sqrt(qq) || fabs(pq) <= negligible)
        return false;
    const double zeta = (qq - pp) / (2 * pq);
    const double t = (zeta >= 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta)), c = 1 / sqrt(1 + t * t);
    rotate(wp, wq, columns, c, c * t);
    rotate(u + p * rows, u + q * rows, rows, c, c * t);
    return true;
}

/* Turns the rows of w [rows][columns] until they are orthogonal; u [rows][rows] tells how: w = u w_before. */
static void diagonalise(double *w, int32_t rows, int32_t columns, double *u)
{
    const double negligible = 1e-30 * dot(w, w, (int64_t)rows * columns);
    memset(u, 0, (size_t)rows * (size_t)rows * sizeof *u);
    for (int64_t i = 0; i < rows; i++)
        u[i * rows + i] = 1;
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < rows; p++)
            for (int64_t q = p + 1; q < rows; q++)
                turned = orthogonalise(w, columns, u, rows, p, q, negligible) || turned;
    }
}

/* ---- covariances ---- */

static const float *vector_of(const avsn_cca_vectors *v, int64_t i)
{
    return v->vectors + (v->rows ? v->rows[i] : i) * v->dimension;
}

static void take_mean(const avsn_cca_vectors *v, int64_t count, double *mean)
{
    memset(mean, 0, (size_t)v->dimension * sizeof *mean);
    for (int64_t i = 0; i < count; i++) {
        const float *vector = vector_of(v, i);
        for (int64_t k = 0; k < v->dimension; k++)
            mean[k] += vector[k];
    }
    for (int64_t k = 0; k < v->dimension; k++)
        mean[k] /= (double)count;
}

typedef struct centred {
    const avsn_cca_vectors *vectors;
    const double *mean;
} centred;

/* c [dimension of x][dimension of y]; `row` is room for one centred y. */
static void covary(const centred *x, const centred *y, int64_t count, double *c, double *row)
{
    const int64_t nx = x->vectors->dimension, ny = y->vectors->dimension;
    memset(c, 0, (size_t)(nx * ny) * sizeof *c);
    for (int64_t i = 0; i < count; i++) {
        const float *vx = vector_of(x->vectors, i), *vy = vector_of(y->vectors, i);
        for (int64_t k = 0; k < ny; k++)
            row[k] = vy[k] - y->mean[k];
        for (int64_t j = 0; j < nx; j++) {
            const double scale = (vx[j] - x->mean[j]) / (double)count;
            double *to = c + j * ny;
            for (int64_t k = 0; scale != 0 && k < ny; k++)
                to[k] += scale * row[k];
        }
    }
}

/* ---- the fit ---- */

typedef struct fit {
    const avsn_cca_pairs *pairs;
    double *means[2];
    double *factors[2]; /* [d][d] each side's covariance, then its Cholesky factor */
    double *cross; /* [dx][dy] */
    double *left; /* [dx][dx] */
    double *rows[2]; /* [max(dx, dy)] */
    double *norms; /* [dx] */
} fit;

static centred side_of(const fit *f, int s)
{
    return (centred){&f->pairs->sides[s], f->means[s]};
}

static avsound_status whiten(fit *f, int s)
{
    const centred one = side_of(f, s);
    const int64_t n = one.vectors->dimension;
    double *c = f->factors[s], trace = 0;
    covary(&one, &one, f->pairs->count, c, f->rows[0]);
    for (int64_t k = 0; k < n; k++)
        trace += c[k * n + k];
    for (int64_t k = 0; k < n; k++)
        c[k * n + k] += f->pairs->regularisation * trace / (double)n;
    if (!(trace > 0) || !factor(c, one.vectors->dimension))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: the vectors of %s do not vary enough to be whitened",
                  f->pairs->sides[s].name);
    return AVSOUND_OK;
}

/* cross becomes Lx^-1 cross Ly^-T. */
static void whiten_cross(fit *f, int64_t nx, int64_t ny)
{
    const double *lx = f->factors[0];
    for (int64_t i = 0; i < nx; i++) {
        double *row = f->cross + i * ny;
        for (int64_t k = 0; k < i; k++)
            for (int64_t j = 0; j < ny; j++)
                row[j] -= lx[i * nx + k] * f->cross[k * ny + j];
        for (int64_t j = 0; j < ny; j++)
            row[j] /= lx[i * nx + i];
    }
    for (int64_t i = 0; i < nx; i++)
        solve_lower(f->factors[1], (int32_t)ny, f->cross + i * ny);
}

/* The remaining row with the largest norm; it is taken out. */
static int64_t take_largest(double *norms, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (norms[i] > norms[best])
            best = i;
    return best;
}

/* A component may point either way: the largest weight of x is made positive. */
static void settle_sign(double *x, int32_t nx, double *y, int32_t ny)
{
    int32_t largest = 0;
    for (int32_t k = 1; k < nx; k++)
        if (fabs(x[k]) > fabs(x[largest]))
            largest = k;
    if (x[largest] >= 0)
        return;
    for (int32_t k = 0; k < nx; k++)
        x[k] = -x[k];
    for (int32_t k = 0; k < ny; k++)
        y[k] = -y[k];
}

static void round_row(const double *from, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

static void take_components(fit *f, avsn_cca *cca)
{
    const int32_t nx = cca->sides[0].dimension, ny = cca->sides[1].dimension, wanted = cca->components;
    double *x = f->rows[0], *y = f->rows[1], first = 0;
    for (int64_t i = 0; i < nx; i++)
        f->norms[i] = sqrt(dot(f->cross + i * ny, f->cross + i * ny, ny));
    cca->components = 0;
    for (int64_t k = 0; k < wanted; k++) {
        const int64_t at = take_largest(f->norms, nx);
        const double norm = f->norms[at];
        if (!(norm > 1e-10 * first))
            return;
        first = k ? first : norm;
        f->norms[at] = -1;
        memcpy(x, f->left + at * nx, (size_t)nx * sizeof *x);
        for (int64_t j = 0; j < ny; j++)
            y[j] = f->cross[at * ny + j] / norm;
        solve_upper(f->factors[0], nx, x);
        solve_upper(f->factors[1], ny, y);
        settle_sign(x, nx, y, ny);
        round_row(x, nx, cca->sides[0].weights + k * nx);
        round_row(y, ny, cca->sides[1].weights + k * ny);
        cca->correlations[k] = (float)norm;
        cca->components++;
    }
}

static avsound_status run_fit(fit *f, avsn_cca *cca)
{
    const centred x = side_of(f, 0), y = side_of(f, 1);
    const int32_t nx = x.vectors->dimension, ny = y.vectors->dimension;
    for (int s = 0; s < 2; s++) {
        take_mean(&f->pairs->sides[s], f->pairs->count, f->means[s]);
        round_row(f->means[s], f->pairs->sides[s].dimension, cca->sides[s].mean);
        AVSN_TRY(whiten(f, s));
    }
    covary(&x, &y, f->pairs->count, f->cross, f->rows[0]);
    whiten_cross(f, nx, ny);
    diagonalise(f->cross, nx, ny, f->left);
    take_components(f, cca);
    return AVSOUND_OK;
}

/* ---- memory ---- */

static avsound_status allocate_fit(avsn_zone *zone, fit *f)
{
    const size_t x = (size_t)f->pairs->sides[0].dimension, y = (size_t)f->pairs->sides[1].dimension;
    const struct {
        double **to;
        size_t rows, columns;
    } rooms[] = {{&f->means[0], 1, x}, {&f->means[1], 1, y}, {&f->factors[0], x, x}, {&f->factors[1], y, y},
                 {&f->cross, x, y}, {&f->left, x, x}, {&f->rows[0], 1, AVSN_MAX(x, y)}, {&f->rows[1], 1, AVSN_MAX(x, y)},
                 {&f->norms, 1, x}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(rooms); i++) {
        *rooms[i].to = avsn_zone_alloc(zone, rooms[i].rows * rooms[i].columns, sizeof(double));
        if (!*rooms[i].to)
            return AVSOUND_E_NO_MEMORY;
    }
    return AVSOUND_OK;
}

avsound_status avsn_cca_allocate(avsn_zone *zone, int32_t components, const int32_t dimensions[2], avsn_cca *out)
{
    *out = (avsn_cca){.components = components};
    out->correlations = avsn_zone_alloc(zone, (size_t)components, sizeof *out->correlations);
    for (int s = 0; out->correlations && s < 2; s++) {
        const size_t n = (size_t)dimensions[s];
        out->sides[s].dimension = dimensions[s];
        out->sides[s].mean = avsn_zone_alloc(zone, n, sizeof(float));
        out->sides[s].weights = out->sides[s].mean ? avsn_zone_alloc(zone, n * (size_t)components, sizeof(float)) : NULL;
        if (!out->sides[s].weights)
            return AVSOUND_E_NO_MEMORY;
    }
    return out->correlations ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_cca_fit(avsound_context *context, const avsn_cca_pairs *pairs, avsn_cca *cca)
{
    fit f = {.pairs = pairs};
    avsn_zone zone;
    avsn_zone_init(&zone, context);
    avsound_status status = allocate_fit(&zone, &f);
    if (!status)
        status = run_fit(&f, cca);
    avsn_zone_free(&zone);
    return status;
}

/* ---- projections ---- */

AVSN_LOOP multiply(const float *restrict weights, const float *restrict mean, int64_t components, int64_t dimension,
                   const float *restrict vector, double scale, double *restrict sums)
{
    for (int64_t k = 0; k < components; k++) {
        const float *w = weights + k * dimension;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < dimension; i++)
            sum += (double)w[i] * (scale * (double)vector[i] - (double)mean[i]);
        sums[k] = sum;
    }
}

AVSN_LOOP_VARIANTS(multiply,
                   (const float *restrict weights, const float *restrict mean, int64_t components, int64_t dimension,
                    const float *restrict vector, double scale, double *restrict sums),
                   (weights, mean, components, dimension, vector, scale, sums))

/* What makes a vector one of length 1. */
static double unit_scale(const float *vector, int64_t dimension)
{
    double squares = 0;
    for (int64_t i = 0; i < dimension; i++)
        squares += (double)vector[i] * (double)vector[i];
    return squares > 0 ? 1 / sqrt(squares) : 1;
}

void avsn_cca_project(const avsn_cca *cca, int side, const float *vectors, int64_t count, float *projected)
{
    const avsn_cca_side *s = &cca->sides[side];
    const int variant = avsn_loop_variant();
    for (int64_t v = 0; v < count; v++) {
        const float *vector = vectors + v * s->dimension;
        float *to = projected + v * cca->components;
        double squares = 0, sums[64];
        const double own = cca->unit ? unit_scale(vector, s->dimension) : 1;
        for (int64_t k = 0; k < cca->components; k += 64) {
            const int64_t n = AVSN_MIN((int64_t)64, cca->components - k);
            multiply_variants[variant](s->weights + k * s->dimension, s->mean, n, s->dimension, vector, own, sums);
            for (int64_t i = 0; i < n; i++) {
                squares += sums[i] * sums[i];
                to[k + i] = (float)sums[i];
            }
        }
        const double scale = squares > 0 ? 1 / sqrt(squares) : 0;
        for (int64_t k = 0; k < cca->components; k++)
            to[k] = (float)(scale * (double)to[k]);
    }
}
