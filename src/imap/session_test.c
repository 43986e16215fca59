// SPDX-License-Identifier: MIT
// Dialogues with the whole service: login, mailboxes, METADATA, IDLE, bad input, and the transcript of a genuine
// client.
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
#include "imap/fixture.h"
#include "imap/session.h"
#include "imap/share.h"
#include "net/listener.h"
#include "store/account_ops.h"

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

#define FIELDS                                                                                                         \
    "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE X-MICROSOFT-ORIGINAL-MESSAGE-ID FROM CONTENT-TYPE SECURE-JOIN "          \
    "CHAT-VERSION "                                                                                                    \
    "CHAT-IS-POST-MESSAGE AUTOCRYPT-SETUP-MESSAGE)]"
#define PREFETCH "UID FETCH 1:500 (UID RFC822.SIZE " FIELDS ")"

// What a genuine client says from its first connection to its first message.
static const struct turn transcript_login[] = {
    {NULL,
     "* OK [CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ AUTH=PLAIN XDELTAPUSH XCHATMAIL] martlet ready\r\n"},
    {"A0001 LOGIN \"" ALICE "\" \"rzPp6fZ4PZYWZeFxG71qbt\"\r\n",
     "A0001 OK [CAPABILITY IMAP4rev1 SASL-IR ENABLE IDLE LITERAL+ UNSELECT CHILDREN NAMESPACE UIDPLUS MOVE SPECIAL-USE "
     "QUOTA "
     "METADATA XDELTAPUSH XCHATMAIL] Logged in\r\n"},
    {"A0002 ID (\"name\" \"Delta Chat\")\r\n", "* ID (\"name\" \"martlet\")\r\nA0002 OK ID completed\r\n"},
    {"A0003 GETQUOTAROOT \"INBOX\"\r\n",
     "* QUOTAROOT \"INBOX\" \"User quota\"\r\n* QUOTA \"User quota\" (STORAGE 0 102400)\r\n"
     "A0003 OK Getquotaroot completed\r\n"},
    {"A0004 GETMETADATA \"\" (/shared/comment /shared/admin /shared/vendor/deltachat/irohrelay "
     "/shared/vendor/deltachat/turn /shared/vendor/deltachat/maxsmtprecipients "
     "/shared/vendor/deltachat/appversions)\r\n",
     "* METADATA \"\" (/shared/comment NIL /shared/admin NIL /shared/vendor/deltachat/irohrelay NIL "
     "/shared/vendor/deltachat/turn NIL /shared/vendor/deltachat/maxsmtprecipients {4}\r\n1000 "
     "/shared/vendor/deltachat/appversions NIL)\r\nA0004 OK Getmetadata completed\r\n"},
    {"A0005 SELECT \"INBOX\"\r\n",
     "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
     "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
     "* OK [UIDVALIDITY ~] UIDs valid\r\n* OK [UIDNEXT 1] Next UID\r\nA0005 OK [READ-WRITE] Select completed\r\n"},
    {"A0006 " PREFETCH "\r\n", "A0006 OK Fetch completed\r\n"},
    {"A0007 IDLE\r\n", "+ idling\r\n"},
};

static const struct turn transcript_message[] = {
    {NULL, "* 1 EXISTS\r\n"},
    {"DONE\r\n", "A0007 OK Idle completed\r\n"},
    {"A0008 " PREFETCH "\r\n",
     "* 1 FETCH (UID 1 RFC822.SIZE 141 BODY[HEADER.FIELDS (MESSAGE-ID DATE X-MICROSOFT-ORIGINAL-MESSAGE-ID FROM "
     "CONTENT-TYPE "
     "SECURE-JOIN CHAT-VERSION CHAT-IS-POST-MESSAGE AUTOCRYPT-SETUP-MESSAGE)] {118}\r\n"
     "From: <bob@relay.test>\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@localhost>\r\n"
     "Content-Type: text/plain\r\n\r\n)\r\nA0008 OK Fetch completed\r\n"},
    {"A0009 UID FETCH 1 (FLAGS BODY.PEEK[])\r\n",
     "* 1 FETCH (UID 1 FLAGS () BODY[] {141}\r\n" MAIL ")\r\nA0009 OK Fetch completed\r\n"},
    {"A0010 UID STORE 1 +FLAGS (\\Deleted)\r\n", "* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\nA0010 OK Store completed\r\n"},
    {"A0011 CLOSE\r\n", "A0011 OK Close completed\r\n"},
    {"A0012 SELECT \"INBOX\"\r\n",
     "* FLAGS (~\r\n* OK [PERMANENTFLAGS ~\r\n* 0 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY ~\r\n"
     "* OK [UIDNEXT 2] Next UID\r\nA0012 OK [READ-WRITE] Select completed\r\n"},
    {"A0013 IDLE\r\n", "+ idling\r\n"},
};

