// SPDX-License-Identifier: MIT
// One connection of the control socket: reads requests line by line, one at a time, and has them answered by the
// commands (admin/command.h). While a request is being answered the connection is paused, so a peer can send as much as
// it likes ahead.
#pragma once

#include <jansson.h>

#include "admin/control.h"
#include "admin/store_gauges.h"
#include "net/loop.h"
#include "store/account_ops.h"
#include "store/expiry_ops.h"
#include "store/queue_ops.h"

struct metric;

// How far a dry run of expiry is.
struct control_expiry {
    struct store_expiry_bounds bounds;
    enum store_expiry_rule rule;
    struct store_expiry_item after;
    uint64_t n_accounts, messages, octets; // of this rule
};

enum { CONTROL_LINE_MAX = 64 * 1024 }; // octets of a request without its end of line

struct control_session {
    const struct control_server *server;
    struct conn *conn;
    bool is_busy;        // a request is being answered
    bool is_closing;     // after the answer
    struct store_op *op; // under way, or NULL
    void (*on_op)(struct control_session *s, struct store_op *op);
    void (*on_room)(struct control_session *s); // waits until the peer has taken what was written, or NULL
    struct loop_timer stall;                    // runs while on_room is set
    unsigned n_patient;                         // timeouts that the end of an answer has waited for its reader

    // Of the request that is being answered.
    const struct control_command *command;
    json_t *request;
    char address[STORE_ADDRESS_MAX + 1];
    char destination[STORE_DESTINATION_MAX + 1];
    uint64_t after;                               // what the last page ended with: an account, a message of the queue,
    int64_t after_time;                           // and the time that goes with it
    struct store_invitation_row after_invitation; // the same of invitations
    struct control_expiry expiry;
    struct store_gauges_asker gauges;
    const struct metric *next_metric; // NULL: no more
    json_t *answer;                   // its last object, while it is being put together
};

// Without asking who the peer is; for control_session_open(), tests and fuzzers.
struct control_session *control_session_new(const struct control_server *server, struct conn *c);

// For commands. Each request ends with exactly one of control_ok() and control_fail().
// An object of the answer that is not the last; takes it.
void control_row(struct control_session *s, json_t *row);
// The last object, to which "ok" is added; takes it. NULL: nothing but "ok".
void control_ok(struct control_session *s, json_t *last);
void control_fail(struct control_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The answer to a store operation that did not do what it should.
void control_fail_store(struct control_session *s, enum store_status status);
// Submits an operation; on_op gets it back on the session's loop, and it is freed afterwards.
void control_submit(struct control_session *s, struct store_op *op,
                    void (*on_op)(struct control_session *s, struct store_op *op));
// Goes on with `next`: at once, or when the peer has taken enough of what was written. In long answers, so that they
// never stand in memory whole.
void control_go_on(struct control_session *s, void (*next)(struct control_session *s));
