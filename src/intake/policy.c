// SPDX-License-Identifier: MIT
#include "intake/policy.h"

#include "intake/reply.h"
#include "mail/address.h"
#include "mail/header.h"

enum {
    RAW_FROM_MAX = 200, // of a From header that a reply repeats
};

bool policy_check_sender(struct slice mail_from, struct slice login, struct intake_reply *ret_reply) {
    struct slice shown = intake_reply_clip(mail_from, ADDRESS_MAX);
    if (!slice_eq_ci(mail_from, login)) {
        intake_reply_set(ret_reply, "553 5.7.1 <%.*s>: Sender address rejected: not owned by user %.*s",
                         SLICE_FMT(shown), SLICE_FMT(login));
        return false;
    }
    size_t at = slice_find(mail_from, '@');
    if (at == mail_from.len || at != slice_rfind(mail_from, '@')) {
        intake_reply_set(ret_reply, "500 Invalid from address <%.*s>", SLICE_FMT(shown));
        return false;
    }
    return true;
}

// The first address of the first From header must be the sender (no second voice in one message).
static bool check_from_header(const struct policy_facts *f, struct intake_reply *ret_reply) {
    struct slice value;
    struct address from;
    if (!header_find(f->header, SLICE("From"), &value)) {
        intake_reply_set(ret_reply, "500 Invalid FROM header: (none)");
        return false;
    }
    if (!address_first_of_header(value, &from)) {
        struct slice raw = intake_reply_clip(value, RAW_FROM_MAX);
        intake_reply_set(ret_reply, "500 Invalid FROM header: %.*s", SLICE_FMT(raw));
        return false;
    }
    if (!slice_eq_ci(from.whole, f->mail_from)) {
        struct slice shown = intake_reply_clip(from.whole, ADDRESS_MAX);
        intake_reply_set(ret_reply, "500 Invalid FROM <%.*s> for <%.*s>", SLICE_FMT(shown), SLICE_FMT(f->mail_from));
        return false;
    }
    return true;
}

void policy_refuse_sender(struct slice mail_from, struct intake_reply *ret_reply) {
    struct slice shown = intake_reply_clip(mail_from, ADDRESS_MAX);
    intake_reply_set(ret_reply, "550 5.7.1 <%.*s>: Sender address rejected: this account may not send",
                     SLICE_FMT(shown));
}

bool policy_check_message(const struct policy_facts *f, struct intake_reply *ret_reply) {
    if (f->over_size) {
        intake_reply_set(ret_reply, "552 Message exceeds maximum size");
        return false;
    }
    if (f->bad_data) {
        intake_reply_set(ret_reply, "500 Invalid DATA");
        return false;
    }
    if (f->header_too_large || f->kind == GATE_MALFORMED) {
        intake_reply_set(ret_reply, "500 Failed to parse message: %s",
                         f->header_too_large ? "header too large" : f->gate_reason);
        return false;
    }
    if (!check_from_header(f, ret_reply))
        return false;
    if (f->sender_blocked) {
        policy_refuse_sender(f->mail_from, ret_reply);
        return false;
    }
    if (f->kind == GATE_ENCRYPTED || f->kind == GATE_SECUREJOIN ||
        (f->kind == GATE_SETUP_MESSAGE && f->to_sender_alone))
        return true;
    intake_reply_set(ret_reply, "523 Encryption Needed: Invalid Unencrypted Mail");
    return false;
}
