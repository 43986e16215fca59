// SPDX-License-Identifier: MIT
// The two readings of what comes by /mxdeliv: how octets are divided, and which one is delivered.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "intake/mxdeliv.h"
#include "intake/world.h"

// ---- the reader ----

static void read_all(const char *text, size_t piece, struct buf *main, struct buf *other, bool *ret_whole) {
    struct mxdeliv_reader r = {0};
    struct slice rest = slice_from_cstr(text), octets;
    bool is_dot;
    while (rest.len > 0) {
        struct slice in = slice_sub(rest, 0, piece);
        rest = slice_sub(rest, in.len, rest.len);
        while (mxdeliv_next(&r, &in, &octets, &is_dot)) {
            assert_true(octets.len > 0);
            assert_true(is_dot || buf_append_slice(main, octets));
            assert_true(buf_append_slice(other, octets));
        }
    }
    *ret_whole = mxdeliv_is_whole(&r);
}

static void test_reader(void **state) {
    (void)state;
    static const struct {
        const char *text, *main;
        bool is_whole;
    } rows[] = {
        {"", "", true},
        {"a\r\n", "a\r\n", true},
        {"a\r\nb\r\n\r\n", "a\r\nb\r\n\r\n", true},
        {".a\r\n", "a\r\n", true},
        {"..\r\n...\r\nx.\r\n", ".\r\n..\r\nx.\r\n", true},
        {"a\r\n.\r\nb\r\n", "a\r\n\r\nb\r\n", true},
        {"a\r\n.\r\n", "a\r\n\r\n", true},
        {"\r\n.\r\n..b\r\n", "\r\n\r\n.b\r\n", true},
        {"a", "a", false},
        {"a\r", "a\r", false},
        {"a\n", "a\n", false},
        {"a\nb\r\n", "a\nb\r\n", false},
        {"a\rb\r\n", "a\rb\r\n", false},
        {"a\r\r\n", "a\r\r\n", false},
        {"\n", "\n", false},
        {"\r", "\r", false},
        {".", "", false},
        {".\n.x\r\n", "\n.x\r\n", false},          // only CRLF begins a line
        {"a\n.\r\nb\r\n", "a\n.\r\nb\r\n", false}, // so this is no end for anybody
        {".\r.\r\n", "\r.\r\n", false},
        {"a\r\n.\rb\r\n", "a\r\n\rb\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece < 10; piece++) {
            struct buf main, other;
            bool whole;
            buf_init(&main, 1000);
            buf_init(&other, 1000);
            read_all(rows[i].text, piece, &main, &other, &whole);
            if (!slice_eq(buf_slice(&main), slice_from_cstr(rows[i].main)) || whole != rows[i].is_whole)
                fail_msg("row %zu, pieces of %zu: got [%.*s] whole %d", i, piece, SLICE_FMT(buf_slice(&main)), whole);
            assert_true(slice_eq(buf_slice(&other), slice_from_cstr(rows[i].text)));
            buf_done(&main);
            buf_done(&other);
        }
    }
}

// ---- which reading is delivered ----

#define TAGS "v=1; a=ed25519-sha256; c=relaxed/simple; d=a.example; s=s; h=From:From"
#define REPORT_HEADER(from)                                                                                            \
    "From: " from "\r\nAuto-Submitted: yes\r\nContent-Type: multipart/report; boundary=B\r\n\r\n--B\r\n"
#define PART                                                                                                           \
    "\r\nVersion: 1\r\n--B\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n"       \
    "wQ0AAQIDBAUGBwgJCgsM0hQAAQIDBAUGBwgJCgsMDQ4PEBESEw==\r\n-----END PGP MESSAGE-----\r\n"
#define ENCRYPTED_HEADER(from)                                                                                         \
    "From: " from "\r\nContent-Type: multipart/encrypted; boundary=B\r\n\r\n--B\r\n"                                   \
    "Content-Type: application/pgp-encrypted\r\n"

// As a peer sends it that doubles dots.
static void write_stuffed(struct slice text, struct buf *out) {
    bool line_start = true;
    buf_done(out);
    buf_init(out, 8 * 1024 * 1024);
    for (size_t i = 0; i < text.len; i++) {
        if (line_start && text.ptr[i] == '.')
            assert_true(buf_append(out, ".", 1));
        assert_true(buf_append(out, &text.ptr[i], 1));
        line_start = text.ptr[i] == '\n';
    }
}

