// SPDX-License-Identifier: MIT
// The SMTP transport against a server that follows a script (smtp/client/peer.h), over loopback and TLS.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/client/client_fixture.h"

static const char text[] = "Subject: x\r\n\r\n.one\r\n..\r\n.\r\nend\r\n";

// ---- dialogues ----

struct row {
    const char *name;
    const char *scripts[PEER_SCRIPTS_MAX];
    const char *want[3]; // of each letter
    size_t n_recipients; // 0: one
    const char *message; // received last; NULL: not looked at
    const struct transport_host *host;
};

static void play_one(const struct row *r, const struct smtp_client_times *times, size_t *failed) {
    struct client_world w;
    client_world_open(&w, r->scripts, times);
    if (r->host != NULL) {
        w.host.check = r->host->check;
        w.host.may_be_clear = r->host->may_be_clear;
        w.host.tlsa = r->host->tlsa;
        w.host.n_tlsa = r->host->n_tlsa;
    }
    for (size_t i = 0; i < ARRAY_LEN(r->want) && r->want[i] != NULL; i++) {
        struct letter l;
        char got[4096];
        letter_init(&l, w.loop, text, 0, r->n_recipients > 0 ? r->n_recipients : 1);
        buf_done(&w.peer.message);
        client_world_send(&w, &l);
        letter_describe(&l, got, sizeof(got));
        struct slice message = buf_slice(&w.peer.message);
        if (strcmp(got, r->want[i]) != 0) {
            print_error("%s: letter %zu: want [%s] got [%s] %s\n", r->name, i + 1, r->want[i], got, w.peer.problem);
            ++*failed;
        } else if (r->message != NULL && !slice_eq(message, slice_from_cstr(r->message))) {
            print_error("%s: message [%.*s]\n", r->name, SLICE_FMT(message));
            ++*failed;
        }
        if (!l.is_done) { // the channel still has it
            w.transport->close(w.ch);
            w.ch = w.transport->open(w.transport->arg, &w.host);
        }
        letter_done(&l);
    }
    if (w.peer.problem[0] != '\0') {
        print_error("%s: %s\n", r->name, w.peer.problem);
        ++*failed;
    }
    client_world_close(&w);
}

static void play(const struct row *rows, size_t n, const struct smtp_client_times *times) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++)
        play_one(&rows[i], times, &failed);
    assert_int_equal(failed, 0);
}

