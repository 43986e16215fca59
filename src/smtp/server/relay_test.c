// SPDX-License-Identifier: MIT
// The relay role (port 25): what other mail servers, and those who pretend to be one, can do here. See
// smtp/server/dialogue.h for the language of the scripts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pressure.h"
#include "smtp/parser.h"
#include "smtp/server/dialogue.h"

struct scene {
    const char *name;
    const char *script;
};

#define GREETED "S: 220 relay.test ESMTP martlet\nHELLO\n"
#define FROM "C: MAIL FROM:<alice@[192.0.2.9]>\nS: 250 2.1.0 OK\n"
#define RCPT(to) "C: RCPT TO:<" to ">\nS: 250 2.1.5 OK\n"

static void play(const struct scene *scenes, size_t n, bool tls, const char *const *settings) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct dialogue d;
        dialogue_open_relay(&d, tls, settings);
        if (!dialogue_run(&d, scenes[i].script)) {
            print_error("%s: %s\n", scenes[i].name, d.problem);
            failed++;
        }
        dialogue_close(&d);
    }
    assert_int_equal(failed, 0);
}

static void test_in_clear(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"what is offered", "S: 220 relay.test ESMTP martlet\nC: EHLO mx.other.example\nS: 250-relay.test\n"
                            "S: 250-PIPELINING\nS: 250-SIZE 31457280\nS: 250-STARTTLS\nS: 250-ENHANCEDSTATUSCODES\n"
                            "S: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250 CHUNKING\nNONE\n"},
        {"STARTTLS is required",
         GREETED "C: MAIL FROM:<a@other.example>\nS: 530 5.7.0 Must issue a STARTTLS command first\n"
                 "C: RCPT TO:<bob@relay.test>\nS: 530 5.7.0*\nC: DATA\nS: 530*\nC: RSET\nS: 530*\n"
                 "R: BDAT 4 LAST\\r\\nQUITNOOP\\r\\n\nS: 530 5.7.0*\nS: 250*\nNONE\nC: QUIT\nS: 221*\nCLOSED\n"},
        {"with HELO too", "S: 220*\nC: HELO x\nS: 250 relay.test\nC: MAIL FROM:<a@other.example>\nS: 530 5.7.0*\n"},
        {"no AUTH",
         GREETED "C: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\nS: 502 5.5.2 Error: command not recognized\n"},
        {"VRFY", GREETED "C: VRFY bob@relay.test\nS: 252 2.0.0 bob@relay.test\nC: VRFY nobody\nS: 252 2.0.0 nobody\n"},
        {"VRFY before EHLO", "S: 220*\nC: VRFY x\nS: 252 2.0.0 x\n"},
        {"what is injected behind STARTTLS is dropped",
         GREETED "R: STARTTLS\\r\\nEHLO evil\\r\\nMAIL FROM:<a@[192.0.2.9]>\\r\\nNO\nS: 220*\nNONE\nC: OP\nS: 502*\n"},
        {"what was learnt before STARTTLS is forgotten",
         GREETED "C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\nC: MAIL FROM:<a@[192.0.2.9]>\n"
                 "S: 503 5.5.1 Error: send EHLO first\nHELLO\nTO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"silence", "S: 220*\nTIMEOUT\nS: 421 4.4.2 Error: timeout exceeded\nCLOSED\n"},
    };
    play(scenes, ARRAY_LEN(scenes), false, NULL);
}

