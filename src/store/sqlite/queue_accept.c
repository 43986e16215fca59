// SPDX-License-Identifier: MIT
#include "store/sqlite/queue_accept.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/sqlite/queue_rows.h"
#include "store/sqlite/rows.h"

// ---- the memory of accepted messages ----

// What is remembered of a delivery: without the store's secret it tells nothing. No mailbox has the number 0.
static struct hash128 accepted_hash(const struct db *db, const struct store_deliver *d, uint64_t mailbox_id,
                                    const char *recipient) {
    uint8_t input[sizeof(d->dedup) + sizeof(mailbox_id) + STORE_RECIPIENT_MAX];
    size_t len = recipient != NULL ? strnlen(recipient, STORE_RECIPIENT_MAX) : 0;
    memcpy(input, d->dedup, sizeof(d->dedup));
    memcpy(input + sizeof(d->dedup), &mailbox_id, sizeof(mailbox_id));
    if (len > 0)
        memcpy(input + sizeof(d->dedup) + sizeof(mailbox_id), recipient, len);
    return hash_siphash128(db->secret, input, sizeof(d->dedup) + sizeof(mailbox_id) + len);
}

static enum store_status run_accepted(struct db *db, enum sql sql, int64_t today, const struct hash128 *hash) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_i64(&q, today);
    query_bind_blob(&q, hash, sizeof(*hash));
    return query_exec(&q);
}

enum store_status accepted_add(struct db *db, const struct store_deliver *d, int64_t today, uint64_t mailbox_id,
                               const char *recipient, bool *ret_is_new) {
    struct hash128 hash = accepted_hash(db, d, mailbox_id, recipient);
    enum store_status status = run_accepted(db, SQL_ACCEPTED_INSERT, today, &hash);
    *ret_is_new = status == STORE_OK && db_changes(db) > 0;
    return status;
}

enum store_status accepted_remove(struct db *db, const struct store_deliver *d, int64_t today, uint64_t mailbox_id) {
    struct hash128 hash = accepted_hash(db, d, mailbox_id, NULL);
    return run_accepted(db, SQL_ACCEPTED_DELETE, today, &hash);
}

// ---- deciding ----

static enum store_status check_bounds(struct db *db, const struct store_deliver *d, uint64_t octets, size_t n_queued) {
    const struct backend_context *context = db->conn.context;
    struct queue_row queue;
    enum store_status status = queue_row_load(db, &queue);
    if (status != STORE_OK)
        return status;
    uint64_t octets_max = context->queue_octets;
    if (octets_max == 0)
        octets_max = body_dir_free_octets(context->bodies);
    if (queue.dues + n_queued > context->queue_dues || queue.octets + octets > octets_max)
        return STORE_FULL;
    if (d->sender_id == 0)
        return STORE_OK;
    uint64_t id, waiting;
    status = sender_load(db, d->sender_id, &id, &waiting);
    return status == STORE_OK && waiting + n_queued > context->queue_per_sender ? STORE_BACKLOG : status;
}

static bool is_usable(const struct store_remote *r) {
    return r->destination[0] != '\0' && r->recipient[0] != '\0' && strchr(r->recipient, '\n') == NULL;
}

enum store_status queue_decide(struct db *db, struct store_deliver *d, uint64_t body_size, bool bounded,
                               size_t *ret_n_queued) {
    enum store_status status = STORE_OK;
    size_t n = 0;
    if (d->n_remotes > 0 && d->reverse_path == NULL)
        return STORE_INVALID;
    for (size_t i = 0; i < d->n_remotes && status == STORE_OK; i++) {
        struct store_remote *r = &d->remotes[i];
        if (!is_usable(r))
            return STORE_INVALID;
        bool is_new;
        status = accepted_add(db, d, clock_wall_day(), 0, r->recipient, &is_new);
        r->ret_outcome = is_new ? STORE_QUEUED : STORE_REMOTE_DUPLICATE;
        n += is_new;
    }
    *ret_n_queued = n;
    if (status == STORE_OK && n > 0 && bounded)
        status = check_bounds(db, d, body_size + d->prefix_len, n);
    return status;
}

// ---- putting ----

struct acceptance {
    struct db *db;
    struct store_deliver *d;
    struct queue_row queue;
    const struct body_view *body;
    uint64_t body_id, letter_id;
    uint64_t n_dues;
    int64_t now;
};

static int compare_destinations(const void *a, const void *b) {
    const struct store_remote *x = *(struct store_remote *const *)a, *y = *(struct store_remote *const *)b;
    int order = strcmp(x->destination, y->destination);
    return order != 0 ? order : x < y ? -1 : x > y; // within a destination as they were given
}

static struct store_remote **sort_queued(struct store_deliver *d, size_t n_queued) {
    struct store_remote **sorted = mem_zalloc(n_queued, sizeof(void *));
    size_t n = 0;
    for (size_t i = 0; i < d->n_remotes; i++)
        if (d->remotes[i].ret_outcome == STORE_QUEUED)
            sorted[n++] = &d->remotes[i];
    qsort(sorted, n, sizeof(void *), compare_destinations);
    return sorted;
}

// How many of the sorted ones, from the first on, share a due row.
static size_t count_same(struct store_remote *const *sorted, size_t n) {
    size_t same = 1;
    while (same < n && same < STORE_DUE_RECIPIENTS_MAX &&
           strcmp(sorted[same]->destination, sorted[0]->destination) == 0)
        same++;
    return same;
}

