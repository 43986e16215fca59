// SPDX-License-Identifier: MIT
// The outbound queue: what waits for which destination and why, tried again, given up.
#include <stdio.h>

#include "admin/command.h"
#include "admin/session.h"
#include "base/clock.h"
#include "store/queue_operator_ops.h"

enum { PAGE = 100 };

// How long ago, or how long until; never negative, whatever the clock did.
static json_int_t span(int64_t from, int64_t to) {
    return to > from ? (json_int_t)(to - from) : 0;
}

static json_t *describe_destination(const struct store_destination *d, int64_t now) {
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "destination", d->name, "messages",
                     (json_int_t)d->dues, "recipients", (json_int_t)d->recipients, "octets", (json_int_t)d->octets,
                     "age_s", span(d->oldest, now), "next_s", span(now, d->next_at), "attempts",
                     (json_int_t)d->attempts, "failing_s", d->failing_since > 0 ? span(d->failing_since, now) : 0,
                     "error", d->last_error);
}

// ---- list ----

static void list_page(struct control_session *s);

static void on_page(struct control_session *s, struct store_op *op) {
    const struct store_queue_list *list = CONTAINER_OF(op, struct store_queue_list, op);
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    int64_t now = clock_wall_s();
    for (size_t i = 0; i < list->ret_n; i++) {
        const struct store_destination *d = &list->ret_destinations[i];
        (void)snprintf(s->destination, sizeof(s->destination), "%s", d->name);
        json_t *row = describe_destination(d, now);
        if (row != NULL)
            control_row(s, row);
    }
    if (list->ret_more)
        control_go_on(s, list_page);
    else
        control_ok(s, NULL);
}

static void list_page(struct control_session *s) {
    control_submit(s, &store_queue_list_new(slice_from_cstr(s->destination), PAGE)->op, on_page);
}

void control_queue_list(struct control_session *s, const json_t *request) {
    s->destination[0] = '\0';
    list_page(s);
}

// ---- one destination ----

// False, and the request is answered, when it is none.
static bool take_destination(struct control_session *s, const json_t *request) {
    struct slice text = slice_trim(control_text(request, "destination"));
    if (text.len > STORE_DESTINATION_MAX) {
        control_fail(s, "that is no destination: it has more than %d octets", STORE_DESTINATION_MAX);
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        s->destination[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    s->destination[text.len] = '\0';
    return true;
}

static void fail_empty(struct control_session *s) {
    control_fail(s, "nothing waits for %s", s->destination);
}

static json_t *describe_due(const struct store_due *d, int64_t now) {
    json_t *recipients = json_array();
    for (size_t i = 0; i < d->n_recipients; i++)
        (void)json_array_append_new(recipients, json_string(d->recipients[i]));
    return json_pack("{s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:s}", "id", (json_int_t)d->id, "sender", d->reverse_path,
                     "recipients", recipients, "octets", (json_int_t)d->body_size, "age_s", span(d->created, now),
                     "next_s", span(now, d->next_at), "attempts", (json_int_t)d->attempts, "reply", d->last_reply);
}

static void show_page(struct control_session *s);

static void on_show(struct control_session *s, struct store_op *op) {
    const struct store_queue_show *show = CONTAINER_OF(op, struct store_queue_show, op);
    if (op->status == STORE_NOT_FOUND && s->after == 0) {
        fail_empty(s);
        return;
    }
    if (op->status != STORE_OK && op->status != STORE_NOT_FOUND) {
        control_fail_store(s, op->status);
        return;
    }
    int64_t now = clock_wall_s();
    for (size_t i = 0; i < show->ret_n; i++) {
        s->after = show->ret_dues[i].id;
        s->after_time = show->ret_dues[i].created;
        json_t *row = describe_due(&show->ret_dues[i], now);
        if (row != NULL) // JSON has no word for what is not UTF-8
            control_row(s, row);
    }
    if (op->status == STORE_OK && show->ret_more)
        control_go_on(s, show_page);
    else
        control_ok(s, op->status == STORE_OK ? describe_destination(&show->ret_destination, now) : NULL);
}

static void show_page(struct control_session *s) {
    struct store_queue_show *show = store_queue_show_new(slice_from_cstr(s->destination), PAGE);
    show->after_created = s->after_time;
    show->after_id = s->after;
    control_submit(s, &show->op, on_show);
}

void control_queue_show(struct control_session *s, const json_t *request) {
    if (!take_destination(s, request))
        return;
    if (s->destination[0] == '\0') {
        control_fail(s, "say which destination");
        return;
    }
    s->after = 0;
    s->after_time = 0;
    show_page(s);
}

// ---- retry, drop ----

static void on_retried(struct control_session *s, struct store_op *op) {
    const struct store_queue_retry *retry = CONTAINER_OF(op, struct store_queue_retry, op);
    if (op->status == STORE_OK)
        control_ok(s, json_pack("{s:I}", "messages", (json_int_t)retry->ret_dues));
    else if (op->status == STORE_NOT_FOUND)
        fail_empty(s);
    else
        control_fail_store(s, op->status);
}

void control_queue_retry(struct control_session *s, const json_t *request) {
    if (take_destination(s, request))
        control_submit(s, &store_queue_retry_new(slice_from_cstr(s->destination), clock_wall_s())->op, on_retried);
}

static void give_up(struct control_session *s, uint64_t due_id) {
    if (s->server->queue_give_up == NULL) {
        control_fail(s, "this relay sends nothing to others");
        return;
    }
    s->server->queue_give_up(s->server->queue_arg, slice_from_cstr(s->destination), due_id);
    control_ok(s, NULL);
}

static void on_due_found(struct control_session *s, struct store_op *op) {
    const struct store_queue_find *find = CONTAINER_OF(op, struct store_queue_find, op);
    if (op->status == STORE_OK)
        give_up(s, find->due_id);
    else if (op->status == STORE_NOT_FOUND)
        control_fail(s, "no message of this number waits");
    else
        control_fail_store(s, op->status);
}

static void on_destination_found(struct control_session *s, struct store_op *op) {
    const struct store_queue_show *show = CONTAINER_OF(op, struct store_queue_show, op);
    if (op->status == STORE_OK && show->ret_n > 0)
        give_up(s, 0);
    else if (op->status == STORE_OK || op->status == STORE_NOT_FOUND)
        fail_empty(s);
    else
        control_fail_store(s, op->status);
}

// "id" 0: everything that waits for the destination.
void control_queue_drop(struct control_session *s, const json_t *request) {
    json_int_t id = control_number(request, "id");
    if (!take_destination(s, request))
        return;
    if (id < 0 || (id == 0 && s->destination[0] == '\0'))
        control_fail(s, "say which message, by its number, or which destination");
    else if (id > 0)
        control_submit(s, &store_queue_find_new((uint64_t)id)->op, on_due_found);
    else
        control_submit(s, &store_queue_show_new(slice_from_cstr(s->destination), 1)->op, on_destination_found);
}
