// SPDX-License-Identifier: MIT
#include "store/sqlite/rows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/expiry_ops.h"

// ---- mailboxes ----

static enum store_status load(struct query *q, struct mailbox_row *ret) {
    bool found = query_row(q);
    if (found)
        *ret = (struct mailbox_row){
            .id = query_u64(q, 0),
            .account_id = query_u64(q, 1),
            .uid_validity = query_u32(q, 2),
            .uid_next = query_u32(q, 3),
            .modseq = query_u64(q, 4),
            .messages = query_u32(q, 5),
            .unseen = query_u32(q, 6),
            .deleted = query_u32(q, 7),
            .octets = query_u64(q, 8),
        };
    enum store_status status = query_end(q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

enum store_status mailbox_load(struct db *db, uint64_t id, struct mailbox_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_BY_ID);
    query_bind_u64(&q, id);
    return load(&q, ret);
}

enum store_status mailbox_load_name(struct db *db, uint64_t account_id, const char *name, struct mailbox_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_BY_NAME);
    query_bind_u64(&q, account_id);
    query_bind_text(&q, name);
    return load(&q, ret);
}

enum store_status mailbox_load_for_delivery(struct db *db, const char *address, struct mailbox_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_FOR_DELIVERY);
    query_bind_text(&q, address);
    return load(&q, ret);
}

enum store_status mailbox_load_for_delivery_by_id(struct db *db, uint64_t account_id, struct mailbox_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_FOR_DELIVERY_BY_ID);
    query_bind_u64(&q, account_id);
    return load(&q, ret);
}

enum store_status mailbox_save(struct db *db, const struct mailbox_row *m) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_SAVE);
    query_bind_u64(&q, m->id);
    query_bind_u64(&q, m->uid_next);
    query_bind_u64(&q, m->modseq);
    query_bind_u64(&q, m->messages);
    query_bind_u64(&q, m->unseen);
    query_bind_u64(&q, m->deleted);
    query_bind_u64(&q, m->octets);
    return query_exec(&q);
}

bool mailbox_has_room(struct db *db, const struct mailbox_row *m, uint64_t used, uint64_t size) {
    uint64_t quota = atomic_load(&db->conn.context->mailbox_quota);
    return m->messages < MAILBOX_MESSAGES_MAX && m->uid_next < UINT32_MAX && used <= quota && size <= quota - used;
}

enum store_status account_used(struct db *db, uint64_t account_id, uint64_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_USED);
    query_bind_u64(&q, account_id);
    uint64_t used = query_row(&q) ? query_u64(&q, 0) : 0;
    enum store_status status = query_end(&q);
    *ret = used;
    return status;
}

uint64_t quota_part(const struct db *db, unsigned percent) {
    return atomic_load(&db->conn.context->mailbox_quota) / 100 * percent;
}

enum store_status account_note_used(struct db *db, uint64_t account_id, uint64_t used) {
    if (used <= quota_part(db, STORE_CROWDED_PERCENT))
        return STORE_OK;
    struct query q;
    query_begin(&q, db, SQL_CROWDED_INSERT);
    query_bind_u64(&q, account_id);
    return query_exec(&q);
}

int64_t arrival_hour(const struct db *db) {
    int64_t hour = clock_wall_s() / 3600;
    return hour > db->least_hour ? hour : db->least_hour;
}

void mailbox_note(struct db *db, const struct mailbox_row *m, enum store_change_kind kind, uint64_t origin,
                  const uint32_t *uids, size_t n_uids) {
    mailbox_note_since(db, m, kind, origin, 0, uids, n_uids);
}

void mailbox_note_since(struct db *db, const struct mailbox_row *m, enum store_change_kind kind, uint64_t origin,
                        uint64_t since_us, const uint32_t *uids, size_t n_uids) {
    struct store_change change = {
        .kind = kind,
        .account_id = m->account_id,
        .mailbox_id = m->id,
        .origin = origin,
        .since_us = since_us,
        .uids = uids,
        .n_uids = n_uids,
    };
    effects_add_change(&db->conn.effects, &change);
}

// ---- entries ----

void entry_read(struct query *q, struct entry_row *ret) {
    *ret = (struct entry_row){
        .uid = query_u32(q, 0),
        .body_id = query_u64(q, 1),
        .flags = query_u32(q, 3),
        .size = query_u64(q, 5),
        .date = query_i64(q, 6),
        .modseq = query_u64(q, 7),
        .hour = query_i64(q, 8),
        .shown = query_u64(q, 9) != 0,
    };
    struct slice key = query_blob(q, 2);
    if (key.len == STORED_KEY_LEN)
        memcpy(ret->key, key.ptr, key.len);
    const char *keywords = query_text(q, 4);
    ret->keywords = mem_strndup(keywords, strlen(keywords));
}

