// SPDX-License-Identifier: MIT
#include "martlet/web/parts.h"

#include "config/config.h"
#include "push/gateway.h"

struct pages_parts parts_of(const struct config *c, const struct announce_place *place) {
    struct announce_iroh iroh;
    announce_iroh(c, place, &iroh);
    const char *why;
    return (struct pages_parts){
        .expiry = true,
        .push = gateway_is_wanted(c, announce_is_in_dns(c, place->is_dev), &why),
        .federation = true,
        .calls = c->turn,
        .iroh = iroh.on_https,
    };
}
