// SPDX-License-Identifier: MIT
#include "turn/allocation.h"

#include <string.h>

#include "base/mem.h"
#include "net/udp.h"
#include "turn/count.h"
#include "turn/relay.h"

struct turn_allocation *turn_allocation_new(struct turn_station *s, const struct turn_tuple *tuple,
                                            struct udp_socket *door, struct slice username,
                                            const struct turn_relayed_port *port,
                                            const struct turn_quota_ticket *ticket, uint32_t lifetime_s,
                                            uint64_t now_ms) {
    ASSERT(username.len <= TURN_USERNAME_MAX);
    struct turn_allocation *a = MEM_NEW(struct turn_allocation);
    a->station = s;
    a->tuple = *tuple;
    a->door = door;
    a->port = *port;
    a->ticket = *ticket;
    a->lifetime_s = lifetime_s;
    a->expires_ms = now_ms + lifetime_s * 1000ULL;
    a->shown = turn_policy_shown(&s->policy, &port->address);
    memcpy(a->username, username.ptr, username.len);
    a->username_len = username.len;
    a->relayed = udp_socket_new(s->loop, port->fd, UDP_BORROWED, turn_relay_from_peers, a);
    turn_station_insert(s, a);
    metric_raise(&turn_count_allocations, 0, 1);
    return a;
}

void turn_allocation_free(struct turn_allocation *a) {
    turn_station_remove(a->station, a);
    udp_socket_free(a->relayed);
    turn_relayed_port_close(a->station->shared->homes, &a->port);
    turn_quota_leave(a->station->shared->quota, &a->ticket);
    turn_peers_done(&a->peers);
    free(a);
    metric_lower(&turn_count_allocations, 0, 1);
}

struct slice turn_allocation_username(const struct turn_allocation *a) {
    return slice_make(a->username, a->username_len);
}

uint32_t turn_lifetime_granted(uint32_t wanted_s) {
    if (wanted_s < TURN_LIFETIME_DEFAULT_S)
        return TURN_LIFETIME_DEFAULT_S;
    return wanted_s < TURN_LIFETIME_MAX_S ? wanted_s : TURN_LIFETIME_MAX_S;
}
