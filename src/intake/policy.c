// SPDX-License-Identifier: MIT
#include "intake/policy.h"

#include "intake/reply.h"
#include "mail/header.h"

enum {
    RAW_FROM_MAX = 200, // of a From header that a reply repeats
};

static bool check_from(struct slice header, struct address *ret_from, struct intake_reply *ret_reply) {
    struct slice value;
    if (!header_find(header, SLICE("From"), &value)) {
        intake_reply_set(ret_reply, "500 Invalid FROM header: (none)");
        return false;
    }
    if (!address_first_of_header(value, ret_from)) {
        struct slice raw = intake_reply_clip(value, RAW_FROM_MAX);
        intake_reply_set(ret_reply, "500 Invalid FROM header: %.*s", SLICE_FMT(raw));
        return false;
    }
    return true;
}

bool policy_check_message(const struct policy_message *m, struct address *ret_from, struct intake_reply *ret_reply) {
    if (m->over_size) {
        intake_reply_set(ret_reply, "552 Message exceeds maximum size");
        return false;
    }
    if (m->bad_data) {
        intake_reply_set(ret_reply, "500 Invalid DATA");
        return false;
    }
    if (m->header_too_large || m->kind == GATE_MALFORMED) {
        intake_reply_set(ret_reply, "500 Failed to parse message: %s",
                         m->header_too_large ? "header too large" : m->gate_reason);
        return false;
    }
    return check_from(m->header, ret_from, ret_reply);
}

void policy_refuse_clear(struct slice contact, struct intake_reply *ret_reply) {
    struct slice shown = intake_reply_clip(contact, ADDRESS_MAX);
    if (shown.len > 0)
        intake_reply_set(ret_reply, "523 Encryption Needed: Invalid Unencrypted Mail (the operator reads mail at %.*s)",
                         SLICE_FMT(shown));
    else
        intake_reply_set(ret_reply, "523 Encryption Needed: Invalid Unencrypted Mail");
}
