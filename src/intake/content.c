// SPDX-License-Identifier: MIT
// The octets of a transaction while they arrive. Each goes to the encryption gate as it came; the header is gathered,
// edited when it is complete, and goes to the store before the rest, which streams.
//
// By /mxdeliv a message may come in two readings (intake/mxdeliv.h). They part at the first line of the text that
// begins with a dot, if all before it is still in memory; a dot in the header has one reading.
#include "base/clock.h"
#include "base/mem.h"
#include "intake/domain.h"
#include "intake/txn.h"
#include "mail/address.h"
#include "mail/header.h"

static void drop_reading(struct intake_reading *r) {
    gate_free(r->gate);
    r->gate = NULL;
    store_body_free(r->body);
    r->body = NULL;
}

void intake_txn_drop_content(struct intake_txn *t) {
    drop_reading(&t->readings[DKIM_BODY_MAIN]);
    drop_reading(&t->readings[DKIM_BODY_OTHER]);
    t->is_forked = false;
    t->never_fork = true;
    store_body_free(t->body);
    t->body = NULL;
    dkim_body_hash_free(t->body_hash);
    t->body_hash = NULL;
    dkim_verifier_free(t->verifier);
    t->verifier = NULL;
    buf_done(&t->header);
}

void intake_txn_set_on_ready(struct intake_txn *t, void (*on_ready)(void *arg), void *arg) {
    t->on_ready = on_ready;
    t->on_ready_arg = arg;
}

static void tell_ready(void *arg) {
    struct intake_txn *t = arg;
    if (t->on_ready != NULL)
        t->on_ready(t->on_ready_arg);
}

static bool write_body(struct intake_txn *t, struct intake_reading *r, struct slice octets) {
    if (r->body == NULL) {
        r->body = store_body_new(t->in->store, t->loop);
        store_body_set_on_ready(r->body, tell_ready, t);
    }
    return store_body_write(r->body, octets);
}

// ---- the header ----

// What submission removes (RFC 6409 8), then what no delivered message carries.
bool intake_txn_edit_header(const struct intake_txn *t, struct buf *out) {
    struct slice header = buf_slice(&t->header);
    if (t->inbound)
        return header_rewrite(header, HEADER_EDIT_DELIVERED, out);
    struct buf submitted;
    buf_init(&submitted, INTAKE_HEADER_EDITED_MAX);
    bool ok = header_rewrite(header, HEADER_EDIT_SUBMITTED, &submitted) &&
              header_rewrite(buf_slice(&submitted), HEADER_EDIT_DELIVERED, out);
    buf_done(&submitted);
    return ok;
}

static void begin_signing(struct intake_txn *t) {
    if (t->recipients.n_remote == 0)
        return; // what stays here needs no signature
    t->signers = signers_acquire(t->in->signers);
    if (t->signers->n > 0)
        t->body_hash = dkim_signing_body_hash();
}

// The signature counts that is of the very domain of the From address. A literal has no key.
static void begin_verifying(struct intake_txn *t) {
    struct slice value;
    struct address from;
    char domain[DOMAIN_SIZE];
    if (!header_find(buf_slice(&t->header), SLICE("From"), &value) || !address_first_of_header(value, &from) ||
        domain_canonical(from.domain, domain) == DOMAIN_LITERAL)
        return;
    t->verifier = dkim_verifier_new(slice_from_cstr(domain), clock_wall_s(), t->in->keys);
    dkim_verifier_header(t->verifier, buf_slice(&t->header));
}

static bool on_header(struct intake_txn *t) {
    struct buf edited;
    buf_init(&edited, INTAKE_HEADER_EDITED_MAX);
    bool ready = true;
    t->header_done = true;
    t->header_too_large = !intake_txn_edit_header(t, &edited);
    if (!t->header_too_large) {
        ready = write_body(t, &t->readings[DKIM_BODY_MAIN], buf_slice(&edited));
        t->header_taken = buf_slice(&edited).len;
        if (t->inbound)
            begin_verifying(t);
        else
            begin_signing(t);
    }
    buf_done(&edited);
    return ready;
}

// The offset after the blank line that closes the header. Looks only at octets not looked at before.
static bool find_header_end(struct intake_txn *t, size_t *ret_end) {
    struct slice h = buf_slice(&t->header);
    if (slice_starts_with(h, SLICE("\r\n"))) {
        *ret_end = 2;
        return true;
    }
    struct slice fresh = slice_sub(h, t->header_seen, h.len);
    size_t at = slice_find_slice(fresh, SLICE("\r\n\r\n"));
    if (at < fresh.len) {
        *ret_end = t->header_seen + at + 4;
        return true;
    }
    t->header_seen = h.len > 3 ? h.len - 3 : 0;
    return false;
}

// Takes what belongs to the header off the front of *octets.
static bool gather_header(struct intake_txn *t, struct slice *octets) {
    size_t before = t->header.len;
    size_t room = INTAKE_HEADER_MAX - before;
    struct slice piece = slice_sub(*octets, 0, room);
    bool appended = buf_append_slice(&t->header, piece);
    ASSERT(appended);
    size_t end;
    if (find_header_end(t, &end)) {
        buf_truncate(&t->header, end);
        t->has_body = true;
        *octets = slice_sub(*octets, end - before, octets->len);
        return on_header(t);
    }
    t->header_too_large = piece.len < octets->len;
    *octets = SLICE_EMPTY;
    return true;
}

