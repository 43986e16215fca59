// SPDX-License-Identifier: MIT
// What clients are told of the real-time services, and where this program serves them. Pure: from the configuration and
// the place where the relay runs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/url.h"

struct config;

// As far as the configuration does not say it.
struct announce_place {
    bool is_dev;                    // on loopback
    bool has_public_certificate;    // clients can verify it
    uint16_t http_port, https_port; // of these services
};

enum { ANNOUNCE_URL_SIZE = CONFIG_URL_MAX + 1 };

struct announce_iroh {
    char url[ANNOUNCE_URL_SIZE]; // of the relay for clients; "": none is announced
    bool on_https, on_http;      // whether we are that relay: where /relay, /derp and /ping are served
};

// Trials and closed networks have no records in the public DNS, unless the operator names a DNS of theirs: nothing is
// to be looked up there that no user wants to know, and no service of the world told of what happens here.
bool announce_is_in_dns(const struct config *c, bool is_dev);

// Without the key iroh_relay we are the relay: https://DOMAIN, or http:// when clients cannot verify the certificate,
// which they always do here (they have no way to be told of a self-signed one); a CA that is still to issue it counts
// as if it had. A URL of the configuration is announced as it is, and served when its host is ours: https on the
// service "https" alone, http on "http" too.
void announce_iroh(const struct config *c, const struct announce_place *p, struct announce_iroh *ret);
