// SPDX-License-Identifier: MIT
#include "intake/policy.h"
#include "intake/reply.h"

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

void policy_refuse_sender(struct slice mail_from, struct intake_reply *ret_reply) {
    struct slice shown = intake_reply_clip(mail_from, ADDRESS_MAX);
    intake_reply_set(ret_reply, "550 5.7.1 <%.*s>: Sender address rejected: this account may not send",
                     SLICE_FMT(shown));
}

// The first address of the first From header must be the sender (no second voice in one message).
bool policy_check_submission(const struct policy_submission *f, struct intake_reply *ret_reply) {
    struct address from;
    if (!policy_check_message(&f->message, &from, ret_reply))
        return false;
    if (!slice_eq_ci(from.whole, f->mail_from)) {
        struct slice shown = intake_reply_clip(from.whole, ADDRESS_MAX);
        intake_reply_set(ret_reply, "500 Invalid FROM <%.*s> for <%.*s>", SLICE_FMT(shown), SLICE_FMT(f->mail_from));
        return false;
    }
    if (f->sender_blocked) {
        policy_refuse_sender(f->mail_from, ret_reply);
        return false;
    }
    enum gate_kind kind = f->message.kind;
    if (kind == GATE_ENCRYPTED || kind == GATE_SECUREJOIN || (kind == GATE_SETUP_MESSAGE && f->to_sender_alone))
        return true;
    policy_refuse_clear(SLICE_EMPTY, ret_reply);
    return false;
}
