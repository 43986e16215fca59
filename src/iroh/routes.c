// SPDX-License-Identifier: MIT
// The requests that clients begin with, and who is let in.
#include <string.h>

#include "base/clock.h"
#include "base/pressure.h"
#include "base/table.h"
#include "http/http.h"
#include "http/route.h"
#include "http/web/web.h"
#include "http/websocket.h"
#include "iroh/counters.h"
#include "iroh/relay.h"
#include "iroh/session.h"
#include "net/listener.h"

enum {
    // New clients of one address: so many at once, then one each interval. GCRA, see account/rate.h.
    ARRIVALS_BURST = 50,
    ARRIVAL_INTERVAL_US = 100 * 1000,
};

static const char upgrade_a[] = "iroh derp http";

static void refuse(struct http_exchange *x, enum iroh_refusal why, uint16_t status, const char *text) {
    iroh_count_refusal(why);
    http_respond_text(x, status, text);
}

static bool arrives_too_often(struct iroh_relay *r, const struct net_address *peer) {
    struct hash128 key = net_address_limit_key(peer);
    uint64_t *due = table_lock(r->arrivals, key, true, NULL);
    ASSERT(due != NULL); // nothing in this table is pinned
    uint64_t now = clock_mono_us();
    if (*due < now)
        *due = now;
    bool too_often = *due - now > (ARRIVALS_BURST - 1) * ARRIVAL_INTERVAL_US;
    if (!too_often)
        *due += ARRIVAL_INTERVAL_US;
    table_unlock(r->arrivals, key);
    return too_often;
}

static void refuse_for_a_while(struct http_exchange *x, enum iroh_refusal why) {
    static const struct http_field LATER = {SLICE("Retry-After"), SLICE("10")};
    iroh_count_refusal(why);
    http_respond(x, &(struct http_response){.status = why == IROH_REFUSED_RATE ? 429 : 503,
                                            .content_type = "text/plain; charset=utf-8",
                                            .body = SLICE("There are too many connections to this relay.\n"),
                                            .fields = &LATER,
                                            .n_fields = 1});
}

// Answers the exchange when it is false. The connection is counted when it has been handed over; until then it is in
// the limits of HTTP.
static bool is_admitted(struct iroh_relay *r, struct http_exchange *x) {
    struct net_address peer = conn_peer(http_exchange_conn(x));
    enum conn_admission admission = CONN_TOO_MANY;
    if (arrives_too_often(r, &peer)) {
        refuse_for_a_while(x, IROH_REFUSED_RATE);
        return false;
    }
    if (!pressure_refuses(PRESSURE_CONNECTIONS) && conn_limits_enter(r->limits, &peer, &admission))
        conn_limits_leave(r->limits, &peer);
    if (admission == CONN_ADMITTED)
        return true;
    refuse_for_a_while(x, admission == CONN_TOO_MANY ? IROH_REFUSED_TOTAL : IROH_REFUSED_ADDRESS);
    return false;
}

static void open_a(struct iroh_relay *r, struct http_exchange *x) {
    static const struct http_field FIELDS[] = {
        {SLICE("Upgrade"), {upgrade_a, sizeof(upgrade_a) - 1}},
        {SLICE("Connection"), SLICE("upgrade")},
    };
    struct conn *c = http_exchange_conn(x);
    struct iroh_session *s = iroh_session_new(iroh_relay_share(r, conn_loop(c)), c);
    http_upgrade(x, FIELDS, ARRAY_LEN(FIELDS), &iroh_session_ops, s);
    conn_set_limits(c, r->limits);
    iroh_session_start(s, IROH_A, NULL);
}

