#include "train/dataset.h"

#include <sys/stat.h>
#include <unistd.h>

#include "failing.h"
#include "suite.h"
#include "train/csv.h"

/* ---- folders to read ---- */

static char root[512];

static const char *in_root(const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_root(name), "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_root(void)
{
    snprintf(root, sizeof root, "/tmp/avsound-dataset-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

#define HEAD "file,group,frames,samples,flags\n"

static avsound_context *context;

static avsn_dataset *opened(const char *name)
{
    avsn_dataset *dataset;
    ck_avsound(avsn_dataset_open(context, in_root(name), &dataset));
    return dataset;
}

static void setup(void)
{
    make_root();
    ck_avsound(avsound_context_create(NULL, &context));
    ck_assert_int_eq(mkdir(in_root("a"), 0777), 0);
    put("a/2.mkv", "x");
    put("a/1, \"one\".mkv", "x");
    put("a/prepared.csv", "samples,flags,file,note,frames,group\r\n"
                          "480000,,2.mkv,,250,g2\r\n"
                          "96000,,\"1, \"\"one\"\".mkv\",\"two\nlines\",50,\"g,1\"\r\n"
                          "96000,silent still,gone.mkv,,50,g3\r\n");
}

static void teardown(void)
{
    avsound_context_free(context);
    remove_root();
}

/* ---- what is read ---- */

START_TEST(folder_lists_unflagged_clips_by_path)
{
    setup();
    avsn_dataset *dataset = opened("a");
    ck_assert_int_eq(avsn_dataset_count(dataset), 2);
    ck_assert_int_eq(avsn_dataset_flagged(dataset), 1);
    const avsn_dataset_clip *one = avsn_dataset_clip_at(dataset, 0), *two = avsn_dataset_clip_at(dataset, 1);
    ck_assert_str_eq(one->path, in_root("a/1, \"one\".mkv"));
    ck_assert_str_eq(one->group, "g,1");
    ck_assert_int_eq(one->frames, 50);
    ck_assert_int_eq(one->samples, 96000);
    ck_assert_str_eq(two->path, in_root("a/2.mkv"));
    ck_assert_str_eq(two->group, "g2");
    ck_assert_int_eq(two->frames, 250);
    ck_assert_int_eq(two->samples, 480000);
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

START_TEST(who_looks_at_one_part_forgives_flags_of_the_other)
{
    static const struct {
        const char *flags;
        int taken[3]; /* by avsn_part */
    } cases[] = {
        {"", {1, 1, 1}},          {"silent", {0, 1, 0}},         {"still", {0, 0, 1}},   {"unequal", {0, 1, 1}},
        {"short", {0, 0, 0}},     {"duplicate", {0, 0, 0}},      {"no-video", {0, 0, 1}}, {"no-video still", {0, 0, 1}},
        {"still silent", {0}},    {"unequal duplicate", {0}},    {"unwanted", {0}},      {"no-audio", {0}},
        {"unequal silent", {0, 1, 0}}, {"stil", {0}},            {"broken", {0}},        {"still  unequal", {0}},
    };
    setup();
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(cases); i++) {
        char table[256];
        snprintf(table, sizeof table, HEAD "1.mkv,g,%d,480000,%s\n2.mkv,h,250,480000,\n,i,0,0,no-video\n",
                 strstr(cases[i].flags, "no-video") ? 0 : 250, cases[i].flags);
        put("a/prepared.csv", table);
        put("a/1.mkv", "x");
        for (int part = 0; part < 3; part++) {
            avsn_dataset *dataset;
            ck_avsound(avsn_dataset_open_part(context, in_root("a"), (avsn_part)part, &dataset));
            ck_assert_msg(avsn_dataset_count(dataset) == 1 + cases[i].taken[part], "%s, part %d", cases[i].flags, part);
            ck_assert_int_eq(avsn_dataset_flagged(dataset), 2 - cases[i].taken[part]);
            avsn_dataset_free(dataset);
        }
    }
    teardown();
}
END_TEST

START_TEST(tables_of_shards_are_read_together)
{
    setup();
    put("a/3.mkv", "x");
    put("a/prepared-1-of-2.csv", HEAD "3.mkv,g,10,20,\n2.mkv,g2,250,480000,\n");
    put("a/prepared-notes.csv", "this is no table\n");
    avsn_dataset *dataset = opened("a");
    ck_assert_int_eq(avsn_dataset_count(dataset), 3);
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

START_TEST(list_names_folders_tables_and_clips)
{
    setup();
    ck_assert_int_eq(mkdir(in_root("b"), 0777), 0);
    ck_assert_int_eq(mkdir(in_root("c"), 0777), 0);
    put("b/x.mkv", "x");
    put("b/y.mkv", "x");
    put("b/prepared.csv", HEAD "x.mkv,g,10,20,\ny.mkv,g,10,20,\n");
    put("c/z.mkv", "x");
    put("c/chosen.csv", HEAD "z.mkv,g,10,20,");
    char list[2048];
    snprintf(list, sizeof list, "# what to learn from\n\n  a  \r\nb/y.mkv\na/2.mkv\n%s\n", in_root("c/chosen.csv"));
    put("list.txt", list);
    avsn_dataset *dataset = opened("list.txt");
    ck_assert_int_eq(avsn_dataset_count(dataset), 4);
    ck_assert_str_eq(avsn_dataset_clip_at(dataset, 2)->path, in_root("b/y.mkv"));
    ck_assert_str_eq(avsn_dataset_clip_at(dataset, 3)->path, in_root("c/z.mkv"));
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

START_TEST(digest_follows_the_list_but_not_the_place)
{
    setup();
    char digest[64], command[2048];
    avsn_dataset *dataset = opened("a");
    snprintf(digest, sizeof digest, "%s", avsn_dataset_digest(dataset));
    avsn_dataset_free(dataset);

    snprintf(command, sizeof command, "cp -r '%s' '%s'", in_root("a"), in_root("moved"));
    ck_assert_int_eq(system(command), 0);
    dataset = opened("moved");
    ck_assert_str_eq(avsn_dataset_digest(dataset), digest);
    avsn_dataset_free(dataset);

    static const char *const changed[] = {
        HEAD "2.mkv,g2,250,480000,\n",
        HEAD "2.mkv,g2,250,480000,\n\"1, \"\"one\"\".mkv\",\"g,1\",51,96000,\n",
        HEAD "2.mkv,g2,250,480000,\n\"1, \"\"one\"\".mkv\",\"g,1\",50,96001,\n",
        HEAD "2.mkv,g2,250,480000,\n\"1, \"\"one\"\".mkv\",\"g\",50,96000,\n",
    };
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        put("moved/prepared.csv", changed[i]);
        dataset = opened("moved");
        ck_assert_msg(strcmp(avsn_dataset_digest(dataset), digest) != 0, "change %zu is not seen", i);
        avsn_dataset_free(dataset);
    }
    teardown();
}
END_TEST

/* ---- what is refused ---- */

START_TEST(hostile_tables_are_refused_by_line)
{
    static const struct {
        const char *table, *words;
        avsound_status status;
    } cases[] = {
        {"", "is empty, want a line of column names", AVSOUND_E_FORMAT},
        {"file,group\n", "line 1: no column \"frames\" among the 2", AVSOUND_E_FORMAT},
        {"file,file\n", "line 1: columns 1 and 2 are both \"file\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g\n", "line 2: 2 fields, want 5", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,1,2,,\n", "line 2: 6 fields, want 5", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,\"g,1,2,\n", "line 2: a quoted field never ends", AVSOUND_E_FORMAT},
        {HEAD "\n\n2.mkv,\"g\"h,1,2,\n", "line 4: \"h,1,2,?\" behind a closing quote", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,\"g\n\",1,2,\n2.mkv,g,ten,2,\n", "line 4: frames is \"ten\", want a whole number from 1",
         AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,0,2,\n", "frames is \"0\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,2147483648,2,\n", "frames is \"2147483648\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,99999999999999999999,2,\n", "frames is \"99999999999999999999\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,1.5,2,\n", "frames is \"1.5\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g, 1,2,\n", "frames is \" 1\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,1,-2,\n", "samples is \"-2\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,1,,\n", "samples is \"\"", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,,1,2,\n", "group is \"\", want the name of a group", AVSOUND_E_FORMAT},
        {HEAD ",g,1,2,\n", "file is \"\", want the name of a file in the same folder", AVSOUND_E_FORMAT},
        {HEAD "../2.mkv,g,1,2,\n", "file is \"../2.mkv\"", AVSOUND_E_FORMAT},
        {HEAD "..,g,1,2,\n", "file is \"..\"", AVSOUND_E_FORMAT},
        {HEAD "2\x1b[31m.mkv,g,1,2,\n", "file is \"2?[31m.mkv\"", AVSOUND_E_FORMAT},
        {HEAD "lost.mkv,g,1,2,\n", "line 2: ", AVSOUND_E_IO},
        {HEAD, "no clip to learn from (0 were left out", AVSOUND_E_FORMAT},
        {HEAD "2.mkv,g,1,2,silent\n", "no clip to learn from (1 were left out", AVSOUND_E_FORMAT},
    };
    setup();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        avsn_dataset *dataset;
        put("a/prepared.csv", cases[i].table);
        ck_refused(avsn_dataset_open(context, in_root("a"), &dataset), cases[i].status, cases[i].words);
        ck_assert_ptr_null(dataset);
    }
    teardown();
}
END_TEST

START_TEST(too_many_columns_and_zero_bytes_are_refused)
{
    setup();
    avsn_dataset *dataset;
    char wide[2 * AVSN_CSV_MOST_COLUMNS + 2];
    memset(wide, ',', sizeof wide);
    wide[sizeof wide - 1] = 0;
    put("a/prepared.csv", wide);
    ck_refused(avsn_dataset_open(context, in_root("a"), &dataset), AVSOUND_E_FORMAT, "line 1: more than 64 columns");
    FILE *file = fopen(in_root("a/prepared.csv"), "wb");
    fwrite("file\0,group", 1, 11, file);
    fclose(file);
    ck_refused(avsn_dataset_open(context, in_root("a"), &dataset), AVSOUND_E_FORMAT, "byte 4 is 0, want text");
    teardown();
}
END_TEST

START_TEST(wrong_paths_are_refused)
{
    setup();
    avsn_dataset *dataset;
    ck_refused(avsn_dataset_open(context, in_root("none"), &dataset), AVSOUND_E_IO, "No such file");
    ck_assert_int_eq(mkdir(in_root("empty"), 0777), 0);
    ck_refused(avsn_dataset_open(context, in_root("empty"), &dataset), AVSOUND_E_FORMAT, "no prepared.csv in it");
    put("list.txt", "a\nempty\n");
    ck_refused(avsn_dataset_open(context, in_root("list.txt"), &dataset), AVSOUND_E_FORMAT, "list.txt line 2: ");
    put("a/unlisted.mkv", "x");
    put("list.txt", "a/unlisted.mkv\n");
    ck_refused(avsn_dataset_open(context, in_root("list.txt"), &dataset), AVSOUND_E_FORMAT,
               "unlisted.mkv: not listed in the prepared.csv of its folder");
    teardown();
}
END_TEST

START_TEST(refused_memory_is_survived)
{
    setup();
    failing f;
    avsound_context *strict = failing_context(&f);
    avsn_dataset *dataset;
    ck_survives_refusals(&f, avsn_dataset_open(strict, in_root("a"), &dataset), avsn_dataset_free(dataset));
    put("list.txt", "a/2.mkv\n");
    ck_survives_refusals(&f, avsn_dataset_open(strict, in_root("list.txt"), &dataset), avsn_dataset_free(dataset));
    avsound_context_free(strict);
    teardown();
}
END_TEST

SUITE("train.dataset", folder_lists_unflagged_clips_by_path, who_looks_at_one_part_forgives_flags_of_the_other, tables_of_shards_are_read_together,
      list_names_folders_tables_and_clips, digest_follows_the_list_but_not_the_place,
      hostile_tables_are_refused_by_line, too_many_columns_and_zero_bytes_are_refused, wrong_paths_are_refused,
      refused_memory_is_survived)
