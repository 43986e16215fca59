// SPDX-License-Identifier: MIT
// The queue over a real store and fake peers: what leaves, in which order, and what becomes of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/queue_fixture.h"
#include "store/queue_ops.h"

// ---- attempts ----

static void test_one_letter(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", "ok", NULL);
    stage_send(&s, "bob@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test bob@b.test=250;");
    assert_string_equal(stage_queue(&s), "");
    char *text = slice_dup(buf_slice(&s.peers.message));
    assert_non_null(strstr(text, "DKIM-Signature: x\r\nFrom: alice@relay.test\r\n"));
    free(text);
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    struct queue_counters n;
    queue_count(s.q, &n);
    assert_int_equal(n.delivered_https, 1);
    assert_int_equal(n.lanes, 1);
    assert_int_equal(n.letters, 0);
    stage_close(&s);
}

struct attempt_case {
    const char *destination;
    const char *https, *smtp; // of mx1
    const char *https2, *smtp2;
    const char *want_log, *want_queue;
};

static const struct attempt_case attempt_cases[] = {
    // HTTPS failed in any way: SMTP at once, at the same host.
    {"b.test", "refused", "ok", NULL, NULL, "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;", ""},
    {"b.test", "tls", "ok", NULL, NULL, "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;", ""},
    {"b.test", "400 HTTP error", "ok", NULL, NULL, "HTTPS mx1.b.test x@b.test=400;SMTP mx1.b.test x@b.test=250;", ""},
    {"b.test", "554 5.7.1 no", "ok", NULL, NULL, "HTTPS mx1.b.test x@b.test=554;SMTP mx1.b.test x@b.test=250;", ""},
    // The next host only when nobody answered.
    {"two.test", "refused", "refused", NULL, "ok",
     "HTTPS mx1.two.test broken;SMTP mx1.two.test broken;HTTPS mx2.two.test broken;SMTP mx2.two.test x@two.test=250;",
     ""},
    {"two.test", "refused", "tls", "ok", NULL,
     "HTTPS mx1.two.test broken;SMTP mx1.two.test broken;HTTPS mx2.two.test x@two.test=250;", ""},
    {"two.test", "refused", "450 4.2.0 later", "ok", "ok",
     "HTTPS mx1.two.test broken;SMTP mx1.two.test x@two.test=450;",
     "two.test 1/1 failed=0 450 4.2.0 later (forwarded from mx1.two.test);"},
    {"two.test", "refused", "550 5.1.1 no", "ok", "ok", "HTTPS mx1.two.test broken;SMTP mx1.two.test x@two.test=550;",
     ""},
    // The answer was lost: nobody gets a second copy now.
    {"two.test", "refused", "lost", "ok", "ok", "HTTPS mx1.two.test broken;SMTP mx1.two.test lost;",
     "two.test 1/1 failed=1 451 I/O error: the server closed the connection;"},
    // Nobody answered: the destination waits, with the last error in words.
    {"two.test", "refused", "tls", "refused", "tls",
     "HTTPS mx1.two.test broken;SMTP mx1.two.test broken;HTTPS mx2.two.test broken;SMTP mx2.two.test broken;",
     "two.test 1/1 failed=1 421 Failed to connect to any mail server; last attempt to mx2.two.test: 451 TLS error: "
     "certificate is for another name;"},
    {"dns.test", NULL, NULL, NULL, NULL, "", "dns.test 1/1 failed=1 421 DNS resolution failed for dns.test;"},
    {"nx.test", NULL, NULL, NULL, NULL, "", ""},
};

static void test_attempts(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(attempt_cases); i++) {
        const struct attempt_case *c = &attempt_cases[i];
        struct stage s;
        stage_open(&s);
        char host[64], recipient[64];
        (void)snprintf(host, sizeof(host), "mx1.%s", c->destination);
        peers_set(&s.peers, host, c->https, c->smtp);
        (void)snprintf(host, sizeof(host), "mx2.%s", c->destination);
        peers_set(&s.peers, host, c->https2, c->smtp2);
        (void)snprintf(recipient, sizeof(recipient), "x@%s", c->destination);
        stage_send(&s, recipient);
        stage_settle(&s);
        assert_string_equal(peers_log(&s.peers), c->want_log);
        assert_string_equal(stage_queue(&s), c->want_queue);
        stage_close(&s);
    }
}

static void test_second_letter_is_one_round_trip(void **state) {
    struct stage s;
    stage_open(&s);
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;"
                                             "SMTP mx1.b.test y@b.test=250;");
    assert_int_equal(s.peers.n_routes, 1);
    assert_int_equal(s.peers.n_channels, 1);
    // Half an hour later HTTPS has another chance.
    stage_wait(&s, 59);
    assert_int_equal(s.peers.n_channels, 1);
    stage_wait(&s, 1);
    assert_int_equal(s.peers.n_channels, 0);
    s.now += 30 * 60;
    stage_wait(&s, 1);
    stage_send(&s, "z@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test broken;SMTP mx1.b.test z@b.test=250;");
    stage_close(&s);
}

