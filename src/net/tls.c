// SPDX-License-Identifier: MIT
// A tls_context holds the current SSL_CTX. An SSL keeps a reference to the SSL_CTX it was made from, so replacing never
// disturbs a connection. The ALPN list belongs to the SSL_CTX and dies with it.
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls_internal.h"

enum { ALPN_LIST_MAX = 256, PEM_MAX = 1024 * 1024 };

// ECDHE with an AEAD only (RFC 9325 section 4.2).
static const char TLS12_CIPHERS[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char TLS13_CIPHERS[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char GROUPS[] = "X25519:P-256:P-384";

struct tls_context {
    pthread_mutex_t lock; // of `current`
    SSL_CTX *current;
};

// The protocols in the form of the wire (RFC 7301 section 3.1), owned by the SSL_CTX as extra data.
struct alpn_list {
    struct buf wire;
    struct buf tls13; // those that need TLS 1.3
    bool optional;
};

static int alpn_index = -1;

static void alpn_list_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp) {
    struct alpn_list *list = ptr;
    if (list == NULL)
        return;
    buf_done(&list->wire);
    buf_done(&list->tls13);
    free(list);
}

static void make_alpn_index(void) {
    alpn_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, alpn_list_free);
    ASSERT(alpn_index >= 0);
}

// Whether a list in the form of the wire holds this protocol.
static bool wire_has(struct slice wire, struct slice name) {
    while (wire.len > 0) {
        size_t end = 1 + (size_t)(unsigned char)wire.ptr[0];
        if (slice_eq(slice_sub(wire, 1, end), name))
            return true;
        wire = slice_sub(wire, end, wire.len);
    }
    return false;
}

// Nothing in common ends the handshake (RFC 7301 section 3.2): it is what keeps a request meant for one service from
// being replayed to another one that has the same certificate. A service may waive that; then what a client means must
// show in its first octets.
static int select_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len, const unsigned char *offered,
                       unsigned int offered_len, void *arg) {
    const struct alpn_list *list = arg;
    struct slice ours = buf_slice(&list->wire);
    unsigned char *found;
    int how = SSL_select_next_proto(&found, ret_len, (const unsigned char *)ours.ptr, (unsigned int)ours.len, offered,
                                    offered_len);
    if (how != OPENSSL_NPN_NEGOTIATED)
        return list->optional ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_ALERT_FATAL;
    // The version has been negotiated by now.
    if (SSL_version(ssl) < TLS1_3_VERSION && wire_has(buf_slice(&list->tls13), slice_make((char *)found, *ret_len)))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = found;
    return SSL_TLSEXT_ERR_OK;
}

static void write_names(const char *const *names, struct buf *ret) {
    buf_init(ret, ALPN_LIST_MAX);
    for (; names != NULL && *names != NULL; names++) {
        size_t len = strlen(*names);
        ASSERT(len > 0 && len <= UINT8_MAX);
        char octet = (char)len;
        ASSERT(buf_append(ret, &octet, 1) && buf_append(ret, *names, len));
    }
}

static void set_alpn(SSL_CTX *ctx, const struct tls_settings *s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_alpn_index);
    struct alpn_list *list = MEM_NEW(struct alpn_list);
    write_names(s->alpn, &list->wire);
    write_names(s->alpn_tls13, &list->tls13);
    list->optional = s->alpn_optional;
    ASSERT(SSL_CTX_set_ex_data(ctx, alpn_index, list) == 1);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, list);
}

// A key under a passphrase is refused; without this OpenSSL would ask on the terminal.
static int no_passphrase(char *buf, int size, int writing, void *arg) {
    return -1;
}

static BIO *open_pem(struct slice pem) {
    if (pem.len > PEM_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.len > 0 ? pem.ptr : "", (int)pem.len);
    ASSERT(bio != NULL);
    return bio;
}

static const char *load_leaf(SSL_CTX *ctx, BIO *pem) {
    X509 *leaf = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
    if (leaf == NULL)
        return "the certificate file holds no readable PEM certificate";
    int ok = SSL_CTX_use_certificate(ctx, leaf);
    X509_free(leaf);
    return ok == 1 ? NULL : "the certificate is not acceptable (its key is too small or its algorithm too weak)";
}

static const char *load_chain(SSL_CTX *ctx, BIO *pem) {
    X509 *next;
    while ((next = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return "a certificate of the chain is not acceptable (its key is too small or its algorithm too weak)";
        }
    }
    unsigned long why = ERR_peek_last_error();
    if (ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE)
        return NULL;
    return "the certificate file holds a damaged certificate after the first";
}

static const char *load_cert(SSL_CTX *ctx, struct slice cert_pem) {
    BIO *pem = open_pem(cert_pem);
    if (pem == NULL)
        return "the certificate file is too large";
    const char *error = load_leaf(ctx, pem);
    if (error == NULL)
        error = load_chain(ctx, pem);
    BIO_free(pem);
    return error;
}

