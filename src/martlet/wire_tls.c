// SPDX-License-Identifier: MIT
#include "martlet/wire_tls.h"

#include "martlet/bundle.h"
#include "martlet/front.h"
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

bool wire_tls_init(struct wire_tls *t, const struct bundle *b, const char **ret_error) {
    struct tls_settings imap = settings_of(b, alpn_imap), smtp = settings_of(b, alpn_smtp),
                        front = front_settings_of(b);
    t->imap = tls_context_new(&imap, ret_error);
    t->smtp = t->imap != NULL ? tls_context_new(&smtp, ret_error) : NULL;
    t->front = t->smtp != NULL ? tls_context_new(&front, ret_error) : NULL;
    return t->front != NULL;
}

bool wire_tls_replace(struct wire_tls *t, const struct bundle *b, const char **ret_error) {
    struct tls_settings imap = settings_of(b, alpn_imap), smtp = settings_of(b, alpn_smtp),
                        front = front_settings_of(b);
    // The others can only fail for a reason that the first has.
    return tls_context_replace(t->imap, &imap, ret_error) && tls_context_replace(t->smtp, &smtp, ret_error) &&
           tls_context_replace(t->front, &front, ret_error);
}

void wire_tls_done(struct wire_tls *t) {
    tls_context_free(t->imap);
    tls_context_free(t->smtp);
    tls_context_free(t->front);
    *t = (struct wire_tls){0};
}
