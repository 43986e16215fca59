// SPDX-License-Identifier: MIT
// Whole sessions as scripts; see smtp/server/dialogue.h for the language.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn_internal.h"
#include "smtp/parser.h"
#include "smtp/server/dialogue.h"

struct scene {
    const char *name;
    const char *script;
};

#define LOGIN "S: 220 relay.test ESMTP martlet\nHELLO\nAUTH alice\n"

static void play(const struct scene *scenes, size_t n, bool tls, const char *const *settings) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct dialogue d;
        dialogue_open(&d, tls, settings);
        if (!dialogue_run(&d, scenes[i].script)) {
            print_error("%s: %s\n", scenes[i].name, d.problem);
            failed++;
        }
        dialogue_close(&d);
    }
    assert_int_equal(failed, 0);
}

static void test_commands(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"greeting and what is offered", "S: 220 relay.test ESMTP martlet\nC: EHLO [127.0.0.1]\nS: 250-relay.test\nS: "
                                         "250-PIPELINING\nS: 250-SIZE 31457280\n"
                                         "S: 250-AUTH PLAIN LOGIN\nS: 250-ENHANCEDSTATUSCODES\nS: 250-8BITMIME\nS: "
                                         "250-SMTPUTF8\nS: 250 CHUNKING\nNONE\n"},
        {"HELO", "S: 220*\nC: HELO x\nS: 250 relay.test\n"},
        {"EHLO without a name", "S: 220*\nC: EHLO\nS: 501 5.5.4*\nC: EHLO a b\nS: 501 5.5.4*\n"},
        {"small commands", LOGIN "C: NOOP\nS: 250 2.0.0 OK\nC: noop x\nS: 250 2.0.0 OK\nC: RSET\nS: 250 2.0.0 OK\n"
                                 "C: VRFY bob@relay.test\nS: 252 2.0.0 bob@relay.test\nC: VRFY\nS: 501*\n"
                                 "C: HELP\nS: 214*\nC: QUIT\nS: 221 2.0.0 Bye\nCLOSED\n"},
        {"unknown verb", LOGIN "C: EXPN all\nS: 502 5.5.2 Error: command not recognized\n"},
        {"no verb", LOGIN "C: \nS: 500 5.5.2 Error: bad syntax\nC: -\nS: 500 5.5.2 Error: bad syntax\n"},
        {"argument not expected", LOGIN "C: QUIT now\nS: 501 5.5.4*\nC: RSET x\nS: 501 5.5.4*\n"},
        {"EHLO first",
         "S: 220*\nC: MAIL FROM:<a@b>\nS: 503 5.5.1 Error: send EHLO first\nC: AUTH PLAIN AA==\nS: 503 5.5.1*\n"},
        {"out of order",
         LOGIN "C: RCPT TO:<bob@relay.test>\nS: 503 5.5.1 Error: need MAIL command\nC: DATA\n"
               "S: 503 5.5.1 Error: need RCPT command\nC: MAIL FROM:<alice@relay.test>\nS: 250 2.1.0 OK\n"
               "C: MAIL FROM:<alice@relay.test>\nS: 503 5.5.1 Error: nested MAIL command\nC: AUTH PLAIN AA==\n"
               "S: 503 5.5.1*\nC: DATA\nS: 503 5.5.1 Error: need RCPT command\n"},
        {"RSET ends the envelope",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
               "C: RSET\nS: 250 2.0.0 OK\nC: DATA\nS: 503 5.5.1 Error: need RCPT command\n"
               "TO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"EHLO ends the envelope",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nHELLO\nC: RCPT TO:<b@relay.test>\nS: 503*\n"},
        {"MAIL syntax",
         LOGIN "C: MAIL\nS: 501 5.5.4 Syntax: MAIL FROM:<address>\nC: MAIL FROM:alice@relay.test\nS: 501*\n"
               "C: MAIL FROM:<alice@relay.test\nS: 501*\nC: MAIL FROM:<a@b>x\nS: 501*\n"
               "C: MAIL FROM:<alice@relay.test> =x\nS: 501 5.5.4*\nC: MAIL FROM:<alice@relay.test> SIZE=x\nS: 501*\n"
               "C: MAIL FROM:<alice@relay.test> SIZE=31457281\nS: 552 5.3.4 Message exceeds maximum size\n"
               "C: MAIL FROM: <alice@relay.test> BODY=8BITMIME SMTPUTF8 SIZE=100 X-ODD=1\nS: 250 2.1.0 OK\n"},
        {"RCPT syntax",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:bob\nS: 501 5.5.4*\n"
               "C: RCPT TO:<bob@relay.test> NOTIFY=NEVER\nS: 250 2.1.5 OK\nC: RCPT TO:<b b@relay.test>\nS: 501 5.1.3*\n"
               "C: RCPT TO:<>\nS: 501 5.1.3*\nC: RCPT TO:<postmaster>\nS: 250 2.1.5 OK\n"
               "C: RCPT TO:<@x.example:bob@relay.test>\nS: 250 2.1.5 OK\nC: RCPT TO:<bob@relay.test> =\nS: 501*\n"},
        {"several commands in one packet",
         LOGIN "R: NOOP\\r\\nNOOP\\r\\nRSET\\r\\n\nS: 250*\nS: 250*\nS: 250*\nNONE\n"},
        {"a command in pieces", LOGIN "R: NO\nNONE\nR: OP\\r\nNONE\nR: \\n\nS: 250 2.0.0 OK\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

static void test_bad_lines(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"bare LF", LOGIN "R: NOOP\\n\nS: 500 5.5.2 Error: bare <LF> received\nC: NOOP\nS: 250 2.0.0 OK\n"},
        {"bare CR", LOGIN "R: NOOP\\rNOOP\\r\\n\nS: 500 5.5.2 Error: control character in command\nNONE\n"},
        {"NUL", LOGIN "R: NO\\0OP\\r\\n\nS: 500 5.5.2 Error: control character in command\nC: NOOP\nS: 250*\n"},
        {"EOF in a command", LOGIN "R: QUI\nEOF\nCLOSED\nNONE\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

static void send_long(struct dialogue *d, const char *head, size_t len) {
    char *line = mem_alloc(len + 2);
    memset(line, 'x', len);
    memcpy(line, head, strlen(head));
    line[len] = '\r';
    line[len + 1] = '\n';
    dialogue_send(d, line, len + 2);
    free(line);
}

static void test_long_lines(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN));
    send_long(&d, "NOOP ", SMTP_LINE_MAX);
    assert_true(dialogue_run(&d, "S: 250 2.0.0 OK\nNONE"));
    send_long(&d, "NOOP ", SMTP_LINE_MAX + 1);
    assert_true(dialogue_run(&d, "S: 500 5.5.2 Error: line too long\nC: NOOP\nS: 250 2.0.0 OK\nNONE"));
    // Longer than the connection shows at once: the rest is skipped up to the end of the line.
    send_long(&d, "NOOP ", 3 * CONN_INPUT_MAX);
    assert_true(dialogue_run(&d, "S: 500 5.5.2 Error: line too long\nC: NOOP\nS: 250 2.0.0 OK\nNONE"));
    dialogue_close(&d);

    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, "S: 220*\nHELLO\n"));
    send_long(&d, "AUTH PLAIN ", SMTP_AUTH_LINE_MAX);
    assert_true(dialogue_run(&d, "S: 501 5.5.2*\nC: AUTH PLAIN\nS: 334 *\n"));
    send_long(&d, "", SMTP_AUTH_LINE_MAX + 1);
    assert_true(dialogue_run(&d, "S: 500 5.5.6 Error: line too long\nC: NOOP\nS: 250 2.0.0 OK\nNONE"));
    dialogue_close(&d);
}

