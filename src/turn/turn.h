// SPDX-License-Identifier: MIT
// The STUN and TURN server (RFC 8489, RFC 8656), over UDP: what calls fall back on when two clients cannot reach each
// other directly. Credentials are handed out by IMAP METADATA and need no state here: the user name is the time until
// which they are valid, the password a MAC over it.
//
// A client's allocation lives on the loop of the socket that its datagrams come to, relayed socket and all, and is
// touched by that thread alone. What loops share: quotas, reservations of ports, which ports are relayed, and a
// limit of bandwidth. No address and no user name is ever logged.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct config;
struct loop;
struct turn_server;

enum {
    TURN_SECRET_LEN = 32,
    TURN_CREDENTIALS_MAX = 320, // "host:port:expiry:password" with a NUL
};

struct turn_settings {
    struct loop *const *loops; // all loops that sockets are added on
    size_t n_loops;
    // Signs credentials and nonces; copied.
    uint8_t secret[TURN_SECRET_LEN];
    // What clients are told to ask, if it is not the mail domain: no name leads to a relay in development. Copied.
    const char *host;
    // Read in turn_server_new() only: mail_domain, and all keys that begin with turn or max_turn.
    const struct config *config;
};

struct turn_server *turn_server_new(const struct turn_settings *settings);

// Serves the clients of this bound UDP socket on `loop`, one of the loops of the settings. Several sockets with
// SO_REUSEPORT may share an address, each on a loop of its own. The descriptor is borrowed: it is not closed, and its
// buffers keep their sizes. Call before the loops run, for all sockets that there are: which families are served is
// known from them. False when it is no UDP socket.
MUST_USE bool turn_server_add_socket(struct turn_server *s, int fd, struct loop *loop);

// Any thread, one at a time: the new configuration counts for what is asked from now on. Existing allocations stay
// (those over a lower quota, too), their limits of bandwidth follow; with `turn = false` they end and nothing is
// answered any more. mail_domain does not change.
void turn_server_reload(struct turn_server *s, const struct config *config);

// On the loop's thread: ends all allocations of this loop and reads no more from its sockets.
void turn_server_stop(struct turn_server *s, struct loop *loop);
// When the loops stand still, and before they are freed. NULL is accepted.
void turn_server_free(struct turn_server *s);

// Any thread: new credentials, "host:port:expiry:password", NUL-terminated, for the METADATA entry
// /shared/vendor/deltachat/turn, for five days and up to twelve hours more. The host is that of the settings, else the
// mail domain, for a domain that is an IP address the bare address. False when there are none: `turn = false`, no
// socket, or a host with a colon in it.
MUST_USE bool turn_credentials(struct turn_server *s, char ret[TURN_CREDENTIALS_MAX]);

// Allocations that exist now, on all loops; any thread.
size_t turn_server_allocations(const struct turn_server *s);