static void play_transcript(size_t step) {
    static struct client c;
    client_open(&c, &fixture, true);
    c.step = step;
    client_play(&c, transcript_login, ARRAY_LEN(transcript_login));
    deliver(MAIL);
    client_play(&c, transcript_message, ARRAY_LEN(transcript_message));
    client_close(&c);
}

static void test_transcript(void **state) {
    play_transcript(0);
}

static void test_transcript_octet_by_octet(void **state) {
    play_transcript(1);
}

// One account's share of sessions; the next is told so with words that no client takes for a wrong password.
static void test_share(void **state) {
    static struct client first, over, others;
    static const struct turn refused[] = {
        {NULL, "* OK [CAPABILITY ~\r\n"},
        {"a LOGIN " ALICE " rzPp6fZ4PZYWZeFxG71qbt\r\n", "a NO [LIMIT] Too many connections for this account\r\n"},
        {"b NOOP\r\n", "b OK Noop completed\r\n"},
    };
    client_open(&first, &fixture, true);
    client_login(&first, ALICE);
    uint64_t account = ((const struct imap_session *)first.session)->account_id;
    for (int n = 1; n < IMAP_SHARE_MAX; n++)
        assert_true(imap_share_enter(fixture.server.shares, account));
    client_open(&over, &fixture, true);
    client_play(&over, refused, ARRAY_LEN(refused));
    client_open(&others, &fixture, true);
    client_login(&others, "bobbobbob@relay.test");
    client_close(&first);
    loop_run_ready(fixture.loop);
    client_talk(&over, "c LOGIN " ALICE " rzPp6fZ4PZYWZeFxG71qbt\r\n", "c OK [CAPABILITY ~] Logged in\r\n");
    for (int n = 1; n < IMAP_SHARE_MAX; n++)
        imap_share_leave(fixture.server.shares, account);
    client_close(&over);
    client_close(&others);
}

static void test_login(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {NULL, "* OK [CAPABILITY ~\r\n"},
        {"a SELECT INBOX\r\n", "a BAD Log in first\r\n"},
        {"a LOGIN " ALICE " rzPp6fZ4PZYWZeFxG71qbt\r\n", "a OK [CAPABILITY ~] Logged in\r\n"},
        {"a LOGIN x y\r\n", "a BAD Already logged in\r\n"},
        {"a LOGOUT\r\n", "* BYE Logging out\r\na OK Logout completed\r\n"},
    };
    client_open(&c, &fixture, true);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_expect_closed(&c);
    client_close(&c);
    static const struct turn wrong[] = {
        {NULL, "* OK [CAPABILITY ~\r\n"},
        {"a LOGIN " ALICE " wrongwrongwrong\r\n", "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"},
        {"a LOGIN invalid@elsewhere.invalid somepassword\r\n",
         "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"},
        {"a LOGIN {20+}\r\n" ALICE " {22+}\r\nrzPp6fZ4PZYWZeFxG71qbt\r\n", "a OK [CAPABILITY ~] Logged in\r\n"},
    };
    client_open(&c, &fixture, true);
    client_play(&c, wrong, ARRAY_LEN(wrong));
    client_close(&c);
}

