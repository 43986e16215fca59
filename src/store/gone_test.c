// SPDX-License-Identifier: MIT
// Gone means gone: what was deleted, expired or expunged is nowhere in the state directory afterwards, neither what
// stood there in clear (addresses, tokens, keywords, names of mailboxes) nor the keys of the bodies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/expiry_ops.h"
#include "store/store_internal.h"
#include "store/test_support.h"
#include "store/writer.h"

enum {
    MESSAGES = 200,
    KEYS_MAX = 2 * MESSAGES,
    KEY_LEN = 32,
    SOON_MS = 100,         // the writer tidies, as it does by itself only after seconds
    WITHIN_MS = 60 * 1000, // on a busy machine
};

#define MARK "sEcReTmArK" // in everything that has to go

static struct {
    uint8_t keys[KEYS_MAX][KEY_LEN];
    size_t n;
} known;

// ---- searching ----

static char found_in[512];
static size_t n_files;
static bool keys_alone; // names and tokens may be there

static bool holds_key(const char *data, size_t len) {
    // The first octets tell; all of a key is compared where they fit.
    static uint8_t is_first[65536];
    memset(is_first, 0, sizeof(is_first));
    for (size_t i = 0; i < known.n; i++)
        is_first[known.keys[i][0] << 8 | known.keys[i][1]] = 1;
    for (size_t at = 0; at + KEY_LEN <= len; at++) {
        const uint8_t *p = (const uint8_t *)data + at;
        if (!is_first[p[0] << 8 | p[1]])
            continue;
        for (size_t i = 0; i < known.n; i++)
            if (memcmp(p, known.keys[i], KEY_LEN / 2) == 0) // half a key is too much, too
                return true;
    }
    return false;
}

static int search_file(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    if (type != FTW_F || st->st_size == 0)
        return 0;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    char *data = mem_alloc((size_t)st->st_size);
    ssize_t n = read(fd, data, (size_t)st->st_size);
    (void)close(fd);
    n_files++;
    if (n > 0 && !keys_alone && memmem(data, (size_t)n, MARK, strlen(MARK)) != NULL)
        (void)snprintf(found_in, sizeof(found_in), "a marker in %s", path);
    else if (n > 0 && holds_key(data, (size_t)n))
        (void)snprintf(found_in, sizeof(found_in), "a key in %s", path);
    free(data);
    return 0;
}

// What and where, or "".
static const char *search(struct fixture *f) {
    found_in[0] = '\0';
    n_files = 0;
    assert_int_equal(nftw(f->dir, search_file, 8, FTW_PHYS), 0);
    assert_true(n_files > 0);
    return found_in;
}

static void expect_nothing(struct fixture *f, const char *when) {
    uint64_t began = clock_mono_ms();
    while (search(f)[0] != '\0' && clock_mono_ms() - began < WITHIN_MS)
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
    if (search(f)[0] != '\0')
        fail_msg("%s: %s", when, found_in);
    print_message("# %s: nothing was found after %llu ms\n", when, (unsigned long long)(clock_mono_ms() - began));
}

// ---- filling ----

static void remember_keys(struct fixture *f, uint64_t mailbox) {
    struct store_uid_range all = {1, UINT32_MAX};
    struct store_fetch *fetch = store_fetch_new(mailbox, &all, 1, STORE_FETCH_META);
    assert_int_equal(run_op(f, &fetch->op), STORE_OK);
    for (size_t i = 0; i < fetch->ret_n_messages; i++) {
        assert_true(known.n < KEYS_MAX);
        memcpy(known.keys[known.n++], fetch->ret_messages[i].body_key, KEY_LEN);
    }
    assert_false(fetch->ret_more);
    store_op_free(&fetch->op);
}

// Sizes on both sides of what stands in the database, and many rows, so that pages split and merge.
static uint64_t fill(struct fixture *f) {
    known.n = 0;
    fixture_init(f);
    store_test_set_tidying(f->store, SOON_MS, WRITER_BUSY_TIDY_MS);
    make_account(f, "stays@example.org", NULL);
    uint64_t inbox, a = make_account(f, "x" MARK "@example.org", &inbox);
    assert_int_equal(edit(f, STORE_MAILBOX_CREATE, a, "Box" MARK, ""), STORE_OK);
    assert_int_equal(run_and_free(f, &store_token_add_new(a, SLICE("token" MARK))->op), STORE_OK);
    for (unsigned i = 0; i < MESSAGES; i++) {
        static const size_t sizes[] = {300, 2000, 70, 9000, 100, 5000};
        size_t size = i % 50 == 0 ? 100000 : sizes[i % ARRAY_LEN(sizes)];
        char *data = make_message(size, i);
        struct store_append *ap =
            store_append_new(make_body(f, data, size), a, i % 3 == 0 ? SLICE("Box" MARK) : SLICE("INBOX"));
        (void)snprintf(ap->keywords, sizeof(ap->keywords), "%s", MARK);
        ap->flags = i % 2 == 0 ? STORE_FLAG_DELETED : 0;
        assert_int_equal(run_and_free(f, &ap->op), STORE_OK);
        free(data);
        if (i % 10 == 0) // neighbours that stay
            assert_int_equal(deliver(f, "stays@example.org", "stays", 5, NULL), STORE_DELIVERED);
    }
    remember_keys(f, inbox);
    remember_keys(f, mailbox_id(f, a, "Box" MARK));
    assert_int_equal(known.n, MESSAGES);
    return a;
}

