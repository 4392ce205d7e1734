/* The index on disk when things go wrong: writers that are killed, two at once, full disks, foreign and damaged files. What
 * a file's vectors are follows from its number and version, so that each row can be checked. */
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "failing.h"
#include "index/store.h"

enum { DIMENSION = 24, FILES = 40, MOST_ITEMS = 30 };

static avsound_context *context;
static char folder[64], path[96];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    snprintf(folder, sizeof folder, "/tmp/avsound-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
}

static const char *beside(const char *ending)
{
    static char name[128];
    snprintf(name, sizeof name, "%s%s", path, ending);
    return name;
}

static void remove_store(void)
{
    static const char *const endings[] = {"", "-image", "-sound", "-journal"};
    for (size_t i = 0; i < 4; i++)
        unlink(beside(endings[i]));
}

static void tear_down(void)
{
    chmod(folder, 0700);
    remove_store();
    ck_assert_int_eq(rmdir(folder), 0);
    avsound_context_free(context);
}

static const avsn_store_about about = {.model = "abc", .arch = "ave-net", .aligned = 1, .modalities = 3,
                                       .dimension = {DIMENSION, DIMENSION}, .hop_us = 1000000};

static int64_t items_of(int64_t file, int64_t version, int side)
{
    return (int64_t)(avsn_rng_uniform(7, (uint64_t)(2 * version + side), (uint64_t)file) * MOST_ITEMS);
}

static float value_of(int64_t file, int64_t version, int side, int64_t item, int64_t d)
{
    return (float)(file * 1000 + version * 100 + side * 50 + item) + (float)d / 64;
}

/* Versions are told apart by the size of the file. */
static avsound_status put_version(avsn_store *store, int64_t file, int64_t version)
{
    char name[32];
    int64_t times[AVSN_STORE_SIDES][MOST_ITEMS];
    for (int side = 0; side < AVSN_STORE_SIDES; side++)
        for (int64_t i = 0; i < items_of(file, version, side); i++) {
            float vector[DIMENSION];
            for (int64_t d = 0; d < DIMENSION; d++)
                vector[d] = value_of(file, version, side, i, d);
            times[side][i] = 1000 * i + file;
            const avsound_status status = avsn_store_append(store, side, vector, 1);
            if (status)
                return status;
        }
    snprintf(name, sizeof name, "file %lld", (long long)file);
    const avsn_store_file f = {.path = name, .size = version, .mtime_ns = file, .error = file % 5 ? NULL : "damaged"};
    return avsn_store_put(store, &f, (const int64_t *const[]){times[0], times[1]});
}

static avsn_store *open_store(bool writing)
{
    avsn_store *store;
    ck_avsound(avsn_store_open(context, path, writing, &store));
    if (!avsn_store_get_about(store))
        ck_avsound(avsn_store_found(store, &about));
    return store;
}

/* ---- what is there ---- */

typedef struct found {
    const avsn_store *store;
    int64_t files, version[FILES], ids[FILES], items[AVSN_STORE_SIDES];
    int side;
} found;

static avsound_status check_file(void *user, int64_t number, const avsn_store_file *file)
{
    found *f = user;
    int file_number;
    ck_assert_int_eq(sscanf(file->path, "file %d", &file_number), 1);
    ck_assert_int_lt(file_number, FILES);
    ck_assert_int_eq(f->version[file_number], -1);
    ck_assert_int_eq(file->mtime_ns, file_number);
    ck_assert_int_eq(file->error != NULL, file_number % 5 == 0);
    f->version[file_number] = file->size;
    f->ids[file_number] = number;
    f->files++;
    return AVSOUND_OK;
}

