// SPDX-License-Identifier: MIT
#include "intake/domain.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <string.h>

#include "base/panic.h"
#include "net/dns_record.h"

static void write_lower(struct slice s, char ret[DOMAIN_SIZE]) {
    size_t n = s.len < DOMAIN_SIZE ? s.len : DOMAIN_SIZE - 1;
    for (size_t i = 0; i < n; i++)
        ret[i] = ascii_lower(s.ptr[i]);
    ret[n] = '\0';
}

static bool is_ascii(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

// An IPv4 address may come in the clothes of IPv6 (RFC 4291 2.5.5.2); it is the same host.
static bool write_ipv6(const char *text, char ret[DOMAIN_SIZE]) {
    struct in6_addr a;
    char shortest[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET6, text, &a) != 1)
        return false;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&a);
    const char *ok = mapped ? inet_ntop(AF_INET, &a.s6_addr[12], shortest, sizeof(shortest))
                            : inet_ntop(AF_INET6, &a, shortest, sizeof(shortest));
    ASSERT(ok != NULL);
    (void)snprintf(ret, DOMAIN_SIZE, mapped ? "[%s]" : "[ipv6:%s]", shortest);
    return true;
}

// `text` is in lower case.
static enum domain_kind literal_canonical(char text[DOMAIN_SIZE]) {
    static const char tag[] = "[ipv6:";
    struct slice s = slice_from_cstr(text);
    if (!slice_starts_with(s, slice_from_cstr(tag)))
        return DOMAIN_LITERAL;
    char address[DOMAIN_SIZE];
    size_t len = s.len - strlen(tag) - 1; // without the bracket at the end
    memcpy(address, text + strlen(tag), len);
    address[len] = '\0';
    return write_ipv6(address, text) ? DOMAIN_LITERAL : DOMAIN_NOWHERE;
}

static bool write_a_labels(char text[DOMAIN_SIZE]) {
    char *ascii = NULL;
    int result = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    bool ok = result == IDN2_OK && strlen(ascii) < DOMAIN_SIZE;
    if (ok)
        write_lower(slice_from_cstr(ascii), text);
    idn2_free(ascii);
    return ok;
}

enum domain_kind domain_canonical(struct slice domain, char ret[DOMAIN_SIZE]) {
    write_lower(domain, ret);
    if (domain.len >= DOMAIN_SIZE)
        return DOMAIN_NOWHERE;
    if (slice_starts_with(domain, SLICE("[")) && slice_ends_with(domain, SLICE("]")))
        return literal_canonical(ret);
    if (!is_ascii(domain) && !write_a_labels(ret))
        return DOMAIN_NOWHERE;
    return dns_name_is_plain(slice_from_cstr(ret)) ? DOMAIN_NAME : DOMAIN_NOWHERE;
}
