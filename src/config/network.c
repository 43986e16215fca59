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
