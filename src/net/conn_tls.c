// SPDX-License-Identifier: MIT
// Octets over TLS. OpenSSL works on the socket itself; nothing here waits.
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/metrics.h"
#include "net/conn_internal.h"
#include "net/error.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "net/tls_internal.h"

enum { TLS_RECORD_MAX = 16 * 1024 }; // RFC 8446 section 5.1

// The words for what OpenSSL or the socket has just said.
static const char *error_text(const struct conn *c, int ssl_error, int socket_error) {
    if (ssl_error == SSL_ERROR_SYSCALL && socket_error != 0)
        return net_error_text(socket_error);
    if (!c->secure && !SSL_is_server(c->ssl))
        return tls_client_error(c->ssl);
    return tls_error_text(ERR_peek_error());
}

// What a read or handshake that did not succeed means for us.
static enum io_result after(struct conn *c, int ret) {
    int socket_error = errno;
    int ssl_error = SSL_get_error(c->ssl, ret);
    switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
        return IO_BLOCKED;
    case SSL_ERROR_WANT_WRITE:
        c->tls_blocked = true; // a key update or a flight of the handshake does not fit the socket
        return IO_BLOCKED;
    case SSL_ERROR_ZERO_RETURN:
        return IO_EOF;
    default:
        c->tls_broken = true;
        c->tls_error = error_text(c, ssl_error, socket_error);
        ERR_clear_error();
        return IO_FAILED;
    }
}

static enum io_result tls_read(struct conn *c, char *ptr, size_t max, size_t *ret_len) {
    ERR_clear_error();
    int ret = SSL_read_ex(c->ssl, ptr, max, ret_len);
    return ret == 1 ? IO_OK : after(c, ret);
}

// A record at a time. A blocked write is repeated with at least as many octets, as OpenSSL demands: `out` only grows.
static enum io_result tls_write(struct conn *c, const char *ptr, size_t len, size_t *ret_len) {
    ERR_clear_error();
    int ret = SSL_write_ex(c->ssl, ptr, len < TLS_RECORD_MAX ? len : TLS_RECORD_MAX, ret_len);
    if (ret == 1)
        return IO_OK;
    if (SSL_get_error(c->ssl, ret) == SSL_ERROR_WANT_WRITE)
        return IO_BLOCKED;
    // There is no renegotiation, so writing never has to read first: all else is the end.
    c->tls_broken = true;
    ERR_clear_error();
    return IO_FAILED;
}

static bool tls_has_more(const struct conn *c) {
    return SSL_has_pending(c->ssl) == 1;
}

static enum io_result tls_handshake(struct conn *c) {
    ERR_clear_error();
    int ret = SSL_do_handshake(c->ssl);
    enum io_result result = ret == 1 ? IO_OK : after(c, ret);
    if (result == IO_EOF)
        c->tls_error = "the peer closed during the handshake";
    return result;
}

static void tls_finish(struct conn *c) {
    if (!c->tls_broken && c->secure) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); // close_notify; whether the peer answers does not matter (RFC 8446 section 6.1)
        ERR_clear_error();
    }
    (void)shutdown(c->fd, SHUT_WR);
}

void conn_tls_begin(struct conn *c) {
    c->ssl = c->client_ssl != NULL ? c->client_ssl : tls_context_accept(c->tls);
    c->client_ssl = NULL;
    ASSERT(SSL_set_fd(c->ssl, c->fd) == 1);
    c->transport = &conn_transport_tls;
}

void conn_tls_end(struct conn *c) {
    SSL_free(c->ssl);
    SSL_free(c->client_ssl);
    c->ssl = c->client_ssl = NULL;
}

// ---- what is counted ----

enum { TLS12, TLS12_RESUMED, TLS13, TLS13_RESUMED, FAILED, TIMED_OUT };
static const char *const outcomes[] = {
    [TLS12] = "tls12",   [TLS12_RESUMED] = "tls12-resumed", [TLS13] = "tls13", [TLS13_RESUMED] = "tls13-resumed",
    [FAILED] = "failed", [TIMED_OUT] = "timeout",
};
static struct metric_counter as_server = METRIC_COUNTER_BY(
    "martlet_tls_server_handshakes", "TLS handshakes of those who connect to us, by outcome", "outcome", outcomes);
static struct metric_counter as_client = METRIC_COUNTER_BY(
    "martlet_tls_client_handshakes", "TLS handshakes of our connections to others, by outcome", "outcome", outcomes);

void conn_tls_metrics_register(void) {
    static struct metric *const all[] = {&as_server.metric, &as_client.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void conn_tls_count(const struct conn *c) {
    if (c->ssl == NULL) // in memory
        return;
    size_t outcome = c->why == CONN_END_TIMEOUT ? TIMED_OUT : FAILED;
    if (c->secure)
        outcome = (SSL_version(c->ssl) == TLS1_3_VERSION ? TLS13 : TLS12) + (size_t)SSL_session_reused(c->ssl);
    metric_count(SSL_is_server(c->ssl) ? &as_server : &as_client, outcome);
}

const char *conn_tls_error(const struct conn *c) {
    if (c->tls_error == NULL && c->why == CONN_END_TIMEOUT && c->ssl != NULL && !c->secure)
        return "the handshake timed out";
    return c->tls_error;
}

bool conn_tls_is_proved(const struct conn *c) {
    return c->secure && c->ssl != NULL && tls_client_is_proved(c->ssl);
}

bool conn_tls_is_resumed(const struct conn *c) {
    return c->secure && c->ssl != NULL && SSL_session_reused(c->ssl) == 1;
}

const char *conn_tls_version(const struct conn *c) {
    return c->secure && c->ssl != NULL ? SSL_get_version(c->ssl) : NULL;
}

bool conn_tls_export(const struct conn *c, const char *label, struct slice context, void *ret, size_t len) {
    if (!c->secure || c->ssl == NULL)
        return false;
    bool ok = SSL_export_keying_material(c->ssl, ret, len, label, strlen(label), (const unsigned char *)context.ptr,
                                         context.len, 1) == 1;
    ERR_clear_error();
    return ok;
}

struct slice conn_alpn(const struct conn *c) {
    const unsigned char *name = NULL;
    unsigned int len = 0;
    if (c->ssl != NULL)
        SSL_get0_alpn_selected(c->ssl, &name, &len);
    return len > 0 ? slice_make((const char *)name, len) : SLICE_EMPTY;
}

const struct transport conn_transport_tls = {
    .read = tls_read,
    .write = tls_write,
    .has_more = tls_has_more,
    .handshake = tls_handshake,
    .finish = tls_finish,
};
