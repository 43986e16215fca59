// SPDX-License-Identifier: MIT
// A connection: socket, TLS, and buffers that exist only while they hold octets. It belongs to one loop and its thread.
//
// The session above gets callbacks and writes replies. Replies written in one turn leave in one write (one TLS record
// where they fit). Octets that the session has not consumed are kept and shown again together with what arrives next.
// While a session waits for something (a store operation, a password check) it pauses its connection: nothing is shown
// to it then, so commands stay in order, and the peer is slowed by TCP.
//
// A connection can also run over memory (conn_new_memory), for unit tests and fuzzing of whole sessions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/loop.h"

struct conn;
struct tls_client;
struct tls_context;

enum conn_end {
    CONN_END_EOF,      // the peer closed
    CONN_END_ERROR,    // reset, TLS failure
    CONN_END_TIMEOUT,  // closed after on_timeout, or a handshake took too long
    CONN_END_LOCAL,    // the session asked for it
    CONN_END_OVERFLOW, // the peer does not read: the output limit is reached, or it takes next to nothing for minutes
};

// What the session provides. `session` is what on_open's creator returned (see listener.h) or conn_set_session() set.
struct conn_ops {
    // Octets are there. Returns how many were consumed (0..len). Called again at once while it consumes something,
    // octets are left and the connection is not paused; but while more than CONN_OUT_HIGH waits to be sent input is
    // held, until CONN_OUT_LOW. `len` never exceeds CONN_INPUT_MAX; a session must consume or close before its input is
    // full (a line limit below that does it), or the connection ends with CONN_END_ERROR.
    size_t (*on_read)(void *session, const char *data, size_t len);
    // conn_out_len() has fallen below CONN_OUT_LOW after it had been above CONN_OUT_HIGH, or as conn_ask_drain() asked.
    // May be NULL.
    void (*on_drain)(void *session);
    // STARTTLS, or TLS as a client: the handshake is done. May be NULL.
    void (*on_tls)(void *session);
    // Nothing was received for the time set by conn_set_timeout(), nor did the peer take any output that waits for it.
    // The session writes its farewell and closes, or sends a keep-alive and goes on (the time starts anew). Not while
    // paused.
    void (*on_timeout)(void *session);
    // The relay is shutting down: say farewell and close when nothing is in progress. May be NULL: closed at once.
    void (*on_shutdown)(void *session);
    // Last call, exactly once: the session frees itself. The connection must not be used any more.
    void (*on_close)(void *session, enum conn_end why);
};

enum {
    CONN_INPUT_MAX = 128 * 1024, // octets shown to a session at once, and kept unconsumed
    CONN_OUT_HIGH = 256 * 1024,  // a session that streams should stop producing above this
    CONN_OUT_LOW = 64 * 1024,
    CONN_OUT_MAX = 4 * 1024 * 1024, // conn_write() beyond this ends the connection (CONN_END_OVERFLOW)
};

// Whether this connection is over a limit. The session answers with its protocol's refusal and closes.
enum conn_admission {
    CONN_ADMITTED,
    CONN_TOO_MANY,             // the service's total
    CONN_TOO_MANY_FROM_ADDRESS // this client's share
};