static void test_authenticate(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {NULL, "* OK [CAPABILITY ~\r\n"},
        {"a AUTHENTICATE PLAIN\r\n", "+ \r\n"},
        {"*\r\n", "a BAD Cancelled\r\n"},
        {"a AUTHENTICATE PLAIN\r\n", "+ \r\n"},
        {"!!!\r\n", "a BAD Invalid base64\r\n"},
        {"a AUTHENTICATE LOGIN\r\n", "a NO [CANNOT] Unsupported mechanism\r\n"},
        {"a AUTHENTICATE PLAIN =\r\n", "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"},
        {"a AUTHENTICATE PLAIN\r\n", "+ \r\n"},
        // NUL alicealic@relay.test NUL rzPp6fZ4PZYWZeFxG71qbt
        {"AGFsaWNlYWxpY0ByZWxheS50ZXN0AHJ6UHA2Zlo0UFpZV1plRnhHNzFxYnQ=\r\n", "a OK [CAPABILITY ~] Logged in\r\n"},
    };
    client_open(&c, &fixture, true);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_close(&c);
    static const struct turn initial[] = {
        {NULL, "* OK [CAPABILITY ~\r\n"},
        {"a AUTHENTICATE PLAIN AGFsaWNlYWxpY0ByZWxheS50ZXN0AHJ6UHA2Zlo0UFpZV1plRnhHNzFxYnQ=\r\n",
         "a OK [CAPABILITY ~] Logged in\r\n"},
    };
    client_open(&c, &fixture, true);
    client_play(&c, initial, ARRAY_LEN(initial));
    client_close(&c);
}

static void test_starttls(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {NULL, "* OK [CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED XDELTAPUSH "
               "XCHATMAIL] ~\r\n"},
        {"a LOGIN x y\r\n", "a NO [PRIVACYREQUIRED] Start TLS first\r\n"},
        {"a AUTHENTICATE PLAIN AAAA\r\n", "a NO [PRIVACYREQUIRED] Start TLS first\r\n"},
        // What follows in clear is not executed.
        {"a STARTTLS\r\nb NOOP\r\n", "a OK Begin TLS negotiation now\r\n"},
        {"c CAPABILITY\r\n",
         "* CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ AUTH=PLAIN XDELTAPUSH XCHATMAIL\r\n"
         "c OK Capability completed\r\n"},
        {"c STARTTLS\r\n", "c BAD TLS is active already\r\n"},
    };
    client_open(&c, &fixture, false);
    fixture.server.tls = (struct tls_context *)&fixture; // never looked into over memory
    client_play(&c, turns, ARRAY_LEN(turns));
    fixture.server.tls = NULL;
    client_close(&c);
}

