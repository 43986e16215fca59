// SPDX-License-Identifier: MIT
// Binding (RFC 8489 section 2): tells a client its own address. Needs no authentication; iroh nodes and calls ask it.
#include "turn/answer.h"
#include "turn/request.h"

void turn_request_binding(struct turn_request *r) {
    struct turn_answer a;
    turn_answer_begin(&a, r);
    turn_put_address(&a.writer, TURN_XOR_MAPPED_ADDRESS, &r->tuple->client);
    turn_answer_send(&a, r, TURN_DONE_BINDING);
}