// ---- the text ----

static void feed_gate(struct intake_reading *r, enum gate_direction direction, struct slice octets) {
    if (r->gate == NULL)
        r->gate = gate_new(direction);
    gate_feed(r->gate, octets);
}

static enum gate_direction direction_of(const struct intake_txn *t) {
    return t->inbound ? GATE_INBOUND : GATE_SUBMISSION;
}

static bool write_text(struct intake_txn *t, struct slice octets) {
    if (octets.len == 0)
        return true;
    if (t->body_hash != NULL)
        dkim_body_hash_update(t->body_hash, octets);
    if (t->verifier != NULL)
        dkim_verifier_body(t->verifier, octets);
    return write_body(t, &t->readings[DKIM_BODY_MAIN], octets);
}

// The other reading begins as a copy of the one there is.
static void fork_readings(struct intake_txn *t) {
    struct intake_reading *main = &t->readings[DKIM_BODY_MAIN], *other = &t->readings[DKIM_BODY_OTHER];
    struct slice before;
    t->never_fork = true;
    if (!store_body_peek(main->body, &before))
        return;
    feed_gate(other, direction_of(t), buf_slice(&t->header));
    feed_gate(other, direction_of(t), slice_sub(before, t->header_taken, before.len));
    (void)write_body(t, other, before); // less than is ever paused for
    t->is_forked = true;
}

// ---- writing ----

static bool is_refused(struct intake_txn *t, size_t len) {
    t->size += len;
    if (t->size > t->config->max_message_size)
        t->over_size = true;
    return t->over_size || t->bad_data || t->header_too_large;
}

bool intake_txn_write(struct intake_txn *t, struct slice octets) {
    ASSERT(t->on_done == NULL);
    if (octets.len == 0)
        return true;
    if (is_refused(t, octets.len)) {
        intake_txn_drop_content(t); // refused at the end; until then octets are only counted
        return true;
    }
    feed_gate(&t->readings[DKIM_BODY_MAIN], direction_of(t), octets);
    bool ready = true;
    if (!t->header_done)
        ready = gather_header(t, &octets);
    if (t->header_too_large) {
        intake_txn_drop_content(t);
        return true;
    }
    return write_text(t, octets) && ready;
}

// ---- /mxdeliv ----

static bool write_reading(struct intake_txn *t, enum dkim_variant variant, struct slice octets) {
    struct intake_reading *r = &t->readings[variant];
    if (octets.len == 0)
        return true;
    feed_gate(r, direction_of(t), octets);
    if (t->verifier != NULL)
        dkim_verifier_body_of(t->verifier, variant, octets);
    return write_body(t, r, octets);
}

// After the fork: the same octets in both readings.
static bool write_readings(struct intake_txn *t, struct slice main, struct slice other) {
    if (is_refused(t, main.len)) {
        intake_txn_drop_content(t);
        return true;
    }
    bool ready = write_reading(t, DKIM_BODY_MAIN, main);
    return write_reading(t, DKIM_BODY_OTHER, other) && ready;
}

// Pieces are gathered before they are written, so that a message of nothing but dots costs little more than another
// one. Only at a dot that may part the readings must everything before it be written first.
bool intake_txn_write_mxdeliv(struct intake_txn *t, struct slice octets) {
    struct slice rest = octets, piece;
    struct buf main;
    bool ready = true, is_dot;
    ASSERT(t->inbound);
    t->is_mxdeliv = true;
    buf_init(&main, octets.len);
    while (mxdeliv_next(&t->mxdeliv, &rest, &piece, &is_dot)) {
        if (!is_dot) {
            bool ok = buf_append_slice(&main, piece);
            ASSERT(ok);
        } else if (!t->is_forked && !t->never_fork) {
            ready = intake_txn_write(t, buf_slice(&main)) && ready;
            buf_truncate(&main, 0);
            if (t->header_done && !t->never_fork)
                fork_readings(t);
            octets = slice_make(piece.ptr, piece.len + rest.len);
        }
    }
    t->bad_data |= t->mxdeliv.bad;
    ready =
        (t->is_forked ? write_readings(t, buf_slice(&main), octets) : intake_txn_write(t, buf_slice(&main))) && ready;
    buf_done(&main);
    // A body that was full before the rest of the piece was refused is gone: it would never say that it is ready.
    return ready || t->readings[DKIM_BODY_MAIN].body == NULL;
}

void intake_txn_mark_bad_data(struct intake_txn *t) {
    t->bad_data = true;
}

void intake_txn_end_content(struct intake_txn *t) {
    if (t->is_mxdeliv && !mxdeliv_is_whole(&t->mxdeliv))
        t->bad_data = true;
    if (t->header_done || t->header.len == 0)
        return;
    (void)on_header(t); // one write: nothing to pause
}
