// SPDX-License-Identifier: MIT
// The inside of a connection, private to net/. The life of one:
//
//   HANDSHAKE ── TLS is being set up (skipped in clear text); the session does not exist yet, or waits (STARTTLS)
//   OPEN ─────── octets flow between the peer and the session
//   ENDING ───── decided; on_close is due at the end of the turn
//   LINGER ───── the session is gone, its last words are being sent
//   DRAIN ────── all is sent; what the peer still sends is read away, for closing over unread octets would reset the
//                connection and could take our last reply with it
//   DEAD ─────── to be freed at the end of the turn
//
// Any callback may ask for any of this at any moment: asking changes the state and schedules conn_turn(), and only
// conn_turn(), which runs deferred, calls on_close or frees.
//
// conn.c holds the life and what the session may ask for, conn_event.c the socket's readiness and the timer,
// conn_flow.c the octets, conn_stall.c how long they may wait for the peer, conn_linger.c the end; conn_plain.c,
// conn_tls.c and conn_memory.c are the three ways to carry octets.
#pragma once

#include <event2/event_struct.h>

#include "base/list.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop_internal.h"

struct ssl_st;

enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_ENDING, CONN_LINGER, CONN_DRAIN, CONN_DEAD };

enum io_result {
    IO_OK,
    IO_BLOCKED, // wait for the socket
    IO_EOF,
    IO_FAILED,
};

// How octets are carried. `read` and `write` move at least one octet when they answer IO_OK.
struct transport {
    enum io_result (*read)(struct conn *c, char *ptr, size_t max, size_t *ret_len);
    enum io_result (*write)(struct conn *c, const char *ptr, size_t len, size_t *ret_len);
    // Octets were taken from the socket that `read` has not given out: the socket alone will not tell.
    bool (*has_more)(const struct conn *c);
    enum io_result (*handshake)(struct conn *c);
    // No more will be written: says so to the peer, best effort.
    void (*finish)(struct conn *c);
};

extern const struct transport conn_transport_plain, conn_transport_tls, conn_transport_memory;

struct conn {
    struct list link; // in loop_net.conns
    struct loop *loop;
    struct loop_task turn;
    const struct transport *transport;
    const struct conn_ops *ops;
    void *session;
    void *(*on_open)(void *arg, struct conn *c);
    void *arg;
    struct conn_limits *limits; // or NULL
    struct tls_context *tls;    // that of a handshake to come
    struct ssl_st *ssl;
    struct ssl_st *client_ssl;  // the same of a client, until it begins
    const char *tls_error;      // static; NULL: none
    struct conn_memory *memory; // NULL for a socket
    struct buf in;              // unconsumed
    struct buf out;             // unsent
    struct event io;
    struct loop_timer timer;
    // One timer, armed lazily: what happens only moves `since_ms`, and the timer looks at it when it fires.
    uint64_t since_ms;       // start of the time that is running: of the handshake, of silence, of lingering
    uint64_t timer_at_ms;    // when the timer fires; 0: not armed
    uint64_t stall_since_ms; // output has been waiting for the socket; 0: it has not
    uint64_t stall_taken;    // octets that the peer had taken then
    uint64_t last_taken;     // and when conn_peer_takes() was asked last
    uint64_t written;        // octets given to the transport
    uint32_t timeout_ms;
    uint32_t handshake_ms;
    uint32_t stall_ms;
    uint32_t stall_min; // octets to be taken in that time
    int fd;
    uint32_t clear_left; // octets of `out` that precede a STARTTLS handshake
    uint32_t drained;    // octets read away in DRAIN
    uint32_t drain_mark; // of conn_ask_drain(); 0: not asked
    struct net_address peer;
    uint8_t admission;
    uint8_t state;
    uint8_t why;          // enum conn_end, from ENDING on
    uint8_t armed;        // EV_READ | EV_WRITE: what `io` waits for
    bool has_session : 1; // on_close is owed
    bool scheduled : 1;   // `turn` is deferred
    bool paused : 1;
    bool showing : 1;      // within on_read: `in` must stay where it is
    bool show_due : 1;     // kept octets are to be shown in conn_turn()
    bool read_due : 1;     // the transport is to be read in conn_turn()
    bool out_high : 1;     // `out` has passed CONN_OUT_HIGH; input is held until it falls below CONN_OUT_LOW
    bool eof : 1;          // the peer will send no more
    bool blocked : 1;      // `out` waits for the socket
    bool tls_blocked : 1;  // TLS must write before it can go on reading
    bool tls_broken : 1;   // no close_notify after a fatal error
    bool flush_at_end : 1; // conn_close(), not conn_abort()
    bool in_timeout : 1;   // within on_timeout
    bool secure : 1;       // TLS is up
};

