/* avsound_session_run allocates nothing: neither from the context nor, after the OpenMP team has been started by the first
 * run, by malloc anywhere in the process. */
#include "contract/fixture.h"

static atomic_int counting;
static atomic_long mallocs;

/* The whole process calls these, oneDNN and the OpenMP runtime included. A sanitizer has its own in this place. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define SEES_MALLOC 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

static void count_call(void)
{
    if (atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_add(&mallocs, 1);
}

void *malloc(size_t size)
{
    count_call();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_call();
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    count_call();
    return __libc_realloc(ptr, size);
}

void *memalign(size_t align, size_t size)
{
    count_call();
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count_call();
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    count_call();
    *out = __libc_memalign(align, size);
    return *out ? 0 : 12; /* ENOMEM */
}
#else
#define SEES_MALLOC 0
#endif

START_TEST(counter_sees_malloc)
{
    atomic_store(&counting, 1);
    void *volatile ptr = malloc(100);
    atomic_store(&counting, 0);
    free(ptr);
    ck_assert_int_eq(atomic_load(&mallocs), SEES_MALLOC);
}
END_TEST

static void check(const char *arch, int32_t precision, int32_t threads)
{
    budget b = {0};
    avsound_context *context = counting_context(&b);
    avsound_model *model = narrow_model(context, arch);
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = precision;
    options.threads = threads;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &options, &session));
    fill_inputs(session, 1);
    atomic_store(&b.calls, 0);
    avsound_status status = avsound_session_run(session);
    ck_assert_msg(atomic_load(&b.calls) == 0, "%s: first run took %ld from the context", arch, atomic_load(&b.calls));
    atomic_store(&mallocs, 0);
    atomic_store(&counting, 1);
    for (int i = 0; i < 3 && !status; i++)
        status = avsound_session_run(session);
    atomic_store(&counting, 0);
    ck_avsound(status);
    ck_assert_int_eq(atomic_load(&b.calls), 0);
    ck_assert_msg(atomic_load(&mallocs) == 0, "%s, precision %d, %d threads: %ld calls to malloc", arch, precision, threads,
                  atomic_load(&mallocs));
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
}

START_TEST(run_allocates_nothing)
{
    for (int32_t i = 0; i < avsound_arch_count(); i++)
        for (int32_t threads = 1; threads <= 2; threads++) {
            check(avsound_arch_name(i), AVSOUND_PRECISION_F32, threads);
            check(avsound_arch_name(i), AVSOUND_PRECISION_AUTO, threads);
        }
}
END_TEST

SUITE("contract.run_allocates_nothing", counter_sees_malloc, run_allocates_nothing)
