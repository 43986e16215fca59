// SPDX-License-Identifier: MIT
#include "account/test_world.h"

#include <dirent.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/account_ops.h"

static struct config *make_config(const char *const *settings) {
    const char *all[32] = {"mail_domain=a.org", "nocreate_path=", "min_free_disk_space=0", "min_available_memory=0",
                           "max_load_1m=100000"};
    size_t n = 5;
    for (; settings != NULL && *settings != NULL; settings++)
        all[n++] = *settings;
    struct config *c = config_parse(SLICE_EMPTY, "test", all, NULL, NULL);
    assert_non_null(c);
    return c;
}

static void start_services(struct test_world *w) {
    const char *error = NULL;
    struct store_settings settings = {.dir = w->dir, .mailbox_quota = 1 << 20, .n_readers = 2};
    w->store = store_open(&settings, &error);
    if (w->store == NULL)
        fail_msg("store_open: %s", error);
    w->pool = worker_pool_new("crypt", 2);
    w->loop = loop_new();
    w->accounts = account_service_new(w->config, w->store, w->pool);
}

static void stop_services(struct test_world *w) {
    worker_pool_free(w->pool);
    store_close(w->store);
    loop_free(w->loop);
    account_service_free(w->accounts); // asserts that no login is left
}

void test_world_start(struct test_world *w, const char *const *settings) {
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/martlet-account-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->config = config_holder_new(make_config(settings));
    start_services(w);
}

void test_world_restart(struct test_world *w) {
    stop_services(w);
    start_services(w);
}

static void remove_tree(const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char child[512];
        (void)snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
        if (unlink(child) != 0)
            remove_tree(child);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(path);
}

void test_world_stop(struct test_world *w) {
    stop_services(w);
    config_holder_free(w->config);
    remove_tree(w->dir);
}

void test_world_configure(struct test_world *w, const char *const *settings) {
    config_holder_replace(w->config, make_config(settings));
}

struct test_outcome test_outcome_of(const struct account_login_result *r) {
    struct test_outcome o = {r->verdict, r->account_id, r->inbox_id, r->created, r->blocked, ""};
    (void)snprintf(o.address, sizeof(o.address), "%s", r->address);
    return o;
}

struct waiting {
    struct loop *loop;
    struct test_outcome outcome;
    int n_answers;
};

static void on_done(void *arg, const struct account_login_result *r) {
    struct waiting *waiting = arg;
    waiting->outcome = test_outcome_of(r);
    waiting->n_answers++;
    loop_stop(waiting->loop);
}

struct test_outcome test_login(struct test_world *w, enum account_protocol protocol, const char *user,
                               const char *password) {
    struct waiting waiting = {.loop = w->loop};
    struct net_address peer = test_peer(1);
    (void)account_login_start(w->accounts, w->loop, protocol, slice_from_cstr(user), slice_from_cstr(password), &peer,
                              on_done, &waiting);
    assert_int_equal(waiting.n_answers, 0); // never within the call
    loop_run(w->loop);
    assert_int_equal(waiting.n_answers, 1);
    return waiting.outcome;
}

struct reading {
    struct loop *loop;
    struct test_record record;
};

static void on_found(struct store_op *op) {
    struct store_account_find *find = CONTAINER_OF(op, struct store_account_find, op);
    struct reading *reading = op->arg;
    if (op->status == STORE_OK) {
        (void)snprintf(reading->record.hash, sizeof(reading->record.hash), "%s", find->ret_password_hash);
        reading->record.last_login_day = find->ret_last_login_day;
    }
    loop_stop(reading->loop);
    store_op_free(op);
}

struct test_record test_read_record(struct test_world *w, const char *address) {
    struct reading reading = {.loop = w->loop};
    struct store_account_find *find = store_account_find_new(slice_from_cstr(address));
    store_op_submit(w->store, w->loop, &find->op, on_found, &reading);
    loop_run(w->loop);
    return reading.record;
}

void test_sql(struct test_world *w, const char *sql) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/martlet.db", w->dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct net_address test_peer(uint8_t n) {
    return (struct net_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = n}};
}

uint64_t test_hash_jobs(const struct test_world *w) {
    return atomic_load(&w->accounts->n_hash_jobs);
}
