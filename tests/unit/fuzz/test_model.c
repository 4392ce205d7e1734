#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_model.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("model"), 16);
}
END_TEST

SUITE("fuzz.model", every_file_of_the_corpus_is_survived)