// A client whose TLS ends here can have proved its key in the request already (handshake.h). Where that is not so, or
// makes no sense, it is challenged.
static bool has_proved_key(struct http_exchange *x, uint8_t ret_key[static IROH_KEY_LEN]) {
    struct slice field = http_request_field(http_exchange_request(x), "x-iroh-relay-client-auth-v1");
    struct iroh_b_ticket ticket;
    uint8_t material[IROH_MATERIAL_LEN];
    if (field.ptr == NULL || !iroh_b_ticket_parse(field, &ticket) ||
        !conn_tls_export(http_exchange_conn(x), IROH_B_EXPORT_LABEL, slice_make((const char *)ticket.key, IROH_KEY_LEN),
                         material, sizeof(material)) ||
        !iroh_b_ticket_is_valid(&ticket, material))
        return false;
    memcpy(ret_key, ticket.key, IROH_KEY_LEN);
    return true;
}

static void open_b(struct iroh_relay *r, struct http_exchange *x) {
    static const char v1[] = "iroh-relay-v1", v2[] = "iroh-relay-v2";
    static const char *const PROTOCOLS[] = {v2, v1, NULL};
    struct conn *c = http_exchange_conn(x);
    uint8_t key[IROH_KEY_LEN];
    bool is_proved = has_proved_key(x, key);
    struct iroh_session *s = iroh_session_new(iroh_relay_share(r, conn_loop(c)), c);
    const char *protocol;
    if (!http_websocket_accept(x, PROTOCOLS, &protocol, &iroh_session_ops, s)) {
        iroh_count_refusal(IROH_REFUSED_REQUEST);
        iroh_session_free(s);
        return;
    }
    conn_set_limits(c, r->limits);
    iroh_session_start(s, strcmp(protocol, v2) == 0 ? IROH_B_V2 : IROH_B_V1, is_proved ? key : NULL);
}

static bool is_there(struct iroh_relay *r, struct http_exchange *x) {
    if (atomic_load(&r->is_on))
        return true;
    http_respond_text(x, 404, "There is no iroh relay here.");
    return false;
}

// has_b: dialect B has business there. What an upgrade is called is compared octet by octet, as clients and the
// relays they know do it.
static void run(struct iroh_relay *r, struct http_exchange *x, bool has_b) {
    const struct http_request *q = http_exchange_request(x);
    struct slice upgrade = http_request_field(q, "upgrade");
    bool is_a = upgrade.ptr != NULL && slice_eq(upgrade, slice_from_cstr(upgrade_a));
    bool is_b = has_b && upgrade.ptr != NULL && slice_eq(upgrade, SLICE("websocket"));
    if (!is_there(r, x))
        return;
    if (q->method != HTTP_GET || (!is_a && !is_b))
        refuse(x, IROH_REFUSED_REQUEST, 400, "This address is for clients of the iroh relay.");
    else if (!is_admitted(r, x))
        return;
    else if (is_a)
        open_a(r, x);
    else
        open_b(r, x);
}

static void run_relay(void *arg, struct http_exchange *x) {
    run(arg, x, true);
}

static void run_derp(void *arg, struct http_exchange *x) {
    run(arg, x, false);
}

// Pages of other sites may ask, too: a client can be one.
static void run_ping(void *arg, struct http_exchange *x) {
    static const struct http_field ANYBODY = {SLICE("Access-Control-Allow-Origin"), SLICE("*")};
    if (is_there(arg, x))
        http_respond(x, &(struct http_response){.status = 200, .body = SLICE_EMPTY, .fields = &ANYBODY, .n_fields = 1});
}

static bool is_on_http(void *arg) {
    struct iroh_relay *r = arg;
    return atomic_load(&r->is_on) && atomic_load(&r->is_on_http);
}

void iroh_relay_add_routes(struct iroh_relay *r, struct web *w) {
    static const struct http_route ROUTES[] = {
        {"/relay", HTTP_ALLOW_GET, run_relay},
        {"/derp", HTTP_ALLOW_GET, run_derp},
        {"/ping", HTTP_ALLOW_GET, run_ping},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        web_add_route(w, &ROUTES[i], r);
        web_add_http_route(w, &ROUTES[i], is_on_http, r);
    }
}
