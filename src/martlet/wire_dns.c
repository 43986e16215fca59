// SPDX-License-Identifier: MIT
#include "martlet/wire_dns.h"

#include <stdio.h>

#include "base/log.h"
#include "config/config.h"
#include "config/value.h"
#include "net/dns.h"

enum { PATH_SIZE = 4096, FORWARDER_SIZE = 64 };

static void on_notice(void *arg, const char *sentence) {
    log_warning("dns.trouble", "%s", sentence);
}

struct dns_resolver *wire_dns_new(const struct config *c, struct loop *loop, bool is_passive, const char **ret_error) {
    char anchor_file[PATH_SIZE], texts[CONFIG_FORWARDERS_MAX][FORWARDER_SIZE];
    const char *forwarders[CONFIG_FORWARDERS_MAX + 1] = {NULL};
    struct slice rest = slice_from_cstr(c->dns_forward);
    struct config_forwarder forwarder;
    for (size_t i = 0; i < CONFIG_FORWARDERS_MAX && config_forwarder_next(&rest, &forwarder); i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%s@%u", forwarder.address, forwarder.port);
        forwarders[i] = texts[i];
    }
    (void)snprintf(anchor_file, sizeof(anchor_file), "%s/root.key", c->state_dir);
    struct dns_settings s = {
        .loop = loop,
        .anchor_file = anchor_file,
        .trust_anchor_file = c->dns_trust_anchor,
        .root_hints_file = c->dns_root_hints,
        .forwarders = forwarders,
        // disable_ipv6 is about the ports that are served.
        .use_ipv4 = true,
        .use_ipv6 = true,
        .is_passive = is_passive,
        .on_notice = on_notice,
    };
    return dns_resolver_new(&s, ret_error);
}