static const char *deliver(struct world *w, struct slice text, size_t piece, const char *from) {
    struct world_mail m = {.door = WORLD_MXDELIV, .from = from, .to = "bob@relay.test", .text = text, .piece = piece};
    return world_send(w, &m);
}

static void assert_delivered(const struct world *w, const char *header, const char *rest) {
    assert_int_equal(w->store.n_delivered, 1);
    assert_int_equal(w->store.last->len, strlen(header) + strlen(rest));
    assert_memory_equal(w->store.last->text, header, strlen(header));
    assert_memory_equal(w->store.last->text + strlen(header), rest, strlen(rest));
}

static void test_signed_either_way(void **state) {
    (void)state;
    static const struct {
        const char *header, *rest;
    } rows[] = {
        {REPORT_HEADER("<mailer-daemon@a.example>"), "\r\nno dots\r\n--B--\r\n"},
        {REPORT_HEADER("<mailer-daemon@a.example>"), "\r\n.one\r\n--B--\r\n"},
        {REPORT_HEADER("<mailer-daemon@a.example>"), "\r\n..two\r\n...\r\n.\r\nx\r\n--B--\r\n"},
        {ENCRYPTED_HEADER("<ann@a.example>"), ".X: y\r\n" PART "--B--\r\n"},
        {ENCRYPTED_HEADER("<ann@a.example>"), ".: no field without its dot\r\n" PART "--B--\r\n"},
        {ENCRYPTED_HEADER("<ann@a.example>"), "..: y\r\n.Z: z\r\n" PART "--B--\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 0; piece < 4; piece++)
            for (int stuffed = 0; stuffed < 2; stuffed++) {
                struct world w;
                struct buf text = {0}, wire = {0};
                world_open(&w, NULL);
                world_write_message(&w, TAGS, rows[i].header, rows[i].rest, &text);
                write_stuffed(buf_slice(&text), &wire);
                const char *got = deliver(&w, buf_slice(stuffed ? &wire : &text), piece, "ann@a.example");
                if (strcmp(got, "250 OK") != 0)
                    fail_msg("row %zu piece %zu stuffed %d: %s", i, piece, stuffed, got);
                assert_delivered(&w, rows[i].header, rows[i].rest);
                buf_done(&text);
                buf_done(&wire);
                world_close(&w);
            }
}

static void test_literals(void **state) {
    (void)state;
    static const struct {
        const char *header, *rest, *want;
    } rows[] = {
        // Nothing proves a form; the one that SMTP has is taken, if it may pass.
        {REPORT_HEADER("<mailer-daemon@[192.0.2.9]>"), "\r\n..one\r\n--B--\r\n", "\r\n.one\r\n--B--\r\n"},
        {REPORT_HEADER("<mailer-daemon@[192.0.2.9]>"), "\r\n.one\r\n--B--\r\n", "\r\none\r\n--B--\r\n"},
        {ENCRYPTED_HEADER("<ann@[192.0.2.9]>"), ".: y\r\n" PART "--B--\r\n", ".: y\r\n" PART "--B--\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0};
        world_open(&w, NULL);
        world_write_message(&w, NULL, rows[i].header, rows[i].rest, &text);
        assert_string_equal(deliver(&w, buf_slice(&text), 3, ""), "250 OK");
        assert_delivered(&w, rows[i].header, rows[i].want);
        buf_done(&text);
        world_close(&w);
    }
}

// The signature is of one reading, and the other one is what would pass.
static void test_signed_reading_must_pass(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    world_open(&w, NULL);
    world_write_message(&w, TAGS, ENCRYPTED_HEADER("<ann@a.example>"), PART ".--B--\r\n", &text);
    assert_string_equal(deliver(&w, buf_slice(&text), 0, "ann@a.example"),
                        "500 Failed to parse message: multipart/encrypted is not closed");
    world_write_message(&w, TAGS, ENCRYPTED_HEADER("<ann@a.example>"), PART "--B--\r\n.text behind it\r\n", &text);
    assert_string_equal(deliver(&w, buf_slice(&text), 0, "ann@a.example"),
                        "523 Encryption Needed: Invalid Unencrypted Mail");
    assert_int_equal(w.store.n_delivered, 0);
    buf_done(&text);
    world_close(&w);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *append, *want;
    } rows[] = {
        {"", "250 OK"},
        {"x", "500 Invalid DATA"},
        {"x\n", "500 Invalid DATA"},
        {"x\r", "500 Invalid DATA"},
        {"\n.\r\n", "500 Invalid DATA"},
        {".\r\n", "250 OK"}, // a final dot after all: an empty line, which no signature sees
        {"x\r\n", "554 5.7.1 No valid DKIM signature found"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 0; piece < 3; piece++) {
            struct world w;
            struct buf text = {0};
            world_open(&w, NULL);
            world_write_message(&w, TAGS, REPORT_HEADER("<mailer-daemon@a.example>"), "\r\nx\r\n--B--\r\n", &text);
            assert_true(buf_append_cstr(&text, rows[i].append));
            const char *got = deliver(&w, buf_slice(&text), piece, "");
            if (strcmp(got, rows[i].want) != 0)
                fail_msg("row %zu piece %zu: want [%s] got [%s]", i, piece, rows[i].want, got);
            buf_done(&text);
            world_close(&w);
        }
    struct world w;
    world_open(&w, NULL);
    assert_string_equal(deliver(&w, SLICE_EMPTY, 0, ""), "500 Invalid FROM header: (none)");
    assert_string_equal(deliver(&w, SLICE("."), 0, ""), "500 Invalid DATA");
    assert_string_equal(deliver(&w, SLICE(".From: <a@[192.0.2.9]>\r\n"), 0, ""),
                        "523 Encryption Needed: Invalid Unencrypted Mail"); // a dot in the header has one reading
    world_close(&w);
}

// The second reading is kept as long as all before the first dot is in memory.
static void test_late_dot(void **state) {
    (void)state;
    static const size_t lines[] = {100, 2000};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct world w;
        struct buf body, text = {0}, wire = {0};
        world_open(&w, NULL);
        buf_init(&body, 1024 * 1024);
        assert_true(buf_append_cstr(&body, "\r\n"));
        for (size_t n = 0; n < lines[i]; n++)
            assert_true(buf_append_cstr(&body, "a line of the same words as all of the others\r\n"));
        assert_true(buf_append_cstr(&body, ".dot\r\n--B--\r\n") && buf_append(&body, "", 1));
        world_write_message(&w, TAGS, REPORT_HEADER("<mailer-daemon@a.example>"), buf_slice(&body).ptr, &text);
        write_stuffed(buf_slice(&text), &wire);
        assert_string_equal(deliver(&w, buf_slice(&wire), 1000, ""), "250 OK");
        const char *got = deliver(&w, buf_slice(&text), 1000, "");
        assert_string_equal(got, i == 0 ? "250 OK" : "554 5.7.1 No valid DKIM signature found");
        assert_int_equal(w.store.n_delivered, 1); // recognised as the same
        buf_done(&body);
        buf_done(&text);
        buf_done(&wire);
        world_close(&w);
    }
}

static void test_size(void **state) {
    (void)state;
    static const char *const settings[] = {"max_message_size=3000", NULL};
    struct world w;
    struct buf text = {0};
    world_open(&w, settings);
    world_write_message(&w, TAGS, REPORT_HEADER("<mailer-daemon@a.example>"), "\r\n.x\r\n--B--\r\n", &text);
    for (int i = 0; i < 1000; i++)
        assert_true(buf_append_cstr(&text, "..x\r\n"));
    for (size_t piece = 0; piece < 3; piece++)
        assert_string_equal(deliver(&w, buf_slice(&text), piece, ""), "552 Message exceeds maximum size");
    buf_done(&text);
    world_close(&w);
}

static void test_free_in_the_middle(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    world_open(&w, NULL);
    world_write_message(&w, TAGS, REPORT_HEADER("<mailer-daemon@a.example>"), "\r\n.x\r\n.y\r\n--B--\r\n", &text);
    for (size_t len = 0; len < text.len; len++) {
        struct world_mail m = {
            .door = WORLD_MXDELIV, .from = "", .to = "bob@relay.test", .text = slice_sub(buf_slice(&text), 0, len)};
        assert_true(world_begin(&w, &m));
        world_write(&w, &m);
        world_abandon(&w);
    }
    bool answered = false;
    for (unsigned turns = 0; !answered; turns++) {
        struct world_mail m = {.door = WORLD_MXDELIV, .from = "", .to = "bob@relay.test", .text = buf_slice(&text)};
        answered = world_send_and_free(&w, &m, turns);
    }
    buf_done(&text);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),   cmocka_unit_test(test_signed_either_way),
        cmocka_unit_test(test_literals), cmocka_unit_test(test_signed_reading_must_pass),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_late_dot),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_free_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
