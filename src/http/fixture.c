// SPDX-License-Identifier: MIT
#include "http/fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_cancel(void *owner) {
    struct fixture *f = owner;
    ASSERT(f->x != NULL);
    f->x = NULL;
    f->waits_with_pause = false;
    f->cancels++;
}

static void release(void *arg) {
    struct fixture *f = arg;
    f->releases++;
}

static void respond(struct fixture *f, uint16_t status, const char *ptr, size_t len, bool close) {
    struct http_exchange *x = f->x;
    f->x = NULL;
    f->waits_with_pause = false;
    http_respond(x, &(struct http_response){
                        .status = status, .content_type = "text/plain", .body = slice_make(ptr, len), .close = close});
}

static void on_body(void *owner, const char *ptr, size_t len) {
    struct fixture *f = owner;
    ASSERT(f->x != NULL && !f->waits_with_pause && f->len + len <= sizeof(f->body));
    if (len > 0)
        memcpy(f->body + f->len, ptr, len);
    f->len += len;
    struct slice path = http_exchange_request(f->x)->path;
    if (len == 0) {
        f->ends++;
        respond(f, 200, f->body, f->len, false);
    } else if (slice_eq(path, SLICE("/early"))) {
        respond(f, 200, "early", 5, false);
    } else if (slice_eq(path, SLICE("/slow-echo"))) {
        conn_pause(f->c);
        f->waits_with_pause = true;
    }
}

void fixture_resume(struct fixture *f) {
    if (!f->waits_with_pause)
        return;
    f->waits_with_pause = false;
    conn_resume(f->c);
    loop_run_ready(f->loop);
}

// The other protocol.
static size_t other_read(void *session, const char *data, size_t len) {
    struct fixture *f = session;
    conn_write(f->c, data, len);
    return len;
}

static void other_timeout(void *session) {
    conn_close(((struct fixture *)session)->c);
}

static void other_close(void *session, enum conn_end why) {
    ((struct fixture *)session)->other_closes++;
}

static const struct conn_ops OTHER_OPS = {.on_read = other_read, .on_timeout = other_timeout, .on_close = other_close};

static void upgrade(struct fixture *f) {
    static const struct http_field FIELDS[] = {{SLICE("Upgrade"), SLICE("other")}};
    struct http_exchange *x = f->x;
    f->x = NULL;
    http_upgrade(x, FIELDS, 1, &OTHER_OPS, f);
}

static void read_echo(struct fixture *f) {
    f->reads = true;
    http_exchange_read_body(f->x, FIXTURE_ECHO_MAX, on_body);
}

void fixture_answer(struct fixture *f) {
    if (f->x == NULL || f->waits_with_pause)
        return;
    if (slice_eq(http_exchange_request(f->x)->path, SLICE("/later-upgrade")))
        upgrade(f);
    else if (slice_eq(http_exchange_request(f->x)->path, SLICE("/later-echo")) && !f->reads)
        read_echo(f);
    else if (slice_eq(http_exchange_request(f->x)->path, SLICE("/later")))
        respond(f, 200, "later", 5, false);
    loop_run_ready(f->loop);
}

static void respond_big(struct fixture *f) {
    static char big[FIXTURE_BIG];
    memset(big, 'b', sizeof(big));
    struct http_exchange *x = f->x;
    f->x = NULL;
    http_respond(x, &(struct http_response){
                        .status = 200, .body = slice_make(big, sizeof(big)), .release = release, .release_arg = f});
}

// What happens while most of the body waits for the client.
static void respond_big_to(struct fixture *f, void (*then)(struct conn *c)) {
    respond_big(f);
    ASSERT(conn_out_len(f->c) < FIXTURE_BIG);
    then(f->c);
}

static void respond_injected(struct fixture *f) {
    static const struct http_field LOCATION = {SLICE("Location"), SLICE("/x\r\nSet-Cookie: y")};
    struct http_exchange *x = f->x;
    f->x = NULL;
    http_respond(x, &(struct http_response){.status = 302, .fields = &LOCATION, .n_fields = 1});
}

static void run(struct fixture *f, struct slice path) {
    if (slice_eq(path, SLICE("/big")))
        respond_big(f);
    else if (slice_eq(path, SLICE("/gone")))
        respond_big_to(f, conn_abort);
    else if (slice_eq(path, SLICE("/stuck")))
        respond_big_to(f, conn_memory_timeout);
    else if (slice_eq(path, SLICE("/inject")))
        respond_injected(f);
    else if (slice_eq(path, SLICE("/upgrade")))
        upgrade(f);
    else if (slice_eq(path, SLICE("/close")))
        respond(f, 200, "bye", 3, true);
    else if (slice_eq(path, SLICE("/nothing")))
        respond(f, 204, "", 0, false);
    else if (slice_eq(path, SLICE("/unchanged")))
        respond(f, 304, "", 0, false);
    else if (slice_eq(path, SLICE("/echo")) || slice_eq(path, SLICE("/slow-echo")) || slice_eq(path, SLICE("/early")))
        read_echo(f);
    else if (!slice_eq(path, SLICE("/later")) && !slice_eq(path, SLICE("/later-echo")) &&
             !slice_eq(path, SLICE("/later-upgrade")))
        respond(f, 200, "small", 5, false);
}

static void on_request(void *arg, struct http_exchange *x) {
    struct fixture *f = arg;
    ASSERT(f->x == NULL);
    f->x = x;
    f->len = 0;
    f->reads = false;
    f->requests++;
    struct slice path = http_exchange_request(x)->path;
    size_t at = strlen(f->seen);
    (void)snprintf(f->seen + at, sizeof(f->seen) - at, " %.*s", SLICE_FMT(path));
    http_exchange_set_owner(x, on_cancel, f);
    run(f, path);
}

void fixture_init(struct fixture *f) {
    *f = (struct fixture){.loop = loop_new(), .server = {.on_request = on_request, .name = "martlet"}};
    f->server.arg = f;
    // A session needs its connection and the connection its session, so one of them learns of the other later.
    f->c = conn_new_memory(f->loop, &http_session_ops, NULL, true);
    conn_set_session(f->c, http_session_open(&f->server, f->c));
}

void fixture_done(struct fixture *f) {
    conn_memory_free(f->c);
    loop_free(f->loop);
}

void fixture_feed(struct fixture *f, const char *ptr, size_t len) {
    conn_memory_feed(f->c, ptr, len);
    loop_run_ready(f->loop);
}
