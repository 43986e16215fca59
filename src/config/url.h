// SPDX-License-Identifier: MIT
// The URLs of the configuration (RFC 3986): scheme, host, port, the rest. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "config/value.h"

struct config_url {
    bool is_https;                 // else http
    bool host_is_ipv4;             // "192.0.2.1"
    char host[CONFIG_DOMAIN_SIZE]; // lower case; an IPv6 address keeps its brackets
    uint16_t port;                 // as written, else 443 or 80
    struct slice rest;             // what follows: empty, or from "/" or "?" on; borrowed
};

enum { CONFIG_URL_MAX = 2048 };
// An absolute URL of http or https, of visible ASCII, with no user name and no fragment, at most CONFIG_URL_MAX octets.
MUST_USE bool config_url_parse(struct slice s, struct config_url *ret);

// The places of appversions_hosts: host names, each with "/path/" behind it if less than all of the host is meant,
// separated by blanks, commas or both: "apps.example.org, github.com/example/". Takes the next one off *rest (`rest` of
// the result is empty, or the path with its slashes); false when there is none, or when *rest begins with something
// else; *rest then stays at its beginning.
enum { CONFIG_PLACES_MAX = 32 };
MUST_USE bool config_place_next(struct slice *rest, struct config_url *ret);
// Whether an https URL leads to this place. No path that a browser would resolve to another one does.
bool config_url_is_at(const struct config_url *url, const struct config_url *place);
