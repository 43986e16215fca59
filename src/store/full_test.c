// SPDX-License-Identifier: MIT
// A disk that is full: what was acknowledged stays, what is new is refused with STORE_FULL, and when there is room
// again the store goes on. The limit of the process on the size of a file stands for the disk: a write beyond it fails
// in the same place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "store/queue_support.h"

static bool may_mount;

static void set_room(rlim_t octets) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = octets < limit.rlim_max ? octets : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static off_t wal_size(struct fixture *f) {
    char path[128];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/martlet.db-wal", f->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void test_database(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *data = make_message(60000, 1);
    assert_int_equal(deliver(&f, "a@example.org", data, 60000, NULL), STORE_DELIVERED);
    (void)fixture_changes(&f);
    set_room((rlim_t)wal_size(&f) + 20000);
    for (int i = 0; i < 5; i++) {
        struct store_append *op = store_append_new(make_body(&f, data, 60000), a, SLICE("INBOX"));
        assert_int_equal(run_and_free(&f, &op->op), STORE_FULL);
        assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/60000");
    }
    assert_string_equal(fixture_changes(&f), "");
    set_room(RLIM_INFINITY);
    assert_int_equal(deliver(&f, "a@example.org", data, 60000, NULL), STORE_DELIVERED);
    assert_string_equal(describe(&f, a, "INBOX"), "3/2/2/0/120000");
    free(data);
    fixture_done(&f);
}

struct tally {
    struct loop *loop;
    unsigned left, ok, full;
};

static void count(struct store_op *op) {
    struct tally *t = op->arg;
    t->ok += op->status == STORE_OK;
    t->full += op->status == STORE_FULL;
    if (--t->left == 0)
        loop_stop(t->loop);
    store_op_free(op);
}

// A whole group at a time: what was told to be there is there, and nothing else.
static void test_groups(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *data = make_message(60000, 1);
    struct store_append *ops[20];
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        ops[i] = store_append_new(make_body(&f, data, 60000), a, SLICE("INBOX"));
    struct tally t = {.loop = f.loop, .left = ARRAY_LEN(ops)};
    set_room((rlim_t)wal_size(&f) + 300000);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        store_op_submit(f.store, f.loop, &ops[i]->op, count, &t);
    loop_run(f.loop);
    set_room(RLIM_INFINITY);
    assert_int_equal(t.ok + t.full, ARRAY_LEN(ops));
    assert_true(t.full > 0);
    char want[64];
    (void)snprintf(want, sizeof(want), "%u/%u/%u/0/%u", t.ok + 1, t.ok, t.ok, t.ok * 60000);
    assert_string_equal(describe(&f, a, "INBOX"), want);
    free(data);
    fixture_done(&f);
}

static void test_body_file(void **state) {
    static const rlim_t rooms[] = {0, 1000, 65552, 70000, 150000, 190000};
    struct fixture f;
    fixture_init(&f);
    char *data = make_message(200000, 1);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        enum store_status status;
        set_room(rooms[i]);
        struct store_body *b = finish_body(&f, data, 200000, &status);
        assert_int_equal(status, STORE_FULL);
        store_body_free(b);
    }
    set_room(RLIM_INFINITY);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(deliver(&f, "a@example.org", data, 200000, NULL), STORE_DELIVERED);
    assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/200000");
    free(data);
    fixture_close(&f);
    assert_int_equal(fixture_files(&f, NULL), 1);
    fixture_open(&f);
    fixture_done(&f);
}

