// SPDX-License-Identifier: MIT
// The MIME walk: each message is walked whole, cut in two at every place, and octet by octet, and must give the same
// trace.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/mime.h"

// A trace: "{type/subtype" for a part, "'body'" and "~stray~", "}" for its end, "!}" for a multipart that was not
// closed, "?" at the end when ambiguous, or the reason why it is bad. CRLF is shown as "|".
struct trace {
    struct mime_walk *walk;
    struct buf text;
    char open; // the quote of the run of octets at hand, or 0
    bool over;
};

static void put(struct trace *t, const char *ptr, size_t len) {
    assert_true(buf_append(&t->text, ptr, len));
}

static void put_octets(struct trace *t, char quote, struct slice octets) {
    if (t->open != quote)
        put(t, &quote, 1);
    t->open = quote;
    for (size_t i = 0; i < octets.len; i++)
        if (octets.ptr[i] != '\n')
            put(t, octets.ptr[i] == '\r' ? "|" : octets.ptr + i, 1);
}

static void put_event(struct trace *t, enum mime_event event, const struct mime_item *item) {
    if (t->open != 0 && event != MIME_BODY && event != MIME_STRAY) {
        put(t, &t->open, 1);
        t->open = 0;
    }
    switch (event) {
    case MIME_PART:
        assert_true(buf_printf(&t->text, "{%.*s/%.*s", SLICE_FMT(item->type.type), SLICE_FMT(item->type.subtype)));
        break;
    case MIME_BODY:
    case MIME_STRAY:
        put_octets(t, event == MIME_BODY ? '\'' : '~', item->octets);
        break;
    case MIME_END:
        put(t, "!}", 2);
        if (!item->is_multipart || item->closed) {
            buf_truncate(&t->text, buf_slice(&t->text).len - 2);
            put(t, "}", 1);
        }
        break;
    case MIME_DONE:
        put(t, "?", mime_walk_is_ambiguous(t->walk) ? 1 : 0);
        t->over = true;
        break;
    case MIME_BAD:
        buf_truncate(&t->text, 0);
        assert_true(buf_append_cstr(&t->text, mime_walk_reason(t->walk)));
        t->over = true;
        break;
    case MIME_MORE:
        break;
    }
}

static void feed(struct trace *t, struct slice in, bool last) {
    while (!t->over) {
        struct mime_item item;
        enum mime_event event = mime_walk_next(t->walk, &in, last, &item);
        if (event == MIME_MORE) {
            assert_int_equal(in.len, 0);
            assert_false(last);
            return;
        }
        put_event(t, event, &item);
    }
}

static void begin(struct trace *t) {
    *t = (struct trace){.walk = mime_walk_new()};
    buf_init(&t->text, 1 << 20);
}

static void finish(struct trace *t, const char *label, const char *want) {
    feed(t, SLICE_EMPTY, true);
    struct slice got = buf_slice(&t->text);
    if (!slice_eq(got, slice_from_cstr(want)))
        fail_msg("%s:\n got %.*s\nwant %s", label, SLICE_FMT(got), want);
    buf_done(&t->text);
    mime_walk_free(t->walk);
}

#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\r\n"
#define HTML "Content-Type: text/html\r\n"

