// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_tls.h"

#include "martlet/handover/bundle.h"
#include "martlet/relay/front.h"
#include "net/tls.h"

// Clients offer these when the port is not the registered one (RFC 7301 wants the selection answered).
static const char *const alpn_imap[] = {"imap", NULL}, *const alpn_smtp[] = {"smtp", NULL};

static struct tls_settings settings_of(const struct bundle *b, const char *const *alpn) {
    return (struct tls_settings){
        .cert_pem = slice_from_cstr(b->cert_pem), .key_pem = slice_from_cstr(b->key_pem), .alpn = alpn};
}

// The web has older clients than mail here has, and browsers resume.
static struct tls_settings front_settings_of(const struct bundle *b) {
    struct tls_settings s = settings_of(b, front_alpn);
    s.allow_tls12 = true;
    s.tickets = true;
    s.alpn_optional = true;
    s.alpn_tls13 = front_alpn_tls13;
    return s;
}

// Other mail servers: some are old, most come again and resume (RFC 8446 section 2.2).
static struct tls_settings relay_settings_of(const struct bundle *b) {
    struct tls_settings s = settings_of(b, NULL);
    s.allow_tls12 = true;
    s.tickets = true;
    return s;
}

enum { N_CONTEXTS = 4 };

static void list_settings(const struct bundle *b, struct tls_settings ret[N_CONTEXTS]) {
    ret[0] = settings_of(b, alpn_imap);
    ret[1] = settings_of(b, alpn_smtp);
    ret[2] = front_settings_of(b);
    ret[3] = relay_settings_of(b);
}

static void list_contexts(struct wire_tls *t, struct tls_context **ret[N_CONTEXTS]) {
    ret[0] = &t->imap;
    ret[1] = &t->smtp;
    ret[2] = &t->front;
    ret[3] = &t->relay;
}

bool wire_tls_init(struct wire_tls *t, const struct bundle *b, const char **ret_error) {
    struct tls_settings settings[N_CONTEXTS];
    struct tls_context **contexts[N_CONTEXTS];
    list_settings(b, settings);
    list_contexts(t, contexts);
    for (size_t i = 0; i < N_CONTEXTS; i++) {
        *contexts[i] = tls_context_new(&settings[i], ret_error);
        if (*contexts[i] == NULL)
            return false;
    }
    return true;
}

bool wire_tls_replace(struct wire_tls *t, const struct bundle *b, const char **ret_error) {
    struct tls_settings settings[N_CONTEXTS];
    struct tls_context **contexts[N_CONTEXTS];
    list_settings(b, settings);
    list_contexts(t, contexts);
    // The others can only fail for a reason that the first has.
    for (size_t i = 0; i < N_CONTEXTS; i++)
        if (!tls_context_replace(*contexts[i], &settings[i], ret_error))
            return false;
    return true;
}

void wire_tls_done(struct wire_tls *t) {
    struct tls_context **contexts[N_CONTEXTS];
    list_contexts(t, contexts);
    for (size_t i = 0; i < N_CONTEXTS; i++)
        tls_context_free(*contexts[i]);
    *t = (struct wire_tls){0};
}
