// SPDX-License-Identifier: MIT
// SMTP smuggling, on both roles: whatever another reader could take for the end of a message or of a line is refused,
// and no octet behind it is ever obeyed as a command.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "smtp/parser.h"
#include "smtp/server/dialogue.h"

static const struct role {
    const char *name;
    void (*open)(struct dialogue *d, bool tls, const char *const *settings);
    const char *ready; // for a transaction
} roles[] = {
    {"submission", dialogue_open, "S: 220*\nHELLO\nAUTH alice\n"},
    {"relay", dialogue_open_relay, "S: 220*\nHELLO\n"},
};

// Runs `script` on each role, from where a transaction may begin. "%S" in it stands for the sender.
static void on_both(const char *name, const char *script) {
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct dialogue d;
        struct buf b;
        buf_init(&b, 64 * 1024);
        roles[i].open(&d, true, NULL);
        for (const char *p = script; *p != '\0'; p++) {
            bool is_sender = p[0] == '%' && p[1] == 'S';
            assert_true(is_sender ? buf_append_cstr(&b, d.sender) : buf_append(&b, p, 1));
            p += is_sender;
        }
        assert_true(buf_append(&b, "", 1));
        if (!dialogue_run(&d, roles[i].ready) || !dialogue_run(&d, buf_slice(&b).ptr))
            fail_msg("%s: %s: %s", roles[i].name, name, d.problem);
        dialogue_close(&d);
        buf_done(&b);
    }
}

// Each stands where the final dot would, with a second envelope behind it: all of it is text up to the true end.
static void test_false_ends(void **state) {
    (void)state;
    static const char *const ends[] = {
        "\\n.\\n",           "\\n.\\r\\n",       "\\r\\n.\\n",       "\\r.\\r",
        "\\r.\\r\\n",        "\\r\\n.\\r",       "\\r\\n.\\r\\r\\n", "\\r\\r\\n.\\n",
        "\\r\\n\\0.\\n",     "\\r\\n.\\0\\r\\n", "\\n\\n.\\n\\n",    "\\r\\n.\\r\\0\\n",
        "\\r\\n .\\n\\r\\n", "\\n.\\r",          "\\r\\n\\r.\\r\\n", "\\r\\n.\\n\\r\\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char script[700];
        (void)snprintf(script, sizeof(script),
                       "TO bob\nR: From: <%%S>\\r\\n\\r\\nx%s\nNONE\n"
                       "R: MAIL FROM:<%%S>\\r\\nRCPT TO:<x@relay.test>\\r\\nDATA\\r\\n\nNONE\n"
                       "R: \\r\\n.\\r\\n\nS: 500 Invalid DATA\nNONE\nCOUNT 0\nC: NOOP\nS: 250 2.0.0 OK\n",
                       ends[i]);
        on_both(ends[i], script);
    }
}

