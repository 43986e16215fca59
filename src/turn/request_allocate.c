// SPDX-License-Identifier: MIT
// Allocate (RFC 8656 section 7). A client whose answer was lost asks again with the same transaction id, and gets the
// same answer.
#include <string.h>

#include "base/pressure.h"
#include "turn/allocation.h"
#include "turn/answer.h"
#include "turn/homes.h"
#include "turn/request.h"

// What is to be made, as it is found out.
struct plan {
    uint32_t lifetime_s;
    struct net_address home;
    enum turn_port_kind kind;
    struct turn_relayed_port ports[2];
    struct turn_quota_ticket tickets[2];
};

static void answer_success(const struct turn_request *r, const struct turn_allocation *a) {
    struct turn_answer answer;
    turn_answer_begin(&answer, r);
    turn_put_address(&answer.writer, TURN_XOR_RELAYED_ADDRESS, &a->shown);
    turn_put_u32(&answer.writer, TURN_LIFETIME, a->lifetime_s);
    if (a->has_token)
        turn_put_octets(&answer.writer, TURN_RESERVATION_TOKEN, slice_make((const char *)a->token, sizeof(a->token)));
    turn_put_address(&answer.writer, TURN_XOR_MAPPED_ADDRESS, &a->tuple.client);
    turn_answer_send(&answer, r, TURN_DONE_ALLOCATE);
}

// The 5-tuple is in use: the same request again, or a mistake.
static void answer_again(const struct turn_request *r) {
    const struct turn_allocation *a = r->allocation;
    if (memcmp(a->id, r->message->id, sizeof(a->id)) == 0 &&
        slice_eq(turn_allocation_username(a), r->message->username))
        answer_success(r, a);
    else
        turn_answer_error(r, 437);
}

// RFC 8656 section 7.2: without a family IPv4 is meant, so that any two clients reach each other by their relayed
// addresses, whatever they speak to us. A relay without IPv4 gives what it has.
static unsigned choose_home(const struct turn_request *r, struct plan *plan) {
    const struct turn_message *m = r->message;
    const struct net_address *local = &r->tuple->local;
    if (!(m->has & TURN_HAS_FAMILY)) {
        if (!turn_station_home(r->station, local, true, &plan->home))
            plan->home = *local;
        return 0;
    }
    if (m->family != TURN_FAMILY_IPV4 && m->family != TURN_FAMILY_IPV6)
        return 440;
    return turn_station_home(r->station, local, m->family == TURN_FAMILY_IPV4, &plan->home) ? 0 : 440;
}

static unsigned check(const struct turn_request *r, struct plan *plan) {
    const struct turn_message *m = r->message;
    if (!(m->has & TURN_HAS_TRANSPORT))
        return 400;
    if (m->transport != TURN_TRANSPORT_UDP)
        return 442;
    if (m->has & TURN_HAS_DONT_FRAGMENT)
        return 420;
    if ((m->has & TURN_HAS_RESERVATION_TOKEN) && (m->has & (TURN_HAS_EVEN_PORT | TURN_HAS_FAMILY)))
        return 400;
    plan->lifetime_s = turn_lifetime_granted(m->has & TURN_HAS_LIFETIME ? m->lifetime : 0);
    plan->kind = !(m->has & TURN_HAS_EVEN_PORT) ? TURN_PORT_ANY
                 : m->even_port_reserve         ? TURN_PORT_PAIR
                                                : TURN_PORT_EVEN;
    return choose_home(r, plan);
}

// A place in the quotas and a port for each of what is to be made. Whoever fails gives back what it took.
static unsigned take_ports(const struct turn_request *r, struct plan *plan) {
    struct turn_station *s = r->station;
    struct turn_quota *quota = s->shared->quota;
    struct slice username = r->message->username;
    size_t n = plan->kind == TURN_PORT_PAIR ? 2 : 1, held = 0;
    while (held < n && turn_quota_enter(quota, &s->policy.limits, username, &r->tuple->client, &plan->tickets[held]))
        held++;
    bool has_quota = held == n;
    if (has_quota && turn_relayed_port_open(s->shared->homes, &plan->home, s->policy.ports, plan->kind, plan->ports))
        return 0;
    while (held > 0)
        turn_quota_leave(quota, &plan->tickets[--held]);
    return has_quota ? 508 : 486;
}

static unsigned take_reserved(const struct turn_request *r, struct plan *plan) {
    return turn_reservations_take(r->station->shared->reservations, r->message->username, r->message->token, r->now_ms,
                                  &plan->ports[0], &plan->tickets[0])
               ? 0
               : 508;
}

static void make(const struct turn_request *r, const struct plan *plan) {
    struct turn_station *s = r->station;
    struct slice username = r->message->username;
    struct turn_allocation *a = turn_allocation_new(s, r->tuple, r->door, username, &plan->ports[0], &plan->tickets[0],
                                                    plan->lifetime_s, r->now_ms);
    memcpy(a->id, r->message->id, sizeof(a->id));
    if (plan->kind == TURN_PORT_PAIR) {
        a->has_token = true;
        turn_reservations_add(s->shared->reservations, username, &plan->ports[1], &plan->tickets[1], r->now_ms,
                              a->token);
    }
    answer_success(r, a);
}

void turn_request_allocate(struct turn_request *r) {
    if (r->allocation != NULL) {
        answer_again(r);
        return;
    }
    struct plan plan;
    unsigned error = check(r, &plan);
    if (error == 0 && pressure_refuses(PRESSURE_CONNECTIONS))
        error = 508;
    if (error == 0)
        error = r->message->has & TURN_HAS_RESERVATION_TOKEN ? take_reserved(r, &plan) : take_ports(r, &plan);
    static const uint16_t dont_fragment = TURN_DONT_FRAGMENT;
    if (error == 420)
        turn_answer_unknown(r, &dont_fragment, 1);
    else if (error != 0)
        turn_answer_error(r, error);
    else
        make(r, &plan);
}
