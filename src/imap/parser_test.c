// SPDX-License-Identifier: MIT
// Tables for the lexical layer: strings, literals, sets, flags, fetch items, search keys, mailbox patterns, METADATA.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imap/fetch_items.h"
#include "imap/flags.h"
#include "imap/mailbox_name.h"
#include "imap/metadata.h"
#include "imap/parser.h"
#include "imap/reader.h"
#include "imap/search.h"
#include "imap/set.h"

static struct arena arena;

static struct imap_parser parser_of(const char *text) {
    struct imap_parser p;
    arena_reset(&arena);
    arena_init(&arena, 1 << 20);
    imap_parser_init(&p, slice_from_cstr(text), &arena);
    return p;
}

static void check_text(const char *input, bool ok, struct slice got, const char *want) {
    bool same = ok ? want != NULL && slice_eq(got, slice_from_cstr(want)) : want == NULL;
    struct slice shown = ok ? got : SLICE("error");
    if (!same)
        fail_msg("input %s: got %.*s, want %s", input, SLICE_FMT(shown), want != NULL ? want : "error");
}

static void test_astring(void **state) {
    (void)state;
    static const struct {
        const char *input, *want; // NULL: refused
    } cases[] = {
        {"atom rest", "atom"},
        {"a]b", "a]b"},
        {"user@[192.0.2.1]", "user@[192.0.2.1]"},
        {"\"\"", ""},
        {"\"two words\"", "two words"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"gr\xc3\xbc\xc3\x9f\"", "gr\xc3\xbc\xc3\x9f"},
        {"{3}\r\nabc rest", "abc"},
        {"{3+}\r\na\r\n", "a\r\n"},
        {"{3}\nabc", "abc"},
        {"{0}\r\n", ""},
        {"", NULL},
        {"(x)", NULL},
        {"\"open", NULL},
        {"\"bad \\n escape\"", NULL},
        {"\"line\r\nbreak\"", NULL},
        {"{4}\r\nabc", NULL},
        {"{x}\r\nabc", NULL},
        {"{-1}\r\nabc", NULL},
        {"{99999999999999999999}\r\nabc", NULL},
        {"{3} abc", NULL},
        {"{3}", NULL},
        {"~{3}\r\nabc", "~"},
        {"%", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct slice got = SLICE_EMPTY;
        bool ok = imap_parse_astring(&p, &got);
        check_text(cases[i].input, ok, got, cases[i].want);
        assert_true(ok || p.error != NULL);
    }
}

static void test_nul(void **state) {
    (void)state;
    struct imap_parser p = parser_of("");
    struct slice got;
    p.text = SLICE("\"a\0b\"");
    assert_false(imap_parse_astring(&p, &got));
    p = parser_of("");
    p.text = SLICE("{3}\r\na\0b");
    assert_false(imap_parse_astring(&p, &got));
}

static void test_literal_at_end(void **state) {
    (void)state;
    static const struct {
        const char *line;
        uint64_t len;
        bool want, sync;
    } cases[] = {
        {"a LOGIN {5}", 5, true, true},  {"a LOGIN {5+}", 5, true, false},
        {"{0}", 0, true, true},          {"a LOGIN {5} ", 0, false, true},
        {"a LOGIN 5}", 0, false, true},  {"a LOGIN {}", 0, false, true},
        {"a LOGIN {+}", 0, false, true}, {"a {5-}", 0, false, true},
        {"a \"{5}\"", 0, false, true},   {"", 0, false, true},
        {"}", 0, false, true},           {"{18446744073709551616}", UINT64_MAX, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_literal got = {0};
        bool ok = imap_literal_at_end(slice_from_cstr(cases[i].line), &got);
        if (ok != cases[i].want || (ok && (got.len != cases[i].len || got.sync != cases[i].sync)))
            fail_msg("%s: got %d %llu %d", cases[i].line, ok, (unsigned long long)got.len, got.sync);
    }
}

static void test_sets(void **state) {
    (void)state;
    static const struct {
        const char *input;
        uint32_t star;
        const char *want; // resolved, "a:b,..."; NULL: refused
    } cases[] = {
        {"1", 9, "1:1"},
        {"3,1,2", 9, "1:3"},
        {"3:5,7", 9, "3:5,7:7"},
        {"5:3", 9, "3:5"},
        {"1:500", 3, "1:500"},
        {"*", 9, "9:9"},
        {"12:*", 9, "9:12"},
        {"*:4", 9, "4:9"},
        {"*", 0, ""},
        {"1:*,3", 0, "3:3"},
        {"1:4,2:3,4:6,8", 9, "1:6,8:8"},
        {"4294967295,1", 9, "1:1,4294967295:4294967295"},
        {"4294967295:4294967294,4294967295", 9, "4294967294:4294967295"},
        {"0", 9, NULL},
        {"0:5", 9, NULL},
        {"", 9, NULL},
        {"a", 9, NULL},
        {"1:", 9, NULL},
        {"1,", 9, NULL},
        {",1", 9, NULL},
        {"4294967296", 9, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct imap_set set;
        char got[200] = "";
        bool ok = imap_set_parse(&p, &set) && imap_parse_end(&p);
        if (ok) {
            imap_set_resolve(&set, cases[i].star);
            size_t len = 0;
            for (size_t k = 0; k < set.n; k++)
                len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u:%u", k > 0 ? "," : "", set.ranges[k].first,
                                        set.ranges[k].last);
        }
        check_text(cases[i].input, ok, slice_from_cstr(got), cases[i].want);
    }
}

static void test_set_contains(void **state) {
    (void)state;
    struct imap_parser p = parser_of("2:4,7,9:*");
    struct imap_set set;
    assert_true(imap_set_parse(&p, &set));
    imap_set_resolve(&set, 12);
    char got[16] = "";
    for (uint32_t i = 0; i < 14; i++)
        got[i] = imap_set_contains(&set, i) ? 'x' : '.';
    assert_string_equal(got, "..xxx..x.xxxx.");
    assert_int_equal(imap_set_max(&set), 12);
}

static void test_uid_list(void **state) {
    (void)state;
    struct uid_list l = {0}, gone = {0};
    for (uint32_t i = 100; i > 0; i--)
        uid_list_add(&l, i * 2);
    uid_list_add(&l, 4);
    assert_int_equal(l.n, 100);
    uint32_t at;
    assert_true(uid_list_find(&l, 8, &at));
    assert_int_equal(at, 3);
    assert_false(uid_list_find(&l, 7, &at));
    uid_list_add(&gone, 2);
    uid_list_add(&gone, 3);
    uid_list_add(&gone, 200);
    uid_list_subtract(&l, &gone);
    assert_int_equal(l.n, 98);
    assert_int_equal(l.v[0], 4);
    assert_int_equal(l.v[97], 198);
    uid_list_subtract(&l, &l);
    assert_int_equal(l.n, 0);
    assert_null(l.v);
    uid_list_done(&gone);
}

static void test_flags(void **state) {
    (void)state;
    static const struct {
        const char *input, *want;
    } cases[] = {
        {"(\\Seen \\Deleted)", "(\\Deleted \\Seen)"},
        {"()", "()"},
        {"(\\seen )", "(\\Seen)"},
        {"\\Seen $Forwarded", "(\\Seen $Forwarded)"},
        {"(b a B)", "(a b)"},
        {"(\\Recent)", NULL},
        {"(\\Foo)", NULL},
        {"(\\Seen", NULL},
        {"\\", NULL},
        {"(a(b))", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct imap_flags f;
        char got[IMAP_FLAGS_TEXT_MAX] = "";
        bool ok = imap_flags_parse(&p, true, &f) && imap_parse_end(&p);
        if (ok)
            (void)imap_flags_write(f.system, f.keywords, got);
        check_text(cases[i].input, ok, slice_from_cstr(got), cases[i].want);
    }
}

static void test_fetch_items(void **state) {
    (void)state;
    static const struct {
        const char *input, *want; // labels of the sections; NULL: refused
        size_t n;
        bool seen;
    } cases[] = {
        {"FLAGS", "", 1, false},
        {"(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)])", "BODY[HEADER.FIELDS (MESSAGE-ID DATE)] ", 3,
         false},
        {"(FLAGS BODY.PEEK[])", "BODY[] ", 2, false},
        {"(FLAGS BODY.PEEK[] )", "BODY[] ", 2, false},
        {"body[]", "BODY[] ", 1, true},
        {"BODY[TEXT]<0.100>", "BODY[TEXT]<0> ", 1, true},
        {"BODY[HEADER.FIELDS.NOT (\"From\")]", "BODY[HEADER.FIELDS.NOT (From)] ", 1, true},
        {"RFC822", "RFC822 ", 1, true},
        {"RFC822.HEADER", "RFC822.HEADER ", 1, false},
        {"(RFC822.TEXT RFC822.SIZE)", "RFC822.TEXT ", 2, true},
        {"ALL", "", 4, false},
        {"FAST", "", 3, false},
        {"(FLAGS FLAGS UID)", "", 2, false},
        {"()", NULL, 0, false},
        {"FULL", NULL, 0, false},
        {"BODYSTRUCTURE", NULL, 0, false},
        {"BODY", NULL, 0, false},
        {"BODY[1]", NULL, 0, false},
        {"BODY[HEADER.FIELDS ()]", NULL, 0, false},
        {"BODY[HEADER.FIELDS]", NULL, 0, false},
        {"BODY[", NULL, 0, false},
        {"BODY[]<5>", NULL, 0, false},
        {"BODY[]<5.0>", NULL, 0, false},
        {"(FLAGS", NULL, 0, false},
        {"MODSEQ", NULL, 0, false},
        {"FLAGSX", NULL, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct imap_fetch f;
        struct buf labels;
        buf_init(&labels, 1000);
        bool ok = imap_fetch_parse(&p, false, &f) && imap_parse_end(&p);
        for (size_t k = 0; ok && k < f.n; k++)
            if (f.items[k].kind == IMAP_FETCH_SECTION)
                assert_true(imap_fetch_write_label(&f.items[k], &labels) && buf_append(&labels, " ", 1));
        check_text(cases[i].input, ok, buf_slice(&labels), cases[i].want);
        if (ok && (f.n != cases[i].n || f.sets_seen != cases[i].seen))
            fail_msg("%s: got %zu items, seen %d", cases[i].input, f.n, f.sets_seen);
        buf_done(&labels);
    }
}

static void test_fetch_spans(void **state) {
    (void)state;
    static const char message[] = "From: a\r\nTo: b\r\nX: c\r\n\r\nhello\r\n"; // header 24, text 7
    static const struct {
        const char *item;
        const char *want;
    } cases[] = {
        {"BODY[]", message},
        {"BODY[HEADER]", "From: a\r\nTo: b\r\nX: c\r\n\r\n"},
        {"BODY[TEXT]", "hello\r\n"},
        {"BODY[TEXT]<1.3>", "ell"},
        {"BODY[TEXT]<5.100>", "\r\n"},
        {"BODY[TEXT]<7.1>", ""},
        {"BODY[TEXT]<4294967295.4294967295>", ""},
        {"BODY[HEADER.FIELDS (to FROM)]", "From: a\r\nTo: b\r\n\r\n"},
        {"BODY[HEADER.FIELDS (none)]", "\r\n"},
        {"BODY[HEADER.FIELDS.NOT (to)]", "From: a\r\nX: c\r\n\r\n"},
        {"BODY[HEADER.FIELDS (to)]<0.4>", "To: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].item);
        struct imap_fetch f;
        struct buf fields;
        struct imap_span span;
        buf_init(&fields, 1000);
        assert_true(imap_fetch_parse(&p, false, &f));
        struct slice data = slice_from_cstr(message);
        assert_true(imap_fetch_span(&f.items[0], data, data.len, &fields, &span));
        struct slice from = span.selected ? buf_slice(&fields) : data;
        assert_true(span.offset + span.len <= from.len);
        check_text(cases[i].item, true, slice_sub(from, span.offset, span.offset + span.len), cases[i].want);
        buf_done(&fields);
    }
}

static void test_search(void **state) {
    (void)state;
    static const char header[] =
        "From: Alice <a@x>\r\nSubject: Two\r\n words\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n\r\n";
    static const char text[] = "Hello World\r\n";
    static const struct {
        const char *input;
        int want; // 1, 0; -1: refused
    } cases[] = {
        {"ALL", 1},
        {"SEEN", 1},
        {"UNSEEN", 0},
        {"FLAGGED", 0},
        {"NOT FLAGGED", 1},
        {"NEW", 0},
        {"OLD", 1},
        {"RECENT", 0},
        {"3", 1},
        {"1:2", 0},
        {"UID 30", 1},
        {"UID 31:*", 1}, // "*" is the last one, whatever stands before it
        {"UID 31:32", 0},
        {"KEYWORD $x", 1},
        {"UNKEYWORD $X", 0},
        {"LARGER 99", 1},
        {"SMALLER 100", 0},
        {"SINCE 21-Nov-2026", 1},
        {"SINCE \"22-Nov-2026\"", 0},
        {"BEFORE 21-Nov-2026", 0},
        {"ON 21-Nov-2026", 1},
        {"SENTON 21-Nov-2026", 1},
        {"SENTSINCE 22-Nov-2026", 0},
        {"SENTBEFORE 22-Nov-2026", 1},
        {"FROM alice", 1},
        {"FROM \"bob\"", 0},
        {"SUBJECT \"two words\"", 1},
        {"HEADER Subject \"\"", 1},
        {"HEADER X-None \"\"", 0},
        {"TO a", 0},
        {"BODY world", 1},
        {"BODY alice", 0},
        {"TEXT alice", 1},
        {"TEXT {5}\r\nhello", 1},
        {"OR SEEN FLAGGED", 1},
        {"OR UNSEEN FLAGGED", 0},
        {"NOT (SEEN FLAGGED)", 1},
        {"(SEEN ( NOT FLAGGED) )", 1},
        {"CHARSET UTF-8 SEEN", 1},
        {"CHARSET us-ascii ALL", 1},
        {"SEEN UNSEEN", 0},
        {"", -1},
        {"FOO", -1},
        {"NOT", -1},
        {"OR SEEN", -1},
        {"()", -1},
        {"(SEEN", -1},
        {"SEEN)", -1},
        {"SINCE 99-Foo-2026", -1},
        {"LARGER x", -1},
        {"CHARSET KOI8-R ALL", -1},
        {"UID", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct imap_search s;
        int got = -1;
        if (imap_search_parse(&p, &s)) {
            imap_search_resolve(&s, 5, 30);
            imap_search_begin_message(&s);
            char whole[sizeof(header) + sizeof(text)];
            int len = snprintf(whole, sizeof(whole), "%s%s", header, text);
            imap_search_feed(&s, slice_make(whole, (size_t)len), 0, sizeof(header) - 1);
            struct imap_search_subject m = {.seq = 3,
                                            .uid = 30,
                                            .flags = STORE_FLAG_SEEN,
                                            .keywords = "$a $x",
                                            .size = 100,
                                            .internal_date = 1795251600, // 2026-11-21 09:00 UTC
                                            .header = slice_from_cstr(header)};
            got = imap_search_matches(&s, &m);
        }
        if (got != cases[i].want)
            fail_msg("%s: got %d, want %d (%s)", cases[i].input, got, cases[i].want, p.error != NULL ? p.error : "");
    }
}

static void test_search_depth(void **state) {
    (void)state;
    char deep[1200] = "";
    for (size_t i = 0; i < 200; i++)
        memcpy(deep + i * 4, "NOT ", 5);
    memcpy(deep + 800, "ALL", 4);
    struct imap_parser p = parser_of(deep);
    struct imap_search s;
    assert_false(imap_search_parse(&p, &s));
    memset(deep, '(', 1000);
    deep[1000] = '\0';
    p = parser_of(deep);
    assert_false(imap_search_parse(&p, &s));
}

static void test_search_pieces(void **state) {
    (void)state;
    struct imap_parser p = parser_of("BODY needle");
    struct imap_search s;
    assert_true(imap_search_parse(&p, &s));
    // Each piece begins with the last 5 octets of the one before.
    imap_search_begin_message(&s);
    imap_search_feed(&s, SLICE("H: needle\r\n\r\nnee"), 0, 13);
    assert_false(s.texts[0]->found);
    imap_search_feed(&s, SLICE("\r\nneedl"), 11, 13);
    assert_false(s.texts[0]->found);
    imap_search_feed(&s, SLICE("needle"), 13, 13);
    assert_true(s.texts[0]->found);
}

static void test_mailbox_patterns(void **state) {
    (void)state;
    static const struct {
        const char *name, *pattern;
        bool want;
    } cases[] = {
        {"INBOX", "*", true},
        {"INBOX", "inbox", true},
        {"INBOX", "%", true},
        {"a/b", "%", false},
        {"a/b", "*", true},
        {"a/b", "a/%", true},
        {"a/b/c", "a/%", false},
        {"a/b/c", "a/*", true},
        {"a/b/c", "%/%/c", true},
        {"a/b/c", "*c", true},
        {"a/b/c", "%c", false},
        {"abab", "*ab", true},
        {"aba/c", "%a%/c", true},
        {"abc", "", false},
        {"a", "A", false},
        {"DeltaChat", "Del*", true},
        {"x/y/z", "*/%", true},
        {"x", "*/%", false},
        {"aaaaaaaaab", "*a*a*a*c", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (imap_mailbox_matches(slice_from_cstr(cases[i].name), slice_from_cstr(cases[i].pattern)) != cases[i].want)
            fail_msg("%s against %s: want %d", cases[i].name, cases[i].pattern, cases[i].want);
}

static void test_mailbox_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool want;
    } cases[] = {
        {"DeltaChat", true}, {"a/b", true},   {"Entw&APw-rfe", true}, {"", false},
        {"/a", false},       {"a/", false},   {"a//b", false},        {"a*b", false},
        {"a%", false},       {"a\nb", false}, {"a\x7f", false},       {"caf\xc3\xa9", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (imap_mailbox_name_is_valid(slice_from_cstr(cases[i].name)) != cases[i].want)
            fail_msg("%s: want %d", cases[i].name, cases[i].want);
}

static void test_metadata(void **state) {
    (void)state;
    static const struct {
        const char *input;
        bool set;
        int want; // items; -1: refused
    } cases[] = {
        {" \"\" (/shared/comment /shared/admin)", false, 2},
        {" \"\" (/shared/comment )", false, 1},
        {" INBOX /private/devicetoken", false, 1},
        {" \"INBOX\" (MAXSIZE 1024) (/shared/comment)", false, 1},
        {" (DEPTH infinity) \"\" (/shared/comment)", false, 1},
        {" \"\" ()", false, -1},
        {" \"\"", false, -1},
        {" \"\" (comment)", false, -1},
        {" \"INBOX\" (/private/devicetoken \"1111\")", true, 1},
        {" \"INBOX\" (/private/devicetoken {4+}\r\n1111)", true, 1},
        {" \"INBOX\" (/private/devicetoken 1111 )", true, 1},
        {" \"INBOX\" (/private/devicetoken NIL)", true, 1},
        {" \"INBOX\" (/private/devicetoken)", true, -1},
        {" \"INBOX\" /private/devicetoken \"1\"", true, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct imap_parser p = parser_of(cases[i].input);
        struct imap_metadata *m = arena_alloc(&arena, sizeof(*m));
        bool ok = cases[i].set ? imap_metadata_parse_set(&p, m) : imap_metadata_parse_get(&p, m);
        int got = ok ? (int)m->n : -1;
        if (got != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].input, got, cases[i].want);
    }
}

// Feeds `input` in steps and writes one letter for each event.
static void feed(struct imap_reader *r, const char *input, size_t len, size_t step, char *ret_events) {
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        size_t consumed, part = len - at < step ? len - at : step;
        enum imap_read event = imap_reader_feed(r, slice_make(input + at, part), &consumed);
        at += consumed;
        if (event == IMAP_READ_MORE)
            continue;
        ret_events[n++] = event == IMAP_READ_LINE ? 'L' : event == IMAP_READ_TOOLONG ? 'T' : 'l';
        if (event != IMAP_READ_LITERAL)
            imap_reader_reset(r);
        else if (!imap_reader_accept(r)) {
            ret_events[n - 1] = 'r';
            if (!imap_reader_refuse(r))
                ret_events[n - 1] = 'X';
        }
    }
    ret_events[n] = '\0';
}

static void test_reader(void **state) {
    (void)state;
    static const struct {
        const char *input, *want;
    } cases[] = {
        {"a NOOP\r\nb NOOP\nc NOOP\r\n", "LLL"},
        {"a LOGIN {2}\r\nme {3+}\r\npwd\r\nb NOOP\r\n", "llLL"},
        {"a LOGIN {0}\r\n x\r\n", "lL"},
        {"a LOGIN {20000}\r\nb NOOP\r\n", "rL"},
        {"a LOGIN {200000000}\r\nb NOOP\r\n", "rL"},
        {"a LOGIN {200000000+}\r\n", "X"},
        {"\r\n", "L"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step < 60; step += 7) {
            struct imap_reader r;
            char events[64];
            imap_reader_init(&r);
            feed(&r, cases[i].input, strlen(cases[i].input), step, events);
            if (strcmp(events, cases[i].want) != 0)
                fail_msg("%s in steps of %zu: got %s, want %s", cases[i].input, step, events, cases[i].want);
            imap_reader_done(&r);
        }
    }
}

static void test_reader_limits(void **state) {
    (void)state;
    static char filler[30000];
    struct imap_reader r;
    struct buf input;
    char events[64];
    buf_init(&input, 100000);
    imap_reader_init(&r);
    // A line over the limit gives one event at its end, and the next one is whole again.
    memset(filler, 'x', sizeof(filler));
    assert_true(buf_append(&input, filler, sizeof(filler)) && buf_append_cstr(&input, "\r\na NOOP\r\n"));
    feed(&r, buf_slice(&input).ptr, input.len, 1000, events);
    assert_string_equal(events, "TL");
    buf_done(&input);
    // Refused non-synchronising literals are swallowed, each in its turn, with the rest of the command.
    memset(filler, '\n', sizeof(filler));
    assert_true(buf_append_cstr(&input, "a LOGIN {30000+}\r\n") && buf_append(&input, filler, sizeof(filler)) &&
                buf_append_cstr(&input, " {5+}\r\nhello\r\nb NOOP\r\n"));
    feed(&r, buf_slice(&input).ptr, input.len, 777, events);
    assert_string_equal(events, "rL");
    buf_done(&input);
    // Between commands nothing is held.
    imap_reader_reset(&r);
    assert_null(r.text.mem);
    imap_reader_done(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_astring),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_literal_at_end),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_set_contains),
        cmocka_unit_test(test_uid_list),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_fetch_items),
        cmocka_unit_test(test_fetch_spans),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_search_depth),
        cmocka_unit_test(test_search_pieces),
        cmocka_unit_test(test_mailbox_patterns),
        cmocka_unit_test(test_mailbox_names),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_reader_limits),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_reset(&arena);
    return failed;
}
