// SPDX-License-Identifier: MIT
// Ports kept for a second allocation (RFC 8656 section 7.2: EVEN-PORT with R, and RESERVATION-TOKEN), for 30 s. The
// client may come back from another port of its own, and so on another loop: shared by loops, with a lock; never asked
// for a datagram that is relayed. Each holds its place in the quotas.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/panic.h"
#include "base/slice.h"
#include "turn/credential.h"
#include "turn/quota.h"
#include "turn/relayed_port.h"

enum { TURN_TOKEN_LEN = 8, TURN_RESERVATION_MS = 30 * 1000 };

struct turn_reservation {
    struct list link;
    uint8_t token[TURN_TOKEN_LEN];
    char username[TURN_USERNAME_MAX];
    size_t username_len;
    struct turn_relayed_port port;
    struct turn_quota_ticket ticket;
    uint64_t expires_ms;
};

struct turn_reservations;
struct turn_homes;

struct turn_reservations *turn_reservations_new(struct turn_quota *quota, struct turn_homes *homes);
// With the ports that are still kept.
void turn_reservations_free(struct turn_reservations *r);

// Takes port and ticket over; draws the token.
void turn_reservations_add(struct turn_reservations *r, struct slice username, const struct turn_relayed_port *port,
                           const struct turn_quota_ticket *ticket, uint64_t now_ms, uint8_t ret_token[TURN_TOKEN_LEN]);
// Port and ticket are the caller's again. False when there is no such token of this user (any more).
MUST_USE bool turn_reservations_take(struct turn_reservations *r, struct slice username, struct slice token,
                                     uint64_t now_ms, struct turn_relayed_port *ret_port,
                                     struct turn_quota_ticket *ret_ticket);
// Lets go what has expired; returns how many are left.
size_t turn_reservations_expire(struct turn_reservations *r, uint64_t now_ms);
