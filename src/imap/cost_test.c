// SPDX-License-Identifier: MIT
// What one command may cost: other connections share its loop, so no client may keep it busy for long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "imap/fetch_items.h"
#include "imap/fixture.h"
#include "imap/search.h"

// `n` times the same words, with a blank between; the caller frees.
static char *repeated(const char *words, size_t n) {
    struct buf b;
    buf_init(&b, 64 * 1024);
    for (size_t i = 0; i < n; i++)
        assert_true(buf_printf(&b, "%s%s", i > 0 ? " " : "", words));
    char *text = slice_dup(buf_slice(&b));
    buf_done(&b);
    assert_non_null(text);
    return text;
}

static bool search_is_taken(const char *text) {
    struct arena arena;
    struct imap_parser p;
    struct imap_search s;
    arena_init(&arena, 1 << 20);
    imap_parser_init(&p, slice_from_cstr(text), &arena);
    bool taken = imap_search_parse(&p, &s);
    arena_reset(&arena);
    return taken;
}

// Keys that read all of a header or all keywords are few; cheap ones may be many.
static void test_search_keys(void **state) {
    (void)state;
    static const struct {
        const char *key;
        size_t most;
    } cases[] = {
        {"HEADER a b", IMAP_SEARCH_COSTLY_MAX},
        {"NOT FROM a", IMAP_SEARCH_COSTLY_MAX},
        {"OR FROM a TO b", IMAP_SEARCH_COSTLY_MAX / 2},
        {"SENTON 1-Jan-2026", IMAP_SEARCH_COSTLY_MAX},
        {"KEYWORD a", IMAP_SEARCH_COSTLY_MAX},
        {"BODY a", IMAP_SEARCH_TEXTS_MAX},
        {"SEEN", IMAP_SEARCH_KEYS_MAX - 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t more = 0; more < 2; more++) {
            char *text = repeated(cases[i].key, cases[i].most + more);
            if (search_is_taken(text) != (more == 0))
                fail_msg("%s, %zu times: %s", cases[i].key, cases[i].most + more, more == 0 ? "refused" : "taken");
            free(text);
        }
    }
}

// The names of all sections of a FETCH count together.
static void test_fetch_names(void **state) {
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct arena arena;
        struct imap_parser p;
        struct imap_fetch f;
        char *names = repeated("b", IMAP_FIELD_NAMES_MAX / 2), text[2 * IMAP_FIELD_NAMES_MAX + 100];
        (void)snprintf(text, sizeof(text), "(BODY[HEADER.FIELDS (%s)] BODY.PEEK[HEADER.FIELDS.NOT (%s%s)])", names,
                       names, more > 0 ? " b" : "");
        arena_init(&arena, 1 << 20);
        imap_parser_init(&p, slice_from_cstr(text), &arena);
        assert_int_equal(imap_fetch_parse(&p, true, &f), more == 0);
        arena_reset(&arena);
        free(names);
    }
}

// Doubles what is in INBOX.
static void copy_all(struct client *c, unsigned n) {
    char want[100];
    (void)snprintf(want, sizeof(want), "* %u EXISTS\r\nc OK [COPYUID ~] Copy completed\r\n", 2 * n);
    client_talk(c, "c COPY 1:* INBOX\r\n", want);
}

// Many keys on many messages: answered in batches, and right.
static void test_search_in_batches(void **state) {
    enum { MESSAGES = 4096 };
    static struct fixture fixture;
    static struct client c;
    fixture_open(&fixture, NULL);
    client_open_selected(&c, &fixture);
    client_talk(&c, "a APPEND INBOX {1+}\r\nx\r\n", "* 1 EXISTS\r\na OK [APPENDUID ~] Append completed\r\n");
    for (unsigned n = 1; n < MESSAGES; n *= 2)
        copy_all(&c, n);
    char *keys = repeated("1:4095,4096", IMAP_SEARCH_KEYS_MAX - 10);
    size_t size = strlen(keys) + 100;
    char *line = mem_alloc(size);
    (void)snprintf(line, size, "s SEARCH %s NOT 2:4095\r\n", keys);
    client_talk(&c, line, "* SEARCH 1 4096\r\ns OK Search completed\r\n");
    (void)snprintf(line, size, "s UID SEARCH %s UID 4090:4093,4294967295\r\n", keys);
    client_talk(&c, line, "* SEARCH 4090 4091 4092 4093\r\ns OK Search completed\r\n");
    free(line);
    free(keys);
    client_close(&c);
    fixture_close(&fixture);
}

// A large set is changed in batches; each message is told once, whatever the ranges look like.
static void test_store_in_batches(void **state) {
    enum { MESSAGES = 2048 };
    static struct fixture fixture;
    static struct client c;
    fixture_open(&fixture, NULL);
    client_open_selected(&c, &fixture);
    client_talk(&c, "a APPEND INBOX {1+}\r\nx\r\n", "* 1 EXISTS\r\na OK [APPENDUID ~] Append completed\r\n");
    for (unsigned n = 1; n < MESSAGES; n *= 2)
        copy_all(&c, n);
    static const struct {
        const char *set;
        unsigned from, to;
    } cases[] = {
        {"1:*", 1, 2048},         {"1000:2000", 1000, 2000}, {"1:999,1001:1002,1000", 1, 1002},
        {"2048,1:1000", 1, 1000}, {"1:4294967295", 1, 2048},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf want;
        char line[200];
        buf_init(&want, 256 * 1024);
        for (unsigned n = cases[i].from; n <= cases[i].to; n++)
            assert_true(buf_printf(&want, "* %u FETCH (UID %u FLAGS (k%zu))\r\n", n, n, i));
        if (i == 3)
            assert_true(buf_printf(&want, "* 2048 FETCH (UID 2048 FLAGS (k%zu))\r\n", i));
        assert_true(buf_printf(&want, "s OK Store completed\r\n"));
        (void)snprintf(line, sizeof(line), "s UID STORE %s FLAGS (k%zu)\r\n", cases[i].set, i);
        char *text = slice_dup(buf_slice(&want));
        client_talk(&c, line, text);
        free(text);
        buf_done(&want);
    }
    client_talk(&c, "s STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n", "s OK Store completed\r\n");
    client_talk(&c, "s CLOSE\r\ns STATUS INBOX (MESSAGES)\r\n",
                "s OK Close completed\r\n* STATUS \"INBOX\" (MESSAGES 0)\r\ns OK Status completed\r\n");
    client_close(&c);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_keys),
        cmocka_unit_test(test_fetch_names),
        cmocka_unit_test(test_search_in_batches),
        cmocka_unit_test(test_store_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
