// SPDX-License-Identifier: MIT
#include "martlet/dns/wire_dns.h"

#include <stdio.h>

#include "base/log.h"
#include "config/config.h"

enum { PATH_SIZE = 4096 };

static void on_notice(void *arg, const char *sentence) {
    log_warning("dns.trouble", "%s", sentence);
}

static void write_forwarders(const struct config *c, struct wire_dns_settings *ret) {
    struct slice rest = slice_from_cstr(c->dns_forward);
    struct config_forwarder one;
    size_t n = 0;
    for (; n < CONFIG_FORWARDERS_MAX && config_forwarder_next(&rest, &one); n++) {
        (void)snprintf(ret->texts[n], sizeof(ret->texts[n]), "%s@%u", one.address, one.port);
        ret->forwarders[n] = ret->texts[n];
    }
    ret->forwarders[n] = NULL;
}

void wire_dns_settings(const struct config *c, struct wire_dns_settings *ret) {
    write_forwarders(c, ret);
    ret->settings = (struct dns_settings){
        .anchor_file = "",
        .trust_anchor_file = c->dns_trust_anchor,
        .root_hints_file = c->dns_root_hints,
        .forwarders = ret->forwarders,
        // disable_ipv6 is about the ports that are served.
        .use_ipv4 = true,
        .use_ipv6 = true,
    };
}

struct dns_resolver *wire_dns_new(const struct config *c, struct loop *loop, bool is_passive, const char **ret_error) {
    char anchor_file[PATH_SIZE];
    struct wire_dns_settings s;
    wire_dns_settings(c, &s);
    (void)snprintf(anchor_file, sizeof(anchor_file), "%s/root.key", c->state_dir);
    s.settings.loop = loop;
    s.settings.anchor_file = anchor_file;
    s.settings.is_passive = is_passive;
    s.settings.on_notice = on_notice;
    return dns_resolver_new(&s.settings, ret_error);
}
