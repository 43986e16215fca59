// SPDX-License-Identifier: MIT
// The connection of a client, private to iroh/. It begins when http/ hands the connection over.
//
//   HELLO ── the client has to prove its key (handshake.h); no struct iroh_client yet
//   OPEN ─── packets
//
// session.c holds the life, session_read.c the frames, forward.c the packets on their way out, liveness.c the time.
#pragma once

#include "iroh/backlog.h"
#include "iroh/client.h"
#include "iroh/counters.h"
#include "iroh/frame.h"
#include "iroh/handshake.h"
#include "iroh/liveness.h"
#include "net/conn.h"

struct iroh_share;

enum {
    // In this time the client must take so much of what waits for it. Less, and it is of no use to anybody.
    IROH_STALL_MS = 2 * 1000,
    IROH_STALL_MIN = 4 * 1024,
    // Octets that the connection, and behind it the kernel, get in advance. All else waits in our queue, so that a Pong
    // is never behind more than that. Together with a packet they fit in the 64 KiB up to which the allocator keeps
    // memory at hand; with more, each turn would get fresh pages from the kernel, at up to a third of the throughput.
    IROH_AHEAD = 32 * 1024,
    IROH_AHEAD_LOW = IROH_AHEAD / 2, // the next ones are handed over then
    IROH_UNSENT = 128 * 1024,
};

struct iroh_session {
    struct conn *c;
    struct iroh_share *share;
    struct iroh_client *client;  // with a reference; NULL in HELLO
    struct iroh_client *last_to; // whom the last packet went to, with a reference; or NULL
    struct iroh_backlog waiting; // whole frames of packets, ready to be sent
    struct iroh_liveness live;
    struct websocket_reader reader; // dialect B
    uint8_t challenge[IROH_CHALLENGE_LEN];
    uint8_t dialect;    // enum iroh_dialect
    uint8_t end;        // enum iroh_end
    bool hello_is_over; // as a success, or counted as a failure
    bool is_inactive;   // and was told so
};

extern const struct conn_ops iroh_session_ops;

// For a connection that is about to be handed over. Until iroh_session_start() it does nothing but what on_close does.
struct iroh_session *iroh_session_new(struct iroh_share *share, struct conn *c);
void iroh_session_free(struct iroh_session *s);
// The connection is its own. proved_key: dialect B's key that the request has proved already, or NULL.
void iroh_session_start(struct iroh_session *s, enum iroh_dialect d, const uint8_t *proved_key);

// The handshake is over / it has failed / the connection ends; the reason is the first one given.
void iroh_session_admit(struct iroh_session *s, const uint8_t key[IROH_KEY_LEN]);
void iroh_session_fail(struct iroh_session *s, enum iroh_failure why);
void iroh_session_end(struct iroh_session *s, enum iroh_end why);
void iroh_session_on_standing(struct iroh_session *s, enum iroh_standing standing);

// session_read.c: of conn_ops.
size_t iroh_session_read(struct iroh_session *s, struct slice in);

// forward.c
// A packet of this client goes where it should, or nowhere.
void iroh_session_forward(struct iroh_session *s, const struct iroh_frame *f);
// A frame (`head`, then the unmasked `body`) for this client is sent, waits, or is dropped. has_crossed: it comes from
// another loop, where iroh_client_begin_crossing() has let it go.
void iroh_session_deliver(struct iroh_session *s, const uint8_t *head, size_t head_len,
                          const struct websocket_payload *body, bool has_crossed);
// The connection has room: hands over what waits.
void iroh_session_drain(struct iroh_session *s);
