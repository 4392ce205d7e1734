#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_cca.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("cca"), 12);
}
END_TEST

SUITE("fuzz.cca", every_file_of_the_corpus_is_survived)
