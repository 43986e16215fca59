// SPDX-License-Identifier: MIT
// Dialogues about messages: two sessions on one mailbox, FETCH, COPY and MOVE, APPEND, bodies of any size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "imap/fixture.h"

static struct fixture fixture;

static int open_fixture(void **state) {
    fixture_open(&fixture, NULL);
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(&fixture);
    return 0;
}

static void deliver(const char *text) {
    fixture_deliver(&fixture, ALICE, text, strlen(text));
}

static void test_two_sessions(void **state) {
    static struct client a, b;
    client_open_selected(&a, &fixture);
    for (int i = 0; i < 4; i++)
        deliver(MAIL);
    client_talk(&a, "a NOOP\r\n", "* 4 EXISTS\r\na OK Noop completed\r\n");
    client_open(&b, &fixture, true);
    client_login(&b, ALICE);
    client_talk(
        &b, "b SELECT INBOX\r\n",
        "* FLAGS ~\r\n* OK ~\r\n* 4 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] ~\r\n* OK ~\r\n* OK ~\r\nb OK ~\r\n");
    // Flags of one are told to the other, but not to an idling one.
    client_talk(&a, "a STORE 2,4 +FLAGS.SILENT (\\Deleted $x)\r\n", "a OK Store completed\r\n");
    client_talk(&b, "b NOOP\r\n",
                "* 2 FETCH (UID 2 FLAGS (\\Deleted $x))\r\n* 4 FETCH (UID 4 FLAGS (\\Deleted $x))\r\n"
                "b OK Noop completed\r\n");
    client_talk(&b, "b IDLE\r\n", "+ idling\r\n");
    client_talk(&a, "a EXPUNGE\r\n", "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\na OK Expunge completed\r\n");
    client_talk(&b, "DONE\r\n", "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK Idle completed\r\n");
    client_talk(&a, "a UID STORE 1 +FLAGS (\\Deleted)\r\n",
                "* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\na OK Store completed\r\n");
    client_talk(&a, "a CLOSE\r\n", "a OK Close completed\r\n");
    // Numbers stay as they are during FETCH; the message that is gone is left out.
    client_talk(&b, "b FETCH 1:2 UID\r\n", "* 2 FETCH (UID 3)\r\nb OK Fetch completed\r\n");
    client_talk(&b, "b UID SEARCH ALL\r\n", "~\r\n* 1 EXPUNGE\r\nb OK Search completed\r\n");
    client_talk(&b, "b SEARCH ALL\r\n", "* SEARCH 1\r\nb OK Search completed\r\n");
    client_close(&b);
    client_close(&a);
}

static void test_fetch(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"a NOOP\r\n", "* 2 EXISTS\r\na OK Noop completed\r\n"},
        {"a UID FETCH 1:500 (FLAGS)\r\n",
         "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\na OK Fetch completed\r\n"},
        {"a UID FETCH 3:500 (FLAGS)\r\n", "a OK Fetch completed\r\n"},
        {"a UID FETCH 3:* (FLAGS)\r\n", "* 2 FETCH (UID 2 FLAGS ())\r\na OK Fetch completed\r\n"},
        {"a FETCH 3 FLAGS\r\n", "a BAD Invalid sequence number\r\n"},
        {"a FETCH 1 BODY[TEXT]\r\n", "* 1 FETCH (BODY[TEXT] {7}\r\nHello\r\n)\r\n* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"
                                     "a OK Fetch completed\r\n"},
        {"a FETCH 1 BODY[TEXT]\r\n", "* 1 FETCH (BODY[TEXT] {7}\r\nHello\r\n)\r\na OK Fetch completed\r\n"},
        {"a FETCH 2 (RFC822.HEADER)\r\n",
         "* 2 FETCH (RFC822.HEADER {134}\r\n~\r\n~\r\n~\r\n~\r\n~\r\n\r\n)\r\na OK Fetch completed\r\n"},
        {"a FETCH 2 BODY.PEEK[]<134.3>\r\n", "* 2 FETCH (BODY[]<134> {3}\r\nHel)\r\na OK Fetch completed\r\n"},
        {"a FETCH 2 BODY.PEEK[]<1000.3>\r\n", "* 2 FETCH (BODY[]<1000> {0}\r\n)\r\na OK Fetch completed\r\n"},
        {"a FETCH 1 FAST\r\n",
         "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"~\" RFC822.SIZE 141)\r\na OK Fetch completed\r\n"},
        {"a FETCH 1 ENVELOPE\r\n",
         "* 1 FETCH (ENVELOPE (\"Sat, 21 Nov 2026 09:00:00 +0000\" \"[...]\" ((NIL NIL \"bob\" \"relay.test\")) "
         "((NIL NIL \"bob\" \"relay.test\")) ((NIL NIL \"bob\" \"relay.test\")) NIL NIL NIL NIL \"<1@localhost>\"))\r\n"
         "a OK Fetch completed\r\n"},
        {"a FETCH 1 BODYSTRUCTURE\r\n", "a BAD BODYSTRUCTURE is not served\r\n"},
        {"a UID SEARCH UNSEEN\r\n", "* SEARCH 2\r\na OK Search completed\r\n"},
        {"a UID SEARCH 1:* NOT UID 1\r\n", "* SEARCH 2\r\na OK Search completed\r\n"},
        {"a SEARCH BODY \"hello\" FROM bob\r\n", "* SEARCH 1 2\r\na OK Search completed\r\n"},
        {"a SEARCH CHARSET KOI8-R ALL\r\n", "a NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset\r\n"},
        {"a SEARCH HEADER Message-ID {3}\r\n", "+ OK\r\n"},
        {"1@l\r\n", "* SEARCH 1 2\r\na OK Search completed\r\n"},
    };
    client_open_selected(&c, &fixture);
    deliver(MAIL);
    deliver(MAIL);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_close(&c);
}

