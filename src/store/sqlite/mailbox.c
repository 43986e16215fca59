// SPDX-License-Identifier: MIT
#include "store/sqlite/mailbox.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/mailbox_name.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

enum store_status sqlite_mailbox_list(struct backend_conn *c, struct store_op *op) {
    struct store_mailbox_list *l = CONTAINER_OF(op, struct store_mailbox_list, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_MAILBOX_LIST);
    query_bind_u64(&q, l->account_id);
    l->ret_mailboxes = mem_zalloc(STORE_MAILBOXES_MAX, sizeof(*l->ret_mailboxes));
    while (l->ret_n_mailboxes < STORE_MAILBOXES_MAX && query_row(&q)) {
        const char *name = query_text(&q, 1);
        l->ret_mailboxes[l->ret_n_mailboxes++] = (struct store_mailbox_info){
            .id = query_u64(&q, 0), .name = mem_strndup(name, strlen(name)), .subscribed = query_u64(&q, 2) != 0};
    }
    return query_end(&q);
}

static enum store_status load_uids(struct db *db, const struct mailbox_row *m, struct store_mailbox_open *o) {
    o->ret_uids = mem_alloc(m->messages * sizeof(uint32_t));
    struct query q;
    query_begin(&q, db, SQL_ENTRY_UIDS);
    query_bind_u64(&q, m->id);
    while (o->ret_n_uids < m->messages && query_row(&q)) {
        uint32_t uid = query_u32(&q, 0);
        o->ret_uids[o->ret_n_uids++] = uid;
        if (o->ret_first_unseen_uid == 0 && (query_u32(&q, 1) & STORE_FLAG_SEEN) == 0)
            o->ret_first_unseen_uid = uid;
    }
    return query_end(&q);
}

static enum store_status find_large(struct db *db, const struct mailbox_row *m, struct store_mailbox_open *o) {
    struct query q;
    query_begin(&q, db, SQL_ENTRY_LARGE_WAITS);
    query_bind_u64(&q, m->id);
    o->ret_large_waits = query_row(&q);
    return query_end(&q);
}

enum store_status sqlite_mailbox_open(struct backend_conn *c, struct store_op *op) {
    struct store_mailbox_open *o = CONTAINER_OF(op, struct store_mailbox_open, op);
    char name[STORE_MAILBOX_NAME_MAX + 1];
    if (!mailbox_name_normal(o->name, name))
        return STORE_NOT_FOUND;
    struct mailbox_row m;
    enum store_status status = mailbox_load_name(db_of(c), o->account_id, name, &m);
    if (status != STORE_OK)
        return status;
    o->ret_mailbox_id = m.id;
    o->ret_uid_validity = m.uid_validity;
    o->ret_uid_next = m.uid_next;
    o->ret_highest_modseq = m.modseq;
    o->ret_messages = m.messages;
    o->ret_unseen = m.unseen;
    o->ret_deleted = m.deleted;
    o->ret_size = m.octets;
    if (!o->want_uids)
        return STORE_OK;
    status = load_uids(db_of(c), &m, o);
    return status == STORE_OK ? find_large(db_of(c), &m, o) : status;
}

// ---- making ----

enum store_status mailbox_next_uid_validity(struct db *db, uint32_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_UID_VALIDITY_NEXT);
    uint64_t value = query_row(&q) ? query_u64(&q, 0) : 0;
    enum store_status status = query_exec(&q);
    if (status == STORE_OK && (value == 0 || value > UINT32_MAX)) {
        log_error("store.uid_validity", "state=%s", value == 0 ? "missing" : "exhausted");
        status = STORE_FAILED;
    }
    *ret = (uint32_t)value;
    return status;
}

enum store_status mailbox_insert(struct db *db, uint64_t account_id, const char *name, bool subscribed,
                                 uint64_t *ret_id) {
    uint32_t uid_validity;
    enum store_status status = mailbox_next_uid_validity(db, &uid_validity);
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_INSERT);
    query_bind_u64(&q, account_id);
    query_bind_text(&q, name);
    query_bind_u64(&q, uid_validity);
    query_bind_u64(&q, subscribed);
    status = query_exec(&q);
    *ret_id = db_last_id(db);
    return status;
}

static enum store_status count_mailboxes(struct db *db, uint64_t account_id, uint64_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_COUNT);
    query_bind_u64(&q, account_id);
    *ret = query_row(&q) ? query_u64(&q, 0) : 0;
    return query_end(&q);
}