static void test_mailboxes(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"a LIST \"\" \"\"\r\n", "* LIST (\\Noselect) \"/\" \"\"\r\na OK List completed\r\n"},
        {"a LIST \"\" \"*\"\r\n", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\na OK List completed\r\n"},
        {"a CREATE \"DeltaChat\"\r\n", "a OK Create completed\r\n"},
        {"a CREATE DeltaChat\r\n", "a NO [ALREADYEXISTS] ~\r\n"},
        {"a CREATE inbox\r\n", "a NO ~\r\n"},
        {"a CREATE \"a*\"\r\n", "a NO [CANNOT] Invalid mailbox name\r\n"},
        {"a CREATE box/sub/\r\n", "a OK Create completed\r\n"},
        {"a CREATE Trash\r\n", "a OK Create completed\r\n"},
        {"a SUBSCRIBE DeltaChat\r\n", "a OK Subscribe completed\r\n"},
        {"a LIST \"\" %\r\n",
         "* LIST (\\HasNoChildren) \"/\" \"DeltaChat\"\r\n* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
         "* LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"\r\n* LIST (\\HasChildren) \"/\" \"box\"\r\na OK List "
         "completed\r\n"},
        {"a LIST box/ *\r\n", "* LIST (\\HasNoChildren) \"/\" \"box/sub\"\r\na OK List completed\r\n"},
        {"a STATUS DeltaChat (MESSAGES UIDNEXT UNSEEN RECENT)\r\n",
         "* STATUS \"DeltaChat\" (MESSAGES 0 RECENT 0 UIDNEXT 1 UNSEEN 0)\r\na OK Status completed\r\n"},
        {"a STATUS none (MESSAGES)\r\n", "a NO [NONEXISTENT] No such mailbox\r\n"},
        {"a STATUS INBOX (FOO)\r\n", "a BAD Unknown status item\r\n"},
        {"a STATUS INBOX ()\r\n", "a BAD Empty list of status items\r\n"},
        {"a RENAME box other\r\n", "a OK Rename completed\r\n"},
        {"a SELECT box/sub\r\n", "a NO [NONEXISTENT] No such mailbox\r\n"},
        {"a SELECT other/sub\r\n",
         "* FLAGS ~\r\n* OK ~\r\n* 0 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\na OK [READ-WRITE] ~\r\n"},
        {"a UNSELECT\r\n", "a OK Unselect completed\r\n"},
        {"a FETCH 1 FLAGS\r\n", "a BAD No mailbox selected\r\n"},
        {"a EXAMINE DeltaChat\r\n",
         "* FLAGS ~\r\n* OK [PERMANENTFLAGS ()] ~\r\n* 0 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\n"
         "a OK [READ-ONLY] Examine completed\r\n"},
        {"a DELETE other/sub\r\n", "a OK Delete completed\r\n"},
        {"a DELETE INBOX\r\n", "a NO [CANNOT] ~\r\n"},
        {"a DELETE none\r\n", "a NO [NONEXISTENT] ~\r\n"},
        {"a UNSUBSCRIBE DeltaChat\r\n", "a OK Unsubscribe completed\r\n"},
        {"a NAMESPACE\r\n", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\na OK Namespace completed\r\n"},
        {"a ENABLE CONDSTORE\r\n", "* ENABLED\r\na OK Enable completed\r\n"},
        {"a GETQUOTA \"User quota\"\r\n", "* QUOTA \"User quota\" (STORAGE 0 102400)\r\na OK Getquota completed\r\n"},
        {"a GETQUOTA x\r\n", "a NO ~\r\n"},
        {"a SETQUOTA \"User quota\" (STORAGE 5)\r\n", "a NO [NOPERM] ~\r\n"},
    };
    client_open(&c, &fixture, true);
    client_login(&c, ALICE);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_close(&c);
}

static void say_irohrelay(void *arg, struct buf *out) {
    assert_true(buf_append_cstr(out, "https://relay.test"));
}
static void say_turn(void *arg, struct buf *out) {
    assert_true(buf_append_cstr(out, "a.test:3478:1:p"));
}
static void say_nothing(void *arg, struct buf *out) {}

