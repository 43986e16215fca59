// SPDX-License-Identifier: MIT
#include "net/client_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"

static int make(const char *ip, struct net_address *ret) {
    struct net_address any = {0};
    struct sockaddr_storage ss;
    ASSERT(net_address_parse(slice_from_cstr(ip), &any));
    socklen_t len = net_address_to_sockaddr(&any, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
    *ret = net_address_from_sockaddr((struct sockaddr *)&ss);
    return fd;
}

int far_listen(const char *ip, struct net_address *ret) {
    int fd = make(ip, ret);
    ASSERT(listen(fd, 16) == 0);
    return fd;
}

struct net_address far_refusing(const char *ip) {
    struct net_address a;
    (void)make(ip, &a);
    return a;
}

void far_hole_open(struct far_hole *h, const char *ip) {
    h->fd = make(ip, &h->address);
    ASSERT(listen(h->fd, 0) == 0);
    struct sockaddr_storage ss;
    socklen_t len = net_address_to_sockaddr(&h->address, &ss);
    for (int i = 0; i < FAR_FILLERS; i++) {
        h->fillers[i] = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ASSERT(h->fillers[i] >= 0);
        (void)connect(h->fillers[i], (struct sockaddr *)&ss, len);
    }
    // One that waits is all that fits behind a backlog of 0.
    struct pollfd full = {.fd = h->fd, .events = POLLIN};
    ASSERT(poll(&full, 1, NEAR_PATIENCE_MS) == 1);
}

void far_hole_close(struct far_hole *h) {
    for (int i = 0; i < FAR_FILLERS; i++)
        (void)close(h->fillers[i]);
    (void)close(h->fd);
}

static void read_away(int fd) {
    char octets[4096];
    while (recv(fd, octets, sizeof(octets), 0) > 0) {
    }
}

static void serve_tls(struct far *f, SSL_CTX *ctx, int fd) {
    SSL *ssl = SSL_new(ctx);
    ASSERT(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
    if (SSL_accept(ssl) == 1) {
        f->resumed += SSL_session_reused(ssl) == 1;
        char octets[1024];
        int n;
        while (f->manner != FAR_CLOSES_LATE && (n = SSL_read(ssl, octets, sizeof(octets))) > 0)
            (void)SSL_write(ssl, octets, n);
    }
    SSL_free(ssl);
}

static void serve(struct far *f, SSL_CTX *ctx, int fd) {
    static const char READY[] = "220 ready\r\n250 injected\r\n",
                      TEXT[] = "HTTP/1.1 400 Bad Request\r\n\r\nno TLS here\r\n";
    char hello[4096];
    switch (f->manner) {
    case FAR_STARTTLS:
        ASSERT(send(fd, READY, sizeof(READY) - 1, MSG_NOSIGNAL) > 0);
        serve_tls(f, ctx, fd);
        break;
    case FAR_TLS:
    case FAR_CLOSES_LATE:
        serve_tls(f, ctx, fd);
        break;
    case FAR_GARBAGE:
        (void)recv(fd, hello, sizeof(hello), 0);
        (void)send(fd, TEXT, sizeof(TEXT) - 1, MSG_NOSIGNAL);
        read_away(fd);
        break;
    case FAR_CLOSES:
        (void)recv(fd, hello, sizeof(hello), 0);
        break;
    case FAR_STALLS:
        read_away(fd);
        break;
    }
}

static SSL_CTX *make_context(const struct far *f) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    ASSERT(ctx != NULL && SSL_CTX_set_max_proto_version(ctx, f->max_version) == 1);
    if (f->max_version != 0 && f->max_version < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(ctx, 0);
        ASSERT(SSL_CTX_set_min_proto_version(ctx, 0) == 1);
    }
    if (f->cert != NULL) {
        BIO *pem = BIO_new_mem_buf(f->cert->pem, -1);
        X509 *own = PEM_read_bio_X509(pem, NULL, NULL, NULL), *next;
        ASSERT(SSL_CTX_use_certificate(ctx, own) == 1 && SSL_CTX_use_PrivateKey(ctx, f->cert->key) == 1);
        X509_free(own);
        while ((next = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL)
            ASSERT(SSL_CTX_add0_chain_cert(ctx, next) == 1);
        BIO_free(pem);
    }
    return ctx;
}

static void *run(void *arg) {
    struct far *f = arg;
    SSL_CTX *ctx = make_context(f);
    for (int i = 0; i < f->connections; i++) {
        int fd = accept(f->fd, NULL, NULL);
        if (fd < 0)
            break; // far_join() has given up waiting
        serve(f, ctx, fd);
        (void)close(fd);
    }
    SSL_CTX_free(ctx);
    return NULL;
}

void far_start(struct far *f) {
    f->fd = far_listen("127.0.0.1", &f->address);
    ASSERT(pthread_create(&f->thread, NULL, run, f) == 0);
}

void far_join(struct far *f) {
    (void)shutdown(f->fd, SHUT_RDWR);
    ASSERT(pthread_join(f->thread, NULL) == 0);
    (void)close(f->fd);
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct near *n = session;
    struct slice all = slice_make(data, len), line = SLICE("220 ready\r\n");
    if (n->starttls && !n->secure) {
        if (slice_starts_with(line, all) && all.len < line.len)
            return 0;
        ASSERT(slice_starts_with(all, line));
        conn_start_tls_client(n->c, &n->how);
        return line.len; // what follows must not be seen
    }
    n->echoed = slice_eq(all, SLICE("hello\n"));
    conn_close(n->c);
    return len;
}

static void on_tls(void *session) {
    struct near *n = session;
    n->secure = true;
    n->proved = conn_tls_is_proved(n->c);
    n->resumed = conn_tls_is_resumed(n->c);
    n->version = conn_tls_version(n->c);
    conn_write_cstr(n->c, "hello\n");
}

static void on_timeout(void *session) {
    conn_close(((struct near *)session)->c);
}

static void on_close(void *session, enum conn_end why) {
    struct near *n = session;
    n->error = conn_tls_error(n->c);
    n->end = why;
    n->closed = true;
    n->c = NULL;
}

const struct conn_ops NEAR_OPS = {.on_read = on_read, .on_tls = on_tls, .on_timeout = on_timeout, .on_close = on_close};

void *near_open(void *arg, struct conn *c) {
    struct near *n = arg;
    n->opened = true;
    n->c = c;
    conn_set_timeout(c, NEAR_PATIENCE_MS);
    if (n->tls)
        conn_start_tls_client(c, &n->how);
    return n;
}

void near_failed(void *arg, const char *why) {
    struct near *n = arg;
    n->failed = n->closed = true;
    n->error = why;
}

bool near_until(struct loop *loop, const bool *done, int ms) {
    uint64_t end = clock_mono_ms() + (uint64_t)ms;
    do {
        loop_run_ready(loop);
        if (*done)
            return true;
        (void)usleep(200);
    } while (clock_mono_ms() < end);
    return *done;
}

void near_run(struct near *n, struct loop *loop, const struct net_address *to) {
    const struct connector_settings s = {
        .addresses = to,
        .n_addresses = 1,
        .ops = &NEAR_OPS,
        .on_open = near_open,
        .on_failed = near_failed,
        .arg = n,
    };
    (void)connector_start(loop, &s);
    ASSERT(near_until(loop, &n->closed, NEAR_PATIENCE_MS));
}
