// SPDX-License-Identifier: MIT
// The keys that sign, on real files, with a DNS that the test writes: dns_query_submit() and dns_query_cancel() are
// defined here, in place of the resolver's.
#include "martlet/dkim/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dkim/keyring.h"
#include "dkim/sign.h"
#include "martlet/dkim/keys.h"
#include "net/dns.h"
#include "net/worker.h"

enum { ZONE_MAX = 8, RECORD_MAX = 1024 };

// ---- the DNS ----

static struct { char name[300], text[RECORD_MAX]; } zone[ZONE_MAX];
static size_t n_zone;
static bool dns_fails;
static struct loop_task answer_task;
static struct {
    struct dns_query *query;
    char name[300];
    dns_on_answer *done;
    void *arg;
} asked;

static void publish(const char *name, const char *text) {
    assert_true(n_zone < ZONE_MAX);
    (void)snprintf(zone[n_zone].name, sizeof(zone[0].name), "%s", name);
    (void)snprintf(zone[n_zone++].text, sizeof(zone[0].text), "%s", text);
}

static void run_answer(struct loop_task *task) {
    struct dns_query *q = asked.query;
    if (q == NULL) // cancelled
        return;
    asked.query = NULL;
    q->request = NULL;
    char rdata[RECORD_MAX + 8];
    struct slice record = SLICE_EMPTY;
    for (size_t i = 0; i < n_zone; i++) {
        if (strcmp(zone[i].name, asked.name) != 0)
            continue;
        size_t n = 0;
        for (const char *s = zone[i].text; *s != '\0';) { // character-strings of at most 255 octets
            size_t len = strlen(s) > 255 ? 255 : strlen(s);
            rdata[n++] = (char)len;
            memcpy(rdata + n, s, len);
            n += len;
            s += len;
        }
        record = slice_make(rdata, n);
    }
    struct dns_answer a = {.status = dns_fails        ? DNS_FAILED
                                     : record.len > 0 ? DNS_OK
                                                      : DNS_NXDOMAIN,
                           .name = asked.name,
                           .n_records = !dns_fails && record.len > 0,
                           .records = &record};
    asked.done(asked.arg, &a);
}

void dns_query_submit(struct dns_resolver *r, struct loop *loop, struct dns_query *q, struct slice name, uint16_t type,
                      dns_on_answer *done, void *arg) {
    assert_int_equal(type, DNS_TYPE_TXT);
    assert_null(asked.query);
    asked.query = q;
    q->request = (struct dns_request *)q; // any but NULL
    (void)snprintf(asked.name, sizeof(asked.name), "%.*s", SLICE_FMT(name));
    asked.done = done;
    asked.arg = arg;
    answer_task.run = run_answer;
    loop_post(loop, &answer_task);
}

void dns_query_cancel(struct dns_query *q) {
    if (asked.query == q)
        asked.query = NULL;
    q->request = NULL;
}

// ---- a keeper ----

static char dir[64];
static char signing[200];               // "selector selector"
static char signing_record[RECORD_MAX]; // of the first one

static void on_use(void *arg, const struct dkim_signer *signers, size_t n) {
    signing[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(signing);
        (void)snprintf(signing + len, sizeof(signing) - len, "%s%.*s", i > 0 ? " " : "",
                       SLICE_FMT(signers[i].selector));
    }
    struct buf record;
    buf_init(&record, RECORD_MAX - 1);
    assert_true(n > 0 && dkim_private_key_record(signers[0].key, &record));
    (void)snprintf(signing_record, sizeof(signing_record), "%.*s", SLICE_FMT(buf_slice(&record)));
    buf_done(&record);
}

struct world {
    struct loop *loop;
    struct worker_pool *workers;
    struct dkim_keeper *keeper;
};

static struct world open_world(void) {
    struct world w = {.loop = loop_new(), .workers = worker_pool_new("test", 1)};
    struct dkim_keeper_settings s = {
        .state_dir = dir,
        .domain = "a.example",
        .selector = "opendkim",
        .loop = w.loop,
        .workers = w.workers,
        .dns = (struct dns_resolver *)&asked, // never looked into
        .use = on_use,
    };
    char error[FILES_ERROR_MAX] = "";
    w.keeper = dkim_keeper_new(&s, error);
    if (w.keeper == NULL)
        fail_msg("%s", error);
    dkim_keeper_start(w.keeper);
    return w;
}