static avsound_status check_segment(void *user, const avsn_store_segment *segment)
{
    found *f = user;
    int64_t file = 0, time;
    while (file < FILES && f->ids[file] != segment->file)
        file++;
    ck_assert_int_lt(file, FILES);
    ck_assert_int_eq(segment->count, items_of(file, f->version[file], f->side));
    const float *rows = avsn_store_vectors(f->store, f->side) + segment->first * DIMENSION;
    for (int64_t i = 0; i < segment->count; i++) {
        memcpy(&time, segment->times + 8 * i, 8);
        ck_assert_int_eq(time, 1000 * i + file);
        for (int64_t d = 0; d < DIMENSION; d++)
            ck_assert(rows[i * DIMENSION + d] == value_of(file, f->version[file], f->side, i, d));
    }
    f->items[f->side] += segment->count;
    return AVSOUND_OK;
}

/* Every file that is there is there whole, in one version. */
static found check_store(void)
{
    avsn_store *store = open_store(false);
    found f = {.store = store};
    for (int i = 0; i < FILES; i++)
        f.version[i] = f.ids[i] = -1;
    ck_avsound(avsn_store_each_file(store, check_file, &f));
    for (f.side = 0; f.side < AVSN_STORE_SIDES; f.side++) {
        int64_t wanted = 0;
        ck_avsound(avsn_store_each_segment(store, f.side, check_segment, &f));
        for (int64_t i = 0; i < FILES; i++)
            wanted += f.version[i] < 0 ? 0 : items_of(i, f.version[i], f.side);
        ck_assert_int_eq(f.items[f.side], wanted);
    }
    avsn_store_close(store);
    return f;
}

START_TEST(what_was_put_is_there)
{
    bool known;
    avsn_store *store = open_store(true);
    for (int64_t i = 0; i < FILES; i++)
        ck_avsound(put_version(store, i, 0));
    ck_avsound(put_version(store, 3, 1));
    ck_avsound(avsn_store_remove(store, "file 4"));
    ck_avsound(avsn_store_knows(store, "file 3", 1, 3, &known));
    ck_assert(known);
    ck_avsound(avsn_store_knows(store, "file 3", 0, 3, &known));
    ck_assert(!known);
    ck_avsound(avsn_store_knows(store, "file 4", 0, 4, &known));
    ck_assert(!known);
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    const found f = check_store();
    ck_assert_int_eq(f.files, FILES - 1);
    ck_assert_int_eq(f.version[3], 1);
    ck_assert_int_eq(f.version[4], -1);
    store = open_store(true);
    ck_assert_str_eq(avsn_store_get_about(store)->arch, "ave-net");
    ck_assert_int_eq(avsn_store_get_about(store)->hop_us, 1000000);
    ck_avsound(put_version(store, 4, 2));
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    ck_assert_int_eq(check_store().version[4], 2);
}
END_TEST

START_TEST(what_was_not_committed_is_not_there)
{
    avsn_store *store = open_store(true);
    ck_avsound(put_version(store, 1, 0));
    ck_avsound(avsn_store_commit(store));
    ck_avsound(put_version(store, 1, 1));
    ck_avsound(put_version(store, 2, 0));
    avsn_store_close(store);
    const found f = check_store();
    ck_assert_int_eq(f.files, 1);
    ck_assert_int_eq(f.version[1], 0);
}
END_TEST

START_TEST(a_reader_keeps_the_view_it_was_opened_with)
{
    avsn_store *store = open_store(true);
    ck_avsound(put_version(store, 7, 0));
    ck_avsound(avsn_store_commit(store));
    avsn_store *reader = open_store(false);
    const float first = avsn_store_vectors(reader, 0)[0];
    avsn_store_settle(reader);
    ck_avsound(avsn_store_remove(store, "file 7"));
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    store = open_store(true); /* drops rows that nobody knows of: these are known */
    ck_avsound(put_version(store, 8, 0));
    ck_avsound(avsn_store_commit(store));
    ck_assert(avsn_store_vectors(reader, 0)[0] == first);
    ck_assert(first == value_of(7, 0, 0, 0, 0));
    avsn_store_close(reader);
    avsn_store_close(store);
}
END_TEST

/* ---- killed ---- */

