/* Refuses the allocations of a call in turn, each alone and each with all that follow, and knows which public functions were
 * called under that: a suite's last test holds them against the symbols that its library exports. */
#ifndef AVSN_TEST_CONTRACT_REFUSALS_H
#define AVSN_TEST_CONTRACT_REFUSALS_H

#include "contract/fixture.h"

#include <fcntl.h>

typedef struct refusals {
    budget budget;
    long refuse; /* number of the allocation to refuse, 0: none */
    int for_good; /* and all that follow */
} refusals;

/* From here on allocations count, and are refused. */
static void arm(refusals *r)
{
    atomic_store(&r->budget.calls, 0);
    r->budget.for_good = r->for_good;
    r->budget.refuse_at = r->refuse;
}

static void disarm(refusals *r)
{
    r->budget.refuse_at = 0;
}

/* ---- who was called ---- */

/* Each test has a process of its own; what this file holds they share. */
static int calls_fd = -1;

__attribute__((constructor)) static void open_calls(void)
{
    char path[] = "/tmp/avsound-calls-XXXXXX";
    calls_fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    unlink(path);
}

static void note_call(const char *name)
{
    static char seen[4096];
    char line[128];
    snprintf(line, sizeof line, "%s\n", name);
    if (strstr(seen, line) || strlen(seen) + strlen(line) >= sizeof seen)
        return;
    strcat(seen, line);
    ck_assert_int_eq(write(calls_fd, line, strlen(line)), (ssize_t)strlen(line));
}

#define CALL(function, ...) (note_call(#function), function(__VA_ARGS__))

/* Every function of tests/abi/`file` was called by CALL in some test. */
__attribute__((unused)) static void check_all_called(const char *file)
{
    static char calls[1 << 16] = "\n";
    char path[512], line[256], wanted[256];
    ck_assert_int_gt(pread(calls_fd, calls + 1, sizeof calls - 2, 0), 0);
    snprintf(path, sizeof path, "%s/abi/%s", TEST_SOURCE_DIR, file);
    FILE *symbols = fopen(path, "r");
    ck_assert_ptr_nonnull(symbols);
    int functions = 0;
    for (; fgets(line, sizeof line, symbols); functions++) {
        snprintf(wanted, sizeof wanted, "\n%.*s\n", (int)strcspn(line, "@"), line);
        ck_assert_msg(strstr(calls, wanted) != NULL, "no test refuses the allocations of%.*s", (int)strlen(wanted) - 1,
                      wanted);
    }
    fclose(symbols);
    ck_assert_int_gt(functions, 0);
    printf("%s: each of %d functions was called\n", file, functions);
}

/* ---- refusing ---- */

typedef avsound_status (*attempt_fn)(void *scene);

static long refuse_in_turn(const char *name, refusals *r, void *scene, attempt_fn attempt, int step)
{
    budget *b = &r->budget;
    const long live = atomic_load(&b->live);
    long failures = 0;
    for (long n = 1;; n += step) {
        atomic_store(&b->refused, 0);
        r->refuse = n;
        const avsound_status status = attempt(scene);
        const long refused = atomic_load(&b->refused);
        r->refuse = 0;
        disarm(r);
        ck_assert_msg(atomic_load(&b->live) == live, "%s, allocation %ld refused: %ld left behind", name, n,
                      atomic_load(&b->live) - live);
        ck_assert_msg(status == (refused ? AVSOUND_E_NO_MEMORY : AVSOUND_OK),
                      "%s, allocation %ld refused %ld times: %s (%s)", name, n, refused, avsound_status_name(status),
                      avsound_error_detail());
        if (!refused)
            return failures;
        failures++;
    }
}

/* Each failure must be AVSOUND_E_NO_MEMORY and leave nothing behind, and the try after all of them succeed; what `attempt`
 * makes it must free itself. What a model keeps for its sessions (packed weights) is made by a first try and is no leak. */
static void refuse_every(const char *name, refusals *r, void *scene, attempt_fn attempt, int step)
{
    r->refuse = 0;
    ck_avsound(attempt(scene));
    r->for_good = 0;
    const long once = refuse_in_turn(name, r, scene, attempt, step);
    r->for_good = 1;
    const long for_good = refuse_in_turn(name, r, scene, attempt, step);
    ck_assert_int_gt(once, 0);
    ck_avsound(attempt(scene));
    printf("%s: %ld refusals\n", name, once + for_good);
}

__attribute__((unused)) static void refuse_each(const char *name, refusals *r, void *scene, attempt_fn attempt)
{
    refuse_every(name, r, scene, attempt, 1);
}

/* Of a network of many layers, which ask for memory in the same places over and over, every seventh. */
__attribute__((unused)) static void refuse_some(const char *name, refusals *r, void *scene, attempt_fn attempt)
{
    refuse_every(name, r, scene, attempt, 7);
}

/* For what needs no memory: everything is refused, nothing is asked for. */
__attribute__((unused)) static void refuse_all(const char *name, refusals *r, void *scene, attempt_fn attempt)
{
    r->refuse = 1;
    r->for_good = 1;
    ck_avsound(attempt(scene));
    ck_assert_msg(atomic_load(&r->budget.calls) == 0, "%s: %ld allocations", name, atomic_load(&r->budget.calls));
    r->refuse = 0;
    disarm(r);
}

#endif
