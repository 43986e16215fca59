// SPDX-License-Identifier: MIT
// DATA (RFC 5321 4.1.1.4). The end of the connection before the final dot discards everything.
#include "intake/intake.h"
#include "smtp/server/session.h"

static size_t take_message(struct smtp_session *s, struct slice octets) {
    size_t used = 0;
    while (used < octets.len && s->waits == 0) {
        struct slice text;
        size_t n;
        enum dot_result r = dot_decode(&s->dot, slice_sub(octets, used, octets.len), &text, &n);
        used += n;
        smtp_transaction_write(s, text);
        if (r == DOT_END) {
            if (s->dot.bad)
                intake_txn_mark_bad_data(s->txn);
            smtp_transaction_finish(s);
            break;
        }
    }
    return used;
}

void smtp_cmd_data(struct smtp_session *s, struct slice argument) {
    (void)argument;
    const char *refusal = smtp_transaction_refusal(s);
    if (refusal != NULL) {
        smtp_session_refuse(s, refusal);
        return;
    }
    s->dot = (struct dot_decoder){0};
    smtp_transaction_start_message(s);
    smtp_session_reply(s, "354 End data with <CR><LF>.<CR><LF>");
    smtp_session_expect(s, take_message, SMTP_TIMEOUT_MESSAGE_MS);
}
