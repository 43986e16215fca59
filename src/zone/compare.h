// SPDX-License-Identifier: MIT
// Whether the DNS has what a relay wants, compared by meaning: the order of records and tags, the case of names and
// keywords, the splitting and quoting of TXT records, and whatever else an operator may choose, make no difference.
// Pure: answers in, a finding out.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/dns.h"
#include "zone/record.h"

enum zone_verdict {
    ZONE_RIGHT,
    ZONE_MISSING,
    ZONE_WRONG,
    ZONE_UNKNOWN, // nothing usable was answered
};
enum { ZONE_N_VERDICTS = ZONE_UNKNOWN + 1 };

// "right", "missing", "wrong", "unknown".
extern const char *const zone_verdict_names[ZONE_N_VERDICTS];
// Whether that keeps mail, clients or certificates away.
bool zone_is_trouble(const struct zone_record *r, enum zone_verdict v);

enum { ZONE_FOUND_SIZE = 1200 };

struct zone_finding {
    enum zone_verdict verdict;
    char found[ZONE_FOUND_SIZE]; // ZONE_WRONG: what is there, perhaps shortened
    const char *reason;          // ZONE_WRONG: a sentence when found and expected do not say it; "" otherwise; static
};

// What is known about a record's name. Answers that were not asked for are NULL.
struct zone_seen {
    const struct dns_answer *answer;   // of the record's type; ZONE_ALIAS: of A
    const struct dns_answer *answer_6; // ZONE_ADDRESS of a placeholder for IPv4, ZONE_ALIAS: of AAAA
    const struct net_address *host;    // the domain's addresses in the DNS
    size_t n_host;
    bool is_above; // ZONE_CAA: the answer is that of a domain above, which has the record that this one has not
};

// The type that `answer` must be of.
uint16_t zone_compare_type(const struct zone_record *r);
// Whether answer_6 is needed.
bool zone_compare_needs_both(const struct zone_record *r);
void zone_compare(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen,
                  struct zone_finding *ret);
