// SPDX-License-Identifier: MIT
// An allocation: a relayed socket that stands in for a client (RFC 8656 section 5). It lives on the loop of the socket
// that its client speaks to. Private to turn/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "turn/credential.h"
#include "turn/peers.h"
#include "turn/reservation.h"
#include "turn/station.h"

enum { TURN_LIFETIME_DEFAULT_S = 600, TURN_LIFETIME_MAX_S = 3600 };

struct turn_allocation {
    struct turn_allocation *next_in_bucket;
    uint64_t hash;
    struct list link; // in turn_station.allocations
    struct turn_station *station;
    struct turn_tuple tuple;
    struct udp_socket *door; // what the client's datagrams come to and leave from
    struct turn_relayed_port port;
    struct udp_socket *relayed;
    struct net_address shown; // what the client was told: the relayed address, or the external one
    uint64_t expires_ms;
    uint32_t lifetime_s;     // as granted with it
    uint8_t id[TURN_ID_LEN]; // of the request that made it
    bool has_token;
    uint8_t token[TURN_TOKEN_LEN];
    char username[TURN_USERNAME_MAX];
    size_t username_len;
    struct turn_quota_ticket ticket;
    struct turn_peers peers;
    struct turn_rate to_peer, to_client;
};

// Takes port and ticket over, opens the relayed socket on the port, and can be found from now on.
struct turn_allocation *turn_allocation_new(struct turn_station *s, const struct turn_tuple *tuple,
                                            struct udp_socket *door, struct slice username,
                                            const struct turn_relayed_port *port,
                                            const struct turn_quota_ticket *ticket, uint32_t lifetime_s,
                                            uint64_t now_ms);
void turn_allocation_free(struct turn_allocation *a);

struct slice turn_allocation_username(const struct turn_allocation *a);
// What is granted when that many seconds are asked for.
uint32_t turn_lifetime_granted(uint32_t wanted_s);
