// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_realtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/config.h"
#include "iroh/iroh.h"
#include "martlet/handover/bundle.h"
#include "martlet/relay/wire_metadata.h"
#include "net/loop.h"
#include "store/invitation_ops.h"
#include "turn/turn.h"

#define TURN_SECRET_NAME "turn"

_Static_assert((int)TURN_SECRET_LEN == (int)STORE_SECRET_LEN, "secrets of the store have one length");

struct wire_realtime {
    struct wire_realtime_rooms rooms;
    struct wire_metadata *metadata;
    struct iroh_relay *iroh;
    struct turn_server *turn;
    size_t n_sockets; // of TURN
};

// ---- the secret ----

struct secret_wait {
    struct loop *loop; // runs for this one answer
    enum store_status status;
    uint8_t secret[STORE_SECRET_LEN];
};

static void on_secret(struct store_op *op) {
    struct secret_wait *w = op->arg;
    w->status = op->status;
    if (op->status == STORE_OK)
        memcpy(w->secret, CONTAINER_OF(op, struct store_secret, op)->ret_secret, sizeof(w->secret));
    store_op_free(op);
    loop_stop(w->loop);
}

static void find_secret(struct store *store, uint8_t ret[TURN_SECRET_LEN]) {
    struct secret_wait w = {.loop = loop_new()};
    store_op_submit(store, w.loop, &store_secret_new(TURN_SECRET_NAME)->op, on_secret, &w);
    loop_run(w.loop);
    loop_free(w.loop);
    if (w.status == STORE_OK) {
        memcpy(ret, w.secret, STORE_SECRET_LEN);
        return;
    }
    log_warning("turn.secret_not_kept", "reason=\"the store could not make one; credentials end with this process\"");
    random_bytes(ret, STORE_SECRET_LEN);
}

// ---- what is announced and served ----

struct announce_place wire_realtime_place(const struct bundle *b) {
    return (struct announce_place){
        .is_dev = b->is_dev,
        .has_public_certificate = b->has_public_certificate,
        .http_port = bundle_port(b, "http", 80),
        .https_port = bundle_port(b, "https", 443),
    };
}

static void find_announcement(const struct config *c, const struct bundle *b, struct announce_iroh *ret) {
    const struct announce_place place = wire_realtime_place(b);
    announce_iroh(c, &place, ret);
}

static struct iroh_limits iroh_limits_of(const struct config *c, const struct announce_iroh *announced) {
    return (struct iroh_limits){
        .is_on = announced->on_https,
        .is_on_http = announced->on_http,
        .max_connections = c->max_iroh_connections,
        .connections_per_address = c->iroh_connections_per_address,
        .bandwidth = c->iroh_bandwidth,
        .relay_only = c->iroh_relay_only,
    };
}

// ---- building ----

struct wire_realtime *wire_realtime_new(const struct wire_realtime_rooms *rooms, const struct config *c,
                                        const struct bundle *b) {
    struct wire_realtime *r = MEM_NEW(struct wire_realtime);
    r->rooms = *rooms;
    struct turn_settings turn = {
        .loops = rooms->loops, .n_loops = rooms->n_loops, .host = b->is_dev ? "127.0.0.1" : NULL, .config = c};
    find_secret(rooms->store, turn.secret);
    r->turn = turn_server_new(&turn);
    struct announce_iroh announced;
    find_announcement(c, b, &announced);
    r->iroh = iroh_relay_new(&(struct iroh_settings){
        .loops = rooms->loops, .n_loops = rooms->n_loops, .limits = iroh_limits_of(c, &announced)});
    r->metadata = wire_metadata_new(r->turn);
    wire_metadata_set(r->metadata, announced.url, b->app_versions);
    return r;
}

void wire_realtime_add_routes(struct wire_realtime *r, struct web *w) {
    iroh_relay_add_routes(r->iroh, w);
}

struct imap_metadata_ops wire_realtime_metadata(const struct wire_realtime *r, void **ret_arg) {
    *ret_arg = r->metadata;
    return wire_metadata_ops;
}

bool wire_realtime_add_socket(struct wire_realtime *r, const struct bundle_listener *l) {
    // The sockets of a family follow each other, as many as there are loops, or fewer.
    return strcmp(l->service, "turn") == 0 &&
           turn_server_add_socket(r->turn, l->fd, r->rooms.loops[r->n_sockets++ % r->rooms.n_loops]);
}

void wire_realtime_reload(struct wire_realtime *r, const struct config *c, const struct bundle *b) {
    struct announce_iroh announced;
    find_announcement(c, b, &announced);
    struct iroh_limits limits = iroh_limits_of(c, &announced);
    iroh_relay_set_limits(r->iroh, &limits);
    turn_server_reload(r->turn, c);
    wire_metadata_set(r->metadata, announced.url, b->app_versions);
}

// ---- taking down ----

void wire_realtime_stop(struct wire_realtime *r, struct loop *loop) {
    turn_server_stop(r->turn, loop);
}

void wire_realtime_end(struct wire_realtime *r) {
    if (r == NULL)
        return;
    wire_metadata_free(r->metadata);
    r->metadata = NULL;
    turn_server_free(r->turn);
    r->turn = NULL;
}

void wire_realtime_free(struct wire_realtime *r) {
    if (r == NULL)
        return;
    iroh_relay_free(r->iroh);
    free(r);
}
