// SPDX-License-Identifier: MIT
// Each SSL carries a note: of which context and cache key it is, and whether its peer has to prove itself. OpenSSL's
// verification then is the only judge; what it lets through has proved itself, and only such sessions reach the cache
// under a key that says so.
#include "net/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls_internal.h"
#include "net/tls_sessions.h"

static const char SYSTEM_ROOTS[] = "/etc/ssl/certs";

// Any server that speaks TLS 1.2 with something that is not broken: much of the world's mail still has to be reached.
// RSA key exchange and CBC come last. Only a server that has nothing better gets them; nobody in between can make it
// so, for the handshake covers the choice.
static const char TLS12_CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:RSA+AESGCM:"
                                    "RSA+AES:!aNULL:!eNULL:!MD5:!RC4:!DES:!3DES:!PSK:!SRP";

enum {
    SESSIONS_DEFAULT = 256,
    HOST_MAX = 253,
    // OpenSSL's security levels: 112 bits for who must prove a public identity, 80 where the alternative is less.
    LEVEL_PKIX = 2,
    LEVEL_OTHER = 1,
};

struct tls_client_context {
    pthread_mutex_t lock; // of `current` and `generation`
    SSL_CTX *current;
    uint64_t generation; // of the roots
    struct tls_sessions *sessions;
};

struct note {
    struct tls_client_context *context;
    struct hash128 key;
    enum tls_check check;        // as it came out: PKIX when no TLSA record was usable
    unsigned handshake_messages; // received; counted for foreign ones
};

static int ssl_note = -1, foreign_note = -1;

static void free_note(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp) {
    free(ptr);
}

static void make_notes(void) {
    ssl_note = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_note);
    foreign_note = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_note);
    ASSERT(ssl_note >= 0 && foreign_note >= 0);
}

static void attach(SSL *ssl, const struct note *note) {
    struct note *copy = MEM_NEW(struct note);
    *copy = *note;
    ASSERT(SSL_set_ex_data(ssl, ssl_note, copy) == 1);
    SSL_SESSION *session = tls_sessions_take(note->context->sessions, note->key);
    if (session == NULL)
        return;
    if (SSL_set_session(ssl, session) != 1)
        ERR_clear_error();
    SSL_SESSION_free(session);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session) {
    const struct note *note = SSL_get_ex_data(ssl, ssl_note);
    if (note != NULL)
        tls_sessions_put(note->context->sessions, note->key, session);
    return 0; // the session stays OpenSSL's
}

static void set_protocol(SSL_CTX *ctx) {
    ASSERT(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    ASSERT(SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
}

static bool set_roots(SSL_CTX *ctx, const struct tls_client_settings *s) {
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    if (s->ca_file != NULL)
        return X509_STORE_load_file(store, s->ca_file) == 1;
    X509_LOOKUP *folder = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    ASSERT(folder != NULL);
    return X509_LOOKUP_add_dir(folder, s->ca_folder != NULL ? s->ca_folder : SYSTEM_ROOTS, X509_FILETYPE_PEM) == 1;
}

static SSL_CTX *make(const struct tls_client_settings *s, const char **ret_error) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    ASSERT(ctx != NULL && SSL_CTX_dane_enable(ctx) == 1);
    set_protocol(ctx);
    tls_set_connection_mode(ctx);
    bool ok = set_roots(ctx, s);
    ERR_clear_error();
    if (ok)
        return ctx;
    SSL_CTX_free(ctx);
    *ret_error = "the file of trusted roots cannot be read, or holds no readable PEM certificate";
    return NULL;
}

struct tls_client_context *tls_client_context_new(const struct tls_client_settings *s, const char **ret_error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_notes);
    SSL_CTX *first = make(s, ret_error);
    if (first == NULL)
        return NULL;
    struct tls_client_context *ctx = MEM_NEW(struct tls_client_context);
    ASSERT(pthread_mutex_init(&ctx->lock, NULL) == 0);
    ctx->current = first;
    ctx->sessions = tls_sessions_new(s->max_sessions > 0 ? s->max_sessions : SESSIONS_DEFAULT);
    return ctx;
}