// ---- the ways of going ----

static void expunge(struct fixture *f, uint64_t mailbox) {
    assert_int_equal(run_and_free(f, &store_expunge_new(mailbox, NULL, 0)->op), STORE_OK);
}

static void expire_mailbox(struct fixture *f, uint64_t mailbox) {
    struct store_expiry_bounds b = {.mails_hour = INT32_MAX, .login_day = -1};
    struct store_expiry_find *find = store_expiry_find_new(STORE_EXPIRY_MAILS, &b);
    find->max = 100 * 1000;
    assert_int_equal(run_op(f, &find->op), STORE_OK);
    for (size_t i = 0; i < find->ret_n; i++) {
        if (find->ret_items[i].id != mailbox)
            continue;
        struct store_expiry_remove *r = store_expiry_remove_new(&find->ret_items[i], 1);
        assert_int_equal(run_and_free(f, &r->op), STORE_OK);
    }
    store_op_free(&find->op);
}

static void test_gone(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    assert_string_not_equal(search(&f), ""); // the search finds what is there
    uint64_t inbox = mailbox_id(&f, a, "INBOX"), box = mailbox_id(&f, a, "Box" MARK);
    // A part by EXPUNGE, a part by age, the rest with the account; all keys have to go.
    expunge(&f, inbox);
    expunge(&f, box);
    expire_mailbox(&f, box);
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    fixture_wait_deleted(&f);
    expect_nothing(&f, "deleted");
    assert_string_equal(describe(&f, 1, "INBOX"), "21/20/20/0/100");
    fixture_done(&f);
}

// The account lives on; only messages went.
static void test_expired(void **state) {
    struct fixture f;
    uint64_t a = fill(&f), inbox = mailbox_id(&f, a, "INBOX"), box = mailbox_id(&f, a, "Box" MARK);
    expire_mailbox(&f, inbox);
    expire_mailbox(&f, box);
    keys_alone = true;
    expect_nothing(&f, "expired");
    keys_alone = false;
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    expect_nothing(&f, "and the account deleted");
    fixture_close(&f);
    fixture_open(&f);
    fixture_done(&f);
}

// While mail keeps coming the log is emptied all the same, and freed pages are zero before they are given back.
static void test_busy(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    store_test_set_tidying(f.store, WRITER_IDLE_MS, SOON_MS);
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    fixture_wait_deleted(&f);
    uint64_t began = clock_mono_ms();
    do { // never idle
        assert_int_equal(deliver(&f, "stays@example.org", "stays", 5, NULL), STORE_DELIVERED);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
    } while (search(&f)[0] != '\0' && clock_mono_ms() - began < WITHIN_MS);
    if (search(&f)[0] != '\0')
        fail_msg("busy: %s", found_in);
    print_message("# busy: nothing was found after %llu ms\n", (unsigned long long)(clock_mono_ms() - began));
    fixture_done(&f);
}

static void pass(uint64_t ms) {
    clock_set_fake(clock_mono_us() + ms * 1000, clock_wall_s() + (int64_t)(ms / 1000));
}

// When the second one is there the writer has done what was due behind the first one.
static void let_it_tidy(struct fixture *f) {
    for (int i = 0; i < 2; i++)
        assert_int_equal(deliver(f, "stays@example.org", "stays", 5, NULL), STORE_DELIVERED);
}

// A reader that was in the log when it should have been emptied delays that for as long as it reads and little more.
// The writer is never idle, and goes by a clock that only moves here.
static void test_reader(void **state) {
    enum { HOUR_MS = 3600 * 1000, LITTLE_MS = HOUR_MS / 3 };
    struct fixture f;
    uint64_t a = fill(&f);
    store_test_set_tidying(f.store, HOUR_MS, HOUR_MS);
    char path[128];
    sqlite3 *reader = NULL;
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f.dir);
    assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM account", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    fixture_wait_deleted(&f);
    clock_set_fake(clock_mono_us(), clock_wall_s());
    pass(HOUR_MS + 1);
    let_it_tidy(&f);
    assert_string_not_equal(search(&f), "");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    pass(LITTLE_MS);
    let_it_tidy(&f);
    assert_string_equal(search(&f), "");
    clock_use_real();
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_reader),
    };
    return cmocka_run_group_tests_name("store/gone", tests, NULL, NULL);
}
