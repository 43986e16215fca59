// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/panic.h"
#include "net/conn_fixture.h"
#include "net/tls_fixture.h"

static void obey(struct script *s, struct slice line) {
    static char big[SCRIPT_BIG];
    if (big[0] == '\0')
        memset(big, 'b', sizeof(big)); // once: thousands of lines come through here
    s->lines++;
    conn_printf(s->c, "%.*s\n", SLICE_FMT(line));
    if (slice_eq(line, SLICE("pause")))
        conn_pause(s->c);
    else if (slice_eq(line, SLICE("close")))
        conn_close(s->c);
    else if (slice_eq(line, SLICE("abort")))
        conn_abort(s->c);
    else if (slice_eq(line, SLICE("tls")))
        conn_start_tls(s->c, s->tls);
    else if (slice_eq(line, SLICE("big")))
        conn_write(s->c, big, sizeof(big));
    else if (slice_eq(line, SLICE("flood")))
        for (int i = 0; i < 20; i++)
            conn_write(s->c, big, sizeof(big));
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct script *s = session;
    assert_in_range(len, 1, CONN_INPUT_MAX);
    struct slice line, rest;
    if (!slice_cut(slice_make(data, len), '\n', &line, &rest))
        return 0;
    obey(s, line);
    return line.len + 1;
}

static void on_drain(void *session) {
    ((struct script *)session)->drains++;
}

static void on_tls(void *session) {
    ((struct script *)session)->tls_done++;
}

static void on_timeout(void *session) {
    struct script *s = session;
    s->timeouts++;
    conn_write_cstr(s->c, "late\n");
    conn_close(s->c);
}

static void on_shutdown(void *session) {
    struct script *s = session;
    s->shutdowns++;
    conn_write_cstr(s->c, "bye\n");
    conn_close(s->c);
}

static void on_close(void *session, enum conn_end why) {
    struct script *s = session;
    s->closes++;
    s->why = why;
}

const struct conn_ops SCRIPT_OPS = {on_read, on_drain, on_tls, on_timeout, on_shutdown, on_close};

static void *on_open(void *arg, struct conn *c) {
    struct server *s = arg;
    s->opened++;
    s->script = (struct script){.c = c, .tls = s->tls};
    conn_set_timeout(c, s->timeout_ms);
    return &s->script;
}

void server_start(struct server *s, const struct service *svc, struct tls_settings *tls) {
    *s = (struct server){.loop = loop_new(), .tls = tls_fixture_new(tls)};
    if (svc != NULL)
        s->svc = *svc;
    s->svc.name = "test";
    s->svc.tls = s->tls;
    s->svc.ops = &SCRIPT_OPS;
    s->svc.on_open = on_open;
    s->svc.arg = s;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(s->fd, 128) == 0);
    s->listener = listener_new(s->fd, s->loop, &s->loop, 1, &s->svc);
}

void server_stop(struct server *s) {
    listener_stop(s->listener);
    listener_free(s->listener);
    loop_free(s->loop);
    tls_context_free(s->tls);
    (void)close(s->fd);
    assert_int_equal(conn_count(), 0);
    assert_int_equal(s->script.closes, s->opened > 0);
}

void server_step(struct server *s, bool nothing) {
    loop_run_ready(s->loop);
    if (nothing)
        (void)usleep(200);
}

void server_until_lines(struct server *s, int lines) {
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (s->script.lines < lines && clock_mono_ms() < end)
        server_step(s, true);
    assert_int_equal(s->script.lines, lines);
}

bool server_until_closed(struct server *s, int ms) {
    uint64_t end = clock_mono_ms() + (uint64_t)ms;
    while (s->script.closes == 0 && clock_mono_ms() < end)
        server_step(s, true);
    return s->script.closes == 1;
}

bool server_until_empty(struct server *s, int ms) {
    uint64_t end = clock_mono_ms() + (uint64_t)ms;
    while (conn_count() > 0 && clock_mono_ms() < end)
        server_step(s, true);
    return conn_count() == 0;
}

