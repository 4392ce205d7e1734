#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_media.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("media"), 20);
}
END_TEST

SUITE("fuzz.media", every_file_of_the_corpus_is_survived)
