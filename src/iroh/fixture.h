// SPDX-License-Identifier: MIT
// For tests of the relay: clients of both dialects over connections in memory, all on one loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "iroh/iroh.h"
#include "iroh/session.h"

enum { FIXTURE_KEYS = 16 };

struct fixture {
    struct loop *loop;
    struct iroh_relay *relay;
};

struct fixture_client {
    struct fixture *f;
    struct conn *c;
    struct iroh_session *session; // dead when the connection is closed
    enum iroh_dialect d;
    uint8_t key[IROH_KEY_LEN];
    uint8_t secret[64];
};

// The clock stands still, at an arbitrary time. limits NULL: many connections, no bandwidth limit.
void fixture_start(struct fixture *f, const struct iroh_limits *limits);
void fixture_stop(struct fixture *f);
void fixture_pass_ms(uint64_t ms);

// A key pair of its own for each number.
void fixture_key(unsigned number, uint8_t ret_key[IROH_KEY_LEN], uint8_t ret_secret[64]);
// ClientInfo of dialect A with this key / the answer to dialect B's challenge, as a websocket frame.
size_t fixture_hello_a(const uint8_t key[IROH_KEY_LEN], const uint8_t secret[64], uint8_t ret[IROH_A_HELLO_LEN]);
size_t fixture_hello_b(const uint8_t key[IROH_KEY_LEN], const uint8_t secret[64], const uint8_t challenge[16],
                       uint8_t ret[128]);

// A connection that has been handed over by HTTP; then also its handshake, and what came out of that is taken.
void client_connect(struct fixture_client *k, struct fixture *f, enum iroh_dialect d, unsigned number);
void client_join(struct fixture_client *k, struct fixture *f, enum iroh_dialect d, unsigned number);
// Octets arrive, and everything that is ready runs.
void client_feed(struct fixture_client *k, const void *ptr, size_t len);
// One frame in the client's dialect.
void client_send(struct fixture_client *k, uint8_t type, const void *payload, size_t len);
// A packet for the client of this key; in dialect B a single datagram without ECN.
void client_send_packet(struct fixture_client *k, const uint8_t to[IROH_KEY_LEN], struct slice packet);
// A websocket frame of a client; the mask is fixed.
size_t fixture_websocket(uint8_t first, const void *payload, size_t len, uint8_t *ret);
// All that it got since the last time it was asked, valid until then.
struct slice client_got(struct fixture_client *k);
// The next frame off the front of what it got: type and payload. False: none is left.
bool fixture_next_frame(enum iroh_dialect d, struct slice *in, uint8_t *ret_type, struct slice *ret_payload);
bool client_is_closed(const struct fixture_client *k);
void client_free(struct fixture_client *k);
