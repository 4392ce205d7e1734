/* Regularised canonical correlation analysis (Hotelling 1936; ridge after Vinod 1976): both sides are whitened by the
 * Cholesky factors of their covariances; one-sided Jacobi rotations (Hestenes 1958) find the singular vectors of what
 * then is their cross-covariance. */
#include "train/metrics.h"

#include <string.h>

enum { DEFAULT_COMPONENTS = 128, MOST_DIMENSION = 1 << 14, MOST_SWEEPS = 60 };
static const double default_regularisation = 0.01;

typedef struct side {
    int32_t dimension;
    double *mean; /* [dimension] */
    double *weights; /* [components][dimension] */
} side;

struct avsound_cca {
    avsound_context *context;
    int32_t components;
    side sides[2];
    double *correlations;
};

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

static void take_mean(const float *vectors, int64_t count, int32_t n, double *mean)
{
    memset(mean, 0, (size_t)n * sizeof *mean);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < n; k++)
            mean[k] += vectors[i * n + k];
    for (int64_t k = 0; k < n; k++)
        mean[k] /= (double)count;
}

/* c [dimension of x][dimension of y]; `row` is room for one centred y. */
static void covary(const float *x, const side *sx, const float *y, const side *sy, int64_t count, double *c,
                   double *row)
{
    const int64_t nx = sx->dimension, ny = sy->dimension;
    memset(c, 0, (size_t)(nx * ny) * sizeof *c);
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < ny; k++)
            row[k] = y[i * ny + k] - sy->mean[k];
        for (int64_t j = 0; j < nx; j++) {
            const double scale = (x[i * nx + j] - sx->mean[j]) / (double)count;
            double *to = c + j * ny;
            for (int64_t k = 0; scale != 0 && k < ny; k++)
                to[k] += scale * row[k];
        }
    }
}

/* ---- the fit ---- */

typedef struct fit {
    const avsound_cca_options *o;
    double *factors[2]; /* [d][d] each side's covariance, then its Cholesky factor */
    double *cross; /* [dx][dy] */
    double *left; /* [dx][dx] */
    double *row; /* [max(dx, dy)] */
    double *norms; /* [dx] */
} fit;

static avsound_status whiten(fit *f, const avsound_cca *cca, int s, const float *vectors)
{
    const side *one = &cca->sides[s];
    const int64_t n = one->dimension;
    double *c = f->factors[s], trace = 0;
    covary(vectors, one, vectors, one, f->o->count, c, f->row);
    for (int64_t k = 0; k < n; k++)
        trace += c[k * n + k];
    for (int64_t k = 0; k < n; k++)
        c[k * n + k] += f->o->regularisation * trace / (double)n;
    if (!(trace > 0) || !factor(c, one->dimension))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: the vectors of %s do not vary enough to be whitened",
                  s ? "y" : "x");
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

static void take_components(fit *f, avsound_cca *cca)
{
    const int32_t nx = cca->sides[0].dimension, ny = cca->sides[1].dimension, wanted = cca->components;
    for (int64_t i = 0; i < nx; i++)
        f->norms[i] = sqrt(dot(f->cross + i * ny, f->cross + i * ny, ny));
    cca->components = 0;
    for (int64_t k = 0; k < wanted; k++) {
        const int64_t at = take_largest(f->norms, nx);
        double *x = cca->sides[0].weights + k * nx, *y = cca->sides[1].weights + k * ny;
        const double norm = f->norms[at];
        if (!(norm > (k ? 1e-10 * cca->correlations[0] : 0)))
            return;
        cca->correlations[k] = norm;
        f->norms[at] = -1;
        memcpy(x, f->left + at * nx, (size_t)nx * sizeof *x);
        for (int64_t j = 0; j < ny; j++)
            y[j] = f->cross[at * ny + j] / norm;
        solve_upper(f->factors[0], nx, x);
        solve_upper(f->factors[1], ny, y);
        settle_sign(x, nx, y, ny);
        cca->components++;
    }
}

static avsound_status run_fit(fit *f, avsound_cca *cca)
{
    side *x = &cca->sides[0], *y = &cca->sides[1];
    take_mean(f->o->x, f->o->count, x->dimension, x->mean);
    take_mean(f->o->y, f->o->count, y->dimension, y->mean);
    AVSN_TRY(whiten(f, cca, 0, f->o->x));
    AVSN_TRY(whiten(f, cca, 1, f->o->y));
    covary(f->o->x, x, f->o->y, y, f->o->count, f->cross, f->row);
    whiten_cross(f, x->dimension, y->dimension);
    diagonalise(f->cross, x->dimension, y->dimension, f->left);
    take_components(f, cca);
    return AVSOUND_OK;
}

/* ---- memory ---- */