bool tls_client_context_replace(struct tls_client_context *ctx, const struct tls_client_settings *s,
                                const char **ret_error) {
    SSL_CTX *next = make(s, ret_error);
    if (next == NULL)
        return false;
    ASSERT(pthread_mutex_lock(&ctx->lock) == 0);
    SSL_CTX *before = ctx->current;
    ctx->current = next;
    ctx->generation++; // what open connections still bring is of no use to new ones
    ASSERT(pthread_mutex_unlock(&ctx->lock) == 0);
    SSL_CTX_free(before);
    tls_sessions_clear(ctx->sessions);
    return true;
}

void tls_client_context_free(struct tls_client_context *ctx) {
    if (ctx == NULL)
        return;
    SSL_CTX_free(ctx->current);
    tls_sessions_free(ctx->sessions);
    (void)pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

// The caller's to free.
static SSL_CTX *take_current(struct tls_client_context *ctx, uint64_t *ret_generation) {
    ASSERT(pthread_mutex_lock(&ctx->lock) == 0);
    SSL_CTX *now = ctx->current;
    ASSERT(SSL_CTX_up_ref(now) == 1);
    *ret_generation = ctx->generation;
    ASSERT(pthread_mutex_unlock(&ctx->lock) == 0);
    return now;
}

static void add_tlsa_to_key(const struct tls_tlsa *tlsa, struct hash128 *sum) {
    struct hash128 data = hash_keyed(tlsa->data.ptr, tlsa->data.len);
    uint64_t all[] = {data.lo, data.hi, tlsa->usage, tlsa->selector, tlsa->matching};
    struct hash128 h = hash_keyed(all, sizeof(all));
    sum->lo += h.lo; // the order of records in an answer means nothing
    sum->hi += h.hi;
}

// Whatever the verdict on the certificate depends on.
static struct hash128 session_key(const struct tls_client *how, size_t n_tlsa, uint64_t generation) {
    struct hash128 records = {0, 0};
    for (size_t i = 0; i < n_tlsa; i++)
        add_tlsa_to_key(&how->tlsa[i], &records);
    struct hash128 host = hash_keyed(how->host.ptr, how->host.len);
    struct hash128 next_hop = hash_keyed(how->next_hop.ptr, how->next_hop.len);
    uint64_t all[] = {generation,  how->check,  how->port,  host.lo,   host.hi,
                      next_hop.lo, next_hop.hi, records.lo, records.hi};
    return hash_keyed(all, sizeof(all));
}

// A name that OpenSSL can take: "" for none.
static const char *take_name(struct slice name, char copy[HOST_MAX + 1]) {
    if (name.len > HOST_MAX || (name.len > 0 && memchr(name.ptr, '\0', name.len) != NULL))
        name.len = 0;
    memcpy(copy, name.len > 0 ? name.ptr : "", name.len);
    copy[name.len] = '\0';
    return copy;
}

static bool is_address(const char *host) {
    struct net_address literal;
    return net_address_parse(slice_from_cstr(host), &literal);
}

static void set_host(X509_VERIFY_PARAM *param, const char *host) {
    if (is_address(host))
        ASSERT(X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1);
    else // without a name nobody can prove to have it; nobody has this one (RFC 6761 section 6.4)
        ASSERT(X509_VERIFY_PARAM_set1_host(param, host[0] != '\0' ? host : "invalid", 0) == 1);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

static void set_pkix(SSL *ssl, const char *host) {
    set_host(SSL_get0_param(ssl), host);
    SSL_set_security_level(ssl, LEVEL_PKIX);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
}

// False when no record is usable.
static bool set_dane(SSL *ssl, const struct tls_client *how, size_t n_tlsa, const char *host) {
    enum { DANE_TA = 2, DANE_EE = 3 };
    bool enabled = false, usable = false;
    for (size_t i = 0; i < n_tlsa; i++) {
        const struct tls_tlsa *r = &how->tlsa[i];
        if (r->usage != DANE_TA && r->usage != DANE_EE)
            continue;
        if (!enabled)
            ASSERT(SSL_dane_enable(ssl, host[0] != '\0' ? host : "invalid") == 1);
        enabled = true;
        if (SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching, (const unsigned char *)r->data.ptr,
                              r->data.len) > 0)
            usable = true;
    }
    ERR_clear_error();
    if (!usable)
        return false;
    char copy[HOST_MAX + 1];
    const char *next_hop = take_name(how->next_hop, copy);
    if (next_hop[0] != '\0')
        ASSERT(SSL_add1_host(ssl, next_hop) == 1);
    (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    return true;
}

SSL *tls_client_new_ssl(const struct tls_client *how) {
    uint64_t generation;
    SSL_CTX *ctx = take_current(how->context, &generation);
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    ASSERT(ssl != NULL);
    SSL_set_connect_state(ssl);
    SSL_set_security_level(ssl, LEVEL_OTHER);
    char copy[HOST_MAX + 1];
    const char *host = take_name(how->host, copy);
    if (host[0] != '\0' && !is_address(host))
        ASSERT(SSL_set_tlsext_host_name(ssl, host) == 1);
    size_t n_tlsa = how->check != TLS_CHECK_DANE        ? 0
                    : how->n_tlsa < TLS_CLIENT_TLSA_MAX ? how->n_tlsa
                                                        : TLS_CLIENT_TLSA_MAX;
    struct note note = {how->context, session_key(how, n_tlsa, generation), how->check, 0};
    if (note.check == TLS_CHECK_DANE && !set_dane(ssl, how, n_tlsa, host))
        note.check = TLS_CHECK_PKIX;
    if (note.check == TLS_CHECK_PKIX)
        set_pkix(ssl, host);
    else if (note.check == TLS_CHECK_ANY)
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    attach(ssl, &note);
    return ssl;
}

bool tls_client_is_proved(SSL *ssl) {
    const struct note *note = SSL_get_ex_data(ssl, ssl_note);
    return note != NULL && note->check != TLS_CHECK_ANY && SSL_is_init_finished(ssl) &&
           SSL_get_verify_result(ssl) == X509_V_OK;
}

const char *tls_client_error(SSL *ssl) {
    const struct note *note = SSL_get_ex_data(ssl, ssl_note);
    if (note != NULL)
        tls_sessions_forget(note->context->sessions, note->key); // in case it was what the peer did not like
    long verdict = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE ? SSL_get_verify_result(ssl) : X509_V_OK;
    unsigned long error = ERR_peek_error();
    ERR_clear_error();
    if (verdict != X509_V_OK)
        return tls_verify_text(verdict, note != NULL && note->check == TLS_CHECK_DANE);
    return tls_error_text(error);
}

// A foreign SSL gets its note when its handshake begins, which is before its hello is written.
static void on_foreign_info(const SSL *ssl, int where, int ret) {
    const struct note *note = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), foreign_note);
    if (where == SSL_CB_HANDSHAKE_START && note != NULL && SSL_get_ex_data(ssl, ssl_note) == NULL)
        attach((SSL *)ssl, note);
}

