/* Walks over recordings in memory, behind a descriptor and behind callbacks: results are those of the path to the bit. */
#include "contract/fixture.h"
#include "input.h"

#include <fcntl.h>

typedef struct scene {
    char folder[64], wav[96], film[96];
    avsound_context *context;
    input in;
    int fd;
    avsound_io io;
} scene;

static void begin(scene *s)
{
    make_folder(s->folder);
    snprintf(s->wav, sizeof s->wav, "%s/sound.wav", s->folder);
    snprintf(s->film, sizeof s->film, "%s/film.mkv", s->folder);
    s->context = plain_context();
    write_wav(s->wav, 1.4);
    write_clip(s->context, s->film, s->wav, 35);
    s->in = input_of_file(s->film);
    s->fd = open(s->film, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(s->fd, 0);
}

static void end(scene *s)
{
    if (s->fd >= 0)
        close(s->fd);
    input_drop(&s->in);
    avsound_context_free(s->context);
    remove_folder(s->folder);
}

/* Places where the same file is; callbacks bring 1000 bytes at once. */
enum { PLACES = 4 };

static avsound_source place(scene *s, int32_t kind)
{
    s->in.piece = 1000;
    s->io = input_io(&s->in, "film.mkv");
    return (avsound_source){.struct_size = sizeof(avsound_source), .kind = kind, .fd = s->fd, .io = &s->io, .data = s->in.data,
                            .size = (int64_t)s->in.size, .name = kind == AVSOUND_SOURCE_PATH ? s->film : NULL};
}

static uint64_t digest(uint64_t hash, const void *data, size_t size)
{
    for (size_t i = 0; data && i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t digest_of_scan(avsound_scan *scan)
{
    uint64_t hash = 0xcbf29ce484222325u;
    avsound_scan_result r = {.struct_size = sizeof r};
    avsound_status status;
    int count = 0;
    for (; !(status = avsound_scan_next(scan, &r)); count++) {
        hash = digest(hash, &r.time_us, sizeof r.time_us);
        hash = digest(hash, &r.probability, sizeof r.probability);
        hash = digest(hash, r.map, (size_t)r.rows * (size_t)r.cols * sizeof *r.map);
    }
    ck_refused(status, AVSOUND_E_END, "no more");
    ck_assert_int_gt(count, 0);
    avsound_scan_free(scan);
    return hash;
}

static void check_scans(const char *arch, int32_t what, double hop)
{
    scene s;
    begin(&s);
    avsound_model *model = narrow_model(s.context, arch);
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    o.what = what;
    o.threads = 2;
    o.hop_seconds = hop;
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(model, s.film, &o, &scan));
    const uint64_t wanted = digest_of_scan(scan);
    for (int32_t kind = 0; kind < PLACES; kind++) {
        const avsound_source source = place(&s, kind);
        ck_avsound(avsound_scan_create_source(model, &source, &o, &scan));
        ck_assert_msg(digest_of_scan(scan) == wanted, "%s from place %d", arch, kind);
    }

    /* the sound alone, repeated or padded as a path's */
    o.audio_path = s.wav;
    ck_avsound(avsound_scan_create(model, s.film, &o, &scan));
    const uint64_t with_other = digest_of_scan(scan);
    input sound = input_of_file(s.wav);
    const avsound_io io = input_io(&sound, NULL);
    const avsound_source other = {.struct_size = sizeof other, .kind = AVSOUND_SOURCE_IO, .io = &io};
    const avsound_source source = place(&s, AVSOUND_SOURCE_IO);
    o.audio_path = NULL;
    o.audio_source = &other;
    ck_avsound(avsound_scan_create_source(model, &source, &o, &scan));
    ck_assert(digest_of_scan(scan) == with_other);
    input_drop(&sound);
    avsound_model_free(model);
    end(&s);
}

START_TEST(scans_are_the_same_from_everywhere)
{
    check_scans("avol-net", AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP, 0.2);
    check_scans("multisensory", AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME, 0);
    check_scans("sync-net", AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME, 0.2);
}
END_TEST

static void measure(avsound_offset *offset, double *scores, size_t *count)
{
    avsound_status status;
    while (!(status = avsound_offset_next(offset, NULL)))
        ;
    ck_refused(status, AVSOUND_E_END, "");
    avsound_offset_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_offset_get_result(offset, &r));
    ck_avsound(avsound_offset_get_curve(offset, NULL, scores, count));
    ck_assert_uint_gt(*count, 0);
    avsound_offset_free(offset);
}

START_TEST(offsets_are_the_same_from_everywhere)
{
    scene s;
    begin(&s);
    avsound_model *model = narrow_model(s.context, "sync-net");
    avsound_offset_options o;
    avsound_offset_options_init(&o, sizeof o);
    o.range_seconds = 0.2;
    double wanted[256], scores[256];
    size_t count = 256, found;
    avsound_offset *offset = NULL;
    ck_avsound(avsound_offset_create(model, s.film, &o, &offset));
    measure(offset, wanted, &count);
    for (int32_t kind = 0; kind < PLACES; kind++) {
        const avsound_source source = place(&s, kind);
        found = 256;
        ck_avsound(avsound_offset_create_source(model, &source, &o, &offset));
        measure(offset, scores, &found);
        ck_assert_uint_eq(found, count);
        ck_assert_msg(!memcmp(scores, wanted, count * sizeof *scores), "from place %d", kind);
    }
    avsound_model_free(model);
    end(&s);
}
END_TEST

static uint64_t digest_of_separation(avsound_separator *separator)
{
    uint64_t hash = 0xcbf29ce484222325u;
    avsound_separator_result r = {.struct_size = sizeof r};
    avsound_status status;
    while (!(status = avsound_separator_next(separator, &r))) {
        hash = digest(hash, r.on, (size_t)r.samples * sizeof *r.on);
        hash = digest(hash, r.off, (size_t)r.samples * sizeof *r.off);
    }
    ck_refused(status, AVSOUND_E_END, "");
    avsound_separator_free(separator);
    return hash;
}

START_TEST(separations_are_the_same_from_everywhere)
{
    scene s;
    begin(&s);
    avsound_model *model = narrow_model(s.context, "mask-net");
    avsound_separator_options o;
    avsound_separator_options_init(&o, sizeof o);
    o.threads = 2;
    avsound_separator *separator = NULL;
    ck_avsound(avsound_separator_create(model, s.film, &o, &separator));
    const uint64_t wanted = digest_of_separation(separator);
    for (int32_t kind = 0; kind < PLACES; kind++) {
        const avsound_source source = place(&s, kind);
        ck_avsound(avsound_separator_create_source(model, &source, &o, &separator));
        ck_assert_msg(digest_of_separation(separator) == wanted, "from place %d", kind);
    }
    const avsound_source source = place(&s, AVSOUND_SOURCE_MEMORY), other = place(&s, AVSOUND_SOURCE_FD);
    o.audio_source = &other;
    ck_avsound(avsound_separator_create_source(model, &source, &o, &separator));
    ck_assert(digest_of_separation(separator) == wanted);
    o.audio_path = s.wav;
    ck_refused(avsound_separator_create_source(model, &source, &o, &separator), AVSOUND_E_INVALID_ARGUMENT, "both given");
    avsound_model_free(model);
    end(&s);
}
END_TEST

/* What is given need not stay: the struct, the name, the callbacks' struct, the descriptor. */
START_TEST(a_source_is_not_looked_at_again)
{
    scene s;
    begin(&s);
    avsound_model *model = narrow_model(s.context, "multisensory");
    const avsound_scan_options o = {.struct_size = sizeof o, .what = AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME, .threads = 1};
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(model, s.film, &o, &scan));
    const uint64_t wanted = digest_of_scan(scan);
    avsound_source source = place(&s, AVSOUND_SOURCE_FD);
    ck_avsound(avsound_scan_create_source(model, &source, &o, &scan));
    ck_assert_int_eq(close(s.fd), 0);
    s.fd = -1;
    ck_assert(digest_of_scan(scan) == wanted);
    char name[] = "film.mkv";
    source = place(&s, AVSOUND_SOURCE_IO);
    s.io.name = name;
    ck_avsound(avsound_scan_create_source(model, &source, &o, &scan));
    memset(name, '!', sizeof name - 1);
    memset(&s.io, 0xff, sizeof s.io);
    memset(&source, 0xff, sizeof source);
    ck_assert(digest_of_scan(scan) == wanted);
    avsound_model_free(model);
    end(&s);
}
END_TEST

