// SPDX-License-Identifier: MIT
// What a TXT record says, by the rules of its purpose: DKIM (RFC 6376 3.6.1), SPF (RFC 7208), DMARC (RFC 7489 6.3),
// MTA-STS (RFC 8461 3.1), ADSP (RFC 5617 4.2.1). Pure.
#pragma once

#include <stddef.h>

#include "base/slice.h"
#include "net/address.h"
#include "zone/record.h"

enum meaning {
    MEANING_OTHER, // not for this purpose: other TXT records may stand at the same name
    MEANING_RIGHT,
    MEANING_WRONG,
};

// `text` is the record joined; `host` are the domain's addresses, for SPF. With MEANING_WRONG *ret_reason is a static
// sentence.
enum meaning meaning_of(const struct zone_record *r, struct slice text, const struct net_address *host, size_t n_host,
                        const char **ret_reason);
