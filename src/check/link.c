// SPDX-License-Identifier: MIT
#include "check/link.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/clock.h"

enum { READ_STEP = 16 * 1024 };

bool check_error(char error[CHECK_ERROR_SIZE], const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(error, CHECK_ERROR_SIZE, fmt, args);
    va_end(args);
    return false;
}

static bool is_interrupted(const struct check_limit *limit, char ret_error[CHECK_ERROR_SIZE]) {
    return limit->stop != NULL && *limit->stop && !check_error(ret_error, "the test was interrupted");
}

bool check_limit_wait(const struct check_limit *limit, int fd, short events, char ret_error[CHECK_ERROR_SIZE]) {
    for (;;) {
        if (is_interrupted(limit, ret_error))
            return false;
        uint64_t now = clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = events};
        int n = now < limit->until_ms ? poll(&p, 1, (int)(limit->until_ms - now)) : 0;
        if (n > 0)
            return true;
        if (n == 0)
            return check_error(ret_error, "nothing came in time");
        if (errno != EINTR)
            return check_error(ret_error, "%s", strerror(errno));
    }
}

void check_link_init(struct check_link *l, const struct check_limit *limit) {
    *l = (struct check_link){.limit = limit, .fd = -1};
    buf_init(&l->in, CHECK_INPUT_MAX + READ_STEP);
}

void check_link_close(struct check_link *l) {
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    l->taken = 0;
    buf_done(&l->in);
}

// ---- connecting ----

static bool fail_errno(struct check_link *l, int why) {
    switch (why) {
    case ECONNREFUSED:
        return check_error(l->error, "the connection was refused");
    case ETIMEDOUT:
        return check_error(l->error, "nothing came in time");
    default:
        return check_error(l->error, "%s", strerror(why));
    }
}

bool check_link_connect(struct check_link *l, const struct net_address *to) {
    struct sockaddr_storage ss;
    socklen_t len = net_address_to_sockaddr(to, &ss);
    check_link_close(l);
    l->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, why = 0;
    if (l->fd < 0)
        return fail_errno(l, errno);
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(l->fd, (struct sockaddr *)&ss, len) == 0)
        return true;
    if (errno != EINPROGRESS && errno != EINTR)
        return fail_errno(l, errno);
    if (!check_limit_wait(l->limit, l->fd, POLLOUT, l->error))
        return false;
    len = sizeof(why);
    (void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &why, &len);
    return why == 0 || fail_errno(l, why);
}

// ---- TLS ----

