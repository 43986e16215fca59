// SPDX-License-Identifier: MIT
// NOOP, RSET, QUIT, VRFY, HELP: commands that change little.
#include "smtp/server/session.h"

void smtp_cmd_noop(struct smtp_session *s, struct slice argument) {
    (void)argument; // RFC 5321 4.1.1.9: ignored
    smtp_session_reply(s, "250 2.0.0 OK");
}

void smtp_cmd_rset(struct smtp_session *s, struct slice argument) {
    (void)argument;
    smtp_transaction_drop(s);
    smtp_session_reply(s, "250 2.0.0 OK");
}

void smtp_cmd_quit(struct smtp_session *s, struct slice argument) {
    (void)argument;
    smtp_session_close(s, "221 2.0.0 Bye");
}

// The same for every argument, existing or not: user names cannot be guessed here (RFC 5321 3.5.3 allows it).
void smtp_cmd_vrfy(struct smtp_session *s, struct slice argument) {
    if (argument.len == 0)
        smtp_session_refuse(s, "501 5.5.4 Error: an address is expected");
    else
        smtp_session_reply(s, "252 2.0.0 %.*s", SLICE_FMT(argument));
}

void smtp_cmd_help(struct smtp_session *s, struct slice argument) {
    (void)argument;
    smtp_session_reply(s, smtp_session_is_relay(s) ? "214 2.0.0 Mail exchange: RFC 5321, 3207, 3030, 6531"
                                                   : "214 2.0.0 Message submission: RFC 6409, 5321, 4954, 3207, 3030");
}