static void test_delivery(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.name = "one by one",
         {STEPS MAIL "S: 250 ok\n" RCPT(0) "S: 250 ok\nC: DATA\nS: 354 go\nMESSAGE\nS: 250 2.0.0 taken\nC: QUIT\n"},
         {"ANSWERED 250 2.0.0 taken"},
         .message = text},
        {.name = "grouped: two round trips",
         {GROUPED MAIL RCPT(0) RCPT(1) "C: DATA\nS: 250 a\nS: 250 b\nS: 251 c\nS: 354 go\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 250 taken|250 taken"},
         .n_recipients = 2,
         .message = text},
        {.name = "with chunks: one round trip",
         {CHUNKED MAIL RCPT(0) RCPT(1) "CHUNK\nS: 250 a\nS: 250 b\nS: 250 c\nS: 250 taken\n"},
         {"ANSWERED 250 taken|250 taken"},
         .n_recipients = 2,
         .message = text},
        {.name = "chunks without pipelining are not used",
         {HELLO "S: 250-mx\nS: 250 CHUNKING\n" MAIL
                "S: 250 ok\n" RCPT(0) "S: 250 ok\nC: DATA\nS: 354\nMESSAGE\nS: 250\n"},
         {"ANSWERED 250"},
         .message = text},
        {.name = "what is offered is said",
         {HELLO "S: 250-mx\nS: 250-SIZE 1000\nS: 250-SMTPUTF8\nS: 250 8BITMIME\n"
                "C: MAIL FROM:<alice@relay.test> SIZE=32 BODY=8BITMIME\nS: 250 ok\n" RCPT(
                    0) "S: 250 ok\nC: DATA\n"
                       "S: 354 go\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 250 taken"}},
        {.name = "what was offered in clear does not count",
         {"S: 220 mx\nC: EHLO relay.test\nS: 250-mx\nS: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\n"
          "C: EHLO relay.test\nS: 250 mx\n" MAIL
          "S: 250 ok\n" RCPT(0) "S: 250 ok\nC: DATA\nS: 354 go\nMESSAGE\nS: 250 t\n"},
         {"ANSWERED 250 t"}},
        {.name = "injected behind the reply to STARTTLS",
         {"S: 220 mx\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250-evil\n"
          "S: 250 PIPELINING\nTLS\nC: EHLO relay.test\nS: 250 mx\n" MAIL "S: 550 no\n"},
         {"ANSWERED 550 no"}},
        {.name = "a server of few words",
         {HELLO "S: 250\n" MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250\n"},
         {"ANSWERED 250"}},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.name = "MAIL, one by one",
         {STEPS MAIL "S: 550 5.7.1 not you\n"},
         {"ANSWERED 550 5.7.1 not you|550 5.7.1 not you"},
         2},
        {.name = "MAIL, grouped",
         {GROUPED MAIL RCPT(0) RCPT(1) "C: DATA\nS: 450 later\nS: 503 a\nS: 503 b\nS: 503 c\n"},
         {"ANSWERED 450 later|450 later"},
         2},
        {.name = "MAIL, in chunks",
         {CHUNKED MAIL RCPT(0) "CHUNK\nS: 450 later\nS: 503 a\nS: 503 b\n"},
         {"ANSWERED 450 later"}},
        {.name = "one recipient of three, one by one",
         {STEPS MAIL "S: 250 ok\n" RCPT(0) "S: 250 ok\n" RCPT(1) "S: 550 5.1.1 who\n" RCPT(
             2) "S: 450 4.2.2 full\nC: DATA\nS: 354 go\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 250 taken|550 5.1.1 who|450 4.2.2 full"},
         3,
         text},
        {.name = "one recipient of three, grouped",
         {GROUPED MAIL RCPT(0) RCPT(1) RCPT(
             2) "C: DATA\nS: 250\nS: 450 4.2.2 full\nS: 250\nS: 550-5.1.1 who\nS: 550 5.1.1 is it\nS: 354\nMESSAGE\n"
                "S: 250 taken\n"},
         {"ANSWERED 450 4.2.2 full|250 taken|550 5.1.1 who is it"},
         3,
         text},
        {.name = "one recipient of two, in chunks",
         {CHUNKED MAIL RCPT(0) RCPT(1) "CHUNK\nS: 250\nS: 550 who\nS: 250\nS: 250 taken\n"},
         {"ANSWERED 550 who|250 taken"},
         2,
         text},
        {.name = "all recipients, one by one: RSET comes before the next",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 550 who\nC: RSET\nS: 250\n" MAIL
                                        "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 550 who", "ANSWERED 250 taken"}},
        {.name = "all recipients, grouped, DATA refused",
         {GROUPED MAIL RCPT(0) "C: DATA\nS: 250\nS: 550 who\nS: 554 no valid recipients\n"
                               "C: RSET\n" MAIL RCPT(
                                   0) "C: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 550 who", "ANSWERED 250 taken"}},
        {.name = "all recipients, grouped, 354 all the same: an empty message ends it",
         {GROUPED MAIL RCPT(0) "C: DATA\nS: 250\nS: 550 who\nS: 354 go\nC: .\nS: 250 taken\n"
                               "C: RSET\n" MAIL RCPT(
                                   0) "C: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nMESSAGE\nS: 250 taken\n"},
         {"ANSWERED 550 who", "ANSWERED 250 taken"}},
        {.name = "all recipients, in chunks",
         {CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 450 full\nS: 554 no valid recipients\n"
                               "C: RSET\n" MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250\nS: 250 taken\n"},
         {"ANSWERED 450 full", "ANSWERED 250 taken"}},
        {.name = "DATA",
         {GROUPED MAIL RCPT(0) "C: DATA\nS: 250\nS: 250\nS: 452 4.3.1 no room\n"},
         {"ANSWERED 452 4.3.1 no room"}},
        {.name = "the message: for all who were accepted",
         {GROUPED MAIL RCPT(0)
              RCPT(1) "C: DATA\nS: 250\nS: 550 who\nS: 250\nS: 354\nMESSAGE\nS: 523 Encryption Needed\n"
                      "C: RSET\n" MAIL RCPT(0) RCPT(1) "C: DATA\nS: 250\nS: 250\nS: 250\nS: 250\nS: 354\n"
                                                       "MESSAGE\nS: 250 taken\n"},
         {"ANSWERED 550 who|523 Encryption Needed", "ANSWERED 250 taken|250 taken"},
         2},
        {.name = "the message, in chunks",
         {CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 554 5.7.1 No DKIM signature found\n"},
         {"ANSWERED 554 5.7.1 No DKIM signature found"}},
        {.name = "421 in the middle",
         {GROUPED MAIL RCPT(0) "C: DATA\nS: 250\nS: 421 4.3.2 going down\nCLOSE\n"},
         {"BROKEN 421 4.3.2 going down"}},
        {.name = "421 at the end",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 421 bye\nCLOSE\n"},
         {"BROKEN 421 bye"}},
        {.name = "taken, and dead at once",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 taken\nCLOSE\n"},
         {"ANSWERED 250 taken"}},
        {.name = "taken, and a reset at once",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 taken\nC: QUIT\nABORT\n"},
         {"ANSWERED 250 taken"}},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

static void test_beginnings(void **state) {
    (void)state;
    static const struct transport_host clear = {.may_be_clear = true}, pkix = {.check = TLS_CHECK_PKIX};
    static const struct row rows[] = {
        {.name = "554 for a greeting",
         {"S: 554 5.7.1 not from you\n"},
         {"ANSWERED 554 5.7.1 not from you|554 5.7.1 not from you"},
         2},
        {.name = "521", {"S: 521 no mail here\n"}, {"ANSWERED 521 no mail here"}},
        {.name = "450 for a greeting", {"S: 450 later\n"}, {"BROKEN 450 later"}},
        {.name = "421", {"S: 421-too\nS: 421 many\nCLOSE\n"}, {"BROKEN 421 too many"}},
        {.name = "354 for a greeting",
         {"S: 354 go\n"},
         {"BROKEN 451 I/O error: the server's reply makes no sense here"}},
        {.name = "garbage", {"S: SSH-2.0-x\n"}, {"BROKEN 451 I/O error: what the server says is not SMTP"}},
        {.name = "EHLO refused", {"S: 220\nC: EHLO relay.test\nS: 550 bad name\n"}, {"ANSWERED 550 bad name"}},
        {.name = "EHLO refused for now", {"S: 220\nC: EHLO relay.test\nS: 451 later\n"}, {"BROKEN 451 later"}},
        {.name = "EHLO unknown",
         {"S: 220\nC: EHLO relay.test\nS: 502 what\n"},
         {"BROKEN 451 TLS error: the server does not offer STARTTLS"}},
        {.name = "no STARTTLS",
         {"S: 220\nC: EHLO relay.test\nS: 250 mx\n"},
         {"BROKEN 451 TLS error: the server does not offer STARTTLS"}},
        {.name = "STARTTLS refused",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 no key\n"},
         {"BROKEN 451 TLS error: STARTTLS was refused: 454 no key"}},
        {.name = "STARTTLS refused for good is no word on the recipients",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 554 no\n"},
         {"BROKEN 451 TLS error: STARTTLS was refused: 554 no"}},
        {.name = "the handshake is closed",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nCLOSE\n"},
         {"BROKEN 451 TLS error: the peer closed during the handshake"}},
        {.name = "no handshake but words",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nWAIT 1\nS: 454 no, sorry\n"},
         {"BROKEN 451 TLS error: the peer does not speak TLS"}},
        {.name = "EHLO refused under TLS", {HELLO "S: 550 bad name\n"}, {"ANSWERED 550 bad name"}},
        {.name = "EHLO unknown under TLS", {HELLO "S: 502 what\n"}, {"ANSWERED 502 what"}},
        {.name = "clear text where it may be",
         {"S: 220\nC: EHLO relay.test\nS: 250 mx\n" MAIL
          "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 t\n"},
         {"ANSWERED 250 t"},
         .host = &clear},
        {.name = "and HELO",
         {"S: 220\nC: EHLO relay.test\nS: 500 what\nC: HELO relay.test\nS: 250 mx\n" MAIL
          "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 t\n"},
         {"ANSWERED 250 t"},
         .host = &clear},
        {.name = "but TLS where it is offered", {STEPS MAIL "S: 550 no\n"}, {"ANSWERED 550 no"}, .host = &clear},
        {.name = "a certificate that nobody vouches for",
         {HELLO "S: 250 mx\n"},
         {"BROKEN 451 TLS error: the certificate is self-signed"},
         .host = &pkix},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

// Connections that are kept: what is found of them is nobody's business but ours.
static void test_kept(void **state) {
    (void)state;
#define ONE CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 one\n"
#define TWO CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 two\n"
    static const struct row rows[] = {
        {.name = "the next letter costs one round trip",
         {ONE MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nS: 250 two\n" MAIL RCPT(
             0) "CHUNK\nS: 250\nS: 250\nS: 250 three\nC: QUIT\nS: 221 bye\nCLOSE\n"},
         {"ANSWERED 250 one", "ANSWERED 250 two", "ANSWERED 250 three"},
         .message = text},
        {.name = "closed meanwhile", {ONE "CLOSE\n", TWO}, {"ANSWERED 250 one", "ANSWERED 250 two"}, .message = text},
        {.name = "closed when the next one comes",
         {ONE MAIL "CLOSE\n", TWO},
         {"ANSWERED 250 one", "ANSWERED 250 two"},
         .message = text},
        {.name = "reset when the next one comes", {ONE MAIL "ABORT\n", TWO}, {"ANSWERED 250 one", "ANSWERED 250 two"}},
        {.name = "421 to the next one",
         {ONE MAIL "S: 421 enough\nCLOSE\n", TWO},
         {"ANSWERED 250 one", "ANSWERED 250 two"},
         .message = text},
        {.name = "421 unasked", {ONE "S: 421 idle\nCLOSE\n", TWO}, {"ANSWERED 250 one", "ANSWERED 250 two"}},
        {.name = "once and not for ever",
         {ONE MAIL "CLOSE\n", "S: 220 mx\nC: EHLO relay.test\nS: 421 enough\nCLOSE\n"},
         {"ANSWERED 250 one", "BROKEN 421 enough"}},
        {.name = "not after an answer",
         {ONE MAIL RCPT(0) "CHUNK\nS: 250\nCLOSE\n", TWO},
         {"ANSWERED 250 one",
          "BROKEN maybe taken 451 I/O error: the server closed the connection before the reply to RCPT",
          "ANSWERED 250 two"}},
        {.name = "nor when the answer to the message is lost",
         {ONE MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\nCLOSE\n", TWO},
         {"ANSWERED 250 one",
          "BROKEN maybe taken 451 I/O error: the server closed the connection before the reply to the end of the "
          "message",
          "ANSWERED 250 two"}},
        {.name = "a new connection that is closed is not tried twice",
         {STEPS MAIL "CLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to MAIL"}},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

// A kept connection is left with a word when nothing comes for a while.
static void test_rest(void **state) {
    (void)state;
    static const struct smtp_client_times times = {5000, 5000, 5000, 5000, 5000, 60000, 30};
    const char *const scripts[] = {ONE "C: QUIT\nCLOSE\n", TWO, NULL};
    struct client_world w;
    struct letter l;
    char got[1000];
    client_world_open(&w, scripts, &times);
    letter_init(&l, w.loop, text, 0, 1);
    client_world_send(&w, &l);
    assert_true(l.is_done);
    letter_done(&l);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; w.peer.n_open > 0 && clock_mono_ms() < end;)
        client_world_turn(&w);
    assert_int_equal(w.peer.n_open, 0);
    letter_init(&l, w.loop, text, 0, 1);
    client_world_send(&w, &l);
    letter_describe(&l, got, sizeof(got));
    assert_string_equal(got, "ANSWERED 250 two");
    assert_string_equal(w.peer.problem, "");
    letter_done(&l);
    client_world_close(&w);
}

// ---- silence ----

static void test_stalls(void **state) {
    (void)state;
    static const struct smtp_client_times hasty = {2000, 500, 300, 300, 400, 60000, 60000};
    static const struct row rows[] = {
        {.name = "greeting", {""}, {"BROKEN 451 I/O error: timed out waiting for the greeting"}},
        {.name = "half a greeting", {"S- 220-m\n"}, {"BROKEN 451 I/O error: timed out waiting for the greeting"}},
        {.name = "EHLO",
         {"S: 220\nC: EHLO relay.test\n"},
         {"BROKEN 451 I/O error: timed out waiting for the reply to EHLO"}},
        {.name = "STARTTLS",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n"},
         {"BROKEN 451 I/O error: timed out waiting for the reply to STARTTLS"}},
        {.name = "the handshake",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n"},
         {"BROKEN 451 TLS error: the handshake timed out"}},
        {.name = "EHLO again", {HELLO}, {"BROKEN 451 I/O error: timed out waiting for the reply to EHLO"}},
        {.name = "MAIL", {STEPS MAIL}, {"BROKEN 451 I/O error: timed out waiting for the reply to MAIL"}},
        {.name = "RCPT",
         {STEPS MAIL "S: 250\n" RCPT(0)},
         {"BROKEN 451 I/O error: timed out waiting for the reply to RCPT"}},
        {.name = "DATA",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\n"},
         {"BROKEN 451 I/O error: timed out waiting for the reply to DATA"}},
        {.name = "the end",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\n"},
         {"BROKEN maybe taken 451 I/O error: timed out waiting for the reply to the end of the message"}},
        {.name = "MAIL, in chunks",
         {CHUNKED MAIL},
         {"BROKEN maybe taken 451 I/O error: timed out waiting for the reply to MAIL"}},
        {.name = "the end, in chunks",
         {CHUNKED MAIL RCPT(0) "CHUNK\nS: 250\nS: 250\n"},
         {"BROKEN maybe taken 451 I/O error: timed out waiting for the reply to the end of the message"}},
        // A server that has the message may answer everything at its end: it is not asked a second time meanwhile.
        {.name = "a kept connection, with the message on it",
         {ONE MAIL RCPT(0) "CHUNK\n", TWO},
         {"ANSWERED 250 one", "BROKEN maybe taken 451 I/O error: timed out waiting for the reply to MAIL",
          "ANSWERED 250 two"}},
        {.name = "a kept connection",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 one\n" MAIL,
          STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250 two\n"},
         {"ANSWERED 250 one", "ANSWERED 250 two"}},
        {.name = "RSET",
         {STEPS MAIL "S: 550\nC: RSET\n", STEPS MAIL "S: 550 again\n"},
         {"ANSWERED 550", "ANSWERED 550 again"}},
    };
    play(rows, ARRAY_LEN(rows), &hasty);
}

static void test_closes(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.name = "before the greeting",
         {"CLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the greeting"}},
        {.name = "EHLO",
         {"S: 220\nC: EHLO relay.test\nCLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to EHLO"}},
        {.name = "STARTTLS",
         {"S: 220\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nCLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to STARTTLS"}},
        {.name = "EHLO again",
         {HELLO "CLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to EHLO"}},
        {.name = "RCPT",
         {STEPS MAIL "S: 250\n" RCPT(0) "CLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to RCPT"}},
        {.name = "DATA",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nCLOSE\n"},
         {"BROKEN 451 I/O error: the server closed the connection before the reply to DATA"}},
        {.name = "the end",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nCLOSE\n"},
         {"BROKEN maybe taken 451 I/O error: the server closed the connection before the reply to the end of the "
          "message"}},
        {.name = "the end, with half a reply",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 250-taken\nCLOSE\n"},
         {"BROKEN maybe taken 451 I/O error: the server closed the connection before the reply to the end of the "
          "message"}},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

static void test_nonsense(void **state) {
    (void)state;
#define SENSELESS "BROKEN 451 I/O error: the server's reply makes no sense here"
    static const struct row rows[] = {
        {.name = "MAIL", {STEPS MAIL "S: 354\n"}, {SENSELESS}},
        {.name = "RCPT", {STEPS MAIL "S: 250\n" RCPT(0) "S: 354\n"}, {SENSELESS}},
        {.name = "DATA", {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 250\n"}, {SENSELESS}},
        {.name = "the end",
         {STEPS MAIL "S: 250\n" RCPT(0) "S: 250\nC: DATA\nS: 354\nMESSAGE\nS: 354\n"},
         {"BROKEN maybe taken 451 I/O error: the server's reply makes no sense here"}},
        {.name = "EHLO", {"S: 220\nC: EHLO relay.test\nS: 354\n"}, {SENSELESS}},
        {.name = "RSET", {STEPS MAIL "S: 550\nC: RSET\nS: 500\n"}, {"ANSWERED 550", SENSELESS}},
        {.name = "two codes in one reply",
         {STEPS MAIL "S: 250-a\nS: 550 b\n"},
         {"BROKEN 451 I/O error: what the server says is not SMTP"}},
    };
    play(rows, ARRAY_LEN(rows), NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery), cmocka_unit_test(test_refusals), cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_kept),     cmocka_unit_test(test_rest),     cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_closes),   cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
