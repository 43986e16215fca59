// SPDX-License-Identifier: MIT
// One token from the store to its outcome.
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "push/counts.h"
#include "push/push_internal.h"
#include "push/tries.h"

enum { STATUS_DONE = 200, STATUS_GONE = 410 };

void flight_board(struct flight *f, struct store_push *row) {
    ASSERT(f->state == FLIGHT_FREE);
    f->row = *row;
    *row = (struct store_push){0};
    f->state = FLIGHT_READY;
}

void flight_drop(struct flight *f) {
    if (f->state == FLIGHT_ASKING) {
        gateway_call_cancel(&f->call);
        f->push->n_asking--;
        counts_in_flight(-1);
    }
    store_push_done(&f->row);
    *f = (struct flight){.push = f->push};
}

static void finish(struct flight *f, enum store_push_outcome outcome, int64_t covered_ms) {
    f->state = FLIGHT_DONE;
    f->outcome = outcome;
    f->covered_ms = covered_ms;
    push_look(f->push);
}

void flight_is_covered(struct flight *f, int64_t covered_ms) {
    counts_covered();
    finish(f, STORE_PUSH_DONE, covered_ms);
}

void flight_give_up(struct flight *f) {
    counts_given_up();
    f->push->given_up++;
    finish(f, STORE_PUSH_DONE, f->row.asked_ms > f->started_ms ? f->row.asked_ms : f->started_ms);
}

// ---- what the answer means ----

// Statuses of a proxy before the gateway, or of one that has too much to do: they say nothing about the token.
static bool is_busy(unsigned status) {
    return status == 429 || (status >= 502 && status <= 504);
}

static enum counts_answer kind_of(const struct http_answer *a) {
    static const enum counts_answer kinds[] = {
        [HTTP_FAILED_CONNECT] = COUNTS_CONNECT,   [HTTP_FAILED_TLS] = COUNTS_TLS,
        [HTTP_FAILED_TIMEOUT] = COUNTS_TIMEOUT,   [HTTP_FAILED_PROTOCOL] = COUNTS_PROTOCOL,
        [HTTP_FAILED_TOO_LARGE] = COUNTS_REFUSED, [HTTP_FAILED_BODY] = COUNTS_REQUEST,
        [HTTP_FAILED_REQUEST] = COUNTS_REQUEST,
    };
    // Also of an answer that goes on to say more than we want to know.
    if (a->status == 0)
        return a->outcome == HTTP_ANSWERED ? COUNTS_PROTOCOL : kinds[a->outcome];
    if (a->status == STATUS_DONE)
        return COUNTS_DONE;
    if (a->status == STATUS_GONE)
        return COUNTS_GONE;
    return is_busy(a->status) ? COUNTS_BUSY : COUNTS_REFUSED;
}

// Later again, or never.
static void defer(struct flight *f, int64_t covered_ms) {
    uint32_t tries = f->row.tries + 1;
    int64_t next = tries_next(tries, f->row.asked_ms, clock_wall_ms(), random_u64());
    if (next == 0) {
        flight_give_up(f);
        return;
    }
    f->row.tries = tries;
    f->next_ms = next;
    finish(f, STORE_PUSH_RETRY, covered_ms);
}

// This request failed this token.
static void fail(struct flight *f) {
    log_debug("push.failed", "tries=%u", f->row.tries + 1);
    recent_remember(f->push->recent, f->row.token_id, f->started_ms, RECENT_FAILED);
    defer(f, f->started_ms + PUSH_COVERS_MS);
}

void flight_shares_failure(struct flight *f, int64_t covered_ms) {
    defer(f, covered_ms);
}

// A failure that may be the gateway's own.
static void take_failure(struct flight *f, enum counts_answer kind, const struct http_answer *a) {
    struct push *p = f->push;
    enum pace_verdict verdict = pace_failed(&p->pace, f->mark, clock_mono_ms(), (uint64_t)a->retry_after_s * 1000);
    if (verdict == PACE_KNOWN) {
        flight_drop(f);
        p->is_dirty = true;
        push_look(p);
        return;
    }
    if (verdict == PACE_GATEWAY) {
        push_tell_trouble(p, a->why, a->status);
        if (kind == COUNTS_TIMEOUT)
            gateway_renew(&p->gateway);
        if (kind == COUNTS_CONNECT || kind == COUNTS_TLS || kind == COUNTS_TIMEOUT)
            gateway_doubt_addresses(&p->gateway);
    }
    fail(f);
}

static void take_answer(struct flight *f, enum counts_answer kind) {
    struct push *p = f->push;
    uint32_t failures = pace_answered(&p->pace, clock_mono_ms());
    if (failures > 0)
        push_tell_answer(p, failures);
    switch (kind) {
    case COUNTS_DONE:
        recent_remember(p->recent, f->row.token_id, f->started_ms, RECENT_TOLD);
        finish(f, STORE_PUSH_DONE, f->started_ms + PUSH_COVERS_MS);
        break;
    case COUNTS_GONE:
        finish(f, STORE_PUSH_GONE, 0);
        break;
    default:
        fail(f);
        break;
    }
}

static void on_answer(void *arg, const struct http_answer *a) {
    struct flight *f = arg;
    enum counts_answer kind = kind_of(a);
    f->push->n_asking--;
    counts_in_flight(-1);
    counts_answered(kind, clock_mono_us() - f->started_us);
    f->state = FLIGHT_READY; // until one of these says what becomes of it
    if (kind == COUNTS_DONE || kind == COUNTS_GONE || kind == COUNTS_REFUSED)
        take_answer(f, kind);
    else
        take_failure(f, kind, a);
}

void flight_start(struct flight *f) {
    struct push *p = f->push;
    ASSERT(f->state == FLIGHT_READY);
    f->state = FLIGHT_ASKING;
    f->mark = pace_begin(&p->pace, clock_mono_ms());
    f->started_ms = clock_wall_ms();
    f->started_us = clock_mono_us();
    p->n_asking++;
    counts_request();
    counts_in_flight(1);
    gateway_call_start(&p->gateway, &f->call, slice_from_cstr(f->row.token), on_answer, f);
}
