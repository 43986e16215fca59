// SPDX-License-Identifier: MIT
// The resolver as the configuration wants it; its notices go to the log.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "config/value.h"

struct config;
struct dns_resolver;
struct loop;

// dns_forward as struct dns_settings wants it; the list points into the texts.
struct wire_dns_forwarders {
    char texts[CONFIG_FORWARDERS_MAX][64]; // "address@port"
    const char *list[CONFIG_FORWARDERS_MAX + 1];
};
void wire_dns_forwarders(const struct config *c, struct wire_dns_forwarders *ret);
// `is_passive`: it asks only what somebody wants to know. NULL, with a sentence that is valid until the next call.
MUST_USE struct dns_resolver *wire_dns_new(const struct config *c, struct loop *loop, bool is_passive,
                                           const char **ret_error);