static void test_commands(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"what is offered under TLS",
         "S: 220*\nC: EHLO mx.other.example\nS: 250-relay.test\nS: 250-PIPELINING\nS: 250-SIZE 31457280\n"
         "S: 250-ENHANCEDSTATUSCODES\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250 CHUNKING\nNONE\n"},
        {"no AUTH", GREETED "C: AUTH PLAIN AGFsaWNlQHJlbGF5LnRlc3QAc2VjcmV0\nS: 502 5.5.2*\n"},
        {"any plausible name",
         "S: 220*\nC: EHLO [IPv6:2001:db8::1]\nS! 250 CHUNKING\nC: EHLO under_score\nS! 250*\n"
         "C: HELO localhost.localdomain\nS: 250*\nC: EHLO a b\nS: 501 5.5.4*\nC: EHLO\nS: 501*\n"},
        {"small commands", GREETED "C: NOOP\nS: 250 2.0.0 OK\nC: RSET\nS: 250*\nC: VRFY b\nS: 252 2.0.0 b\nC: HELP\n"
                                   "S: 214*\nC: EXPN x\nS: 502*\nC: QUIT\nS: 221 2.0.0 Bye\nCLOSED\n"},
        {"order", GREETED "C: RCPT TO:<bob@relay.test>\nS: 503 5.5.1 Error: need MAIL command\n"
                          "C: DATA\nS: 503 5.5.1 Error: need RCPT command\n" FROM
                          "C: MAIL FROM:<>\nS: 503 5.5.1 Error: nested MAIL command\nC: DATA\nS: 503*\n"},
        {"only our domain",
         GREETED FROM "C: RCPT TO:<x@other.example>\nS: 554 5.7.1 <x@other.example>: Relay access denied\n"
                      "C: RCPT TO:<bob@sub.relay.test>\nS: 554 5.7.1 <bob@sub.relay.test>: Relay access denied\n"
                      "C: RCPT TO:<x%other.example@relay.test>\nS: 250 2.1.5 OK\n"},
        {"a source route is no way around", GREETED FROM
         "C: RCPT TO:<@relay.test:x@other.example>\nS: 554 5.7.1 <x@other.example>: Relay access denied\n"},
        {"an unknown recipient is not told apart here",
         GREETED FROM RCPT("nobody@relay.test") RCPT("bob@relay.test") RCPT("postmaster") RCPT("BOB+x@Relay.Test")},
        {"recipients that are none",
         GREETED FROM "C: RCPT TO:<>\nS: 501 5.1.3*\nC: RCPT TO:bob\nS: 501 5.5.4*\nC: RCPT TO:<b b@relay.test>\n"
                      "S: 501 5.1.3*\n"},
        {"MAIL", GREETED "C: MAIL FROM:<> BODY=8BITMIME SMTPUTF8 SIZE=100 RET=HDRS ENVID=x X-ODD=1\nS: 250 2.1.0 OK\n"
                         "C: RSET\nS: 250*\nC: MAIL FROM:<a@b.example> SIZE=31457281\n"
                         "S: 552 5.3.4 Message exceeds maximum size\nC: MAIL FROM:<a@b.example> SIZE=x\nS: 501*\n"
                         "C: MAIL FROM:a@b.example\nS: 501*\nC: MAIL\nS: 501*\n"},
        {"RCPT parameters", GREETED FROM "C: RCPT TO:<bob@relay.test> NOTIFY=NEVER ORCPT=rfc822;x@y\nS: 250 2.1.5 OK\n"
                                         "C: RCPT TO:<bob@relay.test> =\nS: 501 5.5.4*\n"},
        {"addresses of UTF-8", GREETED "C: MAIL FROM:<j\xc3\xbcrg@[192.0.2.9]> SMTPUTF8\nS: 250*\n"
                                       "C: RCPT TO:<b\xc3\xb6"
                                       "b@relay.test>\nS: 250 2.1.5 OK\n"},
        {"the null sender", GREETED "C: MAIL FROM:<>\nS: 250*\n" RCPT("bob@relay.test") "C: DATA\nS: 354*\nMESSAGE\n"
                                                                                        "S: 250 OK\nCOUNT 1\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

static void test_messages(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"several on one connection",
         GREETED "TO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\nTO carol dave\nMESSAGE\nS: 250 OK\nCOUNT 3\n"},
        {"clear text", GREETED "TO bob\nR: From: <alice@[192.0.2.9]>\\r\\n\\r\\nhello\\r\\n.\\r\\n\n"
                               "S: 523 Encryption Needed: Invalid Unencrypted Mail\nCOUNT 0\n"},
        {"nobody speaks for us",
         GREETED "TO bob\nR: From: <alice@relay.test>\\r\\n\\r\\nhello\\r\\n.\\r\\n\nS: 523 *\nCOUNT 0\n"},
        {"pipelined, one of two refused: the other gets it",
         GREETED "R: MAIL FROM:<alice@[192.0.2.9]>\\r\\nRCPT TO:<x@other.example>\\r\\nRCPT TO:<bob@relay.test>\\r\\n"
                 "DATA\\r\\n\nS: 250*\nS: 554 5.7.1*\nS: 250*\nS: 354*\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"pipelined, all refused",
         GREETED "R: MAIL FROM:<alice@[192.0.2.9]>\\r\\nRCPT TO:<x@other.example>\\r\\nDATA\\r\\nRSET\\r\\n\n"
                 "S: 250*\nS: 554 5.7.1*\nS: 554 5.5.1 Error: no valid recipients\nS: 250*\nCOUNT 0\n"},
        {"the next transaction right behind the dot",
         GREETED "TO bob\nR: From: <alice@[192.0.2.9]>\\r\\n\\r\\nx\\r\\n.\\r\\nMAIL FROM:<>\\r\\nNOOP\\r\\n\n"
                 "S: 523*\nS: 250 2.1.0 OK\nS: 250 2.0.0 OK\n"},
        {"two messages in one write",
         GREETED "R: MAIL FROM:<a@[192.0.2.9]>\\r\\nRCPT TO:<bob@relay.test>\\r\\nBDAT 4 LAST\\r\\na: bMAIL "
                 "FROM:<>\\r\\nRCPT TO:<bob@relay.test>\\r\\nBDAT 4 LAST\\r\\na: bQUIT\\r\\n\n"
                 "S: 250*\nS: 250*\nS: 5*\nS: 250*\nS: 250*\nS: 5*\nS: 221*\nCLOSED\n"},
        {"EOF within", GREETED "TO bob\nR: From: <alice@[192.0.2.9]>\\r\\n\nEOF\nCLOSED\nNONE\nCOUNT 0\n"},
        {"silence within", GREETED "TO bob\nR: From: x\nTIMEOUT\nS: 421 4.4.2*\nCLOSED\nCOUNT 0\n"},
        {"shutdown lets it end",
         GREETED "TO bob\nSHUTDOWN\nNONE\nMESSAGE\nS: 250 OK\nS: 421 4.3.2 Service shutting down\nCLOSED\nCOUNT 1\n"},
        {"shutdown when idle", GREETED "SHUTDOWN\nS: 421 4.3.2 Service shutting down\nCLOSED\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, NULL);
}

// Whoever comes with a message is asked to come again; one that has begun ends.
static void test_overload(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned levels[PRESSURE_N_CAUSES];
        const char *script;
    } rows[] = {
        {"level 2 takes mail",
         {[PRESSURE_LOAD] = 2, [PRESSURE_MEMORY] = 2, [PRESSURE_FILES] = 2},
         GREETED "TO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"level 3",
         {[PRESSURE_MEMORY] = 3},
         GREETED FROM "C: RCPT TO:<bob@relay.test>\nS: 451 4.3.2 Error: too busy, try again later\nC: DATA\nS: 554*\n"
                      "C: RSET\nS: 250*\nCOUNT 0\n"},
        {"a full disk",
         {[PRESSURE_DISK] = 3, [PRESSURE_LOAD] = 3},
         GREETED FROM "C: RCPT TO:<bob@relay.test>\nS: 452 4.3.1 Error: insufficient system storage\nCOUNT 0\n"},
    };
    static const unsigned none[PRESSURE_N_CAUSES] = {0}, all[PRESSURE_N_CAUSES] = {3, 3, 3, 2};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pressure_publish(rows[i].levels);
        const struct scene scene = {rows[i].name, rows[i].script};
        play(&scene, 1, true, NULL);
        pressure_publish(none);
    }
    struct dialogue d;
    dialogue_open_relay(&d, true, NULL);
    assert_true(dialogue_run(&d, GREETED "TO bob\n"));
    pressure_publish(all);
    if (!dialogue_run(&d, "MESSAGE\nS: 250 OK\nCOUNT 1\n"))
        fail_msg("%s", d.problem);
    pressure_publish(none);
    dialogue_close(&d);
}

