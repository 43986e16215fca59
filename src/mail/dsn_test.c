// SPDX-License-Identifier: MIT
// Delivery status notifications: the whole text of one, and that nothing from a peer can break out of its line or its
// part.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/dsn.h"
#include "mail/mime.h"

static const struct dsn_recipient one_recipient[] = {
    {SLICE("gone@example.org"), SLICE("5.1.1"), SLICE("550 5.1.1 <gone> User doesn't exist: gone")}};

static struct dsn sample(void) {
    return (struct dsn){.domain = SLICE("relay.example"),
                        .to = SLICE("me@relay.example"),
                        .message_id = SLICE("id1@relay.example"),
                        .original_header = SLICE("From: <me@relay.example>\r\nMessage-ID: <x@localhost>\r\n\r\n"),
                        .date = 1795252680,
                        .recipients = one_recipient,
                        .n_recipients = 1};
}

// The whole as text that the caller frees, each boundary shown as "BOUNDARY".
static char *written(const struct dsn *d) {
    struct buf out, shown;
    buf_init(&out, 65536);
    buf_init(&shown, 65536);
    assert_true(dsn_write(d, &out));
    struct slice rest = buf_slice(&out);
    size_t at = slice_find_slice(rest, SLICE("boundary=\"")) + 10;
    struct slice boundary = slice_sub(rest, at, at + 34);
    while (rest.len > 0) {
        at = slice_find_slice(rest, boundary);
        assert_true(buf_append_slice(&shown, slice_sub(rest, 0, at)));
        assert_true(at == rest.len || buf_append_cstr(&shown, "BOUNDARY"));
        rest = slice_sub(rest, at + boundary.len, rest.len);
    }
    char *text = slice_dup(buf_slice(&shown));
    buf_done(&out);
    buf_done(&shown);
    return text;
}

static void test_whole(void **state) {
    (void)state;
    struct dsn d = sample();
    char *got = written(&d);
    assert_string_equal(got, "Date: Sat, 21 Nov 2026 09:18:00 +0000\r\n"
                             "From: Mail Delivery System <MAILER-DAEMON@relay.example>\r\n"
                             "To: <me@relay.example>\r\n"
                             "Subject: Undelivered Mail Returned to Sender\r\n"
                             "Message-ID: <id1@relay.example>\r\n"
                             "Auto-Submitted: auto-replied\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                             "\tboundary=\"BOUNDARY\"\r\n"
                             "\r\n"
                             "--BOUNDARY\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Transfer-Encoding: 7bit\r\n"
                             "\r\n"
                             "Undelivered mail: the mail delivery system at\r\n"
                             "\r\n"
                             "    relay.example\r\n"
                             "\r\n"
                             "could not deliver your message to these recipients:\r\n"
                             "\r\n"
                             "<gone@example.org>:\r\n"
                             "    550 5.1.1 <gone> User doesn't exist: gone\r\n"
                             "\r\n"
                             "--BOUNDARY\r\n"
                             "Content-Type: message/delivery-status\r\n"
                             "Content-Transfer-Encoding: 7bit\r\n"
                             "\r\n"
                             "Reporting-MTA: dns; relay.example\r\n"
                             "\r\n"
                             "Final-Recipient: rfc822; gone@example.org\r\n"
                             "Action: failed\r\n"
                             "Status: 5.1.1\r\n"
                             "Diagnostic-Code: smtp; 550 5.1.1 <gone> User doesn't exist: gone\r\n"
                             "\r\n"
                             "--BOUNDARY\r\n"
                             "Content-Type: text/rfc822-headers\r\n"
                             "Content-Transfer-Encoding: 7bit\r\n"
                             "\r\n"
                             "From: <me@relay.example>\r\n"
                             "Message-ID: <x@localhost>\r\n"
                             "\r\n"
                             "--BOUNDARY--\r\n");
    free(got);

    // Another message has another boundary.
    struct buf one, two;
    buf_init(&one, 65536);
    buf_init(&two, 65536);
    assert_true(dsn_write(&d, &one));
    d.message_id = SLICE("id2@relay.example");
    assert_true(dsn_write(&d, &two));
    size_t at = slice_find_slice(buf_slice(&one), SLICE("boundary="));
    assert_false(slice_eq(slice_sub(buf_slice(&one), at, at + 44), slice_sub(buf_slice(&two), at, at + 44)));
    buf_done(&one);
    buf_done(&two);
}