// Makes the missing mailboxes above `name`, adding their number to *count.
static enum store_status create_parents(struct db *db, uint64_t account_id, const char *name, uint64_t *count) {
    enum store_status status = STORE_OK;
    for (const char *slash = strchr(name, '/'); slash != NULL && status == STORE_OK; slash = strchr(slash + 1, '/')) {
        char *parent = mem_strndup(name, (size_t)(slash - name));
        struct mailbox_row m;
        uint64_t id;
        status = mailbox_load_name(db, account_id, parent, &m);
        if (status == STORE_NOT_FOUND) {
            (*count)++;
            status = *count <= STORE_MAILBOXES_MAX ? mailbox_insert(db, account_id, parent, false, &id) : STORE_QUOTA;
        }
        free(parent);
    }
    return status;
}

enum store_status mailbox_create(struct db *db, uint64_t account_id, const char *name, uint64_t *ret_id) {
    struct mailbox_row m;
    uint64_t n;
    enum store_status status = mailbox_load_name(db, account_id, name, &m);
    if (status != STORE_NOT_FOUND)
        return status == STORE_OK ? STORE_EXISTS : status;
    status = count_mailboxes(db, account_id, &n);
    if (status != STORE_OK)
        return status;
    if (n == 0) // every account has its INBOX
        return STORE_NOT_FOUND;
    status = create_parents(db, account_id, name, &n);
    if (status == STORE_OK && n >= STORE_MAILBOXES_MAX)
        status = STORE_QUOTA;
    return status == STORE_OK ? mailbox_insert(db, account_id, name, false, ret_id) : status;
}

// ---- the other edits ----

// Its messages are the rest, which the writer works off piece by piece as it does those of an account
// (sqlite/account_delete.c).
static enum store_status delete_mailbox(struct db *db, uint64_t account_id, const char *name, uint64_t origin) {
    struct mailbox_row m;
    if (mailbox_name_is_inbox(name))
        return STORE_INVALID;
    enum store_status status = mailbox_load_name(db, account_id, name, &m);
    if (status != STORE_OK)
        return status;
    static const enum sql steps[] = {SQL_MAILBOX_DOOM, SQL_MAILBOX_DELETE};
    for (size_t i = 0; i < ARRAY_LEN(steps) && status == STORE_OK; i++) {
        struct query q;
        query_begin(&q, db, steps[i]);
        query_bind_u64(&q, m.id);
        status = query_exec(&q);
    }
    if (status == STORE_OK)
        mailbox_note(db, &m, STORE_CHANGE_DELETED, origin, NULL, 0);
    return status;
}

static enum store_status subscribe(struct db *db, uint64_t account_id, const char *name, bool subscribed) {
    struct mailbox_row m;
    enum store_status status = mailbox_load_name(db, account_id, name, &m);
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_SUBSCRIBE);
    query_bind_u64(&q, m.id);
    query_bind_u64(&q, subscribed);
    return query_exec(&q);
}

enum store_status sqlite_mailbox_edit(struct backend_conn *c, struct store_op *op) {
    struct store_mailbox_edit *e = CONTAINER_OF(op, struct store_mailbox_edit, op);
    struct db *db = db_of(c);
    char name[STORE_MAILBOX_NAME_MAX + 1], new_name[STORE_MAILBOX_NAME_MAX + 1];
    uint64_t id;
    if (!mailbox_name_normal(e->name, name))
        return e->kind == STORE_MAILBOX_CREATE ? STORE_INVALID : STORE_NOT_FOUND;
    switch (e->kind) {
    case STORE_MAILBOX_CREATE:
        return mailbox_create(db, e->account_id, name, &id);
    case STORE_MAILBOX_DELETE:
        op->has_rest = true;
        return delete_mailbox(db, e->account_id, name, e->origin);
    case STORE_MAILBOX_RENAME:
        if (!mailbox_name_normal(e->new_name, new_name))
            return STORE_INVALID;
        return mailbox_rename(db, e->account_id, name, new_name, e->origin);
    case STORE_MAILBOX_SUBSCRIBE:
    case STORE_MAILBOX_UNSUBSCRIBE:
        return subscribe(db, e->account_id, name, e->kind == STORE_MAILBOX_SUBSCRIBE);
    }
    UNREACHABLE();
}
