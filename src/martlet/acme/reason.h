// SPDX-License-Identifier: MIT
// Why no certificate was issued: turns what the ACME client printed into a sentence with what to do. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "martlet/acme/status.h"

struct acme_reason {
    char sentence[ACME_OUTCOME_MAX]; // holds no address, not even an own one; fit for the log
    char detail[ACME_DETAIL_MAX];    // the CA's own words, or the client's last line
    bool is_rate_limited;            // urn:ietf:params:acme:error:rateLimited
    int64_t retry_at_s;              // when the CA says that it is ready again; 0: it does not say
    bool has_no_account;             // the CA does not know the account key
};

// `output` is what uacme and its hook wrote; `identifier` what was asked for, `url` the CA's directory, `uses_dns` that
// dns-01 was the challenge.
void acme_reason_find(struct slice output, const char *identifier, const char *url, bool uses_dns,
                      struct acme_reason *ret);
// The URL of our account (RFC 8555 section 7.3), if the client has told it with -v; else *ret stays as it is.
void acme_reason_account(struct slice output, char *ret, size_t size);
