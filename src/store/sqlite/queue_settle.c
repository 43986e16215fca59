// SPDX-License-Identifier: MIT
// The outcome of attempts, and what destinations are told of their servers. Rows of one destination mostly come
// together: its own row and that of the queue are loaded once for all of them in a row.
#include "base/mem.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/queue_accept.h"
#include "store/sqlite/queue_rows.h"

struct settling {
    struct db *db;
    struct queue_row queue;
    struct destination_row x; // id 0: none is loaded
    bool alive;
};

static enum store_status leave_destination(struct settling *s) {
    if (s->x.id == 0)
        return STORE_OK;
    enum store_status status = STORE_OK;
    if (s->alive && s->x.dues > 0 && (s->x.attempts > 0 || s->x.deferred_until > 0))
        status = destination_set_failure(s->db, &s->x, 0, 0, 0, "");
    if (status == STORE_OK)
        status = destination_settle(s->db, &s->queue, &s->x);
    s->x.id = 0;
    return status;
}

static enum store_status enter_destination(struct settling *s, uint64_t id) {
    if (s->x.id == id)
        return STORE_OK;
    enum store_status status = leave_destination(s);
    return status == STORE_OK ? destination_load_id(s->db, id, &s->x) : status;
}

static enum store_status defer(struct settling *s, const struct due_row *d, const struct store_settle_due *to) {
    if (to->n_left > d->n_recipients)
        return STORE_INVALID;
    char *joined = recipients_join(to->left, to->n_left);
    if (joined == NULL)
        return STORE_INVALID;
    struct query q;
    query_begin(&q, s->db, SQL_DUE_DEFER);
    query_bind_u64(&q, d->id);
    query_bind_i64(&q, to->next_at);
    query_bind_text(&q, to->reply);
    query_bind_u64(&q, to->n_left);
    query_bind_text(&q, joined);
    enum store_status status = query_exec(&q);
    free(joined);
    uint64_t fewer = d->n_recipients - to->n_left;
    s->x.recipients -= fewer;
    s->queue.recipients -= fewer;
    return status == STORE_OK && fewer > 0 ? sender_count(s->db, d->sender_id, -(int64_t)fewer) : status;
}

// The bounce may be a letter, which changes the queue's row and perhaps this destination's.
static enum store_status bounce(struct settling *s, struct store_deliver *d) {
    enum store_status status = leave_destination(s);
    if (status == STORE_OK)
        status = queue_row_save(s->db, &s->queue);
    if (status == STORE_OK)
        status = deliver_run(s->db, d, false);
    return status == STORE_OK ? queue_row_load(s->db, &s->queue) : status;
}

static enum store_status settle_one(struct settling *s, struct store_settle_due *to) {
    struct due_row d;
    enum store_status status = due_load(s->db, to->due_id, &d);
    to->ret_found = status == STORE_OK;
    if (status != STORE_OK)
        return status == STORE_NOT_FOUND ? STORE_OK : status;
    status = enter_destination(s, d.destination_id);
    if (status == STORE_OK)
        status = to->n_left > 0 ? defer(s, &d, to) : due_remove(s->db, &s->queue, &s->x, &d);
    if (status == STORE_OK && to->bounce != NULL)
        status = bounce(s, to->bounce);
    return status;
}

enum store_status sqlite_queue_settle(struct backend_conn *c, struct store_op *op) {
    struct store_queue_settle *e = CONTAINER_OF(op, struct store_queue_settle, op);
    struct settling s = {.db = db_of(c), .alive = e->alive};
    enum store_status status = queue_row_load(s.db, &s.queue);
    for (size_t i = 0; i < e->n_dues && status == STORE_OK; i++)
        status = settle_one(&s, &e->dues[i]);
    if (status == STORE_OK)
        status = leave_destination(&s);
    return status == STORE_OK ? queue_row_save(s.db, &s.queue) : status;
}

enum store_status sqlite_queue_defer(struct backend_conn *c, struct store_op *op) {
    struct store_queue_defer *d = CONTAINER_OF(op, struct store_queue_defer, op);
    struct destination_row x;
    enum store_status status = destination_load(db_of(c), d->destination, &x);
    if (status != STORE_OK)
        return status;
    d->ret_attempts = x.attempts + 1;
    return destination_set_failure(db_of(c), &x, d->next_at, x.attempts + 1, d->now, d->error);
}

enum store_status sqlite_queue_alive(struct backend_conn *c, struct store_op *op) {
    struct store_queue_alive *a = CONTAINER_OF(op, struct store_queue_alive, op);
    struct destination_row x;
    enum store_status status = destination_load(db_of(c), a->destination, &x);
    if (status == STORE_OK && (x.attempts > 0 || x.deferred_until > 0))
        status = destination_set_failure(db_of(c), &x, 0, 0, 0, "");
    return status == STORE_NOT_FOUND ? STORE_OK : status;
}
