// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <ftw.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "store/test_support.h"

enum { HANGS_S = 90, LOOK_AGAIN_MS = 20 };

static void on_change(void *arg, const struct store_change *change) {
    static const char *const names[] = {"added", "expunged", "flags", "deleted"};
    struct fixture *f = arg;
    size_t len = strlen(f->changes);
    if (len + 256 > sizeof(f->changes)) // nobody is looking
        return;
    len += (size_t)snprintf(f->changes + len, sizeof(f->changes) - len, "%s %llu:", names[change->kind],
                            (unsigned long long)change->mailbox_id);
    for (size_t i = 0; i < change->n_uids && len + 64 < sizeof(f->changes); i++)
        len += (size_t)snprintf(f->changes + len, sizeof(f->changes) - len, "%s%u", i > 0 ? "," : "", change->uids[i]);
    (void)snprintf(f->changes + len, sizeof(f->changes) - len, " origin=%llu;", (unsigned long long)change->origin);
}

const char *fixture_changes(struct fixture *f) {
    static char taken[sizeof(f->changes)];
    memcpy(taken, f->changes, sizeof(taken));
    f->changes[0] = '\0';
    return taken;
}

void fixture_open(struct fixture *f) {
    const char *error = NULL;
    struct store_settings settings = {.dir = f->dir, .mailbox_quota = 10 << 20, .n_readers = 2};
    f->store = store_open(&settings, &error);
    if (f->store == NULL)
        fail_msg("store_open: %s", error);
    store_set_on_change(f->store, on_change, f);
}

void fixture_close(struct fixture *f) {
    store_close(f->store);
    f->store = NULL;
}

