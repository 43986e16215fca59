// SPDX-License-Identifier: MIT
// Reading the queue: for the scheduler and for the operator. A page is read to its end and one row further, which tells
// whether there is more.
#include "base/mem.h"
#include "store/queue_operator_ops.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/queue_rows.h"

enum {
    PAGE_OCTETS = 1024 * 1024, // what the due rows of one page may hold
    RECIPIENTS_COLUMN = 7,     // of a whole due row
};

// ---- destinations ----

static void read_destinations(struct query *q, size_t max, struct store_destination **ret, size_t *ret_n,
                              bool *ret_more) {
    struct store_destination *rows = mem_alloc((max + 1) * sizeof(*rows));
    size_t n = 0;
    while (n < max && query_row(q))
        destination_read(q, &rows[n++]);
    *ret_more = n == max && query_row(q);
    *ret = rows;
    *ret_n = n;
}

// The number in the first column of the first row; 0 when there is none.
static enum store_status read_number(struct query *q, int64_t *ret) {
    *ret = query_row(q) ? query_i64(q, 0) : 0;
    return query_end(q);
}

enum store_status sqlite_queue_destinations(struct backend_conn *c, struct store_op *op) {
    struct store_queue_destinations *d = CONTAINER_OF(op, struct store_queue_destinations, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DESTINATION_READY);
    query_bind_i64(&q, d->now);
    query_bind_i64(&q, d->after_next_at);
    query_bind_text(&q, d->after_name);
    query_bind_u64(&q, d->max + 1);
    read_destinations(&q, d->max, &d->ret_destinations, &d->ret_n, &d->ret_more);
    enum store_status status = query_end(&q);
    if (status != STORE_OK)
        return status;
    query_begin(&q, db_of(c), SQL_DESTINATION_NEXT_AFTER);
    query_bind_i64(&q, d->now);
    return read_number(&q, &d->ret_next_at);
}

enum store_status sqlite_queue_list(struct backend_conn *c, struct store_op *op) {
    struct store_queue_list *l = CONTAINER_OF(op, struct store_queue_list, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DESTINATION_LIST);
    query_bind_text(&q, l->after);
    query_bind_u64(&q, l->max + 1);
    read_destinations(&q, l->max, &l->ret_destinations, &l->ret_n, &l->ret_more);
    return query_end(&q);
}

static enum store_status read_oldest(struct db *db, int64_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_OLDEST);
    return read_number(&q, ret);
}

enum store_status sqlite_queue_total(struct backend_conn *c, struct store_op *op) {
    struct store_queue_total *t = CONTAINER_OF(op, struct store_queue_total, op);
    struct queue_row queue;
    enum store_status status = queue_row_load(db_of(c), &queue);
    if (status != STORE_OK)
        return status;
    t->ret_destinations = queue.destinations;
    t->ret_letters = queue.letters;
    t->ret_dues = queue.dues;
    t->ret_recipients = queue.recipients;
    t->ret_octets = queue.octets;
    return read_oldest(db_of(c), &t->ret_oldest);
}

// ---- due rows ----

static int compare_ids(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

struct page {
    struct query *q;
    size_t max, max_octets;
    uint64_t *skip; // sorted here
    size_t n_skip;
    bool whole;
};

static bool next_row(const struct page *p) {
    while (query_row(p->q)) {
        uint64_t id = query_u64(p->q, 0);
        if (p->n_skip == 0 || bsearch(&id, p->skip, p->n_skip, sizeof(id), compare_ids) == NULL)
            return true;
    }
    return false;
}

static void read_dues(const struct page *p, struct store_due **ret, size_t *ret_n, bool *ret_more) {
    struct store_due *rows = NULL;
    size_t n = 0, octets = 0;
    if (p->n_skip > 0)
        qsort(p->skip, p->n_skip, sizeof(*p->skip), compare_ids);
    while (n < p->max && octets < p->max_octets && next_row(p)) {
        if ((n & (n - 1)) == 0)
            rows = mem_realloc(rows, (n > 0 ? n * 2 : 1) * sizeof(*rows));
        due_read(p->q, p->whole, &rows[n]);
        octets += query_blob(p->q, RECIPIENTS_COLUMN).len + (p->whole ? rows[n].prefix_len : 0);
        n++;
    }
    *ret_more = (n == p->max || octets >= p->max_octets) && next_row(p);
    *ret = rows;
    *ret_n = n;
}

enum store_status sqlite_queue_load(struct backend_conn *c, struct store_op *op) {
    struct store_queue_load *l = CONTAINER_OF(op, struct store_queue_load, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DUE_LOAD);
    query_bind_text(&q, l->destination);
    query_bind_i64(&q, l->now);
    struct page page = {&q, l->max, l->max_octets, l->skip, l->n_skip, true};
    read_dues(&page, &l->ret_dues, &l->ret_n, &l->ret_more);
    enum store_status status = query_end(&q);
    if (status != STORE_OK)
        return status;
    query_begin(&q, db_of(c), SQL_DUE_NEXT_AFTER);
    query_bind_text(&q, l->destination);
    query_bind_i64(&q, l->now);
    return read_number(&q, &l->ret_next_at);
}

enum store_status sqlite_queue_expired(struct backend_conn *c, struct store_op *op) {
    struct store_queue_expired *e = CONTAINER_OF(op, struct store_queue_expired, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DUE_EXPIRED);
    query_bind_i64(&q, e->created_before);
    struct page page = {&q, e->max, PAGE_OCTETS, e->skip, e->n_skip, true};
    read_dues(&page, &e->ret_dues, &e->ret_n, &e->ret_more);
    enum store_status status = query_end(&q);
    return status == STORE_OK ? read_oldest(db_of(c), &e->ret_oldest) : status;
}

enum store_status sqlite_queue_show(struct backend_conn *c, struct store_op *op) {
    struct store_queue_show *s = CONTAINER_OF(op, struct store_queue_show, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DESTINATION_SHOW);
    query_bind_text(&q, s->destination);
    bool found = query_row(&q);
    if (found)
        destination_read(&q, &s->ret_destination);
    enum store_status status = query_end(&q);
    if (status != STORE_OK || !found)
        return status == STORE_OK ? STORE_NOT_FOUND : status;
    query_begin(&q, db_of(c), SQL_DUE_PAGE);
    query_bind_text(&q, s->destination);
    query_bind_i64(&q, s->after_created);
    query_bind_u64(&q, s->after_id);
    struct page page = {.q = &q, .max = s->max, .max_octets = PAGE_OCTETS};
    read_dues(&page, &s->ret_dues, &s->ret_n, &s->ret_more);
    return query_end(&q);
}

enum store_status sqlite_queue_find(struct backend_conn *c, struct store_op *op) {
    struct store_queue_find *f = CONTAINER_OF(op, struct store_queue_find, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_DUE_FIND);
    query_bind_u64(&q, f->due_id);
    bool found = query_row(&q);
    if (found)
        due_read(&q, true, &f->ret_due);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}