// A field name is an astring, so it may be a literal of any octets; the reply quotes it, and each octet may need an
// escape.
static void test_fetch_name_of_quotes(void **state) {
    enum { NAME = 100 * 1024 };
    static const char head[] = "* 1 FETCH (BODY[HEADER.FIELDS (\"";
    static struct client c;
    char *name = mem_alloc(NAME), *want = mem_zalloc(1, 2 * NAME + 200);
    char *end = want + sizeof(head) - 1;
    memset(name, '"', NAME);
    memcpy(want, head, sizeof(head) - 1);
    for (size_t i = 0; i < NAME; i++) {
        *end++ = '\\';
        *end++ = '"';
    }
    (void)snprintf(end, 100, "\")] {2}\r\n\r\n)\r\na OK Fetch completed\r\n");
    client_open_selected(&c, &fixture);
    deliver(MAIL);
    client_talk(&c, "a NOOP\r\n", "* 1 EXISTS\r\na OK Noop completed\r\n");
    char line[100];
    int len = snprintf(line, sizeof(line), "a FETCH 1 BODY.PEEK[HEADER.FIELDS ({%d+}\r\n", NAME);
    client_send(&c, line, (size_t)len);
    client_send(&c, name, NAME);
    client_talk(&c, ")]\r\n", want);
    free(name);
    free(want);
    client_close(&c);
}

static void test_copy_move(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"a NOOP\r\n", "* 3 EXISTS\r\na OK Noop completed\r\n"},
        {"a COPY 1 Nowhere\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a CREATE Box\r\n", "a OK Create completed\r\n"},
        {"a UID COPY 1,3 Box\r\n", "a OK [COPYUID ~ 1,3 1:2] Copy completed\r\n"},
        {"a UID MOVE 2:3 \"Box\"\r\n",
         "* OK [COPYUID ~ 2:3 3:4] Moved\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\na OK Move completed\r\n"},
        {"a UID COPY 99 Box\r\n", "a OK No messages found\r\n"},
        {"a STATUS Box (MESSAGES)\r\n", "* STATUS \"Box\" (MESSAGES 4)\r\na OK Status completed\r\n"},
        {"a STORE 1 FLAGS (\\Deleted)\r\n", "* 1 FETCH (FLAGS (\\Deleted))\r\na OK Store completed\r\n"},
        {"a UID EXPUNGE 7\r\n", "a OK Expunge completed\r\n"},
        {"a UID EXPUNGE 1\r\n", "* 1 EXPUNGE\r\na OK Expunge completed\r\n"},
        {"a EXAMINE Box\r\n",
         "* FLAGS ~\r\n* OK ~\r\n* 4 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\n* OK ~\r\na OK ~\r\n"},
        {"a STORE 1 FLAGS (\\Seen)\r\n", "a NO [READ-ONLY] Mailbox is open read-only\r\n"},
        {"a EXPUNGE\r\n", "a NO [READ-ONLY] Mailbox is open read-only\r\n"},
        {"a FETCH 1 BODY[TEXT]\r\n", "* 1 FETCH (BODY[TEXT] {7}\r\nHello\r\n)\r\na OK Fetch completed\r\n"},
    };
    client_open_selected(&c, &fixture);
    for (int i = 0; i < 3; i++)
        deliver(MAIL);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_close(&c);
}

