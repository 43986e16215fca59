// SPDX-License-Identifier: MIT
// What is due (store/expiry_ops.h). Each rule reads a range of an index of its own; only the messages of a crowded
// account are all looked at, of which a twentieth of its quota goes then.
#include "store/expiry_ops.h"

#include "base/mem.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

static void add(struct store_expiry_find *f, size_t *cap, const struct store_expiry_item *item) {
    if (f->ret_n == *cap) {
        *cap = *cap > 0 ? *cap * 2 : 32;
        f->ret_items = mem_realloc(f->ret_items, *cap * sizeof(*f->ret_items));
    }
    f->ret_items[f->ret_n++] = *item;
}

static enum store_status find_accounts(struct db *db, struct store_expiry_find *f) {
    size_t n = 0, cap = 0;
    struct query q;
    query_begin(&q, db, SQL_EXPIRY_ACCOUNTS);
    query_bind_i64(&q, f->bounds.login_day);
    query_bind_i64(&q, f->after.time);
    query_bind_u64(&q, f->after.id);
    query_bind_u64(&q, f->max);
    for (; query_row(&q); n++) {
        f->ret_after = (struct store_expiry_item){
            .time = query_i64(&q, 0), .id = query_u64(&q, 1), .messages = query_u64(&q, 2), .octets = query_u64(&q, 3)};
        add(f, &cap, &f->ret_after);
    }
    f->ret_more = n == f->max;
    return query_end(&q);
}

static struct store_expiry_item message_of(struct query *q) {
    return (struct store_expiry_item){.time = query_i64(q, 0),
                                      .id = query_u64(q, 1),
                                      .uid = query_u32(q, 2),
                                      .messages = 1,
                                      .octets = query_u64(q, 3)};
}

static enum store_status find_messages(struct db *db, struct store_expiry_find *f, enum sql sql, int64_t last_hour) {
    size_t n = 0, cap = 0;
    struct query q;
    query_begin(&q, db, sql);
    query_bind_i64(&q, last_hour);
    query_bind_i64(&q, f->after.time);
    query_bind_u64(&q, f->after.id);
    query_bind_u64(&q, f->after.uid);
    query_bind_u64(&q, f->max);
    query_bind_i64(&q, f->bounds.login_day);
    for (; query_row(&q); n++) {
        f->ret_after = message_of(&q);
        if (query_u64(&q, 4) != 0)
            add(f, &cap, &f->ret_after);
    }
    f->ret_more = n == f->max;
    return query_end(&q);
}

// ---- crowded accounts ----

static enum store_status next_crowded(struct db *db, struct store_expiry_find *f, uint64_t *ret_used) {
    struct query q;
    query_begin(&q, db, SQL_EXPIRY_CROWDED);
    query_bind_u64(&q, f->after.id);
    query_bind_i64(&q, f->now_hour);
    query_bind_i64(&q, f->bounds.login_day);
    if (query_row(&q)) {
        f->ret_account_id = query_u64(&q, 0);
        *ret_used = query_u64(&q, 1);
    }
    return query_end(&q);
}

static void bind_others(struct query *q, const struct store_expiry_find *f) {
    query_bind_u64(q, f->ret_account_id);
    query_bind_i64(q, f->bounds.mails_hour);
    query_bind_i64(q, f->bounds.large_hour);
}

static enum store_status due_octets(struct db *db, const struct store_expiry_find *f, uint64_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_EXPIRY_DUE_OCTETS);
    bind_others(&q, f);
    *ret = query_row(&q) ? query_u64(&q, 0) : 0;
    return query_end(&q);
}

static enum store_status oldest(struct db *db, struct store_expiry_find *f, uint64_t used, uint64_t goal) {
    size_t cap = 0;
    struct query q;
    query_begin(&q, db, SQL_EXPIRY_OLDEST);
    bind_others(&q, f);
    query_bind_i64(&q, f->bounds.young_hour);
    while (used > goal && query_row(&q)) {
        struct store_expiry_item item = message_of(&q);
        used -= item.octets < used ? item.octets : used;
        add(f, &cap, &item);
    }
    return query_end(&q);
}

static enum store_status find_crowded(struct db *db, struct store_expiry_find *f) {
    uint64_t used = 0, others = 0, most = quota_part(db, STORE_CROWDED_PERCENT);
    enum store_status status = next_crowded(db, f, &used);
    if (status != STORE_OK || f->ret_account_id == 0)
        return status;
    f->ret_after.id = f->ret_account_id;
    f->ret_more = true;
    if (used > most)
        status = due_octets(db, f, &others);
    used -= others < used ? others : used;
    if (status == STORE_OK && used > most)
        status = oldest(db, f, used, quota_part(db, STORE_RELIEVED_PERCENT));
    return status;
}

// ---- the operation ----

// What is older is due by another rule.
static void begin_behind(struct store_expiry_item *after, int64_t hour) {
    if (after->time <= hour)
        *after = (struct store_expiry_item){.time = hour, .id = INT64_MAX};
}

enum store_status sqlite_expiry_find(struct backend_conn *c, struct store_op *op) {
    struct store_expiry_find *f = CONTAINER_OF(op, struct store_expiry_find, op);
    struct db *db = db_of(c);
    switch (f->rule) {
    case STORE_EXPIRY_ACCOUNTS:
        return find_accounts(db, f);
    case STORE_EXPIRY_MAILS:
        return find_messages(db, f, SQL_EXPIRY_MAILS, f->bounds.mails_hour);
    case STORE_EXPIRY_LARGE:
        begin_behind(&f->after, f->bounds.mails_hour);
        return find_messages(db, f, SQL_EXPIRY_LARGE, f->bounds.large_hour);
    case STORE_EXPIRY_QUOTA:
        return find_crowded(db, f);
    case STORE_EXPIRY_RULES:
        break;
    }
    UNREACHABLE();
}
