#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_checkpoint.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("checkpoint"), 9);
}
END_TEST

SUITE("fuzz.checkpoint", every_file_of_the_corpus_is_survived)
