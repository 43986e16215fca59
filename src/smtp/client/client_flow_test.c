// SPDX-License-Identifier: MIT
// The SMTP transport: what it refuses by itself, large messages, bodies that fail, servers that speak in the middle of
// a message, and letters that are given up at any moment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/client/client_fixture.h"

static const char text[] = "Subject: x\r\n\r\nhello\r\n";

static void assert_end(struct client_world *w, struct letter *l, const char *name, const char *want) {
    char got[4096];
    letter_describe(l, got, sizeof(got));
    if (strcmp(got, want) != 0 || w->peer.problem[0] != '\0')
        fail_msg("%s: want [%s] got [%s] %s", name, want, got, w->peer.problem);
}

// ---- what cannot be said ----

static void test_refused_here(void **state) {
    (void)state;
    static const struct {
        const char *name, *script;
        const char *from, *to[3];
        uint64_t size;
        const char *want;
    } rows[] = {
        {"too large for the server",
         HELLO "S: 250-mx\nS: 250 SIZE 1000\nC: QUIT\n",
         "a@b.example",
         {"c@d.example", "e@d.example"},
         1001,
         "ANSWERED 552 5.3.4 The message of 1001 octets is larger than the server takes (1000)|"
         "552 5.3.4 The message of 1001 octets is larger than the server takes (1000)"},
        {"just not too large",
         HELLO "S: 250-mx\nS: 250 SIZE 1000\nC: MAIL FROM:<a@b.example> SIZE=1000\nS: 550 no\n",
         "a@b.example",
         {"c@d.example"},
         1000,
         "ANSWERED 550 no"},
        {"no limit is told",
         HELLO "S: 250-mx\nS: 250 SIZE 0\nC: MAIL FROM:<a@b.example> SIZE=1000\nS: 550 no\n",
         "a@b.example",
         {"c@d.example"},
         1000,
         "ANSWERED 550 no"},
        {"UTF-8 of one recipient",
         HELLO "S: 250 mx\nC: MAIL FROM:<a@b.example>\nS: 250\nC: RCPT TO:<c@d.example>\nS: 550 no\nC: QUIT\n",
         "a@b.example",
         {"c@d.example", "\xc3\xb6@d.example"},
         0,
         "ANSWERED 550 no|553 5.6.7 The server does not take internationalized addresses"},
        {"UTF-8 of the first recipient",
         HELLO "S: 250-mx\nS: 250 PIPELINING\nC: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
               "S: 250\nS: 250\nS: 354\nMESSAGE\nS: 250 taken\n",
         "a@b.example",
         {"\xc3\xb6@d.example", "c@d.example"},
         0,
         "ANSWERED 553 5.6.7 The server does not take internationalized addresses|250 taken"},
        {"UTF-8 of the sender",
         HELLO "S: 250 mx\nC: QUIT\n",
         "\xc3\xb6@b.example",
         {"c@d.example"},
         0,
         "ANSWERED 553 5.6.7 The server does not take internationalized addresses"},
        {"UTF-8 where it is taken",
         HELLO "S: 250-mx\nS: 250 SMTPUTF8\nC: MAIL FROM:<a@b.example> SMTPUTF8\nS: 250\n"
               "C: RCPT TO:<\xc3\xb6@d.example>\nS: 550 no\n",
         "a@b.example",
         {"\xc3\xb6@d.example"},
         0,
         "ANSWERED 550 no"},
        {"the null sender",
         HELLO "S: 250-mx\nS: 250 SMTPUTF8\nC: MAIL FROM:<>\nS: 550 no\n",
         "",
         {"c@d.example"},
         0,
         "ANSWERED 550 no"},
        {"no address, and a line end in one",
         HELLO "S: 250 mx\nC: QUIT\n",
         "a@b.example",
         {"c d@d.example", "c@d.example\r\nRSET"},
         0,
         "ANSWERED 553 5.1.3 Bad recipient address|553 5.1.3 Bad recipient address"},
        {"a sender that is none",
         HELLO "S: 250 mx\nC: QUIT\n",
         "a@b.example> X",
         {"c@d.example"},
         0,
         "ANSWERED 553 5.1.7 Bad sender address"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const scripts[] = {rows[i].script, NULL};
        struct client_world w;
        struct letter l;
        client_world_open(&w, scripts, NULL);
        size_t n = 0;
        while (n < ARRAY_LEN(rows[i].to) && rows[i].to[n] != NULL)
            n++;
        letter_init(&l, w.loop, text, rows[i].size, n);
        l.l.reverse_path = slice_from_cstr(rows[i].from);
        for (size_t k = 0; k < n; k++)
            l.recipients[k] = slice_from_cstr(rows[i].to[k]);
        client_world_send(&w, &l);
        assert_end(&w, &l, rows[i].name, rows[i].want);
        letter_done(&l);
        client_world_close(&w);
        if (w.peer.problem[0] != '\0')
            fail_msg("%s: %s", rows[i].name, w.peer.problem);
    }
}

static void test_hundred_recipients(void **state) {
    (void)state;
    struct client_world w;
    struct letter l;
    struct buf script;
    buf_init(&script, 64 * 1024);
    assert_true(buf_append_cstr(&script, CHUNKED MAIL));
    for (int i = 0; i < 100; i++)
        assert_true(buf_printf(&script, "C: RCPT TO:<user%d@b.example>\n", i));
    assert_true(buf_append_cstr(&script, "CHUNK\nS: 250\n"));
    for (int i = 0; i < 100; i++)
        assert_true(buf_printf(&script, "S: %d x\n", i % 3 == 0 ? 550 : 250));
    assert_true(buf_append(&script, "S: 250 taken\n", 14));
    const char *const scripts[] = {buf_slice(&script).ptr, NULL};
    client_world_open(&w, scripts, NULL);
    letter_init(&l, w.loop, text, 0, 100);
    client_world_send(&w, &l);
    assert_string_equal(w.peer.problem, "");
    assert_true(l.is_done);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(l.replies[i].code, i % 3 == 0 ? 550 : 250);
    letter_done(&l);
    client_world_close(&w);
    buf_done(&script);
}

// ---- large messages ----

static void test_large(void **state) {
    (void)state;
    static const struct {
        const char *name, *script;
        uint64_t size;
    } rows[] = {
        {"one by one", STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 taken\n", 5000000},
        {"grouped", GROUPED MAIL RCPT(0) "C: DATA\nS: 250\nS: 250\nS: 354\nMESSAGE\nS: 250 taken\n", 5000000},
        {"chunks are for what is small",
         CHUNKED MAIL RCPT(0) "C: DATA\nS: 250\nS: 250\nS: 354\nMESSAGE\nS: 250 taken\n", 5000000},
        {"the largest chunk", CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 taken\n", 256 * 1024},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const scripts[] = {rows[i].script, NULL};
        struct client_world w;
        struct letter l;
        client_world_open(&w, scripts, NULL);
        letter_init(&l, w.loop, "Subject: x\r\n\r\n.dot\r\n", rows[i].size, 1);
        client_world_send(&w, &l);
        assert_end(&w, &l, rows[i].name, "ANSWERED 250 taken");
        assert_int_equal(w.peer.message.len, rows[i].size);
        assert_memory_equal(buf_slice(&w.peer.message).ptr, "Subject: x\r\n\r\n.dot\r\nxx", 22);
        assert_in_range(l.max_asked, 1, 64 * 1024);
        letter_done(&l);
        client_world_close(&w);
    }
}

// A server that does not read: no more of the message is read than the sockets and a little buffer hold.
static void test_server_that_does_not_read(void **state) {
    (void)state;
    static const struct smtp_client_times times = {5000, 5000, 5000, 500, 5000, 60000, 60000};
    const char *const scripts[] = {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nPAUSE\n", NULL};
    struct client_world w;
    struct letter l;
    client_world_open(&w, scripts, &times);
    letter_init(&l, w.loop, text, UINT64_C(1) << 30, 1);
    client_world_send(&w, &l);
    assert_end(&w, &l, "stalled", "BROKEN 451 I/O error: timed out waiting for the server to take the message");
    assert_in_range(l.at, 64 * 1024, 16 * 1024 * 1024); // the kernel's buffers of both sides
    letter_done(&l);
    client_world_close(&w);
}

// However slowly it takes each block: there is an end to it.
static void test_total(void **state) {
    (void)state;
    static const struct smtp_client_times times = {5000, 5000, 5000, 60000, 5000, 1500, 60000};
    const char *const scripts[] = {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nPAUSE\n", NULL};
    struct client_world w;
    struct letter l;
    client_world_open(&w, scripts, &times);
    letter_init(&l, w.loop, text, 100000000, 1);
    client_world_send(&w, &l);
    assert_end(&w, &l, "slow", "BROKEN 451 I/O error: timed out, the message took too long");
    letter_done(&l);
    client_world_close(&w);
}

// ---- in the middle of a message ----

static void test_interrupted(void **state) {
    (void)state;
#define TO_DATA STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\n"
    static const struct {
        const char *name;
        const char *scripts[3];
        uint64_t size;
        enum { WHOLE, SHORT, FAILS, HANGS } body;
        const char *want, *then;
    } rows[] = {
        {"refused meanwhile",
         {TO_DATA "WAIT 1000\nS: 552 5.3.4 too large\n", STEPS MAIL "S: 550 no\n"},
         50000000,
         WHOLE,
         "ANSWERED 552 5.3.4 too large",
         "ANSWERED 550 no"},
        {"421 meanwhile",
         {TO_DATA "WAIT 1000\nS: 421 bye\n", STEPS MAIL "S: 550 no\n"},
         50000000,
         WHOLE,
         "BROKEN 421 bye",
         "ANSWERED 550 no"},
        {"taken before it is there",
         {TO_DATA "WAIT 1000\nS: 250 taken\n", STEPS MAIL "S: 550 no\n"},
         50000000,
         WHOLE,
         "BROKEN 451 I/O error: the server's reply makes no sense here",
         "ANSWERED 550 no"},
        {"a chunk taken before it is there",
         {CHUNKED MAIL RCPT(0) "S: 250\nS: 250\nS: 250 taken\n", STEPS MAIL "S: 550 no\n"},
         0,
         HANGS,
         "BROKEN 451 I/O error: the server's reply makes no sense here",
         "ANSWERED 550 no"},
        {"the body cannot be read",
         {TO_DATA "WAIT 1000000\n", STEPS MAIL "S: 550 no\n"},
         0,
         FAILS,
         "BROKEN 451 Local error: the message cannot be read",
         "ANSWERED 550 no"},
        {"the body is shorter than it should be",
         {TO_DATA "WAIT 1000000\n", STEPS MAIL "S: 550 no\n"},
         0,
         SHORT,
         "BROKEN 451 Local error: the message cannot be read",
         "ANSWERED 550 no"},
        {"the same in a chunk",
         {CHUNKED MAIL RCPT(0) "WAIT 1000000\n", STEPS MAIL "S: 550 no\n"},
         0,
         SHORT,
         "BROKEN 451 Local error: the message cannot be read",
         "ANSWERED 550 no"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_world w;
        struct letter l;
        client_world_open(&w, rows[i].scripts, NULL);
        letter_init(&l, w.loop, text, rows[i].size, 1);
        l.ends_at = rows[i].body == SHORT ? 5 : 0;
        l.fails = rows[i].body == FAILS;
        l.hangs = rows[i].body == HANGS;
        client_world_send(&w, &l);
        assert_end(&w, &l, rows[i].name, rows[i].want);
        letter_done(&l);
        letter_init(&l, w.loop, text, 0, 1); // the next one finds a new connection
        client_world_send(&w, &l);
        assert_end(&w, &l, rows[i].name, rows[i].then);
        letter_done(&l);
        client_world_close(&w);
    }
}

// ---- no connection ----

static void test_unconnected(void **state) {
    (void)state;
    static const char *const none[] = {NULL};
    struct client_world w;
    struct letter l;
    client_world_open(&w, none, NULL);
    w.host.addresses[0].port = 1;
    letter_init(&l, w.loop, text, 0, 1);
    client_world_send(&w, &l);
    assert_end(&w, &l, "refused", "BROKEN unconnected 450 Connection failed: connection refused");
    letter_done(&l);
    w.host.n_addresses = 0;
    letter_init(&l, w.loop, text, 0, 1);
    client_world_send(&w, &l);
    assert_end(&w, &l, "no address", "BROKEN unconnected 450 Connection failed: no address");
    letter_done(&l);
    client_world_close(&w);
}

// ---- who must prove itself ----

static void test_proofs(void **state) {
    (void)state;
    static const char script[] = STEPS MAIL "S: 550 no\n";
    static const struct {
        const char *name;
        const char *host, *tls_name;
        enum tls_check check;
        bool knows_root, has_record;
        const char *want;
    } rows[] = {
        {"any", "x.example", NULL, TLS_CHECK_ANY, false, false, "ANSWERED 550 no"},
        {"PKIX", "mx.b.example", NULL, TLS_CHECK_PKIX, true, false, "ANSWERED 550 no"},
        {"PKIX for another name", "x.example", NULL, TLS_CHECK_PKIX, true, false,
         "BROKEN 451 TLS error: the certificate is for another name"},
        {"PKIX without the root", "mx.b.example", NULL, TLS_CHECK_PKIX, false, false,
         "BROKEN 451 TLS error: the certificate is self-signed"},
        {"the name for DANE is not for PKIX", "x.example", "mx.b.example", TLS_CHECK_PKIX, true, false,
         "BROKEN 451 TLS error: the certificate is for another name"},
        {"DANE", "x.example", NULL, TLS_CHECK_DANE, false, true, "ANSWERED 550 no"},
        {"DANE by another name", "x.example", "y.example", TLS_CHECK_DANE, false, true, "ANSWERED 550 no"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const scripts[] = {script, NULL};
        char folder[] = "/tmp/martlet-smtp-XXXXXX", path[256];
        const char *error;
        uint8_t digest[32];
        struct client_world w;
        struct letter l;
        assert_non_null(mkdtemp(folder));
        client_world_open(&w, scripts, NULL);
        cert_fixture_save(w.peer.cert, folder, "root.pem", path);
        if (rows[i].knows_root)
            assert_true(tls_client_context_replace(w.tls, &(struct tls_client_settings){.ca_file = path}, &error));
        cert_fixture_digest(w.peer.cert, 1, digest);
        const struct tls_tlsa record = {3, 1, 1, {(const char *)digest, sizeof(digest)}};
        w.host.name = rows[i].host;
        w.host.tls_name = rows[i].tls_name;
        w.host.check = rows[i].check;
        w.host.tlsa = &record;
        w.host.n_tlsa = rows[i].has_record;
        letter_init(&l, w.loop, text, 0, 1);
        client_world_send(&w, &l);
        assert_end(&w, &l, rows[i].name, rows[i].want);
        letter_done(&l);
        client_world_close(&w);
        assert_int_equal(remove(path), 0);
        assert_int_equal(remove(folder), 0);
    }
}

// A TLSA record that no certificate fits: nothing is said to that server.
static void test_dane(void **state) {
    (void)state;
    static const char digest[32];
    static const struct tls_tlsa record = {3, 1, 1, {digest, sizeof(digest)}};
    const char *const scripts[] = {HELLO, NULL};
    struct client_world w;
    struct letter l;
    client_world_open(&w, scripts, NULL);
    w.host.check = TLS_CHECK_DANE;
    w.host.tlsa = &record;
    w.host.n_tlsa = 1;
    letter_init(&l, w.loop, text, 0, 1);
    client_world_send(&w, &l);
    assert_end(&w, &l, "DANE", "BROKEN 451 TLS error: no TLSA record matches");
    letter_done(&l);
    client_world_close(&w);
}

// ---- given up ----

struct giver {
    struct client_world *w;
    size_t at;
};

static void give_up(void *arg, size_t n_steps) {
    struct giver *g = arg;
    if (n_steps != g->at)
        return;
    g->w->transport->close(g->w->ch);
    g->w->ch = NULL;
}

// The channel is closed after each step of the dialogue.
static void test_given_up(void **state) {
    (void)state;
    static const char *const scripts[][2] = {
        {CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 taken\n", NULL},
        {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nWAIT 1000\nMESSAGE\nS: 250 taken\n", NULL},
    };
    for (size_t s = 0; s < ARRAY_LEN(scripts); s++) {
        bool is_done = false;
        for (size_t n = 1; !is_done; n++) {
            struct client_world w;
            struct giver g = {.w = &w, .at = n};
            struct letter l;
            assert_in_range(n, 1, 40);
            client_world_open(&w, scripts[s], NULL);
            w.peer.on_step = give_up;
            w.peer.arg = &g;
            letter_init(&l, w.loop, text, 200000, 1);
            w.transport->send(w.ch, &l.l, letter_on_end, &l);
            for (uint64_t end = clock_mono_ms() + PATIENCE_MS; w.ch != NULL && !l.is_done && clock_mono_ms() < end;)
                client_world_turn(&w);
            is_done = l.is_done;
            assert_true(is_done || w.ch == NULL);
            client_world_close(&w);
            assert_int_equal(l.is_done, is_done);
            letter_done(&l);
        }
    }
}

// done() may close the channel, or send the next letter.
struct chain {
    struct client_world *w;
    struct letter letters[2];
    int n_ends;
};

static void on_chain_end(void *arg, const struct transport_end *end) {
    struct chain *c = arg;
    assert_int_equal(end->result, TRANSPORT_ANSWERED);
    if (++c->n_ends == 1) {
        c->w->transport->send(c->w->ch, &c->letters[1].l, on_chain_end, c);
        return;
    }
    c->w->transport->close(c->w->ch);
    c->w->ch = NULL;
}

static void test_done_goes_on(void **state) {
    (void)state;
    const char *const scripts[] = {CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 one\n" MAIL RCPT(
                                       0) "CHUNK\nS: 250\nS: 250\nS: 250 two\nC: QUIT\nCLOSE\n",
                                   NULL};
    struct client_world w;
    struct chain c = {.w = &w};
    client_world_open(&w, scripts, NULL);
    letter_init(&c.letters[0], w.loop, text, 0, 1);
    letter_init(&c.letters[1], w.loop, text, 0, 1);
    w.transport->send(w.ch, &c.letters[0].l, on_chain_end, &c);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; (c.n_ends < 2 || w.peer.n_open > 0) && clock_mono_ms() < end;)
        client_world_turn(&w);
    assert_int_equal(c.n_ends, 2);
    assert_string_equal(w.peer.problem, "");
    letter_done(&c.letters[0]);
    letter_done(&c.letters[1]);
    client_world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_here), cmocka_unit_test(test_hundred_recipients),
        cmocka_unit_test(test_large),        cmocka_unit_test(test_server_that_does_not_read),
        cmocka_unit_test(test_total),        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_unconnected),  cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_dane),         cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_done_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
