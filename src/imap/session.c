// SPDX-License-Identifier: MIT
#include "imap/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "imap/capability.h"
#include "imap/command.h"
#include "imap/counts.h"
#include "imap/share.h"

// ---- life ----

static void on_wake(struct loop_task *task) {
    struct imap_session *s = CONTAINER_OF(task, struct imap_session, wake);
    s->wake_posted = false;
    if (s->closed) {
        free(s);
        return;
    }
    if (s->idle_tag != NULL && s->view != NULL)
        imap_view_tell_added(s->view, s->conn);
}

// Messages that arrive in one turn are told as one EXISTS (the client fetches all of them at once then).
static void on_added(void *arg) {
    struct imap_session *s = arg;
    if (s->idle_tag == NULL || s->wake_posted)
        return;
    s->wake_posted = true;
    loop_defer(conn_loop(s->conn), &s->wake);
}

static struct imap_session *session_new(const struct imap_server *server, struct conn *c) {
    struct imap_session *s = MEM_NEW(struct imap_session);
    s->conn = c;
    s->server = server;
    s->id = log_session_id();
    s->opened_ms = clock_mono_ms();
    s->state = IMAP_STATE_NOT_AUTHENTICATED;
    s->wake.run = on_wake;
    list_init(&s->account.link);
    s->account.loop = conn_loop(c);
    imap_reader_init(&s->reader);
    return s;
}

void *imap_session_open(void *arg, struct conn *c) {
    struct imap_session *s = session_new(arg, c);
    if (conn_admission(c) != CONN_ADMITTED) {
        imap_session_bye(s, "Too many connections");
        return s;
    }
    conn_set_timeout(c, IMAP_TIMEOUT_LOGIN_MS);
    conn_printf(c, "* OK [CAPABILITY %s] martlet ready\r\n", imap_capabilities(s));
    return s;
}

struct imap_session *imap_session_open_authenticated(const struct imap_server *server, struct conn *c,
                                                     uint64_t account_id, uint64_t inbox_id) {
    struct imap_session *s = session_new(server, c);
    ASSERT(imap_session_logged_in(s, account_id, inbox_id));
    return s;
}

static void on_close(void *session, enum conn_end why) {
    struct imap_session *s = session;
    if (s->command != NULL)
        imap_command_free(s->command);
    s->command = NULL;
    hub_unwatch(s->server->hub, &s->account);
    imap_view_free(s->view);
    s->view = NULL;
    if (s->idle_tag != NULL)
        imap_count_idling(-1);
    free(s->idle_tag);
    s->idle_tag = NULL;
    imap_reader_done(&s->reader);
    if (s->account_id != 0)
        imap_share_leave(s->server->shares, s->account_id);
    // A posted task cannot be taken back; it frees the session.
    s->closed = true;
    if (!s->wake_posted)
        free(s);
}

void imap_session_bye(struct imap_session *s, const char *text) {
    conn_printf(s->conn, "* BYE %s\r\n", text);
    s->state = IMAP_STATE_LOGOUT;
    conn_close(s->conn);
}

static void end_session(struct imap_session *s, const char *why) {
    if (conn_is_closing(s->conn))
        return;
    s->ending = why;
    // What runs is finished first; what only waits for its client is not.
    if (s->command == NULL || s->command->on_line != NULL)
        imap_session_bye(s, why);
}

void imap_session_account_gone(struct imap_session *s) {
    end_session(s, "The account has been deleted");
}

static void on_account_change(struct hub_watcher *w, const struct store_change *change) {
    if (change->kind == STORE_CHANGE_DELETED)
        imap_session_account_gone(CONTAINER_OF(w, struct imap_session, account));
}

bool imap_session_logged_in(struct imap_session *s, uint64_t account_id, uint64_t inbox_id) {
    if (!imap_share_enter(s->server->shares, account_id))
        return false;
    s->account_id = account_id;
    s->inbox_id = inbox_id;
    s->account.on_change = on_account_change;
    hub_watch(s->server->hub, &s->account, inbox_id);
    s->state = IMAP_STATE_AUTHENTICATED;
    imap_reader_set_max(&s->reader, IMAP_COMMAND_MAX);
    conn_set_timeout(s->conn, IMAP_TIMEOUT_MS);
    return true;
}

void imap_session_select(struct imap_session *s, struct imap_view *v) {
    imap_view_free(s->view);
    s->view = v;
    s->state = v != NULL ? IMAP_STATE_SELECTED : IMAP_STATE_AUTHENTICATED;
    if (v != NULL) {
        v->on_added = on_added;
        v->arg = s;
    }
}

// ---- commands ----

void imap_session_command_done(struct imap_session *s, bool refused) {
    s->reader.raw = false;
    s->n_bad = refused ? (uint8_t)(s->n_bad + 1) : 0;
    if (conn_is_closing(s->conn))
        return;
    if (s->ending != NULL)
        imap_session_bye(s, s->ending);
    else if (s->n_bad >= IMAP_BAD_COMMANDS_MAX)
        imap_session_bye(s, "Too many invalid commands");
    else if (conn_is_paused(s->conn))
        conn_resume(s->conn);
}

// Answers text that never became a command, with its tag if it has one.
static void refuse_text(struct imap_session *s, const char *reply) {
    struct imap_parser p;
    struct slice tag;
    imap_parser_init(&p, imap_reader_text(&s->reader), NULL);
    if (!imap_parse_tag(&p, &tag) || imap_parse_peek(&p) != ' ')
        tag = SLICE("*");
    conn_write_slice(s->conn, tag);
    conn_printf(s->conn, " %s\r\n", reply);
}

