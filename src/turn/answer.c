// SPDX-License-Identifier: MIT
#include "turn/answer.h"

#include "base/clock.h"
#include "base/table.h"
#include "net/udp.h"
#include "turn/nonce.h"
#include "turn/request.h"

// IP and UDP around a datagram: what a forger pays and a victim gets beside it.
enum { PACKET_HEAD = 28 };

static const struct {
    unsigned code;
    const char *reason;
} reasons[] = {
    {400, "Bad Request"},
    {403, "Forbidden"},
    {420, "Unknown Attribute"},
    {437, "Allocation Mismatch"},
    {440, "Address Family not Supported"},
    {441, "Wrong Credentials"},
    {442, "Unsupported Transport Protocol"},
    {443, "Peer Address Family Mismatch"},
    {486, "Allocation Quota Reached"},
    {508, "Insufficient Capacity"},
};

// Only for who proved that it is there: a reason makes the answer longer.
static struct slice reason_of(const struct turn_request *r, unsigned code) {
    for (size_t i = 0; i < ARRAY_LEN(reasons) && r->authenticated; i++)
        if (reasons[i].code == code)
            return slice_from_cstr(reasons[i].reason);
    return SLICE_EMPTY;
}

static bool may_answer_unproved(const struct turn_request *r, size_t len) {
    if (len > 2 * (r->message->octets.len + PACKET_HEAD))
        return false;
    struct table *answers = r->station->shared->answers;
    struct hash128 key = net_address_limit_key(&r->tuple->client);
    struct turn_rate *rate = table_lock(answers, key, true, NULL);
    if (rate == NULL)
        return false;
    bool ok = turn_rate_take(rate, len, TURN_UNPROVED_PER_S, clock_mono_us());
    table_unlock(answers, key);
    return ok;
}

// False when nothing was sent.
static bool finish(struct turn_writer *w, const struct turn_request *r, bool fingerprint) {
    if (r->authenticated)
        turn_put_integrity(w, r->key);
    if (fingerprint || (r->message->has & TURN_HAS_FINGERPRINT))
        turn_put_fingerprint(w);
    struct slice datagram = turn_writer_end(w);
    if (datagram.len == 0 || (!r->authenticated && !may_answer_unproved(r, datagram.len))) {
        metric_count(&turn_count_dropped, TURN_DROP_UNANSWERED);
        return false;
    }
    udp_send(r->door, &r->tuple->client, &r->tuple->local, datagram);
    return true;
}

void turn_answer_begin(struct turn_answer *a, const struct turn_request *r) {
    turn_writer_answer(&a->writer, a->mem, sizeof(a->mem), TURN_SUCCESS, r->message);
}

void turn_answer_send(struct turn_answer *a, const struct turn_request *r, enum turn_count_success what) {
    if (finish(&a->writer, r, what == TURN_DONE_BINDING))
        metric_count(&turn_count_successes, what);
}

static void begin_error(struct turn_answer *a, const struct turn_request *r, unsigned code) {
    turn_count_refusal(code);
    turn_writer_answer(&a->writer, a->mem, sizeof(a->mem), TURN_ERROR, r->message);
    turn_put_error(&a->writer, code, reason_of(r, code));
}

void turn_answer_error(const struct turn_request *r, unsigned code) {
    struct turn_answer a;
    begin_error(&a, r, code);
    if (code == 401 || code == 438) {
        const struct turn_shared *shared = r->station->shared;
        char nonce[TURN_NONCE_LEN];
        turn_nonce_make(slice_make((const char *)shared->nonce_secret, sizeof(shared->nonce_secret)), &r->tuple->client,
                        clock_wall_s(), nonce);
        turn_put_octets(&a.writer, TURN_REALM, slice_from_cstr(shared->realm));
        turn_put_octets(&a.writer, TURN_NONCE, slice_make(nonce, sizeof(nonce)));
    }
    (void)finish(&a.writer, r, false);
}

void turn_answer_unknown(const struct turn_request *r, const uint16_t *attributes, size_t n) {
    struct turn_answer a;
    begin_error(&a, r, 420);
    turn_put_unknown(&a.writer, attributes, n);
    (void)finish(&a.writer, r, false);
}
