#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_views.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("views"), 34);
}
END_TEST

SUITE("fuzz.views", every_file_of_the_corpus_is_survived)
