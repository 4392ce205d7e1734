#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_flows.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("flows"), 9);
}
END_TEST

SUITE("fuzz.flows", every_file_of_the_corpus_is_survived)
