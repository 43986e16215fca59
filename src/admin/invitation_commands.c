// SPDX-License-Identifier: MIT
// Invitations: made, listed, taken back. The answer to a new one has the links that people are given.
#include <stdio.h>

#include "account/offer.h"
#include "admin/command.h"
#include "admin/day.h"
#include "admin/session.h"
#include "base/clock.h"
#include "base/random.h"
#include "config/config.h"
#include "store/invitation_ops.h"

enum { HTTPS_PORT = 443, USES_MAX = 1000000, DAYS_MAX = 3650, LINK_SIZE = 512, HOST_SIZE = 300 };

// The host of our URLs: an address literal without brackets, the port where it is not the usual one.
static void write_host(const struct control_server *server, const char *name, char ret[HOST_SIZE]) {
    struct slice host = slice_from_cstr(name);
    if (slice_starts_with(host, SLICE("[")))
        host = slice_sub(host, 1, host.len - 1);
    if (server->https_port == 0 || server->https_port == HTTPS_PORT)
        (void)snprintf(ret, HOST_SIZE, "%.*s", SLICE_FMT(host));
    else
        (void)snprintf(ret, HOST_SIZE, "%.*s:%u", SLICE_FMT(host), (unsigned)server->https_port);
}

// The page that an invited person opens, and, where clients can use it (an address literal they cannot), the link.
static void add_links(const struct control_server *server, const struct config *c, const char *token, json_t *ret) {
    char host[HOST_SIZE], text[LINK_SIZE];
    if (!config_domain_is_literal(c)) {
        write_host(server, c->mail_domain, host);
        (void)snprintf(text, sizeof(text), "dcaccount:https://%s/new?t=%s", host, token);
        (void)json_object_set_new(ret, "link", json_string(text));
    }
    write_host(server, server->web_host != NULL ? server->web_host : c->mail_domain, host);
    (void)snprintf(text, sizeof(text), "https://%s/?t=%s", host, token);
    (void)json_object_set_new(ret, "page", json_string(text));
}

static json_t *describe(const uint8_t *invitation, uint32_t uses, int64_t last_day) {
    char token[ACCOUNT_TOKEN_SIZE], day[CONTROL_DAY_SIZE];
    account_token_write(invitation, token);
    control_day_write(last_day, day);
    return json_pack("{s:s, s:I, s:s}", "token", token, "uses", (json_int_t)uses, "last_day", day);
}

// ---- add ----

static void on_added(struct control_session *s, struct store_op *op) {
    const struct store_invitation_add *add = CONTAINER_OF(op, struct store_invitation_add, op);
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    json_t *answer = describe(add->invitation, add->uses, add->last_day);
    const struct config *c = config_acquire(s->server->config);
    add_links(s->server, c, json_string_value(json_object_get(answer, "token")), answer);
    config_release(s->server->config, c);
    control_ok(s, answer);
}

static bool is_wanted(struct control_session *s) {
    const struct config *c = config_acquire(s->server->config);
    enum config_registration registration = c->registration;
    if (registration == REGISTRATION_OPEN)
        control_fail(s,
                     "no invitation is needed: registration is open, anybody gets an account with dcaccount:%s; set "
                     "registration = invite to change that",
                     c->mail_domain);
    else if (registration == REGISTRATION_CLOSED)
        control_fail(s, "an invitation would not work: registration is closed; set registration = invite first");
    config_release(s->server->config, c);
    return registration == REGISTRATION_INVITE;
}

void control_invitation_add(struct control_session *s, const json_t *request) {
    json_int_t uses = control_number(request, "uses"), days = control_number(request, "days");
    if (uses < 1 || uses > USES_MAX) {
        control_fail(s, "an invitation is good for 1 to %d accounts", USES_MAX);
        return;
    }
    if (days < 1 || days > DAYS_MAX) {
        control_fail(s, "an invitation lasts 1 to %d days", DAYS_MAX);
        return;
    }
    if (!is_wanted(s))
        return;
    // A token that began with "-" would be taken for an option of `martlet invite revoke`.
    uint8_t invitation[STORE_INVITATION_LEN];
    char token[ACCOUNT_TOKEN_SIZE];
    do {
        random_bytes(invitation, sizeof(invitation));
        account_token_write(invitation, token);
    } while (token[0] == '-');
    struct store_invitation_add *op = store_invitation_add_new(invitation, (uint32_t)uses, clock_wall_day() + days);
    control_submit(s, &op->op, on_added);
}

// ---- list ----

static void next_page(struct control_session *s);

static void on_page(struct control_session *s, struct store_op *op) {
    const struct store_invitation_list *list = CONTAINER_OF(op, struct store_invitation_list, op);
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    for (size_t i = 0; i < list->ret_n_rows; i++) {
        s->after_invitation = list->ret_rows[i];
        control_row(s, describe(list->ret_rows[i].invitation, list->ret_rows[i].uses, list->ret_rows[i].last_day));
    }
    if (list->ret_n_rows < STORE_INVITATIONS_PAGE)
        control_ok(s, NULL);
    else
        control_go_on(s, next_page);
}

static void next_page(struct control_session *s) {
    control_submit(s, &store_invitation_list_new(clock_wall_day(), &s->after_invitation)->op, on_page);
}

void control_invitation_list(struct control_session *s, const json_t *request) {
    control_submit(s, &store_invitation_list_new(clock_wall_day(), NULL)->op, on_page);
}

// ---- delete ----

static void on_deleted(struct control_session *s, struct store_op *op) {
    if (op->status == STORE_OK)
        control_ok(s, NULL);
    else if (op->status == STORE_NOT_FOUND)
        control_fail(s, "there is no such invitation: it is used up, has expired or was revoked");
    else
        control_fail_store(s, op->status);
}

void control_invitation_delete(struct control_session *s, const json_t *request) {
    uint8_t invitation[STORE_INVITATION_LEN];
    if (!account_token_parse(control_text(request, "token"), invitation)) {
        control_fail(s, "that is not a token: it has %d letters, digits, \"-\" and \"_\"", ACCOUNT_TOKEN_SIZE - 1);
        return;
    }
    control_submit(s, &store_invitation_delete_new(invitation)->op, on_deleted);
}
