// SPDX-License-Identifier: MIT
// One IMAP connection: its state, the command that runs, and what arrives meanwhile. It belongs to the connection's
// loop. Between commands and in IDLE a session owns no buffer, no store operation and no arena.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "imap/imap_server.h"
#include "imap/reader.h"
#include "imap/view.h"
#include "net/conn.h"
#include "net/loop.h"

struct imap_command;

enum imap_state {
    IMAP_STATE_NOT_AUTHENTICATED = 1 << 0,
    IMAP_STATE_AUTHENTICATED = 1 << 1,
    IMAP_STATE_SELECTED = 1 << 2,
    IMAP_STATE_LOGOUT = 1 << 3,
};

enum {
    IMAP_TIMEOUT_LOGIN_MS = 60 * 1000,     // of silence before login
    IMAP_LIFE_STRANGER_MS = 5 * 60 * 1000, // before login in all, however busy
    IMAP_TIMEOUT_MS = 30 * 60 * 1000,      // RFC 3501 5.4: at least 30 minutes
    IMAP_IDLE_KEEPALIVE_MS = 3 * 60 * 1000,
    IMAP_BAD_COMMANDS_MAX = 20, // refused commands in a row
};

struct imap_session {
    struct conn *conn;
    uint64_t opened_ms;
    const struct imap_server *server;
    struct imap_command *command;  // running, or NULL
    struct imap_view *view;        // in IMAP_STATE_SELECTED
    char *idle_tag;                // while in IDLE: the tag it will be answered with
    uint64_t id;                   // for the log; origin of the session's own changes
    uint64_t account_id, inbox_id; // 0 before login
    struct imap_reader reader;
    struct loop_task wake; // tells an idling client of new messages, once a turn
    enum imap_state state;
    uint8_t n_bad;
    bool wake_posted, closed;
    const char *ending;         // why it says BYE once the running command is over; NULL: it goes on
    struct hub_watcher account; // watches INBOX: it goes with the account alone
    bool literal_pending;       // APPEND's message was announced and nobody has taken it yet
};

// The account is known: leaves IMAP_STATE_NOT_AUTHENTICATED. False: it has as many sessions as it may have.
MUST_USE bool imap_session_logged_in(struct imap_session *s, uint64_t account_id, uint64_t inbox_id);
// Takes `v` as the selected mailbox (NULL: none); the one before is given up.
void imap_session_select(struct imap_session *s, struct imap_view *v);
// "* BYE text", then the connection closes.
void imap_session_bye(struct imap_session *s, const char *text);
// The account was found deleted: BYE once the running command has been answered.
void imap_session_account_gone(struct imap_session *s);
// IDLE: the command that began it ends, its tag stays (RFC 2177).
void imap_session_begin_idle(struct imap_session *s, struct slice tag);
// The command has been answered and is freed; `refused` counts towards the limit of nonsense.
void imap_session_command_done(struct imap_session *s, bool refused);

// For fuzzers and tests: a session that has logged in already.
struct imap_session *imap_session_open_authenticated(const struct imap_server *server, struct conn *c,
                                                     uint64_t account_id, uint64_t inbox_id);
