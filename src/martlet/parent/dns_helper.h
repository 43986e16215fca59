// SPDX-License-Identifier: MIT
// The parent's side of the helper that looks at the relay's own DNS (martlet/dns/run.c): about a minute after the
// start, and then once a day; every hour as long as something is wrong or nobody could be asked.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "martlet/parent/helper.h"

struct source;

struct dns_helper {
    struct helper process;
    uint64_t due_ms; // 0: not planned yet
    bool is_asked;   // an operator wants it at once
};

enum { DNS_HELPER_LIFE_MAX_MS = 10 * 60 * 1000 };

// Starts a helper when one is due. A relay without a domain, or for trying things out, has none.
void dns_helper_look(struct dns_helper *h, const struct source *source);
// The next look is at once, if there has been one.
void dns_helper_ask(struct dns_helper *h, const struct source *source);
// As of the ACME helper.
void dns_helper_check(struct dns_helper *h, uint64_t now_ms);
void dns_helper_stop(struct dns_helper *h);
bool dns_helper_ended(struct dns_helper *h, pid_t pid, int status);
