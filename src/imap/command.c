// SPDX-License-Identifier: MIT
#include "imap/command.h"

#include <stdarg.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/mem.h"
#include "imap/counts.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "net/conn.h"

void *imap_command_alloc(struct imap_command *cmd, size_t size) {
    void *p = arena_alloc(&cmd->arena, size);
    ASSERT(p != NULL);
    return p;
}

static struct imap_command *command_new(struct imap_session *s) {
    struct imap_command *cmd = MEM_NEW(struct imap_command);
    cmd->session = s;
    cmd->began_us = clock_mono_us();
    arena_init(&cmd->arena, IMAP_ARENA_MAX);
    return cmd;
}

void imap_command_free(struct imap_command *cmd) {
    if (cmd->on_free != NULL)
        cmd->on_free(cmd);
    if (cmd->op_running)
        store_op_cancel(cmd->op);
    else
        store_op_free(cmd->op);
    if (cmd->login != NULL)
        account_login_cancel(cmd->login);
    arena_reset(&cmd->arena);
    buf_done(&cmd->text);
    free(cmd);
}

struct imap_command *imap_command_new_bare(struct imap_session *s, struct slice tag) {
    static const struct imap_verb verb = {.name = {"DONE", 4}};
    struct imap_command *cmd = command_new(s);
    cmd->verb = &verb;
    cmd->tag = arena_copy(&cmd->arena, tag);
    ASSERT(s->command == NULL && cmd->tag.ptr != NULL);
    s->command = cmd;
    return cmd;
}

// ---- beginning ----

// Reads "tag SP [UID SP] verb". The reason in args.error when that is not what stands there.
static bool parse_head(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct slice verb;
    if (!imap_parse_tag(p, &cmd->tag)) {
        cmd->tag = SLICE("*");
        return false;
    }
    if (!imap_parse_sp(p) || !imap_parse_atom(p, &verb))
        return imap_parse_fail(p, "Missing command");
    cmd->uid = slice_eq_ci(verb, SLICE("UID"));
    if (cmd->uid && (!imap_parse_sp(p) || !imap_parse_atom(p, &verb)))
        return imap_parse_fail(p, "Missing command");
    cmd->verb = imap_verb_find(verb, cmd->uid);
    return cmd->verb != NULL || imap_parse_fail(p, "Unknown command");
}

void imap_command_start(struct imap_session *s) {
    ASSERT(s->command == NULL);
    struct imap_command *cmd = command_new(s);
    s->command = cmd;
    struct slice text = imap_reader_text(&s->reader);
    cmd->text = s->reader.text;
    buf_init(&s->reader.text, cmd->text.max);
    imap_reader_reset(&s->reader);
    imap_parser_init(&cmd->args, text, &cmd->arena);
    if (!parse_head(cmd)) {
        imap_finish_syntax(cmd);
        return;
    }
    if ((cmd->verb->states & (unsigned)s->state) == 0) {
        imap_finish(cmd, s->state == IMAP_STATE_NOT_AUTHENTICATED   ? "BAD Log in first"
                         : cmd->verb->states == IMAP_STATE_SELECTED ? "BAD No mailbox selected"
                                                                    : "BAD Already logged in");
        return;
    }
    if ((cmd->verb->flags & IMAP_VERB_MESSAGES) != 0)
        imap_view_tell_added(s->view, s->conn);
    cmd->verb->run(cmd);
}

// ---- operations ----

static void on_op_done(struct store_op *op) {
    struct imap_command *cmd = op->arg;
    ASSERT(cmd->op == op && cmd->op_running);
    cmd->op_running = false;
    cmd->on_op(cmd);
}

void imap_command_submit(struct imap_command *cmd, struct store_op *op, void (*on_op)(struct imap_command *cmd)) {
    ASSERT(!cmd->op_running);
    store_op_free(cmd->op);
    cmd->op = op;
    cmd->op_running = true;
    cmd->on_op = on_op;
    store_op_submit(cmd->session->server->store, conn_loop(cmd->session->conn), op, on_op_done, cmd);
}

struct store_op *imap_command_take_op(struct imap_command *cmd) {
    ASSERT(!cmd->op_running);
    struct store_op *op = cmd->op;
    cmd->op = NULL;
    return op;
}

// ---- ending ----

static void conclude(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    conn_write_slice(s->conn, cmd->tag);
    conn_write(s->conn, " ", 1);
    conn_write_cstr(s->conn, cmd->reply);
    conn_write(s->conn, "\r\n", 2);
    // A refused login counts too: nobody may try passwords for ever on one connection.
    bool refused = cmd->reply[0] == 'B' || (cmd->reply[0] == 'N' && s->state == IMAP_STATE_NOT_AUTHENTICATED);
    imap_count_command(cmd->verb != NULL ? &cmd->verb->name : NULL, cmd->reply, clock_mono_us() - cmd->began_us);
    s->command = NULL;
    imap_command_free(cmd);
    imap_session_command_done(s, refused);
}