/* Tells of each step, so that it can be killed after any, however slow the machine. */
static void write_for_ever(uint64_t seed, int steps)
{
    avsn_store *store;
    if (avsn_store_open(context, path, true, &store))
        _exit(3);
    if (!avsn_store_get_about(store) && avsn_store_found(store, &about))
        _exit(4);
    for (uint64_t n = 0;; n++) {
        const int64_t file = (int64_t)(avsn_rng_uniform(seed, 1, n) * FILES), version = (int64_t)(avsn_rng_uniform(seed, 2, n) * 5);
        if (put_version(store, file, version) || (n % 3 == 0 && avsn_store_commit(store)) || write(steps, "", 1) != 1)
            _exit(5);
    }
}

static void sleep_for(double seconds)
{
    const struct timespec t = {0, (long)(seconds * 1e9)};
    nanosleep(&t, NULL);
}

START_TEST(killed_at_any_moment_it_is_whole_and_goes_on)
{
    for (uint64_t round = 0; round < 60; round++) {
        struct stat s;
        int ends[2], status;
        char step;
        ck_assert_int_eq(pipe(ends), 0);
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (!child)
            write_for_ever(round, ends[1]);
        for (int left = (int)(12 * avsn_rng_uniform(3, 4, round)); left > 0; left--)
            ck_assert_int_eq(read(ends[0], &step, 1), 1);
        sleep_for(0.01 * avsn_rng_uniform(3, 5, round));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        close(ends[0]);
        close(ends[1]);
        ck_assert_msg(WIFSIGNALED(status), "round %d: the writer ended by itself: %d", (int)round, WEXITSTATUS(status));
        if (stat(path, &s) || !s.st_size)
            continue; /* before there was anything */
        avsn_store *store; /* whoever comes next tidies up, or finds a database that was never made */
        ck_avsound(avsn_store_open(context, path, true, &store));
        const bool made = avsn_store_get_about(store) != NULL;
        avsn_store_close(store);
        if (made)
            check_store();
    }
    ck_assert_int_gt(check_store().files, 0);
}
END_TEST

/* ---- not alone, no room ---- */

START_TEST(two_writers_are_one_too_many)
{
    avsn_store *store = open_store(true), *other = (avsn_store *)1;
    ck_refused(avsn_store_open(context, path, true, &other), AVSOUND_E_STATE, "another process is writing");
    ck_assert_ptr_null(other);
    ck_avsound(put_version(store, 1, 0));
    check_store(); /* readers may */
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    avsn_store_close(open_store(true));
}
END_TEST

START_TEST(a_full_disk_loses_nothing_that_was_committed)
{
    signal(SIGXFSZ, SIG_IGN);
    avsn_store *store = open_store(true);
    ck_avsound(put_version(store, 1, 0));
    ck_avsound(avsn_store_commit(store));
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY}, little = {30000, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    avsound_status status = AVSOUND_OK;
    for (int64_t i = 2; !status && i < FILES; i++) {
        status = put_version(store, i, 0);
        if (!status)
            status = avsn_store_commit(store);
    }
    ck_assert_int_eq(status, AVSOUND_E_IO);
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), path));
    avsn_store_forget(store);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
    const int64_t before = check_store().files;
    ck_assert_int_ge(before, 1);
    ck_avsound(put_version(store, 39, 0)); /* there is room again */
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    ck_assert_int_ge(check_store().files, before);
}
END_TEST

START_TEST(write_protected_it_can_be_read)
{
    avsn_store *store = open_store(true);
    ck_avsound(put_version(store, 1, 0));
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
    ck_assert_int_eq(chmod(path, 0400) | chmod(beside("-image"), 0400) | chmod(beside("-sound"), 0400) | chmod(folder, 0500), 0);
    const pid_t child = fork(); /* root writes anywhere */
    if (!child) {
        if (!getuid() && (chown(folder, 1000, 1000) | chown(path, 1000, 1000) | chown(beside("-image"), 1000, 1000) |
                          chown(beside("-sound"), 1000, 1000) | setgid(1000) | setuid(1000)))
            _exit(9);
        if (avsn_store_open(context, path, true, &store) != AVSOUND_E_IO || !strstr(avsound_error_detail(), "write-protected"))
            _exit(1);
        if (avsn_store_open(context, path, false, &store))
            _exit(2);
        avsn_store_close(store);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%d", status);
    chmod(path, 0600);
}
END_TEST

/* ---- foreign, damaged ---- */

static void write_file(const char *name, const void *data, size_t bytes)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
}

