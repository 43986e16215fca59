// SPDX-License-Identifier: MIT
#include "config/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"

static void clear_host_bits(uint8_t *address, size_t len, unsigned prefix) {
    for (size_t i = 0; i < len; i++) {
        unsigned kept = prefix > i * 8 ? prefix - (unsigned)i * 8 : 0;
        if (kept < 8)
            address[i] &= (uint8_t)(0xff00u >> kept);
    }
}

static bool network_parse(struct slice s, struct config_network *ret) {
    struct config_network one = {0};
    struct slice host, prefix;
    char text[INET6_ADDRSTRLEN];
    bool has_prefix = slice_cut(s, '/', &host, &prefix);
    if (host.len >= sizeof(text) || slice_find(host, '\0') < host.len)
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(host));
    one.is_ipv6 = slice_find(host, ':') < host.len;
    if (inet_pton(one.is_ipv6 ? AF_INET6 : AF_INET, text, one.address) != 1)
        return false;
    uint32_t bits = one.is_ipv6 ? 128 : 32, n = bits;
    if (has_prefix && (!slice_to_u32(prefix, &n) || n > bits))
        return false;
    one.prefix = n;
    clear_host_bits(one.address, bits / 8, n);
    *ret = one;
    return true;
}

bool config_network_next(struct slice *rest, struct config_network *ret) {
    struct slice after = *rest;
    if (!network_parse(config_list_next(&after), ret))
        return false;
    *rest = after;
    return true;
}

bool config_ports_parse(struct slice s, uint16_t *ret_first, uint16_t *ret_last) {
    struct slice first, last;
    uint16_t from, to;
    if (!slice_cut(s, '-', &first, &last))
        last = first;
    if (!config_port_parse(slice_trim(first), &from) || !config_port_parse(slice_trim(last), &to) || from > to)
        return false;
    *ret_first = from;
    *ret_last = to;
    return true;
}

bool config_endpoint_parse(struct slice s, uint16_t port, struct config_endpoint *ret) {
    struct slice host = s, rest = SLICE_EMPTY, number;
    struct config_network address;
    size_t colons = 0;
    for (size_t i = 0; i < s.len; i++)
        colons += s.ptr[i] == ':';
    if (slice_starts_with(s, SLICE("["))) {
        // What is left behind the bracket is nothing or ":PORT".
        if (!slice_cut(slice_sub(s, 1, s.len), ']', &host, &rest) || colons < 2 ||
            (rest.len > 0 && (rest.ptr[0] != ':' || !config_port_parse(slice_sub(rest, 1, rest.len), &port))))
            return false;
    } else if (colons == 1) {
        if (!slice_cut(s, ':', &host, &number) || !config_port_parse(number, &port))
            return false;
    }
    if (slice_find(host, '/') < host.len || !network_parse(host, &address))
        return false;
    *ret = (struct config_endpoint){.is_ipv6 = address.is_ipv6, .port = port};
    memcpy(ret->address, address.address, sizeof(ret->address));
    return true;
}

bool config_endpoint_is_private(const struct config_endpoint *e) {
    static const char *const networks[] = {"127.0.0.0/8",    "::1",           "10.0.0.0/8", "172.16.0.0/12",
                                           "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct config_network n;
        if (!network_parse(slice_from_cstr(networks[i]), &n) || n.is_ipv6 != e->is_ipv6)
            continue;
        uint8_t start[sizeof(e->address)];
        memcpy(start, e->address, sizeof(start));
        clear_host_bits(start, e->is_ipv6 ? 16 : 4, n.prefix);
        if (memcmp(start, n.address, e->is_ipv6 ? 16 : 4) == 0)
            return true;
    }
    return false;
}