// A relay without a name: its domain is the literal, and nobody outside speaks for it.
static void test_literal(void **state) {
    (void)state;
    static const char *const settings[] = {"mail_domain=192.0.2.1", NULL};
    static const struct scene scenes[] = {
        {"recipients",
         "S: 220 [192.0.2.1] ESMTP martlet\nHELLO\n" FROM RCPT("bob@[192.0.2.1]")
             RCPT("postmaster") "C: RCPT TO:<bob@[192.0.2.2]>\nS: 554 5.7.1 <bob@[192.0.2.2]>: Relay access denied\n"
                                "C: RCPT TO:<bob@192.0.2.1>\nS: 554 5.7.1*\nC: DATA\nS: 354*\nMESSAGE\nS: 250 "
                                "OK\nCOUNT 2\n"},
        {"our own name", "S: 220*\nHELLO\n" FROM RCPT(
                             "bob@[192.0.2.1]") "C: DATA\nS: 354*\n"
                                                "R: From: <x@[192.0.2.1]>\\r\\nSecure-Join: vg-request\\r\\n"
                                                "Content-Type: multipart/mixed; "
                                                "boundary=B\\r\\n\\r\\n--B\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
                                                "secure-join: vg-request\\r\\n--B--\\r\\n.\\r\\n\nS: 554 *\nCOUNT 0\n"},
    };
    play(scenes, ARRAY_LEN(scenes), true, settings);
}

