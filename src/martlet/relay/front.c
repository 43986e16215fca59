// SPDX-License-Identifier: MIT
#include "martlet/relay/front.h"

#include "http/http.h"
#include "imap/imap_server.h"
#include "smtp/server/smtp_server.h"

const char *const front_alpn[] = {"smtp", "imap", "http/1.1", NULL};
const char *const front_alpn_tls13[] = {"smtp", "imap", NULL};

static void *open_imap(struct front *f, struct conn *c) {
    conn_set_limits(c, f->imap_limits);
    void *session = imap_session_open(f->imap, c);
    if (session != NULL)
        conn_set_handler(c, &imap_session_ops, session);
    return session;
}

static void *open_smtp(struct front *f, struct conn *c) {
    conn_set_limits(c, f->smtp_limits);
    void *session = smtp_session_open(f->smtp, c);
    if (session != NULL)
        conn_set_handler(c, &smtp_session_ops, session);
    return session;
}

static void *open_http(struct front *f, struct conn *c) {
    conn_set_limits(c, f->http_limits);
    return http_session_open(f->http, c);
}

void *front_open(void *arg, struct conn *c) {
    struct front *f = arg;
    struct slice protocol = conn_alpn(c);
    if (slice_eq(protocol, SLICE("imap")))
        return open_imap(f, c);
    if (slice_eq(protocol, SLICE("smtp")))
        return open_smtp(f, c);
    return open_http(f, c);
}