static void drop_literal(struct imap_session *s) {
    s->literal_pending = false;
    if (!imap_reader_refuse(&s->reader))
        imap_session_bye(s, "Literal too large");
}

// Whether the announced literal is the message of an APPEND: the mailbox's name, which may be a literal too, is
// complete.
static bool is_append_message(const struct imap_session *s) {
    struct imap_parser p;
    struct slice word;
    imap_parser_init(&p, imap_reader_text(&s->reader), NULL);
    return s->state != IMAP_STATE_NOT_AUTHENTICATED && imap_parse_tag(&p, &word) && imap_parse_sp(&p) &&
           imap_parse_atom(&p, &word) && slice_eq_ci(word, SLICE("APPEND")) && imap_parse_sp(&p) &&
           p.pos != s->reader.literal.offset;
}

static void on_literal(struct imap_session *s) {
    if (s->command != NULL) { // the line after APPEND's message announces another one (MULTIAPPEND is not offered)
        struct imap_command *cmd = s->command;
        drop_literal(s);
        cmd->on_line(cmd, SLICE("?"));
    } else if (is_append_message(s)) {
        s->literal_pending = true;
        imap_command_start(s);
        if (s->literal_pending)
            drop_literal(s);
    } else if (imap_reader_accept(&s->reader)) {
        if (s->reader.literal.sync)
            conn_write_cstr(s->conn, "+ OK\r\n");
    } else {
        refuse_text(s, "BAD [TOOBIG] Literal too large");
        drop_literal(s);
        imap_session_command_done(s, true);
    }
}

// RFC 2177: DONE ends it; nothing else may come.
static void end_idle(struct imap_session *s, struct slice line) {
    char *tag = s->idle_tag;
    s->idle_tag = NULL;
    imap_count_idling(-1);
    bool done = slice_eq_ci(slice_trim(line), SLICE("DONE"));
    imap_reader_reset(&s->reader);
    conn_set_timeout(s->conn, IMAP_TIMEOUT_MS);
    struct imap_command *cmd = imap_command_new_bare(s, slice_from_cstr(tag));
    free(tag);
    imap_finish(cmd, done ? "OK Idle completed" : "BAD Expected DONE");
}

static void on_line(struct imap_session *s) {
    if (s->idle_tag != NULL) {
        end_idle(s, imap_reader_text(&s->reader));
    } else if (s->command == NULL) {
        imap_command_start(s);
    } else {
        struct buf text = s->reader.text;
        struct slice line = imap_reader_text(&s->reader);
        buf_init(&s->reader.text, text.max);
        imap_reader_reset(&s->reader);
        s->command->on_line(s->command, line);
        buf_done(&text);
    }
}

static void on_toolong(struct imap_session *s) {
    if (s->idle_tag != NULL) {
        end_idle(s, SLICE_EMPTY);
    } else if (s->command != NULL) {
        imap_reader_reset(&s->reader);
        s->command->on_line(s->command, SLICE("?"));
    } else {
        refuse_text(s, "BAD Command too long");
        imap_reader_reset(&s->reader);
        imap_session_command_done(s, true);
    }
}

static size_t read_lines(struct imap_session *s, struct slice octets) {
    size_t consumed;
    switch (imap_reader_feed(&s->reader, octets, &consumed)) {
    case IMAP_READ_MORE:
        break;
    case IMAP_READ_LINE:
        on_line(s);
        break;
    case IMAP_READ_LITERAL:
        on_literal(s);
        break;
    case IMAP_READ_TOOLONG:
        on_toolong(s);
        break;
    }
    return consumed;
}

// ---- events of the connection ----

// Who never logs in may not hold a connection by sending a little now and then.
static bool is_stranger_too_long(const struct imap_session *s) {
    return s->state == IMAP_STATE_NOT_AUTHENTICATED && clock_mono_ms() - s->opened_ms > IMAP_LIFE_STRANGER_MS;
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct imap_session *s = session;
    struct imap_command *cmd = s->command;
    if (is_stranger_too_long(s)) {
        imap_session_bye(s, "Login takes too long");
        return len;
    }
    size_t n;
    if (cmd != NULL && cmd->on_octets != NULL)
        n = cmd->on_octets(cmd, slice_make(data, len));
    else
        n = read_lines(s, slice_make(data, len));
    // A command that works (and asks for nothing) has the connection for itself.
    cmd = s->command;
    if (cmd != NULL && cmd->on_octets == NULL && cmd->on_line == NULL && !conn_is_paused(s->conn) &&
        !conn_is_closing(s->conn))
        conn_pause(s->conn);
    return n;
}

static void on_drain(void *session) {
    struct imap_session *s = session;
    if (s->command != NULL && s->command->on_drain != NULL)
        s->command->on_drain(s->command);
}

static void on_timeout(void *session) {
    struct imap_session *s = session;
    if (s->idle_tag != NULL)
        conn_write_cstr(s->conn, "* OK Still here\r\n");
    else
        imap_session_bye(s, "Disconnected for inactivity");
}

static void on_shutdown(void *session) {
    end_session(session, "Server shutting down");
}

const struct conn_ops imap_session_ops = {
    .on_read = on_read,
    .on_drain = on_drain,
    .on_timeout = on_timeout,
    .on_shutdown = on_shutdown,
    .on_close = on_close,
};

void imap_session_begin_idle(struct imap_session *s, struct slice tag) {
    s->idle_tag = slice_dup(tag);
    imap_count_idling(1);
    s->reader.raw = true;
    conn_set_timeout(s->conn, IMAP_IDLE_KEEPALIVE_MS);
}
