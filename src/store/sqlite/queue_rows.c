// SPDX-License-Identifier: MIT
#include "store/sqlite/queue_rows.h"

#include "base/mem.h"
#include "store/sqlite/rows.h"

// ---- the whole queue ----

enum store_status queue_row_load(struct db *db, struct queue_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_QUEUE_LOAD);
    bool found = query_row(&q);
    if (found)
        *ret = (struct queue_row){
            .destinations = query_u64(&q, 0),
            .letters = query_u64(&q, 1),
            .dues = query_u64(&q, 2),
            .recipients = query_u64(&q, 3),
            .octets = query_u64(&q, 4),
        };
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_FAILED : status;
}

enum store_status queue_row_save(struct db *db, const struct queue_row *queue) {
    struct query q;
    query_begin(&q, db, SQL_QUEUE_SAVE);
    query_bind_u64(&q, queue->destinations);
    query_bind_u64(&q, queue->letters);
    query_bind_u64(&q, queue->dues);
    query_bind_u64(&q, queue->recipients);
    query_bind_u64(&q, queue->octets);
    return query_exec(&q);
}

// ---- destinations ----

static enum store_status load(struct query *q, struct destination_row *ret) {
    bool found = query_row(q);
    if (found)
        *ret = (struct destination_row){
            .id = query_u64(q, 0),
            .next_at = query_i64(q, 1),
            .deferred_until = query_i64(q, 2),
            .attempts = query_u32(q, 3),
            .oldest = query_i64(q, 4),
            .dues = query_u64(q, 5),
            .recipients = query_u64(q, 6),
            .octets = query_u64(q, 7),
        };
    enum store_status status = query_end(q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

enum store_status destination_load(struct db *db, const char *name, struct destination_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_BY_NAME);
    query_bind_text(&q, name);
    return load(&q, ret);
}

enum store_status destination_load_id(struct db *db, uint64_t id, struct destination_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_BY_ID);
    query_bind_u64(&q, id);
    return load(&q, ret);
}

enum store_status destination_load_or_new(struct db *db, const char *name, struct queue_row *queue,
                                          struct destination_row *ret) {
    enum store_status status = destination_load(db, name, ret);
    if (status != STORE_NOT_FOUND)
        return status;
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_INSERT);
    query_bind_text(&q, name);
    status = query_exec(&q);
    *ret = (struct destination_row){.id = db_last_id(db)};
    queue->destinations++;
    return status;
}

enum store_status destination_save(struct db *db, struct queue_row *queue, struct destination_row *x) {
    struct query q;
    if (x->dues == 0) {
        queue->destinations--;
        query_begin(&q, db, SQL_DESTINATION_DELETE);
        query_bind_u64(&q, x->id);
        return query_exec(&q);
    }
    query_begin(&q, db, SQL_DESTINATION_SAVE);
    query_bind_u64(&q, x->id);
    query_bind_i64(&q, x->next_at);
    query_bind_i64(&q, x->oldest);
    query_bind_u64(&q, x->dues);
    query_bind_u64(&q, x->recipients);
    query_bind_u64(&q, x->octets);
    return query_exec(&q);
}

static enum store_status first_time(struct db *db, enum sql sql, uint64_t destination_id, int64_t *ret) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_u64(&q, destination_id);
    bool found = query_row(&q);
    if (found)
        *ret = query_i64(&q, 0);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_FAILED : status;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

enum store_status destination_settle(struct db *db, struct queue_row *queue, struct destination_row *x) {
    enum store_status status = STORE_OK;
    if (x->dues > 0) {
        int64_t first = 0;
        status = first_time(db, SQL_DUE_FIRST_NEXT, x->id, &first);
        x->next_at = later(first, x->deferred_until);
        if (status == STORE_OK)
            status = first_time(db, SQL_DUE_FIRST_CREATED, x->id, &x->oldest);
    }
    return status == STORE_OK ? destination_save(db, queue, x) : status;
}

enum store_status destination_set_failure(struct db *db, struct destination_row *x, int64_t deferred_until,
                                          uint32_t attempts, int64_t now, const char *error) {
    int64_t first = 0;
    enum store_status status = first_time(db, SQL_DUE_FIRST_NEXT, x->id, &first);
    if (status != STORE_OK)
        return status;
    x->deferred_until = deferred_until;
    x->next_at = later(first, deferred_until);
    x->attempts = attempts;
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_SET_FAILURE);
    query_bind_u64(&q, x->id);
    query_bind_i64(&q, x->next_at);
    query_bind_i64(&q, deferred_until);
    query_bind_u64(&q, attempts);
    query_bind_i64(&q, now);
    query_bind_text(&q, error);
    return query_exec(&q);
}

enum store_status destination_retry(struct db *db, struct destination_row *x) {
    enum store_status status = first_time(db, SQL_DUE_FIRST_NEXT, x->id, &x->next_at);
    if (status != STORE_OK)
        return status;
    x->deferred_until = 0;
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_RETRY);
    query_bind_u64(&q, x->id);
    query_bind_i64(&q, x->next_at);
    return query_exec(&q);
}

void destination_read(struct query *q, struct store_destination *ret) {
    *ret = (struct store_destination){
        .name = slice_dup(slice_from_cstr(query_text(q, 0))),
        .next_at = query_i64(q, 1),
        .deferred_until = query_i64(q, 2),
        .attempts = query_u32(q, 3),
        .failing_since = query_i64(q, 4),
        .last_error = slice_dup(slice_from_cstr(query_text(q, 5))),
        .oldest = query_i64(q, 6),
        .dues = query_u64(q, 7),
        .recipients = query_u64(q, 8),
        .octets = query_u64(q, 9),
    };
}