// Output. Never blocks; kept until written, as long as the peer takes it at a pace (see struct service). After
// conn_close() it is dropped silently.
void conn_write(struct conn *c, const char *ptr, size_t len);
void conn_write_slice(struct conn *c, struct slice s);
void conn_write_cstr(struct conn *c, const char *s);
void conn_printf(struct conn *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Room for `len` octets of output, for who would have to put them together elsewhere otherwise: filled at once, before
// anything else is done with c, and claimed with conn_wrote(). NULL: c is closing, if only because that is too much.
MUST_USE char *conn_reserve(struct conn *c, size_t len);
void conn_wrote(struct conn *c, size_t len);
// Sends what was written as far as the kernel takes it, without waiting for the end of the turn. No callback comes
// within this call; may be called within those of other connections of the loop.
void conn_send_now(struct conn *c);
// Octets not yet handed to the kernel.
size_t conn_out_len(const struct conn *c);
// on_drain comes once, in a later turn, when conn_out_len() is below `len` (at least 1): for who streams and keeps less
// waiting than CONN_OUT_HIGH.
void conn_ask_drain(struct conn *c, uint32_t len);

// Stop / resume showing input. Balanced: at most one pause at a time. Resuming shows kept octets in a later turn.
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
bool conn_is_paused(const struct conn *c);

// STARTTLS: sends what was written, drops what the peer sent in clear after the command, then runs the handshake within
// the service's handshake time. What is written until on_tls waits for the handshake.
void conn_start_tls(struct conn *c, struct tls_context *tls);
// The same as a client (RFC 3207 section 4.2), also at once in on_open: octets that arrived before are dropped. `how`
// is only read during this call. When the handshake fails, or the peer does not prove itself as `how` wants, on_tls
// does not come, but on_close with CONN_END_ERROR or, when it took too long, CONN_END_TIMEOUT.
void conn_start_tls_client(struct conn *c, const struct tls_client *how);
// Why TLS failed, in words for a log: "the certificate has expired", "no TLSA record matches", ... NULL: it did not.
// Also within on_close. A static text.
const char *conn_tls_error(const struct conn *c);
// As a client, in on_tls and later: the peer had to prove itself and has; an earlier session was resumed.
bool conn_tls_is_proved(const struct conn *c);
bool conn_tls_is_resumed(const struct conn *c);
// "TLSv1.3", or NULL in clear text.
const char *conn_tls_version(const struct conn *c);
bool conn_is_tls(const struct conn *c);
// Keying material of this TLS connection (RFC 5705, RFC 8446 section 7.5), which both ends can compute and nobody
// between them: `len` octets for this label and context. False when it is not TLS, or not yet.
MUST_USE bool conn_tls_export(const struct conn *c, const char *label, struct slice context, void *ret, size_t len);
// The ALPN protocol selected, or an empty slice.
struct slice conn_alpn(const struct conn *c);

// How long output may wait, other than the service says: in each `ms` the peer must take at least `octets` of it.
void conn_set_stall(struct conn *c, uint32_t ms, uint32_t octets);
// The kernel takes about so many octets more than it can send just now, and what is behind them waits here: for who has
// something more urgent to send at times.
void conn_limit_unsent(struct conn *c, uint32_t octets);

// Inactivity time in milliseconds until on_timeout; 0: none.
void conn_set_timeout(struct conn *c, uint32_t ms);

// Sends what was written, then closes; on_close comes in a later turn, never within this call. No on_read after this.
void conn_close(struct conn *c);
// The same without sending what was written.
void conn_abort(struct conn *c);
bool conn_is_closing(const struct conn *c);

struct loop *conn_loop(const struct conn *c);
struct net_address conn_peer(const struct conn *c);
enum conn_admission conn_admission(const struct conn *c);
void conn_set_session(struct conn *c, void *session);
// Another protocol takes over: from now on callbacks go to `ops` with `session` (not NULL); on_close of the old session
// is not called. Octets that were not consumed are shown to the new one. Also within on_read (which then returns what
// the old session consumed) and within on_open (which then returns `session`). A pause and the inactivity time stay as
// they are.
void conn_set_handler(struct conn *c, const struct conn_ops *ops, void *session);
// The connection counts in other limits from now on; conn_admission() answers by them. NULL: in none. Far over the new
// ones it is closed at once, as at its beginning, and stays in the old ones until it has gone.
struct conn_limits;
void conn_set_limits(struct conn *c, struct conn_limits *limits);
// The user of the process at the other end of a UNIX socket (SO_PEERCRED). False for any other connection.
MUST_USE bool conn_peer_uid(const struct conn *c, uid_t *ret_uid);

// Over memory, for tests and fuzzers. `tls` says what conn_is_tls() answers; starting TLS, as server or client,
// succeeds at once and proves nothing.
struct conn *conn_new_memory(struct loop *loop, const struct conn_ops *ops, void *session, bool tls);
// Shows octets to the session as if they had arrived. The caller then runs loop_run_ready().
void conn_memory_feed(struct conn *c, const char *ptr, size_t len);
void conn_memory_feed_eof(struct conn *c);
// Runs on_timeout.
void conn_memory_timeout(struct conn *c);
// From now on the peer takes no output / takes it again.
void conn_memory_block(struct conn *c, bool blocked);
// Everything written so far and not yet taken; valid until the next call on c. When the connection has ended, on_close
// has freed the session, but what it wrote is still here until conn_memory_free().
struct slice conn_memory_output(struct conn *c);
void conn_memory_take_output(struct conn *c);
bool conn_memory_is_closed(const struct conn *c);
// Closes if still open and frees. Only for connections from conn_new_memory(), after loop_run_ready().
void conn_memory_free(struct conn *c);
