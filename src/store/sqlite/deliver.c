// SPDX-License-Identifier: MIT
// Delivery to INBOXes and into the queue, and IMAP APPEND. Which recipients take the message is decided first; then the
// body is stored once with as many references; a letter in the queue is one of them. Each INBOX asks for its pushes.
#include "base/clock.h"
#include "base/mem.h"
#include "store/keywords.h"
#include "store/mailbox_name.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/queue_accept.h"
#include "store/sqlite/rows.h"

// Decides the outcome for one recipient; ret_inbox is set when it is STORE_DELIVERED.
static enum store_status decide(struct db *db, const struct store_deliver *d, uint64_t size,
                                struct store_delivery *delivery, struct mailbox_row *ret_inbox) {
    enum store_status status = delivery->account_id != 0
                                   ? mailbox_load_for_delivery_by_id(db, delivery->account_id, ret_inbox)
                                   : mailbox_load_for_delivery(db, delivery->address, ret_inbox);
    delivery->ret_outcome = STORE_UNKNOWN;
    if (status != STORE_OK)
        return status == STORE_NOT_FOUND ? STORE_OK : status;
    delivery->ret_account_id = ret_inbox->account_id;
    delivery->ret_outcome = STORE_DUPLICATE;
    bool is_new;
    int64_t today = clock_wall_day();
    status = accepted_add(db, d, today, ret_inbox->id, NULL, &is_new);
    if (status != STORE_OK || !is_new)
        return status;
    uint64_t used;
    status = account_used(db, ret_inbox->account_id, &used);
    if (status == STORE_OK)
        status = account_note_used(db, ret_inbox->account_id, used + size);
    if (status != STORE_OK)
        return status;
    delivery->ret_outcome = STORE_DELIVERED;
    if (mailbox_has_room(db, ret_inbox, used, size))
        return STORE_OK;
    delivery->ret_outcome = STORE_OVERQUOTA;
    return accepted_remove(db, d, today, ret_inbox->id);
}

static enum store_status put(struct db *db, struct mailbox_row *m, struct entry_row *entry, uint64_t origin,
                             uint64_t since_us) {
    enum store_status status = mailbox_add_entry(db, m, entry);
    if (status == STORE_OK)
        status = mailbox_save(db, m);
    if (status == STORE_OK)
        mailbox_note_since(db, m, STORE_CHANGE_ADDED, origin, since_us, &entry->uid, 1);
    return status;
}

static struct entry_row entry_of(const struct db *db, const struct body_view *body, uint32_t flags, int64_t date) {
    struct entry_row entry = {.flags = flags, .size = body->size, .date = date, .hour = arrival_hour(db)};
    entry.key[0] = KEY_FORMAT_PLAIN;
    memcpy(entry.key + 1, body->key, BODY_KEY_LEN);
    return entry;
}

static enum store_status put_all(struct db *db, struct store_deliver *d, const struct body_view *body,
                                 struct mailbox_row *inboxes, size_t n_taken, size_t n_queued) {
    struct entry_row entry = entry_of(db, body, d->flags, clock_wall_s());
    enum store_status status = body_insert(db, body, n_taken + (n_queued > 0), &entry.body_id);
    for (size_t i = 0; i < d->n_deliveries && status == STORE_OK; i++) {
        if (d->deliveries[i].ret_outcome != STORE_DELIVERED)
            continue;
        status = put(db, &inboxes[i], &entry, 0, d->since_us);
        d->deliveries[i].ret_uid = entry.uid;
        if (status == STORE_OK && !d->deliveries[i].is_own)
            status = push_ask(db, inboxes[i].account_id);
    }
    if (status == STORE_OK && n_queued > 0)
        status = queue_put(db, d, body, entry.body_id, n_queued);
    if (status == STORE_OK)
        effects_add_kept(&db->conn.effects, d->body);
    return status;
}

// STORE_NOT_FOUND: it may not.
static enum store_status sender_may_send(struct db *db, uint64_t account_id) {
    if (account_id == 0)
        return STORE_OK;
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_MAY_SEND);
    query_bind_u64(&q, account_id);
    bool may = query_row(&q);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !may ? STORE_NOT_FOUND : status;
}

enum store_status deliver_run(struct db *db, struct store_deliver *d, bool bounded) {
    struct body_view body;
    if (!body_get_view(d->body, &body))
        return STORE_INVALID;
    enum store_status status = sender_may_send(db, d->sender_id);
    if (status != STORE_OK)
        return status;
    struct mailbox_row *inboxes = mem_zalloc(d->n_deliveries, sizeof(*inboxes));
    size_t n_taken = 0, n_queued = 0;
    for (size_t i = 0; i < d->n_deliveries && status == STORE_OK; i++) {
        status = decide(db, d, body.size, &d->deliveries[i], &inboxes[i]);
        n_taken += d->deliveries[i].ret_outcome == STORE_DELIVERED;
    }
    if (status == STORE_OK)
        status = queue_decide(db, d, body.size, bounded, &n_queued);
    if (status == STORE_OK && n_taken + n_queued > 0)
        status = put_all(db, d, &body, inboxes, n_taken, n_queued);
    free(inboxes);
    return status;
}

enum store_status sqlite_deliver(struct backend_conn *c, struct store_op *op) {
    if (!body_dir_has_room(c->context->bodies))
        return STORE_FULL;
    return deliver_run(db_of(c), CONTAINER_OF(op, struct store_deliver, op), true);
}

enum store_status sqlite_append(struct backend_conn *c, struct store_op *op) {
    struct store_append *a = CONTAINER_OF(op, struct store_append, op);
    struct db *db = db_of(c);
    struct body_view body;
    char name[STORE_MAILBOX_NAME_MAX + 1], keywords[STORE_KEYWORDS_MAX + 1];
    if (!body_get_view(a->body, &body) || !keywords_apply("", STORE_FLAGS_REPLACE, a->keywords, keywords))
        return STORE_INVALID;
    if (!body_dir_has_room(c->context->bodies))
        return STORE_FULL;
    struct mailbox_row m;
    if (!mailbox_name_normal(a->mailbox, name))
        return STORE_NOT_FOUND;
    enum store_status status = mailbox_load_name(db, a->account_id, name, &m);
    uint64_t used = 0;
    if (status == STORE_OK)
        status = account_used(db, a->account_id, &used);
    if (status != STORE_OK)
        return status;
    if (!mailbox_has_room(db, &m, used, body.size))
        return STORE_QUOTA;
    status = account_note_used(db, a->account_id, used + body.size);
    if (status != STORE_OK)
        return status;
    struct entry_row entry = entry_of(db, &body, a->flags, a->internal_date != 0 ? a->internal_date : clock_wall_s());
    entry.keywords = keywords;
    status = body_insert(db, &body, 1, &entry.body_id);
    if (status == STORE_OK)
        status = put(db, &m, &entry, a->origin, 0);
    if (status != STORE_OK)
        return status;
    effects_add_kept(&c->effects, a->body);
    a->ret_uid_validity = m.uid_validity;
    a->ret_uid = entry.uid;
    return STORE_OK;
}
