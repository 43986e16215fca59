// SPDX-License-Identifier: MIT
#include "http/web/test_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { ANSWER_WITHIN_MS = 60 * 1000, LOOK_US = 200, FIELD_SIZE = 1024 };

void test_site_start(struct test_site *t, const char *const *settings, const struct web_place *place) {
    static const struct web_place public_place = {
        .https_port = 443, .imaps_port = 993, .smtps_port = 465, .has_public_certificate = true};
    log_set_level(LOG_LEVEL_ERROR);
    *t = (struct test_site){.place = place != NULL ? *place : public_place};
    test_world_start(&t->world, settings);
    t->web =
        web_new(&(struct web_settings){.config = t->world.config, .accounts = t->world.accounts, .place = t->place});
    t->https = (struct http_server){.on_request = web_on_https_request, .arg = t->web};
    t->http = (struct http_server){.on_request = web_on_http_request, .arg = t->web};
}

void test_site_stop(struct test_site *t) {
    web_free(t->web);
    test_world_stop(&t->world);
}

static char *answer; // of the last request
static struct test_reply parse_reply(struct slice text) {
    free(answer);
    answer = slice_dup(text);
    struct slice all = slice_make(answer, text.len);
    size_t end = slice_find_slice(all, SLICE("\r\n\r\n"));
    if (end == all.len)
        fail_msg("not an answer: \"%s\"", answer);
    struct test_reply r = {.head = slice_sub(all, 0, end + 2), .body = slice_sub(all, end + 4, all.len)};
    uint32_t status = 0;
    assert_true(slice_to_u32(slice_sub(r.head, 9, 12), &status));
    r.status = (int)status;
    return r;
}

static struct test_reply ask(struct test_site *t, struct http_server *server, const char *host,
                             const char *method_and_target, const char *fields) {
    struct conn *c = conn_new_memory(t->world.loop, &http_session_ops, NULL, server == &t->https);
    conn_set_session(c, http_session_open(server, c));
    struct buf request;
    buf_init(&request, 64 * 1024);
    bool ok = host != NULL
                  ? buf_printf(&request, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method_and_target, host)
                  : buf_printf(&request, "%s HTTP/1.0\r\n", method_and_target);
    assert_true(ok && buf_printf(&request, "%s\r\n", fields != NULL ? fields : ""));
    conn_memory_feed(c, request.mem + request.start, request.len);
    buf_done(&request);
    uint64_t start = clock_mono_ms();
    do {
        loop_run_ready(t->world.loop);
        if (!conn_memory_is_closed(c))
            (void)usleep(LOOK_US);
    } while (!conn_memory_is_closed(c) && clock_mono_ms() - start < ANSWER_WITHIN_MS);
    struct test_reply r = parse_reply(conn_memory_output(c));
    conn_memory_free(c);
    return r;
}

struct test_reply test_ask(struct test_site *t, const char *host, const char *method_and_target, const char *fields) {
    return ask(t, &t->https, host, method_and_target, fields);
}

struct test_reply test_ask_plain(struct test_site *t, const char *host, const char *method_and_target,
                                 const char *fields) {
    return ask(t, &t->http, host, method_and_target, fields);
}

const char *test_field(const struct test_reply *r, const char *name) {
    static char value[FIELD_SIZE];
    struct slice line, rest = r->head, field, text;
    while (slice_cut(rest, '\n', &line, &rest))
        if (slice_cut(line, ':', &field, &text) && slice_eq_ci(field, slice_from_cstr(name))) {
            (void)snprintf(value, sizeof(value), "%.*s", SLICE_FMT(slice_trim(text)));
            return value;
        }
    return "";
}

void test_status(const struct test_reply *r, int want) {
    if (r->status != want)
        fail_msg("got status %d, want %d\n%.*s\n%.*s", r->status, want, SLICE_FMT(r->head), SLICE_FMT(r->body));
}

void test_field_is(const struct test_reply *r, const char *name, const char *want) {
    const char *got = test_field(r, name);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", name, got, want);
}

bool test_body_has(const struct test_reply *r, const char *text) {
    return slice_find_slice(r->body, slice_from_cstr(text)) < r->body.len;
}