// Port 25 closes, 443 opens: the memory of the host must not keep the mail.
static void test_smtp_closes(void **state) {
    struct stage s;
    stage_open(&s);
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    (void)peers_log(&s.peers);
    peers_set(&s.peers, "mx1.b.test", "ok", "refused");
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "SMTP mx1.b.test broken;HTTPS mx1.b.test y@b.test=250;");
    stage_send(&s, "z@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test z@b.test=250;");
    stage_close(&s);
}

// Who refuses a letter by HTTPS and by SMTP alike is asked by HTTPS again; who takes by SMTP what HTTPS refused is not.
static void test_memory_of_hosts(void **state) {
    static const struct {
        const char *https, *smtp, *want;
    } cases[] = {
        {"550 5.1.1 no", "550 5.1.1 no", "HTTPS mx1.b.test y@b.test=250;"},
        {"400 no", "ok", "SMTP mx1.b.test y@b.test=250;"},
        {"refused", "ok", "SMTP mx1.b.test y@b.test=250;"},
        {"refused", "550 5.1.1 no", "SMTP mx1.b.test y@b.test=250;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage s;
        stage_open(&s);
        peers_set(&s.peers, "", cases[i].https, cases[i].smtp);
        stage_send(&s, "x@b.test");
        stage_settle(&s);
        (void)peers_log(&s.peers);
        peers_set(&s.peers, "", "ok", "ok");
        stage_send(&s, "y@b.test");
        stage_settle(&s);
        assert_string_equal(peers_log(&s.peers), cases[i].want);
        stage_close(&s);
    }
}

static void test_peer_that_takes_and_dies(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "dies");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    assert_string_equal(stage_queue(&s), "");
    (void)peers_log(&s.peers);
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "SMTP mx1.b.test connects again;SMTP mx1.b.test y@b.test=250;");
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

// ---- outcomes ----

static void test_outcome_of_each(void **state) {
    struct stage s;
    stage_open(&s);
    stage_send(&s, "ann@b.test bad1@b.test later1@b.test bad2@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers),
                        "HTTPS mx1.b.test broken;"
                        "SMTP mx1.b.test ann@b.test=250,bad1@b.test=550,later1@b.test=450,bad2@b.test=550;");
    assert_string_equal(stage_queue(&s), "b.test 1/1 failed=0 450 4.2.1 try later (forwarded from mx1.b.test);");
    assert_string_equal(load_text(&s.store, "b.test", INT64_MAX, 10),
                        "later1@b.test attempts=2 reply=450 4.2.1 try later (forwarded from mx1.b.test);");
    char text[16384];
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "Subject: Undelivered Mail Returned to Sender\r\n"));
    assert_non_null(strstr(text, "To: <alice@relay.test>\r\n"));
    assert_non_null(strstr(text, "Final-Recipient: rfc822; bad1@b.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                                 "Diagnostic-Code: smtp; 550 5.1.1 no such user (forwarded from mx1.b.test)\r\n"));
    assert_non_null(strstr(text, "Final-Recipient: rfc822; bad2@b.test\r\n"));
    assert_non_null(strstr(text, "Subject: [...]\r\n"));
    assert_null(strstr(text, "later1"));
    assert_null(strstr(text, "letter 0")); // the body
    struct queue_counters n;
    queue_count(s.q, &n);
    assert_int_equal(n.delivered_smtp, 1);
    assert_int_equal(n.deferred, 1);
    assert_int_equal(n.bounced, 2);
    // The one that is left is tried again, alone, when its time has come.
    stage_wait(&s, 300);
    stage_wait(&s, 600 + 150);
    assert_non_null(strstr(peers_log(&s.peers), "SMTP mx1.b.test later1@b.test=450;"));
    stage_close(&s);
}

// HTTPS takes some and refuses others: what it took is taken, and SMTP is asked for the rest.
static void test_https_takes_some(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", "mixed", "mixed");
    stage_send(&s, "ann@b.test bad@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers),
                        "HTTPS mx1.b.test ann@b.test=250,bad@b.test=550;SMTP mx1.b.test bad@b.test=550;");
    assert_int_equal(stage_inbox(&s, NULL, 0), 1);
    assert_string_equal(stage_queue(&s), "");
    peers_set(&s.peers, "", "mixed", "refused");
    stage_send(&s, "eve@c.test bad@c.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.c.test eve@c.test=250,bad@c.test=550;SMTP mx1.c.test broken;");
    assert_int_equal(stage_inbox(&s, NULL, 0), 1);
    assert_string_equal(load_text(&s.store, "c.test", INT64_MAX, 10),
                        "bad@c.test attempts=1 reply=421 Failed to connect to any mail server; last attempt to "
                        "mx1.c.test: 450 connection refused by 192.0.2.1;");
    struct queue_counters n;
    queue_count(s.q, &n);
    assert_int_equal(n.delivered_https, 2);
    assert_int_equal(n.failed_attempts, 1);
    stage_close(&s);
}

// It was settled while it was in memory: its body is gone.
static void test_gone_while_in_memory(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "ok");
    stage_send(&s, "w@b.test");
    stage_settle(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "x@b.test");
    uint64_t id = stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_int_equal(s.q->letters.n, 2);
    struct store_queue_settle *gone = store_queue_settle_new();
    (void)store_queue_settle_add(gone, id);
    assert_int_equal(run_and_free(&s.store, &gone->op), STORE_OK);
    peers_set(&s.peers, "", NULL, "mixed");
    peers_let_go(&s.peers);
    stage_send(&s, "z@b.test");
    stage_settle(&s);
    const char *log = peers_log(&s.peers);
    assert_null(strstr(log, "y@b.test"));
    assert_non_null(strstr(log, "z@b.test=250"));
    assert_string_equal(stage_queue(&s), "");
    assert_int_equal(s.q->letters.n, 0);
    stage_close(&s);
}

