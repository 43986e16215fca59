// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_services.h"

#include <stdlib.h>
#include <string.h>

#include "admin/control.h"
#include "admin/history.h"
#include "admin/metrics_http.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/mxdeliv/mxdeliv.h"
#include "http/web/web.h"
#include "imap/counts.h"
#include "imap/imap_server.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/ports.h"
#include "martlet/relay/front.h"
#include "martlet/relay/outbound.h"
#include "martlet/relay/wire_limits.h"
#include "martlet/relay/wire_realtime.h"
#include "martlet/relay/wire_status.h"
#include "martlet/relay/wire_tls.h"
#include "martlet/web/parts.h"
#include "net/address.h"
#include "net/listener.h"
#include "smtp/server/smtp_server.h"

enum {
    HANDSHAKE_MAX_MS = 60 * 1000, // what clients allow for connecting
    METRICS_STALL_MS = 30 * 1000,
    N_SERVICES = 9,
};

struct wire_services {
    struct wire_limits limits;
    struct wire_realtime *realtime;
    struct imap_server imap;
    struct smtp_server submission, relay;
    struct mxdeliv_server mxdeliv;
    struct web *web;
    struct http_server https, http;
    struct metrics_http metrics;
    struct front front;
    struct control_server control;
    struct wire_status *status;
    struct service services[N_SERVICES];
};

// ---- where this relay is ----

static struct web_place place_of(const struct bundle *b) {
    return (struct web_place){
        .dev_host = b->is_dev ? "127.0.0.1" : NULL,
        .https_port = bundle_port(b, "https", 443),
        .imaps_port = bundle_port(b, "imaps", 993),
        .smtps_port = bundle_port(b, "smtps", 465),
        .has_public_certificate = b->has_public_certificate,
    };
}

static struct pages_parts parts_now(const struct config *c, const struct bundle *b) {
    const struct announce_place place = wire_realtime_place(b);
    return parts_of(c, &place);
}

// ---- from room to room ----

static bool set_challenge(void *arg, struct slice token, struct slice authorization) {
    return web_challenge_set(arg, token, authorization);
}

static void clear_challenge(void *arg, struct slice token) {
    web_challenge_clear(arg, token);
}

// ---- building ----

static void build_mail(struct wire_services *s, const struct wire_rooms *r) {
    s->imap = (struct imap_server){
        .config = r->config,
        .accounts = r->accounts,
        .store = r->store,
        .hub = r->hub,
        .shares = r->shares,
        .tls = r->tls->imap,
    };
    imap_counts_register();
    s->imap.metadata = wire_realtime_metadata(s->realtime, &s->imap.metadata_arg);
    s->submission = (struct smtp_server){.role = SMTP_ROLE_SUBMISSION,
                                         .config = r->config,
                                         .accounts = r->accounts,
                                         .intake = r->intake,
                                         .tls = r->tls->smtp};
    s->relay = (struct smtp_server){.role = SMTP_ROLE_RELAY,
                                    .config = r->config,
                                    .accounts = r->accounts,
                                    .intake = r->intake,
                                    .tls = r->tls->relay};
    s->mxdeliv =
        (struct mxdeliv_server){.config = r->config, .intake = r->intake, .limits = s->limits.of[WIRE_LIMIT_MXDELIV]};
}

static void build_web(struct wire_services *s, const struct wire_rooms *r, const struct web_place *place,
                      const struct pages_parts *parts) {
    s->web =
        web_new(&(struct web_settings){.config = r->config, .accounts = r->accounts, .place = *place, .parts = *parts});
    http_metrics_register();
    mxdeliv_add_route(&s->mxdeliv, s->web);
    wire_realtime_add_routes(s->realtime, s->web);
    s->https = (struct http_server){.on_request = web_on_https_request, .arg = s->web, .name = "martlet"};
    s->http = (struct http_server){.on_request = web_on_http_request, .arg = s->web, .name = "martlet"};
}