static void close_world(struct world *w) {
    dkim_keeper_stop(w->keeper);
    worker_pool_free(w->workers);
    loop_free(w->loop);
    dkim_keeper_free(w->keeper);
}

static bool last_is_done;

static void no_work(struct worker_job *job) {}
static void note_done(struct worker_job *job) {
    last_is_done = true;
}

// The one worker does its jobs in their order.
static void until_jobs_are_done(struct world *w) {
    struct worker_job last = {.work = no_work, .done = note_done};
    last_is_done = false;
    worker_pool_submit(w->workers, w->loop, &last);
    while (!last_is_done) {
        (void)usleep(1000);
        loop_run_ready(w->loop);
    }
}

// Reads the files again, and waits until all that follows from that was done.
static void reload(struct world *w, const char *wanted) {
    dkim_keeper_reload(w->keeper);
    loop_run_ready(w->loop);
    until_jobs_are_done(w); // the files are read, and the DNS here answers at once
    until_jobs_are_done(w); // the choice is written
    assert_string_equal(signing, wanted);
}

static void publish_key(struct world *w, const char *selector) {
    json_t *list = dkim_keeper_list(w->keeper), *row;
    size_t i;
    bool found = false;
    json_array_foreach(list, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "selector")), selector) != 0)
            continue;
        publish(json_string_value(json_object_get(row, "name")), json_string_value(json_object_get(row, "record")));
        found = true;
    }
    json_decref(list);
    assert_true(found);
}

static void read_state(struct world *w, const char *selector, char *ret_published, size_t size) {
    json_t *list = dkim_keeper_list(w->keeper), *row;
    size_t i;
    ret_published[0] = '\0';
    json_array_foreach(list, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "selector")), selector) == 0)
            (void)snprintf(ret_published, size, "%s", json_string_value(json_object_get(row, "published")));
    }
    json_decref(list);
}

static void expect_state(struct world *w, const char *selector, const char *published) {
    char got[32];
    read_state(w, selector, got, sizeof(got));
    assert_string_equal(got, published);
}

static int set_up(void **state) {
    (void)snprintf(dir, sizeof(dir), "/tmp/martlet-dkim-XXXXXX");
    n_zone = 0;
    dns_fails = false;
    asked.query = NULL;
    return mkdtemp(dir) != NULL ? 0 : 1;
}

static int clean_up(void **state) {
    char command[100];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command); // NOLINT(cert-env33-c): a path of our own making
}

// ---- tests ----