// What tls_set_connection_mode() does for our own: who goes on and on with handshakes must not keep the loop reading.
static void on_foreign_message(int is_written, int version, int type, const void *octets, size_t len, SSL *ssl,
                               void *arg) {
    struct note *note = SSL_get_ex_data(ssl, ssl_note);
    if (!is_written && type == SSL3_RT_HANDSHAKE && note != NULL &&
        ++note->handshake_messages > TLS_HANDSHAKE_MESSAGES_MAX)
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN); // as if the peer had closed: nothing more is read
}

void tls_client_adopt(SSL_CTX *foreign, const struct tls_client *how) {
    ASSERT(how->check != TLS_CHECK_DANE);
    uint64_t generation;
    SSL_CTX *ours = take_current(how->context, &generation);
    set_protocol(foreign);
    SSL_CTX_set_mode(foreign, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_security_level(foreign, how->check == TLS_CHECK_PKIX ? LEVEL_PKIX : LEVEL_OTHER);
    SSL_CTX_set1_cert_store(foreign, SSL_CTX_get_cert_store(ours));
    SSL_CTX_free(ours);
    char copy[HOST_MAX + 1];
    if (how->check == TLS_CHECK_PKIX) // within the handshake: no session of one that fails may be kept
        set_host(SSL_CTX_get0_param(foreign), take_name(how->host, copy));
    struct note *note = MEM_NEW(struct note);
    *note = (struct note){how->context, session_key(how, 0, generation), how->check, 0};
    ASSERT(SSL_CTX_set_ex_data(foreign, foreign_note, note) == 1);
    SSL_CTX_set_info_callback(foreign, on_foreign_info);
    SSL_CTX_set_msg_callback(foreign, on_foreign_message);
}