static enum store_status letter_insert(struct acceptance *a, uint64_t sender_id) {
    const struct store_deliver *d = a->d;
    uint8_t key[STORED_KEY_LEN] = {KEY_FORMAT_PLAIN};
    memcpy(key + 1, a->body->key, BODY_KEY_LEN);
    struct query q;
    query_begin(&q, a->db, SQL_LETTER_INSERT);
    query_bind_u64(&q, a->body_id);
    query_bind_blob(&q, key, sizeof(key));
    query_bind_u64(&q, a->body->size);
    query_bind_text(&q, d->reverse_path);
    query_bind_u64(&q, sender_id);
    query_bind_u64(&q, d->letter_flags);
    query_bind_u64(&q, a->n_dues);
    query_bind_blob(&q, d->prefix, d->prefix_len);
    enum store_status status = query_exec(&q);
    a->letter_id = db_last_id(a->db);
    return status;
}

static enum store_status due_insert(struct acceptance *a, uint64_t destination_id, char *const *recipients, size_t n,
                                    uint64_t *ret_id) {
    char *joined = recipients_join(recipients, n);
    if (joined == NULL)
        return STORE_INVALID;
    struct query q;
    query_begin(&q, a->db, SQL_DUE_INSERT);
    query_bind_u64(&q, a->letter_id);
    query_bind_u64(&q, destination_id);
    query_bind_i64(&q, a->now);
    query_bind_u64(&q, n);
    query_bind_text(&q, joined);
    enum store_status status = query_exec(&q);
    *ret_id = db_last_id(a->db);
    free(joined);
    return status;
}

// The row as it is told after the commit; it borrows from the operation.
static void add_news(struct acceptance *a, const struct destination_row *x, uint64_t due_id, char *destination,
                     char **recipients, size_t n) {
    static char no_reply[] = "";
    struct store_due *due = MEM_NEW(struct store_due);
    *due = (struct store_due){
        .id = due_id,
        .destination = destination,
        .body_id = a->body_id,
        .body_size = a->body->size,
        .prefix = a->d->prefix,
        .prefix_len = a->d->prefix_len,
        .reverse_path = a->d->reverse_path,
        .flags = a->d->letter_flags,
        .sender_id = a->d->sender_id,
        .created = a->now,
        .next_at = a->now,
        .last_reply = no_reply,
        .recipients = recipients,
        .n_recipients = n,
    };
    memcpy(due->body_key, a->body->key, sizeof(due->body_key));
    effects_add_news(&a->db->conn.effects, destination, x->deferred_until, due);
}

static void count(struct acceptance *a, struct destination_row *x, size_t n) {
    int64_t next_at = a->now > x->deferred_until ? a->now : x->deferred_until;
    x->next_at = x->dues == 0 || next_at < x->next_at ? next_at : x->next_at;
    x->oldest = x->dues == 0 || a->now < x->oldest ? a->now : x->oldest;
    x->dues++;
    x->recipients += n;
    x->octets += a->body->size + a->d->prefix_len;
    a->queue.dues++;
    a->queue.recipients += n;
}

static enum store_status put_due(struct acceptance *a, struct store_remote *const *same, size_t n) {
    char **recipients = mem_alloc(n * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        recipients[i] = same[i]->recipient;
    struct destination_row x;
    uint64_t due_id = 0;
    enum store_status status = destination_load_or_new(a->db, same[0]->destination, &a->queue, &x);
    if (status == STORE_OK)
        status = due_insert(a, x.id, recipients, n, &due_id);
    if (status == STORE_OK) {
        count(a, &x, n);
        status = destination_save(a->db, &a->queue, &x);
    }
    if (status != STORE_OK) {
        free(recipients);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        same[i]->ret_due_id = due_id;
    add_news(a, &x, due_id, same[0]->destination, recipients, n);
    return STORE_OK;
}

static enum store_status put_all(struct acceptance *a, struct store_remote *const *sorted, size_t n_queued) {
    for (size_t i = 0; i < n_queued; i += count_same(sorted + i, n_queued - i))
        a->n_dues++;
    uint64_t sender_id = 0, waiting;
    enum store_status status = queue_row_load(a->db, &a->queue);
    if (status == STORE_OK && a->d->sender_id != 0)
        status = sender_load(a->db, a->d->sender_id, &sender_id, &waiting);
    if (status == STORE_OK)
        status = sender_count(a->db, sender_id, (int64_t)n_queued);
    if (status == STORE_OK)
        status = letter_insert(a, sender_id);
    for (size_t i = 0, n; i < n_queued && status == STORE_OK; i += n) {
        n = count_same(sorted + i, n_queued - i);
        status = put_due(a, sorted + i, n);
    }
    a->queue.letters++;
    a->queue.octets += a->body->size + a->d->prefix_len;
    return status == STORE_OK ? queue_row_save(a->db, &a->queue) : status;
}

enum store_status queue_put(struct db *db, struct store_deliver *d, const struct body_view *body, uint64_t body_id,
                            size_t n_queued) {
    struct acceptance a = {.db = db, .d = d, .body = body, .body_id = body_id, .now = clock_wall_s()};
    struct store_remote **sorted = sort_queued(d, n_queued);
    enum store_status status = put_all(&a, sorted, n_queued);
    free(sorted);
    return status;
}