static void test_metadata(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"a GETMETADATA \"INBOX\" (/private/devicetoken)\r\n",
         "* METADATA \"INBOX\" (/private/devicetoken NIL)\r\na OK Getmetadata completed\r\n"},
        // As the test tools send it: bare LF, a blank before the parenthesis.
        {"a SETMETADATA INBOX (/private/devicetoken \"1111\" )\n", "a OK Setmetadata completed\r\n"},
        {"a GETMETADATA \"INBOX\" ( /private/devicetoken )\n",
         "* METADATA \"INBOX\" (/private/devicetoken {4}\r\n1111)\r\na OK Getmetadata completed\r\n"},
        // As older clients send it: a non-synchronising literal.
        {"a SETMETADATA \"INBOX\" (/private/devicetoken {4+}\r\n2222)\r\n", "a OK Setmetadata completed\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken {4}\r\n", "+ OK\r\n"},
        {"1111)\r\n", "a OK Setmetadata completed\r\n"},
        {"a GETMETADATA \"INBOX\" /private/devicetoken\r\n",
         "* METADATA \"INBOX\" (/private/devicetoken {9}\r\n1111 2222)\r\na OK Getmetadata completed\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken \"a b\")\r\n", "a NO [CANNOT] Invalid token\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken {3+}\r\na\"b)\r\n", "a NO [CANNOT] Invalid token\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken {3+}\r\na\\b)\r\n", "a NO [CANNOT] Invalid token\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken \"a\\\"b\")\r\n", "a NO [CANNOT] Invalid token\r\n"},
        {"a SETMETADATA \"INBOX\" (/private/devicetoken NIL)\r\n", "a NO [CANNOT] ~\r\n"},
        {"a SETMETADATA \"\" (/shared/admin \"x\")\r\n", "a NO [NOPERM] This entry cannot be set\r\n"},
        {"a SETMETADATA \"\" (/private/devicetoken \"x\")\r\n", "a NO [NOPERM] This entry cannot be set\r\n"},
        {"a GETMETADATA \"INBOX\" (MAXSIZE 10) (/private/comment)\r\n",
         "* METADATA \"INBOX\" (/private/comment NIL)\r\na OK Getmetadata completed\r\n"},
        {"a GETMETADATA \"\" (/shared/vendor/deltachat/irohrelay /shared/admin)\r\n",
         "* METADATA \"\" (/shared/vendor/deltachat/irohrelay {18}\r\nhttps://relay.test /shared/admin {24}\r\n"
         "mailto:admin@example.org)\r\na OK Getmetadata completed\r\n"},
        // An entry asked for twice is answered once; the other services may have nothing to say.
        {"a GETMETADATA \"\" (/SHARED/admin /shared/vendor/deltachat/turn /shared/x /shared/x /shared/admin "
         "/shared/vendor/deltachat/appversions)\r\n",
         "* METADATA \"\" (/SHARED/admin {24}\r\nmailto:admin@example.org /shared/vendor/deltachat/turn {15}\r\n"
         "a.test:3478:1:p /shared/x NIL /shared/x NIL /shared/vendor/deltachat/appversions NIL)\r\n"
         "a OK Getmetadata completed\r\n"},
        // The entries of the server are not those of a mailbox.
        {"a GETMETADATA \"INBOX\" (/shared/vendor/deltachat/turn)\r\n",
         "* METADATA \"INBOX\" (/shared/vendor/deltachat/turn NIL)\r\na OK Getmetadata completed\r\n"},
    };
    static const char *const settings[] = {"privacy_mail=admin@example.org", NULL};
    fixture_close(&fixture);
    fixture_open(&fixture, settings);
    fixture.server.metadata =
        (struct imap_metadata_ops){.irohrelay = say_irohrelay, .turn = say_turn, .appversions = say_nothing};
    client_open(&c, &fixture, true);
    client_login(&c, ALICE);
    client_play(&c, turns, ARRAY_LEN(turns));
    // A token of the largest size, in a quoted string.
    static char line[5000];
    int len = snprintf(line, sizeof(line), "a SETMETADATA \"INBOX\" (/private/devicetoken \"%04096d\")\r\n", 7);
    client_send(&c, line, (size_t)len);
    client_expect(&c, "a OK Setmetadata completed\r\n");
    len = snprintf(line, sizeof(line), "a SETMETADATA \"INBOX\" (/private/devicetoken \"%04097d\")\r\n", 7);
    client_send(&c, line, (size_t)len);
    client_expect(&c, "a NO [METADATA MAXSIZE 4096] Token too long\r\n");
    client_close(&c);
}

static void test_idle(void **state) {
    static struct client c;
    client_open_selected(&c, &fixture);
    // A message between SELECT and IDLE: EXISTS right after the continuation, in the same write.
    deliver(MAIL);
    client_talk(&c, "a IDLE\r\n", "+ idling\r\n* 1 EXISTS\r\n");
    deliver(MAIL);
    client_expect(&c, "* 2 EXISTS\r\n");
    conn_memory_timeout(c.c);
    client_expect(&c, "* OK Still here\r\n");
    client_talk(&c, "done\n", "a OK Idle completed\r\n");
    client_talk(&c, "b IDLE\r\n", "+ idling\r\n");
    client_talk(&c, "NOOP\r\n", "b BAD Expected DONE\r\n");
    client_talk(&c, "c NOOP\r\n", "c OK Noop completed\r\n");
    // DONE already behind IDLE.
    client_talk(&c, "d IDLE\r\nDONE\r\ne NOOP\r\n", "+ idling\r\nd OK Idle completed\r\ne OK Noop completed\r\n");
    client_close(&c);
}