static void refused_both(avsound_status code, const char *words)
{
    for (int writing = 0; writing < 2; writing++) {
        avsn_store *store = (avsn_store *)1;
        ck_refused(avsn_store_open(context, path, writing, &store), code, words);
        ck_assert_ptr_null(store);
    }
}

START_TEST(foreign_files_are_refused_and_left_alone)
{
    char kept[64] = "";
    struct stat s;
    avsn_store *store;
    ck_refused(avsn_store_open(context, path, false, &store), AVSOUND_E_IO, "No such file");
    ck_refused(avsn_store_open(context, folder, true, &store), AVSOUND_E_IO, "directory");
    write_file(path, "", 0);
    ck_refused(avsn_store_open(context, path, false, &store), AVSOUND_E_FORMAT, "empty");
    static const char film[] = "this is a film, not an index, and it is long enough for a header to be read from it, and more so: "
                               "a database begins with a hundred bytes";
    write_file(path, film, sizeof film);
    refused_both(AVSOUND_E_FORMAT, "not a database");
    const int fd = open(path, O_RDONLY);
    ck_assert_int_eq(read(fd, kept, 15), 15);
    close(fd);
    ck_assert_str_eq(kept, "this is a film,");
    ck_assert_int_ne(stat(beside("-image"), &s), 0);
    unlink(path);
    char command[256];
    snprintf(command, sizeof command, "python3 -c \"import sqlite3; sqlite3.connect('%s').execute('create table t (a)')\"", path);
    ck_assert_int_eq(system(command), 0);
    refused_both(AVSOUND_E_FORMAT, "another program's");
    snprintf(command, sizeof command, "python3 -c \"import sqlite3; d = sqlite3.connect('%s'); d.execute('pragma application_id=%d'); "
             "d.execute('pragma user_version=9')\"", path, 1635152750);
    ck_assert_int_eq(system(command), 0);
    refused_both(AVSOUND_E_UNSUPPORTED, "version 9");
    ck_assert_int_ne(stat(beside("-image"), &s), 0);
}
END_TEST

static void make_store(void)
{
    avsn_store *store = open_store(true);
    for (int64_t i = 0; i < FILES; i++)
        ck_avsound(put_version(store, i, 0));
    ck_avsound(avsn_store_commit(store));
    avsn_store_close(store);
}

/* Tables that would be read for ever, or make a blob of any size when they are read or written. */
START_TEST(tables_that_compute_are_refused)
{
    static const char *const changes[] = {
        "drop table files; create view files as with recursive n(i) as (select 1 union all select i + 1 from n) select i id, 1 path from n",
        "drop table segments; create table segments (side, first, count, file, times as (zeroblob(100000000)))",
        "create index i on files (hex(zeroblob(50000000)))",
        "create trigger t after insert on files begin delete from files; end",
        "drop index segments_of_file",
    };
    char command[640];
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        make_store();
        snprintf(command, sizeof command, "python3 -c \"import sqlite3; sqlite3.connect('%s').executescript('%s')\"", path,
                 changes[i]);
        ck_assert_int_eq(system(command), 0);
        refused_both(AVSOUND_E_FORMAT, "its tables are not those of an index");
        remove_store();
    }
    make_store();
    snprintf(command, sizeof command, "python3 -c \"import sqlite3; sqlite3.connect('%s').executescript('analyze; vacuum')\"",
             path);
    ck_assert_int_eq(system(command), 0);
    avsn_store_close(open_store(true));
}
END_TEST

START_TEST(truncated_files_are_refused)
{
    struct stat s;
    make_store();
    ck_assert_int_eq(stat(beside("-sound"), &s), 0);
    ck_assert_int_eq(truncate(beside("-sound"), s.st_size - 4), 0);
    refused_both(AVSOUND_E_FORMAT, "cut short");
    ck_assert_int_eq(truncate(beside("-sound"), 100), 0);
    refused_both(AVSOUND_E_FORMAT, "a.db-sound");
    unlink(beside("-sound"));
    avsn_store *store;
    ck_refused(avsn_store_open(context, path, false, &store), AVSOUND_E_IO, "a.db-sound");
}
END_TEST

