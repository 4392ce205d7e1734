/* A Check program is one suite: SUITE(name, case, case, ...) makes main(), or LOOP_SUITE(), whose cases run several times. */
#ifndef AVSN_TEST_SUITE_H
#define AVSN_TEST_SUITE_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>

/* Fails with the library's own words. */
#define ck_avsound(expr)                                                                               \
    do {                                                                                               \
        const avsound_status status_ = (expr);                                                         \
        ck_assert_msg(status_ == AVSOUND_OK, "%s: %s: %s", #expr, avsound_status_name(status_),        \
                      avsound_error_detail());                                                         \
    } while (0)

/* Expects this status, and a detail that contains `words`. */
#define ck_refused(expr, code, words)                                                                  \
    do {                                                                                               \
        const avsound_status status_ = (expr);                                                         \
        ck_assert_msg(status_ == (code), "%s: got %s (%s), want %s", #expr, avsound_status_name(status_), \
                      avsound_error_detail(), avsound_status_name(code));                              \
        ck_assert_msg(strstr(avsound_error_detail(), words) != NULL, "%s: detail is \"%s\", want \"%s\" in it", \
                      #expr, avsound_error_detail(), words);                                           \
    } while (0)

typedef struct looped_case {
    const TTest *test;
    int begin, end;
} looped_case;

static inline int run_suite(const char *name, const looped_case *cases, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(tcase, cases[i].test, cases[i].begin, cases[i].end);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* {case, begin, end} runs with _i from `begin` to before `end`. */
#define LOOP_SUITE(name, ...)                                                                          \
    int main(void)                                                                                     \
    {                                                                                                  \
        const looped_case looped_[] = {__VA_ARGS__};                                                   \
        return run_suite(name, looped_, sizeof looped_ / sizeof looped_[0]);                           \
    }

#define SUITE(name, ...)                                                                               \
    int main(void)                                                                                     \
    {                                                                                                  \
        const TTest *const cases_[] = {__VA_ARGS__};                                                   \
        looped_case looped_[sizeof cases_ / sizeof cases_[0]];                                         \
        for (size_t i_ = 0; i_ < sizeof cases_ / sizeof cases_[0]; i_++)                               \
            looped_[i_] = (looped_case){cases_[i_], 0, 1};                                             \
        return run_suite(name, looped_, sizeof cases_ / sizeof cases_[0]);                             \
    }

#endif
