#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_config.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("config"), 48);
}
END_TEST

SUITE("fuzz.config", every_file_of_the_corpus_is_survived)