// On a real file system of 8 MiB, until it is full; messages can be removed then, which makes room; and again when it
// has grown. Only where we may mount one.
static void test_file_system(void **state) {
    if (!may_mount)
        skip();
    struct fixture f;
    fixture_init(&f);
    fixture_close(&f);
    assert_int_equal(mount("none", f.dir, "tmpfs", 0, "size=8m,mode=0700"), 0);
    fixture_open(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *data = make_message(100000, 1), want[64];
    uint32_t n[2] = {0}, n_full = 0;
    for (unsigned i = 0; n_full < 20 && i < 1000; i++) {
        enum store_status status;
        size_t len = i % 2 == 0 ? 5000 : 100000;
        struct store_body *b = finish_body(&f, data, len, &status);
        if (status == STORE_OK) {
            struct store_append *op = store_append_new(b, a, SLICE("INBOX"));
            status = run_and_free(&f, &op->op);
        } else {
            store_body_free(b);
        }
        n[i % 2] += status == STORE_OK;
        n_full += status == STORE_FULL;
        assert_true(status == STORE_OK || status == STORE_FULL);
    }
    assert_int_equal(n_full, 20);
    (void)snprintf(want, sizeof(want), "%u/%u/%u/0/%u", n[0] + n[1] + 1, n[0] + n[1], n[0] + n[1],
                   n[0] * 5000 + n[1] * 100000);
    assert_string_equal(describe(&f, a, "INBOX"), want);

    struct store_uid_range some = {1, 20};
    struct store_flags *flags = store_flags_new(mailbox_id(&f, a, "INBOX"), &some, 1);
    flags->flags = STORE_FLAG_DELETED;
    assert_int_equal(run_and_free(&f, &flags->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expunge_new(mailbox_id(&f, a, "INBOX"), NULL, 0)->op), STORE_OK);
    enum store_status freed = STORE_FULL;
    for (int i = 0; i < 6000 && freed == STORE_FULL; i++) { // files go a little later
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        struct store_body *b = finish_body(&f, data, 5000, &freed);
        struct store_append *op = store_append_new(b, a, SLICE("INBOX"));
        freed = run_and_free(&f, &op->op);
    }
    assert_int_equal(freed, STORE_OK);
    assert_int_equal(mount("none", f.dir, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    assert_int_equal(deliver(&f, "a@example.org", data, 100000, NULL), STORE_DELIVERED);
    free(data);
    fixture_close(&f);
    int problems;
    assert_string_equal(fixture_verify(&f, &problems), "");
    assert_int_equal(umount(f.dir), 0);
    fixture_open(&f);
    fixture_done(&f);
}

// The queue on a disk that becomes full: what was accepted stays, what is new is refused with nothing done, and what is
// sent makes room.
static void test_queue(void **state) {
    if (!may_mount)
        skip();
    struct fixture f;
    fixture_init(&f);
    fixture_close(&f);
    assert_int_equal(mount("none", f.dir, "tmpfs", 0, "size=8m,mode=0700"), 0);
    fixture_open(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), ids[1000], n = 0;
    char *data = make_message(100001, 1);
    enum store_status status = STORE_OK;
    for (unsigned i = 0; status == STORE_OK && i < ARRAY_LEN(ids); i++) {
        uint8_t dedup[32] = {(uint8_t)i, (uint8_t)(i >> 8)};
        struct store_body *b = finish_body(&f, data, i % 2 == 0 ? 5000 : 100000, &status);
        struct store_deliver *d = store_deliver_new(b, dedup);
        store_deliver_add_remote(d, SLICE("x.net"), SLICE("b@x.net"));
        store_deliver_add(d, SLICE("a@example.org"));
        store_deliver_set_letter(d, SLICE("X: y\r\n"), SLICE("a@example.org"), 0);
        if (status == STORE_OK)
            status = run_op(&f, &d->op);
        if (status == STORE_OK)
            ids[n++] = d->remotes[0].ret_due_id;
        store_op_free(&d->op);
    }
    assert_int_equal(status, STORE_FULL);
    assert_true(n > 10);
    char want[64];
    (void)snprintf(want, sizeof(want), "1/%llu/%llu/%llu/", (unsigned long long)n, (unsigned long long)n,
                   (unsigned long long)n);
    assert_memory_equal(total_text(&f), want, strlen(want));
    struct store_mailbox_open *o = store_mailbox_open_new(a, SLICE("INBOX"), false);
    assert_int_equal(run_op(&f, &o->op), STORE_OK);
    assert_int_equal(o->ret_messages, n);
    store_op_free(&o->op);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(settle(&f, ids[i], NULL, 0, ""), STORE_OK);
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    free(data);
    fixture_close(&f);
    int problems;
    assert_string_equal(fixture_verify(&f, &problems), "");
    assert_int_equal(umount(f.dir), 0);
    fixture_open(&f);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),     cmocka_unit_test(test_database),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_body_file), cmocka_unit_test(test_file_system),
    };
    (void)signal(SIGXFSZ, SIG_IGN);
    may_mount = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return cmocka_run_group_tests_name("store/full", tests, NULL, NULL);
}
