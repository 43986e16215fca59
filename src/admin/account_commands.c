// SPDX-License-Identifier: MIT
// Accounts. The commands that change one first find its number; the list goes page by page.
#include <stdio.h>

#include "account/counts.h"
#include "account/name.h"
#include "admin/command.h"
#include "admin/day.h"
#include "admin/session.h"
#include "config/config.h"

static json_t *describe(const struct store_account_row *row) {
    char day[CONTROL_DAY_SIZE];
    control_day_write(row->last_login_day, day);
    return json_pack("{s:s, s:b, s:s, s:I, s:I}", "address", row->address, "blocked", row->blocked, "last_login", day,
                     "messages", (json_int_t)row->messages, "octets", (json_int_t)row->octets);
}

// ---- the list ----

static void list_page(struct control_session *s);

static void on_page(struct control_session *s, struct store_op *op) {
    const struct store_account_list *list = CONTAINER_OF(op, struct store_account_list, op);
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    for (size_t i = 0; i < list->ret_n_rows; i++) {
        s->after = list->ret_rows[i].account_id;
        json_t *row = describe(&list->ret_rows[i]);
        if (row != NULL) // JSON has no word for an address that is not UTF-8
            control_row(s, row);
    }
    if (list->ret_n_rows < STORE_ACCOUNTS_PAGE)
        control_ok(s, NULL);
    else
        control_go_on(s, list_page);
}

static void list_page(struct control_session *s) {
    struct store_account_list *list = store_account_list_new(s->after);
    control_submit(s, &list->op, on_page);
}

void control_account_list(struct control_session *s, const json_t *request) {
    s->after = 0;
    list_page(s);
}

// ---- one account ----

// Into s->address; what is only a local part belongs to our domain. False when it cannot be an address.
static bool take_address(struct control_session *s, struct slice text, const char *domain) {
    char full[ACCOUNT_NAME_SIZE];
    bool is_whole = slice_find(text, '@') < text.len;
    int len = snprintf(full, sizeof(full), "%.*s%s%s", SLICE_FMT(text), is_whole ? "" : "@", is_whole ? "" : domain);
    return len > 0 && (size_t)len < sizeof(full) &&
           account_name_normalise(slice_make(full, (size_t)len), domain, s->address);
}

// False, when the request has been answered.
static bool read_address(struct control_session *s, const json_t *request) {
    const struct config *c = config_acquire(s->server->config);
    bool ok = take_address(s, control_text(request, "address"), c->mail_domain);
    if (!ok)
        control_fail(s, "that is not an address of this relay, which end with @%s", c->mail_domain);
    config_release(s->server->config, c);
    return ok;
}

static void find(struct control_session *s, const json_t *request,
                 void (*on_found)(struct control_session *s, struct store_op *op)) {
    if (read_address(s, request))
        control_submit(s, &store_account_find_new(slice_from_cstr(s->address))->op, on_found);
}

// NULL, when the account was not found and the request has been answered.
static const struct store_account_find *found(struct control_session *s, const struct store_op *op) {
    if (op->status == STORE_OK)
        return CONTAINER_OF(op, struct store_account_find, op);
    if (op->status == STORE_NOT_FOUND)
        control_fail(s, "there is no account %s", s->address);
    else
        control_fail_store(s, op->status);
    return NULL;
}

static void on_shown(struct control_session *s, struct store_op *op) {
    const struct store_account_show *show = CONTAINER_OF(op, struct store_account_show, op);
    if (op->status == STORE_NOT_FOUND) {
        control_fail(s, "there is no account %s", s->address);
        return;
    }
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    json_t *row = describe(&show->ret_row);
    const struct config *c = config_acquire(s->server->config);
    (void)json_object_set_new(row, "quota", json_integer((json_int_t)c->max_mailbox_size));
    config_release(s->server->config, c);
    control_ok(s, row);
}

void control_account_show(struct control_session *s, const json_t *request) {
    if (read_address(s, request))
        control_submit(s, &store_account_show_new(slice_from_cstr(s->address))->op, on_shown);
}

static void on_changed(struct control_session *s, struct store_op *op) {
    if (op->status == STORE_OK)
        control_ok(s, json_pack("{s:s}", "address", s->address));
    else if (op->status == STORE_NOT_FOUND)
        control_fail(s, "there is no account %s", s->address);
    else
        control_fail_store(s, op->status);
}

static void on_found_to_block(struct control_session *s, struct store_op *op) {
    const struct store_account_find *f = found(s, op);
    if (f != NULL)
        control_submit(s, &store_account_block_new(f->ret_account_id, true)->op, on_changed);
}

void control_account_block(struct control_session *s, const json_t *request) {
    find(s, request, on_found_to_block);
}

static void on_found_to_unblock(struct control_session *s, struct store_op *op) {
    const struct store_account_find *f = found(s, op);
    if (f != NULL)
        control_submit(s, &store_account_block_new(f->ret_account_id, false)->op, on_changed);
}

void control_account_unblock(struct control_session *s, const json_t *request) {
    find(s, request, on_found_to_unblock);
}

// ---- creation ----

static void on_created(struct control_session *s, struct store_op *op) {
    const struct store_account_create *create = CONTAINER_OF(op, struct store_account_create, op);
    if (op->status != STORE_OK)
        control_fail_store(s, op->status);
    else if (!create->ret_created)
        control_fail(s, "there is an account %s already", s->address);
    else
        control_ok(s, json_pack("{s:s}", "address", s->address));
}

// Whatever the registration: the operator may. The password itself is never sent here, only what crypt(3) makes of it.
void control_account_create(struct control_session *s, const json_t *request) {
    struct slice hash = control_text(request, "hash");
    if (!read_address(s, request))
        return;
    if (!account_local_part_is_valid(account_name_local_part(slice_from_cstr(s->address))))
        control_fail(s, "a new address may have a-z, 0-9, \".\", \"_\" and \"-\" before its @");
    else if (hash.len > STORE_PASSWORD_HASH_MAX || !slice_starts_with(hash, SLICE("$")))
        control_fail(s, "that is no hash of a password");
    else
        control_submit(s, &store_account_create_new(slice_from_cstr(s->address), hash)->op, on_created);
}

// ---- deletion ----

// Its messages go while the relay does other things; how many, is for who waits for the room.
static void on_deleted(struct control_session *s, struct store_op *op) {
    const struct store_account_delete *d = CONTAINER_OF(op, struct store_account_delete, op);
    if (op->status != STORE_OK) {
        on_changed(s, op);
        return;
    }
    account_count_deleted();
    control_ok(s, json_pack("{s:s, s:I}", "address", s->address, "messages", (json_int_t)d->ret_messages));
}

static void on_found_to_delete(struct control_session *s, struct store_op *op) {
    const struct store_account_find *f = found(s, op);
    if (f != NULL)
        control_submit(s, &store_account_delete_new(f->ret_account_id)->op, on_deleted);
}

void control_account_delete(struct control_session *s, const json_t *request) {
    find(s, request, on_found_to_delete);
}