static void test_who_gets_a_bounce(void **state) {
    static const struct {
        bool ours;
        const char *reverse_path;
        size_t want;
    } cases[] = {{true, "alice@relay.test", 1}, {true, "", 0}, {false, "carol@c.test", 0}, {false, "", 0}};
    struct stage s;
    stage_open(&s);
    size_t had = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_send_as(&s, cases[i].ours ? s.sender : 0, cases[i].reverse_path, "bad@b.test");
        stage_settle(&s);
        assert_string_equal(stage_queue(&s), "");
        size_t has = stage_inbox(&s, NULL, 0);
        assert_int_equal(has - had, cases[i].want);
        had = has;
    }
    stage_close(&s);
}

static void test_no_such_domain(void **state) {
    struct stage s;
    stage_open(&s);
    stage_send(&s, "x@nx.test y@nx.test");
    stage_settle(&s);
    char text[16384];
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "Diagnostic-Code: smtp; 512 Domain nx.test does not exist\r\n"));
    stage_close(&s);
}

static void test_order(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "x0@b.test");
    for (int i = 1; i < 50; i++) {
        char recipient[32];
        (void)snprintf(recipient, sizeof(recipient), "x%d@b.test", i);
        stage_send(&s, recipient);
    }
    stage_settle(&s);
    assert_int_equal(s.q->letters.n, 1); // until it has answered
    peers_let_go(&s.peers);
    stage_settle(&s);
    assert_in_range(s.q->letters.n, QUEUE_LETTERS_MAX - 1, QUEUE_LETTERS_MAX);
    peers_set(&s.peers, "", NULL, "mixed");
    peers_let_go(&s.peers);
    stage_settle(&s);
    char want[4096] = "HTTPS mx1.b.test broken;";
    for (int i = 0; i < 50; i++) {
        size_t len = strlen(want);
        (void)snprintf(want + len, sizeof(want) - len, "SMTP mx1.b.test x%d@b.test=250;", i);
    }
    assert_string_equal(peers_log(&s.peers), want);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

static void test_large_body(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", "400 no", "ok");
    size_t len = 1000 * 1000;
    char *data = make_message(len, 1);
    uint8_t dedup[32] = {9};
    struct store_deliver *d = store_deliver_new(make_body(&s.store, data, len), dedup);
    store_deliver_add_remote(d, SLICE("b.test"), SLICE("x@b.test"));
    char prefix[12001];
    memset(prefix, 'p', sizeof(prefix));
    store_deliver_set_letter(d, slice_make(prefix, sizeof(prefix)), SLICE("alice@relay.test"), 0);
    assert_int_equal(run_and_free(&s.store, &d->op), STORE_OK);
    assert_true(stage_until(&s, stage_is_still));
    stage_settle(&s);
    while (s.peers.n_sending > 0)
        loop_run_ready(s.store.loop);
    struct slice got = buf_slice(&s.peers.message);
    assert_int_equal(got.len, sizeof(prefix) + len);
    assert_memory_equal(got.ptr, prefix, sizeof(prefix));
    assert_memory_equal(got.ptr + sizeof(prefix), data, len);
    free(data);
    stage_settle(&s);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_letter),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_second_letter_is_one_round_trip),
        cmocka_unit_test(test_smtp_closes),
        cmocka_unit_test(test_memory_of_hosts),
        cmocka_unit_test(test_peer_that_takes_and_dies),
        cmocka_unit_test(test_outcome_of_each),
        cmocka_unit_test(test_https_takes_some),
        cmocka_unit_test(test_gone_while_in_memory),
        cmocka_unit_test(test_who_gets_a_bounce),
        cmocka_unit_test(test_no_such_domain),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_large_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