START_TEST(vectors_of_another_index_are_refused)
{
    make_store();
    char kept[128], command[320];
    snprintf(kept, sizeof kept, "%s", beside("-kept"));
    ck_assert_int_eq(rename(beside("-image"), kept), 0);
    snprintf(command, sizeof command, "%s", beside("-sound"));
    unlink(command);
    unlink(path);
    make_store();
    ck_assert_int_eq(rename(kept, beside("-image")), 0);
    refused_both(AVSOUND_E_FORMAT, "another index");
}
END_TEST

/* Any byte of the database may be wrong: an error, or an index that is whole as far as it says, but no more. */
static avsound_status ignore_file(void *user, int64_t number, const avsn_store_file *file)
{
    (void)number;
    *(size_t *)user += strlen(file->path);
    return AVSOUND_OK;
}

static volatile float touched;

static avsound_status touch_segment(void *user, const avsn_store_segment *segment)
{
    const found *f = user;
    for (int64_t i = 0; i < segment->count * DIMENSION; i++)
        touched = avsn_store_vectors(f->store, f->side)[segment->first * DIMENSION + i];
    touched = segment->times[8 * segment->count - 1];
    return AVSOUND_OK;
}

START_TEST(a_damaged_database_breaks_nothing)
{
    static unsigned char whole[1 << 20], bad[1 << 20];
    make_store();
    const int fd = open(path, O_RDONLY);
    const ssize_t bytes = read(fd, whole, sizeof whole);
    close(fd);
    ck_assert_int_gt(bytes, 4096);
    int refused = 0;
    for (uint64_t round = 0; round < 300; round++) {
        memcpy(bad, whole, (size_t)bytes);
        for (uint64_t i = 0; i < 1 + round % 8; i++)
            bad[(size_t)(avsn_rng_uniform(17, 2 * i, round) * (double)bytes)] = (unsigned char)(256 * avsn_rng_uniform(17, 2 * i + 1, round));
        write_file(path, bad, round % 7 ? (size_t)bytes : (size_t)(avsn_rng_uniform(18, 1, round) * (double)bytes));
        avsn_store *store;
        avsound_status status = avsn_store_open(context, path, false, &store);
        refused += status != AVSOUND_OK;
        if (status)
            continue;
        size_t letters = 0;
        found f = {.store = store};
        status = avsn_store_each_file(store, ignore_file, &letters);
        for (f.side = 0; !status && f.side < AVSN_STORE_SIDES; f.side++)
            status = avsn_store_each_segment(store, f.side, touch_segment, &f);
        avsn_store_close(store);
        refused += status != AVSOUND_OK;
    }
    ck_assert_int_gt(refused, 50);
}
END_TEST

START_TEST(refused_memory_leaves_nothing_open)
{
    failing f;
    avsn_store *store = NULL;
    make_store();
    avsound_context *poor = failing_context(&f);
    ck_survives_refusals(&f, avsn_store_open(poor, path, false, &store), avsn_store_close(store));
    ck_survives_refusals(&f, avsn_store_open(poor, path, true, &store), avsn_store_close(store));
    avsound_context_free(poor);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {what_was_put_is_there, what_was_not_committed_is_not_there,
                                  a_reader_keeps_the_view_it_was_opened_with, killed_at_any_moment_it_is_whole_and_goes_on,
                                  two_writers_are_one_too_many, a_full_disk_loses_nothing_that_was_committed,
                                  write_protected_it_can_be_read, foreign_files_are_refused_and_left_alone,
                                  tables_that_compute_are_refused, truncated_files_are_refused, vectors_of_another_index_are_refused,
                                  a_damaged_database_breaks_nothing, refused_memory_leaves_nothing_open};
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        tcase_add_test(tcase, cases[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
