// SPDX-License-Identifier: MIT
// MAIL (RFC 5321 4.1.1.2, RFC 1870). The sender itself is judged at RCPT, where clients look for the refusal.
#include "config/config.h"
#include "smtp/parser.h"
#include "smtp/server/session.h"

static bool exceeds_limit(const struct smtp_session *s, uint64_t size) {
    const struct config *config = config_acquire(s->server->config);
    bool exceeds = size > config->max_message_size;
    config_release(s->server->config, config);
    return exceeds;
}

// The refusal that the parameters earn, or NULL. Unknown ones are tolerated; BODY and SMTPUTF8 change nothing here.
static const char *check_params(const struct smtp_session *s, struct slice params) {
    struct slice key, value;
    enum smtp_param r;
    while ((r = smtp_param_next(&params, &key, &value)) == SMTP_PARAM_OK) {
        uint64_t size;
        if (!slice_eq_ci(key, SLICE("SIZE")))
            continue;
        if (!slice_to_u64(value, &size))
            return "501 5.5.4 Error: bad message size";
        if (exceeds_limit(s, size))
            return "552 5.3.4 Message exceeds maximum size";
    }
    return r == SMTP_PARAM_BAD ? "501 5.5.4 Error: malformed parameter" : NULL;
}

void smtp_cmd_mail(struct smtp_session *s, struct slice argument) {
    struct slice from, params;
    if (!smtp_path_parse(argument, SLICE("FROM"), &from, &params)) {
        smtp_session_refuse(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
        return;
    }
    const char *refusal = check_params(s, params);
    if (refusal != NULL) {
        smtp_session_refuse(s, refusal);
        return;
    }
    smtp_transaction_begin(s, from);
    smtp_session_reply(s, "250 2.1.0 OK");
}