// The same octets in chunks: no end is looked for, and none of them is delivered.
static void test_false_ends_in_chunks(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {
        {"x\\n.\\n", 4},    {"x\\n.\\r\\n", 5}, {"x\\r\\n.\\n", 5}, {"x\\r.\\r", 4},
        {"x\\r\\n.\\r", 5}, {"x\\r", 2},        {"\\n", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char script[500];
        (void)snprintf(script, sizeof(script),
                       "C: MAIL FROM:<%%S>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                       "R: BDAT %zu LAST\\r\\n%s\nS: 500 Invalid DATA\nNONE\nCOUNT 0\nC: NOOP\nS: 250*\n",
                       rows[i].len, rows[i].text);
        on_both(rows[i].text, script);
    }
    // A dot between chunks is text: it is delivered as such and ends nothing.
    on_both("a lone dot", "C: MAIL FROM:<%S>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                          "R: BDAT 5\\r\\n\\r\\n.\\r\\n\nS: 250 2.0.0 5 octets received\nC: RSET\nS: 250*\nCOUNT 0\n");
}

static void test_bdat_and_data(void **state) {
    (void)state;
    static const char *const scripts[][2] = {
        {"DATA within BDAT", "C: MAIL FROM:<%S>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
                             "R: BDAT 2\\r\\na:\nS: 250*\nC: DATA\nS: 503 5.5.1 Error: DATA within BDAT\nNONE\n"
                             "C: MAIL FROM:<%S>\nS: 503*\nC: RSET\nS: 250*\nCOUNT 0\n"},
        {"BDAT within DATA is text",
         "TO bob\nR: From: <%S>\\r\\n\\r\\nBDAT 5 LAST\\r\\n.\\r\\n\nS: 523*\nNONE\nCOUNT 0\n"},
        {"a chunk's octets are no commands",
         "C: MAIL FROM:<%S>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"
         "R: BDAT 12\\r\\nRSET\\r\\nQUIT\\r\\n\nS: 250 2.0.0 12 octets received\nNONE\nCOUNT 0\n"},
        {"nor are those of a refused one",
         "R: BDAT 12 LAST\\r\\nRSET\\r\\nQUIT\\r\\n\nS: 503*\nNONE\nC: NOOP\nS: 250*\n"},
        {"nor those behind a count that is none", "R: BDAT 1x LAST\\r\\nMAIL FROM:<%S>\\r\\n\nS: 501*\nNONE\nCLOSED\n"},
        {"nor behind a negative one", "R: BDAT -1\\r\\nMAIL FROM:<%S>\\r\\n\nS: 501*\nNONE\nCLOSED\n"},
        {"nor behind one that overflows",
         "R: BDAT 18446744073709551617\\r\\nMAIL FROM:<%S>\\r\\n\nS: 501*\nNONE\nCLOSED\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        on_both(scripts[i][0], scripts[i][1]);
}

// Lines of commands: only CRLF ends one, and one that is refused takes nothing with it and leaves nothing behind.
static void test_command_lines(void **state) {
    (void)state;
    static const char *const scripts[][2] = {
        {"bare LF", "R: NOOP\\nMAIL FROM:<%S>\\r\\n\nS: 500 5.5.2 Error: bare <LF> received\nS: 250 2.1.0*\nNONE\n"},
        {"bare CR", "R: NOOP\\rMAIL FROM:<%S>\\r\\n\nS: 500 5.5.2 Error: control character in command\nNONE\n"},
        {"NUL", "R: NOOP\\0\\r\\n\nS: 500 5.5.2 Error: control character in command\nNONE\n"},
        {"CR CR LF", "R: NOOP\\r\\r\\n\nS: 500 5.5.2*\nNONE\n"},
        {"LF within an address", "R: MAIL FROM:<%S\\n>\\r\\n\nS: 500 5.5.2*\nS: 500 5.5.2*\nNONE\n"},
        {"CR within an address", "R: MAIL FROM:<%S\\r>\\r\\n\nS: 500 5.5.2*\nNONE\n"},
        {"HTTP", "R: GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\nS: 502*\nS: 500*\nS: 500*\nNONE\n"},
        {"legal pipelining behind the dot",
         "TO bob\nR: From: <%S>\\r\\n\\r\\nx\\r\\n.\\r\\nRSET\\r\\nMAIL FROM:<%S>\\r\\nQUIT\\r\\n\n"
         "S: 523*\nS: 250*\nS: 250*\nS: 221*\nCLOSED\nCOUNT 0\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        on_both(scripts[i][0], scripts[i][1]);
}

// A line over the limit is skipped to its end, however the commands in it are cut.
static void test_long_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct dialogue d;
        size_t len = SMTP_LINE_MAX * 3;
        char *line = mem_alloc(len);
        for (size_t at = 0; at < len; at += 6)
            memcpy(line + at, "QUIT; ", 6);
        roles[i].open(&d, true, NULL);
        assert_true(dialogue_run(&d, roles[i].ready));
        for (size_t at = 0; at < len; at += 512)
            dialogue_send(&d, line + at, 512);
        if (!dialogue_run(&d, "R: QUIT\\r\\n\nS: 500 5.5.2 Error: line too long\nNONE\nC: NOOP\nS: 250*\nNONE\n"))
            fail_msg("%s: %s", roles[i].name, d.problem);
        dialogue_close(&d);
        free(line);
    }
}

static void test_behind_starttls(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct dialogue d;
        roles[i].open(&d, false, NULL);
        if (!dialogue_run(&d, "S: 220*\nHELLO\nR: STARTTLS\\r\\nEHLO x\\r\\nMAIL FROM:<a@b.example>\\r\\nRSE\n"
                              "S: 220 2.0.0 Ready to start TLS\nNONE\nC: T\nS: 502 5.5.2*\nC: MAIL FROM:<a@b.example>\n"
                              "S: 503 5.5.1 Error: send EHLO first\nNONE\n"))
            fail_msg("%s: %s", roles[i].name, d.problem);
        dialogue_close(&d);
    }
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_false_ends),    cmocka_unit_test(test_false_ends_in_chunks),
        cmocka_unit_test(test_bdat_and_data), cmocka_unit_test(test_command_lines),
        cmocka_unit_test(test_long_lines),    cmocka_unit_test(test_behind_starttls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
