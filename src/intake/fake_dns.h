// SPDX-License-Identifier: MIT
// A resolver for tests that knows what it is told: the functions of net/dns.h that ask. Answers by a posted task, or
// when the test lets go of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/dns.h"

enum { FAKE_DNS_RECORDS_MAX = 16 };

struct fake_dns_record {
    const char *name;  // lower case
    const char *texts; // of a TXT record; NULL when status says it all
    enum dns_status status;
};

struct dns_resolver {
    // Several of one name are several records. Unknown names are NXDOMAIN.
    struct fake_dns_record records[FAKE_DNS_RECORDS_MAX];
    size_t n_records;
    enum dns_status trouble; // not DNS_OK: the answer to everything
    bool is_held;            // answers wait for fake_dns_release()
    struct dns_request *held;
    size_t n_asked, n_running, n_running_most;
};

void fake_dns_add(struct dns_resolver *r, const char *name, const char *text);
void fake_dns_release(struct dns_resolver *r);