// The client vanishes in the middle of each kind of input.
static void test_eof(void **state) {
    static const char *const beginnings[] = {
        "a NO",
        "a LOGIN {5}\r\nab",
        "a APPEND INBOX {100+}\r\nSubject: half",
        "a APPEND INBOX {2+}\r\nab",
        "a IDLE\r\n",
        "a UID FETCH 1:* BODY.PEEK[]\r\n",
        "a UID SEARCH BODY x\r\n",
        "",
    };
    static struct client c;
    client_open_selected(&c, &fixture);
    client_close(&c);
    deliver(MAIL);
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        client_open(&c, &fixture, true);
        client_login(&c, ALICE);
        client_send(&c, "S SELECT INBOX\r\n", 16);
        client_send(&c, beginnings[i], strlen(beginnings[i]));
        conn_memory_feed_eof(c.c);
        client_expect_closed(&c);
        client_close(&c);
    }
    client_open(&c, &fixture, true);
    client_login(&c, ALICE);
    client_talk(&c, "a STATUS INBOX (MESSAGES)\r\n", "* STATUS \"INBOX\" (MESSAGES 1)\r\na OK Status completed\r\n");
    client_close(&c);
}

// Puts another session in place of the one that the connection was opened with.
static void replace_session(struct client *c, struct imap_session *s) {
    void *first = c->session;
    conn_set_session(c->c, s);
    imap_session_ops.on_close(first, CONN_END_LOCAL);
}

// What an idle session costs beside its connection: two small structs, four octets a message, no buffer.
static void test_idle_is_small(void **state) {
    static struct client c;
    client_open(&c, &fixture, true);
    struct imap_session *s = imap_session_open_authenticated(&fixture.server, c.c, 1, 1);
    replace_session(&c, s);
    client_talk(&c, "a LOGIN x y\r\n", "* OK ~\r\na BAD Already logged in\r\n");
    client_talk(&c, "a IDLE\r\n", "+ idling\r\n");
    assert_null(s->reader.text.mem);
    assert_null(s->command);
    if (sizeof(struct imap_session) + sizeof(struct imap_view) > 512)
        fail_msg("session %zu, view %zu octets", sizeof(struct imap_session), sizeof(struct imap_view));
    client_close(&c);
}

static void test_bad_input(void **state) {
    static struct client c;
    static const struct turn turns[] = {
        {"\r\n", "* BAD Invalid tag\r\n"},
        {"a\r\n", "a BAD Missing command\r\n"},
        {"a FOO\r\n", "a BAD Unknown command\r\n"},
        {"a UID FOO\r\n", "a BAD Unknown command\r\n"},
        {"a UID NOOP\r\n", "a BAD Unknown command\r\n"},
        {"a EXPUNGE 1\r\n", "a BAD Unexpected extra argument\r\n"},
        {"a NOOP x\r\n", "a BAD Unexpected extra argument\r\n"},
        {"a SELECT \"INBOX\" (CONDSTORE)\r\n", "a BAD Unexpected extra argument\r\n"},
        {"a SELECT \"x\r\n", "a BAD Unterminated quoted string\r\n"},
        {"a FETCH 0 FLAGS\r\n", "a BAD Invalid sequence set\r\n"},
        {"a SEARCH {200000}\r\n", "a BAD [TOOBIG] Literal too large\r\n"},
        {"a SEARCH {6+}\r\nSUBJEC\r\n", "a BAD Unknown search key\r\n"},
        {"( NOOP\r\n", "* BAD Invalid tag\r\n"},
    };
    client_open_selected(&c, &fixture);
    client_play(&c, turns, ARRAY_LEN(turns));
    client_send(&c, "a NO\0OP\r\n", 9);
    client_expect(&c, "a BAD ~\r\n");
    // An overlong line.
    static char filler[200000];
    memset(filler, 'x', sizeof(filler));
    client_send(&c, "tag ", 4);
    client_send(&c, filler, sizeof(filler));
    client_talk(&c, "\r\n", "tag BAD Command too long\r\n");
    client_talk(&c, "a NOOP\r\n", "a OK Noop completed\r\n");
    for (int i = 0; i < 19; i++)
        client_talk(&c, "a X\r\n", "a BAD Unknown command\r\n");
    client_talk(&c, "a X\r\n", "a BAD Unknown command\r\n* BYE Too many invalid commands\r\n");
    client_expect_closed(&c);
    client_close(&c);
    // A non-synchronising literal that nobody can swallow.
    client_open_selected(&c, &fixture);
    client_talk(&c, "a SEARCH {999999999999+}\r\n", "a BAD [TOOBIG] Literal too large\r\n* BYE Literal too large\r\n");
    client_expect_closed(&c);
    client_close(&c);
}