START_TEST(wrong_sources_are_refused)
{
    scene s;
    begin(&s);
    avsound_model *model = narrow_model(s.context, "avol-net");
    avsound_scan_options o = {.struct_size = sizeof o, .what = AVSOUND_SCAN_SCORE, .threads = 1};
    avsound_scan *scan = NULL;
    static const struct {
        avsound_source source;
        const char *detail;
    } cases[] = {
        {{.struct_size = 0}, "struct_size"},
        {{.struct_size = sizeof(avsound_source), .kind = 4}, "kind is 4"},
        {{.struct_size = sizeof(avsound_source), .kind = -1}, "kind is -1"},
        {{.struct_size = sizeof(avsound_source)}, "name is NULL"},
        {{.struct_size = sizeof(avsound_source), .kind = AVSOUND_SOURCE_MEMORY, .size = 7}, "data is NULL"},
        {{.struct_size = sizeof(avsound_source), .kind = AVSOUND_SOURCE_MEMORY, .data = "x", .size = 0}, "size 0"},
        {{.struct_size = sizeof(avsound_source), .kind = AVSOUND_SOURCE_IO}, "io is NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scan = (avsound_scan *)&s;
        ck_refused(avsound_scan_create_source(model, &cases[i].source, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, cases[i].detail);
        ck_assert_ptr_null(scan);
    }
    ck_refused(avsound_scan_create_source(model, NULL, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, "source is NULL");
    ck_refused(avsound_scan_create(model, NULL, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    const avsound_source source = place(&s, AVSOUND_SOURCE_FD);
    o.audio_path = s.wav;
    o.audio_source = &source;
    ck_refused(avsound_scan_create_source(model, &source, &o, &scan), AVSOUND_E_INVALID_ARGUMENT, "both given");
    avsound_stream *stream = NULL;
    o.audio_path = NULL;
    const avsound_stream_options live = {.struct_size = sizeof live, .scan = &o};
    ck_refused(avsound_stream_create(model, &live, &stream), AVSOUND_E_INVALID_ARGUMENT, "audio_source");

    /* callbacks that fail are said so, by a walk, too */
    s.in.fails_at = 3000;
    s.in.answer = -5;
    const avsound_source failing = place(&s, AVSOUND_SOURCE_IO);
    o.audio_source = NULL;
    ck_refused(avsound_scan_create_source(model, &failing, &o, &scan), AVSOUND_E_IO, "film.mkv");
    avsound_model_free(model);
    end(&s);
}
END_TEST

SUITE("contract.source", scans_are_the_same_from_everywhere, offsets_are_the_same_from_everywhere,
      separations_are_the_same_from_everywhere, a_source_is_not_looked_at_again, wrong_sources_are_refused)
