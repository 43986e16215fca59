// SPDX-License-Identifier: MIT
// Policies of MTA-STS (RFC 8461) that were fetched from other domains. One is kept until its max_age is over, however
// often the domain's servers are out of reach: that is what it is for (RFC 8461 5.1).
#pragma once

#include "store/store.h"

enum {
    STORE_STS_MAX = 10000,            // policies
    STORE_STS_ID_MAX = 32,            // octets (RFC 8461 3.1)
    STORE_STS_MX_MAX = 16 * 1024,     // octets of all patterns of one policy
    STORE_STS_MAX_AGE_MAX = 31557600, // seconds (RFC 8461 3.2)
};

enum store_sts_mode { STORE_STS_NONE, STORE_STS_TESTING, STORE_STS_ENFORCE };
struct store_sts_policy {
    char *domain;
    char *id; // of the TXT record it was fetched for
    enum store_sts_mode mode;
    char *mx;        // patterns, each followed by "\n"
    int64_t max_age; // seconds
    int64_t fetched_at;
};

// The policy of a domain (lower-cased, A-labels). READ. STORE_NOT_FOUND: none is known, or it is older than its max_age
// at `now`.
struct store_sts_find {
    struct store_op op;
    char *domain;
    int64_t now;
    struct store_sts_policy ret_policy;
};
struct store_sts_find *store_sts_find_new(struct slice domain, int64_t now);

// Keeps a policy in place of the one before. WRITE. STORE_INVALID: the domain, the id or the patterns are longer than
// they may be. When there are more than STORE_STS_MAX, that one goes which was
// fetched first. Those past their max_age go by themselves.
struct store_sts_keep {
    struct store_op op;
    struct store_sts_policy policy;
};
struct store_sts_keep *store_sts_keep_new(struct slice domain, struct slice id, enum store_sts_mode mode,
                                          struct slice mx, int64_t max_age, int64_t fetched_at);

// Forgets a policy (the domain has replaced it with mode "none", or it turned out to be wrong). WRITE.
// STORE_NOT_FOUND.
struct store_sts_forget {
    struct store_op op;
    char *domain;
};
struct store_sts_forget *store_sts_forget_new(struct slice domain);