void client_call(struct client *c, struct server *s, int socket_buffer) {
    *c = (struct client){.server = s, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    if (socket_buffer > 0) {
        ASSERT(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &socket_buffer, sizeof(int)) == 0);
        ASSERT(setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &socket_buffer, sizeof(int)) == 0);
        ASSERT(setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &socket_buffer, sizeof(int)) == 0); // accepted ones inherit it
    }
    struct sockaddr_in to;
    socklen_t len = sizeof(to);
    ASSERT(getsockname(s->fd, (struct sockaddr *)&to, &len) == 0);
    ASSERT(connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    ASSERT(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
    ASSERT(evutil_make_socket_nonblocking(c->fd) == 0);
}

void client_connect(struct client *c, struct server *s, int socket_buffer) {
    int before = s->opened;
    client_call(c, s, socket_buffer);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (s->svc.tls_mode == LISTENER_PLAIN && s->opened == before && clock_mono_ms() < end)
        server_step(s, true);
}

static enum client_result after_tls(struct client *c, int ret) {
    switch (SSL_get_error(c->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return CLIENT_OK;
    case SSL_ERROR_ZERO_RETURN:
        return CLIENT_EOF;
    default:
        return CLIENT_RESET;
    }
}

static enum client_result after_plain(ssize_t ret) {
    if (ret == 0)
        return CLIENT_EOF;
    return errno == EAGAIN ? CLIENT_OK : CLIENT_RESET;
}

enum client_result client_handshake(struct client *c, const char *alpn, int max_version) {
    c->ctx = SSL_CTX_new(TLS_client_method());
    ASSERT(c->ctx != NULL && SSL_CTX_set_max_proto_version(c->ctx, max_version) == 1);
    SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    c->ssl = SSL_new(c->ctx);
    ASSERT(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
    ASSERT(SSL_set_tlsext_host_name(c->ssl, "some.example") == 1);
    if (alpn != NULL)
        ASSERT(SSL_set_alpn_protos(c->ssl, (const unsigned char *)alpn, (unsigned int)strlen(alpn)) == 0);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (clock_mono_ms() < end) {
        ERR_clear_error();
        int ret = SSL_connect(c->ssl);
        if (ret == 1)
            return CLIENT_OK;
        enum client_result result = after_tls(c, ret);
        if (result != CLIENT_OK)
            return result;
        server_step(c->server, true);
    }
    return CLIENT_STUCK;
}

enum client_result client_try_read(struct client *c, char *ptr, size_t max, size_t *ret_len) {
    *ret_len = 0;
    if (c->ssl != NULL) {
        ERR_clear_error();
        int ret = SSL_read_ex(c->ssl, ptr, max, ret_len);
        return ret == 1 ? CLIENT_OK : after_tls(c, ret);
    }
    ssize_t n = recv(c->fd, ptr, max, 0);
    if (n <= 0)
        return after_plain(n);
    *ret_len = (size_t)n;
    return CLIENT_OK;
}

enum client_result client_try_write(struct client *c, const char *ptr, size_t len, size_t *ret_len) {
    *ret_len = 0;
    if (c->ssl != NULL) {
        ERR_clear_error();
        int ret = SSL_write_ex(c->ssl, ptr, len, ret_len);
        return ret == 1 ? CLIENT_OK : after_tls(c, ret);
    }
    ssize_t n = send(c->fd, ptr, len, MSG_NOSIGNAL);
    if (n <= 0)
        return after_plain(n);
    *ret_len = (size_t)n;
    return CLIENT_OK;
}

enum client_result client_send(struct client *c, const char *ptr, size_t len) {
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (len > 0 && clock_mono_ms() < end) {
        size_t n;
        enum client_result result = client_try_write(c, ptr, len, &n);
        if (result != CLIENT_OK)
            return result;
        ptr += n;
        len -= n;
        server_step(c->server, n == 0);
    }
    server_step(c->server, false);
    return len == 0 ? CLIENT_OK : CLIENT_STUCK;
}

enum client_result client_send_text(struct client *c, const char *text) {
    return client_send(c, text, strlen(text));
}

enum client_result client_read(struct client *c, char *ptr, size_t len) {
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (len > 0 && clock_mono_ms() < end) {
        size_t n;
        enum client_result result = client_try_read(c, ptr, len, &n);
        if (result != CLIENT_OK)
            return result;
        ptr += n;
        len -= n;
        server_step(c->server, n == 0);
    }
    return len == 0 ? CLIENT_OK : CLIENT_STUCK;
}

void client_expect(struct client *c, const char *text) {
    char got[1024] = {0};
    size_t len = strlen(text);
    ASSERT(len < sizeof(got));
    enum client_result result = client_read(c, got, len);
    if (result != CLIENT_OK || strcmp(got, text) != 0)
        fail_msg("result %d, got \"%s\" want \"%s\"", (int)result, got, text);
}

enum client_result client_read_to_end(struct client *c, size_t *ret_len) {
    static char got[64 * 1024];
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    *ret_len = 0;
    while (clock_mono_ms() < end) {
        size_t n;
        enum client_result result = client_try_read(c, got, sizeof(got), &n);
        *ret_len += n;
        if (result != CLIENT_OK)
            return result;
        server_step(c->server, n == 0);
    }
    return CLIENT_STUCK;
}

void client_close(struct client *c) {
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    c->ssl = NULL;
    c->ctx = NULL;
    (void)close(c->fd);
}

void client_reset(struct client *c) {
    struct linger now = {.l_onoff = 1};
    ASSERT(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    client_close(c);
}
