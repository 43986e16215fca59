// SPDX-License-Identifier: MIT
// What the connections of a loop share, kept inside the loop: private to net/. Loop thread only.
#pragma once

#include "base/list.h"
#include "net/loop.h"

enum {
    LOOP_SCRATCH_SIZE = 64 * 1024,  // also the most that one connection reads in a turn
    LOOP_SCRATCH_FRONT = 32 * 1024, // before that, for what was kept of the turn before
};

struct loop_net {
    struct list conns;  // struct conn, by `link`
    bool shutting_down; // conn_shutdown_all() was called: ends are not to be drawn out
    char *scratch; // LOOP_SCRATCH_FRONT + _SIZE octets that every read goes through; NULL until the first connection
    struct udp_batches *udp; // of net/udp.c; NULL until the first socket
    // Ends every connection that is left when the loop is freed; set by the first connection.
    void (*end_all)(struct loop *loop);
};

// net/udp.c; NULL is accepted.
void udp_batches_free(struct udp_batches *b);

struct loop_net *loop_net(struct loop *loop);
