// SPDX-License-Identifier: MIT
// What an MTA-STS domain publishes (RFC 8461): the TXT record that says there is a policy (section 3.1), the policy
// itself (section 3.2), and which hosts it allows (section 4.1). Pure functions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "store/sts_ops.h"

enum {
    MTA_STS_POLICY_MAX = 64 * 1024, // octets of a policy (section 3.3)
    MTA_STS_MX_SIZE = STORE_STS_MX_MAX,
};

// Whether the TXT record begins as one of MTA-STS does; records that do not are none of ours.
bool mta_sts_is_record(struct slice txt);
// The policy's id, at most STORE_STS_ID_MAX octets, borrowed. False: the record is malformed.
MUST_USE bool mta_sts_record_parse(struct slice txt, struct slice *ret_id);

struct mta_sts_policy {
    enum store_sts_mode mode;
    uint32_t max_age;         // seconds, at most STORE_STS_MAX_AGE_MAX
    size_t mx_len;            // octets of `mx`
    char mx[MTA_STS_MX_SIZE]; // the patterns in lower case, each followed by "\n"
};
// False: malformed, and *ret is of no use. Of repeated fields but "mx" the first counts.
MUST_USE bool mta_sts_policy_parse(struct slice text, struct mta_sts_policy *ret);

// Whether one of the patterns (as above) allows the host: the name itself, or "*." for exactly one label more.
bool mta_sts_allows(struct slice patterns, struct slice host);
