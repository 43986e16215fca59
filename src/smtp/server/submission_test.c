// SPDX-License-Identifier: MIT
// What a client may send and what it is told: every check of submission in its order, refusals under pipelining,
// smuggling, numbers, and what happens when the store fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "smtp/server/dialogue.h"

struct scene {
    const char *name;
    const char *script;
};

#define GREETED "S: 220*\nHELLO\n"
#define LOGIN GREETED "AUTH alice\n"
#define ENVELOPE(from, to) "C: MAIL FROM:<" from ">\nS: 250 2.1.0 OK\nC: RCPT TO:<" to ">\n"
// An unencrypted message with this header.
#define PLAIN(header) "R: " header "\\r\\n\\r\\nhello\\r\\n.\\r\\n\n"
#define FROM_ALICE "From: <alice@relay.test>"

static void play_with(const struct scene *scenes, size_t n, const char *const *settings) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct dialogue d;
        dialogue_open(&d, true, settings);
        if (!dialogue_run(&d, scenes[i].script)) {
            print_error("%s: %s\n", scenes[i].name, d.problem);
            failed++;
        }
        dialogue_close(&d);
    }
    assert_int_equal(failed, 0);
}

static void test_checks_in_order(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"1 another sender",
         LOGIN ENVELOPE("bob@relay.test", "x@relay.test") "S: 553 5.7.1 <bob@relay.test>: Sender address rejected: not "
                                                          "owned by user alice@relay.test\n"
                                                          "C: RCPT TO:<y@relay.test>\nS: 553 5.7.1*\nC: DATA\nS: 554 "
                                                          "5.5.1 Error: no valid recipients\n"},
        {"1 the null sender", LOGIN ENVELOPE("", "x@relay.test") "S: 553 5.7.1 <>: Sender address rejected*\n"},
        {"1 case does not matter", LOGIN ENVELOPE("ALICE@Relay.Test", "x@relay.test") "S: 250 2.1.5 OK\n"},
        {"6 MIME", LOGIN
         "TO bob\n" PLAIN(FROM_ALICE "\\r\\nContent-Type: multipart/mixed") "S: 500 Failed to parse message: *\n"},
        {"6 MIME before From",
         LOGIN "TO bob\n" PLAIN("From: nobody\\r\\nno colon here") "S: 500 Failed to parse message: *\n"},
        {"7 no From", LOGIN "TO bob\n" PLAIN("Subject: x") "S: 500 Invalid FROM header: (none)\n"},
        {"7 no address in From",
         LOGIN "TO bob\n" PLAIN("From: nobody at all") "S: 500 Invalid FROM header: nobody at all\n"},
        {"8 another From", LOGIN
         "TO bob\n" PLAIN("From: <bob@relay.test>") "S: 500 Invalid FROM <bob@relay.test> for <alice@relay.test>\n"},
        {"8 the first From counts",
         LOGIN "TO bob\n" PLAIN("From: <bob@relay.test>\\r\\n" FROM_ALICE) "S: 500 Invalid FROM <bob*\n"},
        {"8 a display name is no address",
         LOGIN "TO bob\n" PLAIN("From: \"alice@relay.test\" <bob@relay.test>") "S: 500 Invalid FROM <bob*\n"},
        {"9 disabled sender", GREETED
         "AUTH blocked\n" ENVELOPE("blocked@relay.test", "x@relay.test") "S: 250 2.1.5 OK\nC: DATA\nS: 354*\n" PLAIN(
             "From: <blocked@relay.test>") "S: 550 5.7.1 *\nCOUNT 0\n"},
        {"10 encrypted", LOGIN "TO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"10 securejoin", LOGIN "TO bob\n"
                                "R: " FROM_ALICE "\\r\\nSecure-Join: vc-request\\r\\nMIME-Version: 1.0\\r\\n"
                                "Content-Type: multipart/mixed; boundary=\"B\"\\r\\n\\r\\n--B\\r\\nContent-Type: "
                                "text/plain; charset=utf-8\\r\\n\\r\\n"
                                "Secure-Join: vc-request\\r\\n\\r\\n--B--\\r\\n.\\r\\n\nS: 250 OK\nCOUNT 1\n"},
        {"11 setup message to oneself",
         LOGIN "TO alice+self\n" PLAIN(FROM_ALICE
                                       "\\r\\nSubject: Autocrypt Setup Message\\r\\n"
                                       "Content-Type: multipart/mixed; "
                                       "boundary=B\\r\\n\\r\\n--B\\r\\n\\r\\nx\\r\\n--B--") "S: 250 OK\nCOUNT 1\n"},
        {"11 setup message to another",
         LOGIN "TO bob\n" PLAIN(
             FROM_ALICE
             "\\r\\nSubject: Autocrypt Setup Message\\r\\n"
             "Content-Type: multipart/mixed; boundary=B\\r\\n\\r\\n--B\\r\\n\\r\\nx\\r\\n--B--") "S: 523*\n"},
        {"11 setup message to oneself and another",
         LOGIN "TO alice bob\n" PLAIN(
             FROM_ALICE
             "\\r\\nSubject: Autocrypt Setup Message\\r\\n"
             "Content-Type: multipart/mixed; boundary=B\\r\\n\\r\\n--B\\r\\n\\r\\nx\\r\\n--B--") "S: 523*\n"},
        {"11 setup message without a blank line",
         LOGIN "TO alice\nR: " FROM_ALICE
               "\\r\\nSubject: Autocrypt Setup Message\\r\\nContent-Type: multipart/mixed; boundary=B\\r\\n.\\r\\n\n"
               "S: 250 OK\nCOUNT 1\n"},
        {"12 clear text",
         LOGIN "TO bob\n" PLAIN(FROM_ALICE) "S: 523 Encryption Needed: Invalid Unencrypted Mail\nCOUNT 0\n"
                                            "TO bob\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
    };
    play_with(scenes, ARRAY_LEN(scenes), NULL);
}

