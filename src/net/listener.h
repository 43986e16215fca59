// SPDX-License-Identifier: MIT
// Listening sockets, TCP or UNIX. The sockets themselves belong to the parent process and are inherited; a listener
// accepts on one loop and spreads connections over all loops in turn. An error of accept() (EMFILE, ENFILE,
// ECONNABORTED, ...) never ends it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"

struct listener;
struct conn_limits;
struct tls_context;

// A total and a share for each client address, enforced over all listeners that use it. Thread-safe. A few connections
// over a limit are accepted so that they can be told (conn_admission()); far over it they are closed at once. Peers on
// a UNIX socket have no address (it is all zero) and no share, only the total counts for them.
struct conn_limits *conn_limits_new(uint32_t max_total, uint32_t max_per_address);
void conn_limits_set(struct conn_limits *l, uint32_t max_total, uint32_t max_per_address);
// After the last connection that it counts.
void conn_limits_free(struct conn_limits *l);
// Counts a connection in, and out; or anything else that one peer must not have all of. False: far over a limit, close
// it; nothing was counted.
MUST_USE bool conn_limits_enter(struct conn_limits *l, const struct net_address *peer, enum conn_admission *ret);
void conn_limits_leave(struct conn_limits *l, const struct net_address *peer);
// What is counted now, and the total allowed. Any thread.
void conn_limits_read(struct conn_limits *l, uint32_t *ret_open, uint32_t *ret_max);
// How many were counted in since the start, and how many of them out again.
uint64_t conn_limits_entered(struct conn_limits *l);
uint64_t conn_limits_left(struct conn_limits *l);

enum listener_tls {
    LISTENER_PLAIN,    // clear text, perhaps STARTTLS later
    LISTENER_IMPLICIT, // TLS from the first octet
};

struct service {
    const char *name; // for logs and metrics: "imaps"
    enum listener_tls tls_mode;
    struct tls_context *tls;    // NULL only when no TLS is ever spoken; implicit or for STARTTLS by the session
    struct conn_limits *limits; // may be NULL: none
    uint32_t handshake_timeout_ms;
    // In this time a peer must take at least 32 KiB of output that waits for it (CONN_END_OVERFLOW); 0: 5 minutes.
    uint32_t stall_timeout_ms;
    const struct conn_ops *ops;
    // Under pressure (base/pressure.h) that will not pass soon a connection is closed before anything is spent on it,
    // in clear text after this reply. NULL: no word, for before TLS nobody would understand one.
    const char *busy_reply;
    bool is_for_operators; // taken whatever happens
    // A connection is ready for its protocol (after an implicit handshake). Runs on the connection's loop; may write
    // the greeting. Returns the session that the ops get; NULL: no session, closed after what was written is sent.
    void *(*on_open)(void *arg, struct conn *c);
    void *arg;
};

// Takes an inherited listening socket; does not close it. `accept_loop` accepts, `loops` carry the connections. `svc`
// is copied. Call before the loops run, or on accept_loop.
struct listener *listener_new(int fd, struct loop *accept_loop, struct loop *const *loops, size_t n_loops,
                              const struct service *svc);
// The loop that it was made with, and the name of its service.
struct loop *listener_loop(const struct listener *l);
const char *listener_name(const struct listener *l);
// On accept_loop: a sign of life. False: connections wait now as they did when this was last asked, and since then
// nothing has looked at them.
bool listener_is_alive(struct listener *l);
// On accept_loop: accept no more. Connections wait in the backlog for the next process.
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

// Of all listeners but those for operators: until this is called again they take so many more connections, for a crowd
// can be faster than whoever measures what it costs; the others wait in the backlog. And no connection keeps a
// descriptor from this number on: what is above is for the store, the log and the DNS. Without a call there are no such
// limits. Returns what is left of the number before, which may be less than nothing. Any thread.
int64_t listener_allow(int64_t n_connections, uint64_t descriptors);

// Asks every connection of this loop to shut down (on_shutdown), and no longer waits long for peers to close their
// side. On the loop's thread.
void conn_shutdown_all(struct loop *loop);
// Connections open on all loops; any thread.
size_t conn_count(void);