static void on_changed_read(struct imap_command *cmd) {
    struct store_fetch *fetch = CONTAINER_OF(cmd->op, struct store_fetch, op);
    struct imap_session *s = cmd->session;
    if (cmd->op->status == STORE_OK) {
        for (size_t i = 0; i < fetch->ret_n_messages; i++) {
            const struct store_message *m = &fetch->ret_messages[i];
            uint32_t seq = imap_view_seq(s->view, m->uid);
            if (seq == 0)
                continue;
            conn_printf(s->conn, "* %u FETCH (UID %u ", seq, m->uid);
            imap_write_flags(s->conn, m->flags, m->keywords);
            conn_write_cstr(s->conn, ")\r\n");
        }
    }
    conclude(cmd);
}

enum { CHANGED_AT_ONCE = 1000 };

// Flags that others have changed are read from the store before the reply; at most so many with one command.
static void read_changed(struct imap_command *cmd) {
    struct imap_view *v = cmd->session->view;
    size_t n = v->changed.n < CHANGED_AT_ONCE ? v->changed.n : CHANGED_AT_ONCE;
    uint32_t *uids = mem_alloc(n * sizeof(*uids));
    memcpy(uids, v->changed.v, n * sizeof(*uids));
    struct uid_list told = {0};
    uid_list_take(&told, uids, n);
    uid_list_subtract(&v->changed, &told);
    struct imap_set set;
    imap_set_from_list(&told, &set);
    struct store_fetch *fetch = store_fetch_new(v->mailbox_id, set.ranges, set.n, STORE_FETCH_META);
    fetch->max_messages = n;
    free(set.ranges);
    uid_list_done(&told);
    imap_command_submit(cmd, &fetch->op, on_changed_read);
}

// What has happened to the selected mailbox meanwhile is told before the tagged reply, where that is allowed.
void imap_finish(struct imap_command *cmd, const char *reply) {
    struct imap_session *s = cmd->session;
    struct imap_view *v = s->view;
    cmd->reply = reply;
    cmd->on_octets = NULL;
    cmd->on_line = NULL;
    unsigned flags = cmd->verb != NULL ? cmd->verb->flags : IMAP_VERB_QUIET;
    if (v != NULL && v->loaded && (flags & IMAP_VERB_QUIET) == 0) {
        if ((flags & IMAP_VERB_KEEPS_SEQ) == 0 || cmd->uid)
            imap_view_tell_expunged(v, s->conn);
        imap_view_tell_added(v, s->conn);
        if (v->changed.n > 0 && (flags & IMAP_VERB_KEEPS_FLAGS) == 0) {
            read_changed(cmd);
            return;
        }
    }
    conclude(cmd);
}

void imap_finishf(struct imap_command *cmd, const char *fmt, ...) {
    struct buf text;
    va_list args;
    buf_init(&text, IMAP_ARENA_MAX);
    va_start(args, fmt);
    bool fits = buf_vprintf(&text, fmt, args);
    va_end(args);
    // Only a COPYUID with a great many gaps could be too large, and that code may be left out (RFC 4315 3).
    struct slice reply = fits ? arena_copy(&cmd->arena, buf_slice(&text)) : (struct slice){NULL, 0};
    buf_done(&text);
    imap_finish(cmd, reply.ptr != NULL ? reply.ptr : "OK Completed");
}

void imap_finish_syntax(struct imap_command *cmd) {
    const char *error = cmd->args.error != NULL ? cmd->args.error : "Syntax error";
    imap_finishf(cmd, "BAD %s", error);
}

void imap_finish_store(struct imap_command *cmd, enum store_status status) {
    static const char *const replies[] = {
        [STORE_OK] = "OK Completed",
        [STORE_NOT_FOUND] = "NO [NONEXISTENT] No such mailbox",
        [STORE_EXISTS] = "NO [ALREADYEXISTS] Mailbox already exists",
        [STORE_QUOTA] = "NO [OVERQUOTA] Quota exceeded",
        [STORE_TOO_MANY] = "NO [LIMIT] Too many messages at once",
        [STORE_FULL] = "NO [UNAVAILABLE] Try again later",
        [STORE_BACKLOG] = "NO [UNAVAILABLE] Try again later",
        [STORE_INVALID] = "NO [CANNOT] Not possible with this mailbox",
        [STORE_FAILED] = "NO [UNAVAILABLE] Try again later",
    };
    imap_finish(cmd, replies[status]);
}