// By the names of ports_services, and the control socket.
static void list_services(struct wire_services *s, const struct wire_tls *tls) {
    struct conn_limits *const *limits = s->limits.of;
    struct service imap = {.ops = &imap_session_ops, .on_open = imap_session_open, .arg = &s->imap, .tls = tls->imap};
    struct service smtp = {.ops = &smtp_session_ops, .on_open = smtp_session_open, .tls = tls->smtp};
    smtp.arg = &s->submission;
    struct service relay = {.ops = &smtp_session_ops, .on_open = smtp_session_open, .tls = tls->relay};
    relay.arg = &s->relay;
    struct service front = {.ops = &http_session_ops, .on_open = front_open, .arg = &s->front, .tls = tls->front};
    struct service http = {.ops = &http_session_ops, .on_open = http_session_open, .arg = &s->http};
    struct service metrics = {.ops = &http_session_ops,
                              .on_open = http_session_open,
                              .arg = &s->metrics.server,
                              .stall_timeout_ms = METRICS_STALL_MS};
    struct service control = {.ops = &control_session_ops, .on_open = control_session_open, .arg = &s->control};
    imap.busy_reply = "* BYE [UNAVAILABLE] Too busy, try again later\r\n";
    smtp.busy_reply = relay.busy_reply = "421 4.3.2 Too busy, try again later\r\n";
    http.busy_reply = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nConnection: close\r\n"
                      "Content-Length: 0\r\n\r\n";
    control.is_for_operators = metrics.is_for_operators = true;
    const struct {
        const char *name;
        const struct service *is;
        enum listener_tls tls_mode;
        enum wire_limit limit;
    } all[N_SERVICES] = {
        {"imap", &imap, LISTENER_PLAIN, WIRE_LIMIT_IMAP},
        {"imaps", &imap, LISTENER_IMPLICIT, WIRE_LIMIT_IMAP},
        {"smtp", &relay, LISTENER_PLAIN, WIRE_LIMIT_RELAY},
        {"smtps", &smtp, LISTENER_IMPLICIT, WIRE_LIMIT_SMTPS},
        {"submission", &smtp, LISTENER_PLAIN, WIRE_LIMIT_SUBMISSION},
        {"https", &front, LISTENER_IMPLICIT, WIRE_LIMIT_FRONT},
        {"http", &http, LISTENER_PLAIN, WIRE_LIMIT_HTTP},
        {PORTS_METRICS, &metrics, LISTENER_PLAIN, WIRE_LIMIT_METRICS},
        {CONTROL_SOCKET_NAME, &control, LISTENER_PLAIN, WIRE_LIMIT_CONTROL},
    };
    for (size_t i = 0; i < N_SERVICES; i++) {
        s->services[i] = *all[i].is;
        s->services[i].name = all[i].name;
        s->services[i].tls_mode = all[i].tls_mode;
        s->services[i].limits = limits[all[i].limit];
        s->services[i].handshake_timeout_ms = HANDSHAKE_MAX_MS;
    }
}

struct wire_services *wire_services_new(const struct wire_rooms *r, const struct config *c, const struct bundle *b) {
    struct wire_services *s = MEM_NEW(struct wire_services);
    s->realtime = r->realtime;
    wire_limits_init(&s->limits, c);
    build_mail(s, r);
    const struct pages_parts parts = parts_now(c, b);
    struct web_place place = place_of(b);
    build_web(s, r, &place, &parts);
    s->front = (struct front){
        .imap = &s->imap,
        .smtp = &s->submission,
        .http = &s->https,
        .imap_limits = s->limits.of[WIRE_LIMIT_IMAP],
        .smtp_limits = s->limits.of[WIRE_LIMIT_SMTP_443],
        .http_limits = s->limits.of[WIRE_LIMIT_HTTPS],
    };
    bool signs = outbound_signs(r->outbound);
    s->control = (struct control_server){
        .config = r->config,
        .store = r->store,
        .accounts = r->accounts,
        .challenge_set = set_challenge,
        .challenge_clear = clear_challenge,
        .arg = s->web,
        .dkim_list = signs ? outbound_dkim_list : NULL,
        .dkim_reload = signs ? outbound_dkim_reload : NULL,
        .dkim_arg = r->outbound,
        .queue_give_up = outbound_give_up,
        .queue_arg = r->outbound,
        .history = control_history_new(),
        .started_ms = clock_mono_ms(),
        .web_host = place.dev_host,
        .https_port = place.https_port,
    };
    metrics_http_init(&s->metrics, r->store);
    s->status = wire_status_new(r->config, &s->limits, r->outbound, r->pressure, b);
    s->control.sections = wire_status_sections(s->status, &s->control.n_sections);
    list_services(s, r->tls);
    return s;
}

void wire_services_free(struct wire_services *s) {
    if (s == NULL)
        return;
    wire_status_free(s->status);
    control_history_free(s->control.history);
    wire_limits_done(&s->limits);
    web_free(s->web);
    free(s);
}

void wire_services_reload(struct wire_services *s, const struct config *c, const struct bundle *b) {
    wire_limits_set(&s->limits, c);
    wire_realtime_reload(s->realtime, c, b);
    wire_status_reload(s->status, b);
    struct web_place place = place_of(b);
    const struct pages_parts parts = parts_now(c, b);
    web_reload(s->web, &place, &parts);
}

void wire_services_tick(struct wire_services *s) {
    control_history_tick(s->control.history);
}

// ---- sockets ----

bool wire_services_find(const struct wire_services *s, const struct bundle_listener *l, struct service *ret) {
    for (size_t i = 0; i < ARRAY_LEN(s->services); i++) {
        if (strcmp(s->services[i].name, l->service) != 0)
            continue;
        *ret = s->services[i];
        return true;
    }
    return false;
}
