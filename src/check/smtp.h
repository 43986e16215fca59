// SPDX-License-Identifier: MIT
// As much of a submission client as the self-test needs (RFC 6409, RFC 5321; AUTH PLAIN: RFC 4616).
#pragma once

#include "check/imap.h"
#include "check/link.h"

struct check_smtp {
    struct check_link link;
    unsigned code;   // of the last reply; 0: none came
    char reply[160]; // its last line, without the code
};

void check_smtp_init(struct check_smtp *s, const struct check_limit *limit);
void check_smtp_close(struct check_smtp *s);
// Connects, greets and speaks TLS; ready for AUTH.
MUST_USE bool check_smtp_open(struct check_smtp *s, const struct net_address *to, enum check_security how,
                              const struct check_tls *tls);
MUST_USE bool check_smtp_login(struct check_smtp *s, const char *user, const char *password);
// Hands one message in, which ends with CRLF and needs no dot-stuffing. False when it is not taken: `code` and `reply`
// hold the server's words then, and link.error the same in a few. *ret_dot_us is the time of the final dot.
MUST_USE bool check_smtp_send(struct check_smtp *s, const char *from, const char *to, struct slice message,
                              uint64_t *ret_dot_us);
