// SPDX-License-Identifier: MIT
#include "iroh/liveness.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "iroh/counters.h"
#include "iroh/relay.h"
#include "iroh/session.h"

enum { US_PER_MS = 1000, US_PER_S = 1000 * 1000 };

static uint64_t due_ms(const struct iroh_liveness *l) {
    // While we do not read, the client cannot be heard. The time for the handshake runs on: it would not be over if who
    // sends without end were never asked for it.
    if (l->resume_ms != 0 && (l->waits_for != IROH_WAITS_FOR_HELLO || l->resume_ms < l->due_ms))
        return l->resume_ms;
    return l->waits_for == IROH_WAITS_FOR_ANYTHING ? l->heard_ms + l->quiet_ms : l->due_ms;
}

static void settle(struct iroh_liveness *l) {
    uint64_t due = due_ms(l), now = clock_mono_ms();
    if (l->timer_at_ms != 0 && l->timer_at_ms <= due)
        return;
    l->timer_at_ms = due;
    loop_timer_start(&l->timer, due > now ? due - now : 0);
}

static void on_timer(struct loop_timer *timer) {
    iroh_liveness_look(CONTAINER_OF(timer, struct iroh_session, live.timer));
}

void iroh_liveness_start(struct iroh_session *s) {
    struct iroh_liveness *l = &s->live;
    loop_timer_init(&l->timer, s->share->loop, on_timer);
    l->waits_for = IROH_WAITS_FOR_HELLO;
    l->due_ms = clock_mono_ms() + (iroh_is_b(s->dialect) ? IROH_B_HELLO_MS : IROH_A_HELLO_MS);
    settle(l);
}

static void wait_for_anything(struct iroh_liveness *l) {
    l->waits_for = IROH_WAITS_FOR_ANYTHING;
    l->quiet_ms = IROH_QUIET_MIN_MS + (uint32_t)(random_u64() % (IROH_QUIET_MAX_MS - IROH_QUIET_MIN_MS + 1));
}

void iroh_liveness_admitted(struct iroh_session *s) {
    s->live.heard_ms = clock_mono_ms();
    wait_for_anything(&s->live);
    settle(&s->live);
}

// A token bucket: the client pays with time. A turn's share of input is read at once, so that it may be in debt.
static void pay(struct iroh_session *s, size_t n, uint64_t now_us) {
    struct iroh_liveness *l = &s->live;
    uint64_t bandwidth = atomic_load_explicit(&s->share->relay->bandwidth, memory_order_relaxed);
    if (bandwidth == 0)
        return;
    if (l->paid_us < now_us)
        l->paid_us = now_us;
    l->paid_us += (uint64_t)n * US_PER_S / bandwidth;
    uint64_t debt_us = l->paid_us - now_us;
    if (debt_us <= IROH_BURST_MS * US_PER_MS || l->resume_ms != 0 || conn_is_closing(s->c))
        return;
    l->resume_ms = (l->paid_us - IROH_BURST_MS * US_PER_MS) / US_PER_MS + 1;
    conn_pause(s->c);
    settle(l);
}

void iroh_liveness_heard(struct iroh_session *s, size_t n, bool has_frame) {
    uint64_t now_us = clock_mono_us();
    if (has_frame)
        s->live.heard_ms = now_us / US_PER_MS;
    pay(s, n, now_us);
}

void iroh_liveness_pong(struct iroh_session *s, const uint8_t ping[IROH_PING_LEN]) {
    if (s->live.waits_for == IROH_WAITS_FOR_PONG && memcmp(ping, s->live.ping, IROH_PING_LEN) == 0)
        wait_for_anything(&s->live);
}

static void ping(struct iroh_session *s, uint64_t now_ms) {
    random_bytes(s->live.ping, IROH_PING_LEN);
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_write_ping(s->dialect, s->live.ping, frame));
    s->live.waits_for = IROH_WAITS_FOR_PONG;
    s->live.due_ms = now_ms + IROH_PONG_MS;
}

static void resume(struct iroh_session *s, uint64_t now_ms) {
    struct iroh_liveness *l = &s->live;
    l->resume_ms = 0;
    conn_resume(s->c);
    // What we did not read may have been the Pong.
    if (l->waits_for == IROH_WAITS_FOR_PONG && l->due_ms < now_ms + IROH_PONG_MS)
        l->due_ms = now_ms + IROH_PONG_MS;
    if (l->waits_for == IROH_WAITS_FOR_ANYTHING)
        l->heard_ms = now_ms;
}

static void look(struct iroh_session *s, uint64_t now_ms) {
    switch ((enum iroh_waits)s->live.waits_for) {
    case IROH_WAITS_FOR_HELLO:
        iroh_session_fail(s, IROH_HELLO_TIMED_OUT);
        return;
    case IROH_WAITS_FOR_ANYTHING:
        ping(s, now_ms);
        return;
    case IROH_WAITS_FOR_PONG:
        iroh_session_end(s, IROH_END_SILENT);
        return;
    }
}

void iroh_liveness_look(struct iroh_session *s) {
    struct iroh_liveness *l = &s->live;
    l->timer_at_ms = 0;
    if (conn_is_closing(s->c))
        return;
    uint64_t now = clock_mono_ms();
    if (now >= due_ms(l)) {
        if (l->resume_ms != 0 && now >= l->resume_ms)
            resume(s, now);
        else
            look(s, now);
    }
    if (!conn_is_closing(s->c))
        settle(l);
}

void iroh_liveness_done(struct iroh_session *s) {
    loop_timer_done(&s->live.timer);
}
