// SPDX-License-Identifier: MIT
// Output that waits for its peer. That the socket has room again says little: on a slow line it takes minutes until
// enough of the kernel's buffer is free, and a peer that takes a few octets now and then would be waited for for ever.
// So the kernel is asked what the peer has acknowledged; by that a connection is alive, and has to move.
#include "base/clock.h"
#include "net/conn_internal.h"

enum {
    // About 110 octets a second on the whole. The slowest phone line carries ten times as much and may be gone for
    // minutes in between; and what such a peer can make us hold, 256 KiB, is gone within the hour.
    STALL_MS = 5 * 60 * 1000,
    TAKEN_MIN = 32 * 1024,
};

void conn_set_stall(struct conn *c, uint32_t ms, uint32_t octets) {
    ASSERT(ms > 0 && octets > 0);
    c->stall_ms = ms;
    c->stall_min = octets;
    if (c->state <= CONN_OPEN)
        conn_schedule(c); // the timer may have to fire sooner
}

static uint64_t taken_by_peer(const struct conn *c) {
    uint64_t acknowledged;
    return conn_plain_acknowledged(c, &acknowledged) ? acknowledged : c->written;
}

void conn_stall_settle(struct conn *c) {
    if (!c->blocked) {
        c->stall_since_ms = 0;
    } else if (c->stall_since_ms == 0) {
        c->stall_since_ms = clock_mono_ms();
        c->stall_taken = c->last_taken = taken_by_peer(c);
    }
}

uint64_t conn_stall_due_ms(const struct conn *c) {
    if (c->stall_since_ms == 0)
        return UINT64_MAX;
    return c->stall_since_ms + (c->stall_ms > 0 ? c->stall_ms : STALL_MS);
}

bool conn_is_stalled(struct conn *c) {
    uint64_t now = clock_mono_ms();
    if (now < conn_stall_due_ms(c))
        return false;
    uint64_t taken = taken_by_peer(c);
    if (taken - c->stall_taken < (c->stall_min > 0 ? c->stall_min : TAKEN_MIN))
        return true;
    c->stall_since_ms = now;
    c->stall_taken = taken;
    return false;
}

bool conn_peer_takes(struct conn *c) {
    if (c->stall_since_ms == 0)
        return false;
    uint64_t before = c->last_taken;
    c->last_taken = taken_by_peer(c);
    return c->last_taken > before;
}