static void test_too_many_errors(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN));
    for (int i = 1; i < 20; i++)
        assert_true(dialogue_run(&d, "C: BOO\nS: 502*\nNONE"));
    assert_true(dialogue_run(&d, "R: BOO\\r\\nNOOP\\r\\n\nS: 502*\nS: 421 4.7.0 Error: too many errors\nNONE\nCLOSED"));
    dialogue_close(&d);
}

static void test_auth(void **state) {
    (void)state;
    // AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0 is NUL alice@relay.test NUL secret
    static const struct scene scenes[] = {
        {"PLAIN at once", "S: 220*\nHELLO\nC: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\nS: 235 2.7.0*\n"},
        {"PLAIN asked",
         "S: 220*\nHELLO\nC: auth plain\nS: 334 *\nC: AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\nS: 235 2.7.0*\n"},
        {"LOGIN",
         "S: 220*\nHELLO\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWxpY2VAcmVsYXkudGVzdA==\nS: 334 UGFzc3dvcmQ6\n"
         "C: c2VjcmV0\nS: 235 2.7.0*\nTO bob\nMESSAGE\nS: 250 OK\n"},
        {"LOGIN with the user",
         "S: 220*\nHELLO\nC: AUTH LOGIN YWxpY2VAcmVsYXkudGVzdA==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235*\n"},
        {"twice", LOGIN "C: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\nS: 503 5.5.1 Error: already authenticated\n"},
        {"wrong password", "S: 220*\nHELLO\nC: AUTH PLAIN AGFAcmVsYXkudGVzdAB3cm9uZy1wYXNzd29yZA==\n"
                           "S: 535 5.7.8 Error: authentication failed\nAUTH alice\n"},
        {"trouble of ours", "S: 220*\nHELLO\nC: AUTH PLAIN AGFAcmVsYXkudGVzdABuby1zdG9yZQ==\n"
                            "S: 454 4.7.0 Temporary failure, try again later\nAUTH alice\n"},
        {"for another",
         "S: 220*\nHELLO\nC: AUTH PLAIN Ym9iQHJlbGF5LnRlc3QAYWxpY2VAcmVsYXkudGVzdABzZWNyZXQ=\nS: 535 5.7.8*\n"},
        {"for oneself",
         "S: 220*\nHELLO\nC: AUTH PLAIN QWxpY2VAcmVsYXkudGVzdABhbGljZUByZWxheS50ZXN0AHNlY3JldA==\nS: 235*\n"},
        {"cancelled",
         "S: 220*\nHELLO\nC: AUTH PLAIN\nS: 334 *\nC: *\nS: 501 5.7.0 Authentication aborted\nAUTH alice\n"},
        {"LOGIN cancelled",
         "S: 220*\nHELLO\nC: AUTH LOGIN\nS: 334*\nC: YQ==\nS: 334*\nC: *\nS: 501 5.7.0*\nC: NOOP\nS: 250*\n"},
        {"no base64", "S: 220*\nHELLO\nC: AUTH PLAIN !!!!\nS: 501 5.5.2*\nC: AUTH PLAIN AAA\nS: 501 5.5.2*\n"},
        {"no NULs", "S: 220*\nHELLO\nC: AUTH PLAIN YWxpY2U=\nS: 501 5.5.2*\nC: AUTH PLAIN =\nS: 501 5.5.2*\n"},
        {"three NULs, empty parts",
         "S: 220*\nHELLO\nC: AUTH PLAIN AGEAYgBj\nS: 501 5.5.2*\nC: AUTH PLAIN AAA=\nS: 501*\n"
         "C: AUTH LOGIN =\nS: 501 5.5.2*\nC: AUTH LOGIN\nS: 334*\nC: YQ==\nS: 334*\nC: \nS: 501*\n"},
        {"bare LF in a response",
         "S: 220*\nHELLO\nC: AUTH PLAIN\nS: 334 *\nR: AAAA\\n\nS: 501 5.5.2*\nC: NOOP\nS: 250*\n"},
        {"another mechanism", "S: 220*\nHELLO\nC: AUTH CRAM-MD5\nS: 504 5.5.4*\nC: AUTH\nS: 504 5.5.4*\n"},
        {"EOF while a login is under way",
         "S: 220*\nHELLO\nR: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\\r\\n\nS: 235*\nEOF\nCLOSED\n"},
        {"commands wait for the login", "S: 220*\nHELLO\n"
                                        "R: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\\r\\nNOOP\\r\\nQUIT\\r\\n\n"
                                        "S: 235*\nS: 250*\nS: 221*\nCLOSED\n"},
        {"without a login no recipient",
         "S: 220*\nHELLO\nC: MAIL FROM:<alice@relay.test>\nS: 250 2.1.0 OK\n"
         "C: RCPT TO:<bob@relay.test>\nS: 530 5.7.0 Authentication required\n"
         "C: DATA\nS: 554 5.5.1 Error: no valid recipients\nC: RSET\nS: 250*\nAUTH alice\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

static void test_starttls(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"offered, and no AUTH",
         "S: 220*\nC: EHLO x\nS: 250-relay.test\nS: 250-PIPELINING\nS: 250-SIZE*\nS: 250-STARTTLS\nS! 250*\n"},
        {"required",
         "S: 220*\nHELLO\nC: MAIL FROM:<a@relay.test>\nS: 530 5.7.0 Must issue a STARTTLS command first\n"
         "C: AUTH PLAIN AGEAYg==\nS: 530 5.7.0*\nC: RCPT TO:<x@y>\nS: 530*\nC: DATA\nS: 530*\nC: VRFY x\nS: 530*\n"
         "R: BDAT 4 LAST\\r\\nQUITNOOP\\r\\n\nS: 530 5.7.0*\nS: 250*\nC: QUIT\nS: 221*\nCLOSED\n"},
        {"state is forgotten",
         "S: 220*\nHELLO\nC: STARTTLS\nS: 220 2.0.0 Ready to start TLS\nC: AUTH PLAIN AGEAYg==\n"
         "S: 503 5.5.1 Error: send EHLO first\nC: EHLO x\nS: 250-relay.test\nS: 250-PIPELINING\nS: 250-SIZE*\n"
         "S: 250-AUTH PLAIN LOGIN\nS! 250*\nC: STARTTLS\nS: 503 5.5.1 Error: TLS already active\nAUTH alice\n"},
        {"injected commands are dropped",
         "S: 220*\nHELLO\nR: STARTTLS\\r\\nEHLO evil\\r\\nNOOP\\r\\nNO\nS: 220*\nNONE\nC: OP\nS: 502*\n"},
        {"argument", "S: 220*\nHELLO\nC: STARTTLS now\nS: 501 5.5.4*\n"},
        {"EHLO first", "S: 220*\nC: STARTTLS\nS: 503*\n"},
    };
    play(scenes, ARRAY_LEN(scenes), false, NULL);
}

static void test_bdat(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"clear text is refused at the end",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
               "R: BDAT 26\\r\\nFrom: <alice@relay.test>\\r\\n\nS: 250 2.0.0 26 octets received\n"
               "C: DATA\nS: 503 5.5.1 Error: DATA within BDAT\nC: RCPT TO:<x@relay.test>\nS: 503*\n"
               "R: BDAT 7 LAST\\r\\n\\r\\nabc\\r\nNONE\n"
               "R: \\n\nS: 523 Encryption Needed: Invalid Unencrypted Mail\n"},
        {"out of step is noticed", LOGIN "C: BDAT x\nS: 501 5.5.4 Syntax: BDAT count [LAST]\nCLOSED\n"},
        {"no end", LOGIN "C: BDAT\nS: 501 5.5.4*\nCLOSED\n"},
        {"absurd size", LOGIN "C: BDAT 18446744073709551615 LAST\nS: 552 5.3.4*\nCLOSED\n"},
        {"without recipients", LOGIN "R: BDAT 4\\r\\nQUITNOOP\\r\\n\nS: 503 5.5.1 Error: need RCPT command\nS: 250*\n"},
        {"RSET in between",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
               "R: BDAT 4\\r\\nabcd\nS: 250*\nC: RSET\nS: 250*\nR: BDAT 0 LAST\\r\\n\nS: 503*\nCOUNT 0\n"},
        {"EOF in a chunk", LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                                 "R: BDAT 10 LAST\\r\\nabcd\nEOF\nCLOSED\nCOUNT 0\n"},
        {"bare LF", LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                          "R: BDAT 2\\r\\na\\n\nS: 250*\nR: BDAT 1 LAST\\r\\nx\nS: 500 Invalid DATA\n"},
        {"bare CR at the end", LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                                     "R: BDAT 2 LAST\\r\\na\\r\nS: 500 Invalid DATA\nC: NOOP\nS: 250*\n"},
        {"CR and LF in two chunks",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
               "R: BDAT 3\\r\\na:\\r\nS: 250*\nR: BDAT 1 LAST\\r\\n\\n\nS: 500 Invalid FROM header*\n"},
        {"empty",
         LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\nC: BDAT 0 LAST\n"
               "S: 500 Invalid FROM header: (none)\n"},
        {"after a refused recipient",
         LOGIN "C: MAIL FROM:<bob@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 553*\n"
               "R: BDAT 4 LAST\\r\\nQUIT\nS: 554 5.5.1 Error: no valid recipients\nCOUNT 0\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);

    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(
        dialogue_run(&d, LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*"));
    char head[32];
    size_t len = strlen(dialogue_message) - 2; // the last CRLF is left to the server
    (void)snprintf(head, sizeof(head), "BDAT %zu LAST\r\n", len);
    dialogue_send(&d, head, strlen(head));
    dialogue_send(&d, dialogue_message, len);
    assert_true(dialogue_run(&d, "S: 250 OK\nCOUNT 1"));
    assert_string_equal(d.store.last->text + d.store.last->len - 7, "--B--\r\n");
    dialogue_close(&d);
}

static void test_ends(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"idle too long", LOGIN "TIMEOUT\nS: 421 4.4.2 Error: timeout exceeded\nCLOSED\n"},
        {"silence before the first word", "S: 220*\nTIMEOUT\nS: 421 4.4.2 Error: timeout exceeded\nCLOSED\n"},
        {"silence within DATA", LOGIN "TO bob\nR: From:\nTIMEOUT\nS: 421 4.4.2*\nCLOSED\nCOUNT 0\n"},
        {"shutdown when idle", LOGIN "SHUTDOWN\nS: 421 4.3.2 Service shutting down\nCLOSED\n"},
        {"shutdown in AUTH", "S: 220*\nHELLO\nC: AUTH PLAIN\nS: 334 *\nSHUTDOWN\nS: 421 4.3.2*\nCLOSED\n"},
        {"shutdown before DATA", LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*\nSHUTDOWN\nS: 421 4.3.2*\nCLOSED\n"},
        {"a message under way is finished", LOGIN "TO bob\nR: \nSHUTDOWN\nNONE\nMESSAGE\nS: 250 OK\n"
                                                  "S: 421 4.3.2 Service shutting down\nCLOSED\nCOUNT 1\n"},
        {"EOF in DATA", LOGIN "TO bob\nR: From: <alice@relay.test>\\r\\n\\r\\nx\\r\\n\nEOF\nCLOSED\nCOUNT 0\nNONE\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

static void test_admission(void **state) {
    (void)state;
    static const struct {
        enum conn_admission admission;
        const char *script;
    } rows[] = {
        {CONN_TOO_MANY, "S: 421 4.7.0 Error: too many connections\nNONE\nCLOSED\n"},
        {CONN_TOO_MANY_FROM_ADDRESS, "S: 421 4.7.0 Error: too many connections from your address\nNONE\nCLOSED\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialogue d;
        dialogue_open(&d, true, NULL);
        conn_memory_free(d.conn);
        d.conn = conn_new_memory(d.loop, &smtp_session_ops, NULL, true);
        d.conn->admission = (uint8_t)rows[i].admission;
        conn_set_session(d.conn, smtp_session_open(&d.server, d.conn));
        loop_run_ready(d.loop);
        if (!dialogue_run(&d, rows[i].script))
            fail_msg("%s", d.problem);
        dialogue_close(&d);
    }
}

static void test_strangers_life_is_short(void **state) {
    (void)state;
    struct dialogue d;
    clock_set_fake(1000000, 1700000000);
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, "S: 220*\nHELLO\nC: NOOP\nS: 250*"));
    clock_set_fake(1000000 + 301 * UINT64_C(1000000), 1700000000);
    assert_true(dialogue_run(&d, "C: NOOP\nS: 421 4.4.2 Error: timeout exceeded\nCLOSED"));
    dialogue_close(&d);
    clock_use_real();
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),   cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_too_many_errors),
        cmocka_unit_test(test_auth),       cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_bdat),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_admission),  cmocka_unit_test(test_strangers_life_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
