// SPDX-License-Identifier: MIT
// A delivery is one request from its head to its answer. It owns the transaction, and is told by the exchange when the
// client has gone; then both go.
#include "http/mxdeliv/mxdeliv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/route.h"
#include "intake/intake.h"
#include "mail/address.h"
#include "net/listener.h"

static const char too_large[] = "552 Message exceeds maximum size";

struct delivery {
    struct mxdeliv_server *server;
    struct net_address peer; // as it was counted
    struct http_exchange *x;
    struct intake_txn *txn;
    uint64_t octets, octets_max; // of the body
    uint64_t began_ms;
    bool waits_for_disk;
};

// ---- answers ----

static uint16_t status_of(struct slice reply) {
    if (reply.len > 0 && reply.ptr[0] == '2')
        return 200;
    if (reply.len > 0 && reply.ptr[0] == '4')
        return 503;
    return slice_eq(reply, slice_from_cstr(too_large)) ? 413 : 400;
}

// Peers look at the status; the text is for their logs.
static void respond(struct http_exchange *x, const char *reply) {
    uint16_t status = status_of(slice_from_cstr(reply));
    struct slice text = status == 200 ? SLICE("250 OK") : slice_from_cstr(reply);
    http_respond(x, &(struct http_response){.status = status, .content_type = "text/plain", .body = text});
}

// One client alone does not keep the others out. False: come again later.
static bool enter(struct mxdeliv_server *s, const struct net_address *peer) {
    enum conn_admission admission = CONN_ADMITTED;
    if (s->limits == NULL)
        return true;
    if (!conn_limits_enter(s->limits, peer, &admission))
        return false;
    if (admission != CONN_ADMITTED)
        conn_limits_leave(s->limits, peer);
    return admission == CONN_ADMITTED;
}

static void leave(struct mxdeliv_server *s, const struct net_address *peer) {
    if (s->limits != NULL)
        conn_limits_leave(s->limits, peer);
}

static void free_delivery(struct delivery *d) {
    intake_txn_free(d->txn);
    leave(d->server, &d->peer);
    free(d);
}

static void answer(struct delivery *d, const char *reply) {
    struct http_exchange *x = d->x;
    struct intake_reply copy; // it may stand in the transaction
    size_t len = strnlen(reply, sizeof(copy.text) - 1);
    memcpy(copy.text, reply, len);
    copy.text[len] = '\0';
    log_info(reply[0] == '2' ? "mxdeliv.accepted" : "mxdeliv.refused", "code=%.3s rcpts=%zu size=%llu ms=%llu",
             copy.text, intake_txn_n_rcpts(d->txn), (unsigned long long)d->octets,
             (unsigned long long)(clock_mono_ms() - d->began_ms));
    free_delivery(d);
    respond(x, copy.text);
}

static void on_cancel(void *owner) {
    free_delivery(owner);
}

// ---- the body ----

static void on_done(void *arg, const struct intake_reply *reply) {
    answer(arg, reply->text);
}

static void on_ready(void *arg) {
    struct delivery *d = arg;
    if (!d->waits_for_disk)
        return;
    d->waits_for_disk = false;
    conn_resume(http_exchange_conn(d->x));
}

static void on_body(void *owner, const char *ptr, size_t len) {
    struct delivery *d = owner;
    if (len == 0) {
        intake_txn_finish(d->txn, on_done, d);
        return;
    }
    d->octets += len;
    if (d->octets > d->octets_max) {
        answer(d, too_large);
    } else if (!intake_txn_write_mxdeliv(d->txn, slice_make(ptr, len))) {
        d->waits_for_disk = true;
        conn_pause(http_exchange_conn(d->x));
    }
}

// ---- the head ----

static bool is_from(const struct http_field *f) {
    return slice_eq_ci(f->name, SLICE("X-MAIL-FROM"));
}

// The sender. False with a reply: there are two, or it is no address.
static bool find_sender(const struct http_request *r, struct slice *ret_from, struct intake_reply *ret_reply) {
    static const struct intake_reply bad = {"501 5.1.7 Error: bad sender address syntax"};
    struct slice from = SLICE_EMPTY;
    size_t n = 0;
    for (size_t i = 0; i < r->n_fields; i++)
        if (is_from(&r->fields[i])) {
            from = r->fields[i].value;
            n++;
        }
    struct address a;
    if (n > 1 || (from.len > 0 && !address_parse(from, &a))) {
        *ret_reply = bad;
        return false;
    }
    *ret_from = from;
    return true;
}

static bool name_recipients(struct intake_txn *t, const struct http_request *r, struct intake_reply *ret_reply) {
    for (size_t i = 0; i < r->n_fields; i++)
        if (slice_eq_ci(r->fields[i].name, SLICE("X-MAIL-TO")) && !intake_txn_rcpt(t, r->fields[i].value, ret_reply))
            return false;
    static const struct intake_reply none = {"554 5.5.1 Error: no valid recipients"};
    if (intake_txn_n_rcpts(t) == 0)
        *ret_reply = none;
    return intake_txn_n_rcpts(t) > 0;
}

// The peer is counted in.
static void start(struct mxdeliv_server *s, struct http_exchange *x, const struct net_address *peer,
                  uint64_t octets_max) {
    const struct http_request *r = http_exchange_request(x);
    struct intake_reply reply = {.text = ""};
    struct slice from;
    if (!find_sender(r, &from, &reply)) {
        leave(s, peer);
        respond(x, reply.text);
        return;
    }
    struct delivery *d = MEM_NEW(struct delivery);
    *d = (struct delivery){.server = s, .peer = *peer, .x = x, .octets_max = octets_max, .began_ms = clock_mono_ms()};
    d->txn = intake_txn_new_inbound(s->intake, conn_loop(http_exchange_conn(x)), from);
    if (!name_recipients(d->txn, r, &reply)) {
        answer(d, reply.text);
        return;
    }
    intake_txn_set_on_ready(d->txn, on_ready, d);
    http_exchange_set_owner(x, on_cancel, d);
    http_exchange_read_body(x, UINT64_MAX, on_body); // our own limit has a reply of its own
}

static void run(void *arg, struct http_exchange *x) {
    struct mxdeliv_server *s = arg;
    const struct http_request *r = http_exchange_request(x);
    const struct config *c = config_acquire(s->config);
    // Where every line is a doubled dot, a third of the body is not the message's; what it says itself is the intake's
    // to measure.
    uint64_t octets_max = c->max_message_size + c->max_message_size / 2;
    config_release(s->config, c);
    struct net_address peer = conn_peer(http_exchange_conn(x));
    const char *overload = intake_overloaded();
    if (r->has_length && r->length > octets_max)
        respond(x, too_large);
    else if (overload != NULL)
        respond(x, overload);
    else if (enter(s, &peer))
        start(s, x, &peer, octets_max);
    else
        respond(x, "421 4.7.0 Error: too many messages at a time, try again later");
}

const struct http_route mxdeliv_route = {"/mxdeliv", HTTP_ALLOW_POST, run};

void mxdeliv_on_request(void *arg, struct http_exchange *x) {
    if (!http_route_run(&mxdeliv_route, 1, arg, x))
        http_respond_text(x, 404, "Not found.");
}
