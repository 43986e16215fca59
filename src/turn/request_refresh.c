// SPDX-License-Identifier: MIT
// Refresh (RFC 8656 section 8): a longer life for an allocation, or its end.
#include "net/address.h"
#include "turn/allocation.h"
#include "turn/answer.h"
#include "turn/request.h"

void turn_request_refresh(struct turn_request *r) {
    const struct turn_message *m = r->message;
    struct turn_allocation *a = r->allocation;
    uint8_t family = net_address_is_ipv4(&a->port.address) ? TURN_FAMILY_IPV4 : TURN_FAMILY_IPV6;
    if ((m->has & TURN_HAS_FAMILY) && m->family != family) {
        turn_answer_error(r, 443);
        return;
    }
    bool ends = (m->has & TURN_HAS_LIFETIME) && m->lifetime == 0;
    uint32_t lifetime = ends ? 0 : turn_lifetime_granted(m->has & TURN_HAS_LIFETIME ? m->lifetime : 0);
    struct turn_answer answer;
    turn_answer_begin(&answer, r);
    turn_put_u32(&answer.writer, TURN_LIFETIME, lifetime);
    turn_answer_send(&answer, r, TURN_DONE_REFRESH);
    if (ends)
        turn_allocation_free(a);
    else
        a->expires_ms = r->now_ms + lifetime * 1000ULL;
}
