// SPDX-License-Identifier: MIT
// The end of a connection whose session has said its last words: they are sent within bounds, the peer is told that no
// more will come, and what it still sends is read away for a moment.
#include <sys/socket.h>

#include "net/conn_internal.h"

enum { DRAIN_MAX = 256 * 1024 }; // octets read away before we give up being polite

static void die(struct conn *c) {
    c->state = CONN_DEAD;
}

void conn_linger(struct conn *c) {
    enum io_result result = conn_flush(c);
    if (result == IO_FAILED) {
        die(c);
        return;
    }
    if (c->out.len > 0)
        return; // conn_settle() waits for the socket
    c->transport->finish(c);
    conn_tls_end(c);
    if (c->eof) {
        die(c);
        return;
    }
    c->transport = &conn_transport_plain;
    c->state = CONN_DRAIN;
    conn_touch(c);
}

void conn_drain(struct conn *c) {
    size_t n = 0;
    enum io_result result = c->transport->read(c, loop_net(c->loop)->scratch, LOOP_SCRATCH_SIZE, &n);
    c->drained += (uint32_t)n;
    if (result == IO_EOF || result == IO_FAILED || c->drained > DRAIN_MAX)
        die(c);
}

void conn_linger_expired(struct conn *c) {
    if (c->state == CONN_LINGER)
        conn_plain_reset(c);
    die(c);
}
