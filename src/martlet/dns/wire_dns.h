// SPDX-License-Identifier: MIT
// The resolver as the configuration wants it; its notices go to the log.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "config/value.h"
#include "net/dns.h"

struct config;

// What the configuration decides of a resolver. The settings borrow from `c` and from the struct itself.
struct wire_dns_settings {
    struct dns_settings settings;
    char texts[CONFIG_FORWARDERS_MAX][64]; // dns_forward, "address@port"
    const char *forwarders[CONFIG_FORWARDERS_MAX + 1];
};
// The rest of the settings is the caller's to fill: the loop, and where the root's keys are kept.
void wire_dns_settings(const struct config *c, struct wire_dns_settings *ret);
// `is_passive`: it asks only what somebody wants to know. NULL, with a sentence that is valid until the next call.
MUST_USE struct dns_resolver *wire_dns_new(const struct config *c, struct loop *loop, bool is_passive,
                                           const char **ret_error);
