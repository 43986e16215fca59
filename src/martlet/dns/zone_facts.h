// SPDX-License-Identifier: MIT
// What the zone of a relay is made of, read from its configuration and its state directory; no relay needs to run, and
// nothing is made or changed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/acme/status.h"
#include "martlet/host/files.h"
#include "zone/record.h"

struct config;

struct zone_reading {
    struct zone zone;
    const char *tlsa_note; // why there is no TLSA record; "" when there is one; static
};

// What may be root's alone to read.
struct zone_certificate {
    struct certificate_report report;
    bool is_kept_away; // it may not be read by us
    char account[ACME_URL_MAX];
};

void zone_certificate_read(const struct config *c, struct zone_certificate *ret);
// The rest, which is the relay's user's. The domain must be a name. `addresses` as in struct zone_facts. False with a
// sentence, e.g. when there are no keys yet or they may not be read; otherwise zone_done(&ret->zone) frees it.
MUST_USE bool zone_facts_read(const struct config *c, const struct zone_certificate *certificate,
                              const struct net_address *addresses, size_t n_addresses, struct zone_reading *ret,
                              char ret_error[FILES_ERROR_MAX]);
// The addresses of this machine's interfaces that the public Internet could reach, and that last, at most `max`; how
// many.
size_t zone_facts_interfaces(struct net_address *ret, size_t max);