static void append(struct entry_list *l, struct query *q) {
    if (l->n == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 8;
        l->rows = mem_realloc(l->rows, l->cap * sizeof(*l->rows));
    }
    entry_read(q, &l->rows[l->n++]);
}

enum store_status entry_list_load(struct db *db, enum sql sql, uint64_t mailbox_id,
                                  const struct store_uid_range *ranges, size_t n_ranges, size_t max,
                                  struct entry_list *ret) {
    enum store_status status = STORE_OK;
    for (size_t i = 0; i < n_ranges && ret->n < max && status == STORE_OK; i++) {
        struct query q;
        query_begin(&q, db, sql);
        query_bind_u64(&q, mailbox_id);
        query_bind_u64(&q, ranges[i].first);
        query_bind_u64(&q, ranges[i].last);
        while (ret->n < max && query_row(&q))
            append(ret, &q);
        status = query_end(&q);
    }
    return status;
}

void entry_list_done(struct entry_list *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->rows[i].keywords);
    free(l->rows);
}

static void count(struct mailbox_row *m, const struct entry_row *entry, int sign) {
    uint32_t one = (uint32_t)sign;
    m->messages += one;
    m->unseen += (entry->flags & STORE_FLAG_SEEN) == 0 ? one : 0;
    m->deleted += (entry->flags & STORE_FLAG_DELETED) != 0 ? one : 0;
    m->octets += (uint64_t)(int64_t)sign * entry->size;
}

enum store_status mailbox_add_entry(struct db *db, struct mailbox_row *m, struct entry_row *entry) {
    entry->uid = m->uid_next++;
    entry->modseq = ++m->modseq;
    count(m, entry, 1);
    struct query q;
    query_begin(&q, db, SQL_ENTRY_INSERT);
    query_bind_u64(&q, m->id);
    query_bind_u64(&q, entry->uid);
    query_bind_u64(&q, entry->body_id);
    query_bind_blob(&q, entry->key, sizeof(entry->key));
    query_bind_u64(&q, entry->flags);
    query_bind_text(&q, entry->keywords != NULL ? entry->keywords : "");
    query_bind_u64(&q, entry->size);
    query_bind_i64(&q, entry->date);
    query_bind_u64(&q, entry->modseq);
    query_bind_i64(&q, entry->hour);
    query_bind_u64(&q, entry->shown);
    return query_exec(&q);
}

enum store_status mailbox_remove_entry(struct db *db, struct mailbox_row *m, const struct entry_row *entry) {
    count(m, entry, -1);
    struct query q;
    query_begin(&q, db, SQL_ENTRY_DELETE);
    query_bind_u64(&q, m->id);
    query_bind_u64(&q, entry->uid);
    return query_exec(&q);
}

// ---- bodies ----

enum store_status body_insert(struct db *db, const struct body_view *body, uint64_t refs, uint64_t *ret_id) {
    struct query q;
    query_begin(&q, db, SQL_BODY_INSERT);
    query_bind_u64(&q, BODY_FORMAT);
    query_bind_u64(&q, refs);
    query_bind_u64(&q, body->size);
    query_bind_blob(&q, body->file != NULL ? body->file->octets : NULL, sizeof(body->file->octets));
    enum store_status status = query_exec(&q);
    if (status != STORE_OK)
        return status;
    *ret_id = db_last_id(db);
    if (body->file != NULL)
        return STORE_OK;
    query_begin(&q, db, SQL_BODY_DATA_INSERT);
    query_bind_u64(&q, *ret_id);
    query_bind_blob(&q, body->sealed, body->sealed_len);
    return query_exec(&q);
}

static enum store_status run_on_body(struct db *db, enum sql sql, uint64_t id) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_u64(&q, id);
    return query_exec(&q);
}

enum store_status body_ref(struct db *db, uint64_t id) {
    return run_on_body(db, SQL_BODY_REF, id);
}

static enum store_status body_delete(struct db *db, uint64_t id) {
    struct query q;
    query_begin(&q, db, SQL_BODY_DELETE);
    query_bind_u64(&q, id);
    bool in_file = false;
    struct body_name name;
    while (query_row(&q)) {
        struct slice file = query_blob(&q, 0);
        in_file = file.len == sizeof(name.octets);
        if (in_file)
            memcpy(name.octets, file.ptr, file.len);
    }
    enum store_status status = query_end(&q);
    if (status != STORE_OK || !in_file)
        return status == STORE_OK ? run_on_body(db, SQL_BODY_DATA_DELETE, id) : status;
    effects_add_unlink(&db->conn.effects, &name);
    return STORE_OK;
}

enum store_status body_unref(struct db *db, uint64_t id) {
    enum store_status status = run_on_body(db, SQL_BODY_UNREF, id);
    if (status != STORE_OK || db_changes(db) > 0)
        return status;
    return body_delete(db, id);
}
