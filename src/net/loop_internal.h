// SPDX-License-Identifier: MIT
// What the connections of a loop share, kept inside the loop: private to net/. Loop thread only.
#pragma once

#include "base/list.h"
#include "net/loop.h"

enum { LOOP_SCRATCH_SIZE = 64 * 1024 }; // also the most that one connection reads in a turn

struct loop_net {
    struct list conns;  // struct conn, by `link`
    bool shutting_down; // conn_shutdown_all() was called: ends are not to be drawn out
    char *scratch;      // LOOP_SCRATCH_SIZE octets that every read goes through; NULL until the first connection
    // Ends every connection that is left when the loop is freed; set by the first connection.
    void (*end_all)(struct loop *loop);
};

struct loop_net *loop_net(struct loop *loop);
