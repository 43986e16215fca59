// SPDX-License-Identifier: MIT
// Outbound connections: from a list of addresses to one open connection, an ordinary struct conn (net/conn.h).
//
// Happy Eyeballs (RFC 8305): the families are taken in turn, beginning with that of the first address; a further
// attempt begins when the one before has failed, or has not succeeded within the delay, and goes on beside it. The
// first that connects wins, the others are closed. One limit of time is over all of it.
//
// Everything happens on the loop's thread. The connection is in clear text; TLS is begun by the session, at once in
// on_open or later (conn_start_tls_client()).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"
#include "net/conn.h"

enum {
    CONNECTOR_ADDRESSES_MAX = 16, // further ones are not tried
    CONNECTOR_TIMEOUT_MS = 60 * 1000,
    CONNECTOR_DELAY_MS = 250, // RFC 8305 section 8, "Connection Attempt Delay"
};

struct connector_settings {
    // In the order of preference; A and AAAA mixed. Copied. None at all fails with "no address".
    const struct net_address *addresses;
    size_t n_addresses;
    uint32_t timeout_ms; // for everything; 0: CONNECTOR_TIMEOUT_MS
    uint32_t delay_ms;   // between attempts; 0: CONNECTOR_DELAY_MS
    const struct conn_ops *ops;
    // Connected. Returns the session that the ops get (may be `arg`); NULL: no session, the connection is closed. The
    // connector has ceased to exist.
    void *(*on_open)(void *arg, struct conn *c);
    // No address answered. `why` is a static text about the attempt that failed last ("connection refused",
    // "timed out", ...), without any address in it. The connector has ceased to exist.
    void (*on_failed)(void *arg, const char *why);
    void *arg;
};

// On the loop's thread. Exactly one of on_open and on_failed is called in a later turn, never within this call, unless
// it is cancelled before. `s` is copied.
struct connector *connector_start(struct loop *loop, const struct connector_settings *s);
// No callback will come. NULL is accepted. Every connector must be cancelled or have ended before its loop is freed.
void connector_cancel(struct connector *co);
