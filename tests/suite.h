/* A Check program is one suite: SUITE(name, case, case, ...) makes main(). */
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

#define SUITE(name, ...)                                                                               \
    int main(void)                                                                                     \
    {                                                                                                  \
        const TTest *const cases_[] = {__VA_ARGS__};                                                   \
        Suite *suite_ = suite_create(name);                                                            \
        TCase *tcase_ = tcase_create(name);                                                            \
        for (size_t i_ = 0; i_ < sizeof cases_ / sizeof cases_[0]; i_++)                               \
            tcase_add_test(tcase_, cases_[i_]);                                                        \
        suite_add_tcase(suite_, tcase_);                                                               \
        SRunner *runner_ = srunner_create(suite_);                                                     \
        srunner_run_all(runner_, CK_NORMAL);                                                           \
        const int failed_ = srunner_ntests_failed(runner_);                                            \
        srunner_free(runner_);                                                                         \
        return failed_ ? EXIT_FAILURE : EXIT_SUCCESS;                                                  \
    }

#endif