// ---- senders ----

enum store_status sender_load(struct db *db, uint64_t account_id, uint64_t *ret_id, uint64_t *ret_recipients) {
    struct query q;
    query_begin(&q, db, SQL_SENDER_BY_ACCOUNT);
    query_bind_u64(&q, account_id);
    bool found = query_row(&q);
    if (found) {
        *ret_id = query_u64(&q, 0);
        *ret_recipients = query_u64(&q, 1);
    }
    enum store_status status = query_end(&q);
    if (status != STORE_OK || found)
        return status;
    query_begin(&q, db, SQL_SENDER_INSERT);
    query_bind_u64(&q, account_id);
    status = query_exec(&q);
    *ret_id = db_last_id(db);
    *ret_recipients = 0;
    return status;
}

enum store_status sender_count(struct db *db, uint64_t id, int64_t more) {
    if (id == 0)
        return STORE_OK;
    struct query q;
    query_begin(&q, db, SQL_SENDER_TAKE);
    query_bind_u64(&q, id);
    query_bind_i64(&q, more);
    enum store_status status = query_exec(&q);
    if (status != STORE_OK || more > 0)
        return status;
    query_begin(&q, db, SQL_SENDER_DELETE_IDLE);
    query_bind_u64(&q, id);
    return query_exec(&q);
}

// ---- due rows ----

enum store_status due_load(struct db *db, uint64_t id, struct due_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_DUE_FOR_CHANGE);
    query_bind_u64(&q, id);
    bool found = query_row(&q);
    if (found)
        *ret = (struct due_row){
            .id = id,
            .letter_id = query_u64(&q, 0),
            .destination_id = query_u64(&q, 1),
            .n_recipients = query_u64(&q, 2),
            .letter_dues = query_u64(&q, 3),
            .body_id = query_u64(&q, 4),
            .sender_id = query_u64(&q, 5),
            .octets = query_u64(&q, 6),
        };
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status run_on_id(struct db *db, enum sql sql, uint64_t id) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_u64(&q, id);
    return query_exec(&q);
}

static enum store_status letter_remove(struct db *db, struct queue_row *queue, const struct due_row *d) {
    queue->letters--;
    queue->octets -= d->octets;
    enum store_status status = run_on_id(db, SQL_LETTER_DELETE, d->letter_id);
    return status == STORE_OK ? body_unref(db, d->body_id) : status;
}

static enum store_status letter_set_dues(struct db *db, uint64_t id, uint64_t dues) {
    struct query q;
    query_begin(&q, db, SQL_LETTER_SET_DUES);
    query_bind_u64(&q, id);
    query_bind_u64(&q, dues);
    return query_exec(&q);
}

enum store_status due_remove(struct db *db, struct queue_row *queue, struct destination_row *x,
                             const struct due_row *d) {
    x->dues--;
    x->recipients -= d->n_recipients;
    x->octets -= d->octets;
    queue->dues--;
    queue->recipients -= d->n_recipients;
    enum store_status status = run_on_id(db, SQL_DUE_DELETE, d->id);
    if (status == STORE_OK)
        status =
            d->letter_dues > 1 ? letter_set_dues(db, d->letter_id, d->letter_dues - 1) : letter_remove(db, queue, d);
    return status == STORE_OK ? sender_count(db, d->sender_id, -(int64_t)d->n_recipients) : status;
}

char *recipients_join(char *const *recipients, size_t n) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (recipients[i][0] == '\0' || strchr(recipients[i], '\n') != NULL)
            return NULL;
        len += strlen(recipients[i]) + 1;
    }
    char *joined = mem_alloc(len + 1), *at = joined;
    for (size_t i = 0; i < n; i++) {
        size_t one = strlen(recipients[i]);
        memcpy(at, recipients[i], one);
        at[one] = '\n';
        at += one + 1;
    }
    *at = '\0';
    return joined;
}

static void split_recipients(struct slice joined, size_t n, struct store_due *ret) {
    ret->recipients = mem_alloc(n * sizeof(char *));
    struct slice one;
    while (ret->n_recipients < n && slice_cut(joined, '\n', &one, &joined))
        ret->recipients[ret->n_recipients++] = slice_dup(one);
}

void due_read(struct query *q, bool whole, struct store_due *ret) {
    *ret = (struct store_due){
        .id = query_u64(q, 0),
        .destination = slice_dup(slice_from_cstr(query_text(q, 1))),
        .created = query_i64(q, 2),
        .next_at = query_i64(q, 3),
        .attempts = query_u32(q, 4),
        .last_reply = slice_dup(slice_from_cstr(query_text(q, 5))),
        .body_id = query_u64(q, 8),
        .body_size = query_u64(q, 10),
        .reverse_path = slice_dup(slice_from_cstr(query_text(q, 11))),
        .flags = query_u32(q, 12),
        .sender_id = query_u64(q, 13),
        .prefix_len = query_u64(q, 14),
    };
    split_recipients(slice_from_cstr(query_text(q, 7)), query_u64(q, 6), ret);
    if (!whole)
        return;
    struct slice key = query_blob(q, 9), prefix = query_blob(q, 15);
    if (key.len == STORED_KEY_LEN)
        memcpy(ret->body_key, key.ptr + 1, sizeof(ret->body_key));
    ret->prefix = mem_strndup(prefix.ptr, prefix.len);
    ret->prefix_len = prefix.len;
}