static avsound_status allocate_fit(avsound_context *context, fit *f)
{
    const size_t x = (size_t)f->o->dimension_x, y = (size_t)f->o->dimension_y;
    f->factors[0] = avsn_alloc(context, x * x, sizeof(double));
    f->factors[1] = f->factors[0] ? avsn_alloc(context, y * y, sizeof(double)) : NULL;
    f->cross = f->factors[1] ? avsn_alloc(context, x * y, sizeof(double)) : NULL;
    f->left = f->cross ? avsn_alloc(context, x * x, sizeof(double)) : NULL;
    f->row = f->left ? avsn_alloc(context, AVSN_MAX(x, y), sizeof(double)) : NULL;
    f->norms = f->row ? avsn_alloc(context, x, sizeof(double)) : NULL;
    return f->norms ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static void release_fit(avsound_context *context, fit *f)
{
    avsn_free(context, f->norms);
    avsn_free(context, f->row);
    avsn_free(context, f->left);
    avsn_free(context, f->cross);
    avsn_free(context, f->factors[1]);
    avsn_free(context, f->factors[0]);
}

static avsound_status create(avsound_context *context, const avsound_cca_options *o, avsound_cca **out)
{
    avsound_cca *cca = avsn_alloc_zeroed(context, 1, sizeof *cca);
    *out = cca;
    if (!cca)
        return AVSOUND_E_NO_MEMORY;
    cca->context = avsn_context_ref(context);
    cca->components = o->components;
    cca->sides[0].dimension = o->dimension_x;
    cca->sides[1].dimension = o->dimension_y;
    cca->correlations = avsn_alloc(context, (size_t)o->components, sizeof(double));
    for (int s = 0; cca->correlations && s < 2; s++) {
        const size_t n = (size_t)cca->sides[s].dimension;
        cca->sides[s].mean = avsn_alloc(context, n, sizeof(double));
        if (!cca->sides[s].mean)
            return AVSOUND_E_NO_MEMORY;
        cca->sides[s].weights = avsn_alloc(context, n * (size_t)o->components, sizeof(double));
        if (!cca->sides[s].weights)
            return AVSOUND_E_NO_MEMORY;
    }
    return cca->correlations ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

void avsound_cca_free(avsound_cca *cca)
{
    if (!cca)
        return;
    avsound_context *context = cca->context;
    for (int s = 0; s < 2; s++) {
        avsn_free(context, cca->sides[s].weights);
        avsn_free(context, cca->sides[s].mean);
    }
    avsn_free(context, cca->correlations);
    avsn_free(context, cca);
    avsound_context_free(context);
}

/* ---- calls ---- */

static avsound_status check_vectors(const char *name, const float *vectors, int64_t count, int32_t dimension)
{
    if (dimension < 1 || dimension > MOST_DIMENSION || !vectors)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: %s is %s, its dimension %d, want 1...%d", name,
                  vectors ? "set" : "NULL", dimension, MOST_DIMENSION);
    for (int64_t i = 0; i < count * dimension; i++)
        if (!isfinite(vectors[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: vector %lld of %s is not finite", (long long)i / dimension,
                      name);
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_cca_options *options, avsound_cca_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "cca_options"));
    if (o->count < 2 || o->count > INT32_MAX)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: count is %lld, want at least 2", (long long)o->count);
    if (o->components < 0 || !(o->regularisation >= 0 && isfinite(o->regularisation)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: components is %d, regularisation %g", o->components,
                  o->regularisation);
    AVSN_TRY(check_vectors("x", o->x, o->count, o->dimension_x));
    AVSN_TRY(check_vectors("y", o->y, o->count, o->dimension_y));
    const int32_t least = AVSN_MIN(o->dimension_x, o->dimension_y);
    o->components = AVSN_MIN(o->components ? o->components : DEFAULT_COMPONENTS, least);
    o->components = (int32_t)AVSN_MIN(o->components, o->count - 1);
    if (o->regularisation == 0)
        o->regularisation = default_regularisation;
    return AVSOUND_OK;
}

void avsound_cca_options_init(avsound_cca_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_cca_fit(avsound_context *context, const avsound_cca_options *options, avsound_cca **out)
{
    avsound_cca_options o;
    fit f = {.o = &o};
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: out is NULL");
    *out = NULL;
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_fit: context is NULL");
    AVSN_TRY(read_options(options, &o));
    avsound_cca *cca = NULL;
    avsound_status status = create(context, &o, &cca);
    if (!status)
        status = allocate_fit(context, &f);
    if (!status)
        status = run_fit(&f, cca);
    release_fit(context, &f);
    if (status)
        avsound_cca_free(cca);
    else
        *out = cca;
    return status;
}

int32_t avsound_cca_components(const avsound_cca *cca)
{
    return cca ? cca->components : 0;
}

double avsound_cca_correlation(const avsound_cca *cca, int32_t index)
{
    return cca && index >= 0 && index < cca->components ? cca->correlations[index] : NAN;
}

static void project(const side *s, int32_t components, const float *vector, float *projected)
{
    double squares = 0;
    for (int32_t pass = 0; pass < 2; pass++) { /* the projection's length is known only when it is complete */
        const double scale = pass ? squares > 0 ? 1 / sqrt(squares) : 0 : 1;
        for (int64_t k = 0; k < components; k++) {
            const double *w = s->weights + k * s->dimension;
            double sum = 0;
            for (int64_t i = 0; i < s->dimension; i++)
                sum += w[i] * (vector[i] - s->mean[i]);
            squares += pass ? 0 : sum * sum;
            projected[k] = (float)(scale * sum);
        }
    }
}

avsound_status avsound_cca_apply(const avsound_cca *cca, int32_t side_index, const float *vectors, int64_t count,
                                 float *projected)
{
    if (!cca || side_index < 0 || side_index > 1 || count < 0 || (count && (!vectors || !projected)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_apply: an argument is NULL, side (%d) not 0 or 1, or count negative",
                  side_index);
    const side *s = &cca->sides[side_index];
    for (int64_t i = 0; i < count; i++)
        project(s, cca->components, vectors + i * s->dimension, projected + i * cca->components);
    return AVSOUND_OK;
}
