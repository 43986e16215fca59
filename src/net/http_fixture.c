// SPDX-License-Identifier: MIT
#include "net/http_fixture.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/client_fixture.h"

struct server {
    struct far_http *f;
    int fd;
    SSL *ssl;
    char head[16 * 1024];
    size_t len; // of what was read
};

static int get(struct server *s, char *ptr, size_t max) {
    return s->ssl != NULL ? SSL_read(s->ssl, ptr, (int)max) : (int)recv(s->fd, ptr, max, 0);
}

static bool put(struct server *s, const char *ptr, size_t len) {
    if (s->ssl != NULL)
        return SSL_write(s->ssl, ptr, (int)len) > 0;
    return send(s->fd, ptr, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool put_text(struct server *s, const char *text) {
    return put(s, text, strlen(text));
}

static void answer(struct server *s, int status, const char *more, const char *body) {
    char all[20 * 1024];
    int len =
        snprintf(all, sizeof(all), "HTTP/1.1 %d Text\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n%s",
                 status, more, strlen(body), body);
    (void)put(s, all, (size_t)len);
}

// The end of the request's head; 0 when the client has gone.
static size_t read_head(struct server *s) {
    s->len = 0;
    while (s->len < sizeof(s->head) - 1) {
        int n = get(s, s->head + s->len, sizeof(s->head) - 1 - s->len);
        if (n <= 0)
            return 0;
        s->len += (size_t)n;
        s->head[s->len] = '\0';
        const char *end = strstr(s->head, "\r\n\r\n");
        if (end != NULL)
            return (size_t)(end + 4 - s->head);
    }
    return 0;
}

static uint64_t body_len(const struct server *s) {
    const char *field = strcasestr(s->head, "\r\nContent-Length:");
    return field != NULL ? strtoull(field + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

// Reads the body to its end; false when it does not come.
static bool read_body(struct server *s, size_t head, uint64_t *ret_sum) {
    static _Thread_local char octets[64 * 1024];
    uint64_t left = body_len(s), sum = 0;
    if (strcasestr(s->head, "\r\nExpect: 100-continue") != NULL)
        (void)put_text(s, "HTTP/1.1 100 Continue\r\n\r\n");
    for (size_t i = head; i < s->len; i++, left--)
        sum += (unsigned char)s->head[i];
    while (left > 0) {
        int n = get(s, octets, left < sizeof(octets) ? left : sizeof(octets));
        if (n <= 0)
            return false;
        for (int i = 0; i < n; i++)
            sum += (unsigned char)octets[i];
        left -= (uint64_t)n;
    }
    *ret_sum = sum;
    return true;
}

static void flood(struct server *s, const char *start, const char *line) {
    (void)put_text(s, start);
    for (int i = 0; i < 100 * 1000 && put_text(s, line); i++) {
    }
}

static void renew_keys(struct server *s) {
    for (int i = 0; i < 1000; i++)
        if (SSL_key_update(s->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(s->ssl) != 1)
            return;
}

// Whether the connection goes on.
static bool serve_one(struct server *s) {
    static const char LINE[] = "X-More: and more and more and more and more and more and more and more and more\r\n";
    size_t head = read_head(s);
    if (head == 0)
        return false;
    char *path = strchr(s->head, ' ');
    struct slice p = path != NULL ? slice_from_cstr(path + 1) : SLICE_EMPTY;
    uint64_t sum = 0;
    if (slice_starts_with(p, SLICE("/refuse"))) {
        answer(s, 413, "", "too large");
        return slice_starts_with(p, SLICE("/refuse-close")) ? false : read_body(s, head, &sum);
    }
    if (slice_starts_with(p, SLICE("/close")) || !read_body(s, head, &sum))
        return false;
    char text[64];
    (void)snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)body_len(s), (unsigned long long)sum);
    if (slice_starts_with(p, SLICE("/never")))
        return get(s, text, 1) > 0; // until the client goes
    if (slice_starts_with(p, SLICE("/status/"))) {
        answer(s, (int)strtol(p.ptr + 8, NULL, 10), "Retry-After: 7\r\n", "");
    } else if (slice_starts_with(p, SLICE("/head"))) {
        s->head[head] = '\0';
        answer(s, 200, "", s->head);
    } else if (slice_starts_with(p, SLICE("/half-head"))) {
        (void)put_text(s, "HTTP/1.1 200 OK\r\nContent-Le");
        return false;
    } else if (slice_starts_with(p, SLICE("/half"))) {
        (void)put_text(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        return false;
    } else if (slice_starts_with(p, SLICE("/garbage"))) {
        (void)put_text(s, "220 mx.example ESMTP\r\n500 what?\r\n");
        return false;
    } else if (slice_starts_with(p, SLICE("/large"))) {
        flood(s, "HTTP/1.1 200 OK\r\n\r\n", LINE);
        return false;
    } else if (slice_starts_with(p, SLICE("/fields"))) {
        flood(s, "HTTP/1.1 200 OK\r\n", LINE);
        return false;
    } else if (slice_starts_with(p, SLICE("/renew"))) {
        renew_keys(s);
        answer(s, 200, "", "hello");
    } else if (slice_starts_with(p, SLICE("/redirect"))) {
        answer(s, 302, "Location: /ok\r\n", "");
    } else {
        answer(s, 200, "", slice_starts_with(p, SLICE("/count")) ? text : "hello");
    }
    return !slice_starts_with(p, SLICE("/once"));
}

static void *serve(void *arg) {
    struct server *s = arg;
    bool ok = true;
    if (!s->f->clear) {
        s->ssl = SSL_new(s->f->ctx);
        ASSERT(s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) == 1);
        ok = SSL_accept(s->ssl) == 1;
        atomic_fetch_add(&s->f->resumed, ok && SSL_session_reused(s->ssl) == 1);
    }
    while (ok && serve_one(s)) {
    }
    if (s->ssl != NULL && ok)
        (void)SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    (void)close(s->fd);
    atomic_fetch_sub(&s->f->open, 1);
    free(s);
    return NULL;
}

static void *accept_all(void *arg) {
    struct far_http *f = arg;
    int fd;
    while ((fd = accept(f->fd, NULL, NULL)) >= 0) {
        struct server *s = MEM_NEW(struct server);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        s->f = f;
        s->fd = fd;
        atomic_fetch_add(&f->open, 1);
        int i = atomic_fetch_add(&f->connections, 1);
        ASSERT(i < FAR_HTTP_CONNECTIONS && pthread_create(&f->servers[i], NULL, serve, s) == 0);
    }
    return NULL;
}

static SSL_CTX *make_context(const struct cert *cert) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    ASSERT(ctx != NULL && SSL_CTX_use_certificate(ctx, cert->x509) == 1);
    ASSERT(SSL_CTX_use_PrivateKey(ctx, cert->key) == 1);
    return ctx;
}

void far_http_start(struct far_http *f) {
    f->fd = far_listen("127.0.0.1", &f->address);
    if (!f->clear)
        f->ctx = make_context(f->cert);
    ASSERT(pthread_create(&f->thread, NULL, accept_all, f) == 0);
}

void far_http_join(struct far_http *f) {
    (void)shutdown(f->fd, SHUT_RDWR);
    ASSERT(pthread_join(f->thread, NULL) == 0);
    for (int i = 0; i < atomic_load(&f->connections); i++)
        ASSERT(pthread_join(f->servers[i], NULL) == 0);
    (void)close(f->fd);
    SSL_CTX_free(f->ctx);
}
