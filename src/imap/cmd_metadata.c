// SPDX-License-Identifier: MIT
// GETMETADATA and SETMETADATA (RFC 5464). GETMETADATA never fails for trouble of ours: clients drop the connection
// then, and come back only after a minute. What cannot be read is NIL.
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "imap/imap_server.h"
#include "imap/metadata.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "intake/intake.h"
#include "store/account_ops.h"

// ---- reading ----

// All tokens, joined by a blank, or an empty buffer.
static void join_tokens(const struct store_token_list *list, struct buf *out) {
    for (size_t i = 0; i < list->ret_n_tokens; i++)
        ASSERT((i == 0 || buf_append(out, " ", 1)) && buf_append_cstr(out, list->ret_tokens[i]));
}

static void write_value(struct conn *c, struct slice value) {
    if (value.len > 0)
        imap_write_literal(c, value);
    else
        conn_write(c, "NIL", 3);
}

static void write_number(struct conn *c, unsigned n) {
    char text[16];
    int len = snprintf(text, sizeof(text), "%u", n);
    imap_write_literal(c, slice_make(text, (size_t)len));
}

// What another service says.
static void write_foreign(struct conn *c, void (*say)(void *arg, struct buf *out), void *arg) {
    struct buf value;
    buf_init(&value, IMAP_METADATA_VALUE_MAX);
    if (say != NULL)
        say(arg, &value);
    write_value(c, buf_slice(&value));
    buf_done(&value);
}

static void write_admin(struct conn *c, struct config_holder *holder) {
    const struct config *config = config_acquire(holder);
    if (config->privacy_mail[0] != '\0') {
        imap_write_literal_start(c, strlen("mailto:") + strlen(config->privacy_mail));
        conn_printf(c, "mailto:%s", config->privacy_mail);
    } else {
        conn_write(c, "NIL", 3);
    }
    config_release(holder, config);
}

static void write_item(struct conn *c, const struct imap_metadata_item *item, const struct imap_server *server,
                       struct slice tokens) {
    imap_write_astring(c, item->name);
    conn_write(c, " ", 1);
    switch (item->entry) {
    case IMAP_METADATA_DEVICETOKEN:
        write_value(c, tokens);
        break;
    case IMAP_METADATA_IROHRELAY:
        write_foreign(c, server->metadata.irohrelay, server->metadata_arg);
        break;
    case IMAP_METADATA_TURN:
        write_foreign(c, server->metadata.turn, server->metadata_arg);
        break;
    case IMAP_METADATA_APPVERSIONS:
        write_foreign(c, server->metadata.appversions, server->metadata_arg);
        break;
    case IMAP_METADATA_MAXSMTPRECIPIENTS:
        write_number(c, INTAKE_RECIPIENTS_MAX); // in one transaction
        break;
    case IMAP_METADATA_ADMIN:
        write_admin(c, server->config);
        break;
    case IMAP_METADATA_UNKNOWN:
        conn_write(c, "NIL", 3);
        break;
    }
}

static void reply_get(struct imap_command *cmd, struct slice tokens) {
    const struct imap_metadata *m = cmd->state;
    struct imap_session *s = cmd->session;
    conn_write_cstr(s->conn, "* METADATA ");
    imap_write_string(s->conn, m->mailbox);
    conn_write(s->conn, " (", 2);
    for (size_t i = 0; i < m->n; i++) {
        if (i > 0)
            conn_write(s->conn, " ", 1);
        write_item(s->conn, &m->items[i], s->server, tokens);
    }
    conn_write(s->conn, ")\r\n", 3);
    imap_finish(cmd, "OK Getmetadata completed");
}

static void on_tokens(struct imap_command *cmd) {
    const struct store_token_list *list = CONTAINER_OF(cmd->op, struct store_token_list, op);
    struct buf tokens;
    buf_init(&tokens, STORE_TOKENS_MAX * (STORE_TOKEN_MAX + 1));
    if (cmd->op->status == STORE_OK)
        join_tokens(list, &tokens);
    reply_get(cmd, buf_slice(&tokens));
    buf_done(&tokens);
}

void imap_cmd_getmetadata(struct imap_command *cmd) {
    struct imap_metadata *m = imap_command_alloc(cmd, sizeof(*m));
    cmd->state = m;
    if (!imap_metadata_parse_get(&cmd->args, m)) {
        imap_finish_syntax(cmd);
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        if (m->items[i].entry == IMAP_METADATA_DEVICETOKEN) {
            imap_command_submit(cmd, &store_token_list_new(cmd->session->account_id)->op, on_tokens);
            return;
        }
    }
    reply_get(cmd, SLICE_EMPTY);
}

// ---- setting ----

// Tokens are joined by blanks when read, so none may hold one.
static const char *token_problem(const struct imap_metadata_item *item) {
    if (item->entry != IMAP_METADATA_DEVICETOKEN)
        return "NO [NOPERM] This entry cannot be set";
    if (item->nil || item->value.len == 0)
        return "NO [CANNOT] Tokens are removed by the push gateway only";
    if (item->value.len > STORE_TOKEN_MAX)
        return "NO [METADATA MAXSIZE 4096] Token too long";
    return store_token_is_valid(item->value) ? NULL : "NO [CANNOT] Invalid token";
}

static void add_next(struct imap_command *cmd);

static void on_token_added(struct imap_command *cmd) {
    if (cmd->op->status == STORE_OK)
        add_next(cmd);
    else
        imap_finish_store(cmd, cmd->op->status);
}

static void add_next(struct imap_command *cmd) {
    struct imap_metadata *m = cmd->state;
    if (m->n == 0) {
        imap_finish(cmd, "OK Setmetadata completed");
        return;
    }
    struct slice token = m->items[0].value;
    m->n--;
    memmove(&m->items[0], &m->items[1], m->n * sizeof(m->items[0]));
    imap_command_submit(cmd, &store_token_add_new(cmd->session->account_id, token)->op, on_token_added);
}

void imap_cmd_setmetadata(struct imap_command *cmd) {
    struct imap_metadata *m = imap_command_alloc(cmd, sizeof(*m));
    cmd->state = m;
    if (!imap_metadata_parse_set(&cmd->args, m)) {
        imap_finish_syntax(cmd);
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        const char *problem = token_problem(&m->items[i]);
        if (problem != NULL) {
            imap_finish(cmd, problem);
            return;
        }
    }
    add_next(cmd);
}