// conn.c
// Sets up what every connection has; it takes part in no loop yet.
void conn_init(struct conn *c, struct loop *loop, const struct conn_ops *ops, const struct transport *transport);
// On the loop: known to it from now on.
void conn_link(struct conn *c);
// Takes the socket. On any thread.
struct conn *conn_new_socket(int fd, struct loop *loop, const struct service *svc, struct net_address peer,
                             enum conn_admission admission);
// What connections count is seen from now on, and not only from the first one.
void conn_metrics_register(void);
// Begins on the connection's loop; may be called on any thread.
void conn_start(struct conn *c);
// conn_turn() will run at the end of the turn.
void conn_schedule(struct conn *c);
// Begins the end. The first reason stays; not to flush wins.
void conn_end(struct conn *c, enum conn_end why, bool flush);
// Counts it out, where it is counted.
void conn_leave_limits(struct conn *c);
// Runs on_timeout.
void conn_time_out(struct conn *c);
// The next step of a handshake / of sending what the session wrote.
void conn_handshake(struct conn *c);
void conn_send(struct conn *c);

// conn_event.c
// After each event and each turn: waits for what the state now needs, with the timer that it needs.
void conn_settle(struct conn *c);
bool conn_may_read(const struct conn *c);
// The running time starts anew.
void conn_touch(struct conn *c);
void conn_unwatch(struct conn *c);
void conn_init_events(struct conn *c);

// conn_flow.c
bool conn_may_show(const struct conn *c);
void conn_read(struct conn *c);
void conn_show_kept(struct conn *c);
// Writes until all is sent (IO_OK, also when the share of this turn is used up: `blocked` is set then), or IO_BLOCKED,
// or IO_FAILED. Moves only octets; the caller decides what follows.
enum io_result conn_flush(struct conn *c);
// Output has gone: calls on_drain when it is time.
void conn_check_drained(struct conn *c);

// conn_stall.c
// After each event and each turn: whether output waits for the peer, and since when.
void conn_stall_settle(struct conn *c);
// When to ask conn_is_stalled(); UINT64_MAX: never, nothing waits.
uint64_t conn_stall_due_ms(const struct conn *c);
// The peer has taken next to nothing for all of its time. Otherwise its time starts anew when it is over.
bool conn_is_stalled(struct conn *c);
// It has taken something of what waits for it since this was asked last.
bool conn_peer_takes(struct conn *c);

// conn_linger.c
void conn_linger(struct conn *c);
void conn_drain(struct conn *c);
void conn_linger_expired(struct conn *c);

// conn_plain.c
void conn_plain_limit_unsent(struct conn *c, uint32_t octets);
void conn_plain_reset(struct conn *c); // the peer gets a reset instead of the rest
bool conn_plain_is_gone(const struct conn *c);
// Octets that the peer's end has acknowledged, those of TLS included. False where nobody counts them: not TCP.
bool conn_plain_acknowledged(const struct conn *c, uint64_t *ret);

// conn_tls.c
void conn_tls_begin(struct conn *c);
void conn_tls_end(struct conn *c);
// A handshake was done, or the connection ends before that.
void conn_tls_count(const struct conn *c);
void conn_tls_metrics_register(void);

// conn_memory.c
void conn_memory_drop_input(struct conn *c);