// Walks the message and checks that it has the three parts and ends cleanly.
static void check_structure(struct slice message) {
    static const char *const want[] = {"report", "plain", "delivery-status", "rfc822-headers"};
    struct mime_walk *w = mime_walk_new();
    struct mime_item item;
    enum mime_event event;
    size_t n = 0;
    bool closed = false;
    while ((event = mime_walk_next(w, &message, true, &item)) != MIME_DONE) {
        assert_int_not_equal(event, MIME_BAD);
        assert_int_not_equal(event, MIME_STRAY);
        if (event == MIME_PART) {
            assert_true(n < ARRAY_LEN(want));
            assert_true(slice_eq(item.type.subtype, slice_from_cstr(want[n++])));
        }
        if (event == MIME_END && item.is_multipart)
            closed = item.closed;
    }
    assert_int_equal(n, ARRAY_LEN(want));
    assert_true(closed);
    assert_false(mime_walk_is_ambiguous(w));
    mime_walk_free(w);
}

static void test_hostile(void **state) {
    (void)state;
    const struct dsn_recipient hostile[] = {
        {SLICE("a@b\r\nBcc: c@d"), SLICE("5.0\r\nX: y"), SLICE("550-first\r\n\r\n--guess--\r\n550 second\x01")},
        {SLICE("\xC3\xBC@b\xFF"), SLICE("2.0.0"), SLICE("\xC2\x85 \xE2\x82\xAC")},
    };
    struct dsn d = sample();
    d.recipients = hostile;
    d.n_recipients = 2;
    d.original_header = SLICE("X: y\r\n --guess\r\n --other--\r\n\r\nbody\r\n");
    struct buf out;
    buf_init(&out, 65536);
    assert_true(dsn_write(&d, &out));
    struct slice s = buf_slice(&out);
    check_structure(s);
    assert_true(slice_find_slice(s, SLICE("\r\nBcc:")) == s.len);
    assert_true(slice_find_slice(s, SLICE("Final-Recipient: rfc822; a@b??Bcc: c@d\r\n")) < s.len);
    assert_true(slice_find_slice(s, SLICE("Final-Recipient: utf-8; \xC3\xBC@b?\r\n")) < s.len);
    assert_true(slice_find_slice(s, SLICE("Status: 5.0.0\r\n")) < s.len);
    assert_true(slice_find_slice(s, SLICE("Status: 2.0.0\r\n")) == s.len);
    assert_true(slice_find_slice(s, SLICE("smtp; ? \xE2\x82\xAC\r\n")) < s.len);
    assert_true(slice_find_slice(s, SLICE("Content-Transfer-Encoding: 8bit")) < s.len);
    assert_true(slice_find_slice(s, SLICE("body")) == s.len);
    buf_done(&out);
}

static void test_sizes(void **state) {
    (void)state;
    // A header of 40 KiB is cut between two fields.
    struct buf header, out;
    buf_init(&header, 65536);
    buf_init(&out, 1 << 20);
    while (buf_slice(&header).len < 40 * 1024)
        assert_true(buf_append_cstr(&header, "X-Field: seventeen\r\n"));
    struct dsn d = sample();
    d.original_header = buf_slice(&header);
    assert_true(dsn_write(&d, &out));
    struct slice s = buf_slice(&out);
    assert_true(s.len > 31 * 1024 && s.len < 34 * 1024);
    assert_true(slice_starts_with(slice_sub(s, s.len - 62, s.len), SLICE("X-Field: seventeen\r\n\r\n--=_")));
    check_structure(s);
    buf_done(&header);
    buf_done(&out);

    // 32 KiB end between the two lines of a field: it is left out whole.
    for (int i = 0; i < 2048; i++)
        assert_true(buf_append_cstr(&header, "X: sixteen oct\r\n"));
    assert_true(buf_append_cstr(&header, " folded\r\n\r\n"));
    d.original_header = buf_slice(&header);
    assert_true(dsn_write(&d, &out));
    size_t n = 0;
    for (s = buf_slice(&out); s.len > 0; n++) {
        size_t at = slice_find_slice(s, SLICE("X: sixteen oct\r\n"));
        s = slice_sub(s, at < s.len ? at + 16 : at, s.len);
    }
    assert_int_equal(n - 1, 2047);
    buf_done(&header);
    buf_done(&out);

    // Full at every size below the one that fits.
    d = sample();
    buf_init(&out, 65536);
    assert_true(dsn_write(&d, &out));
    size_t len = buf_slice(&out).len;
    buf_done(&out);
    for (size_t max = 0; max < len; max++) {
        buf_init(&out, max);
        assert_false(dsn_write(&d, &out));
        buf_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