static const struct {
    const char *label, *message, *want;
} table[] = {
    {"nothing", "", "{text/plain}"},
    {"header alone", "A: b\r\n", "{text/plain}"},
    {"header alone, no line end", "A: b", "{text/plain}"},
    {"no header", "\r\nhello\r\n", "{text/plain'hello|'}"},
    {"plain", "A: b\r\n\r\nhello\r\n--x\r\n", "{text/plain'hello|--x|'}"},
    {"plain, no final line end", "A: b\r\n\r\nhello", "{text/plain'hello'}"},
    {"type without sense", "Content-Type: nonsense\r\n\r\nx\r\n", "{/'x|'}"},
    {"message is a leaf", "Content-Type: message/rfc822\r\n\r\n" MIXED("B") "\r\n--B--\r\n",
     "{message/rfc822'Content-Type: multipart/mixed; boundary=B||--B--|'}"},
    {"one part", MIXED("B") "\r\n--B\r\n" HTML "\r\nhello\r\n--B--\r\n", "{multipart/mixed{text/html'hello'}}"},
    {"the line end before a delimiter is its own", MIXED("B") "\r\n\r\n--B\r\n\r\nhello\r\n\r\n--B--\r\n\r\n\r\n",
     "{multipart/mixed{text/plain'hello|'}~||~}"},
    {"preamble and epilogue", MIXED("B") "\r\npre\r\n\r\n--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--\r\nepi\r\n--B\r\nlogue",
     "{multipart/mixed~pre|~{text/plain'1'}{text/plain'2'}~epi|--B|logue~}"},
    {"blanks behind a delimiter", MIXED("B") "\r\n--B \t\r\n\r\nx\r\n--B-- \r\n", "{multipart/mixed{text/plain'x'}}"},
    {"closing delimiter without line end", MIXED("B") "\r\n--B\r\n\r\nx\r\n--B--", "{multipart/mixed{text/plain'x'}}"},
    {"open delimiter at the end", MIXED("B") "\r\n--B\r\n\r\nx\r\n--B",
     "{multipart/mixed{text/plain'x'}{text/plain}!}"},
    {"not closed", MIXED("B") "\r\n--B\r\n\r\nx\r\n", "{multipart/mixed{text/plain'x|'}!}"},
    {"no part", MIXED("B") "\r\n--B--\r\n", "{multipart/mixed}"},
    {"no delimiter", MIXED("B") "\r\nx", "{multipart/mixed~x~!}"},
    {"no body", MIXED("B"), "{multipart/mixed!}"},
    {"empty body", MIXED("B") "\r\n--B\r\n\r\n\r\n--B\r\n\r\n--B--\r\n", "{multipart/mixed{text/plain}{text/plain}}"},
    {"part without blank line", MIXED("B") "\r\n--B\r\n" HTML "--B\r\n--B--\r\n",
     "{multipart/mixed{text/html}{text/plain}}"},
    {"part header up to the end", MIXED("B") "\r\n--B\r\n" HTML, "{multipart/mixed{text/html}!}"},
    {"part header up to a closing delimiter without line end", MIXED("B") "\r\n--B\r\n" HTML "--B--",
     "{multipart/mixed{text/html}}"},
    {"nested", MIXED("A") "\r\n--A\r\n" MIXED("B") "\r\n--B\r\n\r\n1\r\n--B--\r\n\r\n--A\r\n\r\n2\r\n--A--\r\n",
     "{multipart/mixed{multipart/mixed{text/plain'1'}}{text/plain'2'}}"},
    {"outer delimiter ends the inner", MIXED("A") "\r\n--A\r\n" MIXED("B") "\r\n--B\r\n\r\n1\r\n--A--\r\n",
     "{multipart/mixed{multipart/mixed{text/plain'1'}!}}"},
    {"outer delimiter in the header of the inner", MIXED("A") "\r\n--A\r\n" MIXED("B") "--A--\r\n",
     "{multipart/mixed{multipart/mixed!}}"},
    {"inner epilogue", MIXED("A") "\r\n--A\r\n" MIXED("B") "\r\n--B--\r\nx\r\n--B\r\n--A--\r\n",
     "{multipart/mixed{multipart/mixed~x|--B~}}"},
    {"dashes", MIXED("B") "\r\n--B\r\n\r\n-\r\n--\r\n---B\r\n -\r\n-\r\n--B--\r\n",
     "{multipart/mixed{text/plain'-|--|---B| -|-'}}"},
    {"armor", MIXED("B") "\r\n--B\r\n\r\n-----BEGIN-----\r\nxx\r\n-----END-----\r\n--B--\r\n",
     "{multipart/mixed{text/plain'-----BEGIN-----|xx|-----END-----'}}"},
    {"bare CR in a body", "\r\na\rb\r\r\n", "{text/plain'a|b||'}"},
    {"bare CR at the end", MIXED("B") "\r\n--B\r\n\r\na\r", "{multipart/mixed{text/plain'a|'}!}"},
    {"like a delimiter", MIXED("B") "\r\n--B\r\n\r\n--Bx\r\n--B--x\r\n--B--\r\n",
     "{multipart/mixed{text/plain'--Bx|--B--x'}}?"},
    {"one boundary begins another", MIXED("A") "\r\n--A\r\n" MIXED("AB") "\r\n--AB--\r\n--A--\r\n",
     "{multipart/mixed{multipart/mixed}}?"},
    {"the same boundary twice", MIXED("A") "\r\n--A\r\n" MIXED("A") "\r\n--A--\r\n--A--\r\n",
     "{multipart/mixed{multipart/mixed}}?"},
    // Not parsable.
    {"no colon", "A: b\r\nhello\r\n\r\n", "header line is not a field"},
    {"no colon in a part", MIXED("B") "\r\n--B\r\nhello\r\n--B--\r\n", "header line is not a field"},
    {"folded first", " A: b\r\n\r\n", "header line is not a field"},
    {"folded line of blanks", "A: b\r\n \t\r\nC: d\r\n\r\n", "folded line without content"},
    {"bare LF in header", "A: b\nC: d\r\n\r\n", "bare line feed"},
    {"bare LF in body", "A: b\r\n\r\nx\ny", "bare line feed"},
    {"bare LF first in body", "A: b\r\n\r\n\ny", "bare line feed"},
    {"bare LF behind a delimiter", MIXED("B") "\r\n--B\n", "bare line feed"},
    {"bare CR in header", "A: b\rc\r\n\r\n", "control character in header"},
    {"two types", HTML HTML "\r\n", "more than one Content-Type"},
    {"two types, one with a blank", HTML "content-type : text/plain\r\n\r\n", "more than one Content-Type"},
    {"two encodings", "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n",
     "more than one Content-Transfer-Encoding"},
    {"no boundary", "Content-Type: multipart/mixed\r\n\r\n", "multipart without a valid boundary"},
    {"two boundaries", "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n",
     "multipart without a valid boundary"},
};

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice in = slice_from_cstr(table[i].message);
        struct trace t;
        for (size_t cut = 0; cut <= in.len; cut++) {
            begin(&t);
            feed(&t, slice_sub(in, 0, cut), false);
            feed(&t, slice_sub(in, cut, in.len), false);
            finish(&t, table[i].label, table[i].want);
        }
        begin(&t);
        for (size_t at = 0; at < in.len; at++)
            feed(&t, slice_sub(in, at, at + 1), false);
        finish(&t, table[i].label, table[i].want);
        begin(&t);
        feed(&t, in, true);
        finish(&t, table[i].label, table[i].want);
    }
}

