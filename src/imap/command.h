// SPDX-License-Identifier: MIT
// A command from its complete text to its tagged reply. One runs at a time; everything it allocates stands in its arena
// and goes with it. Commands that need the store submit an operation and go on in its completion; the connection is
// paused meanwhile.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "imap/parser.h"
#include "store/store.h"

struct account_login;
struct imap_command;
struct imap_session;

enum imap_verb_flags {
    IMAP_VERB_UID = 1 << 0,         // may be prefixed with UID
    IMAP_VERB_UID_ONLY = 1 << 1,    // must be, or it is another command (UID EXPUNGE takes a set, EXPUNGE does not)
    IMAP_VERB_MESSAGES = 1 << 2,    // works on messages: new ones are announced first
    IMAP_VERB_KEEPS_SEQ = 1 << 3,   // no EXPUNGE may be told with its reply (RFC 3501 7.4.1), unless prefixed with UID
    IMAP_VERB_KEEPS_FLAGS = 1 << 4, // no flags may be told with its reply: clients would take them for a part of it
    IMAP_VERB_QUIET = 1 << 5,       // nothing unasked is told with its reply
};

struct imap_verb {
    struct slice name;
    unsigned states; // of enum imap_state
    unsigned flags;
    void (*run)(struct imap_command *cmd);
};

struct imap_command {
    struct imap_session *session;
    const struct imap_verb *verb;
    uint64_t began_us; // monotonic
    struct slice tag;  // borrowed from text
    bool uid;
    struct imap_parser args; // after the verb, at the blank or the end
    struct arena arena;
    struct buf text;
    const char *reply; // the tagged reply without its tag, once it is known

    // The last operation; it is freed when the next one is submitted or the command ends.
    struct store_op *op;
    bool op_running;
    void (*on_op)(struct imap_command *cmd);
    struct account_login *login; // running, or NULL

    // The command takes input itself: octets as they come (returns how many it took), or lines.
    size_t (*on_octets)(struct imap_command *cmd, struct slice octets);
    void (*on_line)(struct imap_command *cmd, struct slice line);
    void (*on_drain)(struct imap_command *cmd);
    void (*on_free)(struct imap_command *cmd); // frees what does not stand in the arena
    void *state;                               // the command's own, in the arena
};

enum { IMAP_ARENA_MAX = 2 * 1024 * 1024 };

// Takes over the text of the session's reader and begins the command. It may have ended on return.
void imap_command_start(struct imap_session *s);
// A command without text that only has to be answered (the end of IDLE).
struct imap_command *imap_command_new_bare(struct imap_session *s, struct slice tag);
// Cancels what runs, frees.
void imap_command_free(struct imap_command *cmd);

// All of these end the command (and free it): nothing may touch it afterwards.
// `reply` must live as long as the command: a literal, or something in its arena. "OK ...", "NO ..." or "BAD ...".
void imap_finish(struct imap_command *cmd, const char *reply);
void imap_finishf(struct imap_command *cmd, const char *fmt, ...) PRINTF_LIKE(2, 3);
// "BAD ..." with the parser's reason.
void imap_finish_syntax(struct imap_command *cmd);
// "NO ..." for a store operation that did not succeed.
void imap_finish_store(struct imap_command *cmd, enum store_status status);

// Memory of the command, zeroed. The sizes that come together in one command stay far below the arena's maximum.
void *imap_command_alloc(struct imap_command *cmd, size_t size);
// Submits; on_op runs when it is done, with cmd->op completed.
void imap_command_submit(struct imap_command *cmd, struct store_op *op, void (*on_op)(struct imap_command *cmd));
// Takes the completed operation over; the caller frees it.
struct store_op *imap_command_take_op(struct imap_command *cmd);
