// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; // RFC 4291 section 2.5.5.2

struct net_address net_address_from_sockaddr(const struct sockaddr *sa) {
    struct net_address a = {0};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(a.ip, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
        memcpy(a.ip + sizeof(MAPPED_PREFIX), &in.sin_addr, sizeof(in.sin_addr));
        a.port = ntohs(in.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(a.ip, &in6.sin6_addr, sizeof(a.ip));
        a.port = ntohs(in6.sin6_port);
    }
    return a;
}

socklen_t net_address_to_sockaddr(const struct net_address *a, struct sockaddr_storage *ret) {
    *ret = (struct sockaddr_storage){0};
    if (net_address_is_ipv4(a)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->ip + sizeof(MAPPED_PREFIX), sizeof(in.sin_addr));
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    memcpy(&in6.sin6_addr, a->ip, sizeof(a->ip));
    memcpy(ret, &in6, sizeof(in6));
    return sizeof(in6);
}

void net_address_write(const struct net_address *a, char ret[NET_ADDRESS_TEXT_MAX]) {
    bool ipv4 = net_address_is_ipv4(a);
    const void *from = ipv4 ? a->ip + sizeof(MAPPED_PREFIX) : a->ip;
    ASSERT(inet_ntop(ipv4 ? AF_INET : AF_INET6, from, ret, NET_ADDRESS_TEXT_MAX) != NULL);
}

bool net_address_parse(struct slice text, struct net_address *ret) {
    char copy[NET_ADDRESS_TEXT_MAX] = {0};
    if (text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    uint8_t ip[16];
    if (inet_pton(AF_INET6, copy, ip) != 1) {
        memcpy(ip, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
        if (inet_pton(AF_INET, copy, ip + sizeof(MAPPED_PREFIX)) != 1)
            return false;
    }
    memcpy(ret->ip, ip, sizeof(ip));
    return true;
}

bool net_address_is_ipv4(const struct net_address *a) {
    return memcmp(a->ip, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
}

bool net_address_is_none(const struct net_address *a) {
    static const uint8_t NONE[16];
    return memcmp(a->ip, NONE, sizeof(NONE)) == 0;
}

bool net_address_is_loopback(const struct net_address *a) {
    static const uint8_t ONE[16] = {[15] = 1};
    return net_address_is_ipv4(a) ? a->ip[12] == 127 : memcmp(a->ip, ONE, sizeof(ONE)) == 0;
}

struct hash128 net_address_limit_key(const struct net_address *a) {
    enum { IPV6_NETWORK_LEN = 8 }; // a /64 is the least that one customer gets
    return hash_keyed(a->ip, net_address_is_ipv4(a) ? sizeof(a->ip) : IPV6_NETWORK_LEN);
}
