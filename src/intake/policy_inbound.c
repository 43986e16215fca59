// SPDX-License-Identifier: MIT
// Mail from other servers. Clear text is told before any signature is looked at, so that spam costs no look-up. There
// is no SPF, DMARC, reverse DNS, reputation or greylisting: the signature of the From domain itself says who speaks.
#include "intake/domain.h"
#include "intake/policy.h"
#include "intake/reply.h"

static bool is_allowed_kind(enum gate_kind kind) {
    return kind == GATE_ENCRYPTED || kind == GATE_SECUREJOIN || kind == GATE_MAILER_DAEMON;
}

enum policy_origin policy_check_inbound(const struct policy_inbound *f, struct address *ret_from,
                                        struct intake_reply *ret_reply) {
    if (!policy_check_message(&f->message, ret_from, ret_reply))
        return POLICY_REFUSED;
    if (!is_allowed_kind(f->message.kind)) {
        policy_refuse_clear(f->contact, ret_reply);
        return POLICY_REFUSED;
    }
    char domain[DOMAIN_SIZE];
    if (domain_canonical(ret_from->domain, domain) == DOMAIN_LITERAL) {
        if (!slice_eq_ci(slice_from_cstr(domain), f->domain))
            return POLICY_UNSIGNED;
        intake_reply_set(ret_reply, "554 5.7.1 Nobody outside speaks for %.*s", SLICE_FMT(f->domain));
        return POLICY_REFUSED;
    }
    if (f->has_body)
        return POLICY_SIGNED;
    intake_reply_set(ret_reply, "554 Malformed data");
    return POLICY_REFUSED;
}

void policy_defer_dkim(struct intake_reply *ret_reply) {
    intake_reply_set(ret_reply, "451 4.7.5 DKIM key could not be looked up, try again later");
}

bool policy_check_dkim(enum dkim_verdict verdict, bool is_partial, struct intake_reply *ret_reply) {
    ASSERT(verdict != DKIM_OPEN);
    if (verdict == DKIM_PASS && !is_partial)
        return true;
    if (verdict == DKIM_TEMPERROR)
        policy_defer_dkim(ret_reply);
    else
        intake_reply_set(ret_reply, verdict == DKIM_NONE ? "554 5.7.1 No DKIM signature found"
                                                         : "554 5.7.1 No valid DKIM signature found");
    return false;
}
