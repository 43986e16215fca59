// SPDX-License-Identifier: MIT
// One HTTP/1.1 request of the self-test and its answer (RFC 9112), with "Connection: close".
#pragma once

#include "check/link.h"

struct check_answer {
    unsigned status;
    struct slice head; // the header fields
    struct slice body; // as sent: perhaps in chunks
};

// Over a link that is connected, and secured where that is wanted. The answer is valid until the link is read again or
// closed.
MUST_USE bool check_http_ask(struct check_link *l, const char *method, const char *host, const char *target,
                             struct check_answer *ret);
// The value of a header field; false when there is none.
MUST_USE bool check_http_field(const struct check_answer *a, struct slice name, struct slice *ret);