// After an operation on the SSL that returned n <= 0. True: it may be tried again.
static bool wait_for_ssl(struct check_link *l, int n) {
    int why = SSL_get_error(l->ssl, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return check_limit_wait(l->limit, l->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, l->error);
    long verdict = SSL_get_verify_result(l->ssl);
    unsigned long code = ERR_get_error();
    if (verdict != X509_V_OK && SSL_get_verify_mode(l->ssl) != SSL_VERIFY_NONE && !SSL_is_init_finished(l->ssl))
        return check_error(l->error, "the certificate does not hold: %s", X509_verify_cert_error_string(verdict));
    if (code != 0 && ERR_reason_error_string(code) != NULL && why == SSL_ERROR_SSL &&
        ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return check_error(l->error, "TLS: %s", ERR_reason_error_string(code));
    return check_error(l->error, "the connection was closed");
}

static bool is_address(const char *name) {
    struct net_address a = {0};
    return net_address_parse(slice_from_cstr(name), &a);
}

static void expect_name(SSL *ssl, const struct check_tls *how) {
    if (!is_address(how->name)) {
        ASSERT(SSL_set_tlsext_host_name(ssl, how->name) == 1);
        ASSERT(how->any_certificate || SSL_set1_host(ssl, how->name) == 1);
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    } else if (!how->any_certificate) {
        ASSERT(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), how->name) == 1);
    }
    SSL_set_verify(ssl, how->any_certificate ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}

static void offer_protocol(SSL *ssl, const char *alpn) {
    unsigned char wire[32];
    size_t len = strlen(alpn);
    ASSERT(len < sizeof(wire));
    wire[0] = (unsigned char)len;
    memcpy(wire + 1, alpn, len);
    ASSERT(SSL_set_alpn_protos(ssl, wire, (unsigned)len + 1) == 0);
}

bool check_link_secure(struct check_link *l, const struct check_tls *how) {
    ERR_clear_error();
    l->ssl = SSL_new(how->context);
    ASSERT(l->ssl != NULL && SSL_set_fd(l->ssl, l->fd) == 1);
    expect_name(l->ssl, how);
    if (how->alpn != NULL)
        offer_protocol(l->ssl, how->alpn);
    buf_done(&l->in); // what was sent in clear text before TLS counts for nothing
    l->taken = 0;
    for (int n; (n = SSL_connect(l->ssl)) != 1;)
        if (!wait_for_ssl(l, n))
            return false;
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(l->ssl, &chosen, &len);
    if (how->alpn != NULL && (len != strlen(how->alpn) || memcmp(chosen, how->alpn, len) != 0))
        return check_error(l->error, "the protocol \"%s\" was not agreed on (ALPN)", how->alpn);
    return true;
}

// ---- octets ----

bool check_link_write(struct check_link *l, struct slice octets) {
    while (octets.len > 0) {
        ssize_t n;
        ERR_clear_error();
        if (l->ssl != NULL)
            n = SSL_write(l->ssl, octets.ptr, (int)octets.len);
        else
            n = send(l->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
        if (n > 0) {
            octets = slice_sub(octets, (size_t)n, octets.len);
        } else if (l->ssl != NULL) {
            if (!wait_for_ssl(l, (int)n))
                return false;
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                return check_error(l->error, "the connection was closed");
            if (!check_limit_wait(l->limit, l->fd, POLLOUT, l->error))
                return false;
        }
    }
    return true;
}

// With a farewell of TLS or without one: nothing here could be cut short to any gain.
static bool has_ended(SSL *ssl, int n) {
    int why = SSL_get_error(ssl, n);
    return why == SSL_ERROR_ZERO_RETURN ||
           (why == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

// More input. False at its end, too, with *ret_end set.
static bool fill(struct check_link *l, bool *ret_end) {
    if (l->in.len >= CHECK_INPUT_MAX)
        return check_error(l->error, "more came than makes sense");
    // A peer that never pauses is never waited for.
    if (is_interrupted(l->limit, l->error))
        return false;
    if (clock_mono_ms() >= l->limit->until_ms)
        return check_error(l->error, "no end came in time");
    char *room = buf_reserve(&l->in, READ_STEP);
    ASSERT(room != NULL);
    for (;;) {
        ERR_clear_error();
        ssize_t n = l->ssl != NULL ? (ssize_t)SSL_read(l->ssl, room, READ_STEP) : recv(l->fd, room, READ_STEP, 0);
        if (n > 0) {
            buf_added(&l->in, (size_t)n);
            return true;
        }
        if (l->ssl != NULL) {
            *ret_end = has_ended(l->ssl, (int)n);
            if (*ret_end || !wait_for_ssl(l, (int)n))
                return *ret_end ? check_error(l->error, "the connection was closed") : false;
        } else if (n == 0) {
            *ret_end = true;
            return check_error(l->error, "the connection was closed");
        } else if (errno != EINTR && (errno != EAGAIN || !check_limit_wait(l->limit, l->fd, POLLIN, l->error))) {
            return errno == EAGAIN ? false : check_error(l->error, "the connection was closed");
        }
    }
}

// Drops what the caller had, and makes sure that there is a connection to read from.
static bool begin_read(struct check_link *l) {
    buf_consume(&l->in, l->taken);
    l->taken = 0;
    return l->fd >= 0 || check_error(l->error, "there is no connection");
}

bool check_link_read_line(struct check_link *l, struct slice *ret) {
    bool at_end = false;
    if (!begin_read(l))
        return false;
    struct slice line, rest;
    while (!slice_cut(buf_slice(&l->in), '\n', &line, &rest))
        if (!fill(l, &at_end))
            return false;
    l->taken = line.len + 1;
    *ret = slice_ends_with(line, SLICE("\r")) ? slice_sub(line, 0, line.len - 1) : line;
    return true;
}

bool check_link_read(struct check_link *l, size_t len, struct slice *ret) {
    bool at_end = false;
    if (!begin_read(l))
        return false;
    if (len > CHECK_INPUT_MAX)
        return check_error(l->error, "more came than makes sense");
    while (l->in.len < len)
        if (!fill(l, &at_end))
            return false;
    l->taken = len;
    *ret = slice_sub(buf_slice(&l->in), 0, len);
    return true;
}

bool check_link_read_all(struct check_link *l, struct slice *ret) {
    bool at_end = false;
    if (!begin_read(l))
        return false;
    while (!at_end)
        if (!fill(l, &at_end) && !at_end)
            return false;
    l->taken = l->in.len;
    *ret = buf_slice(&l->in);
    return true;
}
