/* Hands every file of a corpus to its fuzzer's function, as a fuzzer would: by it what was found once stays found. */
#ifndef AVSN_TEST_REPLAY_H
#define AVSN_TEST_REPLAY_H

#include "suite.h"

#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns how many files there were. */
static int replay(const char *corpus)
{
    char name[1024];
    static uint8_t bytes[1 << 16];
    int files = 0;
    snprintf(name, sizeof name, "%s/fuzz/%s", TEST_SOURCE_DIR, corpus);
    DIR *folder = opendir(name);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/fuzz/%s/%s", TEST_SOURCE_DIR, corpus, entry->d_name);
        FILE *in = fopen(name, "rb");
        ck_assert_msg(in != NULL, "%s", name);
        const size_t size = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        LLVMFuzzerTestOneInput(bytes, size);
        files++;
    }
    closedir(folder);
    return files;
}

#endif