void fixture_init(struct fixture *f) {
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/martlet-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->loop = loop_new();
    fixture_open(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

void fixture_done(struct fixture *f) {
    int n;
    fixture_close(f);
    loop_free(f->loop);
    const char *problems = fixture_verify(f, &n);
    assert_string_equal(problems, "");
    assert_int_equal(n, 0);
    assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static char problems_text[8192];

static void on_problem(void *arg, const char *sentence) {
    size_t len = strlen(problems_text);
    (void)snprintf(problems_text + len, sizeof(problems_text) - len, "%s\n", sentence);
}

const char *fixture_verify(struct fixture *f, int *ret_n) {
    const char *error = NULL;
    problems_text[0] = '\0';
    *ret_n = store_verify(f->dir, on_problem, NULL, &error);
    if (*ret_n < 0)
        (void)snprintf(problems_text, sizeof(problems_text), "error: %s", error);
    return problems_text;
}

static sqlite3 *open_db(struct fixture *f) {
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10 * 1000); // the writer may be tidying up
    return db;
}

void fixture_sql(struct fixture *f, const char *sql) {
    sqlite3 *db = open_db(f);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t fixture_number(struct fixture *f, const char *sql) {
    sqlite3 *db = open_db(f);
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

void fixture_hold(struct fixture *f) {
    assert_null(f->holder);
    f->holder = open_db(f);
    assert_int_equal(sqlite3_exec(f->holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

void fixture_release(struct fixture *f) {
    assert_int_equal(sqlite3_exec(f->holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(f->holder), SQLITE_OK);
    f->holder = NULL;
}

void fixture_wait_deleted(struct fixture *f) {
    time_t limit = time(NULL) + HANGS_S;
    while (fixture_number(f, "SELECT count(*) FROM doomed") > 0 && time(NULL) < limit)
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000}, NULL);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM doomed"), 0);
}

void wait_for_octets(int fd, size_t n) {
    time_t limit = time(NULL) + HANGS_S;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (int there = 0; there >= 0 && (size_t)there < n && (p.revents & POLLHUP) == 0;) {
        assert_true(time(NULL) < limit);
        (void)nanosleep(&(struct timespec){.tv_nsec = there > 0 ? 1000000 : 0}, NULL);
        assert_true(poll(&p, 1, LOOK_AGAIN_MS) >= 0);
        assert_int_equal(ioctl(fd, FIONREAD, &there), 0);
    }
}

static unsigned files_found;
static char file_path[256];

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    if (type == FTW_F) {
        files_found++;
        (void)snprintf(file_path, sizeof(file_path), "%s", path);
    }
    return 0;
}

unsigned fixture_files(struct fixture *f, char ret_path[256]) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/bodies", f->dir);
    files_found = 0;
    assert_int_equal(nftw(path, count_file, 16, FTW_PHYS), 0);
    if (ret_path != NULL)
        memcpy(ret_path, file_path, sizeof(file_path));
    return files_found;
}

// ---- operations ----

static void stop_loop(struct store_op *op) {
    loop_stop(op->loop);
}

enum store_status run_op(struct fixture *f, struct store_op *op) {
    store_op_submit(f->store, f->loop, op, stop_loop, NULL);
    loop_run(f->loop);
    return op->status;
}

enum store_status run_and_free(struct fixture *f, struct store_op *op) {
    enum store_status status = run_op(f, op);
    store_op_free(op);
    return status;
}

char *make_message(size_t len, unsigned seed) {
    static const char header[] = "From: a@example.org\r\nSubject: test\r\n\r\n";
    char *data = mem_alloc(len);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = i < sizeof(header) - 1 ? header[i] : (char)('!' + (x >> 24) % 90);
    }
    return data;
}

struct waiting {
    struct loop *loop;
    bool ready, done;
    enum store_status status;
};

static void on_ready(void *arg) {
    struct waiting *w = arg;
    w->ready = true;
    loop_stop(w->loop);
}

static void on_finished(void *arg, enum store_status status) {
    struct waiting *w = arg;
    w->done = true;
    w->status = status;
    loop_stop(w->loop);
}

struct store_body *finish_body(struct fixture *f, const char *data, size_t len, enum store_status *ret_status) {
    struct waiting w = {.loop = f->loop};
    struct store_body *b = store_body_new(f->store, f->loop);
    store_body_set_on_ready(b, on_ready, &w);
    for (size_t at = 0; at < len;) {
        size_t n = len - at < 20000 ? len - at : 20000;
        w.ready = store_body_write(b, slice_make(data + at, n));
        at += n;
        if (!w.ready)
            loop_run(f->loop);
        assert_true(w.ready);
    }
    assert_int_equal(store_body_size(b), len);
    store_body_finish(b, on_finished, &w);
    while (!w.done)
        loop_run(f->loop);
    *ret_status = w.status;
    return b;
}

struct store_body *make_body(struct fixture *f, const char *data, size_t len) {
    enum store_status status;
    struct store_body *b = finish_body(f, data, len, &status);
    assert_int_equal(status, STORE_OK);
    return b;
}

uint64_t make_account(struct fixture *f, const char *address, uint64_t *ret_inbox) {
    struct store_account_create *c = store_account_create_new(slice_from_cstr(address), SLICE("x"));
    assert_int_equal(run_op(f, &c->op), STORE_OK);
    uint64_t id = c->ret_account_id;
    if (ret_inbox != NULL)
        *ret_inbox = c->ret_inbox_id;
    store_op_free(&c->op);
    return id;
}

enum store_delivery_outcome deliver(struct fixture *f, const char *address, const char *data, size_t len,
                                    uint32_t *ret_uid) {
    uint8_t dedup[32];
    random_bytes(dedup, sizeof(dedup));
    struct store_deliver *d = store_deliver_new(make_body(f, data, len), dedup);
    store_deliver_add(d, slice_from_cstr(address));
    assert_int_equal(run_op(f, &d->op), STORE_OK);
    enum store_delivery_outcome outcome = d->deliveries[0].ret_outcome;
    if (ret_uid != NULL)
        *ret_uid = d->deliveries[0].ret_uid;
    store_op_free(&d->op);
    return outcome;
}

uint32_t append(struct fixture *f, uint64_t account, const char *mailbox, const char *data, uint32_t flags,
                const char *keywords) {
    struct store_append *a = store_append_new(make_body(f, data, strlen(data)), account, slice_from_cstr(mailbox));
    a->flags = flags;
    a->internal_date = 1000;
    (void)snprintf(a->keywords, sizeof(a->keywords), "%s", keywords);
    assert_int_equal(run_op(f, &a->op), STORE_OK);
    uint32_t uid = a->ret_uid;
    store_op_free(&a->op);
    return uid;
}

enum store_status edit(struct fixture *f, enum store_mailbox_edit_kind kind, uint64_t account, const char *name,
                       const char *new_name) {
    return run_and_free(f,
                        &store_mailbox_edit_new(kind, account, slice_from_cstr(name), slice_from_cstr(new_name))->op);
}

const char *describe(struct fixture *f, uint64_t account, const char *mailbox) {
    static char text[512];
    struct store_mailbox_open *o = store_mailbox_open_new(account, slice_from_cstr(mailbox), true);
    enum store_status status = run_op(f, &o->op);
    if (status == STORE_OK) {
        assert_int_equal(o->ret_n_uids, o->ret_messages);
        (void)snprintf(text, sizeof(text), "%u/%u/%u/%u/%llu", o->ret_uid_next, o->ret_messages, o->ret_unseen,
                       o->ret_deleted, (unsigned long long)o->ret_size);
    } else {
        (void)snprintf(text, sizeof(text), "status %d", (int)status);
    }
    store_op_free(&o->op);
    return text;
}

static struct store_mailbox_open *open_mailbox(struct fixture *f, uint64_t account, const char *mailbox) {
    struct store_mailbox_open *o = store_mailbox_open_new(account, slice_from_cstr(mailbox), false);
    assert_int_equal(run_op(f, &o->op), STORE_OK);
    return o;
}

uint64_t mailbox_id(struct fixture *f, uint64_t account, const char *mailbox) {
    struct store_mailbox_open *o = open_mailbox(f, account, mailbox);
    uint64_t id = o->ret_mailbox_id;
    store_op_free(&o->op);
    return id;
}

uint32_t uid_validity(struct fixture *f, uint64_t account, const char *mailbox) {
    struct store_mailbox_open *o = open_mailbox(f, account, mailbox);
    uint32_t value = o->ret_uid_validity;
    store_op_free(&o->op);
    return value;
}
