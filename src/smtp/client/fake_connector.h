// SPDX-License-Identifier: MIT
// For fuzzing: net/connector.h over memory. Every connection that is asked for is there at once, until there are
// enough.
#pragma once

#include <stddef.h>

#include "net/conn.h"

enum { FAKE_CONNECTIONS_MAX = 8 };

struct fake_net {
    struct conn *conns[FAKE_CONNECTIONS_MAX]; // in the order of their beginning
    size_t n_conns, n_max;                    // further ones are refused
};
extern struct fake_net fake_net;

// Frees them all.
void fake_net_clear(void);
