#include "suite.h"

#include "../../fuzz/fuzz_model.c"

#include <dirent.h>

static size_t read_file(const char *folder, const char *name, uint8_t *bytes, size_t room)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    ck_assert_msg(in != NULL, "%s", path);
    const size_t size = fread(bytes, 1, room, in);
    fclose(in);
    return size;
}

START_TEST(every_file_of_the_corpus_is_survived)
{
    const char *name = TEST_SOURCE_DIR "/fuzz/model";
    static uint8_t bytes[1 << 16];
    int files = 0;
    DIR *folder = opendir(name);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        const size_t size = read_file(name, entry->d_name, bytes, sizeof bytes);
        LLVMFuzzerTestOneInput(bytes, size);
        files++;
    }
    closedir(folder);
    ck_assert_int_ge(files, 16);
}
END_TEST

SUITE("weights.corpus", every_file_of_the_corpus_is_survived)
