// SPDX-License-Identifier: MIT
// As much of an IMAP client as the self-test needs (RFC 3501; IDLE: RFC 2177). When a command fails, `link.error` says
// what the server answered.
#pragma once

#include "check/link.h"

struct check_imap {
    struct check_link link;
    unsigned tag;
    struct buf untagged; // what the last command brought, with literals, a line each
};

enum check_security { CHECK_PLAIN_THEN_TLS, CHECK_TLS_AT_ONCE };

void check_imap_init(struct check_imap *i, const struct check_limit *limit);
void check_imap_close(struct check_imap *i);
// Connects, speaks TLS, reads the greeting.
MUST_USE bool check_imap_open(struct check_imap *i, const struct net_address *to, enum check_security how,
                              const struct check_tls *tls);
// Neither may hold a quote or a backslash.
MUST_USE bool check_imap_login(struct check_imap *i, const char *user, const char *password);
// One command and its whole answer; false unless it is OK. *is_refused, when not NULL, tells a NO from trouble.
MUST_USE bool check_imap_command(struct check_imap *i, bool *is_refused, const char *fmt, ...) PRINTF_LIKE(3, 4);
MUST_USE bool check_imap_idle(struct check_imap *i);
// Waits within IDLE until something more is there: "* N EXISTS" with N > `known`.
MUST_USE bool check_imap_wait_exists(struct check_imap *i, uint32_t known, uint32_t *ret_exists);
MUST_USE bool check_imap_end_idle(struct check_imap *i);
// Selects INBOX; how many messages it holds.
MUST_USE bool check_imap_select(struct check_imap *i, uint32_t *ret_exists);
// Marks all messages of the selected mailbox deleted, and expunges them.
MUST_USE bool check_imap_empty(struct check_imap *i);
