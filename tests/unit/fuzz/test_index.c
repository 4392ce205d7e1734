#include "unit/fuzz/replay.h"

#include "../../fuzz/fuzz_index.c"

START_TEST(every_file_of_the_corpus_is_survived)
{
    ck_assert_int_ge(replay("index"), 23);
}
END_TEST

/* The corpus is made elsewhere than in the library: what is meant to be right must be. */
START_TEST(the_whole_one_is_read)
{
    static uint8_t whole[1 << 14];
    char path[96];
    avsound_context *context = small_context();
    opened o = {.info = {.struct_size = sizeof o.info}};
    FILE *in = fopen(TEST_SOURCE_DIR "/fuzz/index/whole", "rb");
    ck_assert_ptr_nonnull(in);
    const size_t size = fread(whole, 1, sizeof whole, in);
    fclose(in);
    need_folder();
    empty_folder();
    write_index(whole, size);
    ck_avsound(avsound_index_open(context, in_folder("a.db", path), &o.index));
    ck_avsound(avsound_index_get_info(o.index, &o.info));
    ck_assert_int_eq(o.info.images, 4);
    ck_assert_int_eq(o.info.sounds, 4);
    ck_assert_int_eq(o.info.failed, 2);
    avsound_index_free(o.index);
    avsound_context_free(context);
}
END_TEST

SUITE("fuzz.index", every_file_of_the_corpus_is_survived, the_whole_one_is_read)