static void test_too_many_recipients(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open_relay(&d, true, NULL);
    assert_true(dialogue_run(&d, GREETED FROM));
    for (int i = 0; i < 1000; i++) {
        char script[200];
        (void)snprintf(script, sizeof(script), "C: RCPT TO:<user%d@relay.test>\nS: 250 2.1.5 OK\n", i);
        assert_true(dialogue_run(&d, script));
    }
    if (!dialogue_run(&d, "C: RCPT TO:<one.more@relay.test>\nS: 452 4.5.3 Error: too many recipients\n"
                          "C: DATA\nS: 354*\nMESSAGE\nS: 250 OK\nCOUNT 1000\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *name, *begin, *line;
    } rows[] = {
        {"unknown commands", GREETED, "C: BOO\nS: 502*\n"},
        {"an open relay is looked for", GREETED FROM, "C: RCPT TO:<x@other.example>\nS: 554 5.7.1*\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialogue d;
        dialogue_open_relay(&d, true, NULL);
        assert_true(dialogue_run(&d, rows[i].begin));
        for (int n = 1; n < 20; n++)
            if (!dialogue_run(&d, rows[i].line) || !dialogue_run(&d, "NONE"))
                fail_msg("%s: %s", rows[i].name, d.problem);
        assert_true(dialogue_run(&d, rows[i].line));
        if (!dialogue_run(&d, "S: 421 4.7.0 Error: too many errors\nCLOSED"))
            fail_msg("%s: %s", rows[i].name, d.problem);
        dialogue_close(&d);
    }
}

// A connection lives as long as it brings mail, and half an hour beyond.
static void test_life(void **state) {
    (void)state;
    static const uint64_t minute = UINT64_C(60) * 1000000;
    struct dialogue d;
    clock_set_fake(minute, 1700000000);
    dialogue_open_relay(&d, true, NULL);
    assert_true(dialogue_run(&d, GREETED));
    clock_set_fake(30 * minute, 1700000000);
    if (!dialogue_run(&d, "TO bob\nMESSAGE\nS: 250 OK\n"))
        fail_msg("%s", d.problem);
    clock_set_fake(59 * minute, 1700000000);
    assert_true(dialogue_run(&d, "C: NOOP\nS: 250*\nTO bob\nR: From: x\nNONE\n"));
    clock_set_fake(61 * minute, 1700000000);
    if (!dialogue_run(&d, "R: y\nS: 421 4.4.2 Error: timeout exceeded\nCLOSED\nCOUNT 1"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
    clock_use_real();
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_clear), cmocka_unit_test(test_commands), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_overload), cmocka_unit_test(test_literal),  cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
