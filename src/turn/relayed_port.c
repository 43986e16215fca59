// SPDX-License-Identifier: MIT
#include "turn/relayed_port.h"

#include <unistd.h>

#include "base/random.h"
#include "net/udp.h"
#include "turn/homes.h"

// A claimed port costs a look, one that others of this machine have costs a bind(): after so many the answer is that
// there is none.
enum { DRAWS = 32, BINDS_MAX = 128 };

static bool open_one(struct turn_homes *homes, const struct net_address *home, uint16_t number, unsigned *binds,
                     struct turn_relayed_port *ret) {
    struct net_address a = *home;
    a.port = number;
    if (!turn_homes_claim(homes, &a))
        return false;
    ++*binds;
    int fd = udp_bind(&a);
    if (fd < 0) {
        turn_homes_release(homes, &a);
        return false;
    }
    turn_homes_open(homes, &a);
    *ret = (struct turn_relayed_port){fd, a};
    return true;
}

static bool open_pair(struct turn_homes *homes, const struct net_address *home, uint16_t number, unsigned *binds,
                      struct turn_relayed_port ret[2]) {
    if (!open_one(homes, home, number, binds, &ret[0]))
        return false;
    if (open_one(homes, home, (uint16_t)(number + 1), binds, &ret[1]))
        return true;
    turn_relayed_port_close(homes, &ret[0]);
    return false;
}

bool turn_relayed_port_open(struct turn_homes *homes, const struct net_address *home, struct turn_port_range range,
                            enum turn_port_kind kind, struct turn_relayed_port ret[2]) {
    uint32_t step = kind == TURN_PORT_ANY ? 1 : 2;
    uint32_t first = kind == TURN_PORT_ANY ? range.min : (range.min + 1U) & ~1U;
    uint32_t last = kind == TURN_PORT_PAIR ? range.max - 1U : range.max;
    if (last < first)
        return false;
    // At random while that finds one soon, then one after the other.
    uint32_t n = (last - first) / step + 1, at = 0;
    unsigned binds = 0;
    for (uint32_t i = 0; i < DRAWS + n && binds < BINDS_MAX; i++) {
        at = i <= DRAWS ? (uint32_t)(random_u64() % n) : (at + 1) % n;
        uint16_t number = (uint16_t)(first + at * step);
        if (kind == TURN_PORT_PAIR ? open_pair(homes, home, number, &binds, ret)
                                   : open_one(homes, home, number, &binds, &ret[0]))
            return true;
    }
    return false;
}

void turn_relayed_port_close(struct turn_homes *homes, const struct turn_relayed_port *port) {
    turn_homes_release(homes, &port->address); // first: once closed it may be somebody else's
    (void)close(port->fd);
}