static void repeat(struct buf *b, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_true(buf_append_cstr(b, text));
}

// Walks prefix, `n` times text, suffix; in pieces of 1000 octets.
static void check_repeated(const char *label, const char *prefix, const char *text, size_t n, const char *suffix,
                           const char *want) {
    struct buf b;
    buf_init(&b, 1 << 20);
    repeat(&b, prefix, 1);
    repeat(&b, text, n);
    repeat(&b, suffix, 1);
    struct trace t;
    begin(&t);
    struct slice in = buf_slice(&b);
    for (size_t at = 0; at < in.len; at += 1000)
        feed(&t, slice_sub(in, at, at + 1000), false);
    finish(&t, label, want);
    buf_done(&b);
}

static void test_limits(void **state) {
    (void)state;
    const char *line = "X-Line: 16 ch.\r\n"; // 16 octets
    check_repeated("header of 256 KiB", "", line, MIME_HEADER_MAX / 16 - 1, "X-Last: exact\r\n\r\n",
                   "header too large");
    check_repeated("header of 256 KiB less one", "", line, MIME_HEADER_MAX / 16 - 1, "X-Last: exa.\r\n\r\n",
                   "{text/plain}");
    const char *part = MIXED("B") "\r\n--B\r\n";
    check_repeated("part header of 64 KiB", part, line, MIME_PART_HEADER_MAX / 16 - 1, "X: 16 octets\r\n\r\n",
                   "{multipart/mixed{text/plain}!}");
    check_repeated("part header over 64 KiB", part, line, MIME_PART_HEADER_MAX / 16, "\r\n", "header too large");
    check_repeated("line of 64 KiB", "X:", "y", MIME_HEADER_LINE_MAX - 4, "\r\n\r\n", "{text/plain}");
    check_repeated("line over 64 KiB", "X:", "y", MIME_HEADER_LINE_MAX - 3, "\r\n\r\n", "header line too long");

    // Each boundary is the same, so an inner multipart begins with each delimiter.
    const char *level = MIXED("B") "\r\n--B\r\n";
    check_repeated("eight deep", "", level, MIME_DEPTH_MAX, "\r\n",
                   "{multipart/mixed{multipart/mixed{multipart/mixed{multipart/mixed{multipart/mixed{multipart/mixed"
                   "{multipart/mixed{multipart/mixed{text/plain}!}!}!}!}!}!}!}!}?");
    check_repeated("nine deep", "", level, MIME_DEPTH_MAX + 1, "\r\n", "nested too deep");

    // A line like a delimiter with more blanks than the walk gathers is text, and marked.
    struct buf want;
    buf_init(&want, 4096);
    repeat(&want, "{multipart/mixed~--B", 1);
    repeat(&want, " ", 300);
    assert_true(buf_append(&want, "|~!}?", 6));
    check_repeated("long delimiter", MIXED("B") "\r\n--B", " ", 300, "\r\n", buf_slice(&want).ptr);
    buf_done(&want);
}

static void test_item(void **state) {
    (void)state;
    struct slice in =
        SLICE("Content-Type: multipart/mixed; boundary=B\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--B\r\n"
              "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--B--\r\n");
    struct mime_walk *w = mime_walk_new();
    struct mime_item item;
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_PART);
    assert_true(item.is_multipart && item.depth == 0 && item.encoding == TRANSFER_IDENTITY);
    assert_true(slice_ends_with(item.header, SLICE("8bit\r\n\r\n")));
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_PART);
    assert_true(!item.is_multipart && item.depth == 1 && item.encoding == TRANSFER_BASE64);
    assert_true(slice_eq(item.header, SLICE("Content-Transfer-Encoding: base64\r\n\r\n")));
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_BODY);
    assert_int_equal(item.depth, 1);
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_END);
    assert_true(!item.is_multipart && item.depth == 1);
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_END);
    assert_true(item.is_multipart && item.closed && item.depth == 0);
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_DONE);
    assert_int_equal(mime_walk_next(w, &in, true, &item), MIME_DONE);
    mime_walk_free(w);
    mime_walk_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
