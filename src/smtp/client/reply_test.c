// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "smtp/client/reply.h"

static const struct {
    const char *name, *in;
    enum smtp_reply_progress want;
    size_t used;
    const char *text;
} replies[] = {
    {"one line", "250 2.1.0 Ok\r\n", SMTP_REPLY_WHOLE, 14, "250 2.1.0 Ok"},
    {"and what follows stays", "250 Ok\r\n354 go\r\n", SMTP_REPLY_WHOLE, 8, "250 Ok"},
    {"no text", "250\r\n", SMTP_REPLY_WHOLE, 5, "250"},
    {"a blank and no text", "250 \r\n", SMTP_REPLY_WHOLE, 6, "250"},
    {"LF alone", "250 Ok\n", SMTP_REPLY_WHOLE, 7, "250 Ok"},
    {"CR CR LF", "250 Ok\r\r\n", SMTP_REPLY_WHOLE, 9, "250 Ok"},
    {"a tab", "250\tOk\r\n", SMTP_REPLY_WHOLE, 8, "250 Ok"},
    {"two lines", "550-no\r\n550 way\r\n", SMTP_REPLY_WHOLE, 17, "550 no way"},
    {"a repeated code stands once", "550-5.1.1 no such\r\n550-5.1.1 user\r\n550 5.1.1\r\n", SMTP_REPLY_WHOLE, 46,
     "550 5.1.1 no such user"},
    {"another code stays", "550-5.1.1 no\r\n550 5.1.2 way\r\n", SMTP_REPLY_WHOLE, 29, "550 5.1.1 no 5.1.2 way"},
    {"no enhanced code", "550-1.2 a\r\n550 1.2 b\r\n", SMTP_REPLY_WHOLE, 22, "550 1.2 a 1.2 b"},
    {"octets that are not text",
     "550 a\x01\x80"
     "b\r\n",
     SMTP_REPLY_WHOLE, 10, "550 a??b"},
    {"blanks", "550  a \t b  \r\n", SMTP_REPLY_WHOLE, 14, "550 a b"},
    {"an empty line within", "220-\r\n220 x\r\n", SMTP_REPLY_WHOLE, 13, "220 x"},
    {"a code without end is the end", "220-a\r\n220\r\n", SMTP_REPLY_WHOLE, 12, "220 a"},

    {"nothing", "", SMTP_REPLY_MORE, 0, NULL},
    {"half a line", "250 O", SMTP_REPLY_MORE, 0, NULL},
    {"half a line end", "250 Ok\r", SMTP_REPLY_MORE, 0, NULL},
    {"half a reply", "250-a\r\n250 ", SMTP_REPLY_MORE, 7, NULL},

    {"no code", "hello\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"an empty line", "\r\n", SMTP_REPLY_BAD, 2, NULL},
    {"two digits", "25 Ok\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"four digits", "2500 Ok\r\n", SMTP_REPLY_BAD, 9, NULL},
    {"1yz", "100 x\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"6yz", "600 x\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"letters", "2a0 x\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"text at once", "250Ok\r\n", SMTP_REPLY_BAD, 7, NULL},
    {"two codes", "250-a\r\n550 b\r\n", SMTP_REPLY_BAD, 14, NULL},
    {"HTTP", "HTTP/1.1 400 Bad Request\r\n", SMTP_REPLY_BAD, 26, NULL},
};

static void test_replies(void **state) {
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct smtp_reply r;
        struct transport_reply got = {0};
        size_t used;
        smtp_reply_init(&r);
        enum smtp_reply_progress p = smtp_reply_take(&r, slice_from_cstr(replies[i].in), &used);
        if (p == SMTP_REPLY_WHOLE)
            smtp_reply_write(&r, &got);
        if (p != replies[i].want || used != replies[i].used ||
            (replies[i].text != NULL && strcmp(replies[i].text, got.text) != 0)) {
            print_error("%s: want %d %zu [%s] got %d %zu [%s]\n", replies[i].name, (int)replies[i].want,
                        replies[i].used, replies[i].text, (int)p, used, got.text);
            failed++;
        }
        smtp_reply_done(&r);
    }
    assert_int_equal(failed, 0);
}

// However the octets are cut, the same comes out.
static void test_in_pieces(void **state) {
    (void)state;
    static const char in[] = "250-a.example\r\n250-SIZE 5\r\n250 STARTTLS\r\n550 5.1.1 no\r\n";
    struct smtp_reply r;
    size_t at = 0, n_whole = 0, used;
    smtp_reply_init(&r);
    for (size_t end = 0; end <= sizeof(in) - 1; end++) {
        enum smtp_reply_progress p = smtp_reply_take(&r, slice_make(in + at, end - at), &used);
        assert_int_not_equal(p, SMTP_REPLY_BAD);
        at += used;
        if (p == SMTP_REPLY_WHOLE)
            assert_int_equal(r.code, n_whole++ == 0 ? 250 : 550);
    }
    assert_int_equal(n_whole, 2);
    assert_int_equal(at, sizeof(in) - 1);
    smtp_reply_done(&r);
}

static enum smtp_reply_progress take_long(size_t n_text, bool ended, size_t n_lines) {
    struct buf b;
    struct smtp_reply r;
    struct transport_reply got;
    size_t used;
    buf_init(&b, 4 * 1024 * 1024);
    for (size_t i = 0; i < n_lines; i++) {
        assert_true(buf_append_cstr(&b, i + 1 < n_lines ? "250-" : "250 "));
        for (size_t k = 0; k < n_text; k++)
            assert_true(buf_append_cstr(&b, "x"));
        assert_true(i + 1 == n_lines && !ended ? true : buf_append_cstr(&b, "\r\n"));
    }
    smtp_reply_init(&r);
    enum smtp_reply_progress p = smtp_reply_take(&r, buf_slice(&b), &used);
    if (p == SMTP_REPLY_WHOLE) {
        smtp_reply_write(&r, &got);
        assert_in_range(strlen(got.text), 1, TRANSPORT_REPLY_MAX - 1);
        assert_in_range(r.text.len, 0, SMTP_REPLY_TEXT_MAX);
    }
    smtp_reply_done(&r);
    buf_done(&b);
    return p;
}

static void test_bounds(void **state) {
    (void)state;
    assert_int_equal(take_long(SMTP_REPLY_LINE_MAX - 4, true, 1), SMTP_REPLY_WHOLE);
    assert_int_equal(take_long(SMTP_REPLY_LINE_MAX - 3, true, 1), SMTP_REPLY_BAD);
    assert_int_equal(take_long(SMTP_REPLY_LINE_MAX - 4, false, 1), SMTP_REPLY_MORE);
    assert_int_equal(take_long(SMTP_REPLY_LINE_MAX, false, 1), SMTP_REPLY_BAD);
    assert_int_equal(take_long(4000, true, SMTP_REPLY_LINES_MAX), SMTP_REPLY_WHOLE);
    assert_int_equal(take_long(1, true, SMTP_REPLY_LINES_MAX + 1), SMTP_REPLY_BAD);
}

static void test_offers(void **state) {
    (void)state;
    static const struct {
        const char *in;
        struct smtp_offers want;
    } rows[] = {
        {"250 a.example STARTTLS\r\n", {0}},
        {"250-a\r\n250-STARTTLS\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 77\r\n",
         {true, true, true, true, true, true, 77}},
        {"250-a\r\n250-starttls\r\n250-Size\r\n250 XFOO bar\r\n", {.starttls = true, .size = true}},
        {"250-a\r\n250-SIZE 0\r\n250 AUTH=LOGIN STARTTLS\r\n", {.size = true}},
        {"250-a\r\n250-SIZE 1x\r\n250 PIPELININGS\r\n", {.size = true}},
        {"250-a\r\n250-SIZE 99999999999999999999999999\r\n250 \r\n", {.size = true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smtp_reply r;
        size_t used;
        smtp_reply_init(&r);
        assert_int_equal(smtp_reply_take(&r, slice_from_cstr(rows[i].in), &used), SMTP_REPLY_WHOLE);
        struct smtp_offers got = smtp_offers_read(&r);
        const struct smtp_offers *want = &rows[i].want;
        if (got.starttls != want->starttls || got.pipelining != want->pipelining || got.chunking != want->chunking ||
            got.eightbitmime != want->eightbitmime || got.smtputf8 != want->smtputf8 || got.size != want->size ||
            got.size_max != want->size_max)
            fail_msg("%s", rows[i].in);
        smtp_reply_done(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
