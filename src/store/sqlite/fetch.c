// SPDX-License-Identifier: MIT
// Reading messages and pieces of their bodies.
#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/body_access.h"
#include "store/sqlite/ops.h"

// Where the header ends: behind the first empty line (RFC 5322 2.1), or 0 when there is none in s.
static size_t header_end(struct slice s) {
    if (slice_starts_with(s, SLICE("\r\n")))
        return 2;
    size_t at = slice_find_slice(s, SLICE("\r\n\r\n"));
    return at < s.len ? at + 4 : 0;
}

// Reads chunk after chunk until the header is complete.
static bool read_header(const struct body_source *source, char **ret, size_t *ret_len) {
    char *data = NULL;
    size_t len = 0, end = 0;
    while (end == 0 && len < STORE_HEADER_MAX && (len < source->size || len == 0)) {
        size_t n;
        data = mem_realloc(data, len + BODY_CHUNK);
        if (!body_source_read(source, len, BODY_CHUNK, data + len, &n)) {
            free(data);
            return false;
        }
        // The empty line may begin in the chunk before.
        size_t from = len < 3 ? 0 : len - 3;
        len += n;
        size_t found = from == 0 ? header_end(slice_make(data, len))
                                 : slice_find_slice(slice_make(data + from, len - from), SLICE("\r\n\r\n"));
        if (from == 0)
            end = found;
        else if (found < len - from)
            end = from + found + 4;
        if (n == 0)
            break;
    }
    // A thousand headers wait for their client at a time; what was read behind them does not.
    *ret_len = end > 0 ? end : len;
    *ret = mem_realloc(data, *ret_len);
    return true;
}

static bool read_all(const struct body_source *source, char **ret, size_t *ret_len) {
    char *data = mem_alloc((size_t)source->size);
    if (!body_source_read(source, 0, (size_t)source->size, data, ret_len)) {
        free(data);
        return false;
    }
    *ret = data;
    return true;
}

// The data that was wanted of one message. A damaged body is logged and leaves the message without.
static enum store_status load_data(struct db *db, uint32_t want, struct store_message *m) {
    bool whole = (want & STORE_FETCH_BODY) != 0 && m->is_inline;
    if (!whole && (want & STORE_FETCH_HEADER) == 0)
        return STORE_OK;
    struct body_access body;
    enum store_status status = body_access_open(db, m->body_id, m->body_key, &body);
    if (status == STORE_OK) {
        bool ok =
            whole ? read_all(&body.source, &m->data, &m->data_len) : read_header(&body.source, &m->data, &m->data_len);
        body_access_close(&body);
        if (!ok)
            status = STORE_FAILED;
    }
    if (status == STORE_FAILED)
        log_error("store.body_damaged", "body=%llu", (unsigned long long)m->body_id);
    return STORE_OK;
}

static void take_entry(struct store_fetch *f, struct query *q) {
    size_t n = f->ret_n_messages;
    if ((n & (n - 1)) == 0)
        f->ret_messages = mem_realloc(f->ret_messages, (n > 0 ? n * 2 : 1) * sizeof(*f->ret_messages));
    struct entry_row entry;
    entry_read(q, &entry);
    struct store_message *m = &f->ret_messages[f->ret_n_messages++];
    *m = (struct store_message){
        .uid = entry.uid,
        .flags = entry.flags,
        .keywords = entry.keywords,
        .size = entry.size,
        .internal_date = entry.date,
        .modseq = entry.modseq,
        .body_id = entry.body_id,
        .is_inline = entry.size <= STORE_BODY_INLINE_MAX,
    };
    memcpy(m->body_key, entry.key + 1, sizeof(m->body_key));
}

// One range; stops with ret_more when a limit is reached.
static enum store_status fetch_range(struct db *db, struct store_fetch *f, struct store_uid_range range,
                                     size_t *octets) {
    struct query q;
    query_begin(&q, db, SQL_ENTRY_RANGE);
    query_bind_u64(&q, f->mailbox_id);
    query_bind_u64(&q, range.first);
    query_bind_u64(&q, range.last);
    enum store_status status = STORE_OK;
    while (status == STORE_OK && query_row(&q)) {
        if (f->ret_n_messages > 0 && (f->ret_n_messages >= f->max_messages || *octets >= f->max_octets)) {
            f->ret_more = true;
            break;
        }
        take_entry(f, &q);
        struct store_message *m = &f->ret_messages[f->ret_n_messages - 1];
        status = load_data(db, f->want, m);
        *octets += m->data_len;
    }
    enum store_status end = query_end(&q);
    return status == STORE_OK ? end : status;
}

enum store_status sqlite_fetch(struct backend_conn *c, struct store_op *op) {
    struct store_fetch *f = CONTAINER_OF(op, struct store_fetch, op);
    enum store_status status = STORE_OK;
    size_t octets = 0;
    for (size_t i = 0; i < f->n_ranges && status == STORE_OK && !f->ret_more; i++)
        status = fetch_range(db_of(c), f, f->ranges[i], &octets);
    return status;
}

enum store_status sqlite_body_read(struct backend_conn *c, struct store_op *op) {
    struct store_body_read *r = CONTAINER_OF(op, struct store_body_read, op);
    struct body_access body;
    enum store_status status = body_access_open(db_of(c), r->body_id, r->body_key, &body);
    if (status == STORE_OK) {
        if (r->len > STORE_BODY_READ_MAX)
            r->len = STORE_BODY_READ_MAX;
        r->ret_data = mem_alloc(r->len);
        if (!body_source_read(&body.source, r->offset, r->len, r->ret_data, &r->ret_data_len))
            status = STORE_FAILED;
        body_access_close(&body);
    }
    if (status == STORE_FAILED)
        log_error("store.body_damaged", "body=%llu", (unsigned long long)r->body_id);
    return status;
}
