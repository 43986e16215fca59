// SPDX-License-Identifier: MIT
// One connection of either role, from the greeting to the end. The connection calls it with octets; `take` says what
// they are now (a command line, a line of AUTH, the message, a chunk), and each verb has its function in a file of its
// own.
//
// Whatever must be waited for (login, disk, commit) sets a bit in `waits` and pauses the connection, so that no command
// overtakes another. Nothing here blocks or locks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "mail/dot.h"
#include "net/conn.h"
#include "smtp/server/smtp_server.h"

struct account_login;
struct intake_txn;

// One bit each, so that a verb can name the states it is allowed in.
enum smtp_state {
    SMTP_STATE_GREETED = 1 << 0,  // no EHLO yet
    SMTP_STATE_READY = 1 << 1,    // no transaction
    SMTP_STATE_ENVELOPE = 1 << 2, // after MAIL
    SMTP_STATE_CHUNKS = 1 << 3,   // after the first BDAT
    SMTP_STATE_ANY = 0xf,
};

enum smtp_wait {
    SMTP_WAIT_LOGIN = 1 << 0,
    SMTP_WAIT_DISK = 1 << 1,   // the message comes faster than it can be stored
    SMTP_WAIT_COMMIT = 1 << 2, // the verdict
};

enum {
    SMTP_TIMEOUT_STRANGER_MS = 60 * 1000,     // before authentication
    SMTP_LIFE_STRANGER_MS = 5 * 60 * 1000,    // the same, in all, however busy
    SMTP_LIFE_RELAY_MS = 30 * 60 * 1000,      // of another mail server, without a message that was accepted
    SMTP_TIMEOUT_IDLE_MS = 5 * 60 * 1000,     // RFC 5321 4.5.3.2.7; clients keep a connection for 60 s
    SMTP_TIMEOUT_MESSAGE_MS = 10 * 60 * 1000, // without an octet inside the message (4.5.3.2.5, 4.5.3.2.6)
    SMTP_ERRORS_MAX = 20,                     // protocol errors, then 421
};

struct smtp_session {
    struct smtp_server *server;
    struct conn *conn;
    uint64_t sid;
    uint64_t useful_ms; // when it last did something useful: began, or brought a message
    enum smtp_state state;
    unsigned waits;    // enum smtp_wait
    unsigned n_errors; // of the peer
    bool stopping;     // the relay shuts down
    // Takes octets and returns how many it used; 0: it needs more of them.
    size_t (*take)(struct smtp_session *s, struct slice octets);

    // AUTH. After success `address` is owned; before, NULL.
    struct account_login *login;
    struct buf auth_user; // AUTH LOGIN, between its two questions
    char *address;
    uint64_t account_id;
    bool blocked;

    // The transaction. `txn` is NULL outside and while nobody is authenticated.
    struct intake_txn *txn;
    size_t n_refused;        // recipients
    uint64_t message_octets; // received so far
    uint64_t message_began_us;
    struct dot_decoder dot; // DATA

    // BDAT
    uint64_t chunk_size, chunk_left;
    bool chunk_is_last;
    const char *chunk_refusal; // the answer once the chunk has been read and dropped; NULL: it is taken
    char chunk_previous;       // octet of the message before the next one
};

// ---- session.c ----

bool smtp_session_is_relay(const struct smtp_session *s);
// One reply line; CRLF is added.
void smtp_session_reply(struct smtp_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The reply to a peer's mistake; too many of them end the session.
void smtp_session_refuse(struct smtp_session *s, const char *reply);
// The last reply.
void smtp_session_close(struct smtp_session *s, const char *reply);
// Before and after waiting; bits that are not set may be cleared.
void smtp_session_wait(struct smtp_session *s, enum smtp_wait what);
void smtp_session_go_on(struct smtp_session *s, unsigned what);
// The next octets are a command again (or the last word, when the relay shuts down).
void smtp_session_expect_command(struct smtp_session *s);
// Sets what takes the next octets, with the time limit that goes with it.
void smtp_session_expect(struct smtp_session *s, size_t (*take)(struct smtp_session *, struct slice),
                         uint32_t timeout_ms);
// Drops what is left of a line that was too long, then expects a command.
size_t smtp_session_skip_line(struct smtp_session *s, struct slice octets);

// ---- transaction.c ----

void smtp_transaction_begin(struct smtp_session *s, struct slice mail_from);
// Ends it, whatever its state; nothing of it stays. Harmless outside.
void smtp_transaction_drop(struct smtp_session *s);
size_t smtp_transaction_n_rcpts(const struct smtp_session *s);
// Why no message may follow now, as a reply; NULL when it may.
const char *smtp_transaction_refusal(const struct smtp_session *s);
// The first octet may come.
void smtp_transaction_start_message(struct smtp_session *s);
void smtp_transaction_write(struct smtp_session *s, struct slice octets);
// The last octet was there. Replies later.
void smtp_transaction_finish(struct smtp_session *s);

// ---- command.c ----

// Runs one command line.
void smtp_command_run(struct smtp_session *s, struct slice line);

// ---- a file per command or small family ----

void smtp_cmd_auth(struct smtp_session *s, struct slice argument);
void smtp_cmd_bdat(struct smtp_session *s, struct slice argument);
void smtp_cmd_data(struct smtp_session *s, struct slice argument);
void smtp_cmd_ehlo(struct smtp_session *s, struct slice argument);
void smtp_cmd_helo(struct smtp_session *s, struct slice argument);
void smtp_cmd_help(struct smtp_session *s, struct slice argument);
void smtp_cmd_mail(struct smtp_session *s, struct slice argument);
void smtp_cmd_noop(struct smtp_session *s, struct slice argument);
void smtp_cmd_quit(struct smtp_session *s, struct slice argument);
void smtp_cmd_rcpt(struct smtp_session *s, struct slice argument);
void smtp_cmd_rset(struct smtp_session *s, struct slice argument);
void smtp_cmd_starttls(struct smtp_session *s, struct slice argument);
void smtp_cmd_vrfy(struct smtp_session *s, struct slice argument);
