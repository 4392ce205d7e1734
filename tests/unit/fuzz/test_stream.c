#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_stream.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("stream"), 42);
}
END_TEST

SUITE("fuzz.stream", every_file_of_the_corpus_is_survived)