static mode_t mode_of(const char *name) {
    char path[200];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void first_start(void **state) {
    struct world w = open_world();
    assert_string_equal(signing, "opendkim");
    assert_int_equal(mode_of("dkim"), 0700);
    assert_int_equal(mode_of("dkim/opendkim.pem"), 0600);
    assert_int_equal(mode_of("dkim/opendkim-ed25519.pem"), 0600);
    close_world(&w);
    struct dkim_keys keys;
    char error[FILES_ERROR_MAX];
    assert_true(dkim_keys_load(dir, &keys, error));
    assert_int_equal(keys.n, 2);
    dkim_keys_done(&keys);
    w = open_world(); // makes no others
    assert_true(dkim_keys_load(dir, &keys, error));
    assert_int_equal(keys.n, 2);
    dkim_keys_done(&keys);
    close_world(&w);
}

static void second_signature_once_seen(void **state) {
    struct world w = open_world();
    reload(&w, "opendkim");
    expect_state(&w, "opendkim-ed25519", "no");
    publish_key(&w, "opendkim-ed25519");
    reload(&w, "opendkim opendkim-ed25519");
    expect_state(&w, "opendkim-ed25519", "yes");
    expect_state(&w, "opendkim", "no");
    // What was seen is not forgotten because the DNS fails, nor by a restart.
    dns_fails = true;
    reload(&w, "opendkim opendkim-ed25519");
    close_world(&w);
    w = open_world();
    assert_string_equal(signing, "opendkim opendkim-ed25519");
    dns_fails = false;
    n_zone = 0;
    reload(&w, "opendkim");
    close_world(&w);
}

static void rotation(void **state) {
    char error[FILES_ERROR_MAX];
    struct world w = open_world();
    publish_key(&w, "opendkim");
    reload(&w, "opendkim");
    (void)sleep(1); // files are told apart by their second
    assert_true(dkim_keys_make(dir, "next", DKIM_RSA_SHA256, error));
    assert_false(dkim_keys_make(dir, "next", DKIM_RSA_SHA256, error));
    reload(&w, "opendkim"); // its record is not there
    publish_key(&w, "next");
    reload(&w, "next");
    close_world(&w);
    // The old record has gone; a restart begins with the new key though nothing was asked yet.
    zone[0].name[0] = '\0';
    w = open_world();
    assert_string_equal(signing, "next");
    reload(&w, "next");
    assert_true(dkim_keys_remove(dir, "opendkim", error));
    reload(&w, "next");
    close_world(&w);
}

static void somebody_elses_record(void **state) {
    char error[FILES_ERROR_MAX];
    struct world w = open_world();
    publish_key(&w, "opendkim");
    assert_true(dkim_keys_make(dir, "wrong", DKIM_RSA_SHA256, error));
    publish("wrong._domainkey.a.example", zone[0].text);
    reload(&w, "opendkim");
    expect_state(&w, "wrong", "other");
    close_world(&w);
}

// The operator put another file in the place of the one that signs: with the old key nobody could verify any more what
// the list calls signed, and what was seen in the DNS was the old one's record.
static void another_key_of_the_same_name(void **state) {
    char error[FILES_ERROR_MAX];
    struct world w = open_world();
    publish_key(&w, "opendkim");
    reload(&w, "opendkim");
    expect_state(&w, "opendkim", "yes");
    char before[RECORD_MAX];
    (void)snprintf(before, sizeof(before), "%s", signing_record);
    assert_true(dkim_keys_remove(dir, "opendkim", error));
    assert_true(dkim_keys_make(dir, "opendkim", DKIM_RSA_SHA256, error));
    dns_fails = true;
    reload(&w, "opendkim");
    expect_state(&w, "opendkim", "unknown");
    assert_string_not_equal(signing_record, before);
    dns_fails = false;
    reload(&w, "opendkim");
    expect_state(&w, "opendkim", "other");
    close_world(&w);
}

// The files are read while the relay ends: what comes of that must not be handed to workers that have gone.
static void reload_at_the_end(void **state) {
    char error[FILES_ERROR_MAX];
    struct world w = open_world();
    assert_true(dkim_keys_make(dir, "next", DKIM_RSA_SHA256, error));
    reload(&w, "opendkim");
    assert_true(dkim_keys_remove(dir, "opendkim", error));
    dkim_keeper_reload(w.keeper);
    loop_run_ready(w.loop);
    close_world(&w);
    w = open_world(); // the same for a second one that is asked for meanwhile
    dkim_keeper_reload(w.keeper);
    loop_run_ready(w.loop);
    dkim_keeper_reload(w.keeper);
    close_world(&w);
}

static void broken_files(void **state) {
    struct world w = open_world();
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/dkim/bad.pem", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("no key", f) >= 0);
    assert_int_equal(fclose(f), 0);
    reload(&w, "opendkim"); // goes on with what it has
    close_world(&w);
    struct dkim_keys keys;
    char error[FILES_ERROR_MAX] = "";
    assert_false(dkim_keys_load(dir, &keys, error)); // but does not start
    assert_non_null(strstr(error, "dkim/bad.pem"));
}

static void selectors(void **state) {
    static const struct {
        const char *selector;
        bool valid;
    } cases[] = {{"opendkim", true}, {"m20261121", true}, {"a.b", true},   {"a_b-c", true}, {"", false},
                 {".a", false},      {"a.", false},       {"a..b", false}, {"../a", false}, {"A", false},
                 {"a/b", false},     {"-a", false},       {"a-", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(dkim_selector_is_valid(cases[i].selector), cases[i].valid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_start, set_up, clean_up),
        cmocka_unit_test_setup_teardown(second_signature_once_seen, set_up, clean_up),
        cmocka_unit_test_setup_teardown(rotation, set_up, clean_up),
        cmocka_unit_test_setup_teardown(somebody_elses_record, set_up, clean_up),
        cmocka_unit_test_setup_teardown(another_key_of_the_same_name, set_up, clean_up),
        cmocka_unit_test_setup_teardown(reload_at_the_end, set_up, clean_up),
        cmocka_unit_test_setup_teardown(broken_files, set_up, clean_up),
        cmocka_unit_test(selectors),
    };
    return cmocka_run_group_tests_name("martlet/dkim_keeper", tests, NULL, NULL);
}