static void test_timeouts(void **state) {
    static struct client c;
    client_open(&c, &fixture, true);
    client_expect(&c, "* OK ~\r\n");
    conn_memory_timeout(c.c);
    client_expect(&c, "* BYE Disconnected for inactivity\r\n");
    client_expect_closed(&c);
    client_close(&c);
}

static void test_strangers_life_is_short(void **state) {
    static struct client c;
    clock_set_fake(1000000, 1700000000);
    client_open(&c, &fixture, true);
    client_expect(&c, "* OK ~\r\n");
    client_talk(&c, "a NOOP\r\n", "a OK Noop completed\r\n");
    clock_set_fake(1000000 + 301 * UINT64_C(1000000), 1700000000);
    client_talk(&c, "b NOOP\r\n", "* BYE Login takes too long\r\n");
    client_expect_closed(&c);
    client_close(&c);
    clock_use_real();
}

static void test_shutdown(void **state) {
    static struct client c;
    client_open_selected(&c, &fixture);
    client_talk(&c, "a IDLE\r\n", "+ idling\r\n");
    conn_shutdown_all(fixture.loop);
    client_expect(&c, "* BYE Server shutting down\r\n");
    client_expect_closed(&c);
    client_close(&c);
}

// Sessions of a deleted account end: one that idles, one that has selected another mailbox, one that has none.
static void test_account_deleted(void **state) {
    static struct client idle, other, bare;
    client_open_selected(&idle, &fixture);
    client_talk(&idle, "a IDLE\r\n", "+ idling\r\n");
    client_open(&other, &fixture, true);
    client_login(&other, ALICE);
    client_open(&bare, &fixture, true);
    client_login(&bare, "bobbobbob@relay.test");
    struct store_account_find *find = store_account_find_new(SLICE(ALICE));
    fixture_run_op(&fixture, &find->op);
    struct store_account_delete *delete = store_account_delete_new(find->ret_account_id);
    store_op_free(&find->op);
    fixture_run_op(&fixture, &delete->op);
    assert_int_equal(delete->op.status, STORE_OK);
    store_op_free(&delete->op);
    client_expect(&idle, "* BYE The account has been deleted\r\n");
    client_expect_closed(&idle);
    client_expect(&other, "* BYE The account has been deleted\r\n");
    client_expect_closed(&other);
    client_talk(&bare, "a NOOP\r\n", "a OK Noop completed\r\n");
    client_close(&idle);
    client_close(&other);
    client_close(&bare);
}

// One that was deleted while its login was under way has nobody to tell the session.
static void test_account_deleted_before_watching(void **state) {
    static struct client c;
    client_open(&c, &fixture, true);
    client_login(&c, ALICE);
    struct imap_session *s = c.session;
    hub_unwatch(fixture.server.hub, &s->account);
    struct store_account_delete *delete = store_account_delete_new(s->account_id);
    fixture_run_op(&fixture, &delete->op);
    store_op_free(&delete->op);
    client_talk(&c, "a NOOP\r\n", "a OK Noop completed\r\n");
    client_talk(&c, "b SELECT INBOX\r\n", "b NO [NONEXISTENT] ~\r\n* BYE The account has been deleted\r\n");
    client_expect_closed(&c);
    client_close(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void) {
    // clang-format off
    const struct CMUnitTest tests[] = {
        TEST(test_transcript),
        TEST(test_transcript_octet_by_octet),
        TEST(test_login),
        TEST(test_share),
        TEST(test_authenticate),
        TEST(test_starttls),
        TEST(test_mailboxes),
        TEST(test_metadata),
        TEST(test_idle),
        TEST(test_eof),
        TEST(test_idle_is_small),
        TEST(test_bad_input),
        TEST(test_timeouts),
        TEST(test_strangers_life_is_short),
        TEST(test_shutdown),
        TEST(test_account_deleted),
        TEST(test_account_deleted_before_watching),
    };
    // clang-format on
    return cmocka_run_group_tests(tests, NULL, NULL);
}
