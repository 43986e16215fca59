// SPDX-License-Identifier: MIT
// RCPT (RFC 5321 4.1.1.3).
#include "intake/intake.h"
#include "smtp/parser.h"
#include "smtp/server/session.h"

// "Too many recipients" is no fault of this one: the peer sends the message to the others and comes back with the rest
// (RFC 5321 4.5.3.1.10), so it does not spoil the transaction as other refusals do.
static bool is_temporary_number(const struct intake_reply *r) {
    return slice_starts_with(slice_from_cstr(r->text), SLICE("452 4.5.3 "));
}

void smtp_cmd_rcpt(struct smtp_session *s, struct slice argument) {
    struct slice to, params, key, value;
    if (!smtp_path_parse(argument, SLICE("TO"), &to, &params)) {
        s->n_refused++;
        smtp_session_refuse(s, "501 5.5.4 Syntax: RCPT TO:<address>");
        return;
    }
    enum smtp_param r;
    while ((r = smtp_param_next(&params, &key, &value)) == SMTP_PARAM_OK)
        ; // unknown ones are tolerated, and we know none
    if (r == SMTP_PARAM_BAD) {
        s->n_refused++;
        smtp_session_refuse(s, "501 5.5.4 Error: malformed parameter");
        return;
    }
    if (s->txn == NULL) { // of a submission by nobody
        s->n_refused++;
        smtp_session_refuse(s, "530 5.7.0 Authentication required");
        return;
    }
    // Here and not at MAIL: clients look for the refusal in the result of each recipient.
    const char *overload = intake_overloaded();
    if (overload != NULL) {
        s->n_refused++;
        smtp_session_reply(s, "%s", overload);
        return;
    }
    struct intake_reply reply;
    bool ok = intake_txn_rcpt(s->txn, to, &reply);
    if (!ok && !is_temporary_number(&reply))
        s->n_refused++;
    if (!ok && reply.text[0] == '5' && smtp_session_is_relay(s))
        smtp_session_refuse(s, reply.text); // who tries many of these looks for an open relay
    else
        smtp_session_reply(s, "%s", reply.text);
}