static const char *load_key(SSL_CTX *ctx, struct slice key_pem) {
    BIO *pem = open_pem(key_pem);
    if (pem == NULL)
        return "the private key file is too large";
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
    BIO_free(pem);
    if (key == NULL)
        return "the private key file holds no readable PEM private key without passphrase";
    const char *error = NULL;
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        error = "the private key does not match the certificate";
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        error = "the private key is not acceptable";
    EVP_PKEY_free(key);
    return error;
}

static void set_protocol(SSL_CTX *ctx, const struct tls_settings *s) {
    ASSERT(SSL_CTX_set_min_proto_version(ctx, s->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1);
    ASSERT(SSL_CTX_set_ciphersuites(ctx, TLS13_CIPHERS) == 1);
    ASSERT(SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1);
    ASSERT(SSL_CTX_set1_groups_list(ctx, GROUPS) == 1);
    // A peer that closes without close_notify has closed; both protocols mark the ends of what they carry themselves.
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!s->tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    ASSERT(SSL_CTX_set_num_tickets(ctx, s->tickets ? 1 : 0) == 1);
    if (s->alpn != NULL)
        set_alpn(ctx, s);
}

// An idle connection holds no buffer; reading ahead takes a record's header and body in one call, and costs nothing at
// rest because the buffer is released with the rest.
static void set_buffers(SSL_CTX *ctx) {
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
}

// Messages of handshakes that one peer may send, that of the beginning included: it takes a dozen, a key update is due
// once in some hundred gigabytes (RFC 8446 section 5.5), and a server may send a few tickets. OpenSSL takes any number
// of them within one read, as long as they come, with the loop standing still: key updates, tickets, and in TLS 1.2
// wishes for another handshake, each of which it answers with a warning (RFC 5246 section 7.2.2).
static void on_tls_message(int is_written, int version, int type, const void *octets, size_t len, SSL *ssl, void *arg) {
    if (is_written || type != SSL3_RT_HANDSHAKE)
        return;
    uintptr_t n = (uintptr_t)SSL_get_app_data(ssl) + 1;
    SSL_set_app_data(ssl, (void *)n);
    if (n > TLS_HANDSHAKE_MESSAGES_MAX) { // the read ends here, and the connection with it
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
        (void)shutdown(SSL_get_fd(ssl), SHUT_RDWR);
    }
}

void tls_set_connection_mode(SSL_CTX *ctx) {
    set_buffers(ctx);
    SSL_CTX_set_msg_callback(ctx, on_tls_message);
}

static SSL_CTX *make(const struct tls_settings *s, const char **ret_error) {
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    ASSERT(ctx != NULL);
    set_protocol(ctx, s);
    tls_set_connection_mode(ctx);
    const char *error = load_cert(ctx, s->cert_pem);
    if (error == NULL)
        error = load_key(ctx, s->key_pem);
    ERR_clear_error();
    if (error == NULL)
        return ctx;
    SSL_CTX_free(ctx);
    *ret_error = error;
    return NULL;
}

struct tls_context *tls_context_new(const struct tls_settings *s, const char **ret_error) {
    SSL_CTX *first = make(s, ret_error);
    if (first == NULL)
        return NULL;
    struct tls_context *ctx = MEM_NEW(struct tls_context);
    ASSERT(pthread_mutex_init(&ctx->lock, NULL) == 0);
    ctx->current = first;
    return ctx;
}

static SSL_CTX *swap(struct tls_context *ctx, SSL_CTX *next) {
    ASSERT(pthread_mutex_lock(&ctx->lock) == 0);
    SSL_CTX *before = ctx->current;
    ctx->current = next;
    ASSERT(pthread_mutex_unlock(&ctx->lock) == 0);
    return before;
}

bool tls_context_replace(struct tls_context *ctx, const struct tls_settings *s, const char **ret_error) {
    SSL_CTX *next = make(s, ret_error);
    if (next == NULL)
        return false;
    SSL_CTX_free(swap(ctx, next));
    return true;
}

void tls_context_free(struct tls_context *ctx) {
    if (ctx == NULL)
        return;
    SSL_CTX_free(ctx->current);
    (void)pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

struct ssl_st *tls_context_accept(struct tls_context *ctx) {
    ASSERT(pthread_mutex_lock(&ctx->lock) == 0);
    SSL_CTX *now = ctx->current;
    ASSERT(SSL_CTX_up_ref(now) == 1);
    ASSERT(pthread_mutex_unlock(&ctx->lock) == 0);
    SSL *ssl = SSL_new(now);
    SSL_CTX_free(now);
    ASSERT(ssl != NULL);
    SSL_set_accept_state(ssl);
    return ssl;
}
