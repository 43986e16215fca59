// SPDX-License-Identifier: MIT
// POST /mxdeliv down to the real intake: each verdict as a peer sees it, and a client that goes at any moment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/http.h"
#include "http/mxdeliv/mxdeliv.h"
#include "intake/world.h"

#define FIELDS "X-MAIL-FROM: ann@a.example\r\nX-MAIL-TO: bob@relay.test\r\n"

struct site {
    struct world world;
    struct mxdeliv_server mxdeliv;
    struct http_server server;
    struct conn *c;
};

static void site_open(struct site *s, const char *const *settings) {
    memset(s, 0, sizeof(*s));
    world_open(&s->world, settings);
    s->mxdeliv = (struct mxdeliv_server){.config = s->world.config, .intake = s->world.intake};
    s->server = (struct http_server){.on_request = mxdeliv_on_request, .arg = &s->mxdeliv};
    s->c = conn_new_memory(s->world.loop, &http_session_ops, NULL, true);
    conn_set_session(s->c, http_session_open(&s->server, s->c));
}

static void site_close(struct site *s) {
    conn_memory_free(s->c);
    loop_run_ready(s->world.loop);
    world_close(&s->world);
}

static void write_request(const char *fields, struct slice body, struct buf *ret) {
    buf_init(ret, body.len + 4096);
    bool ok = buf_printf(ret, "POST /mxdeliv HTTP/1.1\r\nHost: relay.test\r\n%sContent-Length: %zu\r\n\r\n", fields,
                         body.len) &&
              buf_append_slice(ret, body);
    assert_true(ok);
}

// "200 250 OK"
static const char *answer(struct site *s) {
    static char text[1024];
    struct slice out = conn_memory_output(s->c);
    size_t end = slice_find_slice(out, SLICE("\r\n\r\n"));
    (void)snprintf(text, sizeof(text), "%.*s %.*s", SLICE_FMT(slice_sub(out, 9, 12)),
                   SLICE_FMT(slice_sub(out, end + 4, out.len)));
    return text;
}

static void test_verdicts(void **state) {
    static const char *const small[] = {"max_message_size=1024", NULL};
    static const struct {
        const char *name, *tags, *rest, *fields, *want;
        const char *const *settings;
        enum store_status deliver;
    } rows[] = {
        {"taken", WORLD_TAGS, world_encrypted, FIELDS, "200 250 OK", NULL, STORE_OK},
        {"securejoin", WORLD_TAGS, world_securejoin, FIELDS, "200 250 OK", NULL, STORE_OK},
        {"null sender", WORLD_TAGS, world_encrypted, "X-Mail-To: bob@relay.test\r\n", "200 250 OK", NULL, STORE_OK},
        {"unsigned", NULL, world_encrypted, FIELDS, "400 554 5.7.1 No DKIM signature found", NULL, STORE_OK},
        {"clear text", WORLD_TAGS, world_clear, FIELDS, "400 523 Encryption Needed: Invalid Unencrypted Mail", NULL,
         STORE_OK},
        {"too large", WORLD_TAGS, world_encrypted, FIELDS, "413 552 Message exceeds maximum size", small, STORE_OK},
        {"of another domain", WORLD_TAGS, world_encrypted, "X-MAIL-TO: bob@b.example\r\n",
         "400 554 5.7.1 <bob@b.example>: Relay access denied", NULL, STORE_OK},
        {"disk full", WORLD_TAGS, world_encrypted, FIELDS, "503 452 4.3.1 Error: insufficient system storage", NULL,
         STORE_FULL},
        {"nobody", WORLD_TAGS, world_encrypted, "X-MAIL-TO: nobody@relay.test\r\n",
         "400 550 5.1.1 <nobody@relay.test> User doesn't exist: nobody@relay.test", NULL, STORE_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        struct buf text = {0}, request;
        site_open(&s, rows[i].settings);
        s.world.store.deliver_status = rows[i].deliver;
        s.world.store.deliver_fails_at = rows[i].deliver != STORE_OK ? 1 : 0;
        world_write_message(&s.world, rows[i].tags, WORLD_HEADER, rows[i].rest, &text);
        while (rows[i].settings != NULL && buf_slice(&text).len < 1200) // not so much that its length alone tells
            assert_true(buf_append_cstr(&text, "more of it\r\n"));
        write_request(rows[i].fields, buf_slice(&text), &request);
        conn_memory_feed(s.c, buf_slice(&request).ptr, buf_slice(&request).len);
        loop_run_ready(s.world.loop);
        if (strcmp(answer(&s), rows[i].want) != 0)
            fail_msg("%s: got [%s], want [%s]", rows[i].name, answer(&s), rows[i].want);
        buf_done(&request);
        buf_done(&text);
        site_close(&s);
    }
}

// Nothing of an unfinished message stays anywhere: world_close() looks.
static void test_client_goes(void **state) {
    struct site s;
    struct buf text = {0}, request;
    site_open(&s, NULL);
    world_write_message(&s.world, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
    write_request(FIELDS, buf_slice(&text), &request);
    site_close(&s);
    struct slice all = buf_slice(&request);
    for (size_t len = 0; len <= all.len; len += len + 20 < all.len ? 13 : 1) {
        site_open(&s, NULL);
        s.world.store.is_slow = len % 2 == 0;
        conn_memory_feed(s.c, all.ptr, len);
        if (len % 3 > 0)
            loop_run_ready(s.world.loop);
        conn_abort(s.c);
        loop_run_ready(s.world.loop);
        site_close(&s);
    }
    buf_done(&request);
    buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts), cmocka_unit_test(test_client_goes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