static void test_append(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"a APPEND INBOX (\\Seen $k) \"21-Nov-2026 09:18:00 +0100\" {17}\r\n", "+ OK\r\n"},
        {"Subject: x\r\n\r\nhi\n\r\n", "* 1 EXISTS\r\na OK [APPENDUID ~ 1] Append completed\r\n"},
        {"a FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[TEXT])\r\n",
         "* 1 FETCH (FLAGS (\\Seen $k) INTERNALDATE \"21-Nov-2026 08:18:00 +0000\" BODY[TEXT] {3}\r\nhi\n)\r\n"
         "a OK Fetch completed\r\n"},
        {"a APPEND {5+}\r\nINBOX {4+}\r\n\r\nhi\r\n", "* 2 EXISTS\r\na OK [APPENDUID ~ 2] Append completed\r\n"},
        {"a APPEND {5}\r\n", "+ OK\r\n"},
        {"INBOX {4}\r\n", "+ OK\r\n"},
        {"\r\nhi\r\n", "* 3 EXISTS\r\na OK [APPENDUID ~ 3] Append completed\r\n"},
        {"a APPEND Nowhere {4+}\r\n\r\nhi\r\n", "a NO [TRYCREATE] No such mailbox\r\n"},
        {"a APPEND INBOX {31457281}\r\n", "a NO [TOOBIG] Message too large\r\n"},
        {"a APPEND INBOX {0+}\r\n\r\n", "a NO [CANNOT] Message is empty\r\n"},
        {"a APPEND INBOX \"yesterday\" {4+}\r\n\r\nhi\r\n", "a BAD Invalid date\r\n"},
        {"a APPEND INBOX hello\r\n", "a BAD Expected the message as a literal\r\n"},
        {"a APPEND INBOX (\\Recent) {4+}\r\na b\n\r\n", "a BAD Unknown system flag\r\n"},
        {"a APPEND INBOX {4+}\r\n\r\nhi (\\Seen) {4+}\r\n\r\nho\r\n", "a BAD Unexpected extra argument\r\n"},
        {"a NOOP\r\n", "a OK Noop completed\r\n"},
    };
    client_open_selected(&c, &fixture);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_close(&c);
}

static void test_append_nul(void **state) {
    static struct client c;
    client_open_selected(&c, &fixture);
    client_send(&c, "a APPEND INBOX {4+}\r\nx\0yz\r\n", 27);
    client_expect(&c, "a BAD NUL in literal\r\n");
    client_talk(&c, "a STATUS INBOX (MESSAGES)\r\n", "* STATUS \"INBOX\" (MESSAGES 0)\r\na OK Status completed\r\n");
    client_close(&c);
}

// A body far beyond what one write takes; its octets are checked one by one.
static void test_big_message(void **state) {
    enum { BIG = 8 * 1024 * 1024 };
    static struct client c;
    char *text = mem_zalloc(BIG, 1);
    static const char header[] = {"Subject: big\r\n\r\n"};
    for (size_t i = 0; i < sizeof(header) - 1; i++)
        text[i] = header[i];
    for (size_t i = sizeof(header) - 1; i < BIG; i++)
        text[i] = i % 64 == 63 ? '\n' : i % 64 == 62 ? '\r' : (char)('a' + i / 64 % 26);
    client_open_selected(&c, &fixture);
    // In by APPEND.
    char line[100];
    int len = snprintf(line, sizeof(line), "a APPEND INBOX {%d+}\r\n", BIG);
    client_send(&c, line, (size_t)len);
    for (size_t at = 0; at < BIG; at += 100000)
        client_send(&c, text + at, BIG - at < 100000 ? BIG - at : 100000);
    client_talk(&c, "\r\n", "* 1 EXISTS\r\na OK [APPENDUID ~ 1] Append completed\r\n");
    // Out by FETCH.
    char *want = mem_alloc(BIG + 200);
    int head = snprintf(want, 100, "* 1 FETCH (UID 1 BODY[] {%d}\r\n", BIG);
    memcpy(want + head, text, BIG);
    memcpy(want + head + BIG, ")\r\na OK Fetch completed\r\n", 26);
    client_talk(&c, "a UID FETCH 1 BODY.PEEK[]\r\n", want);
    client_talk(&c, "a UID FETCH 1 BODY.PEEK[]<1000000.10>\r\n",
                "* 1 FETCH (UID 1 BODY[]<1000000> {10}\r\n~)\r\na OK Fetch completed\r\n");
    client_talk(&c, "a UID SEARCH BODY zzz\r\n", "* SEARCH 1\r\na OK Search completed\r\n");
    client_talk(&c, "a UID SEARCH BODY subject\r\n", "* SEARCH\r\na OK Search completed\r\n");
    free(want);
    free(text);
    client_close(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void) {
    // clang-format off
    const struct CMUnitTest tests[] = {
        TEST(test_two_sessions),
        TEST(test_fetch),
        TEST(test_fetch_name_of_quotes),
        TEST(test_copy_move),
        TEST(test_append),
        TEST(test_append_nul),
        TEST(test_big_message),
    };
    // clang-format on
    return cmocka_run_group_tests(tests, NULL, NULL);
}
