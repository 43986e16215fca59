// SPDX-License-Identifier: MIT
// The rules of submission: may this sender name this recipient, may this message pass. Pure: facts in, one reply out.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"
#include "intake/intake.h"
#include "pgp/gate.h"

// Before any recipient: the reverse-path must be the login and hold exactly one "@". False, with the reply set,
// otherwise.
MUST_USE bool policy_check_sender(struct slice mail_from, struct slice login, struct intake_reply *ret_reply);

// The refusal of a sender whose account is blocked, or gone, however good the message.
void policy_refuse_sender(struct slice mail_from, struct intake_reply *ret_reply);

// What is known of a message after its last octet.
struct policy_facts {
    bool over_size;        // larger than max_message_size
    bool bad_data;         // a bare CR or LF, or a lone dot
    bool header_too_large; // over the limit of the header
    enum gate_kind kind;   // not looked at when one of the above is set
    const char *gate_reason;
    struct slice header; // as submitted
    struct slice mail_from;
    bool sender_blocked;
    bool to_sender_alone; // exactly one recipient, the sender
};
// The verdict at the end of DATA: the first rule that applies, in the order of the checks. True: accepted, and the
// reply is not set, because "250" is said only when the message is durable.
MUST_USE bool policy_check_message(const struct policy_facts *f, struct intake_reply *ret_reply);
