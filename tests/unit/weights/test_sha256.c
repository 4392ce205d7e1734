#include "suite.h"

#include "weights/sha256.h"

#include <libavutil/mem.h>
#include <libavutil/sha.h>

/* The examples of NIST for FIPS 180: one block, two blocks, a million letters. */
static const struct {
    const char *text;
    int repeat;
    const char *digest;
} published[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void check_published(bool portable)
{
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        avsn_sha256 hash;
        char text[AVSN_SHA256_TEXT];
        avsn_sha256_start(&hash);
        hash.portable = hash.portable || portable;
        for (int r = 0; r < published[i].repeat; r++)
            avsn_sha256_update(&hash, published[i].text, strlen(published[i].text));
        avsn_sha256_finish(&hash, text);
        ck_assert_str_eq(text, published[i].digest);
    }
}

START_TEST(digests_are_the_published_ones)
{
    check_published(false);
    check_published(true);
}
END_TEST

START_TEST(any_length_in_any_pieces_agrees_with_libavutil)
{
    uint8_t data[300], digest[32];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + 13);
    struct AVSHA *sha = av_sha_alloc();
    for (size_t length = 0; length <= sizeof data; length++) {
        char want[AVSN_SHA256_TEXT], got[AVSN_SHA256_TEXT];
        av_sha_init(sha, 256);
        av_sha_update(sha, data, length);
        av_sha_final(sha, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(want + 2 * i, 3, "%02x", digest[i]);
        for (int portable = 0; portable < 2; portable++) {
            avsn_sha256 hash;
            avsn_sha256_start(&hash);
            hash.portable = hash.portable || portable;
            const size_t piece = length % 7 * 13 + 1;
            for (size_t at = 0; at < length; at += piece)
                avsn_sha256_update(&hash, data + at, length - at < piece ? length - at : piece);
            avsn_sha256_finish(&hash, got);
            ck_assert_str_eq(got, want);
        }
    }
    av_free(sha);
}
END_TEST

SUITE("weights.sha256", digests_are_the_published_ones, any_length_in_any_pieces_agrees_with_libavutil)
