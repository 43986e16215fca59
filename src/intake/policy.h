// SPDX-License-Identifier: MIT
// The rules: may this sender name this recipient, may this message pass. Pure: facts in, one reply out. What a client
// submits and what comes in from other servers share the form of a message and little else.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"
#include "dkim/verify.h"
#include "intake/intake.h"
#include "mail/address.h"
#include "pgp/gate.h"

// What is known of any message after its last octet.
struct policy_message {
    bool over_size;        // larger than max_message_size
    bool bad_data;         // a bare CR or LF, or a lone dot
    bool header_too_large; // over the limit of the header
    enum gate_kind kind;   // not looked at when one of the above is set
    const char *gate_reason;
    struct slice header; // as it came
};
// The rules that come first for every message: size, line ends, MIME, and an address in the first From header. False,
// with the reply set, otherwise.
MUST_USE bool policy_check_message(const struct policy_message *m, struct address *ret_from,
                                   struct intake_reply *ret_reply);
// "523 Encryption Needed", with the operator's address for those who want to reach it, unless that is empty.
void policy_refuse_clear(struct slice contact, struct intake_reply *ret_reply);

// ---- submission ----

// Before any recipient: the reverse-path must be the login and hold exactly one "@". False, with the reply set,
// otherwise.
MUST_USE bool policy_check_sender(struct slice mail_from, struct slice login, struct intake_reply *ret_reply);

// The refusal of a sender whose account is blocked, or gone, however good the message.
void policy_refuse_sender(struct slice mail_from, struct intake_reply *ret_reply);

struct policy_submission {
    struct policy_message message;
    struct slice mail_from;
    bool sender_blocked;
    bool to_sender_alone; // exactly one recipient, the sender
};
// The verdict at the end of DATA: the first rule that applies, in the order of the checks. True: accepted, and the
// reply is not set, because "250" is said only when the message is durable.
MUST_USE bool policy_check_submission(const struct policy_submission *f, struct intake_reply *ret_reply);

// ---- mail from outside ----

struct policy_inbound {
    struct policy_message message;
    bool has_body;        // a blank line ended the header
    struct slice domain;  // ours
    struct slice contact; // of the operator, when the message is to postmaster or abuse; else empty
};
enum policy_origin {
    POLICY_REFUSED,  // the reply is set
    POLICY_UNSIGNED, // from an address literal, which has no DNS to prove itself by
    POLICY_SIGNED,   // policy_check_dkim() has the last word
};
// Who the recipients are, and whether they are there, changes nothing in it.
MUST_USE enum policy_origin policy_check_inbound(const struct policy_inbound *f, struct address *ret_from,
                                                 struct intake_reply *ret_reply);

// A verdict that has fallen. `is_partial`: l= leaves octets unsigned, which anybody may have added; a message that
// holds such is as good as unsigned.
MUST_USE bool policy_check_dkim(enum dkim_verdict verdict, bool is_partial, struct intake_reply *ret_reply);
// "451 4.7.5": it is not known whether the message is signed well.
void policy_defer_dkim(struct intake_reply *ret_reply);