// What is counted of the messages of accounts.
static int64_t count_of(const char *metric, const char *value) {
    const struct metric *m = metrics_find(metric);
    int64_t n = 0;
    assert_non_null(m);
    for (size_t i = 0; i < m->n_values; i++)
        if (strcmp(m->values[i], value) == 0)
            assert_true(metric_read(m, i, &n));
    return n;
}

// A message is one, however many of its recipients are refused.
static void test_refusals_are_counted(void **state) {
    static const struct {
        const char *script, *reason, *verdict;
    } rows[] = {
        {LOGIN ENVELOPE("bob@relay.test", "x@relay.test") "S: 553*\nC: RCPT TO:<y@relay.test>\nS: 553*\n", "sender",
         "refused"},
        {LOGIN ENVELOPE("alice@relay.test", "x@relay.test") "S: 450*\nC: RCPT TO:<y@relay.test>\nS: 450*\n", "rate",
         "deferred"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialogue d;
        dialogue_open(&d, true, NULL);
        d.accounts.sends_left = 0;
        int64_t reasons = count_of("martlet_submission_refusals", rows[i].reason);
        int64_t verdicts = count_of("martlet_submitted_messages", rows[i].verdict);
        if (!dialogue_run(&d, rows[i].script))
            fail_msg("%s", d.problem);
        assert_int_equal(count_of("martlet_submission_refusals", rows[i].reason), reasons + 1);
        assert_int_equal(count_of("martlet_submitted_messages", rows[i].verdict), verdicts + 1);
        dialogue_close(&d);
    }
}

static void test_rate(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    d.accounts.sends_left = 1;
    // One unit however many recipients; then the colon after the status stays where clients look for it.
    if (!dialogue_run(&d,
                      LOGIN "TO bob carol dave\nMESSAGE\nS: 250 OK\nCOUNT 3\n" ENVELOPE(
                          "alice@relay.test", "bob@relay.test") "S: 450 4.7.1: Too much mail from alice@relay.test, "
                                                                "try again in 1 seconds\nC: RCPT TO:<x@relay.test>\n"
                                                                "S: 450 4.7.1: Too much mail from*\nC: DATA\nS: 554 "
                                                                "5.5.1 Error: no valid recipients\n"))
        fail_msg("%s", d.problem);
    assert_int_equal(d.accounts.sends_taken, 1);
    dialogue_close(&d);
}

static void test_size(void **state) {
    (void)state;
    static const char *const settings[] = {"max_message_size=2000", NULL};
    struct dialogue d;
    dialogue_open(&d, true, settings);
    assert_true(dialogue_run(&d, LOGIN "TO bob\nMESSAGE\nS: 250 OK\nTO bob\n"));
    char *big = mem_alloc(4000);
    memset(big, 'x', 4000);
    dialogue_send(&d, dialogue_message, strlen(dialogue_message));
    dialogue_send(&d, big, 4000);
    // A bare LF as well: size is told first.
    if (!dialogue_run(
            &d,
            "NONE\nR: a\\nb\\r\\n.\\r\\n\nS: 552 Message exceeds maximum size\nCOUNT 1\nTO bob\nMESSAGE\nS: 250 OK\n"))
        fail_msg("%s", d.problem);
    free(big);
    dialogue_close(&d);
}

static void test_header_too_large(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN "TO bob\nR: " FROM_ALICE "\\r\\n\n"));
    static const char field[] = "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
    for (size_t n = 0; n < 300 * 1024; n += sizeof(field) - 1)
        dialogue_send(&d, field, sizeof(field) - 1);
    if (!dialogue_run(
            &d,
            "R: \\r\\nx\\r\\n.\\r\\n\nS: 500 Failed to parse message: header too large\nTO bob\nMESSAGE\nS: 250 OK\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

static void test_nesting_too_deep(void **state) {
    (void)state;
    struct dialogue d;
    char line[200];
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN "TO bob\nR: " FROM_ALICE "\\r\\n\n"));
    for (int i = 0; i < 40; i++) {
        (void)snprintf(line, sizeof(line), "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
        dialogue_send(&d, line, strlen(line));
    }
    if (!dialogue_run(&d, "R: \\r\\nx\\r\\n.\\r\\n\nS: 500 Failed to parse message: *\nCOUNT 0\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

static void test_line_ends(void **state) {
    (void)state;
    // What stands where the final dot would be; each is part of the message, which goes on to the true end and is
    // refused.
    static const char *const ends[] = {
        "\\n.\\n",        "\\r\\n.\\n",    "\\n.\\r\\n",     "\\r.\\r",       "\\r.\\r\\n", "\\r\\n.\\r",
        "\\r\\n.\\rQUIT", "\\r\\n\\0.\\n", "\\n.\\r\\nQUIT", "\\r\\r\\n.\\n", "a\\nb",      "a\\rb",
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct dialogue d;
        char script[600];
        (void)snprintf(script, sizeof(script),
                       LOGIN "TO bob\nR: " FROM_ALICE "\\r\\n\\r\\nx%s\nNONE\n"
                             "R: MAIL FROM:<alice@relay.test>\\r\\nRCPT TO:<x@relay.test>\\r\\nDATA\\r\\n\nNONE\n"
                             "R: \\r\\n.\\r\\n\nS: 500 Invalid DATA\nNONE\nCOUNT 0\nC: NOOP\nS: 250 2.0.0 OK\n",
                       ends[i]);
        dialogue_open(&d, true, NULL);
        if (!dialogue_run(&d, script))
            fail_msg("%s: %s", ends[i], d.problem);
        dialogue_close(&d);
    }
}

static void test_pipelining(void **state) {
    (void)state;
    static const struct scene scenes[] = {
        {"accepted",
         LOGIN "R: MAIL FROM:<alice@relay.test> BODY=8BITMIME SMTPUTF8\\r\\nRCPT TO:<bob@relay.test>\\r\\nDATA\\r\\n\n"
               "S: 250 2.1.0 OK\nS: 250 2.1.5 OK\nS: 354*\nMESSAGE\nS: 250 OK\nCOUNT 1\n"},
        {"refused, then QUIT: never a message",
         LOGIN "R: MAIL FROM:<bob@relay.test>\\r\\nRCPT TO:<x@relay.test>\\r\\nDATA\\r\\n\nS: 250*\nS: 553*\nS: 554 "
               "5.5.1 Error: no valid recipients\n"
               "C: QUIT\nS: 221*\nCLOSED\nCOUNT 0\n"},
        {"one of two refused, then QUIT", LOGIN
         "R: MAIL FROM:<alice@relay.test>\\r\\nRCPT TO:<x@relay.test>\\r\\nRCPT TO:<b b@relay.test>\\r\\nDATA\\r\\n\n"
         "S: 250*\nS: 250*\nS: 501 5.1.3*\nS: 554 5.5.1 Error: a recipient was refused\nC: QUIT\nS: "
         "221*\nCLOSED\nCOUNT 0\n"},
        {"the next transaction behind the dot",
         LOGIN "TO bob\nR: " FROM_ALICE "\\r\\n\\r\\nx\\r\\n.\\r\\nMAIL FROM:<alice@relay.test>\\r\\nNOOP\\r\\n\n"
               "S: 523*\nS: 250 2.1.0 OK\nS: 250 2.0.0 OK\n"},
        {"EOF right behind 354", LOGIN "TO bob\nR: QUIT\\r\\n\nEOF\nCLOSED\nNONE\nCOUNT 0\n"},
    };
    play_with(scenes, ARRAY_LEN(scenes), NULL);
}

static void test_recipients(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*"));
    for (int i = 0; i < 1000; i++) {
        char script[200];
        (void)snprintf(script, sizeof(script), "C: RCPT TO:<user%d@relay.test>\nS: 250 2.1.5 OK\n", i);
        assert_true(dialogue_run(&d, script));
    }
    // Those who are there already are welcome; one more is not, and comes with the next transaction.
    if (!dialogue_run(&d,
                      "C: RCPT TO:<USER7+detail@Relay.Test>\nS: 250 2.1.5 OK\nC: RCPT TO:<one.more@relay.test>\n"
                      "S: 452 4.5.3 Error: too many recipients\nC: DATA\nS: 354*\nMESSAGE\nS: 250 OK\nCOUNT 1000\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

// The largest bounce there is: every limit of addresses and their number at once.
static void test_largest_bounce(void **state) {
    (void)state;
    struct dialogue d;
    char local[65] = "", label[64] = "", digits[64] = "", script[700];
    memset(local, 'l', 60);
    memset(label, 'd', 62);
    memset(digits, '1', 62); // no domain ends so
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN "C: MAIL FROM:<alice@relay.test>\nS: 250*"));
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(script, sizeof(script), "C: RCPT TO:<%s%04d@%s.%s.%s.%s>\nS: 250 2.1.5 OK\n", local, i, label,
                       label, label, digits);
        if (!dialogue_run(&d, script))
            fail_msg("%s", d.problem);
    }
    if (!dialogue_run(&d, "C: DATA\nS: 354*\nMESSAGE\nS: 250 OK\nCOUNT 1\n"))
        fail_msg("%s", d.problem);
    print_message("# %zu octets\n", d.store.last->len);
    dialogue_close(&d);
}

static void assert_bounce(const struct dialogue *d, const char *const *holds) {
    assert_string_equal(d->store.last->address, "alice@relay.test");
    for (; *holds != NULL; holds++)
        if (strstr(d->store.last->text, *holds) == NULL)
            fail_msg("no [%s] in\n%s", *holds, d->store.last->text);
}

static void test_bounces(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    if (!dialogue_run(&d, LOGIN "TO bob Nobody+x full far@localhost\nMESSAGE\nS: 250 OK\nCOUNT 2\n"))
        fail_msg("%s", d.problem);
    assert_bounce(&d, (const char *[]){"MAILER-DAEMON@relay.test", "Undelivered Mail Returned to Sender",
                                       "multipart/report",
                                       "550 5.1.1 <nobody@relay.test> User doesn't exist: nobody@relay.test",
                                       "552 5.2.2 <full@relay.test> Quota exceeded (mailbox for user is full)",
                                       "550 5.1.2 <far@localhost>", "Status: 5.1.1", "Status: 5.2.2", "Status: 5.1.2",
                                       "<one@localhost>", "Subject: [...]", "Auto-Submitted: auto-replied", NULL});
    assert_null(strstr(d.store.last->text, "a secret"));
    // The reply was lost and the client sends again: nothing is doubled, the bounce neither.
    assert_true(dialogue_run(&d, "TO bob Nobody+x full far@localhost\nMESSAGE\nS: 250 OK\nCOUNT 2\n"));
    // The same message to others is another matter.
    assert_true(dialogue_run(&d, "TO nobody2\nMESSAGE\nS: 250 OK\nCOUNT 3\n"));
    // All of them nowhere: only the bounce.
    assert_true(dialogue_run(&d, "TO a@localhost\nMESSAGE\nS: 250 OK\nCOUNT 4\n"));
    assert_bounce(&d, (const char *[]){"550 5.1.2 <a@localhost>", NULL});
    // Another server's: into the queue.
    assert_true(dialogue_run(&d, "TO a@other.example\nMESSAGE\nS: 250 OK\nCOUNT 4\n"));
    assert_int_equal(d.store.n_queued, 1);
    dialogue_close(&d);
}

static void test_bounce_without_a_way(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    if (!dialogue_run(&d, GREETED
                      "AUTH full\n" ENVELOPE("full@relay.test", "nobody@relay.test") "S: 250*\nC: DATA\nS: 354*\n"))
        fail_msg("%s", d.problem);
    const char *rest = strstr(dialogue_message, "\r\n"); // with another From
    dialogue_send(&d, "From: <full@relay.test>", 23);
    dialogue_send(&d, rest, strlen(rest));
    if (!dialogue_run(&d, "C: .\nS: 550 5.1.1 <nobody@relay.test> User doesn't exist: nobody@relay.test\nCOUNT 0\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

static void test_delivered_form(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    assert_true(dialogue_run(&d, LOGIN "TO bob\n"));
    static const char more[] = "Received: from client\r\n by x\r\nX-Originating-IP: 192.0.2.9\r\nX-Mailer: y\r\n"
                               "DKIM-Signature: v=1\r\nAuthentication-Results: z\r\n";
    // One octet at a time: the pieces do not matter.
    for (size_t i = 0; i < strlen(more); i++)
        dialogue_send(&d, more + i, 1);
    for (size_t i = 0; i < strlen(dialogue_message); i++)
        dialogue_send(&d, dialogue_message + i, 1);
    if (!dialogue_run(&d, "C: .\nS: 250 OK\nCOUNT 1\n"))
        fail_msg("%s", d.problem);
    const char *text = d.store.last->text;
    assert_true(strncmp(text, "From: <alice@relay.test>\r\nDate: ", 32) == 0);
    assert_non_null(strstr(text, "\r\nSubject: [...]\r\nContent-Type: multipart/encrypted"));
    assert_null(strstr(text, "User-Agent"));
    assert_string_equal(strstr(text, "\r\n\r\n"), strstr(dialogue_message, "\r\n\r\n"));
    dialogue_close(&d);
}

// A relay without a name: the domain of its addresses is the literal, brackets and all.
static void test_address_literal(void **state) {
    (void)state;
    static const char *const settings[] = {"mail_domain=192.0.2.1", NULL};
    static const struct scene scenes[] = {
        {"local and remote literals",
         "S: 220 [192.0.2.1] ESMTP martlet\nHELLO\n"
         "C: AUTH PLAIN AGFsaWNlQFsxOTIuMC4yLjFdAHNlY3JldC1wYXNzd29yZA==\nS: 235*\n"
         "C: MAIL FROM:<alice@[192.0.2.1]>\nS: 250*\nC: RCPT TO:<bob+x@[192.0.2.1]>\nS: 250 2.1.5 OK\n"
         "C: RCPT TO:<bob@[192.0.2.2]>\nS: 250 2.1.5 OK\nC: DATA\nS: 354*\n"
         "R: From: <alice@[192.0.2.1]>\\r\\nSecure-Join: vg-request\\r\\n"
         "Content-Type: multipart/mixed; boundary=B\\r\\n\\r\\n--B\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
         "secure-join: vg-request\\r\\n--B--\\r\\n.\\r\\n\nS: 250 OK\nCOUNT 1\n"},
    };
    play_with(scenes, ARRAY_LEN(scenes), settings);
}

static void test_store_trouble(void **state) {
    (void)state;
    static const struct {
        enum store_status body, deliver;
        size_t at;
        const char *script;
    } rows[] = {
        {STORE_FULL, STORE_OK, 1, "TO bob\nMESSAGE\nS: 452 4.3.1 Error: insufficient system storage\nCOUNT 0\n"},
        {STORE_OK, STORE_FULL, 1, "TO bob\nMESSAGE\nS: 452 4.3.1*\nCOUNT 0\n"},
        {STORE_FAILED, STORE_OK, 1,
         "TO bob\nMESSAGE\nS: 451 4.3.0 Error: temporary failure, try again later\nCOUNT 0\n"},
        {STORE_OK, STORE_FAILED, 1, "TO bob\nMESSAGE\nS: 451 4.3.0*\nCOUNT 0\n"},
        // The message is delivered, its bounce is not: the client comes again, and then only the bounce is new.
        {STORE_OK, STORE_FAILED, 2, "TO bob nobody\nMESSAGE\nS: 451 4.3.0*\nCOUNT 1\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialogue d;
        dialogue_open(&d, true, NULL);
        d.store.body_status = rows[i].body;
        d.store.deliver_status = rows[i].deliver;
        d.store.deliver_fails_at = rows[i].at;
        if (!dialogue_run(&d, LOGIN) || !dialogue_run(&d, rows[i].script))
            fail_msg("row %zu: %s", i, d.problem);
        d.store.body_status = d.store.deliver_status = STORE_OK;
        assert_true(dialogue_run(&d, "TO bob nobody\nMESSAGE\nS: 250 OK\nCOUNT 2\n"));
        dialogue_close(&d);
    }
}

static void test_slow_store(void **state) {
    (void)state;
    struct dialogue d;
    dialogue_open(&d, true, NULL);
    d.store.is_slow = true;
    if (!dialogue_run(&d,
                      LOGIN "TO bob\nMESSAGE\nS: 250 OK\nTO bob\nR: " FROM_ALICE "\\r\\n\\r\\nx\\r\\n\nEOF\nCLOSED\n"))
        fail_msg("%s", d.problem);
    dialogue_close(&d);
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_in_order),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_refusals_are_counted),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_header_too_large),
        cmocka_unit_test(test_nesting_too_deep),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_bounces),
        cmocka_unit_test(test_largest_bounce),
        cmocka_unit_test(test_bounce_without_a_way),
        cmocka_unit_test(test_delivered_form),
        cmocka_unit_test(test_address_literal),
        cmocka_unit_test(test_store_trouble),
        cmocka_unit_test(test_slow_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
