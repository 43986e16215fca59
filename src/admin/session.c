// SPDX-License-Identifier: MIT
#include "admin/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "admin/command.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    IDLE_MAX_MS = 60 * 1000,
    STALL_MAX_MS = 60 * 60 * 1000, // an operator who reads a long list in a pager is not to be cut off
    SENTENCE_MAX = 1024,
};

// ---- answers ----

static int write_piece(const char *ptr, size_t len, void *conn) {
    conn_write(conn, ptr, len);
    return 0;
}

void control_row(struct control_session *s, json_t *row) {
    ASSERT(s->is_busy && row != NULL);
    ASSERT(json_dump_callback(row, write_piece, s->conn, JSON_COMPACT) == 0);
    conn_write_cstr(s->conn, "\n");
    json_decref(row);
}

static void finish(struct control_session *s, json_t *last, bool ok) {
    ASSERT(s->op == NULL && s->on_room == NULL);
    if (s->command != NULL && s->command->changes)
        log_info("admin.command", "name=%s ok=%d", s->command->name, ok);
    ASSERT(json_object_set_new(last, "ok", json_boolean(ok)) == 0);
    control_row(s, last);
    json_decref(s->request);
    json_decref(s->answer);
    s->request = s->answer = NULL;
    s->command = NULL;
    s->is_busy = false;
    if (s->is_closing)
        conn_close(s->conn);
    else
        conn_resume(s->conn);
}

void control_ok(struct control_session *s, json_t *last) {
    finish(s, last != NULL ? last : json_object(), true);
}

void control_fail(struct control_session *s, const char *fmt, ...) {
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    ASSERT(len >= 0 && (size_t)len < sizeof(sentence)); // cut off, it might end within a character
    finish(s, json_pack("{s:s}", "error", sentence), false);
}

void control_fail_store(struct control_session *s, enum store_status status) {
    if (status == STORE_FULL)
        control_fail(s, "the disk is full: nothing was changed");
    else
        control_fail(s, "the store failed; the relay's log says why");
}

// ---- work ----

static void on_done(struct store_op *op) {
    struct control_session *s = op->arg;
    s->op = NULL;
    s->on_op(s, op);
    store_op_free(op);
}

void control_submit(struct control_session *s, struct store_op *op,
                    void (*on_op)(struct control_session *s, struct store_op *op)) {
    ASSERT(s->is_busy && s->op == NULL);
    s->op = op;
    s->on_op = on_op;
    store_op_submit(s->server->store, conn_loop(s->conn), op, on_done, s);
}

static void stop_waiting(struct control_session *s) {
    loop_timer_stop(&s->stall);
    s->on_room = NULL;
}

void control_go_on(struct control_session *s, void (*next)(struct control_session *s)) {
    if (s->is_closing) {
        control_fail(s, "the relay is ending");
    } else if (conn_out_len(s->conn) <= CONN_OUT_HIGH) {
        next(s);
    } else {
        s->on_room = next;
        loop_timer_start(&s->stall, STALL_MAX_MS);
    }
}

static void on_drain(void *session) {
    struct control_session *s = session;
    void (*next)(struct control_session *) = s->on_room;
    if (next == NULL)
        return;
    stop_waiting(s);
    control_go_on(s, next);
}

static void on_stall(struct loop_timer *timer) {
    struct control_session *s = CONTAINER_OF(timer, struct control_session, stall);
    conn_abort(s->conn);
}

// ---- requests ----

static size_t n_parameters(const struct control_command *c) {
    size_t n = 0;
    while (n < CONTROL_PARAMETERS_MAX && c->parameters[n].name != NULL)
        n++;
    return n;
}

// True when the request has what the command wants, and nothing else.
static bool check_parameters(struct control_session *s, const struct control_command *c, const json_t *request) {
    size_t n = n_parameters(c);
    for (size_t i = 0; i < n; i++) {
        const struct control_parameter *p = &c->parameters[i];
        const json_t *value = json_object_get(request, p->name);
        if (value == NULL || json_typeof(value) != p->type) {
            control_fail(s, "%s wants \"%s\", %s", c->name, p->name,
                         p->type == JSON_STRING ? "a text" : "a whole number");
            return false;
        }
    }
    if (json_object_size(request) == n + 1)
        return true;
    control_fail(s, "%s has a parameter that it does not know", c->name);
    return false;
}

static void run(struct control_session *s, json_t *request) {
    s->request = request;
    const char *name = json_string_value(json_object_get(request, "command"));
    if (name == NULL) {
        control_fail(s, "a request is one line of JSON, {\"command\": NAME, ...}");
        return;
    }
    const struct control_command *c = control_command_find(name);
    if (c == NULL)
        control_fail(s, "this relay has no command of that name");
    else if (check_parameters(s, c, request)) {
        s->command = c;
        c->run(s, request);
    }
}

static void on_line(struct control_session *s, struct slice line) {
    s->is_busy = true;
    s->n_patient = 0;
    conn_pause(s->conn);
    run(s, json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL));
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct control_session *s = session;
    size_t end = slice_find(slice_make(data, len), '\n');
    if (end > CONTROL_LINE_MAX) {
        s->is_busy = s->is_closing = true;
        control_fail(s, "a request has at most %d octets", CONTROL_LINE_MAX);
        return len;
    }
    if (end == len)
        return 0;
    on_line(s, slice_make(data, end));
    return end + 1;
}

// ---- the connection ----

// Silence. The end of a long answer may still be on its way to the same pager.
static void on_timeout(void *session) {
    struct control_session *s = session;
    if (conn_out_len(s->conn) == 0 || ++s->n_patient == STALL_MAX_MS / IDLE_MAX_MS)
        conn_close(s->conn);
}

static void on_shutdown(void *session) {
    struct control_session *s = session;
    s->is_closing = true;
    if (!s->is_busy) {
        conn_close(s->conn);
    } else if (s->on_room != NULL) {
        stop_waiting(s);
        control_fail(s, "the relay is ending");
    }
}

static void on_close(void *session, enum conn_end why) {
    struct control_session *s = session;
    if (s->op != NULL)
        store_op_cancel(s->op);
    store_gauges_cancel(&s->gauges);
    loop_timer_done(&s->stall);
    json_decref(s->request);
    json_decref(s->answer);
    free(s);
}

const struct conn_ops control_session_ops = {
    .on_read = on_read,
    .on_drain = on_drain,
    .on_timeout = on_timeout,
    .on_shutdown = on_shutdown,
    .on_close = on_close,
};

struct control_session *control_session_new(const struct control_server *server, struct conn *c) {
    struct control_session *s = MEM_NEW(struct control_session);
    s->server = server;
    s->conn = c;
    loop_timer_init(&s->stall, conn_loop(c), on_stall);
    conn_set_timeout(c, IDLE_MAX_MS);
    return s;
}
